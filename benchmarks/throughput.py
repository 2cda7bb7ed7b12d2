"""Images per second of ``GAN.fit`` and ``VAE.fit`` beside a bare ``tf.function`` loop with the same networks.

Both are timed in turns in one run; the ratio of their medians is printed (goal: at least 0.97).
Usage: python benchmarks/throughput.py [--rounds 7] [--steps 30]
"""

import argparse
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from course_lib import divergences, gan, losses, nets, runtime, vae

BATCH = 64


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


def compare(name, pair, shape, rounds, steps):
    """Time both in turns and print images per second and the ratio."""
    x = np.random.default_rng(0).uniform(-1, 1, (BATCH * steps, *shape)).astype(np.float32)
    dataset = tf.data.Dataset.from_tensor_slices(x).batch(BATCH, drop_remainder=True).prefetch(2)
    fit, bare = pair(shape)
    seconds = {fit: [], bare: []}
    for run in (fit, bare):
        run(dataset)  # traces and warms up
    for turn in range(rounds):
        for run in (fit, bare) if turn % 2 else (bare, fit):
            start = time.perf_counter()
            run(dataset)
            seconds[run].append(time.perf_counter() - start)
    ours, theirs = (len(x) / statistics.median(seconds[run]) for run in (fit, bare))
    print(f"{name:<14} fit {ours:8.1f} images/s   bare loop {theirs:8.1f} images/s   ratio {ours / theirs:.3f}")


def main():
    """Read the command line and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=30)
    options = parser.parse_args()
    print(runtime.setup(0))
    for name, shape in (("28x28x1", (28, 28, 1)), ("64x64x3", (64, 64, 3))):
        compare(f"GAN {name}", gan_pair, shape, options.rounds, options.steps)
        compare(f"VAE {name}", vae_pair, shape, options.rounds, options.steps)


if __name__ == "__main__":
    main()
