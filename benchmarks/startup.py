"""Seconds until something happens: imports, the set-up, the first picture of lesson 00, and the course's way to Colab.

Each is timed in a fresh process; for the last, the bootstrap cell of the notebooks runs in an empty folder.

Run from the repository's root, with nothing else running: python benchmarks/startup.py [--repeats 5]
The system's file cache is warm (the first run of each is not counted), as it is from the second start of a day on.
"""

import argparse
import statistics
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import _common
from _common import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import notebook_source

TIMED = "import time; start = time.perf_counter()\n{}\nprint(time.perf_counter() - start)"
FIRST_PICTURE = """
import matplotlib; matplotlib.use("Agg")
import numpy as np
from course_lib import images, plots, runtime, zoo
runtime.setup(0)
generator = zoo.load("faces-gan")
z = np.random.default_rng(7).standard_normal((24, generator.input_shape[-1])).astype(np.float32)
drawn = images.to_uint8(np.asarray(generator(z, training=False)))
plots.mime_bundle(plots.image_grid(drawn, columns=12, size=0.75, alt="Faces"))
"""

# As in a fresh Colab: the packages are there, course_lib is nowhere to be found (-I -S: no installed one either).
FIRST_CELLS = """
import importlib.machinery, importlib.util, sys, time
sys.path += {packages!r}
sys.modules["google.colab"] = importlib.util.module_from_spec(importlib.machinery.ModuleSpec("google.colab", None))
start = time.perf_counter()
{before}
exec({cell!r}, {{"__name__": "__main__"}})
from course_lib import runtime
runtime.setup(0)
print(time.perf_counter() - start)
"""


def cases():
    """Return name -> Python code whose run is timed."""
    import course_lib

    found = {"import course_lib": "import course_lib", "import tensorflow (for comparison)": "import tensorflow"}
    modules = [name for name in course_lib._MODULES if not name.startswith("_")]
    found |= {f"import course_lib.{name}": f"import course_lib.{name}" for name in modules}
    found["runtime.setup(0)"] = "from course_lib import runtime; runtime.setup(0)"
    found["first generated picture of lesson 00"] = FIRST_PICTURE.strip()
    return found


def timed(arguments, folder):
    """Return the seconds that a fresh Python process prints last."""
    command = [sys.executable, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)
    return float(result.stdout.split()[-1])


def measure(code, repeats):
    """Return the median seconds of ``code`` in fresh processes, after one that is not counted."""
    return statistics.median([timed(["-c", TIMED.format(code)], ROOT) for _ in range(repeats + 1)][1:])


def first_cells(repeats):
    """Yield [what, median seconds] of the bootstrap cell and ``runtime.setup(0)`` in a folder without the course."""
    with tempfile.TemporaryDirectory() as made:
        bare, packed = Path(made, "course.git"), Path(made, "course.zip")
        subprocess.run(["git", "clone", "--quiet", "--bare", ROOT, bare], check=True)
        subprocess.run(["git", "tag", "--force", "measured"], cwd=bare, check=True, capture_output=True)
        subprocess.run(["git", "archive", "--prefix=course/", "-o", packed, "HEAD"], cwd=ROOT, check=True)
        ways = {
            "a clone from a local git address": (bare.as_uri(), ""),
            "a zip, unpacked first": ("", "import zipfile; zipfile.ZipFile({packed!r}).extractall({content!r})"),
        }
        for name, (repository, before) in ways.items():
            times = []
            for _ in range(repeats + 1):
                with tempfile.TemporaryDirectory() as content, tempfile.TemporaryDirectory() as empty:
                    cell = notebook_source.BOOTSTRAP.replace("{repository}", repository).replace("{tag}", "measured")
                    code = FIRST_CELLS.format(
                        packages=sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}),
                        before=before.format(packed=str(packed), content=content),
                        cell=cell.replace('"/content', f'"{content}'),
                    )
                    times.append(timed(["-I", "-S", "-c", code], empty))
            yield [f"bootstrap cell and runtime.setup(0), {name}", statistics.median(times[1:])]


def main():
    """Read the command line, measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    rows = []
    for name, code in cases().items():
        rows.append([name, measure(code, repeats)])
        print(*rows[-1], flush=True)
    for row in first_cells(repeats):
        rows.append(row)
        print(*row, flush=True)
    table = {"caption": f"Median of {repeats} fresh processes.", "header": ["what", "seconds"], "rows": rows}
    text = (
        "Time inside the process, without the start of Python itself. A module's import includes all that it imports."
    )
    _common.publish("startup", "Start-up", text, [table], 0)


if __name__ == "__main__":
    main()
