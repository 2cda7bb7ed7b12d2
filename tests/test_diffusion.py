"""Flow matching: solvers against exact flows, the loss, resume, precision, saving, replicas, bad input; the U-Net."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from course_lib import diffusion, explore, nets, zoo
from course_lib._time_nets import TimeEmbedding
from course_lib._training import TrainingDiverged

SHAPE = (8, 8, 1)
MEAN, COV = np.array([1.0, -2.0]), np.array([[1.5, 0.6], [0.6, 0.5]])
NOISE = np.random.default_rng(0).standard_normal((64, 2))


def exact_velocity(x, t):
    return diffusion.gaussian_velocity(x, t, MEAN, COV)


def error(steps, method):
    """Return the largest distance from the exact flow at t = 1."""
    got = diffusion.integrate(exact_velocity, NOISE, steps, method)
    return np.abs(got - diffusion.gaussian_flow(NOISE, 1.0, MEAN, COV)).max()


def pictures(n=32, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (n, *SHAPE)).astype(np.float32)


def network_of(width=8):
    """Return a small network that starts at zero and is cheap to trace."""
    x, t = keras.Input(SHAPE), keras.Input(())
    h = keras.layers.Concatenate()([keras.layers.Flatten()(x), keras.layers.Reshape((1,))(t)])
    h = keras.layers.Dense(width, activation="silu")(h)
    h = keras.layers.Dense(int(np.prod(SHAPE)), kernel_initializer="zeros", dtype="float32")(h)
    return keras.Model([x, t], keras.layers.Reshape(SHAPE, dtype="float32")(h))


def make(compiled=True, rate=1e-3, optimizer=keras.optimizers.Adam, **kwargs):
    keras.utils.set_random_seed(0)
    model = diffusion.FlowMatching(network_of(), **kwargs)
    if compiled:
        model.compile(optimizer(rate))
    return model


def weights_of(network):
    return [w.numpy().copy() for w in network.weights]


# --- Solvers ---------------------------------------------------------------------------------


def test_one_euler_step_returns_the_mean_of_the_data_whatever_the_noise():
    one = diffusion.integrate(exact_velocity, NOISE, 1, "euler")
    np.testing.assert_allclose(one, np.tile(MEAN, (64, 1)), atol=1e-12)


def test_eulers_error_halves_and_heuns_quarters_when_steps_double():
    for method, order in (("euler", 1), ("heun", 2)):
        ratios = [error(n, method) / error(2 * n, method) for n in (32, 64, 128)]
        np.testing.assert_allclose(ratios, 2**order, rtol=0.12)
    assert error(16, "heun") < error(32, "euler")  # at the same number of evaluations


def test_a_straight_path_needs_one_step():
    still = diffusion.integrate(lambda x, t: MEAN + 0 * x, NOISE, 1, "euler")
    np.testing.assert_allclose(still, NOISE + MEAN)
    # Pairs joined by the flow itself: every path is straight, and Heun sees the same velocity twice.
    end = diffusion.gaussian_flow(NOISE, 1.0, MEAN, COV)
    np.testing.assert_allclose(diffusion.integrate(lambda x, t: end - NOISE, NOISE, 1, "heun"), end)


def test_the_flow_runs_backwards_to_the_noise():
    end = diffusion.integrate(exact_velocity, NOISE, 400)
    back = diffusion.integrate(exact_velocity, end, 400, start=1.0, end=0.0)
    np.testing.assert_allclose(back, NOISE, atol=1e-4)


def test_the_kept_path_starts_and_ends_where_it_should_and_counts_evaluations():
    seen = []

    def velocity(x, t):
        seen.append(t)
        return exact_velocity(x, t)

    path = diffusion.integrate(velocity, NOISE, 4, "heun", keep=True)
    assert len(path) == 5 and path[0] is NOISE and len(seen) == 8
    assert seen == [0, 0.25, 0.25, 0.5, 0.5, 0.75, 0.75, 1]
    np.testing.assert_array_equal(path[-1], diffusion.integrate(exact_velocity, NOISE, 4, "heun"))


def test_the_predicted_image_is_the_posterior_mean():
    """E[x_1 | x_t] of a Gaussian by Bayes' rule, at any t."""
    t, x = 0.4, NOISE
    gain = t * COV @ np.linalg.inv((1 - t) ** 2 * np.eye(2) + t**2 * COV)
    want = MEAN + (x - t * MEAN) @ gain.T
    np.testing.assert_allclose(diffusion.predicted_image(x, exact_velocity(x, t), t), want)


def test_a_mixture_is_sampled_with_its_weights():
    means, weights = np.array([[-2.0, 0.0], [2.0, 0.0]]), np.array([0.3, 0.7])
    x = np.random.default_rng(1).standard_normal((4000, 2))
    ends = diffusion.integrate(lambda x, t: diffusion.mixture_velocity(x, t, means, 0.3, weights), x, 60)
    assert np.mean(ends[:, 0] > 0) == pytest.approx(0.7, abs=0.03)
    assert ends[ends[:, 0] > 0].std(0) == pytest.approx([0.3, 0.3], abs=0.03)


# --- Loss ------------------------------------------------------------------------------------


@pytest.mark.parametrize("times", diffusion.TIMES)
def test_the_loss_of_the_untrained_network_is_the_mean_square_of_the_target(times):
    model, x, x_0 = make(times=times), pictures(), pictures(seed=1)
    got = model.flow_loss(x, x_0, tf.fill([32], 0.3))
    np.testing.assert_allclose(got, np.mean((x - x_0) ** 2, axis=(1, 2, 3)), rtol=1e-5)
    # Of uniform pixels against N(0, 1): 1/3 + 1
    assert float(tf.reduce_mean(model.flow_loss(pictures(512)))) == pytest.approx(4 / 3, rel=0.03)


def test_the_loss_sees_the_network_at_the_point_between_and_at_its_time():
    model = make(ema=None)
    seen = []
    model.network = lambda inputs, training: seen.append(inputs) or tf.zeros_like(inputs[0])
    x, x_0, at = pictures(4), pictures(4, seed=1), np.array([0, 0.25, 0.5, 1], np.float32)
    model.flow_loss(x, x_0, at)
    (x_t, t), between = seen[0], at[:, None, None, None]
    np.testing.assert_allclose(x_t, (1 - between) * x_0 + between * x, rtol=1e-5)
    np.testing.assert_array_equal(t, at)


def test_training_finds_the_best_constant_velocity():
    """Of all velocities that see neither x nor t the best is E[x_1 − x_0] = the mean of the data."""
    x = np.full((256, *SHAPE), 0.5, np.float32)
    x[:, :, 4:] = -0.5
    x[::2] += 0.4
    x_t, t = keras.Input(SHAPE), keras.Input(())
    seen = keras.layers.Concatenate()([keras.layers.Flatten()(x_t), keras.layers.Reshape((1,))(t)])
    blind = keras.layers.Rescaling(0.0)(seen)  # Keras 3.13 wants every input used
    constant = keras.layers.Reshape(SHAPE)(keras.layers.Dense(64, kernel_initializer="zeros")(blind))
    keras.utils.set_random_seed(0)
    model = diffusion.FlowMatching(keras.Model([x_t, t], constant), ema=None)
    model.compile(keras.optimizers.SGD(3.0))  # the loss is a mean over 64 pixels, so is the gradient
    loss = model.fit(x, batch_size=32, epochs=10, verbose=0).history["loss"][-1]
    velocity = np.asarray(model.velocity(np.zeros((1, *SHAPE), np.float32), 0.3))[0]
    np.testing.assert_allclose(velocity, x.mean(0), atol=0.3)
    assert loss == pytest.approx(1 + x.var(0).mean(), rel=0.1)  # what a constant cannot explain


def test_times_have_their_distributions():
    t = {name: np.asarray(draw((20_000,), keras.random.SeedGenerator(0))) for name, draw in diffusion.TIMES.items()}
    assert all(((v > 0) | (v == 0)).all() and (v < 1).all() for v in t.values())
    np.testing.assert_allclose(np.quantile(t["uniform"], [0.1, 0.5, 0.9]), [0.1, 0.5, 0.9], atol=0.02)
    logits = np.log(t["logit_normal"] / (1 - t["logit_normal"]))
    assert [logits.mean(), logits.std()] == pytest.approx([0, 1], abs=0.03)


# --- Training, saving, resuming ----------------------------------------------------------------


def test_only_the_network_moves_and_the_average_follows():
    model = make(ema=0.9)
    before, average = weights_of(model.network), weights_of(model.network_ema)
    model.fit(pictures(), batch_size=8, epochs=1, verbose=0)
    assert any(not np.array_equal(a, b) for a, b in zip(before, weights_of(model.network), strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(average, weights_of(model.network_ema), strict=True))
    assert int(model.optimizer.iterations) == int(model.step_count) == 4
    model.step_count.assign(10**6)
    start, value = weights_of(model.network_ema)[0], weights_of(model.network)[0]
    model.train_step(tf.constant(pictures()))
    value = weights_of(model.network)[0]
    np.testing.assert_allclose(weights_of(model.network_ema)[0], 0.9 * start + 0.1 * value, atol=1e-6)


def test_validation_is_the_loss_without_training():
    model = make()
    before = weights_of(model.network)
    history = model.fit(pictures(), validation_data=pictures(seed=1), batch_size=16, epochs=1, verbose=0).history
    assert set(history) == {"loss", "val_loss"}
    model.evaluate(pictures(), verbose=0)
    assert any(not np.array_equal(a, b) for a, b in zip(before, weights_of(model.network), strict=True))


def test_same_seed_same_pictures_and_loss():
    def run():
        model = make(times="logit_normal")
        loss = model.fit(pictures(), batch_size=8, epochs=2, verbose=0).history["loss"]
        return loss, model.sample(3, seed=5, steps=2).numpy()

    (loss_a, a), (loss_b, b) = run(), run()
    # Threads add up the sums of a gradient in any order, and training magnifies the last digits.
    np.testing.assert_allclose(loss_a, loss_b, rtol=1e-3)
    np.testing.assert_allclose(a, b, atol=1e-3)


def test_save_and_load_restores_networks_and_optimizer(tmp_path):
    model = make(times="logit_normal", ema=0.9, steps=3)
    model.fit(pictures(), batch_size=8, epochs=2, verbose=0)
    model.save(tmp_path / "flow.keras")
    loaded = keras.models.load_model(tmp_path / "flow.keras")
    for old, new in zip(model.variables, loaded.variables, strict=True):
        if "seed_generator" not in old.path:  # Keras does not save the state of its random generators
            np.testing.assert_array_equal(old, new)
    assert (loaded.times, loaded.ema, loaded.steps) == ("logit_normal", 0.9, 3)
    np.testing.assert_allclose(loaded.sample(2, seed=1), model.sample(2, seed=1), atol=1e-5)
    loaded.fit(pictures(), batch_size=8, epochs=1, verbose=0)
    assert int(loaded.optimizer.iterations) == int(loaded.step_count) == 12


def test_training_resumes_after_a_kill(tmp_path):
    class Kill(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    def backup():
        return keras.callbacks.BackupAndRestore(str(tmp_path))

    first = make()
    with pytest.raises(KeyboardInterrupt):
        first.fit(pictures(), batch_size=8, epochs=4, callbacks=[backup(), Kill()], verbose=0)
    second = make()
    history = second.fit(pictures(), batch_size=8, epochs=4, callbacks=[backup()], verbose=0)
    assert history.epoch == [2, 3]
    assert int(second.optimizer.iterations) == int(second.step_count) == 16


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_trains_and_the_loss_stays_float32(policy):
    before = keras.mixed_precision.dtype_policy()
    full = make().flow_loss(pictures(), pictures(seed=1), tf.fill([32], 0.4))
    keras.mixed_precision.set_dtype_policy(policy)
    try:
        model = make()
        assert model.network.layers[-3].compute_dtype == policy.removeprefix("mixed_")
        half = model.flow_loss(pictures(), pictures(seed=1), tf.fill([32], 0.4))
        np.testing.assert_allclose(half, full, rtol=1e-5)  # the target is not rounded to the policy's numbers
        losses = model.fit(pictures(), batch_size=8, epochs=2, verbose=0).history["loss"]
        samples = model.sample(2, steps=2)
    finally:
        keras.mixed_precision.set_dtype_policy(before)
    assert np.isfinite(losses).all()
    assert samples.dtype == tf.float32
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer) == (policy == "mixed_float16")


# --- Pictures --------------------------------------------------------------------------------


def trained():
    model = make(ema=None)
    rng = np.random.default_rng(3)
    model.network.set_weights([w + 0.2 * rng.standard_normal(w.shape) for w in model.network.get_weights()])
    return model


def test_samples_are_seeded_images_in_range_and_decode_is_the_same_flow():
    model = trained()
    a, b, c = (model.sample(5, seed=seed, steps=3) for seed in (1, 1, 2))
    assert a.shape == (5, *SHAPE) and np.abs(a).max() <= 1
    assert np.array_equal(a, b) and not np.array_equal(a, c)
    z = keras.random.normal((5, *SHAPE), seed=1)
    flat = tf.reshape(z, (5, 64))
    assert model.latent_dim == 64
    np.testing.assert_allclose(model.decode(flat), model.sample(5, seed=1), atol=1e-6)
    decode, d = explore.base.compiled_decoder(model)
    assert d == 64
    difference = decode(flat.numpy()).astype(int) - np.rint((np.asarray(model.decode(flat)) + 1) * 127.5)
    assert np.abs(difference).max() <= 1


def test_the_flow_goes_back_to_the_noise_and_keeps_its_path():
    model, x = trained(), np.random.default_rng(0).standard_normal((3, *SHAPE)).astype(np.float32)
    path = model.flow(x, steps=4, keep=True)
    assert len(path) == 5
    end = model.flow(x, steps=200)
    np.testing.assert_allclose(model.flow(end, steps=200, start=1.0, end=0.0), x, atol=1e-2)


def test_without_an_average_the_network_makes_the_pictures():
    model = make(ema=0.9)
    model.network.set_weights([w + 0.1 for w in model.network.get_weights()])
    own, averaged = (model.sample(2, seed=0, steps=2, ema=ema) for ema in (False, True))
    assert not np.array_equal(own, averaged)
    noise = tf.clip_by_value(keras.random.normal((2, *SHAPE), seed=0), -1, 1)
    np.testing.assert_array_equal(averaged, noise)  # the average still returns 0


def test_the_zoo_keeps_the_network_and_nothing_else():
    """Step counters and averages would not survive float16, and belong to training."""
    model = zoo.BUILDERS["flow"](image_shape=SHAPE, width=2, blocks=1, times="uniform", steps=3)
    assert len(model.weights) == len(model.network.weights) == len(nets.time_unet(SHAPE, 2, 1).weights)
    assert model.steps == 3 and model.network_ema is None


# --- The U-Net -------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(28, 28, 1), (64, 64, 3), (8, 12, 1)])
def test_the_unet_starts_at_zero_and_depends_on_everything(shape):
    keras.utils.set_random_seed(0)
    network = nets.time_unet(shape, width=4)
    x, t = np.random.default_rng(0).standard_normal((2, *shape)).astype(np.float32), np.array([0.2, 0.7], np.float32)
    assert not np.asarray(network([x, t])).any()
    rng = np.random.default_rng(1)
    network.set_weights([w + 0.1 * rng.standard_normal(w.shape) for w in network.get_weights()])
    y = np.asarray(network([x, t]))
    assert y.shape == x.shape
    assert np.abs(y - network([x, t[::-1]])).max(axis=(1, 2, 3)).min() > 1e-3
    # an input pixel in one corner reaches the other corner: the lowest level sees all of the picture
    moved = x.copy()
    moved[:, 0, 0] += 10
    assert np.abs(network([moved, t]) - y)[:, -1, -1].max() > 0


def test_the_time_embedding_tells_nearby_times_apart_in_every_precision():
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        waves = TimeEmbedding(64)(np.array([0.5, 0.5001], np.float32))
    finally:
        keras.mixed_precision.set_dtype_policy(before)
    assert waves.dtype == tf.float32 and waves.shape == (2, 64)
    assert np.abs(waves[0] - waves[1]).max() == pytest.approx(0.1, abs=0.03)  # 1,000 rad · 0.0001
    np.testing.assert_allclose(np.linalg.norm(waves, axis=1), np.sqrt(32), rtol=1e-5)


# --- Bad input -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((8, *SHAPE), np.uint8), r"\[0, 255\] images: convert them with images.to_float"),
        (np.random.default_rng(0).uniform(0, 1, (8, *SHAPE)), r"\[0, 1\] images"),
        (np.full((8, *SHAPE), np.nan, np.float32), "NaN"),
    ],
)
def test_wrong_images_are_refused_before_training(x, message):
    with pytest.raises(ValueError, match=message):
        make().fit(x, batch_size=4, epochs=1, verbose=0)


def test_nan_stops_training_and_keeps_the_last_good_weights():
    x = pictures(64)
    x[40:48] = np.nan
    model = make()
    before = weights_of(model.network)
    with pytest.raises(TrainingDiverged, match="loss became NaN .* at step 6"):
        model.fit(tf.data.Dataset.from_tensor_slices(x).batch(8), epochs=1, verbose=0)
    for old, new in zip(before, weights_of(model.network), strict=True):
        np.testing.assert_array_equal(old, new)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="times: expected one of 'uniform'"):
        make(times="normal")
    with pytest.raises(ValueError, match="ema"):
        make(ema=1.5)
    with pytest.raises(ValueError, match="network: expected a model of"):
        diffusion.FlowMatching(nets.dcgan_discriminator(SHAPE, 4))
    x_t, t = keras.Input(SHAPE), keras.Input(())
    with pytest.raises(ValueError, match="network: expected velocities of the images' shape"):
        timed = keras.layers.Add()([keras.layers.Conv2D(2, 1)(x_t), keras.layers.Reshape((1, 1, 1))(t)])
        diffusion.FlowMatching(keras.Model([x_t, t], timed))
    model = make(compiled=False)
    with pytest.raises(ValueError, match="n: expected an integer"):
        model.sample(0)
    with pytest.raises(ValueError, match="method: expected one of 'euler', 'heun'"):
        model.sample(1, method="rk4")
    with pytest.raises(ValueError, match="steps: expected an integer of at least 1"):
        model.sample(1, steps=0)
    with pytest.raises(ValueError, match="x: expected shape"):
        model.flow(np.zeros((1, 4, 4, 1), np.float32))
    with pytest.raises(ValueError, match="end: expected a finite number"):
        diffusion.integrate(exact_velocity, NOISE, 2, end=1.5)
    with pytest.raises(ValueError, match="image_shape"):
        nets.time_unet((30, 30, 1))
    with pytest.raises(ValueError, match="size: expected an even number"):
        TimeEmbedding(3)
