"""Proofs of the derivations of lesson 11, and mutants of their formulas."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from lesson_code import definitions
from mutation import LessonMutant, Mutant

from course_lib import _costs, nets

LESSON = "11_training_on_a_gpu"
SPACE = {
    "np": np,
    "tf": tf,
    "keras": keras,
    "layers": layers,
    "nets": nets,
    "itertools": itertools,
    "rng": np.random.default_rng(0),
}


def of_lesson(*wanted):
    return definitions(LESSON, set(wanted), SPACE)


# --- Roofline --------------------------------------------------------------------------------


def proves_roofline(lesson):
    rate, corner = lesson["attainable"], lesson["ridge"]
    for operations, moved, peak, bandwidth in ((8e9, 1e9, 4e9, 1e10), (1e9, 8e9, 4e9, 1e10), (5e6, 2e6, 2e9, 1e9)):
        seconds = max(operations / peak, moved / bandwidth)
        assert np.isclose(rate(operations / moved, peak, bandwidth) * seconds, operations)
    at = corner(4e9, 1e10)
    assert np.isclose(at * 1e10, 4e9), "at the ridge both take the same time"
    assert rate(0.9 * at, 4e9, 1e10) < 4e9 == rate(1.1 * at, 4e9, 1e10)


def proves_dense_intensity(lesson):
    intensity = lesson["dense_intensity"]
    for batch, c_in, c_out, size in ((1, 3, 5, 4), (7, 4, 2, 2), (64, 100, 30, 4)):
        products = sum(1 for _ in itertools.product(range(batch), range(c_in), range(c_out)))
        numbers = np.zeros((batch, c_in)).size + np.zeros((c_in, c_out)).size + np.zeros((batch, c_out)).size
        assert np.isclose(intensity(batch, c_in, c_out, size), 2 * products / (size * numbers))


def proves_layer_costs(lesson):
    """Bytes against the sizes of real arrays, operations against the shapes."""
    x = image = keras.Input((6, 6, 2))
    x = layers.Conv2D(3, 3, padding="same")(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Conv2DTranspose(4, 4, strides=2, padding="same", use_bias=False)(x)
    model = keras.Model(image, layers.Dense(5)(layers.Flatten()(x)))
    found = {type(layer).__name__: cost for layer, *cost in lesson["layer_costs"](model, 3, 2)}
    flow = np.zeros((3, 6, 6, 2), np.float16)
    for layer in model.layers[1:]:
        after = np.asarray(layer(flow)).astype(np.float16)
        weights = sum(w.astype(np.float16).nbytes for w in layer.get_weights())
        if isinstance(layer, layers.Flatten):
            assert "Flatten" not in found, "renaming a shape moves nothing"
        else:
            assert found[type(layer).__name__][1] == flow.nbytes + weights + after.nbytes
        flow = after
    assert found["Conv2D"][0] == 3 * 2 * 9 * 2 * 3 * 36 and found["Conv2DTranspose"][0] == 3 * 2 * 16 * 3 * 4 * 36
    assert found["Dense"][0] == 3 * 2 * 576 * 5 and found["ReLU"][0] == 3 * 108
    assert found["BatchNormalization"][0] == 3 * 108 * 2


def proves_training_flops(lesson):
    model = keras.Sequential([keras.Input((5,)), layers.Dense(7, use_bias=False), layers.Dense(2, use_bias=False)])
    # Y = XW: forward 2·5·7 and 2·7·2; to the weights the same again; to the inputs only of the second layer.
    assert lesson["training_flops"](model, 3) == 3 * (2 * (2 * 35 + 2 * 14) + 2 * 14)


def proves_graph_flops(lesson):
    image = keras.Input((6, 6, 2))
    x = layers.Conv2DTranspose(3, 4, strides=2, padding="same")(layers.Conv2D(3, 3, strides=2, padding="same")(image))
    model = keras.Model(image, layers.Dense(2)(layers.Flatten()(x)))
    conv, transposed, dense = 2 * 9 * 2 * 3 * 9, 2 * 16 * 3 * 3 * 9, 2 * 108 * 2
    assert lesson["graph_flops"](model, 4) == 4 * (2 * conv + 3 * transposed + 3 * dense)


def proves_library_flops(flops):
    image = keras.Input((6, 4, 2))
    convolved = layers.Conv2D(3, 3, strides=2, padding="same")
    model = keras.Model(image, layers.ReLU()(layers.Conv2DTranspose(5, 4, strides=2, padding="same")(convolved(image))))
    assert flops(convolved) == 2 * 9 * 2 * 3 * (3 * 2)
    assert flops(model) == flops(convolved) + 2 * 16 * 3 * 5 * (3 * 2)
    assert flops(keras.Sequential([keras.Input((5,)), layers.Dense(7)])) == 70


# --- Amdahl, pipeline, batch -----------------------------------------------------------------


def proves_speedup(lesson):
    speedup = lesson["speedup"]
    for share, factor in ((0.5, 2.0), (0.9, 10.0), (0.1, 100.0)):
        slow, rest = 10.0 * share, 10.0 * (1 - share)
        assert np.isclose(speedup(share, factor), 10.0 / (rest + slow / factor))
    assert speedup(0.0, 5.0) == 1 and np.isclose(speedup(0.75, 1e15), 4)


def proves_pipeline(lesson):
    formula = lesson["pipelined"]
    for produce, consume, steps in ((3, 1, 5), (1, 3, 5), (2, 2, 4), (0, 5, 3), (4, 0, 3), (1, 1, 1)):
        # In whole units of time: the producer and the consumer each do one unit, if they have something to do.
        ready, started, done, making, working, t = 0, 0, 0, produce, 0, 0
        while done < steps:
            while making == 0 and ready < steps:
                ready, making = ready + 1, produce
                if produce == 0:
                    break
            if working == 0 and ready > started:
                started, working = started + 1, consume
                if consume == 0:
                    done = started
                    continue
            t += 1
            making = max(making - 1, 0)
            if working:
                working -= 1
                done += working == 0
        assert np.isclose(formula(produce, consume, steps), t), (produce, consume, steps)


def proves_throughput(lesson):
    rate, half = lesson["throughput"], lesson["half_batch"]
    for fixed, each in ((0.03, 0.002), (0.5, 0.01)):
        assert np.isclose(rate(10, fixed, each) * (fixed + 10 * each), 10)
        assert np.isclose(2 * rate(half(fixed, each), fixed, each), 1 / each)


def proves_drift_and_spread(lesson):
    """Moments of a sum of independent steps, each written out."""
    law = lesson["drift_and_spread"]
    rate, batch, gradient, noise, seen = 0.01, 25, 1e-4, 2.0, 1000
    steps, of_mean = seen // batch, noise / np.sqrt(batch)
    assert np.allclose(
        law("sgd", rate, batch, gradient, noise, seen), (-steps * rate * gradient, np.sqrt(steps) * rate * of_mean)
    )
    root = np.sqrt(gradient**2 + of_mean**2)
    adam = -steps * rate * gradient / root, np.sqrt(steps) * rate * of_mean / root
    assert np.allclose(law("adam", rate, batch, gradient, noise, seen), adam, rtol=1e-4)
    same = {"sgd": 4.0, "adam": 2.0}  # four times the batch: the rate's factor that changes neither number
    for rule, factor in same.items():
        before, after = law(rule, rate, 16, gradient, noise, 6400), law(rule, factor * rate, 64, gradient, noise, 6400)
        assert np.allclose(before, after)


# --- Sixteen bits ----------------------------------------------------------------------------


def proves_float_format(lesson):
    for dtype, bits in ((np.float16, (5, 10)), (np.float32, (8, 23)), (np.float64, (11, 52))):
        info, found = np.finfo(dtype), lesson["float_format"](*bits)
        assert found["largest"] == float(info.max) and found["smallest normal"] == float(info.tiny)
        assert found["smallest"] == info.smallest_subnormal and found["spacing at 1"] == info.eps


def proves_scale_window(lesson):
    low, high = lesson["scale_window"](1e-8, 3.0)
    with np.errstate(over="ignore"):
        for scale, alive in ((0.999 * low, False), (1.001 * low, True)):
            assert (np.float16(1e-8 * scale) != 0) == alive
        for scale, alive in ((0.999 * high, True), (1.001 * high, False)):
            assert np.isfinite(np.float16(3.0 * scale)) == alive


def proves_dynamic_scale(lesson):
    """The scale and the weights agree with Keras's optimizer, whatever overflows when."""
    rng = np.random.default_rng(1)
    for growth in (1, 2, 5):
        ours, mine = lesson["DynamicScale"](64.0, growth), tf.Variable([1.0, 2.0])
        inner, theirs = keras.optimizers.SGD(0.1, 0.9), tf.Variable([1.0, 2.0])
        wrapped = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1, 0.9), 64.0, growth)
        wrapped.build([theirs])
        for bad in rng.random(20) < 0.3:
            g = tf.constant(rng.normal(size=2) * [np.nan if bad else 1.0, 1.0], tf.float32)  # one entry is enough
            taken = ours.apply(inner, [g * ours.scale], [mine])
            wrapped.apply([g * wrapped.dynamic_scale], [theirs])
            assert taken == (not bad) and ours.scale == float(wrapped.dynamic_scale)
            assert np.allclose(mine, theirs)


# --- Several devices -------------------------------------------------------------------------


def proves_joined_gradient(lesson):
    rng = np.random.default_rng(2)
    x, y, w = rng.normal(size=(9, 3)), rng.normal(size=9), rng.normal(size=3)

    def gradient(rows):  # of the mean of (x·w − y)², by central differences
        loss = lambda v: np.mean((x[rows] @ v - y[rows]) ** 2)  # noqa: E731
        return np.array([(loss(w + e) - loss(w - e)) / 2e-4 for e in 1e-4 * np.eye(3)])

    parts = [slice(0, 2), slice(2, 9)]
    found = lesson["joined_gradient"]([gradient(rows) for rows in parts], [2, 7])
    assert np.allclose(found, gradient(slice(0, 9)), atol=1e-8)


def proves_joined_variance(lesson):
    x = np.random.default_rng(3).normal(size=(4, 6)) + [[0], [1], [5], [-2]]
    assert np.isclose(lesson["joined_variance"](x.mean(axis=1), x.var(axis=1)), x.var())


def proves_ring(lesson):
    rng = np.random.default_rng(4)
    for n in (2, 3, 4, 7):
        vectors = list(rng.normal(size=(n, 84)))
        sums, sent = lesson["ring_all_reduce"](vectors)
        assert all(np.allclose(s, np.sum(vectors, axis=0)) for s in sums)
        assert np.all(sent == 2 * (n - 1) * 84 * 8 / n)
        assert np.isclose(lesson["ring_seconds"](n, 84 * 8, 0.0, 1e3), sent[0] / 1e3), "without delays: bytes over rate"
        assert np.isclose(lesson["ring_seconds"](n, 0, 1e-3, 1e3), 2 * (n - 1) * 1e-3), "delays alone"


# --- Checkpoints -----------------------------------------------------------------------------


def proves_best_interval(lesson):
    lost, best, exact = (lesson[name] for name in ("lost_share_of_time", "best_interval", "exact_loss"))
    for cost, between in ((2.0, 5e4), (10.0, 1e6)):
        at = best(cost, between)
        around = [lost(at * k, cost, between) for k in (0.8, 1.0, 1.25)]
        assert around[1] < min(around[0], around[2]) and np.isclose(around[1], np.sqrt(2 * cost / between))
        intervals = np.geomspace(at / 3, 3 * at, 2001)
        assert np.isclose(intervals[np.argmin(exact(intervals, cost, between))], at, rtol=0.02)
        assert np.isclose(lost(at, cost, between), exact(at, cost, between), rtol=0.05)


def proves_exact_loss(lesson):
    # E = P(no kill) (τ + δ) + ∫ (t + E) dF, solved for E by quadrature.
    interval, cost, between = 300.0, 40.0, 500.0
    t = (np.arange(100_000) + 0.5) * (interval + cost) / 100_000
    density = np.exp(-t / between) / between * (interval + cost) / 100_000
    survive = np.exp(-(interval + cost) / between)
    expected = (survive * (interval + cost) + t @ density) / survive
    assert np.isclose(lesson["exact_loss"](interval, cost, between), expected / interval - 1, rtol=1e-6)


# --- Generating ------------------------------------------------------------------------------


def random_generator(bias):
    """A chain of all the kinds of layers that are folded, with BatchNorms that do something."""
    z = keras.Input((3,))
    x = layers.Reshape((2, 2, 4))(layers.Dense(16, use_bias=bias)(z))
    x = layers.LeakyReLU()(layers.BatchNormalization()(x))
    x = layers.Conv2DTranspose(4, 4, strides=2, padding="same", use_bias=bias)(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(5, 3, padding="same", use_bias=bias)(x)))
    return drawn_weights(keras.Model(z, layers.Conv2D(1, 3, padding="same", activation="tanh")(x)))


def drawn_weights(model):
    """The model with random weights, those of BatchNorm positive."""
    rng = np.random.default_rng(5)
    draw = {True: lambda shape: 0.3 * rng.normal(size=shape), False: lambda shape: rng.uniform(0.5, 1.5, shape)}
    model.set_weights([draw[w.ndim > 1](w.shape) for w in model.get_weights()])
    return model


def proves_folding(lesson):
    branched = drawn_weights(nets.region_generator((8, 8, 3), 3, 4, regions=3))
    for model in (random_generator(False), random_generator(True), branched):
        fewer = lesson["rebuilt"](model)
        assert not any(isinstance(layer, layers.BatchNormalization) for layer in fewer.layers)
        z = np.random.default_rng(6).normal(size=(4, 3))
        assert np.ptp(model(z)) > 0.01
        np.testing.assert_allclose(fewer(z), model(z), atol=2e-5)


def test_the_rebuilt_generator_keeps_its_last_layer_in_float32():
    model = random_generator(False)
    low = of_lesson("folded_weights", "rebuilt")["rebuilt"](model, policy="mixed_bfloat16")
    assert [layer.compute_dtype for layer in low.layers if layer.weights] == ["bfloat16"] * 3 + ["float32"]
    assert low.output.dtype == "float32"


def test_library_flops():
    proves_library_flops(nets.flops)


PROOFS = {
    proves_roofline: {"attainable", "ridge"},
    proves_dense_intensity: {"dense_intensity"},
    proves_layer_costs: {"PER_ELEMENT", "layer_costs"},
    proves_training_flops: {"training_flops"},
    proves_graph_flops: {"graph_flops"},
    proves_speedup: {"speedup"},
    proves_pipeline: {"pipelined"},
    proves_throughput: {"throughput", "half_batch"},
    proves_drift_and_spread: {"drift_and_spread"},
    proves_float_format: {"float_format"},
    proves_scale_window: {"scale_window"},
    proves_dynamic_scale: {"DynamicScale"},
    proves_joined_gradient: {"joined_gradient"},
    proves_joined_variance: {"joined_variance"},
    proves_ring: {"ring_all_reduce", "ring_seconds"},
    proves_best_interval: {"lost_share_of_time", "best_interval", "exact_loss"},
    proves_exact_loss: {"exact_loss"},
    proves_folding: {"folded_weights", "rebuilt"},
}


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.__name__)
def test_the_lessons_formula(proof):
    proof(of_lesson(*PROOFS[proof]))


def broken(proof, old, new):
    return LessonMutant(proof, LESSON, PROOFS[proof], SPACE, old, new)


MUTANTS = {
    "roofline: the larger": broken(proves_roofline, "np.minimum", "np.maximum"),
    "ridge: inverted": broken(proves_roofline, "peak / bandwidth", "bandwidth / peak"),
    "dense: no batch": broken(proves_dense_intensity, "1 / batch + ", ""),
    "dense: one operation": broken(proves_dense_intensity, "return 2 /", "return 1 /"),
    "costs: weights for each example": broken(
        proves_layer_costs,
        "(batch * (inputs + outputs) + layer.count_params())",
        "batch * (inputs + outputs + layer.count_params())",
    ),
    "costs: no output": broken(proves_layer_costs, "(inputs + outputs)", "inputs"),
    "costs: four bytes": broken(proves_layer_costs, "size * (batch", "4 * (batch"),
    "costs: one example": broken(proves_layer_costs, "batch * (nets.flops(layer)", "(nets.flops(layer)"),
    "training: twice": broken(proves_training_flops, "3 * sum", "2 * sum"),
    "training: the first layer too": broken(proves_training_flops, " - forward[0]", ""),
    "graph: what is never run": broken(
        proves_graph_flops, "map(graph.get_operation_by_name, needed)", "graph.get_operations()"
    ),
    "graph: the wrong side": broken(
        proves_graph_flops, 'if op.type == "Conv2D" else op.inputs[2]', "if True else None"
    ),
    "speedup: the share twice": broken(proves_speedup, "(1 - share) + share", "1 + share"),
    "pipeline: the faster": broken(proves_pipeline, "max(produce, consume)", "min(produce, consume)"),
    "pipeline: no start": broken(proves_pipeline, "produce + consume + ", "consume + "),
    "pipeline: one more": broken(proves_pipeline, "(steps - 1)", "steps"),
    "batch: inverted": broken(proves_throughput, "return fixed / each", "return each / fixed"),
    "batch: no fixed part": broken(proves_throughput, "(fixed + each * batch)", "(each * batch)"),
    "Adam: linear": broken(proves_drift_and_spread, "np.sqrt(batch) / noise", "batch / noise"),
    "Adam: spread with the batch": broken(
        proves_drift_and_spread, "np.sqrt(steps) * rate", "np.sqrt(steps / batch) * rate"
    ),
    "SGD: noise of one": broken(proves_drift_and_spread, "noise**2 / batch)", "noise**2)"),
    "SGD: uphill": broken(
        proves_drift_and_spread, "return -steps * rate * gradient, ", "return steps * rate * gradient, "
    ),
    "format: bias": broken(proves_float_format, "(exponent_bits - 1) - 1", "(exponent_bits - 1)"),
    "format: no subnormals": broken(proves_float_format, "(1 - bias - mantissa_bits)", "(1 - bias)"),
    "format: largest": broken(proves_float_format, "(2 - 2.0**-mantissa_bits)", "2.0"),
    "window: 2⁻²⁴": broken(proves_scale_window, "2.0**-25", "2.0**-24"),
    "window: 2¹⁵": broken(proves_scale_window, "65520", "32768"),
    "scale: not divided": broken(proves_dynamic_scale, " / self.scale for g", " for g"),
    "scale: counts on after an overflow": broken(
        proves_dynamic_scale, "self.scale / 2, 0", "self.scale / 2, self.good"
    ),
    "scale: step taken": broken(proves_dynamic_scale, ".all() for g", ".any() for g"),
    "scale: never restarts": broken(proves_dynamic_scale, "self.scale * 2, 0", "self.scale * 2, self.good"),
    "gradient: equal weights": broken(proves_joined_gradient, ", weights=sizes", ""),
    "variance: no spread of means": broken(proves_joined_variance, " + np.var(means)", ""),
    "ring: replaces at once": broken(proves_ring, "(0, np.add)", "(0, lambda mine, theirs: theirs)"),
    "ring: one turn short": broken(proves_ring, "in range(n - 1)", "in range(n - 2)"),
    "ring: starts at the wrong piece": broken(proves_ring, "(1, lambda", "(0, lambda"),
    "ring: whole vectors": broken(proves_ring, "size / (devices * rate)", "size / rate"),
    "ring: one way": broken(proves_ring, "2 * (devices - 1)", "(devices - 1)"),
    "interval: no 2": broken(proves_best_interval, "np.sqrt(2 * cost", "np.sqrt(cost"),
    "interval: a whole one lost": broken(proves_best_interval, "(2 * between_kills)", "between_kills"),
    "exact: no checkpoint": broken(proves_exact_loss, "(interval + cost) / between_kills", "interval / between_kills"),
    "folding: variance for spread": broken(proves_folding, "np.sqrt(variance + epsilon)", "(variance + epsilon)"),
    "folding: mean not scaled": broken(proves_folding, "a * (bias - mean) + beta", "a * bias - mean + beta"),
    "folding: no shift": broken(proves_folding, "(bias - mean) + beta", "(bias - mean)"),
    "folding: inputs of a transposed kernel": broken(proves_folding, "2 if isinstance", "-1 if isinstance"),
    "library: the output's pixels": Mutant(
        proves_library_flops,
        nets.flops,
        "layer.input if isinstance(layer, layers.Conv2DTranspose) else layer.output",
        "layer.output",
        inside=_costs._layer_flops,
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_proof_notices(name):
    MUTANTS[name].is_killed()
