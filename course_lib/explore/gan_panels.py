"""The drawing of ``GanLab``: axes drawn once by matplotlib, and on them what moves, by Pillow.

Masks are drawn at twice their size and halved, which smooths their edges; a colour is then pasted through them.
"""

from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap
from PIL import Image, ImageDraw, ImageFont

from course_lib import plots
from course_lib.explore.sheet import Sheet

DATA, MADE, BLACK, GREEN = plots.COLOURS[0], plots.COLOURS[1], plots.COLOURS[6], plots.COLOURS[2]
# From generated (orange) over white (D cannot tell) to real (blue): told apart by every kind of colour vision.
COLOUR_MAP = LinearSegmentedColormap.from_list("verdict", ["#F2A25C", "#FFFFFF", "#7FB8E6"])
# In 33 shades: their edges are lines of equal D, and the picture is encoded in half the time.
_TABLE = np.rint(255 * COLOUR_MAP((np.arange(256) + 4) // 8 / 32)[:, :3]).astype(np.uint8)
FONT = ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"), 12)
PULL, LONGEST = 0.5, 0.6  # length of an arrow per unit of gradient, and at most, in units of x
STRIP = 34  # height in pixels of the line on which samples and their arrows stand, in a 1-D scene
TOP = 1.15  # of the axis for densities and D(x) in a 1-D scene


class Curve(NamedTuple):
    """A curve over the frames: its name, its colour, one value per frame (NaN: none), and how they are written."""

    label: str
    colour: str
    values: list
    form: str = ".3f"


class Panels:
    """The picture of one scene, made anew by ``draw`` from what does not change and a frame."""

    def __init__(self, scene, last):
        self.scene, self.last = scene, last
        figure, axes = _axes(scene, last)
        self.sheet = Sheet(figure)
        self.main, self.upper, self.lower = (self.sheet.box(each) for each in axes)
        self.data = self._dots(scene.points[:400], 1.7) if scene.dim == 2 else None

    def draw(self, frame, losses, measures, level=None, best=None, switch=None):
        """Return the picture uint8 (H, W, 3) of ``frame``.

        ``losses`` and ``measures`` are lists of ``Curve`` up to this frame. ``level`` is D's loss when it cannot tell,
        ``best`` (LINE_GRID,) the best D at a 1-D scene's places, ``switch`` the frame at which the rules changed.
        """
        picture = Image.fromarray(self.sheet.pixels)
        (self._plane if self.scene.dim == 2 else self._line)(picture, frame, best)
        self._curves(picture, self.upper, losses, _limits(losses), level, switch)
        self._curves(picture, self.lower, measures, (0, _highest(self.scene)), None, switch)
        return np.asarray(picture)

    # --- The large panel -----------------------------------------------------------------------

    def _plane(self, picture, frame, best):
        left, top, right, bottom = self.main
        size, side = (right - left, bottom - top), round(len(frame.verdict) ** 0.5)
        cells = np.rint(255 * frame.verdict.reshape(side, side)).astype(np.uint8)
        heat = np.asarray(Image.fromarray(cells).resize(size, Image.Resampling.BILINEAR))
        picture.paste(Image.fromarray(_TABLE[heat]), (left, top))
        picture.paste(DATA, (left, top), self.data)
        picture.paste(MADE, (left, top), self._dots(frame.samples, 2.2))
        tails, heads = self._pixels(frame.tails), self._pixels(frame.tails + _shortened(frame.pulls))

        def arrows(pen):
            for tail, head in zip(tails, heads, strict=True):
                pen.arrow(tail, head)

        picture.paste(BLACK, (left, top), _mask(size, arrows))
        ImageDraw.Draw(picture).rectangle([left, top, right, bottom], outline="black")

    def _line(self, picture, frame, best):
        left, top, right, bottom = self.main
        width, height = right - left, bottom - top
        size, x = (width, height), np.linspace(0, width, len(frame.verdict))

        def across(values):
            return list(zip(x, (TOP - np.minimum(values, TOP)) / TOP * height, strict=True))

        area = _mask(size, lambda pen: pen.polygon([(0, height), *across(frame.density), (width, height)], 110))
        picture.paste(MADE, (left, top), area)
        picture.paste(MADE, (left, top), _mask(size, lambda pen: pen.line(across(frame.density), 3)))
        if best is not None:
            picture.paste(GREEN, (left, top), _mask(size, lambda pen: pen.line(across(best), 3)))
        picture.paste(BLACK, (left, top), _mask(size, lambda pen: pen.line(across(frame.verdict), 5)))
        row = np.interp(np.arange(width), x, frame.verdict)
        strip = np.broadcast_to(_TABLE[np.rint(255 * row).astype(int)], (STRIP, width, 3))
        picture.paste(Image.fromarray(np.ascontiguousarray(strip)), (left, bottom + 1))
        tails, heads = (self._pixels(at)[:, 0] for at in (frame.tails, frame.tails + _shortened(frame.pulls)))
        # Neighbours on four heights, so that their arrows do not hide each other.
        rows = STRIP * (np.argsort(np.argsort(tails)) % 4 + 0.6) / 4.4

        def arrows(pen):
            for tail, head, y in zip(tails, heads, rows, strict=True):
                pen.arrow((tail, y), (head, y))

        def feet(pen):
            for tail, y in zip(tails, rows, strict=True):
                pen.dot(tail, y, 2.2)

        picture.paste(BLACK, (left, bottom + 1), _mask((width, STRIP), arrows))
        picture.paste(MADE, (left, bottom + 1), _mask((width, STRIP), feet))

    def _pixels(self, points):
        """Pixels within the large panel, of points (N, 1 or 2) that may lie outside of it."""
        left, top, right, bottom = self.main
        reach = self.scene.reach
        far = np.clip(points, -3 * reach, 3 * reach)
        across = (far[:, :1] + reach) / (2 * reach) * (right - left)
        up = (reach - far[:, 1:]) / (2 * reach) * (bottom - top)
        return np.concatenate([across, up], axis=1)

    def _dots(self, points, radius):
        left, top, right, bottom = self.main

        def draw(pen):
            for x, y in self._pixels(points):
                pen.dot(x, y, radius)

        return _mask((right - left, bottom - top), draw)

    # --- The curves ----------------------------------------------------------------------------

    def _curves(self, picture, box, curves, limits, level, switch):
        left, top, right, bottom = box
        width, height = right - left, bottom - top
        (low, high), pen = limits, ImageDraw.Draw(picture)

        def place(k, y):
            return k / self.last * width, (high - np.clip(y, low, high)) / (high - low) * height

        for y in limits:
            pen.text((left - 6, top + place(0, y)[1]), f"{y:.3g}", fill="black", font=FONT, anchor="rm")
        if switch is not None:
            x = left + place(switch, low)[0]
            pen.line([(x, top), (x, bottom)], fill=plots.COLOURS[4], width=2)
        if level is not None and low < level < high:
            y = top + place(0, level)[1]
            for x in range(left, right, 8):
                pen.line([(x, y), (x + 3, y)], fill=plots.GREY)
            pen.text((right, y - 2), "2 ln 2", fill=plots.GREY, font=FONT, anchor="rb")
        x = left
        for label, colour, values, form in curves:
            points = [place(k, y) for k, y in enumerate(values) if np.isfinite(y)]
            picture.paste(colour, (left, top), _mask((width, height), lambda pen, line=points: pen.line(line, 4)))
            if points:
                a, b = left + points[-1][0], top + points[-1][1]
                pen.ellipse([a - 4, b - 4, a + 4, b + 4], fill=colour, outline="white")
            text = f"{label} {values[-1]:{form}}" if np.isfinite(values[-1]) else label
            pen.text((x, top - 6), text, fill=colour, font=FONT, anchor="ls")
            x += pen.textlength(text, font=FONT) + 16


class _Pen:
    """A pen whose coordinates are those of the final, halved picture."""

    def __init__(self, canvas):
        self.pen = ImageDraw.Draw(canvas)

    def line(self, points, width):
        if len(points) > 1:
            self.pen.line([(2 * x, 2 * y) for x, y in points], fill=255, width=width, joint="curve")

    def polygon(self, points, shade):
        self.pen.polygon([(2 * x, 2 * y) for x, y in points], fill=shade)

    def dot(self, x, y, radius):
        self.pen.ellipse([2 * (x - radius), 2 * (y - radius), 2 * (x + radius), 2 * (y + radius)], fill=255)

    def arrow(self, tail, head):
        tail, head = np.asarray(tail), np.asarray(head)
        length = np.hypot(*(head - tail))
        if length < 1:
            return
        along = (head - tail) / length
        aside = np.array([-along[1], along[0]])
        barb = min(6, length)
        self.line([tail, head - 0.7 * barb * along], 3)
        self.polygon([head, head - barb * (along + 0.5 * aside), head - barb * (along - 0.5 * aside)], 255)


def _mask(size, draw):
    canvas = Image.new("L", (2 * size[0], 2 * size[1]))
    draw(_Pen(canvas))
    return canvas.reduce(2)


def _shortened(pulls):
    """Arrows in units of x: proportional to the gradient, and cut at ``LONGEST``."""
    length = PULL * np.linalg.norm(pulls, axis=1, keepdims=True)
    return PULL * pulls * np.minimum(1, LONGEST / np.maximum(length, 1e-12))


def _limits(curves):
    """Return limits in halves that hold all finite values of the curves and at least [0, 2]."""
    values = np.concatenate([np.asarray(curve.values, float) for curve in curves])
    values = np.clip(values[np.isfinite(values)], -1e6, 1e6)
    return float(np.floor(2 * min(0, *values, 0)) / 2), float(np.ceil(2 * max(2, *values, 2)) / 2)


def _highest(scene):
    return 1.0 if scene.density is None else float(np.log(2))


def _axes(scene, last):
    """Return the figure with all that does not move, and its axes: the large one, losses, measures."""
    figure = plots.Figure(figsize=(9.8, 5.2))
    if scene.dim == 2:
        main = figure.add_axes([0.05, 0.09, 0.435, 0.82])
        main.set(xlim=(-scene.reach, scene.reach), ylim=(-scene.reach, scene.reach))
        main.set_xlabel("$x_1$", fontsize=10, labelpad=1)
        main.set_ylabel("$x_2$", fontsize=10, labelpad=-4)
        _legend(main, arrows="−gradient of G's loss")
        scale = figure.add_axes([0.497, 0.09, 0.014, 0.82])
        bar = figure.colorbar(ScalarMappable(cmap=COLOUR_MAP), cax=scale, ticks=[0, 0.5, 1])
        bar.ax.set_yticklabels(["generated", "D cannot tell", "real"], rotation=90, fontsize=9)
        for name, side in zip(bar.ax.get_yticklabels(), ("bottom", "center", "top"), strict=True):
            name.set_va(side)
    else:
        main = figure.add_axes([0.062, 0.2, 0.448, 0.71])
        main.set(xlim=(-scene.reach, scene.reach), ylim=(0, TOP))
        x = scene.places[:, 0]
        main.fill_between(x, scene.density(x), color=DATA, alpha=0.25, linewidth=0)
        main.plot(x, scene.density(x), color=DATA, linewidth=1.5)
        main.set_ylabel("density, and $D(x)$", fontsize=10, labelpad=2)
        main.set_xlabel("$x$; strip: D's verdict, samples, −gradient of G's loss", fontsize=10, labelpad=1)
        main.tick_params(axis="x", pad=STRIP * 0.72 + 5, length=0)
        _legend(main, lines=True)
    curves = [figure.add_axes([0.635, y, 0.34, 0.33]) for y in (0.56, 0.1)]
    for axes in curves:
        axes.set(xlim=(0, last * scene.stride), ylim=(0, 1), yticks=[])
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=9)
    curves[1].set_xlabel("training step", fontsize=10, labelpad=1)
    return figure, (main, *curves)


def _legend(axes, arrows=None, lines=False):
    """Name what is drawn, above the axes."""
    filled = {"linestyle": "", "marker": "o"}
    axes.plot([], [], color=DATA, label="data $p$" if lines else "data", **filled)
    axes.plot([], [], color=MADE, label="samples $q$" if lines else "samples", **filled)
    if lines:
        axes.plot([], [], color=BLACK, linewidth=2.5, label="$D(x)$")
        axes.plot([], [], color=GREEN, linewidth=1.5, label="$p/(p+q)$")
    if arrows:
        axes.plot([], [], color=BLACK, linestyle="", marker="$→$", markersize=11, label=arrows)
    axes.tick_params(labelsize=9)
    axes.legend(
        loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=4, frameon=False, fontsize=10,
        handletextpad=0.3, columnspacing=1.2, borderaxespad=0.2,
    )  # fmt: skip
