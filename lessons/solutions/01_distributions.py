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
# Stuck? Each task has two hints and a worked idea, folded below its statement: open them one at a time.
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

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 6 of the lesson draws from the full Gaussian, its model (b): noise is stretched, turned and moved. Look for the matrix that does the stretching and turning.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# If $\varepsilon\sim\mathcal N(0,I)$, then $A\varepsilon$ has the covariance $AA^\top$. So the matrix you need is a *root* of $\Sigma$ and not $\Sigma$ itself. And here each draw is a row, so that the matrix stands to the right of the noise.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Let $L$ be the triangle of Cholesky, $LL^\top=\Sigma$. One draw as a column is $\mu+L\varepsilon$; written as a row, it is $\mu^\top+\varepsilon^\top L^\top$, and one matrix product does this for all rows of the noise at once. On the worked number $L=2$, so $1+2\cdot0.5=2$.
#
# </details>


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

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 5 of the lesson, “It is never negative”: KL is a mean under $p$. What does each of the two awkward outcomes *contribute* to that mean?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# An outcome with $p_i=0$ contributes 0, because $t\ln t\to0$; NumPy would make NaN of it, so leave it out before any logarithm. An outcome with $p_i>0=q_i$ contributes $+\infty$, and that must survive.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Choose the entries with $p_i>0$ from both arrays with one Boolean mask, and sum $p_i\ln(p_i/q_i)$ over these alone. Where $q_i=0$ the quotient is infinite, its logarithm too, and so is the sum: nothing more to do than to silence the warning. On the worked number only the first outcome is left, $1\cdot\ln\frac1{0.5}=\ln2$.
#
# </details>


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

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 5 of the lesson, “The best Gaussian is the one with the data's mean and covariance”: so all that is left is to find mean and variance of a mixture.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# An expectation under a mixture is the weighted mean of the expectations under its parts. This holds for $x$ and for $x^2$, but not for standard deviations. For one part, $\mathbb E\,x^2=\sigma_k^2+\mu_k^2$.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# First $m=\sum_kw_k\mu_k$, then $\mathbb E\,x^2=\sum_kw_k(\sigma_k^2+\mu_k^2)$; the variance is the second less $m^2$, and its root is asked for. On the worked number $m=0$ and $\mathbb E\,x^2=\frac12\cdot1+\frac12\cdot1=1$: the needles have no width, but their mixture has.
#
# </details>


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

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 8 of the lesson, “Forward KL covers, reverse KL seeks”: under which density is the mean of the reverse KL taken, and what can $q$ therefore not see from where it sits?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# $q$ pays where *it* has mass and $p$ has little. Following a slope, it leaves a valley only when the valley is gone. So ask twice: is there a valley on the right bump while the bumps are far apart? And once they have met?
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Begin with the two ends of the film. At the start $p$ is tiny between the bumps: a step to the left costs more than it brings, so $q$ sits still on the right bump. At the end both bumps are at 0, $p$ is one Gaussian there, and the only minimum is $q=p$. Somewhere on the way the right-hand valley must open towards the middle. Which of the four stories has this beginning and this end, with one hump throughout?
#
# </details>

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

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 8 of the lesson, “Wasserstein: how far must the mass travel?”: on a line, who should travel to whom?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Paths that cross never pay, so the smallest goes to the smallest, the second to the second. Each of the $n$ points carries the mass $1/n$, and $W_1$ pays for distances, not for their squares.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Put both samples in order, take the absolute difference place by place, and average. On the worked number $[0,1]$ meets $[2,3]$: the differences are 2 and 2, their mean is 2. (If the mean came before the absolute value, only the distance of the two centres would be left.)
#
# </details>


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

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 4 of the lesson, “Grey values are whole numbers: dequantisation”. Two units change here: that of $x$, inside the density, and that of the logarithm.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Each of the $D$ values brings a factor $1/a$, so that $\ln p_u=\ln p_x-D\ln a$ for a picture, with $D$ = height × width × channels. One bit is $\ln2$ nats, and a price is the *negative* logarithm.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Find $D$; take $D\ln a$ off each log-likelihood; average over the pictures; change the sign; divide by $D\ln2$. On the worked number: $-(0-784\ln127.5)/(784\ln2)=\log_2127.5$. A test of the direction: a grey level is a small part of the unit of $x$, so that the density per level is smaller, and bits go up.
#
# </details>


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

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Compare with the sampler of section 6, model (b), and ask of each array in the listing: is its unit grey levels, or *squared* grey levels?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The pictures look almost right, so the directions are right. Too much contrast means that the lengths are wrong: which line decides how far a picture goes along each direction?
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Along an eigenvector the data scatter with variance $\lambda$, so noise with standard deviation 1 has to be stretched by a *standard deviation*. Follow the units: the mean is in grey levels, so everything added to it must be, too; the covariance is in squared grey levels, and so are its eigenvalues. Which line carries the square into the picture?
#
# </details>

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

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Sections 6 and 7 of the lesson show samples of all four models and why each fails. Look for two things: *grain* (single pixels that disagree with their neighbours) and *clouds* (several garments laid over each other).
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Which model knows nothing about neighbours? Which one cannot draw fine detail, having too few directions? Which one first chooses a kind of garment and only then draws?
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Work by exclusion. The sheet without a single smooth area belongs to a. The sheet on which you can name the kind of every garment belongs to the model that chooses a kind, d. Two sheets with clouds remain: the one without any grain was drawn with few directions, b; the other has all 784, c.
#
# </details>

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

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 6 of the lesson has the coordinates along the eigenvectors, section 7 names probabilistic PCA. One eigendecomposition, of the covariance of `few`, serves every $k$.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `np.linalg.eigh` sorts upwards, so turn values and vectors round. Use the mean and the eigenvectors of `few` for *both* sets. Keep all 784 coordinates: for a given $k$, only the variances after the $k$-th are replaced by their mean $\sigma^2$.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Once: the squared coordinates $c_j^2$ of each set, an array `(1500, 784)`. For each $k$: the vector $v=(\lambda_1,\dots,\lambda_k,\sigma^2,\dots,\sigma^2)$; then, for each picture, the sum over $j$ from the statement; the mean over pictures; and, because this is nats for a whole picture, a change of sign and a division by $784\ln2$. As a guard, at $k=10$ both numbers should be about 7.4.
#
# </details>

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
