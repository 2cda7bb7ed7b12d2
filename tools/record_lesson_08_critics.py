"""Train the critics that TransportLab of lesson 08 shows as learned: ``python tools/record_lesson_08_critics.py``.

For each scene the critic follows the generated cloud through the positions of the slider, as it does in a GAN: at
the first position it starts afresh, at the others from the weights of the position before. Takes a few minutes.
"""

import json
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from recording import machine

from course_lib import _assets, losses, runtime
from course_lib.explore import transport_lab

RECORD = _assets.ROOT / transport_lab.RECORD
WIDTH, BATCH, LAMBDA, RATE = 32, 64, 10.0, 2e-3
FIRST, FOLLOWING = 1500, 600  # steps at the first position of a scene and at each of the others


def critic():
    """Return a critic of points in the plane, (N, 2) -> (N, 1)."""
    parts = [keras.Input((2,))]
    for _ in range(2):
        parts += [keras.layers.Dense(WIDTH), keras.layers.LeakyReLU(transport_lab.SLOPE)]
    return keras.Sequential([*parts, keras.layers.Dense(1)])


def train(network, real, a, fake, b, steps, rng):
    """Train ``network`` with WGAN-GP on two weighted clouds; the step size falls to 0 with a cosine."""
    schedule = keras.optimizers.schedules.CosineDecay(RATE, steps)
    optimizer = keras.optimizers.Adam(schedule, beta_1=0.5, beta_2=0.9)
    optimizer.build(network.trainable_variables)
    alphas = keras.random.SeedGenerator(int(rng.integers(2**31)))

    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = losses.GAN_LOSSES["wasserstein"].discriminator(network(x), network(y))
            loss += LAMBDA * losses.gradient_penalty(network, x, y, seed=alphas)
        optimizer.apply(tape.gradient(loss, network.trainable_variables), network.trainable_variables)

    drawn = [points[rng.choice(len(w), (steps, BATCH), p=w)].astype(np.float32) for points, w in ((real, a), (fake, b))]
    for x, y in zip(*drawn, strict=True):
        step(tf.constant(x), tf.constant(y))


def main():
    """Train all critics and write the record and its card."""
    report = runtime.setup(0)
    start, rows = time.perf_counter(), []
    for number, (name, (real, a, *_)) in enumerate(transport_lab.scenes().items()):
        keras.utils.set_random_seed(number)
        network, rng, row = critic(), np.random.default_rng(number), []
        for position in range(transport_lab.POSITIONS):
            fake, b = transport_lab.generated(name, position)
            train(network, real, a, fake, b, FOLLOWING if position else FIRST, rng)
            row.append([w.astype(np.float16) for w in network.get_weights()])
        rows.append(row)
        print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)
    count = len(rows[0][0])
    arrays = {f"w{k:02d}": np.array([[weights[k] for weights in row] for row in rows]) for k in range(count)}
    np.savez_compressed(RECORD.with_suffix(".npz"), **arrays)
    facts = {
        "what": "critics of two clouds in the plane, trained as in WGAN-GP, for every position of TransportLab",
        "network": f"2-{WIDTH}-{WIDTH}-1, LeakyReLU {transport_lab.SLOPE}, weights stored as float16",
        "training": {"lambda": LAMBDA, "batch": BATCH, "steps_first": FIRST, "steps_following": FOLLOWING},
        "optimizer": f"Adam, {RATE} with cosine decay to 0 at each position, beta_1 0.5, beta_2 0.9",
        "seeds": list(range(len(rows))),
        "minutes": round((time.perf_counter() - start) / 60, 1),
        **machine(report, cores=""),
        "licence": "Apache-2.0",
        "sha256": _assets.sha256(RECORD.with_suffix(".npz")),
    }
    RECORD.with_suffix(".json").write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
