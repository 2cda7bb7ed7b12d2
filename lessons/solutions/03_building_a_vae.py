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
