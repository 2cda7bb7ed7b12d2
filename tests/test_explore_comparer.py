"""Comparer: what stands on either side of the line, in the windows and on the plane, and what the text says."""

import io

import numpy as np
import pytest
from PIL import Image

from course_lib import explore, plots, restoration
from course_lib.explore import comparer
from course_lib.explore.view import View

HEAD, CLOSE, GAP = comparer._HEAD, comparer._CLOSE, comparer._GAP
METHODS = {"original": 200, "bicubic": 90, "network": 140}


def versions(side=70, seed=0):
    noise = np.random.default_rng(seed).integers(-30, 30, (side, side, 3))
    return {
        name: np.uint8(level + noise + (name != "original") * np.arange(side)[:, None] % 3)
        for name, level in METHODS.items()
    }


@pytest.fixture(scope="module")
def two():
    pictures = {"first": versions(), "second": versions(64, 1)}
    return explore.Comparer(pictures, plane={"bicubic": (25.0, 3.0), "network": (27.0, 1.0)})


def test_the_line_divides_the_two_versions(two):
    page = two.render(left=1, right=2, divider=25, down=0, across=0, window=0)
    shown = two.pictures["first"]
    scale = comparer._MAIN // 70
    big = {name: x.repeat(scale, 0).repeat(scale, 1) for name, x in shown.items()}
    width = 70 * scale
    cut = round(0.25 * width)
    rows = slice(HEAD + 40 * scale, HEAD + width)  # below the window's frame
    np.testing.assert_array_equal(page[rows, : cut - 3], big["bicubic"][40 * scale :, : cut - 3])
    np.testing.assert_array_equal(page[rows, cut + 3 : width], big["network"][40 * scale :, cut + 3 :])


@pytest.mark.parametrize(("divider", "shown"), [(0, "network"), (100, "bicubic")])
def test_at_its_ends_the_line_leaves_one_version(two, divider, shown):
    page = two.render(left=1, right=2, divider=divider, window=0)
    scale = comparer._MAIN // 70
    strip, inner = slice(5 * scale, 10 * scale), slice(5 * scale, 60 * scale)
    big = two.pictures["first"][shown].repeat(scale, 0).repeat(scale, 1)
    np.testing.assert_array_equal(page[HEAD:][strip, inner], big[strip, inner])


def test_the_windows_show_the_same_pixels_of_both(two):
    page = two.render(left=0, right=2, across=100, down=0, window=0)
    left = 70 * (comparer._MAIN // 70) + GAP
    for k, name in enumerate(("original", "network")):
        close = page[HEAD : HEAD + CLOSE, left + k * (CLOSE + GAP) :][:, :CLOSE]
        pixels = close[:: CLOSE // 16, :: CLOSE // 16][:16, :16]
        np.testing.assert_array_equal(pixels, two.pictures["first"][name][:16, 54:])


def test_the_plane_rings_the_methods_shown(two):
    bicubic, network = two.render(left=1, right=0), two.render(left=2, right=0)
    sheet, axes, points = two._plane
    corner = 70 * (comparer._MAIN // 70) + GAP, HEAD + CLOSE + GAP
    blue = np.array([int(plots.COLOURS[0][k : k + 2], 16) for k in (1, 3, 5)])

    def ringed(page, method):
        x, y = axes.transData.transform(points[method])
        x, y = corner[0] + round(x), corner[1] + round(sheet.height - y)
        return (page[y - 9 : y + 10, x - 9 : x + 10] == blue).all(axis=-1).any()

    assert ringed(bicubic, "bicubic") and not ringed(bicubic, "network")
    assert ringed(network, "network") and not ringed(network, "bicubic")


def test_text_gives_scores_place_and_line(two):
    text = two.text(picture=1, left=1, right=0, divider=30, window=0, across=0, down=100)
    x = two.pictures["second"]
    psnr = restoration.psnr_of_each(x["bicubic"][None], x["original"][None])[0]
    scored = f"left of the line bicubic ({psnr:.2f} dB"
    for part in ("second", scored, "right of the line original;", "30 %", "16 × 16", "row 48, column 0", "luma"):
        assert part in text, part


def test_without_truth_there_are_no_scores():
    pictures = {name: x for name, x in versions().items() if name != "original"}
    lab = explore.Comparer(pictures)
    assert "dB" not in lab.text() and "PSNR" not in lab.text()
    assert [control.name for control in lab.controls][0] == "left"  # one picture needs no choice


def test_same_values_same_picture_and_large_pictures_are_reduced(two):
    np.testing.assert_array_equal(two.render(divider=33), two.render(divider=33))
    assert not np.array_equal(two.render(divider=33), two.render(divider=34))
    large = explore.Comparer({"a": versions(600)["bicubic"], "b": versions(600)["network"]})
    assert large.render().shape[0] == comparer._MAIN + HEAD and large.draw(large.values()).dtype == np.uint8


def test_swap_and_the_view():
    lab = explore.Comparer(versions())
    values = lab.values(left=1, right=2)
    assert lab.actions["Swap sides"](values) == {"left": 2, "right": 1}
    view = View(lab)
    before = view.image.value
    view.inputs["divider"].value = 80
    assert view.image.value != before and "80 %" in view.text.value
    assert Image.open(io.BytesIO(view.image.value)).format == "PNG"
    view.buttons["Swap sides"].click()
    assert (view.inputs["left"].value, view.inputs["right"].value) == (1, 0)


@pytest.mark.parametrize(
    ("argument", "call"),
    [
        ("pictures", lambda: explore.Comparer({})),
        ("pictures", lambda: explore.Comparer({"original": versions()["original"]})),
        ("pictures", lambda: explore.Comparer({"a": versions(), "b": {"original": 1, "other": 2}})),
        (r"pictures\[.picture.\]", lambda: explore.Comparer({"a": versions()["bicubic"], "b": versions(9)["bicubic"]})),
        ("pictures", lambda: explore.Comparer({"a": versions()["bicubic"] / 255, "b": versions()["bicubic"]})),
        ("plane", lambda: explore.Comparer(versions(), plane={"lanczos": (1, 2)})),
        ("crop", lambda: explore.Comparer(versions(), crop=-1)),
        ("divider", lambda: explore.Comparer(versions()).render(divider=101)),
        ("left", lambda: explore.Comparer(versions()).render(left=3)),
    ],
)  # fmt: skip
def test_bad_input_names_the_argument(argument, call):
    with pytest.raises(ValueError, match=f"^{argument}: expected"):
        call()
