"""Checks of the exercises of lesson 11: the time of a layer, its operations and bytes, statistics of joined parts."""

import numpy as np

from course_lib.checks.framework import Mistake, Symptom, judge

__all__ = ["conv_cost", "joined_statistics", "layer_seconds"]


def layer_seconds(answer):
    """Judge a function (operations, moved, peak, bandwidth) -> seconds."""
    judge(
        "Time of a layer under the roofline",
        answer,
        [(8e9, 1e9, 4e9, 1e10), (1e9, 8e9, 4e9, 1e10), (3e12, 2e10, 1e13, 9e11), (5e6, 5e6, 2e9, 1e9)],
        lambda f, q, p, b: max(f / p, q / b),
        [
            Mistake(
                "one after the other",
                lambda f, q, p, b: f / p + q / b,
                "The device computes and moves at the same time. When is it done with both?",
            ),
            Mistake(
                "the faster of two", lambda f, q, p, b: min(f / p, q / b), "Which of the two does the layer wait for?"
            ),
            Mistake("arithmetic alone", lambda f, q, p, b: f / p, "Is a layer with hardly any operations free?"),
            Mistake(
                "an inverted quotient",
                lambda f, q, p, b: max(p / f, b / q),
                "Check the units: what is operations over operations per second?",
            ),
            Mistake(
                "a rate",
                lambda f, q, p, b: min(p, f / q * b),
                "That is operations in a second. How many seconds do all of them take?",
            ),
        ],
    )


def conv_cost(answer):
    """Judge a function (batch, height, width, c_in, c_out, kernel, size) -> (operations, bytes)."""
    judge(
        "Operations and bytes of a convolution",
        answer,
        [(64, 14, 14, 32, 64, 3, 4), (1, 28, 20, 3, 5, 5, 2), (256, 7, 9, 16, 8, 1, 4)],
        _conv,
        [
            Mistake(
                "weights for each example",
                lambda n, h, w, i, o, k, s: (_conv(n, h, w, i, o, k, s)[0], n * _conv(1, h, w, i, o, k, s)[1]),
                "How often must the weights be read for one batch?",
            ),
            Mistake(
                "no output",
                lambda n, h, w, i, o, k, s: (_conv(n, h, w, i, o, k, s)[0], s * (n * h * w * i + k * k * i * o)),
                "The result has to go somewhere.",
            ),
            Mistake(
                "no weights",
                lambda n, h, w, i, o, k, s: (_conv(n, h, w, i, o, k, s)[0], s * n * h * w * (i + o)),
                "What else is read beside the pictures?",
            ),
            Mistake(
                "numbers for bytes",
                lambda n, h, w, i, o, k, s: (_conv(n, h, w, i, o, k, s)[0], _conv(n, h, w, i, o, k, 1)[1]),
                "How many bytes has one number?",
            ),
            Mistake(
                "one operation for two",
                lambda n, h, w, i, o, k, s: (_conv(n, h, w, i, o, k, s)[0] // 2, _conv(n, h, w, i, o, k, s)[1]),
                "A product is also added to something.",
            ),
            Mistake(
                "a single example",
                lambda n, h, w, i, o, k, s: (_conv(1, h, w, i, o, k, s)[0], _conv(n, h, w, i, o, k, s)[1]),
                "Count the operations of the whole batch.",
            ),
        ],
    )


def joined_statistics(answer):
    """Judge a function (counts, means, variances), each (n,) -> (mean, variance) of all numbers together."""
    rng = np.random.default_rng(0)
    cases = []
    for sizes in ((4, 12), (5, 1, 30), (8, 8, 8, 8)):
        parts = [rng.normal(3 * k, 1 + k, size) for k, size in enumerate(sizes)]
        cases.append((np.array(sizes, float), np.array([p.mean() for p in parts]), np.array([p.var() for p in parts])))
    judge(
        "Statistics of joined parts",
        answer,
        cases,
        _joined,
        [
            Mistake(
                "equal weights",
                lambda n, m, v: (m.mean(), v.mean() + m.var()),
                "A part of one picture and a part of thirty: do they count the same?",
            ),
            Mistake(
                "a mean of variances",
                lambda n, m, v: (_joined(n, m, v)[0], n @ v / n.sum()),
                "Two parts, each constant, with different constants: what is the variance of all?",
            ),
            Mistake(
                "a spread of means without weights",
                lambda n, m, v: (_joined(n, m, v)[0], n @ v / n.sum() + m.var()),
                "The spread of the means is a mean over all *pictures*, too.",
            ),
            Mistake(
                "the spread of the means alone",
                lambda n, m, v: (_joined(n, m, v)[0], n @ (m - n @ m / n.sum()) ** 2 / n.sum()),
                "Inside the parts the numbers vary as well.",
            ),
            Symptom(
                "standard deviations",
                lambda got, want, *case: bool(np.isclose(got[1], np.sqrt(want[1]))),
                "The variance is asked for, not its root.",
            ),
        ],
    )


def _conv(batch, height, width, c_in, c_out, kernel, size):
    weights, pixels = kernel * kernel * c_in * c_out, batch * height * width
    return 2 * weights * pixels, size * (pixels * (c_in + c_out) + weights)


def _joined(counts, means, variances):
    mean = counts @ means / counts.sum()
    return mean, counts @ (variances + (means - mean) ** 2) / counts.sum()
