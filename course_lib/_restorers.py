"""Networks that turn a picture into a picture, at any size: the residual upscaler and a U-Net."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from course_lib._layers import DepthToSpace
from course_lib._validate import choice, integer

SLOPE = 0.2  # of LeakyReLU, as everywhere in the course


@keras.saving.register_keras_serializable("course_lib")
class BicubicUpsampling(layers.Layer):
    """Enlarge f times by bicubic interpolation: (N, H, W, C) -> (N, fH, fW, C), differentiable.

    Written as a sub-pixel convolution with fixed weights: each of the f² new pixels of a place has its own 5 × 5 kernel
    (Keys 1981, a = -1/2), of which 4 × 4 are not 0. At the border the kernel is cut and divided by its sum, as Pillow
    does it. ``tf.image.resize`` gives the same numbers, but XLA does not compile its gradient.
    """

    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.factor = integer("factor", factor, 2)
        self.kernel = bicubic_kernel(self.factor)

    def call(self, x):
        n, height, width, channels = tf.unstack(tf.shape(x))
        # Each channel is enlarged alone, as an image of a batch.
        planes = tf.reshape(tf.transpose(x, (0, 3, 1, 2)), (n * channels, height, width, 1))
        kernel = tf.cast(self.kernel, x.dtype)
        share = tf.nn.conv2d(tf.ones((1, height, width, 1), x.dtype), kernel, 1, "SAME")
        planes = tf.nn.depth_to_space(tf.nn.conv2d(planes, kernel, 1, "SAME") / share, self.factor)
        height, width = self.factor * height, self.factor * width
        y = tf.transpose(tf.reshape(planes, (n, channels, height, width)), (0, 2, 3, 1))
        return tf.ensure_shape(y, self.compute_output_shape(x.shape))

    def compute_output_shape(self, shape):
        n, height, width, channels = shape
        return (n, *(side and side * self.factor for side in (height, width)), channels)

    def get_config(self):
        return super().get_config() | {"factor": self.factor}


def bicubic_kernel(factor):
    """Return the kernels of the f² sub-pixels, (5, 5, 1, f²) float32, in the channel order of ``DepthToSpace``."""
    offsets = (np.arange(factor) + 0.5) / factor - 0.5  # of the new pixels from the old one's centre, in old pixels
    line = _keys(np.arange(-2, 3)[:, None] - offsets)  # (5, f)
    kernel = line[:, None, :, None] * line[None, :, None, :]
    return kernel.reshape(5, 5, 1, factor**2).astype(np.float32)


def _keys(x):
    """Keys' cubic with a = -1/2: interpolates, and reproduces polynomials up to degree 2."""
    x = abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


def residual_upscaler(factor, channels=3, width=32, blocks=4):
    """Return a super-resolver (N, H, W, C) -> (N, fH, fW, C) for any H and W that starts as bicubic interpolation.

    ``blocks`` residual blocks of two convolutions at low resolution, without BatchNorm (Lim et al. 2017, EDSR,
    https://arxiv.org/abs/1707.02921), then sub-pixel convolution (Shi et al. 2016, https://arxiv.org/abs/1609.05158).
    The result is added to the bicubic enlargement: the network learns only what interpolation misses, and as its last
    layer begins at 0, it cannot begin worse.
    """
    f, width = integer("factor", factor, 2), integer("width", width, 1)
    image = keras.Input((None, None, integer("channels", channels, 1)))
    x = layers.LeakyReLU(SLOPE)(layers.Conv2D(width, 3, padding="same")(image))
    for _ in range(integer("blocks", blocks, 1)):
        y = layers.LeakyReLU(SLOPE)(layers.Conv2D(width, 3, padding="same")(x))
        x = layers.Add()([x, layers.Conv2D(width, 3, padding="same")(y)])
    last = layers.Conv2D(
        f * f * channels, 3, padding="same", kernel_initializer="zeros", dtype="float32", name="detail"
    )
    detail = DepthToSpace(f, dtype="float32")(last(x))
    base = BicubicUpsampling(f, dtype="float32", name="bicubic")(image)
    return keras.Model(image, layers.Add(dtype="float32", name="pixels")([base, detail]), name="residual_upscaler")


def free_unet(in_channels, out_channels, width=16, depth=4, stride=1):
    """Return a U-Net (N, H, W, ``in_channels``) -> raw outputs (N, H/stride, W/stride, ``out_channels``) of any size.

    As ``unet``, with a stated number of halvings ``depth``: H and W must be divisible by 2 to its power. ``stride`` 2
    stops one level early and gives outputs at half resolution, where colour is sharp enough and costs a quarter.
    """
    stride, depth = choice("stride", stride, (1, 2)), integer("depth", depth, 1)
    width, out_channels = integer("width", width, 1), integer("out_channels", out_channels, 1)
    x = image = keras.Input((None, None, integer("in_channels", in_channels, 1)))
    widths, skips = [width * min(2**level, 8) for level in range(depth)], []
    for filters in widths:
        skips.append(x := layers.LeakyReLU(SLOPE)(layers.Conv2D(filters, 3, padding="same")(x)))
        x = layers.LeakyReLU(SLOPE)(layers.Conv2D(filters, 4, strides=2, padding="same")(x))
    x = layers.LeakyReLU(SLOPE)(layers.Conv2D(widths[-1], 3, padding="same")(x))
    for filters, skip in reversed(list(zip(widths, skips, strict=True))[stride - 1 :]):
        x = layers.LeakyReLU(SLOPE)(layers.Conv2DTranspose(filters, 4, strides=2, padding="same")(x))
        x = layers.LeakyReLU(SLOPE)(layers.Conv2D(filters, 3, padding="same")(layers.Concatenate()([x, skip])))
    x = layers.Conv2D(out_channels, 1, dtype="float32", name="pixels")(x)
    return keras.Model(image, x, name="free_unet")
