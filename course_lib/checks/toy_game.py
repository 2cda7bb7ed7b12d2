"""A GAN on points in the plane, small enough to fall ill and recover within seconds: the patients of exercise 06.

The runs are defined here and not in the notebook, where their settings would give the diagnoses away.
"""

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from course_lib import data, plots
from course_lib._validate import choice

BATCH, STEPS, ROUNDS = 128, 50, 30
EQUAL = 1e-3
RUNS = {
    1: {"pixels": True, "g_rate": EQUAL, "d_rate": EQUAL},
    2: {"pixels": False, "g_rate": EQUAL, "d_rate": EQUAL},
    3: {"pixels": False, "g_rate": 5e-3, "d_rate": 2e-4},
}
REMEDIES = ("p", "q", "r", "s", "t")


class Run(NamedTuple):
    """Curves (name -> one value per ``STEPS`` steps), and the data and samples (N, 2) at the end."""

    curves: dict
    data: np.ndarray
    samples: np.ndarray


def play(number, d_step, g_step, remedy="p"):
    """Train run ``number`` (1, 2, 3) with the two given steps and one remedy; return a ``Run``.

    The remedies: p none, q the data divided by 127.5, minus 1, r learning rates of ``EQUAL`` for both, s a tenth of
    D's, t three times as many steps. Raises ``ValueError`` for an unknown run or remedy.
    """
    settings = RUNS[choice("number", number, RUNS)]
    choice("remedy", remedy, REMEDIES)
    keras.utils.set_random_seed(0)
    points = _points(settings["pixels"], converted=remedy == "q")
    generator, discriminator = _network("tanh"), _network(None)
    g_rate, d_rate = (EQUAL, EQUAL) if remedy == "r" else (settings["g_rate"], settings["d_rate"])
    g_optimizer = keras.optimizers.Adam(g_rate, 0.5)
    d_optimizer = keras.optimizers.Adam(d_rate / 10 if remedy == "s" else d_rate, 0.5)
    # Optimizers cannot create their state inside a graph.
    g_optimizer.build(generator.trainable_variables)
    d_optimizer.build(discriminator.trainable_variables)

    def noise():
        return tf.random.normal((BATCH, 2))

    @tf.function
    def some_steps():
        d_loss = g_loss = 0.0
        for _ in tf.range(STEPS):
            real = tf.gather(points, tf.random.uniform([BATCH], 0, len(points), tf.int32))
            d_loss = d_step(generator, discriminator, d_optimizer, real, noise())
            g_loss = g_step(generator, discriminator, g_optimizer, noise())
        return d_loss, g_loss

    rows = []
    for _ in range(ROUNDS * (3 if remedy == "t" else 1)):
        d_loss, g_loss = some_steps()
        rows.append(
            {"D's loss": float(d_loss), "G's loss": float(g_loss), **_measured(generator, discriminator, points)}
        )
    curves = {name: [row[name] for row in rows] for name in rows[0]}
    return Run(curves, points[:500].numpy(), generator(tf.random.normal((500, 2))).numpy())


def panel(run, title):
    """Draw what there is to read of a run: losses, D's accuracy with the samples' spread, logits, and the points."""
    groups = {
        "loss (nats)": ["D's loss", "G's loss"],
        "share": ["D's accuracy", "spread of samples / data"],
        "mean logit": ["real", "generated"],
    }
    figure, axes = plots.canvas(13, 3, 1, 4)
    for each, (label, names) in zip(axes, groups.items(), strict=False):
        for k, name in enumerate(names):
            values = run.curves[name]
            steps = STEPS * np.arange(1, len(values) + 1)
            each.plot(steps, values, plots.STYLES[k], color=plots.COLOURS[k], label=name)
        each.set(xlabel="training step", ylabel=label)
        each.legend(frameon=False, fontsize=9)
    axes[0].axhline(2 * np.log(2), color=plots.GREY, linestyle=":", label="2 ln 2")
    axes[0].legend(frameon=False, fontsize=9)
    axes[0].set_ylim(0, max(axes[0].get_ylim()[1], 2))
    axes[1].set_ylim(-0.05, 1.35)
    # On a scale of hundredths the noise of a balanced game would look like a fight.
    low, high = axes[2].get_ylim()
    axes[2].set_ylim(min(low, -1), max(high, 1))
    for k, (name, points) in enumerate({"data": run.data, "samples": run.samples}.items()):
        axes[3].scatter(*points.T, s=9, color=plots.COLOURS[k], marker=plots.MARKERS[k], alpha=0.6, lw=0, label=name)
    axes[3].set(xlabel="$x_1$", ylabel="$x_2$")
    axes[3].legend(frameon=False, fontsize=9, ncols=2, loc="lower right", bbox_to_anchor=(1, 1))
    figure.suptitle(title)
    last = ", ".join(f"{name} {values[-1]:.3g}" for name, values in run.curves.items())
    figure.alt_text = f"{title}. Curves over the training steps, at the end: {last}. Data and samples as points."
    return figure


def _points(pixels, converted):
    points, _ = data.gaussian_ring(4096, modes=4, radius=0.6, std=0.1, seed=0)
    points = np.clip(points, -1, 1)
    points = (points + 1) * 127.5 if pixels else points
    return tf.constant(points / 127.5 - 1 if converted else points, tf.float32)


def _network(activation):
    layers = keras.layers
    sizes = [layers.Dense(64), layers.LeakyReLU(0.2), layers.Dense(64), layers.LeakyReLU(0.2)]
    return keras.Sequential([layers.Input((2,)), *sizes, layers.Dense(2 if activation else 1, activation)])


def _measured(generator, discriminator, points):
    real, fake = points[:500], generator(tf.random.normal((500, 2)))
    real_logits, fake_logits = discriminator(real).numpy(), discriminator(fake).numpy()
    return {
        "real": float(real_logits.mean()),
        "generated": float(fake_logits.mean()),
        "D's accuracy": float(((real_logits > 0).mean() + (fake_logits < 0).mean()) / 2),
        "spread of samples / data": float(np.std(fake, axis=0).mean() / np.std(real, axis=0).mean()),
    }
