"""Right and wrong answers to the exercises of lesson 03, with a piece of the hint that each wrong one must get."""

import numpy as np
import tensorflow as tf

from course_lib import checks


def kl(mean, logvar):
    return 0.5 * (mean**2 + np.exp(logvar) - logvar - 1).sum(axis=1)


def draw(mean, logvar, noise):
    return mean + tf.exp(0.5 * logvar) * noise


def beta(reconstruction, kl, n_pixels, n_latent, kl_weight):
    return kl_weight * (n_pixels if reconstruction == "mean" else 1) / (n_latent if kl == "mean" else 1)


def nll(x, mean, variance):
    return ((x - mean) ** 2 / variance + np.log(2 * np.pi * variance)).sum(axis=1) / 2


def measured(change=lambda beta, rate, distortion: (rate, distortion)):
    """Results as a correct run gives them, changed in one way."""
    results = {0.5: (6.9, 285.0), 4: (4.1, 291.0), 32: (1.2, 330.0)}
    return {b: change(b, *pair) for b, pair in results.items()}


CATALOGUE = [
    (
        checks.kl_to_standard_normal,
        kl,
        {
            "mean for sum": (lambda m, v: kl(m, v) / m.shape[1], "what do their logarithms do"),
            "missing half": (lambda m, v: 2 * kl(m, v), "factor in front"),
            "log std for log variance": (lambda m, v: kl(m, 2 * v), "Which power of σ"),
            "sign": (lambda m, v: -kl(m, v), "be negative"),
            "summed over everything": (lambda m, v: kl(m, v).sum(), "a KL divergence of its own"),
            "wrong axis": (lambda m, v: 0.5 * (m**2 + np.exp(v) - v - 1).sum(axis=0), "first axis counts images"),
        },
    ),
    (
        checks.reparameterise,
        draw,
        {
            "variance for std": (lambda m, v, e: m + tf.exp(v) * e, "logarithm of what"),
            "unscaled noise": (lambda m, v, e: m + e, "second output come in"),
            "logarithm as scale": (lambda m, v, e: m + v * e, "can have either sign"),
            "shared noise": (lambda m, v, e: m + tf.exp(v / 2) * e[:1], "must not share"),
            "NumPy": (lambda m, v, e: m.numpy() + np.exp(v / 2) * e.numpy(), "leaves TensorFlow"),
            "stopped gradient": (lambda m, v, e: tf.stop_gradient(draw(m, v, e)), "stops the gradient"),
        },
    ),
    (
        checks.effective_beta,
        beta,
        {
            "inverted": (lambda *c: 1 / beta(*c), "which weight is above"),
            "weight forgotten": (lambda *c: beta(*c[:4], 1.0), "a weight of its own"),
            "mean over d forgotten": (
                lambda r, k, n, d, w: beta(r, "sum", n, d, w),
                "a mean over d latent variables do",
            ),
            "mean over D forgotten": (lambda r, k, n, d, w: beta("sum", k, n, d, w), "a mean over D pixels do"),
            "times d": (lambda r, k, n, d, w: beta(r, "sum", n, d, w) * (d if k == "mean" else 1), "larger or smaller"),
        },
    ),
    (
        checks.implied_variance,
        2.4576,
        {
            "missing half": (4.9152, "divided by more than σ²"),
            "mean forgotten": (5e-5, "weight of one squared pixel error"),
            "inverse": (0.4069, "confident decoder"),
            "standard deviation": (1.5677, "asks for a variance"),
            "colours forgotten": (0.8192, "a colour picture hold"),
        },
    ),
    (
        checks.bug_line,
        2,
        {
            "encoder": (1, "Two outputs"),
            "decoder": (3, "if the next line wants them"),
            "logits": (4, "made for logits"),
            "reductions": (5, "outer mean run over"),
            "KL": (6, "Compare with your task 1"),
            "sum": (7, "negative ELBO"),
        },
    ),
    (
        checks.gaussian_nll,
        nll,
        {
            "mean over pixels": (lambda x, m, v: nll(x, m, v) / x.shape[1], "product of D factors"),
            "squares only": (lambda x, m, v: ((x - m) ** 2).sum(1) / (2 * v), "huge variance"),
            "normalised once": (
                lambda x, m, v: ((x - m) ** 2).sum(1) / (2 * v) + np.log(2 * np.pi * v) / 2,
                "how many normalisations",
            ),
            "std for variance": (lambda x, m, v: nll(x, m, v**2), "is σ², not σ"),
            "no 2 pi": (lambda x, m, v: nll(x, m, v) - x.shape[1] * np.log(2 * np.pi) / 2, "Harmless for training"),
            "sign": (lambda x, m, v: -nll(x, m, v), "its negative is the loss"),
        },
    ),
    (
        checks.best_variance,
        lambda x, m: np.mean((x - m) ** 2),
        {
            "sum over pixels": (lambda x, m: np.mean(np.sum((x - m) ** 2, 1)), "belongs to one pixel"),
            "total": (lambda x, m: np.sum((x - m) ** 2), "More data must not"),
            "root": (lambda x, m: np.sqrt(np.mean((x - m) ** 2)), "σ or σ²"),
            "for each image": (lambda x, m: np.mean((x - m) ** 2, axis=1), "shared by all images"),
            "around the mean": (lambda x, m: np.var(x - m), "always off by the same amount"),
        },
    ),
    (
        checks.active_units,
        lambda m, threshold=0.01: int(np.sum(np.var(m, axis=0) > threshold)),
        {
            "second moment": (lambda m: int(np.sum(np.mean(m**2, 0) > 0.01)), "3 for every image"),
            "standard deviation": (lambda m: int(np.sum(np.std(m, 0) > 0.01)), "square of a spread"),
            "wrong axis": (lambda m: int(np.sum(np.var(m, 1) > 0.01)), "You counted images"),
            "inactive": (lambda m: int(np.sum(np.var(m, 0) <= 0.01)), "side of the threshold"),
            "share": (lambda m: float(np.mean(np.var(m, 0) > 0.01)), "not what part"),
        },
    ),
    (
        checks.prediction,
        "b",
        {
            "both fall": ("a", "would have found that point"),
            "the other way": ("c", "What do you buy less of"),
            "only a scale": ("d", "one of the two terms"),
        },
    ),
    (
        checks.rate_distortion,
        measured(),
        {
            "swapped": (measured(lambda b, r, x: (x, r)), "a swapped pair"),
            "per pixel": (measured(lambda b, r, x: (r, x / 784)), "per pixel"),
            "rate times beta": (measured(lambda b, r, x: (b * r, x)), "still carries its price"),
            "one model for all": (measured(lambda b, r, x: (r, 290.0)), "reconstruction term alone"),
            "negative rate": (measured(lambda b, r, x: (-r, x)), "be negative"),
        },
    ),
]
