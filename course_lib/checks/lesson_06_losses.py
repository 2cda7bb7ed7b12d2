"""Checks of the exercises of lesson 06 about the range of images and the two losses of the game."""

import numpy as np

from course_lib.checks.framework import Mistake, Symptom, compare, judge, passed, require, run

__all__ = ["discriminator_loss", "generator_loss", "to_generator_range"]


def to_generator_range(answer):
    """Judge a function of uint8 images (N, H, W, C) in [0, 255] -> float32 of the same shape in [-1, 1]."""
    task = "images in the generator's range"
    every_level = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    cases = [(every_level,), (np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3), dtype=np.uint8),)]
    compare(task, answer, cases, lambda u: u / 127.5 - 1, _range_mistakes())
    kind = np.asarray(run(task, answer, every_level)).dtype
    require(
        kind == np.float32,
        task,
        "numbers of type float32",
        f"the right values as {kind}",
        "which type do the networks compute in?",
    )
    passed(task)


def _range_mistakes():
    return [
        Mistake("images in [0, 1]", lambda u: u / 255, "Which value does black get, and which does tanh allow it?"),
        Mistake("images in [0, 2]", lambda u: u / 127.5, "The width is right. Where does the interval begin?"),
        Mistake("images in [-1, 0]", lambda u: u / 255 - 1, "Which value does white get?"),
        Mistake("images in [-½, ½]", lambda u: u / 255 - 0.5, "The centre is right. How wide is the interval?"),
        Mistake(
            "a division by a power of two",
            lambda u: u / 128.0 - 1,
            "Close: but what becomes of the largest value, 255?",
        ),
        Mistake(
            "an overflow",
            lambda u: 2 * u / 255 - 1,
            "Arithmetic between uint8 numbers stays in uint8: what is 2 · 200 there?",
        ),
        Symptom(
            "a whole-number type",
            lambda got, want, u: got.dtype.kind in "iu",
            "How many numbers between −1 and 1 can this type hold?",
        ),
        Symptom(
            "an integer division",
            lambda got, want, u: np.all(got == np.round(got)) and np.abs(got).max() <= 2,
            "Of 256 grey levels only a handful are left.",
        ),
        Symptom("unchanged values", lambda got, want, u: np.array_equal(got, u), "A change of type moves no value."),
    ]


def discriminator_loss(answer):
    """Judge a function (real_logits, fake_logits), tensors (N, 1) -> D's loss in the original game, a scalar tensor."""
    rng = np.random.default_rng(0)
    cases = [(rng.normal(size=(6, 1)), rng.normal(size=(6, 1))), (np.zeros((4, 1)), np.zeros((4, 1)))]
    extreme = (np.array([[1000.0], [-1000], [-1000]]), np.array([[1000.0], [1000], [-1000]]))

    def right(real, fake):
        return _softplus(-real) + _softplus(fake)

    mistakes = [
        Mistake("swapped labels", lambda r, f: right(f, r), "Which images does D want to call real?"),
        Mistake(
            "an average of the two halves",
            lambda r, f: right(r, f) / 2,
            "The value of the game adds its two terms: compare with 2 ln 2 at zero logits.",
        ),
        Mistake(
            "a sum over the batch",
            lambda r, f: len(r) * right(r, f),
            "An expectation must not grow with the number of images.",
        ),
        Mistake("real images only", lambda r, f: _softplus(-r), "What punishes D for believing a fake?"),
        Mistake("fakes only", lambda r, f: _softplus(f), "What punishes D for doubting a real image?"),
        Mistake(
            "probabilities taken for logits",
            lambda r, f: right(_sigmoid(r), _sigmoid(f)),
            "How often is the sigmoid applied here, in your line and inside the loss?",
        ),
        Mistake(
            "logits taken for probabilities",
            lambda r, f: _cross_entropy_of_probabilities(1, r) + _cross_entropy_of_probabilities(0, f),
            "The default of this Keras loss expects the output of a sigmoid.",
        ),
        Mistake("a flipped sign", lambda r, f: -right(r, f), "This is what D maximises. An optimizer goes downhill."),
        _NOT_REDUCED,
    ]
    _judge_loss("the discriminator's loss", answer, cases, extreme, right, mistakes)


def generator_loss(answer):
    """Judge a function of fake_logits, a tensor (N, 1) -> G's non-saturating loss, a scalar tensor."""
    cases = [(np.random.default_rng(1).normal(size=(6, 1)),), (np.array([[2.0], [2.0]]),)]

    def right(fake):
        return _softplus(-fake)

    mistakes = [
        Mistake(
            "the saturating loss",
            lambda f: -_softplus(f),
            "Right for the minimax game. How steep is it where D is sure of a fake, at a logit of −10?",
        ),
        Mistake(
            "the discriminator's wish",
            _softplus,
            "This is small when D recognises the fakes. Is that what G is after?",
        ),
        Mistake("a flipped sign", lambda f: -right(f), "Downhill here means fakes that convince nobody."),
        Mistake(
            "a sum over the batch",
            lambda f: len(f) * right(f),
            "An expectation must not grow with the number of images.",
        ),
        Mistake(
            "probabilities taken for logits",
            lambda f: right(_sigmoid(f)),
            "How often is the sigmoid applied here, in your line and inside the loss?",
        ),
        Mistake(
            "logits taken for probabilities",
            lambda f: _cross_entropy_of_probabilities(1, f),
            "The default of this Keras loss expects the output of a sigmoid.",
        ),
        _NOT_REDUCED,
    ]
    _judge_loss("the generator's loss", answer, cases, (np.array([[1000.0], [-1000.0]]),), right, mistakes)


_NOT_REDUCED = Symptom(
    "a loss for each image",
    lambda got, want, *logits: got.ndim > 0,
    "One number is to be made smaller: what is done over the batch?",
)


_AT_EXTREMES = [
    Symptom(
        "a logarithm of a rounded probability",
        lambda got, want, *logits: not np.isfinite(got),
        "In float32 σ(1000) is exactly 1. TensorFlow has functions that never leave the logits.",
    ),
    Symptom(
        "a loss of clipped probabilities",
        lambda got, want, *logits: got < want,
        "Being wrong by 1000 costs no more than being wrong by 20: what slope is left to learn from?",
    ),
]


def _judge_loss(task, answer, cases, extreme, reference, mistakes):
    """Judge the values of a loss, then its gradient, then its values at ``extreme`` logits."""
    import tensorflow as tf  # only a reader who has reached this task needs it

    tensors = [tuple(tf.constant(logits, tf.float32) for logits in case) for case in [*cases, extreme]]
    compare(task, answer, tensors[:-1], lambda *case: reference(*map(np.asarray, case)), mistakes)
    with tf.GradientTape() as tape:
        tape.watch(tensors[0])
        loss = run(task, answer, *tensors[0])
    require(
        tf.is_tensor(loss) and all(g is not None for g in tape.gradient(loss, tensors[0])),
        task,
        "a tensor with a gradient",
        "the right value without a gradient",
        "the way back to the networks is cut, because the computation leaves TensorFlow or stops the gradient.",
    )
    judge(task, answer, tensors[-1:], lambda *case: reference(*map(np.asarray, case)), _AT_EXTREMES)


def _softplus(x):
    """The mean of log(1 + exp(x)), as a number."""
    return float(np.mean(np.logaddexp(0, x)))


def _sigmoid(x):
    return 1 / (1 + np.exp(-np.asarray(x)))


def _cross_entropy_of_probabilities(label, p):
    import keras

    p = np.asarray(p)
    return float(keras.losses.BinaryCrossentropy()(np.full(p.shape, label, np.float32), p))
