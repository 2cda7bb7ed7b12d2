"""The measurement of a flow at few steps: evaluations are counted, all start from one noise, distances are right."""

import few_steps
import numpy as np
import pytest
import zoo_recipes

from course_lib import diffusion, metrics


class Flow:
    """A flow to N(0.3, 0.2²) in two pixels with its exact velocity, which counts its evaluations of a batch."""

    image_shape = (1, 2, 1)

    def __init__(self):
        self.evaluations = 0
        self.starts = []

    def flow(self, x, steps, method):
        self.starts.append(x)

        def velocity(x, t):
            self.evaluations += 1
            flat = diffusion.gaussian_velocity(x.reshape(len(x), 2), t, [0.3, 0.3], 0.04 * np.eye(2))
            return flat.reshape(x.shape)

        return diffusion.integrate(velocity, x, steps, method)


class Pixels:
    """An extractor whose features are the pixels."""

    def __init__(self, source):
        assert source == "fashion"

    def __call__(self, pictures):
        return np.asarray(pictures, float).reshape(len(pictures), -1)


@pytest.fixture
def facts(monkeypatch):
    rng = np.random.default_rng(0)
    real = 0.3 + 0.2 * rng.standard_normal((4000, 1, 2, 1), dtype=np.float32)
    monkeypatch.setattr(metrics, "FeatureExtractor", Pixels)
    monkeypatch.setattr(zoo_recipes, "reference", lambda recipe: np.rint((real[2000:] + 1) * 127.5).astype(np.uint8))
    monkeypatch.setattr(zoo_recipes, "load", lambda recipe, split: (real[:2000], {}))
    model = Flow()
    return model, few_steps.few_steps(model, zoo_recipes.RECIPES["fashion-flow"], samples=1000, evaluations=(1, 2, 16))


def test_distances_fall_to_the_floor_and_one_step_has_no_variance(facts):
    _, found = facts
    assert found["samples"] == 1000
    euler, heun = found["euler"], found["heun"]
    assert list(euler) == ["1", "2", "16"] and list(heun) == ["2", "16"]
    # all samples of one Euler step are the mean: the distance is the lost variance, (0.2 · 127.5)² in each pixel
    assert euler["1"]["frechet_distance"] == pytest.approx(2 * 25.5**2, rel=0.1)
    assert heun["16"]["frechet_distance"] < 10 * found["frechet_floor_real_vs_real"] + 5
    assert euler["1"]["frechet_distance"] > euler["2"]["frechet_distance"] > euler["16"]["frechet_distance"]


def test_evaluations_are_counted_and_every_set_starts_from_the_same_noise(facts):
    model, found = facts
    warm_up = 3 * 1 + 2 * 2  # one step of each setting before the clock starts
    batches = 1000 // few_steps.BATCH
    assert model.evaluations == warm_up + batches * (1 + 2 + 16 + 2 + 16)
    starts = [x for x in model.starts if len(x) == few_steps.BATCH]
    for k in range(batches, len(starts)):
        np.testing.assert_array_equal(starts[k], starts[k % batches])
    assert all(row["milliseconds_per_picture"] >= 0 for row in found["euler"].values())
