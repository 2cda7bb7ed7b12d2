"""MetricLab: damage a set of pictures, or cheat with it, and see which metrics are fooled."""

from functools import lru_cache
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from course_lib import data, plots
from course_lib.explore.base import Control, Explorer
from course_lib.explore.metric_sets import BLURS, DUPLICATE, HANDFUL, LEFT_OUT, MEASURES, MEMORISED, SOURCES, MetricSets

# Heading of a group -> the measures in it: name in MEASURES -> text on the bar.
GROUPS = {
    "Distances: lower is better": {"frechet": "Fréchet distance", "kernel": "kernel distance"},
    "Neighbours: higher is better": {n: n for n in ("precision", "recall", "density", "coverage")},
    "Memorisation: best where fresh data are": {"closer": "closer", "copies": "copies"},
}
NAMES = {key: text for group in GROUPS.values() for key, text in group.items()}
LINEAR = 10  # distances are drawn on a scale that is linear up to about here, and logarithmic above
DENSEST = 1.5  # density's bar ends here, the other shares' at 1
_TARGET = {"closer": 0.5, "copies": 0.01}  # of fresh data, by the measures' definitions
_BLUE, _ORANGE, _INK, _GREY, _PALE = plots.COLOURS[0], plots.COLOURS[1], "#222222", plots.GREY, "#E9E9E9"
_FRAMES = {MEMORISED: plots.COLOURS[3], DUPLICATE: plots.COLOURS[4]}
_WORDS = {"better": ("▲ better", _ORANGE), "same": ("= same", _GREY), "worse": ("▼ worse", _BLUE)}
_WIDTH, _HEIGHT, _TOP = 1000, 440, 40
_CELL, _COLUMNS, _SHOWN = 62, 4, 24  # a picture with its frame in pixels; pictures of each sheet
_SHEETS = (8, 268)  # left ends of candidate and reference
_HEADING, _NAME, _LEFT, _RIGHT, _NUMBER, _VERDICT = 532, 648, 656, 866, 874, 930
_BAR = 16  # pixels high
_ENDING_AT_1 = ("precision", "recall", "coverage", "closer", "copies")
_UNCHANGED = {"blur": 0.0, "dropped": 0, "duplicates": 0.0, "memorised": 0.0}
_LEAST = 0.005  # a smaller change of any measure is none


class MetricLab(Explorer):
    """Fool the metric: 1,000 candidate pictures against 1,000 Fashion-MNIST pictures that no model has seen.

    The candidate comes from held-out data, the zoo's GAN or VAE, or noise; it can be blurred, lose classes, be filled
    with duplicates of five pictures or with exact training pictures. Each bar carries a tick for fresh data and one for
    the same source unchanged. ``blur`` is rounded to half pixels. Building takes some seconds, and so does the first
    use of each source.
    """

    title = "Fool the metric"
    actions = {
        "Memorising VAE": lambda values: {**_UNCHANGED, "source": 2, "memorised": 0.5},
        "Blurred noise": lambda values: {**_UNCHANGED, "source": 3, "blur": 1.0},
    }
    controls = (
        Control("source", "source", options=SOURCES),
        Control("blur", "blur σ (pixels)", BLURS[0], BLURS[-1], BLURS[1], 0.0),
        Control("dropped", "classes left out", 0, len(LEFT_OUT), 1, 0),
        Control("duplicates", "share duplicates", 0.0, 1.0, 0.05, 0.0),
        Control("memorised", "share memorised", 0.0, 1.0, 0.05, 0.0),
    )

    def __init__(self):
        self.sets = MetricSets()
        self._measured = lru_cache(maxsize=64)(self._measure)  # picture and text ask for the same numbers
        self.fresh = self._measured(SOURCES[0], 0, 0, 0.0, 0.0)
        path = Path(matplotlib.get_data_path()) / "fonts/ttf"
        self._font, self._small = (ImageFont.truetype(str(path / "DejaVuSans.ttf"), size) for size in (13, 11))
        self._bold = ImageFont.truetype(str(path / "DejaVuSans-Bold.ttf"), 13)
        self._tops = _row_tops()
        self._background = self._drawn_background()

    def numbers(self, **values):
        """Return the measures of the candidate: frechet, kernel, precision, recall, density, coverage, closer, copies.

        As ``course_lib.metrics`` computes them on the classifier's features; ``closer`` and ``copies`` are those of
        ``metrics.memorisation``, with 2,500 training pictures and the reference as the held-out ones.
        """
        return dict(self._measured(*_key(self.values(**values))))

    def verdicts(self, **values):
        """Return for each measure how it rates the candidate against its unchanged source: "better", "same" or "worse".

        Less than two standard deviations of fresh sets from that source count as "same". Empty if nothing was changed.
        """
        return self._verdicts(self.values(**values))

    def draw(self, values):
        """Return pictures of the candidate and of the reference beside a bar for each measure."""
        page = self._background.copy()
        pen = ImageDraw.Draw(page)
        key = _key(values)
        pen.text((_SHEETS[0], 12), f"Candidate: {key[0]}", fill=_INK, font=self._bold)
        places, kinds = self.sets.pick(key[0], *key[2:])
        pictures = self.sets.images(*key[:2], places[:_SHOWN])
        _paste_sheet(page, _SHEETS[0], pictures, [_FRAMES.get(kind) for kind in kinds[:_SHOWN]])
        numbers, before, verdicts = self._measured(*key), self._measured(key[0], 0, 0, 0.0, 0.0), self._verdicts(values)
        if verdicts:
            pen.text((_VERDICT, 14), "vs. before", fill=_GREY, font=self._small)
        for name, value in numbers.items():
            self._draw_bar(pen, name, value, before[name])
            middle = self._tops[name] + _BAR / 2
            pen.text((_NUMBER, middle), _said(name, value), fill=_INK, font=self._font, anchor="lm")
            if verdicts:
                text, colour = _WORDS[verdicts[name]]
                pen.text((_VERDICT, middle), text, fill=colour, font=self._font, anchor="lm")
        return np.asarray(page)

    def describe(self, values):
        """Say the settings, every number with the one before the changes, and which measures were fooled."""
        key = _key(values)
        numbers, before = self._measured(*key), self._measured(key[0], 0, 0, 0.0, 0.0)
        changes, verdicts = _changes(values), self._verdicts(values)
        if not verdicts:
            said = ", ".join(f"{NAMES[name]} {_said(name, value)}" for name, value in numbers.items())
            return f"Candidate: {len(self.sets.reference)} pictures of {key[0]}, unchanged: {said}."
        said = ", ".join(f"{NAMES[n]} {_said(n, v)} (before {_said(n, before[n])})" for n, v in numbers.items())
        told = f"Candidate: {len(self.sets.reference)} pictures of {key[0]}, {_joined(changes)}: {said}. "
        if verdicts["frechet"] == "better":
            told += f"The Fréchet distance fell although the set is {changes[-1]}. "
        return f"{told}No change made a better generator. {_who(verdicts)}"

    def static(self):
        """Return a figure of a VAE half of whose set are training pictures, for readers without a kernel."""
        values = self.actions["Memorising VAE"](self.values())
        picture = self.draw(values)
        return plots.image_grid(picture[None], size=picture.shape[0] / 100, alt=self.describe(values))

    def _measure(self, source, level, *shares):
        return self.sets.measure(source, level, self.sets.pick(source, *shares)[0])

    def _verdicts(self, values):
        if not _changes(values):
            return {}
        key = _key(values)
        numbers, before = self._measured(*key), self._measured(key[0], 0, 0, 0.0, 0.0)
        spread = self.sets.spread(key[0])
        return {n: _verdict(_badness(n, before[n]), _badness(n, numbers[n]), 2 * spread[n]) for n in MEASURES}

    def _at(self, name, value):
        """Return where a value stands on its bar, in pixels, and at the ends if it is beyond them."""
        if name in self.sets.ceiling:
            share = np.arcsinh(value / LINEAR) / np.arcsinh(self.sets.ceiling[name] / LINEAR)
        else:  # all shares on one scale, so that 1 is at the same place
            share = value / DENSEST
        return round(_LEFT + float(np.clip(share, 0, 1)) * (_RIGHT - _LEFT))

    def _draw_bar(self, pen, name, value, before):
        top, at = self._tops[name], self._at(name, value)
        start = self._at(name, _TARGET["closer"] if name == "closer" else 0)
        if at != start:
            pen.rectangle([min(start, at), top, max(start, at), top + _BAR], fill=_BLUE)
        if value > self.sets.ceiling.get(name, DENSEST):  # an arrow: the bar is cut off here
            tip = [(_RIGHT - 9, top + 3), (_RIGHT - 2, top + _BAR / 2), (_RIGHT - 9, top + _BAR - 3)]
            pen.polygon(tip, fill="white")
        _tick(pen, self._at(name, before), top, dashed=True)
        _tick(pen, self._at(name, self.fresh[name]), top)

    def _drawn_background(self):
        """Return what never moves: the reference, the bars' tracks and scales, names and legends."""
        page = Image.new("RGB", (_WIDTH, _HEIGHT), "white")
        pen = ImageDraw.Draw(page)
        pen.text((_SHEETS[1], 12), "Reference: held-out data", fill=_INK, font=self._bold)
        _paste_sheet(page, _SHEETS[1], self.sets.reference_images[:_SHOWN])
        for heading, group in GROUPS.items():
            pen.text((_HEADING, self._tops[next(iter(group))] - 28), heading, fill=_INK, font=self._bold)
            for name, text in group.items():
                top, end = self._tops[name], self._at(name, 1) if name in _ENDING_AT_1 else _RIGHT
                pen.rectangle([_LEFT, top, end, top + _BAR], fill=_PALE)
                pen.text((_NAME, top + _BAR / 2), text, fill=_INK, font=self._font, anchor="rm")
            self._draw_scales(pen, group)
        self._draw_legends(pen)
        return page

    def _draw_scales(self, pen, group):
        """Write values under each distance, and under the last bar of the other groups."""
        for name in group:
            if name in self.sets.ceiling:
                marks = {v: f"{v:,}" for v in (0, 10, 100, 1000, 10_000) if v < 0.9 * self.sets.ceiling[name]}
            elif name == list(group)[-1]:
                marks = {0: "0", 0.5: "0.5", 1: "1", **({1.5: "1.5"} if "density" in group else {})}
            else:
                continue
            for value, text in marks.items():
                x, bottom = self._at(name, value), self._tops[name] + _BAR
                pen.line([(x, bottom + 1), (x, bottom + 4)], fill=_GREY)
                pen.text((x, bottom + 5), text, fill=_GREY, font=self._small, anchor="ma")

    def _draw_legends(self, pen):
        x, top = _SHEETS[0], _TOP + _SHOWN // _COLUMNS * _CELL + 8
        for kind, text in ((DUPLICATE, f"duplicates of {HANDFUL} pictures"), (MEMORISED, "training pictures")):
            pen.rectangle([x, top, x + 14, top + 14], outline=_FRAMES[kind], width=3)
            pen.text((x + 20, top + 7), text, fill=_INK, font=self._small, anchor="lm")
            x += 190
        for x, text, dashed in ((_HEADING, "fresh data", False), (_HEADING + 110, "before your changes", True)):
            _tick(pen, x + 4, top - 1, dashed)
            pen.text((x + 14, top + 7), text, fill=_INK, font=self._small, anchor="lm")


def _key(values):
    """Return source, level of blur, dropped classes, and the shares of duplicates and of memorised pictures."""
    level = round(values["blur"] / BLURS[1])
    return SOURCES[values["source"]], level, *(values[name] for name in ("dropped", "duplicates", "memorised"))


def _changes(values):
    """Return what was done to the source, each as words that follow "the set is"; empty for the source itself."""
    _, level, dropped, duplicates, memorised = _key(values)
    classes = _joined([data.FASHION_NAMES[c] for c in LEFT_OUT[:dropped]])
    said = {
        f"blurred by σ = {BLURS[level]} pixels": level,
        f"without {classes}": dropped,
        f"{memorised:.0%} exact training pictures": memorised,
        f"{duplicates:.0%} duplicates of {HANDFUL} pictures": duplicates,
    }
    return [words for words, amount in said.items() if amount]


def _badness(name, value):
    """Return a number that is larger for a worse value of a measure."""
    if name in _TARGET:
        return abs(value - _TARGET[name])
    return value if name in ("frechet", "kernel") else -value


def _verdict(before, after, chance):
    change = after - before
    return "same" if abs(change) <= max(chance, _LEAST) else "worse" if change > 0 else "better"


def _who(verdicts):
    """Return who was fooled, in words."""
    better, same, worse = ([NAMES[n] for n, v in verdicts.items() if v == word] for word in _WORDS)
    told = f"Fooled, they rate it better: {_joined(better)}. " if better else "None was fooled. "
    told += f"They see no difference: {_joined(same)}. " if same else ""
    return told + (f"They notice, and rate it worse: {_joined(worse)}." if worse else "None notices.")


def _said(name, value):
    """Return a measure's value as text: a distance with four digits, a share with two decimals."""
    if name in ("frechet", "kernel"):
        return (f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.1f}").replace("-", "−")
    return f"{value:.2f}"


def _joined(words):
    """Return words as an enumeration with commas and a last "and"."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def _row_tops():
    """Return the top of each measure's bar in pixels."""
    tops, y = {}, _TOP - 34
    for group in GROUPS.values():
        y += 34
        for name in group:
            tops[name] = y
            y += _BAR + (26 if name in ("frechet", "kernel") else 12)
        y += 0 if name == "kernel" else 14  # room for the scale
    return tops


def _paste_sheet(page, left, pictures, frames=()):
    """Draw pictures (n, 28, 28, 1) doubled in rows of ``_COLUMNS``, framed where ``frames`` has a colour."""
    pen = ImageDraw.Draw(page)
    for k, picture in enumerate(pictures):
        x, y = left + k % _COLUMNS * _CELL, _TOP + k // _COLUMNS * _CELL
        if k < len(frames) and frames[k]:
            pen.rectangle([x, y, x + _CELL - 1, y + _CELL - 1], fill=frames[k])
        page.paste(Image.fromarray(picture[..., 0]).resize((56, 56), Image.Resampling.NEAREST), (x + 3, y + 3))


def _tick(pen, x, top, dashed=False):
    """Draw a black mark across a bar, on white so that it shows on the bar too."""
    low, high = top - 4, top + _BAR + 4
    pen.rectangle([x - 2, low, x + 2, high], fill="white")
    for y in range(low, high, 6) if dashed else (low,):
        pen.rectangle([x - 1, y, x + (0 if dashed else 1), y + 2 if dashed else high], fill=_INK)
