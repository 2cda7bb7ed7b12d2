"""Images per second of every trainer: eager, as a graph, compiled by XLA, in bfloat16, and over the batch size.

Run from the repository's root, with nothing else running: python benchmarks/training.py [--rounds 3] [--quick]
A ratio compares two trainings of one run, timed in turns. The share of peak is the arithmetic of the trainer's matrix
products and convolutions, counted from its graph, over what the largest matrix product reaches on the same device.
"""

import argparse
import statistics
import time

import _common
import keras
import numpy as np
import tensorflow as tf

from course_lib import diffusion, gan, nets, runtime, translation, vae

SHAPE = (64, 64, 3)
BATCH, SWEEP = 64, (16, 64, 256)
WAYS = {  # name: precision, arguments of ``compile``
    "eager": ("float32", {"run_eagerly": True}),
    "graph": ("float32", {}),
    "XLA": ("float32", {"jit_compile": True}),
    "bfloat16": ("mixed_bfloat16", {}),
    "bfloat16 + XLA": ("mixed_bfloat16", {"jit_compile": True}),
}
STEPS, SECONDS = 200, 3.0  # of one timing: at most so many steps, about so long
PEAK_SIDES = (512, 1024, 2048, 4096, 8192)


# --- The trainers --------------------------------------------------------------------------------


def adam():
    """Return a new optimizer."""
    return keras.optimizers.Adam(2e-4, beta_1=0.5)


def make_vae(**options):
    """Return a VAE of colour images."""
    model = vae.VAE(nets.conv_encoder(SHAPE, 64), nets.conv_decoder(SHAPE, 64), "gaussian")
    model.compile(adam(), **options)
    return model


def make_gan(penalty="r1_r2", penalty_every=4, **options):
    """Return a GAN with the loss and the lazy penalties of the course's own faces."""
    networks = nets.subpixel_generator(SHAPE, 64), nets.subpixel_discriminator(SHAPE)
    model = gan.GAN(*networks, loss="relativistic", penalty=penalty, penalty_every=penalty_every)
    model.compile(adam(), adam(), **options)
    return model


def make_translator(**options):
    """Return an upscaler of both sides by two, with a discriminator."""
    terms = [translation.L1(), translation.Adversarial(0.01)]
    judge = nets.patchgan((2 * SHAPE[0], 2 * SHAPE[1], 3))
    model = translation.Translator(nets.residual_upscaler(2), terms, judge)
    model.compile(adam(), adam(), **options)
    return model


def make_flow(**options):
    """Return flow matching with a small U-Net."""
    model = diffusion.FlowMatching(nets.time_unet(SHAPE))
    model.compile(adam(), **options)
    return model


TRAINERS = {"VAE": make_vae, "GAN": make_gan, "Translator": make_translator, "FlowMatching": make_flow}


def examples(trainer, batch):
    """Return one batch as a trainer's ``train_step`` takes it."""
    x = np.random.default_rng(0).uniform(-1, 1, (batch, *SHAPE)).astype(np.float32)
    return (x, x.repeat(2, 1).repeat(2, 2)) if trainer == "Translator" else x


# --- Measuring -----------------------------------------------------------------------------------


class Run:
    """A compiled trainer fed with one batch again and again, and how long its ``fit`` takes for some steps."""

    def __init__(self, trainer, batch, way):
        precision, options = WAYS[way]
        keras.mixed_precision.set_dtype_policy(precision)
        self.batch, self.times = batch, []
        self.model = TRAINERS[trainer](**options)
        # The batch stays where it is: what is measured is the step, not the disk.
        self.data = tf.data.Dataset.from_tensors(examples(trainer, batch)).cache().repeat()
        self.fit(2)  # traces and compiles
        self.steps = max(2, min(STEPS, round(SECONDS / max(self.timed(2) / 2, 1e-4))))

    def fit(self, steps):
        """Train for some steps."""
        self.model.fit(self.data, steps_per_epoch=steps, verbose=0)

    def timed(self, steps):
        """Return the wall time of some steps in seconds."""
        start = time.perf_counter()
        self.fit(steps)
        return time.perf_counter() - start

    def measure(self):
        """Time the steps of one round."""
        self.times.append(self.timed(self.steps) / self.steps)

    @property
    def speed(self):
        """Images per second, by the median round."""
        return self.batch / statistics.median(self.times)


def speeds(trainer, cases, rounds):
    """Return images per second of each case (batch, way), timed in turns; None where the memory does not suffice."""
    runs = {}
    for case in cases:
        try:
            runs[case] = Run(trainer, *case)
        except tf.errors.ResourceExhaustedError:
            runs[case] = None
    present = [run for run in runs.values() if run]
    for turn in range(rounds):
        for run in present[:: -1 if turn % 2 else 1]:
            run.measure()
    return {case: run.speed if run else None for case, run in runs.items()}


# --- Arithmetic ----------------------------------------------------------------------------------


def flops(trainer, batch):
    """Return the floating-point operations of the products and convolutions of a training step, gradients included."""
    keras.mixed_precision.set_dtype_policy("float32")
    data = tf.nest.map_structure(lambda x: tf.TensorSpec(x.shape), examples(trainer, batch))
    if trainer != "GAN":
        return counted(TRAINERS[trainer](), data)
    without, with_penalty = counted(make_gan(None, 1), data), counted(make_gan(penalty_every=1), data)
    return (3 * without + with_penalty) / 4  # the mean of four steps, of which one has the penalty


def counted(model, data):
    """Return the operations that a model's ``train_step`` needs, 2 for each product that is added up."""
    graph = tf.function(model.train_step, autograph=False).get_concrete_function(data).graph
    # TensorFlow writes down gradients that nobody uses, and does not compute them.
    todo = [op for op in graph.get_operations() if op.op_def.is_stateful] + [tensor.op for tensor in graph.outputs]
    needed = set()
    while todo:
        op = todo.pop()
        if op not in needed:
            needed.add(op)
            todo += [tensor.op for tensor in op.inputs] + list(op.control_inputs)
    return sum(COUNTS[op.type](op) for op in needed if op.type in COUNTS)


def _size(tensor):
    return int(np.prod(tensor.shape.as_list()))


def _matmul(op):
    inner = op.inputs[0].shape[0 if op.get_attr("transpose_a") else 1]
    return 2 * _size(op.outputs[0]) * inner


# A convolution multiplies at every position of its small side with the whole filter (h, w, in, out), whose "out" that
# side already has; its two gradients do the same.
COUNTS = {
    "MatMul": _matmul,
    "Conv2D": lambda op: 2 * _size(op.outputs[0]) * _size(op.inputs[1]) // op.inputs[1].shape[-1],
    "Conv2DBackpropInput": lambda op: 2 * _size(op.inputs[2]) * _size(op.inputs[1]) // op.inputs[1].shape[-1],
    "Conv2DBackpropFilter": lambda op: 2 * _size(op.inputs[2]) * _size(op.outputs[0]) // op.outputs[0].shape[-1],
}


def peak(precision, sides=PEAK_SIDES):
    """Return the operations a second of the fastest of some square matrix products; slow ones end the search."""
    best = 0.0
    for side in sides:
        x = tf.cast(tf.random.normal((side, side), stddev=side**-0.5), precision)  # its powers neither grow nor vanish
        product = tf.function(lambda a, b: a @ b)

        def several(n, x=x, product=product):
            y = x
            for _ in range(n):
                y = product(x, y)
            return float(y[0, 0])  # reading a number waits for all of them

        one = _common.seconds(lambda several=several: several(1), repeats=1)
        n = max(1, min(100, round(0.5 / one)))
        best = max(best, n * 2 * side**3 / _common.seconds(lambda several=several, n=n: several(n)))
        if one > 0.5:
            break
    return best


# --- The tables ----------------------------------------------------------------------------------


def way_rows(rounds, batch=BATCH, trainers=TRAINERS, sides=PEAK_SIDES):
    """Return a row for each trainer: images/s as a graph, ratios of the other ways to it, and its share of the peak."""
    peaks = {precision: peak(precision, sides) for precision in ("float32", "bfloat16")}
    rows = []
    for trainer in trainers:
        found = speeds(trainer, [(batch, way) for way in WAYS], rounds)
        found = {way: found[batch, way] for way in WAYS}
        graph, work = found["graph"], flops(trainer, batch) / batch
        ratios = [round(found[way] / graph, 3) if found[way] else None for way in WAYS if way != "graph"]
        best = {
            "float32": max(found[way] or 0 for way in ("graph", "XLA")),
            "bfloat16": max(found[way] or 0 for way in ("bfloat16", "bfloat16 + XLA")),
        }
        shares = [round(best[kind] * work / peaks[kind], 3) for kind in peaks]
        rows.append([trainer, graph, *ratios, work / 1e9, *shares])
        print(*rows[-1], flush=True)
    return rows, peaks


def sweep_rows(rounds, sizes=SWEEP, trainers=TRAINERS):
    """Return a row for each trainer and batch size: images/s as a graph, with XLA, and their ratio."""
    rows = []
    for trainer in trainers:
        for batch in sizes:
            found = speeds(trainer, [(batch, "graph"), (batch, "XLA")], rounds)
            graph, xla = found[batch, "graph"], found[batch, "XLA"]
            rows.append([f"{trainer}, batch {batch}", graph, xla, round(xla / graph, 3) if graph and xla else None])
            print(*rows[-1], flush=True)
    return rows


def main():
    """Read the command line, measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one trainer, small batches, nothing written: a try-out")
    options = parser.parse_args()
    if options.quick:
        way_rows(1, batch=4, trainers=["VAE"], sides=(256,))
        sweep_rows(1, sizes=(2, 4), trainers=["VAE"])
        return
    runtime.setup(0)
    rows, peaks = way_rows(options.rounds)
    speeds_of_products = " and ".join(f"{value / 1e9:,.0f} GFLOP/s in {kind}" for kind, value in peaks.items())
    tables = [
        {
            "caption": f"Batches of {BATCH} images of {' × '.join(map(str, SHAPE))}, median of {options.rounds} rounds "
            f"in turns. The fastest square matrix product reaches {speeds_of_products}.",
            "header": ["trainer", "graph, images/s"]
            + [f"{way} / graph" for way in WAYS if way != "graph"]
            + ["GFLOP an image", "share of peak, float32", "share of peak, bfloat16"],
            "rows": rows,
        },
        {
            "caption": "Over the batch size, float32.",
            "header": ["trainer", "graph, images/s", "XLA, images/s", "ratio"],
            "rows": sweep_rows(options.rounds),
        },
    ]
    text = (
        "Training steps of every trainer, fed from memory; logs are read by `fit` as always. The share of peak counts "
        "only matrix products and convolutions, so that it stays below 1."
    )
    _common.publish("training", "Ways to train", text, tables, 0)


if __name__ == "__main__":
    main()
