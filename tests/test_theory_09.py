"""Every derivation of lesson 09 against something independent of it, and mutants that its proof must notice."""

import itertools
import math

import numpy as np
import pytest
from lesson_code import definitions
from mutation import LessonMutant, Mutant
from scipy import linalg, optimize, special, stats
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

from course_lib import divergences, metrics, transport

LESSON = "09_measuring_generators"
SPACE = {"np": np, "cdist": cdist, "stats": stats, "itertools": itertools}


def lesson(*names):
    """Return the lesson's definitions of these names."""
    return definitions(LESSON, set(names), SPACE)


def random_covariance(rng, d, rank=None):
    """A covariance (d, d) with uneven eigenvalues, of a lower rank if asked for."""
    factor = rng.normal(size=(d, rank or d)) * np.geomspace(2, 0.1, rank or d)
    return factor @ factor.T


# --- The Fréchet distance ------------------------------------------------------------------------


def proves_the_distance_on_a_line(code):
    t = (np.arange(400_000) + 0.5) / 400_000
    for case in ((1.0, 2.0, -0.5, 0.7), (0.0, 1.0, 0.0, 3.0), (2.0, 0.5, 2.0, 0.5)):
        quantiles = [stats.norm.ppf(t, *case[k : k + 2]) for k in (0, 2)]
        assert np.isclose(code["w2_on_a_line"](*case), np.mean((quantiles[0] - quantiles[1]) ** 2), atol=1e-3)


def proves_the_frechet_distance(frechet):
    """Against SciPy's roots, an exact transport plan, and the laws of shifts, scales and turns."""
    rng = np.random.default_rng(0)
    a, b, A, B = *rng.normal(size=(2, 4)), random_covariance(rng, 4), random_covariance(rng, 4)
    root = linalg.sqrtm(A)
    by_roots = np.sum((a - b) ** 2) + np.trace(A + B - 2 * linalg.sqrtm(root @ B @ root))
    assert np.isclose(frechet(a, A, b, B), by_roots)
    assert np.isclose(frechet(b, B, a, A), by_roots), "symmetric"
    assert np.isclose(frechet(3 * a, 9 * A, 3 * b, 9 * B), 9 * by_roots), "squared units"
    turn = stats.ortho_group.rvs(4, random_state=1)
    assert np.isclose(frechet(turn @ a, turn @ A @ turn.T, turn @ b, turn @ B @ turn.T), by_roots)
    axes, va, vb = np.eye(3), np.array([4.0, 1.0, 0.0]), np.array([1.0, 9.0, 0.25])
    commuting = np.sum((np.sqrt(va) - np.sqrt(vb)) ** 2)
    assert np.isclose(frechet(np.zeros(3), np.diag(va), np.zeros(3), np.diag(vb)), commuting), "also where singular"
    for rank in (1, 2, 3):
        low = random_covariance(rng, 3, rank)
        assert abs(frechet(axes[0], low, axes[0], low)) < 1e-9
    x = rng.exponential(size=(30, 3))
    T = random_covariance(rng, 3) + 0.1 * np.eye(3)
    y = x @ T + 0.3
    bound = frechet(x.mean(0), np.cov(x.T, bias=True), y.mean(0), np.cov(y.T, bias=True))
    assert np.isclose(bound, transport.solve(x, y, p=2).cost, atol=1e-7), "a symmetric map is an optimal plan"
    other = rng.normal(size=(30, 3))
    bound = frechet(x.mean(0), np.cov(x.T, bias=True), other.mean(0), np.cov(other.T, bias=True))
    assert bound < transport.solve(x, other, p=2).cost, "Gelbrich's bound"


def proves_the_best_coupling(code):
    """A joint covariance that exists, and no other has a larger trace: also none that an optimiser finds."""
    rng = np.random.default_rng(1)
    A, B = random_covariance(rng, 3), random_covariance(rng, 3)
    C = code["best_coupling"](A, B)
    assert np.linalg.eigvalsh(np.block([[A, C], [C.T, B]])).min() > -1e-9
    F_a, F_b = np.linalg.cholesky(A), np.linalg.cholesky(B)

    def lost(entries):  # any K becomes a contraction by its polar part
        K = linalg.polar(entries.reshape(3, 3))[0]
        return -np.trace(F_a @ K @ F_b.T)

    best = max(-optimize.minimize(lost, rng.normal(size=9)).fun for _ in range(6))
    assert np.isclose(np.trace(C), best, rtol=2e-3) and np.trace(C) > best - 1e-9
    assert np.isclose(np.trace(A + B - 2 * C), divergences.frechet_gaussians(np.zeros(3), A, np.zeros(3), B))


def proves_the_factor(code):
    rng = np.random.default_rng(2)
    for cov in (random_covariance(rng, 4), random_covariance(rng, 5, 2), np.diag([3.0, 0.0])):
        F = code["factor"](cov)
        assert np.allclose(F @ F.T, cov)
    exact = np.abs(code["factor"](np.outer([3.0, 1, 2], [3.0, 1, 2]))).max(axis=0)
    assert np.sum(exact == 0) == 2, "what is below the round-off is 0, not its square root"


# --- Samples -------------------------------------------------------------------------------------


def proves_the_error_of_a_squared_distance(code):
    """For a Gaussian error both are known exactly: tr S, and 4 ΔᵀSΔ + 2 tr S² with S = cov / n."""
    rng = np.random.default_rng(13)
    delta, cov = rng.normal(size=3), random_covariance(rng, 3)
    for n in (10**4, 10**6):
        bias, variance = code["error_of_squared_distance"](delta, cov, n)
        S = cov / n
        assert np.isclose(bias, np.trace(S))
        assert np.isclose(variance, 4 * delta @ S @ delta + 2 * np.trace(S @ S), rtol=100 / n)
    noise = stats.multivariate_normal.rvs(delta, cov / 50, size=200_000, random_state=0)
    values = np.sum(noise**2, axis=1)
    bias, variance = code["error_of_squared_distance"](delta, cov, 50)
    assert abs(values.mean() - delta @ delta - bias) < 4 * values.std() / np.sqrt(len(values))
    assert np.isclose(values.var(), variance, rtol=0.1)


def proves_the_bias(code):
    """On a line the mean of (x̄² + (s − 1)²) has a closed form; elsewhere simulation and the Gaussian's moments."""
    c = code["gaussian_bias_coefficient"]
    for n in (500, 5_000):
        mean_s = np.sqrt(2 / (n - 1)) * np.exp(special.gammaln(n / 2) - special.gammaln((n - 1) / 2))
        exact = 1 / n + 2 - 2 * mean_s
        assert np.isclose(n * exact, c([1.0]), rtol=3 / n * 10)
    assert np.isclose(c(np.full(6, 2.0)), 2 * (6 + 6 * 7 / 4))
    rng = np.random.default_rng(3)
    values, n = np.array([4.0, 1.0, 0.25]), 200
    sets = [rng.normal(size=(n, 3)) * np.sqrt(values) for _ in range(1_500)]
    found = [divergences.frechet_gaussians(np.zeros(3), np.diag(values), x.mean(0), np.cov(x.T)) for x in sets]
    error = np.std(found) / np.sqrt(len(found))
    assert abs(np.mean(found) - c(values) / n) < 4 * error + 0.02 * c(values) / n


def proves_the_bias_of_any_features(code):
    rng = np.random.default_rng(4)
    turn = stats.ortho_group.rvs(3, random_state=0)
    values = np.array([4.0, 1.0, 0.25])
    x = rng.normal(size=(200_000, 3)) * np.sqrt(values) @ turn
    code_c = code["bias_coefficient"]
    assert np.isclose(code_c(x), code["gaussian_bias_coefficient"](values), rtol=0.02)
    assert np.isclose(code_c(np.hstack([x, np.full((len(x), 2), 7.0)])), code_c(x)), "constant features add nothing"
    coin = np.repeat([[-1.0], [1.0]], 50, axis=0)  # its variance is the same in every sample, to first order
    assert np.isclose(code_c(coin), 1.0)
    uniform = rng.uniform(-1, 1, (100_000, 1))  # E x⁴ − (E x²)² = 1/5 − 1/9, over 2 · 2λ, with λ = 1/3
    assert np.isclose(code_c(uniform), 1 / 3 + 0.5 * (1 / 5 - 1 / 9) / (2 / 3), rtol=0.02)


def proves_the_extrapolation(code):
    sizes = [100, 250, 1000]
    limit, slope = code["extrapolate"](sizes, [5 + 70 / n for n in sizes])
    assert np.isclose(limit, 5) and np.isclose(slope, 70)
    noisy = [3.0, 2.0, 2.5]
    assert np.allclose(code["extrapolate"](sizes, noisy), np.polyfit(1 / np.array(sizes), noisy, 1)[::-1])


# --- The kernel distance -------------------------------------------------------------------------

PLACES = np.array([[-1.0], [0.5], [2.0]])
P, Q = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.3, 0.5])


def moment_distance(p, q):
    """3 (Δm₁)² + 3 (Δm₂)² + (Δm₃)² of two distributions on PLACES."""
    return np.sum([3, 3, 1] * ((p - q) @ np.hstack([PLACES, PLACES**2, PLACES**3])) ** 2)


def proves_the_kernel_distance_unbiased(distance):
    """All samples of three and of two points, weighted with their probability, average to the three moments."""
    mean = 0.0
    for i in itertools.product(range(3), repeat=3):
        for j in itertools.product(range(3), repeat=2):
            chance = np.prod(P[list(i)]) * np.prod(Q[list(j)])
            mean += chance * distance(PLACES[list(i)], PLACES[list(j)])
    assert np.isclose(mean, moment_distance(P, Q))
    x, y = np.array([[2.0, 0.0], [0.0, 2.0]]), np.array([[0.0, 0.0], [2.0, 2.0]])
    # (x·y/2 + 1)³ is 1 within x and within y; across, x·y/2 is 0 twice and 2 twice.
    assert np.isclose(distance(x, y), 1 + 1 - 2 * (1 + 1 + 27 + 27) / 4)


def proves_the_bias_of_the_diagonal(code):
    mean = 0.0
    for i in itertools.product(range(3), repeat=2):
        for j in itertools.product(range(3), repeat=2):
            mean += (
                np.prod(P[list(i)])
                * np.prod(P[list(j)])
                * code["biased_kernel_distance"](PLACES[list(i)], PLACES[list(j)])
            )
    k = (PLACES @ PLACES.T + 1) ** 3
    assert np.isclose(mean, 2 * (P @ np.diag(k) - P @ k @ P) / 2)


def proves_the_standard_error_of_the_kernel_distance(code):
    """The witness of distributions on three places is known exactly."""
    k = (PLACES @ PLACES.T + 1) ** 3
    witness = k @ (P - Q)
    n, m = 800, 2_400
    exact = 2 * np.sqrt((P @ witness**2 - (P @ witness) ** 2) / n + (Q @ witness**2 - (Q @ witness) ** 2) / m)
    rng = np.random.default_rng(5)
    x, y = PLACES[rng.choice(3, n, p=P)], PLACES[rng.choice(3, m, p=Q)]
    assert np.isclose(code["kernel_standard_error"](x, y), exact, rtol=0.1)


def proves_the_sigma_points(code):
    rng = np.random.default_rng(6)
    for cov, rank in ((random_covariance(rng, 4), 4), (random_covariance(rng, 5, 2), 2)):
        mean = rng.normal(size=len(cov))
        points = code["sigma_points"](mean, cov)
        assert len(points) == 2 * rank
        assert np.allclose(points.mean(axis=0), mean)
        assert np.allclose(np.cov(points.T, bias=True), cov)
        along = (points - mean) @ rng.normal(size=len(cov))
        assert abs(np.mean(along**3)) < 1e-9


# --- Neighbours ----------------------------------------------------------------------------------


def reach_by_sklearn(x, k):
    return NearestNeighbors(n_neighbors=k + 1).fit(x).kneighbors(x)[0][:, k]


def proves_precision_and_recall(code):
    rng = np.random.default_rng(7)
    real, fake = rng.normal(size=(60, 3)), 0.6 * rng.normal(size=(40, 3)) + 0.5
    for k in (1, 3):
        covered = [
            np.mean([np.any(np.linalg.norm(a - y, axis=1) <= reach_by_sklearn(a, k)) for y in b])
            for a, b in ((real, fake), (fake, real))
        ]
        assert np.allclose(code["precision_recall"](real, fake, k), covered)
    one_place = np.repeat(real[:1], 10, axis=0)
    assert np.allclose(code["precision_recall"](real, one_place), (1.0, 1 / 60)), "good, but all alike"


def proves_density_and_coverage(code):
    rng = np.random.default_rng(8)
    real, fake = rng.normal(size=(60, 3)), 0.6 * rng.normal(size=(40, 3)) + 0.5
    for k in (1, 5):
        inside = np.array([np.linalg.norm(real - y, axis=1) <= reach_by_sklearn(real, k) for y in fake])
        found = code["density_coverage"](real, fake, k)
        assert np.allclose(found, (inside.sum() / (k * 40), inside.any(axis=0).mean()))


def proves_the_expected_coverage(code):
    """All orders of n − 1 real and m generated points by distance: uncovered if the first k are real."""
    for n, m, k in ((4, 3, 2), (5, 2, 1), (4, 4, 3)):
        orders = list(itertools.combinations(range(n - 1 + m), m))  # the ranks of the generated points
        covered = np.mean([min(order) < k for order in orders])
        assert np.isclose(code["expected_coverage"](n, m, k), covered)
        in_ball = np.mean([rank < k for rank in range(n)])  # one generated point among n: all ranks alike
        assert np.isclose(n * in_ball / k, 1), "the mean density"
    assert np.isclose(code["expected_coverage"](10**7, 10**7, 5), 31 / 32, atol=1e-6)


# --- Memorisation, scores, errors ----------------------------------------------------------------


def proves_closer(closer):
    rng = np.random.default_rng(9)
    fake, held_out = rng.integers(0, 6, 11) / 2, rng.integers(0, 6, 7) / 2  # with ties
    pairs = (fake[:, None] < held_out).mean() + 0.5 * (fake[:, None] == held_out).mean()
    assert np.isclose(closer(fake, held_out), pairs)
    by_scipy = stats.mannwhitneyu(held_out, fake).statistic / (len(fake) * len(held_out))
    assert np.isclose(closer(fake, held_out), by_scipy)
    assert closer(np.zeros(3), np.ones(4)) == 1.0


def proves_the_error_of_closer(code):
    for n, m in ((2, 4), (3, 3), (1, 5)):
        places = [np.array(s) for s in itertools.combinations(range(n + m), n)]
        values = [np.mean(s[:, None] < np.setdiff1d(range(n + m), s)) for s in places]
        assert np.isclose(np.mean(values), 0.5)
        assert np.isclose(code["closer_error"](n, m), np.std(values))


def proves_the_inception_score(code):
    score = code["inception_score"]
    rng = np.random.default_rng(10)
    joint = rng.dirichlet(np.ones(5), size=40) / 40  # of sample and class
    assert np.isclose(score(40 * joint), np.exp(divergences.mutual_information(joint)))
    assert np.isclose(score(np.eye(10)), 10)
    assert np.isclose(score(np.full((7, 10), 0.1)), 1)


def proves_the_number_of_seeds(code):
    needed = code["seeds_needed"]
    for difference, training, sampling, n in ((2.0, 3.0, 100.0, 500), (1.0, 0.5, 20.0, 2_000), (5.0, 1.0, 0.0, 10)):
        r = needed(difference, training, sampling, n)

        def in_errors(r, d=difference, variance=training**2 + sampling**2 / n):
            return d / math.sqrt(2 * variance / r)

        assert in_errors(r) >= 2 - 1e-9
        assert r == 1 or in_errors(r - 1) < 2
    rng = np.random.default_rng(11)
    means = rng.normal(0, math.sqrt(9 + 100**2 / 500), (20_000, 2, needed(2.0, 3.0, 100.0, 500))).mean(axis=2)
    assert np.isclose(np.std(means[:, 0] - means[:, 1]), 1, rtol=0.03), "a difference of 2 is two standard errors"


def proves_the_roughness(code):
    x = np.zeros((1, 6, 6, 1))
    x[0, 2, 2, 0] = 3.0  # one point: 4·3 in the middle, −3 at four neighbours, among 16 inner pixels
    assert np.isclose(code["roughness"](x), (144 + 4 * 9) / 16)
    ramp = np.add.outer(np.arange(5.0), 2 * np.arange(5.0))[None, ..., None]
    assert np.isclose(code["roughness"](ramp), 0), "even a steep slope is smooth"


PROOFS = {
    "w2_on_a_line": (proves_the_distance_on_a_line, ()),
    "best_coupling": (proves_the_best_coupling, ("factor",)),
    "factor": (proves_the_factor, ()),
    "error_of_squared_distance": (proves_the_error_of_a_squared_distance, ()),
    "gaussian_bias_coefficient": (proves_the_bias, ()),
    "bias_coefficient": (proves_the_bias_of_any_features, ("gaussian_bias_coefficient",)),
    "extrapolate": (proves_the_extrapolation, ()),
    "biased_kernel_distance": (proves_the_bias_of_the_diagonal, ("kernel",)),
    "kernel_standard_error": (proves_the_standard_error_of_the_kernel_distance, ("kernel",)),
    "sigma_points": (proves_the_sigma_points, ("factor",)),
    "precision_recall": (proves_precision_and_recall, ("reach",)),
    "density_coverage": (proves_density_and_coverage, ("reach",)),
    "expected_coverage": (proves_the_expected_coverage, ()),
    "closer_error": (proves_the_error_of_closer, ()),
    "inception_score": (proves_the_inception_score, ()),
    "seeds_needed": (proves_the_number_of_seeds, ()),
    "roughness": (proves_the_roughness, ()),
}


@pytest.mark.parametrize("name", PROOFS)
def test_the_proof_holds(name):
    proof, helpers = PROOFS[name]
    proof(lesson(name, *helpers))


def test_the_frechet_distance():
    proves_the_frechet_distance(lesson("frechet", "factor")["frechet"])
    proves_the_frechet_distance(divergences.frechet_gaussians)


def test_the_kernel_distance():
    proves_the_kernel_distance_unbiased(lesson("kernel_distance", "kernel")["kernel_distance"])
    proves_the_kernel_distance_unbiased(metrics.kernel_distance)


def test_closer():
    proves_closer(lesson("closer")["closer"])
    proves_closer(closer_of_the_library(metrics.memorisation))


def closer_of_the_library(memorisation):
    """Return closer(fake distances, held-out distances) with one training point at 0."""
    return lambda fake, held: memorisation(np.zeros((1, 1)), held[:, None], fake[:, None])["closer"]


def test_the_lesson_and_the_library_agree():
    rng = np.random.default_rng(12)
    code = lesson(
        "frechet", "factor", "moments", "kernel_distance", "kernel", "precision_recall", "density_coverage", "reach"
    )
    a, b = rng.normal(size=(50, 6)), rng.normal(size=(40, 6)) + 0.3
    a[:, 5], b[:, 5] = 1.0, 1.0  # a constant feature, as the classifier has
    assert np.isclose(code["frechet"](*code["moments"](a), *code["moments"](b)), metrics.frechet_distance(a, b))
    assert np.isclose(code["kernel_distance"](a, b), metrics.kernel_distance(a, b))
    assert np.allclose(code["precision_recall"](a, b), list(metrics.precision_recall(a, b).values()))
    assert np.allclose(code["density_coverage"](a, b), list(metrics.density_coverage(a, b).values()))


# --- Mutants -------------------------------------------------------------------------------------


def of_lesson(name, old, new, *helpers, proof=None):
    """Return a mutant of one definition of the lesson, with the helpers that its proof needs."""
    known, needed = PROOFS.get(name, (proof, helpers))
    return LessonMutant(proof or known, LESSON, {name, *needed}, SPACE, old, new)


def frechet_of(code):
    proves_the_frechet_distance(code["frechet"])


def kernel_of(code):
    proves_the_kernel_distance_unbiased(code["kernel_distance"])


def closer_of(code):
    proves_closer(code["closer"])


def closer_in_library(memorisation):
    proves_closer(closer_of_the_library(memorisation))


FD, KD = divergences.frechet_gaussians, divergences.mmd_polynomial
MUTANTS = {
    "line: variances": of_lesson("w2_on_a_line", "(std_a - std_b) ** 2", "std_a**2 + std_b**2"),
    "line: means not squared": of_lesson("w2_on_a_line", "(mean_a - mean_b) ** 2", "abs(mean_a - mean_b)"),
    "Fréchet: no 2": of_lesson("frechet", "- 2 * overlap", "- overlap", "factor", proof=frechet_of),
    "Fréchet: trace for singular values": of_lesson(
        "frechet",
        "np.linalg.svd(factor(cov_a).T @ factor(cov_b), compute_uv=False).sum()",
        "np.trace(factor(cov_a).T @ factor(cov_b))",
        "factor",
        proof=frechet_of,
    ),
    "Fréchet: not transposed": of_lesson(
        "frechet", "factor(cov_a).T @", "factor(cov_a) @", "factor", proof=frechet_of
    ),
    "Fréchet: distance of means not squared": of_lesson(
        "frechet", "(mean_a - mean_b) ** 2", "np.abs(mean_a - mean_b)", "factor", proof=frechet_of
    ),
    "library Fréchet: no 2": Mutant(proves_the_frechet_distance, FD, "- 2 * overlap", "- overlap"),
    "library Fréchet: not transposed": Mutant(
        proves_the_frechet_distance, FD, '_factor("cov_a", cov_a).T @', '_factor("cov_a", cov_a) @'
    ),
    "library Fréchet: one trace": Mutant(proves_the_frechet_distance, FD, " + np.trace(cov_b)", ""),
    "coupling: the worst": of_lesson("best_coupling", "F_a @ U @ Vt", "-F_a @ U @ Vt"),
    "coupling: independent turns": of_lesson("best_coupling", "F_a @ U @ Vt @ F_b.T", "F_a @ F_b.T"),
    "factor: no root": of_lesson("factor", "np.sqrt(np.where(values > noise, values, 0))", "values"),
    "factor: round-off kept": of_lesson("factor", "np.where(values > noise, values, 0)", "np.abs(values)"),
    "means: variance without 4": of_lesson("error_of_squared_distance", "4 * delta", "delta"),
    "means: bias over √n": of_lesson("error_of_squared_distance", "np.trace(cov) / n", "np.trace(cov) / np.sqrt(n)"),
    "Gaussian bias: no fourth moment": of_lesson("gaussian_bias_coefficient", "(1 + np.eye(len(values)))", "1"),
    "Gaussian bias: no half": of_lesson("gaussian_bias_coefficient", "0.5 * np.sum", "np.sum"),
    "Gaussian bias: means forgotten": of_lesson("gaussian_bias_coefficient", "values.sum() + ", ""),
    "bias: second moments not subtracted": of_lesson("bias_coefficient", " - np.diag(values) ** 2", ""),
    "bias: not along the eigenvectors": of_lesson("bias_coefficient", "x @ vectors", "x"),
    "bias: mean kept": of_lesson("bias_coefficient", "x = x - x.mean(axis=0)", "x = x + 0"),
    "extrapolation: against n": of_lesson("extrapolate", "1 / np.asarray(sizes, float)", "np.asarray(sizes, float)"),
    "extrapolation: the wrong way": of_lesson("extrapolate", "values.mean() - slope", "values.mean() + slope"),
    "kernel distance: the diagonal": of_lesson(
        "kernel_distance", "(within_x.sum() - np.trace(within_x))", "within_x.sum()", "kernel", proof=kernel_of
    ),
    "kernel distance: over n²": of_lesson("kernel_distance", "(n * (n - 1))", "n**2", "kernel", proof=kernel_of),
    "kernel distance: no 2": of_lesson(
        "kernel_distance", "- 2 * kernel(x, y)", "- kernel(x, y)", "kernel", proof=kernel_of
    ),
    "kernel: not over d": LessonMutant(kernel_of, LESSON, {"kernel_distance", "kernel"}, SPACE, "/ x.shape[1]", "/ 1"),
    "kernel: degree 2": LessonMutant(kernel_of, LESSON, {"kernel_distance", "kernel"}, SPACE, "** 3", "** 2"),
    "biased: no 2": of_lesson("biased_kernel_distance", "- 2 * kernel", "- kernel"),
    "biased: sums": of_lesson("biased_kernel_distance", "kernel(x, x).mean()", "kernel(x, x).sum() / len(x)"),
    "library kernel: no 1": Mutant(
        proves_the_kernel_distance_unbiased, KD, "a @ b.T / a.shape[1] + 1", "a @ b.T / a.shape[1]"
    ),
    "library kernel: one degree more": Mutant(
        proves_the_kernel_distance_unbiased, KD, "range(degree - 1)", "range(2 + 1)"
    ),
    "standard error: no 2": of_lesson("kernel_standard_error", "return 2 * ", "return "),
    "standard error: sizes swapped": of_lesson(
        "kernel_standard_error", "witness_x.var(ddof=1) / len(x)", "witness_x.var(ddof=1) / len(y)"
    ),
    "standard error: across forgotten": of_lesson("kernel_standard_error", " - across.mean(axis=1)", ""),
    "sigma points: too near": of_lesson("sigma_points", "np.sqrt(F.shape[1]) * ", ""),
    "sigma points: rows of the factor": of_lesson("sigma_points", "* F.T", "* F"),
    "sigma points: one side": of_lesson("sigma_points", "mean - steps", "mean + steps"),
    "neighbours: the point itself": LessonMutant(
        proves_precision_and_recall, LESSON, {"precision_recall", "reach"}, SPACE, "[:, k]  #", "[:, k - 1]  #"
    ),
    "precision: balls of the samples": of_lesson(
        "precision_recall", "reach(real, k)).any(axis=1)", "reach(fake, k)[:, None]).any(axis=1)"
    ),
    "precision: all balls": of_lesson("precision_recall", "any(axis=1)", "all(axis=1)"),
    "recall: balls of the data": of_lesson("precision_recall", "reach(fake, k)[:, None]", "reach(real, k)"),
    "density: not over k": of_lesson("density_coverage", "mean() / k", "mean()"),
    "coverage: of the samples": of_lesson("density_coverage", "any(axis=0)", "any(axis=1)"),
    "expected coverage: its complement": of_lesson("expected_coverage", "1 - np.prod", "np.prod"),
    "expected coverage: with itself": of_lesson("expected_coverage", "np.arange(1, k + 1)", "np.arange(0, k)"),
    "closer: ties lost": of_lesson("closer", '("left", "right")', '("right", "right")', proof=closer_of),
    "closer: the other way": of_lesson("closer", "1 - (below", "(below", proof=closer_of),
    "closer: no half": of_lesson("closer", "(2 * len(ordered))", "len(ordered)", proof=closer_of),
    "library closer: ties lost": Mutant(closer_in_library, metrics.memorisation, "farther + equal / 2", "farther"),
    "library closer: the other way": Mutant(
        closer_in_library, metrics.memorisation, "farther = len(known) - np.searchsorted", "farther = np.searchsorted"
    ),
    "closer's error: variance": of_lesson("closer_error", "np.sqrt(", "("),
    "closer's error: independent pairs": of_lesson("closer_error", "(n + m + 1) / (12 * n * m)", "1 / (4 * n * m)"),
    "Inception score: no exponential": of_lesson("inception_score", "np.exp(", "("),
    "Inception score: sum over samples": of_lesson("inception_score", "axis=1).mean()", "axis=1).sum()"),
    "Inception score: marginal of each": of_lesson(
        "inception_score", "probabilities.mean(axis=0)", "probabilities.mean()"
    ),
    "seeds: one model only": of_lesson("seeds_needed", "2 * errors**2", "errors**2"),
    "seeds: not squared": of_lesson("seeds_needed", "difference**2", "difference"),
    "seeds: samples forgotten": of_lesson("seeds_needed", "sampling_std**2 / n", "sampling_std**2"),
    "roughness: no square": of_lesson("roughness", "laplacian**2", "np.abs(laplacian)"),
    "roughness: one neighbour missing": of_lesson("roughness", " - x[:, 1:-1, 2:]", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTANTS)
def test_the_proof_notices(name):
    MUTANTS[name].is_killed()
