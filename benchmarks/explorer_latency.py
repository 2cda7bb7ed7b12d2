"""Milliseconds per move of the latent explorer: rendered picture and PNG, at 32 x 32 and 64 x 64.

Run from the repository's root: python benchmarks/explorer_latency.py
Trained decoders of the zoo are timed as well where they exist; timing does not depend on the weights.
"""

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from course_lib import explore, nets, zoo  # noqa: E402

MOVES = 200
GOALS = {32: 5.0, 64: 15.0}  # median milliseconds per move


def milliseconds_per_move(explorer):
    """Return the time of each of MOVES different moves, in milliseconds, after a short warm-up."""
    times = []
    for move in range(-10, MOVES):
        start = time.perf_counter()
        explorer.png(seed=abs(move), spread=0.5 + 0.005 * abs(move))
        times.append(1e3 * (time.perf_counter() - start))
    return np.array(times[10:])


def decoders():
    """Yield (name, decoder): fresh generators at both sizes, then what the zoo holds."""
    for size in GOALS:
        yield f"fresh generator, {size} x {size} x 3", nets.dcgan_generator((size, size, 3), 100, 32)
    for name in sorted({"fashion-vae", "fashion-gan", "faces-vae", "faces-gan"} & set(zoo.names())):
        yield f"zoo: {name}", zoo.load(name)


def main():
    """Print one line per decoder and number of neighbours."""
    print(f"{'decoder':36}{'neighbours':>11}{'median ms':>11}{'p95 ms':>9}{'goal ms':>9}")
    for name, decoder in decoders():
        for neighbours in (0, 4):
            explorer = explore.LatentExplorer(decoder, neighbours=neighbours)
            size = explorer.picture(explorer.values()).shape[0]
            times = milliseconds_per_move(explorer)
            goal = f"{GOALS[32 if size <= 32 else 64]:.0f}"
            print(f"{name:36}{neighbours:>11}{np.median(times):>11.2f}{np.quantile(times, 0.95):>9.2f}{goal:>9}")


if __name__ == "__main__":
    main()
