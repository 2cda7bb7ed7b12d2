"""Every derivation of lesson 13 against something independent of it, and mutants that its proof must notice."""

import keras
import numpy as np
import pytest
import record_lesson_13 as recorder
import tensorflow as tf
from keras import layers
from lesson_code import definitions
from mutation import LessonMutant, Mutant
from PIL import Image
from scipy import optimize, stats

from course_lib import colour, images, metrics, nets, restoration, translation

LESSON = "13_super_resolution_and_colour"
SPACE = {"np": np, "tf": tf, "keras": keras, "layers": layers, "nets": nets}
RNG = np.random.default_rng(0)


def lesson(*names):
    """Return the lesson's definitions of these names."""
    return definitions(LESSON, set(names), SPACE)


# --- Pairs ---------------------------------------------------------------------------------------


def proves_the_alias(code):
    """The loudest frequency of what is left, by a Fourier transform, is the one named."""
    n = 960
    for s in (2, 3, 4):
        for f in (0.05, 0.125, 0.3, 0.3125, 0.45):
            kept = np.cos(2 * np.pi * f * np.arange(n))[::s]
            loudest = np.argmax(np.abs(np.fft.rfft(kept))[1:]) + 1
            assert np.isclose(code["alias"](f, s), loudest / n, atol=1 / n)


def proves_the_variance_of_grouped_scores(code):
    """Against the sum of the whole covariance matrix."""
    for variance, rho, groups, size in ((1.0, 0.2, 6, 50), (4.0, 0.0, 3, 7), (2.0, 1.0, 5, 4), (1.0, 0.5, 1, 3)):
        block = variance * ((1 - rho) * np.eye(size) + rho)
        whole = np.kron(np.eye(groups), block)
        n = groups * size
        assert np.isclose(code["variance_of_mean"](variance, rho, groups, size), whole.sum() / n**2)


def proves_grouped_scores_have_their_correlation(code):
    scores = code["grouped_scores"](0.3, 2, 3, np.random.default_rng(1), 100_000).reshape(-1, 6)
    expected = np.kron(np.eye(2), 0.7 * np.eye(3) + 0.3)
    np.testing.assert_allclose(np.corrcoef(scores.T), expected, atol=0.015)
    np.testing.assert_allclose(scores.var(axis=0), 1, atol=0.02)


def proves_the_bootstrap_draws_groups(bootstrap):
    """Its interval has the width that the formula gives for grouped scores, not that of independent ones."""
    rng = np.random.default_rng(2)
    means = rng.normal(size=40)
    values = (means[:, None] + 0.1 * rng.normal(size=(40, 25))).ravel()
    groups = np.repeat(np.arange(40), 25)
    found = bootstrap(values, groups)
    error = values.reshape(40, 25).mean(axis=1).std() / np.sqrt(40)
    assert np.isclose(found.mean, values.mean())
    assert np.isclose(found.mean - found.low, 1.96 * error, atol=0.15 * error)
    assert np.isclose(found.high - found.mean, 1.96 * error, atol=0.15 * error)


# --- Scores --------------------------------------------------------------------------------------


def proves_psnr_and_luma(code):
    a = np.full((4, 4, 3), 100, np.uint8)
    assert np.isclose(code["psnr"](a + np.uint8(10), a), 20 * np.log10(25.5))
    assert np.isclose(code["psnr"](a, a + np.uint8(20)), 20 * np.log10(12.75)), "bytes must not wrap round"
    assert np.isclose(code["psnr"](np.zeros(4), np.ones(4), 1), 0)
    assert np.allclose(code["luma"](np.array([[0, 0, 0], [255, 255, 255]], np.uint8)), [16, 235])
    x = RNG.integers(0, 256, (5, 6, 3)).astype(np.uint8)
    weights = np.array([0.299, 0.587, 0.114])  # BT.601, for R'G'B' in [0, 1], scaled to 219 levels
    assert np.allclose(code["luma"](x), 16 + 219 * (x / 255 @ weights), atol=0.002)


def proves_the_structural_similarity(code):
    """In its three factors, on a window of equal weights, and with its known ends."""
    x, y = RNG.uniform(0, 255, (2, 6, 6))
    weights = np.full((6, 6), 1 / 36)
    c1, c2 = 2.55**2, 7.65**2
    cov = np.cov(x.ravel(), y.ravel(), bias=True)
    sx, sy, sxy = np.sqrt(cov[0, 0]), np.sqrt(cov[1, 1]), cov[0, 1]
    brightness = (2 * x.mean() * y.mean() + c1) / (x.mean() ** 2 + y.mean() ** 2 + c1)
    contrast = (2 * sx * sy + c2) / (sx**2 + sy**2 + c2)
    structure = (sxy + c2 / 2) / (sx * sy + c2 / 2)
    assert np.isclose(code["ssim_window"](x, y, weights), brightness * contrast * structure)
    assert np.isclose(code["ssim_window"](x, x, weights), 1)
    bell = np.exp(-(np.arange(-5, 6) ** 2) / 4.5)
    one = RNG.uniform(0, 255, (2, 11, 11))
    mine = code["ssim_window"](*one, np.outer(bell, bell) / bell.sum() ** 2)
    assert np.isclose(mine, metrics.ssim(one[0][None, ..., None], one[1][None, ..., None], 255))


def proves_keys_kernel(code):
    """It interpolates, has a continuous slope, reproduces parabolas, and is Pillow's."""
    keys = code["keys"]
    assert np.allclose(keys(np.array([0, 1, -1, 2, -2, 2.5])), [1, 0, 0, 0, 0, 0])
    for place in (1.0, 2.0):
        left, right = ((keys(place + s * 1e-5) - keys(place)) / (s * 1e-5) for s in (-1, 1))
        assert np.isclose(left, right, atol=1e-3)
    line = np.arange(10.0)
    for place in (4.2, 5.5):
        assert np.isclose(code["interpolate"](line**2 - 3 * line, place), place**2 - 3 * place)
    row = RNG.uniform(0, 255, (1, 12)).astype(np.float32)
    enlarged = np.asarray(Image.fromarray(row).resize((24, 1), Image.Resampling.BICUBIC))[0]
    for k in (9, 10, 13):
        assert np.isclose(code["interpolate"](row[0], (k + 0.5) / 2 - 0.5), enlarged[k], rtol=1e-4)


# --- Networks ------------------------------------------------------------------------------------


def proves_the_shuffle(code):
    """By loops over every index, and against TensorFlow's."""
    t = np.arange(2 * 2 * 3 * 18, dtype=np.float32).reshape(2, 2, 3, 18)
    made = np.asarray(code["shuffle"](t, 3))
    assert made.shape == (2, 6, 9, 2)
    for n, i, j, a, b, c in np.ndindex(2, 2, 3, 3, 3, 2):
        assert made[n, 3 * i + a, 3 * j + b, c] == t[n, i, j, (3 * a + b) * 2 + c]
    assert np.array_equal(made, tf.nn.depth_to_space(t, 3))


def proves_the_equivalence(code):
    """A Keras transposed convolution and the sub-pixel layer with its kernel give one picture, border included."""
    for f, k in ((2, 3), (3, 3), (4, 1), (2, 5)):
        layer = layers.Conv2DTranspose(3, f * k, strides=f, padding="same", use_bias=False)
        x = RNG.normal(size=(1, 6, 5, 2)).astype(np.float32)
        want = layer(x)
        kernel = code["subpixel_kernel"](layer.get_weights()[0], f)
        got = tf.nn.depth_to_space(tf.nn.conv2d(x, kernel, 1, "SAME"), f)
        assert np.allclose(got, want, atol=1e-4)


def proves_the_upscaler_is_the_library_s(code):
    """With equal weights it computes the same, and it begins as bicubic interpolation."""
    mine, library = code["upscaler"](2, 8, 2), nets.residual_upscaler(2, width=8, blocks=2)
    x = RNG.uniform(-1, 1, (2, 9, 7, 3)).astype(np.float32)
    assert np.allclose(mine(x), nets.BicubicUpsampling(2)(x), atol=1e-6)
    weights = [RNG.normal(0, 0.2, w.shape) for w in library.get_weights()]
    assert [w.shape for w in mine.get_weights()] == [w.shape for w in weights]
    for network in (mine, library):
        network.set_weights(weights)
    assert np.allclose(mine(x), library(x), atol=1e-4)


def proves_the_step_is_the_library_s(code):
    """One step of the notebook's model and of the library's Translator with L1 end at the same weights."""
    x = RNG.uniform(-1, 1, (4, 8, 8, 3)).astype(np.float32)
    y = RNG.uniform(-1, 1, (4, 16, 16, 3)).astype(np.float32)
    ends = []
    for make in (code["PixelTranslator"], lambda network: translation.Translator(network, "l1")):
        keras.utils.set_random_seed(3)
        model = make(nets.residual_upscaler(2, width=4, blocks=1))
        model.compile(keras.optimizers.SGD(0.5))
        model.fit(x, y, batch_size=4, epochs=2, verbose=0)
        ends.append(model.network.get_weights())
    for a, b in zip(*ends, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def proves_the_energy(code):
    """A stripe of known amplitude and frequency stands in its ring with its energy, by Parseval's theorem."""
    wave = np.rint(128 + 50 * np.cos(2 * np.pi * 14 / 64 * np.arange(64)))
    stripes = np.broadcast_to(wave[:, None, None], (64, 64, 3)).astype(np.uint8)[None]
    found = code["energy_db"](stripes)
    assert found.argmax() == 3
    line = np.fft.fftfreq(64)
    size = np.sum((16 * np.hypot(line[:, None], line)).astype(int) == 3)
    total = 64**2 * np.sum((wave - wave.mean()) ** 2) * 64 * (219 / 255) ** 2
    assert np.isclose(found[3], 10 * np.log10(1 + total / size), atol=0.05)
    assert np.isclose(found[3], recorder.energy(stripes)[3]), "the recorder's"


# --- Guesses, and what sharpness costs -----------------------------------------------------------


def proves_the_best_answers(code):
    """By search: the mean for squared errors, the median for absolute ones."""
    for _ in range(5):
        values, p = np.sort(RNG.normal(size=5)), RNG.dirichlet(np.ones(5))
        assert np.isclose(code["best_answer"](values, p, np.square), p @ values, atol=1e-3)
        median = values[np.searchsorted(np.cumsum(p), 0.5)]
        assert np.isclose(code["best_answer"](values, p, np.abs), median, atol=1e-3)


def proves_the_tradeoff(code):
    """No linear answer with dice of its own does better than the curve, and the curve's own answers reach it."""
    r = 0.7
    for t in (0.0, 0.3, 1.0):
        distance, error = code["gaussian_tradeoff"](r, t)

        def cost(entries):  # x̂ = α y + β · dice: E(x − x̂)², where x̂ has the standard deviation √(α² + β²)
            alpha, beta = entries
            return 1 + alpha**2 + beta**2 - 2 * alpha * r

        near = {"type": "ineq", "fun": lambda e, d=distance: d - abs(1 - np.hypot(*e)) + 1e-9}
        starts = ((0.5, 0.5), (0.9, 0.01), (0.2, 0.8))
        best = min(optimize.minimize(cost, s, constraints=near, method="SLSQP").fun for s in starts)
        assert np.isclose(error, best, atol=2e-3), (t, error, best)
        assert np.isclose(distance, abs(1 - (r + t * (1 - r))))


# --- Colour --------------------------------------------------------------------------------------


def proves_lab(to_lab):
    """Published values of sRGB's corners, grey without colour, and lightness 50 at the luminance that defines it."""
    corners = {
        (1, 0, 0): (53.24, 80.09, 67.20),
        (0, 1, 0): (87.73, -86.18, 83.18),
        (0, 0, 1): (32.30, 79.19, -107.86),
        (1, 1, 0): (97.14, -21.55, 94.48),
    }
    for rgb, lab in corners.items():
        assert np.allclose(to_lab(np.array(rgb, float)), lab, atol=0.02)
    greys = to_lab(np.repeat(np.linspace(0, 1, 21)[:, None], 3, axis=1))
    assert np.allclose(greys[:, 1:], 0, atol=1e-6)
    assert np.allclose(greys[[0, -1], 0], [0, 100])
    light = ((50 + 16) / 116) ** 3
    grey = 1.055 * light ** (1 / 2.4) - 0.055
    assert np.isclose(to_lab(np.full(3, grey))[0], 50)
    dark = to_lab(np.full(3, 0.02))[0]
    assert np.isclose(dark, 903.3 * 0.02 / 12.92, rtol=1e-3), "a line near black, CIE's κ"


def proves_the_best_bins(code):
    for _ in range(4):
        p, w = RNG.dirichlet(np.ones(4)), RNG.uniform(0.2, 3, 4)
        q = code["best_bins"](p, w)
        assert np.isclose(q.sum(), 1)
        least = -np.sum(p * w * np.log(q))
        for _ in range(200):
            assert -np.sum(p * w * np.log(RNG.dirichlet(50 * q + 0.1))) >= least - 1e-12
    prior, likelihood = RNG.dirichlet(np.ones(4)), RNG.uniform(0, 1, 4)
    posterior = prior * likelihood / (prior @ likelihood)
    assert np.allclose(code["best_bins"](posterior, 1 / prior), likelihood / likelihood.sum()), "Bayes' rule"


def proves_annealing(code):
    q = RNG.dirichlet(np.ones(6))
    assert np.allclose(code["annealed"](q, 1.0), q)
    assert np.allclose(code["annealed"](q, 0.5), q**2 / np.sum(q**2))
    assert np.isclose(code["annealed"](q, 0.005)[q.argmax()], 1, atol=1e-3)
    assert np.allclose(code["annealed"](np.full(4, 0.25), 0.1), 0.25)


def proves_the_library_anneals_alike(decode):
    bins = colour.gamut_bins(20)
    q = np.random.default_rng(5).dirichlet(np.ones(len(bins.centres)))
    for T in (1.0, 0.38):
        expected = (q ** (1 / T) / np.sum(q ** (1 / T))) @ bins.centres
        assert np.allclose(decode(bins, np.log(q), T), expected, atol=1e-5)


def proves_automatic_levels(code):
    x = RNG.integers([60, 20, 100], [180, 90, 240], (2, 20, 20, 3)).astype(np.uint8)
    made = code["auto_levels"](x, 0.0)
    assert made.dtype == np.uint8 and made.shape == x.shape
    assert (made.min(axis=(1, 2)) == 0).all() and (made.max(axis=(1, 2)) == 255).all()
    assert np.array_equal(code["auto_levels"](made, 0.0), made)
    low, high = x[0, ..., 1].min(), x[0, ..., 1].max()
    assert abs(made[0, 3, 4, 1] - 255 * (float(x[0, 3, 4, 1]) - low) / (float(high) - low)) <= 0.5


# --- The tests -----------------------------------------------------------------------------------

OF_THE_LESSON = {
    "alias": (proves_the_alias, ("alias",)),
    "grouped": (proves_the_variance_of_grouped_scores, ("variance_of_mean",)),
    "scores": (proves_grouped_scores_have_their_correlation, ("grouped_scores",)),
    "psnr": (proves_psnr_and_luma, ("psnr", "luma")),
    "ssim": (proves_the_structural_similarity, ("ssim_window",)),
    "keys": (proves_keys_kernel, ("keys", "interpolate")),
    "shuffle": (proves_the_shuffle, ("shuffle",)),
    "equivalence": (proves_the_equivalence, ("subpixel_kernel",)),
    "upscaler": (proves_the_upscaler_is_the_library_s, ("upscaler",)),
    "step": (proves_the_step_is_the_library_s, ("PixelTranslator",)),
    "energy": (proves_the_energy, ("luma", "energy_db")),
    "answers": (proves_the_best_answers, ("best_answer",)),
    "tradeoff": (proves_the_tradeoff, ("gaussian_tradeoff",)),
    "lab": (lambda code: proves_lab(code["to_lab"]), ("MATRIX", "to_lab")),
    "bins": (proves_the_best_bins, ("best_bins",)),
    "annealed": (proves_annealing, ("annealed",)),
    "levels": (proves_automatic_levels, ("auto_levels",)),
}


@pytest.mark.parametrize("name", OF_THE_LESSON)
def test_derivations_of_the_lesson(name):
    proof, names = OF_THE_LESSON[name]
    proof(lesson(*names))


def test_derivations_of_the_library():
    proves_lab(images.rgb_to_lab)
    proves_the_bootstrap_draws_groups(restoration.bootstrap)
    proves_the_library_anneals_alike(colour.Bins.decode)


def test_the_cost_of_an_exact_sample_is_twice_the_least_error_for_any_distribution():
    """On random joint tables of x and y: a posterior sample, and the bound D* + P*² below it."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        values, joint = rng.normal(size=6), rng.dirichlet(np.ones(24)).reshape(6, 4)
        posterior = joint / joint.sum(axis=0)
        best = values @ posterior
        least = np.sum(joint * (values[:, None] - best) ** 2)
        sampled = np.einsum(
            "xy,zy,xzy->", joint, posterior, ((values[:, None] - values) ** 2)[:, :, None] + np.zeros(4)
        )
        assert np.isclose(sampled, 2 * least)
        t = (np.arange(20_000) + 0.5) / 20_000  # W2 on a line: quantiles
        quantiles = []
        for points, weights in ((values, joint.sum(axis=1)), (best, joint.sum(axis=0))):
            order = np.argsort(points)
            place = np.searchsorted(np.cumsum(weights[order]), t)
            quantiles.append(points[order][place.clip(0, len(points) - 1)])
        gap = np.mean((quantiles[0] - quantiles[1]) ** 2)
        assert gap <= least + 1e-3, "stretching is never dearer than dice"


def test_the_mean_of_sharp_edges_is_the_gaussian_s_distribution_function():
    place = np.arange(-5, 6)
    edges = place[None] > stats.norm.rvs(0, 2, size=(200_000, 1), random_state=0)
    np.testing.assert_allclose(edges.mean(axis=0), stats.norm.cdf(place, 0, 2), atol=0.005)


def broken(name, old, new):
    """Return the mutant of one of the lesson's definitions."""
    proof, names = OF_THE_LESSON[name]
    return LessonMutant(proof, LESSON, set(names), SPACE, old, new)


MUTANTS = {
    "alias: no s": broken("alias", "np.round(f * s) / s", "np.round(f * s)"),
    "alias: signed": broken("alias", "abs(f - np.round(f * s) / s)", "(f - np.round(f * s) / s)"),
    "variance: size": broken("grouped", "(size - 1) * rho", "size * rho"),
    "variance: naive": broken("grouped", "* (1 + (size - 1) * rho)", ""),
    "scores: variance for deviation": broken("scores", "np.sqrt(rho) * common", "rho * common"),
    "psnr: 20": broken("psnr", "10 * np.log10(peak**2", "20 * np.log10(peak**2"),
    "psnr: bytes wrap": broken("psnr", "np.asarray(restored, float)", "np.asarray(restored)"),
    "luma: no foot": broken("psnr", "16 + rgb", "rgb"),
    "luma: swapped": broken("psnr", "[65.481, 128.553, 24.966]", "[24.966, 128.553, 65.481]"),
    "ssim: constant": broken("ssim", "(0.03 * peak) ** 2", "(0.01 * peak) ** 2"),
    "ssim: factor": broken("ssim", "(2 * cov + c2)", "(cov + c2)"),
    "ssim: raw moment": broken("ssim", "(weights * (x - mean_x) * (y - mean_y)).sum()", "(weights * x * y).sum()"),
    "keys: another cubic": broken("keys", "4 * u + 2", "4 * u + 1.9"),
    "keys: sign of the lobe": broken("keys", "-0.5 * u**3", "0.5 * u**3"),
    "keys: sharper": broken("keys", "1.5 * u**3 - 2.5", "1.25 * u**3 - 2.25"),
    "shuffle: reshape": broken("shuffle", "tf.transpose(t, (0, 1, 3, 2, 4, 5))", "t"),
    "shuffle: a and b": broken("shuffle", "(0, 1, 3, 2, 4, 5)", "(0, 1, 4, 2, 3, 5)"),
    "kernel: not flipped": broken("equivalence", "f * (k - 1 - u) + a", "f * u + a"),
    "kernel: not interleaved": broken("equivalence", "f * (k - 1 - u) + a", "k * a + k - 1 - u"),
    "kernel: order": broken("equivalence", "np.ix_(taps[a], taps[b])", "np.ix_(taps[b], taps[a])"),
    "kernel: channels": broken("equivalence", ".swapaxes(2, 3)", ".swapaxes(0, 1).swapaxes(2, 3)"),
    "upscaler: begins at random": broken("upscaler", ', kernel_initializer="zeros"', ""),
    "upscaler: no residual": broken(
        "upscaler",
        "layers.Add()([x, layers.Conv2D(width, 3, padding",
        "(lambda p: p[1])([x, layers.Conv2D(width, 3, padding",
    ),
    "upscaler: slope": broken("upscaler", "y = layers.LeakyReLU(0.2)", "y = layers.LeakyReLU(0.3)"),
    "step: squared": broken("step", "tf.abs(target", "tf.square(target"),
    "step: sum": broken("step", "tf.reduce_mean(", "tf.reduce_sum("),
    "energy: amplitude": broken("energy", "keepdims=True))) ** 2", "keepdims=True)))"),
    "energy: rings of twice the width": broken("energy", "(16 * np.hypot", "(8 * np.hypot"),
    "answer: probabilities": broken(
        "answers", "probabilities @ loss(values[:, None] - grid)", "loss(values[:, None] - grid).mean(axis=0)"
    ),
    "tradeoff: square": broken("tradeoff", "(t * gap) ** 2", "t * gap"),
    "tradeoff: variance": broken("tradeoff", "1 - r**2, 1 - r ", "1 - r**2, 1 - r**2 "),
    "tradeoff: direction": broken("tradeoff", "(1 - t) * gap", "t * gap"),
    "lab: no gamma": broken("lab", "np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)", "rgb"),
    "lab: white": broken("lab", "/ MATRIX.sum(axis=1)", "/ MATRIX.sum(axis=0)"),
    "lab: no line": broken("lab", "t / (3 * (6 / 29) ** 2) + 4 / 29", "np.cbrt(t)"),
    "lab: a and b": broken("lab", "200 * (g[..., 1] - g[..., 2])", "200 * (g[..., 2] - g[..., 1])"),
    "lab: scale": broken("lab", "116 * g[..., 1] - 16", "100 * g[..., 1]"),
    "bins: weights forgotten": broken("bins", "return p * w / np.sum(p * w)", "return p / np.sum(p)"),
    "bins: divided": broken("bins", "return p * w / np.sum(p * w)", "return p / w / np.sum(p / w)"),
    "annealed: times T": broken("annealed", "np.exp(np.log(q) / T ", "np.exp(np.log(q) * T "),
    "annealed: not normalised": broken("annealed", "return sharp / sharp.sum()", "return sharp"),
    "levels: one for all": broken("levels", "axis=(1, 2), keepdims=True", "axis=(1, 2, 3), keepdims=True"),
    "levels: no low": broken("levels", "(x - low) /", "x /"),
    "bootstrap: patches": Mutant(
        proves_the_bootstrap_draws_groups,
        restoration.bootstrap,
        "np.arange(len(values)) if groups is None else np.asarray(groups)",
        "np.arange(len(values))",
    ),
    "bootstrap: level": Mutant(
        proves_the_bootstrap_draws_groups, restoration.bootstrap, "(1 - level) / 2,", "(1 - level),"
    ),
    "library's lab: no gamma": Mutant(proves_lab, images.rgb_to_lab, "((rgb + 0.055) / 1.055) ** 2.4", "rgb"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_proof_notices(name):
    MUTANTS[name].is_killed()
