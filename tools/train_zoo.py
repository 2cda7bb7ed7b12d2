"""Train one model of the zoo, measure and audit it, and write its weights and card: ``python tools/train_zoo.py NAME``.

Training resumes from its own checkpoint after a kill (run the same command again); ``--evaluate`` only measures
again. Checkpoints, logs and sample sheets go to runs/NAME, which is not committed.
"""

import argparse
import json
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import conditional_recipes
import informed_gan
import keras
import numpy as np
import paired_recipes
import style_recipes
from audit_zoo import audit
from few_steps import few_steps
from recording import machine
from zoo_recipes import PAIRED, RECIPES, RUNS, SAMPLES, STYLED, load, reference, sample

from course_lib import callbacks, diffusion, gan, images, metrics, nets, runtime, translation, zoo

# --- Models ----------------------------------------------------------------------------------


def build(recipe):
    """Return the compiled model of a recipe and the arguments that the card will hold."""
    arguments = dict(recipe.arguments)
    # A cosine to zero ends the training on flat, averaged-looking weights without a second phase.
    steps = -(-len(load(recipe, "train")[0]) // recipe.batch_size) * recipe.epochs
    rate = keras.optimizers.schedules.CosineDecay(recipe.learning_rate, steps)
    if recipe.kind == "classifier":
        _, labels = load(recipe, "test")
        arguments["heads"] = {name: int(codes.max()) + 1 for name, codes in labels.items()}
        model = nets.classifier(**arguments)
        loss = {name: keras.losses.SparseCategoricalCrossentropy(from_logits=True) for name in labels}
        model.compile(keras.optimizers.Adam(rate), loss)
        return model, arguments
    if recipe.kind == "vae":
        model = zoo.BUILDERS["vae"](**arguments)
        model.compile(keras.optimizers.Adam(recipe.learning_rate))
        return model, arguments
    if recipe.condition:
        return conditional_recipes.build(recipe, rate)
    if recipe.kind == "flow":
        network = nets.time_unet(*(arguments[name] for name in ("image_shape", "width", "blocks")))
        model = diffusion.FlowMatching(network, arguments["times"], steps=arguments["steps"], **recipe.training)
        model.compile(keras.optimizers.Adam(rate, beta_2=0.99))
        return model, arguments
    generator = zoo.BUILDERS[builder(recipe)](**arguments)
    training = dict(recipe.training)
    minibatch_std = training.pop("minibatch_std", False)
    discriminator = nets.subpixel_discriminator(arguments["image_shape"], arguments["width"], minibatch_std)
    if "naming_weight" in training:
        values = {name: int(codes.max()) + 1 for name, codes in load(recipe, "train")[1].items()}
        model = informed_gan.InformedGAN(generator, discriminator, values, **training)
    else:
        model = gan.GAN(generator, discriminator, **training)
    # Without momentum: with β₁ = 0.5 and a weak penalty all faces shared one background, which changed in turns.
    model.compile(*(keras.optimizers.Adam(rate, beta_1=0.0, beta_2=0.99) for _ in range(2)))
    return model, arguments


def published(model):
    """Return the part of a trained model that the zoo keeps."""
    if isinstance(model, diffusion.FlowMatching):
        return diffusion.FlowMatching(model.network_ema, model.times, ema=None, steps=model.steps)
    if isinstance(model, translation.Translator):
        return model.network
    return model.generator_ema if isinstance(model, gan.GAN) else model


BUILDER_OF = {
    "classifier": "classifier",
    "vae": "vae",
    "gan": "subpixel_generator",
    "conditional-vae": "conditional_vae",
    "conditional-gan": "conditional_generator",
    "flow": "flow",
    "upscaler": "residual_upscaler",
    "colorizer": "free_unet",
    "style-features": "style_features",
    "style-decoder": "style_decoder",
}


def builder(recipe):
    """Return the name of the function that builds the part of a recipe's model that the zoo keeps."""
    return "region_generator" if "regions" in recipe.arguments else BUILDER_OF[recipe.kind]


# --- Training --------------------------------------------------------------------------------


class Progress(keras.callbacks.Callback):
    """Keep the minutes trained across restarts, and draw a sheet of samples after each epoch.

    ``asked``: how many, or of a conditional model their conditions.
    """

    def __init__(self, folder, asked=64):
        super().__init__()
        self.asked = asked
        self.file = folder / "progress.json"
        self.folder = folder
        self.seconds = json.loads(self.file.read_text())["seconds"] if self.file.exists() else 0.0

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds += time.perf_counter() - self.started
        logs = {name: float(value) for name, value in (logs or {}).items()}
        self.file.write_text(json.dumps({"seconds": self.seconds, "epochs": epoch + 1, "logs": logs}))
        if hasattr(self.model, "sample"):
            sheet = images.tile(images.to_uint8(self.model.sample(self.asked, seed=1)), columns=8)
            (self.folder / f"samples_{epoch + 1:03d}.png").write_bytes(images.png_bytes(sheet))


def train(name, seed=0):
    """Train a recipe to its end and write weights and card (without metrics)."""
    recipe = RECIPES[name]
    report = runtime.setup(seed, precision=recipe.precision)
    folder = RUNS / name
    folder.mkdir(parents=True, exist_ok=True)
    if recipe.kind in PAIRED:
        x, labels = paired_recipes.batches(recipe, seed), {}
        n, steps = x.n, recipe.epochs * len(x)
        model, arguments = paired_recipes.build(recipe, steps), recipe.arguments
    else:
        x, labels = style_recipes.examples(recipe) if recipe.kind in STYLED else load(recipe, "train")
        n, steps = len(x), recipe.epochs * -(-len(x) // recipe.batch_size)
        styled = recipe.kind in STYLED
        model, arguments = (style_recipes.build(recipe, steps, seed), recipe.arguments) if styled else build(recipe)
    progress = Progress(folder)
    if recipe.condition:
        space = conditional_recipes.conditions_of(recipe)
        labels, progress.asked = space.encode(labels), space.encode(space.draw(64, seed))
    # It stays after the end, so that more epochs can be added to the recipe and trained on.
    backup = callbacks.Backup(folder / "backup")
    fit = {"epochs": recipe.epochs, "callbacks": [backup, progress], "verbose": 2}
    if recipe.kind not in PAIRED:
        fit["batch_size"] = recipe.batch_size
    if recipe.kind in ("classifier", *STYLED) or recipe.condition:
        model.fit(x, labels, **fit)
    elif "naming_weight" in recipe.training:
        model.fit(x, y=labels, **fit)
    else:
        model.fit(x, **fit)
    facts = {
        "what": recipe.what,
        "builder": builder(recipe),
        "arguments": arguments,
        **({"condition": list(recipe.condition)} if recipe.condition else {}),
        "data": f"{recipe.data}, {n:,} training images",
        "training": {
            "epochs": recipe.epochs,
            "steps": steps,
            "batch_size": recipe.batch_size,
            "learning_rate": recipe.learning_rate,
            "precision": recipe.precision,
            **recipe.training,
        },
        "seed": seed,
        "minutes": round(progress.seconds / 60, 1),
        **machine(report, f"{report.cores} of"),
        "licence": "Apache-2.0 (weights); for the training data see DATA.md",
    }
    zoo.save(name, style_recipes.published(model) if recipe.kind in STYLED else published(model), facts)


# --- Measuring -------------------------------------------------------------------------------


def evaluate(name):
    """Measure the stored model and add the metrics to its card."""
    recipe = RECIPES[name]
    keras.config.set_dtype_policy("float32")  # as a learner measures, whatever the training computed in
    model = zoo.load(name)
    if recipe.kind == "classifier":
        measured = {"metrics": accuracy(model, recipe)}
    elif recipe.kind in STYLED:
        measured = {"metrics": style_recipes.measure(model, recipe)}
    elif recipe.kind in PAIRED:
        measured = {"metrics": paired_recipes.measure(model, recipe)}
    else:
        measured = {"metrics": distances(model, recipe), "audit": audit(model, recipe, RUNS / name)}
    if recipe.kind in ("gan", "vae"):
        measured["independent"] = independent(model, recipe)
    if recipe.condition:
        measured["obedience"] = conditional_recipes.obedience(model, recipe)
    if recipe.kind == "flow":
        measured["few_steps"] = few_steps(model, recipe)
    zoo.save(name, model, zoo.card(name) | measured)
    print(json.dumps(measured, indent=2))


def accuracy(model, recipe):
    """Return the share of correctly classified test images, for each head."""
    x, labels = load(recipe, "test")
    logits = model.predict(x, batch_size=256, verbose=0)
    share = {head: round(float(np.mean(logits[head].argmax(-1) == codes)), 4) for head, codes in labels.items()}
    return {"test_accuracy": share, "mean_test_accuracy": round(float(np.mean(list(share.values()))), 4)}


def distances(model, recipe):
    """Return the metrics of ``SAMPLES`` samples against held-out images, beside a floor and a ceiling."""
    extract = metrics.FeatureExtractor(recipe.data)
    held_out = extract(reference(recipe))
    train_set = extract(images.to_uint8(load(recipe, "train")[0][:SAMPLES]))
    noise = np.random.default_rng(0).integers(0, 256, (SAMPLES, *recipe.arguments["image_shape"]), dtype=np.uint8)
    fake = extract(sample(model, SAMPLES, recipe=recipe))
    scores = {
        "features": extract.name,
        "samples": SAMPLES,
        "frechet_distance": metrics.frechet_distance(held_out, fake),
        "frechet_floor_real_vs_real": metrics.frechet_distance(held_out, train_set),
        "frechet_ceiling_noise": metrics.frechet_distance(held_out, extract(noise)),
        "kernel_distance": metrics.kernel_distance(held_out, fake),
        **metrics.precision_recall(held_out, fake),
        **metrics.density_coverage(held_out, fake),
    }
    return {key: float(f"{value:.4g}") if isinstance(value, float) else value for key, value in scores.items()}


def independent(model, recipe):
    """Return the Fréchet distance by features of ImageNet, grey pictures as coloured ones, beside its floor.

    They know nothing of the labels from which the features of ``distances``, and some discriminators, have learned.
    """
    extract = metrics.FeatureExtractor("lite0")
    train_set = images.to_uint8(load(recipe, "train")[0][:SAMPLES])
    held_out, train_set, fake = (
        extract(np.broadcast_to(x, (*x.shape[:-1], 3)))
        for x in (reference(recipe), train_set, sample(model, SAMPLES, recipe=recipe))
    )
    scores = {
        "frechet_distance": metrics.frechet_distance(held_out, fake),
        "frechet_floor_real_vs_real": metrics.frechet_distance(held_out, train_set),
    }
    return {"features": extract.name, "samples": SAMPLES} | {key: float(f"{v:.4g}") for key, v in scores.items()}


def main():
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "names", nargs="+", choices=[*RECIPES, "all"], metavar="NAME", help=" or ".join([*RECIPES, "all"])
    )
    parser.add_argument("--evaluate", action="store_true", help="measure the stored model again, without training")
    options = parser.parse_args()
    for name in RECIPES if "all" in options.names else options.names:
        if not options.evaluate:
            train(name)
        evaluate(name)


if __name__ == "__main__":
    main()
