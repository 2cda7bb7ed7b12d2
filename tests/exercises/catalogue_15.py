"""Right and wrong answers to the exercises of lesson 15, with a piece of the hint that each wrong one must get."""

import tempfile
from pathlib import Path

import numpy as np
from scipy import stats

from course_lib import checks, gallery


def at(t):
    return t[:, None, None, None]


def pair(x_0, x_1, t):
    return (1 - at(t)) * x_0 + at(t) * x_1, x_1 - x_0


def heun(velocity, x, n, late=1.0, far=1.0, weights=(0.5, 0.5), steps=None):
    for k in range(n if steps is None else steps(n)):
        first = velocity(x, k / n)
        second = velocity(x + far * first / n, (k + late) / n)
        x = x + (weights[0] * first + weights[1] * second) / n
    return x


def least(cov, power=0.5, total=np.mean):
    return np.pi / 2 * total(np.linalg.eigvalsh(cov).clip(0) ** power)


def singular(cov):
    """Right where the covariance has full rank; otherwise the root of a small negative number."""
    values = np.linalg.eigvalsh(cov) - 1e-12 * (np.linalg.matrix_rank(cov) < len(cov))
    with np.errstate(invalid="ignore"):
        return np.pi / 2 * np.sqrt(values).mean()


def back(x_s, x, s, betas, bars=None, beta=None, before=1, root=np.sqrt):
    bars = np.concatenate([[1.0], np.cumprod(1 - betas)]) if bars is None else bars
    beta = betas[s - 1] if beta is None else beta
    a, b = bars[s - before], bars[s]
    return (root(a) * beta * x + root(1 - beta) * (1 - a) * x_s) / (1 - b), beta * (1 - a) / (1 - b)


def best(table, budget, cost=lambda t: t[:, 0] * t[:, 1], sign=1, strict=False, tie=1):
    paid = cost(table)
    rows = [k for k in range(len(table)) if (paid[k] < budget if strict else paid[k] <= budget)]
    return min(rows, key=lambda k: (sign * table[k, 2], tie * table[k, 0] * table[k, 1]))


def threshold(n, rate, tail=lambda k, n: stats.binom.sf(k - 1, n, 0.5)):
    return next(k for k in range(n + 2) if tail(k, n) <= rate)


LACKING = {"A": "fresh", "B": "ignorant", "C": "minimum", "D": "size"}


def swapped(a, b):
    return LACKING | {a: LACKING[b], b: LACKING[a]}


def page(titles=("Rain", "Still rain", "Sun"), artist="A. Learner", model="faces-gan", seed=1, edit=None):
    """Write a gallery page of small grey pictures to a temporary folder and return its path."""
    room = gallery.Gallery(Path(tempfile.mkdtemp()), artist=artist)
    for k, title in enumerate(titles):
        room.add(np.full((16, 16, 1), 60 * k, np.uint8), title, model, seed=seed)
    path = room.export_html(title="Weather")
    if edit:
        path.write_text(edit(path.read_text("utf-8")), "utf-8")
    return path


CATALOGUE = [
    (
        checks.training_pair,
        pair,
        {
            "backwards": (lambda a, b, t: (at(t) * a + (1 - at(t)) * b, b - a), "at noise or at data"),
            "swapped ends": (lambda a, b, t: (pair(a, b, t)[0], a - b), "would never tell you"),
            "the image": (lambda a, b, t: (pair(a, b, t)[0], b), "predicts the image"),
            "the noise": (lambda a, b, t: (pair(a, b, t)[0], a), "DDPM's network"),
            "the rest": (lambda a, b, t: (pair(a, b, t)[0], b - pair(a, b, t)[0]), "Is a velocity a distance"),
            "circle": (lambda a, b, t: (np.sqrt(1 - at(t) ** 2) * a + at(t) * b, b - a), "a straight line"),
            "one time": (lambda a, b, t: ((1 - t[0]) * a + t[0] * b, b - a), "a time of its own"),
            "not lined up": (
                lambda a, b, t: ((1 - t[:, None, None, None, None]) * a + t[:, None, None, None, None] * b, b - a),
                "along their first axis only",
            ),
        },
    ),
    (
        checks.heun_solver,
        heun,
        {
            "Euler": (lambda v, x, n: heun(v, x, n, weights=(1, 0)), "velocity at the end of the step"),
            "sum": (lambda v, x, n: heun(v, x, n, weights=(1, 1)), "how far should one step go"),
            "old time": (lambda v, x, n: heun(v, x, n, late=0), "in space and in time"),
            "old place": (lambda v, x, n: heun(v, x, n, far=0), "Where would Euler's step have arrived"),
            "only the second": (lambda v, x, n: heun(v, x, n, weights=(0, 1)), "counts as much"),
            "midpoint": (lambda v, x, n: heun(v, x, n, 0.5, 0.5, (0, 1)), "but another one"),
            "too few": (lambda v, x, n: heun(v, x, n, steps=lambda n: n - 1), "At which time do you end"),
            "backwards": (lambda v, x, n: heun(lambda y, t: v(y, 1 - t), x, n), "noise is at t = 0"),
        },
    ),
    (
        checks.least_loss,
        least,
        {
            "variances": (lambda cov: least(cov, power=1), "Multiply the data by 2"),
            "sum": (lambda cov: least(cov, total=np.sum), "a mean over pixels"),
            "diagonal": (lambda cov: np.pi / 2 * np.mean(np.sqrt(np.diag(cov))), "along the principal axes"),
            "late root": (lambda cov: np.pi / 2 * np.sqrt(np.mean(np.diag(cov))), "First the root"),
            "no integral": (lambda cov: least(cov) * 2 / np.pi, "about 1.57"),
            "zero": (lambda cov: 0, "tell x_1 - x_0 completely"),
            "round-off": (singular, "eigenvalues of 0"),
        },
    ),
    (
        checks.ddpm_reverse,
        back,
        {
            "beta": (lambda y, x, s, b: (back(y, x, s, b)[0], b[s - 1]), "if the data are noise"),
            "root": (lambda y, x, s, b: (back(y, x, s, b)[0], back(y, x, s, b)[1] ** 0.5), "is the variance"),
            "exchanged": (lambda y, x, s, b: (back(x, y, s, b)[0], back(y, x, s, b)[1]), "must be x itself"),
            "next beta": (lambda y, x, s, b: back(y, x, s, b, beta=b[s % len(b)]), "Steps count from 1"),
            "alpha": (
                lambda y, x, s, b: back(y, x, s, b, bars=np.concatenate([[1.0], 1 - b])),
                "the product of all",
            ),
            "same bar": (lambda y, x, s, b: back(y, x, s, b, before=0), "belongs to the step before"),
            "no roots": (lambda y, x, s, b: back(y, x, s, b, root=lambda v: v), "scaled by square roots"),
        },
    ),
    (
        checks.choose_sampler,
        best,
        {
            "one evaluation": (lambda t, b: best(t, b, cost=lambda t: t[:, 0]), "not yet the time of a picture"),
            "evaluations": (lambda t, b: best(t, b, cost=lambda t: t[:, 1]), "what an evaluation costs"),
            "no budget": (lambda t, b: best(t, np.inf), "Can you afford it"),
            "cheapest": (lambda t, b: int(np.argmin(t[:, 0] * t[:, 1])), "may be spent"),
            "largest": (lambda t, b: best(t, b, sign=-1), "distance is good"),
            "strict": (lambda t, b: best(t, b, strict=True), "exactly the budget"),
            "slower": (lambda t, b: best(t, b, tie=-1), "rather wait for"),
            "distance": (lambda t, b: t[best(t, b), 2], "number of the row"),
        },
    ),
    (
        checks.missing_controls,
        LACKING,
        {
            "A for D": (swapped("A", "D"), "best of many on the very codes"),
            "B for C": (swapped("B", "C"), "learned nothing"),
            "C for D": (swapped("C", "D"), "whose least values differ"),
            "twice": (LACKING | {"A": "size"}, "exactly once"),
        },
    ),
    (
        checks.needed_agreement,
        lambda n, m, a: threshold(n, a / m),
        {
            "more than": (lambda n, m, a: threshold(n, a / m) - 1, "still counted in the tail"),
            "one too many": (lambda n, m, a: threshold(n, a / m) + 1, "A smaller number"),
            "one picture": (lambda n, m, a: threshold(n, a), "another chance for a false alarm"),
            "times": (lambda n, m, a: threshold(n, a * m), "not a looser one"),
            "two-sided": (lambda n, m, a: threshold(n, a / m / 2), "one side counts"),
            "exactly": (
                lambda n, m, a: n // 2 + threshold(n // 2, a / m, lambda k, _: stats.binom.pmf(n // 2 + k, n, 0.5)),
                "which values of X are alarms",
            ),
            "normal": (
                lambda n, m, a: int(np.ceil(n / 2 + stats.norm.isf(a / m) * np.sqrt(n / 4))),
                "Coins can be counted",
            ),
            "share": (lambda n, m, a: int(np.ceil(0.6 * n)), "rate of that rule"),
        },
    ),
    (
        checks.gallery_page,
        page(),
        {
            "two works": (page(("Rain", "Sun")), "A gallery is a choice"),
            "one title": (page(("Rain", "Rain", "Sun")), "Look again"),
            "untitled": (page(("Picture 3", "Rain", "Sun")), "What do you see in it"),
            "no artist": (page(artist=""), "Who answers for them"),
            "no model": (page(model=""), "the model's name or its card"),
            "no seed": (page(seed=None), "make it again"),
            "loads": (page(edit=lambda text: text.replace("<main>", '<main><img src="https://a.b/c.png">')), "Inline"),
            "no facts": (page(edit=lambda text: text.replace('name="provenance"', 'name="x"')), "holds the facts"),
        },
    ),
]
