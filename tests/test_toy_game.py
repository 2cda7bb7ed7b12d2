"""The patients of exercise 06: their data, their remedies, and that every step is one call of the given steps."""

import numpy as np
import pytest

from course_lib.checks import toy_game


@pytest.fixture
def brief(monkeypatch):
    """Runs of two rounds of three steps."""
    monkeypatch.setattr(toy_game, "ROUNDS", 2)
    monkeypatch.setattr(toy_game, "STEPS", 3)


def idle(*arguments):
    return 0.5


def play(number, remedy="p"):
    return toy_game.play(number, idle, idle, remedy)


def test_only_run_1_has_data_outside_the_reach_of_tanh(brief):
    assert play(1).data.max() > 100
    assert all(np.abs(play(number).data).max() <= 1 for number in (2, 3))


def test_the_conversion_repairs_run_1_and_spoils_run_2(brief):
    assert np.allclose(play(1, "q").data, play(2).data, atol=1e-6)
    assert np.ptp(play(2, "q").data) < 0.02


def test_patience_is_three_times_as_long(brief):
    assert {name: len(values) for name, values in play(2, "t").curves.items()} == dict.fromkeys(play(2).curves, 6)


@pytest.mark.parametrize(("remedy", "wanted"), [("p", (5e-3, 2e-4)), ("r", (1e-3, 1e-3)), ("s", (5e-3, 2e-5))])
def test_remedies_set_the_learning_rates_of_run_3(brief, remedy, wanted):
    rates = {}

    def d_step(generator, discriminator, optimizer, real, z):
        rates["d"] = optimizer
        assert real.shape == z.shape == (toy_game.BATCH, 2)
        return 0.5

    def g_step(generator, discriminator, optimizer, z):
        rates["g"] = optimizer
        return 0.5

    toy_game.play(3, d_step, g_step, remedy)
    assert np.allclose([float(rates[player].learning_rate) for player in "gd"], wanted)


def test_the_panel_tells_in_words_how_a_run_ended(brief):
    run = play(2)
    figure = toy_game.panel(run, "Run 2")
    assert figure.alt_text.startswith("Run 2.") and "D's loss 0.5" in figure.alt_text
    assert len(figure.axes) == 4


@pytest.mark.parametrize(("number", "remedy"), [(4, "p"), (1, "x")])
def test_unknown_runs_and_remedies_are_refused(number, remedy):
    with pytest.raises(ValueError, match="expected one of"):
        toy_game.play(number, idle, idle, remedy)
