"""Train the loss zoo that lesson 08 shows as recorded: ``python tools/record_lesson_08.py``.

One pair of networks and one budget for six losses × four regularisers × three seeds on Fashion-MNIST. Nothing is tuned
for a combination: the same optimizers, the same number of steps, one step of D for each step of G. Each result is
kept in runs/lesson_08 when it is done, so the command may be killed and run again; the record is written anew
after every run. It goes to course_lib/assets/lessons/08_loss_zoo.json, and some samples of the first seed beside
it.
"""

import datetime
import itertools
import json
import os
import platform
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from course_lib import _assets, data, gan, losses, metrics, nets, runtime
from course_lib._training import TrainingDiverged
from course_lib.images import to_uint8

RUNS = Path(__file__).resolve().parents[1] / "runs" / "lesson_08"
RECORD = _assets.ROOT / "lessons" / "08_loss_zoo"
SEEDS = (0, 1, 2)
REGULARISERS = {
    "none": {},
    "r1": {"penalty": "r1", "penalty_weight": 0.5},
    "gradient_penalty": {"penalty": "gradient_penalty", "penalty_weight": 10.0},
    "spectral_norm": {},
}
SHAPE, LATENT_DIM, WIDTH = (28, 28, 1), 64, 16
BATCH, STEPS, CHECKPOINTS = 32, 1500, 3
OPTIMIZER = {"learning_rate": 4e-4, "beta_1": 0.5, "beta_2": 0.99}
EMA = 0.99
SAMPLES = 5000
PICTURES = 4  # samples of each combination, from the first seed, that the record keeps


def make(loss, regulariser, seed):
    """Return the compiled GAN of one run."""
    keras.utils.set_random_seed(seed)
    generator = nets.dcgan_generator(SHAPE, LATENT_DIM, WIDTH)
    discriminator = nets.dcgan_discriminator(SHAPE, WIDTH, spectral_norm=regulariser == "spectral_norm")
    model = gan.GAN(generator, discriminator, loss, ema=EMA, seed=seed, **REGULARISERS[regulariser])
    model.compile(keras.optimizers.Adam(**OPTIMIZER), keras.optimizers.Adam(**OPTIMIZER))
    return model


def run(loss, regulariser, seed, images, features, real):
    """Train one combination and return its results, measured at every checkpoint on ``SAMPLES`` samples."""
    model = make(loss, regulariser, seed)
    order = np.random.default_rng(seed).permutation(len(images))
    facts = {"loss": loss, "regulariser": regulariser, "seed": seed, "steps": STEPS, "diverged": False, "curve": []}
    part = STEPS // CHECKPOINTS * BATCH
    seconds = 0.0
    for k in range(CHECKPOINTS):
        start = time.process_time()
        try:
            model.fit(data.pipeline(images[order[k * part : (k + 1) * part]], BATCH, seed=seed), verbose=0)
        except TrainingDiverged:  # the last good weights are back: they are what is measured
            facts["diverged"] = True
        seconds += time.process_time() - start
        samples = np.concatenate([model.sample(500, seed=1000 + i) for i in range(SAMPLES // 500)])
        fake = features(samples)
        facts["curve"].append([(k + 1) * STEPS // CHECKPOINTS, metrics.frechet_distance(real, fake)])
        if facts["diverged"]:
            break
    scores = metrics.precision_recall(real, fake)
    facts |= {"seconds": round(seconds, 1), "frechet": facts["curve"][-1][1]}
    facts |= {"kernel": metrics.kernel_distance(real, fake), **scores}
    np.savez_compressed(_path(loss, regulariser, seed, "npz"), samples=to_uint8(samples[:8]))
    return facts


def reference(features):
    """Return the features of the first test images, with the floor (other test images) and the ceiling (noise)."""
    images = data.load_fashion("test").images
    real, other = features(images[:SAMPLES]), features(images[SAMPLES : 2 * SAMPLES])
    noise = features(np.random.default_rng(0).integers(0, 256, (SAMPLES, *SHAPE), np.uint8))
    return real, metrics.frechet_distance(real, other), metrics.frechet_distance(real, noise)


def write(runs, report, features_name, floor, noise):
    """Write the record of the runs that are done, and samples of the first seed (run, picture, height, width, 1)."""
    shown = [_path(run["loss"], run["regulariser"], run["seed"], "npz") for run in runs if run["seed"] == SEEDS[0]]
    samples = np.stack([np.load(path)["samples"][:PICTURES] for path in shown])
    np.savez_compressed(RECORD.with_suffix(".npz"), samples=samples)
    facts = {
        "what": "GANs on Fashion-MNIST: six losses × four regularisers × seeds, one network and one budget",
        "network": f"nets.dcgan_generator and nets.dcgan_discriminator, width {WIDTH}, latent dimension {LATENT_DIM}",
        "budget": f"{STEPS} steps of G and of D, batch {BATCH}; averaged generator (decay {EMA})",
        "optimizer": "Adam for both, " + ", ".join(f"{name} {value:g}" for name, value in OPTIMIZER.items()),
        "regularisers": {name: settings or "no penalty" for name, settings in REGULARISERS.items()},
        "metric": f"{features_name}, {SAMPLES} samples against {SAMPLES} test images",
        "floor": floor,
        "noise": noise,
        "minutes": round(sum(run["seconds"] for run in runs) / 60, 1),
        "seconds_are": "processor seconds of the training alone, one core",
        "hardware": f"one of {os.cpu_count()} CPU cores, {platform.machine()}, shared with other work",
        "created": datetime.date.today().isoformat(),
        "versions": {"tensorflow": report.tensorflow, "keras": report.keras, "numpy": np.__version__},
        "licence": "Apache-2.0 (numbers and samples); for the training data see DATA.md",
        "sha256": _assets.sha256(RECORD.with_suffix(".npz")),
        "runs": runs,
    }
    RECORD.with_suffix(".json").write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main():
    """Train what is missing, one seed after the other, and keep the record up to date."""
    report = runtime.setup(0)
    RUNS.mkdir(parents=True, exist_ok=True)
    images = data.load_fashion("train").images
    features = metrics.FeatureExtractor("fashion")
    real, floor, noise = reference(features)
    print(f"floor {floor:.2f}, noise {noise:.1f}", flush=True)
    runs = []
    for seed, loss, regulariser in itertools.product(SEEDS, losses.GAN_LOSSES, REGULARISERS):
        path = _path(loss, regulariser, seed, "json")
        if not path.exists():
            facts = run(loss, regulariser, seed, images, features, real)
            path.write_text(json.dumps(facts), encoding="utf-8")
            print(f"{loss} {regulariser} {seed}: {facts['frechet']:.1f} in {facts['seconds']} s", flush=True)
            keras.backend.clear_session()
        runs.append(json.loads(path.read_text(encoding="utf-8")))
        write(runs, report, features.name, floor, noise)


def _path(loss, regulariser, seed, kind):
    return RUNS / f"{loss}_{regulariser}_{seed}.{kind}"


if __name__ == "__main__":
    main()
