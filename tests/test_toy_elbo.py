"""The three sick trainings of exercise 02 show what their task says they show."""

import numpy as np
import pytest

from course_lib.checks import toy_elbo


@pytest.fixture(scope="module")
def runs():
    return toy_elbo.curves()


def test_a_training_without_a_mistake_climbs_under_the_exact_line_and_closes_most_of_its_gap():
    reported, exact = toy_elbo._train()
    assert np.all(reported < exact)
    assert np.all(np.diff(reported) > -1e-9)
    assert exact[-1] - reported[-1] < 0.1 * (exact[0] - reported[0])
    assert toy_elbo.healthy_end() == exact[-1]


def test_a_cut_draw_closes_the_gap_at_the_likelihood_of_independent_pixels(runs):
    reported, exact = runs["A"]
    assert 0 <= exact[-1] - reported[-1] < 0.05
    assert exact[-1] < toy_elbo.healthy_end() - 3


def test_an_averaged_kl_reports_more_than_log_px(runs):
    reported, exact = runs["B"]
    assert reported[0] < exact[0] and reported[-1] > exact[-1] + 2


def test_an_untrained_encoder_leaves_its_gap_while_the_decoder_improves(runs):
    reported, exact = runs["C"]
    assert np.all(reported < exact)
    assert exact[-1] > exact[0] + 2
    assert exact[-1] - reported[-1] > 0.8
    assert exact[-1] < toy_elbo.healthy_end() - 2


def test_the_curves_are_the_same_every_time(runs):
    for name, pair in toy_elbo.curves().items():
        np.testing.assert_array_equal(pair, runs[name])
