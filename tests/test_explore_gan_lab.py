"""GanLab: frames by value, live training, rules switched on the way, purity, and what the picture shows where."""

import ipywidgets
import numpy as np
import pytest
from PIL import ImageColor

from course_lib import explore, losses, planar, plots
from course_lib.explore import gan_panels, gan_runs
from course_lib.explore.view import View

START = gan_runs.Rules()


def scenes(dim=2):
    """Two tiny scenes: one mode in the plane, or one bump on a line; frames of three steps."""
    rng = np.random.default_rng(0)
    if dim == 2:
        points = np.array([1.0, 1.0]) + 0.1 * rng.standard_normal((300, 2))
        return (gan_runs.Scene("one mode", points, 2.0, 3, centres=np.array([[1.0, 1.0]]), std=0.1),)
    density = lambda x: np.exp(-0.5 * ((x - 0.5) / 0.4) ** 2) / (0.4 * np.sqrt(2 * np.pi))  # noqa: E731
    return (gan_runs.Scene("one bump", 0.5 + 0.4 * rng.standard_normal((300, 1)), 2.0, 3, density=density),)


def make(dim=2, **kwargs):
    return explore.GanLab(scenes(dim), **({"recorded": 4, "frames": 12} | kwargs))


@pytest.fixture(scope="module")
def plane():
    return make()


@pytest.fixture(scope="module")
def line():
    return make(1)


def loss_number(name):
    return list(losses.GAN_LOSSES).index(name)


# --- Frames ------------------------------------------------------------------------------------


def test_a_frame_is_the_game_at_its_step(plane):
    """Trained here in one piece, without a stop at every frame."""
    game = planar.Game(plane.scenes[0].points, momentum=0.5, seed=0)
    game.advance(12)
    logs = game.advance(3)
    frame = plane.frames(frame=5)[-1]
    np.testing.assert_allclose(frame.samples, game.samples(2000, seed=1)[:300], rtol=1e-5)
    np.testing.assert_allclose(frame.verdict, 1 / (1 + np.exp(-game.logits(plane.scenes[0].places))), rtol=1e-5)
    assert frame.logs == pytest.approx(logs)
    assert len(plane.frames(frame=5)) == 6 and plane.frames(frame=0)[0].logs == {}


def test_frames_beyond_the_recorded_ones_are_trained_once(monkeypatch):
    lab = make(recorded=2)
    taken = []
    advance = planar.Game.advance
    monkeypatch.setattr(planar.Game, "advance", lambda self, steps: taken.append(steps) or advance(self, steps))
    lab.render(frame=2)
    assert taken == []
    late = lab.render(frame=6)
    assert taken == [3] * 4
    lab.render(frame=4)
    assert np.array_equal(lab.render(frame=6), late) and len(taken) == 4


def test_the_way_to_a_frame_does_not_matter(plane):
    """Scrubbed to in another order and with other rules in between, a frame is the same."""
    wanted = {"frame": 9, "loss": loss_number("hinge"), "switch": 5}
    first = plane.render(**wanted)
    lab = make(recorded=0)
    lab.render(frame=7, loss=loss_number("hinge"), switch=2)
    lab.render(frame=11)
    assert np.array_equal(lab.render(**wanted), first)


def test_rules_change_at_the_switch_with_the_weights_kept(plane):
    chosen = {"loss": loss_number("least_squares"), "penalty": 1, "momentum": 2, "switch": 6}
    plain, changed = plane.frames(frame=9), plane.frames(frame=9, **chosen)
    assert all(np.array_equal(a.samples, b.samples) for a, b in zip(plain[:7], changed[:7], strict=True))
    assert not any(np.array_equal(a.samples, b.samples) for a, b in zip(plain[7:], changed[7:], strict=True))
    game = planar.Game(plane.scenes[0].points, seed=0)
    game.advance(18)
    game.change(loss="least_squares", penalty="r1", momentum=0.9)
    game.advance(9)
    np.testing.assert_allclose(changed[9].samples, game.samples(2000, seed=1)[:300], rtol=1e-4, atol=1e-5)
    assert "penalty" in changed[9].logs and "penalty" not in plain[9].logs


def test_before_the_switch_the_chosen_rules_do_not_matter(plane):
    assert np.array_equal(plane.render(frame=5, loss=2, switch=8), plane.render(frame=5, loss=3, switch=8))
    assert not np.array_equal(plane.render(frame=5), plane.render(frame=5, loss=3))
    assert "(up to step 18: non-saturating" in plane.text(frame=9, loss=3, switch=6)
    assert "non-saturating loss" in plane.text(frame=5, loss=3, switch=6)


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(gan_runs, "_KEPT_GAMES", 1)
    monkeypatch.setattr(gan_runs, "_KEPT_RUNS", 1)
    lab = make(recorded=0)
    first = lab.render(frame=2, loss=3, switch=1)
    lab.render(frame=2, loss=2, switch=1)
    assert len(lab.runs._games) == 1 and len(lab.runs._runs) == 1
    assert all(len(run.states) == 1 for run in lab.runs._runs.values())
    assert np.array_equal(lab.render(frame=2, loss=3, switch=1), first), "trained again, it is the same"


# --- Judgements and measures -------------------------------------------------------------------


def test_verdicts_put_every_loss_on_the_scale_from_generated_to_real():
    logits = np.array([-3.0, 0.0, 3.0])
    sigmoid = 1 / (1 + np.exp(3))
    for name in ("minimax", "non_saturating"):
        np.testing.assert_allclose(gan_runs.verdicts(name, logits), [sigmoid, 0.5, 1 - sigmoid])
    np.testing.assert_allclose(gan_runs.verdicts("least_squares", np.array([-1, 0, 0.5, 1, 2])), [0, 0, 0.5, 1, 1])
    np.testing.assert_allclose(gan_runs.verdicts("hinge", np.array([-2, -1, 0, 1, 2])), [0, 0, 0.5, 1, 1])
    for name in ("wasserstein", "relativistic"):
        np.testing.assert_allclose(gan_runs.verdicts(name, logits + 7, 7.0), [sigmoid, 0.5, 1 - sigmoid])
    assert gan_runs.verdicts("minimax", np.array([-1e5, 1e5], np.float32)) == pytest.approx([0, 1], abs=1e-9)
    with pytest.raises(ValueError, match="loss"):
        gan_runs.verdicts("logistic", logits)


def test_the_smoothed_density_is_that_of_the_samples():
    x = np.linspace(-4, 4, 361)
    samples = np.random.default_rng(0).normal(0.5, 0.6, 200_000)
    q = gan_runs.smoothed_density(samples, x)
    std = np.hypot(0.6, gan_runs._BANDWIDTH)  # the variance of the smoothing is added
    np.testing.assert_allclose(q, np.exp(-0.5 * ((x - 0.5) / std) ** 2) / (std * np.sqrt(2 * np.pi)), atol=0.02)
    assert np.trapezoid(gan_runs.smoothed_density(np.array([9.0, -1e6, 0.0]), x), x) == pytest.approx(1)


def test_the_best_verdict_and_what_the_loss_tells(line):
    """On a line the curve p/(p + q) is drawn, and (2 ln 2 − D's loss)/2 beside the JSD."""
    frames, values = line.frames(frame=6), line.values(frame=6)
    jsd, told = line._measure_curves(line.scenes[0], frames, values)
    assert jsd.values == [frame.measures["js"] for frame in frames]
    assert np.isnan(told.values[0])
    np.testing.assert_allclose(told.values[1:], [np.log(2) - frame.logs["d_loss"] / 2 for frame in frames[1:]])
    critic = line.values(frame=6, loss=loss_number("hinge"))
    assert np.isnan(line._measure_curves(line.scenes[0], line.frames(**critic), critic)[1].values).all()
    for loss, known in [("minimax", True), ("least_squares", True), ("hinge", False), ("wasserstein", False)]:
        assert (explore.gan_lab._best_verdict(line.scenes[0], frames[-1], loss) is not None) == known


# --- The picture -------------------------------------------------------------------------------


def test_the_heat_map_has_the_verdict_at_its_place(plane):
    panels = gan_panels.Panels(plane.scenes[0], 12)
    places = plane.scenes[0].places
    frame = plane.frames(frame=3)[-1]
    hidden = {"samples": np.full((1, 2), 99.0), "tails": np.full((1, 2), 99.0), "pulls": np.zeros((1, 2))}
    right_is_real = gan_runs.Frame(**(vars(frame) | hidden | {"verdict": (places[:, 0] > 0).astype(np.float32)}))
    top_is_real = gan_runs.Frame(**(vars(frame) | hidden | {"verdict": (places[:, 1] > 0).astype(np.float32)}))
    left, top, right, bottom = panels.main
    curves = [gan_panels.Curve("a", "black", [1.0])]
    real, generated = (tuple(gan_panels._TABLE[k]) for k in (255, 0))
    for chosen, other_corner in ((right_is_real, (right - 9, bottom - 9)), (top_is_real, (left + 9, top + 9))):
        picture = panels.draw(chosen, curves, curves)
        assert tuple(picture[other_corner[1], other_corner[0]]) == real
        assert tuple(picture[bottom - 9, left + 9]) == generated


def test_samples_and_arrows_stand_where_they_are(plane):
    panels = gan_panels.Panels(plane.scenes[0], 12)
    place, pull = np.array([[-1.0, 0.5]]), np.array([[0.8, 0.0]])
    verdict = np.full(gan_runs.GRID**2, 0.5, np.float32)
    frame = gan_runs.Frame(verdict, place, place, pull, {}, {})
    left, top, right, bottom = panels.main
    picture = panels.draw(frame, [gan_panels.Curve("a", "black", [1.0])], [])[top:bottom, left:right].astype(int)
    x, y = panels._pixels(place)[0]
    per_unit = (right - left) / 4
    made = np.abs(picture - ImageColor.getrgb(plots.COLOURS[1])).sum(-1) < 60
    assert np.argwhere(made).mean(axis=0) == pytest.approx([y, x], abs=3)
    black = picture[6:-6, 6:-6].sum(-1) < 60
    rows, columns = np.argwhere(black).T + 6
    assert rows.mean() == pytest.approx(y, abs=1.5)
    assert columns.max() == pytest.approx(x + 0.8 * gan_panels.PULL * per_unit, abs=3)


def test_long_arrows_are_cut_and_short_ones_are_not():
    pulls = np.array([[0.0, 0.2], [30.0, 40.0], [0.0, 0.0]])
    drawn = gan_panels._shortened(pulls)
    np.testing.assert_allclose(drawn[0], [0, 0.2 * gan_panels.PULL])
    np.testing.assert_allclose(drawn[1], gan_panels.LONGEST * np.array([0.6, 0.8]))
    assert not drawn[2].any()


def test_no_losses_of_any_size_break_the_scale():
    for values, low, high in [([np.nan], 0, 2), ([0.4, 2.6], 0, 3), ([-0.2, np.inf], -0.5, 2), ([-1e30], -1e6, 2)]:
        assert gan_panels._limits([gan_panels.Curve("a", "black", values)]) == (low, high)


@pytest.mark.parametrize("name", ["plane", "line"])
def test_the_same_values_give_the_same_picture_and_every_control_matters(name, request):
    lab = request.getfixturevalue(name)
    base = {"frame": 8, "loss": 3, "penalty": 0, "momentum": 1, "switch": 4}
    first = lab.render(**base)
    assert first.dtype == np.uint8 and first.shape[-1] == 3
    rules = [{"loss": 2}, {"penalty": 1}, {"momentum": 2}] if name == "plane" else [{"loss": 1}]
    for changed in ({"frame": 7}, {"switch": 3}, *rules):
        assert not np.array_equal(lab.render(**base | changed), first), changed
    assert np.array_equal(lab.render(**base), first)


def test_a_diverged_game_is_said_and_drawn():
    lab = make()
    good = lab.frames(frame=4)[-1]
    bad = {"logs": {"d_loss": np.nan, "g_loss": np.inf}, "samples": np.full((300, 2), 1e6, np.float32)}
    lab.runs._bases[0].frames[4] = gan_runs.Frame(**(vars(good) | bad))
    assert "the game has diverged" in lab.text(frame=4)
    assert lab.render(frame=4).shape == lab.render(frame=3).shape


# --- Words, input, widgets ---------------------------------------------------------------------


def test_the_text_says_the_values(plane, line):
    text = plane.text(frame=4)
    frame = plane.frames(frame=4)[-1]
    assert "one mode, step 12: non-saturating loss, no penalty, momentum 0.5" in text
    assert f"D's loss {frame.logs['d_loss']:.3f}" in text and f"{frame.measures['kept']} of 1 modes kept" in text
    assert "before the first step" in plane.text(frame=0)
    assert "JSD of data and samples" in line.text(frame=3) and "kept" not in line.text(frame=3)
    assert "hinge loss, R1, momentum 0.9" in plane.text(frame=3, loss=3, penalty=1, momentum=2)


def test_the_default_scenes_are_playable():
    chosen = gan_runs.default_scenes()
    assert {scene.dim for scene in chosen} == {1, 2}
    for scene in chosen:
        x = scene.places
        assert x.shape[1] == scene.dim and np.abs(scene.points).max() < 1.2 * scene.reach
        if scene.dim == 1:
            assert np.trapezoid(scene.density(x[:, 0]), x[:, 0]) == pytest.approx(1, abs=1e-3)
            assert scene.points.mean() == pytest.approx(
                np.trapezoid(x[:, 0] * scene.density(x[:, 0]), x[:, 0]), abs=0.05
            )


@pytest.mark.parametrize(
    "values, message",
    [({"frame": 13}, "frame"), ({"frame": 1.5}, "frame"), ({"loss": 6}, "loss"), ({"switch": -1}, "switch")],
)
def test_bad_values_are_refused_by_name(plane, values, message):
    with pytest.raises(ValueError, match=message):
        plane.render(**values)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"start": ("logistic", "none", 0.5)}, "loss"),
        ({"start": ("hinge", "r1", 0.5)}, "penalty"),
        ({"start": ("hinge", "R1", 0.7)}, "momentum"),
        ({"frames": 0}, "frames"),
        ({"recorded": -1}, "recorded"),
    ],
)
def test_bad_arguments_are_refused_by_name(arguments, message):
    with pytest.raises(ValueError, match=message):
        make(**arguments)


def test_the_view_moves_steps_switches_and_never_starts_by_itself(plane):
    view = View(plane)
    assert view.inputs["frame"].value == 2
    for name, value in [("frame", 7), ("loss", 3), ("penalty", 1), ("momentum", 2)]:
        before = view.image.value, view.text.value
        view.inputs[name].value = value
        assert view.image.value != before[0] and view.text.value != before[1], name
    assert view.image.value == plane.png(frame=7, loss=3, penalty=1, momentum=2)
    view.buttons["Step"].click()
    assert view.inputs["frame"].value == 8
    view.buttons["Step back"].click()
    view.buttons["Rules from here"].click()
    assert view.inputs["frame"].value == view.inputs["switch"].value == 7

    def walk(widget):
        yield widget
        for child in getattr(widget, "children", ()):
            yield from walk(child)

    (play,) = (widget for widget in walk(view.box) if isinstance(widget, ipywidgets.Play))
    assert (play.min, play.max) == (0, 12) and not getattr(play, "playing", getattr(play, "_playing", False))


def test_the_static_picture_has_an_alt_text(plane):
    figure = plane.static()
    assert figure.alt_text.count("one mode, step") == 3 and figure.png().startswith(b"\x89PNG")
