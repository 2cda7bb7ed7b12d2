"""HintPainter: put a few dabs of colour on a grey picture and see what a network makes of them."""

import re
from functools import lru_cache
from pathlib import Path

import keras
import matplotlib
import numpy as np
import tensorflow as tf
from PIL import Image, ImageDraw, ImageFont

from course_lib import colour, plots
from course_lib import images as _images
from course_lib._validate import images_uint8, integer, refuse
from course_lib.explore.base import Control, Explorer

SIDE = 288  # pixels of each panel, about
MOST = 8  # hints on a picture
_HINT = re.compile(r"\s*(\d+)\s*,\s*(\d+)\s+(#[0-9a-fA-F]{6})\s*")
_GAP, _HEAD, _ROW, _INK = 12, 22, 24, "#222222"
LIFTED, PAINTING = 0, 1


class HintPainter(Explorer):
    """Choose place and colour of hints; the colourised picture follows.

    ``network`` maps lightness with hint planes (N, H, W, 4) to colour (N, h, w, 2), or with ``bins`` to logits of
    (N, h, w, Q); ``levels``, ``temperature`` and ``hint_size`` are those of ``colour.colorize`` and
    ``colour.hint_planes`` that it was trained with. ``pictures`` uint8 (N, H, W, 3) are shown in grey, and as they are
    beside the result. While the brush paints, the hint at x, y takes part; "Keep this hint" puts it on the list, a line
    of text "x,y #rrggbb; ..." that can be edited. Of a hint's colour only a and b are used: lightness is the picture's.
    """

    title = "Give a hint of colour"

    def __init__(self, network, pictures, bins=None, levels=None, temperature=0.38, hint_size=3, names=None):
        self.pictures = images_uint8("pictures", pictures)
        n, height, width, channels = self.pictures.shape
        if n == 0 or channels != 3:
            refuse("pictures", "at least one picture in colour, (N, H, W, 3)", self.pictures)
        self.names = tuple(names or (f"picture {k + 1}" for k in range(n)))
        if len(self.names) != n:
            refuse("names", f"{n} names", f"{len(self.names)}")
        self.lightness, _ = colour.split_lab(self.pictures)
        self.hint_size = integer("hint_size", hint_size, 1)
        self._settings = {"levels": levels, "bins": bins, "temperature": temperature}
        self._network = _compiled(network)
        self.controls = (
            *([Control("picture", "picture", options=self.names)] if n > 1 else []),
            Control("brush", "brush", options=("lifted", "paints"), value=PAINTING, group="A hint"),
            Control("x", "x", 0, width - 1, 1, width // 2, group="A hint"),
            Control("y", "y", 0, height - 1, 1, height // 2, group="A hint"),
            Control("colour", "colour", value="#d9502e", kind="colour", group="A hint"),
            Control("hints", "kept hints", value="", kind="text", group="Kept: x,y #rrggbb; ..."),
        )
        self.actions = {
            "Keep this hint": self._keep,
            "Remove last": lambda values: {"hints": _written(_read(values["hints"])[:-1])},
            "Remove all": lambda values: {"hints": "", "brush": LIFTED},
        }
        self._made = lru_cache(maxsize=16)(self._colorized)
        path = Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"
        self._font = ImageFont.truetype(str(path), 13)

    def colorized(self, **values):
        """Return the picture that the network makes with these hints, uint8 (H, W, 3), at its own size."""
        return self.picture(self.values(**values))

    def picture(self, values):
        """Return the colourised picture alone."""
        return self._made(values.get("picture", 0), tuple(self._hints(values)))

    def draw(self, values):
        """Return the grey picture with its hints, the colourised one and the true one, and below the list of hints."""
        index, hints = values.get("picture", 0), self._hints(values)
        grey = colour.join_lab(self.lightness[index][None], np.zeros((1, *self.lightness.shape[1:3], 2)))[0]
        factor = max(1, SIDE // max(grey.shape[:2]))
        panels = [_enlarged(x, factor) for x in (grey, self.picture(values), self.pictures[index])]
        height, width = panels[0].shape[:2]
        page = Image.new("RGB", (3 * width + 2 * _GAP, _HEAD + height + 8 + 2 * _ROW), "white")
        pen = ImageDraw.Draw(page)
        for k, (panel, head) in enumerate(zip(panels, ("grey, with hints", "colourised", "true colours"), strict=True)):
            left = k * (width + _GAP)
            pen.text((left, 2), head, fill=_INK, font=self._font)
            page.paste(Image.fromarray(panel), (left, _HEAD))
        for k, hint in enumerate(hints):
            self._mark(pen, hint, factor, values["brush"] == PAINTING and k == len(hints) - 1, index)
        self._list(pen, hints, _HEAD + height + 8, (3 * width + 2 * _GAP) // 4, index)
        return np.asarray(page)

    def describe(self, values):
        """Say which hints there are and how colourful the result is, beside the truth."""
        index, hints = values.get("picture", 0), self._hints(values)
        told = "; ".join(f"{c} at x {x}, y {y}" for x, y, c in hints) or "no hints"
        made, true = (
            float(colour.mean_chroma(colour.split_lab(p[None])[1])[0])
            for p in (self.picture(values), self.pictures[index])
        )
        return (
            f"{self.names[index].capitalize()}, {told}. Mean chroma {made:.1f}, in the true picture {true:.1f} "
            "(0 is grey)."
        )

    def static(self):
        """Return a figure of one picture without hints, and with one to three true colours as hints."""
        height, width = self.lightness.shape[1:3]
        places = ((width // 2, height // 2), (width // 8, height // 8), (width // 2, height // 8))
        hints, shown = [], {"no hint": self._made(0, ())}
        for x, y in places:
            hints.append((x, y, "#{:02x}{:02x}{:02x}".format(*self.pictures[0, y, x])))
            shown[f"{len(hints)} hint{'s' * (len(hints) > 1)}"] = self._made(0, tuple(hints))
        shown["true colours"] = self.pictures[0]
        alt = "One picture colourised without hints, with one to three true colours as hints, and as it is."
        return plots.image_grid(np.array(list(shown.values())), len(shown), list(shown), size=1.6, alt=alt)

    def _keep(self, values):
        return {"hints": _written(self._hints(values | {"brush": PAINTING})[-MOST:]), "brush": LIFTED}

    def _hints(self, values):
        """Return the kept hints, and last the brush's own, as (x, y, "#rrggbb")."""
        hints = _read(values["hints"])
        height, width = self.lightness.shape[1:3]
        for x, y, _ in hints:
            if x >= width or y >= height:
                refuse("hints", f"x below {width} and y below {height}", f"{x},{y}")
        if len(hints) > MOST:
            refuse("hints", f"at most {MOST} hints", f"{len(hints)}")
        return hints + [(values["x"], values["y"], values["colour"].lower())] * (values["brush"] == PAINTING)

    def _colorized(self, index, hints):
        height, width = self.lightness.shape[1:3]
        placed = [((y, x), _ab(c)) for x, y, c in hints]
        planes = colour.hint_planes(height, width, placed, self.hint_size)
        return colour.colorize(self._network, self.lightness[index][None], planes[None], **self._settings)[0]

    def _shade(self, hint, index):
        """Return the hint's colour at the lightness of its place, as the network is told it."""
        x, y, c = hint
        lightness = self.lightness[index, y, x].reshape(1, 1, 1, 1)
        return tuple(colour.join_lab(lightness, _ab(c).reshape(1, 1, 1, 2)).ravel().tolist())

    def _mark(self, pen, hint, factor, live, index):
        x, y = ((place + 0.5) * factor for place in hint[:2])
        y += _HEAD
        pen.ellipse([x - 9, y - 9, x + 9, y + 9], fill=self._shade(hint, index), outline="white", width=2)
        pen.ellipse([x - 10, y - 10, x + 10, y + 10], outline=_INK, width=2 if live else 1)

    def _list(self, pen, hints, top, step, index):
        for k, hint in enumerate(hints):
            left, y = k % 4 * step, top + k // 4 * _ROW
            pen.rectangle([left, y, left + 18, y + 16], fill=self._shade(hint, index), outline=_INK)
            pen.text((left + 26, y), f"{hint[0]},{hint[1]} {hint[2]}", fill=_INK, font=self._font)


def _read(text):
    """Return the hints of a line "x,y #rrggbb; ..." as a list of (x, y, "#rrggbb"), or refuse it."""
    parts = [part for part in text.split(";") if part.strip()]
    found = [_HINT.fullmatch(part) for part in parts]
    for part, match in zip(parts, found, strict=True):
        if match is None:
            refuse("hints", "a line such as '12,30 #d9502e; 40,8 #6bd9e9'", repr(part.strip()))
    return [(int(m[1]), int(m[2]), m[3].lower()) for m in found]


def _written(hints):
    return "; ".join(f"{x},{y} {c}" for x, y, c in hints)


def _ab(hex_colour):
    """Return a and b of "#rrggbb", scaled (2,)."""
    return _images.rgb_to_lab(np.frombuffer(bytes.fromhex(hex_colour[1:]), np.uint8))[1:] / colour.AB


def _enlarged(image, factor):
    return image.repeat(factor, axis=0).repeat(factor, axis=1)


def _compiled(network):
    """Return a Keras model as one traced function; any other function as it is."""
    if not isinstance(network, keras.Model):
        return network
    signature = [tf.TensorSpec((None, *network.input_shape[1:]), tf.float32)]
    return tf.function(lambda x: network(x, training=False), input_signature=signature, autograph=False)
