"""Right and wrong answers to the exercises of lesson 11, with a piece of the hint that each wrong one must get."""

import numpy as np

from course_lib import checks


def conv(batch, height, width, c_in, c_out, kernel, size, weights_read=1, output=1, operations=2, counted=None):
    pixels, weights = batch * height * width, kernel**2 * c_in * c_out
    moved = size * (pixels * (c_in + output * c_out) + weights_read * weights)
    return operations * weights * (pixels if counted is None else counted * height * width), moved


def power(value):
    return 2.0 ** np.floor(np.log2(65504 / value))


def scale_after(
    scale, good, finite, growth_steps, overflow=lambda s, g: (s / 2, 0), late=0, grown=lambda s, g: (2 * s, 0)
):
    if not finite:
        return overflow(scale, good)
    return grown(scale, good) if good + 1 >= growth_steps + late else (scale, good + 1)


def joined(counts, means, variances, weighted=True, inside=True, between=True):
    share = counts / counts.sum() if weighted else np.full(len(counts), 1 / len(counts))
    mean = share @ means
    return mean, share @ (inside * variances + between * (means - mean) ** 2)


def go_on(state, steps, momentum=0.9, noise=lambda first, t: t, velocity=lambda v: v, step=lambda first, n: first + n):
    w, u, first = state["w"].copy(), velocity(state["velocity"].copy()), state["step"]
    for t in range(first, first + steps):
        u = momentum * u - 0.1 * (w + np.random.default_rng([0, noise(first, t)]).standard_normal(w.shape))
        w = w + u
    return {"w": w, "velocity": u, "step": step(first, steps)}


def in_place(state, steps):
    result = go_on(state, steps)
    state["w"][...] = result["w"]
    return result


FAULTS = {
    "no warm-up": True,
    "no waiting for the device": True,
    "different batch sizes": True,
    "one run each": True,
    "same network": False,
    "same device": False,
}


def timing(warm=True, waits=True, in_turns=True, middle=np.median, wait_before=True):
    def timed(step, wait, clock):
        if waits and wait_before:
            wait()
        begin = clock()
        step()
        if waits:
            wait()
        return clock() - begin

    def answer(step_a, step_b, wait, clock, rounds):
        if warm:
            step_a(), step_b()
        if in_turns:
            turns = [(timed(step_a, wait, clock), timed(step_b, wait, clock)) for _ in range(rounds)]
            return tuple(middle(turns, axis=0))
        return tuple(middle([timed(step, wait, clock) for _ in range(rounds)]) for step in (step_a, step_b))

    return answer


CATALOGUE = [
    (
        checks.layer_seconds,
        lambda f, q, p, b: max(f / p, q / b),
        {
            "sum": (lambda f, q, p, b: f / p + q / b, "at the same time"),
            "min": (lambda f, q, p, b: min(f / p, q / b), "does the layer wait for"),
            "arithmetic": (lambda f, q, p, b: f / p, "hardly any operations free"),
            "inverted": (lambda f, q, p, b: max(p / f, b / q), "Check the units"),
            "rate": (lambda f, q, p, b: min(p, f / q * b), "operations in a second"),
        },
    ),
    (
        checks.conv_cost,
        conv,
        {
            "weights again": (lambda n, *case: conv(n, *case, weights_read=n), "be read for one batch"),
            "no output": (lambda *case: conv(*case, output=0), "go somewhere"),
            "no weights": (lambda *case: conv(*case, weights_read=0), "beside the pictures"),
            "numbers": (lambda *case: (conv(*case)[0], conv(*case[:-1], 1)[1]), "has one number"),
            "once": (lambda *case: conv(*case, operations=1), "also added"),
            "one example": (lambda *case: conv(*case, counted=1), "whole batch"),
        },
    ),
    (
        checks.choose_scale,
        lambda g: power(abs(g).max()),
        {
            "sign": (lambda g: power(g.max()), "How large is"),
            "no power": (lambda g: 65504 / abs(g).max(), "change the exponent and nothing else"),
            "above": (lambda g: 2 * power(abs(g).max()), "Is it finite"),
            "2^15": (lambda g: 2.0 ** np.floor(np.log2(2.0**15 / abs(g).max())), "beyond 2¹⁵"),
            "mean": (lambda g: power(abs(g).mean()), "One infinite entry"),
            "at least 1": (lambda g: max(1.0, power(abs(g).max())), "below 1"),
        },
    ),
    (
        checks.next_scale,
        scale_after,
        {
            "count survives": (lambda *c: scale_after(*c, overflow=lambda s, g: (s / 2, g)), "follow *each other*"),
            "never restarted": (lambda *c: scale_after(*c, grown=lambda s, g: (2 * s, g + 1)), "double next"),
            "late": (lambda *c: scale_after(*c, late=1), "in a row is this one"),
            "every step": (lambda *c: scale_after(*c, late=-(10**9)), "every other step"),
            "never grows": (lambda *c: scale_after(*c, grown=lambda s, g: (s, 0)), "small for ever"),
            "grows": (lambda *c: scale_after(*c, overflow=lambda s, g: (2 * s, 0)), "too large or too small"),
        },
    ),
    (
        checks.joined_statistics,
        joined,
        {
            "equal weights": (lambda *c: joined(*c, weighted=False), "a part of thirty"),
            "mean of variances": (lambda *c: joined(*c, between=False), "each constant"),
            "plain spread": (
                lambda n, m, v: (joined(n, m, v)[0], joined(n, m, v, between=False)[1] + m.var()),
                "over all *pictures*",
            ),
            "means alone": (lambda *c: joined(*c, inside=False), "vary as well"),
            "root": (lambda *c: (joined(*c)[0], np.sqrt(joined(*c)[1])), "not its root"),
        },
    ),
    (
        checks.advance,
        go_on,
        {
            "velocity forgotten": (lambda s, n: go_on(s, n, velocity=lambda v: 0 * v), "remember beside the weights"),
            "noise from 0": (lambda s, n: go_on(s, n, noise=lambda first, t: t - first), "belongs to step 17"),
            "one noise": (lambda s, n: go_on(s, n, noise=lambda first, t: first), "share their noise"),
            "not counted": (lambda s, n: go_on(s, n, step=lambda first, n: first), "next call go on"),
            "no momentum": (lambda s, n: go_on(s, n, momentum=0.0), "nine tenths"),
            "in place": (in_place, "Work on copies"),
        },
    ),
    (
        checks.benchmark_faults,
        FAULTS,
        {
            "warm-up": (FAULTS | {"no warm-up": False}, "traces and compiles"),
            "waiting": (FAULTS | {"no waiting for the device": False}, "call on a GPU return"),
            "batch": (FAULTS | {"different batch sizes": False}, "depend on the batch"),
            "one run": (FAULTS | {"one run each": False}, "in that minute"),
            "network": (FAULTS | {"same network": True}, "with two networks"),
            "device": (FAULTS | {"same device": True}, "*this* device"),
        },
    ),
    (
        checks.fair_timing,
        timing(),
        {
            "no waiting": (timing(waits=False), "giving orders"),
            "first call": (timing(warm=False), "which compiles"),
            "mean": (timing(middle=np.mean), "must not move the result"),
            "one after the other": (timing(in_turns=False), "met the warm device"),
            "clock while busy": (
                lambda a, b, wait, clock, rounds: tuple(2 * t for t in timing()(a, b, wait, clock, rounds)),
                "more than one step",
            ),
        },
    ),
]
