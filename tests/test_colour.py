"""Lab in and out, bins with closed forms, hints, and damage whose undoing is known."""

import numpy as np
import pytest

from course_lib import colour, data

RNG = np.random.default_rng(0)


def pictures(n=3, side=8):
    return RNG.integers(0, 256, (n, side, side, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def bins():
    return colour.gamut_bins(10)


# --- Lab -----------------------------------------------------------------------------------------


def test_split_and_join_are_inverse_and_scaled():
    x = pictures()
    lightness, ab = colour.split_lab(x)
    assert lightness.shape == (3, 8, 8, 1) and ab.shape == (3, 8, 8, 2)
    assert lightness.dtype == ab.dtype == np.float32
    np.testing.assert_array_equal(colour.join_lab(lightness, ab), x)
    corners = np.uint8([[[[r, g, b] for r in (0, 255) for g in (0, 255) for b in (0, 255)]]])
    lightness, ab = colour.split_lab(corners)
    assert lightness.min() == -1 and lightness.max() == pytest.approx(1, abs=1e-6)
    assert 0.9 < np.abs(ab).max() <= 1


def test_grey_has_no_colour_and_join_without_colour_is_grey():
    grey = np.repeat(RNG.integers(0, 256, (1, 8, 8, 1), dtype=np.uint8), 3, axis=-1)
    lightness, ab = colour.split_lab(grey)
    assert np.abs(ab).max() < 1e-6
    made = colour.join_lab(colour.split_lab(pictures(1))[0], np.zeros((1, 8, 8, 2)))
    assert (np.ptp(made, axis=-1) <= 1).all()


def test_colour_at_half_resolution_is_interpolated_between_pixel_centres():
    lightness = np.zeros((1, 4, 8, 1))
    ramp = np.broadcast_to(np.array([0.0, 0.1, 0.2, 0.3])[None, None, :, None], (1, 2, 4, 2))
    fine = colour._bilinear(ramp, 2)
    np.testing.assert_allclose(fine[0, 1, :, 0], [0, 0.025, 0.075, 0.125, 0.175, 0.225, 0.275, 0.3], atol=1e-12)
    np.testing.assert_array_equal(colour.join_lab(lightness, ramp), colour.join_lab(lightness, fine))


def test_posterise_keeps_the_middle_of_each_step():
    x = np.array([-1, -0.51, -0.49, 0.0, 0.49, 0.51, 1.0])
    np.testing.assert_allclose(colour.posterise(x, 4), [-0.75, -0.75, -0.25, 0.25, 0.25, 0.75, 0.75])
    np.testing.assert_array_equal(colour.posterise(x, 1), np.zeros(7))
    assert np.abs(colour.posterise(x, 256) - x).max() <= 1 / 256 + 1e-6


def test_values_of_one_lightness_are_grouped():
    palette = {"dark": (10, 10, 10), "red": (200, 60, 60), "green": (60, 120, 60), "white": (250, 250, 250)}
    assert colour.shared_lightness(palette, 2) == [["dark", "red", "green"], ["white"]] or colour.shared_lightness(
        palette, 2
    ) == [["dark", "green"], ["red", "white"]]
    assert [len(g) for g in colour.shared_lightness(palette, 256)] == [1, 1, 1, 1]
    assert colour.shared_lightness(palette, 1) == [list(palette)]


def test_lightness_of_8_steps_hides_colours_of_faces_and_256_do_not():
    """What a network that sees lightness can learn about each attribute: the share that no method exceeds."""
    limits = {
        levels: {name: len(colour.shared_lightness(p, levels)) / len(p) for name, p in data.face_palettes().items()}
        for levels in (8, 256)
    }
    assert limits[256]["skin"] == limits[8]["skin"] == 1
    assert limits[256]["hair_colour"] == 1 and limits[8]["hair_colour"] == 4 / 7
    assert limits[256]["shirt_colour"] == 1 and limits[8]["shirt_colour"] == 5 / 6
    assert limits[256]["background"] >= 4 / 5 and limits[8]["background"] == 2 / 5


# --- Bins ----------------------------------------------------------------------------------------


def test_bins_cover_srgb(bins):
    # The paper lists 313 of its own gamut; 261 cells hold a colour that sRGB can show.
    assert 258 <= len(bins.centres) <= 264
    _, ab = colour.split_lab(pictures(20, 32))
    nearest = bins.centres[bins.nearest(ab)]
    assert np.abs(nearest - ab).max() <= 0.5 * 10 / colour.AB + 0.05
    assert len(np.unique(bins.centres, axis=0)) == len(bins.centres)


def test_soft_encoding_sums_to_one_on_the_nearest_bins(bins):
    ab = RNG.uniform(-0.4, 0.4, (6, 5, 2))
    z = bins.encode(ab)
    np.testing.assert_allclose(z.sum(-1), 1, rtol=1e-6)
    assert ((z > 0).sum(-1) == 5).all()
    np.testing.assert_array_equal(z.argmax(-1), bins.nearest(ab))
    # On a centre: the nearest weighs 1, four neighbours at distance 10 with σ = 5 weigh e^(-2) each.
    inside = bins.encode(np.zeros(2))
    assert inside.max() == pytest.approx(1 / (1 + 4 * np.exp(-2)), rel=1e-5)


def test_the_mean_of_the_soft_encoding_is_close_to_the_colour(bins):
    ab = RNG.uniform(-0.3, 0.3, (200, 2))
    error = colour.AB * np.linalg.norm(bins.encode(ab) @ bins.centres - ab, axis=-1)
    assert error.mean() < 3  # Lab units; the nearest bin alone is 3.8 away on average
    assert error.mean() < colour.AB * np.linalg.norm(bins.centres[bins.nearest(ab)] - ab, axis=-1).mean()


def test_annealing_goes_from_the_mean_to_the_mode(bins):
    p = np.full(len(bins.centres), 1e-9)
    p[[10, 200]] = 0.6, 0.4
    logits = np.log(p / p.sum())
    mean = 0.6 * bins.centres[10] + 0.4 * bins.centres[200]
    np.testing.assert_allclose(bins.decode(logits, 1.0), mean, atol=1e-5)
    np.testing.assert_allclose(bins.decode(logits, 0.02), bins.centres[10], atol=1e-5)
    r = 1.5 ** (1 / 0.38)
    want = (r * bins.centres[10] + bins.centres[200]) / (r + 1)
    np.testing.assert_allclose(bins.decode(logits), want, atol=1e-4)
    np.testing.assert_allclose(bins.decode(np.stack([logits + 700, logits]))[0], want, atol=1e-3)  # no overflow
    assert bins.decode(np.zeros((2, 3, 4, len(p)))).shape == (2, 3, 4, 2)


def test_two_equal_modes_give_grey_by_the_mean_and_stay_a_choice_of_two_in_the_bins(bins):
    """Orange or blue with equal odds: the conditional mean is a colour that never occurs."""
    orange, blue = np.array([30.0, 60.0]) / colour.AB, np.array([-10.0, -60.0]) / colour.AB
    z = (bins.encode(orange) + bins.encode(blue)) / 2
    mean = bins.decode(np.log(np.maximum(z, 1e-12)), 1.0)
    assert colour.AB * np.linalg.norm(mean) < 15
    peak = bins.centres[z.argmax()]
    assert min(np.linalg.norm(peak - orange), np.linalg.norm(peak - blue)) < 10 / colour.AB


def test_rebalancing_weights_average_one_and_follow_the_formula(bins):
    _, ab = colour.split_lab(data.photo_patches("test", stride=128).images[:40])
    p = bins.frequencies(ab[:, ::4, ::4])
    assert p.sum() == pytest.approx(1) and len(p) == len(bins.centres)
    w = bins.class_weights(p)
    assert p @ w == pytest.approx(1)
    assert w[p.argmax()] < 1 < w[p.argmin()]
    np.testing.assert_allclose(bins.class_weights(p, uniform=1.0), 1)
    # With frequencies so far apart that smoothing changes nothing, the ratio is the formula's.
    far = colour.Bins(np.array([[-0.9, 0], [0.9, 0]], np.float32), 10)
    w = far.class_weights([0.75, 0.25])
    assert w[1] / w[0] == pytest.approx((0.5 * 0.75 + 0.25) / (0.5 * 0.25 + 0.25))


# --- Hints ---------------------------------------------------------------------------------------


def test_hints_stand_where_they_were_put_and_are_cut_at_the_border():
    planes = colour.hint_planes(6, 8, [((2, 3), (0.5, -0.25)), ((5, 7), (0.1, 0.2))])
    assert planes.shape == (6, 8, 3) and planes.dtype == np.float32
    mask = np.zeros((6, 8))
    mask[1:4, 2:5] = 1
    mask[4:6, 6:8] = 1
    np.testing.assert_array_equal(planes[..., 2], mask)
    np.testing.assert_allclose(planes[2, 3], [0.5, -0.25, 1])
    np.testing.assert_allclose(planes[5, 7], [0.1, 0.2, 1])
    np.testing.assert_array_equal(planes[mask == 0], 0)
    assert not colour.hint_planes(6, 8, []).any()


def test_the_later_hint_covers_the_earlier():
    planes = colour.hint_planes(5, 5, [((2, 2), (0.5, 0.5)), ((2, 3), (-0.5, 0.0))])
    assert planes[2, 2, 0] == -0.5 and planes[2, 1, 0] == 0.5


def test_random_hints_tell_the_truth_and_follow_their_seed():
    _, ab = colour.split_lab(pictures(64, 16))
    planes = colour.random_hints(ab, np.random.default_rng(1), mean=3.0, size=1)
    shown = planes[..., 2] == 1
    np.testing.assert_array_equal(planes[shown][:, :2], ab[shown])
    counts = shown.sum(axis=(1, 2))
    assert 1.5 < counts.mean() < 4.5 and counts.min() == 0
    np.testing.assert_array_equal(planes, colour.random_hints(ab, np.random.default_rng(1), mean=3.0, size=1))
    assert not colour.random_hints(ab, np.random.default_rng(1), mean=0.0).any()


def test_hinted_pairs_feed_lightness_hints_and_truth():
    lightness, ab = colour.split_lab(pictures(4, 16))
    x, y = colour.hinted_pairs(lightness, ab.astype(np.float16))(np.array([3, 1]), np.random.default_rng(0))
    assert x.shape == (2, 16, 16, 4) and x.dtype == y.dtype == np.float32
    np.testing.assert_array_equal(x[..., :1], lightness[[3, 1]])
    np.testing.assert_allclose(y, ab[[3, 1]], atol=1e-3)


# --- Damage --------------------------------------------------------------------------------------


def test_fading_by_nothing_changes_nothing_and_its_parts_do_what_they_say():
    x = pictures(4, 16)
    nothing = {"contrast": 1, "saturation": 1, "cast": (1, 1, 1), "veil": 0}
    np.testing.assert_array_equal(colour.fade(x, **nothing), x)
    assert (np.ptp(colour.fade(x, **nothing | {"saturation": 0}), axis=-1) <= 1).all()
    flat = colour.fade(x, **nothing | {"contrast": 0})
    np.testing.assert_allclose(flat, np.broadcast_to(x.mean(axis=(1, 2, 3), keepdims=True), x.shape), atol=0.51)
    assert (colour.fade(x, **nothing | {"veil": 1}) == 255).all()
    red = colour.fade(x, **nothing | {"cast": (0.5, 1, 1)})
    np.testing.assert_allclose(red[..., 0], x[..., 0] / 2, atol=0.51)
    np.testing.assert_array_equal(red[..., 1:], x[..., 1:])


def test_fading_takes_one_value_or_one_for_each_image():
    x = pictures(2, 8)
    both = colour.fade(x, contrast=np.array([0.5, 0.9]), cast=np.array([[1, 1, 1], [0.9, 1, 1.1]]))
    np.testing.assert_array_equal(both[:1], colour.fade(x[:1], contrast=0.5, cast=(1, 1, 1)))
    np.testing.assert_array_equal(both[1:], colour.fade(x[1:], contrast=0.9, cast=(0.9, 1, 1.1)))


def test_random_fading_dulls_and_is_seeded():
    x = data.photo_patches("test", stride=200).images[:20]
    faded = colour.random_fade(x, np.random.default_rng(0))
    np.testing.assert_array_equal(faded, colour.random_fade(x, np.random.default_rng(0)))
    assert faded.std() < 0.9 * x.std()
    spread = [np.ptp(picture, axis=-1).mean() for picture in (x, colour.fade(x, cast=(1, 1, 1)))]
    assert spread[1] < 0.7 * spread[0]


def test_mean_chroma_is_in_lab_units():
    ab = np.zeros((2, 4, 4, 2))
    ab[1, ..., 0], ab[1, ..., 1] = 30 / colour.AB, 40 / colour.AB
    np.testing.assert_allclose(colour.mean_chroma(ab), [0, 50])


@pytest.mark.parametrize(
    ("argument", "call"),
    [
        ("images", lambda: colour.split_lab(np.zeros((1, 4, 4, 1), np.uint8))),
        ("images", lambda: colour.split_lab(np.zeros((1, 4, 4, 3)))),
        ("colour", lambda: colour.join_lab(np.zeros((1, 4, 4, 1)), np.zeros((1, 3, 3, 2)))),
        ("colour", lambda: colour.join_lab(np.zeros((1, 4, 4, 1)), np.zeros((1, 8, 8, 2)))),
        ("colour", lambda: colour.join_lab(np.zeros((2, 4, 4, 1)), np.zeros((1, 4, 4, 2)))),
        ("lightness", lambda: colour.join_lab(np.full((1, 4, 4, 1), np.nan), np.zeros((1, 4, 4, 2)))),
        ("levels", lambda: colour.posterise(np.zeros(3), 0)),
        ("spacing", lambda: colour.gamut_bins(0)),
        ("colour", lambda: colour.gamut_bins(25).nearest(np.zeros((4, 3)))),
        ("logits", lambda: colour.gamut_bins(25).decode(np.zeros((4, 3)))),
        ("temperature", lambda: colour.gamut_bins(25).decode(np.zeros(3), 0)),
        ("frequencies", lambda: colour.gamut_bins(25).class_weights(np.ones(5))),
        ("uniform", lambda: colour.Bins(np.zeros((1, 2), np.float32), 1).class_weights([1.0], 0)),
        ("hints", lambda: colour.hint_planes(4, 4, [((4, 0), (0, 0))])),
        ("hints", lambda: colour.hint_planes(4, 4, [((0, 0), (0, 0, 0))])),
        ("mean", lambda: colour.random_hints(np.zeros((1, 4, 4, 2)), RNG, mean=-1)),
        ("contrast", lambda: colour.fade(np.zeros((1, 4, 4, 3), np.uint8), contrast=-1)),
        ("images", lambda: colour.fade(np.zeros((1, 4, 4, 1), np.uint8))),
    ],
)
def test_bad_input_names_the_argument(argument, call):
    with pytest.raises(ValueError, match=f"^{argument}: expected"):
        call()
