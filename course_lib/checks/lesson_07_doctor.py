"""Checks of the exercises of lesson 07 about reading recorded runs and curing a sick game."""

from numbers import Real

import numpy as np

from course_lib.checks.framework import Mistake, compare_value, passed, require

__all__ = ["case_names", "cure"]

MODES = 9
SICK = 0.75  # of the modes, at most, in at least one of the untreated games
PAIRS = {"penalty_weight": "penalty", "discriminator_rate": "generator_rate"}  # two settings that make one remedy


def case_names(answers):
    """Judge a dictionary case (1, 2, 3) -> the name of its sickness, or "healthy"."""
    never = "Is there a ReLU channel at rest, or a value out of range? Look at the last chart and at the samples."
    mistakes = {
        1: [
            Mistake("a healthy game", "healthy", "Run the cursor over the last visits and watch the samples."),
            Mistake(
                "samples all alike", "collapse", "At any one visit, yes. But are they at the same place at the next?"
            ),
            Mistake(
                "a D that has won", "discriminator overpowering", "A D that has won is always right. Is this accuracy?"
            ),
            Mistake("a fault of construction", "range mismatch", never),
            Mistake("a fault of construction", "dead units", never),
        ],
        2: [
            Mistake("samples all alike", "collapse", "How many regions of the data do the samples fill at the end?"),
            Mistake(
                "a D that has won",
                "discriminator overpowering",
                "Compare the logit gap's scale with that of the other cases.",
            ),
            Mistake("a restless G", "oscillation", "Curves may be rough. Do the samples get worse again?"),
            Mistake("a fault of construction", "range mismatch", never),
            Mistake("a fault of construction", "dead units", never),
        ],
        3: [
            Mistake("a healthy game", "healthy", "Would you take these samples for data? How sure is D of each?"),
            Mistake("samples all alike", "collapse", "At most a consequence: what keeps G from learning anything?"),
            Mistake("a restless G", "oscillation", "Look at the movement: this G hardly moves."),
            Mistake("a fault of construction", "range mismatch", never),
            Mistake("a fault of construction", "dead units", never),
        ],
    }
    right = {1: "oscillation", 2: "healthy", 3: "discriminator overpowering"}
    keys = isinstance(answers, dict) and answers.keys() == right.keys()
    require(keys, "the three cases", "a dictionary with the keys 1, 2 and 3", answers, "each case has its own name.")
    for number, name in right.items():
        task = f"the diagnosis of case {number}"
        compare_value(task, answers[number], name, "one of the names in the list", mistakes[number])
    passed("the three cases")


def cure(experiment):
    """Judge {"change": settings, "sick": {seed: kept}, "cured": {seed: kept}} by what the games show over the seeds."""
    task = "the cure"
    keys = {"change", "sick", "cured"}
    complete = isinstance(experiment, dict) and experiment.keys() == keys
    require(complete, task, "a dictionary with the keys change, sick and cured", experiment)
    change, sick, cured = (experiment[name] for name in ("change", "sick", "cured"))
    _require_one_change(task, change)
    for name, kept in (("sick", sick), ("cured", cured)):
        numbers = isinstance(kept, dict) and all(isinstance(k, Real) and 0 <= k <= MODES for k in kept.values())
        require(
            numbers, task, f"{name}: a dictionary seed -> kept modes, 0 to {MODES}", kept, "count modes, not shares."
        )
    same = sick.keys() == cured.keys() and len(sick) >= 3
    require(
        same,
        task,
        "three seeds or more, the same ones with and without the change",
        f"seeds {sorted(sick)} and {sorted(cured)}",
        "which of the differences would another seed show too?",
    )
    before, after = np.array([sick[k] for k in sorted(sick)]), np.array([cured[k] for k in sorted(sick)])
    require(
        before.min() <= SICK * MODES,
        task,
        "untreated games of which at least one has lost modes",
        f"kept modes {before.tolist()}",
        "did the change reach both sets of games?",
    )
    require(
        after.mean() > before.mean(),
        task,
        "more kept modes with the change than without",
        f"{before.tolist()} without, {after.tolist()} with it",
        "this remedy does not help here. Which one calms the game?",
    )
    require(
        after.min() >= MODES - 1,
        task,
        f"at least {MODES - 1} of {MODES} modes kept with every seed",
        f"{after.tolist()}",
        "a cure that works with some seeds is luck. Is the change strong enough, or is another one better?",
    )
    passed(task)


def _require_one_change(task, change):
    filled = isinstance(change, dict) and len(change) > 0
    require(filled, task, "change: a dictionary with the changed settings", change, "what did you treat the game with?")
    remedies = {PAIRS.get(name, name) for name in change}
    require(
        len(remedies) == 1,
        task,
        "one change at a time (a penalty with its weight, or both rates, count as one)",
        f"changes of {sorted(change)}",
        "if it helps, you will not know which of them did.",
    )
    allowed = remedies <= {"momentum", "generator_rate", "penalty", "packing", "spectral_norm", "loss", "unroll"}
    require(allowed, task, "a change of the game's rules", f"{change}", "a larger or longer game is another game.")
