"""Right and wrong answers to the exercises of lesson 09, with a piece of the hint that each wrong one must get."""

import numpy as np

from course_lib import checks, metrics


def covariances(x, y, ddof=1):
    return (np.cov(z, rowvar=False, ddof=ddof) for z in (x, y))


def means(x, y):
    return np.sum((x.mean(0) - y.mean(0)) ** 2)


def centred(x, y):
    return x - x.mean(0), y - y.mean(0)


def frechet(x, y, factor=2, ddof=1):
    a, b = covariances(x, y, ddof)
    roots = ((x - x.mean(0)) / np.sqrt(len(x) - ddof), (y - y.mean(0)) / np.sqrt(len(y) - ddof))
    overlap = np.linalg.svd(roots[0] @ roots[1].T, compute_uv=False).sum()
    return means(x, y) + np.trace(a) + np.trace(b) - factor * overlap


def popular(x, y):
    a, b = covariances(x, y)
    roots = np.sqrt(np.linalg.eigvals(a @ b).astype(complex))
    return means(x, y) + np.trace(a) + np.trace(b) - 2 * roots.sum()


def product_of_roots(x, y):
    (a, u), (b, v) = (np.linalg.eigh(c) for c in covariances(x, y))
    a, b = (u * np.sqrt(a.clip(0)) @ u.T, v * np.sqrt(b.clip(0)) @ v.T)
    return means(x, y) + np.sum((a - b) ** 2)


def noisy(x, y):
    """Right but for round-off that went through a root."""
    return metrics.frechet_distance(x, y) + 3e-6


def mmd(x, y, degree=3, divide=True, one=1, sign=-2, diagonal=False, pairs=lambda n: n * (n - 1)):
    def kernel(a, b):
        return (a @ b.T / (a.shape[1] if divide else 1) + one) ** degree

    total = 0.0
    for a in (x, y):
        table = kernel(a, a)
        total += (table.sum() - (not diagonal) * np.trace(table)) / pairs(len(a))
    return total + sign * kernel(x, y).mean()


def radii(distances, k):
    return np.sort(distances, axis=1)[:, k]


def inside(rr, ff, fr, k):
    return fr <= radii(rr, k), fr <= radii(ff, k)[:, None]


def neighbours(rr, ff, fr, k):
    real, fake = inside(rr, ff, fr, k)
    return real.any(axis=1).mean(), fake.any(axis=0).mean()


def wrong_balls(rr, ff, fr, k):
    real, fake = inside(rr, ff, fr, k)
    return fake.any(axis=1).mean(), real.any(axis=0).mean()


def all_balls(rr, ff, fr, k):
    real, fake = inside(rr, ff, fr, k)
    return real.all(axis=1).mean(), fake.all(axis=0).mean()


def of_pairs(rr, ff, fr, k):
    return tuple(part.mean() for part in inside(rr, ff, fr, k))


def open_balls(rr, ff, fr, k):
    return (fr < radii(rr, k)).any(axis=1).mean(), (fr < radii(ff, k)[:, None]).any(axis=0).mean()


def mean_radius(rr, ff, fr, k):
    return (fr <= radii(rr, k).mean()).any(axis=1).mean(), (fr <= radii(ff, k).mean()).any(axis=0).mean()


def coverage(rr, fr, k):
    return (fr <= radii(rr, k)).any(axis=0).mean()


def design(
    d, s, t, factor=8, power=2, sizes=(1000, 2000, 5000, 10_000, 20_000, 50_000), least=2, whole=np.ceil, cost=None
):
    cost = cost or (lambda r, n: r * (20_000 + n))
    found = [(max(least, int(whole(factor * (s**2 + t**2 / n) / d**power))), n) for n in sizes]
    r, n = min(found, key=lambda each: (cost(*each), -each[0]))
    return n, r


VERDICT = {"A": "collapsed", "B": "memorised", "C": "polluted", "D": "fresh", "E": "blurred"}


def swapped(*letters):
    a, b = letters
    return VERDICT | {a: VERDICT[b], b: VERDICT[a]}


CATALOGUE = [
    (
        checks.frechet_from_features,
        frechet,
        {
            "no 2": (lambda x, y: frechet(x, y, factor=1), "three traces must cancel"),
            "root": (lambda x, y: np.sqrt(frechet(x, y)), "grow with the square"),
            "means": (means, "different spreads"),
            "no means": (lambda x, y: frechet(*centred(x, y)), "Shift all of one set"),
            "norm": (lambda x, y: frechet(*centred(x, y)) + np.sqrt(means(x, y)), "unit of a square"),
            "roots": (product_of_roots, "no product of roots"),
            "variances": (
                lambda x, y: means(x, y) + np.sum((x.std(0, ddof=1) - y.std(0, ddof=1)) ** 2),
                "Correlations of features",
            ),
            "n": (lambda x, y: frechet(x, y, ddof=0), "unbiased covariance"),
            "complex": (popular, "needs no root of a product"),
            "round-off": (noisy, "a round-off of 1e-16"),
        },
    ),
    (
        checks.unbiased_kernel_distance,
        mmd,
        {
            "diagonal": (lambda x, y: mmd(x, y, diagonal=True, pairs=lambda n: n**2), "independent draws"),
            "over n²": (lambda x, y: mmd(x, y, pairs=lambda n: n**2), "when the diagonal is gone"),
            "sum with diagonal": (lambda x, y: mmd(x, y, diagonal=True), "over the same pairs"),
            "once": (lambda x, y: mmd(x, y, pairs=lambda n: 2 * n * (n - 1)), "as well as (j, i)"),
            "no d": (lambda x, y: mmd(x, y, divide=False), "number of features"),
            "no 1": (lambda x, y: mmd(x, y, one=0), "Without the 1"),
            "square": (lambda x, y: mmd(x, y, degree=2), "Which degree"),
            "one cross term": (lambda x, y: mmd(x, y, sign=-1), "how often does a·b"),
            "sign": (lambda x, y: mmd(x, y, sign=2), "must cancel on average"),
        },
    ),
    (
        checks.precision_recall_from_distances,
        neighbours,
        {
            "itself": (lambda *a: neighbours(*a[:3], a[3] - 1), "a point find itself"),
            "one more": (lambda *a: neighbours(*a[:3], a[3] + 1), "Count again"),
            "exchanged": (lambda *a: neighbours(*a)[::-1], "Which of the two asks"),
            "wrong balls": (wrong_balls, "balls belong to the real"),
            "all balls": (all_balls, "One ball that holds"),
            "pairs": (of_pairs, "not of pairs"),
            "open": (open_balls, "exactly at the radius"),
            "mean radius": (mean_radius, "ball of its own size"),
            "percent": (lambda *a: tuple(100 * v for v in neighbours(*a)), "between 0 and 1"),
        },
    ),
    (
        checks.coverage_from_distances,
        coverage,
        {
            "itself": (lambda rr, fr, k: coverage(rr, fr, k - 1), "a point find itself"),
            "precision": (lambda rr, fr, k: (fr <= radii(rr, k)).any(axis=1).mean(), "which axis are they on"),
            "density": (lambda rr, fr, k: (fr <= radii(rr, k)).sum() / k / len(fr), "counts once, or not at all"),
            "k of them": (lambda rr, fr, k: ((fr <= radii(rr, k)).sum(axis=0) >= k).mean(), "does a ball need"),
            "missed": (lambda rr, fr, k: 1 - coverage(rr, fr, k), "reaches everything"),
            "pairs": (lambda rr, fr, k: (fr <= radii(rr, k)).mean(), "then average"),
        },
    ),
    (
        checks.perfect_coverage,
        15 / 19,
        {
            "limit": (0.75, "only 20"),
            "complement": (4 / 19, "*not* covered"),
            "itself": (1 - 90 / 380, "how many other points in all"),
            "one neighbour": (10 / 19, "right for k = 1"),
            "replacement": (1 - 81 / 361, "one of 18"),
            "perfect": (1, "misses some balls"),
        },
    ),
    (
        checks.infinite_samples,
        lambda n, v: np.polyfit(1 / n, v, 1)[1],
        {
            "against n": (lambda n, v: np.polyfit(n, v, 1)[1], "which place of your axis"),
            "last": (lambda n, v: v[-1], "bias c/n is still in it"),
            "mean": (lambda n, v: np.mean(v), "biased in one direction"),
            "slope": (lambda n, v: np.polyfit(1 / n, v, 1)[0], "highest power first"),
            "root": (lambda n, v: np.polyfit(n**-0.5, v, 1)[1], "how does the bias fall"),
            "two points": (lambda n, v: np.polyfit(1 / n[[0, -1]], v[[0, -1]], 1)[1], "not two of them"),
        },
    ),
    (
        checks.fid_faults,
        {"covariances": 2, "root": 4, "factor": 5},
        {
            "means": ({"covariances": 1, "root": 4, "factor": 5}, "one mean for each feature"),
            "difference": ({"covariances": 2, "root": 3, "factor": 5}, "is right if the means are"),
            "later line": ({"covariances": 4, "root": 2, "factor": 5}, "what another line has made"),
            "root at 2": ({"covariances": 2, "root": 2, "factor": 5}, "takes no root"),
            "factor at 4": ({"covariances": 2, "root": 4, "factor": 4}, "sign by sign"),
        },
    ),
    (
        checks.mystery_verdict,
        VERDICT,
        {
            "copier for fresh": (swapped("B", "D"), "looks at the training set"),
            "blurred for collapsed": (swapped("A", "E"), "missing detail"),
            "collapsed for fresh": (swapped("A", "D"), "ask what is missing"),
            "polluted for fresh": (swapped("C", "D"), "lose an eighth"),
            "twice": (VERDICT | {"A": "fresh"}, "exactly once"),
        },
    ),
    (
        checks.study_design,
        design,
        {
            "one recipe": (lambda *a: design(*a, factor=4), "variance of a difference is a sum"),
            "one error": (lambda *a: design(*a, factor=2), "four in the square"),
            "not squared": (lambda *a: design(*a, power=1), "square of the difference"),
            "most samples": (lambda *a: design(*a, sizes=(50_000,)), "Samples cost minutes too"),
            "fewest samples": (lambda *a: design(*a, sizes=(1000,)), "these are dear"),
            "fewest trainings": (lambda *a: design(*a, cost=lambda r, n: r + n / 1e9), "minutes are to be small"),
            "one training": (lambda *a: design(*a, least=1), "no spread to report"),
            "sampled once": (lambda *a: design(*a, cost=lambda r, n: 20_000 * r + n), "Each of the models"),
            "nearest": (lambda *a: design(*a, whole=np.round), "in which direction"),
        },
    ),
]
