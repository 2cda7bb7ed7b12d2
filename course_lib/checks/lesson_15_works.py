"""Checks of exercise 15 about judgement and works: a sampler, missing controls, a watermark's threshold, a gallery."""

import html.parser
from pathlib import Path

import numpy as np
from scipy import stats

from course_lib import provenance
from course_lib.checks.framework import Mistake, compare_value, judge, passed, require

__all__ = ["choose_sampler", "gallery_page", "missing_controls", "needed_agreement"]

_CLAIMS = {"A": "fresh", "B": "ignorant", "C": "minimum", "D": "size"}
_HINTS = {
    "fresh": "One claim reports the best of many on the very codes on which it was found to be the best.",
    "ignorant": "One claim shows a map that might look the same for a network that has learned nothing.",
    "minimum": "One claim compares losses whose least values differ.",
    "size": "One claim compares distances that depend on how many pictures were measured.",
}
# Columns: ms for an evaluation, evaluations, distance. Chosen so that no two known mistakes agree on all.
_TABLES = (
    (np.array([[1.0, 1, 300.0], [1.0, 8, 40.0], [1.0, 16, 20.0], [1.0, 32, 18.0]]), 16.0),
    (np.array([[0.5, 4, 60.0], [2.0, 4, 30.0], [0.5, 16, 30.0], [4.0, 2, 90.0], [4.0, 16, 9.0]]), 10.0),
    (np.array([[3.0, 2, 50.0], [0.2, 30, 55.0], [0.2, 10, 70.0], [7.0, 1, 45.0]]), 6.5),
    (np.array([[5.0, 4, 11.0], [1.0, 10, 25.0], [1.0, 12, 25.0], [0.1, 50, 26.0]]), 12.0),
)


def choose_sampler(answer):
    """Judge a function (settings (k, 3), budget) -> the row of the best setting within the budget, an integer."""
    judge(
        "the best sampler within a budget",
        answer,
        _TABLES,
        _best,
        [
            Mistake(
                "a budget for one evaluation",
                lambda table, budget: _best(np.column_stack([table[:, 0], np.ones(len(table)), table[:, 2]]), budget),
                "The time of an evaluation is not yet the time of a picture.",
            ),
            Mistake(
                "a budget of evaluations",
                lambda table, budget: _best(np.column_stack([np.ones(len(table)), table[:, 1:]]), budget),
                "The budget is in milliseconds, and networks differ in what an evaluation costs.",
            ),
            Mistake("the budget left out", lambda table, budget: int(table[:, 2].argmin()), "Can you afford it?"),
            Mistake(
                "the cheapest setting",
                lambda table, budget: int((table[:, 0] * table[:, 1]).argmin()),
                "What is within the budget may be spent; asked for is the best quality.",
            ),
            Mistake(
                "the largest distance",
                lambda table, budget: _best(table * [1, 1, -1], budget),
                "A small Fréchet distance is good.",
            ),
            Mistake(
                "a strict limit",
                lambda table, budget: _best(table, budget - 1e-6),
                "A setting that costs exactly the budget is allowed.",
            ),
            Mistake(
                "the slower of two equals",
                lambda table, budget: _best(table, budget, last=True),
                "Two settings of one quality: which would you rather wait for?",
            ),
            Mistake(
                "the distance itself",
                lambda table, budget: table[_best(table, budget), 2],
                "Asked for is the number of the row.",
            ),
        ],
    )


def missing_controls(value):
    """Judge a dictionary from the letter of each claim to what it lacks."""
    task = "what the claims lack"
    ok = isinstance(value, dict) and set(value) == set(_CLAIMS)
    require(ok, task, f"a dictionary with the keys {', '.join(_CLAIMS)}", str(value)[:80])
    once = sorted(map(str, value.values())) == sorted(_CLAIMS.values())
    require(
        once, task, f"each of {', '.join(sorted(_CLAIMS.values()))} once", str(value), "each lack occurs exactly once."
    )
    for kind, hint in _HINTS.items():
        letter = next(name for name, lack in _CLAIMS.items() if lack == kind)
        mistake = [Mistake(f"a wrong place for {kind}", value[letter], hint)]
        compare_value(task, str(value[letter]), kind, f"the claim that lacks: {kind}", mistake)
    passed(task)


def needed_agreement(answer):
    """Judge a function (coefficients, pictures, alarms) -> the least number of agreeing signs, an integer."""
    cases = [(100, 1, 0.05), (1_000, 1_000, 1.0), (448, 100_000, 0.1), (50, 20, 1.0), (2_000, 10, 0.5)]
    judge(
        "the threshold of a watermark",
        answer,
        cases,
        _threshold,
        [
            Mistake(
                "more than instead of at least",
                lambda n, m, a: _threshold(n, m, a) - 1,
                "Is your k itself still counted in the tail? P(X > k) and P(X ≥ k) differ.",
            ),
            Mistake(
                "one agreement too many",
                lambda n, m, a: _threshold(n, m, a) + 1,
                "A smaller number satisfies the condition too.",
            ),
            Mistake(
                "the pictures left out",
                lambda n, m, a: _threshold(n, 1, a),
                "Every picture that is checked is another chance for a false alarm.",
            ),
            Mistake(
                "a rate that grows with the pictures",
                lambda n, m, a: _threshold(n, 1, min(a * m, 1.0)),
                "More pictures need a stricter limit for each, not a looser one.",
            ),
            Mistake(
                "a two-sided limit",
                lambda n, m, a: _threshold(n, m, a / 2),
                "Too few agreements are no sign of this mark; one side counts.",
            ),
            Mistake(
                "the probability of exactly k",
                lambda n, m, a: int(next(k for k in range(n // 2, n + 1) if stats.binom.pmf(k, n, 0.5) <= a / m)),
                "More agreement would convince you as well: which values of X are alarms?",
            ),
            Mistake(
                "a normal approximation",
                lambda n, m, a: int(np.ceil(n / 2 + stats.norm.isf(a / m) * np.sqrt(n) / 2)),
                "Near, but far out in the tail the normal curve is not exact. Coins can be counted.",
            ),
            Mistake(
                "a fixed share", lambda n, m, a: int(np.ceil(0.6 * n)), "What is the rate of that rule for n = 10?"
            ),
        ],
        rtol=0,
        atol=0,
    )


def gallery_page(value):
    """Judge the path of an exported HTML page: three works or more, titled, with their origin, in one file."""
    task = "your gallery"
    path = Path(value) if isinstance(value, str | Path) else None
    require(path is not None, task, "the path of your page", value, "export_html returns it.")
    require(path.suffix == ".html" and path.is_file(), task, "an HTML file that exists", path.name, "export_html.")
    page = _Page()
    page.feed(path.read_text("utf-8"))
    found = provenance.read(path)
    works = (found or {}).get("works")
    hint = "a page written by Gallery.export_html holds the facts of its works."
    require(isinstance(works, list), task, "a page that says where its works come from", "no such facts", hint)
    require(len(works) >= 3, task, "at least three works", f"{len(works)}", "A gallery is a choice. Keep some more.")
    titles = [work.get("title", "") for work in works]
    require(len(set(titles)) == len(titles), task, "a title of its own for each", ", ".join(titles), "Look again.")
    named = [title for title in titles if any(c.isalpha() for c in title) and not title.lower().startswith("picture")]
    require(named == titles, task, "titles given by you", ", ".join(titles), "What do you see in it?")
    require(bool(found.get("artist")), task, "an artist", "none", "Somebody chose these. Who answers for them?")
    origins = all(work.get("model") for work in works)
    require(origins, task, "a model for every work", "a work without", "add takes the model's name or its card.")
    seeded = all(work.get("seed") is not None for work in works)
    require(seeded, task, "a seed for every work", "a work without", "Could anybody make it again?")
    require(
        not page.outside, task, "one file that loads nothing", page.outside[0] if page.outside else "", "Inline it."
    )
    passed(task)


class _Page(html.parser.HTMLParser):
    """Collect what a page would load from elsewhere."""

    def __init__(self):
        super().__init__()
        self.outside = []

    def handle_starttag(self, tag, attrs):
        loads = [v for k, v in attrs if k in ("src", "href", "srcset", "data", "poster") and v]
        self.outside += [v for v in loads if not v.startswith("data:")] + [tag] * (tag in ("script", "iframe", "link"))


def _best(table, budget, last=False):
    cost = table[:, 0] * table[:, 1]
    rows = np.flatnonzero(cost <= budget)
    order = sorted(rows, key=lambda k: (table[k, 2], -cost[k] if last else cost[k]))
    return int(order[0])


def _threshold(coefficients, pictures, alarms):
    """Return the least k with P(X ≥ k) ≤ alarms / pictures."""
    k = np.arange(coefficients + 1)
    tail = stats.binom.sf(k - 1, coefficients, 0.5)
    return int(k[tail <= alarms / pictures][0])
