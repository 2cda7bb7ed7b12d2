"""The explorer of a latent space: seeds and paths, directions, neighbours, and the nearest training picture."""

from pathlib import Path

import numpy as np

from course_lib import images as _images
from course_lib import latent, plots
from course_lib._validate import array, choice, integer, number, refuse
from course_lib.explore.base import Control, Explorer, compiled_decoder
from course_lib.explore.nearest import Nearest

SIDE = 256  # pixels of the large picture, about
REACH = 3.0  # sliders go this many standard deviations either way
LAST_SEED = 9999
PATHS = {"slerp": latent.slerp, "lerp": latent.lerp, "lerp, rescaled": latent.lerp_rescaled}


class LatentExplorer(Explorer):
    """Move through the latent space of a generator or decoder and see the picture at once.

    ``decoder``: see ``compiled_decoder``. ``directions`` (k, d) get a slider each, with ``names`` and ``scale``
    (a number, or one for each: the length of one unit, such as the standard deviation along the direction). The first
    ``coordinates`` entries of z get sliders that are added to the seed's own. Beside the large picture stand
    ``neighbours`` small ones, drawn at a chosen distance from it. ``paths``, names out of ``PATHS``, are the ways of
    blending to choose from. With ``training`` pictures, uint8 (N, H, W, C), the nearest of them is shown as well.
    Raises ``ValueError`` for shapes that do not fit.

    z = spread * path(z_seed, z_second, blend) + the sum of value * scale * direction + shifts of coordinates.
    Neighbours are sqrt(1 - r²) z + r ε with ε ~ N(0, I), which keeps N(0, I); at r = 1 they are unrelated.
    """

    def __init__(
        self,
        decoder,
        latent_dim=None,
        directions=None,
        names=None,
        scale=1.0,
        coordinates=3,
        neighbours=4,
        seed=0,
        title="",
        paths=("slerp",),
        training=None,
    ):
        self.decode, self.latent_dim = compiled_decoder(decoder, latent_dim)
        self.title = title
        self._last = None, None, None
        self.neighbours = integer("neighbours", neighbours, 0)
        self.coordinates = integer("coordinates", coordinates, 0)
        if self.coordinates > self.latent_dim:
            refuse("coordinates", f"at most the latent dimension, {self.latent_dim}", coordinates)
        self.directions, self.names = self._directions(directions, names, scale)
        self.paths = tuple(choice("paths", path, PATHS) for path in paths)
        if not self.paths:
            refuse("paths", f"at least one of {', '.join(PATHS)}", paths)
        self.nearest = None if training is None else Nearest(training)
        self.controls = tuple(self._controls(integer("seed", seed, 0)))
        self.actions = {"Another picture": lambda values: {"seed": (values["seed"] + 1) % (LAST_SEED + 1)}}

    def latent(self, **values):
        """Return z (d,) of the large picture for these values."""
        return self._z(self.values(**values))

    def picture(self, values):
        """Return the large picture alone at the decoder's own size, uint8 (H, W, C)."""
        return self._shown(values)[0][0]

    def _shown(self, values):
        """Return the large picture and its neighbours, uint8 (1 + neighbours, H, W, C), and the nearest one's place."""
        key = tuple(values.items())
        if key != self._last[0]:  # a move asks twice for the same: to draw, and to describe the nearest
            images = self._decoded(values)
            self._last = key, images, None if self.nearest is None else self.nearest.find(images[0])
        return self._last[1:]

    def _decoded(self, values):
        z = self._z(values)
        r = values.get("distance", 0.0)
        rng = np.random.default_rng([values["seed"], 1])  # a stream apart from the one that drew the seed's z
        noise = rng.standard_normal((self.neighbours, self.latent_dim))
        return self.decode(np.concatenate([z[None], np.sqrt(1 - r**2) * z + r * noise]))

    def draw(self, values):
        """Return the large picture with the nearest training picture and its neighbours to the right."""
        images, nearest = self._shown(values)
        return _compose(images[0], images[1:], None if nearest is None else self.nearest.pictures[nearest[0]])

    def describe(self, values):
        """Say which seeds, blend, spread and shifts made the picture."""
        parts = [f"Picture of seed {values['seed']}"]
        if values["blend"]:
            way = f" by {self._path(values)}" if len(self.paths) > 1 else ""
            parts[0] += f", {values['blend']} % of the way to seed {values['second']}{way}"
        parts.append(f"spread {values['spread']:.2f}")
        moved = [c for c in self.controls if c.group in ("Directions", "Coordinates") and values[c.name]]
        parts += [f"{c.label} {values[c.name]:+.1f}" for c in moved]
        beside = (
            f" Right: {self.neighbours} neighbours at distance {values['distance']:.2f}." if self.neighbours else ""
        )
        return "; ".join(parts) + "." + beside + self._describe_nearest(values)

    def _describe_nearest(self, values):
        if self.nearest is None:
            return ""
        index, distance = self._shown(values)[1]
        typical = self.nearest.typical
        return (
            f" Beside it the nearest training picture, number {index}, at distance {distance:.2f}"
            f" (typical between training pictures: {typical:.2f})."
        )

    def gif(self, path, **values):
        """Write the walk from the seed to the second seed and back, other values as given, as an animated GIF.

        Returns the path.
        """
        path = Path(path)
        path.write_bytes(walk_bytes(self.picture, self.values(**values)))
        return path

    def static(self):
        """Return a figure of one row per slider: the picture as the slider moves."""
        steps = np.linspace(-REACH, REACH, 7)
        sliders = [c for c in self.controls if c.group in ("Directions", "Coordinates")][:5]
        rows = {c.label: [self._z(self.values(**{c.name: float(v)})) for v in steps] for c in sliders}
        first, second = (self.values()[name] for name in ("seed", "second"))
        percents = np.linspace(0, 100, 7).round().astype(int)
        rows[f"seed {first} to {second}"] = [self._z(self.values(blend=int(p))) for p in percents]
        images = self.decode(np.concatenate([np.stack(z) for z in rows.values()]))
        rows = dict(zip(rows, np.split(images, len(rows)), strict=True))
        alt = f"Each row moves one slider of the explorer over its range: {', '.join(rows)}."
        return plots.side_by_side(rows, title=self.title or None, alt=alt)

    def _directions(self, directions, names, scale):
        if directions is None:
            if names is not None:
                refuse("names", "directions that they name", f"{len(names)} names and no directions")
            return np.zeros((0, self.latent_dim)), []
        directions = array("directions", directions, ("k", self.latent_dim))
        names = list(names) if names is not None else [f"direction {i + 1}" for i in range(len(directions))]
        if len(names) != len(directions) or len(set(names)) != len(names):
            refuse("names", f"{len(directions)} different names", f"{names}")
        scale = np.full(len(directions), number("scale", scale)) if np.ndim(scale) == 0 else scale
        return directions * array("scale", scale, (len(directions),))[:, None], names

    def _controls(self, seed):
        last = {"maximum": LAST_SEED, "typed": True, "group": "Seeds"}
        yield Control("seed", "Seed", value=seed, **last)
        yield Control("second", "Second seed", value=(seed + 1) % LAST_SEED, **last)
        yield Control("blend", "Blend (%)", maximum=100, play=True, group="Seeds")
        if len(self.paths) > 1:
            yield Control("along", "Path", options=self.paths, group="Seeds")
        yield Control("spread", "Spread", maximum=2.0, step=0.05, value=1.0, group="Around the picture")
        if self.neighbours:
            yield Control("distance", "Neighbours' distance", step=0.05, value=0.3, group="Around the picture")
        reach = {"minimum": -REACH, "maximum": REACH, "step": 0.1, "value": 0.0}
        for i, name in enumerate(self.names):
            yield Control(f"direction_{i}", name, group="Directions", **reach)
        for i in range(self.coordinates):
            yield Control(f"coordinate_{i}", f"z[{i}]", group="Coordinates", **reach)

    def _path(self, values):
        return self.paths[values.get("along", 0)]

    def _z(self, values):
        start, end = (
            np.random.default_rng(values[name]).standard_normal(self.latent_dim) for name in ("seed", "second")
        )
        z = values["spread"] * PATHS[self._path(values)](start, end, 101)[values["blend"]]
        z += np.array([values[f"direction_{i}"] for i in range(len(self.names))]) @ self.directions
        z[: self.coordinates] += [values[f"coordinate_{i}"] for i in range(self.coordinates)]
        return z


def walk_bytes(picture, values, steps=16):
    """Return the GIF of ``picture(values)`` as the blend runs to 100 % and back."""
    there = np.linspace(0, 100, steps).round().astype(int)
    frames = [np.asarray(picture(values | {"blend": int(percent)})) for percent in (*there, *there[-2:0:-1])]
    return _images.gif_bytes(frames, fps=10, scale=max(1, SIDE // len(frames[0])))


def _compose(image, others, found=None):
    """Return ``image`` at about SIDE pixels, with ``found`` at half and ``others`` at a quarter of that beside it."""
    factor = max(1, round(SIDE / image.shape[0]))
    parts = [_enlarge(image[None], factor)[0]]
    if found is not None:
        parts.append(_enlarge(found[None], max(1, factor // 2))[0])
    if len(others):
        small = _enlarge(others, max(1, factor // 4))
        rows = max(1, parts[0].shape[0] // small.shape[1])
        parts.append(_images.tile(small, columns=-(-len(small) // rows), pad=4))
    height = max(map(len, parts))
    gap = np.full((height, 12, image.shape[-1]), 255, np.uint8)
    columns = [column for part in parts for column in (gap, centred(part, height))]
    return np.concatenate(columns[1:], axis=1)


def _enlarge(images, factor):
    return images.repeat(factor, axis=1).repeat(factor, axis=2)


def centred(image, height):
    """Return ``image`` with white above and below, ``height`` pixels high."""
    above = (height - image.shape[0]) // 2
    margins = (above, height - image.shape[0] - above)
    return np.pad(image, (margins, (0, 0), (0, 0)), constant_values=255)
