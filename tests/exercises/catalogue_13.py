"""Right and wrong answers to the exercises of lesson 13, with a piece of the hint that each wrong one must get."""

import numpy as np

from course_lib import checks

LUMA = np.array([65.481, 128.553, 24.966]) / 255


def seen(f, s):
    return abs(f - round(f * s) / s)


def cut(x, crop):
    return x[:, crop : x.shape[1] - crop, crop : x.shape[2] - crop]


def psnr(a, b, crop, weights=LUMA, peak=255, times=10):
    error = cut((a.astype(float) - b) @ weights, crop)
    return np.mean(times * np.log10(peak**2 / np.mean(error**2, axis=(1, 2))))


def psnr_rgb(a, b, crop):
    return np.mean(10 * np.log10(255**2 / np.mean(cut(a.astype(float) - b, crop) ** 2, axis=(1, 2, 3))))


def psnr_of_the_mean(a, b, crop):
    return 10 * np.log10(255**2 / np.mean(cut((a.astype(float) - b) @ LUMA, crop) ** 2))


def psnr_wrapped(a, b, crop):
    return np.mean(10 * np.log10(255**2 / np.mean(cut((a - b) @ LUMA, crop) ** 2, axis=(1, 2))))


def shuffled(t, f, order=(0, 1, 3, 2, 4, 5), colour_first=False):
    n, height, width, channels = t.shape
    c = channels // f**2
    if colour_first:
        x = t.reshape(n, height, width, c, f, f).transpose(0, 1, 2, 4, 5, 3)
    else:
        x = t.reshape(n, height, width, f, f, c)
    return x.transpose(order).reshape(n, f * height, f * width, c)


def reshaped(t, f):
    n, height, width, channels = t.shape
    return t.reshape(n, f * height, f * width, channels // f**2)


def softmax(x, axis=1):
    sharp = np.exp(x - x.max(axis=axis, keepdims=True))
    return sharp / sharp.sum(axis=axis, keepdims=True)


def annealed(logits, centres, T):
    return softmax(logits / T) @ centres


def overflowing(logits, centres, T):
    with np.errstate(all="ignore"):
        sharp = np.exp(logits / T)
        return sharp / sharp.sum(axis=1, keepdims=True) @ centres


def raw_weights(p, share):
    return 1 / ((1 - share) * p + share / len(p))


def weights(p, share):
    w = raw_weights(p, share)
    return w / (p @ w)


def favoured(p, share):
    w = 1 / raw_weights(p, share)
    return w / (p @ w)


def price(least, gap, distance):
    missing = max(0.0, gap - distance)
    return missing / gap, least + missing**2


def photographs(variance, half_width):
    return max(2, int(np.ceil(variance * (1.96 / half_width) ** 2)))


def needed(b, w, m, h):
    return photographs(b**2 + w**2 / m, h)


FAULTS = {"A": "leak", "B": "channel", "C": "damage", "D": "mean", "E": "metric"}

CATALOGUE = [
    (
        checks.alias_frequency,
        seen,
        {
            "per kept pixel": (lambda f, s: s * seen(f, s), "In which unit"),
            "always k = 1": (lambda f, s: abs(f - 1 / s), "another whole number k"),
            "rest": (lambda f, s: f % (1 / s), "above the new Nyquist limit"),
            "cut off": (lambda f, s: min(f, 0.5 / s), "folds back"),
            "signed": (lambda f, s: f - round(f * s) / s, "cos(−u)"),
            "unchanged": (lambda f, s: f, "mark every s-th point"),
        },
    ),
    (
        checks.luma_psnr,
        psnr,
        {
            "rgb": (psnr_rgb, "On which channel"),
            "no crop": (lambda a, b, crop: psnr(a, b, 0), "What is crop for"),
            "mean first": (psnr_of_the_mean, "Which comes first"),
            "peak 219": (lambda a, b, crop: psnr(a, b, crop, peak=219), "and the peak is that of bytes"),
            "twenty": (lambda a, b, crop: psnr(a, b, crop, times=20), "or twenty times"),
            "wrapped": (psnr_wrapped, "3 − 5 is 254"),
        },
    ),
    (
        checks.pixel_shuffle,
        shuffled,
        {
            "reshape": (reshaped, "The shape is right"),
            "a and b exchanged": (lambda t, f: shuffled(t, f, (0, 1, 4, 2, 3, 5)), "which of a and b is the row"),
            "PyTorch's order": (lambda t, f: shuffled(t, f, colour_first=True), "PyTorch's order"),
            "blocks": (lambda t, f: shuffled(t, f, (0, 3, 1, 4, 2, 5)), "small pictures"),
        },
    ),
    (
        checks.l2_colour,
        [9.0, 16.5],
        {
            "unweighted": ([40 / 3, 55 / 3], "not equally frequent"),
            "mode": ([-10, 10], "what a mode does"),
            "two of three": ([15, 17.5], "has a say"),
            "sum": ([40, 55], "needs probabilities"),
        },
    ),
    (
        checks.annealed_colour,
        annealed,
        {
            "multiplied": (lambda x, c, T: softmax(x * T) @ c, "not to flatten"),
            "no temperature": (lambda x, c, T: softmax(x) @ c, "Where does T enter"),
            "mode": (lambda x, c, T: c[x.argmax(axis=1)], "limit of T → 0"),
            "axis": (lambda x, c, T: softmax(x / T, axis=0) @ c, "Over which axis"),
            "probabilities": (lambda x, c, T: softmax(softmax(x) / T) @ c, "acts on logarithms"),
            "not normalised": (lambda x, c, T: softmax(x) ** (1 / T) @ c, "After the power"),
            "overflow": (overflowing, "exp(5000)"),
        },
    ),
    (
        checks.class_weights,
        weights,
        {
            "no scale": (raw_weights, "Which average"),
            "mean over bins": (lambda p, s: raw_weights(p, s) / raw_weights(p, s).mean(), "occurs more often in it"),
            "sum": (lambda p, s: raw_weights(p, s) / raw_weights(p, s).sum(), "no probabilities"),
            "exchanged": (lambda p, s: weights(p, 1 - s), "With share = 1"),
            "without Q": (
                lambda p, s: (w := 1 / ((1 - s) * p + s)) / (p @ w),
                "gives each of them",
            ),
            "favours the frequent": (favoured, "want to help"),
            "no softening": (lambda p, s: 1 / (len(p) * p), "What is share for"),
        },
    ),
    (
        checks.sharpness_price,
        price,
        {
            "no maximum": (lambda d, g, p: (1 - p / g, d + (g - p) ** 2), "nothing has to be paid"),
            "no square": (lambda d, g, p: (price(d, g, p)[0], d + max(0, g - p)), "the unit of P"),
            "squares": (lambda d, g, p: (price(d, g, p)[0], d + max(0, g**2 - p**2)), "their squares do not"),
            "other end": (lambda d, g, p: (min(1, p / g), price(d, g, p)[1]), "t = 0 is the best guess"),
            "posterior": (lambda d, g, p: (price(d, g, p)[0], 2 * d), "no cheaper way"),
            "added only": (lambda d, g, p: (price(d, g, p)[0], price(d, g, p)[1] - d), "Even the best guess"),
        },
    ),
    (
        checks.photographs_needed,
        needed,
        {
            "patches": (lambda b, w, m, h: photographs((b**2 + w**2) / m, h), "do not tell you about other"),
            "no patches": (lambda b, w, m, h: photographs(b**2, h), "scatter around its own mean"),
            "one patch": (lambda b, w, m, h: photographs(b**2 + w**2, h), "lessens one of the two"),
            "whole width": (lambda b, w, m, h: needed(b, w, m, h / 2), "from mean − h"),
            "deviations added": (lambda b, w, m, h: photographs((b + w / m**0.5) ** 2, h), "what adds up"),
            "rounded down": (
                lambda b, w, m, h: max(2, int((b**2 + w**2 / m) * (1.96 / h) ** 2)),
                "wider than was asked",
            ),
            "one": (
                lambda b, w, m, h: int(np.ceil((b**2 + w**2 / m) * (1.96 / h) ** 2)),
                "From one photograph",
            ),
            "not whole": (lambda b, w, m, h: max(2.0, (b**2 + w**2 / m) * (1.96 / h) ** 2), "Half a photograph"),
        },
    ),
    (
        checks.restoration_faults,
        FAULTS,
        {
            "A": (FAULTS | {"A": "damage"}, "study A again: whose neighbours"),
            "B": (FAULTS | {"B": "leak", "E": "mean"}, "study B again: is the same quantity"),
            "C": (FAULTS | {"C": "metric"}, "study C again: which pictures"),
            "D": (FAULTS | {"D": "damage"}, "study D again: is anything broken"),
            "E": (FAULTS | {"E": "mean"}, "study E again: what was this number"),
        },
    ),
]
