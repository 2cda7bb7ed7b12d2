"""The recipes of the conditional models: what they are told, that they train and are stored, how obedience is read."""

from dataclasses import replace

import conditional_recipes
import numpy as np
import pytest
import tensorflow as tf
from zoo_recipes import RECIPES, sample

from course_lib import data, gan, images, vae, zoo

NAMES = [name for name, recipe in RECIPES.items() if recipe.condition]


def small(name):
    """The recipe with networks that are built in a moment."""
    recipe = RECIPES[name]
    arguments = recipe.arguments | {"width": 2, "latent_dim": 3}
    return replace(recipe, arguments=arguments, batch_size=4, precision="float32")


def test_what_they_are_told():
    dimensions = {name: conditional_recipes.conditions_of(RECIPES[name]).dimension for name in NAMES}
    assert dimensions == {"fashion-cgan": 10, "faces-cgan": 28, "faces-cgan-all": 55, "faces-cvae": 28}


@pytest.mark.parametrize("name", ["fashion-cgan", "faces-cvae"])
def test_a_recipe_trains_draws_what_is_asked_and_its_builder_rebuilds_it(name):
    recipe = small(name)
    model, arguments = conditional_recipes.build(recipe, rate=1e-3)
    assert isinstance(model, gan.ConditionalGAN if name == "fashion-cgan" else vae.ConditionalVAE)
    space, shape = conditional_recipes.conditions_of(recipe), arguments["image_shape"]
    x = np.random.default_rng(0).uniform(-1, 1, (8, *shape)).astype(np.float32)
    c = space.encode(space.draw(8))
    history = model.fit(x, c, batch_size=4, epochs=1, verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())
    kept = model.generator_ema if name == "fashion-cgan" else model
    pictures = conditional_recipes.drawn(kept, c, seed=3)
    assert pictures.dtype == np.uint8 and pictures.shape == x.shape
    twin = zoo.BUILDERS["conditional_generator" if name == "fashion-cgan" else "conditional_vae"](**arguments)
    twin.set_weights(kept.get_weights())
    np.testing.assert_array_equal(conditional_recipes.drawn(twin, c, seed=3), pictures)
    assert sample(twin, 5, recipe=recipe).shape == (5, *shape)


def test_obedience_of_a_perfect_painter_is_the_classifiers_own_accuracy(monkeypatch):
    """A generator that composes the very face asked for: the other attributes follow z, so it has variety too."""
    recipe = RECIPES["faces-cgan"]
    space = conditional_recipes.conditions_of(recipe)
    monkeypatch.setattr(conditional_recipes, "ASKED", 60)

    def paint(z, c):
        mouth = (np.abs(z[:, 0]) * 1e4).astype(int) % 8
        labels = data.random_attributes(len(c)) | space.decode(c) | {"mouth": mouth}
        return images.to_float(data.compose_faces(labels))

    class Painter:
        latent_dim = 2

        def decode(self, z, c):
            picture = tf.numpy_function(paint, [z, c], tf.float32)
            return tf.ensure_shape(picture, (None, 64, 64, 3))

    facts = conditional_recipes.obedience(Painter(), recipe)
    assert facts["read_as_asked_mean"] > 0.97 and set(facts["read_as_asked"]) == set(recipe.condition)
    assert min(facts["read_in_true_pictures"].values()) > 0.97
    assert facts["variety"] > 0.1

    class Deaf(Painter):
        def decode(self, z, c):
            return super().decode(z, tf.constant(space.encode(space.draw(250, 1)))[: tf.shape(c)[0]])

    shares = conditional_recipes.obedience(Deaf(), recipe)["read_as_asked"]
    assert shares["hair"] < 0.5 and shares["hair_colour"] < 0.5
