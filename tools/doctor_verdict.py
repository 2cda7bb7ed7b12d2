"""How the recorded runs of the GAN doctor are named, and how his thresholds are chosen from them.

The judge's verdict (``outcome``, ``label``) uses measurements that the doctor does not make; ``calibrate`` chooses the
doctor's thresholds on one half of the runs, and ``confusion`` counts what he says of the other.
"""

import numpy as np

from course_lib import _diagnoses, divergences

# --- The verdict -----------------------------------------------------------------------------

JUDGED_VISITS = (0, *range(8, 16))  # before training, and the second half


def outcome(columns):
    """Return the judge's numbers on a finished run: what it has become, apart from what it was meant to be."""
    histograms, frechet = np.array(columns["judge_histogram"]), np.array(columns["judge_frechet"])
    kinds = histograms.shape[1]
    uniform = np.full(kinds, 1 / kinds)
    late = histograms[JUDGED_VISITS[1] :]
    if not np.isfinite(late).all():  # diverged
        return {"kinds": 0.0, "unrest": 0.0, "unlearned": float("inf"), "frozen": 0.0}
    return {
        # Effective number of kinds, exp(entropy), over their number.
        "kinds": float(np.median([np.exp(-divergences.kl_discrete(h, uniform)) for h in histograms[-3:]])),
        # Total variation between the histograms of one visit and the next.
        "unrest": float(np.abs(np.diff(late, axis=0)).sum(axis=1).mean() / 2),
        # What is left of the Fréchet distance of the untrained generator.
        "unlearned": float(np.median(frechet[-3:]) / frechet[0]),
        "frozen": float(columns["judge_frozen"]),
    }


# The rules by which the judge names a run, fixed before the doctor's thresholds were chosen.
MET = {
    "collapse": lambda o: o["kinds"] <= 0.75,
    "oscillation": lambda o: o["unrest"] >= 0.3,
    "discriminator overpowering": lambda o: o["unlearned"] >= 0.5,
    "dead units": lambda o: o["frozen"] >= 0.25,
    "range mismatch": lambda o: True,  # by construction: what the data are and where tanh ends needs no verdict
    "healthy": lambda o: o["kinds"] >= 0.85 and o["unrest"] < 0.25 and o["unlearned"] < 0.35 and o["frozen"] < 0.2,
}
RULES = (
    "A run carries the name of the sickness that its setting provokes if the judge finds it there: effective number of "
    "kinds at most 75 % of all (collapse); 30 % of the samples or more change their kind from visit to visit in the "
    "second half (oscillation); half of the untrained Fréchet distance or more is left (discriminator overpowering); "
    "a quarter or more of one network's hidden biases have stood still over the last visits (dead units); range "
    "mismatch by construction. A run in which the provocation failed is healthy if it has 85 % of the kinds or more, "
    "less than 25 % change, less than 35 % of the distance and fewer than 20 % of the biases at rest. All others are "
    "dropped."
)


def label(provokes, found):
    """Return the name of a run, "" if it is dropped, and the other sicknesses whose criterion it meets."""
    named = provokes if MET[provokes](found) else "healthy" if MET["healthy"](found) else ""
    also = [name for name in ("collapse", "oscillation", "dead units") if name != named and MET[name](found)]
    return named, also if named else []


# --- Calibration -----------------------------------------------------------------------------

# Candidates for a rule: name -> (sickness, the number a rule compares with it, whether sick means more)
STATISTICS = {
    "separation": ("discriminator overpowering", lambda r: min(v["separation"] for v in r[-3:]), True),
    "logit_gap": ("discriminator overpowering", lambda r: min(v["logit_gap"] for v in r[-3:]), True),
    "diversity": ("collapse", lambda r: max(v["diversity"] for v in r[-3:]), False),
    "recall": ("collapse", lambda r: max(v["recall"] for v in r[-3:]), False),
    "bins": ("collapse", lambda r: max(v["bins"] for v in r[-3:]), False),
    # The doctor's first rule looked for swings of D's accuracy; the record shows that healthy games have them too.
    "swing": ("oscillation", lambda r: float(np.ptp([v["accuracy_fake"] for v in r[-12:]])), True),
    "movement": ("oscillation", lambda r: float(np.median([v["movement"] for v in r[-6:]])), True),
    "dead_units": ("dead units", lambda r: max(r[-1]["dead_generator"], r[-1]["dead_discriminator"]), True),
}


def calibrate(runs):
    """Return name -> (threshold, sick runs it catches, sick runs) from ``runs``, of the calibration half.

    Of all thresholds without a false alarm on the healthy runs the most sensitive one, halfway between the last sick
    run that it catches and the nearest healthy one.
    """
    chosen = {}
    for name, (sickness, statistic, more) in STATISTICS.items():
        sign = 1 if more else -1
        sick = [sign * statistic(r["records"]) for r in runs if sickness in (r["label"], *r["also"])]
        limit = max(sign * statistic(r["records"]) for r in runs if r["label"] == "healthy")
        caught = [value for value in sick if value > limit]
        threshold = sign * (limit + min(caught)) / 2 if caught else None
        chosen[name] = (threshold, len(caught), len(sick))
    return chosen


def confusion(runs, modes_known=False):
    """Return what the doctor says of ``runs``: label -> number of runs, hits, and diagnoses given first and at all."""
    table = {}
    for run in runs:
        if not run["label"]:
            continue
        records = run["records"] if modes_known else without_modes(run["records"])
        names = [found.name for found in _diagnoses.diagnose(records)] or ["healthy"]
        row = table.setdefault(run["label"], {"runs": 0, "hits": 0, "first": {}, "all": {}})
        row["runs"] += 1
        row["hits"] += run["label"] in names
        row["first"][names[0]] = row["first"].get(names[0], 0) + 1
        for name in names:
            row["all"][name] = row["all"].get(name, 0) + 1
    return table


def without_modes(records):
    """Return records as a doctor makes them who does not know the modes."""
    return [{name: v for name, v in r.items() if name not in ("kept", "high_quality")} for r in records]
