"""How far apart are two distributions? Closed forms and estimators, in float64 and in nats."""

import numpy as np
from scipy.linalg import solve_triangular, svdvals
from scipy.spatial.distance import cdist
from scipy.special import entr, rel_entr

from course_lib import _validate

_ROWS = 256  # a kernel matrix is summed this many rows at a time: 10,000 columns then take 20 MB


def kl_gaussians(mean_p, cov_p, mean_q, cov_q):
    """Return KL(p‖q) in nats between two Gaussians with full covariances.

    KL = ½ [tr(Σq⁻¹Σp) + (μq − μp)ᵀ Σq⁻¹ (μq − μp) − d + ln det Σq − ln det Σp]

    Means ``(d,)``, covariances ``(d, d)``, symmetric and positive definite (``ValueError``).
    """
    mean_p, cov_p = _gaussian("p", mean_p, cov_p)
    mean_q, cov_q = _gaussian("q", mean_q, cov_q, len(mean_p))
    root_p, root_q = _cholesky("cov_p", cov_p), _cholesky("cov_q", cov_q)
    trace = np.sum(solve_triangular(root_q, root_p, lower=True) ** 2)
    distance = np.sum(solve_triangular(root_q, mean_q - mean_p, lower=True) ** 2)
    log_determinants = 2 * np.sum(np.log(np.diag(root_q)) - np.log(np.diag(root_p)))
    return float(0.5 * (trace + distance - len(mean_p) + log_determinants))


def kl_to_standard_normal(mean, logvar):
    """Return KL(N(mean, diag e^logvar) ‖ N(0, I)) in nats per example, ``(N, d)`` -> ``(N,)``.

    Arrays give a float64 array. Tensors, also symbolic ones inside a graph, give a differentiable
    tensor: this is the second term of the ELBO (Kingma & Welling 2014, appendix B,
    https://arxiv.org/abs/1312.6114). Raises ``ValueError`` unless both have the same shape.
    """
    if _is_tensor(mean) or _is_tensor(logvar):
        from keras import ops as backend  # only a caller that holds tensors pays for the import

        mean, logvar = backend.convert_to_tensor(mean), backend.convert_to_tensor(logvar)
    else:
        backend = np
        mean, logvar = _validate.array("mean", mean), _validate.array("logvar", logvar)
    _validate.check_shape("mean", mean, ("N", "d"))
    # A length that is known only when the graph runs (None) fits any other.
    n, d = ("N" if mean.shape[0] is None else mean.shape[0]), ("d" if mean.shape[1] is None else mean.shape[1])
    _validate.check_shape("logvar", logvar, (n, d))
    # expm1(logvar) is e^logvar − 1 without the cancellation near logvar = 0.
    return 0.5 * backend.sum(mean**2 + backend.expm1(logvar) - logvar, axis=-1)


def frechet_gaussians(mean_a, cov_a, mean_b, cov_b):
    """Return the squared 2-Wasserstein (Fréchet) distance between two Gaussians, at least 0.

    ‖μa − μb‖² + tr Σa + tr Σb − 2 tr (Σa^½ Σb Σa^½)^½, the formula of the FID (Heusel et al. 2017,
    https://arxiv.org/abs/1706.08500). With Σ = F Fᵀ the last trace is the sum of the singular values of
    FaᵀFb: real, and accurate for singular covariances, where ``sqrtm(Σa @ Σb)`` may turn complex.

    Means ``(d,)``, covariances ``(d, d)``, symmetric and positive semi-definite (``ValueError``).
    """
    mean_a, cov_a = _gaussian("a", mean_a, cov_a)
    mean_b, cov_b = _gaussian("b", mean_b, cov_b, len(mean_a))
    overlap = svdvals(_factor("cov_a", cov_a).T @ _factor("cov_b", cov_b)).sum()
    distance = np.sum((mean_a - mean_b) ** 2) + np.trace(cov_a) + np.trace(cov_b) - 2 * overlap
    return max(float(distance), 0.0)  # round-off may leave −1e-15 between equal Gaussians


def kl_discrete(p, q):
    """Return KL(p‖q) = Σ p ln(p/q) in nats; infinite where p > 0 and q = 0.

    ``p`` and ``q``: probabilities of the same shape, each non-negative with sum 1 (``ValueError``).
    """
    p, q = _probability_pair(p, q)
    return float(rel_entr(p, q).sum())


def js_discrete(p, q):
    """Return the Jensen-Shannon divergence in nats, ½ KL(p‖m) + ½ KL(q‖m) with m = (p + q)/2.

    It lies in [0, ln 2]. Arguments and errors as in ``kl_discrete``.
    """
    p, q = _probability_pair(p, q)
    middle = (p + q) / 2
    return float(0.5 * (rel_entr(p, middle).sum() + rel_entr(q, middle).sum()))


def tv_discrete(p, q):
    """Return the total variation ½ Σ|p − q|, in [0, 1]. Arguments and errors as in ``kl_discrete``."""
    p, q = _probability_pair(p, q)
    return float(0.5 * np.abs(p - q).sum())


def entropy_discrete(p):
    """Return the entropy −Σ p ln p in nats, from 0 (one outcome is certain) to ln of the number of outcomes.

    ``p``: probabilities of any shape, non-negative with sum 1 (``ValueError``). Divide by ln 2 for bits.
    """
    return float(entr(_probabilities("p", p)).sum())


def entropy_gaussian(cov):
    """Return the differential entropy ½ ln det(2πe Σ) of a Gaussian in nats; it may be negative.

    ``cov`` ``(d, d)``, symmetric and positive definite (``ValueError``).
    """
    root = _cholesky("cov", _covariance("cov", cov, "d"))
    return float(0.5 * len(root) * np.log(2 * np.pi * np.e) + np.sum(np.log(np.diag(root))))


def mutual_information(joint):
    """Return the mutual information in nats of two discrete variables, I = KL(joint ‖ product of marginals).

    ``joint``: table ``(a, b)`` of non-negative counts or probabilities with a positive sum
    (``ValueError``). From counts the estimate is biased upwards by about (a − 1)(b − 1)/(2n).
    """
    joint = _validate.array("joint", joint, ("a", "b"))
    if (joint < 0).any() or joint.sum() <= 0:
        _validate.refuse("joint", "non-negative counts with a positive sum", joint)
    joint = joint / joint.sum()
    product = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)
    return max(float(rel_entr(joint, product).sum()), 0.0)


def wasserstein_1d(x, y):
    """Return the empirical 1-Wasserstein distance ∫|F_x − F_y| of two samples ``(n,)`` and ``(m,)``.

    For n = m it is the mean of |sorted x − sorted y|. Raises ``ValueError`` for an empty sample.
    """
    x, y = np.sort(_validate.array("x", x, ("n",))), np.sort(_validate.array("y", y, ("m",)))
    if x.size == 0 or y.size == 0:
        _validate.refuse("y" if x.size else "x", "at least one number", "an empty sample")
    pooled = np.sort(np.concatenate([x, y]))
    cdf_x = np.searchsorted(x, pooled[:-1], side="right") / len(x)
    cdf_y = np.searchsorted(y, pooled[:-1], side="right") / len(y)
    return float(np.sum(np.abs(cdf_x - cdf_y) * np.diff(pooled)))


def kl_densities(x, p, q):
    """Return KL(p‖q) = ∫ p ln(p/q) dx in nats by the trapezoidal rule; infinite where p > 0 and q = 0.

    ``p`` and ``q``: values ``(n,)`` of two densities at increasing points ``x`` ``(n,)``, non-negative, with an
    integral within 1e-3 of 1, to which they are then scaled (``ValueError``).
    """
    return kl_discrete(*_masses(x, p, q))


def js_densities(x, p, q):
    """Return the Jensen-Shannon divergence of two densities, in [0, ln 2]. Arguments as in ``kl_densities``."""
    return js_discrete(*_masses(x, p, q))


def tv_densities(x, p, q):
    """Return the total variation ½ ∫|p − q| dx, in [0, 1]. Arguments as in ``kl_densities``."""
    return tv_discrete(*_masses(x, p, q))


def wasserstein_densities(x, p, q):
    """Return the 1-Wasserstein distance ∫|F_p − F_q| dx, in the units of ``x``. Arguments as in ``kl_densities``."""
    p, q = _masses(x, p, q)
    return float(np.sum(np.abs(np.cumsum(p - q)[:-1]) * np.diff(x)))


def mmd_polynomial(x, y, degree=3):
    """Return the unbiased squared MMD with the kernel (x·y/d + 1)^degree; on features, degree 3, this is the KID.

    ``x`` ``(n, d)``, ``y`` ``(m, d)``, at least two rows each (``ValueError``). The U-statistic
    leaves out the pairs (i, i), so its mean is 0 when the distributions are equal and single values
    may be negative (Bińkowski et al. 2018, https://arxiv.org/abs/1801.01401).
    """
    degree = _validate.integer("degree", degree, 1)
    x, y = _validate.sample_pair("x", x, "y", y, minimum=2)

    def kernel(a, b):
        base = a @ b.T / a.shape[1] + 1
        power = base.copy()
        for _ in range(degree - 1):  # several times faster than base**degree
            power *= base
        return power

    return _unbiased_mmd(kernel, x, y)


def mmd_rbf(x, y, bandwidth):
    """Return the unbiased squared MMD with the kernel exp(−‖x − y‖² / (2 bandwidth²)).

    Shapes, errors and sign as in ``mmd_polynomial``; ``bandwidth`` > 0 in the units of the data
    (Gretton et al. 2012, https://jmlr.org/papers/v13/gretton12a.html, lemma 6).
    """
    scale = -0.5 / _validate.number("bandwidth", bandwidth, 0, open_minimum=True) ** 2
    x, y = _validate.sample_pair("x", x, "y", y, minimum=2)
    return _unbiased_mmd(lambda a, b: np.exp(scale * cdist(a, b, "sqeuclidean")), x, y)


def _unbiased_mmd(kernel, x, y):
    across = sum(kernel(x[start : start + _ROWS], y).sum() for start in range(0, len(x), _ROWS))
    return float(_mean_of_pairs(kernel, x) + _mean_of_pairs(kernel, y) - 2 * across / (len(x) * len(y)))


def _mean_of_pairs(kernel, x):
    """Mean of kernel(x_i, x_j) over i ≠ j, from the half with i < j."""
    starts = range(0, len(x), _ROWS)
    half = sum(np.triu(kernel(x[start : start + _ROWS], x[start:]), k=1).sum() for start in starts)
    return 2 * half / (len(x) * (len(x) - 1))


def _is_tensor(value):
    # Anything with a shape that NumPy did not make: a TensorFlow tensor or variable, or a Keras one.
    return hasattr(value, "shape") and not isinstance(value, (np.ndarray, np.generic))


def _gaussian(label, mean, cov, d="d"):
    mean = _validate.array(f"mean_{label}", mean, (d,))
    return mean, _covariance(f"cov_{label}", cov, len(mean))


def _covariance(argument, cov, d):
    cov = _validate.array(argument, cov, (d, d))
    if np.abs(cov - cov.T).max() > 1e-6 * np.abs(cov).max():
        _validate.refuse(argument, "a symmetric covariance", cov)
    return (cov + cov.T) / 2


def _cholesky(argument, cov):
    try:
        return np.linalg.cholesky(cov)
    except np.linalg.LinAlgError:
        _validate.refuse(argument, "a positive definite covariance", cov)


def _factor(argument, cov):
    """Return F with F Fᵀ = cov, refusing a matrix that is no covariance."""
    values, vectors = np.linalg.eigh(cov)
    largest = np.abs(values).max()
    if values.min() < -1e-6 * largest:
        _validate.refuse(argument, "a positive semi-definite covariance", f"an eigenvalue of {values.min():.4g}")
    # What is below the round-off of eigh is zero; its square root would be noise of 1e-8.
    noise = len(values) * np.finfo(np.float64).eps * largest
    return vectors * np.sqrt(np.where(values > noise, values, 0.0))


def _probability_pair(p, q):
    p, q = _probabilities("p", p), _probabilities("q", q)
    _validate.check_shape("q", q, p.shape)
    return p, q


def _probabilities(argument, value):
    p = _validate.array(argument, value)
    if p.size == 0 or (p < 0).any() or abs(p.sum() - 1) > 1e-6:
        _validate.refuse(argument, "non-negative probabilities with sum 1", p, "Divide a histogram by its sum.")
    return p


def _masses(x, p, q):
    """Return the probabilities that the trapezoidal rule gives each point of ``x`` under two densities."""
    x = _validate.array("x", x, ("n",))
    if len(x) < 2 or (np.diff(x) <= 0).any():
        _validate.refuse("x", "at least two increasing points", x)
    widths = (np.append(np.diff(x), 0) + np.append(0, np.diff(x))) / 2
    masses = []
    for argument, density in (("p", p), ("q", q)):
        mass = _validate.array(argument, density, (len(x),)) * widths
        if (mass < 0).any() or abs(mass.sum() - 1) > 1e-3:
            remedy = "Widen or refine x, or divide by the integral."
            _validate.refuse(argument, "a density on x", f"one with integral {mass.sum():.4g}", remedy)
        masses.append(mass / mass.sum())
    return masses
