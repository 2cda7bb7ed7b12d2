"""Checks of exercise 15 about flow matching and diffusion: the target, Heun's method, the least loss, one step back."""

import numpy as np

from course_lib import diffusion
from course_lib.checks.framework import Mistake, Symptom, judge

__all__ = ["ddpm_reverse", "heun_solver", "least_loss", "training_pair"]


def training_pair(answer):
    """Judge a function (x_0, x_1, each (N, H, W, C), t (N,)) -> (x_t, target), both (N, H, W, C)."""
    rng = np.random.default_rng(0)
    shapes = ((3, 4, 5, 1), (4, 4, 4, 4), (1, 2, 2, 3))
    cases = [(*rng.normal(size=(2, *shape)), rng.uniform(0.1, 0.9, shape[0])) for shape in shapes]
    cases.append((*rng.normal(size=(2, 2, 3, 3, 1)), np.array([0.0, 1.0])))
    judge(
        "the input and the target of flow matching",
        answer,
        cases,
        _pair,
        [
            Mistake(
                "time running the other way",
                lambda a, b, t: (_pair(b, a, t)[0], b - a),
                "Where is x_t at t = 0, at noise or at data?",
            ),
            Mistake(
                "swapped ends of the velocity",
                lambda a, b, t: (_pair(a, b, t)[0], a - b),
                "Differentiate x_t with respect to t. The loss would never tell you.",
            ),
            Mistake(
                "the data as target",
                lambda a, b, t: (_pair(a, b, t)[0], b),
                "That trains a network which predicts the image. Asked for is the velocity of the line.",
            ),
            Mistake(
                "the noise as target",
                lambda a, b, t: (_pair(a, b, t)[0], a),
                "That is what DDPM's network predicts. Asked for is the velocity of the line.",
            ),
            Mistake(
                "the rest of the way as target",
                lambda a, b, t: (_pair(a, b, t)[0], b - _pair(a, b, t)[0]),
                "From x_t to the end only 1 - t is left. Is a velocity a distance?",
            ),
            Mistake(
                "weights whose squares add up to 1",
                lambda a, b, t: (_mixed(a, b, np.sqrt(1 - t**2), t), b - a),
                "This is the path of DDPM; here the path is a straight line.",
            ),
            Mistake(
                "one time for the whole batch",
                lambda a, b, t: (_pair(a, b, np.full_like(t, t[0]))[0], b - a),
                "Each picture has a time of its own.",
            ),
            Mistake(
                "times along the wrong axis",
                lambda a, b, t: ((1 - t) * a + t * b, b - a),
                "NumPy lines shapes up from the right: against which axis stands t now, and which should it be?",
            ),
            Symptom(
                "times that do not line up",
                lambda got, want, *case: isinstance(got, tuple) and np.shape(got[0]) != np.shape(want[0]),
                "Give t a shape in which it meets the pictures along their first axis only.",
            ),
        ],
    )


def heun_solver(answer):
    """Judge a function (velocity, x (N, d), steps) -> x at t = 1, by Heun's method."""
    x = np.random.default_rng(1).normal(size=(5, 2))

    def swirl(x, t):
        return np.stack([-x[:, 1], x[:, 0]], axis=1) * (1 + t) + 0.3

    def growing(x, t):
        return t * x + np.cos(4 * t)

    cases = [(swirl, x, 3), (growing, x, 5), (swirl, x[:2], 1), (growing, x, 2)]
    judge(
        "Heun's method",
        answer,
        cases,
        lambda velocity, x, n: diffusion.integrate(velocity, x, n, "heun"),
        [
            Mistake(
                "Euler's method",
                lambda v, x, n: diffusion.integrate(v, x, n, "euler"),
                "Where is the velocity at the end of the step?",
            ),
            Mistake(
                "a sum instead of a mean of the velocities",
                lambda v, x, n: _heun(v, x, n, weight=1.0),
                "With a constant velocity, how far should one step go?",
            ),
            Mistake(
                "the second velocity at the old time",
                lambda v, x, n: _heun(v, x, n, later=0.0),
                "The second look is at the end of the step: in space and in time.",
            ),
            Mistake(
                "the second velocity at the old place",
                lambda v, x, n: _heun(v, x, n, reach=0.0),
                "Where would Euler's step have arrived? Look there.",
            ),
            Mistake(
                "only the second velocity",
                lambda v, x, n: _heun(v, x, n, first_weight=0.0, weight=1.0),
                "The velocity at the start counts as much as that at the end.",
            ),
            Mistake(
                "the midpoint method",
                lambda v, x, n: _heun(v, x, n, later=0.5, reach=0.5, first_weight=0.0, weight=1.0),
                "A good method of the same order, but another one: Heun looks at the end of the step.",
            ),
            Mistake(
                "one step too few",
                _short,
                "At which time do you end? Print it.",
            ),
            Mistake(
                "time running backwards",
                lambda v, x, n: diffusion.integrate(lambda x, t: v(x, 1 - t), x, n, "heun"),
                "In this lesson noise is at t = 0.",
            ),
        ],
    )


def least_loss(answer):
    """Judge a function (cov (d, d)) -> the least flow matching loss, a mean over coordinates and uniform times."""
    rng = np.random.default_rng(2)
    factors = [rng.normal(size=(d, d)) for d in (2, 3, 5)]
    cases = [(np.diag([4.0, 0.25, 1.0]),), *((f @ f.T,) for f in factors), (np.outer([1.0, 2.0], [1.0, 2.0]),)]
    judge(
        "the least loss",
        answer,
        cases,
        lambda cov: diffusion.gaussian_loss(cov),
        [
            Mistake(
                "variances where standard deviations belong",
                lambda cov: np.pi / 2 * np.trace(cov) / len(cov),
                "Multiply the data by 2: how does your value change, and how does the formula?",
            ),
            Mistake(
                "a sum over the coordinates",
                lambda cov: diffusion.gaussian_loss(cov) * len(cov),
                "The loss is a mean over pixels.",
            ),
            Mistake(
                "the diagonal of the covariance",
                lambda cov: np.pi / 2 * np.sqrt(np.diag(cov)).mean(),
                "The formula holds along the principal axes. Are your coordinates correlated?",
            ),
            Mistake(
                "the root of a mean",
                lambda cov: np.pi / 2 * np.sqrt(np.trace(cov) / len(cov)),
                "First the root for each axis, then the mean.",
            ),
            Mistake(
                "a missing integral over time",
                lambda cov: np.sqrt(np.linalg.eigvalsh(cov).clip(0)).mean(),
                "Standardised data have a least loss of about 1.57. What does yours say?",
            ),
            Mistake("zero", lambda cov: 0.0, "Does x_t tell x_1 - x_0 completely?"),
            Symptom(
                "a root of a negative round-off",
                lambda got, want, cov: not np.all(np.isfinite(got)),
                "A covariance of low rank has eigenvalues of 0, which come out as -1e-17.",
            ),
        ],
    )


def ddpm_reverse(answer):
    """Judge a function (x_s, x, each (N, d), s from 1, betas (T,)) -> (mean (N, d), variance) of x_{s-1}."""
    rng = np.random.default_rng(3)
    betas = np.array([0.05, 0.1, 0.3, 0.2, 0.4])
    cases = [(*rng.normal(size=(2, 3, 2)), s, betas) for s in (1, 2, 4, 5)]
    judge(
        "one step back",
        answer,
        cases,
        lambda x_s, x, s, betas: diffusion.ddpm_posterior(x_s, x, s, betas),
        [
            Mistake(
                "β as variance",
                lambda x_s, x, s, betas: (_reverse(x_s, x, s, betas)[0], betas[s - 1]),
                "That is right if the data are noise. Here x is known.",
            ),
            Mistake(
                "a standard deviation",
                lambda x_s, x, s, betas: (_reverse(x_s, x, s, betas)[0], np.sqrt(_reverse(x_s, x, s, betas)[1])),
                "Asked for is the variance.",
            ),
            Mistake(
                "exchanged weights",
                lambda x_s, x, s, betas: (_reverse(x, x_s, s, betas)[0], _reverse(x_s, x, s, betas)[1]),
                "At s = 1 the answer must be x itself, with no doubt left.",
            ),
            Mistake(
                "β of the next step",
                lambda x_s, x, s, betas: _reverse(x_s, x, s, betas, shift=1),
                "Steps count from 1, Python from 0.",
            ),
            Mistake(
                "α where ᾱ belongs",
                _single,
                "ᾱ is the product of all α up to the step.",
            ),
            Mistake(
                "ᾱ of the same step twice",
                lambda x_s, x, s, betas: _reverse(x_s, x, s, betas, before=0),
                "Which ᾱ belongs to the step before s? At s = 1 it is 1.",
            ),
            Mistake(
                "weights without their roots",
                lambda x_s, x, s, betas: _reverse(x_s, x, s, betas, power=1.0),
                "Signals are scaled by square roots; variances are not.",
            ),
        ],
    )


def _mixed(x_0, x_1, a, b):
    shape = (-1, 1, 1, 1)
    return a.reshape(shape) * x_0 + b.reshape(shape) * x_1


def _pair(x_0, x_1, t):
    return _mixed(x_0, x_1, 1 - t, t), x_1 - x_0


def _heun(velocity, x, n, later=1.0, reach=1.0, first_weight=None, weight=0.5):
    first_weight = weight if first_weight is None else first_weight
    for k in range(n):
        first = velocity(x, k / n)
        second = velocity(x + reach * first / n, (k + later) / n)
        x = x + (first_weight * first + weight * second) / n
    return x


def _short(velocity, x, n):
    for k in range(n - 1):
        x = diffusion.heun_step(velocity, x, k / n, (k + 1) / n)
    return x


def _reverse(x_s, x, s, betas, shift=0, before=1, power=0.5):
    bars = np.concatenate([[1.0], np.cumprod(1 - betas)])
    beta, bar, earlier = betas[(s - 1 + shift) % len(betas)], bars[s], bars[s - before]
    mean = (earlier**power * beta * x + (1 - beta) ** power * (1 - earlier) * x_s) / (1 - bar)
    return mean, (1 - earlier) / (1 - bar) * beta


def _single(x_s, x, s, betas):
    alphas = np.concatenate([[1.0], 1 - betas])
    beta, bar, before = betas[s - 1], alphas[s], alphas[s - 1]
    mean = (np.sqrt(before) * beta * x + np.sqrt(1 - beta) * (1 - before) * x_s) / (1 - bar)
    return mean, (1 - before) / (1 - bar) * beta
