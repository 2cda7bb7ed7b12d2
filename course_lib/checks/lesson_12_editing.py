"""Checks of exercise 12 about editing: the loss of a masked search, scoring edits, planning restarts."""

import numpy as np

from course_lib.checks.framework import Mistake, judge

__all__ = ["edit_scores", "masked_search_loss", "restart_plan"]


def masked_search_loss(answer):
    """Judge a function (x, made, known, z, weight) -> the loss of each picture's search, (N,)."""
    rng = np.random.default_rng(0)
    cases = []
    for shape, d, weight in (((3, 4, 5, 3), 7, 0.1), ((2, 6, 4, 3), 10, 2.0), ((2, 3, 3, 1), 4, 0.0)):
        known = rng.uniform(size=shape[:3]) < 0.6
        known[:, 0] = True
        cases.append((*rng.uniform(-1, 1, (2, *shape)), known, 1.3 * rng.normal(size=(shape[0], d)), weight))
    judge(
        "the loss of a masked search",
        answer,
        cases,
        _loss,
        [
            Mistake(
                "a mean over all pixels",
                lambda x, made, known, z, weight: _loss(
                    x, made, known, z, weight, count=lambda k, c: k.size / len(k) * c
                ),
                "With a large hole the error would look small. Divide by the number of values that count.",
            ),
            Mistake(
                "an inverted mask",
                lambda x, made, known, z, weight: _loss(x, made, ~known, z, weight),
                "The mask is True where the picture is known.",
            ),
            Mistake(
                "no mask",
                lambda x, made, known, z, weight: _loss(x, made, np.ones_like(known), z, weight),
                "What stands in the hole is nothing that should be found.",
            ),
            Mistake(
                "pixels counted without their channels",
                lambda x, made, known, z, weight: _loss(
                    x, made, known, z, weight, count=lambda k, c: k.sum(axis=(1, 2))
                ),
                "Each known pixel contributes C squares to the sum.",
            ),
            Mistake(
                "a sum for a mean",
                lambda x, made, known, z, weight: _loss(x, made, known, z, weight, count=lambda k, c: 1),
                "The price of the norm would weigh less for a larger picture.",
            ),
            Mistake(
                "absolute errors",
                lambda x, made, known, z, weight: _loss(x, made, known, z, weight, power=1),
                "The error of the pixels is squared.",
            ),
            Mistake(
                "a pull to zero",
                lambda x, made, known, z, weight: _loss(x, made, known, z, 0) + weight * np.mean(z**2, axis=1),
                "Is a code of norm 0 a typical draw of the prior?",
            ),
            Mistake(
                "a norm in its own unit",
                lambda x, made, known, z, weight: (
                    _loss(x, made, known, z, 0) + weight * (np.linalg.norm(z, axis=1) - z.shape[1] ** 0.5) ** 2
                ),
                "The price is to be the same in 10 and in 1,000 dimensions: it compares the norm with √d by division.",
            ),
            Mistake(
                "a norm divided by d",
                lambda x, made, known, z, weight: (
                    _loss(x, made, known, z, 0) + weight * (np.linalg.norm(z, axis=1) / z.shape[1] - 1) ** 2
                ),
                "In which distance from 0 does N(0, I) have its mass?",
            ),
            Mistake(
                "no price of the norm",
                lambda x, made, known, z, weight: _loss(x, made, known, z, 0),
                "Nothing keeps z where training has been.",
            ),
            Mistake(
                "a mean over the pictures",
                lambda *case: np.mean(_loss(*case)),
                "Each picture has a search of its own: shape (N,).",
            ),
        ],
    )


def edit_scores(answer):
    """Judge a function (edited, original, truth), each (H, W, 3) uint8 -> {"inside", "outside", "gain"}."""
    rng = np.random.default_rng(1)
    cases = []
    for size in (6, 9):
        original = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
        truth = original.copy()
        truth[1:4, 2:5] = rng.integers(0, 256, (3, 3, 3))
        truth[3, 2:5, 2] = original[3, 2:5, 2]  # one channel stays: a pixel differs if any channel does
        edited = (truth.astype(int) + rng.integers(-40, 41, truth.shape)).clip(0, 255).astype(np.uint8)
        edited[0] = original[0]
        cases.append((edited, original, truth))

    def wrong(**changes):
        return lambda *case: _scores(*case, **changes)

    judge(
        "the scores of an edit",
        answer,
        cases,
        _scores,
        [
            Mistake(
                "differences that wrap round",
                wrong(kind=np.uint8),
                "In uint8, 3 − 5 is 254. Change the type before you subtract.",
            ),
            Mistake(
                "the region that was changed",
                wrong(region=lambda e, o, t: np.any(e != o, axis=-1)),
                "Not what the edit has changed, but what it should have changed, makes the region.",
            ),
            Mistake(
                "a region where all channels differ",
                wrong(region=lambda e, o, t: np.all(t != o, axis=-1)),
                "A pixel has to change if any of its channels has to.",
            ),
            Mistake(
                "a region of single channels",
                wrong(region=lambda e, o, t: t != o),
                "A pixel with all its channels is inside or outside.",
            ),
            Mistake(
                "inside and outside exchanged",
                wrong(region=lambda e, o, t: np.all(t == o, axis=-1)),
                "Which of the two is where the truth differs from the original?",
            ),
            Mistake(
                "a gain with the wrong sign",
                lambda *case: _scores(*case) | {"gain": -_scores(*case)["gain"]},
                "A good edit is nearer to the truth than the original: its gain is positive.",
            ),
            Mistake(
                "no comparison with doing nothing",
                lambda e, o, t: _scores(e, o, t) | {"gain": _psnr(_squares(e, t))},
                "A high PSNR may be the original's: subtract what doing nothing has.",
            ),
            Mistake(
                "a change of the whole picture",
                lambda e, o, t: _scores(e, o, t) | {"outside": np.abs(e.astype(int) - o).mean()},
                "What should change must not count as damage.",
            ),
            Mistake(
                "a gain inside the region only",
                lambda e, o, t: _scores(e, o, t) | {"gain": _gain_inside(e, o, t)},
                "The gain is that of the whole picture, damage outside included.",
            ),
        ],
    )


def restart_plan(answer):
    """Judge a function (failing, risk) -> (steps, restarts) of the cheapest search that fails at most so often."""
    cases = [
        ({50: 0.6, 100: 0.3, 200: 0.2, 400: 0.15}, 0.05),
        ({100: 0.9, 300: 0.5, 900: 0.04}, 0.05),
        ({20: 0.8, 80: 0.2}, 0.01),
        ({30: 0.5, 60: 0.25, 150: 0.01}, 0.02),
        ({10: 0.7, 50: 0.1, 200: 0.02}, 0.3),
        ({10: 0.8, 50: 0.5}, 0.6),
    ]
    judge(
        "the cheapest search",
        answer,
        cases,
        _plan,
        [
            Mistake(
                "a single start",
                lambda f, risk: _plan(f, risk, restarts=lambda p, r: 1),
                "One start fails with the share given. How many independent ones fail together?",
            ),
            Mistake(
                "failures that are divided",
                lambda f, risk: _plan(f, risk, restarts=lambda p, r: np.ceil(p / r - 1e-9)),
                "Independent failures multiply; they are not shared out.",
            ),
            Mistake(
                "the chance of success for that of failure",
                lambda f, risk: _plan({s: 1 - p for s, p in f.items()}, risk),
                "The shares given are those of starts that fail.",
            ),
            Mistake(
                "risk and certainty exchanged",
                lambda f, risk: _plan(f, 1 - risk),
                "All restarts together may fail with the probability risk, not with 1 − risk.",
            ),
            Mistake(
                "the longest search",
                lambda f, risk: _plan({max(f): f[max(f)]}, risk),
                "Many short searches may be cheaper than few long ones. Compare the costs.",
            ),
            Mistake(
                "the shortest search",
                lambda f, risk: _plan({min(f): f[min(f)]}, risk),
                "A short search that nearly always fails has to be repeated very often.",
            ),
            Mistake(
                "the fewest restarts",
                lambda f, risk: _plan(f, risk, cost=lambda steps, r: r),
                "Not the number of restarts but restarts times steps is to be small.",
            ),
            Mistake(
                "rounding down",
                lambda f, risk: _plan(f, risk, restarts=lambda p, r: max(1, np.floor(np.log(r) / np.log(p)))),
                "With fewer restarts the risk is larger than allowed.",
            ),
            Mistake(
                "the mean wait",
                lambda f, risk: _plan(f, risk, restarts=lambda p, r: np.ceil(1 / (1 - p))),
                "1/(1 − f) starts are needed on average; the task allows only a small risk.",
            ),
        ],
    )


def _loss(x, made, known, z, weight, count=lambda known, c: known.sum(axis=(1, 2)) * c, power=2):
    errors = known[..., None] * np.abs(made - x) ** power
    off_sphere = (np.linalg.norm(z, axis=1) / np.sqrt(z.shape[1]) - 1) ** 2
    return errors.sum(axis=(1, 2, 3)) / count(known, x.shape[-1]) + weight * off_sphere


def _squares(a, b, kind=float):
    return (a.astype(kind) - b.astype(kind)) ** 2


def _psnr(squares):
    return 10 * np.log10(255**2 / squares.mean())


def _scores(edited, original, truth, kind=float, region=lambda e, o, t: np.any(t != o, axis=-1)):
    inside = region(edited, original, truth)
    moved = edited.astype(kind) - original.astype(kind)
    moved = np.abs(moved) if kind is float else moved
    return {
        "inside": _psnr(_squares(edited, truth, kind)[inside]),
        "outside": moved[~inside].mean(),
        "gain": _psnr(_squares(edited, truth, kind)) - _psnr(_squares(original, truth, kind)),
    }


def _gain_inside(edited, original, truth):
    inside = np.any(truth != original, axis=-1)
    return _psnr(_squares(edited, truth)[inside]) - _psnr(_squares(original, truth)[inside])


def _plan(
    failing,
    risk,
    restarts=lambda p, r: max(1, np.ceil(np.log(r) / np.log(p) - 1e-9)),
    cost=lambda steps, r: steps * r,
):
    plans = [(cost(steps, int(restarts(p, risk))), steps, int(restarts(p, risk))) for steps, p in failing.items()]
    _, steps, number = min(plans)
    return steps, number
