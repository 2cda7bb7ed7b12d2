"""Measure a flow of the zoo at few steps, for its card: ``python tools/few_steps.py NAME`` prints it."""

import argparse
import json
import time

import numpy as np
import zoo_recipes

from course_lib import images, metrics, zoo

EVALUATIONS = (1, 2, 4, 8, 16, 32)  # of the velocity, for each picture
SAMPLES = 2500
BATCH = 250


def few_steps(model, recipe, samples=SAMPLES, evaluations=EVALUATIONS):
    """Return the Fréchet distance of ``samples`` pictures against as many evaluations of the velocity, by each solver.

    All pictures start from the same noise. Heun's method takes two evaluations a step. The floor is that of as many
    training pictures; milliseconds are CPU time for a picture, in batches of ``BATCH``.
    """
    extract = metrics.FeatureExtractor(recipe.data)
    held_out = extract(zoo_recipes.reference(recipe))
    x_0 = np.random.default_rng(7).standard_normal((samples, *model.image_shape), dtype=np.float32)
    real = extract(images.to_uint8(zoo_recipes.load(recipe, "train")[0][:samples]))
    facts = {"samples": samples, "frechet_floor_real_vs_real": metrics.frechet_distance(held_out, real)}
    for method, cost in (("euler", 1), ("heun", 2)):
        for n in evaluations:
            if n >= cost:
                pictures, milliseconds = drawn(model, x_0, n // cost, method)
                distance = metrics.frechet_distance(held_out, extract(pictures))
                row = {"frechet_distance": distance, "milliseconds_per_picture": milliseconds}
                facts.setdefault(method, {})[str(n)] = {key: float(f"{value:.4g}") for key, value in row.items()}
    facts["frechet_floor_real_vs_real"] = float(f"{facts['frechet_floor_real_vs_real']:.4g}")
    return facts


def drawn(model, x_0, steps, method):
    """Return the uint8 pictures at the end of the flow from ``x_0``, and the CPU milliseconds for each."""
    model.flow(x_0[:2], 1, method)  # compiled before the clock starts
    started = time.process_time()
    parts = [np.clip(model.flow(x_0[k : k + BATCH], steps, method), -1, 1) for k in range(0, len(x_0), BATCH)]
    return images.to_uint8(np.concatenate(parts)), (time.process_time() - started) / len(x_0) * 1000


def main():
    """Read the command line and run."""
    flows = [name for name, recipe in zoo_recipes.RECIPES.items() if recipe.kind == "flow"]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=flows)
    name = parser.parse_args().name
    print(json.dumps(few_steps(zoo.load(name), zoo_recipes.RECIPES[name]), indent=2))


if __name__ == "__main__":
    main()
