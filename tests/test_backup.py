"""Checkpoints in mid-epoch: a process is killed for real, and finds again what it had at its last checkpoint."""

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from trainers import examples, make, weights

from course_lib._backup import Checkpoints
from course_lib._training import optimizers
from course_lib.callbacks import Backup

GAME = {"loss": "hinge", "penalty": "r1", "penalty_every": 2}
VICTIM = textwrap.dedent(
    """
    import os, signal, sys
    import keras, numpy as np
    import test_backup, trainers

    class Killed(keras.callbacks.Callback):
        epoch = 0

        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch

        def on_train_batch_begin(self, batch, logs=None):
            if (self.epoch, batch) == (1, 2):  # the backup has just been written
                np.savez(sys.argv[2], *test_backup.state(self.model))
            if (self.epoch, batch) == (1, 3):
                os.kill(os.getpid(), signal.SIGKILL)

    model = trainers.make("GAN", keras.optimizers.Adam, **test_backup.GAME)
    backup = test_backup.Backup(sys.argv[1], every=2)
    model.fit(*trainers.examples("GAN", 32), batch_size=8, epochs=3, verbose=0, callbacks=[backup, Killed()])
    """
)


def state(model):
    """Return everything a training goes on from: weights, averages, random generators and both optimizers."""
    metrics = {id(v) for metric in model.metrics for v in metric.variables}
    own = [v for v in model.variables if id(v) not in metrics]
    return [v.numpy() for v in own + [v for optimizer in optimizers(model).values() for v in optimizer.variables]]


def adam():
    import keras

    return keras.optimizers.Adam(1e-3)


def test_a_killed_process_loses_the_steps_since_its_last_checkpoint_and_no_more(tmp_path):
    folder, kept = tmp_path / "backup", tmp_path / "kept.npz"
    command = [sys.executable, "-c", VICTIM, str(folder), str(kept)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=Path(__file__).parent)
    assert run.returncode == -signal.SIGKILL, run.stderr[-3000:]
    model = make("GAN", adam, **GAME)
    assert Checkpoints(model, folder).restore() == (1, 2)
    with np.load(kept) as file:
        for restored, had in zip(state(model), [file[key] for key in file.files], strict=True):
            np.testing.assert_array_equal(restored, had)
    assert int(model.step_count) == int(model.generator_optimizer.iterations) == 6  # an epoch of four steps, and two

    # The interrupted epoch is begun again: four steps of it and four of the last one.
    history = model.fit(*examples("GAN", 32), batch_size=8, epochs=3, verbose=0, callbacks=[Backup(folder, every=2)])
    assert history.epoch == [1, 2]
    assert int(model.step_count) == 6 + 8


def test_after_whole_epochs_the_future_is_the_same_too(tmp_path):
    """Random generators are restored, which Keras's files leave out: the noise goes on as it would have."""

    def train(epochs, callbacks=()):
        model = make("VAE", adam)
        fit = {"batch_size": 8, "shuffle": False, "verbose": 0, "callbacks": list(callbacks)}
        return weights(model), model.fit(*examples("VAE"), epochs=epochs, **fit).epoch, weights(model)

    _, _, uninterrupted = train(3)
    _, first, _ = train(2, [Backup(tmp_path)])
    start, rest, resumed = train(3, [Backup(tmp_path)])
    assert (first, rest) == ([0, 1], [2])
    np.testing.assert_array_equal(resumed, uninterrupted)
    assert not np.array_equal(start, resumed)
    assert train(3, [Backup(tmp_path)])[1] == []  # nothing is left to do


def test_a_fit_without_the_backup_begins_at_its_own_first_epoch(tmp_path):
    model = make("VAE", adam)
    fit = {"batch_size": 8, "verbose": 0}
    model.fit(*examples("VAE"), epochs=2, callbacks=[Backup(tmp_path)], **fit)
    model.fit(*examples("VAE"), epochs=2, callbacks=[Backup(tmp_path)], **fit)
    assert model.fit(*examples("VAE"), epochs=1, **fit).epoch == [0]


def test_half_a_file_of_a_killed_writer_does_no_harm_and_two_checkpoints_are_kept(tmp_path):
    model = make("VAE", adam)
    checkpoints = Checkpoints(model, tmp_path)
    for batch in (1, 2, 3):
        checkpoints.save(0, batch)
    whole = (tmp_path / "ckpt-3.data-00000-of-00001").read_bytes()
    (tmp_path / "ckpt-4.data-00000-of-00001").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "ckpt-4.index").write_bytes(b"")
    assert Checkpoints(model, tmp_path).restore() == (0, 3)
    assert {path.name for path in tmp_path.glob("*.index")} == {f"ckpt-{k}.index" for k in (2, 3, 4)}


def test_the_folder_of_another_model_is_refused(tmp_path):
    Checkpoints(make("VAE", adam), tmp_path).save(0)
    for other in (make("FlowMatching", adam), make("GAN", adam)):
        with pytest.raises(ValueError, match="folder: expected checkpoints of this model"):
            Checkpoints(other, tmp_path).restore()
    with pytest.raises(ValueError, match="every: expected an integer of at least 1"):
        Backup(tmp_path, every=0)


def test_a_new_folder_holds_nothing(tmp_path):
    assert Checkpoints(make("VAE", adam), tmp_path / "none").restore() == (0, 0)
