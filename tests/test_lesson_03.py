"""The derivations of lesson 03, each against something independent; the notebook's VAE against the library's."""

import json

import keras
import numpy as np
import pytest
import record_lesson_03
import tensorflow as tf
from keras import layers
from lesson_code import definitions

from course_lib import _assets, divergences, losses, nets, vae

D = 784


@pytest.fixture(scope="module")
def lesson():
    """Definitions of the lesson."""
    wanted = {"kl_divergence", "reparameterise", "bernoulli_nll", "to_image", "TeachingVAE", "MeanOverPixels"}
    wanted |= {"LOSSES", "weights_of", "make_encoder", "make_decoder"}
    space = {"np": np, "tf": tf, "keras": keras, "layers": layers, "D": D, "rng": np.random.default_rng(0)}
    return definitions("03_building_a_vae", wanted, space)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).uniform(-1, 1, (6, 28, 28, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def networks(lesson):
    keras.utils.set_random_seed(0)
    return lesson["make_encoder"](3, width=2), lesson["make_decoder"](3, width=2)


def step(model, x):
    """Return the loss of a model on x and its gradients for both networks."""
    with tf.GradientTape() as tape:
        loss = model.compute_loss(x=tf.constant(x), y_pred=model(x, training=True))
    return loss, tape.gradient(loss, model.encoder.trainable_variables + model.decoder.trainable_variables)


def integral(density, low, high):
    """Return the integral of a function of an array by Simpson's rule on 20,001 points."""
    x = np.linspace(low, high, 20_001)
    weights = np.full(len(x), 2.0)
    weights[1::2], weights[[0, -1]] = 4.0, 1.0
    return np.sum(weights * density(x)) * (x[1] - x[0]) / 3


# --- The two terms -----------------------------------------------------------------------------


def test_elbo_and_posterior_gap_add_up_to_the_log_evidence():
    w, noise, x, m, s = 1.3, 0.6, 0.9, 0.2, 0.7  # p(x|z) = N(wz, noise²), q = N(m, s²): all in closed form
    evidence = -0.5 * (np.log(2 * np.pi * (w**2 + noise**2)) + x**2 / (w**2 + noise**2))
    likelihood = -0.5 * (np.log(2 * np.pi * noise**2) + ((x - w * m) ** 2 + w**2 * s**2) / noise**2)
    elbo = likelihood - divergences.kl_to_standard_normal([[m]], [[2 * np.log(s)]])[0]
    variance = 1 / (1 + w**2 / noise**2)
    posterior = [variance * w * x / noise**2], [[variance]]
    assert elbo < evidence
    assert np.isclose(elbo + divergences.kl_gaussians([m], [[s**2]], *posterior), evidence)


@pytest.mark.parametrize(("mean", "logvar"), [(0.0, 0.0), (1.5, -2.0), (-0.3, 1.2)])
def test_kl_closed_form_equals_quadrature(lesson, mean, logvar):
    def integrand(z):
        log_q = -0.5 * (np.log(2 * np.pi) + logvar + (z - mean) ** 2 / np.exp(logvar))
        return np.exp(log_q) * (log_q + 0.5 * (np.log(2 * np.pi) + z**2))

    closed = lesson["kl_divergence"](np.array([[mean]]), np.array([[logvar]]))[0]
    assert np.isclose(closed, integral(integrand, -25, 25), atol=1e-8)


def test_kl_of_the_notebook_sums_over_latent_variables_as_the_library_does(lesson):
    mean, logvar = np.random.default_rng(1).normal(size=(2, 5, 4))
    assert np.allclose(lesson["kl_divergence"](mean, logvar), divergences.kl_to_standard_normal(mean, logvar))


def test_reparameterised_draws_have_the_right_moments_and_gradients(lesson):
    n = 40_000
    mean, logvar = tf.fill((n, 1), 0.5), tf.fill((n, 1), -1.0)
    noise = np.random.default_rng(0).standard_normal((n, 1)).astype(np.float32)
    with tf.GradientTape() as tape:
        tape.watch([mean, logvar])
        z = lesson["reparameterise"](mean, logvar, noise)
        value = z**3
    assert abs(np.mean(z) - 0.5) < 4 * np.exp(-0.5) / np.sqrt(n)
    # E[z³] = μ³ + 3μσ²
    for gradient, truth in zip(
        tape.gradient(value, [mean, logvar]), (3 * 0.25 + 3 * np.exp(-1), 1.5 * np.exp(-1)), strict=True
    ):
        g = gradient.numpy()
        assert abs(g.mean() - truth) < 4 * g.std() / np.sqrt(n)


def test_bernoulli_nll_from_logits_equals_its_definition_and_stays_finite(lesson, images):
    x = (images.astype(np.float64) + 1) / 2
    logits = np.random.default_rng(2).normal(size=x.shape)
    lam = 1 / (1 + np.exp(-logits))
    by_definition = -(x * np.log(lam) + (1 - x) * np.log(1 - lam)).sum(axis=(1, 2, 3))
    assert np.allclose(lesson["bernoulli_nll"](x, logits), by_definition)
    assert np.allclose(losses.bernoulli_nll(x, logits), by_definition)
    assert np.isclose(lesson["bernoulli_nll"](np.zeros((1, 1, 1, 1)), np.full((1, 1, 1, 1), 800.0))[0], 800)


# --- The model ---------------------------------------------------------------------------------


@pytest.mark.parametrize("beta", [1.0, 7.5])
def test_the_notebooks_vae_and_the_librarys_give_the_same_loss_and_gradients(lesson, networks, images, beta):
    ours, our_gradients = step(lesson["TeachingVAE"](*networks, beta=beta, seed=4), images)
    theirs, their_gradients = step(vae.VAE(*networks, beta=beta, seed=4), images)
    assert np.isclose(ours, theirs, rtol=1e-5)
    for a, b in zip(our_gradients, their_gradients, strict=True):
        assert np.allclose(a, b, rtol=1e-3, atol=1e-3)


def test_the_notebooks_vae_decodes_and_samples_as_the_library_does(lesson, networks):
    ours, theirs = lesson["TeachingVAE"](*networks), vae.VAE(*networks)
    assert np.allclose(ours.sample(3, seed=1), theirs.sample(3, seed=1), atol=1e-5)


# --- The units of the loss ---------------------------------------------------------------------


def test_a_mean_over_pixels_is_a_vae_with_beta_equal_to_the_number_of_pixels(lesson, networks, images):
    published, gradients = step(lesson["MeanOverPixels"](*networks, seed=4), images)
    with_beta, expected = step(lesson["TeachingVAE"](*networks, beta=D, seed=4), images)
    assert np.isclose(D * published, with_beta, rtol=1e-5)
    for a, b in zip(gradients, expected, strict=True):
        assert np.allclose(D * np.asarray(a), b, rtol=1e-3, atol=1e-2)


def test_at_least_five_published_losses_convert_to_the_beta_of_their_formula(lesson):
    assert len(lesson["LOSSES"]) >= 5
    for source, _, n_pixels, n_latent, loss, (formula, ratio) in lesson["LOSSES"]:
        a, b = lesson["weights_of"](loss, n_pixels, n_latent)
        said = eval(formula, {"D": n_pixels, "d": n_latent})  # what is printed is what is computed
        assert np.allclose([b / a, ratio(n_pixels, n_latent)], said), source


def test_weighted_squares_plus_kl_have_the_gradient_of_a_gaussian_with_the_implied_variance():
    x, output = tf.constant([[0.2, 0.9, 0.4]]), tf.Variable([[0.5, 0.1, 0.7]])
    mean, logvar = tf.Variable([[0.3, -0.8]]), tf.Variable([[0.1, -1.0]])
    a, b = 0.35, 1.4
    with tf.GradientTape(persistent=True) as tape:
        kl = divergences.kl_to_standard_normal(mean, logvar)
        weighted = a * tf.reduce_sum((x - output) ** 2) + b * kl
        proper = losses.gaussian_nll(x, output, np.float32(np.log(b / (2 * a)))) + kl
    for variable in (output, mean, logvar):
        assert np.allclose(tape.gradient(weighted, variable), b * tape.gradient(proper, variable), rtol=1e-5)


# --- Likelihoods -------------------------------------------------------------------------------


@pytest.mark.parametrize("logit", [-6.0, -0.5, 1e-3, 3.0])
def test_continuous_bernoulli_integrates_to_one_and_bernoulli_to_tanh(logit):
    def density(nll):
        return lambda x: np.exp(-nll(x[:, None], np.full((len(x), 1), logit)).numpy())

    assert np.isclose(integral(density(losses.bernoulli_nll), 0, 1), np.tanh(logit / 2) / logit)
    assert np.isclose(integral(density(losses.continuous_bernoulli_nll), 0, 1), 1)


def test_cross_entropy_of_a_grey_pixel_is_lowest_at_its_grey_value_and_its_floor_is_the_entropy():
    x, lam = 0.3, np.linspace(0.001, 0.999, 999)
    nll = losses.bernoulli_nll(np.full((999, 1), x), np.log(lam / (1 - lam))[:, None]).numpy()
    assert np.isclose(lam[nll.argmin()], x)
    assert np.isclose(nll.min(), -x * np.log(x) - (1 - x) * np.log(1 - x))


def test_the_best_gaussian_variance_is_the_mean_squared_error():
    errors = np.random.default_rng(3).normal(scale=0.4, size=(20, 30))
    best = np.log(np.mean(errors**2))

    def slope(value):
        logvar = tf.Variable(value, dtype="float64")
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(losses.gaussian_nll(errors, np.zeros_like(errors), logvar))
        return float(tape.gradient(loss, logvar))

    assert abs(slope(best)) < 1e-9
    assert slope(best - 0.1) < -0.1 < 0.1 < slope(best + 0.1)


# --- Rate and distortion -----------------------------------------------------------------------


def test_the_price_between_two_minima_lies_between_their_betas():
    rate, slack = np.random.default_rng(5).uniform(0, 10, (2, 4000))
    distortion = 30 / (rate + 1) + slack  # scattered above a curve, as trainings are
    best = {beta: np.argmin(distortion + beta * rate) for beta in (0.3, 1.0, 3.0)}
    for low, high in ((0.3, 1.0), (1.0, 3.0)):
        i, j = best[low], best[high]
        assert rate[i] > rate[j]
        assert low <= (distortion[j] - distortion[i]) / (rate[i] - rate[j]) <= high


@pytest.fixture(scope="module")
def record():
    card = json.loads(record_lesson_03.RECORD.with_suffix(".json").read_text(encoding="utf-8"))
    return card, _assets.read_npz("lessons/03_beta_sweep.npz", card["sha256"])


def test_the_record_holds_what_its_card_and_its_tool_say(record):
    card, arrays = record
    assert tuple(arrays["betas"]) == record_lesson_03.BETAS == tuple(card["sweep"]["beta"])
    assert card["sweep"]["seed"] == sorted({run.seed for run in record_lesson_03.SWEEP})
    assert arrays["sweep_rate"].shape == (len(arrays["betas"]), len(card["sweep"]["seed"]))
    assert {"hardware", "date", "versions", "licence", "minutes"} <= card.keys()


def test_recorded_rates_are_sums_over_units_and_pay_prices_between_their_betas(record):
    _, arrays = record
    betas, rate, distortion = arrays["betas"], arrays["sweep_rate"], arrays["sweep_distortion"]
    assert np.allclose(arrays["sweep_kl_per_unit"].sum(axis=-1), rate, rtol=1e-4)
    assert np.all(np.diff(rate, axis=0) < 1e-2)
    rate, distortion = rate.mean(axis=1), distortion.mean(axis=1)
    for k in np.flatnonzero(-np.diff(rate) > 0.01):
        price = (distortion[k + 1] - distortion[k]) / (rate[k] - rate[k + 1])
        assert betas[k] <= price <= betas[k + 1]


def test_recorded_decoders_fit_the_networks_of_the_course_and_the_last_one_ignores_its_code(record):
    _, arrays = record
    network = nets.conv_decoder((28, 28, 1), latent_dim=2, width=record_lesson_03.WIDTH)
    keys = sorted(key for key in arrays if key.startswith("dial_decoder_"))
    z = np.random.default_rng(0).standard_normal((50, 2)).astype(np.float32)
    spread = []
    for k in (0, -1):
        network.set_weights([arrays[key][k] for key in keys])
        spread.append(float(np.std(np.tanh(network(z).numpy() / 2), axis=0).mean()))
    assert spread[1] < 0.1 * spread[0]
