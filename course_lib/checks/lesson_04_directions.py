"""Checks of the exercises of lesson 04 about directions, collections of labels and disentanglement."""

import numpy as np

from course_lib.checks.framework import Mistake, Symptom, judge, judge_value, passed, require, run

__all__ = ["attribute_vector", "balanced_collection", "keep_attribute", "low_gap", "table_gap"]


def attribute_vector(answer):
    """Judge a function (z, labels), (N, d), (N,) of 0 and 1 -> the unit vector from without to with, (d,)."""
    rng = np.random.default_rng(0)
    cases = []
    for share, d in ((0.2, 3), (0.7, 5)):
        labels = (rng.random(40) < share).astype(int)
        z = rng.standard_normal((40, d)) + 1.0 + labels[:, None] * rng.standard_normal(d)
        cases.append((z, labels))

    def difference(z, y):
        return z[y == 1].mean(axis=0) - z[y == 0].mean(axis=0)

    def unit(v):
        return v / np.linalg.norm(v)

    judge(
        "the attribute vector",
        answer,
        cases,
        lambda z, y: unit(difference(z, y)),
        [
            Mistake("a vector that was not normalised", difference, "What is the norm of a unit vector?"),
            Mistake("a wrong sign", lambda z, y: -unit(difference(z, y)), "Adding it would take the attribute away."),
            Mistake(
                "the mean of the positives alone",
                lambda z, y: unit(z[y == 1].mean(axis=0)),
                "Most of that vector is what all codes have in common.",
            ),
            Mistake(
                "sums instead of means",
                lambda z, y: unit(z[y == 1].sum(axis=0) - z[y == 0].sum(axis=0)),
                "The two groups have different sizes.",
            ),
            Mistake(
                "a norm of each row",
                lambda z, y: difference(unit_rows(z), y) / np.linalg.norm(difference(unit_rows(z), y)),
                "Normalise once, at the end: the rows themselves keep their length.",
            ),
        ],
    )


def unit_rows(z):
    """Return the rows of z (N, d), each divided by its norm."""
    return z / np.linalg.norm(z, axis=1, keepdims=True)


def keep_attribute(answer):
    """Judge a function (vector, other), (d,), (d,) -> the part of vector perpendicular to other, (d,)."""
    rng = np.random.default_rng(1)
    cases = [tuple(rng.standard_normal((2, d)) * [[1.0], [3.0]]) for d in (2, 7)]
    cases.append((np.array([1.0, 0.0]), np.array([0.0, 0.5])))

    def shadow(v, u):
        return (v @ u) / (u @ u) * u

    judge(
        "the vector that leaves an attribute alone",
        answer,
        cases,
        lambda v, u: v - shadow(v, u),
        [
            Mistake(
                "a projection for a unit vector",
                lambda v, u: v - (v @ u) * u,
                "Try another vector of length 3: how long is what you subtract?",
            ),
            Mistake(
                "a division by the norm, once",
                lambda v, u: v - (v @ u) / np.linalg.norm(u) * u,
                "The length of the other vector comes in twice: in the scalar product and in the vector.",
            ),
            Mistake("the part along the other vector", shadow, "This is what should go, not what should stay."),
            Mistake("a difference of the two vectors", lambda v, u: v - u, "How much of it does the vector contain?"),
            Mistake("a flipped sign", lambda v, u: v + shadow(v, u), "The attribute is now doubled, not removed."),
        ],
    )


def table_gap(answer):
    """Judge a function of a list of joint tables (bins, values), one per coordinate -> the gap of one factor over H."""
    rng = np.random.default_rng(2)
    cases = []
    for shape in ((4, 3), (6, 5)):
        factor = rng.integers(1, 9, shape[1])  # every coordinate sees the same examples
        cases.append(([_table(rng, shape[0], factor, sharp) for sharp in (0.2, 5.0, 1.5)],))
    perfect = np.diag([10, 20, 30])
    cases += [([perfect, np.outer([1, 1], [10, 20, 30])],), ([perfect, perfect],)]

    def parts(tables):
        information = sorted(_information(t) for t in tables)
        return information, _information(np.diag(np.sum(tables[0], axis=0)))

    def gap(tables):
        information, entropy = parts(tables)
        return (information[-1] - information[-2]) / entropy

    def over_codes(tables):
        information = sorted((_information(t), k) for k, t in enumerate(tables))
        best = tables[information[-1][1]]
        return (information[-1][0] - information[-2][0]) / _information(np.diag(np.sum(best, axis=1)))

    judge(
        "the gap of a factor",
        answer,
        cases,
        gap,
        [
            Symptom(
                "0 · log 0",
                lambda got, want, tables: np.isnan(got).any(),
                "Empty cells of a table contribute nothing: leave them out.",
            ),
            Mistake(
                "a gap that was not divided by the entropy",
                lambda tables: parts(tables)[0][-1] - parts(tables)[0][-2],
                "A factor with many values would count more than one with few.",
            ),
            Mistake(
                "the largest information alone",
                lambda tables: parts(tables)[0][-1] / parts(tables)[1],
                "A factor that two coordinates share would score as well as one that has its own.",
            ),
            Mistake(
                "the largest less the smallest",
                lambda tables: (parts(tables)[0][-1] - parts(tables)[0][0]) / parts(tables)[1],
                "With many coordinates one of them always knows nothing.",
            ),
            Mistake(
                "the entropy of the code",
                over_codes,
                "Whose entropy bounds the information for every coordinate: the bins' or the factor's?",
            ),
            Mistake(
                "logarithms of two bases",
                lambda tables: gap(tables) / np.log(2),
                "Information and entropy must be in one unit.",
            ),
        ],
    )


def low_gap(answer):
    """Judge the letter chosen for what a MIG of 0.05 with perfect reconstructions means."""
    judge_value(
        "a low MIG",
        answer,
        "c",
        "one of the letters a, b, c, d",
        [
            Mistake("missing information", "a", "Could the decoder draw perfectly from codes that know nothing?"),
            Mistake("an untrained model", "b", "What do perfect reconstructions say about training?"),
            Mistake("a proof of entangled data", "d", "Rotate the axes of a perfect code: what does the MIG do?"),
        ],
    )


def balanced_collection(answer):
    """Judge a function (wanted, other), booleans (N,) each -> which examples to keep, booleans (N,)."""
    task = "the balanced collection"
    for seed, share in ((0, 0.9), (1, 0.2)):
        rng = np.random.default_rng(seed)
        wanted = rng.random(400) < 0.4
        other = np.where(rng.random(400) < share, wanted, ~wanted)
        kept = np.asarray(run(task, answer, wanted, other))
        require(
            kept.shape == wanted.shape and kept.dtype == bool,
            task,
            "400 booleans",
            f"{kept.dtype} of shape {kept.shape}",
        )
        cells = np.array([np.sum(kept & (wanted == w) & (other == o)) for w in (0, 1) for o in (0, 1)])
        available = np.array([np.sum((wanted == w) & (other == o)) for w in (0, 1) for o in (0, 1)])
        received = f"kept without/without, without/with, with/without, with/with: {cells.tolist()}"
        require(cells.any(), task, "some examples", received, "An empty collection is balanced and useless.")
        hint = "All are kept, and with them the correlation." if kept.all() else ""
        if (cells == 0).any():
            hint = "Some combination is missing. Can a mean then tell the two attributes apart?"
        elif not hint and cells[:2].sum() == cells[2:].sum():
            hint = "Equal numbers with and without the first attribute are not enough: look inside each group."
        even = cells[0] * cells[3] == cells[1] * cells[2] and cells.all()
        require(even, task, "the other attribute in the same share of both groups, and neither 0 nor 1", received, hint)
        require(
            cells.sum() >= 4 * available.min(),
            task,
            f"at least {4 * available.min()} of 400 examples",
            received,
            "Balanced, but more was thrown away than the smallest combination asks for.",
        )
    passed(task)


def _table(rng, bins, factor, sharp):
    """Return counts (bins, values) whose columns sum to ``factor``, more concentrated where ``sharp`` is large."""
    columns = [rng.multinomial(10 * n, rng.dirichlet(np.full(bins, 1 / sharp))) for n in factor]
    return np.stack(columns, axis=1)


def _information(counts):
    p = counts / counts.sum()
    product = p.sum(axis=1, keepdims=True) * p.sum(axis=0, keepdims=True)
    return np.sum(p[p > 0] * np.log(p[p > 0] / product[p > 0]))
