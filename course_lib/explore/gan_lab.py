"""GanLab: watch both players of a GAN on points, scrub through the game, and change its rules on the way."""

import numpy as np

from course_lib import losses, plots
from course_lib._validate import choice, integer
from course_lib.explore.base import Control, Explorer
from course_lib.explore.gan_panels import BLACK, GREEN, MADE, Curve, Panels
from course_lib.explore.gan_runs import MOMENTA, PENALTIES, Rules, Runs, default_scenes
from course_lib.explore.sheet import DPI

LOSSES = tuple(losses.GAN_LOSSES)
_OPTIONS = {"loss": LOSSES, "penalty": tuple(PENALTIES), "momentum": MOMENTA}
_BLIND = 2 * np.log(2)  # D's loss in nats when it cannot tell, for the two losses of a classifier
_CLASSIFIERS = ("minimax", "non_saturating")


class GanLab(Explorer):
    """A GAN on points of the plane or a line: D's verdict as a heat map or curve, samples, and where G is pulled.

    ``frame`` walks through the game; the first ``recorded`` frames of the first scene are trained at once, others when
    they are asked for. Up to frame ``switch`` the game goes by the rules ``start`` = (loss, penalty, momentum), from
    there by the chosen ones, with all weights kept; switch 0 plays the chosen rules from the beginning. ``scenes`` is a
    sequence of ``gan_runs.Scene``, ``frames`` the last frame of the slider. Trained frames are kept, and the same
    values always give the same picture. Raises ``ValueError`` for unknown rules.
    """

    def __init__(self, scenes=None, start=("non_saturating", "none", 0.5), recorded=60, frames=160, seed=0, title=""):
        self.scenes = default_scenes() if scenes is None else tuple(scenes)
        self.title = title
        self.start = Rules(*(choice(name, value, _OPTIONS[name]) for name, value in zip(_OPTIONS, start, strict=True)))
        self.last = integer("frames", frames, 1)
        recorded = min(integer("recorded", recorded, 0), self.last)
        self.runs = Runs(self.scenes, self.start, integer("seed", seed, 0))
        self.runs.frames(0, recorded, self.start, 0)
        self.controls = self._controls(recorded // 2)
        self.actions = {
            "Step back": lambda values: {"frame": max(values["frame"] - 1, 0)},
            "Step": lambda values: {"frame": min(values["frame"] + 1, self.last)},
            "Rules from here": lambda values: {"switch": values["frame"]},
        }
        self._panels = {}

    def frames(self, **values):
        """Return the ``gan_runs.Frame`` of these values and all before it, as a list."""
        values = self.values(**values)
        return self.runs.frames(values["scene"], values["frame"], _rules(values), values["switch"])

    def draw(self, values):
        """Return D's verdict with data, samples and arrows, beside the curves up to this frame."""
        number = values["scene"]
        scene, frames = self.scenes[number], self.frames(**values)
        if number not in self._panels:
            self._panels[number] = Panels(scene, self.last)
        rules = self._rules_at(values["frame"], values)
        return self._panels[number].draw(
            frames[-1],
            _loss_curves(frames),
            self._measure_curves(scene, frames, values),
            level=_BLIND if rules.loss in _CLASSIFIERS else None,
            best=_best_verdict(scene, frames[-1], rules.loss),
            switch=values["switch"] if self._switched(values) else None,
        )

    def describe(self, values):
        """Say the rules, the step, both losses, and what is known of the samples."""
        scene, frame = self.scenes[values["scene"]], self.frames(**values)[-1]
        rules = self._rules_at(values["frame"], values)
        text = f"{scene.name}, step {values['frame'] * scene.stride}: {_in_words(rules)}"
        if self._switched(values):
            text += f" (up to step {values['switch'] * scene.stride}: {_in_words(self.start)})"
        text += _losses_in_words(frame, rules) + _measures_in_words(frame, scene)
        pull = np.median(np.linalg.norm(frame.pulls, axis=1))
        return f"{text}. The gradient of G's loss at a sample is {pull:.3f} (median)."

    def static(self):
        """Return a figure of the first scene at three moments: the start, an early and the last recorded frame."""
        middle = self.controls[1].value
        moments = sorted({0, middle // 2, 2 * middle})
        pictures = np.stack([self.render(frame=k) for k in moments])
        alt = " ".join(self.text(frame=k) for k in moments)
        return plots.image_grid(pictures, columns=1, size=pictures.shape[1] / DPI, alt=alt)

    def _controls(self, frame):
        now = {name: options.index(getattr(self.start, name)) for name, options in _OPTIONS.items()}
        words = tuple(loss.replace("_", "-") for loss in LOSSES)
        rules = {"group": "Rules of the game"}
        return (
            Control("scene", "Scene", options=tuple(scene.name for scene in self.scenes)),
            Control("frame", "Frame", 0, self.last, 1, frame, play=True),
            Control("loss", "Loss", options=words, value=now["loss"], **rules),
            Control("penalty", "Penalty", options=tuple(PENALTIES), value=now["penalty"], **rules),
            Control("momentum", "Momentum β₁", options=tuple(map(str, MOMENTA)), value=now["momentum"], **rules),
            Control("switch", "Valid from frame", 0, self.last, 1, 0, **rules),
        )

    def _rules_at(self, frame, values):
        """The rules by which a frame was trained; those of frame 0 are the ones that come next."""
        return _rules(values) if max(frame, 1) > values["switch"] else self.start

    def _switched(self, values):
        return _rules(values) != self.start and 0 < values["switch"] < values["frame"]

    def _measure_curves(self, scene, frames, values):
        if scene.density is not None:
            told = [_told(frame, self._rules_at(k, values)) for k, frame in enumerate(frames)]
            exact = [frame.measures["js"] for frame in frames]
            return [Curve("JSD of p and q", GREEN, exact), Curve("as D's loss has it", BLACK, told)]
        if scene.centres is None:
            return []
        kept = [frame.measures["kept"] / len(scene.centres) for frame in frames]
        good = [frame.measures["high_quality"] for frame in frames]
        return [Curve("modes kept", GREEN, kept, ".0%"), Curve("samples within 3σ", MADE, good, ".0%")]


def _rules(values):
    return Rules(*(options[values[name]] for name, options in _OPTIONS.items()))


def _in_words(rules):
    penalty = "no penalty" if rules.penalty == "none" else rules.penalty
    return f"{rules.loss.replace('_', '-')} loss, {penalty}, momentum {rules.momentum:g}"


def _losses_in_words(frame, rules):
    if not frame.logs:
        return ", before the first step"
    blind = f" ({_BLIND:.3f} = 2 ln 2 when it cannot tell)" if rules.loss in _CLASSIFIERS else ""
    text = f". D's loss {frame.logs['d_loss']:.3f}{blind}, G's loss {frame.logs['g_loss']:.3f}"
    finite = np.isfinite([frame.logs["d_loss"], frame.logs["g_loss"]]).all()
    return text if finite else f"{text}: the game has diverged"


def _measures_in_words(frame, scene):
    found = frame.measures
    if "kept" in found:
        return f". {found['kept']} of {len(scene.centres)} modes kept, {found['high_quality']:.0%} of samples within 3σ"
    return f". JSD of data and samples {found['js']:.3f} nats" if "js" in found else ""


def _loss_curves(frames):
    named = (("D's loss", BLACK, "d_loss"), ("G's loss", MADE, "g_loss"))
    return [Curve(label, colour, [f.logs.get(key, np.nan) for f in frames]) for label, colour, key in named]


def _told(frame, rules):
    """(2 ln 2 − D's loss)/2: the JSD if D were the best one, for the losses whose optimum is 2 ln 2 − 2 JSD."""
    return (_BLIND - frame.logs["d_loss"]) / 2 if frame.logs and rules.loss in _CLASSIFIERS else np.nan


def _best_verdict(scene, frame, loss):
    """p/(p + q) at the places of a 1-D scene where D's verdict ought to be that, else None."""
    if scene.density is None or loss not in (*_CLASSIFIERS, "least_squares"):
        return None
    p, q = scene.density(scene.places[:, 0]), frame.density
    return p / np.maximum(p + q, 1e-9)
