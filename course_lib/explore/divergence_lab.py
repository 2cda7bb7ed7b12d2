"""An explorer of two densities on a line: drag one over the other while five divergences are drawn live."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont

from course_lib import divergences, plots
from course_lib.explore.base import Control, Explorer
from course_lib.explore.sheet import DPI, Sheet

X = np.linspace(-16, 16, 2401)  # where densities are integrated: four standard deviations of the widest
STEPS = 101  # places of the slider; an odd number, so that the middle is one of them
COLOURS = {"kl": 0, "reverse_kl": 1, "js": 2, "tv": 4, "w1": 3}
_MEASURES = {
    "kl": lambda p, q: divergences.kl_densities(X, p, q),
    "reverse_kl": lambda p, q: divergences.kl_densities(X, q, p),
    "js": lambda p, q: divergences.js_densities(X, p, q),
    "tv": lambda p, q: divergences.tv_densities(X, p, q),
    "w1": lambda p, q: divergences.wasserstein_densities(X, p, q),
}
_PANELS = (("kl", "reverse_kl"), ("js",), ("tv",), ("w1",))
_NAMES = {"kl": "KL(p‖q)", "reverse_kl": "KL(q‖p)", "js": "JS", "tv": "TV", "w1": "W₁"}
_UNITS = {"kl": " nats", "reverse_kl": " nats", "js": " nats", "tv": "", "w1": ""}
_LIMITS = {"js": np.log(2), "tv": 1.0}  # the largest value, drawn as a dotted line
_PEN = plots.COLOURS[1]  # of the moving density q


def _normal(x, mean, std):
    return np.exp(-0.5 * ((x - mean) / std) ** 2) / (std * np.sqrt(2 * np.pi))


def _bump(x, centre, reach):
    """A density that is exactly zero further than ``reach`` from its centre."""
    u = np.clip((x - centre) / reach, -1, 1)
    return (1 + np.cos(np.pi * u)) / (2 * reach)


def _two_bumps(x):
    return 0.5 * _normal(x, -3, 0.7) + 0.5 * _normal(x, 3, 0.7)


@dataclass(frozen=True)
class Scene:
    """A fixed density p, a density q(x, t) that moves, the values of t, and how far the KL panel reaches (nats)."""

    name: str
    label: str
    values: np.ndarray
    p: Any
    q: Any
    top: float

    @cached_property
    def curves(self):
        """All divergences at all values of t: name -> (STEPS,)."""
        pairs = [(self.p(X), self.q(X, t)) for t in self.values]
        return {name: np.array([measure(*pair) for pair in pairs]) for name, measure in _MEASURES.items()}


_CENTRES = ("centre of q", np.linspace(-6, 6, STEPS))
SCENES = (
    Scene("a Gaussian shifts", *_CENTRES, lambda x: _normal(x, 0, 1), lambda x, t: _normal(x, t, 1), 18.0),
    Scene("narrow bumps", *_CENTRES, lambda x: _bump(x, 0, 0.8), lambda x, t: _bump(x, t, 0.8), 1.0),
    Scene("one bump, two bumps", *_CENTRES, _two_bumps, lambda x, t: _normal(x, t, 1), 16.0),
    Scene(
        "a Gaussian widens",
        "standard deviation of q",
        np.linspace(0.5, 4.0, STEPS),
        _two_bumps,
        lambda x, t: _normal(x, 0, t),
        12.0,
    ),
)


class DivergenceLab(Explorer):
    """Drag a density q over a fixed density p and watch KL, reverse KL, Jensen-Shannon, total variation and W₁.

    ``scene`` chooses what moves, ``move`` (0 to 100) where it stands. The upper panel shows both densities, the lower
    ones each divergence against the place of q, with a cursor at the present one. All curves are exact to quadrature
    (2,401 points); where the KL is infinite a bar stands at the top of its panel.
    """

    controls = (
        Control("scene", "Scene", options=tuple(scene.name for scene in SCENES)),
        Control("move", "Move q", 0, STEPS - 1, 1, 62, play=True),
    )

    def __init__(self, title="Two densities, five ways to measure how far apart"):
        self.title = title
        self._sheets = [_drawn(scene) for scene in SCENES]
        self._font = ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"), 13)

    def measures(self, scene=0, move=62):
        """Return the divergences at one place: name -> value; KL and reverse KL may be infinite."""
        values = self.values(scene=scene, move=move)
        return {name: float(curve[values["move"]]) for name, curve in SCENES[values["scene"]].curves.items()}

    def draw(self, values):
        """Return the upper panel with both densities above the four panels of curves."""
        scene, k = SCENES[values["scene"]], values["move"]
        sheet, upper, lower = self._sheets[values["scene"]]
        pixels = sheet.pixels.copy()
        _paint_density(pixels, sheet, upper, lambda x: scene.q(x, scene.values[k]))
        picture = Image.fromarray(pixels)
        pen = ImageDraw.Draw(picture)
        for axes, names in zip(lower, _PANELS, strict=True):
            self._mark(pen, sheet, axes, {name: scene.curves[name][k] for name in names}, scene.values[k])
        return np.asarray(picture)

    def describe(self, values):
        """Say where q stands and what all five divergences are."""
        scene, found = SCENES[values["scene"]], self.measures(**values)
        numbers = ", ".join(f"{_NAMES[name]} = {_number(value)}{_UNITS[name]}" for name, value in found.items())
        plateau = " JS has reached its ceiling ln 2." if found["js"] > np.log(2) - 1e-9 else ""
        return f"Scene “{scene.name}”: {scene.label} {scene.values[values['move']]:.2f}. {numbers}.{plateau}"

    def static(self):
        """Return a figure of two places: bumps without overlap, and a Gaussian that has chosen one of two bumps."""
        places = [{"scene": 1, "move": 88}, {"scene": 2, "move": 75}]
        pictures = np.stack([self.render(**place) for place in places])
        alt = " ".join(
            f"{which} {self.text(**place)}" for which, place in zip(("Upper:", "Lower:"), places, strict=True)
        )
        return plots.image_grid(pictures, columns=1, size=pictures.shape[1] / DPI, alt=alt)

    def _mark(self, pen, sheet, axes, found, at):
        """Draw the cursor, a dot on each curve, and the numbers above the panel."""
        left, top, right, bottom = sheet.box(axes)
        low, high = axes.get_ylim()
        x = round(axes.transData.transform((at, 0))[0])
        pen.line([(x, top), (x, bottom)], fill=plots.GREY)
        for row, (name, value) in enumerate(found.items()):
            colour = plots.COLOURS[COLOURS[name]]
            y = bottom - round((min(value, high) - low) / (high - low) * (bottom - top))
            pen.ellipse([x - 5, y - 5, x + 5, y + 5], fill=colour, outline="white", width=1)
            line = top - 20 * (len(found) - row) - 4
            pen.rectangle([left, line + 4, left + 9, line + 13], fill=colour)
            text = f"{_NAMES[name]} = {_number(value)}{_UNITS[name]}"
            pen.text((left + 14, line), text, fill="black", font=self._font)


def _number(value):
    return "∞" if np.isinf(value) else f"{value:.3f}"


def _paint_density(pixels, sheet, axes, density):
    """Blend the area under ``density`` and its outline into ``axes``, with smooth edges, in place."""
    left, top, right, bottom = sheet.box(axes)
    low, high = axes.get_xlim()
    x = low + (high - low) * (np.arange(right - left) + 0.5) / (right - left)
    height = density(x) / axes.get_ylim()[1] * (bottom - top)  # in pixels above the axis
    above = (bottom - top) - np.arange(bottom - top)[:, None] - 0.5 - height  # of each pixel above the curve
    # The distance to a steep curve is shorter than the way up to it.
    away = np.abs(above) / np.sqrt(1 + np.gradient(height) ** 2)
    cover = np.maximum(0.25 * np.clip(0.5 - above, 0, 1), np.clip(1.8 - away, 0, 1))[..., None]
    panel = pixels[top:bottom, left:right]
    panel[:] = np.rint(panel + cover * (np.array(ImageColor.getrgb(_PEN)) - panel.astype(np.float32)))


def _drawn(scene):
    """Return the sheet of a scene with all that does not move, and its upper and lower axes."""
    figure = plots.Figure(figsize=(9.6, 5.4))
    upper = figure.add_axes([0.055, 0.575, 0.93, 0.365])
    lower = [figure.add_axes([0.055 + 0.2425 * k, 0.095, 0.195, 0.30]) for k in range(4)]
    for axes in (upper, *lower):
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_axisbelow(True)
        axes.grid(color="#E5E5E5", linewidth=0.8)
        axes.tick_params(labelsize=9)
    p = scene.p(X)
    upper.fill_between(X, p, color=plots.COLOURS[0], alpha=0.25, linewidth=0)
    upper.plot(X, p, color=plots.COLOURS[0], linewidth=2, label="$p$, fixed")
    upper.plot([], [], color=_PEN, linewidth=3, label="$q$, moves")
    upper.legend(frameon=False, fontsize=11, loc="upper right")
    upper.set(xlim=(-9.5, 9.5), ylim=(0, 1.12 * max(p.max(), *(scene.q(X, t).max() for t in scene.values))))
    upper.set_title(f"Two densities: {scene.name}", fontsize=12, loc="left")
    upper.set_xlabel("$x$", fontsize=10, labelpad=0)
    for axes, names in zip(lower, _PANELS, strict=True):
        _draw_curves(axes, scene, names)
    return Sheet(figure), upper, lower


def _draw_curves(axes, scene, names):
    for style, name in zip(("-", "--"), names, strict=False):
        curve, colour = scene.curves[name], plots.COLOURS[COLOURS[name]]
        axes.plot(scene.values, np.where(np.isfinite(curve), curve, np.nan), style, color=colour, linewidth=2)
    top = scene.top if "kl" in names else _LIMITS.get(names[0], 0) * 1.2 or 1.05 * scene.curves[names[0]].max()
    axes.set(xlim=scene.values[[0, -1]], ylim=(0, top))
    axes.set_xlabel(scene.label, fontsize=9)
    if names[0] in _LIMITS:
        axes.axhline(_LIMITS[names[0]], color="black", linestyle=":", linewidth=1.2)
        text, place = "ln 2" if names[0] == "js" else "1", axes.get_yaxis_transform()
        axes.text(0.5, _LIMITS[names[0]], text, ha="center", va="bottom", fontsize=9, transform=place)
    infinite = np.isinf(scene.curves[names[0]])
    if infinite.any():
        axes.fill_between(
            scene.values, 0.95 * top, top, where=infinite, color=plots.COLOURS[0], step="mid", linewidth=0
        )
        axes.text(np.median(scene.values), top / 2, "infinite as soon as\nthe supports differ", ha="center", fontsize=8)
