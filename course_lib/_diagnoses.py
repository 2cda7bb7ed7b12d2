"""The rules of the GAN doctor: from measurements per epoch to named diagnoses. See ``callbacks.GanDoctor``."""

from typing import NamedTuple

import numpy as np

# Chosen on the recorded runs of even seeds by calibrate() in tools/record_doctor_runs.py, and rounded: of all
# thresholds without a false alarm on a healthy run the most sensitive one, halfway between the last sick run that it
# catches and the nearest healthy one. Runs of odd seeds count hits and false alarms ("confusion" in the assets'
# lessons/07_doctor_runs.json). All are small GANs on points and on 28 x 28 pictures: elsewhere a threshold marks where
# to look, and nowhere does it prove a cause.
THRESHOLDS = {
    "separation": 0.90,  # D ranks the real one higher in this share of all pairs ...
    "logit_gap": 8.7,  # ... and its mean logits are this far apart
    "recall": 0.44,  # share of the data that lie within reach of the samples
    "bins": 0.83,  # how evenly samples fill ten regions of the data
    "movement": 0.66,  # how far samples of the same codes go between visits, as a share of the data's mean distance
    "dead_units": 0.49,  # share of ReLU channels that are zero for every input tried
}
# These two are no matter of calibration: the first is what is meant by a lost mode, the second what G can produce.
KEPT = 0.75  # share of the known modes
REACH_USED = 0.6  # share of the interval of G's last activation that the data fill; [0, 1] in [-1, 1] is a half
SLACK = 0.02  # how far data may stray out of that interval, as a share of it
RECENT = 3  # visits that a finding has to last
LATE = 6  # visits over which oscillation is judged


class Diagnosis(NamedTuple):
    """A named sickness, the numbers that speak for it, and one thing to try."""

    name: str
    evidence: str
    advice: str

    def __str__(self):
        return f"{self.name}\n  evidence: {self.evidence}\n  try:      {self.advice}"


class Report(tuple):
    """The diagnoses, in text when printed."""

    def __str__(self):
        return "\n".join(map(str, self)) if self else "No known sickness found."


def diagnose(records):
    """Return the ``Report`` of the diagnoses that the last records support, in the order to treat them."""
    rules = (_diverged, _range_mismatch, _dead_units, _overpowering, _oscillation, _collapse)
    return Report(found for rule in rules if (found := rule(records)) is not None)


def _diverged(records):
    last = records[-1]
    if not np.isfinite([last["fake_minimum"], last["fake_maximum"], last["logit_gap"]]).all():
        return Diagnosis(
            "diverged",
            f"samples in [{last['fake_minimum']}, {last['fake_maximum']}], logit gap {last['logit_gap']}",
            "go back to the last good weights, with a tenth of the learning rate",
        )


def _range_mismatch(records):
    last = records[-1]
    low, high = last["reach_minimum"], last["reach_maximum"]
    if not np.isfinite(high - low):
        return None
    real_low, real_high = last["real_minimum"], last["real_maximum"]
    outside = max(low - real_low, real_high - high) > SLACK * (high - low)
    if outside or real_high - real_low < REACH_USED * (high - low):
        return Diagnosis(
            "range mismatch",
            f"data in [{real_low:.2f}, {real_high:.2f}], samples in [{last['fake_minimum']:.2f}, "
            f"{last['fake_maximum']:.2f}], and G's last activation gives [{low:.0f}, {high:.0f}]",
            "bring the data to [-1, 1] (images.to_float) and end the generator in tanh",
        )


def _dead_units(records):
    shares = {"G": records[-1]["dead_generator"], "D": records[-1]["dead_discriminator"]}
    worst = max(shares, key=shares.get)
    if shares[worst] >= THRESHOLDS["dead_units"]:
        return Diagnosis(
            "dead units",
            f"{shares[worst]:.0%} of the ReLU channels of {worst} are zero for every input tried",
            "LeakyReLU(0.2) in their place, or a smaller learning rate",
        )


def _overpowering(records):
    recent = records[-RECENT:]
    ranked = min(r["separation"] for r in recent)
    gap = min(r["logit_gap"] for r in recent)
    if len(recent) == RECENT and ranked >= THRESHOLDS["separation"] and gap >= THRESHOLDS["logit_gap"]:
        last = recent[-1]
        return Diagnosis(
            "discriminator overpowering",
            f"for {RECENT} visits D ranks the real one higher in at least {ranked:.1%} of all pairs, with mean logits "
            f"{gap:.1f} apart or more; gradient norm of G {last['gradient_generator']:.2g}",
            "an R1 penalty (penalty='r1') before a smaller learning rate for D",
        )


def _oscillation(records):
    moves = np.array([r["movement"] for r in records[-LATE:]])
    if len(moves) == LATE and np.isfinite(moves).all() and np.median(moves) >= THRESHOLDS["movement"]:
        return Diagnosis(
            "oscillation",
            f"over {LATE} visits the sample of one code goes {np.median(moves):.0%} of the data's mean distance from "
            "each visit to the next, and does not come to rest",
            "less momentum (β₁ at most 0.5), smaller steps, an R1 penalty, samples from the averaged generator (ema)",
        )


def _collapse(records):
    recent = records[-RECENT:]
    best = {name: max(r[name] for r in recent) for name in ("diversity", "recall", "bins")}
    kept = max(r.get("kept", np.nan) for r in recent)
    # Known modes are counted; without them stand-ins: data out of reach, or regions left empty. The mean distance is
    # told and not judged: on the recorded runs no threshold with a margin parted the sick from the healthy.
    lost = any(best[name] < THRESHOLDS[name] for name in ("recall", "bins"))
    if len(recent) == RECENT and (lost if np.isnan(kept) else kept < KEPT):
        counted = "" if np.isnan(kept) else f"; at most {kept:.0%} of the modes are kept"
        return Diagnosis(
            "collapse",
            f"for {RECENT} visits samples differ by at most {best['diversity']:.0%} of the data's mean distance, "
            f"reach at most {best['recall']:.0%} of the data and fill at most {best['bins']:.0%} of its regions"
            f"{counted}",
            "look at the samples; then Adam with β₁ = 0 to 0.5 and equal rates, before an R1 penalty",
        )
