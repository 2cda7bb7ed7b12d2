"""The derivations of lesson 06, each fault of its patient, and its training step against the library's."""

import hashlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from lesson_code import definitions

from course_lib import gan, losses

SHAPE = (16, 16, 3)
WANTED = {
    "DCGAN",
    "check_batchnorm_memory",
    "check_discriminator_can_move",
    "check_discriminator_is_asked",
    "check_logits",
    "check_one_verdict",
    "check_overlap",
    "check_range",
    "check_shape_argument",
    "check_slope",
    "discriminator_loss",
    "fingerprint",
    "footprint",
    "generator_loss",
    "overlap_counts",
    "overlap_measured",
    "repaired_discriminator",
    "repaired_generator",
    "tutorial_combined",
    "tutorial_discriminator",
    "tutorial_generator",
}


@pytest.fixture(scope="module")
def real():
    x = np.random.default_rng(0).uniform(-1, 1, (8, 64, 64, 3)).astype(np.float32)
    x[0, 0, 0], x[0, 0, 1] = -1, 1
    return x


@pytest.fixture(scope="module")
def codes():
    return np.random.default_rng(1).standard_normal((8, 100)).astype(np.float32)


@pytest.fixture(scope="module")
def lesson(real, codes):
    space = {"hashlib": hashlib, "np": np, "tf": tf, "keras": keras, "layers": layers, "SEED": 0}
    return definitions("06_dcgan", WANTED, space | {"real_64": real, "z_100": codes, "STEPS_PER_EPOCH": 156})


@pytest.fixture(scope="module")
def patient(lesson):
    generator, discriminator = lesson["tutorial_generator"](), lesson["tutorial_discriminator"]()
    return generator, discriminator, lesson["tutorial_combined"](generator, discriminator)


@pytest.fixture(scope="module")
def repaired(lesson):
    return lesson["repaired_generator"](width=2), lesson["repaired_discriminator"](width=2)


# --- The game ----------------------------------------------------------------------------------


def test_the_best_discriminator_is_the_density_ratio():
    p, q = 0.3, 0.7
    answers = np.linspace(1e-4, 1 - 1e-4, 9999)
    best = answers[np.argmax(p * np.log(answers) + q * np.log1p(-answers))]
    assert best == pytest.approx(p / (p + q), abs=1e-4)


def test_the_value_at_the_best_discriminator_is_twice_the_jsd_minus_ln_4():
    rng = np.random.default_rng(0)
    p, q = rng.dirichlet(np.ones(12)), rng.dirichlet(np.ones(12))
    d, m = p / (p + q), (p + q) / 2
    value = np.sum(p * np.log(d) + q * np.log1p(-d))
    jsd = 0.5 * np.sum(p * np.log(p / m)) + 0.5 * np.sum(q * np.log(q / m))
    assert value == pytest.approx(2 * jsd - np.log(4), abs=1e-12)


def test_the_notebooks_losses_are_the_definition_and_the_librarys(lesson):
    rng = np.random.default_rng(0)
    a, b = (tf.constant(rng.normal(0, 3, (50, 1)), tf.float64) for _ in range(2))
    probability = [1 / (1 + np.exp(-np.asarray(x))) for x in (a, b)]
    d = lesson["discriminator_loss"](a, b)
    g = lesson["generator_loss"](b)
    assert float(d) == pytest.approx(-np.mean(np.log(probability[0])) - np.mean(np.log(1 - probability[1])), rel=1e-9)
    assert float(g) == pytest.approx(-np.mean(np.log(probability[1])), rel=1e-9)
    library = losses.GAN_LOSSES["non_saturating"]
    assert float(library.discriminator(a, b)) == pytest.approx(float(d))
    assert float(library.generator(a, b)) == pytest.approx(float(g))


def test_the_clipped_cross_entropy_has_no_gradient_where_it_is_most_wrong():
    logit = tf.Variable([[-20.0]])
    with tf.GradientTape() as tape:
        loss = keras.losses.binary_crossentropy(tf.ones_like(logit), tf.sigmoid(logit))
    assert float(loss[0]) == pytest.approx(-np.log(1e-7), abs=0.01)
    assert float(tape.gradient(loss, logit)[0, 0]) == 0


def test_keras_goes_back_to_the_logit_only_straight_behind_a_sigmoid():
    """The safety net that hides the fault: if a release drops or widens it, the lesson's text has to change."""
    model = keras.Sequential([keras.Input((1,)), layers.Dense(1, activation="sigmoid", kernel_initializer="ones")])
    x, real = tf.constant([[-20.0]]), tf.ones((1, 1))
    with tf.GradientTape(persistent=True) as tape:
        straight = keras.losses.binary_crossentropy(real, model(x))
        touched = keras.losses.binary_crossentropy(real, 1.0 * model(x))
    slopes = [float(tape.gradient(loss, model.trainable_variables[1])[0]) for loss in (straight, touched)]
    assert slopes == pytest.approx([-1, 0], abs=1e-6)


# --- The faults: each check fails on the patient and holds after the repair -------------------------


def test_range(lesson, patient, repaired, real):
    assert not lesson["check_range"](patient[0], (real + 1) / 2)[0]
    assert lesson["check_range"](repaired[0], real)[0]
    assert not lesson["check_range"](repaired[0], (real + 1) / 2)[0]


def test_logits(lesson, patient, repaired):
    assert not lesson["check_logits"](patient[1])[0]
    assert lesson["check_logits"](repaired[1])[0]


def test_one_verdict_per_image(lesson, patient, repaired):
    assert patient[2].output_shape == (None, 64, 64, 1)
    assert not lesson["check_one_verdict"](patient[2].output_shape)[0]
    assert lesson["check_one_verdict"](repaired[1].output_shape)[0]


def test_the_discriminator_is_asked(lesson, patient, repaired, real, codes):
    generator, discriminator, combined = patient
    asked = lesson["check_discriminator_is_asked"]
    assert not asked(lambda: combined([codes, real], training=False), discriminator)[0]
    assert asked(lambda: repaired[1](repaired[0](codes)), repaired[1])[0]


def test_asking_puts_the_weights_back(lesson, repaired, codes):
    before = repaired[1].get_weights()
    lesson["check_discriminator_is_asked"](lambda: repaired[1](repaired[0](codes)), repaired[1])
    assert all(np.array_equal(a, b) for a, b in zip(before, repaired[1].get_weights(), strict=True))


def test_the_flag_leaves_a_discriminator_that_cannot_move(lesson, patient):
    assert not lesson["check_discriminator_can_move"](patient[1])[0]
    assert lesson["check_discriminator_can_move"](lesson["repaired_discriminator"](width=2))[0]


def test_a_frozen_batchnorm_runs_in_inference_mode():
    norm = layers.BatchNormalization()
    batch = tf.constant(np.random.default_rng(0).normal(3, 2, (64, 4)), tf.float32)
    assert abs(float(tf.reduce_mean(norm(batch, training=True)))) < 0.01
    norm.trainable = False
    assert float(tf.reduce_mean(norm(batch, training=True))) > 1


def test_batchnorm_erases_the_shift_between_two_batches_and_shows_it_in_one():
    norm = layers.BatchNormalization()
    rng = np.random.default_rng(0)
    real, fake = (tf.constant(rng.normal(mean, 1, (64, 4)), tf.float32) for mean in (3, -3))
    apart = [float(tf.reduce_mean(norm(x, training=True))) for x in (real, fake)]
    joined = norm(tf.concat([real, fake], axis=0), training=True)
    assert apart == pytest.approx([0, 0], abs=0.01)
    assert float(tf.reduce_mean(joined[:64] - joined[64:])) > 1.5


def test_the_shape_argument(lesson):
    assert not lesson["check_shape_argument"](lesson["tutorial_generator"])[0]
    assert lesson["check_shape_argument"](lesson["repaired_generator"])[0]


def test_slope_and_memory(lesson, patient, repaired):
    assert not lesson["check_slope"](*patient[:2])[0]
    assert lesson["check_slope"](*repaired)[0]
    assert not lesson["check_batchnorm_memory"](patient[0])[0]
    assert lesson["check_batchnorm_memory"](repaired[0])[0]


@pytest.mark.parametrize(("kernel", "stride"), [(2, 2), (3, 2), (4, 2), (5, 2), (6, 2), (3, 3), (4, 3), (5, 3)])
def test_overlap_formula_agrees_with_a_convolution_of_ones(lesson, kernel, stride):
    counts = lesson["overlap_counts"](kernel, stride)
    measured = lesson["overlap_measured"](kernel, stride)
    assert sorted(np.unique(measured)) == sorted(np.unique(np.multiply.outer(counts, counts)))
    assert sum(counts) == kernel
    assert (len(set(counts)) == 1) == (kernel % stride == 0)


def test_overlap(lesson, patient, repaired):
    assert not lesson["check_overlap"](patient[0])[0]
    assert lesson["check_overlap"](repaired[0])[0]


def test_transposed_convolutions_are_local(lesson):
    stack = [layers.Conv2DTranspose(3, 5, strides=2, padding="same") for _ in range(3)]
    assert lesson["footprint"](stack, (9, 9, 3), 3) == [5, 13, 29]


# --- The repair ----------------------------------------------------------------------------------


def test_repaired_networks_take_their_shape_and_width(lesson):
    generator = lesson["repaired_generator"](SHAPE, latent_dim=7, width=2)
    assert (generator.input_shape, generator.output_shape) == ((None, 7), (None, *SHAPE))
    assert lesson["repaired_discriminator"](SHAPE, 2).output_shape == (None, 1)


def test_the_notebooks_train_step_and_the_librarys_agree(lesson):
    def networks():
        keras.utils.set_random_seed(0)
        return lesson["repaired_generator"](SHAPE, 5, 2), lesson["repaired_discriminator"](SHAPE, 2)

    def adam():
        return keras.optimizers.Adam(1e-3, beta_1=0.0)

    mine = lesson["DCGAN"](*networks(), gamma=4.0, ema=0.9)
    library = gan.GAN(*networks(), penalty="r1", penalty_weight=2.0, ema=0.9, seed=0)
    x = tf.constant(np.random.default_rng(0).uniform(-1, 1, (6, *SHAPE)), tf.float32)
    for model in (mine, library):
        model.compile(adam(), adam())
        for _ in range(4):
            model.train_step(x)
    for name in ("generator", "discriminator", "generator_ema"):
        for a, b in zip(getattr(mine, name).get_weights(), getattr(library, name).get_weights(), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6, err_msg=name)


def test_each_half_step_moves_one_network(lesson):
    generator, discriminator = lesson["repaired_generator"](SHAPE, 5, 2), lesson["repaired_discriminator"](SHAPE, 2)
    model = lesson["DCGAN"](generator, discriminator)
    model.compile(keras.optimizers.Adam(1e-3), keras.optimizers.Adam(1e-3))
    x = tf.constant(np.random.default_rng(0).uniform(-1, 1, (6, *SHAPE)), tf.float32)

    def moved(network, step):
        before = [w.numpy() for w in network.trainable_variables]
        step(x)
        return [not np.array_equal(a, w) for a, w in zip(before, network.trainable_variables, strict=True)]

    assert all(moved(discriminator, model.d_step))
    assert not any(moved(generator, model.d_step))
    assert all(moved(generator, model.g_step))
    assert not any(moved(discriminator, model.g_step))
