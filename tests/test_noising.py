"""Diffusion in Ho et al.'s terms and exact flows: Bayes' rule, conversions, closed forms, orders of the solvers."""

import numpy as np
import pytest
from scipy.integrate import quad

from course_lib import _exact_flows as exact
from course_lib import _noising as noising

MEAN = np.array([0.5, -1.0, 2.0])
ROOT = np.array([[1.0, 0.0, 0.0], [0.4, 0.7, 0.0], [-0.3, 0.2, 0.3]])
COV = ROOT @ ROOT.T
KINDS = tuple(noising.PREDICTIONS)


def draws(n, d=3, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d))


# --- DDPM ------------------------------------------------------------------------------------


def test_alpha_bars_are_the_variance_of_noise_added_step_by_step():
    betas = noising.linear_betas(50, 0.01, 0.2)
    signal, variance = 1.0, 0.0
    for t, bar in enumerate(noising.alpha_bars(betas)):
        if t:
            signal, variance = signal * np.sqrt(1 - betas[t - 1]), variance * (1 - betas[t - 1]) + betas[t - 1]
        assert signal**2 == pytest.approx(bar)
        assert variance == pytest.approx(1 - bar)


def test_the_papers_schedules():
    linear, cosine = noising.linear_betas(), noising.cosine_betas()
    assert (linear[0], linear[-1], len(linear)) == (1e-4, 0.02, 1000)
    assert noising.alpha_bars(linear)[-1] == pytest.approx(4.0e-5, rel=0.02)  # nearly no signal is left
    t = np.arange(1, 1000) / 1000
    want = (np.cos((t + 0.008) / 1.008 * np.pi / 2) / np.cos(0.008 / 1.008 * np.pi / 2)) ** 2
    np.testing.assert_allclose(noising.alpha_bars(cosine)[1:1000], want, rtol=1e-9)
    assert cosine.max() == 0.999


@pytest.mark.parametrize("t", [1, 2, 7, 20])
def test_the_posterior_is_bayes_rule(t):
    """p(x_{t−1} | x_t, x) ∝ p(x_t | x_{t−1}) p(x_{t−1} | x), integrated on a grid."""
    betas = noising.linear_betas(20, 0.02, 0.3)
    bars = noising.alpha_bars(betas)
    x_t, x = 0.7, -0.4
    mean, variance = noising.ddpm_posterior(x_t, x, t, betas)
    if t == 1:  # x_0 is x itself
        assert (mean, variance) == (pytest.approx(x), 0)
        return
    grid = np.linspace(-6, 6, 20001)
    log = -((x_t - np.sqrt(1 - betas[t - 1]) * grid) ** 2) / (2 * betas[t - 1])
    log -= (grid - np.sqrt(bars[t - 1]) * x) ** 2 / (2 * (1 - bars[t - 1]))
    p = np.exp(log - log.max())
    p /= p.sum()
    assert mean == pytest.approx(p @ grid, abs=1e-6)
    assert variance == pytest.approx(p @ (grid - p @ grid) ** 2, rel=1e-5)
    assert variance < betas[t - 1]  # knowing the image narrows the step


def test_the_posterior_mean_written_with_the_noise_is_the_papers_equation_11():
    betas, t = noising.linear_betas(20, 0.02, 0.3), 9
    bar, (x, epsilon) = noising.alpha_bars(betas)[t], draws(2)
    x_t = np.sqrt(bar) * x + np.sqrt(1 - bar) * epsilon
    beta = betas[t - 1]
    want = (x_t - beta / np.sqrt(1 - bar) * epsilon) / np.sqrt(1 - beta)
    np.testing.assert_allclose(noising.ddpm_posterior(x_t, x, t, betas)[0], want)


def test_ddim_with_the_true_noise_reaches_the_same_image_with_less_of_it():
    x, epsilon = draws(2)
    x_t = np.sqrt(0.2) * x + np.sqrt(0.8) * epsilon
    np.testing.assert_allclose(noising.ddim_step(x_t, epsilon, 0.2, 0.7), np.sqrt(0.7) * x + np.sqrt(0.3) * epsilon)
    np.testing.assert_allclose(noising.ddim_step(x_t, epsilon, 0.2, 1.0), x)


def test_ddim_with_eta_1_is_the_posterior_of_ddpm():
    betas, t = noising.linear_betas(20, 0.02, 0.3), 9
    bars, (x, epsilon) = noising.alpha_bars(betas), draws(2)
    x_t = np.sqrt(bars[t]) * x + np.sqrt(1 - bars[t]) * epsilon
    mean, variance = noising.ddpm_posterior(x_t, x, t, betas)
    still = noising.ddim_step(x_t, epsilon, bars[t], bars[t - 1], eta=1.0)
    np.testing.assert_allclose(still, mean)
    moved = noising.ddim_step(x_t, epsilon, bars[t], bars[t - 1], eta=1.0, fresh=1.0)
    np.testing.assert_allclose(moved - still, np.sqrt(variance))


def test_a_ddim_step_is_an_euler_step_of_the_flow():
    x_t, epsilon = draws(2)
    bar_t, bar_s = 0.2, 0.35
    x = (x_t - np.sqrt(1 - bar_t) * epsilon) / np.sqrt(bar_t)
    y, t = noising.flow_coordinates(x_t, bar_t)
    y_next, s = noising.flow_coordinates(noising.ddim_step(x_t, epsilon, bar_t, bar_s), bar_s)
    np.testing.assert_allclose(y, (1 - t) * epsilon + t * x)
    np.testing.assert_allclose(y_next, y + (s - t) * (x - epsilon))
    assert [noising.flow_coordinates(1.0, bar)[1] for bar in (0, 0.5, 1)] == [0, 0.5, 1]


# --- Predictions -----------------------------------------------------------------------------


@pytest.mark.parametrize("source", KINDS)
@pytest.mark.parametrize("target", KINDS)
@pytest.mark.parametrize(("a", "b"), [(np.sqrt(0.3), np.sqrt(0.7)), (0.3, 0.7), (0.9, 0.4)])
def test_predictions_convert_into_each_other(source, target, a, b):
    x, epsilon = draws(2)
    right = {"noise": epsilon, "image": x, "v": a * epsilon - b * x, "velocity": x - epsilon}
    got = noising.convert(right[source], source, target, a * x + b * epsilon, a, b)
    np.testing.assert_allclose(got, right[target])


def test_at_the_ends_of_time_two_predictions_say_nothing():
    with pytest.raises(ValueError, match="signal: expected more than 0, because the predicted noise says nothing"):
        noising.convert(1.0, "noise", "image", 1.0, 0.0, 1.0)
    with pytest.raises(ValueError, match="noise: expected more than 0, because the predicted image says nothing"):
        noising.convert(1.0, "image", "noise", 1.0, 1.0, 0.0)
    assert noising.convert(2.0, "noise", "noise", 1.0, 0.0, 1.0) == 2.0
    # v and the velocity stay usable at both ends
    assert noising.convert(3.0, "velocity", "image", -1.0, 0.0, 1.0) == 2.0
    assert noising.convert(-2.0, "v", "image", 5.0, 0.0, 1.0) == 2.0


# --- Gaussians -------------------------------------------------------------------------------


@pytest.mark.parametrize("t", [0.0, 0.3, 0.8, 1.0])
def test_the_exact_velocity_is_the_regression_of_the_target(t):
    """Least squares of x_1 − x_0 on (1, x_t) over many draws gives the same affine function and the same loss."""
    n = 400_000
    x_0, x_1 = draws(n), MEAN + draws(n, seed=1) @ ROOT.T
    x_t, target = (1 - t) * x_0 + t * x_1, x_1 - x_0
    design = np.column_stack([np.ones(n), x_t])
    fitted = np.linalg.lstsq(design, target, rcond=None)[0]
    probes = draws(5, seed=2)
    got = exact.gaussian_velocity(probes, t, MEAN, COV)
    np.testing.assert_allclose(got, np.column_stack([np.ones(5), probes]) @ fitted, atol=0.05)
    assert np.mean((target - design @ fitted) ** 2) == pytest.approx(exact.gaussian_loss(COV, t), rel=0.01)


def test_the_minimal_loss_is_not_zero_and_its_mean_over_time_is_half_pi_times_the_spread():
    assert exact.gaussian_loss(np.eye(4)) == pytest.approx(np.pi / 2)
    assert exact.gaussian_loss(9 * np.eye(2)) == pytest.approx(3 * np.pi / 2)
    assert exact.gaussian_loss(np.zeros((3, 3))) == 0  # all data in one point: nothing to guess
    assert exact.gaussian_loss(COV) == pytest.approx(quad(lambda t: exact.gaussian_loss(COV, t), 0, 1)[0])
    # at t = 0 nothing is known of the image, at t = 1 nothing of the noise
    assert exact.gaussian_loss(COV, 0.0) == pytest.approx(np.trace(COV) / 3)
    assert exact.gaussian_loss(COV, 1.0) == pytest.approx(1)


def test_the_exact_flow_follows_the_velocity_and_arrives_at_the_data():
    x_0, h = draws(6), 1e-5
    for t in (0.1, 0.5, 0.9):
        slope = (exact.gaussian_flow(x_0, t + h, MEAN, COV) - exact.gaussian_flow(x_0, t - h, MEAN, COV)) / (2 * h)
        velocity = exact.gaussian_velocity(exact.gaussian_flow(x_0, t, MEAN, COV), t, MEAN, COV)
        np.testing.assert_allclose(velocity, slope, atol=1e-8)
    np.testing.assert_allclose(exact.gaussian_flow(x_0, 0.0, MEAN, COV), x_0)
    x_1 = exact.gaussian_flow(draws(200_000), 1.0, MEAN, COV)
    np.testing.assert_allclose(x_1.mean(0), MEAN, atol=0.02)
    np.testing.assert_allclose(np.cov(x_1.T), COV, atol=0.02)


def test_paths_are_straight_only_for_data_in_one_point_or_after_pairs_are_rewired():
    x_0 = draws(5)

    def bend(cov):
        middle = (x_0 + exact.gaussian_flow(x_0, 1.0, MEAN, cov)) / 2
        return np.abs(exact.gaussian_flow(x_0, 0.5, MEAN, cov) - middle).max()

    assert bend(np.zeros((3, 3))) < 1e-12
    # Even data with the covariance of the noise: the middle has spread √½ where a straight path would have 1.
    assert bend(np.eye(3)) == pytest.approx((1 - np.sqrt(0.5)) * np.abs(x_0).max())


# --- Mixtures --------------------------------------------------------------------------------

CENTRES, STD, WEIGHTS = np.array([[-2.0, 0.0], [1.0, 1.5], [1.0, -1.0]]), 0.3, np.array([0.5, 0.3, 0.2])


def test_a_mixture_of_one_is_the_gaussian():
    x = draws(5)
    got = exact.mixture_velocity(x, 0.6, MEAN[None], 0.4)
    np.testing.assert_allclose(got, exact.gaussian_velocity(x, 0.6, MEAN, 0.16 * np.eye(3)))


def test_the_posterior_counts_which_component_a_point_came_from():
    rng = np.random.default_rng(0)
    n, t = 400_000, 0.35
    k = rng.choice(3, n, p=WEIGHTS)
    x_0, x_1 = rng.standard_normal((n, 2)), CENTRES[k] + STD * rng.standard_normal((n, 2))
    x_t = (1 - t) * x_0 + t * x_1
    probe = np.array([[0.1, 0.2]])
    near = np.linalg.norm(x_t - probe, axis=1) < 0.08
    counted = np.bincount(k[near], minlength=3) / near.sum()
    np.testing.assert_allclose(exact.mixture_posterior(probe, t, CENTRES, STD, WEIGHTS)[0], counted, atol=0.03)
    velocity = exact.mixture_velocity(probe, t, CENTRES, STD, WEIGHTS)[0]
    np.testing.assert_allclose(velocity, (x_1 - x_0)[near].mean(0), atol=0.08)


def test_at_time_0_the_velocity_points_at_the_mean_of_the_data():
    x = draws(4, 2)
    np.testing.assert_allclose(exact.mixture_velocity(x, 0.0, CENTRES, STD, WEIGHTS), WEIGHTS @ CENTRES - x)
    np.testing.assert_allclose(exact.gaussian_velocity(draws(4), 0.0, MEAN, COV), MEAN - draws(4))


def test_points_without_width_are_reached_exactly():
    """Data of single points: near t = 1 the velocity leads to the nearest point, so the exact model memorises."""
    x = CENTRES + 0.001 * draws(3, 2)
    t = 0.99
    np.testing.assert_allclose(x + (1 - t) * exact.mixture_velocity(x, t, CENTRES, 0.0), CENTRES, atol=1e-9)


# --- Bad input -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: noising.linear_betas(0), "steps: expected an integer of at least 1"),
        (lambda: noising.linear_betas(10, 0.0), "first: expected a finite number greater than 0"),
        (lambda: noising.cosine_betas(10, offset=-1), "offset"),
        (lambda: noising.alpha_bars([0.1, 1.0]), "betas: expected numbers between 0 and 1"),
        (lambda: noising.alpha_bars([]), "betas"),
        (lambda: noising.ddpm_posterior(0.0, 0.0, 4, [0.1, 0.1, 0.1]), "t: expected a step from 1 to 3"),
        (lambda: noising.ddpm_posterior(0.0, 0.0, 0, [0.1]), "t: expected an integer of at least 1"),
        (lambda: noising.ddim_step(0.0, 0.0, 0.5, 0.5), "bar_s: expected more than bar_t"),
        (lambda: noising.ddim_step(0.0, 0.0, 0.0, 0.5), "bar_t"),
        (lambda: noising.convert(0.0, "score", "image", 0.0, 1.0, 1.0), "source: expected one of 'noise'"),
        (lambda: noising.convert(0.0, "v", "image", 0.0, 0.0, 0.0), "signal and noise that are not both 0"),
        (lambda: noising.flow_coordinates(0.0, 1.1), "bar"),
        (lambda: exact.gaussian_velocity(draws(2), 0.5, MEAN, np.eye(2)), "cov: expected shape"),
        (lambda: exact.gaussian_velocity(draws(2), 0.5, MEAN, np.triu(np.ones((3, 3)))), "a symmetric matrix"),
        (lambda: exact.gaussian_velocity(draws(2), 0.5, MEAN, -np.eye(3)), "eigenvalues of at least 0"),
        (lambda: exact.gaussian_velocity(draws(2), 1.0, MEAN, np.zeros((3, 3))), "an invertible matrix at t = 1"),
        (lambda: exact.gaussian_velocity(draws(2), 1.5, MEAN, COV), "t: expected a finite number"),
        (lambda: exact.mixture_velocity(draws(2, 2), 1.0, CENTRES, 0.0), "t: expected a time below 1"),
        (lambda: exact.mixture_velocity(draws(2), 0.5, CENTRES, 1.0), "x: expected shape"),
        (lambda: exact.mixture_posterior(draws(2, 2), 0.5, CENTRES, 1.0, [0, 0, 0]), "weights: .*not all 0"),
    ],
)  # fmt: skip
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
