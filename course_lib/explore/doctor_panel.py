"""DoctorPanel: recorded GANs without their names, to be diagnosed before the doctor speaks; and the record itself."""

import json
import textwrap
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from course_lib import _assets, plots
from course_lib import images as _images
from course_lib._diagnoses import diagnose
from course_lib._validate import refuse
from course_lib.explore.base import Control, Explorer
from course_lib.explore.sheet import Sheet

RECORD = "lessons/07_doctor_runs"
ANSWERS = (
    "not answered yet",
    "healthy",
    "collapse",
    "discriminator overpowering",
    "oscillation",
    "range mismatch",
    "dead units",
)
# Panel title -> the lines in it: legend text -> column of a run.
CHARTS = {
    "Losses": {"D": "d_loss", "G": "g_loss"},
    "D's accuracy": {"on data": "accuracy_real", "on samples": "accuracy_fake"},
    "Logit gap": {"gap": "logit_gap"},
    "Gradient norms": {"D": "gradient_discriminator", "G": "gradient_generator"},
    "Variety (data: about 1)": {"distance": "diversity", "bins": "bins", "recall": "recall"},
    "Movement, dead channels": {
        "movement": "movement",
        "dead, G": "dead_generator",
        "dead, D": "dead_discriminator",
    },
}
_DATA, _SAMPLES, _INK = plots.COLOURS[0], plots.COLOURS[1], "#333333"
_VERDICT = 100  # height in pixels of the band under the charts


@cache
def recorded_card():
    """Return the card of the recorded runs: how they were made, named and used, with the confusion tables."""
    return json.loads((_assets.ROOT / f"{RECORD}.json").read_text(encoding="utf-8"))


def recorded_runs():
    """Return the recorded runs as a list of dictionaries.

    Each holds its settings, ``label`` (what the judge named it, "" if it was dropped), ``half`` ("calibration" or
    "test"), ``records`` as ``callbacks.GanDoctor`` made them, the losses ``d_loss`` and ``g_loss``, and for the runs of
    the gallery ``samples``, one set a visit: uint8 images (V, 9, 28, 28, 1) or points (V, 128, 2), and ``examples`` of
    the data. Raises ``AssetError`` if the file is damaged.
    """
    card = recorded_card()
    arrays = _assets.read_npz(f"{RECORD}.npz", card["sha256"], rebuild="python tools/record_doctor_runs.py")
    runs = []
    for k, facts in enumerate(card["runs"]):
        table = arrays["records"][k].astype(float)
        known = [j for j, name in enumerate(card["measures"]) if not np.isnan(table[1:, j]).all()]
        records = [{card["measures"][j]: float(row[j]) for j in known} for row in table]
        losses = dict(zip(("d_loss", "g_loss"), arrays["losses"][k].astype(float), strict=True))
        kept = {"samples": arrays[f"samples_{k}"], "examples": arrays[f"data_{k}"]} if k in card["gallery"] else {}
        runs.append({**facts, "records": records, **losses, **kept})
    return runs


def gallery():
    """Return the runs of the quiz, in its order."""
    runs = recorded_runs()
    return [runs[k] for k in recorded_card()["gallery"]]


def exercise_cases():
    """Return the three runs of exercise 07: one that oscillates, a healthy one, and one whose D has won."""
    wanted = ("oscillation", "healthy", "discriminator overpowering")
    return [next(run for run in gallery() if run["label"] == name) for name in wanted]


def findings(run):
    """Return the doctor's report on a run, by what he can see without being told the modes."""
    return diagnose([{k: v for k, v in r.items() if k not in ("kept", "high_quality")} for r in run["records"]])


class DoctorPanel(Explorer):
    """A quiz: the measurements and samples of a GAN without its name, your diagnosis, then the doctor's and the truth.

    ``cases`` is a list of runs as ``gallery()`` returns them, which is the default. The cursor runs over the visits: 0
    is before training. Raises ``ValueError`` for an empty list or a run without samples.
    """

    def __init__(self, cases=None, title="Which sickness is it?"):
        self.cases = gallery() if cases is None else list(cases)
        if not self.cases or any("samples" not in case for case in self.cases):
            refuse("cases", "at least one run, each with samples", f"{len(self.cases)} runs")
        self.title = title
        last = min(len(case["records"]) for case in self.cases) - 1
        self.controls = (
            Control("case", "case", 1, len(self.cases), 1, 1),
            Control("visit", "visit", 0, last, 1, last, play=True),
            Control("answer", "your diagnosis", options=ANSWERS),
        )
        path = Path(matplotlib.get_data_path()) / "fonts/ttf"
        self._font = ImageFont.truetype(str(path / "DejaVuSans.ttf"), 13)
        self._bold = ImageFont.truetype(str(path / "DejaVuSans-Bold.ttf"), 13)
        self._sheets = [_drawn(case, k) for k, case in enumerate(self.cases, 1)]
        self._reports = [findings(case) for case in self.cases]

    def draw(self, values):
        """Return charts with a cursor, the samples at it, and below, once there is an answer, the verdict."""
        case = self.cases[values["case"] - 1]
        sheet, charts, place = self._sheets[values["case"] - 1]
        page = Image.new("RGB", (sheet.pixels.shape[1], sheet.height + _VERDICT), "white")
        page.paste(Image.fromarray(sheet.pixels))
        pen = ImageDraw.Draw(page)
        for axes in charts:
            x, _ = axes.transData.transform((values["visit"], 0))
            _, top, _, bottom = sheet.box(axes)
            pen.line([(round(x), top), (round(x), bottom)], fill=_INK, width=1)
        left, top, right, bottom = sheet.box(place)
        page.paste(Image.fromarray(_picture(case, values["visit"], right - left, place)), (left, top))
        lines = self._verdict(values)
        pen.text((12, sheet.height + 2), lines[0], fill=_INK, font=self._bold)
        for k, line in enumerate(lines[1:]):
            pen.text((12, sheet.height + 22 + 19 * k), line, fill=_INK, font=self._font)
        return np.asarray(page)

    def samples(self, case, visit):
        """Return the square picture of the samples of a case at one visit, uint8 (side, side, 3)."""
        values = self.values(case=case, visit=visit)
        sheet, _, place = self._sheets[values["case"] - 1]
        left, _, right, _ = sheet.box(place)
        return _picture(self.cases[values["case"] - 1], values["visit"], right - left, place)

    def describe(self, values):
        """Say the case, the visit with its numbers, and, once there is an answer, the verdict."""
        record = self.cases[values["case"] - 1]["records"][values["visit"]]
        numbers = (
            f"Case {values['case']}, visit {values['visit']}: D right on {record['accuracy_real']:.0%} of the data and "
            f"{record['accuracy_fake']:.0%} of the samples, logits {record['logit_gap']:.1f} apart, samples "
            f"{record['diversity']:.0%} as far apart as data, {record['bins']:.0%} of the data's regions filled."
        )
        return " ".join([numbers, *self._verdict(values)])

    def static(self):
        """Return a figure of two cases, the second with its verdict, for readers without a kernel."""
        second = min(2, len(self.cases))
        chosen = [{"case": 1}, {"case": second, "answer": 1}]
        pictures = np.stack([self.render(**values) for values in chosen])
        alt = " ".join(self.text(**values) for values in chosen)
        return plots.image_grid(pictures, columns=1, size=pictures.shape[1] / 100, alt=alt)

    def _verdict(self, values):
        """Return the lines under the charts: a heading, then the doctor's report."""
        if values["answer"] == 0:
            return ["Choose your diagnosis; the verdict appears here."]
        case, report = self.cases[values["case"] - 1], self._reports[values["case"] - 1]
        given, truth = ANSWERS[values["answer"]], case["label"]
        right = given == truth or given in case["also"]
        also = f" (and {' and '.join(case['also'])})" if case["also"] else ""
        heading = f"{'Right' if right else 'Not this time'}: your diagnosis “{given}”, the truth “{truth}”{also}."
        told = f"How the run was made: {case['name']}. The doctor: "
        if not report:
            told += "no known sickness found."
        else:
            first, *others = report
            told += f"{first.name}; {first.evidence}. Try: {first.advice}."
            told += f" He also finds: {', '.join(d.name for d in others)}." if others else ""
        return [heading, *textwrap.wrap(told, 132)]


def _drawn(case, number):
    """Return the sheet of a case: its charts without cursor, their axes, and the axes where the samples go."""
    figure, grid = plots.canvas(9.6, 3.9, 2, 4, width_ratios=[1, 1, 1, 1.55])
    space = grid[0, 3].get_gridspec()[:, 3]
    for axes in grid[:, 3]:
        axes.remove()
    place = figure.add_subplot(space)
    charts = grid[:, :3].ravel()
    for axes, (title, lines) in zip(charts, CHARTS.items(), strict=True):
        _draw_chart(axes, title, {text: _column(case, name) for text, name in lines.items()})
    for axes in charts[3:]:
        axes.set_xlabel("visit", fontsize=9)
    place.set(xticks=[], yticks=[], aspect="equal")
    place.grid(False)
    place.spines[:].set_visible(False)
    if case["examples"].ndim == 2:
        reach = 1.5 * np.abs(case["examples"] - case["examples"].mean(axis=0)).max()
        centre = case["examples"].astype(float).mean(axis=0)
        place.set(xlim=(centre[0] - reach, centre[0] + reach), ylim=(centre[1] - reach, centre[1] + reach))
        place.set_xticks(centre[0] + np.array([-0.9, 0, 0.9]) * reach)  # the scale is a clue
        place.xaxis.set_major_formatter("{x:.3g}")
        place.set_title("data (blue) and samples (orange)", fontsize=10)
    else:
        place.set(xlim=(0, 1), ylim=(0, 1))
        place.set_title("samples; below, three of the data", fontsize=10)
    figure.suptitle(f"Case {number}", fontsize=11)
    return Sheet(figure), charts, place


def _column(case, name):
    return case[name] if name in case else np.array([record[name] for record in case["records"]])


def _draw_chart(axes, title, lines):
    """Draw lines over the visits; a scale that spans more than three decades is logarithmic."""
    for k, (text, values) in enumerate(lines.items()):
        axes.plot(values, plots.STYLES[k], color=plots.COLOURS[(0, 1, 2)[k]], linewidth=1.7, label=text)
    everything = np.concatenate([np.asarray(values, float) for values in lines.values()])
    everything = everything[np.isfinite(everything)]
    if "norm" in title and everything.min() > 0:
        axes.set_yscale("log")
    elif "accuracy" in title:
        axes.set_ylim(-0.05, 1.05)
    elif "gap" in title:
        axes.set_ylim(min(-1, everything.min() * 1.1), max(4, everything.max() * 1.1))
    else:
        axes.set_ylim(min(0, everything.min() * 1.1), max(1.1, everything.max() * 1.1))
    axes.set_title(title, fontsize=10)
    axes.tick_params(labelsize=8)
    axes.set_xlim(0, len(lines[next(iter(lines))]) - 1)
    if len(lines) > 1:
        axes.legend(fontsize=8, frameon=True, framealpha=0.8, edgecolor="none", handlelength=1.6, borderpad=0.2)


def _picture(case, visit, side, place):
    """Return a square picture of the samples at a visit: nine pictures over three of the data, or points over data."""
    samples = case["samples"][visit]
    if samples.ndim == 4:
        joined = _images.tile(np.concatenate([samples[:9], case["examples"][:3]]), columns=3)[..., 0]
        size = round(side * joined.shape[1] / joined.shape[0]), side
        page = Image.new("RGB", (side, side), "white")
        page.paste(Image.fromarray(joined).resize(size, Image.Resampling.NEAREST), ((side - size[0]) // 2, 0))
        return np.asarray(page)
    page = Image.new("RGB", (2 * side, 2 * side), "white")  # twice the size and reduced, which smooths the edges
    pen = ImageDraw.Draw(page)
    low, high = np.array([place.get_xlim(), place.get_ylim()]).T
    for points, colour, radius in ((case["examples"], _DATA, 4), (samples, _SAMPLES, 5)):
        at = 2 * side * (points.astype(float) - low) / (high - low)
        for x, y in at[np.isfinite(at).all(axis=1)].clip(-99, 3 * side):
            pen.ellipse([x - radius, 2 * side - y - radius, x + radius, 2 * side - y + radius], fill=colour)
    return np.asarray(page.reduce(2))
