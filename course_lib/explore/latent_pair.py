"""Two latent spaces side by side, moved by one set of controls."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from course_lib import plots
from course_lib._validate import refuse
from course_lib.explore.base import Explorer
from course_lib.explore.latent_explorer import LatentExplorer, centred, walk_bytes

STRIP = 26  # pixels of the line with a model's name


class LatentPair(Explorer):
    """Two ``LatentExplorer``s side by side: one slider moves both, each along its own direction of that name.

    ``models``: name -> explorer, two of them with the same controls (``ValueError``). A seed draws a z for each model:
    the two spaces have no common coordinates, so equal seeds do not give equal faces.
    """

    def __init__(self, models, title=""):
        if len(models) != 2 or not all(isinstance(each, LatentExplorer) for each in models.values()):
            refuse("models", "two entries: name -> LatentExplorer", f"{models}")
        self.models, self.title = dict(models), title
        first, second = self.models.values()
        if first.controls != second.controls:
            different = {c.label for c in first.controls} ^ {c.label for c in second.controls}
            refuse("models", "explorers with the same controls", f"controls that differ: {sorted(different)}")
        self.controls, self.actions = first.controls, first.actions
        self._names = [_strip(name) for name in self.models]

    def draw(self, values):
        """Return both explorers' pictures, each under its model's name."""
        pictures = [_colour(each.draw(values)) for each in self.models.values()]
        height = max(map(len, pictures))
        columns = []
        for name, picture in zip(self._names, pictures, strict=True):
            head = np.full((STRIP, picture.shape[1], 3), 255, np.uint8)
            wide = min(head.shape[1], name.shape[1])
            head[:, :wide] = name[:, :wide]
            columns.append(np.concatenate([head, centred(picture, height)]))
        gap = np.full((height + STRIP, 24, 3), 255, np.uint8)
        return np.concatenate([columns[0], gap, columns[1]], axis=1)

    def picture(self, values):
        """Return the two decoded pictures beside each other, without names and neighbours."""
        pictures = [_colour(each.picture(values)) for each in self.models.values()]
        height = max(map(len, pictures))
        return np.concatenate([centred(picture, height) for picture in pictures], axis=1)

    def describe(self, values):
        """Say what both pictures show."""
        return " ".join(f"{name}: {each.describe(values)}" for name, each in self.models.items())

    def gif(self, path, **values):
        """Write the walk of both models from the seed to the second and back as an animated GIF; return its path."""
        path = Path(path)
        path.write_bytes(walk_bytes(self.picture, self.values(**values)))
        return path

    def static(self):
        """Return a figure of both models' walks from seed to second seed and along the first direction."""
        values = self.values()
        walk = [values | {"blend": percent} for percent in (0, 25, 50, 75, 100)]
        rows = {name: np.stack([each.picture(v) for v in walk]) for name, each in self.models.items()}
        for control in [c for c in self.controls if c.group == "Directions"][:1]:  # more would swell the notebook
            moved = [values | {control.name: float(v)} for v in np.linspace(-3, 3, 5)]
            for name, each in self.models.items():
                rows[f"{name}:\n{control.label}"] = np.stack([each.picture(v) for v in moved])
        alt = f"Walks between two seeds and along the first direction, by two models: {', '.join(self.models)}."
        return plots.side_by_side(rows, title=self.title or None, alt=alt)


def _strip(text):
    """Return ``text`` in black on white, uint8 (STRIP, width, 3)."""
    font = ImageFont.load_default(15)
    width = int(font.getlength(text)) + 4
    strip = Image.new("RGB", (width, STRIP), "white")
    ImageDraw.Draw(strip).text((1, 3), text, fill="black", font=font)
    return np.asarray(strip)


def _colour(picture):
    return np.broadcast_to(picture, (*picture.shape[:2], 3))
