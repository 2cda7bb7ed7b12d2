"""The rules of the GAN doctor: from measurements per epoch to named diagnoses. See ``callbacks.GanDoctor``."""

from typing import NamedTuple

import numpy as np

# Provisional: chosen on toy runs. They mark where to look, they do not prove a cause.
THRESHOLDS = {
    "accuracy": 0.98,  # D right on this share of both real and generated images ...
    "logit_gap": 6.0,  # ... and its mean logits this far apart: odds of about 400 : 1
    "diversity": 0.3,  # mean distance between samples, as a share of the data's
    "dead_units": 0.3,  # share of ReLU channels that are zero for every input tried
    "swing": 0.4,  # range of D's accuracy on samples over the last epochs ...
    "returns": 2.5,  # ... and how often that range is walked through: 1 is a trend, 2 one full cycle
    "range": 0.05,  # how far values may stray from [-1, 1]
}


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
    rules = (_range_mismatch, _overpowering, _collapse, _oscillation, _dead_units)
    return Report(found for rule in rules if (found := rule(records)) is not None)


def _range_mismatch(records):
    last, slack = records[-1], THRESHOLDS["range"]
    real, fake = ((last[f"{who}_minimum"], last[f"{who}_maximum"]) for who in ("real", "fake"))
    outside = any(low < -1 - slack or high > 1 + slack for low, high in (real, fake))
    if outside or (real[0] >= -slack) != (fake[0] >= -slack):
        return Diagnosis(
            "range mismatch",
            f"data in [{real[0]:.2f}, {real[1]:.2f}], samples in [{fake[0]:.2f}, {fake[1]:.2f}]",
            "bring the data to [-1, 1] (images.to_float) and end the generator in tanh",
        )


def _overpowering(records):
    recent = records[-3:]
    right = min(min(r["accuracy_real"], r["accuracy_fake"]) for r in recent)
    gap = min(r["logit_gap"] for r in recent)
    if right >= THRESHOLDS["accuracy"] and gap >= THRESHOLDS["logit_gap"]:
        return Diagnosis(
            "discriminator overpowering",
            f"D is right on at least {right:.0%} of real and generated images for {len(recent)} epochs, "
            f"mean logits {gap:.1f} apart; gradient norm of G {recent[-1]['gradient_generator']:.2g}",
            "an R1 penalty (penalty='r1') before a smaller learning rate for D",
        )


def _collapse(records):
    recent = [r["diversity"] for r in records[-3:]]
    if len(recent) == 3 and max(recent) < THRESHOLDS["diversity"]:
        return Diagnosis(
            "collapse",
            f"samples differ by {recent[-1]:.0%} of the data's mean pairwise distance (at most "
            f"{max(recent):.0%} for 3 epochs)",
            "look at the sample grid; then an R1 penalty, or Adam with β₁ = 0 to 0.5",
        )


def _oscillation(records):
    values = np.array([r["accuracy_fake"] for r in records[-12:]])
    swing = np.ptp(values)
    if len(values) >= 6 and swing >= THRESHOLDS["swing"]:
        returns = np.abs(np.diff(values)).sum() / swing
        if returns >= THRESHOLDS["returns"]:
            return Diagnosis(
                "oscillation",
                f"D's accuracy on samples swings over {swing:.0%} and walks that range {returns:.1f} times "
                f"in {len(values)} epochs",
                "an R1 penalty, less momentum (β₁ towards 0), and samples from the averaged generator (ema)",
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
