"""The training picture most like a generated one: a look at whether a model invents or remembers."""

import numpy as np

from course_lib import images as _images
from course_lib._validate import array, images_uint8, refuse

SHRUNK = 16  # pixels of the side at which pictures are compared


class Nearest:
    """Find the nearest of some pictures, uint8 (N, H, W, C), by squared difference of pixels shrunk to 16 × 16.

    Shrinking forgives a shift by a pixel, and makes one search one product of a matrix and a vector. ``typical`` is the
    median distance of up to 200 of the pictures to the nearest of the others: what a new picture of the same kind has.
    Raises ``ValueError`` for fewer than two pictures, or sides that are not a multiple of 16.
    """

    def __init__(self, pictures):
        self.pictures = images_uint8("training", pictures)
        if len(self.pictures) < 2:
            refuse("training", "at least two pictures", self.pictures)
        if any(side % SHRUNK for side in self.pictures.shape[1:3]):
            refuse("training", f"pictures whose sides are multiples of {SHRUNK}", self.pictures)
        parts = np.array_split(self.pictures, -(-len(self.pictures) // 500))  # all at once would fill the memory
        self._codes = np.concatenate([_shrunk(part) for part in parts])
        self._squares = np.sum(self._codes**2, axis=1)
        chosen = np.arange(0, len(pictures), max(1, len(pictures) // 200))[:200]
        self.typical = float(np.median([self._search(self._codes[k], but=k)[1] for k in chosen]))

    def find(self, picture):
        """Return the index of the nearest picture and the root-mean-square difference, pixels being in [-1, 1]."""
        picture = array("picture", picture, self.pictures.shape[1:])
        return self._search(_shrunk(picture[None].astype(np.uint8))[0])

    def _search(self, code, but=None):
        # einsum stays in one thread: for so small a product, waking the others costs more than they help.
        squares = self._squares - 2 * np.einsum("ij,j->i", self._codes, code) + code @ code
        if but is not None:
            squares[but] = np.inf
        best = int(squares.argmin())
        difference = self._codes[best] - code  # exact, where the expanded square above leaves round-off
        return best, float(np.sqrt(np.mean(difference**2)))


def _shrunk(pictures):
    """Return the means of equal blocks, flat and in [-1, 1]: (N, 16 * 16 * C)."""
    n, height, width, channels = pictures.shape
    blocks = _images.to_float(pictures).reshape(n, SHRUNK, height // SHRUNK, SHRUNK, width // SHRUNK, channels)
    return blocks.mean(axis=(2, 4)).reshape(n, -1)
