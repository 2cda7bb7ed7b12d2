"""Every derivation of lesson 15 against something independent of it, and mutants that its proof must notice."""

import html.parser
import io
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from lesson_code import definitions
from mutation import LessonMutant, Mutant
from PIL import Image
from scipy import integrate, stats

from course_lib import diffusion, provenance

LESSON = "15_diffusion_and_gallery"
SPACE = {"np": np, "tf": tf, "keras": keras, "layers": layers, "math": math, "io": io, "Image": Image, "html": html}
MEANS = np.array([[2.0, 0.0], [-1.0, 1.5], [0.0, -2.0]])


def lesson(*names):
    """Return the lesson's definitions of these names."""
    return definitions(LESSON, set(names), SPACE)


def mixture_density(x, t, means, std):
    """Density (N,) of x_t for an equal mixture of round Gaussians."""
    variance = (1 - t) ** 2 + t**2 * std**2
    squares = np.sum((x[:, None] - t * means) ** 2, axis=-1)
    return np.mean(np.exp(-squares / 2 / variance), axis=1) / (2 * np.pi * variance) ** (means.shape[1] / 2)


# --- The velocity --------------------------------------------------------------------------------


def proves_the_velocity_carries_the_density(velocity):
    """∂p/∂t + div(p u) = 0, by finite differences of the density, and the ends of time."""
    rng = np.random.default_rng(0)
    x, h = rng.normal(size=(40, 2)), 1e-4
    for std in (0.3, 0.8):
        for t in (0.2, 0.5, 0.8):
            change = (mixture_density(x, t + h, MEANS, std) - mixture_density(x, t - h, MEANS, std)) / (2 * h)
            flux = np.zeros(len(x))
            for axis in np.eye(2):
                ahead, behind = (
                    mixture_density(y, t, MEANS, std) * (velocity(y, t, MEANS, std) @ axis)
                    for y in (x + h * axis, x - h * axis)
                )
                flux += (ahead - behind) / (2 * h)
            assert np.allclose(change, -flux, atol=1e-6)
        assert np.allclose(velocity(x, 0.0, MEANS, std), MEANS.mean(0) - x)
        assert np.allclose(velocity(x, 1.0, MEANS, std), x)


def proves_the_velocity_is_a_conditional_mean(velocity):
    """On a line, by integrating over the data given x_t."""
    means, std, t = np.array([[1.0], [-0.5]]), 0.4, 0.35

    def weight(y, x):  # density of the data at y times that of the noise that leads to x
        return np.mean(stats.norm.pdf(y, means[:, 0], std)) * stats.norm.pdf((x - t * y) / (1 - t))

    for x in (-0.7, 0.2, 1.1):
        total = integrate.quad(weight, -4, 5, args=(x,))[0]
        mean = integrate.quad(lambda y, x=x: weight(y, x) * (y - (x - t * y) / (1 - t)), -4, 5)[0] / total
        assert np.isclose(velocity(np.array([[x]]), t, means, std)[0, 0], mean, rtol=1e-6)


def velocity_of(code):
    proves_the_velocity_carries_the_density(code["exact_velocity"])
    proves_the_velocity_is_a_conditional_mean(code["exact_velocity"])


def velocity_in_library(mixture_velocity):
    proves_the_velocity_carries_the_density(mixture_velocity)
    proves_the_velocity_is_a_conditional_mean(mixture_velocity)


def proves_the_flow_of_a_training_set_copies(code):
    rng = np.random.default_rng(1)
    bank = rng.uniform(-1, 1, (12, 6))
    ends = code["copying_flow"](rng.normal(size=(200, 6)), bank, 200)
    gaps = np.linalg.norm(ends[:, None] - bank, axis=-1)
    assert np.quantile(gaps.min(axis=1), 0.9) < 1e-3
    assert len(set(gaps.argmin(axis=1))) == 12, "all of them"


def proves_the_sliced_distance(code):
    """Zero for one set in another order; for a shift by v it is the mean of |v·axis|, which is 2|v|/π."""
    rng = np.random.default_rng(2)
    x, shift = rng.normal(size=(300, 2)), np.array([0.6, -0.8])
    distance = code["sliced_distance"]
    assert distance(x, x[::-1]) < 1e-12
    assert np.isclose(distance(x, x + 3 * shift), 6 / np.pi, rtol=2e-3)
    assert np.isclose(distance(x, 2 * x), distance(2 * x, x))


# --- The loss ------------------------------------------------------------------------------------


def proves_the_least_loss(code):
    """Quadrature over time, and the residual of an exact regression at one time."""
    least = code["gaussian_loss"]
    for variances in ([1.0], [4.0, 0.25], [0.01, 9.0, 2.0]):
        v = np.array(variances)
        exact = [integrate.quad(lambda t, v=v: v / ((1 - t) ** 2 + t**2 * v), 0, 1)[0] for v in variances]
        assert np.isclose(least(v), np.mean(exact))
        for t in (0.1, 0.6, 0.9):
            joint_cov, spread = t * v - (1 - t), (1 - t) ** 2 + t**2 * v
            assert np.isclose(least(v, t), np.mean(1 + v - joint_cov**2 / spread))
    assert np.isclose(least(np.ones(5)), np.pi / 2)


def proves_the_loss(code):
    """Against the library on pictures, at given noise and times; and 0 for a network that knows the line."""
    rng = np.random.default_rng(3)
    x, x_0 = rng.normal(size=(2, 6, 4, 4, 1)).astype(np.float32)
    t = rng.uniform(size=6).astype(np.float32)
    image, time = keras.Input((4, 4, 1)), keras.Input(())
    scaled = layers.Multiply()([image, layers.Reshape((1, 1, 1))(time)])
    network = keras.Model([image, time], layers.Conv2D(1, 3, padding="same", kernel_initializer="normal")(scaled))
    model = diffusion.FlowMatching(network, ema=None)
    got = float(code["flow_loss"](network, tf.constant(x), tf.constant(x_0), tf.constant(t)))
    assert np.isclose(got, float(np.mean(model.flow_loss(*map(tf.constant, (x, x_0, t))))), rtol=1e-5)
    moment = t[:, None, None, None]

    def knowing(inputs):
        assert np.allclose(inputs[0], (1 - moment) * x_0 + moment * x, atol=1e-6)
        return tf.constant(x - x_0)

    assert float(code["flow_loss"](knowing, tf.constant(x), tf.constant(x_0), tf.constant(t))) < 1e-12


def proves_a_training_step(code):
    """One step of SGD moves a constant velocity against the gradient of the loss: by 2 · rate · the mean of x − x_0."""
    x, time = keras.Input((2,)), keras.Input(())
    constant = layers.Dense(2, kernel_initializer="zeros")(layers.Rescaling(0.0)(x))
    network = keras.Model([x, time], constant)
    points, noise = np.random.default_rng(4).normal(size=(2, 8, 2)).astype(np.float32)
    step = code["trainer"](network, keras.optimizers.SGD(0.1))
    loss = float(step(tf.constant(points), tf.constant(noise)))
    assert np.isclose(loss, np.mean((points - noise) ** 2), rtol=1e-5)
    moved = np.asarray(network([np.zeros((1, 2), np.float32), np.zeros(1, np.float32)]))[0]
    assert np.allclose(moved, 0.1 * (points - noise).mean(axis=0), atol=1e-6)  # a mean over the two coordinates, too


# --- Steps ---------------------------------------------------------------------------------------


def swirl(x, t):
    return np.stack([-x[:, 1], x[:, 0]], axis=1) * (1 + t) + 0.3


def proves_the_solvers(code):
    """The library's, the order on a turn whose end is known, and the two facts about one step."""
    x = np.random.default_rng(5).normal(size=(7, 2))
    for name in ("euler", "heun"):
        for n in (1, 3, 8):
            assert np.allclose(code[name](swirl, x, n), diffusion.integrate(swirl, x, n, name))

    def turn(x, t):  # by the angle ∫(1 + t) dt = 1.5
        return np.stack([-x[:, 1], x[:, 0]], axis=1) * (1 + t)

    end = x @ np.array([[np.cos(1.5), np.sin(1.5)], [-np.sin(1.5), np.cos(1.5)]])
    for name, order in (("euler", 1), ("heun", 2)):
        error = [np.abs(code[name](turn, x, n) - end).max() for n in (64, 128)]
        assert np.isclose(np.log2(error[0] / error[1]), order, atol=0.1)
    mean = MEANS.mean(0)

    def velocity(x, t):
        return diffusion.mixture_velocity(x, t, MEANS, 0.4)

    assert np.allclose(code["euler"](velocity, x, 1), mean)
    assert np.allclose(code["heun"](velocity, x, 1), mean + x / 2)


def proves_the_spread_of_few_steps(code):
    x = np.random.default_rng(6).normal(size=(500, 1))
    for std in (0.2, 0.5, 1.0, 2.0):
        for n in (1, 2, 5, 16):
            ends = diffusion.integrate(
                lambda x, t, std=std: diffusion.gaussian_velocity(x, t, [1.5], [[std**2]]), x, n, "euler"
            )
            assert np.isclose(code["euler_std"](n, std), ends.std() / x.std())
        assert np.isclose(code["euler_std"](20_000, std), std, rtol=1e-3)


# --- DDPM ----------------------------------------------------------------------------------------

BETAS = np.array([0.05, 0.1, 0.3, 0.2, 0.4])
BARS = np.concatenate([[1.0], np.cumprod(1 - BETAS)])


def gaussian_given(cov, which, given):
    """Return the regression weights of one variable on others, and its residual variance."""
    part = cov[np.ix_(given, given)]
    weights = np.linalg.solve(part, cov[given, which])
    return weights, cov[which, which] - weights @ cov[given, which]


def chain(variance):
    """Covariance of (x, x_1 ... x_T) of the forward chain from data of this variance, built step by step."""
    factor = np.zeros((len(BETAS) + 1, len(BETAS) + 1))  # row k: x_k as a sum of independent standard normals
    factor[0, 0] = np.sqrt(variance)
    for k, beta in enumerate(BETAS, 1):
        factor[k] = np.sqrt(1 - beta) * factor[k - 1]
        factor[k, k] = np.sqrt(beta)
    return factor @ factor.T


def proves_one_step_back(posterior):
    """Weights and variance of the conditional Gaussian of the whole chain, for any variance of the data."""
    for s in range(2, len(BETAS) + 1):
        weights, left = gaussian_given(chain(0.7), s - 1, [s, 0])
        x_s, x = np.array([1.3, -0.2]), np.array([0.4, 2.0])
        mean, variance = posterior(x_s, x, BETAS[s - 1], BARS[s], BARS[s - 1])
        assert np.allclose(mean, weights[0] * x_s + weights[1] * x)
        assert np.isclose(variance, left)
    mean, variance = posterior(np.array([5.0]), np.array([0.3]), BETAS[0], BARS[1], BARS[0])
    assert np.allclose(mean, 0.3) and np.isclose(variance, 0)


def proves_the_true_reverse_variance(code):
    for spread in (0.0, 0.3, 1.0, 4.0):
        for s in range(2, len(BETAS) + 1):
            _, left = gaussian_given(chain(spread), s - 1, [s])
            assert np.isclose(code["reverse_variance"](spread, BETAS[s - 1], BARS[s - 1]), left)


def proves_ddim_is_euler(code):
    rng = np.random.default_rng(7)
    x_s, epsilon = rng.normal(size=(2, 6, 3))
    for s, r in ((5, 2), (4, 3), (3, 0)):
        got = code["ddim_step"](x_s, epsilon, BARS[s], BARS[r])
        assert np.allclose(got, diffusion.ddim_step(x_s, epsilon, BARS[s], BARS[r]))
        (y_s, t_s), (y_r, t_r) = code["flow_coordinates"](x_s, BARS[s]), code["flow_coordinates"](got, BARS[r])
        image = (x_s - np.sqrt(1 - BARS[s]) * epsilon) / np.sqrt(BARS[s])
        assert np.allclose(y_s, t_s * image + (1 - t_s) * epsilon), "weights that add up to 1"
        assert np.allclose(y_r, diffusion.euler_step(lambda x, t, v=image - epsilon: v, y_s, t_s, t_r))
        std = np.sqrt(diffusion.ddpm_posterior(x_s, image, s, BETAS)[1])
        stochastic = code["ddim_step"](x_s, epsilon, BARS[s], BARS[s - 1], std, 0.5)
        assert np.allclose(stochastic, diffusion.ddpm_posterior(x_s, image, s, BETAS)[0] + 0.5 * std)


def proves_the_residual(code):
    rng = np.random.default_rng(8)
    b = rng.normal(size=5_000) + 2
    a = 1.5 * b - 1 + 0.3 * rng.normal(size=5_000)
    assert np.isclose(code["residual"](a, b), np.var(a - np.polyval(np.polyfit(b, a, 1), b)), rtol=1e-6)


# --- The watermark and the page ------------------------------------------------------------------


def proves_the_binomial_tail(code):
    for n in (1, 7, 90, 448):
        for k in sorted({0, 1, n // 2, n}):
            assert np.isclose(code["binomial_tail"](k, n), stats.binom.sf(k - 1, n, 0.5))
            assert np.isclose(code["binomial_tail"](k, n), provenance.binomial_tail(k, n))
    tails = [code["binomial_tail"](k, 60) for k in range(61)]
    probability = stats.binom.pmf(np.arange(61), 60, 0.5)
    for alpha in (0.2, 0.05, 1e-3):
        assert probability[np.array(tails) <= alpha].sum() <= alpha, "the stated rate of false positives"


def proves_the_page_reader_finds_what_loads(code):
    page = code["References"]()
    page.feed('<img src="data:image/png;base64,AA"><p>text</p>')
    assert page.outside == [] and len(page.pictures) == 1
    for text in ('<img src="https://a.b/c.png">', "<script>1</script>", '<a href="x.html">x</a>', "<iframe></iframe>"):
        page = code["References"]()
        page.feed(text)
        assert page.outside, text


# --- The proofs, applied -------------------------------------------------------------------------


def of_posterior(code):
    proves_one_step_back(code["ddpm_posterior"])


PROOFS = {
    "exact_velocity": (velocity_of, ()),
    "copying_flow": (proves_the_flow_of_a_training_set_copies, ("exact_velocity",)),
    "sliced_distance": (proves_the_sliced_distance, ()),
    "gaussian_loss": (proves_the_least_loss, ()),
    "flow_loss": (proves_the_loss, ()),
    "trainer": (proves_a_training_step, ("flow_loss",)),
    "euler": (proves_the_solvers, ("heun",)),
    "heun": (proves_the_solvers, ("euler",)),
    "euler_std": (proves_the_spread_of_few_steps, ()),
    "ddpm_posterior": (of_posterior, ()),
    "reverse_variance": (proves_the_true_reverse_variance, ()),
    "ddim_step": (proves_ddim_is_euler, ("flow_coordinates",)),
    "flow_coordinates": (proves_ddim_is_euler, ("ddim_step",)),
    "residual": (proves_the_residual, ()),
    "binomial_tail": (proves_the_binomial_tail, ()),
    "References": (proves_the_page_reader_finds_what_loads, ()),
}


@pytest.mark.parametrize("name", PROOFS)
def test_the_lesson_is_right_about(name):
    proof, needed = PROOFS[name]
    proof(lesson(name, *needed))


def test_the_library_has_the_same_velocity_loss_and_posterior():
    velocity_in_library(diffusion.mixture_velocity)
    proves_the_least_loss({"gaussian_loss": lambda v, t=None: diffusion.gaussian_loss(np.diag(v), t)})
    library_posterior(diffusion.ddpm_posterior)
    x = np.random.default_rng(9).normal(size=(9, 2))
    code = lesson("exact_velocity")
    for t in (0.0, 0.4, 1.0):
        assert np.allclose(code["exact_velocity"](x, t, MEANS, 0.4), diffusion.mixture_velocity(x, t, MEANS, 0.4))


def library_posterior(posterior):
    proves_one_step_back(
        lambda x_s, x, beta, bar, before: posterior(x_s, x, int(np.flatnonzero(np.isclose(BETAS, beta))[0]) + 1, BETAS)
    )


def test_shorter_lines_after_a_reflow():
    """The mean squared length of the pairs of the exact flow is below that of random pairs, and above W2."""
    rng = np.random.default_rng(10)
    x_0 = rng.normal(size=(4_000, 2))
    x_1 = MEANS[rng.integers(0, 3, 4_000)] + 0.3 * rng.normal(size=(4_000, 2))
    ends = diffusion.integrate(lambda x, t: diffusion.mixture_velocity(x, t, MEANS, 0.3), x_0, 60)
    assert np.mean((ends - x_0) ** 2) < 0.6 * np.mean((x_1 - x_0) ** 2)


# --- Mutants -------------------------------------------------------------------------------------


def of_lesson(name, old, new):
    """Return a mutant of one definition of the lesson, with the helpers that its proof needs."""
    proof, needed = PROOFS[name]
    return LessonMutant(proof, LESSON, {name, *needed}, SPACE, old, new)


MUTANTS = {
    "velocity: no time in the spread": of_lesson("exact_velocity", "t**2 * std**2", "std**2"),
    "velocity: spread not squared": of_lesson("exact_velocity", "(1 - t) ** 2 + t**2", "(1 - t) + t**2"),
    "velocity: posterior without its half": of_lesson("exact_velocity", "(2 * spread)", "spread"),
    "velocity: means not moved": of_lesson("exact_velocity", "x[:, None] - t * means", "x[:, None] - means"),
    "velocity: sign of the noise": of_lesson("exact_velocity", "(t * std**2 - (1 - t))", "(t * std**2 + (1 - t))"),
    "velocity: means in full": of_lesson("exact_velocity", "(1 - slope * t) * weights", "weights"),
    "velocity: weights not normalised": of_lesson(
        "exact_velocity", "weights /= weights.sum(axis=1, keepdims=True)", "pass"
    ),
    "library velocity: means in full": Mutant(
        velocity_in_library, diffusion.mixture_velocity, "(1 - c * t) * (posterior", "(posterior"
    ),
    "library velocity: sign of the noise": Mutant(
        velocity_in_library, diffusion.mixture_velocity, "- (1 - t)) / spread", "+ (1 - t)) / spread"
    ),
    "copier: too short": of_lesson("copying_flow", "/ steps\n", "/ (2 * steps)\n"),
    "sliced: not sorted": of_lesson("sliced_distance", "np.sort(a @ axes, axis=0)", "(a @ axes)"),
    "sliced: half the directions": of_lesson("sliced_distance", "np.pi * np.arange", "np.pi / 2 * np.arange"),
    "sliced: squares": of_lesson("sliced_distance", "np.mean(np.abs(", "np.mean(np.square("),
    "least loss: variances": of_lesson("gaussian_loss", "np.sqrt(variances)", "variances"),
    "least loss: no π/2": of_lesson("gaussian_loss", "np.pi / 2 * ", ""),
    "least loss: at a time": of_lesson("gaussian_loss", "(1 - t) ** 2 +", "(1 - t) +"),
    "loss: ends swapped": of_lesson("flow_loss", "(x - x_0)", "(x_0 - x)"),
    "loss: time backwards": of_lesson(
        "flow_loss", "(1 - moment) * x_0 + moment * x", "moment * x_0 + (1 - moment) * x"
    ),
    "loss: the image as target": of_lesson("flow_loss", "(x - x_0)", "x"),
    "loss: fourth power": of_lesson("flow_loss", "** 2)", "** 4)"),
    "trainer: uphill": of_lesson(
        "trainer", "tape.gradient(loss, weights)", "[-g for g in tape.gradient(loss, weights)]"
    ),
    "trainer: data and noise exchanged": of_lesson(
        "trainer", "loss = flow_loss(network, x, x_0", "loss = flow_loss(network, x_0, x"
    ),
    "Euler: late": of_lesson("euler", "x + velocity(x, k / steps)", "x + velocity(x, (k + 1) / steps)"),
    "Euler: too far": of_lesson("euler", "/ steps\n", "\n"),
    "Heun: sum": of_lesson("heun", "(2 * steps)", "steps"),
    "Heun: old time": of_lesson("heun", "(k + 1) / steps", "k / steps"),
    "Heun: old place": of_lesson("heun", "velocity(x + first / steps", "velocity(x"),
    "std: variance for std": of_lesson("euler_std", "(t * std**2 - (1 - t))", "(t * std - (1 - t))"),
    "std: one step late": of_lesson("euler_std", "np.arange(n) / n", "np.arange(1, n + 1) / n"),
    "std: sum of steps": of_lesson("euler_std", "np.prod(np.abs(1 + slope / n))", "1 + np.sum(slope / n)"),
    "posterior: β": of_lesson("ddpm_posterior", "(1 - before) / (1 - bar) * beta", "beta"),
    "posterior: no root of ᾱ": of_lesson("ddpm_posterior", "np.sqrt(before)", "before"),
    "posterior: no root of α": of_lesson("ddpm_posterior", "np.sqrt(1 - beta)", "(1 - beta)"),
    "library posterior: β": Mutant(
        library_posterior, diffusion.ddpm_posterior, "(1 - before) / (1 - bar) * beta", "beta"
    ),
    "library posterior: ᾱ of the step itself": Mutant(
        library_posterior, diffusion.ddpm_posterior, "float(bars[t - 1])", "float(bars[t])"
    ),
    "reverse variance: data forgotten": of_lesson("reverse_variance", " + before * variance", ""),
    "reverse variance: α forgotten": of_lesson("reverse_variance", "(1 - beta) * prior", "prior"),
    "DDIM: noise of the old step": of_lesson("ddim_step", "np.sqrt(1 - bar_r - std**2)", "np.sqrt(1 - bar_s - std**2)"),
    "DDIM: fresh noise added on top": of_lesson("ddim_step", "- std**2)", ")"),
    "DDIM: image not scaled": of_lesson("ddim_step", " / np.sqrt(bar_s)", ""),
    "coordinates: time": of_lesson("flow_coordinates", "np.sqrt(bar) / total", "bar / total"),
    "coordinates: scale": of_lesson("flow_coordinates", "x_s / total,", "x_s,"),
    "residual: no slope": of_lesson("residual", "np.cov(a, b)[0, 1] / np.var(b, ddof=1) * b", "b"),
    "tail: more than": of_lesson("binomial_tail", "range(k, n + 1)", "range(k + 1, n + 1)"),
    "tail: no half": of_lesson("binomial_tail", "/ 2**n", "/ 2 ** (n - 1)"),
    "page: links unseen": of_lesson("References", '"href", ', ""),
    "page: scripts unseen": of_lesson("References", '"script", ', ""),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTANTS)
def test_the_proof_notices(name):
    MUTANTS[name].is_killed()
