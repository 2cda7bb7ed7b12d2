"""The derivations of lesson 02, each against something independent, and mutants that each proof must notice.

Expectations over Gaussian noise are taken by Gauss-Hermite quadrature, which is exact for polynomials: nearly
nothing here is random.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from lesson_code import definitions
from mutation import LessonMutant, Mutant
from scipy import integrate, optimize, stats
from scipy.linalg import solve_triangular
from scipy.special import logsumexp

from course_lib import divergences, losses, vae

LESSON = "02_variational_inference"
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(60)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


def log_density(value, mean, std):
    """Log-density of a Gaussian; scipy's is the same (tested below) and ten times as slow on single numbers."""
    return -0.5 * np.log(2 * np.pi * np.square(std)) - 0.5 * np.square((value - mean) / std)


W, S, X = 1.3, 0.5, 0.8  # decoder weight, noise and observation; not the lesson's values
SPACE = {"np": np, "tf": tf, "keras": keras, "layers": layers, "divergences": divergences, "logsumexp": logsumexp}
SPACE["solve_triangular"] = solve_triangular
SPACE |= {"log_normal": log_density}
SPACE |= {"W1": W, "S1": S, "X1": X, "nodes": NODES, "node_weights": WEIGHTS, "a": 0.9, "std": 0.6}


def lesson(*wanted, **space):
    """Return definitions of the lesson."""
    return definitions(LESSON, set(wanted), SPACE | space)


def mutant(proof, wanted, old, new, **space):
    """Return a lesson mutant: the definitions ``wanted`` with ``old`` changed to ``new``."""
    return LessonMutant(proof, LESSON, set(wanted.split()), SPACE | space, old, new)


def close(found, exact, **tolerance):
    """Assert equality to ten digits, or as stated."""
    np.testing.assert_allclose(found, exact, **({"rtol": 1e-10, "atol": 1e-12} | tolerance))


def normal(value, mean, std):
    """Density of a Gaussian."""
    return np.exp(log_density(value, mean, std))


# --- The evidence, Jensen, the two derivations of the ELBO ------------------------------------------


def test_the_density_of_these_proofs_is_scipys():
    close(log_density(0.7, np.array([-1.0, 2.0]), 0.4), stats.norm([-1.0, 2.0], 0.4).logpdf(0.7))


def proves_log_normal(space):
    for mean, std in [(0.0, 1.0), (-1.3, 0.4)]:
        total, square = (
            integrate.quad(lambda z: z**k * np.exp(space["log_normal"](z, mean, std)), -9, 9)[0]  # noqa: B023
            for k in (0, 2)
        )
        close([total, square], [1, mean**2 + std**2], rtol=1e-7)


def proves_relative_second_moment(space):
    for x, w, s in [(X, W, S), (-2.0, 0.4, 1.1)]:
        square = integrate.quad(lambda z: normal(x, w * z, s) ** 2 * normal(z, 0, 1), -12, 12)[0]  # noqa: B023
        evidence = integrate.quad(lambda z: normal(x, w * z, s) * normal(z, 0, 1), -12, 12)[0]  # noqa: B023
        close(space["relative_second_moment"](x, w, s), square / evidence**2, rtol=1e-7)


def proves_tangent_gap(space):
    y = np.geomspace(1e-3, 1e3, 301)
    for m in (0.2, 1.0, 7.0):
        gap = space["tangent_gap"](y, m)
        assert np.all(gap >= -1e-12) and np.all(gap[np.abs(y - m) > 1e-3 * m] > 0)
        close(space["tangent_gap"](m, m), 0)
        close((space["tangent_gap"](m + 1e-4, m) - space["tangent_gap"](m - 1e-4, m)) / 2e-4, 0, atol=1e-5)
    weights = np.random.default_rng(0).dirichlet(np.ones(301))
    mean = weights @ y
    close(weights @ space["tangent_gap"](y, mean), np.log(mean) - weights @ np.log(y))  # E of the tangent is log E


def proves_the_identity(space):
    close(space["LOG_PX"], log_density(X, 0, np.hypot(W, S)))
    v = 1 / (1 + (W / S) ** 2)
    close([space["M1"], space["V1"]], [v * W * X / S**2, v])
    for m, std in [(0.0, 1.0), (0.7, 0.4), (-0.5, 0.9)]:
        row = space["parts"](m, std)
        reconstruction = log_density(X, W * m, S) - (W * std) ** 2 / (2 * S**2)
        kl = divergences.kl_gaussians([m], [[std**2]], [0.0], [[1.0]])
        gap = divergences.kl_gaussians([m], [[std**2]], [v * W * X / S**2], [[v]])
        close([row["reconstruction"], row["KL to the prior"]], [reconstruction, kl], rtol=1e-9)
        close([row["ELBO"], row["gap"]], [reconstruction - kl, gap], rtol=1e-9)
        close(row["ELBO"] + row["gap"], space["LOG_PX"], rtol=1e-9)


def proves_elbo_of_parts(elbo):
    """The library's ELBO, from its two terms, meets log p(x) at the posterior and lies below it elsewhere."""
    v = 1 / (1 + (W / S) ** 2)
    log_px = log_density(X, 0, np.hypot(W, S))
    for m, variance, gap in [(v * W * X / S**2, v, 0.0), (0.1, 0.5, None)]:
        reconstruction = log_density(X, W * m, S) - W**2 * variance / (2 * S**2)
        bound = elbo(np.array([reconstruction]), divergences.kl_to_standard_normal([[m]], [[np.log(variance)]]))
        gap = divergences.kl_gaussians([m], [[variance]], [v * W * X / S**2], [[v]]) if gap is None else gap
        close(np.asarray(bound) + gap, [log_px], rtol=1e-8)


def proves_em(space):
    x = space["observed"]
    path = [0.4]
    for _ in range(150):
        path.append(space["m_step"](*space["codes"](path[-1])))
    evidence = [log_density(x, 0, np.hypot(w, S)).mean() for w in path]
    close([space["mean_evidence"](w) for w in path], evidence)
    assert np.all(np.diff(evidence) > -1e-12)
    for w in path[:3]:
        m, v = space["codes"](w)
        close(space["mean_elbo"](w, m, v), space["mean_evidence"](w))  # touches
        top = optimize.minimize_scalar(lambda u: -space["mean_elbo"](u, m, v), bounds=(0, 5), method="bounded")  # noqa: B023
        close(space["m_step"](m, v), top.x, rtol=1e-4)
    close(path[-1], np.sqrt(max(np.mean(x**2) - S**2, 0)), rtol=1e-4)  # the maximum of the likelihood


OBSERVED = np.random.default_rng(1).normal(scale=1.7, size=60)
EM = "m_step codes mean_elbo mean_evidence"
IDENTITY = "parts z_grid dz log_joint log_posterior LOG_PX V1 M1"

# --- KL divergences ---------------------------------------------------------------------------------


def proves_kl_1d(space):
    for mq, sq, mp, sp in [(0.8, 0.5, -0.4, 1.3), (0.0, 2.0, 1.0, 0.7), (0.3, 1.0, 0.3, 1.0)]:
        q, p = stats.norm(mq, sq), stats.norm(mp, sp)
        exact = integrate.quad(lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), mq - 12 * sq, mq + 12 * sq)[0]  # noqa: B023
        close(space["kl_1d"](mq, sq, mp, sp), exact, atol=1e-9)


def proves_kl_diagonal(kl):
    rng = np.random.default_rng(2)
    mq, vq, mp, vp = rng.normal(size=(4, 5, 3))
    z = mq[..., None] + np.exp(vq[..., None] / 2) * NODES  # (5, 3, nodes)
    q, p = stats.norm(mq, np.exp(vq / 2)), stats.norm(mp, np.exp(vp / 2))
    ratio = np.stack([q.logpdf(z[..., k]) - p.logpdf(z[..., k]) for k in range(len(NODES))], axis=-1)
    close(kl(mq, vq, mp, vp), (ratio @ WEIGHTS).sum(axis=1))


def proves_kl_full(kl):
    """Against the sum over the axes in which both covariances are diagonal."""
    rng = np.random.default_rng(3)
    for d in (1, 2, 4):
        roots = rng.normal(size=(2, d, d))
        cov_q, cov_p = (r @ r.T + 0.3 * np.eye(d) for r in roots)
        mean_q, mean_p = rng.normal(size=(2, d))
        whiten = np.linalg.inv(np.linalg.cholesky(cov_p))  # p becomes N(·, I)
        values, axes = np.linalg.eigh(whiten @ cov_q @ whiten.T)
        shift = axes.T @ whiten @ (mean_q - mean_p)
        close(kl(mean_q, cov_q, mean_p, cov_p), 0.5 * np.sum(values + shift**2 - 1 - np.log(values)), rtol=1e-8)


def proves_kl_to_standard_normal(kl):
    def integrand(z, mean, logvar):
        log_q = -0.5 * (np.log(2 * np.pi) + logvar + (z - mean) ** 2 / np.exp(logvar))
        return np.exp(log_q) * (log_q + 0.5 * (np.log(2 * np.pi) + z**2))

    mean, logvar = np.random.default_rng(4).normal(size=(2, 2, 3))
    exact = [
        sum(integrate.quad(integrand, -30, 30, (m, v), limit=200)[0] for m, v in zip(*row, strict=True))
        for row in zip(mean, logvar, strict=True)
    ]
    close(kl(mean, logvar), exact, rtol=1e-6)


def proves_kl_draw_variance(space):
    for m, std in [(0.8, 0.5), (-1.2, 1.4), (0.0, 1.0)]:
        z = m + std * NODES
        one = log_density(z, m, std) - log_density(z, 0, 1)
        close(space["kl_draw_variance"](m, std), WEIGHTS @ one**2 - (WEIGHTS @ one) ** 2)


# --- The linear-Gaussian model ------------------------------------------------------------------------


def toy_model():
    rng = np.random.default_rng(5)
    weight, b, variance, x = rng.normal(size=(4, 2)), rng.normal(size=4), 0.37, rng.normal(size=(3, 4))
    root = rng.normal(size=(2, 2))
    return weight, b, variance, x, rng.normal(size=(3, 2)), root @ root.T + 0.2 * np.eye(2)


def proves_linear_gaussian(space):
    weight, b, variance, x, mean, cov = toy_model()
    joint = np.block([[np.eye(2), weight.T], [weight, weight @ weight.T + variance * np.eye(4)]])  # of (z, x)
    evidence = stats.multivariate_normal(b, joint[2:, 2:]).logpdf(x)
    close(space["log_evidence"](x, weight, b, variance), evidence)
    gain = joint[:2, 2:] @ np.linalg.inv(joint[2:, 2:])  # conditioning a joint Gaussian
    m, precision = space["exact_posterior"](x, weight, b, variance)
    close(m, (x - b) @ gain.T)
    close(precision, np.linalg.inv(joint[:2, :2] - gain @ joint[2:, :2]))
    root = np.linalg.cholesky(cov)
    u = np.stack(np.meshgrid(NODES, NODES), -1).reshape(-1, 2) @ root.T
    mass = np.outer(WEIGHTS, WEIGHTS).ravel()
    for i in range(3):
        z = mean[i] + u
        log_w = log_density(x[i], z @ weight.T + b, np.sqrt(variance)).sum(axis=1)
        log_w += stats.multivariate_normal(np.zeros(2)).logpdf(z) - stats.multivariate_normal(mean[i], cov).logpdf(z)
        close(space["exact_elbo"](x, weight, b, variance, mean, cov)[i], mass @ log_w, rtol=1e-9)
        gap = divergences.kl_gaussians(mean[i], cov, m[i], np.linalg.inv(precision))
        close(mass @ log_w + gap, evidence[i], rtol=1e-9)


LINEAR = "log_evidence exact_posterior exact_elbo kl_full"

# --- Gradients ---------------------------------------------------------------------------------------

# E of c₀ + c₁z + c₂z² + c₃z³ under N(m, s²) is a polynomial in m and s, differentiated by hand here.
POLYNOMIAL = np.polynomial.Polynomial([0.3, -1.2, 0.7, 0.4])


def exact_gradient(m, s):
    """Derivatives by m and by log s of E[f(z)], from E z = m, E z² = m² + s², E z³ = m³ + 3ms²."""
    _, c1, c2, c3 = POLYNOMIAL.coef
    return np.array([c1 + 2 * c2 * m + c3 * (3 * m**2 + 3 * s**2), s * (2 * c2 * s + 6 * c3 * m * s)])


def proves_pathwise(space):
    for m, s in [(0.6, 0.7), (-1.0, 1.5)]:
        found = space["pathwise_gradients"](POLYNOMIAL.deriv(), m, s, NODES)
        close(found @ WEIGHTS, exact_gradient(m, s))


def proves_score(space):
    for m, s in [(0.6, 0.7), (-1.0, 1.5)]:
        for baseline in (0.0, 2.5):
            found = space["score_gradients"](POLYNOMIAL, m, s, NODES, baseline)
            close(found @ WEIGHTS, exact_gradient(m, s))


def proves_best_baseline(space):
    rng = np.random.default_rng(6)
    values, scores = rng.gamma(2, size=500), rng.normal(size=500) ** 3
    best = optimize.minimize_scalar(lambda b: np.mean((values - b) ** 2 * scores**2)).x
    close(space["best_baseline"](values, scores), best, rtol=1e-6)


def proves_score_variance(space):
    for a, s in [(1.5, 0.5), (-0.4, 1.2)]:
        f, score = (a + s * NODES) ** 2, NODES / s
        for baseline in (0.0, 1.7, a**2 + 3 * s**2):
            g = (f - baseline) * score
            close(space["score_variance"](a, s, baseline), WEIGHTS @ g**2 - (WEIGHTS @ g) ** 2, rtol=1e-8)
        scan = np.linspace(-5, 10, 1501)
        assert abs(scan[np.argmin(space["score_variance"](a, s, scan))] - (a**2 + 3 * s**2)) < 0.011


def proves_variance_in_dimension(space):
    a, s = SPACE["a"], SPACE["std"]
    few, mass = np.polynomial.hermite_e.hermegauss(12)  # exact to degree 23
    mass = mass / mass.sum()
    for d in (1, 2, 3):
        grids, masses = np.meshgrid(*[few] * d), np.meshgrid(*[mass] * d)
        total, weight = sum((a + s * e) ** 2 for e in grids), np.prod(masses, axis=0)
        for with_baseline in (False, True):
            baseline = np.sum(weight * total * grids[0] ** 2) if with_baseline else 0.0
            g = (total - baseline) * grids[0] / s
            exact = np.sum(weight * g**2) - np.sum(weight * g) ** 2
            close(space["variance_in_dimension"](d, with_baseline), exact, rtol=1e-8)


QUANTILES = stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000).astype(np.float32)  # noise without randomness


def proves_elbo_gradient(space):
    """The single-draw ELBO has the gradient of the exact one; cut off, that of the KL term alone."""
    for m in (0.4, -0.9):
        for cut, exact in [(False, W * (X - W * m) / S**2 - m), (True, -m)]:
            mean = tf.fill((len(QUANTILES),), float(m))
            with tf.GradientTape() as tape:
                tape.watch(mean)
                elbo = space["elbo_draws"](mean, cut=cut)
            close(tape.gradient(elbo, mean).numpy().mean(), exact, rtol=1e-3)
            closed = space["elbo_1d"](m, np.log(0.5))
            close(float(tf.reduce_mean(elbo)), closed, rtol=2e-3)
    for m, log_std in [(0.4, -0.7), (-0.9, 0.3)]:
        z = m + np.exp(log_std) * NODES
        log_w = log_density(X, W * z, S) + log_density(z, 0, 1) - log_density(z, m, np.exp(log_std))
        close(space["elbo_1d"](m, log_std), WEIGHTS @ log_w)


GRADIENT = "elbo_draws elbo_1d kl_1d tf_log_normal"
NOISE = {"noise": tf.constant(QUANTILES), "log_std": tf.fill((len(QUANTILES),), float(np.log(0.5)))}


def proves_sample_posterior(model):
    """A draw of the library's VAE has the right moments, and lets gradients through to both parameters."""
    z = keras.Input((1,))
    image = keras.Input((1, 1, 1))
    flat = layers.Flatten()(image)
    encoder = keras.Model(image, [layers.Dense(1)(flat), layers.Dense(1)(flat)])
    network = model(encoder, keras.Model(z, layers.Reshape((1, 1, 1))(layers.Dense(1)(z))), seed=3)
    n = 40_000
    mean, logvar = tf.fill((n, 1), 0.5), tf.fill((n, 1), -1.0)
    with tf.GradientTape() as tape:
        tape.watch([mean, logvar])
        cube = network.sample_posterior(mean, logvar) ** 3
    gradients = tape.gradient(cube, [mean, logvar])
    assert all(g is not None for g in gradients)
    # E z³ = m³ + 3mσ²; by the mean 3m² + 3σ², by the log-variance 3mσ².
    for g, exact in zip(gradients, (0.75 + 3 * np.exp(-1), 1.5 * np.exp(-1)), strict=True):
        assert abs(g.numpy().mean() - exact) < 4.5 * g.numpy().std() / np.sqrt(n)


# --- IWAE, amortisation ----------------------------------------------------------------------------------


def proves_iwae(bound):
    """On a discrete code every expectation is a finite sum: bounds rise from the ELBO and stay below log p(x)."""
    q, joint = np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.02, 0.3])  # q(z) and p(x, z) for one x
    log_w = np.log(joint / q)
    found = []
    for k in (1, 2, 3, 4):
        draws = np.stack(np.meshgrid(*[np.arange(3)] * k), -1).reshape(-1, k)
        bounds = np.asarray(bound(log_w[draws]))
        assert bounds.shape == (len(draws),)
        found.append(q[draws].prod(axis=1) @ bounds)
    close(found[0], q @ log_w)
    assert np.all(np.diff(found) > 1e-3) and found[-1] < np.log(joint.sum())
    pairs = np.log((joint[:, None] / q[:, None] + joint / q) / 2)
    close(found[1], q @ pairs @ q)
    sample = np.random.default_rng(7).normal(size=(5, 8))
    close(bound(sample - 1000.0), np.asarray(bound(sample)) - 1000.0)  # underflows without log-sum-exp
    close(bound(sample + 900.0), np.asarray(bound(sample)) + 900.0)


def library_iwae(function):
    """The same proof for the library's bound, over each axis."""
    proves_iwae(lambda log_w: function(log_w, axis=1).numpy())
    proves_iwae(lambda log_w: function(log_w.T, axis=0).numpy())


def proves_predicted_gap(space):
    """For a code with two values L_k is a sum over a binomial count; k times its gap tends to the prediction."""
    q, w = np.array([0.3, 0.7]), np.array([0.9, 0.2])
    log_px, chi2 = np.log(q @ w), q @ w**2 / (q @ w) ** 2 - 1
    for k in (500, 5000):
        count = np.arange(k + 1)
        bound = stats.binom(k, q[0]).pmf(count) @ np.log((count * w[0] + (k - count) * w[1]) / k)
        close(space["predicted_gap"](chi2, k), log_px - bound, rtol=5 / k)


def proves_effective_sample_size(space):
    ess = space["effective_sample_size"]
    close(ess(np.full(7, -1000.0)), 7)
    close(ess(np.array([0.0, -900.0, -900.0])), 1)
    log_w = np.random.default_rng(8).normal(size=(20, 6), scale=3)
    w = np.exp(log_w)
    close(ess(log_w), w.sum(axis=1) ** 2 / (w**2).sum(axis=1))
    close(ess(log_w - 1000), ess(log_w))
    assert np.all((ess(log_w) >= 1) & (ess(log_w) <= 6))


def proves_curved_elbo(space):
    """Against a fine grid; and no proposal exceeds log p(x)."""
    z = np.linspace(-9, 9, 40_001)
    dz = z[1] - z[0]
    for x, m, log_std in [(0.5, 0.2, -1.0), (-2.0, -1.1, 0.1)]:
        log_joint = log_density(x, z + np.sin(2 * z), 0.5) + log_density(z, 0, 1)
        q = stats.norm(m, np.exp(log_std))
        exact = np.sum(q.pdf(z) * (log_joint - q.logpdf(z))) * dz
        found = space["curved_elbo"](np.array([x]), np.array([m]), np.array([log_std]))[0]
        close(found, exact, rtol=1e-7)
        assert found < logsumexp(log_joint) + np.log(dz)


# --- The linear VAE ----------------------------------------------------------------------------------------


def proves_ppca(space):
    """No optimiser, from any start, finds a likelihood above the closed form's; and it finds that."""
    rng = np.random.default_rng(9)
    x = rng.normal(size=(40, 5)) @ np.diag([3.0, 2.0, 1.0, 0.7, 0.5]) @ stats.ortho_group.rvs(5, random_state=0) + 1.0
    weight, b, variance = space["ppca"](x, 2)

    def cost(flat):
        cov = flat[:10].reshape(5, 2) @ flat[:10].reshape(5, 2).T + np.exp(flat[10]) * np.eye(5)
        return -stats.multivariate_normal(x.mean(axis=0), cov).logpdf(x).mean()

    close(b, x.mean(axis=0))
    closed = cost(np.append(weight.ravel(), np.log(variance)))
    found = [optimize.minimize(cost, rng.normal(size=11), method="BFGS").fun for _ in range(4)]
    assert min(found) > closed - 1e-9
    close(min(found), closed, rtol=1e-6)


def proves_diagonal_gap(space):
    rng = np.random.default_rng(10)
    root = rng.normal(size=(3, 3))
    precision = root @ root.T + 0.5 * np.eye(3)

    def kl(log_variances):
        return divergences.kl_gaussians(
            np.zeros(3), np.diag(np.exp(log_variances)), np.zeros(3), np.linalg.inv(precision)
        )

    close(space["diagonal_gap"](precision), optimize.minimize(kl, np.zeros(3), tol=1e-12).fun, rtol=1e-7)
    close(space["diagonal_gap"](np.diag([1.0, 3.0, 0.2])), 0)


def linear_vae(space):
    """The lesson's model with the weights of ``toy_model`` and an encoder of its own."""
    weight, b, variance, x, _, _ = toy_model()
    rng = np.random.default_rng(11)
    model = space["LinearVAE"](4, 2, seed=5)
    encoder = rng.normal(scale=0.4, size=(4, 2)), rng.normal(size=2), np.array([-0.8, 0.3])
    for variable, value in zip(
        (model.W, model.b, model.logvar_x, model.A, model.a, model.logvar_z),
        (weight, b, np.log(variance), *encoder),
        strict=True,
    ):
        variable.assign(value.astype(np.float32) if hasattr(value, "astype") else value)
    return model, x, encoder


def proves_linear_vae(space):
    """The loss is the negative exact ELBO on average, and so is its gradient, encoder included."""
    model, x, (A, a, logvar) = linear_vae(space)
    weight, b, variance, *_ = toy_model()
    truth = lesson(*LINEAR.split())
    each = truth["exact_elbo"](x, weight, b, variance, x @ A + a, np.diag(np.exp(logvar)))
    evidence, elbo = model.exact(x)
    close([evidence, elbo], [truth["log_evidence"](x, weight, b, variance).mean(), each.mean()], rtol=1e-5)
    losses_seen, gradients = [], []
    repeated = tf.constant(np.repeat(x[:1], 4000, axis=0).astype(np.float32))
    for _ in range(20):
        with tf.GradientTape() as tape:
            loss = model.compute_loss(x=repeated, y_pred=model(repeated, training=True))
        losses_seen.append(float(loss))
        gradients.append(tape.gradient(loss, model.a))
    assert all(g is not None for g in gradients)
    error = np.std(losses_seen) / np.sqrt(20)
    assert abs(np.mean(losses_seen) + each[0]) < 6 * error
    for j in range(2):
        shift = 1e-5 * np.eye(2)[j]
        ends = [
            truth["exact_elbo"](x[:1], weight, b, variance, x[:1] @ A + a + s * shift, np.diag(np.exp(logvar)))[0]
            for s in (1, -1)
        ]
        values = np.array([g[j] for g in gradients])
        assert abs(values.mean() + (ends[0] - ends[1]) / 2e-5) < 6 * values.std() / np.sqrt(20) + 1e-3


VAE_PARTS = "LinearVAE log_evidence"


# --- Every proof holds for the real thing --------------------------------------------------------------------

# name -> (proof, the lesson's definitions that it needs, values that they use)
LESSON_PROOFS = {
    "log-density": (proves_log_normal, "log_normal", {}),
    "relative second moment": (proves_relative_second_moment, "relative_second_moment", {}),
    "Jensen by a tangent": (proves_tangent_gap, "tangent_gap", {}),
    "identity": (proves_the_identity, IDENTITY, {}),
    "EM": (proves_em, EM, {"observed": OBSERVED}),
    "KL in one dimension": (proves_kl_1d, "kl_1d", {}),
    "KL, diagonal": (lambda s: proves_kl_diagonal(s["kl_diagonal"]), "kl_diagonal", {}),
    "KL, full": (lambda s: proves_kl_full(s["kl_full"]), "kl_full", {}),
    "variance of a sampled KL": (proves_kl_draw_variance, "kl_draw_variance", {}),
    "linear-Gaussian model": (proves_linear_gaussian, LINEAR, {}),
    "reparameterised gradient": (proves_pathwise, "pathwise_gradients", {}),
    "score-function gradient": (proves_score, "score_gradients", {}),
    "best baseline": (proves_best_baseline, "best_baseline", {}),
    "variance of the score gradient": (proves_score_variance, "score_variance", {}),
    "variance and dimension": (proves_variance_in_dimension, "variance_in_dimension", {}),
    "gradient of the ELBO": (proves_elbo_gradient, GRADIENT, NOISE),
    "IWAE bound": (lambda s: proves_iwae(s["iwae_bound"]), "iwae_bound", {}),
    "rate of the IWAE bound": (proves_predicted_gap, "predicted_gap", {}),
    "effective sample size": (proves_effective_sample_size, "effective_sample_size", {}),
    "ELBO of the curved model": (proves_curved_elbo, "curved_elbo curve kl_1d", {}),
    "probabilistic PCA": (proves_ppca, "ppca", {}),
    "gap of a diagonal q": (proves_diagonal_gap, "diagonal_gap", {}),
    "linear VAE": (proves_linear_vae, VAE_PARTS, {}),
}


@pytest.mark.parametrize("name", LESSON_PROOFS)
def test_the_lessons_derivation_holds(name):
    proof, wanted, space = LESSON_PROOFS[name]
    proof(lesson(*wanted.split(), **space))


LIBRARY_PROOFS = {
    "ELBO": (proves_elbo_of_parts, losses.elbo),
    "KL, full": (proves_kl_full, divergences.kl_gaussians),
    "KL to the standard normal": (proves_kl_to_standard_normal, divergences.kl_to_standard_normal),
    "IWAE bound": (library_iwae, losses.iwae_bound),
    "reparameterised draw": (proves_sample_posterior, vae.VAE),
}


@pytest.mark.parametrize("name", LIBRARY_PROOFS)
def test_the_librarys_version_holds(name):
    proof, implementation = LIBRARY_PROOFS[name]
    proof(implementation)


def test_the_linear_vae_is_the_librarys_vae_with_linear_networks():
    space = lesson(*VAE_PARTS.split())
    ours, x, (A, a, logvar) = linear_vae(space)
    weight, b, variance, *_ = toy_model()
    z, image = keras.Input((2,)), keras.Input((2, 2, 1))
    flat = layers.Flatten()(image)
    mean, constant = layers.Dense(2), layers.Dense(2)
    encoder = keras.Model(image, [mean(flat), constant(flat)])
    decoder_layer = layers.Dense(4)
    theirs = vae.VAE(encoder, keras.Model(z, layers.Reshape((2, 2, 1))(decoder_layer(z))), "gaussian", seed=5)
    mean.set_weights([A, a])
    constant.set_weights([np.zeros((4, 2)), logvar])
    decoder_layer.set_weights([weight.T, b])
    theirs.logvar.assign(np.log(variance))
    x = np.clip(x, -1, 1).astype(np.float32)
    batches = tf.constant(x), tf.constant(x.reshape(-1, 2, 2, 1))
    found = [
        float(m.compute_loss(x=b, y_pred=m(b, training=True))) for m, b in zip((ours, theirs), batches, strict=True)
    ]
    assert found[0] == pytest.approx(found[1], rel=1e-5)


# --- and for no broken one -------------------------------------------------------------------------------------


def lesson_mutant(name, old, new):
    """Return a mutant of one of ``LESSON_PROOFS``."""
    proof, wanted, space = LESSON_PROOFS[name]
    return mutant(proof, wanted, old, new, **space)


def library_mutant(name, old, new, inside=None):
    """Return a mutant of one of ``LIBRARY_PROOFS``."""
    return Mutant(*LIBRARY_PROOFS[name], old, new, inside)


MUTANTS = {
    "log-density: half": lesson_mutant("log-density", "- 0.5 * ((", "- 1.0 * (("),
    "log-density: log std": lesson_mutant("log-density", "- np.log(std)", "- 0.5 * np.log(std)"),
    "second moment: variance not halved": lesson_mutant("relative second moment", "s**2 / 2)", "s**2)"),
    "second moment: factor of the square": lesson_mutant("relative second moment", "(2 * s *", "(s *"),
    "second moment: not relative": lesson_mutant("relative second moment", "np.exp(2 * log", "np.exp(log"),
    "tangent: slope not divided": lesson_mutant("Jensen by a tangent", "(y - m) / m", "(y - m)"),
    "tangent: sign": lesson_mutant("Jensen by a tangent", "- np.log(y)", "+ np.log(y)"),
    "tangent: base of the logarithm": lesson_mutant("Jensen by a tangent", "- np.log(y)", "- np.log2(y)"),
    "identity: gap in the wrong direction": lesson_mutant(
        "identity", "q * (log_q - log_posterior)", "np.exp(log_posterior) * dz * (log_posterior - log_q)"
    ),
    "identity: posterior variance": lesson_mutant("identity", "1 + W1**2 / S1**2", "W1**2 / S1**2"),
    "identity: posterior mean": lesson_mutant("identity", "V1 * W1 * X1 / S1**2", "V1 * X1 / S1**2"),
    "identity: evidence without the noise": lesson_mutant("identity", "np.sqrt(W1**2 + S1**2)", "np.sqrt(W1**2)"),
    "identity: prior left out": lesson_mutant("identity", " + log_normal(z_grid, 0, 1)", " + 0 * z_grid"),
    "ELBO: KL added": library_mutant("ELBO", "log_px_given_z - kl", "log_px_given_z + kl"),
    "ELBO: KL left out": library_mutant("ELBO", "log_px_given_z - kl", "log_px_given_z + 0 * kl"),
    "EM: codes taken as certain": lesson_mutant("EM", "np.sum(m**2 + v)", "np.sum(m**2)"),
    "EM: numerator": lesson_mutant("EM", "observed * m)", "observed**2)"),
    "EM: bound without the variance": lesson_mutant("EM", " + w**2 * v)", ")"),
    "KL 1-D: half": lesson_mutant("KL in one dimension", "(2 * std_p**2)", "std_p**2"),
    "KL 1-D: swapped logarithm": lesson_mutant("KL in one dimension", "std_p / std_q", "std_q / std_p"),
    "KL 1-D: constant": lesson_mutant("KL in one dimension", " - 0.5", ""),
    "KL diagonal: mean for sum": lesson_mutant("KL, diagonal", "np.sum", "np.mean"),
    "KL diagonal: axis": lesson_mutant("KL, diagonal", "axis=-1", "axis=0"),
    "KL diagonal: half": lesson_mutant("KL, diagonal", "0.5 * ", "1.0 * "),
    "KL diagonal: log std for log variance": lesson_mutant("KL, diagonal", "np.exp(logvar_q)", "np.exp(2 * logvar_q)"),
    "KL full: half": lesson_mutant("KL, full", "0.5 * (", "1.0 * ("),
    "KL full: sign of the determinants": lesson_mutant("KL, full", "+ log_dets", "- log_dets"),
    "KL full: trace in the wrong order": lesson_mutant("KL, full", "solve(cov_p, cov_q)", "solve(cov_q, cov_p)"),
    "KL full: dimension": lesson_mutant("KL, full", "- len(shift)", "- 1"),
    "library KL full: half": library_mutant("KL, full", "0.5 * (", "1.0 * ("),
    "library KL full: factor of the determinants": library_mutant("KL, full", "2 * np.sum(np.log", "1 * np.sum(np.log"),
    "library KL: half": library_mutant("KL to the standard normal", "0.5 * ", "1.0 * "),
    "library KL: mean over the latent axis": library_mutant("KL to the standard normal", "backend.sum", "backend.mean"),
    "library KL: log std": library_mutant(
        "KL to the standard normal", "backend.expm1(logvar)", "backend.expm1(2 * logvar)"
    ),
    "sampled KL: half": lesson_mutant("variance of a sampled KL", "0.5 * ", "1.0 * "),
    "sampled KL: std": lesson_mutant("variance of a sampled KL", "(std**2 - 1)", "(std - 1)"),
    "evidence: half": lesson_mutant("linear-Gaussian model", "return -0.5 * (len(W)", "return -1.0 * (len(W)"),
    "evidence: determinant": lesson_mutant("linear-Gaussian model", "- np.sum(np.log(np.diag(root)))", ""),
    "posterior: prior forgotten": lesson_mutant(
        "linear-Gaussian model", "np.eye(W.shape[1]) + W.T @ W", "0.001 * np.eye(W.shape[1]) + W.T @ W"
    ),
    "posterior: variance for its inverse": lesson_mutant(
        "linear-Gaussian model", "W.T @ W / variance", "W.T @ W * variance"
    ),
    "linear ELBO: decoder at the mean of q": lesson_mutant("linear-Gaussian model", " + np.trace(W.T @ W @ cov)", ""),
    "linear ELBO: half": lesson_mutant("linear-Gaussian model", "(2 * variance)\n", "variance\n"),
    "linear ELBO: KL swapped": lesson_mutant(
        "linear-Gaussian model", "kl_full(each, cov, zero, identity)", "kl_full(zero, identity, each, cov)"
    ),
    "pathwise: noise forgotten": lesson_mutant("reparameterised gradient", "slope * std * eps", "slope * std"),
    "pathwise: by std, not by its logarithm": lesson_mutant(
        "reparameterised gradient", "slope * std * eps", "slope * eps"
    ),
    "pathwise: variance for std": lesson_mutant(
        "reparameterised gradient", "df(mean + std * eps)", "df(mean + std**2 * eps)"
    ),
    "score: divided by the variance": lesson_mutant("score-function gradient", "eps / std", "eps / std**2"),
    "score: normalisation forgotten": lesson_mutant("score-function gradient", "eps**2 - 1", "eps**2"),
    "score: baseline outside": lesson_mutant(
        "score-function gradient", "(f(mean + std * eps) - baseline) * score", "f(mean + std * eps) * score - baseline"
    ),
    "baseline: mean of f": lesson_mutant(
        "best baseline", "np.mean(values * scores**2)", "np.mean(values) * np.mean(scores**2)"
    ),
    "baseline: score not squared": lesson_mutant("best baseline", "/ np.mean(scores**2)", "/ np.mean(scores)"),
    "score variance: sixth moment": lesson_mutant("variance of the score gradient", "15 *", "3 *"),
    "score variance: mean not subtracted": lesson_mutant("variance of the score gradient", " - 4 * a**2", ""),
    "dimension: rest not counted": lesson_mutant("variance and dimension", "k_mean**2 + rest_var", "k_mean**2"),
    "dimension: one too many": lesson_mutant("variance and dimension", "(d - 1) * (a**2", "d * (a**2"),
    "ELBO gradient: draw always cut": lesson_mutant("gradient of the ELBO", "if cut else z", "if True else z"),
    "ELBO gradient: draw never cut": lesson_mutant("gradient of the ELBO", "if cut else z", "if False else z"),
    "ELBO gradient: sampled KL exchanged": lesson_mutant(
        "gradient of the ELBO", "- 2 * log_std - 1)", "- log_std - 1)"
    ),
    "library draw: stopped gradient": library_mutant(
        "reparameterised draw",
        "return mean + tf.exp(0.5 * logvar)",
        "return tf.stop_gradient(mean) + tf.exp(0.5 * logvar)",
    ),
    "library draw: variance for std": library_mutant("reparameterised draw", "tf.exp(0.5 * logvar)", "tf.exp(logvar)"),
    "IWAE: mean of the logarithms": lesson_mutant(
        "IWAE bound", "np.log(np.mean(np.exp(log_w - largest), axis=-1))", "np.mean(log_w - largest, axis=-1)"
    ),
    "IWAE: sum for mean": lesson_mutant("IWAE bound", "np.mean(", "np.sum("),
    "IWAE: out of the logarithm": lesson_mutant(
        "IWAE bound", "log_w.max(axis=-1, keepdims=True)", "0 * log_w[..., :1]"
    ),
    "library IWAE: log k forgotten": library_mutant("IWAE bound", " - tf.math.log(k)", ""),
    "library IWAE: axis": library_mutant(
        "IWAE bound", "tf.reduce_logsumexp(log_weights, axis=axis)", "tf.reduce_logsumexp(log_weights, axis=0)"
    ),
    "IWAE rate: half": lesson_mutant("rate of the IWAE bound", "(2 * k)", "k"),
    "IWAE rate: square root": lesson_mutant("rate of the IWAE bound", "(2 * k)", "(2 * k**0.5)"),
    "ESS: not squared": lesson_mutant("effective sample size", ".sum(axis=-1) ** 2", ".sum(axis=-1)"),
    "ESS: shifted": lesson_mutant("effective sample size", "log_w - log_w.max(axis=-1, keepdims=True)", "log_w"),
    "curved: KL added": lesson_mutant("ELBO of the curved model", "- kl_1d(", "+ kl_1d("),
    "curved: nodes not scaled": lesson_mutant("ELBO of the curved model", "np.exp(log_std)[:, None] * nodes", "nodes"),
    "PCA: mean of the kept eigenvalues": lesson_mutant(
        "probabilistic PCA", "eigenvalues[d:].mean()", "eigenvalues[:d].mean() / 9"
    ),
    "PCA: sum of the discarded": lesson_mutant("probabilistic PCA", "eigenvalues[d:].mean()", "eigenvalues[d:].sum()"),
    "PCA: noise not subtracted": lesson_mutant("probabilistic PCA", "eigenvalues[:d] - variance", "eigenvalues[:d]"),
    "PCA: smallest directions": lesson_mutant("probabilistic PCA", "vectors[:, :d] *", "vectors[:, -d:] *"),
    "diagonal gap: half": lesson_mutant("gap of a diagonal q", "0.5 * ", "1.0 * "),
    "diagonal gap: sign": lesson_mutant("gap of a diagonal q", " - np.linalg", " + np.linalg"),
    "linear VAE: mean over pixels": lesson_mutant("linear VAE", "square = tf.reduce_sum", "square = tf.reduce_mean"),
    "linear VAE: KL averaged over the latent axis": lesson_mutant(
        "linear VAE", "kl = tf.reduce_sum", "kl = tf.reduce_mean"
    ),
    "linear VAE: variance for std": lesson_mutant("linear VAE", "tf.exp(self.logvar_z / 2)", "tf.exp(self.logvar_z)"),
    "linear VAE: draw cut off": lesson_mutant("linear VAE", "return z @ tf", "return tf.stop_gradient(z) @ tf"),
    "linear VAE: KL without its half": lesson_mutant("linear VAE", "+ 0.5 * kl", "+ kl"),
    "linear VAE: exact ELBO at the mean": lesson_mutant("linear VAE", " + np.sum(W**2 @ cov)", ""),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_proof_notices(name):
    with np.errstate(all="ignore"):  # a broken formula may well divide by zero
        MUTANTS[name].is_killed()
