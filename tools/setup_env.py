"""Set up the course and run one of its commands: python tools/setup_env.py COMMAND [ARGUMENTS]

    lab         open JupyterLab on lesson 00
    test        everything that CI runs, without a network
    test-fast   linter and unit tests only
    test-colab  the library's tests and lessons 00, 03, 05 and 06 with the versions that Google Colab ships
    notebooks   make and run notebooks/, solutions/ and exercises/ from lessons/ (03: lesson 03 only)
    exercises   make exercises/ only
    data        rebuild the embedded data from its packages
    zoo         train a shipped model: zoo NAME
    benchmarks  measure speed and memory, and write benchmarks/RESULTS.md
    site        make web pages of the executed lessons in build/site
    lint        ruff, rules and format
    env         set up only
    wheelhouse  put everything that an installation downloads into wheelhouse/, for a room without network

The first call creates .venv and installs requirements.txt; later calls find it done. Where a folder wheelhouse stands
in the course folder, the packages come from it and from nowhere else. test-colab has an environment of its own,
.venv-colab, on the newest supported Python of this machine (Colab's is 3.13). With GPU=1 after the command
(make lab GPU=1), or as an environment variable, TensorFlow's CUDA libraries are installed too: Linux and WSL2 with an
NVIDIA card. They stay installed until .venv is deleted; lesson 00's report says whether the GPU is really used.

This file uses the standard library only and runs on Python 3.7 and later, so that a wrong Python gets an answer and
not a syntax error.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SUPPORTED = ((3, 11), (3, 12), (3, 13))
INSTALL_GB = 4.0  # the installed set takes 2.7 GB, and pip keeps a copy of what it downloads
CUDA_GB = 8.0  # more for the CUDA libraries: an estimate with room to spare
# ``inputs``: the requirements first, and what else the contents depend on.
Kind = namedtuple("Kind", "folder inputs")
COURSE = Kind(".venv", ("requirements.txt", "pyproject.toml"))
COLAB = Kind(".venv-colab", ("requirements-colab.txt",))
SITE = Kind(".venv-site", ("requirements-site.txt",))
WHEELHOUSE = "wheelhouse"
CUDA_MARK = "with CUDA\n"
DRIVERS = ("/proc/driver/nvidia/version", "/usr/lib/wsl/lib/nvidia-smi")
PROBE = "import sys; print(*sys.version_info[:2]); import venv, ensurepip"

# nbval: one kernel for each file, so a file's cells must stay in one worker (loadfile).
PYTEST = ["-m", "pytest", "-n", "2", "--dist", "loadfile"]
NBVAL = ["--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=300"]
BENCHMARKS = ("metrics", "throughput", "training", "scaling", "explorers", "startup", "browser", "report")
# With Colab's versions run the tests of the library. Left out is what judges the repository, its tools and recipes, and
# the proofs of the lessons' mathematics, which CI runs with the pinned set.
COLAB_SKIPS = (
    "*_recipes",
    "audit_*",
    "benchmarks",
    "browser",
    "build_*",
    "committed_*",
    "dependencies",
    "distributed_*",
    "doctor_*",
    "environments",
    "exercises",
    "few_steps",
    "fuzz*",
    "glossary",
    "lesson_*",
    "mutation",
    "readme",
    "record*",
    "safety",
    "setup_env",
    "site",
    "theory_*",
    "try_nbgrader",
)
COLAB_NOTEBOOKS = ("00_start_here", "03_building_a_vae", "05_gan_game", "06_dcgan")
LINT = [["-m", "ruff", "check", "."], ["-m", "ruff", "format", "--check", "."]]
COMMANDS = {
    # Named as an address: given as a file, its folder would become the root, and exercises/ could not be reached.
    "lab": [
        ["-m", "jupyterlab", "--ServerApp.root_dir=.", "--LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb"]
    ],
    "test": LINT + [PYTEST + NBVAL + ["tests", "notebooks", "solutions"]],
    "test-fast": LINT + [PYTEST + ["-m", "not notebook", "tests"]],
    "test-colab": [
        PYTEST
        + NBVAL
        + [f"--ignore-glob=*/test_{skip}.py" for skip in COLAB_SKIPS]
        + ["tests"]
        + [f"notebooks/{name}.ipynb" for name in COLAB_NOTEBOOKS]
    ],
    "notebooks": [["tools/build_notebooks.py"]],
    "exercises": [["tools/build_notebooks.py", "--exercises-only"]],
    "data": [["tools/build_data.py"]],
    "zoo": [["tools/train_zoo.py"]],
    "benchmarks": [[f"benchmarks/{name}.py"] for name in BENCHMARKS],
    "site": [["tools/build_site.py"]],
    "lint": LINT,
    "env": [],
    # pip wheel and not pip download: what has no wheel is built here, where a compiler and a network may be had.
    "wheelhouse": [["-m", "pip", "wheel", "--wheel-dir", WHEELHOUSE, "-r", "requirements.txt", "setuptools>=77"]],
}


class SetupError(Exception):
    """Something that the set-up needs is missing; the message says what to do."""


def main(arguments):
    """Run the command line and return its exit status."""
    if not arguments or arguments[0] not in COMMANDS:
        print(__doc__)
        return 2
    command = arguments[0]
    extra = [argument for argument in arguments[1:] if not argument.startswith("GPU=")]
    kind = {"test-colab": COLAB, "site": SITE}.get(command, COURSE)
    try:
        python = prepare(ROOT, wants_gpu(arguments, os.environ), kind)
    except SetupError as error:
        print(f"\nThe set-up stopped: {error}", file=sys.stderr)
        return 1
    steps = COMMANDS[command][:-1] + [step + extra for step in COMMANDS[command][-1:]]
    for step in steps:
        say("python " + " ".join(step))
        try:
            status = subprocess.call([str(python)] + step, cwd=str(ROOT), env=environment(command))
        except KeyboardInterrupt:  # Ctrl-C is how JupyterLab is left
            return 130
        if status:
            return status
    return 0


def wants_gpu(arguments, variables):
    """Return whether GPU=1 was given, as an argument or, which is how make hands it on, as a variable."""
    given = [a.partition("=")[2] for a in arguments if a.startswith("GPU=")] + [variables.get("GPU", "")]
    return given[0].strip().lower() not in ("", "0", "no", "false")


def prepare(root, gpu=False, kind=COURSE):
    """Return the Python of the environment ``kind`` after creating and filling it where needed.

    ``gpu`` asks for the CUDA libraries too; where they were installed before, they stay.
    """
    folder, mark = root / kind.folder, stamp_path(root, kind)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    version = probe([str(python)])[0] if python.exists() else None
    found = mark.read_text() if mark.exists() else ""
    gpu = gpu or (version in SUPPORTED and CUDA_MARK in found)
    if version in SUPPORTED and found == stamp(root, version, gpu, kind):
        return python
    if gpu:
        require_cuda_system()
    require_disk(root, INSTALL_GB + CUDA_GB * gpu)
    if version not in SUPPORTED:
        base = find_python(newest=kind == COLAB)
        say("creating {} with {}".format(kind.folder, " ".join(base)))
        if subprocess.call(base + ["-m", "venv", "--clear", str(folder)]):
            raise SetupError(f"could not create {folder}. Check that the folder can be written to.")
        version = probe([str(python)])[0]
    install(root, python, kind)
    if gpu:
        install_cuda(root, python, kind)
    mark.write_text(stamp(root, version, gpu, kind))
    return python


def probe(command):
    """Return ((major, minor) or None if it does not run, whether it can make virtual environments)."""
    try:
        result = subprocess.run(command + ["-c", PROBE], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    except OSError:
        return None, False
    words = result.stdout.split()
    return (tuple(int(word) for word in words) if words else None), result.returncode == 0


def candidates():
    """Return the commands that may start a Python, this one first."""
    launcher = [["py", f"-3.{minor}"] for _, minor in reversed(SUPPORTED)] if os.name == "nt" else []
    named = ["python3"] + [f"python3.{minor}" for _, minor in reversed(SUPPORTED)]
    # pyenv answers to such a name only for the version that is selected, so its others are looked up where they are.
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    hidden = [sorted(versions.glob(f"3.{minor}.*/bin/python"))[-1:] for _, minor in reversed(SUPPORTED)]
    found = [name for name in named if shutil.which(name)] + [str(path) for paths in hidden for path in paths]
    return [[sys.executable]] + [[name] for name in found] + launcher


def find_python(newest=False):
    """Return the command of a Python that fits and can make virtual environments, or say which one to install.

    The first that fits is taken, or with ``newest`` the one of the highest version.
    """
    seen = [(command,) + probe(command) for command in candidates()]
    fitting = [(version, command) for command, version, has_venv in seen if version in SUPPORTED and has_venv]
    if fitting:
        return max(fitting)[1] if newest else fitting[0][1]
    for command, version, _ in seen:
        if version in SUPPORTED:
            raise SetupError(
                "{} has no venv or ensurepip module. On Debian and Ubuntu install it with\n"
                "    sudo apt install python{}.{}-venv\nand run this again.".format(" ".join(command), *version)
            )
    found = ", ".join("{}.{}".format(*version) for _, version, _ in seen if version) or "none"
    raise SetupError(
        f"Python 3.11, 3.12 or 3.13 is needed; found: {found}.\n"
        "  Debian, Ubuntu:  sudo apt install python3.12 python3.12-venv\n"
        "  macOS:           brew install python@3.12\n"
        "  Windows, others: https://www.python.org/downloads/\n"
        "If it has another name or place:  make PYTHON=/path/to/python3.12 lab"
    )


def require_disk(root, needed):
    """Refuse to start an installation of ``needed`` GB that the disk cannot hold."""
    free = shutil.disk_usage(str(root)).free / 1e9
    if free < needed:
        raise SetupError(
            f"{free:.1f} GB are free on the disk of {root}; {needed:.0f} GB are needed.\n"
            "Free some space (pip cache purge helps) and run this again."
        )


def require_cuda_system():
    """Refuse GPU=1 where TensorFlow has no CUDA build, with what to do instead."""
    if platform.system() == "Linux" and platform.machine() in ("x86_64", "aarch64"):
        return
    advice = {
        "Windows": "TensorFlow uses GPUs on Windows only inside WSL2: install it (wsl --install) and run this there.",
        "Darwin": "There is no CUDA on macOS. For a GPU, open a lesson in Colab.",
    }
    raise SetupError(
        "GPU=1 installs CUDA libraries, which exist for Linux only (x86_64, aarch64).\n"
        f"{advice.get(platform.system(), '')}\nWithout GPU=1 everything runs on the CPU."
    )


def install(root, python, kind):
    """Install the pinned set, and in the course's own environment the package, from wheelhouse/ where that stands."""
    source = offline(root) if kind == COURSE else []
    place = "from wheelhouse/" if source else "about 1 GB to download the first time"
    say(f"installing {kind.inputs[0]} ({place})")
    package = [source + ["--no-deps", "-e", "."]] if kind == COURSE else []  # see environment()
    pip(root, python, source + ["-r", kind.inputs[0]], *package)


def offline(root):
    """Return the options that make pip take packages from wheelhouse/ and nowhere else; none where it is missing."""
    return ["--no-index", "--find-links", WHEELHOUSE] if (root / WHEELHOUSE).is_dir() else []


def install_cuda(root, python, kind):
    """Install the CUDA libraries that belong to the pinned TensorFlow, and say so if no driver is there to use them."""
    lines = (root / kind.inputs[0]).read_text(encoding="utf-8").splitlines()
    pinned = next(line.strip() for line in lines if line.startswith("tensorflow=="))
    say("installing TensorFlow's CUDA libraries (several GB to download the first time)")
    pip(root, python, [pinned.replace("tensorflow", "tensorflow[and-cuda]")])
    if not any(Path(place).exists() for place in DRIVERS) and not shutil.which("nvidia-smi"):
        say("no NVIDIA driver was found here: install it too, or lessons run on the CPU (lesson 00's report says so)")


def pip(root, python, *calls):
    """Run ``pip install`` with each list of arguments; pip's own messages stay visible."""
    command = [str(python), "-m", "pip", "--disable-pip-version-check", "install"]
    for arguments in calls:
        if subprocess.call(command + arguments, cwd=str(root)):
            raise SetupError(
                "pip failed; its message stands above.\n"
                "  No connection or a time-out: check the network (a proxy: set HTTPS_PROXY), run this again.\n"
                "  'No matching distribution': this Python or processor may be too old or too new for TensorFlow.\n"
                "  A damaged environment: delete its folder (.venv) and run this again.\n"
                "  A folder wheelhouse: it must be made on the same system and Python; without it the network is used."
            )


def stamp_path(root, kind=COURSE):
    """The file that records what an environment was filled with."""
    return root / kind.folder / "course-stamp.txt"


def stamp(root, version, gpu=False, kind=COURSE):
    """Return what an environment depends on: the Python, the place of the folder, and what is to be installed."""
    digests = [hashlib.sha256((root / name).read_bytes()).hexdigest() for name in kind.inputs]
    return "\n".join(["{}.{}".format(*version), str(root)] + digests) + "\n" + CUDA_MARK * gpu


def environment(command):
    """Return the environment of a command; the tests' one blocks the network, in kernels too."""
    env = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3")
    if command.startswith("test"):
        # Colab's environment has no course_lib installed: as there, a path leads to it.
        first = [str(ROOT / "tests" / "offline")] + [str(ROOT)] * (command == "test-colab")
        env["PYTHONPATH"] = os.pathsep.join(first + list(filter(None, [env.get("PYTHONPATH")])))
    return env


def say(text):
    """Print what happens next, before it happens."""
    print("[course] " + text, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
