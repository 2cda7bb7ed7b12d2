import tracemalloc

import numpy as np
import pytest
from scipy import linalg
from scipy.spatial.distance import cdist

from course_lib import metrics


def ring(modes, copies, std=0.0, seed=0):
    angles = 2 * np.pi * np.repeat(modes, copies) / 8
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return points + std * np.random.default_rng(seed).standard_normal(points.shape)


ALTERNATING = [0, 2, 4, 6]


class TestDistances:
    def test_equal_samples_are_at_distance_zero_and_a_shift_at_its_square(self):
        x = np.random.default_rng(0).standard_normal((200, 5))
        assert metrics.frechet_distance(x, x[::-1]) == pytest.approx(0, abs=1e-12)
        assert metrics.frechet_distance(x, x + 2) == pytest.approx(20, rel=1e-12)

    def test_covariances_have_the_divisor_n_minus_one(self):
        # In one dimension the distance is (mean difference)² + (difference of standard deviations)².
        a, b = np.array([[0.0], [2.0]]), np.array([[0.0], [0.0], [6.0]])
        expected = 1 + (np.std(a, ddof=1) - np.std(b, ddof=1)) ** 2
        assert metrics.frechet_distance(a, b) == pytest.approx(expected)

    def test_fewer_rows_than_features_still_give_a_real_number(self):
        rng = np.random.default_rng(1)
        a, b = rng.standard_normal((2, 10, 64))
        value = metrics.frechet_distance(a, b)
        assert np.isfinite(value) and 0 < value < np.sum(a.var(0) + b.var(0)) * 2

    def test_alternating_modes_deceive_both_distances(self):
        a, b = ring(range(8), 50), ring(ALTERNATING, 100)
        assert metrics.frechet_distance(a, b) == pytest.approx(0, abs=1e-4)  # n − 1 for n leaves 1/n²
        assert abs(metrics.kernel_distance(a, b)) < 2 * 1.5**3 / 399
        assert metrics.precision_recall(a, b, k=60) == {"precision": 1.0, "recall": 0.5}

    def test_kernel_distance_is_the_cubic_kernel(self):
        a, b = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[1.0, 1.0], [1.0, -1.0]])
        # Pairs: k(a1, a2) = 1, k(b1, b2) = 1; across: x·y = 1, 1, 1, −1 -> 1.5³ three times, 0.5³ once.
        assert metrics.kernel_distance(a, b) == pytest.approx(2 - 2 * (3 * 3.375 + 0.125) / 4)

    @pytest.mark.parametrize("distance", [metrics.frechet_distance, metrics.kernel_distance])
    def test_bad_features_are_refused(self, distance):
        x = np.random.default_rng(2).standard_normal((5, 3))
        with pytest.raises(ValueError, match="features_b: expected at least 2 rows"):
            distance(x, x[:1])
        with pytest.raises(ValueError, match="features_b: expected shape"):
            distance(x, x[:, :2])
        with pytest.raises(ValueError, match="features_a: expected finite numbers; received 1 NaN"):
            distance(np.where(np.arange(15).reshape(5, 3) == 7, np.nan, x), x)
        with pytest.raises(ValueError, match="features_a: expected shape"):
            distance(x[None], x)


class TestNeighbours:
    @staticmethod
    def reference(real, fake, k):
        neighbors = pytest.importorskip("sklearn.neighbors")

        def radii(x):
            return neighbors.NearestNeighbors(n_neighbors=k + 1, algorithm="kd_tree").fit(x).kneighbors(x)[0][:, -1]

        d = cdist(real, fake)
        inside_real, inside_fake = d <= radii(real)[:, None], d <= radii(fake)
        return {
            "precision": inside_real.any(0).mean(),
            "recall": inside_fake.any(1).mean(),
            "density": inside_real.sum() / (k * len(fake)),
            "coverage": inside_real.any(1).mean(),
        }

    @pytest.mark.parametrize("k", [1, 3, 7])
    def test_agree_with_scikit_learn(self, k):
        rng = np.random.default_rng(k)
        real, fake = rng.standard_normal((60, 3)), 0.7 * rng.standard_normal((45, 3)) + 0.4
        expected = self.reference(real, fake, k)
        result = metrics.precision_recall(real, fake, k) | metrics.density_coverage(real, fake, k)
        assert result == pytest.approx(expected)

    def test_more_rows_than_one_block(self):
        rng = np.random.default_rng(3)
        real, fake = rng.standard_normal((1200, 2)), rng.standard_normal((700, 2)) + 1
        result = metrics.precision_recall(real, fake) | metrics.density_coverage(real, fake, k=3)
        assert result == pytest.approx(self.reference(real, fake, 3))

    def test_far_samples_score_zero(self):
        x = np.random.default_rng(4).standard_normal((30, 2))
        assert metrics.precision_recall(x, x + 100) == {"precision": 0.0, "recall": 0.0}
        assert metrics.density_coverage(x, x + 100) == {"density": 0.0, "coverage": 0.0}

    def test_dropping_half_of_the_modes_costs_recall_and_coverage_only(self):
        real, fake = ring(range(8), 50, 0.01), ring(ALTERNATING, 100, 0.01, seed=1)
        result = metrics.precision_recall(real, fake) | metrics.density_coverage(real, fake)
        assert result["precision"] > 0.9 and result["density"] > 0.8
        assert 0.4 < result["recall"] <= 0.5 and 0.4 < result["coverage"] <= 0.5

    def test_one_real_outlier_lifts_precision_but_not_density(self):
        # The fakes sit in the wide ball of one real outlier: precision 1, density 1/k (Naeem et al., figure 2).
        rng = np.random.default_rng(5)
        real = np.r_[0.01 * rng.standard_normal((50, 2)), [[10.0, 0.0]]]
        fake = np.array([5.0, 0.0]) + 0.01 * rng.standard_normal((20, 2))
        assert metrics.precision_recall(real, fake, k=5)["precision"] == 1
        assert metrics.density_coverage(real, fake, k=5)["density"] == pytest.approx(1 / 5)

    def test_copies_of_the_real_set_are_perfect_even_where_points_coincide(self):
        x = 1e3 + np.random.default_rng(6).standard_normal((12, 4))
        real = np.repeat(x, 4, axis=0)  # each point four times: every radius is 0 at k = 3
        assert metrics.precision_recall(real, real[::-1], k=3) == {"precision": 1.0, "recall": 1.0}
        assert metrics.density_coverage(real, real[::-1], k=3)["coverage"] == 1

    def test_a_common_offset_changes_nothing(self):
        # Multiples of 2⁻¹⁰ moved by 2³⁰ keep their differences exactly, but |a|² + |b|² − 2a·b would lose them.
        real, fake = np.random.default_rng(11).integers(0, 4096, (2, 40, 3)) / 1024
        for score in (metrics.precision_recall, metrics.density_coverage):
            assert score(real + 2.0**30, fake + 2.0**30) == score(real, fake)

    @pytest.mark.parametrize("score", [metrics.precision_recall, metrics.density_coverage])
    def test_bad_samples_are_refused(self, score):
        x = np.random.default_rng(7).standard_normal((5, 3))
        for real, fake, message in (
            (x[:3], x, "real: expected at least 4 rows"),
            (x, x[:3], "fake: expected at least 4 rows"),
            (x, x[:, :2], "fake: expected shape"),
            (x, x * np.inf, "fake: expected finite"),
        ):
            with pytest.raises(ValueError, match=message):
                score(real, fake, k=3)
        with pytest.raises(ValueError, match="k: expected an integer of at least 1"):
            score(x, x, k=0)


class TestSecondOpinions:
    """The metrics agree with independent implementations where those work, with closed forms where they do not."""

    @staticmethod
    def features(seed=0, n=300, d=12, scales=None):
        """Two correlated, non-negative samples with some columns that are often zero, as a network's features are."""
        rng = np.random.default_rng(seed)
        mix = rng.standard_normal((d, d))
        scales = np.ones(d) if scales is None else scales
        a, b = (np.maximum(rng.standard_normal((n, d)) @ mix + shift, 0) * scales for shift in (0.3, 0.8))
        return a, b

    @staticmethod
    def by_sqrtm(a, b):
        mean = a.mean(0) - b.mean(0)
        cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
        return mean @ mean + np.trace(cov_a) + np.trace(cov_b) - 2 * np.trace(linalg.sqrtm(cov_a @ cov_b)).real

    @pytest.mark.parametrize("seed", [0, 1])
    def test_frechet_is_scipys_matrix_square_root(self, seed):
        a, b = self.features(seed)
        assert metrics.frechet_distance(a, b) == pytest.approx(self.by_sqrtm(a, b), rel=1e-10)

    def test_frechet_of_features_on_scales_eight_decades_apart(self):
        a, b = self.features(2, scales=10.0 ** np.linspace(-6, 2, 12))
        assert metrics.frechet_distance(a, b) == pytest.approx(self.by_sqrtm(a, b), rel=1e-8)

    @pytest.mark.filterwarnings("ignore:Matrix is singular")
    def test_frechet_of_singular_covariances(self):
        # Three features that are sums of others: sqrtm copes, with a relative error near the root of the round-off.
        a, b = (np.c_[x, x[:, :3] + x[:, 3:6]] for x in self.features(3))
        assert metrics.frechet_distance(a, b) == pytest.approx(self.by_sqrtm(a, b), rel=1e-6)

    @pytest.mark.parametrize("rows", [2, 5, 12])
    def test_frechet_with_no_more_rows_than_features(self, rows):
        # The nuclear norm of the centred samples' product is the trace term, without any covariance.
        a, b = (x[:rows] for x in self.features(4))
        centred_a, centred_b = a - a.mean(0), b - b.mean(0)
        overlap = linalg.svdvals(centred_a @ centred_b.T).sum()
        spread = np.sum(centred_a**2) + np.sum(centred_b**2) - 2 * overlap
        expected = np.sum((a.mean(0) - b.mean(0)) ** 2) + spread / (rows - 1)
        assert metrics.frechet_distance(a, b) == pytest.approx(expected, rel=1e-9)

    def test_frechet_to_a_constant_sample(self):
        a, _ = self.features(5)
        point = np.repeat(a[:1], 4, axis=0)
        expected = np.sum((a.mean(0) - a[0]) ** 2) + a.var(axis=0, ddof=1).sum()
        assert metrics.frechet_distance(a, point) == pytest.approx(expected, rel=1e-12)
        assert metrics.frechet_distance(point, point + 1) == pytest.approx(a.shape[1], rel=1e-12)
        assert metrics.frechet_distance(point, point) == 0

    def test_kernel_distance_is_scikit_learns_polynomial_kernel(self):
        kernel = pytest.importorskip("sklearn.metrics.pairwise").polynomial_kernel
        a, b = self.features(6, n=700)  # several blocks of rows
        b = b[:610]
        within = [kernel(x, degree=3, gamma=1 / 12, coef0=1) for x in (a, b)]
        means = [(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in within]
        expected = sum(means) - 2 * kernel(a, b, degree=3, gamma=1 / 12, coef0=1).mean()
        assert metrics.kernel_distance(a, b) == pytest.approx(expected, rel=1e-9)

    def test_kernel_distance_of_constant_samples(self):
        one, two = np.full((3, 4), 1.0), np.full((5, 4), 2.0)
        assert metrics.kernel_distance(one, two) == pytest.approx(2.0**3 + 5.0**3 - 2 * 3.0**3)
        assert metrics.kernel_distance(one, one) == pytest.approx(0, abs=1e-12)

    def test_neighbours_agree_with_scikit_learn_on_64_features_with_repeated_rows(self):
        rng = np.random.default_rng(7)
        real, fake = (np.maximum(rng.standard_normal((n, 64)) - 1, 0) for n in (400, 330))
        real[:40], fake[:25] = real[40:80], real[100:125]
        result = metrics.precision_recall(real, fake) | metrics.density_coverage(real, fake, k=3)
        assert result == pytest.approx(TestNeighbours.reference(real, fake, 3))
        assert 0.02 < result["precision"] < 1

    def test_nearest_distances_agree_with_scikit_learn(self):
        neighbors = pytest.importorskip("sklearn.neighbors")
        train, held_out = self.features(8, n=500)
        tree = neighbors.NearestNeighbors(n_neighbors=1, algorithm="kd_tree").fit(train)
        fake = np.r_[train[:20], 0.9 * held_out[:300] + 0.1 * train[:300]]
        near, known = tree.kneighbors(fake)[0], tree.kneighbors(held_out)[0]
        result = metrics.memorisation(train, held_out, fake)
        assert result["closer"] == pytest.approx(np.mean(near < known.T) + np.mean(near == known.T) / 2)
        assert result["copies"] == pytest.approx(np.mean((near < known.T).mean(axis=1) >= 0.99))


SCORES = {
    "frechet_distance": metrics.frechet_distance,
    "kernel_distance": metrics.kernel_distance,
    "precision_recall": metrics.precision_recall,
    "density_coverage": metrics.density_coverage,
    "memorisation": lambda a, b: metrics.memorisation(a[::2], a[1::2], b),
}


@pytest.mark.parametrize("name", SCORES)
class TestInvariances:
    @staticmethod
    def pair():
        rng = np.random.default_rng(20)
        return rng.standard_normal((150, 6)), 0.8 * rng.standard_normal((120, 6)) + 0.3

    def test_the_order_of_the_rows_does_not_matter(self, name):
        a, b = self.pair()
        rng = np.random.default_rng(21)
        shuffled = SCORES[name](a, b[rng.permutation(len(b))])
        assert shuffled == pytest.approx(SCORES[name](a, b), rel=1e-10)

    def test_a_rotation_of_the_features_does_not_matter(self, name):
        a, b = self.pair()
        turn, _ = np.linalg.qr(np.random.default_rng(22).standard_normal((6, 6)))
        assert SCORES[name](a @ turn, b @ turn) == pytest.approx(SCORES[name](a, b), rel=1e-9)

    @pytest.mark.parametrize("dtype", [np.float16, np.float32])
    def test_features_of_low_precision_are_computed_in_float64(self, name, dtype):
        # Whole numbers near the top of float16, which holds them exactly, but neither their squares nor their sums.
        rng = np.random.default_rng(23)
        a, b = (32.0 * rng.integers(1000, 1010 + i, (90, 3)) for i in (0, 6))
        assert SCORES[name](a.astype(dtype), b.astype(dtype)) == pytest.approx(SCORES[name](a, b), rel=1e-12)

    def test_tensors_give_what_arrays_give(self, name):
        import tensorflow as tf

        a, b = self.pair()
        assert SCORES[name](tf.constant(a), tf.constant(b)) == SCORES[name](a, b)


class TestMemory:
    @pytest.mark.parametrize("name", SCORES)
    def test_pairs_are_never_all_in_memory_at_once(self, name):
        a, b = np.random.default_rng(25).standard_normal((2, 4000, 8))
        tracemalloc.start()
        SCORES[name](a, b)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 30 * 2**20 < 8 * len(a) * len(b) / 4  # all pairs would take 122 MB


class TestExchange:
    def test_distances_are_symmetric_and_precision_is_recall_of_the_exchange(self):
        a, b = TestInvariances.pair()
        for distance in (metrics.frechet_distance, metrics.kernel_distance):
            assert distance(a, b) == pytest.approx(distance(b, a), rel=1e-10)
        one, other = metrics.precision_recall(a, b), metrics.precision_recall(b, a)
        assert one["precision"] == other["recall"] and one["recall"] == other["precision"]
        assert one["precision"] != one["recall"]

    def test_a_common_offset_leaves_the_frechet_distance(self):
        a, b = np.random.default_rng(24).integers(0, 1024, (2, 60, 4)) / 1024
        expected = metrics.frechet_distance(a, b)
        assert metrics.frechet_distance(a + 2.0**20, b + 2.0**20) == pytest.approx(expected, rel=1e-9)


class TestMemorisation:
    rng = np.random.default_rng(12)
    train, held_out, fresh = rng.standard_normal((3, 800, 3))

    def test_copies_of_the_training_set(self):
        assert metrics.memorisation(self.train, self.held_out, self.train[::-1]) == {"closer": 1.0, "copies": 1.0}

    def test_the_held_out_set_itself(self):
        result = metrics.memorisation(self.train, self.held_out, self.held_out[::-1])
        assert result == {"closer": 0.5, "copies": 0.01}  # every value has one equal; 8 of 800 are the nearest 1 %

    def test_fresh_samples_are_within_four_standard_errors(self):
        n, m = len(self.held_out), len(self.fresh)
        result = metrics.memorisation(self.train, self.held_out, self.fresh)
        assert abs(result["closer"] - 0.5) < 4 * np.sqrt((n + m + 1) / (12 * n * m))
        assert abs(result["copies"] - 0.01) < 4 * np.sqrt(0.01 * 0.99 * (1 / n + 1 / m))

    def test_outliers(self):
        assert metrics.memorisation(self.train, self.held_out, self.fresh + 100) == {"closer": 0.0, "copies": 0.0}

    def test_a_share_of_copies_is_found_at_its_size(self):
        fake = np.r_[self.train[:200], self.fresh[:600]]
        result = metrics.memorisation(self.train, self.held_out, fake)
        rest = metrics.memorisation(self.train, self.held_out, self.fresh[:600])
        assert result["closer"] == pytest.approx(0.25 + 0.75 * rest["closer"])
        assert result["copies"] == pytest.approx(0.25 + 0.75 * rest["copies"])

    def test_is_the_count_over_all_pairs(self):
        train, held_out, fake = (
            np.rint(10 * x[:, :2]) for x in (self.train[:50], self.held_out[:300], self.fresh[:90])
        )
        near, known = cdist(fake, train).min(1), cdist(held_out, train).min(1)
        pairs = np.sign(known[None] - near[:, None])  # whole numbers make many ties
        assert (pairs == 0).mean() > 0.02
        result = metrics.memorisation(train, held_out, fake)
        assert result["closer"] == pytest.approx((1 + pairs.mean()) / 2)
        assert result["copies"] == pytest.approx(np.mean((pairs > 0).mean(axis=1) >= 0.99))

    def test_only_ties(self):
        point = np.zeros((5, 2))
        assert metrics.memorisation(point, point, point) == {"closer": 0.5, "copies": 0.0}
        assert metrics.memorisation(point, point + 3, point + 3) == {"closer": 0.5, "copies": 0.0}

    def test_more_rows_than_one_block_in_any_order(self):
        rng = np.random.default_rng(13)
        train, held_out, fake = (
            rng.standard_normal((700, 2)),
            rng.standard_normal((600, 2)),
            rng.standard_normal((900, 2)),
        )
        near, known = cdist(fake, train).min(1), cdist(held_out, train).min(1)
        expected = np.mean(near[:, None] < known)
        for order in (slice(None), slice(None, None, -1)):
            result = metrics.memorisation(train[order], held_out, fake[order])
            assert result["closer"] == pytest.approx(expected)

    def test_bad_samples_are_refused(self):
        x = self.train
        for train, held_out, fake, message in (
            (x[:0], x, x, "train: expected at least 1 row"),
            (x, x[:0], x, "held_out: expected at least 1 row"),
            (x, x, x[:, :2], "fake: expected shape"),
            (x, x[:, :2], x, "held_out: expected shape"),
            (x, x, x * np.nan, "fake: expected finite"),
            (x[0], x, x, "train: expected shape"),
        ):
            with pytest.raises(ValueError, match=message):
                metrics.memorisation(train, held_out, fake)


class TestModes:
    centres = ring(range(8), 1)

    def test_exact_samples_have_the_known_share_of_high_quality(self):
        result = metrics.mode_coverage(ring(range(8), 5000, 0.01), self.centres, 0.01)
        assert result["high_quality"] == pytest.approx(1 - np.exp(-4.5), abs=4 * np.sqrt(0.011 / 40_000))
        assert result["kept"] == 8
        assert result["reverse_kl"] < 1e-3
        assert result["counts"].sum() == round(result["high_quality"] * 40_000)

    @pytest.mark.parametrize("modes", [[3], [0, 5], ALTERNATING, [0, 1, 2, 3, 4, 5, 6]])
    def test_reverse_kl_of_evenly_used_modes(self, modes):
        result = metrics.mode_coverage(ring(modes, 100), self.centres, 0.01)
        assert result["reverse_kl"] == pytest.approx(np.log(8 / len(modes)))
        assert result["kept"] == len(modes) == np.count_nonzero(result["counts"])

    def test_counts_follow_the_centres_and_stray_samples_count_nowhere(self):
        samples = np.r_[ring([2], 3), ring([7], 1), [[0.0, 0.0]], self.centres[:1] * 1.031]
        result = metrics.mode_coverage(samples, self.centres, 0.01)
        assert result["counts"].tolist() == [0, 0, 3, 0, 0, 0, 0, 1]
        assert result["high_quality"] == pytest.approx(4 / 6)

    def test_a_mode_with_a_trace_of_samples_is_not_kept(self):
        result = metrics.mode_coverage(np.r_[ring(range(7), 100), ring([7], 8)], self.centres, 0.01)
        assert result["kept"] == 7 and np.count_nonzero(result["counts"]) == 8

    def test_no_sample_near_a_mode(self):
        result = metrics.mode_coverage(np.zeros((10, 2)), self.centres, 0.01)
        assert result["kept"] == 0 and result["high_quality"] == 0 and np.isnan(result["reverse_kl"])

    def test_bad_input_is_refused(self):
        for samples, std, message in (
            (np.zeros((0, 2)), 1, "samples: expected at least 1 row"),
            (np.zeros((4, 3)), 1, "centres: expected shape"),
            (np.zeros((4, 2)), 0, "std: expected a finite number greater than 0"),
        ):
            with pytest.raises(ValueError, match=message):
                metrics.mode_coverage(samples, self.centres, std)


class TestImageScores:
    @staticmethod
    def pair(channels=3, dtype=np.float64):
        rng = np.random.default_rng(8)
        a = rng.uniform(0, 255, (4, 20, 24, channels))
        b = np.clip(a + rng.normal(0, 25, a.shape), 0, 255)
        return a.astype(dtype), b.astype(dtype)

    @pytest.mark.parametrize("channels", [1, 3])
    @pytest.mark.parametrize("dtype", [np.float64, np.uint8])
    def test_agree_with_scikit_image(self, channels, dtype):
        measure = pytest.importorskip("skimage.metrics")
        a, b = self.pair(channels, dtype)
        structure = [
            measure.structural_similarity(
                x, y, data_range=255, channel_axis=-1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
            )
            for x, y in zip(a, b, strict=True)
        ]
        noise = [measure.peak_signal_noise_ratio(x, y, data_range=255) for x, y in zip(a, b, strict=True)]
        assert metrics.ssim(a, b, 255) == pytest.approx(np.mean(structure), rel=1e-10)
        assert metrics.psnr(a, b, 255) == pytest.approx(np.mean(noise), rel=1e-10)

    def test_constant_images_have_closed_forms(self):
        a, b = np.full((1, 16, 16, 1), 0.5), np.full((1, 16, 16, 1), 0.6)
        assert metrics.ssim(a, b, 1.0) == pytest.approx((2 * 0.3 + 1e-4) / (0.25 + 0.36 + 1e-4), rel=1e-12)
        assert metrics.ssim(a, b, 1.0) == pytest.approx(0.98361, abs=5e-6)
        assert metrics.psnr(a, b, 1.0) == pytest.approx(20)

    def test_equal_images(self):
        a, _ = self.pair()
        assert metrics.ssim(a, a, 255) == pytest.approx(1)
        assert metrics.psnr(a, a, 255) == np.inf

    def test_are_unchanged_by_a_common_scale_and_psnr_also_by_a_shift(self):
        a, b = self.pair()
        assert metrics.ssim(a / 255, b / 255, 1) == pytest.approx(metrics.ssim(a, b, 255))
        assert metrics.psnr(a / 127.5 - 1, b / 127.5 - 1, 2) == pytest.approx(metrics.psnr(a, b, 255))

    def test_the_mean_is_taken_over_decibels_not_over_errors(self):
        a = np.zeros((2, 11, 11, 1))
        b = a + np.array([0.1, 0.01]).reshape(2, 1, 1, 1)
        assert metrics.psnr(a, b, 1) == pytest.approx(30)

    @pytest.mark.parametrize("score", [metrics.psnr, metrics.ssim])
    def test_bad_images_are_refused(self, score):
        a, b = self.pair()
        for first, second, top, message in (
            (a, b[:, :-1], 255, "b: expected shape"),
            (a[0], b[0], 255, "a: expected shape"),
            (a, b, 1, "a: expected values no further apart than max_value=1"),
            (a, b, -1, "max_value: expected a finite number greater than 0"),
            (a[:0], b[:0], 255, "a: expected at least one image"),
        ):
            with pytest.raises(ValueError, match=message):
                score(first, second, top)

    def test_an_image_smaller_than_the_window_is_refused(self):
        with pytest.raises(ValueError, match="at least 11 × 11"):
            metrics.ssim(np.zeros((1, 10, 30, 1)), np.zeros((1, 10, 30, 1)), 1)


class TestMutualInformationGap:
    rng = np.random.default_rng(9)
    factors = np.stack([rng.integers(0, 5, 20_000), rng.integers(0, 3, 20_000)], axis=1)

    def test_one_dimension_for_each_factor_is_nearly_one(self):
        codes = np.c_[self.factors, self.rng.standard_normal(20_000)]
        assert 0.99 < metrics.mutual_information_gap(codes, self.factors) <= 1

    def test_random_codes_are_nearly_zero(self):
        codes = self.rng.standard_normal((20_000, 4))
        assert 0 <= metrics.mutual_information_gap(codes, self.factors) < 0.005

    def test_a_factor_written_twice_has_no_gap(self):
        codes = np.c_[self.factors[:, 0], -self.factors[:, 0], self.factors[:, 1]]
        first, second = (metrics.mutual_information_gap(codes, self.factors[:, i : i + 1]) for i in (0, 1))
        assert first == pytest.approx(0, abs=1e-12) and second > 0.99

    def test_is_the_known_value_for_a_noisy_copy(self):
        # Two dimensions are binary symmetric channels of the factor with error 0.1 and 0.3.
        bit = np.tile([0, 1], 5000)
        flip = np.repeat(np.arange(100), 100) % 10
        codes = np.c_[bit ^ (flip < 1), bit ^ (flip < 3)]

        def entropy(p):
            return -p * np.log2(p) - (1 - p) * np.log2(1 - p)

        expected = (1 - entropy(0.1)) - (1 - entropy(0.3))
        assert metrics.mutual_information_gap(codes, bit[:, None]) == pytest.approx(expected)

    def test_a_constant_code_is_allowed_and_a_constant_factor_refused(self):
        codes = np.c_[self.factors[:, 0], np.zeros(20_000)]
        assert metrics.mutual_information_gap(codes, self.factors[:, :1]) == pytest.approx(1)
        with pytest.raises(ValueError, match="constant factor in column 1"):
            metrics.mutual_information_gap(codes, self.factors * [1, 0])

    def test_bad_shapes_are_refused(self):
        with pytest.raises(ValueError, match="factors: expected shape"):
            metrics.mutual_information_gap(np.zeros((5, 2)), np.zeros((4, 1)))
        with pytest.raises(ValueError, match="codes: expected at least two rows and two dimensions"):
            metrics.mutual_information_gap(np.zeros((5, 1)), np.arange(5)[:, None])


class TestFeatureExtractor:
    @pytest.fixture
    def loaded(self, monkeypatch):
        """Tiny networks in the place of the trained ones; the list of names that were asked for."""
        import keras

        from course_lib import zoo

        names = []

        def load(name):
            names.append(name)
            inputs = keras.Input((None, None, 3) if name == "lite0" else (8, 8, 1))
            x = keras.layers.Dropout(0.5)(inputs)  # would show if the network ran in training mode
            features = keras.layers.GlobalAveragePooling2D(name="features")(x)
            output = features if name == "lite0" else keras.layers.Dense(10)(features)
            return keras.Model(inputs, output)

        monkeypatch.setattr(zoo, "load", load)
        return names

    def test_features_are_the_layer_and_uint8_equals_float(self, loaded):
        extract = metrics.FeatureExtractor("fashion", batch_size=4)
        pictures = np.random.default_rng(10).integers(0, 256, (10, 8, 8, 1), dtype=np.uint8)
        features = extract(pictures)
        assert features.shape == (10, 1) and features.dtype == np.float32
        np.testing.assert_allclose(features, pictures.mean((1, 2)) / 127.5 - 1, atol=1e-5)
        np.testing.assert_allclose(extract(pictures / np.float32(127.5) - 1), features, atol=1e-6)
        assert loaded == ["fashion-classifier"]

    def test_names_and_networks(self, loaded):
        names = [metrics.FeatureExtractor(source).name for source in ("fashion", "faces", "lite0")]
        assert loaded == ["fashion-classifier", "faces-classifier", "lite0"]
        assert names == ["fashion-classifier features", "faces-classifier features", "lite0 features"]

    def test_lite0_takes_any_size_and_gives_its_output(self, loaded):
        extract = metrics.FeatureExtractor("lite0")
        assert extract(np.zeros((2, 9, 12, 3), np.uint8)).shape == (2, 3)
        with pytest.raises(ValueError, match=r"images: expected shape \(N, H, W, 3\)"):
            extract(np.zeros((2, 9, 12, 1), np.uint8))

    def test_bad_images_and_names_are_refused(self, loaded):
        extract = metrics.FeatureExtractor("fashion")
        with pytest.raises(ValueError, match=r"expected shape \(N, 8, 8, 1\)"):
            extract(np.zeros((2, 9, 8, 1), np.uint8))
        with pytest.raises(ValueError, match=r"These look like \[0, 1\] images"):
            extract(np.random.default_rng(0).uniform(0, 1, (2, 8, 8, 1)))
        with pytest.raises(ValueError, match="images: expected at least one image"):
            extract(np.zeros((0, 8, 8, 1), np.uint8))
        with pytest.raises(ValueError, match="source: expected one of 'fashion', 'faces', 'lite0'"):
            metrics.FeatureExtractor("inception")
