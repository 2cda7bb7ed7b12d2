"""Style transfer: distances with closed forms, AdaIN's moments, painting pictures of any size, the feature networks."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from course_lib import _feature_networks, _style_nets, images, losses, style, zoo

RNG = np.random.default_rng(0)
PHOTO = RNG.integers(0, 256, (40, 56, 3), dtype=np.uint8)
FIRST = np.tile(np.linspace(0, 255, 48).astype(np.uint8)[:, None, None], (1, 40, 3))
SECOND = images.resize(RNG.integers(0, 256, (1, 9, 12, 3), dtype=np.uint8), (36, 48))[0]
OFFLINE = ["random", "lite0", *(["course"] if "style-features" in zoo.names() else [])]


def small_network(seed=0):
    """Return a narrow network with calibrated activations, as a ``FeatureNetwork``."""
    model = _style_nets.style_features(width=4)
    rng = np.random.default_rng(seed)
    model.set_weights([rng.standard_normal(w.shape, dtype=np.float32) for w in model.get_weights()])
    _style_nets.calibrate(model, rng.uniform(-1, 1, (2, 48, 48, 3)).astype(np.float32))
    return style.FeatureNetwork(model, "block2_relu1", ("block1_relu1", "block2_relu2", "block4_relu1"))


@pytest.fixture(scope="module")
def painter():
    return style.StyleTransfer(small_network())


def maps(seed, height, width, channels=5, dtype=np.float64):
    return np.random.default_rng(seed).normal(1, 2, (1, height, width, channels)).astype(dtype)


# --- Gram matrices ---------------------------------------------------------------------------


def kernel_mmd(x, y):
    """Squared MMD of two sets of positions (n, C) and (m, C) with the kernel (x·y)², all pairs included."""
    return ((x @ x.T) ** 2).mean() + ((y @ y.T) ** 2).mean() - 2 * ((x @ y.T) ** 2).mean()


@pytest.mark.parametrize("shape", [(3, 4), (7, 5), (1, 1)])
def test_the_style_loss_is_a_squared_mmd_also_for_different_sizes(shape):
    a, b = maps(0, 6, 4), maps(1, *shape)
    expected = kernel_mmd(a.reshape(-1, 5), b.reshape(-1, 5)) / 25
    assert float(losses.style_loss(a, b)) == pytest.approx(expected, rel=1e-12)


def test_for_equal_sizes_it_is_four_times_the_layer_loss_of_gatys():
    a, b = maps(0, 6, 4), maps(1, 6, 4)
    channels, positions = 5, 24
    unnormalised = [x.reshape(-1, 5).T @ x.reshape(-1, 5) for x in (a, b)]
    gatys = ((unnormalised[0] - unnormalised[1]) ** 2).sum() / (4 * channels**2 * positions**2)
    assert float(losses.style_loss(a, b)) == pytest.approx(4 * gatys, rel=1e-12)


def test_the_gram_matrix_does_not_know_where_the_positions_are():
    a = maps(0, 6, 4)
    shuffled = np.random.default_rng(1).permutation(a.reshape(24, 5)).reshape(1, 4, 6, 5)
    np.testing.assert_allclose(losses.gram(shuffled), losses.gram(a), rtol=1e-12)
    assert np.abs(losses.gram(a[..., ::-1]) - losses.gram(a)).max() > 0.1, "channels do count"


def test_the_gradient_of_the_style_loss_agrees_with_finite_differences():
    a, b = maps(0, 3, 4), maps(1, 5, 2)
    with tf.GradientTape() as tape:
        x = tf.constant(a)
        tape.watch(x)
        loss = losses.style_loss(x, b)
    gradient = tape.gradient(loss, x).numpy()
    for place in [(0, 0, 0, 0), (0, 2, 3, 4), (0, 1, 2, 1)]:
        moved = [a.copy(), a.copy()]
        moved[0][place] += 1e-5
        moved[1][place] -= 1e-5
        slope = (losses.style_loss(moved[0], b) - losses.style_loss(moved[1], b)) / 2e-5
        assert gradient[place] == pytest.approx(float(slope), rel=1e-6)


def test_a_gram_matrix_of_half_precision_does_not_overflow():
    large = np.full((1, 64, 64, 2), 10, np.float16)  # 4,096 · 100 is beyond float16
    np.testing.assert_allclose(losses.gram(large), np.full((1, 2, 2), 100), rtol=1e-3)


def test_gram_matrices_refuse_bytes_and_other_channels():
    with pytest.raises(ValueError, match="features: expected floating-point"):
        losses.gram(np.zeros((1, 2, 2, 3), np.uint8))
    with pytest.raises(ValueError, match="style_features"):
        losses.style_loss(maps(0, 3, 3), maps(0, 3, 3, channels=4))


# --- Relative errors -------------------------------------------------------------------------


def test_relative_errors_are_zero_for_the_same_and_one_for_nothing():
    a, b = maps(0, 6, 4), maps(1, 6, 4)
    grams = {"one": losses.gram(a), "two": losses.gram(b)}
    assert float(style.relative_style_loss(grams, grams)) == 0
    nothing = {name: tf.zeros_like(g) for name, g in grams.items()}
    assert float(style.relative_style_loss(nothing, grams)) == pytest.approx(1)
    assert float(style.relative_content_loss(a, a)) == 0
    mean = np.broadcast_to(a.mean(axis=(1, 2), keepdims=True), a.shape)
    assert float(style.relative_content_loss(mean, tf.constant(a))) == pytest.approx(1, rel=1e-5)


def test_relative_errors_do_not_depend_on_the_scale_of_the_features():
    a, b = maps(0, 6, 4), maps(1, 6, 4)
    loss = [
        float(style.relative_style_loss({"x": losses.gram(k * a)}, {"x": losses.gram(k * b)})) for k in (1.0, 100.0)
    ]
    assert loss[0] == pytest.approx(loss[1], rel=1e-9)


def test_mixing_targets_is_mixing_losses():
    """Σ w‖G − Gₖ‖² = ‖G − Σ w Gₖ‖² + constant, so that two styles cost what one costs."""
    grams = [np.asarray(losses.gram(maps(k, 6, 4))) for k in range(4)]
    mean = 0.3 * grams[0] + 0.7 * grams[1]
    gaps = [
        0.3 * ((g - grams[0]) ** 2).sum() + 0.7 * ((g - grams[1]) ** 2).sum() - ((g - mean) ** 2).sum()
        for g in grams[2:]
    ]
    assert gaps[0] == pytest.approx(gaps[1])


def test_total_variation_of_known_pictures():
    flat, board = np.ones((1, 4, 6, 3), np.float32), np.indices((4, 6)).sum(axis=0)[None, ..., None] % 2
    assert float(style.total_variation(flat)) == 0
    assert float(style.total_variation(board.astype(np.float32))) == 2
    steps = np.arange(6, dtype=np.float32)[None, None, :, None] * np.ones((1, 4, 1, 1), np.float32)
    assert float(style.total_variation(steps)) == 1


def test_checkerboards_of_known_pictures():
    board = (np.indices((8, 12)).sum(axis=0) % 2)[..., None]
    assert style.checkerboard(board, 2) == pytest.approx(1)
    assert style.checkerboard(np.full((8, 8, 3), 7), 2) == 0
    noise = np.random.default_rng(0).normal(size=(200, 200, 3))
    assert style.checkerboard(noise, 2) < 5 * 4 / 200**2
    assert style.checkerboard(noise[:, :199] + 3 * (np.arange(199) % 4 == 0)[None, :, None], 4) > 0.4
    with pytest.raises(ValueError, match="period"):
        style.checkerboard(board, 9)


# --- AdaIN -----------------------------------------------------------------------------------


def test_adain_gives_exactly_the_moments_of_the_style():
    content, target = maps(0, 6, 4), maps(1, 9, 3)
    out = style.adain(content, target).numpy()
    np.testing.assert_allclose(out.mean(axis=(1, 2)), target.mean(axis=(1, 2)), rtol=1e-10)
    np.testing.assert_allclose(out.std(axis=(1, 2)), target.std(axis=(1, 2)), rtol=1e-10)


def test_adain_is_idempotent_and_leaves_equal_statistics_alone():
    content, target = maps(0, 6, 4), maps(1, 9, 3)
    once = style.adain(content, target)
    np.testing.assert_allclose(style.adain(once, target), once, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(style.adain(content, content[:, ::-1]), content, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [0.0, 0.1, 1234.567])
def test_constant_channels_become_the_styles_mean_and_no_noise(value, dtype):
    content = np.full((1, 30, 30, 2), value, dtype)
    target = maps(1, 9, 3, channels=2, dtype=dtype)
    out = style.adain(content, target).numpy()
    np.testing.assert_allclose(out, np.broadcast_to(target.mean(axis=(1, 2), keepdims=True), out.shape), rtol=1e-5)


def test_a_faint_channel_is_not_taken_for_a_constant_one():
    content, target = maps(0, 6, 4), maps(1, 6, 4)
    np.testing.assert_allclose(style.adain(1e-4 * content, target), style.adain(content, target), rtol=1e-9, atol=1e-9)


def test_the_gradient_is_finite_at_constant_channels():
    x = tf.Variable(np.ones((1, 4, 4, 2), np.float32))
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(style.adain(x, maps(1, 4, 4, channels=2, dtype=np.float32)) ** 2)
        value += tf.reduce_sum(style.channel_moments(x)[1])
    assert np.isfinite(tape.gradient(value, x)).all()


def test_adain_refuses_other_channels_and_integers():
    with pytest.raises(ValueError, match="style: expected shape"):
        style.adain(maps(0, 3, 3), maps(0, 3, 3, channels=4))
    with pytest.raises(ValueError, match="floating-point"):
        style.adain(np.zeros((1, 3, 3, 2), np.int64), np.zeros((1, 3, 3, 2), np.int64))


@pytest.fixture(scope="module")
def fast():
    keras.utils.set_random_seed(0)
    return style.AdaIN(small_network().model, _style_nets.style_decoder(width=4))


def test_training_lowers_the_loss_and_leaves_the_encoder_alone(fast):
    x = images.to_float(images.resize(RNG.integers(0, 256, (16, 3, 3, 3), dtype=np.uint8), 16))
    before = [w.copy() for w in fast.encoder.get_weights()]
    fast.compile(keras.optimizers.Adam(3e-3))
    history = fast.fit(x, x[::-1].copy(), batch_size=8, epochs=4, verbose=0).history
    assert set(history) == {"loss", "content", "style", "pixels"}
    assert history["loss"][-1] < 0.9 * history["loss"][0]
    assert history["pixels"][-1] < history["pixels"][0]
    terms = np.array([history[name][-1] for name in ("content", "style", "pixels")])
    assert terms @ [1, fast.style_weight, fast.pixel_weight] == pytest.approx(history["loss"][-1], rel=1e-4)
    for old, new in zip(before, fast.encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    with pytest.raises(ValueError, match="style: expected float images"):
        fast.fit(x, x * 100)


@pytest.mark.parametrize("shape", [(40, 56, 3), (33, 61, 3), (90, 35, 3)])
def test_one_pass_works_at_any_size_and_is_deterministic(fast, shape):
    content = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    out = fast.stylise(content, [FIRST, SECOND], size=None)
    assert out.shape == shape
    assert out.dtype == np.uint8
    np.testing.assert_array_equal(out, fast.stylise(content, [FIRST, SECOND], weights=[2, 2], size=None))
    assert max(fast.stylise(content, FIRST, size=48).shape) == 48


def test_blended_statistics_are_blended_adain_maps(fast):
    content = fast.encode(PHOTO)
    both = [fast.encoder(images.to_float(s)[None])[_style_nets.DECODED] for s in (FIRST, SECOND)]
    expected = 0.25 * style.adain(content, both[0]) + 0.75 * style.adain(content, both[1])
    blended = style.match_moments(content, *fast.statistics([FIRST, SECOND], [1, 3]))
    np.testing.assert_allclose(blended, expected, atol=1e-4)


def test_strength_zero_decodes_the_content_itself(fast):
    content = fast.encode(PHOTO)
    plain = fast.decode(content, fast.statistics(FIRST), strength=0.0)
    np.testing.assert_array_equal(plain, fast.decode(content, fast.statistics(SECOND), strength=0.0))
    with pytest.raises(ValueError, match="strength"):
        fast.decode(content, fast.statistics(FIRST), strength=1.5)


# --- Painting --------------------------------------------------------------------------------


def test_painting_lowers_the_style_error_and_starts_at_the_content(painter):
    shots = list(painter.steps(PHOTO, FIRST, size=64, steps=12, scales=2, every=5, learning_rate=0.2))
    assert [shot.step for shot in shots] == [0, 5, 10, 15, 20, 24]
    assert {shot.steps for shot in shots} == {24}
    assert {shot.image.shape for shot in shots} == {(46, 64, 3)}
    assert shots[0].content == pytest.approx(0, abs=0.05)
    assert shots[-1].style < 0.5 * shots[0].style


def test_the_seed_decides_the_picture(painter):
    options = {"size": 48, "steps": 3, "scales": 1, "start": "noise"}
    first = painter.run(PHOTO, FIRST, **options)
    np.testing.assert_array_equal(first, painter.run(PHOTO, FIRST, **options))
    assert (first != painter.run(PHOTO, FIRST, seed=1, **options)).any()


def test_without_style_or_variation_the_content_stays(painter):
    out = painter.run(PHOTO, FIRST, size=None, steps=4, scales=1, strength=0.0, variation=0.0, jitter=False)
    assert np.abs(out.astype(int) - PHOTO).max() <= 1
    smooth = painter.run(PHOTO, FIRST, size=None, steps=10, scales=1, strength=0.0, variation=50.0)
    assert style.total_variation(images.to_float(smooth)[None]) < 0.9 * style.total_variation(
        images.to_float(PHOTO)[None]
    )


@pytest.mark.parametrize("shape", [(33, 47, 3), (80, 32, 3)])
def test_painting_takes_pictures_of_any_size(painter, shape):
    content = np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8)
    assert painter.run(content, SECOND, size=None, steps=2, scales=1).shape == shape


def test_another_picture_may_be_the_start(painter):
    begin = next(painter.steps(PHOTO, FIRST, size=None, scales=1, start=SECOND))
    np.testing.assert_array_equal(begin.image, images.resize(SECOND[None], (40, 56))[0])


def test_targets_are_the_weighted_mean_and_scale_matters(painter):
    one, two = painter.targets(FIRST), painter.targets(SECOND)
    both = painter.targets([FIRST, SECOND], [1, 3])
    for name in both:
        np.testing.assert_allclose(both[name], 0.25 * one[name] + 0.75 * two[name], rtol=1e-5)
    assert not np.allclose(painter.targets(SECOND, size=96)["block1_relu1"], two["block1_relu1"], rtol=1e-3)


def test_a_picture_has_no_error_against_itself(painter):
    content_error, style_error = painter.measure(PHOTO, PHOTO, PHOTO)
    assert content_error == 0
    assert style_error == pytest.approx(0, abs=1e-10)
    assert painter.measure(SECOND, PHOTO, FIRST)[0] > 0.1


def test_an_interrupt_keeps_the_last_picture(painter, monkeypatch, capsys):
    snapshots = list(painter.steps(PHOTO, FIRST, size=48, scales=1, steps=4, every=2))

    def interrupted(*args, **options):
        yield from snapshots[:2]
        raise KeyboardInterrupt

    monkeypatch.setattr(painter, "steps", interrupted)
    np.testing.assert_array_equal(painter.run(PHOTO, FIRST), snapshots[1].image)
    assert "after 2 of 4 steps" in capsys.readouterr().out


def test_another_optimizer_may_paint(painter):
    a, b = (
        painter.run(PHOTO, FIRST, size=48, scales=1, steps=3, optimizer=kind)
        for kind in (keras.optimizers.SGD, keras.optimizers.RMSprop)
    )
    assert (a != b).any()


@pytest.mark.parametrize(
    ("bad", "name"),
    [
        ({"content": PHOTO / 255.0}, "content"),
        ({"content": PHOTO[..., :1]}, "content"),
        ({"styles": []}, "styles"),
        ({"styles": [FIRST[..., 0]]}, "styles"),
        ({"weights": [1, 2]}, "weights"),
        ({"weights": [-1]}, "weights"),
        ({"weights": [0]}, "weights"),
        ({"size": 8}, "size"),
        ({"style_size": 8}, "style_size"),
        ({"strength": -1}, "strength"),
        ({"variation": float("nan")}, "variation"),
        ({"scales": 0}, "scales"),
        ({"scales": 5}, "scales"),
        ({"steps": 0}, "steps"),
        ({"start": "style"}, "start"),
        ({"learning_rate": 0}, "learning_rate"),
        ({"every": 0}, "every"),
        ({"seed": -1}, "seed"),
    ],
)
def test_bad_requests_are_refused_at_once(painter, bad, name):
    with pytest.raises(ValueError, match=name):
        painter.steps(**({"content": PHOTO, "styles": FIRST} | bad))


# --- Feature networks ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def networks():
    return {name: style.feature_network(name) for name in OFFLINE}


@pytest.mark.parametrize("name", OFFLINE)
def test_offline_networks_give_their_layers_for_any_size(networks, name):
    network = networks[name]
    features = network.model(images.to_float(PHOTO)[None], training=False)
    assert {network.content, *network.style} <= set(features)
    for key in (network.content, *network.style):
        assert np.isfinite(features[key]).all()
        assert np.std(features[key]) > 0.05, "the activations have died out"


def test_random_features_are_calibrated_and_their_seed_counts(networks):
    network = networks["random"]
    samples = style.calibration_images()
    features = network.model(samples)
    for name, maps in features.items():
        mean, square = float(tf.reduce_mean(maps)), float(tf.reduce_mean(maps**2))
        if "conv" in name:
            assert (mean, square) == pytest.approx((0, 1), abs=1e-3), name
        else:  # the ReLU of a standard normal has mean 0.40 and mean square 1/2; real activations are near that
            assert 0.25 < mean < 0.5, name
            assert 0.35 < square < 0.65, name
    again, other = style.feature_network("random"), style.feature_network("random", seed=1)
    np.testing.assert_array_equal(network.model.get_weights()[2], again.model.get_weights()[2])
    assert np.abs(network.model.get_weights()[2] - other.model.get_weights()[2]).max() > 0.01


def test_calibration_works_under_half_precision():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = _style_nets.style_features(width=4)
    finally:
        keras.config.set_dtype_policy(before)
    x = np.random.default_rng(0).uniform(-1, 1, (2, 48, 48, 3)).astype(np.float32)
    maps = _style_nets.calibrate(model, x)(x)
    for name in ("block1_conv1", "block4_conv1"):  # bfloat16 has 8 significant bits
        values = np.asarray(tf.cast(maps[name], "float32"))
        assert (values.mean(), values.std()) == pytest.approx((0, 1), abs=0.03), name


def strided():
    keras.utils.set_random_seed(1)
    image = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 3, strides=2, padding="same", use_bias=False, name="first")(image)
    x = keras.layers.ReLU(name="relu")(x)
    x = keras.layers.DepthwiseConv2D(3, 2, padding="same", use_bias=False, name="second")(x)
    return keras.Model(image, keras.layers.MaxPooling2D(2)(x))


def test_smooth_copies_keep_weights_and_sizes():
    model = strided()
    copy = _style_nets.smooth(model)
    for old, new in zip(model.get_weights(), copy.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    x = np.ones((1, 32, 48, 3), np.float32)
    assert copy(x).shape == model(x).shape
    # Inside a flat picture the average over a block of equal values is the value: the first layer is unchanged there.
    first = [keras.Model(m.input, m.layers[1].output)(x).numpy()[:, 2:-2, 2:-2] for m in (model, copy)]
    np.testing.assert_allclose(first[0], first[1], rtol=1e-5)
    reloaded = _style_nets.SmoothStride.from_config(copy.layers[1].get_config())
    assert reloaded.stride == 2
    assert reloaded.layer.strides == (1, 1)


def test_smooth_strides_have_no_checkerboard_in_the_gradient():
    def unevenness(model):
        x = tf.ones((1, 64, 64, 3))
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = tf.reduce_sum(model(x))
        return style.checkerboard(tape.gradient(value, x)[0, 8:-8, 8:-8].numpy(), 2)

    conv = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(4, 3, strides=2, padding="same")])
    assert unevenness(conv) > 0.99
    assert unevenness(_style_nets.smooth(conv)) < 1e-6


def test_lite0_is_smoothed_and_still_sees_the_same(networks):
    network = zoo.load("lite0")
    x = images.to_float(images.resize(PHOTO[None], 96))
    raw = keras.Model(network.input, network.get_layer("stage_1").output)(x, training=False).numpy().ravel()
    seen = networks["lite0"].model(x, training=False)["stage_1"].numpy().ravel()
    assert np.corrcoef(raw, seen)[0, 1] > 0.3


def test_vgg_gets_the_pixels_it_was_trained_on_and_averages():
    network = keras.applications.VGG19(include_top=False, weights=None)
    given = style.FeatureNetwork(*_feature_networks.vgg_network(network))
    expected_input = keras.applications.vgg19.preprocess_input(PHOTO[None].astype(np.float32))
    first = keras.Model(network.input, network.get_layer("block1_conv1").output)(expected_input)
    got = given.model(images.to_float(PHOTO)[None])
    np.testing.assert_allclose(got["block1_conv1"], first, rtol=1e-3, atol=1e-2)
    assert given.style == tuple(f"block{k}_conv1" for k in range(1, 6))
    assert given.content == "block4_conv2"
    assert not any(isinstance(x, keras.layers.MaxPooling2D) for x in given.model.layers[-1].layers)


def test_vgg_without_a_network_names_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr(keras.utils, "get_file", lambda *a, **k: (_ for _ in ()).throw(Exception("no route")))
    monkeypatch.setattr(keras.applications, "VGG19", lambda **k: keras.utils.get_file())
    with pytest.raises(RuntimeError, match="no route.*Connect to the network.*'course'"):
        style.feature_network("vgg")


def test_unknown_networks_are_refused():
    with pytest.raises(ValueError, match="name: expected one of 'course', 'random', 'lite0', 'vgg'"):
        style.feature_network("vgg16")
