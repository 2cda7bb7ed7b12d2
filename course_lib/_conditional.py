"""Networks that are told what to draw or to judge: a condition c (N, k) goes in beside z or x."""

import keras
from keras import layers

from course_lib import _net_parts as parts
from course_lib._layers import DepthToSpace

EMBEDDED = 64  # numbers that a condition becomes beside z


@keras.saving.register_keras_serializable("course_lib")
class ConditionalBatchNorm(layers.Layer):
    """BatchNorm whose scale and shift come from the condition: [x (N, H, W, C), c (N, k)] -> (N, H, W, C).

    (1 + Γc) · x̂ + Bc, one scale and one shift for each channel (de Vries et al. 2017,
    https://arxiv.org/abs/1707.00683, eq. 3 and 4). It starts as a plain BatchNorm.
    """

    def __init__(self, momentum=0.9, **kwargs):
        super().__init__(**kwargs)
        self.momentum = momentum
        self.norm = layers.BatchNormalization(momentum=momentum, center=False, scale=False, dtype=self.dtype_policy)

    def build(self, shapes):
        (*_, channels), (*_, k) = shapes
        self.norm.build(shapes[0])
        self.kernel = self.add_weight(shape=(k, 2 * channels), initializer="zeros", name="kernel")
        self.bias = self.add_weight(shape=(2 * channels,), initializer="zeros", name="bias")

    def call(self, inputs, training=False):
        x, c = inputs
        scale, shift = keras.ops.split(keras.ops.cast(c, x.dtype) @ self.kernel + self.bias, 2, axis=-1)
        return (1 + scale[:, None, None]) * self.norm(x, training=training) + shift[:, None, None]

    def compute_output_shape(self, shapes):
        return shapes[0]

    def get_config(self):
        return super().get_config() | {"momentum": self.momentum}


@keras.saving.register_keras_serializable("course_lib")
class ConditionalScale(layers.Layer):
    """Scale and shift of each channel by the condition: [x (N, H, W, C), c (N, k)] -> (1 + Γc) · x + Bc, (N, H, W, C).

    Perez et al. 2018, https://arxiv.org/abs/1709.07871. It starts as the identity.
    """

    def build(self, shapes):
        (*_, channels), (*_, k) = shapes
        self.kernel = self.add_weight(shape=(k, 2 * channels), initializer="zeros", name="kernel")

    def call(self, inputs):
        x, c = inputs
        scale, shift = keras.ops.split(keras.ops.cast(c, x.dtype) @ self.kernel, 2, axis=-1)
        return (1 + scale[:, None, None]) * x + shift[:, None, None]

    def compute_output_shape(self, shapes):
        return shapes[0]


def conditional_generator(image_shape, latent_dim, condition_dim, width=32):
    """Return a generator [z (N, ``latent_dim``), c (N, ``condition_dim``)] -> images (N, H, W, C) in [-1, 1].

    The body of ``subpixel_generator``. c is embedded linearly beside z, and sets scale and shift of every BatchNorm, as
    the class does in Miyato & Koyama 2018, https://arxiv.org/abs/1802.05637.
    Raises ``ValueError`` unless height and width are divisible by 4.
    """
    widths = parts.widths(image_shape, width)
    z, c = parts.vector("latent_dim", latent_dim), parts.vector("condition_dim", condition_dim)

    def told(x):
        return layers.LeakyReLU(parts.SLOPE)(ConditionalBatchNorm()([x, c]))

    x = layers.Concatenate()([z, layers.Dense(EMBEDDED, use_bias=False)(c)])
    x = told(parts.feature_map(x, image_shape, widths, use_bias=False))
    for filters in reversed(widths[:-1]):
        x = told(layers.Conv2DTranspose(filters, 4, strides=2, padding="same", use_bias=False)(x))
    x = told(layers.Conv2D(widths[0], 3, padding="same", use_bias=False)(x))
    x = layers.Conv2D(4 * image_shape[-1], 3, padding="same", activation="tanh", dtype="float32", name="subpixels")(x)
    return keras.Model([z, c], DepthToSpace(2, dtype="float32", name="pixels")(x), name="generator")


def projection_discriminator(image_shape, condition_dim, width=32, minibatch_std=False):
    """Return a discriminator [x (N, H, W, C), c (N, ``condition_dim``)] -> logits (N, 1), cᵀVφ(x) + ψ(φ(x)).

    Miyato & Koyama 2018, https://arxiv.org/abs/1802.05637, eq. 3, on the features φ of ``subpixel_discriminator``, kept
    apart by place because the pictures are aligned. V starts at 0: at first it judges pictures without their condition.
    The product is divided by √dim φ (as in Karras et al. 2020, https://arxiv.org/abs/2006.06676): a step of Adam
    moves each of V's entries by the rate, and over thousands of features that would throw the logits by several units.
    Raises ``ValueError`` unless height and width are divisible by 4.
    """
    image, c = keras.Input(parts.image_shape(image_shape)), parts.vector("condition_dim", condition_dim)
    features = parts.subpixel_gathered(image, image_shape, width, minibatch_std)
    plain = layers.Dense(1, dtype="float32", name="logit")(features)
    scores = layers.Dense(c.shape[-1], use_bias=False, kernel_initializer="zeros", dtype="float32", name="projection")(
        features
    )
    scores = layers.Rescaling(features.shape[-1] ** -0.5, dtype="float32")(scores)
    told = layers.Dot(axes=1, dtype="float32")([scores, c])
    return keras.Model([image, c], layers.Add(dtype="float32")([plain, told]), name="discriminator")


def conditional_encoder(image_shape, latent_dim, condition_dim, width=32):
    """Return an encoder [x (N, H, W, C), c (N, ``condition_dim``)] -> (mean, logvar), each (N, ``latent_dim``).

    ``conv_encoder`` with c beside its flat features. Raises ``ValueError`` unless height and width are divisible by 4.
    """
    image, c = keras.Input(parts.image_shape(image_shape)), parts.vector("condition_dim", condition_dim)
    x = layers.Concatenate()([parts.halved(image, image_shape, width), c])
    return keras.Model([image, c], parts.mean_and_logvar(x, latent_dim, width), name="encoder")


def conditional_decoder(image_shape, latent_dim, condition_dim, width=32):
    """Return a decoder [z (N, ``latent_dim``), c (N, ``condition_dim``)] -> raw outputs (N, H, W, C).

    ``conv_decoder`` of z with c beside it; c also scales and shifts every feature map. With c beside z alone, z came to
    say everything about a face before the decoder had learned to listen to c, and a change of c changed nothing.
    Raises ``ValueError`` unless height and width are divisible by 4.
    """
    filters = parts.widths(image_shape, width)
    z, c = parts.vector("latent_dim", latent_dim), parts.vector("condition_dim", condition_dim)
    x = layers.LeakyReLU(parts.SLOPE)(layers.Dense(8 * width)(layers.Concatenate()([z, c])))
    x = ConditionalScale()([parts.feature_map(x, image_shape, filters), c])
    for count in reversed(filters):
        x = layers.Conv2DTranspose(count, 4, strides=2, padding="same")(x)
        x = layers.LeakyReLU(parts.SLOPE)(ConditionalScale()([x, c]))
    x = layers.Conv2D(image_shape[-1], 3, padding="same", dtype="float32", name="pixels")(x)
    return keras.Model([z, c], x, name="decoder")
