"""The recipes of the style networks: patches that keep their split, one small training each to its card, the scores."""

import json

import numpy as np
import pytest
import style_recipes
import train_zoo
import zoo_recipes

from course_lib import _assets, data, images, nets, style, zoo

RECIPES = {name: recipe for name, recipe in zoo_recipes.RECIPES.items() if recipe.kind in zoo_recipes.STYLED}


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Leave three small pictures, few patches, a narrow network, and folders of the test's own."""
    rng = np.random.default_rng(0)
    works = [data.Work(rng.integers(0, 80, (80, 260, 3), dtype=np.uint8) + 80 * k, "", "", "") for k in range(3)]
    works = [work._replace(image=work.image.astype(np.uint8)) for work in works]
    monkeypatch.setattr(data, "load_photos", lambda split: works[:1])
    monkeypatch.setattr(data, "load_paintings", lambda: works[1:])
    monkeypatch.setattr(style_recipes, "SIDES", (60, 80))
    monkeypatch.setattr(style_recipes, "COUNTS", {"train": 48, "test": 24})
    monkeypatch.setattr(style_recipes, "PAIRS", {"train": 16, "test": 20})
    (tmp_path / "zoo").mkdir()
    monkeypatch.setattr(_assets, "ROOT", tmp_path)
    monkeypatch.setattr(train_zoo, "RUNS", tmp_path / "runs")
    narrow = {
        name: zoo_recipes.Recipe(**(vars(recipe) | {"arguments": {"width": 4}, "epochs": 1}))
        for name, recipe in RECIPES.items()
    }
    monkeypatch.setattr(train_zoo, "RECIPES", narrow)
    return works


def test_patches_are_balanced_seeded_and_of_their_own_part(small, monkeypatch):
    cut, labels = style_recipes.patches("train")
    assert cut.shape == (48, 48, 48, 3)
    assert cut.dtype == np.uint8
    np.testing.assert_array_equal(np.bincount(labels), [16, 16, 16])
    np.testing.assert_array_equal(style_recipes.patches("train")[0], cut)
    across = [np.broadcast_to(np.arange(240, dtype=np.uint8)[None, :, None], (48, 240, 3))]
    monkeypatch.setattr(style_recipes, "SIDES", (48,))
    rng = np.random.default_rng(0)
    seen = {split: style_recipes._cut(across, np.zeros(60, int), split, rng) for split in ("train", "test")}
    assert seen["train"].max() < seen["test"].min(), "no test pixel lies in the part that is trained on"


def test_some_pairs_are_the_same_patch_and_the_others_differ(small):
    contents, styles = style_recipes.pairs("train")
    same = np.abs(contents.astype(int) - styles).max(axis=(1, 2, 3)) == 0
    assert 0 < same.sum() < len(same)
    np.testing.assert_array_equal(style_recipes.pairs("train")[1], styles)


def test_both_networks_train_to_a_card_and_load_again(small, monkeypatch):
    monkeypatch.setattr(style, "feature_network", lambda name: _network(name))
    for name in RECIPES:
        train_zoo.train(name)
        train_zoo.evaluate(name)
        card = zoo.card(name)
        assert {"training", "minutes", "seed", "metrics"} <= set(card)
        assert card["arguments"] == {"width": 4}
    scores = zoo.card("style-features")["metrics"]
    assert scores["nearest_mean_accuracy"] > 0.6, "the three pictures differ in brightness"
    assert scores["chance"] == 0.3333
    scores = zoo.card("style-decoder")["metrics"]
    assert scores["test_pairs"] < 20
    assert all(np.isfinite(value) for value in scores.values())
    json.dumps(scores)


def _network(name):
    model = zoo.load("style-features") if name == "course" else style.untrained_features(width=4)
    return style.FeatureNetwork(model, "block3_relu1", ("block1_relu1",))


def test_the_stored_features_are_those_that_were_trained(small):
    model = style_recipes.build(train_zoo.RECIPES["style-features"], steps=3)
    x = images.to_float(style_recipes.patches("test")[0])
    published = style_recipes.published(model)
    assert set(published(x[:2])) == set(nets.style_features(4).output)
    assert published.count_params() == nets.style_features(4).count_params()
    assert model(x[:2])["picture"].shape == (2, 3)
