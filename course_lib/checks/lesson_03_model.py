"""Checks of the exercises of lesson 03 about pixel noise, active units and measured trade-offs."""

import numpy as np

from course_lib.checks.framework import Mistake, Symptom, judge, judge_value, passed, require

__all__ = ["active_units", "best_variance", "gaussian_nll", "prediction", "rate_distortion"]


def gaussian_nll(answer):
    """Judge a function (x, mean, variance), (N, D), (N, D), number -> negative log-likelihood in nats, (N,)."""
    rng = np.random.default_rng(0)
    cases = [(rng.normal(size=(3, 5)), rng.normal(size=(3, 5)), v) for v in (0.05, 2.0)]

    def parts(x, mean, variance):
        return ((x - mean) ** 2).sum(axis=1) / (2 * variance), 0.5 * x.shape[1] * np.log(2 * np.pi * variance)

    judge(
        "the Gaussian negative log-likelihood",
        answer,
        cases,
        lambda *case: sum(parts(*case)),
        [
            Mistake(
                "a mean over the pixels",
                lambda x, m, v: sum(parts(x, m, v)) / x.shape[1],
                "Independent pixels: a likelihood is a product of D factors.",
            ),
            Mistake(
                "squares only",
                lambda x, m, v: parts(x, m, v)[0],
                "Without the normalisation a huge variance would make every image certain.",
            ),
            Mistake(
                "a normalisation that counts one pixel",
                lambda x, m, v: parts(x, m, v)[0] + 0.5 * np.log(2 * np.pi * v),
                "How many Gaussians are multiplied, and how many normalisations do they bring?",
            ),
            Mistake(
                "a standard deviation taken for the variance",
                lambda x, m, v: sum(parts(x, m, v**2)),
                "The argument is σ², not σ.",
            ),
            Mistake(
                "a constant left out",
                lambda x, m, v: sum(parts(x, m, v)) - 0.5 * x.shape[1] * np.log(2 * np.pi),
                "Harmless for training, but not the likelihood: compare with the worked number.",
            ),
            Symptom(
                "a flipped sign",
                lambda got, want, *case: np.allclose(got, -want),
                "The log-likelihood is to be large, its negative is the loss.",
            ),
        ],
    )


def best_variance(answer):
    """Judge a function (x, mean), each (N, D) -> the best shared variance, a number."""
    rng = np.random.default_rng(1)
    cases = [(rng.normal(size=(4, 6)), rng.normal(size=(4, 6))), (np.full((3, 2), 2.0), np.zeros((3, 2)))]
    judge(
        "the best variance",
        answer,
        cases,
        lambda x, m: np.mean((x - m) ** 2),
        [
            Mistake(
                "a sum over the pixels",
                lambda x, m: np.mean(np.sum((x - m) ** 2, axis=1)),
                "A variance belongs to one pixel.",
            ),
            Mistake(
                "a total over images and pixels",
                lambda x, m: np.sum((x - m) ** 2),
                "More data must not mean more noise.",
            ),
            Mistake("a root", lambda x, m: np.sqrt(np.mean((x - m) ** 2)), "Is it σ or σ² that is asked for?"),
            Mistake(
                "a variance for each image",
                lambda x, m: np.mean((x - m) ** 2, axis=1),
                "One number is shared by all images.",
            ),
            Mistake(
                "errors measured around their own mean",
                lambda x, m: np.var(x - m),
                "A decoder that is always off by the same amount is wrong too.",
            ),
        ],
    )


def active_units(answer):
    """Judge a function means (N, d) -> number of units whose mean has a variance above 0.01."""
    rng = np.random.default_rng(0)
    # Standard deviations on both sides of the threshold in variance, and constant units away from zero.
    means = rng.normal(size=(400, 6)) * [1.0, 0.5, 0.2, 0.06, 0.02, 0.0] + [0, 1, -2, 3, 0, 2]
    cases = [(means,), (np.full((10, 4), 3.0),), (rng.normal(size=(50, 3)),)]
    judge(
        "active units",
        answer,
        cases,
        lambda m: int(np.sum(np.var(m, axis=0) > 0.01)),
        [
            Mistake(
                "a second moment taken for the variance",
                lambda m: int(np.sum(np.mean(m**2, axis=0) > 0.01)),
                "A unit that is 3 for every image tells images apart no better than one that is 0.",
            ),
            Mistake(
                "a standard deviation taken for the variance",
                lambda m: int(np.sum(np.std(m, axis=0) > 0.01)),
                "The threshold is for the square of a spread.",
            ),
            Mistake(
                "a variance over the units",
                lambda m: int(np.sum(np.var(m, axis=1) > 0.01)),
                "You counted images. Along which axis does the image change?",
            ),
            Mistake(
                "inactive units counted",
                lambda m: int(np.sum(np.var(m, axis=0) <= 0.01)),
                "On which side of the threshold is a unit in use?",
            ),
            Mistake(
                "a share in place of a count",
                lambda m: float(np.mean(np.var(m, axis=0) > 0.01)),
                "How many, not what part of all.",
            ),
        ],
    )


def prediction(value):
    """Judge the choice a, b, c or d for what happens as β grows."""
    judge_value(
        "the prediction",
        value,
        "b",
        "one of the letters a, b, c, d",
        [
            Mistake("a free lunch", "a", "If both could fall together, the smaller β would have found that point too."),
            Mistake("a trade in the other direction", "c", "β is the price of a nat of KL. What do you buy less of?"),
            Mistake("a rescaled loss", "d", "β multiplies one of the two terms, not both."),
        ],
    )


def rate_distortion(results):
    """Judge measured results {β: (rate, distortion)}, in nats per image, by the properties they must have."""
    task = "rate and distortion over β"
    fine = isinstance(results, dict) and len(results) >= 3 and all(np.shape(pair) == (2,) for pair in results.values())
    require(fine, task, "a dictionary with three or more entries β: (rate, distortion)", results)
    betas = sorted(results)
    rates, distortions = np.array([results[beta] for beta in betas], float).T
    shown = ", ".join(f"β = {b:g}: ({r:.4g}, {x:.4g})" for b, r, x in zip(betas, rates, distortions, strict=True))
    finite = np.isfinite(rates).all() and np.isfinite(distortions).all()
    require(finite, task, "finite numbers", shown, "a loss became NaN: is the step size 2e-3?")
    require(
        rates.max() < distortions.min() or distortions.max() < 5,
        task,
        "rates far below distortions",
        shown,
        "this looks like a swapped pair: which number is the KL term?",
    )
    require(
        distortions.min() > 5,
        task,
        "distortions in nats per image, in the hundreds",
        shown,
        "this looks like a distortion per pixel, or a mean. How many pixels does an image have?",
    )
    require(rates.min() > -1e-3, task, "rates of at least 0", shown, "can a KL divergence be negative?")
    require(
        np.all(np.diff(rates) < 0),
        task,
        "a rate that falls as β grows",
        shown,
        "this looks like a rate that still carries its price, or runs that did not all start from the same seed.",
    )
    require(
        np.all(np.diff(distortions) > 0) and distortions.max() < 1.5 * 784 * np.log(2),
        task,
        "a distortion that rises as β grows, to that of grey pictures at most",
        shown,
        "is this the reconstruction term alone, after training at that β?",
    )
    passed(task)
