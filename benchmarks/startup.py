"""Seconds until something happens: imports, the set-up, and the first picture of lesson 00, each in a fresh process.

Run from the repository's root, with nothing else running: python benchmarks/startup.py [--repeats 5]
The system's file cache is warm (the first run of each is not counted), as it is from the second start of a day on.
"""

import argparse
import statistics
import subprocess
import sys

import _common
from _common import ROOT

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


def cases():
    """Return name -> Python code whose run is timed."""
    import course_lib

    found = {"import course_lib": "import course_lib", "import tensorflow (for comparison)": "import tensorflow"}
    modules = [name for name in course_lib._MODULES if not name.startswith("_")]
    found |= {f"import course_lib.{name}": f"import course_lib.{name}" for name in modules}
    found["runtime.setup(0)"] = "from course_lib import runtime; runtime.setup(0)"
    found["first generated picture of lesson 00"] = FIRST_PICTURE.strip()
    return found


def measure(code, repeats):
    """Return the median seconds of ``code`` in fresh processes, after one that is not counted."""
    command = [sys.executable, "-c", TIMED.format(code)]
    times = []
    for _ in range(repeats + 1):
        result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
        times.append(float(result.stdout.split()[-1]))
    return statistics.median(times[1:])


def main():
    """Read the command line, measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    rows = []
    for name, code in cases().items():
        rows.append([name, round(measure(code, repeats), 4)])
        print(*rows[-1], flush=True)
    table = {"caption": f"Median of {repeats} fresh processes.", "header": ["what", "seconds"], "rows": rows}
    text = (
        "Time inside the process, without the start of Python itself. A module's import includes all that it imports."
    )
    _common.publish("startup", "Start-up", text, [table], 0)


if __name__ == "__main__":
    main()
