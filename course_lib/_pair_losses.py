"""The terms of a translation's loss: small objects with one signature, loss(source, target, output, judge)."""

import keras
import numpy as np
import tensorflow as tf

from course_lib import losses
from course_lib._validate import array, choice, integer, number, refuse


class PairLoss:
    """A term of the loss: ``name`` is what the log calls it, ``weight`` what it is multiplied by in the sum."""

    name = ""

    def __init__(self, weight=1.0):
        self.weight = number("weight", weight, 0)

    def __call__(self, source, target, output, judge=None):
        """Return the mean over batch, pixels and channels; ``judge`` maps images to the discriminator's logits."""
        raise NotImplementedError

    def get_config(self):
        """Return the arguments that build this loss again."""
        return {"weight": self.weight}

    @classmethod
    def from_config(cls, config):
        """Build the loss of ``get_config``."""
        return cls(**config)


@keras.saving.register_keras_serializable("course_lib")
class L1(PairLoss):
    """E|target − output|: its minimiser is the conditional median of each value."""

    name = "l1"

    def __call__(self, source, target, output, judge=None):
        return tf.reduce_mean(tf.abs(target - output))


@keras.saving.register_keras_serializable("course_lib")
class L2(PairLoss):
    """E(target − output)²: its minimiser is the conditional mean of each value, and PSNR is a function of it."""

    name = "l2"

    def __call__(self, source, target, output, judge=None):
        return tf.reduce_mean(tf.square(target - output))


@keras.saving.register_keras_serializable("course_lib")
class Feature(PairLoss):
    """The mean squared difference of the features of target and output (Johnson et al. 2016, eq. 2).

    https://arxiv.org/abs/1603.08155. ``network`` maps images in [-1, 1] to a feature map or a list of them, which count
    equally; it is frozen.
    """

    name = "feature"

    def __init__(self, network, weight=1.0):
        super().__init__(weight)
        if not isinstance(network, keras.Model):
            refuse("network", "a Keras model of images, such as the first blocks of a classifier", network)
        network.trainable = False
        self.network = network

    def __call__(self, source, target, output, judge=None):
        pairs = zip(*(tf.nest.flatten(self.network(x, training=False)) for x in (target, output)), strict=True)
        return tf.add_n([losses.content_loss(tf.cast(b, "float32"), tf.cast(a, "float32")) for a, b in pairs])

    def get_config(self):
        return super().get_config() | {"network": keras.saving.serialize_keras_object(self.network)}

    @classmethod
    def from_config(cls, config):
        return cls(**config | {"network": keras.saving.deserialize_keras_object(config["network"])})


@keras.saving.register_keras_serializable("course_lib")
class Adversarial(PairLoss):
    """The generator's loss of ``losses.GAN_LOSSES[kind]`` on the discriminator's logits of target and output."""

    name = "adversarial"

    def __init__(self, weight=1.0, kind="non_saturating"):
        super().__init__(weight)
        self.kind = choice("kind", kind, losses.GAN_LOSSES)

    def __call__(self, source, target, output, judge=None):
        return losses.GAN_LOSSES[self.kind].generator(judge(target), judge(output))

    def get_config(self):
        return super().get_config() | {"kind": self.kind}


@keras.saving.register_keras_serializable("course_lib")
class BinCrossEntropy(PairLoss):
    """Cross-entropy between colour bins: ``output`` (N, h, w, Q) logits, ``target`` (N, H, W, 2) values.

    Each value is spread over its ``neighbours`` nearest of the ``centres`` (Q, 2) by a Gaussian of width ``sigma``, and
    each pixel counts as much as the nearest bin's entry of ``class_weights`` (Q,), by default 1 (Zhang et al. 2016,
    https://arxiv.org/abs/1603.08511, eqs. 2-3). A target larger than the output is averaged over blocks first.
    """

    name = "bins"

    def __init__(self, centres, sigma, class_weights=None, neighbours=5, weight=1.0):
        super().__init__(weight)
        self.centres = array("centres", centres, ("Q", "d"), np.float32)
        self.sigma = number("sigma", sigma, 0, open_minimum=True)
        self.neighbours = integer("neighbours", neighbours, 1)
        weights = np.ones(len(self.centres)) if class_weights is None else class_weights
        self.class_weights = array("class_weights", weights, (len(self.centres),), np.float32)
        if self.neighbours > len(self.centres):
            refuse("neighbours", f"at most the number of centres, {len(self.centres)}", neighbours)

    def __call__(self, source, target, output, judge=None):
        block = target.shape[1] // output.shape[1]
        target = tf.nn.avg_pool2d(target, block, block, "VALID") if block > 1 else target
        squared = tf.reduce_sum(tf.square(target[..., None, :] - self.centres), axis=-1)
        near, places = tf.math.top_k(-squared, self.neighbours)
        share = tf.nn.softmax(near / (2 * self.sigma**2))
        logits = tf.gather(tf.nn.log_softmax(output), places, batch_dims=3)
        return -tf.reduce_mean(tf.gather(self.class_weights, places[..., 0]) * tf.reduce_sum(share * logits, axis=-1))

    def get_config(self):
        arrays = {"centres": self.centres.tolist(), "class_weights": self.class_weights.tolist()}
        return super().get_config() | arrays | {"sigma": self.sigma, "neighbours": self.neighbours}


LOSSES = {"l1": L1, "l2": L2, "adversarial": Adversarial}
