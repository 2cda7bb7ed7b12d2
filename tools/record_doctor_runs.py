"""Record the healthy and sick GANs on which the GAN doctor is calibrated: ``python tools/record_doctor_runs.py``.

Each setting below is meant to be healthy or to provoke one sickness, and is played with four seeds. What a run is
called afterwards is not left to the doctor: ``label`` decides by measurements that the doctor does not make, by rules
written down before any threshold was chosen. Runs of even seeds choose the doctor's thresholds (``calibrate``), runs
of odd seeds test them. Each run is kept in runs/doctor when it is done, so the command may be killed and run again.
The record goes to course_lib/assets/lessons/07_doctor_runs.*.
"""

import argparse
import dataclasses
import itertools
import json
import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from doctor_verdict import JUDGED_VISITS, MET, RULES, calibrate, confusion, label, outcome
from keras import layers
from recording import machine
from scipy.spatial.distance import cdist

from course_lib import (
    _assets,
    callbacks,
    data,
    gan,
    images,
    metrics,
    nets,
    planar,
    runtime,
    zoo,
)

RUNS = Path(__file__).resolve().parents[1] / "runs" / "doctor"
RECORD = _assets.ROOT / "lessons" / "07_doctor_runs"
SEEDS = (0, 1, 2, 3)
VISITS = 15
MODES = {"ring": 8, "grid": 9}
STD = 0.05
PIXEL = 127.5 / 3  # one unit of the plane, where data are taken for pixels
EXAMPLES = 5000
JUDGED = {"points": 4000, "images": 400}  # samples that the judge draws, from codes of its own


@dataclasses.dataclass(frozen=True)
class Setting:
    """One way to train a GAN, and what it is meant to show."""

    name: str
    provokes: str
    data: str  # "ring", "grid" or "fashion"
    steps: int
    loss: str = "non_saturating"
    penalty: str | None = None
    weight: float | None = None
    g_rate: float = 1e-3
    d_rate: float = 1e-3
    momentum: float = 0.5
    d_steps: int = 1
    relu: bool = False  # in D too; G has it anyway
    last: str | None = None  # activation of the generator on points; on images always tanh
    scale: str = ""  # "pixels": data in [0, 255]; otherwise as the generator needs it


R1 = {"penalty": "r1"}
GP = {"penalty": "gradient_penalty", "weight": 1.0}
D_WINS = "discriminator overpowering"
SETTINGS = (
    Setting("ring, R1", "healthy", "ring", 3000, **R1),
    Setting("grid, relativistic, R1", "healthy", "grid", 3000, loss="relativistic", **R1),
    Setting("ring, WGAN-GP", "healthy", "ring", 1500, loss="wasserstein", d_steps=3, **GP),
    Setting("ring, small steps", "healthy", "ring", 4500, g_rate=3e-4, d_rate=3e-4),
    Setting("clothes, R1", "healthy", "fashion", 450, **R1),
    Setting("clothes, R1, longer", "healthy", "fashion", 2400, **R1),
    Setting("grid, momentum 0.9", "collapse", "grid", 2400, momentum=0.9),
    Setting("ring, G runs ahead", "collapse", "ring", 1500, g_rate=5e-3, d_rate=2e-4),
    Setting("clothes, G runs ahead", "collapse", "fashion", 300, g_rate=5e-3, d_rate=1e-4),
    Setting("ring, minimax, fast D", D_WINS, "ring", 1500, loss="minimax", g_rate=1e-4, d_rate=5e-3),
    Setting("clothes, minimax, fast D", D_WINS, "fashion", 300, loss="minimax", g_rate=1e-4, d_rate=2e-3),
    Setting("ring, Wasserstein without a bound", "oscillation", "ring", 1500, loss="wasserstein"),
    Setting("ring of pixels, tanh", "range mismatch", "ring", 900, scale="pixels", last="tanh"),
    Setting("ring, ReLU, large steps", "dead units", "ring", 1500, relu=True, g_rate=2e-2, d_rate=2e-2),
)


# --- One run ---------------------------------------------------------------------------------


def examples(setting):
    """Return what a setting trains on, and the centres of its modes (None for images)."""
    if setting.data == "fashion":
        return images.to_float(data.load_fashion("train").images[:EXAMPLES]), None
    if setting.data == "ring":
        x, centres = data.gaussian_ring(EXAMPLES, MODES["ring"], 2.0, STD, seed=0)
    else:
        x, centres = data.gaussian_grid(EXAMPLES, 3, 2.0, STD, seed=0)
    if setting.scale == "pixels":
        x, centres = PIXEL * (x + 3), PIXEL * (centres + 3)
    return x.astype(np.float32), centres


def build(setting, seed):
    """Return the compiled GAN of one run."""
    keras.utils.set_random_seed(seed)
    if setting.data == "fashion":
        generator, discriminator = nets.dcgan_generator((28, 28, 1), 16, 8), nets.dcgan_discriminator((28, 28, 1), 8)
    else:
        generator, discriminator = planar.generator(), planar.discriminator()
    if setting.relu:
        hidden = [layers.Dense(64, "relu"), layers.Dense(64, "relu")]
        discriminator = keras.Sequential([keras.Input((2,)), *hidden, layers.Dense(1)])
    if setting.last:
        generator = keras.Model(generator.input, layers.Activation(setting.last)(generator.output))
    parts = {"penalty": setting.penalty, "penalty_weight": setting.weight, "discriminator_steps": setting.d_steps}
    model = gan.GAN(generator, discriminator, setting.loss, ema=None, seed=seed, **parts)
    model.compile(*(keras.optimizers.Adam(rate, setting.momentum) for rate in (setting.g_rate, setting.d_rate)))
    return model


def play(setting, seed):
    """Train one run; return the doctor's records, the judge's measurements and the samples of every visit."""
    x, centres = examples(setting)
    model = build(setting, seed)
    points = setting.data != "fashion"
    batch = 128 if points else 32
    doctor = callbacks.GanDoctor(
        x, seed=seed, modes=(centres, STD * (PIXEL if setting.scale else 1)) if points else None
    )
    judge = Judge(x, centres)
    fixed = tf.constant(x)

    @tf.function
    def train(steps):
        for _ in tf.range(steps):
            rows = keras.random.randint((batch,), 0, len(fixed), seed=model.noise)
            model.train_step(tf.gather(fixed, rows))

    start = time.process_time()
    facts, samples, biases = [], [], []
    for visit in range(VISITS + 1):
        logs = {"d_loss": np.nan, "g_loss": np.nan}
        if visit:
            for tracker in model.trackers.values():
                tracker.reset_state()
            train(tf.constant(setting.steps // VISITS))
            logs = {name: float(model.trackers[name].result()) for name in logs}
        doctor.visit(model)
        samples.append(doctor._samples)
        biases.append(hidden_biases(model))
        facts.append(logs | (judge.look(model) if visit in JUDGED_VISITS else judge.nothing))
    columns = {f"doctor_{name}": values for name, values in doctor.history.items()}
    columns |= {f"judge_{name}": [fact[name] for fact in facts] for name in facts[0]}
    columns["judge_frozen"] = frozen_share(biases[-4], biases[-1])
    columns["samples"] = np.float16(samples)
    columns["seconds"] = time.process_time() - start
    return columns


# --- The judge -------------------------------------------------------------------------------


class Judge:
    """Measure a GAN by what the doctor does not look at: the kinds of thing it draws, and its Fréchet distance.

    The kinds are the modes of a mixture (the nearest centre, at any distance), or the classes of Fashion-MNIST as the
    course's classifier sees them. The distance is taken on coordinates, or on the classifier's features.
    """

    def __init__(self, x, centres):
        self.centres = centres
        if centres is None:
            network = zoo.load("fashion-classifier")
            outputs = [network.get_layer("features").output, network.output["label"]]
            self._network = keras.Model(network.input, outputs)
            self._real, _ = self._seen(x[: JUDGED["images"]])
            self.kinds = 10
        else:
            self._real, self.kinds = x[: JUDGED["points"]], len(centres)

        self.nothing = {"frechet": np.nan, "histogram": np.full(self.kinds, np.nan)}

    def look(self, model):
        """Return the Fréchet distance to the data and the histogram of kinds for the present generator."""
        n = JUDGED["images" if self.centres is None else "points"]
        z = np.random.default_rng(99).standard_normal((n, model.latent_dim), np.float32)
        drawn = np.concatenate([np.asarray(model.generator(part, training=False)) for part in np.split(z, 4)])
        if not np.isfinite(drawn).all():
            return self.nothing
        features, kinds = self._seen(drawn)
        histogram = np.bincount(kinds, minlength=self.kinds) / n
        return {"frechet": metrics.frechet_distance(self._real, features), "histogram": histogram}

    def _seen(self, drawn):
        if self.centres is not None:
            return drawn, cdist(drawn, self.centres).argmin(axis=1)
        features, logits = self._network.predict_on_batch(drawn)
        return features, logits.argmax(axis=1)


def hidden_biases(model):
    """Return the biases (and BatchNorm shifts) of each network's hidden units: dead units no longer move them."""
    networks = [network.trainable_variables for network in (model.generator, model.discriminator)]
    shifts = [[v.numpy() for v in found if v.path.endswith(("bias", "beta"))] for found in networks]
    return [np.concatenate(found[:-1]) for found in shifts]


def frozen_share(before, after):
    """Share of hidden units, in the worse network, whose bias has not moved."""
    return max(float(np.mean(np.abs(b - a) < 1e-5)) for a, b in zip(before, after, strict=True))


# --- The record ------------------------------------------------------------------------------


def finished():
    """Return all runs that are done, with their columns."""
    runs = []
    for seed in SEEDS:
        for setting in SETTINGS:
            if (path := path_of(setting, seed)).exists():
                with np.load(path) as file:
                    columns = {name: file[name] for name in file.files}
                found = outcome(columns)
                named, also = label(setting.provokes, found)
                runs.append({"setting": setting, "seed": seed, "label": named, "also": also, "outcome": found})
                runs[-1] |= {"half": "test" if seed % 2 else "calibration", "columns": columns}
                runs[-1]["records"] = records_of(columns)
    return runs


def records_of(columns):
    """Return the doctor's records of a finished run as he made them."""
    names = [name for name in columns if name.startswith("doctor_")]
    return [{name[7:]: float(columns[name][k]) for name in names} for k in range(VISITS + 1)]


def gallery(runs):
    """Return the numbers of the runs whose samples are kept: from the test half, of each name one on points and one on
    images, if there are, and a second healthy one."""
    chosen = []
    for name in MET:
        for points in (True, False):
            fits = [
                k
                for k, run in enumerate(runs)
                if run["label"] == name and run["half"] == "test" and (run["setting"].data != "fashion") == points
            ]
            chosen += fits[: 2 if name == "healthy" else 1]
    return [int(k) for k in np.random.default_rng(7).permutation(chosen)]


def write(runs, report):
    """Write the record: every run's measurements, and samples of the gallery."""
    measures = sorted({name for run in runs for name in run["records"][0]})
    arrays = {
        "records": np.array(
            [[[r.get(m, np.nan) for m in measures] for r in run["records"]] for run in runs], np.float32
        ),
        "losses": np.array([[run["columns"][f"judge_{n}"] for n in ("d_loss", "g_loss")] for run in runs], np.float32),
    }
    arrays = {name: np.array(values, np.float32) for name, values in arrays.items()}
    shown = gallery(runs)
    for k in shown:
        x, _ = examples(runs[k]["setting"])
        seen = np.random.default_rng(0).permutation(len(x))
        if runs[k]["setting"].data == "fashion":
            arrays[f"samples_{k}"] = to_pixels(runs[k]["columns"]["samples"][:, :9], x)
            arrays[f"data_{k}"] = to_pixels(x[seen[:9]], x)
        else:
            arrays[f"samples_{k}"] = runs[k]["columns"]["samples"].astype(np.float16)
            arrays[f"data_{k}"] = x[seen[:400]].astype(np.float16)
    np.savez_compressed(RECORD.with_suffix(".npz"), **arrays)
    halves = {half: [run for run in runs if run["half"] == half] for half in ("calibration", "test")}
    facts = {
        "what": "GANs on points and on Fashion-MNIST, healthy and sick, as the GAN doctor measured them",
        "network": "nets.dcgan_generator and nets.dcgan_discriminator, width 8 (images); planar's networks (points)",
        "visits": f"before training and {VISITS} times in each run; batch 128 (points) or 32 (images), Adam",
        "rules": RULES,
        "calibration": " ".join(calibrate.__doc__.split("\n\n")[1].split()),
        "thresholds": {
            name: {"value": value, "caught": caught, "sick": sick}
            for name, (value, caught, sick) in calibrate(halves["calibration"]).items()
        },
        "dropped": {half: sum(not run["label"] for run in part) for half, part in halves.items()},
        "confusion": {half: confusion(part) for half, part in halves.items()},
        "confusion_with_modes": confusion(
            [run for run in halves["test"] if run["setting"].data != "fashion"], modes_known=True
        ),
        "measures": measures,
        "gallery": shown,
        "runs": [facts_of(run) for run in runs],
        "minutes": round(sum(float(run["columns"]["seconds"]) for run in runs) / 60, 1),
        **machine(report, cores="one thread of"),
        "licence": "Apache-2.0 (numbers and samples); for the training data see DATA.md",
        "sha256": _assets.sha256(RECORD.with_suffix(".npz")),
    }
    RECORD.with_suffix(".json").write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def to_pixels(pictures, x):
    """Return pictures as uint8, black and white where the data have their minimum and maximum."""
    return np.uint8(np.clip(255 * (np.float32(pictures) - x.min()) / (x.max() - x.min()), 0, 255))


def facts_of(run):
    """Return what the record's card says of one run."""
    default = {field.name: field.default for field in dataclasses.fields(Setting)}
    given = {k: v for k, v in dataclasses.asdict(run["setting"]).items() if v != default[k]}
    rounded = {name: round(value, 4) for name, value in run["outcome"].items()}
    return {**given, **{k: run[k] for k in ("seed", "half", "label", "also")}, "outcome": rounded}


def path_of(setting, seed):
    """Return the file in runs/doctor of one run."""
    return RUNS / f"{setting.name.translate(str.maketrans(' ', '_', ','))}_{seed}.npz"


def main():
    """Play what is missing, one seed after the other, then write the record; ``--write`` writes what is done so far."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true")
    report = runtime.setup(0)
    RUNS.mkdir(parents=True, exist_ok=True)
    if not parser.parse_args().write:
        # One seed of each half first, so that an unfinished record has both; points before images, which take longer.
        order = sorted(itertools.product(SEEDS, SETTINGS), key=lambda run: (run[0] // 2, run[1].data == "fashion"))
        for seed, setting in order:
            if not path_of(setting, seed).exists():
                columns = play(setting, seed)
                np.savez_compressed(path_of(setting, seed), **columns)
                rounded = {name: round(value, 3) for name, value in outcome(columns).items()}
                print(setting.provokes, "|", setting.name, seed, rounded, flush=True)
                keras.backend.clear_session()
    write(finished(), report)


if __name__ == "__main__":
    main()
