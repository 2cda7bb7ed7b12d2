"""Train the VAEs whose results lesson 03 shows as recorded: ``python tools/record_lesson_03.py``.

One VAE with two latent variables for each β (the β dial), and one with sixteen for each β and seed (posterior
collapse), all on Fashion-MNIST with the Bernoulli likelihood. Each model is kept in runs/lesson_03 when it is
done, so the command may be killed and run again. The results go to course_lib/assets/lessons.
"""

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from recording import machine

from course_lib import _assets, data, divergences, images, nets, runtime, vae

RUNS = Path(__file__).resolve().parents[1] / "runs" / "lesson_03"
RECORD = _assets.ROOT / "lessons" / "03_beta_sweep"
BETAS = (0.25, 1.0, 4.0, 16.0, 64.0, 256.0, 784.0)
WIDTH = 8
BATCH = 128
CODES = 1200  # test images whose posterior means are kept for the dial


@dataclass(frozen=True)
class Run:
    """One training: latent dimension, β, seed and number of steps."""

    latent_dim: int
    beta: float
    seed: int
    steps: int

    @property
    def name(self):
        """The file in runs/lesson_03 that holds its results."""
        return f"d{self.latent_dim}_beta{self.beta:g}_seed{self.seed}"


DIAL = [Run(2, beta, 0, 1200) for beta in BETAS]
SWEEP = [Run(16, beta, seed, 700) for beta in BETAS for seed in (0, 1)]


def train(run, x):
    """Return the trained VAE of one run on images x in [-1, 1]."""
    keras.utils.set_random_seed(run.seed)
    encoder = nets.conv_encoder((28, 28, 1), run.latent_dim, WIDTH)
    decoder = nets.conv_decoder((28, 28, 1), run.latent_dim, WIDTH)
    model = vae.VAE(encoder, decoder, beta=run.beta, seed=run.seed)
    # The cosine ends every run at rest, so that the curves compare β and not where the noise of Adam stopped.
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, run.steps)))
    # Each step a fresh part of the shuffled training set; all runs of one seed see the same images.
    order = np.random.default_rng(run.seed).permutation(len(x))
    chosen = np.resize(order, run.steps * BATCH)
    model.fit(x[chosen], batch_size=BATCH, shuffle=False, verbose=0)
    return model


def measure(model, x):
    """Return rate, distortion, and for each latent variable its KL and the variance of its mean, on images x."""
    mean, logvar = (np.asarray(t) for t in model.encode(x))
    per_unit = [divergences.kl_to_standard_normal(mean[:, [j]], logvar[:, [j]]).mean() for j in range(mean.shape[1])]
    logs = model.evaluate(x, batch_size=250, verbose=0, return_dict=True)
    return {
        "rate": float(np.sum(per_unit)),
        "distortion": float(logs["reconstruction"]),
        "kl_per_unit": np.array(per_unit, np.float32),
        "mean_variance": mean.var(axis=0).astype(np.float32),
        "codes": mean[:CODES].astype(np.float16),
    }


def result(run, train_x, test_x):
    """Return the results of one run, from its file if it has been done already."""
    path = RUNS / f"{run.name}.npz"
    if not path.exists():
        model = train(run, train_x)
        weights = {f"w{i:02d}": w.astype(np.float16) for i, w in enumerate(model.decoder.get_weights())}
        facts = measure(model, test_x)
        np.savez(path, **facts, **(weights if run.latent_dim == 2 else {}))
        print(f"{run.name}: rate {facts['rate']:.2f}, distortion {facts['distortion']:.2f}", flush=True)
    with np.load(path) as file:
        return {key: file[key] for key in file.files}


def main():
    """Train what is missing and write the record and its card."""
    report = runtime.setup(0)
    RUNS.mkdir(parents=True, exist_ok=True)
    RECORD.parent.mkdir(exist_ok=True)
    fashion, test = data.load_fashion("train"), data.load_fashion("test")
    train_x, test_x = images.to_float(fashion.images), images.to_float(test.images)
    start = time.perf_counter()
    dial = [result(run, train_x, test_x) for run in DIAL]
    sweep = [result(run, train_x, test_x) for run in SWEEP]
    arrays = {"betas": np.array(BETAS), "dial_labels": test.labels[:CODES]}
    for key in ("rate", "distortion", "codes"):
        arrays[f"dial_{key}"] = np.stack([r[key] for r in dial])
    for key in (key for key in dial[0] if key.startswith("w")):
        arrays[f"dial_decoder_{key}"] = np.stack([r[key] for r in dial])
    for key in ("rate", "distortion", "kl_per_unit", "mean_variance"):
        stacked = np.stack([r[key] for r in sweep])
        arrays[f"sweep_{key}"] = stacked.reshape(len(BETAS), -1, *stacked.shape[1:])
    np.savez_compressed(RECORD.with_suffix(".npz"), **arrays)
    facts = {
        "what": "VAEs on Fashion-MNIST over β, Bernoulli likelihood; rate and distortion on the 10,000 test images",
        "network": f"nets.conv_encoder and nets.conv_decoder, width {WIDTH}",
        "optimizer": f"Adam, 2e-3 with cosine decay to 0, batch {BATCH}",
        "dial": asdict(DIAL[0]) | {"beta": list(BETAS), "seed": [0]},
        "sweep": asdict(SWEEP[0]) | {"beta": list(BETAS), "seed": [0, 1]},
        "minutes": round((time.perf_counter() - start) / 60, 1),
        **machine(report, cores=""),
        "licence": "Apache-2.0 (weights and numbers); for the training data see DATA.md",
        "sha256": _assets.sha256(RECORD.with_suffix(".npz")),
    }
    RECORD.with_suffix(".json").write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
