"""Checks of the exercises of lesson 07 about measuring collapse and about smoothed labels."""

import numpy as np

from course_lib import data, divergences
from course_lib.checks.framework import Mistake, Symptom, judge, judge_value

__all__ = ["diversity_ratio", "kept_modes", "lost_half", "smoothed_optimum", "smoothing_harm", "uniform_divergence"]


def kept_modes(answer):
    """Judge a function (samples (N, 2), centres (m, 2), std) -> (kept modes, share of samples within 3 std)."""
    judge(
        "kept modes",
        answer,
        _mode_cases(),
        _kept,
        [
            Mistake(
                "one sample is enough",
                lambda x, c, s: _kept(x, c, s, least=1e-9),
                "How many samples has a mode with a tenth of its fair share?",
            ),
            Mistake(
                "every sample counted for its nearest mode",
                lambda x, c, s: (_kept(x, c, 1e9)[0], _kept(x, c, s)[1]),
                "A sample far from all modes keeps none of them alive.",
            ),
            Mistake(
                "a radius of one standard deviation",
                lambda x, c, s: _kept(x, c, s / 3),
                "How far from the centre does a good sample lie at most?",
            ),
            Mistake(
                "a squared distance compared with a distance",
                lambda x, c, s: _kept(x, c, np.sqrt(3 * s) / 3),
                "Both sides of the comparison must have the same unit.",
            ),
            Mistake(
                "the whole fair share required",
                lambda x, c, s: _kept(x, c, s, least=1.0),
                "A mode with half of its fair share has not been lost.",
            ),
            Mistake(
                "a count in place of a share",
                lambda x, c, s: (_kept(x, c, s)[0], _kept(x, c, s)[1] * len(x)),
                "A share lies between 0 and 1.",
            ),
            Symptom(
                "the share of kept modes",
                lambda got, want, x, c, s: np.isclose(got[0] * len(c), want[0]) and want[0] > 1,
                "The first of the two is a number of modes.",
            ),
        ],
    )


def _mode_cases():
    ring, centres = data.gaussian_ring(400, 8, 2.0, 0.1, seed=1)
    angle = np.arctan2(ring[:, 1], ring[:, 0])
    half = np.concatenate([ring[np.abs(angle) < 1.2], ring[:8] * 0.4, centres[[4]] + 0.01])
    uneven = np.concatenate([np.repeat(centres[:5], [60, 20, 6, 1, 13], axis=0), np.zeros((10, 2))])
    uneven = uneven + 0.1 * np.random.default_rng(2).standard_normal(uneven.shape)
    return [(ring, centres, 0.1), (half, centres, 0.1), (uneven, centres, 0.1), (ring * 1.1, centres, 0.05)]


def _kept(samples, centres, std, least=0.1):
    distances = np.linalg.norm(samples[:, None] - centres, axis=2)
    good = distances.min(axis=1) < 3 * std
    counts = np.bincount(distances.argmin(axis=1)[good], minlength=len(centres))
    return int(np.sum(counts >= least * len(samples) / len(centres))), float(good.mean())


def uniform_divergence(answer):
    """Judge a function counts (m,) -> KL in nats from the histogram to the uniform distribution."""
    cases = [(np.array(c),) for c in ([5, 0, 0, 15], [3, 1], [10, 10, 10], [1, 2, 3, 4, 0], [7, 0, 0, 0, 0, 0, 0, 0])]

    def right(counts):
        return divergences.kl_discrete(counts / counts.sum(), np.full(len(counts), 1 / len(counts)))

    def shares(counts):
        return counts / counts.sum()

    def entropy(counts):
        return np.log(len(counts)) - right(counts)

    with np.errstate(divide="ignore", invalid="ignore"):
        judge(
            "the divergence from uniform",
            answer,
            cases,
            right,
            [
                Mistake("bits", lambda c: right(c) / np.log(2), "The course counts in nats."),
                Mistake("the entropy itself", entropy, "An even histogram must get 0."),
                Mistake("a flipped sign", lambda c: -right(c), "Can a KL divergence be negative?"),
                Mistake(
                    "counts that were not made shares",
                    lambda c: np.sum(c[c > 0] * np.log(c[c > 0] * len(c))),
                    "A histogram of twice as many samples with the same shares must get the same number.",
                ),
                Mistake(
                    "a uniform distribution over the modes that were hit only",
                    lambda c: right(c[c > 0]),
                    "One mode of eight, and all samples in it: should that be called even?",
                ),
                Symptom(
                    "the forward KL",
                    lambda got, want, c: np.isposinf(got) or (want > 1e-3 and np.isclose(got, _forward(shares(c)))),
                    "Which of the two distributions stands in front of the logarithm, and is 0 at an empty mode?",
                ),
                Symptom(
                    "an empty mode that spoils the sum",
                    lambda got, want, c: np.isnan(got),
                    "What is the limit of h ln h as h goes to 0, and what does NumPy make of 0 · ln 0?",
                ),
            ],
        )


def _forward(shares):
    with np.errstate(divide="ignore"):
        return -np.mean(np.log(shares * len(shares)))


def smoothed_optimum(answer):
    """Judge a function (p (n,), q (n,), real_target, fake_target) -> the best D's output (n,)."""
    p, q = np.array([0.4, 0.3, 0.2, 0.1, 0.0]), np.array([0.0, 0.1, 0.2, 0.5, 0.2])
    cases = [(p + 0.1, q, 1.0, 0.0), (p + 0.1, q, 0.9, 0.0), (p, q, 0.9, 0.2), (q + 0.1, p + 0.2, 0.7, 0.3)]

    def right(p, q, real, fake):
        return (real * p + fake * q) / (p + q)

    judge(
        "the best D under smoothed labels",
        answer,
        cases,
        right,
        [
            Mistake("hard labels", lambda p, q, a, b: p / (p + q), "Where do the two targets enter?"),
            Mistake(
                "the target of the samples left out",
                lambda p, q, a, b: a * p / (p + q),
                "What does D answer at a place where there are samples only, if it is told to say 0.2 there?",
            ),
            Mistake(
                "swapped targets",
                lambda p, q, a, b: right(p, q, b, a),
                "With targets 1 and 0, D must be 1 where there are data only.",
            ),
            Mistake(
                "a weighted average with the targets as weights",
                lambda p, q, a, b: a * p / (a * p + b * q),
                "Set the derivative of the expected loss at one place x to 0: what stands in the denominator?",
            ),
            Mistake(
                "a numerator without its denominator",
                lambda p, q, a, b: a * p + b * q,
                "D's answer must not change if p and q both double at a place.",
            ),
        ],
    )


def smoothing_harm(value):
    """Judge the letter of what a smoothed target for samples does where there are samples only."""
    judge_value(
        "what smooth targets for samples do",
        value,
        "c",
        "one of the letters",
        [
            Mistake("a D that stays at 0 there", "a", "Evaluate your function with p = 0 and the target 0.2."),
            Mistake("a D at ½ there", "b", "½ is what D says where p and q are equal; here p is 0."),
            Mistake(
                "an optimum that leaves with the generator",
                "d",
                "Compare the best D's answer at such a place with its answer at a place with neither.",
            ),
        ],
    )


def diversity_ratio(answer):
    """Judge a function (samples (N, d), data (M, d)) -> mean pairwise distance of samples over that of the data."""
    rng = np.random.default_rng(0)
    cases = [
        (rng.standard_normal((6, 2)), 3 * rng.standard_normal((9, 2))),
        (rng.standard_normal((5, 4)), rng.standard_normal((7, 4))),
        (5 + 0.1 * rng.standard_normal((4, 3)), rng.standard_normal((6, 3))),
    ]

    def mean(x, power=1, pairs=lambda n: n * (n - 1)):
        return (np.linalg.norm(x[:, None] - x, axis=2) ** power).sum() / pairs(len(x))

    def right(x, y):
        return mean(x) / mean(y)

    judge(
        "the diversity ratio",
        answer,
        cases,
        right,
        [
            Mistake(
                "pairs of a point with itself",
                lambda x, y: mean(x, pairs=lambda n: n * n) / mean(y, pairs=lambda n: n * n),
                "Zero distance of a point to itself says nothing about variety. How many pairs are left without those?",
            ),
            Mistake("squared distances", lambda x, y: mean(x, 2) / mean(y, 2), "A distance has the unit of the data."),
            Mistake("an inverted ratio", lambda x, y: 1 / right(x, y), "Samples all alike must get 0."),
            Mistake("no comparison with the data", lambda x, y: mean(x), "Which number do the data themselves get?"),
            Mistake(
                "a sum in place of a mean",
                lambda x, y: mean(x, pairs=lambda n: 1) / mean(y, pairs=lambda n: 1),
                "Twice as many samples of the same kind must get the same number.",
            ),
            Mistake(
                "distances between samples and data",
                lambda x, y: np.linalg.norm(x[:, None] - y, axis=2).mean() / mean(y),
                "Variety is a property of the samples alone; the data set the scale.",
            ),
        ],
    )


def lost_half(value):
    """Judge the letter of which measure notices that every second mode of a ring is missing."""
    judge_value(
        "what notices half of a ring",
        value,
        "b",
        "one of the letters",
        [
            Mistake("trust in the distance", "a", "Print diversity_ratio(half, whole). Would you notice?"),
            Mistake("trust in both", "c", "Print both numbers. Which of them is close to that of the data?"),
            Mistake("trust in neither", "d", "One of the two numbers is ln 2. What does the whole ring get?"),
        ],
    )
