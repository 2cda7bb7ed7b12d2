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
# Stuck? Each task has two hints and a worked idea, folded below its statement: open them one at a time.
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

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 3 of the lesson boxes the formula for one dimension. The coordinates are independent: what does that make of the logarithm of a density?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# In log-variances, $\log\frac{\sigma_p}{\sigma_q}=\frac12(\texttt{logvar\_p}-\texttt{logvar\_q})$, and `exp(logvar)` is already $\sigma^2$. The expectation is under $q$, so that it is $p$'s variance by which we divide. Sum over the latent axis only.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# For one coordinate, with $\ell=\log\sigma^2$: $\frac12\big[\ell_p-\ell_q+\frac{e^{\ell_q}+(\mu_q-\mu_p)^2}{e^{\ell_p}}-1\big]$; then add up the coordinates of each example. On the worked number $\ell_q=0$ and $\ell_p=\log4$: $\frac12\big[1.386+\frac{1+1}4-1\big]=0.443$.
#
# </details>


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

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# The ELBO is the expected log-likelihood minus a KL divergence (section 2 of the lesson, “First way: Jensen”), and section 4 has this linear model. Write the two terms apart; task 1 gives you the second.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The expectation runs over all $z$ of $q$, not only over its mean: $\mathbb E\lVert x-Wz\rVert^2=\lVert x-W\mu\rVert^2+\operatorname{tr}(W^\top W\operatorname{diag}(s))$. And each of the $D$ pixels has its own $-\frac12\log2\pi\sigma^2$.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# The reconstruction is $-\frac D2\log(2\pi\sigma^2)-\frac1{2\sigma^2}\big(\lVert x-W\mu\rVert^2+\sum_js_j\lVert w_j\rVert^2\big)$; take off the KL of task 1 with a mean of 0 and a log-variance of 0 for the prior. Codes are rows, so $W\mu$ becomes a product with $W^\top$. On the worked number: the squares are $0.25+0.5=0.75$, half of them $0.375$, and the KL is $\frac12(0.25+0.5+0.693-1)=0.222$.
#
# </details>


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

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 5 of the lesson, “The reparameterised gradient”: the noise stands still, and $z$ moves when a parameter does. How far?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Chain rule: $f'(z)$ times $\partial z/\partial\mu$, and $f'(z)$ times $\partial z/\partial\log\sigma$, both at the place where the draw has landed, $z=\mu+\sigma\varepsilon$. Mind that the second parameter is $\log\sigma$ and not $\sigma$.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# $\partial z/\partial\mu=1$; and with $\sigma=e^{\log\sigma}$, $\partial z/\partial\log\sigma=\sigma\varepsilon$. So the pair is $f'(z)$ and $f'(z)\,\sigma\varepsilon$, for each draw, without any mean. On the worked number $z=2$, $f'(z)=4$ and $\sigma\varepsilon=1$: 4 and 4.
#
# </details>


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

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 5 of the lesson, “The score-function gradient (REINFORCE)”: here $f$ is not differentiated at all. What is?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The score is $\partial\log q(z)/\partial\mu$ for $q=\mathcal N(\mu,\sigma^2)$; write it with $\varepsilon$ in place of $z$. The baseline is taken off $f$ *before* the product, or it would not vanish in the mean.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# $\log q=-\frac{(z-\mu)^2}{2\sigma^2}+\dots$, so the score is $\frac{z-\mu}{\sigma^2}=\frac\varepsilon\sigma$. The gradient of one draw is $(f(z)-\beta)\,\frac\varepsilon\sigma$. On the worked number $z=2$ and $f=4$: $(4-1)\cdot\frac{0.5}2=0.75$.
#
# </details>


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

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 5 of the lesson, “Their variances, in closed form”. Derive it once yourself: for which $\beta$ is the mean of $(f-\beta)^2s^2$ least?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The mean of $(f-\beta)s$ does not depend on $\beta$, so the variance is least where the second moment is. Set its derivative with respect to $\beta$ to 0, and see with which power of the score each draw counts.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# $-2\,\mathbb E[(f-\beta)s^2]=0$ makes $\beta$ the mean of $f$ with the weights $s^2$, and a weighted mean is divided by the sum of its weights. On the worked number the weights are 1 and 4: $(1\cdot1+4\cdot3)/5=2.6$. A test: if $f$ is the same everywhere, $\beta$ is that value.
#
# </details>


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

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 5 of the lesson: one estimator sees the *values* of $f$, the other its *slopes*. Compare the size of both where $q$ has its mass, about from 0 to 1.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The reparameterised gradient varies as much as $f'$ does from place to place; if $f'$ is constant, it does not vary at all. The score-function gradient is $f-\beta$ times noise of size $1/\sigma=2$, so that it is quiet where $f$ hardly leaves its baseline.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Go through the list with two numbers each: how far does $f$ move within one $\sigma$ or two, and how far does $f'$? For **a** $f$ falls from 9 to 4, while $f'=2(z-3)$ has standard deviation $2\sigma=1$. For **c** $f$ climbs to about 4, and $f'$ stays between 0 and 4. Do the same for **b**. Is there a function whose slopes are far larger than its values?
#
# </details>

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

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 6 of the lesson, “Never leave the logarithm”. What is $e^{-1000}$ in floating point?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# For each example take the largest log-weight $m$ out of the sum: all exponents are then at most 0, and one of them is 0. The draws are on axis 1; keep that axis while you subtract.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# $\log\frac1k\sum_ie^{\ell_i}=m+\log\frac1k\sum_ie^{\ell_i-m}$. The average comes before the logarithm, and $m$ has to come back after it. On the worked number $m=-1000$; the mean of $1$ and $e^{-1}$ is $0.684$, its logarithm $-0.380$, the sum $-1000.380$.
#
# </details>


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

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 6 of the lesson, “Never leave the logarithm”. If you multiply all weights of an example by one number, what becomes of this ratio?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# It stays, because numerator and denominator are both of degree two. So choose the factor that keeps `exp` within reach, as in 5a; this time nothing has to be put back.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# With $w_i=e^{\ell_i-m}$ for each example, the square of the sum over the sum of the squares, both along the draws. On the worked number the weights become $\frac13$ and $1$: $(\frac43)^2/\frac{10}9=1.6$. Equal weights give $k$, a single one that outweighs all others gives 1.
#
# </details>


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

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 2 of the lesson, “Second way: what exactly is missing?”: the gap between $\log p(x)$ and a *true* bound is $\mathrm{KL}(q\|p(z|x))$. Then ask of each mistake what still moves $q$.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Only a number that is no bound at all can come to lie above $\log p(x)$: which mistake makes one? For the other two: what trains the encoder if the reconstruction's gradient never reaches it? And if nothing trains it?
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Mistake 1 makes the KL too cheap, so the reported number is too high. In mistake 2 the encoder feels the KL alone: $q$ goes to the prior, the decoder learns to ignore codes without information, the posterior becomes the prior, and the gap closes, at the level of a model without latent variables. In mistake 3 $q$ stays where chance has put it, and the gap stays open. Now find the panel where the curves cross, the one where they meet low down, and the one where they keep a distance.
#
# </details>

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

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Compare the lines with your own function of task 5a (section 6 of the lesson, “Never leave the logarithm”).
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The loss knows nothing of the data's size: it stays between 0 and $\log k$. So the size of the weights is lost on the way from `log_w` to `bound`. Where was it last in somebody's hands?
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Put numbers in: $k=2$ and log-weights $-1000$ and $-1001$. Line 4 gives $-1000$; the differences are $0$ and $-1$; the mean of their exponentials is $0.684$; and the bound comes out as $-0.380$ where $-1000.380$ should stand. Which line should have used the $-1000$ and did not?
#
# </details>

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
