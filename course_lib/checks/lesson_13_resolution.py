"""Checks of exercise 13 about super-resolution: aliasing, PSNR on luma, the sub-pixel shuffle, the size of a test."""

import numpy as np

from course_lib import images, restoration
from course_lib.checks.framework import Mistake, Symptom, compare, judge, passed, require, run

__all__ = ["alias_frequency", "luma_psnr", "photographs_needed", "pixel_shuffle"]


def alias_frequency(answer):
    """Judge a function (f, s) -> the frequency in [0, 1/(2s)] that is seen when one pixel in s is kept."""
    cases = [(f, s) for f, s in ((0.45, 2), (0.30, 4), (0.05, 4), (0.37, 3), (0.20, 2), (0.49, 4))]
    judge(
        "the alias of a stripe",
        answer,
        cases,
        lambda f, s: abs(f - np.round(f * s) / s),
        [
            Mistake(
                "a frequency in periods per kept pixel",
                lambda f, s: abs(f * s - np.round(f * s)),
                "In which unit is the answer asked for: per kept pixel, or per pixel of the original?",
            ),
            Mistake(
                "always k = 1",
                lambda f, s: abs(f - 1 / s),
                "For slow stripes another whole number k brings f into the interval.",
            ),
            Mistake(
                "the rest of a division",
                lambda f, s: f % (1 / s),
                "What you return may lie above the new Nyquist limit. A stripe just below 1/s looks like a slow one.",
            ),
            Mistake(
                "a frequency that is cut off at the limit",
                lambda f, s: min(f, 1 / (2 * s)),
                "A stripe above the limit does not stop there: it folds back.",
            ),
            Mistake(
                "a frequency with a sign",
                lambda f, s: f - np.round(f * s) / s,
                "cos(−u) = cos(u): which of the two lies in the interval asked for?",
            ),
            Mistake(
                "the original frequency",
                lambda f, s: f,
                "Draw cos(2π f n) and mark every s-th point: which slow wave goes through the marks?",
            ),
        ],
    )


def luma_psnr(answer):
    """Judge a function (restored, truth uint8 (N, H, W, 3), crop) -> the mean over pictures of luma's PSNR in dB."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 256, (3, 12, 14, 3)).astype(np.uint8)
    noise = rng.normal(0, np.array([2.0, 8.0, 30.0]).reshape(3, 1, 1, 1), truth.shape)
    noise[:, :2] *= 3  # a worse border
    restored = np.rint(truth + noise).clip(0, 255).astype(np.uint8)
    judge(
        "PSNR as papers on super-resolution state it",
        answer,
        [(restored, truth, 2), (restored, truth, 3), (restored[:2], truth[:2], 0)],
        lambda a, b, crop: restoration.psnr_of_each(a, b, "y", crop).mean(),
        [
            Mistake(
                "PSNR of all three channels",
                lambda a, b, crop: restoration.psnr_of_each(a, b, "rgb", crop).mean(),
                "On which channel is it to be measured?",
            ),
            Mistake(
                "a border that was not cut off",
                lambda a, b, crop: restoration.psnr_of_each(a, b, "y", 0).mean(),
                "What is crop for?",
            ),
            Mistake(
                "the dB of a mean error",
                lambda a, b, crop: 10 * np.log10(255**2 / np.mean(_luma_errors(a, b, crop))),
                "Which comes first, the logarithm of each picture or the mean over pictures?",
            ),
            Mistake(
                "the peak of luma, or luma from 0 to 255",
                lambda a, b, crop: restoration.psnr_of_each(a, b, "y", crop).mean() + 20 * np.log10(219 / 255),
                "By custom luma spans 16 to 235, and the peak is that of bytes all the same.",
            ),
            Mistake(
                "a logarithm with 20 of a squared error",
                lambda a, b, crop: 2 * restoration.psnr_of_each(a, b, "y", crop).mean(),
                "Ten times, or twenty times? It depends on whether its argument is squared already.",
            ),
            Mistake(
                "bytes that wrapped round",
                lambda a, b, crop: np.mean(
                    10 * np.log10(255**2 / np.mean(_cut(images.luma(a - b)[..., 0] - 16, crop) ** 2, axis=(1, 2)))
                ),
                "In uint8, 3 − 5 is 254. In which order do you subtract and convert?",
            ),
        ],
    )


def pixel_shuffle(answer):
    """Judge a function (t (N, H, W, f²C), f) -> (N, fH, fW, C)."""
    rng = np.random.default_rng(1)
    cases = [(rng.normal(size=(2, 3, 4, f * f * c)), f) for f, c in ((2, 3), (3, 2), (2, 2))]
    judge(
        "the sub-pixel shuffle",
        answer,
        cases,
        lambda t, f: _shuffled(t, f, (0, 1, 3, 2, 4, 5)),
        [
            Mistake(
                "a reshape alone",
                lambda t, f: t.reshape(len(t), f * t.shape[1], f * t.shape[2], -1),
                "The shape is right. Which axes stand side by side in memory, and which have to be neighbours?",
            ),
            Mistake(
                "rows and columns exchanged inside each block",
                lambda t, f: _shuffled(t, f, (0, 1, 4, 2, 3, 5)),
                "The order of the channels says (a f + b) C + c: which of a and b is the row?",
            ),
            Mistake(
                "colours as the slowest of the channels",
                lambda t, f: _shuffled(
                    np.moveaxis(t.reshape(*t.shape[:3], -1, f * f), -1, -2).reshape(t.shape), f, (0, 1, 3, 2, 4, 5)
                ),
                "This is PyTorch's order of the channels, c f² + a f + b. The task has another one.",
            ),
            Mistake(
                "blocks in place of pixels",
                lambda t, f: _shuffled(t, f, (0, 3, 1, 4, 2, 5)),
                "Your picture consists of f × f small pictures. Which index moves fastest along a row: j or b?",
            ),
        ],
    )


def photographs_needed(answer):
    """Judge a function (between, within, patches, half_width) -> the number of photographs, a whole number ≥ 2."""
    task = "the size of a test set"
    cases = [(0.3, 0.6, 100, 0.1), (0.3, 0.6, 4, 0.1), (0.2, 2.0, 10, 0.25), (0.05, 0.1, 50, 0.5), (0.0, 1.0, 25, 0.1)]
    mistakes = (
        (
            "patches counted as independent",
            lambda b, w, m, h: _count((b**2 + w**2) / m, h),
            "More patches of one photograph do not tell you about other photographs.",
        ),
        (
            "photographs without their patches",
            lambda b, w, m, h: _count(b**2, h),
            "The patches of a photograph scatter around its own mean, and there are only so many of them.",
        ),
        (
            "one patch for each photograph",
            lambda b, w, m, h: _count(b**2 + w**2, h),
            "Averaging over the patches of a photograph lessens one of the two variances.",
        ),
        (
            "a whole width for a half one",
            lambda b, w, m, h: _count(b**2 + w**2 / m, h / 2),
            "The interval reaches from mean − h to mean + h.",
        ),
        (
            "standard deviations that were added",
            lambda b, w, m, h: _count((b + w / np.sqrt(m)) ** 2, h),
            "Independent parts: what adds up, variances or standard deviations?",
        ),
        (
            "a number that was rounded down",
            lambda b, w, m, h: max(2, int(_exact(b**2 + w**2 / m, h))),
            "With fewer photographs the interval is wider than was asked for.",
        ),
        (
            "a single photograph",
            lambda b, w, m, h: int(np.ceil(_exact(b**2 + w**2 / m, h))),
            "From one photograph no spread between photographs can be estimated.",
        ),
    )
    compare(
        task,
        answer,
        cases,
        lambda b, w, m, h: _count(b**2 + w**2 / m, h),
        [
            *(Mistake(*mistake) for mistake in mistakes),
            Symptom(
                "a number that is not whole",
                lambda got, want, *case: not float(got).is_integer(),
                "Half a photograph cannot be bought.",
            ),
        ],
        rtol=0,
    )
    many = run(task, answer, 0.3, 0.6, 10**9, 0.1)
    require(many == _count(0.09, 0.1), task, "what the photographs alone require, with very many patches", many)
    passed(task)


def _count(variance, half_width):
    return max(2, int(np.ceil(_exact(variance, half_width))))


def _exact(variance, half_width):
    return variance * (1.96 / half_width) ** 2


def _luma_errors(a, b, crop):
    return _cut(images.luma(a)[..., 0] - images.luma(b)[..., 0], crop) ** 2


def _cut(x, crop):
    return x[:, crop : x.shape[1] - crop, crop : x.shape[2] - crop]


def _shuffled(t, f, order):
    """Return t with its channels taken apart as (a, b, c) and the axes n, i, j, a, b, c put into ``order``."""
    n, height, width, channels = t.shape
    x = t.reshape(n, height, width, f, f, channels // f**2).transpose(order)
    return x.reshape(n, f * height, f * width, channels // f**2)
