"""Comparer: two versions of one picture on either side of a divider, close up, and where each method stands."""

from functools import lru_cache
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from course_lib import plots, restoration
from course_lib._validate import choice, images_uint8, integer, refuse
from course_lib.explore.base import Control, Explorer
from course_lib.explore.sheet import Sheet

WINDOWS = (16, 32, 64, 128)  # sides of the window that is enlarged, in pixels of the picture
_MAIN, _CLOSE, _GAP, _HEAD = 560, 208, 12, 42  # sides of the picture and of a close-up, gap, height of a line of text
_LEFT, _RIGHT, _INK = plots.COLOURS[0], plots.COLOURS[1], "#222222"


class Comparer(Explorer):
    """Compare versions of pictures: a divider between two of them, and a window of both enlarged side by side.

    ``pictures``: title -> method -> image uint8 (H, W, 3), the same methods for each title and one size within it; or
    one such inner dictionary. The method named ``truth``, if there is one, gives every other its PSNR and SSIM, on
    ``channel`` and without ``crop`` border pixels (``restoration.psnr_of_each``). ``plane``: method -> (PSNR in dB,
    perceptual distance) draws the perception-distortion plane, with ``distance`` as its label, and rings the two shown.
    Raises ``ValueError`` for shapes or names that do not fit.
    """

    def __init__(
        self, pictures, truth="original", channel="y", crop=0, plane=None, distance="kernel distance", title="Compare"
    ):
        self.pictures = _checked(pictures)
        self.title = title
        self.methods = tuple(next(iter(self.pictures.values())))
        self.scores = {t: _scores(v, truth, channel, crop) for t, v in self.pictures.items()}
        self._scale = "luma" if channel == "y" else "RGB"
        for name in plane or {}:
            choice("plane", name, self.methods)
        self._plane = _drawn_plane(plane, distance) if plane else None
        self.controls = tuple(self._controls())
        self.actions = {"Swap sides": lambda values: {"left": values["right"], "right": values["left"]}}
        path = Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"
        self._font = ImageFont.truetype(str(path), 13)
        self._shown = lru_cache(maxsize=64)(self._fitted)

    def draw(self, values):
        """Return the divided picture with the window framed; beside it the window twice, and below those the plane."""
        title, left, right = self._chosen(values)
        a, b = self._shown(title, left), self._shown(title, right)
        height, width = a.shape[:2]
        column = width + _GAP  # where the close-ups and the plane begin
        page = Image.new("RGB", (column + 2 * _CLOSE + _GAP, max(height, self._column()) + _HEAD), "white")
        cut = round(values["divider"] / 100 * width)
        page.paste(Image.fromarray(np.concatenate([a[:, :cut], b[:, cut:]], axis=1)), (0, _HEAD))
        pen = ImageDraw.Draw(page)
        pen.rectangle([cut - 2, _HEAD, cut + 1, _HEAD + height - 1], fill="white")
        pen.line([cut, _HEAD, cut, _HEAD + height - 1], fill=_INK)
        self._write(pen, 0, f"◀ {left}", title, left, _LEFT)
        self._write(pen, width, f"{right} ▶", title, right, _RIGHT, anchor="ra")
        scale, (top, start, side) = height / self._size(title)[0], self._window(values)
        frame = [round(scale * x) for x in (start, top, start + side, top + side)]
        pen.rectangle([frame[0], frame[1] + _HEAD, frame[2] - 1, frame[3] + _HEAD - 1], outline="white", width=3)
        pen.rectangle([frame[0] + 1, frame[1] + _HEAD + 1, frame[2] - 2, frame[3] + _HEAD - 2], outline=_INK)
        for k, (method, ink) in enumerate(((left, _LEFT), (right, _RIGHT))):
            x = column + k * (_CLOSE + _GAP)
            close = self.pictures[title][method][top : top + side, start : start + side]
            page.paste(Image.fromarray(close).resize((_CLOSE, _CLOSE), Image.Resampling.NEAREST), (x, _HEAD))
            pen.text((x, 20), method, fill=ink, font=self._font)
        if self._plane:
            self._paste_plane(page, pen, (column, _HEAD + _CLOSE + _GAP), left, right)
        return np.asarray(page)

    def describe(self, values):
        """Say what stands left and right of the divider, with the scores, and where the window is."""
        title, left, right = self._chosen(values)
        top, start, side = self._window(values)
        scores = [f" ({score})" if (score := self._score(title, name)) else "" for name in (left, right)]
        text = f"{title}: left of the line {left}{scores[0]}; right of the line {right}{scores[1]}; "
        text += f"the line at {values['divider']} % of the width. "
        text += f"Enlarged: {side} × {side} pixels from row {top}, column {start}."
        measured = any(self.scores[title].values())
        return text + (f" PSNR and SSIM on {self._scale}." if measured else "")

    def _controls(self):
        if len(self.pictures) > 1:
            yield Control("picture", "picture", options=tuple(self.pictures))
        last = len(self.methods) - 1
        yield Control("left", "left", options=self.methods, value=0)
        yield Control("right", "right", options=self.methods, value=min(1, last))
        yield Control("divider", "divider (%)", 0, 100, 1, 50, play=True)
        yield Control("across", "window across (%)", 0, 100, 1, 50)
        yield Control("down", "window down (%)", 0, 100, 1, 50)
        sides = tuple(str(side) for side in WINDOWS if side <= min(min(self._size(t)) for t in self.pictures))
        yield Control("window", "window (pixels)", options=sides, value=min(2, len(sides) - 1))

    def _chosen(self, values):
        title = list(self.pictures)[values.get("picture", 0)]
        return title, self.methods[values["left"]], self.methods[values["right"]]

    def _size(self, title):
        return self.pictures[title][self.methods[0]].shape[:2]

    def _window(self, values):
        """Return the top row, first column and side of the enlarged window, inside the picture."""
        title, _, _ = self._chosen(values)
        side = WINDOWS[values["window"]]
        height, width = self._size(title)
        return round(values["down"] / 100 * (height - side)), round(values["across"] / 100 * (width - side)), side

    def _fitted(self, title, method):
        """Return a version at the size it is shown: whole multiples of small pictures, large ones reduced."""
        picture = self.pictures[title][method]
        factor = _MAIN / max(picture.shape[:2])
        if factor >= 1:
            return picture.repeat(int(factor), axis=0).repeat(int(factor), axis=1)
        size = tuple(round(factor * side) for side in picture.shape[1::-1])
        return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))

    def _score(self, title, method):
        score = self.scores[title][method]
        return f"{score[0]:.2f} dB, SSIM {score[1]:.3f}" if score else ""

    def _write(self, pen, x, text, title, method, ink, anchor="la"):
        for y, line in ((4, text), (20, self._score(title, method))):
            pen.text((x, y), line, fill=ink, font=self._font, anchor=anchor)

    def _column(self):
        return _CLOSE + (_GAP + self._plane[0].height if self._plane else 0)

    def _paste_plane(self, page, pen, corner, left, right):
        sheet, axes, points = self._plane
        page.paste(Image.fromarray(sheet.pixels), corner)
        for method, ink, reach in ((right, _RIGHT, 11), (left, _LEFT, 8)):
            if method in points:
                x, y = axes.transData.transform(points[method])
                x, y = corner[0] + round(x), corner[1] + round(sheet.height - y)
                pen.ellipse([x - reach, y - reach, x + reach, y + reach], outline=ink, width=3)


def _checked(pictures):
    """Return title -> method -> image, or refuse what is not of that form."""
    if not isinstance(pictures, dict) or not pictures:
        refuse("pictures", "a dictionary of pictures", repr(pictures)[:80])
    if not isinstance(next(iter(pictures.values())), dict):
        pictures = {"picture": pictures}
    methods = list(next(iter(pictures.values())))
    if len(methods) < 2 or any(list(versions) != methods for versions in pictures.values()):
        refuse("pictures", "the same two methods or more for each", f"{[list(v) for v in pictures.values()]}")
    for title, versions in pictures.items():
        stack = [images_uint8("pictures", np.asarray(x)[None]) for x in versions.values()]
        if len({x.shape for x in stack}) > 1 or stack[0].shape[-1] != 3 or min(stack[0].shape[1:3]) < WINDOWS[0]:
            expected = f"versions of one size, {WINDOWS[0]} pixels or more, in colour"
            refuse(f"pictures[{title!r}]", expected, f"{[x.shape[1:] for x in stack]}")
    return pictures


def _scores(versions, truth, channel, crop):
    """Return method -> (PSNR in dB, SSIM) against the truth, None for the truth itself and where there is none."""
    if truth not in versions:
        return dict.fromkeys(versions)
    true, crop = versions[truth][None], integer("crop", crop, 0)
    measures = restoration.psnr_of_each, restoration.ssim_of_each
    return {
        name: None if name == truth else tuple(float(measure(x[None], true, channel, crop)[0]) for measure in measures)
        for name, x in versions.items()
    }


def _drawn_plane(plane, distance):
    """Return the drawn plane as a ``Sheet``, with its axes and points: better methods stand further right and down."""
    figure, axes = plots.canvas(width=(2 * _CLOSE + _GAP) / 100, height=2.6)
    for k, (name, (psnr, value)) in enumerate(plane.items()):
        axes.plot(psnr, value, "o", color=_INK, markersize=5)
        axes.annotate(name, (psnr, value), xytext=(9, (6, -12)[k % 2]), textcoords="offset points", fontsize=8)
    axes.set(xlabel="PSNR (dB), further right is truer", ylabel=distance)
    axes.margins(0.22)
    return Sheet(figure), axes, dict(plane)
