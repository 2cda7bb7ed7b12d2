"""Checks of the exercises of lesson 02 about KL divergences, the ELBO and the bound with many draws."""

import numpy as np

from course_lib.checks.framework import Mistake, Symptom, judge

__all__ = ["effective_sample_size", "importance_bound", "kl_diagonal_gaussians", "linear_elbo"]


def _kl(mean_q, logvar_q, mean_p, logvar_p):
    square = np.exp(logvar_q) + (mean_q - mean_p) ** 2
    return 0.5 * (logvar_p - logvar_q + square / np.exp(logvar_p) - 1)


def kl_diagonal_gaussians(answer):
    """Judge a function (mean_q, logvar_q, mean_p, logvar_p), each (N, d) -> KL(q ‖ p) in nats, (N,)."""
    rng = np.random.default_rng(0)
    same = rng.normal(size=(2, 3))
    cases = [tuple(rng.normal(size=(4, 5, 3))), (same, 0.5 * same, same, 0.5 * same)]

    def right(mean_q, logvar_q, mean_p, logvar_p):
        return _kl(mean_q, logvar_q, mean_p, logvar_p).sum(axis=1)

    judge(
        "KL of two diagonal Gaussians",
        answer,
        cases,
        right,
        [
            Mistake(
                "a mean over the latent axis",
                lambda *c: right(*c) / c[0].shape[1],
                "Independent coordinates multiply their densities; what do the logarithms do?",
            ),
            Mistake(
                "a missing factor", lambda *c: 2 * right(*c), "Which number stands in front of a Gaussian's square?"
            ),
            Mistake(
                "exchanged arguments",
                lambda mq, vq, mp, vp: right(mp, vp, mq, vq),
                "A divergence has a direction: under which of the two is the expectation taken?",
            ),
            Mistake(
                "a log standard deviation taken for a log-variance",
                lambda mq, vq, mp, vp: right(mq, 2 * vq, mp, 2 * vp),
                "Which power of σ is exp(logvar)?",
            ),
            Mistake(
                "the formula for a standard normal p",
                lambda mq, vq, mp, vp: right(mq, vq, 0 * mp, 0 * vp),
                "This p has a mean and a variance of its own.",
            ),
            Mistake(
                "squared means that are not divided",
                lambda mq, vq, mp, vp: 0.5 * (vp - vq + np.exp(vq - vp) + (mq - mp) ** 2 - 1).sum(axis=1),
                "In whose units is a distance between the means large or small?",
            ),
            Mistake(
                "one number for all examples", lambda *c: right(*c).sum(), "Each example has a divergence of its own."
            ),
        ],
    )


def linear_elbo(answer):
    """Judge a function (x, mean, logvar, W, variance) -> exact ELBO of the decoder N(Wz, variance · I), (N,)."""
    rng = np.random.default_rng(1)
    cases = [
        (rng.normal(size=(3, 4)), *rng.normal(size=(2, 3, 2)), rng.normal(size=(4, 2)), 0.3),
        (rng.normal(size=(2, 5)), *rng.normal(size=(2, 2, 1)), rng.normal(size=(5, 1)), 2.0),
    ]

    def elbo(x, mean, logvar, W, variance, trace=1.0, constant=1.0, kl=1.0, half=1.0):
        square = np.sum((x - mean @ W.T) ** 2, axis=1) + trace * np.exp(logvar) @ np.sum(W**2, axis=0)
        reconstruction = -0.5 * constant * x.shape[1] * np.log(2 * np.pi * variance) - half * square / (2 * variance)
        return reconstruction - kl * _kl(mean, logvar, 0.0, 0.0).sum(axis=1)

    judge(
        "the ELBO from its parts",
        answer,
        cases,
        elbo,
        [
            Mistake(
                "a decoder that sees only the mean of q",
                lambda *c: elbo(*c, trace=0.0),
                "The expectation is over all z of q: what does the spread of z add to the squared error?",
            ),
            Mistake(
                "a KL term with the wrong sign",
                lambda *c: elbo(*c, kl=-1.0),
                "Is a price added to the bound or taken from it?",
            ),
            Mistake("a forgotten KL term", lambda *c: elbo(*c, kl=0.0), "Only the reconstruction is here."),
            Mistake(
                "a density without its constant",
                lambda *c: elbo(*c, constant=0.0),
                "With this bound two variances could not be compared: what else does log N hold?",
            ),
            Mistake(
                "a normalisation for one pixel",
                lambda *c: elbo(*c, constant=1 / c[0].shape[1]),
                "Every visible number brings a normalisation of its own.",
            ),
            Mistake(
                "a missing half in the exponent", lambda *c: elbo(*c, half=2.0), "Look at the Gaussian's exponent."
            ),
            Symptom(
                "a loss in place of a bound",
                lambda got, want, *c: np.allclose(got, -want),
                "The loss is the negative of what is asked for.",
            ),
        ],
    )


def _log_weights():
    rng = np.random.default_rng(2)
    return [(rng.normal(size=(4, 6), scale=2),), (rng.normal(size=(3, 5)) - 1000.0,), (np.full((2, 3), -1.5),)]


def _bound(log_w):
    top = log_w.max(axis=1, keepdims=True)
    return top[:, 0] + np.log(np.mean(np.exp(log_w - top), axis=1))


def importance_bound(answer):
    """Judge a function of log-weights (N, k) -> log (1/k) Σ w of each example, (N,), stable at any size."""
    judge(
        "the bound with k draws",
        answer,
        _log_weights(),
        _bound,
        [
            Mistake(
                "a mean of the logarithms",
                lambda w: w.mean(axis=1),
                "The average comes before the logarithm; this order gives the ELBO for every k.",
            ),
            Mistake(
                "a sum in place of an average",
                lambda w: _bound(w) + np.log(w.shape[1]),
                "With this one, copying a draw would raise the bound.",
            ),
            Mistake(
                "a maximum taken out and left out",
                lambda w: _bound(w - w.max(axis=1, keepdims=True)),
                "What was taken out of the sum has to return.",
            ),
            Mistake(
                "the largest weight alone",
                lambda w: w.max(axis=1),
                "The other draws have weights too.",
            ),
            Mistake(
                "an average over the examples",
                lambda w: _bound(w.T),
                "The first axis counts examples, the second their draws.",
            ),
            Symptom(
                "an underflow",
                lambda got, want, w: not np.isfinite(got).all(),
                "What is exp(−1000) in floating point, and what is its logarithm?",
            ),
        ],
    )


def effective_sample_size(answer):
    """Judge a function of log-weights (N, k) -> (Σ w)² / Σ w² of each example, (N,)."""

    def right(log_w):
        w = np.exp(log_w - log_w.max(axis=1, keepdims=True))
        return w.sum(axis=1) ** 2 / (w**2).sum(axis=1)

    judge(
        "the effective sample size",
        answer,
        _log_weights(),
        right,
        [
            Mistake("its inverse", lambda w: 1 / right(w), "Equal weights should give k."),
            Mistake("a share", lambda w: right(w) / w.shape[1], "The answer is a number of draws, from 1 to k."),
            Mistake(
                "logarithms taken for weights",
                lambda w: w.sum(axis=1) ** 2 / (w**2).sum(axis=1),
                "These are logarithms of weights, and some are negative.",
            ),
            Mistake(
                "a sum that is not squared",
                lambda w: right(w) / np.exp(w - w.max(axis=1, keepdims=True)).sum(axis=1),
                "Doubling all weights must change nothing: compare the powers above and below.",
            ),
            Symptom(
                "an underflow",
                lambda got, want, w: not np.isfinite(got).all(),
                "A common factor of all weights cancels: which factor keeps them within reach of exp?",
            ),
        ],
    )
