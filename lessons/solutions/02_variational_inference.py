# %% [markdown]
# # Exercises 02 · Variational inference, derived
#
# Six tasks, 60 to 90 minutes: from one line to the diagnosis of sick trainings. They belong to
# `notebooks/02_variational_inference.ipynb`.
#
# Replace each `raise NotImplementedError(...)` by your solution and run the cell below it. A check either says
# `Passed`, or says what it called, what it expected and what came back, with a hint if it recognises the mistake.
# Checks test *properties* on cases of their own, so any correct solution passes.
#
# Notation as in the lesson: $q$ is the proposal, $p$ the model; `logvar` $= \log\sigma^2$; natural logarithms, nats.
# All tasks but the last are in NumPy.

# %%
import numpy as np
from scipy import stats

from course_lib import checks, plots, runtime
from course_lib.checks import toy_elbo

runtime.setup(0)

# %% [markdown]
# ## Task 1 · The KL divergence of two diagonal Gaussians
#
# Write $\mathrm{KL}(q\|p)$ for $q = \mathcal N(\mu_q, \operatorname{diag}\sigma_q^2)$ and $p = \mathcal N(\mu_p,
# \operatorname{diag}\sigma_p^2)$, from the boxed formula for one dimension in section 3.
#
# - `mean_q`, `logvar_q`, `mean_p`, `logvar_p`: arrays `(N, d)`
# - returns: `(N,)`, in nats, never negative
# - worked number: $q = \mathcal N(1, 1)$, $p = \mathcal N(0, 4)$, one dimension: $\log 2 + \frac{1+1}{8} - \frac12 =
#   0.443$


# %%
def kl_diagonal_gaussians(mean_q, logvar_q, mean_p, logvar_p):
    """KL(q ‖ p) of each example: four arrays (N, d) -> (N,)."""
    ### BEGIN SOLUTION
    square = np.exp(logvar_q) + (mean_q - mean_p) ** 2
    return 0.5 * np.sum(logvar_p - logvar_q + square / np.exp(logvar_p) - 1, axis=1)
    ### END SOLUTION


# %%
checks.kl_diagonal_gaussians(kl_diagonal_gaussians)

# %% [markdown]
# ## Task 2 · The ELBO from its parts
#
# The decoder is linear: $p(x|z) = \mathcal N(x;\ Wz,\ \sigma^2I_D)$, the prior is $\mathcal N(0, I_d)$, and $q(z|x) =
# \mathcal N(\mu, \operatorname{diag} s)$ with `logvar` $=\log s$. Return the exact ELBO of each example: reconstruction,
# with all its constants, minus KL to the prior. For a diagonal covariance, $\operatorname{tr}(W^\top W
# \operatorname{diag}(s)) = \sum_j s_j\|w_j\|^2$ with the columns $w_j$ of $W$.
#
# - `x`: `(N, D)`; `mean`, `logvar`: `(N, d)`; `W`: `(D, d)`; `variance`: the number $\sigma^2$
# - returns: `(N,)`, in nats; may have either sign
# - worked number: $D = d = 1$, $x = 1$, $W = 1$, $\sigma^2 = 1$, $q = \mathcal N(0.5, 0.5)$: $-0.919 - 0.375 - 0.222 =
#   -1.516$ (and $\log p(x) = -1.516$: this $q$ is the posterior)


# %%
def linear_elbo(x, mean, logvar, W, variance):
    """Exact ELBO of each example: (N, D), (N, d), (N, d), (D, d), number -> (N,)."""
    ### BEGIN SOLUTION
    expected_square = np.sum((x - mean @ W.T) ** 2, axis=1) + np.exp(logvar) @ np.sum(W**2, axis=0)
    reconstruction = -0.5 * x.shape[1] * np.log(2 * np.pi * variance) - expected_square / (2 * variance)
    return reconstruction - kl_diagonal_gaussians(mean, logvar, np.zeros_like(mean), np.zeros_like(mean))
    ### END SOLUTION


# %%
checks.linear_elbo(linear_elbo)

# %% [markdown]
# Now watch the identity at work: for three proposals, $\log p(x) - \mathrm{ELBO}$ with your function, and $\mathrm{KL}(q\|
# p(z|x))$ with the one of task 1. The model has one latent variable, so its posterior is a diagonal Gaussian.

# %%
rng = np.random.default_rng(0)
W, variance, x = rng.normal(size=(5, 1)), 0.4, rng.normal(size=(1, 5))
evidence = stats.multivariate_normal(np.zeros(5), W @ W.T + variance * np.eye(5)).logpdf(x[0])
posterior_variance = 1 / (1 + np.sum(W**2) / variance)
posterior = posterior_variance * x @ W / variance, np.full((1, 1), np.log(posterior_variance))
for name, q in {"prior": np.zeros((2, 1, 1)), "off": np.full((2, 1, 1), -1.0), "posterior": posterior}.items():
    gap = evidence - linear_elbo(x, *q, W, variance)[0]
    print(f"{name:>10}: gap {gap:8.5f}, KL to the posterior {kl_diagonal_gaussians(*q, *posterior)[0]:8.5f} nats")

# %% [markdown]
# ## Task 3 · Two gradients through a random draw
#
# **3a.** The reparameterised gradients of $\mathbb E[f(z)]$, $z = \mu + \sigma\varepsilon$, by $\mu$ and by $\log\sigma$:
# one pair for each draw, not averaged.
#
# - `df`: the derivative $f'$, a function of arrays; `mean`, `std`: numbers; `noise`: `(n,)`, standard normal
# - returns: two arrays `(n,)`, by the mean and by the log standard deviation
# - worked number: $f'(z) = 2z$, mean 1, std 2, noise 0.5: $z = 2$, so $4$ and $4\cdot2\cdot0.5 = 4$


# %%
def pathwise_gradient(df, mean, std, noise):
    """Gradients of f(mean + std · noise) by the mean and by log std, for each draw: two arrays (n,)."""
    ### BEGIN SOLUTION
    slope = df(mean + std * noise)
    return slope, slope * std * noise
    ### END SOLUTION


# %%
checks.pathwise_gradient(pathwise_gradient)

# %% [markdown]
# **3b.** The score-function gradient by the mean, with a baseline $\beta$, for each draw.
#
# - `f`: a function of arrays; `mean`, `std`, `baseline`: numbers; `noise`: `(n,)`
# - returns: `(n,)`
# - worked number: $f(z) = z^2$, mean 1, std 2, noise 0.5, baseline 1: $(4 - 1)\cdot0.5/2 = 0.75$


# %%
def score_gradient(f, mean, std, noise, baseline):
    """Score-function gradient of E[f(z)] by the mean, for each draw: (n,)."""
    ### BEGIN SOLUTION
    return (f(mean + std * noise) - baseline) * noise / std
    ### END SOLUTION


# %%
checks.score_gradient(score_gradient)

# %% [markdown]
# **3c.** The constant that makes its variance smallest, estimated from draws.
#
# - `values`: $f(z_i)$, `(n,)`; `scores`: $\partial\log q(z_i)/\partial\mu$, `(n,)`
# - returns: one number
# - worked number: `values = [1, 3]`, `scores = [1, 2]`: $(1\cdot1 + 3\cdot4)/(1 + 4) = 2.6$


# %%
def best_baseline(values, scores):
    """The constant β that minimises the second moment of (values − β) · scores."""
    ### BEGIN SOLUTION
    return np.mean(values * scores**2) / np.mean(scores**2)
    ### END SOLUTION


# %%
checks.best_baseline(best_baseline)

# %% [markdown]
# ## Task 4 · Predict, then measure
#
# Three functions, each under $q = \mathcal N(0.5, 0.5^2)$, gradient by the mean, one draw, the best baseline. **Before
# you run anything**: for which of them has the *score function* the lower variance?
#
# - **a** $f(z) = (z - 3)^2$
# - **b** $f(z) = 0.1\,\sin(30z)$
# - **c** $f(z) = \log(1 + e^{4z})$
# - **d** for none: the reparameterised gradient always wins.

# %%
### BEGIN SOLUTION
quieter = "b"
### END SOLUTION
quieter

# %%
checks.quieter_estimator(quieter)

# %%
noise = rng.standard_normal(200_000)
contest = {
    "a": (lambda z: (z - 3) ** 2, lambda z: 2 * (z - 3)),
    "b": (lambda z: 0.1 * np.sin(30 * z), lambda z: 3 * np.cos(30 * z)),
    "c": (lambda z: np.logaddexp(0, 4 * z), lambda z: 4 / (1 + np.exp(-4 * z))),
}
for name, (f, df) in contest.items():
    baseline = best_baseline(f(0.5 + 0.5 * noise), noise / 0.5)
    score = score_gradient(f, 0.5, 0.5, noise, baseline)
    print(
        f"{name}: variance reparameterised {pathwise_gradient(df, 0.5, 0.5, noise)[0].var():8.3f}, score {score.var():8.3f}"
    )

# %% [markdown] tags=["solution"]
# The score function sees $f$, the reparameterised gradient sees $f'$. In **b**, $f$ is never larger than 0.1, but its
# slope swings between −3 and 3 within a fraction of σ. Such functions are rare among decoders, which is why VAEs
# reparameterise; a discontinuous $f$, or a discrete $z$, is the extreme case, in which there is no slope at all.

# %% [markdown]
# ## Task 5 · The bound with many draws
#
# **5a.** $\log\frac1k\sum_i w_i$ for each example, from log-weights that may be around −1000.
#
# - `log_w`: `(N, k)`
# - returns: `(N,)`, in nats
# - worked number: `[[-1000, -1001]]` gives $-1000 + \log\frac{1 + e^{-1}}{2} = -1000.380$


# %%
def importance_bound(log_w):
    """log (1/k) Σ w of each example, from log-weights (N, k) -> (N,)."""
    ### BEGIN SOLUTION
    largest = log_w.max(axis=1, keepdims=True)
    return largest[:, 0] + np.log(np.mean(np.exp(log_w - largest), axis=1))
    ### END SOLUTION


# %%
checks.importance_bound(importance_bound)

# %% [markdown]
# **5b.** The effective sample size $(\sum w_i)^2/\sum w_i^2$ of each example, from the same log-weights.
#
# - returns: `(N,)`, from 1 to $k$
# - worked number: weights 1 and 3, `[[0, 1.0986]]`, give $16/10 = 1.6$


# %%
def effective_sample_size(log_w):
    """(Σ w)² / Σ w² of each example, from log-weights (N, k) -> (N,)."""
    ### BEGIN SOLUTION
    w = np.exp(log_w - log_w.max(axis=1, keepdims=True))
    return w.sum(axis=1) ** 2 / (w**2).sum(axis=1)
    ### END SOLUTION


# %%
checks.effective_sample_size(effective_sample_size)

# %% [markdown]
# ## Task 6 · Judgement
#
# **6a. Three sick trainings.** The same linear VAE, trained three times on the same data, each time with another
# mistake. The dashed curve is the bound that the program *reported*; the solid one is the exact $\log p(x)$, which the
# program did not know. The dotted line is where a healthy training is after the same number of steps.
#
# The mistakes, in another order:
#
# 1. the KL term is averaged over the latent axis, not summed;
# 2. the draw is cut off from the encoder (`stop_gradient`);
# 3. the encoder's weights were not given to the optimizer.
#
# Which curve shows which? Answer with a dictionary such as `{"A": 1, "B": 2, "C": 3}`. Before you look for patterns, ask
# for each mistake: where must $q$ end, and what will the decoder make of it?

# %%
runs = toy_elbo.curves()
healthy = toy_elbo.healthy_end()
figure, panels = plots.canvas(10, 3.2, columns=3, sharey=True)
for axes, (name, (reported, exact)) in zip(panels, runs.items(), strict=True):
    axes.plot(exact, color=plots.COLOURS[6], linewidth=2, label="exact log p(x)")
    axes.plot(reported, "--", color=plots.COLOURS[1], linewidth=2, label="reported bound")
    axes.axhline(healthy, color=plots.GREY, linestyle=":", linewidth=1.6, label="healthy log p(x), end")
    axes.set(title=name, xlabel="step", ylim=(-28, -9))
panels[0].set_ylabel("nats per example")
panels[2].legend(frameon=False, fontsize=9, loc="lower right")
figure.alt_text = (
    "Three panels. A: bound and log p(x) meet early at a low level. B: the reported bound crosses log p(x) and ends "
    "far above it. C: log p(x) levels off at a low level with the bound at a constant distance below."
)
figure

# %%
### BEGIN SOLUTION
causes = {"A": 2, "B": 1, "C": 3}
### END SOLUTION
causes

# %%
checks.sick_bounds(causes)

# %% [markdown] tags=["solution"]
# **A**: with the draw cut off, only the KL term moves the encoder, so $q$ goes to the prior. A decoder that is shown
# random codes does best to ignore them. Then the posterior is the prior too: the gap closes, at the likelihood of a model
# without latent variables. *A small gap is no proof of health.* **B**: a bound cannot lie above what it bounds; a KL term
# divided by $d$ is not a KL term. **C**: the decoder adapts to codes that a random, fixed encoder gives it, and $q$ stays
# where it was while the posterior changes.

# %% [markdown]
# **6b. Find the bug.** These lines are meant to compute the loss of an importance-weighted autoencoder with $k$ draws for
# each of $n$ examples. `log_normal` returns `(k, n)`, summed over the latent axis. Whatever the data
# are, the loss stays between 0 and $\log k$. Which line is wrong?
#
# ```python
# 1  z = mean + tf.exp(0.5 * logvar) * tf.random.normal((k, n, d))
# 2  log_q = log_normal(z, mean, logvar)
# 3  log_w = log_px_given_z(x, z) + log_prior(z) - log_q                      # (k, n)
# 4  largest = tf.reduce_max(log_w, axis=0)
# 5  bound = tf.math.log(tf.reduce_mean(tf.exp(log_w - largest), axis=0))     # (n,)
# 6  loss = -tf.reduce_mean(bound)
# ```

# %%
### BEGIN SOLUTION
bug = 5
### END SOLUTION
bug

# %%
checks.iwae_bug_line(bug)

# %% [markdown] tags=["solution"]
# The largest log-weight was taken out of the sum and never came back: `bound = largest + ...`. What is left lies between
# $-\log k$ (one draw does all the work) and 0 (all weights equal); as a training goal it rewards equal weights, at any
# likelihood.

# %% [markdown]
# ---
# *Text and figures: CC BY 4.0. Code: Apache-2.0.*
