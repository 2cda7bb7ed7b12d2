"""Every derivation of lesson 05 proved by a second way, and each proof tried on broken formulas."""

from typing import Any, NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf
from lesson_code import definitions
from mutation import LessonMutant, Mutant
from scipy import integrate, optimize, special, stats

from course_lib import divergences, gan, losses

LESSON = "05_gan_game"
LINE = np.linspace(-12, 12, 4801)
STEP = LINE[1] - LINE[0]
P = 0.5 * stats.norm(-2, 0.6).pdf(LINE) + 0.5 * stats.norm(1.5, 0.8).pdf(LINE)
Q = stats.norm(0.5, 1.5).pdf(LINE)
SPACE = {
    "__name__": "lesson",
    "np": np,
    "tf": tf,
    "keras": keras,
    "layers": keras.layers,
    "Any": Any,
    "NamedTuple": NamedTuple,
    "x_line": LINE,
    "dx": STEP,
    "log_p": np.log(P),
}
WANTED = {
    *("log_normal", "softplus", "sigmoid", "optimal_logit", "value", "shortfall", "jensen_shannon", "estimate_value"),
    *("discriminator_loss", "generator_loss", "saturating_loss", "slope", "pushes"),
    *("density_gradient", "step_gradient", "log_q_of", "log_mixture", "kl", "two_jsd"),
    *("arjovsky_bottou", "softened_reverse_kl", "FDivergence", "F_DIVERGENCES", "f_divergence", "dual_bound"),
    *("play", "flow", "bilinear", "radius", "HERMITE", "NODES", "WEIGHTS", "dirac_field", "dirac", "jacobian"),
    *("dirac_eigenvalues", "largest_step", "step_matrix", "spectral_radius"),
    *("momentum_factor", "momentum_law", "play_adam", "r1", "d_step", "g_step", "perceptron", "pulls"),
}


@pytest.fixture(scope="module")
def lesson():
    return definitions(LESSON, WANTED, SPACE)


def close(actual, expected, **tolerance):
    np.testing.assert_allclose(actual, expected, **tolerance)


# --- The game ----------------------------------------------------------------------------------


def proves_the_best_logit_is_the_log_density_ratio(lesson):
    for p, q in ((0.3, 0.7), (0.02, 0.5), (1.7, 0.1)):
        objective = lambda a, p=p, q=q: -p * special.log_expit(a) - q * special.log_expit(-a)  # noqa: E731
        close(lesson["optimal_logit"](np.log(p), np.log(q)), optimize.minimize_scalar(objective).x, atol=1e-4)


def proves_the_value_is_twice_the_jsd_minus_ln_4(lesson):
    best = lesson["optimal_logit"](np.log(P), np.log(Q))
    histogram = np.stack([P / P.sum(), Q / Q.sum()])
    close(lesson["jensen_shannon"](P, Q), divergences.js_discrete(*histogram), atol=1e-9)
    close(lesson["value"](best, P, Q), 2 * divergences.js_discrete(*histogram) - np.log(4), atol=1e-9)
    close(lesson["value"](0 * best, P, Q), -np.log(4), atol=1e-9)


def proves_the_jsd_is_the_information_about_the_label(js):
    """By the chain rule of entropies: I(x; Y) = H(Y) − Σ m(x) H(Y|x)."""
    p, q = np.random.default_rng(0).dirichlet(np.ones(9), 2)
    m = (p + q) / 2
    left = np.log(2) - np.sum(m * stats.entropy(np.stack([p, q]) / (p + q)))
    close(js(p, q), left, atol=1e-12)
    close(js(p, q), divergences.mutual_information(np.stack([p, q]) / 2), atol=1e-12)
    close(js([1.0, 0.0], [0.0, 1.0]), np.log(2))


def proves_what_another_discriminator_loses(lesson):
    best = np.log(P / Q)
    for other in (0.5 * best + 0.3, np.sin(LINE), 0 * LINE):
        lost = lesson["shortfall"](other, best, P, Q)
        by_coins = 0.0
        for truth, said in ((special.expit(best), special.expit(other)), (special.expit(-best), special.expit(-other))):
            by_coins += STEP * np.sum((P + Q) * special.rel_entr(truth, said))
        close(lost, by_coins, atol=1e-9)
        close(lost, lesson["value"](best, P, Q) - lesson["value"](other, P, Q), atol=1e-9)
        assert lost > 0


def proves_the_estimate_and_its_standard_error(lesson):
    rng = np.random.default_rng(0)
    real, fake = rng.normal(1.0, 2.0, (600, 100)), rng.normal(-0.5, 1.0, (600, 100))
    found = np.array([lesson["estimate_value"](r[:, None], f[:, None]) for r, f in zip(real, fake, strict=True)])
    exact = sum(
        stats.norm(*at).expect(lambda a, s=s: special.log_expit(s * a))
        for at, s in (((1.0, 2.0), 1), ((-0.5, 1.0), -1))
    )
    spread = found[:, 0].std(ddof=1)
    assert abs(found[:, 0].mean() - exact) < 5 * spread / np.sqrt(len(found)), "unbiased"
    close(found[:, 1].mean(), spread, rtol=0.1)


# --- What the generator minimises --------------------------------------------------------------


def _slope_of(loss, a):
    """N times the derivative by each logit, by central differences."""
    h = 1e-4 * np.eye(len(a))
    return len(a) * np.array([(loss((a + e)[:, None]) - loss((a - e)[:, None])) / 2e-4 for e in h])


def proves_the_losses_slopes(loss, expected, at_a_draw):
    a = np.array([np.log(0.01 / 0.99), -1.0, 0.0, 2.5])
    close(_slope_of(lambda x: float(loss(tf.constant(x))), a), expected(special.expit(a)), atol=1e-6)
    close(float(loss(tf.zeros((5, 1), tf.float64))), at_a_draw, atol=1e-9)


def proves_the_saturating_slope(loss_class):
    proves_the_losses_slopes(lambda a: loss_class().generator(a, a), lambda d: -d, -np.log(2))


def proves_the_non_saturating_slope(loss_class):
    proves_the_losses_slopes(lambda a: loss_class().generator(a, a), lambda d: -(1 - d), np.log(2))
    a = tf.constant([[np.log(0.01 / 0.99)]])
    ratio = _slope_of(lambda x: float(loss_class().generator(x, x)), a.numpy()[0]) / -0.01
    close(ratio, 99, rtol=1e-4)


def proves_the_other_generators_slopes(loss_class):
    """The derivative by a fake's logit a, beside a real logit r: where each loss pushes, and how hard."""
    expected = {
        "LeastSquares": lambda a, r: a - 1,
        "Hinge": lambda a, r: -np.ones_like(a),
        "Wasserstein": lambda a, r: -np.ones_like(a),
        "Relativistic": lambda a, r: -special.expit(r - a),
    }[loss_class.__name__]
    a, r = np.array([-2.0, 0.3, 1.7]), np.array([0.5, -1.0, 2.0])
    found = _slope_of(lambda x: float(loss_class().generator(tf.constant(r[:, None]), tf.constant(x))), a)
    close(found, expected(a, r), atol=1e-6)


def proves_the_lessons_losses(lesson):
    proves_the_losses_slopes(lesson["saturating_loss"], lambda d: -d, -np.log(2))
    proves_the_losses_slopes(lesson["generator_loss"], lambda d: -(1 - d), np.log(2))
    a, b = np.random.default_rng(0).normal(0, 3, (2, 40, 1))
    library = losses.GAN_LOSSES["non_saturating"]
    close(lesson["discriminator_loss"](tf.constant(a), tf.constant(b)), library.discriminator(a, b), rtol=1e-9)
    close(lesson["generator_loss"](tf.constant(b)), library.generator(a, b), rtol=1e-9)
    close(lesson["saturating_loss"](tf.constant(b)), losses.GAN_LOSSES["minimax"].generator(a, b), rtol=1e-9)
    assert abs(lesson["slope"](lesson["generator_loss"], b)[:, 0] + special.expit(-b[:, 0])).max() < 1e-9


def _density(theta):
    return stats.norm(theta[0], np.exp(theta[1])).pdf(LINE)


def _differences(function, theta):
    return np.array([(function(theta + e) - function(theta - e)) / 2e-5 for e in 1e-5 * np.eye(2)])


def proves_what_a_generator_step_descends(lesson):
    """Against divergences written from their definitions, differentiated numerically."""

    def jsd2(theta):
        q = _density(theta)
        m = (P + q) / 2
        return STEP * np.sum(special.rel_entr(P, m) + special.rel_entr(q, m))

    def kl_of_mixture(theta):
        m = (P + _density(theta)) / 2
        return 2 * STEP * np.sum(special.rel_entr(m, P))

    for theta in (np.array([0.5, np.log(1.5)]), np.array([-1.0, 0.2])):
        saturating = lesson["step_gradient"](lambda a: special.log_expit(-a), theta)
        non_saturating = lesson["step_gradient"](lambda a: -special.log_expit(a), theta)
        close(saturating, _differences(jsd2, theta), atol=1e-7)
        close(non_saturating, _differences(kl_of_mixture, theta), atol=1e-7)
        assert np.abs(saturating - non_saturating).max() > 0.02, "the popular claim is false"
        reverse = STEP * np.sum(special.rel_entr(_density(theta), P))
        close(lesson["two_jsd"](theta), jsd2(theta), atol=1e-9)
        close(lesson["arjovsky_bottou"](theta), reverse - jsd2(theta), atol=1e-9)
        close(lesson["softened_reverse_kl"](theta), reverse - jsd2(theta), atol=1e-9)


def proves_the_pushes_of_the_losses(lesson):
    """On five points: the best D by minimising the published loss, the divergences by finite differences."""
    rng = np.random.default_rng(0)
    p, q = rng.dirichlet(np.ones(5), 2)
    pushes = lesson["pushes"](q / p)
    direction = rng.normal(size=5)
    direction -= direction.mean()  # q stays a distribution

    def rate(divergence):
        return (divergence(q + 1e-6 * direction) - divergence(q - 1e-6 * direction)) / 2e-6

    close(direction @ pushes["saturating, log(1 − D)"], rate(lambda v: 2 * divergences.js_discrete(p, v)), rtol=1e-5)
    softened = rate(lambda v: 2 * divergences.kl_discrete((p + v) / 2, p))
    close(direction @ pushes["non-saturating, −log D"], softened, rtol=1e-5)
    for name, (fake, real, target) in (
        ("least squares, labels 0, 1, 1", (0, 1, 1)),
        ("least squares, labels −1, 1, 0", (-1, 1, 0)),
    ):
        best = [
            optimize.minimize_scalar(lambda d, a=a, b=b, r=real, f=fake: a * (d - r) ** 2 + b * (d - f) ** 2).x
            for a, b in zip(p, q, strict=True)
        ]
        close(pushes[name], 0.5 * (np.array(best) - target) ** 2, atol=1e-6)
    ratios = np.geomspace(1e-3, 1e3, 501)
    rising = [bool(np.all(np.diff(push) >= 0)) for push in lesson["pushes"](ratios).values()]
    assert rising == [True, True, True, False]


# --- f-divergences -----------------------------------------------------------------------------

DIRECT = {
    "KL(p‖q)": lambda p, q: special.rel_entr(p, q),
    "KL(q‖p)": lambda p, q: special.rel_entr(q, p),
    "GAN: 2 JSD": lambda p, q: special.rel_entr(p, (p + q) / 2) + special.rel_entr(q, (p + q) / 2),
    "Pearson χ²": lambda p, q: (p - q) ** 2 / q,
    "squared Hellinger": lambda p, q: (np.sqrt(p) - np.sqrt(q)) ** 2,
    "total variation": lambda p, q: 0.5 * np.abs(p - q),
}


def proves_the_f_divergences_and_their_duals(lesson):
    rng = np.random.default_rng(0)
    u = np.geomspace(1e-3, 1e3, 50_001)
    assert set(lesson["F_DIVERGENCES"]) == set(DIRECT)
    for name, row in lesson["F_DIVERGENCES"].items():
        assert row.f(1.0) == 0
        slopes = np.clip(row.slope(np.array([0.2, 0.7, 1.5, 4.0])), row.low, row.high)
        close([(u * t - row.f(u)).max() for t in slopes], row.conjugate(slopes), atol=1e-5, err_msg=name)
        exact = lesson["f_divergence"](row, P, Q)
        close(exact, STEP * np.sum(DIRECT[name](P, Q)), atol=1e-8, err_msg=name)
        close(lesson["dual_bound"](row, row.slope(P / Q), P, Q), exact, atol=1e-8, err_msg=name)
        for _ in range(10):
            wave = rng.normal(0, 0.5) * np.sin(LINE / 2 + rng.uniform(0, 6))
            assert lesson["dual_bound"](row, row.slope(P / Q * np.exp(wave)), P, Q) < exact, name


def proves_the_gan_is_the_dual_of_its_row(lesson):
    row = lesson["F_DIVERGENCES"]["GAN: 2 JSD"]
    for logit in (np.log(P / Q), np.sin(LINE), 0.3 * LINE):
        t = np.log(2 * special.expit(logit))
        close(lesson["dual_bound"](row, t, P, Q), lesson["value"](logit, P, Q) + np.log(4), atol=1e-8)


# --- Dynamics ----------------------------------------------------------------------------------


def proves_the_bilinear_orbits(lesson):
    play, flow, field = lesson["play"], lesson["flow"], lesson["bilinear"]
    for rate in (0.1, 0.5):
        outward = lesson["radius"](play(field, (0.6, -0.8), rate, 30, alternating=False))
        close(outward, (1 + rate**2) ** (np.arange(31) / 2), rtol=1e-9)
        theta, psi = play(field, (0.6, -0.8), rate, 500).T
        close(theta**2 - rate * theta * psi + psi**2, 1 + 0.48 * rate, rtol=1e-9)
        assert np.ptp(theta) > 1.5, "it moves"
    end = flow(field, (0.6, -0.8), np.pi / 2)[-1]
    close(end, integrate.solve_ivp(lambda t, s: field(*s), (0, 1.58), (0.6, -0.8), rtol=1e-10).y[:, -1], atol=1e-6)
    close(np.hypot(*end), 1, atol=1e-6)


def _directions(theta, psi, loss, gamma):
    """Minus the gradients of the library's losses, by automatic differentiation."""
    theta, psi = tf.Variable([[theta]], dtype=tf.float64), tf.Variable(psi, dtype=tf.float64)
    data = tf.zeros((1, 1), tf.float64)
    with tf.GradientTape(persistent=True) as tape:
        d = losses.GAN_LOSSES[loss].discriminator(psi * data, psi * theta)
        d += gamma / 2 * losses.r1_penalty(lambda x: psi * x, data)
        g = losses.GAN_LOSSES[loss].generator(psi * data, psi * theta)
    return -float(tape.gradient(g, theta)[0, 0]), -float(tape.gradient(d, psi))


def proves_the_dirac_field(lesson):
    field = lesson["dirac_field"]
    for name, library in (
        ("saturating", "minimax"),
        ("non_saturating", "non_saturating"),
        ("wasserstein", "wasserstein"),
    ):
        for theta, psi, gamma in ((0.7, -1.3, 0.0), (-2.0, -0.4, 0.8)):
            close(field(theta, psi, name, gamma), _directions(theta, psi, library, gamma), atol=1e-9)
    normal = stats.norm(0, 0.7)
    theta, psi = 0.9, -1.1
    push = normal.expect(lambda e: psi * special.expit(-psi * (theta + e)))
    turn = normal.expect(lambda e: e * special.expit(-psi * e) - (theta + e) * special.expit(psi * (theta + e)))
    close(field(theta, psi, "non_saturating", noise=0.7), (push, turn), atol=1e-6)
    gp = tf.Variable(psi, dtype=tf.float64)
    pair = tf.zeros((1, 1), tf.float64), tf.constant([[theta]], tf.float64)
    with tf.GradientTape() as tape:
        loss = losses.GAN_LOSSES["wasserstein"].discriminator(*(gp * x for x in pair))
        loss += 0.5 * losses.gradient_penalty(lambda x: gp * x, *pair, seed=0)
    close(field(theta, psi, "wasserstein", slope_penalty=0.5)[1], -float(tape.gradient(loss, gp)), atol=1e-9)


def proves_the_eigenvalues(lesson):
    """From trace and determinant of the Jacobian that the field itself has at the solution."""
    for gamma in (0.0, 0.3, 1.0, 2.5):
        for loss in ("saturating", "non_saturating"):
            j = lesson["jacobian"](lesson["dirac"](loss=loss, gamma=gamma))
            found = lesson["dirac_eigenvalues"](gamma)
            close(found.sum(), np.trace(j), atol=1e-6)
            close(found.prod(), np.linalg.det(j), atol=1e-6)
    close(lesson["dirac_eigenvalues"](0.0), [0.5j, -0.5j])
    assert lesson["dirac_eigenvalues"](0.99)[0].imag > 0.05
    assert abs(lesson["dirac_eigenvalues"](1.0)[0].imag) < 1e-9, "critical"


def proves_noise_is_friction(lesson):
    for noise in (0.3, 0.8):
        expected = [[0, 0.5], [-0.5, -(noise**2) / 2]]
        close(lesson["jacobian"](lesson["dirac"](noise=noise)), expected, atol=1e-6)
        close(lesson["jacobian"](lesson["dirac"](loss="non_saturating", noise=noise)), expected, atol=1e-6)


def proves_the_radius_far_from_the_solution(lesson):
    """Saturating: a circle. Non-saturating: 1/r² rises by 1/8 per unit of time. R1: r never rises, and decays."""
    flow, dirac, radius = lesson["flow"], lesson["dirac"], lesson["radius"]
    close(radius(flow(dirac(), (1.5, 0.5), 20, 0.05)), np.hypot(1.5, 0.5), atol=1e-5)
    inward = radius(flow(dirac(loss="non_saturating"), (0.4, 0.0), 400, 0.2)) ** -2.0
    close((inward[-1] - inward[1000]) / 200, 1 / 8, rtol=0.05)
    damped = radius(flow(dirac(gamma=0.4), (1.5, 0.5), 40, 0.05))
    assert np.diff(damped).max() < 1e-9
    assert damped[-1] < 1.5 * np.hypot(1.5, 0.5) * np.exp(-0.15 * 40)


def proves_the_gradient_penalty_of_slope_one_does_not_converge(lesson):
    path = lesson["flow"](lesson["dirac"](loss="wasserstein", slope_penalty=0.5), (0.2, 0.1), 120, 0.05)
    assert lesson["radius"](path)[1500:].min() > 0.5
    for psi in (0.01, -0.01):
        away = lesson["dirac_field"](0.2, psi, "wasserstein", slope_penalty=0.5)[1]
        assert away * psi > 0, "pushed away from the flat discriminator"


def _played_matrix(lesson, gamma, rate, alternating):
    """One step as a matrix, by playing it from two tiny starts."""
    field = lesson["dirac"](gamma=gamma)
    return np.array([lesson["play"](field, s, rate, 1, alternating)[1] for s in 1e-6 * np.eye(2)]).T / 1e-6


def proves_the_step_limits(lesson):
    for gamma in (0.1, 0.6, 1.0, 1.7):
        for alternating in (False, True):

            def excess(rate, gamma=gamma, alternating=alternating):
                return np.abs(np.linalg.eigvals(_played_matrix(lesson, gamma, rate, alternating))).max() - 1

            limit = lesson["largest_step"](gamma, alternating)
            close(limit, optimize.brentq(excess, 0.05, 4.9), rtol=1e-4)
            matrix = lesson["step_matrix"](0.7, gamma, alternating)
            close(matrix, _played_matrix(lesson, gamma, 0.7, alternating), atol=1e-5)
            close(lesson["spectral_radius"](matrix), np.abs(np.linalg.eigvals(matrix)).max())


def proves_the_momentum_laws(lesson):
    """Against the matrix of (θ, ψ, last steps), and a played game."""
    for beta in (-0.5, 0.0, 0.4, 0.9):
        for alternating in (False, True):
            h = 0.05
            psi_row = np.array([-h, 1, 0, beta])  # new ψ from (θ, ψ, θ's last step, ψ's last step)
            theta_row = np.array([1, 0, beta, 0]) + h * (psi_row if alternating else np.array([0, 1, 0, 0]))
            now = np.eye(4)[:2]
            matrix = np.stack([theta_row, psi_row, theta_row - now[0], psi_row - now[1]])
            factor = np.abs(np.linalg.eigvals(matrix)).max()
            close(lesson["momentum_factor"](beta, h, alternating), factor, atol=1e-6)
            path = lesson["play"](lesson["bilinear"], (1.0, 0.5), h, 5, alternating, beta)
            state = np.array([*path[3], *(path[3] - path[2])])
            close((matrix @ state)[:2], path[4], atol=1e-9)
            small = 1e-4
            # At h = 1e-4 the roots are known to about the square root of the machine's precision over the gap 2h.
            exact = lesson["momentum_factor"](beta, small * 10, alternating) - 1
            close(lesson["momentum_law"](beta, small * 10, alternating) - 1, exact, rtol=0.05, atol=3e-9)
    assert lesson["momentum_law"](-0.3, 0.01) < 1 < lesson["momentum_law"](0.3, 0.01)


def proves_adam_is_keras_adam(lesson):
    field = lesson["dirac"](loss="non_saturating", gamma=0.3)
    path = lesson["play_adam"](field, (1.0, 1.0), 0.05, 12, beta_1=0.6)
    theta, psi = tf.Variable(1.0), tf.Variable(1.0)
    optimizers = [keras.optimizers.Adam(0.05, 0.6, 0.99) for _ in range(2)]
    for expected in path[1:]:
        optimizers[1].apply([tf.constant(-field(float(theta), float(psi))[1], tf.float32)], [psi])
        optimizers[0].apply([tf.constant(-field(float(theta), float(psi))[0], tf.float32)], [theta])
        close([float(theta), float(psi)], expected, atol=1e-4)


# --- The loop ----------------------------------------------------------------------------------

QUADRATIC = np.array([[1.5, 0.4], [0.4, -0.7]], np.float32)
LINEAR = np.array([0.3, -1.0], np.float32)


def _quadratic_critic(x):
    """a(x) = ½ xᵀAx + bᵀx, with the gradient Ax + b."""
    return (0.5 * tf.reduce_sum((x @ QUADRATIC) * x, axis=1) + tf.linalg.matvec(x, LINEAR))[:, None]


def proves_r1_of_a_quadratic_critic(r1):
    x = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
    expected = np.mean(np.sum((x @ QUADRATIC + LINEAR) ** 2, axis=1))
    close(float(r1(_quadratic_critic, tf.constant(x))), expected, rtol=1e-5)


def proves_the_arrows(lesson):
    z = tf.constant(np.random.default_rng(0).normal(size=(6, 2)), tf.float32)
    x, pull = lesson["pulls"](lambda z: 2 * z + 1, lambda x: _quadratic_critic(x), z)
    close(x, 2 * z + 1)
    weight = 1 - special.expit(_quadratic_critic(tf.constant(x)).numpy())
    close(pull, weight * (x @ QUADRATIC + LINEAR), atol=1e-5)


def proves_the_loop_is_the_librarys(lesson):
    keras.utils.set_random_seed(0)
    mine = lesson["perceptron"](2, 2, 16), lesson["perceptron"](2, 1, 16)
    theirs = tuple(keras.models.clone_model(network) for network in mine)
    for a, b in zip(mine, theirs, strict=True):
        b.set_weights(a.get_weights())
    real = tf.random.stateless_normal((32, 2), (1, 2))
    # Plain gradient descent: Adam's first step has the same size whatever the gradient's.
    g_optimizer, d_optimizer, *other = (keras.optimizers.SGD(0.1) for _ in range(4))
    codes = keras.random.SeedGenerator(3)
    loss_d = lesson["d_step"](*mine, d_optimizer, real, keras.random.normal((32, 2), seed=codes), 0.7)
    loss_g = lesson["g_step"](*mine, g_optimizer, keras.random.normal((32, 2), seed=codes))
    library = gan.GAN(*theirs, penalty="r1", penalty_weight=0.35, ema=None, seed=3)
    library.compile(*other)
    logs = library.train_step(real)
    close([float(loss_d), float(loss_g)], [float(logs["d_loss"]), float(logs["g_loss"])], rtol=1e-5)
    for ours, other in zip(mine, theirs, strict=True):
        for a, b in zip(ours.get_weights(), other.get_weights(), strict=True):
            close(a, b, atol=1e-5)


# --- The proofs hold ---------------------------------------------------------------------------

LESSON_PROOFS = [
    proves_the_best_logit_is_the_log_density_ratio,
    proves_the_value_is_twice_the_jsd_minus_ln_4,
    proves_what_another_discriminator_loses,
    proves_the_estimate_and_its_standard_error,
    proves_the_lessons_losses,
    proves_what_a_generator_step_descends,
    proves_the_pushes_of_the_losses,
    proves_the_f_divergences_and_their_duals,
    proves_the_gan_is_the_dual_of_its_row,
    proves_the_bilinear_orbits,
    proves_the_dirac_field,
    proves_the_eigenvalues,
    proves_noise_is_friction,
    proves_the_radius_far_from_the_solution,
    proves_the_gradient_penalty_of_slope_one_does_not_converge,
    proves_the_step_limits,
    proves_the_momentum_laws,
    proves_adam_is_keras_adam,
    proves_the_arrows,
    proves_the_loop_is_the_librarys,
]


@pytest.mark.parametrize("proof", LESSON_PROOFS, ids=lambda proof: proof.__name__)
def test_the_lesson(proof, lesson):
    proof(lesson)


def test_the_library(lesson):
    proves_the_jsd_is_the_information_about_the_label(divergences.js_discrete)
    proves_the_saturating_slope(losses.Minimax)
    proves_the_non_saturating_slope(losses.NonSaturating)
    for loss_class in (losses.LeastSquares, losses.Hinge, losses.Wasserstein, losses.Relativistic):
        proves_the_other_generators_slopes(loss_class)
    for r1 in (losses.r1_penalty, lesson["r1"]):
        proves_r1_of_a_quadratic_critic(r1)


# --- ... and notice a broken formula -----------------------------------------------------------


def _proves_the_lessons_r1(lesson):
    proves_r1_of_a_quadratic_critic(lesson["r1"])


def _broken(proof, old, new):
    return LessonMutant(proof, LESSON, WANTED, SPACE, old, new)


MUTANTS = {
    "logit of q over p": _broken(
        proves_the_best_logit_is_the_log_density_ratio, "return log_p - log_q", "return log_q - log_p"
    ),
    "logit of D against one half only": _broken(
        proves_the_best_logit_is_the_log_density_ratio, "return log_p - log_q", "return log_p"
    ),
    "value with swapped labels": _broken(
        proves_the_value_is_twice_the_jsd_minus_ln_4,
        "p * softplus(-logit) + q * softplus(logit)",
        "q * softplus(-logit) + p * softplus(logit)",
    ),
    "JSD without its half": _broken(
        proves_the_value_is_twice_the_jsd_minus_ln_4,
        "return 0.5 * np.sum(p * np.log(p / m)",
        "return np.sum(p * np.log(p / m)",
    ),
    "JSD against the sum, not the mean": _broken(
        proves_the_value_is_twice_the_jsd_minus_ln_4,
        "m = (p + q) / 2\n    return 0.5",
        "m = p + q\n    return 0.5",
    ),
    "library: JSD without its half": Mutant(
        proves_the_jsd_is_the_information_about_the_label, divergences.js_discrete, "0.5 * (", "1.0 * ("
    ),
    "library: JSD is one KL": Mutant(
        proves_the_jsd_is_the_information_about_the_label,
        divergences.js_discrete,
        "rel_entr(q, middle)",
        "rel_entr(p, middle)",
    ),
    "shortfall weighted by the mixture": _broken(
        proves_what_another_discriminator_loses,
        "np.sum((p + q) * (right + wrong))",
        "np.sum((p + q) / 2 * (right + wrong))",
    ),
    "shortfall with one face of the coin": _broken(
        proves_what_another_discriminator_loses, "(p + q) * (right + wrong)", "(p + q) * right"
    ),
    "shortfall: the wrong coin weighs": _broken(
        proves_what_another_discriminator_loses, "wrong = sigmoid(-best)", "wrong = sigmoid(-logit)"
    ),
    "estimate: standard deviation for standard error": _broken(
        proves_the_estimate_and_its_standard_error, "t.var(ddof=1) / t.size", "t.var(ddof=1)"
    ),
    "estimate: error of one average only": _broken(
        proves_the_estimate_and_its_standard_error, "for t in terms))", "for t in terms[:1]))"
    ),
    "estimate: sign of the real logits": _broken(
        proves_the_estimate_and_its_standard_error, "-softplus(-np.asarray(real", "-softplus(np.asarray(real"
    ),
    "library: saturating sign": Mutant(
        proves_the_saturating_slope,
        losses.Minimax,
        "return -_softplus_mean(fake_logits)",
        "return _softplus_mean(fake_logits)",
    ),
    "library: saturating and non-saturating confused": Mutant(
        proves_the_saturating_slope,
        losses.Minimax,
        "return -_softplus_mean(fake_logits)",
        "return _softplus_mean(-fake_logits)",
    ),
    "library: non-saturating sign": Mutant(
        proves_the_non_saturating_slope,
        losses.NonSaturating,
        "_softplus_mean(-fake_logits)",
        "_softplus_mean(fake_logits)",
    ),
    "library: non-saturating on real logits halved": Mutant(
        proves_the_non_saturating_slope,
        losses.NonSaturating,
        "_softplus_mean(-fake_logits)",
        "0.5 * _softplus_mean(-fake_logits)",
    ),
    "library: least squares without its half": Mutant(
        proves_the_other_generators_slopes,
        losses.LeastSquares,
        "0.5 * tf.reduce_mean(tf.square(fake_logits - 1))",
        "tf.reduce_mean(tf.square(fake_logits - 1))",
    ),
    "library: relativistic comparison turned round": Mutant(
        proves_the_other_generators_slopes,
        losses.Relativistic,
        "_softplus_mean(real_logits - fake_logits)",
        "_softplus_mean(fake_logits - real_logits)",
    ),
    "generator loss: sum for mean": _broken(
        proves_the_lessons_losses,
        "return tf.reduce_mean(tf.nn.softplus(-fake_logits))",
        "return tf.reduce_sum(tf.nn.softplus(-fake_logits))",
    ),
    "discriminator loss: labels swapped": _broken(
        proves_the_lessons_losses, "tf.nn.softplus(-real_logits)", "tf.nn.softplus(real_logits)"
    ),
    "score of a Gaussian by log σ": _broken(proves_what_a_generator_step_descends, "t**2 - 1", "t**2"),
    "D moves with G": _broken(
        proves_what_a_generator_step_descends,
        "return np.sum(density_gradient(theta) * loss_of_logit(best), axis=1) * dx",
        "return np.sum(density_gradient(theta) * (loss_of_logit(best) - 1 / (1 + np.exp(-best))), axis=1) * dx",
    ),
    "softened KL without its two": _broken(
        proves_what_a_generator_step_descends, "return 2 * kl(log_mixture", "return kl(log_mixture"
    ),
    "softened KL the other way round": _broken(
        proves_what_a_generator_step_descends, "kl(log_mixture(theta), log_p)", "kl(log_p, log_mixture(theta))"
    ),
    "Arjovsky and Bottou's sign": _broken(
        proves_what_a_generator_step_descends, "log_p) - two_jsd(theta)", "log_p) + two_jsd(theta)"
    ),
    "Arjovsky and Bottou with one JSD": _broken(
        proves_what_a_generator_step_descends, "- two_jsd(theta)", "- two_jsd(theta) / 2"
    ),
    "D* as the share of fakes": _broken(proves_the_pushes_of_the_losses, "best = 1 / (1 + u)", "best = u / (1 + u)"),
    "least squares towards the wrong label": _broken(
        proves_the_pushes_of_the_losses, "0.5 * (best - 1) ** 2", "0.5 * best ** 2"
    ),
    "least squares: the middle label missed": _broken(
        proves_the_pushes_of_the_losses, "(2 * best - 1) ** 2", "(2 * best - 2) ** 2"
    ),
    "conjugate of KL": _broken(proves_the_f_divergences_and_their_duals, "np.exp(t - 1)", "np.exp(t)"),
    "conjugate of the reverse KL": _broken(
        proves_the_f_divergences_and_their_duals, "-1 - np.log(-t)", "1 - np.log(-t)"
    ),
    "conjugate of Pearson": _broken(proves_the_f_divergences_and_their_duals, "t + t**2 / 4", "t + t**2 / 2"),
    "conjugate of Hellinger": _broken(proves_the_f_divergences_and_their_duals, "t / (1 - t)", "t / (1 + t)"),
    "T of Hellinger": _broken(
        proves_the_f_divergences_and_their_duals, "lambda u: 1 - 1 / np.sqrt(u)", "lambda u: 1 - 1 / u"
    ),
    "T of total variation without its half": _broken(
        proves_the_f_divergences_and_their_duals, "0.5 * np.sign(u - 1)", "np.sign(u - 1)"
    ),
    "f of the GAN without ln 2": _broken(
        proves_the_f_divergences_and_their_duals, "(1 + u) * np.log((1 + u) / 2)", "(1 + u) * np.log(1 + u)"
    ),
    "ratio upside down": _broken(proves_the_f_divergences_and_their_duals, "q * row.f(p / q)", "q * row.f(q / p)"),
    "bound with swapped samples": _broken(
        proves_the_f_divergences_and_their_duals, "p * t - q * row.conjugate(t)", "q * t - p * row.conjugate(t)"
    ),
    "conjugate of the GAN": _broken(
        proves_the_gan_is_the_dual_of_its_row, "-np.log(2 - np.exp(t))", "-np.log(1 - np.exp(t) / 2)"
    ),
    "bound without the conjugate": _broken(
        proves_the_gan_is_the_dual_of_its_row, "p * t - q * row.conjugate(t)", "p * t - q * t"
    ),
    "alternating steps that are simultaneous": _broken(
        proves_the_bilinear_orbits, "field(theta, new_psi)", "field(theta, psi)"
    ),
    "both players descend V": _broken(proves_the_bilinear_orbits, "return psi, -theta", "return psi, theta"),
    "Runge-Kutta with equal weights": _broken(
        proves_the_bilinear_orbits, "(k1 + 2 * k2 + 2 * k3 + k4)", "1.5 * (k1 + k2 + k3 + k4)"
    ),
    "Dirac: D meets its own sign": _broken(
        proves_the_dirac_field, "d_psi = -theta * sigmoid(psi * theta)", "d_psi = -theta * sigmoid(-psi * theta)"
    ),
    "Dirac: R1 with γ/2": _broken(proves_the_dirac_field, "- gamma * psi", "- gamma / 2 * psi"),
    "Dirac: the losses confused": _broken(
        proves_the_dirac_field,
        'psi * sigmoid(psi * theta if loss == "saturating" else -psi * theta)',
        'psi * sigmoid(-psi * theta if loss == "saturating" else psi * theta)',
    ),
    "Dirac: gradient penalty without its two": _broken(
        proves_the_dirac_field, "- 2 * slope_penalty", "- slope_penalty"
    ),
    "eigenvalues: σ(0) squared forgotten": _broken(
        proves_the_eigenvalues, "complex(gamma**2 / 4 - 1 / 4)", "complex(gamma**2 / 4 - 1 / 2)"
    ),
    "eigenvalues: the whole γ": _broken(
        proves_the_eigenvalues, "[-gamma / 2 + root, -gamma / 2 - root]", "[-gamma + root, -gamma - root]"
    ),
    "noise: variance for standard deviation": _broken(
        proves_noise_is_friction, "eps = noise * NODES", "eps = noise**2 * NODES"
    ),
    "noise on the fakes only": _broken(proves_noise_is_friction, "(eps * sigmoid(-real)) @ WEIGHTS -", "0.0 -"),
    "radius: friction on the wrong player": _broken(
        proves_the_radius_far_from_the_solution, "- gamma * psi", "- gamma * theta"
    ),
    "radius: friction that drives": _broken(proves_the_radius_far_from_the_solution, "- gamma * psi", "+ gamma * psi"),
    "radius: a non-saturating loss that saturates": _broken(
        proves_the_radius_far_from_the_solution,
        'if loss == "saturating" else -psi * theta',
        "if True else -psi * theta",
    ),
    "penalty centred at 0": _broken(
        proves_the_gradient_penalty_of_slope_one_does_not_converge, "(np.abs(psi) - 1)", "np.abs(psi)"
    ),
    "penalty with the wrong sign": _broken(
        proves_the_gradient_penalty_of_slope_one_does_not_converge, "- 2 * slope_penalty", "+ 2 * slope_penalty"
    ),
    "simultaneous limit halved": _broken(proves_the_step_limits, "return 4 * gamma", "return 2 * gamma"),
    "alternating limit: sign": _broken(
        proves_the_step_limits, "np.sqrt(1 + gamma**2) - gamma", "np.sqrt(1 + gamma**2) - gamma / 2"
    ),
    "limit of real eigenvalues: the slower root": _broken(
        proves_the_step_limits, "(gamma / 2 + np.sqrt(gamma**2 / 4", "(gamma / 2 - np.sqrt(gamma**2 / 4"
    ),
    "step matrix: D's friction forgotten": _broken(
        proves_the_step_limits, "[[1 - half**2, half * keep], [-half, keep]]", "[[1 - half**2, half], [-half, keep]]"
    ),
    "momentum: exponent of simultaneous steps": _broken(
        proves_the_momentum_laws, "[1, 0, 0, 0] if alternating", "[1, 0, 0] if alternating"
    ),
    "momentum: its sign": _broken(proves_the_momentum_laws, "(beta if alternating", "(-beta if alternating"),
    "momentum: power of 1 − β": _broken(proves_the_momentum_laws, "/ (1 - beta) ** 3", "/ (1 - beta) ** 2"),
    "momentum: damped twice": _broken(
        proves_the_momentum_laws, "momentum * psi_speed + psi_push", "momentum * psi_speed + (1 - momentum) * psi_push"
    ),
    "Adam without bias correction": _broken(
        proves_adam_is_keras_adam, "mean[player] / (1 - beta_1**t)", "mean[player]"
    ),
    "Adam: simultaneous": _broken(
        proves_adam_is_keras_adam, "push = field(*at)[player]", "push = field(*path[-1])[player]"
    ),
    "arrows point downhill": _broken(proves_the_arrows, "x.numpy(), -tape.gradient", "x.numpy(), tape.gradient"),
    "arrows of the saturating loss": _broken(
        proves_the_arrows,
        "total = tf.reduce_sum(tf.nn.softplus(-discriminator(x)))",
        "total = -tf.reduce_sum(tf.nn.softplus(discriminator(x)))",
    ),
    "R1: the slope, not its square": _broken(
        _proves_the_lessons_r1, "tape.gradient(total, x) ** 2", "tape.gradient(total, x)"
    ),
    "R1: mean over coordinates": _broken(
        _proves_the_lessons_r1,
        "tf.reduce_mean(tf.reduce_sum(tape.gradient(total, x) ** 2, axis=1))",
        "tf.reduce_mean(tape.gradient(total, x) ** 2)",
    ),
    "library: R1 of the batch's mean": Mutant(
        proves_r1_of_a_quadratic_critic,
        losses.r1_penalty,
        "tf.reduce_sum(critic(x))",
        "tf.reduce_mean(critic(x))",
        losses._squared_input_gradient,
    ),
    "library: R1 summed over the batch": Mutant(
        proves_r1_of_a_quadratic_critic, losses.r1_penalty, "tf.reduce_mean(", "tf.reduce_sum("
    ),
    "loop: penalty with γ": _broken(proves_the_loop_is_the_librarys, "gamma / 2 * r1", "gamma * r1"),
    "loop: G's step moves D": _broken(
        proves_the_loop_is_the_librarys,
        "weights = generator.trainable_variables",
        "weights = discriminator.trainable_variables",
    ),
    "loop: D climbs": _broken(proves_the_loop_is_the_librarys, "total = loss + gamma", "total = -loss + gamma"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_proof_notices(name):
    MUTANTS[name].is_killed()
