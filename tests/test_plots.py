"""Figures: alt text from the data, checked arguments, no pyplot state, and one accessible picture when displayed."""

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from course_lib import plots

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 255, (6, 8, 8, 3), np.uint8)


def every_figure():
    x = np.linspace(-3, 3, 50)
    return {
        "image_grid": plots.image_grid(IMAGES, columns=3, title="grid"),
        "image_grid with titles": plots.image_grid(IMAGES[..., :1], titles=list("abcdef")),
        "side_by_side": plots.side_by_side({"real": IMAGES, "made": IMAGES[:3]}, columns=list("abcdef")),
        "curves": plots.curves({"d_loss": [1.5, 0.25], "g_loss": [0.5, 2.0]}),
        "histogram": plots.histogram({"z": RNG.standard_normal(100)}, {"N(0, 1)": (x, np.exp(-x * x / 2))}),
        "scatter": plots.scatter(RNG.standard_normal((30, 2)), np.arange(30) % 10),
        "rate_distortion": plots.rate_distortion([9.0, 4.0], [220.0, 240.0], ["β = 1", "β = 4"], highlight=1),
        "latent_map": plots.latent_map(IMAGES[:4], [-1, 1]),
    }


@pytest.mark.parametrize("name, figure", every_figure().items())
def test_every_figure_draws_and_describes_itself(name, figure):
    assert len(figure.alt_text) > 20
    picture = np.asarray(Image.open(io.BytesIO(figure.png(dpi=60))).convert("RGB"))
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 10, "an empty figure"


def test_alt_text_carries_the_numbers_and_can_be_given():
    assert "d_loss from 1.5 to 0.25" in plots.curves({"d_loss": [1.5, 1.0, 0.25]}).alt_text
    assert plots.curves({"d_loss": [1.0]}, alt="My words.").alt_text == "My words."


def test_text_stays_inside_the_figure():
    for name, figure in every_figure().items():
        figure.draw_without_rendering()
        width, height = figure.bbox.size
        box = figure.get_tightbbox().get_points() * figure.dpi
        assert (box >= -2).all() and (box <= (width + 2, height + 2)).all(), name


def test_lines_and_points_stand_where_the_data_are():
    axes = plots.curves({"a": [3.0, 2.0], "b": ([10, 20, 30], [1.0, 2.0, 3.0])}, xlabel="step", ylabel="nats").axes[0]
    np.testing.assert_allclose(axes.lines[0].get_xydata(), [[1, 3], [2, 2]])
    np.testing.assert_allclose(axes.lines[1].get_xydata(), [[10, 1], [20, 2], [30, 3]])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step", "nats")
    points = RNG.standard_normal((20, 2))
    drawn = plots.scatter(points, np.arange(20) % 2, ["even", "odd"]).axes[0].collections
    np.testing.assert_allclose(drawn[1].get_offsets(), points[1::2])
    assert [c.get_label() for c in drawn] == ["even", "odd"]


def test_a_histogram_is_a_density():
    axes = plots.histogram({"z": RNG.standard_normal(500)}, bins=20).axes[0]
    assert sum(bar.get_height() * bar.get_width() for bar in axes.patches[:20]) == pytest.approx(1)


def test_ten_classes_differ_in_colour_and_marker():
    assert len(set(plots.CLASS_COLOURS)) == len(set(plots.MARKERS)) == 10


def test_latent_map_labels_its_cells_from_the_bottom_left():
    axes = plots.latent_map(np.repeat(IMAGES[:1], 9, axis=0), [-1, 0, 1]).axes[0]
    assert [t.get_text() for t in axes.get_xticklabels()] == ["-1", "0", "1"]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["-1", "0", "1"]
    assert list(axes.get_yticks()) == [0.5, 1.5, 2.5]


def test_floats_and_uint8_give_the_same_picture():
    floats = IMAGES / np.float32(127.5) - 1
    assert plots.image_grid(IMAGES).png() == plots.image_grid(floats).png()


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: plots.image_grid(IMAGES[0]), "images"),
        (lambda: plots.image_grid(IMAGES, titles=["one"]), "titles"),
        (lambda: plots.image_grid(IMAGES.astype(np.float32)), r"\[-1, 1\]"),
        (lambda: plots.side_by_side({}), "rows"),
        (lambda: plots.side_by_side({"a": IMAGES[0]}), "rows"),
        (lambda: plots.curves({}), "series"),
        (lambda: plots.curves({"a": [1, 2]}, x=[1, 2, 3]), "x"),
        (lambda: plots.scatter(np.zeros((3, 3))), "points"),
        (lambda: plots.scatter(np.zeros((3, 2)), [0, 1]), "labels"),
        (lambda: plots.scatter(np.zeros((2, 2)), [0, 3], ["a", "b"]), "names"),
        (lambda: plots.rate_distortion([1.0], [1.0, 2.0]), "distortions"),
        (lambda: plots.latent_map(IMAGES), "images"),
        (lambda: plots.latent_map(IMAGES[:4], [0, 1, 2]), "values"),
        (lambda: plots.mime_bundle(IMAGES[0]), "alt"),
        (lambda: plots.mime_bundle(b"JFIF....", "a picture"), "picture"),
    ],
)
def test_bad_input_is_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_bundle_holds_one_image_with_escaped_alt_text():
    for picture, kind in [(IMAGES[0], "png"), (b"GIF89a...", "gif"), (plots.curves({"a": [1, 2]}), "webp")]:
        bundle = plots.mime_bundle(picture, 'β "dial" <b>', width=300)
        assert bundle["text/html"].count("<img") == 1 and f"data:image/{kind};base64," in bundle["text/html"]
        assert 'alt="β &quot;dial&quot; &lt;b&gt;"' in bundle["text/html"] and 'width="300"' in bundle["text/html"]
        assert bundle["text/plain"] == 'β "dial" <b>'


def test_show_outside_jupyter_prints_the_alt_text(capsys):
    plots.show(plots.curves({"a": [1, 2]}, alt="One line."))
    assert capsys.readouterr().out == "One line.\n"


def test_a_cell_that_ends_with_a_figure_shows_it_once():
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    shell = InteractiveShell.instance()
    try:
        with capture_output() as captured:
            shell.run_cell("from course_lib import plots\nplots.curves({'a': [1, 2]}, alt='One line.')")
        assert len(captured.outputs) == 1
        assert 'alt="One line."' in captured.outputs[0].data["text/html"]
    finally:
        InteractiveShell.clear_instance()


def test_plots_leave_pyplot_alone():
    drawing = "from course_lib import plots; plots.curves({'a': [1]}).png()"
    code = f"import sys; {drawing}; print('matplotlib.pyplot' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"
