"""Checks of the exercises of lesson 01 about sampling, divergences and units."""

import numpy as np

from course_lib import divergences
from course_lib.checks.framework import Mistake, Symptom, compare, judge, passed, require, run

__all__ = ["bits_of_a_pixel", "kl_of_tables", "moment_match", "sample_gaussian", "sorted_transport"]


def sample_gaussian(answer):
    """Judge a function (mean (d,), cov (d, d), noise (n, d)) -> draws (n, d), by what it does to unit vectors."""
    task = "draws from a Gaussian"
    rng = np.random.default_rng(0)
    factor = rng.normal(size=(3, 3))
    cases = [
        (np.array([1.0, -2.0]), np.array([[4.0, 1.2], [1.2, 1.0]])),
        (rng.normal(size=3), factor @ factor.T),
    ]
    for mean, cov in cases:
        noise = rng.normal(size=(7, len(mean)))
        draws = np.asarray(run(task, answer, mean, cov, noise))
        require(draws.shape == noise.shape, task, f"draws of shape {noise.shape}", f"shape {draws.shape}")
        again = np.asarray(run(task, answer, mean, cov, noise))
        hint = "the function must take its chance from `noise` alone, and not draw its own."
        require(np.array_equal(draws, again), task, "the same draws for the same noise", "two different answers", hint)

    # A linear map is known from the unit vectors, so the covariance of the draws needs no sampling.
    def mean_and_covariance_of_draws(mean, cov):
        centre = np.asarray(answer(mean, cov, np.zeros((1, len(mean)))))[0]
        steps = np.asarray(answer(mean, cov, np.eye(len(mean)))) - centre
        return centre, steps.T @ steps

    compare(task, mean_and_covariance_of_draws, cases, lambda mean, cov: (mean, cov), _sampler_mistakes())
    passed(task)


def _sampler_mistakes():
    def root(c):
        return np.linalg.cholesky(c)

    return [
        Mistake(
            "a covariance used as its own root",
            lambda m, c: (m, c @ c.T),
            "Which matrix A has A Aᵀ equal to the covariance? In one dimension: noise is scaled by σ, not by σ².",
        ),
        Mistake(
            "a root on the wrong side",
            lambda m, c: (m, root(c).T @ root(c)),
            "Each row of the noise is one draw: work out which of A and Aᵀ it must be multiplied with from the right.",
        ),
        Mistake(
            "independent coordinates",
            lambda m, c: (m, np.diag(np.diag(c))),
            "The entries off the diagonal of the covariance do not arrive in your draws.",
        ),
        Mistake(
            "the diagonal used as standard deviations",
            lambda m, c: (m, np.diag(np.diag(c) ** 2)),
            "Entries of a covariance are variances; and what became of those off the diagonal?",
        ),
        Mistake(
            "a mean left out", lambda m, c: (np.zeros_like(m), c), "Where does noise of zeros end up in your answer?"
        ),
        Mistake("plain noise", lambda m, c: (m, np.eye(len(m))), "Where does the covariance come in?"),
    ]


def kl_of_tables(answer):
    """Judge a function (p, q), probabilities (n,) -> KL(p‖q) in nats, infinite where p > 0 and q = 0."""
    cases = [
        (np.array([0.5, 0.25, 0.25]), np.array([0.2, 0.3, 0.5])),
        (np.array([0.7, 0.3, 0.0]), np.array([0.5, 0.1, 0.4])),
        (np.array([0.5, 0.5]), np.array([1.0, 0.0])),
    ]
    right = divergences.kl_discrete

    def plain(p, q):  # what the formula gives without a thought for zeros
        return right(p, q) if (p > 0).all() else np.nan

    judge(
        "KL of two tables",
        answer,
        cases,
        right,
        [
            Mistake("swapped arguments", lambda p, q: right(q, p), "The first argument is the one the mean is under."),
            Mistake(
                "a logarithm to base 2", lambda p, q: right(p, q) / np.log(2), "The course counts in nats, not bits."
            ),
            Mistake(
                "a mean over the outcomes",
                lambda p, q: right(p, q) / len(p),
                "The weights p already make this a mean.",
            ),
            Mistake("0 · log 0", plain, "What does an outcome contribute that never happens?"),
            Symptom(
                "an impossible outcome that costs little",
                lambda got, want, p, q: np.isinf(want) and np.isfinite(got),
                "What is the price of calling impossible what does happen?",
            ),
            Symptom(
                "a flipped sign",
                lambda got, want, p, q: np.isfinite(want) and want > 0 and np.isclose(got, -want),
                "Can a KL divergence be negative?",
            ),
        ],
    )


def moment_match(answer):
    """Judge a function (weights, means, stds), each (k,) -> (mean, std) of the Gaussian with least KL(mixture‖q)."""
    cases = [
        (np.array([0.5, 0.5]), np.array([-3.0, 3.0]), np.array([0.7, 0.7])),
        (np.array([0.2, 0.5, 0.3]), np.array([1.0, 4.0, -2.0]), np.array([0.5, 1.5, 2.0])),
    ]

    def right(w, m, s):
        mean = np.sum(w * m)
        return mean, np.sqrt(np.sum(w * (s**2 + m**2)) - mean**2)

    judge(
        "the Gaussian of maximum likelihood",
        answer,
        cases,
        right,
        [
            Mistake(
                "the spread inside the bumps only",
                lambda w, m, s: (np.sum(w * m), np.sqrt(np.sum(w * s**2))),
                "Two needles far apart have no width of their own. Is their mixture narrow?",
            ),
            Mistake(
                "a variance for a standard deviation",
                lambda w, m, s: (right(w, m, s)[0], right(w, m, s)[1] ** 2),
                "The second number has the unit of x.",
            ),
            Mistake(
                "a mean of standard deviations",
                lambda w, m, s: (np.sum(w * m), np.sum(w * s)),
                "Second moments of a mixture are weighted means; standard deviations are not.",
            ),
            Mistake(
                "second moments around zero",
                lambda w, m, s: (np.sum(w * m), np.sqrt(np.sum(w * (s**2 + m**2)))),
                "A variance is taken around the mean. Try a mixture whose mean is not 0.",
            ),
            Mistake(
                "equal weights",
                lambda w, m, s: right(np.full(len(w), 1 / len(w)), m, s),
                "One bump may hold more of the probability than another.",
            ),
            Mistake(
                "the heaviest bump alone",
                lambda w, m, s: (m[w.argmax()], s[w.argmax()]),
                "That is what the reverse KL likes. What does it cost in forward KL to leave a bump out?",
            ),
        ],
    )


def sorted_transport(answer):
    """Judge a function (x, y), samples (n,) of equal size -> W₁, a number."""
    rng = np.random.default_rng(0)
    cases = [
        (np.array([3.0, 0.0, 1.0]), np.array([2.0, 5.0, 4.0])),
        (rng.normal(0, 1, 40), rng.normal(0.3, 2, 40)),
        (np.array([1.0, 0.0, 2.0]), np.array([0.0, 2.0, 1.0])),
    ]
    right = divergences.wasserstein_1d
    judge(
        "W₁ of two samples",
        answer,
        cases,
        right,
        [
            Mistake(
                "pairs in the order given",
                lambda x, y: np.mean(np.abs(x - y)),
                "The third case holds the same three numbers twice. Must any mass travel?",
            ),
            Mistake(
                "a total",
                lambda x, y: np.sum(np.abs(np.sort(x) - np.sort(y))),
                "How much mass does each of the n points carry?",
            ),
            Mistake(
                "the distance of the means",
                lambda x, y: abs(np.mean(x) - np.mean(y)),
                "A narrow and a wide cloud with one centre are not the same: where do absolute values go?",
            ),
            Mistake(
                "squared distances",
                lambda x, y: np.mean((np.sort(x) - np.sort(y)) ** 2),
                "This is the square of W₂. What does W₁ pay for a mile?",
            ),
            Mistake(
                "the other order",
                lambda x, y: np.mean(np.abs(np.sort(x) - np.sort(y)[::-1])),
                "Smallest to largest is the dearest plan of all.",
            ),
        ],
    )


def bits_of_a_pixel(answer):
    """Judge a function (log_likelihood (N,), shape, levels_per_unit) -> mean bits per value of a picture."""
    rng = np.random.default_rng(0)
    cases = [
        (np.array([0.0]), (28, 28, 1), 127.5),
        (rng.normal(900, 50, 5), (28, 28, 1), 127.5),
        (rng.normal(-4000, 50, 3), (8, 8, 3), 1.0),
        (rng.normal(100, 10, 4), (4, 6, 3), 255.0),
    ]

    def right(ll, shape, levels):
        values = np.prod(shape)
        return np.mean(np.log2(levels) - ll / (values * np.log(2)))

    judge(
        "bits per pixel",
        answer,
        cases,
        right,
        [
            Mistake(
                "the unit of x left out",
                lambda ll, shape, levels: -np.mean(ll) / (np.prod(shape) * np.log(2)),
                "A density of x is “per unit of x”. How many grey levels is one unit?",
            ),
            Mistake(
                "the unit of x on the wrong side",
                lambda ll, shape, levels: np.mean(-np.log2(levels) - ll / (np.prod(shape) * np.log(2))),
                "One grey level is a small piece of the unit: is its probability larger or smaller than the density?",
            ),
            Mistake(
                "one correction for the whole picture",
                lambda ll, shape, levels: (np.log2(levels) - np.mean(ll) / np.log(2)) / np.prod(shape),
                "Every one of the D values changes its unit: how many factors does the density collect?",
            ),
            Mistake("nats", lambda *case: right(*case) * np.log(2), "Nats where bits were asked for."),
            Mistake(
                "bits of the whole picture",
                lambda ll, shape, levels: right(ll, shape, levels) * np.prod(shape),
                "This is for a picture; the question is for one value of it.",
            ),
            Mistake(
                "colours forgotten",
                lambda ll, shape, levels: np.mean(np.log2(levels) - ll / (np.prod(shape[:2]) * np.log(2))),
                "A colour picture holds three values at each place.",
            ),
        ],
    )
