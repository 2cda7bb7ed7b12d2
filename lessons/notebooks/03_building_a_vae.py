# %% [markdown]
# # 03 · Building a VAE, and the units of its loss
#
# **After this lesson you can**
#
# - show that a plain autoencoder leaves holes in its latent space, and measure them;
# - derive the loss of a variational autoencoder line by line, and check every line by computer;
# - write the model in one Keras class and train it with `fit`;
# - read any published VAE loss, say which β it really uses, and predict what that β does;
# - choose between a Bernoulli, a continuous Bernoulli and a Gaussian decoder, and say what each one claims about
#   pixels;
# - recognise posterior collapse from the KL of each latent variable.
#
# **Time.** Reading 40 minutes. Running all cells: about 75 seconds on two CPU cores. On a GPU the same cells
# train longer; its time has not been measured yet.
#
# **Builds on** lesson 00 (opening and running a notebook). The two ideas needed from lessons 01 and 02, the
# Kullback–Leibler divergence and the evidence lower bound, are derived here again in short.
#
# **Exercises:** `exercises/03_building_a_vae.ipynb`, 60 to 90 minutes.
#
# **Words:** [Glossary](../docs/glossary.md) of the field's terms, English and Chinese.

# %%
from course_lib import placement

placement.before("03")

# %%
import importlib.resources
import json

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from scipy.spatial import cKDTree
from scipy.special import erf

from course_lib import callbacks, data, divergences, explore, images, latent, losses, nets, plots, runtime, vae, zoo

SEED = 0
runtime.setup(SEED)

# %% [markdown]
# The settings of the lesson stand together. On a CPU we train on part of the data and for a few epochs; on a GPU the
# same cells take the whole of Fashion-MNIST and run longer.

# %%
TRAIN_IMAGES = runtime.pick(cpu=10_240, gpu=60_000)
EPOCHS = runtime.pick(cpu=6, gpu=15)  # the main model
SHORT = runtime.pick(cpu=4, gpu=8)  # the models it is compared with
BATCH = 128
RATE = 2e-3  # Adam's step: large for a VAE, because the runs are short
D = 28 * 28  # pixels of an image

train, test = data.load_fashion("train"), data.load_fashion("test")
x_train = images.to_float(train.images[:TRAIN_IMAGES])  # (N, 28, 28, 1), floats in [-1, 1]
x_test, y_test = images.to_float(test.images[:2000]), np.asarray(test.labels[:2000])

plots.image_grid(x_test[:20], columns=10, alt="Twenty garments of the Fashion-MNIST test set, grey on black.")

# %% [markdown]
# ## 1 · An autoencoder, and its holes
#
# An **autoencoder** squeezes an image $x$ through a narrow place. The *encoder* turns the image into a short vector
# $z$, its **code**; the *decoder* has to draw the image again from the code alone. What survives the narrow place is
# what the two networks agreed to remember. Here $x$ has $D = 784$ pixels and $z$ has $d = 2$ numbers, so that we can
# draw the space of all codes.
#
# Two small convolutional networks are enough. Each convolution of stride 2 halves the side of the picture: 28, 14, 7.
# Their kernel has side 4, a multiple of the stride: with side 3, neighbouring output pixels of the decoder would be
# covered by different numbers of kernel taps, and the picture would carry a
# [checkerboard](https://distill.pub/2016/deconv-checkerboard/).
#
# The encoder has a second output, `logvar`. The plain autoencoder does not use it; the variational one, in section 4,
# will.


# %%
def make_encoder(latent_dim, width=8):
    """x (N, 28, 28, 1) -> two vectors (N, latent_dim)."""
    leaky = keras.activations.leaky_relu  # slope 0.2 below zero
    image = keras.Input((28, 28, 1))
    h = layers.Conv2D(width, 4, strides=2, padding="same", activation=leaky)(image)  # (N, 14, 14, 8)
    h = layers.Conv2D(2 * width, 4, strides=2, padding="same", activation=leaky)(h)  # (N, 7, 7, 16)
    h = layers.Dense(8 * width, activation=leaky)(layers.Flatten()(h))  # (N, 64)
    return keras.Model(image, [layers.Dense(latent_dim)(h), layers.Dense(latent_dim)(h)])


def make_decoder(latent_dim, width=8):
    """z (N, latent_dim) -> logits (N, 28, 28, 1): real numbers, to be squashed into pixels afterwards."""
    leaky = keras.activations.leaky_relu  # slope 0.2 below zero
    z = keras.Input((latent_dim,))
    h = layers.Dense(8 * width, activation=leaky)(z)
    h = layers.Reshape((7, 7, 2 * width))(layers.Dense(7 * 7 * 2 * width, activation=leaky)(h))
    h = layers.Conv2DTranspose(2 * width, 4, strides=2, padding="same", activation=leaky)(h)  # (N, 14, 14, 16)
    h = layers.Conv2DTranspose(width, 4, strides=2, padding="same", activation=leaky)(h)  # (N, 28, 28, 8)
    return keras.Model(z, layers.Conv2D(1, 3, padding="same")(h))


def to_image(logits):
    """Logits -> pixels in [-1, 1]. The sigmoid gives [0, 1], and 2·sigmoid(a) − 1 = tanh(a / 2)."""
    return tf.tanh(tf.convert_to_tensor(logits) / 2)


encoder, decoder = make_encoder(2), make_decoder(2)
autoencoder = keras.Model(encoder.input, decoder(encoder.outputs[0]))
autoencoder.compile(keras.optimizers.Adam(RATE), keras.losses.BinaryCrossentropy(from_logits=True))
_ = autoencoder.fit(x_train, (x_train + 1) / 2, batch_size=BATCH, epochs=SHORT, verbose=2)

# %% [markdown]
# It works as advertised: the decoder draws recognisable garments from two numbers.

# %%
codes = np.asarray(encoder.predict(x_train, batch_size=500, verbose=0)[0])
codes_test = np.asarray(encoder.predict(x_test, batch_size=500, verbose=0)[0])
plots.side_by_side(
    {"image": x_test[:12], "code, decoded": to_image(decoder(codes_test[:12]))},
    alt="Twelve test garments above; below, each drawn again from its code: the same kind and shape, without fine detail.",
)

# %% [markdown]
# Can it also make *new* garments? To generate, we need a rule for choosing $z$, and the autoencoder has none. The
# kindest rule we can make up is a Gaussian with the mean and the covariance of the codes. We draw from it, decode,
# and ask two questions:
#
# 1. **Is the point near any code?** For each drawn point we take the distance to the nearest training code. A point
#    counts as *in a hole* if that distance is larger than it is for 99 % of the codes of held-out images. So real,
#    unseen garments fall into a hole 1 % of the time, by construction.
# 2. **Does the picture look like a garment?** We ask a classifier that was trained on the real images
#    (`fashion-classifier` of the course's zoo) how sure it is of its answer.


# %%
def share_in_holes(points, codes, held_out):
    """Share of points farther from all codes than 99 % of the held-out codes are, and which ones."""
    tree = cKDTree(codes)
    limit = np.quantile(tree.query(held_out)[0], 0.99)
    far = tree.query(points)[0] > limit
    return far.mean(), far


classifier = zoo.load("fashion-classifier")


def confidence(pictures):
    """Mean of the classifier's largest class probability over pictures in [-1, 1]."""
    logits = classifier.predict(np.asarray(pictures), batch_size=500, verbose=0)["label"]
    return float(tf.reduce_max(tf.nn.softmax(logits), axis=-1).numpy().mean())


rng = np.random.default_rng(SEED)
drawn = rng.multivariate_normal(codes.mean(axis=0), np.cov(codes.T), size=2000)
ae_holes, far = share_in_holes(drawn, codes, codes_test)
ae_pictures = to_image(decoder.predict(drawn.astype(np.float32), batch_size=500, verbose=0))
ae_confidence = confidence(ae_pictures)

print(f"drawn points that fall into holes: {ae_holes:.1%}    (codes of unseen garments: 1 %)")
print(f"classifier's confidence: real garments {confidence(x_test):.3f}, ", end="")
print(f"their codes decoded {confidence(to_image(decoder(codes_test))):.3f}, drawn codes decoded {ae_confidence:.3f}")
assert ae_holes > 0.03, "the autoencoder should leave holes at least three times as often as data does"

# %%
figure, (left, right) = plots.canvas(9.5, 4.2, columns=2, width_ratios=[1.25, 1])
plots.draw_points(left, codes[:2000], train.labels[:2000], data.FASHION_NAMES)
left.scatter(*drawn[far][:60].T, marker="x", s=38, color="black", linewidths=1.6, label="drawn, in a hole")
left.set(xlabel="$z_1$", ylabel="$z_2$", title="Codes of the autoencoder")
left.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=8, markerscale=1.5)
holes = images.to_uint8(np.asarray(to_image(decoder(drawn[far][:16].astype(np.float32)))))
right.imshow(np.broadcast_to(images.tile(holes, columns=4), (118, 118, 3)))
right.set(title="Decoded from 16 of the crosses", xticks=[], yticks=[])
right.grid(False)
figure.alt_text = (
    "Left: codes of garments by class, unevenly spread, with crosses where drawn points fall between or outside "
    "the clusters. Right: sixteen pictures decoded at crosses, many of them mixtures of garments."
)
figure

# %% [markdown]
# **Why holes?** Look at what the loss asks for: the decoder must be right *at the codes*. Nothing is said about any
# other point, nor about where the codes are placed, how wide they spread, or in which unit. The encoder may put them
# anywhere, and between two clusters the decoder is free to draw anything.
#
# Two repairs suggest themselves. Blur every code into a small cloud, so that the decoder has to be right in a
# neighbourhood; and pull all clouds towards one known distribution, so that we know where to draw from. This is a
# VAE, except that it need not be invented as a trick: it follows from one question about probabilities.
#
# ## 2 · The evidence lower bound
#
# ### The model
#
# Tell a story of how an image comes about. First nature draws a code from a fixed distribution, the **prior** $p(z) =
# \mathcal N(0, I)$. Then it draws the image from a distribution that depends on the code, the **likelihood**
# $p_\theta(x|z)$, whose parameters the decoder computes; $\theta$ are the decoder's weights. The probability of an
# image is the average over all codes that may have made it:
#
# $$p_\theta(x) = \int p_\theta(x|z)\,p(z)\,dz .$$
#
# We want weights that make the training images probable: maximise $\log p_\theta(x)$, averaged over the data (all
# logarithms in the course are natural, and their unit is the **nat**). But the integral cannot be computed: almost
# every $z$ explains a given image badly, and the few that explain it well are unknown.
#
# So we let a second network propose them. The encoder computes a Gaussian over the codes that may have made $x$,
#
# $$q_\phi(z|x) = \mathcal N\big(z;\ \mu_\phi(x),\ \operatorname{diag}\sigma_\phi^2(x)\big),$$
#
# with weights $\phi$. This is the blurred code of the last paragraph.
#
# ### The bound, first way: Jensen
#
# Multiply and divide by $q_\phi(z|x)$, and read the integral as an expectation:
#
# $$\log p_\theta(x) = \log \int q_\phi(z|x)\,\frac{p_\theta(x|z)\,p(z)}{q_\phi(z|x)}\,dz
# = \log \mathbb E_{q_\phi(z|x)}\!\left[\frac{p_\theta(x|z)\,p(z)}{q_\phi(z|x)}\right].$$
#
# The logarithm is concave: the logarithm of an average is at least the average of the logarithms (Jensen's
# inequality). Hence
#
# $$\log p_\theta(x) \;\ge\; \mathbb E_{q_\phi(z|x)}\big[\log p_\theta(x|z) + \log p(z) - \log q_\phi(z|x)\big].$$
#
# The last two terms together are, up to the sign, a Kullback–Leibler divergence, $\mathrm{KL}(q\|p) = \mathbb
# E_q[\log q - \log p]$, which leaves
#
# $$\boxed{\;\log p_\theta(x)\ \ge\ \underbrace{\mathbb E_{q_\phi(z|x)}[\log p_\theta(x|z)]}_{-\text{ reconstruction}}
# \;-\;\underbrace{\mathrm{KL}\big(q_\phi(z|x)\,\|\,p(z)\big)}_{\text{KL}}\;=\;\mathrm{ELBO}(x)\;}$$
#
# the **evidence lower bound**. It holds for every $q$, good or bad.
#
# ### The bound, second way: what exactly is missing?
#
# Bayes' rule says $p_\theta(x|z)\,p(z) = p_\theta(z|x)\,p_\theta(x)$, where $p_\theta(z|x)$ is the true
# **posterior**: the codes that really may have made $x$. Put this into the bound:
#
# $$\mathrm{ELBO} = \mathbb E_q[\log p_\theta(z|x) + \log p_\theta(x) - \log q_\phi(z|x)]
# = \log p_\theta(x) - \mathbb E_q[\log q_\phi(z|x) - \log p_\theta(z|x)] ,$$
#
# because $\log p_\theta(x)$ does not depend on $z$ and leaves the expectation unchanged. The expectation on the right
# is a KL divergence again:
#
# $$\boxed{\;\log p_\theta(x) = \mathrm{ELBO}(x) + \mathrm{KL}\big(q_\phi(z|x)\,\|\,p_\theta(z|x)\big)\;}$$
#
# A KL divergence is never negative, so this proves the bound a second time and says more: the gap is the distance
# from $q$ to the true posterior. Raising the ELBO over $\phi$ improves the proposal; raising it over $\theta$ pushes
# the probability of the data up.
#
# **Check.** With one latent variable all integrals can be done on a fine grid. We take a curved decoder, $p(x|z) =
# \mathcal N(x;\ z + \sin 2z,\ 0.5^2)$, observe $x = 1$, and try many proposals $q = \mathcal N(m, s^2)$.

# %%
z_grid = np.linspace(-9, 9, 20_001)
dz = z_grid[1] - z_grid[0]


def log_normal(value, mean, std):
    return -0.5 * np.log(2 * np.pi) - np.log(std) - 0.5 * ((value - mean) / std) ** 2


log_joint = log_normal(1.0, z_grid + np.sin(2 * z_grid), 0.5) + log_normal(z_grid, 0, 1)
log_evidence = np.log(np.sum(np.exp(log_joint)) * dz)
log_posterior = log_joint - log_evidence


def elbo_and_gap(m, s):
    """ELBO and KL(q ‖ posterior) of q = N(m, s²), both by quadrature."""
    log_q = log_normal(z_grid, m, s)
    q = np.exp(log_q) * dz
    return np.sum(q * (log_joint - log_q)), np.sum(q * (log_q - log_posterior))


means = np.linspace(-1.5, 2, 141)
bounds = np.array([elbo_and_gap(m, 0.35) for m in means])
assert np.all(bounds[:, 0] <= log_evidence), "Jensen: the bound never exceeds log p(x)"
assert np.allclose(bounds.sum(axis=1), log_evidence, atol=1e-9), "identity: ELBO + gap = log p(x)"
best = means[bounds[:, 0].argmax()]
print(f"log p(x) = {log_evidence:.6f}; largest ELBO = {bounds[:, 0].max():.6f} at m = {best:.2f}")
print(
    f"largest |ELBO + KL(q ‖ posterior) − log p(x)| over 141 proposals: {np.abs(bounds.sum(1) - log_evidence).max():.1e}"
)

# %%
figure, (left, right) = plots.canvas(9.5, 3.3, columns=2)
left.plot(z_grid, np.exp(log_posterior), color=plots.COLOURS[6], linewidth=2, label="true posterior p(z|x)")
left.plot(z_grid, np.exp(log_normal(z_grid, best, 0.35)), "--", color=plots.COLOURS[0], linewidth=2, label="best q")
left.set(xlim=(-2, 3), xlabel="$z$", ylabel="density", title="A Gaussian proposal and the posterior")
left.legend(frameon=False, fontsize=9)
right.axhline(log_evidence, color=plots.COLOURS[6], linewidth=2, label="log p(x)")
right.plot(means, bounds[:, 0], "--", color=plots.COLOURS[0], linewidth=2, label="ELBO of q")
right.fill_between(
    means, bounds[:, 0], log_evidence, color=plots.COLOURS[4], alpha=0.3, label="gap = KL(q ‖ posterior)"
)
right.set(xlabel="mean $m$ of $q$", ylabel="nats", ylim=(-9, -0.5), title="The bound and its gap")
right.legend(frameon=False, fontsize=9, loc="lower right")
figure.alt_text = (
    "Left: a skewed true posterior and the Gaussian that fits it best. Right: log p(x) as a horizontal line, the "
    "ELBO below it as a curve over the mean of q, and the shaded gap between them, smallest at the best mean."
)
figure

# %% [markdown]
# A Gaussian cannot follow the posterior's shape exactly, so even the best proposal leaves a gap. This is one of the
# prices of a VAE; lesson 02 shows how to pay less.
#
# ## 3 · The two terms in closed form
#
# ### The KL term
#
# The coordinates of $z$ are independent under $q$ and under $p$, so the logarithms of the densities are sums over
# coordinates, and so is the KL divergence. One coordinate is enough. Let $q = \mathcal N(\mu, \sigma^2)$ and $p =
# \mathcal N(0, 1)$:
#
# $$\log q(z) = -\tfrac12\log 2\pi - \tfrac12\log\sigma^2 - \frac{(z-\mu)^2}{2\sigma^2},
# \qquad \log p(z) = -\tfrac12\log 2\pi - \tfrac12 z^2 .$$
#
# Subtract; the constants cancel. Then take the expectation under $q$, term by term:
#
# $$\mathbb E_q[\log q - \log p] = -\tfrac12\log\sigma^2 - \frac{\mathbb E_q[(z-\mu)^2]}{2\sigma^2} + \tfrac12\,\mathbb E_q[z^2].$$
#
# Two expectations are needed. The first is the variance, $\mathbb E_q[(z-\mu)^2] = \sigma^2$, so the middle term is
# $-\tfrac12$. For the second, $\mathbb E_q[z^2] = \operatorname{Var}(z) + (\mathbb E z)^2 = \sigma^2 + \mu^2$.
# Together, and summed over the $d$ coordinates,
#
# $$\boxed{\;\mathrm{KL}\big(\mathcal N(\mu, \operatorname{diag}\sigma^2)\,\|\,\mathcal N(0, I)\big)
# = \tfrac12\sum_{j=1}^{d}\big(\mu_j^2 + \sigma_j^2 - \log\sigma_j^2 - 1\big)\;}$$
#
# Read it: the first term pulls the mean to 0, and $\sigma^2 - \log\sigma^2 - 1$ pulls the variance to 1, where it
# is 0. The encoder outputs $\log\sigma^2$ (`logvar`), because any real number is then a valid output.


# %%
def kl_divergence(mean, logvar):
    """KL(N(mean, exp(logvar)) ‖ N(0, I)) of each example: (N, d), (N, d) -> (N,), in nats."""
    return 0.5 * tf.reduce_sum(tf.square(mean) + tf.exp(logvar) - logvar - 1, axis=-1)


# %% [markdown]
# **Check**, in two independent ways: by quadrature in one dimension, and by Monte Carlo in three. A Monte Carlo
# estimate from $n$ draws has the *standard error* $s/\sqrt n$, where $s$ is the standard deviation of one draw; it
# should rarely be off by more than four of them. Wrong versions that have been published fail the same test by a wide
# margin.

# %%
mu, sigma = 0.7, 0.4
by_quadrature = (
    np.sum(np.exp(log_normal(z_grid, mu, sigma)) * (log_normal(z_grid, mu, sigma) - log_normal(z_grid, 0, 1))) * dz
)
closed = float(kl_divergence(np.array([[mu]]), np.array([[2 * np.log(sigma)]]))[0])
assert abs(closed - by_quadrature) < 1e-6
print(f"one dimension:    closed form {closed:.6f}, quadrature {by_quadrature:.6f}")

mean, logvar = np.array([0.5, -1.0, 0.2]), np.array([-1.0, 0.3, -2.0])
std = np.exp(logvar / 2)
z = mean + std * rng.standard_normal((200_000, 3))
terms = (log_normal(z, mean, std) - log_normal(z, 0, 1)).sum(axis=1)
estimate, error = terms.mean(), terms.std() / np.sqrt(len(terms))
print(f"three dimensions: Monte Carlo {estimate:.4f} with standard error {error:.4f}\n")

versions = {
    "closed form": float(kl_divergence(mean[None], logvar[None])[0]),
    "½ forgotten": float((mean**2 + np.exp(logvar) - logvar - 1).sum()),
    "mean over the coordinates": float(0.5 * (mean**2 + np.exp(logvar) - logvar - 1).mean()),
    "log σ taken for log σ²": float(0.5 * (mean**2 + np.exp(2 * logvar) - 2 * logvar - 1).sum()),
}
for name, value in versions.items():
    print(f"{name:28} {value:.4f}   off by {abs(value - estimate) / error:6.1f} standard errors")
    assert (abs(value - estimate) < 4 * error) == (name == "closed form")

# %% [markdown]
# The last of these is no invention: Keras's own example carried a variable named `z_log_std` through the log-variance
# formula until [it was corrected in 2016](https://github.com/keras-team/keras/pull/3220).
#
# ### A gradient through a random draw
#
# The reconstruction term is an expectation over $z \sim q_\phi(z|x)$, and we need its gradient with respect to
# $\phi$. But $\phi$ sits in the *distribution* we draw from, and a drawn number remembers nothing of how it would
# have changed. The remedy is to draw the randomness from a fixed distribution and to move it into place with a
# function that can be differentiated:
#
# $$\boxed{\;z = \mu + \sigma\odot\varepsilon,\quad \varepsilon\sim\mathcal N(0, I),\quad \sigma = e^{\frac12\log\sigma^2}\;}$$
#
# This $z$ has mean $\mu$ and standard deviation $\sigma$, so nothing changed in distribution. For any function $f$
# the chain rule gives
#
# $$\frac{\partial}{\partial\mu}\,\mathbb E[f(z)] = \mathbb E[f'(z)],\qquad
# \frac{\partial}{\partial\log\sigma^2}\,\mathbb E[f(z)] = \mathbb E\big[f'(z)\cdot\tfrac12\sigma\varepsilon\big],$$
#
# the second because $\partial\sigma/\partial\log\sigma^2 = \tfrac12\sigma$. This is the **reparameterisation trick**.
#
# **Check** with $f(z) = z^2$, where everything is known: $\mathbb E[z^2] = \mu^2 + \sigma^2$ has the derivatives
# $2\mu$ and $\partial e^{\log\sigma^2}/\partial\log\sigma^2 = \sigma^2$.


# %%
def reparameterise(mean, logvar, noise):
    """z = mean + exp(logvar / 2) · noise, all (N, d)."""
    return mean + tf.exp(0.5 * logvar) * noise


n = 100_000
noise = keras.random.normal((n, 1), seed=SEED)
m, lv = tf.fill((n, 1), 0.7), tf.fill((n, 1), float(np.log(0.4**2)))
with tf.GradientTape(persistent=True) as tape:
    tape.watch([m, lv])
    z = reparameterise(m, lv, noise)
    f = z**2
    f_cut = tf.stop_gradient(z) ** 2  # a plain draw: the way back to mean and logvar is cut
for name, variable, truth in [("mean", m, 2 * 0.7), ("logvar", lv, 0.4**2)]:
    g = tape.gradient(f, variable).numpy()  # one gradient for each draw
    error = g.std() / np.sqrt(n)
    print(f"d E[z²] / d {name:6}  exact {truth:.4f}   from {n:,} draws {g.mean():.4f} ± {error:.4f}")
    assert abs(g.mean() - truth) < 4 * error
assert tape.gradient(f_cut, m) is None, "without the trick there is no gradient at all"

# %% [markdown]
# ### The likelihood: one Bernoulli for each pixel
#
# To begin with, let pixel $i$, mapped to $[0, 1]$, be a Bernoulli variable: white with probability $\lambda_i$, black
# otherwise, independent of the others once $z$ is known. (Grey pixels are neither; section 6 settles that account.)
# Then
#
# $$-\log p_\theta(x|z) = -\sum_{i=1}^{D}\big[x_i\log\lambda_i + (1-x_i)\log(1-\lambda_i)\big],$$
#
# the binary cross-entropy, **summed** over the pixels: independent events multiply their probabilities, and the
# logarithm turns the product into a sum. The decoder gives logits $a$, with $\lambda = \mathrm{sigmoid}(a) =
# 1/(1+e^{-a})$. Then $-\log\lambda = \log(1+e^{-a}) = \mathrm{softplus}(-a)$ and $-\log(1-\lambda) = \log(1 +
# e^{a}) = \mathrm{softplus}(a)$. Since $\mathrm{softplus}(-a) = \mathrm{softplus}(a) - a$,
#
# $$-x\log\lambda - (1-x)\log(1-\lambda) = x\,(\mathrm{softplus}(a) - a) + (1-x)\,\mathrm{softplus}(a),$$
#
# $$\boxed{\;-\log p_\theta(x|z) = \sum_{i=1}^{D}\big[\mathrm{softplus}(a_i) - x_i a_i\big]\;}$$
#
# No logarithm of a small number occurs. Probabilities in place of logits would be rounded to 0 or 1, and the gradient
# lost.


# %%
def bernoulli_nll(x, logits):
    """−log p(x|z) of images x in [0, 1], (N, H, W, C) -> (N,), in nats: a sum over the pixels."""
    return tf.reduce_sum(tf.nn.softplus(logits) - x * logits, axis=[1, 2, 3])


x01 = (x_test[:8] + 1) / 2
logits = rng.normal(scale=3, size=x01.shape)
lam = 1 / (1 + np.exp(-logits))
by_definition = -(x01 * np.log(lam) + (1 - x01) * np.log(1 - lam)).sum(axis=(1, 2, 3))
assert np.allclose(bernoulli_nll(x01, logits), by_definition)
with np.errstate(divide="ignore"):
    print("a black pixel drawn as white, logit 800:   by definition", -np.log(1 - 1 / (1 + np.exp(-800.0))), end="")
print(",   from the logit", float(bernoulli_nll(np.zeros((1, 1, 1, 1)), np.full((1, 1, 1, 1), 800.0))[0]))

# %% [markdown]
# ## 4 · The VAE
#
# Now everything goes into one class. `call` is the way of an image through the model; `compute_loss` is the negative
# ELBO, averaged over the batch and in nats per image. `fit`, the progress line, callbacks and `evaluate` are Keras's
# own: overriding these two methods is all that a VAE needs. The factor `beta` in front of the KL term is 1 for now.


# %%
class TeachingVAE(keras.Model):
    """A VAE with prior N(0, I), diagonal Gaussian q(z|x) and Bernoulli pixels; images in [-1, 1]."""

    def __init__(self, encoder, decoder, beta=1.0, seed=0):
        super().__init__()
        self.encoder, self.decoder, self.beta = encoder, decoder, beta
        self.latent_dim = decoder.input_shape[-1]
        self.noise = keras.random.SeedGenerator(seed)
        self.reconstruction_tracker = keras.metrics.Mean(name="reconstruction")
        self.kl_tracker = keras.metrics.Mean(name="kl")
        self.built = True  # both networks exist already; Keras need not build anything

    def call(self, x, training=False):
        mean, logvar = self.encoder(x, training=training)  # q(z|x)
        noise = keras.random.normal(tf.shape(mean), seed=self.noise)
        z = reparameterise(mean, logvar, noise)  # one draw from q(z|x) for each image
        return self.decoder(z, training=training), mean, logvar

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        logits, mean, logvar = y_pred
        reconstruction = bernoulli_nll((x + 1) / 2, logits)  # (N,), summed over the D pixels
        kl = kl_divergence(mean, logvar)  # (N,), summed over the d latent variables
        self.reconstruction_tracker.update_state(reconstruction)
        self.kl_tracker.update_state(kl)
        return tf.reduce_mean(reconstruction + self.beta * kl)

    def decode(self, z):
        """Expected image in [-1, 1] for each z (N, d)."""
        return to_image(self.decoder(z))

    def sample(self, n, seed=None):
        """Draw n codes from the prior and decode them."""
        return self.decode(keras.random.normal((n, self.latent_dim), seed=seed))


# %% [markdown]
# The course's library has the same model as `course_lib.vae.VAE`, with a choice of likelihoods, saving and
# safeguards; later lessons import it from there. **Check** that the two agree: the same networks and the same noise
# must give the same loss and the same gradients.

# %%
encoder, decoder = make_encoder(2), make_decoder(2)
ours, library = TeachingVAE(encoder, decoder, seed=SEED), vae.VAE(encoder, decoder, seed=SEED)
batch = tf.convert_to_tensor(x_test[:64])
results = []
for model in (ours, library):
    with tf.GradientTape() as tape:
        loss = model.compute_loss(x=batch, y_pred=model(batch, training=True))
    results.append((loss, tape.gradient(loss, encoder.trainable_variables + decoder.trainable_variables)))
(our_loss, our_gradients), (library_loss, library_gradients) = results
assert np.isclose(our_loss, library_loss, rtol=1e-5)
for a, b in zip(our_gradients, library_gradients, strict=True):
    assert np.allclose(a, b, rtol=1e-3, atol=1e-3)
print(f"loss before training: this notebook {float(our_loss):.3f}, library {float(library_loss):.3f} nats per image")

# %% [markdown]
# Before training, guess one number of the log. A decoder that answers "grey, one half" everywhere pays $\log 2$ nats
# for each pixel, so the reconstruction starts near $784\log 2$ (the log's first line is a mean over the first epoch,
# which is lower). How far down it can go, and why it cannot reach 0, is a question for section 6.

# %%
my_vae = TeachingVAE(make_encoder(2), make_decoder(2), seed=SEED)
my_vae.compile(keras.optimizers.Adam(RATE))
grid = callbacks.SampleGrid(n=25)
curves = callbacks.LiveCurves(names=["reconstruction", "kl"], ylabel="nats per image")
history = my_vae.fit(x_train, batch_size=BATCH, epochs=EPOCHS, callbacks=[grid, curves], verbose=2).history

assert history["loss"][-1] < history["loss"][0] < D * np.log(2)
assert np.isclose(history["loss"][-1], history["reconstruction"][-1] + history["kl"][-1], rtol=1e-3)

# %% [markdown]
# The same 25 codes, drawn from the prior once, decoded as training went on. The prior is where we draw from, from the
# first step to the last: no rule had to be made up afterwards.

# %%
shown = [0, 1, len(grid.frames) // 2, len(grid.frames) - 1]
plots.image_grid(
    np.stack([grid.frames[k] for k in shown]),
    columns=4,
    titles=[grid.labels[k] for k in shown],
    size=2.2,
    alt="The same 25 samples before training, after one epoch, half-way and at the end: from grey noise to garments.",
)

# %% [markdown]
# Now the two measurements of section 1 again, on the same scale. The codes of a VAE are clouds, so we draw one point
# from each $q(z|x)$.


# %%
def posterior_sample(model, x):
    """One draw z ~ q(z|x) for each image: (N, d)."""
    mean, logvar = model.encoder.predict(x, batch_size=500, verbose=0)
    return mean + np.exp(logvar / 2) * np.random.default_rng(SEED).standard_normal(mean.shape)


drawn = rng.standard_normal((2000, 2)).astype(np.float32)
vae_holes, _ = share_in_holes(drawn, posterior_sample(my_vae, x_train), posterior_sample(my_vae, x_test))
vae_confidence = confidence(my_vae.decode(drawn))
print(f"in a hole:    autoencoder {ae_holes:6.1%}   VAE {vae_holes:6.1%}   (unseen garments: 1 %)")
print(f"confidence:   autoencoder {ae_confidence:6.3f}   VAE {vae_confidence:6.3f}")
assert vae_holes < ae_holes

# %% [markdown]
# Fewer holes, but not none. The KL term pulls the cloud of *each* image towards the prior; that all clouds *together*
# fill the prior is asked for only indirectly (section 7 has the formula), and with two latent variables ten classes
# do not tile a disc without seams. The confidence says little here: a decoder that has two numbers to go by draws
# soft pictures, in a hole or not, and the classifier hesitates before both kinds. What the VAE has changed is that
# there is a place to draw from, and that it was the same place during training.
#
# ### A map of the latent space
#
# With two latent variables the whole model fits on one page. The map decodes a grid of points. The grid lines are not
# evenly spaced: each cell holds the same share of the prior, so that the map shows the garments in the proportions in
# which the model would draw them. A map over $[-1, 1]^2$ with even spacing, seen in many tutorials, covers less than
# half of the prior:

# %%
inside = erf(1 / np.sqrt(2)) ** 2  # one coordinate is in [-1, 1] with probability erf(1 / √2)
drawn_inside = np.mean(np.all(np.abs(rng.standard_normal((200_000, 2))) < 1, axis=1))
print(f"share of N(0, I) inside the square [-1, 1]²: {inside:.3f}, counted among 200,000 draws: {drawn_inside:.3f}")
assert abs(inside - drawn_inside) < 4 * np.sqrt(0.25 / 200_000)

side = 15
plots.latent_map(
    np.asarray(my_vae.decode(latent.grid(side).astype(np.float32))),
    values=np.sort(latent.grid(side)[:side, 0]),
    title="One garment for each 225th part of the prior",
)

# %% [markdown]
# Move the cursor with the two sliders: on the left the codes of test images, on the right what the decoder draws at
# the cursor. Look for the borders between classes, and for places where no class lives.

# %%
codes_test = np.asarray(my_vae.encoder.predict(x_test, batch_size=500, verbose=0)[0])
explore.LatentMap(
    my_vae, codes_test, y_test, data.FASHION_NAMES, title="The latent space of the VAE you just trained"
).show()

# %% [markdown]
# ## 5 · The units of the loss
#
# In the loss of `TeachingVAE` one word decides between a working model and a dead one: `sum`. Many published VAEs
# have `mean` in one of its two places. What does that change?
#
# ### What a mean does
#
# Write $R$ for the reconstruction term summed over the $D$ pixels and $K$ for the KL divergence summed over the $d$
# latent variables, both in nats per image. A loss that weighs them with positive numbers $a$ and $b$ is
#
# $$J = aR + bK = a\Big(R + \frac{b}{a}K\Big).$$
#
# The factor $a$ in front scales the loss and its gradient, but not the place of its minimum. (It changes the step of
# plain gradient descent; Adam divides it out again, up to its tiny ε.) So as far as the trained model is concerned,
#
# $$\boxed{\;aR + bK\ \text{ is a VAE with }\ \beta_{\text{eff}} = \frac{b}{a}\;}$$
#
# where $\beta$ is the weight of the KL term in $R + \beta K$, the **β-VAE** ([Higgins et al.
# 2017](https://openreview.net/forum?id=Sy2fzU9gl)). A mean over pixels is $a = 1/D$; a mean over latent variables is
# $b = 1/d$. For the four combinations:
#
# | reconstruction | KL | $a$ | $b$ | $\beta_{\text{eff}}$ |
# |---|---|---|---|---|
# | sum | sum | $1$ | $1$ | $1$ |
# | mean | sum | $1/D$ | $1$ | $D$ |
# | mean | mean | $1/D$ | $1/d$ | $D/d$ |
# | sum | mean | $1$ | $1/d$ | $1/d$ |
#
# ### What a squared error does
#
# If the pixels are Gaussian around the decoder's output $\hat x$ with one variance $\sigma^2$,
#
# $$-\log p_\theta(x|z) = \frac{1}{2\sigma^2}\sum_{i=1}^D (x_i-\hat x_i)^2 + \frac D2\log(2\pi\sigma^2).$$
#
# So a loss $a\sum_i(x_i-\hat x_i)^2 + bK$, divided by $b$, is a proper negative ELBO with $\beta = 1$ and a variance
# fixed in silence:
#
# $$\frac ab = \frac{1}{2\sigma^2}\qquad\Longrightarrow\qquad\boxed{\;\sigma^2 = \frac{b}{2a}\;}$$
#
# A sum of squares plus the KL divergence claims $\sigma^2 = \tfrac12$; a *mean* of squares plus the KL divergence
# claims $\sigma^2 = D/2$. Remember that pixels live in an interval of length 1 or 2: a noise of variance $D/2$
# declares every picture to be lost in noise, and then nothing is worth remembering.
#
# ### Published losses, converted
#
# The next cell holds the loss lines of well-known sources as functions of what they add up: the $D$ pixel terms and
# the $d$ KL terms. We do not read off their $a$ and $b$; we *measure* them, by doubling one term and watching the
# loss. The column "formula" is what the table above predicts.

# %%
LOSSES = [  # source, pixel term, D, d, loss(pixel terms, KL terms), predicted β: as text and as a function
    ("Keras VAE example [1]", "BCE", 784, 2, lambda r, k: r.sum() + k.sum(), ("1", lambda D, d: 1)),
    ("Keras's script, 2016, until PR 3383 [2]", "BCE", 784, 2, lambda r, k: r.mean() + k.sum(), ("D", lambda D, d: D)),
    (
        "Keras blog, quoted in issue 6015 [3]",
        "BCE",
        784,
        2,
        lambda r, k: r.mean() + k.mean(),
        ("D / d", lambda D, d: D / d),
    ),
    (
        "R version of the script [4]",
        "BCE",
        784,
        2,
        lambda r, k: 784 * r.mean() + k.mean(),
        ("1 / d", lambda D, d: 1 / d),
    ),
    (
        "Deep Learning with Python, 1st ed. [5]",
        "BCE",
        784,
        2,
        lambda r, k: r.mean() + 5e-4 * 2 * k.mean(),
        ("1e-3 * D / d", lambda D, d: 1e-3 * D / d),
    ),
    ("World Models, the authors' [6]", "square", 12_288, 32, lambda r, k: r.sum() + k.sum(), ("1", lambda D, d: 1)),
    (
        "World Models, a Keras version [6]",
        "square",
        12_288,
        32,
        lambda r, k: 10 * r.mean() + k.mean(),
        ("D / (10 * d)", lambda D, d: D / (10 * d)),
    ),
    ("mean squared error + KL, 28 × 28", "square", 784, 16, lambda r, k: r.mean() + k.sum(), ("D", lambda D, d: D)),
]


def weights_of(loss, n_pixels, n_latent):
    """Measured weights a, b of a loss that is linear in the summed reconstruction R and the summed KL K."""
    r, k = rng.uniform(0.1, 1, n_pixels), rng.uniform(0.1, 1, n_latent)
    base = loss(r, k)
    return (loss(2 * r, k) - base) / r.sum(), (loss(r, 2 * k) - base) / k.sum()


converted = []
print(f"{'source':40} {'D':>6} {'d':>3} {'formula':>13} {'β_eff':>8} {'σ² at β = 1':>12}")
for source, kind, n_pixels, n_latent, loss, (formula, ratio) in LOSSES:
    a, b = weights_of(loss, n_pixels, n_latent)
    assert np.isclose(b / a, ratio(n_pixels, n_latent)), source
    converted.append((source, b / a))
    variance = f"{b / (2 * a):12.4g}" if kind == "square" else f"{'-':>12}"
    print(f"{source:40} {n_pixels:6} {n_latent:3} {formula:>13} {b / a:8.4g} {variance}")

# %% [markdown]
# - [1] [keras.io/examples/generative/vae](https://keras.io/examples/generative/vae/).
# - [2] [keras-team/keras#3383](https://github.com/keras-team/keras/pull/3383): "not working properly due to the
#   extremely small reconstruction loss"; the pull request brought the factor $D$ back.
# - [3] [keras-team/keras#6015](https://github.com/keras-team/keras/issues/6015) asks our question: sum or mean?
# - [4] [rstudio/keras3#93](https://github.com/rstudio/keras3/issues/93).
# - [5] Section 8.4, [quoted here](https://github.com/deeplearning4j/deeplearning4j/issues/6818): its `-5e-4 *
#   mean(1 + ...)` has swallowed the ½ of the KL formula, hence the 2 in our line.
# - [6]
#   [AppliedDataSciencePartners/WorldModels#12](https://github.com/AppliedDataSciencePartners/WorldModels/issues/12)
#   compares the two; the log in the question shows a KL term of 4·10⁻⁷ and the first answer is "it looks like the
#   posterior is collapsing". The authors' version also stops the KL term from falling below a floor. Its images are
#   64 × 64 × 3 in $[0, 1]$.
#
# A reduction looks like a detail of programming. The figure shows what it decides.

# %%
figure, axes = plots.canvas(8.5, 3.4)
position = np.arange(len(converted))[::-1]
axes.hlines(position, 1, [b for _, b in converted], color=plots.GREY, linewidth=2)
axes.plot([b for _, b in converted], position, "o", color=plots.COLOURS[1], markersize=9)
for at, (_, b) in zip(position, converted, strict=True):
    axes.annotate(f"{b:.3g}", (b, at), (0, 8), textcoords="offset points", ha="center", fontsize=9)
axes.axvline(1, color=plots.COLOURS[0], linewidth=2)
axes.set_yticks(position, [source for source, _ in converted], fontsize=9)
axes.set(xscale="log", xlabel=r"effective $\beta$ (the ELBO has 1)", ylim=(-0.6, len(converted) - 0.2))
figure.alt_text = "Effective beta of eight published VAE losses on a logarithmic axis: " + "; ".join(
    f"{source} {b:.3g}" for source, b in converted
)
figure

# %% [markdown]
# ### One of them, failing
#
# The second line of the table, in its own words: Keras's `binary_crossentropy` returns a mean over its last axis, so
# that over flattened images it is the mean over all pixels. We override `compute_loss` with that line and train.
# First the **check** of the conversion itself: $D$ times this loss is $R + D\cdot K$, on the same batch with the same
# noise.


# %%
class MeanOverPixels(TeachingVAE):
    """The published line: cross-entropy averaged over pixels, KL summed over latent variables."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        super().compute_loss(x=x, y_pred=y_pred)  # only to keep both terms in the log, in nats
        logits, mean, logvar = y_pred
        target, output = (tf.reshape(t, (-1, D)) for t in ((x + 1) / 2, logits))
        xent_loss = keras.losses.binary_crossentropy(target, output, from_logits=True)  # a mean over 784 pixels
        kl_loss = kl_divergence(mean, logvar)
        return tf.reduce_mean(xent_loss + kl_loss)


encoder, decoder = make_encoder(2), make_decoder(2)
published = MeanOverPixels(encoder, decoder, seed=SEED)
with_beta = TeachingVAE(encoder, decoder, beta=D, seed=SEED)
assert np.isclose(
    D * published.compute_loss(x=batch, y_pred=published(batch)),
    with_beta.compute_loss(x=batch, y_pred=with_beta(batch)),
    rtol=1e-5,
)

published.compile(keras.optimizers.Adam(RATE))
_ = published.fit(x_train, batch_size=BATCH, epochs=2, verbose=2)

# %% [markdown]
# The KL term has gone to zero: $q_\phi(z|x)$ is the prior, whatever the image. The code carries nothing, and the
# decoder does the best that can be done without a code: it draws one average garment. The table shows it latent
# variable by latent variable, and the spread of the samples confirms it.


# %%
def kl_per_unit(mean, logvar):
    """KL of each latent variable, averaged over the images: (N, d), (N, d) -> (d,), in nats."""
    return 0.5 * np.mean(mean**2 + np.exp(logvar) - logvar - 1, axis=0)


spread = {}
for name, model in (("sum over pixels", my_vae), ("mean over pixels", published)):
    per_unit = kl_per_unit(*model.encoder.predict(x_test, batch_size=500, verbose=0))
    spread[name] = float(np.std(model.sample(200, seed=SEED), axis=0).mean())
    print(f"{name:18} KL of each latent variable {np.round(per_unit, 3)} nats; spread of samples {spread[name]:.3f}")
assert per_unit.sum() < 0.1 and spread["mean over pixels"] < 0.2 * spread["sum over pixels"]

plots.side_by_side(
    {"sum over pixels": my_vae.sample(10, seed=1), "mean over pixels": published.sample(10, seed=1)},
    alt="Ten samples of each model: varied garments above, ten times the same grey blur below.",
)

# %% [markdown]
# ### What to do in practice
#
# 1. Sum over pixels, sum over latent variables, average over the batch only. Log both terms in nats per image.
# 2. If you want another balance, say so with a `beta` that has a name.
# 3. Reading somebody else's code: find the two reductions, compute $\beta_{\text{eff}}$, then look at the results.
#
# ## 6 · Which likelihood?
#
# The decoder's output becomes a claim about pixels through the likelihood. There are two random variables in the
# model, and they are often confused: the **code** $z$, which decides what is shown, and the **observation noise**,
# which says how pixels scatter around what is shown once $z$ is known. A likelihood is a choice of the second.
#
# ### Cross-entropy on grey values: its floor is not zero
#
# For a pixel of grey value $x$, which λ is best? Set the derivative of $-x\log\lambda - (1-x)\log(1-\lambda)$ to
# zero:
#
# $$-\frac x\lambda + \frac{1-x}{1-\lambda} = 0 \iff x(1-\lambda) = \lambda(1-x) \iff \lambda = x .$$
#
# The best answer is the right grey value, which is why cross-entropy trains good pictures. But its value there is the
# entropy $H(x) = -x\log x - (1-x)\log(1-x)$, which is $\log 2$ at $x = \tfrac12$. The floor of the loss is the sum of
# the pixels' entropies:

# %%
grey = np.clip((x_test.astype(np.float64) + 1) / 2, 1e-9, 1 - 1e-9)
floor = -(grey * np.log(grey) + (1 - grey) * np.log(1 - grey)).sum(axis=(1, 2, 3)).mean()
reached = my_vae.evaluate(x_test, batch_size=500, verbose=0, return_dict=True)["reconstruction"]
# A decoder that returns the image itself:
perfect = losses.bernoulli_nll(grey, np.log(grey / (1 - grey))).numpy().mean()
assert np.isclose(perfect, floor, rtol=1e-3) and floor < reached < D * np.log(2)
print(f"grey everywhere {D * np.log(2):.0f}, my VAE {reached:.0f}, perfect pictures {floor:.0f} nats per image")
for name, end in (("0", 0), ("the floor", floor)):
    print(f"share of the way from grey to {name}: {(D * np.log(2) - reached) / (D * np.log(2) - end):.0%}")

# %% [markdown]
# Judged against 0, the model looks as if it had learned half of what there is; judged against the floor, it has come
# most of the way. *Know the floor before you judge a loss.*
#
# ### Is it a likelihood at all?
#
# A density must integrate to 1 over the values that $x$ can take. With $\lambda^x(1-\lambda)^{1-x} =
# (1-\lambda)\,e^{ax}$, where $a = \log\frac{\lambda}{1-\lambda}$ is the logit,
#
# $$\int_0^1\lambda^x(1-\lambda)^{1-x}\,dx = (1-\lambda)\,\frac{e^a-1}{a} = \frac{\lambda-(1-\lambda)}{a} = \frac{2\lambda-1}{a}
# = \frac{\tanh(a/2)}{a},$$
#
# which is below 1. (On the two values 0 and 1 it does sum to one; on grey it does not.) Dividing by it gives a true
# density on $[0, 1]$, the **continuous Bernoulli** ([Loaiza-Ganem & Cunningham
# 2019](https://arxiv.org/abs/1907.06845)):
#
# $$\boxed{\;p(x|\lambda) = C(\lambda)\,\lambda^x(1-\lambda)^{1-x},\qquad C(\lambda) = \frac{a}{\tanh(a/2)}\ \text{ with }\ C(\tfrac12) = 2\;}$$
#
# **Check** by quadrature, for the library's two functions:

# %%
x_grid = np.linspace(0, 1, 20_001)
print(f"{'λ':>6} {'∫ Bernoulli':>12} {'tanh(a/2)/a':>12} {'∫ continuous Bernoulli':>23}")
for lam in (0.01, 0.3, 0.5001, 0.9, 0.999):
    a = np.log(lam / (1 - lam))
    masses = []
    for nll in (losses.bernoulli_nll, losses.continuous_bernoulli_nll):
        density = np.exp(-nll(x_grid[:, None], np.full((len(x_grid), 1), a)).numpy())
        masses.append(np.trapezoid(density, x_grid))
    print(f"{lam:6} {masses[0]:12.6f} {np.tanh(a / 2) / a:12.6f} {masses[1]:23.6f}")
    assert np.isclose(masses[0], np.tanh(a / 2) / a, atol=1e-6) and np.isclose(masses[1], 1, atol=1e-6)
    assert masses[0] < 0.51

# %% [markdown]
# ### A Gaussian, and the variance it should have
#
# The third choice: $x_i = \hat x_i + \sigma\varepsilon_i$ with one σ for all pixels. Let $S = \sum_i(x_i-\hat x_i)^2$
# be the squared error of an image, averaged over the data. As a function of the variance $v = \sigma^2$ the negative
# log-likelihood is $\frac{S}{2v} + \frac D2\log v$ plus a constant, and
#
# $$\frac{d}{dv}\Big[\frac{S}{2v} + \frac D2\log v\Big] = -\frac{S}{2v^2} + \frac{D}{2v} = 0
# \quad\Longrightarrow\quad\boxed{\;\sigma^2 = \frac SD = \text{mean squared error per pixel}\;}$$
#
# (the derivative is negative below this value and positive above it, so this is the minimum). Nobody has to choose σ:
# it can be learned like a weight, or set to the mean squared error from time to time ([Rybkin et al.
# 2020](https://arxiv.org/abs/2006.13202)). The model then finds its own exchange rate between squared errors and
# nats. **Check** against a brute-force search:

# %%
errors = rng.normal(scale=0.3, size=(100, D)).astype(np.float32)
candidates = np.exp(np.linspace(-6, 2, 2001))
values = [
    float(tf.reduce_mean(losses.gaussian_nll(errors, np.zeros_like(errors), np.float32(np.log(v)))))
    for v in candidates[::20]
]
coarse = candidates[::20][int(np.argmin(values))]
print(
    f"mean squared error {np.mean(errors**2):.4f}; best variance on a grid of ratio {candidates[20] / candidates[0]:.2f}: {coarse:.4f}"
)
assert abs(np.log(coarse / np.mean(errors**2))) < np.log(candidates[20] / candidates[0])

# %% [markdown]
# ### The three, trained alike
#
# The library's `VAE` takes the likelihood as an argument. For the Gaussian we use the result just derived: after each
# epoch a callback sets σ² to the mean squared error that the model has reached.


# %%
class SetVariance(keras.callbacks.Callback):
    """Set the Gaussian's σ² to its optimum, the mean squared error on a part of the data."""

    def on_train_begin(self, logs=None):
        self.model.logvar.assign(np.log(np.var(x_train)))  # what an encoder that knows nothing would reach

    def on_epoch_end(self, epoch, logs=None):
        output, _, _ = self.model(x_train[:1000])
        self.model.logvar.assign(np.log(np.mean((x_train[:1000] - output) ** 2)))


models = {}
for likelihood in ("bernoulli", "continuous_bernoulli", "gaussian"):
    keras.utils.set_random_seed(SEED)
    models[likelihood] = vae.VAE(make_encoder(2), make_decoder(2), likelihood=likelihood, seed=SEED)
    models[likelihood].compile(keras.optimizers.Adam(RATE))
    extra = [SetVariance()] if likelihood == "gaussian" else []
    models[likelihood].fit(x_train, batch_size=BATCH, epochs=SHORT, callbacks=extra, verbose=0)

print(f"{'likelihood':22} {'reconstruction':>14} {'KL':>6} {'squared error per pixel':>24}")
comparison, measured, rates = {}, {}, {}
for likelihood, model in models.items():
    logs = model.evaluate(x_test, batch_size=500, verbose=0, return_dict=True)
    measured[likelihood] = float(np.mean((model.decode(model.encode(x_test)[0]) - x_test) ** 2))
    rates[likelihood] = logs["kl"]
    comparison[likelihood.replace("_", "\n")] = model.decode(model.encode(x_test[:10])[0])
    print(f"{likelihood:22} {logs['reconstruction']:14.1f} {logs['kl']:6.2f} {measured[likelihood]:24.4f}")
assert max(measured.values()) < 0.7 * np.var(x_test)
assert rates["continuous_bernoulli"] > 2 * max(rates["bernoulli"], rates["gaussian"])

plots.side_by_side(
    {"image": x_test[:10]} | comparison, alt="Ten test garments and their reconstructions under three likelihoods."
)

# %% [markdown]
# The reconstruction column must not be compared between rows: a cross-entropy, a density on $[0, 1]$ and a density on
# the whole line are three different quantities, and the last two may be below zero because densities exceed 1. The KL
# column and the squared error may be compared. The continuous Bernoulli spends by far the most on its code: near
# black its density is about as high as the logit is large, so every background pixel that is known to be background
# pays, and the code is worth more.
#
# ### The noise that nobody shows
#
# A sample from a Gaussian VAE, taken at its word, is $x = \hat x(z) + \sigma\varepsilon$: picture *plus* grain. What
# every paper shows is $\hat x(z)$, the expected picture. The variance of the model's pixels has two parts, one for
# each of the two random variables (the law of total variance):
#
# $$\operatorname{Var}(x_i) = \underbrace{\operatorname{Var}\big(\hat x_i(z)\big)}_{\text{what the code decides}} + \underbrace{\sigma^2}_{\text{what it leaves open}} .$$
#
# **Check** on samples; the second row of the picture is the model's honest sample.

# %%
gaussian = models["gaussian"]
sigma2 = float(np.exp(gaussian.logvar))
expected = gaussian.decoder(rng.standard_normal((2000, 2)).astype(np.float32)).numpy()
noisy = expected + np.sqrt(sigma2) * rng.standard_normal(expected.shape).astype(np.float32)
total, from_code = noisy.var(axis=0).mean(), expected.var(axis=0).mean()
print(
    f"variance per pixel: total {total:.4f} = from the code {from_code:.4f} + noise {sigma2:.4f}; the data's {x_train.var(axis=0).mean():.4f}"
)
assert np.isclose(total, from_code + sigma2, rtol=0.02)

mean_test = gaussian.encode(x_test)[0]
error = float(np.mean((gaussian.decoder(mean_test) - x_test) ** 2))
print(f"learned σ² = {sigma2:.4f}, mean squared error on test images = {error:.4f}")
assert abs(np.log(sigma2 / error)) < 0.25

plots.side_by_side(
    {"expected picture": np.clip(expected[:10], -1, 1), "with its noise": np.clip(noisy[:10], -1, 1)},
    alt="Ten samples of the Gaussian VAE: the expected pictures above, the same with pixel noise below.",
)

# %% [markdown]
# The noise is white: the model says that whatever it cannot explain is independent from pixel to pixel. Folds and
# prints are not. This is a modelling error that no training removes, and it leads to the blur we shall meet in
# section 8.
#
# ## 7 · Rate, distortion, and collapse
#
# Call $R$, the reconstruction term, the **distortion**, and $K$, the KL term, the **rate** (the names come from
# compression, where the letters are $D$ and $R$; [Alemi et al. 2018](https://arxiv.org/abs/1711.00464) read the ELBO
# this way). The rate counts the nats by which codes tell images apart, and a little more. Let $q(z) = \mathbb
# E_x[q(z|x)]$ be the distribution of all codes together, and add and subtract its logarithm:
#
# $$\mathbb E_x\,\mathrm{KL}\big(q(z|x)\|p(z)\big) = \mathbb E_x\mathbb E_{q(z|x)}\Big[\log\frac{q(z|x)}{q(z)} + \log\frac{q(z)}{p(z)}\Big]
# = \underbrace{I_q(x; z)}_{\text{mutual information}} + \underbrace{\mathrm{KL}\big(q(z)\|p(z)\big)}_{\text{holes}} .$$
#
# The second term does not depend on $x$ and is what section 4 measured with nearest neighbours: the mismatch between
# where codes are and where we draw. Neither term is negative, so the rate is at least the information that the code
# carries.
#
# β is the price of a nat of rate. Suppose training finds the best trade-off for two prices $\beta_1 < \beta_2$, with
# the results $(K_1, R_1)$ and $(K_2, R_2)$. Each is at least as good at its own price as the other:
#
# $$R_1 + \beta_1 K_1 \le R_2 + \beta_1 K_2,\qquad R_2 + \beta_2 K_2 \le R_1 + \beta_2 K_1 .$$
#
# Add the two: $(\beta_2-\beta_1)(K_1-K_2) \ge 0$, so the rate falls, $K_1 \ge K_2$. If it really falls, sort each
# inequality for the difference of the distortions and divide by $K_1 - K_2 > 0$:
#
# $$\boxed{\;\beta_1\ \le\ \frac{R_2 - R_1}{K_1 - K_2}\ \le\ \beta_2\;}$$
#
# Between two prices, each nat of rate given up costs between $\beta_1$ and $\beta_2$ nats of distortion: the slope of
# the rate–distortion curve is $-\beta$.
#
# The following results are **recorded**: they were trained beforehand, from fixed seeds, by
# `tools/record_lesson_03.py`, because twenty-one trainings do not fit into this lesson. The card says how. They are
# measured on the test images, and no training ends exactly at its minimum, so the box need not hold to the last
# digit; the cell checks that it does hold.

# %%
folder = importlib.resources.files("course_lib") / "assets" / "lessons"
card = json.loads((folder / "03_beta_sweep.json").read_text(encoding="utf-8"))
with np.load(folder / "03_beta_sweep.npz", allow_pickle=False) as file:
    record = {key: file[key] for key in file.files}
betas = record["betas"]
for key in ("what", "network", "optimizer", "sweep", "hardware", "date"):
    print(f"{key:10} {card[key]}")

# %%
rate, distortion = record["sweep_rate"].mean(axis=1), record["sweep_distortion"].mean(axis=1)
print("d = 16, mean of the seeds:")
for k, beta in enumerate(betas):
    print(f"β = {beta:6g}   rate {rate[k]:6.2f}   distortion {distortion[k]:7.2f} nats per image")
print("\nprice of a nat of rate between neighbours:")
for k in range(len(betas) - 1):
    given_up = rate[k] - rate[k + 1]
    if given_up > 0.01:  # between two collapsed models there is nothing to trade
        price = (distortion[k + 1] - distortion[k]) / given_up
        print(f"β from {betas[k]:4g} to {betas[k + 1]:4g}: {price:6.2f} nats of distortion")
        assert betas[k] <= price <= betas[k + 1]

plots.rate_distortion(
    rate, distortion, [f"β = {beta:g}" for beta in betas[:5]], title="Recorded: 16 latent variables, mean of two seeds"
)

# %% [markdown]
# ### Active units, and posterior collapse
#
# The KL term is a sum over latent variables, so we may ask each of them what it contributes. A unit with a KL near
# zero has $q(z_j|x) = p(z_j)$ for all images: it is pure noise, and the decoder has learned to ignore it. Burda et
# al. ([2015](https://arxiv.org/abs/1509.00519), section 5.3) call a unit **active** if its posterior mean moves with
# the image: $\operatorname{Var}_x\big(\mu_j(x)\big) > 0.01$. When all units are inactive, the posterior has
# **collapsed**.
#
# Some silence is healthy: the model switches off what it does not need. Below, left, the units of a trained model
# with $d = 16$, the zoo's `fashion-vae`, and of a short run on this machine; right, the recorded sweep.

# %%
own = vae.VAE(make_encoder(16), make_decoder(16), seed=SEED)
own.compile(keras.optimizers.Adam(RATE))
_ = own.fit(x_train, batch_size=BATCH, epochs=SHORT, verbose=2)
shipped = zoo.load("fashion-vae")


def unit_report(model):
    """KL and variance of the posterior mean of each latent variable, largest KL first."""
    mean, logvar = (np.asarray(t) for t in model.encode(x_test))
    per_unit = kl_per_unit(mean, logvar)
    order = np.argsort(per_unit)[::-1]
    assert np.isclose(per_unit.sum(), divergences.kl_to_standard_normal(mean, logvar).mean())
    return per_unit[order], mean.var(axis=0)[order]


reports = {"own short run": unit_report(own), "zoo: fashion-vae": unit_report(shipped)}
for name, (per_unit, variance) in reports.items():
    print(f"{name:18} KL {per_unit.sum():5.2f} nats, active units {np.sum(variance > 0.01)} of {len(variance)}")

# %%
figure, (left, right) = plots.canvas(9.5, 3.4, columns=2)
for k, (name, (per_unit, variance)) in enumerate(reports.items()):
    at = np.arange(len(per_unit)) + 0.4 * k - 0.2
    left.bar(
        at,
        per_unit,
        0.38,
        color=plots.COLOURS[k],
        label=f"{name}: {np.sum(variance > 0.01)} active",
        hatch=["", "//"][k],
        edgecolor="white",
    )
left.set(xlabel="latent variable, sorted", ylabel="KL (nats)", title="KL of each latent variable")
left.legend(frameon=False, fontsize=9)
active = np.sum(record["sweep_mean_variance"] > 0.01, axis=-1)  # (betas, seeds)
for seed in range(active.shape[1]):
    right.plot(
        betas,
        active[:, seed],
        plots.STYLES[seed],
        marker=plots.MARKERS[seed],
        color=plots.COLOURS[2 + seed],
        label=f"seed {seed}",
    )
right.set(
    xscale="log",
    xlabel=r"$\beta$",
    ylabel="active units of 16",
    title="Recorded: collapse as β grows",
    ylim=(-0.5, 16.5),
)
right.legend(frameon=False, fontsize=9)
figure.alt_text = (
    "Left: KL of sixteen latent variables, sorted, for the learner's short run and the zoo model. "
    f"Right: active units against beta, from {active[0].mean():.0f} at beta {betas[0]:g} to {active[-1].mean():.0f} at beta {betas[-1]:g}."
)
assert active[-1].max() == 0 < active[0].min(), "β = D collapses every unit, a small β none of all"
figure

# %% [markdown]
# ### The β dial
#
# Six recorded VAEs with two latent variables, one for each position of the dial. Turn β and watch three things move
# together: the cloud of codes, the samples, and the point on the rate–distortion curve. Then move the cursor at a
# fixed β. At which β do the classes begin to merge? At which does the picture under the cursor stop depending on the
# cursor?


# %%
def recorded_decoder(k):
    """The k-th decoder of the dial: z (N, 2) -> images in [-1, 1]."""
    network = nets.conv_decoder((28, 28, 1), latent_dim=2, width=8)
    network.set_weights([record[key][k] for key in sorted(record) if key.startswith("dial_decoder_")])
    return lambda z: to_image(network(z)).numpy()


z_fixed = keras.random.normal((36, 2), seed=3)
records = []
for k, beta in enumerate(betas):
    if beta == 256:
        continue  # collapsed like β = 784; two equal points would hide each other
    draw = recorded_decoder(k)
    records.append(
        {
            "beta": float(beta),
            "codes": record["dial_codes"][k].astype(np.float64),
            "labels": record["dial_labels"],
            "samples": images.to_uint8(draw(z_fixed)),
            "rate": float(record["dial_rate"][k]),
            "distortion": float(record["dial_distortion"][k]),
            "decoder": draw,
        }
    )
explore.BetaDial(records, data.FASHION_NAMES, title="β dial: six recorded VAEs of Fashion-MNIST").show()

# %% [markdown]
# ## 8 · Longer training, and faces
#
# Your own run took seconds. The zoo holds the same kind of model trained on all 60,000 images for longer; its card is
# the record of how. The rows below are labelled with what made them.

# %%
fashion_card = zoo.card("fashion-vae")
print(
    f"fashion-vae: {fashion_card['what']}; {fashion_card['training']['steps']:,} steps in {fashion_card['minutes']} minutes"
)
steps = SHORT * len(x_train) // BATCH
for name, model in (("own short run", own), ("zoo: fashion-vae", shipped)):
    output, mean, logvar = model(x_test)
    reconstruction, kl = model.negative_log_likelihood(x_test, output), kl_divergence(mean, logvar)
    bound, *terms = (float(np.mean(t)) for t in (reconstruction + kl, reconstruction, kl))
    print(f"{name:18} negative ELBO on test images {bound:.1f} = {terms[0]:.1f} + {terms[1]:.1f} nats")

plots.side_by_side(
    {
        "image": x_test[:12],
        f"own run, {steps} steps:\nreconstruction": own.decode(own.encode(x_test[:12])[0]),
        "zoo:\nreconstruction": shipped.decode(shipped.encode(x_test[:12])[0]),
        f"own run, {steps} steps:\nsamples": own.sample(12, seed=2),
        "zoo:\nsamples": shipped.sample(12, seed=2),
    },
    alt="Test garments, their reconstructions and new samples, by a short run and by the zoo's model.",
)

# %% [markdown]
# ### Faces
#
# `faces-vae` is the same class with 64 × 64 colour images, a larger latent space and a Gaussian likelihood with one
# learned σ. The faces are drawings composed from parts, so no real person is in the data. The first row shows
# held-out faces, which the model has never seen.

# %%
faces_vae = zoo.load("faces-vae")
held_out = data.load_faces("test", size=64)
faces = images.to_float(held_out.images[:500])
face_codes = np.asarray(faces_vae.encode(faces)[0])
rebuilt = np.asarray(faces_vae.decode(face_codes))


def flat_and_sharp(pictures):
    """Shares of neighbouring pixels of nearly one colour, and of neighbours with a strong edge between them."""
    x = np.asarray(pictures)
    step = np.concatenate([np.abs(np.diff(x, axis=axis)).max(axis=-1).ravel() for axis in (1, 2)])
    return np.mean(step < 0.03), np.mean(step > 0.8)


sampled = faces_vae.sample(500, seed=SEED)
kinds = {"held-out faces": faces, "reconstructions": rebuilt, "samples": sampled}
shares = {name: flat_and_sharp(pictures) for name, pictures in kinds.items()}
for name, (flat, sharp) in shares.items():
    print(f"{name:16} flat areas {flat:5.1%}, strong edges {sharp:5.1%}")
assert shares["reconstructions"][0] < shares["held-out faces"][0]
assert shares["samples"][1] < shares["held-out faces"][1]
output, _, _ = faces_vae(faces)  # with z drawn from q(z|x), as in training
sigma2, error = float(np.exp(faces_vae.logvar)), float(np.mean((output - faces) ** 2))
print(f"learned σ² {sigma2:.4f}, mean squared error {error:.4f}: an effective β of {sigma2 / error:.2f}")
plots.side_by_side(
    {"held-out face": faces[:10], "reconstruction": rebuilt[:10], "sample": sampled[:10]},
    alt="Ten held-out faces, their reconstructions, close but less clean, and ten samples with ghostly hair and glasses.",
)

# %% [markdown]
# A drawing has flat colours and crisp outlines. The model's pictures have neither in full: colours waver, and the
# samples carry ghosts of hair and glasses that the drawing might have had. Reconstructions are cleaner than samples,
# because the codes of real faces lie where the decoder was trained; a draw from the prior may fall between them,
# which is the second term of section 7's formula at work.
#
# The last line of the output asks section 5's question of our own model. A Gaussian with variance $\sigma^2$ weighs
# squares by $a = 1/(2\sigma^2)$; with the best variance it would be $1/(2\,\text{MSE})$. The ratio of the two,
# $\sigma^2/\text{MSE}$, is the effective β relative to a decoder that knows its noise. A value near 1 says that the
# model knows its noise. This does not come by itself: Adam moves a weight by about its step size at a time, so if
# $\log\sigma^2$ starts far from its end, a short training stops half-way, with an accidental β that hides in a
# learning rate. The library starts it at −3 for this reason; `SetVariance` of section 6 does not depend on a start at
# all.
#
# **Why blur and ghosts?** Take all images $x$ that share a code $z$. Which single picture $m$ has the smallest
# expected squared error? With $\bar x = \mathbb E[x|z]$,
#
# $$\mathbb E\|x-m\|^2 = \mathbb E\|(x-\bar x) + (\bar x - m)\|^2 = \mathbb E\|x-\bar x\|^2 + 2\,\mathbb E[x-\bar x]^\top(\bar x-m) + \|\bar x-m\|^2,$$
#
# and the middle term is zero because $\mathbb E[x-\bar x] = 0$. So
#
# $$\boxed{\;\mathbb E\|x-m\|^2 = \mathbb E\|x-\bar x\|^2 + \|\bar x-m\|^2\;}$$
#
# The first part does not depend on $m$, the second is zero at $m = \bar x$: the best answer is the **mean of all
# pictures that the code allows**. Where the code leaves open whether there are glasses, the best drawing has half of
# them. A network with more layers will find this mean more exactly; it will not be sharper. Averages are blurred, and
# a Gaussian (or Bernoulli) decoder is rewarded for averages.
#
# **Check** on a face of which a code may know everything but the glasses. The course's faces are composed from parts,
# so we can draw all the pictures that such a code allows, here with equal probability.

# %%
allowed = {name: np.repeat(codes[:1], 3) for name, codes in held_out.attributes.items()} | {"glasses": np.arange(3)}
group = images.to_float(data.compose_faces(allowed, size=64)).astype(np.float64)  # (3, 64, 64, 3)
average = group.mean(axis=0)


def squared_error(a, b):
    return np.sum((a - b) ** 2, axis=(-3, -2, -1))


def cost(answer):
    """Expected squared error of one answer for the whole group."""
    return squared_error(group, answer).mean()


answers = np.array([cost(face) for face in group])
assert np.allclose(answers, cost(average) + squared_error(group, average)), "the identity of the box"
assert cost(average) < answers.min()
plots.image_grid(
    np.concatenate([group, average[None]]),
    columns=4,
    titles=[
        f"{name}: {value:.1f}"
        for name, value in zip([*held_out.names["glasses"], "mean"], [*answers, cost(average)], strict=True)
    ],
    title="Expected squared error of each answer",
    size=1.6,
    alt="One face without glasses, with round and with square ones, and their mean, with ghostly glasses.",
)

# %% [markdown]
# The ghostly picture wins, on the score that the decoder is trained for. If sharpness is what you want, a different
# judge is needed: lessons 05 and 06 train one.
#
# ### Explore
#
# The sliders move along the five directions in which the codes of held-out faces vary most (their principal
# components; lesson 04 derives them). One unit is one standard deviation. *Blend* walks from one seed to another.

# %%
directions, variances = latent.principal_directions(face_codes, 5)
explore.LatentExplorer(
    faces_vae,
    directions=directions,
    names=[f"component {k + 1}" for k in range(5)],
    scale=np.sqrt(variances),
    coordinates=0,
    title="faces-vae: walk through its latent space",
).show()

# %% [markdown]
# ## 9 · What goes wrong, and how to read it
#
# | you see | it means | do |
# |---|---|---|
# | KL falls to 0 in the first epoch, all samples alike | β is far above 1, often by accident | find the two reductions; compute $\beta_{\text{eff}}$ |
# | KL grows without end, reconstructions sharp, samples rubbish | β is far below 1, or the noise term is missing | the same; check that `call` adds noise |
# | reconstruction "stuck" at a large value | cross-entropy on grey pixels has a large floor | compute the floor |
# | reconstruction below zero | a density, with small σ: nothing is wrong | compare squared errors instead |
# | NaN after some steps | `exp(logvar)` overflowed, or probabilities in a logarithm | smaller step; logits |
# | some units have KL 0 | they are not needed | nothing; or a smaller latent space |
# | good reconstructions, odd samples | the codes together do not fill the prior | more training; lesson 04 looks closer |
#
# ### Try this
#
# 1. Set `TRAIN_IMAGES` to 60,000 and `EPOCHS` to 15. Which of the two terms profits?
# 2. Train `my_vae` with `beta=0.25` and with `beta=16`, and predict first where the dial would put them.
# 3. Replace `keras.random.normal` in `call` by zeros. What happens to `logvar`, and why? Measure the holes again.
# 4. Give `make_decoder` kernel side 3 in place of 4 and look for the checkerboard in the first epoch's samples.
#
# ## Summary
#
# - An autoencoder is told nothing about points that are not codes. A VAE is.
# - $\log p_\theta(x) = \mathrm{ELBO} + \mathrm{KL}(q_\phi(z|x)\|p_\theta(z|x))$ and $\mathrm{ELBO} = \mathbb E_q[\log
#   p_\theta(x|z)] - \mathrm{KL}(q_\phi(z|x)\|p(z))$.
# - $\mathrm{KL} = \tfrac12\sum_j(\mu_j^2+\sigma_j^2-\log\sigma_j^2-1)$; draw $z = \mu +
#   e^{\frac12\log\sigma^2}\varepsilon$.
# - $aR + bK$ is a VAE with $\beta_{\text{eff}} = b/a$. A mean over pixels multiplies β by $D$. With squared errors,
#   $\sigma^2 = b/(2a)$.
# - Cross-entropy on grey pixels is no likelihood and has a floor; the continuous Bernoulli repairs it; the best
#   Gaussian variance is the mean squared error.
# - Rate and distortion trade at the price β. Watch the KL of each unit.
# - VAE pictures are conditional means, hence soft, or ghostly.
#
# ## References
#
# - Kingma & Welling (2013), *Auto-Encoding Variational Bayes*, [arXiv:1312.6114](https://arxiv.org/abs/1312.6114)
# - Rezende, Mohamed & Wierstra (2014), *Stochastic Backpropagation and Approximate Inference in Deep Generative
#   Models*, [arXiv:1401.4082](https://arxiv.org/abs/1401.4082)
# - Higgins et al. (2017), *β-VAE*, [openreview](https://openreview.net/forum?id=Sy2fzU9gl)
# - Alemi et al. (2018), *Fixing a Broken ELBO*, [arXiv:1711.00464](https://arxiv.org/abs/1711.00464)
# - Burda, Grosse & Salakhutdinov (2015), *Importance Weighted Autoencoders*,
#   [arXiv:1509.00519](https://arxiv.org/abs/1509.00519)
# - Loaiza-Ganem & Cunningham (2019), *The continuous Bernoulli*, [arXiv:1907.06845](https://arxiv.org/abs/1907.06845)
# - Dai & Wipf (2019), *Diagnosing and Enhancing VAE Models*, [arXiv:1903.05789](https://arxiv.org/abs/1903.05789)
# - Rybkin, Daniilidis & Levine (2020), *Simple and Effective VAE Training with Calibrated Decoders* (σ-VAE),
#   [arXiv:2006.13202](https://arxiv.org/abs/2006.13202)
# - Lucas et al. (2019), *Don't Blame the ELBO!* (where collapse comes from),
#   [arXiv:1911.02469](https://arxiv.org/abs/1911.02469)
# - Odena, Dumoulin & Olah (2016), *Deconvolution and Checkerboard Artifacts*,
#   [Distill](https://distill.pub/2016/deconv-checkerboard/)
#
# **Next:** the exercises of this lesson, `exercises/03_building_a_vae.ipynb`; then lesson 04, *Inside latent
# space*, which asks what the codes mean.
#
# ---
# *Text and figures: CC BY 4.0. Code: Apache-2.0. Data and weights: see `DATA.md`.*
