"""The record of lesson 08's loss zoo: complete, labelled, and within what can be."""

import itertools
import json

import numpy as np
import pytest
import record_lesson_08

from course_lib import _assets, losses

RECORD = json.loads((_assets.ROOT / "lessons" / "08_loss_zoo.json").read_text(encoding="utf-8"))
RUNS = RECORD["runs"]


def test_every_combination_is_recorded_once():
    keys = [(run["seed"], run["loss"], run["regulariser"]) for run in RUNS]
    wanted = itertools.product(record_lesson_08.SEEDS, losses.GAN_LOSSES, record_lesson_08.REGULARISERS)
    assert keys == list(wanted)


def test_the_record_says_how_it_was_made():
    for name in ("what", "network", "budget", "optimizer", "regularisers", "metric", "hardware", "versions", "created"):
        assert RECORD[name], name
    assert RECORD["minutes"] == pytest.approx(sum(run["seconds"] for run in RUNS) / 60, abs=0.1)


def test_numbers_are_possible_and_belong_together():
    for run in RUNS:
        curve = np.array(run["curve"])
        assert curve[-1].tolist() == [run["steps"], run["frechet"]] or run["diverged"]
        assert RECORD["floor"] < curve[:, 1].min()
        assert 0 <= run["precision"] <= 1
        assert 0 <= run["recall"] <= 1


def test_the_samples_are_those_of_the_first_seed():
    samples = _assets.read_npz("lessons/08_loss_zoo.npz", RECORD["sha256"])["samples"]
    first = [run for run in RUNS if run["seed"] == record_lesson_08.SEEDS[0]]
    assert samples.shape == (len(first), record_lesson_08.PICTURES, 28, 28, 1)
    assert samples.dtype == np.uint8


def test_the_recorder_trains_what_it_says():
    """The penalties and the spectral norm reach the model, with the weights that the record names."""
    plain = record_lesson_08.make("hinge", "none", 0)
    r1 = record_lesson_08.make("hinge", "r1", 0)
    normed = record_lesson_08.make("hinge", "spectral_norm", 0)
    assert plain.penalty is None
    assert (r1.penalty_weight, r1.penalty_every) == (0.5, 1)
    assert any(type(layer).__name__ == "SpectralNorm" for layer in normed.discriminator.layers)
    assert plain.gan_loss is losses.GAN_LOSSES["hinge"]
