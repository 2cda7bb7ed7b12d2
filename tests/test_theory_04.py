"""The derivations of lesson 04, each against something independent, and mutants that each proof must notice."""

import json

import keras
import numpy as np
import pytest
import record_lesson_04
import tensorflow as tf
from keras import layers
from lesson_code import definitions
from mutation import LessonMutant, Mutant
from scipy import integrate, stats
from scipy.special import gammaln

from course_lib import _assets, data, divergences, latent, metrics, vae

LESSON = "04_latent_space"
SPACE = {"np": np, "gammaln": gammaln, "stats": stats, "keras": keras, "layers": layers, "vae": vae, "tf": tf}
WANTED = {
    "norms": {"mean_norm", "variance_of_norm"},
    "line": {"line_scale"},
    "slerp": {"slerp"},
    "aggregate": {"aggregate_covariance"},
    "directions": {"difference_of_means", "discriminant", "cosine", "project_out"},
    "information": {"mutual_information", "information_table", "gaps"},
    "linear": {"rotation", "log_evidence", "linear_elbo", "exact_posterior", "diagonal_gap", "gap_at"},
    "sprites": {"silhouettes", "sprite_vae"},
}


def lesson(part):
    """Return the definitions of one part of the lesson."""
    return definitions(LESSON, WANTED[part], SPACE)


# --- Norms and paths ---------------------------------------------------------------------------


def proves_the_norm(found):
    for d in (1, 2, 5, 40):
        weight = integrate.quad(lambda r, d=d: r ** (d - 1) * np.exp(-(r**2) / 2), 0, 40)[0]
        mean = integrate.quad(lambda r, d=d: r**d * np.exp(-(r**2) / 2), 0, 40)[0] / weight
        square = integrate.quad(lambda r, d=d: r ** (d + 1) * np.exp(-(r**2) / 2), 0, 40)[0] / weight
        assert np.isclose(found["mean_norm"](d), mean, rtol=1e-6)
        assert np.isclose(found["variance_of_norm"](d), square - mean**2, rtol=1e-4)
    assert abs(found["variance_of_norm"](10_000) - 0.5) < 1e-3


def proves_the_scale_on_a_line(found):
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 200_000))
    for t in (0.0, 0.2, 0.5, 0.9):
        points = (1 - t) * a + t * b
        error = np.sqrt(2 / len(points)) * points.var()
        assert abs(found["line_scale"](t) ** 2 - points.var()) < 5 * error


def proves_the_arc(path):
    """``path(a, b, t)``: its two conditions, its ends and its norm, in several dimensions."""
    rng = np.random.default_rng(1)
    for d in (2, 3, 50):
        a, b = rng.standard_normal((2, d)) * [[1.0], [2.0]]
        norm_a, norm_b = np.linalg.norm(a), np.linalg.norm(b)
        theta = np.arccos(a @ b / (norm_a * norm_b))
        for t in (0.0, 0.25, 0.5, 0.8, 1.0):
            point = path(a, b, t)
            norm = np.linalg.norm(point)
            assert np.isclose(norm, (1 - t) * norm_a + t * norm_b)
            assert np.isclose(point @ a / (norm * norm_a), np.cos(t * theta))
            assert np.isclose(point @ b / (norm * norm_b), np.cos((1 - t) * theta))
    assert np.allclose(path(a, 3 * a, 0.25), 1.5 * a)


def proves_the_lessons_arc(found):
    proves_the_arc(found["slerp"])


def proves_the_librarys_arc(slerp):
    proves_the_arc(lambda a, b, t: slerp(a, b, 21)[round(20 * t)])


def proves_the_rescaled_line(lerp_rescaled):
    rng = np.random.default_rng(2)
    ends = rng.standard_normal((4000, 2, 8))
    points = np.array([lerp_rescaled(*pair, 5) for pair in ends])  # (4000, 5, 8)
    for k in range(5):
        assert stats.kstest(points[:, k].ravel(), "norm").pvalue > 1e-4
    assert (points[:, 0] == ends[:, 0]).all() and (points[:, -1] == ends[:, 1]).all()


# --- Directions --------------------------------------------------------------------------------


def proves_total_variance(found):
    """Against the mixture's covariance from its second moment, E[zzᵀ] − E[z]E[z]ᵀ."""
    rng = np.random.default_rng(3)
    mean, logvar = rng.standard_normal((50, 4)), rng.standard_normal((50, 4)) - 1
    second = np.mean([np.outer(m, m) + np.diag(np.exp(v)) for m, v in zip(mean, logvar, strict=True)], axis=0)
    centre = mean.mean(axis=0)
    assert np.allclose(found["aggregate_covariance"](mean, logvar), second - np.outer(centre, centre))


def proves_principal_directions(principal):
    rng = np.random.default_rng(4)
    z = rng.standard_normal((300, 5)) @ rng.standard_normal((5, 5)) + 4
    directions, variances = principal(z, 3)
    assert np.allclose(np.cov(z.T) @ directions.T, directions.T * variances)
    others = rng.standard_normal((2000, 5))
    others /= np.linalg.norm(others, axis=1, keepdims=True)
    assert np.var(z @ others.T, axis=0, ddof=1).max() <= variances[0] + 1e-9


def labelled(seed=5):
    rng = np.random.default_rng(seed)
    y = (rng.random(5000) < 0.3).astype(int)
    mix = rng.standard_normal((4, 4))
    return rng.standard_normal((5000, 4)) @ mix + y[:, None] * np.array([1.0, -0.5, 2.0, 0.0]) + 3, y


def proves_the_discriminant_is_the_regression(direction):
    z, y = labelled()
    regression = np.linalg.lstsq(np.column_stack([z, np.ones(len(z))]), y.astype(float), rcond=None)[0][:-1]
    w = direction(z, y)
    assert np.isclose(w @ regression / (np.linalg.norm(w) * np.linalg.norm(regression)), 1, atol=1e-9)


def proves_the_lessons_discriminant(found):
    proves_the_discriminant_is_the_regression(found["discriminant"])


def proves_the_difference(direction):
    z, y = labelled()
    expected = [np.mean(column[y == 1]) - np.mean(column[y == 0]) for column in z.T]
    w = direction(z, y)
    assert np.allclose(w / np.linalg.norm(w), expected / np.linalg.norm(expected))


def proves_projection(remove):
    rng = np.random.default_rng(6)
    v, others = rng.standard_normal(6), 3 * rng.standard_normal((2, 6))
    rest = remove(v, others)
    assert np.allclose(others @ rest, 0, atol=1e-9)
    assert np.linalg.matrix_rank(np.vstack([others, v, rest])) == 3, "it stays in the span"
    assert rest @ v > 0


def proves_the_lessons_projection(found):
    proves_projection(found["project_out"])
    v, other = np.array([1.0, 1.0]), np.array([[0.0, 5.0]])
    assert np.allclose(found["project_out"](v, other), [1, 0])


# --- Information -------------------------------------------------------------------------------


def proves_information(found):
    mutual_information = found["mutual_information"]
    rng = np.random.default_rng(7)
    joint = rng.integers(0, 5, (4, 3)).astype(float)
    p = joint / joint.sum()
    entropies = [-np.sum(q[q > 0] * np.log(q[q > 0])) for q in (p.sum(axis=1), p.sum(axis=0), p.ravel())]
    assert np.isclose(mutual_information(joint), entropies[0] + entropies[1] - entropies[2])
    assert np.isclose(mutual_information(np.outer([1, 2, 3], [4, 5])), 0)
    assert np.isclose(mutual_information(np.diag([1, 1, 1, 1])), np.log(4))
    assert np.isclose(mutual_information(joint), divergences.mutual_information(joint))


def product_of_factors():
    """Every combination of two factors with 3 and 4 values equally often: (300, 2)."""
    return np.repeat(np.indices((3, 4)).reshape(2, -1).T, 25, axis=0)


def oracles(v):
    """Codes of which the gap is known exactly."""
    return [
        (v * [2.0, -1.0], 1.0),
        (np.concatenate([v, -v], axis=1), 0.0),
        (np.column_stack([v[:, 0], v[:, 1], 5 * v[:, 1]]), 0.5),  # one factor alone, the other in two coordinates
    ]


def proves_the_gap(found):
    v = product_of_factors()
    for z, expected in oracles(v):
        assert np.isclose(found["gaps"](found["information_table"](z, v), v).mean(), expected)
    rng = np.random.default_rng(8)
    z = np.concatenate([v + 0.3 * rng.standard_normal(v.shape), rng.uniform(size=v.shape)], axis=1)
    value = found["gaps"](found["information_table"](z, v), v)
    assert np.isclose(value.mean(), metrics.mutual_information_gap(z, v)) and np.all((value >= 0) & (value <= 1))


def proves_the_librarys_gap(gap):
    v = product_of_factors()
    for z, expected in oracles(v):
        assert np.isclose(gap(z, v), expected)


# --- The rotation ------------------------------------------------------------------------------


def linear_model():
    rng = np.random.default_rng(9)
    A = rng.standard_normal((4, 2))
    x = rng.standard_normal((300, 2)) @ A.T + 0.4 * rng.standard_normal((300, 4))
    return x, A, 0.16


def proves_rotations_change_nothing(found):
    x, A, noise = linear_model()
    R = found["rotation"](0.7)
    assert np.allclose(R.T @ R, np.eye(2)) and np.isclose(np.linalg.det(R), 1)
    mean, cov = found["exact_posterior"](x, A, noise)
    evidence = found["log_evidence"](x, A, noise)
    assert np.allclose(found["linear_elbo"](x, A, noise, mean, cov), evidence), "the exact posterior is tight"
    mean, cov = mean + 0.1, 2 * cov + [[0.1, 0.02], [0.02, 0.05]]  # a poor q
    bound = found["linear_elbo"](x, A, noise, mean, cov)
    assert np.all(bound < evidence)
    assert np.allclose(bound, found["linear_elbo"](x, A @ R.T, noise, mean @ R.T, R @ cov @ R.T))
    assert np.allclose(evidence, found["log_evidence"](x, A @ R.T, noise))


def proves_the_elbo_by_sampling(found):
    x, A, noise = linear_model()
    x, mean, cov = x[:1], np.array([[0.3, -0.4]]), np.array([[0.5, 0.1], [0.1, 0.3]])
    z = np.random.default_rng(10).multivariate_normal(mean[0], cov, 200_000)
    draws = stats.multivariate_normal(np.zeros(4), noise * np.eye(4)).logpdf(x - z @ A.T)
    draws += stats.multivariate_normal(np.zeros(2)).logpdf(z) - stats.multivariate_normal(mean[0], cov).logpdf(z)
    error = draws.std() / np.sqrt(len(draws))
    assert abs(found["linear_elbo"](x, A, noise, mean, cov)[0] - draws.mean()) < 5 * error


def proves_the_diagonal_gap(found):
    """Against the least KL(q ‖ posterior) over diagonal q, on a grid that holds the optimum."""
    precision = np.array([[3.0, 1.2], [1.2, 2.0]])
    cov, zero = np.linalg.inv(precision), np.zeros(2)
    grid = np.exp(np.linspace(-0.3, 0.3, 31))
    kls = [divergences.kl_gaussians(zero, np.diag([u / 3.0, v / 2.0]), zero, cov) for u in grid for v in grid]
    assert np.isclose(found["diagonal_gap"](precision), min(kls), atol=1e-9)
    assert np.isclose(found["diagonal_gap"](np.diag([2.0, 5.0])), 0)
    A = np.eye(3, 2) * [2.0, 1.0]
    assert found["gap_at"](A, 0.0) < 1e-9 < found["gap_at"](A, 0.5)
    assert np.isclose(found["gap_at"](np.eye(3, 2), 0.5), 0)


# --- Every proof with the real formula, and with broken ones ------------------------------------------


LESSON_PROOFS = [
    (proves_the_norm, "norms"),
    (proves_the_scale_on_a_line, "line"),
    (proves_the_lessons_arc, "slerp"),
    (proves_total_variance, "aggregate"),
    (proves_the_lessons_discriminant, "directions"),
    (proves_the_lessons_projection, "directions"),
    (proves_information, "information"),
    (proves_the_gap, "information"),
    (proves_rotations_change_nothing, "linear"),
    (proves_the_elbo_by_sampling, "linear"),
    (proves_the_diagonal_gap, "linear"),
]
PART = dict(LESSON_PROOFS)
LIBRARY_PROOFS = [
    (proves_the_librarys_arc, latent.slerp),
    (proves_the_rescaled_line, latent.lerp_rescaled),
    (proves_principal_directions, latent.principal_directions),
    (proves_the_discriminant_is_the_regression, latent.discriminant_direction),
    (proves_the_difference, latent.attribute_direction),
    (proves_projection, latent.without),
    (proves_the_librarys_gap, metrics.mutual_information_gap),
]
TARGET = dict(LIBRARY_PROOFS)


@pytest.mark.parametrize(("proof", "part"), LESSON_PROOFS, ids=lambda value: getattr(value, "__name__", value))
def test_the_lessons_definitions_hold(proof, part):
    proof(lesson(part))


@pytest.mark.parametrize(("proof", "function"), LIBRARY_PROOFS, ids=lambda value: value.__name__)
def test_the_librarys_functions_hold(proof, function):
    proof(function)


def taught(proof, old, new):
    """A mutant of the lesson's definitions."""
    return LessonMutant(proof, LESSON, WANTED[PART[proof]], SPACE, old, new)


def kept(proof, old, new, inside=None):
    """A mutant of the library's function."""
    return Mutant(proof, TARGET[proof], old, new, inside)


ROOT = "np.sqrt(t**2 + (1 - t) ** 2)"
SOLVED = "np.linalg.solve(within, difference)"
WHITENED = "np.linalg.solve(within.T @ within / len(z), difference_of_means(z, y))"
FIRST, SECOND = "z[labels == 1].mean(axis=0)", "z[labels == 0].mean(axis=0)"
INFO = "information[-1] - information[-2]"
MUTANTS = {
    "norm: no √2": taught(proves_the_norm, "np.sqrt(2) * ", ""),
    "norm: one Γ with the wrong argument": taught(proves_the_norm, "gammaln((d + 1) / 2)", "gammaln((d + 2) / 2)"),
    "norm: quotient turned over": taught(proves_the_norm, "np.exp(gammaln((d", "np.exp(-gammaln((d"),
    "norm: variance without the square": taught(proves_the_norm, "d - mean_norm(d) ** 2", "d - mean_norm(d)"),
    "line: standard deviations added": taught(proves_the_scale_on_a_line, ROOT, "(t + (1 - t))"),
    "line: no root": taught(proves_the_scale_on_a_line, "np.sqrt(", "("),
    "arc: both weights alike": taught(proves_the_lessons_arc, "np.sin((1 - t) * theta)", "np.sin(t * theta)"),
    "arc: angle of vectors as they are": taught(proves_the_lessons_arc, "a @ b / (norm_a * norm_b)", "a @ b"),
    "arc: norm dropped": taught(proves_the_lessons_arc, "((1 - t) * norm_a + t * norm_b) * direction", "direction"),
    "library's arc: half the angle": kept(proves_the_librarys_arc, "np.cos(t * angle)", "np.cos(t * angle / 2)"),
    "library's arc: norm dropped": kept(proves_the_librarys_arc, "((1 - t) * norm_a + t * norm_b) * ", ""),
    "rescaled: variance for scale": kept(proves_the_rescaled_line, ROOT, "(t**2 + (1 - t) ** 2)"),
    "rescaled: not rescaled": kept(proves_the_rescaled_line, f" / {ROOT}", ""),
    "total variance: noise dropped": taught(proves_total_variance, "np.diag(np.exp(logvar).mean(axis=0)) + ", ""),
    "total variance: mean of logarithms": taught(
        proves_total_variance, "np.exp(logvar).mean(axis=0)", "np.exp(logvar.mean(axis=0))"
    ),
    "total variance: std for variance": taught(proves_total_variance, "np.exp(logvar)", "np.exp(logvar / 2)"),
    "components: not centred": kept(proves_principal_directions, "z - z.mean(axis=0)", "z"),
    "components: std for variance": kept(proves_principal_directions, "singular[:k] ** 2", "singular[:k]"),
    "discriminant: not whitened": taught(proves_the_lessons_discriminant, WHITENED, "difference_of_means(z, y)"),
    "discriminant: a group not centred": taught(
        proves_the_lessons_discriminant, "z[y == 0] - z[y == 0].mean(axis=0)]", "z[y == 0]]"
    ),
    "library's discriminant: not whitened": kept(proves_the_discriminant_is_the_regression, SOLVED, "difference"),
    "library's discriminant: multiplied": kept(
        proves_the_discriminant_is_the_regression, SOLVED, "within @ difference"
    ),
    "difference: sign": kept(
        proves_the_difference, f"{FIRST} - {SECOND}", f"{SECOND} - {FIRST}", inside=latent._difference
    ),
    "difference: positives only": kept(proves_the_difference, f" - {SECOND}", "", inside=latent._difference),
    "projection: others taken for unit vectors": taught(
        proves_the_lessons_projection, "np.linalg.solve(N.T @ N, N.T @ vector)", "(N.T @ vector)"
    ),
    "projection: sign": taught(proves_the_lessons_projection, "vector - N @", "vector + N @"),
    "library's projection: sign": kept(proves_projection, "direction - others.T @", "direction + others.T @"),
    "library's projection: others taken for unit vectors": kept(
        proves_projection, "np.linalg.lstsq(others.T, direction, rcond=None)[0]", "(others @ direction)"
    ),
    "information: base 2": taught(proves_information, "np.log(p[seen]", "np.log2(p[seen]"),
    "information: a mean for a margin": taught(
        proves_information, "p.sum(axis=0, keepdims=True)", "p.mean(axis=0, keepdims=True)"
    ),
    "gap: largest less smallest": taught(proves_the_gap, "ordered[-1] - ordered[-2]", "ordered[-1] - ordered[0]"),
    "gap: not divided by the entropy": taught(proves_the_gap, "ordered[-2]) / entropy", "ordered[-2])"),
    "gap: sorted along the factors": taught(proves_the_gap, "np.sort(table, axis=0)", "np.sort(table, axis=1)"),
    "library's gap: largest less smallest": kept(
        proves_the_librarys_gap, INFO, "information[-1] - information[0]", inside=metrics._gap
    ),
    "library's gap: nothing subtracted": kept(proves_the_librarys_gap, INFO, "information[-1]", inside=metrics._gap),
    "rotation: not a rotation": taught(
        proves_rotations_change_nothing, "[np.sin(angle), np.cos(angle)]", "[np.sin(angle), -np.cos(angle)]"
    ),
    "posterior: the prior forgotten": taught(
        proves_rotations_change_nothing, "np.eye(A.shape[1]) + A.T", "0 * np.eye(A.shape[1]) + A.T"
    ),
    "evidence: std for variance": taught(
        proves_rotations_change_nothing, "noise_variance * np.eye(len(A))", "noise_variance**0.5 * np.eye(len(A))"
    ),
    "ELBO: the half dropped": taught(proves_the_elbo_by_sampling, "kl = 0.5 * ", "kl = 1.0 * "),
    "ELBO: trace term dropped": taught(proves_the_elbo_by_sampling, " + np.trace(A @ cov @ A.T)", ""),
    "ELBO: sign of the determinant": taught(
        proves_the_elbo_by_sampling, "- np.linalg.slogdet(cov)[1]", "+ np.linalg.slogdet(cov)[1]"
    ),
    "diagonal gap: the half dropped": taught(proves_the_diagonal_gap, "return 0.5 * (np.sum", "return (np.sum"),
    "diagonal gap: covariance for precision": taught(
        proves_the_diagonal_gap, "np.diag(precision)", "np.diag(np.linalg.inv(precision))"
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_proof_notices(name):
    MUTANTS[name].is_killed()


# --- Numbers without a definition of their own, and the record ----------------------------------------


def test_two_directions_are_nearly_perpendicular():
    """E cos² = 1/d, and the exact law of cos², a Beta law, against draws."""
    for d in (2, 10, 100):
        beta = stats.beta(0.5, (d - 1) / 2)
        assert np.isclose(beta.mean(), 1 / d)
        u, v = np.random.default_rng(d).standard_normal((2, 5000, d))
        squares = np.sum(u * v, axis=1) ** 2 / (np.sum(u**2, axis=1) * np.sum(v**2, axis=1))
        assert stats.kstest(squares, beta.cdf).pvalue > 1e-4


def test_singular_vectors_are_the_components_of_a_linear_layer():
    W = np.random.default_rng(11).standard_normal((4, 6))
    U, S, Vt = np.linalg.svd(W, full_matrices=False)
    assert np.allclose(np.linalg.eigvalsh(W.T @ W)[::-1][:4], S**2) and np.allclose(U.T @ W, S[:, None] * Vt)


def test_in_a_white_space_the_difference_of_means_is_the_regression():
    z = np.random.default_rng(12).standard_normal((2000, 3))
    z = (z - z.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(z.T, bias=True))).T
    y = (z @ [1.0, 2.0, 0.0] + np.sin(z[:, 2]) > 0.5).astype(int)
    assert np.isclose(latent.attribute_direction(z, y) @ latent.discriminant_direction(z, y), 1)


def test_the_bias_of_the_information_of_noise():
    rng = np.random.default_rng(13)
    v = rng.integers(0, 6, 4000)[:, None]
    table = lesson("information")["information_table"](rng.uniform(size=(4000, 60)), v)
    error = table.std() / np.sqrt(table.size)
    assert abs(table.mean() - 19 * 5 / (2 * 4000)) < 4 * error + 1e-4


@pytest.mark.parametrize("function", [latent.discriminant_direction, latent.attribute_direction])
def test_labels_of_one_kind_are_refused(function):
    with pytest.raises(ValueError, match="labels: expected both 0 and 1"):
        function(np.eye(4), np.ones(4))


def test_degenerate_directions_are_refused():
    with pytest.raises(ValueError, match="z: expected rows that vary in all 3 directions"):
        latent.discriminant_direction(np.arange(18.0).reshape(6, 3), [0, 1, 0, 1, 1, 1])
    with pytest.raises(ValueError, match="direction: expected a vector outside the span"):
        latent.without([1.0, 2.0, 0.0], np.eye(3)[:2])
    with pytest.raises(ValueError, match="others: expected shape"):
        latent.without([1.0, 2.0, 0.0], [1.0, 0.0, 0.0])


def test_the_lesson_and_the_recorder_see_the_same_sprites_and_build_the_same_network():
    found = lesson("sprites")
    pictures, _ = data.sprites(20, 32, seed=3)
    shapes = found["silhouettes"](pictures)
    assert np.array_equal(shapes, record_lesson_04.silhouettes(pictures))
    assert -1 <= shapes.min() < -0.98 and 0.98 < shapes.max() <= 1 and 0.01 < np.mean(shapes > 0) < 0.3
    ours, theirs = found["sprite_vae"](4.0, seed=1), record_lesson_04.build(4.0, 1)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert np.array_equal(a, b)
    assert not ours.logvar.trainable and not theirs.logvar.trainable


def test_the_record_is_whole_and_consistent():
    card = json.loads((_assets.ROOT / "lessons" / "04_disentanglement.json").read_text(encoding="utf-8"))
    record = _assets.read_npz("lessons/04_disentanglement.npz", card["sha256"])
    shape = len(card["sweep"]["beta"]), len(card["sweep"]["seed"])
    assert record["betas"].tolist() == card["sweep"]["beta"] and record["mig"].shape == shape
    assert np.allclose(record["kl_per_unit"].sum(axis=-1), record["rate"], rtol=1e-4)
    entropies = np.log([data.SPRITE_FACTORS[name] for name in card["factors"]])  # of uniform factors
    ordered = np.sort(record["information"], axis=2)
    migs = ((ordered[:, :, -1] - ordered[:, :, -2]) / entropies).mean(axis=-1)
    assert np.allclose(migs, record["mig"], atol=2e-3), "the table and the number are of one run"
    assert np.all(np.diff(record["rate"].mean(axis=1)) < 0) and np.all(np.diff(record["distortion"].mean(axis=1)) > 0)
    assert {"hardware", "date", "versions", "minutes"} <= card.keys()
