"""TensorFlow's start-up lines do not reach the learner's first cell; what is not one of them does."""

import os
import subprocess
import sys

import nbformat
import pytest
from nbclient import NotebookClient

from course_lib import _quiet

NOISE = """WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795805199.313907    2364 port.cc:153] oneDNN custom operations are on.
W0000 00:00:1744041024.521221   22233 computation_placer.cc:177] computation placer already registered.
E0000 00:00:1744041024.501421   22233 cuda_dnn.cc:8579] cuDNN: the factory has already been registered
2026-01-31 12:00:00.123456: I tensorflow/core/platform/cpu_feature_guard.cc:210] AVX2 FMA
To enable the following instructions: AVX2 FMA, in other operations, rebuild TensorFlow.
"""
KEPT = """E0000 00:00:1744041024.501421   22233 cuda_blas.cc:1] the driver is too old
RuntimeWarning: something of Python's own
F0000 00:00:1744041024.501421   22233 cpu.cc:1] a fatal one
"""
WRITE = "import os\nfrom course_lib import _quiet\nwith _quiet.without_noise():\n    os.write(2, {!r})\n{}"


def run(code, **environment):
    known = {name: value for name, value in os.environ.items() if name != _quiet.LEVEL}
    return subprocess.run([sys.executable, "-c", code], env=known | environment, capture_output=True, timeout=300)


def test_only_the_known_lines_are_dropped():
    done = run(WRITE.format((NOISE + KEPT).encode(), ""))
    assert done.returncode == 0 and done.stderr.decode() == KEPT


def test_an_error_in_the_block_is_raised_and_what_it_wrote_before_is_shown():
    done = run(WRITE.format(b"last words\n", "    raise ImportError('no module')"))
    assert done.returncode == 1
    assert done.stderr.startswith(b"last words\n") and done.stderr.endswith(b"ImportError: no module\n")


def test_without_standard_error_and_without_a_place_for_files_the_block_still_runs(tmp_path):
    closed = "import os\nos.close(2)\nfrom course_lib import _quiet\nwith _quiet.without_noise():\n    print('ran')"
    assert run(closed).stdout == b"ran\n"
    nowhere = "import tempfile\ntempfile.tempdir = '/nowhere'\n" + WRITE.format(b"seen\n", "    print('ran')")
    done = run(nowhere)
    assert done.stdout == b"ran\n" and done.stderr == b"seen\n"


@pytest.fixture(scope="module")
def outputs():
    """What a kernel shows for a lesson's first imports and its first products, without the tests' own settings."""
    code = [
        "import course_lib",
        "import keras\nimport tensorflow as tf",
        "from course_lib import nets, runtime\nruntime.setup(0)",
        "model = nets.dcgan_generator((28, 28, 1), 8)\nmodel.predict(tf.zeros((4, 8)), verbose=0).shape",
        "import os, time\nos.write(2, b'a later line\\n')\ntime.sleep(2)",  # a thread of the kernel passes it on
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in code])
    # A kernel that finds pytest's variable does not watch the process's standard error, as it does for a learner.
    environment = {name: v for name, v in os.environ.items() if name not in (_quiet.LEVEL, "PYTEST_CURRENT_TEST")}
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute(env=environment)
    return [[output for output in cell.outputs if output.get("name") == "stderr"] for cell in notebook.cells]


def test_the_first_cells_of_a_lesson_show_nothing_in_red(outputs):
    assert outputs[:4] == [[], [], [], []]


def test_a_later_line_is_shown(outputs):
    assert "a later line" in outputs[4][0]["text"]


def test_a_learner_who_asks_for_all_lines_gets_them():
    done = run("import course_lib, tensorflow", **{_quiet.LEVEL: "0"})
    assert done.returncode == 0 and b"port.cc" in done.stderr


def test_the_level_is_a_default_only_and_the_finder_leaves_after_its_work():
    code = "import sys, course_lib, tensorflow, os; print(len(sys.meta_path), os.environ['TF_CPP_MIN_LOG_LEVEL'])"
    plain = run("import sys, tensorflow; print(len(sys.meta_path))").stdout.split()[-1]
    assert run(code).stdout.split()[-2:] == [plain, b"3"]
    assert run(code, **{_quiet.LEVEL: "1"}).stdout.split()[-1] == b"1"
