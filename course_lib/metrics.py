"""How good are generated samples? Features -> statistics -> one number.

A distance between sets of images depends on the features it is taken on, so a number is always
reported with ``FeatureExtractor.name`` and the sample size, beside real-vs-real at the same size.
"""

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial.distance import cdist

from course_lib import _validate, divergences

_ROWS = 256  # distances are computed this many rows at a time: 10,000 columns then take 20 MB


class FeatureExtractor:
    """Turn images into the features of one of the course's trained networks.

    ``source``: ``"fashion"`` and ``"faces"`` are the layer "features" of the course's classifiers,
    ``"lite0"`` is EfficientNet-Lite0 (for colour photographs and faces). ``name`` says which
    features they are and belongs beside every number computed on them.
    """

    _MODELS = {"fashion": "fashion-classifier", "faces": "faces-classifier", "lite0": "lite0"}

    def __init__(self, source, batch_size=256):
        import keras  # here, with zoo, because the other metrics do without TensorFlow

        from course_lib import zoo

        model_name = self._MODELS[_validate.choice("source", source, self._MODELS)]
        self.name = f"{model_name} features"
        self.batch_size = _validate.integer("batch_size", batch_size, 1)
        self._model = zoo.load(model_name)
        if source != "lite0":
            self._model = keras.Model(self._model.input, self._model.get_layer("features").output)

    def __call__(self, images):
        """Return features ``(N, d)`` float32 of images ``(N, H, W, C)``, uint8 or floats in [-1, 1].

        Raises ``ValueError`` for other ranges, and for a size or channel count that the network does not take.
        """
        from course_lib.images import to_float

        images = np.asarray(images)
        height, width, channels = self._model.input_shape[1:]
        _validate.check_shape("images", images, ("N", height or "H", width or "W", channels))
        is_uint8 = images.dtype == np.uint8
        if not is_uint8:
            _validate.training_images("images", images)
        if len(images) == 0:
            _validate.refuse("images", "at least one image", images)
        batches = (images[i : i + self.batch_size] for i in range(0, len(images), self.batch_size))
        features = [self._model.predict_on_batch(to_float(x) if is_uint8 else x) for x in batches]
        return np.concatenate(features)

    def __repr__(self):
        return f"FeatureExtractor({self.name})"


def frechet_distance(features_a, features_b):
    """Return the Fréchet distance between Gaussians fitted to two feature sets ``(N, d)`` and ``(M, d)``.

    On Inception features this is the FID (Heusel et al. 2017, https://arxiv.org/abs/1706.08500);
    on any other, call it by the features' name. It falls towards its limit about like 1/n, so only
    values at the same n compare. At least two rows each (``ValueError``).
    """
    a, b = _validate.sample_pair("features_a", features_a, "features_b", features_b, minimum=2)
    return divergences.frechet_gaussians(*_mean_and_covariance(a), *_mean_and_covariance(b))


def kernel_distance(features_a, features_b):
    """Return the unbiased squared MMD of two feature sets with the cubic kernel (x·y/d + 1)³.

    On Inception features this is the KID (Bińkowski et al. 2018, https://arxiv.org/abs/1801.01401),
    here over all pairs instead of an average over subsets. Zero on average for equal
    distributions at every n; single values may be negative. At least two rows each (``ValueError``).
    """
    a, b = _validate.sample_pair("features_a", features_a, "features_b", features_b, minimum=2)
    return divergences.mmd_polynomial(a, b, degree=3)


def precision_recall(real, fake, k=3):
    """Return {"precision", "recall"} of features ``real`` ``(N, d)`` and ``fake`` ``(M, d)``, each in [0, 1].

    Precision is the share of fake points inside a ball around some real point that reaches to its
    k-th nearest real neighbour; recall is the same with the roles exchanged (Kynkäänniemi et al.
    2019, https://arxiv.org/abs/1904.06991). More than k rows each (``ValueError``).
    """
    real, fake, k = _neighbour_samples(real, fake, k)
    real_radii, fake_radii = _neighbour_radii(real, k), _neighbour_radii(fake, k)
    precise, recalled = 0, np.zeros(len(real), dtype=bool)
    for rows, distances in _distance_blocks(fake, real):
        precise += (distances <= real_radii).any(axis=1).sum()
        recalled |= (distances <= fake_radii[rows, None]).any(axis=0)
    return {"precision": float(precise / len(fake)), "recall": float(recalled.mean())}


def density_coverage(real, fake, k=5):
    """Return {"density", "coverage"} of features ``real`` ``(N, d)`` and ``fake`` ``(M, d)``.

    With the balls of ``precision_recall`` around real points: density is the mean number of balls
    that hold a fake point, over k (it may exceed 1; an outlier's wide ball counts once); coverage is
    the share of balls that hold some fake point (Naeem et al. 2020, https://arxiv.org/abs/2002.09797,
    equations 4 and 6, with closed balls). More than k rows each (``ValueError``).
    """
    real, fake, k = _neighbour_samples(real, fake, k)
    radii = _neighbour_radii(real, k)
    hits = np.zeros(len(real), dtype=np.int64)
    for _, distances in _distance_blocks(fake, real):
        hits += (distances <= radii).sum(axis=0)
    return {"density": float(hits.sum() / (k * len(fake))), "coverage": float((hits > 0).mean())}


def memorisation(train, held_out, fake):
    """Return how much nearer to the training set samples lie than fresh data do: {"closer", "copies"}, in [0, 1].

    On features ``train`` ``(N, d)``, ``held_out`` ``(M, d)`` and ``fake`` ``(L, d)``; d(x) is the distance of x to its
    nearest training point.

    - ``closer``: P(d(fake) < d(held_out)) + ½ P(=), the Mann-Whitney statistic of Meehan et al. 2020
      (https://arxiv.org/abs/2004.05675, over all of space instead of cell by cell): 0.5 for samples as near
      to the training set as fresh data, 1 for a generator that copies it, less than 0.5 for samples off the data.
      For fresh data its standard error is √((M + L + 1)/(12 M L));
    - ``copies``: the share of samples nearer than 99 % of the held-out points are; 0.01 for fresh data.

    At least one row each (``ValueError``); ``copies`` has a meaning from some hundred held-out rows on.
    """
    train, held_out = _validate.sample_pair("train", train, "held_out", held_out, minimum=1)
    train, fake = _validate.sample_pair("train", train, "fake", fake, minimum=1)
    own, known = _nearest_distances(fake, train), np.sort(_nearest_distances(held_out, train))
    farther = len(known) - np.searchsorted(known, own, side="right")
    equal = len(known) - np.searchsorted(known, own, side="left") - farther
    return {
        "closer": float(np.mean(farther + equal / 2) / len(known)),
        "copies": float(np.mean(100 * farther >= 99 * len(known))),  # integers: 0.99 n would be rounded
    }


def mode_coverage(samples, centres, std):
    """Return how samples of a mixture with known modes fill them.

    ``samples`` ``(N, d)``, ``centres`` ``(m, d)``, ``std`` > 0 of every mode. A sample is of high quality
    within 3 std of its nearest centre. The dictionary holds

    - ``counts``: high-quality samples of each mode, ``(m,)`` integers;
    - ``kept``: the number of modes with at least a tenth of their uniform share N/m;
    - ``high_quality``: the share of high-quality samples. Exact samples in 2-D have
      1 − e^(−9/2) = 0.9889 of them: more means modes that are too narrow;
    - ``reverse_kl``: KL in nats from the high-quality samples' mode histogram to the uniform one,
      ln(m/j) for j modes filled evenly; NaN without high-quality samples.

    The criteria are PacGAN's (Lin et al. 2018, https://arxiv.org/abs/1712.04086), except ``kept``.
    """
    samples, centres = _validate.sample_pair("samples", samples, "centres", centres, minimum=1)
    std = _validate.number("std", std, 0, open_minimum=True)
    blocks = [(d.argmin(axis=1), d.min(axis=1)) for _, d in _distance_blocks(samples, centres)]
    nearest, distance = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    counts = np.bincount(nearest[distance < (3 * std) ** 2], minlength=len(centres))
    total, m = counts.sum(), len(centres)
    return {
        "counts": counts,
        "kept": int(np.sum(counts >= 0.1 * len(samples) / m)),
        "high_quality": float(total / len(samples)),
        "reverse_kl": divergences.kl_discrete(counts / total, np.full(m, 1 / m)) if total else float("nan"),
    }


def psnr(a, b, max_value):
    """Return the mean over the batch of the peak signal-to-noise ratio in dB, 10 log₁₀(max_value² / MSE).

    ``a`` and ``b``: images ``(N, H, W, C)``. ``max_value``: the width of the range of values, 255 for
    uint8, 2 for [-1, 1], 1 for [0, 1]. Infinite if a pair is equal. Raises ``ValueError`` for
    different shapes, or pixels further apart than ``max_value``.
    """
    a, b, max_value = _image_pair(a, b, max_value)
    errors = np.mean((a - b) ** 2, axis=(1, 2, 3))
    with np.errstate(divide="ignore"):
        return float(np.mean(10 * np.log10(max_value**2 / errors)))


def ssim(a, b, max_value):
    """Return the structural similarity, the mean over the batch, in [-1, 1]; 1 for equal images.

    Gaussian window of 11 pixels and σ = 1.5, K₁ = 0.01, K₂ = 0.03, each channel alone, windows
    inside the image only (Wang et al. 2004, https://doi.org/10.1109/TIP.2003.819861). In float64:
    float32 is wrong from the fourth digit on flat images. Arguments and errors as in ``psnr``,
    and images have to be at least 11 pixels wide and high.
    """
    a, b, max_value = _image_pair(a, b, max_value)
    if min(a.shape[1:3]) < 11:
        _validate.refuse("a", "images of at least 11 × 11 pixels, the window of the SSIM", a)
    return float(np.mean([_ssim_of_image(x, y, max_value) for x, y in zip(a, b, strict=True)]))


def mutual_information_gap(codes, factors, bins=20):
    """Return the mutual information gap (MIG) in [0, 1] of latent codes and known factors.

    For each factor: the mutual information with the most informative code dimension, less that with
    the second, over the factor's entropy; then the mean over factors (Chen et al. 2018,
    https://arxiv.org/abs/1802.04942). ``codes`` ``(N, d)``, d ≥ 2, each dimension cut into ``bins`` equal
    intervals; ``factors`` ``(N, k)`` of discrete values, none constant (``ValueError``).
    """
    codes = _validate.array("codes", codes, ("N", "d"))
    factors = _validate.array("factors", factors, (len(codes), "k"))
    bins = _validate.integer("bins", bins, 2)
    if len(codes) < 2 or codes.shape[1] < 2 or factors.shape[1] < 1:
        _validate.refuse("codes", "at least two rows and two dimensions", codes)
    try:
        binned = [np.digitize(c, np.histogram_bin_edges(c, bins)[1:-1]) for c in codes.T]
    except ValueError:  # numbers so large that the next one is further away than a bin is wide
        _validate.refuse("codes", f"numbers that {bins} bins can tell apart", codes)
    return float(np.mean([_gap(binned, factor, bins, j) for j, factor in enumerate(factors.T)]))


def _gap(binned, factor, bins, index):
    values, factor = np.unique(factor, return_inverse=True)
    if len(values) < 2:
        _validate.refuse("factors", "factors that vary", f"a constant factor in column {index}")
    information = sorted(divergences.mutual_information(_joint_counts(code, factor, bins)) for code in binned)
    entropy = divergences.mutual_information(np.diag(np.bincount(factor)))  # H(v) = I(v; v)
    return (information[-1] - information[-2]) / entropy


def _joint_counts(code, factor, bins):
    levels = factor.max() + 1
    return np.bincount(code * levels + factor, minlength=bins * levels).reshape(bins, levels)


def _mean_and_covariance(x):
    mean = x.mean(axis=0)
    centred = x - mean
    return mean, centred.T @ centred / (len(x) - 1)


def _neighbour_samples(real, fake, k):
    k = _validate.integer("k", k, 1)
    return *_validate.sample_pair("real", real, "fake", fake, minimum=k + 1), k


def _neighbour_radii(x, k):
    """Squared distance of each point to its k-th nearest other point, ``(N,)``."""
    # Entry k of the sorted row, not k − 1: entry 0 is the point itself at distance 0. The copy lets the block go.
    return np.concatenate([np.partition(d, k, axis=1)[:, k].copy() for _, d in _distance_blocks(x, x)])


def _nearest_distances(x, to):
    """Squared distance of each row of ``x`` to the nearest row of ``to``."""
    return np.concatenate([d.min(axis=1) for _, d in _distance_blocks(x, to)])


def _distance_blocks(a, b):
    """Yield slices of the rows of ``a`` with their squared distances to all of ``b``."""
    # Differences, not |a|² + |b|² − 2a·b: faster, but round-off there moves duplicates apart.
    for start in range(0, len(a), _ROWS):
        rows = slice(start, start + _ROWS)
        yield rows, cdist(a[rows], b, "sqeuclidean")


def _image_pair(a, b, max_value):
    max_value = _validate.number("max_value", max_value, 0, open_minimum=True)
    a = _validate.array("a", a, ("N", "H", "W", "C"))
    b = _validate.array("b", b, a.shape)
    if a.size == 0:
        _validate.refuse("a", "at least one image", a)
    for name, x in (("a", a), ("b", b)):
        if np.ptp(x) > max_value * (1 + 1e-6):
            _validate.refuse(name, f"values no further apart than max_value={max_value:g}", x)
    return a, b, max_value


def _ssim_of_image(x, y, max_value):
    moments = np.stack([x, y, x * x, y * y, x * y])
    # Radius int(3.5 · 1.5 + 0.5) = 5; the 5 border pixels, whose windows leave the image, are cut off.
    moments = gaussian_filter(moments, sigma=1.5, truncate=3.5, axes=(1, 2))[:, 5:-5, 5:-5]
    mean_x, mean_y, xx, yy, xy = moments
    c1, c2 = (0.01 * max_value) ** 2, (0.03 * max_value) ** 2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * (xy - mean_x * mean_y) + c2) / (xx - mean_x**2 + yy - mean_y**2 + c2)
    return np.mean(luminance * structure)
