"""Ablation, saliency and activation directions on networks whose answers are known in closed form."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from course_lib import interpret, latent, nets

Z = np.random.default_rng(0).standard_normal((96, 3)).astype(np.float32)
# Unit k of the layer "units" is 2 · z_k; it alone paints row k of the picture, with brightness z_k.


def painter():
    z = keras.Input((3,))
    units = layers.Dense(3, use_bias=False, name="units", kernel_initializer=keras.initializers.Identity(2.0))(z)
    rows = layers.Reshape((3, 1, 1), name="rows")(units)
    image = layers.Rescaling(0.5)(layers.UpSampling2D((1, 4))(rows))
    return keras.Model(z, image)


# --- Units -------------------------------------------------------------------------------------


def test_a_model_is_the_composition_of_its_halves():
    keras.utils.set_random_seed(0)
    model = nets.subpixel_generator((8, 8, 1), 3, width=4)
    for layer in (model.layers[3].name, "subpixels"):
        head, tail = interpret.split(model, layer)
        np.testing.assert_allclose(tail(head(Z)), model(Z), atol=1e-6)


def test_switching_off_a_unit_changes_what_it_paints_and_nothing_else():
    effects = interpret.unit_effects(painter(), "units", Z)
    assert effects.change.shape == (3, 3, 4)
    for unit in range(3):
        np.testing.assert_allclose(effects.change[unit, unit], np.abs(Z[:, unit]).mean(), rtol=1e-5)
        assert not np.delete(effects.change[unit], unit, axis=0).any()
    np.testing.assert_allclose(effects.activity, 2 * np.abs(Z).mean(0), rtol=1e-5)
    np.testing.assert_array_equal(effects.ranked(), np.argsort(-np.abs(Z).mean(0)))


def test_scores_tell_which_attribute_a_unit_carries():
    def score(images):
        return {"top": images[:, 0, :1, 0], "all": images[:, :, 0, 0]}

    effects = interpret.unit_effects(painter(), "units", Z, score)
    assert effects.scores["top"].shape == (3, 1)
    np.testing.assert_allclose(effects.scores["top"][:, 0], [-Z[:, 0].mean(), 0, 0], atol=1e-6)
    np.testing.assert_allclose(effects.scores["all"], -np.diag(Z.mean(0)), atol=1e-6)


def test_a_unit_set_to_its_mean_keeps_the_mean_picture():
    model = painter()
    effects = interpret.unit_effects(
        model, "units", Z, lambda images: {"mean": images[:, :, 0, 0]}, to="mean", units=[1]
    )
    assert effects.change.shape == (1, 3, 4)
    np.testing.assert_allclose(effects.scores["mean"], np.zeros((1, 3)), atol=1e-6)
    np.testing.assert_allclose(effects.change[0, 1], np.abs(Z[:, 1] - Z[:, 1].mean()).mean(), rtol=1e-5)


def test_feature_maps_have_one_unit_a_channel():
    keras.utils.set_random_seed(0)
    model = nets.subpixel_generator((8, 8, 3), 3, width=4)
    layer = next(each.name for each in model.layers if each.name.startswith("leaky"))
    effects = interpret.unit_effects(model, layer, Z[:8])
    channels = model.get_layer(layer).output.shape[-1]
    assert effects.change.shape == (channels, 8, 8) and effects.activity.shape == (channels,)
    assert (effects.change.max(axis=(1, 2)) > 0).any()


# --- Saliency ----------------------------------------------------------------------------------

W = np.random.default_rng(1).standard_normal((4, 5, 2)).astype(np.float32)
X = np.random.default_rng(2).uniform(-1, 1, (3, 4, 5, 2)).astype(np.float32)


def linear(x):
    return tf.reduce_sum(x * W, axis=[1, 2, 3])


def test_the_gradient_of_a_linear_score_is_its_weights_with_and_without_noise():
    for got in (interpret.gradient(linear, X), interpret.smooth_gradient(linear, X, 0.3, 4)):
        np.testing.assert_allclose(got, np.broadcast_to(W, X.shape), rtol=1e-5)


def test_rows_do_not_mix():
    got = interpret.gradient(lambda x: tf.reduce_sum(x**3, axis=[1, 2, 3]), X)
    np.testing.assert_allclose(got, 3 * X**2, rtol=1e-4, atol=1e-6)


def test_noise_smooths_a_ripple_that_says_nothing_about_the_whole():
    """sin(ωx)/ω has slope cos(ωx); over noise of deviation σ its mean is exp(−ω²σ²/2) cos(ωx), nearly 0."""

    def rippled(x):
        return tf.reduce_sum(x + tf.sin(40 * x) / 4, axis=[1, 2, 3])

    rough = interpret.gradient(rippled, X)
    smooth = interpret.smooth_gradient(rippled, X, noise=0.15, samples=60)
    assert np.abs(rough - 1).mean() > 5
    assert np.abs(smooth - 1).mean() < 1.2
    again = interpret.smooth_gradient(rippled, X, noise=0.15, samples=60)
    np.testing.assert_array_equal(smooth, again)
    np.testing.assert_allclose(interpret.smooth_gradient(rippled, X, noise=0.0, samples=2), rough, rtol=1e-5)


def test_the_gradient_passes_through_a_generator_to_z():
    model = painter()
    got = interpret.gradient(lambda z: tf.reduce_mean(model(z)[:, 1], axis=[1, 2]), Z[:4])
    np.testing.assert_allclose(got, np.tile([0, 1, 0], (4, 1)), atol=1e-6)


def test_maps_are_between_0_and_1_and_empty_for_no_gradient():
    slope = np.zeros((2, 10, 10, 3))
    slope[0, 2, 3] = [0.1, -4, 1]
    maps = interpret.saliency_map(slope)
    assert maps.shape == (2, 10, 10) and maps.max() == 1
    assert np.argwhere(maps[0]).tolist() == [[2, 3]] and not maps[1].any()
    np.testing.assert_allclose(interpret.saliency_map(5 * slope), maps)


# --- Directions --------------------------------------------------------------------------------


def test_directions_of_a_linear_layer_are_its_right_singular_vectors():
    rng = np.random.default_rng(3)
    left, right = (np.linalg.qr(rng.standard_normal((n, n)))[0] for n in (6, 4))
    singular = np.array([5.0, 3.0, 1.0, 0.5])
    weights = left[:, :4] * singular @ right.T  # (6, 4)
    z = keras.Input((4,))
    model = keras.Model(z, layers.Reshape((1, 6, 1))(layers.Dense(6, use_bias=False, name="linear")(z)))
    model.set_weights([weights.T])
    draws = rng.standard_normal((3000, 4))
    draws = (draws - draws.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(draws.T))).T  # exactly white
    directions, shares = interpret.activation_directions(model, "linear", draws, 3)
    np.testing.assert_allclose(np.abs(directions @ right[:, :3]), np.eye(3), atol=1e-3)
    np.testing.assert_allclose(shares, singular[:3] ** 2 / (singular**2).sum(), rtol=1e-4)


def test_they_differ_from_the_principal_directions_of_z_which_know_nothing_of_the_network():
    model = painter()
    model.set_weights([np.diag([0.1, 1.0, 5.0])])
    z = Z * [5.0, 1.0, 0.5]
    directions, _ = interpret.activation_directions(model, "units", z, 1)
    assert np.abs(directions[0]).argmax() == 2
    assert np.abs(latent.principal_directions(z, 1)[0][0]).argmax() == 0


# --- Bad input ---------------------------------------------------------------------------------


def test_wrong_arguments_are_named():
    model = painter()
    with pytest.raises(ValueError, match="layer: expected one of"):
        interpret.split(model, "nothing")
    with pytest.raises(ValueError, match="layer: expected a layer that all of the computation passes"):
        x = keras.Input((4,))
        a = layers.Dense(4, name="a")(x)
        interpret.split(keras.Model(x, layers.Add()([x, a])), "a")
    with pytest.raises(ValueError, match="to: expected one of 'zero', 'mean'"):
        interpret.unit_effects(model, "units", Z, to="one")
    with pytest.raises(ValueError, match="units: expected units from 0 to 2"):
        interpret.unit_effects(model, "units", Z, units=[3])
    with pytest.raises(ValueError, match=r"score: expected a function that returns shape \(3,\)"):
        interpret.gradient(lambda x: x, X)
    with pytest.raises(ValueError, match="score: expected a differentiable function of x"):
        interpret.gradient(lambda x: tf.zeros(3), X)
    with pytest.raises(ValueError, match="samples"):
        interpret.smooth_gradient(linear, X, samples=0)
    with pytest.raises(ValueError, match=r"k: expected at most min\(N - 1, d\) = 3"):
        interpret.activation_directions(model, "units", Z, 4)
    with pytest.raises(ValueError, match="slope: expected shape"):
        interpret.saliency_map(np.zeros((2, 2)))
