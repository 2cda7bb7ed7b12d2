"""Layers that Keras does not have: sub-pixel rearrangement, minibatch deviation, spectral normalisation."""

import keras
import tensorflow as tf
from keras import layers

from course_lib._validate import integer, refuse


@keras.saving.register_keras_serializable("course_lib")
class DepthToSpace(layers.Layer):
    """Rearrange f² values of each pixel and channel in space: (N, H, W, f²C) -> (N, fH, fW, C)."""

    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x):
        return tf.nn.depth_to_space(x, self.factor)

    def compute_output_shape(self, shape):
        n, height, width, channels = shape
        grown = [side and side * self.factor for side in (height, width)]  # an unknown side stays unknown
        return (n, *grown, channels // self.factor**2)

    def get_config(self):
        return super().get_config() | {"factor": self.factor}


@keras.saving.register_keras_serializable("course_lib")
class SpaceToDepth(layers.Layer):
    """Gather blocks of f × f pixels into channels, undoing ``DepthToSpace``: (N, fH, fW, C) -> (N, H, W, f²C)."""

    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x):
        return tf.nn.space_to_depth(x, self.factor)

    def compute_output_shape(self, shape):
        n, height, width, channels = shape
        return (n, height // self.factor, width // self.factor, channels * self.factor**2)

    def get_config(self):
        return super().get_config() | {"factor": self.factor}


@keras.saving.register_keras_serializable("course_lib")
class RegionColours(layers.Layer):
    """Give each of K soft regions of a picture one colour, its mean over the region: -> (N, H, W, C).

    ``call`` takes [picture (N, H, W, C), logits (N, H, W, K)]. A softmax over k says how much m_k(p) of pixel p belongs
    to region k; the region's colour is c_k = Σ_p m_k(p) picture(p) / Σ_p m_k(p), and pixel p becomes Σ_k m_k(p) c_k.
    What one region holds alone is flat by construction, and no colour leaves the range of the picture's.
    """

    def call(self, inputs):
        picture, logits = (tf.cast(x, "float32") for x in inputs)
        share = tf.nn.softmax(logits)
        area = tf.reduce_sum(share, axis=(1, 2))[..., None]
        # An empty region has no mean; the small number gives it grey, which then colours nothing.
        colours = tf.einsum("nhwk,nhwc->nkc", share, picture) / (area + 1e-3)
        return tf.cast(tf.einsum("nhwk,nkc->nhwc", share, colours), inputs[0].dtype)

    def compute_output_shape(self, shapes):
        return shapes[0]


@keras.saving.register_keras_serializable("course_lib")
class MinibatchStd(layers.Layer):
    """Append one channel that holds how much the batch varies: (N, H, W, C) -> (N, H, W, C + 1).

    Its one number is the standard deviation over the batch, averaged over features and places (Karras et al. 2017,
    https://arxiv.org/abs/1710.10196, section 3): a discriminator that sees it can tell a batch that lacks a mode.
    """

    def call(self, x):
        wide = tf.cast(x, "float32")
        # The square root's derivative is infinite at 0, where a batch of one always is.
        std = tf.reduce_mean(tf.sqrt(tf.math.reduce_variance(wide, axis=0) + 1e-8))
        return tf.concat([x, tf.ones_like(x[..., :1]) * tf.cast(std, x.dtype)], axis=-1)

    def compute_output_shape(self, shape):
        return (*shape[:-1], shape[-1] + 1)


@keras.saving.register_keras_serializable("course_lib")
class SpectralNorm(layers.Wrapper):
    """Divide the kernel of a ``Dense`` or ``Conv2D`` layer by its largest singular value σ, as Miyato et al. 2018 do.

    https://arxiv.org/abs/1802.05957, eq. 8 and algorithm 1. The kernel is read as a matrix W (inputs, outputs), and
    ``iterations`` rounds of power iteration follow its σ on every call with ``training=True``. The trained weight W
    is left as it is and the gradient passes through σ; ``keras.layers.SpectralNormalization`` overwrites W.
    Raises ``ValueError`` for another layer or one with an activation of its own.
    """

    def __init__(self, layer, iterations=1, **kwargs):
        super().__init__(layer, **kwargs)
        if not isinstance(layer, (layers.Dense, layers.Conv2D)) or layer.activation is not keras.activations.linear:
            refuse("layer", "a Dense or Conv2D layer without activation", repr(layer.name))
        self.iterations = integer("iterations", iterations, 1)

    def build(self, input_shape=None):
        super().build(input_shape)
        shape, start = (self.layer.kernel.shape[-1],), "random_normal"
        self.u = self.add_weight(shape=shape, initializer=start, trainable=False, name="u")

    def call(self, x, training=False):
        y = self.layer(x)
        bias = self.layer.bias if self.layer.use_bias else 0.0
        # The layer is linear in W, so that dividing its output divides W; the bias has no part in σ.
        return (y - bias) / keras.ops.cast(self.sigma(training), y.dtype) + bias

    def sigma(self, training=False):
        """Return vᵀWu, the estimate of W's largest singular value; with ``training`` u and v come closer first."""
        w = keras.ops.reshape(self.layer.kernel, (-1, self.layer.kernel.shape[-1]))
        u = keras.ops.convert_to_tensor(self.u)
        v = tf.math.l2_normalize(tf.linalg.matvec(w, u))
        for _ in range(self.iterations if training else 0):
            u = tf.math.l2_normalize(tf.linalg.matvec(w, v, transpose_a=True))
            v = tf.math.l2_normalize(tf.linalg.matvec(w, u))
        if training:
            self.u.assign(u)
        # ∂σ/∂W = vuᵀ with u and v held still: at the maximum their own derivatives have no first-order effect.
        return tf.reduce_sum(tf.stop_gradient(v) * tf.linalg.matvec(w, tf.stop_gradient(u)))

    def get_config(self):
        return super().get_config() | {"iterations": self.iterations}
