"""Two processes on this machine train as one does, agree in every weight, and go on after one of them was killed."""

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
import train_distributed
import train_zoo
import zoo_recipes
from trainers import make

from course_lib._backup import Checkpoints

SCRIPT = textwrap.dedent(
    """
    import os, signal, sys
    import keras, numpy as np, tensorflow as tf
    import train_distributed, trainers

    def main():
        folder, result, death = sys.argv[1], sys.argv[2], int(sys.argv[3])
        several = "TF_CONFIG" in os.environ
        strategy = tf.distribute.MultiWorkerMirroredStrategy() if several else tf.distribute.get_strategy()
        trainers.still_noise()
        with strategy.scope():
            model = trainers.make("GAN", loss="relativistic", penalty="r1_r2", penalty_every=2)
        x, = trainers.examples("GAN", 35)
        steps, logs = [], {}
        for step, new in train_distributed.train(model, x, batch_size=8, epochs=3, folder=folder, every=3):
            steps.append(step)
            logs = new or logs
            if step == death:
                os.kill(os.getpid(), signal.SIGKILL)
        np.savez(result, *model.get_weights(), steps=steps, logs=list(logs.values()))

    train_distributed.restartable(main)
    """
)
FOLDERS = [Path(__file__).parent, Path(train_distributed.__file__).parent]


def free_ports(n):
    """Return ports that are free now; all are held until the last is found."""
    holders = [socket.socket() for _ in range(n)]
    for holder in holders:
        holder.bind(("localhost", 0))
    ports = [holder.getsockname()[1] for holder in holders]
    for holder in holders:
        holder.close()
    return ports


def start(folder, result, death=-1, config=None):
    """Start a process of the training; it kills itself after step ``death``."""
    env = os.environ | {"PYTHONPATH": os.pathsep.join([*map(str, FOLDERS), os.environ["PYTHONPATH"]])}
    env |= {"TF_CONFIG": json.dumps(config)} if config else {}
    command = [sys.executable, "-c", SCRIPT, str(folder), str(result), str(death)]
    return subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def start_two(folder, results, deaths=(-1, -1)):
    """Start two processes that train together."""
    workers = [f"localhost:{port}" for port in free_ports(2)]
    tasks = [{"cluster": {"worker": workers}, "task": {"type": "worker", "index": k}} for k in range(2)]
    return [start(folder, *each) for each in zip(results, deaths, tasks, strict=True)]


def ends(processes):
    """Wait for processes and return their exit statuses and what they wrote to stderr."""
    try:
        written = [process.communicate(timeout=600)[1][-4000:] for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [process.returncode for process in processes], "\n".join(written)


def test_two_processes_train_as_one_and_go_on_after_a_kill(tmp_path):
    alone, first, second = (tmp_path / f"{name}.npz" for name in ("alone", "first", "second"))
    lonely = start(tmp_path / "one", alone)
    (survivor, killed), said = ends(start_two(tmp_path / "two", (first, second), deaths=(-1, 7)))
    assert killed == -signal.SIGKILL, said
    assert survivor == train_distributed.RESTART, said
    assert "A machine was lost" in said
    assert not first.exists()
    model = make("GAN", loss="relativistic", penalty="r1_r2", penalty_every=2)
    assert Checkpoints(model, tmp_path / "two").restore() == (1, 2)  # step 6 of epochs of four steps

    assert ends([lonely])[0] == [0]
    statuses, said = ends(start_two(tmp_path / "two", (first, second)))
    assert statuses == [0, 0], said
    one, here, there = (np.load(path) for path in (alone, first, second))
    assert one["steps"].tolist() == list(range(1, 13))
    assert here["steps"].tolist() == there["steps"].tolist() == list(range(7, 13))
    for key in one.files:
        np.testing.assert_array_equal(here[key], there[key], err_msg=key)
        if key != "steps":
            np.testing.assert_allclose(here[key], one[key], rtol=1e-4, atol=1e-6, err_msg=key)


# --- Data and environment, in this process -------------------------------------------------------


def stream(n=35, batch_size=8, epoch=0, batch=0, processes=1, replicas=1, process=0, steps=10):
    """Return the rows that one process sees in its first ``steps`` elements."""
    context = tf.distribute.InputContext(processes, process, replicas)
    dataset = train_distributed.batches(np.arange(n), batch_size, 0, epoch, batch, context)
    return np.stack(list(dataset.take(steps).as_numpy_iterator()))


def test_an_epoch_shows_every_example_once_in_an_order_of_its_own():
    rows = stream(n=32)
    epochs = rows[:4].ravel(), rows[4:8].ravel()
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(32))
    assert epochs[0].tolist() != epochs[1].tolist()


def test_a_restart_sees_what_it_would_have_seen():
    whole = stream(steps=12)
    np.testing.assert_array_equal(stream(epoch=1, batch=3, steps=5), whole[7:])  # epochs of four steps
    parts = stream(processes=2, replicas=4, process=1, steps=24)
    np.testing.assert_array_equal(stream(processes=2, replicas=4, process=1, epoch=1, batch=3, steps=10), parts[14:])


def test_the_parts_of_all_replicas_make_up_the_batch():
    whole = stream(steps=5)
    parts = [stream(processes=2, replicas=4, process=k, steps=10).reshape(5, 4) for k in range(2)]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)


def test_images_keep_their_conditions():
    context = tf.distribute.InputContext(1, 0, 1)
    pair = (np.arange(20), 10 * np.arange(20))
    for x, c in train_distributed.batches(pair, 4, 0, 0, 0, context).take(3):
        np.testing.assert_array_equal(10 * x, c)


def test_batches_that_cannot_be_shared_out_are_refused():
    for sizes in ({"batch_size": 6, "replicas": 4}, {"batch_size": 36}):
        with pytest.raises(ValueError, match="batch_size: expected at most 35 examples"):
            stream(**sizes)


def test_the_place_is_read_from_tf_config(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert train_distributed.place() == (0, 1)
    config = {"cluster": {"worker": ["a:1", "b:1", "c:1"]}, "task": {"type": "worker", "index": 2}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    assert train_distributed.place() == (2, 3)


def test_slurms_environment_becomes_tf_config_but_does_not_replace_one(monkeypatch):
    slurm = {"PROCID": "3", "STEP_NUM_TASKS": "4", "STEP_NODELIST": "node[07-08]", "STEP_TASKS_PER_NODE": "2(x2)"}
    for name, value in slurm.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    monkeypatch.setenv("TF_CONFIG", "{}")
    train_distributed.read_slurm()
    assert os.environ["TF_CONFIG"] == "{}"
    monkeypatch.delenv("TF_CONFIG")
    train_distributed.read_slurm(port=9000)
    found = json.loads(os.environ["TF_CONFIG"])
    assert found["cluster"]["worker"] == ["node07:9000", "node07:9001", "node08:9000", "node08:9001"]
    assert found["task"] == {"type": "worker", "index": 3}


def test_a_loss_that_is_not_finite_stops_before_it_is_saved(tmp_path):
    x = np.full((16, 8, 8, 1), np.nan, np.float32)
    with pytest.raises(train_distributed.TrainingDiverged, match="loss .*before step 2"):
        list(train_distributed.train(make("VAE"), x, 8, 1, tmp_path))
    assert not list(tmp_path.iterdir())


VAE = {"image_shape": (28, 28, 1), "latent_dim": 2, "width": 2, "likelihood": "bernoulli", "beta": 1.0}
GAN = {"image_shape": (28, 28, 1), "latent_dim": 2, "width": 2}


@pytest.mark.parametrize(
    ("kind", "arguments", "training", "optimizer"),
    [("vae", VAE, {}, "optimizer"), ("gan", GAN, {"naming_weight": 0.5}, "discriminator_optimizer")],
)
def test_the_command_trains_a_recipe_goes_on_and_keeps_the_model(
    kind, arguments, training, optimizer, tmp_path, monkeypatch, capsys
):
    recipe = zoo_recipes.Recipe("a test", kind, "fashion", 1, arguments, batch_size=8, training=training)
    rng = np.random.default_rng(0)
    x, labels = rng.uniform(-1, 1, (24, 28, 28, 1)).astype(np.float32), {"label": np.arange(24) % 3}
    monkeypatch.setitem(zoo_recipes.RECIPES, "fashion-vae", recipe)
    for module in (zoo_recipes, train_zoo):
        monkeypatch.setattr(module, "load", lambda *_: (x, labels))
    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", tf.distribute.get_strategy)
    monkeypatch.delenv("TF_CONFIG", raising=False)

    def command(*options):
        monkeypatch.setattr(sys, "argv", ["train_distributed.py", "fashion-vae", "--folder", str(tmp_path), *options])
        train_distributed.main()
        return capsys.readouterr().out.splitlines()

    assert [line.split(":")[0] for line in command("--every", "2")] == ["step 2", "step 3"]
    assert [line.split(":")[0] for line in command("--epochs", "2")] == ["step 6"]
    model = keras.models.load_model(tmp_path / "fashion-vae.keras")
    assert int(getattr(model, optimizer).iterations) == 6
