"""Checks of the exercises of lesson 11: the scale of a loss, and a training that can be cut anywhere."""

import numpy as np

from course_lib.checks.framework import Mistake, compare, judge, passed, require, run

__all__ = ["advance", "choose_scale", "next_scale"]


def choose_scale(answer):
    """Judge a function of gradients (n,) -> the largest power of two with which float16 keeps them all finite."""
    judge(
        "Largest loss scale",
        answer,
        [
            (np.array([1e-6, -3.0, 0.5]),),
            (np.array([0.7, 1e-8]),),
            (np.array([-1e-5, 2e-7, 0.0]),),
            (np.array([65504.0, -1.0]),),
            (np.array([1.0, -2e5]),),
        ],
        _scale,
        [
            Mistake("the largest without its sign", lambda g: _scale(g[g > 0]), "How large is −3?"),
            Mistake(
                "no power of two",
                lambda g: 65504 / abs(g).max(),
                "Only powers of two change the exponent and nothing else.",
            ),
            Mistake(
                "a power of two above it", lambda g: 2 * _scale(g), "Multiply the largest gradient by it. Is it finite?"
            ),
            Mistake(
                "a bound of 2¹⁵",
                lambda g: 2.0 ** np.floor(np.log2(2.0**15 / abs(g).max())),
                "float16 reaches beyond 2¹⁵.",
            ),
            Mistake("the mean", lambda g: _scale(np.array([abs(g).mean()])), "One infinite entry spoils the step."),
            Mistake(
                "a scale of at least 1",
                lambda g: max(_scale(g), 1.0),
                "A loss may be so large that its scale is below 1.",
            ),
        ],
    )


def next_scale(answer):
    """Judge a function (scale, good, finite, growth_steps) -> (scale, good) after a step."""
    cases = [
        (1024.0, 5, True, 10),
        (1024.0, 9, True, 10),
        (1024.0, 7, False, 10),
        (2.0, 0, False, 1),
        (8.0, 0, True, 1),
    ]

    def broken(grow=2.0, shrink=0.5, reset=True, restart=True, early=0, count=True):
        def wrong(scale, good, finite, growth_steps):
            if not finite:
                return scale * shrink, 0 if reset else good
            if good + count + early >= growth_steps:
                return scale * grow, 0 if restart else good + 1
            return scale, good + count

        return wrong

    judge(
        "Dynamic loss scale",
        answer,
        cases,
        broken(),
        [
            Mistake(
                "a count that survives an overflow", broken(reset=False), "The good steps must follow *each other*."
            ),
            Mistake("a count that is never restarted", broken(restart=False), "When would the scale double next?"),
            Mistake("a doubling one step late", broken(early=-1), "Which step in a row is this one?"),
            Mistake(
                "a doubling after every good step", broken(early=10**9), "The scale would overflow every other step."
            ),
            Mistake("a scale that never grows", broken(grow=1.0), "After one overflow it would stay small for ever."),
            Mistake(
                "a scale that grows at an overflow",
                broken(shrink=2.0),
                "Infinite: was the scale too large or too small?",
            ),
        ],
    )


def advance(answer):
    """Judge a function (state, steps) -> state of SGD with momentum that can be stopped and resumed anywhere."""
    task = "A training that can be cut anywhere"
    states = [
        {"w": np.array([1.0, -2.0, 0.5]), "velocity": np.zeros(3), "step": 0},
        {"w": np.array([0.3]), "velocity": np.array([-0.2]), "step": 17},
    ]
    for state in states:  # arrays inside a dictionary are not copied by the framework
        given = {k: np.copy(v) if k != "step" else v for k, v in state.items()}
        result = run(task, answer, given, 3)
        require(
            isinstance(result, dict) and result.keys() == state.keys(), task, f"a state with {sorted(state)}", result
        )
        kept = all(np.array_equal(given[k], state[k]) for k in state)
        require(
            kept, task, "the given state unchanged", "a changed one", "Work on copies: the caller may need it again."
        )

    def rebuilt(function):
        def called(w, velocity, step, steps):
            return function({"w": w, "velocity": velocity, "step": step}, steps)

        called.__name__ = "advance"
        return called

    compare(
        task,
        rebuilt(answer),
        [(s["w"], s["velocity"], s["step"], steps) for s in states for steps in (0, 1, 5)],
        rebuilt(_advance),
        [
            Mistake(
                "a velocity that starts anew",
                rebuilt(lambda s, n: _advance(s | {"velocity": 0 * s["velocity"]}, n)),
                "What does the optimizer remember beside the weights?",
            ),
            Mistake(
                "noise that starts anew",
                rebuilt(lambda s, n: _advance(s | {"step": 0}, n) | {"step": s["step"] + n}),
                "Which noise belongs to step 17, whoever asks?",
            ),
            Mistake(
                "the same noise at every step",
                rebuilt(lambda s, n: _advance(s, n, moving=False)),
                "Two steps of one run must not share their noise.",
            ),
            Mistake(
                "a step that is not counted",
                rebuilt(lambda s, n: _advance(s, n) | {"step": s["step"]}),
                "Where does the next call go on?",
            ),
            Mistake(
                "no momentum",
                rebuilt(lambda s, n: _advance(s, n, momentum=0.0)),
                "The velocity keeps nine tenths of itself.",
            ),
        ],
        rtol=1e-8,
    )
    passed(task)


def _scale(gradients):
    return 2.0 ** np.floor(np.log2(65504 / abs(gradients).max()))


def _advance(state, steps, momentum=0.9, moving=True):
    w, velocity, first = state["w"].copy(), state["velocity"].copy(), state["step"]
    for step in range(first, first + steps):
        noise = np.random.default_rng([0, step if moving else first]).standard_normal(w.shape)
        velocity = momentum * velocity - 0.1 * (w + noise)
        w = w + velocity
    return {"w": w, "velocity": velocity, "step": first + steps}
