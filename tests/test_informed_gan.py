"""The zoo's GAN whose discriminator names attributes: what it learns from the labels, and what it keeps from G."""

import keras
import numpy as np
import tensorflow as tf
from informed_gan import InformedGAN

from course_lib import callbacks, gan, nets

SHAPE, VALUES = (8, 8, 1), {"place": 2, "sign": 3}


def pictures(n=96, seed=0):
    """Return images with a small spot whose place and colour have labels, and the labels."""
    rng = np.random.default_rng(seed)
    codes = {"place": rng.integers(0, 2, n), "sign": rng.integers(0, 3, n)}
    x = rng.normal(0, 0.05, (n, *SHAPE)).astype(np.float32)
    for image, place, sign in zip(x, codes["place"], codes["sign"], strict=True):
        image[2 + 4 * place : 4 + 4 * place, 2:4] += (-0.6, 0.4, 0.8)[sign]
    return x, codes


def game(weight, kind=InformedGAN):
    """Return a compiled GAN of small networks, always the same."""
    keras.utils.set_random_seed(0)
    networks = nets.subpixel_generator(SHAPE, 4, 4), nets.subpixel_discriminator(SHAPE, 4)
    own = {"values": VALUES, "naming_weight": weight} if kind is InformedGAN else {}
    model = kind(*networks, loss="relativistic", penalty="r1_r2", penalty_every=2, **own)
    model.compile(*(keras.optimizers.Adam(3e-3, beta_1=0.0, beta_2=0.99) for _ in range(2)))
    return model


def test_its_discriminator_learns_to_name_and_judges_as_before():
    x, codes = pictures()
    model = game(1.0)
    model.fit(x, y=codes, batch_size=16, epochs=25, verbose=0)
    new, true = pictures(200, seed=1)
    told = model.informed(new)
    for name in VALUES:
        assert np.mean(np.argmax(told["named"][name], axis=-1) == true[name]) > 0.95, name
    np.testing.assert_allclose(told["logit"], model.discriminator(new), atol=1e-5)


def test_with_weight_0_it_is_the_plain_game():
    x, codes = pictures(64)
    informed, plain = game(0.0), game(None, gan.GAN)
    informed.fit(x, y=codes, batch_size=16, epochs=2, shuffle=False, verbose=0)
    plain.fit(x, batch_size=16, epochs=2, shuffle=False, verbose=0)
    for ours, theirs in zip(informed.generator.get_weights(), plain.generator.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_naming_moves_no_weight_of_the_generator():
    x, codes = pictures(16)
    model = game(1.0)
    before = [weight.numpy() for weight in model.generator.trainable_variables]  # statistics of BatchNorm do move
    model.discriminator_step(tf.constant(x), codes)
    for was, now in zip(before, model.generator.trainable_variables, strict=True):
        np.testing.assert_array_equal(was, now)


def test_what_names_is_in_its_checkpoint(tmp_path):
    x, codes = pictures(32)
    model = game(1.0)
    model.fit(x, y=codes, batch_size=16, epochs=1, verbose=0, callbacks=[callbacks.Backup(tmp_path)])
    again = game(1.0)
    assert not np.allclose(again.informed(x)["named"]["sign"], model.informed(x)["named"]["sign"])
    again.fit(x, y=codes, batch_size=16, epochs=1, verbose=0, callbacks=[callbacks.Backup(tmp_path)])
    for name in VALUES:
        np.testing.assert_array_equal(again.informed(x)["named"][name], model.informed(x)["named"][name])
    assert again.discriminator_optimizer.iterations == model.discriminator_optimizer.iterations
