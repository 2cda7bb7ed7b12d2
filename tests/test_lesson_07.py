"""The record of lesson 07's laboratory: complete, consistent with itself, and what the lesson's tables are made of."""

import json

import numpy as np
import pytest
import record_lesson_07
from lesson_code import definitions

from course_lib import _assets, metrics

ORDERED = {f"{part}/{name}": methods for part, name, methods in record_lesson_07.PARTS}


@pytest.fixture(scope="module")
def record():
    return json.loads(record_lesson_07.RECORD.with_suffix(".json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def samples(record):
    return _assets.read_npz("lessons/07_mode_lab.npz", record["sha256"], rebuild="python tools/record_lesson_07.py")


def parts(record):
    """Yield part, data set and methods of the record."""
    for key, methods in record["methods"].items():
        yield *key.split("/"), methods


def test_every_method_was_played_with_every_seed(record):
    played = {(g["part"], g["data"], g["method"], g["seed"]) for g in record["games"]}
    wanted = {
        (part, name, m, seed) for part, name, methods in parts(record) for m in methods for seed in record["seeds"]
    }
    assert played == wanted
    assert len(record["games"]) == len(wanted)
    assert len(record["seeds"]) >= 3


def test_the_record_holds_the_causes_and_the_cures_that_the_lesson_speaks_of(record):
    methods = record["methods"]
    assert methods["provoke/ring"] == ORDERED["provoke/ring"]
    families = ("none", "momentum 0.5", "packing 2", "packing 4", "R1", "spectral", "relativistic", "WGAN-GP")
    for family in families:
        assert any(method.startswith(family) for method in methods["cure/ring"]), family
    for key in methods:
        assert methods[key].items() <= ORDERED[key].items()


def test_the_record_says_what_was_run_where_and_when(record):
    assert record["networks"] == record_lesson_07.NETWORKS
    assert record["generator_steps"] == record_lesson_07.STEPS
    assert set(record["versions"]) == {"tensorflow", "keras", "numpy"}
    assert all(record[key] for key in ("what", "hardware", "date", "cpu_minutes", "licence"))


def test_a_games_numbers_agree_with_its_counts(record):
    n = record["samples_measured"]
    for game in record["games"]:
        counts = np.array(game["counts"])
        assert len(counts) == {"ring": 8, "grid": 25}[game["data"]]
        assert game["kept"] == np.sum(counts >= 0.1 * n / len(counts))
        assert np.isclose(game["high_quality"], counts.sum() / n, atol=1e-4)
        if counts.any():
            h = counts[counts > 0] / counts.sum()
            assert np.isclose(game["reverse_kl"], np.log(len(counts)) + np.sum(h * np.log(h)), atol=1e-4)
        assert game["curve"]["step"][-1] == record["generator_steps"]
        assert game["curve"]["kept"][-1] == game["kept"]


def test_the_kept_samples_are_those_that_were_measured(record, samples):
    for part, name, methods in parts(record):
        _, centres = record_lesson_07.mixture(name)
        for method in methods:
            number = list(ORDERED[f"{part}/{name}"]).index(method)
            points = samples[f"{part}_{name}_{number:02d}"].astype(float)
            game = next(
                g for g in record["games"] if (g["part"], g["data"], g["method"], g["seed"]) == (part, name, method, 0)
            )
            share = metrics.mode_coverage(points, centres, record_lesson_07.STD[name])["high_quality"]
            # 500 of the 10,000 samples; rounding them to float16 moves at most a few across the 3σ circle.
            assert abs(share - game["high_quality"]) < 4 * np.sqrt(0.25 / len(points)) + 0.01


def test_the_lessons_tables_come_from_the_record(record):
    space = {"np": np}
    code = definitions("07_when_gans_go_wrong", {"late", "over_seeds", "spread", "table"}, space)
    for part, name, methods in parts(record):
        rows = code["table"](record["games"], part, name).split("\n")[2:]
        assert [row.split("|")[1].strip() for row in rows] == list(methods)
        for row, method in zip(rows, methods, strict=True):
            games = [g for g in record["games"] if (g["part"], g["data"], g["method"]) == (part, name, method)]
            kept = sorted(float(np.median(g["curve"]["kept"][-4:])) for g in games)
            assert row.split("|")[2].strip() == f"{kept[1]:.1f} [{kept[0]:.1f}, {kept[-1]:.1f}]"
            averaged = sorted(g["averaged"]["kept"] for g in games)
            assert row.split("|")[5].strip() == f"{averaged[1]:.0f} [{averaged[0]:.0f}, {averaged[-1]:.0f}]"
