"""The derivations of lesson 08, each against something independent, and mutants that each proof must notice."""

import math

import keras
import numpy as np
import pytest
import record_lesson_08
import tensorflow as tf
from keras import layers
from lesson_code import definitions
from mutation import LessonMutant, Mutant
from scipy.optimize import linear_sum_assignment, linprog
from scipy.spatial.distance import cdist
from scipy.stats import binomtest

from course_lib import divergences, gan, losses, nets, transport

LESSON = "08_wasserstein"
SPACE = {
    "np": np,
    "tf": tf,
    "keras": keras,
    "layers": layers,
    "math": math,
    "cdist": cdist,
    "linprog": linprog,
    "nets": nets,
    "gan": gan,
}
WANTED = {"transport_lp", "w1_by_sorting", "w1_by_area", "potential", "clipped_supremum", "gradient_penalty"}
WANTED |= {"penalised_slope", "r1_penalty", "spectrally_normalised", "reshaped_norm", "periodic_norm"}
WANTED |= {"convolution_norm", "sign_test", "zoo_model", "PENALTIES"}


@pytest.fixture(scope="module")
def lesson():
    """Definitions of the lesson."""
    return definitions(LESSON, WANTED, SPACE)


@pytest.fixture(autouse=True, scope="module")
def registered_layer():
    """A mutant of a registered layer registers itself: put the real one back."""
    yield
    keras.saving.register_keras_serializable("course_lib")(nets.SpectralNorm)


def clouds(n=6, m=4, seed=0):
    """Return two point sets of the plane with uneven masses."""
    rng = np.random.default_rng(seed)
    return (
        rng.normal(size=(n, 2)),
        rng.normal(size=(m, 2)) + [1, 0],
        rng.dirichlet(np.ones(n)),
        rng.dirichlet(np.ones(m)),
    )


# --- Transport and its dual --------------------------------------------------------------------


def proves_transport(solve):
    """A plan with the right margins and prices that certify it: no cheaper plan can exist."""
    x, y, a, b = clouds()
    cost, plan, u, v = solve(x, y, a, b)
    distance = np.linalg.norm(x[:, None] - y, axis=-1)
    assert plan.min() > -1e-12
    assert np.allclose(plan.sum(axis=1), a, atol=1e-9) and np.allclose(plan.sum(axis=0), b, atol=1e-9)
    assert np.isclose(cost, np.sum(plan * distance), atol=1e-9)
    assert np.all(u[:, None] + v <= distance + 1e-9), "prices exceed the cost: weak duality is lost"
    assert np.isclose(a @ u + b @ v, cost, atol=1e-8), "a gap"
    assert np.abs((distance - u[:, None] - v)[plan > 1e-9]).max() < 1e-8, "complementary slackness"
    even = np.full(5, 0.2)
    x, y = np.random.default_rng(1).normal(size=(2, 5, 3))
    rows, columns = linear_sum_assignment(cdist(x, y))
    assert np.isclose(solve(x, y, even, even)[0], cdist(x, y)[rows, columns].mean(), atol=1e-9)


def proves_power(solve):
    """W2 of two clouds that differ by a shift is the length of the shift, and the cost its square."""
    x, _, a, _ = clouds()
    assert np.isclose(solve(x, x + [0.3, 0.4], a, a, p=2).cost, 0.25, atol=1e-9)


def proves_w1_on_a_line(w1):
    """Sorted pairs, the area between distribution functions, and the linear program agree; for one size of samples."""
    x, y = np.random.default_rng(2).normal(size=(2, 9)) * [[1.0], [2.0]] + [[0.0], [0.5]]
    even = np.full(9, 1 / 9)
    program = transport.solve(x[:, None], y[:, None], even, even).cost
    steps = np.linspace(-12, 12, 240_001)
    area = np.sum(np.abs((x[:, None] <= steps).mean(0) - (y[:, None] <= steps).mean(0))) * (steps[1] - steps[0])
    assert np.isclose(area, program, atol=2e-4)
    assert np.isclose(w1(x, y), program, atol=1e-8)


def proves_w1_of_samples_of_two_sizes(w1):
    """The same for samples of different size."""
    x, y = np.random.default_rng(3).normal(size=(2, 10))
    program = transport.solve(x[:, None], y[:6, None]).cost
    assert np.isclose(w1(x, y[:6]), program, atol=1e-8)


def proves_potential(potential):
    """f is 1-Lipschitz, reaches W1, and has a gradient of length 1 along the rays, from generated to real."""
    x, y, a, b = clouds()
    cost, plan, _, v = transport.solve(x, y, a, b)
    z = np.random.default_rng(4).uniform(-3, 3, (200, 2))
    f = potential(z, y, v)
    assert np.all(np.abs(f[:, None] - f) <= cdist(z, z) + 1e-9), "steeper than 1"
    assert np.isclose(a @ potential(x, y, v) - b @ potential(y, y, v), cost, atol=1e-8)
    for i, j in np.argwhere(plan > 1e-9):
        ray = y[j] + np.linspace(0.2, 0.8, 4)[:, None] * (x[i] - y[j])
        direction = (x[i] - y[j]) / np.linalg.norm(x[i] - y[j])
        for k, e in enumerate(1e-6 * np.eye(2)):
            slope = (potential(ray + e, y, v) - potential(ray - e, y, v)) / 2e-6
            assert np.allclose(slope, direction[k], atol=1e-4), "Proposition 1"


def proves_extension(extend):
    """The library's extension of the prices is the lesson's potential."""
    proves_potential(lambda z, y, v: extend(z, y, -v))


def proves_js_is_stuck(js):
    """ln 2 for disjoint tables, whatever their distance, and 0 for equal ones."""
    tables = np.eye(6)
    for k in range(1, 6):
        assert np.isclose(js(tables[0], tables[k]), np.log(2))
    assert js(tables[0], tables[0]) == 0
    assert np.isclose(js([0.5, 0.5, 0], [0, 0.5, 0.5]), 0.5 * np.log(2))


def test_parallel_lines_are_their_distance_apart_by_plan_and_by_critic():
    heights = np.linspace(0, 1, 9)
    for theta in (-0.7, 0.2, 1.0):
        p, q = (np.stack([np.full(9, place), heights], axis=1) for place in (0.0, theta))
        critic = -np.sign(theta) * p[:, 0].mean() + np.sign(theta) * q[:, 0].mean()
        assert np.isclose(transport.solve(p, q).cost, abs(theta)) and np.isclose(critic, abs(theta))


def test_samples_exaggerate_w1_on_average():
    # Every sample of two draws from p on {0, 1} and q on {0, 1}, with its probability: the exact expectation.
    for p, q in ((0.5, 0.5), (0.3, 0.6)):
        mean = 0.0
        for draws in np.ndindex(2, 2, 2, 2):
            chance = np.prod([(p if d else 1 - p) for d in draws[:2]] + [(q if d else 1 - q) for d in draws[2:]])
            mean += chance * divergences.wasserstein_1d(np.array(draws[:2], float), np.array(draws[2:], float))
        assert mean > abs(p - q) + 0.01


def test_samples_forget_slowly_in_many_dimensions():
    rng = np.random.default_rng(0)
    ratio = {}
    for d in (1, 20):
        w1 = []
        for n in (16, 256):
            costs = [cdist(*rng.uniform(size=(2, n, d))) for _ in range(4)]
            w1.append(np.mean([c[linear_sum_assignment(c)].mean() for c in costs]))
        ratio[d] = w1[1] / w1[0]
    assert ratio[1] < 0.5 < 0.7 < ratio[20]


# --- Clipping and penalties --------------------------------------------------------------------


def proves_clipping(supremum):
    """The maximum over a box, by a solver; and by all of its corners."""
    difference = np.random.default_rng(5).normal(size=5)
    assert np.isclose(supremum(difference, 0.3), -linprog(-difference, bounds=(-0.3, 0.3)).fun)
    corners = 0.3 * (2 * np.array(list(np.ndindex((2,) * 5))) - 1)
    assert np.isclose(supremum(difference, 0.3), (corners @ difference).max())


def proves_gradient_penalty(penalty):
    """A linear critic, the place of x̂, a critic without slope, independent examples, and the double gradient."""
    rng = np.random.default_rng(6)
    w = rng.normal(size=(12, 1))
    real, fake = (tf.constant(rng.normal(size=(8, 2, 2, 3))) for _ in range(2))
    value = penalty(lambda z: tf.reshape(z, (-1, 12)) @ w, real, fake)
    assert np.isclose(value, (np.linalg.norm(w) - 1) ** 2), "the penalty of a linear critic"

    n = 4000  # the critic ½‖z‖² reports ‖x̂‖, which is α on the way from 0 to an image of norm 1, and 1 − α back
    zeros, unit = tf.zeros((n, 4, 4, 1), tf.float64), tf.fill((n, 4, 4, 1), tf.constant(0.25, tf.float64))
    for ends in ((zeros, unit), (unit, zeros)):
        value = float(penalty(lambda z: 0.5 * tf.reduce_sum(z**2, axis=[1, 2, 3]), *ends, seed=1))
        assert abs(value - 1 / 3) < 4 * np.sqrt(4 / 45 / n), "x̂ is not uniform on the segment"

    flat = tf.Variable(np.zeros((12, 1)))
    with tf.GradientTape() as tape:
        value = penalty(lambda z: tf.reshape(z, (-1, 12)) @ flat, real, fake)
    assert np.isclose(value, 1, atol=1e-5)
    slope = tape.gradient(value, flat)
    assert slope is not None, "the penalty does not reach the weights"
    assert np.isfinite(slope).all(), "NaN where the gradient is zero"

    hidden, last = tf.Variable(rng.normal(size=(3, 4))), rng.normal(size=(4, 1))
    real, fake = (tf.constant(rng.normal(size=(5, 3))) for _ in range(2))

    def measured():
        return penalty(lambda z: tf.tanh(z @ hidden) @ last, real, fake, seed=3)

    with tf.GradientTape() as tape:
        value = measured()
    gradient, start = tape.gradient(value, hidden), hidden.numpy()
    direction = rng.normal(size=start.shape)
    ends = []
    for sign in (1, -1):
        hidden.assign(start + sign * 1e-5 * direction)
        ends.append(float(measured()))
    assert np.isclose(np.sum(gradient * direction), (ends[0] - ends[1]) / 2e-5, atol=1e-6), "the double gradient"


def proves_penalised_slope(slope):
    """The best length of a linear critic, by search."""
    lengths = np.linspace(0, 6, 60_001)
    for distance, weight in ((2.0, 1.0), (2.0, 10.0), (0.0, 3.0)):
        best = lengths[np.argmax(lengths * distance - weight * (lengths - 1) ** 2)]
        assert np.isclose(slope(distance, weight), best, atol=2e-4)


def proves_r1(penalty):
    """A quadratic critic: ‖Aμ + b‖² + tr AΣA with the moments of the sample."""
    rng = np.random.default_rng(7)
    a, b = rng.normal(size=(3, 3)), rng.normal(size=3)
    a = a + a.T
    x = rng.normal(size=(40, 3)) @ rng.normal(size=(3, 3)) + 1
    closed = np.sum((a @ x.mean(0) + b) ** 2) + np.trace(a @ np.cov(x.T, bias=True) @ a)
    value = penalty(lambda z: 0.5 * tf.reduce_sum((z @ a) * z, axis=1) + tf.linalg.matvec(z, b), tf.constant(x))
    assert np.isclose(value, closed)


def test_r1_lets_the_slope_fall_with_the_distance_and_the_one_centred_penalty_does_not():
    for distance in (0.01, 1.0):
        w = np.linspace(0, 2, 20_001)
        assert np.isclose(w[np.argmax(w * distance - 0.5 * 1.0 * w**2)], distance, atol=1e-4)
        assert w[np.argmax(w * distance - 10 * (w - 1) ** 2)] >= 1


def test_batch_normalisation_couples_the_examples_of_a_critic():
    batch = tf.constant(np.random.default_rng(8).normal(size=(6, 5)), tf.float32)
    keras.utils.set_random_seed(0)
    reach = {}
    for name, extra in (
        ("plain", []),
        ("batch", [layers.BatchNormalization()]),
        ("layer", [layers.LayerNormalization()]),
    ):
        critic = keras.Sequential([keras.Input((5,)), layers.Dense(7), *extra, layers.LeakyReLU(), layers.Dense(1)])
        with tf.GradientTape() as tape:
            tape.watch(batch)
            first = critic(batch, training=True)[0, 0]
        reach[name] = np.abs(tape.gradient(first, batch).numpy()[1:]).max()
    assert reach["plain"] == reach["layer"] == 0 < reach["batch"]


# --- Spectral norm -----------------------------------------------------------------------------


def proves_spectral_normalisation(normalise):
    """σ by SVD, norm 1, the rate of convergence, ∂σ/∂W by differences, a gradient at right angles to W."""
    rng = np.random.default_rng(9)
    w = tf.Variable(rng.normal(size=(5, 5)))
    left, s, right = np.linalg.svd(w.numpy())
    _, u, _ = normalise(w, tf.constant(rng.normal(size=5)), rounds=100)
    target = rng.normal(size=(5, 5))
    with tf.GradientTape(persistent=True) as tape:
        normal, u, sigma = normalise(w, u, rounds=1)
        loss = tf.reduce_sum((normal - target) ** 2)
    assert np.isclose(sigma, s[0]) and np.isclose(np.linalg.norm(normal, 2), 1)
    slope = tape.gradient(sigma, w)
    assert slope is not None, "no gradient through σ"
    direction = rng.normal(size=(5, 5))
    ends = [np.linalg.norm(w + sign * 1e-6 * direction, 2) for sign in (1, -1)]
    assert np.isclose(np.sum(slope * direction), (ends[0] - ends[1]) / 2e-6, atol=1e-6), "∂σ/∂W = vuᵀ"
    assert np.allclose(slope, np.outer(left[:, 0], right[0]), atol=1e-6)
    gradient = tape.gradient(loss, w)
    assert abs(np.sum(gradient * w)) < 1e-8, "L(W/σ) does not change with the length of W"
    u = tf.constant(right[0] + right[1])
    for t in range(4):
        assert np.isclose(abs(u.numpy() @ right[1]) / abs(u.numpy() @ right[0]), (s[1] / s[0]) ** (2 * t))
        _, u, _ = normalise(w, u, rounds=1)


def proves_spectral_layer(layer_class):
    """The layer applies W/σ and its own bias, keeps W, follows σ, and passes the gradient through σ."""
    rng = np.random.default_rng(10)
    w, bias = rng.normal(size=(5, 5)).astype(np.float32), rng.normal(size=5).astype(np.float32)
    constant = keras.initializers.Constant
    dense = layers.Dense(5, kernel_initializer=constant(w), bias_initializer=constant(bias))
    layer = layer_class(dense, iterations=20)
    x, target = (tf.constant(rng.normal(size=(7, 5)), tf.float32) for _ in range(2))
    for _ in range(4):
        layer(x, training=True)
    s = np.linalg.norm(w, 2)
    assert np.allclose(layer(x), x @ (w / s) + bias, atol=1e-4)
    assert np.array_equal(layer.layer.kernel, w), "the trained weight was changed"
    kernel = layer.layer.kernel
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum((layer(x, training=True) - target) ** 2)
    gradient = tape.gradient(loss, kernel).numpy()
    assert abs(np.sum(gradient * w)) < 1e-3 * np.linalg.norm(gradient) * np.linalg.norm(w), "gradient through σ"
    direction = rng.normal(size=(5, 5)).astype(np.float32)

    def exact(kernel):
        return np.sum((np.asarray(x, float) @ (kernel / np.linalg.norm(kernel, 2)) + bias - target.numpy()) ** 2)

    by_difference = (exact(w + 1e-5 * direction.astype(float)) - exact(w - 1e-5 * direction.astype(float))) / 2e-5
    assert np.isclose(np.sum(gradient * direction), by_difference, rtol=1e-2, atol=1e-2)


def matrix_of(convolve, size, channels):
    """Return the matrix of a linear map of images (1, size, size, channels), column by column."""
    units = np.eye(size * size * channels).reshape(-1, 1, size, size, channels)
    return np.stack([np.ravel(convolve(unit)) for unit in units], axis=1)


def proves_periodic_norm(norm):
    """The largest singular value of the whole matrix of the convolution, written down by definition."""
    kernel = np.random.default_rng(11).normal(size=(3, 3, 2, 3))

    def convolve(z):
        out = np.zeros((1, 6, 6, 3))
        for a, b in np.ndindex(3, 3):
            out += np.roll(z, (a, b), axis=(1, 2)) @ kernel[a, b]
        return out

    assert np.isclose(norm(kernel, 6), np.linalg.norm(matrix_of(convolve, 6, 2), 2))
    assert np.isclose(norm(np.ones((3, 3, 1, 1)) / 9, 8), 1)


def proves_convolution_norm(norm):
    """The same for the layer as it is, with zeros outside and a stride."""
    kernel = np.random.default_rng(12).normal(size=(4, 4, 2, 3))
    for stride in (1, 2):
        matrix = matrix_of(lambda z, s=stride: tf.nn.conv2d(z, kernel, s, "SAME"), 6, 2)
        assert np.isclose(norm(kernel, 6, stride), np.linalg.norm(matrix, 2), rtol=1e-3)


def proves_reshaped_norm(norm):
    """1/3 for the box, and the bound by the number of patches that hold one pixel."""
    assert np.isclose(norm(np.ones((3, 3, 1, 1)) / 9), 1 / 3)
    rng = np.random.default_rng(13)
    for shape, stride in (((3, 3, 2, 4), 1), ((4, 4, 2, 4), 2), ((5, 5, 1, 2), 2)):
        kernel = rng.normal(size=shape)
        rows = np.array([kernel[a, b, c] for a, b, c in np.ndindex(*shape[:3])])
        assert np.isclose(norm(kernel), np.linalg.norm(rows, 2))
        matrix = matrix_of(lambda z, k=kernel, s=stride: tf.nn.conv2d(z, k, s, "SAME"), 6, shape[2])
        patches = math.ceil(shape[0] / stride) * math.ceil(shape[1] / stride)
        assert np.linalg.norm(matrix, 2) <= np.sqrt(patches) * norm(kernel) + 1e-9


def test_a_stack_of_layers_is_no_steeper_than_the_product_of_their_norms():
    rng = np.random.default_rng(14)
    first, second = rng.normal(size=(3, 6)), rng.normal(size=(6, 1))
    z, other = rng.normal(size=(2, 500, 3))

    def f(z):
        h = z @ first
        return np.maximum(h, 0.2 * h) @ second

    slopes = np.abs(f(z) - f(other))[:, 0] / np.linalg.norm(z - other, axis=1)
    assert slopes.max() <= np.linalg.norm(first, 2) * np.linalg.norm(second, 2)


# --- Losses and seeds --------------------------------------------------------------------------


def tables():
    """Return counts of two samples of eight over three places, and the places of each single example."""
    p, q = np.array([5, 2, 1]), np.array([1, 2, 5])
    return p / 8, q / 8, np.repeat(range(3), p), np.repeat(range(3), q)


def discriminator_loss(loss, answers):
    """Return a loss object's value for one answer (3,) at each place."""
    _, _, real, fake = tables()
    return float(loss.discriminator(tf.constant(answers[real]), tf.constant(answers[fake])))


def proves_hinge(loss_class):
    """The best answers are the signs of p − q, and cost 2 − 2 TV."""
    loss = loss_class()
    p, q, *_ = tables()
    value = discriminator_loss(loss, np.sign(p - q))
    assert np.isclose(value, 2 - 2 * divergences.tv_discrete(p, q))
    for answers in np.random.default_rng(15).normal(size=(300, 3)) * 2:
        assert discriminator_loss(loss, answers) >= value - 1e-12


def proves_least_squares(loss_class):
    """The best answers are p / (p + q)."""
    loss = loss_class()
    p, q, *_ = tables()
    value = discriminator_loss(loss, p / (p + q))
    assert np.isclose(value, 0.5 * np.sum(p * q / (p + q)))
    for answers in np.random.default_rng(16).normal(size=(300, 3)):
        assert discriminator_loss(loss, answers) >= value - 1e-12


def proves_wasserstein(loss_class):
    """With the exact potential the critic's loss is −W1; the generator's gradient climbs the critic."""
    loss = loss_class()
    x, y = np.random.default_rng(17).normal(size=(2, 8, 2))
    solved = transport.solve(x, y)
    f = [tf.constant(transport.extend(z, y, -solved.v)) for z in (x, y)]
    assert np.isclose(loss.discriminator(*f), -solved.cost)
    assert np.isclose(loss.generator(*f), -np.mean(f[1]))


def proves_relativistic(loss_class):
    """Only differences count, and a critic that cannot tell pays ln 2."""
    loss = loss_class()
    real, fake = tf.constant([[0.3], [2.0]]), tf.constant([[1.0], [-1.0]])
    assert np.isclose(loss.discriminator(real + 5, fake + 5), loss.discriminator(real, fake), rtol=1e-5)
    assert np.isclose(loss.discriminator(real, real), np.log(2))
    by_definition = np.mean(-np.log(1 / (1 + np.exp(-(real - fake)))))
    assert np.isclose(loss.discriminator(real, fake), by_definition)


def proves_sign_test(test):
    """The binomial test of SciPy."""
    rng = np.random.default_rng(18)
    for n, shift in ((12, 0.0), (15, 0.8), (6, -3.0)):
        a, b = rng.normal(size=(2, n)) - [[shift], [0.0]]
        wins, pairs, chance = test(a, b)
        assert (wins, pairs) == (np.sum(a < b), n)
        assert np.isclose(chance, binomtest(int(wins), n).pvalue)


# --- The real implementations ------------------------------------------------------------------

PROOFS = [
    (proves_transport, "transport_lp"),
    (proves_w1_on_a_line, "w1_by_sorting"),
    (proves_w1_on_a_line, "w1_by_area"),
    (proves_w1_of_samples_of_two_sizes, "w1_by_area"),
    (proves_potential, "potential"),
    (proves_clipping, "clipped_supremum"),
    (proves_gradient_penalty, "gradient_penalty"),
    (proves_penalised_slope, "penalised_slope"),
    (proves_r1, "r1_penalty"),
    (proves_spectral_normalisation, "spectrally_normalised"),
    (proves_periodic_norm, "periodic_norm"),
    (proves_convolution_norm, "convolution_norm"),
    (proves_reshaped_norm, "reshaped_norm"),
    (proves_sign_test, "sign_test"),
    (proves_transport, transport.solve),
    (proves_power, transport.solve),
    (proves_extension, transport.extend),
    (proves_w1_on_a_line, divergences.wasserstein_1d),
    (proves_w1_of_samples_of_two_sizes, divergences.wasserstein_1d),
    (proves_js_is_stuck, divergences.js_discrete),
    (proves_gradient_penalty, losses.gradient_penalty),
    (proves_r1, losses.r1_penalty),
    (proves_spectral_layer, nets.SpectralNorm),
    (proves_hinge, losses.Hinge),
    (proves_least_squares, losses.LeastSquares),
    (proves_wasserstein, losses.Wasserstein),
    (proves_relativistic, losses.Relativistic),
]


@pytest.mark.parametrize(("proof", "subject"), PROOFS, ids=lambda each: getattr(each, "__name__", each))
def test_the_proof_holds(lesson, proof, subject):
    proof(lesson[subject] if isinstance(subject, str) else subject)


# --- The notebook against the library ----------------------------------------------------------


def test_the_notebooks_penalties_and_the_librarys_agree(lesson):
    rng = np.random.default_rng(19)
    real, fake = (tf.constant(rng.normal(size=(6, 4, 4, 1)), tf.float32) for _ in range(2))
    keras.utils.set_random_seed(0)
    critic = keras.Sequential([keras.Input((4, 4, 1)), layers.Flatten(), layers.Dense(8, "tanh"), layers.Dense(1)])
    ours, theirs = (f(critic, real, fake, seed=4) for f in (lesson["gradient_penalty"], losses.gradient_penalty))
    assert np.isclose(ours, theirs, rtol=1e-5)
    assert np.isclose(lesson["r1_penalty"](critic, real), losses.r1_penalty(critic, real), rtol=1e-5)


def test_the_notebooks_spectral_norm_and_the_librarys_agree(lesson):
    w = np.random.default_rng(20).normal(size=(6, 3)).astype(np.float32)
    layer = nets.SpectralNorm(layers.Dense(3, use_bias=False, kernel_initializer=keras.initializers.Constant(w)))
    layer.build((None, 6))
    start = tf.constant(np.asarray(layer.u))
    x = np.eye(6, dtype=np.float32)
    normal, u, _ = lesson["spectrally_normalised"](tf.constant(w), start, rounds=1)
    assert np.allclose(layer(x, training=True), normal, atol=1e-5)
    assert np.allclose(layer.u, u, atol=1e-5)


def test_the_live_runs_are_the_recorded_ones_made_shorter(lesson):
    for loss, regulariser in (("hinge", "spectral_norm"), ("wasserstein", "gradient_penalty"), ("minimax", "r1")):
        ours, theirs = (make(loss, regulariser, 3) for make in (lesson["zoo_model"], record_lesson_08.make))
        assert ours._config == theirs._config
        for name in ("generator", "discriminator"):
            pair = getattr(ours, name), getattr(theirs, name)
            assert [layer.__class__ for layer in pair[0].layers] == [layer.__class__ for layer in pair[1].layers]
            assert all(np.array_equal(a, b) for a, b in zip(*(each.get_weights() for each in pair), strict=True))
            rates = [getattr(model, f"{name}_optimizer").get_config() for model in (ours, theirs)]
            assert {**rates[0], "name": ""} == {**rates[1], "name": ""}


# --- Mutants -----------------------------------------------------------------------------------


def of_lesson(proof, name, old, new):
    """Return a mutant of one definition of the lesson."""
    return LessonMutant(lambda space: proof(space[name]), LESSON, {name}, SPACE, old, new)


AREA, PENALTY, NORMALISED = "w1_by_area", "gradient_penalty", "spectrally_normalised"
GP, SIMILAR = losses.gradient_penalty, losses._squared_input_gradient
MUTANTS = {
    "plan: squared distances": of_lesson(proves_transport, "transport_lp", "cdist(x, y)", 'cdist(x, y, "sqeuclidean")'),
    "plan: equal masses for all": of_lesson(
        proves_transport, "transport_lp", "np.concatenate([a, b])", "np.concatenate([0 * a + 1 / n, b])"
    ),
    "plan: prices of the two sides swapped": of_lesson(
        proves_transport, "transport_lp", "prices[:n], prices[n:]", "prices[m:][:n], prices[:m]"
    ),
    "library plan: sign of the prices": Mutant(proves_transport, transport.solve, "dual[:n]", "-dual[:n]"),
    "library plan: the power is ignored": Mutant(
        proves_power, transport.solve, '** _validate.number("p", p, 1)', "** 1"
    ),
    "line: not sorted": of_lesson(proves_w1_on_a_line, "w1_by_sorting", "np.sort(y)", "y"),
    "line: sum for mean": of_lesson(proves_w1_on_a_line, "w1_by_sorting", "np.mean", "np.sum"),
    "line: signs kept": of_lesson(proves_w1_on_a_line, AREA, "np.abs(F - G)", "(F - G)"),
    "line: one size for both": of_lesson(
        proves_w1_of_samples_of_two_sizes, AREA, 'side="right") / len(y)', 'side="right") / len(x)'
    ),
    "library line: signs kept": Mutant(
        proves_w1_on_a_line, divergences.wasserstein_1d, "np.abs(cdf_x - cdf_y)", "(cdf_x - cdf_y)"
    ),
    "library line: one size for both": Mutant(
        proves_w1_of_samples_of_two_sizes, divergences.wasserstein_1d, "/ len(y)", "/ len(x)"
    ),
    "library line: squared": Mutant(
        proves_w1_on_a_line, divergences.wasserstein_1d, "np.abs(cdf_x - cdf_y)", "(cdf_x - cdf_y) ** 2"
    ),
    "potential: sign of the price": of_lesson(proves_potential, "potential", "- v", "+ v"),
    "potential: the dearest instead of the cheapest": of_lesson(proves_potential, "potential", "np.min", "np.max"),
    "potential: squared distances": of_lesson(
        proves_potential, "potential", "cdist(z, y)", 'cdist(z, y, "sqeuclidean")'
    ),
    "extension: largest": Mutant(proves_extension, transport.extend, "np.min(", "np.max("),
    "extension: squared": Mutant(
        proves_extension, transport.extend, "+ cdist(points, anchors)", "+ cdist(points, anchors) ** 2"
    ),
    "js: no half": Mutant(proves_js_is_stuck, divergences.js_discrete, "0.5 * (", "1.0 * ("),
    "js: base 2": Mutant(proves_js_is_stuck, divergences.js_discrete, "0.5 * (", "0.5 / np.log(2) * ("),
    "clipping: the 2-norm": of_lesson(
        proves_clipping, "clipped_supremum", "np.sum(np.abs(difference))", "np.sqrt(np.sum(difference**2))"
    ),
    "clipping: c forgotten": of_lesson(proves_clipping, "clipped_supremum", "c * ", ""),
    "penalty: alpha per pixel": of_lesson(
        proves_gradient_penalty, PENALTY, "[tf.shape(real)[0]] + [1] * (len(real.shape) - 1)", "tf.shape(real)"
    ),
    "penalty: one alpha for the batch": of_lesson(
        proves_gradient_penalty, PENALTY, "[tf.shape(real)[0]] + [1]", "[1] + [1]"
    ),
    "penalty: normal alpha": of_lesson(proves_gradient_penalty, PENALTY, "keras.random.uniform", "keras.random.normal"),
    "penalty: away from the real image": of_lesson(
        proves_gradient_penalty, PENALTY, "alpha * (fake - real)", "alpha * fake"
    ),
    "penalty: no floor": of_lesson(proves_gradient_penalty, PENALTY, "tf.maximum(squared, 1e-12)", "squared"),
    "penalty: no root": of_lesson(proves_gradient_penalty, PENALTY, "tf.sqrt(tf.maximum(squared, 1e-12))", "squared"),
    "penalty: zero-centred": of_lesson(proves_gradient_penalty, PENALTY, "(norm - 1)", "(norm - 0)"),
    "penalty: sum for mean over examples": of_lesson(
        proves_gradient_penalty, PENALTY, "return tf.reduce_mean", "return tf.reduce_sum"
    ),
    "penalty: mean verdict": of_lesson(
        proves_gradient_penalty, PENALTY, "tf.reduce_sum(critic(between))", "tf.reduce_mean(critic(between))"
    ),
    "penalty: gradient held still": of_lesson(
        proves_gradient_penalty,
        PENALTY,
        "gradient = tape.gradient(total, between)",
        "gradient = tf.stop_gradient(tape.gradient(total, between))",
    ),
    "library penalty: alpha per pixel": Mutant(
        proves_gradient_penalty, GP, "tf.ones(len(real.shape) - 1, tf.int32)", "tf.shape(real)[1:]"
    ),
    "library penalty: normal alpha": Mutant(proves_gradient_penalty, GP, "keras.random.uniform", "keras.random.normal"),
    "library penalty: no floor": Mutant(proves_gradient_penalty, GP, "tf.maximum(squared_norm, 1e-12)", "squared_norm"),
    "library penalty: zero-centred": Mutant(proves_gradient_penalty, GP, "tf.square(norm - 1)", "tf.square(norm)"),
    "library penalty: mean verdict": Mutant(
        proves_gradient_penalty, GP, "tf.reduce_sum(critic(x))", "tf.reduce_mean(critic(x))", SIMILAR
    ),
    "library penalty: gradient held still": Mutant(
        proves_gradient_penalty, GP, "tf.square(gradient)", "tf.square(tf.stop_gradient(gradient))", SIMILAR
    ),
    "penalised slope: no 2": of_lesson(proves_penalised_slope, "penalised_slope", "(2 * weight)", "weight"),
    "penalised slope: no 1": of_lesson(proves_penalised_slope, "penalised_slope", "1 + ", ""),
    "r1: norm for its square": of_lesson(
        proves_r1, "r1_penalty", "tape.gradient(total, real) ** 2", "tf.abs(tape.gradient(total, real))"
    ),
    "r1: mean verdict": of_lesson(
        proves_r1, "r1_penalty", "tf.reduce_sum(critic(real))", "tf.reduce_mean(critic(real))"
    ),
    "library r1: sum over examples": Mutant(proves_r1, losses.r1_penalty, "tf.reduce_mean(", "tf.reduce_sum("),
    "library r1: mean over pixels": Mutant(
        proves_r1,
        losses.r1_penalty,
        "tf.reduce_sum(tf.square(gradient)",
        "tf.reduce_mean(tf.square(gradient)",
        SIMILAR,
    ),
    "spectral: no transpose": of_lesson(
        proves_spectral_normalisation, NORMALISED, "matvec(W, v, transpose_a=True)", "matvec(W, v)"
    ),
    "spectral: σ held still": of_lesson(
        proves_spectral_normalisation,
        NORMALISED,
        "tf.reduce_sum(v * tf.linalg.matvec(W, u))",
        "tf.stop_gradient(tf.reduce_sum(v * tf.linalg.matvec(W, u)))",
    ),
    "spectral: divided by σ²": of_lesson(proves_spectral_normalisation, NORMALISED, "W / sigma,", "W / sigma**2,"),
    "spectral: Frobenius norm": of_lesson(proves_spectral_normalisation, NORMALISED, "W / sigma,", "W / tf.norm(W),"),
    "spectral layer: σ held still": Mutant(
        proves_spectral_layer,
        nets.SpectralNorm,
        "return tf.reduce_sum(tf.stop_gradient(v) * tf.linalg.matvec(w, tf.stop_gradient(u)))",
        "return tf.stop_gradient(tf.reduce_sum(v * tf.linalg.matvec(w, u)))",
    ),
    "spectral layer: the bias is divided too": Mutant(proves_spectral_layer, nets.SpectralNorm, "(y - bias) /", "y /"),
    "spectral layer: no transpose": Mutant(
        proves_spectral_layer, nets.SpectralNorm, "matvec(w, v, transpose_a=True)", "matvec(w, v)"
    ),
    "spectral layer: σ is not followed": Mutant(
        proves_spectral_layer, nets.SpectralNorm, "self.u.assign(u)", "self.u.assign(self.u)"
    ),
    "periodic: mean over frequencies": of_lesson(proves_periodic_norm, "periodic_norm", ".max()", ".mean()"),
    "periodic: only the mean colour": of_lesson(proves_periodic_norm, "periodic_norm", ".max()", "[0, 0].max()"),
    "convolution: squared norm": of_lesson(proves_convolution_norm, "convolution_norm", "np.sqrt(squared)", "squared"),
    "convolution: not transposed": of_lesson(
        proves_convolution_norm, "convolution_norm", "output_gradients=out", "output_gradients=tf.ones_like(out)"
    ),
    "reshaped: wrong axis": of_lesson(
        proves_reshaped_norm, "reshaped_norm", "(-1, kernel.shape[-1])", "(kernel.shape[0], -1)"
    ),
    "reshaped: Frobenius norm": of_lesson(
        proves_reshaped_norm,
        "reshaped_norm",
        "np.linalg.norm(np.reshape(kernel, (-1, kernel.shape[-1])), 2)",
        "np.linalg.norm(np.reshape(kernel, (-1, kernel.shape[-1])))",
    ),
    "hinge: margin 2": Mutant(proves_hinge, losses.Hinge, "relu(1 - real_logits)", "relu(2 - real_logits)"),
    "hinge: labels swapped": Mutant(
        proves_hinge, losses.Hinge, "tf.nn.relu(1 + fake_logits)", "tf.nn.relu(1 - fake_logits)"
    ),
    "least squares: target −1": Mutant(
        proves_least_squares, losses.LeastSquares, "tf.square(real_logits - 1)", "tf.square(real_logits + 1)"
    ),
    "least squares: no half": Mutant(proves_least_squares, losses.LeastSquares, "0.5 * (tf", "1.0 * (tf"),
    "wasserstein: sign": Mutant(
        proves_wasserstein,
        losses.Wasserstein,
        "tf.reduce_mean(fake_logits) - tf.reduce_mean(real_logits)",
        "tf.reduce_mean(real_logits) - tf.reduce_mean(fake_logits)",
    ),
    "wasserstein: the generator flees": Mutant(
        proves_wasserstein, losses.Wasserstein, "return -tf.reduce_mean", "return tf.reduce_mean"
    ),
    "relativistic: swapped": Mutant(
        proves_relativistic, losses.Relativistic, "fake_logits - real_logits", "real_logits - fake_logits"
    ),
    "relativistic: not relative": Mutant(
        proves_relativistic, losses.Relativistic, "fake_logits - real_logits", "fake_logits"
    ),
    "sign test: one-sided": of_lesson(proves_sign_test, "sign_test", "2 * tail", "tail"),
    "sign test: more than, for at least": of_lesson(
        proves_sign_test, "sign_test", "range(k, n + 1)", "range(k + 1, n + 1)"
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_proof_notices(name):
    MUTANTS[name].is_killed()
