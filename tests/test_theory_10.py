"""Proofs of the derivations of lesson 10, and mutants of their formulas."""

import itertools
import json

import keras
import numpy as np
import pytest
import record_lesson_10
import study_parts
import tensorflow as tf
from keras import layers
from lesson_code import definitions
from mutation import LessonMutant
from scipy import stats

from course_lib import _assets, nets

LESSON = "10_what_improves_quality"
SPACE = {"np": np, "stats": stats, "itertools": itertools, "layers": layers, "keras": keras, "tf": tf}


def of_lesson(*wanted):
    return definitions(LESSON, set(wanted), SPACE)


# --- Effects ---------------------------------------------------------------------------------


def proves_log_ratio(lesson):
    effect = lesson["log_ratio"]
    assert np.isclose(effect(10.0, 20.0), -effect(20.0, 10.0)) and effect(10.0, 20.0) < 0
    assert np.isclose(effect(12.0, 40.0), effect(20.0, 40.0) + effect(12.0, 20.0))
    assert np.isclose(effect(1.001, 1.0), 0.001, atol=1e-6), "small effects are relative changes"


def proves_t_interval(lesson):
    interval = lesson["t_interval"]
    # With two results Student's t has one degree of freedom: a Cauchy distribution with the quantile tan(π(p − ½)).
    low, high = interval([1.0, 3.0], level=0.9)
    half = np.tan(np.pi * 0.45) * 1.0  # |x₁ − x₂| / 2 = s / √2
    assert np.allclose([low, high], [2 - half, 2 + half])
    # Two degrees of freedom: the distribution function is ½ + t / (2√(2 + t²)), so t* solves t²/(2 + t²) = 0.95².
    t = np.sqrt(2 * 0.95**2 / (1 - 0.95**2))
    low, high = interval([0.0, 1.0, 2.0])
    assert np.allclose([low, high], [1 - t / np.sqrt(3), 1 + t / np.sqrt(3)])


def proves_permutation(lesson):
    p = lesson["permutation_p"]
    for n in (2, 3, 4):
        assert np.isclose(p(np.arange(n), 10 + np.arange(n)), 2 / stats.binom(2 * n, 0.5).pmf(n) / 4**n)
        assert np.isclose(p(10 + np.arange(n), np.arange(n)), p(np.arange(n), 10 + np.arange(n))), "two-sided"
    a, b = np.array([1.0, 5.0, 3.0, 2.0]), np.array([4.0, 6.0, 7.0, 2.5])
    found = stats.permutation_test((a, b), lambda x, y: np.mean(x) - np.mean(y), n_resamples=np.inf)
    assert np.isclose(p(a, b), found.pvalue)
    assert p(np.ones(3), np.ones(3)) == 1


def proves_sign_flips(lesson):
    p = lesson["sign_flip_p"]
    assert [p(np.ones(n)) for n in (2, 3, 5)] == [2 / 4, 2 / 8, 2 / 32]
    assert p([-1.0, -2.0, -3.0]) == p([1.0, 2.0, 3.0])
    assert p([1.0, -1.0]) == 1


def proves_pairing(lesson):
    variance = lesson["difference_variance"]
    for a, b, rho, n in ((0.2, 0.3, 0.5, 3), (1.0, 1.0, 1.0, 2), (0.4, 0.1, -0.7, 5)):
        covariance = np.array([[a * a, rho * a * b], [rho * a * b, b * b]])
        assert np.isclose(variance(a, b, rho, n), np.array([-1, 1]) @ covariance @ np.array([-1, 1]) / n)
    assert variance(1.0, 1.0, 1.0, 4) == 0, "luck that is shared cancels"


def proves_power(lesson):
    power = lesson["power"]
    assert np.isclose(power(0.0, 1.0, 4), 0.05), "without an effect: the level"
    # T given S: ∫ P(|Z + shift| > t* s) dF(s) with (n − 1)s² ~ χ², by quadrature over the quantiles of χ².
    for effect, spread, n, alpha in ((0.25, 0.15, 3, 0.05), (0.4, 0.5, 8, 0.01)):
        s = np.sqrt(stats.chi2.ppf((np.arange(20_000) + 0.5) / 20_000, n - 1) / (n - 1))
        critical = stats.t.ppf(1 - alpha / 2, n - 1) * s
        shift = effect / (spread / np.sqrt(n))
        by_quadrature = np.mean(stats.norm.sf(critical - shift) + stats.norm.cdf(-critical - shift))
        assert np.isclose(power(effect, spread, n, alpha), by_quadrature, atol=1e-4)
        assert np.isclose(power(-effect, spread, n, alpha), by_quadrature, atol=1e-4), "both directions are noticed"


def proves_family_error(lesson):
    family = lesson["family_error"]
    for m, alpha in ((1, 0.05), (3, 0.2), (8, 0.01)):
        count = np.arange(m + 1)
        chance = stats.binom.pmf(count, m, alpha)
        assert np.allclose(family(m, alpha), (chance @ count, chance[1:].sum()))
    assert family(40, 0.05 / 40)[1] < 0.05, "Bonferroni"


def proves_effects_2x2(lesson):
    effects = lesson["effects_2x2"]
    additive = np.add.outer([1.0, 4.0], [2.0, 2.5])
    assert np.allclose(effects(additive), (3.0, 0.5, 0.0))
    y = np.array([[1.0, -2.0], [0.5, 7.0]])
    coded = np.array([[1, i - 0.5, j - 0.5, (i - 0.5) * (j - 0.5)] for i in (0, 1) for j in (0, 1)])
    assert np.allclose(effects(y), np.linalg.solve(coded, y.ravel())[1:])
    assert np.isclose(effects(y)[2], y[1, 1] - (y[0, 0] + (y[1, 0] - y[0, 0]) + (y[0, 1] - y[0, 0])))


def proves_pooled_spread(lesson):
    pooled = lesson["pooled_spread"]
    groups = [[1.0, 3.0], [0.0, 1.0, 5.0], [2.0, 2.0, 2.5, 4.0]]
    columns = np.repeat(np.eye(3), [2, 3, 4], axis=0)
    y = np.concatenate(groups)
    residuals = y - columns @ np.linalg.lstsq(columns, y, rcond=None)[0]
    spread, freedom = pooled(groups)
    assert freedom == 6 and np.isclose(spread**2, residuals @ residuals / 6)


# --- Costs -----------------------------------------------------------------------------------


def counted(kernel, stride, side, c_in, c_out, transposed):
    """Operations of a (transposed) convolution with a zero border, counted stamp by stamp."""
    pixels = side if transposed else -(-side // stride)
    return sum(2 for _ in itertools.product(range(pixels), range(pixels), range(kernel**2 * c_in * c_out)))


def proves_flops(lesson):
    flops = lesson["flops"]
    for kernel, stride, side, c_in, c_out in ((4, 2, 6, 2, 3), (3, 2, 5, 1, 2), (3, 1, 4, 3, 1)):
        for kind in (layers.Conv2D, layers.Conv2DTranspose):
            layer = kind(c_out, kernel, strides=stride, padding="same")
            model = keras.Sequential([keras.Input((side, side, c_in)), layer])
            want = counted(kernel, stride, side, c_in, c_out, kind is layers.Conv2DTranspose)
            assert flops(model) == want
    dense = keras.Sequential([keras.Input((5,)), layers.Dense(7), layers.ReLU(), layers.Dense(2)])
    assert flops(dense) == 2 * (5 * 7 + 7 * 2)


def proves_parameters(lesson):
    count = lesson["parameters"]
    for layer, shape, arguments in (
        (layers.Dense(7), (5,), ("dense", 5, 7)),
        (layers.Conv2D(4, 3), (8, 8, 2), ("convolution", 2, 4, 3)),
        (layers.Conv2DTranspose(3, 5), (8, 8, 2), ("convolution", 2, 3, 5)),
    ):
        assert keras.Sequential([keras.Input(shape), layer]).count_params() == count(*arguments)


def proves_receptive_field(lesson):
    field = lesson["receptive_field"]
    for chain in ([(3, 1)], [(4, 2), (4, 2), (3, 1)], [(3, 2), (5, 3), (2, 1)], [(1, 1), (1, 2), (3, 1)]):
        units = [{0}]  # walk back from one unit of the last layer: which inputs does it touch?
        for kernel, stride in reversed(chain):
            units.append({stride * i + tap for i in units[-1] for tap in range(kernel)})
        assert field(chain) == max(units[-1]) - min(units[-1]) + 1


def proves_overlap(lesson):
    overlap = lesson["overlap"]
    for kernel, stride in ((4, 2), (3, 2), (5, 3), (7, 3), (6, 3), (1, 1)):
        counts = np.zeros(60, int)
        for start in range(0, 60 - kernel, stride):
            counts[start : start + kernel] += 1
        inside = range(20, 40)
        assert [overlap(kernel, stride, i) for i in inside] == counts[20:40].tolist()
        assert (len({overlap(kernel, stride, i) for i in inside}) == 1) == (kernel % stride == 0)


def proves_response(lesson):
    response = lesson["response"]
    omega = np.linspace(0, np.pi, 50)
    assert np.allclose(response([1, 1], omega), 2 * np.cos(omega / 2))
    assert np.allclose(response([0.5, 1, 0.5], omega), 1 + np.cos(omega))
    taps = np.array([0.3, -1.0, 0.7, 2.0])
    assert np.allclose(response(taps, 2 * np.pi * np.arange(16) / 16), np.abs(np.fft.fft(taps, 16)))
    assert np.isclose(response(taps, np.pi), abs(taps[::2].sum() - taps[1::2].sum())), "even minus odd taps"


# --- Noise -----------------------------------------------------------------------------------


def proves_stationary_variance(lesson):
    variance = lesson["stationary_variance"]
    for rate, curvature, noise, batch in ((0.1, 1.0, 2.0, 4), (0.5, 3.0, 1.0, 16), (0.9, 2.0, 0.5, 1)):
        v = 0.0
        for _ in range(5000):
            v = (1 - rate * curvature) ** 2 * v + rate**2 * noise**2 / batch
        assert np.isclose(variance(rate, curvature, noise, batch), v)


def proves_average_variance(lesson):
    factor = lesson["average_variance"]
    for decay, rho in ((0.9, 0.0), (0.8, 0.6), (0.95, -0.3)):
        # The average and the weight form a linear system; its stationary covariance solves a Lyapunov equation.
        step = np.array([[rho, 0.0], [(1 - decay) * rho, decay]])
        push = np.sqrt(1 - rho**2) * np.array([1.0, 1 - decay])
        covariance = np.zeros((2, 2))
        for _ in range(3000):
            covariance = step @ covariance @ step.T + np.outer(push, push)
        assert np.isclose(factor(decay, rho), covariance[1, 1] / covariance[0, 0])


def proves_average_age(lesson):
    age = lesson["average_age"]
    for decay in (0.5, 0.9, 0.99):
        a = 0.0
        for t in range(5000):  # the average of a ramp lags behind it by its age
            a = decay * a + (1 - decay) * t
        assert np.isclose(age(decay), 4999 - a)


def proves_grown_age(lesson):
    age = lesson["grown_age"]
    for decay, steps in ((0.9999, 300), (0.9, 200)):
        a = 0.0
        for t in range(1, steps + 1):  # as gan.GAN averages, on a ramp from 0
            beta = min(decay, (1 + t) / (10 + t))
            a = beta * a + (1 - beta) * t
        assert np.isclose(age(decay, steps), steps - a)
    assert abs(age(0.99999, 5000) / 500 - 1) < 0.01, "a tenth of the run"


def steps_of(optimizer, gradients):
    w, places = tf.Variable(0.0), [0.0]
    for g in gradients:
        optimizer.apply([tf.constant(g, tf.float32)], [w])
        places.append(float(w))
    return np.diff(places)


def proves_adam(lesson):
    steps, gradients = lesson["adam_steps"], np.array([0.5, -1.0, 2.0, 0.1, -0.3])
    want = steps_of(keras.optimizers.Adam(0.01, 0.8, 0.95, epsilon=1e-12), gradients)
    assert np.allclose(steps(gradients, 0.01, 0.8, 0.95), want, atol=1e-6)
    assert np.allclose(steps(100 * gradients), steps(gradients)), "the scale of the loss does not matter"
    assert np.allclose(steps(np.full(50, 3.0), rate=0.2), -0.2), "a constant gradient: steps of the rate itself"


def proves_momentum(lesson):
    steps, gradients = lesson["momentum_steps"], np.array([0.5, -1.0, 2.0, 0.1, -0.3])
    want = steps_of(keras.optimizers.SGD(0.01, 0.8), gradients)
    assert np.allclose(steps(gradients, 0.01, 0.8), want, atol=1e-7)
    assert np.isclose(steps(np.ones(300), 0.01, 0.9)[-1], -0.01 / (1 - 0.9))


# --- Augmentation ----------------------------------------------------------------------------


def proves_generator_optimum(lesson):
    optimum, turned = lesson["generator_optimum"], lesson["turned"]
    p, candidates = np.array([0.9, 0.1]), np.linspace(0, 1, 1001)
    for both in (False, True):
        seen = turned(0.2) @ p
        # Play the game by trying all coins: the least total variation between what D sees of data and of samples.
        distances = [
            abs((turned(0.2) @ q if both else q) - seen).sum() for q in np.stack([candidates, 1 - candidates], 1)
        ]
        best = candidates[np.argmin(distances)]
        assert np.allclose(optimum(p, turned(0.2), both), [best, 1 - best], atol=1e-9)
    assert np.allclose(turned(0.2).sum(axis=0), 1) and np.isclose(np.linalg.det(turned(0.2)), 1 - 2 * 0.2)


def proves_seen_divergence(lesson):
    js = lesson["seen_divergence"]
    assert np.isclose(js(1.0, 1.5, True), 0, atol=1e-9) and np.isclose(
        js(np.sqrt(1 + 1.5**2), 1.5, False), 0, atol=1e-9
    )
    assert 0.01 < js(1.0, 1.5, False) < np.log(2) and 0.01 < js(3.0, 0.5, True) < np.log(2)
    real, fake = stats.norm(0, np.sqrt(5)), stats.norm(0, np.sqrt(13))
    x = np.random.default_rng(0).normal(size=200_000)
    parts = []
    for one, other in ((real, fake), (fake, real)):
        at = one.std() * x
        parts.append(-np.log1p(np.exp(other.logpdf(at) - one.logpdf(at))).mean() + np.log(2))
    assert abs(js(3.0, 2.0, True) - np.mean(parts)) < 0.002, "against Monte Carlo"


def proves_at_seconds(lesson):
    at = lesson["at_seconds"]
    curve = [(s, 50 * s**-0.7) for s in (1.0, 3.0, 10.0)]
    assert np.isclose(at(curve, 5.0), 50 * 5.0**-0.7) and np.isclose(at(curve, 3.0), 50 * 3.0**-0.7)


PROOFS = {
    "log_ratio": (proves_log_ratio, {"log_ratio"}),
    "t_interval": (proves_t_interval, {"t_interval"}),
    "permutation": (proves_permutation, {"permutation_p"}),
    "sign_flips": (proves_sign_flips, {"sign_flip_p"}),
    "pairing": (proves_pairing, {"difference_variance"}),
    "power": (proves_power, {"power"}),
    "family": (proves_family_error, {"family_error"}),
    "effects": (proves_effects_2x2, {"effects_2x2"}),
    "pooled": (proves_pooled_spread, {"pooled_spread"}),
    "flops": (proves_flops, {"flops"}),
    "parameters": (proves_parameters, {"parameters"}),
    "field": (proves_receptive_field, {"receptive_field"}),
    "overlap": (proves_overlap, {"overlap"}),
    "response": (proves_response, {"response"}),
    "stationary": (proves_stationary_variance, {"stationary_variance"}),
    "average": (proves_average_variance, {"average_variance"}),
    "age": (proves_average_age, {"average_age"}),
    "grown": (proves_grown_age, {"grown_age"}),
    "adam": (proves_adam, {"adam_steps"}),
    "momentum": (proves_momentum, {"momentum_steps"}),
    "optimum": (proves_generator_optimum, {"generator_optimum", "turned"}),
    "seen": (proves_seen_divergence, {"seen_divergence"}),
    "seconds": (proves_at_seconds, {"at_seconds"}),
}


@pytest.mark.parametrize("name", PROOFS)
def test_derivation(name):
    proof, wanted = PROOFS[name]
    proof(of_lesson(*wanted))


def broken(name, old, new):
    proof, wanted = PROOFS[name]
    return LessonMutant(proof, LESSON, wanted, SPACE, old, new)


MUTANTS = {
    "log-ratio: swapped": broken(
        "log_ratio", "np.asarray(variant) / np.asarray(baseline)", "np.asarray(baseline) / np.asarray(variant)"
    ),
    "log-ratio: base 2": broken("log_ratio", "np.log(", "np.log2("),
    "log-ratio: a relative change": broken(
        "log_ratio",
        "np.log(np.asarray(variant) / np.asarray(baseline))",
        "np.asarray(variant) / np.asarray(baseline) - 1",
    ),
    "t: population spread": broken("t_interval", "ddof=1", "ddof=0"),
    "t: no root of n": broken("t_interval", " / np.sqrt(n)", ""),
    "t: n degrees of freedom": broken("t_interval", "n - 1", "n"),
    "permutation: strict": broken("permutation", ">= observed - 1e-12", "> observed + 1e-12"),
    "permutation: one-sided": broken("permutation", "np.abs(differences)", "np.array(differences)"),
    "sign flips: strict": broken("sign_flips", ">= abs(np.mean(effects)) - 1e-12", "> abs(np.mean(effects)) + 1e-12"),
    "sign flips: one-sided": broken("sign_flips", "np.abs(flipped)", "np.array(flipped)"),
    "pairing: sign": broken("pairing", "- 2 *", "+ 2 *"),
    "pairing: no 2": broken("pairing", "- 2 *", "-"),
    "pairing: one pair": broken("pairing", " / seeds", ""),
    "power: no root of n": broken("power", "effect * np.sqrt(seeds)", "effect"),
    "power: one-sided": broken("power", " + stats.nct.cdf(-critical, seeds - 1, shift)", ""),
    "power: one-sided level": broken("power", "1 - alpha / 2", "1 - alpha"),
    "family: of all": broken("family", "1 - (1 - alpha) ** comparisons", "alpha**comparisons"),
    "family: sum for union": broken("family", "1 - (1 - alpha) ** comparisons", "comparisons * alpha"),
    "effects: sum for mean": broken("effects", "rows = 0.5 *", "rows ="),
    "effects: swapped": broken("effects", "(y[0, 1] - y[0, 0])", "(y[1, 0] - y[0, 0])"),
    "effects: sign": broken("effects", "- y[0, 1] + y[0, 0]", "+ y[0, 1] - y[0, 0]"),
    "pooled: all runs": broken("pooled", "len(group) - 1", "len(group)"),
    "pooled: mean of all": broken("pooled", "np.mean(group)", "np.mean(groups[0])"),
    "flops: products only": broken(
        "flops", "layers.Dense):\n            total += 2 *", "layers.Dense):\n            total +="
    ),
    "flops: transposed by its output": broken(
        "flops", "layer.input.shape[1] * layer.input.shape[2]", "layer.output.shape[1] * layer.output.shape[2]"
    ),
    "flops: convolution by its input": broken(
        "flops", "layer.output.shape[1] * layer.output.shape[2]", "layer.input.shape[1] * layer.input.shape[2]"
    ),
    "parameters: no biases": broken("parameters", " + c_out", ""),
    "parameters: a line": broken("parameters", "kernel**2", "kernel"),
    "field: no jump": broken("field", "(kernel - 1) * jump", "(kernel - 1)"),
    "field: whole kernels": broken("field", "kernel - 1", "kernel"),
    "field: from 0": broken("field", "field, jump = 1, 1", "field, jump = 0, 1"),
    "overlap: rounded down": broken(
        "overlap", "-(-(kernel - position % stride) // stride)", "(kernel - position % stride) // stride"
    ),
    "overlap: no phase": broken("overlap", "position % stride", "0"),
    "response: a doubled frequency": broken("response", "-1j *", "-2j *"),
    "response: sizes only": broken("response", "np.asarray(taps)", "np.abs(taps)"),
    "stationary: no 2": broken("stationary", "(2 - rate * curvature)", "(1 - rate * curvature)"),
    "stationary: spread for variance": broken("stationary", "noise**2", "noise"),
    "stationary: batch squared": broken("stationary", "(batch * curvature", "(batch**2 * curvature"),
    "average: square of the weight": broken("average", "(1 - decay) / (1 + decay)", "(1 - decay) ** 2"),
    "average: sign of the correlation": broken(
        "average",
        "(1 + decay * correlation) / (1 - decay * correlation)",
        "(1 - decay * correlation) / (1 + decay * correlation)",
    ),
    "age: of the weights' number": broken("age", "decay / (1 - decay)", "1 / (1 - decay)"),
    "age: half-life": broken("age", "decay / (1 - decay)", "np.log(0.5) / np.log(decay)"),
    "grown age: fixed decay": broken("grown", "age = min(decay, (1 + t) / (10 + t))", "age = decay"),
    "grown age: the newest is 1 old": broken("grown", " * (age + 1)", " * age + 1"),
    "Adam: no root": broken("adam", "np.sqrt(v / (1 - beta_2**t))", "(v / (1 - beta_2**t))"),
    "Adam: no bias correction": broken("adam", "(m / (1 - beta_1**t))", "m"),
    "Adam: a sum for an average": broken("adam", "(1 - beta_1) * g\n", "g\n"),
    "momentum: an average": broken("momentum", "- rate * g", "- (1 - beta_1) * rate * g"),
    "momentum: uphill": broken("momentum", "- rate * g", "+ rate * g"),
    "optimum: swapped": broken("optimum", "if both", "if not both"),
    "optimum: the data": broken("optimum", "else seen", "else p"),
    "turned: rows": broken("optimum", "[probability, 1 - probability]]", "[1 - probability, probability]]"),
    "seen: real only": broken("seen", "(tau**2 if both else 0)", "tau**2"),
    "seen: no half": broken("seen", "0.5 * (x[1] - x[0])", "(x[1] - x[0])"),
    "seen: the spread for the variance": broken("seen", "np.sqrt(1 + tau**2)", "np.sqrt(1 + tau)"),
    "seconds: no logarithm of the distance": broken("seconds", "np.log(distances)", "distances"),
    "seconds: no logarithm of the time": broken("seconds", "np.log(seconds), np.log(times)", "seconds, times"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_proof_notices(name):
    MUTANTS[name].is_killed()


# --- The recorder and its record -------------------------------------------------------------


def test_the_lesson_counts_as_the_recorder_does():
    flops = of_lesson("flops")["flops"]
    for network in (nets.dcgan_generator((28, 28, 1), 16, 4), nets.dcgan_discriminator((28, 28, 1), 4)):
        assert flops(network) == study_parts.flops(network)


def test_the_baselines_networks_are_the_courses():
    keras.utils.set_random_seed(3)
    z, x = np.random.default_rng(0).normal(size=(2, 64)), np.zeros((2, 28, 28, 1))
    pairs = (
        (study_parts.generator(), nets.dcgan_generator((28, 28, 1), 64, 16), z),
        (study_parts.discriminator(), nets.dcgan_discriminator((28, 28, 1), 16), x),
    )
    for ours, theirs, given in pairs:
        ours.set_weights(theirs.get_weights())  # raises where a shape differs
        assert np.allclose(ours(given), theirs(given), atol=1e-6)


@pytest.mark.parametrize("kind", ["transposed 4", "transposed 3", "nearest", "bilinear", "sub-pixel"])
def test_every_kind_of_upsampling_doubles_the_side(kind):
    assert study_parts.upsampled(keras.Input((7, 7, 4)), 3, kind, bias=False).shape == (None, 14, 14, 3)


@pytest.mark.parametrize("depth", [-1, 1])
def test_other_depths_make_and_judge_whole_images(depth):
    assert study_parts.generator(4, depth).output_shape == (None, 28, 28, 1)
    assert study_parts.discriminator(4, depth).output_shape == (None, 1)


def test_spoiling_touches_a_tenth():
    images = np.random.default_rng(0).integers(0, 200, (100, 28, 28, 1), dtype=np.uint8)
    for how in ("inverted", "noise", "copies"):
        spoiled = study_parts.spoil(images, how, seed=1)
        changed = (spoiled != images).any(axis=(1, 2, 3))
        assert 8 <= changed.sum() <= 10 and spoiled.dtype == np.uint8
    inverted = study_parts.spoil(images, "inverted", seed=1)
    bad = (inverted != images).any(axis=(1, 2, 3))
    assert np.array_equal(inverted[bad], 255 - images[bad])
    assert len(np.unique(study_parts.spoil(images, "copies", seed=1), axis=0)) <= 100
    assert study_parts.spoil(images, "blurred", seed=1).std() < images.std()


def test_augmentation_moves_and_cuts_and_lets_gradients_through():
    noise = keras.random.SeedGenerator(0)
    ones = tf.ones((64, 28, 28, 1))
    with tf.GradientTape() as tape:
        tape.watch(ones)
        seen = study_parts.augment(ones, noise)
        total = tf.reduce_sum(seen)
    values, gradient = seen.numpy(), tape.gradient(total, ones).numpy()
    assert set(np.unique(values)) == {-1.0, 1.0}, "what is cut or comes from outside is background"
    assert np.isclose((values == 1).sum(), gradient.sum()), "each pixel that is still there passes its gradient on"
    kept = (values == 1).mean(axis=(1, 2, 3))
    assert kept.min() > 0.5 and kept.std() > 0.01, "each image has a hole of its own"


def test_the_average_of_a_run_forgets_by_images():
    for name in ("batch 8", "batch 64"):
        setting = next(s for s in record_lesson_10.SETTINGS if s.name == name)
        model = record_lesson_10.build(setting, 0)
        per_images = model.ema ** (record_lesson_10.BATCH / setting.batch)
        assert np.isclose(per_images, setting.ema)


def test_every_setting_but_the_crossed_ones_changes_one_thing():
    default = vars(record_lesson_10.SETTINGS[0])
    for setting in record_lesson_10.SETTINGS[1:]:
        changed = {k for k, v in vars(setting).items() if v != default[k]} - {"name", "factor"}
        if {"g_rate", "d_rate"} <= changed:
            changed.discard("d_rate")
        # An optimizer without Adam's scale needs a rate and a momentum of its own; small data come with augmentation.
        allowed = {"optimizer", "g_rate", "momentum"} if setting.optimizer == "SGD" else {"amount", "augmentation"}
        assert len(changed) == 1 or setting.factor == "interaction" or changed <= allowed, setting.name


def test_the_record_is_whole_and_consistent():
    record = json.loads(record_lesson_10.RECORD.with_suffix(".json").read_text(encoding="utf-8"))
    pictures = _assets.read_npz("lessons/10_study.npz", record["sha256"], rebuild="python tools/record_lesson_10.py")
    names = {s.name for s in record_lesson_10.SETTINGS}
    assert "baseline" in record["changed"] and set(record["changed"]) | set(record["missing"]) == names
    assert len(pictures) == len(record["changed"])
    for setting in record["changed"]:
        runs = [run for run in record["runs"] if run["setting"] == setting]
        assert {run["seed"] for run in runs} >= set(record["seeds"]) == set(record_lesson_10.SEEDS)
        for run in runs:
            assert run["frechet"] is None or record["floor"] < run["frechet"] < 2 * record["noise"]
            assert len(run["curve"]) == record_lesson_10.PARTS and run["seconds"] > 0
    size = sum(record_lesson_10.RECORD.with_suffix(kind).stat().st_size for kind in (".json", ".npz"))
    assert size < 2**20
