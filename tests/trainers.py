"""Every trainer of the course at its smallest, for the tests of how they run: compiled, in half precision, on replicas.

No network normalises over the batch, because replicas see their part of it only, and ``still_noise`` takes the chance
out, so that ways of running one training can be compared number by number.
"""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from course_lib import diffusion, gan, style, translation, vae
from course_lib._style_nets import style_decoder, style_features
from course_lib._unrolled import UnrolledGAN

SHAPE, LATENT, CONDITION = (8, 8, 1), 4, 3


def still_noise(monkeypatch=None):
    """Replace Keras's random draws by fixed rows, the same for every example."""

    def rows(scale):
        def drawn(shape, *_, dtype="float32", **__):
            shape = tf.stack(shape) if isinstance(shape, (tuple, list)) else shape
            row = scale(tf.sin(0.7 + 1.3 * tf.cast(tf.range(tf.reduce_prod(shape[1:])), "float32")))
            return tf.cast(tf.broadcast_to(tf.reshape(row, shape[1:]), shape), dtype or "float32")

        return drawn

    replace = monkeypatch.setattr if monkeypatch else setattr
    replace(keras.random, "normal", rows(lambda s: 1.4 * s))
    replace(keras.random, "uniform", rows(lambda s: 0.5 + 0.4 * s))


def _network(inputs, shape, activation=None, width=8):
    """Return a model of one hidden layer; several inputs are set side by side."""
    inputs = [keras.Input(size) for size in inputs]
    flat = [layers.Reshape((int(np.prod(x.shape[1:])),))(x) for x in inputs]
    h = layers.Dense(width, activation="silu")(layers.Concatenate()(flat) if len(flat) > 1 else flat[0])
    out = layers.Dense(int(np.prod(shape)), activation=activation, dtype="float32")(h)
    return keras.Model(inputs if len(inputs) > 1 else inputs[0], layers.Reshape(shape, dtype="float32")(out))


def _encoder(*inputs):
    inputs = [keras.Input(size) for size in inputs]
    flat = [layers.Flatten()(x) for x in inputs]
    h = layers.Dense(8, activation="silu")(layers.Concatenate()(flat) if len(flat) > 1 else flat[0])
    outputs = [layers.Dense(LATENT, dtype="float32")(h) for _ in range(2)]
    return keras.Model(inputs if len(inputs) > 1 else inputs[0], outputs)


def _judge(*inputs):
    return _network(inputs, (1,))


def _pictures(n, shape=SHAPE, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (n, *shape)).astype(np.float32)


def _conditions(n):
    return np.eye(CONDITION, dtype=np.float32)[np.arange(n) % CONDITION]


def _gan(kind=gan.GAN, **options):
    conditional = [(CONDITION,)] * (kind is gan.ConditionalGAN)
    generator = _network([(LATENT,), *conditional], SHAPE, "tanh")
    return kind(generator, _judge(SHAPE, *conditional), ema=0.9, **options)


def _translator():
    image = keras.Input(SHAPE)
    network = keras.Model(image, layers.Conv2D(1, 3, padding="same", activation="tanh", dtype="float32")(image))
    terms = [translation.L1(), translation.Adversarial(0.1), translation.Feature(_network([SHAPE], (4,)), 0.1)]
    return translation.Translator(network, terms, _judge((8, 8, 2)), penalty_weight=0.5)


def _adain():
    encoder = style_features(width=2)
    for layer in encoder.layers:
        if layer.weights:
            layer.kernel.assign(2 * layer.kernel)  # so that the deeper maps are not all but 0
    return style.AdaIN(encoder, style_decoder(width=2))


MAKERS = {
    "VAE": lambda **options: vae.VAE(_encoder(SHAPE), _network([(LATENT,)], SHAPE), **options),
    "ConditionalVAE": lambda: vae.ConditionalVAE(
        _encoder(SHAPE, (CONDITION,)), _network([(LATENT,), (CONDITION,)], SHAPE), "gaussian"
    ),
    "GAN": _gan,
    "ConditionalGAN": lambda: _gan(gan.ConditionalGAN, loss="relativistic", penalty="r1_r2", penalty_every=4),
    "UnrolledGAN": lambda: _gan(UnrolledGAN, unroll=2),
    "Translator": _translator,
    "FlowMatching": lambda: diffusion.FlowMatching(_network([SHAPE, ()], SHAPE), ema=0.9),
    "AdaIN": _adain,
}


def examples(name, n=16):
    """Return what the ``fit`` of a trainer takes."""
    if name.startswith("Conditional"):
        return _pictures(n), _conditions(n)
    if name == "Translator":
        return _pictures(n), np.tanh(2 * _pictures(n))
    if name == "AdaIN":
        return _pictures(n, (8, 8, 3)), _pictures(n, (8, 8, 3), seed=1)
    return (_pictures(n),)


def make(name, optimizer=None, compiled=None, **options):
    """Return a compiled trainer with the same weights at every call; ``compiled`` are ``compile``'s arguments."""
    keras.utils.set_random_seed(0)
    model = MAKERS[name](**options)
    count = 2 if getattr(model, "discriminator", None) is not None else 1
    make_optimizer = optimizer or (lambda: keras.optimizers.SGD(0.05))
    model.compile(*(make_optimizer() for _ in range(count)), **(compiled or {}))
    return model


def trained(name, epochs=2, batch_size=8, callbacks=None, **options):
    """Return a trainer after a short training, and its logs."""
    model = make(name, **options)
    history = model.fit(
        *examples(name), batch_size=batch_size, epochs=epochs, shuffle=False, verbose=0, callbacks=callbacks
    )
    return model, {key: values[-1] for key, values in history.history.items()}


def weights(model):
    """Return the trainable weights as one vector."""
    return np.concatenate([np.ravel(w) for w in model.trainable_variables])
