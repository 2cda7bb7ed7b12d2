"""Checks of the exercises of lesson 02 about gradients through a random draw, and of its tasks in judgement."""

import numpy as np

from course_lib.checks.framework import Mistake, judge, judge_value

__all__ = [
    "best_baseline",
    "iwae_bug_line",
    "pathwise_gradient",
    "quieter_estimator",
    "score_gradient",
    "sick_bounds",
]


def _cases(*more):
    rng = np.random.default_rng(0)
    return [(0.7, 0.4, rng.normal(size=6), *more), (-1.3, 2.0, rng.normal(size=4), *more)]


def _slope(z):
    return 3 * np.cos(3 * z)


def pathwise_gradient(answer):
    """Judge a function (df, mean, std, noise) -> gradients by the mean and by log std, one for each draw."""

    def right(df, mean, std, noise):
        slope = df(mean + std * noise)
        return slope, slope * std * noise

    judge(
        "the reparameterised gradient",
        answer,
        [(_slope, *case) for case in _cases()],
        right,
        [
            Mistake(
                "a slope taken at the mean",
                lambda df, m, s, e: (df(m + 0 * e), df(m + 0 * e) * s * e),
                "f is evaluated where the draw landed; where is its slope?",
            ),
            Mistake(
                "one gradient for both parameters",
                lambda df, m, s, e: (df(m + s * e),) * 2,
                "How far does z move when log σ grows a little? Not as far as when the mean does.",
            ),
            Mistake(
                "a gradient by σ",
                lambda df, m, s, e: (df(m + s * e), df(m + s * e) * e),
                "The second parameter is log σ: what is the derivative of its exponential?",
            ),
            Mistake(
                "the variance in place of σ",
                lambda df, m, s, e: right(df, m, s**2, e),
                "Noise is scaled by the standard deviation.",
            ),
            Mistake(
                "averages over the draws",
                lambda *c: tuple(g.mean() for g in right(*c)),
                "One gradient for each draw is asked for: their spread is what the next tasks study.",
            ),
        ],
    )


def score_gradient(answer):
    """Judge a function (f, mean, std, noise, baseline) -> score-function gradient by the mean, for each draw."""

    def right(f, mean, std, noise, baseline):
        return (f(mean + std * noise) - baseline) * noise / std

    def curve(z):
        return np.sin(3 * z) + z**2

    cases = [(curve, *case) for baseline in (0.0, 1.5) for case in _cases(baseline)]
    judge(
        "the score-function gradient",
        answer,
        cases,
        right,
        [
            Mistake(
                "a baseline that is not used",
                lambda f, m, s, e, b: right(f, m, s, e, 0.0),
                "The last argument has no effect.",
            ),
            Mistake(
                "a baseline taken from the gradient",
                lambda f, m, s, e, b: right(f, m, s, e, 0.0) - b,
                "This shifts the expectation: what has to be multiplied by the score for it to vanish?",
            ),
            Mistake(
                "a baseline that is added",
                lambda f, m, s, e, b: right(f, m, s, e, -b),
                "A baseline should bring the values of f closer to zero.",
            ),
            Mistake(
                "a score without its scale",
                lambda f, m, s, e, b: right(f, m, s, e, b) * s,
                "Differentiate log N(z; μ, σ²) by μ: which power of σ is left?",
            ),
            Mistake(
                "a score divided by the variance",
                lambda f, m, s, e, b: right(f, m, s, e, b) / s,
                "(z − μ)/σ² holds z, not the noise. Write it with ε.",
            ),
            Mistake(
                "the log-density in place of its derivative",
                lambda f, m, s, e, b: (f(m + s * e) - b) * (-0.5 * e**2 - np.log(s) - 0.5 * np.log(2 * np.pi)),
                "The score is a derivative by the mean.",
            ),
        ],
    )


def best_baseline(answer):
    """Judge a function (values, scores), each (n,) -> the constant that minimises the variance."""
    rng = np.random.default_rng(3)
    cases = [(rng.gamma(2.0, size=50), rng.normal(size=50)), (np.full(7, 4.2), rng.normal(size=7))]
    judge(
        "the best baseline",
        answer,
        cases,
        lambda f, s: np.mean(f * s**2) / np.mean(s**2),
        [
            Mistake("the mean of f", lambda f, s: np.mean(f), "Do all draws count alike in the second moment?"),
            Mistake(
                "weights that are not squared",
                lambda f, s: np.mean(f * s) / np.mean(s),
                "Expand E[(f − β)² s²] before you differentiate.",
            ),
            Mistake(
                "weights that do not add up to one",
                lambda f, s: np.mean(f * s**2),
                "If f is the same number everywhere, what should the baseline be?",
            ),
            Mistake(
                "absolute scores as weights",
                lambda f, s: np.mean(f * np.abs(s)) / np.mean(np.abs(s)),
                "The weights come from a square.",
            ),
        ],
    )


def quieter_estimator(value):
    """Judge the letter of the function for which the score function has the lower variance."""
    judge_value(
        "the quieter estimator",
        value,
        "b",
        "one letter, a to d",
        [
            Mistake("a doubt about the parabola", "a", "The lesson has both variances of a parabola in closed form."),
            Mistake("a doubt about the ramp", "c", "How large are f and its slope on the right of this ramp?"),
            Mistake(
                "a rule without exception", "d", "Compare the size of f with the size of f' for each of the three."
            ),
        ],
    )


def sick_bounds(value):
    """Judge the causes of three sick trainings, {"A": 1, 2 or 3, ...}."""
    right = {"A": 2, "B": 1, "C": 3}
    exchanges = [
        ("A and B", {"A": 1, "B": 2, "C": 3}, "One reported curve crosses its exact line. Can a bound do that?"),
        ("A and C", {"A": 3, "B": 1, "C": 2}, "In one of the two the gap closes. What does that decoder do with z?"),
        ("B and C", {"A": 2, "B": 3, "C": 1}, "In one of the two the reported value is below log p(x) to the end."),
    ]
    cycles = [{"A": 1, "B": 3, "C": 2}, {"A": 3, "B": 2, "C": 1}]
    mistakes = [Mistake(f"an exchange of {names}", guess, hint) for names, guess, hint in exchanges]
    mistakes += [
        Mistake("a guess in the dark", guess, "Begin with the curve that is impossible for a bound.")
        for guess in cycles
    ]
    judge_value("three sick bounds", value, right, 'a dictionary such as {"A": 1, "B": 2, "C": 3}', mistakes)


def iwae_bug_line(value):
    """Judge the number of the line with the bug."""
    judge_value(
        "the line with the bug",
        value,
        5,
        "the number of one line, 1 to 6",
        [
            Mistake("a doubt about the draw", 1, "logvar is halved before the exponential, as it should be."),
            Mistake("a doubt about log q", 2, "One density for each draw, summed over the latent axis: this is right."),
            Mistake("a doubt about the weights", 3, "These are the three terms of log w with their signs."),
            Mistake("a doubt about the maximum", 4, "Taking the maximum is a good idea. What becomes of it?"),
            Mistake("a doubt about the mean", 6, "This one averages the loss over examples."),
        ],
    )
