"""Draw the README's pictures from the shipped models: ``python tools/readme_pictures.py``."""

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from course_lib import data, images, latent, zoo
from course_lib.explore import GanLab, LatentExplorer

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "images"
SEED = 7


def draw(generator, codes):
    """Return the generator's pictures of ``codes`` as uint8."""
    return images.to_uint8(np.asarray(generator(codes.astype(np.float32), training=False)))


def attribute_directions(generator, wanted, n=1500):
    """Return a direction for each (attribute, values) in ``wanted``, as the faces classifier sees ``n`` drawings."""
    codes = np.random.default_rng(3).standard_normal((n, generator.input_shape[-1]))
    drawn = np.concatenate([draw(generator, part) for part in np.array_split(codes, 15)])
    seen = zoo.load("faces-classifier").predict(images.to_float(drawn), batch_size=250, verbose=0)
    names = data.face_names()
    shown = [np.isin(seen[a].argmax(axis=1), [names[a].index(v) for v in values]) for a, values in wanted.values()]
    return np.stack([latent.attribute_direction(codes, labels) for labels in shown])


def main():
    """Write every picture."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    generator = zoo.load("faces-gan")
    codes = np.random.default_rng(SEED).standard_normal((20, generator.input_shape[-1]))
    sheet = images.tile(draw(generator, codes), columns=10)
    (FOLDER / "faces.png").write_bytes(images.png_bytes(sheet, scale=1))
    wanted = {
        "glasses": ("glasses", ["round", "square"]),
        "beard": ("facial_hair", ["beard"]),
        "dark skin": ("skin", ["dark"]),
    }
    explorer = LatentExplorer(
        generator, directions=attribute_directions(generator, wanted), names=list(wanted), coordinates=0, seed=SEED
    )
    (FOLDER / "explorer.png").write_bytes(explorer.static().png(dpi=90))
    (FOLDER / "gan_lab.png").write_bytes(GanLab().png(frame=45))


if __name__ == "__main__":
    main()
