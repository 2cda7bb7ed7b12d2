"""The paired model and its networks: who moves, what the losses measure, saving, resuming, precision, bad input."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from course_lib import colour, data, images, losses, nets, translation
from course_lib._restorers import BicubicUpsampling, bicubic_kernel
from course_lib._training import TrainingDiverged
from course_lib.translation import L1, L2, Adversarial, Batches, BinCrossEntropy, Feature, Translator

PARTS = ["l1", "l2", "feature", "adversarial"]


def pairs(n=16, side=8, factor=2, seed=0):
    rng = np.random.default_rng(seed)
    small = rng.uniform(-1, 1, (n, side, side, 3)).astype(np.float32)
    return small, np.tanh(small.repeat(factor, 1).repeat(factor, 2) + rng.normal(0, 0.1, (n, 2 * side, 2 * side, 3)))


def features(width=4):
    image = keras.Input((None, None, 3))
    first = keras.layers.Conv2D(width, 3, padding="same", activation="relu")(image)
    return keras.Model(image, [first, keras.layers.Conv2D(width, 3, strides=2)(first)])


def every_loss():
    return [L1(1.0), L2(0.5), Feature(features(), 0.1), Adversarial(0.01)]


def make(loss="l1", compiled=True, rate=1e-3, optimizer=keras.optimizers.Adam, **kwargs):
    keras.utils.set_random_seed(0)
    network = nets.residual_upscaler(2, width=4, blocks=1)
    adversarial = loss == "adversarial" or (isinstance(loss, list) and any(isinstance(t, Adversarial) for t in loss))
    judge = nets.patchgan((16, 16, 3), width=4, depth=1) if adversarial else None
    model = Translator(network, loss, judge, **kwargs)
    if compiled:
        model.compile(optimizer(rate), optimizer(rate) if judge else None)
    return model


def copy(network):
    return [w.numpy().copy() for w in network.trainable_variables]


def moved(network, before):
    return [not np.array_equal(w.numpy(), old) for w, old in zip(network.trainable_variables, before, strict=True)]


# --- Networks ----------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_bicubic_layer_is_pillows_bicubic_up_to_the_border(factor):
    x = np.random.default_rng(0).normal(size=(2, 7, 9, 3)).astype(np.float32)
    got = BicubicUpsampling(factor)(x).numpy()
    assert got.shape == (2, 7 * factor, 9 * factor, 3)
    for image, large in zip(x, got, strict=True):
        for c in range(3):
            plane = Image.fromarray(image[..., c]).resize((9 * factor, 7 * factor), Image.Resampling.BICUBIC)
            np.testing.assert_allclose(large[..., c], np.asarray(plane), atol=1e-5)


def test_bicubic_kernels_reproduce_quadratics_and_sum_to_one():
    kernel = bicubic_kernel(4)[:, :, 0].reshape(5, 5, 4, 4).astype(float)
    np.testing.assert_allclose(kernel.sum(axis=(0, 1)), np.ones((4, 4)), atol=1e-6)
    old, new = np.arange(-2, 3.0), (np.arange(4) + 0.5) / 4 - 0.5
    for power in (1, 2):
        np.testing.assert_allclose(
            np.einsum("r,rcij->ij", old**power, kernel), new[:, None] ** power * np.ones(4), atol=1e-6
        )


def test_the_untrained_upscaler_is_bicubic_interpolation_for_any_size():
    network = nets.residual_upscaler(2, width=4, blocks=2)
    for shape in ((1, 5, 9, 3), (2, 8, 8, 3)):
        x = np.random.default_rng(1).uniform(-1, 1, shape).astype(np.float32)
        np.testing.assert_allclose(network(x), BicubicUpsampling(2)(x), atol=1e-6)
    photo = data.load_photos("test")[3].image[None, :40, :50]
    ours, theirs = translation.translate(network, photo).astype(int), images.enlarge(photo, 2)
    assert abs(ours - theirs).max() <= 1 and (ours != theirs).mean() < 1e-3  # values halfway between two levels
    assert network.output_shape == (None, None, None, 3)


def test_the_upscaler_is_differentiable_and_compiles_with_xla():
    network = nets.residual_upscaler(2, width=4, blocks=1)
    x = tf.constant(pairs(2)[0])

    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.reduce_sum(tf.square(network(x)))
        return tape.gradient(total, x)

    eager = gradient(x)
    assert np.abs(eager).max() > 0
    np.testing.assert_allclose(tf.function(gradient, jit_compile=True)(x), eager, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("stride", [1, 2])
def test_free_unet_takes_any_divisible_size_and_sees_the_whole_picture(stride):
    network = nets.free_unet(1, 2, width=4, depth=3, stride=stride)
    x = np.random.default_rng(0).normal(size=(1, 32, 48, 1)).astype(np.float32)
    out = network(x).numpy()
    assert out.shape == (1, 32 // stride, 48 // stride, 2)
    assert network(x[:, :16, :16]).shape == (1, 16 // stride, 16 // stride, 2)
    x[0, 0, 0] += 10
    changed = np.abs(network(x).numpy() - out).max(axis=-1)[0] > 0
    assert changed[: 16 // stride, : 16 // stride].all()  # one pixel reaches a neighbourhood of twice 2^depth


# --- Losses ------------------------------------------------------------------------------------


def test_values_of_the_losses():
    target, output = tf.zeros((2, 4, 4, 3)), tf.fill((2, 4, 4, 3), 0.5)
    assert float(L1()(None, target, output)) == pytest.approx(0.5)
    assert float(L2()(None, target, output)) == pytest.approx(0.25)
    loss = Feature(features())
    maps = [loss.network(x) for x in (target, output)]
    want = sum(float(losses.content_loss(b, a)) for a, b in zip(*maps, strict=True))
    assert want > 0
    assert float(loss(None, target, output)) == pytest.approx(want, rel=1e-5)
    logits = {0.0: tf.constant([[2.0]]), 0.5: tf.constant([[-1.0]])}
    got = Adversarial(kind="relativistic")(None, target, output, lambda x: logits[float(x[0, 0, 0, 0])])
    assert float(got) == pytest.approx(np.log1p(np.exp(3.0)), rel=1e-6)


def best_constant(loss, targets, start=0.1):
    """Return the value in which gradient descent on ``loss`` ends, one for all ``targets``."""
    value, targets = tf.Variable(start), tf.constant(targets, tf.float32)[:, None, None, None]
    for step in range(400):
        with tf.GradientTape() as tape:
            total = loss(None, targets, tf.ones_like(targets) * value)
        value.assign_sub((0.1 if step < 200 else 0.005) * tape.gradient(total, value))
    return float(value)


def test_l2_ends_in_the_mean_and_l1_in_the_median():
    targets = [-0.9, -0.8, -0.7, 0.9, 0.1]
    assert best_constant(L2(), targets) == pytest.approx(np.mean(targets), abs=1e-3)
    assert best_constant(L1(), targets) == pytest.approx(np.median(targets), abs=0.01)


def test_bin_cross_entropy_is_the_formula_and_smallest_at_the_soft_encoding():
    bins = colour.gamut_bins(25)
    rng = np.random.default_rng(0)
    target = rng.uniform(-0.5, 0.5, (2, 4, 4, 2)).astype(np.float32)
    weights = rng.uniform(0.5, 2, len(bins.centres))
    logits = rng.normal(size=(2, 4, 4, len(bins.centres))).astype(np.float32)
    loss = BinCrossEntropy(bins.centres, bins.sigma, weights)
    z, v = bins.encode(target), weights[bins.nearest(target)]
    log_p = np.asarray(tf.nn.log_softmax(logits))
    assert float(loss(None, tf.constant(target), tf.constant(logits))) == pytest.approx(
        -np.mean(v * (z * log_p).sum(-1)), rel=1e-4
    )
    best = np.log(np.maximum(z, 1e-12)).astype(np.float32)
    assert float(loss(None, target, best)) < float(loss(None, target, best + 0.3 * logits))


def test_bin_cross_entropy_averages_the_target_down_to_the_output():
    bins = colour.gamut_bins(25)
    fine = np.random.default_rng(0).uniform(-0.3, 0.3, (1, 4, 4, 2)).astype(np.float32)
    coarse = fine.reshape(1, 2, 2, 2, 2, 2).mean(axis=(2, 4))
    logits = np.random.default_rng(1).normal(size=(1, 2, 2, len(bins.centres))).astype(np.float32)
    loss = BinCrossEntropy(bins.centres, bins.sigma)
    assert float(loss(None, tf.constant(fine), logits)) == pytest.approx(float(loss(None, coarse, logits)), rel=1e-5)


# --- Who moves ---------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["l1", "l2", "adversarial"])
def test_the_log_has_the_sum_and_each_part(loss):
    model = make([loss, *every_loss()[2:3]] if loss != "adversarial" else every_loss())
    log = {name: float(value) for name, value in model.train_step(pairs()).items()}
    parts = [term.name for term in model.terms]
    extra = {"d_loss", "real_logit", "fake_logit"} if "adversarial" in parts else set()
    assert set(log) == {"loss", *parts} | extra
    assert log["loss"] == pytest.approx(sum(term.weight * log[term.name] for term in model.terms), rel=1e-5)


def test_each_step_moves_its_own_network_only():
    model = make(every_loss(), penalty_weight=0.5)
    x, y = (tf.constant(v) for v in pairs())
    network, judge, frozen = copy(model.network), copy(model.discriminator), model.feature_networks[0].get_weights()
    model.discriminator_step(x, y)
    assert not any(moved(model.network, network)) and all(moved(model.discriminator, judge))
    judge = copy(model.discriminator)
    model.network_step(x, y)
    assert moved(model.network, network)[-1] and not any(moved(model.discriminator, judge))
    for old, new in zip(frozen, model.feature_networks[0].get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_one_sgd_step_equals_the_formula_written_by_hand():
    model = make(["l1", L2(3.0)], optimizer=keras.optimizers.SGD, rate=0.1)
    x, y = (tf.constant(v, tf.float32) for v in pairs())
    with tf.GradientTape() as tape:
        error = model.network(x) - y
        loss = tf.reduce_mean(tf.abs(error)) + 3 * tf.reduce_mean(tf.square(error))
    gradients = tape.gradient(loss, model.network.trainable_variables)
    want = [w - 0.1 * g for w, g in zip(copy(model.network), gradients, strict=True)]
    model.network_step(x, y)
    for weight, value in zip(model.network.trainable_variables, want, strict=True):
        np.testing.assert_allclose(weight, value, atol=1e-6)


def test_a_discriminator_of_more_channels_is_shown_pairs():
    network = nets.free_unet(1, 2, width=4, depth=2)
    seen = []
    judge = nets.patchgan((8, 8, 3), width=4, depth=1)
    model = Translator(network, ["l1", "adversarial"], judge)
    assert model.pairwise
    assert not make("adversarial", compiled=False).pairwise
    source, image = tf.ones((2, 8, 8, 1)), tf.zeros((2, 8, 8, 2))
    model.discriminator = lambda x, training: seen.append(x) or x[..., :1]
    model._judge(source)(image)
    np.testing.assert_array_equal(seen[0][0, 0, 0], [1, 0, 0])


def test_training_lowers_the_loss_and_evaluate_moves_nothing():
    x, y = pairs(32)
    model = make(rate=3e-3)
    before = model.evaluate(x, y, verbose=0, return_dict=True)["l1"]
    model.fit(x, y, batch_size=8, epochs=8, verbose=0)
    weights = copy(model.network)
    after = model.evaluate(x, y, verbose=0, return_dict=True)
    assert after["l1"] < 0.8 * before and after["loss"] == pytest.approx(after["l1"])
    assert not any(moved(model.network, weights))


# --- Reproducing, saving, resuming, precision ----------------------------------------------------


def test_same_seed_same_weights():
    def weights():
        x, y = pairs()
        model = make()
        model.fit(x, y, batch_size=8, epochs=1, verbose=0)
        return np.concatenate([w.ravel() for w in copy(model.network)])

    # Threads add up the sums of a gradient in any order, and training magnifies the last digits.
    np.testing.assert_allclose(weights(), weights(), atol=1e-4)


def test_save_and_load_restores_networks_losses_and_optimizers(tmp_path):
    model = make(every_loss(), penalty_weight=0.1)
    x, y = (v.astype(np.float32) for v in pairs())
    for _ in range(2):
        model.train_step((x, y))
    model.save(tmp_path / "translator.keras")
    loaded = keras.models.load_model(tmp_path / "translator.keras")
    np.testing.assert_allclose(loaded.network(x), model.network(x), atol=1e-6)
    assert [term.get_config()["weight"] for term in loaded.terms] == [1.0, 0.5, 0.1, 0.01]
    a, b = (float(m._loss(x, y, training=False)) for m in (model, loaded))
    assert a == pytest.approx(b, rel=1e-5)  # the feature network's weights came along
    for name in ("optimizer", "discriminator_optimizer"):
        assert int(getattr(loaded, name).iterations) == 2
    loaded.train_step((x, y))
    assert int(loaded.optimizer.iterations) == int(loaded.discriminator_optimizer.iterations) == 3


def test_training_resumes_after_a_kill(tmp_path):
    class Kill(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    def backup():
        return keras.callbacks.BackupAndRestore(str(tmp_path))

    x, y = pairs()
    first = make()
    with pytest.raises(KeyboardInterrupt):
        first.fit(x, y, batch_size=8, epochs=4, callbacks=[backup(), Kill()], verbose=0)
    second = make()
    history = second.fit(x, y, batch_size=8, epochs=4, callbacks=[backup()], verbose=0)
    assert history.epoch == [2, 3]
    assert int(second.optimizer.iterations) == 8


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_trains_with_finite_losses(policy):
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy(policy)
    try:
        model = make(every_loss())
        x, y = pairs()
        log = [model.train_step((x, y)) for _ in range(2)][-1]
    finally:
        keras.mixed_precision.set_dtype_policy(before)
    assert np.isfinite([float(value) for value in log.values()]).all()
    assert model.network(x).dtype == tf.float32


# --- Feeding -----------------------------------------------------------------------------------


def test_batches_cover_every_example_once_and_are_new_each_epoch():
    def epoch(batches):
        return [tuple(batches[i][0]) for i in range(len(batches))]

    def make(rows, rng):
        return rows, rng.integers(1000, size=2)

    batches, same, other = (Batches(make, 10, 3, seed=s) for s in (0, 0, 1))
    assert len(batches) == 3
    first = epoch(batches)
    assert len(set(sum(first, ()))) == 9
    assert first == epoch(same) != epoch(other)
    draws = batches[0][1], batches[1][1]
    np.testing.assert_array_equal(draws[0], same[0][1])
    assert not np.array_equal(*draws)
    batches.on_epoch_end()
    assert epoch(batches) != first


def test_fit_goes_through_all_batches_each_epoch():
    small, large = (np.uint8(127.5 * (v + 1)) for v in pairs(12))
    batches = Batches(translation.augmented_pairs(small, large), 12, 4)
    model = make()
    model.fit(batches, epochs=2, verbose=0)
    assert int(model.optimizer.iterations) == 6


def test_augmentation_applies_the_eight_symmetries_to_both_images_alike():
    small, large = (np.uint8(127.5 * (v + 1)) for v in pairs(1))
    large = small.repeat(2, 1).repeat(2, 2)
    make = translation.augmented_pairs(small, large)
    seen = set()
    for k in range(80):
        x, y = make(np.array([0]), np.random.default_rng(k))
        np.testing.assert_array_equal(x.repeat(2, 1).repeat(2, 2), y)
        seen.add(x.tobytes())
    assert len(seen) == 8


def test_translate_gives_bytes_for_bytes_whatever_the_batch():
    network = nets.residual_upscaler(2, width=4, blocks=1)
    x = np.random.default_rng(0).integers(0, 256, (5, 6, 7, 3), dtype=np.uint8)
    large = translation.translate(network, x, batch_size=2)
    assert large.shape == (5, 12, 14, 3) and large.dtype == np.uint8
    np.testing.assert_array_equal(large, Translator(network).translate(x))


# --- Bad input ---------------------------------------------------------------------------------


def test_wrong_arguments_are_named():
    network, judge = nets.residual_upscaler(2, width=4, blocks=1), nets.patchgan((16, 16, 3), 4, 1)
    cases = [
        ("loss: expected one of 'l1'", lambda: Translator(network, "l3")),
        ("loss: expected one of 'l1'", lambda: Translator(network, [print])),
        ("loss: expected one term or several different", lambda: Translator(network, ["l1", L1(2.0)])),
        ("loss: expected one term or several different", lambda: Translator(network, [])),
        ("discriminator: expected a network with, and only with", lambda: Translator(network, "adversarial")),
        ("discriminator: expected a network with, and only with", lambda: Translator(network, "l1", judge)),
        (
            "discriminator: expected a model of 3 channels",
            lambda: Translator(network, "adversarial", nets.patchgan((16, 16, 4), 4, 1)),
        ),
        ("penalty_weight", lambda: Translator(network, penalty_weight=-1)),
        ("weight", lambda: L1(-1.0)),
        ("kind", lambda: Adversarial(kind="logistic")),
        ("network", lambda: Feature("vgg")),
        ("centres", lambda: BinCrossEntropy(np.zeros(3), 1.0)),
        ("class_weights", lambda: BinCrossEntropy(np.zeros((3, 2)), 1.0, np.ones(2))),
        ("batch_size", lambda: Batches(None, 4, 5)),
        (
            "source",
            lambda: translation.augmented_pairs(np.zeros((2, 4, 6, 3), np.uint8), np.zeros((2, 8, 8, 3), np.uint8)),
        ),
        (
            "target",
            lambda: translation.augmented_pairs(np.zeros((2, 4, 4, 3), np.uint8), np.zeros((3, 8, 8, 3), np.uint8)),
        ),
        ("images", lambda: translation.translate(network, np.zeros((1, 4, 4, 3)))),
        ("factor", lambda: nets.residual_upscaler(1)),
        ("stride", lambda: nets.free_unet(1, 1, stride=3)),
        ("discriminator_optimizer", lambda: make(compiled=False).compile("adam", "adam")),
    ]
    for message, call in cases:
        with pytest.raises(ValueError, match=message):
            call()
    shared = keras.optimizers.Adam()
    with pytest.raises(ValueError, match="discriminator_optimizer: expected an optimizer of its own"):
        make("adversarial", compiled=False).compile(shared, shared)


def test_wrong_images_are_refused_before_training():
    x, y = pairs()
    model = make()
    for bad_x, bad_y, name in ((x, np.uint8(255 * abs(y)), "y"), (127 * (x + 1), y, "x"), (x, None, "y")):
        with pytest.raises(ValueError, match=f"^{name}: expected"):
            model.fit(bad_x, bad_y, batch_size=8, epochs=1, verbose=0)
    assert int(model.optimizer.iterations) == 0


def test_nan_stops_and_keeps_the_last_good_weights():
    x, y = pairs()
    model = make(rate=1e30, optimizer=keras.optimizers.SGD)
    with pytest.raises(TrainingDiverged, match="learning rate 1e.30"):
        model.fit(x, y, batch_size=8, epochs=5, verbose=0)
    assert all(np.isfinite(w).all() for w in copy(model.network))
