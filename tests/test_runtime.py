"""Seeds, tiers, precision, devices and the machine report; what is said where a GPU is missing."""

import dataclasses
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from course_lib import _no_gpu, runtime
from course_lib._no_gpu import Facts

LAPTOP = Facts("Linux", "x86_64", cards=frozenset({"NVIDIA"}), driver=True, cuda_wheels=True)


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """Choices of one test must not reach the next; neither must the environment's."""
    for name in ("TIER", "PRECISION", "DEVICES", "MEMORY_GROWTH"):
        monkeypatch.delenv(f"COURSE_{name}", raising=False)
    before = keras.mixed_precision.dtype_policy()
    yield
    runtime._arguments.clear()
    keras.mixed_precision.set_dtype_policy(before)


@pytest.fixture
def pretend(monkeypatch):
    """Return a function that lets TensorFlow list devices which are not there; products on them "run" where told."""

    def machine(gpus=(), tpus=0, ran_on="/device:GPU:0", grows=True):
        calls = []
        listed = {
            "GPU": [SimpleNamespace(name=f"/physical_device:GPU:{i}", details=d) for i, d in enumerate(gpus)],
            "TPU": [SimpleNamespace(name=f"/physical_device:TPU:{i}", details={}) for i in range(tpus)],
        }
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: listed.get(kind, []))
        experimental = tf.config.experimental
        monkeypatch.setattr(experimental, "get_device_details", lambda device: device.details)
        monkeypatch.setattr(experimental, "get_memory_growth", lambda device: grows)
        monkeypatch.setattr(experimental, "set_memory_growth", lambda device, on: calls.append((device.name, on)))

        class Product:
            device = ran_on

            def __getitem__(self, place):
                return 8.0

        if gpus:
            monkeypatch.setattr(tf, "device", lambda name: tf.name_scope("there"))
            monkeypatch.setattr(tf.linalg, "matmul", lambda a, b: Product())
        return calls

    return machine


def card(name, *capability):
    return {"device_name": name, "compute_capability": capability}


def test_setup_makes_every_generator_repeat():
    def numbers():
        runtime.setup(seed=4)
        return float(keras.random.normal(())), float(tf.random.normal(())), np.random.rand()  # noqa: NPY002

    assert numbers() == numbers()


def test_report_names_versions_tier_and_machine():
    report = runtime.setup(seed=1)
    text, html = str(report), report._repr_html_()
    for fact in (tf.__version__, "Tier", "Seed: 1", "float32"):
        assert fact in text
    assert tf.__version__ in html
    assert "<table>" in html


def test_report_marks_warnings_by_word_as_well_as_colour(monkeypatch, pretend):
    pretend()
    monkeypatch.setenv("COURSE_TIER", "gpu")
    report = runtime.setup()
    assert any("sees no GPU" in warning for warning in report.warnings)
    assert "&#9650; note" in report._repr_html_()
    assert "[! ]" in str(report)


def test_pick_follows_the_variable_and_the_argument_before_it(monkeypatch):
    monkeypatch.setenv("COURSE_TIER", "gpu")
    assert runtime.pick(cpu=1, gpu=2) == 2
    monkeypatch.setenv("COURSE_TIER", "CPU")
    assert runtime.pick(cpu=1, gpu=2) == 1
    assert runtime.setup(tier="gpu").tier == "gpu" and runtime.pick(cpu=1, gpu=2) == 2
    assert runtime.setup().tier == "cpu", "the next setup does not remember"
    monkeypatch.setenv("COURSE_TIER", "tpu")
    with pytest.raises(ValueError, match="COURSE_TIER: expected one of 'cpu', 'gpu'"):
        runtime.pick(cpu=1, gpu=2)


def test_a_gpu_is_found_proven_and_makes_the_tier(pretend):
    calls = pretend([card("Tesla T4", 7, 5)])
    report = runtime.setup()
    assert calls == [("/physical_device:GPU:0", True)]
    assert report.tier == "gpu" and report.devices == ["Tesla T4"] and report.computed_on == "GPU"
    assert "Training runs on: Tesla T4 (a test product ran there)" in str(report)
    assert "GPU memory: taken as needed" in str(report) and not report.warnings


def test_a_gpu_that_is_listed_but_not_used_is_no_success(pretend):
    pretend([card("Tesla T4", 7, 5)], ran_on="/device:CPU:0")
    report = runtime.setup()
    assert report.computed_on == "CPU" and "[! ] Training runs on: CPU" in str(report)
    assert any("ran on /device:CPU:0" in warning for warning in report.warnings)


def test_a_gpu_that_cannot_compute_is_reported_with_tensorflows_reason(pretend, monkeypatch):
    pretend([card("Old", 3, 0)])

    def fails(a, b):
        raise tf.errors.InternalError(None, None, "no kernel image is available\nmore lines")

    monkeypatch.setattr(tf.linalg, "matmul", fails)
    report = runtime.setup()
    assert report.computed_on == "CPU" and any("no kernel image" in w for w in report.warnings)


def test_memory_growth_is_set_by_argument_or_variable_and_a_late_call_is_said(pretend, monkeypatch):
    calls = pretend([card("A", 8, 0), card("A", 8, 0)])
    assert runtime.setup().memory_growth and calls == [(f"/physical_device:GPU:{i}", True) for i in (0, 1)]
    monkeypatch.setenv("COURSE_MEMORY_GROWTH", "0")
    assert not runtime.setup().memory_growth and calls[-1][1] is False
    assert runtime.setup(memory_growth=True).memory_growth
    with pytest.raises(ValueError, match="COURSE_MEMORY_GROWTH"):
        runtime.setup(memory_growth="some")

    def too_late(device, on):
        raise RuntimeError("Physical devices cannot be modified after being initialized")

    pretend([card("A", 8, 0)], grows=False)
    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", too_late)
    report = runtime.setup(memory_growth=True)
    assert not report.memory_growth and any("restart the kernel" in w for w in report.warnings)
    assert not runtime.setup(memory_growth=False).warnings, "it is as wanted"


def test_precision_is_set_kept_or_refused(monkeypatch):
    assert runtime.setup(precision="mixed_bfloat16").precision == "mixed_bfloat16"
    assert runtime.setup().precision == "mixed_bfloat16"
    monkeypatch.setenv("COURSE_PRECISION", "float32")
    assert runtime.setup().precision == "float32"
    assert runtime.setup(precision="mixed_float16").precision == "mixed_float16", "the argument wins"
    with pytest.raises(ValueError, match="precision: expected one of"):
        runtime.setup(precision="float8")


@pytest.mark.parametrize(
    ("gpus", "best"),
    [
        ([card("A100", 8, 0)], "mixed_bfloat16"),
        ([card("T4", 7, 5)], "mixed_float16"),
        ([card("P100", 6, 0)], "float32"),
        ([card("A100", 8, 0), card("T4", 7, 5)], "mixed_float16"),
        ([{}], "float32"),
        ([], "float32"),
    ],
)
def test_precision_is_chosen_for_the_weakest_device_when_asked_and_never_silently(pretend, gpus, best):
    pretend(gpus)
    keras.mixed_precision.set_dtype_policy("float32")
    kept = runtime.setup()
    assert kept.precision == "float32", "not unless asked for"
    assert (f"{best} may be faster" in str(kept)) == (best != "float32")
    chosen = runtime.setup(precision="auto")
    assert chosen.precision == best and "chosen automatically" in str(chosen)


def test_a_tpu_multiplies_bfloat16(pretend):
    pretend(tpus=2)
    report = runtime.setup(precision="auto")
    assert (report.tier, report.precision, report.computed_on) == ("gpu", "mixed_bfloat16", "TPU")
    assert "a test product ran there" not in str(report), "nothing ran there"


def test_several_gpus_work_in_step_as_many_as_asked_for(pretend, monkeypatch):
    pretend([card("A", 8, 0)] * 3)
    made = []
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", lambda devices: made.append(devices))
    runtime.setup()
    runtime.strategy()
    monkeypatch.setenv("COURSE_DEVICES", "2")
    runtime.strategy()
    assert made == [["GPU:0", "GPU:1", "GPU:2"], ["GPU:0", "GPU:1"]]
    assert runtime.setup(devices=1).replicas == 1
    assert runtime.strategy() is tf.distribute.get_strategy() and len(made) == 2
    for wrong in ("0", "4", "two"):
        with pytest.raises(ValueError, match="COURSE_DEVICES: expected a number of GPUs from 1 to 3"):
            runtime.setup(devices=wrong)


def test_bad_seed_is_refused():
    with pytest.raises(ValueError, match="seed: expected an integer of at least 0"):
        runtime.setup(seed=-1)


def test_one_device_needs_no_mirrors():
    assert runtime.strategy().num_replicas_in_sync == max(1, len(tf.config.list_physical_devices("GPU")))


def test_this_is_not_colab():
    assert runtime.in_colab() is False


# --- Where no GPU is seen --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "next_step"),
    [
        ({"colab": True, "cards": frozenset(), "driver": False}, "Change runtime type"),
        ({"system": "Darwin", "processor": "arm64", "cards": frozenset(), "driver": False}, "tensorflow-metal"),
        ({"system": "Windows"}, "WSL2"),
        ({"hidden": ""}, "CUDA_VISIBLE_DEVICES=''"),
        ({"driver": False}, "ubuntu-drivers"),
        ({"wsl": True, "driver": False, "cards": frozenset({"unknown"})}, "driver on Windows"),
        ({"cuda_build": False}, "built without CUDA"),
        ({"cuda_wheels": False}, "make lab GPU=1"),
        ({"wsl": True, "cuda_wheels": False}, "make lab GPU=1"),
        ({"colab": True, "cuda_wheels": False}, "delete runtime"),
        ({}, "at least 525.60"),
        ({"cards": frozenset({"AMD"}), "driver": False}, "AMD"),
    ],
)
def test_a_missing_gpu_is_explained_with_the_next_step(changes, next_step):
    assert next_step in _no_gpu.advice(dataclasses.replace(LAPTOP, **changes))


@pytest.mark.parametrize("system", ["Linux", "Windows"])
def test_nothing_is_said_where_there_is_no_gpu(system):
    assert _no_gpu.advice(Facts(system, "x86_64")) is None
    assert _no_gpu.advice(Facts("Darwin", "x86_64")) is None


def test_cards_are_read_from_the_bus(tmp_path):
    for name, kind, vendor in (("a", "0x030000", "0x10de"), ("b", "0x020000", "0x10de"), ("c", "0x030000", "0x8086")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "class").write_text(kind + "\n")
        (tmp_path / name / "vendor").write_text(vendor + "\n")
    (tmp_path / "broken").mkdir()
    assert _no_gpu._pci_vendors(tmp_path) == {"NVIDIA"}, "a network card of the same maker does not count"


def test_the_machine_is_looked_at_and_the_advice_reaches_the_report(monkeypatch, pretend):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    facts = _no_gpu.look(cuda_build=True, colab=False)
    assert facts.hidden == "-1" and facts.cuda_build and not facts.colab
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert _no_gpu.look(cuda_build=True, colab=False).hidden is None
    pretend()
    monkeypatch.setattr(_no_gpu, "look", lambda cuda_build, colab: dataclasses.replace(LAPTOP, cuda_wheels=False))
    assert any("make lab GPU=1" in warning for warning in runtime.setup().warnings)
