"""What a network's units and directions do: ablation, saliency, and principal directions of its activations.

All of it works on functional Keras models; nothing is trained.
"""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from course_lib import _validate, latent

BATCH = 64


# --- Units -------------------------------------------------------------------------------------


def split(model, layer):
    """Return ``(head, tail)``: two models with ``model(z) = tail(head(z))``, cut behind the layer of that name.

    Raises ``ValueError`` for an unknown layer and for a model with a path around it, such as a U-Net's skips.
    """
    names = [each.name for each in model.layers]
    cut = model.get_layer(_validate.choice("layer", layer, names)).output
    if isinstance(cut, (list, tuple)):
        _validate.refuse("layer", "a layer with one output", f"{layer!r} with {len(cut)}")
    inputs = [each for each in model.layers if isinstance(each, keras.layers.InputLayer) and each.name != layer]
    try:
        head, tail = keras.Model(model.input, cut), keras.Model(cut, model.output)
        # Keras up to 3.13 builds a tail that begins at the model's own input as well.
        around = any(each is first for each in tail.layers for first in inputs)
    except ValueError:
        around = True
    if around:
        _validate.refuse("layer", "a layer that all of the computation passes", f"{layer!r}, which a path leads around")
    return head, tail


@dataclass(frozen=True)
class UnitEffects:
    """What switching off each unit did: arrays over the units of one layer.

    ``activity`` (units,): mean absolute activation. ``change`` (units, H, W): mean absolute change of the pixels, in
    the scale of the images. ``scores`` name -> (units, k): mean change of each score, where one was given.
    """

    activity: np.ndarray
    change: np.ndarray
    scores: dict

    def ranked(self):
        """Return the units from the largest to the smallest change of the picture, (units,)."""
        return np.argsort(-self.change.mean(axis=(1, 2)), kind="stable")


def unit_effects(model, layer, z, score=None, to="zero", units=None):
    """Return the ``UnitEffects`` of setting each unit of ``layer`` to zero, or to its "mean" over ``z`` (N, d).

    A unit is a channel: a feature map (N, h, w, c) has c of them, a vector (N, c) too. ``score`` maps images
    (N, H, W, C) to a dictionary of (N, k), such as a classifier's probabilities. ``units`` limits the work to some.
    After the ablation of Bau et al. 2018, https://arxiv.org/abs/1811.10597. Raises ``ValueError`` for bad arguments.
    """
    head, tail = split(model, layer)
    _validate.choice("to", to, ("zero", "mean"))
    activations = _in_batches(head, _latents(model, z))
    count = activations.shape[-1]
    units = np.arange(count) if units is None else _validate.array("units", units, ("u",), dtype=np.int64)
    if not len(units) or units.min() < 0 or units.max() >= count:
        _validate.refuse("units", f"units from 0 to {count - 1}", units)
    before = _in_batches(tail, activations)
    known = {} if score is None else _scores(score, before)
    changes, moved = [], {name: [] for name in known}
    for unit in units:
        ablated = activations.copy()
        ablated[..., unit] = activations[..., unit].mean() if to == "mean" else 0
        after = _in_batches(tail, ablated)
        changes.append(np.abs(after - before).mean(axis=(0, 3)))
        for name, values in (_scores(score, after) if known else {}).items():
            moved[name].append((values - known[name]).mean(axis=0))
    activity = np.abs(activations[..., units]).mean(axis=tuple(range(activations.ndim - 1)))
    return UnitEffects(activity, np.array(changes), {name: np.array(rows) for name, rows in moved.items()})


# --- Saliency ----------------------------------------------------------------------------------


def gradient(score, x):
    """Return the gradient of ``score`` at each row of x, of x's shape: which inputs would change it most, and how.

    ``score`` maps a tensor (N, ...) to (N,), with no row depending on another: a classifier's logit of pixels
    (Simonyan et al. 2013, https://arxiv.org/abs/1312.6034), or of z through a generator.
    Raises ``ValueError`` for another shape and for a score that does not depend on x.
    """
    x = tf.constant(_validate.array("x", x, dtype=np.float32))
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = score(x)
        if value.shape != x.shape[:1]:
            _validate.refuse("score", f"a function that returns shape ({x.shape[0]},)", f"shape {tuple(value.shape)}")
        total = tf.reduce_sum(value)
    slope = tape.gradient(total, x)
    if slope is None:
        _validate.refuse("score", "a differentiable function of x", "one whose value does not depend on x")
    return slope.numpy()


def smooth_gradient(score, x, noise=0.15, samples=25, seed=0):
    """Return the mean of ``gradient`` at ``samples`` copies of x with Gaussian noise (SmoothGrad).

    ``noise`` is its standard deviation as a share of the range of each row of x (Smilkov et al. 2017, https://arxiv.org/abs/1706.03825).
    """
    x, rng = _validate.array("x", x, dtype=np.float32), _validate.generator("seed", seed)
    if x.ndim < 2 or not x.size:
        _validate.refuse("x", "rows of at least one number", x)
    std = _validate.number("noise", noise, 0) * np.ptp(x, axis=tuple(range(1, x.ndim)), keepdims=True)
    count = _validate.integer("samples", samples, 1)
    draws = (x + std * rng.standard_normal(x.shape, dtype=np.float32) for _ in range(count))
    return np.mean([gradient(score, draw) for draw in draws], axis=0)


def saliency_map(slope):
    """Return gradients (N, H, W, C) as maps (N, H, W) in [0, 1]: the largest magnitude over channels, per picture.

    The brightest 1 % of pixels are all 1, so that single pixels do not darken the rest; without any gradient all is 0.
    """
    slope = _validate.array("slope", slope, ("N", "H", "W", "C"))
    if not slope.size:
        _validate.refuse("slope", "at least one pixel", slope)
    size = np.abs(slope).max(axis=-1)
    top = np.quantile(size, 0.99, axis=(1, 2), keepdims=True)
    top = np.where(top > 0, top, size.max(axis=(1, 2), keepdims=True))
    return np.divide(size, top, out=np.zeros_like(size), where=top > 0).clip(0, 1)


# --- Directions --------------------------------------------------------------------------------


def activation_directions(model, layer, z, k):
    """Return directions (k, d) in z that move the activations of ``layer`` most, and their shares of the variance (k,).

    GANSpace (Härkönen et al. 2020, https://arxiv.org/abs/2004.02546, section 3.2): the principal components of the
    activations of ``z`` (N, d), carried back to z by least squares. Unit vectors, the largest variance first.
    Raises ``ValueError`` for more directions than min(N − 1, d), or than those in which the activations differ.
    """
    z = _latents(model, z).astype(np.float64)
    limit = min(len(z) - 1, z.shape[1])
    if _validate.integer("k", k, 1) > limit:
        _validate.refuse("k", f"at most min(N - 1, d) = {limit}", k)
    head, _ = split(model, layer)
    activations = _in_batches(head, z.astype(np.float32)).reshape(len(z), -1).astype(np.float64)
    components, variances = latent.principal_directions(activations, k)
    scores = (activations - activations.mean(axis=0)) @ components.T
    back = np.linalg.lstsq(scores, z - z.mean(axis=0), rcond=None)[0]
    total, norms = activations.var(axis=0, ddof=1).sum(), np.linalg.norm(back, axis=1, keepdims=True)
    if total == 0 or not norms.all():
        _validate.refuse("z", f"vectors whose activations differ in {k} directions", z)
    return back / norms, variances / total


def _latents(model, z):
    """Return latent vectors as float32 (N, d) of the model's d, or refuse them."""
    shape = model.input_shape
    z = _validate.array("z", z, ("N", shape[-1] if isinstance(shape, tuple) and len(shape) == 2 else "d"), np.float32)
    if not len(z):
        _validate.refuse("z", "at least one latent vector", z)
    return z


def _in_batches(model, x):
    parts = [np.asarray(model(x[k : k + BATCH], training=False)) for k in range(0, len(x), BATCH)]
    return np.concatenate(parts).astype(np.float32)


def _scores(score, images):
    parts = [score(images[k : k + BATCH]) for k in range(0, len(images), BATCH)]
    return {name: np.concatenate([np.asarray(part[name]) for part in parts]) for name in parts[0]}
