"""What all explorers share: named controls with checked values, a compiled decoder, and the way to the screen."""

import re
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from course_lib import images as _images
from course_lib import plots
from course_lib._validate import choice, integer, number, refuse

_TEXTS = {"text": (r".{0,1000}", "one line of at most 1000 characters"), "colour": ("#[0-9a-fA-F]{6}", "'#rrggbb'")}


@dataclass(frozen=True)
class Control:
    """One value of an explorer: a slider in [minimum, maximum], of whole numbers if ``step`` is an integer.

    ``options`` makes it a dial over these texts whose value is an index; ``typed`` a field for a whole number;
    ``play`` adds a button that runs through the values. Controls of one ``group`` stand under its heading.
    ``kind`` "text" makes it a line of text, "colour" a colour picker; their values are strings, "#rrggbb" for a colour.
    """

    name: str
    label: str
    minimum: float = 0
    maximum: float = 1
    step: float = 1
    value: float = 0
    group: str = ""
    options: tuple = ()
    typed: bool = False
    play: bool = False
    kind: str = ""

    def check(self, value):
        """Return ``value`` as this control's number or text, or raise ``ValueError`` naming the control."""
        if self.kind:
            form, expected = _TEXTS[self.kind]
            fits = isinstance(value, str) and re.fullmatch(form, value)
            return value if fits else refuse(self.name, expected, repr(value)[:80])
        if self.options:
            return choice(self.name, integer(self.name, value, 0), range(len(self.options)))
        number(self.name, value, self.minimum, self.maximum)
        return integer(self.name, value, self.minimum) if isinstance(self.step, int) else float(value)


class Explorer:
    """A picture that depends on a few named values.

    A subclass sets ``title`` and ``controls``, and defines ``draw(values) -> uint8 (H, W, 1 or 3)`` and
    ``describe(values) -> str``; it may set ``actions``: button text -> function(values) -> changed values.
    """

    title = ""
    controls = ()
    actions = {}

    def draw(self, values):
        """Return the picture for a complete dictionary of checked values."""
        raise NotImplementedError

    def describe(self, values):
        """Return one or two sentences that say what the picture shows, with the values."""
        raise NotImplementedError

    def after(self, name):
        """Return what else the view sets after the control ``name`` was moved, as name -> value: by default nothing."""
        return {}

    def picture(self, values):
        """Return what ``save`` writes: by default all that is drawn."""
        return self.draw(values)

    def values(self, **given):
        """Return all values: those given, checked, and the controls' own for the rest."""
        known = {control.name: control for control in self.controls}
        for name in given:
            choice("value", name, known)
        return {name: control.check(given.get(name, control.value)) for name, control in known.items()}

    def render(self, **values):
        """Return the picture, uint8 (H, W, 1 or 3), for these values; the same values give the same picture.

        Raises ``ValueError`` for a name the explorer does not have or a value out of its range.
        """
        return self.draw(self.values(**values))

    def text(self, **values):
        """Return what the picture for these values shows, in words."""
        return self.describe(self.values(**values))

    def png(self, **values):
        """Return the picture for these values as PNG bytes."""
        return _images.png_bytes(self.render(**values))

    def save(self, path, scale=1, **values):
        """Write the picture for these values as a PNG file, enlarged ``scale`` times; return its path."""
        path = Path(path)
        path.write_bytes(_images.png_bytes(self.picture(self.values(**values)), scale=integer("scale", scale, 1)))
        return path

    def static(self):
        """Return a figure for readers without a kernel: by default the first picture."""
        picture = self.render()
        return plots.image_grid(picture[None], size=picture.shape[0] / 100, alt=self.text())

    def show(self):
        """Display the explorer; where no kernel runs, readers see ``static()``."""
        from IPython import display, get_ipython

        if get_ipython() is None:
            print(self.text())
            return
        from course_lib.explore.view import View

        live = {"version_major": 2, "version_minor": 0, "model_id": View(self).box.model_id}
        bundle = plots.mime_bundle(self.static())
        display.display({**bundle, "application/vnd.jupyter.widget-view+json": live}, raw=True)


def compiled_decoder(decoder, latent_dim=None):
    """Return ``(decode, d)``: a function z (N, d) -> uint8 images (N, H, W, C), and the latent dimension.

    ``decoder`` is a Keras model z -> images in [-1, 1], an object with ``decode`` and ``latent_dim`` (a ``vae.VAE``),
    one with a ``generator`` (a ``gan.GAN``, whose averaged generator is preferred), or any function, which needs
    ``latent_dim``. Raises ``ValueError`` for anything else, and on the first use for a decoder that does not return
    images in [-1, 1].
    """
    call, d = _call_and_dim(decoder, latent_dim)
    if latent_dim not in (None, d):
        refuse("latent_dim", f"{d}, the decoder's own", latent_dim)
    if call is not decoder:  # a Keras network; a plain function may be NumPy, which cannot be traced
        signature = [tf.TensorSpec((None, d), tf.float32)]
        network = call
        call = tf.function(lambda z: tf.cast(network(z), tf.float32), input_signature=signature, autograph=False)

    def decode(z):
        images = np.asarray(call(np.asarray(z, np.float32)))
        if images.ndim != 4 or images.shape[-1] not in (1, 3):
            refuse("decoder", "a function that returns images (N, H, W, 1 or 3)", images)
        if not np.abs(images).max() <= 1.01:  # written so that NaN is refused too
            refuse("decoder", "a function that returns images in [-1, 1]", images, "End it in tanh or rescale.")
        return _images.to_uint8(np.clip(images, -1, 1))

    return decode, d


def _call_and_dim(decoder, latent_dim):
    if hasattr(decoder, "decode"):
        return decoder.decode, decoder.latent_dim
    if hasattr(decoder, "generator"):
        averaged = getattr(decoder, "generator_ema", None)
        return _call_and_dim(decoder.generator if averaged is None else averaged, latent_dim)
    if isinstance(decoder, keras.Model):
        return lambda z: decoder(z, training=False), decoder.input_shape[-1]
    if not callable(decoder):
        refuse("decoder", "a Keras model, a model with .decode, or a function z -> images", decoder)
    return decoder, integer("latent_dim", latent_dim, 1)
