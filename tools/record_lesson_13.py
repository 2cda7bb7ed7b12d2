"""Train what lesson 13 shows as recorded: ``python tools/record_lesson_13.py``, after the zoo's photos-sr-x4.

Three studies. "plane": the zoo's ×4 super-resolver trained on with other losses, on the perception-distortion plane of
held-out patches. "colour": one network with five losses, from 8 levels of lightness and without hints, judged by the
classifier of faces. "enhance": the same machinery with a faded photograph as source. Each result is kept in
runs/lesson_13 when it is done, so the command may be killed and run again; the record goes to
course_lib/assets/lessons/13_translation.json, and pictures of the first seed beside it.
"""

import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import paired_recipes
from paired_recipes import FACES, LEVELS, SPACING, TEST_FACES
from recording import Runs, machine, write_record
from zoo_recipes import RECIPES

from course_lib import _assets, colour, data, images, metrics, nets, restoration, runtime, translation, zoo
from course_lib.translation import L1, L2, Adversarial, BinCrossEntropy, Feature, Translator

RUNS = Path(__file__).resolve().parents[1] / "runs" / "lesson_13"
RECORD = _assets.ROOT / "lessons" / "13_translation"
SEEDS = (0, 1, 2)
STEPS = {"plane": 1500, "colour": 3000, "enhance": 3000}
BATCH, RATE, WIDTH, FACTOR = 16, 3e-4, 16, 4
PLANE = ("L1", "L2", "L1 + feature", "L1 + feature + 0.003 adversarial", "L1 + feature + 0.03 adversarial")
COLOUR = ("L2", "L1", "bins", "bins, rebalanced", "L1 + 0.01 adversarial")
SHOWN = 8  # pictures of each run of the first seed that the record keeps


def runs_in_order():
    """Return (study, method, seed) of every run, one seed after the other."""
    methods = {"plane": PLANE, "colour": COLOUR, "enhance": ("L1",)}
    return [(study, method, seed) for seed in SEEDS for study in methods for method in methods[study]]


# --- Losses and networks -----------------------------------------------------------------------


def early_features():
    """Return Lite0 up to its first two stages: feature maps at a half and a quarter of the resolution."""
    lite0 = zoo.load("lite0")
    return keras.Model(lite0.input, [lite0.get_layer(f"stage_{k}").output for k in (0, 1)])


def spectrum(pictures):
    """Return the logarithm of a picture's energy in 8 rings of frequency (N, 8): features that no loss has seen."""
    grey = images.luma(pictures)[..., 0]
    power = abs(np.fft.fft2(grey - grey.mean(axis=(1, 2), keepdims=True))) ** 2
    line = np.fft.fftfreq(grey.shape[1])
    ring = np.minimum((16 * np.hypot(line[:, None], line)).astype(int), 7)
    return np.log(1 + np.stack([power[:, ring == k].mean(axis=1) for k in range(8)], axis=1))


spectrum.name = "log energy in 8 rings of frequency"


# Lite0's maps are large: this weight makes their difference count about as much as the pixels'.
TERMS = {"L1": L1, "L2": L2, "feature": lambda w: Feature(early_features(), 5e-4 * w), "adversarial": Adversarial}


def terms_of(method):
    """Return the loss terms named in the text of a method, such as "L1 + feature + 0.03 adversarial"."""
    terms = []
    for part in method.split(" + "):
        weight, name = part.split(" ") if part[0].isdigit() else (1.0, part)
        terms.append(TERMS[name](float(weight)))
    return terms


def compiled(network, terms, pairs=False):
    """Return the compiled ``Translator``, with a PatchGAN of images, or of pairs, where a term is adversarial."""
    adversarial = any(isinstance(term, Adversarial) for term in terms)
    channels = network.output_shape[-1] + pairs * network.input_shape[-1]
    judge = nets.patchgan((64, 64, channels), width=32, depth=2) if adversarial else None
    model = Translator(network, terms, judge, penalty_weight=0.5 * adversarial)
    model.compile(*(keras.optimizers.Adam(RATE, beta_1=0.5, beta_2=0.99) for _ in range(1 + adversarial)))
    return model


# --- Studies -----------------------------------------------------------------------------------


def plane(method):
    """Return a model, its batches, and what measures it, for super-resolution with one loss."""
    source, target = paired_recipes.pairs(RECIPES["photos-sr-x4"], "train")
    model = compiled(zoo.load("photos-sr-x4"), terms_of(method))
    return (
        model,
        translation.augmented_pairs(source, target),
        len(source),
        lambda network: on_the_plane(
            translation.translate(network, paired_recipes.pairs(RECIPES["photos-sr-x4"], "test")[0])
        ),
    )


def on_the_plane(restored):
    """Return the place of restored held-out patches on the plane, by two kinds of features, and some of them."""
    truth = data.photo_patches("test").images
    facts = restoration.plane_point(restored, truth, metrics.FeatureExtractor("lite0"), crop=FACTOR)
    facts["spectrum_distance"] = metrics.kernel_distance(spectrum(truth), spectrum(restored))
    return facts, restored[:: len(restored) // SHOWN][:SHOWN]


def colours(method):
    """Return a model, its batches, and what measures it, for colour from posterised lightness with one loss."""
    lightness, ab = colour.split_lab(data.load_faces("train").images[:FACES])
    bins = colour.gamut_bins(SPACING) if method.startswith("bins") else None
    network = nets.free_unet(1, len(bins.centres) if bins else 2, WIDTH, depth=4, stride=2 if bins else 1)
    if bins:
        frequencies = bins.frequencies(ab[:500, ::4, ::4])
        weights = bins.class_weights(frequencies) if "rebalanced" in method else None
        model = compiled(network, [BinCrossEntropy(bins.centres, bins.sigma, weights)])
    else:
        model = compiled(network, terms_of(method), pairs=True)
    seen = colour.posterise(lightness, LEVELS)
    return model, lambda rows, rng: (seen[rows], ab[rows]), len(seen), lambda trained: in_colour(trained, bins)


def in_colour(network, bins):
    """Return what the classifier reads in colourised test faces, their chroma and error, and some of them."""
    faces = data.load_faces("test")
    true = faces.images[:TEST_FACES]
    lightness, ab = colour.split_lab(true)
    parts = [slice(k, k + 50) for k in range(0, len(true), 50)]
    made = np.concatenate([colour.colorize(network, lightness[p], levels=LEVELS, bins=bins) for p in parts])
    found = colour.split_lab(made)[1]
    facts = {"reads": paired_recipes.read_colours(zoo.load("faces-classifier"), made, faces.attributes)}
    facts["chroma"], facts["chroma_true"] = (float(colour.mean_chroma(x).mean()) for x in (found, ab))
    facts["ab_rmse"] = float(colour.AB * np.sqrt(np.mean((found - ab) ** 2)))
    return facts, made[:SHOWN]


def enhance(method):
    """Return a model, its batches, and what measures it, for undoing the fading of photographs."""
    true = data.photo_patches("train").images
    network = nets.free_unet(3, 3, WIDTH, depth=4)

    def make(rows, rng):
        return images.to_float(colour.random_fade(true[rows], rng)), images.to_float(true[rows])

    return compiled(network, terms_of(method)), make, len(true), unfaded


def unfaded(network):
    """Return the PSNR of faded held-out patches before and after, with the interval of the gain, and some of both."""
    patches = data.photo_patches("test")
    faded = colour.random_fade(patches.images, np.random.default_rng(13))
    made = translation.translate(network, faded)
    before, after = (restoration.psnr_of_each(x, patches.images, "rgb") for x in (faded, made))
    gain = restoration.bootstrap(after - before, patches.photo)
    facts = {"psnr_before": float(before.mean()), "psnr_after": float(after.mean()), "gain_95": list(gain)}
    few = slice(None, None, len(made) // SHOWN)
    return facts, np.concatenate([faded[few][:SHOWN], made[few][:SHOWN]])


STUDIES = {"plane": plane, "colour": colours, "enhance": enhance}


def run(study, method, seed):
    """Train one run and return its facts and pictures."""
    keras.utils.set_random_seed(seed)
    model, make, n, measure = STUDIES[study](method)
    batches = translation.Batches(make, n, BATCH, seed)
    start, epochs = time.process_time(), -(-STEPS[study] // len(batches))
    log = model.fit(batches, epochs=epochs, verbose=0).history
    seconds = round(time.process_time() - start, 1)
    facts, pictures = measure(model.network)
    last = {name: float(values[-1]) for name, values in log.items()}
    return {"study": study, "method": method, "seed": seed, "seconds": seconds, "last_epoch": last, **facts}, pictures


def write(done, report):
    """Write the record of the runs that are done, with pictures of the first seed."""
    rows, arrays = [], {}
    for study, method, seed in done:
        facts, kept = Runs(RUNS).load(f"{study} {method} {seed}")
        rows.append(facts)
        if seed == SEEDS[0]:
            arrays[f"{study}_{method}"] = kept["pictures"]
    facts = {
        "what": "Image translation: one network and budget, several losses; see tools/record_lesson_13.py",
        "steps": STEPS,
        "optimizer": f"Adam, rate {RATE:g}, β₁ 0.5, β₂ 0.99, batch {BATCH}",
        "seconds_are": "processor seconds of the training alone, one core",
        "minutes": round(sum(row["seconds"] for row in rows) / 60, 1),
        **machine(report),
        "licence": "Apache-2.0 (numbers); pictures are derived from Photos and Faces, see DATA.md",
    }
    write_record(RECORD, facts, rows, arrays)


def main():
    """Train what is missing, one seed after the other, and keep the record up to date."""
    report, kept, done = runtime.setup(0), Runs(RUNS), []
    for key in runs_in_order():
        name = " ".join(map(str, key))
        if not kept.done(name):
            facts, pictures = run(*key)
            kept.save(name, facts, pictures=pictures)
            print(name, facts["seconds"], "s", flush=True)
            keras.backend.clear_session()
        done.append(key)
        write(done, report)


if __name__ == "__main__":
    main()
