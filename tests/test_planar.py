"""GANs on points: packs, unrolling against hand computations, and a game that can be stored, restored and changed."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from mutation import Mutant

from course_lib import gan, losses, planar

LINE = np.random.default_rng(0).normal(2.0, 0.5, (500, 1))
PLANE = np.random.default_rng(0).normal((1.0, -1.0), 0.3, (500, 2))
SMALL = {"width": 8, "depth": 1, "batch": 16}


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.fixture(scope="module")
def game():
    return planar.Game(PLANE, **SMALL)


# --- Networks ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [1, 2])
def test_the_networks_have_the_stated_shapes_and_no_bound(dim):
    generator, discriminator = planar.generator(3, dim, 8, 1), planar.discriminator(dim, 8, 1)
    points = generator(tf.random.normal((6, 3)))
    assert points.shape == (6, dim)
    assert discriminator(points).shape == (6, 1)
    assert np.abs(generator(1e4 * tf.ones((1, 3)))).max() > 100


def test_a_packed_discriminator_judges_consecutive_points_together():
    packed = planar.discriminator(2, 8, 1, packing=2)
    x = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
    logits = packed(x).numpy()
    assert logits.shape == (3, 1)
    np.testing.assert_allclose(packed(x[2:4]).numpy(), logits[1:2], rtol=1e-5)  # rows 2 and 3 are the second pack
    regrouped = packed(x[[0, 2, 1, 3, 4, 5]]).numpy()
    assert not np.allclose(regrouped[:2], logits[:2])
    np.testing.assert_allclose(regrouped[2], logits[2], rtol=1e-5)
    first = packed.layers[2]  # after the input and the packing
    np.testing.assert_allclose(first(x.reshape(3, 4)).numpy(), first(packed.layers[1](x)).numpy())


def test_spectral_norm_bounds_the_slope_of_the_discriminator():
    network = planar.discriminator(2, 8, 2, spectral_norm=True)
    for layer in (layer.layer for layer in network.layers if hasattr(layer, "sigma")):
        layer.kernel.assign(5 * layer.kernel)
    for _ in range(100):
        network(np.ones((1, 2)), training=True)
    x = tf.constant(np.random.default_rng(0).normal(size=(500, 2)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(network(x))
    slopes = np.linalg.norm(tape.gradient(total, x), axis=1)
    assert 0 < slopes.max() <= 1 + 1e-3
    assert len(network.layers) == len(planar.discriminator(2, 8, 2).layers)


def test_packs_survive_saving(tmp_path):
    network = planar.discriminator(2, 8, 1, packing=2)
    network.save(tmp_path / "d.keras")
    x = np.random.default_rng(0).normal(size=(4, 2))
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "d.keras")(x), network(x))


# --- Unrolling ---------------------------------------------------------------------------------


def bilinear(unrolled_gan, unroll, rate, theta=1.5, psi=0.8):
    """The game V = ψ·θ of data at 0: G(z) = θ (z does nothing), D(x) = ψ x, Wasserstein's losses, plain descent."""
    z, x = keras.Input((1,)), keras.Input((1,))
    g = keras.layers.Dense(1)
    d = keras.layers.Dense(1, use_bias=False)
    networks = keras.Model(z, g(z)), keras.Model(x, d(x))
    model = unrolled_gan(*networks, unroll=unroll, loss="wasserstein", ema=None, seed=0)
    g.set_weights([np.zeros((1, 1)), np.array([theta])])
    d.set_weights([np.array([[psi]])])
    model.compile(*(keras.optimizers.SGD(rate) for _ in range(2)))
    return model, g.bias, d.kernel


def proves_unrolling(unrolled_gan):
    """L_D = ψθ, so D's steps lead to ψ − Kηθ and L_G = −(ψ − Kηθ)θ with dL_G/dθ = −ψ + 2Kηθ."""
    rate, theta, psi = 0.1, 1.5, 0.8
    for unroll in (0, 1, 3):
        model, bias, kernel = bilinear(unrolled_gan, unroll, rate, theta, psi)
        model.generator_step(tf.zeros((4, 1)))
        assert float(bias[0]) == pytest.approx(theta - rate * (-psi + 2 * unroll * rate * theta), rel=1e-5)
        assert float(kernel[0, 0]) == pytest.approx(psi), "looking ahead must not move D"


def test_the_unrolled_step_of_a_bilinear_game_is_that_by_hand():
    proves_unrolling(planar.UnrolledGAN)


LOSS = "loss = self._discriminator_loss(weights, real, fake)"
AHEAD = "self._logits_of(weights, real), self._logits_of(weights, fake))\n            scaled"
MUTANTS = {
    "D's answer does not depend on G": Mutant(
        proves_unrolling, planar.UnrolledGAN, LOSS, LOSS.replace("fake", "tf.stop_gradient(fake)")
    ),
    "one step too few": Mutant(proves_unrolling, planar.UnrolledGAN, "range(self.unroll)", "range(self.unroll - 1)"),
    "the loss is taken before the steps": Mutant(
        proves_unrolling, planar.UnrolledGAN, AHEAD, AHEAD.replace("self._logits_of(weights, ", "self._logits(")
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_proof_notices(name):
    MUTANTS[name].is_killed()


def small_model(optimizer, discriminator=None, **kwargs):
    keras.utils.set_random_seed(1)
    discriminator = discriminator or planar.discriminator(2, 8, 1)
    model = planar.UnrolledGAN(planar.generator(2, 2, 8, 1), discriminator, ema=None, **kwargs)
    model.compile(optimizer(), optimizer())
    return model


@pytest.mark.parametrize("optimizer", [lambda: keras.optimizers.Adam(0.01, 0.5), lambda: keras.optimizers.SGD(0.1)])
@pytest.mark.parametrize("penalty", [None, "r1"])
def test_the_steps_ahead_are_those_that_the_discriminator_would_take(optimizer, penalty, monkeypatch):
    z = tf.constant(np.random.default_rng(1).normal(size=(16, 2)), tf.float32)
    monkeypatch.setattr(gan.GAN, "_latent", lambda self, real: z)
    model, real = small_model(optimizer, unroll=3, penalty=penalty), tf.constant(PLANE[:16], tf.float32)
    for _ in range(5):  # so that the optimizer's slots are not at their start
        model.train_step(real)
    before = [w.numpy() for w in model.discriminator.trainable_variables]
    ahead = model.discriminator_ahead(real, model.generator(z))
    for _ in range(3):
        model.discriminator_step(real)
    for seen, start, w in zip(ahead, before, model.discriminator.trainable_variables, strict=True):
        assert np.abs(w.numpy() - start).max() > 1e-3
        np.testing.assert_allclose(seen, w, rtol=1e-4, atol=1e-5)


def test_the_unrolled_gradient_agrees_with_finite_differences(monkeypatch):
    """Along a random direction of G's weights, through three steps of D; without unrolling it is another number."""
    z = tf.constant(np.random.default_rng(1).normal(size=(16, 2)), tf.float32)
    monkeypatch.setattr(gan.GAN, "_latent", lambda self, real: z)
    # D's own gradient jumps at the kink of a LeakyReLU, and finite differences would see the jumps: a smooth D.
    smooth = keras.Sequential([keras.Input((2,)), keras.layers.Dense(8, "tanh"), keras.layers.Dense(1)])
    model = small_model(lambda: keras.optimizers.SGD(0.5), smooth, unroll=3)
    real = tf.constant(PLANE[:16], tf.float32)
    start = [w.numpy() for w in model.generator.trainable_variables]
    rng = np.random.default_rng(2)
    direction = [rng.normal(size=w.shape) for w in start]

    def loss_at(t):
        for w, value, d in zip(model.generator.trainable_variables, start, direction, strict=True):
            w.assign(value + t * d)
        fake = model.generator(z)
        weights = model.discriminator_ahead(real, fake)
        return float(model.gan_loss.generator(None, model._logits_of(weights, fake)))

    slope = (loss_at(3e-3) - loss_at(-3e-3)) / 6e-3
    moves = {}
    for unroll in (3, 0):
        loss_at(0.0)
        model.unroll = unroll
        model.generator_step(real)
        moved = [w.numpy() - value for w, value in zip(model.generator.trainable_variables, start, strict=True)]
        moves[unroll] = sum((m * d).sum() for m, d in zip(moved, direction, strict=True)) / -0.5
    assert moves[3] == pytest.approx(slope, rel=0.02)
    assert abs(moves[0] - slope) > 0.1 * abs(slope)


@pytest.mark.parametrize("loss", ["wasserstein", "relativistic"])
def test_a_bias_that_the_loss_does_not_feel_gives_no_nan(loss):
    model = small_model(lambda: keras.optimizers.Adam(1e-3, 0.5), unroll=2, loss=loss)
    model.generator_step(tf.constant(PLANE[:16], tf.float32))
    assert all(np.isfinite(w).all() for w in model.generator.trainable_variables)


def test_no_steps_ahead_is_the_plain_gan():
    def weights(cls, **kwargs):
        keras.utils.set_random_seed(0)
        model = cls(planar.generator(2, 2, 8, 1), planar.discriminator(2, 8, 1), ema=None, **kwargs)
        model.compile(*(keras.optimizers.Adam(1e-2) for _ in range(2)))
        for _ in range(3):
            model.train_step(tf.constant(PLANE[:16], tf.float32))
        return [v.numpy() for v in model.generator.variables + model.discriminator.variables]

    for a, b in zip(weights(gan.GAN), weights(planar.UnrolledGAN, unroll=0), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_an_optimizer_that_cannot_be_followed_is_refused():
    for optimizer in (keras.optimizers.RMSprop, lambda: keras.optimizers.SGD(0.1, momentum=0.9)):
        with pytest.raises(ValueError, match="discriminator_optimizer: expected Adam, or SGD without momentum"):
            small_model(optimizer)


# --- A game ------------------------------------------------------------------------------------


@pytest.mark.parametrize("points", [LINE, PLANE])
def test_the_same_seed_gives_the_same_game_whatever_the_global_one(points):
    runs = []
    for seed in (0, 0, 1):
        keras.utils.set_random_seed(len(runs))
        g = planar.Game(points, seed=seed, **SMALL)
        runs.append((g.advance(3)["d_loss"], g.advance(4)["g_loss"], g.samples(5, seed=2)))
    assert runs[0][:2] == runs[1][:2] and np.array_equal(runs[0][2], runs[1][2])
    assert runs[0][:2] != runs[2][:2]


def test_several_calls_are_one_run_and_logs_are_means():
    one, many = planar.Game(PLANE, **SMALL), planar.Game(PLANE, **SMALL)
    whole = one.advance(6)
    parts = [many.advance(2) for _ in range(3)]
    assert one.steps == many.steps == 6
    assert same(one.state(), many.state())
    for name in ("d_loss", "g_loss", "real_logit", "fake_logit"):
        assert whole[name] == pytest.approx(np.mean([part[name] for part in parts]), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("extra", [{}, {"packing": 2, "penalty": "gradient_penalty"}, {"spectral_norm": True}])
def test_advance_after_restore_equals_advance_before(extra):
    g = planar.Game(PLANE, **SMALL, **extra)
    g.advance(3)
    state = g.state()
    first = g.advance(4), g.samples(8)
    middle = g.state()
    g.restore(state)
    assert g.steps == 3
    second = g.advance(4), g.samples(8)
    assert first[0] == second[0] and np.array_equal(first[1], second[1])
    other = planar.Game(PLANE, **SMALL, **extra)
    other.restore(state)
    other.advance(4)
    assert same(other.state(), middle)


def test_change_keeps_weights_and_slots_and_changes_the_rules(game):
    start = game.state()
    plain = game.advance(5)["d_loss"]
    game.restore(start)
    game.change(loss="least_squares", penalty="r1", generator_rate=1e-4, momentum=0.9)
    assert same(game.state(), start)
    logs = game.advance(5)
    assert "penalty" in logs and logs["d_loss"] != plain
    optimizer = game.model.generator_optimizer
    assert float(optimizer.learning_rate) == pytest.approx(1e-4) and optimizer.beta_1 == 0.9
    game.change(loss="non_saturating", penalty=None, generator_rate=1e-3, momentum=0.5)
    game.restore(start)
    assert game.advance(5)["d_loss"] == plain


@pytest.mark.parametrize("loss", losses.GAN_LOSSES)
def test_the_logged_loss_is_that_of_the_rules(loss):
    """With one point as the data and rates of almost zero the loss of the batch can be computed outside."""
    g = planar.Game(np.ones((3, 2)), generator_rate=1e-12, discriminator_rate=1e-12, **SMALL)
    g.change(loss=loss)
    g.generator.layers[-1].kernel.assign(tf.zeros((8, 2)))  # all samples at the origin
    real, fake = g.logits(np.ones((16, 2))), g.logits(np.zeros((16, 2)))
    expected = losses.GAN_LOSSES[loss]
    logs = g.advance(2)
    assert logs["d_loss"] == pytest.approx(float(expected.discriminator(real, fake)), rel=1e-4)
    assert logs["g_loss"] == pytest.approx(float(expected.generator(real, fake)), rel=1e-4, abs=1e-6)


def test_a_refused_change_leaves_the_game_as_it_was(game):
    state, settings = game.state(), dict(game.settings)
    for bad in ({"loss": "best"}, {"momentum": 1.0}, {"generator_rate": 0}, {"width": 3}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            game.change(**bad)
    assert same(game.state(), state) and game.settings == settings
    game.advance(1)
    game.restore(state)


def test_a_penalty_of_packs_takes_a_pack_as_one_example():
    """For a linear D of packs of two, R1 is the squared norm of its four weights."""
    g = planar.Game(PLANE, packing=2, penalty="r1", **SMALL)
    weights = tf.constant([[1.0], [2.0], [3.0], [4.0]])
    value = g.model.penalty(lambda x: tf.reshape(x, (-1, 4)) @ weights, tf.zeros((8, 2)), tf.zeros((8, 2)), 0)
    assert float(value) == pytest.approx(30.0)


def test_unroll_is_used(game):
    state = game.state()
    losses_of = {}
    for unroll in (0, 2):
        game.change(unroll=unroll, discriminator_rate=0.05)
        game.restore(state)
        losses_of[unroll] = game.advance(3)["g_loss"]
    game.change(unroll=0, discriminator_rate=1e-3)
    game.restore(state)
    assert losses_of[0] != pytest.approx(losses_of[2], rel=1e-3)


def test_training_moves_the_samples_to_the_data():
    g = planar.Game(PLANE, generator_rate=5e-3, discriminator_rate=5e-3, penalty="r1", **SMALL)
    distances = [np.linalg.norm(g.samples(500).mean(axis=0) - PLANE.mean(axis=0))]
    g.advance(400)
    distances.append(np.linalg.norm(g.samples(500).mean(axis=0) - PLANE.mean(axis=0)))
    assert distances[1] < 0.5 * distances[0]


@pytest.mark.parametrize("loss", losses.GAN_LOSSES)
def test_arrows_are_minus_the_slope_of_each_samples_own_loss(loss):
    g = planar.Game(PLANE, loss=loss, width=8, batch=16)
    z = np.random.default_rng(0).normal(size=(5, 2))
    points, arrows = g.generator_arrows(z)
    np.testing.assert_allclose(points, g.generator(z), rtol=1e-5)
    real = g.logits(PLANE[:5])

    def loss_at(x):
        return 5 * float(losses.GAN_LOSSES[loss].generator(real, g.logits(x)))

    for i, j in [(0, 0), (2, 1), (4, 0)]:
        shift = np.zeros((5, 2))
        shift[i, j] = 3e-3
        slope = (loss_at(points + shift) - loss_at(points - shift)) / 6e-3
        assert arrows[i, j] == pytest.approx(-slope, rel=0.02, abs=2e-3)
    assert np.abs(arrows).max() > 0.02


def test_what_can_be_asked_has_the_stated_shapes():
    line, packed = planar.Game(LINE, latent_dim=1, **SMALL), planar.Game(PLANE, packing=4, **SMALL)
    assert line.samples(7).shape == (7, 1) and line.logits(LINE[:9]).shape == (9,)
    assert packed.logits(PLANE[:12]).shape == (3,)
    assert [part.shape for part in packed.generator_arrows(np.zeros((8, 2)))] == [(8, 2), (8, 2)]
    with pytest.raises(ValueError, match="points: expected a number of rows divisible by packing = 4"):
        packed.logits(PLANE[:3])
    with pytest.raises(ValueError, match="points"):
        line.logits(PLANE[:3])


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"points": np.zeros((4, 3))}, "points: expected at least one point, of shape"),
        ({"points": np.zeros(4)}, "points"),
        ({"points": np.full((4, 2), np.nan)}, "points: expected finite"),
        ({"batch": 10, "packing": 4}, "batch: expected a multiple of packing = 4"),
        ({"loss": "logistic"}, "loss"),
        ({"penalty": "r2"}, "penalty"),
        ({"penalty": "r2", "packing": 2}, "penalty"),
        ({"momentum": 1.0}, "momentum"),
        ({"discriminator_rate": -1e-3}, "discriminator_rate"),
        ({"unroll": -1}, "unroll"),
        ({"seed": 0.5}, "seed"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        planar.Game(**({"points": PLANE} | SMALL | arguments))


def test_a_state_of_other_networks_is_refused(game):
    with pytest.raises(ValueError, match="state: expected"):
        game.restore(planar.Game(LINE, **SMALL).state())
    with pytest.raises(ValueError, match="steps"):
        game.advance(0)
