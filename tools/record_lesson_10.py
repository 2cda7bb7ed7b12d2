"""Run the controlled study of lesson 10: ``python tools/record_lesson_10.py``.

One GAN on Fashion-MNIST is the baseline, and every setting changes one thing about it, with three seeds each; two
settings change two things, for the interaction. All see the same number of images. A finished run is kept in
runs/lesson_10, so the command may be killed and run again, and the record is written anew after each setting of which
all seeds are done. ``--write`` only writes it. It goes to course_lib/assets/lessons/10_study.*.
"""

import argparse
import dataclasses
import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import study_parts
import tensorflow as tf
from recording import Runs, machine, write_record

from course_lib import _assets, data, gan, images, metrics, runtime

RUNS = Path(__file__).resolve().parents[1] / "runs" / "lesson_10"
RECORD = _assets.ROOT / "lessons" / "10_study"
SEEDS = (0, 1, 2)
BATCH = 16
IMAGES = 16_000  # that every run is trained on: 1,000 steps of the baseline
PARTS = 4  # measured after each quarter
SAMPLES, CURVE_SAMPLES, NEIGHBOURS = 5000, 1500, 2500
PICTURES = 8


@dataclasses.dataclass(frozen=True)
class Setting:
    """One way to train: the defaults are the baseline."""

    name: str
    factor: str
    width: int = 16
    depth: int = 0
    upsampling: str = "transposed 4"
    batch_norm: bool = True
    latent_dim: int = 64
    batch: int = BATCH
    g_rate: float = 1e-3
    d_rate: float = 1e-3
    optimizer: str = "Adam"
    momentum: float = 0.5  # β₁ of Adam
    ema: float = 0.99  # per 16 images
    amount: int = 60_000
    spoiled: str = ""
    augmentation: str = ""
    longer: int = 1


def rate(value, **other):
    """Return the fields of one learning rate for both players."""
    return {"g_rate": value, "d_rate": value} | other


B = "baseline"
SETTINGS = (
    Setting(B, B),
    Setting("rate 4e-3", "learning rate", **rate(4e-3)),
    Setting("Adam β₁ 0.9", "optimizer", momentum=0.9),
    Setting("rate 4e-3, β₁ 0.9", "interaction", **rate(4e-3, momentum=0.9)),
    Setting("rate 1e-4", "learning rate", **rate(1e-4)),
    Setting("width 8", "width", width=8),
    Setting("SGD, momentum 0.9", "optimizer", optimizer="SGD", **rate(5e-3, momentum=0.9)),
    Setting("250 images", "amount of data", amount=250),
    Setting("250, both augmented", "augmentation", amount=250, augmentation="both"),
    Setting("nearest + 3×3", "up-sampling", upsampling="nearest"),
    Setting("no BatchNorm", "normalisation", batch_norm=False),
    Setting("10 % inverted", "quality of data", spoiled="inverted"),
    Setting("batch 64", "batch", batch=64),
    Setting("a stage less", "depth", depth=-1),
    Setting("a convolution more", "depth", depth=1),
    Setting("latent 2", "latent dimension", latent_dim=2),
    Setting("transposed 3/2", "up-sampling", upsampling="transposed 3"),
    Setting("SGD, momentum 0.9, rate 0.03", "optimizer", optimizer="SGD", **rate(3e-2, momentum=0.9)),
    Setting("RMSprop", "optimizer", optimizer="RMSprop"),
    Setting("250, only real augmented", "augmentation", amount=250, augmentation="real only"),
    Setting("width 32", "width", width=32),
    Setting("blurred", "quality of data", spoiled="blurred"),
    Setting("batch 8", "batch", batch=8),
    Setting("SGD, momentum 0.9, rate 0.1", "optimizer", optimizer="SGD", **rate(1e-1, momentum=0.9)),
    Setting("SGD, no momentum, rate 0.3", "optimizer", optimizer="SGD", **rate(3e-1, momentum=0.0)),
    Setting("average 0.998", "EMA", ema=0.998),
    Setting("rate 4e-4", "learning rate", **rate(4e-4)),
    Setting("bilinear + 3×3", "up-sampling", upsampling="bilinear"),
    Setting("Adam β₁ 0", "optimizer", momentum=0.0),
    Setting("four times longer", "training length", longer=4),
    Setting("1,000 images", "amount of data", amount=1000),
    Setting("both augmented", "augmentation", augmentation="both"),
    Setting("sub-pixel", "up-sampling", upsampling="sub-pixel"),
    Setting("10 % copies", "quality of data", spoiled="copies"),
    Setting("latent 16", "latent dimension", latent_dim=16),
    Setting("D four times faster", "learning rate", g_rate=5e-4, d_rate=2e-3),
    Setting("batch 64, rate 4e-3", "interaction", batch=64, **rate(4e-3)),
    Setting("10 % noise", "quality of data", spoiled="noise"),
    Setting("flips", "augmentation", augmentation="flips"),
    Setting("latent 128", "latent dimension", latent_dim=128),
    Setting("5,000 images", "amount of data", amount=5000),
)
BASELINE_SEEDS = (*SEEDS, 3, 4, 5)  # its spread is what every effect is held against


# --- One run ---------------------------------------------------------------------------------


def optimizer(setting, learning_rate):
    """Return one player's optimizer."""
    if setting.optimizer == "Adam":
        return keras.optimizers.Adam(learning_rate, setting.momentum, 0.99)
    if setting.optimizer == "SGD":
        return keras.optimizers.SGD(learning_rate, setting.momentum)
    return keras.optimizers.RMSprop(learning_rate, rho=0.99)


def build(setting, seed):
    """Return the compiled GAN of one run."""
    keras.utils.set_random_seed(seed)
    fields = {name: getattr(setting, name) for name in ("upsampling", "batch_norm", "latent_dim")}
    generator = study_parts.generator(setting.width, setting.depth, **fields)
    discriminator = study_parts.discriminator(setting.width, setting.depth)
    kinds = {"both": study_parts.DifferentiablyAugmented, "real only": study_parts.RealOnlyAugmented}
    # The average forgets by images, not by steps: otherwise a change of the batch would change the average too.
    ema = setting.ema ** (setting.batch / BATCH)
    parts = {"penalty": "r1", "penalty_weight": 0.05, "penalty_every": 8, "ema": ema, "seed": seed}
    model = kinds.get(setting.augmentation, gan.GAN)(generator, discriminator, **parts)
    model.compile(optimizer(setting, setting.g_rate), optimizer(setting, setting.d_rate))
    return model


def examples(setting, seed):
    """Return the images in [-1, 1] that a run is trained on, and the rows of its batches (steps, batch)."""
    rng = np.random.default_rng(seed)
    chosen = data.load_fashion("train").images[rng.permutation(60_000)[: setting.amount]]
    if setting.spoiled:
        chosen = study_parts.spoil(chosen, setting.spoiled, seed)
    count = IMAGES * setting.longer
    rows = np.concatenate([rng.permutation(len(chosen)) for _ in range(-(-count // len(chosen)))])[:count]
    x = images.to_float(chosen)
    if setting.augmentation == "flips":
        x = np.concatenate([x, x[:, :, ::-1]])
        rows = rows + len(chosen) * rng.integers(0, 2, count)
    return x, rows.reshape(-1, setting.batch).astype(np.int32)


def play(setting, seed, extract, real):
    """Train one run; return its facts and some samples."""
    x, rows = examples(setting, seed)
    model, fixed = build(setting, seed), tf.constant(x)

    @tf.function(input_signature=[tf.TensorSpec((None, setting.batch), tf.int32)])
    def train(rows):
        for k in tf.range(tf.shape(rows)[0]):
            model.train_step(tf.gather(fixed, rows[k]))

    train(tf.constant(rows[:0]))  # traced outside of the time that is measured
    seconds, curve = 0.0, []
    for part in np.array_split(rows, PARTS):
        start = time.process_time()
        train(tf.constant(part))
        seconds += time.process_time() - start
        drawn = samples(model, SAMPLES if len(curve) == PARTS - 1 else CURVE_SAMPLES)
        curve.append([round(seconds, 2), distance(real[:CURVE_SAMPLES], extract, drawn[:CURVE_SAMPLES])])
    facts = {"setting": setting.name, "factor": setting.factor, "seed": seed, "seconds": round(seconds, 1)}
    facts |= {"curve": curve, **scores(real, extract, drawn)}
    facts["frechet_last"] = distance(real, extract, samples(model, SAMPLES, ema=False))
    for player in ("generator", "discriminator"):
        network = getattr(model, player)
        facts |= {f"{player}_parameters": network.count_params(), f"{player}_mflops": study_parts.flops(network) / 1e6}
    return facts, images.to_uint8(np.nan_to_num(drawn[:PICTURES]))


def samples(model, n, ema=True):
    """Return ``n`` samples of the averaged or the last generator, of the same z in every run."""
    return np.concatenate([model.sample(500, seed=1000 + k, ema=ema) for k in range(n // 500)])


def distance(real, extract, drawn):
    """Return the Fréchet distance of samples to real features; None for a run that has diverged."""
    if not np.isfinite(drawn).all():
        return None
    return float(f"{metrics.frechet_distance(real, extract(drawn)):.5g}")


def scores(real, extract, drawn):
    """Return all measures of a finished run."""
    if not np.isfinite(drawn).all():
        return {"frechet": None}
    fake = extract(drawn)
    near, far = real[:NEIGHBOURS], fake[:NEIGHBOURS]
    measured = {"frechet": metrics.frechet_distance(real, fake), "kernel": metrics.kernel_distance(real, fake)}
    measured |= metrics.precision_recall(near, far) | metrics.density_coverage(near, far)
    return {name: float(f"{value:.5g}") for name, value in measured.items()}


# --- The record ------------------------------------------------------------------------------


def name_of(setting, seed):
    """Return the name of a run in runs/lesson_10."""
    return f"{setting.name} seed {seed}"


def order():
    """Return (setting, seed) of all runs, the settings that matter most first, each with all its seeds."""
    return [(s, seed) for s in SETTINGS for seed in (BASELINE_SEEDS if s is SETTINGS[0] else SEEDS)]


def write(runs, report, reference):
    """Write the record of the settings of which all seeds are done."""
    rows, pictures = [], {}
    complete = [setting for setting in SETTINGS if all(runs.done(name_of(setting, seed)) for seed in SEEDS)]
    for setting, seed in order():
        if setting in complete and runs.done(name_of(setting, seed)):
            facts, arrays = runs.load(name_of(setting, seed))
            rows.append(facts)
            if seed == SEEDS[0]:
                pictures[f"samples_{complete.index(setting):02d}"] = arrays["samples"]
    default = dataclasses.asdict(SETTINGS[0])
    changed = {
        s.name: {k: v for k, v in dataclasses.asdict(s).items() if k not in ("name", "factor") and v != default[k]}
        for s in complete
    }
    facts = {
        "what": "A GAN on Fashion-MNIST, and one thing changed at a time, with seeds",
        "baseline": {k: v for k, v in default.items() if k not in ("name", "factor")},
        "changed": changed,
        "loss": "non-saturating, R1 with γ = 0.1 on every eighth step",
        "seeds": list(SEEDS),
        "images": IMAGES,
        "averaged": "exponential mean of the generator's weights; frechet_last is of the last weights of the same run",
        "metric": f"{reference['name']}, {SAMPLES} samples against {SAMPLES} test images; curve with {CURVE_SAMPLES}, "
        f"precision, recall, density and coverage with {NEIGHBOURS}",
        "floor": reference["floor"],
        "noise": reference["noise"],
        "seconds_are": "processor seconds of the training alone, one core",
        "minutes": round(sum(row["seconds"] for row in rows) / 60, 1),
        "missing": [s.name for s in SETTINGS if s not in complete],
        **machine(report),
        "licence": "Apache-2.0 (numbers and samples); for the training data see DATA.md",
    }
    write_record(RECORD, facts, rows, pictures)


def reference(extract):
    """Return the test images' features, and the Fréchet distances of other test images and of noise to them."""
    test = data.load_fashion("test").images
    real, other = extract(test[:SAMPLES]), extract(test[SAMPLES:])
    noise = extract(np.random.default_rng(0).integers(0, 256, (SAMPLES, *study_parts.SHAPE), np.uint8))
    distances = {name: metrics.frechet_distance(real, x) for name, x in (("floor", other), ("noise", noise))}
    return real, {"name": extract.name} | {name: float(f"{value:.5g}") for name, value in distances.items()}


def main():
    """Play what is missing and keep the record up to date."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    report, runs, extract = runtime.setup(0), Runs(RUNS), metrics.FeatureExtractor("fashion")
    real, distances = reference(extract)
    for setting, seed in [] if options.write else order():
        if not runs.done(name_of(setting, seed)):
            facts, drawn = play(setting, seed, extract, real)
            runs.save(name_of(setting, seed), facts, samples=drawn)
            print(f"{setting.name} {seed}: {facts['frechet']}, last {facts['frechet_last']}, ", end="")
            print(f"{facts['seconds']} s", flush=True)
            if seed == SEEDS[-1]:
                write(runs, report, distances)
    write(runs, report, distances)


if __name__ == "__main__":
    main()
