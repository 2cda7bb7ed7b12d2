"""Argument checks for tensors: what can be seen of them outside and inside a graph. See ``_validate``."""

import functools

import tensorflow as tf

from course_lib._validate import refuse


def tensor(argument, value, some=False):
    """Return ``value`` as a floating-point tensor, or refuse it; with ``some`` an empty one too."""
    try:
        x = tf.convert_to_tensor(value)
    except (TypeError, ValueError):
        refuse(argument, "an array or tensor of numbers", value)
    if not x.dtype.is_floating:
        refuse(argument, "floating-point values", x.dtype.name)
    if some and x.shape.num_elements() == 0:
        refuse(argument, "at least one number", x)
    return x


def tensor_pair(name_a, a, name_b, b, some=False):
    """Return two floating-point tensors of one shape and the type of the first, or refuse them."""
    a = tensor(name_a, a, some)
    b = tensor_like(name_b, b, a)
    if not a.shape.is_compatible_with(b.shape):
        refuse(name_b, f"the shape of {name_a}, {tuple(a.shape)}", f"shape {tuple(b.shape)}")
    return a, b


def tensor_like(argument, value, other):
    """Return numbers as a tensor of the type of ``other``, or refuse what are none."""
    try:
        x = tf.convert_to_tensor(value)
    except (TypeError, ValueError):
        refuse(argument, "an array or tensor of numbers", value)
    if not (x.dtype.is_floating or x.dtype.is_integer or x.dtype.is_bool):
        refuse(argument, "real numbers", x.dtype.name)
    return tf.cast(x, other.dtype)


def spread(argument, value, over):
    """Return numbers as a tensor of the type of ``over`` that broadcasts to its shape, or refuse them."""
    x = tensor_like(argument, value, over)
    try:
        fits = tf.broadcast_static_shape(x.shape, over.shape).is_compatible_with(over.shape)
    except ValueError:
        fits = False
    if not fits:
        refuse(argument, f"a shape that broadcasts to {tuple(over.shape)}", f"shape {tuple(x.shape)}")
    return x


def require_unit_interval(argument, x):
    """Refuse values outside [0, 1] where they can be seen: eagerly. A graph has no values yet."""
    if tf.executing_eagerly() and x.shape.num_elements():
        low, high = float(tf.reduce_min(x)), float(tf.reduce_max(x))
        if not (low >= -1e-4 and high <= 1 + 1e-4):
            remedy = "Map [-1, 1] images by (x + 1) / 2."
            refuse(argument, "values in [0, 1]", f"values in [{low:.4g}, {high:.4g}]", remedy)


def of_logits(loss):
    """Decorate a player's loss (self, real_logits, fake_logits): both become floating tensors, or are refused.

    ``real_logits`` None is left to generators, most of which do not look at the real ones.
    """

    @functools.wraps(loss)
    def checked(self, real_logits, fake_logits):
        fake_logits = tensor("fake_logits", fake_logits, some=True)
        if real_logits is not None or loss.__name__ != "generator":
            real_logits = tf.cast(tensor("real_logits", real_logits, some=True), fake_logits.dtype)
        return loss(self, real_logits, fake_logits)

    return checked
