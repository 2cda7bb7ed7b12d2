"""Quality after the same minutes of training: published recipes for small images beside the course's own.

    python benchmarks/time_to_quality.py --datasets fashion,faces --recipes ours,tf_dcgan --seeds 0,1,2 --core 1

The same images, the same feature network and the same budget for all. The budget is CPU time of a training process
that is pinned to ONE core and computes with ONE thread, so that a busy neighbour costs nobody images (it still shares
caches and memory with us, so runs to be compared should meet a similar load; each record holds the wall time too).
Building the networks and tracing their step count; reading the data and measuring do not. A mark is reached by the
first step that ends at or after it, and the record says at how many CPU seconds that was.

Each of (data set, recipe, seed) is one record in benchmarks/results/time_to_quality; a run that has its record is not
repeated, so the command may be killed and given again. The page RESULTS.md is written anew after each record, and a
sheet of samples goes to runs/time_to_quality. The published recipes are in ``published.py``, with what had to change
for the other shape of images.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time

import _common
from _common import ROOT

RESULTS = _common.RESULTS / "time_to_quality"
RUNS = ROOT / "runs" / "time_to_quality"
SAMPLES = 10_000  # images on each side of every distance
COLUMNS, GAP = 8, 2  # of a sheet of samples, and the pixels between them
PUBLISHED = ("tf_dcgan", "keras_dcgan", "keras_wgan_gp", "keras_vae")
NAMES = {
    "tf_dcgan": "TensorFlow DCGAN tutorial",
    "keras_dcgan": "Keras DCGAN example",
    "keras_wgan_gp": "Keras WGAN-GP example",
    "keras_vae": "Keras VAE example",
    "pilot": "lean pilot",
    "ours_raw": "this course, raw pixels",
    "ours": "this course",
}
SHAPES = {"fashion": (28, 28, 1), "faces": (64, 64, 3)}

# --- The course's own recipe: everything that differs between the data sets is in this dictionary ---------------

_GAN = {"loss": "relativistic", "penalty": "r1_r2", "penalty_every": 4, "ema": 0.998}
_ADAM = {"beta_1": 0.0, "beta_2": 0.99}
# The precision is that of the zoo's recipes: faster where the CPU has units for it (AMX), slower where it has none.
OURS = {
    "fashion": {
        "precision": "mixed_bfloat16",
        "batch_size": 32,
        "latent_dim": 64,
        "width": 32,
        "adam": _ADAM,
        "learning_rate": 2e-3,
        "halved_after": 3_000,  # steps; a third after twice as many. A constant rate went no further from minute 3 on.
        "gan": _GAN | {"penalty_weight": 0.5},
    },
    # A lower rate: at 1e-3 the losses of longer runs on faces spiked.
    "faces": {
        "precision": "mixed_bfloat16",
        "batch_size": 16,
        "latent_dim": 100,
        "width": 32,
        "regions": 16,
        "adam": _ADAM,
        "learning_rate": 7e-4,
        "gan": _GAN | {"penalty_weight": 0.4},
    },
}


class Ours:
    """The recipe of ``OURS``, built from ``course_lib`` as the lessons do it."""

    low = -1
    has_regions = True  # where the recipe names some

    def __init__(self, shape):
        import keras

        from course_lib import gan, nets

        recipe = OURS[next(name for name, known in SHAPES.items() if known == tuple(shape))]
        self.batch_size = recipe["batch_size"]
        self.latent_dim = recipe["latent_dim"]
        arguments = shape, recipe["latent_dim"], recipe["width"]
        if self.has_regions and "regions" in recipe:
            generator = nets.region_generator(*arguments, recipe["regions"])
        else:
            generator = nets.subpixel_generator(*arguments)
        discriminator = nets.subpixel_discriminator(shape, recipe["width"])
        self.model = gan.GAN(generator, discriminator, **recipe["gan"])
        rate = recipe["learning_rate"]
        if "halved_after" in recipe:
            rate = keras.optimizers.schedules.InverseTimeDecay(rate, recipe["halved_after"], decay_rate=1)
        self.model.compile(*(keras.optimizers.Adam(rate, **recipe["adam"]) for _ in range(2)))

    def step(self, images):
        """Take one step of ``gan.GAN``; its losses are tracked, as in ``fit``."""
        self.model.train_step(images)

    def decode(self, z):
        """Return images of the averaged generator."""
        return self.model.generator_ema(z, training=False)


class OursRaw(Ours):
    """The same with a generator that ends in pixels instead of regions: what do the regions alone change?"""

    has_regions = False


OWN = {"ours": Ours, "ours_raw": OursRaw}


def applies(dataset, recipe):
    """Return whether a recipe is one of its own for a data set."""
    return recipe != "ours_raw" or "regions" in OURS[dataset]


# --- One run ------------------------------------------------------------------------------------------------------


class Clock:
    """CPU and wall seconds that passed between ``start`` and ``stop``, summed over all such spans."""

    def __init__(self, cpu=time.process_time, wall=time.perf_counter):
        self.sources = cpu, wall
        self.sums = [0.0, 0.0]
        self.begun = None

    def start(self):
        """Let the clock run."""
        self.begun = [source() for source in self.sources]

    def stop(self):
        """Stop the clock."""
        self.sums, self.begun = list(self.read()), None

    def read(self):
        """Return (CPU seconds, wall seconds) so far, of a running or stopped clock."""
        if self.begun is None:
            return tuple(self.sums)
        spans = zip(self.sums, self.sources, self.begun, strict=True)
        return tuple(total + source() - begun for total, source, begun in spans)


def batches(images, batch_size, seed):
    """Yield batches of ``images`` without end, in a new random order each epoch, whole batches only."""
    import numpy as np

    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(len(images))
        for first in range(0, len(order) - batch_size + 1, batch_size):
            yield images[order[first : first + batch_size]]


def train(step, stream, minutes, clock, measure):
    """Take steps until the last of ``minutes``; return what ``measure`` gives at each mark, with clock and images.

    ``step(batch)`` is one step and has ended when it returns. The clock, running on entry, stands during ``measure``.
    """
    images, marks = 0, []
    for mark in sorted(minutes):
        while clock.read()[0] < 60 * mark:
            batch = next(stream)
            step(batch)
            images += len(batch)
        clock.stop()
        cpu, wall = clock.read()
        passed = {"minutes": mark, "cpu_seconds": round(cpu, 1), "wall_seconds": round(wall, 1), "images": images}
        marks.append(passed | measure(passed))
        clock.start()
    clock.stop()
    return marks


def pin(core):
    """Run this process and the libraries it will load on one core with one thread."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"


def run(dataset, recipe, seed, minutes):
    """Train one recipe on one data set with one seed, and return its record."""
    import keras
    import numpy as np
    import tensorflow as tf
    from published import RECIPES

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    from course_lib import images, metrics

    extract = metrics.FeatureExtractor(dataset)
    known = reference(dataset, extract)
    keras.utils.set_random_seed(seed)
    pixels = training_images(dataset)
    clock = Clock()
    clock.start()
    if recipe in OWN:
        keras.config.set_dtype_policy(OURS[dataset]["precision"])
    model = (RECIPES | OWN)[recipe](SHAPES[dataset])
    signature = [tf.TensorSpec((model.batch_size, *SHAPES[dataset]), tf.float32)]
    traced = tf.function(model.step, input_signature=signature, autograph=False)
    z = np.random.default_rng(1000 + seed).standard_normal((SAMPLES, model.latent_dim), dtype=np.float32)
    codes = [tf.TensorSpec((None, model.latent_dim), tf.float32)]
    decode = tf.function(model.decode, input_signature=codes, autograph=False)

    def step(batch):
        x = batch / np.float32(127.5) - 1 if model.low == -1 else batch / np.float32(255)
        traced(x)

    def sample(n):
        # The sources end in tanh or a sigmoid: [-1, 1] or [0, 1]. 100 at a time, because some networks are wide.
        parts = (decode(z[i : i + 100]).numpy() for i in range(0, n, 100))
        return np.concatenate([images.to_uint8(p if model.low == -1 else 2 * p - 1) for p in parts])[:n]

    def measure(passed):
        fakes = sample(SAMPLES)
        features = extract(fakes)
        scores = {
            "frechet_distance": metrics.frechet_distance(known["held_out"], features),
            "kernel_distance": metrics.kernel_distance(known["held_out"], features),
        }
        RUNS.mkdir(parents=True, exist_ok=True)
        sheet_path(RUNS, dataset, recipe, seed, passed["minutes"]).write_bytes(
            images.png_bytes(images.tile(fakes[:32], columns=COLUMNS, pad=GAP))
        )
        print(f"{dataset}-{recipe}-{seed}: {passed} Fréchet distance {scores['frechet_distance']:.4g}", flush=True)
        return {key: float(f"{value:.6g}") for key, value in scores.items()}

    marks = train(step, batches(pixels, model.batch_size, seed), minutes, clock, measure)
    return {
        "dataset": dataset,
        "recipe": recipe,
        "seed": seed,
        "marks": marks,
        "features": extract.name,
        "samples": SAMPLES,
        "floor": {key: float(known[key]) for key in ("frechet_floor", "kernel_floor")},
        "ceiling": {"frechet_noise": float(known["frechet_noise"])},
        "batch_size": model.batch_size,
        "settings": OURS[dataset] if recipe in OWN else "published.py",
        "threads": 1,
    } | _common.facts()


def training_images(dataset):
    """Return the training images, uint8."""
    from course_lib import data

    return data.load_fashion("train").images if dataset == "fashion" else data.load_faces("train").images


def reference(dataset, extract):
    """Return features of ``SAMPLES`` held-out images, and the distances of training images and of noise to them.

    Kept in runs/time_to_quality, by the hash of the feature network, for the next run.
    """
    import numpy as np

    from course_lib import data, metrics, zoo

    path = RUNS / f"reference_{dataset}_{zoo.card(f'{dataset}-classifier')['sha256'][:12]}.npz"
    if not path.exists():
        if dataset == "fashion":
            held_out = data.load_fashion("test").images
        else:
            held_out = data.compose_faces(data.random_attributes(SAMPLES, seed=12_345))
        noise = np.random.default_rng(0).integers(0, 256, (SAMPLES, *SHAPES[dataset]), dtype=np.uint8)
        real, train_set, noise = (extract(x) for x in (held_out, training_images(dataset)[:SAMPLES], noise))
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(
            path,
            held_out=real,
            frechet_floor=metrics.frechet_distance(real, train_set),
            kernel_floor=metrics.kernel_distance(real, train_set),
            frechet_noise=metrics.frechet_distance(real, noise),
        )
    with np.load(path) as file:
        return dict(file)


# --- All runs and their table ---------------------------------------------------------------------------------------


def record_path(folder, dataset, recipe, seed):
    """Return where the record of a run is."""
    return folder / f"{dataset}-{recipe}-{seed}.json"


def sheet_path(folder, dataset, recipe, seed, minutes):
    """Return where the samples of a run at a mark are."""
    return folder / f"{dataset}-{recipe}-{seed}-{minutes:g}min.png"


def is_done(path, minutes):
    """Return whether ``path`` holds a record with all these marks."""
    return path.exists() and set(minutes) <= {mark["minutes"] for mark in _common.read_json(path)["marks"]}


def read_records(folder=RESULTS):
    """Return all records of a folder, sorted by their names."""
    return [_common.read_json(path) for path in sorted(folder.glob("*.json"))]


def tables(records, score="frechet_distance"):
    """Return a Markdown table for each data set: median [lowest, highest] over seeds for each recipe and mark.

    The last row is the ratio of the median of "ours" to the lowest median of a published recipe.
    """
    parts = []
    for dataset in (name for name in SHAPES if any(r["dataset"] == name for r in records)):
        own = [record for record in records if record["dataset"] == dataset]
        minutes = sorted({mark["minutes"] for record in own for mark in record["marks"]})
        rows = [_row(own, recipe, minutes, score) for recipe in NAMES if any(r["recipe"] == recipe for r in own)]
        best = ["ours / best published", "", *(_ratio(own, mark, score) for mark in minutes), ""]
        header = ["recipe", "seeds", *(f"{mark:g} min" for mark in minutes), "images/CPU s"]
        parts.append(_caption(own[0], score) + "\n\n" + _common.markdown(header, [*rows, best]))
    return "\n\n".join(parts)


def _caption(record, score):
    known = record["floor"] | record["ceiling"]
    kind = score.split("_")[0]
    ends = {"training set": known.get(f"{kind}_floor"), "uniform noise": known.get(f"{kind}_noise")}
    told = ", ".join(f"{name} {_common.number(value)}" for name, value in ends.items() if value is not None)
    return f"**{record['dataset'].capitalize()}**, {record['features']}, {record['samples']:,} samples; {told}."


def scores_at(records, recipe, minutes, score):
    """Return the scores of a recipe at a mark, one for each seed that has it."""
    marks = [mark for r in records if r["recipe"] == recipe for mark in r["marks"]]
    return [mark[score] for mark in marks if mark["minutes"] == minutes]


def _row(records, recipe, minutes, score):
    cells = []
    for mark in minutes:
        values = scores_at(records, recipe, mark, score)
        low, middle, high = (_common.number(f(values) if values else None) for f in (min, statistics.median, max))
        cells.append(f"{middle} [{low}, {high}]" if len(values) > 1 else middle)
    last = [record["marks"][-1] for record in records if record["recipe"] == recipe]
    speed = statistics.median(mark["images"] / mark["cpu_seconds"] for mark in last)
    return [NAMES[recipe], str(len(last)), *cells, speed]


def _ratio(records, mark, score):
    medians = {}
    for recipe in ("ours", *PUBLISHED):
        values = scores_at(records, recipe, mark, score)
        if values:
            medians[recipe] = statistics.median(values)
    ours = medians.pop("ours", None)
    return ours / min(medians.values()) if ours is not None and medians else None


def main():
    """Read the command line, run what has no record yet, each in a process of its own, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", default="fashion,faces")
    parser.add_argument("--recipes", default=",".join(NAMES))
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--minutes", default="1,3,10")
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--results", default=str(RESULTS), help="folder of the records")
    parser.add_argument("--single", action="store_true", help=argparse.SUPPRESS)  # a run in its own process
    options = parser.parse_args()
    folder = type(RESULTS)(options.results)
    datasets, recipes = options.datasets.split(","), options.recipes.split(",")
    unknown = (set(datasets) - set(SHAPES)) | (set(recipes) - set(NAMES))
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join([*SHAPES, *NAMES])}")
    seeds, minutes = [int(s) for s in options.seeds.split(",")], [float(m) for m in options.minutes.split(",")]
    if options.single:
        pin(options.core)
        made = run(datasets[0], recipes[0], seeds[0], minutes)
        _common.write_json(record_path(folder, datasets[0], recipes[0], seeds[0]), made)
        if folder == RESULTS:
            import report  # here, because it imports this module

            report.write()
        return
    for seed in seeds:
        for dataset in datasets:
            for recipe in recipes:
                if applies(dataset, recipe) and not is_done(record_path(folder, dataset, recipe, seed), minutes):
                    chosen = [f"--datasets={dataset}", f"--recipes={recipe}", f"--seeds={seed}"]
                    rest = [f"--minutes={options.minutes}", f"--core={options.core}", f"--results={folder}"]
                    subprocess.run([sys.executable, __file__, "--single", *chosen, *rest], check=False)
    print("\n" + tables(read_records(folder)))


if __name__ == "__main__":
    main()
