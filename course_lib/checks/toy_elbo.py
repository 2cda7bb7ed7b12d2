"""Three sick trainings of a small linear VAE, with its exact log p(x): the curves of an exercise of lesson 02.

The gradients are those of the exact ELBO, so that nothing in the curves is noise.
"""

import numpy as np

PIXELS, LATENT, STEPS, RATE = 12, 4, 400, 0.02


def curves():
    """Return {"A", "B", "C"} -> (reported bound, exact log p(x)), each (steps,) of means in nats per example.

    A: the draw is cut off from the encoder. B: the KL term is averaged over the latent axis, in the loss and in the
    report. C: the encoder's weights are not trained.
    """
    return {"A": _train(cut=True), "B": _train(kl_weight=1 / LATENT), "C": _train(train_encoder=False)}


def healthy_end():
    """Return the exact log p(x) that a training without a mistake reaches in the same number of steps."""
    return float(_train()[1][-1])


def _train(cut=False, kl_weight=1.0, train_encoder=True):
    rng = np.random.default_rng(0)
    directions = np.linalg.qr(rng.standard_normal((PIXELS, LATENT)))[0] * [3.0, 2.5, 2.0, 1.5]
    x = rng.standard_normal((300, LATENT)) @ directions.T + 0.5 * rng.standard_normal((300, PIXELS))
    second = x.T @ x / len(x)
    W, A = 0.2 * rng.standard_normal((2, PIXELS, LATENT))
    log_variance, log_s = 0.0, np.zeros(LATENT)
    reported, exact = [], []
    for _ in range(STEPS):
        variance, s = np.exp(log_variance), np.exp(log_s)
        codes_x, codes = A.T @ second, A.T @ second @ A  # mean of μxᵀ and of μμᵀ, with μ = Aᵀx
        square = np.trace(second) - 2 * np.sum(codes_x.T * W) + np.sum(W.T @ W * (codes + np.diag(s)))
        kl = 0.5 * (np.trace(codes) + np.sum(s - log_s - 1))
        log_px_given_z = -0.5 * PIXELS * np.log(2 * np.pi * variance) - square / (2 * variance)
        reported.append(log_px_given_z - kl_weight * kl)
        exact.append(_log_evidence(W, variance, second))
        by_W = (codes_x.T - W @ (codes + np.diag(s))) / variance
        through_draw = 0.0 if cut else 1.0
        by_A = through_draw * second @ (W - A @ W.T @ W) / variance - kl_weight * second @ A
        by_log_s = -through_draw * s * np.sum(W**2, axis=0) / (2 * variance) - kl_weight * 0.5 * (s - 1)
        W, log_variance = W + RATE * by_W, log_variance + RATE * 0.5 * (square / variance - PIXELS) / PIXELS
        if train_encoder:
            A, log_s = A + RATE * by_A, log_s + RATE * by_log_s
    return np.array(reported), np.array(exact)


def _log_evidence(W, variance, second):
    """Return the mean of log N(x; 0, WWᵀ + variance · I) from the second moments of x."""
    covariance = W @ W.T + variance * np.eye(len(W))
    fit = np.trace(np.linalg.solve(covariance, second))
    return -0.5 * (len(W) * np.log(2 * np.pi) + np.linalg.slogdet(covariance)[1] + fit)
