"""What every trained model of the course shares: a look at the data before, a guard against NaN during training."""

import keras
import numpy as np
import tensorflow as tf

from course_lib._validate import training_images


class TrainingDiverged(FloatingPointError):
    """A loss became NaN or infinite; the model holds its last good weights again."""


class KeepLastGood(keras.callbacks.Callback):
    """Stop at the first non-finite log and put the weights of the last snapshot back.

    A snapshot of all ``variables()`` (weights and optimizer state) is taken every ``every`` steps, in memory, and only
    while every value in it is finite. The logs it looks at are those that ``fit`` has read already: it waits for the
    device once for each ``steps_per_execution`` steps, with this callback or without.
    """

    def __init__(self, variables, every=100):
        super().__init__()
        self.variables = variables
        self.every = every

    def on_train_begin(self, logs=None):
        self.step = self.epoch_start = 0  # steps of this fit
        self._remember()

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch_start = self.step

    def on_train_batch_end(self, batch, logs=None):
        self.step = self.epoch_start + batch + 1  # not one more: a call may have taken several steps
        bad = [name for name, value in (logs or {}).items() if not np.isfinite(value)]
        if bad:
            for variable, value in zip(self.variables(), self.snapshot, strict=True):
                variable.assign(value)
            raise TrainingDiverged(
                f"{' and '.join(bad)} became NaN or infinite at step {self.step} of this fit. "
                f"The weights of step {self.snapshot_step} were put back. {_likely_cause(self.model)}"
            )
        if self.step >= self.next_snapshot:
            self._remember()

    def _remember(self):
        self.next_snapshot = self.step + self.every
        values = [variable.numpy() for variable in self.variables()]
        if all(np.isfinite(value).all() for value in values if np.issubdtype(value.dtype, np.floating)):
            self.snapshot, self.snapshot_step = values, self.step
        elif self.step == 0:
            raise TrainingDiverged("The model's weights hold NaN or infinite values before the first step.")


class ReplicaSeeds(keras.random.SeedGenerator):
    """A seed generator from which every replica draws numbers of its own.

    Keras's has the same state on all replicas of a ``tf.distribute`` strategy, so that N graphics cards would train on
    N copies of the same noise. On one replica the two are alike.
    """

    def next(self, ordered=True):
        """Return the next seed (2,), different on each replica, and step on."""
        seed = super().next(ordered)
        context = tf.distribute.get_replica_context()
        if context is None or context.num_replicas_in_sync == 1:
            return seed
        # Far apart, so that no replica's numbers are those of a neighbouring seed.
        return seed + tf.stack([tf.cast(context.replica_id_in_sync_group, seed.dtype) * 1_000_003, 0])


def optimizers(model):
    """Return the optimizers a compiled model holds, by attribute name."""
    names = ("optimizer", "generator_optimizer", "discriminator_optimizer")
    return {name: opt for name in names if (opt := getattr(model, name, None)) is not None}


def guarded_fit(fit, model, x, callbacks, **kwargs):
    """Call ``fit`` after checking a batch of ``x``, with ``KeepLastGood`` among the callbacks.

    Arrays are fed ahead of the step by Keras; a dataset is made to be, if its owner did not.
    """
    training_images("x", first_batch(x))
    if isinstance(x, tf.data.Dataset):
        x = x.prefetch(tf.data.AUTOTUNE)

    def variables():
        return model.variables + [v for opt in optimizers(model).values() for v in opt.variables]

    return fit(x, callbacks=[KeepLastGood(variables), *(callbacks or [])], **kwargs)


def first_batch(x):
    """Return the first images of an array or a dataset; of ``(images, ...)`` elements, the images."""
    if isinstance(x, tf.data.Dataset):
        x = next(iter(x.take(1)))
        x = x[0] if isinstance(x, (tuple, list)) else x
    return np.asarray(x[:256])


def per_replica(loss):
    """Divide a batch mean by the number of replicas: under a strategy, Keras optimizers sum the replicas' gradients."""
    return loss / tf.distribute.get_strategy().num_replicas_in_sync


def follow_average(average, network, decay, step):
    """Move the weights of ``average`` towards those of ``network`` by 1 − ``decay``; ``step`` counts from 1.

    A fixed decay would remember the random start for thousands of steps; the one used, min(decay, (1 + t)/(10 + t)),
    grows into it. All variables, so that BatchNorm's moving statistics belong to the averaged weights.
    """
    t = tf.cast(step, "float32")
    decay = tf.minimum(decay, (1 + t) / (10 + t))
    for mean, value in zip(average.variables, network.variables, strict=True):
        if mean.dtype.startswith("float"):
            mean.assign(decay * mean + (1 - decay) * value)


def _likely_cause(model):
    rates = {name: float(opt.learning_rate) for name, opt in optimizers(model).items()}
    high = [f"{name} has learning rate {rate:g}" for name, rate in rates.items() if rate > 2e-3]
    if high:
        return f"Likely cause: {' and '.join(high)}; try 2e-4."
    if keras.mixed_precision.dtype_policy().compute_dtype == "float16":
        return "Likely cause: float16 overflow; keep the last layer in float32, or use mixed_bfloat16."
    return "Likely cause: NaN in the data, or log or sqrt of 0 in a loss of your own; check both, then halve the rate."
