"""Moves in a latent space whose prior is N(0, I): paths, maps, directions, and the way back from an image."""

import numpy as np
from scipy.special import ndtr, ndtri

from course_lib import _validate


def lerp(a, b, n):
    """Return ``n`` ≥ 2 points ``(n, d)`` on the line from ``a`` to ``b``, vectors ``(d,)``, both ends exact.

    Between two draws of N(0, I) in many dimensions the middle has a norm of about √(d/2) where
    draws have √d: a region that training never visited. See ``slerp``.
    """
    a, b, t = _path_arguments(a, b, n)
    return (1 - t) * a + t * b


def slerp(a, b, n):
    """Return ``n`` points ``(n, d)`` on the arc from ``a`` to ``b``, both ends exact, norms interpolated linearly.

    The direction turns at constant speed (White 2016, https://arxiv.org/abs/1609.04468). Opposite
    vectors are joined by the half circle towards the coordinate axis most perpendicular to ``a`` (in
    one dimension by the line); a zero vector takes the other's direction. ``n`` ≥ 2 (``ValueError``).
    """
    a, b, t = _path_arguments(a, b, n)
    norm_a, norm_b = np.linalg.norm(a), np.linalg.norm(b)
    if norm_a == 0 or norm_b == 0 or len(a) == 1:
        return (1 - t) * a + t * b
    start, end = a / norm_a, b / norm_b
    across, angle = _turn(start, end)
    path = ((1 - t) * norm_a + t * norm_b) * (np.cos(t * angle) * start + np.sin(t * angle) * across)
    path[0], path[-1] = a, b  # exact, where cosines leave round-off
    return path


def lerp_rescaled(a, b, n):
    """Return ``n`` ≥ 2 points ``(n, d)`` of ``lerp`` divided by √(t² + (1 − t)²), both ends exact.

    A point of ``lerp`` between independent draws of N(0, I) is a draw of N(0, (t² + (1 − t)²) I), so each point here
    is one of N(0, I). Its norm is a typical one only if the ends are nearly perpendicular, as they are when d is large.
    """
    a, b, t = _path_arguments(a, b, n)
    return ((1 - t) * a + t * b) / np.sqrt(t**2 + (1 - t) ** 2)


def grid(n, latent_dim=2, axes=(0, 1)):
    """Return a map of ``n * n`` latent vectors ``(n * n, latent_dim)``, row by row from the top left.

    Along ``axes`` (to the right, upwards) they stand at the normal quantiles (i + ½)/n, so each
    stands for the same share of the prior, which an even spacing does not; other coordinates are 0.
    ``ValueError`` unless ``axes`` are two different coordinates.
    """
    n, latent_dim = _validate.integer("n", n, 1), _validate.integer("latent_dim", latent_dim, 2)
    axes = _validate.array("axes", axes, dtype=np.int64)
    if axes.shape != (2,) or len({*axes.tolist()} & {*range(latent_dim)}) != 2:
        _validate.refuse("axes", f"two different coordinates below {latent_dim}", repr(axes.tolist()))
    right, up = axes
    quantiles = ndtri((np.arange(n) + 0.5) / n)
    z = np.zeros((n * n, latent_dim))
    z[:, right] = np.tile(quantiles, n)
    z[:, up] = np.repeat(quantiles[::-1], n)
    return z


def traversal(z, index, values):
    """Return copies ``(n, d)`` of ``z`` ``(d,)`` with coordinate ``index`` set to each of ``values`` ``(n,)``."""
    z, values = _validate.array("z", z, ("d",)), _validate.array("values", values, ("n",))
    if _validate.integer("index", index, 0) >= len(z):
        _validate.refuse("index", f"a coordinate below {len(z)}", index)
    path = np.tile(z, (len(values), 1))
    path[:, index] = values
    return path


def principal_directions(z, k):
    """Return the ``k`` directions of largest variance of the rows of ``z`` ``(N, d)``, and their variances.

    Directions ``(k, d)`` are unit vectors, the largest first, with the sign that makes their largest
    entry positive; variances ``(k,)`` have the divisor N − 1. ``k`` ≤ min(N − 1, d) (``ValueError``).
    """
    z = _validate.array("z", z, ("N", "d"))
    limit = min(len(z) - 1, z.shape[1])
    if _validate.integer("k", k, 1) > limit:
        _validate.refuse("k", f"at most min(N - 1, d) = {limit}", k)
    _, singular, directions = np.linalg.svd(z - z.mean(axis=0), full_matrices=False)
    directions = directions[:k]
    largest = np.abs(directions).argmax(axis=1)
    return directions * np.sign(directions[np.arange(k), largest, None]), singular[:k] ** 2 / (len(z) - 1)


def attribute_direction(z, labels):
    """Return the unit vector ``(d,)`` from the mean of ``z`` ``(N, d)`` without an attribute to the mean with it.

    ``labels`` ``(N,)``: 0 or 1, both present, with different means (``ValueError``). Where attributes
    go together in the data, the direction carries both.
    """
    return _unit(_difference(*_labelled(z, labels)))


def discriminant_direction(z, labels):
    """Return the unit vector ``(d,)`` along Σ⁻¹(m₁ − m₀), Fisher's linear discriminant of an attribute.

    m₁ and m₀ are the means of ``z`` ``(N, d)`` with and without the attribute, Σ the covariance within the two
    groups. Its projection tells the groups apart best (Fisher 1936, https://doi.org/10.1111/j.1469-1809.1936.tb02137.x)
    and is the direction of least squares for ``labels`` ``(N,)``. Errors as in ``attribute_direction``, and for a
    Σ that cannot be inverted.
    """
    z, labels = _labelled(z, labels)
    difference = _difference(z, labels)
    centred = np.concatenate([z[labels == c] - z[labels == c].mean(axis=0) for c in (0, 1)])
    within = centred.T @ centred / len(z)
    if np.linalg.matrix_rank(within) < len(within):
        _validate.refuse("z", f"rows that vary in all {len(within)} directions within the groups", z)
    return _unit(np.linalg.solve(within, difference))


def without(direction, others):
    """Return the unit vector ``(d,)`` along the part of ``direction`` that is perpendicular to ``others`` ``(k, d)``.

    Moving along it leaves the projections on all of ``others`` as they are. Raises ``ValueError`` where nothing of
    ``direction`` is left.
    """
    direction = _validate.array("direction", direction, ("d",))
    others = _validate.array("others", others, ("k", len(direction)))
    rest = direction - others.T @ np.linalg.lstsq(others.T, direction, rcond=None)[0]
    if np.linalg.norm(rest) <= 1e-9 * np.linalg.norm(direction):
        _validate.refuse("direction", "a vector outside the span of others", direction)
    return _unit(rest)


def truncate(z, psi):
    """Return ``z`` ``(N, d)`` drawn to the mean of the prior, ψ · z with ψ in [0, 1]: less variety, fewer odd pictures.

    Marchesi 2017, https://arxiv.org/abs/1706.00082; in a learned space: Karras et al. 2019, https://arxiv.org/abs/1812.04948.
    The norm falls to ψ√d, where training had no z at all: what comes of it has to be looked at.
    """
    return _validate.number("psi", psi, 0, 1) * _validate.array("z", z, ("N", "d"))


def truncated_normal(n, latent_dim, threshold, seed=0):
    """Return ``n`` latent vectors ``(n, latent_dim)`` whose coordinates are N(0, 1), given that |z| ≤ ``threshold``.

    The truncation trick of Brock et al. 2018, https://arxiv.org/abs/1809.11096: their redrawing until every coordinate
    is inside gives this distribution; here it comes from its quantiles at once. ``threshold`` > 0 (``ValueError``).
    """
    shape = _validate.integer("n", n, 1), _validate.integer("latent_dim", latent_dim, 1)
    lowest = ndtr(-_validate.number("threshold", threshold, 0, open_minimum=True))
    return ndtri(_validate.generator("seed", seed).uniform(lowest, 1 - lowest, shape))


def invert(decoder, images, steps=200, restarts=4, seed=0, learning_rate=0.1, latent_dim=None, callback=None, **more):
    """Return latent vectors ``(N, d)`` whose decoded pictures come closest to ``images``, and the errors ``(N,)``.

    See ``inversion``, whose ``condition``, ``mask`` and ``norm_weight`` may be given too. ``callback(inversion)``, if
    any, is called after every step.
    """
    started = inversion(decoder, images, steps, restarts, seed, learning_rate, latent_dim, **more)
    for _ in range(started.steps):
        started.advance()
        if callback is not None:
            callback(started)
    return started.best()


def inversion(
    decoder,
    images,
    steps=200,
    restarts=4,
    seed=0,
    learning_rate=0.1,
    latent_dim=None,
    condition=None,
    mask=None,
    norm_weight=0.0,
):
    """Return an inversion of ``images`` that has not begun: ``advance(n)`` takes steps, ``best()`` gives z and errors.

    Adam, at a rate that falls to 0, lowers the mean squared error over z from ``restarts`` draws of the
    prior for each image; the best is kept. z is drawn back to norm √d + 2, inside which 99.7 % of the prior lies, and
    ``norm_weight`` · (‖z‖/√d − 1)² is added to the error: in many dimensions nearly all of N(0, I) has a norm near √d.
    ``decoder``: a Keras model or a function, z ``(N, d)`` -> pictures, or of z and ``condition`` ``(N, k)`` (a model
    takes the list of both, a function two arguments); or the ``objective`` of an earlier inversion, so as not to be
    compiled again. ``latent_dim`` is needed for a function only. ``images``: ``(N, H, W, C)`` floats in [-1, 1].
    ``mask``: booleans ``(H, W)`` or ``(N, H, W)``, True where the picture is known; other pixels do not count.
    Raises ``ValueError`` for shapes and ranges that do not fit.
    """
    from course_lib._inversion import Inversion, Objective  # here, because the other functions do without TensorFlow

    objective = decoder
    if not isinstance(decoder, Objective):
        objective = Objective(decoder, latent_dim, 0 if condition is None else np.shape(condition)[-1])
    return Inversion(objective, images, condition, mask, steps, restarts, seed, learning_rate, norm_weight)


def _labelled(z, labels):
    z = _validate.array("z", z, ("N", "d"))
    labels = _validate.array("labels", labels, (len(z),))
    if set(np.unique(labels)) != {0, 1}:
        _validate.refuse("labels", "both 0 and 1, and nothing else", labels)
    return z, labels


def _difference(z, labels):
    difference = z[labels == 1].mean(axis=0) - z[labels == 0].mean(axis=0)
    if not difference.any():
        _validate.refuse("z", "different means with and without the attribute", z)
    return difference


def _unit(vector):
    return vector / np.linalg.norm(vector)


def _path_arguments(a, b, n):
    n = _validate.integer("n", n, 2)
    a = _validate.array("a", a, ("d",))
    return a, _validate.array("b", b, a.shape), np.linspace(0, 1, n)[:, None]


def _turn(start, end):
    """Return the unit vector perpendicular to ``start`` in which to turn, and the angle to ``end``."""
    cosine = start @ end
    across = end - cosine * start
    sine = np.linalg.norm(across)
    if sine > 1e-12:
        return across / sine, np.arctan2(sine, cosine)
    axis = np.zeros_like(start)
    axis[np.abs(start).argmin()] = 1
    across = axis - (axis @ start) * start
    return across / np.linalg.norm(across), 0.0 if cosine > 0 else np.pi
