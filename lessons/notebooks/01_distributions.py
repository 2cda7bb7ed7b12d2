# %% [markdown]
# # 01 · What is a distribution of images?
#
# **After this lesson you can**
#
# - see an image as a point, a data set as a cloud, and a generator as something that draws new points from the cloud;
# - compute a surprise, an entropy and a Kullback–Leibler divergence, in bits and in nats, and check them;
# - derive why *maximum likelihood* is the same as *making a divergence small*, and what the best Gaussian is;
# - build three image generators without a neural network, and say with numbers why each of them fails;
# - choose between KL, reverse KL, Jensen–Shannon, total variation and Wasserstein, knowing where each is blind.
#
# **Time.** Reading 40 minutes. Running all cells: about 30 seconds on two CPU cores. No cell needs a GPU.
#
# **Builds on** lesson 00 (opening and running a notebook) and NumPy. Everything else is explained here.
#
# **Exercises:** `exercises/01_distributions.ipynb`, 45 to 90 minutes.
#
# **Words:** [Glossary](../docs/glossary.md) of the field's terms, English and Chinese.

# %%
from course_lib import placement

placement.before("01")

# %%
import zlib

import keras
import numpy as np
from keras import layers
from scipy.optimize import linprog, minimize

from course_lib import data, divergences, explore, images, metrics, plots, runtime, zoo

SEED = 0
runtime.setup(SEED)

# %% [markdown]
# ## 1 · An image is a point
#
# Our first data set is Fashion-MNIST: 60,000 grey pictures of garments to learn from and 10,000 to test on, each 28 pixels
# high and 28 wide. A pixel is a whole number from 0 (black) to 255 (white). Write the rows of a picture one after the other, and it becomes a list
# of $D = 28 \cdot 28 = 784$ numbers:
#
# $$x = (x_1, x_2, \dots, x_{784}).$$
#
# A list of two numbers is a point in the plane, a list of three a point in space, and a list of 784 is a point in $\mathbb R^{784}$. Nobody can picture that space, but every formula
# you know still holds: points have distances, means, and straight lines between them.

# %%
D = 28 * 28
train, test = data.load_fashion("train"), data.load_fashion("test")
points, held_out = (part.images.reshape(-1, D).astype(np.float32) for part in (train, test))
labels = np.asarray(train.labels)
print(
    f"training points {points.shape}, held-out points {held_out.shape}, values {points.min():.0f} to {points.max():.0f}"
)


def as_images(x):
    """Points (N, 784) of grey values -> uint8 images (N, 28, 28, 1)."""
    return np.rint(x).clip(0, 255).astype(np.uint8).reshape(-1, 28, 28, 1)


sneaker, trouser = (points[np.flatnonzero(labels == c)[3]] for c in (7, 1))
path = np.stack([(1 - t) * sneaker + t * trouser for t in np.linspace(0, 1, 7)])
plots.image_grid(
    as_images(path),
    columns=7,
    title="Seven points on the straight line between two garments",
    alt="Seven pictures: a sneaker fades out while a pair of trousers fades in; in the middle both are seen at once.",
)

# %% [markdown]
# Both ends of this line are garments. Its middle is not: it is a double exposure, and nobody wears it. So the garments are not spread evenly through the space, and
# not even the straight way from one to another stays among them. They form a thin, curved set. **A generator must know that set**; this is the whole difficulty, and the
# rest of the course is about ways to learn it.
#
# ### How thin?
#
# Each of the 784 pixels takes one of 256 values, so there are $256^{784}$ possible pictures. That is $10^{1888}$, a number with 1,889 digits; for comparison,
# estimates of the number of atoms in the visible universe have about 80. Nearly all of these pictures look like the ones below, which were drawn by chance:

# %%
rng = np.random.default_rng(SEED)
digits = D * np.log10(256)
print(f"256^784 = 10^{digits:.1f}; written in bits: 784 × 8 = {D * 8}")
assert int(digits) == 1888

noise = rng.integers(0, 256, (10, D))
plots.side_by_side(
    {"any picture": as_images(noise), "a garment": as_images(points[:10])},
    alt="Upper row: ten pictures of independent random pixels, all grey noise. Lower row: ten garments.",
)

# %% [markdown]
# How many of the $2^{6272}$ pictures are garments? We cannot count them, but we can bound them from above. A compression program turns each picture into a file and back without loss, so *different pictures have
# different files*. There are at most $2^{b}$ files of $b$ bits. If garments fit into files of about $b$ bits, there are not many more than $2^{b}$ of them:

# %%
file_bits = 8 * np.mean([len(zlib.compress(picture.tobytes(), 9)) for picture in test.images[:1000]])
noise_bits = 8 * np.mean([len(zlib.compress(picture.astype(np.uint8).tobytes(), 9)) for picture in noise])
print(f"mean size of a zip file: garments {file_bits:.0f} bits, noise {noise_bits:.0f} bits, uncompressed {D * 8}")
print(
    f"so at most about one picture in 2^{D * 8 - file_bits:.0f} is a garment: a number of {(D * 8 - file_bits) * np.log10(2) + 1:.0f} digits"
)
assert file_bits < 0.8 * D * 8 < noise_bits

# %% [markdown]
# Noise cannot be compressed (the file even grows a little, by its header); garments shrink by a quarter or more, and each bit saved halves their share of the space. And a zip program knows nothing about clothes. A good generative model is, among other things, a much better compressor, and
# section 4 makes that exact.
#
# ## 2 · What the field does
#
# Drawing garments from nothing is only one of the tasks. All of them draw a *point from a distribution*, sometimes one that is narrowed down by something given: a label, a small picture, a grey picture, a style. Here is one small example of each, made from the course's own data:

# %%
generator = zoo.load("faces-gan")
codes = np.random.default_rng(11).standard_normal((1, generator.input_shape[-1])).astype(np.float32)
generated = images.to_uint8(np.asarray(generator(codes, training=False)))[0]

attributes = {name: np.asarray(column[:1]) for name, column in data.random_attributes(1, seed=4).items()}
edited = attributes | {"glasses": np.array([data.face_names()["glasses"].index("round")])}
before, after = (data.compose_faces(a)[0] for a in (attributes | {"glasses": np.array([0])}, edited))

cat = next(w for w in data.load_photos() if "cat" in w.title).image[20:276, 110:366]
wave = next(w for w in data.load_paintings() if "Wave" in w.title).image
small = images.resize(cat[None], 32)
enlarged = images.resize(small, 256)[0]
lab = images.rgb_to_lab(cat)
grey = np.rint(255 * images.lab_to_rgb(lab * [1, 0, 0])).astype(np.uint8)
of_wave = images.rgb_to_lab(wave).reshape(-1, 3)
styled = (lab - lab.mean((0, 1))) / lab.std((0, 1)) * of_wave.std(0) + of_wave.mean(
    0
)  # the wave's mean and spread of colours
styled = np.rint(255 * images.lab_to_rgb(styled)).astype(np.uint8)

TASKS = {
    "generation": (np.zeros_like(generated) + 255, generated, "nothing", "the shipped GAN, lessons 02 to 08"),
    "editing": (before, after, "a face, “with glasses”", "the true answer, lessons 04 and 12"),
    "super-resolution": (small[0], enlarged, "32 × 32 pixels", "bicubic, to be beaten in lesson 13"),
    "colour": (grey, cat, "a grey picture", "the true answer, lesson 13"),
    "style": (cat, styled, "a photo and a painting", "colours of The Great Wave; lesson 14"),
}


def shown(picture):
    """A picture enlarged to about 256 pixels without smoothing."""
    times = 256 // picture.shape[0]
    return np.repeat(np.repeat(picture, times, 0), times, 1)


figure, axes = plots.canvas(10, 4.6, rows=2, columns=5)
for k, (task, (given, made, given_text, made_text)) in enumerate(TASKS.items()):
    for row, picture, text in ((0, given, f"given: {given_text}"), (1, made, made_text.replace(", ", ",\n", 1))):
        axes[row, k].imshow(shown(picture))
        axes[row, k].set(xticks=[], yticks=[])
        axes[row, k].grid(False)
        axes[row, k].spines[:].set_visible(False)
        axes[row, k].set_xlabel(text.replace("; ", ";\n"), fontsize=8.5)
    axes[0, k].set_title(task, fontsize=11)
figure.alt_text = (
    "Five tasks, what is given above and what is wanted below: nothing and a generated face; a face and the same face with glasses; a cat of 32 pixels "
    "and a blurred enlargement; a grey cat and the cat in colour; the cat and the cat in the blue and beige of The Great Wave."
)
figure

# %% [markdown]
# | task | the distribution to draw from | taught in |
# |---|---|---|
# | generation | images $x$: $p(x)$ | 02–03 (VAE), 05–08 (GAN), 15 (diffusion) |
# | editing, control | images with a property $y$, near a given one: $p(x \mid y)$ | 04, 12 |
# | super-resolution | sharp images that shrink to the given small one | 13 |
# | colour | colour images with the given grey values | 13 |
# | style | images with the content of one and the texture of another | 14 |
#
# Three of the pictures in the lower row are honest stand-ins and not the work of a network: the enlargement is a formula from 1981, the style only moves the mean and the spread of the colours. You will beat them both.
#
# ## 3 · Distributions, densities, models
#
# We write $p_\text{data}$ for the **distribution of the data**: the unknown rule of chance by which pictures of garments come about. The training set is a sample from it. A **model** $p_\theta$ is a rule of chance that we
# write down ourselves, with some numbers $\theta$ (the *parameters*) left open. For instance, “each pixel is Gaussian, with its own mean and variance” is a model with $2 \cdot 784$ parameters.
#
# A distribution over the real line is described by its **density** $p(x) \ge 0$: the probability of an interval is the area under $p$ over it, and the whole area is 1. The mean of a function $f$ under $p$ is
#
# $$\mathbb E_{x\sim p}[f(x)] = \int p(x)\, f(x)\, dx .$$
#
# We need two abilities from a model, and they are different: to **sample** (draw new points) and to **score** (say how probable a given point is). A VAE, a GAN and a diffusion model share the first and differ in the second.
#
# In one dimension we can compute every integral by cutting the line into small pieces. This is our microscope for the rest of the lesson: what we derive is held against it.

# %%
x_line = np.linspace(-20, 20, 8001)


def normal(x, mean, std):
    """Density of the Gaussian N(mean, std²) at the points x."""
    return np.exp(-0.5 * ((x - mean) / std) ** 2) / (std * np.sqrt(2 * np.pi))


def integral(values, x):
    """∫ f dx by the trapezoidal rule, from the values of f at the points x."""
    return float(np.sum((values[1:] + values[:-1]) / 2 * np.diff(x)))


two_bumps = 0.5 * normal(x_line, -3, 0.7) + 0.5 * normal(x_line, 3, 0.7)
print(f"area {integral(two_bumps, x_line):.9f}, mean {integral(two_bumps * x_line, x_line):.1e}")
variance = integral(two_bumps * x_line**2, x_line)
print(f"variance {variance:.6f} = 3² + 0.7² = {9 + 0.49}")
assert np.isclose(integral(two_bumps, x_line), 1, atol=1e-9)
assert np.isclose(variance, 9.49, atol=1e-6)

# %% [markdown]
# ## 4 · Surprise and entropy
#
# How surprised should we be by an outcome of probability $P$? Two independent outcomes have probability $P_1 P_2$, and their surprises should add. The function that turns products into sums is the logarithm, so the **surprise** is $-\log P$: zero for what is certain, large for what is rare.
# The mean surprise is the **entropy** (Shannon 1948):
#
# $$\boxed{\;H(P) = -\sum_i P_i \log P_i\;}$$
#
# With the natural logarithm it is measured in **nats**, with the logarithm to base 2 in **bits**. Since $\log_2 P = \ln P / \ln 2$, one nat is $1/\ln 2 \approx 1.443$ bits. This course computes in nats throughout and says so when it prints bits.
#
# Entropy is also a length. If an outcome of probability $P_i$ gets a code word of about $-\log_2 P_i$ bits, rare outcomes have long words, frequent ones short words, and the mean length is the entropy in bits. For probabilities ½, ¼, ⅛, ⅛ the words `0`, `10`, `110`, `111` fit exactly.


# %%
def entropy(p):
    """−Σ p ln p in nats; an outcome of probability 0 adds nothing."""
    p = np.asarray(p, dtype=float)
    p = p[p > 0]
    return float(-np.sum(p * np.log(p)))


words = {"0": 1 / 2, "10": 1 / 4, "110": 1 / 8, "111": 1 / 8}
length = sum(p * len(word) for word, p in words.items())
bits = entropy(list(words.values())) / np.log(2)
print(f"mean length of a code word {length} bits, entropy {bits} bits = {entropy(list(words.values())):.4f} nats")
assert np.isclose(length, bits)
assert np.isclose(entropy([0.2] * 5), np.log(5))
assert entropy([1, 0]) == 0

# %% [markdown]
# ### Entropy of a density, and why it can be negative
#
# For a density we replace the sum by an integral, $h(p) = -\int p \ln p\,dx$, the **differential entropy**. For a Gaussian, $-\ln p(x) = \tfrac12\ln(2\pi\sigma^2) + \frac{(x-\mu)^2}{2\sigma^2}$. The mean of $(x-\mu)^2$ is $\sigma^2$, so the last term has the mean $\tfrac12 = \tfrac12\ln e$:
#
# $$h = \tfrac12\ln(2\pi\sigma^2) + \tfrac12 = \tfrac12 \ln(2\pi e\,\sigma^2),
# \qquad\text{and in } d \text{ dimensions}\qquad \boxed{\;h = \tfrac12\ln\det(2\pi e\,\Sigma)\;}$$
#
# The second form follows from the first: turn the axes so that they are those of the Gaussian; its coordinates are then independent with the eigenvalues $\lambda_j$ of $\Sigma$ as variances, entropies of independent parts add, and $\sum_j \ln\lambda_j = \ln\det\Sigma$.
#
# A narrow Gaussian, $\sigma < 1/\sqrt{2\pi e} \approx 0.242$, has a **negative** entropy. Nothing is wrong: a density is not a probability and may exceed 1. It has a unit, “per unit of $x$”, and so has its logarithm: measure the same length in millimetres and $h$ grows by $\ln 1000$. Only differences of differential entropies mean something, or values with their unit stated.


# %%
def gaussian_entropy(cov):
    """½ ln det(2πe Σ) in nats, for a covariance (d, d)."""
    return float(0.5 * np.linalg.slogdet(2 * np.pi * np.e * np.asarray(cov))[1])


for std in (2.0, 0.242, 0.05):
    fine = std * np.linspace(-10, 10, 4001)
    p = normal(fine, 0, std)
    by_area = integral(-p * np.log(p), fine)
    print(f"σ = {std:<5}: by quadrature {by_area:+.5f}, by the formula {gaussian_entropy([[std**2]]):+.5f} nats")
    assert np.isclose(by_area, gaussian_entropy([[std**2]]), atol=1e-4)
turned = np.array([[2.0, 0.9], [0.9, 1.0]])
assert np.isclose(gaussian_entropy(turned), sum(0.5 * np.log(2 * np.pi * np.e * v) for v in np.linalg.eigvalsh(turned)))

figure, (left, right) = plots.canvas(9, 2.9, columns=2)
heads = np.linspace(0, 1, 201)
coin = [entropy([t, 1 - t]) for t in heads]
left.plot(heads, coin, color=plots.COLOURS[0], linewidth=2)
left.plot(0.5, np.log(2), "o", color=plots.COLOURS[6])
left.annotate(
    "a fair coin: ln 2 nats = 1 bit",
    (0.5, np.log(2)),
    (0.5, 0.45),
    ha="center",
    arrowprops={"arrowstyle": "-"},
    fontsize=9,
)
left.set(xlabel="probability of heads", ylabel="entropy (nats)", title="Most uncertain in the middle")
widths = np.geomspace(0.03, 3, 100)
right.plot(widths, [gaussian_entropy([[w**2]]) for w in widths], color=plots.COLOURS[1], linewidth=2)
right.axhline(0, color=plots.GREY, linewidth=1)
right.axvline(1 / np.sqrt(2 * np.pi * np.e), color=plots.GREY, linestyle=":", linewidth=1)
right.set(
    xscale="log", xlabel="σ of a Gaussian", ylabel="differential entropy (nats)", title="Below σ = 0.242 it is negative"
)
right.set_xticks([0.03, 0.1, 0.242, 1, 3], ["0.03", "0.1", "0.242", "1", "3"])
right.minorticks_off()
figure.alt_text = "Left: entropy of a coin against the probability of heads, zero at both ends, ln 2 in the middle. Right: differential entropy of a Gaussian rises with its width and crosses zero at 0.242."
figure

# %% [markdown]
# ### Grey values are whole numbers: dequantisation
#
# Here is a trap. Pixels are whole numbers, but Gaussians are densities. A model may put a needle of width $\sigma$ on each of the 256 grey values; as $\sigma \to 0$ its density there grows without bound, and so does its log-likelihood, although it has learned nothing. The cure is to add noise: train and score on
# $y = u + \varepsilon$ with $u$ the grey value and $\varepsilon$ uniform on $[0, 1)$. This is called **uniform dequantisation** (Theis et al. 2016). Why is the result honest? Let $P(u) = \int_0^1 p(u + \varepsilon)\,d\varepsilon$ be the probability that the model gives to the whole cell of $u$. The logarithm is concave, so by **Jensen's inequality** (the mean of logarithms is at most the logarithm of the mean)
#
# $$\boxed{\;\mathbb E_{\varepsilon}\big[\ln p(u + \varepsilon)\big] \;\le\; \ln \int_0^1 p(u+\varepsilon)\,d\varepsilon = \ln P(u)\;}$$
#
# Scored with noise, a density can only *under*state the log-probability of the true grey value, and $\ln P(u) \le 0$ always. It cannot cheat.


# %%
def cell_scores(density):
    """Density at 256·k points that fill [0, 256) -> dequantised score and ln P of each grey value, (256,) each."""
    cells = np.maximum(density, 1e-300).reshape(256, -1)
    return np.log(cells).mean(axis=1), np.log(cells.mean(axis=1))


fine = (np.arange(256 * 400) + 0.5) / 400
print("the needle's width   density at the grey values   dequantised score   ln P of the cell")
for std in (0.3, 0.1, 0.03):
    needles = sum(normal(fine, centre, std) for centre in (40.0, 41.0, 200.0)) / 3  # needles on three grey values
    height = np.log(normal(0, 0, std) / 3)
    score, log_p = cell_scores(needles)
    print(
        f"      σ = {std:<4}              ln p = {height:+.2f}              {score[40]:10.1f}          {log_p[40]:.3f}"
    )
    assert (score <= log_p + 1e-9).all()
    assert (log_p <= 1e-9).all()
score, log_p = cell_scores(normal(fine, 100, 40))
print(
    f"for a smooth density (σ = 40) the two scores differ by at most {np.max(log_p - score):.1e} nats: the bound is tight"
)
assert np.max(log_p - score) < 1e-2

figure, axes = plots.canvas(7, 2.8)
near = (fine > 38) & (fine < 43)
for k, std in enumerate((0.3, 0.1)):
    needles = sum(normal(fine, centre, std) for centre in (40.0, 41.0, 200.0)) / 3
    axes.plot(
        fine[near], needles[near], ["--", "-"][k], color=plots.COLOURS[k], linewidth=2, label=f"needles of width {std}"
    )
axes.axvspan(40, 41, color=plots.COLOURS[2], alpha=0.15, label="the cell of grey value 40")
axes.axhline(1, color=plots.GREY, linestyle=":", linewidth=1)
axes.text(38.02, 1.02, "a probability ends here", fontsize=9, va="bottom")
axes.set(
    xlim=(38, 43),
    ylim=(0, 1.6),
    xlabel="grey value $y$",
    ylabel="density (per grey level)",
    title="A density may exceed 1; the probability of a cell may not",
)
axes.legend(frameon=False, fontsize=9, loc="upper right")
figure.alt_text = "Needles of a density on the grey values 40 and 41: the narrower ones rise above 1. The cell from 40 to 41 is shaded; noise spreads a picture's grey value over it, where the needles are mostly absent."
figure


# %% [markdown]
# On a picture the score adds up over the pixels. It is often given as **bits per pixel**, $-\ln p(y) / (D \ln 2)$, with $y$ in units of one grey level. A model that says “all 256 values are equally likely” scores exactly 8; a zip program reached the number below. The smaller the better, and by the bound above, a model with fewer bits is a compressor that needs fewer bits.


# %%
def bits_per_pixel(log_likelihood, pixels=D):
    """Mean log-likelihood in nats per image, in units of one grey level -> bits per pixel."""
    return float(-np.mean(log_likelihood) / (pixels * np.log(2)))


print(f"uniform: {bits_per_pixel(-D * np.log(256)):.3f} bits per pixel; zip: {file_bits / D:.3f}")
assert np.isclose(bits_per_pixel(-D * np.log(256)), 8)

# %% [markdown]
# ## 5 · The Kullback–Leibler divergence, and maximum likelihood
#
# You believe in $q$, but the world follows $p$. Your mean surprise is then $-\mathbb E_p[\log q]$, the **cross-entropy**, instead of the entropy $-\mathbb E_p[\log p]$ that the world itself would have. The price of your wrong belief is the **Kullback–Leibler divergence**:
#
# $$\mathrm{KL}(p\,\|\,q) = \mathbb E_{x\sim p}\Big[\ln\frac{p(x)}{q(x)}\Big] = \underbrace{-\mathbb E_p[\ln q]}_{\text{cross-entropy}} - \underbrace{\big(-\mathbb E_p[\ln p]\big)}_{\text{entropy } H(p)} .$$
#
# ### It is never negative
#
# For every $u > 0$ the line $u - 1$ lies above the logarithm and touches it at 1: $\ln u \le u - 1$ (the difference $u - 1 - \ln u$ has the derivative $1 - 1/u$, negative before 1, positive after it, so its only minimum is 0 at $u = 1$). Put $u = q/p$ wherever $p > 0$:
#
# $$-\mathrm{KL}(p\,\|\,q) = \int_{p>0} p\,\ln\frac qp\,dx \;\le\; \int_{p>0} p\,\Big(\frac qp - 1\Big)dx = \int_{p>0} q\,dx - 1 \;\le\; 0 .$$
#
# $$\boxed{\;\mathrm{KL}(p\,\|\,q) \ge 0, \text{ and } = 0 \text{ only for } p = q\;}\qquad\text{(Gibbs' inequality)}$$
#
# But it is **no distance**. It is not symmetric, it violates the triangle inequality, and it is infinite where $p > 0$ but $q = 0$: never call impossible what can happen.


# %%
def kl(p, q):
    """Σ p ln(p/q) in nats, for probabilities; infinite where p > 0 = q."""
    p, q = np.asarray(p, float), np.asarray(q, float)
    with np.errstate(divide="ignore"):
        return float(np.sum(p[p > 0] * np.log(p[p > 0] / q[p > 0])))


tables = rng.dirichlet(np.full(6, 0.5), size=(2000, 2))  # 2,000 pairs of distributions over six outcomes
values = np.array([kl(p, q) for p, q in tables])
print(
    f"smallest of 2,000 divergences: {values.min():.4f}; of a distribution from itself: {kl(tables[0, 0], tables[0, 0])}"
)
assert values.min() > 0
assert kl(tables[0, 0], tables[0, 0]) == 0

a, b, c = [0.5, 0.5], [0.9, 0.1], [0.99, 0.01]
print(f"KL(a‖b) = {kl(a, b):.3f} but KL(b‖a) = {kl(b, a):.3f}: not symmetric")
print(f"KL(a‖c) = {kl(a, c):.3f} > KL(a‖b) + KL(b‖c) = {kl(a, b) + kl(b, c):.3f}: the detour is shorter")
assert kl(a, c) > kl(a, b) + kl(b, c)
assert kl([1, 0], [0, 1]) == np.inf
assert np.isclose(kl(a, b), divergences.kl_discrete(a, b))  # the library's version agrees

figure, (left, right) = plots.canvas(9, 2.9, columns=2)
u = np.linspace(0.02, 3, 300)
left.plot(u, u - 1, "--", color=plots.COLOURS[1], linewidth=2, label="$u - 1$")
left.plot(u, np.log(u), color=plots.COLOURS[0], linewidth=2, label="$\\ln u$")
left.set(ylim=(-3, 2.2), xlabel="$u = q/p$", title="The line lies above the logarithm")
left.legend(frameon=False, fontsize=9)
belief = np.linspace(0.01, 0.99, 99)
right.plot(
    belief,
    [kl([0.8, 0.2], [t, 1 - t]) for t in belief],
    color=plots.COLOURS[0],
    linewidth=2,
    label="KL(world ‖ belief)",
)
right.plot(
    belief,
    [kl([t, 1 - t], [0.8, 0.2]) for t in belief],
    "--",
    color=plots.COLOURS[1],
    linewidth=2,
    label="KL(belief ‖ world)",
)
right.plot(0.8, 0, "o", color=plots.COLOURS[6])
right.set(xlabel="believed probability of heads (world: 0.8)", ylabel="nats", title="Zero only for the right belief")
right.legend(frameon=False, fontsize=9)
figure.alt_text = "Left: the line u minus 1 touches the logarithm at 1 and lies above it elsewhere. Right: KL in both directions against the believed probability of heads; both are zero at 0.8 only, and they differ elsewhere."
figure

# %% [markdown]
# ### Between two Gaussians
#
# Let $p = \mathcal N(\mu_1, \sigma_1^2)$ and $q = \mathcal N(\mu_2, \sigma_2^2)$. The cross-entropy is the mean of $\tfrac12\ln(2\pi\sigma_2^2) + \frac{(x-\mu_2)^2}{2\sigma_2^2}$ under $p$. Write $x - \mu_2 = (x - \mu_1) + (\mu_1 - \mu_2)$; the mean of its square is $\sigma_1^2 + (\mu_1-\mu_2)^2$, because the mixed term has the mean 0. Subtract the entropy $\tfrac12\ln(2\pi\sigma_1^2) + \tfrac12$:
#
# $$\boxed{\;\mathrm{KL} = \ln\frac{\sigma_2}{\sigma_1} + \frac{\sigma_1^2 + (\mu_1-\mu_2)^2}{2\sigma_2^2} - \frac12\;}$$
#
# We check it in two ways. By **quadrature**, which should agree to many digits. And by **Monte Carlo**: draw $n$ points from $p$ and average $\ln p/q$. The average has a random error; its size is the **standard error**, the standard deviation of one term divided by $\sqrt n$. We allow four of them, which chance exceeds once in 16,000 times.


# %%
def kl_of_gaussians(mean_1, std_1, mean_2, std_2):
    """KL(N(mean_1, std_1²) ‖ N(mean_2, std_2²)) in nats."""
    return np.log(std_2 / std_1) + (std_1**2 + (mean_1 - mean_2) ** 2) / (2 * std_2**2) - 0.5


exact = kl_of_gaussians(0.5, 0.8, -0.4, 1.3)
p, q = normal(x_line, 0.5, 0.8), normal(x_line, -0.4, 1.3)
by_area = divergences.kl_densities(x_line, p, q)
draws = rng.normal(0.5, 0.8, 100_000)
terms = np.log(normal(draws, 0.5, 0.8) / normal(draws, -0.4, 1.3))
error = terms.std() / np.sqrt(len(terms))
print(f"closed form {exact:.6f}, quadrature {by_area:.6f}, Monte Carlo {terms.mean():.4f} ± {error:.4f}")
assert np.isclose(exact, by_area, atol=1e-8)
assert abs(exact - terms.mean()) < 4 * error
assert np.isclose(exact, divergences.kl_gaussians([0.5], [[0.64]], [-0.4], [[1.69]]))

sizes = np.array([100, 300, 1000, 3000, 10_000, 30_000, 100_000])
averages = np.array([terms[:n].mean() for n in sizes])
errors = np.array([terms[:n].std() / np.sqrt(n) for n in sizes])
figure, axes = plots.canvas(6.6, 2.8)
axes.errorbar(
    sizes, averages, 2 * errors, fmt="o", color=plots.COLOURS[0], capsize=4, label="Monte Carlo ± 2 standard errors"
)
axes.axhline(exact, color=plots.COLOURS[1], linewidth=2, label="closed form")
axes.set(xscale="log", xlabel="number of draws $n$", ylabel="KL (nats)", title="The error shrinks like $1/\\sqrt{n}$")
axes.legend(frameon=False, fontsize=9)
figure.alt_text = "Monte Carlo estimates of a KL divergence with error bars against the number of draws: they close in on the closed form's line."
figure

# %% [markdown]
# ### Maximum likelihood is minimum divergence
#
# Given data $x_1, \dots, x_n$, **maximum likelihood** chooses the parameters that make the data most probable. The points are drawn independently, so their probability is a product, and its logarithm a sum:
#
# $$\max_\theta \prod_i p_\theta(x_i) \iff \max_\theta \frac1n \sum_{i=1}^n \ln p_\theta(x_i).$$
#
# The average on the right estimates $\mathbb E_{p_\text{data}}[\ln p_\theta(x)]$, and gets as close as we like with more data. Now add and subtract the same thing:
#
# $$\mathbb E_{p_\text{data}}[\ln p_\theta] = \mathbb E_{p_\text{data}}[\ln p_\text{data}] - \mathbb E_{p_\text{data}}\Big[\ln\frac{p_\text{data}}{p_\theta}\Big],
# \qquad\text{so}\qquad \boxed{\;-\mathbb E_{p_\text{data}}[\ln p_\theta] = H(p_\text{data}) + \mathrm{KL}(p_\text{data}\,\|\,p_\theta)\;}$$
#
# The entropy of the data does not depend on $\theta$. **Whoever maximises the likelihood minimises $\mathrm{KL}(p_\text{data}\|p_\theta)$**, and cannot get the negative log-likelihood below $H(p_\text{data})$, however good the model. This is why a loss in nats has no meaningful zero.

# %%
stds = np.linspace(1.6, 4, 49)
nll = np.array([-integral(two_bumps * np.log(normal(x_line, 0, s)), x_line) for s in stds])
divergence = np.array([divergences.kl_densities(x_line, two_bumps, normal(x_line, 0, s)) for s in stds])
floor = integral(-two_bumps * np.log(two_bumps), x_line)
print(
    f"entropy of the data {floor:.5f}; NLL − KL over all models: {np.min(nll - divergence):.5f} to {np.max(nll - divergence):.5f}"
)
assert np.allclose(nll - divergence, floor, atol=1e-5)

sample = np.where(rng.random(2000) < 0.5, -3, 3) + 0.7 * rng.standard_normal(2000)
estimated = np.array([-np.log(normal(sample, 0, s)).mean() for s in stds])
figure, axes = plots.canvas(7.2, 3.2)
axes.plot(stds, nll, color=plots.COLOURS[0], linewidth=2, label="negative log-likelihood, exact")
axes.plot(stds, estimated, ":", color="black", linewidth=2, label="the same from 2,000 samples")
axes.plot(stds, divergence, "--", color=plots.COLOURS[1], linewidth=2, label="KL(data ‖ model)")
axes.axhline(floor, color=plots.GREY, linewidth=1)
axes.text(4, floor - 0.06, "entropy of the data", ha="right", va="top", fontsize=9)
axes.plot([stds[nll.argmin()]] * 2, [nll.min(), divergence.min()], "o", color=plots.COLOURS[6])
axes.set(
    xlabel="standard deviation of the model N(0, σ²)",
    ylabel="nats",
    title="Two curves, one shape: they differ by a constant",
)
axes.set_ylim(0.5, 4.2)
axes.legend(frameon=False, fontsize=9, loc="upper right")
figure.alt_text = "Negative log-likelihood and KL divergence against the model's standard deviation: the same curve, one lifted by the entropy of the data; both have their minimum at 3.1."
figure

# %% [markdown]
# ### The best Gaussian is the one with the data's mean and covariance
#
# Now let the model be a Gaussian in $d$ dimensions,
#
# $$\ln \mathcal N(x; \mu, \Sigma) = -\tfrac12\Big(d\ln 2\pi + \ln\det\Sigma + (x-\mu)^\top\Sigma^{-1}(x-\mu)\Big).$$
#
# Which $\mu$ and $\Sigma$ maximise the average over the data? There is a way without derivatives of matrices. Let $\hat\mu = \frac1n\sum x_i$ and $S = \frac1n\sum (x_i-\hat\mu)(x_i-\hat\mu)^\top$ be the mean and the covariance of the data.
#
# 1. $\ln\mathcal N(x;\mu,\Sigma)$ is a polynomial of degree two in $x$. Its average over the data depends on the data only through their first and second moments, that is, through $\hat\mu$ and $S$.
# 2. The Gaussian $\hat g = \mathcal N(\hat\mu, S)$ has exactly these moments. So the average over the data *equals* the mean under $\hat g$: $\frac1n\sum_i \ln\mathcal N(x_i;\mu,\Sigma) = \mathbb E_{\hat g}[\ln \mathcal N(x;\mu,\Sigma)]$.
# 3. With the box above, for $\hat g$ in the place of $p_\text{data}$, this is $-h(\hat g) - \mathrm{KL}\big(\hat g\,\|\,\mathcal N(\mu,\Sigma)\big)$.
# 4. By Gibbs' inequality the divergence is smallest, 0, exactly at
#
# $$\boxed{\;\mu = \hat\mu = \frac1n\sum_i x_i, \qquad \Sigma = S = \frac1n\sum_i (x_i-\hat\mu)(x_i-\hat\mu)^\top\;}$$
#
# and the best average log-likelihood is $-h(\hat g) = -\tfrac12\ln\det(2\pi e S)$. (With $n$, not $n - 1$: maximum likelihood does not ask for an unbiased estimate.)


# %%
def gaussian_fit(x):
    """Maximum-likelihood mean (d,) and covariance (d, d) of points (n, d)."""
    mean = x.mean(axis=0)
    centred = x - mean
    return mean, centred.T @ centred / len(x)


def gaussian_log_density(x, mean, cov):
    """ln N(x; mean, cov) of each point, in nats: (n, d) -> (n,)."""
    root = np.linalg.cholesky(cov)  # cov = root @ root.T, so the quadratic form is |root⁻¹ (x − mean)|²
    white = np.linalg.solve(root, (x - mean).T)
    return -0.5 * (x.shape[1] * np.log(2 * np.pi) + (white**2).sum(axis=0)) - np.log(np.diag(root)).sum()


cloud = rng.standard_normal((500, 3)) @ rng.standard_normal((3, 3)) + rng.exponential(
    size=(500, 3)
)  # not Gaussian at all
mean, cov = gaussian_fit(cloud)
best = gaussian_log_density(cloud, mean, cov).mean()
assert np.isclose(best, -gaussian_entropy(cov))
losses = []
for _ in range(200):  # every other Gaussian is worse, by exactly the KL divergence
    push = 0.2 * rng.standard_normal((3, 3))
    other_mean, other_cov = mean + 0.3 * rng.standard_normal(3), (np.eye(3) + push) @ cov @ (np.eye(3) + push).T
    other = gaussian_log_density(cloud, other_mean, other_cov).mean()
    assert np.isclose(best - other, divergences.kl_gaussians(mean, cov, other_mean, other_cov))
    assert other < best
    losses.append((best - other, divergences.kl_gaussians(mean, cov, other_mean, other_cov)))
print(
    f"best average log-likelihood {best:.4f} = −h = {-gaussian_entropy(cov):.4f}; 200 other Gaussians: all worse, by their KL"
)

figure, (left, right) = plots.canvas(9, 3.1, columns=2)
circle = np.stack([np.cos(np.linspace(0, 2 * np.pi, 100)), np.sin(np.linspace(0, 2 * np.pi, 100))])
left.plot(*cloud[:, :2].T, ".", color=plots.COLOURS[0], markersize=4, alpha=0.6)
for radius in (1, 2):
    ring = mean[:2, None] + radius * np.linalg.cholesky(cov[:2, :2]) @ circle
    left.plot(*ring, color=plots.COLOURS[1], linewidth=2)
left.set(xlabel="$x_1$", ylabel="$x_2$", title="The data, and 1σ and 2σ of the best Gaussian")
right.plot(*np.transpose(losses), ".", color=plots.COLOURS[0], markersize=5)
right.plot([0, np.max(losses)], [0, np.max(losses)], color=plots.GREY, linewidth=1)
right.set(
    xlabel="loss of log-likelihood (nats per point)",
    ylabel="KL to the best Gaussian (nats)",
    title="200 other Gaussians",
)
figure.alt_text = "Left: a skewed cloud with the ellipses of the fitted Gaussian. Right: for 200 other Gaussians the loss of log-likelihood equals the KL divergence; all points lie on the diagonal."
figure

# %% [markdown]
# ## 6 · Three generators without a network
#
# We now have all we need to generate garments. Each model is fitted by maximum likelihood to the 60,000 training pictures, dequantised. Where a sample leaves the range from 0 to 255, the picture shows black or white.
#
# **(a) Independent pixels.** Each pixel is Gaussian with its own mean and variance: $\Sigma$ is diagonal. To sample, draw 784 independent numbers.
#
# **(b) The full Gaussian.** All of $\hat\mu$ and $S$. How do you draw from it? Every covariance can be written as $S = U\Lambda U^\top$, with the eigenvectors as columns of $U$ and the eigenvalues $\lambda_1 \ge \lambda_2 \ge \dots \ge 0$ in $\Lambda$. Take $\varepsilon \sim \mathcal N(0, I)$ and set
#
# $$x = \hat\mu + U\Lambda^{1/2}\varepsilon
# \quad\Longrightarrow\quad \mathbb E[(x-\hat\mu)(x-\hat\mu)^\top] = U\Lambda^{1/2}\,\mathbb E[\varepsilon\varepsilon^\top]\,\Lambda^{1/2}U^\top = U\Lambda U^\top = S .$$
#
# The eigenvectors are the **principal components** of the pictures. If we keep the $k$ largest, we have the **PCA model** with $k$ directions instead of 784. Why the largest? Take any $k$ orthonormal directions $w_1, \dots, w_k$. The variance of the data along them is $\sum_i w_i^\top S w_i = \sum_j \lambda_j c_j$ with $c_j = \sum_i (w_i^\top u_j)^2$. Each $c_j$ is the squared length of the projection of the unit vector $u_j$, so $0 \le c_j \le 1$, and $\sum_j c_j = \sum_i |w_i|^2 = k$. Such a weighted sum is largest when the $k$ largest eigenvalues get the weight 1:
#
# $$\boxed{\;\sum_{i=1}^k w_i^\top S\, w_i \;\le\; \lambda_1 + \dots + \lambda_k, \text{ reached by the first } k \text{ principal components}\;}$$
#
# A popular slip is to scale by $\lambda$ in the place of $\sqrt\lambda$; the check below catches it.
#
# **(c) A mixture.** Ten Gaussians, one for each kind of garment, each with its own mean and covariance; to sample, draw the kind first. Its density is $p(x) = \sum_c \tfrac1{10}\,\mathcal N(x;\mu_c,S_c)$.


# %%
def pca(mean, cov, k=None):
    """Mean (d,), standard deviations (k,) and directions (d, k) of the k largest principal components."""
    values, vectors = np.linalg.eigh(cov)  # in increasing order
    values, vectors = values[::-1][:k], vectors[:, ::-1][:, :k]
    return mean, np.sqrt(np.maximum(values, 0)), vectors


def sample_pca(model, noise):
    """Draws (n, d) from standard normal noise (n, k)."""
    mean, stds, directions = model
    return mean + (noise * stds) @ directions.T


small_model = pca(mean, cov)
steps = (
    sample_pca(small_model, np.eye(3)) - mean
)  # the map is linear: what it does to the unit vectors is all there is to know
assert np.allclose(steps.T @ steps, cov)
wrong = (np.eye(3) * small_model[1] ** 2) @ small_model[2].T  # variances used as standard deviations
print(
    f"covariance of the samples off by {np.abs(steps.T @ steps - cov).max():.1e}; of the popular slip: {np.abs(wrong.T @ wrong - cov).max():.2f}"
)
assert not np.allclose(wrong.T @ wrong, cov)
others = [np.linalg.qr(rng.standard_normal((3, 2)))[0] for _ in range(500)]  # pairs of orthonormal directions
kept = [np.trace(w.T @ cov @ w) for w in others]
print(
    f"variance along two directions: by PCA {(small_model[1][:2] ** 2).sum():.3f}, the best of 500 other pairs {max(kept):.3f}"
)
assert max(kept) <= (small_model[1][:2] ** 2).sum()

# %%
dequantised = points + rng.random(points.shape, dtype=np.float32)
scored = held_out[:5000] + rng.random((5000, D), dtype=np.float32)

mean, cov = gaussian_fit(dequantised)
cov = cov.astype(np.float64)
classes = [gaussian_fit(dequantised[labels == c]) for c in range(10)]
full, truncated = pca(mean, cov), pca(mean, cov, 50)
kinds = [pca(m, c.astype(np.float64)) for m, c in classes]
share = (truncated[1] ** 2).sum() / np.trace(cov)
print(f"50 of 784 principal components hold {share:.1%} of the variance")

N = 2000
pixel_noise = rng.standard_normal((N, D)).astype(np.float32)
kind_of = rng.integers(0, 10, N)
samples = {
    "(a) pixels": mean + np.sqrt(np.diag(cov)) * pixel_noise,
    "(b) PCA, 50": sample_pca(truncated, pixel_noise[:, :50]),
    "(b) full Gaussian": sample_pca(full, pixel_noise),
    "(c) mixture": np.concatenate([sample_pca(kinds[c], pixel_noise[kind_of == c]) for c in range(10)]),
}
samples["(c) mixture"] = samples["(c) mixture"][rng.permutation(N)]
rows = {name: as_images(x[:12]) for name, x in samples.items()} | {"real": as_images(held_out[:12])}
plots.side_by_side(
    rows,
    size=0.75,
    alt="Five rows. Independent pixels: a noisy grey silhouette, the same every time. PCA with 50 components and the full Gaussian: cloudy overlays of shirts and shoes. Mixture: recognisable but smeared garments. Real garments: sharp.",
)

# %% [markdown]
# What are the principal components? Pictures themselves. Walking along the first one leads from shoes to shirts, because that is how garments differ most. The same method makes faces, and shows the same fault more plainly: where a real face has round glasses *or* none, the Gaussian has glasses that are half there.

# %%
faces = images.resize(data.load_faces("train", size=64).images[:1500], 32).reshape(1500, -1).astype(np.float32)
face_mean = faces.mean(axis=0)
_, face_scales, face_directions = np.linalg.svd((faces - face_mean).astype(np.float64), full_matrices=False)
face_model = (
    face_mean,
    face_scales[:100] / np.sqrt(len(faces)),
    face_directions[:100].T,
)  # SVD: the same components without a 3072² matrix
face_samples = sample_pca(face_model, np.random.default_rng(3).standard_normal((12, 100)))
walk = np.linspace(-2, 2, 12)[:, None]
garment_walk = sample_pca(pca(mean, cov, 1), walk)
as_faces = lambda x: np.rint(x).clip(0, 255).astype(np.uint8).reshape(-1, 32, 32, 3)  # noqa: E731
garments = np.repeat(images.resize(as_images(garment_walk), 32), 3, axis=-1)
plots.side_by_side(
    {
        "1st component,\n−2σ to +2σ": garments,
        "faces, PCA\nwith 100": as_faces(face_samples),
        "faces, real": as_faces(faces[:12]),
    },
    size=0.8,
    alt="First row: along the first principal component a shoe-like shape turns into a pullover. Second row: faces drawn by the PCA model, with ghosts of several hair styles and glasses at once. Third row: real faces.",
)

# %% [markdown]
# ## 7 · Why each of them fails, measured
#
# *Looks wrong* is not a diagnosis. Four measurements:
#
# 1. **Score on held-out pictures**, in bits per pixel (section 4). Held out, because a model may memorise its training set.
# 2. **A judge**: a small network is trained to tell samples from real pictures. If it does no better than a coin, the samples are good *as far as this network can see*. Section 8 shows that its accuracy is a divergence in disguise, and lesson 05 makes a generator out of this idea.
# 3. **The Fréchet distance** between the features of samples and of real pictures, on the features of the course's own Fashion classifier. Lesson 09 derives it. It is 0 for equal means and covariances of the features; the last row gives its value between two sets of real pictures.
# 4. **The share of pixels outside 0 to 255**; no real picture has any.
#
# Not on the list: the error to the nearest real picture, or PSNR. A sample has no picture that it *should* equal.


# %%
def log_mean_exp(terms):
    """ln of the mean of exp(terms) over the first axis, without overflow."""
    largest = terms.max(axis=0)
    return largest + np.log(np.exp(terms - largest).mean(axis=0))


scores = {
    "uniform noise": np.full(len(scored), -D * np.log(256)),
    "(a) pixels": gaussian_log_density(scored, mean, np.diag(np.diag(cov))),
    "(b) full Gaussian": gaussian_log_density(scored, mean, cov),
    "(c) mixture": log_mean_exp(np.stack([gaussian_log_density(scored, m, c.astype(np.float64)) for m, c in classes])),
}
seen = gaussian_log_density(dequantised[:5000], mean, cov)
seen_mixture = log_mean_exp(
    np.stack([gaussian_log_density(dequantised[:2000], m, c.astype(np.float64)) for m, c in classes])
)

# %%
features = metrics.FeatureExtractor("fashion")
real_features = features(test.images[:N])


def judge_accuracy(fake, seed=SEED):
    """Accuracy on 1,000 unseen pictures of a small network trained to tell 1,500 samples from 1,500 real ones."""
    keras.utils.set_random_seed(seed)
    x = images.to_float(np.concatenate([train.images[:N], fake]))
    y = np.repeat([1.0, 0.0], N)
    train_rows, test_rows = (np.flatnonzero(np.arange(2 * N) % 4 != 3), np.flatnonzero(np.arange(2 * N) % 4 == 3))
    net = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(8, 4, strides=2, padding="same", activation="leaky_relu"),
            layers.Conv2D(16, 4, strides=2, padding="same", activation="leaky_relu"),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )
    net.compile(keras.optimizers.Adam(3e-3), keras.losses.BinaryCrossentropy(from_logits=True))
    net.fit(x[train_rows], y[train_rows], epochs=4, batch_size=64, verbose=0)
    return float(np.mean((net.predict(x[test_rows], verbose=0)[:, 0] > 0) == y[test_rows]))


rows = {}
for name, x in {"uniform noise": rng.uniform(0, 256, (N, D)), **samples, "real pictures": held_out[N : 2 * N]}.items():
    fake = as_images(x)
    outside = float(np.mean((x < -0.5) | (x > 256.5)))
    rows[name] = (
        bits_per_pixel(scores[name]) if name in scores else np.nan,
        judge_accuracy(fake),
        metrics.frechet_distance(real_features, features(fake)),
        outside,
    )
print(f"features: {features.name}; {N:,} pictures each\n")
print("model               bits/pixel, held out   judge   Fréchet   pixels outside the range")
for name, (bits, accuracy, distance, outside) in rows.items():
    print(f"{name:<20}{'–' if np.isnan(bits) else f'{bits:.3f}':>14}{accuracy:>14.1%}{distance:>10.1f}{outside:>16.1%}")
print(
    f"\nbits/pixel on training pictures: full Gaussian {bits_per_pixel(seen):.3f}, mixture {bits_per_pixel(seen_mixture):.3f}"
)
assert rows["(a) pixels"][0] > rows["(b) full Gaussian"][0] > rows["(c) mixture"][0]
assert rows["real pictures"][2] < rows["(c) mixture"][2] < rows["(b) full Gaussian"][2] < rows["(a) pixels"][2]
assert (
    abs(rows["real pictures"][1] - 0.5) < 4 * 0.5 / np.sqrt(N / 2) + 0.02
)  # a coin: four standard errors of 1,000 tosses
assert min(rows[name][1] for name in samples) > 0.65

# %% [markdown]
# Read the table slowly.
#
# - The scores order the models as the eye does: independent pixels, one Gaussian, ten Gaussians. But **a score is not a picture**. The mixture gains more than a bit per pixel over the full Gaussian, and a zip program, which cannot draw at all, beats them all (its number stands in section 4).
# - The PCA model with 50 directions has no score: it calls every picture outside of its 50-dimensional plane impossible, and $-\ln 0 = \infty$. *Probabilistic PCA* repairs that with a little noise in all directions; lesson 02 derives it as the simplest VAE.
# - The mixture scores better on training pictures than on new ones: ten covariances of 784 × 784 are three million numbers, learned from 60,000 pictures. That is overfitting.
# - The judge finds every model out, the mixture least easily. Only where both sides are real does it do no better than a coin.
#
# And *why*? One experiment for each.
#
# **(a) has forgotten that pixels belong together.** The correlation of horizontal neighbours is high in garments and zero in its samples. **(b) has learned exactly the mean and the covariance, and nothing else.** A Gaussian is symmetric: for every picture $x$ the reflected one, $2\hat\mu - x$, has *the same* density, because $(x-\hat\mu)$ enters squared. But the reflection of a garment is no garment. **(c) has the same fault within each kind**; there are only more centres.

# %%
correlation = {}
for name, x in {**samples, "real": held_out[:N]}.items():
    square = x.reshape(-1, 28, 28)[:, 4:24, 4:24]
    pair = square[:, :, :-1].reshape(-1), square[:, :, 1:].reshape(-1)
    per_pixel = square - square.mean(axis=0)
    correlation[name] = float((per_pixel[:, :, :-1] * per_pixel[:, :, 1:]).mean() / (per_pixel**2).mean())
print("correlation of neighbours: " + ", ".join(f"{name} {value:.2f}" for name, value in correlation.items()))
assert abs(correlation["(a) pixels"]) < 0.02
assert abs(correlation["(b) full Gaussian"] - correlation["real"]) < 0.05

mirrored = 2 * mean - held_out[:10]
difference = gaussian_log_density(mirrored, mean, cov) - gaussian_log_density(
    held_out[:10].astype(np.float64), mean, cov
)
print(f"log-density of a picture and of its reflection differ by at most {np.abs(difference).max():.1e} nats")
assert np.abs(difference).max() < 1e-2

figure, (left, right) = plots.canvas(10, 3.1, columns=2, width_ratios=[1.35, 1])
left.imshow(
    np.repeat(images.tile(np.concatenate([as_images(held_out[:8]), as_images(mirrored[:8])]), columns=8), 3, axis=-1)
)
left.set(xticks=[], yticks=[14, 44])
left.set_yticklabels(["real", "reflected"])
left.grid(False)
left.spines[:].set_visible(False)
left.set_title("Equally probable under the Gaussian", fontsize=11)
edges = np.linspace(-300, 550, 171)
for k, (name, x) in enumerate({"real": held_out[:N], "(b) full Gaussian": samples["(b) full Gaussian"]}.items()):
    right.hist(
        x.reshape(-1),
        edges,
        density=True,
        histtype="step",
        linewidth=1.8,
        linestyle=["-", "--"][k],
        color=plots.COLOURS[k],
        label=name,
    )
right.set(yscale="log", xlabel="grey value", ylabel="density", title="A pixel is not Gaussian")
right.legend(frameon=False, fontsize=9)
figure.alt_text = (
    "Left: eight garments above, and their reflections at the mean below: pale negatives that no model should find probable. "
    "Right: histogram of grey values. Real: a tall spike at zero, and nothing outside 0 to 255. Gaussian: a smooth hill that reaches far below 0 and above 255."
)
figure

# %% [markdown]
# So a good model must know *more than two moments*: it needs curved sets, sharp alternatives (“this or that, never the average”), hard limits. That is what neural networks are for, from the next lesson on.
#
# ## 8 · Other ways to measure how far apart
#
# Maximum likelihood is $\mathrm{KL}(p_\text{data}\|p_\theta)$. It is one choice among several, and GANs make another. What changes with the choice?
#
# ### Forward KL covers, reverse KL seeks
#
# Fit **one** Gaussian $q$ to the two bumps $p$, once with $\mathrm{KL}(p\|q)$ and once with $\mathrm{KL}(q\|p)$.
#
# The **forward** KL is maximum likelihood, and by section 5 its minimum is known exactly: $q$ takes the mean and the variance of $p$, here $0$ and $9.49$. This is called *moment matching*. Leaving a bump out would cost $-\ln q$ without limit, so $q$ covers both, and also the empty middle.
#
# The **reverse** KL is a mean under $q$: it only asks about places where $q$ itself has mass, and there it punishes $p \approx 0$. Leaving a bump out is cheap. How cheap? If $q$ is one of the bumps and the other is far away, $p = \tfrac12 q$ wherever $q$ lives, so $\mathrm{KL}(q\|p) = \mathbb E_q[\ln 2] = \ln 2$. We find the minimum by computer, started from both sides:


# %%
def fit_by(objective, start):
    """Minimise objective(p, q) over Gaussians q = N(m, s²), from start (m, ln s)."""
    search = minimize(
        lambda v: objective(two_bumps, normal(x_line, v[0], np.exp(v[1]))),
        start,
        method="Nelder-Mead",
        options={"xatol": 1e-6, "fatol": 1e-10},
    )
    return float(search.x[0]), float(np.exp(search.x[1])), float(search.fun)


def forward(p, q):
    return divergences.kl_densities(x_line, p, q)


def reverse(p, q):
    return divergences.kl_densities(x_line, q, p)


covering = fit_by(forward, [0.5, 0.5])
seeking = [fit_by(reverse, [start, 0.0]) for start in (-2, 2)]
print(
    f"forward: mean {covering[0]:+.4f}, std {covering[1]:.4f} (moments of p: 0 and {np.sqrt(9.49):.4f}), KL {covering[2]:.4f}"
)
for m, s, value in seeking:
    print(f"reverse: mean {m:+.4f}, std {s:.4f} (one bump: ±3 and 0.7), KL {value:.4f}, ln 2 = {np.log(2):.4f}")
    assert np.isclose(abs(m), 3, atol=0.02)
    assert np.isclose(value, np.log(2), atol=0.01)
assert np.allclose(covering[:2], [0, np.sqrt(9.49)], atol=1e-3)

figure, axes = plots.canvas(9, 3)
axes.fill_between(x_line, two_bumps, color=plots.COLOURS[0], alpha=0.25, label="$p$, two bumps")
axes.plot(
    x_line,
    normal(x_line, *covering[:2]),
    "--",
    color=plots.COLOURS[2],
    linewidth=2,
    label="best by KL$(p\\|q)$: covers",
)
axes.plot(
    x_line, normal(x_line, *seeking[1][:2]), color=plots.COLOURS[1], linewidth=2, label="best by KL$(q\\|p)$: seeks one"
)
axes.plot(
    x_line,
    normal(x_line, *seeking[0][:2]),
    ":",
    color=plots.COLOURS[1],
    linewidth=2,
    label="the same, started on the left",
)
axes.set(xlim=(-9, 9), xlabel="$x$", ylabel="density", title="One Gaussian for two bumps")
axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
figure.alt_text = "Two bumps at minus 3 and 3. The forward KL's Gaussian is low and wide over both. The reverse KL's Gaussians sit on one bump each, twice as high."
figure

# %% [markdown]
# Keep this picture in mind. Models trained by likelihood tend to blur, because they must cover everything. Models trained by a game, whose objective is a mean over their own samples, tend to leave things out. Lesson 07 will call that *mode collapse*.
#
# ### Jensen–Shannon: symmetric and bounded
#
# Compare both with their average $m = \tfrac12(p+q)$:
#
# $$\mathrm{JS}(p, q) = \tfrac12\mathrm{KL}(p\|m) + \tfrac12\mathrm{KL}(q\|m).$$
#
# It is symmetric, and $\ge 0$ as a sum of divergences. Since $m \ge \tfrac12 p$, the ratio $p/m$ never exceeds 2, and so $\mathrm{KL}(p\|m) \le \ln 2$; the same holds for $q$:
#
# $$\boxed{\;0 \le \mathrm{JS}(p, q) \le \ln 2\;}\qquad\text{with } \ln 2 \text{ exactly when } p \text{ and } q \text{ nowhere overlap.}$$
#
# It has a meaning. Toss a coin $Y$; draw $X$ from $p$ for heads, from $q$ for tails. How many nats does $X$ tell us about $Y$? This is the **mutual information** $I(X;Y) = \mathrm{KL}(\text{joint}\,\|\,\text{product of the marginals})$. The joint density is $\tfrac12 p(x)$ for heads and $\tfrac12 q(x)$ for tails; the marginals are $m(x)$ and ½. So
#
# $$I(X;Y) = \int \tfrac12 p\,\ln\frac{\tfrac12 p}{\tfrac12 m} + \tfrac12 q\,\ln\frac{\tfrac12 q}{\tfrac12 m}\,dx = \boxed{\;\mathrm{JS}(p,q)\;}$$
#
# One toss holds $\ln 2$ nats, one bit; $X$ cannot tell more. That is the ceiling, and it is what the judge of section 7 plays for.


# %%
def js(p, q):
    """½ KL(p‖m) + ½ KL(q‖m) with m = (p + q)/2, in nats, for probabilities."""
    middle = (np.asarray(p) + np.asarray(q)) / 2
    return 0.5 * kl(p, middle) + 0.5 * kl(q, middle)


def label_information(p, q):
    """Mutual information of a fair coin and a draw from p (heads) or q (tails), from the joint table (2, n)."""
    joint = np.stack([np.asarray(p), np.asarray(q)]) / 2
    product = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)
    return kl(joint.reshape(-1), product.reshape(-1))


values = np.array([(js(p, q), js(q, p), label_information(p, q)) for p, q in tables[:500]])
print(f"500 pairs: JS from {values[:, 0].min():.4f} to {values[:, 0].max():.4f}; ln 2 = {np.log(2):.4f}")
assert np.allclose(values[:, 0], values[:, 1])
assert np.allclose(values[:, 0], values[:, 2])
assert (values[:, 0] <= np.log(2)).all()
assert np.isclose(js([1, 0], [0, 1]), np.log(2))
assert np.isclose(js(*tables[0]), divergences.js_discrete(*tables[0]))

figure, axes = plots.canvas(6.4, 2.8)
axes.plot(values[:, 2], values[:, 0], ".", color=plots.COLOURS[0], markersize=4, label="500 pairs of distributions")
axes.axhline(np.log(2), color=plots.COLOURS[1], linewidth=2, label="ln 2: one bit")
axes.set(
    xlabel="information about the coin (nats)",
    ylabel="JS (nats)",
    ylim=(0, 0.8),
    title="Jensen–Shannon is what a draw tells about its origin",
)
axes.legend(frameon=False, fontsize=9, loc="lower right")
figure.alt_text = "For 500 pairs of distributions the Jensen-Shannon divergence equals the mutual information: all points lie on the diagonal and below ln 2."
figure

# %% [markdown]
# ### Total variation: the best judge
#
# The **total variation** is half the area between two densities, $\mathrm{TV}(p,q) = \tfrac12\int|p - q|\,dx$, from 0 to 1. It too has a meaning for the judge. Show it one $x$, real ($p$) or generated ($q$) with equal odds. The best it can do is to say “real” where $p(x) > q(x)$. It is then right with probability $\tfrac12\int\max(p,q)\,dx$, and as $\max(p,q) = \tfrac12(p+q) + \tfrac12|p-q|$,
#
# $$\boxed{\;\text{best accuracy} = \tfrac12\big(1 + \mathrm{TV}(p,q)\big)\;}$$
#
# Any real judge gives a lower bound: one that is right in 98 % of the cases proves $\mathrm{TV} \ge 0.96$, up to the error of counting.
#
# ### Pinsker: a small KL means a small TV
#
# $$\boxed{\;\mathrm{TV}(p,q) \le \sqrt{\tfrac12\,\mathrm{KL}(p\|q)}\;}$$
#
# *Two outcomes first.* Let $p = (a, 1-a)$ and $q = (b, 1-b)$, so $\mathrm{TV} = |a - b|$. Consider $g(b) = \mathrm{KL} - 2(a-b)^2$. Its derivative is $g'(b) = -\frac ab + \frac{1-a}{1-b} + 4(a-b) = (b-a)\Big(\frac{1}{b(1-b)} - 4\Big)$. As $b(1-b) \le \tfrac14$, the second factor is never negative; so $g$ falls until $b = a$, rises afterwards, and its minimum is $g(a) = 0$: $\mathrm{KL} \ge 2\,\mathrm{TV}^2$.
#
# *Then everything else.* Let $A$ be the set where $p > q$. Keep only whether $x \in A$. The two probabilities $a = p(A)$ and $b = q(A)$ have $a - b = \mathrm{TV}$, because the two areas between the curves, above and below, are equal. And looking at less can only lower the KL. (The *log-sum inequality*: $\int_A p\ln\frac pq \ge a\ln\frac ab$. To see it, divide by $a$: with $\tilde p = p/a$ and $\tilde q = q/b$ on $A$, the difference is $a\,\mathrm{KL}(\tilde p\|\tilde q) \ge 0$. The same holds outside of $A$, and the two parts add up.) $\;\square$


# %%
def tv(p, q):
    """½ Σ|p − q|, for probabilities."""
    return 0.5 * float(np.abs(np.asarray(p) - np.asarray(q)).sum())


pairs = np.array([(tv(p, q), kl(p, q), np.maximum(p, q).sum() / 2) for p, q in tables])
assert np.allclose(pairs[:, 2], (1 + pairs[:, 0]) / 2)  # the best judge
assert (pairs[:, 0] <= np.sqrt(pairs[:, 1] / 2) + 1e-12).all()  # Pinsker
near = kl([0.5, 0.5], [0.501, 0.499]) / (2 * tv([0.5, 0.5], [0.501, 0.499]) ** 2)
print(f"KL / (2 TV²) for two close coins: {near:.5f}; the constant cannot be improved")
assert 1 <= near < 1.001

figure, axes = plots.canvas(6.4, 3.1)
axes.plot(
    pairs[:, 1], pairs[:, 0], ".", color=plots.COLOURS[0], markersize=3, alpha=0.6, label="2,000 pairs of distributions"
)
line = np.linspace(0, 2, 200)
axes.plot(line, np.sqrt(line / 2), color=plots.COLOURS[1], linewidth=2, label="Pinsker's bound")
axes.set(
    xlim=(0, 4),
    ylim=(0, 1.02),
    xlabel="KL$(p\\|q)$ (nats)",
    ylabel="total variation",
    title="No pair lies above the bound",
)
axes.legend(frameon=False, fontsize=9, loc="lower right")
figure.alt_text = (
    "Total variation against KL of 2,000 random pairs: all points lie below the square root curve of Pinsker's bound."
)
figure

# %% [markdown]
# ### Wasserstein: how far must the mass travel?
#
# All divergences so far compare $p$ and $q$ *at the same place*. They do not know that 40 is closer to 41 than to 200. The **1-Wasserstein distance** does: regard $p$ as a heap of sand and $q$ as a hole; it is the least total of (mass × distance) to fill the hole.
#
# $$W_1(p,q) = \min_{\pi}\ \sum_{ij} \pi_{ij}\,|x_i - y_j| \quad\text{over all plans } \pi_{ij}\ge 0 \text{ with } \sum_j\pi_{ij} = p_i,\ \sum_i \pi_{ij} = q_j .$$
#
# This is a *linear program*, and a computer solves small ones exactly. On a line there is more. Cut the line at $t$. To the left of the cut lies the mass $F_p(t)$ of $p$ and $F_q(t)$ of $q$ ($F$ is the *cumulative distribution function*), so at least $|F_p(t) - F_q(t)|$ must cross the cut. Adding up over all cuts, no plan costs less than $\int|F_p - F_q|\,dt$. And the plan that keeps the order, smallest to smallest, never sends mass across a cut in both directions, so it costs exactly that:
#
# $$\boxed{\;W_1(p,q) = \int |F_p(t) - F_q(t)|\,dt\;}\qquad\text{for two samples of equal size: the mean of } |x_{(i)} - y_{(i)}| \text{ after sorting.}$$


# %%
def w1_by_sorting(x, y):
    """W₁ of two samples of equal size."""
    return float(np.mean(np.abs(np.sort(x) - np.sort(y))))


def w1_by_cdf(x, y):
    """∫|F_x − F_y| dt: both functions are constant between neighbouring points."""
    cuts = np.sort(np.concatenate([x, y]))
    share_x, share_y = (np.searchsorted(np.sort(v), cuts[:-1], side="right") / len(v) for v in (x, y))
    return float(np.sum(np.abs(share_x - share_y) * np.diff(cuts)))


def w1_by_program(x, y):
    """The linear program: the cheapest plan (n, m), found without knowing anything about order."""
    n, m = len(x), len(y)
    cost = np.abs(x[:, None] - y[None, :]).reshape(-1)
    leaves = np.kron(np.eye(n), np.ones(m))  # row sums of the plan
    arrives = np.kron(np.ones(n), np.eye(m))  # column sums
    solved = linprog(
        cost, A_eq=np.concatenate([leaves, arrives]), b_eq=np.concatenate([np.full(n, 1 / n), np.full(m, 1 / m)])
    )
    return float(solved.fun)


x, y = rng.normal(0, 1, 12), rng.normal(1.5, 2, 12)
three = w1_by_sorting(x, y), w1_by_cdf(x, y), w1_by_program(x, y)
print(
    f"W₁ by sorting {three[0]:.6f}, by the areas between the CDFs {three[1]:.6f}, by linear programming {three[2]:.6f}"
)
assert np.allclose(three, three[0])
assert np.isclose(three[0], divergences.wasserstein_1d(x, y))
unsorted = float(np.mean(np.abs(x - y)))
print(f"forgetting to sort gives {unsorted:.4f}: a plan too, but not the cheapest")
assert unsorted > three[0]

figure, axes = plots.canvas(7, 2.9)
cuts = np.sort(np.concatenate([x, y]))
levels = [np.searchsorted(np.sort(v), cuts, side="right") / len(v) for v in (x, y)]
axes.fill_between(cuts, *levels, step="post", color=plots.COLOURS[4], alpha=0.4, label="area = $W_1$")
for k, level in enumerate(levels):
    axes.step(
        cuts,
        level,
        where="post",
        color=plots.COLOURS[k],
        linestyle=["-", "--"][k],
        linewidth=2,
        label=["$F_x$", "$F_y$"][k],
    )
axes.set(xlabel="$t$", ylabel="share of points up to $t$", title="The Wasserstein distance is an area")
axes.legend(frameon=False, fontsize=9)
figure.alt_text = "Two staircases from 0 to 1, the cumulative distributions of two samples; the area between them is shaded and equals the Wasserstein distance."
figure

# %% [markdown]
# ### When nothing overlaps
#
# Two thin sets in a huge space do not meet. This was our first observation about images, so it is the *normal* case for a young generator. Let $p$ be a narrow bump at 0 and $q$ the same bump at $t$. Once they are apart, for every further $t$:
#
# | | value | derivative by $t$: what a generator could learn |
# |---|---|---|
# | $\mathrm{KL}(p\|q)$ | $\infty$ | none |
# | $\mathrm{JS}$ | $\ln 2$ | **0** |
# | $\mathrm{TV}$ | 1 | **0** |
# | $W_1$ | $t$ | **1**: “come closer” |
#
# The first three lines follow from the boxes above ($p/m = 2$ wherever $p$ lives). For the last: all mass travels the same distance $t$, $F_q(x) = F_p(x - t) \le F_p(x)$, and $\int (F_p(x) - F_p(x-t))\,dx = t$, for any shape. (The area between a curve and its copy shifted by $t$: cut it into horizontal strips, each has the length $t$.)


# %%
def bump(x, centre, reach=0.8):
    """A density that is exactly zero further than reach from its centre."""
    u = np.clip((x - centre) / reach, -1, 1)
    return (1 + np.cos(np.pi * u)) / (2 * reach)


def far_apart(t):
    """KL, JS, TV and W₁ of two bumps whose centres are t apart."""
    pair = bump(x_line, 0), bump(x_line, t)
    names = ("kl", "js", "tv", "wasserstein")
    return np.array([getattr(divergences, f"{name}_densities")(x_line, *pair) for name in names])


for t in (2.0, 3.0, 6.0):
    print(
        f"t = {t}: KL {far_apart(t)[0]}, JS {far_apart(t)[1]:.6f}, TV {far_apart(t)[2]:.6f}, W₁ {far_apart(t)[3]:.6f}"
    )
    assert far_apart(t)[0] == np.inf
    assert np.allclose(far_apart(t)[1:], [np.log(2), 1, t], atol=1e-6)
slopes = (far_apart(3.01)[1:] - far_apart(2.99)[1:]) / 0.02  # KL is infinite: it has no slope
print(f"derivatives at t = 3: JS {slopes[0]:.6f}, TV {slopes[1]:.6f}, W₁ {slopes[2]:.6f}")
assert np.allclose(slopes, [0, 0, 1], atol=1e-6)

places = np.linspace(0, 4, 81)
values = np.array([far_apart(t)[1:] for t in places])
figure, (left, right) = plots.canvas(9.5, 3, columns=2)
left.fill_between(x_line, bump(x_line, 0), color=plots.COLOURS[0], alpha=0.3, label="$p$")
left.plot(x_line, bump(x_line, 2.5), color=plots.COLOURS[1], linewidth=2, label="$q$ at $t = 2.5$")
left.set(xlim=(-1.5, 4.5), xlabel="$x$", ylabel="density", title="Two bumps that do not meet")
left.legend(frameon=False, fontsize=9)
for k, name in enumerate(("JS (nats)", "TV", "$W_1$")):
    right.plot(places, values[:, k], ["-", "--", "-."][k], color=plots.COLOURS[[2, 4, 3][k]], linewidth=2, label=name)
right.axvline(1.6, color=plots.GREY, linestyle=":", linewidth=1)
right.text(1.63, 3.9, "no overlap from here on", fontsize=9, va="top")
right.set(xlabel="distance $t$ of the bumps", title="Two of three stop rising")
right.legend(frameon=False, fontsize=9, loc="center right")
figure.alt_text = "Left: two narrow bumps apart from each other. Right: against their distance, JS and TV rise to ln 2 and 1 at distance 1.6 and stay there; the Wasserstein distance goes on rising in a straight line."
figure

# %% [markdown]
# This is the starting point of the Wasserstein GAN, lesson 08. Fairness demands a remark: a GAN does not differentiate the JS divergence itself but a network's idea of it, and lesson 05 shows what that changes.
#
# ## 9 · Explore: the divergence laboratory
#
# Drag *Move q*, and watch the five numbers. Before you do, predict:
#
# 1. *A Gaussian shifts*: which curve is a parabola, which a straight line?
# 2. *Narrow bumps*: how far does JS see? Find the place where it hits its ceiling.
# 3. *One bump, two bumps*: at which places is KL(q‖p) smallest, at which KL(p‖q)? Why is the one a valley where the other is a hill? And why does W₁ have a flat bottom?
# 4. *A Gaussian widens*: which width does maximum likelihood choose?

# %%
lab = explore.DivergenceLab()
lab.show()

# %%
shift = lab.measures(scene=0, move=75)  # the centre of q is at 3
apart = lab.measures(scene=1, move=75)
print(
    f"answers 1 and 2: shifted by 3, KL = {shift['kl']:.3f} = 3²/2 and W₁ = {shift['w1']:.3f}; narrow bumps, JS = {apart['js']:.4f}"
)
assert np.isclose(shift["kl"], 4.5, atol=1e-4)
assert np.isclose(apart["js"], np.log(2))

# %% [markdown]
# ## 10 · Try this
#
# - Fit the mixture with 30 instead of 784 directions for each kind. Are the samples better or worse to your eye? And the score? (Add noise of the left-out variance in all directions, or there is none.)
# - Give the judge one linear layer on the pixels in the place of its convolutions, and samples of the full Gaussian without rounding and clipping. Why can it not win? Which moments does a linear judge see?
# - Multiply all grey values by 2 and score in the new units. By how much does the log-likelihood change, and why do bits per pixel need a unit?
# - In the laboratory, find a pair of places with the same TV and different W₁.
#
# ## Summary
#
# - An image is a point; the images of one kind are a thin, curved set. A generator draws new points from it.
# - Surprise $-\ln p$, entropy $H$, in nats or bits ($1$ nat $= 1/\ln 2$ bits). Differential entropies may be negative and have a unit. Score grey values with uniform noise added.
# - $-\mathbb E_{p_\text{data}}[\ln p_\theta] = H(p_\text{data}) + \mathrm{KL}(p_\text{data}\|p_\theta)$: maximum likelihood is minimum KL. The best Gaussian has the data's mean and covariance.
# - A Gaussian knows two moments: it finds the reflection of a garment as probable as the garment. Mixtures help and do not cure.
# - Forward KL covers, reverse KL seeks. JS is bounded by $\ln 2$ and is the information a judge can win; TV is its best accuracy; Pinsker ties TV to KL. Without overlap only $W_1$ still sees how far.
#
# ## References
#
# - Shannon 1948, *A Mathematical Theory of Communication*, [doi:10.1002/j.1538-7305.1948.tb01338.x](https://doi.org/10.1002/j.1538-7305.1948.tb01338.x)
# - Xiao, Rasul & Vollgraf 2017, *Fashion-MNIST*, [arXiv:1708.07747](https://arxiv.org/abs/1708.07747)
# - Theis, van den Oord & Bethge 2016, *A note on the evaluation of generative models*, [arXiv:1511.01844](https://arxiv.org/abs/1511.01844)
# - Arjovsky & Bottou 2017, *Towards Principled Methods for Training Generative Adversarial Networks*, [arXiv:1701.04862](https://arxiv.org/abs/1701.04862)
# - Arjovsky, Chintala & Bottou 2017, *Wasserstein GAN*, [arXiv:1701.07875](https://arxiv.org/abs/1701.07875)
# - Lopez-Paz & Oquab 2017, *Revisiting Classifier Two-Sample Tests*, [arXiv:1610.06545](https://arxiv.org/abs/1610.06545)
# - Keys 1981, *Cubic convolution interpolation*, [doi:10.1109/TASSP.1981.1163711](https://doi.org/10.1109/TASSP.1981.1163711)
#
# **Next:** the exercises of this lesson; then lesson 02, *Variational inference, derived*, which gives a model hidden variables and still computes with its likelihood.
#
# ---
# *Text and figures: CC BY 4.0. Code: Apache-2.0.*
