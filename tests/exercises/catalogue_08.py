"""Right and wrong answers to the exercises of lesson 08, with a piece of the hint that each wrong one must get."""

import numpy as np
import tensorflow as tf

from course_lib import checks


def distances(x, y):
    return np.linalg.norm(x[:, None] - y, axis=-1)


def bound(fx, fy, x, y, reduce=np.max):
    return (fx.mean() - fy.mean()) / reduce((fx[:, None] - fy) / distances(x, y))


def city_bound(fx, fy, x, y):
    return (fx.mean() - fy.mean()) / ((fx[:, None] - fy) / np.abs(x[:, None] - y).sum(-1)).max()


def mixed(real, fake, shape=(1, 1, 1), draw=tf.random.uniform):
    return real + draw((tf.shape(real)[0], *shape)) * (fake - real)


def shared(real, fake):
    return real + tf.random.uniform(()) * (fake - real)


def norms(critic, points, axis=(1, 2, 3), floor=1e-12, reduce=tf.reduce_sum):
    with tf.GradientTape() as tape:
        tape.watch(points)
        total = tf.reduce_sum(critic(points))
    return tf.sqrt(tf.maximum(reduce(tf.square(tape.gradient(total, points)), axis=axis), floor))


def penalty(critic, points, **options):
    return tf.reduce_mean(tf.square(norms(critic, points, **options) - 1))


def iterate(w, u, rounds, unit):
    for _ in range(rounds):
        v = unit(w @ u)
        u = unit(w.T @ v)
    return w, u, v


def power(kernel, u, rounds, unit=lambda a: a / np.linalg.norm(a), result=lambda w, u, v: (v @ w @ u, u)):
    return result(*iterate(kernel.reshape(-1, kernel.shape[-1]), u, rounds, unit))


def study(low=5.8, middle=2.9, high=2.1, exact=2.01):
    return {"exact": exact, 0.5: low, 2: middle, 10: high}


CATALOGUE = [
    (
        checks.transport_bound,
        bound,
        {
            "no slope": (lambda fx, fy, x, y: fx.mean() - fy.mean(), "Twice the critic"),
            "product": (lambda fx, fy, x, y: (fx.mean() - fy.mean()) ** 2 / bound(fx, fy, x, y), "made flatter"),
            "mean slope": (lambda *a: bound(*a, reduce=np.mean), "One pair that is too steep"),
            "smallest slope": (lambda *a: bound(*a, reduce=np.min), "the one that limits"),
            "sign": (lambda *a: -bound(*a), "high on x and low on y"),
            "city block": (city_bound, "squares under a root"),
            "sums": (
                lambda fx, fy, x, y: bound(fx, fy, x, y) * (fx.sum() - fy.sum()) / (fx.mean() - fy.mean()),
                "carries the mass",
            ),
        },
    ),
    (
        checks.penalised_slope,
        1.2,
        {
            "hard": (1.0, "has no slope yet"),
            "lost 2": (1.4, "derivative of a square"),
            "sign": (0.8, "raise or lower"),
            "inverted": (6.0, "closer to 1 or drive"),
            "estimate": (4.8, "Δ times the slope"),
        },
    ),
    (
        checks.mixed_points,
        mixed,
        {
            "per pixel": (lambda r, f: mixed(r, f, shape=r.shape[1:]), "How many weights does one example need"),
            "per batch": (shared, "A batch of N examples"),
            "normal": (lambda r, f: mixed(r, f, draw=tf.random.normal), "beyond the ends"),
            "squared": (lambda r, f: mixed(r, f, draw=lambda s: tf.random.uniform(s) ** 2), "some parts of the way"),
        },
    ),
    (
        checks.penalty_of_slopes,
        penalty,
        {
            "squared norm": (lambda c, x: tf.reduce_mean((norms(c, x) ** 2 - 1) ** 2), "root of a sum"),
            "not squared": (lambda c, x: tf.reduce_mean(norms(c, x) - 1), "would cancel"),
            "zero-centred": (lambda c, x: tf.reduce_mean(norms(c, x) ** 2), "R1's form"),
            "one-sided": (lambda c, x: tf.reduce_mean(tf.nn.relu(norms(c, x) - 1) ** 2), "too flat cost as well"),
            "batch axis": (lambda c, x: penalty(c, x, axis=(0, 1, 2, 3)), "does one example extend"),
            "mean over pixels": (lambda c, x: penalty(c, x, reduce=tf.reduce_mean), "adds the squares of all pixels"),
            "sum over examples": (lambda c, x: 5 * penalty(c, x), "over the batch is a mean"),
            "no floor": (lambda c, x: penalty(c, x, floor=0.0), "square root at 0"),
            "NumPy": (lambda c, x: tf.constant(penalty(c, x).numpy()), "is not a TensorFlow operation"),
        },
    ),
    (
        checks.power_iteration,
        power,
        {
            "eigenvalue": (lambda *a: power(*a, result=lambda w, u, v: ((v @ w @ u) ** 2, u)), "squares of singular"),
            "Frobenius": (lambda *a: power(*a, result=lambda w, u, v: (np.linalg.norm(w), u)), "all singular values"),
            "no lengths": (lambda *a: power(*a, unit=lambda b: b), "length 1 in each round"),
            "other vector": (lambda *a: power(*a, result=lambda w, u, v: (v @ w @ u, v)), "each output channel"),
            "wrong axes": (
                lambda k, u, n: power(np.moveaxis(k, -1, 0).reshape(*k.shape[:3], -1), u, n),
                "one long axis",
            ),
            "old u": (lambda k, u, n: (power(k, u, n)[0], u), "starts again"),
        },
    ),
    (
        checks.wgan_gp_faults,
        {"mixing weight": 1, "NaN": 7},
        {
            "the line itself": ({"mixing weight": 2, "NaN": 7}, "whatever the weight"),
            "watch": ({"mixing weight": 1, "NaN": 4}, "does not watch"),
            "training": ({"mixing weight": 1, "NaN": 5}, "no dropout"),
            "gradient": ({"mixing weight": 1, "NaN": 6}, "stay apart"),
            "definition": ({"mixing weight": 1, "NaN": 8}, "is the definition"),
            "swapped": ({"mixing weight": 7, "NaN": 1}, "they are swapped"),
            "elsewhere": ({"mixing weight": 0, "NaN": 7}, "numbered 1 to 8"),
        },
    ),
    (
        checks.chance_of_separation,
        0.05,
        {
            "coins": (1 / 8, "separate duels"),
            "both": (0.1, "counts as the lower"),
            "one order": (1 / 720, "does not matter"),
            "one seed": (0.5, "a single seed"),
            "percent": (5, "between 0 and 1"),
        },
    ),
    (
        checks.critic_study,
        study(),
        {
            "no penalty": (study(40.0, 40.1, 40.3), "λ times the penalty"),
            "rising": (study(2.1, 2.9, 5.8), "weak penalty lets"),
            "sign": (study(-5.8, -2.9, -2.1), "what training makes large"),
            "short": (study(1.5, 1.2, 0.9), "trained for all the steps"),
            "squared cost": (study(exact=4.2), "is its cost"),
        },
    ),
]
