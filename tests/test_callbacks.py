"""Callbacks: frames and curves survive an interruption, and the doctor names planted sicknesses."""

import io

import keras
import numpy as np
import pytest
from PIL import Image

from course_lib import callbacks, gan
from course_lib._diagnoses import diagnose

SHAPE = (8, 8, 1)


def data(n=32, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (n, *SHAPE)).astype(np.float32)


def tiny_gan(activation="relu", **arguments):
    keras.utils.set_random_seed(0)
    generator = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(8, activation=activation), keras.layers.Dense(64, "tanh")]
    )
    generator.add(keras.layers.Reshape(SHAPE))
    discriminator = keras.Sequential(
        [keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(8, activation), keras.layers.Dense(1)]
    )
    model = gan.GAN(generator, discriminator, ema=None, **arguments)
    model.compile(keras.optimizers.Adam(1e-2), keras.optimizers.Adam(1e-2))
    return model


def fit(model, *used, epochs=2, x=None):
    return model.fit(data() if x is None else x, callbacks=list(used), batch_size=8, epochs=epochs, verbose=0)


class InterruptAt(keras.callbacks.Callback):
    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise KeyboardInterrupt


# --- SampleGrid ----------------------------------------------------------------------------------


def test_frames_before_and_after_each_epoch_from_fixed_codes():
    model, grid = tiny_gan(), callbacks.SampleGrid(n=4, columns=2)
    fit(model, grid)
    assert grid.labels == ["epoch 0", "epoch 1", "epoch 2"]
    assert grid.frames[0].shape == (18, 18, 1) and grid.frames[0].dtype == np.uint8
    assert not np.array_equal(grid.frames[0], grid.frames[-1]), "training left no trace"
    again = callbacks.SampleGrid(n=4, columns=2)
    model.generator_optimizer.learning_rate = model.discriminator_optimizer.learning_rate = 0.0
    fit(model, again)
    np.testing.assert_array_equal(grid.frames[-1], again.frames[0])
    np.testing.assert_array_equal(again.frames[0], again.frames[-1])


def test_frames_by_step_and_from_a_function():
    grid = callbacks.SampleGrid(lambda n: np.full((n, *SHAPE), 1.0), n=1, every=3, unit="step")
    fit(tiny_gan(), grid)  # 8 steps
    assert grid.labels == ["step 0", "step 3", "step 6"]
    assert (grid.frames[0] == 255).all()


def test_interruption_loses_nothing_and_the_next_fit_goes_on():
    model, grid, curves = tiny_gan(), callbacks.SampleGrid(n=4), callbacks.LiveCurves(resolution=2)
    doctor = callbacks.GanDoctor(data(), n=8)
    with pytest.raises(KeyboardInterrupt):
        fit(model, grid, curves, doctor, InterruptAt(2), epochs=5)
    assert len(grid.frames) == 3 and len(doctor.records) == 2 and curves.history["d_loss"][-1][0] == 8
    fit(model, grid, curves, doctor, epochs=1)
    assert grid.labels[-1] == "epoch 3" and len(grid.frames) == 4
    assert len(doctor.records) == 3 and curves.history["d_loss"][-1][0] == 12


def test_gif_has_every_frame():
    grid = callbacks.SampleGrid(n=4)
    with pytest.raises(ValueError, match="frames"):
        grid.gif()
    fit(tiny_gan(), grid)
    picture = Image.open(io.BytesIO(grid.gif(scale=3)))
    assert picture.n_frames == 3 and picture.size == (54, 54)


@pytest.mark.parametrize("arguments", [{"n": 0}, {"every": 0}, {"unit": "minute"}, {"scale": 0}])
def test_bad_grid_arguments_are_refused(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        callbacks.SampleGrid(**arguments)


# --- LiveCurves ----------------------------------------------------------------------------------


def curves_of(logs_by_step, **arguments):
    curves = callbacks.LiveCurves(**arguments)
    curves.on_train_begin()
    for step, logs in enumerate(logs_by_step):
        curves.on_train_batch_end(step, logs)
    curves.on_epoch_end(0, {"loss": 0.0, "val_loss": 7.0})
    curves.on_train_end()
    return curves


def test_points_are_means_over_steps_and_validation_comes_once():
    curves = curves_of([{"loss": v} for v in (1.0, 3.0, 5.0, 7.0, 10.0)], resolution=2)
    assert curves.history == {"loss": [(2, 2.0), (4, 6.0), (5, 10.0)], "val_loss": [(5, 7.0)]}
    assert "loss from 2 to 10" in curves.figure().alt_text


def test_names_select_the_logs():
    assert set(curves_of([{"loss": 1.0, "kl": 2.0}], names=["kl"]).history) == {"kl"}


def test_drawn_at_most_every_few_seconds(monkeypatch):
    clock, drawn = [0.0], []
    monkeypatch.setattr(callbacks.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(callbacks.LivePicture, "update", lambda self, *picture, **kw: drawn.append(clock[0]))
    curves = callbacks.LiveCurves(resolution=1, seconds=2.0)
    curves.on_train_begin()
    for step in range(100):
        clock[0] += 0.1
        curves.on_train_batch_end(step, {"loss": 1.0})
    assert 4 <= len(drawn) <= 5 and min(np.diff(drawn)) >= 2


def test_live_picture_is_one_output_that_changes(monkeypatch):
    shown = []

    class Handle:
        def update(self, bundle, raw):
            shown.append(("update", bundle))

    def display(bundle, raw, display_id):
        shown.append(("display", bundle))
        return Handle()

    monkeypatch.setattr("IPython.get_ipython", lambda: object())
    monkeypatch.setattr("IPython.display.display", display)
    fit(tiny_gan(), callbacks.SampleGrid(n=4, live=True))
    assert [kind for kind, _ in shown] == ["display", "update", "update"]
    assert "epoch 2" in shown[-1][1]["text/plain"]


# --- GanDoctor -----------------------------------------------------------------------------------


def healthy(**changes):
    record = {
        "accuracy_real": 0.7,
        "accuracy_fake": 0.7,
        "separation": 0.8,
        "logit_gap": 1.0,
        "gradient_generator": 1.0,
        "gradient_discriminator": 1.0,
        "diversity": 0.9,
        "recall": 0.6,
        "bins": 0.9,
        "movement": 0.1,
        "dead_generator": 0.0,
        "dead_discriminator": 0.0,
        "real_minimum": -1.0,
        "real_maximum": 1.0,
        "fake_minimum": -0.9,
        "fake_maximum": 0.9,
        "reach_minimum": -1.0,
        "reach_maximum": 1.0,
    }
    return record | changes


def names(records):
    return [diagnosis.name for diagnosis in diagnose(records)]


def test_a_healthy_run_has_no_diagnosis():
    report = diagnose([healthy() for _ in range(12)])
    assert report == () and str(report) == "No known sickness found."


@pytest.mark.parametrize(
    "changes, name",
    [
        ({"separation": 1.0, "logit_gap": 60.0}, "discriminator overpowering"),
        ({"recall": 0.05}, "collapse"),
        ({"bins": 0.2}, "collapse"),
        ({"kept": 0.5, "high_quality": 0.9}, "collapse"),
        ({"movement": 1.5}, "oscillation"),
        ({"real_minimum": 0.0}, "range mismatch"),
        ({"reach_minimum": 0.0}, "range mismatch"),
        ({"real_minimum": 0.0, "real_maximum": 255.0}, "range mismatch"),
        ({"dead_discriminator": 0.9}, "dead units"),
        ({"dead_generator": 0.9}, "dead units"),
        ({"fake_minimum": np.nan, "diversity": np.nan, "bins": np.nan}, "diverged"),
    ],
)
def test_each_sickness_is_named_with_evidence_and_advice(changes, name):
    (found,) = diagnose([healthy(**changes)] * 6)
    assert found.name == name
    assert any(c.isdigit() for c in found.evidence) or "nan" in found.evidence
    assert len(found.advice) > 20
    assert found.evidence in str(found) and found.advice in str(found)


def test_one_bad_visit_is_no_collapse_no_overpowering_and_no_oscillation():
    bad = healthy(diversity=0.0, bins=0.1, separation=1.0, logit_gap=60.0, movement=9.0)
    assert names([healthy()] * 5 + [bad]) == []
    assert names([bad] * 2) == [], "two visits are too few to tell"


def test_known_modes_decide_about_collapse():
    assert names([healthy(bins=0.2, kept=1.0)] * 3) == []
    assert "50% of the modes" in str(diagnose([healthy(kept=0.5)] * 3))


def test_points_without_a_bound_have_no_range_to_miss():
    free = {"reach_minimum": -np.inf, "reach_maximum": np.inf}
    assert names([healthy(real_minimum=0.0, real_maximum=255.0, **free)] * 6) == []


def doctor_of(model, x=None, **arguments):
    doctor = callbacks.GanDoctor(data() if x is None else x, **arguments)
    doctor.set_model(model)
    return doctor


def test_measurements_agree_with_their_definitions():
    model = tiny_gan()
    doctor = doctor_of(model, n=16)
    record = doctor.examine()
    assert record == doctor.examine(), "same weights, same numbers"
    logits = np.asarray(model.discriminator(doctor.real))
    assert record["accuracy_real"] == pytest.approx((logits > 0).mean())
    assert set(doctor.visit()) == set(healthy())
    model.generator.layers[-2].set_weights([np.zeros((8, 64)), np.full(64, 0.5)])
    model.discriminator.layers[-1].set_weights([np.zeros((8, 1)), np.ones(1)])
    record = doctor.examine()
    assert record["diversity"] == pytest.approx(0, abs=1e-3)
    assert (record["accuracy_real"], record["accuracy_fake"], record["logit_gap"]) == (1.0, 0.0, 0.0)
    assert record["separation"] == 0.5, "a blind D ranks half of the pairs right"
    # Constant logits l = 1: the only slope left is the bias, dL/db = sigmoid(1) - 1 + sigmoid(1), and the weights
    # of the last layer, which see the hidden activations.
    assert record["gradient_generator"] == pytest.approx(0, abs=1e-6)
    assert record["gradient_discriminator"] >= 2 / (1 + np.exp(-1)) - 1
    assert (record["reach_minimum"], record["reach_maximum"]) == (-1.0, 1.0)


def test_separation_does_not_depend_on_where_the_logits_lie():
    model = tiny_gan()
    doctor = doctor_of(model, n=16)
    before = doctor.examine()
    kernel, bias = model.discriminator.layers[-1].get_weights()
    model.discriminator.layers[-1].set_weights([kernel, bias + 100])
    after = doctor.examine()
    assert after["separation"] == pytest.approx(before["separation"], abs=0.02)  # float32 rounds ties together
    assert (after["accuracy_real"], after["accuracy_fake"]) == (1.0, 0.0)


def test_variety_is_one_when_the_samples_are_the_data():
    model = tiny_gan()
    doctor = doctor_of(model, n=10)
    z = np.random.default_rng(doctor.seed).standard_normal((10, 4), np.float32)
    twin = doctor_of(model, np.asarray(model.generator(z)))
    twin.real = np.asarray(model.generator(z))
    record = twin.examine()
    assert record["diversity"] == pytest.approx(1, rel=1e-5)
    assert record["recall"] == 1
    assert record["bins"] == pytest.approx(1)


def line_gan(last=None, scale=1.0):
    """Points in the plane: G is linear and its second coordinate 0, so that its samples lie on a line."""
    generator = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, activation=last)])
    generator.layers[-1].set_weights([np.array([[scale, 0.0], [0.0, 0.0]]), np.zeros(2)])
    model = gan.GAN(generator, keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]), ema=None)
    model.compile(keras.optimizers.Adam(1e-3), keras.optimizers.Adam(1e-3))
    return model


def test_points_known_modes_and_lost_regions():
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0.0], [50.0, 50.0]])
    points = centres[rng.integers(0, 2, 400)] + rng.standard_normal((400, 2))
    record = doctor_of(line_gan(), points, modes=(centres, 1.0)).visit()
    assert record["kept"] == 0.5 and record["high_quality"] > 0.95
    assert record["bins"] < 0.6 and record["recall"] < 0.6
    assert not np.isfinite(record["reach_maximum"])
    assert (np.isnan(record["movement"]), set(record) - set(healthy())) == (True, {"kept", "high_quality"})


def test_movement_is_measured_on_the_same_codes():
    rng = np.random.default_rng(0)
    doctor = callbacks.GanDoctor(rng.standard_normal((500, 2)))
    doctor.visit(line_gan())
    assert doctor.visit(line_gan())["movement"] == 0
    moved = doctor.visit(line_gan(scale=2.0))["movement"]
    # E|z| = 0.80 of a standard normal, over the mean distance of two points of the plane, sqrt(pi) = 1.77.
    assert moved == pytest.approx(np.sqrt(2 / np.pi) / np.sqrt(np.pi), rel=0.2)


def test_a_diverged_model_is_measured_and_named():
    model = line_gan()
    model.generator.layers[-1].set_weights([np.full((2, 2), np.nan), np.zeros(2)])
    doctor = doctor_of(model, np.random.default_rng(0).standard_normal((50, 2)), modes=(np.zeros((1, 2)), 1.0))
    doctor.visit()
    assert [d.name for d in doctor.report()] == ["diverged"]


def test_dead_units_are_counted_by_channel():
    model = tiny_gan()
    kernel, _ = model.discriminator.layers[-2].get_weights()
    kernel[:, :2] = 0
    model.discriminator.layers[-2].set_weights([kernel, np.array([-1.0, -1.0, 9, 9, 9, 9, 9, 9])])
    doctor = callbacks.GanDoctor(data(), n=8)
    doctor.set_model(model)
    assert doctor.examine()["dead_discriminator"] == pytest.approx(2 / 8)
    leaky = tiny_gan(activation="leaky_relu")
    doctor.set_model(leaky)
    assert doctor.examine()["dead_discriminator"] == 0


def test_doctor_reports_after_a_real_run():
    doctor = callbacks.GanDoctor(data(), n=8)
    with pytest.raises(ValueError, match="records"):
        doctor.report()
    fit(tiny_gan(), doctor)
    assert len(doctor.history["logit_gap"]) == 2
    assert isinstance(str(doctor.report()), str)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"data": np.zeros((9, 8, 8, 1))}, "data"),
        ({"data": np.zeros((50, 8, 8))}, "data"),
        ({"data": data(50)[:, :2, 0, 0], "n": 4}, "n"),
        ({"data": data(50)[:, :2, 0, 0], "modes": (np.zeros((3, 3)), 1.0)}, "modes"),
        ({"data": data(50), "modes": (np.zeros((3, 1)), 1.0)}, "modes"),
        ({"data": data(50)[:, :2, 0, 0], "modes": (np.zeros((3, 2)), 0.0)}, "modes"),
    ],
)
def test_a_doctor_without_fitting_data_is_refused(arguments, named):
    with pytest.raises(ValueError, match=f"^{named}"):
        callbacks.GanDoctor(**arguments)
