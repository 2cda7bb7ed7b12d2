"""Checks of exercise 09 about neighbours: precision, recall, coverage, and what a perfect generator gets."""

import numpy as np
from scipy.spatial.distance import cdist

from course_lib.checks.framework import Mistake, Symptom, judge, judge_value

__all__ = ["coverage_from_distances", "perfect_coverage", "precision_recall_from_distances"]


def precision_recall_from_distances(answer):
    """Judge a function (real_real (n, n), fake_fake (m, m), fake_real (m, n), k) -> (precision, recall)."""
    judge(
        "precision and recall",
        answer,
        _cases(),
        _precision_recall,
        [
            Mistake(
                "a point that is its own neighbour",
                lambda rr, ff, fr, k: _precision_recall(rr, ff, fr, k - 1),
                "At which place of its sorted row does a point find itself?",
            ),
            Mistake(
                "one neighbour too many",
                lambda rr, ff, fr, k: _precision_recall(rr, ff, fr, k + 1),
                "Count again: entry 0 of a sorted row is the point itself, at distance 0.",
            ),
            Mistake(
                "exchanged roles",
                lambda rr, ff, fr, k: _precision_recall(rr, ff, fr, k)[::-1],
                "Which of the two asks about generated points, whether they lie among real ones?",
            ),
            Mistake(
                "balls around the wrong set",
                lambda rr, ff, fr, k: (
                    (fr <= _radii(ff, k)[:, None]).any(axis=1).mean(),
                    (fr <= _radii(rr, k)).any(axis=0).mean(),
                ),
                "For precision the balls belong to the real points, for recall to the generated ones.",
            ),
            Mistake(
                "all balls required",
                lambda rr, ff, fr, k: (
                    (fr <= _radii(rr, k)).all(axis=1).mean(),
                    (fr <= _radii(ff, k)[:, None]).all(axis=0).mean(),
                ),
                "One ball that holds the point is enough.",
            ),
            Mistake(
                "a mean over pairs",
                lambda rr, ff, fr, k: ((fr <= _radii(rr, k)).mean(), (fr <= _radii(ff, k)[:, None]).mean()),
                "A share of points, not of pairs: is this point in any ball?",
            ),
            Mistake(
                "one radius for all",
                lambda rr, ff, fr, k: (
                    (fr <= _radii(rr, k).mean()).any(axis=1).mean(),
                    (fr <= _radii(ff, k).mean()).any(axis=0).mean(),
                ),
                "Each point has a ball of its own size: small where points are dense.",
            ),
            Mistake(
                "balls without their surface",
                lambda rr, ff, fr, k: (
                    (fr < _radii(rr, k)).any(axis=1).mean(),
                    (fr < _radii(ff, k)[:, None]).any(axis=0).mean(),
                ),
                "What should happen to a point exactly at the radius?",
            ),
            Symptom(
                "percentages",
                lambda got, want, *case: np.max(got) > 1.5,
                "A share lies between 0 and 1.",
            ),
        ],
    )


def coverage_from_distances(answer):
    """Judge a function (real_real (n, n), fake_real (m, n), k) -> coverage, a number."""
    cases = [(rr, fr, k) for rr, _, fr, k in _cases()]
    judge(
        "coverage",
        answer,
        cases,
        _coverage,
        [
            Mistake(
                "a point that is its own neighbour",
                lambda rr, fr, k: _coverage(rr, fr, k - 1),
                "At which place of its sorted row does a point find itself?",
            ),
            Mistake(
                "precision",
                lambda rr, fr, k: (fr <= _radii(rr, k)).any(axis=1).mean(),
                "A share of the real points is asked for: which axis are they on?",
            ),
            Mistake(
                "density",
                lambda rr, fr, k: (fr <= _radii(rr, k)).sum() / (k * len(fr)),
                "This counts how many balls hold a generated point; here a ball counts once, or not at all.",
            ),
            Mistake(
                "k generated points required",
                lambda rr, fr, k: ((fr <= _radii(rr, k)).sum(axis=0) >= k).mean(),
                "How many generated points does a ball need to be covered?",
            ),
            Mistake(
                "the share that was missed",
                lambda rr, fr, k: 1 - _coverage(rr, fr, k),
                "A generator that reaches everything must get 1.",
            ),
            Mistake(
                "a mean over pairs",
                lambda rr, fr, k: (fr <= _radii(rr, k)).mean(),
                "First ask for each ball whether it holds any point, then average.",
            ),
        ],
    )


def perfect_coverage(value):
    """Judge the mean coverage of 10 real by 10 generated points of one distribution at k = 2, a number."""
    judge_value(
        "the coverage of a perfect generator",
        value,
        1 - 72 / 342,
        "a share between 0 and 1",
        [
            Mistake("the limit of many points", 0.75, "This is 1 − 2⁻ᵏ, for infinitely many; here are only 20."),
            Mistake("the uncovered share", 72 / 342, "With which probability is a ball *not* covered? You have it."),
            Mistake(
                "a point counted among its own neighbours",
                1 - 90 / 380,
                "How many other real points are there, and how many other points in all?",
            ),
            Mistake("one neighbour", 1 - 9 / 19, "That is right for k = 1."),
            Mistake("drawing with replacement", 1 - (9 / 19) ** 2, "The second neighbour is one of 18."),
            Mistake("a perfect score", 1.0, "Even a perfect generator misses some balls by chance."),
        ],
    )


def _cases():
    rng = np.random.default_rng(3)
    cases = []
    for n, m, k, scale in ((12, 9, 1, 1.0), (15, 15, 3, 0.5), (10, 20, 2, 1.5), (25, 12, 2, 0.7)):
        real, fake = rng.normal(size=(n, 2)), scale * rng.normal(size=(m, 2)) + 0.7
        cases.append((cdist(real, real), cdist(fake, fake), cdist(fake, real), k))
    real, fake = np.array([[0.0], [1.0], [2.0]]), np.array([[3.0], [9.0], [20.0]])  # 3 lies on the surface of a ball
    cases.append((cdist(real, real), cdist(fake, fake), cdist(fake, real), 1))
    return cases


def _radii(distances, k):
    return np.sort(distances, axis=1)[:, k]


def _precision_recall(real_real, fake_fake, fake_real, k):
    precision = (fake_real <= _radii(real_real, k)).any(axis=1).mean()
    return precision, (fake_real <= _radii(fake_fake, k)[:, None]).any(axis=0).mean()


def _coverage(real_real, fake_real, k):
    return (fake_real <= _radii(real_real, k)).any(axis=0).mean()
