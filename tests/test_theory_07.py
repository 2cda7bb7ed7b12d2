"""Every derivation of lesson 07 against something independent of it, and mutants that its proof must notice."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from lesson_code import definitions
from mutation import LessonMutant, Mutant
from scipy import integrate, optimize, special, stats

from course_lib import divergences, metrics, planar

LESSON = "07_when_gans_go_wrong"
K = 8
UNIFORM = np.full(K, 1 / K)
SPACE = {"np": np, "tf": tf, "special": special, "stats": stats, "divergences": divergences, "K": K, "uniform": UNIFORM}


def lesson(*names):
    """Return the lesson's definitions of these names."""
    return definitions(LESSON, set(names), SPACE | {"rng": np.random.default_rng(0)})


def outcomes(k, n):
    """All sequences of n draws from k outcomes, as rows."""
    return np.array(list(itertools.product(range(k), repeat=n)))


# --- Measuring collapse --------------------------------------------------------------------------


def proves_the_three_sigma_share(code):
    share = code["high_quality_share"]
    for scale, radius in ((1.0, 3.0), (0.5, 3.0), (2.0, 1.5)):
        by_quadrature = integrate.quad(lambda r: r * np.exp(-(r**2) / 2), 0, radius / scale)[0]
        assert np.isclose(share(scale, radius), by_quadrature)
    assert np.isclose(share(), 0.988891, atol=1e-6)
    assert share(0.5) > share()


def proves_that_mode_coverage_counts_as_the_lesson_says(mode_coverage):
    rng = np.random.default_rng(0)
    centres = 5.0 * np.stack([np.cos(np.arange(K)), np.sin(np.arange(K))], axis=1)
    n, exact = 20_000, 1 - np.exp(-4.5)
    facts = mode_coverage(centres[rng.integers(0, K, n)] + 0.02 * rng.standard_normal((n, 2)), centres, 0.02)
    assert abs(facts["high_quality"] - exact) < 4 * np.sqrt(exact * (1 - exact) / n)
    strays = np.repeat(centres, [1000, 12, 13, 0, 0, 0, 0, 0], axis=0)  # a tenth of the fair share is 12.8
    assert mode_coverage(strays, centres, 0.02)["kept"] == 2
    one_of_eight = mode_coverage(np.repeat(centres[:1], 50, axis=0), centres, 0.02)
    assert np.isclose(one_of_eight["reverse_kl"], np.log(8))


def proves_that_the_lesson_and_the_library_count_alike(code):
    proves_that_mode_coverage_counts_as_the_lesson_says(code["mode_report"])
    rng = np.random.default_rng(1)
    centres, points = rng.normal(size=(5, 2)), rng.normal(size=(300, 2))
    ours, library = code["mode_report"](points, centres, 0.1), metrics.mode_coverage(points, centres, 0.1)
    assert all(np.allclose(ours[key], library[key]) for key in library)


def proves_the_expected_number_of_modes(code):
    p = np.array([0.5, 0.3, 0.2])
    for n in (1, 2, 5):
        draws = outcomes(3, n)
        exact = np.sum(np.prod(p[draws], axis=1) * [len(set(row)) for row in draws])
        assert np.isclose(code["expected_modes"](p, n), exact)


def proves_the_reverse_kl(code):
    counts = np.array([7, 0, 2, 1])
    assert np.isclose(code["reverse_kl"](counts), divergences.kl_discrete(counts / 10, np.full(4, 0.25)))
    for j in (1, 2, 4, 8):
        assert np.isclose(code["reverse_kl"](np.where(np.arange(8) < j, 3, 0)), np.log(8 / j), atol=1e-12)


def proves_the_bias_of_the_reverse_kl(code):
    for k, n in ((2, 5), (3, 6)):
        histograms = np.array([np.bincount(row, minlength=k) / n for row in outcomes(k, n)])
        mean = np.mean([divergences.kl_discrete(h, np.full(k, 1 / k)) for h in histograms])
        assert np.isclose(code["exact_bias"](k, n), mean)
    for k, n in ((2, 1_000), (8, 2_000), (50, 20_000)):
        assert abs(code["reverse_kl_bias"](k, n) / code["exact_bias"](k, n) - 1) < 2 * k / n


def proves_the_birthday_test(code):
    for s, n in ((2, 3), (4, 5)):
        twins = np.mean([len(set(row)) < s for row in outcomes(n, s)])
        assert np.isclose(code["twin_probability"](s, n), twins)
    assert np.isclose(code["twin_probability"](23, 365), 0.507297, atol=1e-6)
    for n in (365, 10_000):
        assert abs(code["twin_probability"](round(code["even_odds"](n)), n) - 0.5) < 0.03


def proves_the_moments_of_a_ring(code):
    for k in (3, 4, 8):
        modes = np.exp(2j * np.pi * np.arange(k) / k)
        for a, b in itertools.product(range(10), repeat=2):
            assert np.isclose(np.mean(modes**a * modes.conj() ** b), code["ring_moment"](k, a, b))


def proves_which_kernel_sees_the_missing_modes(code):
    angles = np.pi * np.arange(8) / 4
    eight = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    four = np.repeat(eight[::2], 2, axis=0)
    mmd = code["biased_mmd"]
    assert abs(mmd(eight, four, 3)) < 1e-12
    # (x·y/2 + 1)^4 differs only in its order 4: |difference of moments|² = 1/8 of the binomial term 1/16.
    assert np.isclose(mmd(eight, four, 4), 1 / 128)
    # Of one point x and one point y: k(x, x) + k(y, y) − 2 k(x, y).
    assert np.isclose(mmd(np.array([[2.0, 0.0]]), np.array([[0.0, 2.0]]), 2), 9 + 9 - 2)


def test_frechet_and_cubic_kernel_are_blind_to_every_second_mode_and_recall_is_not():
    angles = np.pi * np.arange(8) / 4
    eight = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    four = np.repeat(eight[::2], 2, axis=0)
    statistics = [(x.mean(axis=0), np.cov(x.T, bias=True) + 4e-4 * np.eye(2)) for x in (eight, four)]
    assert divergences.frechet_gaussians(*statistics[0], *statistics[1]) < 1e-12
    scores = metrics.precision_recall(np.repeat(eight, 8, axis=0), np.repeat(four, 8, axis=0))
    assert scores == {"precision": 1.0, "recall": 0.5}


# --- Why a generator collapses -------------------------------------------------------------------


def proves_the_value_of_the_maximin_game(code):
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(5))
    for _ in range(200):
        d = rng.uniform(0.01, 0.99, 5)
        answers = [
            np.sum(p * np.log(d)) + np.sum(q * np.log(1 - d)) for q in [*np.eye(5), *rng.dirichlet(np.ones(5), 20)]
        ]
        assert np.isclose(code["maximin_value"](d, p), min(answers))
        assert code["maximin_value"](d, p) <= -np.log(4)
    assert np.isclose(code["maximin_value"](np.full(5, 0.5), p), -np.log(4))


def proves_the_value_of_the_minimax_game(code):
    grid = np.linspace(1e-4, 1 - 1e-4, 9_999)[:, None]
    for q in (UNIFORM, np.eye(K)[0], np.tile([0.25, 0], 4)):
        best = np.sum(np.max(UNIFORM * np.log(grid) + q * np.log(1 - grid), axis=0))
        assert np.isclose(code["minimax_value"](q, UNIFORM), best, atol=2e-4)
    assert np.isclose(code["minimax_value"](UNIFORM, UNIFORM), -np.log(4))


def proves_the_best_answer_is_one_point(code):
    x = np.linspace(-3, 3, 61)
    p = 0.6 * stats.norm.pdf(x, -1.2, 0.5) + 0.4 * stats.norm.pdf(x, 1.5, 0.6)
    q, d = stats.norm.pdf(x, 0, 1.5), np.exp(code["log_d_star"](x))
    assert np.all((d > 0) & (d < 1))
    assert np.allclose(p / d, q / (1 - d))  # where p log D + q log(1 − D) is largest
    found = optimize.linprog(-np.log(d), A_eq=np.ones((1, len(x))), b_eq=[1]).x
    assert np.isclose(found[np.argmax(d)], 1)
    assert np.isclose(found.sum(), 1)


def proves_mode_hopping(code):
    hopping, with_memory = (code["best_answers"](8 * K, memory) for memory in (False, True))
    assert (np.diff(hopping) != 0).all()
    assert (np.bincount(with_memory, minlength=K) == 8).all()
    for start in range(0, 8 * K, K):
        assert len(set(with_memory[start : start + K])) == K  # each round of eight visits every mode


# --- Momentum ------------------------------------------------------------------------------------

MOMENTUM = ("momentum_step", "spectral_radius", "growth_rate", "adam_growth_rate", "friction_needed")


def proves_the_polynomial_of_the_momentum_game(code):
    for rate, beta in itertools.product((0.05, 0.4), (-0.5, 0.0, 0.5, 0.9)):
        simultaneous = np.roots([1, -(1 + beta + 1j * rate), beta])
        assert np.isclose(code["spectral_radius"](rate, beta, alternating=False), np.abs(simultaneous).max())
        square = np.convolve([1, -(1 + beta), beta], [1, -(1 + beta), beta])
        alternating = np.roots(square + np.array([0, rate**2, 0, 0, 0]))
        assert np.isclose(code["spectral_radius"](rate, beta), np.abs(alternating).max())


def proves_the_growth_of_the_momentum_game(code):
    for alpha, beta in itertools.product((1e-3, 2e-3), (-0.5, -0.2, 0.3, 0.5, 0.9)):
        rate = alpha * (1 - beta)
        for mode in (False, True):
            exact = np.log(code["spectral_radius"](rate, beta, alternating=mode))
            assert np.isclose(exact, code["growth_rate"](rate, beta, mode), rtol=0.02, atol=1e-11)
        assert np.isclose(code["adam_growth_rate"](alpha, beta), code["growth_rate"](rate, beta))
    assert code["growth_rate"](0.1, 0.0) == 0


def proves_the_growth_by_playing(code):
    for beta in (-0.3, 0.5, 0.8):
        state, alpha = np.array([1.0, 0.0, 1.0, 0.0]), 0.01
        sizes = []
        for _ in range(20_000):
            state = code["momentum_step"](state, alpha * (1 - beta), beta)
            sizes.append(np.hypot(*state[:2]))
        slope = np.polyfit(np.arange(10_000), np.log(sizes[10_000:]), 1)[0]
        assert np.isclose(slope, code["adam_growth_rate"](alpha, beta), rtol=0.06)


def proves_how_much_friction_is_needed(code):
    for alpha, beta in ((0.01, 0.5), (0.01, 0.9), (0.02, 0.3)):
        edge = code["friction_needed"](alpha, beta)
        assert code["spectral_radius"](alpha * (1 - beta), beta, 0.8 * edge) > 1
        assert code["spectral_radius"](alpha * (1 - beta), beta, 1.2 * edge) < 1


def test_simultaneous_steps_diverge_for_every_momentum():
    radius = lesson(*MOMENTUM)["spectral_radius"]
    rates, betas = (0.001, 0.03, 0.5, 3.0), np.linspace(-0.95, 0.95, 39)
    assert all(radius(rate, beta, alternating=False) > 1 for rate in rates for beta in betas)


# --- Labels, noise, losses -----------------------------------------------------------------------


def proves_the_discriminator_of_smoothed_labels(code):
    y = np.linspace(1e-4, 1 - 1e-4, 9_999)
    for p, q, alpha, beta in itertools.product((0.02, 0.7), (0.1, 1.5), (1.0, 0.9), (0.0, 0.2)):
        value = p * (alpha * np.log(y) + (1 - alpha) * np.log(1 - y)) + q * (
            beta * np.log(y) + (1 - beta) * np.log(1 - y)
        )
        assert abs(code["smoothed_discriminator"](p, q, alpha, beta) - y[value.argmax()]) < 2e-4


def proves_what_smoothing_leaves_of_the_gradient(code):
    for alpha, beta in ((1.0, 0.0), (0.9, 0.0), (0.9, 0.1), (0.8, 0.2)):
        for d0 in (0.001, 0.2, 0.7):
            step = 1e-6 * d0
            rise = [np.log(code["smoothed_discriminator"](d, 1 - d, alpha, beta)) for d in (d0 - step, d0 + step)]
            slope_of_log = (rise[1] - rise[0]) / (np.log(d0 + step) - np.log(d0 - step))
            assert np.isclose(code["kept_gradient"](d0, alpha, beta), slope_of_log, rtol=1e-4)
    assert np.isclose(code["kept_gradient"](1e-6, 0.9), 1)
    assert code["kept_gradient"](1e-6, 0.9, 0.1) < 1e-4


def proves_that_noise_gives_the_divergence_a_slope(code):
    def js(distance, noise):
        p, q = stats.norm(0, noise).pdf, stats.norm(distance, noise).pdf

        def integrand(x):
            m = (p(x) + q(x)) / 2
            return 0.5 * (special.rel_entr(p(x), m) + special.rel_entr(q(x), m))

        return integrate.quad(integrand, -12 * noise, distance + 12 * noise, points=[0, distance], limit=200)[0]

    for distance, noise in ((1.0, 1.0), (0.3, 0.5), (2.0, 0.5)):
        assert np.isclose(code["js_with_noise"](distance, noise), js(distance, noise), atol=1e-6)
    assert code["js_with_noise"](0.5, 0.3) < code["js_with_noise"](1.0, 0.3) < np.log(2)


def proves_the_bound_from_the_discriminators_loss(code):
    rng = np.random.default_rng(0)
    bound = code["jsd_lower_bound"]
    for _ in range(200):
        p, q = rng.dirichlet(np.ones(6), 2)
        jsd = divergences.js_discrete(p, q)
        logits = rng.normal(0, 2, 6)
        loss = np.sum(p * np.logaddexp(0, -logits) + q * np.logaddexp(0, logits))
        assert bound(loss) <= jsd + 1e-12
        at_best = -np.sum(p * np.log(p / (p + q)) + q * np.log(q / (p + q)))
        assert np.isclose(bound(at_best), jsd)


# --- Packing -------------------------------------------------------------------------------------


def proves_what_packing_shows(code):
    p, q = np.array([0.2, 0.5, 0.3]), np.array([0.4, 0.1, 0.5])
    for m in (1, 2, 4):
        packs = outcomes(3, m)
        exact = 0.5 * np.sum(np.abs(np.prod(p[packs], axis=1) - np.prod(q[packs], axis=1)))
        assert np.isclose(code["packed_tv"](p, q, m), exact)
        for share in (0.2, 0.5):
            lost = 0.5 * sum(
                abs(np.prod(np.where(row, 1 - share, share)) - np.prod(np.where(row, 1.0, 0.0)))
                for row in outcomes(2, m)
            )
            assert np.isclose(code["packed_tv_lost"](share, m), lost)


def proves_that_packing_keeps_samples_whole(code):
    points = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
    for m in (1, 2, 3):
        packed = np.asarray(code["pack"](points, m))
        assert packed.shape == (6 // m, 2 * m)
        assert np.array_equal(packed, np.asarray(planar.Pack(m)(points)))
        for row in range(6 // m):
            assert np.array_equal(packed[row], np.concatenate(points[row * m : (row + 1) * m]))


# --- The record's statistics ---------------------------------------------------------------------

TABLE = ("late", "over_seeds", "spread", "table")


def proves_that_the_table_is_computed_from_the_games(code):
    def game(seed, kept, share):
        curve = {"kept": [0, 0, *kept], "high_quality": [0.0] * 6, "reverse_kl": [None] * 5 + [share]}
        averaged = {"kept": 8, "high_quality": share, "reverse_kl": None}
        return {"part": "cure", "data": "ring", "method": "a", "seed": seed, "curve": curve, "averaged": averaged}

    games = [game(0, [8, 8, 2, 8], 0.1), game(1, [1, 2, 3, 10], 0.5), game(2, [0, 4, 4, 9], 0.9)]
    games.append(games[0] | {"method": "b"})
    games.append(games[0] | {"part": "provoke"})
    assert list(code["over_seeds"](games, "cure", "ring", "a", "kept")) == [8.0, 2.5, 4.0]
    row = next(line for line in code["table"](games, "cure", "ring").split("\n") if line.startswith("| a |"))
    assert row.split("|")[2].strip() == "4.0 [2.5, 8.0]"
    assert row.split("|")[4].strip() == "0.50 [0.10, 0.90]"
    assert row.split("|")[6].strip() == "0.50 [0.10, 0.90]"
    assert len(code["table"](games, "cure", "ring").split("\n")) == 4
    assert np.isnan(code["late"]({"curve": {"reverse_kl": [0.3, None, None, None, None]}}, "reverse_kl"))
    assert code["spread"](np.array([np.nan]), 1) == "–"


# --- Every proof with the real thing, and with broken ones ---------------------------------------

PROOFS = {
    proves_the_three_sigma_share: ("high_quality_share",),
    proves_that_the_lesson_and_the_library_count_alike: ("mode_report", "reverse_kl"),
    proves_the_expected_number_of_modes: ("expected_modes",),
    proves_the_reverse_kl: ("reverse_kl",),
    proves_the_bias_of_the_reverse_kl: ("reverse_kl_bias", "exact_bias"),
    proves_the_birthday_test: ("twin_probability", "even_odds"),
    proves_the_moments_of_a_ring: ("ring_moment",),
    proves_which_kernel_sees_the_missing_modes: ("biased_mmd",),
    proves_the_value_of_the_maximin_game: ("maximin_value",),
    proves_the_value_of_the_minimax_game: ("minimax_value",),
    proves_the_best_answer_is_one_point: ("hill", "log_d_star"),
    proves_mode_hopping: ("best_answers",),
    proves_the_polynomial_of_the_momentum_game: MOMENTUM,
    proves_the_growth_of_the_momentum_game: MOMENTUM,
    proves_the_growth_by_playing: MOMENTUM,
    proves_how_much_friction_is_needed: MOMENTUM,
    proves_the_discriminator_of_smoothed_labels: ("smoothed_discriminator",),
    proves_what_smoothing_leaves_of_the_gradient: ("smoothed_discriminator", "kept_gradient"),
    proves_that_noise_gives_the_divergence_a_slope: ("hill", "js_with_noise"),
    proves_the_bound_from_the_discriminators_loss: ("jsd_lower_bound",),
    proves_what_packing_shows: ("packed_tv", "packed_tv_lost"),
    proves_that_packing_keeps_samples_whole: ("pack",),
    proves_that_the_table_is_computed_from_the_games: TABLE,
}


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.__name__)
def test_the_lesson_fulfils(proof):
    proof(lesson(*PROOFS[proof]))


def test_the_library_counts_modes_as_the_lesson_says():
    proves_that_mode_coverage_counts_as_the_lesson_says(metrics.mode_coverage)


def broken(proof, old, new):
    """A mutant of the lesson's definitions that the proof takes."""
    return LessonMutant(proof, LESSON, set(PROOFS[proof]), SPACE | {"rng": np.random.default_rng(0)}, old, new)


_coverage, _count = proves_that_mode_coverage_counts_as_the_lesson_says, metrics.mode_coverage
MUTANTS = {
    "share: the half dropped": broken(proves_the_three_sigma_share, "-0.5 *", "-1.0 *"),
    "share: wider modes score better": broken(proves_the_three_sigma_share, "radius / scale", "radius * scale"),
    "coverage: two sigma": Mutant(_coverage, _count, "(3 * std) ** 2", "(2 * std) ** 2"),
    "coverage: distance not squared": Mutant(_coverage, _count, "(3 * std) ** 2", "3 * std"),
    "coverage: one sample keeps a mode": Mutant(_coverage, _count, "counts >= 0.1 * len(samples) / m", "counts > 0"),
    "coverage: half of the share": Mutant(_coverage, _count, "0.1 * len", "0.5 * len"),
    "report: bad samples counted": broken(
        proves_that_the_lesson_and_the_library_count_alike, "nearest[good]", "nearest"
    ),
    "report: two sigma": broken(proves_that_the_lesson_and_the_library_count_alike, "3 * std", "2 * std"),
    "report: a tenth of all": broken(proves_that_the_lesson_and_the_library_count_alike, " / len(centres)", ""),
    "modes: mean for sum": broken(proves_the_expected_number_of_modes, "np.sum(", "np.mean("),
    "modes: missed for hit": broken(proves_the_expected_number_of_modes, "1 - (1 -", "(1 -"),
    "reverse KL: bits": broken(proves_the_reverse_kl, "np.log(len(h))", "np.log2(len(h))"),
    "reverse KL: entropy added": broken(proves_the_reverse_kl, "+ np.sum(special", "- np.sum(special"),
    "bias: all modes are free": broken(proves_the_bias_of_the_reverse_kl, "(k - 1) / (2", "k / (2"),
    "bias: the half dropped": broken(proves_the_bias_of_the_reverse_kl, "/ (2 * n)", "/ n"),
    "bias: of one mode only": broken(proves_the_bias_of_the_reverse_kl, "+ k * np.sum(", "+ np.sum("),
    "twins: pairs left out": broken(proves_the_birthday_test, "np.arange(1, s)", "np.arange(1, s - 1)"),
    "twins: even odds without the two": broken(proves_the_birthday_test, "2 * n_pictures *", "n_pictures *"),
    "moments: sum for difference": broken(proves_the_moments_of_a_ring, "(a - b) % k", "(a + b) % k"),
    "moments: only equal powers": broken(proves_the_moments_of_a_ring, "(a - b) % k", "(a - b)"),
    "kernel: no constant": broken(proves_which_kernel_sees_the_missing_modes, "/ 2 + 1)", "/ 2)"),
    "kernel: cross term once": broken(proves_which_kernel_sees_the_missing_modes, "- 2 * kernel", "- kernel"),
    "maximin: G answers worst": broken(proves_the_value_of_the_maximin_game, "np.max(d)", "np.min(d)"),
    "maximin: the data's mean forgotten": broken(proves_the_value_of_the_maximin_game, "p * np.log(d)", "np.log(d)"),
    "minimax: JSD once": broken(proves_the_value_of_the_minimax_game, "2 * div", "1 * div"),
    "minimax: ln 2": broken(proves_the_value_of_the_minimax_game, "np.log(4)", "np.log(2)"),
    "best answer: D* without the generator": broken(
        proves_the_best_answer_is_one_point, "np.log(p + hill(x, 0, 1.5))", "np.log(hill(x, 0, 1.5))"
    ),
    "best answer: a product for a ratio": broken(
        proves_the_best_answer_is_one_point, "np.log(p) - np.log(p", "np.log(p) + np.log(p"
    ),
    "hopping: G avoids the best": broken(proves_mode_hopping, "np.argmax", "np.argmin"),
    "hopping: D forgets nothing": broken(proves_mode_hopping, " if memory else np.eye(K)[mode]", ""),
    "hopping: D remembers nothing": broken(
        proves_mode_hopping, "counts / counts.sum() if memory else np.eye(K)[mode]", "np.eye(K)[mode]"
    ),
    "momentum: on one player only": broken(proves_the_polynomial_of_the_momentum_game, " + beta * (psi - old_psi)", ""),
    "momentum: always simultaneous": broken(
        proves_the_polynomial_of_the_momentum_game, "new_theta if alternating else theta", "theta"
    ),
    "momentum: both players descend": broken(
        proves_the_polynomial_of_the_momentum_game, "theta - rate * psi", "theta + rate * psi"
    ),
    "growth: square for cube": broken(proves_the_growth_of_the_momentum_game, "(1 - beta) ** 3", "(1 - beta) ** 2"),
    "growth: the half dropped": broken(proves_the_growth_of_the_momentum_game, "(1 + beta) / 2", "(1 + beta)"),
    "growth: linear in the rate": broken(proves_the_growth_of_the_momentum_game, "rate**2 *", "rate *"),
    "growth: Adam as heavy ball": broken(
        proves_the_growth_by_playing, "alpha**2 * beta / (1 - beta)", "alpha**2 * beta / (1 - beta) ** 3"
    ),
    "growth: sign of the momentum": broken(proves_the_growth_by_playing, "psi + beta * (theta", "psi - beta * (theta"),
    "friction: the two dropped": broken(proves_how_much_friction_is_needed, "2 * alpha * beta", "alpha * beta"),
    "friction: rewards steep critics": broken(proves_how_much_friction_is_needed, "seen - gamma", "seen + gamma"),
    "labels: swapped": broken(
        proves_the_discriminator_of_smoothed_labels, "alpha * p + beta * q", "beta * p + alpha * q"
    ),
    "labels: samples' label ignored": broken(
        proves_the_discriminator_of_smoothed_labels, "alpha * p + beta * q", "alpha * p"
    ),
    "labels: gradient without the floor": broken(
        proves_what_smoothing_leaves_of_the_gradient, "(beta + (alpha - beta) * d0)", "((alpha - beta) * d0)"
    ),
    "labels: gradient times the logit's": broken(
        proves_what_smoothing_leaves_of_the_gradient,
        "return (alpha - beta) * d0",
        "return (alpha - beta) * d0 * (1 - d0)",
    ),
    "noise: on the samples only": broken(
        proves_that_noise_gives_the_divergence_a_slope, "hill(x, 0, noise)", "hill(x, 0, noise / 4)"
    ),
    "noise: total variation for JSD": broken(proves_that_noise_gives_the_divergence_a_slope, "js_dens", "tv_dens"),
    "bound: the half dropped": broken(proves_the_bound_from_the_discriminators_loss, "d_loss / 2", "d_loss"),
    "bound: ln 4": broken(proves_the_bound_from_the_discriminators_loss, "np.log(2)", "np.log(4)"),
    "packing: sum for product": broken(proves_what_packing_shows, "(1 - share) ** m", "share * m"),
    "packing: the half dropped": broken(proves_what_packing_shows, "0.5 * np.abs", "np.abs"),
    "packing: one sample of each": broken(proves_what_packing_shows, "range(m)", "range(1)"),
    "packing: coordinates apart": broken(
        proves_that_packing_keeps_samples_whole,
        "tf.reshape(points, (tf.shape(points)[0] // m, m * points.shape[1]))",
        "tf.transpose(tf.reshape(tf.transpose(points), (m * points.shape[1], -1)))",
    ),
    "packing: the pack's order": broken(
        proves_that_packing_keeps_samples_whole, "reshape(points,", "reshape(points[::-1],"
    ),
    "table: mean for median": broken(
        proves_that_the_table_is_computed_from_the_games, "np.median(values)) if", "np.mean(values)) if"
    ),
    "table: the first checkpoints": broken(proves_that_the_table_is_computed_from_the_games, "[-last:]", "[:last]"),
    "table: parts mixed": broken(
        proves_that_the_table_is_computed_from_the_games,
        '(g["part"], g["data"], g["method"]) == (part, data_set, method)',
        'g["method"] == method',
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_proof_notices(name):
    MUTANTS[name].is_killed()


def test_pack_of_the_lesson_and_the_packed_discriminator_judge_the_same_packs():
    keras.utils.set_random_seed(0)
    network = planar.discriminator(2, width=4, depth=1, packing=3)
    points = np.random.default_rng(0).normal(size=(12, 2)).astype(np.float32)
    exchanged = points.copy()
    exchanged[[0, 5]] = points[[5, 0]]  # between the first two packs
    assert network(points).shape == (4, 1)
    assert np.allclose(network(points)[2:], network(exchanged)[2:])
    assert not np.allclose(network(points)[:2], network(exchanged)[:2])
