# %% [markdown]
# # 02 · Variational inference, derived
#
# **After this lesson you can**
#
# - say what a latent-variable model is, and why its likelihood is out of reach of plain averaging;
# - derive the evidence lower bound (ELBO) in two ways, and name exactly what it leaves out;
# - derive the KL divergence between two Gaussians, and check a formula against quadrature and against Monte Carlo;
# - derive the two gradients through a random draw, compute their variances, and choose between them;
# - tighten the bound with several draws, in a way that survives images of 784 pixels;
# - split the gap of a VAE into what its family of $q$ costs and what its encoder costs;
# - prove that a linear VAE is probabilistic PCA, and watch its ELBO climb under the *exact* $\log p(x)$.
#
# **Time.** Reading 40 minutes. Running all cells: about 30 seconds on two CPU cores.
#
# **Builds on** lesson 01 (maximum likelihood, the Kullback–Leibler divergence). Everything used from it is stated again.
#
# **Exercises:** `exercises/02_variational_inference.ipynb`, 60 to 90 minutes.
#
# **Words:** [Glossary](../docs/glossary.md) of the field's terms, English and Chinese.

# %%
from course_lib import placement

placement.before("02")

# %%
import keras
import numpy as np
import tensorflow as tf
from keras import layers
from scipy.linalg import solve_triangular, subspace_angles
from scipy.optimize import minimize
from scipy.special import logsumexp

from course_lib import data, divergences, explore, images, losses, plots, runtime

SEED = 0
rng = np.random.default_rng(SEED)
BLUE, ORANGE, GREEN, PINK, BROWN, AZURE, BLACK = plots.COLOURS[:7]
runtime.setup(SEED)

# %% [markdown]
# ## 1 · A model with something hidden
#
# A garment is photographed. What we see is the picture $x$; what made it, the cut, the cloth, the light, we do not
# see. A **latent-variable model** tells how the hidden part $z$ (the *latent* variable, or code) leads to $x$:
#
# 1. nature draws $z$ from the **prior** $p(z)$, here always the standard normal $\mathcal N(0, I)$ in $d$ dimensions;
# 2. it draws $x$ from the **likelihood** $p_\theta(x|z)$, whose parameters are computed from $z$ by the *decoder* with
#    weights $\theta$.
#
# What the model says about a picture alone is the average over all codes that may have made it, the **evidence** (or
# marginal likelihood)
#
# $$p_\theta(x) = \int p_\theta(x|z)\,p(z)\,dz .$$
#
# Training by maximum likelihood means to raise $\log p_\theta(x)$, averaged over the data. All logarithms are natural;
# their unit is the **nat**.
#
# ### The running example
#
# One hidden number, one visible number, a straight line and noise:
#
# $$z\sim\mathcal N(0, 1),\qquad x = wz + s\,\eta,\quad \eta\sim\mathcal N(0,1) \text{ independent of } z,$$
#
# so $p(x|z) = \mathcal N(x;\, wz,\, s^2)$. A sum of independent Gaussians is Gaussian; its mean is $0$ and its variance
# $\operatorname{Var}(wz) + \operatorname{Var}(s\eta) = w^2 + s^2$. So here the integral has an answer that we know:
#
# $$\boxed{\;p(x) = \mathcal N\big(x;\ 0,\ w^2 + s^2\big)\;}$$
#
# **Check** by quadrature: the integral over $z$ as a sum over a fine grid.

# %%
W1, S1, X1 = 1.0, 0.3, 1.0  # w, s and the observed x of the running example
z_grid = np.linspace(-9, 9, 20_001)
dz = z_grid[1] - z_grid[0]


def log_normal(value, mean, std):
    """log N(value; mean, std²), elementwise."""
    return -0.5 * np.log(2 * np.pi) - np.log(std) - 0.5 * ((value - mean) / std) ** 2


log_joint = log_normal(X1, W1 * z_grid, S1) + log_normal(z_grid, 0, 1)  # log p(x|z) + log p(z)
by_quadrature = np.log(np.sum(np.exp(log_joint)) * dz)
LOG_PX = log_normal(X1, 0, np.sqrt(W1**2 + S1**2))
print(f"log p(x): closed form {LOG_PX:.10f}, quadrature {by_quadrature:.10f} nats")
assert abs(LOG_PX - by_quadrature) < 1e-10

# %% [markdown]
# ### Why not average?
#
# The integral is an expectation, $p(x) = \mathbb E_{z\sim p(z)}[p(x|z)]$. Draw $n$ codes from the prior and average
# $p(x|z_i)$: the estimate is unbiased. How many draws does it need? The variance of one term, relative to the square
# of what we want, is
#
# $$\rho - 1,\qquad \rho = \frac{\mathbb E_z[p(x|z)^2]}{p(x)^2},$$
#
# and an average of $n$ terms has a relative error of $\sqrt{(\rho-1)/n}$: for 10 % we need $n = 100\,(\rho - 1)$
# draws. In the running example $\rho$ is known. The square of a Gaussian density is again one, with half the variance,
# up to a factor:
#
# $$\mathcal N(x; wz, s^2)^2 = \frac{e^{-(x-wz)^2/s^2}}{2\pi s^2} = \frac{1}{2s\sqrt\pi}\,\mathcal N\big(x; wz, \tfrac12 s^2\big)
# \quad\Rightarrow\quad \mathbb E_z[p(x|z)^2] = \frac{1}{2s\sqrt\pi}\,\mathcal N\big(x; 0, w^2 + \tfrac12 s^2\big).$$
#
# With $d$ hidden numbers, each seen in a coordinate of its own, densities multiply over coordinates, and so do both
# expectations: $\rho$ becomes $\rho^d$. **The number of draws grows exponentially with $d$.** The picture shows what
# happens to an honest estimate from 1,000 draws.

# %%


def relative_second_moment(x, w, s):
    """ρ = E[p(x|z)²] / p(x)² for one hidden number z ~ N(0, 1) and p(x|z) = N(x; wz, s²)."""
    mean_of_square = np.exp(log_normal(x, 0, np.sqrt(w**2 + s**2 / 2))) / (2 * s * np.sqrt(np.pi))
    return mean_of_square / np.exp(2 * log_normal(x, 0, np.sqrt(w**2 + s**2)))


ratio = relative_second_moment(X1, W1, S1)
by_quadrature = np.sum(np.exp(2 * log_normal(X1, W1 * z_grid, S1) + log_normal(z_grid, 0, 1))) * dz / np.exp(2 * LOG_PX)
assert np.isclose(ratio, by_quadrature, rtol=1e-9)

dims, repeats, draws = np.array([1, 2, 4, 6, 8, 10, 12, 16, 20]), 100, 1000
needed = 100 * (ratio**dims - 1)
terms = log_normal(X1, W1 * rng.standard_normal((repeats, draws, dims[-1])), S1).cumsum(axis=-1)[..., dims - 1]
naive = logsumexp(terms, axis=1) - np.log(draws) - dims * LOG_PX  # (repeats, dims): error of log p(x)
print(f"ρ = {ratio:.3f} for each hidden number; draws for 10 % error: d = 1: {needed[0]:.0f}, d = 20: {needed[-1]:.1e}")
print(f"d = 20, 1,000 draws: the estimate of log p(x) is off by {np.median(naive[:, -1]):.1f} nats (median)")
assert np.median(naive[:, -1]) < -2 < np.median(naive[:, 0])

figure, (left, right) = plots.canvas(9.5, 3.3, columns=2)
left.semilogy(dims, needed, "-o", color=BLUE)
left.set(xlabel="hidden numbers $d$", ylabel="draws from the prior", title="Draws for 10 % error in $p(x)$")
low, middle, high = np.quantile(naive, [0.1, 0.5, 0.9], axis=0)
right.axhline(0, color=BLACK, linewidth=2, label="exact")
right.fill_between(dims, low, high, color=ORANGE, alpha=0.25, label="10 % to 90 % of estimates")
right.plot(dims, middle, "--o", color=ORANGE, label="median estimate")
right.set(xlabel="hidden numbers $d$", ylabel="error of log p(x) (nats)", title="Estimates from 1,000 draws")
right.legend(frameon=False, fontsize=9, loc="lower left")
figure.alt_text = (
    "Left: the number of draws needed grows exponentially with the number of hidden variables, from hundreds to "
    "over ten to the twelve at twenty. Right: estimates of log p(x) from a thousand draws fall below the exact value, by tens of nats at twenty."
)
figure

# %% [markdown]
# Almost every code from the prior explains *this* picture badly; the few that explain it well are not among the 1,000.
# Lesson 03's codes have 16 coordinates. A proposal is needed that knows where to look.
#
# ## 2 · The evidence lower bound
#
# ### Jensen's inequality, proved
#
# The logarithm lies below each of its tangents. Take the tangent at $m > 0$ and call the distance $g(y) = \log m +
# \frac{y-m}{m} - \log y$. Then $g'(y) = \frac1m - \frac1y$, which is negative for $y < m$ and positive for $y > m$; so
# $g$ is smallest at $y = m$, where $g(m) = 0$. Hence for all $y > 0$
#
# $$\log y \le \log m + \frac{y - m}{m}, \quad\text{with equality only at } y = m.$$
#
# Now let $Y$ be a positive random number, put $m = \mathbb E[Y]$, and take the expectation of both sides. The fraction
# has expectation $(m - m)/m = 0$, which leaves
#
# $$\boxed{\;\mathbb E[\log Y] \le \log\mathbb E[Y]\;}$$
#
# with equality only where $Y$ is always the same number. With $Y = p(z)/q(z)$ and $z\sim q$ it also shows that a KL
# divergence is never negative: $-\mathrm{KL}(q\|p) = \mathbb E_q[\log\frac pq] \le \log\mathbb E_q[\frac pq] = \log\int
# p\,dz = \log 1 = 0$.


# %%
def tangent_gap(y, m):
    """How far the tangent of the logarithm at m lies above the logarithm at y."""
    return np.log(m) + (y - m) / m - np.log(y)


y = rng.lognormal(size=(1000, 5))  # 1000 distributions on five numbers, with random weights
weights = rng.dirichlet(np.ones(5), size=1000)
mean_of_log, log_of_mean = (weights * np.log(y)).sum(axis=1), np.log((weights * y).sum(axis=1))
assert np.all(mean_of_log <= log_of_mean)
constant = np.full(5, 3.7)
assert np.isclose(np.log(weights @ constant), weights @ np.log(constant)).all(), "equality for a constant"

line = np.linspace(0.15, 4, 400)
assert np.all(tangent_gap(line, 2) >= -1e-12)
figure, axes = plots.canvas(6.4, 3.2)
axes.plot(line, np.log(line), color=BLUE, linewidth=2, label="log y")
axes.plot(line, np.log(2) + (line - 2) / 2, "--", color=ORANGE, linewidth=2, label="tangent at the mean, $m$ = 2")
axes.plot([0.5, 3.5], np.log([0.5, 3.5]), "o:", color=GREEN, label="two values, probability ½ each")
axes.plot(2, np.log(2), "s", color=BLACK, markersize=7)
axes.plot(2, np.log([0.5, 3.5]).mean(), "D", color=BLACK, markersize=7)
axes.annotate("log of the mean", (2, np.log(2)), (1.93, 0.95), ha="right", fontsize=9)
axes.annotate("mean of the logs", (2, np.log([0.5, 3.5]).mean()), (2.1, 0.02), fontsize=9)
axes.set(xlabel="$y$", ylabel="log y", title="A mean of logarithms lies below the logarithm of the mean")
axes.legend(frameon=False, fontsize=9, loc="lower right")
figure.alt_text = (
    "The logarithm with its tangent at 2 above it. Two values with a mean of 2 are joined by a chord; the mean of "
    "their logarithms lies on the chord, below the logarithm of their mean, which lies on the curve."
)
figure

# %% [markdown]
# ### First way: Jensen
#
# Let $q(z)$ be any density that is positive wherever $p(x,z)$ is: a *proposal* for the codes of this $x$. Multiply and
# divide by it, and read the integral as an expectation under $q$:
#
# $$\log p_\theta(x) = \log\int q(z)\,\frac{p_\theta(x|z)\,p(z)}{q(z)}\,dz =
# \log\mathbb E_{z\sim q}\Big[\underbrace{\frac{p_\theta(x|z)\,p(z)}{q(z)}}_{w(z)}\Big]
# \ \ge\ \mathbb E_q\big[\log w(z)\big].$$
#
# $w(z)$ is the **importance weight** of a draw. The right-hand side is the **evidence lower bound**. Split its
# logarithm; two of the three terms make a KL divergence, $\mathrm{KL}(q\|p) = \mathbb E_q[\log q - \log p]$:
#
# $$\boxed{\;\log p_\theta(x)\ \ge\ \mathrm{ELBO} = \mathbb E_q[\log p_\theta(x|z) + \log p(z) - \log q(z)] =
# \underbrace{\mathbb E_q[\log p_\theta(x|z)]}_{\text{reconstruction}} - \underbrace{\mathrm{KL}\big(q(z)\,\|\,p(z)\big)}_{\text{KL to the prior}}\;}$$
#
# ### Second way: what exactly is missing?
#
# Bayes' rule says $p_\theta(x|z)\,p(z) = p_\theta(z|x)\,p_\theta(x)$, where $p_\theta(z|x)$ is the **posterior**: the
# codes that may really have made $x$. Put it into the first form of the ELBO:
#
# $$\mathrm{ELBO} = \mathbb E_q[\log p_\theta(x) + \log p_\theta(z|x) - \log q(z)] = \log p_\theta(x) - \mathbb E_q[\log q(z) - \log p_\theta(z|x)].$$
#
# $\log p_\theta(x)$ does not depend on $z$, so it left the expectation unchanged. What remains is a KL divergence:
#
# $$\boxed{\;\log p_\theta(x) = \mathrm{ELBO} + \mathrm{KL}\big(q(z)\,\|\,p_\theta(z|x)\big)\;}$$
#
# No inequality: the gap *is* the divergence of $q$ from the posterior. It is never negative, which proves the bound
# again, and it is zero only for $q = p_\theta(z|x)$.
#
# **Check** on the running example, each integral by quadrature. Its posterior is known: $\log p(z|x)$ is, up to a
# constant, $-\frac{(x-wz)^2}{2s^2} - \frac{z^2}{2}$, a quadratic in $z$. Its $z^2$ has the factor $-\frac12\big(1 +
# \frac{w^2}{s^2}\big)$ and its $z$ the factor $\frac{wx}{s^2}$. A Gaussian $\mathcal N(m, v)$ has $-\frac{1}{2v}$ and
# $\frac mv$ there, so
#
# $$v = \Big(1 + \frac{w^2}{s^2}\Big)^{-1},\qquad m = v\,\frac{wx}{s^2}.$$

# %%
V1 = 1 / (1 + W1**2 / S1**2)
M1 = V1 * W1 * X1 / S1**2
log_posterior = log_normal(z_grid, M1, np.sqrt(V1))
assert np.allclose(log_posterior, log_joint - LOG_PX, atol=1e-9), "Bayes' rule at every z"


def parts(m, std):
    """All pieces of the identity for q = N(m, std²), by quadrature."""
    log_q = log_normal(z_grid, m, std)
    q = np.exp(log_q) * dz
    return {
        "reconstruction": np.sum(q * log_normal(X1, W1 * z_grid, S1)),
        "KL to the prior": np.sum(q * (log_q - log_normal(z_grid, 0, 1))),
        "ELBO": np.sum(q * (log_joint - log_q)),
        "gap": np.sum(q * (log_q - log_posterior)),
    }


proposals = {"the prior": (0.0, 1.0), "off": (0.6, 0.5), "close": (0.85, 0.35), "posterior": (M1, np.sqrt(V1))}
table = {name: parts(*q) for name, q in proposals.items()}
print(f"{'q':>10}  reconstruction   KL to prior        ELBO         gap   ELBO + gap − log p(x)")
for name, row in table.items():
    print(f"{name:>10}", *(f"{value:12.4f}" for value in row.values()), f"  {row['ELBO'] + row['gap'] - LOG_PX:16.1e}")
    assert abs(row["ELBO"] + row["gap"] - LOG_PX) < 1e-10
    assert abs(row["reconstruction"] - row["KL to the prior"] - row["ELBO"]) < 1e-10
    assert row["ELBO"] <= LOG_PX + 1e-10
assert abs(table["posterior"]["gap"]) < 1e-10 < table["close"]["gap"]

# %%
figure, (left, right) = plots.canvas(9.8, 3.5, columns=2)
left.plot(z_grid, np.exp(log_posterior), color=BLACK, linewidth=2.2, label="posterior p(z|x)")
for k, (name, (m, std)) in enumerate(list(proposals.items())[:3]):
    left.plot(
        z_grid, np.exp(log_normal(z_grid, m, std)), plots.STYLES[k + 1], color=plots.COLOURS[k], label=f"q: {name}"
    )
left.set(xlim=(-2.5, 2.5), xlabel="$z$", ylabel="density", title="The posterior and three proposals")
left.legend(frameon=False, fontsize=9)
bounds, gaps = [row["ELBO"] for row in table.values()], [row["gap"] for row in table.values()]
floor = -8.0
right.bar(range(4), np.subtract(bounds, floor), 0.55, bottom=floor, color=BLUE, label="ELBO")
right.bar(
    range(4), gaps, 0.55, bottom=bounds, color=BROWN, hatch="//", edgecolor="white", label="gap: KL(q ‖ posterior)"
)
right.axhline(LOG_PX, color=BLACK, linewidth=2, label="log p(x)")
right.set_xticks(range(4), list(table))
right.set(ylim=(floor, 1.8), xlabel="proposal $q$", ylabel="nats", title="ELBO + gap = log p(x), for every q")
right.legend(frameon=False, fontsize=9, ncols=3, loc="upper center", columnspacing=1)
figure.alt_text = (
    "Left: a narrow posterior and three Gaussian proposals. Right: for each proposal a bar up to its ELBO and a "
    "hatched bar on top, the gap, that always ends at the same line, log p(x); for the posterior there is no gap."
)
figure

# %% [markdown]
# The first bar starts far below the picture's edge: drawn from the prior, most codes explain $x$ badly. That is section
# 1 again, and a good $q$ is the cure.
#
# ### Two ways up
#
# The ELBO has two arguments, and the identity says what raising each of them does.
#
# - **Over $q$**, with $\theta$ held still: the left side $\log p_\theta(x)$ does not move, so the ELBO rises exactly as
#   fast as $\mathrm{KL}(q\|p_\theta(z|x))$ falls. The best $q$ is the posterior.
# - **Over $\theta$**, with $q$ held still: at the posterior of the present $\theta_0$ the gap is zero, so the ELBO
#   *touches* $\log p_\theta(x)$ there and lies below it elsewhere. Where it rises, $\log p_\theta(x)$ rises at least
#   as much. Two curves that touch without crossing have the same slope: $\nabla_\theta\mathrm{ELBO} =
#   \nabla_\theta\log p_\theta(x)$ at $\theta_0$.
#
# Taking turns is the EM algorithm ([Dempster, Laird & Rubin 1977](https://www.jstor.org/stable/2984875); [Neal & Hinton
# 1998](https://www.cs.toronto.edu/~radford/em.abstract.html) in this form). For the running example with many
# observations $x_n$ and $\theta = w$: under $q_n = \mathcal N(m_n, v)$, $\mathbb E_q[(x_n - wz)^2] = (x_n - wm_n)^2 +
# w^2v$, so the mean ELBO is $-\frac{1}{2s^2}\operatorname{mean}_n[(x_n-wm_n)^2 + w^2v]$ plus terms without $w$. Its
# derivative is zero where $\operatorname{mean}[x_nm_n] = w\operatorname{mean}[m_n^2 + v]$:
#
# $$\boxed{\;w_{\text{new}} = \frac{\sum_n x_n m_n}{\sum_n (m_n^2 + v)}\;}$$
#
# Without the $v$ in the denominator (as if the codes were known exactly) the step overshoots; the check sees it.

# %%
observed = rng.normal(scale=np.sqrt(1.6**2 + S1**2), size=500)  # made with w = 1.6


def mean_evidence(w):
    return log_normal(observed, 0, np.sqrt(w**2 + S1**2)).mean()


def codes(w):
    """Posterior means (N,) and variance of the codes of the observations."""
    v = 1 / (1 + w**2 / S1**2)
    return v * w * observed / S1**2, v


def mean_elbo(w, m, v):
    """Mean ELBO of the model with weight w for q_n = N(m_n, v), in closed form."""
    reconstruction = -0.5 * np.log(2 * np.pi * S1**2) - ((observed - w * m) ** 2 + w**2 * v) / (2 * S1**2)
    return np.mean(reconstruction - 0.5 * (m**2 + v - np.log(v) - 1))


def m_step(m, v):
    return np.sum(observed * m) / np.sum(m**2 + v)


path = [0.35]
for _ in range(12):
    path.append(m_step(*codes(path[-1])))
evidence = np.array([mean_evidence(w) for w in path])
assert np.all(np.diff(evidence) > -1e-12), "EM never goes down"
m, v = codes(path[0])
assert abs(mean_elbo(path[0], m, v) - evidence[0]) < 1e-10, "the bound touches"
slopes = [(f(path[0] + 1e-5) - f(path[0] - 1e-5)) / 2e-5 for f in (mean_evidence, lambda w: mean_elbo(w, m, v))]
print(f"slope at w = {path[0]}: log p(x) {slopes[0]:.6f}, ELBO {slopes[1]:.6f}")
assert np.isclose(*slopes, rtol=1e-5)
best_w = m_step(m, v)
nearby = [mean_elbo(w, m, v) for w in (best_w - 1e-3, best_w, best_w + 1e-3)]
wrong_w = np.sum(observed * m) / np.sum(m**2)
assert nearby[1] > max(nearby[0], nearby[2]), "the M step stands on the top of the bound"
assert mean_elbo(wrong_w, m, v) < nearby[1]
print(
    f"first step to w = {best_w:.4f}; without v it would go to {wrong_w:.4f}, where the bound is {nearby[1] - mean_elbo(wrong_w, m, v):.3f} nats lower"
)

figure, axes = plots.canvas(7.2, 3.6)
w_line = np.linspace(0.25, 2.4, 300)
axes.plot(w_line, [mean_evidence(w) for w in w_line], color=BLACK, linewidth=2.2, label="mean log p(x)")
for k in range(3):
    axes.plot(
        w_line,
        [mean_elbo(w, *codes(path[k])) for w in w_line],
        plots.STYLES[k + 1],
        color=plots.COLOURS[k],
        linewidth=1.8,
        label=f"ELBO with q = posterior at w = {path[k]:.2f}",
    )
    axes.plot(path[k], evidence[k], "o", color=plots.COLOURS[k], markersize=8)
axes.set(
    ylim=(evidence[0] - 1, evidence.max() + 0.4), xlabel="weight $w$ of the decoder", ylabel="nats per observation"
)
axes.set_title("Each bound touches the curve; its top is the next w")
axes.legend(frameon=False, fontsize=9, loc="lower right")
figure.alt_text = (
    "Mean log p(x) against the decoder's weight, with three ELBO curves below it. Each touches it at one dot; the "
    "maximum of each bound lies further up the curve, where the next one touches."
)
figure

# %% [markdown]
# A VAE does both at once, with small gradient steps: an encoder's weights $\phi$ in place of exact posteriors, a
# decoder's weights $\theta$ in place of $w$.
#
# ## 3 · The KL divergence between Gaussians
#
# ### One dimension, step by step
#
# Let $q = \mathcal N(\mu_q, \sigma_q^2)$ and $p = \mathcal N(\mu_p, \sigma_p^2)$. Their log-densities are
#
# $$\log q(z) = -\tfrac12\log 2\pi - \log\sigma_q - \frac{(z-\mu_q)^2}{2\sigma_q^2},\qquad
# \log p(z) = -\tfrac12\log 2\pi - \log\sigma_p - \frac{(z-\mu_p)^2}{2\sigma_p^2}.$$
#
# Subtract (the $\log 2\pi$ cancel) and take the expectation under $q$:
#
# $$\mathrm{KL}(q\|p) = \log\frac{\sigma_p}{\sigma_q} - \frac{\mathbb E_q[(z-\mu_q)^2]}{2\sigma_q^2} + \frac{\mathbb E_q[(z-\mu_p)^2]}{2\sigma_p^2}.$$
#
# The first expectation is the variance, $\sigma_q^2$, so its term is $-\frac12$. For the second write $z - \mu_p = (z -
# \mu_q) + (\mu_q - \mu_p)$ and square: $\mathbb E_q[(z-\mu_q)^2] + 2(\mu_q-\mu_p)\,\mathbb E_q[z-\mu_q] +
# (\mu_q-\mu_p)^2 = \sigma_q^2 + 0 + (\mu_q-\mu_p)^2$. Together:
#
# $$\boxed{\;\mathrm{KL}(q\|p) = \log\frac{\sigma_p}{\sigma_q} + \frac{\sigma_q^2 + (\mu_q-\mu_p)^2}{2\sigma_p^2} - \frac12\;}$$
#
# ### Many dimensions
#
# If both covariances are **diagonal**, the coordinates are independent, log-densities are *sums* over coordinates, and
# so is the KL divergence. With $p = \mathcal N(0, I)$ this is the KL term of a VAE, $\frac12\sum_j(\mu_j^2 + \sigma_j^2 -
# \log\sigma_j^2 - 1)$.
#
# For **full** covariances, $\log q(z) = -\frac d2\log2\pi - \frac12\log\det\Sigma_q - \frac12(z-\mu_q)^\top\Sigma_q^{-1}(z-\mu_q)$.
# One tool is needed: for a matrix $A$ and a random vector $u$ of mean zero and covariance $\Sigma$, the number $u^\top
# Au$ is its own trace, and a trace allows to turn the factors round: $\mathbb E[u^\top Au] = \mathbb E[\operatorname{tr}(Auu^\top)] =
# \operatorname{tr}(A\,\mathbb E[uu^\top]) = \operatorname{tr}(A\Sigma)$. Then, as before,
#
# - $\mathbb E_q[(z-\mu_q)^\top\Sigma_q^{-1}(z-\mu_q)] = \operatorname{tr}(\Sigma_q^{-1}\Sigma_q) = d$;
# - $\mathbb E_q[(z-\mu_p)^\top\Sigma_p^{-1}(z-\mu_p)] = \operatorname{tr}(\Sigma_p^{-1}\Sigma_q) + (\mu_q-\mu_p)^\top\Sigma_p^{-1}(\mu_q-\mu_p)$,
#   the mixed terms being zero because $\mathbb E_q[z - \mu_q] = 0$.
#
# $$\boxed{\;\mathrm{KL}(q\|p) = \tfrac12\Big[\operatorname{tr}(\Sigma_p^{-1}\Sigma_q) + (\mu_q-\mu_p)^\top\Sigma_p^{-1}(\mu_q-\mu_p) - d + \log\frac{\det\Sigma_p}{\det\Sigma_q}\Big]\;}$$


# %%
def kl_1d(mean_q, std_q, mean_p, std_p):
    """KL(N(mean_q, std_q²) ‖ N(mean_p, std_p²)) in nats."""
    return np.log(std_p / std_q) + (std_q**2 + (mean_q - mean_p) ** 2) / (2 * std_p**2) - 0.5


def kl_diagonal(mean_q, logvar_q, mean_p, logvar_p):
    """The same for diagonal covariances exp(logvar), each (N, d) -> (N,): a sum over the coordinates."""
    square = np.exp(logvar_q) + (mean_q - mean_p) ** 2
    return 0.5 * np.sum(logvar_p - logvar_q + square / np.exp(logvar_p) - 1, axis=-1)


def kl_full(mean_q, cov_q, mean_p, cov_p):
    """The same for full covariances: (d,), (d, d), (d,), (d, d) -> a number."""
    shift = mean_q - mean_p
    log_dets = np.linalg.slogdet(cov_p)[1] - np.linalg.slogdet(cov_q)[1]
    return 0.5 * (
        np.trace(np.linalg.solve(cov_p, cov_q)) + shift @ np.linalg.solve(cov_p, shift) - len(shift) + log_dets
    )


# %% [markdown]
# **Check.** One dimension against quadrature. Three dimensions against Monte Carlo: an average of $n$ terms has the
# **standard error** $\text{SE} = \text{(standard deviation of one term)}/\sqrt n$, and is off by more than 4 SE about
# once in 16,000 trials. The mistakes in the list have all been published; they miss by far more.

# %%
log_q, log_p = log_normal(z_grid, 0.8, 0.5), log_normal(z_grid, -0.4, 1.3)
by_quadrature = np.sum(np.exp(log_q) * (log_q - log_p)) * dz
print(f"one dimension: closed form {kl_1d(0.8, 0.5, -0.4, 1.3):.10f}, quadrature {by_quadrature:.10f}")
assert abs(kl_1d(0.8, 0.5, -0.4, 1.3) - by_quadrature) < 1e-9

mean_q, logvar_q = np.array([0.5, -1.0, 0.2]), np.array([-1.0, 0.3, -2.0])
mean_p, logvar_p = np.array([0.0, 0.4, -0.1]), np.array([0.2, -0.5, 0.0])
std_q, std_p = np.exp(logvar_q / 2), np.exp(logvar_p / 2)
z = mean_q + std_q * rng.standard_normal((200_000, 3))
terms = (log_normal(z, mean_q, std_q) - log_normal(z, mean_p, std_p)).sum(axis=1)
estimate, error = terms.mean(), terms.std() / np.sqrt(len(terms))
print(f"three dimensions: Monte Carlo {estimate:.4f}, SE {error:.4f}\n")
arguments = mean_q, logvar_q, mean_p, logvar_p
versions = {
    "closed form": kl_diagonal(*arguments),
    "full covariances": kl_full(mean_q, np.diag(std_q**2), mean_p, np.diag(std_p**2)),
    "½ forgotten": 2 * kl_diagonal(*arguments),
    "averaged over the latent axis": kl_diagonal(*arguments) / 3,
    "log σ taken for log σ²": kl_diagonal(mean_q, 2 * logvar_q, mean_p, 2 * logvar_p),
    "q and p exchanged": kl_diagonal(mean_p, logvar_p, mean_q, logvar_q),
}
for name, value in versions.items():
    off = abs(value - estimate) / error
    print(f"{name:30} {value:8.4f}   off by {off:7.1f} SE   {'ok' if off < 4 else 'WRONG'}")
    assert (off < 4) == (name in ("closed form", "full covariances"))

root_q, root_p = rng.standard_normal((2, 3, 3))
cov_q, cov_p = root_q @ root_q.T + np.eye(3), root_p @ root_p.T + np.eye(3)
turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]  # a rotation of space must not change a divergence
assert np.isclose(
    kl_full(mean_q, cov_q, mean_p, cov_p),
    kl_full(turn @ mean_q, turn @ cov_q @ turn.T, turn @ mean_p, turn @ cov_p @ turn.T),
)
assert np.isclose(kl_full(mean_q, cov_q, mean_p, cov_p), divergences.kl_gaussians(mean_q, cov_q, mean_p, cov_p))

# %% [markdown]
# ### Does it matter that the closed form is exact?
#
# Some tutorials estimate the KL term from the same single draw as the reconstruction, as $\log q(z) - \log p(z)$. That
# is unbiased, but it has a variance. For $p = \mathcal N(0,1)$ and $z = \mu + \sigma\varepsilon$,
#
# $$\log q - \log p = -\log\sigma - \tfrac12\varepsilon^2 + \tfrac12(\mu+\sigma\varepsilon)^2 =
# \text{constant} + \mu\sigma\,\varepsilon + \tfrac12(\sigma^2-1)\,\varepsilon^2 .$$
#
# With $\operatorname{Var}\varepsilon = 1$, $\operatorname{Var}\varepsilon^2 = 2$ and $\operatorname{Cov}(\varepsilon,
# \varepsilon^2) = \mathbb E\varepsilon^3 = 0$ its variance is $\mu^2\sigma^2 + \frac12(\sigma^2-1)^2$ per coordinate;
# the closed form has none.
#
# There is a twist. The *whole* single-draw ELBO is $\log w(z) = \log p_\theta(x,z) - \log q(z)$, and where $q$ is the
# posterior, Bayes' rule makes it $\log p_\theta(x)$ for every $z$: no variance at all, because the noise of the two
# terms cancels. With the closed form in one term, the noise of the other stays ([Roeder et al.
# 2017](https://arxiv.org/abs/1703.09194)). Which version is less noisy on the way there depends on the decoder: the
# picture shows one that uses $z$, where the noises cancel in part from the beginning, and one that hardly does, where
# the closed form is the quieter one until $q$ is about half-way.

# %%
eps = rng.standard_normal(400_000)


def one_draw_elbo(m, std, closed_kl, w=W1):
    """ELBO of the running example, with decoder weight w, from one draw, many times over: (n,)."""
    z = m + std * eps
    kl = kl_1d(m, std, 0, 1) if closed_kl else log_normal(z, m, std) - log_normal(z, 0, 1)
    return log_normal(X1, w * z, S1) - kl


def kl_draw_variance(m, std):
    """Variance of log q − log p in one draw from q = N(m, std²), for p = N(0, 1)."""
    return m**2 * std**2 + 0.5 * (std**2 - 1) ** 2


m, std = 0.8, 0.5
kl_draws = log_normal(m + std * eps, m, std) - log_normal(m + std * eps, 0, 1)
spread = (kl_draws - kl_draws.mean()) ** 2
error = spread.std() / np.sqrt(len(eps))
print(f"variance of the sampled KL: {spread.mean():.4f} ± {error:.4f} (SE), formula {kl_draw_variance(m, std):.4f}")
assert abs(spread.mean() - kl_draw_variance(m, std)) < 4 * error

figure, panels = plots.canvas(9.6, 3.2, columns=2, sharey=True)
way = np.linspace(0, 1, 21)  # from q = N(1, 0.5²) (0) to the posterior (1)
for axes, w in zip(panels, (W1, 0.05), strict=True):
    v = 1 / (1 + w**2 / S1**2)
    ends = np.array([[1.0, 0.5], [v * w * X1 / S1**2, np.sqrt(v)]])
    proposals_on_way = [(1 - t) * ends[0] + t * ends[1] for t in way]
    noise = np.array([[one_draw_elbo(*q, closed, w).std() for q in proposals_on_way] for closed in (True, False)])
    assert noise[1, -1] < 1e-9 < 0.01 < noise[0, -1], "no noise at all when q is the posterior"
    axes.plot(way, noise[0], color=BLUE, linewidth=2, label="KL in closed form")
    axes.plot(way, noise[1], "--", color=ORANGE, linewidth=2, label="all terms from one draw")
    axes.set(xlabel="way of $q$ to the posterior", title=f"Noise of one draw, decoder weight w = {w}")
panels[0].set_ylabel("std of the ELBO (nats)")
panels[1].legend(frameon=False, fontsize=9)
figure.alt_text = (
    "Standard deviation of a single-draw ELBO while q moves to the posterior. Left, a decoder that uses z: the version "
    "with all terms sampled is quieter and reaches zero. Right, one that hardly does: it is noisier until about half-way."
)
figure

# %% [markdown]
# ## 4 · A model in which everything is exact
#
# Give the running example many dimensions: $d$ hidden numbers, $D$ visible ones, a matrix $W$ ($D\times d$), an offset
# $b$, and independent noise of variance $\sigma^2$:
#
# $$z\sim\mathcal N(0, I_d),\qquad x = Wz + b + \eta,\quad \eta\sim\mathcal N(0,\sigma^2I_D).$$
#
# It is called **probabilistic PCA** ([Tipping & Bishop 1999](https://www.jstor.org/stable/2680726)), and with an
# encoder it is a *linear VAE*. All three pieces of the identity have a closed form.
#
# **Evidence.** $x$ is a sum of independent Gaussians, hence Gaussian. Its mean is $b$, its covariance $\mathbb
# E[(Wz+\eta)(Wz+\eta)^\top] = W\,\mathbb E[zz^\top]W^\top + \mathbb E[\eta\eta^\top] = WW^\top + \sigma^2I$:
#
# $$\boxed{\;p(x) = \mathcal N\big(x;\ b,\ C\big),\qquad C = WW^\top + \sigma^2 I_D\;}$$
#
# **Posterior.** $\log p(z|x)$ is, up to a constant, $-\frac{1}{2\sigma^2}\|x-b-Wz\|^2 - \frac12\|z\|^2$, whose part
# quadratic in $z$ is $-\frac12z^\top\Lambda z$ with $\Lambda = I + W^\top W/\sigma^2$, and whose linear part is
# $z^\top W^\top(x-b)/\sigma^2$. A Gaussian of mean $m$ and precision $\Lambda$ (inverse covariance) has $z^\top\Lambda
# m$ there:
#
# $$\boxed{\;p(z|x) = \mathcal N\big(z;\ m(x),\ \Lambda^{-1}\big),\qquad \Lambda = I + \tfrac{1}{\sigma^2}W^\top W,
# \qquad m(x) = \tfrac{1}{\sigma^2}\Lambda^{-1}W^\top(x - b)\;}$$
#
# The mean is *linear* in $x$ and the covariance does not depend on $x$: remember both for the encoder of section 8.
#
# **ELBO** of any $q = \mathcal N(\mu, S)$. With $r = x - b - W\mu$ and $u = z - \mu$, $\|x-b-Wz\|^2 = \|r\|^2 - 2r^\top
# Wu + u^\top W^\top Wu$. The middle term has expectation zero, and the trace rule of section 3 does the last:
#
# $$\boxed{\;\mathrm{ELBO} = -\tfrac D2\log 2\pi\sigma^2 - \frac{\|r\|^2 + \operatorname{tr}(W^\top W S)}{2\sigma^2} -
# \mathrm{KL}\big(\mathcal N(\mu,S)\,\|\,\mathcal N(0,I)\big)\;}$$


# %%
def log_evidence(x, W, b, variance):
    """log N(x; b, W Wᵀ + variance · I): (N, D), (D, d), (D,), number -> (N,)."""
    root = np.linalg.cholesky(W @ W.T + variance * np.eye(len(W)))  # C = L Lᵀ; log det C = 2 Σ log L_ii
    whitened = solve_triangular(root, (x - b).T, lower=True)  # ‖L⁻¹(x − b)‖² = (x − b)ᵀ C⁻¹ (x − b)
    return -0.5 * (len(W) * np.log(2 * np.pi) + np.sum(whitened**2, axis=0)) - np.sum(np.log(np.diag(root)))


def exact_posterior(x, W, b, variance):
    """Mean (N, d) and precision (d, d) of p(z|x)."""
    precision = np.eye(W.shape[1]) + W.T @ W / variance
    return np.linalg.solve(precision, W.T @ (x - b).T / variance).T, precision


def exact_elbo(x, W, b, variance, mean, cov):
    """ELBO of q = N(mean, cov) for each x: means (N, d), one covariance (d, d) -> (N,)."""
    r = x - b - mean @ W.T
    expected_square = np.sum(r**2, axis=1) + np.trace(W.T @ W @ cov)
    reconstruction = -0.5 * W.shape[0] * np.log(2 * np.pi * variance) - expected_square / (2 * variance)
    zero, identity = np.zeros(W.shape[1]), np.eye(W.shape[1])
    return reconstruction - np.array([kl_full(each, cov, zero, identity) for each in mean])


# %% [markdown]
# **Check.** Random models, random data, random proposals with full covariances: the gap and the posterior KL, computed
# in two unrelated ways, agree to ten digits. And they agree in no other direction of the KL.

# %%
worst, wrong_direction = 0.0, []
for _ in range(50):
    D_toy, d_toy = rng.integers(2, 9), rng.integers(1, 4)
    W, b, variance = rng.standard_normal((D_toy, d_toy)), rng.standard_normal(D_toy), rng.uniform(0.1, 2)
    x = rng.standard_normal((4, D_toy))
    mean, root = rng.standard_normal((4, d_toy)), rng.standard_normal((d_toy, d_toy))
    cov = root @ root.T + 0.1 * np.eye(d_toy)
    m, precision = exact_posterior(x, W, b, variance)
    gap = log_evidence(x, W, b, variance) - exact_elbo(x, W, b, variance, mean, cov)
    posterior_kl = [kl_full(mean[i], cov, m[i], np.linalg.inv(precision)) for i in range(4)]
    reverse_kl = [kl_full(m[i], np.linalg.inv(precision), mean[i], cov) for i in range(4)]
    worst = max(worst, np.max(np.abs(gap - posterior_kl) / (1 + gap)))
    wrong_direction.append(np.min(np.abs(gap - reverse_kl)))
    closed = exact_elbo(x, W, b, variance, m, np.linalg.inv(precision))
    assert np.allclose(closed, log_evidence(x, W, b, variance), atol=1e-8), "q = posterior closes the gap"
print(f"largest relative difference of gap and KL(q ‖ posterior) in 200 cases: {worst:.1e}")
print(f"median difference to KL(posterior ‖ q): {np.median(wrong_direction):.1f} nats")
assert worst < 1e-10

# %% [markdown]
# ## 5 · Two gradients through a random draw
#
# To raise the ELBO we need gradients of an expectation whose *distribution* holds the parameters:
# $\nabla_\phi\,\mathbb E_{z\sim q_\phi}[f(z)]$. A drawn number does not remember how it would have changed with $\phi$.
# There are two ways out.
#
# ### The score-function gradient (REINFORCE)
#
# Write the expectation as an integral and differentiate under it (allowed for the smooth densities here). The chain
# rule says $\nabla\log q = \nabla q/q$, that is $\nabla q = q\,\nabla\log q$: the **log-derivative trick**.
#
# $$\nabla_\phi\int q_\phi(z)f(z)\,dz = \int \nabla_\phi q_\phi(z)\,f(z)\,dz = \int q_\phi(z)\,\nabla_\phi\log q_\phi(z)\,f(z)\,dz,$$
#
# $$\boxed{\;\nabla_\phi\,\mathbb E_{q_\phi}[f(z)] = \mathbb E_{q_\phi}\big[f(z)\,\nabla_\phi\log q_\phi(z)\big]\;}$$
#
# It needs no derivative of $f$ ([Williams 1992](https://doi.org/10.1007/BF00992696)). The factor $\nabla\log q$ is
# the **score**; its expectation is $\int q\,\frac{\nabla q}{q}dz = \nabla\int q\,dz = \nabla 1 = 0$. For $q = \mathcal
# N(\mu,\sigma^2)$ and $z = \mu + \sigma\varepsilon$ it is
#
# $$\frac{\partial\log q}{\partial\mu} = \frac{z-\mu}{\sigma^2} = \frac\varepsilon\sigma,\qquad
# \frac{\partial\log q}{\partial\log\sigma} = \frac{(z-\mu)^2}{\sigma^2} - 1 = \varepsilon^2 - 1 .$$
#
# ### The reparameterised gradient
#
# Draw the randomness from a *fixed* distribution and move it into place, $z = \mu + \sigma\varepsilon$ with
# $\varepsilon\sim\mathcal N(0,1)$. This $z$ has exactly the distribution $q$. Now $\phi$ stands inside the expectation,
# where the chain rule reaches it:
#
# $$\boxed{\;\frac{\partial}{\partial\mu}\mathbb E[f(z)] = \mathbb E_\varepsilon[f'(\mu+\sigma\varepsilon)],\qquad
# \frac{\partial}{\partial\log\sigma}\mathbb E[f(z)] = \mathbb E_\varepsilon[f'(\mu+\sigma\varepsilon)\,\sigma\varepsilon]\;}$$
#
# the second because $\partial(\mu + e^{\log\sigma}\varepsilon)/\partial\log\sigma = \sigma\varepsilon$ ([Kingma & Welling
# 2013](https://arxiv.org/abs/1312.6114), [Rezende et al. 2014](https://arxiv.org/abs/1401.4082)).


# %%
def pathwise_gradients(df, mean, std, eps):
    """Reparameterised gradients of E[f(z)] by (mean, log std), one pair for each draw eps (n,) -> (2, n)."""
    slope = df(mean + std * eps)
    return np.stack([slope, slope * std * eps])


def score_gradients(f, mean, std, eps, baseline=0.0):
    """Score-function gradients of E[f(z)] by (mean, log std), one pair for each draw eps (n,) -> (2, n)."""
    score = np.stack([eps / std, eps**2 - 1])
    return (f(mean + std * eps) - baseline) * score


# %% [markdown]
# **Check: both are unbiased.** Four functions, each with its exact gradient by quadrature and central differences. From
# here on a check makes many comparisons at once, so it allows 4.5 standard errors, one accident in 147,000.

# %%
eps = rng.standard_normal(200_000)
mean, std = 0.6, 0.7
functions = {
    "(z − 2)²": (lambda z: (z - 2) ** 2, lambda z: 2 * (z - 2)),
    "sin 3z": (lambda z: np.sin(3 * z), lambda z: 3 * np.cos(3 * z)),
    "softplus(4z)": (lambda z: np.logaddexp(0, 4 * z), lambda z: 4 / (1 + np.exp(-4 * z))),
    "log p(x|z)": (lambda z: log_normal(X1, W1 * z, S1), lambda z: W1 * (X1 - W1 * z) / S1**2),
}


def expectation(f, mean, log_std):
    return np.sum(np.exp(log_normal(z_grid, mean, np.exp(log_std))) * f(z_grid)) * dz


print(f"{'f':>14}   by          exact    reparameterised ± SE     score function ± SE    ratio of variances")
for name, (f, df) in functions.items():
    h, at = 1e-4, (mean, np.log(std))
    exact = [
        (
            expectation(f, at[0] + h * (i == 0), at[1] + h * (i == 1))
            - expectation(f, at[0] - h * (i == 0), at[1] - h * (i == 1))
        )
        / (2 * h)
        for i in (0, 1)
    ]
    for i, parameter in enumerate(("mean", "log std")):
        path, score = pathwise_gradients(df, mean, std, eps)[i], score_gradients(f, mean, std, eps)[i]
        errors = [g.std() / np.sqrt(len(eps)) for g in (path, score)]
        print(
            f"{name:>14}   {parameter:8}{exact[i]:9.3f}   {path.mean():9.3f} ± {errors[0]:.3f}      "
            f"{score.mean():9.3f} ± {errors[1]:.3f}   {score.var() / path.var():12.1f}"
        )
        for g, error in zip((path, score), errors, strict=True):
            assert abs(g.mean() - exact[i]) < 4.5 * error

# %% [markdown]
# Look at the last column. For three of the functions the reparameterised gradient is quieter by far. For $\sin 3z$ it
# is the *noisier* one: $f$ is bounded, its derivative is three times as large and changes its sign within the spread of
# $q$. Neither estimator wins always; what decides is how $f'$ compares with $f$.
#
# ### Their variances, in closed form
#
# Take $f(z) = (z-c)^2$, the shape of a Gaussian reconstruction, and write $a = \mu - c$, so that $f = (a +
# \sigma\varepsilon)^2$. The gradient by $\mu$ is $2a$. We need the moments $\mathbb E\varepsilon^2 = 1$, $\mathbb
# E\varepsilon^4 = 3$, $\mathbb E\varepsilon^6 = 15$; odd ones are zero.
#
# *Reparameterised:* $f' = 2(a+\sigma\varepsilon)$ has the variance $4\sigma^2$.
#
# *Score function, with a constant $\beta$ subtracted from $f$:* since the score has expectation zero, subtracting a
# constant, a **baseline**, changes no expectation. With $k = a^2 - \beta$ the second moment of one term is
#
# $$\frac{1}{\sigma^2}\mathbb E\big[(k + 2a\sigma\varepsilon + \sigma^2\varepsilon^2)^2\varepsilon^2\big] =
# \frac{1}{\sigma^2}\big[k^2 + 12a^2\sigma^2 + 15\sigma^4 + 6k\sigma^2\big]$$
#
# (the cross terms with a single $2a\sigma\varepsilon$ are odd and vanish; $2k\sigma^2\,\mathbb E\varepsilon^4 = 6k\sigma^2$). Subtract the squared mean
# $4a^2$.
#
# *The best baseline.* In general the second moment $\mathbb E[(f-\beta)^2s^2]$ with score $s$ is a parabola in
# $\beta$; its derivative $-2\,\mathbb E[(f-\beta)s^2]$ is zero at
#
# $$\boxed{\;\beta^* = \frac{\mathbb E[f\,s^2]}{\mathbb E[s^2]}\;}$$
#
# which is not the mean of $f$ but its mean weighted by the squared score. Here it is $\mathbb E[(a+\sigma\varepsilon)^2
# \varepsilon^2] = a^2 + 3\sigma^2$, that is $k = -3\sigma^2$. The three variances:
#
# $$\boxed{\;\text{reparameterised } 4\sigma^2,\qquad \text{score } \frac{a^4}{\sigma^2} + 14a^2 + 15\sigma^2,\qquad \text{score with } \beta^*\ \ 8a^2 + 6\sigma^2\;}$$
#
# The second grows without bound as $\sigma \to 0$, which is where training goes.


# %%
def best_baseline(values, scores):
    """The constant that minimises the variance of (values − β) · scores: E[f s²] / E[s²]."""
    return np.mean(values * scores**2) / np.mean(scores**2)


def score_variance(a, std, baseline=0.0):
    """Variance of (f − baseline) · ε/σ for f = (a + σε)², in closed form."""
    k = a**2 - baseline
    return (k**2 + 12 * a**2 * std**2 + 15 * std**4 + 6 * k * std**2) / std**2 - 4 * a**2


def variance_and_error(g):
    """Sample variance of draws (n,), and its standard error."""
    square = (g - g.mean()) ** 2
    return square.mean(), square.std() / np.sqrt(len(g))


a, std, c = 1.5, 0.5, 1.0
f, df = (lambda z: (z - c) ** 2), (lambda z: 2 * (z - c))
values, scores = f(a + c + std * eps), eps / std
rows = {
    "reparameterised": (pathwise_gradients(df, a + c, std, eps)[0], 4 * std**2),
    "score": (score_gradients(f, a + c, std, eps)[0], a**4 / std**2 + 14 * a**2 + 15 * std**2),
    "score, baseline = mean of f": (
        score_gradients(f, a + c, std, eps, a**2 + std**2)[0],
        score_variance(a, std, a**2 + std**2),
    ),
    "score, best baseline": (score_gradients(f, a + c, std, eps, a**2 + 3 * std**2)[0], 8 * a**2 + 6 * std**2),
}
for name, (g, exact) in rows.items():
    measured, error = variance_and_error(g)
    print(
        f"{name:28} mean {g.mean():.3f} (exact {2 * a})   variance {measured:7.3f} ± {error:.3f}   formula {exact:7.3f}"
    )
    assert abs(measured - exact) < 4.5 * error
assert abs(best_baseline(values, scores) - (a**2 + 3 * std**2)) < 0.05
baselines = np.linspace(-2, 8, 201)
assert np.isclose(baselines[np.argmin(score_variance(a, std, baselines))], a**2 + 3 * std**2, atol=0.05)

# %% [markdown]
# ### The price of dimensions
#
# Let $f(z) = \sum_{j=1}^d (z_j - c)^2$ and look at the gradient by $\mu_1$. The reparameterised one is
# $2(a+\sigma\varepsilon_1)$: the other coordinates drop out, and its variance stays $4\sigma^2$. The score function
# multiplies $\varepsilon_1/\sigma$ with the *whole* of $f$, in which the other $d-1$ terms are noise. Call their sum
# $R$; it is independent of $\varepsilon_1$, with mean $(d-1)(a^2+\sigma^2)$ and variance
# $(d-1)(4a^2\sigma^2+2\sigma^4)$. With $k = a^2 + R$ in the second moment above, and $\mathbb E$ over $R$,
#
# $$\operatorname{Var} = \frac{1}{\sigma^2}\big[\mathbb E(a^2+R)^2 + 12a^2\sigma^2 + 15\sigma^4 + 6\sigma^2\,\mathbb E(a^2+R)\big] - 4a^2,$$
#
# which grows like $d^2$. The best baseline removes the mean of $R$ but not its variance: growth like $d$. For
# 16 latent variables and 784 pixels neither is welcome.

# %%
dims = np.unique(np.geomspace(1, 200, 25).astype(int))
measured_at = [1, 3, 10, 30, 100]


def variance_in_dimension(d, with_baseline):
    """Variance of the score-function gradient by the first mean, for f = Σ_j (a + σε_j)²."""
    rest_mean, rest_var = (d - 1) * (a**2 + std**2), (d - 1) * (4 * a**2 * std**2 + 2 * std**4)
    k_mean = -3 * std**2 if with_baseline else a**2 + rest_mean
    k_square = k_mean**2 + rest_var
    return (k_square + 12 * a**2 * std**2 + 15 * std**4 + 6 * std**2 * k_mean) / std**2 - 4 * a**2


assert np.isclose(variance_in_dimension(1, False), a**4 / std**2 + 14 * a**2 + 15 * std**2)
assert np.isclose(variance_in_dimension(1, True), 8 * a**2 + 6 * std**2)
points = {"reparameterised": [], "score": [], "score, best baseline": []}
for d in measured_at:
    draw = rng.standard_normal((40_000, d))
    total, score = np.sum((a + std * draw) ** 2, axis=1), draw[:, 0] / std
    exact_baseline = d * (a**2 + std**2) + 2 * std**2
    rows = {
        "reparameterised": (2 * (a + std * draw[:, 0]), 4 * std**2),
        "score": (total * score, variance_in_dimension(d, False)),
        "score, best baseline": ((total - exact_baseline) * score, variance_in_dimension(d, True)),
    }
    for name, (g, exact) in rows.items():
        value, error = variance_and_error(g)
        points[name].append(value)
        assert abs(value - exact) < 4.5 * error, (name, d)

figure, axes = plots.canvas(7.2, 3.6)
lines = {
    "score": [variance_in_dimension(d, False) for d in dims],
    "score, best baseline": [variance_in_dimension(d, True) for d in dims],
    "reparameterised": [4 * std**2] * len(dims),
}
for k, (name, y) in enumerate(lines.items()):
    axes.loglog(dims, y, plots.STYLES[k], color=plots.COLOURS[k], linewidth=1.8, label=f"{name}: formula")
    axes.loglog(measured_at, points[name], plots.MARKERS[k], color=plots.COLOURS[k], label="40,000 draws")
axes.set(
    xlabel="latent dimensions $d$", ylabel="variance of one gradient", title="One draw's gradient by the first mean"
)
axes.legend(frameon=False, fontsize=8.5, loc="center left", bbox_to_anchor=(1.0, 0.5))
figure.alt_text = (
    "Variance of a single-draw gradient against the number of latent dimensions, on logarithmic axes: flat for the "
    "reparameterised one, rising like d with the best baseline, like d squared without; measured points lie on the formulas."
)
figure

# %% [markdown]
# ### What the variance does to training
#
# The running example again: climb its ELBO over $\mu$ and $\log\sigma$ by stochastic gradients from *one* draw each,
# with the KL term in closed form. All take steps of the same size; 200 trainings run side by side, and the curve is
# the exact gap, averaged over them.
#
# The fourth curve is a mistake that runs without an error: the draw is cut off from its parameters, by
# `stop_gradient`, by a `.numpy()`, or by `np.random.normal(mean, std)`. The reconstruction then sends **no gradient** to
# the encoder, and only the KL term moves it.


# %%
def elbo_1d(m, log_std):
    """Exact ELBO of the running example for q = N(m, exp(log_std)²)."""
    variance = np.exp(2 * log_std)
    reconstruction = log_normal(X1, W1 * m, S1) - W1**2 * variance / (2 * S1**2)
    return reconstruction - kl_1d(m, np.exp(log_std), 0, 1)


def climb(gradient_of_reconstruction, steps=400, chains=200, rate=0.01):
    """Stochastic gradient ascent on (m, log σ), many chains at once; returns the mean exact ELBO at each step."""
    draw = np.random.default_rng(1)
    m, log_std, curve = np.zeros(chains), np.zeros(chains), []
    for _ in range(steps):
        curve.append(elbo_1d(m, log_std).mean())
        by_m, by_log_std = gradient_of_reconstruction(m, np.exp(log_std), draw.standard_normal(chains))
        step = np.clip([by_m - m, by_log_std + 1 - np.exp(2 * log_std)], -20, 20)  # clipped alike for all
        m, log_std = m + rate * step[0], log_std + rate * step[1]
    return np.array(curve)


f, df = functions["log p(x|z)"]


def with_baseline(m, std, eps):
    # The exact best baseline for the gradient by the mean: E[f ε²] for this quadratic f.
    constant = -0.5 * np.log(2 * np.pi * S1**2)
    return score_gradients(f, m, std, eps, constant - ((X1 - W1 * m) ** 2 + 3 * W1**2 * std**2) / (2 * S1**2))


runs = {
    "reparameterised": climb(lambda m, std, eps: pathwise_gradients(df, m, std, eps)),
    "score, best baseline": climb(with_baseline),
    "score": climb(lambda m, std, eps: score_gradients(f, m, std, eps)),
    "draw cut off (wrong)": climb(lambda m, std, eps: np.zeros((2, len(m)))),
}
for name, curve in runs.items():
    print(f"{name:22} mean ELBO after {len(curve)} steps: {curve[-1]:8.3f}   gap {LOG_PX - curve[-1]:7.3f} nats")
assert LOG_PX - runs["reparameterised"][-1] < 0.2 < 1 < LOG_PX - runs["draw cut off (wrong)"][-1]
assert runs["reparameterised"][-1] > runs["score, best baseline"][-1] > runs["score"][-1]

figure, axes = plots.canvas(7.2, 3.4)
for k, (name, curve) in enumerate(runs.items()):
    axes.semilogy(LOG_PX - curve, plots.STYLES[k], color=plots.COLOURS[k], linewidth=1.8, label=name)
axes.set(xlabel="step", ylabel="log p(x) − ELBO (nats)", title="The gap, mean of 200 trainings")
axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))
figure.alt_text = (
    "The gap to log p(x) against steps, on a logarithmic axis: smallest with reparameterised gradients, larger with the "
    "score function and its best baseline, larger again without a baseline; with the draw cut off it does not shrink at all."
)
figure

# %% [markdown]
# **Check of the cut**, with TensorFlow's own gradients. The exact gradient of the ELBO by the mean is $w(x-w\mu)/s^2 -
# \mu$. With the cut it becomes $-\mu$, the KL term alone. A variant is worse: sampled KL with a cut draw leaves
# $-\nabla\log q(z)$, whose expectation is zero. *The loss looks right to the last digit in all three.*

# %%
n = 50_000
noise = keras.random.normal((n,), seed=SEED)
log_std = tf.fill((n,), float(np.log(0.5)))


def tf_log_normal(value, mean, log_std):
    return -0.5 * float(np.log(2 * np.pi)) - log_std - 0.5 * ((value - mean) * tf.exp(-log_std)) ** 2


def elbo_draws(mean, cut=False, closed_kl=True):
    """n single-draw ELBOs of the running example at q = N(mean, 0.5²)."""
    z = mean + tf.exp(log_std) * noise
    z = tf.stop_gradient(z) if cut else z
    sampled = tf_log_normal(z, mean, log_std) - tf_log_normal(z, 0.0, 0.0)
    kl = 0.5 * (mean**2 + tf.exp(2 * log_std) - 2 * log_std - 1) if closed_kl else sampled
    return tf_log_normal(X1, W1 * z, float(np.log(S1))) - kl


exact = W1 * (X1 - W1 * 0.4) / S1**2 - 0.4
losses_seen = []
for name, options, right in [
    ("reparameterised, closed KL", {}, True),
    ("reparameterised, sampled KL", {"closed_kl": False}, True),
    ("cut draw, closed KL", {"cut": True}, False),
    ("cut draw, sampled KL", {"cut": True, "closed_kl": False}, False),
]:
    mean = tf.fill((n,), 0.4)
    with tf.GradientTape() as tape:
        tape.watch(mean)
        elbo = elbo_draws(mean, **options)
    g = tape.gradient(elbo, mean).numpy()
    error = g.std() / np.sqrt(n)
    losses_seen.append(float(tf.reduce_mean(elbo)))
    print(
        f"{name:28} ELBO {losses_seen[-1]:7.3f}   gradient {g.mean():7.3f} ± {error:.3f} (exact {exact:.3f})   {'ok' if right else 'WRONG'}"
    )
    assert (abs(g.mean() - exact) < 4.5 * error + 1e-4) == right
assert np.ptp(losses_seen) < 0.05, "the loss alone does not show the mistake"

# %% [markdown]
# ## 6 · A tighter bound: importance-weighted averages
#
# The first derivation applied Jensen to a *single* weight $w(z)$. Nothing forbids to average $k$ of them first: with
# independent $z_1, \dots, z_k \sim q$, the average has the same expectation, $\mathbb E[\frac1k\sum_i w(z_i)] = \mathbb
# E_q[w] = \int\frac{p(x,z)}{q(z)}q(z)\,dz = p(x)$, so
#
# $$\boxed{\;\mathcal L_k = \mathbb E\Big[\log\frac1k\sum_{i=1}^k w(z_i)\Big] \le \log p_\theta(x),\qquad w(z) = \frac{p_\theta(x,z)}{q(z)}\;}$$
#
# is a bound for every $k$, the **IWAE bound** ([Burda et al. 2015](https://arxiv.org/abs/1509.00519)); $\mathcal L_1$ is
# the ELBO.
#
# **It never falls with $k$.** An average of $k$ numbers is the average of the $k$ averages that leave one out:
#
# $$\frac1k\sum_{i=1}^k w_i = \frac1k\sum_{j=1}^k\Big(\frac1{k-1}\sum_{i\ne j} w_i\Big),$$
#
# since each $w_i$ appears in $k-1$ of the brackets. Jensen for the outer average gives $\log\frac1k\sum_iw_i \ge
# \frac1k\sum_j\log\big(\frac1{k-1}\sum_{i\neq j}w_i\big)$. Each of the $k$ logarithms on the right has the expectation
# $\mathcal L_{k-1}$, and so has their average:
#
# $$\boxed{\;\mathcal L_k \ge \mathcal L_{k-1}\;}$$
#
# **How fast does it close?** Write $\frac1k\sum w_i = p(x)(1+\delta)$. Then $\mathbb E\delta = 0$ and
# $\operatorname{Var}\delta = \chi^2/k$ with $\chi^2 = \operatorname{Var}(w)/p(x)^2$, and for small $\delta$,
# $\log(1+\delta) \approx \delta - \frac12\delta^2$. So
#
# $$\log p(x) - \mathcal L_k \approx \frac{\chi^2}{2k},\qquad 1 + \chi^2 = \frac{\mathbb E_q[w^2]}{p(x)^2} = \int\frac{p(z|x)^2}{q(z)}\,dz .$$
#
# The gap falls like $1/k$. A warning: where $q$ has much thinner tails than the posterior (for Gaussians: at most half
# its variance) the integral is infinite, and the gap closes more slowly.
#
# ### Never leave the logarithm
#
# For images, $\log w$ is around $-1000$, and $e^{-1000}$ is zero in any floating-point format. Take the largest
# log-weight $M$ out: $\log\sum_i e^{a_i} = M + \log\sum_i e^{a_i - M}$, where the largest term is $e^0 = 1$.
#
# **Effective sample size.** How many of the $k$ draws do the work? $\text{ESS} = (\sum w_i)^2/\sum w_i^2$ is $k$ for equal
# weights and 1 if one weight has everything. It cannot leave $[1, k]$: $\sum w_i^2 \le (\sum w_i)^2$ for positive
# numbers, and $(\sum w_i\cdot1)^2 \le k\sum w_i^2$ by Cauchy–Schwarz. For many draws $\text{ESS}/k \to \mathbb
# E[w]^2/\mathbb E[w^2] = 1/(1+\chi^2)$.


# %%
def iwae_bound(log_w):
    """log (1/k) Σ w over the last axis, from log-weights (..., k), without leaving the logarithm."""
    largest = log_w.max(axis=-1, keepdims=True)
    return largest[..., 0] + np.log(np.mean(np.exp(log_w - largest), axis=-1))


def effective_sample_size(log_w):
    """(Σ w)² / Σ w² over the last axis: between 1 and k."""
    w = np.exp(log_w - log_w.max(axis=-1, keepdims=True))
    return w.sum(axis=-1) ** 2 / (w**2).sum(axis=-1)


def predicted_gap(chi2, k):
    """log p(x) − L_k for many draws k, from the relative variance χ² of one weight."""
    return chi2 / (2 * k)


image_like = np.array([-1000.3, -1001.2, -1004.0])
with np.errstate(divide="ignore"):
    print("naive:", np.log(np.mean(np.exp(image_like))), "  from the largest:", round(iwae_bound(image_like), 4))
assert np.isclose(iwae_bound(image_like), -1000 + iwae_bound(image_like + 1000))
assert np.isclose(effective_sample_size(image_like), effective_sample_size(image_like + 1000))
assert np.isclose(effective_sample_size(np.zeros(7)), 7) and np.isclose(effective_sample_size(np.array([0, -900.0])), 1)

# %% [markdown]
# **Check** on the running example with a wide, shifted $q$: $\mathcal L_1$ in closed form, $\mathcal L_2$ by
# quadrature over two draws, the others by Monte Carlo with their standard errors, all under the exact line.

# %%
q_mean, q_std = 0.4, 0.6
ks = 2 ** np.arange(9)
z = q_mean + q_std * rng.standard_normal((8_000, ks[-1]))
log_w = log_normal(X1, W1 * z, S1) + log_normal(z, 0, 1) - log_normal(z, q_mean, q_std)
values = np.stack([iwae_bound(log_w[:, :k]) for k in ks])  # (k, repeats)
bounds, errors = values.mean(axis=1), values.std(axis=1) / np.sqrt(values.shape[1])
shares = [np.mean(effective_sample_size(log_w[:, :k])) / k for k in ks]

coarse = np.linspace(-4, 5, 1201)
log_w_grid = log_normal(X1, W1 * coarse, S1) + log_normal(coarse, 0, 1) - log_normal(coarse, q_mean, q_std)
mass = np.exp(log_normal(coarse, q_mean, q_std)) * (coarse[1] - coarse[0])
exact_two = mass @ (np.logaddexp(log_w_grid[:, None], log_w_grid[None]) - np.log(2)) @ mass
assert abs(bounds[0] - elbo_1d(q_mean, np.log(q_std))) < 4.5 * errors[0]
assert abs(bounds[1] - exact_two) < 4.5 * errors[1]
assert np.all(bounds <= LOG_PX + 4.5 * errors)
steps_up = np.diff(values, axis=0)
assert np.all(steps_up.mean(axis=1) > -4.5 * steps_up.std(axis=1) / np.sqrt(values.shape[1])), "never falls with k"

chi2 = np.sum(np.exp(2 * log_posterior - log_normal(z_grid, q_mean, q_std))) * dz - 1
print(f"log p(x) = {LOG_PX:.4f}   χ² = {chi2:.3f}   L_2 by quadrature {exact_two:.4f}")
for k, bound, error, share in zip(ks, bounds, errors, shares, strict=True):
    print(
        f"k = {k:3}: bound {bound:8.4f} ± {error:.4f}   gap {LOG_PX - bound:7.4f}   χ²/2k {predicted_gap(chi2, k):7.4f}   ESS/k {share:.3f}"
    )
last = predicted_gap(chi2, ks[-1])
assert abs(LOG_PX - bounds[-1] - last) < 4.5 * errors[-1] + 0.1 * last
assert abs(shares[-1] - 1 / (1 + chi2)) < 0.03
assert np.allclose(losses.iwae_bound(log_w[:5, :8], axis=1), iwae_bound(log_w[:5, :8])), "the library's version"

# %%
figure, (left, right) = plots.canvas(9.6, 3.3, columns=2)
left.axhline(LOG_PX, color=BLACK, linewidth=2, label="log p(x)")
left.errorbar(ks, bounds, 4 * errors, fmt="-o", color=BLUE, markersize=5, capsize=3, label="IWAE bound ± 4 SE")
left.set(xscale="log", xlabel="draws $k$", ylabel="nats", title="The bound tightens, and never falls")
left.legend(frameon=False, fontsize=9, loc="lower right")
right.loglog(ks, LOG_PX - bounds, "-o", color=BLUE, markersize=5, label="gap to log p(x)")
right.loglog(ks, predicted_gap(chi2, ks), "--", color=ORANGE, label="$\\chi^2/2k$")
right.set(xlabel="draws $k$", ylabel="gap (nats)", title="The gap falls like 1/k")
right.legend(frameon=False, fontsize=9)
figure.alt_text = (
    "Left: the importance-weighted bound rises with the number of draws and approaches the line of log p(x) from "
    "below. Right: on logarithmic axes its gap joins the straight line chi squared over two k."
)
figure

# %% [markdown]
# ### Explore: the ELBO laboratory
#
# One hidden number, one visible, everything exact. The blue bar is the ELBO; the hatched piece above it is the gap,
# and together they reach the black line, wherever you put $q$. The middle column splits the ELBO into reconstruction
# minus KL to the prior; the right one is the IWAE bound for $k$ draws.
#
# 1. Move the mean of $q$, then its spread, until the gap is as small as you can make it. Then press *Match the
#    posterior*.
# 2. Switch the model to *x = w·|z| + noise* and set $x = 2$: two codes explain it, and the posterior has two humps. Press *Climb
#    the ELBO*, from a mean of 1 and from a mean of −1, and then *Match the posterior* (its mean and spread). Which $q$
#    does the ELBO prefer, and why can no Gaussian close the gap?
# 3. There, with $q$ on one hump only, raise $k$. What does averaging repair, and what can it not?

# %%
lab = explore.ElboLab(x=X1, weight=W1, noise=0.4)
lab.show()

# %% [markdown]
# The second question has an answer in the formula. $\mathrm{KL}(q\|p(z|x))$ punishes $q$ for standing where the
# posterior is small, and not for leaving out a hump: the ELBO seeks one hump and pays about $\log 2 = 0.69$ nats for
# the other. The matched Gaussian covers both humps and the valley between them, and pays more. On the third: draws from
# one hump hardly ever land on the other, so the bound stays about $\log 2$ below, whatever $k$ is. Averaging repairs a $q$
# that is too wide or shifted; it cannot find what $q$ never visits.
#
# ## 7 · Amortisation: one encoder for all
#
# So far each $x$ had a $q$ of its own, found by optimisation. For 60,000 images, anew after each change of $\theta$, that
# is hopeless. **Amortised** inference trains one network, the *encoder*, that maps any $x$ to the parameters of its
# $q_\phi(z|x)$. It costs one pass, also for images never seen. What it can lose, [Cremer et al.
# 2018](https://arxiv.org/abs/1801.03558) split in two. With $\mathrm{ELBO}^*(x)$ the best in the family (here:
# Gaussians),
#
# $$\boxed{\;\log p(x) - \mathrm{ELBO}_\phi(x) = \underbrace{\log p(x) - \mathrm{ELBO}^*(x)}_{\text{approximation gap: the family}} +
# \underbrace{\mathrm{ELBO}^*(x) - \mathrm{ELBO}_\phi(x)}_{\text{amortisation gap: the encoder}}\;}$$
#
# Both are at least zero. We measure them on a model with a curved decoder, $p(x|z) = \mathcal N(x;\ z + \sin 2z,\
# 0.5^2)$. All expectations under a Gaussian are taken by Gauss–Hermite quadrature: nodes $t_i$ and weights $\omega_i$
# such that $\mathbb E[f(m+\sigma\varepsilon)] = \sum_i\omega_i f(m+\sigma t_i)$ up to rounding, so nothing in the
# picture is noisy.

# %%
nodes, node_weights = np.polynomial.hermite_e.hermegauss(60)
node_weights = node_weights / node_weights.sum()


def curve(z):
    return z + np.sin(2 * z)


def curved_elbo(x, mean, log_std):
    """ELBO of each x (N,) under q = N(mean, exp(log_std)²), each (N,), by quadrature."""
    z = mean[:, None] + np.exp(log_std)[:, None] * nodes
    return log_normal(x[:, None], curve(z), 0.5) @ node_weights - kl_1d(mean, np.exp(log_std), 0, 1)


def best_elbo(x):
    """The largest ELBO that a Gaussian reaches for one x: from a grid of starts, then refined."""
    starts = np.stack(np.meshgrid(np.linspace(-2.5, 2.5, 26), [-1.5, -0.8, -0.2]), -1).reshape(-1, 2)
    start = starts[curved_elbo(np.full(len(starts), x), *starts.T).argmax()]
    found = minimize(lambda q: -curved_elbo(np.array([x]), *q[:, None])[0], start, method="BFGS")
    return -found.fun


xs = np.linspace(-3, 3, 61)
exact = logsumexp(log_normal(xs[:, None], curve(z_grid), 0.5) + log_normal(z_grid, 0, 1), axis=1) + np.log(dz)
best = np.array([best_elbo(x) for x in xs])
assert np.all(best <= exact + 1e-9)


def train_encoder(network, steps=1500, batch=256):
    """Raise the single-draw ELBO of the curved model over the encoder's weights, on data from the model itself."""
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.02, steps))
    noise = keras.random.SeedGenerator(SEED)

    @tf.function(autograph=False)
    def step():
        code = keras.random.normal((batch, 1), seed=noise)
        x = code + tf.sin(2 * code) + 0.5 * keras.random.normal((batch, 1), seed=noise)
        with tf.GradientTape() as tape:
            m, log_std = tf.split(network(x), 2, axis=1)
            z = m + tf.exp(log_std) * keras.random.normal((batch, 1), seed=noise)  # reparameterised
            reconstruction = tf_log_normal(x, z + tf.sin(2 * z), float(np.log(0.5)))
            kl = 0.5 * (m**2 + tf.exp(2 * log_std) - 2 * log_std - 1)
            loss = tf.reduce_mean(kl - reconstruction)
        optimizer.apply(tape.gradient(loss, network.trainable_variables), network.trainable_variables)

    for _ in range(steps):
        step()
    return curved_elbo(xs, *network(xs[:, None].astype(np.float32)).numpy().astype(float).T)


keras.utils.set_random_seed(SEED)
encoders = {
    "straight-line encoder": keras.Sequential([keras.Input((1,)), layers.Dense(2)]),
    "encoder with 32 hidden units": keras.Sequential(
        [keras.Input((1,)), layers.Dense(32, activation="tanh"), layers.Dense(32, activation="tanh"), layers.Dense(2)]
    ),
}
amortised = {name: train_encoder(network) for name, network in encoders.items()}

# %%
share = np.exp(exact) / np.exp(exact).sum()  # weight of each x under the model
print(f"{'approximation gap, Gaussian family':38} {share @ (exact - best):.4f} nats on average")
for name, bound in amortised.items():
    print(f"{'amortisation gap, ' + name:38} {share @ (best - bound):.4f}")
    assert np.all(bound <= best + 1e-6), "no encoder beats the best of its family"
linear_gap, network_gap = (share @ (best - bound) for bound in amortised.values())
assert 0 < network_gap < linear_gap
figure, (left, right) = plots.canvas(9.8, 3.5, columns=2)
left.plot(xs, exact, color=BLACK, linewidth=2.2, label="log p(x)")
left.plot(xs, best, "--", color=BLUE, linewidth=1.8, label="best Gaussian for each x")
right.fill_between(xs, 0, exact - best, color=BROWN, alpha=0.4, label="approximation gap")
right.plot(xs, exact - best, "--", color=BLUE, linewidth=1.8)
for k, (name, bound) in enumerate(amortised.items()):
    style = {"linestyle": plots.STYLES[2 + k], "color": (ORANGE, GREEN)[k], "linewidth": 1.8, "label": name}
    left.plot(xs, bound, **style)
    right.plot(xs, exact - bound, **style)
left.set(ylim=(-6.5, -1), xlabel="$x$", ylabel="nats", title="Bounds")
left.legend(frameon=False, fontsize=9, loc="lower center")
right.set(ylim=(0, 0.6), xlabel="$x$", ylabel="nats below log p(x)", title="Gaps")
right.legend(frameon=False, fontsize=9, loc="upper center")
figure.alt_text = (
    "Left: over x, log p(x) on top, below it the best Gaussian proposal for each x, then an encoder network and a "
    "straight-line encoder. Right: how far each lies below log p(x); the encoder network follows the best Gaussian "
    "closely, the straight-line encoder does not."
)
figure

# %% [markdown]
# ## 8 · The linear VAE
#
# Now all parts together, on pictures, with a model whose $\log p(x)$ we can compute *exactly* while it trains: section
# 4's model as decoder, and a linear encoder.
#
# ### Where must maximum likelihood end?
#
# This part is a theorem, and its proof is short enough to give in full. Let $b$ be the mean of the data (the best
# choice: a Gaussian's likelihood is largest at the mean) and $S = \frac1N\sum_n(x_n-b)(x_n-b)^\top$ with eigenvalues
# $\lambda_1\ge\dots\ge\lambda_D$ and eigenvectors $u_k$. From section 4, the mean log-likelihood is $-\frac12\big[D\log2\pi + F\big]$ with
#
# $$F = \log\det C + \operatorname{tr}(C^{-1}S),\qquad C = WW^\top+\sigma^2I .$$
#
# *Step 1, other coordinates.* By its singular values, $W = V\operatorname{diag}(\ell)R$ with orthonormal columns
# $v_1,\dots,v_d$ in $V$ and an orthogonal matrix $R$, a rotation (or reflection) of the codes. Then $WW^\top = \sum_j\ell_j^2v_jv_j^\top$: **$R$ has
# cancelled.** $C$ has the eigenvalue $\kappa_j = \sigma^2+\ell_j^2$ on $v_j$ and $\sigma^2$ on everything orthogonal to
# them, so $\log\det C = \sum_j\log\kappa_j + (D-d)\log\sigma^2$. Let $s_j = v_j^\top Sv_j$ be the variance of the data
# along $v_j$. The variances along all axes of an orthonormal basis add up to $\operatorname{tr}S$, so those orthogonal to
# the $v_j$ have $\operatorname{tr}S - \sum_js_j$ together, and $\operatorname{tr}(C^{-1}S) = \sum_j\frac{s_j}{\kappa_j} +
# \frac{1}{\sigma^2}\big(\operatorname{tr}S-\sum_js_j\big)$. In total
#
# $$F = \sum_{j\le d}\Big[\log\kappa_j + \frac{s_j}{\kappa_j} - \frac{s_j}{\sigma^2}\Big] + (D-d)\log\sigma^2 + \frac{\operatorname{tr}S}{\sigma^2}.$$
#
# *Step 2, the lengths.* For each $j$ choose $\kappa_j\ge\sigma^2$. The derivative $\frac1\kappa-\frac{s}{\kappa^2}$ is
# zero at $\kappa = s$ and positive beyond, so the best is $\kappa_j = \max(s_j,\sigma^2)$. Put in, the bracket becomes
#
# $$h(s) = \begin{cases}\log s + 1 - s/\sigma^2 & s\ge\sigma^2\\ \log\sigma^2 & s\le\sigma^2\end{cases}$$
#
# whose slope is $0$ up to $\sigma^2$ and then $\frac1s-\frac1{\sigma^2}$, which falls from $0$: $h$ is **concave and never
# rises**.
#
# *Step 3, the directions.* Expand $v_j$ in eigenvectors: $s_j = \sum_kP_{jk}\lambda_k$ with $P_{jk} = (v_j^\top u_k)^2$,
# whose rows add up to $\|v_j\|^2 = 1$. So $s_j$ is an average of the $\lambda_k$, and Jensen (every
# concave function lies below its tangents, so section 2 holds for $h$ word for word) gives $h(s_j)\ge\sum_kP_{jk}h(\lambda_k)$. Add over $j$: $\sum_jh(s_j)\ge\sum_kc_kh(\lambda_k)$ with $c_k =
# \sum_jP_{jk}$. These weights lie between $0$ and $\|u_k\|^2 = 1$ and add up to $d$. Since $h$ never rises, the sum is
# smallest with weight 1 on the $d$ largest eigenvalues: $\sum_jh(s_j)\ge\sum_{k\le d}h(\lambda_k)$, and $v_k = u_k$
# reaches it. *The best directions are the first $d$ principal components, whatever $\sigma^2$ is.*
#
# *Step 4, the noise.* If $\sigma^2\le\lambda_d$, what is left is $F = \sum_{k\le d}(\log\lambda_k+1) + (D-d)\log\sigma^2 +
# \frac1{\sigma^2}\sum_{k>d}\lambda_k$, with the derivative
# $\frac{1}{\sigma^4}\big[(D-d)\sigma^2-\sum_{k>d}\lambda_k\big]$: zero at the *mean of the discarded eigenvalues*,
# which is indeed at most $\lambda_d$. If $\sigma^2$ lies higher, only the first $m < d$ terms have
# $\lambda_k>\sigma^2$, and the derivative has the sign of $(D-m)\sigma^2-\sum_{k>m}\lambda_k \ge 0$: $F$ only rises
# there. Altogether ([Tipping & Bishop 1999](https://www.jstor.org/stable/2680726)):
#
# $$\boxed{\;\sigma^2_{\mathrm{ML}} = \frac{1}{D-d}\sum_{k>d}\lambda_k,\qquad
# W_{\mathrm{ML}} = U_d\,(\Lambda_d-\sigma^2_{\mathrm{ML}}I)^{1/2}R \quad\text{for any rotation } R\;}$$
#
# with $U_d$ the first $d$ eigenvectors, $\Lambda_d$ their eigenvalues. The rotation is not a detail: the data cannot
# say which directions of the code space are the "right" ones. Lesson 04 meets this again as the limit of
# *unsupervised disentanglement*.


# %%
def ppca(x, d):
    """Maximum-likelihood W (D, d), b (D,) and variance of probabilistic PCA for data x (N, D)."""
    b = x.mean(axis=0)
    eigenvalues, vectors = np.linalg.eigh(np.cov(x.T, bias=True))  # ascending
    eigenvalues, vectors = eigenvalues[::-1], vectors[:, ::-1]
    variance = eigenvalues[d:].mean()
    return vectors[:, :d] * np.sqrt(eigenvalues[:d] - variance), b, variance


SIZE, D, LATENT = 14, 14 * 14, 8
train = data.load_fashion("train")
small = images.to_float(images.resize(train.images[:5000], SIZE))  # (N, 14, 14, 1)
x_train = small.reshape(len(small), D)
x64 = x_train.astype(np.float64)
W_ml, b_ml, variance_ml = ppca(x64, LATENT)
best_evidence = log_evidence(x64, W_ml, b_ml, variance_ml).mean()
print(f"maximum likelihood: mean log p(x) = {best_evidence:.3f} nats per image, σ² = {variance_ml:.5f}")

S = np.cov(x64.T, bias=True)
eigenvalues, vectors = (values[..., ::-1] for values in np.linalg.eigh(S))


def mean_log_px(W, variance):
    """Mean log p(x) over the data, from F = log det C + tr(C⁻¹S), with b the mean of the data."""
    C = W @ W.T + variance * np.eye(D)
    return -0.5 * (D * np.log(2 * np.pi) + np.linalg.slogdet(C)[1] + np.trace(np.linalg.solve(C, S)))


assert np.isclose(mean_log_px(W_ml, variance_ml), best_evidence)
for _ in range(20):
    assert mean_log_px(W_ml + 0.02 * rng.standard_normal(W_ml.shape), variance_ml) < best_evidence
for factor in (0.9, 0.99, 1.01, 1.1):
    assert mean_log_px(W_ml, factor * variance_ml) < best_evidence
costs = []
for swapped in range(LATENT):  # the ninth direction in place of one of the eight
    chosen = [k for k in range(LATENT + 1) if k != swapped]
    left_out = np.delete(eigenvalues, chosen).mean()
    lengths = np.sqrt(np.maximum(eigenvalues[chosen] - left_out, 0))
    costs.append(best_evidence - mean_log_px(vectors[:, chosen] * lengths, left_out))
print("nats lost by taking the ninth direction in place of the first ... eighth:", np.round(costs, 1))
assert min(costs) > 0
turn = np.linalg.qr(rng.standard_normal((LATENT, LATENT)))[0]
assert np.isclose(mean_log_px(W_ml @ turn, variance_ml), best_evidence), "any rotation will do"

kept = np.arange(1, 31)
noise_for = np.array([eigenvalues[k:].mean() for k in kept])
figure, (left, right) = plots.canvas(9.6, 3.1, columns=2)
left.semilogy(kept, eigenvalues[:30], "o", color=BLUE, markersize=5, label="eigenvalues of S")
left.axvline(LATENT + 0.5, color=plots.GREY, linestyle=":", label=f"d = {LATENT}")
left.axhline(variance_ml, color=ORANGE, linestyle="--", label="mean of the discarded: $\\sigma^2$")
left.set(xlabel="principal component", ylabel="variance", title="What is kept, and what becomes noise")
left.legend(frameon=False, fontsize=9)
likelihoods = [
    mean_log_px(vectors[:, :k] * np.sqrt(eigenvalues[:k] - v), v) for k, v in zip(kept, noise_for, strict=True)
]
right.plot(kept, likelihoods, "-o", color=BLUE, markersize=4)
right.plot(LATENT, best_evidence, "s", color=ORANGE, markersize=9, label=f"d = {LATENT}")
right.set(
    xlabel="latent variables $d$", ylabel="mean log p(x) (nats)", title="Maximum likelihood for each d (training data)"
)
right.legend(frameon=False, fontsize=9)
figure.alt_text = (
    "Left: eigenvalues of the data's covariance, falling by a factor of over a hundred within thirty components; "
    "eight are kept, and a dashed line marks the mean of the others. Right: the best mean log p(x) rises with the number of latent variables."
)
figure

# %% [markdown]
# ### The model
#
# The decoder is $W$, $b$ and one $\log\sigma^2$; the encoder is linear, $\mu_\phi(x) = A^\top x + a$, with one variance
# per latent variable. Section 4 says that the exact posterior has this very form, except that its covariance need not be
# diagonal. `call` draws one reparameterised code for each picture, `compute_loss` is the negative ELBO: a *sum* over
# pixels plus a *sum* over latent variables, averaged over the batch. Everything else is Keras's `fit`.


# %%
class LinearVAE(keras.Model):
    """Decoder N(Wz + b, exp(logvar_x) I), encoder N(Aᵀx + a, diag exp(logvar_z)); x (N, D), z (N, d)."""

    def __init__(self, n_pixels, latent_dim, seed=0):
        super().__init__()
        small = keras.initializers.RandomNormal(0.01, seed=seed)
        self.W = self.add_weight(shape=(n_pixels, latent_dim), initializer=small, name="W")
        self.b = self.add_weight(shape=(n_pixels,), initializer="zeros", name="b")
        self.logvar_x = self.add_weight(shape=(), initializer="zeros", name="logvar_x")
        self.A = self.add_weight(shape=(n_pixels, latent_dim), initializer=small, name="A")
        self.a = self.add_weight(shape=(latent_dim,), initializer="zeros", name="a")
        self.logvar_z = self.add_weight(shape=(latent_dim,), initializer="zeros", name="logvar_z")
        self.noise = keras.random.SeedGenerator(seed)
        self.built = True  # all weights exist

    def call(self, x, training=False):
        mean = x @ self.A + self.a
        z = mean + tf.exp(self.logvar_z / 2) * keras.random.normal(tf.shape(mean), seed=self.noise)
        return z @ tf.transpose(self.W) + self.b, mean

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        output, mean = y_pred
        log_2pi = float(np.log(2 * np.pi))
        square = tf.reduce_sum(log_2pi + self.logvar_x + (x - output) ** 2 * tf.exp(-self.logvar_x), axis=1)
        kl = tf.reduce_sum(mean**2 + tf.exp(self.logvar_z) - self.logvar_z - 1, axis=1)
        return tf.reduce_mean(0.5 * square + 0.5 * kl)

    def exact(self, x):
        """Exact mean log p(x) and exact mean ELBO of images x (N, D), with no draw anywhere."""
        W, b, A, a = (v.numpy().astype(float) for v in (self.W, self.b, self.A, self.a))
        variance, cov = np.exp(float(self.logvar_x)), np.exp(self.logvar_z.numpy().astype(float))
        mean = x @ A + a
        r = x - b - mean @ W.T
        expected_square = np.sum(r**2, axis=1) + np.sum(W**2 @ cov)
        kl = divergences.kl_to_standard_normal(mean, np.broadcast_to(np.log(cov), mean.shape))
        elbo = -0.5 * len(b) * np.log(2 * np.pi * variance) - expected_square / (2 * variance) - kl
        return log_evidence(x, W, b, variance).mean(), elbo.mean()


class ExactCurve(keras.callbacks.Callback):
    """Record the exact log p(x) and the exact ELBO of some images at the end of each epoch."""

    def __init__(self, x):
        super().__init__()
        self.x, self.values = x, []

    def on_train_begin(self, logs=None):
        self.values.append(self.model.exact(self.x))

    def on_epoch_end(self, epoch, logs=None):
        self.values.append(self.model.exact(self.x))


EPOCHS, BATCH = runtime.pick(cpu=60, gpu=120), 250
linear = LinearVAE(D, LATENT, seed=SEED)
steps = EPOCHS * len(x_train) // BATCH
linear.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.02, steps)))
follow = ExactCurve(x64)
history = linear.fit(x_train, batch_size=BATCH, epochs=EPOCHS, callbacks=[follow], verbose=0).history
evidence_curve, elbo_curve = np.array(follow.values).T
assert np.all(elbo_curve <= evidence_curve), "a bound is a bound, at every epoch"
assert np.all(evidence_curve <= best_evidence + 1e-6), "and nothing beats maximum likelihood"
print(
    f"log p(x): start {evidence_curve[0]:.1f}, end {evidence_curve[-1]:.2f}; maximum {best_evidence:.2f} nats per image"
)
print(
    f"gap of the bound: after the first epoch {evidence_curve[1] - elbo_curve[1]:.2f}, end {evidence_curve[-1] - elbo_curve[-1]:.3f} nats"
)
assert best_evidence - evidence_curve[-1] < 2
assert evidence_curve[-1] - elbo_curve[-1] < 1.5

# %%
figure, (left, right) = plots.canvas(9.8, 3.6, columns=2)
epochs = np.arange(len(elbo_curve))
for axes in (left, right):
    axes.axhline(best_evidence, color=GREEN, linestyle=":", linewidth=2, label="maximum likelihood (PCA)")
    axes.plot(epochs, evidence_curve, color=BLACK, linewidth=2.2, label="exact log p(x)")
    axes.plot(epochs, elbo_curve, "--", color=BLUE, linewidth=2, label="ELBO")
    axes.fill_between(epochs, elbo_curve, evidence_curve, color=BROWN, alpha=0.45, label="gap: KL(q ‖ posterior)")
    axes.set(xlabel="epoch", ylabel="nats per image")
left.set_title("The ELBO climbs under log p(x)")
left.legend(frameon=False, fontsize=9, loc="lower right")
half = len(epochs) // 4
right.set(
    xlim=(half, len(epochs) - 1),
    ylim=(elbo_curve[half] - 0.5, best_evidence + 1),
    title="The last three quarters, enlarged",
)
figure.alt_text = (
    "Exact log p(x) and the ELBO just below it, against epochs: both climb steeply and then level off below the dotted "
    "line of maximum likelihood. Enlarged, the shaded gap between them narrows."
)
figure

# %% [markdown]
# The black line is the model's quality, the blue one what training sees. Both rise, and the gap closes: at its end $q$
# is nearly the posterior. This is the situation of every VAE, except that elsewhere the black line is invisible.
#
# ### Is it PCA?
#
# Compare the space that the eight columns of the learned $W$ span with the first eight principal components. Two
# subspaces differ by their **principal angles**: the smallest angle between a vector of one and a vector of the other,
# then the smallest orthogonal to those, and so on; all are 0 exactly when the spaces are equal.

# %%
W, b, A, a = (v.numpy().astype(float) for v in (linear.W, linear.b, linear.A, linear.a))
variance, cov = np.exp(float(linear.logvar_x)), np.exp(linear.logvar_z.numpy().astype(float))
angles = np.degrees(subspace_angles(W, W_ml))
chance = np.degrees(subspace_angles(rng.standard_normal(W.shape), W_ml))
print(f"principal angles to the PCA space: {np.array2string(np.sort(angles), precision=2)} degrees")
print(f"of a random space:                 {np.array2string(np.sort(chance), precision=0)} degrees")
print(f"learned σ² {variance:.4f}, mean of the discarded eigenvalues {variance_ml:.4f}")
assert angles.max() < 10 < chance.min()
assert np.isclose(variance, variance_ml, rtol=0.05)

single = np.abs((W / np.linalg.norm(W, axis=0)).T @ (W_ml / np.linalg.norm(W_ml, axis=0)))  # |cosines|, (learned, PCA)
figure, (left, right) = plots.canvas(9.6, 3.6, columns=2, width_ratios=[1, 1.25])
picture = left.imshow(single, cmap="cividis", vmin=0, vmax=1)
left.grid(False)
left.set(xlabel="principal component", ylabel="column of the learned $W$", title="|cosine| of single directions")
left.set_xticks(range(LATENT), range(1, LATENT + 1))
left.set_yticks(range(LATENT), range(1, LATENT + 1))
figure.colorbar(picture, ax=left)
u, _, vt = np.linalg.svd(W.T @ W_ml)  # the rotation u @ vt brings W closest to W_ml (orthogonal Procrustes)
rows = [W_ml.T, W.T, (W @ u @ vt).T]
tiles = np.concatenate([row / np.abs(row).max(axis=1, keepdims=True) for row in rows]).reshape(-1, SIZE, SIZE, 1)
right.imshow(images.tile(images.to_uint8(tiles), columns=LATENT)[..., 0], cmap="gray", interpolation="nearest")
right.grid(False)
right.set(xticks=[], title="Directions as pictures")
right.set_yticks([7, 23, 39], ["PCA", "learned", "learned,\nrotated to fit"])
right.tick_params(length=0)
figure.alt_text = (
    "Left: cosines between single learned columns and single principal components, a mixture without a pattern. Right: "
    "principal components as pictures, the learned columns, which look different, and the learned ones rotated, which "
    "match the principal components."
)
figure

# %% [markdown]
# The *space* is that of PCA to within a few degrees. The *single* columns are mixtures: maximum likelihood does not
# care ($R$ in the theorem). Only after the best rotation do the pictures agree.
#
# ### What does the encoder cost here?
#
# The posterior's precision $\Lambda = I + W^\top W/\sigma^2$ is diagonal only if the columns of $W$ are orthogonal. What
# does a *diagonal* $q$ lose? With the right mean, $\mathrm{KL} = \frac12[\operatorname{tr}(\Lambda S) - d - \log\det\Lambda -
# \log\det S]$, where $\operatorname{tr}(\Lambda S) = \sum_j\Lambda_{jj}S_{jj}$ for a diagonal $S$. The derivative by $S_{jj}$,
# $\frac12(\Lambda_{jj} - 1/S_{jj})$, is zero at $S_{jj} = 1/\Lambda_{jj}$, which leaves
#
# $$\boxed{\;\text{approximation gap} = \tfrac12\Big[\sum_j\log\Lambda_{jj} - \log\det\Lambda\Big] \ge 0\;}$$
#
# It is zero exactly for orthogonal columns. So among all rotations $R$, equal in likelihood, the ELBO with a diagonal
# $q$ prefers the ones that give back the single principal components (up to order and sign, if the eigenvalues differ):
# [Lucas et al. 2019](https://arxiv.org/abs/1911.02469). The preference is weak, and training follows it last
# ([Bao et al. 2020](https://arxiv.org/abs/2007.06731)). What is left of the gap, we can now say by name:


# %%
def diagonal_gap(precision):
    """KL of the best diagonal Gaussian to a Gaussian with this precision (d, d) and the same mean, in nats."""
    return 0.5 * (np.sum(np.log(np.diag(precision))) - np.linalg.slogdet(precision)[1])


m, precision = exact_posterior(x64, W, b, variance)
total = evidence_curve[-1] - elbo_curve[-1]
approximation = diagonal_gap(precision)
best_diagonal = exact_elbo(x64[:200], W, b, variance, m[:200], np.diag(1 / np.diag(precision)))
by_elbo = log_evidence(x64[:200], W, b, variance) - best_diagonal
assert np.allclose(by_elbo, approximation, atol=1e-8), "the formula, against the ELBO of the best diagonal q"
means, covariance = x64[:200] @ A + a, np.linalg.inv(precision)
posterior_kl = np.array([kl_full(each, np.diag(cov), m[i], covariance) for i, each in enumerate(means)])
gaps = log_evidence(x64[:200], W, b, variance) - exact_elbo(x64[:200], W, b, variance, means, np.diag(cov))
print(f"200 images: mean gap {gaps.mean():.6f}, mean KL(q ‖ posterior) {posterior_kl.mean():.6f} nats")
assert np.allclose(gaps, posterior_kl, atol=1e-8), "the gap of the trained model is its posterior KL, image by image"
print(
    f"gap {total:.4f} = approximation (diagonal family) {approximation:.4f} + amortisation (linear encoder) {total - approximation:.4f} nats"
)
assert total - approximation > -1e-6

degrees = np.linspace(0, 90, 91)
bounds = []
for angle in np.radians(degrees):
    R = np.eye(LATENT)
    R[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]  # turns the first two codes
    bounds.append(best_evidence - diagonal_gap(exact_posterior(x64[:1], W_ml @ R, b_ml, variance_ml)[1]))
figure, axes = plots.canvas(8.2, 3.1)
axes.axhline(best_evidence, color=BLACK, linewidth=2.2, label="log p(x): the same for every rotation")
axes.plot(degrees, bounds, "--", color=BLUE, linewidth=2, label="ELBO of the best diagonal q")
axes.fill_between(degrees, bounds, best_evidence, color=BROWN, alpha=0.45)
axes.set(xlabel="rotation of the first two codes (degrees)", ylabel="nats per image", xticks=range(0, 91, 15))
axes.set_title("The likelihood is blind to rotations, the bound is not")
axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))
figure.alt_text = (
    "Log p(x) is a flat line over the rotation angle of two codes; the ELBO with the best diagonal q touches it at 0 "
    "and 90 degrees, where the columns are principal components, and sags between."
)
figure

# %% [markdown]
# ### What it draws
#
# Reconstructions, and new pictures from codes drawn from the prior. Eight numbers and a linear decoder: the garments
# are averages with soft edges, and a sample may be part shirt, part shoe. The bound is tight and the fit is the best that
# *this model* allows; the model is what is poor. A decoder with layers, lesson 03, spends its effort there.

# %%
codes_drawn = rng.standard_normal((12, LATENT))
shown = {
    "image": x64[:12],
    "reconstruction": m[:12] @ W.T + b,
    "sample": codes_drawn @ W.T + b,
}
plots.side_by_side(
    {name: images.to_uint8(np.clip(rows, -1, 1)).reshape(-1, SIZE, SIZE, 1) for name, rows in shown.items()},
    size=0.75,
    alt="Twelve garments of 14 by 14 pixels, their reconstructions, recognisable and soft, and twelve blurred samples.",
)

# %% [markdown]
# ## 9 · What goes wrong, and how to read it
#
# | you see | it means | do |
# |---|---|---|
# | the "ELBO" lies above log p(x) of a model where you know it | not a bound any more: KL averaged over the latent axis, a missing ½, probabilities above 1 | check the KL term against Monte Carlo, section 3 |
# | the loss is plausible, reconstructions do not depend on the image | the draw is cut from the encoder | gradients of the reconstruction term by the encoder's weights: are they there? |
# | the gap stays large while log p(x) rises | a weak encoder, or a family that does not fit | the split of section 7 |
# | the gap is zero and log p(x) is poor | $q$ = prior = posterior: the decoder ignores $z$ | lesson 03, posterior collapse |
# | `-inf` or NaN in a bound with many draws | weights left the logarithm | take out the largest, section 6 |
# | a bound with many draws that jumps between runs | few weights do all the work | effective sample size |
#
# ### Try this
#
# 1. In section 6 put `q_std = 0.2`, less than half the posterior's variance. $\chi^2$ is infinite now (the grid hides
#    it). What becomes of the right-hand picture and of the effective sample size?
# 2. In `climb`, give the score function 16 draws per step in place of one. How many would it need to keep up?
# 3. Set `LATENT = 9`: the ninth and tenth eigenvalues are close. Which principal angle suffers, and why does $\log p(x)$
#    hardly notice?
# 4. In `LinearVAE.call`, put `tf.stop_gradient` around `z`. Predict both curves of the big picture first.
#
# ## Summary
#
# - $\log p_\theta(x) = \mathrm{ELBO} + \mathrm{KL}(q\|p_\theta(z|x))$, exactly; $\mathrm{ELBO} = \mathbb
#   E_q[\log p_\theta(x|z)] - \mathrm{KL}(q\|p(z))$. Over $q$ it closes the gap, over $\theta$ it lifts the line.
# - $\mathrm{KL}(q\|p) = \log\frac{\sigma_p}{\sigma_q} + \frac{\sigma_q^2+(\mu_q-\mu_p)^2}{2\sigma_p^2} - \frac12$, summed over
#   coordinates.
# - Score function: $\mathbb E[f\,\nabla\log q]$, for any $f$, with a variance that grows with the dimension; a baseline
#   $\mathbb E[fs^2]/\mathbb E[s^2]$ helps. Reparameterised: $\mathbb E[f'(\mu+\sigma\varepsilon)]$, for a differentiable $f$.
# - $\mathcal L_1\le\mathcal L_2\le\dots\le\log p_\theta(x)$, gap about $\chi^2/2k$, computed by log-sum-exp.
# - Gap = approximation (the family) + amortisation (the encoder).
# - A linear VAE ends at $W = U_d(\Lambda_d-\sigma^2I)^{1/2}R$: the span of PCA, with a rotation that the data do not fix.
#
# ## References
#
# - Kingma & Welling (2013), *Auto-Encoding Variational Bayes*, [arXiv:1312.6114](https://arxiv.org/abs/1312.6114)
# - Rezende, Mohamed & Wierstra (2014), *Stochastic Backpropagation*, [arXiv:1401.4082](https://arxiv.org/abs/1401.4082)
# - Williams (1992), *Simple statistical gradient-following algorithms*, [doi:10.1007/BF00992696](https://doi.org/10.1007/BF00992696)
# - Mohamed et al. (2019), *Monte Carlo Gradient Estimation in Machine Learning*, [arXiv:1906.10652](https://arxiv.org/abs/1906.10652)
# - Roeder, Wu & Duvenaud (2017), *Sticking the Landing*, [arXiv:1703.09194](https://arxiv.org/abs/1703.09194)
# - Burda, Grosse & Salakhutdinov (2015), *Importance Weighted Autoencoders*, [arXiv:1509.00519](https://arxiv.org/abs/1509.00519)
# - Cremer, Li & Duvenaud (2018), *Inference Suboptimality in Variational Autoencoders*, [arXiv:1801.03558](https://arxiv.org/abs/1801.03558)
# - Tipping & Bishop (1999), *Probabilistic Principal Component Analysis*, [JRSS B 61(3)](https://www.jstor.org/stable/2680726)
# - Lucas, Tucker, Grosse & Norouzi (2019), *Don't Blame the ELBO!*, [arXiv:1911.02469](https://arxiv.org/abs/1911.02469)
# - Bao, Lucas, Sachdeva & Grosse (2020), *Regularized linear autoencoders recover the principal components, eventually*,
#   [arXiv:2007.06731](https://arxiv.org/abs/2007.06731)
#
# **Next:** the exercises of this lesson, `exercises/02_variational_inference.ipynb`; then lesson 03, *Building a VAE*,
# where the decoder gets layers and the loss its units.
#
# ---
# *Text and figures: CC BY 4.0. Code: Apache-2.0. Data and weights: see `DATA.md`.*
