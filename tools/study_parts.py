"""The parts that the controlled study of lesson 10 exchanges: networks, spoiled data, augmentation, and their cost."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from scipy.ndimage import gaussian_filter

from course_lib import gan, nets
from course_lib.nets import flops as flops

SHAPE = (28, 28, 1)
SHIFT, HOLE = 3, 14  # pixels: an eighth and a half of the side, as Zhao et al. 2020 shift and cut

# --- Networks --------------------------------------------------------------------------------


def generator(width=16, depth=0, upsampling="transposed 4", batch_norm=True, latent_dim=64):
    """Return a generator z (N, ``latent_dim``) -> images (N, 28, 28, 1); the defaults are ``nets.dcgan_generator``.

    ``depth`` +1 adds a 3 × 3 convolution after each change of resolution, −1 leaves out the lower resolution.
    """

    def activated(x):
        return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x) if batch_norm else x)

    widths = [width] if depth < 0 else [width, 2 * width]
    side = 28 // 2 ** len(widths)
    bias = not batch_norm
    z = keras.Input((latent_dim,))
    x = layers.Dense(side * side * widths[-1], use_bias=bias)(z)
    x = activated(layers.Reshape((side, side, widths[-1]))(x))
    for filters in reversed(widths):
        x = activated(upsampled(x, filters, upsampling, bias))
        for _ in range(max(depth, 0)):
            x = activated(layers.Conv2D(filters, 3, padding="same", use_bias=bias)(x))
    x = layers.Conv2D(1, 3, padding="same", activation="tanh", name="pixels")(x)
    return keras.Model(z, x, name="generator")


def upsampled(x, filters, kind, bias):
    """Return ``x`` at twice the resolution with ``filters`` channels."""
    if kind in ("transposed 4", "transposed 3"):
        return layers.Conv2DTranspose(filters, int(kind[-1]), strides=2, padding="same", use_bias=bias)(x)
    if kind == "sub-pixel":
        return nets.DepthToSpace(2)(layers.Conv2D(4 * filters, 3, padding="same", use_bias=bias)(x))
    x = layers.UpSampling2D(2, interpolation=kind)(x)  # "nearest" or "bilinear"
    return layers.Conv2D(filters, 3, padding="same", use_bias=bias)(x)


def discriminator(width=16, depth=0):
    """Return a discriminator (N, 28, 28, 1) -> logits (N, 1); the defaults are ``nets.dcgan_discriminator``."""
    x = image = keras.Input(SHAPE)
    for filters in [width] if depth < 0 else [width, 2 * width]:
        x = layers.LeakyReLU(nets.SLOPE)(layers.Conv2D(filters, 4, strides=2, padding="same")(x))
        for _ in range(max(depth, 0)):
            x = layers.LeakyReLU(nets.SLOPE)(layers.Conv2D(filters, 3, padding="same")(x))
    x = layers.Conv2D(8 * width, 3, padding="same")(x)
    x = layers.Flatten()(layers.LeakyReLU(nets.SLOPE)(x))
    return keras.Model(image, layers.Dense(1, name="logit")(x), name="discriminator")


# --- Data ------------------------------------------------------------------------------------


def spoil(images, how, seed):
    """Return uint8 images (N, 28, 28, 1) with a tenth spoiled: "inverted", "noise" or "copies"; or all "blurred"."""
    rng, images = np.random.default_rng(seed), images.copy()
    if how == "blurred":  # all of them
        return np.uint8(np.round(gaussian_filter(images.astype(np.float32), (0, 1, 1, 0))))
    bad = rng.choice(len(images), len(images) // 10, replace=False)
    if how == "inverted":
        images[bad] = 255 - images[bad]
    elif how == "noise":
        images[bad] = rng.integers(0, 256, images[bad].shape, dtype=np.uint8)
    elif how == "copies":  # of the same ten pictures
        images[bad] = images[rng.choice(bad[:10], len(bad))]
    return images


# --- Augmentation ----------------------------------------------------------------------------


def augment(images, noise):
    """Shift each image and cut a square hole, both at random and differentiably: float (N, H, W, C) in [-1, 1].

    Zhao et al. 2020, https://arxiv.org/abs/2006.10738; what comes in from outside has the background's value −1.
    ``noise`` is a ``keras.random.SeedGenerator``.
    """
    n, height, width = tf.shape(images)[0], images.shape[1], images.shape[2]

    def draw(low, high):
        return keras.random.randint((n, 1), low, high, seed=noise)

    padded = tf.pad(images, [[0, 0], [SHIFT, SHIFT], [SHIFT, SHIFT], [0, 0]], constant_values=-1.0)
    moved = tf.gather(padded, draw(0, 2 * SHIFT + 1) + tf.range(height)[None], axis=1, batch_dims=1)
    moved = tf.gather(moved, draw(0, 2 * SHIFT + 1) + tf.range(width)[None], axis=2, batch_dims=1)
    rows = tf.abs(tf.range(height)[None] - draw(0, height)) < HOLE // 2
    columns = tf.abs(tf.range(width)[None] - draw(0, width)) < HOLE // 2
    return tf.where((rows[:, :, None] & columns[:, None, :])[..., None], -1.0, moved)


class DifferentiablyAugmented(gan.GAN):
    """A GAN whose discriminator sees every image, real or made, through ``augment``, in both players' steps."""

    def _logits(self, images):
        return super()._logits(augment(images, self.noise))


class RealOnlyAugmented(gan.GAN):
    """The naive error: only the real images are augmented, so that the generator learns the augmentation."""

    def discriminator_step(self, real):
        return super().discriminator_step(augment(tf.cast(real, "float32"), self.noise))
