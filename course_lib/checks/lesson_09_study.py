"""Checks of exercise 09 about judgement: naming anonymous sets from their measures, and designing a comparison."""

import numpy as np
from scipy.ndimage import gaussian_filter

from course_lib import data, metrics
from course_lib.checks.framework import Mistake, compare_value, judge, passed, require

__all__ = ["mystery_table", "mystery_verdict", "study_design"]

SIZES = (1_000, 2_000, 5_000, 10_000, 20_000, 50_000)
_N = 1_500
# Difference, deviation between seeds, deviation of one sample: chosen so that no two known mistakes agree on all.
_STUDIES = (
    *((3.0, 2.0, 100.0), (1.0, 2.0, 150.0), (5.0, 0.5, 300.0), (20.0, 1.0, 50.0)),
    *((2.0, 3.0, 30.0), (4.0, 0.1, 600.0), (2.3, 2.0, 150.0)),
)
_SETS = dict(zip("ABCDE", ("collapsed", "memorised", "polluted", "fresh", "blurred"), strict=True))


def mystery_table():
    """Return the measures of five anonymous sets of Fashion-MNIST pictures as text, a line for each."""
    extract = metrics.FeatureExtractor("fashion", batch_size=250)
    train, reference, sets = _mystery_sets()
    known, real = extract(train), extract(reference)
    lines = ["set  Fréchet  precision  recall  density  coverage  closer  sharpness"]
    for name, kind in _SETS.items():
        x = extract(sets[kind])
        local = metrics.precision_recall(real, x) | metrics.density_coverage(real, x)
        numbers = [*local.values(), metrics.memorisation(known, real, x)["closer"]]
        numbers.append(_roughness(sets[kind]) / _roughness(reference))
        widths = (11, 8, 9, 10, 8, 11)
        shown = "".join(f"{number:{width}.2f}" for number, width in zip(numbers, widths, strict=True))
        lines.append(f"{name:4} {metrics.frechet_distance(real, x):7.1f}{shown}")
    return "\n".join(lines)


def mystery_verdict(value):
    """Judge a dictionary from the letter of each set of ``mystery_table`` to what it is."""
    task = "five anonymous sets"
    kinds = sorted(_SETS.values())
    ok = isinstance(value, dict) and set(value) == set(_SETS)
    require(ok, task, f"a dictionary with the keys {', '.join(_SETS)}", str(value)[:80])
    require(
        sorted(map(str, value.values())) == kinds,
        task,
        f"each of {', '.join(kinds)} once",
        ", ".join(map(str, value.values())),
        "every kind occurs exactly once among the five.",
    )
    hints = {
        "memorised": "Start with the copier: only one column looks at the training set, and there 1 means copies.",
        "blurred": "Which column would see missing detail?",
        "collapsed": "Good pictures, but half of the classes are gone: which columns ask what is missing?",
        "polluted": "One sample in eight is junk, and the rest covers the data: which columns lose an eighth?",
    }
    for kind, hint in hints.items():
        letter = next(name for name, made in _SETS.items() if made == kind)
        mistake = [Mistake(f"a wrong place for {kind}", value[letter], hint)]
        compare_value(task, str(value[letter]), kind, f"the set that is {kind}", mistake)
    passed(task)


def study_design(answer):
    """Judge a function (difference, training_std, sampling_std) -> (n, r) of the cheapest design."""
    judge(
        "the cheapest design",
        answer,
        _STUDIES,
        _cheapest,
        [
            Mistake(
                "the luck of one recipe only",
                lambda d, s, t: _cheapest(d, s, t, factor=4),
                "Both means scatter, and the variance of a difference is a sum.",
            ),
            Mistake(
                "one standard error",
                lambda d, s, t: _cheapest(d, s, t, factor=2),
                "The difference has to be two standard errors, which makes four in the square.",
            ),
            Mistake(
                "a difference that is not squared",
                lambda d, s, t: _cheapest(d, s, t, power=1),
                "A variance is compared with the square of the difference.",
            ),
            Mistake(
                "always the most samples",
                lambda d, s, t: _cheapest(d, s, t, sizes=SIZES[-1:]),
                "Samples cost minutes too. Compare the costs of all six sizes.",
            ),
            Mistake(
                "as few samples as possible",
                lambda d, s, t: _cheapest(d, s, t, sizes=SIZES[:1]),
                "With few samples the draw adds noise that only more trainings can average away, and these are dear.",
            ),
            Mistake(
                "the fewest trainings",
                lambda d, s, t: _cheapest(d, s, t, cost=lambda r, n: r + n / 1e9),
                "Not the number of trainings but the minutes are to be small.",
            ),
            Mistake(
                "a single training",
                lambda d, s, t: _cheapest(d, s, t, least=1),
                "Without a second training there is no spread to report.",
            ),
            Mistake(
                "samples that are drawn only once",
                lambda d, s, t: _cheapest(d, s, t, cost=lambda r, n: 20 * r + n / 1_000),
                "Each of the models has to be sampled and measured.",
            ),
            Mistake(
                "rounding to the nearest whole number",
                lambda d, s, t: _cheapest(d, s, t, whole=np.round),
                "r is at least so large: in which direction may it be rounded?",
            ),
        ],
    )


def _cheapest(
    difference,
    training_std,
    sampling_std,
    factor=8,
    power=2,
    sizes=SIZES,
    least=2,
    cost=lambda r, n: r * (20 + n / 1_000),
    whole=lambda r: np.ceil(r - 1e-9),
):
    designs = []
    for n in sizes:
        r = max(least, int(whole(factor * (training_std**2 + sampling_std**2 / n) / difference**power)))
        designs.append((round(cost(r, n), 9), -r, n))
    _, r, n = min(designs)
    return n, -r


def _mystery_sets():
    """Return training pictures, the reference, and the five sets by kind, uint8 (n, 28, 28, 1)."""
    rng = np.random.default_rng(9)
    test, train = data.load_fashion("test"), data.load_fashion("train")
    order = rng.permutation(len(test.images))
    reference, rest = order[:_N], order[_N:]
    fresh, others = rest[:_N], rest[_N:]
    blurred = gaussian_filter(test.images[others[:_N]].astype(np.float32), (0, 0.7, 0.7, 0))
    half = others[np.isin(test.labels[others], (0, 1, 3, 7, 8))][:_N]
    known = train.images[rng.permutation(len(train.images))[:4_000]]
    polluted = test.images[others[-_N:]].copy()
    polluted[::8] = rng.integers(0, 256, polluted[::8].shape)
    sets = {"fresh": test.images[fresh], "collapsed": test.images[half], "memorised": known[:_N], "polluted": polluted}
    return known, test.images[reference], sets | {"blurred": np.rint(blurred).astype(np.uint8)}


def _roughness(x):
    x = x[..., 0].astype(np.float64)
    laplacian = 4 * x[:, 1:-1, 1:-1] - x[:, :-2, 1:-1] - x[:, 2:, 1:-1] - x[:, 1:-1, :-2] - x[:, 1:-1, 2:]
    return np.mean(laplacian**2)
