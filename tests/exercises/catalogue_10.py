"""Right and wrong answers to the exercises of lesson 10, with a piece of the hint that each wrong one must get."""

import itertools

import numpy as np
from scipy import stats

from course_lib import checks


def cost(c_in, c_out, kernel, stride, height, width):
    weights = kernel**2 * c_in * c_out
    return weights + c_out, 2 * weights * height * width


def changed_cost(parameters=1, operations=1):
    def wrong(*case):
        right = cost(*case)
        return (
            right[0] * parameters if not callable(parameters) else parameters(*case),
            int(right[1] * (operations(*case) if callable(operations) else operations)),
        )

    return wrong


def field(convolutions, start=1, late=False, jumps=True, whole=False):
    side, jump = start, 1
    for kernel, stride in convolutions:
        if late:
            jump *= stride
        side += (kernel - (not whole)) * (jump if jumps else 1)
        if not late:
            jump *= stride
    return side


def permutation(a, b, absolute=np.abs, reached=lambda d, seen: d >= seen - 1e-12):
    pooled, n = np.r_[a, b], len(a)
    seen = absolute(b.mean() - a.mean())
    dealt = (list(c) for c in itertools.combinations(range(2 * n), n))
    return np.mean([reached(absolute(np.delete(pooled, c).mean() - pooled[c].mean()), seen) for c in dealt])


def sign_flips(a, b):
    flips = [np.mean(np.multiply(s, b - a)) for s in itertools.product((1, -1), repeat=len(a))]
    return np.mean(np.abs(flips) >= abs(np.mean(b - a)) - 1e-12)


def differences(
    results, baseline, alpha, comparisons=None, quantile=stats.t.ppf, pool=None, base_error=True, keep_base=False
):
    names = sorted(name for name in results if keep_base or name != baseline)
    level = alpha / (comparisons or len(names))
    base, found = results[baseline], []
    for name in names:
        groups = list(results.values()) if pool is None else pool(base, results[name])
        freedom = sum(len(g) - 1 for g in groups)
        spread = np.sqrt(sum(((g - g.mean()) ** 2).sum() for g in groups) / freedom)
        error = spread * np.sqrt(1 / len(results[name]) + base_error / len(base))
        if abs(results[name].mean() - base.mean()) > quantile(1 - level / 2, freedom) * error or name == baseline:
            found.append(name)
    return found


def two_by_two(table, scale=np.log, combine=lambda y: y[1, 1] - y[1, 0] - y[0, 1] + y[0, 0]):
    return combine(scale(np.asarray(table)))


VERDICT = {
    "attention block": False,
    "number of epochs": True,
    "number of samples": True,
    "choice of the seed": True,
    "data set": False,
    "feature network": False,
}


def plan(rates=(1e-3, 4e-3), averages=(None, 0.99), seeds=(0, 1, 2), images=lambda r, a: 20_000, batch=lambda r, a: 16):
    return [
        {"rate": r, "average": a, "batch": batch(r, a), "images": images(r, a), "seed": s}
        for r, a, s in itertools.product(rates, averages, seeds)
    ]


CATALOGUE = [
    (
        checks.transposed_cost,
        cost,
        {
            "output": (changed_cost(operations=lambda i, o, k, s, h, w: s * s), "come in, or those that go out"),
            "once": (changed_cost(operations=0.5), "also added to something"),
            "no bias": (
                changed_cost(parameters=lambda i, o, k, s, h, w: k * k * i * o),
                "for each channel that it makes",
            ),
            "input bias": (changed_cost(parameters=lambda i, o, k, s, h, w: k * k * i * o + i), "not to what it takes"),
            "line": (
                lambda i, o, k, s, h, w: (k * i * o + o, 2 * k * i * o * h * w),
                "a square",
            ),
        },
    ),
    (
        checks.field_of_view,
        field,
        {
            "no jump": (lambda c: field(c, jumps=False), "further apart in the image"),
            "late": (lambda c: field(c, late=True), "in the *input* of a layer"),
            "whole": (lambda c: field(c, start=0, whole=True), "1 × 1 convolution"),
            "zero": (lambda c: field(c, start=0), "no layer at all"),
        },
    ),
    (
        checks.average_decay,
        lambda batch, half_life: 0.5 ** (batch / half_life),
        {
            "mean life": (lambda batch, half_life: np.exp(-batch / half_life), "1/e"),
            "line": (lambda batch, half_life: 1 - batch / half_life, "Compound it"),
            "half line": (lambda batch, half_life: 1 - 0.5 * batch / half_life, "no straight line"),
            "per image": (lambda batch, half_life: 0.5 ** (1 / half_life), "images does a step see"),
            "inverted": (lambda batch, half_life: 0.5 ** (half_life / batch), "larger or smaller"),
        },
    ),
    (
        checks.permutation_test,
        permutation,
        {
            "strict": (lambda a, b: permutation(a, b, reached=lambda d, seen: d > seen + 1e-12), "one of all dealings"),
            "one side": (lambda a, b: permutation(a, b, absolute=lambda d: d), "in the other direction"),
            "half": (lambda a, b: permutation(a, b) / 2, "each once"),
            "pairs": (sign_flips, "the test for pairs"),
        },
    ),
    (
        checks.real_differences,
        differences,
        {
            "one level": (lambda r, b, alpha: differences(r, b, alpha, comparisons=1), "chance to look good"),
            "normal": (
                lambda r, b, alpha: differences(r, b, alpha, quantile=lambda q, _: stats.norm.ppf(q)),
                "few degrees of freedom",
            ),
            "two only": (lambda r, b, alpha: differences(r, b, alpha, pool=lambda *g: g), "Every setting tells"),
            "exact": (lambda r, b, alpha: differences(r, b, alpha, base_error=False), "mean of few seeds"),
            "itself": (lambda r, b, alpha: differences(r, b, alpha, keep_base=True), "compared with itself"),
        },
    ),
    (
        checks.interaction,
        two_by_two,
        {
            "no log": (lambda y: two_by_two(y, scale=lambda t: t), "the same effect everywhere"),
            "half": (lambda y: 0.5 * two_by_two(y), "not their average"),
            "sign": (lambda y: -two_by_two(y), "minus with it off"),
            "main": (
                lambda y: two_by_two(y, combine=lambda t: 0.5 * (t[1, 0] - t[0, 0] + t[1, 1] - t[0, 1])),
                "how it changes with it",
            ),
            "total": (lambda y: two_by_two(y, combine=lambda t: t[1, 1] - t[0, 0]), "alone have predicted"),
        },
    ),
    (
        checks.confounders,
        VERDICT,
        {
            "question": (VERDICT | {"attention block": True}, "Its own factor"),
            "epochs": (VERDICT | {"number of epochs": False}, "how long each"),
            "samples": (VERDICT | {"number of samples": False}, "falls with n"),
            "seed": (VERDICT | {"choice of the seed": False}, "least of five"),
            "data": (VERDICT | {"data set": True}, "on other images"),
        },
    ),
    (
        checks.study_plan,
        plan,
        {
            "few seeds": (plan(seeds=(0, 1)), "do not tell a spread"),
            "one rate": (plan(rates=(1e-3,)), "both are varied"),
            "no control": (plan(averages=(0.9, 0.99)), "nothing to compare with"),
            "a corner": ([r for r in plan() if r["rate"] == 1e-3 or r["average"] is None], "leaves a corner"),
            "budgets": (plan(images=lambda r, a: 15_000 if a else 20_000), "trains longer is better"),
            "batch": (plan(batch=lambda r, a: 16 if a else 32), "changes along with the question"),
            "twice": (plan(seeds=(0, 0, 0)), "same run once more"),
            "too much": (plan(seeds=(0, 1, 2, 3)), "Fewer images each"),
            "other seeds": (
                [r | {"seed": r["seed"] + (10 if r["average"] else 0)} for r in plan()],
                "the luck that they share",
            ),
        },
    ),
]
