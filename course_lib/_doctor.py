"""The GAN doctor: what it measures, as a Keras callback or one visit at a time. Its rules are in ``_diagnoses``."""

import keras
import numpy as np
import tensorflow as tf
from scipy.cluster.vq import kmeans2, vq
from scipy.spatial.distance import pdist

from course_lib import metrics
from course_lib._diagnoses import diagnose
from course_lib._validate import array, integer, number, refuse

BINS = 10  # regions that the data are cut into
NEIGHBOUR = 3  # of the balls whose union stands for where the samples are, as in Kynkäänniemi et al. 2019


class GanDoctor(keras.callbacks.Callback):
    """Measure a ``gan.GAN`` after every epoch of ``fit``, or on every ``visit``, on fixed data and fixed latent codes.

    ``data`` are what the model is trained on: images (N, H, W, C), or points (N, d) for the networks of ``planar``;
    ``n`` of them, and as many samples, are used. ``modes`` = (centres (m, d), std) of a known mixture adds ``kept``,
    the share of its modes that are kept, and ``high_quality`` (see ``metrics.mode_coverage``, on 16 n samples).
    Each of ``records`` holds

    - ``accuracy_real``, ``accuracy_fake``: shares of logits on the right side of 0, which means nothing for a
      Wasserstein critic or a relativistic loss; ``separation``: the share of pairs in which D ranks the real one
      higher, ½ for a blind D, which means the same for every loss; ``logit_gap``: the difference of the mean logits;
    - ``gradient_generator``, ``gradient_discriminator``: global norms under the model's own loss;
    - ``diversity``: mean pairwise distance of samples over the data's; ``recall``: share of the data within reach of
      the samples (``metrics.precision_recall``), on plain pixels or coordinates; ``bins``: how evenly samples fill ten
      regions of the data, made by k-means, exp(entropy) of their histogram over that of the data's (after Richardson &
      Weiss 2018, https://arxiv.org/abs/1805.12462); ``movement``: how far the same codes' samples have moved since the
      last visit, over the data's mean pairwise distance (NaN on the first);
    - ``dead_generator``, ``dead_discriminator``: shares of silent ReLU channels;
    - the ranges ``real_minimum`` ... ``fake_maximum``; ``reach_minimum`` and ``reach_maximum``: what the generator's
      last activation allows, infinite without a bound.

    Raises ``ValueError`` for data of another shape, fewer than ten examples, or modes that do not fit the data.
    """

    def __init__(self, data, n=128, seed=0, modes=None):
        super().__init__()
        x = np.asarray(data, np.float32)
        if x.ndim not in (2, 4) or len(x) < BINS:
            refuse("data", f"at least {BINS} images (N, H, W, C) or points (N, d)", x)
        shuffled = x[np.random.default_rng(seed).permutation(len(x))]
        self.real = shuffled[: integer("n", n, NEIGHBOUR + 2)]
        self._regions, self._filled = _regions(shuffled[:1000].reshape(len(shuffled[:1000]), -1), seed)
        self.modes = None if modes is None else _checked_modes(modes, x)
        self.seed, self.records, self._samples, self._probes = seed, [], None, {}

    def on_epoch_end(self, epoch, logs=None):
        self.visit()

    def visit(self, model=None):
        """Measure ``model`` (by default the one being trained), append the record and return it."""
        if model is not None:
            self.set_model(model)
        before, self._samples = self._samples, np.asarray(self.model.generator(self._codes(), training=False))
        moved = np.nan if before is None else _mean_norm(self._samples - before) / self._spread()
        self.records.append(self.examine() | {"movement": float(moved)})
        return self.records[-1]

    def examine(self):
        """Return today's measurements of the model as a dictionary of floats."""
        generator, discriminator = self.model.generator, self.model.discriminator
        z = self._codes()
        with tf.GradientTape() as d_tape, tf.GradientTape() as g_tape:
            fake = generator(z, training=False)
            real_logits = tf.cast(discriminator(self.real, training=False), "float32")
            fake_logits = tf.cast(discriminator(fake, training=False), "float32")
            d_loss = self.model.gan_loss.discriminator(real_logits, fake_logits)
            g_loss = self.model.gan_loss.generator(real_logits, fake_logits)
        low, high = _reach(generator)
        return {
            "accuracy_real": float(np.mean(real_logits > 0)),
            "accuracy_fake": float(np.mean(fake_logits < 0)),
            "separation": _separation(np.ravel(real_logits), np.ravel(fake_logits)),
            "logit_gap": float(np.mean(real_logits) - np.mean(fake_logits)),
            "gradient_generator": _norm(g_tape.gradient(g_loss, generator.trainable_variables)),
            "gradient_discriminator": _norm(d_tape.gradient(d_loss, discriminator.trainable_variables)),
            **self._variety(np.asarray(fake, np.float64)),
            "dead_generator": self._dead_share(generator, z),
            "dead_discriminator": self._dead_share(discriminator, self.real),
            "real_minimum": float(self.real.min()),
            "real_maximum": float(self.real.max()),
            "fake_minimum": float(np.min(fake)),
            "fake_maximum": float(np.max(fake)),
            "reach_minimum": low,
            "reach_maximum": high,
        }

    @property
    def history(self):
        """The records as columns, name -> list, for ``plots.curves``."""
        return {name: [record[name] for record in self.records] for name in (self.records or [{}])[0]}

    def report(self):
        """Return the ``Report`` of the diagnoses that the last epochs support, in the order to treat them."""
        if not self.records:
            refuse("records", "at least one epoch", "none", "Pass the callback to fit first, or call visit.")
        return diagnose(self.records)

    def _codes(self, times=1):
        shape = times * len(self.real), self.model.latent_dim
        return np.random.default_rng(self.seed).standard_normal(shape, np.float32)

    def _spread(self):
        return max(_mean_distance(self.real), 1e-9)

    def _dead_share(self, network, inputs):
        """Share of ReLU channels that are zero for all inputs; 0 for a network without ReLU."""
        if network not in self._probes:
            self._probes[network] = _probe(network)
        if self._probes[network] is None:
            return 0.0
        values = self._probes[network](inputs, training=False)
        values = values if isinstance(values, (list, tuple)) else [values]
        silent = [np.max(v, axis=tuple(range(np.ndim(v) - 1))) <= 0 for v in values]
        return float(np.mean(np.concatenate(silent)))

    def _variety(self, fake):
        rows = fake.reshape(len(fake), -1)
        if not np.isfinite(rows).all():  # a training that has diverged: nothing can be said of its samples
            return dict.fromkeys(
                ("diversity", "recall", "bins", *(("kept", "high_quality") if self.modes else ())), np.nan
            )
        found = {
            "diversity": _mean_distance(fake) / self._spread(),
            "recall": metrics.precision_recall(self.real.reshape(len(rows), -1), rows, NEIGHBOUR)["recall"],
            "bins": _effective(vq(rows, self._regions)[0]) / self._filled,
        }
        if self.modes is not None:
            counted = metrics.mode_coverage(self.model.generator(self._codes(16), training=False), *self.modes)
            found |= {"kept": counted["kept"] / len(self.modes[0]), "high_quality": counted["high_quality"]}
        return found


def _checked_modes(modes, x):
    centres, std = modes
    centres = array("modes", centres, ("m", x.shape[-1]))
    if x.ndim != 2 or not len(centres):
        refuse("modes", "centres (m, d) of the mixture that the points (N, d) were drawn from", centres)
    return centres, number("modes", std, 0, open_minimum=True)


def _regions(rows, seed):
    """Return the centres of the regions that k-means cuts data (N, d) into, and how many of them the data fill."""
    centres, found = kmeans2(rows.astype(np.float64), BINS, minit="++", seed=seed)
    return centres, _effective(found)


def _effective(bins):
    """Return exp(entropy) of a histogram: the number of bins if they are filled evenly, 1 if one holds all."""
    shares = np.bincount(bins) / len(bins)
    shares = shares[shares > 0]
    return float(np.exp(-np.sum(shares * np.log(shares))))


def _separation(real, fake):
    """Share of pairs with the real logit above the fake one, ties counted half: the area under D's ROC curve."""
    gap = real[:, None] - fake
    return float(np.mean(gap > 0) + 0.5 * np.mean(gap == 0))


def _norm(gradients):
    return float(tf.linalg.global_norm([g for g in gradients if g is not None]))


def _mean_distance(examples):
    """Mean Euclidean distance over all pairs."""
    return float(pdist(np.asarray(examples, np.float64).reshape(len(examples), -1)).mean())


def _mean_norm(differences):
    return np.linalg.norm(differences.reshape(len(differences), -1), axis=1).mean()


def _reach(generator):
    """Return the least and greatest value that the generator's last activation allows."""
    bounds = {keras.activations.tanh: (-1.0, 1.0), keras.activations.sigmoid: (0.0, 1.0)}
    last = next((f for layer in generator.layers[::-1] if (f := getattr(layer, "activation", None)) is not None), None)
    return bounds.get(last, (-np.inf, np.inf))


def _probe(network):
    """Return a model of the outputs of all ReLU layers, None for a network without any."""
    outputs = [layer.output for layer in network.layers if _is_relu(layer)]
    return keras.Model(network.inputs[0], outputs) if outputs else None


def _is_relu(layer):
    plain = isinstance(layer, keras.layers.ReLU) and not layer.negative_slope
    return plain or getattr(layer, "activation", None) is keras.activations.relu
