"""The front page tells the truth: its links lead somewhere, and exactly the lessons that exist are open."""

import re
from pathlib import Path

import pytest
import yaml

import course_lib

ROOT = Path(__file__).resolve().parents[1]
PAGES = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "TEACHING.md"]


def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_local_links_lead_to_files(page):
    links = re.findall(r"\]\((?!https?:|#)([^)]+)\)", text_of(page))
    assert [link for link in links if not (ROOT / link.partition("#")[0]).exists()] == []


def test_all_sixteen_lessons_are_listed_and_the_ones_that_exist_are_open():
    rows = dict(re.findall(r"^\| (\d\d) \|.*\| (.*) \|$", text_of("README.md"), re.MULTILINE))
    assert list(rows) == [f"{number:02}" for number in range(16)]
    for number, state in rows.items():
        notebooks = list((ROOT / "notebooks").glob(f"{number}_*.ipynb"))
        exercises = list((ROOT / "exercises").glob(f"{number}_*.ipynb"))
        expected = [f"[open](notebooks/{path.name})" for path in notebooks]
        expected += [f"[exercises](exercises/{path.name})" for path in exercises]
        assert state == (" · ".join(expected) or "planned")


def test_the_version_is_the_same_everywhere():
    citation = yaml.safe_load(text_of("CITATION.cff"))
    assert str(citation["version"]) == course_lib.__version__
    assert f"## {course_lib.__version__} ({citation['date-released']})" in text_of("CHANGELOG.md")


def test_ci_runs_the_same_command_as_a_contributor():
    steps = [
        step for job in yaml.safe_load(text_of(".github/workflows/ci.yml"))["jobs"].values() for step in job["steps"]
    ]
    assert [step["run"] for step in steps if "run" in step] == [".ci/run", "python tools/setup_env.py test-fast"]
    assert text_of(".ci/run").splitlines()[-1] == "make test"
