"""Likelihoods, GAN losses and penalties against closed forms, quadrature and degenerate inputs."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate, stats

from course_lib import losses

LN2 = np.log(2.0)


def rows(*values):
    return np.array(values, np.float32).reshape(len(values), 1)


# --- Likelihoods -----------------------------------------------------------------------------


def test_bernoulli_nll_is_summed_over_pixels_in_nats():
    x = np.full((3, 4, 4, 1), 0.5, np.float32)
    np.testing.assert_allclose(losses.bernoulli_nll(x, np.zeros_like(x)), 16 * LN2, rtol=1e-6)


def test_bernoulli_nll_is_finite_for_extreme_logits():
    nll = losses.bernoulli_nll(rows(1.0, 0.0), rows(-200.0, 200.0))
    np.testing.assert_allclose(nll, [200, 200], rtol=1e-6)


@pytest.mark.parametrize("logit", [-20.0, -3.0, -0.02, -0.005, 0.0, 0.005, 0.02, 3.0, 20.0])
def test_continuous_bernoulli_is_a_density_with_the_stated_mean(logit):
    def density(x):
        return float(np.exp(-losses.continuous_bernoulli_nll(np.array([[x]]), np.array([[logit]]))[0]))

    total, _ = integrate.quad(density, 0, 1)
    mean, _ = integrate.quad(lambda x: x * density(x), 0, 1)
    assert total == pytest.approx(1, abs=1e-6)
    assert float(losses.continuous_bernoulli_mean(np.array([logit]))[0]) == pytest.approx(mean, abs=1e-6)


def test_bernoulli_is_not_a_density_on_the_unit_interval():
    total, _ = integrate.quad(lambda x: float(np.exp(-losses.bernoulli_nll(rows(x), rows(0.0))[0])), 0, 1)
    assert total == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("near_zero", [0.0, 1e-3, 0.0099, 0.0101])
def test_continuous_bernoulli_gradient_is_finite_and_smooth_near_zero(near_zero):
    logits = tf.constant([[near_zero]], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        nll = losses.continuous_bernoulli_nll(tf.constant([[0.3]], tf.float64), logits)
    # d/da [-a x + log(1+e^a) - log(a / tanh(a/2))] = mean(a) - x
    expected = float(losses.continuous_bernoulli_mean(logits)[0, 0]) - 0.3
    assert float(tape.gradient(nll, logits)[0, 0]) == pytest.approx(expected, abs=1e-7)


def test_gaussian_nll_agrees_with_scipy():
    rng = np.random.default_rng(0)
    x, mean = rng.normal(size=(2, 5, 3, 3, 2))
    logvar = np.log(0.3)
    expected = -stats.norm(mean, np.sqrt(0.3)).logpdf(x).sum((1, 2, 3))
    np.testing.assert_allclose(losses.gaussian_nll(x, mean, logvar), expected, rtol=1e-10)


def test_best_variance_is_the_mean_squared_error():
    x, mean = np.random.default_rng(1).normal(size=(2, 4, 50))
    logvar = tf.Variable(np.log(np.mean((x - mean) ** 2)))
    with tf.GradientTape() as tape:
        nll = tf.reduce_mean(losses.gaussian_nll(x, mean, logvar))
    assert float(tape.gradient(nll, logvar)) == pytest.approx(0, abs=1e-10)


def test_likelihoods_refuse_wrong_range_shape_and_type():
    with pytest.raises(ValueError, match=r"x: expected values in \[0, 1\].*-1"):
        losses.bernoulli_nll(rows(-1.0), rows(0.0))
    with pytest.raises(ValueError, match="logits: expected the shape of x"):
        losses.bernoulli_nll(np.zeros((2, 3), np.float32), np.zeros((2, 4), np.float32))
    with pytest.raises(ValueError, match="x: expected floating-point"):
        losses.gaussian_nll(np.zeros((2, 3), np.uint8), np.zeros((2, 3), np.float32), 0.0)


def test_iwae_bound_equals_the_log_of_the_mean_and_grows_with_k():
    log_w = np.random.default_rng(2).normal(-900, 3, (64, 200))
    bound = losses.iwae_bound(log_w, axis=0)
    np.testing.assert_allclose(bound, 900 * -1 + np.log(np.exp(log_w + 900).mean(0)), rtol=1e-12)
    averages = [float(tf.reduce_mean(losses.iwae_bound(log_w.reshape(k, -1), axis=0))) for k in (1, 8, 64)]
    assert averages[0] < averages[1] < averages[2]
    np.testing.assert_allclose(losses.iwae_bound(log_w[:1], axis=0), log_w[0])


def test_elbo_is_the_difference_of_its_terms():
    np.testing.assert_allclose(losses.elbo(np.array([-3.0, -5.0]), np.array([1.0, 2.0])), [-4, -7])
    with pytest.raises(ValueError, match="kl"):
        losses.elbo(np.zeros(3), np.zeros(2))


# --- GAN losses ------------------------------------------------------------------------------

UNDECIDED = {
    "minimax": (2 * LN2, -LN2),
    "non_saturating": (2 * LN2, LN2),
    "least_squares": (0.5, 0.5),
    "hinge": (2.0, 0.0),
    "wasserstein": (0.0, 0.0),
    "relativistic": (LN2, LN2),
}


def test_every_named_loss_has_a_known_value_at_zero_logits():
    assert set(losses.GAN_LOSSES) == set(UNDECIDED)
    zero = tf.zeros((8, 1))
    for name, (d, g) in UNDECIDED.items():
        loss = losses.GAN_LOSSES[name]
        assert float(loss.discriminator(zero, zero)) == pytest.approx(d, abs=1e-6), name
        assert float(loss.generator(zero, zero)) == pytest.approx(g, abs=1e-6), name


@pytest.mark.parametrize("name", losses.GAN_LOSSES)
def test_signs_point_the_right_way(name):
    loss = losses.GAN_LOSSES[name]
    real, fake = tf.Variable([[0.2]]), tf.Variable([[0.1]])
    with tf.GradientTape(persistent=True) as tape:
        d, g = loss.discriminator(real, fake), loss.generator(real, fake)
    assert tape.gradient(d, real)[0, 0] < 0 < tape.gradient(d, fake)[0, 0]
    assert tape.gradient(g, fake)[0, 0] < 0


def test_saturating_and_non_saturating_gradients_have_the_ratio_of_the_derivation():
    logit = tf.Variable([[float(np.log(0.01 / 0.99))]])  # D = 0.01
    with tf.GradientTape(persistent=True) as tape:
        saturating = losses.GAN_LOSSES["minimax"].generator(logit, logit)
        non_saturating = losses.GAN_LOSSES["non_saturating"].generator(logit, logit)
    ratio = tape.gradient(non_saturating, logit) / tape.gradient(saturating, logit)
    assert float(ratio[0, 0]) == pytest.approx(99, rel=1e-4)


# --- Penalties -------------------------------------------------------------------------------


@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0, 3.0])
def test_gradient_penalty_of_a_linear_critic_is_known(slope):
    weights = np.zeros((4 * 4 * 1, 1), np.float32)
    weights[3] = slope

    def critic(x):
        return tf.reshape(x, (-1, 16)) @ weights

    real, fake = np.random.default_rng(0).normal(size=(2, 6, 4, 4, 1)).astype(np.float32)
    assert float(losses.gradient_penalty(critic, real, fake, seed=1)) == pytest.approx((slope - 1) ** 2, abs=1e-5)
    assert float(losses.r1_penalty(critic, real)) == pytest.approx(slope**2, abs=1e-5)


def test_one_alpha_per_example():
    seen = []

    def critic(x):
        seen.append(x.numpy())
        return tf.reduce_sum(x, axis=(1, 2, 3))

    losses.gradient_penalty(critic, np.zeros((5, 4, 4, 3), np.float32), np.ones((5, 4, 4, 3), np.float32), seed=3)
    alphas = seen[0].reshape(5, -1)
    assert np.ptp(alphas, axis=1).max() == 0, "α must not vary within an image"
    assert len(np.unique(alphas[:, 0])) == 5, "α must vary between images"
    assert alphas.min() >= 0
    assert alphas.max() <= 1


def test_penalty_gradients_are_finite_where_the_critic_is_flat():
    scale = tf.Variable(0.0)
    with tf.GradientTape() as tape:
        penalty = losses.gradient_penalty(
            lambda x: scale * tf.reduce_sum(x, axis=1), tf.zeros((3, 2)), tf.ones((3, 2)), seed=0
        )
    assert float(penalty) == pytest.approx(1, abs=1e-5)
    assert np.isfinite(tape.gradient(penalty, scale))


def test_a_constant_critic_is_penalised_not_crashed():
    real = tf.ones((3, 2))
    assert float(losses.r1_penalty(lambda x: tf.zeros((3, 1)), real)) == 0


def test_penalty_reaches_the_weights_as_finite_differences_say():
    keras.utils.set_random_seed(0)
    critic = keras.Sequential([keras.Input((3,)), keras.layers.Dense(5, activation="tanh"), keras.layers.Dense(1)])
    real = tf.random.stateless_normal((7, 3), (1, 2))
    kernel = critic.layers[0].kernel
    with tf.GradientTape() as tape:
        penalty = losses.r1_penalty(critic, real)
    slope = tape.gradient(penalty, kernel)[0, 0]
    before = kernel.numpy()
    values = []
    for shift in (1e-2, -1e-2):
        moved = before.copy()
        moved[0, 0] += shift
        kernel.assign(moved)
        values.append(float(losses.r1_penalty(critic, real)))
    assert float(slope) == pytest.approx((values[0] - values[1]) / 2e-2, rel=2e-2)


def test_penalty_refuses_pairs_of_different_shape():
    with pytest.raises(ValueError, match="fake: expected the shape of real"):
        losses.gradient_penalty(lambda x: x, tf.zeros((3, 2)), tf.zeros((3, 4)))


# --- Style -----------------------------------------------------------------------------------


def test_gram_is_independent_of_size_and_equals_the_kernel_sum():
    rng = np.random.default_rng(0)
    small = rng.normal(size=(2, 3, 4, 5)).astype(np.float32)
    np.testing.assert_allclose(losses.gram(np.tile(small, (1, 2, 2, 1))), losses.gram(small), rtol=1e-5)
    other = rng.normal(size=small.shape).astype(np.float32)
    f, s = small.reshape(2, 12, 5), other.reshape(2, 12, 5)

    def kernel(a, b):  # the polynomial kernel (x·y)² averaged over all pairs of positions: Li et al. 2017
        return (np.einsum("npc,nqc->npq", a, b) ** 2).mean((1, 2))

    mmd = kernel(f, f) + kernel(s, s) - 2 * kernel(f, s)
    difference = tf.reduce_sum((losses.gram(small) - losses.gram(other)) ** 2, axis=(1, 2))
    np.testing.assert_allclose(difference, mmd, rtol=1e-4)
    assert float(losses.style_loss(small, other)) == pytest.approx(mmd.mean() / 25, rel=1e-4)


def test_style_ignores_positions_and_content_does_not():
    features = np.random.default_rng(1).normal(size=(1, 4, 4, 3)).astype(np.float32)
    flipped = features[:, ::-1]
    assert float(losses.style_loss(features, flipped)) == pytest.approx(0, abs=1e-9)
    assert float(losses.content_loss(features, flipped)) > 0.1
    with pytest.raises(ValueError, match="features"):
        losses.gram(features[0])
