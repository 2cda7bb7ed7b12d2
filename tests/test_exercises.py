"""Exercises stop at the first unsolved task only; their checks accept the solution and know the usual mistakes.

The wrong answers live in ``exercises/catalogue_NN.py``; CONTRIBUTING.md describes their form.
"""

import re
import runpy
from pathlib import Path

import nbformat
import notebook_source
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from course_lib.checks import CheckError

ROOT = Path(__file__).resolve().parents[1]
EXERCISES = [target for target in notebook_source.targets(ROOT) if target.kind == "exercises"]
CATALOGUES = {path.stem[-2:]: path for path in sorted((Path(__file__).parent / "exercises").glob("catalogue_*.py"))}


def catalogued():
    """Return every task of every catalogue: "NN-check" -> (check, right answer, wrong answers)."""
    tasks = [(number, task) for number, path in CATALOGUES.items() for task in runpy.run_path(str(path))["CATALOGUE"]]
    return {f"{number}-{task[0].__name__}": task for number, task in tasks}


TASKS = catalogued()


def verdict(check, answer):
    """Return the message of the ``CheckError`` that ``check`` raises for a wrong answer."""
    with pytest.raises(CheckError) as caught:
        check(answer)
    return str(caught.value)


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_the_check_accepts_the_solution(task, capsys):
    check, right, _ = task
    check(right)
    assert capsys.readouterr().out.startswith("Passed: ")


@pytest.mark.parametrize(
    ("check", "wrong", "fragment"),
    [
        pytest.param(check, wrong, fragment, id=f"{name}-{mistake}")
        for name, (check, _, mistakes) in TASKS.items()
        for mistake, (wrong, fragment) in mistakes.items()
    ],
)
def test_the_check_rejects_a_known_mistake_with_its_own_hint(check, wrong, fragment):
    assert fragment in verdict(check, wrong)


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_every_task_knows_three_mistakes_and_tells_them_apart(task):
    check, _, mistakes = task
    assert len(mistakes) >= 3
    for name, (wrong, _) in mistakes.items():
        message = verdict(check, wrong)
        others = [fragment for other, (_, fragment) in mistakes.items() if other != name]
        assert not any(fragment in message for fragment in others), f"{name}: {message}"


@pytest.mark.parametrize("target", EXERCISES, ids=lambda target: target.name)
def test_every_check_of_an_exercise_is_in_its_catalogue(target):
    used = set(re.findall(r"^checks\.(\w+)\(", target.source.read_text(encoding="utf-8"), re.MULTILINE))
    known = {name.partition("-")[2] for name in TASKS if name.startswith(target.name[:2])}
    assert used and used == known


@pytest.mark.notebook
@pytest.mark.parametrize("target", EXERCISES, ids=lambda target: target.name)
def test_an_exercise_runs_until_its_first_unsolved_task(target):
    notebook = nbformat.read(target.path, as_version=4)
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(target.path.parent)}}
    )
    with pytest.raises(CellExecutionError) as caught:
        client.execute()
    assert (caught.value.ename, caught.value.evalue) == ("NotImplementedError", notebook_source.UNSOLVED)
