"""What the recorders share: finished runs on disk, facts of the machine, and the record's files."""

import json
import os

import numpy as np
import record_lesson_10
from recording import Runs, cpu_model, machine, write_record

from course_lib import _assets, runtime


def test_a_finished_run_comes_back_as_it_was(tmp_path):
    runs = Runs(tmp_path / "study")
    assert not runs.done("rate 1e-4, β₁ 0.9")
    facts = {"setting": "β₁ 0.9", "distance": 12.5, "curve": [[1.0, 2.0]], "diverged": None}
    runs.save("rate 1e-4, β₁ 0.9", facts, samples=np.arange(6, dtype=np.uint8))
    found, arrays = Runs(tmp_path / "study").load("rate 1e-4, β₁ 0.9")
    assert found == facts and arrays["samples"].tolist() == list(range(6))
    assert runs.done("rate 1e-4, β₁ 0.9") and not runs.done("rate 1e-4")


def test_a_run_that_was_killed_while_it_was_written_is_not_done(tmp_path):
    runs = Runs(tmp_path)
    runs.path("run").with_suffix(".part").write_bytes(b"half of a file")
    assert not runs.done("run")


def test_every_run_of_the_study_has_a_file_of_its_own(tmp_path):
    runs = Runs(tmp_path)
    files = [runs.path(record_lesson_10.name_of(*pair)) for pair in record_lesson_10.order()]
    assert len(set(files)) == len(files) and all(file.parent == tmp_path for file in files)


def test_machine_says_what_and_when():
    report = runtime.setup(0)
    facts = machine(report)
    assert facts["versions"] == {"tensorflow": report.tensorflow, "keras": report.keras, "numpy": np.__version__}
    assert facts["hardware"].startswith(f"one of {os.cpu_count()} CPU cores") and cpu_model() in facts["hardware"]
    assert machine(report, cores="")["hardware"].startswith(f"{os.cpu_count()} CPU cores")
    assert len(facts["date"].split("-")) == 3


def test_a_record_is_readable_and_knows_its_arrays(tmp_path):
    rows = [{"seed": 0, "distance": 1.5}, {"seed": 1, "distance": None}]
    write_record(tmp_path / "10_test", {"what": "β"}, rows, {"samples": np.zeros(3)})
    text = (tmp_path / "10_test.json").read_text(encoding="utf-8")
    record = json.loads(text)
    assert record["what"] == "β" and record["runs"] == rows
    assert record["sha256"] == _assets.sha256(tmp_path / "10_test.npz")
    assert sum('"seed"' in line for line in text.splitlines()) == 2, "one line for each run"
