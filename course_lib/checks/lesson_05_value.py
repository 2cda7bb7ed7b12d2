"""Checks of the exercises of lesson 05 about the best discriminator, the value of the game and the f-GAN bound."""

import numpy as np

from course_lib.checks.framework import Mistake, Symptom, compare, judge, passed, require, run

__all__ = [
    "best_discriminator",
    "divergence_bound",
    "generator_slopes",
    "neyman_bound",
    "neyman_conjugate",
    "neyman_critic",
]


def best_discriminator(answer):
    """Judge a function of two densities p, q (n,) -> the best D there, (n,) in [0, 1], ½ where both are 0."""
    task = "the best discriminator"
    cases = [(np.array([0.1, 0.3, 0.02, 0.6]), np.array([0.3, 0.3, 0.2, 0.01])), (np.full(3, 2.0), np.full(3, 8.0))]
    compare(
        task,
        answer,
        cases,
        lambda p, q: p / (p + q),
        [
            Mistake(
                "swapped labels", lambda p, q: q / (p + q), "D is the probability of real: which density is the data's?"
            ),
            Mistake("a density ratio", lambda p, q: p / q, "This is e to the logit. A probability stays in [0, 1]."),
            Mistake(
                "a clipped density ratio",
                lambda p, q: np.clip(p / q, 0, 1),
                "Where p and q are equal, D cannot tell. What is its answer then?",
            ),
            Mistake(
                "a logit", lambda p, q: np.log(p / q), "Right before the sigmoid. What does the sigmoid make of it?"
            ),
            Mistake(
                "a hard decision",
                lambda p, q: (p > q).astype(float),
                "This makes the fewest errors. The value of the game asks for a probability.",
            ),
            Mistake(
                "a share of the mixture m",
                lambda p, q: 2 * p / (p + q),
                "Take p = q: D would then be sure that all is real. Is m the sum or the mean of the two?",
            ),
        ],
    )
    empty = np.array([0.0, 0.3]), np.array([0.0, 0.1])
    with np.errstate(all="ignore"):
        got = np.asarray(run(task, answer, *empty), dtype=float)
    require(
        np.allclose(got, [0.5, 0.75]),
        task,
        "0.5 where both densities are 0",
        f"{got[0]:.3g} there",
        "the game never asks D about such a place; which answer favours neither side?",
    )
    passed(task)


def divergence_bound(answer):
    """Judge a function of held-out logits (n, 1), (m, 1) -> a lower bound of the JSD in nats, a number."""
    rng = np.random.default_rng(0)
    cases = [
        (rng.normal(1, 1, (7, 1)), rng.normal(-1, 1, (5, 1))),
        (np.zeros((4, 1)), np.zeros((4, 1))),
        (np.array([[-900.0], [2.0]]), np.array([[900.0], [-1.0]])),
    ]

    def value(real, fake):
        return -np.logaddexp(0, -real).mean() - np.logaddexp(0, fake).mean()

    def right(real, fake):
        return 0.5 * (value(real, fake) + np.log(4))

    judge(
        "a lower bound of the JSD",
        answer,
        cases,
        right,
        [
            Mistake("the value alone", value, "At the draw, V = −ln 4. Which divergence do you report there?"),
            Mistake(
                "twice the divergence",
                lambda r, f: value(r, f) + np.log(4),
                "Can a JSD be as large as ln 4? Look at the factor in front of it.",
            ),
            Mistake(
                "the loss in the place of the value",
                lambda r, f: 0.5 * (np.log(4) - value(r, f)),
                "D's loss is −V. A better D must raise the bound.",
            ),
            Mistake("bits", lambda r, f: right(r, f) / np.log(2), "The unit asked for is the nat."),
            Mistake(
                "half of the logarithm only",
                lambda r, f: 0.5 * value(r, f) + np.log(4),
                "Solve V = 2 JSD − ln 4 for the JSD again: what is divided by two?",
            ),
            Mistake("swapped arguments", lambda r, f: right(f, r), "Which logits does D want to be large?"),
            Mistake(
                "a sum over the samples",
                lambda r, f: 0.5 * (-np.logaddexp(0, -r).sum() - np.logaddexp(0, f).sum() + np.log(4)),
                "An expectation does not grow with the number of samples.",
            ),
            Symptom(
                "a logarithm of a rounded probability",
                lambda got, want, *logits: not np.all(np.isfinite(got)),
                "σ(−900) is exactly 0 in floating point. The lesson's softplus never leaves the logits.",
            ),
        ],
    )


def generator_slopes(answer):
    """Judge a function of logits (n,) -> the derivatives of G's losses, (saturating, non-saturating), (n,) each."""
    cases = [(np.array([-4.6, -1.0, 0.0, 2.0]),), (np.linspace(-12, 12, 5),)]

    def sigmoid(a):
        return 0.5 * (1 + np.tanh(a / 2))

    def right(a):
        return -sigmoid(a), -sigmoid(-a)

    judge(
        "the slopes of both generator losses",
        answer,
        cases,
        right,
        [
            Mistake(
                "swapped losses", lambda a: right(-a), "Which of the two is almost 0 where D is sure of a fake, a ≪ 0?"
            ),
            Mistake(
                "flipped signs",
                lambda a: (sigmoid(a), sigmoid(-a)),
                "Both losses fall when a fake convinces D more: is a derivative then positive or negative?",
            ),
            Mistake(
                "the derivative by D",
                lambda a: (-1 / sigmoid(-a), -1 / sigmoid(a)),
                "This is the slope along the probability. Along the logit the sigmoid's own slope multiplies it.",
            ),
            Mistake(
                "the losses themselves",
                lambda a: (-np.logaddexp(0, a), np.logaddexp(0, -a)),
                "These are the values. Asked for is how they change with a.",
            ),
            Mistake(
                "the slope of the sigmoid",
                lambda a: (-sigmoid(a) * sigmoid(-a),) * 2,
                "This is how D changes with a. The logarithm around it has a slope too.",
            ),
            Mistake(
                "one slope for both losses", lambda a: (-sigmoid(a),) * 2, "At D = 0.01 one pushes 99 times as hard."
            ),
        ],
    )


def neyman_critic(answer):
    """Judge a function of the ratio u = p/q (n,) -> the best T for f(u) = (u − 1)²/u, (n,)."""
    judge(
        "the best critic",
        answer,
        [(np.array([0.5, 1.0, 2.0, 4.0]),), (np.array([0.2, 7.0]),)],
        lambda u: 1 - 1 / u**2,
        [
            Mistake(
                "f itself",
                lambda u: (u - 1) ** 2 / u,
                "The best T is not the height of f but the slope of its tangent.",
            ),
            Mistake(
                "Pearson's critic",
                lambda u: 2 * (u - 1),
                "This is the slope of (u − 1)². Here it stands over u: write the quotient out as u − 2 + 1/u.",
            ),
            Mistake("a flipped sign in 1/u", lambda u: 1 + 1 / u**2, "The derivative of 1/u is negative."),
            Mistake("a forgotten square", lambda u: 1 - 1 / u, "Differentiate 1/u once more on paper."),
            Mistake(
                "the ratio upside down",
                lambda u: 1 - u**2,
                "In the lesson u is data over fakes. Where p > q, T must be positive.",
            ),
        ],
    )


def neyman_conjugate(answer):
    """Judge a function of slopes t < 1, (n,) -> the convex conjugate of f(u) = (u − 1)²/u there, (n,)."""

    def touching(t):
        return 1 / np.sqrt(1 - t)

    judge(
        "the convex conjugate",
        answer,
        [(np.array([-3.0, -1.0, 0.0, 0.75]),), (np.array([-8.0, 0.5]),)],
        lambda t: 2 - 2 * np.sqrt(1 - t),
        [
            Mistake(
                "f at the touching point",
                lambda t: (touching(t) - 1) ** 2 / touching(t),
                "This is how high f is there. The conjugate is ut minus that.",
            ),
            Mistake("the touching point", touching, "This is the best u. Put it into ut − f(u)."),
            Mistake(
                "a flipped sign", lambda t: 2 * np.sqrt(1 - t) - 2, "f* must grow with t: it is a supremum over u > 0."
            ),
            Mistake(
                "a lost constant",
                lambda t: -2 * np.sqrt(1 - t),
                "At t = 0 the supremum of −f(u) is −f(1) = 0. What does yours give?",
            ),
            Mistake("Pearson's conjugate", lambda t: t + t**2 / 4, "This belongs to (u − 1)², without the u below."),
            Mistake(
                "one of two equal terms",
                lambda t: 2 - np.sqrt(1 - t),
                "Both (1 − t)u and 1/u remain at the touching point, and they are equal.",
            ),
        ],
    )


def neyman_bound(answer):
    """Judge a function of T on data (n,) and on samples (m,), all below 1 -> E_p[T] − E_q[f*(T)], a number."""
    rng = np.random.default_rng(1)
    cases = [(rng.uniform(-2, 0.9, 8), rng.uniform(-3, 0.5, 6)), (np.zeros(3), np.zeros(4))]
    cases.append((np.full(2, 0.5), np.full(2, -1.0)))

    def conjugate(t):
        return 2 - 2 * np.sqrt(1 - t)

    judge(
        "the bound from samples",
        answer,
        cases,
        lambda t_real, t_fake: t_real.mean() - conjugate(t_fake).mean(),
        [
            Mistake(
                "no conjugate",
                lambda r, f: r.mean() - f.mean(),
                "This would be a bound for total variation only. What does Fenchel's inequality subtract?",
            ),
            Mistake(
                "a conjugate on the data", lambda r, f: conjugate(r).mean() - f.mean(), "Which expectation carries f*?"
            ),
            Mistake(
                "a sum of both terms",
                lambda r, f: r.mean() + conjugate(f).mean(),
                "The tangent's height is ut − f*(t): mind the sign.",
            ),
            Mistake(
                "a conjugate of the mean",
                lambda r, f: r.mean() - conjugate(f.mean()),
                "f* bends. Is the mean of f*(T) the same as f* of the mean?",
            ),
            Mistake("sums over the samples", lambda r, f: r.sum() - conjugate(f).sum(), "Expectations are means."),
            Mistake("swapped arguments", lambda r, f: f.mean() - conjugate(r).mean(), "Which samples come first?"),
        ],
    )
