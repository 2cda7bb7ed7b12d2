"""Right and wrong answers to the exercises of lesson 07, with a piece of the hint that each wrong one must get."""

import numpy as np

from course_lib import checks


def kept(samples, centres, std, radius=3.0, least=0.1):
    distances = np.linalg.norm(samples[:, None] - centres, axis=2)
    good = distances.min(axis=1) < radius * std
    counts = np.bincount(distances.argmin(axis=1)[good], minlength=len(centres))
    return int((counts >= least * len(samples) / len(centres)).sum()), good.mean()


def divergence(counts):
    h = counts[counts > 0] / counts.sum()
    return np.sum(h * np.log(h * len(counts)))


def raw_divergence(counts):
    """The formula as it stands, with 0 · ln 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        h = counts / counts.sum()
        return np.sum(h * np.log(h * len(counts)))


def forward(counts):
    with np.errstate(divide="ignore"):
        return -np.mean(np.log(counts / counts.sum() * len(counts)))


def best_d(p, q, real_target, fake_target):
    return (real_target * p + fake_target * q) / (p + q)


def mean_distance(x):
    return np.linalg.norm(x[:, None] - x, axis=2).sum() / (len(x) * (len(x) - 1))


def diversity(samples, data):
    return mean_distance(samples) / mean_distance(data)


def cases(**changed):
    names = {1: "oscillation", 2: "healthy", 3: "discriminator overpowering"}
    return names | {int(number[1:]): name for number, name in changed.items()}


def experiment(**changed):
    """An experiment as a correct run gives it, with some parts changed."""
    parts = {"change": {"momentum": 0.0}, "sick": {0: 4, 1: 6, 2: 5}, "cured": {0: 9, 1: 9, 2: 8}}
    return parts | changed


CATALOGUE = [
    (
        checks.kept_modes,
        kept,
        {
            "any sample": (lambda x, c, s: kept(x, c, s, least=1e-9), "a tenth of its fair share"),
            "no radius for the count": (
                lambda x, c, s: (kept(x, c, s, 1e9)[0], kept(x, c, s)[1]),
                "keeps none of them",
            ),
            "one sigma": (lambda x, c, s: kept(x, c, s, radius=1.0), "lie at most"),
            "squared": (lambda x, c, s: kept(x, c, np.sqrt(3 * s), radius=1.0), "have the same unit"),
            "whole share": (lambda x, c, s: kept(x, c, s, least=1.0), "has not been lost"),
            "number of good samples": (
                lambda x, c, s: (kept(x, c, s)[0], kept(x, c, s)[1] * len(x)),
                "between 0 and 1",
            ),
            "share of modes": (lambda x, c, s: (kept(x, c, s)[0] / len(c), kept(x, c, s)[1]), "a number of modes"),
        },
    ),
    (
        checks.uniform_divergence,
        divergence,
        {
            "bits": (lambda c: divergence(c) / np.log(2), "counts in nats"),
            "entropy": (lambda c: np.log(len(c)) - divergence(c), "even histogram must get 0"),
            "sign": (lambda c: -divergence(c), "be negative"),
            "not normalised": (lambda c: np.sum(c[c > 0] * np.log(c[c > 0] * len(c))), "twice as many samples"),
            "hit modes only": (lambda c: divergence(c[c > 0]), "be called even"),
            "forward": (forward, "stands in front"),
            "NaN": (raw_divergence, "0 · ln 0"),
        },
    ),
    (
        checks.smoothed_optimum,
        best_d,
        {
            "hard": (lambda p, q, a, b: p / (p + q), "two targets enter"),
            "one-sided": (lambda p, q, a, b: a * p / (p + q), "told to say 0.2"),
            "swapped": (lambda p, q, a, b: best_d(p, q, b, a), "1 where there are data only"),
            "weights": (lambda p, q, a, b: a * p / (a * p + b * q), "stands in the denominator"),
            "numerator": (lambda p, q, a, b: a * p + b * q, "p and q both double"),
        },
    ),
    (
        checks.smoothing_harm,
        "c",
        {
            "zero": ("a", "with p = 0 and the target"),
            "a half": ("b", "where p and q are equal"),
            "leaves": ("d", "neither"),
        },
    ),
    (
        checks.diversity_ratio,
        diversity,
        {
            "self-pairs": (
                lambda x, y: (mean_distance(x) * (1 - 1 / len(x))) / (mean_distance(y) * (1 - 1 / len(y))),
                "How many pairs are left",
            ),
            "squares": (
                lambda x, y: np.var(x, axis=0, ddof=1).sum() / np.var(y, axis=0, ddof=1).sum(),
                "unit of the data",
            ),
            "inverted": (lambda x, y: np.divide(1, diversity(x, y)), "all alike must get 0"),
            "no data": (lambda x, y: mean_distance(x), "data themselves get"),
            "sum": (
                lambda x, y: (mean_distance(x) * len(x) * (len(x) - 1)) / (mean_distance(y) * len(y) * (len(y) - 1)),
                "Twice as many samples",
            ),
            "across": (
                lambda x, y: np.linalg.norm(x[:, None] - y, axis=2).mean() / mean_distance(y),
                "property of the samples alone",
            ),
        },
    ),
    (
        checks.lost_half,
        "b",
        {
            "distance": ("a", "Would you notice"),
            "both": ("c", "close to that of the data"),
            "neither": ("d", "is ln 2"),
        },
    ),
    (
        checks.case_names,
        cases(),
        {
            "restless called healthy": (cases(_1="healthy"), "over the last visits"),
            "restless called collapse": (cases(_1="collapse"), "At any one visit, yes"),
            "restless called D wins": (cases(_1="discriminator overpowering"), "is always right"),
            "healthy called oscillation": (cases(_2="oscillation"), "Curves may be rough"),
            "healthy called collapse": (cases(_2="collapse"), "fill at the end"),
            "healthy called D wins": (cases(_2="discriminator overpowering"), "gap's scale"),
            "D wins called healthy": (cases(_3="healthy"), "take these samples for data"),
            "D wins called collapse": (cases(_3="collapse"), "learning anything"),
            "D wins called oscillation": (cases(_3="oscillation"), "hardly moves"),
            "dead": (cases(_3="dead units"), "ReLU channel at rest"),
            "a list": (["oscillation", "healthy"], "keys 1, 2 and 3"),
        },
    ),
    (
        checks.cure,
        experiment(),
        {
            "two changes": (experiment(change={"momentum": 0.0, "penalty": "r1"}), "which of them did"),
            "longer": (experiment(change={"batch": 512}), "is another game"),
            "nothing changed": (experiment(change={}), "treat the game with"),
            "one seed": (experiment(sick={0: 4}, cured={0: 9}), "another seed show"),
            "shares": (experiment(cured={0: 1.0, 1: 12.0, 2: 0.9}), "not shares"),
            "both treated": (experiment(sick={0: 9, 1: 9, 2: 8}), "reach both sets"),
            "no help": (experiment(cured={0: 4, 1: 5, 2: 5}), "does not help"),
            "luck": (experiment(cured={0: 9, 1: 5, 2: 9}), "is luck"),
        },
    ),
]
