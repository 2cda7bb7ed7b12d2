"""Grade made-up submissions with the real nbgrader, in an environment of its own: ``python tools/try_nbgrader.py 08``.

Releases an exercise from its solution as TEACHING.md says, checks that the release is what stands in exercises/, and
grades five submissions: complete, untouched, half done, with its checks deleted, and with an answer that never ends.
Exits with 1 unless each gets the points it should. Everything happens in build/nbgrader, which is not committed.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "build" / "nbgrader"
BIN = FOLDER / "env" / ("Scripts" if os.name == "nt" else "bin")
VERSION = "0.9.6"
SECONDS = 60  # after which a cell counts as endless
SCORES = """
import json, sys
from nbgrader.api import Gradebook
with Gradebook("sqlite:///gradebook.db") as book:
    print(json.dumps({s.student_id: [s.score, s.max_score] for s in book.assignment_submissions(sys.argv[1])}))
"""


def prepare():
    """Create the environment of nbgrader, and the folder of a course whose kernel is this Python."""
    if not (BIN / "nbgrader").exists():
        venv.create(FOLDER / "env", with_pip=True)
        subprocess.run([BIN / "python", "-m", "pip", "install", "--quiet", f"nbgrader=={VERSION}"], check=True)
    kernel = FOLDER / "env" / "share" / "jupyter" / "kernels" / "python3"
    kernel.mkdir(parents=True, exist_ok=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (kernel / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "Python 3", "language": "python"}))
    course = FOLDER / "course"
    shutil.rmtree(course, ignore_errors=True)
    course.mkdir()
    settings = (ROOT / "docs" / "nbgrader" / "nbgrader_config.py").read_text(encoding="utf-8")
    (course / "nbgrader_config.py").write_text(f"{settings}\nc.ExecutePreprocessor.timeout = {SECONDS}\n")
    return course


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


def submissions(released, solved):
    """Return student -> (notebook, range of shares of the points that it should get)."""
    answers = {cell["id"]: cell for cell in solved["cells"]}
    tasks = [k for k, cell in enumerate(released["cells"]) if cell["metadata"].get("nbgrader", {}).get("solution")]

    def changed(which, source=lambda cell: answers[cell["id"]]["source"]):
        notebook = json.loads(json.dumps(released))
        for k in which:
            notebook["cells"][k]["source"] = source(notebook["cells"][k])
        return notebook

    cheat = json.loads(json.dumps(released))
    for cell in cheat["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade"):
            cell["source"] = "pass"
    endless = changed(tasks)
    endless["cells"][tasks[0]]["source"] = "while True:\n    pass"
    return {
        "complete": (changed(tasks), (1, 1)),
        "untouched": (released, (0, 0)),
        "half": (changed(tasks[: len(tasks) // 2]), (0.1, 0.9)),
        "checks_deleted": (cheat, (0, 0)),
        "endless": (endless, (0, 0.99)),
    }


def main():
    """Read the command line, grade, print the table and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lesson", help="two digits, such as 08")
    lesson = parser.parse_args().lesson
    solution = next((ROOT / "solutions").glob(f"{lesson}_*.ipynb"))
    course, name = prepare(), f"exercises_{lesson}"
    (course / "source" / name).mkdir(parents=True)
    shutil.copy(solution, course / "source" / name)
    said = nbgrader(course, "nbgrader", "generate_assignment", name, "--create")
    path = course / "release" / name / solution.name
    if not path.exists():
        print(said)
        return 1
    released, known = json.loads(path.read_text()), json.loads((ROOT / "exercises" / solution.name).read_text())
    same = [_plain(cell) for cell in released["cells"]] == [_plain(cell) for cell in known["cells"]]
    print("the release is what stands in exercises/:", same)
    wanted = submissions(released, json.loads(solution.read_text()))
    for student, (notebook, _) in wanted.items():
        folder = course / "submitted" / student / name
        folder.mkdir(parents=True)
        (folder / solution.name).write_text(json.dumps(notebook))
        said = nbgrader(course, "nbgrader", "autograde", name, "--create", "--student", student)
    scores = json.loads(nbgrader(course, "python", "-c", SCORES, name) or "{}")
    fine = same
    for student, (_, (low, high)) in wanted.items():
        score, most = scores.get(student, (None, 0))
        right = score is not None and most > 0 and low * most <= score <= high * most
        fine &= right
        print(f"{student:16} {score} of {most}  {'as it should be' if right else 'WRONG'}")
    return 0 if fine else 1


def _plain(cell):
    return cell["cell_type"], "".join(cell["source"]).strip()


if __name__ == "__main__":
    sys.exit(main())
