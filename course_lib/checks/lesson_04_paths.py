"""Checks of the exercises of lesson 04 about norms and paths in latent space."""

import numpy as np
from scipy.special import gammaln

from course_lib import latent
from course_lib.checks.framework import Mistake, Symptom, judge, judge_value

__all__ = ["arc_point", "norm_on_a_line", "which_path"]


def norm_on_a_line(answer):
    """Judge a function (d, t) -> the expected norm of (1 − t) a + t b for independent draws a, b of N(0, I)."""
    cases = [(1, 0.0), (2, 0.25), (100, 0.5), (64, 0.8), (2000, 0.5)]

    def of_draw(d):
        return np.sqrt(2) * np.exp(gammaln((d + 1) / 2) - gammaln(d / 2))

    def right(d, t):
        return np.sqrt(t**2 + (1 - t) ** 2) * of_draw(d)

    judge(
        "the expected norm on a line",
        answer,
        cases,
        right,
        [
            Symptom(
                "a Γ function that overflows",
                lambda got, want, d, t: d == 2000 and not np.isfinite(got),
                "Γ(1000) has no place in a float, its logarithm has. scipy.special offers it.",
            ),
            Mistake(
                "the norm of a draw, at every t",
                lambda d, t: of_draw(d),
                "What is the variance of each coordinate half-way between two draws?",
            ),
            Mistake(
                "a variance used as a scale",
                lambda d, t: (t**2 + (1 - t) ** 2) * of_draw(d),
                "The norm grows with the standard deviation of the coordinates.",
            ),
            Mistake(
                "the root of the mean square",
                lambda d, t: np.sqrt(d * (t**2 + (1 - t) ** 2)),
                "√E‖z‖² is not E‖z‖: compare with the worked number at d = 1.",
            ),
            Mistake(
                "a quotient turned over",
                lambda d, t: np.sqrt(t**2 + (1 - t) ** 2) * 2 / of_draw(d),
                "Which Γ belongs above the line? Does your norm grow with d?",
            ),
            Mistake(
                "a missing √2",
                lambda d, t: right(d, t) / np.sqrt(2),
                "Follow the powers of two through the substitution u = r²/2.",
            ),
        ],
    )


def arc_point(answer):
    """Judge a function (a, b, t), (d,), (d,), number -> the point on the arc, (d,)."""
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 6)) * [[1.0], [2.5]]
    cases = [(a, b, 0.3), (b, a, 0.8), (np.array([3.0, 0.0]), np.array([0.0, 1.0]), 0.5), (a, 3 * a, 0.25)]

    def weights(theta, t):
        return np.sin((1 - t) * theta) / np.sin(theta), np.sin(t * theta) / np.sin(theta)

    def angle(a, b):
        return np.arccos(np.clip(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)), -1, 1))

    def right(a, b, t):
        return latent.slerp(a, b, 101)[round(100 * t)]

    def parallel(a, b):
        return angle(a, b) < 1e-6

    def on_raw_ends(a, b, t):
        if parallel(a, b):
            return right(a, b, t)
        first, second = weights(angle(a, b), t)
        return first * a + second * b

    def raw_angle(a, b, t):
        if abs(a @ b) >= 1:  # an angle of 0 or π, where such an answer is not finite
            return np.full(len(a), np.nan)
        first, second = weights(np.arccos(a @ b), t)
        length = (1 - t) * np.linalg.norm(a) + t * np.linalg.norm(b)
        return length * (first * a / np.linalg.norm(a) + second * b / np.linalg.norm(b))

    judge(
        "the point on the arc",
        answer,
        cases,
        right,
        [
            Mistake("a straight line", lambda a, b, t: (1 - t) * a + t * b, "Its norm sags between the ends."),
            Mistake("ends exchanged", lambda a, b, t: right(b, a, t), "Where should the path be at t = 0?"),
            Symptom(
                "an angle from vectors that are not of norm 1",
                lambda got, want, a, b, t: np.allclose(got, raw_angle(a, b, t)) and not np.allclose(got, want),
                "The scalar product is the cosine only after dividing by something.",
            ),
            Symptom(
                "a division by sin 0",
                lambda got, want, a, b, t: parallel(a, b) and not np.isfinite(got).all(),
                "What is the angle between two vectors of the same direction, and what is the arc then?",
            ),
            Symptom(
                "a point on the unit sphere",
                lambda got, want, a, b, t: (
                    np.isclose(np.linalg.norm(got), 1) and not np.isclose(np.linalg.norm(want), 1)
                ),
                "The direction turns on the unit sphere; what about the norm of the ends?",
            ),
            Symptom(
                "weights applied to ends of different norms",
                lambda got, want, a, b, t: not parallel(a, b) and np.allclose(got, on_raw_ends(a, b, t)),
                "The formula holds for unit vectors. Turn the directions first, then set the norm.",
            ),
        ],
    )


def which_path(answer):
    """Judge a dictionary "A", "B", "C" -> "lerp", "slerp" or "draws" for the three curves of norms."""
    right = {"A": "slerp", "B": "lerp", "C": "draws"}
    names = {k: str(v).strip().lower() for k, v in answer.items()} if isinstance(answer, dict) else answer
    judge_value(
        "which path made which norms",
        names,
        right,
        'a dictionary with "A", "B", "C" -> "lerp", "slerp" or "draws"',
        [
            Mistake(
                "the two paths exchanged",
                {"A": "lerp", "B": "slerp", "C": "draws"},
                "Which of the two goes through the ball, and which keeps to the shell?",
            ),
            Mistake(
                "unrelated draws taken for a path",
                {"A": "draws", "B": "lerp", "C": "slerp"},
                "A path is smooth: its neighbours have nearly the same norm.",
            ),
            Mistake(
                "the sagging curve taken for independent draws",
                {"A": "slerp", "B": "draws", "C": "lerp"},
                "How likely is a norm of 7 for a draw in 100 dimensions?",
            ),
        ],
    )
