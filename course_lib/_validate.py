"""Argument checks shared by every public function.

Each failed check raises ``ValueError`` in one form: the argument, what was expected, what was
received, and where there is one, the remedy.
"""

import numpy as np

LARGEST = 1e30  # of a number: the squares and cubes that the formulas take of larger ones overflow
SMALLEST = 1e-100  # of a number that must not be 0: the square of a smaller one is 0


def describe(value):
    """Return a short description of a value: type, shape, and range of its numbers."""
    if not hasattr(value, "shape"):
        return f"{_said(value)} ({type(value).__name__})"
    text = f"{_dtype_name(value)} array of shape {tuple(value.shape)}"
    try:
        x = np.asarray(value)
    except (TypeError, NotImplementedError):  # a symbolic tensor has no values to describe
        return text
    if x.size and np.issubdtype(x.dtype, np.number):
        text += f" with values in [{x.min():.4g}, {x.max():.4g}]"
    return text


def refuse(argument, expected, received, remedy=""):
    """Raise the ``ValueError`` that names the argument, the expected and the received value."""
    text = received if isinstance(received, str) else describe(received)
    raise ValueError(f"{argument}: expected {expected}; received {text}." + (f" {remedy}" if remedy else ""))


def array(argument, value, shape=None, dtype=np.float64, finite=True, largest=LARGEST):
    """Return ``value`` as a NumPy array, or refuse it.

    ``shape`` is a pattern such as ``("N", "d")`` or ``("N", 28, 28, 1)``: a string stands for any
    length, and the same string twice for the same length. ``dtype`` None keeps the type that the numbers have.
    """
    given = any_array(argument, value)
    x = _converted(argument, given, dtype or (given.dtype if given.dtype.kind in "iuf" else np.float64))
    if shape is not None:
        check_shape(argument, x, shape)
    # The smallest and the largest are NaN if any number is: no second array, however large the first.
    low, high = (float(f(x)) for f in (np.min, np.max)) if finite and x.size and x.dtype.kind == "f" else (0.0, 0.0)
    if not (low >= -largest and high <= largest):
        if not np.isfinite(x).all():
            refuse(argument, "finite numbers", f"{np.count_nonzero(~np.isfinite(x))} NaN or infinite values")
        refuse(argument, f"numbers between -{largest:g} and {largest:g}", x)
    return x


def numbers(argument, value, like=None):
    """Return a tensor or a number as it is, anything else as an array of numbers, or refuse; ``like`` has the shape.

    NaN passes: these are states of a computation that a tensor's check could not see either.
    """
    shape = getattr(like, "shape", None if like is None else ())
    if isinstance(value, (float, np.floating)) and not shape:
        return value
    is_tensor = hasattr(value, "shape") and not isinstance(value, (np.ndarray, np.generic))
    x = value if is_tensor else array(argument, value, dtype=None, finite=False)
    if shape is not None and getattr(x.shape, "rank", 0) is not None and getattr(shape, "rank", 0) is not None:
        check_shape(argument, x, [f"n{k}" if side is None else side for k, side in enumerate(shape)])
    return x


def any_array(argument, value):
    """Return ``value`` as a NumPy array of whatever type, or refuse what is none, such as rows of unequal length."""
    try:
        return np.asarray(value)
    except (TypeError, ValueError):
        refuse(argument, "an array", value)


def _converted(argument, x, dtype):
    """Return an array as ``dtype``, refusing what would be lost: imaginary parts, decimals of integers, texts."""
    whole = np.issubdtype(dtype, np.integer) and x.dtype.kind not in "biu"
    try:
        if x.dtype.kind in "cmMSU" or (x.dtype.kind == "O" and any(v is None for v in x.flat)):
            raise TypeError
        y = x.astype(np.float64 if whole else dtype, copy=False)
    except (TypeError, ValueError, OverflowError):
        refuse(argument, f"numbers convertible to {np.dtype(dtype)}", x)
    if whole and not ((y == np.rint(y)) & (np.abs(y) < 2**53)).all():
        refuse(argument, "whole numbers", x)
    return y.astype(dtype, copy=False)


def sample_pair(argument_a, a, argument_b, b, minimum):
    """Return two samples ``(N, d)`` and ``(M, d)`` as float64 arrays of at least ``minimum`` rows and the same d."""
    largest = LARGEST**0.5  # of samples distances and covariances are taken: squares
    a, b = (array(name, x, ("N", "d"), largest=largest) for name, x in ((argument_a, a), (argument_b, b)))
    for argument, x in ((argument_a, a), (argument_b, b)):
        if len(x) < minimum or x.shape[1] == 0:
            refuse(argument, f"at least {minimum} rows of one column or more", x)
    check_shape(argument_b, b, ("N", a.shape[1]))
    return a, b


def check_shape(argument, value, shape):
    """Refuse ``value`` (array or tensor) unless its static shape fits the pattern ``shape``."""
    expected = "shape (" + ", ".join(str(s) for s in shape) + ("," if len(shape) == 1 else "") + ")"
    if not hasattr(value, "shape"):
        refuse(argument, f"an array of {expected}", value)
    actual = tuple(value.shape)
    if len(actual) != len(shape):
        refuse(argument, expected, value)
    sizes = {}
    for want, got in zip(shape, actual, strict=True):
        if got is None:
            continue
        if want != got and (not isinstance(want, str) or sizes.setdefault(want, got) != got):
            refuse(argument, expected, value)


def integer(argument, value, minimum):
    """Return ``value`` as an ``int`` of at least ``minimum``, or refuse it."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < minimum:
        refuse(argument, f"an integer of at least {minimum}", value)
    return int(value)


def number(argument, value, minimum=-np.inf, maximum=np.inf, open_minimum=False):
    """Return ``value`` as a finite ``float`` in the stated range, or refuse it."""
    fits = _is_number(value) and minimum <= value <= maximum
    if not fits or (open_minimum and value - minimum < SMALLEST):
        low = "" if minimum == -np.inf else f" {'greater than' if open_minimum else 'of at least'} {minimum}"
        high = "" if maximum == np.inf else f" and at most {maximum}"
        if isinstance(value, (int, float)) and LARGEST < abs(value) < np.inf:
            high = f" up to {LARGEST:g}"
        refuse(argument, f"a finite number{low}{high}", value)
    return float(value)


def check_condition(argument, value, dimension, count=None):
    """Return conditions as float32 (N, ``dimension``), or refuse them; ``count`` images go with them."""
    if value is None or isinstance(value, dict):
        received = "nothing" if value is None else "a dictionary"
        refuse(argument, f"conditions (N, {dimension})", received, "Encode labels with conditions.Conditions.encode.")
    return array(argument, value, (count or "N", dimension), np.float32)


def choice(argument, value, options):
    """Return ``value`` if it is one of ``options``, or refuse it and list them."""
    try:
        known = value in options
    except (TypeError, ValueError):  # a list is no key, an array no truth value
        known = False
    if not known:
        refuse(argument, "one of " + ", ".join(repr(o) for o in options), _said(value))
    return value


def generator(argument, seed):
    """Return NumPy's random generator for a seed, or refuse what NumPy cannot take for one."""
    try:
        return np.random.default_rng(seed)
    except (TypeError, ValueError):
        refuse(argument, "a seed: an integer of at least 0", seed)


def images_uint8(argument, value):
    """Return ``value`` as a uint8 array of images ``(N, H, W, C)`` with 1 or 3 channels, or refuse it."""
    x = any_array(argument, value)
    if x.dtype != np.uint8:
        refuse(argument, "uint8 images in [0, 255]", x, "Convert training images with images.to_uint8.")
    if x.ndim != 4 or x.shape[-1] not in (1, 3):
        refuse(argument, "images of shape (N, H, W, 1) or (N, H, W, 3)", x)
    return x


def training_images(argument, value):
    """Refuse images that are not floats in [-1, 1], with the remedy for the usual mistakes.

    A tanh generator can only produce [-1, 1]. Given data in [0, 255] or [0, 1] the discriminator
    tells real from generated by the sign alone, and nothing is learned.
    """
    x = any_array(argument, value)
    if x.ndim != 4:
        refuse(argument, "images of shape (N, H, W, C)", x)
    if x.size == 0:
        refuse(argument, "at least one image", x)
    expected = "float images in [-1, 1]"
    if not np.issubdtype(x.dtype, np.floating) or x.max() > 1.5:
        refuse(argument, expected, x, "These look like [0, 255] images: convert them with images.to_float(x).")
    if not np.isfinite(x).all():
        refuse(argument, expected, "NaN or infinite pixels", "Find and remove the damaged images.")
    if x.min() >= 0:
        refuse(argument, expected, x, "These look like [0, 1] images: convert them with 2 * x - 1.")
    if x.min() < -1.001 or x.max() > 1.001:
        refuse(argument, expected, x, "Divide uint8 images by 127.5 and subtract 1, or use images.to_float(x).")


def _is_number(value):
    real = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    return real and bool(abs(value) <= LARGEST)  # no comparison with NaN is true


def _said(value):
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}..."


def _dtype_name(value):
    dtype = value.dtype
    return getattr(dtype, "name", None) or str(dtype)
