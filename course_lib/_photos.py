"""The embedded photographs and paintings, and patches of the photographs, split by photograph."""

import json
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image

from course_lib import _assets
from course_lib._validate import choice, integer, refuse

# Of six authors and both sources, with landscape, animal, objects, building and plants; never trained on.
HELD_OUT_PHOTOS = ("Aitzgorri", "Seeding", "Chelsea the cat", "Coffee cup", "China", "Flower")
SPLITS = {"all": (True, False), "train": (False,), "test": (True,)}  # which answers to "is it held out?" belong
TEXTURED = 12.0  # least standard deviation of a patch in grey levels, averaged over the channels
MOST = 1_000_000_000  # bytes of patches, before flat ones are left out: all at stride 48 are 32 MB


class Work(NamedTuple):
    """One photograph or painting: image uint8 (H, W, 3) with its title, author and licence."""

    image: np.ndarray
    title: str
    author: str
    licence: str


class Patches(NamedTuple):
    """Patches: images uint8 (N, size, size, 3); photo (N,), which of ``titles`` each was cut from."""

    images: np.ndarray
    photo: np.ndarray
    titles: list


def load_photos(split="all"):
    """Return the embedded photographs, a list of ``Work``: "all", "train", or "test", those in ``HELD_OUT_PHOTOS``."""
    wanted = {"all": (True, False), "train": (False,), "test": (True,)}[
        choice("split", split, ("all", "train", "test"))
    ]
    return [work for work in _works("photos") if (work.title in HELD_OUT_PHOTOS) in wanted]


def load_paintings():
    """Return the embedded paintings, a list of ``Work``."""
    return _works("paintings")


def photo_patches(split, size=64, stride=48):
    """Return the textured square patches of the "train", "test" or "all" photographs, as ``Patches``.

    Split by photograph: neighbouring patches of one picture share light, camera and grain, and overlap when ``stride``
    is less than ``size``, so a split by patch would test on what was trained on. A patch is textured if the standard
    deviation of its grey levels, averaged over the channels, exceeds ``TEXTURED``: every method restores a flat sky.
    Raises ``ValueError`` for a patch larger than the smallest photograph, and for more than ``MOST`` bytes of patches.
    """
    works = load_photos(split)
    size, stride = integer("size", size, 1), integer("stride", stride, 1)
    least = min(min(work.image.shape[:2]) for work in works)
    if size > least:
        refuse("size", f"at most {least}, the shortest side of these photographs", size)
    bytes_ = sum(3 * size**2 * np.prod([(side - size) // stride + 1 for side in w.image.shape[:2]]) for w in works)
    if bytes_ > MOST:
        refuse("stride", f"one that gives at most {MOST / 1e9:g} GB of patches", f"{stride}: {bytes_ / 1e9:.1f} GB")
    cut = [_textured(work.image, size, stride) for work in works]
    photo = np.repeat(np.arange(len(works)), [len(patches) for patches in cut])
    return Patches(np.concatenate(cut), photo, [work.title for work in works])


def _textured(image, size, stride):
    windows = np.moveaxis(sliding_window_view(image, (size, size), axis=(0, 1))[::stride, ::stride], 2, -1)
    # A row at a time: the deviations take eight times the memory of the patches.
    return np.concatenate([row[row.std(axis=(1, 2)).mean(axis=1) > TEXTURED] for row in windows])


def _works(folder):
    facts = json.loads(_assets.verified(f"{folder}/{folder}.json").read_text(encoding="utf-8"))
    works = []
    for fact in facts:
        with Image.open(_assets.verified(f"{folder}/{fact['file']}")) as image:
            pixels = np.asarray(image.convert("RGB"))
        works.append(Work(pixels, fact["title"], fact["author"], fact["licence"]))
    return works
