"""What every test module shares: the tools are importable, the network is blocked, figures open no window."""

import os
import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OFFLINE = Path(__file__).parent / "offline"

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["COURSE_PROGRESS"] = "off"  # what tests pass is no learner's progress
# Here for this process, and through PYTHONPATH for every process that a test starts, kernels included.
runpy.run_path(str(OFFLINE / "sitecustomize.py"))
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(OFFLINE), os.environ.get("PYTHONPATH")]))
sys.path.insert(0, str(ROOT / "tools"))

import matplotlib  # noqa: E402

matplotlib.use("Agg")


def pytest_configure(config):
    """Declare the mark that `make test-fast` leaves out."""
    config.addinivalue_line("markers", "notebook: executes a committed notebook, or opens one in a browser")
