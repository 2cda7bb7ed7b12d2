"""Exact flows from N(0, I) to Gaussians and mixtures along x_t = (1 − t) x_0 + t x_1 with independent x_0 and x_1.

The velocity that minimises the flow matching loss is E[x_1 − x_0 | x_t], which is known in closed form here.
NumPy only; times are floats in [0, 1].
"""

import numpy as np

from course_lib._validate import array, check_shape, number, refuse


def gaussian_velocity(x, t, mean, cov):
    """Return E[x_1 − x_0 | x_t = x] (N, d) for data N(``mean`` (d,), ``cov`` (d, d)) at time ``t``.

    m + (tS − (1 − t)I) Σ_t⁻¹ (x − tm) with Σ_t = (1 − t)²I + t²S: the regression of one Gaussian vector on another.
    Raises ``ValueError`` where Σ_t cannot be inverted (t = 1 with a singular S).
    """
    x, mean, variances, axes = _principal(x, mean, cov)
    t = number("t", t, 0, 1)
    spread = (1 - t) ** 2 + t**2 * variances
    if not spread.min() > 0:
        refuse("cov", "an invertible matrix at t = 1", cov)
    return mean + ((x - t * mean) @ axes * ((t * variances - (1 - t)) / spread)) @ axes.T


def gaussian_flow(x_0, t, mean, cov):
    """Return where the exact flow carries x_0 (N, d) by time ``t``: t·m + Σ_t^½ x_0, Σ_t as in ``gaussian_velocity``.

    Each principal axis is stretched by √((1 − t)² + t²λ): a curved path unless λ = 0.
    """
    x_0, mean, variances, axes = _principal(x_0, mean, cov)
    t = number("t", t, 0, 1)
    return t * mean + (x_0 @ axes * np.sqrt((1 - t) ** 2 + t**2 * variances)) @ axes.T


def gaussian_loss(cov, t=None):
    """Return the smallest flow matching loss on data N(m, ``cov`` (d, d)), a mean over the d dimensions.

    At time ``t`` it is the mean of λ / ((1 − t)² + t²λ) over the eigenvalues λ: the part of x_1 − x_0 that x_t does not
    tell. Averaged over uniform t (``t`` = None) that is π/2 · √λ: π/2 for standardised data, and not 0. For any data
    with this covariance it is the smallest loss of a velocity that is affine in x, so an upper bound of the minimum.
    """
    cov = array("cov", cov, ("d", "d"))
    variances = np.linalg.eigvalsh(cov).clip(0)
    if t is None:
        return float(np.pi / 2 * np.sqrt(variances).mean())
    spread = (1 - number("t", t, 0, 1)) ** 2 + t**2 * variances
    return float(np.mean(np.divide(variances, spread, out=np.ones_like(spread), where=spread > 0)))


def mixture_posterior(x, t, means, std, weights=None):
    """Return the probability (N, K) of each component of Σ_k w_k N(m_k, ``std``²I), given x_t = x (N, d).

    ``means`` (K, d) are the m_k. By Bayes' rule, x_t given component k being N(t m_k, ((1 − t)² + t²std²) I).
    ``weights`` (K,) default to equal ones.
    Raises ``ValueError`` at t = 1 with ``std`` = 0, where x_t has no density.
    """
    x, means, spread = _mixture(x, t, means, std)
    weights = np.ones(len(means)) if weights is None else array("weights", weights, (len(means),))
    if weights.min() < 0 or not weights.sum() > 0:
        refuse("weights", "numbers of at least 0, not all 0", weights)
    with np.errstate(divide="ignore"):
        logits = np.log(weights) - _squares(x, t * means) / (2 * spread)
    ratios = np.exp(logits - logits.max(axis=1, keepdims=True))
    return ratios / ratios.sum(axis=1, keepdims=True)


def mixture_velocity(x, t, means, std, weights=None):
    """Return E[x_1 − x_0 | x_t = x] (N, d) for the mixture of ``mixture_posterior``.

    With ``std`` = 0 and the training images as ``means`` it is the exact minimiser of the training loss: its flow
    ends in training images.
    """
    posterior = mixture_posterior(x, t, means, std, weights)
    x, means, spread = _mixture(x, t, means, std)
    # Of component k: m_k + c (x − t m_k); the posterior's weights add up to 1.
    c = (t * std**2 - (1 - t)) / spread
    return c * x + (1 - c * t) * (posterior @ means)


def _principal(x, mean, cov):
    """Return x, the mean, and the eigenvalues (clipped at 0) and eigenvectors of a covariance."""
    x = array("x", x, ("N", "d"))
    mean, cov = array("mean", mean, (x.shape[1],)), array("cov", cov, (x.shape[1], x.shape[1]))
    if not np.allclose(cov, cov.T):
        refuse("cov", "a symmetric matrix", cov)
    variances, axes = np.linalg.eigh(cov)
    if variances.min() < -1e-9 * max(1, variances.max()):
        refuse("cov", "eigenvalues of at least 0", f"a smallest eigenvalue of {variances.min():.3g}")
    return x, mean, variances.clip(0), axes


def _mixture(x, t, means, std):
    x, means = array("x", x, ("N", "d")), array("means", means, ("K", "d"))
    check_shape("x", x, ("N", means.shape[1]))
    spread = (1 - number("t", t, 0, 1)) ** 2 + t**2 * number("std", std, 0) ** 2
    if spread == 0:
        refuse("t", "a time below 1 for components of width 0", t)
    return x, means, spread


def _squares(a, b):
    """Return squared distances (N, K) between rows, without the (N, K, d) array of differences."""
    return np.maximum((a**2).sum(1)[:, None] - 2 * a @ b.T + (b**2).sum(1), 0)
