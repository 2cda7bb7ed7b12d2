"""How good is a restored picture? PSNR and SSIM as papers state them, their spread, the perception-distortion plane.

A number in dB compares with another only if degradation, channel and border are the same: they are arguments here.
"""

from typing import NamedTuple

import numpy as np

from course_lib import images as _images
from course_lib import metrics
from course_lib._validate import array, check_shape, choice, images_uint8, integer, number, refuse, sample_pair

CHANNELS = ("y", "rgb")


class Interval(NamedTuple):
    """A mean with the bounds of its bootstrap confidence interval."""

    mean: float
    low: float
    high: float


def psnr_of_each(restored, truth, channel="y", crop=0):
    """Return the PSNR in dB of each image uint8 (N, H, W, 3), as float64 (N,); infinite where they are equal.

    ``channel`` "y" measures the luma of ``images.luma``, as papers on super-resolution do, with the peak 255; "rgb" all
    three channels together, which gives some 1.5 to 2 dB less for the same pictures. ``crop`` pixels at each border are
    left out, the factor of enlargement by custom, because a method has less to go on there.
    Raises ``ValueError`` for different shapes or a crop that leaves nothing.
    """
    a, b = _prepared_pair(restored, truth, channel, crop)
    errors = np.mean((a - b) ** 2, axis=(1, 2, 3))
    with np.errstate(divide="ignore"):
        return 10 * np.log10(255**2 / errors)


def ssim_of_each(restored, truth, channel="y", crop=0):
    """Return the structural similarity (``metrics.ssim``) of each image uint8 (N, H, W, 3), as float64 (N,)."""
    a, b = _prepared_pair(restored, truth, channel, crop)
    return np.array([metrics.ssim(x[None], y[None], 255) for x, y in zip(a, b, strict=True)])


def bootstrap(values, groups=None, level=0.95, draws=2000, seed=0):
    """Return the mean of ``values`` (N,) with its percentile bootstrap interval at ``level``, as ``Interval``.

    ``groups`` (N,): draw whole groups, such as photographs, and average the values of those drawn. Patches of one
    photograph are alike, so drawing patches as if they were independent gives an interval that is too narrow for the
    question "how does it do on another photograph?". Raises ``ValueError`` for empty or non-finite values.
    """
    values = array("values", values, ("N",))
    level = number("level", level, 0, 1, open_minimum=True)
    if not len(values):
        refuse("values", "at least one number", values)
    groups = np.arange(len(values)) if groups is None else np.asarray(groups)
    check_shape("groups", groups, (len(values),))
    _, member = np.unique(groups, return_inverse=True)
    counts, sums = np.bincount(member), np.bincount(member, values)
    rng = np.random.default_rng(integer("seed", seed, 0))
    drawn = rng.integers(len(counts), size=(integer("draws", draws, 1), len(counts)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(values.mean()), float(low), float(high))


def paired_kernel_distance(restored, truth):
    """Return the kernel distance (cubic kernel, unbiased) of features (N, d) of pictures and of their own truths.

    ``metrics.kernel_distance`` takes its two sets for independent. Here row i of both belongs to one picture, and the
    N pairs (i, i) would pull the estimate below zero: they are left out of the cross term, too (Gretton et al. 2012,
    https://jmlr.org/papers/v13/gretton12a.html, lemma 6), so that the truth itself is at 0 exactly.
    Raises ``ValueError`` for fewer than two rows or different numbers of them.
    """
    a, b = sample_pair("restored", restored, "truth", truth, minimum=2)
    check_shape("truth", b, a.shape)
    across = _cubic(a, b)
    table = _cubic(a, a) + _cubic(b, b) - across - across.T
    return float((table.sum() - np.trace(table)) / (len(a) * (len(a) - 1)))


def plane_point(restored, truth, extract, channel="y", crop=0):
    """Return a method's place on the perception-distortion plane of Blau & Michaeli 2018.

    https://arxiv.org/abs/1711.06077. Distortion compares each image with its own truth: "psnr" (dB) and "ssim", means
    over the batch. Perception compares the two sets: "kernel_distance" of features, ``extract(images) -> (N, d)``,
    with "features" naming them; see ``paired_kernel_distance``. No method can be best at both: beyond a bound a smaller
    one costs the other.
    """
    restored, truth = images_uint8("restored", restored), images_uint8("truth", truth)
    return {
        "psnr": float(psnr_of_each(restored, truth, channel, crop).mean()),
        "ssim": float(ssim_of_each(restored, truth, channel, crop).mean()),
        "kernel_distance": paired_kernel_distance(extract(restored), extract(truth)),
        "features": getattr(extract, "name", type(extract).__name__),
    }


def _cubic(a, b):
    return (a @ b.T / a.shape[1] + 1) ** 3


def _prepared_pair(restored, truth, channel, crop):
    """Return both as float64 (N, h, w, C) of the channel, without their borders."""
    a, b = images_uint8("restored", restored), images_uint8("truth", truth)
    choice("channel", channel, CHANNELS)
    if a.shape != b.shape or a.shape[-1] != 3:
        refuse("restored", f"colour images of the shape of truth, {b.shape}", a)
    crop = integer("crop", crop, 0)
    if len(a) == 0 or min(a.shape[1:3]) <= 2 * crop:
        refuse("crop", f"a border that leaves something of images {a.shape}", crop)
    inner = slice(crop, -crop or None)
    pair = (x[:, inner, inner] for x in (a, b))
    return tuple(_images.luma(x) if channel == "y" else x.astype(np.float64) for x in pair)
