"""Seeds, tiers, precision and the machine report."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from course_lib import runtime


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


def test_report_marks_warnings_by_word_as_well_as_colour(monkeypatch):
    monkeypatch.setenv("COURSE_TIER", "gpu")
    report = runtime.setup()
    if not report.devices:
        assert any("sees no GPU" in warning for warning in report.warnings)
        assert "▲" in report._repr_html_() or "&#9650; note" in report._repr_html_()
        assert "[! ]" in str(report)


def test_pick_follows_the_override(monkeypatch):
    monkeypatch.setenv("COURSE_TIER", "gpu")
    assert runtime.pick(cpu=1, gpu=2) == 2
    monkeypatch.setenv("COURSE_TIER", "CPU")
    assert runtime.pick(cpu=1, gpu=2) == 1
    monkeypatch.setenv("COURSE_TIER", "tpu")
    with pytest.raises(ValueError, match="COURSE_TIER: expected one of 'cpu', 'gpu'"):
        runtime.pick(cpu=1, gpu=2)


def test_precision_is_set_kept_or_refused():
    before = keras.mixed_precision.dtype_policy()
    try:
        assert runtime.setup(precision="mixed_bfloat16").precision == "mixed_bfloat16"
        assert runtime.setup().precision == "mixed_bfloat16"
        with pytest.raises(ValueError, match="precision: expected one of"):
            runtime.setup(precision="float8")
    finally:
        keras.mixed_precision.set_dtype_policy(before)


def test_bad_seed_is_refused():
    with pytest.raises(ValueError, match="seed: expected an integer of at least 0"):
        runtime.setup(seed=-1)


def test_one_device_needs_no_mirrors():
    assert runtime.strategy().num_replicas_in_sync == max(1, len(tf.config.list_physical_devices("GPU")))


def test_this_is_not_colab():
    assert runtime.in_colab() is False
