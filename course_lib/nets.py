"""The networks of the course: plain functions that return functional ``keras.Model``s.

Convolutions that change the resolution have kernel 4 and stride 2: the kernel is a multiple of the stride,
so every output pixel is covered by the same number of taps and no checkerboard is built in (Odena et al. 2016,
https://distill.pub/2016/deconv-checkerboard/). Discriminators and critics have no BatchNorm: a gradient penalty
needs examples that do not depend on each other. Last layers compute in float32 under every precision policy.
"""

import keras
from keras import layers

from course_lib._conditional import conditional_decoder as conditional_decoder
from course_lib._conditional import conditional_encoder as conditional_encoder
from course_lib._conditional import conditional_generator as conditional_generator
from course_lib._conditional import projection_discriminator as projection_discriminator
from course_lib._costs import flops as flops
from course_lib._layers import DepthToSpace, RegionColours, SpectralNorm
from course_lib._layers import SpaceToDepth as SpaceToDepth
from course_lib._net_parts import SLOPE, activated, doubled, feature_map, halved, mean_and_logvar, subpixel_gathered
from course_lib._net_parts import image_shape as _image_shape
from course_lib._net_parts import sizes as _sizes
from course_lib._net_parts import vector as _vector
from course_lib._net_parts import widths as _widths
from course_lib._restorers import BicubicUpsampling as BicubicUpsampling
from course_lib._restorers import free_unet as free_unet
from course_lib._restorers import residual_upscaler as residual_upscaler
from course_lib._style_nets import style_decoder as style_decoder
from course_lib._style_nets import style_features as style_features
from course_lib._time_nets import time_unet as time_unet
from course_lib._validate import integer, refuse


def conv_encoder(image_shape, latent_dim, width=32):
    """Return an encoder x (N, H, W, C) -> (mean, logvar), each (N, ``latent_dim``), for a VAE.

    Raises ``ValueError`` unless height and width are divisible by 4.
    """
    image = keras.Input(_image_shape(image_shape))
    return keras.Model(image, mean_and_logvar(halved(image, image_shape, width), latent_dim, width), name="encoder")


def conv_decoder(image_shape, latent_dim, width=32):
    """Return a decoder z (N, ``latent_dim``) -> raw outputs (N, H, W, C): logits, or means.

    Raises ``ValueError`` unless height and width are divisible by 4.
    """
    z = _vector("latent_dim", latent_dim)
    return keras.Model(z, doubled(z, image_shape, width), name="decoder")


def dcgan_generator(image_shape, latent_dim, width=32):
    """Return a generator z (N, ``latent_dim``) -> images (N, H, W, C) in [-1, 1] (after Radford et al. 2015).

    https://arxiv.org/abs/1511.06434. BatchNorm everywhere but before the tanh, with momentum 0.9.
    Raises ``ValueError`` unless height and width are divisible by 4.
    """
    widths = _widths(image_shape, width)
    z = _vector("latent_dim", latent_dim)
    x = feature_map(z, image_shape, widths, use_bias=False)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    for filters in reversed(widths):
        x = layers.Conv2DTranspose(filters, 4, strides=2, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    x = layers.Conv2D(image_shape[-1], 3, padding="same", activation="tanh", dtype="float32", name="pixels")(x)
    return keras.Model(z, x, name="generator")


def dcgan_discriminator(image_shape, width=32, spectral_norm=False):
    """Return a discriminator x (N, H, W, C) -> logits (N, 1), without BatchNorm.

    With ``spectral_norm`` every kernel is divided by its largest singular value, see ``SpectralNorm``.
    Raises ``ValueError`` unless height and width are divisible by 4.
    """
    wrapped = SpectralNorm if spectral_norm else lambda layer: layer
    x = image = keras.Input(_image_shape(image_shape))
    for filters in _widths(image_shape, width):
        x = wrapped(layers.Conv2D(filters, 4, strides=2, padding="same"))(x)
        x = layers.LeakyReLU(SLOPE)(x)
    x = wrapped(layers.Conv2D(8 * width, 3, padding="same"))(x)
    x = layers.Flatten()(layers.LeakyReLU(SLOPE)(x))
    logits = wrapped(layers.Dense(1, dtype="float32", name="logit"))(x)
    return keras.Model(image, logits, name="discriminator")


def subpixel_generator(image_shape, latent_dim, width=32):
    """Return a generator z (N, ``latent_dim``) -> images (N, H, W, C) in [-1, 1] that works at half resolution.

    As ``dcgan_generator``, but the last doubling is sub-pixel (Shi et al. 2016, https://arxiv.org/abs/1609.05158): a
    convolution at half resolution makes the four pixels of each place, and the costly wide layers at full resolution
    are not needed. Raises ``ValueError`` unless height and width are divisible by 4.
    """
    widths = _widths(image_shape, width)
    z = _vector("latent_dim", latent_dim)
    x = activated(feature_map(z, image_shape, widths, use_bias=False))
    for filters in reversed(widths[:-1]):
        x = activated(layers.Conv2DTranspose(filters, 4, strides=2, padding="same", use_bias=False)(x))
    x = activated(layers.Conv2D(widths[0], 3, padding="same", use_bias=False)(x))
    x = layers.Conv2D(4 * image_shape[-1], 3, padding="same", activation="tanh", dtype="float32", name="subpixels")(x)
    return keras.Model(z, DepthToSpace(2, dtype="float32", name="pixels")(x), name="generator")


def region_generator(image_shape, latent_dim, width=32, regions=16):
    """Return a generator z (N, ``latent_dim``) -> images (N, H, W, C) in [-1, 1] of soft ``regions``, one colour each.

    A ``subpixel_generator`` draws a first picture; from its last features two convolutions at full resolution divide
    that picture into regions, and ``RegionColours`` gives each its mean colour. Made for drawings with flat areas: no
    convolution has to learn that a thousand pixels of background are equal.
    Raises ``ValueError`` unless height and width are divisible by 4, and for fewer than one region.
    """
    first = subpixel_generator(image_shape, latent_dim, width)
    fine = max(1, width // 2)
    x = layers.Conv2D(4 * fine, 3, padding="same")(first.get_layer("subpixels").input)
    x = layers.LeakyReLU(SLOPE)(DepthToSpace(2)(x))
    x = layers.LeakyReLU(SLOPE)(layers.Conv2D(fine, 3, padding="same")(x))
    shares = layers.Conv2D(integer("regions", regions, 1), 3, padding="same", dtype="float32", name="regions")(x)
    image = RegionColours(dtype="float32", name="colours")([first.output, shares])
    return keras.Model(first.input, image, name="generator")


def subpixel_discriminator(image_shape, width=32, minibatch_std=False):
    """Return a discriminator x (N, H, W, C) -> logits (N, 1) that gathers 2 × 2 pixels into channels first.

    The mirror image of ``subpixel_generator``, without BatchNorm. With ``minibatch_std`` its last convolution also sees
    how much the batch varies, see ``MinibatchStd``; a logit then depends on the other images of its batch.
    Raises ``ValueError`` unless height and width are divisible by 4.
    """
    image = keras.Input(_image_shape(image_shape))
    features = subpixel_gathered(image, image_shape, width, minibatch_std)
    logits = layers.Dense(1, dtype="float32", name="logit")(features)
    return keras.Model(image, logits, name="discriminator")


def classifier(image_shape, heads, width=32, feature_dim=64):
    """Return a classifier x (N, H, W, C) -> dict of logits, one head for each item of ``heads`` (name -> classes).

    Its layer named "features" gives the (N, ``feature_dim``) vectors on which the course measures distances.
    Raises ``ValueError`` unless height and width are divisible by 4.
    """
    if not isinstance(heads, dict) or not heads:
        refuse("heads", "a dictionary name -> number of classes", heads)
    heads = {name: integer(f"heads[{name!r}]", classes, 1) for name, classes in heads.items()}
    feature_dim = integer("feature_dim", feature_dim, 1)
    x = image = keras.Input(_image_shape(image_shape))
    for filters in _widths(image_shape, width):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
        x = layers.MaxPooling2D()(x)
    x = layers.Conv2D(4 * width, 3, padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    x = layers.Dropout(0.3)(layers.Flatten()(x))
    features = layers.Dense(feature_dim, activation="relu", dtype="float32", name="features")(x)
    logits = {name: layers.Dense(classes, dtype="float32", name=name)(features) for name, classes in heads.items()}
    return keras.Model(image, logits, name="classifier")


def unet(image_shape, out_channels, width=32):
    """Return a U-Net x (N, H, W, C) -> (N, H, W, ``out_channels``) raw outputs (Ronneberger et al. 2015).

    https://arxiv.org/abs/1505.04597. Raises ``ValueError`` unless height and width are divisible by 4.
    """
    x = image = keras.Input(_image_shape(image_shape))
    widths, out_channels = _widths(image_shape, width), integer("out_channels", out_channels, 1)
    skips = []
    for filters in widths:
        x = layers.LeakyReLU(SLOPE)(layers.Conv2D(filters, 3, padding="same")(x))
        skips.append(x)
        x = layers.LeakyReLU(SLOPE)(layers.Conv2D(filters, 4, strides=2, padding="same")(x))
    for filters, skip in zip(reversed(widths), reversed(skips), strict=True):
        x = layers.LeakyReLU(SLOPE)(layers.Conv2DTranspose(filters, 4, strides=2, padding="same")(x))
        x = layers.Concatenate()([x, skip])
        x = layers.LeakyReLU(SLOPE)(layers.Conv2D(filters, 3, padding="same")(x))
    x = layers.Conv2D(out_channels, 3, padding="same", dtype="float32", name="pixels")(x)
    return keras.Model(image, x, name="unet")


def patchgan(image_shape, width=32, depth=3):
    """Return a discriminator x (N, H, W, C) -> a map of logits, one for each overlapping patch (Isola et al. 2017).

    https://arxiv.org/abs/1611.07004. ``depth`` convolutions of stride 2 give patches of 22, 46, 94 ... pixels.
    """
    x = image = keras.Input(_sizes(image_shape))
    width = integer("width", width, 1)
    for level in range(integer("depth", depth, 1)):
        x = layers.LeakyReLU(SLOPE)(layers.Conv2D(width * 2**level, 4, strides=2, padding="same")(x))
    x = layers.Conv2D(1, 4, padding="same", dtype="float32", name="logits")(x)
    return keras.Model(image, x, name="patchgan")


def subpixel_upscaler(factor, channels=3, width=32, depth=3):
    """Return a super-resolver (N, H, W, C) -> (N, fH, fW, C) for any H and W (Shi et al. 2016).

    https://arxiv.org/abs/1609.05158. Convolutions run at low resolution; the last one makes f² values a pixel and
    channel, which are rearranged in space. The input, repeated f times, is added: the network learns the difference.
    """
    f = integer("factor", factor, 2)
    width, channels = integer("width", width, 1), integer("channels", channels, 1)
    x = image = keras.Input((None, None, channels))
    for _ in range(integer("depth", depth, 1)):
        x = layers.LeakyReLU(SLOPE)(layers.Conv2D(width, 3, padding="same")(x))
    x = layers.Conv2D(f * f * channels, 3, padding="same", dtype="float32")(x)
    x = DepthToSpace(f, dtype="float32")(x)
    x = layers.Add(dtype="float32")([x, layers.UpSampling2D(f)(image)])
    return keras.Model(image, x, name="subpixel_upscaler")


# EfficientNet-Lite0: repeats, kernel, stride of the first repeat, expansion, filters of each stage.
LITE0_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


def lite0():
    """Return EfficientNet-Lite0 without its classifier: x (N, H, W, 3) in [-1, 1] -> features (N, 1280).

    Tan & Le 2019, https://arxiv.org/abs/1905.11946; the Lite variant has no squeeze-and-excitation and uses ReLU6.
    The layers "stage_0" ... "stage_6" give its intermediate feature maps.
    """
    x = image = keras.Input((None, None, 3))
    x = _normalised(layers.Conv2D(32, 3, strides=2, padding="same", use_bias=False)(x))
    for stage, (repeats, kernel, first_stride, expansion, filters) in enumerate(LITE0_STAGES):
        for block in range(repeats):
            stride = first_stride if block == 0 else 1
            last = f"stage_{stage}" if block == repeats - 1 else None
            x = _inverted_residual(x, kernel, stride, expansion, filters, name=last)
    x = _normalised(layers.Conv2D(1280, 1, use_bias=False)(x))
    return keras.Model(image, layers.GlobalAveragePooling2D(dtype="float32")(x), name="lite0")


def _inverted_residual(x, kernel, stride, expansion, filters, name):
    """Expand, filter each channel in space, project; add the input where the shape allows (Sandler et al. 2018)."""
    block = x
    if expansion != 1:
        block = _normalised(layers.Conv2D(expansion * x.shape[-1], 1, use_bias=False)(block))
    block = _normalised(layers.DepthwiseConv2D(kernel, stride, padding="same", use_bias=False)(block))
    block = layers.Conv2D(filters, 1, use_bias=False)(block)
    block = layers.BatchNormalization(epsilon=1e-3)(block)
    if stride == 1 and x.shape[-1] == filters:
        block = layers.Add()([x, block])
    return layers.Identity(name=name)(block) if name else block


def _normalised(x):
    return layers.ReLU(6.0)(layers.BatchNormalization(epsilon=1e-3)(x))
