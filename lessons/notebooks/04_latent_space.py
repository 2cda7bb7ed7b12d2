# %% [markdown]
# # 04 · Inside latent space
#
# **After this lesson you can**
#
# - say where draws of $\mathcal N(0, I)$ lie in many dimensions, and prove it;
# - choose between a straight path and an arc, derive the arc's formula, and know what each does to the law of $z$;
# - find directions: principal components of a VAE's codes and of a generator's first layer, and attribute vectors;
# - measure an edit: how often it works, and what else it changes;
# - define and compute the mutual information gap, and read it beside rate and distortion;
# - show that no amount of data can identify "the" factors without further assumptions.
#
# **Time.** Reading 40 minutes. Running all cells: about 40 seconds on two CPU cores.
#
# **Builds on** lesson 03 (the VAE, its two terms and β). Divergences and entropy are recalled where they are used.
#
# **Exercises:** `exercises/04_latent_space.ipynb`, 60 to 90 minutes.
#
# **Words:** [Glossary](../docs/glossary.md) of the field's terms, English and Chinese.

# %%
from course_lib import placement

placement.before("04")

# %%
import importlib.resources
import json

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from scipy import stats
from scipy.special import gammaln

from course_lib import data, explore, images, latent, metrics, plots, runtime, vae, zoo

SEED = 0
runtime.setup(SEED)

# %%
DRAWS = runtime.pick(cpu=3000, gpu=10_000)  # pictures of the GAN that we label with a classifier
EDITED = runtime.pick(cpu=150, gpu=1000)  # pictures on which an edit is judged
SPRITES = runtime.pick(cpu=12_800, gpu=40_000)  # for the short β-VAE run
EPOCHS = runtime.pick(cpu=10, gpu=20)

faces_gan, faces_vae, judge = (zoo.load(name) for name in ("faces-gan", "faces-vae", "faces-classifier"))
train, held_out = data.load_faces("train"), data.load_faces("test")
rng = np.random.default_rng(SEED)


def gan_pictures(z):
    """z (N, 100) -> faces (N, 64, 64, 3) in [-1, 1]."""
    return faces_gan.predict(np.asarray(z, np.float32), batch_size=250, verbose=0)


def vae_pictures(z):
    """z (N, 64) -> faces (N, 64, 64, 3) in [-1, 1]."""
    return np.clip(faces_vae.decoder.predict(np.asarray(z, np.float32), batch_size=250, verbose=0), -1, 1)


# %% [markdown]
# Two models of the course's zoo come along: `faces-gan`, the averaged generator of a GAN with a 100-dimensional
# $z$, and `faces-vae`, whose $z$ has 64 dimensions. Both were trained on composed drawings of faces, so no real
# person is in them.
#
# ## 1 · Where random vectors live
#
# Both models draw $z \sim \mathcal N(0, I)$: $d$ independent standard normal numbers. The density of this law is
# largest at $z = 0$. So where are the draws? Not there.
#
# ### The norm
#
# The squared norm $\lVert z\rVert^2 = z_1^2 + \dots + z_d^2$ is a sum of $d$ independent terms. A standard normal has
# $\mathbb E z_i^2 = 1$ and $\mathbb E z_i^4 = 3$, so each term has variance $3 - 1^2 = 2$, and
#
# $$\mathbb E\lVert z\rVert^2 = d, \qquad \operatorname{Var}\lVert z\rVert^2 = 2d .$$
#
# For the norm itself we need its density. The density of $z$ depends on $r = \lVert z\rVert$ alone and is
# proportional to $e^{-r^2/2}$; the sphere of radius $r$ has a surface proportional to $r^{d-1}$. So
# $p(r) = C\,r^{d-1}e^{-r^2/2}$. The constant follows from $\int_0^\infty p(r)\,dr = 1$. With $u = r^2/2$,
# $du = r\,dr$ and $r = \sqrt{2u}$,
#
# $$\int_0^\infty r^{d-1}e^{-r^2/2}\,dr = \int_0^\infty (2u)^{(d-2)/2} e^{-u}\,du = 2^{d/2-1}\,\Gamma(d/2),$$
#
# where $\Gamma(s) = \int_0^\infty u^{s-1}e^{-u}du$. This is the **chi distribution**. The mean of $r$ is the same
# integral with one more power of $r$, that is with $d+1$ for $d$, over the constant:
#
# $$\boxed{\;\mathbb E\lVert z\rVert = \frac{2^{(d+1)/2-1}\,\Gamma\big(\tfrac{d+1}2\big)}{2^{d/2-1}\,\Gamma\big(\tfrac d2\big)}
# = \sqrt2\,\frac{\Gamma\big(\tfrac{d+1}2\big)}{\Gamma\big(\tfrac d2\big)}\;}$$
#
# The variance is $d - (\mathbb E\lVert z\rVert)^2$. How large is it? Near $r^2 = d$ the root is almost a straight
# line, $r \approx \sqrt d + (r^2 - d)/(2\sqrt d)$, so
#
# $$\boxed{\;\operatorname{Var}\lVert z\rVert \approx \frac{\operatorname{Var} r^2}{4d} = \frac{2d}{4d} = \frac12
# \quad\text{for every large } d\;}$$
#
# The norm grows like $\sqrt d$, its spread does not grow at all: draws lie in a **thin shell**. At the origin the
# density is high, but there is no volume; $r^{d-1}$ beats $e^{-r^2/2}$ until $r \approx \sqrt d$.


# %%
def mean_norm(d):
    """E‖z‖ for z ~ N(0, I) in d dimensions. Logarithms of Γ, because Γ(172) overflows."""
    return np.sqrt(2) * np.exp(gammaln((d + 1) / 2) - gammaln(d / 2))


def variance_of_norm(d):
    """Var‖z‖ for z ~ N(0, I) in d dimensions."""
    return d - mean_norm(d) ** 2


print("   d   E‖z‖ formula     scipy   4000 draws (± standard error)   variance")
for d in (1, 2, 10, 64, 100, 1000):
    norms = np.linalg.norm(rng.standard_normal((4000, d)), axis=1)
    error = norms.std() / np.sqrt(len(norms))
    print(
        f"{d:4d}   {mean_norm(d):12.5f} {stats.chi(d).mean():9.5f}   {norms.mean():12.5f} ± {error:.5f}   {variance_of_norm(d):14.5f}"
    )
    assert np.isclose(mean_norm(d), stats.chi(d).mean()) and np.isclose(variance_of_norm(d), stats.chi(d).var())
    assert abs(norms.mean() - mean_norm(d)) < 4 * error
assert abs(variance_of_norm(1000) - 0.5) < 0.001

# %%
figure, (left, right) = plots.canvas(9.5, 3.2, columns=2)
r = np.linspace(0, 15, 600)
for k, d in enumerate((1, 2, 10, 64, 100)):
    left.plot(r, stats.chi(d).pdf(r), plots.STYLES[k % 4], color=plots.COLOURS[k], linewidth=2, label=f"d = {d}")
left.set(xlabel="norm of z", ylabel="density", title="The norm: a shell of constant thickness")
left.legend(frameon=False, fontsize=9)
for k, d in enumerate((2, 10, 100)):
    pairs = rng.standard_normal((2, 4000, d))
    cosines = np.sum(pairs[0] * pairs[1], axis=1) / np.prod(np.linalg.norm(pairs, axis=2), axis=0)
    angles = np.degrees(np.arccos(cosines))
    right.hist(angles, np.linspace(0, 180, 61), density=True, histtype="step", color=plots.COLOURS[k], linewidth=2)
    right.plot([], [], color=plots.COLOURS[k], label=f"d = {d}")
    cosine_error = np.std(cosines**2) / np.sqrt(len(cosines))
    assert abs(np.mean(cosines**2) - 1 / d) < 4 * cosine_error
right.set(xlabel="angle between two draws (degrees)", ylabel="density", title="The angle: nearly always a right one")
right.set_xticks([0, 45, 90, 135, 180])
right.legend(frameon=False, fontsize=9)
figure.alt_text = (
    "Left: densities of the norm for five dimensions; the bump moves to the square root of d and keeps its width. "
    "Right: histograms of angles between two draws, flat in two dimensions, narrow around 90 degrees in a hundred."
)
figure

# %% [markdown]
# ### The angle
#
# Let $u = z/\lVert z\rVert$ and $v$ be the directions of two independent draws. All directions are equally likely,
# so we may turn the axes until $v = (1, 0, \dots, 0)$; then $\cos\angle(u,v) = u^\top v = u_1$. By symmetry
# ($u \to -u$) $\mathbb E u_1 = 0$; and $u_1^2 + \dots + u_d^2 = 1$ with all terms alike, so
#
# $$\boxed{\;\mathbb E\cos\angle = 0, \qquad \operatorname{Var}\cos\angle = \mathbb E u_1^2 = \tfrac1d\;}$$
#
# In 100 dimensions the cosine is within ±0.2 in about 95 % of cases: **any two draws are nearly perpendicular**.
# The last cell checked $\mathbb E\cos^2 = 1/d$ within four standard errors. Both facts hold for every seed pair you
# will ever blend.
#
# ## 2 · Straight paths and arcs
#
# ### A straight line leaves the shell
#
# To walk from $a$ to $b$, the first idea is the straight line, **lerp** for *linear interpolation*:
# $z_t = (1-t)\,a + t\,b$. If $a$ and $b$ are independent draws, each coordinate of $z_t$ is a sum of two
# independent normal numbers with variances $(1-t)^2$ and $t^2$. Sums of independent normals are normal and their
# variances add:
#
# $$\boxed{\;z_t \sim \mathcal N\big(0,\ s_t^2 I\big), \qquad s_t^2 = t^2 + (1-t)^2, \qquad \mathbb E\lVert z_t\rVert =
# s_t\,\mathbb E\lVert z\rVert\;}$$
#
# In the middle $s^2 = \tfrac14 + \tfrac14 = \tfrac12$, so the norm is about $\sqrt{d/2}$. For $d = 100$ that is 7.1
# in place of 10, and the spread of the shell is 0.7: the middle lies **four spreads inside**. The generator was
# never trained there.


# %%
def line_scale(t):
    """s_t: the standard deviation of each coordinate of (1 − t) a + t b for independent a, b ~ N(0, I)."""
    return np.sqrt(t**2 + (1 - t) ** 2)


d = 100
ends = rng.standard_normal((3000, 2, d))
for t in (0.0, 0.25, 0.5):
    points = (1 - t) * ends[:, 0] + t * ends[:, 1]
    norms = np.linalg.norm(points, axis=1)
    error = norms.std() / np.sqrt(len(norms))
    print(f"t = {t:.2f}: norm {norms.mean():.3f} ± {error:.3f}, formula {line_scale(t) * mean_norm(d):.3f}")
    assert abs(norms.mean() - line_scale(t) * mean_norm(d)) < 4 * error
    assert stats.kstest(norms / line_scale(t), stats.chi(d).cdf).pvalue > 1e-4, "the whole law, not only its mean"
inside = stats.chi(d).cdf(line_scale(0.5) * mean_norm(d))
print(f"share of draws with a norm as small as the middle of a line has: {inside:.1e}")

# %% [markdown]
# ### The arc
#
# Keep the norm instead: walk along the circle. Take unit vectors $a$ and $b$ at an angle $\theta$. We look for
# $p = \alpha a + \beta b$ that has turned by the share $t$ of the angle: it makes the angle $t\theta$ with $a$ and
# $(1-t)\theta$ with $b$. As $p$ has norm 1, these two conditions are
#
# $$p^\top a = \alpha + \beta\cos\theta = \cos t\theta, \qquad p^\top b = \alpha\cos\theta + \beta = \cos (1-t)\theta .$$
#
# Multiply the first by $\cos\theta$ and take it from the second:
# $\beta\,(1 - \cos^2\theta) = \cos(\theta - t\theta) - \cos\theta\cos t\theta$. The addition theorem says
# $\cos(\theta - t\theta) = \cos\theta\cos t\theta + \sin\theta\sin t\theta$, which leaves
# $\beta\sin^2\theta = \sin\theta\sin t\theta$. By symmetry ($a \leftrightarrow b$, $t \leftrightarrow 1-t$) the
# same holds for $\alpha$:
#
# $$\boxed{\;\operatorname{slerp}(a, b; t) = \frac{\sin (1-t)\theta}{\sin\theta}\,a + \frac{\sin t\theta}{\sin\theta}\,b
# , \qquad \cos\theta = a^\top b\;}$$
#
# *Spherical linear interpolation* ([Shoemake 1985](https://doi.org/10.1145/325165.325242); for generators [White
# 2016](https://arxiv.org/abs/1609.04468)). Two ends need care. As $\theta \to 0$, $\sin x/\sin y \to x/y$ and the
# weights become $1-t$ and $t$: the arc is the line. At $\theta = \pi$ the denominator is zero and rightly so:
# opposite points are joined by a half circle in *every* direction, and one has to choose. Vectors of other norms:
# turn the direction by this formula and let the norm go evenly from one to the other.


# %%
def slerp(a, b, t):
    """The point a share t of the way from a to b, (d,) each, on the arc; the norm goes evenly from ‖a‖ to ‖b‖."""
    norm_a, norm_b = np.linalg.norm(a), np.linalg.norm(b)
    theta = np.arccos(np.clip(a @ b / (norm_a * norm_b), -1, 1))
    if np.sin(theta) < 1e-9:  # the same direction: the arc is the line; opposite ones are left to the library
        return (1 - t) * a + t * b
    direction = (np.sin((1 - t) * theta) * a / norm_a + np.sin(t * theta) * b / norm_b) / np.sin(theta)
    return ((1 - t) * norm_a + t * norm_b) * direction


a, b = ends[0]
steps = np.linspace(0, 1, 11)
arc = np.array([slerp(a, b, t) for t in steps])
norms = np.linalg.norm(arc, axis=1)
cosines = np.sum(arc[1:] * arc[:-1], axis=1) / (norms[1:] * norms[:-1])
assert np.allclose(norms, (1 - steps) * norms[0] + steps * norms[-1])
assert np.allclose(np.arccos(cosines), np.arccos(cosines).mean()), "equal steps turn by equal angles"
assert np.allclose(arc, latent.slerp(a, b, 11)), "the library's version"
assert np.allclose(slerp(a, 3 * a, 0.25), 1.5 * a), "parallel vectors: the line"
flat = latent.lerp(a / norms[0], b / norms[-1], 11)
flat /= np.linalg.norm(flat, axis=1, keepdims=True)
turned = np.degrees(np.arccos(np.clip(flat @ a / norms[0], -1, 1)))
print("angle turned by slerp       ", np.round(np.degrees(np.arccos(cosines)).cumsum(), 1))
print("by lerp followed by dividing", np.round(turned[1:], 1), "(uneven: fast in the middle)")
assert np.ptp(np.diff(turned)) > 1

# %% [markdown]
# ### Or put the line right
#
# There is a second repair. We know the law of a point on the line, so we may divide by its standard deviation:
#
# $$\boxed{\;\tilde z_t = \frac{(1-t)\,a + t\,b}{\sqrt{t^2 + (1-t)^2}} \sim \mathcal N(0, I)\;}$$
#
# exactly, for every $t$ and every $d$, as long as $a$ and $b$ are independent draws. This is the stronger statement
# about the *law*; slerp makes the stronger statement about the *single path* (norm and speed). With nearly
# perpendicular ends the two paths hardly differ. They do differ for ends that are close together or opposite: for
# $b = a$ the rescaled line swells to $\sqrt2\,a$ half-way, because $a$ and $a$ are not independent.

# %%
middles = {
    "lerp": np.array([latent.lerp(*pair, 3)[1] for pair in ends]),
    "slerp": np.array([latent.slerp(*pair, 3)[1] for pair in ends]),
    "rescaled": np.array([latent.lerp_rescaled(*pair, 3)[1] for pair in ends]),
}
pvalue = {name: stats.kstest(np.linalg.norm(z, axis=1), stats.chi(d).cdf).pvalue for name, z in middles.items()}
print(
    {name: f"mean norm {np.linalg.norm(z, axis=1).mean():.2f}, KS p {pvalue[name]:.1e}" for name, z in middles.items()}
)
assert pvalue["rescaled"] > 1e-4, "the norm of a rescaled point has the chi law"
assert pvalue["lerp"] < 1e-4
assert np.allclose(latent.lerp_rescaled(a, a, 3)[1], np.sqrt(2) * a)

figure, (left, right) = plots.canvas(9.5, 3.0, columns=2)
t = np.linspace(0, 1, 101)
for k, (name, path) in enumerate(
    {"lerp": latent.lerp, "slerp": latent.slerp, "rescaled": latent.lerp_rescaled}.items()
):
    curves = np.array([np.linalg.norm(path(*pair, 101), axis=1) for pair in ends[:200]])
    left.plot(t, curves.mean(axis=0), plots.STYLES[k], color=plots.COLOURS[k], linewidth=2, label=name)
    right.hist(
        np.linalg.norm(middles[name], axis=1), 50, density=True, histtype="step", color=plots.COLOURS[k], linewidth=1.8
    )
    right.plot([], [], color=plots.COLOURS[k], label=f"middle of {name}")
left.axhspan(mean_norm(d) - 1.4, mean_norm(d) + 1.4, color=plots.COLOURS[5], alpha=0.25, label="95 % of draws")
left.set(xlabel="t", ylabel="mean norm of 200 paths", title="Norm along the way, d = 100", ylim=(0, 12.5))
left.legend(frameon=False, fontsize=9, loc="lower right")
r = np.linspace(5, 13, 300)
right.plot(r, stats.chi(d).pdf(r), ":", color="black", linewidth=2, label="draws of N(0, I)")
right.set(xlabel="norm", ylabel="density", title="Norm of the middle", ylim=(0, 1.75))
right.legend(frameon=False, fontsize=8, loc="upper center", ncols=2)
figure.alt_text = (
    "Left: the mean norm along lerp sags from 10 to 7, outside the band of draws; slerp and the rescaled line stay in it. "
    "Right: densities of the middle's norm: lerp around 7, slerp narrower than the draws' density, rescaled equal to it."
)
figure

# %% [markdown]
# Look at the right panel once more: slerp's middles have the right mean norm but too little spread, because the
# norm of the middle is an *average* of two norms and has half their variance. No path is perfect in every respect.
#
# **On faces.** What does the generator make of the sagging line? A face from a $z$ of small norm is not noise,
# since the first layer is linear and a smaller $z$ gives smaller activations. We let the course's classifier say
# how sure it is of the face's attributes.

# %%
first, second = np.random.default_rng(4).standard_normal((2, 100))
walks = {
    "lerp": latent.lerp(first, second, 7),
    "slerp": latent.slerp(first, second, 7),
    "rescaled": latent.lerp_rescaled(first, second, 7),
}
plots.side_by_side(
    {name: gan_pictures(z) for name, z in walks.items()},
    columns=[f"t = {t:.2f}" for t in np.linspace(0, 1, 7)],
    alt="Three walks of the faces GAN between the same two faces, along lerp, slerp and the rescaled line.",
)


# %%
def answers(pictures):
    """The classifier's logits, attribute -> (N, classes)."""
    return judge.predict(np.asarray(pictures), batch_size=250, verbose=0)


def sureness(pictures):
    """Largest class probability, averaged over the 13 attributes of each picture: (N,)."""
    return np.mean([tf.nn.softmax(v).numpy().max(axis=1) for v in answers(pictures).values()], axis=0)


kinds = {"draws": ends[:250, 0]} | {f"middle of {name}": z[:250] for name, z in middles.items()}
for name, z in kinds.items():
    sure = sureness(gan_pictures(z))
    print(f"{name:20} classifier's mean confidence {sure.mean():.3f} ± {sure.std() / np.sqrt(len(sure)):.3f}")

# %% [markdown]
# The pictures differ little and the confidence hardly at all: *this* generator does not mind the small norm,
# although no draw ever has it. The theory says where a path *goes*; whether a generator minds has to be measured on
# that generator. Drawing $z$ with less spread on purpose is called truncation (the *Spread* slider below; lesson 12
# uses it).
#
# ## 3 · Principal directions
#
# ### Of a VAE: the aggregate posterior
#
# A VAE's encoder gives each image $x$ a Gaussian $q(z|x) = \mathcal N(\mu(x), \Sigma(x))$. Mixing these over the
# data gives the **aggregate posterior** $q(z) = \mathbb E_x\,q(z|x)$: where codes of data really lie. Its
# covariance has two parts. Write $m = \mathbb E_x\mu(x)$, the mean of $q(z)$. For a fixed $x$,
# $\mathbb E[(z-m)(z-m)^\top|x] = \Sigma(x) + (\mu(x)-m)(\mu(x)-m)^\top$: put $z - m = (z-\mu) + (\mu - m)$,
# multiply out, and the mixed terms vanish because $\mathbb E[z - \mu\,|\,x] = 0$. Averaging over $x$,
#
# $$\boxed{\;\operatorname{Cov}[z] = \mathbb E_x[\Sigma(x)] + \operatorname{Cov}_x[\mu(x)]\;}$$
#
# the **law of total variance**. If the VAE filled its prior, this would be $I$.


# %%
def aggregate_covariance(mean, logvar):
    """Covariance (d, d) of z ~ q(z|x), x uniform over the rows: mean, logvar (N, d)."""
    return np.diag(np.exp(logvar).mean(axis=0)) + np.cov(mean.T, bias=True)


codes, logvar = (
    np.asarray(t, np.float64) for t in faces_vae.encoder.predict(images.to_float(train.images[:2000]), verbose=0)
)
covariance = aggregate_covariance(codes, logvar)
picked = rng.integers(0, len(codes), 40_000)
drawn = codes[picked] + np.exp(logvar[picked] / 2) * rng.standard_normal((len(picked), codes.shape[1]))
estimate = np.cov(drawn.T)
standard_error = np.sqrt((np.outer(np.diag(covariance), np.diag(covariance)) + covariance**2) / len(picked))
excess = np.abs(estimate - covariance) / standard_error
print(f"largest deviation from 40,000 draws: {excess.max():.1f} standard errors, over {excess.size} entries")
assert excess.max() < 7, "4,096 entries, and tails heavier than a Gaussian's"
spread = np.linalg.eigvalsh(covariance)
print(f"eigenvalues of the aggregate covariance: {spread[0]:.2f} to {spread[-1]:.2f}; of the prior: 1")

# %% [markdown]
# ### The direction of largest variance
#
# Along a unit vector $u$ the codes have variance $u^\top C u$, with $C$ their covariance. To maximise it under
# $u^\top u = 1$, set the gradient of $u^\top C u - \lambda(u^\top u - 1)$ to zero: $2Cu - 2\lambda u = 0$, so
#
# $$\boxed{\;C u = \lambda u, \qquad u^\top C u = \lambda\;}$$
#
# The best direction is the eigenvector with the largest eigenvalue, the next best one perpendicular to it is the
# next, and so on. We apply this to the means $\mu(x)$, because $\Sigma(x)$ is noise that the decoder has learned to
# tolerate.

# %%
directions, variances = latent.principal_directions(codes, 5)
C = np.cov(codes.T)
assert np.allclose(C @ directions.T, directions.T * variances), "eigenvectors"
others = rng.standard_normal((5000, 64))
others /= np.linalg.norm(others, axis=1, keepdims=True)
assert np.einsum("nd,de,ne->n", others, C, others).max() < variances[0]

figure, (left, right) = plots.canvas(9.5, 2.9, columns=2)
left.plot(np.arange(1, 65), np.linalg.eigvalsh(C)[::-1], "o-", markersize=3, color=plots.COLOURS[0], label="means")
left.plot(np.arange(1, 65), spread[::-1], "s--", markersize=3, color=plots.COLOURS[1], label="aggregate posterior")
left.axhline(1, color=plots.GREY, linestyle=":", label="prior")
left.set(xlabel="component", ylabel="variance", title="faces-vae: eigenvalues", ylim=(0, None))
left.legend(frameon=False, fontsize=9)
bins = np.linspace(0, 14, 80)
right.hist(np.linalg.norm(drawn, axis=1), bins, density=True, alpha=0.5, color=plots.COLOURS[1], label="codes of faces")
right.plot(bins, stats.chi(64).pdf(bins), color=plots.COLOURS[6], label="prior, d = 64")
right.set(xlabel="norm of z", ylabel="density", title="Do the codes fill the shell?")
right.legend(frameon=False, fontsize=9)
figure.alt_text = (
    "Left: eigenvalues of the covariance of the VAE's means and of its aggregate posterior, beside the prior's constant 1. "
    "Right: norms of codes drawn from the aggregate posterior beside the chi density of the prior."
)
figure

# %%
along = np.linspace(-3, 3, 5)
rows = {
    f"component {k + 1}": vae_pictures(codes.mean(axis=0) + along[:, None] * np.sqrt(variances[k]) * directions[k])
    for k in range(3)
}
plots.side_by_side(
    rows,
    columns=[f"{v:+.2f} sd" for v in along],
    alt="Decoded faces along the first three principal components of the faces VAE's codes.",
)

# %% [markdown]
# The right panel could deceive: the *norms* of the codes lie near the prior's shell, since the variances add up to
# about $d$, but the left panel shows that some fifteen directions hold nearly all of it and most of the others
# almost nothing. The codes lie in a flat slice of the shell. A draw of the prior misses the slice, which is why
# this VAE's samples look worse than its reconstructions (lesson 03). Judge the filling of a prior by the whole
# covariance, never by the norm.
#
# The components move several attributes together: a direction of large variance is a direction in which *pictures*
# differ much (hair, shirt and background colour), and nothing in its definition knows what a person would call one
# attribute.
#
# ### Of a generator: its first layer
#
# A GAN's $z$ has no principal directions: it is $\mathcal N(0, I)$ by construction, $C = I$, and every direction is
# as good as another. [GANSpace](https://arxiv.org/abs/2004.02546) (Härkönen et al. 2020) therefore takes the
# components of *activations*. Our generator begins with a linear layer, $h = W^\top z + c$ with $W$ of shape
# $(d, m)$, batch normalisation included (at inference it only scales and shifts). For $z \sim \mathcal N(0, I)$,
# $\operatorname{Cov}[h] = W^\top I\,W = W^\top W$. Write the singular value decomposition $W = U S V^\top$:
#
# $$\boxed{\;\operatorname{Cov}[h] = V S^2 V^\top, \qquad \text{moving } z \text{ along } u_k \text{ moves } h \text{ along } v_k
# \text{ by } s_k\;}$$
#
# The principal components of the activations are the columns of $V$, with variances $s_k^2$, and the matching
# directions in $z$ are the columns of $U$. No sampling is needed.

# %%
dense, norm = faces_gan.layers[1], faces_gan.layers[3]
kernel = np.asarray(dense.kernel, np.float64)
print("first layers:", type(dense).__name__, kernel.shape, "then", type(norm).__name__)
channels = norm.gamma.shape[0]
scale = np.asarray(norm.gamma) / np.sqrt(np.asarray(norm.moving_variance) + norm.epsilon)
W = kernel * np.tile(scale, kernel.shape[1] // channels)  # the normalisation scales each channel at every place
U, S, Vt = np.linalg.svd(W, full_matrices=False)
h = keras.Model(faces_gan.input, norm.output).predict(rng.standard_normal((3000, 100)).astype(np.float32), verbose=0)
h = h.reshape(len(h), -1)
sampled = np.array([np.var(h @ v) for v in Vt[:3]])
error = S[:3] ** 2 * np.sqrt(2 / len(h))
print("variances of the first components: formula", np.round(S[:3] ** 2, 1), "sampled", np.round(sampled, 1))
assert np.all(np.abs(sampled - S[:3] ** 2) < 4 * error)
gan_directions = U.T[:5] * np.sign(U.T[:5].sum(axis=1, keepdims=True))
start = np.random.default_rng(4).standard_normal(100)
plots.side_by_side(
    {f"component {k + 1}": gan_pictures(start + 1.5 * along[:, None] * gan_directions[k]) for k in range(3)},
    columns=[f"{1.5 * v:+.1f}" for v in along],
    alt="Faces of the GAN along the first three principal directions of its first layer.",
)

# %% [markdown]
# ## 4 · Attribute vectors
#
# Suppose that some codes are labelled: with glasses ($y = 1$) and without ($y = 0$). Let $m_1, m_0$ be the means of
# the two groups. The **attribute vector** is their difference, $\Delta = m_1 - m_0$ ([Larsen et al.
# 2015](https://arxiv.org/abs/1512.09300)). Adding it moves the average code without glasses onto the average code
# with them. Is it also the direction that *tells* the groups apart best?
#
# ### The direction that tells groups apart
#
# Let both groups be Gaussian with one covariance $\Sigma$. The logarithm of the density ratio at $z$ is
#
# $$-\tfrac12 (z-m_1)^\top\Sigma^{-1}(z-m_1) + \tfrac12 (z-m_0)^\top\Sigma^{-1}(z-m_0) = z^\top\Sigma^{-1}(m_1-m_0) +
# \text{const},$$
#
# because the terms $z^\top\Sigma^{-1}z$ cancel. So $w = \Sigma^{-1}\Delta$ is all that a classifier needs: Fisher's
# linear discriminant. Least squares finds the same direction. Let $\pi$ be the share of $y = 1$ and regress $y$ on
# $z$: the normal equations are $\operatorname{Cov}[z]\,w = \operatorname{Cov}[z, y]$. Here
# $\operatorname{Cov}[z, y] = \pi(1-\pi)\Delta$, and by the law of total variance
# $\operatorname{Cov}[z] = \Sigma + \pi(1-\pi)\Delta\Delta^\top$. Hence
# $\Sigma w = \pi(1-\pi)\,\Delta\,(1 - \Delta^\top w)$, a multiple of $\Delta$:
#
# $$\boxed{\;w_{\text{regression}} \;\propto\; \Sigma^{-1}\Delta \;\propto\; \operatorname{Cov}[z]^{-1}\Delta\;}$$
#
# The last form has a consequence. A GAN's $z$ has $\operatorname{Cov}[z] = I$: **in the latent space of a GAN the
# difference of means and the regression direction are the same.** In a VAE's aggregate posterior, which is far from
# $I$, they are not: the discriminant prefers directions in which codes hardly vary.


# %%
def difference_of_means(z, y):
    """Mean of z (N, d) where y (N,) is 1, less the mean where it is 0: (d,)."""
    return z[y == 1].mean(axis=0) - z[y == 0].mean(axis=0)


def discriminant(z, y):
    """Σ⁻¹ (m₁ − m₀) with Σ the covariance within the two groups: (d,)."""
    within = np.concatenate([z[y == 1] - z[y == 1].mean(axis=0), z[y == 0] - z[y == 0].mean(axis=0)])
    return np.linalg.solve(within.T @ within / len(z), difference_of_means(z, y))


def cosine(u, v):
    return float(u @ v / (np.linalg.norm(u) * np.linalg.norm(v)))


y = (train.attributes["glasses"][:2000] > 0).astype(int)  # true labels of the faces behind `codes`
regression = np.linalg.lstsq(codes - codes.mean(axis=0), y - y.mean(), rcond=None)[0]
assert np.isclose(cosine(regression, discriminant(codes, y)), 1), "least squares gives the discriminant's direction"
assert np.allclose(
    latent.attribute_direction(codes, y), difference_of_means(codes, y) / np.linalg.norm(difference_of_means(codes, y))
)
assert np.isclose(cosine(latent.discriminant_direction(codes, y), regression), 1)

z_gan = np.random.default_rng(5).standard_normal((DRAWS, 100))
said = {name: v.argmax(axis=1) for name, v in answers(gan_pictures(z_gan)).items()}
IS_THERE = {
    "glasses": lambda labels: labels["glasses"] > 0,
    "facial hair": lambda labels: labels["facial_hair"] > 0,
    "long hair": lambda labels: labels["hair"] == data.face_names()["hair"].index("long"),
}
SPACES = {"faces-gan": (z_gan, said), "faces-vae": (codes, {k: v[:2000] for k, v in train.attributes.items()})}
vectors = {}
for model, (z, labels) in SPACES.items():
    for name, is_there in IS_THERE.items():
        y = is_there(labels).astype(int)
        vectors[model, name] = difference_of_means(z, y), discriminant(z, y)
        print(
            f"{model}, {name:11}: share {y.mean():.2f}, cos(difference, discriminant) = {cosine(*vectors[model, name]):.2f}"
        )
assert all(cosine(*vectors["faces-gan", name]) > 0.95 for name in IS_THERE), "Cov[z] = I makes them one"
assert all(cosine(*vectors["faces-vae", name]) < 0.9 for name in IS_THERE)

# %% [markdown]
# For the GAN the cosine is 1 up to the noise of the sample covariance. For the VAE the two are very different
# vectors. Which one should *edit*? The discriminant is a **filter**: it looks where the attribute can be read off
# with the least disturbance. The difference is the **pattern**: what changes in $z$ when the attribute changes
# ([Haufe et al. 2014](https://doi.org/10.1016/j.neuroimage.2013.10.067) explain the two words). The pattern looks
# like the right choice for an edit. Let us measure.
#
# ### Does it work, and what else does it change?
#
# Take pictures without the attribute, add $\alpha$ times the vector, decode, and ask the classifier two things:
#
# - **success**: the share of pictures that now have the attribute;
# - **leakage**: the share of answers about the *other* twelve attributes that changed.
#
# One unit of $\alpha$ is the distance $\lVert\Delta\rVert$ between the two means, for every vector. A random vector
# of the same length says how much any movement changes.

# %%
DECODERS = {"faces-gan": gan_pictures, "faces-vae": vae_pictures}
HEADS = {"glasses": "glasses", "facial hair": "facial_hair", "long hair": "hair"}


def edit_scores(model, name, vector, alphas):
    """(success, leakage) for each step alpha * vector, on pictures that lack the attribute: two arrays."""
    z, labels = SPACES[model]
    z = z[~IS_THERE[name](labels)][:EDITED]
    before = {k: v.argmax(axis=1) for k, v in answers(DECODERS[model](z)).items()}
    lacking = ~IS_THERE[name](before)
    success, leakage = [], []
    for alpha in alphas:
        after = {k: v.argmax(axis=1) for k, v in answers(DECODERS[model](z + alpha * vector)).items()}
        success.append(IS_THERE[name](after)[lacking].mean())
        leakage.append(np.mean([after[k] != before[k] for k in before if k != HEADS[name]]))
    return np.array(success), np.array(leakage)


def of_length(vector, other):
    """The vector, as long as another one."""
    return vector / np.linalg.norm(vector) * np.linalg.norm(other)


alphas = np.array([0.5, 1.0, 2.0, 3.0])
figure, axes = plots.canvas(9.5, 3.1, columns=2, sharey=True)
for axis, model in zip(axes, SPACES, strict=True):
    difference, filtered = vectors[model, "glasses"]
    random = np.random.default_rng(6).standard_normal(len(difference))
    kinds = {
        "difference of means": difference,
        "discriminant": of_length(filtered, difference),
        "random": of_length(random, difference),
    }
    if model == "faces-gan":
        del kinds["discriminant"]  # the same direction as the difference
    for kind, vector in kinds.items():
        k = ["difference of means", "discriminant", "random"].index(kind)
        success, leakage = edit_scores(model, "glasses", vector, alphas)
        axis.plot(alphas, success, "-", marker=plots.MARKERS[k], color=plots.COLOURS[k], label=f"success, {kind}")
        axis.plot(alphas, leakage, "--", marker=plots.MARKERS[k], color=plots.COLOURS[k], label=f"leakage, {kind}")
        print(f"{model}, {kind:20} alpha = 2: success {success[2]:.2f}, leakage {leakage[2]:.2f}")
    axis.set(xlabel=r"$\alpha$", title=f"{model}: adding glasses", ylim=(-0.03, 1.03))
axes[1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=8)
axes[0].set_ylabel("share")
figure.alt_text = (
    "Success and leakage of adding glasses against the step, for the GAN and the VAE, by the difference of means, by the "
    "discriminant and by a random vector of the same length."
)
figure

# %%
for model in SPACES:
    for name in IS_THERE:
        success, leakage = edit_scores(model, name, vectors[model, name][0], [2.0])
        print(f"{model}, {name:11} alpha = 2: success {success[0]:.2f}, leakage {leakage[0]:.2f}")
rows = {}
for model, (z, labels) in SPACES.items():
    chosen = z[~IS_THERE["glasses"](labels)][:5]
    rows[f"{model}"] = DECODERS[model](chosen)
    rows["+ 2 glasses" if model == "faces-gan" else "+ 2 glasses "] = DECODERS[model](
        chosen + 2 * vectors[model, "glasses"][0]
    )
plots.side_by_side(
    rows, alt="Faces without glasses and the same after adding the glasses vector twice, for both models."
)

# %% [markdown]
# Read the figure with care.
#
# - Adding glasses works in both models, and no random vector does it.
# - In the GAN the edit changes the other attributes about as much as a random vector of its length: its space is
#   **entangled** around any direction, and the price of an edit is mostly the length of the step.
# - In the VAE the difference of means needs the shorter step. But compare at equal *success*, not at equal length:
#   the discriminant at $\alpha = 3$ succeeds as often as the difference at $\alpha = 2$, and leaks about as much.
#   The theory of patterns and filters did not decide this contest; the measurement calls it a draw.
#
# One source of leakage is in the vector itself: where two attributes go together in the labelled pictures, the vector
# carries both.
#
# ### Project the others out
#
# Let $n_1, \dots, n_k$ be the vectors of attributes that should stay. Subtract from $\Delta$ its orthogonal
# projection on their span:
#
# $$\boxed{\;\Delta_\perp = \Delta - N(N^\top N)^{-1}N^\top\Delta, \qquad N = (n_1, \dots, n_k), \qquad N^\top\Delta_\perp = 0\;}$$
#
# (the last equation: $N^\top\Delta - N^\top N(N^\top N)^{-1}N^\top\Delta = 0$). It removes what is *linear* in the
# other attributes, and no more.


# %%
def project_out(vector, others):
    """The part of a vector (d,) that is perpendicular to the rows of others (k, d)."""
    N = others.T
    return vector - N @ np.linalg.solve(N.T @ N, N.T @ vector)


glasses, beard = (vectors["faces-vae", name][0] for name in ("glasses", "facial hair"))
print(f"attributes drawn independently: cos(glasses, facial hair) = {cosine(glasses, beard):+.2f}")
has_glasses, has_beard = (IS_THERE[name](SPACES["faces-vae"][1]) for name in ("glasses", "facial hair"))
keep = (has_glasses == has_beard) | (np.random.default_rng(7).random(len(codes)) < 0.1)  # a biased collection
biased = difference_of_means(codes[keep], has_glasses[keep])
alone = project_out(biased, beard[None])
assert np.isclose(alone @ beard, 0, atol=1e-9)
assert np.isclose(cosine(alone, latent.without(biased, beard[None])), 1)


def beards_gained(vector):
    """Share of faces with neither attribute that have facial hair after adding twice the vector."""
    plain = codes[~has_glasses & ~has_beard][:EDITED]
    return IS_THERE["facial hair"](
        {k: v.argmax(axis=1) for k, v in answers(vae_pictures(plain + 2 * vector)).items()}
    ).mean()


for name, vector in {"independent labels": glasses, "biased labels": biased, "biased, projected": alone}.items():
    print(
        f"{name:19} cos with facial hair {cosine(vector, beard):+.2f}; facial hair gained {beards_gained(vector):.2f}"
    )

# %% [markdown]
# In the course's faces the attributes are independent, so the three vectors of section 4 are nearly perpendicular
# and there is nothing to project out. In the biased collection, where nearly everybody with glasses has facial
# hair, the "glasses" vector grows beards, and the projection takes most of that away. It needs a clean vector of
# the attribute to remove.
#
# ### Arithmetic with one example
#
# Without labels for thousands, one pair may do: *this face with glasses* − *this face without* + *that face* = ? As
# the faces are composed, we can draw the pair with nothing else changed, and also the true answer.

# %%
some = {name: values[:40] for name, values in held_out.attributes.items()}
variants = {g: images.to_float(data.compose_faces(some | {"glasses": np.full(40, g)})) for g in (0, 2)}
code = {g: np.asarray(faces_vae.encode(x)[0]) for g, x in variants.items()}
pair = code[2][:1] - code[0][:1]  # from one face
mean_pair = (code[2][:20] - code[0][:20]).mean(axis=0)  # from twenty faces
others = slice(20, 40)
tries = {
    "unchanged": code[0][others],
    "one pair's difference": code[0][others] + pair,
    "mean difference of 20 pairs": code[0][others] + mean_pair,
    "difference of group means": code[0][others] + vectors["faces-vae", "glasses"][0],
    "its own code (best possible)": code[2][others],
}
for name, z in tries.items():
    error = np.mean((vae_pictures(z) - variants[2][others]) ** 2)
    print(f"{name:29} mean squared error to the true face with square glasses {error:.4f}")
shown = (
    {"without": variants[0][others][:6]}
    | {
        name.replace(" (", "\n(").replace(" difference", "\ndifference"): vae_pictures(z[:6])
        for name, z in list(tries.items())[1:3]
    }
    | {"truth": variants[2][others][:6]}
)
plots.side_by_side(
    shown,
    alt="Faces, the same with glasses added by one pair, and by the mean of twenty pairs, and the truth.",
)

# %% [markdown]
# One clean pair is nearly as good as the mean of twenty: the direction of *this* attribute is nearly the same for
# all faces. The group means add the *average* pair of glasses (round and square mixed), hence the larger error. The
# last row is the floor that the VAE's own reconstruction sets.
#
# ## 5 · Disentanglement, measured
#
# Could each coordinate of $z$ stand for one factor of the picture? To measure it we need pictures whose factors are
# known: the **sprites**. We keep the shapes alone, because the two hues live on circles, to which we come back.

# %%
FACTORS = ("shape", "size", "angle", "x", "y")


def silhouettes(pictures):
    """The shapes alone, floats (N, H, W, 1) in [-1, 1], of sprites uint8 (N, H, W, 3).

    A sprite's shape has saturation 0.75 and its background 0.3, whatever their hues.
    """
    pictures = pictures.astype(np.float32)
    brightest, darkest = pictures.max(axis=-1, keepdims=True), pictures.min(axis=-1, keepdims=True)
    saturation = 1 - darkest / brightest
    return 2 * np.clip((saturation - 0.3) / 0.45, 0, 1) - 1


sprites, true_factors = data.sprites(SPRITES, 32, seed=1)
test_sprites, test_factors = data.sprites(5000, 32, seed=2)
x_train, x_test = silhouettes(sprites), silhouettes(test_sprites)
factors = np.stack([test_factors[name] for name in FACTORS], axis=1)  # (5000, 5) integers
print("values of each factor:", dict(zip(FACTORS, (factors.max(axis=0) + 1).tolist(), strict=True)))
plots.side_by_side(
    {"sprites": test_sprites[:12], "silhouettes": np.repeat(images.to_uint8(x_test[:12]), 3, axis=-1)},
    alt="Twelve coloured sprites and their white silhouettes on black.",
)

# %% [markdown]
# ### Information and entropy
#
# For discrete $v$ with probabilities $p(v)$ the **entropy** $H(v) = -\sum_v p(v)\log p(v)$ is the number of nats
# one needs to name a value. The **mutual information** of $z$ and $v$ is what knowing $z$ saves of it:
#
# $$I(z; v) = H(v) - H(v|z) = \sum_{z,v} p(z,v)\log\frac{p(z,v)}{p(z)\,p(v)} .$$
#
# The two forms agree because $H(v|z) = -\sum p(z,v)\log p(v|z)$ and $p(v|z) = p(z,v)/p(z)$. The second is the KL
# divergence between the joint distribution and the product of its margins, hence $I \ge 0$, with 0 only for
# independence. And $H(v|z) \ge 0$ for discrete $v$, so $I \le H(v)$:
#
# $$\boxed{\;0 \le I(z;v) \le H(v)\;}$$
#
# ### The gap
#
# The **mutual information gap** ([Chen et al. 2018](https://arxiv.org/abs/1802.04942)) asks of each factor $v_k$: how
# much more does the best coordinate know about it than the second best?
#
# $$\boxed{\;\mathrm{MIG} = \frac1K\sum_{k=1}^K \frac{I(z_{j_1}; v_k) - I(z_{j_2}; v_k)}{H(v_k)} \in [0, 1]\;}$$
#
# with $j_1, j_2$ the coordinates of largest and second largest information. The bounds follow from the box above:
# $0 \le I_{j_2} \le I_{j_1} \le H$. A 1 means: each factor is known exactly from one coordinate, and not at all
# from any other.
#
# Codes are continuous, so we count them in bins. With $B$ bins, $V$ values and $N$ examples even pure noise gets
# some information by chance: $2N\hat I$ is then the likelihood-ratio statistic of a test of independence, which is
# about $\chi^2$ with $(B-1)(V-1)$ degrees of freedom, so $\mathbb E\hat I \approx (B-1)(V-1)/(2N)$.


# %%
def mutual_information(joint):
    """I(z; v) in nats from a table of counts or probabilities (B, V)."""
    p = joint / joint.sum()
    independent = p.sum(axis=1, keepdims=True) * p.sum(axis=0, keepdims=True)
    seen = p > 0  # 0 log 0 = 0
    return np.sum(p[seen] * np.log(p[seen] / independent[seen]))


def information_table(z, factors, bins=20):
    """I(z_j; v_k) in nats for codes (N, d) and factors of integers (N, K): (d, K)."""
    table = np.zeros((z.shape[1], factors.shape[1]))
    for j, code in enumerate(z.T):
        edges = np.linspace(code.min(), code.max(), bins + 1)[1:-1]
        for k, factor in enumerate(factors.T):
            joint = np.zeros((bins, factor.max() + 1))
            np.add.at(joint, (np.digitize(code, edges), factor), 1)
            table[j, k] = mutual_information(joint)
    return table


def gaps(table, factors):
    """The gap of each factor over its entropy: (K,). Their mean is the MIG."""
    entropy = [mutual_information(np.diag(np.bincount(v))) for v in factors.T]  # H(v) = I(v; v)
    ordered = np.sort(table, axis=0)
    return (ordered[-1] - ordered[-2]) / entropy


oracle = np.random.default_rng(8)
v = np.repeat(np.indices((3, 6, 16)).reshape(3, -1).T, 70, axis=0)  # every combination equally often
N = len(v)
noise = oracle.uniform(size=(N, 2))
hue = oracle.integers(0, 10, N)
circle = np.stack([np.cos(2 * np.pi * hue / 10), np.sin(2 * np.pi * hue / 10)], axis=1)
cases = {
    "each factor in its own coordinate": (v * [1.0, -2.0, 0.1], v),
    "every factor in two coordinates": (np.concatenate([v, -v], axis=1), v),
    "noise": (noise, v),
    "hue as a point on a circle": (np.concatenate([circle, noise], axis=1), hue[:, None]),
}
for name, (z, u) in cases.items():
    table = information_table(z, u)
    print(f"{name:34} MIG {gaps(table, u).mean():.4f}   largest information {table.max(axis=0).round(3)} nats")
    assert np.isclose(gaps(table, u).mean(), metrics.mutual_information_gap(z, u)), "the library's version"
assert np.isclose(gaps(information_table(*cases["each factor in its own coordinate"]), v).mean(), 1)
assert gaps(information_table(*cases["every factor in two coordinates"]), v).mean() < 1e-9
bias = 19 * (np.array([3, 6, 16]) - 1) / (2 * N)
found = information_table(oracle.uniform(size=(N, 20)), v)
print("information of noise: formula", bias.round(5), "mean of 20 columns", found.mean(axis=0).round(5))
assert np.all(np.abs(found.mean(axis=0) - bias) < 4 * found.std(axis=0) / np.sqrt(20))

# %% [markdown]
# The last oracle is a warning. A point on a circle is the natural code of a hue or an angle, perfect and smooth,
# and its MIG is near 0: two coordinates share the work. **A low MIG does not say that the information is missing**;
# it says that no single axis has it.
#
# ### A short run
#
# A β-VAE (lesson 03: reconstruction + β KL) with the same two dense layers as the recorded runs below and less
# training. Its Gaussian likelihood has a *fixed* variance of 0.1: a learned one would adapt to β and undo part of
# it.


# %%
def sprite_vae(beta, seed=0, width=128, latent_dim=10):
    """An untrained β-VAE of silhouettes."""
    keras.utils.set_random_seed(seed)
    image, z = keras.Input((32, 32, 1)), keras.Input((latent_dim,))
    hidden = layers.Dense(width, activation="relu")(layers.Flatten()(image))
    hidden = layers.Dense(width, activation="relu")(hidden)
    encoder = keras.Model(image, [layers.Dense(latent_dim)(hidden), layers.Dense(latent_dim)(hidden)])
    hidden = layers.Dense(width, activation="relu")(layers.Dense(width, activation="relu")(z))
    decoder = keras.Model(z, layers.Reshape((32, 32, 1))(layers.Dense(32 * 32)(hidden)))
    model = vae.VAE(encoder, decoder, likelihood="gaussian", beta=beta, seed=seed)
    model.logvar.assign(np.log(0.1))
    model.logvar.trainable = False
    return model


own = sprite_vae(beta=8.0)
own.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, EPOCHS * (SPRITES // 64))))
_ = own.fit(x_train, batch_size=64, epochs=EPOCHS, verbose=0)
logs = own.evaluate(x_test, batch_size=500, verbose=0, return_dict=True)
mean, logvar = (np.asarray(t) for t in own.encode(x_test))
z_own = mean + np.exp(logvar / 2) * np.random.default_rng(9).standard_normal(mean.shape)  # draws of q(z|x)
table = information_table(z_own, factors)
print(
    f"own short run, beta 8: rate {logs['kl']:.1f}, distortion {logs['reconstruction']:.1f} nats, MIG {gaps(table, factors).mean():.3f}"
)

record_path = importlib.resources.files("course_lib") / "assets" / "lessons" / "04_disentanglement"
with np.load(f"{record_path}.npz") as file:
    record = {name: file[name] for name in file.files}
with open(f"{record_path}.json", encoding="utf-8") as file:
    record_card = json.load(file)
print(
    f"recorded: {record_card['sweep']['steps']:,} steps each, seeds {record_card['sweep']['seed']}, {record_card['date']}, {record_card['hardware']}"
)

# %%
betas, mig = record["betas"], record["mig"]  # (6,), (6, 3)
print(" beta   rate   distortion   MIG of seeds 0, 1, 2    active units (KL > 0.1 nat)")
for b, beta in enumerate(betas):
    active = np.sum(record["kl_per_unit"][b] > 0.1, axis=-1)
    print(
        f"{beta:5g} {record['rate'][b].mean():6.1f} {record['distortion'][b].mean():9.1f}      {mig[b].round(3)}   {active}"
    )

figure, (left, middle, right) = plots.canvas(11, 3.3, columns=3)
plots.draw_rate_distortion(
    left, record["rate"].mean(axis=1), record["distortion"].mean(axis=1), [f"{b:g}" for b in betas]
)
left.set_title("Rate and distortion by β", fontsize=11)
for seed in range(mig.shape[1]):
    middle.plot(betas, mig[:, seed], plots.MARKERS[seed], color=plots.COLOURS[seed], label=f"seed {seed}")
middle.plot(betas, mig.mean(axis=1), "-", color=plots.GREY, label="mean")
middle.set(xscale="log", xlabel=r"$\beta$", ylabel="MIG", ylim=(0, None), title="MIG by β")
middle.set_xticks(betas, [f"{b:g}" for b in betas])
middle.minorticks_off()
middle.legend(frameon=False, fontsize=9)
for k, name in enumerate(FACTORS):
    ordered = np.sort(record["information"], axis=2)[:, :, :, k]  # (betas, seeds, units)
    entropy = np.log([3, 6, 24, 16, 16][k])
    right.plot(
        betas,
        (ordered[..., -1] - ordered[..., -2]).mean(axis=1) / entropy,
        plots.STYLES[k % 4],
        marker=plots.MARKERS[k],
        color=plots.COLOURS[k],
        label=name,
    )
right.set(xscale="log", xlabel=r"$\beta$", ylabel="gap / entropy", title="Gap of each factor, mean of seeds")
right.set_xticks(betas, [f"{b:g}" for b in betas])
right.minorticks_off()
right.legend(frameon=False, fontsize=9)
figure.alt_text = (
    "Left: rate and distortion over beta. Middle: MIG of three seeds over beta; the seeds lie far apart. "
    "Right: the gap of each of the five factors over beta; shape and angle stay at zero."
)
figure

# %%
trend, spread_of_seeds = mig[-1].mean() - mig[0].mean(), np.ptp(mig, axis=1)
print(f"mean MIG from beta {betas[0]:g} to {betas[-1]:g}: {mig[0].mean():.3f} -> {mig[-1].mean():.3f}")
print(f"range over seeds at each beta: {spread_of_seeds.round(3)}")
assert spread_of_seeds[-1] > trend > 0, "the record, as the text reads it"
shape_and_angle = np.sort(record["information"], axis=2)[:, :, :, [0, 2]]
assert np.max(shape_and_angle[:, :, -1] - shape_and_angle[:, :, -2]) < 0.05, "in nats, over all models"
at = [0, 3, 5]
rows = {}
for b in at:
    for unit in range(3):
        rows[f"β = {betas[b]:g}, unit {unit + 1}"] = np.repeat(record["traversals"][b, unit], 3, axis=-1)
plots.side_by_side(
    rows,
    columns=[f"{v:+.1f}" for v in np.linspace(-2, 2, 7)],
    alt="Traversals of the three units of largest KL for three values of beta: recorded models, seed 0.",
)

# %% [markdown]
# What the record says, without flattery:
#
# - β trades distortion for rate, as it must, and switches units off one by one.
# - MIG rises with β, unevenly, **and at the largest β the three seeds differ by more than the whole trend**. A
#   comparison of two methods with one seed each would be worthless. [Locatello et al.
#   2019](https://arxiv.org/abs/1811.12359) found this on twelve thousand models.
# - Shape and angle are never found: they change few pixels, so they are the first that a tight rate gives up. The
#   best MIG belongs to a model that draws round blobs. Never read MIG without the distortion beside it.
#
# ## 6 · Why the axes cannot be found from data alone
#
# Is the spread of seeds a defect of training? Not only: an ELBO with an unrestricted $q$ cannot tell axes apart.
# Let $g$ be any decoder, $z \sim \mathcal N(0, I)$, and $R$ any rotation ($R^\top R = I$). Define $z' = Rz$ and the
# decoder $g'(z') = g(R^\top z')$.
#
# 1. $z'$ is Gaussian with mean 0 and covariance $R\,I\,R^\top = I$: the same prior.
# 2. $g'(z') = g(R^\top R z) = g(z)$: the same pictures with the same probabilities, so **the same $p(x)$**.
# 3. If $q(z|x) = \mathcal N(\mu, \Sigma)$, take $q'(z'|x) = \mathcal N(R\mu, R\Sigma R^\top)$. The reconstruction
#    term is the same by 2. The KL to the prior is
#    $\tfrac12(\operatorname{tr}\Sigma + \mu^\top\mu - d - \log\det\Sigma)$; the trace, the norm and the determinant
#    do not change under rotation. **The same ELBO.**
# 4. But $z'_1$ is a mixture of all $z_j$: **a different MIG**.
#
# $$\boxed{\;p(x) \text{ and ELBO are equal for all rotations; MIG is not a function of them}\;}$$
#
# So no objective built on $p(x)$ alone can prefer the disentangled coordinates (for the general theorem see
# Locatello et al., theorem 1). The check: a model with two true factors, rotated.


# %%
def rotation(angle):
    """The rotation of the plane by an angle in radians."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def log_evidence(x, A, noise_variance):
    """log p(x) of the linear model x = A z + noise, x (N, D), A (D, d), in nats: (N,)."""
    covariance = A @ A.T + noise_variance * np.eye(len(A))
    return stats.multivariate_normal(np.zeros(len(A)), covariance).logpdf(x)


def linear_elbo(x, A, noise_variance, mean, cov):
    """ELBO of the linear model for q = N(mean, cov), mean (N, d), cov (d, d), in closed form: (N,)."""
    D, d = A.shape
    squares = np.sum((x - mean @ A.T) ** 2, axis=1) + np.trace(A @ cov @ A.T)
    likelihood = -0.5 * (D * np.log(2 * np.pi * noise_variance) + squares / noise_variance)
    kl = 0.5 * (np.trace(cov) + np.sum(mean**2, axis=1) - d - np.linalg.slogdet(cov)[1])
    return likelihood - kl


def exact_posterior(x, A, noise_variance):
    """Mean (N, d) and covariance (d, d) of z given x."""
    cov = np.linalg.inv(np.eye(A.shape[1]) + A.T @ A / noise_variance)
    return x @ A @ cov / noise_variance, cov


generator = np.random.default_rng(10)
A = np.linalg.qr(generator.standard_normal((5, 2)))[0] * [2.0, 1.0]  # two perpendicular columns
z_true = generator.standard_normal((8000, 2))
x_linear = z_true @ A.T + 0.3 * generator.standard_normal((8000, 5))
deciles = np.stack([np.digitize(z, stats.norm.ppf(np.arange(0.1, 0.95, 0.1))) for z in z_true.T], axis=1)
angles = np.radians(np.arange(0, 91, 5))
evidence, full, migs = [], [], []
for angle in angles:
    R = rotation(angle)
    mean, cov = exact_posterior(x_linear, A, 0.09)
    evidence.append(log_evidence(x_linear, A @ R.T, 0.09).mean())
    full.append(linear_elbo(x_linear, A @ R.T, 0.09, mean @ R.T, R @ cov @ R.T).mean())
    migs.append(gaps(information_table(z_true @ R.T, deciles), deciles).mean())
assert np.ptp(evidence) < 1e-9 and np.ptp(full) < 1e-9, "no rotation changes p(x) or the ELBO"
assert np.allclose(evidence, full), "q is the exact posterior here, so the bound is tight"
print(f"log p(x) {evidence[0]:.6f} at 0°, {evidence[9]:.6f} at 45°; MIG {migs[0]:.3f} and {migs[9]:.3f}")
assert migs[0] > 0.7 and migs[9] < 0.05

# %% [markdown]
# ### The caveat: a diagonal q does have an opinion
#
# Our VAEs use a *diagonal* $\Sigma$, and $R\Sigma R^\top$ is then no longer allowed. [Rolinek et al.
# 2019](https://arxiv.org/abs/1812.06775) showed that this, not β, is what aligns a VAE's axes. In the linear model
# we can see it exactly. Let $\Lambda$ be the precision (inverse covariance) of the exact posterior; for
# $q = \mathcal N(\mu, \operatorname{diag} s)$ with the exact mean,
# $\mathrm{KL}(q\|p) = \tfrac12(\sum_j \Lambda_{jj}s_j - d - \sum_j\log s_j - \log\det\Lambda)$. The derivative by
# $s_j$ is zero at $s_j = 1/\Lambda_{jj}$, which leaves
#
# $$\boxed{\;\log p(x) - \max_{\text{diagonal } q}\mathrm{ELBO} = \tfrac12\Big(\sum_j\log\Lambda_{jj} - \log\det\Lambda\Big) \ge 0\;}$$
#
# with equality only for a diagonal $\Lambda = I + A^\top A/\sigma^2$ (Hadamard's inequality): when the columns of
# $A$ are **perpendicular**. The diagonal $q$ prefers those axes, the same that PCA finds. They need not be the true
# factors: with columns of equal length every rotation keeps them perpendicular, and the preference is gone.


# %%
def diagonal_gap(precision):
    """log p(x) less the best ELBO with a diagonal q, in nats, for a posterior with this precision matrix (d, d)."""
    return 0.5 * (np.sum(np.log(np.diag(precision))) - np.linalg.slogdet(precision)[1])


def gap_at(A, angle, noise_variance=0.09):
    B = A @ rotation(angle).T
    return diagonal_gap(np.eye(2) + B.T @ B / noise_variance)


unequal = [gap_at(A, angle) for angle in angles]
equal = [gap_at(A / [2.0, 1.0], angle) for angle in angles]
B = A @ rotation(0.5).T
mean, cov = exact_posterior(x_linear, B, 0.09)
best_diagonal = np.diag(1 / np.diag(np.linalg.inv(cov)))
shortfall = (log_evidence(x_linear, B, 0.09) - linear_elbo(x_linear, B, 0.09, mean, best_diagonal)).mean()
assert np.isclose(shortfall, gap_at(A, 0.5)), "the box, from the two closed forms"
assert unequal[0] < 1e-9 < unequal[9] and np.allclose(equal, 0, atol=1e-9)

figure, (left, right) = plots.canvas(9.5, 3.1, columns=2)
degrees = np.degrees(angles)
left.plot(
    degrees,
    np.array(evidence) - evidence[0],
    "-",
    linewidth=2,
    color=plots.COLOURS[0],
    label="log p(x), and ELBO with full q",
)
left.plot(
    degrees,
    -np.array(unequal),
    "--",
    linewidth=2,
    color=plots.COLOURS[1],
    label="diagonal q, columns of length 2 and 1",
)
left.plot(
    degrees, -np.array(equal), ":", linewidth=3, color=plots.COLOURS[2], label="diagonal q, columns of equal length"
)
left.set(xlabel="rotation of z (degrees)", ylabel="nats, less the value at 0°", title="What the loss sees")
left.set_ylim(-0.22, 0.1)
left.legend(frameon=False, fontsize=8, loc="upper center")
right.plot(degrees, migs, "o-", markersize=4, color=plots.COLOURS[3])
right.set(xlabel="rotation of z (degrees)", ylabel="MIG", title="What MIG sees", ylim=(0, 1))
for axis in (left, right):
    axis.set_xticks([0, 30, 60, 90])
figure.alt_text = (
    "Left: log p(x) and the ELBO with a full q are flat over the rotation; with a diagonal q the bound falls in between for "
    "unequal columns and is flat for equal ones. Right: MIG falls from its largest value at 0 degrees to almost 0 at 45."
)
figure

# %% [markdown]
# The same rotation on *true* factors, without any model: position x and y as codes, turned.

# %%
positions = factors[:, 3:].astype(float)
turned = {
    angle: metrics.mutual_information_gap(positions @ rotation(np.radians(angle)).T, factors[:, 3:])
    for angle in (0, 15, 45)
}
print({f"{angle}°": round(value, 3) for angle, value in turned.items()})
assert turned[0] > 0.99 and turned[45] < 0.1

# %% [markdown]
# Disentanglement needs something besides pictures: labels, pairs that share a factor, or a belief about how factors
# act. Section 4 used labels. Where you hear "the model discovered the factor", ask what told it.
#
# ## 7 · Explore
#
# Two models side by side, moved by the same sliders. Each has its own vector for each name, and draws its own $z$
# from the seed, so equal seeds do not give equal faces. *Path* chooses lerp, slerp or the rescaled line. Beside
# each face stands the **nearest training picture**, among 5,000, by squared difference at 16 × 16 pixels: if a
# generated face were always a copy, you would see it here, and its distance would fall far below the typical one
# between two training faces. *Save PNG* keeps the picture, *Save GIF* the walk.
#
# `faces-vae` draws its $z$ from the prior and so misses the slice of section 3: hence the ghosts. Its nearest
# training pictures are also farther than is typical between training pictures.

# %%
names = [*IS_THERE, "component 1", "component 2"]
bundles = {
    "faces-gan": (faces_gan, np.vstack([*(vectors["faces-gan", n][0] for n in IS_THERE), gan_directions[:2]])),
    "faces-vae": (
        faces_vae,
        np.vstack([*(vectors["faces-vae", n][0] for n in IS_THERE), directions[:2] * np.sqrt(variances[:2, None])]),
    ),
}
pair_of_models = explore.LatentPair(
    {
        name: explore.LatentExplorer(
            model, directions=moves, names=names, coordinates=0, neighbours=0,
            paths=("slerp", "lerp", "lerp, rescaled"), training=train.images[:5000],
        )
        for name, (model, moves) in bundles.items()
    },
    title="Two latent spaces: faces-gan and faces-vae",
)  # fmt: skip
pair_of_models.show()

# %%
example = pair_of_models.values(seed=4, second=9, blend=50)
plots.show(pair_of_models.render(**example), alt=pair_of_models.text(**example), width=760)
print(pair_of_models.text(**example))

# %% [markdown]
# ## 8 · What goes wrong, and how to read it
#
# | you see | it means | do |
# |---|---|---|
# | faces along a walk grow bland in the middle | a straight line through small norms | slerp, or the rescaled line; then measure |
# | slerp gives NaN or jumps | parallel or opposite ends, division by sin θ = 0 | treat both cases, as `latent.slerp` does |
# | an attribute vector changes much else | attributes that go together in the labels, or an entangled space | project out; label a balanced set; measure leakage beside a random vector |
# | two editing vectors, one "better" | perhaps a longer step | compare leakage at equal success |
# | samples worse than reconstructions | codes fill a slice of the prior | compare the aggregate covariance with $I$ |
# | MIG near 0, pictures fine | information spread over axes, or circular factors | look at the table of information |
# | MIG high, blurred pictures | β gave up the hard factors | read rate and distortion beside it |
# | MIG improved by a new method | perhaps a seed | at least as many seeds as it takes to see their spread |
#
# ### Try this
#
# 1. Predict the norm of the middle of a straight line between *three* draws with weights ⅓, then measure it.
# 2. In the explorer, walk by lerp with *Spread* 1.4. Which norm has the middle now?
# 3. Make a vector for "dark background hue" from `background`. Does it leak into skin? Why could it?
# 4. Compute the MIG of `own` from the means instead of draws of $q(z|x)$. Which inactive unit suddenly knows
#    something?
#
# ## Summary
#
# - $\lVert z\rVert$ has the chi law: mean $\sqrt2\,\Gamma(\frac{d+1}2)/\Gamma(\frac d2) \approx \sqrt d$, variance
#   towards ½; two draws are nearly perpendicular.
# - A point of a line is $\mathcal N(0, (t^2+(1-t)^2)I)$; slerp keeps the norm, dividing by the root keeps the law.
# - $\operatorname{Cov}[z] = \mathbb E[\Sigma(x)] + \operatorname{Cov}[\mu(x)]$; principal directions are its
#   eigenvectors; a generator's first layer has them in its singular vectors.
# - The difference of means is the pattern, $\Sigma^{-1}\Delta$ the filter; where $\operatorname{Cov}[z] = I$ they
#   agree. Report success *and* leakage.
# - MIG compares the best coordinate with the second best. It is 1 for aligned factors, near 0 for a perfect circle.
# - Rotations change MIG and leave $p(x)$ and the full ELBO alone: without further assumptions the factors are not
#   identifiable.
#
# ## References
#
# - White (2016), *Sampling Generative Networks*, [arXiv:1609.04468](https://arxiv.org/abs/1609.04468)
# - Shoemake (1985), *Animating rotation with quaternion curves*, [doi](https://doi.org/10.1145/325165.325242)
# - Larsen et al. (2015), *Autoencoding beyond pixels*, [arXiv:1512.09300](https://arxiv.org/abs/1512.09300)
# - Härkönen et al. (2020), *GANSpace*, [arXiv:2004.02546](https://arxiv.org/abs/2004.02546)
# - Haufe et al. (2014), *On the interpretation of weight vectors of linear models*,
#   [doi](https://doi.org/10.1016/j.neuroimage.2013.10.067)
# - Higgins et al. (2017), *β-VAE*, [openreview](https://openreview.net/forum?id=Sy2fzU9gl)
# - Chen et al. (2018), *Isolating Sources of Disentanglement* (MIG),
#   [arXiv:1802.04942](https://arxiv.org/abs/1802.04942)
# - Locatello et al. (2019), *Challenging Common Assumptions*, [arXiv:1811.12359](https://arxiv.org/abs/1811.12359)
# - Rolinek, Zietlow & Martius (2019), *Variational Autoencoders Pursue PCA Directions (by Accident)*,
#   [arXiv:1812.06775](https://arxiv.org/abs/1812.06775)
#
# **Next:** the exercises, `exercises/04_latent_space.ipynb`; then lesson 05, *The GAN game, derived*.
#
# ---
# *Text and figures: CC BY 4.0. Code: Apache-2.0. Data and weights: see `DATA.md`.*
