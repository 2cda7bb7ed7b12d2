"""The bootstrap cell brings the real library into a fresh Colab-like process, and touches nothing that was there."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import notebook_source
import pytest

ROOT = Path(__file__).resolve().parents[1]
TAG = "v9.8.7"
# What a process says of itself before and after the cell. Python runs isolated and without its site module (-I -S), so
# neither this folder nor an installed course_lib can be found; the installed packages themselves stay importable.
SCRIPT = """
import importlib.util, json, sys, types
from pathlib import Path
settings = json.loads(sys.argv[1])
sys.path += settings["packages"]
if settings["colab"]:
    sys.modules["google.colab"] = types.ModuleType("google.colab")

def installed():  # a folder's name holds the version, and a second installation writes the files anew
    return sorted((str(p), p.stat().st_mtime_ns) for f in settings["packages"] for p in Path(f).glob("*.dist-info/*"))

import numpy
assert importlib.util.find_spec("course_lib") is None, "the process must start without the library"
before, path, started = installed(), list(sys.path), []
assert len(before) > 100
sys.addaudithook(lambda event, details: event == "subprocess.Popen" and started.append([str(d) for d in details[1]]))
try:
    exec(settings["cell"], {"__name__": "__main__"})
except ModuleNotFoundError as error:
    print(json.dumps({"error": str(error), "started": started}))
    sys.exit()
report = {
    "started": list(started),
    "unchanged": installed() == before and sys.modules["numpy"] is numpy,
    "added": [p for p in sys.path if p not in path],
}
from course_lib import data, divergences, losses
zeros = numpy.zeros((2, 1), "float32")
print(json.dumps({
    **report,
    "file": divergences.__file__,
    "kl": float(divergences.kl_to_standard_normal(numpy.ones((1, 4)), numpy.zeros((1, 4)))[0]),
    "loss": float(losses.GAN_LOSSES["hinge"].discriminator(zeros, zeros)),
    "pictures": len(data.load_fashion("test").images),
}))
"""


def run_cell(content, folder, repository="", colab=True):
    """Run the cell in an empty folder, with ``content`` in place of Colab's /content, and return what it reports."""
    cell = notebook_source.BOOTSTRAP.replace("{repository}", repository).replace("{tag}", TAG)
    assert cell.count('"/content') == 4, "every place of Colab's that the cell names must lie in the test's folder"
    settings = {
        "cell": cell.replace('"/content', f'"{content}'),
        "packages": list({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}),
        "colab": colab,
    }
    pips = content.parent / "pips"
    pips.mkdir()
    for name in ("pip", "pip3"):  # what `pip install` in a cell would start
        (pips / name).write_text("#!/bin/sh\nexit 99\n")
        (pips / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{pips}{os.pathsep}{os.environ['PATH']}", "COURSE_PROGRESS": "off"}
    command = [sys.executable, "-I", "-S", "-c", SCRIPT, json.dumps(settings)]
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


def assert_works(report, place):
    """The library is the one at ``place``, works, and is all that came to the process."""
    assert report["unchanged"], "an installed package changed"
    assert report["added"] == [str(place)] and Path(report["file"]).is_relative_to(place)
    assert report["kl"] == pytest.approx(2.0) and report["loss"] == pytest.approx(2.0)
    assert report["pictures"] == 10_000


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course folder as a learner has it, without the trained models and the records, which only make it larger."""
    folder = tmp_path_factory.mktemp("made") / "course-main"
    shutil.copytree(
        ROOT / "course_lib", folder / "course_lib", ignore=shutil.ignore_patterns("__pycache__", "zoo", "lessons")
    )
    (folder / "notebooks").mkdir()
    (folder / "notebooks" / "00.txt").write_text("a folder without a file would not be cloned")
    return folder


@pytest.fixture
def content(tmp_path):
    """Colab's /content, empty."""
    folder = tmp_path / "content"
    folder.mkdir()
    return folder


@pytest.fixture
def empty(tmp_path):
    """An empty folder from which nothing leads to the course."""
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def address(course, tmp_path_factory):
    """The address of a bare repository whose tag holds the course, and whose main branch holds something later."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    work, bare = tmp_path_factory.mktemp("work") / "work", tmp_path_factory.mktemp("bare") / "course.git"
    shutil.copytree(course, work)

    def git(*arguments):
        who = ["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *who, *arguments], cwd=work, check=True, capture_output=True, timeout=120)

    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "-m", "the course")
    git("tag", TAG)
    (work / "course_lib" / "__init__.py").write_text("raise ImportError('this is a later commit than the tag')")
    git("commit", "--quiet", "-a", "-m", "later")
    git("clone", "--quiet", "--bare", ".", str(bare))
    return bare.as_uri()


def test_from_a_published_repository_the_tag_is_cloned_and_nothing_else_is_started(address, content, empty):
    report = run_cell(content, empty, repository=address)
    assert_works(report, content / "course")
    wanted = ["git", "clone", "--quiet", "--depth", "1", "--branch", TAG, address, f"{content}/course"]
    assert report["started"] == [wanted]


@pytest.mark.parametrize("place", ["content", "content/drive/MyDrive", "here"])
def test_from_an_unzipped_or_mounted_course_nothing_is_started(course, content, empty, place):
    """Unzipped beside the notebook's folder, brought by Google Drive, or unzipped where the notebook runs."""
    target = {"content": content, "content/drive/MyDrive": content / "drive" / "MyDrive", "here": empty}[place]
    archive = shutil.make_archive(str(content.parent / "course"), "zip", course.parent, course.name)
    shutil.unpack_archive(archive, target)
    folder = target / course.name
    report = run_cell(content, folder / "notebooks" if place == "here" else empty, repository="file:///not/asked")
    assert_works(report, folder)
    assert report["started"] == []


@pytest.mark.parametrize(("repository", "colab"), [("", True), ("file:///published", False)])
def test_with_nothing_there_the_error_says_what_to_do_and_nothing_is_tried(content, empty, repository, colab):
    report = run_cell(content, empty, repository, colab)
    assert report["error"].startswith(
        "course_lib was not found.\nOn your own machine: open this notebook from its place"
    )
    assert "!unzip -q NAME.zip" in report["error"] and "drive.mount" in report["error"]
    assert report["started"] == [] and list(content.iterdir()) == []
