"""Checks of exercise 09 about distances of features: Fréchet, kernel, and their dependence on the sample size."""

import numpy as np

from course_lib import metrics
from course_lib.checks.framework import Mistake, Symptom, compare, compare_value, judge, passed, require, run

__all__ = ["fid_faults", "frechet_from_features", "infinite_samples", "unbiased_kernel_distance"]


def frechet_from_features(answer):
    """Judge a function (x (n, d), y (m, d)) -> the Fréchet distance, a number."""
    cases = _feature_sets()
    task = "the Fréchet distance from features"
    mistakes = [
        Mistake(
            "a cross term without its factor",
            lambda x, y: _frechet(x, y, factor=1.0),
            "For equal sets the three traces must cancel.",
        ),
        Mistake(
            "a root at the end",
            lambda x, y: np.sqrt(_frechet(x, y)),
            "The squared distance is meant. Does your result grow with the square of the features?",
        ),
        Mistake(
            "only the means",
            lambda x, y: np.sum((x.mean(0) - y.mean(0)) ** 2),
            "Two sets with one mean and different spreads are not equal.",
        ),
        Mistake(
            "only the covariances",
            lambda x, y: _frechet(x - x.mean(0), y - y.mean(0)),
            "Shift all of one set: should nothing happen?",
        ),
        Mistake(
            "a distance of means that is not squared",
            lambda x, y: _frechet(x - x.mean(0), y - y.mean(0)) + np.linalg.norm(x.mean(0) - y.mean(0)),
            "All terms need the unit of a square.",
        ),
        Mistake(
            "the trace of a product of roots",
            _commuting,
            "The root of a product is no product of roots, unless the two have the same eigenvectors.",
        ),
        Mistake(
            "variances of single features only",
            lambda x, y: np.sum((x.mean(0) - y.mean(0)) ** 2) + np.sum((x.std(0, ddof=1) - y.std(0, ddof=1)) ** 2),
            "Correlations of features count as well.",
        ),
        Mistake(
            "covariances with n in the denominator",
            lambda x, y: _frechet(x, y, ddof=0),
            "The task asks for the unbiased covariance.",
        ),
        Symptom(
            "a complex or missing root",
            lambda got, want, x, y: np.iscomplexobj(got) or not np.all(np.isfinite(got)),
            "With fewer pictures than features the covariance is singular. Which form needs no root of a product?",
        ),
    ]
    compare(task, answer, cases, metrics.frechet_distance, mistakes, rtol=1e-4, atol=1e-5)
    same = cases[1][0]
    itself = run(task, answer, same, same)
    require(
        abs(itself) < 1e-6,
        task,
        "0 up to 1e-6 for a set against itself",
        itself,
        "under a root, a round-off of 1e-16 becomes 1e-8, and more for large features.",
    )
    passed(task)


def unbiased_kernel_distance(answer):
    """Judge a function (x (n, d), y (m, d)) -> the unbiased squared MMD with the cubic kernel, a number."""
    rng = np.random.default_rng(1)
    cases = [(rng.normal(size=(n, d)), rng.normal(size=(m, d)) + 0.3) for n, m, d in ((5, 7, 3), (2, 6, 4), (8, 3, 2))]
    judge(
        "the kernel distance without bias",
        answer,
        cases,
        metrics.kernel_distance,
        [
            Mistake(
                "the pairs of a picture with itself",
                lambda x, y: _mmd(x, y, diagonal=True, pairs=lambda n: n**2),
                "In the expectation of k(x, x') the two are independent draws; is a picture independent of itself?",
            ),
            Mistake(
                "a mean over n² with n (n − 1) terms",
                lambda x, y: _mmd(x, y, pairs=lambda n: n**2),
                "How many pairs are left when the diagonal is gone?",
            ),
            Mistake(
                "the diagonal in the sum, but not in the count",
                lambda x, y: _mmd(x, y, diagonal=True),
                "The sum and the count must be over the same pairs.",
            ),
            Mistake(
                "each pair counted once",
                lambda x, y: _mmd(x, y, pairs=lambda n: 2 * n * (n - 1)),
                "The sum over i ≠ j contains (i, j) as well as (j, i); sum and count have to agree.",
            ),
            Mistake(
                "a kernel without d",
                lambda x, y: _mmd(x, y, scale=lambda d: 1),
                "The inner product is divided by the number of features, or the value would grow with it.",
            ),
            Mistake(
                "a kernel without its 1",
                lambda x, y: _mmd(x, y, offset=0),
                "Without the 1 only the third moments are compared.",
            ),
            Mistake(
                "a square for the cube",
                lambda x, y: _mmd(x, y, degree=2),
                "Which degree has the kernel of this course?",
            ),
            Mistake(
                "a single cross term",
                lambda x, y: _mmd(x, y, cross=1),
                "Expand ‖a − b‖²: how often does a·b occur?",
            ),
            Mistake(
                "a flipped sign",
                lambda x, y: _mmd(x, y, cross=-2),
                "For equal distributions the terms must cancel on average.",
            ),
        ],
    )


def infinite_samples(answer):
    """Judge a function (sizes (s,), values (s,)) -> the value extrapolated to n = ∞, a number."""
    rng = np.random.default_rng(2)
    cases = [(np.array([100.0, 200.0]), np.array([30.0, 20.0]))]
    for limit, c, sizes in ((5.0, 3_000.0, [250, 500, 1000, 4000]), (40.0, 900.0, [100, 300, 1000])):
        sizes = np.array(sizes, float)
        cases.append((sizes, limit + c / sizes + rng.normal(size=len(sizes))))
    judge(
        "the value for infinitely many samples",
        answer,
        cases,
        lambda n, v: np.polyfit(1 / n, v, 1)[1],
        [
            Mistake(
                "a line against n",
                lambda n, v: np.polyfit(n, v, 1)[1],
                "At which place of your axis does n = ∞ lie? The intercept of a line is its value at 0.",
            ),
            Mistake(
                "the value with the most samples",
                lambda n, v: v[np.argmax(n)],
                "This is the best measurement; its bias c/n is still in it.",
            ),
            Mistake("the mean of the values", lambda n, v: v.mean(), "All of them are biased in one direction."),
            Mistake(
                "the slope",
                lambda n, v: np.polyfit(1 / n, v, 1)[0],
                "That is c. NumPy's polyfit returns the highest power first.",
            ),
            Mistake(
                "a line against 1/√n",
                lambda n, v: np.polyfit(1 / np.sqrt(n), v, 1)[1],
                "The standard error falls like 1/√n; how does the bias fall?",
            ),
            Mistake(
                "a line through the first and the last point",
                lambda n, v: (n[-1] * v[-1] - n[0] * v[0]) / (n[-1] - n[0]),
                "Least squares uses all measurements, not two of them.",
            ),
        ],
    )


def fid_faults(value):
    """Judge a dictionary "covariances", "root", "factor" -> the number of the faulty line."""
    task = "the faults of the routine"
    keys = ("covariances", "root", "factor")
    ok = isinstance(value, dict) and set(value) == set(keys)
    require(ok, task, f"a dictionary with the keys {keys}", str(value)[:80])
    for key, right in zip(keys, (2, 4, 5), strict=True):
        mistakes = [
            Mistake("the means", 1, "Line 1 averages over the pictures, one mean for each feature: as it should be."),
            Mistake("the difference", 3, "Line 3 is right if the means are."),
        ]
        if key == "covariances":
            mistakes.append(Mistake("the root", 4, "Line 4 uses what another line has made of the features."))
        if key == "root":
            mistakes.append(Mistake("the covariances", 2, "Line 2 takes no root; look for the line that takes one."))
        if key == "factor":
            mistakes.append(Mistake("the root itself", 4, "Compare the last line with the formula, sign by sign."))
        compare_value(f"{task}: {key}", value[key], right, "the number of a line, 1 to 5", mistakes)
    passed(task)


def _feature_sets():
    """Cases: many pictures, fewer pictures than features, constant features, and two flat sets."""
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(4, 4))
    few = rng.normal(size=(5, 12)) @ rng.normal(size=(12, 12)) + 3
    constant = rng.normal(size=(20, 3)) @ np.array([[1.0, 0.5, 0, 0], [0, 1, 0, 0.3], [0, 0, 0, 2]])
    return [
        (rng.normal(size=(30, 4)) @ mix, rng.normal(size=(20, 4)) + 0.5),
        (few, 2 * few[::-1, ::-1] - 1),
        (constant, constant[:15] * 1.5 + [0, 0, 2.0, 0]),
        (np.array([[0.0, 0.0], [2.0, 0.0]]), np.array([[3.0, 0.0], [3.0, 4.0]])),
    ]


def _frechet(x, y, factor=2.0, ddof=1):
    a, b = (np.cov(z, rowvar=False, ddof=ddof) for z in (x, y))
    means = np.sum((x.mean(0) - y.mean(0)) ** 2)
    same_traces = np.trace(a) + np.trace(b)
    scale = (len(x) - 1) / (len(x) - ddof), (len(y) - 1) / (len(y) - ddof)
    full = metrics.frechet_distance(x, y) - means
    overlap = (np.trace(a) / scale[0] + np.trace(b) / scale[1] - full) / 2 * np.sqrt(scale[0] * scale[1])
    return means + same_traces - factor * overlap


def _commuting(x, y):
    a, b = (_root(np.cov(z, rowvar=False)) for z in (x, y))
    return np.sum((x.mean(0) - y.mean(0)) ** 2) + np.sum((a - b) ** 2)


def _root(cov):
    values, vectors = np.linalg.eigh(cov)
    return vectors * np.sqrt(values.clip(0)) @ vectors.T


def _mmd(x, y, diagonal=False, pairs=lambda n: n * (n - 1), scale=lambda d: d, offset=1, degree=3, cross=2):
    def kernel(a, b):
        return (a @ b.T / scale(a.shape[1]) + offset) ** degree

    def within(a):
        table = kernel(a, a)
        return (table.sum() - (0 if diagonal else np.trace(table))) / pairs(len(a))

    return within(x) + within(y) - cross * kernel(x, y).mean()
