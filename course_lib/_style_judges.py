"""Two judges of a painted picture that look through no network: its small patches, and what is left of the photograph.

Whoever paints by the features of a network is the best in the eyes of that network; a comparison of networks needs
judges that painted nothing.
"""

import numpy as np

from course_lib import images
from course_lib._style_pictures import checked_picture, scaled
from course_lib._validate import integer, refuse

LEVELS = 3  # sizes at which patches are compared: whole, half, quarter
DIRECTIONS, QUANTILES = 96, 257


def patch_distance(picture, style, patch=5, seed=0):
    """Return how far the patches of two pictures uint8 (H, W, 3), (H', W', 3) differ in distribution: 0 for equals.

    The sliced squared 2-Wasserstein distance (Rabin et al. 2011, https://doi.org/10.1007/978-3-642-24785-9_37) of all
    ``patch`` x ``patch`` patches, in the principal components of the style's, each brought to variance 1, so that fine
    strokes count as much as large areas. 1 is as far as the style's patches are from their mean. Averaged over the
    pictures at whole, half and quarter size.
    Raises ``ValueError`` for a picture whose quarter is smaller than a patch.
    """
    picture, style = checked_picture("picture", picture), checked_picture("style", style)
    patch = integer("patch", patch, 1)
    for argument, value in (("picture", picture), ("style", style)):
        if min(value.shape[:2]) < patch * 2 ** (LEVELS - 1):
            refuse(argument, f"sides of at least {patch * 2 ** (LEVELS - 1)} pixels", value)
    directions = np.random.default_rng(integer("seed", seed, 0)).standard_normal((DIRECTIONS, patch * patch * 3))
    return float(
        np.mean([_sliced(scaled(picture, 2.0**-k), scaled(style, 2.0**-k), directions) for k in range(LEVELS)])
    )


def lightness_correlation(picture, content):
    """Return the correlation of two pictures' lightness, read at half their size: 1 for the same drawing, 0 for none.

    ``picture`` uint8 (H, W, 3); ``content`` (H', W', 3) is brought to its size. A picture of one lightness gives 0.
    """
    picture = checked_picture("picture", picture)
    content = images.resize(checked_picture("content", content)[None], picture.shape[:2])[0]
    a, b = (images.luma(scaled(x, 0.5)[None]).astype(np.float64) for x in (picture, content))
    a, b = a - a.mean(), b - b.mean()
    scale = np.sqrt(np.sum(a**2) * np.sum(b**2))
    return float(np.sum(a * b) / scale) if scale > 1e-6 * a.size else 0.0  # round-off of an even picture is no drawing


def _sliced(picture, style, directions):
    side = round((directions.shape[1] / 3) ** 0.5)
    a, b = (_patches(images.to_float(x), side) for x in (picture, style))
    values, vectors = np.linalg.eigh(np.cov(b, rowvar=False))
    # Below a hundredth of the mean, a component holds the grain of the scan rather than the painter's hand.
    whiten = vectors / np.sqrt(np.maximum(values, 0.01 * values.mean() + 1e-12))
    a, b = (x @ (whiten @ directions.T) for x in (a, b))
    at = (np.arange(QUANTILES) + 0.5) / QUANTILES
    moved = np.quantile(a, at, axis=0) - np.quantile(b, at, axis=0)
    return np.mean(moved**2) / max(np.mean(b.var(axis=0)), 1e-12)


def _patches(picture, side):
    windows = np.lib.stride_tricks.sliding_window_view(picture, (side, side), axis=(0, 1))
    return windows.reshape(-1, picture.shape[-1] * side * side)
