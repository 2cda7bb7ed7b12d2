"""What is committed in notebooks/, solutions/ and exercises/ is what the sources in lessons/ give."""

import re
from pathlib import Path

import build_notebooks
import nbformat
import notebook_source
import pytest

ROOT = Path(__file__).resolve().parents[1]
TARGETS = notebook_source.targets(ROOT)


def test_there_are_lessons():
    assert any(target.kind == "notebooks" for target in TARGETS)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.label)
def test_the_committed_file_is_what_its_source_gives(target):
    assert build_notebooks.differences(target) == [], "Edit the script in lessons/ and run: make notebooks"


def test_no_notebook_is_left_without_its_source():
    assert build_notebooks.orphans(ROOT) == []


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.label)
def test_code_in_the_text_keeps_its_lines(target):
    """A reflowed fence (three backquotes with code behind them) would show as one broken paragraph."""
    cells = nbformat.read(target.path, as_version=4).cells
    lines = [line for cell in cells if cell.cell_type == "markdown" for line in cell.source.splitlines()]
    assert [line for line in lines if "```" in line and not re.fullmatch(r"```\w*", line.strip())] == []
