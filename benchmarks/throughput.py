"""Images per second of ``GAN.fit`` and ``VAE.fit`` beside a bare ``tf.function`` loop with the same networks.

Both are timed in turns in one run; the ratio of their fastest rounds is reported (goal: at least 0.97). The fastest,
because whatever else a machine does can only slow a round: on a virtual machine the same hundred steps took 8.3 s or
10.2 s, with nothing between, by turns that had nothing to do with which of the two ran.
Run from the repository's root, with nothing else running: python benchmarks/throughput.py [--rounds 7]

One call of ``fit`` costs some 10 ms before its first step (a look at the data, a snapshot of the weights, callbacks),
so the small images, whose steps are short, are trained for more steps a call; an epoch of Fashion-MNIST has 937.
"""

import argparse
import time

import _common
import keras
import numpy as np
import tensorflow as tf

from course_lib import divergences, gan, losses, nets, runtime, vae

BATCH = 64
STEPS = {(28, 28, 1): 100, (64, 64, 3): 30}
GOAL = 0.97


def gan_pair(shape):
    """Return (fit, bare): two functions of a dataset that train equal GANs, ours and a hand-written loop."""

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

    return _fit(model), _loop(step)


def vae_pair(shape):
    """Return (fit, bare) for a VAE with Bernoulli likelihood."""

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

    return _fit(model), _loop(step)


def _fit(model):
    return lambda dataset: model.fit(dataset, epochs=1, verbose=0)


def _loop(step):
    def run(dataset):
        for batch in dataset:
            step(batch)

    return run


def compare(pair, shape, rounds):
    """Time both in turns; return images per second of the fastest round of ``fit`` and of the bare loop."""
    steps = STEPS[shape]
    x = np.random.default_rng(0).uniform(-1, 1, (BATCH * steps, *shape)).astype(np.float32)
    dataset = tf.data.Dataset.from_tensor_slices(x).batch(BATCH, drop_remainder=True).prefetch(2)
    fit, bare = pair(shape)
    seconds = {fit: [], bare: []}
    for run in (fit, bare):
        run(dataset.take(3))  # traces and warms up
    for turn in range(rounds):
        for run in (fit, bare) if turn % 2 else (bare, fit):
            start = time.perf_counter()
            run(dataset)
            seconds[run].append(time.perf_counter() - start)
    return [len(x) / min(seconds[run]) for run in (fit, bare)]


def main():
    """Read the command line, compare and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    runtime.setup(0)
    rows = []
    for shape in STEPS:
        for name, pair in (("GAN.fit", gan_pair), ("VAE.fit", vae_pair)):
            ours, bare = compare(pair, shape, rounds)
            rows.append([f"{name}, {' × '.join(map(str, shape))}", ours, bare, round(ours / bare, 3), f"{GOAL:g}"])
            print(*rows[-1], flush=True)
    table = {
        "caption": f"Batches of {BATCH}, the fastest of {rounds} rounds in turns.",
        "header": ["training", "images/s", "bare loop", "ratio", "goal"],
        "rows": rows,
    }
    text = "`fit` of the course's models beside a hand-written `tf.function` loop with the same networks and losses."
    _common.publish("throughput", "Throughput of training", text, [table], 0)


if __name__ == "__main__":
    main()
