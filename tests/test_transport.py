"""Exact transport: plans and potentials against other algorithms, closed forms and degenerate inputs."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from course_lib import divergences, transport


@pytest.fixture
def clouds():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(9, 2)), rng.normal(size=(6, 2)) + [2, 0]
    return x, y, rng.dirichlet(np.ones(9)), rng.dirichlet(np.ones(6))


@pytest.mark.parametrize("p", [1, 2, 1.5])
def test_the_plan_has_its_margins_its_cost_and_a_certificate(clouds, p):
    x, y, a, b = clouds
    cost, plan, u, v = transport.solve(x, y, a, b, p=p)
    costs = cdist(x, y) ** p
    assert plan.min() >= 0
    np.testing.assert_allclose(plan.sum(axis=1), a, atol=1e-9)
    np.testing.assert_allclose(plan.sum(axis=0), b, atol=1e-9)
    assert cost == pytest.approx(np.sum(plan * costs), abs=1e-9)
    assert (u[:, None] + v - costs).max() < 1e-9
    assert a @ u + b @ v == pytest.approx(cost, abs=1e-9)


@pytest.mark.parametrize("p", [1, 2])
def test_equal_weights_give_the_best_assignment(p):
    x, y = np.random.default_rng(1).normal(size=(2, 12, 3))
    costs = cdist(x, y) ** p
    rows, columns = linear_sum_assignment(costs)
    assert transport.solve(x, y, p=p).cost == pytest.approx(costs[rows, columns].mean(), abs=1e-9)


def test_on_a_line_the_cost_is_the_area_between_the_distribution_functions():
    x, y = np.random.default_rng(2).normal(size=(2, 15)) * [[1.0], [2.0]] + [[0.0], [1.0]]
    y = y[:11]
    assert transport.solve(x[:, None], y[:, None]).cost == pytest.approx(divergences.wasserstein_1d(x, y), abs=1e-9)


def test_degenerate_sets():
    one = transport.solve([[0.0, 0.0]], [[3.0, 4.0]])
    assert one.cost == pytest.approx(5) and one.plan.tolist() == [[1.0]]
    cloud = np.random.default_rng(3).normal(size=(7, 2))
    assert transport.solve(cloud, cloud).cost == pytest.approx(0, abs=1e-12)
    shifted = transport.solve(cloud, cloud + [0.3, 0.4])
    assert shifted.cost == pytest.approx(0.5)


def test_the_extension_is_lipschitz_and_meets_lipschitz_values():
    rng = np.random.default_rng(4)
    anchors, points = rng.normal(size=(8, 2)), rng.normal(size=(300, 2))
    f = transport.extend(points, anchors, rng.normal(size=8))
    assert np.all(np.abs(f[:, None] - f) <= cdist(points, points) + 1e-12)
    lipschitz = np.sin(anchors[:, 0])
    np.testing.assert_allclose(transport.extend(anchors, anchors, lipschitz), lipschitz)


@pytest.mark.parametrize("p", [1, 2])
def test_the_distance_falls_in_proportion_along_the_way(clouds, p):
    x, y, a, b = clouds
    cost, plan, *_ = transport.solve(x, y, a, b, p=p)
    for t in (0.0, 0.25, 1.0):
        points, weights = transport.displace(x, y, plan, t)
        assert weights.sum() == pytest.approx(1)
        left = transport.solve(x, points, a, weights, p=p).cost
        assert left ** (1 / p) == pytest.approx((1 - t) * cost ** (1 / p), abs=1e-7)


def test_bad_input_is_refused_by_name(clouds):
    x, y, a, b = clouds
    for arguments, name in [
        ((x, y[:, :1]), "y"),
        ((x[:0], y), "x"),
        ((x, y, a[:-1], b), "weights_x"),
        ((x, y, a, 2 * b), "weights_y"),
        ((x, y, a - 0.5, b), "weights_x"),
        ((x, y, a, b, 0.5), "p"),
    ]:
        with pytest.raises(ValueError, match=f"^{name}: expected"):
            transport.solve(*arguments)
    with pytest.raises(ValueError, match="^values: expected"):
        transport.extend(x, y, a)
    with pytest.raises(ValueError, match="^t: expected"):
        transport.displace(x, y, np.outer(a, b), 1.5)
    with pytest.raises(ValueError, match="^plan: expected"):
        transport.displace(x, y, np.outer(b, a), 0.5)
