"""Grade made-up submissions with the real nbgrader, in an environment of its own: ``python tools/try_nbgrader.py 08``.

Releases an exercise from its solution as TEACHING.md says, checks that the release is what stands in exercises/, and
grades ten submissions: complete, untouched, half done, with its checks deleted, endless, deaf to interruption, flooding
the output, killing its kernel, destroying and spying, and forging the checks. Exits with 1 unless each gets the points
that it should and nothing outside its kernel has changed. The answers run behind docs/nbgrader/guarded_kernel.py (Linux
with bubblewrap); where that cannot be had, the harmful ones are left out. Everything happens in build/nbgrader.
"""

import argparse
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "build" / "nbgrader"
BIN = FOLDER / "env" / ("Scripts" if os.name == "nt" else "bin")
VERSION = "0.9.6"
SECONDS = 60  # after which a cell counts as endless
CPU_SECONDS = 120  # after which a kernel is ended, whatever it ignores
SLEEP = "86399.25"  # the argument by which a process that was left behind is known again
LARGEST = 2_000_000  # bytes of a graded notebook, however much it printed
SCORES = """
import json, sys
from nbgrader.api import Gradebook
with Gradebook("sqlite:///gradebook.db") as book:
    print(json.dumps({s.student_id: [s.score, s.max_score] for s in book.assignment_submissions(sys.argv[1])}))
"""

# What stands in place of the first task's answer, and the range of shares of the points that the whole then gets.
BROKEN = (0, 0.99)
ENDLESS = "while True:\n    pass"
HARMLESS = {"endless": (ENDLESS, BROKEN)}
HARMFUL = {
    "flood": ('for _ in range(1_000_000):\n    print("x" * 99)', BROKEN),
    "killed": ("import os\nos._exit(1)", (0, 0)),
    "vandal": (
        "import os, pathlib, shutil, subprocess\n"
        f"subprocess.Popen(['sleep', '{SLEEP}'], start_new_session=True)\n"
        "places = [pathlib.Path(place) for place in PLACES]\n"
        "for place in places:\n"
        "    shutil.rmtree(place, ignore_errors=True)\n"
        "    try:\n"
        "        (place / 'was_here').write_text('')\n"
        "    except OSError:\n"
        "        pass\n"
        "print('seen:', [str(place) for place in SECRETS if os.path.exists(place)])",
        BROKEN,
    ),
    "deaf": (f"import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n{ENDLESS}", (0, 0)),
}
# Nothing can stop this one: an answer and its check live in one process.
FORGED = "from course_lib import checks\nfor name in checks.__all__:\n    setattr(checks, name, lambda *a, **k: None)"


def prepare(guard, guarded):
    """Create the environment of nbgrader, and the folder of a course that grades with this Python."""
    if not (BIN / "nbgrader").exists():
        venv.create(FOLDER / "env", with_pip=True)
        subprocess.run([BIN / "python", "-m", "pip", "install", "--quiet", f"nbgrader=={VERSION}"], check=True)
    kernel = guard.install(FOLDER / "env" / "share" / "jupyter" / "kernels", CPU_SECONDS)
    if not guarded:
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        kernel.write_text(json.dumps({"argv": argv, "display_name": guard.NAME, "language": "python"}))
    course = FOLDER / "course"
    shutil.rmtree(course, ignore_errors=True)
    course.mkdir()
    settings = (ROOT / "docs" / "nbgrader" / "nbgrader_config.py").read_text(encoding="utf-8")
    (course / "nbgrader_config.py").write_text(f"{settings}\nc.ExecutePreprocessor.timeout = {SECONDS}\n")
    return course


def load_guard():
    """Return docs/nbgrader/guarded_kernel.py as a module, and whether this machine can build its wall."""
    spec = importlib.util.spec_from_file_location("guarded_kernel", ROOT / "docs" / "nbgrader" / "guarded_kernel.py")
    guard = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(guard)
    return guard, guard.works()


def nbgrader(course, *arguments):
    """Run nbgrader in the course's folder and return what it printed."""
    environment = os.environ | {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "COURSE_PROGRESS": "off",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    done = subprocess.run(
        [BIN / arguments[0], *arguments[1:]], cwd=course, env=environment, capture_output=True, text=True
    )
    return done.stdout if arguments[0] == "python" else done.stdout + done.stderr


def submissions(released, solved, course, harmful):
    """Return student -> (notebook, range of shares of the points that it should get); ``harmful`` ones too if asked."""
    answers = {cell["id"]: cell for cell in solved["cells"]}
    tasks = [k for k, cell in enumerate(released["cells"]) if cell["metadata"].get("nbgrader", {}).get("solution")]

    def changed(which, first=None):
        notebook = json.loads(json.dumps(released))
        for k in which:
            notebook["cells"][k]["source"] = answers[notebook["cells"][k]["id"]]["source"]
        if first is not None:
            notebook["cells"][tasks[0]]["source"] = first
        return notebook

    cheat = json.loads(json.dumps(released))
    for cell in cheat["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade"):
            cell["source"] = "pass"
    places = [str(course / "source"), str(course / "submitted" / "complete"), str(FOLDER / "victim")]
    secrets = [str(ROOT / "solutions"), str(course), str(Path.home() / ".bashrc")]
    known = f"PLACES, SECRETS = {places}, {secrets}\n"
    wanted = {
        "complete": (changed(tasks), (1, 1)),
        "untouched": (released, (0, 0)),
        "half": (changed(tasks[: len(tasks) // 2]), (0.1, 0.9)),
        "checks_deleted": (cheat, (0, 0)),
    }
    for student, (first, share) in (HARMLESS | (HARMFUL if harmful else {})).items():
        wanted[student] = (changed(tasks, known + first), share)
    return wanted | {"forged": (changed([], FORGED), (0.1, 1))}


def traces(course):
    """Return what a submission could have changed outside its kernel: files by path and size, and processes left."""
    kept = [course / "source", course / "submitted", FOLDER / "victim"]
    files = {str(path): path.stat().st_size for folder in kept for path in folder.rglob("*")}
    left = subprocess.run(["ps", "-A", "-o", "args="], capture_output=True, text=True).stdout.count(f"sleep {SLEEP}")
    return files, left


def grade(course, name, student, notebook, file):
    """Hand in ``notebook``, grade it, and return (seconds, whether all else is as it was, the graded notebook)."""
    folder = course / "submitted" / student / name
    folder.mkdir(parents=True)
    (folder / file).write_text(json.dumps(notebook))
    before, start = traces(course), time.perf_counter()
    said = nbgrader(course, "nbgrader", "autograde", name, "--create", "--student", student)
    (course / f"{student}.log").write_text(said)
    seconds, graded = time.perf_counter() - start, course / "autograded" / student / name / file
    return seconds, traces(course) == before, graded.read_text() if graded.exists() else ""


def main():
    """Read the command line, grade, print the table and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lesson", help="two digits, such as 08")
    parser.add_argument("students", nargs="*", help="grade these submissions only, such as complete vandal")
    arguments = parser.parse_args()
    solution = next((ROOT / "solutions").glob(f"{arguments.lesson}_*.ipynb"))
    guard, guarded = load_guard()
    course, name = prepare(guard, guarded), f"exercises_{arguments.lesson}"
    (FOLDER / "victim").mkdir(exist_ok=True)
    (FOLDER / "victim" / "file").write_text("mine")
    (course / "source" / name).mkdir(parents=True)
    shutil.copy(solution, course / "source" / name)
    said = nbgrader(course, "nbgrader", "generate_assignment", name, "--create")
    path = course / "release" / name / solution.name
    if not path.exists():
        print(said)
        return 1
    released, known = json.loads(path.read_text()), json.loads((ROOT / "exercises" / solution.name).read_text())
    fine = [_plain(cell) for cell in released["cells"]] == [_plain(cell) for cell in known["cells"]]
    print("the release is what stands in exercises/:", fine)
    print("answers run", "behind the wall" if guarded else "WITHOUT a wall: the harmful ones are left out", flush=True)
    wanted = submissions(released, json.loads(solution.read_text()), course, guarded)
    for student, (notebook, (low, high)) in wanted.items():
        if arguments.students and student not in arguments.students:
            continue
        seconds, untouched, graded = grade(course, name, student, notebook, solution.name)
        score, most = json.loads(nbgrader(course, "python", "-c", SCORES, name) or "{}").get(student, (0, 0))
        right = most > 0 and low * most <= score <= high * most and untouched and len(graded) < LARGEST
        right &= student != "vandal" or "seen: []" in graded
        fine &= right
        notes = [] if graded else ["nbgrader gave up on it"]
        notes += [] if untouched else ["CHANGED SOMETHING OUTSIDE"]
        print(
            f"{student:15} {score:4g} of {most:g} {seconds:5.0f} s  {'as it should be' if right else 'WRONG'}", *notes
        )
        sys.stdout.flush()
    return 0 if fine else 1


def _plain(cell):
    return cell["cell_type"], "".join(cell["source"]).strip()


if __name__ == "__main__":
    sys.exit(main())
