"""The set-up: it finds a Python, installs once, and says what to do when something is missing."""

import os
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest
import setup_env

ROOT = Path(__file__).resolve().parents[1]
HERE = sys.version_info[:2]
Disk = namedtuple("Disk", "total used free")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project whose ``python -m venv`` and ``pip`` are replaced by a record of the calls made."""
    for name in setup_env.COURSE.inputs + setup_env.COLAB.inputs:
        (tmp_path / name).write_text(f"# {name}\ntensorflow==2.0.1\n")
    monkeypatch.setattr(setup_env.shutil, "disk_usage", lambda path: Disk(99e9, 0, 99e9))
    calls = []

    def call(command, **_):
        calls.append([str(part) for part in command])
        if "venv" in command:
            binary = Path(command[-1]) / "bin" / "python"
            binary.parent.mkdir(parents=True)
            binary.symlink_to(sys.executable)
        return 0

    monkeypatch.setattr(setup_env.subprocess, "call", call)
    monkeypatch.setattr(setup_env, "calls", calls, raising=False)
    return tmp_path


def interpreters(monkeypatch, *found):
    """Pretend that these (command, version, can make environments) are the machine's Pythons."""
    answers = {name: (version, has_venv) for name, version, has_venv in found}
    monkeypatch.setattr(setup_env, "candidates", lambda: [[name] for name in answers])
    monkeypatch.setattr(setup_env, "probe", lambda command: answers[command[0]])


def test_the_first_call_installs_and_the_second_does_not(project):
    python = setup_env.prepare(project)
    assert [("venv" in call, "pip" in call) for call in setup_env.calls] == [
        (True, False),
        (False, True),
        (False, True),
    ]
    setup_env.calls.clear()
    assert setup_env.prepare(project) == python and setup_env.calls == []


def test_a_changed_requirement_installs_again_into_the_same_environment(project):
    setup_env.prepare(project)
    setup_env.calls.clear()
    (project / "requirements.txt").write_text("something newer")
    setup_env.prepare(project)
    assert len(setup_env.calls) == 2 and all("pip" in call for call in setup_env.calls)


def test_colabs_versions_have_an_environment_of_their_own_on_the_newest_python_without_the_package(
    project, monkeypatch
):
    (project / setup_env.WHEELHOUSE).mkdir()
    interpreters(monkeypatch, ("first", (3, 11), True), ("newest", (3, 13), True), ("bare", (3, 14), True))
    monkeypatch.setattr(setup_env, "probe", lambda c: (HERE, True) if "bin" in c[0] else known[c[0]])
    known = {"first": ((3, 11), True), "newest": ((3, 13), True), "bare": ((3, 14), True)}
    python = setup_env.prepare(project, kind=setup_env.COLAB)
    assert python.parent.parent == project / ".venv-colab"
    create, install = setup_env.calls
    assert create[0] == "newest" and install[-2:] == ["-r", "requirements-colab.txt"]
    assert "--no-index" not in install, "the wheelhouse holds the course's versions, not Colab's"
    setup_env.calls.clear()
    assert setup_env.prepare(project, kind=setup_env.COLAB) == python and setup_env.calls == []
    setup_env.prepare(project)
    assert setup_env.calls[0][0] == "first" and (project / ".venv").exists()


def test_only_test_colab_uses_colabs_environment(monkeypatch):
    kinds = []
    monkeypatch.setattr(setup_env, "prepare", lambda root, gpu, kind: kinds.append(kind) or Path("python"))
    monkeypatch.setattr(setup_env.subprocess, "call", lambda c, **o: 0)
    for command in setup_env.COMMANDS:
        setup_env.main([command])
    assert [c for c, kind in zip(setup_env.COMMANDS, kinds, strict=True) if kind == setup_env.COLAB] == ["test-colab"]


def test_colabs_tests_leave_out_only_files_that_exist_and_keep_the_librarys():
    skipped = {path.stem for skip in setup_env.COLAB_SKIPS for path in (ROOT / "tests").glob(f"test_{skip}.py")}
    for skip in setup_env.COLAB_SKIPS:
        assert list((ROOT / "tests").glob(f"test_{skip}.py")), skip
    library = {f"test_{path.stem}" for path in (ROOT / "course_lib").glob("*.py")}
    assert not skipped & library
    (step,) = setup_env.COMMANDS["test-colab"]
    assert all((ROOT / argument).exists() for argument in step if argument.endswith(".ipynb"))
    assert {"notebooks/00_start_here.ipynb", "notebooks/06_dcgan.ipynb"} < set(step)


def test_a_wheelhouse_is_the_only_source_where_it_stands(project):
    setup_env.prepare(project)
    assert not any("--no-index" in call for call in setup_env.calls)
    (project / setup_env.WHEELHOUSE).mkdir()
    setup_env.stamp_path(project).unlink()
    setup_env.calls.clear()
    setup_env.prepare(project)
    assert len(setup_env.calls) == 2, "the pinned set, and the package, whose build needs setuptools"
    for call in setup_env.calls:
        assert call[call.index("--no-index") :][:3] == ["--no-index", "--find-links", "wheelhouse"]


def test_the_wheelhouse_holds_the_pinned_set_and_what_builds_the_package(monkeypatch):
    tomllib = pytest.importorskip("tomllib")
    steps = []
    monkeypatch.setattr(setup_env, "prepare", lambda root, gpu, kind: Path("python"))
    monkeypatch.setattr(setup_env.subprocess, "call", lambda c, **o: steps.append(c) or 0)
    assert setup_env.main(["wheelhouse"]) == 0
    (step,) = steps
    assert step[step.index("--wheel-dir") + 1] == setup_env.WHEELHOUSE and step[step.index("-r") + 1] in step
    assert set(tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]) < set(step)
    assert f"{setup_env.WHEELHOUSE}/" in (ROOT / ".gitignore").read_text().split()


def test_a_wheelhouse_of_another_python_is_explained(project, monkeypatch):
    (project / setup_env.WHEELHOUSE).mkdir()
    call = setup_env.subprocess.call
    monkeypatch.setattr(setup_env.subprocess, "call", lambda c, **o: 1 if "pip" in c else call(c, **o))
    with pytest.raises(setup_env.SetupError, match="wheelhouse: it must be made on the same system and Python"):
        setup_env.prepare(project)


def test_pyenvs_pythons_are_candidates_although_their_names_do_not_answer(tmp_path, monkeypatch):
    for version in ("3.9.18", "3.12.1", "3.13.0"):
        python = tmp_path / "versions" / version / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.touch()
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    found = [Path(command[0]) for command in setup_env.candidates()]
    assert found[0] == Path(sys.executable)
    assert [p.parts[-3] for p in found if p.is_relative_to(tmp_path)] == ["3.13.0", "3.12.1"]


@pytest.fixture
def linux(monkeypatch):
    """A machine for which CUDA libraries exist."""
    monkeypatch.setattr(setup_env.platform, "system", lambda: "Linux")
    monkeypatch.setattr(setup_env.platform, "machine", lambda: "x86_64")


def test_gpu_installs_the_pinned_tensorflows_cuda_libraries_once_and_they_stay(project, linux):
    setup_env.prepare(project)
    setup_env.calls.clear()
    setup_env.prepare(project, gpu=True)
    assert setup_env.calls[-1][-1] == "tensorflow[and-cuda]==2.0.1"
    setup_env.calls.clear()
    setup_env.prepare(project, gpu=True)
    setup_env.prepare(project)
    assert setup_env.calls == [], "neither again nor away"
    (project / "requirements.txt").write_text("tensorflow==2.0.2\n")
    setup_env.prepare(project)
    assert setup_env.calls[-1][-1] == "tensorflow[and-cuda]==2.0.2", "a newer TensorFlow gets its own"


def test_gpu_needs_more_disk_and_names_a_missing_driver(project, linux, monkeypatch, capsys):
    monkeypatch.setattr(setup_env, "DRIVERS", ("/nowhere",))
    monkeypatch.setattr(setup_env.shutil, "which", lambda name: None)
    setup_env.prepare(project, gpu=True)
    assert "no NVIDIA driver was found" in capsys.readouterr().out
    setup_env.stamp_path(project).unlink()
    monkeypatch.setattr(setup_env.shutil, "disk_usage", lambda path: Disk(10, 5, 5e9))
    with pytest.raises(setup_env.SetupError, match="12 GB are needed"):
        setup_env.prepare(project, gpu=True)


@pytest.mark.parametrize(
    ("system", "said"), [("Windows", "inside WSL2"), ("Darwin", "no CUDA on macOS"), ("Plan9", "")]
)
def test_gpu_is_refused_where_there_is_no_cuda_before_anything_is_installed(project, monkeypatch, system, said):
    monkeypatch.setattr(setup_env.platform, "system", lambda: system)
    with pytest.raises(setup_env.SetupError, match=f"(?s)exist for Linux only.*{said}.*runs on the CPU"):
        setup_env.prepare(project, gpu=True)
    assert setup_env.calls == []


def test_gpu_is_asked_for_as_an_argument_or_as_makes_variable(monkeypatch):
    assert setup_env.wants_gpu(["lab", "GPU=1"], {}) and setup_env.wants_gpu(["lab"], {"GPU": "1"})
    assert not setup_env.wants_gpu(["lab"], {}) and not setup_env.wants_gpu(["lab"], {"GPU": "0"})
    assert not setup_env.wants_gpu(["lab", "GPU=0"], {"GPU": "1"}), "the argument wins"
    asked, steps = [], []
    monkeypatch.setattr(setup_env, "prepare", lambda root, gpu, kind: asked.append(gpu) or Path("python"))
    monkeypatch.setattr(setup_env.subprocess, "call", lambda c, **o: steps.append(c) or 0)
    assert setup_env.main(["notebooks", "03", "GPU=1"]) == 0
    assert asked == [True] and steps[0][-1] == "03", "the command itself does not see it"


def test_make_hands_the_variable_on(tmp_path):
    if setup_env.shutil.which("make") is None:
        pytest.skip("make is not installed")
    fake = tmp_path / "python"
    fake.write_text('#!/bin/sh\necho "GPU is $GPU"\n')
    fake.chmod(0o755)
    run = subprocess.run(
        ["make", f"PYTHON={fake}", "GPU=1", "env"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert "GPU is 1" in run.stdout


def test_a_failed_installation_is_explained_and_tried_again_next_time(project, monkeypatch):
    call = setup_env.subprocess.call
    monkeypatch.setattr(setup_env.subprocess, "call", lambda c, **o: 1 if "pip" in c else call(c, **o))
    with pytest.raises(setup_env.SetupError, match="pip failed.*\n.*check the network"):
        setup_env.prepare(project)
    assert not setup_env.stamp_path(project).exists()


def test_an_unwritable_folder_is_explained(project, monkeypatch):
    monkeypatch.setattr(setup_env.subprocess, "call", lambda command, **_: 1)
    with pytest.raises(setup_env.SetupError, match="could not create"):
        setup_env.prepare(project)


def test_a_full_disk_is_explained_before_anything_is_installed(project, monkeypatch):
    monkeypatch.setattr(setup_env.shutil, "disk_usage", lambda path: Disk(10, 9, 1.2e9))
    with pytest.raises(setup_env.SetupError, match="1.2 GB are free .* 4 GB are needed"):
        setup_env.prepare(project)
    assert setup_env.calls == []


def test_a_later_python_is_taken_when_the_first_does_not_fit(monkeypatch):
    interpreters(monkeypatch, ("old", (3, 9), True), ("bare", (3, 11), False), ("good", (3, 12), True))
    assert setup_env.find_python() == ["good"]


def test_no_fitting_python_lists_what_was_found_and_how_to_install_one(monkeypatch):
    interpreters(monkeypatch, ("old", (3, 9), True), ("new", (3, 14), True), ("broken", None, False))
    with pytest.raises(setup_env.SetupError, match=r"3.11, 3.12 or 3.13 is needed; found: 3.9, 3.14.\n.*apt install"):
        setup_env.find_python()


def test_a_missing_venv_module_names_its_package(monkeypatch):
    interpreters(monkeypatch, ("bare", (3, 12), False))
    with pytest.raises(setup_env.SetupError, match="apt install python3.12-venv"):
        setup_env.find_python()


def test_probe_reads_a_real_python_and_survives_what_is_not_one(tmp_path):
    assert setup_env.probe([sys.executable]) == (HERE, True)
    assert setup_env.probe([str(tmp_path / "absent")]) == (None, False)
    without_venv = tmp_path / "venv.py"
    without_venv.write_text("raise ImportError")
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); exec(sys.argv[2])"]
    assert setup_env.probe(command) == (HERE, False)


def test_the_command_line_reports_a_missing_piece_with_status_1(monkeypatch, capsys):
    def missing(root, gpu, kind):
        raise setup_env.SetupError("no disk")

    monkeypatch.setattr(setup_env, "prepare", missing)
    assert setup_env.main(["lab"]) == 1
    assert "The set-up stopped: no disk" in capsys.readouterr().err


def test_steps_run_in_order_with_arguments_on_the_last_and_stop_at_a_failure(monkeypatch):
    calls = []
    monkeypatch.setattr(setup_env, "prepare", lambda root, gpu, kind: Path("python"))
    monkeypatch.setattr(setup_env.subprocess, "call", lambda c, **o: calls.append((c, o)) or "format" in c)
    assert setup_env.main(["notebooks", "03"]) == 0
    assert calls.pop()[0][-1] == "03"
    assert setup_env.main(["test"]) == 1
    assert ["check" in c for c, _ in calls] == [True, False] and "pytest" not in str(calls)


def test_only_the_tests_run_without_a_network():
    offline = str(ROOT / "tests" / "offline")
    assert setup_env.environment("test-fast")["PYTHONPATH"].split(os.pathsep)[0] == offline
    assert setup_env.environment("lab").get("PYTHONPATH") == os.environ.get("PYTHONPATH")
    assert setup_env.environment("test-colab")["PYTHONPATH"].split(os.pathsep)[:2] == [offline, str(ROOT)]


def test_a_wrong_command_prints_the_list_of_commands():
    result = subprocess.run(
        [sys.executable, "tools/setup_env.py"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 2 and "test-fast" in result.stdout


def test_make_offers_every_command():
    targets = (ROOT / "Makefile").read_text().split("TARGETS = ")[1].splitlines()[0].split()
    assert set(targets) == set(setup_env.COMMANDS)


@pytest.mark.parametrize("kind", [setup_env.COURSE, setup_env.COLAB], ids=lambda kind: kind.folder)
def test_every_pinned_package_is_pinned_exactly_and_fits_the_loose_ranges(kind):
    tomllib = pytest.importorskip("tomllib")
    packaging = pytest.importorskip("packaging.requirements")
    lines = [line for line in (ROOT / kind.inputs[0]).read_text().splitlines() if line and not line.startswith("#")]
    pinned = dict(line.split("==") for line in lines)
    for text in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]:
        loose = packaging.Requirement(text)
        assert loose.specifier.contains(pinned[loose.name]), text
