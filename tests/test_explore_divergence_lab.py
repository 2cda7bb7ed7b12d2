"""The divergence laboratory: numbers against closed forms, pictures by value, moves without a trace."""

import time

import numpy as np
import pytest
from PIL import ImageColor

from course_lib import explore, plots
from course_lib.explore.divergence_lab import SCENES, STEPS
from course_lib.explore.view import View

SHIFT, BUMPS, MODES, WIDTH = range(4)
Q_COLOUR = np.array(ImageColor.getrgb(plots.COLOURS[1]))


@pytest.fixture(scope="module")
def lab():
    return explore.DivergenceLab()


def upper_part(picture):
    return picture[: picture.shape[0] * 45 // 100].astype(int)


def columns_of_q(picture):
    """Return the columns in which the outline of q is painted, apart from the legend's."""
    near = np.abs(upper_part(picture)[:, : picture.shape[1] * 85 // 100] - Q_COLOUR).sum(axis=2) < 30
    return np.flatnonzero(near[: near.shape[0] * 8 // 10].any(axis=0))


def test_a_shift_has_its_closed_forms(lab):
    for move in (0, 30, 50, 100):
        t = SCENES[SHIFT].values[move]
        found = lab.measures(scene=SHIFT, move=move)
        assert found["kl"] == pytest.approx(t**2 / 2, abs=1e-6)
        assert found["reverse_kl"] == pytest.approx(found["kl"], abs=1e-6)
        assert found["w1"] == pytest.approx(abs(t), abs=1e-4)


def test_bumps_without_overlap_leave_only_the_transport_distance(lab):
    near, far = lab.measures(scene=BUMPS, move=75), lab.measures(scene=BUMPS, move=95)
    for found in (near, far):
        assert found["kl"] == found["reverse_kl"] == np.inf
        assert found["js"] == pytest.approx(np.log(2)) and found["tv"] == pytest.approx(1)
    assert far["w1"] - near["w1"] == pytest.approx(20 * 0.12, abs=1e-3)


def test_forward_kl_covers_and_reverse_kl_seeks(lab):
    curves = SCENES[MODES].curves
    assert SCENES[MODES].values[curves["kl"].argmin()] == pytest.approx(0, abs=0.06)
    assert abs(SCENES[MODES].values[curves["reverse_kl"].argmin()]) == pytest.approx(3, abs=0.13)
    widest = SCENES[WIDTH].values[SCENES[WIDTH].curves["kl"].argmin()]
    assert widest == pytest.approx(np.sqrt(9 + 0.49), abs=0.036)  # the standard deviation of p


def test_every_number_is_in_its_bounds():
    for scene in SCENES:
        assert len(scene.values) == STEPS
        for name, curve in scene.curves.items():
            assert not np.isnan(curve).any() and curve.min() >= -1e-12, (scene.name, name)
        assert scene.curves["js"].max() <= np.log(2) + 1e-12 and scene.curves["tv"].max() <= 1 + 1e-12
        pinsker = np.sqrt(scene.curves["kl"] / 2)
        assert (scene.curves["tv"] <= pinsker + 1e-9).all()


def test_the_picture_shows_q_where_it_stands(lab):
    middles = []
    for move in (20, 50, 80):
        columns = columns_of_q(lab.render(scene=BUMPS, move=move))
        assert 20 < np.ptp(columns) < 120
        middles.append(columns.mean())
    assert middles[0] < middles[1] < middles[2]
    assert middles[1] - middles[0] == pytest.approx(middles[2] - middles[1], abs=2)


def test_the_outline_follows_the_density(lab):
    sheet, axes, _ = lab._sheets[SHIFT]
    left, top, right, bottom = sheet.box(axes)
    panel = lab.render(scene=SHIFT, move=25)[top:bottom, left:right].astype(int)
    for x in (-4.0, -3.0, -2.0):  # q is centred at -3
        column = round(axes.transData.transform((x, 0))[0]) - left
        rows = np.flatnonzero(np.abs(panel[:, column] - Q_COLOUR).sum(axis=1) < 30)
        height = np.exp(-0.5 * (x + 3) ** 2) / np.sqrt(2 * np.pi) / axes.get_ylim()[1]
        assert (bottom - top - rows.mean()) / (bottom - top) == pytest.approx(height, abs=0.02)


def test_the_cursor_stands_at_the_value(lab):
    first, second = lab.render(scene=SHIFT, move=10), lab.render(scene=SHIFT, move=90)
    sheet, _, lower = lab._sheets[SHIFT]
    for axes in lower:
        left, top, right, bottom = sheet.box(axes)
        changed = np.flatnonzero(
            (first[top + 30 : bottom - 6, left:right] != second[top + 30 : bottom - 6, left:right]).any((0, 2))
        )
        assert (changed.min() + 5) / (right - left) == pytest.approx(0.1, abs=0.05)
        assert (changed.max() - 5) / (right - left) == pytest.approx(0.9, abs=0.05)


def test_render_is_pure_and_every_control_changes_it(lab):
    first = lab.render()
    assert first.dtype == np.uint8 and first.ndim == 3 and first.shape[2] == 3
    for change in ({"scene": 1}, {"scene": 2}, {"move": 63}, {"move": 0}, {"move": STEPS - 1}):
        assert not np.array_equal(first, lab.render(**change)), change
    assert np.array_equal(first, lab.render())
    assert np.array_equal(first, explore.DivergenceLab().render())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"scene": 4}, "scene"),
        ({"move": STEPS}, "move"),
        ({"move": -1}, "move"),
        ({"move": 1.5}, "move"),
        ({"t": 1}, "value"),
    ],
)
def test_bad_values_are_refused(lab, values, message):
    with pytest.raises(ValueError, match=message):
        lab.render(**values)


def test_the_text_says_the_values(lab):
    text = lab.text(scene=BUMPS, move=90)
    for piece in ("narrow bumps", "4.80", "KL(p‖q) = ∞", "JS = 0.693", "TV = 1.000", "W₁ = 4.800", "ceiling"):
        assert piece in text
    assert "ceiling" not in lab.text(scene=SHIFT, move=55)


def test_static_picture_and_view(lab):
    figure = lab.static()
    assert isinstance(figure, plots.Figure) and "ln 2" in figure.alt_text
    view = View(lab)
    before = bytes(view.image.value)
    view.inputs["move"].value = 20
    assert bytes(view.image.value).startswith(b"\x89PNG") and view.image.value != before
    assert "-3.60" in view.text.value or "−3.60" in view.text.value


def test_a_move_is_fast(lab):
    spent = []
    for move in range(0, 100, 2):
        start = time.process_time()
        lab.png(scene=move % 4, move=move)
        spent.append(time.process_time() - start)
    assert np.median(spent) < 0.06  # 18 ms where this was written; twice that leaves room for slower machines
