"""Networks of style transfer: a small VGG-like one, the decoder that inverts it, and smooth copies of others."""

import keras
from keras import layers

from course_lib._validate import integer

# Convolutions of each block, and their filters in units of ``width``: VGG's plan (Simonyan & Zisserman 2014), small.
BLOCKS = ((2, 1), (2, 2), (2, 4), (1, 4))
DECODED = "block3_relu1"  # the layer that ``style_decoder`` inverts: a quarter of the picture's size


def style_features(width=32):
    """Return a VGG-like network: images (N, H, W, 3) in [-1, 1] -> dict of feature maps by layer name.

    The maps are "block1_conv1" to "block4_conv1", before the ReLU, and "block1_relu1" to "block4_relu1", after it;
    block b has 1 / 2^(b-1) of the picture's size. Averages stand where VGG takes maxima, as Gatys et al. 2015 recommend
    (https://arxiv.org/abs/1508.06576, section "Methods").
    """
    width = integer("width", width, 1)
    x = image = keras.Input((None, None, 3))
    maps = {}
    for block, (repeats, factor) in enumerate(BLOCKS, start=1):
        x = layers.AveragePooling2D(2)(x) if block > 1 else x
        for i in range(1, repeats + 1):
            x = layers.Conv2D(factor * width, 3, padding="same", name=f"block{block}_conv{i}")(x)
            maps[f"block{block}_conv{i}"] = x
            x = maps[f"block{block}_relu{i}"] = layers.ReLU(name=f"block{block}_relu{i}")(x)
    return keras.Model(image, maps, name="style_features")


def style_decoder(width=32):
    """Return a decoder of "block3_relu1" of ``style_features``: (N, h, w, 4·width) -> images (N, 4h, 4w, 3) in (-1, 1).

    Enlarged bilinearly and then convolved, so that no grid is built in (Odena et al. 2016,
    https://distill.pub/2016/deconv-checkerboard/); without normalisation, which would undo what AdaIN sets.
    """
    width = integer("width", width, 1)
    x = maps = keras.Input((None, None, 4 * width))
    for filters, enlarge in ((2, True), (2, False), (1, True), (1, False)):
        x = layers.Conv2D(filters * width, 3, padding="same", activation="relu")(x)
        x = layers.UpSampling2D(2, interpolation="bilinear")(x) if enlarge else x
    pixels = layers.Conv2D(3, 3, padding="same", activation="tanh", dtype="float32", name="pixels")(x)
    return keras.Model(maps, pixels, name="style_decoder")


def calibrate(model, images):
    """Give every channel of every convolution of ``model`` mean 0 and standard deviation 1 on ``images``, in place.

    The data-dependent start of Salimans & Kingma 2016 (https://arxiv.org/abs/1602.07868, section 3): without it, the
    activations of an untrained network shrink or grow from layer to layer. ``model`` is a chain of layers.
    """
    x = keras.ops.convert_to_tensor(images)
    for layer in model.layers[1:]:
        x = layer(x)
        if isinstance(layer, layers.Conv2D):
            x = keras.ops.cast(x, "float32")  # as the weights are, also where the layer computes in half precision
            mean, variance = keras.ops.moments(x, axes=(0, 1, 2))
            scale = keras.ops.rsqrt(variance + 1e-8)
            layer.kernel.assign(layer.kernel * scale)
            layer.bias.assign((layer.bias - mean) * scale)
            x = (x - mean) * scale
    return model


@keras.saving.register_keras_serializable("course_lib")
class SmoothStride(layers.Wrapper):
    """A strided convolution computed at every pixel and then averaged over blocks, so that no pixel counts for more.

    At stride 2 a kernel of 3 reaches every second pixel of a row twice: the gradient with respect to the picture then
    repeats with the stride, and an optimised picture shows it as a checkerboard. ``layer`` has stride 1.
    """

    def __init__(self, layer, stride, **kwargs):
        super().__init__(layer, **kwargs)
        self.stride = stride
        self.pool = layers.AveragePooling2D(stride)

    def call(self, x):
        return self.pool(self.layer(x))

    def get_config(self):
        return super().get_config() | {"stride": self.stride}


def smooth(model):
    """Return a copy of ``model`` with the same weights whose strides and pooling treat every pixel alike.

    Strided convolutions become ``SmoothStride``, maximum pooling becomes average pooling.
    """
    copy = keras.models.clone_model(model, clone_function=_smooth_layer)
    copy.set_weights(model.get_weights())
    return copy


def _smooth_layer(layer):
    config = layer.get_config()
    if isinstance(layer, layers.MaxPooling2D):
        return layers.AveragePooling2D.from_config(config)
    if isinstance(layer, (layers.Conv2D, layers.DepthwiseConv2D)) and max(layer.strides) > 1:
        inner = type(layer).from_config(config | {"strides": (1, 1)})
        return SmoothStride(inner, layer.strides[0], name=f"{layer.name}_smooth")
    return type(layer).from_config(config)
