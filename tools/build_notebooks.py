"""Make notebooks/, solutions/ and exercises/ from the percent scripts in lessons/.

    python tools/build_notebooks.py                     everything
    python tools/build_notebooks.py 03                  lesson 03: notebook, solution and exercise
    python tools/build_notebooks.py solutions/03        one file only
    python tools/build_notebooks.py --exercises-only    exercises only (they are not executed: seconds)
    python tools/build_notebooks.py --keep-outputs      execute only what has new code; for edits of the text
    python tools/build_notebooks.py --check             change nothing; fail if a committed file differs from its source

Notebooks and solutions are executed from top to bottom and stored with their outputs. A file is replaced
only when everything about it is in order. ``--keep-outputs`` looks at the code of the notebook alone: after a
change of the library or of the data, build without it.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from notebook_output import faults, tidy
from notebook_source import KINDS, LessonError, build, targets

ROOT = Path(__file__).resolve().parents[1]
CELL_TIMEOUT = 900  # seconds; a lesson may take 150 s on two idle cores, and a builder's machine may be busy


def main(arguments=None, root=ROOT):
    """Run the command line; return 0 when everything asked for is in order, else 1."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="03, 03_building_a_vae or solutions/03; default: all")
    parser.add_argument("--check", action="store_true", help="compare what is committed with its sources")
    parser.add_argument("--exercises-only", action="store_true", help="make the exercises only")
    parser.add_argument("--keep-outputs", action="store_true", help="keep stored outputs where no code cell changed")
    options = parser.parse_args(arguments)
    try:
        chosen = select(targets(root), options.names)
    except LessonError as error:
        print(error, file=sys.stderr)
        return 1
    if options.exercises_only:
        chosen = [target for target in chosen if target.kind == "exercises"]
    if options.check:
        problems = [f"{t.label}: {p}" for t in chosen for p in differences(t)] + orphans(root)
    else:
        problems = [f"{t.label}: {p}" for t in chosen for p in make(t, options.keep_outputs)]
    print("\n".join(problems), file=sys.stderr, end="\n" if problems else "")
    return 1 if problems else 0


def select(available, names):
    """Return the targets that ``names`` mean: beginnings of a name, with or without its folder; none means all."""
    chosen = {name: [t for t in available if t.label.startswith(name) or t.name.startswith(name)] for name in names}
    for name in names:
        if not chosen[name]:
            raise LessonError(f"{name}: no such lesson; there are " + ", ".join(t.label for t in available))
    return [t for t in available if not names or any(t in matching for matching in chosen.values())]


def make(target, keep_outputs=False):
    """Build ``target``, execute it unless it is an exercise, and store it; return what was wrong, [] if stored.

    With ``keep_outputs`` the outputs of the committed file are taken where ``take_outputs`` finds them good.
    """
    start = time.perf_counter()
    try:
        notebook = build(target)
        if target.kind != "exercises" and not (keep_outputs and take_outputs(notebook, target)):
            execute(notebook, target)
    except (LessonError, CellExecutionError) as error:
        return [str(error)]
    problems = [] if target.kind == "exercises" else faults(notebook)
    if not problems:
        target.path.parent.mkdir(exist_ok=True)
        target.path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8", newline="\n")
        seconds, size = time.perf_counter() - start, target.path.stat().st_size
        print(f"{target.label:40} {seconds:6.1f} s {size / 1e6:6.2f} MB", flush=True)
    return problems


def take_outputs(notebook, target):
    """Give ``notebook`` the outputs of the committed file; return whether that file was executed with just this code.

    Its code cells, the bootstrap cell included, must be the same in the same order, with the same ids and tags, and
    the file must be in order. Otherwise ``notebook`` stays as it is.
    """
    if not target.path.exists():
        return False
    stored = nbformat.read(target.path, as_version=4)
    old, new = _code(stored), _code(notebook)
    if [_plain(cell) for cell in old] != [_plain(cell) for cell in new] or faults(stored):
        return False
    for before, after in zip(old, new, strict=True):
        after.outputs, after.execution_count = before.outputs, before.execution_count
    return True


def execute(notebook, target):
    """Run ``notebook`` in place, in the folder where learners open it, and tidy its outputs."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("COURSE_TIER", "cpu")  # what is stored must not depend on the builder's graphics card
    os.environ["COURSE_PROGRESS"] = "off"  # nor on what the builder has solved
    folder = target.root / target.kind
    folder.mkdir(exist_ok=True)
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        extra_arguments=["--IPKernelApp.log_level=ERROR"],  # quiet about the unencrypted loopback
        record_timing=False,
        store_widget_state=False,
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute()
    notebook.metadata["language_info"] = {"name": "python"}  # the kernel adds its version, which says nothing here
    tidy(notebook, target.root)


def differences(target):
    """Return how the committed file of ``target`` differs from what its source gives; [] when it does not."""
    if not target.path.exists():
        return ["has not been built"]
    wanted, found = build(target), nbformat.read(target.path, as_version=4)
    problems = [] if target.kind == "exercises" else faults(found)
    if found.metadata != wanted.metadata:
        problems.append("was built from an older source, or its metadata was edited")
    if [_plain(cell) for cell in found.cells] != [_plain(cell) for cell in wanted.cells]:
        ours, theirs = {c.id: _plain(c) for c in wanted.cells}, {c.id: _plain(c) for c in found.cells}
        changed = sorted(i for i in ours.keys() | theirs.keys() if ours.get(i) != theirs.get(i))
        problems.append("cells differ from the source: " + (", ".join(changed) or "their order"))
    if target.kind == "exercises" and any(cell.get("outputs") for cell in found.cells):
        problems.append("an exercise stores outputs")
    return problems


def orphans(root):
    """Return a sentence for every generated notebook that no source calls for."""
    wanted = {target.path for target in targets(root)}
    found = [path for kind in KINDS for path in sorted((root / kind).glob("*.ipynb"))]
    return [f"{path.relative_to(root)}: has no source in lessons/" for path in found if path not in wanted]


def _code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _plain(cell):
    return {key: cell[key] for key in ("cell_type", "id", "source", "metadata")}


if __name__ == "__main__":
    sys.exit(main())
