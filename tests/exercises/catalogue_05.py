"""Right and wrong answers to the exercises of lesson 05, with a piece of the hint that each wrong one must get."""

import numpy as np

from course_lib import checks


def sigmoid(a):
    return 0.5 * (1 + np.tanh(a / 2))


def softplus(a):
    return np.logaddexp(0, a)


def best(p, q):
    return np.where(p + q > 0, p / np.where(p + q > 0, p + q, 1), 0.5)


def value(real, fake):
    return -softplus(-real).mean() - softplus(fake).mean()


def bound(real, fake):
    return 0.5 * (value(real, fake) + np.log(4))


def naive_bound(real, fake):
    with np.errstate(all="ignore"):
        p, q = 1 / (1 + np.exp(-real)), 1 / (1 + np.exp(-fake))
        return 0.5 * (np.log(p).mean() + np.log(1 - q).mean() + np.log(4))


def conjugate(t):
    return 2 - 2 * np.sqrt(1 - t)


def jacobian(c, gamma):
    return np.array([[0, c], [-c, -gamma]])


def limits(j):
    values = np.linalg.eigvals(j)
    return -2 * values.real / np.abs(values) ** 2


def stable(j):
    return max(limits(j).min(), 0.0)


def moves(clouds):
    return np.linalg.norm(np.diff(clouds, axis=0), axis=-1)


PULLS = {"saturating": "b", "non-saturating": "a", "neither": "d"}
FATES = {"1": "escapes", "2": "orbits", "3": "arrives", "4": "escapes"}

CATALOGUE = [
    (
        checks.best_discriminator,
        best,
        {
            "swapped": (lambda p, q: 1 - best(p, q), "which density is the data's"),
            "ratio clipped": (lambda p, q: np.minimum(p / np.maximum(q, 1e-12), 1), "Where p and q are equal"),
            "hard decision": (lambda p, q: np.where(p > q, 1.0, 0.0), "fewest errors"),
            "share of the mean": (lambda p, q: p / ((p + q) / 2), "sum or the mean"),
            "guarded by a small number": (lambda p, q: p / (p + q + 1e-12), "which answer favours neither side"),
        },
    ),
    (
        checks.divergence_bound,
        bound,
        {
            "value": (value, "At the draw, V = −ln 4"),
            "twice": (lambda r, f: value(r, f) + np.log(4), "as large as ln 4"),
            "loss for value": (lambda r, f: 0.5 * (np.log(4) - value(r, f)), "D's loss is −V"),
            "bits": (lambda r, f: bound(r, f) / np.log(2), "The unit asked for"),
            "one term halved": (lambda r, f: value(r, f) / 2 + np.log(4), "what is divided by two"),
            "swapped": (lambda r, f: bound(f, r), "Which logits does D want"),
            "sums": (lambda r, f: 0.5 * (np.log(4) - softplus(-r).sum() - softplus(f).sum()), "number of samples"),
            "through probabilities": (naive_bound, "never leaves the logits"),
        },
    ),
    (
        checks.generator_slopes,
        lambda a: (-sigmoid(a), -sigmoid(-a)),
        {
            "swapped": (lambda a: (-sigmoid(-a), -sigmoid(a)), "where D is sure of a fake"),
            "signs": (lambda a: (sigmoid(a), sigmoid(-a)), "positive or negative"),
            "losses": (lambda a: (-softplus(a), softplus(-a)), "how they change with a"),
            "by D": (lambda a: (-1 / (1 - sigmoid(a)), -1 / sigmoid(a)), "slope along the probability"),
            "slope of D": (lambda a: (-sigmoid(a) * sigmoid(-a), -sigmoid(a) * sigmoid(-a)), "has a slope too"),
            "the same": (lambda a: (-sigmoid(a), -sigmoid(a)), "99 times as hard"),
        },
    ),
    (
        checks.strongest_pull,
        PULLS,
        {
            "swapped": (PULLS | {"saturating": "a", "non-saturating": "b"}, "was invented for samples"),
            "height": (PULLS | {"neither": "C"}, "moves by the slope of the logit there"),
            "both by b": (PULLS | {"non-saturating": "b"}, "multiplied by D for one loss"),
            "flat": ({"saturating": "c", "non-saturating": "b", "neither": "a"}, "on a summit"),
        },
    ),
    (
        checks.neyman_critic,
        lambda u: 1 - u**-2.0,
        {
            "f": (lambda u: (u - 1) ** 2 / u, "slope of its tangent"),
            "Pearson": (lambda u: 2 * u - 2, "u − 2 + 1/u"),
            "sign": (lambda u: 1 + u**-2.0, "derivative of 1/u is negative"),
            "no square": (lambda u: 1 - 1 / u, "once more on paper"),
            "upside down": (lambda u: 1 - u**2, "data over fakes"),
        },
    ),
    (
        checks.neyman_conjugate,
        conjugate,
        {
            "f there": (lambda t: (1 - t) ** -0.5 - 2 + (1 - t) ** 0.5, "how high f is there"),
            "touching": (lambda t: (1 - t) ** -0.5, "This is the best u"),
            "sign": (lambda t: -conjugate(t), "must grow with t"),
            "constant": (lambda t: -2 * np.sqrt(1 - t), "What does yours give"),
            "Pearson": (lambda t: t + t * t / 4, "without the u below"),
            "half": (lambda t: 2 - np.sqrt(1 - t), "they are equal"),
        },
    ),
    (
        checks.neyman_bound,
        lambda r, f: r.mean() - conjugate(f).mean(),
        {
            "no conjugate": (lambda r, f: r.mean() - f.mean(), "Fenchel's inequality subtract"),
            "wrong side": (lambda r, f: conjugate(r).mean() - f.mean(), "Which expectation carries"),
            "sum": (lambda r, f: r.mean() + conjugate(f).mean(), "mind the sign"),
            "of the mean": (lambda r, f: r.mean() - conjugate(f.mean()), "f* bends"),
            "sums": (lambda r, f: r.sum() - conjugate(f).sum(), "Expectations are means"),
            "swapped": (lambda r, f: f.mean() - conjugate(r).mean(), "Which samples come first"),
        },
    ),
    (
        checks.dirac_jacobian,
        jacobian,
        {
            "sign": (lambda c, g: np.array([[0, c], [c, -g]]), "want opposite things"),
            "push": (lambda c, g: np.array([[0, c], [-c, g]]), "grow or shrink"),
            "wrong row": (lambda c, g: np.array([[-g, c], [-c, 0]]), "In which row"),
            "both rows": (lambda c, g: np.array([[-g, c], [-c, -g]]), "in one player's loss only"),
            "half": (lambda c, g: np.array([[0, c], [-c, -g / 2]]), "goes with the square"),
            "none": (lambda c, g: jacobian(c, 0.0), "add to the motion of ψ"),
            "order": (lambda c, g: np.array([[-g, -c], [c, 0]]), "The first row is"),
        },
    ),
    (
        checks.largest_stable_step,
        stable,
        {
            "mildest": (lambda j: max(limits(j).max(), 0.0), "all must be obeyed"),
            "half": (lambda j: stable(j) / 2, "at which η is that 1 again"),
            "negative": (lambda j: limits(j).min(), "if nothing pulls inwards"),
            "by size": (lambda j: 2 / np.abs(np.linalg.eigvals(j)).max(), "How much of a complex one"),
            "rule": (lambda j: -4 * j[-1, -1], "Does it hold for γ > 1"),
            "complex": (lambda j: limits(j).min() + 0j, "are real numbers"),
        },
    ),
    (
        checks.fates,
        FATES,
        {
            "flow": (FATES | {"1": "orbits"}, "to the radius"),
            "outwards": (FATES | {"2": "escapes"}, "alternating steps keep"),
            "always heals": (FATES | {"4": "arrives"}, "how large may a step be"),
            "never heals": (FATES | {"3": "orbits"}, "Which sign"),
            "border": (FATES | {"4": "Orbits"}, "On the border the step"),
        },
    ),
    (
        checks.restlessness,
        lambda clouds: moves(clouds).mean(),
        {
            "centre": (lambda c: moves(c.mean(axis=1, keepdims=True)).mean(), "change places"),
            "first to last": (lambda c: np.linalg.norm(c[-1] - c[0], axis=-1).mean(), "comes back"),
            "squares": (lambda c: (moves(c) ** 2).mean(), "not its square"),
            "coordinates": (lambda c: np.abs(np.diff(c, axis=0)).mean(), "distance of 5"),
            "whole way": (lambda c: moves(c).sum(axis=0).mean(), "number of looks"),
            "neighbours": (lambda c: np.linalg.norm(np.diff(c, axis=1), axis=-1).mean(), "first axis is time"),
            "spread": (lambda c: np.linalg.norm(c - c.mean(1, keepdims=True), axis=-1).mean(), "perfectly still"),
        },
    ),
    (
        checks.calming_change,
        "D",
        {
            "R1": ("A", "carries on from the last ones"),
            "loss": ("b", "same Jacobian"),
            "D's steps": (" c", "with the same momentum"),
            "two": ("a and d", "One of them only"),
        },
    ),
]
