"""The audit of the zoo's generators: its arithmetic on cases with known answers, and its sheet."""

import io

import audit_zoo
import numpy as np
import pytest
import zoo_recipes
from PIL import Image

RNG = np.random.default_rng(0)


def logits_of(probabilities):
    """Return logits (N, k) of rows of probabilities, moved by a constant that softmax does not see."""
    return np.log(np.asarray(probabilities, float)) + 7.0


def test_nearest_finds_copies_at_distance_zero_and_others_as_brute_force_does():
    train, x = RNG.normal(size=(300, 5)), RNG.normal(size=(40, 5))
    index, distance = audit_zoo.nearest(np.concatenate([x, train[[7, 123]]]), train)
    every = np.linalg.norm(x[:, None] - train, axis=2)
    np.testing.assert_array_equal(index[:40], every.argmin(axis=1))
    np.testing.assert_allclose(distance[:40], every.min(axis=1), rtol=1e-5)
    assert list(index[40:]) == [7, 123] and list(distance[40:]) == [0, 0]


def test_nearest_works_in_blocks(monkeypatch):
    train, x = RNG.normal(size=(50, 3)), RNG.normal(size=(11, 3))
    whole = audit_zoo.nearest(x, train)
    monkeypatch.setattr(audit_zoo, "_ROWS", 4)
    for a, b in zip(whole, audit_zoo.nearest(x, train), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_pixel_distance_is_a_root_mean_square_after_averaging():
    black, grey = np.zeros((1, 28, 28, 1), np.uint8), np.full((1, 28, 28, 1), 51, np.uint8)
    _, distance = audit_zoo.nearest(audit_zoo._pixels(grey), audit_zoo._pixels(black))
    assert distance[0] == pytest.approx(0.2)
    checks = np.indices((64, 64)).sum(axis=0)[None, ..., None] % 2 * np.full(3, 255)
    averaged = audit_zoo._pixels(checks.astype(np.uint8))
    assert averaged.shape == (1, 32 * 32 * 3)
    np.testing.assert_allclose(averaged * np.sqrt(3072), 0.5)


def test_frequency_ratios_count_excess_and_want_alike():
    known = np.repeat([0, 1, 2], [50, 25, 25])
    codes = np.repeat([0, 1, 2], [25, 50, 25])
    np.testing.assert_allclose(audit_zoo.frequency_ratios(codes, known, 3), [2, 2, 1])


def test_a_value_that_is_never_made_is_infinitely_too_rare_and_one_that_never_occurs_is_right():
    ratios = audit_zoo.frequency_ratios(np.zeros(10, int), np.repeat([0, 1], 5), 3)
    np.testing.assert_array_equal(ratios, [2, np.inf, 1])


def test_unsure_takes_the_least_sure_head():
    hat = logits_of([[0.95, 0.05], [0.5, 0.5], [0.95, 0.05], [0.91, 0.09]])
    eye = logits_of([[0.98, 0.01, 0.01], [0.98, 0.01, 0.01], [0.8, 0.1, 0.1], [0.98, 0.01, 0.01]])
    assert audit_zoo.unsure({"hat": hat}) == 0.25
    assert audit_zoo.unsure({"hat": hat, "eye": eye}) == 0.5


def test_frequencies_name_the_worst_value():
    names = {"hat": ["none", "red"], "eye": ["blue", "green"]}
    even = np.eye(2)[np.repeat([0, 1], 50)] * 9
    third = np.eye(2)[np.repeat([0, 1], [80, 20])] * 9
    found = audit_zoo.frequencies({"hat": even, "eye": third}, {"hat": even, "eye": even}, names)
    assert found["worst_value"] == "eye: green" and found["worst_frequency_ratio"] == pytest.approx(2.5)
    assert found["values_within_factor_1.5"] == "2 of 4"
    assert found["unsure"] == found["unsure_held_out"] == 0
    none = np.eye(2)[np.zeros(100, int)] * 9
    missing = audit_zoo.frequencies({"hat": even, "eye": none}, {"hat": even, "eye": even}, names)
    assert missing["worst_frequency_ratio"] is None and missing["worst_value"] == "eye: green"


def test_distances_and_rounding():
    facts = audit_zoo.distances(np.array([1.0, 2.0, 30.0]), np.array([4.0, 5.0, 6.00004]))
    assert facts == {"median": 2, "median_held_out": 5, "smallest": 1, "smallest_held_out": 4}
    assert audit_zoo.rounded({"a": {"b": 1.23456}, "n": 60_000, "none": None}) == {
        "a": {"b": 1.235},
        "n": 60_000,
        "none": None,
    }


class Stub:
    """Everything that ``audit`` takes from elsewhere, small: a model that copies its first training picture."""

    def __init__(self, monkeypatch):
        self.train = RNG.integers(0, 256, (40, 28, 28, 1), dtype=np.uint8)
        self.held_out = RNG.integers(0, 256, (30, 28, 28, 1), dtype=np.uint8)
        monkeypatch.setattr(zoo_recipes, "sample", lambda model, n, recipe: np.repeat(self.train[:1], 30, axis=0))
        monkeypatch.setattr(zoo_recipes, "reference", lambda recipe: self.held_out)
        monkeypatch.setattr(zoo_recipes, "load", lambda recipe, split: (self.train / np.float32(127.5) - 1, {}))


def test_an_audit_catches_a_copier_and_draws_its_pairs(monkeypatch, tmp_path):
    Stub(monkeypatch)
    facts = audit_zoo.audit(None, zoo_recipes.RECIPES["fashion-gan"], tmp_path / "new")
    assert facts["closer"] == facts["copies"] == 1
    assert facts["pixel_distance"]["median"] == facts["feature_distance"]["smallest"] == 0
    assert facts["pixel_distance"]["median_held_out"] > 0.2
    assert facts["training_pictures"] == 40
    assert {"worst_frequency_ratio", "worst_value", "values_within_factor_1.5", "unsure"} <= facts.keys()
    picture = Image.open(io.BytesIO((tmp_path / "new" / "audit.png").read_bytes()))
    assert picture.size[1] > picture.size[0] > 600
