"""Seconds and memory of the metrics on 10,000 images a side.

Run from the repository's root, with nothing else running: python benchmarks/metrics.py
"""

import _common
import numpy as np

from course_lib import data, metrics

N, SEED = 10_000, 0
GOAL_SECONDS, GOAL_MEGABYTES = 20, 2048


def distances_of_images():
    """Return a row for each feature network: the Fréchet distance of N images, their features included."""
    rows = []
    for source in ("fashion", "faces", "lite0"):
        shown = data.load_fashion("test").images if source == "fashion" else data.load_faces("train").images
        extract = metrics.FeatureExtractor(source)
        known = extract(shown[::-1])

        def distance(extract=extract, known=known, shown=shown):
            return metrics.frechet_distance(known, extract(shown))

        features = _common.seconds(lambda extract=extract, shown=shown: extract(shown), repeats=1)
        shape = " × ".join(map(str, shown.shape[1:]))
        print(extract.name, features, flush=True)
        rows.append(
            [f"{extract.name}, {shape}", str(known.shape[1]), features, _common.seconds(distance), str(GOAL_SECONDS)]
        )
    return rows


def scores_of_features():
    """Return a row for each metric on N × N features of 64 dimensions."""
    rng = np.random.default_rng(SEED)
    real, fake, other = (np.maximum(rng.standard_normal((N, 64)) + shift, 0) for shift in (0, 0.1, 0))
    calls = {
        "Fréchet distance": lambda: metrics.frechet_distance(real, fake),
        "kernel distance": lambda: metrics.kernel_distance(real, fake),
        "precision and recall": lambda: metrics.precision_recall(real, fake),
        "density and coverage": lambda: metrics.density_coverage(real, fake),
        "memorisation": lambda: metrics.memorisation(real, other, fake),
    }
    return [
        [name, _common.seconds(call), _common.peak_megabytes(call), str(GOAL_MEGABYTES)] for name, call in calls.items()
    ]


def main():
    """Measure both and write the results."""
    by_images = {
        "caption": f"Fréchet distance of {N:,} images to known features; all in seconds.",
        "header": ["features", "d", "features only", "features and distance", "goal"],
        "rows": distances_of_images(),
    }
    by_features = {
        "caption": f"Metrics on {N:,} × {N:,} features of 64 dimensions, and the memory they add.",
        "header": ["metric", "seconds", "peak MB", "goal MB"],
        "rows": scores_of_features(),
    }
    text = "Neighbours are found by differences in float64, 256 rows at a time: exact for duplicates, flat in memory."
    _common.publish("metrics", "Metrics", text, [by_images, by_features], SEED)


if __name__ == "__main__":
    main()
