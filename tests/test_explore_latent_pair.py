"""Two latent spaces side by side, the nearest training picture, paths and walks."""

import io

import numpy as np
import pytest
from PIL import Image

from course_lib import explore, latent
from course_lib.explore.nearest import Nearest
from course_lib.explore.view import View

D = 6
PATHS = ("slerp", "lerp", "lerp, rescaled")


def shades(z):
    """A decoder whose 16 x 16 pictures have the colour tanh(z₀), tanh(z₁), tanh(z₂)."""
    return np.tanh(z[:, None, None, :3]) * np.ones((1, 16, 16, 1))


def training(n=40):
    """One-colour pictures; number k has red 6k, and green and blue of 100."""
    colours = np.stack([6 * np.arange(n), np.full(n, 100), np.full(n, 100)], axis=1)
    return np.broadcast_to(colours[:, None, None, :], (n, 16, 16, 3)).astype(np.uint8)


def single(**given):
    arguments = {"directions": np.eye(D)[:2], "names": ["glasses", "hair"], "coordinates": 0, "neighbours": 0}
    arguments |= {"paths": PATHS, "training": training()}
    return explore.LatentExplorer(shades, D, **arguments | given)


@pytest.fixture(scope="module")
def pair():
    return explore.LatentPair({"first": single(), "second": single(directions=np.eye(D)[1:3])}, title="two")


# --- Nearest -------------------------------------------------------------------------------------


def test_nearest_finds_the_picture_itself_and_the_one_a_little_off():
    nearest = Nearest(training())
    for k in (0, 17, 39):
        assert nearest.find(training()[k]) == (k, 0.0)
    moved = training()[20] + np.array([2, 0, 0], np.uint8)
    index, distance = nearest.find(moved)
    assert index == 20
    assert distance == pytest.approx(2 / 127.5 / np.sqrt(3), rel=1e-4)
    assert nearest.typical == pytest.approx(6 / 127.5 / np.sqrt(3), rel=1e-4), "neighbours differ by 6 in red"


def test_nearest_agrees_with_a_plain_search_over_shrunk_pictures():
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (50, 32, 32, 3), np.uint8)
    query = rng.integers(0, 256, (32, 32, 3), np.uint8)

    def shrunk(x):
        return (x.astype(float) / 127.5 - 1).reshape(*x.shape[:-3], 16, 2, 16, 2, 3).mean(axis=(-4, -2))

    distances = np.sqrt(np.mean((shrunk(pictures) - shrunk(query)) ** 2, axis=(1, 2, 3)))
    index, distance = Nearest(pictures).find(query)
    assert index == distances.argmin() and distance == pytest.approx(distances.min(), rel=1e-5)


@pytest.mark.parametrize(
    "bad", [np.zeros((1, 16, 16, 3), np.uint8), np.zeros((5, 20, 16, 3), np.uint8), np.zeros((5, 16, 16, 3))]
)
def test_nearest_refuses_unfit_pictures(bad):
    with pytest.raises(ValueError, match="training"):
        Nearest(bad)


def test_a_picture_of_another_size_is_refused():
    with pytest.raises(ValueError, match="picture"):
        Nearest(training()).find(np.zeros((32, 32, 3), np.uint8))


# --- One explorer with paths and training pictures --------------------------------------------------


def test_each_path_is_the_librarys():
    subject = single()
    ends = subject.latent(seed=3), subject.latent(seed=4)
    for k, path in enumerate((latent.slerp, latent.lerp, latent.lerp_rescaled)):
        np.testing.assert_allclose(subject.latent(seed=3, second=4, blend=30, along=k), path(*ends, 101)[30])
    assert "by lerp" in subject.text(blend=30, along=1)


def test_the_nearest_picture_is_drawn_beside_the_decoded_one_and_described():
    subject = single()
    values = subject.values(seed=5, direction_0=1.0)
    decoded, sheet = subject.picture(values), subject.draw(values)
    index, distance = subject.nearest.find(decoded)
    assert sheet.shape == (256, 256 + 12 + 128, 3)
    np.testing.assert_array_equal(sheet[128, 100], decoded[0, 0])
    np.testing.assert_array_equal(sheet[128, 300], training()[index][0, 0])
    text = subject.text(seed=5, direction_0=1.0)
    assert f"number {index}," in text and f"{distance:.2f}" in text


def test_one_path_needs_no_dial_and_unknown_ones_are_refused():
    assert "along" not in single(paths=("lerp",)).values()
    for bad in (("spline",), ()):
        with pytest.raises(ValueError, match="paths"):
            single(paths=bad)


def test_the_memory_of_the_last_move_leaves_no_trace():
    subject = single()
    first = subject.render(seed=1)
    subject.render(seed=2)
    np.testing.assert_array_equal(subject.render(seed=1), first)
    drawn = subject.render(seed=1)
    drawn[:] = 0
    np.testing.assert_array_equal(subject.render(seed=1), first)


# --- The pair --------------------------------------------------------------------------------------


def test_both_sheets_stand_beside_each_other(pair):
    values = pair.values(seed=7, direction_0=1.0)
    sheets = [each.draw(values) for each in pair.models.values()]
    sheet = pair.draw(values)
    width = sheets[0].shape[1]
    np.testing.assert_array_equal(sheet[26:, :width], sheets[0])
    np.testing.assert_array_equal(sheet[26:, -width:], sheets[1])
    assert (sheet[:26, :width] < 128).any(), "the name is written above"


def test_a_slider_moves_each_model_along_its_own_direction(pair):
    still, moved = (
        pair.models[name].latent(seed=7, direction_0=1.0) - pair.models[name].latent(seed=7) for name in pair.models
    )
    np.testing.assert_allclose(still, np.eye(D)[0])
    np.testing.assert_allclose(moved, np.eye(D)[1])


def test_render_is_pure_and_every_control_changes_it(pair):
    base = {"blend": 40, "seed": 3, "second": 8}
    first = pair.render(**base)
    assert first.dtype == np.uint8 and first.shape[-1] == 3
    for control in pair.controls:
        value = 1 if control.options else type(control.step)(control.maximum)
        assert not np.array_equal(first, pair.render(**base | {control.name: value})), control.name
    np.testing.assert_array_equal(first, pair.render(**base))


def test_the_text_names_models_and_values(pair):
    text = pair.text(seed=12, direction_1=-2.0)
    assert "first:" in text and "second:" in text and "seed 12" in text and "hair -2.0" in text
    assert text.count("nearest training picture") == 2


def test_bad_values_and_unlike_models_are_refused(pair):
    with pytest.raises(ValueError, match="direction_0"):
        pair.render(direction_0=9.0)
    for bad in ({"one": single()}, {"a": single(), "b": shades}, {"a": single(), "b": single(names=["x", "y"])}):
        with pytest.raises(ValueError, match="models"):
            explore.LatentPair(bad)


def test_grey_and_colour_models_may_stand_together():
    grey = explore.LatentExplorer(lambda z: shades(z)[..., :1], D, coordinates=0, neighbours=0)
    colour = explore.LatentExplorer(shades, D, coordinates=0, neighbours=0)
    assert explore.LatentPair({"grey": grey, "colour": colour}).render().shape[-1] == 3


# --- Files and the view ------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [single, lambda: explore.LatentPair({"a": single(), "b": single()})])
def test_the_gif_walks_there_and_back(make, tmp_path):
    subject = make()
    path = subject.gif(tmp_path / "walk.gif", seed=3, second=9)
    walk = Image.open(path)
    assert walk.n_frames == 30
    frames = []
    for k in (0, 15, 29):
        walk.seek(k)
        frames.append(np.asarray(walk.convert("RGB")).astype(int))
    scale = frames[0].shape[0] // 16
    for frame, percent in ((frames[0], 0), (frames[1], 100), (frames[2], 7)):
        expected = subject.picture(subject.values(seed=3, second=9, blend=percent))
        assert np.abs(frame[::scale, ::scale] - expected).max() <= 4, "a GIF has 256 colours"


def test_the_view_saves_png_and_gif_without_overwriting(pair, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    view = View(pair)
    for name in ("Save PNG", "Save GIF", "Save GIF"):
        view.buttons[name].click()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["picture-001.png", "walk-001.gif", "walk-002.gif"]
    assert "walk-002.gif" in view.text.value
    before = view.image.value
    view.inputs["direction_0"].value = 2.0
    assert view.image.value != before
    assert Image.open(io.BytesIO(view.image.value)).size[0] == pair.render().shape[1]


def test_an_explorer_without_walk_has_no_such_button():
    plain = explore.LatentMap(lambda z: shades(np.pad(z, ((0, 0), (0, 2)))), np.zeros((5, 2)))
    assert "Save GIF" not in View(plain).buttons


def test_the_static_picture_says_what_it_shows(pair):
    figure = pair.static()
    assert "first" in figure.alt_text and "second" in figure.alt_text and figure.png()
