"""What is committed in notebooks/, solutions/ and exercises/ is what the sources in lessons/ give."""

from pathlib import Path

import build_notebooks
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
