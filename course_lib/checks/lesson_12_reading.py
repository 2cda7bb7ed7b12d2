"""Checks of exercise 12 about judgement: which training loops teach the names, and what anonymous edits have done."""

import numpy as np

from course_lib import data, editing, zoo
from course_lib.checks.framework import Mistake, compare_value, passed, require

__all__ = ["blind_loops", "edit_verdict", "mystery_edits"]

_N = 120
_METHODS = dict(zip("ABCDE", ("leaking", "nothing", "noisy", "another person", "half"), strict=True))


def blind_loops(value):
    """Judge a dictionary from the letter of a training loop to "told" or "names lost"."""
    task = "which loops teach the names"
    right = {"A": "told", "B": "names lost", "C": "told", "D": "names lost", "E": "names lost"}
    ok = isinstance(value, dict) and set(value) == set(right)
    require(ok, task, f"a dictionary with the keys {', '.join(right)}", str(value)[:80])
    hints = {
        "A": "Both networks see c, and each fake is judged with the c it was made for.",
        "B": "Could the discriminator of B notice if all sneakers came under the name of bags?",
        "C": "C makes its fakes with conditions of their own, from the same distribution: does that hurt a pair?",
        "D": "What can the discriminator of D learn about a name if the names of the real pictures are shuffled?",
        "E": "In E the fakes are judged with another condition than they were made for. Whom does that punish?",
    }
    for letter, expected in right.items():
        mistake = [Mistake(f"a wrong verdict on {letter}", value[letter], hints[letter])]
        compare_value(f"{task}: {letter}", value[letter], expected, '"told" or "names lost"', mistake)
    passed(task)


def mystery_edits():
    """Return the scores of five anonymous ways to give held-out faces other glasses, as text, a line for each."""
    faces = data.load_faces("test")
    originals, before = faces.images[:_N], {name: codes[:_N] for name, codes in faces.attributes.items()}
    asked = before | {"glasses": (before["glasses"] + 1) % 3}
    truths = data.compose_faces(asked)
    read = editing.reader(zoo.load("faces-classifier"))
    lines = ["way  gain (dB)  inside (dB)  outside (levels)  obeyed   kept"]
    for letter, kind in _METHODS.items():
        x = _edited(kind, originals, truths, asked)
        scores, verdict = editing.score_edits(x, originals, truths), editing.score_attributes(read(x), before, asked)
        gain = scores["psnr"] - scores["psnr_of_doing_nothing"]
        lines.append(
            f"{letter:4} {gain:9.1f} {scores['inside']:12.1f} {scores['outside']:17.1f} "
            f"{verdict['obeyed']:7.2f} {verdict['kept']:6.2f}"
        )
    return "\n".join(lines)


def edit_verdict(value):
    """Judge a dictionary from the letter of each way of ``mystery_edits`` to what it does."""
    task = "five anonymous edits"
    kinds = sorted(_METHODS.values())
    ok = isinstance(value, dict) and set(value) == set(_METHODS)
    require(ok, task, f"a dictionary with the keys {', '.join(_METHODS)}", str(value)[:80])
    given = ", ".join(map(str, value.values()))
    require(
        sorted(map(str, value.values())) == kinds,
        task,
        f"each of {', '.join(kinds)} once",
        given,
        "every kind occurs exactly once among the five.",
    )
    hints = {
        "nothing": "Start with the original itself: which gain, and which change outside, must it have?",
        "another person": "All wishes come true, in the wrong face. Which columns see a stranger?",
        "half": "A mixture of original and truth leaves the rest alone, so one column is 0; and it gains something.",
        "leaking": "One more attribute is changed than was asked for: which column counts attributes?",
        "noisy": "Right everywhere, up to a little noise: which way has both a high gain and all attributes kept?",
    }
    for kind, hint in hints.items():
        letter = next(name for name, made in _METHODS.items() if made == kind)
        mistake = [Mistake(f"a wrong place for {kind}", value[letter], hint)]
        compare_value(task, str(value[letter]), kind, f"the way that is {kind}", mistake)
    passed(task)


def _edited(kind, originals, truths, asked):
    """Return what one of the five ways makes of the originals, uint8."""
    rng = np.random.default_rng(12)
    if kind == "another person":
        told = ("skin", "hair", "hair_colour", "glasses", "facial_hair", "shirt_colour")
        return data.compose_faces(data.random_attributes(_N, seed=12) | {name: asked[name] for name in told})
    if kind == "leaking":
        return data.compose_faces(asked | {"shirt_colour": (asked["shirt_colour"] + 1) % 6})
    noise = 5 * rng.standard_normal(truths.shape)
    made = {"nothing": originals, "noisy": truths + noise, "half": (originals.astype(float) + truths) / 2}[kind]
    return np.rint(made).clip(0, 255).astype(np.uint8)
