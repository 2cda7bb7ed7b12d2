"""Checks of exercise 08: bounds from a critic, the price of a soft penalty, and reading a table of seeds."""

import numpy as np
from scipy.spatial.distance import cdist

from course_lib.checks.framework import Mistake, Symptom, judge, judge_value, passed, require

__all__ = ["chance_of_separation", "critic_study", "penalised_slope", "transport_bound"]


def transport_bound(answer):
    """Judge a function (critic_x (n,), critic_y (m,), x (n, d), y (m, d)) -> a lower bound of W1 (number)."""
    rng = np.random.default_rng(0)
    cases = []
    for n, m, d in [(4, 4, 2), (3, 5, 2), (6, 2, 3)]:
        x, y = rng.normal(size=(n, d)) + 2, rng.normal(size=(m, d))
        cases.append((x[:, 0] ** 2 + rng.normal(size=n), y[:, 0] - 1, x, y))

    def slopes(fx, fy, x, y, metric="euclidean"):
        return (fx[:, None] - fy) / cdist(x, y, metric)

    def bound(fx, fy, x, y, largest=None):
        return (fx.mean() - fy.mean()) / (slopes(fx, fy, x, y).max() if largest is None else largest)

    judge(
        "a lower bound from any critic",
        answer,
        cases,
        bound,
        [
            Mistake(
                "a critic of any steepness",
                lambda fx, fy, x, y: fx.mean() - fy.mean(),
                "Twice the critic would give twice the bound. What makes the comparison fair?",
            ),
            Mistake(
                "a product",
                lambda fx, fy, x, y: (fx.mean() - fy.mean()) * slopes(fx, fy, x, y).max(),
                "A critic that is three times too steep has to be made flatter.",
            ),
            Mistake(
                "the mean slope",
                lambda fx, fy, x, y: bound(fx, fy, x, y, slopes(fx, fy, x, y).mean()),
                "One pair that is too steep is enough to break the bound.",
            ),
            Mistake(
                "the smallest slope",
                lambda fx, fy, x, y: bound(fx, fy, x, y, slopes(fx, fy, x, y).min()),
                "Which of all pairs is the one that limits the critic?",
            ),
            Mistake(
                "swapped roles",
                lambda fx, fy, x, y: -bound(fx, fy, x, y),
                "The critic is meant to be high on x and low on y.",
            ),
            Mistake(
                "another distance",
                lambda fx, fy, x, y: bound(fx, fy, x, y, slopes(fx, fy, x, y, "cityblock").max()),
                "W1 here is made of Euclidean distances, with squares under a root.",
            ),
            Mistake(
                "sums for means",
                lambda fx, fy, x, y: (fx.sum() - fy.sum()) / slopes(fx, fy, x, y).max(),
                "Each of the n points carries the mass 1/n.",
            ),
        ],
    )


def penalised_slope(value):
    """Judge the slope of the best linear critic for Δ = 4 and λ = 10, a number."""
    judge_value(
        "the slope under the penalty",
        value,
        1.2,
        "the slope s ≥ 0 at which Δ s − λ (s − 1)² is largest",
        [
            Mistake("a hard constraint", 1.0, "At s = 1 the penalty has no slope yet, but the first term has."),
            Mistake("a lost 2", 1.4, "What is the derivative of a square?"),
            Mistake("a flipped sign", 0.8, "Does a steeper critic raise or lower the first term?"),
            Mistake("an inverted ratio", 6.0, "Should a larger λ bring s closer to 1 or drive it away?"),
            Mistake("the estimate for the slope", 4.8, "This is Δ times the slope; the slope itself is asked for."),
        ],
    )


def chance_of_separation(value):
    """Judge the probability that all three values of one method lie below all three of the other by luck alone."""
    judge_value(
        "a difference by luck",
        value,
        1 / 20,
        "a probability",
        [
            Mistake("coin tosses", 1 / 8, "The six values have one common order; three separate duels ignore it."),
            Mistake("both directions", 1 / 10, "Only one of the two methods counts as the lower one here."),
            Mistake("a single order", 1 / 720, "The order among the three of one method does not matter."),
            Mistake("one value each", 1 / 2, "This is the chance with a single seed for each method."),
            Symptom("a percentage", lambda got, want: got == 5, "A probability lies between 0 and 1."),
        ],
    )


def critic_study(results):
    """Judge a dictionary "exact" -> W1, and λ (0.5, 2, 10) -> estimate by a critic trained with that λ."""
    task = "a critic's estimate against the exact distance"
    keys = ("exact", 0.5, 2, 10)
    ok = isinstance(results, dict) and set(results) == set(keys) and all(np.isfinite(results[k]) for k in keys)
    require(ok, task, f"a dictionary of numbers with the keys {keys}", results if ok else _described(results))
    exact, *estimates = (float(results[key]) for key in keys)
    require(
        1.9 < exact < 2.2,
        task,
        "the exact W1 of the two clouds, a little over 2",
        exact,
        "the exact value comes from transport.solve with p = 1, and is its cost.",
    )
    require(
        all(estimate > 0 for estimate in estimates),
        task,
        "positive estimates",
        str(results),
        "the estimate is the mean of the critic on x minus its mean on y, and that is what training makes large.",
    )
    if np.ptp(estimates) < 0.02 * max(estimates):
        hint = "the estimates do not depend on λ. Does the loss contain λ times the penalty?"
        require(False, task, "estimates that fall as λ grows", str(results), hint)
    require(
        estimates[0] > estimates[1] > estimates[2],
        task,
        "estimates that fall as λ grows",
        str(results),
        "a weak penalty lets the critic be too steep. Is λ on the penalty, and a new critic trained for each λ?",
    )
    require(
        abs(estimates[2] / exact - 1) < 0.25,
        task,
        "an estimate within 25 % of the exact value at λ = 10",
        str(results),
        "at λ = 10 the critic should be close. Was it trained for all the steps, with the penalty at mixed points?",
    )
    passed(task)


def _described(results):
    return str(results) if isinstance(results, dict) else type(results).__name__
