"""Train one model of the zoo on several machines: the same command on each, ``python tools/train_distributed.py NAME``.

Which machines take part says TF_CONFIG, or Slurm's environment; without either it is this one with all its GPUs. How
to start it under Slurm and Kubernetes is in docs/distributed.md. ``--folder`` lies on a disk that all machines share:
the training is checkpointed there and goes on from there. When a machine is lost the others end with status 75; start
the same command again on all of them.

Keras 3's ``fit`` does not support MultiWorkerMirroredStrategy, so the loop is written out here, around the models' own
``train_step``.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

from course_lib._backup import Checkpoints
from course_lib._training import TrainingDiverged
from course_lib._validate import refuse

RESTART = 75  # EX_TEMPFAIL of sysexits.h: run the same command again
LOST = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.InternalError, tf.errors.DeadlineExceededError)


# --- The machines ------------------------------------------------------------------------------


def read_slurm(port=8888):
    """Under Slurm, write the cluster that its environment describes to TF_CONFIG, unless somebody has done so.

    A node's tasks listen on ``port``, ``port`` + 1, ...; each sees the GPUs that Slurm gives it (--gpus-per-task), so
    that there is none to hand out here.
    """
    if "TF_CONFIG" in os.environ or "SLURM_STEP_NODELIST" not in os.environ:
        return
    slots = {"gpus_per_node": 4096, "gpus_per_task": 1}  # more than a node has tasks: without slots it lists none
    resolver = tf.distribute.cluster_resolver.SlurmClusterResolver(port_base=port, auto_set_gpu=False, **slots)
    task = {"type": "worker", "index": int(os.environ["SLURM_PROCID"])}
    os.environ["TF_CONFIG"] = json.dumps({"cluster": resolver.cluster_spec().as_dict(), "task": task})


def place():
    """Return this process's number, from 0, and the number of processes, as TF_CONFIG says; 0 and 1 without one."""
    config = json.loads(os.environ.get("TF_CONFIG", "{}"))
    return config.get("task", {}).get("index", 0), len(config.get("cluster", {}).get("worker", [None]))


# --- The loop ----------------------------------------------------------------------------------


def batches(arrays, batch_size, seed, epoch, batch, context):
    """Return this process's share of an endless stream of batches, from batch ``batch`` of epoch ``epoch`` on.

    ``arrays``: one array, or a structure of arrays of one length. The order of an epoch depends on ``seed`` and the
    epoch alone, so that a restarted training sees what it would have seen. An element is the part of one replica:
    replica r of R takes rows r · B / R to (r + 1) · B / R of each batch of B. The incomplete last batch is left out.
    """
    n = len(tf.nest.flatten(arrays)[0])
    replicas, processes = context.num_replicas_in_sync, context.num_input_pipelines
    if n < batch_size or batch_size % replicas:
        refuse("batch_size", f"at most {n} examples, and a multiple of the {replicas} replicas", batch_size)
    part = batch_size // replicas
    arrays = tf.nest.map_structure(tf.constant, arrays)

    def rows(epoch):
        order = tf.random.experimental.stateless_shuffle(tf.range(n), seed=[seed, epoch])
        parts = tf.reshape(order[: n // batch_size * batch_size], (-1, processes, replicas // processes, part))
        return tf.data.Dataset.from_tensor_slices(tf.reshape(parts[:, context.input_pipeline_id], (-1, part)))

    def examples(rows):
        return tf.nest.map_structure(lambda array: tf.gather(array, rows), arrays)

    # Endless, because at an end that may come the processes would have to agree before every step that it has not.
    stream = tf.data.Dataset.counter(epoch).flat_map(rows).skip(batch * (replicas // processes))
    return stream.map(examples).prefetch(tf.data.AUTOTUNE)


def train(model, arrays, batch_size, epochs, folder, every=500, seed=0):
    """Train a compiled model, made under the strategy, and yield (step, logs) after every step that is done.

    ``batch_size`` counts the examples of all machines together. ``logs`` are the means of the metrics since the last
    checkpoint, after each checkpoint, and None otherwise: to read them is to wait for all machines. Checkpoints are
    written after every ``every`` steps and at the end of every epoch.
    Raises ``TrainingDiverged``, before it would save it, if a loss has become NaN.
    """
    strategy = model.distribute_strategy
    process, _ = place()
    # Every process has to take part in writing, but one copy is enough.
    checkpoints = Checkpoints(model, folder, writes_to=None if process == 0 else tempfile.mkdtemp())
    epoch, batch = checkpoints.restore()
    per_epoch = len(tf.nest.flatten(arrays)[0]) // batch_size
    step = epoch * per_epoch + batch
    require_one_place(strategy, step)

    def stream(context):
        return batches(arrays, batch_size, seed, epoch, batch, context)

    iterator = iter(strategy.distribute_datasets_from_function(stream))
    one_step = tf.function(lambda data: strategy.run(model.train_step, args=(data,)), autograph=False)
    while step < epochs * per_epoch:
        names = one_step(next(iterator)).keys()
        step += 1
        logs = None
        if step % every == 0 or step % per_epoch == 0:
            logs = means(model, names, step)
            checkpoints.save(step // per_epoch, step % per_epoch)
        yield step, logs


def require_one_place(strategy, step):
    """Stop if the processes have not found the same checkpoint, as on a folder that they do not share."""
    total = strategy.reduce("SUM", strategy.run(lambda: tf.constant(step, "int64")), axis=None)
    if int(total) != step * strategy.num_replicas_in_sync:
        refuse("folder", "one that all machines share", f"step {step} here and another elsewhere")


def means(model, names, step):
    """Return the means of these metrics over all machines, and reset them."""
    logs = {metric.name: float(metric.result()) for metric in model.metrics if metric.name in names}
    bad = [name for name, value in logs.items() if not np.isfinite(value)]
    if bad:
        raise TrainingDiverged(f"{' and '.join(bad)} became NaN or infinite before step {step}.")
    model.reset_metrics()
    return logs


# --- The models of the zoo -----------------------------------------------------------------------


def examples(recipe):
    """Return what the model of a recipe is trained on: images, or images with conditions or with labels to name."""
    from conditional_recipes import conditions_of
    from zoo_recipes import load

    x, labels = load(recipe, "train")
    if recipe.condition:
        return x, conditions_of(recipe).encode(labels).astype(np.float32)
    return (x, labels) if "naming_weight" in recipe.training else x


def main():
    """Read the command line and train; the first process reports, and keeps the model at the end."""
    from zoo_recipes import RECIPES

    names = [name for name, recipe in RECIPES.items() if recipe.kind.split("-")[-1] in ("vae", "gan", "flow")]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=names, metavar="NAME", help=" or ".join(names))
    parser.add_argument("--folder", type=Path, required=True, help="a folder that all machines share")
    parser.add_argument("--every", type=int, default=500, help="steps between two checkpoints")
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    parser.add_argument("--port", type=int, default=8888, help="the first port of a node, under Slurm")
    options = parser.parse_args()
    read_slurm(options.port)
    strategy = tf.distribute.MultiWorkerMirroredStrategy()  # before TensorFlow does anything else
    from train_zoo import build

    from course_lib import runtime

    recipe, chief = RECIPES[options.name], place()[0] == 0
    runtime.setup(0, precision=recipe.precision)
    with strategy.scope():
        model, _ = build(recipe)
    epochs = options.epochs or recipe.epochs
    for step, logs in train(model, examples(recipe), recipe.batch_size, epochs, options.folder, options.every):
        if logs and chief:
            print(f"step {step}: " + ", ".join(f"{name} {value:.4g}" for name, value in logs.items()), flush=True)
    if chief:
        model.save(options.folder / f"{options.name}.keras")


def restartable(function):
    """Call a function; when a machine is lost, say so and end with ``RESTART`` at once."""
    try:
        function()
    except LOST as error:
        print(f"A machine was lost: {str(error)[:300]}\nStart the same command again on all.", file=sys.stderr)
        sys.stderr.flush()
        os._exit(RESTART)  # an ordinary exit would wait for the machine that is gone


if __name__ == "__main__":
    restartable(main)
