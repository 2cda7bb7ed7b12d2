# %% [markdown]
# # Exercises 06 · DCGAN: the parts that must be right
#
# Six tasks, 60 to 90 minutes: from one line to a diagnosis. They belong to `notebooks/06_dcgan.ipynb`.
#
# Replace each `raise NotImplementedError(...)` by your solution and run the cell below it. A check either says
# `Passed`, or says what it called, what it expected and what came back, with a hint if it recognises the mistake.
# Checks test *properties* on cases of their own, so any correct solution passes. Task 4 uses your losses of task 2,
# and task 6 trains with your steps of task 4.
#
# Stuck? Each task has two hints and a worked idea, folded below its statement: open them one at a time.
#
# Notation as in the lesson: $G$ generator, $D$ discriminator, which returns logits; $\sigma$ sigmoid; natural
# logarithms.

# %%
import keras
import numpy as np
import tensorflow as tf

from course_lib import checks, plots, runtime
from course_lib.checks import toy_game

runtime.setup(0)

# %% [markdown]
# ## Task 1 · Images in the generator's range
#
# A generator that ends in tanh draws in $[-1, 1]$. Bring the data there.
#
# - `u`: NumPy array of images, `(N, H, W, C)`, type `uint8`, values 0 to 255
# - returns: the same shape, type `float32`, values in $[-1, 1]$: 0 becomes exactly −1, and 255 exactly 1
# - worked number: 51 becomes `-0.6`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 2 of the lesson, Fault 1: data and generator have to live in one range. Which straight line takes 0 to −1 and 255 to 1?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Two points fix the line: its slope is $\frac2{255}=\frac1{127.5}$. Bytes wrap round when one calculates with them, so change the type *before* the arithmetic, and ask for `float32` rather than the default.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# $x=u/127.5-1$, in `float32` throughout. On the worked number $51/127.5=0.4$ and $0.4-1=-0.6$. The middle is 127.5, not 128: with 128 neither end would arrive exactly.
#
# </details>


# %%
def to_generator_range(u):
    """uint8 images (N, H, W, C) in [0, 255] -> float32 images in [-1, 1]."""
    ### BEGIN SOLUTION
    return u.astype(np.float32) / 127.5 - 1
    ### END SOLUTION


# %%
checks.to_generator_range(to_generator_range)

# %% [markdown]
# ## Task 2 · Two losses from logits
#
# **2a.** Write the discriminator's loss in the original game,
#
# $$L_D = -\mathbb E\big[\log \sigma(D(x))\big] - \mathbb E\big[\log\big(1 - \sigma(D(G(z)))\big)\big],$$
#
# with means over the batch in place of expectations. It must stay finite and exact for logits such as ±1000, which
# an overconfident $D$ does produce.
#
# - `real_logits`, `fake_logits`: tensors `(N, 1)`, any real numbers
# - returns: a scalar tensor, 0 or more
# - worked number: if all logits are 0, the answer is $2\ln 2 = 1.3863$

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 1 of the lesson, “Losses from logits”: which function of the logit is $-\log\sigma(a)$?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# $-\log\sigma(a)=\operatorname{softplus}(-a)$ and $-\log(1-\sigma(a))=\operatorname{softplus}(a)$. A sigmoid followed by a logarithm would say $\log0$ at a logit of 1000, so never form the probability.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Two means, one for each batch, added: the mean of $\operatorname{softplus}(-a)$ over real logits and the mean of $\operatorname{softplus}(a)$ over fake ones. Each is $\ln2$ for logits of 0, together $1.3863$. (One mean over both batches would give half of it.) A confident and right $D$ has a loss near 0: use that to check the two signs.
#
# </details>


# %%
def discriminator_loss(real_logits, fake_logits):
    """−E[log σ(real)] − E[log(1 − σ(fake))]: two tensors (N, 1) -> scalar."""
    ### BEGIN SOLUTION
    # −log σ(a) = log(1 + e^(−a)) and −log(1 − σ(a)) = log(1 + e^a), and softplus computes log(1 + e^a) safely.
    return tf.reduce_mean(tf.nn.softplus(-real_logits)) + tf.reduce_mean(tf.nn.softplus(fake_logits))
    ### END SOLUTION


# %%
checks.discriminator_loss(discriminator_loss)

# %% [markdown]
# **2b.** Write the *non-saturating* loss of the generator, $L_G = -\mathbb E\big[\log \sigma(D(G(z)))\big]$.
#
# - `fake_logits`: a tensor `(N, 1)`
# - returns: a scalar tensor, 0 or more
# - worked number: if all logits are 2, the answer is `0.1269`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 1 of the lesson, “Losses from logits”: the generator wishes that $D$ took its samples for real.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# It is the first term of $D$'s loss, only that fake logits stand in it. (Minus the second term would be the saturating loss, with the opposite behaviour where $D$ is sure.)
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# The mean of $\operatorname{softplus}(-a)=\log(1+e^{-a})$ over the fake logits. On the worked number $\log(1+e^{-2})=0.1269$. It falls as the logits rise: check that direction.
#
# </details>


# %%
def generator_loss(fake_logits):
    """−E[log σ(fake)]: tensor (N, 1) -> scalar."""
    ### BEGIN SOLUTION
    return tf.reduce_mean(tf.nn.softplus(-fake_logits))
    ### END SOLUTION


# %%
checks.generator_loss(generator_loss)

# %% [markdown]
# ## Task 3 · Why the old generator drew checkerboards
#
# **3a.** In one dimension, a transposed convolution with `kernel` taps and stride `stride` lets input $j$ write to the
# output pixels $j \cdot$ `stride` $+\, k$ with $k = 0, 1, \dots,$ `kernel` $- 1$. Far from the border, the number of taps
# that reach pixel $i$ depends only on $i$ modulo `stride`. Count them.
#
# - `kernel`, `stride`: positive integers
# - returns: a list of `stride` integers; number $r$ counts the taps that reach the pixels $i$ with
#   $i \bmod$ `stride` $= r$
# - worked number: `overlap_counts(3, 2)` is `[2, 1]`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 2 of the lesson, Fault 8: stand on one output pixel and ask which taps can reach it.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Pixel $i$ is reached through tap $k$ if $i=j\cdot\text{stride}+k$ for some input $j$, that is, if $k$ and $i$ leave the same remainder. Count such $k$ from 0 to $\text{kernel}-1$.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# For each remainder $r$, count $r,\ r+\text{stride},\ r+2\,\text{stride},\dots$ as long as they stay below `kernel`. On the worked number: for $r=0$ the taps 0 and 2, for $r=1$ only tap 1, so `[2, 1]`. With a stride larger than the kernel some counts are 0, which is right: these pixels stay empty.
#
# </details>


# %%
def overlap_counts(kernel, stride):
    """Taps that reach each interior pixel of one period: two integers -> list of ``stride`` integers."""
    ### BEGIN SOLUTION
    # Pixel i is reached by the taps k with k = i modulo stride.
    return [len(range(r, kernel, stride)) for r in range(stride)]
    ### END SOLUTION


# %%
checks.overlap_counts(overlap_counts)

# %% [markdown]
# **3b.** Return the smallest kernel size of at least `at_least` for which all these counts are equal.
#
# - `stride`, `at_least`: positive integers
# - returns: an integer
# - worked number: `even_kernel(2, 5)` is `6`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 2 of the lesson, Fault 8, and your function of 3a: when do the numbers $0,\dots,K-1$ hold every remainder equally often?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Exactly if $K$ is a multiple of the stride. You need the first multiple that is not below `at_least`.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Divide `at_least` by the stride, round *up*, and multiply by the stride again. On the worked number $5/2$ becomes 3, and $3\cdot2=6$. If `at_least` is a multiple already, it has to stay as it is. (Or try sizes one after the other with your function of 3a.)
#
# </details>


# %%
def even_kernel(stride, at_least):
    """The smallest kernel size ≥ at_least without uneven overlap: two integers -> integer."""
    ### BEGIN SOLUTION
    return stride * -(-at_least // stride)  # −(−a // b) rounds a / b up
    ### END SOLUTION


# %%
checks.even_kernel(even_kernel)

# %% [markdown]
# In two dimensions the counts of rows and columns multiply. Here two layers of Keras with all weights 1 are given an
# image of ones; an even grey means no checkerboard.

# %%
tiles = []
for kernel in (5, even_kernel(2, 5)):
    options = {"strides": 2, "padding": "same", "use_bias": False, "kernel_initializer": "ones"}
    drawn = keras.layers.Conv2DTranspose(1, kernel, **options)(np.ones((1, 14, 14, 1), np.float32))[:, 6:-6, 6:-6]
    print(f"kernel {kernel}, stride 2: interior values {np.unique(drawn).tolist()}")
    tiles.append(drawn / 5 - 1.3)  # 4 to 9 become -0.5 to 0.5
alt = (
    f"Two squares drawn with stride 2: a checkerboard of three greys with kernel 5, one even grey with kernel {kernel}."
)
plots.image_grid(np.concatenate(tiles), columns=2, titles=["kernel 5", f"kernel {kernel}"], size=1.6, alt=alt)

# %% [markdown]
# ## Task 4 · One step, one mover
#
# **4a.** Write one training step of the discriminator: compute `discriminator_loss` on a batch of real images and on
# fakes made from `z`, and let `optimizer` move $D$, and nothing but $D$, once. Use `tf.GradientTape`;
# `optimizer.apply(gradients, variables)` takes two lists. Both networks must stay trainable.
#
# - `generator`: z `(N, d)` → images; `discriminator`: images → logits `(N, 1)`; both are Keras models
# - `optimizer`: a Keras optimizer for $D$; `real`: tensor of images; `z`: tensor `(N, d)`
# - returns: the loss before the step, a scalar tensor
# - worked number: for a $D$ that says 0 to everything, the returned loss is `1.3863`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 4 of the lesson, phase 1 of a step, without the penalty.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# For $D$ the fakes are constants: make them outside the tape. Ask the tape for the gradients of *$D$'s* trainable variables only. That alone keeps $G$ still; nothing has to be frozen.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# In order: fakes from `z` with `training=True`; then, inside the tape, both batches through $D$ and `discriminator_loss`; outside again, the gradients of this loss for $D$'s variables, and one call of the optimizer that is passed in; return the loss. It was computed before the move, which is what the statement asks for.
#
# </details>


# %%
def d_step(generator, discriminator, optimizer, real, z):
    """One step of D on real images and on the fakes of z; return its loss."""
    ### BEGIN SOLUTION
    fake = generator(z, training=True)  # outside the tape: no gradient of G is needed here
    with tf.GradientTape() as tape:
        loss = discriminator_loss(discriminator(real, training=True), discriminator(fake, training=True))
    variables = discriminator.trainable_variables
    optimizer.apply(tape.gradient(loss, variables), variables)
    return loss
    ### END SOLUTION


# %%
checks.discriminator_step(d_step)

# %% [markdown]
# **4b.** Now one step of the generator with `generator_loss`, on the fakes of `z`. Gradients pass *through* $D$;
# only $G$ moves.
#
# - arguments as in 4a, without real images; `optimizer` is that of $G$
# - returns: the loss before the step, a scalar tensor
# - worked number: for a $D$ that says 2 to everything, the returned loss is `0.1269`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 4 of the lesson, phase 3; and Fault 5 of section 2 shows what goes wrong with flags.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The fakes are the only way back to $G$: they have to be made *inside* the tape. The gradients pass through $D$, but you ask for those of $G$'s trainable variables.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Inside the tape: from `z` through $G$, from there through $D$, both with `training=True`, into `generator_loss`. Outside: gradients for $G$'s variables, one call of the optimizer, return the loss. If the tape gives you `None`, the fakes were made in the wrong place.
#
# </details>


# %%
def g_step(generator, discriminator, optimizer, z):
    """One step of G on the fakes of z; return its loss."""
    ### BEGIN SOLUTION
    with tf.GradientTape() as tape:  # the fakes must be made inside: they are the way back to G
        loss = generator_loss(discriminator(generator(z, training=True), training=True))
    variables = generator.trainable_variables
    optimizer.apply(tape.gradient(loss, variables), variables)
    return loss
    ### END SOLUTION


# %%
checks.generator_step(g_step)

# %% [markdown]
# ## Task 5 · An average that forgets its youth
#
# The course samples from an exponential moving average (EMA) of the generator's weights. Write its update for one
# array of weights: keep the share $\delta_t$ of the average and add the share $1 - \delta_t$ of the new value. A fixed
# `decay` of 0.999 would remember the random start for thousands of steps, so it is warmed up:
#
# $$\delta_t = \min\Big(\texttt{decay}, \frac{1 + t}{10 + t}\Big).$$
#
# - `average`, `value`: NumPy arrays of one shape; `decay`: a number in $[0, 1)$; `step`: the integer $t \ge 0$
# - returns: the new average, the same shape
# - worked number: `moving_average(0.0, 1.0, 0.999, 0)` is `0.9`, and for step 8 it is `0.5`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 4 of the lesson, phase 4, “Average”: a mean that moves only a little at each step, and more at the beginning.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# First the share $\delta_t$: the *smaller* of two numbers. It belongs to the old average, and $1-\delta_t$ to the new value.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# $\delta_t$ times the average plus $(1-\delta_t)$ times the value. Worked numbers: at $t=0$, $\delta=\frac1{10}$, so $0.1\cdot0+0.9\cdot1=0.9$; at $t=8$, $\delta=\frac9{18}$, so $0.5$. After thousands of steps the fraction exceeds `decay`, which then takes over.
#
# </details>


# %%
def moving_average(average, value, decay, step):
    """The average after one more value, with the decay warmed up: arrays of one shape -> array."""
    ### BEGIN SOLUTION
    kept = min(decay, (1 + step) / (10 + step))
    return kept * average + (1 - kept) * value
    ### END SOLUTION


# %%
checks.moving_average(moving_average)

# %% [markdown]
# What the warm-up buys: a weight that starts at 3, far from where training takes it (1, with noise), and its average.

# %%
noisy = 1 + 0.4 * np.random.default_rng(0).normal(size=600) + 2 * np.exp(-np.arange(600) / 20)
warm, cold = [3.0], [3.0]
for step, value in enumerate(noisy):
    warm.append(moving_average(warm[-1], value, 0.99, step))
    cold.append(0.99 * cold[-1] + 0.01 * value)
plots.curves(
    {"weight": noisy, "average, fixed decay": cold[1:], "average, warmed up": warm[1:]},
    xlabel="training step",
    ylabel="value of one weight",
)

# %% [markdown]
# ## Task 6 · Read the curves, name the fault, treat it
#
# A GAN on points in the plane is small enough to train in seconds, with *your* `d_step` and `g_step`. The data are four
# clouds of points; $G$ ends in tanh, as always. Three runs follow. Their settings are hidden, and not all of them are
# sick. From left to right: the losses; $D$'s accuracy, and the spread of the samples as a share of the data's; the
# mean logits of real and generated points; the points themselves after training.

# %%
runs = {number: toy_game.play(number, d_step, g_step) for number in (1, 2, 3)}
for number, run in runs.items():
    plots.show(toy_game.panel(run, f"Run {number}"))

# %% [markdown]
# **6a.** What do you see in each run? Give a dictionary with a letter for each of the runs 1, 2 and 3.
#
# - **a** a balanced game: nothing is wrong
# - **b** mode collapse: all samples are alike, and the data are within $G$'s reach
# - **c** a range mismatch: the data lie where $G$ cannot go
# - **d** a blind discriminator, which has learned nothing and teaches nothing
#
# Worked form: `{1: "d", 2: "d", 3: "d"}`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 5 of the lesson says what the losses of a GAN can tell and what they cannot. Begin with the last column, the points, and read the curves afterwards.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Ask three questions of each run. Do the data lie within the square from −1 to 1 (read the axes)? Is the spread of the samples anything like that of the data? Has $D$ ever been better than a coin?
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Data outside the square that tanh can reach make $D$ right at a glance, with logits tens apart: a range mismatch. A spread near 0 with the data within reach is a collapse. An accuracy of one half *from the very first step* would be a blind discriminator; one half after a struggle, with samples on the clouds, is a draw. Do not decide by the losses: two of the runs have much the same.
#
# </details>

# %%
### BEGIN SOLUTION
diagnosis = {1: "c", 2: "a", 3: "b"}
### END SOLUTION
diagnosis

# %%
checks.diagnosis(diagnosis)

# %% [markdown] tags=["solution"]
# Run 1: $D$ is always right and its logits are tens apart, because one look at the range is enough: compare the axes
# of the last picture with the reach of tanh. Runs 2 and 3 have much the same losses: *the losses do not tell a
# balanced game from a collapse*. The spread and the points do.

# %% tags=["solution"]
for number in (2, 3):
    means = {name: np.mean(values[-15:]) for name, values in runs[number].curves.items()}
    print(
        f"run {number}, mean of the last 750 steps: " + ", ".join(f"{name} {mean:.2f}" for name, mean in means.items())
    )
    assert abs(means["D's loss"] - 2 * np.log(2)) < 0.25

# %% [markdown]
# **6b.** Choose one treatment for each run:
#
# - **p** leave it as it is
# - **q** convert the data: divide by 127.5, subtract 1
# - **r** the same learning rate, 0.001, for both players
# - **s** a slower discriminator: a tenth of its learning rate
# - **t** patience: three times as many steps

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# One treatment for one cause: write down the cause of each of your diagnoses in a few words first.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# For a mismatch of ranges: which line of task 1 brings data to where $G$ can draw? For a collapse: who was too fast for whom? And what does one do with a healthy patient?
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# The treatment of a range mismatch is the conversion of task 1. In a collapse $G$ carries all its samples to wherever $D$ believed them last, and $D$ cannot follow: slowing $D$ down makes it worse, and patience repeats the same chase, so look for what makes the two equally fast. And nothing is the right treatment for what is not ill.
#
# </details>

# %%
### BEGIN SOLUTION
remedy = {1: "q", 2: "p", 3: "r"}
### END SOLUTION
remedy

# %%
checks.remedy(remedy)

# %% [markdown]
# Now the proof: the sick runs again, treated. Try the other letters too, they are instructive.

# %%
for number in (1, 3):
    treated = toy_game.play(number, d_step, g_step, remedy[number])
    plots.show(toy_game.panel(treated, f"Run {number} with treatment {remedy[number]}"))

# %% [markdown] tags=["solution"]
# Treated, both are run 2: the same seed, settings and data. In run 3 the generator's learning rate was 25 times the
# discriminator's, so that $G$ could move all its samples to wherever $D$ had last believed them.

# %% [markdown]
# **Think further** (no check). Treatment **s** on run 3 slows $D$ down even more. Predict the losses, the spread and the
# points, then run it.

# %% tags=["solution"]
plots.show(toy_game.panel(toy_game.play(3, d_step, g_step, "s"), "Run 3 with treatment s"))

# %% [markdown] tags=["solution"]
# A slower $D$ follows even less: the samples stay alike, while its loss wanders around $2\ln 2$ as before. The losses
# of a GAN measure the game, not the pictures.

# %% [markdown]
# ---
# *Text and figures: CC BY 4.0. Code: Apache-2.0. Data and weights: see `DATA.md`.*
