"""The atlas of face parts, drawn once from the npm package ``@dicebear/micah`` and stored at two sizes."""

import json
from pathlib import Path

import numpy as np

from course_lib import _faces
from data_build.files import write_npz
from data_build.sources import npm, run_node

# Drawn large and averaged down: both sizes then show the same shapes to the last pixel.
DRAWN = 512
SLOTS = {"facial_hair": "facialHair"}
SINGLE = {"base": "standard", "ears": "attached"}


def build(assets, cache):
    parts = _faces.parts()
    large = separate_ink(draw(parts, npm(cache), cache))
    names = np.array([f"{slot}/{value}" for slot, value in parts])
    for size in _faces.SIZES:
        write_npz(assets / f"faces_atlas_{size}.npz", {"parts": average_down(large, size), "names": names})


def draw(parts, packages, cache):
    """Return the premultiplied layers ``(P, 2, DRAWN, DRAWN, 4)`` in [0, 255], inked in red and in blue."""
    wanted = [
        {"slot": SLOTS.get(slot, slot), "name": _faces.DRAWINGS[slot][value] if value else SINGLE[slot]}
        for slot, value in parts
    ]
    listing, output = (cache / "face_parts.json").resolve(), (cache / "face_layers.rgba").resolve()
    listing.write_text(json.dumps(wanted), encoding="utf-8")
    script = Path(__file__).parents[1] / "face_layers.mjs"
    run_node(script, [str(DRAWN), str(listing), str(output)], packages)
    return np.fromfile(output, np.uint8).reshape(len(parts), 2, DRAWN, DRAWN, 4).astype(np.float32)


def separate_ink(layers):
    """Return layers ``(P, S, S, 5)``: the colour that stays (3), the share of ink, the opacity; premultiplied."""
    red, blue = layers[:, 0], layers[:, 1]
    ink = np.clip(red[..., :1] - blue[..., :1], 0, 255)
    stays = np.stack([blue[..., 0], red[..., 1], red[..., 2]], axis=-1)
    return np.concatenate([stays, ink, red[..., 3:]], axis=-1)


def average_down(layers, size):
    parts, large, _, channels = layers.shape
    block = large // size
    means = layers.reshape(parts, size, block, size, block, channels).mean(axis=(2, 4))
    return np.rint(means).astype(np.uint8)
