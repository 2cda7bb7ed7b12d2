"""Checks of the exercises of lesson 05 about the Dirac-GAN, the reading of a logit, and moving samples."""

import numpy as np

from course_lib.checks.framework import Mistake, Symptom, judge, judge_value

__all__ = ["calming_change", "dirac_jacobian", "fates", "largest_stable_step", "restlessness", "strongest_pull"]


def strongest_pull(answer):
    """Judge which of the marked samples a to d is pulled hardest by each loss, and which by neither."""
    judge_value(
        "who is pulled",
        _lower(answer),
        {"saturating": "b", "non-saturating": "a", "neither": "d"},
        'a dictionary with a letter "a" to "d" for each of "saturating", "non-saturating" and "neither"',
        [
            Mistake(
                "swapped losses",
                {"saturating": "a", "non-saturating": "b", "neither": "d"},
                "The non-saturating loss was invented for samples of which D is sure that they are fake.",
            ),
            Symptom(
                "the height taken for the slope",
                lambda got, want: got.get("neither") == "c",
                "A logit of 0 means that D cannot tell. A sample moves by the slope of the logit there.",
            ),
            Symptom(
                "a steep place taken for a pull by both",
                lambda got, want: got.get("saturating") == got.get("non-saturating"),
                "The slope of the logit is multiplied by D for one loss and by 1 − D for the other.",
            ),
            Symptom(
                "a flat place overlooked",
                lambda got, want: got.get("neither") in ("a", "b"),
                "One of the samples stands on a summit of the logit. What is the slope there?",
            ),
        ],
    )


def dirac_jacobian(answer):
    """Judge a function (c, gamma) -> the Dirac-GAN's Jacobian (2, 2) at its solution, in the order (θ, ψ)."""

    def right(c, gamma):
        return np.array([[0.0, c], [-c, -gamma]])

    judge(
        "the Jacobian of the Dirac-GAN",
        answer,
        [(0.5, 0.0), (0.5, 0.3), (1.0, 2.0)],
        right,
        [
            Mistake(
                "a lost sign", lambda c, g: np.array([[0, c], [c, -g]]), "D and G want opposite things: V is a saddle."
            ),
            Mistake(
                "a push by the penalty",
                lambda c, g: np.array([[0, c], [-c, g]]),
                "The penalty adds γψ²/2 to a loss that is descended: does ψ grow or shrink by it?",
            ),
            Mistake(
                "friction on the generator",
                lambda c, g: np.array([[-g, c], [-c, 0]]),
                "R1 stands in the loss of one player only. In which row of (θ, ψ)?",
            ),
            Mistake(
                "friction on both", lambda c, g: np.array([[-g, c], [-c, -g]]), "R1 stands in one player's loss only."
            ),
            Mistake(
                "half of the friction",
                lambda c, g: np.array([[0, c], [-c, -g / 2]]),
                "The ½ of the penalty γψ²/2 goes with the square when it is differentiated.",
            ),
            Mistake("no friction", lambda c, g: np.array([[0, c], [-c, 0]]), "What does R1 add to the motion of ψ?"),
            Mistake(
                "the players in the other order",
                lambda c, g: np.array([[-g, -c], [c, 0]]),
                "The first row is the motion of θ, the generator.",
            ),
        ],
    )


def largest_stable_step(answer):
    """Judge a function of a Jacobian (n, n) -> the step at which simultaneous steps stop converging, 0 for none."""
    cases = [(np.array([[0.0, 0.5], [-0.5, -gamma]]),) for gamma in (0.2, 1.0, 3.0)]
    cases += [
        (np.diag([-1.0, -0.2, -0.5]),),
        (np.array([[0.1, 1.0], [-1.0, 0.0]]),),
        (np.array([[-1.0, 3.0], [-3, -1.0]]),),
    ]

    def limits(jacobian):
        values = np.linalg.eigvals(jacobian)
        return -2 * values.real / np.abs(values) ** 2

    def right(jacobian):
        return max(float(limits(jacobian).min()), 0.0)

    judge(
        "the largest stable step",
        answer,
        cases,
        right,
        [
            Mistake(
                "the mildest eigenvalue",
                lambda j: max(limits(j).max(), 0.0),
                "Each eigenvalue sets a limit of its own, and all must be obeyed.",
            ),
            Mistake(
                "a factor of two",
                lambda j: max(right(j) / 2, 0.0),
                "|1 + ηλ|² = 1 + 2η Re λ + η²|λ|²: at which η is that 1 again?",
            ),
            Mistake(
                "a step for every game",
                lambda j: limits(j).min(),
                "A negative step size: what if nothing pulls inwards? The task names the value to return.",
            ),
            Mistake(
                "the size without the turning",
                lambda j: max((-2 / np.linalg.eigvals(j).real).min(), 0.0),
                "For a complex λ the size |λ| is larger than its real part.",
            ),
            Mistake(
                "the largest eigenvalue by size",
                lambda j: 2 / np.abs(np.linalg.eigvals(j)).max(),
                "Right for real negative eigenvalues only. How much of a complex one pulls inwards?",
            ),
            Mistake(
                "the lesson's rule for γ ≤ 1", lambda j: -4 * j[-1, -1], "Does it hold for γ > 1, or for another c?"
            ),
            Symptom(
                "a complex answer",
                lambda got, want, j: np.iscomplexobj(got),
                "The real part and the size of an eigenvalue are real numbers.",
            ),
        ],
    )


def fates(answer):
    """Judge the predicted fates of four Dirac-GANs: a dictionary of "arrives", "orbits" or "escapes"."""
    right = {"1": "escapes", "2": "orbits", "3": "arrives", "4": "escapes"}
    judge_value(
        "the fate of four games",
        _lower(answer),
        right,
        'a dictionary with "arrives", "orbits" or "escapes" for each of "1", "2", "3", "4"',
        [
            Mistake(
                "continuous time for game 1",
                right | {"1": "orbits"},
                "The flow would orbit. What does a simultaneous step of finite size do to the radius?",
            ),
            Mistake(
                "outward steps for game 2",
                right | {"2": "escapes"},
                "G answers the new D here. Which quantity do alternating steps keep?",
            ),
            Mistake(
                "a penalty that always heals",
                right | {"4": "arrives"},
                "R1 pulls inwards, but how large may a step be? Ask your function of task 5b.",
            ),
            Mistake(
                "a penalty that never heals",
                right | {"3": "orbits"},
                "Which sign do the real parts of the eigenvalues have with γ > 0?",
            ),
            Mistake(
                "borderline for game 4",
                right | {"4": "orbits"},
                "On the border the step equals the limit of task 5b.",
            ),
        ],
    )


def restlessness(answer):
    """Judge a function of clouds (k, n, d), n samples at k times -> the mean distance of a sample between two looks."""
    rng = np.random.default_rng(0)
    drift = np.cumsum(np.broadcast_to([3.0, 4.0], (4, 6, 2)), axis=0)
    cases = [(rng.normal(size=(5, 7, 2)),), (drift,), (rng.normal(size=(3, 4, 1)),)]

    def moves(clouds):
        return np.linalg.norm(np.diff(clouds, axis=0), axis=-1)

    judge(
        "the restlessness of samples",
        answer,
        cases,
        lambda clouds: moves(clouds).mean(),
        [
            Mistake(
                "the movement of the centre",
                lambda c: np.linalg.norm(np.diff(c.mean(axis=1), axis=0), axis=-1).mean(),
                "Samples that change places leave the centre where it is.",
            ),
            Mistake(
                "the way from the first to the last look",
                lambda c: np.linalg.norm(c[-1] - c[0], axis=-1).mean(),
                "An orbit comes back to where it began. How far has it gone?",
            ),
            Mistake(
                "squared distances",
                lambda c: (moves(c) ** 2).mean(),
                "The unit asked for is that of x, not its square.",
            ),
            Mistake(
                "coordinates one by one",
                lambda c: np.abs(np.diff(c, axis=0)).mean(),
                "A move by (3, 4) is a distance of 5.",
            ),
            Mistake(
                "the whole way",
                lambda c: moves(c).sum(axis=0).mean(),
                "This grows with the number of looks. Asked for is one step between two looks.",
            ),
            Mistake(
                "neighbours in one cloud",
                lambda c: np.linalg.norm(np.diff(c, axis=1), axis=-1).mean(),
                "The first axis is time; sample i has the same z in every cloud.",
            ),
            Mistake(
                "the spread of a cloud",
                lambda c: np.linalg.norm(c - c.mean(axis=1, keepdims=True), axis=-1).mean(),
                "A wide cloud can stand perfectly still.",
            ),
        ],
    )


def calming_change(answer):
    """Judge which of the four changes a to d calms a game that is driven by momentum."""
    judge_value(
        "the change that calms the game",
        answer,
        "d",
        'a letter, "a", "b", "c" or "d"',
        [
            Mistake(
                "friction against momentum",
                "a",
                "R1 makes the flow converge. Does it touch what every step carries on from the last ones?",
            ),
            Mistake(
                "another loss",
                "b",
                "Near the solution all losses have the same Jacobian up to the number c.",
            ),
            Mistake("a better opponent", "c", "Three steps of D are three steps with the same momentum."),
            Symptom("more than one change", lambda got, want: len(str(got)) > 1, "One of them only."),
        ],
    )


def _lower(answer):
    """A dictionary with its texts in lower case and without blanks around them; anything else as it is."""
    if not isinstance(answer, dict):
        return answer
    return {str(k).strip().lower(): v.strip().lower() if isinstance(v, str) else v for k, v in answer.items()}
