"""Inversion under a condition, a mask and the price of the norm, step by step; and truncation."""

import keras
import numpy as np
import pytest
from scipy import stats

from course_lib import latent


@pytest.fixture(scope="module")
def decoder():
    """A linear decoder of z in R³: pictures of 4 × 4 × 1 are Az, so that z can be recovered exactly."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((3,))
    start = keras.initializers.RandomNormal(0.0, 0.1)
    x = keras.layers.Dense(16, use_bias=False, kernel_initializer=start)(inputs)
    return keras.Model(inputs, keras.layers.Reshape((4, 4, 1))(x))


@pytest.fixture(scope="module")
def told():
    """A linear decoder of z in R³ and c in R²: pictures of 4 × 4 × 1 are Az + Bc."""
    keras.utils.set_random_seed(1)
    z, c = keras.Input((3,)), keras.Input((2,))
    start = [keras.initializers.RandomNormal(0.0, 0.08, seed=seed) for seed in (0, 1)]
    parts = [
        keras.layers.Dense(16, use_bias=False, kernel_initializer=s)(x) for s, x in zip(start, (z, c), strict=True)
    ]
    return keras.Model([z, c], keras.layers.Reshape((4, 4, 1))(keras.layers.Add()(parts)))


def picture(level=-0.5, n=1):
    return np.full((n, 4, 4, 1), level, np.float32)


# --- Inversion -------------------------------------------------------------------------------


def test_a_condition_is_held_while_z_is_sought(told):
    z = np.random.default_rng(8).standard_normal((4, 3)).astype(np.float32)
    c = np.eye(2, dtype=np.float32)[[0, 1, 0, 1]]
    images = told.predict([z, c], verbose=0)
    found, errors = latent.invert(told, images, steps=400, restarts=1, condition=c)
    np.testing.assert_allclose(found, z, atol=1e-3)
    _, worse = latent.invert(told, images, steps=400, restarts=1, condition=c[::-1])
    assert errors.max() < 1e-6 < worse.min()
    same, _ = latent.invert(lambda z, c: told([z, c]), images, steps=400, restarts=1, condition=c, latent_dim=3)
    np.testing.assert_allclose(same, found, atol=1e-5)


def test_pixels_outside_the_mask_do_not_count(decoder):
    z = np.random.default_rng(9).standard_normal((2, 3)).astype(np.float32)
    images = decoder.predict(z, verbose=0)
    mask = np.zeros((2, 4, 4), bool)
    mask[0, :3], mask[1, 1:] = True, True
    damaged = np.where(mask[..., None], images, 0.9).astype(np.float32)
    found, errors = latent.invert(decoder, damaged, steps=400, restarts=1, mask=mask)
    np.testing.assert_allclose(found, z, atol=2e-3)
    assert errors.max() < 1e-6
    whole, _ = latent.invert(decoder, images, steps=40, restarts=1, mask=np.ones((4, 4), bool))
    np.testing.assert_allclose(whole, latent.invert(decoder, images, steps=40, restarts=1)[0])


def test_the_norm_weight_keeps_z_where_the_prior_has_its_mass():
    inputs = keras.Input((64,))
    total = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")(inputs)
    decoder = keras.Model(inputs, keras.layers.Reshape((1, 1, 1))(total * 0.01))
    far = np.full((1, 1, 1, 1), -0.95, np.float32)  # reached only by a z of norm 11.9
    plain, held = (
        np.linalg.norm(latent.invert(decoder, far, steps=300, restarts=1, norm_weight=w)[0]) for w in (0.0, 10.0)
    )
    assert plain == pytest.approx(10, abs=0.01)  # stopped only by the bound √d + 2
    assert held == pytest.approx(8, abs=0.2)


def test_progress_is_reported_and_a_paused_inversion_ends_where_an_unbroken_one_does(decoder):
    images, seen = picture(-0.1, n=2), []
    found, errors = latent.invert(
        decoder, images, steps=12, restarts=2, callback=lambda one: seen.append((one.done, one.best()[1].max()))
    )
    assert [done for done, _ in seen] == list(range(1, 13))
    assert seen[-1][1] < seen[0][1] and seen[-1][1] == errors.max()
    paused = latent.inversion(decoder, images, steps=12, restarts=2)
    again = latent.inversion(paused.objective, images, steps=12, restarts=2).advance(12)
    paused.advance(5).best()
    np.testing.assert_array_equal(paused.advance(100).best()[0], found)
    np.testing.assert_array_equal(again.best()[0], found)
    assert paused.done == 12


def test_one_step_is_adams():
    """The first step of Adam has the length of the rate in every coordinate, against the sign of the gradient."""
    inputs = keras.Input((2,))
    decoder = keras.Model(inputs, keras.layers.Reshape((1, 2, 1))(0.1 * inputs))
    started = latent.inversion(decoder, np.array([-0.9, 0.9], np.float32).reshape(1, 1, 2, 1), steps=9, restarts=1)
    before = started.best()[0]
    np.testing.assert_allclose(started.advance().best()[0] - before, [[-0.1, 0.1]], rtol=1e-3)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"mask": np.ones((4, 4))}, r"mask: expected booleans of shape \(4, 4\) or \(1, 4, 4\)"),
        ({"mask": np.ones((3, 4), bool)}, "mask"),
        ({"mask": np.zeros((4, 4), bool)}, "mask: expected at least one known pixel"),
        ({"norm_weight": -1.0}, "norm_weight"),
        ({"condition": None}, r"condition: expected conditions \(N, 2\); received nothing"),
        ({"condition": np.ones((1, 3))}, r"condition: expected shape \(1, 2\)"),
        ({"steps": 0}, "steps"),
    ],
)
def test_bad_conditions_and_masks_are_refused(told, given, message):
    with pytest.raises(ValueError, match=message):
        latent.inversion(told, picture(), **{"condition": np.ones((1, 2)), **given})


def test_a_generator_without_conditions_refuses_one(decoder):
    with pytest.raises(ValueError, match="condition: expected none: the generator takes z alone"):
        latent.inversion(decoder, picture(), condition=np.ones((1, 2)))


# --- Truncation ------------------------------------------------------------------------------


def test_psi_scales_the_norm_and_its_ends_are_nothing_and_everything():
    z = np.random.default_rng(0).standard_normal((5, 8))
    np.testing.assert_allclose(np.linalg.norm(latent.truncate(z, 0.7), axis=1), 0.7 * np.linalg.norm(z, axis=1))
    np.testing.assert_array_equal(latent.truncate(z, 1.0), z)
    assert not latent.truncate(z, 0.0).any()


@pytest.mark.parametrize("threshold", [0.3, 1.0, 2.5])
def test_truncated_coordinates_have_the_closed_variance_and_the_distribution_of_redrawing(threshold):
    z = latent.truncated_normal(2000, 20, threshold, seed=1)
    assert np.abs(z).max() <= threshold
    inside = 2 * stats.norm.cdf(threshold) - 1
    assert z.var() == pytest.approx(1 - 2 * threshold * stats.norm.pdf(threshold) / inside, rel=0.02)
    redrawn = np.random.default_rng(2).standard_normal(40_000)
    assert stats.ks_2samp(z.ravel(), redrawn[np.abs(redrawn) <= threshold]).pvalue > 1e-3


def test_a_wide_threshold_gives_the_prior_and_draws_are_seeded():
    z = latent.truncated_normal(500, 20, 9.0, seed=3)
    assert np.isfinite(z).all() and stats.kstest(z.ravel(), "norm").pvalue > 1e-3
    np.testing.assert_array_equal(z, latent.truncated_normal(500, 20, 9.0, seed=3))
    assert not np.array_equal(z, latent.truncated_normal(500, 20, 9.0, seed=4))


def test_bad_truncations_are_refused():
    with pytest.raises(ValueError, match="psi"):
        latent.truncate(np.zeros((2, 2)), 1.5)
    with pytest.raises(ValueError, match="threshold"):
        latent.truncated_normal(2, 2, 0.0)
    with pytest.raises(ValueError, match="latent_dim"):
        latent.truncated_normal(2, 0, 1.0)
