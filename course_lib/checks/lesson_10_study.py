"""Checks of the exercises of lesson 10: reading an ablation, and planning one."""

import itertools

import numpy as np

from course_lib.checks.framework import Mistake, judge, passed, require, run

__all__ = ["confounders", "interaction", "permutation_test", "real_differences", "study_plan"]


def permutation_test(answer):
    """Judge a function (a, b), arrays of n results each -> exact two-sided p-value of the difference of means."""
    rng = np.random.default_rng(10)
    cases = [
        (np.array([1.0, 2.0, 3.0]), np.array([7.0, 8.0, 9.0])),
        (np.array([9.0, 8.0, 7.5, 7.0]), np.array([1.0, 3.0, 2.0, 7.2])),
        (rng.normal(size=4), rng.normal(size=4)),
        (np.array([4.0, 4.0]), np.array([4.0, 5.0])),
    ]
    judge(
        "Permutation test",
        answer,
        cases,
        _permutation,
        [
            Mistake(
                "a strict comparison",
                lambda a, b: _permutation(a, b, keep=lambda d, seen: abs(d) > abs(seen) + 1e-12),
                "The dealing that was observed is one of all dealings.",
            ),
            Mistake(
                "a one-sided test",
                lambda a, b: _permutation(a, b, keep=lambda d, seen: d >= seen - 1e-12),
                "Would you have been as surprised by a difference in the other direction?",
            ),
            Mistake("half of the tail", lambda a, b: _permutation(a, b) / 2, "Both directions count, each once."),
            Mistake(
                "signs for labels",
                lambda a, b: _signs(b - a),
                "That is the test for pairs. Here any n of the 2n results may have been the first group.",
            ),
        ],
    )


def real_differences(answer):
    """Judge a function (results, baseline, alpha) -> sorted list of the settings that differ from the baseline."""
    task = "Reading an ablation"
    mistakes = {
        "many comparisons at the level of one": (
            {"bonferroni": False},
            "How many settings had the chance to look good?",
        ),
        "a normal quantile": ({"normal": True}, "The spread is an estimate with few degrees of freedom."),
        "a spread of two settings only": ({"pooled": False}, "Every setting tells something about the spread."),
        "a baseline without error": ({"exact_baseline": True}, "The baseline's mean is a mean of few seeds, too."),
    }
    for results, alpha in _studies():
        received = run(task, answer, results, "baseline", alpha)
        require(
            isinstance(received, (list, tuple)) and all(name in results for name in received),
            task,
            "a list of names of settings",
            received,
        )
        want = _differ(results, alpha)
        hints = [
            f"this looks like {name}. {hint}"
            for name, (options, hint) in mistakes.items()
            if list(received) == _differ(results, alpha, **options)
        ]
        hint = "Is the baseline compared with itself?" if "baseline" in received else (hints or [""])[0]
        require(sorted(received) == want, task, f"{len(want)} settings that differ", received, hint)
        require(list(received) == want, task, "the names in alphabetical order", received)
    passed(task)


def interaction(answer):
    """Judge a function of a 2 × 2 table of distances -> the interaction of the two settings on the log scale."""
    cases = [([[100.0, 90.0], [95.0, 300.0]],), ([[50.0, 20.0], [80.0, 8.0]],), ([[3.0, 6.0], [5.0, 10.0]],)]
    judge(
        "Interaction",
        answer,
        [(np.array(table),) for (table,) in cases],
        lambda y: _interaction(np.log(y)),
        [
            Mistake(
                "differences of distances",
                _interaction,
                "Which scale makes 'half as large' the same effect everywhere?",
            ),
            Mistake(
                "half of it",
                lambda y: 0.5 * _interaction(np.log(y)),
                "It is one effect minus the other, not their average.",
            ),
            Mistake(
                "the sign",
                lambda y: -_interaction(np.log(y)),
                "With the second setting on, minus with it off.",
            ),
            Mistake(
                "a main effect",
                lambda y: 0.5 * (np.log(y[1, 0] / y[0, 0]) + np.log(y[1, 1] / y[0, 1])),
                "That is the effect averaged over the other setting, not how it changes with it.",
            ),
            Mistake(
                "the total of both changes",
                lambda y: np.log(y[1, 1] / y[0, 0]),
                "What would the two changes alone have predicted for this?",
            ),
        ],
    )


def confounders(answer):
    """Judge a dictionary of item -> bool: does it confound the comparison of the exercise's abstract?"""
    task = "Confounders"
    right = {
        "attention block": False,
        "number of epochs": True,
        "number of samples": True,
        "choice of the seed": True,
        "data set": False,
        "feature network": False,
    }
    hints = {
        "attention block": "What is the question of the comparison? Its own factor cannot confound it.",
        "number of epochs": "Compare how long each of the two was trained.",
        "number of samples": "The estimated distance falls with n, also for the same generator (lesson 09).",
        "choice of the seed": "The least of five results lies below the typical one, even if nothing changed.",
        "data set": "Was one trained or tested on other images?",
        "feature network": "Were the distances taken on other features?",
    }
    require(isinstance(answer, dict), task, "a dictionary of item -> True or False", answer)
    require(answer.keys() == right.keys(), task, f"the keys {sorted(right)}", answer)
    for item, verdict in right.items():
        require(answer[item] is not None and answer[item] is not ..., task, "True or False for each item", "no answer")
        require(bool(answer[item]) == verdict, task, "another verdict", f"{item!r}: {answer[item]}", hints[item])
    passed(task)


PLAN_KEYS = {"rate", "average", "batch", "images", "seed"}
PLAN_BUDGET = 240_000


def study_plan(answer):
    """Judge a list of runs that asks whether averaging helps at rate 1e-3, and whether that depends on the rate."""
    task = "Study plan"
    plan = run(task, answer) if callable(answer) else answer
    require(isinstance(plan, (list, tuple)) and len(plan) > 0, task, "a list of runs", plan)
    require(
        all(isinstance(r, dict) and r.keys() == PLAN_KEYS for r in plan),
        task,
        f"runs as dictionaries with the keys {sorted(PLAN_KEYS)}",
        plan[0],
    )
    total = sum(r["images"] for r in plan)
    require(total <= PLAN_BUDGET, task, f"at most {PLAN_BUDGET:,} images in all", f"{total:,}", "Fewer images each?")
    for key, hint in (
        ("images", "Whoever trains longer is better: then nobody knows what the average did."),
        ("batch", "The batch is not asked about. What changes along with the question confounds the answer."),
    ):
        values = {r[key] for r in plan}
        require(len(values) == 1, task, f"one value of {key!r} for all runs", sorted(values), hint)
    require(plan[0]["images"] >= 10_000, task, "at least 10,000 images a run", plan[0]["images"], "Will it learn?")
    averages, rates = {r["average"] for r in plan}, {r["rate"] for r in plan}
    control = "Without a run that has no average there is nothing to compare with."
    require(None in averages, task, "a control without average", sorted(averages, key=str), control)
    require(len(averages) == 2, task, "one average beside the control", sorted(averages, key=str))
    require(1e-3 in rates, task, "the rate 1e-3 that is asked about", sorted(rates))
    dependence = "Whether the help depends on the rate shows only where both are varied."
    require(len(rates) == 2, task, "two rates", sorted(rates), dependence)
    cells = {pair: [] for pair in itertools.product(rates, averages)}
    for r in plan:
        cells[r["rate"], r["average"]].append(r["seed"])
    crossed = "One at a time leaves a corner of the table empty, and the interaction with it."
    require(all(cells.values()), task, "every combination of rate and average", f"{len(plan)} runs", crossed)
    seeds = next(iter(cells.values()))
    repeated = "A run with the same seed is the same run once more, not a second observation."
    require(all(len(set(s)) == len(s) for s in cells.values()), task, "no run twice", sorted(seeds), repeated)
    few = "Two numbers do not tell a spread."
    require(min(map(len, cells.values())) >= 3, task, "at least 3 seeds in each cell", f"{len(seeds)} seeds", few)
    paired = "With the same seeds everywhere the luck that they share cancels."
    require(all(set(s) == set(seeds) for s in cells.values()), task, "the same seeds in all cells", cells, paired)
    passed(task)


def _permutation(a, b, keep=lambda d, seen: abs(d) >= abs(seen) - 1e-12):
    pooled, n = np.r_[a, b], len(a)
    seen = np.mean(b) - np.mean(a)
    chosen = itertools.combinations(range(len(pooled)), n)
    differences = (np.delete(pooled, list(c)).mean() - pooled[list(c)].mean() for c in chosen)
    return np.mean([keep(d, seen) for d in differences])


def _signs(effects):
    flipped = [np.mean(np.multiply(s, effects)) for s in itertools.product((1, -1), repeat=len(effects))]
    return np.mean(np.abs(flipped) >= abs(np.mean(effects)) - 1e-12)


def _interaction(y):
    return y[1, 1] - y[1, 0] - y[0, 1] + y[0, 0]


def _studies():
    """Made-up studies on which every mistake gives another list than the right one."""
    pattern = np.array([-1.0, 0.0, 1.0])

    def study(spreads, effects):
        results = {"baseline": 5 + spreads[0] * pattern}
        for number, (spread, effect) in enumerate(zip(spreads[1:], effects, strict=True)):
            results[f"setting {chr(97 + number)}"] = 5 + effect + spread * pattern
        return results

    even = [0.1] * 9
    # With a spread of 0.1 and 18 degrees of freedom: 0.172 for one comparison, 0.253 for eight, 0.223 by the normal.
    # Without the baseline's error 0.179, all at 5 %.
    first = study(even, [0.3, 0.24, 0.2, 0.1, -0.3, -0.05, 0.0, 0.176])
    uneven = [0.03, 0.03, 0.2, 0.05, 0.1, 0.1, 0.1]
    second = study(uneven, [0.15, 0.32, -0.5, 0.0, 0.1, -0.1])
    return [(first, 0.05), (second, 0.05), (study(even, [0.24] * 8), 0.05)]


def _differ(results, alpha, bonferroni=True, normal=False, pooled=True, exact_baseline=False):
    from scipy import stats

    base, names = results["baseline"], sorted(set(results) - {"baseline"})
    level = alpha / len(names) if bonferroni else alpha
    found = []
    for name in names:
        groups = list(results.values()) if pooled else [base, results[name]]
        freedom = sum(len(g) - 1 for g in groups)
        spread = np.sqrt(sum(np.sum((g - g.mean()) ** 2) for g in groups) / freedom)
        quantile = stats.norm.ppf(1 - level / 2) if normal else stats.t.ppf(1 - level / 2, freedom)
        error = spread * np.sqrt(1 / len(results[name]) + (0 if exact_baseline else 1 / len(base)))
        if abs(results[name].mean() - base.mean()) > quantile * error:
            found.append(name)
    return found
