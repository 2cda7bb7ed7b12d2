"""HintPainter: hints reach the network where they were put; the list can be read and written; the picture shows it."""

import io

import ipywidgets
import keras
import numpy as np
import pytest
from PIL import Image
from test_explore import TRAITS_IN_7_7_1, walk

from course_lib import colour, data, explore, images, nets
from course_lib.explore import hint_painter
from course_lib.explore.base import Control
from course_lib.explore.view import View

RED, BLUE = "#d9502e", "#2e50d9"


def spreads(x):
    """Return, as a network would, the mean colour of all hints everywhere: (N, H, W, 4) -> (N, H, W, 2)."""
    shown = x[..., 3:]
    mean = (x[..., 1:3] * shown).sum(axis=(1, 2), keepdims=True) / np.maximum(shown.sum(axis=(1, 2), keepdims=True), 1)
    return np.broadcast_to(mean, (*x.shape[:3], 2))


@pytest.fixture(scope="module")
def faces():
    return data.compose_faces(data.random_attributes(3, seed=1))


@pytest.fixture(scope="module")
def painter(faces):
    return explore.HintPainter(spreads, faces)


def ab(hex_colour):
    return images.rgb_to_lab(np.uint8(list(bytes.fromhex(hex_colour[1:]))))[1:]


def test_without_hints_the_picture_is_grey_and_keeps_its_lightness(painter, faces):
    made = painter.colorized(brush=0, picture=1)
    assert (np.ptp(made.astype(int), axis=-1) <= 1).all()
    np.testing.assert_allclose(images.rgb_to_lab(made)[..., 0], images.rgb_to_lab(faces[1])[..., 0], atol=0.3)


def test_the_hint_of_the_brush_colours_the_picture_and_lifting_it_does_not(painter):
    made = images.rgb_to_lab(painter.colorized(x=10, y=40, colour=RED))
    middle = made[(made[..., 0] > 40) & (made[..., 0] < 60)]  # where the colour is inside sRGB
    np.testing.assert_allclose(np.median(middle[..., 1:], axis=0), ab(RED), atol=2)
    np.testing.assert_array_equal(painter.colorized(brush=0, x=10, y=40, colour=RED), painter.colorized(brush=0))


def test_the_network_is_given_the_hints_where_they_were_put(faces):
    given = []
    painter = explore.HintPainter(lambda x: given.append(x) or x[..., 1:3], faces, levels=8, hint_size=1)
    painter.colorized(hints=f"12,30 {RED}", x=5, y=60, colour=BLUE)
    (x,) = given
    assert x.shape == (1, 64, 64, 4)
    np.testing.assert_array_equal(x[..., :1], colour.posterise(painter.lightness[:1], 8))
    assert np.argwhere(x[0, ..., 3]).tolist() == [[30, 12], [60, 5]]  # row is y
    np.testing.assert_allclose(colour.AB * x[0, 30, 12, 1:3], ab(RED), atol=1e-4)
    np.testing.assert_allclose(colour.AB * x[0, 60, 5, 1:3], ab(BLUE), atol=1e-4)


def test_a_keras_network_with_bins_at_half_resolution_works(faces):
    keras.utils.set_random_seed(0)
    bins = colour.gamut_bins(25)
    network = nets.free_unet(4, len(bins.centres), width=2, depth=1, stride=2)
    painter = explore.HintPainter(network, faces, bins=bins, temperature=0.5)
    planes = colour.hint_planes(64, 64, [((20, 10), ab(RED) / colour.AB)])
    want = colour.colorize(network, painter.lightness[:1], planes[None], bins=bins, temperature=0.5)[0]
    got = painter.colorized(x=10, y=20, colour=RED)
    assert abs(got.astype(int) - want).max() <= 1  # traced and untraced round differently


def test_the_page_shows_grey_hints_result_and_truth(painter, faces):
    page = painter.render(hints=f"12,30 {RED}", brush=0)
    factor, head, gap = hint_painter.SIDE // 64, hint_painter._HEAD, hint_painter._GAP
    side = 64 * factor
    np.testing.assert_array_equal(page[head : head + side : factor, 2 * (side + gap) :: factor][:, :64], faces[0])
    made = painter.colorized(hints=f"12,30 {RED}", brush=0)
    np.testing.assert_array_equal(page[head : head + side : factor, side + gap :: factor][:, :64], made)
    disc = page[head + 30 * factor + factor // 2, 12 * factor + factor // 2].astype(int)
    assert disc[0] - disc[2] > 30  # reddish, at the lightness of the place
    lifted = painter.render(brush=0)
    assert (np.ptp(lifted[head : head + side, :side].astype(int), axis=-1) <= 1).all()  # no marks without hints
    np.testing.assert_array_equal(page, painter.render(hints=f"12,30 {RED}", brush=0))


def test_keeping_and_removing_hints(painter):
    values = painter.values(x=3, y=4, colour=RED)
    values |= painter.actions["Keep this hint"](values)
    assert values["hints"] == f"3,4 {RED}" and values["brush"] == hint_painter.LIFTED
    values |= {"x": 7, "y": 8, "colour": BLUE.upper()}
    values |= painter.actions["Keep this hint"](values)
    assert values["hints"] == f"3,4 {RED}; 7,8 {BLUE}"
    assert painter.actions["Remove last"](values) == {"hints": f"3,4 {RED}"}
    assert painter.actions["Remove all"](values)["hints"] == ""
    assert painter.actions["Remove last"](painter.values()) == {"hints": ""}
    for k in range(12):
        values |= painter.actions["Keep this hint"](values | {"x": k})
    assert values["hints"].count(";") == hint_painter.MOST - 1


def test_text_lists_the_hints_and_the_chroma(painter):
    text = painter.text(hints=f"3,4 {RED}", brush=0)
    assert f"{RED} at x 3, y 4" in text and "chroma" in text
    assert "no hints. Mean chroma 0." in painter.text(brush=0)


def test_the_view_follows_picker_and_list_and_says_what_it_cannot_read(painter):
    view = View(painter)
    before = view.image.value
    view.inputs["colour"].value = BLUE
    assert view.image.value != before
    view.buttons["Keep this hint"].click()
    assert view.inputs["hints"].value == f"32,32 {BLUE}"
    kept = view.image.value
    view.inputs["hints"].value = "32;32 blue"
    assert "hints: expected a line such as" in view.text.value and view.image.value == kept
    view.inputs["hints"].value = ""
    assert "no hints" in view.text.value and view.image.value != kept
    assert Image.open(io.BytesIO(view.image.value)).format == "PNG"


def test_only_widgets_and_traits_of_7_7_1(painter, monkeypatch):
    made = []
    original = ipywidgets.Widget.__init__

    def recorded(self, **arguments):
        made.append((type(self).__name__, set(arguments)))
        original(self, **arguments)

    monkeypatch.setattr(ipywidgets.Widget, "__init__", recorded)
    view = View(painter)
    assert {type(widget).__name__ for widget in walk(view.box)} <= set(TRAITS_IN_7_7_1)
    used = {kind: traits for kind, traits in made if kind in ("ColorPicker", "Text")}
    assert set(used) == {"ColorPicker", "Text"}
    assert all(traits <= TRAITS_IN_7_7_1[kind] for kind, traits in used.items())


def test_static_shows_more_and_more_hints(painter):
    figure = painter.static()
    assert "three true colours" in figure.alt_text
    assert len(figure.axes) == 5


def test_controls_of_text_and_colour_check_their_values():
    text, picker = Control("note", "note", value="", kind="text"), Control("ink", "ink", value=RED, kind="colour")
    assert text.check("any; thing") == "any; thing" and picker.check("#00FF00") == "#00FF00"
    for control, bad in ((text, "two\nlines"), (text, "x" * 1001), (picker, "red"), (picker, "#12345"), (picker, 7)):
        with pytest.raises(ValueError, match=f"^{control.name}: expected"):
            control.check(bad)


@pytest.mark.parametrize(
    ("argument", "call"),
    [
        ("pictures", lambda p: explore.HintPainter(spreads, p.pictures[:0])),
        ("pictures", lambda p: explore.HintPainter(spreads, p.pictures[..., :1])),
        ("names", lambda p: explore.HintPainter(spreads, p.pictures, names=["one"])),
        ("hint_size", lambda p: explore.HintPainter(spreads, p.pictures, hint_size=0)),
        ("hints", lambda p: p.render(hints="64,3 #ffffff")),
        ("hints", lambda p: p.render(hints="3 #ffffff")),
        ("hints", lambda p: p.render(hints="; ".join(["3,3 #ffffff"] * 9))),
        ("colour", lambda p: p.render(colour="red")),
        ("x", lambda p: p.render(x=64)),
        ("brush", lambda p: p.render(brush=2)),
    ],
)
def test_bad_input_names_the_argument(painter, argument, call):
    with pytest.raises(ValueError, match=f"^{argument}: expected"):
        call(painter)
