# %% [markdown]
# # 11 · Training on a GPU
#
# **After this lesson you can**
#
# - predict from the shapes of a layer whether arithmetic or memory limits it, and draw the roofline of your own device;
# - move the same code to a GPU, and say for each change (graph, XLA, input pipeline, batch size, 16 bits) what it bought, because you measured it;
# - train in 16 bits without losing small gradients, and say which numbers must stay in 32;
# - train on several devices and machines so that the result equals one device's, and know the three ways in which it silently does not;
# - survive a kill: save everything that decides the future, often enough and not too often;
# - answer "how do I generate faster?" with a table.
#
# **Time.** Reading 40 minutes. Running all cells: about 90 seconds on two CPU cores. On a GPU its time has not been measured yet.
#
# **Builds on** lesson 06 (the training step of a GAN) and lesson 10 (operations of a layer, noise of SGD). What is needed of them is repeated in a line.
#
# **Exercises:** `exercises/11_training_on_a_gpu.ipynb`, 60 to 90 minutes.
#
# **Words:** [Glossary](../docs/glossary.md) of the field's terms, English and Chinese.
#
# **Everything here is measured when you run it, on the device that the report below names.** On a CPU this is a complete lesson, since all its effects exist there too. On a GPU the same cells show the GPU's numbers. What is stored in this file was measured on the machine of the report.

# %%
from course_lib import placement

placement.before("11")

# %%
import datetime
import io
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from IPython.display import Markdown
from keras import layers
from PIL import Image

from course_lib import data, gan, images, nets, plots, runtime, zoo

SEED = 0
report = runtime.setup(SEED)
DEVICE = f"{report.devices[0] if report.computed_on == 'GPU' else f'CPU with {report.cores} cores'}, TensorFlow {report.tensorflow}, {datetime.date.today()}"
rng = np.random.default_rng(SEED)
report

# %% [markdown]
# ### If there is a GPU, and the report does not name it
#
# Then the report says why, as far as it can find out, and what to do next: a driver that is not loaded, a TensorFlow without its CUDA libraries (`make lab GPU=1` installs them on Linux and in WSL2), Windows itself (TensorFlow uses GPUs only inside WSL2 there), a Mac (the CPU is used), a Colab runtime without a GPU (*Runtime → Change runtime type*). "Training runs on" is not a list of what is plugged in: the report has computed a product there and looked where it ran.
#
# ### How to time a device
#
# A GPU works **asynchronously**: a call returns when the work is *ordered*, not when it is done. A stopwatch around the call alone measures how fast Python writes orders, the commonest mistake in published timings. So we wait for the device before we stop the clock; we leave the first call out, in which TensorFlow traces and compiles; and we take the median, because other programs disturb single calls.


# %%
def seconds(call, repeats=5, best=False):
    """Median (or best) wall time of ``call()`` after one that is not counted; waits until the device has finished."""
    call()
    times = []
    for _ in range(repeats):
        tf.test.experimental.sync_devices()
        start = time.perf_counter()
        call()
        tf.test.experimental.sync_devices()
        times.append(time.perf_counter() - start)
    return min(times) if best else float(np.median(times))


# %% [markdown]
# ## 1 · The roofline
#
# ### Two ceilings
#
# To run a layer, a device must do $F$ floating point operations and move $Q$ bytes between its memory and its arithmetic units. It computes at most $P$ operations a second and moves at most $\beta$ bytes a second. If it does both at the same time, the layer takes
#
# $$T=\max\Big(\frac FP,\ \frac Q\beta\Big).$$
#
# Divide $F$ by this, and write $I=F/Q$ for the **intensity**, the operations done with each byte that is fetched:
#
# $$\boxed{\;\text{rate}=\frac FT=\min(P,\ I\,\beta),\qquad\text{with the corner, the \textbf{ridge}, at }I^*=\frac P\beta\;}$$
#
# Left of the ridge the memory is the limit, and faster arithmetic buys nothing. Right of it the arithmetic is. Drawn with logarithmic axes it looks like a roof ([Williams, Waterman & Patterson 2009](https://doi.org/10.1145/1498765.1498785)).
#
# $P$ and $\beta$ are in data sheets, but what counts is what a program reaches. We measure both: $P$ by a product of two large square matrices ($2n^3$ operations on $3n^2$ numbers: far to the right), $\beta$ by adding 1 to a long vector (one operation for 8 bytes: far to the left).


# %%
def attainable(intensity, peak, bandwidth):
    """Largest rate in operations/s at an intensity in operations/byte, for peak operations/s and bytes/s."""
    return np.minimum(peak, np.asarray(intensity) * bandwidth)


def ridge(peak, bandwidth):
    """Intensity in operations/byte from which on the arithmetic is the limit."""
    return peak / bandwidth


for F, Q, P, b in 10 ** rng.uniform([6, 5, 9, 8], [9, 9, 12, 11], (1000, 4)):
    assert np.isclose(attainable(F / Q, P, b), F / max(F / P, Q / b)), "the same as operations over time"
assert attainable(ridge(8e9, 2e9), 8e9, 2e9) == 8e9

n, long = runtime.pick(cpu=1024, gpu=8192), runtime.pick(cpu=2**24, gpu=2**28)


def measured_peak(dtype, n=n):
    """Operations/s of a product of two n × n matrices."""
    a = tf.cast(tf.random.normal((n, n)), dtype)
    product = tf.function(lambda: tf.linalg.matmul(a, a))
    return 2 * n**3 / seconds(product, best=True)


def measured_bandwidth(length=long):
    """Bytes/s of reading one long float32 vector and writing another."""
    x = tf.random.normal((length,))
    add_one = tf.function(lambda: x + 1.0)
    return 2 * 4 * length / seconds(add_one, best=True)


PEAK, BANDWIDTH = measured_peak("float32"), measured_bandwidth()
print(f"on {DEVICE}:")
print(f"  peak P {PEAK / 1e9:,.0f} billion operations/s, bandwidth β {BANDWIDTH / 1e9:,.1f} billion bytes/s")
print(f"  ridge at {ridge(PEAK, BANDWIDTH):.1f} operations for each byte")

# %% [markdown]
# (On NVIDIA cards from 2020 on, TensorFlow multiplies float32 matrices in **TF32** unless told otherwise: the range of float32 with only 10 bits after the point, section 5. `tf.config.experimental.enable_tensor_float_32_execution(False)` switches it off. The peak above contains it.)
#
# ### Bytes and operations of a layer
#
# Lesson 10 counted the operations: dense $2cc'$, convolution $2k^2cc'H'W'$, transposed convolution $2k^2cc'HW$ for each example (`nets.flops`). The bytes, for a batch of $B$: read the inputs, read the weights **once for the whole batch**, write the outputs. Take a dense layer from $c$ to $c'$ numbers, with $s$ bytes a number and without biases:
#
# $$I=\frac{2Bcc'}{s\,(Bc+cc'+Bc')}\qquad\Longrightarrow\qquad\boxed{\;\frac1I=\frac s2\Big(\frac1B+\frac1c+\frac1{c'}\Big)\;}$$
#
# (divide numerator and denominator by $Bcc'$). Like resistors in a chain, the *smallest* of batch, inputs and outputs decides: at $B=1$ the intensity stays below $2/s=\tfrac12$ operation a byte however wide the layer is. This is why batches exist. And halving $s$ doubles the intensity.
#
# A normalisation or an activation does one or two operations with each number that it reads and writes: $I\approx\frac14$ or less, at every batch size. Such layers are limited by memory on every machine.

# %%
PER_ELEMENT = {layers.BatchNormalization: 2, layers.ReLU: 1, layers.LeakyReLU: 2}  # at inference: y = a x + b; max; ...


def layer_costs(model, batch, size=4):
    """(layer, operations, bytes) of a forward pass of ``batch`` examples, numbers of ``size`` bytes."""
    costs = []
    for layer in model.layers:
        if isinstance(layer, layers.InputLayer):
            continue
        inputs, outputs = (int(np.prod(t.shape[1:])) for t in (layer.input, layer.output))
        operations = batch * (nets.flops(layer) + PER_ELEMENT.get(type(layer), 0) * outputs)
        if operations:  # reshaping and flattening only rename the shape
            costs.append((layer, operations, size * (batch * (inputs + outputs) + layer.count_params())))
    return costs


def dense_intensity(batch, c_in, c_out, size=4):
    """Operations for each byte of a dense layer without biases."""
    return 2 / (size * (1 / batch + 1 / c_in + 1 / c_out))


for batch, c_in, c_out in ((1, 64, 3136), (64, 64, 3136), (512, 512, 512)):
    dense = keras.Sequential([keras.Input((c_in,)), layers.Dense(c_out, use_bias=False)])
    [(_, operations, moved)] = layer_costs(dense, batch)
    print(f"dense {c_in:3} → {c_out:4}, batch {batch:3}: {operations / moved:6.2f} operations a byte")
    assert np.isclose(operations / moved, dense_intensity(batch, c_in, c_out))
assert dense_intensity(1, 10**9, 10**9) < 0.5 < dense_intensity(2, 10**9, 10**9)

# %% [markdown]
# ### Training costs three forward passes
#
# For $Y=XW$ with the gradient $\bar Y$ of the loss with respect to $Y$, the chain rule gives $\bar W=X^\top\bar Y$ and $\bar X=\bar YW^\top$: two more products of $2Bcc'$ operations each. (Components: $\bar W_{ij}=\sum_b\frac{\partial Y_{bj}}{\partial W_{ij}}\bar Y_{bj}=\sum_bX_{bi}\bar Y_{bj}$, and the same for $\bar X$.) A convolution is the same sum over more indices. Only the first layer does not need $\bar X$, since nobody moves the data:
#
# $$\boxed{\;F_\text{step}=3\sum_lF_l-F_1\;}$$
#
# A GAN's step has more: $D$ on real and on generated images with gradients of $D$, then $D$ on generated images with gradients through it to $G$. **Check**: TensorFlow's graph of the gradient tells which products it contains.


# %%
def training_flops(model, batch):
    """Operations of one gradient with respect to all weights, dense and convolution layers only."""
    forward = [nets.flops(layer) for layer in model.layers if nets.flops(layer)]
    return batch * (3 * sum(forward) - forward[0])


def graph_flops(model, batch):
    """The same, counted from the products in TensorFlow's graph of the gradient and the shapes at their ends."""

    @tf.function
    def gradient(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model(x, training=True) ** 2)
        return tape.gradient(loss, model.trainable_variables)

    graph = gradient.get_concrete_function(tf.TensorSpec((batch, *model.input_shape[1:]))).graph
    needed, found = set(), [t.op for t in graph.outputs]
    while found:  # walk back from the results: what they do not need is in the graph, but is never run
        op = found.pop()
        if op.name not in needed:
            needed.add(op.name)
            found += [t.op for t in op.inputs]
    total = 0
    for op in map(graph.get_operation_by_name, needed):
        if op.type == "MatMul":
            total += 2 * int(np.prod(op.outputs[0].shape)) * op.inputs[0].shape[0 if op.get_attr("transpose_a") else 1]
        elif op.type.startswith("Conv2D"):  # forwards, to the input, to the kernel: the same triples of indices
            kernel = op.outputs[0] if op.type == "Conv2DBackpropFilter" else op.inputs[1]
            small = op.outputs[0] if op.type == "Conv2D" else op.inputs[2]
            total += 2 * int(np.prod(kernel.shape)) * int(np.prod(small.shape[:3]))
    return total


SHAPE, LATENT_DIM, WIDTH = (28, 28, 1), 64, 16
generator, discriminator = nets.dcgan_generator(SHAPE, LATENT_DIM, WIDTH), nets.dcgan_discriminator(SHAPE, WIDTH)
for network in (generator, discriminator):
    by_formula, by_graph = training_flops(network, 8), graph_flops(network, 8)
    forward = 8 * nets.flops(network)
    print(
        f"{network.name:13}: forward {forward / 1e6:6.1f} MFLOPs, with gradients {by_formula / 1e6:6.1f} ({by_formula / forward:.2f} times), graph {by_graph / 1e6:6.1f}"
    )
    assert by_formula == by_graph

# %% [markdown]
# ### Your device's roof, and the layers under it
#
# Now run each layer of lesson 06's small generator and discriminator on its own, with a batch of 64, and mark its intensity (counted) and its rate (measured).


# %%
def layer_rates(model, batch):
    """(name, intensity, operations/s) of each layer that computes, each run alone."""
    rates = []
    for layer, operations, moved in layer_costs(model, batch):
        x = tf.random.normal((batch, *layer.input.shape[1:]))
        alone = tf.function(lambda: layer(x))
        rates.append((type(layer).__name__, operations / moved, operations / seconds(alone, 7)))
    return rates


rates = layer_rates(generator, 64) + layer_rates(discriminator, 64)
at_one = {
    name: operations / moved
    for name, (_, operations, moved) in (
        ("B = 1", layer_costs(generator, 1)[0]),
        ("B = 64", layer_costs(generator, 64)[0]),
    )
}
figure, axes = plots.canvas(8.6, 4.2)
grid = np.logspace(-1.2, 3, 200)
axes.plot(grid, attainable(grid, PEAK, BANDWIDTH) / 1e9, color="black", linewidth=2)
for number, name in enumerate(dict.fromkeys(name for name, _, _ in rates)):
    at = [(i, r / 1e9) for kind, i, r in rates if kind == name]
    axes.plot(*zip(*at, strict=True), plots.MARKERS[number], color=plots.COLOURS[number], markersize=8, label=name)
corner = ridge(PEAK, BANDWIDTH)
axes.axvline(corner, color=plots.GREY, linewidth=1, linestyle=":")
axes.annotate(
    f"ridge {corner:.1f}", (corner, 0.02), xytext=(4, 0), textcoords="offset points", color=plots.GREY, fontsize=9
)
axes.set(
    xscale="log",
    yscale="log",
    xlabel="intensity (operations for each byte)",
    ylabel="billion operations / s",
    ylim=(0.01, None),
)
axes.set_title(f"Roofline of {DEVICE.split(',')[0]}, and {len(rates)} layers at batch 64", fontsize=11)
axes.legend(frameon=False, fontsize=9, loc="lower right")
figure.alt_text = (
    f"Roofline: rate against intensity on logarithmic axes, rising up to the ridge at {corner:.1f} operations a byte and flat after it, "
    "with one mark for each layer: normalisations and activations far to the left and low, convolutions and dense layers to the right and higher."
)
elementwise = [i for name, i, _ in rates if name in ("BatchNormalization", "ReLU", "LeakyReLU")]
convolutions = [i for name, i, _ in rates if name.startswith("Conv") and i > 1]
print(
    f"intensity of normalisations and activations: at most {max(elementwise):.2f};  of the widest convolution {max(convolutions):.0f}"
)
print(f"first dense layer: {at_one['B = 1']:.2f} operations a byte at batch 1, {at_one['B = 64']:.1f} at batch 64")
assert max(elementwise) <= 0.25 and max(convolutions) > 10 and at_one["B = 1"] < 0.5
figure

# %% [markdown]
# How to read it:
#
# - **Far below the roof** are layers so small that starting them takes longer than doing them (section 2). On a GPU there are more of these, for its roof is much higher and the cost of a start is not lower. A small network does not fill a large device.
# - **Above the slanted part** a mark can lie, too: $\beta$ was measured with a vector that no cache holds, and the activations of a small batch may stay in one.
# - **The first and the last convolution** have one channel at one side, and therefore little intensity: $\frac1I$ contains $\frac1c$ and $\frac1{c'}$.
#
# ## 2 · Eager, graph, XLA
#
# ### Amdahl's law
#
# A step takes $T$. Make a part of it, a share $p$ of the time, faster by a factor $s$. The rest stays:
#
# $$T'=(1-p)\,T+\frac{p\,T}{s}\qquad\Longrightarrow\qquad\boxed{\;\frac T{T'}=\frac1{(1-p)+p/s}\ \le\ \frac1{1-p}\;}$$
#
# Whoever makes half of the time *infinitely* fast has doubled the speed, not more ([Amdahl 1967](https://doi.org/10.1145/1465482.1465560)). Two consequences: look for the largest part before you improve anything; and what a change buys depends on what was done before it. Ten times faster arithmetic is worth little while Python is the largest part, and much afterwards.


# %%
def speedup(share, factor):
    """How many times faster the whole becomes if a share of the time becomes ``factor`` times faster."""
    return 1 / ((1 - share) + share / factor)


parts = {"Python": 60.0, "input": 10.0, "arithmetic": 30.0}
before, after = sum(parts.values()), sum(parts.values()) - parts["Python"] * (1 - 1 / 20)
assert np.isclose(speedup(0.6, 20), before / after)
assert speedup(0.5, 1e12) < 2.0 + 1e-9, "the bound"
late = (parts["input"] + parts["arithmetic"] + 3) / (parts["input"] + parts["arithmetic"] / 10 + 3)
print(
    f"arithmetic 10 times faster: {speedup(0.3, 10):.2f} times in all; after Python has become 20 times faster: {late:.2f} times"
)
assert late > speedup(0.3, 10)

# %% [markdown]
# ### What a start costs
#
# **Eager** execution runs Python for each operation: look the operation up, check its arguments, ask for memory, order the work. A **graph** (`tf.function`) is traced once; after that a runtime in C++ walks through it. If a step has $k$ operations, each costing $\tau$ to start and $w$ to do, it takes $k(\tau+w)$; for small tensors $w\ll\tau$. Measure $\tau$: a hundred additions of two numbers each.

# %%
tiny, OPERATIONS = tf.constant([1.0, 2.0]), 100


def chain(x):
    """A hundred operations that do almost nothing."""
    for _ in range(OPERATIONS):
        x = x + 1.0
    return x


as_graph = tf.function(chain)
start_cost = {
    name: seconds(lambda: call(tiny), 20) / OPERATIONS for name, call in (("eager", chain), ("graph", as_graph))
}
for name, each in start_cost.items():
    print(f"{name}: {1e6 * each:6.2f} microseconds for each operation")
assert np.allclose(chain(tiny), as_graph(tiny))
assert start_cost["eager"] > 1.5 * start_cost["graph"]

# %% [markdown]
# **The trap of tracing.** A graph belongs to the shapes and types of its arguments; a Python number counts as part of the type. Call a `tf.function` with `step = 0, 1, 2, …` as Python numbers, and it is traced anew each time: slower than eager. A tensor is traced once. The last, smaller batch of an epoch costs a second trace, which `drop_remainder=True` or a signature with `None` avoids.


# %%
def traces(arguments):
    """How many graphs a function makes for these arguments."""
    function = tf.function(lambda x: x + 1)
    for argument in arguments:
        function(argument)
    return function.experimental_get_tracing_count()


tf.get_logger().setLevel("ERROR")  # TensorFlow would warn here, rightly
print(
    f"Python numbers: {traces(range(8))} traces; tensors: {traces([tf.constant(i) for i in range(8)])}; batches of 64 and 32: {traces([tf.zeros(64), tf.zeros(32)])}"
)
assert traces(range(8)) == 8 and traces([tf.constant(i) for i in range(8)]) == 1

# %% [markdown]
# ### Fusion: what XLA saves
#
# XLA compiles the graph to machine code for the shapes at hand. Its largest gain on memory-bound layers is **fusion**. A chain of $m$ elementwise operations on $N$ numbers, one after the other, reads and writes the memory $m$ times, $2msN$ bytes. Fused into one loop, the intermediate numbers stay in registers:
#
# $$\boxed{\;\frac{Q_\text{chain}}{Q_\text{fused}}=\frac{2msN}{2sN}=m\;}$$
#
# so a memory-bound chain can become up to $m$ times faster. **Check** what the compiler really did: its program for $\max(0,\,a x+b)$, applied four times (12 operations), must consist of one single fusion.

# %%
M, numbers = 12, tf.random.normal((runtime.pick(cpu=2**22, gpu=2**26),))


def elementwise(x):
    """Twelve elementwise operations."""
    for _ in range(M // 3):
        x = tf.nn.relu(1.01 * x + 0.1)
    return x


fused = tf.function(elementwise, jit_compile=True)
program = fused.experimental_get_compiler_ir(numbers)(stage="optimized_hlo")
main_part = program[program.index("ENTRY") :]
print(f"XLA's program: {main_part.count(' fusion(')} fusion, {main_part.count(' call(')} calls for {M} operations")
assert main_part.count(" multiply(") == main_part.count(" add(") == main_part.count(" maximum(") == 0, "none on its own"
assert np.allclose(fused(numbers)[:1000], elementwise(numbers)[:1000], atol=1e-5)
for name, call in {"eager": elementwise, "graph": tf.function(elementwise), "XLA": fused}.items():
    taken = seconds(lambda: call(numbers), 3)
    print(
        f"{name:5}: {1e3 * taken:7.2f} ms, as if {8 * M * len(numbers) / taken / 1e9:6.1f} billion bytes/s were moved"
    )

# %% [markdown]
# XLA has a price: compiling takes seconds for a whole training step, again for every new shape; and its code for large products and convolutions is not always the better one. **On a CPU it often loses**, because TensorFlow's own kernels for convolutions there are well tuned. Do not believe, measure: section 7 does. In Keras the switch is `compile(..., jit_compile=True)`; the course's models take it too.
#
# ## 3 · The input pipeline
#
# Let it take $p$ seconds to prepare a batch and $c$ to compute a step. One after the other, $n$ steps take $n(p+c)$. With **prefetching**, batch $i+1$ is prepared while step $i$ is computed. Let $R_i$ be the time at which batch $i$ is ready and $E_i$ the time at which step $i$ ends. The producer works without pause (the buffer has room), so $R_i=ip$. Step $i$ starts when both the batch and the device are free: $E_i=\max(R_i,E_{i-1})+c$ with $E_0=0$.
#
# If $p\ge c$, the device waits for every batch: $E_i=ip+c\le(i+1)p=R_{i+1}$, true for $i=1$ and then for the next $i$, so that $E_n=np+c$. If $p<c$, it waits for the first one only: $E_i=p+ic\ge(i+1)p=R_{i+1}$, so that $E_n=p+nc$. Both in one line:
#
# $$\boxed{\;E_n=p+c+(n-1)\max(p,c)\;}$$
#
# The slower of the two sets the pace and the other is free. The gain, at most a factor two (at $p=c$), says nothing about *how* slow the slower is: if $p>c$, the device waits, and the remedies are to prepare several pictures in parallel (`num_parallel_calls`), to `cache` what is the same in every epoch, or to prepare less. **Check** by a simulation of the two recursions, and with a real `tf.data` pipeline whose producer and consumer sleep, so that they cost no arithmetic.


# %%
def pipelined(produce, consume, steps):
    """Time of n steps with prefetching."""
    return produce + consume + (steps - 1) * max(produce, consume)


def simulated_pipeline(produce, consume, steps):
    """The same from the two recursions."""
    ready = end = 0.0
    for _ in range(steps):
        ready += produce
        end = max(ready, end) + consume
    return end


for p, c in ((3.0, 1.0), (1.0, 3.0), (2.0, 2.0), *rng.uniform(0, 5, (50, 2))):
    assert np.isclose(pipelined(p, c, 30), simulated_pipeline(p, c, 30))


def run_pipeline(prefetch, injected, produce=0.05, consume=0.05, steps=12):
    """Seconds of a tf.data pipeline whose producer and consumer sleep."""

    def slowly(i):
        time.sleep(produce)
        return i

    options = tf.data.Options()
    options.experimental_optimization.inject_prefetch = injected
    source = tf.data.Dataset.range(steps).map(lambda i: tf.numpy_function(slowly, [i], tf.int64))
    start = time.perf_counter()
    for _ in (source.prefetch(2) if prefetch else source).with_options(options):
        time.sleep(consume)
    return time.perf_counter() - start


run_pipeline(True, True, steps=1)  # starts the threads
print(
    f"12 batches of 50 ms, 12 steps of 50 ms; formulas: {12 * 0.1:.2f} s one by one, {pipelined(0.05, 0.05, 12):.2f} s prefetched"
)
WAYS = {"one by one": (False, False), "TensorFlow's own prefetch": (False, True), "prefetch(2)": (True, False)}
taken = {name: min(run_pipeline(*way) for _ in range(3)) for name, way in WAYS.items()}
for name, total in taken.items():
    print(f"  {name:25} {total:.2f} s")
assert taken["one by one"] > 1.2 * taken["prefetch(2)"]

# %% [markdown]
# Recent versions of TensorFlow add a prefetch to pipelines that end without one, as the second line shows; to see the first, we had to switch that off. (A pipeline written in Python, such as the generator in section 7, has no such helper.)
#
# ### The order of the stages, and two traps
#
# `cache()` keeps what comes out of the stages before it. Put it after a random augmentation and you keep *one* draw: from the second epoch on, every picture is augmented in the same way for ever. Nothing fails, the loss even falls faster. Put the deterministic work before the cache, the random work after it. `shuffle` belongs before `batch`, or the batches always have the same members; `prefetch` comes last.
#
# The second trap hides in good manners. With a fixed seed (`keras.utils.set_random_seed`, which this course calls in every lesson), the random operations in a `map` start again from that seed *whenever the dataset is iterated anew*, and `fit` does so in every epoch. Again one draw for ever. Either let one iterator run through all epochs (`repeat()`, and `steps_per_epoch` in `fit`), or put the augmentation into the model.


# %%
def flipped_at_random(x):
    """A picture, mirrored with probability one half."""
    return tf.image.random_flip_left_right(x)


def versions(elements):
    """How many different pictures there are among the elements."""
    return len({np.asarray(x).tobytes() for x in elements})


train = data.load_fashion("train").images
shoe, EPOCHS = tf.data.Dataset.from_tensors(images.to_float(train[:1])[0]), 16
after_cache = shoe.cache().map(flipped_at_random)
seen = {
    "mirrored before the cache": versions(shoe.map(flipped_at_random).cache().repeat(EPOCHS)),
    "after it, a new iterator for each epoch": versions(x for _ in range(EPOCHS) for x in after_cache),
    "after it, one iterator for all epochs": versions(shoe.cache().repeat(EPOCHS).map(flipped_at_random)),
}
for name, count in seen.items():
    print(f"{name:40}: {count} version{'s' * (count > 1)} of one picture in {EPOCHS} epochs")
assert list(seen.values()) == [1, 1, 2]

# %% [markdown]
# ## 4 · Batch size
#
# A step costs something that does not depend on the batch (starts, optimizer, reading the weights), $a$, and something for each image, $b$: $T(B)=a+bB$. The throughput is
#
# $$\boxed{\;R(B)=\frac B{a+bB},\qquad R(\infty)=\frac1b,\qquad R(B_{1/2})=\tfrac12R(\infty)\text{ at }B_{1/2}=\frac ab\;}$$
#
# (solve $B/(a+bB)=1/(2b)$). Beyond a few $B_{1/2}$ a larger batch buys no images per second. On a CPU $B_{1/2}$ is small; on a GPU, which has thousands of units to fill, it is large. We measure with the training step of the course's `GAN`, compiled as one graph for all batch sizes.


# %%
def throughput(batch, fixed, each):
    """Images per second of steps that take fixed + each · batch."""
    return batch / (fixed + each * batch)


def half_batch(fixed, each):
    """Batch at which half of the largest throughput is reached."""
    return fixed / each


assert np.isclose(throughput(half_batch(0.03, 0.002), 0.03, 0.002), 0.5 / 0.002)


def new_gan(precision="float32"):
    """The GAN of lesson 06, small, with its two optimizers, under a precision policy."""
    keras.utils.set_random_seed(SEED)
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy(precision)
    model = gan.GAN(nets.dcgan_generator(SHAPE, LATENT_DIM, WIDTH), nets.dcgan_discriminator(SHAPE, WIDTH), ema=None)
    keras.mixed_precision.set_dtype_policy(before)
    model.compile(*(keras.optimizers.Adam(2e-4, beta_1=0.5) for _ in range(2)))
    return model


def compiled_step(model, xla=False):
    """The model's training step as a graph for any batch; with XLA it is compiled for each batch size."""
    return tf.function(model.train_step, input_signature=[tf.TensorSpec((None, *SHAPE))], jit_compile=xla)


train_float = images.to_float(train[: runtime.pick(cpu=2_048, gpu=16_384)])
step = compiled_step(new_gan())
BATCHES = runtime.pick(cpu=(4, 16, 64, 256), gpu=(16, 64, 256, 1024, 4096))
step_seconds = [seconds(lambda: step(tf.constant(train_float[:B])), 3, best=True) for B in BATCHES]
each, fixed = np.polyfit(BATCHES, step_seconds, 1, w=1 / np.array(step_seconds))
for B, taken in zip(BATCHES, step_seconds, strict=True):
    print(f"batch {B:5}: {1e3 * taken:8.1f} ms a step, {B / taken:8,.0f} images/s")
print(
    f"fitted: fixed {1e3 * fixed:.1f} ms, {1e6 * each:.0f} microseconds an image; half of the largest throughput at batch {max(half_batch(fixed, each), 0):.0f}"
)

# %% [markdown]
# ### And the learning rate?
#
# A larger batch is only a gain if fewer steps do. Lesson 10 showed that the noise of SGD at rest depends on $\eta/B$. The same ratio appears in motion. Look at the change of a weight while $n$ images are seen, with a mean gradient $g$ and a standard deviation $\sigma$ of one image's gradient; there are $n/B$ steps.
#
# **SGD.** A step moves by $-\eta g$ on average, with variance $\eta^2\sigma^2/B$ (the gradient of a batch is a mean of $B$). In all: drift $-\frac nB\eta g$ and variance $\frac nB\cdot\frac{\eta^2\sigma^2}B$.
#
# **Adam.** It divides by the root of the mean square of the batch's gradient, $\sqrt{g^2+\sigma^2/B}$. In the usual case that noise dominates, $\sigma^2/B\gg g^2$, this is $\sigma/\sqrt B$: a step moves by $-\eta g\sqrt B/\sigma$ on average, with variance $\eta^2\frac{\sigma^2/B}{\sigma^2/B}=\eta^2$. In all: drift $-\frac nB\cdot\frac{\eta g\sqrt B}\sigma$ and variance $\frac nB\eta^2$.
#
# $$\boxed{\;\text{SGD: drift }-\frac{n g\,\eta}{B},\ \text{variance }n\sigma^2\frac{\eta^2}{B^2};\qquad\text{Adam: drift }-\frac{n g}{\sigma}\cdot\frac\eta{\sqrt B},\ \text{variance }n\frac{\eta^2}{B}\;}$$
#
# Both numbers stay the same for SGD exactly if $\eta\propto B$ (**linear scaling**, [Goyal et al. 2017](https://arxiv.org/abs/1706.02677)), and for Adam exactly if $\eta\propto\sqrt B$ (**square root**, [Malladi et al. 2022](https://arxiv.org/abs/2205.10287)). GANs are trained with Adam. The popular advice "double the batch, double the rate" is SGD's.
#
# Both rules end where a single step becomes too long: on the loss $\tfrac12hw^2$, $k$ steps of rate $\eta$ multiply $w$ by $(1-\eta h)^k$ and one step of rate $k\eta$ by $1-k\eta h$; they agree for $k\eta h\ll1$ only, and beyond $k\eta h=2$ the large step explodes.


# %%
def drift_and_spread(rule, rate, batch, gradient, noise, seen):
    """Mean and standard deviation of a weight's change while ``seen`` images pass; rule "sgd" or "adam"."""
    steps = seen / batch
    if rule == "sgd":
        return -steps * rate * gradient, np.sqrt(steps * rate**2 * noise**2 / batch)
    return -steps * rate * gradient * np.sqrt(batch) / noise, np.sqrt(steps) * rate


def simulated_change(rule, rate, batch, gradient, noise, seen, copies=4_000):
    """The same by simulation; Adam with the exact second moment, without an average of the first."""
    moved = np.zeros(copies)
    for _ in range(seen // batch):
        g = gradient + noise / np.sqrt(batch) * rng.standard_normal(copies)
        moved -= rate * (g if rule == "sgd" else g / np.sqrt(gradient**2 + noise**2 / batch))
    return moved.mean(), moved.std()


for rule, scaling in (("sgd", "linear"), ("adam", "root"), ("adam", "linear")):
    for batch in (16, 64):
        rate = 1e-3 * (batch / 16 if scaling == "linear" else np.sqrt(batch / 16))
        case = (rule, rate, batch, 0.02, 1.0, 6400)
        formula, simulated = drift_and_spread(*case), simulated_change(*case)
        print(
            f"{rule:4}, {scaling:6} scaling, batch {batch:2}, rate {rate:.3f}: drift {formula[0]:+.4f} (simulated {simulated[0]:+.4f}), spread {formula[1]:.4f} ({simulated[1]:.4f})"
        )
        assert np.isclose(formula[1], simulated[1], rtol=0.06) and abs(formula[0] - simulated[0]) < 5 * formula[
            1
        ] / np.sqrt(4000) + 0.02 * abs(formula[0])

# %% [markdown]
# ## 5 · Sixteen bits
#
# ### Two formats, exactly
#
# A floating point number has a sign, $e$ bits of exponent and $m$ bits after the point. The exponent field $E$ runs from 1 to $2^e-2$ for normal numbers and means the power $E-\text{bias}$ with $\text{bias}=2^{e-1}-1$; $E=0$ holds the **subnormal** numbers, evenly spaced around 0, and the largest $E$ infinity and NaN. Hence
#
# $$\boxed{\;x_\text{max}=(2-2^{-m})\,2^{\text{bias}},\quad x_\text{normal}=2^{1-\text{bias}},\quad x_\text{tiny}=2^{1-\text{bias}-m},\quad \text{ulp}(1)=2^{-m}\;}$$
#
# **float16** has $e=5,\ m=10$; **bfloat16** $e=8,\ m=7$: the range of float32 (whose $e$ is also 8, $m=23$) with less than three decimal digits. Both have only 65,536 patterns, so we check *all* of them.

# %%
BFLOAT16 = tf.bfloat16.as_numpy_dtype


def float_format(exponent_bits, mantissa_bits):
    """Largest, smallest normal and smallest positive number, and the spacing after 1."""
    bias = 2 ** (exponent_bits - 1) - 1
    return {
        "largest": (2 - 2.0**-mantissa_bits) * 2.0**bias,
        "smallest normal": 2.0 ** (1 - bias),
        "smallest": 2.0 ** (1 - bias - mantissa_bits),
        "spacing at 1": 2.0**-mantissa_bits,
    }


patterns = np.arange(2**16, dtype=np.uint16)
rows = {}
for name, dtype, bits in (("float16", np.float16, (5, 10)), ("bfloat16", BFLOAT16, (8, 7))):
    with np.errstate(invalid="ignore"):  # some of the patterns are NaN
        every = patterns.view(dtype).astype(np.float64)
    positive = np.unique(every[np.isfinite(every) & (every > 0)])
    rows[name] = float_format(*bits)
    assert rows[name]["largest"] == positive[-1] and rows[name]["smallest"] == positive[0]
    assert rows[name]["spacing at 1"] == np.min(positive[positive > 1]) - 1
    gaps = np.diff(positive)
    assert rows[name]["smallest normal"] == positive[np.argmax(gaps > gaps[0])] / 2, "below it all gaps are equal"
rows["float32"] = float_format(8, 23)
assert rows["float32"]["largest"] == np.finfo(np.float32).max


def as_table(rows, corner):
    """A dictionary of rows, each a dictionary of numbers or texts, as a Markdown table."""
    head = list(next(iter(rows.values())))
    show = lambda v: v if isinstance(v, str) else f"{v:.4g}"  # noqa: E731
    lines = [[corner, *head], ["---"] * (len(head) + 1)] + [
        [k, *(show(v) for v in row.values())] for k, row in rows.items()
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


Markdown(as_table(rows, "format"))

# %% [markdown]
# ### Two ways to lose a gradient
#
# **It is too small to be written down.** A number below half of the smallest rounds to 0. For float16 that is $2^{-25}\approx3\cdot10^{-8}$, and gradients of a mean over thousands of pixels are often that small. Multiply the loss by a **scale** $S$, and by the chain rule all gradients are multiplied by $S$. Compute them in 16 bits, divide by $S$ in 32. A gradient between $g_\text{min}$ and $g_\text{max}$ in size survives if
#
# $$\boxed{\;\frac{2^{-25}}{g_\text{min}}<S<\frac{65520}{g_\text{max}}\;}$$
#
# (65520 is where rounding goes to infinity: the middle between 65504 and the next power of two.) bfloat16 has float32's range and needs no scale.
#
# **It is too small to be added.** Near $w$ numbers are $2^{-m}2^{\lfloor\log_2|w|\rfloor}$ apart, and a change below half of this spacing is rounded away (from a power of two towards 0, where the spacing is half as large, below a quarter):
#
# $$\boxed{\;w+\Delta=w\quad\text{whenever}\quad|\Delta|<2^{-m-1}\,2^{\lfloor\log_2|w|\rfloor},\qquad|w|\text{ not a power of two}\;}$$
#
# Just above $w=1$ that is $4.9\cdot10^{-4}$ for float16 and $3.9\cdot10^{-3}$ for bfloat16, just below it half as much. Adam with rate $10^{-3}$ would *never* move a weight 1 that is stored in bfloat16. No scale helps. Therefore **mixed precision** ([Micikevicius et al. 2018](https://arxiv.org/abs/1710.03740)): the weights stay in float32 and are rounded to 16 bits for the products only; sums over many terms (means, losses, the statistics of BatchNorm) are kept in float32 as well. That is what Keras's `mixed_float16` and `mixed_bfloat16` do, and why the course's networks end in a float32 layer.


# %%
def scale_window(smallest, largest):
    """Bounds (exclusive) of the loss scale within which float16 keeps gradients of these sizes."""
    return 2.0**-25 / smallest, 65520 / largest


def survives(gradient, scale):
    """Whether a gradient, scaled and rounded to float16, is neither 0 nor infinite."""
    with np.errstate(over="ignore"):
        rounded = np.float16(np.float64(gradient) * scale)
    return bool(np.isfinite(rounded) and rounded != 0)


low, high = scale_window(1e-9, 10.0)
print(f"gradients from 1e-9 to 10 survive for a scale between {low:.1f} and {high:.0f}")
for scale in (low, high):
    assert not (survives(1e-9, scale) and survives(10.0, scale))
for scale in (low * 1.001, np.sqrt(low * high), high * 0.999):
    assert survives(1e-9, scale) and survives(10.0, scale)


def moves(weight, change, dtype):
    """Whether adding the change alters a weight stored in this format."""
    return bool(dtype(weight) + dtype(change) != dtype(weight))


for dtype, m in ((np.float16, 10), (BFLOAT16, 7)):
    for weight, direction in itertools.product((1.5, 3.1, 0.01), (1, -1)):
        stored, threshold = float(dtype(weight)), 2.0 ** (-m - 1) * 2.0 ** np.floor(np.log2(weight))
        assert not moves(stored, direction * 0.98 * threshold, dtype) and moves(
            stored, direction * 1.05 * threshold, dtype
        )
    assert not moves(1.0, -0.98 * 2.0 ** (-m - 2), dtype) and moves(1.0, -1.05 * 2.0 ** (-m - 2), dtype)
weights = {"bfloat16": BFLOAT16(1), "float16": np.float16(1), "float32": np.float32(1)}
for _ in range(1000):
    weights = {name: type(w)(w - type(w)(1e-3)) for name, w in weights.items()}
print("1, minus 0.001 a thousand times:", {name: round(float(w), 4) for name, w in weights.items()})
assert float(weights["bfloat16"]) == 1 and abs(float(weights["float32"])) < 1e-4

# %% [markdown]
# ### Loss scaling, in full
#
# Which $S$? Nobody knows beforehand, and it changes during training. The **dynamic** scale starts high. If any gradient comes out infinite or NaN, the step is *skipped* and $S$ halved; after many good steps in a row $S$ is doubled. Here is the whole mechanism; Keras's `LossScaleOptimizer` must agree with it.


# %%
class DynamicScale:
    """Loss scale that halves at an overflow, whose step is skipped, and doubles after ``growth_steps`` good steps."""

    def __init__(self, initial=2.0**15, growth_steps=2000):
        self.scale, self.growth_steps, self.good = initial, growth_steps, 0

    def apply(self, optimizer, scaled_gradients, weights):
        """Take the optimizer's step with the gradients divided by the scale; return whether it was taken."""
        if not all(np.isfinite(g).all() for g in scaled_gradients):
            self.scale, self.good = self.scale / 2, 0
            return False
        optimizer.apply([tf.cast(g, "float32") / self.scale for g in scaled_gradients], weights)
        self.good += 1
        if self.good == self.growth_steps:
            self.scale, self.good = self.scale * 2, 0
        return True


ours, w_ours = DynamicScale(1024.0, 3), tf.Variable([1.0, -2.0])
inner, w_keras = keras.optimizers.Adam(1e-2), tf.Variable([1.0, -2.0])
theirs = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(1e-2), initial_scale=1024.0, dynamic_growth_steps=3)
history = []
for i in range(24):
    g = tf.constant(rng.normal(size=2) * (np.inf if i in (5, 6, 20) else 1.0), tf.float32)
    theirs.apply([g * theirs.scale_loss(1.0)], [w_keras])
    ours.apply(inner, [g * ours.scale], [w_ours])
    history.append(ours.scale)
    assert ours.scale == float(theirs.dynamic_scale) and np.allclose(w_ours, w_keras)
print("the scale over 24 steps:", [int(s) for s in history])

# %% [markdown]
# **Where a training loop of one's own goes wrong.** Keras wraps the optimizer that is given to `compile`, and the optimizer divides by the scale. If the loop does not *multiply* by it (`optimizer.scale_loss(loss)` inside the tape), each gradient is divided by 32,768. With SGD nothing moves. With Adam, which does not see the scale of the loss (lesson 10), nothing strange is seen at all: until the gradients vanish in float16. The course's `GAN` scales both of its losses.


# %%
def one_sgd_step(scale_the_loss):
    """How far one step moves a weight whose gradient is 1."""
    w = tf.Variable(0.0)
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(1.0), initial_scale=2.0**15)
    optimizer.build([w])
    with tf.GradientTape() as tape:
        loss = w + 0.0
        loss = optimizer.scale_loss(loss) if scale_the_loss else loss
    optimizer.apply([tape.gradient(loss, w)], [w])
    return -float(w)


print(f"a step of 1: {one_sgd_step(True):.6f} with the scaled loss, {one_sgd_step(False):.6f} without")
assert one_sgd_step(True) == 1 and one_sgd_step(False) == 2.0**-15


def lost_share(loss_weight, scale):
    """Share of the discriminator's gradient entries that float16 turns into 0, for a loss times ``loss_weight``."""
    model = MIXED["mixed_float16"]
    x = tf.constant(train_float[:16])
    exact, kept = [], []
    for gradients, s in ((exact, 2.0**15), (kept, scale)):  # a generous scale shows which entries are not 0
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.nn.softplus(-model.discriminator(x, training=True)))
            scaled = s * loss_weight * loss
        gradients += tape.gradient(scaled, model.discriminator.trainable_variables)
    there = np.concatenate([np.ravel(g) != 0 for g in exact])
    return 1 - np.concatenate([np.ravel(g) != 0 for g in kept])[there].mean()


MIXED = {policy: new_gan(policy) for policy in ("mixed_bfloat16", "mixed_float16")}
shares = {weight: (lost_share(weight, 1.0), lost_share(weight, 2.0**10)) for weight in (1.0, 1e-4)}
for weight, (bare, scaled) in shares.items():
    print(
        f"loss × {weight:g}: {bare:.1%} of the gradient's entries are lost in float16, {scaled:.1%} with the scale 1,024"
    )
assert shares[1e-4][0] > shares[1e-4][1]

# %% [markdown]
# ### Is it faster here?
#
# Sixteen bits halve the bytes. Whether the arithmetic is faster depends on the device: NVIDIA's tensor cores multiply float16 from compute capability 7.0 on and bfloat16 from 8.0 on; some CPUs have instructions for bfloat16; float16 is emulated on most CPUs. `runtime.setup(precision="auto")` chooses by this, and only when it is asked to; the table shows what is true on *this* device.

# %%
STEPS = {"float32": step} | {policy: compiled_step(model) for policy, model in MIXED.items()}
batch_64 = tf.constant(train_float[:64])
precision = {}
for policy, call in STEPS.items():
    compute = "float32" if policy == "float32" else policy.removeprefix("mixed_")
    product = measured_peak(compute, n if policy == "float32" or report.tier == "gpu" else 512)
    taken = seconds(lambda: call(batch_64), 3, best=True)
    precision[policy] = {
        "product, billion operations/s": f"{product / 1e9:,.0f}",
        "GAN step, batch 64, ms": f"{1e3 * taken:,.1f}",
        "images/s": f"{64 / taken:,.0f}",
    }
print(f"measured on {DEVICE}; automatic choice: {', '.join(runtime.best_precision())}")
Markdown(as_table(precision, "policy"))

# %% [markdown]
# A data sheet says what a product of large matrices gains. What the *step* gains is Amdahl's law again: whatever is limited by starts does not profit, and converting between the formats costs something. On most CPUs float16 makes the step several times slower, even where a plain product is not: their libraries have no code for its convolutions and convert back and forth. All of its trouble with the range, and no gain.
#
# ## 6 · Look before you change: the profiler
#
# Amdahl says: find the largest part first. TensorFlow's profiler notes when each operation starts and ends, on the host and on the device. **TensorBoard** draws it. It is not installed with the course; in a terminal:
#
# ```
# pip install tensorboard tensorboard-plugin-profile
# tensorboard --logdir logs        # then open its page, tab PROFILE
# ```
#
# and in training (the callback needs the package, too), for steps 10 to 20, so that tracing is not in the picture:
#
# ```python
# model.fit(x, callbacks=[keras.callbacks.TensorBoard("logs", profile_batch=(10, 20))])
# ```
#
# In its *trace viewer*, gaps on the device's line mean that the device waits: for input (section 3), for Python (section 2) or for another device (section 8). The file behind it is a list of events; we read it ourselves and add up the time by kind of operation.


# %%
def profile(call, steps=5):
    """Milliseconds by kind of operation over some calls, from TensorFlow's own trace."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    call()
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        for _ in range(steps):
            call()
        tf.test.experimental.sync_devices()
        tf.profiler.experimental.stop()
        space = xplane_pb2.XSpace.FromString(next(Path(folder).rglob("*.xplane.pb")).read_bytes())
    devices = [plane for plane in space.planes if plane.name.startswith("/device:GPU")]
    total = Counter()
    for plane in devices or [plane for plane in space.planes if plane.name.startswith("/host:CPU")]:
        for event in itertools.chain.from_iterable(line.events for line in plane.lines):
            name = plane.event_metadata[event.metadata_id].name
            if devices or (
                ":" in name and "::" not in name and ": " not in name
            ):  # on the CPU an operation is called name:kind
                total[name.rsplit(":", 1)[-1][:48]] += event.duration_ps / 1e9
    return total


spent = profile(lambda: step(batch_64))
whole = sum(spent.values())
for kind, milliseconds in spent.most_common(8):
    print(f"{kind:48} {milliseconds:8.1f} ms {milliseconds / whole:6.1%}")
backward = sum(milliseconds for kind, milliseconds in spent.items() if "Backprop" in kind)
print(f"products with Backprop in their name: {backward / whole:.0%} of the time of all operations")
assert sum(milliseconds for _, milliseconds in spent.most_common(8)) > whole / 2, (
    "a few kinds of operation hold the time"
)

# %% [markdown]
# (On the CPU several threads work at once, and an operation that waits for a thread counts as running; read the column as shares.) Kinds with *Backprop* in their name are the products of the backward pass, two of three in section 1's count; the forward pass of a *transposed* convolution is called `Conv2DBackpropInput`, too, because it is the same product. What you do not find here, but as gaps between the events, is waiting.
#
# ## 7 · What each change bought
#
# Now the whole ladder, on one training: the GAN of lesson 06 on pictures that are stored as PNG files and mirrored at random. We begin where many first scripts are: a Python loop that opens one picture after another, an eager step, batches of 16. Then one change after the other, each measured in turns with what was there before. **A change that does not pay on this device is taken back**, and the chart says so.


# %%
PNGS = [images.png_bytes(x) for x in train[: runtime.pick(cpu=512, gpu=4096)]]


def python_batches(batch):
    """Batches without end, one picture after another in Python."""
    for start in itertools.count(0, batch):
        pictures = [np.asarray(Image.open(io.BytesIO(PNGS[i % len(PNGS)]))) for i in range(start, start + batch)]
        flipped = [x[:, ::-1] if rng.random() < 0.5 else x for x in pictures]
        yield tf.constant(np.stack(flipped)[..., None] / np.float32(127.5) - 1)


def tf_batches(batch):
    """The same from tf.data: decode in parallel, cache, shuffle, mirror, batch, prefetch."""

    def decoded(png):
        return tf.cast(tf.io.decode_png(png, channels=1), tf.float32) / 127.5 - 1

    source = tf.data.Dataset.from_tensor_slices(PNGS).map(decoded, num_parallel_calls=tf.data.AUTOTUNE).cache()
    endless = source.shuffle(len(PNGS), seed=SEED).repeat().batch(batch, drop_remainder=True)
    return iter(endless.map(tf.image.random_flip_left_right, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE))


def images_per_second(setting, at_least=0.4):
    """Throughput of a setting over some time, input included."""
    batches = setting["data"](setting["batch"])
    setting["step"](next(batches))
    tf.test.experimental.sync_devices()
    start, steps = time.perf_counter(), 0
    while steps < 3 or time.perf_counter() - start < at_least:
        setting["step"](next(batches))
        steps += 1
    tf.test.experimental.sync_devices()
    return steps * setting["batch"] / (time.perf_counter() - start)


def measured_change(now, changed, rounds=3):
    """Median images/s before and after a change, measured in turns, and the range of each."""
    found = [(images_per_second(now), images_per_second(changed)) for _ in range(rounds)]
    before, after = zip(*found, strict=True)
    return np.median(before), np.median(after), (min(after), max(after))


model, LARGE = new_gan(), runtime.pick(cpu=64, gpu=512)
policy = runtime.best_precision()[0]
policy = "mixed_bfloat16" if policy == "float32" else policy
setting = {"data": python_batches, "batch": 16, "step": model.train_step}
ladder = []
for name, change in (
    ("graph", lambda now: {"step": step}),
    ("tf.data", lambda now: {"data": tf_batches}),
    (f"batch {LARGE}", lambda now: {"batch": LARGE}),
    ("XLA", lambda now: {"step": compiled_step(new_gan(), xla=True)}),
    (policy.removeprefix("mixed_"), lambda now: {"step": compiled_step(new_gan(policy), xla=kept.get("XLA", False))}),
):
    kept = {name: took for name, *_, took in ladder}
    changed = setting | change(setting)
    before, after, spread = measured_change(setting, changed)
    ladder.append((name, before, after, spread, bool(after > 1.05 * before)))
    if ladder[-1][-1]:
        setting = changed
    print(
        f"{name:10} {before:8,.0f} → {after:8,.0f} images/s (rounds: {spread[0]:,.0f} to {spread[1]:,.0f}), × {after / before:5.2f}, {'kept' if ladder[-1][-1] else 'taken back'}"
    )
assert ladder[0][2] > 1.5 * ladder[0][1], "a graph is faster than Python wherever steps are short"

# %%
figure, axes = plots.canvas(9.2, 4.4)
level = ladder[0][1]
drawn = [level]  # heights, for the limits of the axis
axes.bar(0, level, width=0.6, color=plots.GREY)
axes.annotate(f"{level:,.0f}", (0, level), (0, 4), textcoords="offset points", ha="center", fontsize=10)
for place, (*_, took) in enumerate(ladder, 1):
    factor = ladder[place - 1][2] / ladder[place - 1][1]
    reached = level * factor
    colour = plots.COLOURS[2] if took else plots.COLOURS[1]
    axes.bar(
        place,
        reached - level,
        0.6,
        level,
        color=colour,
        hatch=None if took else "///",
        alpha=1 if took else 0.55,
        edgecolor="white",
    )
    axes.plot([place - 0.7, place + 0.3], [level, level], color=plots.GREY, linewidth=1)
    up = max(level, reached)
    drawn += [up, reached]
    axes.annotate(
        f"× {factor:.2f}" + ("" if took else "\ntaken back"),
        (place, up),
        (0, 4),
        textcoords="offset points",
        ha="center",
        fontsize=10,
    )
    level = reached if took else level
axes.bar(len(ladder) + 1, level, width=0.6, color=plots.COLOURS[0])
axes.annotate(f"{level:,.0f}", (len(ladder) + 1, level), (0, 4), textcoords="offset points", ha="center", fontsize=10)
axes.set_xticks(
    range(len(ladder) + 2), ["eager,\nPython loop,\nbatch 16", *(name for name, *_ in ladder), "all that\npaid"]
)
axes.set(yscale="log", ylabel="images / s (logarithmic)", ylim=(0.6 * min(drawn), 2 * max(drawn)))
axes.set_title(f"What each change bought: {level / ladder[0][1]:.1f} times in all\n{DEVICE}", fontsize=11)
figure.alt_text = (
    f"Waterfall chart of images per second on a logarithmic axis, starting from {ladder[0][1]:,.0f} and ending at {level:,.0f}. "
    + " ".join(
        f"{name}: times {after / before:.2f}{'' if took else ', taken back'}."
        for name, before, after, _, took in ladder
    )
)
figure

# %% [markdown]
# The factors multiply, so on a logarithmic axis their heights add up. Read it with three cautions:
#
# - **The order matters** (Amdahl). The next cell computes what share of a step the Python input took at the bottom of the ladder and what share it takes after the graph: the same work, but now it is worth removing.
# - **A larger batch is another training.** It takes fewer steps for the same images (section 4). It is a gain in images per second, and a gain in quality per second only as far as the scaling rule holds; lesson 10 measured what a batch of 64 costs this network at equal images.
# - **Noise.** Other programs were running; the ranges are printed above. A factor of 1.03 is nothing.

# %%
source = python_batches(16)
one_batch = seconds(lambda: next(source), 10)
eager_step, graph_step = (seconds(lambda f=f: f(tf.constant(train_float[:16])), 3) for f in (model.train_step, step))
share_before, share_after = one_batch / (one_batch + eager_step), one_batch / (one_batch + graph_step)
print(
    f"preparing 16 pictures in Python: {1e3 * one_batch:.1f} ms; an eager step {1e3 * eager_step:.1f} ms, a graph's {1e3 * graph_step:.1f} ms"
)
print(
    f"share of the input: {share_before:.2%} before, {share_after:.2%} after the graph;  removing it is worth × {speedup(share_before, 1e9):.3f} before, × {speedup(share_after, 1e9):.3f} after"
)
assert share_after > share_before

# %% [markdown]
# **Recorded runs on other devices.** There is none yet: the course has been run on CPUs only, and prints no number that nobody measured. If you run this lesson on a GPU, the chart above is that record, with the device, the version and the date in its title.
#
# ## 8 · Several devices
#
# ### The gradient of a batch is an average
#
# Let the loss be a mean over $B$ examples, $L=\frac1B\sum_i\ell_i$. Give $n$ devices the same weights and parts of $B_1,\dots,B_n$ examples, $\sum_jB_j=B$. Each computes the gradient $g_j$ of the mean over *its* part. Since the gradient is linear,
#
# $$\boxed{\;\nabla L=\sum_{j=1}^n\frac{B_j}B\,g_j,\qquad\text{for equal parts }\nabla L=\frac1n\sum_jg_j\;}$$
#
# **Data parallelism** is nothing but this: all devices then take the same step, and their weights stay equal. It is exact, up to rounding, as long as an example's loss depends on that example alone.
#
# Keras optimizers **sum** the gradients of the replicas. So the loss of a training loop of one's own must be divided by the number of replicas. A plain `reduce_mean` makes the step $n$ times too long; Adam hides it (lesson 10), and so it is found in many published loops.
#
# ### What BatchNorm does to it
#
# BatchNorm normalises with the mean and variance of *the batch that the device sees*, so $\ell_i$ depends on its neighbours. Write $\mu_j,\sigma_j^2$ for part $j$ (equal parts) and $\mu,\sigma^2$ for the whole. With $\mathbb E$ over the whole batch and $\mathbb E_j$ over a part,
#
# $$\sigma^2=\mathbb E(x-\mu)^2=\frac1n\sum_j\mathbb E_j(x-\mu_j+\mu_j-\mu)^2=\frac1n\sum_j\big[\sigma_j^2+(\mu_j-\mu)^2\big],$$
#
# (the mixed term is $2(\mu_j-\mu)\,\mathbb E_j(x-\mu_j)=0$), that is
#
# $$\boxed{\;\sigma^2=\overline{\sigma_j^2}+\operatorname{Var}_j(\mu_j)\;}$$
#
# The variance of the whole is *not* the mean of the parts' variances: the spread of the means is missing. Two devices with batches of 8 train another model than one with 16. `BatchNormalization(synchronized=True)` exchanges $\mathbb E_jx$ and $\mathbb E_jx^2$, which do average. (Discriminators with a gradient penalty have no BatchNorm in this course, for the same dependence; the generators have it, and with usual batches of 64 and more on each device the difference is small.)


# %%
def joined_gradient(gradients, sizes):
    """Gradient of the mean over all examples, from the gradients of the parts' means and their sizes."""
    return np.average(gradients, axis=0, weights=sizes)


def joined_variance(means, variances):
    """Variance of all numbers, from the means and variances of equal parts."""
    return np.mean(variances) + np.var(means)


x, y = rng.normal(size=(24, 5)), rng.normal(size=24)
w = rng.normal(size=5)


def gradient_of_mean(rows):
    """Gradient of the mean of (x·w − y)² over some rows."""
    return 2 * x[rows].T @ (x[rows] @ w - y[rows]) / len(rows)


parts = [np.arange(0, 4), np.arange(4, 14), np.arange(14, 24)]
joined = joined_gradient([gradient_of_mean(rows) for rows in parts], [len(rows) for rows in parts])
assert np.allclose(joined, gradient_of_mean(np.arange(24)))
plain = np.mean([gradient_of_mean(rows) for rows in parts], axis=0)
print(
    f"unequal parts: a weighted average is right to {np.abs(joined - gradient_of_mean(np.arange(24))).max():.0e}, a plain one is off by {np.abs(plain - joined).max():.2f}"
)
halves = y.reshape(2, 12) + [[0.0], [1.5]]
assert np.isclose(joined_variance(halves.mean(axis=1), halves.var(axis=1)), halves.var())
print(f"variance of the whole {halves.var():.3f}, mean of the halves' {halves.var(axis=1).mean():.3f}")

# %% [markdown]
# ### Two devices on one CPU
#
# TensorFlow can split a CPU into two **logical devices**, so that this can be tested without any GPU. It must be done before TensorFlow starts, hence in a process of its own. The script trains the same small network on one device and on two, in five ways.

# %%
FOLDER = Path(tempfile.mkdtemp(prefix="lesson11_"))
CPU_ONLY = os.environ | {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}  # the GPU belongs to this notebook


def launch(script, *arguments, **variables):
    """Start a Python script of FOLDER as a process of its own."""
    command = [sys.executable, str(FOLDER / script), *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=CPU_ONLY | variables, cwd=FOLDER, **pipes)


def result(process):
    """Wait for a process and return the last line it printed, read as JSON."""
    out, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors[-2000:]
    return json.loads(out.splitlines()[-1])


(FOLDER / "two_devices.py").write_text('''
import json
import keras, numpy as np, tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
x, y = np.random.default_rng(0).normal(size=(2, 16, 12)).astype("float32")
x[8:] *= 3  # the two halves of the batch differ


def train(strategy, divide=True, norm=None, optimizer="SGD", steps=5):
    """Weights after some steps on one batch of 16, which the strategy divides among its devices."""
    keras.utils.set_random_seed(0)
    with strategy.scope():
        middle = [keras.layers.BatchNormalization(synchronized=norm == "synchronised")] if norm else []
        dense = [keras.layers.Dense(8), *middle, keras.layers.ReLU(), keras.layers.Dense(12)]
        net = keras.Sequential([keras.Input((12,)), *dense])
        opt = getattr(keras.optimizers, optimizer)(0.05)
        opt.build(net.trainable_variables)

    def step(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((net(x, training=True) - y) ** 2)
            if divide:
                loss = loss / strategy.num_replicas_in_sync
        opt.apply(tape.gradient(loss, net.trainable_variables), net.trainable_variables)

    data = tf.data.Dataset.from_tensor_slices((x, y)).batch(16).repeat(steps)
    run = tf.function(lambda x, y: strategy.run(step, args=(x, y)))
    for batch in strategy.experimental_distribute_dataset(data):
        run(*batch)
    return np.concatenate([np.ravel(w) for w in net.get_weights()])


one, two = tf.distribute.get_strategy(), tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
ways = {"loss divided by the replicas": {}, "not divided, SGD": {"divide": False},
        "not divided, Adam": {"divide": False, "optimizer": "Adam"},
        "BatchNorm": {"norm": "own"}, "BatchNorm, synchronised": {"norm": "synchronised"}}
found = {name: float(np.abs(train(one, **way) - train(two, **way)).max()) for name, way in ways.items()}

with two.scope():
    seeds = keras.random.SeedGenerator(0)
drawn = two.run(lambda: keras.random.normal((3,), seed=seeds))
found["same noise"] = bool(np.allclose(*[np.asarray(part) for part in two.experimental_local_results(drawn)]))
print(json.dumps(found))
''')
apart = result(launch("two_devices.py"))
same_noise = apart.pop("same noise")
for name, difference in apart.items():
    print(f"{name:30}: largest difference of a weight from one device's after 5 steps {difference:.1e}")
print(f"both devices draw the same 'random' noise from one SeedGenerator: {same_noise}")
assert apart["loss divided by the replicas"] < 1e-5 and apart["BatchNorm, synchronised"] < 1e-5
assert apart["not divided, SGD"] > 1e-3 and apart["BatchNorm"] > 1e-3
assert apart["not divided, Adam"] < apart["not divided, SGD"] / 10, "Adam hides the mistake"

# %% [markdown]
# The last line is the third silent mistake. A Keras `SeedGenerator` has one state for all devices, so that each of them draws the *same* noise: $n$ graphics cards would train a generator on $n$ copies of one batch of $z$. The course's models give each replica a stream of its own.
#
# With the library it is two lines; `runtime.strategy()` mirrors over all GPUs, or over as many as `COURSE_DEVICES` says:
#
# ```python
# with runtime.strategy().scope():
#     model = gan.GAN(generator, discriminator)
#     model.compile(...)
# model.fit(dataset)          # the batch of the dataset is divided among the devices
# ```
#
# ### What the exchange costs
#
# After each step $n$ devices must add up $M$ bytes of gradients, and all must know the sum. Sent to one server and back, that server's line carries $2(n-1)M$ bytes. The **ring** does better ([Patarasuk & Yuan 2009](https://doi.org/10.1016/j.jpdc.2008.09.002)): cut the gradient into $n$ pieces and let each device talk to its neighbour only. In each of $n-1$ rounds every device sends one piece, and the neighbour adds it to its own; then each piece is complete at one device. In $n-1$ further rounds the complete pieces are handed round. A device sends $2(n-1)$ pieces of $M/n$ bytes, and all lines are busy all the time:
#
# $$\boxed{\;\text{bytes sent by each}=2\,\frac{n-1}n\,M<2M,\qquad T_\text{ring}=2(n-1)\Big(\alpha+\frac M{n\beta}\Big)\;}$$
#
# with the delay $\alpha$ of a message and the line's rate $\beta$. The number of bytes hardly depends on the number of devices; the delays do. If the exchange comes after a computation of $T_c$, the **efficiency** is $T_c/(T_c+T_\text{ring})$.


# %%
def ring_all_reduce(vectors):
    """Sums of n vectors (M,) at all n devices, and the bytes that each sent, by the ring algorithm."""
    n = len(vectors)
    pieces, sent = [np.array_split(v, n) for v in vectors], np.zeros(n, int)
    for shift, arrived in ((0, np.add), (1, lambda mine, theirs: theirs)):  # first add up, then hand round
        for turn in range(n - 1):
            messages = [(device, (device + shift - turn) % n) for device in range(n)]
            moving = [pieces[device][k] for device, k in messages]
            for (device, k), piece in zip(messages, moving, strict=True):
                neighbour = (device + 1) % n
                pieces[neighbour][k] = arrived(pieces[neighbour][k], piece)
                sent[device] += piece.nbytes
    return [np.concatenate(p) for p in pieces], sent


def ring_seconds(devices, size, delay, rate):
    """Time of an all-reduce of ``size`` bytes: messages of ``delay`` seconds, lines of ``rate`` bytes/s."""
    return 2 * (devices - 1) * (delay + size / (devices * rate))


for n_devices in (2, 3, 5, 8):
    vectors = rng.normal(size=(n_devices, 120))
    sums, sent = ring_all_reduce(list(vectors))
    assert all(np.allclose(s, vectors.sum(axis=0)) for s in sums)
    assert np.all(sent == 2 * (n_devices - 1) * vectors[0].nbytes // n_devices)
    print(
        f"{n_devices} devices: each sends {sent[0]} bytes, {sent[0] / vectors[0].nbytes:.3f} times its gradient; a server's line would carry {2 * (n_devices - 1)} times"
    )

SIZE = 4 * sum(int(np.prod(w.shape)) for network in (generator, discriminator) for w in network.trainable_variables)
LINES = {
    "Ethernet, 1 Gbit/s": (5e-5, 1.25e8),
    "Ethernet, 10 Gbit/s": (3e-5, 1.25e9),
    "PCI Express, 16 GB/s": (1e-5, 1.6e10),
}
figure, axes = plots.canvas(7.2, 3.4)
counts = np.arange(1, 33)
for number, (name, (delay, rate)) in enumerate(LINES.items()):
    efficiency = graph_step / (graph_step + ring_seconds(counts, SIZE, delay, rate))
    axes.plot(counts, 100 * efficiency, plots.STYLES[number], color=plots.COLOURS[number], linewidth=2, label=name)
axes.set(xlabel="devices, each with a batch of 16", ylabel="efficiency (%)", ylim=(0, 103), xlim=(1, 32))
axes.set_title(
    f"Computed, not measured: {SIZE / 1e6:.1f} MB of gradients\nafter each step of {1e3 * graph_step:.0f} ms (this device's)",
    fontsize=11,
)
axes.legend(frameon=False, fontsize=9)
figure.alt_text = "Efficiency against the number of devices from 1 to 32 for three kinds of lines, computed from the formula: the slower the line, the steeper the first loss, and then a slow decline from the delays."
figure

# %% [markdown]
# The chart takes *assumed* delays and rates for its lines; only the time of a step and the number of bytes are this machine's. The faster the device, the *worse* the efficiency: a GPU that computes the step ten times faster leaves the same bytes to be sent in a tenth of the time. Larger batches on each device help, for they lengthen $T_c$ and not $M$.
#
# ## 9 · Several machines
#
# `MultiWorkerMirroredStrategy` does the same across machines. Every machine runs the same script and finds the others in the variable `TF_CONFIG`; the strategy waits until all are there. In Keras 3 `fit` does not work under it ([keras#20585](https://github.com/keras-team/keras/issues/20585)), so the loop is written out: `strategy.run(model.train_step, ...)`. The course has it as a program:
#
# ```
# python tools/train_distributed.py --help
# ```
#
# Two *processes* on one machine that talk through its network interface do exactly what two machines do, so that we can test it here. Each worker gets its own half of the batch. The check is that both end with the same weights, and with those of five steps of gradient descent on the *whole* batch, written out in NumPy.

# %%
(FOLDER / "worker.py").write_text("""
import json, os
import keras, numpy as np, tensorflow as tf

strategy = tf.distribute.MultiWorkerMirroredStrategy()  # waits until all workers are there
rank = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
x, y = np.random.default_rng(0).normal(size=(2, 8, 4)).astype("float32")
mine = slice(4 * rank, 4 * rank + 4)
with strategy.scope():
    keras.utils.set_random_seed(0)
    net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])
    opt = keras.optimizers.SGD(0.1)
    opt.build(net.trainable_variables)
start = [w.tolist() for w in net.get_weights()]


def step(x, y):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((net(x, training=True) - y) ** 2) / strategy.num_replicas_in_sync
    opt.apply(tape.gradient(loss, net.trainable_variables), net.trainable_variables)


run = tf.function(lambda x, y: strategy.run(step, args=(x, y)))
for _ in range(5):
    run(tf.constant(x[mine]), tf.constant(y[mine]))
print(json.dumps([strategy.num_replicas_in_sync, start, [w.tolist() for w in net.get_weights()]]))
""")


def free_ports(count):
    """Numbers of ports that nobody uses at this moment."""
    import socket

    sockets = [socket.create_server(("localhost", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


addresses = [f"localhost:{port}" for port in free_ports(2)]
configs = [{"cluster": {"worker": addresses}, "task": {"type": "worker", "index": rank}} for rank in range(2)]
print(
    "TF_CONFIG of the second:",
    json.dumps(configs[1]).replace(addresses[0], "first:port").replace(addresses[1], "second:port"),
)
workers = [launch("worker.py", TF_CONFIG=json.dumps(config)) for config in configs]
(replicas, start, first), (_, _, second) = map(result, workers)

x, y = np.random.default_rng(0).normal(size=(2, 8, 4))
W, b = map(np.array, start)
for _ in range(5):  # gradient of the mean over all 32 numbers of (xW + b − y)²
    residual = x @ W + b - y
    W, b = W - 0.1 * 2 * x.T @ residual / residual.size, b - 0.1 * 2 * residual.sum(axis=0) / residual.size
apart = max(np.abs(W - first[0]).max(), np.abs(b - first[1]).max())
print(
    f"{replicas} workers: equal weights: {first == second}; largest difference from the whole batch in one place {apart:.1e}"
)
assert replicas == 2 and first == second and apart < 1e-6

# %% [markdown]
# What this test cannot show is the time that a real network takes. On real machines: the same versions of everything on all of them, addresses that the others can reach, and a shared folder for checkpoints, written by the first worker only.
#
# ## 10 · Surviving a kill
#
# Long runs are interrupted: a shared machine takes its GPU back, Colab ends a session, a laptop falls asleep. To go on **as if nothing had happened**, save everything that decides the future:
#
# 1. the weights, those that are not trained included (BatchNorm's moving statistics, the averaged generator);
# 2. the optimizer's state (Adam's two moments and its step count);
# 3. the step, from which the place in the data follows;
# 4. the state of the random numbers, or better none: make them *functions of the step* (`tf.random.stateless_normal(seed=[a, step])`), and there is nothing to save.
#
# And save it **atomically**: write another file, then rename it over the old one. Renaming happens wholly or not at all; a kill in the middle of writing over the only copy would leave none.
#
# ### How often?
#
# Let a checkpoint cost $\delta$ seconds, let kills come at random at a mean distance of $M$ seconds, and save after every $\tau$ seconds of work. Saving costs a share $\delta/\tau$. A kill loses on average half an interval, a share $\frac\tau2\cdot\frac1M$ (for $\tau\ll M$). Set the derivative of the sum to 0, $-\delta/\tau^2+1/(2M)=0$:
#
# $$\boxed{\;\text{lost}(\tau)=\frac\delta\tau+\frac\tau{2M},\qquad\tau^*=\sqrt{2\delta M},\qquad\text{lost}(\tau^*)=\sqrt{2\delta/M}\;}$$
#
# ([Young 1974](https://doi.org/10.1145/361147.361115)). **Check** against the exact law. One interval needs $\tau+\delta$ seconds without a kill. With exponential distances its expected duration, attempts included, is $M(e^{(\tau+\delta)/M}-1)$.


# %%
def lost_share_of_time(interval, cost, between_kills):
    """Share of time that goes into saving and into work done twice, for intervals much shorter than between kills."""
    return cost / interval + interval / (2 * between_kills)


def best_interval(cost, between_kills):
    """Work between two checkpoints that loses the least."""
    return np.sqrt(2 * cost * between_kills)


def exact_loss(interval, cost, between_kills):
    """The same without approximation, for kills at exponential distances."""
    return between_kills * np.expm1((interval + cost) / between_kills) / interval - 1


def simulated_duration(interval, cost, between_kills, n=20_000):
    """Mean time until an interval of work and its checkpoint are done, kills included, by simulation."""
    total, pending = np.zeros(n), np.arange(n)
    while len(pending):
        kill = rng.exponential(between_kills, len(pending))
        total[pending] += np.minimum(kill, interval + cost)
        pending = pending[kill < interval + cost]
    return total.mean()


assert np.isclose(simulated_duration(300, 30, 500), 500 * np.expm1(330 / 500), rtol=0.03)
for cost, between_kills in ((1.0, 4 * 3600), (20.0, 4 * 3600), (20.0, 24 * 3600)):
    intervals = np.geomspace(10, 20_000, 4_000)
    exact_best = intervals[np.argmin(exact_loss(intervals, cost, between_kills))]
    chosen = best_interval(cost, between_kills)
    print(
        f"checkpoint {cost:4.0f} s, a kill every {between_kills / 3600:2.0f} h: save every {chosen / 60:5.1f} min (exact optimum {exact_best / 60:5.1f}), lost {lost_share_of_time(chosen, cost, between_kills):.1%} (exact {exact_loss(chosen, cost, between_kills):.1%})"
    )
    assert np.isclose(chosen, exact_best, rtol=0.05)
    assert np.isclose(lost_share_of_time(chosen, cost, between_kills), np.sqrt(2 * cost / between_kills))

# %% [markdown]
# ### Kill it
#
# One script, run four times: without interruption; killed by the operating system (`SIGKILL`, which no program can catch) after step 37; started again; and started again by somebody who had saved the weights only.

# %%
(FOLDER / "trainer.py").write_text('''
import os, sys, time
import keras, numpy as np, tensorflow as tf

path, stop, pause, forget = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), "forget" in sys.argv
keras.utils.set_random_seed(0)
net = keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, "tanh"), keras.layers.Dense(8)])
optimizer = keras.optimizers.Adam(1e-2)
optimizer.build(net.trainable_variables)  # slots that do not exist yet cannot be restored
state = net.variables + ([] if forget else optimizer.variables)


def save(step):
    """Write everything to another file, then rename it over the old one: wholly or not at all."""
    with open(path + ".part", "wb") as file:
        np.savez(file, step, *[v.numpy() for v in net.variables + optimizer.variables])
    os.replace(path + ".part", path)


@tf.function
def train_step(step):
    """One step; data and noise are functions of the step, so there is no generator whose state must be saved."""
    x, noise = (tf.random.stateless_normal((32, 8), seed=tf.stack([stream, step])) for stream in (0, 1))
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((net(x + noise) - x) ** 2)
    optimizer.apply(tape.gradient(loss, net.trainable_variables), net.trainable_variables)


step = 0
if os.path.exists(path):
    with np.load(path) as file:
        step, *values = file.values()
    for variable, value in zip(state, values):
        variable.assign(value)
print("starts at step", int(step), flush=True)
for step in range(int(step), stop):
    train_step(tf.constant(step))
    if (step + 1) % 10 == 0:
        save(step + 1)
    print("step", step + 1, flush=True)
    time.sleep(pause)
''')


def checkpoint(name):
    """Step and variables of a checkpoint, as one vector of each."""
    with np.load(FOLDER / name) as file:
        step, *values = file.values()
    return int(step), np.concatenate([np.ravel(v) for v in values]).astype(np.float64)


whole, killed = launch("trainer.py", "whole.npz", 60, 0), launch("trainer.py", "killed.npz", 60, 0.05)
for line in killed.stdout:
    if line.strip() == "step 37":
        killed.kill()
        break
killed.communicate()
whole.communicate()
at_kill, _ = checkpoint("killed.npz")
print(f"killed after step 37 (exit status {killed.returncode}); the checkpoint holds step {at_kill}")
(FOLDER / "forgetful.npz").write_bytes((FOLDER / "killed.npz").read_bytes())
again = launch("trainer.py", "killed.npz", 60, 0), launch("trainer.py", "forgetful.npz", 60, 0, "forget")
print("started again:", again[0].communicate()[0].splitlines()[0])
again[1].communicate()
(_, straight), (_, resumed), (_, forgetful) = map(checkpoint, ("whole.npz", "killed.npz", "forgetful.npz"))
n_weights = 8 * 16 + 16 + 16 * 8 + 8
difference = {
    name: np.abs(v[:n_weights] - straight[:n_weights]).max()
    for name, v in (("everything", resumed), ("weights only", forgetful))
}
for name, value in difference.items():
    print(f"saved {name:12}: largest difference of a weight from the run that was not killed {value:.1e}")
assert killed.returncode != 0 and at_kill == 30
assert difference["everything"] < 1e-6 < 1e-3 < difference["weights only"]

# %% [markdown]
# The course's models keep their optimizers' state and their step when they are saved. Keras itself brings `keras.callbacks.BackupAndRestore` and `tf.train.CheckpointManager`, which also keep the last few checkpoints, because a run that has diverged should not overwrite the last good one. Note what Keras does *not* save: the state of its random generators. A training that resumes from a `.keras` file has the same weights, and another future.
#
# ## 11 · Reproducible, within limits
#
# Floating point addition is not associative: each sum is rounded, so the order of the terms matters. With $n$ terms the result of any order is within about $n\,u\sum|x_i|$ of the exact one ($u=2^{-24}$ for float32), and two orders differ by up to twice as much. Another number of threads, another device, another version of a library means another order. `tf.config.experimental.enable_op_determinism()` makes TensorFlow choose one order and keep it, at a cost in speed; it cannot make two *different* devices agree.
#
# Training enlarges such differences. A GAN is a dynamical system of two players; let two runs start with weights that differ in *one* number by the smallest amount that float32 knows.

# %%
terms = (rng.normal(size=10_000) * 10 ** rng.uniform(-3, 3, 10_000)).astype(np.float32)
exact = np.sum(terms.astype(np.float64))
sums = [np.cumsum(rng.permutation(terms), dtype=np.float32)[-1] for _ in range(200)]
bound = len(terms) * 2.0**-24 * np.abs(terms.astype(np.float64)).sum()
print(
    f"one sum in 200 orders: {len(set(map(float, sums)))} different results within {np.ptp(sums):.3f}; bound {bound:.2f}"
)
assert len(set(map(float, sums))) > 10 and np.all(np.abs(sums - exact) < bound)


def gan_run(steps, nudge=False):
    """All weights of a GAN after each step, on the same pictures and noise."""
    model = new_gan()
    if nudge:
        kernel = model.generator.trainable_variables[0]
        value = kernel.numpy()
        value[0, 0] = np.nextafter(value[0, 0], np.float32(1))
        kernel.assign(value)
    run, path = compiled_step(model), []
    for i in range(steps):
        run(tf.constant(train_float[16 * i : 16 * i + 16]))
        path.append(
            np.concatenate([np.ravel(v) for net in (model.generator, model.discriminator) for v in net.get_weights()])
        )
    return np.array(path)


RUN = runtime.pick(cpu=40, gpu=100)
first, repeated, nudged = gan_run(RUN), gan_run(RUN), gan_run(RUN, nudge=True)
print(
    "the same seed twice on this device:",
    "equal bit by bit" if np.array_equal(first, repeated) else f"different by {np.abs(first - repeated).max():.1e}",
)
distance = np.linalg.norm(nudged - first, axis=1)
print(
    f"one weight changed by one unit in the last place: distance {distance[0]:.1e} after the first step, {distance[-1]:.1e} after {RUN}"
)
assert distance[-1] > 10 * distance[0]
figure = plots.curves(
    {"distance of the two runs": distance},
    xlabel="step",
    ylabel="distance of all weights",
    log=True,
    title="One unit in the last place, and what training makes of it",
    size=(7, 3),
)
figure

# %% [markdown]
# So promise what can be kept. *The same machine, versions, seed and number of devices*: the same bits, if the operations are deterministic. *Another machine*: the same statistics, within the spread over seeds that lesson 10 measured. A result that needs particular bits is not a result.
#
# ## 12 · How do I generate faster?
#
# All of this holds for generating too, without gradients. Two things are special.
#
# **Latency or throughput.** One picture as soon as possible (an explorer), or a thousand as soon as possible (a metric)? For one, the starts count: avoid `predict`, which sets up a data pipeline for each call, and use a compiled function. For many, use batches.
#
# **Fold BatchNorm away.** After training its statistics are fixed, so that it is a fixed map $y=ax+b$ in each channel, and the layer before it is linear. With the kernel $K$ and bias $k$, scale $\gamma$, shift $\beta$, moving mean $\mu$ and variance $v$:
#
# $$\gamma\frac{(K*x+k)-\mu}{\sqrt{v+\epsilon}}+\beta\quad\Longrightarrow\quad\boxed{\;K'=aK,\quad k'=a\,(k-\mu)+\beta,\qquad a=\frac\gamma{\sqrt{v+\epsilon}}\;}$$
#
# The same function with fewer layers, and the ones that go are those of the lowest intensity.


# %%
def folded_weights(kernel, bias, gamma, beta, mean, variance, epsilon, axis=-1):
    """Kernel and bias of a linear layer that does the BatchNorm after it too; ``axis`` counts the kernel's outputs."""
    a = gamma / np.sqrt(variance + epsilon)
    repeat = kernel.shape[axis] // len(a)  # a dense layer may make several pixels of each channel
    a, mean, beta = (np.tile(each, repeat) for each in (a, mean, beta))
    shape = [1] * kernel.ndim
    shape[axis] = -1
    return kernel * a.reshape(shape), a * (bias - mean) + beta


def rebuilt(model, fold=True, policy=None):
    """The same graph of layers without its BatchNorm, and in 16 bits up to the first product after the last of them."""
    kinds = (layers.Dense, layers.Conv2D, layers.Conv2DTranspose)
    norms, before, end, new = {}, None, None, {}
    for layer in model.layers:  # in the order of computing: a BatchNorm comes after its linear layer
        if isinstance(layer, layers.BatchNormalization):
            norms[before.name], end = layer, None
        elif isinstance(layer, kinds):
            before, end = layer, end or layer
    last = model.layers.index(end)

    def copied(layer):
        if fold and layer in norms.values():
            return layers.Identity()
        config = layer.get_config()
        config |= {"use_bias": True} if fold and layer.name in norms else {}
        config |= {"dtype": policy} if policy and model.layers.index(layer) < last else {}
        new[layer.name] = type(layer).from_config(config)
        return new[layer.name]

    def called(layer, *inputs, **options):
        return inputs[0] if isinstance(layer, layers.Identity) else layer(*inputs, **options)

    made = keras.models.clone_model(model, clone_function=copied, call_function=called)
    for name, layer in new.items():
        weights = model.get_layer(name).get_weights()
        if fold and name in norms:
            bias = weights[1] if model.get_layer(name).use_bias else 0.0
            norm, axis = norms[name], 2 if isinstance(layer, layers.Conv2DTranspose) else -1
            weights = folded_weights(weights[0], bias, *norm.get_weights(), norm.epsilon, axis)
        layer.set_weights(weights)
    return made


faces = zoo.load("faces-gan")
without_norm, in_16_bits = rebuilt(faces), rebuilt(faces, policy="mixed_bfloat16")
z = tf.random.normal((64, faces.input_shape[-1]), seed=SEED)
drawn = {"as trained": faces(z), "BatchNorm folded": without_norm(z), "and in bfloat16": in_16_bits(z)}
error = {name: float(np.abs(x - drawn["as trained"]).max()) for name, x in drawn.items()}
levels = {
    name: np.abs(images.to_uint8(np.asarray(x)).astype(int) - images.to_uint8(np.asarray(drawn["as trained"]))).mean()
    for name, x in drawn.items()
}
for name in list(drawn)[1:]:
    print(
        f"{name:16}: largest difference of a pixel {error[name]:.1e} of a range of 2; on average {levels[name]:.2f} of 255 grey levels"
    )
exactly = 1e-4 if report.computed_on == "CPU" else 0.02  # a GPU may multiply in TF32
assert error["BatchNorm folded"] < exactly and levels["and in bfloat16"] < 4
plots.side_by_side(
    {name: np.asarray(x)[:8] for name, x in drawn.items()},
    alt="Eight generated faces in three rows, as trained, with BatchNorm folded, and in bfloat16: the rows look alike.",
)


# %%
def generating(model, xla=False):
    """A compiled function from codes to images."""
    return tf.function(lambda z: model(z, training=False), jit_compile=xla)


one = z[:1]
as_graph, folded_graph = generating(faces), generating(without_norm)
by_xla, in_16 = generating(without_norm, xla=True), generating(in_16_bits)
WAYS = {
    "`predict`, one at a time": (lambda: faces.predict(one, verbose=0), 1),
    "`model(z)`, one at a time": (lambda: faces(one, training=False), 1),
    "graph, one at a time": (lambda: as_graph(one), 1),
    "graph, batch 64": (lambda: as_graph(z), 64),
    "graph, batch 64, folded": (lambda: folded_graph(z), 64),
    "graph, batch 64, folded, XLA": (lambda: by_xla(z), 64),
    "graph, batch 64, folded, bfloat16": (lambda: in_16(z), 64),
}
generation = {}
for name, (call, batch) in WAYS.items():
    taken = seconds(call, 5)
    generation[name] = {
        "wait for the first picture, ms": f"{1e3 * taken:.1f}",
        "seconds for 1,000": f"{1000 * taken / batch:.2f}",
    }
slow, fast = (float(generation[name]["seconds for 1,000"]) for name in ("`predict`, one at a time", "graph, batch 64"))
print(
    f"{nets.flops(faces) / 1e6:.0f} MFLOPs a face; measured on {DEVICE}; from the first to the fourth line × {slow / fast:.1f}"
)
assert slow > 1.5 * fast
Markdown(as_table(generation, "way"))

# %% [markdown]
# **So, how do I generate faster?** In this order:
#
# 1. *Do not use `predict` for single pictures*; compile once, call often.
# 2. *Batch*, as soon as more than one picture is wanted (up to a few $B_{1/2}$).
# 3. *Compute less*: fold BatchNorm (exact); a smaller network (lesson 10 says what it costs in quality); up-sampling by sub-pixels instead of wide layers at full resolution.
# 4. *16 bits and XLA*, where the table of your device says so.
# 5. *Fewer passes*. A GAN or a VAE needs one pass through its network for a picture. A diffusion model needs one for each of its steps, and nothing above comes near the factor of going from 100 steps to 4: lesson 15.
#
# ## What went wrong? A table for slow trainings
#
# | you see | it is | look | remedy |
# |---|---|---|---|
# | report says CPU though a GPU is there | driver, wheel, WSL2, runtime type | the report's note | its next step |
# | GPU busy 10 %, one CPU core 100 % | Python, or input in Python | profiler: gaps | graph; `tf.data` (2, 3) |
# | GPU busy 50 %, all CPU cores busy | input | time the dataset alone | parallel map, cache, prefetch (3) |
# | many retracing warnings | Python numbers as arguments, changing shapes | `experimental_get_tracing_count()` | tensors, signature (2) |
# | first step takes a minute | XLA compiles | second step | fewer shapes; or no XLA |
# | out of memory | batch, or another notebook holds the memory | `nvidia-smi` | smaller batch, 16 bits; memory growth is on by default here |
# | loss NaN in `mixed_float16` only | overflow, or a layer that must be float32 | the scale's history | last layer float32, bfloat16 (5) |
# | nothing learned in `mixed_float16` | loss not scaled | one SGD step (5) | `scale_loss` |
# | two GPUs learn differently from one | loss not divided; BatchNorm; same noise | two logical CPUs (8) | divide, synchronise, own streams |
# | two GPUs no faster | gradients travel, batch too small | efficiency (8) | larger batch on each |
# | loss jumps after a restart | optimizer state not saved | compare with a run that was not killed (10) | save everything |
#
# ## Try this
#
# - Predict from the roofline which of the generator's layers gains most from a batch of 256, then measure.
# - In section 7, put `tf.data` before the graph. Do the factors change? Does their product?
# - Set `COURSE_TIER=gpu` on a CPU, and watch which cells become slow. Which of them are limited by memory?
# - How long must a step take, so that 32 devices on 1 Gbit/s are used to 80 %? Use `ring_seconds`.
# - Give `DynamicScale` an infinite gradient every 10 steps with `growth_steps=20`. Where does the scale go?
#
# ## Summary
#
# - A layer's rate is at most $\min(P,I\beta)$; the intensity of a dense layer is that of its smallest dimension, batch included; training costs three forward passes.
# - Find the largest part first: $T/T'=1/((1-p)+p/s)$. Graphs remove Python, fusion removes traffic, prefetching hides the faster of two.
# - Throughput saturates at a few $B_{1/2}=a/b$. Rates scale with $B$ for SGD and with $\sqrt B$ for Adam.
# - float16 needs a loss scale, bfloat16 does not, and both need float32 weights.
# - Equal parts: average the gradients, which means dividing the loss, because optimizers sum. BatchNorm and shared seeds break the equality silently.
# - Save weights, optimizer, step and randomness, atomically, every $\sqrt{2\delta M}$ seconds.
# - A number without its device, versions and date is not a measurement.
#
# ## References
#
# - Williams, Waterman & Patterson 2009, *Roofline*, [doi:10.1145/1498765.1498785](https://doi.org/10.1145/1498765.1498785); Amdahl 1967, [doi:10.1145/1465482.1465560](https://doi.org/10.1145/1465482.1465560)
# - Micikevicius et al. 2018, *Mixed precision training*, [arXiv:1710.03740](https://arxiv.org/abs/1710.03740); Kalamkar et al. 2019, *A study of bfloat16 for deep learning training*, [arXiv:1905.12322](https://arxiv.org/abs/1905.12322)
# - Goyal et al. 2017, linear scaling, [arXiv:1706.02677](https://arxiv.org/abs/1706.02677); Malladi et al. 2022, the square-root rule for Adam, [arXiv:2205.10287](https://arxiv.org/abs/2205.10287); McCandlish et al. 2018, *An empirical model of large-batch training*, [arXiv:1812.06162](https://arxiv.org/abs/1812.06162)
# - Patarasuk & Yuan 2009, *Bandwidth optimal all-reduce algorithms*, [doi:10.1016/j.jpdc.2008.09.002](https://doi.org/10.1016/j.jpdc.2008.09.002)
# - Young 1974, *A first order approximation to the optimum checkpoint interval*, [doi:10.1145/361147.361115](https://doi.org/10.1145/361147.361115)
# - TensorFlow's guides: [better performance with tf.function](https://www.tensorflow.org/guide/function), [tf.data](https://www.tensorflow.org/guide/data_performance), [mixed precision](https://www.tensorflow.org/guide/mixed_precision), [distributed training](https://www.tensorflow.org/guide/distributed_training), [profiler](https://www.tensorflow.org/guide/profiler)
#
# **Next:** the exercises of this lesson; then lesson 12, *Control: conditional generation and editing*, asks the generator for what you want.
#
# ---
# *Text and figures: CC BY 4.0. Code: Apache-2.0.*
