"""Images per second of ``GAN.fit`` and ``VAE.fit`` beside a bare ``tf.function`` loop with the same networks.

Both take turns of some tenths of a second: a callback interrupts ``fit``, whose clock stands while the bare loop takes
as many steps. Turns as short as that, because a virtual machine changes its speed by a quarter for seconds or minutes,
whichever of the two is running: rounds of ten seconds each could not tell 0.94 from 1.04. Reported is the median over
turns of the bare loop's seconds by those of ``fit`` (goal: at least 0.97), of the clock on the wall and of the
processor, which counts all threads and no waiting.
Run from the repository's root, with nothing else running: python benchmarks/throughput.py [--turns 40]

A call of ``fit`` costs something once, before its first step (a look at the data, a snapshot of the weights,
callbacks). That is measured apart: what the first turn took longer than the others.
"""

import argparse
import statistics
import time

import _common
import keras
import numpy as np
import tensorflow as tf

from course_lib import divergences, gan, losses, nets, runtime, vae

BATCH = 64
STEPS = {(28, 28, 1): 5, (64, 64, 3): 1}  # of one turn
GOAL = 0.97


def gan_pair(shape):
    """Return (model, step): equal GANs, ours and one whose step on a batch is written out by hand."""

    def networks():
        return nets.dcgan_generator(shape, 64), nets.dcgan_discriminator(shape)

    def adam():
        return keras.optimizers.Adam(2e-4, beta_1=0.5)

    model = gan.GAN(*networks(), ema=None)
    model.compile(adam(), adam())
    generator, discriminator = networks()
    g_optimizer, d_optimizer = adam(), adam()
    g_optimizer.build(generator.trainable_variables)
    d_optimizer.build(discriminator.trainable_variables)

    @tf.function
    def step(real):
        fake = generator(tf.random.normal((BATCH, 64)), training=True)
        with tf.GradientTape() as tape:
            real_logits, fake_logits = discriminator(real, training=True), discriminator(fake, training=True)
            loss = tf.reduce_mean(tf.nn.softplus(-real_logits)) + tf.reduce_mean(tf.nn.softplus(fake_logits))
        weights = discriminator.trainable_variables
        d_optimizer.apply(tape.gradient(loss, weights), weights)
        with tf.GradientTape() as tape:
            fake = generator(tf.random.normal((BATCH, 64)), training=True)
            loss = tf.reduce_mean(tf.nn.softplus(-discriminator(fake, training=True)))
        weights = generator.trainable_variables
        g_optimizer.apply(tape.gradient(loss, weights), weights)

    return model, step


def vae_pair(shape):
    """Return (model, step) for a VAE with Bernoulli likelihood."""

    def networks():
        return nets.conv_encoder(shape, 16), nets.conv_decoder(shape, 16)

    model = vae.VAE(*networks())
    model.compile(keras.optimizers.Adam(1e-3))
    encoder, decoder = networks()
    weights = encoder.trainable_variables + decoder.trainable_variables
    optimizer = keras.optimizers.Adam(1e-3)
    optimizer.build(weights)

    @tf.function
    def step(x):
        with tf.GradientTape() as tape:
            mean, logvar = encoder(x, training=True)
            logits = decoder(mean + tf.exp(0.5 * logvar) * tf.random.normal(tf.shape(mean)), training=True)
            nll = losses.bernoulli_nll((x + 1) / 2, logits)
            loss = tf.reduce_mean(nll + divergences.kl_to_standard_normal(mean, logvar))
        optimizer.apply(tape.gradient(loss, weights), weights)

    return model, step


class Turns(keras.callbacks.Callback):
    """After every ``steps`` steps of ``fit``, take as many of ``step`` on ``batches``, and keep the seconds of both.

    ``fit`` and ``bare`` hold a pair (wall, processor) for each turn.
    """

    def __init__(self, step, batches, steps):
        super().__init__()
        self.step, self.batches, self.steps = step, batches, steps
        self.taken, self.fit, self.bare = 0, [], []
        self.read = _clocks()

    def on_train_batch_end(self, batch, logs=None):
        self.taken += 1
        if self.taken % self.steps == 0:
            begun = _clocks()
            self.fit.append(begun - self.read)
            for _ in range(self.steps):
                self.step(next(self.batches))
            self.read = _clocks()
            self.bare.append(self.read - begun)


def _clocks():
    return np.array([time.perf_counter(), time.process_time()])


def compare(pair, shape, turns):
    """Train both in turns.

    Returns images per second of ``fit`` and of the bare loop by the wall's clock, how many times as fast ``fit`` is by
    the wall's clock and by the processor's, and the milliseconds that a call of ``fit`` takes before its first step.
    """
    steps = STEPS[shape]
    x = np.random.default_rng(0).uniform(-1, 1, (BATCH * steps * (turns + 1), *shape)).astype(np.float32)
    dataset = tf.data.Dataset.from_tensor_slices(x).batch(BATCH, drop_remainder=True).prefetch(2)
    model, step = pair(shape)
    for some in (dataset.take(3 * steps), dataset):  # the first traces and warms up
        run = Turns(step, iter(some), steps)
        model.fit(some, callbacks=[run], verbose=0)
    fit, bare = (np.array(seconds[1:]) for seconds in (run.fit, run.bare))
    speeds = [BATCH * steps / statistics.median(seconds[:, 0]) for seconds in (fit, bare)]
    start = run.fit[0][0] - statistics.median(fit[:, 0])
    return [*speeds, *np.round(np.median(bare / fit, axis=0), 3).tolist(), 1000 * start]


def main():
    """Read the command line, compare and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=40)
    turns = parser.parse_args().turns
    runtime.setup(0)
    rows = []
    for shape in STEPS:
        for name, pair in (("GAN.fit", gan_pair), ("VAE.fit", vae_pair)):
            *found, start = compare(pair, shape, turns)
            rows.append([f"{name}, {' × '.join(map(str, shape))}", *found, f"{GOAL:g}", start])
            print(*rows[-1], flush=True)
    table = {
        "caption": f"Batches of {BATCH}; medians of {turns} turns.",
        "header": ["training", "images/s", "bare loop", "ratio", "ratio, CPU time", "goal", "start of fit, ms"],
        "rows": rows,
    }
    text = "`fit` of the course's models beside a hand-written `tf.function` loop with the same networks and losses."
    _common.publish("throughput", "Throughput of training", text, [table], 0)


if __name__ == "__main__":
    main()
