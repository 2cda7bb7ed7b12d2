"""Keras callbacks: what the network draws while it learns, its curves, and a doctor for GANs.

What they collect lives in plain lists on the callback, so an interrupted ``fit`` (Ctrl-C) loses nothing
and a later ``fit`` with the same callback goes on. Outside Jupyter they collect and display nothing.
"""

import time

import keras
import numpy as np
import tensorflow as tf

from course_lib import images as _images
from course_lib import plots
from course_lib._diagnoses import diagnose
from course_lib._validate import choice, integer, number, refuse


class LivePicture:
    """One displayed picture that each ``update`` replaces; silent outside Jupyter."""

    def __init__(self):
        self._handle = None

    def update(self, picture, alt=None, width=None):
        """Show a picture (see ``plots.show``) in place of the one before."""
        from IPython import display, get_ipython

        if get_ipython() is None:
            return
        bundle = plots.mime_bundle(picture, alt, width)
        if self._handle is None:
            self._handle = display.display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)


class SampleGrid(keras.callbacks.Callback):
    """Keep a grid of samples from fixed latent codes, before training and after every ``every`` epochs or steps.

    ``sample`` is a model with ``.sample(n, seed=...)`` (by default the model being trained) or a function
    n -> images (n, H, W, C) in [-1, 1] that holds its own fixed codes. ``frames`` are uint8 grids (H', W', C),
    ``labels`` say when each was drawn. With ``live`` the newest frame is displayed.
    """

    def __init__(self, sample=None, n=36, every=1, unit="epoch", seed=0, columns=None, live=False, scale=2):
        super().__init__()
        self.sample = sample
        self.n, self.every = integer("n", n, 1), integer("every", every, 1)
        self.unit = choice("unit", unit, ("epoch", "step"))
        self.seed, self.columns, self.live, self.scale = seed, columns, live, integer("scale", scale, 1)
        self.frames, self.labels, self._count = [], [], 0

    def on_train_begin(self, logs=None):
        self._picture = LivePicture()
        if not self.frames:
            self._keep()

    def on_epoch_end(self, epoch, logs=None):
        self._advance("epoch")

    def on_train_batch_end(self, batch, logs=None):
        self._advance("step")

    def gif(self, fps=4, scale=None):
        """Return the frames as an animated GIF (bytes), enlarged ``scale`` times."""
        if not self.frames:
            refuse("frames", "at least one frame", "none", "Pass the callback to fit first.")
        return _images.gif_bytes(self.frames, fps=fps, scale=scale or self.scale)

    def _advance(self, unit):
        if unit == self.unit:
            self._count += 1
            if self._count % self.every == 0:
                self._keep()

    def _keep(self):
        source = self.sample if self.sample is not None else self.model
        drawn = source.sample(self.n, seed=self.seed) if hasattr(source, "sample") else source(self.n)
        self.frames.append(_images.tile(_images.to_uint8(np.asarray(drawn, np.float32)), columns=self.columns))
        self.labels.append(f"{self.unit} {self._count}")
        if self.live:
            alt = f"Grid of {self.n} samples at {self.labels[-1]}, the same latent codes each time."
            self._picture.update(self.frames[-1], alt, width=self.scale * self.frames[-1].shape[1])


class LiveCurves(keras.callbacks.Callback):
    """Draw the logs against the training step while training runs, at most every ``seconds``.

    Each point of ``history`` (name -> list of (step, value)) is the mean of up to ``resolution`` steps;
    validation logs get one point per epoch. ``names`` selects logs (default: all).
    """

    def __init__(self, names=None, resolution=20, seconds=2.0, ylabel="loss"):
        super().__init__()
        self.names, self.ylabel = names, ylabel
        self.resolution, self.seconds = integer("resolution", resolution, 1), number("seconds", seconds, 0)
        self.history, self._pending, self._step = {}, [], 0

    def on_train_begin(self, logs=None):
        self._picture, self._drawn_at = LivePicture(), time.monotonic()

    def on_train_batch_end(self, batch, logs=None):
        self._step += 1
        self._pending.append({name: float(value) for name, value in (logs or {}).items()})
        if len(self._pending) >= self.resolution:
            self._flush()
        if time.monotonic() - self._drawn_at >= self.seconds:
            self._draw()

    def on_epoch_end(self, epoch, logs=None):
        self._flush()
        self._add({name: float(value) for name, value in (logs or {}).items() if name.startswith("val_")})

    def on_train_end(self, logs=None):
        self._draw()

    def figure(self):
        """Return the curves so far as a ``plots.Figure``."""
        lines = {name: tuple(zip(*points, strict=True)) for name, points in self.history.items()}
        return plots.curves(lines, xlabel="training step", ylabel=self.ylabel)

    def _flush(self):
        pending, self._pending = self._pending, []
        if pending:
            self._add({name: float(np.mean([logs[name] for logs in pending])) for name in pending[0]})

    def _add(self, logs):
        for name, value in logs.items():
            if self.names is None or name in self.names:
                self.history.setdefault(name, []).append((self._step, value))

    def _draw(self):
        self._drawn_at = time.monotonic()
        if self.history:
            self._picture.update(self.figure())


class GanDoctor(keras.callbacks.Callback):
    """Measure a ``gan.GAN`` after every epoch on ``n`` fixed real images and fixed latent codes.

    ``images`` (N, H, W, C) are data as the model is trained on. Each of ``records`` holds
    ``accuracy_real``, ``accuracy_fake`` (share of logits on the right side of 0; for a Wasserstein critic 0 means
    nothing, so read only the gap), ``logit_gap``, ``gradient_generator``, ``gradient_discriminator`` (global norms
    under the model's own loss), ``diversity`` (mean pairwise distance of samples over the data's),
    ``dead_generator``, ``dead_discriminator`` (share of silent ReLU channels) and the value ranges.
    """

    def __init__(self, images, n=64, seed=0):
        super().__init__()
        x = np.asarray(images, np.float32)
        if x.ndim != 4 or len(x) < 2:
            refuse("images", "at least two images (N, H, W, C)", x)
        self.real = x[np.random.default_rng(seed).permutation(len(x))[: integer("n", n, 2)]]
        self.seed, self.records = seed, []

    def on_epoch_end(self, epoch, logs=None):
        self.records.append(self.examine())

    def examine(self):
        """Return today's measurements as a dictionary of floats."""
        generator, discriminator = self.model.generator, self.model.discriminator
        z = np.random.default_rng(self.seed).standard_normal((len(self.real), self.model.latent_dim), np.float32)
        with tf.GradientTape() as d_tape, tf.GradientTape() as g_tape:
            fake = generator(z, training=False)
            real_logits = tf.cast(discriminator(self.real, training=False), "float32")
            fake_logits = tf.cast(discriminator(fake, training=False), "float32")
            d_loss = self.model.gan_loss.discriminator(real_logits, fake_logits)
            g_loss = self.model.gan_loss.generator(real_logits, fake_logits)
        return {
            "accuracy_real": float(np.mean(real_logits > 0)),
            "accuracy_fake": float(np.mean(fake_logits < 0)),
            "logit_gap": float(np.mean(real_logits) - np.mean(fake_logits)),
            "gradient_generator": _norm(g_tape.gradient(g_loss, generator.trainable_variables)),
            "gradient_discriminator": _norm(d_tape.gradient(d_loss, discriminator.trainable_variables)),
            "diversity": _mean_distance(fake) / max(_mean_distance(self.real), 1e-9),
            "dead_generator": _dead_share(generator, z),
            "dead_discriminator": _dead_share(discriminator, self.real),
            "real_minimum": float(self.real.min()),
            "real_maximum": float(self.real.max()),
            "fake_minimum": float(np.min(fake)),
            "fake_maximum": float(np.max(fake)),
        }

    @property
    def history(self):
        """The records as columns, name -> list, for ``plots.curves``."""
        return {name: [record[name] for record in self.records] for name in (self.records or [{}])[0]}

    def report(self):
        """Return the ``Report`` of the diagnoses that the last epochs support, in the order to treat them."""
        if not self.records:
            refuse("records", "at least one epoch", "none", "Pass the callback to fit first.")
        return diagnose(self.records)


def _norm(gradients):
    return float(tf.linalg.global_norm([g for g in gradients if g is not None]))


def _mean_distance(images):
    """Mean Euclidean distance over all pairs of images."""
    x = np.asarray(images, np.float64).reshape(len(images), -1)
    squared = (x**2).sum(1)
    distances = np.sqrt(np.maximum(squared[:, None] + squared - 2 * x @ x.T, 0))
    return float(distances.sum() / (len(x) * (len(x) - 1)))


def _dead_share(network, inputs):
    """Share of ReLU channels that are zero for all inputs; 0 for a network without ReLU."""
    outputs = [layer.output for layer in network.layers if _is_relu(layer)]
    if not outputs:
        return 0.0
    values = keras.Model(network.inputs[0], outputs)(inputs, training=False)
    silent = [np.max(v, axis=tuple(range(np.ndim(v) - 1))) <= 0 for v in (values if len(outputs) > 1 else [values])]
    return float(np.mean(np.concatenate(silent)))


def _is_relu(layer):
    plain = isinstance(layer, keras.layers.ReLU) and not layer.negative_slope
    return plain or getattr(layer, "activation", None) is keras.activations.relu
