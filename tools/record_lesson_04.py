"""Train the β-VAEs whose results lesson 04 shows as recorded: ``python tools/record_lesson_04.py``.

One VAE of the sprites' silhouettes for each β and seed, with a Gaussian likelihood of fixed noise. Each result is kept
in runs/lesson_04 when it is done, so the command may be killed and run again. The results go to
course_lib/assets/lessons.
"""

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers
from recording import machine

from course_lib import _assets, data, divergences, images, metrics, runtime, vae

RUNS = Path(__file__).resolve().parents[1] / "runs" / "lesson_04"
RECORD = _assets.ROOT / "lessons" / "04_disentanglement"
BETAS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
SEEDS = (0, 1, 2)
SIDE, LATENT_DIM, WIDTH = 32, 10, 128
FACTORS = ("shape", "size", "angle", "x", "y")  # what is left of a sprite's factors without its two colours
NOISE_VARIANCE = 0.1  # of the Gaussian likelihood, fixed: a learned one would change with β
BATCH = 64
TRAIN, TEST = 40_000, 10_000
BINS = 20
REACH = np.linspace(-2, 2, 7)  # of the traversals


@dataclass(frozen=True)
class Run:
    """One training: β, seed and number of passes over the training set."""

    beta: float
    seed: int
    epochs: int = 12

    @property
    def steps(self):
        """Number of gradient steps."""
        return self.epochs * (TRAIN // BATCH)

    @property
    def name(self):
        """The file in runs/lesson_04 that holds its results."""
        return f"beta{self.beta:g}_seed{self.seed}"


def silhouettes(pictures):
    """Return the shapes alone, floats (N, H, W, 1) in [-1, 1], of sprites uint8 (N, H, W, 3).

    A sprite's shape has saturation 0.75 and its background 0.3, whatever their hues.
    """
    pictures = pictures.astype(np.float32)
    brightest, darkest = pictures.max(axis=-1, keepdims=True), pictures.min(axis=-1, keepdims=True)
    saturation = 1 - darkest / brightest
    return 2 * np.clip((saturation - 0.3) / 0.45, 0, 1) - 1


def build(beta, seed):
    """Return an untrained β-VAE of silhouettes with its noise fixed."""
    keras.utils.set_random_seed(seed)
    image, z = keras.Input((SIDE, SIDE, 1)), keras.Input((LATENT_DIM,))
    hidden = layers.Dense(WIDTH, activation="relu")(layers.Flatten()(image))
    hidden = layers.Dense(WIDTH, activation="relu")(hidden)
    encoder = keras.Model(image, [layers.Dense(LATENT_DIM)(hidden), layers.Dense(LATENT_DIM)(hidden)])
    hidden = layers.Dense(WIDTH, activation="relu")(layers.Dense(WIDTH, activation="relu")(z))
    decoder = keras.Model(z, layers.Reshape((SIDE, SIDE, 1))(layers.Dense(SIDE**2)(hidden)))
    model = vae.VAE(encoder, decoder, likelihood="gaussian", beta=beta, seed=seed)
    model.logvar.assign(np.log(NOISE_VARIANCE))
    model.logvar.trainable = False
    return model


def train(run, x):
    """Return the trained VAE of one run on images x in [-1, 1]."""
    model = build(run.beta, run.seed)
    # The cosine ends every run at rest, so that the curves compare β and not where the noise of Adam stopped.
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, run.steps)))
    model.fit(x, batch_size=BATCH, epochs=run.epochs, verbose=0)
    return model


def information(codes, factors):
    """Return the mutual information in nats of each code dimension (N, d) with each factor (N, k): (d, k)."""
    edges = [np.histogram_bin_edges(code, BINS)[1:-1] for code in codes.T]
    binned = [np.digitize(code, edge) for code, edge in zip(codes.T, edges, strict=True)]
    table = np.zeros((codes.shape[1], factors.shape[1]))
    for j, code in enumerate(binned):
        for k, factor in enumerate(factors.T):
            joint = np.zeros((BINS, factor.max() + 1))
            np.add.at(joint, (code, factor), 1)
            table[j, k] = divergences.mutual_information(joint)
    return table


def measure(model, x, factors, seed):
    """Return rate, distortion, MIG, the table of mutual information and the KL of each latent variable."""
    mean, logvar = (np.asarray(t) for t in model.encoder.predict(x, batch_size=500, verbose=0))
    noise = np.random.default_rng(seed).standard_normal(mean.shape)
    codes = mean + np.exp(logvar / 2) * noise  # what the decoder sees, and what the MIG is defined on
    drawn = model.decoder.predict(codes.astype(np.float32), batch_size=500, verbose=0)
    per_unit = [divergences.kl_to_standard_normal(mean[:, [j]], logvar[:, [j]]).mean() for j in range(LATENT_DIM)]
    return {
        "rate": float(np.sum(per_unit)),
        "distortion": float(np.mean(model.negative_log_likelihood(x, drawn))),
        "squared_error": float(np.mean((drawn - x) ** 2)),
        "kl_per_unit": np.array(per_unit, np.float32),
        "mig": metrics.mutual_information_gap(codes, factors, bins=BINS),
        "mig_of_means": metrics.mutual_information_gap(mean, factors, bins=BINS),
        "information": information(codes, factors).astype(np.float32),
        "traversals": traversals(model, mean, np.argsort(per_unit)[::-1][:6]),
    }


def traversals(model, mean, units):
    """Return pictures uint8 (units, steps, H, W, 1): each unit moved over REACH from the code of the first image."""
    z = np.tile(mean[0], (len(units), len(REACH), 1))
    for row, unit in enumerate(units):
        z[row, :, unit] = REACH
    drawn = images.to_uint8(np.asarray(model.decode(z.reshape(-1, LATENT_DIM))))
    return drawn.reshape(len(units), len(REACH), SIDE, SIDE, 1)


def result(run, train_x, test_x, factors):
    """Return the results of one run, from its file if it has been done already."""
    path = RUNS / f"{run.name}.npz"
    if not path.exists():
        start = time.process_time()
        model = train(run, train_x)
        seconds = time.process_time() - start
        facts = measure(model, test_x, factors, run.seed)
        np.savez(path, **facts, seconds=seconds)
        print(
            f"{run.name}: rate {facts['rate']:.2f}, distortion {facts['distortion']:.1f}, MIG {facts['mig']:.3f}, "
            f"of means {facts['mig_of_means']:.3f}, {seconds:.0f} CPU s",
            flush=True,
        )
    with np.load(path) as file:
        return {key: file[key] for key in file.files}


def main():
    """Train what is missing and write the record and its card."""
    report = runtime.setup(0)
    RUNS.mkdir(parents=True, exist_ok=True)
    RECORD.parent.mkdir(exist_ok=True)
    train_x = silhouettes(data.sprites(TRAIN, SIDE, seed=1)[0])
    pictures, factors = data.sprites(TEST, SIDE, seed=2)
    test_x, factors = silhouettes(pictures), np.stack([factors[name] for name in FACTORS], axis=1)
    runs = [Run(beta, seed) for seed in SEEDS for beta in BETAS]  # seed by seed: a record cut short is still a sweep
    results = {(run.beta, run.seed): result(run, train_x, test_x, factors) for run in runs}
    arrays = {"betas": np.array(BETAS)}
    for key in ("rate", "distortion", "squared_error", "mig", "mig_of_means", "kl_per_unit", "information"):
        arrays[key] = np.array([[results[beta, seed][key] for seed in SEEDS] for beta in BETAS])
    arrays["traversals"] = np.array([results[beta, SEEDS[0]]["traversals"] for beta in BETAS])
    np.savez_compressed(RECORD.with_suffix(".npz"), **arrays)
    facts = {
        "what": f"β-VAEs on silhouettes of sprites, {SIDE} × {SIDE} pixels, over β; Gaussian likelihood with fixed "
        f"variance {NOISE_VARIANCE}; all numbers on {TEST:,} sprites drawn apart from the training set",
        "network": f"encoder and decoder with two hidden layers of {WIDTH} units, {LATENT_DIM} latent variables",
        "optimizer": f"Adam, 2e-3 with cosine decay to 0, batch {BATCH}",
        "data": f"data.sprites({TRAIN}, {SIDE}, seed=1); test data.sprites({TEST}, {SIDE}, seed=2)",
        "sweep": asdict(runs[0]) | {"steps": runs[0].steps} | {"beta": list(BETAS), "seed": list(SEEDS)},
        "factors": list(FACTORS),
        "mig": f"codes drawn from q(z|x), {BINS} equal intervals for each latent variable",
        "mig_of_means": "the same with the means of q(z|x) as codes",
        "traversals": f"seed {SEEDS[0]}, the six units of largest KL, each from {REACH[0]:g} to {REACH[-1]:g}",
        "minutes": round(sum(float(r["seconds"]) for r in results.values()) / 60, 1),
        "minutes_are": "processor time of one core",
        **machine(report),
        "licence": "Apache-2.0 (weights and numbers)",
        "sha256": _assets.sha256(RECORD.with_suffix(".npz")),
    }
    RECORD.with_suffix(".json").write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
