"""The ELBO laboratory: its numbers against quadrature, its picture by value, its buttons, its refusals."""

import numpy as np
import pytest

from course_lib import explore, plots
from course_lib.explore import elbo_lab
from course_lib.explore.view import View

Z = np.linspace(-14, 14, 56_001)
DZ = Z[1] - Z[0]


@pytest.fixture(scope="module")
def lab():
    return explore.ElboLab()


def log_normal(value, mean, std):
    return -0.5 * np.log(2 * np.pi * std**2) - 0.5 * ((value - mean) / std) ** 2


def by_quadrature(v):
    """All nats of the picture from integrals over z, none of them from the identities."""
    shown = v["weight"] * (np.abs(Z) if v["model"] else Z)
    log_likelihood, log_prior = log_normal(v["x"], shown, v["noise"]), log_normal(Z, 0, 1)
    log_q = log_normal(Z, v["mean"], np.exp(v["log_std"]))
    q = np.exp(log_q) * DZ
    log_px = np.log(np.sum(np.exp(log_likelihood + log_prior)) * DZ)
    return {
        "log_px": log_px,
        "elbo": np.sum(q * (log_likelihood + log_prior - log_q)),
        "gap": np.sum(q * (log_q - log_likelihood - log_prior + log_px)),
        "reconstruction": np.sum(q * log_likelihood),
        "kl": np.sum(q * (log_q - log_prior)),
    }


SCENES = [
    {"model": 0, "x": 1.0, "weight": 1.0, "noise": 0.4, "mean": 0.3, "log_std": -0.5},
    {"model": 0, "x": -2.5, "weight": 0.5, "noise": 1.5, "mean": -1.0, "log_std": 0.4},
    {"model": 1, "x": 2.0, "weight": 1.2, "noise": 0.5, "mean": 1.5, "log_std": -1.0},
    {"model": 1, "x": -1.0, "weight": 2.0, "noise": 0.6, "mean": -0.4, "log_std": 0.2},
]


@pytest.mark.parametrize("scene", SCENES)
def test_closed_forms_equal_quadrature_in_both_models(lab, scene):
    found, exact = lab.numbers(**scene), by_quadrature(scene)
    for name, value in exact.items():
        assert found[name] == pytest.approx(value, abs=2e-6), name
    assert found["log_px"] == pytest.approx(found["elbo"] + exact["gap"], abs=2e-6)
    assert np.sum(np.exp(elbo_lab.log_posterior(lab.values(**scene), Z))) * DZ == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("scene", SCENES)
def test_the_bound_with_k_draws_starts_at_the_elbo_and_rises_under_log_px(lab, scene):
    bounds = [lab.numbers(**scene, draws=k) for k in (0, 3, 6)]
    first, last = bounds[0], bounds[-1]
    assert abs(first["iwae"] - first["elbo"]) < 4.5 * first["iwae_error"]
    for low, high in zip(bounds, bounds[1:], strict=False):
        assert high["iwae"] > low["iwae"] - 4.5 * np.hypot(low["iwae_error"], high["iwae_error"])
    assert last["iwae"] < last["log_px"] + 4.5 * last["iwae_error"]


def test_matching_closes_the_gap_of_a_gaussian_posterior(lab):
    start = lab.values(x=2.0, noise=0.7, mean=-3.0, log_std=1.0)
    found = lab.numbers(**start | elbo_lab.matched(start))
    assert lab.numbers(**start)["gap"] > 5
    assert 0 <= found["gap"] < 1e-3  # the sliders move in hundredths


def test_matching_takes_mean_and_spread_of_a_posterior_with_two_humps(lab):
    v = lab.values(model=1, x=2.0, weight=1.2)
    posterior = np.exp(elbo_lab.log_posterior(v, Z)) * DZ
    assert elbo_lab.matched(v)["mean"] == 0
    assert np.exp(elbo_lab.matched(v)["log_std"]) == pytest.approx(np.sqrt(np.sum(posterior * Z**2)), rel=0.006)


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_climbing_reaches_one_hump_and_leaves_log_two(lab, side):
    v = lab.values(model=1, x=2.5, weight=1.2, mean=side, log_std=0.0)
    top = v | elbo_lab.climbed(v)
    assert np.sign(top["mean"]) == side
    best = lab.numbers(**top)
    assert best["gap"] == pytest.approx(np.log(2), abs=0.02)
    assert lab.numbers(**v | elbo_lab.matched(v))["gap"] > best["gap"]
    for name, step in [("mean", 0.05), ("mean", -0.05), ("log_std", 0.05), ("log_std", -0.05)]:
        assert lab.numbers(**top | {name: top[name] + step})["elbo"] < best["elbo"]


def test_climbing_meets_matching_where_the_posterior_is_gaussian(lab):
    v = lab.values(mean=-2.0, log_std=0.5)
    climbed, matched = elbo_lab.climbed(v), elbo_lab.matched(v)
    assert climbed == pytest.approx(matched, abs=0.011)


def column_tops(lab, picture, values):
    """Return, for the three columns, the height in nats of the topmost coloured pixel of the lowest bar."""
    axes = lab._level.axes
    tops = []
    for at in range(3):
        x = round(axes.transData.transform((at - 0.2, 0))[0])
        low = picture.shape[0] - round(axes.transData.transform((at, elbo_lab.LOWEST + 0.3))[1])
        colour = picture[low, x].astype(int)
        column = np.abs(picture[:, x].astype(int) - colour).sum(axis=1) < 30
        top = low - np.argmin(column[low::-1]) + 1
        tops.append(axes.transData.inverted().transform((0, picture.shape[0] - top))[1])
    return tops


def test_the_bars_stand_where_the_numbers_say(lab):
    for scene in SCENES[:3]:
        values = lab.values(**scene)
        n = lab.numbers(**scene)
        tops = column_tops(lab, lab.render(**scene), values)
        assert tops == pytest.approx([n["elbo"], n["elbo"], n["iwae"]], abs=0.15)


def test_the_line_of_log_px_is_where_it_should_be(lab):
    axes = lab._level.axes
    for x in (0.0, 3.0):
        picture = lab.render(x=x, weight=0.5, noise=0.4)
        edge = round(axes.transData.transform((-0.35, 0))[0])
        dark = np.flatnonzero(picture[:, edge].max(axis=-1) < 60)
        log_px = lab.numbers(x=x, weight=0.5, noise=0.4)["log_px"]
        height = picture.shape[0] - round(axes.transData.transform((0, log_px))[1])
        assert np.abs(dark - height).min() <= 2


def test_render_is_pure_and_every_control_changes_the_picture(lab):
    first = lab.render()
    assert first.dtype == np.uint8 and first.ndim == 3 and first.shape[-1] == 3
    kept = first.copy()
    for control in lab.controls:
        value = 0 if control.name == "draws" else 1 if control.options else control.maximum
        assert not np.array_equal(lab.render(**{control.name: value}), kept), control.name
    assert np.array_equal(first, kept), "a later move must not reach into an earlier picture"
    assert np.array_equal(lab.render(), kept), "a move left a trace"


def test_extreme_values_still_give_finite_numbers(lab):
    worst = {"model": 1, "x": -3.0, "weight": 2.0, "noise": 0.4, "mean": 4.0, "log_std": 1.0}
    assert np.isfinite(list(lab.numbers(**worst).values())).all()
    assert lab.render(**worst).shape == lab.render().shape


def test_the_description_says_the_numbers(lab):
    n = lab.numbers(mean=0.7, draws=4)
    text = lab.text(mean=0.7, draws=4)
    for name in ("log_px", "elbo", "gap", "reconstruction", "kl", "iwae"):
        assert f"{n[name]:.2f}" in text, name
    assert "k = 16" in text


@pytest.mark.parametrize(
    "values, message",
    [
        ({"x": 3.5}, "x"),
        ({"noise": 0.0}, "noise"),
        ({"draws": 7}, "draws"),
        ({"model": 2}, "model"),
        ({"std": 1}, "std"),
    ],
)
def test_bad_values_are_refused_by_name(lab, values, message):
    with pytest.raises(ValueError, match=message):
        lab.render(**values)


@pytest.mark.parametrize("argument", [{"x": 5.0}, {"weight": 0.0}, {"noise": float("nan")}])
def test_bad_arguments_are_refused_by_name(argument):
    with pytest.raises(ValueError, match=next(iter(argument))):
        explore.ElboLab(**argument)


def test_arguments_are_the_first_values():
    lab = explore.ElboLab(x=-1.5, weight=2.0, noise=0.9)
    assert lab.values()["x"] == -1.5 and lab.values()["weight"] == 2.0 and lab.values()["noise"] == 0.9


def test_static_picture_shows_three_states_with_their_numbers(lab):
    figure = lab.static()
    assert isinstance(figure, plots.Figure)
    assert figure.alt_text.count("log p(x)") == 3 and "|z|" in figure.alt_text


def test_the_view_follows_sliders_and_buttons(lab):
    view = View(lab)
    before = bytes(view.image.value)
    view.inputs["mean"].value = 2.0
    assert bytes(view.image.value) != before and "N(2.00" in view.text.value
    view.buttons["Match the posterior"].click()
    assert view.inputs["mean"].value == pytest.approx(0.86, abs=0.006)
    assert lab.numbers(**view.values())["gap"] < 1e-3
    view.inputs["model"].value = 1
    view.buttons["Climb the ELBO"].click()
    assert bytes(view.image.value) == lab.png(**view.values())
