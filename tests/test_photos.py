"""Patches of the photographs: cut as stated, split by photograph; the degradation is the published one."""

import numpy as np
import pytest
from PIL import Image

from course_lib import data, images


@pytest.fixture(scope="module")
def patches():
    return {split: data.photo_patches(split) for split in ("train", "test")}


# --- Patches -----------------------------------------------------------------------------------


def test_the_split_is_by_photograph_and_complete(patches):
    titles = [work.title for work in data.load_photos()]
    assert set(data.HELD_OUT_PHOTOS) < set(titles) and len(data.HELD_OUT_PHOTOS) == 6
    assert set(patches["test"].titles) == set(data.HELD_OUT_PHOTOS)
    assert set(patches["train"].titles) == set(titles) - set(data.HELD_OUT_PHOTOS)
    assert sum(len(part.images) for part in patches.values()) == 2589


def test_no_held_out_patch_lies_in_a_training_photograph(patches):
    known = {patch.tobytes() for patch in patches["train"].images}
    assert not known & {patch.tobytes() for patch in patches["test"].images}


def test_patches_are_cut_from_the_photograph_they_name(patches):
    part = patches["test"]
    assert part.images.dtype == np.uint8 and part.images.shape[1:] == (64, 64, 3)
    assert part.photo.shape == (len(part.images),)
    assert set(part.photo) == set(range(len(part.titles)))  # each photograph gives some
    photo = {work.title: work.image for work in data.load_photos("test")}["Coffee cup"]
    own = part.images[part.photo == part.titles.index("Coffee cup")]
    grid = [photo[r : r + 64, c : c + 64] for r in range(0, 400 - 63, 48) for c in range(0, 600 - 63, 48)]
    textured = [patch for patch in grid if patch.std(axis=(0, 1)).mean() > 12]
    assert 0 < len(textured) < len(grid)  # a case on which the rule decides something
    np.testing.assert_array_equal(own, textured)


def test_patches_are_the_same_every_time(patches):
    again = data.photo_patches("test")
    np.testing.assert_array_equal(again.images, patches["test"].images)
    np.testing.assert_array_equal(again.photo, patches["test"].photo)


@pytest.mark.parametrize(
    ("argument", "call"),
    [
        ("split", lambda: data.photo_patches("validation")),
        ("split", lambda: data.load_photos("held out")),
        ("size", lambda: data.photo_patches("test", size=301)),
        ("size", lambda: data.photo_patches("test", size=0)),
        ("stride", lambda: data.photo_patches("test", stride=0)),
    ],
)
def test_bad_input_names_the_argument(argument, call):
    with pytest.raises(ValueError, match=f"^{argument}: expected"):
        call()


# --- Degradation -------------------------------------------------------------------------------


def stripes(period, side=96):
    """Return vertical cosine stripes of the given period in pixels, uint8 (1, side, side, 1)."""
    wave = np.cos(2 * np.pi * (np.arange(side) + 0.5) / period)
    return np.rint(127.5 + 100 * np.broadcast_to(wave, (side, side)))[None, ..., None].astype(np.uint8)


def amplitude(picture, period):
    """Return the amplitude of one period in the middle rows and columns of a picture."""
    row = picture[0, len(picture[0]) // 2, :, 0].astype(float)
    row = row[: int(len(row) // period * period)] - row.mean()
    return 2 * abs(np.mean(row * np.exp(2j * np.pi * np.arange(len(row)) / period)))


def test_downscaling_is_pillows_antialiased_bicubic():
    x = data.load_photos("test")[0].image[:80, :60]
    want = np.asarray(Image.fromarray(x).resize((15, 20), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(images.downscale(x[None], 4)[0], want)


def test_stripes_beyond_the_new_nyquist_limit_vanish_with_antialiasing_and_fold_without():
    # Period 2.4 pixels is 1.2 pixels after halving: sampled without a filter it appears as period 6 (1/1.2 − 1 = −1/6).
    fine = stripes(2.4)
    wrong, right = images.downscale(fine, 2, antialias=False), images.downscale(fine, 2)
    assert amplitude(wrong, 6) == pytest.approx(100, rel=0.05)
    assert amplitude(right, 6) < 20
    coarse = stripes(16)
    assert amplitude(images.downscale(coarse, 2), 8) == pytest.approx(100, rel=0.05)


def test_subsampling_moves_the_picture_by_half_a_pixel():
    ramp = np.broadcast_to(np.arange(64, dtype=np.uint8) * 4, (64, 64))[None, ..., None]
    inner = slice(4, -4)
    centres = 4 * (2 * np.arange(32) + 0.5)  # grey of the ramp in the middle of two pixels
    assert abs(images.downscale(ramp, 2)[0, 8, inner, 0] - centres[inner]).max() <= 0.5
    np.testing.assert_array_equal(images.downscale(ramp, 2, antialias=False)[0, 8, :, 0] - centres, np.full(32, 2.0))


@pytest.mark.parametrize("factor", [2, 4])
def test_downscaling_commutes_with_the_symmetries_of_the_square(factor):
    x = data.load_photos("test")[2].image[None, :128, :128]
    for turn in (lambda y: y[:, ::-1], lambda y: np.rot90(y, axes=(1, 2))):
        a, b = images.downscale(np.ascontiguousarray(turn(x)), factor), turn(images.downscale(x, factor))
        assert abs(a.astype(int) - b).max() <= 1  # rounding


@pytest.mark.parametrize("method", images.ENLARGERS)
def test_enlarging_keeps_flat_colours_and_shape(method):
    flat = np.full((2, 7, 9, 3), [10, 200, 77], np.uint8)
    large = images.enlarge(flat, 3, method)
    assert large.shape == (2, 21, 27, 3) and (large == [10, 200, 77]).all()


def test_nearest_repeats_pixels_and_smoother_methods_follow_a_ramp():
    ramp = np.broadcast_to(np.arange(32, dtype=np.uint8) * 8, (32, 32))[None, ..., None]
    np.testing.assert_array_equal(images.enlarge(ramp, 2, "nearest"), ramp.repeat(2, 1).repeat(2, 2))
    truth = 8 * ((np.arange(64) + 0.5) / 2 - 0.5)
    for method in ("bilinear", "bicubic", "lanczos"):
        assert abs(images.enlarge(ramp, 2, method)[0, 30, 8:-8, 0] - truth[8:-8]).max() <= 1, method


def test_crop_to_multiple_takes_the_least_away():
    x = np.zeros((2, 13, 17, 3), np.uint8)
    assert images.crop_to_multiple(x, 4).shape == (2, 12, 16, 3)
    assert images.crop_to_multiple(x, 1).shape == x.shape
    with pytest.raises(ValueError, match="^images: expected sides of at least 14"):
        images.crop_to_multiple(x, 14)


def test_luma_is_bt601():
    # The corners of the standard: black 16, white 235, and each primary's share.
    primaries = np.uint8([[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255]])
    np.testing.assert_allclose(images.luma(primaries)[:, 0], [16, 235, 81.481, 144.553, 40.966], atol=1e-9)
    assert images.luma(np.zeros((2, 4, 5, 3), np.uint8)).shape == (2, 4, 5, 1)


@pytest.mark.parametrize(
    ("argument", "call"),
    [
        ("images", lambda: images.downscale(np.zeros((1, 9, 8, 3), np.uint8), 2)),
        ("images", lambda: images.downscale(np.zeros((1, 8, 8, 3)), 2)),
        ("factor", lambda: images.downscale(np.zeros((1, 8, 8, 3), np.uint8), 0)),
        ("factor", lambda: images.enlarge(np.zeros((1, 8, 8, 3), np.uint8), 1.5)),
        ("method", lambda: images.enlarge(np.zeros((1, 8, 8, 3), np.uint8), 2, "cubic")),
        ("images", lambda: images.luma(np.zeros((4, 4, 1), np.uint8))),
        ("images", lambda: images.luma(np.zeros((4, 4, 3)))),
    ],
)
def test_bad_degradations_name_the_argument(argument, call):
    with pytest.raises(ValueError, match=f"^{argument}: expected"):
        call()


def test_patches_that_would_fill_the_memory_are_refused():
    with pytest.raises(ValueError, match=r"stride: expected one that gives at most 1 GB of patches; received 1: \d+"):
        data.photo_patches("test", size=64, stride=1)
