import numpy as np
import pytest
from scipy import stats

from course_lib import latent


class TestPaths:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal(100), 1.7 * rng.standard_normal(100)

    @pytest.mark.parametrize("path", [latent.lerp, latent.slerp, latent.lerp_rescaled])
    def test_shape_and_exact_ends(self, path):
        z = path(self.a, self.b, 7)
        assert z.shape == (7, 100)
        assert (z[0] == self.a).all() and (z[-1] == self.b).all()

    def test_lerp_is_evenly_spaced(self):
        steps = np.diff(latent.lerp(self.a, self.b, 5), axis=0)
        np.testing.assert_allclose(steps, np.tile((self.b - self.a) / 4, (4, 1)), atol=1e-12)

    def test_slerp_norms_are_interpolated_and_the_angle_grows_evenly(self):
        z = latent.slerp(self.a, self.b, 9)
        norms = np.linalg.norm(z, axis=1)
        np.testing.assert_allclose(norms, np.linspace(norms[0], norms[-1], 9), rtol=1e-12)
        cosines = np.sum(z[1:] * z[:-1], axis=1) / (norms[1:] * norms[:-1])
        whole = np.arccos(self.a @ self.b / (norms[0] * norms[-1]))
        np.testing.assert_allclose(np.arccos(cosines), whole / 8, rtol=1e-6)

    def test_slerp_stays_in_the_plane_of_its_ends(self):
        assert np.linalg.matrix_rank(latent.slerp(self.a, self.b, 6)) == 2

    def test_the_middle_of_lerp_leaves_the_shell_and_of_slerp_stays(self):
        ends = np.random.default_rng(1).standard_normal((200, 2, 100))
        line, arc = (
            np.mean([np.linalg.norm(path(*pair, 3)[1]) for pair in ends]) for path in (latent.lerp, latent.slerp)
        )
        assert line == pytest.approx(np.sqrt(50), abs=0.2)
        assert arc == pytest.approx(np.sqrt(100), abs=0.2)

    def test_slerp_of_parallel_vectors_is_the_line(self):
        np.testing.assert_allclose(latent.slerp(self.a, 3 * self.a, 5), latent.lerp(self.a, 3 * self.a, 5), rtol=1e-12)
        np.testing.assert_allclose(latent.slerp(self.a, self.a, 4), np.tile(self.a, (4, 1)), rtol=1e-12)

    @pytest.mark.parametrize("start", [[3.0, 0.0], [0.0, 0.0, 2.0], [1.0, 1.0, 1.0, 1.0]])
    def test_slerp_of_opposite_vectors_goes_round_the_origin(self, start):
        start = np.array(start)
        z = latent.slerp(start, -2 * start, 5)
        norm = np.linalg.norm(start)
        np.testing.assert_allclose(np.linalg.norm(z, axis=1), norm * np.linspace(1, 2, 5), rtol=1e-12)
        assert z[2] @ start == pytest.approx(0, abs=1e-12)
        np.testing.assert_array_equal(z[[0, -1]], [start, -2 * start])

    def test_slerp_of_nearly_parallel_and_nearly_opposite_vectors_is_finite(self):
        nudge = np.zeros(100)
        for size in (1e-18, 1e-14, 1e-10, 1e-6):
            nudge[3] = size
            for end in (self.a + nudge, -self.a + nudge):
                norms = np.linalg.norm(latent.slerp(self.a, end, 5), axis=1)
                np.testing.assert_allclose(norms, np.linalg.norm(self.a), rtol=1e-5)

    def test_zero_vectors_take_the_other_direction(self):
        zero = np.zeros(3)
        np.testing.assert_array_equal(latent.slerp(zero, [0, 4, 0], 3), [[0, 0, 0], [0, 2, 0], [0, 4, 0]])
        np.testing.assert_array_equal(latent.slerp(zero, zero, 2), np.zeros((2, 3)))

    def test_one_dimension_goes_through_zero(self):
        np.testing.assert_array_equal(latent.slerp([2.0], [-2.0], 3), [[2.0], [0.0], [-2.0]])

    @pytest.mark.parametrize("path", [latent.lerp, latent.slerp, latent.lerp_rescaled])
    def test_bad_input_is_refused(self, path):
        for a, b, n, message in (
            (self.a, self.b[:5], 4, "b: expected shape"),
            (self.a[None], self.b, 4, "a: expected shape"),
            (self.a, self.b, 1, "n: expected an integer of at least 2"),
            (self.a * np.nan, self.b, 4, "a: expected finite"),
        ):
            with pytest.raises(ValueError, match=message):
                path(a, b, n)


class TestGridAndTraversal:
    def test_grid_puts_equal_prior_mass_in_each_cell(self):
        z = latent.grid(4)
        assert z.shape == (16, 2)
        np.testing.assert_allclose(stats.norm.cdf(z[:4, 0]), [0.125, 0.375, 0.625, 0.875])
        assert z[:, 0].sum() == pytest.approx(0, abs=1e-12)

    def test_grid_runs_right_and_up_from_the_top_left(self):
        rows = latent.grid(3).reshape(3, 3, 2)
        assert (np.diff(rows[..., 0], axis=1) > 0).all() and (np.diff(rows[..., 1], axis=0) < 0).all()
        assert (np.diff(rows[..., 0], axis=0) == 0).all() and (np.diff(rows[..., 1], axis=1) == 0).all()

    def test_grid_in_a_larger_space_leaves_the_rest_at_zero(self):
        z = latent.grid(2, latent_dim=5, axes=(4, 1))
        assert z.shape == (4, 5)
        assert z[0, 4] < 0 < z[1, 4] and z[0, 1] == z[1, 1] > 0
        assert not z[:, [0, 2, 3]].any()

    @pytest.mark.parametrize("axes", [(0, 0), (0, 2), (-1, 0), (0,), (0, 1, 1)])
    def test_bad_axes_are_refused(self, axes):
        with pytest.raises(ValueError, match="axes: expected two different coordinates below 2"):
            latent.grid(3, axes=axes)

    def test_traversal_moves_one_coordinate_of_a_copy(self):
        z = np.arange(4.0)
        path = latent.traversal(z, 2, [-1, 5])
        assert path.tolist() == [[0, 1, -1, 3], [0, 1, 5, 3]]
        assert z[2] == 2
        with pytest.raises(ValueError, match="index: expected a coordinate below 4"):
            latent.traversal(z, 4, [0.0])
        with pytest.raises(ValueError, match="index"):
            latent.traversal(z, -1, [0.0])


class TestDirections:
    def test_principal_directions_of_a_known_covariance(self):
        rotation = stats.ortho_group.rvs(3, random_state=2)
        rotation *= np.sign(rotation[np.abs(rotation).argmax(0), range(3)])
        x = np.random.default_rng(3).standard_normal((50_000, 3)) * [3.0, 2.0, 0.5]
        directions, variances = latent.principal_directions(x @ rotation.T + 7, 2)
        assert directions.shape == (2, 3) and variances.shape == (2,)
        np.testing.assert_allclose(directions, rotation[:, :2].T, atol=0.02)
        np.testing.assert_allclose(variances, [9, 4], rtol=0.03)

    def test_variances_are_those_of_the_projections_and_signs_do_not_flip(self):
        x = np.random.default_rng(4).standard_normal((30, 6))
        directions, variances = latent.principal_directions(x, 5)
        np.testing.assert_allclose((x @ directions.T).var(axis=0, ddof=1), variances)
        np.testing.assert_allclose(directions @ directions.T, np.eye(5), atol=1e-12)
        again, _ = latent.principal_directions(-x, 5)
        np.testing.assert_allclose(again, directions, atol=1e-9)
        assert (directions[range(5), np.abs(directions).argmax(1)] > 0).all()

    def test_too_many_directions_are_refused(self):
        with pytest.raises(ValueError, match=r"k: expected at most min\(N - 1, d\) = 3"):
            latent.principal_directions(np.eye(4), 4)

    def test_attribute_direction_finds_the_shift(self):
        rng = np.random.default_rng(5)
        labels = rng.integers(0, 2, 20_000)
        shift = np.array([0.0, 3.0, 0.0, -4.0])
        z = rng.standard_normal((20_000, 4)) + labels[:, None] * shift
        np.testing.assert_allclose(latent.attribute_direction(z, labels), shift / 5, atol=0.02)
        np.testing.assert_allclose(latent.attribute_direction(z, labels == 0), -shift / 5, atol=0.02)

    @pytest.mark.parametrize(
        ("labels", "message"),
        [([1, 1, 1, 1], "both 0 and 1"), ([0, 1, 2, 1], "both 0 and 1"), ([0, 1], "labels: expected shape")],
    )
    def test_bad_labels_are_refused(self, labels, message):
        with pytest.raises(ValueError, match=message):
            latent.attribute_direction(np.eye(4), labels)

    def test_equal_means_have_no_direction(self):
        with pytest.raises(ValueError, match="different means"):
            latent.attribute_direction([[1.0, 2.0], [1.0, 2.0]], [0, 1])


class TestInvert:
    @pytest.fixture(scope="class")
    def decoder(self):
        """A linear decoder R³ -> images of 4 × 4 × 1, so that z can be recovered exactly."""
        import keras

        keras.utils.set_random_seed(0)
        inputs = keras.Input((3,))
        x = keras.layers.Dense(16, use_bias=False, kernel_initializer=keras.initializers.RandomNormal(0.0, 0.1))(inputs)
        return keras.Model(inputs, keras.layers.Reshape((4, 4, 1))(x))

    def test_recovers_the_vectors_of_a_linear_decoder(self, decoder):
        z = np.random.default_rng(6).standard_normal((5, 3)).astype("float32")
        found, errors = latent.invert(decoder, decoder.predict(z, verbose=0), steps=400, restarts=1)
        assert found.shape == (5, 3) and errors.shape == (5,)
        np.testing.assert_allclose(found, z, atol=1e-3)
        assert errors.max() < 1e-6

    def test_errors_belong_to_the_returned_vectors_and_each_image_is_alone(self, decoder):
        images = np.random.default_rng(7).uniform(-0.5, 0.5, (3, 4, 4, 1)).astype("float32")
        found, errors = latent.invert(decoder, images, steps=400, restarts=2, seed=1)
        decoded = decoder.predict(found, verbose=0)
        np.testing.assert_allclose(((decoded - images) ** 2).mean((1, 2, 3)), errors, rtol=1e-4)
        basis = decoder.predict(np.eye(3, dtype="float32"), verbose=0).reshape(3, 16)
        best = np.linalg.lstsq(basis.T, images.reshape(3, 16).T, rcond=None)[0].T
        np.testing.assert_allclose(found, best, atol=5e-3)

    def test_norms_stay_where_the_prior_is(self, decoder):
        far = decoder.predict(np.full((1, 3), 4.0, "float32"), verbose=0)
        found, errors = latent.invert(decoder, far / np.abs(far).max(), steps=80, restarts=1)
        assert np.linalg.norm(found) <= np.sqrt(3) + 2 + 1e-5
        for d in (1, 2, 16, 100, 512):
            assert stats.chi(d).cdf(np.sqrt(d) + 2) > 0.997

    def test_restarts_find_the_better_of_two_minima(self):
        import keras

        # Pixels (z² − 1)/4 and (tanh(−3z) − 1)/4: the target below is met at z = 1; z = −1 is a second valley.
        inputs = keras.Input((1,))
        valley = keras.layers.Lambda(lambda z: keras.ops.stack([z**2 - 1, keras.ops.tanh(-3 * z) - 1], axis=-1) / 4)
        decoder = keras.Model(inputs, keras.layers.Reshape((1, 2, 1))(valley(inputs)))
        image = np.array([0.0, -0.5], "float32").reshape(1, 1, 2, 1)
        single = [latent.invert(decoder, image, steps=60, restarts=1, seed=s)[0].item() for s in (0, 5)]
        assert min(single) < 0 < max(single)
        assert latent.invert(decoder, image, steps=60, restarts=8, seed=5)[0].item() == pytest.approx(1, abs=0.05)

    def test_same_seed_same_answer_and_plain_functions_work(self, decoder):
        image = np.full((1, 4, 4, 1), -0.1, "float32")
        first, second = (latent.invert(decoder, image, steps=5, restarts=2, seed=3)[0] for _ in range(2))
        np.testing.assert_array_equal(first, second)
        as_function, _ = latent.invert(lambda z: decoder(z), image, steps=5, restarts=2, seed=3, latent_dim=3)
        np.testing.assert_allclose(as_function, first, atol=1e-6)

    def test_bad_input_is_refused(self, decoder):
        with pytest.raises(ValueError, match=r"images: expected shape \(N, 4, 4, 1\)"):
            latent.invert(decoder, np.full((1, 5, 4, 1), -0.5, "float32"))
        with pytest.raises(ValueError, match="images.to_float"):
            latent.invert(decoder, np.full((1, 4, 4, 1), 200, "uint8"))
        with pytest.raises(ValueError, match="latent_dim: expected an integer"):
            latent.invert(lambda z: decoder(z), np.full((1, 4, 4, 1), -0.5, "float32"))
        with pytest.raises(ValueError, match="restarts"):
            latent.invert(decoder, np.full((1, 4, 4, 1), -0.5, "float32"), restarts=0)
