"""Right and wrong answers to the exercises of lesson 02, with a piece of the hint that each wrong one must get."""

import numpy as np

from course_lib import checks


def kl(mq, vq, mp, vp):
    return 0.5 * np.sum(vp - vq + (np.exp(vq) + (mq - mp) ** 2) / np.exp(vp) - 1, axis=1)


def elbo(x, mean, logvar, W, variance):
    square = ((x - mean @ W.T) ** 2).sum(axis=1) + np.exp(logvar) @ (W**2).sum(axis=0)
    return -0.5 * x.shape[1] * np.log(2 * np.pi * variance) - square / (2 * variance) - price(mean, logvar)


def price(mean, logvar):
    return 0.5 * (mean**2 + np.exp(logvar) - logvar - 1).sum(axis=1)


def spread(logvar, W, variance):
    return np.exp(logvar) @ (W**2).sum(axis=0) / (2 * variance)


def bound(w):
    top = w.max(axis=1)
    return top + np.log(np.exp(w - top[:, None]).mean(axis=1))


def ess(w):
    w = np.exp(w - w.max(axis=1, keepdims=True))
    return w.sum(axis=1) ** 2 / (w**2).sum(axis=1)


def pathwise(df, m, s, e):
    return df(m + s * e), df(m + s * e) * s * e


def score(f, m, s, e, b):
    return (f(m + s * e) - b) * e / s


CATALOGUE = [
    (
        checks.kl_diagonal_gaussians,
        kl,
        {
            "mean for sum": (lambda *c: kl(*c) / c[0].shape[1], "what do the logarithms do"),
            "missing half": (lambda *c: 2 * kl(*c), "in front of a Gaussian's square"),
            "exchanged": (lambda mq, vq, mp, vp: kl(mp, vp, mq, vq), "under which of the two"),
            "log std": (lambda mq, vq, mp, vp: kl(mq, 2 * vq, mp, 2 * vp), "Which power of σ"),
            "standard normal p": (lambda mq, vq, mp, vp: price(mq, vq), "a variance of its own"),
            "means not divided": (
                lambda mq, vq, mp, vp: 0.5 * (vp - vq + np.exp(vq - vp) + (mq - mp) ** 2 - 1).sum(1),
                "In whose units",
            ),
            "summed over everything": (lambda *c: kl(*c).sum(), "a divergence of its own"),
        },
    ),
    (
        checks.linear_elbo,
        elbo,
        {
            "at the mean of q": (lambda x, m, v, W, s: elbo(x, m, v, W, s) + spread(v, W, s), "spread of z add"),
            "KL added": (lambda x, m, v, W, s: elbo(x, m, v, W, s) + 2 * price(m, v), "added to the bound or taken"),
            "KL forgotten": (lambda x, m, v, W, s: elbo(x, m, v, W, s) + price(m, v), "Only the reconstruction"),
            "no constant": (
                lambda x, m, v, W, s: elbo(x, m, v, W, s) + 0.5 * x.shape[1] * np.log(2 * np.pi * s),
                "two variances could not be compared",
            ),
            "one normalisation": (
                lambda x, m, v, W, s: elbo(x, m, v, W, s) + 0.5 * (x.shape[1] - 1) * np.log(2 * np.pi * s),
                "Every visible number",
            ),
            "missing half": (
                lambda x, m, v, W, s: elbo(x, m, v, W, s) - ((x - m @ W.T) ** 2).sum(1) / (2 * s) - spread(v, W, s),
                "Gaussian's exponent",
            ),
            "a loss": (lambda *c: -elbo(*c), "the negative of what is asked"),
        },
    ),
    (
        checks.pathwise_gradient,
        pathwise,
        {
            "slope at the mean": (lambda df, m, s, e: (df(m + 0 * e), df(m + 0 * e) * s * e), "where is its slope"),
            "noise forgotten": (lambda df, m, s, e: (df(m + s * e), df(m + s * e)), "How far does z move"),
            "by sigma": (lambda df, m, s, e: (df(m + s * e), df(m + s * e) * e), "derivative of its exponential"),
            "variance": (lambda df, m, s, e: pathwise(df, m, s**2, e), "scaled by the standard deviation"),
            "averaged": (lambda *c: tuple(np.mean(g) for g in pathwise(*c)), "One gradient for each draw"),
        },
    ),
    (
        checks.score_gradient,
        score,
        {
            "no baseline": (lambda f, m, s, e, b: score(f, m, s, e, 0), "has no effect"),
            "baseline outside": (lambda f, m, s, e, b: f(m + s * e) * e / s - b, "shifts the expectation"),
            "baseline added": (lambda f, m, s, e, b: score(f, m, s, e, -b), "closer to zero"),
            "noise as score": (lambda f, m, s, e, b: score(f, m, s, e, b) * s, "which power of σ is left"),
            "divided twice": (lambda f, m, s, e, b: score(f, m, s, e, b) / s, "Write it with ε"),
            "log-density": (
                lambda f, m, s, e, b: (f(m + s * e) - b) * (-0.5 * e**2 - np.log(s * np.sqrt(2 * np.pi))),
                "is a derivative by the mean",
            ),
        },
    ),
    (
        checks.best_baseline,
        lambda f, s: np.mean(f * s**2) / np.mean(s**2),
        {
            "mean": (lambda f, s: np.mean(f), "count alike"),
            "not squared": (lambda f, s: np.mean(f * s) / np.mean(s), "before you differentiate"),
            "not normalised": (lambda f, s: np.mean(f * s**2), "the same number everywhere"),
            "absolute": (lambda f, s: np.mean(f * abs(s)) / np.mean(abs(s)), "come from a square"),
        },
    ),
    (
        checks.quieter_estimator,
        "b",
        {
            "parabola": ("a", "in closed form"),
            "ramp": ("c", "on the right of this ramp"),
            "none": ("d", "for each of the three"),
        },
    ),
    (
        checks.importance_bound,
        bound,
        {
            "mean of logs": (lambda w: w.mean(axis=1), "before the logarithm"),
            "sum": (lambda w: bound(w) + np.log(w.shape[1]), "copying a draw"),
            "maximum lost": (lambda w: bound(w - w.max(axis=1, keepdims=True)), "has to return"),
            "maximum alone": (lambda w: w.max(axis=1), "have weights too"),
            "wrong axis": (lambda w: bound(w.T), "the second their draws"),
            "naive": (lambda w: _naive(w), "exp(−1000)"),
        },
    ),
    (
        checks.effective_sample_size,
        ess,
        {
            "inverse": (lambda w: 1 / ess(w), "should give k"),
            "share": (lambda w: ess(w) / w.shape[1], "a number of draws"),
            "logarithms": (lambda w: w.sum(axis=1) ** 2 / (w**2).sum(axis=1), "some are negative"),
            "not squared": (
                lambda w: ess(w) / np.exp(w - w.max(axis=1, keepdims=True)).sum(axis=1),
                "the powers above",
            ),
            "naive": (lambda w: _naive_ess(w), "within reach of exp"),
        },
    ),
    (
        checks.sick_bounds,
        {"A": 2, "B": 1, "C": 3},
        {
            "A and B": ({"A": 1, "B": 2, "C": 3}, "Can a bound do that"),
            "A and C": ({"A": 3, "B": 1, "C": 2}, "What does that decoder do with z"),
            "B and C": ({"A": 2, "B": 3, "C": 1}, "below log p(x) to the end"),
            "all wrong": ({"A": 3, "B": 2, "C": 1}, "impossible for a bound"),
        },
    ),
    (
        checks.iwae_bug_line,
        5,
        {
            "draw": (1, "is halved"),
            "log q": (2, "One density for each draw"),
            "weights": (3, "three terms"),
            "maximum": (4, "What becomes of it"),
            "loss": (6, "over examples"),
        },
    ),
]


def _naive(w):
    with np.errstate(divide="ignore"):
        return np.log(np.mean(np.exp(w), axis=1))


def _naive_ess(w):
    with np.errstate(invalid="ignore"):
        return np.exp(w).sum(axis=1) ** 2 / np.exp(2 * w).sum(axis=1)
