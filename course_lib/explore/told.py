"""A generator that is told what to draw, as one compiled function of z and condition."""

import keras
import tensorflow as tf

from course_lib._validate import integer, refuse


def compiled_generator(generator, dimension, latent_dim):
    """Return a compiled function (z (N, d), c (N, ``dimension``)) -> images float32 (N, H, W, C), and d.

    ``generator``: a Keras model of [z, c], an object with a ``generator`` (a ``gan.ConditionalGAN``, whose averaged
    generator is preferred) or with ``decode`` and ``latent_dim`` (a ``vae.ConditionalVAE``), or a function of z and c,
    which needs ``latent_dim``. Raises ``ValueError`` for anything else.
    """
    if hasattr(generator, "decode"):
        call, d = generator.decode, generator.latent_dim
    else:
        averaged = getattr(generator, "generator_ema", None)
        network = getattr(generator, "generator", generator) if averaged is None else averaged
        if isinstance(network, keras.Model):
            if len(network.inputs) != 2 or network.inputs[1].shape[-1] != dimension:
                refuse("generator", f"a model of z and conditions of length {dimension}", f"{network.input_shape}")
            call, d = lambda z, c: network([z, c], training=False), network.inputs[0].shape[-1]
        elif callable(network):
            call, d = network, integer("latent_dim", latent_dim, 1)
        else:
            refuse("generator", "a model of [z, c], a conditional GAN or VAE, or a function of both", generator)
    signature = [tf.TensorSpec((None, d)), tf.TensorSpec((None, dimension))]
    return tf.function(lambda z, c: tf.cast(call(z, c), "float32"), input_signature=signature, autograph=False), d
