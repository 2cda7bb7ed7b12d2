"""Networks that know the time: a small U-Net (x_t, t) -> velocity for flow matching and diffusion."""

import keras
import numpy as np
from keras import layers

from course_lib._layers import DepthToSpace, SpaceToDepth
from course_lib._validate import integer, refuse

HIGHEST = 1000.0  # radians per unit of time, as in DDPM, whose 1,000 steps make one unit


@keras.saving.register_keras_serializable("course_lib")
class TimeEmbedding(layers.Layer):
    """Turn times (N,) into sines and cosines (N, ``size``) of frequencies from 1 to ``HIGHEST`` radians, log-spaced.

    Vaswani et al. 2017, https://arxiv.org/abs/1706.03762, section 3.5. Always float32: with the 8 significant bits of
    bfloat16 the fast waves would be noise. Raises ``ValueError`` for an odd ``size``.
    """

    def __init__(self, size, **kwargs):
        super().__init__(**kwargs | {"dtype": "float32"})
        if integer("size", size, 2) % 2:
            refuse("size", "an even number", size)
        self.size = size

    def call(self, t):
        waves = keras.ops.cast(t, "float32")[:, None] * np.geomspace(1, HIGHEST, self.size // 2).astype(np.float32)
        return keras.ops.concatenate([keras.ops.sin(waves), keras.ops.cos(waves)], axis=-1)

    def compute_output_shape(self, shape):
        return (shape[0], self.size)

    def get_config(self):
        return super().get_config() | {"size": self.size}


def time_unet(image_shape, width=32, blocks=2):
    """Return a U-Net [x (N, H, W, C), t (N,)] -> (N, H, W, C) that works at half resolution (after Ho et al. 2020).

    https://arxiv.org/abs/2006.11239, appendix B, made small: 2 × 2 pixels are gathered into channels first; ``blocks``
    residual blocks stand on each side of each level, whose widths double; the time scales and shifts the channels
    inside every block; there is no normalisation. The last layers of the blocks and of the network start at zero, so
    that an untrained network returns 0. Raises ``ValueError`` unless height and width are divisible by 4.
    """
    height, width_, channels = _shape(image_shape)
    width, blocks = integer("width", width, 1), integer("blocks", blocks, 1)
    x = image = keras.Input((height, width_, channels), name="x_t")
    t = keras.Input((), name="t")
    time = layers.Dense(4 * width, activation="silu")(TimeEmbedding(2 * width)(t))
    time = layers.Dense(4 * width, activation="silu")(time)
    x = layers.Conv2D(width, 3, padding="same")(SpaceToDepth(2)(image))
    skips = []
    for level, filters in enumerate(_level_widths(height, width_, width)):
        if level:
            skips.append(x)
            x = layers.Conv2D(filters, 4, strides=2, padding="same")(x)
        for _ in range(blocks):
            x = residual_block(x, time)
    for skip in reversed(skips):
        x = layers.Conv2DTranspose(skip.shape[-1], 4, strides=2, padding="same")(x)
        x = layers.Add()([x, skip])
        for _ in range(blocks):
            x = residual_block(x, time)
    x = layers.Activation("silu")(x)
    x = layers.Conv2D(4 * channels, 3, padding="same", kernel_initializer="zeros", dtype="float32", name="subpixels")(x)
    return keras.Model([image, t], DepthToSpace(2, dtype="float32", name="velocity")(x), name="time_unet")


def residual_block(x, time):
    """Add to ``x`` (N, h, w, c) two convolutions of it; between them ``time`` (N, k) scales and shifts the channels."""
    filters = x.shape[-1]
    h = layers.Conv2D(filters, 3, padding="same")(layers.Activation("silu")(x))
    scale, shift = (layers.Reshape((1, 1, filters))(layers.Dense(filters)(time)) for _ in range(2))
    h = layers.Add()([h, layers.Multiply()([h, scale]), shift])
    h = layers.Conv2D(filters, 3, padding="same", kernel_initializer="zeros")(layers.Activation("silu")(h))
    return layers.Add()([x, h])


def _shape(image_shape):
    shape = tuple(image_shape)
    if len(shape) != 3 or any(side % 4 or side < 8 for side in shape[:2]):
        refuse("image_shape", "(height, width, channels) with sides of at least 8, divisible by 4", repr(image_shape))
    return shape


def _level_widths(height, width, filters):
    """Return the channels at half resolution and at each further halving down to sides of 4 to 8 pixels."""
    side, widths = min(height, width) // 2, [filters]
    while side % 2 == 0 and side > 8:
        side //= 2
        widths.append(2 * widths[-1])
    return widths
