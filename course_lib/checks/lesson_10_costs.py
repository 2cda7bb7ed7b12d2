"""Checks of the exercises of lesson 10: what a network costs and sees, and how long an average remembers."""

import numpy as np

from course_lib.checks.framework import Mistake, Symptom, judge

__all__ = ["average_decay", "field_of_view", "transposed_cost"]


def transposed_cost(answer):
    """Judge a function (c_in, c_out, kernel, stride, height, width) -> (parameters, operations)."""
    judge(
        "Cost of a transposed convolution",
        answer,
        [(32, 16, 4, 2, 14, 14), (3, 7, 5, 3, 6, 9), (64, 64, 3, 2, 7, 7)],
        _cost,
        [
            Mistake(
                "the output's pixels",
                lambda i, o, k, s, h, w: (_cost(i, o, k, s, h, w)[0], 2 * k * k * i * o * h * w * s * s),
                "Which pixels are multiplied with the kernel: those that come in, or those that go out?",
            ),
            Mistake(
                "one operation for two",
                lambda *case: (_cost(*case)[0], _cost(*case)[1] // 2),
                "A product is also added to something.",
            ),
            Mistake(
                "no biases",
                lambda i, o, k, s, h, w: (k * k * i * o, _cost(i, o, k, s, h, w)[1]),
                "The layer has one more number for each channel that it makes.",
            ),
            Mistake(
                "a bias for each input channel",
                lambda i, o, k, s, h, w: (k * k * i * o + i, _cost(i, o, k, s, h, w)[1]),
                "Biases are added to what the layer makes, not to what it takes.",
            ),
            Mistake(
                "a kernel in one dimension",
                lambda i, o, k, s, h, w: (k * i * o + o, 2 * k * i * o * h * w),
                "The kernel is a square.",
            ),
        ],
    )


def field_of_view(answer):
    """Judge a function of a list of (kernel, stride) -> the side of the receptive field in pixels."""
    judge(
        "Receptive field",
        answer,
        [([(4, 2), (4, 2), (3, 1)],), ([(3, 1), (3, 2), (5, 3), (2, 1)],), ([(7, 1)],), ([(3, 1)] * 4,)],
        _field,
        [
            Mistake(
                "no jump",
                lambda layers: 1 + sum(k - 1 for k, _ in layers),
                "After a stride, neighbours in the feature map are further apart in the image.",
            ),
            Mistake(
                "a stride that counts too early",
                lambda layers: 1 + sum((k - 1) * _product(layers[: n + 1]) for n, (k, _) in enumerate(layers)),
                "How far apart are the neighbours in the *input* of a layer?",
            ),
            Mistake(
                "whole kernels",
                lambda layers: sum(k * _product(layers[:n]) for n, (k, _) in enumerate(layers)),
                "A 1 × 1 convolution does not see anything new.",
            ),
            Mistake(
                "a start at 0",
                lambda layers: _field(layers) - 1,
                "How much does a unit of no layer at all see?",
            ),
        ],
    )


def average_decay(answer):
    """Judge a function (batch, half_life) -> the decay per step of an average with that half-life in images."""
    judge(
        "Decay of an average",
        answer,
        [(32, 3200), (16, 10_000), (64, 500), (8, 8)],
        lambda batch, half_life: 0.5 ** (batch / half_life),
        [
            Mistake(
                "a mean life for a half-life",
                lambda batch, half_life: np.exp(-batch / half_life),
                "After one half-life a half is left; after one mean life it is 1/e.",
            ),
            Mistake(
                "a straight line",
                lambda batch, half_life: 1 - batch / half_life,
                "Compound it: what is left after half_life / batch steps?",
            ),
            Mistake(
                "a half of a straight line",
                lambda batch, half_life: 1 - 0.5 * batch / half_life,
                "Losing equal *parts* of what is left is no straight line.",
            ),
            Mistake(
                "images for steps",
                lambda batch, half_life: 0.5 ** (1 / half_life),
                "The average moves once a step. How many images does a step see?",
            ),
            Symptom(
                "an inverted ratio",
                lambda got, want, batch, half_life: (
                    not np.allclose(got, want) and np.allclose(got, 0.5 ** (half_life / batch))
                ),
                "Does a larger half-life make the decay larger or smaller?",
            ),
        ],
    )


def _cost(c_in, c_out, kernel, stride, height, width):
    weights = kernel * kernel * c_in * c_out
    return weights + c_out, 2 * weights * height * width


def _product(layers):
    return int(np.prod([stride for _, stride in layers]))


def _field(layers):
    return 1 + sum((kernel - 1) * _product(layers[:n]) for n, (kernel, _) in enumerate(layers))
