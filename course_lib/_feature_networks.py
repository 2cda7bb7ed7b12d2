"""The feature networks that style transfer can look through, by name."""

from typing import Any, NamedTuple

import keras
import numpy as np

from course_lib import data, images, zoo
from course_lib._style_nets import calibrate, smooth, style_features
from course_lib._validate import choice, integer

NAMES = ("course", "random", "lite0", "vgg")
VGG_MEAN = (103.939, 116.779, 123.68)  # of ImageNet, in the order blue, green, red
NO_VGG = (
    "The weights of VGG-19 (80 MB) are fetched by keras.applications on first use, and that did not work: {error}. "
    "Connect to the network and try again, or take 'course', 'lite0' or 'random', which need none."
)


class FeatureNetwork(NamedTuple):
    """``model``: images (N, H, W, 3) in [-1, 1] -> dict of maps by layer; the content's layer, and the style's."""

    model: Any
    content: str
    style: tuple


def feature_network(name, seed=0):
    """Return the ``FeatureNetwork`` of this name.

    - "course": a small VGG-like network trained by the course (zoo: style-features);
    - "random": the same untrained, with weights drawn from ``seed`` and calibrated activations (He et al. 2016,
      https://arxiv.org/abs/1606.04801);
    - "lite0": EfficientNet-Lite0, trained on ImageNet, its strides smoothed;
    - "vgg": VGG-19 with average pooling, as Gatys et al. used it; fetched from the network by Keras.

    Raises ``ValueError`` for another name and ``RuntimeError`` where VGG-19 cannot be fetched.
    """
    return {"course": _course, "random": lambda: _small(untrained_features(seed=seed)), "lite0": _lite0, "vgg": _vgg}[
        choice("name", name, NAMES)
    ]()


def calibration_images(size=96):
    """Return a few photographs and paintings, float (N, size, size, 3), on which activations are calibrated."""
    works = [*data.load_photos("train"), *data.load_paintings()][::4]
    squares = [work.image[: min(work.image.shape[:2]), : min(work.image.shape[:2])] for work in works]
    return images.to_float(np.concatenate([images.resize(square[None], size) for square in squares]))


def _course():
    return _small(zoo.load("style-features"))


def untrained_features(width=32, seed=0):
    """Return ``nets.style_features`` with normal random weights, calibrated on ``calibration_images``."""
    model = style_features(width)
    rng = np.random.default_rng(integer("seed", seed, 0))
    model.set_weights([rng.standard_normal(weight.shape, dtype=np.float32) for weight in model.get_weights()])
    return calibrate(model, calibration_images())


def _small(model):
    # Before the ReLU, where means are about 0: after it, most of a Gram matrix is the product of the means, and what
    # texture adds to it hardly counts.
    style = ("block1_conv1", "block1_conv2", "block2_conv2", "block3_conv2", "block4_conv1")
    return FeatureNetwork(model, "block3_conv1", style)


def _lite0():
    network = smooth(zoo.load("lite0"))
    style = ("stage_0", "stage_1", "stage_2", "stage_3")
    maps = {name: network.get_layer(name).output for name in style}
    return FeatureNetwork(keras.Model(network.input, maps), "stage_2", style)


def _vgg():
    try:
        network = keras.applications.VGG19(include_top=False, weights="imagenet")
    except Exception as error:  # Keras raises a bare Exception when a download fails
        raise RuntimeError(NO_VGG.format(error=error)) from error
    return vgg_network(network)


def vgg_network(network):
    """Return the ``FeatureNetwork`` of a ``keras.applications.VGG19`` without its top, given pictures in [-1, 1].

    VGG was trained on [0, 255] in the order blue, green, red, less the mean of ImageNet.
    """
    style = tuple(f"block{block}_conv1" for block in range(1, 6))
    network = smooth(network)
    taps = keras.Model(network.input, {name: network.get_layer(name).output for name in (*style, "block4_conv2")})
    image = keras.Input((None, None, 3))
    pixels = (keras.ops.flip(image, axis=-1) + 1) * 127.5 - np.array(VGG_MEAN, np.float32)
    return FeatureNetwork(keras.Model(image, taps(pixels)), "block4_conv2", style)
