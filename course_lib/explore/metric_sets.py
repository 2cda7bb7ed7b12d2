"""The sets behind MetricLab: a reference, candidates picked from pools of pictures, and what the metrics say of them.

Whatever a metric needs of one picture alone is computed once for each pool; a new candidate then costs two products
of matrices. The values are those of ``course_lib.metrics`` on the same features.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial.distance import cdist

from course_lib import data, metrics, zoo
from course_lib.explore.base import compiled_decoder

N = 1000  # pictures in the reference and in every candidate
POOL = 2500  # pictures of each source, and training pictures, to pick candidates from
SOURCES = ("held-out data", "fashion-gan", "fashion-vae", "noise")
BLURS = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5)  # standard deviations in pixels
LEFT_OUT = (1, 8, 9, 3, 5)  # classes in the order in which they are dropped
HANDFUL = 5  # different pictures among all duplicates
SOURCE, MEMORISED, DUPLICATE = range(3)  # where a picture of a candidate comes from
MEASURES = ("frechet", "kernel", "precision", "recall", "density", "coverage", "closer", "copies")
_K_BALL, _K_COVER = 3, 5  # neighbours, the defaults of metrics.precision_recall and metrics.density_coverage
_SUBSETS = 12  # of a pool, whose measures show what chance alone moves


class Facts(NamedTuple):
    """What the metrics need of single pictures, one row each: features, and their standing towards the references."""

    features: np.ndarray  # (P, d) float32
    precise: np.ndarray  # (P,) inside some reference ball that reaches to the 3rd neighbour?
    hits: np.ndarray  # (P,) number of reference balls, to the 5th neighbour, around it
    covers: np.ndarray  # (P, N / 8) which balls those are, one bit each
    affinity: np.ndarray  # (P,) mean cubic kernel with the reference
    closer: np.ndarray  # (P,) share of held-out pictures farther from the training data, ties half
    copies: np.ndarray  # (P,) nearer to the training data than 99 % of the held-out pictures?


class Pool(NamedTuple):
    """A source's pictures followed by the training pictures: images (2 POOL, 28, 28, 1), classes, facts by blur."""

    images: np.ndarray
    labels: np.ndarray  # −1 where there is no class
    facts: tuple  # one Facts for each of BLURS; training pictures are never blurred


class MetricSets:
    """A fixed reference of ``N`` Fashion-MNIST test pictures, and candidates of the same size from four sources.

    The memorisation measures take ``POOL`` training pictures for the training data. ``seed`` picks all pictures.
    """

    def __init__(self, seed=9):
        rng = np.random.default_rng(seed)
        self._seed = seed
        self._extract = metrics.FeatureExtractor("fashion")
        self.name = self._extract.name
        test, train = data.load_fashion("test"), data.load_fashion("train")
        order, chosen = rng.permutation(len(test.images)), rng.permutation(len(train.images))[:POOL]
        self.reference_images = test.images[order[:N]]
        self._held_out = test.images[order[N : N + POOL]], test.labels[order[N : N + POOL]]
        self.reference = self._extract(self.reference_images).astype(np.float64)
        self.train_images, self.train_labels = train.images[chosen], train.labels[chosen]
        self.train = self._extract(self.train_images)
        self._prepare_reference()
        self._train_facts = self._facts(self.train)
        noise = self._extract(self._made("noise")[0][:N])
        self.ceiling = {
            "frechet": metrics.frechet_distance(self.reference, noise),
            "kernel": metrics.kernel_distance(self.reference, noise),
        }
        self.pool = cache(self._pool)
        self.spread = cache(self._spread)

    def blurred(self, images, sigma):
        """Return images uint8 (N, H, W, 1) smoothed by a Gaussian of ``sigma`` pixels."""
        if sigma == 0:
            return images
        smooth = gaussian_filter(images.astype(np.float32), (0, sigma, sigma, 0))
        return np.rint(smooth).clip(0, 255).astype(np.uint8)

    def pick(self, source, dropped, duplicates, memorised):
        """Return ``N`` places in the pool of a source and where each picture comes from (SOURCE, ...), both (N,).

        First pictures of the ``dropped`` classes give way to others of the source, then a share ``memorised`` to
        training pictures of the classes that are left, at last a share ``duplicates`` to ``HANDFUL`` of the set.
        """
        labels = self.pool(source).labels
        kept = ~np.isin(labels, LEFT_OUT[:dropped])
        places, kinds = np.arange(N), np.full(N, SOURCE)
        lost, spare = np.flatnonzero(~kept[:N]), np.flatnonzero(kept[N:POOL]) + N
        # A source with too few pictures of the other classes shows some of them twice.
        places[lost] = np.resize(spare if len(spare) else np.flatnonzero(kept[:POOL]), len(lost))
        mixed = np.argsort(np.arange(N) * 0.6180339887 % 1)  # any stretch of the set holds the same shares
        learned = mixed[: round(memorised * N)]
        places[learned] = np.resize(np.flatnonzero(kept[POOL:]) + POOL, N)[: len(learned)]
        kinds[learned] = MEMORISED
        twins = mixed[N - round(duplicates * N) :]
        places[twins] = np.resize(places[mixed[N // 2 : N // 2 + HANDFUL]], len(twins))
        kinds[twins] = DUPLICATE
        return places, kinds

    def features(self, source, level, places):
        """Return the features (n, d) float32 of pictures of a pool at one of the ``BLURS``."""
        return self.pool(source).facts[level].features[places]

    def images(self, source, level, places):
        """Return the pictures uint8 (n, 28, 28, 1) of a pool at one of the ``BLURS``."""
        pictures = self.pool(source).images[places]  # a copy
        own = places < POOL
        pictures[own] = self.blurred(pictures[own], BLURS[level])
        return pictures

    def measure(self, source, level, places):
        """Return the ``MEASURES`` of a candidate: the values of course_lib.metrics on its features."""
        facts = self.pool(source).facts[level]
        x = facts.features[places].astype(np.float64)
        gram, n = x @ x.T, len(x)
        covered = np.bitwise_or.reduce(facts.covers[places], axis=0)
        return {
            "frechet": metrics.frechet_distance(self.reference, x),
            "kernel": _mean_of_pairs(gram, x.shape[1]) + self._affinity - 2 * float(facts.affinity[places].mean()),
            "precision": float(facts.precise[places].mean()),
            "recall": self._recall(x, gram),
            "density": float(facts.hits[places].sum() / (_K_COVER * n)),
            "coverage": float(np.unpackbits(covered).sum() / N),
            "closer": float(facts.closer[places].mean()),
            "copies": float(facts.copies[places].mean()),
        }

    def _recall(self, x, gram):
        # ‖a − b‖² = |a|² + 2 (|b|²/2 − a·b): within a row only the bracket matters, for the radius and for the test.
        reach = np.partition(np.diag(gram) / 2 - gram, _K_BALL, axis=1)[:, _K_BALL, None]
        halves = (self.reference**2).sum(axis=1) / 2
        return float((halves - x @ self.reference.T <= reach).any(axis=0).mean())

    def _prepare_reference(self):
        among = np.sort(cdist(self.reference, self.reference, "sqeuclidean"), axis=1)
        self._radii = {k: among[:, k] for k in (_K_BALL, _K_COVER)}  # entry 0 is the picture itself
        self._affinity = _mean_of_pairs(self.reference @ self.reference.T, self.reference.shape[1])
        self._held_out_distances = np.sort(self._to_train(self.reference))

    def _to_train(self, features):
        """Return the squared distance of each feature vector to its nearest training picture."""
        blocks = (features[k : k + 500] for k in range(0, len(features), 500))
        return np.concatenate([cdist(block, self.train, "sqeuclidean").min(axis=1) for block in blocks])

    def _facts(self, features):
        """Return what can be said of each picture alone."""
        squares = cdist(features, self.reference, "sqeuclidean")
        inside = squares <= self._radii[_K_COVER]
        near, held = self._to_train(features), self._held_out_distances
        left, right = (np.searchsorted(held, near, side) for side in ("left", "right"))
        kernel = (features.astype(np.float64) @ self.reference.T / features.shape[1] + 1) ** 3
        return Facts(
            features,
            (squares <= self._radii[_K_BALL]).any(axis=1),
            inside.sum(axis=1),
            np.packbits(inside, axis=1),
            kernel.mean(axis=1),
            1 - (left + right) / (2 * len(held)),
            100 * (len(held) - right) >= 99 * len(held),
        )

    def _pool(self, source):
        pictures, labels = self._made(source)
        facts = []
        for sigma in BLURS:
            own = self._facts(self._extract(self.blurred(pictures, sigma)))
            facts.append(Facts(*(np.concatenate(pair) for pair in zip(own, self._train_facts, strict=True))))
        images, labels = (np.concatenate(p) for p in ((pictures, self.train_images), (labels, self.train_labels)))
        return Pool(images, labels, tuple(facts))

    def _made(self, source):
        """Return ``POOL`` pictures of a source and their classes; generated ones as the classifier reads them."""
        rng = np.random.default_rng([self._seed, SOURCES.index(source)])
        if source == "held-out data":
            return self._held_out
        if source == "noise":
            return rng.integers(0, 256, (POOL, 28, 28, 1), dtype=np.uint8), np.full(POOL, -1)
        decode, d = compiled_decoder(zoo.load(source))
        z = rng.standard_normal((POOL, d))
        pictures = np.concatenate([decode(z[k : k + 250]) for k in range(0, POOL, 250)])
        logits = zoo.load("fashion-classifier").predict(pictures / np.float32(127.5) - 1, batch_size=250, verbose=0)
        return pictures, logits["label"].argmax(axis=1)

    def _spread(self, source):
        """Return the standard deviation of each measure over fresh sets of a source, from subsets of its pool."""
        rng = np.random.default_rng(self._seed)
        sets = [self.measure(source, 0, rng.choice(POOL, N, replace=False)) for _ in range(_SUBSETS)]
        drawn = np.std([list(s.values()) for s in sets], axis=0, ddof=1)
        # Subsets of one pool overlap, which lowers their variance by the factor 1 − N / POOL.
        return dict(zip(MEASURES, drawn / np.sqrt(1 - N / POOL), strict=True))


def _mean_of_pairs(gram, d):
    """Return the mean of (x·y/d + 1)³ over the pairs i ≠ j, from all products x·y."""
    base = gram / d + 1
    cubes = base * base * base
    n = len(cubes)
    return float((cubes.sum() - np.trace(cubes)) / (n * (n - 1)))
