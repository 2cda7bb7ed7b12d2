"""Conversions are exact inverses, sheets and files hold the pixels they were given, Lab agrees with its standard."""

import io

import numpy as np
import pytest
from PIL import Image

from course_lib import images

BYTES = np.arange(256, dtype=np.uint8)


def random_images(n, height, width, channels, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, height, width, channels), dtype=np.uint8)


def decoded(content):
    return Image.open(io.BytesIO(content))


# --- Conversions -----------------------------------------------------------------------------


def test_every_byte_survives_the_round_trip():
    floats = images.to_float(BYTES)
    assert floats.dtype == np.float32
    assert floats.min() == -1 and floats.max() == 1
    np.testing.assert_array_equal(images.to_uint8(floats), BYTES)


def test_to_uint8_rounds_to_the_nearest_level_and_clips():
    level = 1 / 127.5
    x = np.array([-1 + 0.4 * level, -1 + 0.6 * level, 1.02, -1.02])
    np.testing.assert_array_equal(images.to_uint8(x), [0, 1, 255, 0])


@pytest.mark.parametrize("bad", [BYTES, np.array([np.nan]), np.array([np.inf]), np.array([0.0, 255.0])])
def test_to_uint8_refuses_what_is_not_in_range(bad):
    with pytest.raises(ValueError, match="^x: expected"):
        images.to_uint8(bad)


@pytest.mark.parametrize("bad", [np.zeros(3), np.arange(3), [1, 2]])
def test_to_float_refuses_other_types(bad):
    with pytest.raises(ValueError, match="^x: expected uint8"):
        images.to_float(bad)


# --- Sheets and files ------------------------------------------------------------------------


def test_tile_places_pictures_row_by_row():
    x = random_images(5, 4, 6, 3)
    sheet = images.tile(x, columns=3, pad=2, background=7)
    assert sheet.shape == (2 * 4 + 2, 3 * 6 + 2 * 2, 3) and sheet.dtype == np.uint8
    for index, picture in enumerate(x):
        row, column = divmod(index, 3)
        np.testing.assert_array_equal(sheet[6 * row : 6 * row + 4, 8 * column : 8 * column + 6], picture)
    assert (sheet[4:6] == 7).all() and (sheet[:, 6:8] == 7).all()  # gaps
    assert (sheet[6:, 16:] == 7).all()  # the sixth picture is missing


def test_tile_without_columns_is_as_square_as_possible():
    assert images.tile(random_images(9, 5, 5, 1), pad=0).shape == (15, 15, 1)
    assert images.tile(random_images(1, 5, 5, 1), columns=8).shape == (5, 5, 1)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("scale", [1, 3])
def test_png_decodes_to_the_same_pixels(channels, scale):
    picture = random_images(1, 5, 7, channels)[0]
    found = np.asarray(decoded(images.png_bytes(picture, scale))).reshape(5 * scale, 7 * scale, channels)
    np.testing.assert_array_equal(found, picture.repeat(scale, axis=0).repeat(scale, axis=1))


@pytest.mark.parametrize("channels", [1, 3])
def test_gif_decodes_to_its_frames(channels):
    frames = np.zeros((3, 8, 8, channels), np.uint8)
    for step in range(3):
        frames[step, :, 2 * step : 2 * step + 2] = [250, 30, 90][:channels]
    movie = decoded(images.gif_bytes(frames, fps=20, scale=2))
    assert movie.n_frames == 3 and movie.info["loop"] == 0
    for step, frame in enumerate(frames):
        movie.seek(step)
        assert movie.info["duration"] == 50
        found = np.asarray(movie.convert("RGB"))[::2, ::2]
        np.testing.assert_array_equal(found, np.broadcast_to(frame, (8, 8, 3)))


# --- Resizing --------------------------------------------------------------------------------


def test_resize_averages_where_subsampling_aliases():
    checkerboard = np.indices((64, 64)).sum(axis=0).astype(np.uint8)[None, ..., None] % 2 * 255
    small = images.resize(checkerboard, 16)
    assert small.shape == (1, 16, 16, 1) and small.dtype == np.uint8
    assert abs(small.astype(int) - 127.5).max() <= 2  # grey, as the eye sees it from afar
    assert set(np.unique(checkerboard[:, ::4, ::4])) == {0}  # subsampling turns it black


def test_resize_takes_height_and_width_and_keeps_flat_colours():
    flat = np.full((2, 9, 13, 3), [10, 200, 77], np.uint8)
    found = images.resize(flat, (20, 5))
    assert found.shape == (2, 20, 5, 3)
    assert (found == [10, 200, 77]).all()
    assert images.resize(flat[:0], 4).shape == (0, 4, 4, 3)


# --- Colour ----------------------------------------------------------------------------------

# sRGB (D65) -> CIE Lab, as tabulated for instance by Lindbloom's calculator.
REFERENCE = {
    (255, 255, 255): (100, 0, 0),
    (0, 0, 0): (0, 0, 0),
    (255, 0, 0): (53.24, 80.09, 67.20),
    (0, 255, 0): (87.73, -86.18, 83.18),
    (0, 0, 255): (32.30, 79.19, -107.86),
    (119, 119, 119): (50.03, 0, 0),
}


@pytest.mark.parametrize("rgb", REFERENCE)
def test_lab_agrees_with_reference_values(rgb):
    np.testing.assert_allclose(images.rgb_to_lab(np.uint8(rgb)), REFERENCE[rgb], atol=0.02)


def test_lab_round_trip_and_dtypes():
    rgb = np.random.default_rng(0).random((50, 3))
    np.testing.assert_allclose(images.lab_to_rgb(images.rgb_to_lab(rgb)), rgb, atol=1e-9)
    colours = random_images(1, 20, 20, 3)
    back = images.lab_to_rgb(images.rgb_to_lab(colours))
    np.testing.assert_array_equal(np.rint(255 * back).astype(np.uint8), colours)


def test_colours_outside_srgb_are_clipped():
    found = images.lab_to_rgb(np.array([[50.0, 200.0, 200.0], [120.0, 0.0, 0.0]]))
    assert found.min() >= 0 and found.max() <= 1


# --- Bad input -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argument", "call"),
    [
        ("images", lambda: images.tile(np.zeros((2, 4, 4, 3)))),
        ("images", lambda: images.tile(np.zeros((4, 4, 3), np.uint8))),
        ("images", lambda: images.tile(np.zeros((0, 4, 4, 3), np.uint8))),
        ("columns", lambda: images.tile(np.zeros((2, 4, 4, 3), np.uint8), columns=0)),
        ("pad", lambda: images.tile(np.zeros((2, 4, 4, 3), np.uint8), pad=-1)),
        ("background", lambda: images.tile(np.zeros((2, 4, 4, 3), np.uint8), background=300)),
        ("image", lambda: images.png_bytes(np.zeros((4, 4), np.uint8))),
        ("image", lambda: images.png_bytes(np.zeros((4, 4, 2), np.uint8))),
        ("scale", lambda: images.png_bytes(np.zeros((4, 4, 3), np.uint8), scale=0)),
        ("frames", lambda: images.gif_bytes([])),
        ("frames", lambda: images.gif_bytes([np.zeros((4, 4, 3), np.uint8), np.zeros((5, 4, 3), np.uint8)])),
        ("fps", lambda: images.gif_bytes(np.zeros((2, 4, 4, 3), np.uint8), fps=0)),
        ("size", lambda: images.resize(np.zeros((2, 4, 4, 3), np.uint8), 0)),
        ("size", lambda: images.resize(np.zeros((2, 4, 4, 3), np.uint8), (4, 4, 4))),
        ("size", lambda: images.resize(np.zeros((2, 4, 4, 3), np.uint8), 4.5)),
        ("rgb", lambda: images.rgb_to_lab(np.array([0.0, 0.5, 1.5]))),
        ("rgb", lambda: images.rgb_to_lab(np.zeros((5, 4)))),
        ("lab", lambda: images.lab_to_rgb(np.full(3, np.nan))),
    ],
)
def test_bad_input_names_the_argument(argument, call):
    with pytest.raises(ValueError, match=f"^{argument}: expected"):
        call()
