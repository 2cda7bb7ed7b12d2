"""Damage to undo: faded prints, made from pictures that are whole."""

import numpy as np

from course_lib._validate import array, check_shape, images_uint8, refuse


def fade(images, contrast=0.6, saturation=0.5, cast=(1.06, 1.0, 0.86), veil=0.15):
    """Return images uint8 (N, H, W, 3) as a faded print: less contrast and colour, a ``cast``, and a bright ``veil``.

    Each value may also hold one entry for each image, (N,) or (N, 3) for the ``cast``, which multiplies R, G and B.
    In order: distance from the mean grey times ``contrast``, distance from each pixel's own grey times ``saturation``,
    times ``cast``, then the share ``veil`` of white mixed in.
    """
    x = images_uint8("images", images) / 255
    check_shape("images", x, ("N", "H", "W", 3))
    if x.size == 0:
        refuse("images", "at least one pixel", images)
    contrast, saturation = _for_each("contrast", contrast, len(x)), _for_each("saturation", saturation, len(x))
    veil = _for_each("veil", veil, len(x))
    grey = x.mean(axis=-1, keepdims=True)
    level = grey.mean(axis=(1, 2), keepdims=True)
    x = level + contrast * (grey - level) + saturation * contrast * (x - grey)
    x = x * _cast(cast, len(x))
    return np.rint(255 * ((1 - veil) * x + veil).clip(0, 1)).astype(np.uint8)


def random_fade(images, rng):
    """Return each image faded by amounts of its own: contrast, saturation in 0.4-0.9, cast ±15 %, veil up to 0.25."""
    n = len(images_uint8("images", images))
    contrast, saturation = rng.uniform(0.4, 0.9, (2, n))
    return fade(images, contrast, saturation, rng.uniform(0.85, 1.15, (n, 3)), rng.uniform(0, 0.25, n))


def _cast(value, n):
    x = array("cast", value)
    if x.shape not in ((3,), (n, 3)):
        refuse("cast", f"factors of R, G and B, (3,) or ({n}, 3)", x)
    return x.reshape(-1, 1, 1, 3)


def _for_each(name, value, n):
    x = array(name, value)
    if x.shape not in ((), (1,), (n,)) or x.min() < 0:
        refuse(name, "a number of at least 0, or one for each image", x)
    return x.reshape(-1, 1, 1, 1)
