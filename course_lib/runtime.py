"""The machine: seeds, device report, CPU or GPU tier, precision policy, distribution strategy.

Each choice is made from what the machine has, is said in the report, and is overridden by one argument of ``setup`` or
one environment variable (the argument wins):

    tier           COURSE_TIER           "cpu" or "gpu": how much the lessons do
    precision      COURSE_PRECISION      a Keras policy, or "auto" for the one that this device gains from
    devices        COURSE_DEVICES        how many of the GPUs ``strategy`` trains on
    memory_growth  COURSE_MEMORY_GROWTH  "1" or "0": take GPU memory as needed, or all of it at once
"""

import importlib.util
import os
import platform
import sys
from dataclasses import dataclass, field
from importlib.metadata import version

from course_lib import _no_gpu
from course_lib._validate import choice, integer, refuse

PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16")
TIERS = ("cpu", "gpu")
TESTED_PYTHON = ((3, 11), (3, 13))

_arguments = {}  # what the last ``setup`` was told, for the functions that are called without it


@dataclass(frozen=True)
class Report:
    """What the course found on this machine; prints as text, displays as a table with a mark for each line.

    ``devices`` names the accelerators that TensorFlow sees; ``computed_on`` is where a small product really ran.
    """

    seed: int
    tier: str
    precision: str
    python: str
    tensorflow: str
    keras: str
    devices: list[str]
    cores: int
    in_colab: bool
    computed_on: str
    replicas: int
    memory_growth: bool
    precision_reason: str
    warnings: list[str] = field(default_factory=list)

    def rows(self):
        """Return (what, value, is fine) for each line of the report."""
        used = self.computed_on != "CPU"
        proof = " (a test product ran there)" if self.computed_on == "GPU" else ""
        trains_on = ", ".join(self.devices) + proof if used else f"CPU, {self.cores} core{'s' * (self.cores != 1)}"
        where = "Google Colab" if self.in_colab else f"{platform.system()} {platform.machine()}"
        accelerator = [
            ("Several devices", f"{self.replicas} in step (COURSE_DEVICES)", True),
            ("GPU memory", "taken as needed" if self.memory_growth else "taken at once (COURSE_MEMORY_GROWTH=1)", True),
        ]
        return [
            ("Machine", where, True),
            ("Python", self.python, True),
            ("TensorFlow / Keras", f"{self.tensorflow} / {self.keras}", True),
            ("Training runs on", trains_on, used or not self.devices),
            ("Tier", f"{self.tier} (lessons choose their step counts for it; set COURSE_TIER to change it)", True),
            ("Precision", f"{self.precision} ({self.precision_reason})", True),
            *(accelerator if self.devices else []),
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


def setup(seed=0, precision=None, tier=None, devices=None, memory_growth=None):
    """Seed Python, NumPy and TensorFlow, set the precision policy, and return a ``Report`` of the machine.

    ``seed`` is an integer ≥ 0. ``precision`` is None (keep the present policy and say whether another would pay),
    "auto" (the one that this device gains from), "float32", "mixed_float16" or "mixed_bfloat16". ``tier``, ``devices``
    and ``memory_growth`` override what was found, see the module. Call it at the start of a notebook, before any
    TensorFlow work: memory growth cannot be set later. Raises ``ValueError`` for other values.
    """
    import keras
    import tensorflow as tf

    integer("seed", seed, 0)
    _arguments.update(tier=tier, devices=devices, memory_growth=memory_growth, precision=precision)
    growth, late = _set_memory_growth(tf)
    keras.utils.set_random_seed(seed)
    reason = _set_precision(keras)
    return _report(tf, seed, keras.mixed_precision.dtype_policy().name, reason, growth, late)


def tier():
    """Return "gpu" or "cpu": what ``setup`` was told, else the variable COURSE_TIER, else what was found."""
    import tensorflow as tf

    return choice("COURSE_TIER", str(_told("tier", "gpu" if _accelerators(tf) else "cpu")).lower(), TIERS)


def pick(cpu, gpu):
    """Return ``cpu`` or ``gpu``, whichever is meant for this machine's tier."""
    return gpu if tier() == "gpu" else cpu


def best_precision():
    """Return (policy, reason) for this device: the fastest one that its arithmetic units are built for.

    NVIDIA's tensor cores multiply float16 from compute capability 7.0 on and bfloat16 from 8.0 on; TPUs bfloat16.
    """
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
        capability = min(each.get("compute_capability", (0, 0)) for each in details)
        built_for = f"compute capability {capability[0]}.{capability[1]}"
        if capability >= (8, 0):
            return "mixed_bfloat16", f"{built_for} has units for bfloat16"
        if capability >= (7, 0):
            return "mixed_float16", f"{built_for} has units for float16, none for bfloat16"
        return "float32", f"{built_for} has no units for 16 bits"
    if tf.config.list_physical_devices("TPU"):
        return "mixed_bfloat16", "a TPU multiplies bfloat16"
    return "float32", "on a CPU 16 bits may be slower: lesson 11 measures it"


def strategy():
    """Return the ``tf.distribute`` strategy for this machine: mirrored over several GPUs, a TPU's, else the default.

    TPUs are supported as TensorFlow documents it, without having been tested on one.
    """
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU") and tf.config.list_physical_devices("TPU"):
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu="local")
        tf.tpu.experimental.initialize_tpu_system(resolver)
        return tf.distribute.TPUStrategy(resolver)
    n = _replicas(tf)
    return tf.distribute.MirroredStrategy([f"GPU:{i}" for i in range(n)]) if n > 1 else tf.distribute.get_strategy()


def in_colab():
    """Return whether this is a Google Colab kernel."""
    return _finds("google") and _finds("google.colab")


def cores():
    """Return the number of CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _told(name, fallback=None):
    """Return the last ``setup``'s argument, else the environment variable's text in lower case, else ``fallback``."""
    argument = _arguments.get(name)
    return os.environ.get(f"COURSE_{name.upper()}", fallback) if argument is None else argument


def _report(tf, seed, precision, reason, growth, late):
    place, failure = _where_it_runs(tf)
    return Report(
        seed=seed,
        tier=tier(),
        precision=precision,
        python=platform.python_version(),
        tensorflow=tf.__version__,
        keras=version("keras"),
        devices=_accelerator_names(tf),
        cores=cores(),
        in_colab=in_colab(),
        computed_on=place,
        replicas=_replicas(tf),
        memory_growth=growth,
        precision_reason=reason,
        warnings=[note for note in (late, failure, *_warnings(tf)) if note],
    )


def _replicas(tf):
    """Return on how many devices ``strategy`` trains; TPU cores are counted by TensorFlow when it starts."""
    found = len(tf.config.list_physical_devices("GPU"))
    told = str(_told("devices", max(found, 1)))
    if not told.isdigit() or not 1 <= int(told) <= max(found, 1):
        refuse("COURSE_DEVICES", f"a number of GPUs from 1 to {max(found, 1)}", told)
    return int(told)


def _set_precision(keras):
    """Set the policy that was asked for, if one was; return why it is what it is."""
    told, (best, why) = _told("precision"), best_precision()
    if told is not None:
        told = choice("precision", str(told).lower(), (*PRECISIONS, "auto"))
        keras.mixed_precision.set_dtype_policy(best if told == "auto" else told)
        return f"chosen automatically: {why}" if told == "auto" else "as asked for"
    if keras.mixed_precision.dtype_policy().name == best:
        return why if best == "float32" else f"kept; {why}"
    return f"kept; {best} may be faster, as {why}: COURSE_PRECISION=auto"


def _set_memory_growth(tf):
    """Let TensorFlow take GPU memory as it needs it, so that two notebooks fit on one; return (it does, warning)."""
    told = str(_told("memory_growth", "1")).lower()
    wanted = choice("COURSE_MEMORY_GROWTH", told, ("1", "0", "true", "false")) in ("1", "true")
    for gpu in tf.config.list_physical_devices("GPU"):
        try:
            tf.config.experimental.set_memory_growth(gpu, wanted)
        except RuntimeError:  # the GPU was in use before this call, with whatever was set then
            grows = tf.config.experimental.get_memory_growth(gpu)
            late = f"GPU memory growth stays {'on' if grows else 'off'}: restart the kernel and run setup first."
            return grows, late if grows != wanted else None
    return wanted, None


def _where_it_runs(tf):
    """Return the kind of device that a small product ran on, "CPU" or "GPU" or "TPU", and what went wrong, or None."""
    for gpu in tf.config.list_physical_devices("GPU")[:1]:
        try:
            with tf.device("GPU:0"):
                product = tf.linalg.matmul(tf.ones((8, 8)), tf.ones((8, 8)))
            if "GPU" in product.device and float(product[0, 0]) == 8:
                return "GPU", None
            return "CPU", f"A product that was meant for {gpu.name} ran on {product.device}."
        except (tf.errors.OpError, RuntimeError) as error:
            return "CPU", f"TensorFlow lists {gpu.name} but cannot compute on it: {str(error).splitlines()[0]}"
    return ("TPU" if tf.config.list_physical_devices("TPU") else "CPU"), None


def _finds(module):
    return importlib.util.find_spec(module) is not None


def _accelerators(tf):
    return tf.config.list_physical_devices("GPU") or tf.config.list_physical_devices("TPU")


def _accelerator_names(tf):
    details = tf.config.experimental.get_device_details
    return [details(each).get("device_name", each.name) for each in _accelerators(tf)]


def _warnings(tf):
    notes, found = [], _accelerators(tf)
    if not TESTED_PYTHON[0] <= sys.version_info[:2] <= TESTED_PYTHON[1]:
        notes.append("The course is tested on Python 3.11 to 3.13; this one may work too.")
    if tier() == "gpu" and not found:
        notes.append("COURSE_TIER=gpu, but TensorFlow sees no GPU: lessons will take long.")
    if tier() == "cpu" and cores() < 2:
        notes.append("One core: expect about twice the stated times.")
    if not found:
        notes.append(_no_gpu.advice(_no_gpu.look(tf.test.is_built_with_cuda(), in_colab())))
    return notes
