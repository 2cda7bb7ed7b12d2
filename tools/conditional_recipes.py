"""The zoo's conditional models: what they are told, their pictures, and how well these obey."""

import keras
import numpy as np
import tensorflow as tf

from course_lib import conditions, data, editing, gan, images, nets, zoo

ASKED = 5_000  # pictures asked for when obedience is measured
FACES = ("skin", "hair", "hair_colour", "glasses", "facial_hair", "shirt_colour")


def conditions_of(recipe):
    """Return the ``Conditions`` that a recipe's model is told."""
    whole = conditions.fashion() if recipe.data == "fashion" else conditions.faces()
    return whole.only(*recipe.condition)


def build(recipe, rate):
    """Return the compiled model of a recipe, whose optimizers have this rate, and the builder's arguments."""
    arguments = recipe.arguments | {"condition_dim": conditions_of(recipe).dimension}
    if recipe.kind == "conditional-vae":
        model = zoo.BUILDERS["conditional_vae"](**arguments)
        model.compile(keras.optimizers.Adam(recipe.learning_rate))
        return model, arguments
    shape, k, width = (arguments[name] for name in ("image_shape", "condition_dim", "width"))
    training = dict(recipe.training)
    discriminator = nets.projection_discriminator(shape, k, width, training.pop("minibatch_std", False))
    model = gan.ConditionalGAN(nets.conditional_generator(**arguments), discriminator, **training)
    model.compile(*(keras.optimizers.Adam(rate, beta_1=0.0, beta_2=0.99) for _ in range(2)))
    return model, arguments


def drawn(model, c, seed=7):
    """Return an uint8 picture for each condition c (N, k), of a generator [z, c] or a conditional VAE, in batches."""
    decode, d = (model.decode, model.latent_dim) if hasattr(model, "decode") else (None, model.inputs[0].shape[-1])
    z = np.random.default_rng(seed).standard_normal((len(c), d), dtype=np.float32)
    signature = [tf.TensorSpec((None, d)), tf.TensorSpec((None, c.shape[1]))]
    step = tf.function(decode or (lambda z, c: model([z, c], training=False)), input_signature=signature)
    parts = (slice(k, k + 250) for k in range(0, len(c), 250))
    return np.concatenate([images.to_uint8(step(z[part], c[part])) for part in parts])


def sample(model, recipe, n, seed=7):
    """Return ``n`` uint8 samples whose conditions are drawn as often as in the data."""
    space = conditions_of(recipe)
    return drawn(model, space.encode(space.draw(n, seed)), seed)


def obedience(model, recipe):
    """Return how often the classifier reads in a picture what was asked for, for each attribute, and in true pictures.

    "variety": the standard deviation of a pixel over z with the condition held, the mean over pixels and 20 conditions,
    in levels of 255; 0 means that the condition alone decides the picture.
    """
    space, read = conditions_of(recipe), editing.reader(zoo.load(f"{recipe.data}-classifier"))
    asked = space.draw(ASKED, seed=12_345)
    shares = conditions.agreement(asked, read(drawn(model, space.encode(asked))))
    if recipe.data == "fashion":
        true = data.load_fashion("test")
        ceiling = conditions.agreement({"label": true.labels[:ASKED]}, read(true.images[:ASKED]))
    else:
        true = data.load_faces("test", size=recipe.arguments["image_shape"][0])
        known = {name: true.attributes[name][:ASKED] for name in space.names}
        ceiling = conditions.agreement(known, read(true.images[:ASKED]))
    held = np.repeat(space.encode(space.draw(20, seed=1)), 20, axis=0)
    spread = drawn(model, held).reshape(20, 20, -1).std(axis=1)
    return {
        "read_as_asked": {name: round(share, 4) for name, share in shares.items()},
        "read_as_asked_mean": round(float(np.mean(list(shares.values()))), 4),
        "read_in_true_pictures": {name: round(share, 4) for name, share in ceiling.items()},
        "variety": round(float(spread.mean()), 2),
    }
