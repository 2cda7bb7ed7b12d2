"""The recipes of the zoo's super-resolvers and colorizer: their pairs, their models, and how they are measured."""

import keras
import numpy as np

from course_lib import colour, data, images, metrics, nets, restoration, translation, zoo

HEADS = ("background", "skin", "hair_colour", "shirt_colour")  # attributes of a face that are colours
LEVELS, SPACING = 8, 10  # what a colorizer sees of lightness; grid of its bins
HINTS, HINT_SIZE = 16.0, 5  # mean number of hints on a training face (few are ignored for long), and their side
FACES = 6_000  # training faces: enough for 13 independent attributes
TEST_FACES = 1_000


# --- Pairs -----------------------------------------------------------------------------------


def batches(recipe, seed=0):
    """Return the ``translation.Batches`` of a recipe's training pairs."""
    if recipe.kind == "colorizer":
        lightness, ab = colour.split_lab(data.load_faces("train").images[:FACES])
        make = colour.hinted_pairs(colour.posterise(lightness, LEVELS), ab.astype(np.float16), HINTS, HINT_SIZE)
        return translation.Batches(make, len(lightness), recipe.batch_size, seed)
    source, target = pairs(recipe, "train")
    # A face is never upside down, and its light always comes from one side: no symmetries for them.
    make = translation.augmented_pairs(source, target) if recipe.data == "photos" else _plain_pairs(source, target)
    return translation.Batches(make, len(source), recipe.batch_size, seed)


def pairs(recipe, split):
    """Return (source, target), uint8, of a super-resolver: patches of photographs, or faces of 64 and 128 pixels."""
    factor = recipe.arguments["factor"]
    if recipe.data == "photos":
        target = data.photo_patches(split).images
        return images.downscale(target, factor), target
    n = FACES if split == "train" else TEST_FACES
    return tuple(data.load_faces(split, size=size).images[:n] for size in (128 // factor, 128))


def _plain_pairs(source, target):
    return lambda rows, rng: (images.to_float(source[rows]), images.to_float(target[rows]))


# --- Models ----------------------------------------------------------------------------------


def build(recipe, steps):
    """Return the compiled ``Translator`` of a recipe that is trained for ``steps``."""
    rate = keras.optimizers.schedules.CosineDecay(recipe.learning_rate, steps)
    if recipe.kind == "colorizer":
        bins = colour.gamut_bins(SPACING)
        _, ab = colour.split_lab(data.load_faces("train").images[:500])
        weights = bins.class_weights(bins.frequencies(ab[:, ::4, ::4]))
        loss = translation.BinCrossEntropy(bins.centres, bins.sigma, weights)
        model = translation.Translator(nets.free_unet(**recipe.arguments), loss)
    else:
        model = translation.Translator(nets.residual_upscaler(**recipe.arguments), **recipe.training)
    model.compile(keras.optimizers.Adam(rate))
    return model


# --- Measuring -------------------------------------------------------------------------------


def measure(network, recipe):
    """Return the metrics for the card."""
    return colours(network) if recipe.kind == "colorizer" else resolution(network, recipe)


def resolution(network, recipe):
    """Return the scores of held-out pictures, the baselines', and the gain over bicubic with its intervals."""
    factor = recipe.arguments["factor"]
    source, target = pairs(recipe, "test")
    made = {"network": translation.translate(network, source)}
    made |= {method: images.enlarge(source, factor, method) for method in images.ENLARGERS}
    facts = {"degradation": _degradation(recipe), "border_crop": factor}
    scores = {}
    for channel in restoration.CHANNELS:
        scores[channel] = {name: restoration.psnr_of_each(x, target, channel, factor) for name, x in made.items()}
        facts[f"psnr_{channel}"] = {name: round(float(v.mean()), 3) for name, v in scores[channel].items()}
    facts["ssim_y"] = {
        n: round(float(restoration.ssim_of_each(x, target, "y", factor).mean()), 4) for n, x in made.items()
    }
    gain = scores["y"]["network"] - scores["y"]["bicubic"]
    facts["gain_y_db_95"] = {"images": len(gain), "over_images": _interval(gain)}
    if recipe.data == "photos":
        photo = data.photo_patches("test").photo
        facts["gain_y_db_95"]["over_photographs"] = _interval(gain, photo)
        facts["whole_photographs"] = whole_photographs(network, factor)
        facts["kernel_distance"] = distances(made, target)
    return facts


def distances(made, target):
    """Return each method's kernel distance to the truth on Lite0's features, and the floor: two halves of the truth."""
    extract = metrics.FeatureExtractor("lite0")
    true = extract(target)
    values = {name: restoration.paired_kernel_distance(extract(x), true) for name, x in made.items()}
    halves = np.random.default_rng(0).permutation(len(true))
    values["floor_truth_vs_truth"] = metrics.kernel_distance(true[halves[::2]], true[halves[1::2]])
    return {"features": extract.name, **{name: float(f"{value:.4g}") for name, value in values.items()}}


def whole_photographs(network, factor):
    """Return the gain in dB over bicubic (Y) on each held-out photograph, and the mean with its interval."""
    gains = {}
    for work in data.load_photos("test"):
        truth = images.crop_to_multiple(work.image[None], factor)
        small = images.downscale(truth, factor)
        both = translation.translate(network, small, 1), images.enlarge(small, factor)
        mine, bicubic = (restoration.psnr_of_each(x, truth, "y", factor)[0] for x in both)
        gains[work.title] = round(float(mine - bicubic), 3)
    return {"gain_y_db": gains, "mean_95": _interval(list(gains.values()))}


def colours(network):
    """Return how often the classifier reads each colour right: true, grey, colourised without and with hints."""
    faces = data.load_faces("test")
    x = faces.images[:TEST_FACES]
    lightness, ab = colour.split_lab(x)
    bins, settings = colour.gamut_bins(SPACING), {"levels": LEVELS, "bins": colour.gamut_bins(SPACING)}
    rng = np.random.default_rng(13)
    hints = {f"hints_mean_{mean}": colour.random_hints(ab, rng, mean, HINT_SIZE) for mean in (4, 16)}
    versions = {"truth": x, "grey": colour.join_lab(lightness, np.zeros_like(ab))}
    none = np.zeros((*x.shape[:3], 3), np.float32)
    for name, planes in {"no_hints": none, **hints}.items():
        versions[name] = _in_batches(network, lightness, planes, settings)
    versions["no_hints_mean"] = _in_batches(network, lightness, none, settings | {"temperature": 1.0})
    read = zoo.load("faces-classifier")
    accuracy = {name: read_colours(read, version, faces.attributes) for name, version in versions.items()}
    palettes = data.face_palettes()
    limits = {head: len(colour.shared_lightness(palettes[head], LEVELS)) / len(palettes[head]) for head in HEADS}
    chroma = {name: colour.mean_chroma(colour.split_lab(version)[1]).mean() for name, version in versions.items()}
    return {
        "faces": len(x),
        "lightness_levels": LEVELS,
        "hint_size": HINT_SIZE,
        "bins": {"count": len(bins.centres), "spacing": SPACING},
        "classifier_reads": accuracy,
        "limit_from_lightness_of_flat_colour": {head: round(limit, 3) for head, limit in limits.items()},
        "mean_chroma": {name: round(float(value), 2) for name, value in chroma.items()},
    }


def _in_batches(network, lightness, planes, settings, size=50):
    parts = [slice(i, i + size) for i in range(0, len(lightness), size)]
    return np.concatenate([colour.colorize(network, lightness[p], planes[p], **settings) for p in parts])


def read_colours(classifier, pictures, attributes):
    """Return the share of faces in which the classifier reads each colour right."""
    logits = classifier.predict(images.to_float(pictures), batch_size=256, verbose=0)
    right = {head: np.mean(logits[head].argmax(-1) == attributes[head][: len(pictures)]) for head in HEADS}
    return {head: round(float(share), 3) for head, share in right.items()}


def _interval(values, groups=None):
    return [round(x, 3) for x in restoration.bootstrap(values, groups)]


def _degradation(recipe):
    if recipe.data == "photos":
        return f"bicubic with antialiasing, ÷{recipe.arguments['factor']}, rounded to 8 bits"
    return "the same faces drawn at half the size"
