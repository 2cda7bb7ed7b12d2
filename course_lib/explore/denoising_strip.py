"""DenoisingStrip: scrub through the way from noise to a picture, with as many steps as you like."""

from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from course_lib import diffusion, plots
from course_lib import images as _images
from course_lib._validate import array, integer, refuse
from course_lib.explore.base import Control, Explorer

STEPS = (1, 2, 4, 8, 16, 32)
METHODS = tuple(diffusion.METHODS)
_SIDE, _CELL, _COLUMNS, _GAP = 168, 72, 9, 6
_LEFT, _TOP, _WIDTH = 92, 40, 896
_STRIPS = _TOP + _SIDE + 46
_HEIGHT = _STRIPS + 2 * (_CELL + _GAP) + 22
_CHART = (_LEFT + 3 * (_SIDE + 14) + 34, _TOP, _WIDTH - 14, _TOP + _SIDE)  # left, top, right, bottom
_INK, _GREY, _BLUE, _ORANGE = "#222222", "#666666", plots.COLOURS[0], plots.COLOURS[1]
_PANELS = ("x at time t", "predicted picture", "speed of each pixel")


class DenoisingStrip(Explorer):
    """Watch noise become a picture: where it is at time t, what the model expects at the end, and how fast pixels move.

    ``velocity`` maps (x (N, H, W, C), t, a float) to velocities of x's shape, such as ``FlowMatching.velocity``; all
    paths are computed once from ``noise`` (n, H, W, 1 or 3), for each number of ``steps`` and each solver of
    ``diffusion.METHODS``. At t = 1 the speed shown is that of the last step's start.
    Raises ``ValueError`` for a velocity of another shape or with values that are not finite.
    """

    title = "From noise to a picture"

    def __init__(self, velocity, noise, steps=STEPS, title=None):
        noise = array("noise", noise, ("n", "H", "W", "C"), dtype=np.float32)
        if not len(noise) or noise.shape[-1] not in (1, 3):
            refuse("noise", "at least one array (H, W, 1 or 3)", noise)
        self.title = self.title if title is None else title
        self.steps = tuple(integer("steps", n, 1) for n in steps)
        self._paths = {(m, n): _path(velocity, noise, m, n) for m in METHODS for n in self.steps}
        self._fastest = max(float(np.quantile(path["speed"], 0.995)) for path in self._paths.values()) or 1.0
        self._ceiling = 1.15 * max(path["mean_speed"].max() for path in self._paths.values()) or 1.0
        self._best = self._paths[METHODS[-1], max(self.steps)]["x"][-1]
        self._colours = (matplotlib.colormaps["viridis"](np.arange(256))[:, :3] * 255).astype(np.uint8)
        fonts = Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"
        self._font, self._small = (ImageFont.truetype(str(fonts), size) for size in (13, 11))
        middle = len(self.steps) // 2
        self.controls = (
            Control("time", "Time (%)", maximum=100, value=50, play=True),
            Control("steps", "Steps", options=tuple(map(str, self.steps)), value=middle),
            Control("method", "Solver", options=METHODS, value=len(METHODS) - 1),
            Control("picture", "Picture", minimum=1, maximum=len(noise), value=1),
        )
        self._background = self._drawn_background()

    def draw(self, values):
        """Return the three panels at this time, the speed over time, and both strips."""
        path, k, place = self._at(values)
        page = Image.fromarray(self._background)
        pen = ImageDraw.Draw(page)
        x, predicted = path["x"][:, place], path["predicted"][:, place]
        shown = (x[k], predicted[k], self._coloured(path["speed"][k, place]))
        for column, panel in enumerate(shown):
            _paste(page, panel, _LEFT + column * (_SIDE + 14), _TOP, _SIDE)
        self._draw_chart(pen, path, k, place)
        chosen = np.unique(np.linspace(0, len(x) - 1, _COLUMNS).round().astype(int))
        for column, index in enumerate(chosen):
            left = _LEFT + column * (_CELL + _GAP)
            for row, strip in enumerate((x, predicted)):
                _paste(page, strip[index], left, _STRIPS + row * (_CELL + _GAP), _CELL)
            below = _STRIPS + 2 * (_CELL + _GAP)
            pen.text((left + _CELL / 2, below), f"t = {index / (len(x) - 1):.2f}", _INK, self._small, anchor="ma")
        at = _LEFT + int(np.abs(chosen - k).argmin()) * (_CELL + _GAP)
        pen.rectangle([at - 3, _STRIPS - 3, at + _CELL + 2, _STRIPS + 2 * _CELL + _GAP + 2], outline=_ORANGE, width=3)
        return np.asarray(page)

    def picture(self, values):
        """Return x at this time alone, uint8 (H, W, C)."""
        path, k, place = self._at(values)
        return path["x"][k, place]

    def describe(self, values):
        """Say solver, steps, evaluations, time, noise left, speed, and how far the end is from that of most steps."""
        path, k, place = self._at(values)
        n, method = self.steps[values["steps"]], METHODS[values["method"]]
        evaluations = n * (2 if method == "heun" else 1)
        end = path["x"][-1, place].astype(float) - self._best[place]
        return (
            f"Picture {place + 1}: {n} step{'s' * (n > 1)} of {method.capitalize()}'s method, "
            f"{evaluations} evaluation{'s' * (evaluations > 1)} of the network. "
            f"At t = {k / n:.2f} the noise has weight {1 - k / n:.2f}; mean speed "
            f"{path['mean_speed'][k, place]:.2f} per unit of time. "
            f"The end differs by {np.sqrt(np.mean(end**2)):.1f} grey levels (root mean square) "
            f"from that of {max(self.steps)} steps of {METHODS[-1].capitalize()}'s method."
        )

    def static(self):
        """Return a figure of the ends of the path for each number of steps, and of the steps between."""
        rows = {}
        for method in METHODS:
            ends = [self._paths[method, n]["x"][-1, 0] for n in self.steps]
            rows[f"{method.capitalize()}, end"] = np.stack(ends)
        steps = [f"{n} step{'s' * (n > 1)}" for n in self.steps]
        alt = f"The picture that each solver reaches from one noise with {', '.join(steps)}. {self.text()}"
        return plots.side_by_side(rows, columns=steps, title=self.title or None, alt=alt)

    def _at(self, values):
        """Return the path of these values, the index of its step nearest to the time, and the picture's place."""
        n = self.steps[values["steps"]]
        path = self._paths[METHODS[values["method"]], n]
        return path, int(values["time"] / 100 * n + 0.5), values["picture"] - 1

    def _coloured(self, speed):
        return self._colours[(np.clip(speed / self._fastest, 0, 1) * 255).astype(np.uint8)]

    def _draw_chart(self, pen, path, k, place):
        left, top, right, bottom = _CHART
        speeds = path["mean_speed"][:, place]
        n = len(speeds) - 1
        points = [
            (left + i / n * (right - left), bottom - speed / self._ceiling * (bottom - top))
            for i, speed in enumerate(speeds)
        ]
        pen.line(points, fill=_BLUE, width=2)
        for x, y in points:
            pen.ellipse([x - 3, y - 3, x + 3, y + 3], fill=_BLUE)
        x, y = points[k]
        pen.line([(x, top), (x, bottom)], fill=_ORANGE, width=2)
        pen.ellipse([x - 5, y - 5, x + 5, y + 5], outline=_ORANGE, width=3)

    def _drawn_background(self):
        """Return what never moves: names of the panels and strips, the chart's axes, the scale of the speeds."""
        page = Image.new("RGB", (_WIDTH, _HEIGHT), "white")
        pen = ImageDraw.Draw(page)
        for column, name in enumerate(_PANELS):
            pen.text((_LEFT + column * (_SIDE + 14) + _SIDE / 2, _TOP - 10), name, _INK, self._font, anchor="ms")
        left, top, right, bottom = _CHART
        pen.text(((left + right) / 2, top - 10), "mean speed over time", _INK, self._font, anchor="ms")
        pen.line([(left, top), (left, bottom), (right, bottom)], fill=_GREY)
        for t in (0, 0.5, 1):
            pen.text((left + t * (right - left), bottom + 4), f"{t:g}", _GREY, self._small, anchor="ma")
        pen.text(((left + right) / 2, bottom + 18), "time t", _GREY, self._small, anchor="ma")
        for value in _ticks(self._ceiling):
            y = bottom - value / self._ceiling * (bottom - top)
            pen.line([(left - 3, y), (left, y)], fill=_GREY)
            pen.text((left - 6, y), f"{value:g}", _GREY, self._small, anchor="rm")
        start = _LEFT + 2 * (_SIDE + 14)
        page.paste(
            Image.fromarray(np.broadcast_to(self._colours, (8, 256, 3))).resize((_SIDE, 8)), (start, _TOP + _SIDE + 6)
        )
        pen.text((start, _TOP + _SIDE + 17), "0", _GREY, self._small, anchor="la")
        pen.text((start + _SIDE, _TOP + _SIDE + 17), f"{self._fastest:.2g}", _GREY, self._small, anchor="ra")
        for row, name in enumerate(("x at\ntime t", "predicted\npicture")):
            y = _STRIPS + row * (_CELL + _GAP) + _CELL / 2
            pen.multiline_text((_LEFT - 10, y), name, _INK, self._small, anchor="rm", align="right")
        return np.asarray(page)


def _path(velocity, noise, method, steps):
    """Return x, the predicted pictures (steps + 1, n, H, W, C) as uint8, and speeds: of pixels and their mean."""
    states = [np.asarray(x) for x in diffusion.integrate(velocity, noise, steps, method, keep=True)]
    slopes = [np.asarray(velocity(x, k / steps)) for k, x in enumerate(states[:-1])]
    for slope in slopes:
        if slope.shape != noise.shape or not np.isfinite(slope).all():
            refuse("velocity", f"a function that returns finite values of shape {noise.shape}", slope)
    ends = [diffusion.predicted_image(x, u, k / steps) for k, (x, u) in enumerate(zip(states, slopes, strict=False))]
    slopes = np.stack([*slopes, slopes[-1]])
    speed = np.sqrt(np.mean(slopes.astype(np.float32) ** 2, axis=-1))
    mean_speed = np.sqrt(np.mean(speed**2, axis=(2, 3)))
    return {"x": _bytes(states), "predicted": _bytes([*ends, states[-1]]), "speed": speed, "mean_speed": mean_speed}


def _bytes(pictures):
    return _images.to_uint8(np.clip(np.stack(pictures).astype(np.float32), -1, 1))


def _paste(page, picture, left, top, side):
    square = Image.fromarray(np.broadcast_to(picture, (*picture.shape[:2], 3)))
    page.paste(square.resize((side, side), Image.Resampling.NEAREST), (left, top))


def _ticks(ceiling):
    """Return up to five round values from 0 to ``ceiling``."""
    step = 10 ** np.floor(np.log10(ceiling))
    step = next(s for s in (step / 5, step / 2, step, 2 * step) if ceiling / s <= 5)
    return np.round(np.arange(0, ceiling, step), 10)
