"""Recorded and live games for ``GanLab``: frames of a game in which the rules may change on the way.

A game is deterministic, so a frame is a function of the scene, the rules and the frame at which they change. What has
been trained is kept, and a frame that nobody has asked for yet is trained when it is asked for.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from course_lib import data, divergences, losses, metrics, planar
from course_lib._validate import choice

PENALTIES = {"none": None, "R1": "r1", "gradient penalty": "gradient_penalty"}
MOMENTA = (0.0, 0.5, 0.9)
GRID = 64  # places along each axis of the plane where D is asked
LINE_GRID = 361  # the same on a line
SHOWN, ARROWS = 300, 40  # samples drawn, and samples with an arrow
COUNTED = {1: 10_000, 2: 2_000}  # samples that are measured, by dimension: a density takes more than a count
_BANDWIDTH = 0.08  # standard deviation of the Gaussian that smooths the samples' density on a line
_COMPARED = ("wasserstein", "relativistic")  # losses that feel only differences of logits
_KEPT_GAMES, _KEPT_RUNS = 8, 16


class Rules(NamedTuple):
    """What can be switched during a game: names of ``losses.GAN_LOSSES`` and ``PENALTIES``, and Adam's β₁."""

    loss: str = "non_saturating"
    penalty: str = "none"
    momentum: float = 0.5


@dataclass(frozen=True)
class Scene:
    """Data (N, 1) or (N, 2), how far the picture reaches, the steps of one frame, and what is known of the data.

    ``rates`` are the learning rates of the generator and the discriminator. ``density`` is a function x (n,) -> p(x)
    for data on a line; ``centres`` and ``std`` describe modes in the plane.
    """

    name: str
    points: np.ndarray
    reach: float
    stride: int
    rates: tuple = (1e-3, 1e-3)
    density: Any = None
    centres: Any = None
    std: float = 0.0

    @property
    def dim(self):
        """1 on a line, 2 in the plane."""
        return self.points.shape[1]

    @property
    def places(self):
        """The points at which D is asked: (GRID², 2) with the top row first, or (LINE_GRID, 1)."""
        if self.dim == 1:
            return np.linspace(-self.reach, self.reach, LINE_GRID)[:, None]
        # The middles of the cells, so that the enlarged picture fills its axes exactly.
        middles = self.reach * (2 * (np.arange(GRID) + 0.5) / GRID - 1)
        x, y = np.meshgrid(middles, middles[::-1])
        return np.stack([x.ravel(), y.ravel()], axis=1)


@dataclass(frozen=True)
class Frame:
    """One moment of a game.

    ``verdict``: D's judgement at ``Scene.places``, 0 for generated and 1 for real (see ``verdicts``); ``samples``
    (SHOWN, dim); ``tails`` and ``pulls`` (ARROWS, dim): samples and the generator's negative gradient there; ``logs``:
    means over the steps since the frame before, empty in frame 0; ``measures``: "kept" and "high_quality" in the
    plane, "js" in nats on a line, where ``density`` (LINE_GRID,) is that of the samples, smoothed.
    """

    verdict: np.ndarray
    samples: np.ndarray
    tails: np.ndarray
    pulls: np.ndarray
    logs: dict
    measures: dict
    density: Any = None


@dataclass
class _Run:
    frames: list
    states: dict = field(default_factory=dict)  # frame -> the state of the game there


class Runs:
    """Frames of games in ``scenes``: by the rules ``start`` up to frame ``switch``, by other rules from there on."""

    def __init__(self, scenes, start, seed=0):
        self.scenes, self.start, self.seed = scenes, start, seed
        self._games, self._runs, self._bases = OrderedDict(), OrderedDict(), {}

    def frames(self, scene, last, rules, switch):
        """Return frames 0 to ``last`` of scene number ``scene``; those that do not exist yet are trained now."""
        if rules == self.start or switch >= last:
            return self._base(scene, last).frames[: last + 1]
        key = (scene, rules, switch)
        if key not in self._runs:
            base = self._base(scene, switch)
            self._runs[key] = _Run(base.frames[: switch + 1], {switch: base.states[switch]})
        run = _recent(self._runs, key, _KEPT_RUNS)
        while len(run.frames) <= last:
            self._train(run, scene, rules)
            run.states = {k: state for k, state in run.states.items() if k == len(run.frames) - 1}
        return run.frames[: last + 1]

    def _base(self, scene, last):
        """The game by the first rules. All its states are kept, because any of them may be gone on from."""
        if scene not in self._bases:
            game = self._game(scene, self.start)
            self._bases[scene] = _Run([_look(game, self.scenes[scene], {})], {0: game.state()})
        run = self._bases[scene]
        while len(run.frames) <= last:
            self._train(run, scene, self.start)
        return run

    def _train(self, run, scene, rules):
        """Add one frame to ``run``."""
        game, k = self._game(scene, rules), len(run.frames) - 1
        game.restore(run.states[k])
        logs = game.advance(self.scenes[scene].stride)
        frame = _look(game, self.scenes[scene], logs)
        # The state first: an interrupt must not leave a frame that cannot be gone on from.
        run.states[k + 1] = game.state()
        run.frames.append(frame)

    def _game(self, scene, rules):
        """The compiled game of these rules; compiling takes longer than training many frames."""
        key = (scene, rules)
        if key not in self._games:
            penalty = PENALTIES[choice("penalty", rules.penalty, PENALTIES)]
            rates = dict(zip(("generator_rate", "discriminator_rate"), self.scenes[scene].rates, strict=True))
            settings = {"momentum": rules.momentum, "seed": self.seed} | rates
            self._games[key] = planar.Game(self.scenes[scene].points, rules.loss, penalty, **settings)
        return _recent(self._games, key, _KEPT_GAMES)


def _recent(kept, key, limit):
    """Return ``kept[key]`` after making it the latest and dropping the oldest beyond ``limit``."""
    kept.move_to_end(key)
    while len(kept) > limit:
        kept.popitem(last=False)
    return kept[key]


def _look(game, scene, logs):
    samples = np.nan_to_num(game.samples(COUNTED[scene.dim], seed=1), posinf=1e6, neginf=-1e6)
    z = np.random.default_rng(2).standard_normal((ARROWS, game.settings["latent_dim"]))
    tails, pulls = (np.nan_to_num(part) for part in game.generator_arrows(z))
    logits = game.logits(scene.places)
    middle = 0.0
    if game.settings["loss"] in _COMPARED:
        middle = (game.logits(scene.points[:SHOWN]).mean() + game.logits(samples[:SHOWN]).mean()) / 2
    verdict = np.nan_to_num(verdicts(game.settings["loss"], logits, middle), nan=0.5).astype(np.float32)
    density = None if scene.density is None else smoothed_density(samples[:, 0], scene.places[:, 0])
    measures = _measured(scene, samples, density)
    return Frame(verdict, samples[:SHOWN].astype(np.float32), tails, pulls, logs, measures, density)


def verdicts(loss, logits, middle=0.0):
    """Return D's judgement in [0, 1], 0 for generated and 1 for real, from its raw outputs.

    For the losses of a classifier this is the probability σ(logit). Least squares has targets 0 and 1, hinge −1 and 1:
    their outputs are put on that scale and cut. Wasserstein and relativistic losses leave D's level free, so that σ is
    taken of the distance from ``middle``, half-way between the means of data and samples.
    """
    choice("loss", loss, losses.GAN_LOSSES)
    if loss == "least_squares":
        return np.clip(logits, 0, 1)
    if loss == "hinge":
        return np.clip((logits + 1) / 2, 0, 1)
    # Beyond 60 float32 would overflow, and σ has long been 0 or 1.
    return 1 / (1 + np.exp(-np.clip(logits - middle, -60, 60)))


def smoothed_density(samples, x):
    """Return the density of ``samples`` (N,) at evenly spaced ``x`` (n,): a histogram smoothed by a Gaussian.

    Samples beyond the ends count at the ends, so that the integral by the trapezoidal rule is 1.
    """
    step = x[1] - x[0]
    nearest = np.clip(np.rint((samples - x[0]) / step), 0, len(x) - 1).astype(int)
    counts = np.bincount(nearest, minlength=len(x)).astype(float)
    offsets = np.arange(-round(4 * _BANDWIDTH / step), round(4 * _BANDWIDTH / step) + 1) * step
    density = np.convolve(counts, np.exp(-0.5 * (offsets / _BANDWIDTH) ** 2), mode="same")
    return density / np.trapezoid(density, x)


def _measured(scene, samples, density):
    if scene.density is not None:
        x = scene.places[:, 0]
        return {"js": divergences.js_densities(x, scene.density(x), density)}
    if scene.centres is None:
        return {}
    found = metrics.mode_coverage(samples, scene.centres, scene.std)
    return {name: found[name] for name in ("kept", "high_quality")}


def _mixture_line(centres, std):
    """Return points (N, 1) of a mixture of equal Gaussians on a line, and its density."""
    rng = np.random.default_rng(0)
    points = rng.choice(centres, 5000) + std * rng.standard_normal(5000)

    def density(x):
        bells = [np.exp(-0.5 * ((x - c) / std) ** 2) / (std * np.sqrt(2 * np.pi)) for c in centres]
        return np.mean(bells, axis=0)

    return points[:, None], density


def default_scenes():
    """Return four scenes: a ring and a grid of Gaussians in the plane, two bumps and one bump on a line."""
    ring, ring_centres = data.gaussian_ring(5000, 8, 1.5, 0.1, seed=0)
    grid, grid_centres = data.gaussian_grid(5000, 3, 1.5, 0.1, seed=0)
    (two, two_density), (one, one_density) = _mixture_line([-1.5, 1.5], 0.4), _mixture_line([1.2], 0.5)
    quick_d = (5e-4, 5e-3)  # so that D keeps close to its best, which these scenes draw beside it
    return (
        Scene("2-D: ring of eight", ring, 2.4, 50, centres=ring_centres, std=0.1),
        Scene("2-D: grid of nine", grid, 2.4, 50, centres=grid_centres, std=0.1),
        Scene("1-D: two bumps", two, 3.6, 25, quick_d, density=two_density),
        Scene("1-D: one bump", one, 3.6, 25, quick_d, density=one_density),
    )
