"""The ready environments (Binder, dev containers) install what `make lab` installs, on a Python the course supports."""

import json
import re
from pathlib import Path

import setup_env

ROOT = Path(__file__).resolve().parents[1]


def test_binder_installs_the_pinned_set_and_the_package():
    folder = ROOT / ".binder"
    included = (folder / "requirements.txt").read_text().split()
    assert included[0] == "-r" and (folder / included[1]).resolve() == ROOT / "requirements.txt"
    version = tuple(map(int, re.fullmatch(r"python-(\d+)\.(\d+)\s*", (folder / "runtime.txt").read_text()).groups()))
    assert version in setup_env.SUPPORTED
    assert (folder / "postBuild").stat().st_mode & 0o111 and "-e ." in (folder / "postBuild").read_text()


def test_the_dev_container_sets_up_as_everywhere_else():
    settings = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    version = tuple(map(int, re.search(r":(\d+)\.(\d+)$", settings["image"]).groups()))
    assert version in setup_env.SUPPORTED
    python, script, command = settings["postCreateCommand"].split()
    assert (ROOT / script).exists() and command in setup_env.COMMANDS
    interpreter = settings["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"]
    assert interpreter.endswith(".venv/bin/python")
