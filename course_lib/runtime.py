"""The machine: seeds, device report, CPU or GPU tier, precision policy, distribution strategy."""

import importlib.util
import os
import platform
import sys
from dataclasses import dataclass, field
from importlib.metadata import version

from course_lib._validate import choice, integer

PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16")
TESTED_PYTHON = ((3, 11), (3, 13))


@dataclass(frozen=True)
class Report:
    """What the course found on this machine; prints as text, displays as a table with a mark for each line."""

    seed: int
    tier: str
    precision: str
    python: str
    tensorflow: str
    keras: str
    devices: list[str]
    cores: int
    in_colab: bool
    warnings: list[str] = field(default_factory=list)

    def rows(self):
        """Return (what, value, is fine) for each line of the report."""
        trains_on = self.devices[0] if self.devices else f"CPU, {self.cores} cores"
        where = "Google Colab" if self.in_colab else f"{platform.system()} {platform.machine()}"
        return [
            ("Machine", where, True),
            ("Python", self.python, True),
            ("TensorFlow / Keras", f"{self.tensorflow} / {self.keras}", True),
            ("Training runs on", trains_on, True),
            ("Tier", f"{self.tier} (lessons choose their step counts for it; set COURSE_TIER to change it)", True),
            ("Precision", self.precision, True),
            ("Seed", str(self.seed), True),
            *(("Note", warning, False) for warning in self.warnings),
        ]

    def __str__(self):
        return "\n".join(f"[{'ok' if fine else '! '}] {what}: {value}" for what, value, fine in self.rows())

    def _repr_html_(self):
        # The mark differs in shape and word as well as colour.
        mark = {
            True: '<td style="color:#007a55">&#10003; ok</td>',
            False: '<td style="color:#a85d00">&#9650; note</td>',
        }
        cell = '<td style="text-align:left">{}</td>'
        rows = (f"<tr>{mark[ok]}{cell.format(what)}{cell.format(value)}</tr>" for what, value, ok in self.rows())
        return f"<table><caption>Machine report</caption>{''.join(rows)}</table>"


def setup(seed=0, precision=None):
    """Seed Python, NumPy and TensorFlow, set the precision policy, and return a ``Report`` of the machine.

    ``seed`` is an integer ≥ 0. ``precision`` is None (keep the present policy), "float32", "mixed_float16" or
    "mixed_bfloat16". Call it at the start of a notebook, before any TensorFlow work.
    Raises ``ValueError`` for other values.
    """
    import keras
    import tensorflow as tf

    integer("seed", seed, 0)
    _let_gpus_grow(tf)
    keras.utils.set_random_seed(seed)
    if precision is not None:
        keras.mixed_precision.set_dtype_policy(choice("precision", precision, PRECISIONS))
    return Report(
        seed=seed,
        tier=tier(),
        precision=keras.mixed_precision.dtype_policy().name,
        python=platform.python_version(),
        tensorflow=tf.__version__,
        keras=version("keras"),
        devices=_gpu_names(tf),
        cores=cores(),
        in_colab=in_colab(),
        warnings=_warnings(tf),
    )


def tier():
    """Return "gpu" or "cpu": the environment variable COURSE_TIER, or what the machine has."""
    import tensorflow as tf

    found = "gpu" if tf.config.list_physical_devices("GPU") else "cpu"
    return choice("COURSE_TIER", os.environ.get("COURSE_TIER", found).lower(), ("cpu", "gpu"))


def pick(cpu, gpu):
    """Return ``cpu`` or ``gpu``, whichever is meant for this machine's tier."""
    return gpu if tier() == "gpu" else cpu


def strategy():
    """Return the ``tf.distribute`` strategy for this machine: mirrored over several GPUs, else the default."""
    import tensorflow as tf

    several = len(tf.config.list_physical_devices("GPU")) > 1
    return tf.distribute.MirroredStrategy() if several else tf.distribute.get_strategy()


def in_colab():
    """Return whether this is a Google Colab kernel."""
    return _finds("google") and _finds("google.colab")


def cores():
    """Return the number of CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _finds(module):
    return importlib.util.find_spec(module) is not None


def _let_gpus_grow(tf):
    """Let TensorFlow take GPU memory as it needs it, so that two notebooks fit on one GPU."""
    for gpu in tf.config.list_physical_devices("GPU"):
        try:
            tf.config.experimental.set_memory_growth(gpu, True)
        except RuntimeError:  # the GPU is already in use: its memory was claimed before this call
            return


def _gpu_names(tf):
    gpus = tf.config.list_physical_devices("GPU")
    return [tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name) for gpu in gpus]


def _warnings(tf):
    notes = []
    if not TESTED_PYTHON[0] <= sys.version_info[:2] <= TESTED_PYTHON[1]:
        notes.append("The course is tested on Python 3.11 to 3.13; this one may work too.")
    if tier() == "gpu" and not tf.config.list_physical_devices("GPU"):
        notes.append("COURSE_TIER=gpu, but TensorFlow sees no GPU: lessons will take long.")
    if tier() == "cpu" and cores() < 2:
        notes.append("One core: expect about twice the stated times.")
    return notes
