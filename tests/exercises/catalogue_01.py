"""Right and wrong answers to the exercises of lesson 01: each wrong one must get its own hint."""

import numpy as np

from course_lib import checks


def draw(mean, cov, noise):
    return mean + noise @ np.linalg.cholesky(cov).T


def by_eigenvectors(mean, cov, noise):
    values, vectors = np.linalg.eigh(cov)
    return mean + (noise * np.sqrt(values)) @ vectors.T


def kl(p, q):
    with np.errstate(divide="ignore"):
        return np.sum(p[p > 0] * np.log(p[p > 0] / q[p > 0]))


def careless_kl(p, q):
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.sum(p * np.log(p / q))


def match(w, m, s):
    mean = np.sum(w * m)
    return mean, np.sqrt(np.sum(w * (s**2 + m**2)) - mean**2)


def w1(x, y):
    return np.mean(np.abs(np.sort(x) - np.sort(y)))


def bits(ll, shape, levels):
    n = np.prod(shape)
    return -np.mean(ll - n * np.log(levels)) / (n * np.log(2))


SHEETS = {1: "b", 2: "c", 3: "d", 4: "a"}
KS = (5, 60, 200, 400, 600)


def study(change=lambda k, seen, new: (seen, new)):
    """Results as a correct experiment gives them, changed in one way."""
    pairs = [(7.61, 7.61), (6.95, 7.04), (6.57, 6.90), (6.32, 7.04), (6.17, 7.39)]
    return {k: change(k, *pair) for k, pair in zip(KS, pairs, strict=True)}


CATALOGUE = [
    (
        checks.sample_gaussian,
        draw,
        {
            "variance for std": (lambda m, c, e: m + e @ c, "by σ, not by σ²"),
            "wrong side": (lambda m, c, e: m + e @ np.linalg.cholesky(c), "multiplied with from the right"),
            "diagonal only": (lambda m, c, e: m + e * np.sqrt(np.diag(c)), "off the diagonal of the covariance do not"),
            "diagonal of variances": (lambda m, c, e: m + e * np.diag(c), "what became of those"),
            "no mean": (lambda m, c, e: draw(0 * m, c, e), "noise of zeros"),
            "plain noise": (lambda m, c, e: m + e, "Where does the covariance come in"),
            "own noise": (lambda m, c, e: draw(m, c, np.random.default_rng().normal(size=e.shape)), "not draw its own"),
        },
    ),
    (
        checks.sample_gaussian,
        by_eigenvectors,
        {
            "eigenvalues unrooted": (
                lambda m, c, e: m + (e * np.linalg.eigh(c)[0]) @ np.linalg.eigh(c)[1].T,
                "by σ, not by σ²",
            ),
            "no mean": (lambda m, c, e: by_eigenvectors(0 * m, c, e), "noise of zeros"),
            "plain noise": (lambda m, c, e: m + e, "Where does the covariance come in"),
        },
    ),
    (
        checks.kl_of_tables,
        kl,
        {
            "swapped": (lambda p, q: kl(q, p), "the mean is under"),
            "bits": (lambda p, q: kl(p, q) / np.log(2), "nats, not bits"),
            "mean": (lambda p, q: kl(p, q) / len(p), "already make this a mean"),
            "zeros": (careless_kl, "never happens"),
            "clipped": (lambda p, q: kl(p, np.maximum(q, 1e-7)), "impossible what does happen"),
            "sign": (lambda p, q: -kl(p, q), "be negative"),
        },
    ),
    (
        checks.moment_match,
        match,
        {
            "inside only": (lambda w, m, s: (np.sum(w * m), np.sqrt(np.sum(w * s**2))), "Is their mixture narrow"),
            "variance": (lambda w, m, s: (match(w, m, s)[0], match(w, m, s)[1] ** 2), "unit of x"),
            "mean of stds": (lambda w, m, s: (np.sum(w * m), np.sum(w * s)), "standard deviations are not"),
            "around zero": (
                lambda w, m, s: (np.sum(w * m), np.sqrt(np.sum(w * (s**2 + m**2)))),
                "taken around the mean",
            ),
            "unweighted": (lambda w, m, s: match(np.full(len(w), 1 / len(w)), m, s), "hold more of the probability"),
            "one bump": (lambda w, m, s: (m[w.argmax()], s[w.argmax()]), "what the reverse KL likes"),
        },
    ),
    (
        checks.reverse_prediction,
        "c",
        {
            "jumps": ("a", "feel the far one"),
            "forward": ("b", "Under which density"),
            "splits": ("d", "how many humps"),
        },
    ),
    (
        checks.sorted_transport,
        w1,
        {
            "unsorted": (lambda x, y: np.mean(np.abs(x - y)), "Must any mass travel"),
            "total": (lambda x, y: len(x) * w1(x, y), "each of the n points carry"),
            "means": (lambda x, y: abs(np.mean(np.sort(x) - np.sort(y))), "where do absolute values go"),
            "squares": (lambda x, y: np.mean((np.sort(x) - np.sort(y)) ** 2), "pay for a mile"),
            "backwards": (lambda x, y: np.mean(np.abs(np.sort(x) - np.sort(y)[::-1])), "dearest plan"),
        },
    ),
    (
        checks.bits_of_a_pixel,
        bits,
        {
            "no unit": (lambda ll, s, a: bits(ll, s, 1.0), "How many grey levels is one unit"),
            "unit inverted": (lambda ll, s, a: bits(ll, s, 1 / a), "larger or smaller than the density"),
            "one factor": (
                lambda ll, s, a: -np.mean(ll - np.log(a)) / (np.prod(s) * np.log(2)),
                "how many factors does the density",
            ),
            "nats": (lambda ll, s, a: bits(ll, s, a) * np.log(2), "where bits were asked"),
            "per picture": (lambda ll, s, a: bits(ll, s, a) * np.prod(s), "for one value of it"),
            "colours forgotten": (
                lambda ll, s, a: np.log2(a) - np.mean(ll) / (s[0] * s[1] * np.log(2)),
                "three values at each place",
            ),
        },
    ),
    (
        checks.sampler_bug,
        4,
        {
            "mean": (1, "axis 0 counts pictures"),
            "covariance": (2, "With n or n − 1"),
            "eigh": (3, "made for symmetric"),
            "directions": (5, "the last k are the largest"),
            "sum": (6, "does what it should"),
        },
    ),
    (
        checks.which_model,
        SHEETS,
        {
            "pixels for PCA": (SHEETS | {1: "a"}, "know nothing of each other"),
            "full for PCA": (SHEETS | {1: "c", 2: "b"}, "with grain on them"),
            "mixture for full": (SHEETS | {2: "d"}, "one kind of garment"),
            "PCA for mixture": (SHEETS | {3: "b"}, "clouds without grain"),
            "missing": ({1: "b", 2: "c"}, "an answer of its own"),
        },
    ),
    (
        checks.component_study,
        study(),
        {
            "nats": (study(lambda k, a, b: (a * np.log(2), b * np.log(2))), "looks like nats"),
            "per picture": (study(lambda k, a, b: (784 * a, 784 * b)), "how many pixels has it"),
            "log-likelihood": (study(lambda k, a, b: (-a, -b)), "a *negative* log"),
            "swapped": (study(lambda k, a, b: (b, a)), "a swapped pair"),
            "scored twice": (study(lambda k, a, b: (a, a)), "one set scored twice"),
            "no minimum": (study(lambda k, a, b: (a, a + 0.1)), "should turn between"),
            "smallest variance": (
                study(lambda k, a, b: (a + k / 200, b + k / 100)),
                "the mean of what is left out",
            ),
        },
    ),
]
