"""Train what lesson 13 shows as recorded: ``python tools/record_lesson_13.py``.

Three studies. "plane": a small ×4 super-resolver, "start", trained with L1 and then on with one loss or another, on the
perception-distortion plane of held-out patches. "colour": one network with five losses, from 8 levels of lightness and
without hints, judged by the classifier of faces and by each background's colour, whose best answer is known. "enhance":
the same machinery with a faded photograph as source. Each result is kept in runs/lesson_13 when it is done, so the
command may be killed and run again; the record goes to course_lib/assets/lessons/13_translation.json, and pictures of
the first seed beside it.
"""

import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import paired_recipes
from paired_recipes import FACES, LEVELS
from recording import Runs, machine, write_record

from course_lib import _assets, colour, data, images, metrics, nets, restoration, runtime, translation, zoo
from course_lib.translation import L1, L2, Adversarial, BinCrossEntropy, Feature, Translator

RUNS = Path(__file__).resolve().parents[1] / "runs" / "lesson_13"
RECORD = _assets.ROOT / "lessons" / "13_translation"
SEEDS = (0,)
STEPS = {"start": 600, "plane": 600, "colour": 400, "enhance": 400}
RATES = {"start": 1e-3, "plane": 3e-4, "colour": 1e-3, "enhance": 1e-3}
# The discriminator's own rate, and the weight of its R1 penalty: the gradient of a map of logits with respect to a
# whole picture is a large sum, and the usual 0.5 left the discriminator at "I do not know" for good.
JUDGE_RATE, PENALTY = 1e-3, {"plane": 2e-5, "colour": 2e-3}
BATCH, FACTOR, SPACING = 16, 4, 20  # SPACING of the bins: 75 of them, where the shipped colorizer has 261
SIZES = {"plane": (24, 4), "colour": 8, "enhance": 8}  # width and blocks, or width
PLANE = ("L1", "L2", "L1 + feature", "L1 + 0.1 adversarial", "L1 + 0.3 adversarial")
COLOUR = ("L2", "L1", "bins", "bins, rebalanced", "L1 + 0.3 adversarial")
EVERY, TEST_FACES = 2, 400  # every second held-out patch is measured, and so many held-out faces
SHOWN = 8  # pictures of each run of the first seed that the record keeps


def runs_in_order():
    """Return (study, method, seed) of every run, one seed after the other, what is built upon first."""
    methods = {"plane": ("start", *PLANE), "colour": COLOUR, "enhance": ("L1",)}
    return [(study, method, seed) for seed in SEEDS for study in methods for method in methods[study]]


# --- Losses and networks -----------------------------------------------------------------------


def early_features():
    """Return Lite0 up to its first two stages: feature maps at a half and a quarter of the resolution."""
    lite0 = zoo.load("lite0")
    return keras.Model(lite0.input, [lite0.get_layer(f"stage_{k}").output for k in (0, 1)])


def energy(pictures):
    """Return the mean energy of pictures uint8 (N, H, H, 3) in 8 rings of spatial frequency (8,), in dB.

    The last ring ends at the Nyquist frequency and holds the corners beyond it. No loss has seen this measure.
    """
    grey = images.luma(pictures)[..., 0]
    power = abs(np.fft.fft2(grey - grey.mean(axis=(1, 2), keepdims=True))) ** 2
    line = np.fft.fftfreq(grey.shape[1])
    ring = np.minimum((16 * np.hypot(line[:, None], line)).astype(int), 7)
    return 10 * np.log10([1 + power[:, ring == k].mean() for k in range(8)])


# Lite0's maps are large: this weight makes their difference count about as much as the pixels'.
TERMS = {"L1": L1, "L2": L2, "feature": lambda w: Feature(early_features(), 5e-4 * w), "adversarial": Adversarial}


def terms_of(method):
    """Return the loss terms named in the text of a method, such as "L1 + feature + 0.03 adversarial"."""
    terms = []
    for part in method.split(" + "):
        weight, name = part.split(" ") if part[0].isdigit() else (1.0, part)
        terms.append(TERMS[name](float(weight)))
    return terms


def compiled(network, terms, study, side=64, pairs=False):
    """Return the compiled ``Translator``, with a PatchGAN of images, or of pairs, where a term is adversarial."""
    adversarial = any(isinstance(term, Adversarial) for term in terms)
    channels = network.output_shape[-1] + pairs * network.input_shape[-1]
    judge = nets.patchgan((side, side, channels), width=16, depth=2) if adversarial else None
    model = Translator(network, terms, judge, penalty_weight=PENALTY[study] if adversarial else 0.0)
    rates = [RATES[study], JUDGE_RATE][: 1 + adversarial]
    model.compile(*(keras.optimizers.Adam(rate, beta_1=0.5, beta_2=0.99) for rate in rates))
    return model


# --- Studies -----------------------------------------------------------------------------------


def plane(method, seed):
    """Return a model, its batches, and what measures it, for super-resolution with one loss."""
    width, blocks = SIZES["plane"]
    target = data.photo_patches("train").images
    network = nets.residual_upscaler(FACTOR, width=width, blocks=blocks)
    if method == "start":
        model = compiled(network, terms_of("L1"), "start")
    else:
        kept = Runs(RUNS).load(f"plane start {seed}")[1]
        network.set_weights([kept[f"weight_{k:02}"] for k in range(len(network.weights))])
        model = compiled(network, terms_of(method), "plane")
    make = translation.augmented_pairs(images.downscale(target, FACTOR), target)
    return model, make, len(target), on_the_plane


def on_the_plane(network):
    """Return the place of restored held-out patches on the plane, their energy, and some of them."""
    truth = data.photo_patches("test").images[::EVERY]
    restored = translation.translate(network, images.downscale(truth, FACTOR))
    facts = restoration.plane_point(restored, truth, metrics.FeatureExtractor("lite0"), crop=FACTOR)
    facts["energy_db"] = np.round(energy(restored) - energy(truth), 3).tolist()
    return facts, {"pictures": restored[:: len(restored) // SHOWN][:SHOWN]}


def small_faces(split, n):
    """Return n faces of 64 pixels, and the lightness and colour of the same at half the size: colour may be coarse."""
    faces = data.load_faces(split).images[:n]
    return faces, *colour.split_lab(images.downscale(faces, 2))


def colours(method, seed):
    """Return a model, its batches, and what measures it, for colour from posterised lightness with one loss."""
    _, lightness, ab = small_faces("train", FACES)
    bins = colour.gamut_bins(SPACING) if method.startswith("bins") else None
    network = nets.free_unet(1, len(bins.centres) if bins else 2, SIZES["colour"], depth=3)
    if bins:
        weights = bins.class_weights(bins.frequencies(ab[:500])) if "rebalanced" in method else None
        model = compiled(network, [BinCrossEntropy(bins.centres, bins.sigma, weights)], "colour")
    else:
        model = compiled(network, terms_of(method), "colour", side=32, pairs=True)
    seen = colour.posterise(lightness, LEVELS)
    return model, lambda rows, rng: (seen[rows], ab[rows]), len(seen), lambda trained: in_colour(trained, bins)


def in_colour(network, bins):
    """Return what the classifier reads in colourised test faces, their chroma and error, and backgrounds."""
    true, lightness, _ = small_faces("test", TEST_FACES)
    full, ab = colour.split_lab(true)
    seen = colour.posterise(lightness, LEVELS)
    answers = np.concatenate([np.asarray(network(seen[k : k + 50])) for k in range(0, len(seen), 50)])
    made = colour.join_lab(full, answers if bins is None else bins.decode(answers))
    found = colour.split_lab(made)[1]
    facts = {
        "reads": paired_recipes.read_colours(zoo.load("faces-classifier"), made, data.load_faces("test").attributes)
    }
    facts["chroma"], facts["chroma_true"] = (float(colour.mean_chroma(x).mean()) for x in (found, ab))
    facts["ab_rmse"] = float(colour.AB * np.sqrt(np.mean((found - ab) ** 2)))
    return facts, {"pictures": made[:SHOWN], "background": background_ab(found, true)}


def background_ab(found, faces):
    """Return the mean a and b (N, 2), in Lab units, that faces got where they are of exactly a background's colour."""
    palette = np.array(list(data.face_palettes()["background"].values()), np.uint8)
    flat = (faces[:, :, :, None] == palette).all(-1).any(-1)
    return np.array([colour.AB * ab[place].mean(axis=0) for ab, place in zip(found, flat, strict=True)], np.float32)


def enhance(method, seed):
    """Return a model, its batches, and what measures it, for undoing the fading of photographs."""
    true = data.photo_patches("train").images
    network = nets.free_unet(3, 3, SIZES["enhance"], depth=4)

    def make(rows, rng):
        return images.to_float(colour.random_fade(true[rows], rng)), images.to_float(true[rows])

    return compiled(network, terms_of(method), "enhance"), make, len(true), unfaded


def unfaded(network):
    """Return the PSNR of faded held-out patches before and after, with the interval of the gain, and some of both."""
    patches = data.photo_patches("test")
    faded = colour.random_fade(patches.images, np.random.default_rng(13))
    made = translation.translate(network, faded)
    before, after = (restoration.psnr_of_each(x, patches.images, "rgb") for x in (faded, made))
    gain = restoration.bootstrap(after - before, patches.photo)
    facts = {"psnr_before": float(before.mean()), "psnr_after": float(after.mean()), "gain_95": list(gain)}
    few = slice(None, None, len(made) // SHOWN)
    return facts, {"pictures": np.concatenate([x[few][:SHOWN] for x in (faded, made, patches.images)])}


STUDIES = {"plane": plane, "colour": colours, "enhance": enhance}


def run(study, method, seed):
    """Train one run and return its facts, arrays for the record, and the weights that others start from."""
    keras.utils.set_random_seed(seed)
    model, make, n, measure = STUDIES[study](method, seed)
    batches = translation.Batches(make, n, BATCH, seed)
    start, steps = time.process_time(), STEPS["start" if method == "start" else study]
    log = model.fit(batches, epochs=-(-steps // len(batches)), verbose=0).history
    seconds = round(time.process_time() - start, 1)
    facts, arrays = measure(model.network)
    last = {name: float(values[-1]) for name, values in log.items()}
    facts = {"study": study, "method": method, "seed": seed, "seconds": seconds, "last_epoch": last, **facts}
    weights = model.network.get_weights() if method == "start" else []
    return facts, arrays, {f"weight_{k:02}": w for k, w in enumerate(weights)}


def write(done, report):
    """Write the record of the runs that are done, with pictures of the first seed."""
    rows, arrays = [], {}
    for study, method, seed in done:
        facts, kept = Runs(RUNS).load(f"{study} {method} {seed}")
        rows.append(facts)
        if seed == SEEDS[0]:
            arrays |= {f"{study}_{method}_{k}": x for k, x in kept.items() if not k.startswith("weight")}
    facts = {
        "what": "Image translation: one network and budget, several losses; see tools/record_lesson_13.py",
        "steps": STEPS,
        "optimizer": f"Adam, β₁ 0.5, β₂ 0.99, batch {BATCH}",
        "rates": RATES | {"discriminator": JUDGE_RATE},
        "penalty_weight": PENALTY,
        "measured_on": f"every {EVERY}nd held-out patch; the first {TEST_FACES} held-out faces",
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
            facts, arrays, weights = run(*key)
            kept.save(name, facts, **arrays, **weights)
            print(name, facts["seconds"], "s", flush=True)
            keras.backend.clear_session()
        done.append(key)
        write(done, report)


if __name__ == "__main__":
    main()
