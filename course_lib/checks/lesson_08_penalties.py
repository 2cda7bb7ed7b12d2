"""Checks of exercise 08: where to penalise, the penalty, the spectral norm, and a published line."""

import numpy as np

from course_lib.checks.framework import Mistake, compare, judge, passed, require, run

__all__ = ["mixed_points", "penalty_of_slopes", "power_iteration", "wgan_gp_faults"]

FAULTS = {"mixing weight": 1, "NaN": 7}


def mixed_points(answer):
    """Judge a function (real, fake), tensors (N, H, W, C) -> points between them, one uniform weight per example."""
    import tensorflow as tf  # only a reader who has reached this task needs it

    task = "points between real and fake"
    real = np.random.default_rng(0).normal(size=(2000, 2, 3, 2)).astype(np.float32)
    fake = real + np.random.default_rng(1).uniform(1, 2, real.shape).astype(np.float32)
    made = run(task, answer, tf.constant(real), tf.constant(fake))
    require(
        made is not None, task, f"a tensor of shape {real.shape}", "nothing", "does the function end with a return?"
    )
    mixed = np.asarray(made)
    require(mixed.shape == real.shape, task, f"shape {real.shape}", f"shape {mixed.shape}")
    weight = ((mixed - real) / (fake - real)).reshape(len(real), -1)  # the share of fake, for each value
    _require_one_weight_each(task, weight)
    share = weight.mean(axis=1)
    outside = np.mean((share < -1e-3) | (share > 1 + 1e-3))
    hint = "some points lie beyond the ends, as with a normal distribution. Which law stays between 0 and 1?"
    require(outside == 0, task, "weights in [0, 1]", f"{outside:.0%} of the weights outside", hint)
    # Five standard errors around the uniform law's mean 1/2 and second moment about it, 1/12.
    centred = abs(share.mean() - 0.5) < 5 * np.sqrt(1 / 12 / len(share))
    spread = abs(np.var(share) - 1 / 12) < 5 * np.sqrt((1 / 80 - 1 / 144) / len(share))
    hint = "the weights are not uniform: some parts of the way from real to fake are preferred."
    told = f"mean {share.mean():.3f}, variance {np.var(share):.4f}"
    require(centred and spread, task, "weights with mean 0.5 and variance 1/12 = 0.0833", told, hint)
    passed(task)


def _require_one_weight_each(task, weight):
    within, between = np.ptp(weight, axis=1).max(), np.ptp(weight.mean(axis=1))
    if within > 1e-3:
        hint = (
            "every pixel has a weight of its own, so that the point is not on the line from real to fake. "
            "How many weights does one example need?"
        )
        require(False, task, "one weight for all pixels of an example", f"weights that differ by {within:.2f}", hint)
    hint = "all examples share one weight. A batch of N examples needs how many?"
    require(between > 1e-3, task, "a weight of its own for each example", "the same weight for all", hint)


class _Quadratic:
    """A critic whose gradient is 2·scale·x, so that every example has a slope of its own."""

    def __init__(self, scale):
        self.scale = scale

    def __call__(self, x):
        import tensorflow as tf

        return self.scale * tf.reduce_sum(tf.square(x), axis=[1, 2, 3])[:, None]

    def slopes(self, x):
        """Return ‖∇critic‖₂ at each example, (N,)."""
        return 2 * self.scale * np.linalg.norm(np.asarray(x, np.float64).reshape(len(x), -1), axis=1)


def penalty_of_slopes(answer):
    """Judge a function (critic, points) -> E[(‖∇critic‖₂ − 1)²], by closed forms and by its own gradient."""
    import tensorflow as tf

    task = "the gradient penalty"
    points = tf.constant(np.random.default_rng(0).normal(size=(5, 2, 2, 1)), tf.float32)

    cases = [(_Quadratic(scale), points) for scale in (0.2, 1.0)]
    compare(
        task,
        answer,
        cases,
        lambda c, x: np.mean((c.slopes(x) - 1) ** 2),
        [
            Mistake(
                "a squared norm",
                lambda c, x: np.mean((c.slopes(x) ** 2 - 1) ** 2),
                "The norm is the root of a sum of squares.",
            ),
            Mistake(
                "a penalty without its square",
                lambda c, x: np.mean(c.slopes(x) - 1),
                "Slopes below and above 1 would cancel.",
            ),
            Mistake(
                "a centre at 0",
                lambda c, x: np.mean(c.slopes(x) ** 2),
                "This is R1's form. Which slope should cost nothing here?",
            ),
            Mistake(
                "a one-sided penalty",
                lambda c, x: np.mean(np.maximum(c.slopes(x) - 1, 0) ** 2),
                "Here slopes that are too flat cost as well.",
            ),
            Mistake(
                "one norm over the whole batch",
                lambda c, x: (np.sqrt(np.sum(c.slopes(x) ** 2)) - 1) ** 2,
                "Over which axes does one example extend?",
            ),
            Mistake(
                "a mean over the pixels",
                lambda c, x: np.mean((c.slopes(x) / 2 - 1) ** 2),  # of 4 values: the root mean square is half the norm
                "A Euclidean norm adds the squares of all pixels.",
            ),
            Mistake(
                "a sum over the examples",
                lambda c, x: np.sum((c.slopes(x) - 1) ** 2),
                "An expectation over the batch is a mean.",
            ),
        ],
    )
    _require_finite_gradient(task, answer, points)
    passed(task)


def _require_finite_gradient(task, answer, points):
    """A critic that is flat, as at a dead network, must not poison the weights."""
    import tensorflow as tf

    slope = tf.Variable(0.0)
    with tf.GradientTape() as tape:
        penalty = run(task, answer, lambda x: slope * tf.reduce_sum(x, axis=[1, 2, 3])[:, None], points)
    gradient = tape.gradient(penalty, slope)
    hint = "something between the critic's weights and the penalty is not a TensorFlow operation."
    require(gradient is not None, task, "a gradient for the critic's weights", "none", hint)
    hint = "what is the derivative of a square root at 0, where the critic is flat? Keep its argument above 0."
    require(bool(np.isfinite(gradient)), task, "a finite gradient for a flat critic", str(float(gradient)), hint)


def power_iteration(answer):
    """Judge a function (kernel (h, w, c, k), u (k,), rounds) -> (σ, u): power iteration on the reshaped kernel."""
    rng = np.random.default_rng(0)
    cases = [(rng.normal(size=(3, 2, 4, 5)), rng.normal(size=5), rounds) for rounds in (1, 3, 60)]

    def iterate(w, u, rounds, unit=lambda a: a / np.linalg.norm(a)):
        for _ in range(rounds):
            v = unit(w @ u)
            u = unit(w.T @ v)
        return w, u, v

    def matrix(kernel):
        return kernel.reshape(-1, kernel.shape[-1])

    def estimate(kernel, u, rounds):
        w, u, v = iterate(matrix(kernel), u, rounds)
        return v @ w @ u, u

    def changed(sigma):
        def wrong(kernel, u, rounds):
            w, u, v = iterate(matrix(kernel), u, rounds)
            return sigma(w, u, v), u

        return wrong

    def without_length(kernel, u, rounds):
        w, u, v = iterate(matrix(kernel), u, rounds, unit=lambda a: a)
        return v @ w @ u, u

    judge(
        "the spectral norm by power iteration",
        answer,
        cases,
        estimate,
        [
            Mistake(
                "an eigenvalue of WᵀW",
                changed(lambda w, u, v: (v @ w @ u) ** 2),
                "Its eigenvalues are squares of singular values.",
            ),
            Mistake(
                "the Frobenius norm",
                changed(lambda w, u, v: np.linalg.norm(w)),
                "It adds all singular values' squares.",
            ),
            Mistake(
                "vectors of any length", without_length, "Both vectors have to be brought to length 1 in each round."
            ),
            Mistake(
                "the vector of the other side",
                lambda kernel, u, rounds: (estimate(kernel, u, rounds)[0], iterate(matrix(kernel), u, rounds)[2]),
                "The vector to keep for the next call has one entry for each output channel.",
            ),
            Mistake(
                "a kernel read across the wrong axes",
                lambda kernel, u, rounds: estimate(np.moveaxis(kernel, -1, 0).reshape(-1, kernel.shape[-1]), u, rounds),
                "The last axis of the kernel is the output channels; the others are one long axis, in their order.",
            ),
            Mistake(
                "the start returned",
                lambda kernel, u, rounds: (estimate(kernel, u, rounds)[0], u),
                "Without the new u the next call starts again from the beginning.",
            ),
        ],
        rtol=1e-3,
    )


def wgan_gp_faults(answers):
    """Judge a dictionary "mixing weight" and "NaN" -> the number of the line that is at fault."""
    task = "two faults of a published penalty"
    ok = isinstance(answers, dict) and answers.keys() == FAULTS.keys()
    require(ok, task, f"a dictionary with the keys {sorted(FAULTS)}", str(answers))
    require(None not in answers.values() and ... not in answers.values(), task, "a line for each", "no answer yet")
    hints = {
        2: "line 2 goes along the straight line from real to fake, whatever the weight.",
        4: "line 4 is needed: a tape does not watch a tensor that is no variable.",
        5: "line 5 is harmless here: this critic has no BatchNorm and no dropout.",
        6: "line 6 is right: the critic treats examples separately, so the gradients stay apart.",
        8: "line 8 is the definition.",
    }
    for name, right in FAULTS.items():
        other = "this line is the other fault: they are swapped." if answers[name] in FAULTS.values() else ""
        hint = hints.get(answers[name], other or "the lines are numbered 1 to 8, and line 3 only opens the tape.")
        require(answers[name] == right, task, f"the line of the fault “{name}”", str(answers[name]), hint)
    passed(task)
