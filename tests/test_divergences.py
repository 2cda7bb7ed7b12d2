import numpy as np
import pytest
from scipy import integrate, linalg, stats

from course_lib import divergences as dv


def random_covariance(rng, d, rank=None):
    factor = rng.standard_normal((d, rank or d))
    return factor @ factor.T


def ring(modes, copies=1):
    angles = 2 * np.pi * np.asarray(modes) / 8
    return np.tile(np.stack([np.cos(angles), np.sin(angles)], axis=1), (copies, 1))


class TestKLOfGaussians:
    def test_agrees_with_quadrature(self):
        p, q = stats.norm(0.3, 0.7), stats.norm(-0.5, 1.2)
        exact, _ = integrate.quad(lambda x: p.pdf(x) * (p.logpdf(x) - q.logpdf(x)), -8, 8)
        assert dv.kl_gaussians([0.3], [[0.49]], [-0.5], [[1.44]]) == pytest.approx(exact, abs=1e-10)

    def test_agrees_with_monte_carlo(self):
        rng = np.random.default_rng(0)
        mean_p, mean_q = rng.standard_normal((2, 3))
        cov_p, cov_q = random_covariance(rng, 3) + np.eye(3), random_covariance(rng, 3) + np.eye(3)
        x = rng.multivariate_normal(mean_p, cov_p, 200_000)
        ratio = stats.multivariate_normal(mean_p, cov_p).logpdf(x) - stats.multivariate_normal(mean_q, cov_q).logpdf(x)
        error = abs(dv.kl_gaussians(mean_p, cov_p, mean_q, cov_q) - ratio.mean())
        assert error < 4 * ratio.std() / np.sqrt(len(x))

    def test_is_zero_for_equal_and_unchanged_by_an_affine_map(self):
        rng = np.random.default_rng(1)
        mean_p, mean_q = rng.standard_normal((2, 4))
        cov_p, cov_q = random_covariance(rng, 4), random_covariance(rng, 4)
        assert dv.kl_gaussians(mean_p, cov_p, mean_p, cov_p) == pytest.approx(0, abs=1e-10)
        a = rng.standard_normal((4, 4))
        moved = dv.kl_gaussians(a @ mean_p + 1, a @ cov_p @ a.T, a @ mean_q + 1, a @ cov_q @ a.T)
        assert moved == pytest.approx(dv.kl_gaussians(mean_p, cov_p, mean_q, cov_q), rel=1e-6)

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            ({"mean_q": [0.0, 0.0, 0.0]}, "mean_q: expected shape"),
            ({"cov_p": np.eye(3)}, "cov_p: expected shape"),
            ({"cov_p": [[1.0, 0.5], [0.0, 1.0]]}, "cov_p: expected a symmetric"),
            ({"cov_q": np.zeros((2, 2))}, "cov_q: expected a positive definite"),
            ({"cov_q": np.diag([1.0, -1.0])}, "cov_q: expected a positive definite"),
            ({"mean_p": [0.0, np.nan]}, "mean_p: expected finite"),
        ],
    )
    def test_bad_input_is_refused(self, changed, message):
        good = {"mean_p": np.zeros(2), "cov_p": np.eye(2), "mean_q": np.zeros(2), "cov_q": np.eye(2)}
        with pytest.raises(ValueError, match=message):
            dv.kl_gaussians(**(good | changed))


class TestKLToStandardNormal:
    def test_is_the_diagonal_case_of_the_general_formula(self):
        rng = np.random.default_rng(2)
        mean, logvar = rng.standard_normal((2, 5, 3))
        general = [
            dv.kl_gaussians(m, np.diag(np.exp(s)), np.zeros(3), np.eye(3)) for m, s in zip(mean, logvar, strict=True)
        ]
        np.testing.assert_allclose(dv.kl_to_standard_normal(mean, logvar), general, rtol=1e-12)

    def test_keeps_its_digits_close_to_the_prior(self):
        # ½(e^s − 1 − s) = s²/4 + s³/12 + ...: the plain expression loses every digit at s = 1e-8.
        assert dv.kl_to_standard_normal([[0.0]], [[1e-8]])[0] == pytest.approx(0.25e-16, rel=1e-3, abs=0)

    def test_tensors_in_a_graph_have_the_value_and_the_gradient_of_the_formula(self):
        import tensorflow as tf

        rng = np.random.default_rng(3)
        mean, logvar = rng.standard_normal((2, 4, 3)).astype("float32")
        spec = tf.TensorSpec((None, 3))

        @tf.function(input_signature=[spec, spec])
        def kl_and_gradients(m, s):
            kl = dv.kl_to_standard_normal(m, s)
            return kl, *tf.gradients(kl, [m, s])

        kl, by_mean, by_logvar = kl_and_gradients(mean, logvar)
        np.testing.assert_allclose(kl, dv.kl_to_standard_normal(mean, logvar), rtol=1e-5)
        np.testing.assert_allclose(by_mean, mean, rtol=1e-6)
        np.testing.assert_allclose(by_logvar, 0.5 * (np.exp(logvar) - 1), rtol=1e-4, atol=1e-6)

    def test_symbolic_keras_tensors_and_mixed_arguments_work(self):
        import keras
        import tensorflow as tf

        inputs = keras.Input((3,))
        assert dv.kl_to_standard_normal(inputs, inputs).shape == (None,)
        mixed = dv.kl_to_standard_normal(tf.ones((2, 3)), np.zeros((2, 3), "float32"))
        np.testing.assert_allclose(mixed, [1.5, 1.5])

    @pytest.mark.parametrize("shape", [(4, 2), (1, 3), (3,)])
    def test_different_shapes_are_refused_instead_of_broadcast(self, shape):
        import tensorflow as tf

        for make in (np.zeros, tf.zeros):
            with pytest.raises(ValueError, match="logvar: expected shape"):
                dv.kl_to_standard_normal(make((4, 3)), make(shape))

    def test_arrays_do_not_import_tensorflow(self):
        import subprocess
        import sys

        code = (
            "import sys, course_lib.divergences as d, course_lib.metrics, course_lib.latent;"
            "d.kl_to_standard_normal([[0.]], [[0.]]);"
            "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
        )
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class TestFrechet:
    def test_equal_is_zero_and_a_shift_costs_its_square(self):
        rng = np.random.default_rng(4)
        cov = random_covariance(rng, 6)
        shift = rng.standard_normal(6)
        assert dv.frechet_gaussians(shift, cov, shift, cov) == pytest.approx(0, abs=1e-12)
        assert dv.frechet_gaussians(shift, cov, 0 * shift, cov) == pytest.approx(shift @ shift, rel=1e-12)

    def test_commuting_covariances_have_a_closed_form(self):
        a, b = np.array([4.0, 1.0, 0.25]), np.array([1.0, 9.0, 0.0])
        rotation = stats.ortho_group.rvs(3, random_state=5)
        result = dv.frechet_gaussians(
            np.zeros(3), rotation @ np.diag(a) @ rotation.T, np.zeros(3), rotation @ np.diag(b) @ rotation.T
        )
        assert result == pytest.approx(np.sum((np.sqrt(a) - np.sqrt(b)) ** 2), abs=1e-12)

    def test_agrees_with_the_matrix_square_root_formula(self):
        rng = np.random.default_rng(6)
        a, b = random_covariance(rng, 8) + np.eye(8), random_covariance(rng, 8) + np.eye(8)
        mean = rng.standard_normal(8)
        expected = mean @ mean + np.trace(a + b - 2 * linalg.sqrtm(a @ b).real)
        assert dv.frechet_gaussians(mean, a, np.zeros(8), b) == pytest.approx(expected, rel=1e-10)
        assert dv.frechet_gaussians(np.zeros(8), b, mean, a) == pytest.approx(expected, rel=1e-10)

    def test_singular_covariances_are_exact(self):
        rng = np.random.default_rng(7)
        basis = stats.ortho_group.rvs(40, random_state=8)
        a, b = basis[:, :3] @ basis[:, :3].T, basis[:, 3:7] @ basis[:, 3:7].T  # orthogonal subspaces
        zero = np.zeros(40)
        assert dv.frechet_gaussians(zero, a, zero, b) == pytest.approx(7, abs=1e-12)
        assert dv.frechet_gaussians(zero, a, zero, 0 * a) == pytest.approx(3, abs=1e-12)
        low = random_covariance(rng, 40, rank=5)
        assert dv.frechet_gaussians(zero, low, zero, low) == pytest.approx(0, abs=1e-11)
        assert dv.frechet_gaussians(zero, low, zero, 4 * low) == pytest.approx(np.trace(low), rel=1e-11)

    def test_a_point_mass_pair_is_the_squared_distance(self):
        assert dv.frechet_gaussians([3.0], [[0.0]], [0.0], [[0.0]]) == 9.0

    def test_is_blind_to_alternating_modes_and_sees_adjacent_ones(self):
        def distance(modes):
            a, b = ring(range(8)), ring(modes)
            return dv.frechet_gaussians(
                a.mean(0), np.cov(a.T, bias=True), b.mean(0), np.atleast_2d(np.cov(b.T, bias=True))
            )

        assert distance([0, 2, 4, 6]) == pytest.approx(0, abs=1e-12)
        assert distance([0, 1, 2, 3]) == pytest.approx(0.617317, abs=1e-6)
        assert distance([0]) == pytest.approx(2, abs=1e-12)

    def test_no_covariance_is_refused(self):
        with pytest.raises(ValueError, match="cov_b: expected a positive semi-definite covariance.*eigenvalue of -1"):
            dv.frechet_gaussians(np.zeros(2), np.eye(2), np.zeros(2), np.diag([1.0, -1.0]))


class TestDiscrete:
    uniform = np.full(8, 1 / 8)

    @pytest.mark.parametrize(("kept", "js"), [(1, 0.49693), (2, 0.38040), (4, 0.21576), (7, 0.04541), (8, 0.0)])
    def test_k_of_eight_modes(self, kept, js):
        p = np.r_[np.full(kept, 1 / kept), np.zeros(8 - kept)]
        assert dv.kl_discrete(p, self.uniform) == pytest.approx(np.log(8 / kept), abs=1e-12)
        assert dv.js_discrete(p, self.uniform) == pytest.approx(js, abs=1e-5)
        assert dv.tv_discrete(p, self.uniform) == pytest.approx(1 - kept / 8)
        assert dv.kl_discrete(self.uniform, p) == (pytest.approx(0, abs=1e-12) if kept == 8 else np.inf)

    def test_disjoint_supports_reach_the_bounds(self):
        p, q = np.array([1.0, 0.0]), np.array([0.0, 1.0])
        assert dv.js_discrete(p, q) == pytest.approx(np.log(2))
        assert dv.tv_discrete(p, q) == 1

    def test_agree_with_scipy(self):
        p, q = np.random.default_rng(9).dirichlet(np.ones(6), 2)
        assert dv.kl_discrete(p, q) == pytest.approx(stats.entropy(p, q))
        from scipy.spatial.distance import jensenshannon

        assert dv.js_discrete(p, q) == pytest.approx(jensenshannon(p, q) ** 2)

    @pytest.mark.parametrize("divergence", [dv.kl_discrete, dv.js_discrete, dv.tv_discrete])
    def test_bad_tables_are_refused(self, divergence):
        with pytest.raises(ValueError, match="p: expected non-negative probabilities with sum 1"):
            divergence([3, 5], [0.5, 0.5])
        with pytest.raises(ValueError, match="q: expected non-negative"):
            divergence([0.5, 0.5], [1.5, -0.5])
        with pytest.raises(ValueError, match="q: expected shape"):
            divergence([0.5, 0.5], [0.5, 0.25, 0.25])
        with pytest.raises(ValueError, match="p: expected finite"):
            divergence([np.nan, 1.0], [0.5, 0.5])

    def test_mutual_information(self):
        assert dv.mutual_information(np.outer([1, 3], [2, 5, 1])) == pytest.approx(0, abs=1e-12)
        assert dv.mutual_information(np.diag([10, 10, 10, 10])) == pytest.approx(np.log(4))
        noisy = np.array([[0.45, 0.05], [0.05, 0.45]])  # a binary symmetric channel of error 0.1
        capacity = np.log(2) + 0.1 * np.log(0.1) + 0.9 * np.log(0.9)
        assert dv.mutual_information(noisy) == pytest.approx(capacity)
        assert dv.mutual_information(700 * noisy.T) == pytest.approx(capacity)
        for bad in ([[0, 0], [0, 0]], [[1, -1], [1, 1]]):
            with pytest.raises(ValueError, match="joint: expected non-negative counts"):
                dv.mutual_information(bad)


class TestWasserstein:
    def test_shift_scale_and_unequal_sizes(self):
        rng = np.random.default_rng(10)
        x, y = rng.standard_normal(50), rng.standard_normal(73) * 2 + 1
        assert dv.wasserstein_1d(x, x[::-1] + 3) == pytest.approx(3)
        assert dv.wasserstein_1d(x, y) == pytest.approx(stats.wasserstein_distance(x, y))
        assert dv.wasserstein_1d([0.0], [1.0, 2.0]) == pytest.approx(1.5)

    def test_bad_samples_are_refused(self):
        with pytest.raises(ValueError, match="y: expected at least one number"):
            dv.wasserstein_1d([1.0], [])
        with pytest.raises(ValueError, match="x: expected shape"):
            dv.wasserstein_1d([[1.0]], [1.0])


class TestEntropy:
    def test_of_tables(self):
        assert dv.entropy_discrete(np.full((2, 4), 1 / 8)) == pytest.approx(np.log(8))
        assert dv.entropy_discrete([0.0, 1.0, 0.0]) == 0
        assert dv.entropy_discrete([0.5, 0.25, 0.25]) / np.log(2) == pytest.approx(1.5)
        with pytest.raises(ValueError, match="p: expected non-negative probabilities"):
            dv.entropy_discrete([0.5, 0.6])

    def test_of_gaussians(self):
        assert dv.entropy_gaussian([[0.01]]) == pytest.approx(stats.norm(0, 0.1).entropy())
        assert dv.entropy_gaussian([[0.01]]) < 0
        cov = random_covariance(np.random.default_rng(0), 3)
        assert dv.entropy_gaussian(cov) == pytest.approx(stats.multivariate_normal(np.zeros(3), cov).entropy())

    @pytest.mark.parametrize(
        ("cov", "message"),
        [(np.zeros((2, 3)), "cov: expected shape"), ([[1.0, 0.5], [0.0, 1.0]], "symmetric"), ([[0.0]], "definite")],
    )
    def test_no_covariance_is_refused(self, cov, message):
        with pytest.raises(ValueError, match=message):
            dv.entropy_gaussian(cov)


class TestDensities:
    x = np.linspace(-12, 14, 4001)

    def test_gaussians_have_closed_forms(self):
        p, q = stats.norm(0, 1).pdf(self.x), stats.norm(1.5, 1).pdf(self.x)
        assert dv.kl_densities(self.x, p, q) == pytest.approx(1.5**2 / 2, abs=1e-9)
        assert dv.wasserstein_densities(self.x, p, q) == pytest.approx(1.5, abs=1e-6)
        assert dv.tv_densities(self.x, p, q) == pytest.approx(2 * stats.norm.cdf(0.75) - 1, abs=1e-5)
        middle = integrate.quad(
            lambda x: stats.norm.pdf(x) * np.log(2 * stats.norm.pdf(x) / (stats.norm.pdf(x) + stats.norm.pdf(x, 1.5))),
            -10, 12,
        )[0]  # fmt: skip
        assert dv.js_densities(self.x, p, q) == pytest.approx(middle, abs=1e-8)  # both halves are equal by symmetry

    def test_disjoint_boxes_reach_the_bounds_and_only_the_last_sees_how_far(self):
        step = self.x[1] - self.x[0]
        box = (np.abs(self.x) < 1) / (np.sum(np.abs(self.x) < 1) * step)
        for steps in (1000, 1500):
            other, shift = np.roll(box, steps), steps * step
            assert dv.kl_densities(self.x, box, other) == np.inf
            assert dv.js_densities(self.x, box, other) == pytest.approx(np.log(2))
            assert dv.tv_densities(self.x, box, other) == pytest.approx(1)
            assert dv.wasserstein_densities(self.x, box, other) == pytest.approx(shift)

    def test_uneven_points_and_equal_densities(self):
        x = 12 * np.linspace(-1, 1, 3001) ** 3
        p = stats.norm.pdf(x)
        for divergence in (dv.kl_densities, dv.js_densities, dv.tv_densities, dv.wasserstein_densities):
            assert divergence(x, p, p) == 0
        assert dv.kl_densities(x, p, stats.norm.pdf(x, 0, 2)) == pytest.approx(np.log(2) + 1 / 8 - 1 / 2, abs=1e-5)

    @pytest.mark.parametrize(
        ("x", "p", "q", "message"),
        [
            ([0.0, 0.0], [1.0, 1.0], [1.0, 1.0], "x: expected at least two increasing"),
            ([0.0], [1.0], [1.0], "x: expected at least two increasing"),
            ([0.0, 1.0], [1.0, 1.0], [2.0, 2.0], "q: expected a density on x; received one with integral 2"),
            ([0.0, 1.0], [3.0, -1.0], [1.0, 1.0], "p: expected a density"),
            ([0.0, 1.0], [1.0, 1.0, 1.0], [1.0, 1.0], "p: expected shape"),
        ],
    )
    def test_bad_densities_are_refused(self, x, p, q, message):
        for divergence in (dv.kl_densities, dv.wasserstein_densities):
            with pytest.raises(ValueError, match=message):
                divergence(x, p, q)


class TestMMD:
    @staticmethod
    def brute_force(kernel, x, y):
        n, m = len(x), len(y)
        same = sum(kernel(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
        same += sum(kernel(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
        return same - 2 * np.mean([kernel(a, b) for a in x for b in y])

    def test_agree_with_the_double_sum(self):
        rng = np.random.default_rng(11)
        x, y = rng.standard_normal((7, 3)), rng.standard_normal((5, 3)) + 0.5
        for degree in (1, 3, 4):
            expected = self.brute_force(lambda a, b, n=degree: (a @ b / 3 + 1) ** n, x, y)
            assert dv.mmd_polynomial(x, y, degree) == pytest.approx(expected, rel=1e-10)
        expected = self.brute_force(lambda a, b: np.exp(-np.sum((a - b) ** 2) / (2 * 0.8**2)), x, y)
        assert dv.mmd_rbf(x, y, 0.8) == pytest.approx(expected, rel=1e-10)

    def test_more_rows_than_one_block(self):
        x = np.random.default_rng(12).standard_normal((1100, 2))
        kernel = (x @ x.T / 2 + 1) ** 3
        same = (kernel.sum() - np.trace(kernel)) / (1100 * 1099)
        assert dv.mmd_polynomial(x, x) == pytest.approx(2 * same - 2 * kernel.mean(), rel=1e-9)

    @pytest.mark.parametrize(
        "estimate", [dv.mmd_polynomial, lambda x, y: dv.mmd_rbf(x, y, 2.0)], ids=["polynomial", "rbf"]
    )
    def test_unbiased_on_small_samples_of_one_distribution(self, estimate):
        rng = np.random.default_rng(13)
        values = [estimate(*rng.standard_normal((2, 8, 4))) for _ in range(2000)]
        standard_error = np.std(values) / np.sqrt(len(values))
        assert abs(np.mean(values)) < 3.5 * standard_error
        # Keeping the pairs (i, i) would add at least 2/8 · E[k(x, x) − k(x, y)]: far more than the error here.
        assert standard_error < 0.05

    @pytest.mark.parametrize(
        ("estimate", "population"),
        [
            (dv.mmd_polynomial, 0.0),
            (lambda x, y: dv.mmd_polynomial(x, y, degree=4), 0.0078125),
            (lambda x, y: dv.mmd_rbf(x, y, 1.0), 0.0020139),
            (lambda x, y: dv.mmd_rbf(x, y, 0.5), 0.0518804),
            (lambda x, y: dv.mmd_rbf(x, y, 0.1), 0.125),
        ],
    )
    def test_ring_against_its_alternating_modes(self, estimate, population):
        # On n points of two point-mass mixtures U = V − c/(n − 1) with one c: two n give V, the population value.
        small, large = (estimate(ring(range(8), r), ring([0, 2, 4, 6], 2 * r)) for r in (1, 5))
        assert (39 * large - 7 * small) / 32 == pytest.approx(population, abs=5e-8)

    def test_bad_input_is_refused(self):
        x = np.zeros((3, 2))
        with pytest.raises(ValueError, match="y: expected at least 2 rows"):
            dv.mmd_polynomial(x, x[:1])
        with pytest.raises(ValueError, match="y: expected shape"):
            dv.mmd_rbf(x, np.zeros((3, 4)), 1.0)
        with pytest.raises(ValueError, match="bandwidth"):
            dv.mmd_rbf(x, x, 0)
        with pytest.raises(ValueError, match="degree"):
            dv.mmd_polynomial(x, x, 1.5)
        with pytest.raises(ValueError, match="x: expected finite"):
            dv.mmd_polynomial(x * np.nan, x)
