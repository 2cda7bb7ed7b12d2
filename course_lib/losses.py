"""Likelihoods and the ELBO; GAN losses and gradient penalties; Gram, style and content losses.

Every likelihood is a sum over pixels, in nats per image: a mean over pixels would silently divide
the reconstruction term by the number of pixels, which is the same as multiplying the KL term's
weight by it. Every GAN loss takes logits, never probabilities.
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from course_lib._tensors import of_logits, require_unit_interval, spread, tensor, tensor_pair
from course_lib._validate import check_shape, integer, refuse

LOG_2PI = float(np.log(2 * np.pi))


# --- Likelihoods -----------------------------------------------------------------------------


def bernoulli_nll(x, logits):
    """Return the Bernoulli negative log-likelihood (binary cross-entropy) of each image.

    ``x`` (N, ...) in [0, 1], ``logits`` (N, ...) -> (N,) nats, summed over pixels. For grey ``x``
    this is a cross-entropy, not a normalised likelihood: see ``continuous_bernoulli_nll``.
    Raises ``ValueError`` for different shapes or ``x`` outside [0, 1].
    """
    x, logits = tensor_pair("x", x, "logits", logits)
    require_unit_interval("x", x)
    return _sum_pixels(tf.nn.sigmoid_cross_entropy_with_logits(labels=x, logits=logits))


def continuous_bernoulli_nll(x, logits):
    """Return the continuous Bernoulli negative log-likelihood of each image.

    ``x`` (N, ...) in [0, 1], ``logits`` (N, ...) -> (N,) nats, summed over pixels. It subtracts
    log C(λ) from the cross-entropy, which makes it a density on [0, 1] (Loaiza-Ganem & Cunningham
    2019, https://arxiv.org/abs/1907.06845, eq. 5).
    Raises ``ValueError`` for different shapes or ``x`` outside [0, 1].
    """
    x, logits = tensor_pair("x", x, "logits", logits)
    return bernoulli_nll(x, logits) - _sum_pixels(_log_continuous_bernoulli_constant(logits))


def continuous_bernoulli_mean(logits):
    """Return the mean of the continuous Bernoulli, which is not the sigmoid of its logit a but 1/(1−e^(−a)) − 1/a."""
    logits = tensor("logits", logits)
    small = tf.abs(logits) < 1e-1
    safe = tf.where(small, tf.ones_like(logits), logits)
    # expm1 keeps the digits that 1 − exp loses; the series covers the cancellation of the two terms near 0.
    exact = -1 / tf.math.expm1(-safe) - 1 / safe
    return tf.where(small, 0.5 + logits / 12 - logits**3 / 720, exact)


def gaussian_nll(x, mean, logvar):
    """Return the Gaussian negative log-likelihood of each image.

    ``x`` and ``mean`` (N, ...); ``logvar``, the natural logarithm of σ², broadcasts to them (a
    scalar is one learned noise level) -> (N,) nats, summed over pixels.
    Raises ``ValueError`` for different shapes.
    """
    x, mean = tensor_pair("x", x, "mean", mean)
    logvar = spread("logvar", logvar, x)
    return 0.5 * _sum_pixels(LOG_2PI + logvar + tf.square(x - mean) * tf.exp(-logvar))


def elbo(log_px_given_z, kl):
    """Return the evidence lower bound log p(x|z) − KL of each example.

    ``log_px_given_z`` and ``kl`` (N,) in nats -> (N,) (Kingma & Welling 2013,
    https://arxiv.org/abs/1312.6114, eq. 3).
    Raises ``ValueError`` for different shapes.
    """
    log_px_given_z, kl = tensor_pair("log_px_given_z", log_px_given_z, "kl", kl)
    return log_px_given_z - kl


def iwae_bound(log_weights, axis=0):
    """Return the importance-weighted bound log (1/k) Σ w over ``axis``.

    ``log_weights`` holds log p(x, z) − log q(z|x) for k samples z along ``axis``; computed without
    overflow (Burda et al. 2015, https://arxiv.org/abs/1509.00519, eq. 8).
    """
    log_weights = tensor("log_weights", log_weights, some=True)
    rank = len(log_weights.shape)
    if integer("axis", axis, -rank) >= rank:
        refuse("axis", f"an axis of {rank}", axis)
    k = tf.cast(tf.shape(log_weights)[axis], log_weights.dtype)
    return tf.reduce_logsumexp(log_weights, axis=axis) - tf.math.log(k)


# --- GAN losses ------------------------------------------------------------------------------


def _softplus_mean(logits):
    return tf.reduce_mean(tf.nn.softplus(logits))


@dataclass(frozen=True)
class Minimax:
    """The value function of the original game; the generator's loss saturates (Goodfellow et al. 2014, eq. 1).

    https://arxiv.org/abs/1406.2661
    """

    @of_logits
    def discriminator(self, real_logits, fake_logits):
        """Return −E[log D(x)] − E[log(1 − D(G(z)))]: 2 ln 2 when D cannot tell."""
        return _softplus_mean(-real_logits) + _softplus_mean(fake_logits)

    @of_logits
    def generator(self, real_logits, fake_logits):
        """Return E[log(1 − D(G(z)))], whose gradient vanishes where D is sure of a fake."""
        return -_softplus_mean(fake_logits)


@dataclass(frozen=True)
class NonSaturating(Minimax):
    """The same discriminator with the generator loss used in practice (Goodfellow et al. 2014, section 3)."""

    @of_logits
    def generator(self, real_logits, fake_logits):
        """Return −E[log D(G(z))]."""
        return _softplus_mean(-fake_logits)


@dataclass(frozen=True)
class LeastSquares:
    """Least-squares GAN with targets 1 and 0 (Mao et al. 2016, https://arxiv.org/abs/1611.04076, eq. 9)."""

    @of_logits
    def discriminator(self, real_logits, fake_logits):
        """Return ½E[(D(x) − 1)²] + ½E[D(G(z))²]."""
        return 0.5 * (tf.reduce_mean(tf.square(real_logits - 1)) + tf.reduce_mean(tf.square(fake_logits)))

    @of_logits
    def generator(self, real_logits, fake_logits):
        """Return ½E[(D(G(z)) − 1)²]."""
        return 0.5 * tf.reduce_mean(tf.square(fake_logits - 1))


@dataclass(frozen=True)
class Hinge:
    """Hinge loss (Lim & Ye 2017, https://arxiv.org/abs/1705.02894; Miyato et al. 2018)."""

    @of_logits
    def discriminator(self, real_logits, fake_logits):
        """Return E[max(0, 1 − D(x))] + E[max(0, 1 + D(G(z)))]."""
        return tf.reduce_mean(tf.nn.relu(1 - real_logits)) + tf.reduce_mean(tf.nn.relu(1 + fake_logits))

    @of_logits
    def generator(self, real_logits, fake_logits):
        """Return −E[D(G(z))]."""
        return -tf.reduce_mean(fake_logits)


@dataclass(frozen=True)
class Wasserstein:
    """The dual of W1; the critic must be kept 1-Lipschitz by a penalty (Arjovsky et al. 2017, eq. 2).

    https://arxiv.org/abs/1701.07875
    """

    @of_logits
    def discriminator(self, real_logits, fake_logits):
        """Return E[D(G(z))] − E[D(x)], minus the estimate of W1."""
        return tf.reduce_mean(fake_logits) - tf.reduce_mean(real_logits)

    @of_logits
    def generator(self, real_logits, fake_logits):
        """Return −E[D(G(z))]."""
        return -tf.reduce_mean(fake_logits)


@dataclass(frozen=True)
class Relativistic:
    """Relativistic pairing: D compares each real with a fake (Jolicoeur-Martineau 2018, eqs. 12-13).

    https://arxiv.org/abs/1807.00734. Real and fake logits must have the same shape.
    """

    @of_logits
    def discriminator(self, real_logits, fake_logits):
        """Return −E[log σ(D(x) − D(G(z)))]: ln 2 when D cannot tell."""
        real_logits, fake_logits = tensor_pair("real_logits", real_logits, "fake_logits", fake_logits)
        return _softplus_mean(fake_logits - real_logits)

    @of_logits
    def generator(self, real_logits, fake_logits):
        """Return −E[log σ(D(G(z)) − D(x))]."""
        real_logits, fake_logits = tensor_pair("real_logits", real_logits, "fake_logits", fake_logits)
        return _softplus_mean(real_logits - fake_logits)


GAN_LOSSES: dict[str, Any] = {
    "minimax": Minimax(),
    "non_saturating": NonSaturating(),
    "least_squares": LeastSquares(),
    "hinge": Hinge(),
    "wasserstein": Wasserstein(),
    "relativistic": Relativistic(),
}


# --- Gradient penalties ----------------------------------------------------------------------


def gradient_penalty(critic, real, fake, seed=None):
    """Return E[(‖∇critic(x̂)‖₂ − 1)²] at x̂ = real + α (fake − real), one α ~ U(0, 1) per example.

    ``real`` and ``fake`` (N, ...) of one shape; ``critic`` maps them to (N, 1) or (N,). ``seed`` is
    an integer or a ``keras.random.SeedGenerator``. The gradient is finite where ‖∇‖ = 0. The weight λ is
    the caller's (Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028, eq. 3).
    Raises ``ValueError`` for different shapes.
    """
    real, fake = tensor_pair("real", real, "fake", fake, some=True)
    alpha_shape = tf.concat([tf.shape(real)[:1], tf.ones(len(real.shape) - 1, tf.int32)], axis=0)
    alpha = keras.random.uniform(alpha_shape, dtype=real.dtype, seed=seed)
    squared_norm = _squared_input_gradient(critic, real + alpha * (fake - real))
    # The square root's derivative is infinite at 0; the floor stands inside it so that no NaN reaches the weights.
    norm = tf.sqrt(tf.maximum(squared_norm, 1e-12))
    return tf.reduce_mean(tf.square(norm - 1))


def r1_penalty(critic, real):
    """Return E[‖∇critic(x)‖²] over real examples (Mescheder et al. 2018, eq. 9).

    ``real`` (N, ...) -> scalar; the weight γ/2 is the caller's. https://arxiv.org/abs/1801.04406
    """
    return tf.reduce_mean(_squared_input_gradient(critic, tensor("real", real, some=True)))


def _squared_input_gradient(critic, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        # Summing over the batch keeps per-example gradients apart as long as the critic treats
        # examples independently: this is why a penalised critic must not use BatchNorm.
        total = tf.reduce_sum(critic(x))
    gradient = tape.gradient(total, x)
    if gradient is None:
        gradient = tf.zeros_like(x)  # a constant critic
    return tf.reduce_sum(tf.square(gradient), axis=list(range(1, len(x.shape))))


# --- Style and content -----------------------------------------------------------------------


def gram(features):
    """Return the Gram matrix of each feature map: (N, H, W, C) -> (N, C, C), divided by H·W, at least float32.

    Gatys et al. 2015, https://arxiv.org/abs/1508.06576, eq. 3, made independent of the image's size.
    Raises ``ValueError`` unless ``features`` is floating-point with four axes.
    """
    features = tensor("features", features, some=True)
    check_shape("features", features, ("N", "H", "W", "C"))
    if features.dtype.size < 4:  # a sum over all positions overflows float16
        features = tf.cast(features, tf.float32)
    positions = tf.cast(tf.shape(features)[1] * tf.shape(features)[2], features.dtype)
    return tf.einsum("nhwc,nhwd->ncd", features, features) / positions


def style_loss(features, style_features):
    """Return the mean squared difference of two Gram matrices, (N,H,W,C) and (N,H',W',C) -> scalar.

    The squared MMD of the two sets of positions with the kernel (x·y)², over C² (Li et al. 2017,
    https://arxiv.org/abs/1701.01036); for equal sizes 4 times the layer loss 1/(4 C² (HW)²) Σ of Gatys et al., eq. 4.
    Raises ``ValueError`` for different numbers of channels.
    """
    features, style_features = tensor("features", features), tensor("style_features", style_features, some=True)
    check_shape("features", features, ("N", "H", "W", "C"))
    check_shape("style_features", style_features, ("N", "H", "W", features.shape[-1]))
    ours = gram(features)
    return tf.reduce_mean(tf.square(ours - spread("style_features", gram(style_features), ours)))


def content_loss(features, content_features):
    """Return the mean squared difference of two feature maps of one shape -> scalar."""
    features, content_features = tensor_pair("features", features, "content_features", content_features, some=True)
    return tf.reduce_mean(tf.square(features - content_features))


# --- Helpers ---------------------------------------------------------------------------------


def _sum_pixels(x):
    return tf.reduce_sum(x, axis=list(range(1, len(x.shape))))


def _log_continuous_bernoulli_constant(logits):
    """Return log C(λ) = log(2 artanh(1−2λ)/(1−2λ)), which in the logit a of λ is log(a / tanh(a/2)); ln 2 at a = 0."""
    small = tf.abs(logits) < 1e-2
    safe = tf.where(small, tf.ones_like(logits), logits)  # both branches of tf.where are differentiated
    exact = tf.math.log(safe / tf.tanh(safe / 2))
    series = np.log(2.0) + tf.square(logits) / 12  # Taylor expansion, error below 1e-10 in this interval
    return tf.where(small, series, exact)
