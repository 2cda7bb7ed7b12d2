"""What several networks of the course are made of: the widths of their levels, and the two ends of a pyramid."""

import operator

import keras
from keras import layers

from course_lib._layers import MinibatchStd, SpaceToDepth
from course_lib._validate import integer, refuse

SLOPE = 0.2  # of LeakyReLU, as in DCGAN (Radford et al. 2015); Keras's own default is 0.3


def image_shape(shape):
    """Return (height, width, channels) as a tuple, or refuse sides below 8 or not divisible by 4."""
    sides = sizes(shape)
    if any(side % 4 or side < 8 for side in sides[:2]):
        refuse("image_shape", "(height, width, channels) with sides of at least 8, divisible by 4", repr(sides))
    return sides


def sizes(shape):
    """Return (height, width, channels) as a tuple of three integers of at least 1, or refuse it."""
    try:
        sides = tuple(operator.index(side) for side in shape)
    except TypeError:
        sides = ()
    if len(sides) != 3 or min(sides) < 1:
        refuse("image_shape", "(height, width, channels)", shape)
    return sides


def vector(argument, size):
    """Return a network's input of vectors (N, ``size``)."""
    return keras.Input((integer(argument, size, 1),))


def widths(shape, width):
    """Filters of each halving from the image down to the first side of 4 to 7 pixels, doubling up to 8 × ``width``."""
    side = min(image_shape(shape)[:2])
    filters = []
    while side % 2 == 0 and side > 4:
        filters.append(integer("width", width, 1) * min(2 ** len(filters), 8))
        side //= 2
    return filters


def feature_map(x, shape, filters, use_bias=True):
    """Dense layer and reshape to the lowest resolution, with the widest convolution's channels."""
    height, width = (side // 2 ** len(filters) for side in shape[:2])
    x = layers.Dense(height * width * filters[-1], use_bias=use_bias)(x)
    return layers.Reshape((height, width, filters[-1]))(x)


def activated(x):
    """BatchNorm with a momentum for short trainings, then LeakyReLU."""
    return layers.LeakyReLU(SLOPE)(layers.BatchNormalization(momentum=0.9)(x))


def halved(x, shape, width):
    """Convolutions of stride 2 down to the lowest resolution, flat."""
    for filters in widths(shape, width):
        x = layers.LeakyReLU(SLOPE)(layers.Conv2D(filters, 4, strides=2, padding="same")(x))
    return layers.Flatten()(x)


def doubled(x, shape, width):
    """Transposed convolutions of stride 2 from a vector up to raw pixels (N, H, W, C)."""
    filters, width = widths(shape, width), int(width)
    x = feature_map(layers.LeakyReLU(SLOPE)(layers.Dense(8 * width)(x)), shape, filters)
    for count in reversed(filters):
        x = layers.LeakyReLU(SLOPE)(layers.Conv2DTranspose(count, 4, strides=2, padding="same")(x))
    return layers.Conv2D(shape[-1], 3, padding="same", dtype="float32", name="pixels")(x)


def mean_and_logvar(x, latent_dim, width):
    """The two heads of a VAE's encoder on flat features."""
    latent_dim, width = integer("latent_dim", latent_dim, 1), integer("width", width, 1)
    x = layers.LeakyReLU(SLOPE)(layers.Dense(8 * width)(x))
    return [layers.Dense(latent_dim, dtype="float32", name=name)(x) for name in ("mean", "logvar")]


def subpixel_gathered(image, shape, width, minibatch_std=False):
    """The flat features of a discriminator that gathers 2 × 2 pixels into channels first."""
    filters = widths(shape, width)
    x = layers.LeakyReLU(SLOPE)(layers.Conv2D(filters[0], 3, padding="same")(SpaceToDepth(2)(image)))
    for count in filters[1:]:
        x = layers.LeakyReLU(SLOPE)(layers.Conv2D(count, 4, strides=2, padding="same")(x))
    x = MinibatchStd()(x) if minibatch_std else x
    x = layers.LeakyReLU(SLOPE)(layers.Conv2D(filters[-1], 3, padding="same")(x))
    return layers.Flatten()(x)
