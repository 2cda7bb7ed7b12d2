"""StyleMixer: preview and refinement by value, purity, and a view whose other moves take the refinement back."""

import numpy as np
import pytest

from course_lib import explore, images
from course_lib._style_pictures import fitted
from course_lib.explore import style_mixer
from course_lib.explore.view import View
from course_lib.style import Snapshot


def plain(*colour, shape=(30, 40)):
    return np.full((*shape, 3), colour, np.uint8)


CONTENTS = {"grey": plain(100, 100, 100), "tall": plain(90, 90, 90, shape=(64, 32))}
LONG = "a style with a very long title that never ends"
STYLES = {"red": plain(200, 0, 0), "green": plain(0, 200, 0), LONG: plain(0, 0, 200)}


class Fast:
    """Mixes the content's and the style's mean colours; counts what it encodes."""

    def __init__(self):
        self.encoded = []

    def encode(self, picture, size=None):
        self.encoded.append(size)
        return fitted(picture, size).astype(np.float32)

    def statistics(self, styles, weights=None, size=None):
        self.encoded.append(size)
        mean = styles.mean(axis=(0, 1)).astype(np.float32)
        return mean, mean / 2

    def decode(self, maps, statistics, strength=1.0):
        return np.rint((1 - strength) * maps + strength * statistics[0]).astype(np.uint8)


class Painter:
    """Adds one to the start at each step; remembers what it was asked for."""

    def __init__(self):
        self.asked = []

    def steps(self, content, styles, **options):
        self.asked.append(options)
        for step in range(0, options["steps"] + 1, options["every"]):
            image = (options["start"].astype(int) + step).clip(0, 255).astype(np.uint8)
            yield Snapshot(image, step, options["steps"], 0.25, 1 / (1 + step))


@pytest.fixture
def mixer():
    return explore.StyleMixer(CONTENTS, STYLES, Fast(), Painter(), size=40)


def test_the_preview_blends_the_two_styles(mixer):
    for mix, strength, expected in [
        (0, 100, (200, 0, 0)),
        (100, 100, (0, 200, 0)),
        (25, 100, (150, 50, 0)),
        (50, 50, (100, 100, 50)),
        (50, 0, (100, 100, 100)),
    ]:
        picture = mixer.picture(mixer.values(mix=mix, strength=strength))
        assert picture.shape == (30, 40, 3)
        np.testing.assert_allclose(picture[3, 4], expected, atol=1)


def test_the_sheet_shows_the_result_and_its_sources(mixer):
    sheet = mixer.render(mix=100, strength=100)
    np.testing.assert_array_equal(sheet[150, 150], (0, 200, 0))
    for column, colour in enumerate([(100, 100, 100), (200, 0, 0), (0, 200, 0)]):
        np.testing.assert_array_equal(sheet[-60, column * 172 + 60], colour)
    assert mixer.render(content=1).shape == sheet.shape, "the sheet keeps its size"
    assert (mixer.render(first=2)[390:410, 332:344] == 255).all(), "a long title is cut off before the next one"


def test_refinement_goes_on_from_the_preview(mixer):
    values = mixer.values(mix=30, strength=50, scale=2)
    preview = mixer.picture(values)
    np.testing.assert_array_equal(mixer.picture(values | {"refinement": 4}), preview + 4 * style_mixer.STEPS)
    asked = mixer.painter.asked[0]
    np.testing.assert_allclose(asked["weights"], [0.7, 0.3])
    assert asked["strength"] == pytest.approx(style_mixer.FULL / 4)
    assert (asked["size"], asked["style_size"]) == (40, 80)
    mixer.picture(values | {"refinement": style_mixer.TICKS})
    mixer.picture(values | {"refinement": 2})
    assert len(mixer.painter.asked) == 1, "one painting serves all its ticks"


def test_the_same_values_give_the_same_picture_in_any_order(mixer):
    late = mixer.render(refinement=6, mix=10)
    mixer.render(refinement=2, mix=90)
    np.testing.assert_array_equal(mixer.render(refinement=6, mix=10), late)
    other = explore.StyleMixer(CONTENTS, STYLES, Fast(), Painter(), size=40)
    np.testing.assert_array_equal(other.render(refinement=6, mix=10), late)


def test_every_control_changes_the_picture_and_pictures_are_read_once(mixer):
    first = mixer.render(mix=20)
    for change in ({"content": 1}, {"first": 1}, {"second": 2}, {"mix": 70}, {"strength": 10}, {"refinement": 3}):
        assert (mixer.render(**({"mix": 20} | change)) != first).any(), change
    before = len(mixer.fast.encoded)
    for mix in range(0, 101, 20):
        mixer.render(mix=mix)
    assert len(mixer.fast.encoded) == before
    assert [mixer._style_size(mixer.values(scale=k)) for k in range(3)] == [32, 40, 80]


def test_the_text_says_all_values_and_the_errors(mixer):
    text = mixer.text(mix=30, strength=70, refinement=3)
    for fact in ("grey", "70 % in the style of red", "30 % of green", "strength 70 %", "40 pixels"):
        assert fact in text
    assert "9 of 72 steps: content error 0.25, style error 0.100" in text
    assert "Preview by AdaIN" in mixer.text()


def test_another_move_takes_the_refinement_back(mixer):
    view = View(mixer)
    first = view.image.value
    view.inputs["refinement"].value = 5
    refined = view.image.value
    assert refined != first
    assert "15 of 72 steps" in view.text.value
    view.inputs["mix"].value = 40
    assert view.inputs["refinement"].value == 0
    assert "Preview" in view.text.value
    assert view.image.value not in (first, refined)


def test_the_static_figure_shows_the_blend(mixer):
    figure = mixer.static()
    assert len(figure.axes) == 5
    assert "from red to green" in figure.alt_text


def test_bad_pictures_and_values_are_refused(mixer):
    with pytest.raises(ValueError, match="contents"):
        explore.StyleMixer({"bad": CONTENTS["grey"] / 255}, STYLES, Fast(), Painter())
    with pytest.raises(ValueError, match="styles"):
        explore.StyleMixer(CONTENTS, {"red": STYLES["red"]}, Fast(), Painter())
    with pytest.raises(ValueError, match="size"):
        explore.StyleMixer(CONTENTS, STYLES, Fast(), Painter(), size=8)
    for bad in ({"mix": 101}, {"first": 3}, {"refinement": -1}, {"strength": 0.5}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            mixer.render(**bad)


def test_saving_writes_the_picture_alone(mixer, tmp_path):
    from PIL import Image

    saved = np.asarray(Image.open(mixer.save(tmp_path / "a.png", mix=100, strength=100)))
    np.testing.assert_array_equal(saved, mixer.picture(mixer.values(mix=100, strength=100)))
    assert images.png_bytes(saved)
