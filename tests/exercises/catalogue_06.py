"""Right and wrong answers to the exercises of lesson 06, with a piece of the hint that each wrong one must get."""

import keras
import numpy as np
import tensorflow as tf

from course_lib import checks


def in_range(u):
    return u.astype(np.float32) / 127.5 - 1


def mean_softplus(logits):
    return tf.reduce_mean(tf.nn.softplus(logits))


def d_loss(real, fake):
    return mean_softplus(-real) + mean_softplus(fake)


def g_loss(fake):
    return mean_softplus(-fake)


def cross_entropy(label, logits, from_logits=True):
    return keras.losses.BinaryCrossentropy(from_logits=from_logits)(tf.fill(tf.shape(logits), label), logits)


def numpy_softplus(x):
    return np.logaddexp(0, x).mean()


def counts(kernel, stride):
    return [len(range(first, kernel, stride)) for first in range(stride)]


def descend(optimizer, tape, loss, *networks):
    weights = [w for network in networks for w in network.trainable_variables]
    optimizer.apply(tape.gradient(loss, weights), weights)
    return loss


def d_step(loss=d_loss, players="D", returns=lambda loss: loss):
    """A step of D as it should be, or with one part changed."""

    def step(generator, discriminator, optimizer, real, z):
        with tf.GradientTape() as tape:
            value = loss(discriminator(real), discriminator(generator(z)))
        networks = {"D": [discriminator], "G": [generator], "both": [generator, discriminator]}[players]
        return returns(descend(optimizer, tape, value, *networks))

    return step


def g_step(loss=g_loss, players="G"):
    """A step of G as it should be, or with one part changed."""

    def step(generator, discriminator, optimizer, z):
        with tf.GradientTape() as tape:
            value = loss(discriminator(generator(z)))
        networks = {"D": [discriminator], "G": [generator], "both": [generator, discriminator]}[players]
        return descend(optimizer, tape, value, *networks)

    return step


def d_step_with_its_own_noise(generator, discriminator, optimizer, real, z):
    return d_step()(generator, discriminator, optimizer, real, tf.random.normal(z.shape))


def d_step_that_leaves_g_frozen(generator, discriminator, optimizer, real, z):
    generator.trainable = False
    return d_step()(generator, discriminator, optimizer, real, z)


def d_step_without_applying(generator, discriminator, optimizer, real, z):
    with tf.GradientTape() as tape:
        loss = d_loss(discriminator(real), discriminator(generator(z)))
    tape.gradient(loss, discriminator.trainable_variables)
    return loss


def d_step_with_another_optimizer(generator, discriminator, optimizer, real, z):
    return d_step()(generator, discriminator, keras.optimizers.SGD(0.1), real, z)


def g_step_with_its_own_noise(generator, discriminator, optimizer, z):
    return g_step()(generator, discriminator, optimizer, tf.random.normal(z.shape))


def g_step_with_fakes_made_before(generator, discriminator, optimizer, z):
    fake = generator(z)
    with tf.GradientTape() as tape:
        loss = g_loss(discriminator(fake))
    return descend(optimizer, tape, loss, generator)


def g_step_that_leaves_d_frozen(generator, discriminator, optimizer, z):
    discriminator.trainable = False
    return g_step()(generator, discriminator, optimizer, z)


def g_step_twice(generator, discriminator, optimizer, z):
    g_step()(generator, discriminator, optimizer, z)
    return g_step()(generator, discriminator, optimizer, z)


def mixed(average, value, decay):
    return decay * average + (1 - decay) * value


def warm(step):
    return (1 + step) / (10 + step)


FAULTS, REMEDIES = {1: "c", 2: "a", 3: "b"}, {1: "q", 2: "p", 3: "r"}

CATALOGUE = [
    (
        checks.to_generator_range,
        in_range,
        {
            "divided by 255 only": (lambda u: (u / 255).astype(np.float32), "value does black get"),
            "no minus 1": (lambda u: (u / 127.5).astype(np.float32), "does the interval begin"),
            "minus 1 with 255": (lambda u: (u / 255 - 1).astype(np.float32), "value does white get"),
            "half width": (lambda u: (u / 255 - 0.5).astype(np.float32), "How wide is the interval"),
            "128": (lambda u: (u / 128 - 1).astype(np.float32), "the largest value, 255"),
            "uint8 overflow": (lambda u: (2 * u / 255 - 1).astype(np.float32), "2 · 200"),
            "integer division": (lambda u: (u // 127.5 - 1).astype(np.float32), "only a handful are left"),
            "whole-number type": (lambda u: (u / 127.5 - 1).astype(np.int8), "can this type hold"),
            "double precision": (lambda u: u / 127.5 - 1, "networks compute in"),
            "cast only": (lambda u: u.astype(np.float32), "moves no value"),
        },
    ),
    (
        checks.discriminator_loss,
        d_loss,
        {
            "swapped labels": (lambda r, f: d_loss(f, r), "want to call real"),
            "average of the halves": (lambda r, f: d_loss(r, f) / 2, "adds its two terms"),
            "sum over the batch": (
                lambda r, f: tf.reduce_sum(tf.nn.softplus(-r)) + tf.reduce_sum(tf.nn.softplus(f)),
                "grow with the number of images",
            ),
            "real half only": (lambda r, f: mean_softplus(-r), "believing a fake"),
            "fake half only": (lambda r, f: mean_softplus(f), "doubting a real image"),
            "sigmoid twice": (lambda r, f: d_loss(tf.sigmoid(r), tf.sigmoid(f)), "How often is the sigmoid"),
            "from_logits forgotten": (
                lambda r, f: cross_entropy(1.0, r, False) + cross_entropy(0.0, f, False),
                "expects the output of a sigmoid",
            ),
            "sign": (lambda r, f: -d_loss(r, f), "goes downhill"),
            "not reduced": (lambda r, f: tf.nn.softplus(-r) + tf.nn.softplus(f), "done over the batch"),
            "logarithms of probabilities": (
                lambda r, f: (
                    -tf.reduce_mean(tf.math.log(tf.sigmoid(r))) - tf.reduce_mean(tf.math.log(1 - tf.sigmoid(f)))
                ),
                "exactly 1",
            ),
            "clipped probabilities": (
                lambda r, f: cross_entropy(1.0, tf.sigmoid(r), False) + cross_entropy(0.0, tf.sigmoid(f), False),
                "what slope is left",
            ),
            "NumPy": (lambda r, f: numpy_softplus(-r.numpy()) + numpy_softplus(f.numpy()), "leaves TensorFlow"),
        },
    ),
    (
        checks.generator_loss,
        g_loss,
        {
            "saturating": (lambda f: -mean_softplus(f), "How steep is it"),
            "D's wish": (mean_softplus, "what G is after"),
            "sign": (lambda f: -g_loss(f), "convince nobody"),
            "sum over the batch": (lambda f: tf.reduce_sum(tf.nn.softplus(-f)), "grow with the number of images"),
            "sigmoid twice": (lambda f: g_loss(tf.sigmoid(f)), "How often is the sigmoid"),
            "from_logits forgotten": (lambda f: cross_entropy(1.0, f, False), "expects the output of a sigmoid"),
            "not reduced": (lambda f: tf.nn.softplus(-f), "done over the batch"),
            "clipped probabilities": (lambda f: cross_entropy(1.0, tf.sigmoid(f), False), "what slope is left"),
            "logarithms of probabilities": (lambda f: -tf.reduce_mean(tf.math.log(tf.sigmoid(f))), "exactly 1"),
            "stopped gradient": (lambda f: g_loss(tf.stop_gradient(f)), "stops the gradient"),
        },
    ),
    (
        checks.overlap_counts,
        counts,
        {
            "rounded down": (lambda k, s: [k // s] * s, "some taps are left over"),
            "rounded up": (lambda k, s: [-(-k // s)] * s, "Add your counts up"),
            "average": (lambda k, s: [k / s] * s, "two and a half taps"),
            "two at most": (lambda k, s: [min(c, 2) for c in counts(k, s)], "more than one neighbour"),
            "overlaps": (lambda k, s: [c - 1 for c in counts(k, s)], "has a count of 1"),
            "swapped": (lambda k, s: counts(s, k), "two numbers is the period"),
            "for each tap": (lambda k, s: [len(range(t % s, k, s)) for t in range(k)], "does the pattern repeat"),
            "rotated": (lambda k, s: counts(k, s)[::-1], "where the first tap"),
        },
    ),
    (
        checks.even_kernel,
        lambda stride, at_least: -(-at_least // stride) * stride,
        {
            "always the next": (lambda s, a: (a // s + 1) * s, "wrong with 4 for stride 2"),
            "rounded down": (lambda s, a: a // s * s, "is a minimum"),
            "even number": (lambda s, a: a + a % 2, "not even sizes"),
            "odd number": (lambda s, a: a if a % 2 else a + 1, "good for plain convolutions"),
            "product": (lambda s, a: s * a, "is it the smallest"),
            "unchanged": (lambda s, a: a, "does task 3a give"),
        },
    ),
    (
        checks.discriminator_step,
        d_step(),
        {
            "moves both": (d_step(players="both"), "a step for both players"),
            "moves G": (d_step(players="G"), "a step of the wrong player"),
            "uphill": (d_step(lambda r, f: -d_loss(r, f)), "D wants smaller"),
            "swapped labels": (d_step(lambda r, f: d_loss(f, r)), "Which argument of the loss"),
            "reals for fakes": (d_step(lambda r, f: d_loss(r, r)), "does z stand for"),
            "fakes for reals": (d_step(lambda r, f: d_loss(f, f)), "learn about the data here"),
            "own noise": (d_step_with_its_own_noise, "drawn at random inside"),
            "leftover of trainable": (d_step_that_leaves_g_frozen, "list of trainable variables hold"),
            "not applied": (d_step_without_applying, "gradients alone change nothing"),
            "another optimizer": (d_step_with_another_optimizer, "a second optimizer"),
            "nothing returned": (d_step(returns=lambda loss: None), "should the caller get to see"),
        },
    ),
    (
        checks.generator_step,
        g_step(),
        {
            "moves both": (g_step(players="both"), "a step for both players"),
            "moves D": (g_step(players="D"), "a step of the wrong player"),
            "uphill": (g_step(lambda f: -g_loss(f)), "G wants smaller"),
            "saturating": (g_step(lambda f: -mean_softplus(f)), "two losses of task 2"),
            "helps D": (g_step(mean_softplus), "Whose loss is made smaller"),
            "fakes made before": (g_step_with_fakes_made_before, "before it started recording"),
            "own noise": (g_step_with_its_own_noise, "drawn at random inside"),
            "leftover of trainable": (g_step_that_leaves_d_frozen, "list of trainable variables hold"),
            "two steps": (g_step_twice, "how often are the gradients applied"),
        },
    ),
    (
        checks.moving_average,
        lambda a, v, decay, step: mixed(a, v, min(decay, warm(step))),
        {
            "swapped roles": (lambda a, v, d, t: mixed(v, a, min(d, warm(t))), "should hardly change"),
            "no warm-up": (lambda a, v, d, t: mixed(a, v, d), "random start is left"),
            "no cap": (lambda a, v, d, t: mixed(a, v, warm(t)), "holds the decay back"),
            "max for min": (lambda a, v, d, t: mixed(a, v, max(d, warm(t))), "not slower"),
            "1 - decay": (lambda a, v, d, t: mixed(a, v, min(1 - d, warm(t))), "kept or the part that is added"),
            "not an average": (lambda a, v, d, t: min(d, warm(t)) * a + v, "no longer change"),
            "no return": (lambda a, v, d, t: None, "returns nothing"),
        },
    ),
    (
        checks.diagnosis,
        FAULTS,
        {
            "run 1 balanced": (FAULTS | {1: "a"}, "right half of the time"),
            "run 1 alike": (FAULTS | {1: "b"}, "is a consequence"),
            "run 1 blind": (FAULTS | {1: "d"}, "right about every image"),
            "run 2 alike": (FAULTS | {2: "b"}, "Look at the scatter again"),
            "run 2 out of range": (FAULTS | {2: "c"}, "samples lie on the data"),
            "run 2 blind": (FAULTS | {2: "d"}, "how did the samples get"),
            "run 3 balanced": (FAULTS | {3: "a"}, "How many different samples"),
            "run 3 out of range": (FAULTS | {3: "c"}, "lie inside [−1, 1]"),
            "run 3 blind": (FAULTS | {3: "d"}, "What is wrong with the samples"),
            "one answer": ("c", "answer of its own"),
        },
    ),
    (
        checks.remedy,
        REMEDIES,
        {
            "run 1 left alone": (REMEDIES | {1: "p"}, "could be taken for data"),
            "run 1 equal rates": (REMEDIES | {1: "r"}, "At which pace"),
            "run 1 slower D": (REMEDIES | {1: "s"}, "treats the symptom"),
            "run 2 converted": (REMEDIES | {2: "q"}, "Read the axes"),
            "run 2 equal rates": (REMEDIES | {2: "r"}, "would be better afterwards"),
            "run 2 slower D": (REMEDIES | {2: "s"}, "not ahead here"),
            "run 2 longer": (REMEDIES | {2: "t"}, "on its way to something better"),
            "run 3 left alone": (REMEDIES | {3: "p"}, "is no distribution"),
            "run 3 slower D": (REMEDIES | {3: "s"}, "Who has to follow"),
        },
    ),
]
