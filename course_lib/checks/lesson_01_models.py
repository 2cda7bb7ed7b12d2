"""Checks of the exercises of lesson 01 about reading samples, predicting a fit, and the size of a model."""

import numpy as np

from course_lib.checks.framework import Mistake, compare_value, judge_value, passed, require

__all__ = ["component_study", "reverse_prediction", "sampler_bug", "which_model"]


def reverse_prediction(value):
    """Judge the letter of the prediction about the reverse KL with bumps that move together."""
    judge_value(
        "the prediction",
        value,
        "c",
        "one of the letters a, b, c, d",
        [
            Mistake("a belief in sharp switches", "a", "Between the bumps p is tiny. Does q then feel the far one?"),
            Mistake(
                "the forward KL", "b", "This is what a mean under p would want. Under which density is this mean taken?"
            ),
            Mistake("two Gaussians", "d", "q is a single Gaussian: how many humps can it have?"),
        ],
    )


def sampler_bug(value):
    """Judge the number of the line with the bug in the PCA sampler."""
    judge_value(
        "the line with the bug",
        value,
        4,
        "the number of one line, 1 to 6",
        [
            Mistake("a doubt about the mean", 1, "One mean for each pixel, over the pictures: axis 0 counts pictures."),
            Mistake("a doubt about the covariance", 2, "With n or n − 1 makes no visible difference for 60,000."),
            Mistake("a doubt about eigh", 3, "eigh is made for symmetric matrices, and sorts upwards."),
            Mistake("a doubt about the order", 5, "eigh sorts upwards, so the last k are the largest."),
            Mistake("a doubt about the sum", 6, "Scaled noise times directions: this line does what it should."),
        ],
    )


def which_model(answers):
    """Judge a dictionary sheet (1 to 4) -> the letter of the model that drew it.

    The sheets are shuffled by ``np.random.default_rng(12).permutation(4)`` over the letters a to d.
    """
    task = "which model drew which sheet"
    keys = isinstance(answers, dict) and sorted(answers) == [1, 2, 3, 4]
    require(keys, task, "a dictionary with the keys 1, 2, 3 and 4", answers, "each sheet has an answer of its own.")
    hints = {
        "a": "On its sheet neighbouring pixels know nothing of each other: grain, even inside the silhouette.",
        "b": "Its sheet is smooth clouds without grain: 50 directions hold no fine detail.",
        "c": "Its sheet has the clouds of one Gaussian with grain on them, several garments laid over each other.",
        "d": "On its sheet each picture is one kind of garment; no clouds of shoe and shirt at once.",
    }
    order = np.random.default_rng(12).permutation(4)
    for sheet, k in enumerate(order, 1):
        wrong = [Mistake(f"another model, for sheet {sheet}", x, hints[x]) for x in "abcd" if x != "abcd"[k]]
        compare_value(f"{task}, sheet {sheet}", answers[sheet], "abcd"[k], "one of the letters a, b, c, d", wrong)
    passed(task)


def component_study(results):
    """Judge a dictionary number of components -> (training bits, held-out bits), each per pixel."""
    task = "the study of components"
    pairs = isinstance(results, dict) and len(results) >= 5 and all(np.shape(v) == (2,) for v in results.values())
    require(pairs, task, "a dictionary k -> (training bits, held-out bits) with at least five k", results)
    ks = sorted(results)
    seen, new = np.array([results[k] for k in ks], float).T
    finite = np.isfinite(seen).all() and np.isfinite(new).all()
    require(finite, task, "finite numbers", "NaN or infinite values", "is σ² positive for every k?")
    text = f"values from {min(seen.min(), new.min()):.3g} to {max(seen.max(), new.max()):.3g}"
    require((seen > 0).all() and (new > 0).all(), task, "positive numbers of bits", text, "bits are a *negative* log.")
    whole = "this looks like bits or nats of a whole picture: how many pixels has it?"
    require(max(seen.max(), new.max()) < 100, task, "bits per pixel, of the order of 8", text, whole)
    nats = "this looks like nats: the best model would need less than most compression programs."
    require(new.min() > 5.5, task, "bits per pixel", text, nats)
    require(ks[0] <= 20 and ks[-1] >= 500, task, "k from 20 or fewer to 500 or more", f"k from {ks[0]} to {ks[-1]}")
    same = "this looks like one set scored twice: the second number belongs to pictures that the fit has not seen."
    require(not np.allclose(seen, new, atol=1e-6), task, "two different numbers for each k", "equal ones", same)
    swapped = "this looks like a swapped pair: on which pictures can more components only help?"
    require(new[-1] > seen[-1], task, "a higher price on held-out pictures at the largest k", "a lower one", swapped)
    falls = (
        "the likelihood of the training pictures cannot fall with more components: is σ² the mean of what is left out?"
    )
    require((np.diff(seen) < 1e-6).all(), task, "training bits that fall with k", "training bits that rise", falls)
    turns = "the held-out price should turn between the smallest and the largest k: is the fit made on 1,500 pictures?"
    found = f"a minimum at k = {ks[new.argmin()]}"
    require(0 < new.argmin() < len(ks) - 1, task, "held-out bits that fall and rise again", found, turns)
    passed(task)
