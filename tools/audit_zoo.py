"""Look for memorised pictures and missing kinds in a generator of the zoo: ``python tools/audit_zoo.py NAME``.

Prints the numbers and writes runs/NAME/audit.png: samples beside the training pictures that are nearest to them, the
ten nearest pairs and ten drawn at random.
"""

import argparse
import json

import numpy as np
import zoo_recipes

from course_lib import data, images, metrics, plots, zoo

SURE = 0.9  # a classifier that gives its answer less than this is unsure
FACTOR = 1.5  # goal: no value is more often or rarer than in the data by more than this
_ROWS, _SHOWN, _SIDE = 2000, 10, 32


# --- Arithmetic ------------------------------------------------------------------------------


def nearest(x, train):
    """Return (index, distance) of the row of ``train`` (M, d) nearest to each row of ``x`` (N, d), both (N,)."""
    x, train = np.asarray(x, np.float32), np.asarray(train, np.float32)
    halves = (train**2).sum(axis=1) / 2
    index = np.concatenate([np.argmin(halves - x[k : k + _ROWS] @ train.T, axis=1) for k in range(0, len(x), _ROWS)])
    blocks = [slice(k, k + _ROWS) for k in range(0, len(x), _ROWS)]
    # The product finds the neighbour; its distance needs the difference, which is 0 for a copy.
    return index, np.concatenate([np.linalg.norm(x[b] - train[index[b]], axis=1) for b in blocks])


def frequency_ratios(codes, known, n_values):
    """Return for each value how many times more or less often it occurs in ``codes`` than in ``known``, (n_values,).

    Always at least 1; infinite for a value that occurs in only one of the two, and 1 for one that occurs in neither.
    """
    p, q = (np.bincount(c, minlength=n_values) / len(c) for c in (codes, known))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(p == q, 1.0, np.maximum(p / q, q / p))


def unsure(logits):
    """Return the share of pictures for which some head of ``logits``, name -> (N, k), is less than ``SURE``."""
    return float(np.mean(np.any([_largest_probability(each) < SURE for each in logits.values()], axis=0)))


def frequencies(logits, known, names):
    """Return how often a classifier reads each value in samples, against data read by the same classifier.

    ``logits`` of samples and ``known`` of data: head -> (N, k); ``names``: head -> the values' names. The worst ratio
    is that of ``frequency_ratios`` over all values, None if a value is missing altogether.
    """
    ratios = {
        f"{head}: {name}": ratio
        for head in names
        for name, ratio in zip(names[head], _ratios_of(logits[head], known[head]), strict=True)
    }
    worst = max(ratios, key=ratios.get)
    return {
        "worst_frequency_ratio": float(ratios[worst]) if np.isfinite(ratios[worst]) else None,
        "worst_value": worst,
        "values_within_factor_1.5": f"{sum(r <= FACTOR for r in ratios.values())} of {len(ratios)}",
        "unsure": unsure(logits),
        "unsure_held_out": unsure(known),
    }


def distances(own, held_out):
    """Return the median and the smallest distance of samples to the training set, beside those of held-out pictures."""
    return {
        "median": float(np.median(own)),
        "median_held_out": float(np.median(held_out)),
        "smallest": float(own.min()),
        "smallest_held_out": float(held_out.min()),
    }


def _ratios_of(logits, known):
    return frequency_ratios(logits.argmax(axis=1), known.argmax(axis=1), logits.shape[1])


def _largest_probability(logits):
    shifted = logits - logits.max(axis=1, keepdims=True)
    return 1 / np.exp(shifted).sum(axis=1)


# --- Of a model ------------------------------------------------------------------------------


def audit(model, recipe, folder=None):
    """Return the audit of a generator or VAE as a dictionary for its card; into ``folder`` also write ``audit.png``.

    Feature distances are Euclidean; pixel distances are root mean squares in [0, 1], of pictures averaged down to
    32 pixels where they are larger.
    """
    fake, held_out = zoo_recipes.sample(model, zoo_recipes.SAMPLES, recipe=recipe), zoo_recipes.reference(recipe)
    train = images.to_uint8(zoo_recipes.load(recipe, "train")[0])
    extract = metrics.FeatureExtractor(recipe.data)
    features = [extract(x) for x in (train, held_out, fake)]
    by_features, own = nearest(features[2], features[0])
    by_pixels, own_pixels = nearest(_pixels(fake), _pixels(train))
    facts = {
        **metrics.memorisation(*features),
        "training_pictures": len(train),
        "feature_distance": distances(own, nearest(features[1], features[0])[1]),
        "pixel_distance": distances(own_pixels, nearest(_pixels(held_out), _pixels(train))[1]),
        **frequencies(_read(fake, recipe), _read(held_out, recipe), _names(recipe)),
    }
    if folder is not None:
        order = np.argsort(own)[:_SHOWN]
        drawn = np.random.default_rng(0).choice(len(fake), _SHOWN, replace=False)
        shown = [(fake[k], train[by_features[k]], train[by_pixels[k]], own[k], own_pixels[k]) for k in (*order, *drawn)]
        medians = facts["feature_distance"]["median_held_out"], facts["pixel_distance"]["median_held_out"]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "audit.png").write_bytes(sheet(shown, medians).png())
    return rounded(facts)


def sheet(pairs, medians):
    """Return a figure of twice ten pairs (sample, nearest by features, nearest by pixels, their two distances).

    ``medians``: the distances that half of the held-out pictures exceed, by features and by pixels.
    """
    figure, axes = plots.canvas(8.4, 14.5, _SHOWN, 7, width_ratios=[1, 1, 1, 0.25, 1, 1, 1])
    alt = f"Samples and their nearest training pictures; held-out medians {medians[0]:.1f} and {medians[1]:.3f}."
    figure.alt_text = alt
    for each in axes.ravel():
        each.set(xticks=[], yticks=[])
        each.grid(False)
        each.spines[:].set_visible(False)
    for k, (*pictures, by_features, by_pixels) in enumerate(pairs):
        row, first = k % _SHOWN, 4 * (k // _SHOWN)
        for column, (picture, text) in enumerate(
            zip(pictures, ("", f"{by_features:.1f}", f"{by_pixels:.3f}"), strict=True), first
        ):
            axes[row, column].imshow(np.broadcast_to(picture, (*picture.shape[:2], 3)), interpolation="nearest")
            axes[row, column].set_xlabel(text, fontsize=10)
    for first in (0, 4):
        for column, title in enumerate(("sample", "nearest\nby features", "nearest\nby pixels"), first):
            axes[0, column].set_title(title, fontsize=10)
    figure.suptitle(
        "The ten samples nearest to a training picture, and ten drawn at random\n"
        f"distance under each; median of held-out pictures: {medians[0]:.1f} by features, {medians[1]:.3f} by pixels",
        fontsize=11,
    )
    return figure


def rounded(facts):
    """Return ``facts`` with every number to four significant digits."""
    if isinstance(facts, dict):
        return {key: rounded(value) for key, value in facts.items()}
    return float(f"{facts:.4g}") if isinstance(facts, float) else facts


def _pixels(pictures):
    """Return pictures as rows in [0, 1] whose Euclidean distance is the root mean square over pixels."""
    factor = max(1, pictures.shape[1] // _SIDE)
    n, h, w, c = pictures.shape
    small = pictures.reshape(n, h // factor, factor, w // factor, factor, c).mean(axis=(2, 4), dtype=np.float32)
    rows = small.reshape(n, -1) / 255
    return rows / np.sqrt(rows.shape[1])


def _read(pictures, recipe):
    """Return the logits of the data's classifier, head -> (N, k)."""
    classifier = zoo.load(f"{recipe.data}-classifier")
    parts = [classifier.predict_on_batch(images.to_float(pictures[k : k + 250])) for k in range(0, len(pictures), 250)]
    return {head: np.concatenate([part[head] for part in parts]) for head in parts[0]}


def _names(recipe):
    return {"label": data.FASHION_NAMES} if recipe.data == "fashion" else data.face_names()


def main():
    """Read the command line and run."""
    generators = [name for name, recipe in zoo_recipes.RECIPES.items() if recipe.kind in ("vae", "gan", "flow")]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", choices=generators, metavar="NAME", help=" or ".join(generators))
    for name in parser.parse_args().names:
        facts = audit(zoo.load(name), zoo_recipes.RECIPES[name], zoo_recipes.RUNS / name)
        print(name, json.dumps(facts, indent=2), sep="\n")


if __name__ == "__main__":
    main()
