"""DenoisingStrip: its paths are the solvers' on an exact flow, its picture shows them at their places."""

import io

import numpy as np
import pytest
from PIL import Image

from course_lib import diffusion, explore, images
from course_lib.explore import denoising_strip as module
from course_lib.explore.view import View

SHAPE = (8, 8, 1)
DATA = np.zeros((2, *SHAPE), np.float32) - 0.8
DATA[0, :, :4] = 0.9
DATA[1, :4] = 0.5
NOISE = np.random.default_rng(0).standard_normal((3, *SHAPE)).astype(np.float32)


def velocity(x, t):
    """Return the exact velocity to two pictures, with a little width so that it exists at t = 1 too."""
    return diffusion.mixture_velocity(x.reshape(len(x), -1), t, DATA.reshape(2, -1), 0.02).reshape(x.shape)


@pytest.fixture(scope="module")
def strip():
    return explore.DenoisingStrip(velocity, NOISE)


def panel(page, column):
    left = module._LEFT + column * (module._SIDE + 14)
    return page[module._TOP : module._TOP + module._SIDE, left : left + module._SIDE]


def enlarged(picture, side):
    wide = np.broadcast_to(picture, (*picture.shape[:2], 3))
    return np.asarray(Image.fromarray(wide).resize((side, side), Image.Resampling.NEAREST))


def test_the_large_panels_are_the_solvers_state_and_the_expected_picture(strip):
    page = strip.render(time=50, steps=2, method=0, picture=2)  # two of four Euler steps
    x = diffusion.integrate(velocity, NOISE, 4, "euler", keep=True)[2]
    predicted = diffusion.predicted_image(x, velocity(x, 0.5), 0.5)
    for column, state in enumerate((x, predicted)):
        want = enlarged(images.to_uint8(np.clip(state[1], -1, 1)), module._SIDE)
        np.testing.assert_array_equal(panel(page, column), want)
    np.testing.assert_array_equal(strip.picture(strip.values(time=50, steps=2, method=0, picture=2)), want_of(x[1]))


def want_of(x):
    return images.to_uint8(np.clip(x, -1, 1))


def test_the_speed_panel_is_bright_where_the_velocity_is_large(strip):
    values = {"time": 0, "steps": 3, "method": 1, "picture": 1}
    speed = np.abs(velocity(NOISE, 0.0))[0, ..., 0]
    shown = panel(strip.render(**values), 2).astype(float).sum(axis=-1)  # viridis grows brighter
    small = shown.reshape(8, module._SIDE // 8, 8, -1).mean(axis=(1, 3))
    order = np.argsort(np.argsort(small.ravel())), np.argsort(np.argsort(speed.ravel()))
    assert np.corrcoef(*order)[0, 1] > 0.95


def test_at_the_start_the_expected_picture_is_the_mean_of_the_data_and_at_the_end_one_of_them(strip):
    start = panel(strip.render(time=0), 1)
    np.testing.assert_allclose(start.astype(float), enlarged(want_of(DATA.mean(0)), module._SIDE), atol=1)
    end = strip.picture(strip.values(time=100, steps=5))
    assert min(np.abs(end.astype(int) - want_of(x)).max() for x in DATA) <= 12
    # one Euler step goes straight to that mean
    one = strip.picture(strip.values(time=100, steps=0, method=0))
    np.testing.assert_allclose(one.astype(float), want_of(DATA.mean(0)), atol=1)


def test_the_strips_show_the_steps_in_order_and_the_frame_stands_at_the_time(strip):
    page = strip.render(time=100, steps=1, method=1, picture=3)  # two steps: three columns
    states = diffusion.integrate(velocity, NOISE, 2, "heun", keep=True)
    for column, x in enumerate(states):
        left = module._LEFT + column * (module._CELL + module._GAP)
        cell = page[module._STRIPS : module._STRIPS + module._CELL, left : left + module._CELL]
        np.testing.assert_array_equal(cell[4:-4, 4:-4], enlarged(want_of(x[2]), module._CELL)[4:-4, 4:-4])
    empty = module._LEFT + 3 * (module._CELL + module._GAP) + 4
    assert (page[module._STRIPS : module._STRIPS + 100, empty:] == 255).all()
    orange = np.array([int(module._ORANGE[k : k + 2], 16) for k in (1, 3, 5)])
    columns = np.flatnonzero((page[module._STRIPS + 20] == orange).all(axis=-1))
    assert columns[0] == module._LEFT + 2 * (module._CELL + module._GAP) - 3


def test_the_text_says_what_is_seen_and_more_steps_come_nearer(strip):
    text = strip.text(time=50, steps=3, method=1, picture=2)
    assert "Picture 2: 8 steps of Heun's method, 16 evaluations" in text and "t = 0.50" in text
    assert "1 step of Euler's method, 1 evaluation of" in strip.text(steps=0, method=0)
    assert "differs by 0.0 grey levels" in strip.text(steps=5, method=1)
    ends = [float(strip.text(steps=k, method=0).split("differs by ")[1].split()[0]) for k in (0, 2, 5)]
    assert ends[0] > ends[1] > ends[2]


def test_time_snaps_to_a_step(strip):
    values = {"steps": 0, "method": 0}
    assert "t = 0.00" in strip.text(time=49, **values) and "t = 1.00" in strip.text(time=50, **values)
    np.testing.assert_array_equal(strip.render(time=0, **values), strip.render(time=49, **values))
    assert not np.array_equal(strip.render(time=0, **values), strip.render(time=50, **values))


def test_the_same_values_give_the_same_picture_and_each_control_matters(strip):
    first = strip.render()
    np.testing.assert_array_equal(first, strip.render())
    for change in ({"time": 100}, {"steps": 0}, {"method": 0, "steps": 1, "time": 100}, {"picture": 2}):
        assert not np.array_equal(first, strip.render(**change))
    assert first.dtype == np.uint8 and first.shape == (module._HEIGHT, module._WIDTH, 3)


def test_bounds_and_bad_input(strip):
    for name, value in (("time", 101), ("steps", 6), ("method", 2), ("picture", 0), ("picture", 4)):
        with pytest.raises(ValueError, match=name):
            strip.render(**{name: value})
    with pytest.raises(ValueError, match="velocity: expected a function that returns finite values of shape"):
        explore.DenoisingStrip(lambda x, t: x[:1] * 0, NOISE, steps=(1,))
    with pytest.raises(ValueError, match="velocity"):
        explore.DenoisingStrip(lambda x, t: x * np.nan, NOISE, steps=(1,))
    with pytest.raises(ValueError, match="noise: expected at least one array"):
        explore.DenoisingStrip(velocity, np.zeros((1, 8, 8, 2)))
    with pytest.raises(ValueError, match="steps"):
        explore.DenoisingStrip(velocity, NOISE, steps=(0,))


def test_colour_and_a_still_flow_can_be_shown():
    still = explore.DenoisingStrip(lambda x, t: 0 * x, np.zeros((1, 8, 8, 3), np.float32), steps=(1, 2))
    assert "mean speed 0.00" in still.text()
    assert (panel(still.render(), 0) == 128).all()


def test_the_static_figure_shows_every_number_of_steps(strip):
    figure = strip.static()
    assert "1 step" in figure.alt_text and "32 steps" in figure.alt_text
    assert Image.open(io.BytesIO(figure.png())).size[0] > 300


def test_the_view_follows_its_sliders(strip):
    view = View(strip)
    before = view.image.value
    view.inputs["time"].value = 100
    assert view.image.value[:4] == b"\x89PNG" and view.image.value != before
    assert "t = 1.00" in view.text.value
