"""StyleMixer: a picture in a blend of two styles, at once by AdaIN and then, tick by tick, by optimisation."""

from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from course_lib import plots
from course_lib._style_pictures import checked_picture
from course_lib._validate import integer, refuse
from course_lib.explore.base import Control, Explorer

SCALES = {"half": 0.5, "as the picture": 1.0, "double": 2.0}  # size at which styles are read, in sizes of the picture
TICKS, STEPS = 24, 3  # of refinement: positions of its slider, and steps of optimisation in each
FULL = 10.0  # weight of the style against the content when the strength is 100 %
_MAIN, _SMALL = (504, 378), (160, 120)  # width and height in which the result and its sources are fitted
_GAP, _HEAD, _INK = 12, 20, "#222222"


class StyleMixer(Explorer):
    """Give a picture the blend of two styles: first as ``fast`` decodes it, then refined by ``painter``.

    ``contents`` and ``styles``: title -> picture uint8 (H, W, 3). ``fast``: a ``style.AdaIN``, which draws at every
    move. ``painter``: a ``style.StyleTransfer``, which goes on from there as the refinement advances, ``STEPS`` steps a
    tick; any other move takes the refinement back to 0. ``size``: the longer side of what is painted, in pixels.
    Raises ``ValueError`` for bad pictures, and for fewer than two styles.
    """

    def __init__(self, contents, styles, fast, painter, size=96, title="Style mixer"):
        self.contents = {name: checked_picture("contents", picture) for name, picture in contents.items()}
        self.styles = {name: checked_picture("styles", picture) for name, picture in styles.items()}
        if not self.contents or len(self.styles) < 2:
            refuse("styles", "at least one content and two styles", f"{len(self.contents)} and {len(self.styles)}")
        self.fast, self.painter, self.size = fast, painter, integer("size", size, 32)
        self.title = title
        pictures = [(True, *item) for item in self.contents.items()] + [(False, *item) for item in self.styles.items()]
        self._small = {(is_content, name): _fitted(picture, _SMALL) for is_content, name, picture in pictures}
        self._maps, self._statistics = {}, {}
        self._painting = None, None, []
        self._font = ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"), 13)
        self.controls = (
            Control("content", "Picture", options=tuple(self.contents)),
            Control("first", "First style", options=tuple(self.styles)),
            Control("second", "Second style", options=tuple(self.styles), value=1),
            Control("mix", "Second's share (%)", maximum=100),
            Control("strength", "Strength (%)", maximum=100, value=80),
            Control("scale", "Styles read at", options=tuple(SCALES), value=1),
            Control("refinement", "Refinement", maximum=TICKS, play=True),
        )

    def after(self, name):
        """Return the refinement back at 0 when another control has moved: the preview is then drawn at once."""
        return {} if name == "refinement" else {"refinement": 0}

    def picture(self, values):
        """Return the painted picture alone, uint8 (h, w, 3)."""
        return self._preview(values) if values["refinement"] == 0 else self._refined(values).image

    def draw(self, values):
        """Return the painted picture, enlarged, and below it the content and the two styles."""
        shares = ("picture", f"{100 - values['mix']} %", f"{values['mix']} %")
        below = _MAIN[1] + _GAP
        page = Image.new("RGB", (_MAIN[0], below + _HEAD + _SMALL[1]), "white")
        shown = _fitted(self.picture(values), _MAIN)
        page.paste(shown, ((_MAIN[0] - shown.width) // 2, _MAIN[1] - shown.height))
        pen = ImageDraw.Draw(page)
        for k, name in enumerate(("content", "first", "second")):
            left, title = k * (_SMALL[0] + _GAP), self._title(name, values)
            text = self._cut(f"{shares[k]}: {title}")
            pen.text((left, below), text, fill=(_INK, *plots.COLOURS)[k], font=self._font)
            page.paste(self._small[name == "content", title], (left, below + _HEAD))
        return np.asarray(page)

    def describe(self, values):
        """Say what is painted in which styles, how, and how far it has come."""
        content, first, second = (self._title(name, values) for name in ("content", "first", "second"))
        text = f"{content}, {100 - values['mix']} % in the style of {first} and {values['mix']} % of {second}; "
        text += f"strength {values['strength']} %, styles read at {self._style_size(values)} pixels. "
        if values["refinement"] == 0:
            return text + "Preview by AdaIN, in one pass."
        shot = self._refined(values)
        return text + (
            f"Refined by {shot.step} of {shot.steps} steps: content error {shot.content:.2f}, "
            f"style error {shot.style:.3f} (0: none, 1: all lost)."
        )

    def static(self):
        """Return a figure of the first content in blends of the first two styles, as the preview draws them."""
        mixes = (0, 25, 50, 75, 100)
        pictures = np.stack([self.picture(self.values(mix=mix)) for mix in mixes])
        first, second = list(self.styles)[:2]
        titles = [f"{mix} %" for mix in mixes]
        alt = f"{next(iter(self.contents))}, with the style going from {first} to {second} in steps of 25 %."
        return plots.image_grid(pictures, columns=5, titles=titles, title=f"{first} to {second}", size=1.9, alt=alt)

    def _title(self, name, values):
        return list(self.contents if name == "content" else self.styles)[values[name]]

    def _style_size(self, values):
        return max(32, round(self.size * SCALES[list(SCALES)[values["scale"]]]))

    def _preview(self, values):
        content, size = self._title("content", values), self._style_size(values)
        if content not in self._maps:
            self._maps[content] = self.fast.encode(self.contents[content], self.size)
        moments = [self._moments(self._title(name, values), size) for name in ("first", "second")]
        share = np.float32(values["mix"] / 100)
        blend = tuple((1 - share) * a + share * b for a, b in zip(*moments, strict=True))
        return self.fast.decode(self._maps[content], blend, values["strength"] / 100)

    def _moments(self, title, size):
        key = title, size
        if key not in self._statistics:
            self._statistics[key] = self.fast.statistics(self.styles[title], size=size)
        return self._statistics[key]

    def _refined(self, values):
        """Return the ``Snapshot`` after this many ticks, going on from the last one if nothing else has changed."""
        key = tuple(value for name, value in values.items() if name != "refinement")
        if key != self._painting[0]:
            self._painting = key, self._steps(values), []
        _, steps, shots = self._painting
        while len(shots) <= values["refinement"]:
            shots.append(next(steps))
        return shots[values["refinement"]]

    def _steps(self, values):
        share = values["mix"] / 100
        return self.painter.steps(
            self.contents[self._title("content", values)],
            [self.styles[self._title(name, values)] for name in ("first", "second")],
            weights=[1 - share, share],
            size=self.size,
            style_size=self._style_size(values),
            strength=FULL * (values["strength"] / 100) ** 2,
            scales=1,
            steps=TICKS * STEPS,
            start=self._preview(values),
            every=STEPS,
        )

    def _cut(self, text):
        while self._font.getlength(text) > _SMALL[0]:
            text = text[:-2].rstrip("… ") + "…"
        return text


def _fitted(picture, box):
    """Return a picture as large as fits in ``box`` (width, height)."""
    factor = min(box[0] / picture.shape[1], box[1] / picture.shape[0])
    size = tuple(max(1, round(factor * length)) for length in picture.shape[1::-1])
    return Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC)
