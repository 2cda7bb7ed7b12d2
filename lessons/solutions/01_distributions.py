# %% [markdown]
# # Exercises 01 · What is a distribution of images?
#
# Six tasks, 60 to 90 minutes: from one line to a small experiment. They belong to
# `notebooks/01_distributions.ipynb`.
#
# Replace each `raise NotImplementedError(...)` by your solution and run the cell below it. A check either says
# `Passed`, or says what it called, what it expected and what came back, with a hint if it recognises the mistake.
# Checks test *properties* on cases of their own, so any correct solution passes.
#
# Natural logarithms and nats, unless a task says bits.

# %%
import numpy as np

from course_lib import checks, data, divergences, plots, runtime

runtime.setup(0)

# %% [markdown]
# ## Task 1 · Draw from any Gaussian
#
# Turn standard normal noise into draws from $\mathcal N(\mu, \Sigma)$. You may use any matrix $A$ with $AA^\top = \Sigma$, for
# instance that of Cholesky (`np.linalg.cholesky`) or the eigenvectors with the roots of the eigenvalues (`np.linalg.eigh`). Take care which side it multiplies: each *row* of `noise` is one draw.
#
# - `mean`: `(d,)`; `cov`: `(d, d)`, symmetric and positive definite; `noise`: `(n, d)`, standard normal
# - returns: `(n, d)`, one draw for each row
# - worked number: `mean = [1]`, `cov = [[4]]`, `noise = [[0.5]]` give `[[2.0]]`


# %%
def sample_gaussian(mean, cov, noise):
    """Draws from N(mean, cov), made from standard normal noise: (d,), (d, d), (n, d) -> (n, d)."""
    ### BEGIN SOLUTION
    root = np.linalg.cholesky(cov)
    return mean + noise @ root.T  # row by row: (A ε)ᵀ = εᵀ Aᵀ
    ### END SOLUTION


# %%
checks.sample_gaussian(sample_gaussian)

# %% [markdown]
# ## Task 2 · The price of a wrong belief
#
# **2a.** Write $\mathrm{KL}(p\|q) = \sum_i p_i\ln\frac{p_i}{q_i}$ for two tables of probabilities. Two cases need a thought: $p_i = 0$, and $p_i > 0$ with $q_i = 0$.
#
# - `p`, `q`: arrays `(n,)` with sum 1
# - returns: a number of nats, at least 0, possibly `np.inf`
# - worked number: `p = [1, 0]`, `q = [0.5, 0.5]` give $\ln 2 = 0.6931$


# %%
def kl_of_tables(p, q):
    """KL(p ‖ q) in nats: (n,), (n,) -> number."""
    ### BEGIN SOLUTION
    happens = p > 0
    with np.errstate(divide="ignore"):
        return np.sum(p[happens] * np.log(p[happens] / q[happens]))
    ### END SOLUTION


# %%
checks.kl_of_tables(kl_of_tables)

# %% [markdown]
# **2b.** Forward KL, $\mathrm{KL}(p\|q)$, over all Gaussians $q$ is least where mean and variance agree with those of $p$. Let $p$ be a mixture of Gaussians. Return mean and *standard deviation* of the best $q$.
#
# - `weights` (sum 1), `means`, `stds`: arrays `(k,)`
# - returns: a pair of numbers
# - worked number: two needles (`stds = [0, 0]`) at $\pm 1$ with equal weights give `(0.0, 1.0)`


# %%
def moment_match(weights, means, stds):
    """Mean and standard deviation of the Gaussian q with the least KL(mixture ‖ q)."""
    ### BEGIN SOLUTION
    mean = np.sum(weights * means)
    second = np.sum(weights * (stds**2 + means**2))  # E x² of each part is its variance plus its squared mean
    return mean, np.sqrt(second - mean**2)
    ### END SOLUTION


# %%
checks.moment_match(moment_match)

# %% [markdown]
# **2c. Predict before you run.** Two equal bumps of width 0.7 stand at $\pm 3$, and $q$ is the Gaussian that minimises the *reverse* KL, found by following the slope from a start near the right bump. Now the two bumps wander slowly towards each other until they meet at 0, and $q$ follows the minimum that it sits in. What will $q$ do?
#
# - **a** It jumps to and fro between the bumps, because both are equally good.
# - **b** It stands at 0 from the beginning and grows narrower.
# - **c** It stays on the right bump, then lets go within a short distance: it moves to the middle and widens over both.
# - **d** It splits and covers both bumps with one hump each.

# %%
### BEGIN SOLUTION
prediction = "c"
### END SOLUTION
prediction

# %%
checks.reverse_prediction(prediction)

# %% [markdown]
# Now let the computer follow it. This cell needs nothing from you; compare it with your prediction.

# %%
line = np.linspace(-16, 16, 1601)


def normal(x, mean, std):
    return np.exp(-0.5 * ((x - mean) / std) ** 2) / (std * np.sqrt(2 * np.pi))


place, log_std, track = 3.0, np.log(0.7), []
for half in np.arange(3.0, -0.01, -0.25):
    p = 0.5 * normal(line, -half, 0.7) + 0.5 * normal(line, half, 0.7)

    def cost(m, s, p=p):
        return divergences.kl_densities(line, normal(line, m, np.exp(s)), p)

    for _ in range(60):  # gradient descent with differences
        slopes = [
            (cost(place + h, log_std + k) - cost(place - h, log_std - k)) / 2e-4 for h, k in ((1e-4, 0), (0, 1e-4))
        ]
        place, log_std = place - 0.15 * slopes[0], log_std - 0.15 * slopes[1]
    track.append((half, place, np.exp(log_std)))
half, place_of_q, width_of_q = np.array(track).T
plots.curves(
    {"right bump": (half, half), "centre of q": (half, place_of_q), "width of q": (half, width_of_q)},
    xlabel="half the distance of the bumps",
    ylabel="place or width",
    title="Where the reverse KL goes while the bumps approach (read from right to left)",
    alt="From right to left: the centre of q follows the right bump until they nearly meet, then falls to 0 while the width of q swells and shrinks again.",
)

# %% [markdown]
# ## Task 3 · The Wasserstein distance by sorting
#
# Return $W_1$ of two samples of equal size.
#
# - `x`, `y`: arrays `(n,)`, in any order
# - returns: a number, at least 0
# - worked number: `x = [0, 1]`, `y = [3, 2]` give `2.0`


# %%
def sorted_transport(x, y):
    """W₁ of two samples of equal size: (n,), (n,) -> number."""
    ### BEGIN SOLUTION
    return np.mean(np.abs(np.sort(x) - np.sort(y)))
    ### END SOLUTION


# %%
checks.sorted_transport(sorted_transport)

# %% [markdown]
# ## Task 4 · Whose nats?
#
# A paper reports “a log-likelihood of +900 nats per picture” for pictures of 28 × 28 scaled to $[-1, 1]$, another “6.4 bits per pixel”. Which is better? Write the conversion.
#
# A value $x$ and a grey value $u$ are tied by $u = a\,x + b$, where $a$ is `levels_per_unit`: how many grey levels one unit of $x$ holds. For $[-1, 1]$ that is 127.5. Densities change with the unit: $p_u(u) = p_x(x) / a$ for one value, and a picture has $D$ of them. Use this, then go from nats to bits and from the picture to one value.
#
# - `log_likelihood`: `(N,)`, $\ln p_x(x)$ of N pictures in nats, in units of $x$
# - `shape`: `(height, width, channels)`; every channel counts as a value
# - returns: a number, the mean bits per value, in units of one grey level
# - worked number: log-likelihood 0, shape `(28, 28, 1)`, 127.5 levels: $\log_2 127.5 = 6.9944$


# %%
def bits_of_a_pixel(log_likelihood, shape, levels_per_unit):
    """Mean bits per value of a picture, in units of one grey level: (N,), (H, W, C), number -> number."""
    ### BEGIN SOLUTION
    values = np.prod(shape)
    in_grey_levels = log_likelihood - values * np.log(levels_per_unit)
    return -np.mean(in_grey_levels) / (values * np.log(2))
    ### END SOLUTION


# %%
checks.bits_of_a_pixel(bits_of_a_pixel)
print(f"the first paper: {bits_of_a_pixel(np.array([900.0]), (28, 28, 1), 127.5):.2f} bits per pixel; the second: 6.40")

# %% [markdown] tags=["solution"]
# The first paper is better, 5.34 bits against 6.40: but only if both dequantised, and both scored held-out pictures. A number of nats without its unit says nothing.

# %% [markdown]
# ## Task 5 · Judgement
#
# **5a. Find the bug.** This sampler has been copied many times. Its pictures look *almost* like those of the lesson, with far too much contrast. Which line is wrong? `x` holds 60,000 pictures as rows, `(60000, 784)`.
#
# ```python
# 1  mean = x.mean(axis=0)
# 2  cov = np.cov(x, rowvar=False)
# 3  values, vectors = np.linalg.eigh(cov)
# 4  noise = rng.standard_normal((16, k)) * values[-k:]
# 5  directions = vectors[:, -k:]
# 6  pictures = mean + noise @ directions.T
# ```

# %%
### BEGIN SOLUTION
bug = 4
### END SOLUTION
bug

# %%
checks.sampler_bug(bug)

# %% [markdown] tags=["solution"]
# An eigenvalue is a *variance*; noise is scaled by the standard deviation, `np.sqrt(values[-k:])`. The first eigenvalue of Fashion-MNIST is about a million (in squared grey levels), its root about a thousand.

# %% [markdown]
# **5b. Who drew this?** The next cell fits four models of the lesson to 12,000 garments, lets each draw eight pictures, and shows the sheets in an order that it does not tell.
#
# - **a** independent pixels; **b** PCA with 50 components; **c** the full Gaussian; **d** the mixture of ten Gaussians
#
# Look first, write down *why*, then answer with a dictionary `{1: ..., 2: ..., 3: ..., 4: ...}`.

# %%
train, test = data.load_fashion("train"), data.load_fashion("test")
rng = np.random.default_rng(5)
x = train.images[:12_000].reshape(-1, 784) + rng.random((12_000, 784))
labels = np.asarray(train.labels[:12_000])


def drawn(points, n):
    """n draws from the Gaussian with the mean and covariance of the points, without ever forming that covariance."""
    centred = points - points.mean(axis=0)
    weights = rng.standard_normal((n, len(points))) / np.sqrt(len(points))
    return points.mean(axis=0) + weights @ centred  # covariance: centredᵀ · centred / number of points


mean, cov = x.mean(axis=0), np.cov(x, rowvar=False, bias=True)
values, vectors = np.linalg.eigh(cov)
kinds = rng.choice(10, 8, replace=False)
sheets = [
    mean + np.sqrt(np.diag(cov)) * rng.standard_normal((8, 784)),
    mean + (rng.standard_normal((8, 50)) * np.sqrt(values[-50:])) @ vectors[:, -50:].T,
    drawn(x, 8),
    np.concatenate([drawn(x[labels == c], 1) for c in kinds]),
]
sheets = [sheets[k] for k in np.random.default_rng(12).permutation(4)]
plots.side_by_side(
    {f"sheet {k}": np.rint(s).clip(0, 255).astype(np.uint8).reshape(-1, 28, 28, 1) for k, s in enumerate(sheets, 1)},
    alt="Four rows of eight pictures, each row drawn by one of the four models.",
)

# %%
### BEGIN SOLUTION
drawn_by = {1: "b", 2: "c", 3: "d", 4: "a"}
### END SOLUTION
drawn_by

# %%
checks.which_model(drawn_by)

# %% [markdown]
# ## Task 6 · Design an experiment: how many components?
#
# *Probabilistic PCA* keeps $k$ components with their variances and gives all other directions the same variance $\sigma^2$, the mean of the eigenvalues that are left out. It is a Gaussian whose covariance has the eigenvectors of $S$ and the variances
# $(\lambda_1, \dots, \lambda_k, \sigma^2, \dots, \sigma^2)$, so in the coordinates $c = U^\top(x - \hat\mu)$ its log-density is a sum over independent Gaussians:
#
# $$\ln p(x) = -\tfrac12\sum_{j=1}^{784}\Big(\ln(2\pi v_j) + \frac{c_j^2}{v_j}\Big).$$
#
# Fit it to only 1,500 garments and score it on these and on 1,500 others, for at least five $k$, from at most 20 to at least 500. Before you run: which of the two curves must fall, and which one turns?
#
# - returns: a dictionary `k -> (bits on training pictures, bits on held-out pictures)`, bits per pixel. The grey values below are dequantised and in units of one level, so there is nothing to convert.
# - worked number: at $k = 10$ both are about 7.4

# %%
few = train.images[:1500].reshape(-1, 784) + rng.random((1500, 784))
others = test.images[:1500].reshape(-1, 784) + rng.random((1500, 784))


def component_study(few, others, ks):
    """k -> (bits per pixel on the pictures of the fit, bits per pixel on the others)."""
    ### BEGIN SOLUTION
    mean = few.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(few, rowvar=False, bias=True))
    values, vectors = values[::-1], vectors[:, ::-1]
    squares = [((x - mean) @ vectors) ** 2 for x in (few, others)]  # of the coordinates along the eigenvectors
    results = {}
    for k in ks:
        variances = np.concatenate([values[:k], np.full(784 - k, values[k:].mean())])
        logs = [-0.5 * (np.log(2 * np.pi * variances) + square / variances).sum(axis=1) for square in squares]
        results[k] = tuple(float(-log.mean() / (784 * np.log(2))) for log in logs)
    return results
    ### END SOLUTION


### BEGIN SOLUTION
bits = component_study(few, others, [5, 10, 30, 60, 100, 200, 300, 400, 500, 600])
### END SOLUTION
bits

# %%
checks.component_study(bits)
plots.curves(
    {
        "pictures of the fit": (list(bits), [pair[0] for pair in bits.values()]),
        "other pictures": (list(bits), [pair[1] for pair in bits.values()]),
    },
    xlabel="components k",
    ylabel="bits per pixel",
    title="More components always help on the pictures of the fit",
)

# %% [markdown] tags=["solution"]
# On the pictures of the fit each component can only help: the family of models grows with $k$, and maximum likelihood takes the best of a larger family. On other pictures the price turns at about 200: the later components describe chance of these 1,500 pictures.
# And yet no $k$ gives good *samples*. Overfitting is one fault; being a Gaussian is another.
