"""Paired image-to-image translation as one Keras model: super-resolution, colour, enhancement.

The network is any functional model source (N, H, W, C) -> output (N, H', W', C'); the losses are small objects with one
signature, ``loss(source, target, output, judge) -> scalar``, and a training may add up several of them.
"""

import keras
import numpy as np
import tensorflow as tf

from course_lib import images as _images
from course_lib import losses
from course_lib._pair_losses import L1 as L1
from course_lib._pair_losses import L2 as L2
from course_lib._pair_losses import LOSSES, Adversarial, Feature, PairLoss
from course_lib._pair_losses import BinCrossEntropy as BinCrossEntropy
from course_lib._training import guarded_fit, per_replica
from course_lib._validate import (
    array,
    choice,
    images_uint8,
    integer,
    number,
    refuse,
    training_images,
)
from course_lib.gan import _prepared

# --- The model -------------------------------------------------------------------------------


@keras.saving.register_keras_serializable("course_lib")
class Translator(keras.Model):
    """A network source -> output trained on pairs, against the truth and, if there is one, a discriminator.

    ``loss`` is a name in ``LOSSES``, a ``PairLoss``, or a list of them, whose weighted sum is minimised; the log has
    the sum and each term without its weight. A discriminator of the output's channels judges images alone (Ledig et
    al. 2016, https://arxiv.org/abs/1609.04802); one of the source's channels more judges pairs, source first (pix2pix,
    Isola et al. 2016, https://arxiv.org/abs/1611.07004). It may return one logit or a map of them. ``penalty_weight``
    is γ/2 of an R1 penalty on the true images. Raises ``ValueError`` for networks and losses that do not fit.
    """

    def __init__(self, network, loss="l1", discriminator=None, penalty_weight=0.0, **kwargs):
        super().__init__(**kwargs)
        self.terms = [_term(item) for item in (loss if isinstance(loss, (list, tuple)) else [loss])]
        names = [term.name for term in self.terms]
        if not names or len(set(names)) < len(names):
            refuse("loss", "one term or several different ones", f"{names}")
        adversarial = [term for term in self.terms if isinstance(term, Adversarial)]
        if bool(adversarial) != (discriminator is not None):
            refuse(
                "discriminator", "a network with, and only with, an adversarial loss", f"{discriminator} and {names}"
            )
        self.network = network
        self.discriminator = discriminator
        self.penalty_weight = number("penalty_weight", penalty_weight, 0)
        self.pairwise = discriminator is not None and _judges_pairs(network, discriminator)
        self.gan_loss = losses.GAN_LOSSES[adversarial[0].kind] if adversarial else None
        # As attributes of the model, feature networks are saved and restored with it.
        self.feature_networks = [term.network for term in self.terms if isinstance(term, Feature)]
        names += ["d_loss", "real_logit", "fake_logit"] * bool(adversarial) + ["penalty"] * (penalty_weight > 0)
        self.trackers = {name: keras.metrics.Mean(name=name) for name in ["loss", *names]}
        self.built = True

    def call(self, source, training=False):
        """Return the network's output for sources (N, H, W, C)."""
        return self.network(source, training=training)

    def translate(self, images, batch_size=16):
        """Return the output for images uint8 (N, H, W, C) as uint8, for a network that returns images in [-1, 1]."""
        return translate(self.network, images, batch_size)

    # --- Training --------------------------------------------------------------------------------

    def compile(self, optimizer, discriminator_optimizer=None, **kwargs):
        """Attach an optimizer to each network; other arguments are ``keras.Model.compile``'s."""
        if (discriminator_optimizer is None) != (self.discriminator is None):
            refuse("discriminator_optimizer", "one exactly if there is a discriminator", repr(discriminator_optimizer))
        if self.discriminator is not None and optimizer is discriminator_optimizer:
            refuse("discriminator_optimizer", "an optimizer of its own", "the network's optimizer")
        kwargs.setdefault("jit_compile", False)
        super().compile(optimizer=None, **kwargs)
        self.optimizer = _prepared(optimizer, self.network)
        if self.discriminator is not None:
            self.discriminator_optimizer = _prepared(discriminator_optimizer, self.discriminator)

    def fit(self, x, y=None, callbacks=None, **kwargs):
        """Train on sources ``x`` and targets ``y``, or on a dataset of such pairs; see ``keras.Model.fit``.

        Raises ``ValueError`` before the first step for values that are not floats in [-1, 1], and ``TrainingDiverged``
        when a loss becomes NaN, with the last good weights put back.
        """
        training_images("y", _first_pair(x, y)[1])
        fit = super().fit
        if isinstance(x, keras.utils.PyDataset):
            first = x[0][0]
            return guarded_fit(lambda _, **kw: fit(x, **kw), self, first, callbacks, **kwargs)
        return guarded_fit(fit, self, x, callbacks, **(kwargs if y is None else {"y": y, **kwargs}))

    def train_step(self, data):
        """Move D once, if there is one, then the network once; return the epoch's means."""
        source, target = data
        if self.discriminator is not None:
            self.discriminator_step(source, target)
        self.network_step(source, target)
        return {name: tracker.result() for name, tracker in self.trackers.items()}

    def test_step(self, data):
        """Return the means of the loss and its terms; the discriminator rests."""
        source, target = data
        self._loss(source, target, training=False)
        names = ["loss", *(term.name for term in self.terms)]
        return {name: self.trackers[name].result() for name in names}

    def network_step(self, source, target):
        """Take one step of the network alone; return its loss."""
        with tf.GradientTape() as tape:
            loss = self._loss(source, target, training=True)
            scaled = self.optimizer.scale_loss(per_replica(loss))
        weights = self.network.trainable_variables
        self.optimizer.apply(tape.gradient(scaled, weights), weights)
        return loss

    def discriminator_step(self, source, target):
        """Take one step of D alone on the true images and the network's; return its loss."""
        target = tf.cast(target, "float32")
        output = tf.cast(self.network(source, training=True), "float32")
        with tf.GradientTape() as tape:
            real, fake = self._judge(source)(target), self._judge(source)(output)
            loss = self.gan_loss.discriminator(real, fake)
            total = loss + self._penalty(source, target)
            scaled = self.discriminator_optimizer.scale_loss(per_replica(total))
        weights = self.discriminator.trainable_variables
        self.discriminator_optimizer.apply(tape.gradient(scaled, weights), weights)
        for name, value in {"d_loss": loss, "real_logit": real, "fake_logit": fake}.items():
            self.trackers[name].update_state(value)
        return loss

    def _loss(self, source, target, training):
        target = tf.cast(target, "float32")
        output = tf.cast(self.network(source, training=training), "float32")
        judge = self._judge(source) if self.discriminator is not None else None
        values = {term.name: term(source, target, output, judge) for term in self.terms}
        total = tf.add_n([term.weight * values[term.name] for term in self.terms])
        for name, value in {"loss": total, **values}.items():
            self.trackers[name].update_state(value)
        return total

    def _judge(self, source):
        """Return the function images -> logits of these sources, in float32 whatever the precision policy."""

        def judge(images):
            pairs = tf.concat([tf.cast(source, "float32"), images], axis=-1) if self.pairwise else images
            return tf.cast(self.discriminator(pairs, training=True), "float32")

        return judge

    def _penalty(self, source, target):
        if not self.penalty_weight:
            return 0.0
        value = losses.r1_penalty(self._judge(source), target)
        self.trackers["penalty"].update_state(value)
        return self.penalty_weight * value

    # --- Saving ----------------------------------------------------------------------------------

    def get_config(self):
        """Return what ``from_config`` needs."""
        serialise = keras.saving.serialize_keras_object
        return {
            "network": serialise(self.network),
            "loss": [serialise(term) for term in self.terms],
            "discriminator": None if self.discriminator is None else serialise(self.discriminator),
            "penalty_weight": self.penalty_weight,
        }

    @classmethod
    def from_config(cls, config):
        """Rebuild the model from ``get_config``."""
        restore = keras.saving.deserialize_keras_object
        config = config | {name: restore(config[name]) for name in ("network", "discriminator")}
        return cls(**config | {"loss": [restore(term) for term in config["loss"]]})

    def get_compile_config(self):
        """Return the optimizers, so that a saved model can go on training."""
        names = ["optimizer"] + ["discriminator_optimizer"] * (self.discriminator is not None)
        return {name: keras.saving.serialize_keras_object(getattr(self, name)) for name in names}

    def compile_from_config(self, config):
        """Compile with the optimizers of ``get_compile_config``; their state is loaded with the weights."""
        self.compile(**{name: keras.saving.deserialize_keras_object(value) for name, value in config.items()})


# --- Using and feeding it ----------------------------------------------------------------------


def translate(network, images, batch_size=16):
    """Return what a network with outputs in [-1, 1] makes of images uint8 (N, H, W, C), as uint8, batch by batch."""
    x = _images.to_float(images_uint8("images", images))
    if not len(x):
        refuse("images", "at least one image", images)
    step = integer("batch_size", batch_size, 1)
    made = [_images.to_uint8(network(x[i : i + step], training=False)) for i in range(0, len(x), step)]
    return np.concatenate(made)


class Batches(keras.utils.PyDataset):
    """Batches ``make(rows, rng) -> (source, target)`` of ``n`` examples, in a new order each epoch.

    ``rows`` are the batch's row numbers and ``rng`` its own random generator, so that what is drawn in a batch depends
    on ``seed``, epoch and batch alone. The last incomplete batch is left out.
    """

    def __init__(self, make, n, batch_size, seed=0):
        super().__init__()
        self.make, self.n = make, integer("n", n, 1)
        self.batch_size, self.seed = integer("batch_size", batch_size, 1), integer("seed", seed, 0)
        if self.batch_size > self.n:
            refuse("batch_size", f"at most the number of examples, {self.n}", batch_size)
        self.epoch = 0
        self._shuffle()

    def __len__(self):
        return self.n // self.batch_size

    def __getitem__(self, index):
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        return self.make(rows, np.random.default_rng([self.seed, self.epoch, index]))

    def on_epoch_end(self):
        """Go on to the next epoch's order."""
        self.epoch += 1
        self._shuffle()

    def _shuffle(self):
        self.order = np.random.default_rng([self.seed, self.epoch]).permutation(self.n)


def augmented_pairs(source, target):
    """Return the ``make`` of ``Batches`` for square images uint8 (N, h, h, C) and (N, H, H, D).

    Each pair is turned by a multiple of 90° and mirrored or not, both images alike: the eight symmetries of the square.
    """
    source, target = images_uint8("source", source), images_uint8("target", target)
    for name, x in (("source", source), ("target", target)):
        if x.shape[1] != x.shape[2] or len(x) != len(source):
            refuse(name, f"{len(source)} square images", x)

    def make(rows, rng):
        turns = rng.integers(8, size=len(rows))
        return tuple(_images.to_float(turned(x[rows], turns)) for x in (source, target))

    return make


def turned(images, turns):
    """Return square images (N, H, H, C), the k-th turned by ``turns[k]`` % 4 right angles, mirrored from 4 to 7."""
    turns = array("turns", turns, ("N",), np.int64)
    images = array("images", images, (len(turns), "H", "H", "C"), None)
    if not len(images):
        refuse("images", "at least one image", images)
    mirrored = [x[:, ::-1] if k >= 4 else x for x, k in zip(images, turns, strict=True)]
    return np.stack([np.rot90(x, k % 4) for x, k in zip(mirrored, turns, strict=True)])


def _first_pair(x, y):
    """Return the first sources and targets of arrays, a PyDataset or a ``tf.data.Dataset`` of pairs."""
    if isinstance(x, keras.utils.PyDataset):
        return x[0]
    if isinstance(x, tf.data.Dataset):
        return next(iter(x.take(1)))
    if y is None:
        refuse("y", "targets, one for each source", "None")
    return x[:256], y[:256]


def _term(item):
    if isinstance(item, str):
        return LOSSES[choice("loss", item, LOSSES)]()
    if not isinstance(item, PairLoss):
        refuse("loss", f"one of {', '.join(map(repr, LOSSES))}, a PairLoss, or a list of them", repr(item))
    return item


def _judges_pairs(network, discriminator):
    """Say by its channels whether a discriminator judges (source, image) pairs; refuse one that fits neither way."""
    seen, made = discriminator.input_shape[-1], network.output_shape[-1]
    if seen not in (made, made + network.input_shape[-1]):
        expected = f"a model of {made} channels (images), or of {made + network.input_shape[-1]} (pairs)"
        refuse("discriminator", expected, f"a model of {seen}")
    if getattr(discriminator.layers[-1], "activation", None) is keras.activations.sigmoid:
        refuse("discriminator", "logits", "a sigmoid output", "Remove the last activation: the losses take logits.")
    return seen != made
