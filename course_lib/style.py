"""Style transfer: by optimising a picture (Gatys et al. 2015), and by AdaIN in one pass (Huang & Belongie 2017).

Style is how features are distributed, wherever they are; content is the features where they are. Both are measured as
relative errors, so that a strength means about the same with every feature network:

- content: the squared difference of two feature maps over the variance of the content picture's map;
- style: the squared difference of two Gram matrices over the squared Gram matrix of the style, averaged over layers.
  Each layer is divided by its own number of positions and channels, as in equation 4 of Gatys et al.; with one size for
  all layers the shallow ones count up to a thousand times more.
"""

from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from course_lib import images, losses
from course_lib._adain import AdaIN as AdaIN
from course_lib._adain import adain as adain
from course_lib._adain import channel_moments as channel_moments
from course_lib._adain import match_moments as match_moments
from course_lib._feature_networks import FeatureNetwork as FeatureNetwork
from course_lib._feature_networks import calibration_images as calibration_images
from course_lib._feature_networks import feature_network as feature_network
from course_lib._feature_networks import untrained_features as untrained_features
from course_lib._style_judges import lightness_correlation as lightness_correlation
from course_lib._style_judges import patch_distance as patch_distance
from course_lib._style_pictures import SMALLEST, checked_picture, checked_styles, fitted, floats, resized, scaled
from course_lib._tensors import tensor, tensor_pair
from course_lib._validate import array, check_shape, choice, integer, number, refuse

STARTS = ("content", "noise")
SHIFTS, REACH = 8, 8  # the picture lies at so many places, within so many pixels, on the network's grid in turn
SHORTEST = 16  # pixels of the shorter side at the smallest size: more than what is mirrored
# Lightness and two opponent colours as steps in R, G, B. Adam moves every coordinate by about the same: in R, G and B
# themselves that makes noise in all colours, here it moves colour half as far as lightness.
_LENGTHS = np.sqrt([[3], [2], [6]]).astype(np.float32)
OPPONENT = np.array([[1, 1, 1], [0.5, 0, -0.5], [-0.5, 1, -0.5]], np.float32) / _LENGTHS


class Snapshot(NamedTuple):
    """A picture uint8 (H, W, 3) after ``step`` of ``steps`` steps, with its relative content and style errors."""

    image: np.ndarray
    step: int
    steps: int
    content: float
    style: float


class _Plan(NamedTuple):
    """What ``StyleTransfer.steps`` was asked for, checked."""

    content: np.ndarray
    styles: list
    weights: np.ndarray
    style_size: int
    terms: list
    sizes: list
    steps: int
    start: np.ndarray
    optimizer: Any
    shifts: np.ndarray
    every: int


# --- Distances -------------------------------------------------------------------------------


def relative_style_loss(grams, targets):
    """Return the squared relative error of Gram matrices, averaged over layers: 0 for equal ones, 1 for zeros.

    ``grams`` and ``targets``: dicts layer -> (1, C, C). Each layer is divided by the target's own squared norm.
    """
    if not isinstance(targets, dict) or not targets:
        refuse("targets", "a dictionary layer -> Gram matrices", targets)
    if not isinstance(grams, dict) or not set(targets) <= set(grams):
        refuse("grams", f"a dictionary with the layers {sorted(map(str, targets))}", grams)
    targets = {k: tensor(f"targets[{k!r}]", t, some=True) for k, t in targets.items()}
    grams = {k: tensor_pair(f"targets[{k!r}]", t, f"grams[{k!r}]", grams[k])[1] for k, t in targets.items()}
    errors = [tf.reduce_sum((grams[k] - t) ** 2) / (tf.reduce_sum(t**2) + 1e-12) for k, t in targets.items()]
    return tf.add_n(errors) / len(errors)


def relative_content_loss(features, target):
    """Return the squared difference of two maps (1, H, W, C) over the variance of ``target``: 1 for its mean."""
    features, target = tensor_pair("features", features, "target", target, some=True)
    check_shape("target", target, ("N", "H", "W", "C"))
    variance = tf.reduce_mean(tf.math.reduce_variance(target, axis=(1, 2)))
    return losses.content_loss(features, target) / (variance + 1e-6)


def total_variation(picture):
    """Return the mean absolute difference of neighbouring pixels, (1, H, W, C) -> scalar; noise has much of it."""
    picture = tensor("picture", picture)
    check_shape("picture", picture, ("N", "H", "W", "C"))
    if any(side is not None and side < low for side, low in zip(picture.shape, (1, 2, 2, 1), strict=True)):
        refuse("picture", "sides of at least 2 pixels", picture)
    down, right = picture[:, 1:] - picture[:, :-1], picture[:, :, 1:] - picture[:, :, :-1]
    return tf.reduce_mean(tf.abs(down)) + tf.reduce_mean(tf.abs(right))


def checkerboard(picture, period):
    """Return the share of a picture's variance in the patterns that repeat every ``period`` pixels, in [0, 1].

    ``picture`` (H, W, C), cut to multiples of ``period``. It is the variance of the mean of each of the ``period``²
    places of the grid, over the variance of all: 1 for a checkerboard, about ``period``² / (H·W) for noise.
    Raises ``ValueError`` for a period longer than a side.
    """
    x = array("picture", picture, ("H", "W", "C"))
    period = integer("period", period, 2)
    rows, columns = (side // period for side in x.shape[:2])
    if min(rows, columns) < 1:
        refuse("period", f"at most the shorter side, {min(x.shape[:2])}", period)
    x = x[: rows * period, : columns * period]
    means = x.reshape(rows, period, columns, period, -1).mean(axis=(0, 2))
    spread = x.var(axis=(0, 1)).sum()
    return float(means.var(axis=(0, 1)).sum() / spread) if spread > 0 else 0.0


# --- By optimisation -------------------------------------------------------------------------


class StyleTransfer:
    """Paint a content picture in the manner of style pictures by gradient descent on its pixels (Gatys et al. 2015).

    https://arxiv.org/abs/1508.06576. ``network``: a name for ``feature_network``, or a ``FeatureNetwork`` of your own.
    The gradient is compiled once, for pictures of every size.
    """

    def __init__(self, network="course"):
        self.network = feature_network(network) if isinstance(network, str) else network
        outputs = self.network.model.output
        wanted = dict.fromkeys([*self.network.style, self.network.content])
        self._features = keras.Model(self.network.model.input, {name: outputs[name] for name in wanted})
        self._gradient = tf.function(self._errors_and_gradient, self._signature(), autograph=False)

    def steps(
        self,
        content,
        styles,
        weights=None,
        size=128,
        style_size=None,
        strength=10.0,
        variation=0.5,
        scales=2,
        steps=120,
        start="content",
        optimizer=keras.optimizers.Adam,
        learning_rate=0.03,
        jitter=True,
        every=10,
        seed=0,
    ):
        """Return a generator of ``Snapshot``s: the start, one after every ``every`` steps, and the last.

        ``content`` uint8 (H, W, 3); ``styles`` one such picture or a list of them, with ``weights``. ``size``: the
        result's longer side; ``style_size``: the longer side at which styles are read, by default the same (smaller
        gives finer strokes); None for ``size`` keeps the picture's own. ``strength`` ≥ 0 weighs style against content,
        ``variation`` ≥ 0 the total variation. The picture is painted at ``scales`` sizes, each twice the last, with
        ``steps`` steps at each. ``start``: "content", "noise" or a picture uint8. ``optimizer(rate)`` makes the Keras
        optimizer of each size; its rate falls from ``learning_rate`` to zero along a cosine. ``jitter`` moves the
        picture over the network's grid from step to step. The same ``seed`` gives the same pictures.
        Raises ``ValueError`` for anything else, at once and not at the first picture.
        """
        content = fitted(checked_picture("content", content), size)
        styles, weights = checked_styles(styles, weights)
        scales = integer("scales", scales, 1)
        if min(content.shape[:2]) < SHORTEST * 2 ** (scales - 1):
            refuse("scales", f"a smallest shorter side of {SHORTEST} pixels", f"{scales} for {content.shape[:2]}")
        style_size = max(content.shape[:2]) if style_size is None else integer("style_size", style_size, SMALLEST)
        terms = [number("strength", strength, 0), number("variation", variation, 0)]
        rate = number("learning_rate", learning_rate, 0, open_minimum=True)
        steps, every = integer("steps", steps, 1), integer("every", every, 1)
        rng = np.random.default_rng(integer("seed", seed, 0))
        shifts = rng.integers(0, REACH + 1, (SHIFTS, 2)) if jitter else np.full((1, 2), REACH // 2)
        return self._paint(
            _Plan(
                content,
                styles,
                weights,
                style_size,
                [tf.constant(term, tf.float32) for term in terms],
                [2.0**-k for k in reversed(range(scales))],
                steps,
                _start(start, content, rng),
                lambda: optimizer(keras.optimizers.schedules.CosineDecay(rate, steps)),
                tf.constant(shifts, tf.int32),
                every,
            )
        )

    def run(self, content, styles, **options):
        """Return the painted picture, uint8 (h, w, 3); Ctrl-C returns the last ``Snapshot``'s. Options: ``steps``."""
        last = None
        try:
            for snapshot in self.steps(content, styles, **options):
                last = snapshot
        except KeyboardInterrupt:
            if last is None:
                raise
            print(f"Interrupted: this is the picture after {last.step} of {last.steps} steps.")
        return last.image

    def targets(self, styles, weights=None, size=None):
        """Return the weighted mean of the styles' Gram matrices, layer -> (1, C, C), read at ``size`` pixels.

        To approach the mean is the same as to lower the weighted sum of the styles' losses: they differ by a constant.
        """
        styles, weights = checked_styles(styles, weights)
        read = [self._grams(self._maps(floats(fitted(picture, size)))) for picture in styles]
        return {name: sum(w * g[name] for w, g in zip(weights, read, strict=True)) for name in self.network.style}

    def measure(self, picture, content, styles, weights=None, style_size=None):
        """Return (content, style), the relative errors of a picture uint8 (H, W, 3) as this network sees them.

        A picture scores well with the network it was optimised on: to compare pictures, measure with another.
        """
        picture = checked_picture("picture", picture)
        content = images.resize(checked_picture("content", content)[None], picture.shape[:2])[0]
        targets = self.targets(styles, weights, max(picture.shape[:2]) if style_size is None else style_size)
        errors = self._errors(floats(picture), self._maps(floats(content))[self.network.content], targets)
        return tuple(float(error) for error in errors)

    def _maps(self, picture):
        return self._features(picture, training=False)

    def _grams(self, maps):
        return {name: losses.gram(maps[name]) for name in self.network.style}

    def _errors(self, picture, content, targets):
        maps = self._maps(picture)
        content_error = relative_content_loss(maps[self.network.content], content)
        return content_error, relative_style_loss(self._grams(maps), targets)

    def _signature(self):
        channels = {name: maps.shape[-1] for name, maps in self._features.output.items()}
        picture, content = ((1, None, None, c) for c in (3, channels[self.network.content]))
        targets = {name: tf.TensorSpec((1, channels[name], channels[name])) for name in self.network.style}
        number = tf.TensorSpec(())
        return [tf.TensorSpec(picture), tf.TensorSpec((2,), tf.int32), tf.TensorSpec(content), targets, number, number]

    def _errors_and_gradient(self, colours, shift, content, targets, strength, variation):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(colours)
            picture = colours @ OPPONENT
            content_error, style_error = self._errors(_view(picture, shift), content, targets)
            loss = content_error + strength * style_error + variation * total_variation(picture)
        return content_error, style_error, tape.gradient(loss, colours)

    def _paint(self, plan):
        picture, done = plan.start, 0
        for factor in plan.sizes:
            content = floats(scaled(plan.content, factor))
            targets = self.targets(plan.styles, plan.weights, max(SMALLEST, round(plan.style_size * factor)))
            maps = [self._maps(_view(content, shift))[self.network.content] for shift in plan.shifts]
            colours = tf.Variable(resized(picture, content.shape[1:]) @ np.linalg.inv(OPPONENT))
            optimizer = plan.optimizer()
            for step in range(plan.steps):
                k = step % len(maps)
                *errors, gradient = self._gradient(
                    tf.convert_to_tensor(colours), plan.shifts[k], maps[k], targets, *plan.terms
                )
                if done % plan.every == 0:
                    yield _snapshot(colours, done, plan, errors)
                optimizer.apply_gradients([(gradient, colours)])
                colours.assign(tf.clip_by_value(colours @ OPPONENT, -1, 1) @ np.linalg.inv(OPPONENT))
                done += 1
            picture = colours.numpy() @ OPPONENT
        errors = self._gradient(tf.convert_to_tensor(colours), plan.shifts[0], maps[0], targets, *plan.terms)[:2]
        yield _snapshot(colours, done, plan, errors)


# --- Helpers ---------------------------------------------------------------------------------


def _snapshot(colours, step, plan, errors):
    shown = images.to_uint8(resized(colours.numpy() @ OPPONENT, plan.content.shape)[0].clip(-1, 1))
    return Snapshot(shown, step, plan.steps * len(plan.sizes), *(float(error) for error in errors))


def _view(picture, shift):
    """Return the picture with REACH mirrored rows and columns, of which ``shift`` decides how many lie on each side.

    The zeros with which convolutions pad then meet the mirrored pixels, and the border is painted like the rest.
    """
    around = tf.pad(picture, [(0, 0), (REACH, REACH), (REACH, REACH), (0, 0)], "SYMMETRIC")
    height, width = tf.shape(picture)[1] + REACH, tf.shape(picture)[2] + REACH
    return around[:, shift[0] : shift[0] + height, shift[1] : shift[1] + width]


def _start(start, content, rng):
    """Return the picture that painting starts from, float (1, H, W, 3)."""
    if isinstance(start, str):
        if choice("start", start, STARTS) == "noise":
            return rng.uniform(-0.5, 0.5, (1, *content.shape)).astype(np.float32)
        return images.to_float(content)[None]
    return images.to_float(images.resize(checked_picture("start", start)[None], content.shape[:2]))
