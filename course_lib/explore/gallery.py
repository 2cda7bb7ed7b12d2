"""Gallery: choose works from sheets of samples, title them, walk between them, and export the learner's own gallery."""

from functools import lru_cache
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from course_lib import latent, plots
from course_lib._validate import refuse
from course_lib.explore.base import Control, Explorer, compiled_decoder
from course_lib.gallery import Gallery as Room

COLUMNS, ROWS = 6, 4
FRAMES = 21  # on the way between two works
LAST_SHEET = 9999
_CELL, _GAP, _LARGE, _HEAD = 64, 4, 272, 30
_SHOWN, _WORK = 9, 72
_WIDTH = COLUMNS * (_CELL + _GAP) + 20 + _LARGE + 4
_SHELF = _HEAD + _LARGE + 46  # where the works begin
_HEIGHT = _SHELF + _WORK + 36
_INK, _GREY, _FRAME = "#222222", "#666666", plots.COLOURS[1]


class Gallery(Explorer):
    """Fill a ``gallery.Gallery`` (``room``) with samples of any decoder, and see the way between two works.

    ``decoder``: see ``compiled_decoder``, with ``latent_dim`` for a plain function. ``model`` is the name of the
    model or its card, kept with every work; ``cards`` are shown on the exported page. The buttons keep the picked
    picture under the title typed, and write files into the gallery's folder; nothing is overwritten.
    """

    title = "Your gallery"

    def __init__(self, decoder, room, model="", latent_dim=None, cards=(), seed=0):
        if not isinstance(room, Room):
            refuse("room", "a course_lib.gallery.Gallery", room)
        self.decode, self.latent_dim = compiled_decoder(decoder, latent_dim)
        self.room, self.model, self.cards = room, model, list(cards)
        self._note = None, ""
        self._sheet = lru_cache(maxsize=8)(lambda seed: self.decode(self._latents(seed)))
        self._walk = lru_cache(maxsize=8)(self._walked)
        path = Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"
        self._font, self._small = (ImageFont.truetype(str(path), size) for size in (13, 11))
        last = {"maximum": 99, "typed": True, "minimum": 1, "group": "Between two works"}
        self.controls = (
            Control("sheet", "Sheet", maximum=LAST_SHEET, value=seed, typed=True, group="Choose"),
            Control("pick", "Picture", minimum=1, maximum=COLUMNS * ROWS, value=1, group="Choose"),
            Control("title", "Title", value="", kind="text", group="Choose"),
            Control("first", "From work", value=1, **last),
            Control("second", "To work", value=2, **last),
            Control("blend", "Way (%)", maximum=100, step=100 // (FRAMES - 1), play=True, group="Between two works"),
        )
        self.actions = {
            "Keep it": self._keep,
            "Another sheet": lambda values: {"sheet": (values["sheet"] + 1) % (LAST_SHEET + 1), "pick": 1, "blend": 0},
            "Retitle work": self._retitle,
            "Take work out": self._take_out,
            "Export page": self._export_page,
            "Export walk": self._export_walk,
        }

    def draw(self, values):
        """Return the sheet with the picked picture framed, the large picture, and the works kept so far."""
        page = Image.new("RGB", (_WIDTH, _HEIGHT), "white")
        pen = ImageDraw.Draw(page)
        pen.text((2, 8), f"Sheet {values['sheet']}: pick one", _INK, self._font)
        for k, picture in enumerate(self._sheet(values["sheet"])):
            left, top = (k % COLUMNS) * (_CELL + _GAP) + 4, _HEAD + (k // COLUMNS) * (_CELL + _GAP)
            _paste(page, picture, left, top, _CELL)
            if k == values["pick"] - 1:
                pen.rectangle([left - 3, top - 3, left + _CELL + 2, top + _CELL + 2], outline=_FRAME, width=3)
        picture, says = self._large(values)
        left = COLUMNS * (_CELL + _GAP) + 20
        pen.text((left, 8), says, _INK, self._font)
        _paste(page, picture, left, _HEAD, _LARGE)
        self._draw_works(page, pen, values)
        return np.asarray(page)

    def picture(self, values):
        """Return the large picture alone, uint8 (H, W, C)."""
        return self._large(values)[0]

    def describe(self, values):
        """Say which picture is large, which works there are, and what the last button did."""
        titles = "; ".join(f"{k} {work['title']}" for k, work in enumerate(self.room.works, 1))
        kept = f"Works: {titles}." if titles else "No work yet: type a title and press Keep it."
        told = [f"Large: {self._large(values)[1]}.", kept]
        problem = self._no_walk(values)
        if values["blend"] and problem:
            told.append(problem)
        if self._note[0] == values:  # until something moves
            told.append(self._note[1])
        return " ".join(told)

    def static(self):
        """Return a figure of half of the first sheet, for readers without a kernel."""
        first, shown = self.values()["sheet"], COLUMNS * ROWS // 2  # half of it, to keep a stored lesson small
        alt = f"Sheet {first}: the first {shown} of {COLUMNS * ROWS} samples to choose from. {self.text()}"
        return plots.image_grid(self._sheet(first)[:shown], columns=COLUMNS, size=0.9, title=self.title, alt=alt)

    # --- Pictures --------------------------------------------------------------------------------

    def _latents(self, sheet):
        return np.random.default_rng(sheet).standard_normal((COLUMNS * ROWS, self.latent_dim))

    def _large(self, values):
        """Return the large picture and its name: the picked sample, or one on the way between two works."""
        if values["blend"] and not self._no_walk(values):
            a, b = (self.room[values[name] - 1] for name in ("first", "second"))
            frame = round(values["blend"] / 100 * (FRAMES - 1))
            return self._walk(tuple(a["z"]), tuple(b["z"]))[
                frame
            ], f"{values['blend']} % from {_short(a)} to {_short(b)}"
        return self._sheet(values["sheet"])[values["pick"] - 1], f"picture {values['pick']} of sheet {values['sheet']}"

    def _walked(self, a, b):
        return self.decode(latent.slerp(a, b, FRAMES))

    def _no_walk(self, values):
        """Return why there is no way between the two works chosen, or an empty text."""
        for name in ("first", "second"):
            if values[name] > len(self.room):
                return f"There is no work {values[name]} yet."
            z = self.room[values[name] - 1]["z"]
            if z is None or len(z) != self.latent_dim:
                return f"Work {values[name]} was not made by this decoder."
        return ""

    def _draw_works(self, page, pen, values):
        count = len(self.room)
        more = f" (the last {_SHOWN} are shown)" if count > _SHOWN else ""
        pen.text((2, _SHELF - 26), f"Your works: {count}{more}", _INK, self._font)
        for place, k in enumerate(range(max(0, count - _SHOWN), count)):
            left, top = place * (_WORK + 4) + 4, _SHELF
            try:
                _paste(page, self.room.picture(k), left, top, _WORK)
            except ValueError:  # its file is gone: an empty place instead of no gallery at all
                pen.rectangle([left, top, left + _WORK - 1, top + _WORK - 1], outline=_GREY)
            if k + 1 in (values["first"], values["second"]):
                pen.rectangle([left - 2, top - 2, left + _WORK + 1, top + _WORK + 1], outline=_FRAME, width=2)
            for line, text in enumerate(_fitting(f"{k + 1} {self.room[k]['title']}", self._small)):
                pen.text((left, top + _WORK + 3 + 14 * line), text, _GREY, self._small)

    # --- Buttons ---------------------------------------------------------------------------------

    def _keep(self, values):
        z = self._latents(values["sheet"])[values["pick"] - 1]
        title = values["title"].strip() or f"Picture {values['pick']} of sheet {values['sheet']}"
        picture = self._sheet(values["sheet"])[values["pick"] - 1]
        place = self.room.add(picture, title, self.model, z=z, seed=values["sheet"], picture=values["pick"])
        return self._done(values | {"title": "", "blend": 0}, f"Kept as work {place + 1}.")

    def _retitle(self, values):
        if values["first"] > len(self.room) or not values["title"].strip():
            return self._done(values, "Type a title and choose a work under From work.")
        self.room.rename(values["first"] - 1, values["title"])
        return self._done(values | {"title": ""}, f"Work {values['first']} has a new title.")

    def _take_out(self, values):
        if values["first"] > len(self.room):
            return self._done(values, f"There is no work {values['first']}.")
        gone = self.room.remove(values["first"] - 1)
        return self._done(values | {"blend": 0}, f"{gone['title']} is out of the gallery; {gone['file']} stays.")

    def _export_page(self, values):
        if not len(self.room):
            return self._done(values, "Keep a work first.")
        return self._done(values, f"Written: {self.room.export_html(cards=self.cards)}.")

    def _export_walk(self, values):
        problem = self._no_walk(values)
        if problem:
            return self._done(values, problem)
        path = self.room.export_gif(values["first"] - 1, values["second"] - 1, self.decode)
        return self._done(values, f"Written: {path}.")

    def _done(self, values, note):
        self._note = values, note
        return values


def _short(work):
    return work["title"] if len(work["title"]) <= 18 else work["title"][:17] + "…"


def _fitting(text, font):
    """Return the start of a text as at most two lines that fit under a work."""
    lines = []
    for _ in range(2):
        end = len(text)
        while font.getlength(text[:end]) > _WORK:
            end -= 1
        if end < len(text) and " " in text[: end + 1]:
            end = text.rindex(" ", 0, end + 1)
        lines.append(text[:end])
        text = text[end:].strip()
    return lines


def _paste(page, picture, left, top, side):
    """Put a picture into a square, enlarged by a whole number where it is smaller."""
    square = Image.fromarray(np.broadcast_to(picture, (*picture.shape[:2], 3)))
    page.paste(square.resize((side, side), Image.Resampling.NEAREST), (left, top))
