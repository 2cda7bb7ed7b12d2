"""Checks of exercise 14 about Gram matrices: their size, their distance, their twins, their gradient."""

import numpy as np

from course_lib.checks.framework import Mistake, Symptom, judge, judge_value, passed, require, run

__all__ = ["gram_gradient", "gram_matrix", "gram_twin", "growth_of_gram", "style_mmd"]


def gram_matrix(answer):
    """Judge a function (maps (H, W, C)) -> the Gram matrix (C, C)."""
    rng = np.random.default_rng(0)
    cases = [(rng.normal(1, 2, shape),) for shape in ((3, 4, 2), (2, 5, 3), (6, 1, 4), (4, 4, 4))]
    judge(
        "the Gram matrix",
        answer,
        cases,
        _gram_of_maps,
        [
            Mistake(
                "a sum over positions",
                lambda m: _gram_of_maps(m) * m.shape[0] * m.shape[1],
                "A larger picture of the same kind must not have a larger Gram matrix.",
            ),
            Mistake(
                "a division by the channels too",
                lambda m: _gram_of_maps(m) / m.shape[2],
                "By how many is a mean over positions divided?",
            ),
            Mistake(
                "a division by the height only",
                lambda m: _gram_of_maps(m) * m.shape[1],
                "Rows alone are not all the positions.",
            ),
            Mistake(
                "the covariance",
                lambda m: np.cov(m.reshape(-1, m.shape[2]).T, bias=True),
                "The Gram matrix keeps the means; nothing is subtracted.",
            ),
            Mistake(
                "channels and positions mixed up in the reshape",
                lambda m: (lambda x: x @ x.T / x.shape[1])(m.reshape(m.shape[2], -1)),
                "The channels are the last axis; which axis must stay whole when you reshape?",
            ),
            Mistake(
                "products of positions",
                lambda m: (lambda x: x @ x.T / len(x))(m.reshape(-1, m.shape[2])),
                "Which of the two axes is summed over, and which two remain?",
            ),
        ],
    )


def growth_of_gram(value):
    """Judge the factor by which the squared norm of an undivided Gram matrix grows at twice the size."""
    judge_value(
        "the growth of a Gram matrix that is not divided",
        value,
        16,
        "how many times larger, a number",
        [
            Mistake("the growth of the entries", 4, "The question is about their squares."),
            Mistake("the growth of a side", 2, "How many positions are there, if both sides double?"),
            Mistake("the growth of entries for one side", 8, "Two sides double, and then a square is taken."),
            Mistake("no growth", 1, "That would be right if it had been divided."),
            Mistake("a decrease", 1 / 16, "Is a sum over more positions smaller?"),
        ],
    )


def style_mmd(answer):
    """Judge a function (x (N, C), y (M, C)) -> the squared MMD with the kernel (x·y)², a number."""
    rng = np.random.default_rng(1)
    cases = [(rng.normal(0.5, 1, (n, c)), rng.normal(0, 2, (m, c))) for n, m, c in ((5, 7, 3), (2, 6, 4), (8, 3, 2))]
    judge(
        "the style loss by a kernel",
        answer,
        cases,
        _mmd,
        [
            Mistake(
                "a kernel that is not squared",
                lambda x, y: _mmd(x, y, power=1),
                "With the plain product only the means are compared.",
            ),
            Mistake(
                "one cross term",
                lambda x, y: _mmd(x, y, cross=-1),
                "Multiply out a squared difference: how often does the mixed product occur?",
            ),
            Mistake("a wrong sign", lambda x, y: _mmd(x, y, cross=2), "Must equal pictures not have the distance 0?"),
            Mistake(
                "pairs without the diagonal",
                lambda x, y: _mmd(x, y, diagonal=False),
                "Here the pictures are the distributions themselves, so that a position is paired with itself too.",
            ),
            Mistake("sums for means", lambda x, y: _mmd(x, y, mean=np.sum), "Two sizes are compared: which is fair?"),
            Mistake(
                "a product over the channels",
                lambda x, y: _mmd(x, y, scale=x.shape[1]),
                "No number of channels stands in the kernel.",
            ),
            Mistake("a constant in the kernel", lambda x, y: _mmd(x, y, c=1), "A constant brings the means in."),
            Mistake(
                "a root at the end",
                lambda x, y: np.sqrt(_mmd(x, y)),
                "The squared distance is asked for.",
            ),
        ],
    )


def gram_twin(answer):
    """Judge a function (x (N, C)) -> other features (N, C) with the same Gram matrix, by their properties."""
    task = "a twin with the same Gram matrix"
    rng = np.random.default_rng(2)
    for shape in ((5, 2), (8, 3), (30, 1)):
        x = rng.normal(0.5, 1, shape)
        got = np.asarray(run(task, answer, x))
        require(got.shape == shape, task, f"shape {shape}", f"shape {got.shape}")
        require(got.dtype.kind == "f" and np.isfinite(got).all(), task, "finite floating-point numbers", got)
        same = np.allclose(got.T @ got, x.T @ x, atol=1e-8)
        lengths = [np.sort(np.linalg.norm(z, axis=1)) for z in (x, got)]
        hint = ""
        if not same and np.allclose(lengths[0], lengths[1]):
            hint = "this mixes channels: the vectors keep their lengths, but the channels are what the matrix is about."
        elif not same and np.allclose(got - got.mean(axis=0), x - x.mean(axis=0)):
            hint = "a shift changes the means, which are part of the Gram matrix."
        elif not same and _is_multiple(x, got):
            hint = "a factor comes into the Gram matrix with its square."
        elif not same and np.allclose(np.cov(got.T, bias=True), np.cov(x.T, bias=True)):
            hint = "covariances agree, means do not."
        require(
            same, task, "the Gram matrix of x", f"a largest difference of {abs(got.T @ got - x.T @ x).max():.3g}", hint
        )
        if np.allclose(lengths[0], lengths[1]):
            hint = "the same vectors in another order, or with other signs. What else leaves XᵀX alone, from the left?"
            hint = "these are x itself." if np.allclose(got, x) else hint
            require(False, task, "vectors of other lengths", "vectors of the same lengths", hint)
    passed(task)


def gram_gradient(answer):
    """Judge a function (x (N, C), target (C, C)) -> the gradient of the squared difference, (N, C)."""
    rng = np.random.default_rng(3)
    cases = []
    for n, c in ((5, 2), (7, 3), (3, 4)):
        other = rng.normal(size=(9, c))
        cases.append((rng.normal(0.5, 1, (n, c)), other.T @ other / 9))
    judge(
        "the gradient of the Gram loss",
        answer,
        cases,
        _gradient,
        [
            Mistake(
                "half of it",
                lambda x, a: _gradient(x, a) / 2,
                "X stands in G twice, and the square gives a 2 as well.",
            ),
            Mistake(
                "a quarter of it",
                lambda x, a: _gradient(x, a) / 4,
                "The inner derivatives are missing: that of the square, and that of a product of X with itself.",
            ),
            Mistake(
                "no division by the positions",
                lambda x, a: _gradient(x, a) * len(x),
                "G is an average, and a single position moves it little.",
            ),
            Mistake("uphill signs", lambda x, a: -_gradient(x, a), "The gradient points to where the loss grows."),
            Mistake(
                "the gradient of a mean over entries",
                lambda x, a: _gradient(x, a) / a.size,
                "The loss is a sum over the entries of the matrix.",
            ),
            Mistake(
                "the target forgotten",
                lambda x, a: _gradient(x, 0 * a),
                "Where G equals the target, the gradient must vanish.",
            ),
            Symptom(
                "a gradient with respect to G",
                lambda got, want, x, a: got.shape == a.shape and got.shape != x.shape,
                "One more link of the chain leads from G to the features.",
            ),
        ],
    )


def _gram_of_maps(maps):
    return np.einsum("hwc,hwd->cd", maps, maps) / (maps.shape[0] * maps.shape[1])


def _mmd(x, y, power=2, cross=-2, diagonal=True, mean=np.mean, scale=1.0, c=0.0):
    def of(a, b, within):
        table = (a @ b.T / scale + c) ** power
        if within and not diagonal:
            return (table.sum() - np.trace(table)) / (len(a) * (len(a) - 1))
        return mean(table)

    return of(x, x, True) + of(y, y, True) + cross * of(x, y, False)


def _gradient(x, target):
    return 4 / len(x) * x @ (x.T @ x / len(x) - target)


def _is_multiple(x, got):
    factor = np.sum(got * x) / np.sum(x * x)
    return np.allclose(got, factor * x)
