"""Figures: alt text from the data, checked arguments, no pyplot state, and one accessible picture when displayed."""

import io
import itertools
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from course_lib import _gallery_page, images, plots, runtime

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


# --- Colours, as eyes of every kind see them -----------------------------------------------------

# Machado, Oliveira & Fernandes 2009 (doi:10.1109/TVCG.2009.113), severity 1: linear sRGB -> linear sRGB as it is seen.
VISIONS = {
    "usual": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
# Delta E 76 of colours side by side. About 2.3 is just noticed on large areas, and points of three pixels need several
# times as much. Okabe and Ito's eight colours reach 16; with a grey and a wine for ten classes it was 7.
APART = 15
TEXT, GRAPHICS = 4.5, 3.0  # contrast that WCAG 2.1 asks for (criteria 1.4.3 and 1.4.11)
# Not there to be told from white: areas behind words, bands and rules behind a chart, the paints of HintPainter.
SURFACES = {
    "#FFFFFF",
    "#F2A25C",
    "#7FB8E6",
    "#E5E5E5",
    "#E9E9E9",
    "#E8F1F8",
    "#E6F5F0",
    "#DDDDDD",
    "#D9502E",
    "#6BD9E9",
}


def linear(code):
    """Return "#RRGGBB" as linear sRGB (3,) in [0, 1]."""
    s = np.array([int(code[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    return np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4)


def contrast(a, b="#FFFFFF"):
    """Return the contrast of two colours, from 1 to 21, as WCAG 2 defines it."""
    low, high = sorted(0.05 + np.dot([0.2126, 0.7152, 0.0722], linear(code)) for code in (a, b))
    return high / low


def seen(code, vision):
    """Return a colour as CIE Lab (3,), as it appears to one kind of vision."""
    shown = np.clip(np.asarray(VISIONS[vision]) @ linear(code), 0, 1)
    srgb = np.where(shown <= 0.0031308, 12.92 * shown, 1.055 * shown ** (1 / 2.4) - 0.055)
    return images.rgb_to_lab(srgb[None, None, None])[0, 0, 0]


def nearest(colours, vision):
    """Return (Delta E, a, b) of the two colours that are hardest to tell apart."""
    pairs = itertools.combinations(colours, 2)
    return min((float(np.linalg.norm(seen(a, vision) - seen(b, vision))), a, b) for a, b in pairs)


def codes(*modules):
    """Return the colour codes "#RRGGBB" written in the sources of some modules, in capitals."""
    return {c.upper() for m in modules for c in re.findall(r"#[0-9A-Fa-f]{6}\b", m.read_text("utf-8"))}


def test_the_measures_agree_with_published_values():
    assert contrast("#000000") == pytest.approx(21) and contrast("#777777") == pytest.approx(4.48, abs=0.005)
    for vision in VISIONS:  # greys look alike to everybody
        np.testing.assert_allclose(seen("#808080", vision), seen("#808080", "usual"), atol=0.1)
    # Red and green of equal lightness: plain to most, nearly one colour to deuteranopes.
    red, green = "#B06A50", "#7D803B"
    assert nearest([red, green], "usual")[0] > 30 > 10 > nearest([red, green], "deuteranopia")[0]


@pytest.mark.parametrize("vision", VISIONS)
def test_every_pair_of_colours_is_told_apart(vision):
    distance, *pair = nearest(plots.CLASS_COLOURS, vision)
    assert set(plots.COLOURS) <= set(plots.CLASS_COLOURS) and distance >= APART, pair


def test_colours_stand_out_from_white():
    assert {c: contrast(c) for c in plots.CLASS_COLOURS if contrast(c) < GRAPHICS} == {}
    # Explorers write words in the first three, and white numbers on the bars of the third.
    assert {c: contrast(c) for c in (*plots.COLOURS[:3], plots.GREY) if contrast(c) < TEXT} == {}


def test_explorers_and_lessons_write_no_colour_that_is_lost_on_white():
    root = Path(plots.__file__).parent
    found = codes(*(root / "explore").glob("*.py")) | codes(*(root.parent / "lessons").rglob("*.py"))
    assert {c: contrast(c) for c in found - SURFACES if contrast(c) < GRAPHICS} == {}
    assert found >= SURFACES, "the list names colours in use"


def test_words_in_html_stand_out_from_their_ground():
    report = runtime.Report(0, "cpu", "float32", "3", "2", "3", [], 2, False, "CPU", 1, True, "", ["a note"])
    written = re.findall(r"color:(#\w{6})", report._repr_html_())
    assert len(set(written)) == 2 and min(map(contrast, written)) >= TEXT
    for ink, paper, soft in re.findall(r"--ink: (#\w+); --paper: (#\w+); --soft: (#\w+)", _gallery_page.STYLE):
        assert min(contrast(full(ink), full(paper)), contrast(full(soft), full(paper))) >= TEXT


def full(code):
    """Return "#abc" as "#aabbcc"."""
    return code if len(code) == 7 else "#" + "".join(2 * c for c in code[1:])


def test_no_two_lines_of_a_chart_differ_in_colour_alone():
    for n in (5, 60):
        lines = plots.curves({f"line {k}": np.arange(n) + k for k in range(8)}).axes[0].lines
        assert len({(line.get_linestyle(), line.get_marker()) for line in lines}) == 8
        assert len({line.get_color() for line in lines}) == 8
        for line in lines:  # a few markers on a long line, all of them on a short one
            assert line.get_markevery() == (1 if n == 5 else 4)


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
