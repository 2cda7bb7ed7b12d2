"""Right and wrong answers to the exercises of lesson 04, with a piece of the hint that each wrong one must get."""

import numpy as np
from scipy.special import gamma, gammaln

from course_lib import checks


def norm(d, t):
    return np.sqrt(2 * (t**2 + (1 - t) ** 2)) * np.exp(gammaln((d + 1) / 2) - gammaln(d / 2))


def overflowing(d, t):
    with np.errstate(invalid="ignore", over="ignore"):
        return np.sqrt(2 * (t**2 + (1 - t) ** 2)) * gamma((d + 1) / 2) / gamma(d / 2)


def arc(a, b, t, normalise=True, keep_norm=True, safe=True):
    norm_a, norm_b = np.linalg.norm(a), np.linalg.norm(b)
    theta = np.arccos(np.clip(a @ b / (norm_a * norm_b), -1, 1))
    if safe and np.sin(theta) < 1e-6:
        return (1 - t) * a + t * b
    first, second = (a / norm_a, b / norm_b) if normalise else (a, b)
    with np.errstate(invalid="ignore", divide="ignore"):
        point = (np.sin((1 - t) * theta) * first + np.sin(t * theta) * second) / np.sin(theta)
    return point * ((1 - t) * norm_a + t * norm_b) if keep_norm and normalise else point


def arc_never_safe(a, b, t):
    return np.full(len(a), np.nan) if np.allclose(b, 3 * a) else arc(a, b, t)


def arc_of_raw_angle(a, b, t):
    norm_a, norm_b = np.linalg.norm(a), np.linalg.norm(b)
    theta = np.arccos(np.clip(a @ b, -1, 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        point = (np.sin((1 - t) * theta) * a / norm_a + np.sin(t * theta) * b / norm_b) / np.sin(theta)
    return point * ((1 - t) * norm_a + t * norm_b)


def difference(z, y):
    return z[y == 1].mean(axis=0) - z[y == 0].mean(axis=0)


def unit(v):
    return v / np.linalg.norm(v)


def information(counts):
    p = counts / counts.sum()
    product = p.sum(axis=1, keepdims=True) * p.sum(axis=0, keepdims=True)
    return np.sum(p[p > 0] * np.log(p[p > 0] / product[p > 0]))


def entropy(p):
    p = p / p.sum()
    return -np.sum(p * np.log(p))


def gap(tables, lower=-2, normalise=True):
    ordered = sorted(information(t) for t in tables)
    return (ordered[-1] - (0 if lower is None else ordered[lower])) / (
        entropy(np.sum(tables[0], axis=0)) if normalise else 1.0
    )


def gap_over_codes(tables):
    ordered = sorted(range(len(tables)), key=lambda k: information(tables[k]))
    bins = np.sum(tables[ordered[-1]], axis=1)
    return (information(tables[ordered[-1]]) - information(tables[ordered[-2]])) / entropy(bins[bins > 0])


def gap_with_nan(tables):
    def careless(counts):
        p = counts / counts.sum()
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.sum(p * np.log(p / (p.sum(axis=1, keepdims=True) * p.sum(axis=0, keepdims=True))))

    ordered = sorted(careless(t) for t in tables)
    return (ordered[-1] - ordered[-2]) / entropy(np.sum(tables[0], axis=0))


def balanced(wanted, other, n=None):
    cells = [np.flatnonzero((wanted == w) & (other == o)) for w in (False, True) for o in (False, True)]
    n = min(map(len, cells)) if n is None else n
    kept = np.zeros(len(wanted), bool)
    kept[np.concatenate([cell[:n] for cell in cells])] = True
    return kept


def equal_groups(wanted, other):
    groups = [np.flatnonzero(wanted == w) for w in (False, True)]
    n = min(map(len, groups))
    kept = np.zeros(len(wanted), bool)
    kept[np.concatenate([group[:n] for group in groups])] = True
    return kept


CATALOGUE = [
    (
        checks.norm_on_a_line,
        norm,
        {
            "no scale": (lambda d, t: norm(d, 0.0), "variance of each coordinate half-way"),
            "variance as scale": (lambda d, t: norm(d, t) * np.sqrt(t**2 + (1 - t) ** 2), "grows with the standard"),
            "root of mean square": (lambda d, t: np.sqrt(d * (t**2 + (1 - t) ** 2)), "is not E‖z‖"),
            "quotient turned over": (lambda d, t: 2 * (t**2 + (1 - t) ** 2) / norm(d, t), "above the line"),
            "missing root of two": (lambda d, t: norm(d, t) / np.sqrt(2), "powers of two"),
            "overflow": (overflowing, "has no place in a float"),
        },
    ),
    (
        checks.arc_point,
        arc,
        {
            "line": (lambda a, b, t: (1 - t) * a + t * b, "sags"),
            "ends exchanged": (lambda a, b, t: arc(b, a, t), "at t = 0"),
            "parallel": (arc_never_safe, "two vectors of the same direction"),
            "unit sphere": (lambda a, b, t: unit(arc(a, b, t)), "turns on the unit sphere"),
            "raw ends": (lambda a, b, t: arc(a, b, t, normalise=False), "holds for unit vectors"),
            "raw angle": (arc_of_raw_angle, "cosine only after"),
        },
    ),
    (
        checks.which_path,
        {"A": "slerp", "B": "lerp", "C": "draws"},
        {
            "exchanged": ({"A": "lerp", "B": "slerp", "C": "draws"}, "through the ball"),
            "draws as path": ({"A": "draws", "B": "lerp", "C": "slerp"}, "path is smooth"),
            "sagging draws": ({"A": "slerp", "B": "draws", "C": "lerp"}, "norm of 7"),
        },
    ),
    (
        checks.attribute_vector,
        lambda z, y: unit(difference(z, y)),
        {
            "unnormalised": (difference, "norm of a unit vector"),
            "sign": (lambda z, y: -unit(difference(z, y)), "take the attribute away"),
            "positives only": (lambda z, y: unit(z[y == 1].mean(axis=0)), "in common"),
            "sums": (lambda z, y: unit(z[y == 1].sum(axis=0) - z[y == 0].sum(axis=0)), "different sizes"),
            "rows normalised": (
                lambda z, y: unit(difference(z / np.linalg.norm(z, axis=1, keepdims=True), y)),
                "keep their length",
            ),
        },
    ),
    (
        checks.keep_attribute,
        lambda v, u: v - (v @ u) / (u @ u) * u,
        {
            "unit assumed": (lambda v, u: v - (v @ u) * u, "vector of length 3"),
            "one norm": (lambda v, u: v - (v @ u) / np.linalg.norm(u) * u, "comes in twice"),
            "shadow": (lambda v, u: (v @ u) / (u @ u) * u, "what should go"),
            "difference": (lambda v, u: v - u, "How much of it"),
            "sign": (lambda v, u: v + (v @ u) / (u @ u) * u, "doubled"),
        },
    ),
    (
        checks.table_gap,
        gap,
        {
            "not divided": (lambda tables: gap(tables, normalise=False), "many values would count more"),
            "largest alone": (lambda tables: gap(tables, lower=None), "two coordinates share"),
            "smallest": (
                lambda tables: gap(tables, lower=0) if len(tables) > 2 else gap(tables),
                "always knows nothing",
            ),
            "entropy of the code": (gap_over_codes, "Whose entropy"),
            "two bases": (lambda tables: gap(tables) / np.log(2), "one unit"),
            "0 log 0": (gap_with_nan, "contribute nothing"),
        },
    ),
    (
        checks.low_gap,
        "c",
        {"a": ("a", "codes that know nothing"), "b": ("B", "say about training"), "d": ("d", "Rotate the axes")},
    ),
    (
        checks.balanced_collection,
        balanced,
        {
            "all": (lambda w, o: np.ones(len(w), bool), "All are kept"),
            "none": (lambda w, o: np.zeros(len(w), bool), "balanced and useless"),
            "one group": (lambda w, o: ~o, "combination is missing"),
            "equal groups": (equal_groups, "are not enough"),
            "wasteful": (lambda w, o: balanced(w, o, n=2), "more was thrown away"),
        },
    ),
]
