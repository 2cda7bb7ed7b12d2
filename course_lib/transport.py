"""Exact optimal transport between two small weighted point sets: plans, potentials, movement along a plan."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import eye_array, kron, vstack
from scipy.spatial.distance import cdist

from course_lib import _validate


class Transport(NamedTuple):
    """An optimal plan and its certificate.

    ``cost`` is Σ π_ij ‖x_i − y_j‖^p, so that W_p = cost^(1/p); ``plan`` π (n, m); ``u`` (n,) and ``v`` (m,) are the
    dual values: u_i + v_j ≤ ‖x_i − y_j‖^p for all pairs, equal where mass moves, and Σ a_i u_i + Σ b_j v_j = cost.
    """

    cost: float
    plan: np.ndarray
    u: np.ndarray
    v: np.ndarray


def solve(x, y, weights_x=None, weights_y=None, p=1):
    """Return the optimal ``Transport`` of points x (n, d) onto y (m, d) by Kantorovich's linear program.

    Weights (n,) and (m,) are non-negative with sum 1, equal when left out; p ≥ 1 is the power of the distance.
    The program has n·m variables: 32 points onto 32 take some 5 ms, 128 onto 128 some 100 ms.
    Raises ``ValueError`` for other shapes, weights or p (Peyré & Cuturi 2019, https://arxiv.org/abs/1803.00567, ch. 3).
    """
    x, y = _validate.sample_pair("x", x, "y", y, minimum=1)
    a, b = _weights("weights_x", weights_x, len(x)), _weights("weights_y", weights_y, len(y))
    costs = cdist(x, y) ** _validate.number("p", p, 1)
    n, m = costs.shape
    margins = vstack([kron(eye_array(n), np.ones((1, m))), kron(np.ones((1, n)), eye_array(m))]).tocsr()
    largest = costs.max()
    if not largest <= _validate.LARGEST:
        _validate.refuse("p", f"distances to the power p of at most {_validate.LARGEST:g}", f"{largest:.4g}")
    # In units of the largest cost: the solver takes numbers of 1e20 and more for infinite.
    unit = largest or 1.0
    found = linprog(costs.ravel() / unit, A_eq=margins, b_eq=np.concatenate([a, b]), method="highs-ds")
    dual = found.eqlin.marginals * unit
    return Transport(float(found.fun * unit), found.x.reshape(n, m), dual[:n], dual[n:])


def extend(points, anchors, values):
    """Return f(z) = min_j (values_j + ‖z − anchors_j‖) at ``points`` (k, d) -> (k,), a 1-Lipschitz function.

    ``anchors`` (m, d), ``values`` (m,). It is the largest 1-Lipschitz function that stays below ``values`` at the
    anchors, and it equals them if they are 1-Lipschitz themselves (McShane 1934,
    https://doi.org/10.1090/S0002-9904-1934-05978-0). With anchors y and values −v of ``solve`` it is an optimal critic.
    Raises ``ValueError`` for shapes that do not fit.
    """
    points, anchors = _validate.sample_pair("points", points, "anchors", anchors, minimum=1)
    return np.min(_validate.array("values", values, (len(anchors),)) + cdist(points, anchors), axis=1)


def displace(x, y, plan, t):
    """Return points (k, d) and weights (k,) of the mass that has gone the share ``t`` of its way from y to x.

    One point for each pair with mass in ``plan`` (n, m), at (1 − t) y_j + t x_i: along an optimal plan for p, W_p falls
    in proportion to 1 − t (McCann 1997, https://doi.org/10.1006/aima.1997.1634). Raises ``ValueError`` for t outside
    [0, 1] or shapes that do not fit.
    """
    x, y = _validate.sample_pair("x", x, "y", y, minimum=1)
    plan, t = _validate.array("plan", plan, (len(x), len(y))), _validate.number("t", t, 0, 1)
    i, j = np.nonzero(plan > 1e-12)  # below this a mass is the solver's round-off
    return (1 - t) * y[j] + t * x[i], plan[i, j] / plan[i, j].sum()


def _weights(argument, weights, n):
    if weights is None:
        return np.full(n, 1 / n)
    weights = _validate.array(argument, weights, (n,))
    if (weights < 0).any() or abs(weights.sum() - 1) > 1e-6:
        _validate.refuse(argument, "non-negative weights with sum 1", weights, "Divide the masses by their sum.")
    return weights / weights.sum()
