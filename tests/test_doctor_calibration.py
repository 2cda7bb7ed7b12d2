"""The GAN doctor against the recorded runs: thresholds as calibrated, hits and false alarms no worse than measured."""

import numpy as np
import pytest
import record_doctor_runs as recorder

from course_lib import _diagnoses
from course_lib.explore import doctor_panel

RUNS = doctor_panel.recorded_runs()
CARD = doctor_panel.recorded_card()
SICKNESSES = [name for name in recorder.MET if name != "healthy"]


def half(name):
    return [run for run in RUNS if run["half"] == name]


def alarms(table):
    """Number of healthy runs that get a diagnosis."""
    return table["healthy"]["runs"] - table["healthy"]["hits"]


def test_the_halves_are_split_by_seed_and_hold_every_setting():
    settings = {setting.name for setting in recorder.SETTINGS}
    for name, remainder in (("calibration", 0), ("test", 1)):
        assert all(run["seed"] % 2 == remainder for run in half(name))
        assert {run["name"] for run in half(name)} == settings


def test_labels_follow_the_rules_from_the_judge_s_numbers():
    for run in RUNS:
        assert recorder.label(run["provokes"], run["outcome"]) == (run["label"], run["also"]), run["name"]
    for name in ("calibration", "test"):
        assert CARD["dropped"][name] == sum(not run["label"] for run in half(name))
        assert {run["label"] for run in half(name)} >= set(recorder.MET), "every name occurs in both halves"


def test_thresholds_are_those_of_the_calibration_half():
    chosen = recorder.calibrate(half("calibration"))
    for name, value in _diagnoses.THRESHOLDS.items():
        assert value == pytest.approx(chosen[name][0], rel=0.05, abs=0.01), name
        assert CARD["thresholds"][name]["value"] == pytest.approx(chosen[name][0], rel=1e-4), name


def test_calibration_puts_a_threshold_between_the_healthy_and_the_last_sick_run_it_catches():
    def run(label, bins):
        return {"label": label, "also": [], "records": [recorder_record(bins=bins)] * 6}

    runs = [run("healthy", 0.8), run("healthy", 0.9), run("collapse", 0.6), run("collapse", 0.1), run("collapse", 0.95)]
    threshold, caught, sick = recorder.calibrate(runs)["bins"]
    assert (threshold, caught, sick) == (pytest.approx(0.7), 2, 3)


def recorder_record(**changes):
    names = ("separation", "logit_gap", "diversity", "recall", "movement", "accuracy_fake")
    return dict.fromkeys((*names, "dead_generator", "dead_discriminator"), 0.5) | changes


@pytest.mark.parametrize("name", ["calibration", "test"])
def test_the_confusion_table_is_the_recorded_one(name):
    assert recorder.confusion(half(name)) == CARD["confusion"][name]


@pytest.mark.parametrize("sickness", SICKNESSES)
def test_sensitivity_is_no_worse_than_measured(sickness):
    """The bound that a changed rule has to meet, also where the record is written anew."""
    row = recorder.confusion(half("test"))[sickness]
    assert row["hits"] >= CARD["confusion"]["test"][sickness]["hits"]
    assert row["hits"] >= row["runs"] / 2, "a rule that misses more than half of its runs is no rule"


def test_false_alarms_are_no_more_than_measured():
    table = recorder.confusion(half("test"))
    assert alarms(table) <= alarms(CARD["confusion"]["test"])
    assert alarms(table) <= 0.25 * table["healthy"]["runs"]


def test_a_doctor_that_always_or_never_finds_something_would_fail(monkeypatch):
    good = recorder.confusion(half("test"))
    calibrated = dict(_diagnoses.THRESHOLDS)
    for factor in (1e-9, 1e9):
        thresholds = {name: value * factor for name, value in calibrated.items()}
        monkeypatch.setattr(_diagnoses, "THRESHOLDS", thresholds)
        table = recorder.confusion(half("test"))
        assert alarms(table) > alarms(good) or sum(row["hits"] for row in table.values()) < sum(
            row["hits"] for row in good.values()
        )


def test_known_modes_cost_no_hit():
    points = [run for run in half("test") if run["data"] != "fashion"]
    known = recorder.confusion(points, modes_known=True)
    assert known == CARD["confusion_with_modes"]
    assert known["collapse"]["hits"] >= recorder.confusion(points)["collapse"]["hits"]


def test_measurements_are_whole():
    for run in RUNS:
        assert len(run["records"]) == recorder.VISITS + 1 == len(run["d_loss"])
        values = [v for r in run["records"][1:] for k, v in r.items() if not k.startswith("reach")]
        assert np.isfinite(values).all(), run["name"]
