# %% [markdown]
# # Exercises 11 · Training on a GPU
#
# Six tasks, 60 to 90 minutes: from one line to a benchmark that deserves the name. They belong to `notebooks/11_training_on_a_gpu.ipynb`. No GPU is needed.
#
# Replace each `raise NotImplementedError(...)` by your solution and run the cell below it. A check either says
# `Passed`, or says what it called, what it expected and what came back, with a hint if it recognises the mistake.
# Checks test *properties* on cases of their own, so any correct solution passes.
#
# Stuck? Each task has two hints and a worked idea, folded below its statement: open them one at a time.

# %%
import time

import numpy as np
import tensorflow as tf

from course_lib import checks, plots, runtime

runtime.setup(0)

# %% [markdown]
# ## Task 1 · How long does a layer take?
#
# A device computes at most `peak` operations a second and moves at most `bandwidth` bytes a second, both at the same time. Return the shortest time in which it can run a layer with this many operations and bytes.
#
# - all four arguments: positive numbers (operations, bytes, operations/s, bytes/s)
# - returns: a number of seconds
# - worked number: `operations = 2e9, moved = 1e9, peak = 1e9, bandwidth = 1e9` gives `2.0`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 1 of the lesson, “Two ceilings”: two things have to be done, and the device does both at the same time.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Each has a shortest time of its own, an amount divided by a rate. Which of the two times does one have to wait for?
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# $\text{operations}/\text{peak}$ and $\text{moved}/\text{bandwidth}$, both in seconds; the layer is ready when the slower of them is. On the worked number 2 s and 1 s: 2 s. A sum would mean that one waits for the other, and rates must not be mixed before they are times.
#
# </details>


# %%
def layer_seconds(operations, moved, peak, bandwidth):
    """Shortest time of a layer under the roofline: four positive numbers -> seconds."""
    ### BEGIN SOLUTION
    return max(operations / peak, moved / bandwidth)  # at the same time: it waits for the slower of the two
    ### END SOLUTION


# %%
checks.layer_seconds(layer_seconds)

# %% [markdown]
# ## Task 2 · A convolution under the roof
#
# Count what a convolution with stride 1, padding "same" and no biases does with a batch of pictures `(batch, height, width, c_in)` and a square kernel: its operations (a multiplication and an addition are two) and its bytes, if the input is read once, the weights are read once, the output is written once, and a number has `size` bytes.
#
# - all seven arguments: positive integers
# - returns: a tuple of two integers (operations, bytes) of the whole batch
# - worked number: `batch = 2, height = width = 3, c_in = 1, c_out = 2, kernel = 3, size = 4`: 18 pixels; `(648, 288)`, where 288 is $4\,(18 + 18 + 36)$

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 1 of the lesson, “Bytes and operations of a layer”. How often is one weight *used*, and how often is it *read*?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# With padding “same” and stride 1 there are as many pixels behind as before. Every weight is used at every pixel of every picture, but read only once for the whole batch.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Pixels $p=\text{batch}\cdot\text{height}\cdot\text{width}$ and weights $w=\text{kernel}^2c_{\text{in}}c_{\text{out}}$: $2wp$ operations, and input, weights and output make $p\,c_{\text{in}}+w+p\,c_{\text{out}}$ numbers of `size` bytes. On the worked number $p=w=18$: $2\cdot18\cdot18=648$ and $4(18+18+36)=288$.
#
# </details>


# %%
def conv_cost(batch, height, width, c_in, c_out, kernel, size):
    """Operations and bytes of a convolution on a batch: seven integers -> (int, int)."""
    ### BEGIN SOLUTION
    pixels, weights = batch * height * width, kernel**2 * c_in * c_out
    return 2 * weights * pixels, size * (pixels * c_in + weights + pixels * c_out)
    ### END SOLUTION


# %%
checks.conv_cost(conv_cost)

# %% [markdown]
# Use both to predict before you measure: how does the intensity of a $3\times3$ convolution from 32 to 64 channels on $14\times14$ pixels change from batch 1 to batch 256? And that of a $1\times1$ convolution?

# %% tags=["solution"]
figure, axes = plots.canvas(6.2, 3.2)
batches = 2 ** np.arange(9)
for number, kernel in enumerate((3, 1)):
    costs = np.array([conv_cost(int(b), 14, 14, 32, 64, kernel, 4) for b in batches])
    axes.plot(
        batches,
        costs[:, 0] / costs[:, 1],
        plots.MARKERS[number] + "-",
        color=plots.COLOURS[number],
        label=f"{kernel} × {kernel}",
    )
axes.set(
    xscale="log",
    xlabel="batch",
    ylabel="operations for each byte",
    ylim=(0, None),
    title="Pictures are batches of pixels already",
)
axes.set_xticks(batches[::2], [str(b) for b in batches[::2]])
axes.minorticks_off()
axes.legend(frameon=False)
figure.alt_text = "Intensity against batch size: the 3 by 3 convolution rises from about 48 to about 96 operations a byte, the 1 by 1 convolution is nearly constant at about 10."
figure

# %% [markdown] tags=["solution"]
# A convolution uses each weight at every pixel, so that one picture is already a batch of 196. The batch matters much less than for a dense layer; what it changes is how many starts there are.

# %% [markdown]
# ## Task 3 · Scaling a loss
#
# **3a. The largest scale.** Return the largest power of two by which these gradients can be multiplied so that all of them stay finite in float16, that is at most 65504 in size. (Powers of two, because they change the exponent only and round nothing.) It may be smaller than 1.
#
# - `gradients`: NumPy array `(n,)`, not all 0
# - returns: a number
# - worked number: `[0.001, -2.0]` gives `16384.0`: $2\cdot2^{14}=32768$ is finite, twice that is not

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 5 of the lesson, “Two ways to lose a gradient” and “Loss scaling, in full”. Which one of the gradients decides?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The one that is largest *in size*; it may be negative. Its product with the scale is at most 65504. A power of two: take the logarithm to base 2 and round it, but in which direction?
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# The largest exponent $e$ with $2^e\max|g|\le65504$ is $\log_2(65504/\max|g|)$, rounded *down*. On the worked number $\log_2(65504/2)=14.9993$, so $e=14$ and the scale is 16384. For gradients beyond 65504 the exponent is negative, which is right.
#
# </details>


# %%
def choose_scale(gradients):
    """Largest power of two that keeps all gradients finite in float16: (n,) -> number."""
    ### BEGIN SOLUTION
    return 2.0 ** np.floor(np.log2(65504 / np.abs(gradients).max()))
    ### END SOLUTION


# %%
checks.choose_scale(choose_scale)

# %% [markdown]
# **3b. The scale after a step.** The dynamic scale is halved when a gradient was not finite, and doubled after `growth_steps` good steps in a row. Return the scale and the number of good steps in a row after this step.
#
# - `scale`: a number; `good`: good steps in a row before this one; `finite`: whether all gradients of this step were finite; `growth_steps`: an integer
# - returns: a tuple (scale, good)
# - worked number: `(1024.0, 2, True, 5)` gives `(1024.0, 3)`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 5 of the lesson, “Loss scaling, in full”. There are three cases; write down for each what becomes of the scale *and* of the counter.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# First ask whether the step was finite. If so, ask whether this step completes the row of `growth_steps`. When does the counter begin again at 0?
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Not finite: half the scale, and the row is broken, 0. Finite and the row complete (`good` and this one make `growth_steps`): twice the scale, and a new row, 0. Otherwise: the same scale and one more. On the worked number 2 and this one are 3 of 5: `(1024.0, 3)`.
#
# </details>


# %%
def next_scale(scale, good, finite, growth_steps):
    """Scale and good steps in a row after a step: number, int, bool, int -> (number, int)."""
    ### BEGIN SOLUTION
    if not finite:
        return scale / 2, 0
    if good + 1 == growth_steps:
        return scale * 2, 0
    return scale, good + 1
    ### END SOLUTION


# %%
checks.next_scale(next_scale)

# %% [markdown]
# ## Task 4 · What two devices must tell each other
#
# Several devices saw parts of one batch, *of different sizes*. Each knows its number of examples, its mean and its variance (with $n$ in the denominator). Return the mean and the variance of the whole batch, which a synchronised BatchNorm needs.
#
# - `counts`, `means`, `variances`: NumPy arrays `(n,)`, one entry for each device
# - returns: a tuple of two numbers (mean, variance)
# - worked number: counts `[1, 3]`, means `[4, 0]`, variances `[0, 2]`: the mean is 1, the variance $\tfrac14(0+9)+\tfrac34(2+1)=4.5$

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 8 of the lesson, “What BatchNorm does to it”: the variance of the whole is not the mean of the variances. What is missing?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Parts of different sizes count by their share $n_j/n$ in every mean. The variance of the whole has two parts: the variance *within* the devices, and that *between* their means.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# With the shares $w_j$: $\mu=\sum_jw_j\mu_j$ and $\sigma^2=\sum_jw_j\big(\sigma_j^2+(\mu_j-\mu)^2\big)$. On the worked number the shares are ¼ and ¾, the mean is 1, and $\frac14(0+9)+\frac34(2+1)=4.5$. A test: two devices with the same numbers give back the variance of one of them.
#
# </details>


# %%
def joined_statistics(counts, means, variances):
    """Mean and variance of all numbers, from those of parts: (n,), (n,), (n,) -> (number, number)."""
    ### BEGIN SOLUTION
    share = counts / counts.sum()
    mean = share @ means
    return mean, share @ (variances + (means - mean) ** 2)
    ### END SOLUTION


# %%
checks.joined_statistics(joined_statistics)

# %% [markdown]
# ## Task 5 · A training that can be cut anywhere
#
# SGD with momentum on the loss $\tfrac12\|w\|^2$ with noisy gradients. Step number $t=0,1,2,\dots$ of the whole training is
#
# $$u\leftarrow0.9\,u-0.1\,(w+\xi_t),\qquad w\leftarrow w+u,\qquad\xi_t=\texttt{np.random.default\_rng([0, t]).standard\_normal(w.shape)} .$$
#
# Write a function that takes a **state**, goes on for `steps` steps from wherever the state stands, and returns the new state. The point: `advance(advance(s, a), b)` must equal `advance(s, a + b)` for all $a$ and $b$, bit for bit.
#
# - `state`: a dictionary with `"w"` and `"velocity"` (NumPy arrays of one shape) and `"step"` (the number of steps taken so far, an integer); do not change it
# - returns: a new dictionary with the same keys
# - worked number: `w = [1.0]`, `velocity = [0.5]`, `step = 0` and one step: $\xi_0=0.1257$, so the velocity is $0.45-0.1126=0.3374$ and $w=1.3374$

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 10 of the lesson lists what decides the future of a training. Everything on that list is in `state` here; so nothing may come from anywhere else.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The noise is a function of the step's number, and this number goes on from `state["step"]`, not from 0. First the velocity, then the weights with the *new* velocity. And `+=` on an array would change the caller's state.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Repeat for $t$ from the state's step up to, without, that step + `steps`: draw $\xi_t$ from `[0, t]`; a new velocity from the old one and from $w+\xi_t$; a new $w$. Return a new dictionary with the step increased by `steps`. On the worked number $0.9\cdot0.5-0.1\cdot(1+0.1257)=0.3374$, and $w=1+0.3374$.
#
# </details>


# %%
def advance(state, steps):
    """Go on for ``steps`` steps: dictionary, int -> new dictionary."""
    ### BEGIN SOLUTION
    w, velocity, first = state["w"], state["velocity"], state["step"]
    for t in range(first, first + steps):
        noise = np.random.default_rng([0, t]).standard_normal(w.shape)
        velocity = 0.9 * velocity - 0.1 * (w + noise)
        w = w + velocity
    return {"w": w, "velocity": velocity, "step": first + steps}
    ### END SOLUTION


# %%
checks.advance(advance)

# %% [markdown]
# Then cut it everywhere:

# %%
start = {"w": np.array([1.0, -1.0]), "velocity": np.zeros(2), "step": 0}
straight = advance(start, 30)
cut = [advance(advance(start, at), 30 - at) for at in range(31)]
print("cut at 31 places, equal bit by bit:", all(np.array_equal(c["w"], straight["w"]) for c in cut))

# %% [markdown]
# ## Task 6 · A benchmark
#
# **6a. What is wrong with it?** An invented post:
#
# > *XLA makes training 40 times faster! I took **the same network** on **the same GPU**. Without XLA I timed the first 10 steps: 8.1 s. Then I switched XLA on, let it compile, and timed 10 more steps: 0.2 s. (With XLA the batch was 32, before it was 128, because of memory.) The clock is read before and after the call of the step. I ran each once.*
#
# For each item say whether it is a **fault** of the comparison.
#
# - returns: nothing; replace each `...` by `True` (a fault) or `False`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# The opening of the lesson, “How to time a device”, and section 2, “Eager, graph, XLA”. For each item: is it an advantage of one side, or a blur over both?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# What has to be the same in a comparison is no fault when it is. Then ask of the others: what do the first ten steps contain on one side only? When does a call return? Are the two times for equal work? And how large is the scatter?
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Without XLA the first steps were timed, tracing included; with XLA the compilation was left out. The clock was read after the *call*, when the work has only been ordered. A batch of 32 is a quarter of the work of 128. One run each says nothing about chance. And the network and the device are held fixed, which is what a comparison is.
#
# </details>

# %%
verdict = {
    "no warm-up": ...,
    "no waiting for the device": ...,
    "different batch sizes": ...,
    "one run each": ...,
    "same network": ...,
    "same device": ...,
}
### BEGIN SOLUTION
verdict = {
    "no warm-up": True,  # the first ten steps without XLA contain tracing
    "no waiting for the device": True,
    "different batch sizes": True,
    "one run each": True,
    "same network": False,  # that is how it has to be
    "same device": False,
}
### END SOLUTION

# %%
checks.benchmark_faults(verdict)

# %% [markdown]
# **6b. A fair one.** Time two programs on an asynchronous device. The check brings a simulated one: it is slow at the first call of each program, is disturbed now and then, and becomes slower as it warms up.
#
# - `step_a()`, `step_b()`: order one step; they return at once
# - `wait()`: returns when all that was ordered is done
# - `clock()`: returns seconds
# - `rounds`: how many steps of each to time, at least 1
# - returns: a tuple of two numbers, the seconds of one step of a and of b
# - worked number: if a step of a takes 0.1 s and one of b 0.15 s on a quiet device, `(0.1, 0.15)`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# The opening of the lesson, “How to time a device”, has three rules. The simulated device breaks each of them if you let it, and adds a fourth trap: it becomes slower while it warms up.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Wait *before* the clock is started, so that old work does not count, and again before it is stopped. The first call of each program does not count. Take turns, so that a and b meet the same conditions. Which average is not bothered by a single disturbance?
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# A helper times one step: wait, read the clock, order the step, wait, read the clock, return the difference. Call it once for each program and throw the result away. Then `rounds` times: once a, once b. Return the median of each. (All of a first and all of b afterwards would charge the warm device to b.)
#
# </details>


# %%
def fair_timing(step_a, step_b, wait, clock, rounds):
    """Seconds of one step of a and of b: functions and an int -> (number, number)."""
    ### BEGIN SOLUTION

    def timed(step):
        wait()
        begin = clock()
        step()
        wait()
        return clock() - begin

    timed(step_a), timed(step_b)  # tracing and compiling
    turns = [(timed(step_a), timed(step_b)) for _ in range(rounds)]  # in turns: both meet the same conditions
    return tuple(np.median(turns, axis=0))
    ### END SOLUTION


# %%
checks.fair_timing(fair_timing)

# %% [markdown]
# Your benchmark at work on your own device: does fusing pay for a chain of elementwise operations here?

# %%
x = tf.random.normal((runtime.pick(cpu=2**20, gpu=2**25),))


def chain(x):
    """Nine elementwise operations."""
    for _ in range(3):
        x = tf.nn.relu(1.01 * x + 0.1)
    return x


plain, fused = tf.function(chain), tf.function(chain, jit_compile=True)
sync = tf.test.experimental.sync_devices
a, b = fair_timing(lambda: plain(x), lambda: fused(x), sync, time.perf_counter, 9)
print(
    f"graph {1e3 * a:.2f} ms, XLA {1e3 * b:.2f} ms, on {'the GPU' if tf.config.list_physical_devices('GPU') else 'the CPU'}"
)

# %% [markdown] tags=["solution"]
# And a question to take away: on what would you have to run it before you may write "XLA makes this chain faster" without "here"?
