"""Keras callbacks: what the network draws while it learns, its curves, a doctor for GANs (in ``_doctor``),
and checkpoints in mid-epoch (in ``_backup``).

What they collect lives in plain lists on the callback, so an interrupted ``fit`` (Ctrl-C) loses nothing
and a later ``fit`` with the same callback goes on. Outside Jupyter they collect and display nothing.
"""

import time

import keras
import numpy as np

from course_lib import images as _images
from course_lib import plots
from course_lib._backup import Backup
from course_lib._doctor import GanDoctor
from course_lib._validate import choice, integer, number, refuse

__all__ = ["Backup", "GanDoctor", "LiveCurves", "LivePicture", "SampleGrid"]


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
