"""Milliseconds per move of every explorer: rendered picture, PNG and description, as its view does at each move.

Run from the repository's root, with nothing else running: python benchmarks/explorer_latency.py
Trained decoders of the zoo are timed as well where they exist; timing does not depend on the weights.
"""

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from course_lib import data, explore, nets, zoo  # noqa: E402

MOVES, WARM_UP = 100, 10
GOALS = {32: 5.0, 64: 15.0}  # median milliseconds per move of a latent explorer, by the size of its picture
GOAL = 30.0  # of the others


def milliseconds_per_move(explorer, name):
    """Return the time of each of MOVES moves of one control over its range, in milliseconds, after a short warm-up."""
    control = next(control for control in explorer.controls if control.name == name)
    last = min(control.maximum, 60)  # GanLab trains its later frames only when they are asked for
    places = np.resize(np.arange(control.minimum, last + control.step / 2, control.step), WARM_UP + MOVES)
    times = []
    for place in places:
        value = int(place) if isinstance(control.step, int) else float(place)
        start = time.perf_counter()
        explorer.png(**{name: value})
        explorer.text(**{name: value})
        times.append(1e3 * (time.perf_counter() - start))
    return np.array(times[WARM_UP:])


def latent_explorers():
    """Yield (name, explorer, control, goal): fresh generators at both sizes, then what the zoo holds."""
    decoders = {f"{size} x {size} x 3": nets.dcgan_generator((size, size, 3), 100, 32) for size in GOALS}
    decoders |= {name: zoo.load(name) for name in ("fashion-vae", "fashion-gan", "faces-vae", "faces-gan")}
    for name, decoder in decoders.items():
        for neighbours in (0, 4):
            explorer = explore.LatentExplorer(decoder, neighbours=neighbours)
            size = explorer.picture(explorer.values()).shape[0]
            yield f"{name}, {neighbours} neighbours", explorer, "seed", GOALS[32 if size <= 32 else 64]


def theory_explorers():
    """Yield (name, explorer, control, goal) of the explorers of lessons 01, 02, 04, 05, 07 and 08."""
    yield "DivergenceLab", explore.DivergenceLab(), "move", GOAL
    yield "ElboLab", explore.ElboLab(), "mean", GOAL
    faces = data.load_faces("train").images[:5000]
    pair = {
        name: explore.LatentExplorer(zoo.load(name), coordinates=0, neighbours=0, training=faces)
        for name in ("faces-gan", "faces-vae")
    }
    yield "LatentPair with nearest picture", explore.LatentPair(pair), "seed", GOAL
    yield "GanLab, recorded frames", explore.GanLab(), "frame", GOAL
    yield "DoctorPanel", explore.DoctorPanel(), "visit", GOAL
    yield "TransportLab", explore.TransportLab(), "position", GOAL


def main():
    """Print one line per explorer."""
    print(f"{'explorer':40}{'median ms':>11}{'p95 ms':>9}{'goal ms':>9}")
    for rows in (latent_explorers, theory_explorers):
        for name, explorer, control, goal in rows():
            times = milliseconds_per_move(explorer, control)
            print(f"{name:40}{np.median(times):>11.2f}{np.quantile(times, 0.95):>9.2f}{goal:>9.0f}", flush=True)


if __name__ == "__main__":
    main()
