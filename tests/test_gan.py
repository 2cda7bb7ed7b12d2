"""The GAN model: who moves in which step, resume, precision, distribution, bad input, NaN, interruption."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from course_lib import gan, losses, nets
from course_lib._training import TrainingDiverged

SHAPE = (8, 8, 1)


def real_images(n=32, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (n, *SHAPE)).astype(np.float32)


def make(compiled=True, rate=1e-3, optimizer=keras.optimizers.Adam, jit_compile=False, **kwargs):
    keras.utils.set_random_seed(0)
    generator = nets.dcgan_generator(SHAPE, 4, width=4)
    model = gan.GAN(generator, nets.dcgan_discriminator(SHAPE, width=4), **kwargs)
    if compiled:
        model.compile(optimizer(rate), optimizer(rate), jit_compile=jit_compile)
    return model


def copy(network):
    return [w.numpy().copy() for w in network.trainable_variables]


def moved(network, before):
    return [not np.array_equal(w.numpy(), old) for w, old in zip(network.trainable_variables, before, strict=True)]


# --- Who moves -------------------------------------------------------------------------------


def test_a_discriminator_step_leaves_the_generators_weights_untouched():
    model = make()
    g, d = copy(model.generator), copy(model.discriminator)
    model.discriminator_step(tf.constant(real_images()))
    assert not any(moved(model.generator, g))
    assert all(moved(model.discriminator, d))


def test_a_generator_step_leaves_the_discriminators_weights_untouched():
    model = make()
    g, d = copy(model.generator), copy(model.discriminator)
    model.generator_step(tf.constant(real_images()))
    assert all(moved(model.generator, g))
    assert not any(moved(model.discriminator, d))


def test_no_hidden_optimizer():
    model = make()
    assert model.optimizer is None
    assert model.built


def test_each_optimizer_counts_its_own_steps():
    model = make(discriminator_steps=3)
    model.fit(real_images(), batch_size=8, epochs=1, verbose=0)
    assert int(model.discriminator_optimizer.iterations) == 12
    assert int(model.generator_optimizer.iterations) == 4


def test_one_sgd_step_equals_the_formula_written_by_hand():
    model = make(optimizer=keras.optimizers.SGD, ema=None)
    x = tf.constant(real_images())
    z = keras.random.normal((32, 4), seed=keras.random.SeedGenerator(0))
    fake = model.generator(z, training=True)
    with tf.GradientTape() as tape:
        loss = losses.GAN_LOSSES["non_saturating"].discriminator(model.discriminator(x), model.discriminator(fake))
    expected = [
        w - 1e-3 * g
        for w, g in zip(
            copy(model.discriminator), tape.gradient(loss, model.discriminator.trainable_variables), strict=True
        )
    ]
    model.discriminator_step(x)
    for weight, value in zip(model.discriminator.trainable_variables, expected, strict=True):
        np.testing.assert_allclose(weight, value, atol=1e-6)


# --- Parts -----------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", losses.GAN_LOSSES)
@pytest.mark.parametrize("penalty", [None, "r1", "r1_r2", "gradient_penalty"])
def test_every_loss_trains_with_every_penalty(loss, penalty):
    model = make(loss=loss, penalty=penalty)
    history = model.fit(real_images(), batch_size=16, epochs=1, verbose=0).history
    expected = {"d_loss", "g_loss", "real_logit", "fake_logit"} | ({"penalty"} if penalty else set())
    assert set(history) == expected
    assert np.isfinite([values[-1] for values in history.values()]).all()


def test_r1_r2_is_r1_of_the_real_images_plus_r1_of_the_fakes():
    model = make(penalty="r1_r2")
    real, fake = tf.constant(real_images()), tf.constant(real_images(seed=1))
    parts = [float(losses.r1_penalty(model.discriminator, x)) for x in (real, fake)]
    assert min(parts) > 0
    assert float(model.penalty(model.discriminator, real, fake, None)) == pytest.approx(sum(parts), rel=1e-5)


def test_lazy_penalty_averages_to_the_full_one():
    """Summed over k steps the lazy penalty pushes as hard as the penalty of every step (with D held still)."""
    x = tf.constant(real_images())
    every_step, lazy = make(penalty="r1", penalty_weight=2.0), make(penalty="r1", penalty_weight=2.0, penalty_every=4)
    full = sum(float(every_step._lazy_penalty(x, x)) for _ in range(4))
    total = 0.0
    for _ in range(4):
        total += float(lazy._lazy_penalty(x, x))
        lazy.step_count.assign_add(1)
    assert full > 0
    assert total == pytest.approx(full, rel=1e-5)
    assert float(lazy.trackers["penalty"].result()) == pytest.approx(full / 8, rel=1e-5)  # the mean of computed ones


def test_average_follows_the_generator_from_its_start_and_includes_batchnorm():
    model = make(ema=0.9)
    model.fit(real_images(), batch_size=8, epochs=1, verbose=0)
    pairs = list(zip(model.generator_ema.variables, model.generator.variables, strict=True))
    moving = [average for average, _ in pairs if "moving_mean" in average.path]
    assert moving
    assert all(np.abs(average).max() > 0 for average in moving)
    assert any(not np.allclose(average, value) for average, value in pairs)
    model.step_count.assign(10**6)
    for _ in range(300):
        model._update_average()
    for average, value in pairs:
        np.testing.assert_allclose(average, value, rtol=1e-4, atol=1e-5)


def test_average_decay_is_the_stated_one_in_the_long_run():
    model = make(ema=0.75)
    average, value = model.generator_ema.variables[0], model.generator.variables[0]
    value.assign(tf.zeros_like(value))
    average.assign(tf.ones_like(average))
    model.step_count.assign(10**6)
    model._update_average()
    np.testing.assert_allclose(average, 0.75, rtol=1e-6)


def test_samples_are_seeded_images_in_range():
    model = make()
    a, b, c = model.sample(5, seed=1), model.sample(5, seed=1), model.sample(5, seed=2)
    assert a.shape == (5, *SHAPE)
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)
    assert np.abs(a).max() <= 1


# --- Reproducing, saving, resuming -----------------------------------------------------------


def test_same_seed_same_pictures():
    def pictures():
        model = make(penalty="gradient_penalty")
        model.fit(real_images(), batch_size=8, epochs=2, verbose=0)
        return model.sample(3, seed=5)

    # Threads add up the sums of a gradient in any order, and training magnifies the last digits.
    np.testing.assert_allclose(pictures(), pictures(), atol=1e-3)


def test_save_and_load_restores_weights_and_both_optimizers(tmp_path):
    model = make(loss="hinge", penalty="r1", penalty_every=2)
    model.fit(real_images(), batch_size=8, epochs=2, verbose=0)
    model.save(tmp_path / "gan.keras")
    loaded = keras.models.load_model(tmp_path / "gan.keras")
    for old, new in zip(model.variables, loaded.variables, strict=True):
        if "seed_generator" not in old.path:  # Keras does not save the state of its random generators
            np.testing.assert_array_equal(old, new)
    for name in ("generator_optimizer", "discriminator_optimizer"):
        old, new = getattr(model, name), getattr(loaded, name)
        assert int(new.iterations) == 8
        for a, b in zip(old.variables, new.variables, strict=True):
            np.testing.assert_array_equal(a, b)
    assert loaded.penalty_every == 2
    assert isinstance(loaded.gan_loss, losses.Hinge)
    loaded.fit(real_images(), batch_size=8, epochs=1, verbose=0)
    assert int(loaded.generator_optimizer.iterations) == 12


def test_training_resumes_after_a_kill(tmp_path):
    class Kill(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    def backup():
        return keras.callbacks.BackupAndRestore(str(tmp_path))

    first = make()
    with pytest.raises(KeyboardInterrupt):
        first.fit(real_images(), batch_size=8, epochs=4, callbacks=[backup(), Kill()], verbose=0)
    second = make()
    history = second.fit(real_images(), batch_size=8, epochs=4, callbacks=[backup()], verbose=0)
    assert history.epoch == [2, 3]
    assert int(second.discriminator_optimizer.iterations) == 16
    assert int(second.step_count) == 16


def test_interrupt_leaves_a_consistent_state_and_training_goes_on():
    class Interrupt(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 1:
                raise KeyboardInterrupt

    model = make()
    with pytest.raises(KeyboardInterrupt):
        model.fit(real_images(), batch_size=8, epochs=1, callbacks=[Interrupt()], verbose=0)
    counts = [int(o.iterations) for o in (model.generator_optimizer, model.discriminator_optimizer)]
    assert counts == [2, 2] == [int(model.step_count)] * 2
    model.fit(real_images(), batch_size=8, epochs=1, verbose=0)
    assert int(model.step_count) == 6


# --- Compilers, precision, replicas ----------------------------------------------------------


def test_xla_compiles_and_agrees(monkeypatch):
    # XLA draws other random numbers from the same seed, so both runs are given the same z.
    z = tf.constant(np.random.default_rng(1).normal(size=(16, 4)), tf.float32)
    monkeypatch.setattr(gan.GAN, "_latent", lambda self, real: z)
    runs = []
    for jit in (False, True):
        model = make(optimizer=keras.optimizers.SGD, jit_compile=jit, penalty="r1", penalty_every=2)
        history = model.fit(real_images(), batch_size=16, epochs=2, shuffle=False, verbose=0).history
        runs.append([history[name][-1] for name in ("d_loss", "g_loss", "penalty")])
    np.testing.assert_allclose(runs[0], runs[1], rtol=1e-4)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_trains_with_finite_losses(policy):
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy(policy)
    try:
        model = make(penalty="r1", penalty_every=2)
        history = model.fit(real_images(), batch_size=8, epochs=2, verbose=0).history
    finally:
        keras.mixed_precision.set_dtype_policy(before)
    assert np.isfinite(list(history.values())).all()
    scaled = isinstance(model.discriminator_optimizer, keras.optimizers.LossScaleOptimizer)
    assert scaled == (policy == "mixed_float16")
    if scaled:
        # The initial scale of 2^15 overflows on some steps, which are then skipped: the others must have counted.
        assert 0 < int(model.discriminator_optimizer.inner_optimizer.iterations) <= 8
    assert model.sample(2).dtype == tf.float32


def test_scaled_gradients_are_unscaled_before_they_are_applied():
    """A float16 step with loss scaling moves the weights as a float32 step does, up to half precision."""

    def step(policy):
        before = keras.mixed_precision.dtype_policy()
        keras.mixed_precision.set_dtype_policy(policy)
        try:
            model = make(compiled=False)
            model.compile(*(keras.optimizers.SGD(0.1) for _ in range(2)))
            if policy == "mixed_float16":
                model.discriminator_optimizer.dynamic_scale.assign(128.0)
            start = copy(model.discriminator)
            model.discriminator_step(tf.constant(real_images()))
            return np.concatenate([np.ravel(b - a) for a, b in zip(start, copy(model.discriminator), strict=True)])
        finally:
            keras.mixed_precision.set_dtype_policy(before)

    full, half = step("float32"), step("mixed_float16")
    assert np.linalg.norm(full) > 0
    assert np.linalg.norm(half - full) < 0.05 * np.linalg.norm(full)


# --- Bad input -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((8, *SHAPE), np.uint8), r"\[0, 255\] images: convert them with images.to_float"),
        (np.full((8, *SHAPE), 200, np.float32), r"\[0, 255\] images"),
        (np.random.default_rng(0).uniform(0, 1, (8, *SHAPE)), r"\[0, 1\] images: convert them with 2 \* x - 1"),
        (np.full((8, *SHAPE), np.nan, np.float32), "NaN"),
        (np.zeros((8, 8, 8), np.float32) - 1, r"shape \(N, H, W, C\)"),
    ],
)
def test_wrong_images_are_refused_before_training(x, message):
    model = make()
    with pytest.raises(ValueError, match=message):
        model.fit(x, batch_size=4, epochs=1, verbose=0)
    assert int(model.step_count) == 0


def test_wrong_datasets_are_refused_too():
    dataset = tf.data.Dataset.from_tensor_slices(np.ones((8, *SHAPE), np.float32)).batch(4)
    with pytest.raises(ValueError, match=r"x: .*\[0, 1\]"):
        make().fit(dataset, epochs=1, verbose=0)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="loss: expected one of 'minimax'"):
        make(loss="logistic")
    with pytest.raises(ValueError, match="penalty: expected one of 'r1'"):
        make(penalty="r2")
    with pytest.raises(ValueError, match="discriminator_steps"):
        make(discriminator_steps=0)
    with pytest.raises(ValueError, match="ema"):
        make(ema=1.5)
    with pytest.raises(ValueError, match="discriminator: expected a model of the generator's images"):
        gan.GAN(nets.dcgan_generator((16, 16, 1), 4, 4), nets.dcgan_discriminator(SHAPE, 4))
    model = make(compiled=False)
    shared = keras.optimizers.Adam()
    with pytest.raises(ValueError, match="discriminator_optimizer: expected an optimizer of its own"):
        model.compile(shared, shared)
    with pytest.raises(ValueError, match="n: expected an integer"):
        model.sample(0)


def test_probabilities_are_refused():
    image = keras.Input(SHAPE)
    sigmoid = keras.Model(image, keras.layers.Dense(1, activation="sigmoid")(keras.layers.Flatten()(image)))
    with pytest.raises(ValueError, match="discriminator: expected logits"):
        gan.GAN(nets.dcgan_generator(SHAPE, 4, 4), sigmoid)


def test_nan_stops_with_the_step_and_keeps_the_last_good_weights():
    x = real_images(64)
    x[40:48] = np.nan  # the sixth batch of eight: not in the batch that is looked at before training
    dataset = tf.data.Dataset.from_tensor_slices(x).batch(8)
    model = make()
    start = copy(model.generator) + copy(model.discriminator)
    with pytest.raises(
        TrainingDiverged, match=r"d_loss.* at step 6 .*weights of step 0 were put back.*NaN in the data"
    ):
        model.fit(dataset, epochs=1, verbose=0)
    for old, new in zip(start, copy(model.generator) + copy(model.discriminator), strict=True):
        np.testing.assert_array_equal(old, new)


def test_nan_from_a_high_learning_rate_names_it():
    model = make(rate=1e30, optimizer=keras.optimizers.SGD)
    with pytest.raises(TrainingDiverged, match="generator_optimizer has learning rate 1e.30"):
        model.fit(real_images(), batch_size=8, epochs=5, verbose=0)
    assert all(np.isfinite(w).all() for w in copy(model.generator))
