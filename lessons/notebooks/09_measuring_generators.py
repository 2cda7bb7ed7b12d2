# %% [markdown]
# # 09 · Measuring generators
#
# **After this lesson you can**
#
# - derive and compute the Fréchet distance, the kernel distance, precision and recall, density and coverage, and say what each of them sees;
# - say how far each number is off for lack of samples (its bias) and how much it scatters (its variance), and extrapolate to infinitely many;
# - fool every one of them, and so never trust a number alone;
# - tell a generator that has learned from one that has memorised;
# - answer “GAN or VAE?” with a table that was measured on the same number of samples in the same features.
#
# **Time.** Reading 40 minutes. Running all cells: about 60 seconds on two CPU cores. On a GPU its time has not been measured yet.
#
# **Builds on** lesson 08 (transport plans) and lesson 07 (collapse); the models come from lessons 01, 03 and 06.
#
# **Exercises:** `exercises/09_measuring_generators.ipynb`, 60 to 90 minutes.
#
# **Words:** [Glossary](../docs/glossary.md) of the field's terms, English and Chinese.

# %%
from course_lib import placement

placement.before("09")

# %%
import itertools
import time
import warnings

import keras
import numpy as np
import tensorflow as tf
from IPython.display import Markdown
from matplotlib.patches import Circle
from scipy import linalg, stats
from scipy.ndimage import gaussian_filter
from scipy.spatial.distance import cdist

from course_lib import data, divergences, explore, images, metrics, nets, plots, runtime, transport, zoo

SEED = 0
runtime.setup(SEED)
rng = np.random.default_rng(SEED)
N = 4_000  # pictures of every set that is compared

# %% [markdown]
# ## 1 · From pictures to a number
#
# A generator makes pictures with some distribution $q$; the data have the distribution $p$. We want one number that says how far $q$ is from $p$. It should
#
# 1. be smallest when $q = p$, and be able to *tell* when something is wrong: bad pictures, missing kinds of picture, copies of the training set;
# 2. need only samples, because a GAN has no density (and lesson 03 has shown that a likelihood has its own pitfalls);
# 3. treat as close what a person would call close.
#
# The third rules out the obvious idea of comparing pixels. Move a picture by one pixel, and the grey levels change a lot, though nobody would notice. Blur it, and they change less, though everybody would. So all measures of this lesson have three steps:
#
# $$\text{pictures}\ \longrightarrow\ \text{features, vectors } f(x)\in\mathbb R^d\ \longrightarrow\ \text{statistics}\ \longrightarrow\ \text{a number.}$$
#
# The features come from the last layer but one of a network that was trained to *classify* such pictures: it had to learn what matters about them. In papers it is an Inception network trained on ImageNet, with $d = 2048$. Ours is the course's Fashion classifier, with $d = 64$. **The features are part of the
# number**: a “Fréchet distance” without its features and its sample size has no meaning, and one of ours must never be compared with a published FID.
#
# Ours come with a surprise that is not rare: most of the 64 are constant, because their ReLU units died in training (lesson 07, section 1), so that our effective $d$ is what the next cell prints. Dead features say nothing and do no harm, as long as the formulas can stand a singular covariance.

# %%
train, test = data.load_fashion("train"), data.load_fashion("test")
order = rng.permutation(len(test.images))
pictures = {"reference": test.images[order[:N]], "fresh data": test.images[order[N : 2 * N]]}
extract = metrics.FeatureExtractor("fashion", batch_size=250)
features = {name: extract(x).astype(np.float64) for name, x in pictures.items()}
real = features["reference"]
dead = np.sum(real.std(axis=0) == 0)
print(f"{extract.name}: {real.shape}; {dead} are constant, so {real.shape[1] - dead} dimensions count")


def blurred(x, sigma):
    """Images (N, H, W, 1) uint8, smoothed with a Gaussian of sigma pixels."""
    return np.rint(gaussian_filter(x.astype(np.float32), (0, sigma, sigma, 0))).clip(0, 255).astype(np.uint8)


some = pictures["fresh data"][:500]
changed = {
    "shifted by one pixel": np.pad(some, ((0, 0), (0, 0), (1, 0), (0, 0)))[:, :, :-1],
    "blurred, σ = 1 pixel": blurred(some, 1.0),
}
moved = {}
for name, x in changed.items():
    in_pixels = np.linalg.norm((x.astype(float) - some).reshape(len(some), -1), axis=1).mean()
    in_features = np.linalg.norm(extract(x) - extract(some), axis=1).mean()
    moved[name] = in_pixels, in_features
    print(f"{name:22} moves a picture by {in_pixels:6.0f} grey levels, and its features by {in_features:5.2f}")
shift, blur = moved.values()
assert shift[0] > blur[0], "pixels say: the shift is the larger change"
assert shift[1] < blur[1], "features say: the blur is"

plots.side_by_side(
    {"picture": some[:8]} | {name: x[:8] for name, x in changed.items()},
    alt="Eight garments in three rows: as they are, shifted by one pixel, which is hard to see, and blurred, which is plain.",
)

# %% [markdown]
# ### The candidates
#
# Six sets of 4,000 pictures will be measured throughout. Two are marks: **fresh data**, another 4,000 held-out pictures, is what a perfect generator would give, and **noise** is what ignorance gives. The **pixel Gaussian** is lesson 01's best model: mean and covariance of all pixels. The **VAE** and the **GAN** are the shipped models of lessons 03 and 06, trained on the same 60,000 pictures. And the **copier** is a fraud:
# it returns training pictures. All go through the same rounding to whole grey values.


# %%
def drawn(decode, latent_dim, n=N, batch=500):
    """n pictures uint8 of a decoder z -> images in [-1, 1], and the seconds that 1,000 take."""
    call = tf.function(decode, input_signature=[tf.TensorSpec((None, latent_dim), tf.float32)])
    z = np.random.default_rng(SEED).standard_normal((n, latent_dim)).astype(np.float32)
    call(z[:batch])  # compile before the clock starts
    start = time.perf_counter()
    x = np.concatenate([np.asarray(call(z[i : i + batch])) for i in range(0, n, batch)])
    return images.to_uint8(x.clip(-1, 1)), (time.perf_counter() - start) / n * 1_000


def pixel_gaussian(x, n=N):
    """n pictures from the Gaussian with the mean and covariance of pictures x, not rounded, and the seconds for 1,000."""
    flat = x.reshape(len(x), -1).astype(np.float32)
    mean = flat.mean(axis=0)
    values, vectors = np.linalg.eigh((flat - mean).T @ (flat - mean) / len(x))
    start = time.perf_counter()
    z = rng.standard_normal((n, len(mean))).astype(np.float32)
    drawn = mean + (z * np.sqrt(values.clip(0))) @ vectors.T
    return drawn.reshape(n, 28, 28, 1), (time.perf_counter() - start) / n * 1_000


vae, gan = zoo.load("fashion-vae"), zoo.load("fashion-gan")
seconds = {}
pictures["GAN"], seconds["GAN"] = drawn(lambda z: gan(z, training=False), gan.input_shape[-1])
pictures["VAE"], seconds["VAE"] = drawn(vae.decode, vae.latent_dim)
unclipped, seconds["pixel Gaussian"] = pixel_gaussian(train.images[:20_000])
pictures["pixel Gaussian"] = np.rint(unclipped.clip(0, 255)).astype(np.uint8)
pictures["noise"] = rng.integers(0, 256, (N, 28, 28, 1), dtype=np.uint8)
known = train.images[rng.permutation(len(train.images))[:8_000]]  # training pictures to compare with
pictures["copier"] = known[:N]
for name, x in pictures.items():
    if name not in features:
        features[name] = extract(x).astype(np.float64)
train_features = np.concatenate([features["copier"], extract(known[N:])])
CANDIDATES = ["fresh data", "GAN", "VAE", "pixel Gaussian", "copier", "noise"]
plots.side_by_side(
    {name: pictures[name][:12] for name in CANDIDATES},
    size=0.75,
    alt="Twelve pictures of each set: fresh garments; the GAN's, with texture; the VAE's, smooth; ghostly garments of the pixel Gaussian; training pictures; grey noise.",
)

# %% [markdown]
# ## 2 · The Fréchet distance
#
# Lesson 08 measured the distance of two distributions as the cost of the cheapest way to carry one to the other. With squared distances that is
#
# $$W_2^2(p, q) = \min_{\text{plans}}\ \mathbb E\,\|x - y\|^2,\qquad x\sim p,\ y\sim q,$$
#
# where a *plan* is a joint distribution of $x$ and $y$ with these two margins. For features of 4,000 pictures the exact plan is dear. But if $p$ and $q$ are **Gaussian**, the minimum has a closed form. The **Fréchet distance** fits a Gaussian to each set of features and uses it.
#
# ### On a line
#
# Expand the square: $\mathbb E(x-y)^2 = \mathbb E x^2 + \mathbb E y^2 - 2\,\mathbb E\,xy$. The first two terms do not depend on the plan, so the best plan has the largest $\mathbb E\,xy$. Take two pairs with $x\le x'$ and $y\le y'$. Then $(x'-x)(y'-y)\ge0$, that is $xy + x'y' \ge xy' + x'y$:
# two pairs in order are never worse than the same two crossed. So the best plan is again the sorted one of lesson 08: it carries the quantile $F^{-1}(t)$ to the quantile $G^{-1}(t)$ for each $t\in(0,1)$. For a Gaussian, $F^{-1}(t) = \mu + \sigma\,\Phi^{-1}(t)$ with the
# standard normal quantile $\Phi^{-1}(t)$, whose mean over $t$ is 0 and whose mean square is 1. Hence
#
# $$W_2^2=\int_0^1\big(\mu_a-\mu_b + (\sigma_a-\sigma_b)\,\Phi^{-1}(t)\big)^2dt,\qquad\boxed{\;W_2^2 = (\mu_a-\mu_b)^2+(\sigma_a-\sigma_b)^2\;}$$


# %%
def w2_on_a_line(mean_a, std_a, mean_b, std_b):
    """Squared 2-Wasserstein distance of two Gaussians on a line."""
    return (mean_a - mean_b) ** 2 + (std_a - std_b) ** 2


t = (np.arange(200_000) + 0.5) / 200_000
by_quantiles = np.mean((stats.norm.ppf(t, 1, 2) - stats.norm.ppf(t, -0.5, 0.7)) ** 2)
print(f"closed form {w2_on_a_line(1, 2, -0.5, 0.7):.6f}, quantiles integrated {by_quantiles:.6f}")
assert np.isclose(w2_on_a_line(1, 2, -0.5, 0.7), by_quantiles, atol=1e-3)

# %% [markdown]
# ### In any dimension: a bound from two moments
#
# Now let $x$ and $y$ be vectors with means $\mu_a,\mu_b$ and covariances $A, B$. Split off the means: $x = \mu_a + \tilde x$, $y = \mu_b+\tilde y$. The mixed term $2(\mu_a-\mu_b)^\top\mathbb E(\tilde x-\tilde y)$ is 0, and for the rest write squares as traces:
#
# $$\mathbb E\|x-y\|^2=\|\mu_a-\mu_b\|^2+\operatorname{tr}A+\operatorname{tr}B-2\operatorname{tr}C,\qquad C=\mathbb E[\tilde x\,\tilde y^\top].$$
#
# A plan enters through its cross-covariance $C$ only. How large can $\operatorname{tr}C$ be? Factor the covariances, $A=F_aF_a^\top$ and $B=F_bF_b^\top$ (possible because they are positive semi-definite: take eigenvectors times roots of eigenvalues). Then $\tilde x=F_au$ and $\tilde y=F_bv$, where $u$ and $v$ have the covariance $I$. (If $A$ is singular, some components of $u$ do not enter
# $\tilde x$; let them be any independent noise.) So $C=F_aKF_b^\top$ with $K=\mathbb E[uv^\top]$.
#
# - **What $K$ can be.** For unit vectors $\alpha,\beta$, Cauchy–Schwarz gives $\alpha^\top K\beta=\mathbb E[(\alpha^\top u)(\beta^\top v)]\le\sqrt{\mathbb E(\alpha^\top u)^2\;\mathbb E(\beta^\top v)^2}=1$.
# - **What it then gives.** Let $F_a^\top F_b=USV^\top$ be a singular value decomposition, with singular values $s_1,\dots,s_d$. A trace does not change when its factors are moved round, so
#   $\operatorname{tr}C=\operatorname{tr}(K\,F_b^\top F_a)=\operatorname{tr}(K\,VSU^\top)=\operatorname{tr}(U^\top KV\,S)=\sum_is_i\,(u_i^\top K v_i)\le\sum_is_i$ with the columns $u_i$ of $U$ and $v_i$ of $V$, by the first point.
#
# So **every** plan between **any** two distributions with these means and covariances costs at least
#
# $$\boxed{\;\mathrm{FD}=\|\mu_a-\mu_b\|^2+\operatorname{tr}A+\operatorname{tr}B-2\sum_is_i(F_a^\top F_b)\;}\qquad(\text{Gelbrich's bound: } W_2^2\ge\mathrm{FD}).$$
#
# **When is it reached?** For $K=UV^\top$, every $u_i^\top Kv_i$ is 1. That is the coupling $v=K^\top u$: given $x$, there is exactly one $y=\mu_b+F_bK^\top u$. It is a linear map of $x$, and it takes a Gaussian to a Gaussian. So for two Gaussians the bound is $W_2^2$.
# For an invertible $A$ the map is $y=\mu_b+T(x-\mu_a)$ with $T=F_bK^\top F_a^{-1}$. With $F_b^{}=F_a^{-\top}USV^\top$ this is $T=F_a^{-\top}\,USU^\top F_a^{-1}$: **symmetric and positive semi-definite**. We shall need that in section 3.
#
# ### The same number in other clothes
#
# Let $M=F_a^\top F_b$. Its squared singular values are the eigenvalues of $MM^\top=F_a^\top B F_a$, so $\sum_i s_i=\operatorname{tr}(F_a^\top BF_a)^{1/2}$; with the symmetric root $F_a=A^{1/2}$ this is $\operatorname{tr}(A^{1/2}BA^{1/2})^{1/2}$, the usual form. Two products $XY$ and $YX$ have the same non-zero
# eigenvalues: if $XYw=\lambda w$, then $YX(Yw)=\lambda(Yw)$. With $X=F_a^\top$ and $Y=BF_a$ these are $F_a^\top BF_a$ and $BF_aF_a^\top=BA$. So $\sum_is_i$ is also the sum of the roots of the eigenvalues of $BA$ (or $AB$), which is what $\operatorname{tr}\,$`sqrtm(A @ B)` means. If $A$ and $B$ **commute**, they share their eigenvectors, and
# $\mathrm{FD}=\|\mu_a-\mu_b\|^2+\sum_i(\sqrt{a_i}-\sqrt{b_i})^2$: the formula on the line, once for each axis.
#
# Only the first form needs neither a product that is not symmetric nor an inverse. It is the one to compute.


# %%
def factor(cov):
    """F (d, d) with F Fᵀ = cov, for any symmetric positive semi-definite matrix."""
    values, vectors = np.linalg.eigh(cov)
    noise = len(values) * np.finfo(float).eps * values.max()  # an eigenvalue below the round-off is zero
    return vectors * np.sqrt(np.where(values > noise, values, 0))


def frechet(mean_a, cov_a, mean_b, cov_b):
    """Fréchet distance of two means (d,) and covariances (d, d)."""
    overlap = np.linalg.svd(factor(cov_a).T @ factor(cov_b), compute_uv=False).sum()
    return np.sum((mean_a - mean_b) ** 2) + np.trace(cov_a) + np.trace(cov_b) - 2 * overlap


def moments(x):
    """Mean (d,) and covariance (d, d) of features (N, d)."""
    return x.mean(axis=0), np.cov(x, rowvar=False)


def best_coupling(cov_a, cov_b):
    """Cross-covariance C (d, d) of the cheapest plan between Gaussians with these covariances."""
    F_a, F_b = factor(cov_a), factor(cov_b)
    U, _, Vt = np.linalg.svd(F_a.T @ F_b)
    return F_a @ U @ Vt @ F_b.T


d = 5
G, L = rng.normal(size=(2, d, d))
A, B, mean_a, mean_b = G @ G.T, L @ L.T, rng.normal(size=d), rng.normal(size=d)
root_a = linalg.sqrtm(A)
shift_and_traces = np.sum((mean_a - mean_b) ** 2) + np.trace(A) + np.trace(B)
forms = {
    "singular values of Fᵃᵀ Fᵇ": frechet(mean_a, A, mean_b, B),
    "root of A^½ B A^½": shift_and_traces - 2 * np.trace(linalg.sqrtm(root_a @ B @ root_a)),
    "eigenvalues of A B": shift_and_traces - 2 * np.sqrt(np.linalg.eigvals(A @ B).astype(complex)).sum().real,
    "the best coupling": shift_and_traces - 2 * np.trace(best_coupling(A, B)),
    "the library": divergences.frechet_gaussians(mean_a, A, mean_b, B),
}
for name, value in forms.items():
    print(f"{name:28} {value:.12f}")
    assert np.isclose(value, forms["the library"])
assert np.isclose(frechet(3 * mean_a, 9 * A, 3 * mean_b, 9 * B), 9 * forms["the library"]), "squared units"
joint = np.block([[A, best_coupling(A, B)], [best_coupling(A, B).T, B]])
assert np.linalg.eigvalsh(joint).min() > -1e-9, "a covariance of x and y together: such a plan exists"

costs = []  # of other plans: any K with singular values of at most 1
for _ in range(2_000):
    U, _, Vt = np.linalg.svd(rng.normal(size=(d, d)))
    K = U * rng.uniform(0, 1, d) ** rng.choice([0.1, 1]) @ Vt
    costs.append(shift_and_traces - 2 * np.trace(factor(A) @ K @ factor(B).T))
print(f"cheapest of 2,000 other plans: {min(costs):.4f}")
assert min(costs) > forms["the library"]

# %% [markdown]
# And against the exact transport plans of lesson 08, which know nothing of Gaussians. Take 60 points $x_i$ in space and carry each by a symmetric positive map $T$ to $y_i=Tx_i$. This plan has $C=AT$ with the covariance $A$ of the points, and $F_b=TF_a$, so that $F_a^\top F_b=F_a^\top TF_a$ is itself symmetric and positive: its singular values are its eigenvalues, and their sum is $\operatorname{tr}(F_a^\top TF_a)=\operatorname{tr}C$. The plan reaches the bound, **whatever
# the distribution of the points**: a linear program must find exactly the Fréchet distance. For points that are not related in this way it must find more.

# %%
x = rng.exponential(size=(60, 3))  # nothing Gaussian about them
T = np.array([[1.5, 0.4, 0.0], [0.4, 0.8, -0.2], [0.0, -0.2, 0.5]])
targets = {
    "y = T x, T symmetric and positive": x @ T + 1,
    "y = x³, not linear": x**3,
    "other points": rng.normal(size=(60, 3)),
}
for name, y in targets.items():
    exact = transport.solve(x, y, p=2).cost
    bound = frechet(x.mean(0), np.cov(x.T, bias=True), y.mean(0), np.cov(y.T, bias=True))
    print(f"{name:34} exact plan {exact:9.6f}, Fréchet distance {bound:9.6f}")
    assert (abs(exact - bound) < 1e-8) == name.startswith("y = T"), "equal for the symmetric map only"
    assert exact > bound - 1e-8, "Gelbrich: never below"

# %%
angle = np.linspace(0, 2 * np.pi, 25)
circle = np.stack([np.cos(angle), np.sin(angle)])
cov_a, cov_b = np.array([[1.0, 0.6], [0.6, 0.6]]), np.array([[0.3, -0.25], [-0.25, 1.4]])
F_a = factor(cov_a)
T = np.linalg.solve(cov_a, best_coupling(cov_a, cov_b))
start, end = F_a @ circle, T @ F_a @ circle + np.array([[3.2], [0.4]])
figure, axes = plots.canvas(7, 3.2)
for (x0, y0), (x1, y1) in zip(start.T, end.T, strict=True):
    axes.plot([x0, x1], [y0, y1], color="#949494", linewidth=0.8)
axes.plot(*start, "-o", color=plots.COLOURS[0], markersize=3, label="data: mean and covariance")
axes.plot(*end, "--s", color=plots.COLOURS[1], markersize=3, label="generated")
axes.set(
    aspect="equal", xlabel="feature 1", ylabel="feature 2", title="The cheapest way to carry one Gaussian to another"
)
axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
figure.alt_text = "A tilted ellipse of one Gaussian and a narrower upright one of another; straight lines show where the linear map carries each point of the first."
figure

# %% [markdown]
# **What the bound says about the metric.** The Fréchet distance is a *lower* bound of the squared transport distance of the features. A large value is a proof that the distributions differ. A value of 0 only says that two means and two covariances are equal. Sections 4 and 10 make use of that.
#
# **Units.** If all features are multiplied by $s$, the distance is multiplied by $s^2$; a rotation or a common shift changes nothing. So a value of 30 is neither large nor small. We shall always print two more: the **floor**, the value of other *real* pictures, and the **ceiling**, that of noise.
#
# ### Where popular code goes wrong
#
# Much published code computes `sqrtm(A @ B)`. The product is not symmetric, so the function has to use an algorithm for general matrices, and if a covariance is singular (fewer pictures than features, or a feature that is always 0), a root need not exist, and tiny negative or complex eigenvalues are round-off times a square root: $\sqrt{10^{-16}}=10^{-8}$. The usual repairs are to drop an imaginary part, and to add a small $\varepsilon$ to the diagonal. And features arrive in `float32`. Here are the distances of a set from itself, which is
# exactly 0, and from another set:

# %%
few = (
    rng.normal(size=(40, 64)) @ (rng.normal(size=(64, 64)) * np.geomspace(10, 0.01, 64)) + 20
)  # 40 pictures, 64 features


def popular(x, y, dtype=np.float64, eps=0.0):
    """The Fréchet distance as it is often written; may be complex."""
    A, B = (np.cov(z.astype(dtype), rowvar=False, dtype=dtype) + eps * np.eye(z.shape[1], dtype=dtype) for z in (x, y))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.sum((x.mean(0) - y.mean(0)) ** 2) + np.trace(A) + np.trace(B) - 2 * np.trace(linalg.sqrtm(A @ B))


others = np.roll(few, 3, axis=1) + 1  # another set of 40
values = {"singular values": (frechet(*moments(few), *moments(few)), frechet(*moments(few), *moments(others)))}
for name, options in {
    "sqrtm, float64": {},
    "sqrtm, float32": {"dtype": np.float32},
    "sqrtm, float64, ε = 1e-6": {"eps": 1e-6},
}.items():
    values[name] = [complex(popular(few, x, **options)) for x in (few, others)]
print("                            of a set from itself           from another set")
for name, pair in values.items():
    itself, other = (f"{v.real:+.6f}" + (f" {v.imag:+.0e} i" if v.imag else "") for v in pair)
    print(f"{name:26} {itself:>22} {other:>26}")
print(f"(the traces of the two covariances add up to {np.trace(np.cov(few.T)) + np.trace(np.cov(others.T)):.0f})")
exact = values["singular values"]
assert abs(exact[0]) < 1e-8 < abs(values["sqrtm, float64"][0]) < abs(values["sqrtm, float32"][0])
assert abs(values["sqrtm, float32"][1] - exact[1]) > 1e-6 * exact[1]
library = [divergences.frechet_gaussians(*moments(few), *moments(x)) for x in (few, others)]
assert np.allclose(library, exact, atol=1e-8)

# %% [markdown]
# In `float64` and with a current SciPy the damage is small, as long as the imaginary part is dropped. In `float32` the error is some hundred-thousandths of the traces; a good generator's distance is a thousandth of them, so that a per cent of it is gone. With the singular values nothing has to be repaired. (Tiny negative results are possible in any form, by cancellation; the library clips them at 0.)
#
# ## 3 · How many samples? Bias and variance
#
# We never have the distributions, only $n$ samples. The estimate is then wrong in two ways: on average (**bias**) and from set to set (**variance**).
#
# ### Two lines that explain both
#
# Look at the means alone. Let $\Delta=\mu_a-\mu_b$ be the true difference, and $\Delta+\delta$ the measured one; the error $\delta$ has mean 0 and the covariance $A/n+B/m$ for $n$ and $m$ samples. Then
#
# $$\|\Delta+\delta\|^2-\|\Delta\|^2=\underbrace{2\,\Delta^\top\delta}_{\text{mean }0,\ \text{size }1/\sqrt n}+\underbrace{\|\delta\|^2}_{\text{never negative, size }1/n}.$$
#
# The second term makes the **bias**: $\mathbb E\|\delta\|^2=\operatorname{tr}A/n+\operatorname{tr}B/m$, exactly and for every distribution. The first makes the **variance** $4\,\Delta^\top(A/n+B/m)\Delta$, unless $\Delta=0$. Every squared distance behaves in this way: *noise never cancels, because a square cannot be negative.*


# %%
def error_of_squared_distance(delta, cov, n):
    """Bias and leading variance of ‖Δ + δ‖², where δ is the error of a mean of n samples with covariance cov (d, d)."""
    return np.trace(cov) / n, 4 * delta @ cov @ delta / n


delta, cov, n = np.array([1.0, 0.5, 0.0]), np.diag([1.0, 2.0, 0.5]), 400
found = [np.sum((delta + (rng.normal(size=(n, 3)) * np.sqrt(np.diag(cov))).mean(axis=0)) ** 2) for _ in range(3_000)]
bias, variance = error_of_squared_distance(delta, cov, n)
error = np.std(found) / np.sqrt(len(found))
print(f"bias {np.mean(found) - delta @ delta:.5f} ± {error:.5f}, formula {bias:.5f}")
print(f"standard deviation {np.std(found):.4f}, formula {np.sqrt(variance):.4f}")
assert abs(np.mean(found) - delta @ delta - bias) < 4 * error
assert abs(np.std(found) / np.sqrt(variance) - 1) < 0.1

# %% [markdown]
# ### The same for the covariances
#
# Let the true covariance be $A$ for both, let the reference be known, and let the sample have $A+E$ with a small symmetric error $E$. By section 2, if $A+E=(I+H)A(I+H)$ with a symmetric $I+H$ that is positive (it is, when $H$ is small), then $y=(I+H)x$ is the best plan. It moves $x$ by $Hx$, at a cost of $\mathbb E\|Hx\|^2=\operatorname{tr}(HAH)$. To first
# order in $H$ the condition reads $HA+AH=E$. In coordinates along the eigenvectors of $A$, with eigenvalues $\lambda_i$, this is $H_{ij}(\lambda_i+\lambda_j)=E_{ij}$. So
#
# $$\mathrm{FD}\approx\operatorname{tr}(HAH)=\sum_{ij}H_{ij}^2\lambda_j=\tfrac12\sum_{ij}H_{ij}^2(\lambda_i+\lambda_j)=\tfrac12\sum_{ij}\frac{E_{ij}^2}{\lambda_i+\lambda_j}$$
#
# (in the middle, the sum was written twice, with $i$ and $j$ exchanged, and halved). An entry of the sample covariance is a mean of $n$ products $\tilde x_i\tilde x_j$, so $\mathbb E[E_{ij}^2]\approx\operatorname{Var}(\tilde x_i\tilde x_j)/n$. Add the part of the means, $\sum\lambda_i/n$:
#
# $$\boxed{\;\mathbb E\,\mathrm{FD}\approx\frac cn,\qquad c=\sum_i\lambda_i+\frac12\sum_{ij}\frac{\operatorname{Var}(\tilde x_i\tilde x_j)}{\lambda_i+\lambda_j}\;}\qquad\text{and } c\Big(\frac1n+\frac1m\Big)\text{ if both are samples of one distribution.}$$
#
# (Their errors $E$ are independent, so their variances add.) For a **Gaussian**, $\operatorname{Var}(\tilde x_i\tilde x_j)=\lambda_i\lambda_j$ for $i\ne j$, and $\mathbb E\tilde x_i^4-\lambda_i^2=3\lambda_i^2-\lambda_i^2=2\lambda_i^2$ for $i=j$. If moreover all $\lambda_i=\sigma^2$, the double sum has $d(d-1)$ terms $\sigma^2/2$ and $d$ terms $\sigma^2$, and
#
# $$c=\sigma^2\Big(d+\frac{d(d+1)}4\Big).$$
#
# It grows with the **square** of the number of features. With the 2,048 of Inception and $n=2{,}000$ that would be more than $500\,\sigma^2$ for a *perfect* generator.


# %%
def bias_coefficient(x):
    """c of E[FD] ≈ c / n, estimated from features (N, d) of any distribution."""
    x = x - x.mean(axis=0)
    values, vectors = np.linalg.eigh(x.T @ x / len(x))
    values, along = values.clip(0), x @ vectors
    variance = (along**2).T @ along**2 / len(x) - np.diag(values) ** 2  # of the products, (d, d)
    sums = values[:, None] + values
    alive = sums > 1e-9 * values.max()  # a constant feature adds nothing
    return values.sum() + 0.5 * np.sum(variance[alive] / sums[alive])


def gaussian_bias_coefficient(values):
    """The same for a Gaussian whose covariance has these eigenvalues (d,)."""
    values = np.asarray(values, float)
    variance = np.outer(values, values) * (1 + np.eye(len(values)))
    return values.sum() + 0.5 * np.sum(variance / (values[:, None] + values))


d = 16
c = gaussian_bias_coefficient(np.ones(d))
assert np.isclose(c, d + d * (d + 1) / 4)
assert abs(bias_coefficient(rng.normal(size=(100_000, d))) / c - 1) < 0.02
sizes, measured, errors = [64, 128, 256, 512, 1024, 2048], [], []
for n in sizes:
    values = [frechet(np.zeros(d), np.eye(d), *moments(rng.normal(size=(n, d)))) for _ in range(100)]
    measured.append(np.mean(values))
    errors.append(np.std(values, ddof=1) / 10)
    print(f"n = {n:5}: measured {measured[-1]:.4f} ± {errors[-1]:.4f}, c/n = {c / n:.4f}")
    assert abs(measured[-1] - c / n) < 4 * errors[-1] + d / n * c / n, "up to terms of the next order"

# %% [markdown]
# Now the features of real pictures, which are not Gaussian at all: subsets of $n$ held-out pictures against the other 4,000. Both are real, so every value above 0 is bias.

# %%
FRESH = features["fresh data"]
c_real, c_if_gaussian = bias_coefficient(real), gaussian_bias_coefficient(np.linalg.eigvalsh(np.cov(real.T)).clip(1e-9))
real_sizes, real_bias = [100, 200, 400, 800, 1600], []
for n in real_sizes:
    parts = rng.permutation(N)[: N // n * n].reshape(-1, n)
    real_bias.append(np.mean([metrics.frechet_distance(FRESH[part], real) for part in parts[:25]]))
print(f"c = {c_real:.0f} from fourth moments; {c_if_gaussian:.0f} if the features were Gaussian")
for n, value in zip(real_sizes, real_bias, strict=True):
    print(f"n = {n:5}: {value:6.2f}, predicted {c_real * (1 / n + 1 / N):6.2f}")
assert 0.5 < real_bias[-1] / (c_real * (1 / 1600 + 1 / N)) < 2
slope = np.polyfit(np.log(sizes), np.log(measured), 1)[0]
assert -1.25 < slope < -0.9

figure, axes = plots.canvas(7, 3.4)
grid = np.geomspace(50, 5_000, 50)
axes.plot(grid, c_real * (1 / grid + 1 / N), "-", color=plots.COLOURS[0], label="$c\\,(1/n+1/m)$, real features")
axes.plot(real_sizes, real_bias, "o", color=plots.COLOURS[0], label="measured on real pictures")
axes.plot(grid, c / grid, "--", color=plots.COLOURS[1], label="$c/n$, Gaussian in 16 dimensions")
axes.plot(sizes, measured, "s", color=plots.COLOURS[1], label="measured")
axes.set(xscale="log", yscale="log", xlabel="samples n", ylabel="Fréchet distance of equals")
axes.set_title("A perfect generator does not get 0")
axes.legend(frameon=False, fontsize=9)
figure.alt_text = "Log-log chart: the Fréchet distance between samples of one distribution falls in proportion to 1/n, for a Gaussian in 16 dimensions and for features of real pictures."
figure

# %% [markdown]
# **What follows: compare only at the same $n$.** Here is a ranking that is wrong for no other reason. A set of real pictures, and a set of the same kind that has been blurred a little, so that it is worse for certain. Measured at different sizes:

# %%
softened = extract(blurred(pictures["fresh data"], 0.45)).astype(np.float64)
sharp_few = np.mean([metrics.frechet_distance(FRESH[k * 150 : (k + 1) * 150], real) for k in range(10)])
soft_few = np.mean([metrics.frechet_distance(softened[k * 150 : (k + 1) * 150], real) for k in range(10)])
sharp_many, soft_many = metrics.frechet_distance(FRESH, real), metrics.frechet_distance(softened, real)
print(f"real, n = 150:      {sharp_few:6.2f}    blurred, n = 150:   {soft_few:6.2f}")
print(f"real, n = {N:,}:    {sharp_many:6.2f}    blurred, n = {N:,}: {soft_many:6.2f}")
assert sharp_many < soft_many and sharp_few < soft_few, "at the same n the order is right"
assert sharp_few > soft_many, "at different n it is not: the real pictures come out worse"

# %% [markdown]
# ### To infinity
#
# Since $\mathrm{FD}_n\approx\mathrm{FD}_\infty+c/n$, the values at several $n$ lie on a line *against* $1/n$, and its intercept is the value for infinitely many samples ([Chong & Forsyth 2020](https://arxiv.org/abs/1911.07023)). The slope differs from model to model, which is exactly why a comparison at a common small $n$ may be unfair too. (The intercept still contains the bias of the reference, $c/m$.)


# %%
def extrapolate(sizes, values):
    """Intercept and slope of the least-squares line of values against 1 / sizes."""
    inverse, values = 1 / np.asarray(sizes, float), np.asarray(values, float)
    slope = np.sum((inverse - inverse.mean()) * (values - values.mean())) / np.sum((inverse - inverse.mean()) ** 2)
    return values.mean() - slope * inverse.mean(), slope


truth = frechet(np.zeros(d), np.eye(d), np.full(d, 0.2), 1.2 * np.eye(d))
sizes, values = [100, 200, 400, 800], []
for n in sizes:
    sets = [np.full(d, 0.2) + np.sqrt(1.2) * rng.normal(size=(n, d)) for _ in range(16_000 // n)]
    values.append(np.mean([frechet(np.zeros(d), np.eye(d), *moments(x)) for x in sets]))
limit, _ = extrapolate(sizes, values)
print("FD at n = " + ", ".join(f"{n}: {v:.3f}" for n, v in zip(sizes, values, strict=True)))
print(f"extrapolated {limit:.3f}, true {truth:.3f}")
assert abs(limit - truth) < 0.2 * (values[-1] - truth) + 0.1, "most of the bias has gone"

# %% [markdown]
# ## 4 · The kernel distance
#
# ### A distance of means, in a large space
#
# The Fréchet distance squares an error, and so it is biased. Is there a distance without bias? Choose some statistics $\varphi(x)$, as many as you like, and compare their means: $\mathrm{MMD}^2=\|\mathbb E\varphi(x)-\mathbb E\varphi(y)\|^2$ (*maximum mean discrepancy*). Write the square as a product of two independent copies $x,x'\sim p$ and $y,y'\sim q$, and let the **kernel** $k(x,y)=\varphi(x)^\top\varphi(y)$ do the sums over statistics:
#
# $$\mathrm{MMD}^2=\mathbb E\,k(x,x')+\mathbb E\,k(y,y')-2\,\mathbb E\,k(x,y).$$
#
# The **kernel distance** takes $k(x,y)=(x^\top y/d+1)^3$ ([Bińkowski et al. 2018](https://arxiv.org/abs/1801.01401)). Which statistics are these? On a line ($d=1$), by the binomial theorem, $(xy+1)^3=1+3xy+3x^2y^2+x^3y^3$, which is $\varphi(x)^\top\varphi(y)$ for $\varphi(x)=(1,\sqrt3x,\sqrt3x^2,x^3)$. So
#
# $$\boxed{\;\mathrm{MMD}^2=3(\Delta m_1)^2+3(\Delta m_2)^2+(\Delta m_3)^2,\qquad\Delta m_j=\mathbb E x^j-\mathbb Ey^j\;}$$
#
# It compares **the first three moments**, and in $d$ dimensions all mixed moments up to the third order. One more than the Fréchet distance; but no more.
#
# ### Without bias
#
# Estimate each expectation by an average. In $\mathbb E\,k(x,x')$ the two points are *independent*; so the average may run over pairs of different samples only:
#
# $$\boxed{\;\widehat{\mathrm{MMD}}^2=\frac1{n(n-1)}\sum_{i\ne j}k(x_i,x_j)+\frac1{m(m-1)}\sum_{i\ne j}k(y_i,y_j)-\frac2{nm}\sum_{i,j}k(x_i,y_j)\;}$$
#
# Each term is an average of numbers with the right expectation, so the sum has the right expectation at **every** $n$. It may come out negative, and it has to: otherwise its mean could not be 0 for equal distributions. Include the pairs $i=j$ and divide by $n^2$, and the first term is $\frac{n-1}n\,\mathbb E\,k(x,x')+\frac1n\mathbb E\,k(x,x)$ on average: a bias of
# $\frac1n\big(\mathbb E\,k(x,x)-\mathbb E\,k(x,x')\big)$ from each set. Again $1/n$. **Check by enumeration**: three places on a line, and *all* samples that can be drawn.


# %%
def kernel(x, y):
    """(x·y / d + 1)³ of all pairs: (n, d), (m, d) -> (n, m)."""
    return (x @ y.T / x.shape[1] + 1) ** 3


def kernel_distance(x, y):
    """Unbiased squared MMD of features (n, d) and (m, d)."""
    n, m = len(x), len(y)
    within_x, within_y = kernel(x, x), kernel(y, y)
    pairs_x = (within_x.sum() - np.trace(within_x)) / (n * (n - 1))
    pairs_y = (within_y.sum() - np.trace(within_y)) / (m * (m - 1))
    return pairs_x + pairs_y - 2 * kernel(x, y).mean()


def biased_kernel_distance(x, y):
    """The same with the pairs i = j."""
    return kernel(x, x).mean() + kernel(y, y).mean() - 2 * kernel(x, y).mean()


places = np.array([[-1.0], [0.5], [2.0]])
p, q = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.3, 0.5])
delta = (p - q) @ np.hstack([places, places**2, places**3])
truth = np.sum([3, 3, 1] * delta**2)
assert np.isclose(truth, (p - q) @ kernel(places, places) @ (p - q))
mean = biased_mean = 0.0
for i in itertools.product(range(3), repeat=3):  # all samples of three x ...
    for j in itertools.product(range(3), repeat=2):  # ... and of two y
        chance = np.prod(p[list(i)]) * np.prod(q[list(j)])
        mean += chance * kernel_distance(places[list(i)], places[list(j)])
        biased_mean += chance * biased_kernel_distance(places[list(i)], places[list(j)])
diagonal = np.diag(kernel(places, places))
bias = sum((w @ diagonal - w @ kernel(places, places) @ w) / n for w, n in ((p, 3), (q, 2)))
print(
    f"true MMD² {truth:.6f}; mean of the unbiased estimate {mean:.6f}; with i = j {biased_mean:.6f} = true + {bias:.6f}"
)
assert np.isclose(mean, truth) and np.isclose(biased_mean, truth + bias)
assert np.isclose(kernel_distance(FRESH[:500], real[:500]), metrics.kernel_distance(FRESH[:500], real[:500]))

# %% [markdown]
# ### Its variance
#
# The two lines of section 3 once more, with $\Delta=\mathbb E\varphi(x)-\mathbb E\varphi(y)$ and the error $\delta$ of the two means. The unbiased estimate lacks the mean of $\|\delta\|^2$, and $2\Delta^\top\delta$ remains as the leading term. Now $\Delta^\top\varphi(z)=\mathbb E\,k(x,z)-\mathbb E\,k(y,z)=:w(z)$ is a function that can be computed, the **witness**: large where the data has more. Then $\Delta^\top\delta=\big(\bar w_x-\mathbb Ew(x)\big)-\big(\bar w_y-\mathbb E w(y)\big)$ with the means $\bar w$
# over the samples, and
#
# $$\boxed{\;\operatorname{Var}\widehat{\mathrm{MMD}}^2\approx4\Big(\frac{\operatorname{Var}w(x)}n+\frac{\operatorname{Var}w(y)}m\Big)\;}$$
#
# One set of samples gives the value *and* its standard error. (For $p=q$ the witness is 0, and what remains is of size $1/n$.)


# %%
def kernel_standard_error(x, y):
    """Standard error of the kernel distance of features (n, d) and (m, d), from its witness."""
    across = kernel(x, y)
    witness_x = (kernel(x, x).sum(axis=1) - np.diag(kernel(x, x))) / (len(x) - 1) - across.mean(axis=1)
    witness_y = across.mean(axis=0) - (kernel(y, y).sum(axis=1) - np.diag(kernel(y, y))) / (len(y) - 1)
    return 2 * np.sqrt(witness_x.var(ddof=1) / len(x) + witness_y.var(ddof=1) / len(y))


x, y = rng.normal(size=(300, 300, 4)), rng.normal(size=(300, 300, 4)) + 0.7
values = np.array([kernel_distance(a, b) for a, b in zip(x, y, strict=True)])
predicted = np.mean([kernel_standard_error(a, b) for a, b in zip(x[:40], y[:40], strict=True)])
print(f"spread over 300 sets {values.std(ddof=1):.4f}, predicted from single sets {predicted:.4f}")
assert abs(predicted / values.std(ddof=1) - 1) < 0.25

equal = [(kernel_distance(a, b), biased_kernel_distance(a, b)) for a, b in rng.normal(size=(300, 2, 50, 8))]
unbiased, with_diagonal = np.array(equal).T
error = unbiased.std(ddof=1) / np.sqrt(300)
print(
    f"equal distributions, n = 50: unbiased {unbiased.mean():+.4f} ± {error:.4f}, with i = j {with_diagonal.mean():+.4f}"
)
assert abs(unbiased.mean()) < 4 * error and with_diagonal.min() > 0
plots.histogram(
    {"without i = j": unbiased, "with i = j": with_diagonal},
    bins=40,
    xlabel="kernel distance of two samples of the same Gaussian (n = 50)",
    alt="Two histograms of kernel distances between equal distributions: the unbiased ones scatter around 0, those with the diagonal lie to the right of it.",
)

# %% [markdown]
# ### A generator of a few dozen pictures with a perfect score
#
# What two or three moments cannot see, no number of samples will show. Let $F$ be a factor of the data's covariance, $FF^\top=\Sigma$, with $r$ columns $F_1,\dots,F_r$ (as many as the rank of $\Sigma$), and let a generator make only the $2r$ feature vectors
#
# $$y=\mu\pm\sqrt r\,F_j,\qquad j=1,\dots,r,\quad\text{each with probability }\frac1{2r}.$$
#
# Its mean is $\mu$, because the signs cancel. Its covariance is $\frac1{2r}\sum_j2r\,F_jF_j^\top=\Sigma$. So **its Fréchet distance is exactly 0**. Its third central moments vanish, like those of every symmetric distribution; so if the data are Gaussian, its kernel distance is 0 as well.


# %%
def sigma_points(mean, cov):
    """2r points (2r, d) with exactly this mean (d,) and covariance (d, d) of rank r."""
    F = factor(cov)
    F = F[:, np.any(F != 0, axis=0)]
    steps = np.sqrt(F.shape[1]) * F.T
    return np.concatenate([mean + steps, mean - steps])


points = sigma_points(real.mean(axis=0), np.cov(real.T, bias=True))
exact = frechet(real.mean(0), np.cov(real.T, bias=True), points.mean(0), np.cov(points.T, bias=True))
collapsed = np.tile(points, (N // len(points), 1))  # the generator draws them again and again
print(f"{len(points)} different feature vectors, Fréchet distance {exact:.1e}")
seen = {}
for name, x in {"fresh data": FRESH, "sigma points": collapsed}.items():
    local = metrics.precision_recall(real, x) | metrics.density_coverage(real, x)
    seen[name] = metrics.frechet_distance(real, x), local["coverage"]
    print(f"{name:12} Fréchet {seen[name][0]:6.3f}, kernel {metrics.kernel_distance(real, x):8.2f}", end="; ")
    print(", ".join(f"{key} {value:.2f}" for key, value in local.items()))
assert abs(exact) < 1e-6 * np.trace(np.cov(real.T))
assert seen["sigma points"][0] < seen["fresh data"][0], "the Fréchet distance prefers them to real pictures"
assert seen["sigma points"][1] < 0.1, "they cover nothing"

normal = rng.normal(size=(4_000, 8))
points = sigma_points(np.zeros(8), np.eye(8))
mmd_of_points = (
    kernel(points, points).mean() - 2 * kernel(points, normal).mean() + kernel(normal[:2_000], normal[2_000:]).mean()
)
print(f"16 points against a Gaussian in 8 dimensions: squared MMD {mmd_of_points:.4f}")
assert abs(mmd_of_points) < 0.1

# %% [markdown]
# By the Fréchet distance these few vectors beat *real pictures*. (They are feature vectors, and perhaps no picture has them. But the metric sees nothing except features.) Here the kernel distance notices, because the features of real pictures are skewed, and coverage, which is the next section, notices for a better reason. Lesson 07 has a gentler example: of eight modes on a ring, every second one may be missing, and both distances are 0.
#
# ## 5 · Two questions instead of one
#
# One number cannot say whether samples are *bad* or *too much alike*. So ask two questions, each answered by nearest neighbours.
#
# Put a ball around every real point that reaches to its $k$-th nearest *other* real point. Together the balls are an estimate of where data are found. Do the same around the generated points. Then ([Kynkäänniemi et al. 2019](https://arxiv.org/abs/1904.06991))
#
# - **precision** is the share of generated points that lie in *some* ball of a real point: are the samples any good?
# - **recall** is the share of real points that lie in some ball of a generated point: is all of the data there?
#
# [Naeem et al. 2020](https://arxiv.org/abs/2002.09797) use the balls of real points for both questions:
#
# - **density** is the number of balls that a generated point lies in, on average, divided by $k$;
# - **coverage** is the share of balls that hold at least one generated point.


# %%
def reach(x, k):
    """Distance of each point (N, d) to its k-th nearest other point, (N,)."""
    return np.sort(cdist(x, x), axis=1)[:, k]  # column 0 is the point itself


def precision_recall(real, fake, k=3):
    """Share of fake points near real ones, and of real points near fake ones."""
    across = cdist(fake, real)
    precision = (across <= reach(real, k)).any(axis=1).mean()
    recall = (across <= reach(fake, k)[:, None]).any(axis=0).mean()
    return precision, recall


def density_coverage(real, fake, k=5):
    """Balls of real points per fake point over k, and share of balls that hold a fake point."""
    inside = cdist(fake, real) <= reach(real, k)
    return inside.sum(axis=1).mean() / k, inside.any(axis=0).mean()


a, b = real[:800], FRESH[:700]
assert np.allclose(precision_recall(a, b), list(metrics.precision_recall(a, b).values()))
assert np.allclose(density_coverage(a, b), list(metrics.density_coverage(a, b).values()))

# %% [markdown]
# ### What does a perfect generator get?
#
# For coverage the answer is not 1, for density it is, on average. Let $n$ real and $m$ generated points be independent draws from *one* distribution with a density. Fix a real point $x$. The other $n-1$ real points and the $m$ generated ones are, given $x$, independent draws from the same distribution; so, ordered by their distance to $x$, **every order is equally likely**.
#
# *Coverage.* The ball of $x$ holds no generated point exactly if the $k$ nearest of all $n-1+m$ points are real. There are $\binom{n-1}k$ ways to choose them among the real ones, out of $\binom{n+m-1}k$:
#
# $$\boxed{\;\mathbb E[\text{coverage}]=1-\frac{(n-1)(n-2)\cdots(n-k)}{(n+m-1)(n+m-2)\cdots(n+m-k)}\;}\ \longrightarrow\ 1-2^{-k}\quad\text{for } m=n\to\infty.$$
#
# For $k=5$ that is $31/32=0.969$. *Density.* A single generated point lies in the ball of $x$ if it is among the $k$ nearest of the $n$ points that it and the other $n-1$ real ones make: probability $k/n$. Summed over $n$ balls and divided by $k$:
#
# $$\boxed{\;\mathbb E[\text{density}]=\frac1k\cdot n\cdot\frac kn=1\;}$$
#
# Neither depends on the distribution or on the dimension. For precision and recall there is no such formula: they have to be compared with the value of fresh real data.


# %%
def expected_coverage(n, m, k=5):
    """Mean coverage of n real points by m more points of the same distribution."""
    j = np.arange(1, k + 1)
    return 1 - np.prod((n - j) / (n + m - j))


for dimension, k in ((1, 1), (2, 5), (30, 5)):
    values = np.array([density_coverage(*rng.normal(size=(2, 100, dimension)) ** 3, k=k) for _ in range(200)])
    (density, coverage), errors = values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(200)
    print(
        f"d = {dimension:2}, k = {k}: coverage {coverage:.4f} ± {errors[1]:.4f}, formula {expected_coverage(100, 100, k):.4f}; "
        f"density {density:.3f} ± {errors[0]:.3f}"
    )
    assert abs(coverage - expected_coverage(100, 100, k)) < 4 * errors[1]
    assert abs(density - 1) < 4 * errors[0]
one_off = [(cdist(y, x) <= reach(x, 4)).any(axis=0).mean() for x, y in rng.normal(size=(200, 2, 100, 2))]
print(f"with the point itself counted as a neighbour (so k is 4): {np.mean(one_off):.4f}")
assert abs(np.mean(one_off) - expected_coverage(100, 100, 5)) > 10 * np.std(one_off) / np.sqrt(200), (
    "the formula finds the bug"
)
fresh_coverage = metrics.density_coverage(real, FRESH)
print(f"fresh pictures: {fresh_coverage}, formula {expected_coverage(N, N):.4f}")
assert abs(fresh_coverage["coverage"] - expected_coverage(N, N)) < 0.01

# %% [markdown]
# ### How they are fooled
#
# **One outlier.** A single real point far away has a ball that reaches back to the others, and everything in that huge ball counts as precise. For density the same sample counts as one ball of $k$ at most: one outlier can add no more than $1/k$ to it. That is why density was invented. Recall has the same weakness with the roles exchanged: a *generator* that makes a few
# wild samples gets large balls of its own, and so a better recall.

# %%
rng_plane = np.random.default_rng(3)  # its own, so that the picture stays as it is
cloud = rng_plane.normal(size=(40, 2)) * 0.5
junk = np.array([2.2, 1.6]) + rng_plane.uniform(-0.9, 0.9, (25, 2))
outlier = np.array([[3.4, 2.6]])
figure, axes = plots.canvas(9, 3.9, columns=2)
outcomes = []
for each, data_points, title in zip(
    axes, (cloud, np.vstack([cloud, outlier])), ("without an outlier", "with one"), strict=True
):
    for centre, radius in zip(data_points, reach(data_points, 3), strict=True):
        each.add_patch(Circle(centre, radius, color=plots.COLOURS[5], alpha=0.12, linewidth=0))
    each.plot(*data_points.T, "o", color=plots.COLOURS[0], markersize=4, label="real")
    each.plot(*junk.T, "s", color=plots.COLOURS[1], markersize=4, label="generated")
    precision, _ = precision_recall(data_points, junk, 3)
    density, coverage = density_coverage(data_points, junk, 3)
    outcomes.append((precision, density))
    each.set(aspect="equal", xlim=(-2, 5), ylim=(-2, 4.2), xticks=[], yticks=[])
    each.set_title(f"{title}: precision {precision:.2f}, density {density:.2f}, coverage {coverage:.2f}", fontsize=10)
axes[0].legend(frameon=False, fontsize=9, loc="lower right")
figure.alt_text = "A cloud of real points with their balls and a square of generated points beside it. Without an outlier no generated point is in a ball; with one real outlier beyond them, its huge ball holds them all."
assert outcomes[0][0] < 0.1 and outcomes[1][0] > 0.9, "one point turns the precision round"
assert outcomes[1][1] <= outcomes[0][1] + 1 / 3
figure

# %% [markdown]
# **The curse of $k$.** The radius is a choice. With a larger $k$ the balls swell until everything is inside, and every score goes to 1; so a paper has to give its $k$, and a score of 0.9 may be poor. Here each candidate against $k$, 1,500 pictures each:

# %%
ks, shown = [1, 2, 3, 5, 10, 20, 50], ["fresh data", "GAN", "VAE", "pixel Gaussian"]
figure, axes = plots.canvas(9.5, 3.2, columns=2)
sorted_real = np.sort(cdist(real[:1500], real[:1500]), axis=1)
for number, name in enumerate(shown):
    across = cdist(features[name][:1500], real[:1500])
    scores = [
        ((across <= sorted_real[:, k]).any(axis=1).mean(), (across <= sorted_real[:, k]).any(axis=0).mean()) for k in ks
    ]
    assert np.all(np.diff(scores, axis=0) >= 0), "a larger k never lowers a score"
    for each, values in zip(axes, zip(*scores, strict=True), strict=True):
        style = {"color": plots.COLOURS[number], "linestyle": plots.STYLES[number], "marker": plots.MARKERS[number]}
        each.plot(ks, values, markersize=4, label=name, **style)
axes[1].plot(
    ks, [expected_coverage(1500, 1500, k) for k in ks], ":", color="black", linewidth=2.5, label="formula for equals"
)
for each, title in zip(axes, ("Precision", "Coverage"), strict=True):
    each.set(xscale="log", xlabel="k", ylim=(0, 1.03), title=title, ylabel="share")
    each.set_xticks(ks, ks)
    each.minorticks_off()
axes[1].legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
figure.alt_text = "Precision and coverage against k for fresh data, GAN, VAE and pixel Gaussian: all curves rise towards 1 as k grows; fresh data follow the formula for coverage."
figure

# %% [markdown]
# ## 6 · The copier
#
# What is the easiest way to win? Return training pictures. They are perfect: sharp, varied, in the right proportions. If the reference is the training set, as it is in many papers, the copier even beats *fresh real data*, because its samples are part of the reference.

# %%
against_training = {
    name: metrics.frechet_distance(features[name], train_features) for name in ("copier", "fresh data", "GAN", "VAE")
}
against_held_out = {name: metrics.frechet_distance(features[name], real) for name in against_training}
print("Fréchet distance    to training pictures    to held-out pictures")
for name in against_training:
    print(f"{name:16} {against_training[name]:18.2f} {against_held_out[name]:22.2f}")
assert (
    against_training["copier"] < against_training["fresh data"] < min(against_training["GAN"], against_training["VAE"])
)
assert against_held_out["copier"] < min(against_held_out["GAN"], against_held_out["VAE"])

# %% [markdown]
# Not even a held-out reference helps: training pictures come from the same distribution as held-out ones. **While $n$ is small against the training set, no distance between distributions can detect a copier.** The question must be a different one: are the samples *nearer to the training set* than new data are ([Meehan et al. 2020](https://arxiv.org/abs/2004.05675))?
#
# Let $d(x)$ be the distance of a feature vector to its nearest training vector. Draw a sample and a held-out picture. The statistic
#
# $$C=P\big(d(\text{sample})<d(\text{held out})\big)+\tfrac12P(\text{equal})$$
#
# is $\frac12$ for a generator that makes fresh data; near 1 for a copier; below $\frac12$ for samples that lie off the data. It is the statistic of **Mann and Whitney**, and it has a known error. With $n$ samples and $m$ held-out pictures, $\hat C=\frac1{nm}\sum_{ij}h_{ij}$, $h_{ij}=\mathbf 1[d_i<d_j']$. If all $n+m$ distances are independent draws of one continuous distribution:
#
# - $\operatorname{Var}h_{ij}=\frac12\cdot\frac12=\frac14$, for the $nm$ single terms;
# - two terms that share the sample: $\mathbb E[h_{ij}h_{il}]=P(d_i\text{ is the smallest of three})=\frac13$, so their covariance is $\frac13-\frac14=\frac1{12}$. There are $nm(m-1)$ ordered pairs of them; and in the same way $nm(n-1)$ that share the held-out picture;
# - terms that share nothing are independent.
#
# $$\operatorname{Var}\hat C=\frac{1}{(nm)^2}\Big(\frac{nm}4+\frac{nm(m-1)+nm(n-1)}{12}\Big)\quad\Rightarrow\quad\boxed{\;\text{standard error}=\sqrt{\frac{n+m+1}{12\,nm}}\;}$$


# %%
def closer(fake_distances, held_out_distances):
    """P(fake < held out) + ½ P(equal) from distances (n,) and (m,) to the training set."""
    ordered = np.sort(held_out_distances)
    below, up_to = (np.searchsorted(ordered, fake_distances, side) for side in ("left", "right"))
    return 1 - (below + up_to).mean() / (2 * len(ordered))


def closer_error(n, m):
    """Its standard error if both sets come from one distribution."""
    return np.sqrt((n + m + 1) / (12 * n * m))


every_order = np.array([closer(np.array(s), np.setdiff1d(range(6), s)) for s in itertools.combinations(range(6), 2)])
print(
    f"all orders of 2 samples and 4 pictures: mean {every_order.mean():.3f}, deviation {every_order.std():.6f} = {closer_error(2, 4):.6f}"
)
assert np.isclose(every_order.mean(), 0.5) and np.isclose(every_order.std(), closer_error(2, 4))


def nearest(x, others):
    """Distance of each vector (N, d) to the nearest of the others, (N,)."""
    return np.concatenate([cdist(x[i : i + 500], others).min(axis=1) for i in range(0, len(x), 500)])


distances = {name: nearest(features[name], train_features) for name in ["reference", *CANDIDATES]}
memory = {name: closer(distances[name], distances["reference"]) for name in CANDIDATES}
print(f"standard error if equal: {closer_error(N, N):.4f}")
for name in CANDIDATES:
    print(f"{name:15} closer: {memory[name]:.3f}")
assert abs(memory["fresh data"] - 0.5) < 4 * closer_error(N, N) and memory["copier"] > 0.99

figure, axes = plots.canvas(7.5, 3.2)
for number, name in enumerate(("fresh data", "GAN", "VAE")):
    axes.hist(
        distances[name], np.linspace(0, 20, 61), density=True, histtype="step", linewidth=2,
        color=plots.COLOURS[number], linestyle=plots.STYLES[number], label=f"{name}: closer {memory[name]:.2f}",
    )  # fmt: skip
axes.axvline(0.1, color=plots.COLOURS[6], linewidth=3, label=f"copier: closer {memory['copier']:.2f}")
axes.set(xlabel="distance to the nearest training picture, in features", ylabel="density", xlim=(0, 20))
axes.legend(frameon=False, fontsize=9)
figure.alt_text = "Histograms of the distance to the nearest training picture for fresh data, GAN and VAE, and a line at 0 for the copier."
figure

# %% [markdown]
# A value under ½ is no certificate: it says that the typical sample is *further* from the training set than fresh data are, and a few copies may hide among many bad samples. `metrics.memorisation` returns beside `closer` the share of `copies`: samples nearer to a training picture than 99 % of held-out pictures are, of which fresh data have 1 %. And look at the nearest neighbours with your own eyes.
#
# To save time, only 8,000 of the 60,000 training pictures were searched here: who copies from all of them would be found out by these in 2 of 15 samples. `tools/audit_zoo.py` searches all of them, with 10,000 samples, and writes what it found on the model's card:

# %%
audits = {name: zoo.card(name)["audit"] for name in ("fashion-gan", "fashion-vae", "faces-gan", "faces-vae")}
for name, audit in audits.items():
    own, fresh = audit["feature_distance"]["median"], audit["feature_distance"]["median_held_out"]
    print(
        f"{name:12} {audit['training_pictures']:,} training pictures searched: closer {audit['closer']:.2f}, "
        f"copies {audit['copies']:.4f}; median distance {own:.2f}, of held-out pictures {fresh:.2f}"
    )
    assert audit["copies"] < 0.02, "fresh data have 0.01"

# %% [markdown]
# ## 7 · The Inception score, and how to get 10 of 10
#
# An older number, still seen. A classifier gives each sample $x$ its class probabilities $p(c\mid x)$; their average over the samples is $p(c)$. The score is
#
# $$\mathrm{IS}=\exp\,\mathbb E_x\,\mathrm{KL}\big(p(c\mid x)\,\|\,p(c)\big)=\exp\big(H(c)-H(c\mid x)\big),$$
#
# because $\mathbb E_x\sum_cp(c|x)\ln p(c|x)=-H(c\mid x)$ and $\mathbb E_x\sum_cp(c|x)\ln p(c)=\sum_cp(c)\ln p(c)=-H(c)$. It is large if each picture has one clear class, and all classes are equally frequent; at most the number of classes. The data do not occur in it! So take **one** sure picture of each class and return these ten for ever ([Barratt & Sharma 2018](https://arxiv.org/abs/1801.01973)):


# %%
def inception_score(probabilities):
    """exp E KL(p(c|x) ‖ p(c)) of class probabilities (N, classes)."""
    marginal = probabilities.mean(axis=0)
    ratio = np.log(np.maximum(probabilities, 1e-300)) - np.log(np.maximum(marginal, 1e-300))
    return np.exp(np.sum(probabilities * ratio, axis=1).mean())


classifier = zoo.load("fashion-classifier")


def class_probabilities(x):
    """Class probabilities (N, 10) of images uint8."""
    logits = classifier.predict(images.to_float(x), batch_size=250, verbose=0)["label"].astype(np.float64)
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


scores = {name: class_probabilities(pictures[name][:2_000]) for name in ("fresh data", "GAN", "VAE")}
ten = scores["fresh data"].argmax(axis=0)  # the surest picture of each class
scores["ten pictures"] = scores["fresh data"][ten]
for name, probabilities in scores.items():
    print(f"{name:13} Inception score {inception_score(probabilities):.3f} of 10")
assert inception_score(scores["ten pictures"]) > 9.9 > inception_score(scores["fresh data"])
plots.image_grid(
    pictures["fresh data"][ten], columns=10, title="The whole output of a generator with a perfect Inception score",
    alt="Ten garments, one of each class, each a clear example.",
)  # fmt: skip

# %% [markdown]
# ## 8 · How large a difference is real?
#
# A number with an error may still differ by luck. There are two kinds of luck.
#
# **Which samples were drawn.** The *bootstrap* estimates it: draw $n$ of the $n$ samples with replacement, measure, repeat; the standard deviation of the results is a standard error. Beware of their *mean*: a resampled set is a sample of the sample, so section 3 applies once more, and the mean lies above the measured distance by about $c/n$. Use the bootstrap for the spread, never for the value. For coverage and its kin, resampling makes duplicates,
# which have a distance of 0; split the samples instead.
#
# **Which model was trained.** Another seed, another model. No resampling shows this; only several trainings do. Let each training's true value scatter with standard deviation $\sigma$, and let measuring with $n$ samples add a variance $\tau^2/n$. The mean over $r$ trainings has the variance $(\sigma^2+\tau^2/n)/r$, the difference of two such means twice that. To see a difference $D$ at two standard errors we need $D\ge2\sqrt{2(\sigma^2+\tau^2/n)/r}$, so
#
# $$\boxed{\;r\ \ge\ \frac{8\,(\sigma^2+\tau^2/n)}{D^2}\;}$$
#
# With more samples the second term goes away; the first does not. Ten times as many samples cannot replace a second seed.


# %%
def seeds_needed(difference, training_std, sampling_std, n, errors=2):
    """Trainings of each model to see a difference at so many standard errors; sampling_std is that of one sample, τ."""
    return int(np.ceil(2 * errors**2 * (training_std**2 + sampling_std**2 / n) / difference**2 - 1e-9))


boot = {}
print("Fréchet distance with its bootstrap")
for name in ("fresh data", "GAN", "VAE"):
    x = features[name]
    draws = [metrics.frechet_distance(x[rng.integers(0, N, N)], real) for _ in range(40)]
    boot[name] = np.std(draws, ddof=1)
    excess, value = np.mean(draws), metrics.frechet_distance(x, real)
    print(
        f"{name:11} {value:7.2f} ± {boot[name]:.2f};   mean of the bootstrap {excess:7.2f}, higher by {excess - value:.2f}"
    )
    if name == "fresh data":
        assert 0.4 < (excess - value) / (bias_coefficient(x) / N) < 2.5, "one more c/n"
print("\ntrainings needed to see a difference of 2, if seeds differ by 3 and τ = 100:")
for n in (500, 5_000, 50_000):
    print(f"  n = {n:6,}: {seeds_needed(2, 3, 100, n)} of each")
assert seeds_needed(2, 3, 100, 500) > seeds_needed(2, 3, 100, 50_000) >= 8 * 9 / 4

# %% [markdown]
# ## 9 · GAN or VAE?
#
# Now the table. The same 4,000 real pictures as reference, 4,000 samples of each candidate, the same features, floor and ceiling in the same table. Two columns are new. **Sharpness** compares how much the pictures change from pixel to pixel with how much the data do: the mean square of the discrete Laplacian (four times a pixel less its four neighbours), over that of the reference, so 1 is right. And the **time** for 1,000 samples on this machine.


# %%
def roughness(x):
    """Mean square of the discrete Laplacian of images (N, H, W, 1)."""
    x = x[..., 0].astype(np.float64)
    laplacian = 4 * x[:, 1:-1, 1:-1] - x[:, :-2, 1:-1] - x[:, 2:, 1:-1] - x[:, 1:-1, :-2] - x[:, 1:-1, 2:]
    return np.mean(laplacian**2)


nearest_percent = np.quantile(distances["reference"], 0.01)  # nearer than 99 % of held-out pictures
table = {}
for name in CANDIDATES:
    x = features[name]
    row = {"Fréchet": metrics.frechet_distance(real, x), "kernel": metrics.kernel_distance(real, x)}
    row |= metrics.precision_recall(real, x) | metrics.density_coverage(real, x)
    row |= {"closer": memory[name], "copies": np.mean(distances[name] < nearest_percent)}
    row["sharpness"] = roughness(pictures[name]) / roughness(pictures["reference"])
    row["s per 1,000"] = seconds.get(name, np.nan)
    table[name] = row


def as_markdown(rows, first):
    """A table of numbers: {row: {column: value}}, its first column headed by `first`."""
    columns = list(next(iter(rows.values())))
    lines = [f"| {first} | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, row in rows.items():
        cells = [
            "–" if v != v else f"{v:,.0f}" if abs(v) >= 1000 else f"{v:.1f}" if abs(v) >= 10 else f"{v:.2f}"
            for v in row.values()
        ]
        lines.append(f"| {name} | " + " | ".join(cells).replace("-", "−") + " |")
    return "\n".join(lines)


print(f"{extract.name}, {N:,} samples of each against {N:,} held-out pictures; k = 3 and 5")
Markdown(as_markdown(table, "set"))

# %%
library = metrics.memorisation(train_features, real, features["GAN"])
assert np.allclose([table["GAN"][key] for key in library], list(library.values()), atol=1e-3)
G, V, floor, ceiling = (table[name] for name in ("GAN", "VAE", "fresh data", "noise"))
assert floor["Fréchet"] < G["Fréchet"] < V["Fréchet"] < ceiling["Fréchet"], "floor and ceiling enclose the models"
assert V["sharpness"] < G["sharpness"] and V["sharpness"] < 0.6, "the VAE's samples are smooth"
assert G["coverage"] > V["coverage"] and G["recall"] > V["recall"]
assert (V["Fréchet"] - G["Fréchet"]) > 10 * np.hypot(boot["GAN"], boot["VAE"]), "far more than the luck of the draw"
assert max(G["copies"], V["copies"]) < 0.05 < 0.1 * table["copier"]["copies"], "no sign of copies"
budget = {
    name: {
        "parameters": zoo.card(f"fashion-{name.lower()}")["parameters"],
        "minutes of training": zoo.card(f"fashion-{name.lower()}")["minutes"],
        "steps": zoo.card(f"fashion-{name.lower()}")["training"]["steps"],
    }
    for name in ("GAN", "VAE")
}
print("What they had, from their cards (a parameter count of a VAE includes its encoder):")
Markdown(as_markdown(budget, "model"))

# %% [markdown]
# ### To infinity, both
#
# Is the common $n$ unfair to one of them? Extrapolate both.

# %%
sizes = [500, 1_000, 2_000, 4_000]
figure, axes = plots.canvas(9.5, 3, columns=3)
for number, (each, name) in enumerate(zip(axes, ("fresh data", "GAN", "VAE"), strict=True)):
    x = features[name]
    values = [np.mean([metrics.frechet_distance(x[k * n : (k + 1) * n], real) for k in range(N // n)]) for n in sizes]
    limit, slope = extrapolate(sizes, values)
    print(f"{name:11} n = 500: {values[0]:7.2f}   n = {N:,}: {values[-1]:7.2f}   n = ∞: {limit:7.2f}")
    each.plot([0, 1 / 450], [limit, limit + slope / 450], color=plots.COLOURS[number], linewidth=1.5)
    each.plot(1 / np.array(sizes), values, plots.MARKERS[number], color=plots.COLOURS[number])
    each.plot(0, limit, "x", color="black", markersize=9, markeredgewidth=2)
    each.set(xlabel="samples n (axis: 1 / n)", title=f"{name}: {limit:.1f} at n = ∞")
    each.set_xticks([0, 1 / 4000, 1 / 1000, 1 / 500], ["∞", "4,000", "1,000", "500"], fontsize=8)
print(f"what is left for fresh data is the bias of the reference, c/m = {c_real / N:.2f}")
axes[0].set_ylabel("Fréchet distance")
figure.alt_text = "Three charts of the Fréchet distance against one over n, for fresh data, GAN and VAE: the points lie near lines, whose ends at infinitely many samples are marked by crosses; the order of the three does not change."
figure

# %% [markdown]
# ### The same samples in other features
#
# How much of the verdict is the network's? The same sets once more, in three feature spaces of 64 numbers each: the classifier; the 64 principal components of the pixels; and the same network *before* its training, with random weights. To compare what has no common unit, divide by the floor.

# %%
flat = train.images[:5_000].reshape(5_000, -1).astype(np.float32)
_, _, components = np.linalg.svd(flat[:2_000] - flat.mean(axis=0), full_matrices=False)
untrained = nets.classifier((28, 28, 1), {"label": 10}, width=32, feature_dim=64)
untrained = keras.Model(untrained.input, untrained.get_layer("features").output)
SPACES = {
    "pixels, 64 components": lambda x: x.reshape(len(x), -1).astype(np.float32) @ components[:64].T,
    "random network": lambda x: untrained.predict(images.to_float(x), batch_size=250, verbose=0),
}
names = [name for name in CANDIDATES if name != "copier"]
multiples = {name: {"classifier": table[name]["Fréchet"] / floor["Fréchet"]} for name in names}
for space, of in SPACES.items():
    reference = of(pictures["reference"])
    values = {name: metrics.frechet_distance(reference, of(pictures[name])) for name in names}
    for name in names:
        multiples[name][space] = values[name] / values["fresh data"]
    if space.startswith("pixels"):  # where values below 0 and above 255 are possible too
        before = metrics.frechet_distance(reference, of(unclipped)) / values["fresh data"]
multiples["pixel Gaussian, not clipped"] = dict(zip(multiples["GAN"], (np.nan, before, np.nan), strict=True))
print("Fréchet distance in multiples of the value of fresh data")
assert all(multiples[name]["random network"] > 1 for name in names[1:]), "the untrained judge sees a difference, too"
assert before < 1.5 and before < multiples["VAE"]["pixels, 64 components"], "as good as real pictures"
assert multiples["pixel Gaussian"]["classifier"] > max(multiples["GAN"]["classifier"], multiples["VAE"]["classifier"])
Markdown(as_markdown(multiples, "set"))

# %% [markdown]
# In pixels the **pixel Gaussian is as good as real pictures**, as long as nobody clips its values to the range of grey levels. No wonder: it was built from the mean and the covariance of the pixels, which is all that the Fréchet distance looks at. You have seen its pictures. In the classifier's features it loses to both networks. A metric must not look at the very quantity that a model was fitted to; and whoever chooses the features chooses the winner. (Compare the order in the third column, too. No training at all, and yet a random network is not a useless judge: it still tells real pictures from all the others.)
#
# ### What the other cannot do
#
# A table of samples leaves out what the models are for. A VAE has an **encoder**: it can say which code belongs to a given picture, which lesson 04 builds on. And it has a **bound on the likelihood**: it can give a picture a score, in nats under its own likelihood (lesson 03 says what a Bernoulli likelihood of grey values means). A GAN has neither. (Do not take the bound for a reliable alarm, though: likelihoods can be high for pictures that are nothing like the data, [Nalisnick et al. 2019](https://arxiv.org/abs/1810.09136).)

# %%
x = images.to_float(pictures["fresh data"][:500])
mean, logvar = vae.encode(x)
z = vae.sample_posterior(mean, logvar)
reconstruction = vae.negative_log_likelihood(x, vae.decoder(z, training=False))
elbo = -np.asarray(reconstruction) - divergences.kl_to_standard_normal(np.asarray(mean), np.asarray(logvar))
odd = images.to_float(pictures["noise"][:500])
odd_mean, odd_logvar = vae.encode(odd)
odd_elbo = -np.asarray(vae.negative_log_likelihood(odd, vae.decoder(odd_mean, training=False)))
odd_elbo = odd_elbo - divergences.kl_to_standard_normal(np.asarray(odd_mean), np.asarray(odd_logvar))
print(f"the VAE's bound: held-out pictures {elbo.mean():.0f} nats, noise {odd_elbo.mean():.0f} nats")
assert elbo.mean() > odd_elbo.mean() + 100, "noise is far less probable"
plots.side_by_side(
    {"held-out picture": x[:10], "encoded and decoded": np.asarray(vae.decode(mean[:10]))},
    alt="Ten held-out garments and below each its reconstruction by the VAE, the same garment with its texture smoothed away.",
)

# %% [markdown]
# ### Faces
#
# The models of faces were measured in the same way when they were trained; this is what their cards say (features of the faces classifier, so only the rows compare). One caution: the discriminator of `faces-gan` has learned to name the
# same attributes as the network that measures it (lesson 06), and whoever trains on the examiner's questions does well in the examination. So the last columns ask somebody else: a network of ImageNet, which knows none of these labels.

# %%
cards = {name: zoo.card(name) for name in ("faces-gan", "faces-vae")}
assert all(
    cards["faces-gan"]["metrics"][key] == cards["faces-vae"]["metrics"][key] for key in ("features", "samples")
), "comparable"
names = {
    "frechet_distance": "Fréchet",
    "frechet_floor_real_vs_real": "floor",
    "frechet_ceiling_noise": "ceiling",
    "kernel_distance": "kernel",
} | {key: key for key in ("precision", "recall", "density", "coverage")}
faces = {name: {head: card["metrics"][key] for key, head in names.items()} for name, card in cards.items()}
for name, card in cards.items():
    faces[name] |= {"Fréchet, ImageNet": card["independent"]["frechet_distance"]}
    faces[name] |= {"its floor": card["independent"]["frechet_floor_real_vs_real"]}
for column in ("Fréchet", "Fréchet, ImageNet"):
    assert faces["faces-gan"][column] < faces["faces-vae"][column], "both say the same of these two"
Markdown(as_markdown(faces, "model"))

# %%
face_gan, face_vae = zoo.load("faces-gan"), zoo.load("faces-vae")
drawn_faces = {
    "data": data.load_faces("test").images[:10],
    "faces-gan": images.to_uint8(
        np.asarray(face_gan(rng.standard_normal((10, face_gan.input_shape[-1])), training=False))
    ),
    "faces-vae": images.to_uint8(np.asarray(face_vae.sample(10, seed=SEED))),
}
plots.side_by_side(
    drawn_faces, alt="Ten drawn faces of the data, ten of the GAN, ten of the VAE, whose lines are softer."
)

# %% [markdown]
# ### So, which?
#
# | | GAN | VAE | seen in |
# |---|---|---|---|
# | sharp, detailed samples | **better** | smooth: it shows the *mean* picture of a code (lesson 03) | sharpness |
# | samples as a whole near the data | **better** here | behind | Fréchet, kernel |
# | variety | **better** here, but nothing in its loss demands it (lesson 07) | every training picture must be encoded, yet its smooth samples reach less of the data | recall, coverage |
# | memorisation | not found | not found | closer, copies; the cards' audits |
# | one step from code to picture | yes | yes | s per 1,000 |
# | code of a given picture | no (only by search, lesson 12) | **yes** | reconstructions |
# | a likelihood, at least a bound | no | **yes** | bound in nats |
# | training | a game: may collapse or oscillate, needs watching | **one loss that falls** | lessons 03, 07 |
#
# For pictures to look at: the GAN. For codes to work with, for likelihoods, and for a training that is done when the loss says so: the VAE. “Better here” means these two networks, this data, this budget, one training each. The bootstrap of section 8 covers the luck of the draw, not the luck of the training; and the two are not of equal size (see their cards). Lesson 08 has GANs with seeds, and lesson 10 asks what else moves these numbers.
#
# ## 10 · Fool the metric
#
# `MetricLab` lets you damage a set of pictures, or cheat with it, while the bars show what each metric says.

# %%
lab = explore.MetricLab()
lab.show()

# %% [markdown]
# Three challenges:
#
# 1. **Make a set that every bar but one or two calls as good as fresh data, and that nobody would want.** Start from *held-out data*, and move a single slider to its end.
# 2. Start from the VAE, and make its Fréchet distance, its recall and its coverage *better* without making a better generator. Which bar gives you away?
# 3. Start from noise, and move only the blur. Which measures call blurred noise perfect? Which are not deceived?
#
# One answer to each, measured with this lesson's 4,000 pictures (the explorer has 1,000, and for sets that differ from the data density depends on their number):


# %%
def measured(x):
    """The columns that matter here, of features (n, 64)."""
    row = {"Fréchet": metrics.frechet_distance(real, x)}
    row |= metrics.precision_recall(real, x) | metrics.density_coverage(real, x)
    return row | {"copies": np.mean(nearest(x, train_features) < nearest_percent)}


half_copied = np.concatenate([features["VAE"][: N // 2], features["copier"][: N // 2]])
blurred_noise = extract(blurred(pictures["noise"], 1.0)).astype(np.float64)
columns = list(measured(half_copied[:100]))
answers = {
    "GAN": {key: table["GAN"][key] for key in columns},
    "1: all memorised": {key: table["copier"][key] for key in columns},
    "VAE": {key: table["VAE"][key] for key in columns},
    "2: VAE, half memorised": measured(half_copied),
    "noise": {key: table["noise"][key] for key in columns},
    "3: noise, blurred": measured(blurred_noise),
}
first, second, third = (answers[name] for name in answers if name[0].isdigit())
assert first["Fréchet"] < answers["GAN"]["Fréchet"] and first["copies"] > 0.9
assert second["Fréchet"] < 0.5 * answers["VAE"]["Fréchet"] and second["coverage"] > answers["VAE"]["coverage"]
assert second["copies"] > 0.3, "the only one that warns"
assert third["precision"] > answers["GAN"]["precision"] and third["coverage"] < 0.1
Markdown(as_markdown(answers, "set"))

# %% [markdown]
# ### How each is fooled
#
# | measure | sees | is blind to | fooled by | samples |
# |---|---|---|---|---|
# | **Fréchet distance** | mean and covariance of the features | everything of third and higher order | the same moments: $2d$ points; copies; more samples than the competitor | bias $c/n$, $c\sim d^2$: thousands, and the same $n$ for all |
# | **kernel distance** | moments up to the third | fourth and higher; unbiased, but noisy | copies; symmetric constructions | unbiased from two up; its error is $1/\sqrt n$ |
# | **precision** | are samples near data? | missing kinds | ten good pictures; blurred noise; outliers in the data; a large $k$ | real-vs-real at the same $n$ and $k$ |
# | **recall** | is the data near samples? | proportions | a few wild samples with huge balls | the same |
# | **density** | as precision, outliers count little | missing kinds; may exceed 1 | samples in the densest place | mean 1 for equals at every $n$ |
# | **coverage** | which real points have a sample nearby | proportions above “at least one” | junk added to good samples | $1-2^{-k}$ for equals |
# | **closer, copies** | distance to the training set | quality | copies among many bad samples; copies that were moved a little | error $\sqrt{(n+m+1)/12nm}$ |
# | **Inception score** | sure classes, evenly used | the data! | one picture of each class | – |
# | **sharpness** | detail | what the detail is | noise | hundreds |
# | **your eyes** | bad samples | missing kinds, proportions | a choice of the best | a few hundred, drawn at random |
#
# ### Rules
#
# 1. Never a number without its features, its $n$, its floor and its ceiling.
# 2. Compare at the same $n$, or at $n=\infty$.
# 3. At least one measure of quality, one of variety, and one of memorisation. And a sheet of samples that nobody has picked.
# 4. Standard errors for the draw, several seeds for the training.
# 5. Never choose a model by the measure that you then report, and never train on it.
#
# ### Try this
#
# - Halve $N$. Which columns of the table change, which keep their value, and which change for fresh data too?
# - Add 10 % noise pictures to the fresh data. Which of precision, recall, density and coverage notices?
# - Compute the Fréchet distance between two *classes* of real pictures. Where is it on the scale from floor to ceiling?
# - Replace the kernel by $(x^\top y/d+1)^4$, and feed it with `sigma_points` of a standard normal. Does it notice now?
#
# ## Summary
#
# - Features, statistics, number. The features decide what counts as equal.
# - $\mathrm{FD}=\|\mu_a-\mu_b\|^2+\operatorname{tr}A+\operatorname{tr}B-2\sum_is_i(F_a^\top F_b)$: the cost of the best plan for Gaussians, a lower bound for all others, and stable in this form.
# - Squares do not cancel: bias $c/n$ with $c=\sigma^2(d+d(d+1)/4)$ for an isotropic Gaussian; extrapolate to $n=\infty$. Leave out the diagonal, and the kernel distance has no bias.
# - For equal distributions density is 1 and coverage $1-2^{-k}$, whatever the distribution.
# - No distance of distributions detects a copier of a large training set; the Mann–Whitney statistic of nearest-neighbour distances does.
# - GAN or VAE: sharper and nearer samples against codes, likelihoods and an easy training.
#
# ## References
#
# - Heusel et al. 2017, *GANs Trained by a Two Time-Scale Update Rule* (FID), [arXiv:1706.08500](https://arxiv.org/abs/1706.08500)
# - Bińkowski et al. 2018, *Demystifying MMD GANs* (KID, and the bias of the FID), [arXiv:1801.01401](https://arxiv.org/abs/1801.01401)
# - Chong & Forsyth 2020, *Effectively Unbiased FID and Inception Score*, [arXiv:1911.07023](https://arxiv.org/abs/1911.07023)
# - Kynkäänniemi et al. 2019, *Improved Precision and Recall*, [arXiv:1904.06991](https://arxiv.org/abs/1904.06991); Naeem et al. 2020, *Density and Coverage*, [arXiv:2002.09797](https://arxiv.org/abs/2002.09797)
# - Meehan, Chaudhuri & Dasgupta 2020, *A Non-Parametric Test to Detect Data-Copying*, [arXiv:2004.05675](https://arxiv.org/abs/2004.05675)
# - Barratt & Sharma 2018, *A Note on the Inception Score*, [arXiv:1801.01973](https://arxiv.org/abs/1801.01973)
# - Gelbrich 1990, *On a Formula for the L2 Wasserstein Metric between Measures on Euclidean and Hilbert Spaces*, [doi:10.1002/mana.19901470121](https://doi.org/10.1002/mana.19901470121)
# - Parmar, Zhang & Zhu 2022, *On Aliased Resizing and Surprising Subtleties in GAN Evaluation*, [arXiv:2104.11222](https://arxiv.org/abs/2104.11222)
# - Theis, van den Oord & Bethge 2016, *A note on the evaluation of generative models*, [arXiv:1511.01844](https://arxiv.org/abs/1511.01844)
#
# **Next:** the exercises of this lesson; then lesson 10, *What improves quality? A controlled study*.
#
# ---
# *Text and figures: CC BY 4.0. Code: Apache-2.0.*
