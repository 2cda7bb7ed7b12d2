"""Shapes, ranges, round trips and structure of every network."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from course_lib import nets
from course_lib._layers import MinibatchStd, RegionColours

SHAPES = [(28, 28, 1), (64, 64, 3), (16, 24, 3)]


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_and_ranges(shape):
    x = np.random.default_rng(0).uniform(-1, 1, (2, *shape)).astype(np.float32)
    z = 10 * np.random.default_rng(1).normal(size=(2, 5)).astype(np.float32)
    assert [tuple(t.shape) for t in nets.conv_encoder(shape, 5, 4)(x)] == [(2, 5), (2, 5)]
    assert nets.conv_decoder(shape, 5, 4)(z).shape == x.shape
    for generator in (nets.dcgan_generator, nets.subpixel_generator, nets.region_generator):
        fake = generator(shape, 5, 4)(z)
        assert fake.shape == x.shape
        assert np.abs(fake).max() <= 1
    for discriminator in (nets.dcgan_discriminator, nets.subpixel_discriminator):
        assert discriminator(shape, 4)(x).shape == (2, 1)
    assert nets.unet(shape, 7, 4)(x).shape == (2, *shape[:2], 7)


@pytest.mark.parametrize("builder", [nets.dcgan_discriminator, nets.subpixel_discriminator])
def test_discriminator_gives_logits_and_treats_examples_independently(builder):
    network = builder((16, 16, 1), 4)
    assert network.layers[-1].activation is keras.activations.linear
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in network.layers)
    x = np.random.default_rng(0).normal(size=(4, 16, 16, 1)).astype(np.float32)
    np.testing.assert_allclose(network(x, training=True)[:1], network(x[:1], training=True), atol=1e-5)


def test_minibatch_deviation_is_one_number_for_the_batch():
    x = np.random.default_rng(0).normal(size=(5, 3, 2, 4)).astype(np.float32)
    y = MinibatchStd()(x).numpy()
    np.testing.assert_array_equal(y[..., :4], x)
    np.testing.assert_allclose(y[..., 4], np.full((5, 3, 2), x.std(axis=0).mean()), rtol=1e-5)
    shuffled = MinibatchStd()(x[[3, 1, 4, 0, 2]]).numpy()
    np.testing.assert_allclose(shuffled[..., 4], y[..., 4], rtol=1e-6)


def test_minibatch_deviation_of_equal_images_is_zero_with_a_finite_gradient():
    x = tf.ones((1, 2, 2, 3))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = MinibatchStd()(x)
    assert np.abs(y[..., 3]).max() < 1e-3
    assert np.isfinite(tape.gradient(y, x)).all()


def test_discriminator_with_minibatch_deviation_sees_its_batch_and_survives_saving(tmp_path):
    keras.utils.set_random_seed(0)
    network = nets.subpixel_discriminator((16, 16, 1), 4, minibatch_std=True)
    x = np.random.default_rng(0).normal(size=(4, 16, 16, 1)).astype(np.float32)
    varied, copies = network(x)[0], network(np.repeat(x[:1], 4, axis=0))[0]
    assert abs(float(varied[0] - copies[0])) > 1e-3
    network.save(tmp_path / "network.keras")
    np.testing.assert_allclose(keras.models.load_model(tmp_path / "network.keras")(x), network(x), atol=1e-6)


def test_hard_regions_get_their_mean_colours_and_keep_nothing_else():
    rng = np.random.default_rng(0)
    picture, label = rng.uniform(-1, 1, (2, 6, 5, 3)).astype(np.float32), rng.integers(0, 3, (2, 6, 5))
    logits = 80 * np.eye(4, dtype=np.float32)[label]  # region 3 is empty
    flat = RegionColours()([picture, logits]).numpy()
    for image, places, given in zip(picture, label, flat, strict=True):
        for region in range(3):
            mean = image[places == region].mean(axis=0)
            np.testing.assert_allclose(
                given[places == region], np.broadcast_to(mean, (sum(sum(places == region)), 3)), atol=1e-3
            )


def test_soft_regions_mix_colours_within_the_pictures_range():
    rng = np.random.default_rng(1)
    picture, logits = rng.uniform(-1, 1, (3, 8, 8, 3)), rng.normal(0, 3, (3, 8, 8, 5))
    flat = RegionColours()([tf.constant(picture, "float32"), tf.constant(logits, "float32")]).numpy()
    low, high = picture.min(axis=(1, 2), keepdims=True), picture.max(axis=(1, 2), keepdims=True)
    assert (flat >= low).all() and (flat <= high).all()
    share = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    colours = np.einsum("nhwk,nhwc->nkc", share, picture) / share.sum(axis=(1, 2))[..., None]
    np.testing.assert_allclose(flat, np.einsum("nhwk,nkc->nhwc", share, colours), atol=1e-3)
    even = RegionColours()([tf.constant(picture, "float32"), tf.zeros((3, 8, 8, 5))]).numpy()
    np.testing.assert_allclose(even, np.broadcast_to(picture.mean(axis=(1, 2), keepdims=True), even.shape), atol=1e-4)


def test_region_generator_of_one_region_draws_one_colour_and_trains_in_both_parts():
    z = tf.constant(np.random.default_rng(0).normal(size=(3, 5)), "float32")
    one = nets.region_generator((16, 16, 3), 5, 4, regions=1)(z).numpy()
    assert np.ptp(one, axis=(1, 2)).max() < 1e-5 and np.ptp(one, axis=0).max() > 1e-4
    network = nets.region_generator((16, 16, 3), 5, 4, regions=3)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(network(z, training=True)[:, ::2] ** 2)
    gradients = tape.gradient(loss, network.trainable_variables)
    assert all(g is not None and np.isfinite(g).all() for g in gradients)
    assert all(np.abs(g).max() > 0 for g in gradients[-4:])  # the two convolutions at full resolution
    with pytest.raises(ValueError, match="^regions"):
        nets.region_generator((16, 16, 3), 5, regions=0)


def test_region_generator_survives_saving(tmp_path):
    network = nets.region_generator((8, 8, 1), 5, 4, regions=3)
    z = np.random.default_rng(0).normal(size=(2, 5)).astype(np.float32)
    network.save(tmp_path / "network.keras")
    np.testing.assert_allclose(keras.models.load_model(tmp_path / "network.keras")(z), network(z), atol=1e-6)


def test_transposed_convolutions_have_even_overlap():
    generators = (nets.dcgan_generator((64, 64, 3), 5, 4), nets.subpixel_generator((64, 64, 3), 5, 4))
    for network in (*generators, nets.conv_decoder((28, 28, 1), 5, 4)):
        transposed = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2DTranspose)]
        assert transposed
        assert all(layer.kernel_size[0] % layer.strides[0] == 0 for layer in transposed)


def test_generator_has_no_batchnorm_before_its_tanh():
    *_, before, last = nets.dcgan_generator((16, 16, 1), 5, 4).layers
    assert last.activation is keras.activations.tanh
    assert not isinstance(before, keras.layers.BatchNormalization)


def test_classifier_has_one_head_for_each_name_and_a_features_layer():
    network = nets.classifier((16, 16, 3), {"hair": 6, "skin": 3}, width=4, feature_dim=12)
    logits = network(np.zeros((2, 16, 16, 3), np.float32))
    assert {name: tuple(t.shape) for name, t in logits.items()} == {"hair": (2, 6), "skin": (2, 3)}
    assert network.get_layer("features").output.shape == (None, 12)


def test_patchgan_judges_patches():
    logits = nets.patchgan((32, 48, 3), width=4, depth=2)(np.zeros((1, 32, 48, 3), np.float32))
    assert logits.shape == (1, 8, 12, 1)


def test_patchgan_patch_size_is_the_documented_one():
    network = nets.patchgan((128, 128, 1), width=2, depth=3)
    base = np.zeros((1, 128, 128, 1), np.float32)
    seen = []
    for column in range(128):  # which columns can move the logit in the middle?
        x = base.copy()
        x[0, 64, column] = 1
        seen.append(not np.allclose(network(x)[0, 8, 8], network(base)[0, 8, 8], atol=0))
    assert np.ptp(np.flatnonzero(seen)) + 1 <= 46
    assert np.ptp(np.flatnonzero(seen)) + 1 >= 40


def test_upscaler_starts_from_the_repeated_input_and_takes_any_size():
    network = nets.subpixel_upscaler(3, channels=3, width=4, depth=1)
    x = np.random.default_rng(0).normal(size=(1, 5, 7, 3)).astype(np.float32)
    last = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)][-1]
    last.set_weights([np.zeros_like(w) for w in last.get_weights()])
    np.testing.assert_allclose(network(x), x.repeat(3, 1).repeat(3, 2))


def test_depth_to_space_rearranges_one_pixel_into_a_block():
    x = np.arange(12, dtype=np.float32).reshape(1, 1, 1, 12)
    np.testing.assert_array_equal(nets.DepthToSpace(2)(x)[0, ..., 0], [[0, 3], [6, 9]])


def largest_singular_value(kernel):
    return np.linalg.norm(np.reshape(kernel, (-1, kernel.shape[-1])), 2)


@pytest.mark.parametrize("inner", [keras.layers.Dense(6), keras.layers.Conv2D(6, 3, use_bias=False)])
def test_spectral_norm_converges_to_the_largest_singular_value_and_divides_by_it(inner):
    keras.utils.set_random_seed(0)
    layer = nets.SpectralNorm(inner)
    x = np.random.default_rng(0).normal(size=(2, 5, 5, 4)).astype(np.float32)
    layer(x)
    inner.set_weights([10 * np.random.default_rng(1).normal(size=w.shape) for w in inner.get_weights()])
    kernel = np.array(inner.kernel)
    for _ in range(200):
        normalised = layer(x, training=True)
    np.testing.assert_array_equal(inner.kernel, kernel)  # the trained weight itself is left alone
    sigma = largest_singular_value(kernel)
    np.testing.assert_allclose(layer.sigma(), sigma, rtol=1e-4)
    inner.kernel.assign(kernel / sigma)
    np.testing.assert_allclose(normalised, inner(x), rtol=1e-3, atol=1e-3)


def test_spectral_norm_moves_its_vector_only_in_training():
    layer = nets.SpectralNorm(keras.layers.Dense(3))
    x = np.ones((1, 4), np.float32)
    layer(x)
    before = np.array(layer.u)
    layer(x)
    np.testing.assert_array_equal(layer.u, before)
    layer(x, training=True)
    assert not np.allclose(layer.u, before)


def test_spectral_norm_refuses_layers_that_it_would_get_wrong():
    for layer in (keras.layers.Dense(3, activation="relu"), keras.layers.Conv2DTranspose(3, 4), keras.layers.Flatten()):
        with pytest.raises(ValueError, match="layer: expected"):
            nets.SpectralNorm(layer)


def test_discriminator_with_spectral_norm_stays_flat():
    """Each kernel becomes 1 in norm, so the logit moves at most as fast as the product of the operators' bounds."""
    keras.utils.set_random_seed(0)
    network = nets.dcgan_discriminator((16, 16, 1), 4, spectral_norm=True)
    wrappers = [layer for layer in network.layers if isinstance(layer, nets.SpectralNorm)]
    assert len(wrappers) == 4
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8, 16, 16, 1)).astype(np.float32)
    for wrapper in wrappers:
        wrapper.layer.kernel.assign(100 * wrapper.layer.kernel)
    for _ in range(200):
        network(x, training=True)
    # A convolution's operator norm is at most the square root of the kernel's size times the reshaped kernel's norm.
    bound = np.prod([np.sqrt(np.prod(w.layer.kernel.shape[:-2])) for w in wrappers])
    step = 1e-2 * rng.normal(size=x.shape).astype(np.float32)
    change = np.abs(network(x + step) - network(x))[:, 0]
    assert np.all(change <= 1.001 * bound * np.linalg.norm(step.reshape(8, -1), axis=1))
    assert change.max() > 0


@pytest.mark.parametrize(
    "make",
    [
        lambda: nets.dcgan_generator((16, 16, 3), 5, 4),
        lambda: nets.dcgan_discriminator((16, 16, 3), 4, spectral_norm=True),
        lambda: nets.unet((16, 16, 1), 2, 4),
        lambda: nets.subpixel_upscaler(2, width=4, depth=1),
        lambda: nets.classifier((16, 16, 1), {"a": 2}, 4, 8),
    ],
)
def test_networks_survive_saving(make, tmp_path):
    network = make()
    network.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras")
    x = np.random.default_rng(0).normal(size=(1, *[side or 8 for side in network.input_shape[1:]])).astype(np.float32)
    old, new = network(x), loaded(x)
    if isinstance(old, dict):
        old, new = old["a"], new["a"]
    np.testing.assert_allclose(old, new, rtol=1e-6)


@pytest.mark.parametrize("shape", [(30, 30, 1), (4, 4, 1), (28, 28)])
def test_impossible_image_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="image_shape: expected"):
        nets.dcgan_generator(shape, 5)


def test_other_bad_arguments_are_named():
    with pytest.raises(ValueError, match="width"):
        nets.dcgan_discriminator((16, 16, 1), 0)
    with pytest.raises(ValueError, match="factor"):
        nets.subpixel_upscaler(1)
    with pytest.raises(ValueError, match="depth"):
        nets.patchgan((16, 16, 1), depth=0)


def test_space_to_depth_undoes_depth_to_space():
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 12)).astype(np.float32)
    np.testing.assert_array_equal(nets.SpaceToDepth(2)(nets.DepthToSpace(2)(x)), x)
