"""Checks of the exercises of lesson 03 about the two terms of the loss and their units."""

import numpy as np

from course_lib import divergences
from course_lib.checks.framework import Mistake, Symptom, compare, judge, judge_value, passed, require, run

__all__ = ["bug_line", "effective_beta", "implied_variance", "kl_to_standard_normal", "reparameterise"]


def kl_to_standard_normal(answer):
    """Judge a function (mean, logvar), each (N, d) -> KL to the standard normal in nats, (N,)."""
    rng = np.random.default_rng(0)
    cases = [(rng.normal(size=(4, 3)), rng.normal(size=(4, 3))), (np.zeros((2, 5)), np.zeros((2, 5)))]
    right = divergences.kl_to_standard_normal
    judge(
        "KL to the standard normal",
        answer,
        cases,
        right,
        [
            Mistake(
                "a mean over the latent variables",
                lambda m, v: right(m, v) / m.shape[1],
                "Densities of independent coordinates multiply; what do their logarithms do?",
            ),
            Mistake(
                "a missing factor",
                lambda m, v: 2 * right(m, v),
                "Where did the factor in front of the log-density of a Gaussian go?",
            ),
            Mistake(
                "a log standard deviation taken for a log-variance",
                lambda m, v: right(m, 2 * v),
                "Which power of σ does exp(logvar) give?",
            ),
            Mistake(
                "one number for the whole batch",
                lambda m, v: right(m, v).sum(),
                "Each example has a KL divergence of its own: over which axis do you add?",
            ),
            Mistake(
                "a sum over the examples",
                lambda m, v: 0.5 * (m**2 + np.exp(v) - v - 1).sum(axis=0),
                "The first axis counts images, the second latent variables.",
            ),
            Symptom(
                "a flipped sign",
                lambda got, want, m, v: np.allclose(got, -want) and np.any(got),
                "Can a KL divergence be negative?",
            ),
        ],
    )


def reparameterise(answer):
    """Judge a function (mean, logvar, noise), tensors (N, d) -> (N, d), by its values and its gradients."""
    import tensorflow as tf  # only a reader who has reached this task needs it

    task = "a draw that can be differentiated"
    rng = np.random.default_rng(0)
    cases = [tuple(tf.constant(rng.normal(size=(5, 3)), tf.float32) for _ in range(3)) for _ in range(2)]
    compare(task, answer, cases, _reparameterised, _reparameterise_mistakes())
    mean, logvar, noise = cases[0]
    with tf.GradientTape() as tape:
        tape.watch([mean, logvar])
        z = run(task, answer, mean, logvar, noise)
        total = tf.reduce_sum(z)
    require(
        tf.is_tensor(z),
        task,
        "a TensorFlow tensor",
        f"{type(z).__name__} with the right values",
        "the way back to mean and logvar is cut where the computation leaves TensorFlow.",
    )
    gradients = tape.gradient(total, [mean, logvar])
    require(
        all(gradient is not None for gradient in gradients),
        task,
        "gradients with respect to mean and logvar",
        "the right values without a gradient",
        "something on the way from mean and logvar to z stops the gradient.",
    )
    passed(task)


def _reparameterised(mean, logvar, noise):
    return np.asarray(mean) + np.exp(np.asarray(logvar) / 2) * np.asarray(noise)


def _reparameterise_mistakes():
    return [
        Mistake(
            "the variance in place of the standard deviation",
            lambda m, v, e: m + np.exp(v) * e,
            "Noise is scaled by σ, and logvar is the logarithm of what?",
        ),
        Mistake(
            "noise of the same size everywhere",
            lambda m, v, e: np.asarray(m) + np.asarray(e),
            "Where does the encoder's second output come in?",
        ),
        Mistake(
            "the logarithm used as a scale",
            lambda m, v, e: m + v * e,
            "A scale is positive; logvar can have either sign.",
        ),
        Mistake(
            "one noise vector for all examples",
            lambda m, v, e: _reparameterised(m, v, np.asarray(e)[:1]),
            "Examples of a batch must not share their noise.",
        ),
    ]


def effective_beta(answer):
    """Judge a function (reconstruction, kl, n_pixels, n_latent, kl_weight) -> effective β."""
    cases = [
        ("sum", "sum", 784, 16, 3.0),
        ("mean", "sum", 784, 16, 0.5),
        ("mean", "mean", 12_288, 64, 2.0),
        ("sum", "mean", 784, 4, 0.25),
        ("mean", "mean", 784, 2, 1e-3),
    ]

    def right(reconstruction, kl, n_pixels, n_latent, kl_weight):
        return kl_weight * (n_pixels if reconstruction == "mean" else 1) / (n_latent if kl == "mean" else 1)

    judge(
        "the effective β",
        answer,
        cases,
        right,
        [
            Mistake(
                "an inverted ratio", lambda *c: 1 / right(*c), "β is the price of the KL term: which weight is above?"
            ),
            Mistake(
                "kl_weight left out", lambda *c: right(*c[:4], 1.0), "The loss already carries a weight of its own."
            ),
            Mistake(
                "a mean over latent variables overlooked",
                lambda r, k, n_pixels, d, w: right(r, "sum", n_pixels, d, w),
                "What does a mean over d latent variables do to the KL term?",
            ),
            Mistake(
                "a mean over pixels overlooked",
                lambda r, k, n_pixels, d, w: right("sum", k, n_pixels, d, w),
                "What does a mean over D pixels do to the reconstruction term?",
            ),
            Mistake(
                "a mean over latent variables that raises the KL term",
                lambda r, k, n_pixels, d, w: right(r, "sum", n_pixels, d, w) * (d if k == "mean" else 1),
                "Is a mean larger or smaller than the sum it comes from?",
            ),
        ],
    )


def implied_variance(value):
    """Judge the pixel variance that 10,000 · mean squares + KL claims for 128 × 128 × 3 pixels."""
    a = 10_000 / (128 * 128 * 3)
    right = 1 / (2 * a)
    judge_value(
        "the implied variance",
        value,
        right,
        "a variance, in squared units of a pixel",
        [
            Mistake("a missing factor", 1 / a, "In the Gaussian's exponent the square is divided by more than σ²."),
            Mistake(
                "a mean over pixels overlooked", 1 / (2 * 10_000), "What is the weight of one squared pixel error here?"
            ),
            Mistake("the inverse", 2 * a, "A large weight means a confident decoder: is its noise large or small?"),
            Mistake("a standard deviation", np.sqrt(right), "The question asks for a variance."),
            Mistake("a count without the colours", right / 3, "How many numbers does a colour picture hold?"),
        ],
        rtol=5e-3,
    )


def bug_line(value):
    """Judge the number of the line with the bug."""
    judge_value(
        "the line with the bug",
        value,
        2,
        "the number of one line, 1 to 7",
        [
            Mistake("a doubt about the encoder", 1, "Two outputs are what the encoder should have."),
            Mistake("a doubt about the decoder", 3, "The decoder may return logits, if the next line wants them."),
            Mistake("a doubt about logits", 4, "This function is made for logits, and x is in [0, 1]."),
            Mistake("a doubt about the reductions", 5, "Pixels are summed here; what does the outer mean run over?"),
            Mistake("a doubt about the KL term", 6, "Compare with your task 1: what does this line take logvar to be?"),
            Mistake("a doubt about the sum", 7, "This is the negative ELBO if both terms are right."),
        ],
    )
