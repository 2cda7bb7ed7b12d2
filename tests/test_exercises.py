"""Exercises stop at the first unsolved task only; their checks accept the solution and know the usual mistakes.

The wrong answers live in ``exercises/catalogue_NN.py``; CONTRIBUTING.md describes their form.
"""

import re
import runpy
from itertools import pairwise
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


INVITATION = "Stuck? Each task has two hints and a worked idea, folded below its statement: open them one at a time."
FOLDED = re.compile(r"<details><summary>(.+?)</summary>\n\n(.+?)\n\n</details>", re.DOTALL)


def hinted(target, mark):
    """Return (the cell before it, source) for every code cell of ``target`` that holds ``mark``."""
    cells = notebook_source.build(target).cells
    return [
        (before, cell.source) for before, cell in pairwise(cells) if cell.cell_type == "code" and mark in cell.source
    ]


def solution_of(target):
    return notebook_source.Target(target.root, "solutions", target.name)


def sections(number):
    """Return the numbered sections of lesson ``number``: section -> its text."""
    [script] = (ROOT / "lessons/notebooks").glob(f"{number}_*.py")
    text = script.read_text(encoding="utf-8").replace("\n# ", "\n")
    parts = re.split(r"^## (?:(\d+) · )?", text, flags=re.MULTILINE)[1:]
    return {name: part for name, part in zip(parts[::2], parts[1::2], strict=True) if name}


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


@pytest.mark.parametrize("target", EXERCISES, ids=lambda target: target.name)
def test_every_task_has_its_three_steps_folded_before_the_code(target):
    tasks = hinted(target, notebook_source.UNSOLVED)
    assert len(tasks) == len(hinted(solution_of(target), "### BEGIN SOLUTION")) >= 6
    for cell, code in tasks:
        steps = FOLDED.findall(cell.source)
        assert cell.cell_type == "markdown", code
        assert [name for name, _ in steps] == ["Hint 1", "Hint 2", "Worked idea"], code
        assert FOLDED.sub("", cell.source).strip() == "", "text outside of the folds would be seen at once"
        assert len({text for _, text in steps}) == 3 and min(len(text.split()) for _, text in steps) >= 6, code


@pytest.mark.parametrize("target", EXERCISES, ids=lambda target: target.name)
def test_an_exercise_invites_to_its_hints(target):
    assert INVITATION in notebook_source.build(target).cells[0].source


@pytest.mark.parametrize("target", EXERCISES, ids=lambda target: target.name)
def test_no_hint_gives_a_line_of_the_solution_away(target):
    for cell, code in hinted(solution_of(target), "### BEGIN SOLUTION"):
        hint = re.sub(r"\s", "", cell.source)
        inside = "\n".join(re.findall(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", code, re.DOTALL))
        lines = [re.sub(r"\s|#.*", "", line) for line in inside.splitlines()]
        assert [line for line in lines if len(line) > 25 and line in hint] == []


@pytest.mark.parametrize("target", EXERCISES, ids=lambda target: target.name)
def test_hints_point_to_sections_that_the_lesson_has(target):
    """Whoever renumbers or renames a section finds the hints that cite it."""
    text = "\n".join(cell.source for cell, _ in hinted(target, notebook_source.UNSOLVED))
    cited = re.findall(r"[Ss]ections? (\d+(?:(?:,| and|, and) \d+)*)(?: of lesson (\d\d))?", text)
    assert len(cited) >= 4
    for numbers, other in cited:
        assert set(re.findall(r"\d+", numbers)) <= sections(other or target.name[:2]).keys(), numbers
    for number, heading in re.findall(r"[Ss]ection (\d+)(?: of the lesson)?, “([^”]+)”", text):
        assert heading in sections(target.name[:2])[number], heading
