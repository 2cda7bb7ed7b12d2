"""The judges of painted pictures: known answers, exact laws, and what they must not see."""

import numpy as np
import pytest

from course_lib import images, style

RNG = np.random.default_rng(0)
PICTURE = images.resize(RNG.integers(0, 256, (1, 12, 16, 3), dtype=np.uint8), (60, 80))[0]
OTHER = images.resize(RNG.integers(0, 256, (1, 30, 40, 3), dtype=np.uint8), (60, 80))[0] // 2


def test_a_picture_has_the_patches_of_itself_wherever_they_lie():
    assert style.patch_distance(PICTURE, PICTURE) == 0
    assert style.patch_distance(PICTURE, np.concatenate([PICTURE, PICTURE])) < 0.05, "twice the same picture"
    halves = np.concatenate([PICTURE[:, 40:], PICTURE[:, :40]], axis=1)
    seam = style.patch_distance(halves, PICTURE)
    assert seam < 0.3 * style.patch_distance(OTHER, PICTURE), "only the seam is new"


def test_a_flat_picture_of_the_styles_mean_is_at_distance_one():
    """Every direction then has one value, and W² to a point is the variance: quantiles make it a little less."""
    mean = np.broadcast_to(np.rint(PICTURE.mean(axis=(0, 1))).astype(np.uint8), PICTURE.shape)
    assert style.patch_distance(mean, PICTURE) == pytest.approx(1, abs=0.05)


def test_the_size_of_the_picture_does_not_count():
    larger = np.concatenate([OTHER, OTHER[::-1]])
    assert style.patch_distance(larger, PICTURE) == pytest.approx(style.patch_distance(OTHER, PICTURE), rel=0.1)


def test_noise_is_seen_although_the_colours_agree():
    noisy = np.clip(PICTURE.astype(float) + RNG.normal(0, 60, PICTURE.shape), 0, 255).astype(np.uint8)
    shuffled = RNG.permutation(PICTURE.reshape(-1, 3)).reshape(PICTURE.shape)
    for changed in (noisy, shuffled):
        assert style.patch_distance(changed, PICTURE) > 0.1
    assert style.patch_distance(shuffled, PICTURE, patch=1) > 0.02, "at half size the colours have mixed"


def test_one_more_seed_gives_nearly_the_same():
    values = [style.patch_distance(OTHER, PICTURE, seed=seed) for seed in range(3)]
    assert np.ptp(values) < 0.2 * np.mean(values)


def test_lightness_knows_drawing_from_colour():
    assert style.lightness_correlation(PICTURE, PICTURE) == pytest.approx(1)
    assert style.lightness_correlation(255 - PICTURE, PICTURE) == pytest.approx(-1, abs=1e-3)
    assert style.lightness_correlation(PICTURE // 2 + 60, PICTURE) > 0.999, "contrast does not matter"
    assert abs(style.lightness_correlation(OTHER, PICTURE)) < 0.4
    assert style.lightness_correlation(np.full((60, 80, 3), 9, np.uint8), PICTURE) == 0
    assert style.lightness_correlation(images.resize(PICTURE[None], (30, 40))[0], PICTURE) > 0.98


def test_small_pictures_and_bad_values_are_refused():
    with pytest.raises(ValueError, match="style: expected sides of at least 20"):
        style.patch_distance(PICTURE, PICTURE[:19])
    with pytest.raises(ValueError, match="picture"):
        style.lightness_correlation(PICTURE / 255.0, PICTURE)
    with pytest.raises(ValueError, match="patch"):
        style.patch_distance(PICTURE, PICTURE, patch=0)
