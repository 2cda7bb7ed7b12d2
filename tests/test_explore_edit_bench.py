"""EditBench: the right pixels for a condition, a region and a tick; purity; the view; bad input."""

import numpy as np
import pytest
import tensorflow as tf

from course_lib import conditions
from course_lib.explore import EditBench
from course_lib.explore.view import View

SPACE = conditions.Conditions({"hat": ("none", "cap"), "coat_colour": ("dark", "grey", "light")})
SIDE, HEAD = 256, 24


def generator(z, c):
    """Pictures of 16 × 16: rows 0-4 are the hat, 5-10 tanh(z₀), 11-15 the coat."""
    hat, coat = c[:, 1:2] - c[:, 0:1], c[:, 4:5] - c[:, 2:3]
    rows = [0.5 * hat] * 5 + [tf.tanh(z[:, 0:1])] * 6 + [0.5 * coat] * 5
    return tf.tile(tf.stack(rows, axis=1)[..., None], [1, 1, 16, 1])


def true_picture(labels, z0):
    c = tf.constant(SPACE.encode(labels))
    z = tf.constant(np.tile([[z0, 0.0]], (len(c), 1)), tf.float32)
    return np.round((generator(z, c).numpy() + 1) * 127.5).astype(np.uint8)


LABELS = {"hat": np.array([0, 1]), "coat_colour": np.array([2, 0]), "unknown": np.array([7, 8])}
PICTURES = true_picture(LABELS, 0.6)


def bench(**given):
    wanted = {"pictures": PICTURES, "labels": LABELS, "latent_dim": 2, "ticks": 20, "steps_per_tick": 5, **given}
    return EditBench(generator, SPACE, **wanted)


@pytest.fixture(scope="module")
def shared():
    return bench(compose=lambda labels: true_picture(labels, 0.6))


def panels(picture):
    """Return the panels of a drawn page, each at the generator's own size."""
    assert picture.dtype == np.uint8 and picture.shape[0] == SIDE + HEAD
    return [picture[HEAD::16, left : left + SIDE : 16] for left in range(0, picture.shape[1], SIDE + 12)]


def test_a_seed_is_shown_as_it_is_and_with_what_was_asked(shared):
    values = {"seed": 5, "ask_hat": 2, "ask_coat_colour": 1}
    before, after = panels(shared.render(**values))
    np.testing.assert_array_equal(before[..., 0], shared.before(**values)[..., 0])
    np.testing.assert_array_equal(after[..., 0], shared.picture(shared.values(**values))[..., 0])
    assert {name: int(code[0]) for name, code in shared.asked(**values).items()} == {"hat": 1, "coat_colour": 0}
    assert (after[:5] == 191).all() and (after[11:] == 64).all()
    np.testing.assert_array_equal(after[5:11], before[5:11])  # z stays


def test_psi_draws_z_to_the_mean(shared):
    middles = [int(shared.before(seed=3, psi=psi)[7, 0, 0]) for psi in (1.0, 0.5, 0.0)]
    assert abs(middles[0] - 127.5) > abs(middles[1] - 127.5) > abs(middles[2] - 127.5)
    assert middles[2] in (127, 128)


@pytest.mark.parametrize(
    ("brush", "expected"),
    [
        (1, lambda x, y: (abs(x - 8) <= 3) & (abs(y - 4) <= 2)),
        (2, lambda x, y: ((x - 8) / 3) ** 2 + ((y - 4) / 2) ** 2 <= 1),
    ],
)
def test_only_the_region_is_drawn_anew(shared, brush, expected):
    values = {"start": 1, "picture": 0, "brush": brush, "x": 8, "y": 4, "width": 6, "height": 4, "ask_hat": 2}
    x, y = np.meshgrid(np.arange(16), np.arange(16))
    region = shared.region(**values)
    np.testing.assert_array_equal(region, expected(x, y))
    before, _, after, truth = panels(shared.render(**values))
    assert (before[region] == 200).all()
    np.testing.assert_array_equal(before[~region][:, 0], PICTURES[0][~region][:, 0])
    np.testing.assert_array_equal(after[~region][:, 0], PICTURES[0][~region][:, 0])
    hat = region & (y < 5)
    assert (after[hat] == 191).all() and (truth[:5] == 191).all()
    assert not shared.region(start=1, brush=0).any()


def test_the_inversion_comes_nearer_with_every_look_and_finds_z(shared):
    errors = [np.abs(shared.found(start=1, ticks=t).astype(int) - PICTURES[0]).mean() for t in (0, 1, 20)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1.5
    edited = shared.picture(shared.values(start=1, ticks=20, ask_coat_colour=2))
    np.testing.assert_allclose(edited.astype(int), shared.truth(start=1, ask_coat_colour=2).astype(int), atol=6)


def test_brushed_pixels_do_not_count_for_the_inversion():
    damaged = PICTURES.copy()
    damaged[:, 5:8] = 255  # half of the rows that tell z
    values = {"start": 1, "ticks": 20, "x": 7, "y": 6, "width": 16, "height": 2}
    whole, masked = (bench(pictures=damaged, norm_weight=0.0).found(**values, brush=brush) for brush in (0, 1))
    true = int(PICTURES[0, 9, 0, 0])
    assert abs(int(masked[9, 0, 0]) - true) <= 3 < abs(int(whole[9, 0, 0]) - true)


def test_the_same_values_give_the_same_picture_whatever_came_before(shared):
    values = {"start": 1, "picture": 1, "ticks": 3, "ask_hat": 1}
    first = bench().render(**values)
    other = bench()
    other.render(start=1, picture=1, ticks=9)
    other.render(start=1, picture=0, ticks=2, brush=2)
    np.testing.assert_array_equal(other.render(**values), first)
    for k in range(12):  # more inversions than are remembered
        other.render(start=1, picture=1, ticks=1, brush=1, x=k)
    np.testing.assert_array_equal(other.render(**values), first)


def test_text_names_what_was_changed_how_far_it_came_and_how_near_the_truth(shared):
    text = shared.text(start=1, picture=0, ticks=4, ask_hat=2, brush=1)
    for part in ("Picture 0", "hat none to cap", "step 20 of 100", "dB", "brushed out (rectangle)", "To the true edit"):
        assert part in text
    assert "changed: nothing" in shared.text(seed=4)
    assert "Seed 4" in shared.text(seed=4) and "ψ = 0.50" in shared.text(seed=4, psi=0.5)


def test_everything_brushed_out_is_drawn_from_the_prior(shared):
    values = {"start": 1, "brush": 1, "x": 7, "y": 7, "width": 16, "height": 16}
    assert shared.region(**values).all()
    assert "no pixel known" in shared.text(**values)
    shared.render(**values)


def test_kept_pictures_are_counted_and_tiled():
    one = bench()
    assert one.contact_sheet() is None
    for seed in (1, 2):
        one.actions["Keep"](one.values(seed=seed))
    np.testing.assert_array_equal(one.kept[1], one.picture(one.values(seed=2)))
    assert one.contact_sheet().shape[1] > 2 * 16
    assert "2 kept" in one.text()


def test_buttons_and_controls(shared):
    assert shared.actions["Another"](shared.values(seed=9999, start=1))["seed"] == 0
    assert shared.actions["As it is"](shared.values(ask_hat=2)) == {"ask_hat": 0, "ask_coat_colour": 0}
    assert shared.after("picture") == shared.after("brush") == {"ticks": 0}
    assert shared.after("ask_hat") == {}
    for bad in ({"ticks": 21}, {"picture": 2}, {"ask_hat": 3}, {"x": 16}, {"width": 0}, {"psi": 1.2}, {"hat": 1}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            shared.render(**bad)
    plain = EditBench(generator, SPACE, latent_dim=2)
    names = {control.name for control in plain.controls}
    assert "seed" in names and not names & {"start", "picture", "ticks"}
    assert plain.after("brush") == {}
    assert len(panels(plain.render(seed=1))) == 2


def test_the_view_changes_its_picture(shared):
    view = View(shared)
    start = view.image.value
    view.set(start=1, ticks=1)
    assert view.image.value != start
    inverted = view.image.value
    view.inputs["ask_hat"].value = 2
    assert view.image.value != inverted and "none to cap" in view.text.value
    view.buttons["Keep"].click()
    assert "1 kept" in view.text.value
    shared.kept.clear()


def test_a_moves_cost_is_two_pictures_once(shared, monkeypatch):
    calls = []
    draw = shared._draw
    monkeypatch.setattr(shared, "_draw", lambda z, c: calls.append(len(z)) or draw(z, c))
    shared.render(seed=77), shared.text(seed=77)
    assert calls == [2]


def test_static_shows_each_attribute_in_its_row(shared):
    figure = shared.static()
    assert "hat" in figure.alt_text and "coat colour" in figure.alt_text


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"pictures": PICTURES[:, :8]}, r"pictures: expected one or more pictures \(16, 16, 1\)"),
        ({"pictures": PICTURES[:0]}, "pictures"),
        ({"labels": None}, "labels: expected a dictionary"),
        ({"labels": {"hat": [0], "coat_colour": [0]}}, "labels: expected codes of 2 pictures; received codes of 1"),
        ({"latent_dim": None}, "latent_dim"),
        ({"ticks": 0}, "ticks"),
        ({"norm_weight": -1.0}, "norm_weight"),
    ],
)
def test_bad_parts_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        bench(**given)


def test_models_and_functions_serve_alike():
    import keras

    class Decoder:
        latent_dim = 2
        decode = staticmethod(generator)

    z, c = keras.Input((2,)), keras.Input((5,))
    network = keras.Model([z, c], keras.layers.Lambda(lambda both: generator(*both), output_shape=(16, 16, 1))([z, c]))

    class Averaged:
        generator, generator_ema = keras.Model([z, c], keras.layers.Concatenate()([z, c])), network

    expected = EditBench(generator, SPACE, latent_dim=2).render(seed=8, ask_hat=1)
    for model in (Decoder(), network, Averaged()):
        np.testing.assert_array_equal(EditBench(model, SPACE).render(seed=8, ask_hat=1), expected)


def test_a_generator_of_other_conditions_is_refused():
    import keras

    z, c = keras.Input((2,)), keras.Input((4,))
    other = keras.Model([z, c], keras.layers.Concatenate()([z, c]))
    with pytest.raises(ValueError, match="generator: expected a model of z and conditions of length 5"):
        EditBench(other, SPACE)
    with pytest.raises(ValueError, match="generator: expected a model of"):
        EditBench("faces-cgan", SPACE)
