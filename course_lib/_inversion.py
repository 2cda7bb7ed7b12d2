"""From a picture back to z, a few steps at a time: gradient descent on the error over the pixels that are known."""

import keras
import numpy as np
import tensorflow as tf

from course_lib import _validate

_FIRST, _SECOND, _EPSILON = 0.9, 0.999, 1e-7  # Adam's decay rates, and what keeps its division finite


class Objective:
    """The mean squared error over known pixels and its gradient by z, compiled once for a generator.

    ``decoder``: a Keras model or a function, z ``(N, d)`` -> pictures, or of z and conditions ``(N, k)``: a model takes
    the list of both, a function two arguments. ``latent_dim`` and ``condition_dim``, k or 0, are needed for a function
    only (``ValueError``).
    """

    def __init__(self, decoder, latent_dim=None, condition_dim=0):
        sizes = [x.shape[-1] for x in getattr(decoder, "inputs", None) or ()]
        self.latent_dim = _validate.integer("latent_dim", latent_dim or (sizes[0] if sizes else None), 1)
        self.condition_dim = sum(sizes[1:]) if sizes else condition_dim
        self._decoder = decoder
        batch = tf.TensorSpec((None, None, None, None))
        z, c = tf.TensorSpec((None, self.latent_dim)), tf.TensorSpec((None, self.condition_dim))
        signature = [z, c, batch, batch, tf.TensorSpec(())]
        self._compiled = tf.function(self._evaluate, input_signature=signature, autograph=False)

    def pictures(self, z, c):
        """Return the decoded pictures (N, H, W, C), float32, of z with its conditions (N, k), where k may be 0."""
        if self.condition_dim == 0:
            return tf.cast(self._decoder(z), "float32")
        images = self._decoder([z, c]) if isinstance(self._decoder, keras.Model) else self._decoder(z, c)
        return tf.cast(images, "float32")

    def __call__(self, z, c, target, known, norm_weight):
        """Return errors (N,), errors with the price of the norm (N,), and the gradient of the latter by z (N, d)."""
        return tuple(part.numpy() for part in self._compiled(z, c, target, known, norm_weight))

    def _evaluate(self, z, c, target, known, norm_weight):
        with tf.GradientTape() as tape:
            tape.watch(z)
            squares = known * (self.pictures(z, c) - target) ** 2
            errors = tf.reduce_sum(squares, axis=[1, 2, 3]) / tf.reduce_sum(
                known * tf.ones_like(squares), axis=[1, 2, 3]
            )
            norms = tf.sqrt(tf.reduce_sum(z**2, axis=1) + 1e-12)  # differentiable at 0 too
            prices = errors + norm_weight * (norms / np.sqrt(self.latent_dim) - 1) ** 2
            total = tf.reduce_sum(prices)  # each z gets the gradient of its own picture's price
        return errors, prices, tape.gradient(total, z)


class Inversion:
    """An inversion under way: ``advance`` takes some of its ``steps``, ``best`` says how far it has come.

    See ``latent.inversion`` for the arguments. ``done`` counts the steps taken.
    """

    def __init__(self, objective, images, condition, mask, steps, restarts, seed, learning_rate, norm_weight):
        _validate.training_images("images", images)
        self.steps, self.restarts = _validate.integer("steps", steps, 1), _validate.integer("restarts", restarts, 1)
        self.objective, self.done = objective, 0
        self.learning_rate = _validate.number("learning_rate", learning_rate, 0, open_minimum=True)
        self.norm_weight = np.float32(_validate.number("norm_weight", norm_weight, 0))
        self._target = np.repeat(np.asarray(images, np.float32), restarts, axis=0)
        self._known = np.repeat(_known(mask, np.shape(images)), restarts, axis=0)
        self._c = np.repeat(_conditions(condition, objective.condition_dim, len(images)), restarts, axis=0)
        shape = (len(self._target), objective.latent_dim)
        self._z = _validate.generator("seed", seed).standard_normal(shape).astype(np.float32)
        made = objective.pictures(tf.constant(self._z[:1]), tf.constant(self._c[:1])).shape[1:]
        _validate.check_shape("images", images, ("N", *made))
        self._first, self._second = np.zeros(shape, np.float32), np.zeros(shape, np.float32)

    def advance(self, n=1):
        """Take ``n`` more steps, or those that are left of the planned ones; return the inversion itself."""
        for _ in range(min(_validate.integer("n", n, 1), self.steps - self.done)):
            gradient = self._measured()[2]
            self._first += (1 - _FIRST) * (gradient - self._first)
            self._second += (1 - _SECOND) * (gradient**2 - self._second)
            rate = self.learning_rate * 0.5 * (1 + np.cos(np.pi * self.done / self.steps))  # falls to 0 as a cosine
            self.done += 1
            rate *= np.sqrt(1 - _SECOND**self.done) / (1 - _FIRST**self.done)
            self._z -= np.float32(rate) * self._first / (np.sqrt(self._second) + _EPSILON)
            norms, farthest = np.linalg.norm(self._z, axis=1, keepdims=True), np.sqrt(self._z.shape[1]) + 2
            self._z *= np.minimum(1, farthest / np.maximum(norms, _EPSILON)).astype(np.float32)
        return self

    def best(self):
        """Return z ``(N, d)`` of the best restart of each picture, and its error on the known pixels ``(N,)``."""
        errors, prices, _ = (x.reshape(-1, self.restarts, *x.shape[1:]) for x in self._measured())
        best = np.arange(len(prices)), prices.argmin(axis=1)
        return self._z.reshape(-1, self.restarts, self._z.shape[1])[best], errors[best]

    def _measured(self):
        return self.objective(self._z, self._c, self._target, self._known, self.norm_weight)


def _known(mask, shape):
    """Return the mask as float32 (N, H, W, 1), all ones for None, or refuse it."""
    if mask is None:
        return np.ones((*shape[:3], 1), np.float32)
    mask = _validate.any_array("mask", mask)
    if mask.dtype != bool or mask.shape not in (tuple(shape[:3]), tuple(shape[1:3])):
        _validate.refuse("mask", f"booleans of shape {tuple(shape[1:3])} or {tuple(shape[:3])}, True where known", mask)
    mask = np.broadcast_to(mask, shape[:3])
    if not mask.any(axis=(1, 2)).all():
        _validate.refuse("mask", "at least one known pixel in each picture", "a picture without any")
    return mask[..., None].astype(np.float32)


def _conditions(condition, dimension, count):
    """Return conditions as float32 (N, k), or refuse them; k = 0 where the generator takes none."""
    if dimension:
        return _validate.check_condition("condition", condition, dimension, count)
    if condition is not None:
        _validate.refuse("condition", "none: the generator takes z alone", condition)
    return np.zeros((count, 0), np.float32)
