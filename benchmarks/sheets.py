"""Draw what the recipes of ``time_to_quality`` make at their last mark, for the page of results.

    python benchmarks/sheets.py [--seed 1]

Its runs leave a sheet of 32 samples at each mark in runs/time_to_quality. The first eight of each recipe, of one seed
and not picked, become a row of docs/images/quality_DATASET.webp.
"""

import argparse

import _common
import numpy as np
import time_to_quality as quality
from PIL import Image

from course_lib import plots

PICTURES = _common.ROOT / "docs" / "images"
MINUTES = 10


def picture(dataset):
    """Return where the picture of a data set is."""
    return PICTURES / f"quality_{dataset}.webp"


def first_row(path, shape):
    """Return the first row of a sheet, uint8 (8, H, W, C)."""
    height, width, channels = shape
    with Image.open(path) as sheet:
        pixels = np.asarray(sheet.convert("L" if channels == 1 else "RGB")).reshape(sheet.height, sheet.width, channels)
    return np.stack([pixels[:height, i * (width + quality.GAP) :][:, :width] for i in range(quality.COLUMNS)])


def rows(dataset, seed, folder=quality.RUNS):
    """Return the samples of each recipe that has a sheet: its name -> images."""
    shape, found = quality.SHAPES[dataset], {}
    for recipe, name in quality.NAMES.items():
        path = quality.sheet_path(folder, dataset, recipe, seed, MINUTES)
        if path.exists():
            found[name] = first_row(path, shape)
    return found


def main():
    """Read the command line and write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    seed = parser.parse_args().seed
    for dataset in quality.SHAPES:
        found = rows(dataset, seed)
        if not found:
            parser.error(f"no samples of {dataset} with seed {seed}: run benchmarks/time_to_quality.py first")
        plots.side_by_side(found, size=0.7).savefig(picture(dataset), dpi=110, pil_kwargs={"quality": 90})
        print(f"wrote {picture(dataset).relative_to(_common.ROOT)}: {', '.join(found)}")


if __name__ == "__main__":
    main()
