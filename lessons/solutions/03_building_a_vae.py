# %% [markdown]
# # Exercises 03 · Building a VAE, and the units of its loss
#
# Six tasks, 60 to 90 minutes: from one line to a small experiment. They belong to
# `notebooks/03_building_a_vae.ipynb`.
#
# Replace each `raise NotImplementedError(...)` by your solution and run the cell below it. A check either says
# `Passed`, or says what it called, what it expected and what came back, with a hint if it recognises the mistake.
# Checks test *properties* on cases of their own, so any correct solution passes.
#
# Stuck? Each task has two hints and a worked idea, folded below its statement: open them one at a time.
#
# Notation as in the lesson: $D$ pixels, $d$ latent variables, `mean` $= \mu$, `logvar` $= \log\sigma^2$, natural
# logarithms.

# %%
import keras
import numpy as np
import tensorflow as tf

from course_lib import checks, data, images, nets, plots, runtime, vae

runtime.setup(0)

# %% [markdown]
# ## Task 1 · The KL term
#
# Write the closed form of $\mathrm{KL}\big(\mathcal N(\mu, \operatorname{diag}\sigma^2)\,\|\,\mathcal N(0, I)\big)$.
#
# - `mean`, `logvar`: NumPy arrays `(N, d)`
# - returns: `(N,)`, one KL divergence for each example, in nats; never negative
# - worked number: for `mean = [[1.0]]` and `logvar = [[0.0]]` the answer is `[0.5]`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 3 of the lesson, “The KL term”: one coordinate first, and then what independence does to the others.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `logvar` is $\log\sigma^2$, so that `exp(logvar)` is $\sigma^2$, no further square or root. The KL of independent coordinates adds up: sum over the latent axis, and leave the axis of the examples alone.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Each coordinate costs $\frac12(\mu^2+\sigma^2-\log\sigma^2-1)$; add them up within each example. On the worked number $\frac12(1+1-0-1)=0.5$. Two tests: zeros for both arguments give 0, and nothing ever gives less, because $t-\log t-1\ge0$.
#
# </details>


# %%
def kl_to_standard_normal(mean, logvar):
    """KL(N(mean, diag exp(logvar)) ‖ N(0, I)) of each example: (N, d), (N, d) -> (N,)."""
    ### BEGIN SOLUTION
    return 0.5 * (mean**2 + np.exp(logvar) - logvar - 1).sum(axis=1)
    ### END SOLUTION


# %%
checks.kl_to_standard_normal(kl_to_standard_normal)

# %% [markdown]
# ## Task 2 · A draw that can be differentiated
#
# Turn standard normal `noise` into a draw from $\mathcal N(\mu, \operatorname{diag}\sigma^2)$, so that gradients
# reach `mean` and `logvar`. One line; use TensorFlow functions, because NumPy cuts the way back.
#
# - `mean`, `logvar`, `noise`: tensors `(N, d)`
# - returns: tensor `(N, d)`
# - worked number: `mean = 1`, `logvar = log 4 = 1.386`, `noise = 0.5` give `1 + 2 · 0.5 = 2`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 3 of the lesson, “A gradient through a random draw”: fixed noise is scaled and shifted, and so $z$ is a smooth function of the encoder's outputs.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The scale is the standard deviation $\sigma$, and `logvar` is $\log\sigma^2$: which power of `exp(logvar)` is $\sigma$? Take the exponential from TensorFlow.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# $\sigma=e^{\frac12\text{logvar}}$ and $z=\mu+\sigma\varepsilon$, coordinate by coordinate, nothing summed. On the worked number $e^{0.693}=2$ and $1+2\cdot0.5=2$. (If your function says 3 there, it has scaled the noise with the variance.)
#
# </details>


# %%
def reparameterise(mean, logvar, noise):
    """A draw from N(mean, diag exp(logvar)), made from standard normal noise; all (N, d)."""
    ### BEGIN SOLUTION
    return mean + tf.exp(0.5 * logvar) * noise
    ### END SOLUTION


# %%
checks.reparameterise(reparameterise)

# %% [markdown]
# ## Task 3 · What β is this really?
#
# **3a.** A loss is made of a reconstruction term, summed (`"sum"`) or averaged (`"mean"`) over the $D$ pixels, plus
# `kl_weight` times a KL term, summed or averaged over the $d$ latent variables. Return its effective β: the weight of
# the summed KL term when the summed reconstruction term has weight 1.
#
# - `reconstruction`, `kl`: `"sum"` or `"mean"`; `n_pixels`, `n_latent`: integers; `kl_weight`: a number
# - returns: a positive number
# - worked number: `effective_beta("mean", "sum", 784, 2, 0.5)` is `392.0`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 5 of the lesson, “What a mean does”: write every mean as a sum with a factor in front.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The loss is $a\cdot(\text{sum over pixels})+b\cdot(\text{sum over latent variables})$. A mean over $D$ makes $a=\frac1D$; what do a mean over $d$ and the weight make of $b$? A loss may be multiplied by any positive number without moving its minimum.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Divide the whole loss by $a$: the reconstruction then has the weight 1, and what stands before the KL is $\beta=b/a$, with $a\in\{1,\frac1D\}$ and $b\in\{w,\frac wd\}$. On the worked number $a=\frac1{784}$ and $b=0.5$: 392. So a mean over the pixels makes the KL term *stronger*.
#
# </details>


# %%
def effective_beta(reconstruction, kl, n_pixels, n_latent, kl_weight):
    """β of the equivalent loss (sum over pixels) + β · (sum over latent variables)."""
    ### BEGIN SOLUTION
    a = 1 / n_pixels if reconstruction == "mean" else 1
    b = kl_weight / n_latent if kl == "mean" else kl_weight
    return b / a
    ### END SOLUTION


# %%
checks.effective_beta(effective_beta)

# %% [markdown]
# **3b.** A widely copied VAE of faces multiplies a mean of squares by a "reconstruction factor". Take images of 128 ×
# 128 × 3 pixels in $[0, 1]$, 200 latent variables and the factor 10,000:
#
# ```python
# reconstruction = 10_000 * tf.reduce_mean(tf.square(x - x_hat), axis=[1, 2, 3])
# kl = -0.5 * tf.reduce_sum(1 + logvar - tf.square(mean) - tf.exp(logvar), axis=1)
# loss = reconstruction + kl
# ```
#
# Read it as a proper negative ELBO (β = 1) with Gaussian pixels. Which variance $\sigma^2$ does it claim for a pixel?
# Give the number, three digits are enough. Then think: pixels live in $[0, 1]$. Is this variance plausible?

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 5 of the lesson, “What a squared error does”: a squared error with a weight is a Gaussian with a variance.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# First find the weight $a$ of *one* squared pixel error: the mean hides a division by the number of values, and a colour picture has three for each pixel. Then compare with the exponent of a Gaussian, which has a 2 in its denominator.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Here $a=10{,}000/(128\cdot128\cdot3)\approx0.203$, and the KL has the weight $b=1$. The negative log-likelihood of a Gaussian has $\frac1{2\sigma^2}$ before each square, so $\frac ab=\frac1{2\sigma^2}$; solve for $\sigma^2$. For the last question: what is the largest variance that a variable in $[0,1]$ can have?
#
# </details>

# %%
### BEGIN SOLUTION
n_pixels = 128 * 128 * 3
a = 10_000 / n_pixels  # weight of the summed squares; the KL term has weight b = 1
implied_variance = 1 / (2 * a)
### END SOLUTION
implied_variance

# %%
checks.implied_variance(implied_variance)

# %% [markdown] tags=["solution"]
# The variance of *any* variable in $[0, 1]$ is at most ¼, reached by a coin of 0 and 1. The claim of about 2.5 is ten
# times that: the loss gives reconstruction too little weight even with the factor of 10,000, which looks large only
# beside a mean.

# %% [markdown]
# **3c.** The following training step has a bug in one line; the model still trains, which is why nobody noticed. `x`
# holds pixels in $[0, 1]$, shape `(N, H, W, C)`. Which line is wrong?
#
# ```python
# 1  mean, logvar = encoder(x)
# 2  z = mean + tf.exp(logvar) * tf.random.normal(tf.shape(mean))
# 3  logits = decoder(z)
# 4  bce = tf.nn.sigmoid_cross_entropy_with_logits(labels=x, logits=logits)
# 5  reconstruction = tf.reduce_mean(tf.reduce_sum(bce, axis=[1, 2, 3]))
# 6  kl = tf.reduce_mean(0.5 * tf.reduce_sum(mean**2 + tf.exp(logvar) - logvar - 1, axis=1))
# 7  loss = reconstruction + kl
# ```

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# You have written two of these lines yourself, in tasks 1 and 2. Compare what each line takes `logvar` to be.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Check the reductions first (pixels summed, examples averaged: fine), then the two lines in which `logvar` stands. Do they agree?
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# In line 6 the exponential of `logvar` plays the part of $\sigma^2$, and the formula is right with that. So the encoder's second output is a log-*variance*. Now draw with it: for $\sigma^2=4$ the noise must be scaled by 2. What does line 2 scale it by?
#
# </details>

# %%
### BEGIN SOLUTION
bug_line = 2
### END SOLUTION
bug_line

# %%
checks.bug_line(bug_line)

# %% [markdown]
# ## Task 4 · A Gaussian that knows its noise
#
# **4a.** Write the Gaussian negative log-likelihood with one variance for all pixels, complete with its constants.
#
# - `x`, `mean`: NumPy arrays `(N, D)`; `variance`: a positive number
# - returns: `(N,)`, in nats, summed over the pixels; may be negative
# - worked number: one pixel, `x = mean`, `variance = 1` gives $\tfrac12\log 2\pi = 0.9189$

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 6 of the lesson, “A Gaussian, and the variance it should have”: the logarithm of a product of $D$ densities, with nothing left out.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# One pixel gives $\frac{(x-\mu)^2}{2\sigma^2}+\frac12\log(2\pi\sigma^2)$. The constant occurs once *for each pixel*, so $D$ times. Sum over pixels, not over images.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# For each row $\frac1{2\sigma^2}\sum_i(x_i-\mu_i)^2+\frac D2\log(2\pi\sigma^2)$. On the worked number the square is 0 and $D=1$, so that $\frac12\log2\pi=0.9189$ is left. With a small variance the result may be negative: a density may be larger than 1.
#
# </details>


# %%
def gaussian_nll(x, mean, variance):
    """−log N(x; mean, variance · I) of each row: (N, D), (N, D), number -> (N,)."""
    ### BEGIN SOLUTION
    squares = ((x - mean) ** 2).sum(axis=1)
    return squares / (2 * variance) + 0.5 * x.shape[1] * np.log(2 * np.pi * variance)
    ### END SOLUTION


# %%
checks.gaussian_nll(gaussian_nll)

# %% [markdown]
# **4b.** Return the variance that minimises the mean of this loss over the data. The derivation is in section 6 of
# the lesson; here it is one line.
#
# - `x`, `mean`: arrays `(N, D)`
# - returns: one number, the same for all images and pixels
# - worked number: errors of `+1` and `−3` on two pixels give `5.0`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 6 of the lesson, “A Gaussian, and the variance it should have”: set a derivative to 0.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# With the sum of squares $S$ over $D$ pixels the loss is $\frac S{2\sigma^2}+\frac D2\log\sigma^2+\dots$; differentiate with respect to $\sigma^2$. One variance serves all images and all pixels, so both axes are averaged.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# $-\frac S{2\sigma^4}+\frac D{2\sigma^2}=0$ gives $\sigma^2=S/D$: the mean of the squared errors. On the worked number $(1+9)/2=5$. The errors are measured from the `mean` that is given: `np.var` of the errors would first take off their own average, $-1$, and return 4.
#
# </details>


# %%
def best_variance(x, mean):
    """The variance that makes x most probable: (N, D), (N, D) -> number."""
    ### BEGIN SOLUTION
    return np.mean((x - mean) ** 2)
    ### END SOLUTION


# %%
checks.best_variance(best_variance)

# %% [markdown]
# ## Task 5 · Which latent variables are in use?
#
# A unit is *active* if its posterior mean moves with the image: $\operatorname{Var}_x(\mu_j(x)) > 0.01$. Count the
# active units.
#
# - `means`: posterior means of N images, `(N, d)`
# - returns: an integer from 0 to $d$
# - worked number: `means = [[0, 5], [1, 5]]` has one active unit

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 7 of the lesson, “Active units, and posterior collapse”: a unit that always says the same tells the decoder nothing.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The variance runs over the images (axis 0), so there is one for each unit. It is the variance, not its root, that is compared with the threshold; then count.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# On the worked number unit 0 says 0 and 1, a variance of 0.25, and is active; unit 1 says 5 twice, a variance of 0, and is not, however far from 0 its mean lies. So: a variance for each column, a comparison for each column, the number of `True`, as an integer.
#
# </details>


# %%
def active_units(means, threshold=0.01):
    """Number of units whose posterior mean has a variance above the threshold: (N, d) -> int."""
    ### BEGIN SOLUTION
    return int(np.sum(np.var(means, axis=0) > threshold))
    ### END SOLUTION


# %%
checks.active_units(active_units)

# %% [markdown]
# ## Task 6 · Predict, then measure
#
# **6a.** You train the same VAE three times, with β = 0.5, 4 and 32. Predict before you run: as β grows,
#
# - **a** the rate (KL) and the distortion (reconstruction) both fall;
# - **b** the rate falls and the distortion rises;
# - **c** the rate rises and the distortion falls;
# - **d** both stay the same, because β only rescales the loss.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 7 of the lesson: β is the price of one nat of KL. What does one buy less of when it becomes dearer?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Compare the minima for two prices $\beta_1<\beta_2$, with rates $R_1,R_2$ and distortions $D_1,D_2$. Each is the best at its own price: $D_1+\beta_1R_1\le D_2+\beta_1R_2$, and the same with 1 and 2 exchanged.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Add the two inequalities: $(\beta_2-\beta_1)(R_2-R_1)\le0$, which tells the sign of $R_2-R_1$. Put that into the first one, $D_2-D_1\ge\beta_1(R_1-R_2)$, and you have the sign of the other difference, too.
#
# </details>

# %%
### BEGIN SOLUTION
prediction = "b"
### END SOLUTION
prediction

# %%
checks.prediction(prediction)

# %% [markdown]
# **6b.** Now measure. Write a function that trains a small VAE at a given β and returns its rate and its distortion
# on the test images. Use `vae.VAE(encoder, decoder, beta=...)` with `nets.conv_encoder` and `nets.conv_decoder`
# (image shape `(28, 28, 1)`, two latent variables, `width=8`), the Bernoulli likelihood, Adam with a step of `2e-3`,
# batches of 128 and 4 epochs. Call `keras.utils.set_random_seed(0)` first, so that the three runs differ in β only.
# `evaluate(..., return_dict=True)` returns the terms by name.
#
# - returns: a pair of numbers `(rate, distortion)`, each in nats per image, without β in either
# - a plausible pair for β = 1 is a rate between 3 and 8 and a distortion between 250 and 320
#
# A run takes a few seconds. The check judges the three results together.

# %%
x_train = images.to_float(data.load_fashion("train").images[:5120])
x_test = images.to_float(data.load_fashion("test").images[:1000])

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 4 of the lesson trains this very model, and the β dial of section 7 turns β. Nothing new is needed, only the right order.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The seed comes first, because the weights are drawn when the networks are made. `evaluate` with `return_dict=True` names three things: the loss, and its two terms *without* β. Which two do you return, and on which images?
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# In order: set the seed; make encoder and decoder with the sizes of the statement; put them into the VAE with this β; compile with Adam at `2e-3`; fit 4 epochs on `x_train` in batches of 128; evaluate on `x_test`. The rate is the term called `kl`, the distortion the one called `reconstruction`; return them in this order, as they are. Only `loss` carries the price.
#
# </details>


# %%
def rate_and_distortion(beta):
    """Train a VAE at this β on x_train; return (rate, distortion) on x_test, in nats per image."""
    ### BEGIN SOLUTION
    keras.utils.set_random_seed(0)
    encoder = nets.conv_encoder((28, 28, 1), latent_dim=2, width=8)
    decoder = nets.conv_decoder((28, 28, 1), latent_dim=2, width=8)
    model = vae.VAE(encoder, decoder, likelihood="bernoulli", beta=beta)
    model.compile(keras.optimizers.Adam(2e-3))
    model.fit(x_train, batch_size=128, epochs=4, verbose=0)
    logs = model.evaluate(x_test, batch_size=250, verbose=0, return_dict=True)
    return logs["kl"], logs["reconstruction"]
    ### END SOLUTION


results = {beta: rate_and_distortion(beta) for beta in (0.5, 4, 32)}
for beta, (rate, distortion) in results.items():
    print(f"β = {beta:4}: rate {rate:5.2f}, distortion {distortion:6.1f} nats per image")

# %%
checks.rate_distortion(results)

# %%
rates, distortions = zip(*results.values(), strict=True)
plots.rate_distortion(rates, distortions, labels=[f"β = {beta}" for beta in results], title="Three prices for a nat")

# %% [markdown]
# **Think further** (no check). Between two neighbouring points, how many nats of distortion did one nat of rate cost?
# Compare with the two β, as in section 7 of the lesson. If the price lies outside, what does that say about four
# epochs of training?

# %% [markdown] tags=["solution"]
# The inequality holds for *minima* of the two losses, measured on the data they were trained on. After four epochs
# the runs have not reached their minima, and the test images are other images; prices near the edges of the interval,
# or a little outside, are what unfinished training looks like.

# %% [markdown]
# ---
# *Text and figures: CC BY 4.0. Code: Apache-2.0. Data and weights: see `DATA.md`.*
