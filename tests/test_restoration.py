"""Scores of restored pictures against closed forms; intervals against known spreads; the plane's ends."""

import numpy as np
import pytest

from course_lib import data, images, metrics, restoration

RNG = np.random.default_rng(0)


def pictures(n=3, side=24):
    return RNG.integers(40, 216, (n, side, side, 3), dtype=np.uint8)


def test_psnr_of_a_constant_error_is_its_closed_form():
    x = pictures()
    brighter = x + np.uint8(10)
    np.testing.assert_allclose(restoration.psnr_of_each(brighter, x, "rgb"), 20 * np.log10(255 / 10))
    # On luma an error of ten levels is 10 · 219/255: about 1.3 dB more for the same picture.
    np.testing.assert_allclose(restoration.psnr_of_each(brighter, x, "y"), 20 * np.log10(255 / (10 * 219 / 255)))
    assert np.isinf(restoration.psnr_of_each(x, x)).all()


def test_each_image_is_scored_alone_and_rgb_is_the_library_metric():
    x, y = pictures(), pictures()
    each = restoration.psnr_of_each(x, y, "rgb")
    assert each.shape == (3,)
    assert each.mean() == pytest.approx(metrics.psnr(x, y, 255))
    assert each[1] == pytest.approx(restoration.psnr_of_each(x[1:2], y[1:2], "rgb")[0])
    assert restoration.ssim_of_each(x, y, "rgb").mean() == pytest.approx(metrics.ssim(x, y, 255))


def test_y_scores_published_pictures_some_decibels_above_rgb():
    truth = images.crop_to_multiple(data.load_photos("test")[3].image[None], 2)
    small = images.enlarge(images.downscale(truth, 2), 2)
    y, rgb = (restoration.psnr_of_each(small, truth, channel, 2)[0] for channel in ("y", "rgb"))
    assert 0.8 < y - rgb < 3


def test_the_crop_leaves_the_border_out():
    x = pictures()
    damaged = x.copy()
    damaged[:, :2] = 255 - damaged[:, :2]
    assert np.isinf(restoration.psnr_of_each(damaged, x, crop=2)).all()
    assert np.isfinite(restoration.psnr_of_each(damaged, x, crop=1)).all()
    np.testing.assert_allclose(restoration.ssim_of_each(damaged, x, crop=2), 1)


def test_bootstrap_of_independent_values_is_the_normal_interval():
    values = np.random.default_rng(1).normal(2.0, 1.0, 400)
    mean, low, high = restoration.bootstrap(values)
    assert mean == values.mean()
    half = 1.96 * values.std() / 20
    assert low == pytest.approx(mean - half, abs=0.02) and high == pytest.approx(mean + half, abs=0.02)


def test_bootstrap_over_groups_sees_that_patches_of_one_photograph_are_alike():
    photo = np.repeat(np.arange(8), 50)
    values = np.random.default_rng(2).normal(0, 1, 8)[photo] + np.random.default_rng(3).normal(0, 0.1, 400)
    alone, grouped = restoration.bootstrap(values), restoration.bootstrap(values, photo)
    assert alone.mean == grouped.mean
    assert grouped.high - grouped.low > 4 * (alone.high - alone.low)
    assert restoration.bootstrap(values, photo) == grouped  # seeded
    names = np.array([f"photo {k}" for k in photo])
    assert restoration.bootstrap(values, names) == grouped


def test_bootstrap_weighs_groups_by_their_patches():
    values, photo = np.array([1.0] * 9 + [11.0]), np.array([0] * 9 + [1])
    mean, low, high = restoration.bootstrap(values, photo)
    assert (mean, low, high) == (2.0, 1.0, 11.0)


def test_bootstrap_of_one_group_has_no_width():
    assert restoration.bootstrap([1.0, 3.0], [0, 0]) == (2.0, 2.0, 2.0)
    assert restoration.bootstrap([5.0]) == (5.0, 5.0, 5.0)


def test_the_kernel_distance_of_pairs_is_unbiased_where_the_pairs_are_alike():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 60, 3))
    twins = [restoration.paired_kernel_distance(a, a + 0.1 * b) for a, b in zip(x, np.roll(x, 1, axis=0), strict=True)]
    assert restoration.paired_kernel_distance(x[0], x[0]) == 0
    # Independent sets of the same two distributions say what the answer is; taken for independent, pairs are below it.
    other = np.roll(x, 7, axis=0)
    apart = [metrics.kernel_distance(a, b + 0.1 * c) for a, b, c in zip(x, other, np.roll(x, 1, axis=0), strict=True)]
    naive = [metrics.kernel_distance(a, a + 0.1 * b) for a, b in zip(x, np.roll(x, 1, axis=0), strict=True)]
    error = np.hypot(np.std(apart), np.std(twins)) / np.sqrt(500)
    assert abs(np.mean(twins) - np.mean(apart)) < 4 * error
    assert np.mean(naive) < np.mean(apart) - 4 * error


def moments(x):
    """Return two simple features of each image: its mean grey and the size of its details."""
    x = x.astype(float).mean(axis=-1)
    return np.stack([x.mean(axis=(1, 2)) / 100, np.abs(np.diff(x, axis=1)).mean(axis=(1, 2)) / 10], axis=1)


def test_truth_stands_at_the_best_end_of_the_plane_and_other_pictures_are_perceptually_perfect_but_far():
    x, y = (data.photo_patches(split, stride=96).images for split in ("test", "test"))
    place = restoration.plane_point(np.roll(y, 1, axis=0), x, moments)
    assert place["features"] == "function"
    assert place["kernel_distance"] <= 0 and place["psnr"] < 18  # the same set in another order
    blurred = images.enlarge(images.downscale(x, 4), 4)
    soft = restoration.plane_point(blurred, x, moments)
    assert soft["psnr"] > 20 and soft["kernel_distance"] > place["kernel_distance"]


@pytest.mark.parametrize(
    ("argument", "call"),
    [
        ("restored", lambda: restoration.psnr_of_each(pictures(2), pictures(3))),
        ("restored", lambda: restoration.psnr_of_each(pictures(2) / 255, pictures(2))),
        ("restored", lambda: restoration.psnr_of_each(pictures(2)[..., :1], pictures(2)[..., :1])),
        ("channel", lambda: restoration.psnr_of_each(pictures(2), pictures(2), "luma")),
        ("crop", lambda: restoration.psnr_of_each(pictures(2), pictures(2), crop=12)),
        ("crop", lambda: restoration.psnr_of_each(pictures(2)[:0], pictures(2)[:0])),
        ("crop", lambda: restoration.psnr_of_each(pictures(2), pictures(2), crop=-1)),
        ("values", lambda: restoration.bootstrap([])),
        ("values", lambda: restoration.bootstrap([np.inf])),
        ("groups", lambda: restoration.bootstrap([1.0, 2.0], [0])),
        ("level", lambda: restoration.bootstrap([1.0], level=0)),
        ("restored", lambda: restoration.paired_kernel_distance(np.ones((1, 2)), np.ones((1, 2)))),
        ("truth", lambda: restoration.paired_kernel_distance(np.ones((3, 2)), np.ones((4, 2)))),
        ("draws", lambda: restoration.bootstrap([1.0], draws=0)),
    ],
)
def test_bad_input_names_the_argument(argument, call):
    with pytest.raises(ValueError, match=f"^{argument}: expected"):
        call()
