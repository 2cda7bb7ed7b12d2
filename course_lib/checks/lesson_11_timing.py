"""Checks of the exercises of lesson 11: the faults of a benchmark, and a fair one on an asynchronous device."""

import numpy as np

from course_lib.checks.framework import Mistake, compare_value, passed, require, run

__all__ = ["benchmark_faults", "fair_timing"]

FAULTS = {
    "no warm-up": (True, "The first step of a graph traces and compiles."),
    "no waiting for the device": (True, "When does a call on a GPU return?"),
    "different batch sizes": (True, "Images per second depend on the batch."),
    "one run each": (True, "What did the other programs do in that minute?"),
    "same network": (False, "Would the comparison be better with two networks?"),
    "same device": (False, "The question is what XLA buys on *this* device."),
}


def benchmark_faults(answer):
    """Judge a dictionary: for each item, whether it makes the published comparison unfair."""
    task = "What is wrong with the benchmark"
    require(isinstance(answer, dict) and answer.keys() == FAULTS.keys(), task, f"the keys {sorted(FAULTS)}", answer)
    for item, (fault, hint) in FAULTS.items():
        mistake = Mistake(f"a wrong verdict on {item!r}", not fault, hint)
        compare_value(task, answer[item], fault, f"True or False for {item!r}", [mistake])
    passed(task)


class Device:
    """An accelerator in simulated time: a step returns at once, its work is done later, its first call compiles."""

    def __init__(self, durations, warming=0.0, disturbed=()):
        self.now = self.busy_until = 0.0
        self.durations, self.warming, self.disturbed = durations, warming, set(disturbed)
        self.calls = [0, 0]

    def step(self, which):
        """Return a function that orders one step of program ``which``."""

        def order():
            done = sum(self.calls)
            seconds = self.durations[which] * (1 + self.warming * done) + (2.0 if done in self.disturbed else 0.0)
            seconds += 30.0 if self.calls[which] == 0 else 0.0
            self.calls[which] += 1
            self.now += 1e-5
            self.busy_until = max(self.now, self.busy_until) + seconds

        return order

    def wait(self):
        """Return when everything that was ordered is done."""
        self.now = max(self.now, self.busy_until)

    def clock(self):
        """Seconds since the start."""
        self.now += 1e-7
        return self.now


def fair_timing(answer):
    """Judge a function (step_a, step_b, wait, clock, rounds) -> (seconds of a step of a, of b)."""
    task = "A fair timing"

    def measured(device, rounds):
        found = run(task, answer, device.step(0), device.step(1), device.wait, device.clock, rounds)
        good = isinstance(found, (tuple, list)) and len(found) == 2 and np.isfinite(np.asarray(found, float)).all()
        require(good, task, "two numbers of seconds", found)
        return np.asarray(found, float)

    truth = np.array([0.10, 0.15])
    found = measured(Device(truth), 1)
    expected = f"about {truth[0]} and {truth[1]} seconds on a quiet device, with one round"
    require(
        found.max() > 1e-3, task, expected, tuple(found), "That is the time of giving orders. When is the work done?"
    )
    require(
        found.max() < 10, task, expected, tuple(found), "This looks like the time of the first call, which compiles."
    )
    hint = "Is work still running when the clock starts, or does one number hold more than one step?"
    require(np.allclose(found, truth, rtol=0.02), task, expected, tuple(found), hint)
    found = measured(Device(truth, disturbed=(6, 9)), 9)
    expected = "about the same on a device that is disturbed twice in nine rounds"
    require(
        np.allclose(found, truth, rtol=0.05), task, expected, tuple(found), "One slow step must not move the result."
    )
    found = measured(Device(truth, warming=0.03), 9)
    expected = "the ratio 1.5 of b to a, on a device that becomes slower as it warms up"
    received = f"{found[1] / found[0]:.2f}"
    require(
        abs(found[1] / found[0] / 1.5 - 1) < 0.08, task, expected, received, "Which of the two met the warm device?"
    )
    passed(task)
