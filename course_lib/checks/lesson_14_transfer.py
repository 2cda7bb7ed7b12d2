"""Checks of exercise 14 about transfer: AdaIN, whole covariances, a faulty script, a fair comparison."""

import numpy as np

from course_lib.checks.framework import Mistake, Symptom, compare_value, judge, passed, require, run

__all__ = ["adain_maps", "fair_winner", "match_covariance", "style_faults"]


def adain_maps(answer):
    """Judge a function (content (H, W, C), style (H', W', C)) -> content with the style's moments, (H, W, C)."""
    rng = np.random.default_rng(4)
    cases = [
        (rng.normal(1, 2, (4, 5, 3)), rng.normal(-1, [0.5, 1, 3], (3, 6, 3))),
        (rng.normal(0, 1, (2, 7, 2)), rng.normal(5, 2, (5, 5, 2))),
    ]
    constant = rng.normal(1, 2, (4, 4, 3))
    constant[..., 1] = 7.0
    cases.append((constant, rng.normal(2, 1, (3, 3, 3))))
    judge(
        "AdaIN",
        answer,
        cases,
        _adain,
        [
            Symptom(
                "a division by zero",
                lambda got, want, c, s: not np.all(np.isfinite(got)),
                "A constant channel has the standard deviation 0.",
            ),
            Mistake(
                "exchanged roles",
                lambda c, s: _adain(s, c),
                "Whose places are kept, and whose moments are given?",
            ),
            Mistake(
                "no new mean",
                lambda c, s: _adain(c, s - s.mean(axis=(0, 1))),
                "Two moments are matched; one of them is still 0.",
            ),
            Mistake(
                "the old mean",
                lambda c, s: _adain(c, s - s.mean(axis=(0, 1))) + c.mean(axis=(0, 1)),
                "The spread is the style's, the brightness is not.",
            ),
            Mistake("variances", lambda c, s: _adain(c, s, power=2), "Which power makes a spread double when x does?"),
            Mistake(
                "no division by the content's spread",
                lambda c, s: (c - c.mean(axis=(0, 1))) * s.std(axis=(0, 1)) + s.mean(axis=(0, 1)),
                "The content brings a spread of its own: what is left of it?",
            ),
            Mistake(
                "one mean for all channels",
                lambda c, s: (c - c.mean()) / c.std() * s.std() + s.mean(),
                "Each channel has its own two moments.",
            ),
            Mistake(
                "moments over the channels",
                lambda c, s: (c - c.mean(-1, keepdims=True)) / c.std(-1, keepdims=True) * s.std() + s.mean(),
                "Over what is the mean taken: over the channels of one position, or over the positions of one channel?",
            ),
            Mistake(
                "the style's shape",
                lambda c, s: np.broadcast_to(s.mean(axis=(0, 1)), c.shape),
                "The content has disappeared.",
            ),
        ],
    )


def match_covariance(answer):
    """Judge a function (x (N, C), y (M, C)) -> an affine image of x with y's mean and covariance, by its properties."""
    task = "mean and covariance matched"
    rng = np.random.default_rng(5)
    for n, m, c in ((40, 30, 3), (25, 60, 4), (12, 9, 2), (6, 5, 1)):
        x = rng.exponential(size=(n, c)) @ rng.normal(size=(c, c)) + 1
        y = rng.normal(size=(m, c)) @ rng.normal(size=(c, c)) - 2
        got = np.asarray(run(task, answer, x, y))
        require(got.shape == x.shape, task, f"shape {x.shape}", f"shape {got.shape}")
        require(got.dtype.kind == "f" and np.isfinite(got).all(), task, "finite floating-point numbers", got)
        hint = _reason(x, y, got)
        wrong = abs(got.mean(axis=0) - y.mean(axis=0)).max()
        require(wrong < 1e-6, task, "the style's mean", f"a mean that is off by {wrong:.3g}", hint)
        wrong = abs(_cov(got) - _cov(y)).max()
        require(wrong < 1e-6, task, "the style's covariance", f"a covariance that is off by {wrong:.3g}", hint)
        rest = _not_affine(x, got)
        require(
            rest < 1e-6,
            task,
            "one affine map of the content for all positions",
            f"{rest:.3g} that no such map explains",
            "the moments are right, but the places of the content are lost: is every vector made from *its own* x?",
        )
    passed(task)


def style_faults(value):
    """Judge a dictionary "range", "positions", "content" -> the number of the faulty line."""
    task = "the faults of the script"
    keys = ("range", "positions", "content")
    ok = isinstance(value, dict) and set(value) == set(keys)
    require(ok, task, f"a dictionary with the keys {keys}", str(value)[:80])
    common = [
        Mistake("the start", 5, "Line 5 starts at the photograph: a good place to start."),
        Mistake("the reading", 1, "Line 1 only says what is read."),
    ]
    special = {
        "range": Mistake(
            "the Gram matrix", 3, "Line 3 sees features, no pixels. Where does the network get its picture?"
        ),
        "positions": Mistake(
            "the mean of the squares",
            7,
            "The mean of line 7 runs over the entries of a C × C matrix, whatever the sizes.",
        ),
        "content": Mistake("the style", 7, "Line 7 holds the style. Which term does not depend on the picture at all?"),
    }
    for key, right in zip(keys, (2, 3, 8), strict=True):
        mistakes = [special[key], *common]
        compare_value(f"{task}: {key}", value[key], right, "the number of a line, 1 to 8", mistakes)
    passed(task)


def fair_winner(answer):
    """Judge a function (curves, level) -> the name of the network nearest to the painter at this level."""
    judge(
        "the fair winner",
        answer,
        _COMPARISONS,
        _fair,
        [
            Mistake(
                "the smallest distance of all",
                lambda curves, level: min(curves, key=lambda name: curves[name][1].min()),
                "Whoever destroys the drawing gets the nearest. Compare at the level.",
            ),
            Mistake(
                "equal strengths",
                lambda curves, level: min(curves, key=lambda name: curves[name][1][len(curves[name][1]) // 2]),
                "The same place in the list is the same strength, not the same drawing.",
            ),
            Mistake(
                "the nearest recorded picture",
                lambda curves, level: min(
                    curves, key=lambda name: curves[name][1][np.argmin(abs(curves[name][0] - level))]
                ),
                "The recorded pictures lie on either side of the level.",
            ),
            Mistake(
                "an interpolation without the logarithm",
                lambda curves, level: _fair(curves, level, log=lambda d: d),
                "Distances change by factors: what is to be interpolated?",
            ),
            Mistake(
                "the largest distance",
                lambda curves, level: _fair(curves, level, best=max),
                "Near is good.",
            ),
            Mistake(
                "curves that do not reach the level",
                lambda curves, level: _fair(curves, level, reach=False),
                "Beyond its end, np.interp repeats a curve's last value. Has this network ever been at the level?",
            ),
            Mistake(
                "places in falling order",
                lambda curves, level: min(curves, key=lambda name: np.interp(level, *curves[name])),
                "np.interp expects places that rise.",
            ),
            Mistake(
                "mean distances",
                lambda curves, level: min(curves, key=lambda name: curves[name][1].mean()),
                "The mean over strengths depends on which strengths were tried.",
            ),
        ],
    )


def _adain(content, style, power=1):
    mean, std = content.mean(axis=(0, 1)), content.std(axis=(0, 1)) ** power
    new_mean, new_std = style.mean(axis=(0, 1)), style.std(axis=(0, 1)) ** power
    return (content - mean) / np.where(std > 1e-12, std, 1) * new_std + new_mean


def _cov(x):
    return np.cov(x, rowvar=False, bias=True).reshape(x.shape[1], x.shape[1])


def _not_affine(x, got):
    """Return the largest part of ``got`` that no affine map of ``x`` explains."""
    design = np.column_stack([x, np.ones(len(x))])
    return abs(design @ np.linalg.lstsq(design, got, rcond=None)[0] - got).max()


def _reason(x, y, got):
    """Return the hint for a mean or covariance that is not the style's."""
    cov, wanted, own = _cov(got), _cov(y), _cov(x)
    if np.allclose(cov, wanted):
        return "the covariance is right; where has the centre gone?"
    if np.allclose(cov, np.eye(len(cov)), atol=1e-6):
        return "this has been made white, and no colour has been given to it."
    if np.allclose(cov, own):
        return "only the mean has moved."
    if np.allclose(np.diag(cov), np.diag(wanted)):
        return "each channel has its spread, but channels do not yet vary *together* as the style's do."
    if np.allclose(cov, wanted * len(y) / (len(y) - 1)) or np.allclose(cov * len(x) / (len(x) - 1), wanted):
        return "the task asks for N in the denominators."
    factors = [np.linalg.cholesky(c) for c in (own, wanted)]
    coloured = factors[1] @ own @ factors[1].T
    if np.allclose(cov, coloured):
        return "coloured, but not made white before: the content's own covariance is still in it."
    return "vectors are rows here: a matrix that acts on columns has to be transposed. On which side does it stand?"


def _fair(curves, level, log=np.log, best=min, reach=True):
    distances = {}
    for name, (kept, distance) in curves.items():
        if not reach or kept.min() <= level <= kept.max():
            distances[name] = np.interp(level, kept[::-1], log(distance[::-1]))
    return best(distances, key=distances.get)


def _curve(kept, distance):
    return np.array(kept, float), np.array(distance, float)


# Made so that each mistake gives a wrong name somewhere, and no two of them the same names everywhere.
_COMPARISONS = [
    ({"A": _curve([1.0, 0.8], [1.0, 0.25]), "B": _curve([0.95, 0.85], [0.6, 0.6])}, 0.9),
    (
        {
            "lite": _curve([0.99, 0.9, 0.6, 0.3], [1.5, 0.9, 0.5, 0.3]),
            "deep": _curve([0.98, 0.8, 0.5, 0.2], [1.6, 0.5, 0.4, 0.35]),
            "wild": _curve([0.7, 0.5, 0.3, 0.1], [0.45, 0.2, 0.1, 0.05]),
        },
        0.85,
    ),
    (
        {
            "calm": _curve([0.99, 0.97, 0.95, 0.93], [0.4, 0.3, 0.2, 0.15]),
            "bold": _curve([0.9, 0.75, 0.6, 0.4], [1.2, 1.0, 0.8, 0.02]),
            "fair": _curve([0.95, 0.85, 0.65, 0.5], [1.3, 1.1, 0.75, 0.6]),
        },
        0.7,
    ),
    (
        {
            "x": _curve([1.0, 0.72, 0.4], [4.0, 0.5, 0.3]),
            "y": _curve([1.0, 0.78, 0.4], [2.0, 1.2, 0.25]),
            "z": _curve([1.0, 0.9, 0.5], [2.5, 0.9, 0.8]),
        },
        0.76,
    ),
    ({"slow": _curve([1.0, 0.9, 0.7], [2.0, 1.0, 0.5]), "fast": _curve([1.0, 0.6, 0.3], [1.8, 0.4, 0.1])}, 0.8),
    ({"back": _curve([1.0, 0.8, 0.5], [1.0, 0.3, 0.9]), "on": _curve([1.0, 0.7, 0.4], [1.2, 0.6, 0.5])}, 0.75),
]
