"""Checkpoints of a training in the middle of an epoch: a killed process loses the steps since the last one, no more."""

from pathlib import Path

import keras
import tensorflow as tf

from course_lib._training import optimizers
from course_lib._validate import integer, refuse


class Checkpoints:
    """A compiled model's weights, optimizer state, random generators and place in its training, on disk.

    ``save`` writes a new checkpoint before it lets go of the one before, so that a process killed while it writes
    leaves a whole one behind; the newest ``keep`` stay. Variables are known by their order: a folder belongs to one
    model. The metrics' running means are not kept, they begin anew. Of several processes that train one model all must
    call ``save`` together, each with its own folder in ``writes_to``, and all restore from ``folder``.
    """

    def __init__(self, model, folder, keep=2, writes_to=None):
        self.folder = str(folder)
        metrics = {id(variable) for metric in model.metrics for variable in metric.variables}
        kept = [v for v in model.variables if id(v) not in metrics]
        kept += [v for optimizer in optimizers(model).values() for v in optimizer.variables]
        self.variables = [v.value for v in kept]
        self.epoch, self.batch = (tf.Variable(0, dtype="int64", trainable=False) for _ in range(2))
        self.checkpoint = tf.train.Checkpoint(variables=self.variables, epoch=self.epoch, batch=self.batch)
        self.manager = tf.train.CheckpointManager(self.checkpoint, str(writes_to or folder), integer("keep", keep, 1))

    def save(self, epoch, batch=0):
        """Write the state after ``batch`` steps of epoch ``epoch``, both counted from 0."""
        self.epoch.assign(epoch)
        self.batch.assign(batch)
        return self.manager.save()

    def restore(self):
        """Load the newest checkpoint into the model and return its (epoch, batch); (0, 0) if there is none.

        Raises ``ValueError`` if the folder holds the checkpoints of another model.
        """
        path = tf.train.latest_checkpoint(self.folder)
        if path is None:
            return 0, 0
        self._require_equal(tf.train.load_checkpoint(path))
        self.checkpoint.restore(path).assert_consumed()
        return int(self.epoch), int(self.batch)

    def _require_equal(self, stored):
        """Refuse a stored model of other shapes before any of it is loaded."""
        names = [f"variables/{k}/.ATTRIBUTES/VARIABLE_VALUE" for k in range(len(self.variables))]
        here = {name: (v.shape.as_list(), v.dtype) for name, v in zip(names, self.variables, strict=True)}
        shapes, dtypes = stored.get_variable_to_shape_map(), stored.get_variable_to_dtype_map()
        there = {name: (shapes[name], dtypes[name]) for name in shapes if name.startswith("variables/")}
        if here != there:
            refuse("folder", "checkpoints of this model", f"others in {Path(self.folder).name}")


class Backup(keras.callbacks.Callback):
    """Save the whole training every ``every`` steps and after each epoch; a ``fit`` of an equal model goes on from it.

    An epoch that was interrupted is begun again, with the weights, optimizer state and random generators of the last
    checkpoint: ``fit`` offers no way into the middle of its data. ``keras.callbacks.BackupAndRestore`` with a
    ``save_freq`` in steps leaves out the random generators, writes over its only checkpoint, and takes a restarted
    epoch for epoch 0. Raises ``ValueError`` in ``fit`` if the folder belongs to another model.
    """

    def __init__(self, folder, every=500):
        super().__init__()
        self.folder, self.every = folder, integer("every", every, 1)

    def on_train_begin(self, logs=None):
        self.checkpoints = Checkpoints(self.model, self.folder)
        self.epoch, _ = self.checkpoints.restore()
        self.saved = 0
        if self.epoch:
            self.model._initial_epoch = self.epoch  # where Keras's own callback leaves it for `fit`

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch, self.saved = epoch, 0
        self.model._initial_epoch = None  # else a later `fit` without this callback would begin there too

    def on_train_batch_begin(self, batch, logs=None):
        # At the next step's beginning: an epoch's last step is saved with the epoch.
        if batch - self.saved >= self.every:
            self.checkpoints.save(self.epoch, batch)
            self.saved = batch

    def on_epoch_end(self, epoch, logs=None):
        self.checkpoints.save(epoch + 1)

    def on_train_end(self, logs=None):
        self.model._initial_epoch = None
