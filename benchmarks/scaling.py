"""Time and memory against the number of images and the batch size.

Run from the repository's root, with nothing else running: python benchmarks/scaling.py
The exponent p of time ~ nᵖ is fitted over the whole range: about 1 is linear. Scores over all pairs of features have
p = 2 by their definition; what must not grow with n² is their memory. A call of ``fit`` is measured in a fresh process.
"""

import argparse
import json
import resource
import subprocess
import sys
import time

import _common
import numpy as np
from _common import ROOT

SIZES = (1250, 2500, 5000, 10_000)
FIT_IMAGES, FIT_BATCHES = (1024, 2048, 4096), (16, 64, 256)
SEED = 0


def exponent(sizes, times):
    """Return p of the power law times ~ sizesᵖ that fits best in logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def metric_rows():
    """Return, for each metric and for features, its times and peak memory over SIZES, and the exponent."""
    from course_lib import data, metrics

    rng = np.random.default_rng(SEED)
    a, b = (np.maximum(rng.standard_normal((SIZES[-1], 64)), 0) for _ in range(2))
    shown = data.load_fashion("test").images
    extract = metrics.FeatureExtractor("fashion")
    calls = {
        "fashion-classifier features": (lambda n: extract(shown[:n]), 1),
        "Fréchet distance": (lambda n: metrics.frechet_distance(a[:n], b[:n]), 1),
        "kernel distance": (lambda n: metrics.kernel_distance(a[:n], b[:n]), 2),
        "precision and recall": (lambda n: metrics.precision_recall(a[:n], b[:n]), 2),
        "density and coverage": (lambda n: metrics.density_coverage(a[:n], b[:n]), 2),
        "memorisation": (lambda n: metrics.memorisation(a[:n], b[:n], b[:n]), 2),
    }
    rows = []
    for name, (call, goal) in calls.items():
        times = [_common.seconds(lambda n=n, call=call: call(n)) for n in SIZES]
        peaks = [_common.peak_megabytes(lambda n=n, call=call: call(n)) for n in (SIZES[0], SIZES[-1])]
        rows.append([name, *times, round(exponent(SIZES, times), 2), str(goal), *peaks])
        print(*rows[-1], flush=True)
    return rows


def fit_once(kind, images, batch_size):
    """Train for one epoch, and return its seconds and the peak memory of this process in MB."""
    from throughput import gan_pair, vae_pair

    model, _ = {"GAN": gan_pair, "VAE": vae_pair}[kind]((28, 28, 1))
    x = np.random.default_rng(SEED).uniform(-1, 1, (images, 28, 28, 1)).astype(np.float32)
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensor_slices(x).batch(batch_size, drop_remainder=True).prefetch(2)
    model.fit(dataset.take(2), verbose=0)
    start = time.perf_counter()
    model.fit(dataset, verbose=0)
    return {
        "seconds": time.perf_counter() - start,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def in_fresh_process(kind, images, batch_size):
    """Return what ``fit_once`` returns in a process of its own."""
    command = [sys.executable, __file__, "--fit", kind, str(images), str(batch_size)]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return json.loads(result.stdout.splitlines()[-1])


def fit_rows():
    """Return rows over the number of images at batch 64, and rows over the batch size for the middle number."""
    by_images, by_batch = [], []
    for kind in ("GAN", "VAE"):
        found = {n: in_fresh_process(kind, n, 64) for n in FIT_IMAGES}
        times = [found[n]["seconds"] for n in FIT_IMAGES]
        peaks = [found[n]["peak_mb"] for n in (FIT_IMAGES[0], FIT_IMAGES[-1])]
        by_images.append([f"{kind}.fit", *times, round(exponent(FIT_IMAGES, times), 2), "1", *peaks])
        print(*by_images[-1], flush=True)
        middle = FIT_IMAGES[1]
        found = {b: found[middle] if b == 64 else in_fresh_process(kind, middle, b) for b in FIT_BATCHES}
        speeds = [middle / found[b]["seconds"] for b in FIT_BATCHES]
        by_batch.append([f"{kind}.fit", *speeds, *(found[b]["peak_mb"] for b in FIT_BATCHES)])
        print(*by_batch[-1], flush=True)
    return by_images, by_batch


def main():
    """Measure everything and write the results, or do one training for the parent process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fit", nargs=3, metavar=("KIND", "IMAGES", "BATCH"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fit:
        kind, images, batch_size = options.fit
        print(json.dumps(fit_once(kind, int(images), int(batch_size))))
        return
    metrics, (by_images, by_batch) = metric_rows(), fit_rows()

    def columns(sizes):
        ends = f"{sizes[0]:,}", f"{sizes[-1]:,}"
        times = (f"{n:,} (s)" for n in sizes)
        return ["what", *times, "exponent", "goal", *(f"peak MB at {end}" for end in ends)]

    tables = [
        {
            "caption": "Metrics on n images, or n × n features of 64 dimensions; memory that the call adds.",
            "header": columns(SIZES),
            "rows": metrics,
        },
        {
            "caption": "One epoch on n images of 28 × 28 × 1 in batches of 64; memory of the whole process.",
            "header": columns(FIT_IMAGES),
            "rows": by_images,
        },
        {
            "caption": f"One epoch on {FIT_IMAGES[1]:,} images of 28 × 28 × 1; memory of the whole process.",
            "header": [
                "what",
                *(f"images/s, batch {b}" for b in FIT_BATCHES),
                *(f"peak MB, batch {b}" for b in FIT_BATCHES),
            ],
            "rows": by_batch,
        },
    ]
    text = "How time and memory grow. The exponent p is that of time ~ nᵖ."
    _common.publish("scaling", "Scaling", text, tables, SEED)


if __name__ == "__main__":
    main()
