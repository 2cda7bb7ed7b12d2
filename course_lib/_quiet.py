"""TensorFlow's start-up lines stay off the learner's screen; whatever else it writes while it loads is passed on.

Before its own logging is set up, TensorFlow writes to the process's standard error, which Jupyter shows in red, and
none of its environment variables reaches these lines: that oneDNN is on, that there is no CUDA driver, that a factory
is registered twice. What matters in them stands in the report of ``runtime.setup``. Later lines, such as the error that
a laptop without a GPU cannot start CUDA, are left to TF_CPP_MIN_LOG_LEVEL; what is really wrong is raised.
"""

import contextlib
import functools
import importlib.abc
import importlib.util
import os
import re
import sys

LEVEL = "TF_CPP_MIN_LOG_LEVEL"
NOISE = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog\(\)"
    rb"|[IW]\d{4} [\d:.]+\s+\d+ \S+:\d+\]"  # I0000 00:00:1769860800.000000    2364 port.cc:153] ...
    rb"|E\d{4} [\d:.]+\s+\d+ \S+:\d+\] .*already been registered"
    rb"|\d{4}-\d\d-\d\d [\d:.]+: [IW] (tensorflow|external)/"  # 2026-01-31 12:00:00.0: I tensorflow/core/...
    rb"|To enable the following instructions: "  # the second line of one of these
)


class _TensorFlowFinder(importlib.abc.MetaPathFinder):
    """Finds TensorFlow once, where it would have been found anyway, and has it loaded quietly."""

    def find_spec(self, name, path=None, target=None):
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and hasattr(spec.loader, "exec_module"):
            spec.loader.exec_module = functools.partial(_load_quietly, spec.loader.exec_module)
        return spec


def start():
    """Have TensorFlow load and work without its informative lines, unless TF_CPP_MIN_LOG_LEVEL asks for them with 0."""
    if os.environ.setdefault(LEVEL, "3") != "0" and "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, _TensorFlowFinder())


def _load_quietly(load, module):
    with without_noise():
        load(module)


@contextlib.contextmanager
def without_noise():
    """Collect what is written to the process's standard error in the block, and write all but NOISE to it afterwards.

    A process that is killed in the block takes its last words with it; one whose block raises an error does not.
    """
    import tempfile  # here, because ``import course_lib`` is to be instant

    try:
        collected = tempfile.TemporaryFile()  # noqa: SIM115 (closed below)
    except OSError:  # no place for a file: then the lines are seen
        yield
        return
    with collected:
        try:
            shown = os.dup(2)
        except OSError:  # there is no standard error
            yield
            return
        os.dup2(collected.fileno(), 2)
        try:
            yield
        finally:
            with contextlib.suppress(OSError, ValueError, AttributeError):
                sys.stderr.flush()
            os.dup2(shown, 2)
            os.close(shown)
            collected.seek(0)
            kept = b"".join(line for line in collected if not NOISE.match(line))
            if kept:
                os.write(2, kept)
