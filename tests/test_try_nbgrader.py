"""Grading: the made-up submissions are what they say, and the kernel that answers run in keeps them in its room."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import try_nbgrader

GUARD, WALLED = try_nbgrader.load_guard()
FILE = Path(GUARD.__file__)
needs_wall = pytest.mark.skipif(not WALLED, reason="bubblewrap is not installed or not allowed here")


def cell(name, source, **mark):
    return {"id": name, "cell_type": "code", "source": source, "metadata": {"nbgrader": mark} if mark else {}}


@pytest.fixture
def made(tmp_path):
    """Every submission for an exercise of two tasks."""
    solved, released = (
        {
            "cells": [
                cell("text", "1"),
                cell("a", first, solution=True, grade=False),
                cell("check-a", "checks.a(a)", solution=False, grade=True),
                cell("b", second, solution=True, grade=False),
                cell("check-b", "checks.b(b)", solution=False, grade=True),
            ]
        }
        for first, second in (("a = 1", "b = 2"), ("raise", "raise"))
    )
    made = try_nbgrader.submissions(released, solved, tmp_path, harmful=True)
    return {name: ([c["source"] for c in notebook["cells"]], share) for name, (notebook, share) in made.items()}


def test_answers_stand_where_the_name_says(made):
    assert made["complete"] == (["1", "a = 1", "checks.a(a)", "b = 2", "checks.b(b)"], (1, 1))
    assert made["untouched"] == (["1", "raise", "checks.a(a)", "raise", "checks.b(b)"], (0, 0))
    assert made["half"][0] == ["1", "a = 1", "checks.a(a)", "raise", "checks.b(b)"]
    assert made["checks_deleted"][0] == ["1", "raise", "pass", "raise", "pass"]


@pytest.mark.parametrize("name", [*try_nbgrader.HARMLESS, *try_nbgrader.HARMFUL])
def test_a_harmful_cell_replaces_the_first_answer_only_and_is_code(made, name):
    sources, (low, high) = made[name]
    assert sources[2:] == made["complete"][0][2:] and low == 0 and high < 1
    compile(sources[1], name, "exec")


def test_harm_is_left_out_where_there_is_no_wall(tmp_path):
    exercise = {"cells": [cell("a", "raise", solution=True)]}
    made = try_nbgrader.submissions(exercise, exercise, tmp_path, harmful=False)
    assert set(try_nbgrader.HARMLESS) < set(made) and not set(try_nbgrader.HARMFUL) & set(made)


def test_the_kernel_is_described_for_jupyter(tmp_path):
    description = json.loads(GUARD.install(tmp_path, cpu_seconds=7).read_text())
    assert description["argv"] == [sys.executable, str(FILE), "{connection_file}", "7"]
    assert description["interrupt_mode"] == "message", "a signal would end the wall and the kernel with it"
    settings = (FILE.parent / "nbgrader_config.py").read_text()
    assert f'kernel_name = "{GUARD.NAME}"' in settings


@pytest.mark.skipif(os.name == "nt", reason="a shell script stands in for bubblewrap")
def test_the_limits_hold_before_the_wall_is_built(tmp_path):
    fake = tmp_path / "bwrap"
    fake.write_text('#!/bin/sh\nulimit -t; ulimit -c; echo "$@"\n')
    fake.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    command = [sys.executable, str(FILE), "connection.json", "77"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    seconds, core, started = run.stdout.splitlines()
    assert (seconds, core) == ("77", "0")
    assert started.endswith(f"-- {sys.executable} -m ipykernel_launcher -f connection.json")


def behind(source):
    """Run Python source behind the wall and return what it printed."""
    command = [*GUARD.wall("/absent"), sys.executable, "-c", source]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    return run.stdout.split("\n")[:-1]


@needs_wall
def test_behind_the_wall_the_library_works_and_nothing_else_of_the_course_is_seen():
    looks = "import os, course_lib; print(course_lib.__version__); print(sorted(os.listdir(os.path.dirname({!r}))))"
    version, seen = behind(looks.format(str(try_nbgrader.ROOT / "course_lib")))
    assert version and set(json.loads(seen.replace("'", '"'))) <= {"course_lib", ".venv", ".venv-colab"}
    assert behind(f"import os; print(os.path.exists({str(FILE)!r}), os.getcwd(), 'SECRET' in os.environ)") == [
        "False /tmp False"
    ]


@needs_wall
def test_behind_the_wall_nothing_outside_can_be_written(tmp_path):
    mine = tmp_path / "mine"
    mine.write_text("safe")
    places = [str(try_nbgrader.ROOT / "course_lib" / "harm"), str(Path(sys.prefix) / "harm"), "/usr/harm"]
    attack = (
        "import pathlib, shutil\n"
        f"shutil.rmtree({str(tmp_path)!r}, ignore_errors=True)\n"
        f"for place in {places}:\n"
        "    try:\n        pathlib.Path(place).write_text('')\n"
        "    except OSError as error:\n        print(error.strerror)\n"
        "pathlib.Path('/tmp/own').write_text('')"
    )
    assert behind(attack) == ["Read-only file system"] * 3
    assert mine.read_text() == "safe" and not any(Path(place).exists() for place in [*places, "/tmp/own"])


@needs_wall
def test_what_was_started_behind_the_wall_ends_with_it():
    number = f"86398.{os.getpid()}"
    start = f"import subprocess; subprocess.Popen(['sleep', '{number}'], start_new_session=True); print('started')"
    assert behind(start) == ["started"]
    running = subprocess.run(["ps", "-A", "-o", "args="], capture_output=True, text=True, timeout=60).stdout
    assert number not in running and "ps -A" in running
