"""EditBench: ask for a picture, find a given one in the generator, change it, and brush a part of it out."""

from collections import OrderedDict
from pathlib import Path

import matplotlib
import numpy as np
import tensorflow as tf
from PIL import Image, ImageDraw, ImageFont

from course_lib import editing, latent, plots
from course_lib import images as _images
from course_lib._validate import images_uint8, integer, number, refuse
from course_lib.explore.base import Control, Explorer
from course_lib.explore.told import compiled_generator

SIDE = 256  # pixels of each panel, about
LAST_SEED = 9999
AS_IT_IS = "as it is"
FROM_SEED, FROM_PICTURE = 0, 1
SHAPES = ("nothing", "rectangle", "ellipse")
_GAP, _HEAD, _INK, _HIDDEN = 12, 24, "#222222", 200
_REMEMBERED = 8  # inversions kept, so that going back to one costs nothing


class EditBench(Explorer):
    """Change a drawn or a given picture by its attributes, or in one region only, and see before and after.

    ``generator`` takes z and conditions: a Keras model of [z, c], a ``gan.ConditionalGAN`` (its averaged generator), a
    ``vae.ConditionalVAE``, or a function of both, which needs ``latent_dim``. ``conditions`` is the
    ``conditions.Conditions`` it was trained with. ``pictures`` uint8 (N, H, W, C) with ``labels``, name -> codes (N,),
    can be inverted: each tick takes ``steps_per_tick`` of the ``ticks`` · ``steps_per_tick`` steps of
    ``latent.inversion`` with its ``norm_weight``. ``compose``, labels -> pictures uint8, draws the true edit beside it.
    In a region brushed out, the picture does not count for the inversion, and only there is it drawn anew.
    Raises ``ValueError`` for parts that do not fit.
    """

    def __init__(
        self,
        generator,
        conditions,
        pictures=None,
        labels=None,
        compose=None,
        latent_dim=None,
        ticks=40,
        steps_per_tick=4,
        restarts=2,
        norm_weight=0.01,
        seed=0,
        title="Edit bench",
    ):
        self.conditions, self.compose, self.title = conditions, compose, title
        self._draw, self.latent_dim = compiled_generator(generator, conditions.dimension, latent_dim)
        self._start = integer("seed", seed, 0)
        self._plan = {
            "steps": integer("ticks", ticks, 1) * integer("steps_per_tick", steps_per_tick, 1),
            "restarts": integer("restarts", restarts, 1),
            "norm_weight": number("norm_weight", norm_weight, 0),
        }
        self.ticks, self.steps_per_tick = ticks, steps_per_tick
        self.shape = self._generated(np.zeros(self.latent_dim), conditions.draw(1)).shape[1:]
        self.pictures, self.labels = self._checked(pictures, labels)
        self.controls = tuple(self._controls())
        self.actions = {
            "Another": lambda values: {"start": FROM_SEED, "seed": (values["seed"] + 1) % (LAST_SEED + 1)},
            "As it is": lambda values: dict.fromkeys(map(_control_name, conditions.names), 0),
            "Keep": self._keep,
        }
        self.kept = []
        self._paths, self._objective, self._last = OrderedDict(), None, (None, None)
        font = Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"
        self._font = ImageFont.truetype(str(font), 14)

    # --- The parts of a picture ------------------------------------------------------------------

    def before(self, **values):
        """Return the picture that the edit starts from, uint8 (H, W, C), for these values."""
        return self._before(self.values(**values))

    def found(self, **values):
        """Return what the generator makes of it without any change: for a given picture, what the inversion found."""
        values = self.values(**values)
        return self._drawn(values)[0]

    def picture(self, values):
        """Return the edited picture alone, uint8 (H, W, C)."""
        return self._edited(values, self._drawn(values)[1])

    def region(self, **values):
        """Return the pixels that are brushed out, booleans (H, W)."""
        return self._region(self.values(**values))

    def asked(self, **values):
        """Return the labels of the edited picture, name -> codes (1,), for these values."""
        return self._asked(self.values(**values))

    def truth(self, **values):
        """Return the true edit of a given picture, uint8 (H, W, C), or None where none can be composed."""
        return self._truth(self.values(**values))

    def contact_sheet(self):
        """Return all kept pictures side by side, uint8, or None before the first was kept."""
        return _images.tile(np.stack(self.kept)) if self.kept else None

    def after(self, name):
        """Start an inversion anew when the picture or the region was changed."""
        return {"ticks": 0} if self.pictures is not None and name in ("picture", *_REGION) else {}

    def draw(self, values):
        """Return before, what the inversion found, after, and the true edit, as far as there are such, in a row."""
        before, region = self._before(values), self._region(values)
        base, changed = self._drawn(values)
        shown = {"before": np.where(region[..., None], np.uint8(_HIDDEN), before)}
        if _is_given(values):
            shown["found in the generator"] = base
        shown["after"] = self._edited(values, changed)
        truth = self._truth(values)
        if truth is not None:
            shown["the true edit"] = truth
        return self._page(shown)

    def describe(self, values):
        """Say what was asked, what was changed, how far the inversion has come, and how near the truth."""
        base, asked = self._base(values), self._asked(values)
        names = self.conditions.values
        new = {k: names[k][asked[k][0]] for k in names if asked[k][0] != base[k][0]}
        changes = ", ".join(f"{_spoken(k)} {names[k][base[k][0]]} to {v}" for k, v in new.items()) or "nothing"
        parts = [f"Picture {values['picture']}" if _is_given(values) else f"Seed {values['seed']}"]
        parts[0] += f"; changed: {changes}."
        if values["brush"]:
            parts.append(f"{self._region(values).mean():.0%} brushed out ({SHAPES[values['brush']]}).")
        if _is_given(values):
            parts.append(self._describe_inversion(values))
        elif values["psi"] != 1:
            parts.append(f"z drawn to the mean: ψ = {values['psi']:.2f}.")
        truth = self._truth(values)
        if truth is not None:
            near = editing.region_psnr(self.picture(values)[None], truth[None])[0]
            parts.append(f"To the true edit: {near:.1f} dB.")
        return " ".join(parts + [f"{len(self.kept)} kept."] * bool(self.kept))

    def _describe_inversion(self, values):
        known = ~self._region(values)
        step = f"Inversion: step {values['ticks'] * self.steps_per_tick} of {self._plan['steps']}"
        if not known.any():
            return f"{step}, with no pixel known."
        near = editing.region_psnr(self._drawn(values)[0][None], self._before(values)[None], known)[0]
        return f"{step}, {near:.1f} dB on the known pixels."

    def static(self):
        """Return a figure of one drawn picture whose first attributes take their values in turn."""
        z, base = self._z(self.values()), self._base(self.values())
        rows = {}
        for name in self.conditions.names[:6]:
            values = self.conditions.values[name]
            wanted = [self.conditions.changed(base, **{name: values[k % len(values)]}) for k in range(4)]
            rows[_spoken(name)] = np.concatenate([self._generated(z, one) for one in wanted])
        return plots.side_by_side(rows, alt=f"One z; each row changes one attribute: {', '.join(rows)}.")

    # --- What the values mean --------------------------------------------------------------------

    def _controls(self):
        yield Control("seed", "Seed", maximum=LAST_SEED, typed=True, value=self._start, group="Start")
        yield Control("psi", "Spread of z (ψ)", step=0.05, value=1.0, group="Start")
        if self.pictures is not None:
            yield Control("start", "Start from", options=("seed", "picture"), group="Start")
            yield Control("picture", "Picture", maximum=len(self.pictures) - 1, typed=True, group="Start")
            yield Control("ticks", "Invert (ticks)", maximum=self.ticks, typed=True, play=True, group="Start")
        for name, values in self.conditions.values.items():
            yield Control(_control_name(name), _spoken(name), options=(AS_IT_IS, *values), group="Ask for")
        height, width = self.shape[:2]
        yield Control("brush", "Brush out", options=SHAPES, group="Region")
        yield Control("x", "Centre, across", 0, width - 1, 1, width // 2, group="Region")
        yield Control("y", "Centre, down", 0, height - 1, 1, height // 2, group="Region")
        yield Control("width", "Width", 1, width, 1, width // 3, group="Region")
        yield Control("height", "Height", 1, height, 1, height // 4, group="Region")

    def _base(self, values):
        """Return the labels before the edit, name -> codes (1,)."""
        if _is_given(values):
            return {name: self.labels[name][[values["picture"]]] for name in self.conditions.names}
        return self.conditions.draw(1, values["seed"])

    def _asked(self, values):
        base = self._base(values)
        chosen = {name: values[_control_name(name)] for name in self.conditions.names}
        return {name: np.array([chosen[name] - 1]) if chosen[name] else base[name] for name in base}

    def _region(self, values):
        rows, columns = np.ogrid[: self.shape[0], : self.shape[1]]
        across, down = (columns - values["x"]) / (values["width"] / 2), (rows - values["y"]) / (values["height"] / 2)
        if values["brush"] == SHAPES.index("nothing"):
            return np.zeros(self.shape[:2], bool)
        return np.maximum(abs(across), abs(down)) <= 1 if values["brush"] == 1 else across**2 + down**2 <= 1

    def _z(self, values):
        if not _is_given(values):
            z = np.random.default_rng(values["seed"]).standard_normal((1, self.latent_dim))
            return latent.truncate(z, values["psi"])[0]
        region = self._region(values)
        key = values["picture"], region.tobytes()
        if key not in self._paths:
            self._paths[key] = self._inversion(values["picture"], ~region), []
            while len(self._paths) > _REMEMBERED:
                self._paths.popitem(last=False)
        inversion, path = self._paths[key]
        self._paths.move_to_end(key)
        while len(path) <= values["ticks"]:
            if path:
                inversion.advance(self.steps_per_tick)
            path.append(inversion.best()[0][0])
        return path[values["ticks"]]

    def _inversion(self, index, known):
        if not known.any():  # everything is brushed out: any z of the prior will do
            known = np.ones_like(known)
        condition = self.conditions.encode({name: codes[[index]] for name, codes in self.labels.items()})
        target, given = _images.to_float(self.pictures[[index]]), self._plan | {"condition": condition, "mask": known}
        # Compiled for the first picture, used for all.
        started = latent.inversion(self._objective or self._draw, target, latent_dim=self.latent_dim, **given)
        self._objective = started.objective
        return started

    # --- Pictures --------------------------------------------------------------------------------

    def _generated(self, z, labels):
        c = self.conditions.encode(labels)
        made = np.asarray(self._draw(tf.constant(np.tile(z, (len(c), 1)), tf.float32), tf.constant(c)))
        return _images.to_uint8(np.clip(made, -1, 1))

    def _drawn(self, values):
        """Return what the generator draws before and after the change of the condition, uint8 (2, H, W, C)."""
        key = tuple(values.items())
        if key != self._last[0]:  # a move asks several times for the same: to draw, and to describe
            base, asked = self._base(values), self._asked(values)
            both = {k: np.concatenate([base[k], asked[k]]) for k in base}
            self._last = key, self._generated(self._z(values), both)
        return self._last[1]

    def _before(self, values):
        return self.pictures[values["picture"]] if _is_given(values) else self._drawn(values)[0]

    def _edited(self, values, changed):
        if not values["brush"]:
            return changed
        return editing.filled(self._before(values)[None], changed[None], ~self._region(values))[0]

    def _truth(self, values):
        if self.compose is None or not _is_given(values):
            return None
        whole = {name: codes[[values["picture"]]] for name, codes in self.labels.items()}
        return self.compose(whole | self._asked(values))[0]

    def _keep(self, values):
        self.kept.append(self.picture(values))
        return {"seed": values["seed"]}  # unchanged: but the text shall count what is kept

    def _page(self, shown):
        factor = max(1, SIDE // max(self.shape[:2]))
        height, width = self.shape[0] * factor, self.shape[1] * factor
        page = Image.new("RGB", (len(shown) * (width + _GAP) - _GAP, _HEAD + height), "white")
        pen = ImageDraw.Draw(page)
        for k, (head, picture) in enumerate(shown.items()):
            pen.text((k * (width + _GAP), 3), head, fill=_INK, font=self._font)
            rgb = np.broadcast_to(picture, (*picture.shape[:2], 3)).repeat(factor, axis=0).repeat(factor, axis=1)
            page.paste(Image.fromarray(rgb), (k * (width + _GAP), _HEAD))
        return np.asarray(page)

    def _checked(self, pictures, labels):
        if pictures is None:
            return None, None
        pictures = images_uint8("pictures", pictures)
        if not len(pictures) or pictures.shape[1:] != self.shape:
            refuse("pictures", f"one or more pictures {self.shape}, the generator's", pictures)
        encoded = self.conditions.encode(labels if labels is not None else {})
        if len(encoded) != len(pictures):
            refuse("labels", f"codes of {len(pictures)} pictures", f"codes of {len(encoded)}")
        return pictures, {name: np.asarray(codes) for name, codes in labels.items()}


_REGION = ("brush", "x", "y", "width", "height")


def _is_given(values):
    return values.get("start", FROM_SEED) == FROM_PICTURE


def _control_name(attribute):
    return f"ask_{attribute}"


def _spoken(attribute):
    return attribute.replace("_", " ")
