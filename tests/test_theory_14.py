"""Every derivation of lesson 14 against something independent of it, and mutants that its proof must notice."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from lesson_code import definitions
from mutation import LessonMutant, Mutant
from scipy import fft, optimize

from course_lib import _adain, _style_nets, images, losses, style

LESSON = "14_style_transfer"
SPACE = {"np": np, "tf": tf, "keras": keras, "fft": fft, "losses": losses, "images": images, "style": style}
RNG = np.random.default_rng(0)
X, Y = RNG.normal(0.7, 1, (7, 3)), RNG.normal(-0.2, 2, (5, 3))


def lesson(*names):
    """Return the lesson's definitions of these names."""
    return definitions(LESSON, set(names), SPACE)


def small_network():
    """Return a narrow feature network, calibrated, with all its maps by name."""
    model = _style_nets.style_features(width=4)
    rng = np.random.default_rng(3)
    model.set_weights([rng.standard_normal(w.shape, dtype=np.float32) for w in model.get_weights()])
    _style_nets.calibrate(model, rng.uniform(-1, 1, (2, 48, 48, 3)).astype(np.float32))
    return style.FeatureNetwork(model, "block2_conv1", ("block1_conv1", "block2_conv2", "block3_conv1"))


# --- The Gram matrix -----------------------------------------------------------------------------


def proves_the_gram_matrix(code):
    """Entry by entry; the same for any order and for the picture twice; covariance and mean."""
    G = code["gram"](X)
    for c, d in itertools.product(range(3), repeat=2):
        assert np.isclose(G[c, d], sum(x[c] * x[d] for x in X) / 7)
    assert np.allclose(code["gram"](X[::-1]), G) and np.allclose(code["gram"](np.tile(X, (2, 1))), G)
    assert np.allclose(G, np.cov(X.T, bias=True) + np.outer(X.mean(0), X.mean(0)))


def proves_the_librarys_gram_matrix(gram):
    maps = RNG.normal(1, 2, (2, 3, 4, 5))
    direct = np.array([sum(np.outer(v, v) for v in m.reshape(-1, 5)) / 12 for m in maps])
    np.testing.assert_allclose(gram(maps), direct, rtol=1e-10)


def proves_relative_gram_error(code):
    assert code["relative_gram_error"](X, X) == 0
    assert np.isclose(code["relative_gram_error"](0 * X, X), 1), "against nothing"
    assert np.isclose(code["relative_gram_error"](5 * X, 5 * Y), code["relative_gram_error"](X, Y))
    assert np.isclose(code["relative_gram_error"](np.sqrt(3) * X, X), 4), "three times G is 2 G away"


def proves_the_mixing(code):
    """An orthogonal map of positions: linear, keeps all scalar products of channels, and the mean."""
    maps = RNG.normal(0.5, 1, (6, 5, 2))
    mixed = code["mixed"](maps, np.random.default_rng(4))
    flat, flat_mixed = maps.reshape(30, 2), mixed.reshape(30, 2)
    assert np.allclose(flat_mixed.T @ flat_mixed, flat.T @ flat)
    assert np.allclose(flat_mixed.mean(axis=0), flat.mean(axis=0))
    lengths = [np.sort(np.linalg.norm(x, axis=1)) for x in (flat, flat_mixed)]
    assert not np.allclose(*lengths, rtol=0.05), "no mere permutation"
    unit = np.eye(30).reshape(6, 5, 30)
    Q = code["mixed"](unit, np.random.default_rng(4)).reshape(30, 30)
    assert np.allclose(Q @ Q.T, np.eye(30)) and np.allclose(Q @ flat, flat_mixed)


def test_equal_gram_matrices_are_orthogonal_mixings_and_nothing_else():
    """X′ᵀX′ = XᵀX has the solution Q = Ū′Ūᵀ of the lesson's proof, for a matrix without full rank too."""
    for rank in (3, 2):
        x = RNG.normal(size=(8, rank)) @ RNG.normal(size=(rank, 3))
        values, V = np.linalg.eigh(x.T @ x)
        s = np.sqrt(values.clip(0))
        other = np.linalg.qr(RNG.normal(size=(8, 8)))[0][:, :3] * s @ V.T
        assert np.allclose(other.T @ other, x.T @ x)
        bases = []
        for z in (x, other):
            known = z @ V[:, s > 1e-6] / s[s > 1e-6]
            bases.append(np.linalg.qr(np.column_stack([known, RNG.normal(size=(8, 8 - known.shape[1]))]))[0])
            bases[-1][:, : known.shape[1]] = known  # qr may flip signs
        Q = bases[1] @ bases[0].T
        assert np.allclose(Q @ Q.T, np.eye(8)) and np.allclose(Q @ x, other)


# --- The MMD -------------------------------------------------------------------------------------


def proves_the_mmd(mmd):
    """Against means of all products of two channels, written out."""

    def statistics(x):
        return np.mean([[v[c] * v[d] for c in range(3) for d in range(3)] for v in x], axis=0)

    for x, y in ((X, Y), (X, X[:2]), (Y, -Y)):
        assert np.isclose(mmd(x, y), np.sum((statistics(x) - statistics(y)) ** 2), atol=1e-10)


def proves_the_mmd_with_a_constant(code):
    """Against statistics of the kernel (x·y + c)²: products, √(2c) times the values, and c."""

    def statistics(x, c):
        return np.mean([[*np.outer(v, v).ravel(), *np.sqrt(2 * c) * v, c] for v in x], axis=0)

    for c in (0.0, 0.5, 7.0):
        expected = np.sum((statistics(X, c) - statistics(Y, c)) ** 2)
        assert np.isclose(code["mmd_with_constant"](X, Y, c), expected)
        grams = np.sum((X.T @ X / 7 - Y.T @ Y / 5) ** 2)
        assert np.isclose(expected, grams + 2 * c * np.sum((X.mean(0) - Y.mean(0)) ** 2)), "the box"


def library_mmd(style_loss):
    """Return the library's style loss as a function of positions, without its division by C²."""
    return lambda x, y: float(style_loss(x[None, :, None], y[None, :, None])) * x.shape[1] ** 2


def proves_the_gradient(code):
    """Central differences of ‖G − A‖², which is a polynomial of degree 4."""
    A = Y.T @ Y / 5

    def loss(x):
        return np.sum((x.T @ x / len(x) - A) ** 2)

    gradient = code["gram_loss_gradient"](X, A)
    assert gradient.shape == X.shape
    for i, c in itertools.product(range(7), range(3)):
        step = np.zeros_like(X)
        step[i, c] = 1e-4
        assert np.isclose(gradient[i, c], (loss(X + step) - loss(X - step)) / 2e-4, rtol=1e-5, atol=1e-7)


def test_mixed_losses_are_one_loss_and_a_constant():
    G, A, B = (z.T @ z for z in RNG.normal(size=(3, 4, 4)))
    for w in (0.0, 0.3, 1.0):
        both = (1 - w) * np.sum((G - A) ** 2) + w * np.sum((G - B) ** 2)
        assert np.isclose(both, np.sum((G - (1 - w) * A - w * B) ** 2) + w * (1 - w) * np.sum((A - B) ** 2))


# --- Painting ------------------------------------------------------------------------------------

PAINTER = ("paint", "errors", "grain", "mirrored")


def proves_the_errors(code):
    network = small_network()
    picture = RNG.uniform(-1, 1, (1, 24, 32, 3)).astype(np.float32)
    maps = network.model(picture)
    photograph = maps[network.content]
    targets = {name: losses.gram(maps[name]) for name in network.style}
    content_error, style_error = code["errors"](picture, network, photograph, targets)
    assert float(content_error) == 0 and float(style_error) == 0
    flat = tf.broadcast_to(tf.reduce_mean(photograph, axis=(1, 2), keepdims=True), photograph.shape)
    blank = network._replace(
        model=lambda x, training=False: {name: 0 * m for name, m in maps.items()} | {network.content: flat}
    )
    content_error, style_error = code["errors"](picture, blank, photograph, targets)
    assert np.isclose(content_error, 1, rtol=1e-4), "all lost but the mean"
    expected = [1 if name != network.content else None for name in network.style]
    assert None not in expected and np.isclose(style_error, 1, rtol=1e-4), "as far as nothing"


def proves_the_grain(code):
    flat = np.full((1, 4, 5, 3), 0.3, np.float32)
    board = np.indices((4, 6)).sum(axis=0)[None, ..., None] % 2 * np.ones(3)
    rows = np.broadcast_to(np.arange(4.0)[None, :, None, None], (1, 4, 5, 3))
    assert float(code["grain"](flat)) == 0
    assert np.isclose(code["grain"](board), 2) and np.isclose(code["grain"](-board), 2)
    assert np.isclose(code["grain"](rows), 1)
    assert np.isclose(code["grain"](board), style.total_variation(board.astype(np.float32)))


def proves_the_painter(code):
    """The library's, with its extras turned off: the same picture and the same errors."""
    network = small_network()
    content = images.resize(RNG.integers(0, 256, (1, 9, 12, 3), dtype=np.uint8), (36, 48))[0]
    manner = images.resize(RNG.integers(0, 256, (1, 20, 12, 3), dtype=np.uint8), (48, 36))[0]
    options = {"strength": 3.0, "variation": 0.2}
    pictures, log = code["paint"](content, manner, network, steps=8, rate=0.05, **options)
    shots = list(
        style.StyleTransfer(network).steps(
            content, manner, size=None, steps=8, scales=1, jitter=False, every=1, learning_rate=0.05, **options
        )
    )
    assert pictures.shape == (9, 36, 48, 3) and np.array_equal(pictures[0], content)
    for k, shot in enumerate(shots[:-1]):
        assert np.abs(shot.image.astype(int) - pictures[k]).mean() < 0.3, k
        assert np.allclose(log[k], (shot.content, shot.style), rtol=1e-2, atol=1e-4)
    assert np.abs(pictures[-1].astype(int) - content).mean() > 2, "something was painted"


# --- The faults ----------------------------------------------------------------------------------


def proves_the_overweight(code):
    """From the two published formulas with numbers of channels and pixels put in."""
    n1 = 400 * 300
    for channels, smaller in ((64, 1), (128, 2), (512, 16)):
        positions = n1 / smaller**2
        copied, paper = 1 / (4 * 3**2 * n1**2), 1 / (4 * channels**2 * positions**2)
        assert np.isclose(code["overweight"](channels, smaller), copied / paper)


def proves_the_visits(code):
    """Count, for each pixel, the windows that hold it."""
    for kernel, stride in ((3, 2), (5, 2), (4, 2), (5, 3), (3, 3)):
        n = 30
        counted = np.zeros(n)
        for start in range(0, n - kernel + 1, stride):
            counted[start : start + kernel] += 1
        assert np.array_equal(code["times_read"](kernel, stride, n), counted[kernel:-kernel])
        expected = {sum(j % stride == p for j in range(kernel)) for p in range(stride)}
        assert set(counted[kernel:-kernel]) == expected, "the lesson's count of remainders"


def proves_the_share_of_means(code):
    assert np.isclose(code["share_of_means"](np.ones((6, 1)) * [1.0, 2.0]), 1), "constant features are their mean"
    assert code["share_of_means"](X - X.mean(axis=0)) < 1e-20
    line = np.array([[0.0], [2.0]])  # mean 1, G = 2
    assert np.isclose(code["share_of_means"](line), 1 / 4)


# --- The comparison ------------------------------------------------------------------------------


def proves_the_interpolation(code):
    line = np.array([[1.0, 1.0], [0.8, 0.25], [0.5, 0.1]])
    at = code["at_equal_drawing"]
    assert np.isclose(at(line, 0.9), 0.5), "the geometric mean, half-way"
    assert np.isclose(at(line, 0.8), 0.25) and np.isclose(at(line, 0.5), 0.1)
    assert np.isclose(at(line, 0.65), np.sqrt(0.025))
    assert np.isnan(at(line, 0.4)), "never so far"


# --- AdaIN ---------------------------------------------------------------------------------------


def proves_adain(adain):
    """The right moments, at the least cost that a numerical optimiser finds under the same conditions."""
    matched = adain(X, Y)
    assert np.allclose(matched.mean(0), Y.mean(0)) and np.allclose(matched.std(0), Y.std(0))
    assert np.allclose(np.corrcoef(matched.T), np.corrcoef(X.T)), "correlations remain"
    x, mean, std = X[:, 0], Y[:, 0].mean(), Y[:, 0].std()
    conditions = [
        {"type": "eq", "fun": lambda y: y.mean() - mean},
        {"type": "eq", "fun": lambda y: y.std() - std},
    ]
    for start in RNG.normal(size=(4, 7)):
        found = optimize.minimize(
            lambda y: np.mean((y - x) ** 2), start, constraints=conditions, options={"maxiter": 500}
        )
        cost = np.mean((matched[:, 0] - x) ** 2)
        assert cost < found.fun + 1e-6
    assert np.isclose(cost, (mean - x.mean()) ** 2 + (std - x.std()) ** 2), "the box"


def of_lesson_adain(code):
    proves_adain(code["adain"])


def proves_the_librarys_adain(match_moments):
    """The library's function of given moments, on maps (1, N, 1, C)."""

    def adain(x, y):
        moments = (tf.constant(f(y, axis=0)[None, None, None]) for f in (np.mean, np.std))
        return np.asarray(match_moments(x[None, :, None], *moments))[0, :, 0]

    proves_adain(adain)


DECODER = ("train_decoder", "adain_losses", "DECODED", "MATCHED")


def proves_the_losses_of_the_decoder(code):
    """Against NumPy, and the library's equations 12 and 13."""
    encoder, decoder = small_network().model, _style_nets.style_decoder(width=4)
    content, painting = RNG.uniform(-1, 1, (2, 3, 16, 16, 3)).astype(np.float32)
    model = style.AdaIN(encoder, decoder)
    decoded, target = model({"content": content, "style": painting})
    got = [float(value) for value in code["adain_losses"](encoder, decoded, target, painting)]
    assert np.allclose(got, [float(value) for value in model.errors(decoded, target, painting)], rtol=1e-5)
    a, b = ({k: np.asarray(m, float) for k, m in encoder(x).items()} for x in (decoded, painting))
    assert np.isclose(got[0], np.mean((a["block3_relu1"] - target) ** 2), rtol=1e-4)
    expected = 0.0
    for k in ("block1_relu1", "block2_relu1", "block3_relu1"):
        for f in (np.mean, np.std):
            expected += np.mean((f(a[k], axis=(1, 2)) - f(b[k], axis=(1, 2))) ** 2)
    assert np.isclose(got[1], expected, rtol=1e-4)


def proves_the_training(code):
    """The first step's losses are the library's; then their sum falls, by moving the decoder and not the encoder."""
    keras.utils.set_random_seed(0)
    encoder, decoder = small_network().model, _style_nets.style_decoder(width=4)
    kept = [w.copy() for w in encoder.get_weights()], [w.copy() for w in decoder.get_weights()]
    photo, painting = images.to_float(images.resize(RNG.integers(0, 256, (16, 3, 3, 3), np.uint8), 16)).reshape(
        2, 8, 16, 16, 3
    )
    model = style.AdaIN(encoder, decoder)
    first = [float(v) for v in model.errors(*model({"content": photo, "style": painting}), painting)]
    first.append(np.mean((decoder(encoder(photo)["block3_relu1"]) - photo) ** 2))
    log = code["train_decoder"](decoder, encoder, [(photo, painting)] * 30, rate=3e-3)
    assert log.shape == (30, 3) and np.allclose(log[0], first, rtol=1e-4)
    assert log[-1] @ [1, 10, 100] < 0.8 * (log[0] @ [1, 10, 100])
    assert all(np.array_equal(a, b) for a, b in zip(kept[0], encoder.get_weights(), strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(kept[1], decoder.get_weights(), strict=True))


# --- The proofs hold -----------------------------------------------------------------------------

PROOFS = {
    "gram": (proves_the_gram_matrix, ()),
    "relative_gram_error": (proves_relative_gram_error, ("gram",)),
    "mixed": (proves_the_mixing, ()),
    "squared_mmd": (lambda code: proves_the_mmd(code["squared_mmd"]), ()),
    "mmd_with_constant": (proves_the_mmd_with_a_constant, ()),
    "gram_loss_gradient": (proves_the_gradient, ("gram",)),
    "errors": (proves_the_errors, ()),
    "grain": (proves_the_grain, ()),
    "paint": (proves_the_painter, PAINTER),
    "overweight": (proves_the_overweight, ()),
    "times_read": (proves_the_visits, ()),
    "share_of_means": (proves_the_share_of_means, ("gram",)),
    "at_equal_drawing": (proves_the_interpolation, ("KEPT",)),
    "adain": (of_lesson_adain, ()),
    "adain_losses": (proves_the_losses_of_the_decoder, DECODER),
    "train_decoder": (proves_the_training, DECODER),
}


@pytest.mark.parametrize("name", PROOFS)
def test_the_proof_holds(name):
    proof, helpers = PROOFS[name]
    proof(lesson(name, *helpers))


def test_the_proofs_hold_for_the_library():
    proves_the_librarys_gram_matrix(losses.gram)
    proves_the_mmd(library_mmd(losses.style_loss))
    proves_the_librarys_adain(style.match_moments)


# --- Mutants -------------------------------------------------------------------------------------


def of_lesson(name, old, new):
    """Return a mutant of one definition of the lesson, with the helpers that its proof needs."""
    proof, helpers = PROOFS[name]
    return LessonMutant(proof, LESSON, {name, *helpers}, SPACE, old, new)


def mmd_in_library(style_loss):
    proves_the_mmd(library_mmd(style_loss))


MUTANTS = {
    "Gram: not divided": of_lesson("gram", "x.T @ x / len(x)", "x.T @ x"),
    "Gram: over channels": of_lesson("gram", "/ len(x)", "/ x.shape[1]"),
    "Gram: of positions": of_lesson("gram", "x.T @ x", "x @ x.T"),
    "library Gram: over channels too": Mutant(
        proves_the_librarys_gram_matrix, losses.gram, "/ positions", "/ positions / features.shape[3]"
    ),
    "library Gram: rows only": Mutant(
        proves_the_librarys_gram_matrix,
        losses.gram,
        "tf.shape(features)[1] * tf.shape(features)[2]",
        "tf.shape(features)[1]",
    ),
    "relative error: of the wrong matrix": of_lesson(
        "relative_gram_error", "np.sum(gram(y) ** 2)", "np.sum(gram(x) ** 2)"
    ),
    "relative error: not squared": of_lesson(
        "relative_gram_error", "(gram(x) - gram(y)) ** 2", "abs(gram(x) - gram(y))"
    ),
    "mixing: not orthonormal": of_lesson("mixed", 'fft.dctn(x, axes=(0, 1), norm="ortho")', "fft.dctn(x, axes=(0, 1))"),
    "mixing: the mean flips": of_lesson("mixed", "signs[0, 0] = 1", "signs[0, 0] = -1"),
    "mixing: factors for signs": of_lesson("mixed", "[-1.0, 1.0]", "[-1.0, 1.1]"),
    "MMD: not squared": of_lesson("squared_mmd", "(x @ y.T) ** 2", "(x @ y.T)"),
    "MMD: one cross term": of_lesson("squared_mmd", "- 2 * np.mean", "- np.mean"),
    "MMD: sums": of_lesson("squared_mmd", "np.mean((x @ x.T) ** 2)", "np.sum((x @ x.T) ** 2)"),
    "library MMD: absolute": Mutant(mmd_in_library, losses.style_loss, "tf.square(", "tf.abs("),
    "constant: left out once": of_lesson("mmd_with_constant", "(x @ y.T + c)", "(x @ y.T)"),
    "constant: outside the square": of_lesson("mmd_with_constant", "(x @ y.T + c) ** 2", "((x @ y.T) ** 2 + c)"),
    "gradient: half": of_lesson("gram_loss_gradient", "4 / len(x)", "2 / len(x)"),
    "gradient: not over N": of_lesson("gram_loss_gradient", "4 / len(x)", "4"),
    "gradient: uphill": of_lesson("gram_loss_gradient", "(gram(x) - target)", "(target - gram(x))"),
    "errors: content not relative": of_lesson("errors", "** 2) / variance", "** 2)"),
    "errors: style not relative": of_lesson("errors", " / tf.reduce_sum(A**2)", ""),
    "errors: sum over layers": of_lesson("errors", "tf.add_n(layers) / len(layers)", "tf.add_n(layers)"),
    "grain: squares": of_lesson("grain", "tf.reduce_mean(tf.abs(right))", "4 * tf.reduce_mean(tf.square(right))"),
    "grain: one direction": of_lesson("grain", "tf.reduce_mean(tf.abs(down)) + ", ""),
    "painter: a black border": LessonMutant(
        proves_the_painter, LESSON, set(PAINTER), SPACE, '"SYMMETRIC"', '"CONSTANT"'
    ),
    "painter: strength on content": of_lesson(
        "paint", "content_error + strength * style_error", "strength * content_error + style_error"
    ),
    "painter: no grain": of_lesson("paint", "variation * grain", "0 * grain"),
    "painter: RGB": of_lesson(
        "paint", "colours @ style.OPPONENT\n            content_error", "colours\n            content_error"
    ),
    "overweight: not squared": of_lesson("overweight", "channels**2", "channels"),
    "overweight: sides for positions": of_lesson("overweight", "(1 / smaller**2) ** 2", "(1 / smaller**2)"),
    "visits: no stride": of_lesson("times_read", 'stride, "VALID"', '1, "VALID"'),
    "share: of the covariance": of_lesson("share_of_means", "np.outer(mean, mean) ** 2", "np.cov(x.T) ** 2"),
    "share: not squared": of_lesson(
        "share_of_means", "np.sum(np.outer(mean, mean) ** 2)", "np.sum(np.outer(mean, mean))"
    ),
    "interpolation: without logarithm": of_lesson(
        "at_equal_drawing",
        "np.exp((1 - share) * np.log(patches[k - 1]) + share * np.log(patches[k]))",
        "(1 - share) * patches[k - 1] + share * patches[k]",
    ),
    "interpolation: the wrong way": of_lesson(
        "at_equal_drawing",
        "(1 - share) * np.log(patches[k - 1]) + share",
        "share * np.log(patches[k - 1]) + (1 - share)",
    ),
    "interpolation: beyond the end": of_lesson(
        "at_equal_drawing", "lightness.min() > kept", "lightness.min() > kept + 1"
    ),
    "AdaIN: variance": of_lesson("adain", "/ content.std(axis=0)", "/ content.var(axis=0)"),
    "AdaIN: roles": of_lesson("adain", "* style.std(axis=0)", "* content.std(axis=0)"),
    "AdaIN: no mean": of_lesson("adain", " + style.mean(axis=0)", ""),
    "AdaIN: upside down": of_lesson("adain", "(content - content.mean(axis=0))", "(content.mean(axis=0) - content)"),
    "library AdaIN: no division": Mutant(
        proves_the_librarys_adain,
        _adain.match_moments,
        "tf.math.divide_no_nan(content - own_mean, own_std)",
        "(content - own_mean)",
    ),
    "library AdaIN: upside down": Mutant(
        proves_the_librarys_adain, _adain.match_moments, "content - own_mean, own_std", "own_mean - content, own_std"
    ),
    "decoder's losses: content of the painting": of_lesson(
        "adain_losses", "got[DECODED] - target", "wanted[DECODED] - target"
    ),
    "decoder's losses: one layer": LessonMutant(
        proves_the_losses_of_the_decoder,
        LESSON,
        {"adain_losses", *DECODER},
        SPACE,
        '("block1_relu1", "block2_relu1", ',
        '("block1_relu1", ',
    ),
    "training: the decoder stands still": of_lesson(
        "train_decoder", "optimizer.apply_gradients(zip(gradients, ", "list(zip(gradients, "
    ),
    "training: pixels of the painting": of_lesson("train_decoder", "- photograph) ** 2", "- painting) ** 2"),
    "training: pixels of AdaIN's maps": of_lesson(
        "train_decoder", "decoder(maps, training", "decoder(target, training"
    ),
    "training: uphill": of_lesson(
        "train_decoder", "content_loss + style_weight * style_loss + pixel_weight", "-pixel_weight"
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_proof_notices(name):
    MUTANTS[name].is_killed()
