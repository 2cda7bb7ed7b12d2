"""Explorers: rendering is pure, one decoder call per move, the view follows its sliders with 7.7.1's widgets only."""

import io
from html.parser import HTMLParser

import ipywidgets
import keras
import numpy as np
import pytest
from PIL import Image

from course_lib import explore, plots
from course_lib.explore.base import compiled_decoder
from course_lib.explore.view import View

PNG = b"\x89PNG\r\n\x1a\n"
D = 6


def small_decoder(latent_dim=D, size=8, channels=3):
    keras.utils.set_random_seed(0)
    z = keras.Input((latent_dim,))
    x = keras.layers.Dense(size * size * channels, activation="tanh", kernel_initializer="glorot_normal")(z)
    return keras.Model(z, keras.layers.Reshape((size, size, channels))(x))


class Counting:
    """A NumPy decoder that shows z[0] as brightness and counts its calls."""

    def __init__(self):
        self.calls = []

    def __call__(self, z):
        self.calls.append(z)
        return np.tanh(z[:, :1, None, None]) * np.ones((1, 8, 8, 1))


def records(decoder=None):
    rng = np.random.default_rng(0)
    out = []
    for beta, rate, distortion in [(0.5, 12.0, 220.0), (1, 9.0, 228.0), (4, 4.0, 250.0)]:
        record = {
            "beta": beta,
            "codes": rng.standard_normal((60, 2)) / np.sqrt(beta),
            "labels": np.arange(60) % 10,
            "samples": rng.integers(0, 255, (16, 8, 8, 1), np.uint8),
            "rate": rate,
            "distortion": distortion,
        }
        out.append(record | ({"decoder": decoder} if decoder else {}))
    return out


@pytest.fixture(scope="module")
def explorer():
    return explore.LatentExplorer(
        small_decoder(), directions=np.eye(D)[3:5], names=["glasses", "hair"], coordinates=2, scale=[1.0, 2.0]
    )


@pytest.fixture(scope="module")
def latent_map():
    rng = np.random.default_rng(0)
    return explore.LatentMap(small_decoder(2), rng.standard_normal((50, 2)), np.arange(50) % 3, ["a", "b", "c"])


@pytest.fixture(scope="module")
def dial():
    return explore.BetaDial(records(small_decoder(2, channels=1)))


# --- The pictures ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["explorer", "latent_map", "dial"])
def test_render_is_deterministic_and_every_control_changes_pixels(name, request):
    subject = request.getfixturevalue(name)
    base = {"blend": 40} if name == "explorer" else {}
    first = subject.render(**base)
    assert first.dtype == np.uint8 and first.ndim == 3
    assert np.array_equal(first, subject.render(**base))
    for control in subject.controls:
        value = 1 if control.options else type(control.step)(control.maximum)
        assert not np.array_equal(first, subject.render(**base | {control.name: value})), control.name
    assert np.array_equal(first, subject.render(**base)), "a move left a trace"


def test_values_left_out_are_the_controls_own(explorer):
    assert np.array_equal(explorer.render(), explorer.render(**explorer.values()))


@pytest.mark.parametrize(
    "values, message",
    [
        ({"sed": 1}, "sed"),
        ({"seed": -1}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"seed": 10_000}, "seed"),
        ({"blend": 101}, "blend"),
        ({"spread": float("nan")}, "spread"),
        ({"direction_0": 3.5}, "direction_0"),
        ({"direction_0": "much"}, "direction_0"),
    ],
)
def test_bad_values_are_refused_by_name(explorer, values, message):
    with pytest.raises(ValueError, match=message):
        explorer.render(**values)


def test_beta_index_is_checked(dial):
    for bad in (3, -1, 0.5):
        with pytest.raises(ValueError, match="beta_index"):
            dial.render(beta_index=bad)


def test_latent_follows_its_formula(explorer):
    ends = explorer.latent(seed=7), explorer.latent(seed=8)
    np.testing.assert_allclose(explorer.latent(seed=7, second=8, blend=100), ends[1])
    np.testing.assert_allclose(explorer.latent(seed=7, spread=0.5), 0.5 * ends[0])
    moved = explorer.latent(seed=7, direction_1=1.5, coordinate_0=-1.0) - ends[0]
    np.testing.assert_allclose(moved, [-1.0, 0, 0, 0, 3.0, 0], atol=1e-12)  # direction 1 is the axis 4, scale 2


def test_blend_keeps_the_norm_between_the_ends(explorer):
    norms = [np.linalg.norm(explorer.latent(seed=1, second=2, blend=b)) for b in (0, 50, 100)]
    assert norms[1] == pytest.approx((norms[0] + norms[2]) / 2)


def test_one_decoder_call_per_move_and_neighbours_keep_the_prior():
    decoder = Counting()
    subject = explore.LatentExplorer(decoder, latent_dim=200, neighbours=400, coordinates=0)
    subject.render(distance=0.7)
    subject.render(distance=1.0)
    assert [len(z) for z in decoder.calls] == [401, 401]
    near, far = decoder.calls
    assert near[1:].std() == pytest.approx(1, abs=0.05)
    assert (near[1:] @ near[0]).mean() / (near[0] @ near[0]) == pytest.approx(np.sqrt(1 - 0.7**2), abs=0.02)
    assert (far[1:] @ far[0]).mean() / (far[0] @ far[0]) == pytest.approx(0, abs=0.02)
    explore.LatentMap(decoder, np.zeros((5, 2))).render(x=1.0)
    assert len(decoder.calls) == 3


def test_without_neighbours_the_picture_is_the_decoded_image_enlarged():
    subject = explore.LatentExplorer(Counting(), latent_dim=2, neighbours=0, coordinates=1)
    bright, dark = subject.render(coordinate_0=3.0), subject.render(coordinate_0=-3.0)
    assert bright.shape == (256, 256, 1) and np.ptp(bright) == 0
    assert bright[0, 0, 0] > dark[0, 0, 0]


def test_the_map_decodes_at_the_cursor_and_marks_it(latent_map):
    decode, _ = compiled_decoder(small_decoder(2))
    point = {"x": 1.0, "y": -0.5}
    np.testing.assert_array_equal(latent_map.picture(latent_map.values(**point)), decode([[1.0, -0.5]])[0])
    changed = np.argwhere((latent_map.render(x=1.0, y=2.0) != latent_map.render(x=1.0, y=-2.0)).any(-1))
    column = latent_map._cloud.transData.transform((1.0, 0.0))[0]
    left = changed[changed[:, 1] < latent_map._place[0] - 5]
    crossing = np.bincount(left[:, 1]).argmax()  # the ring's own column changes most often between two heights
    assert abs(crossing - column) <= 8


@pytest.mark.parametrize("size", [8, 28, 32, 64, 128])
def test_layout_holds_every_neighbour_at_any_image_size(size):
    subject = explore.LatentExplorer(lambda z: np.full((len(z), size, size, 3), -1.0), latent_dim=3, neighbours=8)
    sheet = subject.render()
    small = max(1, round(256 / size) // 4) * size
    large = max(1, round(256 / size)) * size
    assert (sheet == 0).all(-1).sum() == large**2 + 8 * small**2


# --- Decoders ----------------------------------------------------------------------------------


def test_decoders_of_every_kind_agree():
    model = small_decoder()

    class Vae:
        latent_dim = D

        def decode(self, z):
            return model(z)

    class Gan:
        generator = small_decoder()
        generator_ema = model

    z = np.random.default_rng(0).standard_normal((3, D))
    expected = compiled_decoder(model)[0](z)
    assert expected.dtype == np.uint8
    for decoder in (Vae(), Gan(), lambda z: model(z)):
        np.testing.assert_array_equal(compiled_decoder(decoder, D)[0](z), expected)


def test_the_compiled_decoder_sees_weights_trained_later():
    model = small_decoder()
    decode, _ = compiled_decoder(model)
    before = decode(np.ones((1, D)))
    model.set_weights([w * -1 for w in model.get_weights()])
    assert not np.array_equal(before, decode(np.ones((1, D))))


@pytest.mark.parametrize(
    "decoder, latent_dim, message",
    [
        (3, None, "decoder"),
        (Counting(), None, "latent_dim"),
        (small_decoder(), 7, "latent_dim"),
        (lambda z: np.full((len(z), 4, 4, 3), 255.0), 2, r"\[-1, 1\]"),
        (lambda z: np.full((len(z), 4, 4, 3), np.nan), 2, r"\[-1, 1\]"),
        (lambda z: np.zeros((len(z), 16)), 2, "images"),
    ],
)
def test_unfit_decoders_are_refused(decoder, latent_dim, message):
    with pytest.raises(ValueError, match=message):
        explore.LatentExplorer(decoder, latent_dim, coordinates=0).render()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"directions": np.zeros((2, 5))}, "directions"),
        ({"directions": np.zeros((2, D)), "names": ["one"]}, "names"),
        ({"directions": np.zeros((2, D)), "names": ["same", "same"]}, "names"),
        ({"names": ["one"]}, "names"),
        ({"directions": np.zeros((2, D)), "scale": [1.0]}, "scale"),
        ({"coordinates": D + 1}, "coordinates"),
        ({"neighbours": -1}, "neighbours"),
    ],
)
def test_unfit_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        explore.LatentExplorer(small_decoder(), **arguments)


def test_unfit_records_are_refused():
    with pytest.raises(ValueError, match="records"):
        explore.BetaDial([])
    for key, bad in [("codes", np.zeros((4, 3))), ("samples", np.zeros((4, 8, 8, 1))), ("labels", np.zeros(3, int))]:
        with pytest.raises(ValueError, match=key):
            explore.BetaDial([records()[0] | {key: bad}])
    incomplete = records()[0]
    del incomplete["rate"]
    with pytest.raises(ValueError, match="rate"):
        explore.BetaDial([incomplete])
    mixed = records(small_decoder(2))
    mixed[1]["decoder"] = None
    with pytest.raises(ValueError, match="decoder"):
        explore.BetaDial(mixed)


def test_dial_without_decoders_shows_three_panels_and_tiled_samples():
    tiled = [record | {"samples": np.zeros((40, 40, 3), np.uint8)} for record in records()]
    subject = explore.BetaDial(tiled)
    assert subject.render(beta_index=2, x=1.0).shape[-1] == 3
    assert "β = 4" in subject.text(beta_index=2) and "250.0" in subject.text(beta_index=2)


# --- Files and static pictures -------------------------------------------------------------------


def test_png_and_file_hold_the_picture(explorer, tmp_path):
    decoded = np.asarray(Image.open(io.BytesIO(explorer.png(seed=3))))
    np.testing.assert_array_equal(decoded, explorer.render(seed=3))
    path = explorer.save(tmp_path / "face.png", scale=2, seed=3)
    saved = np.asarray(Image.open(path))
    np.testing.assert_array_equal(saved[::2, ::2], explorer.picture(explorer.values(seed=3)))


@pytest.mark.parametrize("name", ["explorer", "latent_map", "dial"])
def test_static_picture_has_alt_text(name, request):
    figure = request.getfixturevalue(name).static()
    assert isinstance(figure, plots.Figure)
    assert len(figure.alt_text) > 30 and figure.png().startswith(PNG)


# --- The widgets ---------------------------------------------------------------------------------


def test_a_moved_slider_changes_picture_and_text(explorer):
    view = View(explorer)
    for name, value in [("spread", 0.4), ("direction_0", 2.0), ("seed", 12), ("blend", 60)]:
        before = bytes(view.image.value), view.text.value
        assert before[0].startswith(PNG)
        view.inputs[name].value = value
        assert bytes(view.image.value).startswith(PNG)
        assert view.image.value != before[0] and view.text.value != before[1], name
    assert "seed 12" in view.text.value and "glasses +2.0" in view.text.value
    assert view.image.value == explorer.png(spread=0.4, direction_0=2.0, seed=12, blend=60)


def test_buttons_change_values_and_draw_once():
    decoder = Counting()
    view = View(explore.LatentExplorer(decoder, latent_dim=4, neighbours=2))
    start = len(decoder.calls)
    view.set(seed=5, spread=0.5, coordinate_0=1.0)
    assert len(decoder.calls) == start + 1
    view.buttons["Another picture"].click()
    assert view.inputs["seed"].value == 6 and len(decoder.calls) == start + 2
    view.buttons["Reset"].click()
    assert view.values() == view.explorer.values() and len(decoder.calls) == start + 3


def test_save_button_never_overwrites(explorer, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    view = View(explorer)
    view.buttons["Save PNG"].click()
    view.buttons["Save PNG"].click()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["picture-001.png", "picture-002.png"]
    assert "picture-002.png" in view.text.value


def test_the_dial_is_a_slider_over_beta(dial):
    view = View(dial)
    before = view.image.value
    view.inputs["beta_index"].value = 2
    assert view.image.value != before and "β = 4" in view.text.value


def test_text_is_escaped():
    subject = explore.LatentExplorer(
        Counting(), latent_dim=4, directions=np.eye(4)[:1], names=["<script>"], title="<script>"
    )
    view = View(subject)
    view.inputs["direction_0"].value = 1.0
    values = [w.value for w in walk(view.box) if isinstance(w, ipywidgets.HTML)]
    assert values and not any("<script>" in value for value in values)


def test_the_view_carries_the_script_that_names_its_controls(explorer):
    box = View(explorer).box
    (style,) = (w for w in box.children if isinstance(w, ipywidgets.HTML) and w.value.startswith("<style"))
    found = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: found.append((tag, dict(attributes)))
    parser.feed(style.value)
    ((tag, attributes),) = found
    (box_class,) = box._dom_classes
    assert tag == "style" and f".closest('.{box_class}')" in attributes["onload"]


def walk(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from walk(child)


# Read from ipywidgets 7.7.1, which Colab ships: the traits used here, by class.
BOX = {"children", "layout"}
SLIDER = {"min", "max", "step", "value", "description", "style", "layout", "readout_format", "continuous_update"}
TRAITS_IN_7_7_1 = {
    "Image": {"format", "layout", "value", "width", "height"},
    "HTML": {"value", "layout", "description"},
    "Button": {"description", "layout", "style", "icon", "disabled"},
    "FloatSlider": SLIDER,
    "IntSlider": SLIDER,
    "BoundedIntText": {"min", "max", "step", "value", "description", "style", "layout", "continuous_update"},
    "SelectionSlider": {"options", "value", "description", "style", "layout", "continuous_update"},
    "Dropdown": {"options", "value", "description", "style", "layout"},
    "ColorPicker": {"concise", "value", "description", "style", "layout"},
    "Text": {"value", "placeholder", "description", "style", "layout", "continuous_update"},
    "Play": {"min", "max", "step", "value", "interval", "description", "layout"},
    "VBox": BOX,
    "HBox": BOX,
    "Layout": {"width", "margin", "min_width", "max_width", "flex_flow", "align_items"},
}


@pytest.mark.parametrize("name", ["explorer", "latent_map", "dial"])
def test_only_widgets_and_traits_of_7_7_1(name, request, monkeypatch):
    made = []
    original = ipywidgets.Widget.__init__

    def recorded(self, **arguments):
        made.append((type(self).__name__, set(arguments)))
        original(self, **arguments)

    monkeypatch.setattr(ipywidgets.Widget, "__init__", recorded)
    view = View(request.getfixturevalue(name))
    for kind, traits in made:
        if kind in TRAITS_IN_7_7_1:  # styles, layouts and links that widgets create for themselves are not ours
            assert traits <= TRAITS_IN_7_7_1[kind], (kind, traits)
    widgets = list(walk(view.box))
    assert {type(w).__name__ for w in widgets} <= set(TRAITS_IN_7_7_1)
    assert all(w.description for w in view.inputs.values()), "every input says what it is"
    for play in (w for w in widgets if isinstance(w, ipywidgets.Play)):
        assert not getattr(play, "playing", getattr(play, "_playing", False)), "Play must not start by itself"


def test_options_that_a_slider_would_cut_off_get_a_list():
    class Named(explore.Explorer):
        controls = (
            explore.Control("beta", "β", options=("0.25", "784"), value=1),
            explore.Control("loss", "Loss", options=("hinge", "non-saturating"), value=1),
        )

        def draw(self, values):
            return np.full((4, 4, 1), 10 * values["loss"] + values["beta"], np.uint8)

        def describe(self, values):
            return str(values)

    view = View(Named())
    assert [type(view.inputs[name]).__name__ for name in ("beta", "loss")] == ["SelectionSlider", "Dropdown"]
    assert view.values() == {"beta": 1, "loss": 1}
    before = view.image.value
    view.inputs["loss"].value = 0
    assert view.image.value != before


def test_show_displays_widget_and_static_picture_in_one_output(explorer, monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.get_ipython", lambda: object())
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: shown.append(bundle))
    explorer.show()
    (bundle,) = shown
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"]
    assert "<img alt=" in bundle["text/html"] and bundle["text/plain"]


def test_show_outside_jupyter_says_what_it_would_show(explorer, capsys):
    explorer.show()
    assert "seed 0" in capsys.readouterr().out
