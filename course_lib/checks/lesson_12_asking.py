"""Checks of exercise 12 about asking: the conditional ELBO, the projection logit, luck and truncation."""

import numpy as np
from scipy.special import ndtr, ndtri

from course_lib.checks.framework import Mistake, Symptom, judge

__all__ = ["conditional_elbo", "draws_until", "projection_logit", "truncated_from_uniform"]


def conditional_elbo(answer):
    """Judge a function (x, c, encode, decode, noise, std) -> the ELBO of each picture given its condition, (N,)."""

    def wrong(**changes):
        return lambda *case: _elbo(*case, **changes)

    judge(
        "the conditional ELBO",
        answer,
        _elbo_cases(),
        _elbo,
        [
            Mistake("a mean over the pixels", wrong(pixels=np.mean), "The log-densities of independent pixels add up."),
            Mistake(
                "an encoder that is not told c",
                wrong(told_encoder=False),
                "Both networks take the condition. What would the same z have to mean for two kinds?",
            ),
            Mistake(
                "a decoder that is told another's condition",
                wrong(shuffled=True),
                "Each picture has to be explained with its own condition.",
            ),
            Mistake(
                "a log-variance used as a logarithm of the deviation",
                wrong(scale=np.exp),
                "exp(logvar) is σ². By what is ε multiplied?",
            ),
            Mistake(
                "no constant of the Gaussian",
                wrong(constant=False),
                "A log-density in nats has its −½ log(2πσ²) for every pixel.",
            ),
            Mistake("a KL with the wrong sign", wrong(kl=1.0), "The rate is a price. Does it raise the bound?"),
            Mistake("no KL", wrong(kl=0.0), "This is the reconstruction alone; what does z cost?"),
            Mistake("half a KL", wrong(kl=-0.5), "Compare the factor of the KL with its formula."),
            Mistake(
                "a loss for a bound", lambda *case: -_elbo(*case), "The bound is wanted, not what an optimiser lowers."
            ),
            Mistake(
                "a mean over the batch",
                lambda *case: np.mean(_elbo(*case)),
                "One number for each picture, please: shape (N,).",
            ),
        ],
    )


def projection_logit(answer):
    """Judge a function (features, c, V, w, b) -> logits (N,), cᵀVφ/√f + wᵀφ + b."""
    rng = np.random.default_rng(3)
    cases = []
    for n, f, blocks in ((4, 6, (3,)), (3, 5, (2, 4)), (5, 4, (5,))):
        c = np.concatenate([np.eye(k)[rng.integers(0, k, n)] for k in blocks], axis=1)
        cases.append((rng.normal(size=(n, f)), c, rng.normal(size=(sum(blocks), f)), rng.normal(size=f), 0.7))
    judge(
        "the projection logit",
        answer,
        cases,
        _projection,
        [
            Mistake(
                "every picture with every condition",
                lambda phi, c, V, w, b: c @ V @ phi.T / np.sqrt(phi.shape[1]) + phi @ w + b,
                "Picture i is to be judged with condition i only. Which sum over which axis keeps the rows apart?",
            ),
            Mistake(
                "no part without c",
                lambda phi, c, V, w, b: np.sum(c @ V * phi, axis=1) / np.sqrt(phi.shape[1]),
                "Is it a picture at all? Nobody asks that in your logit.",
            ),
            Mistake(
                "no condition",
                lambda phi, c, V, w, b: phi @ w + b,
                "Two pictures with exchanged conditions get the same logits here.",
            ),
            Mistake(
                "the scores of all values",
                lambda phi, c, V, w, b: (phi @ V.T).sum(axis=1) / np.sqrt(phi.shape[1]) + phi @ w + b,
                "Only the values that are asked for count. What does c do in cᵀV?",
            ),
            Mistake(
                "a product that is not scaled",
                lambda phi, c, V, w, b: np.sum(c @ V * phi, axis=1) + phi @ w + b,
                "The product grows with the number of features; the task divides it.",
            ),
            Mistake(
                "a division by f",
                lambda phi, c, V, w, b: np.sum(c @ V * phi, axis=1) / phi.shape[1] + phi @ w + b,
                "f random terms add up to about √f.",
            ),
            Mistake(
                "a scaled plain part",
                lambda phi, c, V, w, b: (np.sum(c @ V * phi, axis=1) + phi @ w) / np.sqrt(phi.shape[1]) + b,
                "Which of the two parts does the formula divide?",
            ),
            Mistake(
                "probabilities",
                lambda *case: 1 / (1 + np.exp(-_projection(*case))),
                "The losses of this course take logits.",
            ),
        ],
    )


def draws_until(answer):
    """Judge a function (probabilities, sure) -> number of draws until one fits all wishes with that probability."""
    cases = [((0.5, 0.5), 0.95), ((1 / 3, 1 / 6, 1 / 7), 0.9), ((0.2,), 0.99), ((0.9, 0.8), 0.5), ((1e-3, 0.1), 0.95)]
    judge(
        "draws until one fits",
        answer,
        [(np.array(p), sure) for p, sure in cases],
        _draws,
        [
            Mistake(
                "the mean wait",
                lambda p, sure: int(np.ceil(1 / np.prod(p))),
                "That many are needed on average; often more are. With which probability has none come after n draws?",
            ),
            Mistake(
                "risk and certainty exchanged",
                lambda p, sure: _draws(p, 1 - sure),
                "Which of the two must (1 − p)ⁿ not exceed?",
            ),
            Mistake(
                "probabilities that are added",
                lambda p, sure: _draws(np.array([min(np.sum(p), 0.999)]), sure),
                "All wishes are to be fulfilled by the same picture.",
            ),
            Mistake(
                "only the rarest wish",
                lambda p, sure: _draws(np.array([np.min(p)]), sure),
                "The other wishes have to come true as well.",
            ),
            Mistake(
                "rounding down",
                lambda p, sure: int(np.floor(_exact_draws(p, sure))),
                "With one draw fewer than needed the certainty is not reached.",
            ),
            Mistake(
                "draws that are shared out",
                lambda p, sure: int(np.ceil(sure / np.prod(p))),
                "The chances of n draws do not add up: two draws of one half are no certainty.",
            ),
            Symptom(
                "no whole number",
                lambda got, want, p, sure: np.ndim(got) == 0 and got != np.round(got),
                "Half a draw cannot be made.",
            ),
        ],
    )


def truncated_from_uniform(answer):
    """Judge a function (u, threshold) -> numbers of a normal distribution cut at ± threshold, from u ~ U(0, 1)."""
    rng = np.random.default_rng(5)
    cases = [(rng.uniform(0.01, 0.99, (6, 4)), threshold) for threshold in (0.5, 1.0, 2.5)]
    judge(
        "the truncated normal distribution",
        answer,
        cases,
        _truncated,
        [
            Mistake(
                "clipping",
                lambda u, t: np.clip(ndtri(u), -t, t),
                "Everything from outside piles up at the edge. A redrawn number may land anywhere inside.",
            ),
            Mistake(
                "scaling",
                lambda u, t: t * ndtri(u),
                "This is the other form of truncation, and it has no bound at all.",
            ),
            Mistake("no truncation", lambda u, t: ndtri(u), "Numbers beyond the threshold are left."),
            Mistake(
                "uniform numbers",
                lambda u, t: t * (2 * u - 1),
                "Inside the bounds the density is still that of the normal, highest in the middle.",
            ),
            Mistake(
                "probabilities for numbers",
                lambda u, t: ndtr(-t) + u * (2 * ndtr(t) - 1),
                "These are places on the axis of the distribution function; which function leads back to z?",
            ),
            Mistake(
                "one side cut",
                lambda u, t: ndtri(u * ndtr(t)),
                "Both tails are cut off. Where does the interval of probabilities begin?",
            ),
            Mistake("a flipped sign", lambda u, t: -_truncated(u, t), "A larger u has to give a larger number."),
        ],
    )


def _elbo_cases():
    rng = np.random.default_rng(0)
    cases = []
    for n, pixels, d, k in ((4, 6, 2, 3), (3, 5, 3, 2)):
        E, F, W, B = (rng.normal(size=s) for s in ((pixels, d), (k, d), (d, pixels), (k, pixels)))
        L = 0.3 * rng.normal(size=(pixels, d))

        def encode(x, c, E=E, F=F, L=L):
            return x @ E + c @ F, x @ L - 0.5

        def decode(z, c, W=W, B=B):
            return z @ W + c @ B

        x, noise = rng.normal(size=(n, pixels)), rng.normal(size=(n, d))
        cases.append((x, np.eye(k)[np.arange(n) % k], encode, decode, noise, 0.7))
    return cases


def _elbo(
    x,
    c,
    encode,
    decode,
    noise,
    std,
    pixels=np.sum,
    told_encoder=True,
    shuffled=False,
    scale=None,
    constant=True,
    kl=-1.0,
):
    mean, logvar = encode(x, c if told_encoder else np.zeros_like(c))
    z = mean + (scale or (lambda v: np.exp(v / 2)))(logvar) * noise
    made = decode(z, np.roll(c, 1, axis=0) if shuffled else c)
    each = -0.5 * ((x - made) / std) ** 2 - 0.5 * constant * np.log(2 * np.pi * std**2)
    return pixels(each, axis=1) + kl * 0.5 * np.sum(mean**2 + np.exp(logvar) - logvar - 1, axis=1)


def _projection(phi, c, V, w, b):
    return np.sum(c @ V * phi, axis=1) / np.sqrt(phi.shape[1]) + phi @ w + b


def _exact_draws(probabilities, sure):
    return np.log1p(-sure) / np.log1p(-np.prod(probabilities))


def _draws(probabilities, sure):
    return int(np.ceil(_exact_draws(probabilities, sure) - 1e-9))


def _truncated(u, threshold):
    lowest = ndtr(-threshold)
    return ndtri(lowest + u * (1 - 2 * lowest))
