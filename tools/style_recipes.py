"""Data, models and scores of the two networks of style transfer: its features and the decoder of AdaIN."""

import keras
import numpy as np
from keras import layers

from course_lib import data, images, metrics, nets, style

SIZE = 48  # pixels of a patch
SIDES = (160, 240, 360)  # shorter sides at which pictures are cut: the same brush stroke at three sizes
COUNTS = {"train": 9_000, "test": 1_800}
HELD_OUT = 0.25  # the right-hand part of each picture, in which only test patches lie
PAIRS = {"train": 6_000, "test": 300}
SAME = 0.2  # share of pairs in which the style is the content itself: there, decoding is plain reconstruction
READ = ("block1_relu2", "block2_relu2", "block3_relu2", "block4_relu1")  # layers whose channel means are looked at


# --- Features: which picture is this patch from? ---------------------------------------------


def pictures():
    """Return the pictures that the features learn to tell apart: the training photographs and all paintings."""
    return [work.image for work in data.load_photos("train") + data.load_paintings()]


def patches(split):
    """Return patches uint8 (N, SIZE, SIZE, 3) and the number of the picture each was cut from, (N,).

    Scale, brightness and colour balance vary, and a quarter of the patches is grey, so that colour alone does not do.
    """
    rng = np.random.default_rng([2026, ("train", "test").index(split)])
    labels = np.arange(COUNTS[split]) % len(pictures())
    cut = _cut(pictures(), labels, split, rng)
    order = rng.permutation(len(cut))
    return _recoloured(cut, rng)[order], labels[order]


def _cut(works, which, split, rng):
    """Return one patch of ``works[k]`` for each k of ``which``, at a random scale and place of this split's part."""
    levels = [[_part(_at_side(picture, side), split) for side in SIDES] for picture in works]
    return np.stack([_crop(levels[k][rng.integers(len(SIDES))], rng) for k in which])


def _at_side(picture, side):
    height, width = picture.shape[:2]
    scale = side / min(height, width)
    return images.resize(picture[None], (round(height * scale), round(width * scale)))[0]


def _part(picture, split):
    """Return the left part for training, the right-hand part for the test, at least SIZE pixels wide."""
    border = max(round(picture.shape[1] * (1 - HELD_OUT)), SIZE)
    return picture[:, :border] if split == "train" else picture[:, min(border, picture.shape[1] - SIZE) :]


def _crop(picture, rng):
    top, left = (rng.integers(side - SIZE + 1) for side in picture.shape[:2])
    return picture[top : top + SIZE, left : left + SIZE]


def _recoloured(cut, rng):
    gains = rng.uniform(0.75, 1.25, (len(cut), 1, 1, 3))
    grey = rng.random(len(cut)) < 0.25
    cut = np.where(grey[:, None, None, None], cut.mean(axis=-1, keepdims=True), cut * gains)
    return np.rint(cut).clip(0, 255).astype(np.uint8)


def build_features(arguments, seed):
    """Return the network to train: logits of the pictures, read off the mean of each channel of each block.

    The means are part of what AdaIN calls style, so that the features learn to make pictures differ in it.
    """
    features = style.untrained_features(**arguments, seed=seed)
    means = [layers.GlobalAveragePooling2D()(maps) for name, maps in features.output.items() if name in READ]
    logits = layers.Dense(len(pictures()), dtype="float32", name="picture")(layers.Concatenate()(means))
    return keras.Model(features.input, {"picture": logits})


def measure_features(features):
    """Return the share of unseen patches whose nearest mean, among those of the pictures, is their own picture's.

    Distances are taken between the standardised channel means of the four blocks. The same for untrained features.
    """
    untrained = style.feature_network("random").model
    names = {"nearest_mean_accuracy": features, "untrained": untrained}
    scores = {name: round(nearest_mean_accuracy(network), 4) for name, network in names.items()}
    return scores | {"chance": round(1 / len(pictures()), 4), "test_patches": COUNTS["test"]}


def nearest_mean_accuracy(features):
    """Return the accuracy of the nearest class mean on the test patches."""
    (train, labels), (test, truth) = (patches(split) for split in ("train", "test"))
    train, test = _statistics(features, train), _statistics(features, test)
    spread = train.std(axis=0) + 1e-6
    means = np.stack([train[labels == k].mean(axis=0) for k in range(labels.max() + 1)]) / spread
    distance = ((test[:, None] / spread - means) ** 2).sum(axis=-1)
    return float((distance.argmin(axis=1) == truth).mean())


def _statistics(features, cut):
    means = [layers.GlobalAveragePooling2D()(features.output[name]) for name in READ]
    network = keras.Model(features.input, layers.Concatenate()(means))
    return network.predict(images.to_float(cut), batch_size=128, verbose=0)


# --- Decoder: pictures from maps that AdaIN has changed --------------------------------------


def pairs(split):
    """Return (contents, styles), uint8 (N, SIZE, SIZE, 3) each: patches of all pictures, and of the paintings.

    In the share SAME of the pairs both are the same patch.
    """
    rng = np.random.default_rng([2027, ("train", "test").index(split)])
    paintings, n = [work.image for work in data.load_paintings()], PAIRS[split]
    contents = _cut(pictures(), rng.integers(len(pictures()), size=n), split, rng)
    styles = _cut(paintings, rng.integers(len(paintings), size=n), split, rng)
    same = rng.random(n) < SAME
    return contents, np.where(same[:, None, None, None], contents, styles)


def measure_decoder(decoder):
    """Return content and style error of test pairs in one pass, and the PSNR of reconstruction, beside plain ones.

    Errors are ``style.AdaIN``'s losses; "unchanged" is the style loss of the content itself, of doing nothing.
    """
    model = style.AdaIN(style.feature_network("course").model, decoder)
    contents, styles = (images.to_float(x) for x in pairs("test"))
    different = np.abs(contents - styles).max(axis=(1, 2, 3)) > 0
    decoded, target = model({"content": contents[different], "style": styles[different]})
    content, painted = model.errors(decoded, target, styles[different])
    _, unchanged = model.errors(contents[different], target, styles[different])
    plain = model({"content": contents, "style": contents})[0]
    return {
        "content_loss": round(float(content), 4),
        "style_loss": round(float(painted), 4),
        "style_loss_unchanged": round(float(unchanged), 4),
        "reconstruction_psnr": round(metrics.psnr(images.to_uint8(plain.numpy()), images.to_uint8(contents), 255), 2),
        "test_pairs": int(different.sum()),
    }


# --- For train_zoo -----------------------------------------------------------------------------


def examples(recipe):
    """Return what ``fit`` is given: patches and their pictures, or contents and styles."""
    if recipe.kind == "style-features":
        x, labels = patches("train")
        return images.to_float(x), {"picture": labels}
    return tuple(images.to_float(x) for x in pairs("train"))


def build(recipe, steps, seed=0):
    """Return the compiled model of a recipe that is trained for ``steps``."""
    rate = keras.optimizers.schedules.CosineDecay(recipe.learning_rate, steps)
    # A style of rare statistics gives maps far from all others: without a limit, one such batch undid 50 steps.
    optimizer = keras.optimizers.Adam(rate, global_clipnorm=1.0)
    if recipe.kind == "style-features":
        model = build_features(recipe.arguments, seed)
        model.compile(optimizer, {"picture": keras.losses.SparseCategoricalCrossentropy(from_logits=True)})
        return model
    model = style.AdaIN(
        style.feature_network("course").model, nets.style_decoder(**recipe.arguments), **recipe.training
    )
    model.compile(optimizer)
    return model


def published(model):
    """Return the network that the zoo keeps of a trained one: the decoder, or the features without their read-out."""
    if isinstance(model, style.AdaIN):
        return model.decoder
    maps = {layer.name: layer.output for layer in model.layers if isinstance(layer, layers.ReLU | layers.Conv2D)}
    return keras.Model(model.input, maps, name="style_features")


def measure(network, recipe):
    """Return the metrics of a stored network."""
    return (measure_features if recipe.kind == "style-features" else measure_decoder)(network)
