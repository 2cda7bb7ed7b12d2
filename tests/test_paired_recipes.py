"""The recipes of super-resolvers and colorizer: the pairs they train on, one small training to its card, the scores."""

import json

import numpy as np
import paired_recipes
import pytest
import train_zoo
import zoo_recipes

from course_lib import _assets, colour, data, images, nets, zoo
from course_lib._photos import Patches

PAIRED = {name: r for name, r in zoo_recipes.RECIPES.items() if r.kind in zoo_recipes.PAIRED}


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Leave 24 patches of 32 pixels, 24 faces, two small photographs, and folders of the test's own."""
    patches = {split: data.photo_patches(split, size=32, stride=200) for split in ("train", "test")}
    few = {s: Patches(p.images[:24], np.arange(24) % 3, ["a", "b", "c"]) for s, p in patches.items()}
    faces = {size: data.compose_faces(data.random_attributes(24, seed=3), size) for size in (64, 128)}
    attributes = data.random_attributes(24, seed=3)
    works = [work._replace(image=work.image[:50, :60]) for work in data.load_photos("test")[:2]]
    monkeypatch.setattr(data, "photo_patches", lambda split: few[split])
    monkeypatch.setattr(data, "load_photos", lambda split: works)
    monkeypatch.setattr(data, "load_faces", lambda split, size=64: data.Faces(faces[size], attributes, {}))
    monkeypatch.setattr(paired_recipes, "distances", lambda made, target: {})  # Lite0 on every method takes long
    load, classifier = zoo.load, zoo.load("faces-classifier")
    monkeypatch.setattr(zoo, "load", lambda name: classifier if name == "faces-classifier" else load(name))
    (tmp_path / "zoo").mkdir()
    monkeypatch.setattr(_assets, "ROOT", tmp_path)
    monkeypatch.setattr(train_zoo, "RUNS", tmp_path / "runs")
    return tmp_path


@pytest.mark.parametrize("name", PAIRED)
def test_batches_fit_the_networks(small, name):
    recipe = PAIRED[name]
    x, y = paired_recipes.batches(recipe)[0]
    assert len(x) == len(y) == recipe.batch_size
    assert x.dtype == y.dtype == np.float32 and np.abs(x).max() <= 1 and np.abs(y).max() <= 1
    if recipe.kind == "colorizer":
        assert x.shape[-1] == recipe.arguments["in_channels"] and y.shape == (*x.shape[:3], 2)
        assert recipe.arguments["out_channels"] == len(colour.gamut_bins(paired_recipes.SPACING).centres)
        assert len(np.unique(x[..., 0])) <= paired_recipes.LEVELS
    else:
        factor = recipe.arguments["factor"]
        assert y.shape == (len(x), factor * x.shape[1], factor * x.shape[2], 3)


def test_a_recipe_trains_to_its_card_and_measures_itself(small, monkeypatch):
    recipe = zoo_recipes.Recipe("tiny", "upscaler", "photos", 2, {"factor": 2, "width": 4, "blocks": 1}, 8)
    monkeypatch.setitem(train_zoo.RECIPES, "tiny", recipe)
    train_zoo.train("tiny")
    card = zoo.card("tiny")
    assert card["builder"] == "residual_upscaler" and card["training"]["steps"] == 6
    assert card["data"] == "photos, 24 training images"
    before = zoo.load("tiny").get_weights()
    train_zoo.train("tiny")  # it goes on from its backup, where there is nothing left to do
    for old, new in zip(before, zoo.load("tiny").get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    train_zoo.evaluate("tiny")
    measured = zoo.card("tiny")["metrics"]
    assert set(measured["psnr_y"]) == {"network", *images.ENLARGERS}
    assert measured["border_crop"] == 2 and len(measured["whole_photographs"]["gain_y_db"]) == 2
    json.dumps(measured)


def test_a_network_that_is_bicubic_gains_nothing(small):
    recipe = PAIRED["photos-sr-x2"]
    facts = paired_recipes.resolution(nets.residual_upscaler(2, width=4, blocks=1), recipe)
    for interval in (facts["gain_y_db_95"]["over_images"], facts["gain_y_db_95"]["over_photographs"]):
        np.testing.assert_allclose(interval, 0, atol=0.005)
    np.testing.assert_allclose(facts["whole_photographs"]["mean_95"], 0, atol=0.005)
    assert facts["psnr_y"]["bicubic"] > facts["psnr_y"]["nearest"]
    assert facts["psnr_y"]["bicubic"] > facts["psnr_rgb"]["bicubic"]


def test_colours_are_read_right_in_true_pictures_and_not_in_grey_ones(small):
    bins = colour.gamut_bins(paired_recipes.SPACING)
    grey = np.eye(len(bins.centres), dtype=np.float32)[bins.nearest(np.zeros(2))]

    def answers_grey(x):
        return np.broadcast_to(20 * grey, (len(x), 32, 32, len(grey)))

    facts = paired_recipes.colours(answers_grey)
    assert facts["faces"] == 24 and set(facts["classifier_reads"]["truth"].values()) == {1.0}
    assert facts["classifier_reads"]["no_hints"] == facts["classifier_reads"]["grey"]
    assert facts["classifier_reads"]["grey"]["background"] < 0.7
    assert facts["mean_chroma"]["no_hints"] < 1 < facts["mean_chroma"]["truth"]
