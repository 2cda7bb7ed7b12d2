"""Conditional networks, GAN and VAE: what a condition reaches, who moves, pairs, resume, precision, bad input."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from course_lib import gan, losses, nets, vae
from course_lib._conditional import ConditionalBatchNorm, ConditionalScale
from course_lib.divergences import kl_to_standard_normal

SHAPE, K, D = (8, 8, 1), 3, 4


def pairs(n=32, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, (n, *SHAPE)).astype(np.float32), np.eye(K, dtype=np.float32)[rng.integers(0, K, n)]


# Small models take their few steps eagerly: tracing a graph would take longer than the steps.
def make_gan(optimizer=keras.optimizers.Adam, rate=1e-3, eager=True, **kwargs):
    keras.utils.set_random_seed(0)
    generator = nets.conditional_generator(SHAPE, D, K, width=4)
    model = gan.ConditionalGAN(generator, nets.projection_discriminator(SHAPE, K, width=4), **kwargs)
    model.compile(optimizer(rate), optimizer(rate), run_eagerly=eager)
    return model


def make_vae(likelihood="gaussian", rate=1e-3, beta=1.0, eager=True):
    keras.utils.set_random_seed(0)
    encoder = nets.conditional_encoder(SHAPE, D, K, width=4)
    model = vae.ConditionalVAE(encoder, nets.conditional_decoder(SHAPE, D, K, width=4), likelihood, beta)
    model.compile(keras.optimizers.Adam(rate), run_eagerly=eager)
    return model


def copy(network):
    return [w.numpy().copy() for w in network.trainable_variables]


def moved(network, before):
    return [not np.array_equal(w.numpy(), old) for w, old in zip(network.trainable_variables, before, strict=True)]


# --- Networks --------------------------------------------------------------------------------


def test_conditional_batchnorm_starts_plain_and_then_scales_each_example_by_its_condition():
    rng = np.random.default_rng(0)
    x, c = rng.normal(3, 2, (64, 2, 2, 1)).astype(np.float32), np.eye(2, dtype=np.float32)[[0, 1] * 32]
    layer = ConditionalBatchNorm()
    plain = layer([x, c], training=True).numpy()
    np.testing.assert_allclose([plain.mean(), plain.std()], [0, 1], atol=2e-3)
    layer.kernel.assign([[0.0, 5.0], [1.0, -1.0]])  # scale and shift of the one channel, for each condition
    told = layer([x, c], training=True).numpy()
    np.testing.assert_allclose(told[::2], plain[::2] + 5, atol=1e-5)
    np.testing.assert_allclose(told[1::2], 2 * plain[1::2] - 1, atol=1e-5)


def test_conditional_scale_starts_as_the_identity_and_then_scales_and_shifts_each_channel():
    x = np.random.default_rng(0).normal(size=(2, 2, 2, 2)).astype(np.float32)
    layer = ConditionalScale()
    np.testing.assert_array_equal(layer([x, np.eye(2, dtype=np.float32)]), x)
    layer.kernel.assign([[1.0, 0.0, 0.0, 5.0], [0.0, -1.0, 3.0, 0.0]])  # scales of both channels, then shifts
    told = layer([x, np.eye(2, dtype=np.float32)]).numpy()
    np.testing.assert_allclose(told[0], x[0] * [2, 1] + [0, 5], rtol=1e-6)
    np.testing.assert_allclose(told[1], x[1] * [1, 0] + [3, 0], rtol=1e-6)


def test_the_projection_is_linear_in_the_condition_and_absent_at_first():
    keras.utils.set_random_seed(0)
    judge = nets.projection_discriminator(SHAPE, K, width=4)
    x, _ = pairs(5)
    none, everything = np.zeros((5, K), np.float32), np.ones((5, K), np.float32)
    np.testing.assert_array_equal(judge([x, none]), judge([x, everything]))
    layer = judge.get_layer("projection")
    layer.kernel.assign(np.random.default_rng(1).normal(size=layer.kernel.shape))
    start = judge([x, none]).numpy()
    singles = [judge([x, np.tile(row, (5, 1))]).numpy() - start for row in np.eye(K, dtype=np.float32)]
    assert min(np.abs(single).max() for single in singles) > 0.01
    np.testing.assert_allclose(judge([x, everything]).numpy() - start, sum(singles), atol=1e-4)


@pytest.mark.parametrize("shape", [(28, 28, 1), (16, 8, 3)])
def test_networks_have_the_stated_shapes_and_names_of_wrong_arguments(shape):
    generator, judge = nets.conditional_generator(shape, 5, 7, 2), nets.projection_discriminator(shape, 7, 2)
    z, c = np.zeros((3, 5), np.float32), np.zeros((3, 7), np.float32)
    images = generator([z, c])
    assert images.shape == (3, *shape) and judge([images.numpy(), c]).shape == (3, 1)
    mean, logvar = nets.conditional_encoder(shape, 5, 7, 2)([images.numpy(), c])
    assert mean.shape == logvar.shape == (3, 5)
    assert nets.conditional_decoder(shape, 5, 7, 2)([z, c]).shape == (3, *shape)
    with pytest.raises(ValueError, match="image_shape"):
        nets.conditional_generator((30, 30, 1), 5, 7)
    with pytest.raises(ValueError, match="image_shape"):
        nets.projection_discriminator((30, 30, 1), 7)


def test_last_layers_are_float32_under_mixed_precision_and_a_clone_agrees():
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        generator, judge = nets.conditional_generator(SHAPE, D, K, 4), nets.projection_discriminator(SHAPE, K, 4)
    finally:
        keras.mixed_precision.set_dtype_policy(before)
    z, c = np.random.default_rng(1).normal(size=(4, D)).astype(np.float32), pairs(4)[1]
    images = generator([z, c])
    assert images.dtype == judge([images, tf.constant(c)]).dtype == tf.float32
    twin = keras.models.clone_model(generator)
    twin.set_weights(generator.get_weights())
    np.testing.assert_array_equal(twin([z, c]), images)


# --- GAN -------------------------------------------------------------------------------------


def test_each_step_moves_one_network_with_its_part_of_the_condition():
    model = make_gan()
    x, c = map(tf.constant, pairs())
    model.discriminator.get_layer("projection").kernel.assign_add(
        tf.ones(model.discriminator.get_layer("projection").kernel.shape)
    )
    g, d = copy(model.generator), copy(model.discriminator)
    model.discriminator_step(x, c)
    assert not any(moved(model.generator, g)) and all(moved(model.discriminator, d))
    d = copy(model.discriminator)
    model.generator_step(x, c)
    assert all(moved(model.generator, g)) and not any(moved(model.discriminator, d))


def test_fakes_are_made_and_judged_with_the_conditions_of_the_real_images():
    seen = []

    class Spy(losses.Relativistic):
        def discriminator(self, real_logits, fake_logits):
            seen.append((real_logits.numpy(), fake_logits.numpy()))
            return super().discriminator(real_logits, fake_logits)

    model = make_gan(loss=Spy())
    x, c = pairs()
    # A game of which the outcome is known: pictures are tanh(±10) by condition, the judge says how well both agree.
    z, told, image = keras.Input((D,)), keras.Input((K,)), keras.Input(SHAPE)
    flat = keras.layers.Dense(64, use_bias=False)
    idle = keras.layers.Dense(64, use_bias=False, kernel_initializer="zeros")(z)  # Keras 3.13 wants every input used
    picture = keras.layers.Reshape(SHAPE)(keras.layers.Activation("tanh")(keras.layers.Add()([flat(told), idle])))
    sign = keras.layers.Dense(1, use_bias=False)
    logits = keras.layers.Multiply()([keras.layers.GlobalAveragePooling2D()(image), sign(told)])
    model.generator, model.discriminator = keras.Model([z, told], picture), keras.Model([image, told], logits)
    flat.kernel.assign(np.tile([[10.0], [-10.0], [10.0]], (1, 64)))
    sign.kernel.assign([[1.0], [-1.0], [1.0]])
    signs = c @ np.array([[1.0], [-1.0], [1.0]], np.float32)
    model.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0))
    model.discriminator_step(tf.constant(x), tf.constant(c))
    real, fake = seen[0]
    np.testing.assert_allclose(fake, np.ones((32, 1)), atol=1e-5)
    np.testing.assert_allclose(real, x.mean(axis=(1, 2)) * signs, atol=1e-5)


@pytest.mark.parametrize("penalty", ["r1", "r1_r2", "gradient_penalty"])
def test_penalties_are_those_of_the_critic_with_its_condition_held_still(penalty):
    model = make_gan(penalty=penalty, penalty_weight=1.0)
    kernel = model.discriminator.get_layer("projection").kernel
    kernel.assign(np.random.default_rng(1).normal(size=kernel.shape))
    (x, c), (fake, _) = pairs(), pairs(seed=1)
    x, c, fake = tf.constant(x), tf.constant(c), tf.constant(fake)
    for condition in (c, c[::-1]):

        def critic(images, told=condition):
            return model.discriminator([tf.convert_to_tensor(images), told])

        expected = gan.PENALTIES[penalty](critic, x, fake, keras.random.SeedGenerator(0))
        model.noise = keras.random.SeedGenerator(0)
        assert float(model._lazy_penalty(x, fake, condition)) == pytest.approx(float(expected), rel=1e-4)


def test_training_is_seeded_averaged_and_learns_what_was_asked():
    def trained(epochs, **given):
        model = make_gan(rate=5e-3, loss="relativistic", penalty="r1_r2", penalty_every=2, ema=0.9, **given)
        codes = np.tile([0, 1, 2], 32)
        x = np.broadcast_to(np.array([-0.9, 0.0, 0.9])[codes][:, None, None, None], (96, *SHAPE)).astype(np.float32)
        model.fit(x, np.eye(K, dtype=np.float32)[codes], batch_size=16, epochs=epochs, verbose=0)
        return model

    model = trained(25, eager=False)
    levels = model.sample(np.repeat(np.eye(K, dtype=np.float32), 8, axis=0), seed=1).numpy().mean(axis=(1, 2, 3))
    low, middle, high = levels.reshape(3, 8).mean(axis=1)
    assert low < -0.4 and abs(middle) < 0.4 and high > 0.4
    c = np.eye(K, dtype=np.float32)
    np.testing.assert_array_equal(*(trained(1).sample(c, seed=2) for _ in range(2)))
    assert not np.array_equal(model.sample(c, seed=2), model.sample(c, seed=3))
    assert not np.array_equal(model.sample(c, seed=2), model.sample(c, seed=2, ema=False))
    z = np.zeros((K, D), np.float32)
    np.testing.assert_array_equal(model([z, c]), model.generator([z, c]))


def test_a_dataset_of_pairs_trains_as_arrays_do():
    x, c = pairs()
    dataset = tf.data.Dataset.from_tensor_slices((x, c)).batch(8)
    first, second = make_gan(), make_gan()
    first.fit(dataset, epochs=1, shuffle=False, verbose=0)
    second.fit(x, c, batch_size=8, shuffle=False, epochs=1, verbose=0)
    for a, b in zip(first.generator.weights, second.generator.weights, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("make", [make_gan, make_vae])
def test_save_load_and_resume(make, tmp_path):
    class Kill(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    def backup():
        return keras.callbacks.BackupAndRestore(str(tmp_path / "backup"))

    x, c = pairs()
    with pytest.raises(KeyboardInterrupt):
        make().fit(x, c, batch_size=8, epochs=3, callbacks=[backup(), Kill()], verbose=0)
    model = make()
    assert model.fit(x, c, batch_size=8, epochs=3, callbacks=[backup()], verbose=0).epoch == [1, 2]
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded) is type(model)
    np.testing.assert_array_equal(loaded.sample(c, seed=4), model.sample(c, seed=4))
    loaded.run_eagerly = True
    loaded.fit(x, c, batch_size=8, epochs=1, verbose=0)
    optimizer = loaded.optimizer or loaded.generator_optimizer
    assert int(optimizer.iterations) == 16


@pytest.mark.parametrize("make", [make_gan, make_vae])
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_trains_with_finite_losses(make, policy):
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy(policy)
    try:
        model = make(penalty="r1_r2", penalty_every=2) if make is make_gan else make()
        history = model.fit(*pairs(), batch_size=8, epochs=2, verbose=0).history
    finally:
        keras.mixed_precision.set_dtype_policy(before)
    assert np.isfinite(list(history.values())).all()
    assert model.sample(np.eye(K)).dtype == tf.float32


# --- VAE -------------------------------------------------------------------------------------


@pytest.mark.parametrize("likelihood", vae.LIKELIHOODS)
def test_the_loss_is_the_conditional_elbo_in_nats(likelihood):
    model = make_vae(likelihood, beta=2.0)
    x, c = pairs()
    logs = model.evaluate(x, c, verbose=0, return_dict=True)
    mean, logvar = model.encode(x, c)
    assert logs["loss"] == pytest.approx(logs["reconstruction"] + 2 * logs["kl"], rel=1e-5)
    assert logs["kl"] == pytest.approx(float(np.mean(kl_to_standard_normal(mean, logvar))), rel=1e-4)
    validated = model.fit(x, c, epochs=1, verbose=0, validation_data=(x, c)).history
    assert {"loss", "kl", "reconstruction", "val_loss", "val_kl"} <= set(validated)


def test_z_keeps_what_the_condition_leaves_open():
    """Pictures are determined by c: a conditional VAE then needs no z, where a plain one must spend ln 3 nats."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, K, 192)
    patterns = rng.uniform(-0.9, 0.9, (K, *SHAPE)).astype(np.float32)
    c, x = np.eye(K, dtype=np.float32)[codes], patterns[codes]
    conditional = make_vae(rate=1e-2, eager=False)
    conditional.fit(x, c, batch_size=16, epochs=20, verbose=0)
    keras.utils.set_random_seed(0)
    plain = vae.VAE(nets.conv_encoder(SHAPE, D, 4), nets.conv_decoder(SHAPE, D, 4), "gaussian")
    plain.compile(keras.optimizers.Adam(1e-2))
    plain.fit(x, batch_size=16, epochs=20, verbose=0)
    told, untold = (
        m.evaluate(*data, verbose=0, return_dict=True) for m, data in ((conditional, (x, c)), (plain, (x,)))
    )
    assert told["kl"] < 0.3 < np.log(3) * 0.9 < untold["kl"]
    drawn = conditional.sample(np.eye(K, dtype=np.float32), seed=1).numpy()
    errors = ((drawn[:, None] - patterns[None]) ** 2).mean(axis=(2, 3, 4))
    np.testing.assert_array_equal(errors.argmin(axis=1), [0, 1, 2])


def test_decoded_images_are_in_range_and_follow_z_and_c():
    model = make_vae("bernoulli")
    z, c = np.random.default_rng(2).normal(size=(6, D)).astype(np.float32), np.eye(K, dtype=np.float32)[[0, 1, 2] * 2]
    a = model.decode(z, c).numpy()
    assert a.shape == (6, *SHAPE) and np.abs(a).max() <= 1
    assert not np.allclose(a, model.decode(z, c[::-1])) and not np.allclose(a, model.decode(-z, c))
    np.testing.assert_array_equal(model.sample(c, seed=3), model.sample(c, seed=3))


# --- Bad input -------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [make_gan, make_vae])
def test_bad_conditions_and_images_are_refused_before_training(make):
    model = make()
    x, c = pairs()
    for bad, message in [
        (None, r"c: expected conditions \(N, 3\); received nothing.*Conditions.encode"),
        ({"hat": [0]}, "c: .*a dictionary"),
        (c[:5], r"c: expected shape \(32, 3\)"),
        (c[:, :2], r"c: expected shape \(32, 3\)"),
        (np.full((32, 3), np.nan), "c: expected finite numbers"),
    ]:
        with pytest.raises(ValueError, match=message):
            model.fit(x, bad, epochs=1, verbose=0)
    with pytest.raises(ValueError, match=r"x: .*\[0, 1\] images"):
        model.fit(np.abs(x), c, epochs=1, verbose=0)
    with pytest.raises(ValueError, match=r"c: expected shape \(N, 3\)"):
        model.sample(np.zeros((2, 4)))


def test_networks_that_do_not_fit_are_refused():
    generator, judge = nets.conditional_generator(SHAPE, D, K, 4), nets.projection_discriminator(SHAPE, K, 4)
    with pytest.raises(ValueError, match="generator: expected a model of 1 input; received 2 inputs"):
        gan.GAN(generator, judge)
    with pytest.raises(ValueError, match="discriminator: expected a model of 2 inputs; received 1 inputs"):
        gan.ConditionalGAN(generator, nets.subpixel_discriminator(SHAPE, 4))
    with pytest.raises(ValueError, match="discriminator: expected conditions of the generator's length"):
        gan.ConditionalGAN(generator, nets.projection_discriminator(SHAPE, K + 1, 4))
    encoder, decoder = nets.conditional_encoder(SHAPE, D, K, 4), nets.conditional_decoder(SHAPE, D, K + 1, 4)
    with pytest.raises(ValueError, match="decoder: expected conditions of the encoder's length"):
        vae.ConditionalVAE(encoder, decoder)
    with pytest.raises(ValueError, match="encoder: expected a model of 1 input"):
        vae.VAE(encoder, decoder)
