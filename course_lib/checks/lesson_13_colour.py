"""Checks of exercise 13 about colour and about what sharpness costs: bins, weights, the plane, faults of a study."""

import numpy as np

from course_lib.checks.framework import Mistake, compare_value, judge, passed

__all__ = ["annealed_colour", "class_weights", "l2_colour", "restoration_faults", "sharpness_price"]


def l2_colour(answer):
    """Judge an array (2,): a and b that L2 learns for three colours of one lightness."""
    task = "the colour that L2 learns"
    compare_value(
        task,
        answer if answer is None or answer is ... else np.asarray(answer, float),
        np.array([9.0, 16.5]),
        "an array of two numbers, a and b",
        [
            Mistake("the plain mean of the three", np.array([40 / 3, 55 / 3]), "They are not equally frequent."),
            Mistake("the most frequent colour", np.array([-10.0, 10.0]), "That is what a mode does, not a mean."),
            Mistake("the mean of the two at the ends", np.array([15.0, 17.5]), "Every colour that occurs has a say."),
            Mistake("a sum that was not weighted", np.array([40.0, 55.0]), "An expectation needs probabilities."),
        ],
    )
    passed(task)


def annealed_colour(answer):
    """Judge a function (logits (N, Q), centres (Q, 2), T) -> colours (N, 2)."""
    rng = np.random.default_rng(0)
    cases = [(rng.normal(size=(4, 5)), rng.normal(size=(5, 2)), T) for T in (0.38, 0.7)]
    cases += [(rng.normal(size=(3, 4)) * 3 + 1_000, rng.normal(size=(4, 2)), 0.2)]
    judge(
        "the annealed mean",
        answer,
        cases,
        lambda logits, centres, T: _softmax(logits / T) @ centres,
        [
            Mistake(
                "a temperature that multiplies",
                lambda logits, centres, T: _softmax(logits * T) @ centres,
                "A low temperature has to sharpen the distribution, not to flatten it.",
            ),
            Mistake(
                "no temperature",
                lambda logits, centres, T: _softmax(logits) @ centres,
                "This is the plain mean, as brown as L2's. Where does T enter?",
            ),
            Mistake(
                "the most likely bin",
                lambda logits, centres, T: centres[logits.argmax(axis=1)],
                "That is the limit of T → 0.",
            ),
            Mistake(
                "a softmax over the pictures",
                lambda logits, centres, T: _softmax(logits.T / T).T @ centres,
                "Over which axis do the probabilities have to add up to 1?",
            ),
            Mistake(
                "probabilities that were divided by T",
                lambda logits, centres, T: _softmax(_softmax(logits) / T) @ centres,
                "The temperature acts on logarithms of probabilities.",
            ),
            Mistake(
                "powers that were not normalised",
                lambda logits, centres, T: _softmax(logits) ** (1 / T) @ centres,
                "After the power the probabilities no longer add up to 1.",
            ),
            Mistake(
                "an exponential that overflows",
                lambda logits, centres, T: _overflowing(logits / T) @ centres,
                "exp(5000) is infinite. What may be subtracted from all logits of a row without changing the result?",
            ),
        ],
    )


def class_weights(answer):
    """Judge a function (p (Q,), share) -> weights (Q,) with Σ p w = 1."""
    rng = np.random.default_rng(1)
    cases = [(rng.dirichlet(np.ones(n)), share) for n, share in ((4, 0.5), (7, 0.3), (5, 0.9))]
    judge(
        "weights of the classes",
        answer,
        cases,
        lambda p, share: _weights(p, share),
        [
            Mistake(
                "weights without their scale",
                lambda p, share: 1 / ((1 - share) * p + share / len(p)),
                "Which average over the data has to be 1? Without it the rate of learning changes, too.",
            ),
            Mistake(
                "a mean of 1 over the bins",
                lambda p, share: (w := 1 / ((1 - share) * p + share / len(p))) / w.mean(),
                "The average is over the data: a frequent bin occurs more often in it.",
            ),
            Mistake(
                "weights that add up to 1",
                lambda p, share: (w := 1 / ((1 - share) * p + share / len(p))) / w.sum(),
                "Weights are no probabilities.",
            ),
            Mistake(
                "the two shares exchanged",
                lambda p, share: _weights(p, 1 - share),
                "With share = 1 all weights are alike.",
            ),
            Mistake(
                "a mixture without the number of bins",
                lambda p, share: (w := 1 / ((1 - share) * p + share)) / (p @ w),
                "The uniform distribution over Q bins gives each of them ... ?",
            ),
            Mistake(
                "frequent colours that count more",
                lambda p, share: (w := (1 - share) * p + share / len(p)) / (p @ w),
                "Which colours does rebalancing want to help?",
            ),
            Mistake(
                "no softening",
                lambda p, share: 1 / (p * len(p)),
                "A colour that never occurs would have an infinite weight. What is share for?",
            ),
        ],
    )


def sharpness_price(answer):
    """Judge a function (least, gap, distance) -> (share t of the way, smallest error)."""
    cases = [(2.0, 1.0, 0.25), (3.0, 1.5, 0.0), (1.0, 0.8, 0.8), (2.0, 0.5, 0.9), (5.0, 2.0, 1.5)]

    def price(least, gap, distance):
        missing = max(0.0, gap - distance)
        return missing / gap, least + missing**2

    judge(
        "the price of sharpness",
        answer,
        cases,
        price,
        [
            Mistake(
                "a price for too much",
                lambda d, g, p: (1 - p / g, d + (g - p) ** 2),
                "If the best guess is natural enough already, nothing has to be paid, nor moved.",
            ),
            Mistake(
                "a missing square",
                lambda d, g, p: (max(0, g - p) / g, d + max(0, g - p)),
                "D is a squared error. What is the unit of P?",
            ),
            Mistake(
                "a difference of squares",
                lambda d, g, p: (max(0, g - p) / g, d + max(0, g**2 - p**2)),
                "Distances along one way add up; their squares do not.",
            ),
            Mistake(
                "the rest of the way",
                lambda d, g, p: (min(1, p / g), d + max(0, g - p) ** 2),
                "t = 0 is the best guess itself: which distance does it have?",
            ),
            Mistake(
                "a posterior sample's error",
                lambda d, g, p: (max(0, g - p) / g, 2 * d),
                "Twice the least error is what dice cost. Is there no cheaper way?",
            ),
            Mistake(
                "only what is added",
                lambda d, g, p: (max(0, g - p) / g, max(0, g - p) ** 2),
                "Even the best guess has an error.",
            ),
        ],
    )


RIGHT = {"A": "leak", "B": "channel", "C": "damage", "D": "mean", "E": "metric"}
HINTS = {
    "A": "whose neighbours are in the training set?",
    "B": "is the same quantity measured on both sides of the comparison?",
    "C": "which pictures did this network see in training, and which does it get now?",
    "D": "is anything broken here? Which colour minimises the loss if the lightness leaves two possible?",
    "E": "what was this number asked to reward, and what does a photographer want?",
}


def restoration_faults(answer):
    """Judge a dictionary "A" ... "E" -> "leak", "channel", "damage", "mean" or "metric"."""
    task = "what went wrong in five studies"
    mistakes = [
        Mistake(
            f"another cause for study {name}",
            RIGHT | {name: other},
            f"Read study {name} again: {HINTS[name]}",
        )
        for name in RIGHT
        for other in RIGHT.values()
    ]
    given = {k: v.strip().lower() if isinstance(v, str) else v for k, v in answer.items()} if answer else answer
    if isinstance(given, dict) and given.keys() == RIGHT.keys():
        wrong = next((name for name in RIGHT if given[name] != RIGHT[name]), None)
        if wrong:  # speak of the first wrong one, however many there are
            given = RIGHT | {wrong: given[wrong]}
    compare_value(task, given, RIGHT, "a dictionary A to E, each with one of the five causes", mistakes)
    passed(task)


def _softmax(x):
    exponential = np.exp(x - x.max(axis=-1, keepdims=True))
    return exponential / exponential.sum(axis=-1, keepdims=True)


def _overflowing(x):
    with np.errstate(over="ignore", invalid="ignore"):
        return np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True)


def _weights(p, share):
    w = 1 / ((1 - share) * p + share / len(p))
    return w / (p @ w)
