"""The derivations of lesson 01, each proved against something independent, and the proofs proved by mutants."""

import numpy as np
import pytest
from lesson_code import definitions
from mutation import LessonMutant, Mutant
from scipy import integrate, stats
from scipy.optimize import linprog, minimize_scalar

from course_lib import divergences

LESSON = "01_distributions"
SPACE = {"np": np, "linprog": linprog, "D": 784, "x_line": np.linspace(-20, 20, 8001)}
LINE = np.linspace(-20, 20, 8001)


def random_tables(n, seed=0, outcomes=5):
    return np.random.default_rng(seed).dirichlet(np.full(outcomes, 0.6), size=(n, 2))


# --- Entropy -------------------------------------------------------------------------------------


def proves_entropy_is_the_length_of_a_code(entropy):
    words = {"0": 1 / 2, "10": 1 / 4, "110": 1 / 8, "111": 1 / 8}
    assert np.isclose(entropy(list(words.values())) / np.log(2), sum(p * len(w) for w, p in words.items()))
    assert np.isclose(entropy([0.25] * 4), 2 * np.log(2)) and entropy([1.0, 0.0]) == 0
    for p, q in random_tables(50):
        assert entropy(p) <= np.log(len(p)) and np.isclose(entropy(p), stats.entropy(p))
        assert np.isclose(entropy(np.outer(p, q).ravel()), entropy(p) + entropy(q))  # independent parts add


def proves_entropy_of_a_gaussian_equals_quadrature(entropy):
    for std in (2.0, 0.242, 0.05):
        p = stats.norm(0, std)
        by_area = integrate.quad(lambda x, p=p: -p.pdf(x) * p.logpdf(x), -9 * std, 9 * std)
        assert np.isclose(entropy([[std**2]]), by_area[0], atol=1e-7)
    assert entropy([[0.01]]) < 0
    cov, factor = np.array([[2.0, 0.9], [0.9, 1.0]]), np.array([[0.5, 1.0], [-2.0, 0.3]])
    parts = [entropy([[v]]) for v in np.linalg.eigvalsh(cov)]
    assert np.isclose(entropy(cov), sum(parts))
    assert np.isclose(entropy(factor @ cov @ factor.T) - entropy(cov), np.log(abs(np.linalg.det(factor))))  # the unit


def proves_dequantisation_understates(scores):
    """``scores(density)`` gives the mean log-density and ln P of each cell [u, u + 1), u = 0 ... 255."""
    points = (np.arange(256 * 400) + 0.5) / 400
    for p in (stats.norm(100, 40), stats.norm(3.2, 5), stats.laplace(60, 30)):
        score, log_p = scores(p.pdf(points))
        u = np.array([4, 60, 100, 130] if p.args[0] > 50 else [1, 4, 9])
        assert np.allclose(log_p[u], np.log(p.cdf(u + 1) - p.cdf(u)), atol=1e-4)
        assert np.allclose(score[u], [integrate.quad(p.logpdf, v, v + 1, points=[v + 0.5])[0] for v in u], atol=1e-4)
        assert (score <= log_p + 1e-9).all() and (log_p <= 1e-9).all()
    level, same = scores(np.full(256 * 4, 1 / 256))  # equality where the density is level
    assert np.allclose(level, -np.log(256)) and np.allclose(level, same)


def proves_bits_per_pixel(bits_per_pixel):
    """A uniform model over 256 values needs 8 bits for each pixel, whatever the size of the picture."""
    for pixels in (784, 12):
        assert np.isclose(bits_per_pixel(np.full(3, -pixels * np.log(256)), pixels), 8)
        assert np.isclose(bits_per_pixel(np.array([-pixels * np.log(2), -3 * pixels * np.log(2)]), pixels), 2)


# --- Kullback-Leibler ----------------------------------------------------------------------------


def proves_gibbs_inequality(kl):
    for p, q in random_tables(300):
        assert kl(p, q) > 0 and np.isclose(kl(p, q), stats.entropy(p, q)) and kl(p, p) == 0
    assert kl([1.0, 0.0], [0.0, 1.0]) == np.inf and np.isclose(kl([1.0, 0.0], [0.5, 0.5]), np.log(2))
    a, b, c = [0.5, 0.5], [0.9, 0.1], [0.99, 0.01]
    assert kl(a, c) > kl(a, b) + kl(b, c) and not np.isclose(kl(a, b), kl(b, a))


def proves_kl_of_gaussians(kl):
    """``kl(m1, s1, m2, s2)`` against quadrature, and against Monte Carlo within four standard errors."""
    for m1, s1, m2, s2 in [(0.5, 0.8, -0.4, 1.3), (0, 1, 0, 2), (1, 2, -1, 0.7)]:
        p, q = stats.norm(m1, s1), stats.norm(m2, s2)
        low, high = m1 - 12 * s1, m1 + 12 * s1
        exact = integrate.quad(lambda x, p=p, q=q: p.pdf(x) * (p.logpdf(x) - q.logpdf(x)), low, high)[0]
        assert np.isclose(kl(m1, s1, m2, s2), exact, atol=1e-8)
    x = np.random.default_rng(0).normal(0.5, 0.8, 50_000)
    terms = stats.norm.logpdf(x, 0.5, 0.8) - stats.norm.logpdf(x, -0.4, 1.3)
    assert abs(terms.mean() - kl(0.5, 0.8, -0.4, 1.3)) < 4 * terms.std() / np.sqrt(len(x))


def matrices(kl):
    return lambda m1, s1, m2, s2: kl([m1], [[s1**2]], [m2], [[s2**2]])


def proves_kl_of_gaussians_full(kl):
    proves_kl_of_gaussians(matrices(kl))
    cov = np.array([[2.0, 0.9], [0.9, 1.0]])
    turn = np.linalg.eigh(cov)[1]  # in its own axes the coordinates are independent, so their divergences add
    mean = np.array([0.3, -0.7])
    parts = [kl([m], [[v]], [0.0], [[1.5]]) for m, v in zip(turn.T @ mean, np.linalg.eigvalsh(cov), strict=True)]
    assert np.isclose(kl(mean, cov, np.zeros(2), 1.5 * np.eye(2)), sum(parts))


def two_bumps(x):
    return 0.5 * stats.norm.pdf(x, -3, 0.7) + 0.5 * stats.norm.pdf(x, 3, 0.7)


def proves_likelihood_is_entropy_plus_kl(kl_densities):
    """The negative log-likelihood of N(0, s²) under two bumps is a quadratic with known moments: no integral needed."""
    p = two_bumps(LINE)
    floor = integrate.quad(lambda x: -two_bumps(x) * np.log(two_bumps(x)), -12, 12, points=[-3, 3])[0]
    for s in (1.6, 2.2, 3.08, 4.0):
        nll = 0.5 * np.log(2 * np.pi * s**2) + 9.49 / (2 * s**2)
        assert np.isclose(nll, floor + kl_densities(LINE, p, stats.norm.pdf(LINE, 0, s)), atol=2e-5)


def proves_gaussian_maximum_likelihood(lesson):
    fit, log_density = lesson["gaussian_fit"], lesson["gaussian_log_density"]
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 3)) @ rng.standard_normal((3, 3)) + rng.exponential(size=(60, 3))
    mean, cov = fit(x)
    assert np.allclose(log_density(x, mean, cov), stats.multivariate_normal(mean, cov).logpdf(x))
    best = log_density(x, mean, cov).mean()
    assert np.isclose(best, -divergences.entropy_gaussian(cov))
    for _ in range(50):
        push = np.eye(3) + 0.1 * rng.standard_normal((3, 3))
        other = mean + 0.1 * rng.standard_normal(3), push @ cov @ push.T
        loss = best - stats.multivariate_normal(*other).logpdf(x).mean()
        assert loss > 0 and np.isclose(loss, divergences.kl_gaussians(mean, cov, *other))


def proves_pca_sampler(lesson):
    """The map is linear, so its effect on the unit vectors gives the covariance of the samples exactly."""
    rng = np.random.default_rng(0)
    factor = rng.standard_normal((5, 5))
    mean, cov = rng.standard_normal(5), factor @ factor.T
    values, vectors = np.linalg.eigh(cov)
    for k in (5, 2):
        model = lesson["pca"](mean, cov, k)
        moved = lesson["sample_pca"](model, np.eye(k)) - mean
        largest = (vectors[:, -k:] * values[-k:]) @ vectors[:, -k:].T
        assert np.allclose(moved.T @ moved, largest)
        assert np.allclose(lesson["sample_pca"](model, np.zeros((2, k))), mean)


def proves_pca_keeps_the_most_variance(lesson):
    """No k orthonormal directions hold more variance than the first k components."""
    rng = np.random.default_rng(1)
    factor = rng.standard_normal((5, 5))
    cov = factor @ factor.T
    for k in (1, 3):
        _, stds, directions = lesson["pca"](np.zeros(5), cov, k)
        assert np.allclose(directions.T @ directions, np.eye(k))
        kept = np.trace(directions.T @ cov @ directions)
        assert np.isclose(kept, np.sum(stds**2)) and np.isclose(kept, np.sort(np.linalg.eigvalsh(cov))[-k:].sum())
        others = (np.linalg.qr(rng.standard_normal((5, k)))[0] for _ in range(200))
        assert max(np.trace(w.T @ cov @ w) for w in others) <= kept


# --- The other divergences -----------------------------------------------------------------------


def proves_forward_covers_and_reverse_seeks(kl_densities):
    """Forward KL is least at the moments of p; reverse KL is least near one bump, at about ln 2."""
    p = two_bumps(LINE)

    def divergence(mean, std, forward):
        q = stats.norm.pdf(LINE, mean, std)
        return kl_densities(LINE, p, q) if forward else kl_densities(LINE, q, p)

    width = minimize_scalar(lambda s: divergence(0, s, True), bounds=(2, 4), method="bounded")
    assert np.isclose(width.x, np.sqrt(9 + 0.49), atol=1e-3)
    assert width.fun < divergence(0.2, width.x, True)
    place = minimize_scalar(lambda m: divergence(m, 0.7, False), bounds=(0.5, 6), method="bounded")
    assert np.isclose(place.x, 3, atol=0.01) and np.isclose(place.fun, np.log(2), atol=1e-3)
    assert place.fun < divergence(0, width.x, False)


def proves_js_bounds_and_meaning(js):
    for p, q in random_tables(100):
        joint = np.stack([p, q]) / 2
        information = stats.entropy(joint.ravel(), np.outer([0.5, 0.5], joint.sum(0)).ravel())
        assert np.isclose(js(p, q), information) and np.isclose(js(p, q), js(q, p)) and 0 <= js(p, q) <= np.log(2)
    assert np.isclose(js([0.5, 0.5, 0, 0], [0, 0, 0.3, 0.7]), np.log(2)) and js([0.4, 0.6], [0.4, 0.6]) == 0


def proves_label_information(information):
    """The mutual information of coin and draw, against entropies: H(coin) + H(draw) − H(both)."""
    for p, q in random_tables(50):
        both = stats.entropy(np.concatenate([p, q]) / 2)
        assert np.isclose(information(p, q), np.log(2) + stats.entropy((p + q) / 2) - both)


def proves_tv_is_the_best_judge_and_pinsker(tv):
    for p, q in random_tables(100, outcomes=4):
        answers = [[(k >> i) & 1 for i in range(4)] for k in range(16)]  # every deterministic judge: says real where 1
        best = max((np.dot(says, p) + np.dot(1 - np.array(says), q)) / 2 for says in answers)
        assert np.isclose(best, (1 + tv(p, q)) / 2)
        assert tv(p, q) <= np.sqrt(stats.entropy(p, q) / 2)
    close = stats.entropy([0.5, 0.5], [0.501, 0.499]) / (2 * tv([0.5, 0.5], [0.501, 0.499]) ** 2)
    assert np.isclose(close, 1, atol=1e-4)
    assert np.isclose(tv([1, 0], [0, 1]), 1)


def cheapest_plan(x, y):
    """W₁ of two samples by linear programming over all plans."""
    n, m = len(x), len(y)
    equal = np.concatenate([np.kron(np.eye(n), np.ones(m)), np.kron(np.ones(n), np.eye(m))])
    shares = np.concatenate([np.full(n, 1 / n), np.full(m, 1 / m)])
    return linprog(np.abs(np.subtract.outer(x, y)).ravel(), A_eq=equal, b_eq=shares).fun


def proves_w1_is_the_cheapest_plan(w1):
    rng = np.random.default_rng(0)
    for _ in range(5):
        x, y = rng.normal(0, 1, 7), rng.normal(1.0, 2, 7)
        assert np.isclose(w1(x, y), cheapest_plan(x, y))
    assert np.isclose(w1(np.array([0.0, 1.0]), np.array([3.0, 2.0])), 2)


def proves_w1_of_unequal_samples(w1):
    proves_w1_is_the_cheapest_plan(w1)
    rng = np.random.default_rng(1)
    x, y = rng.normal(0, 1, 5), rng.normal(0.5, 1, 8)
    assert np.isclose(w1(x, y), cheapest_plan(x, y))


def proves_w1_program(w1):
    proves_w1_of_unequal_samples(lambda x, y: w1(x, y))
    assert np.isclose(w1(np.array([0.0, 1.0, 5.0]), np.array([5.0, 0.0, 1.0])), 0)


def bump(x, centre):
    u = np.clip((x - centre) / 0.8, -1, 1)
    return (1 + np.cos(np.pi * u)) / 1.6


def proves_only_w1_sees_how_far(measures):
    """``measures`` (js, tv, w1) of densities: two plateaus with slope 0, and a line with slope 1."""
    places = (2.0, 3.0, 3.02, 6.0)
    at = {t: np.array([measure(LINE, bump(LINE, 0), bump(LINE, t)) for measure in measures]) for t in places}

    for t in (2.0, 3.0, 6.0):
        assert np.allclose(at[t], [np.log(2), 1, t], atol=1e-6)
    assert np.allclose((at[3.02] - at[3.0]) / 0.02, [0, 0, 1], atol=1e-4)


def proves_js_plateau(js):
    proves_only_w1_sees_how_far((js, divergences.tv_densities, divergences.wasserstein_densities))


def proves_tv_plateau(tv):
    proves_only_w1_sees_how_far((divergences.js_densities, tv, divergences.wasserstein_densities))


def proves_w1_line(w1):
    proves_only_w1_sees_how_far((divergences.js_densities, divergences.tv_densities, w1))
    q = stats.norm.pdf(LINE, 0.5, 2)
    area = integrate.quad(lambda t: abs(stats.norm.cdf(t) - stats.norm.cdf(t, 0.5, 2)), -15, 15, points=[-0.5])[0]
    assert np.isclose(w1(LINE, stats.norm.pdf(LINE), q), area, atol=1e-5)


# --- The proofs hold: for the library, and for the lesson's own definitions -----------------------

LIBRARY = [
    (proves_entropy_is_the_length_of_a_code, divergences.entropy_discrete),
    (proves_entropy_of_a_gaussian_equals_quadrature, divergences.entropy_gaussian),
    (proves_gibbs_inequality, divergences.kl_discrete),
    (proves_kl_of_gaussians_full, divergences.kl_gaussians),
    (proves_likelihood_is_entropy_plus_kl, divergences.kl_densities),
    (proves_forward_covers_and_reverse_seeks, divergences.kl_densities),
    (proves_js_bounds_and_meaning, divergences.js_discrete),
    (proves_tv_is_the_best_judge_and_pinsker, divergences.tv_discrete),
    (proves_w1_of_unequal_samples, divergences.wasserstein_1d),
    (proves_js_plateau, divergences.js_densities),
    (proves_tv_plateau, divergences.tv_densities),
    (proves_w1_line, divergences.wasserstein_densities),
]
OF_LESSON = [
    (proves_entropy_is_the_length_of_a_code, "entropy"),
    (proves_entropy_of_a_gaussian_equals_quadrature, "gaussian_entropy"),
    (proves_dequantisation_understates, "cell_scores"),
    (proves_bits_per_pixel, "bits_per_pixel"),
    (proves_gibbs_inequality, "kl"),
    (proves_kl_of_gaussians, "kl_of_gaussians"),
    (proves_js_bounds_and_meaning, "js"),
    (proves_label_information, "label_information"),
    (proves_tv_is_the_best_judge_and_pinsker, "tv"),
    (proves_w1_is_the_cheapest_plan, "w1_by_sorting"),
    (proves_w1_of_unequal_samples, "w1_by_cdf"),
    (proves_w1_program, "w1_by_program"),
]
GAUSSIAN, PCA = {"gaussian_fit", "gaussian_log_density"}, {"pca", "sample_pca"}


@pytest.fixture(scope="module")
def lesson():
    return definitions(LESSON, {name for _, name in OF_LESSON} | GAUSSIAN | PCA | {"normal", "integral"}, SPACE)


@pytest.mark.parametrize(("proof", "formula"), LIBRARY, ids=lambda part: getattr(part, "__name__", ""))
def test_of_the_library(proof, formula):
    proof(formula)


@pytest.mark.parametrize(("proof", "name"), OF_LESSON, ids=[name for _, name in OF_LESSON])
def test_of_the_lesson(proof, name, lesson):
    proof(lesson[name])


def test_maximum_likelihood_and_pca_of_the_lesson(lesson):
    proves_gaussian_maximum_likelihood(lesson)
    proves_pca_sampler(lesson)
    proves_pca_keeps_the_most_variance(lesson)


def test_lesson_and_library_agree(lesson):
    for p, q in random_tables(20, seed=3):
        assert np.isclose(lesson["entropy"](p), divergences.entropy_discrete(p))
        assert np.isclose(lesson["kl"](p, q), divergences.kl_discrete(p, q))
        assert np.isclose(lesson["js"](p, q), divergences.js_discrete(p, q))
        assert np.isclose(lesson["label_information"](p, q), divergences.mutual_information(np.stack([p, q]) / 2))
        assert np.isclose(lesson["tv"](p, q), divergences.tv_discrete(p, q))
    assert np.isclose(lesson["gaussian_entropy"]([[0.3]]), divergences.entropy_gaussian([[0.3]]))
    assert np.isclose(lesson["kl_of_gaussians"](1, 2, 0, 1), divergences.kl_gaussians([1], [[4]], [0], [[1]]))
    x, y = np.random.default_rng(2).normal(size=(2, 30))
    assert np.isclose(lesson["w1_by_sorting"](x, y), divergences.wasserstein_1d(x, y))
    p, q = lesson["normal"](LINE, 0, 1), lesson["normal"](LINE, 1, 1)
    assert np.isclose(lesson["integral"](p * np.log(p / q), LINE), divergences.kl_densities(LINE, p, q), atol=1e-9)


def of_lesson(proof, name, old, new, needs=()):
    """A mutant of one function of the lesson, whose proof takes that function."""
    return LessonMutant(lambda space: proof(space[name]), LESSON, {name, *needs}, SPACE, old, new)


MUTANTS = {
    "entropy in bits": of_lesson(proves_entropy_is_the_length_of_a_code, "entropy", "np.log(p)", "np.log2(p)"),
    "entropy as a mean": of_lesson(proves_entropy_is_the_length_of_a_code, "entropy", "-np.sum(", "-np.mean("),
    "entropy without its sign": Mutant(
        proves_entropy_is_the_length_of_a_code, divergences.entropy_discrete, "float(entr", "float(-entr"
    ),
    "Gaussian entropy without e": of_lesson(
        proves_entropy_of_a_gaussian_equals_quadrature, "gaussian_entropy", "2 * np.pi * np.e * np", "2 * np.pi * np"
    ),
    "Gaussian entropy without the half": of_lesson(
        proves_entropy_of_a_gaussian_equals_quadrature, "gaussian_entropy", "0.5 * ", "1.0 * "
    ),
    "Gaussian entropy of the library with a half too many": Mutant(
        proves_entropy_of_a_gaussian_equals_quadrature,
        divergences.entropy_gaussian,
        "np.sum(np.log",
        "0.5 * np.sum(np.log",
    ),
    "dequantised score as the log of a mean": of_lesson(
        proves_dequantisation_understates, "cell_scores", "np.log(cells).mean(axis=1)", "np.log(cells.max(axis=1))"
    ),
    "dequantisation over the wrong axis": of_lesson(
        proves_dequantisation_understates, "cell_scores", "reshape(256, -1)", "reshape(-1, 256).T"
    ),
    "probability of a cell as a sum": of_lesson(
        proves_dequantisation_understates, "cell_scores", "cells.mean(axis=1))", "cells.sum(axis=1))"
    ),
    "bits per picture": of_lesson(proves_bits_per_pixel, "bits_per_pixel", "pixels * np.log(2)", "np.log(2)"),
    "nats called bits": of_lesson(proves_bits_per_pixel, "bits_per_pixel", "pixels * np.log(2)", "pixels"),
    "KL upside down": of_lesson(proves_gibbs_inequality, "kl", "p[p > 0] / q[p > 0]", "q[p > 0] / p[p > 0]"),
    "KL weighted by q": of_lesson(proves_gibbs_inequality, "kl", "p[p > 0] * np", "q[p > 0] * np"),
    "KL of the library with swapped arguments": Mutant(
        proves_gibbs_inequality, divergences.kl_discrete, "rel_entr(p, q)", "rel_entr(q, p)"
    ),
    "Gaussian KL without its half": of_lesson(proves_kl_of_gaussians, "kl_of_gaussians", " - 0.5", " - 1.0"),
    "Gaussian KL with the ratio inverted": of_lesson(
        proves_kl_of_gaussians, "kl_of_gaussians", "std_2 / std_1", "std_1 / std_2"
    ),
    "Gaussian KL with std for variance": of_lesson(proves_kl_of_gaussians, "kl_of_gaussians", "std_1**2", "std_1"),
    "full Gaussian KL without the half": Mutant(
        proves_kl_of_gaussians_full, divergences.kl_gaussians, "0.5 * (trace", "1.0 * (trace"
    ),
    "full Gaussian KL with the wrong factor whitened": Mutant(
        proves_kl_of_gaussians_full,
        divergences.kl_gaussians,
        "solve_triangular(root_q, root_p,",
        "solve_triangular(root_p, root_q,",
    ),
    "likelihood with the KL reversed": Mutant(
        proves_likelihood_is_entropy_plus_kl, divergences.kl_densities, "*_masses(x, p, q)", "*_masses(x, q, p)"
    ),
    "likelihood with one-sided widths": Mutant(
        proves_likelihood_is_entropy_plus_kl,
        divergences.kl_densities,
        "rel_entr(p, q).sum()",
        "rel_entr(p, q).mean()",
        divergences.kl_discrete,
    ),
    "covering with the KL reversed": Mutant(
        proves_forward_covers_and_reverse_seeks, divergences.kl_densities, "*_masses(x, p, q)", "*_masses(x, q, p)"
    ),
    "covering in bits": Mutant(
        proves_forward_covers_and_reverse_seeks,
        divergences.kl_densities,
        "kl_discrete(*_masses(x, p, q))",
        "kl_discrete(*_masses(x, p, q)) / np.log(2)",
    ),
    "covariance with n − 1": LessonMutant(
        proves_gaussian_maximum_likelihood, LESSON, GAUSSIAN, SPACE, "/ len(x)", "/ (len(x) - 1)"
    ),
    "covariance not centred": LessonMutant(
        proves_gaussian_maximum_likelihood, LESSON, GAUSSIAN, SPACE, "centred = x - mean", "centred = x"
    ),
    "mean over the wrong axis": LessonMutant(
        proves_gaussian_maximum_likelihood,
        LESSON,
        GAUSSIAN,
        SPACE,
        "mean = x.mean(axis=0)",
        "mean = np.full(x.shape[1], x.mean())",
    ),
    "half the log-determinant": LessonMutant(
        proves_gaussian_maximum_likelihood, LESSON, GAUSSIAN, SPACE, "- np.log(np.diag", "- 0.5 * np.log(np.diag"
    ),
    "PCA scaled by the variance": LessonMutant(
        proves_pca_sampler, LESSON, PCA, SPACE, "np.sqrt(np.maximum(values, 0))", "np.maximum(values, 0)"
    ),
    "PCA with the smallest components": LessonMutant(
        proves_pca_sampler,
        LESSON,
        PCA,
        SPACE,
        "values[::-1][:k], vectors[:, ::-1][:, :k]",
        "values[:k], vectors[:, :k]",
    ),
    "PCA with rows for columns": LessonMutant(
        proves_pca_sampler, LESSON, PCA, SPACE, "vectors[:, ::-1][:, :k]", "vectors[::-1].T[:, :k]"
    ),
    "most variance from the smallest components": LessonMutant(
        proves_pca_keeps_the_most_variance,
        LESSON,
        PCA,
        SPACE,
        "values[::-1][:k], vectors[:, ::-1][:, :k]",
        "values[:k], vectors[:, :k]",
    ),
    "most variance from rows": LessonMutant(
        proves_pca_keeps_the_most_variance, LESSON, PCA, SPACE, "vectors[:, ::-1][:, :k]", "vectors.T[:, ::-1][:, :k]"
    ),
    "JS without its half": of_lesson(
        proves_js_bounds_and_meaning, "js", "0.5 * kl(p, middle) + 0.5 * kl", "kl(p, middle) + kl", {"kl"}
    ),
    "JS with the wrong middle": of_lesson(
        proves_js_bounds_and_meaning, "js", "np.asarray(q)) / 2", "np.asarray(q)) / 1", {"kl"}
    ),
    "JS of the library to one side": Mutant(
        proves_js_bounds_and_meaning, divergences.js_discrete, "rel_entr(q, middle)", "rel_entr(p, middle)"
    ),
    "information without the fair coin": of_lesson(
        proves_label_information, "label_information", "np.asarray(q)]) / 2", "np.asarray(q)])", {"kl"}
    ),
    "information reversed": of_lesson(
        proves_label_information,
        "label_information",
        "kl(joint.reshape(-1), product.reshape(-1))",
        "kl(product.reshape(-1), joint.reshape(-1))",
        {"kl"},
    ),
    "TV without its half": of_lesson(proves_tv_is_the_best_judge_and_pinsker, "tv", "0.5 * ", "1.0 * "),
    "TV of the library squared": Mutant(
        proves_tv_is_the_best_judge_and_pinsker, divergences.tv_discrete, "np.abs(p - q).sum()", "((p - q) ** 2).sum()"
    ),
    "W1 without sorting": of_lesson(
        proves_w1_is_the_cheapest_plan, "w1_by_sorting", "np.sort(x) - np.sort(y)", "x - y"
    ),
    "W1 as a sum": of_lesson(proves_w1_is_the_cheapest_plan, "w1_by_sorting", "np.mean(", "np.sum("),
    "W1 of CDFs without widths": of_lesson(proves_w1_of_unequal_samples, "w1_by_cdf", " * np.diff(cuts)", ""),
    "W1 of CDFs signed": of_lesson(
        proves_w1_of_unequal_samples, "w1_by_cdf", "np.abs(share_x - share_y)", "(share_x - share_y)"
    ),
    "program with squared cost": of_lesson(
        proves_w1_program, "w1_by_program", "np.abs(x[:, None] - y[None, :])", "((x[:, None] - y[None, :]) ** 2)"
    ),
    "program with half of the sand": of_lesson(
        proves_w1_program,
        "w1_by_program",
        "np.full(n, 1 / n), np.full(m, 1 / m)",
        "np.full(n, 0.5 / n), np.full(m, 0.5 / m)",
    ),
    "plateau without the half": Mutant(
        proves_js_plateau, divergences.js_densities, "0.5 * (rel_entr", "1.0 * (rel_entr", divergences.js_discrete
    ),
    "plateau in bits": Mutant(
        proves_js_plateau,
        divergences.js_densities,
        "js_discrete(*_masses(x, p, q))",
        "js_discrete(*_masses(x, p, q)) / np.log(2)",
    ),
    "TV plateau at two": Mutant(
        proves_tv_plateau, divergences.tv_densities, "0.5 * np.abs", "1.0 * np.abs", divergences.tv_discrete
    ),
    "TV as the larger difference": Mutant(
        proves_tv_plateau,
        divergences.tv_densities,
        "np.abs(p - q).sum()",
        "np.abs(p - q).max()",
        divergences.tv_discrete,
    ),
    "W1 without the cumulative sum": Mutant(
        proves_w1_line, divergences.wasserstein_densities, "np.cumsum(p - q)[:-1]", "(p - q)[:-1]"
    ),
    "W1 in steps instead of units": Mutant(proves_w1_line, divergences.wasserstein_densities, " * np.diff(x)", ""),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_proof_notices(name):
    MUTANTS[name].is_killed()
