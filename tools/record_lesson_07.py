"""Play the games of lesson 07's mode-collapse laboratory: ``python tools/record_lesson_07.py``.

Ring and grid of Gaussians, one pair of networks and one number of generator steps for all. Part A varies what may
provoke collapse, part B adds one supposed cure at a time to one provoking setting, and part C adds the same cures to
a setting without momentum. Each game is kept in runs/lesson_07 when it is over, so the command may be killed and run
again; the record is written anew after every method. It goes to course_lib/assets/lessons: 07_mode_lab.json has the
numbers, 07_mode_lab.npz samples of seed 0.
"""

import hashlib
import json
import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from recording import machine

from course_lib import _assets, data, metrics, planar, runtime

RUNS = Path(__file__).resolve().parents[1] / "runs" / "lesson_07"
RECORD = _assets.ROOT / "lessons" / "07_mode_lab"
SEEDS = (0, 1, 2)
NETWORKS = {"width": 128, "depth": 3, "latent_dim": 2, "batch": 128}
STEPS, CHECKPOINTS = 6000, 12
AVERAGE_EVERY, DECAY = 20, 0.9  # of the averaged generator: about 0.995 per step
SAMPLES, KEPT_POINTS = 10_000, 500
LOGS = ("d_loss", "g_loss", "real_logit", "fake_logit")
STD = {"ring": 0.02, "grid": 0.05}
PROVOKING = {"generator_rate": 1e-3, "discriminator_rate": 1e-3, "momentum": 0.9}


def rates(generator_rate, momentum, discriminator_rate=None):
    """Return the optimizers' part of a game's settings."""
    discriminator_rate = generator_rate if discriminator_rate is None else discriminator_rate
    return {"generator_rate": generator_rate, "discriminator_rate": discriminator_rate, "momentum": momentum}


GRID_OF_RATES = {
    f"rate {rate:g}, β₁ {beta:g}": rates(rate, beta) for rate in (1e-4, 1e-3, 3e-3) for beta in (0.0, 0.5, 0.9)
}
PROVOKE = GRID_OF_RATES | {
    "minimax loss": PROVOKING | {"loss": "minimax"},
    "D ten times slower": rates(1e-3, 0.9, 1e-4),
    "D ten times faster": rates(1e-3, 0.9, 1e-2),
}
CURES = {
    "none": PROVOKING,
    "momentum 0.5": PROVOKING | {"momentum": 0.5},
    "momentum 0": PROVOKING | {"momentum": 0.0},
    "a tenth of the rate": rates(1e-4, 0.9),
    "two hidden layers for three": PROVOKING | {"depth": 2},
    "packing 2": PROVOKING | {"packing": 2},
    "packing 4": PROVOKING | {"packing": 4},
    "R1, γ = 0.1": PROVOKING | {"penalty": "r1", "penalty_weight": 0.05},
    "R1, γ = 1": PROVOKING | {"penalty": "r1", "penalty_weight": 0.5},
    "spectral norm": PROVOKING | {"spectral_norm": True},
    "relativistic": PROVOKING | {"loss": "relativistic"},
    "relativistic + R1, γ = 0.1": PROVOKING | {"loss": "relativistic", "penalty": "r1", "penalty_weight": 0.05},
    "momentum 0 + R1, γ = 0.1": PROVOKING | {"momentum": 0.0, "penalty": "r1", "penalty_weight": 0.05},
    "WGAN-GP, 5 critic steps": PROVOKING
    | {"loss": "wasserstein", "penalty": "gradient_penalty", "penalty_weight": 1.0, "discriminator_steps": 5},
    "unrolled, 5 steps": PROVOKING | {"unroll": 5},
}
RING_ONLY = ("two hidden layers for three", "packing 4", "R1, γ = 1", "relativistic")  # second doses
GRID_CURES = {method: settings for method, settings in CURES.items() if method not in RING_ONLY}
CALM = rates(1e-3, 0.0)
CALM_CURES = {
    "none": CALM,
    "packing 2": CALM | {"packing": 2},
    "R1, γ = 0.1": CALM | {"penalty": "r1", "penalty_weight": 0.05},
    "spectral norm": CALM | {"spectral_norm": True},
    "relativistic": CALM | {"loss": "relativistic"},
    "relativistic + R1, γ = 0.1": CALM | {"loss": "relativistic", "penalty": "r1", "penalty_weight": 0.05},
    "WGAN-GP, 5 critic steps": CALM
    | {"loss": "wasserstein", "penalty": "gradient_penalty", "penalty_weight": 1.0, "discriminator_steps": 5},
    "unrolled, 5 steps": CALM | {"unroll": 5},
}
PARTS = [
    ("provoke", "ring", PROVOKE),
    ("cure", "ring", CURES),
    ("cure", "grid", GRID_CURES),
    ("calm", "ring", CALM_CURES),
]


def mixture(name):
    """Return the points (20,000, 2) of "ring" or "grid", and the centres of the modes."""
    if name == "ring":
        return data.gaussian_ring(20_000, modes=8, radius=2.0, std=STD["ring"], seed=0)
    return data.gaussian_grid(20_000, side=5, spacing=2.0, std=STD["grid"], seed=0)


def measure(points, name, centres):
    """Return the mode statistics of generated points as plain numbers."""
    facts = metrics.mode_coverage(points, centres, STD[name]) if np.isfinite(points).all() else None
    if facts is None:
        return {"counts": [0] * len(centres), "kept": 0, "high_quality": 0.0, "reverse_kl": None}
    divergence = facts["reverse_kl"]
    return {
        "counts": facts["counts"].tolist(),
        "kept": facts["kept"],
        "high_quality": round(facts["high_quality"], 4),
        "reverse_kl": None if np.isnan(divergence) else round(divergence, 4),
    }


def play(settings, name, seed):
    """Play one game; return its facts and some samples (500, 2) of the generator at the end."""
    points, centres = mixture(name)
    start = time.process_time()
    game = planar.Game(points, seed=seed, **NETWORKS | settings)
    average, curve, logs = game.generator.get_weights(), [], []
    for step in range(AVERAGE_EVERY, STEPS + 1, AVERAGE_EVERY):
        logs.append(game.advance(AVERAGE_EVERY))
        average = [DECAY * a + (1 - DECAY) * w for a, w in zip(average, game.generator.get_weights(), strict=True)]
        if step % (STEPS // CHECKPOINTS) == 0:
            facts = measure(game.samples(SAMPLES, seed=1), name, centres)
            means = {key: float(np.mean([log[key] for log in logs])) for key in LOGS}
            losses = {key: round(value, 4) if np.isfinite(value) else None for key, value in means.items()}
            curve.append({"step": step, **losses, **{k: v for k, v in facts.items() if k != "counts"}})
            logs = []
    samples = game.samples(SAMPLES, seed=1)
    game.generator.set_weights(average)
    averaged = measure(game.samples(SAMPLES, seed=1), name, centres)
    seconds = round(time.process_time() - start, 1)
    facts = measure(samples, name, centres) | {"averaged": averaged, "curve": _columns(curve), "cpu_seconds": seconds}
    return facts, samples[:KEPT_POINTS].astype(np.float16)


def _columns(rows):
    return {key: [row[key] for row in rows] for key in rows[0]}


def result(name, method, settings, seed):
    """Return the facts and samples of one game, from its file if one under these rules has been played already."""
    rules = json.dumps([name, seed, STEPS, NETWORKS, settings], sort_keys=True)
    path = RUNS / f"{name}_seed{seed}_{hashlib.sha256(rules.encode()).hexdigest()[:12]}.npz"
    if not path.exists():
        facts, samples = play(settings, name, seed)
        np.savez(path, facts=json.dumps(facts), samples=samples)
        print(f"{name} · {method} · seed {seed}: kept {facts['kept']}, good {facts['high_quality']:.3f}, ", end="")
        print(f"reverse KL {facts['reverse_kl']}, {facts['cpu_seconds']:.0f} s", flush=True)
    with np.load(path) as file:
        return json.loads(str(file["facts"])), file["samples"]


def write(games, samples, report):
    """Write the record and its arrays."""
    np.savez_compressed(RECORD.with_suffix(".npz"), **samples)
    facts = {
        "what": "GANs on a ring (8 modes, radius 2, std 0.02) and a grid (25 modes, spacing 2, std 0.05)",
        "networks": NETWORKS,
        "generator_steps": STEPS,
        "samples_measured": SAMPLES,
        "averaged": f"exponential mean of the generator's weights, every {AVERAGE_EVERY} steps with decay {DECAY}",
        "seeds": list(SEEDS),
        "provoking": PROVOKING,
        "methods": _methods_of(games),
        "cpu_minutes": round(sum(_seconds_of(games).values()) / 60, 1),
        **machine(report, cores="one thread of"),
        "licence": "Apache-2.0",
        "sha256": _assets.sha256(RECORD.with_suffix(".npz")),
    }
    # One line for each fact and for each game: short, and a changed game is a changed line.
    lines = [f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in facts.items()]
    rows = ",\n  ".join(json.dumps(game, ensure_ascii=False) for game in games)
    text = "{\n " + ",\n ".join([*lines, f'"games": [\n  {rows}\n ]']) + "\n}\n"
    RECORD.with_suffix(".json").write_text(text, encoding="utf-8")


def _methods_of(games):
    """Return the rules of the methods that have been played: "part/data" -> method -> settings."""
    played = {(game["part"], game["data"], game["method"]) for game in games}
    rules = {
        f"{part}/{name}": {method: settings for method, settings in methods.items() if (part, name, method) in played}
        for part, name, methods in PARTS
    }
    return {key: methods for key, methods in rules.items() if methods}


def _seconds_of(games):
    """Return the seconds of each game; one that stands in several parts of the laboratory was played once."""
    settings = {(part, name): methods for part, name, methods in PARTS}
    seconds = {}
    for game in games:
        rules = json.dumps(settings[game["part"], game["data"]][game["method"]], sort_keys=True)
        seconds[game["data"], rules, game["seed"]] = game["cpu_seconds"]
    return seconds


def main():
    """Play what is missing, and write the record anew after each method, once all of its seeds have been played."""
    report = runtime.setup(0)
    RUNS.mkdir(parents=True, exist_ok=True)
    RECORD.parent.mkdir(exist_ok=True)
    games, samples = [], {}
    for part, name, methods in PARTS:
        for number, (method, settings) in enumerate(methods.items()):
            played = [result(name, method, settings, seed) for seed in SEEDS]
            samples[f"{part}_{name}_{number:02d}"] = played[0][1]
            for seed, (facts, _) in zip(SEEDS, played, strict=True):
                games.append({"part": part, "data": name, "method": method, "seed": seed, **facts})
            write(games, samples, report)


if __name__ == "__main__":
    main()
