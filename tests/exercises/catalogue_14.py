"""Right and wrong answers to the exercises of lesson 14, with a piece of the hint that each wrong one must get."""

import numpy as np

from course_lib import checks


def flat(maps):
    return maps.reshape(-1, maps.shape[-1])


def gram(maps):
    x = flat(maps)
    return x.T @ x / len(x)


def between_positions(maps):
    x = flat(maps)
    return x @ x.T / len(x)


def wrong_reshape(maps):
    x = maps.reshape(maps.shape[-1], -1)
    return x @ x.T / x.shape[1]


def mmd(x, y, power=2, cross=-2, scale=1.0, c=0.0, mean=np.mean):
    def k(a, b):
        return mean((a @ b.T / scale + c) ** power)

    return k(x, x) + k(y, y) + cross * k(x, y)


def off_diagonal(x, y):
    def pairs(a):
        table = (a @ a.T) ** 2
        return (table.sum() - np.trace(table)) / (len(a) * (len(a) - 1))

    return pairs(x) + pairs(y) - 2 * np.mean((x @ y.T) ** 2)


def orthogonal(n, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))[0]


def reordered(centred):
    """Other vectors with mean 0 and the covariance of the centred ones."""
    ones = np.ones((len(centred), 1))
    basis = np.linalg.qr(np.column_stack([ones, np.random.default_rng(1).normal(size=(len(centred),) * 2)]))[0][:, 1:]
    return basis @ orthogonal(basis.shape[1]) @ basis.T @ centred


def gradient(x, target):
    return 4 / len(x) * x @ (x.T @ x / len(x) - target)


def adain(content, style, power=1, divide=True, mean=True, axis=(0, 1)):
    std = content.std(axis=axis, keepdims=True) ** power
    out = (content - content.mean(axis=axis, keepdims=True)) / np.where(std > 0, std, 1) ** divide
    return out * style.std(axis=(0, 1)) ** power + mean * style.mean(axis=(0, 1))


def plain_adain(content, style):
    with np.errstate(all="ignore"):
        normalised = (content - content.mean(axis=(0, 1))) / content.std(axis=(0, 1))
    return normalised * style.std(axis=(0, 1)) + style.mean(axis=(0, 1))


def cov(z):
    return np.cov(z, rowvar=False, bias=True).reshape(z.shape[1], -1)


def root(z, inverse=False):
    values, vectors = np.linalg.eigh(cov(z))
    return vectors * values ** (-0.5 if inverse else 0.5) @ vectors.T


def matched(x, y, white=True, colour=True, mean=True):
    out = x - x.mean(0)
    out = out @ root(x, inverse=True) if white else out
    out = out @ root(y) if colour else out
    return out + (y.mean(0) if mean else x.mean(0))


def coloured_only(x, y):
    return (x - x.mean(0)) @ np.linalg.cholesky(cov(y)).T + y.mean(0)


def wrong_side(x, y):
    T = np.linalg.cholesky(cov(y)) @ np.linalg.inv(np.linalg.cholesky(cov(x)))
    return (x - x.mean(0)) @ T + y.mean(0) if x.shape[1] > 1 else matched(x, y)


def unbiased(x, y):
    return (x - x.mean(0)) @ root(x, inverse=True) @ root(y) * np.sqrt(len(y) / (len(y) - 1)) + y.mean(0)


def by_channel(x, y):
    return (x - x.mean(0)) / x.std(0) * y.std(0) + y.mean(0)


def resampled(x, y):
    noise = np.random.default_rng(0).normal(size=x.shape)
    return matched(noise, y)


def fair(curves, level, log=np.log, best=min, reach=True):
    found = {}
    for name, (kept, distance) in curves.items():
        if not reach or kept.min() <= level <= kept.max():
            found[name] = np.interp(level, kept[::-1], log(distance[::-1]))
    return best(found, key=found.get)


def by(score):
    return lambda curves, level: min(curves, key=lambda name: score(*curves[name], level))


FAULTS = {"range": 2, "positions": 3, "content": 8}

CATALOGUE = [
    (
        checks.gram_matrix,
        gram,
        {
            "sum": (lambda m: flat(m).T @ flat(m), "A larger picture of the same kind"),
            "over channels": (lambda m: gram(m) / m.shape[2], "By how many is a mean"),
            "over rows": (lambda m: flat(m).T @ flat(m) / m.shape[0], "Rows alone"),
            "covariance": (lambda m: np.cov(flat(m).T, bias=True), "nothing is subtracted"),
            "reshape": (wrong_reshape, "must stay whole"),
            "positions": (between_positions, "which two remain"),
        },
    ),
    (
        checks.growth_of_gram,
        16,
        {
            "entries": (4, "their squares"),
            "side": (2, "if both sides double"),
            "eight": (8, "then a square is taken"),
            "none": (1, "if it had been divided"),
            "smaller": (1 / 16, "over more positions smaller"),
        },
    ),
    (
        checks.style_mmd,
        mmd,
        {
            "linear": (lambda x, y: mmd(x, y, power=1), "only the means are compared"),
            "one cross term": (lambda x, y: mmd(x, y, cross=-1), "how often does the mixed"),
            "sign": (lambda x, y: mmd(x, y, cross=2), "equal pictures not have"),
            "no diagonal": (off_diagonal, "paired with itself"),
            "sums": (lambda x, y: mmd(x, y, mean=np.sum), "which is fair"),
            "over channels": (lambda x, y: mmd(x, y, scale=x.shape[1]), "No number of channels"),
            "constant": (lambda x, y: mmd(x, y, c=1), "brings the means in"),
            "root": (lambda x, y: np.sqrt(mmd(x, y)), "squared distance is asked"),
        },
    ),
    (
        checks.gram_twin,
        lambda x: orthogonal(len(x)) @ x,
        {
            "itself": (lambda x: x.copy(), "these are x itself"),
            "order": (lambda x: x[::-1].copy(), "in another order"),
            "channels": (lambda x: x @ orthogonal(x.shape[1]) if x.shape[1] > 1 else x + 1, "mixes channels"),
            "shift": (lambda x: x + 1, "a shift changes the means"),
            "factor": (lambda x: 2 * x, "with its square"),
            "covariance": (lambda x: 0.5 * x.mean(0) + reordered(x - x.mean(0)), "means do not"),
        },
    ),
    (
        checks.gram_gradient,
        gradient,
        {
            "half": (lambda x, a: gradient(x, a) / 2, "X stands in G twice"),
            "quarter": (lambda x, a: gradient(x, a) / 4, "inner derivatives"),
            "no N": (lambda x, a: gradient(x, a) * len(x), "moves it little"),
            "sign": (lambda x, a: -gradient(x, a), "where the loss grows"),
            "mean": (lambda x, a: gradient(x, a) / a.size, "sum over the entries"),
            "no target": (lambda x, a: gradient(x, 0 * a), "must vanish"),
            "to G": (lambda x, a: 2 * (x.T @ x / len(x) - a), "One more link"),
        },
    ),
    (
        checks.adain_maps,
        adain,
        {
            "NaN": (plain_adain, "standard deviation 0"),
            "roles": (lambda c, s: adain(s, c), "Whose places"),
            "no mean": (lambda c, s: adain(c, s, mean=False), "one of them is still 0"),
            "old mean": (lambda c, s: adain(c, s, mean=False) + c.mean(axis=(0, 1)), "the brightness is not"),
            "variances": (lambda c, s: adain(c, s, power=2), "Which power"),
            "not divided": (lambda c, s: adain(c, s, divide=False), "a spread of its own"),
            "all channels": (lambda c, s: (c - c.mean()) / c.std() * s.std() + s.mean(), "its own two moments"),
            "over channels": (
                lambda c, s: (c - c.mean(-1, keepdims=True)) / c.std(-1, keepdims=True) * s.std() + s.mean(),
                "the channels of one position",
            ),
            "flat": (lambda c, s: np.zeros(c.shape) + s.mean(axis=(0, 1)), "has disappeared"),
        },
    ),
    (
        checks.match_covariance,
        matched,
        {
            "mean": (lambda x, y: matched(x, y, mean=False), "where has the centre gone"),
            "white": (lambda x, y: matched(x, y, colour=False), "no colour has been given"),
            "shift": (lambda x, y: x - x.mean(0) + y.mean(0), "only the mean has moved"),
            "AdaIN": (by_channel, "vary *together*"),
            "denominator": (unbiased, "N in the denominators"),
            "not white": (coloured_only, "made white before"),
            "side": (wrong_side, "On which side"),
            "resampled": (resampled, "the places of the content are lost"),
        },
    ),
    (
        checks.style_faults,
        FAULTS,
        {
            "start": (FAULTS | {"content": 5}, "a good place to start"),
            "reading": (FAULTS | {"range": 1}, "only says what is read"),
            "Gram for range": (FAULTS | {"range": 3}, "sees features, no pixels"),
            "mean of squares": (FAULTS | {"positions": 7}, "whatever the sizes"),
            "style for content": (FAULTS | {"content": 7}, "does not depend on the picture"),
        },
    ),
    (
        checks.fair_winner,
        fair,
        {
            "smallest": (by(lambda kept, distance, level: distance.min()), "destroys the drawing"),
            "strength": (by(lambda kept, distance, level: distance[len(distance) // 2]), "same place in the list"),
            "nearest": (by(lambda kept, distance, level: distance[abs(kept - level).argmin()]), "on either side"),
            "no logarithm": (lambda c, v: fair(c, v, log=lambda d: d), "change by factors"),
            "largest": (lambda c, v: fair(c, v, best=max), "Near is good"),
            "beyond the end": (lambda c, v: fair(c, v, reach=False), "repeats a curve's last"),
            "falling": (by(lambda kept, distance, level: np.interp(level, kept, distance)), "places that rise"),
            "mean": (by(lambda kept, distance, level: distance.mean()), "depends on which strengths"),
        },
    ),
]
