"""Colour from lightness: Lab as network input and target, bins of colour, hints, and damage to undo.

Lightness (N, H, W, 1) is L/50 − 1 and colour (N, H, W, 2) is (a, b)/110, so both lie in [-1, 1]. NumPy only; the loss
over the bins is ``translation.BinCrossEntropy``.
"""

from dataclasses import dataclass
from functools import cache
from operator import index

import numpy as np

from course_lib import images as _images
from course_lib._fading import fade as fade
from course_lib._fading import random_fade as random_fade
from course_lib._validate import array, check_shape, images_uint8, integer, number, refuse

AB = 110.0  # units of a and b that count as 1: sRGB's gamut reaches from −107.9 to 98.3
_ROWS = 256  # images converted at a time: the float64 of the conversion would take 8 times the memory of the result


# --- Lab as input and target -----------------------------------------------------------------


def split_lab(images):
    """Return images uint8 (N, H, W, 3) as lightness (N, H, W, 1) and colour (N, H, W, 2), float32 in [-1, 1]."""
    images = images_uint8("images", images)
    check_shape("images", images, ("N", "H", "W", 3))
    lab = np.empty(images.shape, np.float32)
    for start in range(0, len(images), _ROWS):
        part = slice(start, start + _ROWS)
        lab[part] = _images.rgb_to_lab(images[part])
    return lab[..., :1] / 50 - 1, lab[..., 1:] / np.float32(AB)


def join_lab(lightness, colour):
    """Return images uint8 (N, H, W, 3) of lightness (N, H, W, 1) and colour (N, h, w, 2), H/h times enlarged.

    Colours outside sRGB are clipped. Colour at a lower resolution is interpolated bilinearly: the eye, and JPEG, are
    content with it. Raises ``ValueError`` for shapes that do not fit.
    """
    lightness = array("lightness", lightness, ("N", "H", "W", 1), largest=1e6)
    colour = array("colour", colour, ("N", "h", "w", 2), largest=1e6)
    n, height, width, _ = lightness.shape
    factor = height // max(1, colour.shape[1])
    if len(colour) != n or (factor * colour.shape[1], factor * colour.shape[2]) != (height, width):
        refuse("colour", f"the shape of lightness, {lightness.shape[:3]}, or a whole fraction of its sides", colour)
    lab = np.concatenate([50 * (lightness + 1), AB * _bilinear(colour, factor)], axis=-1)
    return np.rint(255 * _images.lab_to_rgb(lab)).astype(np.uint8)


def posterise(lightness, levels):
    """Return lightness in [-1, 1] cut into ``levels`` equal steps, each replaced by its middle.

    What a scan of few grey levels keeps. Colours of one step look the same to a network, exactly, so that what is best
    for it to answer can be computed.
    """
    levels = integer("levels", levels, 1)
    step = np.floor((array("lightness", lightness, dtype=None) + 1) / 2 * levels).clip(0, levels - 1)
    return ((2 * step + 1) / levels - 1).astype(np.float32)


def shared_lightness(palette, levels):
    """Return the groups of a palette, name -> (r, g, b) uint8, that fall on one of ``levels`` steps of lightness.

    A list of lists of names, darkest first. Names in one group cannot be told apart from lightness alone: where each
    is as frequent as the others, no method reads more than len(groups)/len(palette) of them.
    """
    if not isinstance(palette, dict) or not palette:
        refuse("palette", "a dictionary name -> (r, g, b)", palette)
    names, colours = list(palette), array("palette", list(palette.values()), ("N", 3), np.int64)
    if colours.min() < 0 or colours.max() > 255:
        refuse("palette", "colours from 0 to 255", colours)
    colours = colours.astype(np.uint8)
    steps = posterise(_images.rgb_to_lab(colours)[:, 0] / 50 - 1, levels)
    return [[n for n, s in zip(names, steps, strict=True) if s == step] for step in np.unique(steps)]


def mean_chroma(colour):
    """Return the mean over each image of √(a² + b²), (N, h, w, 2) scaled -> (N,) in Lab units: 0 is grey."""
    colour = array("colour", colour, ("N", "h", "w", 2))
    if 0 in colour.shape[1:3]:
        refuse("colour", "at least one pixel", colour)
    return AB * np.linalg.norm(colour, axis=-1).mean(axis=(1, 2))


# --- Bins of colour --------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Bins:
    """Bins of the ab plane: ``centres`` (Q, 2), scaled as colour is, on a grid of ``spacing`` Lab units.

    Zhang, Isola & Efros 2016, https://arxiv.org/abs/1603.08511, section 2.1-2.3.
    """

    centres: np.ndarray
    spacing: float

    def __post_init__(self):
        number("spacing", self.spacing, 0, open_minimum=True)
        if not len(array("centres", self.centres, ("Q", 2))):
            refuse("centres", "at least one bin", self.centres)

    @property
    def sigma(self):
        """The width of the soft encoding, half the spacing, as the paper's 5 for a spacing of 10, scaled."""
        return self.spacing / 2 / AB

    def nearest(self, colour):
        """Return the number of the bin nearest to each colour, (..., 2) -> (...)."""
        colour = self._colours(colour)
        return self._squared_distances(colour).argmin(axis=-1)

    def encode(self, colour, neighbours=5):
        """Return the soft encoding (..., Q) of colours (..., 2): Gaussian weights on the nearest bins, summing to 1."""
        squared = self._squared_distances(self._colours(colour))
        place = min(integer("neighbours", neighbours, 1), len(self.centres)) - 1
        limit = np.partition(squared, place, axis=-1)[..., place, None]
        weights = np.where(squared <= limit, np.exp((squared.min(axis=-1, keepdims=True) - squared) / self._twice), 0.0)
        return weights / weights.sum(axis=-1, keepdims=True)

    def decode(self, logits, temperature=0.38):
        """Return the annealed mean (..., 2) of distributions given by logits (..., Q) (the paper's eq. 5).

        Temperature 1 is the mean, which is what L2 learns; towards 0 it becomes the mode.
        """
        temperature = number("temperature", temperature, 0, open_minimum=True)
        logits = array("logits", logits, dtype=np.float32)
        if logits.ndim == 0 or logits.shape[-1] != len(self.centres):
            refuse("logits", f"logits of shape (..., {len(self.centres)})", logits)
        sharp = np.exp((logits - logits.max(axis=-1, keepdims=True)) / np.float32(temperature))
        return sharp @ self.centres / sharp.sum(axis=-1, keepdims=True)

    def frequencies(self, colour):
        """Return the share of each bin (Q,) among colours (..., 2), in batches."""
        flat = self._colours(colour).reshape(-1, 2)
        if not len(flat):
            refuse("colour", "at least one colour", flat)
        nearest = [self.nearest(flat[i : i + 4096]) for i in range(0, len(flat), 4096)]
        return np.bincount(np.concatenate(nearest), minlength=len(self.centres)) / len(flat)

    def class_weights(self, frequencies, uniform=0.5):
        """Return the weights (Q,) that make rare colours count more (the paper's eq. 4).

        Proportional to 1 / ((1 − λ) p + λ/Q) with λ = ``uniform`` and p the ``frequencies`` (Q,), smoothed over
        neighbouring bins, and 1 on average over the data. λ = 1 leaves all alike.
        """
        p = array("frequencies", frequencies, (len(self.centres),))
        if p.min() < 0 or not np.isclose(p.sum(), 1):
            refuse("frequencies", "shares that sum to 1", p)
        near = np.exp(-self._squared_distances(self.centres) / self._twice)
        smooth = near @ p
        smooth = smooth / smooth.sum()
        uniform = number("uniform", uniform, 0, 1, open_minimum=True)
        weights = 1 / ((1 - uniform) * smooth + uniform / len(p))
        return weights / (p @ weights)

    @property
    def _twice(self):
        return 2 * self.sigma**2

    def _colours(self, colour):
        x = array("colour", colour, dtype=np.float32, largest=1e6)
        if x.ndim == 0 or x.shape[-1] != 2:
            refuse("colour", "scaled colours of shape (..., 2)", x)
        return x

    def _squared_distances(self, colour):
        return ((colour[..., None, :] - self.centres) ** 2).sum(axis=-1)


def gamut_bins(spacing=10):
    """Return the ``Bins`` whose cell some sRGB colour falls into, on a grid of ``spacing`` ≥ 1 Lab units."""
    return _gamut_bins(number("spacing", spacing, 1))


@cache
def _gamut_bins(spacing):
    line = np.linspace(0, 1, 65)
    corners = np.stack(np.meshgrid(line, line, line, indexing="ij"), axis=-1).reshape(-1, 3)
    cells = np.unique(np.rint(_images.rgb_to_lab(corners)[:, 1:] / spacing), axis=0)
    return Bins((cells * (spacing / AB)).astype(np.float32), spacing)


# --- Hints -----------------------------------------------------------------------------------


def hint_planes(height, width, hints, size=3):
    """Return the planes (height, width, 3) that tell a network of hints: colour (2) and a mask, 0 where there is none.

    ``hints``: a list of ((row, column), colour (2,)); each fills a square of ``size`` pixels around its place, a later
    one over an earlier one (Zhang et al. 2017, https://arxiv.org/abs/1705.02999, section 3.1). Raises ``ValueError``
    for a place outside the picture.
    """
    planes = np.zeros((integer("height", height, 1), integer("width", width, 1), 3), np.float32)
    reach = integer("size", size, 1) // 2
    for row, column, value in _hints(hints):
        if not (0 <= row < height and 0 <= column < width):
            refuse("hints", f"places inside {height} × {width} pixels", f"({row}, {column})")
        rows, columns = (slice(max(0, place - reach), place + reach + 1) for place in (row, column))
        planes[rows, columns, :2] = array("hints", value, (2,))
        planes[rows, columns, 2] = 1
    return planes


def random_hints(colour, rng, mean=3.0, size=3):
    """Return hint planes (N, H, W, 3) that reveal some of the true ``colour`` (N, H, W, 2) of each image.

    Their number is geometric with the stated mean, so that some images have none and few have many; places are uniform.
    """
    colour = array("colour", colour, ("N", "H", "W", 2), np.float32)
    if 0 in colour.shape[1:3]:
        refuse("colour", "at least one pixel", colour)
    n, height, width, _ = colour.shape
    counts = rng.geometric(1 / (1 + number("mean", mean, 0, height * width)), size=n) - 1
    planes = np.zeros((n, height, width, 3), np.float32)
    for k, count in enumerate(counts):
        places = zip(rng.integers(height, size=count), rng.integers(width, size=count), strict=True)
        planes[k] = hint_planes(height, width, [(place, colour[k][place]) for place in places], size)
    return planes


def hinted_pairs(lightness, colour, mean=3.0, size=3):
    """Return the ``make`` of ``translation.Batches``: lightness with random hints (N, H, W, 4), and the true colour."""
    lightness = array("lightness", lightness, ("N", "H", "W", 1), None)
    colour = array("colour", colour, (*lightness.shape[:3], 2), None)

    def make(rows, rng):
        true = np.asarray(colour[rows], np.float32)
        return np.concatenate([lightness[rows], random_hints(true, rng, mean, size)], axis=-1), true

    return make


def _hints(hints):
    """Yield row, column and colour of each hint, refusing what is none."""
    try:
        found = [(index(row), index(column), value) for (row, column), value in hints]
    except (TypeError, ValueError):
        refuse("hints", "a list of ((row, column), colour)", hints)
    yield from found


def colorize(network, lightness, hints=None, levels=None, bins=None, temperature=0.38):
    """Return what a network makes of lightness (N, H, W, 1), as images uint8 (N, H, W, 3) of just that lightness.

    ``network``: (N, H, W, 1) or, with hint planes ``hints`` (N, H, W, 3), (N, H, W, 4) -> colour (N, h, w, 2), or with
    ``bins`` logits (N, h, w, Q), of which the annealed mean at ``temperature`` is taken. With ``levels`` the network is
    shown posterised lightness; the picture keeps the whole of it.
    """
    lightness = array("lightness", lightness, ("N", "H", "W", 1), None)
    if lightness.size == 0:
        refuse("lightness", "at least one pixel", lightness)
    x = lightness if levels is None else posterise(lightness, levels)
    if hints is not None:
        x = np.concatenate([x, array("hints", hints, (*x.shape[:3], 3), np.float32)], axis=-1)
    made = np.asarray(network(np.asarray(x, np.float32)))
    return join_lab(lightness, made if bins is None else bins.decode(made, temperature))


def _bilinear(x, factor):
    """Return (N, h, w, C) enlarged ``factor`` times between pixel centres, the outermost values held."""
    for axis in (1, 2):
        length = x.shape[axis]
        place = ((np.arange(factor * length) + 0.5) / factor - 0.5).clip(0, length - 1)
        low = np.minimum(place.astype(int), length - 1)
        high = np.minimum(low + 1, length - 1)
        share = (place - low).reshape([-1 if k == axis else 1 for k in range(4)])
        x = np.take(x, low, axis) * (1 - share) + np.take(x, high, axis) * share
    return x
