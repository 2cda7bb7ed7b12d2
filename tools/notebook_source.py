"""From a lesson's percent script to the cells of its notebook; nothing is executed here.

A lesson in ``lessons/notebooks`` gives one notebook. A script in ``lessons/solutions`` gives two: the
solution as it stands, and the exercise with everything between ``### BEGIN SOLUTION`` and
``### END SOLUTION`` taken out.
"""

import hashlib
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

import jupytext
import nbformat

KINDS = ("notebooks", "solutions", "exercises")
UNSOLVED = "Your turn: replace this line with your solution."
COLAB = "https://colab.research.google.com"
SOLUTION = re.compile(r"^([ \t]*)### BEGIN SOLUTION\n(?:(?!.*### BEGIN SOLUTION).*\n)*?\1### END SOLUTION[ \t]*$", re.M)
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}

# The learner sees this cell folded. It runs before anything else is known about the machine, so it uses
# the standard library only, and it leaves an installed or reachable course_lib alone.
BOOTSTRAP = '''# @title Find the course library (nothing to do when it is already there)
import importlib.util
import subprocess
import sys
from pathlib import Path

REPOSITORY, TAG = "{repository}", "{tag}"
HELP = """course_lib was not found.
On your own machine: open this notebook from its place in the course folder.
In Colab, either
  - zip the course folder, upload the zip in the Files panel, run  !unzip -q NAME.zip  and run this cell again, or
  - put the course folder into your Google Drive, run
    from google.colab import drive; drive.mount("/content/drive")
    and run this cell again."""


def find_course():
    """Return the folder that holds course_lib, or None."""
    uploads = [f for base in ("/content", "/content/drive/MyDrive") for f in Path(base).glob("*") if f.is_dir()]
    folders = [Path.cwd(), *Path.cwd().parents, *uploads]
    return next((f for f in folders if (f / "course_lib" / "__init__.py").exists()), None)


if importlib.util.find_spec("course_lib") is None:
    if find_course() is None and REPOSITORY and "google.colab" in sys.modules:
        clone = ["git", "clone", "--quiet", "--depth", "1", "--branch", TAG, REPOSITORY, "/content/course"]
        subprocess.run(clone, check=True)
    if find_course() is None:
        raise ModuleNotFoundError(HELP)
    sys.path.insert(0, str(find_course()))'''


class LessonError(ValueError):
    """A lesson's source breaks one of the rules that generation relies on; the message says which and where."""


@dataclass(frozen=True)
class Target:
    """One generated file: ``kind`` is its folder (one of ``KINDS``), ``name`` its stem, ``root`` the project."""

    root: Path
    kind: str
    name: str

    @property
    def source(self):
        """The percent script that this file is made from."""
        return self.root / "lessons" / ("notebooks" if self.kind == "notebooks" else "solutions") / f"{self.name}.py"

    @property
    def path(self):
        """The generated notebook."""
        return self.root / self.kind / f"{self.name}.ipynb"

    @property
    def label(self):
        """Kind and name as one word, for messages: ``solutions/03_building_a_vae``."""
        return f"{self.kind}/{self.name}"


def targets(root):
    """Return every ``Target`` that the sources under ``root/lessons`` call for, in reading order."""
    found = [
        Target(root, kind, script.stem)
        for kind in KINDS
        for script in Target(root, kind, "").source.parent.glob("*.py")
    ]
    return sorted(found, key=lambda t: (t.name, KINDS.index(t.kind)))


def build(target):
    """Return the notebook of ``target``, not executed: cells with stable ids, badge, bootstrap cell, metadata.

    Raises ``LessonError`` when the script has no title or its solution markers do not pair up.
    """
    text = target.source.read_text(encoding="utf-8")
    cells = jupytext.reads(text, fmt="py:percent").cells
    if not cells or cells[0].cell_type != "markdown" or not cells[0].source.startswith("# "):
        raise LessonError(f"{target.source}: the first cell must be markdown and start with '# Title'.")
    repository, tag = _publication(target.root)
    _set_ids(target.name, cells)
    cells[0].source = _with_badge(cells[0].source, target, repository, tag)
    if target.kind != "notebooks":
        cells = [_graded(cell, target) for cell in cells]
    if target.kind == "exercises":
        cells = [_without_solution(cell) for cell in cells if "solution" not in tags(cell)]
    cells.insert(1, _bootstrap(repository, tag))
    return nbformat.from_dict(
        {
            "nbformat": 4,
            "nbformat_minor": 5,
            "metadata": {
                "kernelspec": KERNELSPEC,
                "language_info": {"name": "python"},
                "course": {
                    "source": target.source.relative_to(target.root).as_posix(),
                    "source_sha256": hashlib.sha256(text.encode()).hexdigest(),
                },
            },
            "cells": cells,
        }
    )


def tags(cell):
    """Return the tags of a cell; an untagged cell has none."""
    return cell.metadata.get("tags", [])


def _publication(root):
    """Return the public address of the course ("" before it is published) and the tag of this version."""
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    version = re.search(r'__version__ = "(.+?)"', (root / "course_lib" / "__init__.py").read_text(encoding="utf-8"))
    return settings["tool"]["course"]["repository"].rstrip("/"), f"v{version[1]}"


def _set_ids(name, cells):
    """Give each cell an id made from its content, so that an edit changes the ids of edited cells only."""
    seen = {}
    for cell in cells:
        content = f"{name}\n{cell.cell_type}\n{cell.source}"
        seen[content] = seen.get(content, 0) + 1
        cell.id = hashlib.sha256(f"{content}\n{seen[content]}".encode()).hexdigest()[:12]


def _with_badge(source, target, repository, tag):
    title, _, rest = source.partition("\n")
    link, note = f"{COLAB}/", " Upload this notebook there; its first code cell says how to bring the course folder."
    if repository:
        place = repository.removeprefix("https://github.com/")
        link, note = f"{COLAB}/github/{place}/blob/{tag}/{target.kind}/{target.name}.ipynb", ""
    return f"{title}\n\n[![Open in Colab]({COLAB}/assets/colab-badge.svg)]({link}){note}\n{rest}".rstrip()


def _bootstrap(repository, tag):
    cell = nbformat.v4.new_code_cell(BOOTSTRAP.replace("{repository}", repository).replace("{tag}", tag))
    cell.id = "bootstrap"
    cell.metadata = nbformat.from_dict({"tags": ["bootstrap"], "cellView": "form", "jupyter": {"source_hidden": True}})
    return cell


def _graded(cell, target):
    """Mark tasks and checks the way nbgrader does, so that a class can take the solutions as they are."""
    if cell.cell_type != "code":
        return cell
    solution, check = "### BEGIN SOLUTION" in cell.source, bool(re.search(r"^checks\.\w+\(", cell.source, re.M))
    if solution and check:
        raise LessonError(f"{target.source}: a check must stand in a cell of its own, not with the solution it judges.")
    if solution or check:
        mark = {"schema_version": 3, "grade_id": f"cell-{cell.id}", "solution": solution, "grade": check}
        cell.metadata["nbgrader"] = {**mark, "locked": check, "task": False, **({"points": 1} if check else {})}
    if re.search(r"### (BEGIN|END) SOLUTION", SOLUTION.sub("", cell.source)):
        rule = "each ### BEGIN SOLUTION needs an ### END SOLUTION at the same indentation"
        raise LessonError(f"{target.source}: {rule}:\n{cell.source}")
    return cell


def _without_solution(cell):
    cell.source = SOLUTION.sub(rf'\1raise NotImplementedError("{UNSOLVED}")', cell.source)
    return cell
