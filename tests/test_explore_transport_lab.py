"""TransportLab: what it draws and says follows from the transport problems it shows; its record fits its tool."""

import io
import json

import numpy as np
import pytest
import record_lesson_08_critics
from PIL import Image
from scipy.spatial.distance import cdist

from course_lib import _assets, explore, plots, transport
from course_lib.explore import transport_lab
from course_lib.explore.view import View

SHIFT, RING, LINES, SHARES = range(4)
LAST = transport_lab.POSITIONS - 1


@pytest.fixture(scope="module")
def lab():
    return explore.TransportLab()


@pytest.fixture(scope="module")
def flat():
    """The same with critics that are constant."""
    shape = (4, transport_lab.POSITIONS)
    return explore.TransportLab([np.zeros((*shape, *part)) for part in ((2, 3), (3,), (3, 1), (1,))])


def panel(lab, scene, number):
    """Return the box of one panel of a scene."""
    sheet, axes = lab._sheets[scene]
    return sheet.box(axes[number])


def pixel_of(lab, scene, number, point):
    """Return row and column of a point of the plane in one panel."""
    left, top, right, bottom = panel(lab, scene, number)
    across, up = (np.asarray(point) / transport_lab.REACH + 1) / 2
    return round(bottom - up * (bottom - top)), round(left + across * (right - left))


# --- The scenes --------------------------------------------------------------------------------


def test_the_generated_cloud_goes_all_the_way_and_both_distances_with_it():
    for name, (real, a, fake, b) in transport_lab.scenes().items():
        assert a.sum() == pytest.approx(1) and b.sum() == pytest.approx(1)
        start, weights = transport_lab.generated(name, 0)
        assert transport.solve(fake, start, b, weights).cost == pytest.approx(0, abs=1e-9)
        end, weights = transport_lab.generated(name, LAST)
        assert transport.solve(real, end, a, weights).cost == pytest.approx(0, abs=1e-9)


def test_the_blurred_divergence_is_between_zero_and_ln_2_and_reaches_both():
    one = np.zeros((1, 2)), np.ones(1)
    assert transport_lab.smoothed_js(*one, *one) == pytest.approx(0, abs=1e-12)
    assert transport_lab.smoothed_js(*one, one[0] + 2, one[1]) == pytest.approx(np.log(2))
    # Two Gaussians of variance s² at distance s: the value for N(0, 1) and N(1, 1), by quadrature.
    x = np.linspace(-12, 13, 50_001)
    p, q = (np.exp(-0.5 * (x - m) ** 2) / np.sqrt(2 * np.pi) for m in (0, 1))
    exact = 0.5 * np.sum(p * np.log(2 * p / (p + q)) + q * np.log(2 * q / (p + q))) * (x[1] - x[0])
    near = transport_lab.smoothed_js(*one, np.array([[0.3, 0.0]]), one[1], bandwidth=0.3)
    assert near == pytest.approx(exact, abs=1e-6)


# --- The numbers -------------------------------------------------------------------------------


@pytest.mark.parametrize("scene", range(4))
@pytest.mark.parametrize("position", [0, 7, LAST])
def test_the_numbers_are_those_of_the_clouds(lab, scene, position):
    name = list(transport_lab.scenes())[scene]
    real, a, *_ = transport_lab.scenes()[name]
    fake, b = transport_lab.generated(name, position)
    n = lab.numbers(lab.values(scene=scene, position=position))
    assert n["w1"] == pytest.approx(transport.solve(real, fake, a, b).cost, abs=1e-8)
    assert n["w2"] == pytest.approx(np.sqrt(transport.solve(real, fake, a, b, p=2).cost), abs=1e-6)
    assert n["js"] == pytest.approx(transport_lab.smoothed_js(real, a, fake, b), abs=1e-9)
    assert n["learned"] == pytest.approx(a @ lab.critic(real, scene, position) - b @ lab.critic(fake, scene, position))


def test_the_jensen_shannon_divergence_is_stuck_while_w1_falls(lab):
    n = [lab.numbers(lab.values(scene=LINES, position=k)) for k in (0, 10)]
    assert all(each["js"] == pytest.approx(np.log(2), abs=1e-4) for each in n)
    assert n[1]["w1"] == pytest.approx(n[0]["w1"] / 2)


def test_the_learned_critics_come_near_the_exact_distance(lab):
    for scene in range(4):
        for position in range(LAST - 3):
            n = lab.numbers(lab.values(scene=scene, position=position))
            # Dividing by its steepest slope makes any function admissible; the grid may miss the steepest place.
            assert 0.85 * n["w1"] < n["learned"] / n["slope"] < 1.02 * n["w1"]


def test_the_exact_critic_is_lipschitz_and_attains_the_distance(lab):
    values = lab.values(scene=SHARES, position=4)
    numbers, _, ((real, a), (fake, b)), surface, _ = lab._state(values)
    inside = surface[::6, ::6].ravel()
    places = lab._grid.reshape(*surface.shape, 2)[::6, ::6].reshape(-1, 2)
    assert np.all(np.abs(inside[:, None] - inside) <= cdist(places, places) + 1e-9)
    at = [np.argmin(cdist(points, lab._grid), axis=1) for points in (real, fake)]
    difference = a @ surface.ravel()[at[0]] - b @ surface.ravel()[at[1]]
    step = 2 * transport_lab.REACH / (surface.shape[0] - 1)
    assert difference == pytest.approx(numbers["w1"], abs=1.5 * step)  # values at the nearest points of the grid


# --- The picture -------------------------------------------------------------------------------


def test_points_stand_where_they_belong(lab):
    picture = lab.render(scene=RING, position=0)
    real, _, fake, _ = transport_lab.scenes()["ring"]
    blue, orange = (np.array([int(c[k : k + 2], 16) for k in (1, 3, 5)]) for c in plots.COLOURS[:2])
    for number in range(3):
        rows, columns = zip(*(pixel_of(lab, RING, number, p) for p in real), strict=True)
        assert np.abs(picture[rows, columns].astype(int) - blue).max() < 30
        # The generated points crowd: ask for the one farthest from all others.
        alone = fake[np.sort(cdist(fake, fake), axis=1)[:, 1].argmax()]
        assert np.abs(picture[pixel_of(lab, RING, number, alone)].astype(int) - orange).max() < 30


def test_the_plan_is_drawn_and_depends_on_the_power(lab):
    left, top, right, bottom = panel(lab, SHIFT, 0)
    pictures = [lab.render(scene=SHIFT, power=power)[top:bottom, left:right] for power in (0, 1)]
    assert not np.array_equal(*pictures)
    assert (np.abs(pictures[0].astype(int) - 0x88).max(axis=-1) < 8).sum() > 500  # grey lines


def test_the_critics_are_blue_at_real_and_orange_at_generated_places(lab):
    picture = lab.render(scene=LINES, position=0).astype(int)
    for number in (1, 2):
        red, _, blue = picture[pixel_of(lab, LINES, number, (2.2, 0.1))]
        assert blue > red + 30
        red, _, blue = picture[pixel_of(lab, LINES, number, (-1.1, 2.0))]
        assert red > blue + 30


def test_a_constant_critic_is_white_without_level_lines_and_says_zero(flat):
    left, top, right, bottom = panel(flat, RING, 2)
    corner = flat.render(scene=RING)[top + 5 : top + 30, left + 5 : left + 30]
    assert (corner >= 250).all()
    assert flat.numbers(flat.values(scene=RING))["learned"] == 0


def test_the_same_values_give_the_same_picture_and_every_control_changes_it(lab):
    first = lab.render()
    assert first.dtype == np.uint8 and first.shape[2] == 3
    for control in lab.controls:
        assert not np.array_equal(first, lab.render(**{control.name: 1})), control.name
    assert np.array_equal(first, lab.render())


def test_the_text_says_the_numbers(lab):
    text = lab.text(scene=LINES, position=10)
    assert "two lines" in text and "50%" in text and "W₁ = 1.000" in text and "0.693" in text
    assert "W₂" in lab.text(power=1)


@pytest.mark.parametrize("values", [{"scene": 4}, {"position": 21}, {"position": 0.5}, {"power": -1}, {"speed": 1}])
def test_bad_values_are_refused_by_name(lab, values):
    with pytest.raises(ValueError, match=next(iter(values))):
        lab.render(**values)


def test_the_view_shows_the_picture_of_its_values(lab):
    view = View(lab)
    before = view.image.value
    view.inputs["position"].value = 12
    assert view.image.value != before
    assert view.image.value == lab.png(**view.values())
    assert "60%" in view.text.value


def test_the_static_picture_shows_two_scenes(lab):
    figure = lab.static()
    assert "ring" in figure.alt_text and "wrong shares" in figure.alt_text
    assert Image.open(io.BytesIO(figure.png(50))).size[1] > 300


# --- The record --------------------------------------------------------------------------------


def test_the_record_holds_what_its_card_and_its_tool_say():
    card = json.loads((_assets.ROOT / f"{transport_lab.RECORD}.json").read_text(encoding="utf-8"))
    assert {"hardware", "date", "versions", "licence", "minutes", "seeds"} <= card.keys()
    assert card["training"]["lambda"] == record_lesson_08_critics.LAMBDA
    weights = transport_lab.recorded_critics()
    built = record_lesson_08_critics.critic().get_weights()
    assert [w.shape[2:] for w in weights] == [w.shape for w in built]
    assert all(w.shape[:2] == (len(transport_lab.scenes()), transport_lab.POSITIONS) for w in weights)


def test_the_network_in_numpy_is_the_one_that_was_trained():
    network = record_lesson_08_critics.critic()
    points = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
    np.testing.assert_allclose(
        transport_lab.mlp(points, network.get_weights()), network(points).numpy()[:, 0], atol=1e-5
    )
