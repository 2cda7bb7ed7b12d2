"""Every derivation of lesson 12 against something independent of it, and mutants that its proof must notice."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from lesson_code import definitions
from mutation import LessonMutant, Mutant
from scipy import integrate, stats

from course_lib import conditions, data, editing, gan, latent, nets, vae

LESSON = "12_control_and_editing"
SPACE = {"np": np, "tf": tf, "keras": keras, "layers": layers, "stats": stats, "nets": nets, "data": data}
SHAPE, D, K = (8, 8, 1), 3, 4


def lesson(*names, **more):
    """Return the lesson's definitions of these names."""
    return definitions(LESSON, set(names), SPACE | more)


# --- Luck ----------------------------------------------------------------------------------------


def proves_the_draws(code):
    """The smallest number of draws, found by counting, and the share of simulated series that succeed."""
    for p, risk in ((0.3, 0.05), (0.01, 0.2), (0.9, 0.5), (1 / 30, 0.01)):
        n = 1
        while (1 - p) ** n > risk:
            n += 1
        assert code["draws_needed"](p, risk) == n
    assert code["draws_needed"](0.3) == code["draws_needed"](0.3, 0.05)


def proves_the_spread(code):
    rng = np.random.default_rng(0)
    for half_width in (3, 40):
        a, b = rng.integers(128 - half_width, 129 + half_width, (2, 50, 16, 16, 3), dtype=np.uint8)
        exact = np.sqrt(((2 * half_width + 1) ** 2 - 1) / 12)  # of the uniform distribution on whole numbers
        assert np.isclose(code["spread"](a, b), exact, rtol=0.02)
    assert code["spread"](a, a) == 0
    assert np.isclose(code["spread"](a, b), code["spread"](b, a)), "unsigned differences must not wrap round"


def proves_what_is_told_stays(code):
    attributes = data.random_attributes(6, seed=3)
    everything = tuple(attributes)
    faces = data.compose_faces(attributes)
    np.testing.assert_array_equal(code["redrawn"](attributes, everything, 1), faces)
    others = code["redrawn"](attributes, tuple(name for name in everything if name != "background"), 1)
    same = [np.all(others[:, row, column] == faces[:, row, column]) for row, column in ((40, 32), (60, 32))]
    assert all(same), "face and shirt stay, and only the background is new"
    assert not np.array_equal(others, faces)


# --- The conditional VAE -------------------------------------------------------------------------

W = np.array([[1.0], [0.5], [-0.7]])
B = np.array([[0.2, -1.0], [0.4, 0.3], [-0.6, 0.9]])
LINEAR = {"W": W, "B": B, "noise_std": 0.6}


def proves_the_elbo(code):
    """One z: every term by quadrature, and the bound plus the KL to the posterior against the exact density."""
    W, B, std = (code[name] for name in ("W", "B", "noise_std"))
    c = np.array([0.0, 1.0])
    x = np.array([0.5, -0.4, 1.1])
    exact = stats.multivariate_normal(B @ c, W @ W.T + std**2 * np.eye(3)).logpdf(x)
    z = np.linspace(-9, 9, 20_001)

    def log_joint(z):
        errors = x[:, None] - W @ z[None] - (B @ c)[:, None]
        return stats.norm.logpdf(errors, scale=std).sum(axis=0) + stats.norm.logpdf(z)

    density = np.exp(log_joint(z) - exact)
    for m, v in ((0.3, 0.5), (-1.0, 0.2)):
        q = stats.norm.pdf(z, m, np.sqrt(v))
        bound = integrate.simpson(q * (log_joint(z) - stats.norm.logpdf(z, m, np.sqrt(v))), x=z)
        assert np.isclose(code["conditional_elbo"](x, c, np.array([m]), np.array([[v]])), bound, atol=1e-6)
        gap = integrate.simpson(q * (stats.norm.logpdf(z, m, np.sqrt(v)) - np.log(density + 1e-300)), x=z)
        mean, cov = code["posterior"](x, c)
        assert np.isclose(code["kl_gaussians"](np.array([m]), np.array([[v]]), mean, cov), gap, atol=1e-4)
        assert np.isclose(bound + gap, exact, atol=1e-4)
    assert np.isclose(code["posterior"](x, c)[0][0], integrate.simpson(z * density, x=z), atol=1e-6)
    second = integrate.simpson(z**2 * density, x=z) - code["posterior"](x, c)[0][0] ** 2
    assert np.isclose(code["posterior"](x, c)[1][0, 0], second, atol=1e-6)


def proves_the_rate(code):
    rng = np.random.default_rng(1)
    p_x, q, p_z = rng.dirichlet(np.ones(3)), rng.dirichlet(np.ones(5), size=3), rng.dirichlet(np.ones(5))
    rate, information, mismatch = code["rate_in_parts"](p_x, q, p_z)
    joint = p_x[:, None] * q
    assert np.isclose(information, stats.entropy(joint.ravel(), np.outer(p_x, p_x @ q).ravel()))
    assert np.isclose(mismatch, stats.entropy(p_x @ q, p_z))
    assert np.isclose(rate, sum(p * stats.entropy(each, p_z) for p, each in zip(p_x, q, strict=True)))
    assert np.isclose(rate, information + mismatch)
    same = code["rate_in_parts"](p_x, np.tile(q[0], (3, 1)), q[0])
    assert np.allclose(same, 0), "codes that say nothing cost nothing"


def proves_the_told_elbo(code):
    """The lesson's loss is the library's, term by term, with the same noise."""
    keras.utils.set_random_seed(0)
    model = vae.ConditionalVAE(
        nets.conditional_encoder(SHAPE, D, K, 4), nets.conditional_decoder(SHAPE, D, K, 4), "gaussian"
    )
    model.logvar.assign(-1.3)
    rng = np.random.default_rng(2)
    x = tf.constant(rng.uniform(-1, 1, (5, *SHAPE)), tf.float32)
    c = tf.constant(np.eye(K, dtype=np.float32)[[0, 1, 2, 3, 1]])
    noise = tf.constant(rng.standard_normal((5, D)), tf.float32)
    mean, logvar = model.encode(x, c)
    output = model.decoder([mean + tf.exp(0.5 * logvar) * noise, c])
    total = model.compute_loss((x, c), None, (output, mean, logvar))
    got = code["told_elbo"](model.encoder, model.decoder, x, c, noise, model.logvar)
    assert got.shape == (5,)
    assert np.isclose(-np.mean(got), float(total), rtol=1e-5)


# --- The conditional GAN -------------------------------------------------------------------------


def proves_the_projection(code):
    """Against SciPy's densities: the logit of pairs is cᵀVφ + ψ, class weights give Bayes' probabilities."""
    rng = np.random.default_rng(4)
    means, x = rng.normal(size=(3, 2)), rng.normal(size=(20, 2))
    weights, std = code["weights"], 1.7
    logs = np.stack([stats.multivariate_normal(m, std**2 * np.eye(2)).logpdf(x) for m in means], axis=1)
    assert np.allclose(code["log_densities"](x, means, std), logs)
    scores = np.column_stack([x, np.ones(20)]) @ code["class_weights"](means, std).T
    softmax = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    bayes = np.exp(logs) * weights / (np.exp(logs) @ weights)[:, None]
    assert np.allclose(softmax, bayes)
    phi, c, V, psi = rng.normal(size=(4, 5)), np.eye(3)[[0, 2, 1, 0]], rng.normal(size=(3, 5)), rng.normal(size=4)
    by_hand = [c[i] @ V @ phi[i] + psi[i] for i in range(4)]
    assert np.allclose(code["projection_logit"](phi, c, V, psi), by_hand)


def proves_the_head(code):
    """With the same weights the lesson's discriminator and the library's give the same logits."""
    keras.utils.set_random_seed(1)
    ours, library = code["told_discriminator"](SHAPE, K, 4), nets.projection_discriminator(SHAPE, K, 4)
    rng = np.random.default_rng(5)
    x = tf.constant(rng.uniform(-1, 1, (6, *SHAPE)), tf.float32)
    c = tf.constant(np.eye(K, dtype=np.float32)[[0, 1, 2, 3, 3, 0]])
    assert np.allclose(ours([x, c]), ours([x, c[::-1]])), "at first c does not count"
    assert len(ours.weights) == len(library.weights)
    for model in (
        ours,
        library,
    ):  # in groups of one shape, because the two name and order their last layers differently
        for shape in {tuple(weight.shape) for weight in library.weights}:
            values = np.random.default_rng(sum(shape))
            for weight in model.weights:
                if tuple(weight.shape) == shape:
                    weight.assign(0.2 * values.normal(size=shape))
    assert np.allclose(ours([x, c]), library([x, c]), atol=1e-5)
    assert not np.allclose(ours([x, c]), ours([x, c[::-1]]))


def proves_the_training_step(code):
    """Three steps of the lesson's GAN and of the library's end at the same weights; a blind one cannot see c."""

    def networks():
        keras.utils.set_random_seed(2)
        return nets.conditional_generator(SHAPE, D, K, 4), code["told_discriminator"](SHAPE, K, 4)

    def optimizers():
        return [keras.optimizers.Adam(2e-3, beta_1=0.0, beta_2=0.99) for _ in range(2)]

    rng = np.random.default_rng(6)
    x = rng.uniform(-1, 1, (24, *SHAPE)).astype(np.float32)
    c = np.eye(K, dtype=np.float32)[rng.integers(0, K, 24)]
    ours = code["ToldGAN"](*networks(), seed=3)
    library = gan.ConditionalGAN(*networks(), "non_saturating", ema=None, seed=3)
    for model in (ours, library):
        model.compile(*optimizers())
        model.fit(x, c, batch_size=8, epochs=1, shuffle=False, verbose=0)
    for name in ("generator", "discriminator"):
        for a, b in zip(getattr(ours, name).weights, getattr(library, name).weights, strict=True):
            np.testing.assert_allclose(a, b, atol=2e-5)
    moved = [np.abs(a - b).max() for a, b in zip(ours.average.get_weights(), ours.generator.get_weights(), strict=True)]
    assert max(moved) > 1e-5, "the average lags behind"
    x, c = tf.constant(x), tf.constant(c)
    blind = code["ToldGAN"](*networks(), tell_discriminator=False)
    blind.discriminator.set_weights(library.discriminator.get_weights())
    assert np.allclose(blind.logits(x, c), blind.logits(x, c[::-1]))
    assert not np.allclose(ours.logits(x, c), ours.logits(x, c[::-1]))


# --- Truncation and search -----------------------------------------------------------------------


def proves_the_truncated_variance(code):
    for threshold in (0.2, 1.0, 3.0):
        inside = integrate.quad(stats.norm.pdf, -threshold, threshold)[0]
        second = integrate.quad(lambda z: z**2 * stats.norm.pdf(z), -threshold, threshold)[0]
        assert np.isclose(code["truncated_variance"](threshold), second / inside)


def proves_redrawing(truncated_normal):
    z = truncated_normal(2_000, 20, 0.8, seed=1)
    rng = np.random.default_rng(2)
    by_redrawing = rng.standard_normal(100_000)
    by_redrawing = by_redrawing[np.abs(by_redrawing) <= 0.8]
    assert np.abs(z).max() <= 0.8
    assert stats.ks_2samp(z.ravel(), by_redrawing).pvalue > 1e-3


def proves_scaling(truncate):
    z = np.random.default_rng(3).standard_normal((4, 6))
    assert np.allclose(np.linalg.norm(truncate(z, 0.4), axis=1), 0.4 * np.linalg.norm(z, axis=1))
    assert np.allclose(
        truncate(z, 0.4) / np.linalg.norm(truncate(z, 0.4), axis=1)[:, None], z / np.linalg.norm(z, axis=1)[:, None]
    )


def proves_the_masked_error(code):
    rng = np.random.default_rng(7)
    made, x = rng.normal(size=(2, 3, 4, 5, 3)).astype(np.float32)
    mask = (rng.uniform(size=(3, 4, 5, 1)) < 0.5).astype(np.float32)
    by_hand = [np.mean([(made[i, r, s] - x[i, r, s]) ** 2 for r, s in np.argwhere(mask[i, ..., 0])]) for i in range(3)]
    assert np.allclose(code["masked_error"](tf.constant(made), tf.constant(x), tf.constant(mask)), by_hand, atol=1e-5)


def told_decoder():
    """A smooth generator of z in R⁵ and c in R², pictures of 4 × 4 × 1."""
    keras.utils.set_random_seed(4)
    z, c = keras.Input((5,)), keras.Input((2,))
    start = keras.initializers.RandomNormal(0.0, 0.5, seed=5)
    x = layers.Dense(16, activation="tanh", kernel_initializer=start)(layers.Concatenate()([z, c]))
    return keras.Model([z, c], layers.Reshape((4, 4, 1))(x))


def proves_the_search(code):
    """The lesson's search is the library's, with mask, condition and price; it finds what made the picture."""
    model = told_decoder()
    rng = np.random.default_rng(8)
    z, c = rng.standard_normal((3, 5)).astype(np.float32), np.eye(2, dtype=np.float32)[[0, 1, 1]]
    x = model([tf.constant(z), tf.constant(c)]).numpy()
    mask = rng.uniform(size=(3, 4, 4)) < 0.9
    known = mask[..., None].astype(np.float32)
    codes, errors = code["invert"](model, x, c, 60, 2, known, weight=0.3, seed=9)
    assert codes.shape == (3, 2, 5)
    assert errors.shape == (3, 2)
    library, _ = latent.invert(model, x, 60, 2, 9, condition=c, mask=mask, norm_weight=0.3)
    prices = errors + 0.3 * (np.linalg.norm(codes, axis=2) / np.sqrt(5) - 1) ** 2
    np.testing.assert_allclose(code["best_of"](codes, prices), library, atol=2e-3)
    whole, errors = code["invert"](model, x, c, 300, 2, weight=0.0)
    assert errors.min(axis=1).max() < 1e-4
    assert np.allclose(code["best_of"](whole, errors), z, atol=0.1)
    far, _ = code["invert"](model, np.ones_like(x), c, 200, 1, weight=0.0)
    assert np.linalg.norm(far, axis=2).max() < np.sqrt(5) + 2 + 1e-3


# --- Edits ---------------------------------------------------------------------------------------


def proves_the_difference_edit(code):
    """A residual that the edit does not touch is kept exactly; values stay in range."""
    before, after = np.full((2, 3, 3, 1), 100, np.uint8), np.full((2, 3, 3, 1), 100, np.uint8)
    after[:, 1] = 180
    residual = np.arange(-9, 9).reshape(2, 3, 3, 1)
    x, truth = (before + residual).astype(np.uint8), (after + residual).astype(np.uint8)
    np.testing.assert_array_equal(code["difference_edit"](x, before, after), truth)
    top = np.full((1, 1, 1, 1), 250, np.uint8)
    assert code["difference_edit"](top, top - 100, top)[0, 0, 0, 0] == 255
    assert code["difference_edit"](top - 240, top, top - 100)[0, 0, 0, 0] == 0


def proves_only_one_attribute_changes(code):
    labels = {"skin": np.array([0, 1, 2]), "hair": np.array([5, 0, 3])}
    new = code["asked_for"](labels, "skin")
    assert set(new["skin"]) <= {0, 1, 2}
    assert (new["skin"] != labels["skin"]).all()
    np.testing.assert_array_equal(new["hair"], labels["hair"])


def proves_the_edit_scores(score_edits):
    """Three pixels by hand: one changed by nine tenths of what it should, one right, one moved that had to stay."""
    original, truth, edited = np.zeros((3, 1, 1, 3, 3), np.uint8)
    truth[0, 0, 0, 0], edited[0, 0, 0, 0], edited[0, 0, 1] = 100, 90, 1
    truth[0, 0, 2] = edited[0, 0, 2] = 50
    got = score_edits(edited, original, truth)
    assert np.isclose(got["inside"], 10 * np.log10(255**2 / (100 / 6)))
    assert np.isclose(got["outside"], 1)
    assert np.isclose(got["psnr"], 10 * np.log10(255**2 / ((100 + 3) / 9)))
    assert np.isclose(got["psnr_of_doing_nothing"], 10 * np.log10(255**2 / ((100**2 + 3 * 50**2) / 9)))


def proves_attributes_are_counted(score_attributes):
    before = {"hair": np.array([0, 0]), "skin": np.array([1, 1])}
    asked = {"hair": np.array([1, 1]), "skin": np.array([1, 1])}
    got = score_attributes({"hair": np.array([1, 0]), "skin": np.array([1, 1])}, before, asked)
    assert (got["obeyed"], got["kept"]) == (0.5, 1.0)
    got = score_attributes({"hair": np.array([1, 1]), "skin": np.array([2, 1])}, before, asked)
    assert (got["obeyed"], got["kept"]) == (1.0, 0.5)


FACES = conditions.Conditions({"skin": ("light", "tan", "dark"), "hair": tuple("abcdef")})
PROVED = {
    "draws": (proves_the_draws, {"draws_needed"}, SPACE),
    "spread": (proves_the_spread, {"spread"}, SPACE),
    "redrawn": (proves_what_is_told_stays, {"redrawn"}, SPACE),
    "elbo": (proves_the_elbo, {"posterior", "conditional_elbo", "kl_gaussians"}, SPACE | LINEAR),
    "rate": (proves_the_rate, {"rate_in_parts"}, SPACE),
    "told elbo": (proves_the_told_elbo, {"told_elbo"}, SPACE),
    "projection": (
        proves_the_projection,
        {"projection_logit", "log_densities", "class_weights"},
        SPACE | {"weights": np.array([0.5, 0.3, 0.2])},
    ),
    "head": (proves_the_head, {"projection_head", "told_discriminator"}, SPACE),
    "step": (proves_the_training_step, {"ToldGAN", "projection_head", "told_discriminator"}, SPACE),
    "truncation": (proves_the_truncated_variance, {"truncated_variance"}, SPACE),
    "masked error": (proves_the_masked_error, {"masked_error"}, SPACE),
    "search": (proves_the_search, {"masked_error", "invert", "best_of"}, SPACE),
    "difference": (proves_the_difference_edit, {"difference_edit"}, SPACE),
    "asked": (proves_only_one_attribute_changes, {"asked_for"}, SPACE | {"space": FACES}),
}


@pytest.mark.parametrize("name", PROVED)
def test_the_lesson(name):
    proof, wanted, given = PROVED[name]
    proof(definitions(LESSON, wanted, given))


LIBRARY = {
    "truncated_normal": (proves_redrawing, latent.truncated_normal),
    "truncate": (proves_scaling, latent.truncate),
    "score_edits": (proves_the_edit_scores, editing.score_edits),
    "score_attributes": (proves_attributes_are_counted, editing.score_attributes),
}


@pytest.mark.parametrize("name", LIBRARY)
def test_the_library(name):
    proof, target = LIBRARY[name]
    proof(target)


# --- Mutants -------------------------------------------------------------------------------------


def of(name, old, new):
    """A mutant of the lesson's definitions that are proved under this name."""
    proof, wanted, given = PROVED[name]
    return LessonMutant(proof, LESSON, wanted, given, old, new)


def within(name, old, new):
    """A mutant of the library."""
    proof, target = LIBRARY[name]
    return Mutant(proof, target, old, new)


MUTANTS = {
    "draws: mean wait": of("draws", "np.log(risk) / np.log1p(-p)", "1 / p"),
    "draws: certainty": of("draws", "np.log(risk)", "np.log(1 - risk)"),
    "draws: down": of("draws", "np.ceil", "np.floor"),
    "spread: no half": of("spread", " / 2)", ")"),
    "spread: variance": of("spread", "np.sqrt(", "("),
    "spread: wraps round": of("spread", "first.astype(np.float32)", "first"),
    "redrawn: nothing kept": of("redrawn", "fresh | {name: attributes[name] for name in told}", "fresh"),
    "posterior: mean without B": of("elbo", "(x - B @ c) / noise_std**2, cov", "x / noise_std**2, cov"),
    "posterior: no prior": of("elbo", "np.eye(W.shape[1]) + W.T @ W", "W.T @ W"),
    "elbo: no B": of("elbo", "x - W @ mean - B @ c", "x - W @ mean"),
    "elbo: no trace": of("elbo", "error @ error + np.trace(W @ cov @ W.T)", "error @ error"),
    "elbo: KL added": of("elbo", "log_px - kl", "log_px + kl"),
    "elbo: no constant": of("elbo", "len(x) * np.log(2 * np.pi * noise_std**2)", "0"),
    "elbo: KL without determinant": of("elbo", " - np.linalg.slogdet(cov)[1])", ")"),
    "KL of Gaussians: exchanged": of("elbo", "np.linalg.inv(T)", "np.linalg.inv(S)"),
    "rate: information against the prior": of("rate", "q_zx / q_z", "q_zx / p_z"),
    "rate: mismatch the other way": of("rate", "(q_z * np.log(q_z / p_z))", "(p_z * np.log(p_z / q_z))"),
    "told elbo: encoder not told": of("told elbo", "encoder([x, c])", "encoder([x, 0 * c])"),
    "told elbo: decoder not told": of("told elbo", "decoder([z, c])", "decoder([z, 0 * c])"),
    "told elbo: variance for deviation": of("told elbo", "tf.exp(0.5 * logvar)", "tf.exp(logvar)"),
    "told elbo: mean over pixels": of("told elbo", "-0.5 * tf.reduce_sum(np", "-0.5 * tf.reduce_mean(np"),
    "told elbo: no logvar": of("told elbo", "np.log(2 * np.pi) + logvar_x + squares", "np.log(2 * np.pi) + squares"),
    "told elbo: KL": of("told elbo", "return log_px - kl", "return log_px + kl"),
    "projection: no psi": of("projection", " * phi, axis=1) + psi", " * phi, axis=1)"),
    "projection: wrong axis": of("projection", "(c @ V) * phi, axis=1", "(c @ V) * phi, axis=None"),
    "densities: no 2": of("projection", "(2 * std**2) - np.log", "std**2 - np.log"),
    "densities: one dimension": of("projection", "np.log(2 * np.pi * std**2)", "0.5 * np.log(2 * np.pi * std**2)"),
    "class weights: no prior": of("projection", " + np.log(weights)", ""),
    "class weights: no square": of("projection", "-(means**2).sum(axis=1) / (2 * std**2)", "0"),
    "head: no plain part": of(
        "head",
        "layers.Add()([plain, layers.Dot(axes=1)([scores, c])])",
        "layers.Add()([0 * plain, layers.Dot(axes=1)([scores, c])])",
    ),
    "head: not scaled": of("head", "** -0.5", "** 0.0"),
    "head: not from zero": of("head", 'kernel_initializer="zeros"', 'kernel_initializer="glorot_uniform"'),
    "step: D's sign": of("step", "tf.nn.softplus(-self.logits(real, c))", "tf.nn.softplus(self.logits(real, c))"),
    "step: fakes": of("step", "tf.nn.softplus(self.logits(fake, c))", "tf.nn.softplus(-self.logits(fake, c))"),
    "step: G saturates": of(
        "step", "tf.nn.softplus(-self.logits(self.fakes(c), c))", "-tf.nn.softplus(self.logits(self.fakes(c), c))"
    ),
    "step: G judged with another c": of("step", "self.logits(self.fakes(c), c)", "self.logits(self.fakes(c), c[::-1])"),
    "step: G not told": of(
        "step", "self.generator([z, c], training=True)", "self.generator([z, 0 * c], training=True)"
    ),
    "step: no average": of("step", "0.98 * kept + 0.02 * moving", "moving"),
    "step: always blind": of("step", "c if self.tell else", "c if not self.tell else"),
    "truncation: no 2": of("truncation", "1 - 2 * threshold", "1 - threshold"),
    "truncation: one tail": of("truncation", "(2 * stats.norm.cdf(threshold) - 1)", "stats.norm.cdf(threshold)"),
    "masked error: all pixels": of(
        "masked error", "tf.reduce_sum(mask * tf.ones_like(x)", "tf.reduce_sum(tf.ones_like(x)"
    ),
    "masked error: no channels": of("masked error", "mask * tf.ones_like(x)", "mask"),
    "masked error: no mask": of("masked error", "mask * (made - x)", "(made - x)"),
    "search: a pull to zero": of(
        "search", "(tf.norm(z, axis=1) / d**0.5 - 1) ** 2", "(tf.norm(z, axis=1) / d**0.5) ** 2"
    ),
    "search: unbounded": of("search", "tf.clip_by_norm(z, d**0.5 + 2, axes=1)", "z"),
    "search: a mean": of(
        "search", "tf.reduce_sum(errors + weight * off_sphere)", "tf.reduce_sum(errors - weight * off_sphere)"
    ),
    "search: other conditions": of("search", "(x, c, mask))", "(x, c[::-1], mask))"),
    "search: the worst start": of("search", "errors.argmin(axis=1)", "errors.argmax(axis=1)"),
    "difference: the other way": of("difference", "+ after - before", "+ before - after"),
    "difference: wraps round": of("difference", "x.astype(np.int16)", "x"),
    "asked: nothing": of("asked", "(labels[name] + 1)", "labels[name]"),
    "asked: out of range": of("asked", " % len(space.values[name])", ""),
    "redrawing: one side": within(
        "truncated_normal", "uniform(lowest, 1 - lowest, shape)", "uniform(lowest, 1, shape)"
    ),
    "redrawing: the whole": within("truncated_normal", "uniform(lowest, 1 - lowest, shape)", "uniform(0, 1, shape)"),
    "scaling: squared": within("truncate", 'number("psi", psi, 0, 1) *', 'number("psi", psi, 0, 1) ** 2 *'),
    "edit scores: the whole": within(
        "score_edits", "region_psnr(edited, truths, region)", "region_psnr(edited, truths)"
    ),
    "edit scores: inside out": within("score_edits", "outside = ~region", "outside = region"),
    "edit scores: one channel": within("score_edits", "np.any(truths", "np.all(truths"),
    "attributes: all": within("score_attributes", "right[change].mean()", "right.mean()"),
    "attributes: kept anything": within("score_attributes", "right[~change].mean()", "right.mean()"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_proof_notices(name):
    MUTANTS[name].is_killed()
