"""Pictures given to style transfer: checked, brought to size, and turned into the float batches of the networks."""

import numpy as np
import tensorflow as tf

from course_lib import images
from course_lib._validate import any_array, array, check_shape, images_uint8, integer, refuse

SMALLEST = 32  # pixels of a longer side: below, the deepest maps have fewer than four positions


def checked_picture(argument, value):
    """Return one picture, uint8 (H, W, 3), or refuse it."""
    picture = any_array(argument, value)
    check_shape(argument, picture, ("H", "W", 3))
    if picture.size == 0:
        refuse(argument, "at least one pixel", picture)
    return images_uint8(argument, picture[None])[0]


def checked_styles(styles, weights):
    """Return the style pictures as a list, and their weights, which are made to sum to 1."""
    styles = [styles] if isinstance(styles, np.ndarray) and styles.ndim == 3 else list(styles)
    styles = [checked_picture("styles", picture) for picture in styles]
    if not styles:
        refuse("styles", "at least one picture", "none")
    weights = array("weights", np.ones(len(styles)) if weights is None else weights, (len(styles),))
    if weights.min() < 0 or weights.sum() == 0:
        refuse("weights", "weights of at least 0, not all of them 0", weights)
    return styles, (weights / weights.sum()).astype(np.float32)


def fitted(picture, size):
    """Return a picture with ``size`` pixels on its longer side, or as it is if ``size`` is None."""
    return picture if size is None else scaled(picture, integer("size", size, SMALLEST) / max(picture.shape[:2]))


def scaled(picture, factor):
    """Return a picture uint8 (H, W, 3) with both sides multiplied by ``factor``, at least one pixel."""
    return images.resize(picture[None], tuple(max(1, round(side * factor)) for side in picture.shape[:2]))[0]


def floats(picture):
    """Return a picture uint8 (H, W, 3) as a float batch (1, H, W, 3) in [-1, 1]."""
    return tf.constant(images.to_float(picture)[None])


def resized(picture, shape):
    """Return a float picture (1, H, W, 3) with the height and width of ``shape``, antialiased."""
    if tuple(picture.shape[1:3]) == tuple(shape[:2]):
        return np.asarray(picture)
    return tf.image.resize(picture, shape[:2], "bicubic", antialias=True).numpy()
