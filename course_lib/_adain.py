"""Adaptive instance normalisation (Huang & Belongie 2017, https://arxiv.org/abs/1703.06868) and its network."""

import keras
import numpy as np
import tensorflow as tf

from course_lib import images
from course_lib._style_nets import DECODED
from course_lib._style_pictures import checked_picture, checked_styles, fitted, floats
from course_lib._tensors import spread, tensor
from course_lib._training import KeepLastGood, per_replica
from course_lib._validate import check_shape, number, training_images

MARGIN = 8  # pixels mirrored around the picture, so that the convolutions' zeros lie outside it
MATCHED = ("block1_relu1", "block2_relu1", "block3_relu1")


def channel_moments(features):
    """Return mean and standard deviation of each channel over its positions: (N, H, W, C) -> two (N, 1, 1, C).

    Raises ``ValueError`` unless ``features`` is floating-point with four axes.
    """
    features = tensor("features", features, some=True)
    check_shape("features", features, ("N", "H", "W", "C"))
    mean, variance = tf.nn.moments(features, axes=(1, 2), keepdims=True)
    # What rounding leaves of a constant channel is no variance: divided by it, the channel would become noise.
    constant = variance <= 1e-9 * mean**2
    # The square root's derivative is infinite at 0, and both branches of tf.where are differentiated.
    std = tf.sqrt(tf.where(constant, tf.ones_like(variance), variance))
    return mean, tf.where(constant, tf.zeros_like(std), std)


def match_moments(content, mean, std):
    """Return features (N, H, W, C) shifted and scaled, channel by channel, to this mean and standard deviation.

    A constant channel becomes constant at the new mean.
    """
    own_mean, own_std = channel_moments(content)
    content = tensor("content", content)
    mean, std = spread("mean", mean, content), spread("std", std, content)
    return tf.math.divide_no_nan(content - own_mean, own_std) * std + mean


def adain(content, style):
    """Return content features with the style's mean and standard deviation in every channel (eq. 8).

    ``content`` (N, H, W, C), ``style`` (N, H', W', C) or (1, H', W', C) -> (N, H, W, C).
    Raises ``ValueError`` for different numbers of channels.
    """
    content, style = tensor("content", content), tensor("style", style)
    check_shape("content", content, ("N", "H", "W", "C"))
    check_shape("style", style, ("N", "H", "W", content.shape[-1]))
    if style.shape[0] != 1:
        check_shape("style", style, (content.shape[0] or "N", "H", "W", "C"))
    return match_moments(content, *channel_moments(style))


@keras.saving.register_keras_serializable("course_lib")
class AdaIN(keras.Model):
    """Style transfer in one pass: encode both pictures, match the moments, decode.

    ``encoder``: images (N, H, W, 3) in [-1, 1] -> dict of feature maps, among them those of ``MATCHED``; it is not
    trained. ``decoder``: maps of "block3_relu1" -> images. Training minimises the content loss of equation 12, the
    decoded picture's features against AdaIN's, plus ``style_weight`` times the style loss of equation 13, plus
    ``pixel_weight`` times the mean squared error of the content decoded from its own maps. Without this third term,
    which the paper does not need, our decoder drew every contour as a thick black line: its features did not mind.
    """

    def __init__(self, encoder, decoder, style_weight=10.0, pixel_weight=100.0, **kwargs):
        super().__init__(**kwargs)
        self.encoder = encoder
        self.decoder = decoder
        self.encoder.trainable = False
        self.style_weight = number("style_weight", style_weight, 0)
        self.pixel_weight = number("pixel_weight", pixel_weight, 0)
        self.trackers = {name: keras.metrics.Mean(name=name) for name in ("content", "style", "pixels")}
        self.built = True

    # --- Using the model -------------------------------------------------------------------------

    def encode(self, picture, size=None):
        """Return the maps (1, h, w, C) of a picture uint8 (H, W, 3), read with ``size`` pixels on its longer side."""
        picture = fitted(checked_picture("picture", picture), size)
        return self._maps(floats(np.pad(picture, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)), "symmetric")))

    def statistics(self, styles, weights=None, size=None):
        """Return the weighted means of the styles' channel means and standard deviations, (1, 1, 1, C) each.

        AdaIN is linear in them: to blend them is the same as to blend the styles' AdaIN maps.
        """
        styles, weights = checked_styles(styles, weights)
        moments = [channel_moments(self._maps(floats(fitted(picture, size)))) for picture in styles]
        return tuple(sum(w * m[i] for w, m in zip(weights, moments, strict=True)) for i in (0, 1))

    def decode(self, maps, statistics, strength=1.0):
        """Return the picture uint8 (h, w, 3) of maps on the way to these statistics: ``strength`` in [0, 1]."""
        strength = number("strength", strength, 0, 1)
        target = strength * match_moments(maps, *statistics) + (1 - strength) * maps
        return images.to_uint8(self.decoder(target, training=False)[0].numpy()[MARGIN:-MARGIN, MARGIN:-MARGIN])

    def stylise(self, content, styles, weights=None, strength=1.0, size=128, style_size=None):
        """Return ``content`` uint8 (H, W, 3) in the manner of the styles, uint8 (h, w, 3).

        ``size``: the result's longer side; ``style_size``: the longer side at which styles are read, by default the
        same; None keeps a picture's own. Raises ``ValueError`` for bad pictures, weights, sizes or strength.
        """
        content = fitted(checked_picture("content", content), size)
        read_at = max(content.shape[:2]) if style_size is None else style_size
        shown = self.decode(self.encode(content), self.statistics(styles, weights, read_at), strength)
        # The network halves twice and loses up to three pixels of a side.
        return images.resize(shown[None], content.shape[:2])[0]

    def _maps(self, x):
        return self._features(x)[DECODED]

    def _features(self, x):
        # Moments and losses are computed in float32 whatever the precision policy: a small variance is lost in half.
        return {name: tf.cast(value, "float32") for name, value in self.encoder(x, training=False).items()}

    # --- Training --------------------------------------------------------------------------------

    def call(self, pictures, training=False):
        """Return the decoded images of {"content", "style"} images (N, H, W, 3), and the maps behind them."""
        target = adain(self._maps(pictures["content"]), self._maps(pictures["style"]))
        return self.decoder(target, training=training), target

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Return content + style_weight · style + pixel_weight · pixels of a batch, and record the terms."""
        content, style = self.errors(*y_pred, x["style"])
        plain = self.decoder(self._maps(x["content"]), training=training)
        pixels = tf.reduce_mean((plain - x["content"]) ** 2)
        for name, value in (("content", content), ("style", style), ("pixels", pixels)):
            self.trackers[name].update_state(value)
        return per_replica(content + self.style_weight * style + self.pixel_weight * pixels)

    def errors(self, decoded, target, style):
        """Return the content loss (eq. 12) of decoded images against their maps, and the style loss (eq. 13)."""
        got, wanted = self._features(decoded), self._features(style)
        content = tf.reduce_mean((got[DECODED] - target) ** 2)
        pairs = [(channel_moments(got[name]), channel_moments(wanted[name])) for name in MATCHED]
        return content, tf.add_n([tf.reduce_mean((a - b) ** 2) for g, w in pairs for a, b in zip(g, w, strict=True)])

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Return the epoch's running means: loss, content, style and pixels."""
        return self.get_metrics_result()

    def compile(self, optimizer, **kwargs):
        """Attach the optimizer; other arguments are ``keras.Model.compile``'s."""
        kwargs.setdefault("jit_compile", False)
        super().compile(optimizer=optimizer, **kwargs)
        self.optimizer.build(self.trainable_variables)

    def fit(self, content, style, callbacks=None, **kwargs):
        """Train on pairs of images (N, H, W, 3) in [-1, 1]; stops at the first NaN with the last good weights."""
        for name, value in (("content", content), ("style", style)):
            training_images(name, value[:256])
        guard = KeepLastGood(lambda: self.trainable_variables + self.optimizer.variables)
        return super().fit({"content": content, "style": style}, callbacks=[guard, *(callbacks or [])], **kwargs)
