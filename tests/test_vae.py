"""The VAE model: its loss in nats, likelihoods, resume, precision, bad input."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from course_lib import losses, nets, vae
from course_lib._training import TrainingDiverged
from course_lib.divergences import kl_to_standard_normal

SHAPE = (8, 8, 1)


def images(n=32, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (n, *SHAPE)).astype(np.float32)


def make(likelihood="bernoulli", beta=1.0, rate=1e-3, optimizer=keras.optimizers.Adam, jit_compile=False, cls=vae.VAE):
    keras.utils.set_random_seed(0)
    model = cls(nets.conv_encoder(SHAPE, 3, 4), nets.conv_decoder(SHAPE, 3, 4), likelihood=likelihood, beta=beta)
    model.compile(optimizer(rate), jit_compile=jit_compile)
    return model


@pytest.mark.parametrize("likelihood", vae.LIKELIHOODS)
def test_logged_loss_is_reconstruction_plus_beta_kl_in_nats_per_image(likelihood):
    model = make(likelihood, beta=3.0)
    logs = model.evaluate(images(), verbose=0, return_dict=True)
    assert logs["loss"] == pytest.approx(logs["reconstruction"] + 3 * logs["kl"], rel=1e-5)
    mean, logvar = model.encode(images())
    assert logs["kl"] == pytest.approx(float(np.mean(kl_to_standard_normal(mean, logvar))), rel=1e-4)


def test_reconstruction_is_the_sum_over_pixels():
    model = make()
    model.decoder.set_weights([np.zeros_like(w) for w in model.decoder.get_weights()])  # logits 0: p = ½ everywhere
    logs = model.evaluate(images(), verbose=0, return_dict=True)
    assert logs["reconstruction"] == pytest.approx(64 * np.log(2), rel=1e-5)


def test_beta_zero_ignores_the_kl():
    model = make(beta=0.0)
    logs = model.evaluate(images(), verbose=0, return_dict=True)
    assert logs["kl"] > 0
    assert logs["loss"] == pytest.approx(logs["reconstruction"], rel=1e-6)


def test_training_lowers_the_loss():
    model = make(rate=1e-2)
    x = np.where(images(64) > 0, 0.9, -0.9) * np.sign(images(1, seed=9))  # one pattern with random signs
    history = model.fit(x.astype(np.float32), epochs=15, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]


def test_learned_variance_goes_to_the_mean_squared_error():
    model = make("gaussian", rate=3e-2)
    x = np.zeros((64, *SHAPE), np.float32) + 0.1 * images(64)
    x[0, 0, 0, 0] = -1  # images in [-1, 1] that are nearly constant
    model.fit(x, epochs=150, verbose=0)
    error = float(np.mean((model(x)[0] - x) ** 2))
    assert np.exp(float(model.logvar)) == pytest.approx(error, rel=0.35)


def test_reparameterised_sample_has_the_posteriors_moments_and_gradient():
    model = make()
    mean = tf.Variable(tf.fill((20_000, 1), 2.0))
    logvar = tf.Variable(tf.fill((20_000, 1), float(np.log(0.25))))
    with tf.GradientTape() as tape:
        z = model.sample_posterior(mean, logvar)
    assert float(tf.reduce_mean(z)) == pytest.approx(2, abs=4 * 0.5 / np.sqrt(20_000))
    assert float(tf.math.reduce_std(z)) == pytest.approx(0.5, abs=0.02)
    np.testing.assert_allclose(tape.gradient(z, mean), 1)


@pytest.mark.parametrize("likelihood", vae.LIKELIHOODS)
def test_decoded_images_are_in_range_and_seeded(likelihood):
    model = make(likelihood)
    a = model.sample(6, seed=3)
    assert a.shape == (6, *SHAPE)
    assert np.abs(a).max() <= 1
    assert np.array_equal(a, model.sample(6, seed=3))
    assert not np.array_equal(a, model.sample(6, seed=4))


def test_a_variant_overrides_one_method():
    class WithoutKL(vae.VAE):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return tf.reduce_mean(self.negative_log_likelihood(x, y_pred[0]))

    history = make(cls=WithoutKL).fit(images(), epochs=1, verbose=0).history
    assert np.isfinite(history["loss"]).all()


def test_same_seed_same_pictures():
    def pictures():
        model = make()
        model.fit(images(), epochs=2, batch_size=8, verbose=0)
        return model.sample(3, seed=5)

    # Threads add up the sums of a gradient in any order, and training magnifies the last digits.
    np.testing.assert_allclose(pictures(), pictures(), atol=1e-3)


def test_save_and_load_restores_weights_and_optimizer(tmp_path):
    model = make("gaussian", beta=2.0)
    model.fit(images(), batch_size=8, epochs=2, verbose=0)
    model.save(tmp_path / "vae.keras")
    loaded = keras.models.load_model(tmp_path / "vae.keras")
    assert (loaded.likelihood, loaded.beta) == ("gaussian", 2.0)
    for old, new in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(old, new)
    assert int(loaded.optimizer.iterations) == 8
    for old, new in zip(model.optimizer.variables, loaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(old, new)


def test_training_resumes_after_a_kill(tmp_path):
    class Kill(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    def backup():
        return keras.callbacks.BackupAndRestore(str(tmp_path))

    with pytest.raises(KeyboardInterrupt):
        make().fit(images(), batch_size=8, epochs=3, callbacks=[backup(), Kill()], verbose=0)
    second = make()
    assert second.fit(images(), batch_size=8, epochs=3, callbacks=[backup()], verbose=0).epoch == [1, 2]
    assert int(second.optimizer.iterations) == 12


def test_xla_compiles_and_agrees(monkeypatch):
    # XLA draws other random numbers from the same seed, so both runs use the posterior's mean.
    monkeypatch.setattr(vae.VAE, "sample_posterior", lambda self, mean, logvar: mean)
    runs = []
    for jit in (False, True):
        model = make("continuous_bernoulli", optimizer=keras.optimizers.SGD, rate=1e-4, jit_compile=jit)
        runs.append(model.fit(images(), epochs=2, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(runs[0], runs[1], rtol=1e-4)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_trains_with_finite_losses(policy):
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy(policy)
    try:
        model = make()
        history = model.fit(images(), epochs=2, batch_size=8, verbose=0).history
    finally:
        keras.mixed_precision.set_dtype_policy(before)
    assert np.isfinite(list(history.values())).all()
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer) == (policy == "mixed_float16")
    assert model.sample(1).dtype == tf.float32


def test_no_hidden_dependence_between_the_two_likelihood_scales():
    """The Bernoulli likelihoods see (x + 1) / 2, the Gaussian sees x itself."""
    model = make()
    x, output = images(4), np.random.default_rng(1).normal(size=(4, *SHAPE)).astype(np.float32)
    np.testing.assert_allclose(
        model.negative_log_likelihood(x, output), losses.bernoulli_nll((x + 1) / 2, output), rtol=1e-6
    )


@pytest.mark.parametrize(
    ("x", "message"),
    [(images() + 1.0, r"\[0, 1\]|\[0, 255\]"), ((images() * 127 + 128).astype(np.uint8), r"\[0, 255\] images")],
)
def test_wrong_images_are_refused_before_training(x, message):
    model = make()
    with pytest.raises(ValueError, match=message):
        model.fit(x, epochs=1, verbose=0)
    assert int(model.optimizer.iterations) == 0


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="likelihood: expected one of 'bernoulli'"):
        make("poisson")
    with pytest.raises(ValueError, match="beta: expected a finite number of at least 0"):
        make(beta=-1)
    with pytest.raises(ValueError, match="decoder: expected a model of z"):
        vae.VAE(nets.conv_encoder(SHAPE, 3, 4), nets.conv_decoder(SHAPE, 4, 4))
    with pytest.raises(ValueError, match="encoder: expected two outputs"):
        vae.VAE(nets.dcgan_discriminator(SHAPE, 4), nets.conv_decoder(SHAPE, 4, 4))
    with pytest.raises(ValueError, match="encoder's image shape"):
        vae.VAE(nets.conv_encoder(SHAPE, 3, 4), nets.conv_decoder((12, 12, 1), 3, 4))


def test_nan_stops_and_keeps_the_last_good_weights():
    model = make("gaussian", rate=1e30, optimizer=keras.optimizers.SGD)
    with pytest.raises(TrainingDiverged, match="loss.* at step .*optimizer has learning rate"):
        model.fit(images(), epochs=5, batch_size=8, verbose=0)
    assert all(np.isfinite(w).all() for w in model.get_weights())
