"""What a network costs to run, counted from its shapes (derived in lesson 10, section 2)."""

import numpy as np
from keras import layers


def flops(network):
    """Return the floating point operations of one example's forward pass through dense and convolution layers.

    ``network`` is a functional model or one of its layers. A multiplication and an addition count as two. A transposed
    convolution multiplies every pixel of its input by the whole kernel, a convolution every pixel of its output.
    Biases, normalisation and activations are left out: a few per cent.
    """
    return sum(_layer_flops(layer) for layer in getattr(network, "layers", [network]))


def _layer_flops(layer):
    if isinstance(layer, layers.Dense):
        return 2 * int(np.prod(layer.kernel.shape))
    if isinstance(layer, (layers.Conv2D, layers.Conv2DTranspose)):
        kernel_meets = layer.input if isinstance(layer, layers.Conv2DTranspose) else layer.output
        return 2 * int(np.prod(layer.kernel.shape)) * kernel_meets.shape[1] * kernel_meets.shape[2]
    return 0
