"""Explorers of 2-D latent spaces: a map with a decoded picture, and the dial of the VAE's β.

All that does not depend on the cursor is drawn once by matplotlib; a move copies those pixels and
draws a cursor on them.
"""

import numpy as np
from matplotlib.patheffects import withStroke

from course_lib import images as _images
from course_lib import plots
from course_lib._validate import array, refuse
from course_lib.explore.base import Control, Explorer, compiled_decoder
from course_lib.explore.sheet import DPI, Sheet


class LatentMap(Explorer):
    """Walk over a 2-D latent space: the codes of the data with a cursor, and the picture decoded there.

    ``decoder``: see ``compiled_decoder``, for z (N, 2). ``codes`` (N, 2), such as posterior means, are coloured by
    ``labels`` (N,) with ``names``. Two sliders move the cursor. Raises ``ValueError`` for shapes that do not fit.
    """

    def __init__(self, decoder, codes, labels=None, names=None, title=""):
        self.decode, _ = compiled_decoder(decoder, 2)
        self.title = title
        codes = array("codes", codes, ("N", 2))
        reach = _reach([codes])
        self.controls = _cursor_controls(reach)
        figure, (cloud, blank) = plots.canvas(8.4, 4.0, columns=2, width_ratios=[1.25, 1])
        _draw_cloud(cloud, codes, labels, names, reach, "Codes of the data")
        if labels is not None:
            cloud.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=8, markerscale=2)
        _blank(blank, "Decoded at the cursor")
        self._sheet, self._cloud = Sheet(figure), cloud
        self._place = self._sheet.box(blank)

    def picture(self, values):
        """Return the decoded picture alone, uint8 (H, W, C)."""
        return self.decode([[values["x"], values["y"]]])[0]

    def draw(self, values):
        """Return the map with its cursor beside the decoded picture."""
        point = values["x"], values["y"]
        return self._sheet.with_cursor(self._cloud, point, [(self._place, self.picture(values))])

    def describe(self, values):
        """Say where the cursor stands."""
        return (
            f"Left: the codes of the data, cursor at z = ({values['x']:.2f}, {values['y']:.2f}). Right: decoded there."
        )


class BetaDial(Explorer):
    """One dial for β: latent cloud, samples and rate-distortion point move together.

    ``records`` is a list of dictionaries, one per trained VAE in the order of the dial: ``beta``, ``codes`` (N, 2),
    ``labels`` (N,), ``samples`` uint8 (n, H, W, C) or one tiled image (H', W', C), ``rate`` and ``distortion`` in nats
    per image. With a ``decoder`` in every record (see ``compiled_decoder``) the picture at the cursor is shown as well.
    Raises ``ValueError`` naming the record and key that is missing or has a wrong shape.
    """

    def __init__(self, records, names=None, title=""):
        if not records:
            refuse("records", "at least one record", records)
        for k, record in enumerate(records):
            for key in ("beta", "codes", "labels", "samples", "rate", "distortion"):
                if key not in record:
                    refuse(f"records[{k}]", f"a key {key!r}", f"the keys {sorted(record)}")
        self.records, self.names, self.title = list(records), names, title
        codes = [array(f"records[{k}]['codes']", record["codes"], ("N", 2)) for k, record in enumerate(records)]
        self._reach = _reach(codes)
        with_decoder = [record for record in self.records if record.get("decoder") is not None]
        if len(with_decoder) not in (0, len(self.records)):
            refuse("records", "a decoder in every record or in none", f"{len(with_decoder)} of {len(self.records)}")
        self._decoders = [compiled_decoder(record["decoder"], 2)[0] for record in with_decoder]
        dial = tuple(f"{record['beta']:g}" for record in self.records)
        self.controls = (Control("beta_index", "β", options=dial), *_cursor_controls(self._reach))
        self._sheets = [self._drawn(k) for k in range(len(self.records))]

    def draw(self, values):
        """Return the panels for this β, with the cursor."""
        k, point = values["beta_index"], (values["x"], values["y"])
        sheet, cloud, place = self._sheets[k]
        return sheet.with_cursor(cloud, point, [(place, self.picture(values))] if self._decoders else ())

    def picture(self, values):
        """Return the picture decoded at the cursor, or all panels where the records have no decoder."""
        if not self._decoders:
            return self.draw(values)
        return self._decoders[values["beta_index"]]([[values["x"], values["y"]]])[0]

    def describe(self, values):
        """Say β, rate, distortion and the cursor's place."""
        record = self.records[values["beta_index"]]
        costs = f"rate {record['rate']:.1f} and distortion {record['distortion']:.1f} nats per image"
        return f"β = {record['beta']:g}: {costs}; cursor at z = ({values['x']:.2f}, {values['y']:.2f})."

    def static(self):
        """Return a figure of the panels at the first, the middle and the last β."""
        chosen = sorted({0, len(self.records) // 2, len(self.records) - 1})
        pictures = np.stack([self.render(beta_index=k) for k in chosen])
        alt = " ".join(self.text(beta_index=k) for k in chosen)
        return plots.image_grid(pictures, columns=1, size=pictures.shape[1] / DPI, alt=alt)

    def _drawn(self, k):
        """Return the sheet for record ``k``, its cloud axes and the place of the decoded picture."""
        record = self.records[k]
        ratios = [1.15, *([0.8] if self._decoders else []), 1, 1.1]
        figure, axes = plots.canvas(3.1 * sum(ratios), 3.5, columns=len(ratios), width_ratios=ratios)
        figure.get_layout_engine().set(wspace=0.06)
        cloud, *middle, samples, curve = axes
        _draw_cloud(cloud, record["codes"], record["labels"], self.names, self._reach, f"Codes, β = {record['beta']:g}")
        _name_classes(cloud, record["codes"], record["labels"], self.names)
        for axis in middle:
            _blank(axis, "Decoded at the cursor")
        _blank(samples, "Samples")
        samples.imshow(_sheet_of_samples(f"records[{k}]['samples']", record["samples"]), interpolation="nearest")
        columns = [[r[key] for r in self.records] for key in ("rate", "distortion", "beta")]
        plots.draw_rate_distortion(curve, columns[0], columns[1], [f"{beta:g}" for beta in columns[2]], highlight=k)
        curve.set_title("Rate and distortion by β", fontsize=10)
        sheet = Sheet(figure)
        return sheet, cloud, sheet.box(middle[0]) if middle else None


def _cursor_controls(reach):
    limits = {"minimum": -reach, "maximum": reach, "step": 0.05, "value": 0.0, "group": "Cursor"}
    return Control("x", "z₁ (across)", **limits), Control("y", "z₂ (up)", **limits)


def _reach(clouds):
    """Return a limit in whole units that holds nearly all codes and the prior's three standard deviations."""
    return float(max(3, *(np.ceil(np.quantile(np.abs(codes), 0.995)) for codes in clouds)))


def _draw_cloud(axes, codes, labels, names, reach, title):
    plots.draw_points(axes, codes, labels, names)
    axes.set_aspect("equal", adjustable="box")
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), xlabel="$z_1$", ylabel="$z_2$")
    axes.set_title(title, fontsize=10)


def _name_classes(axes, codes, labels, names):
    """Write each class's name at the median of its codes: beside four panels there is no room for a legend."""
    codes, labels = np.asarray(codes), np.asarray(labels)
    for c in np.unique(labels):
        place = np.median(codes[labels == c], axis=0)
        text = axes.text(*place, str(c) if names is None else names[c], fontsize=8, ha="center", va="center")
        text.set_path_effects([withStroke(linewidth=2.5, foreground="white")])


def _blank(axes, title):
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.set(xticks=[], yticks=[])
    axes.set_title(title, fontsize=10)


def _sheet_of_samples(argument, samples):
    samples = np.asarray(samples)
    if samples.dtype != np.uint8 or samples.ndim not in (3, 4):
        refuse(argument, "uint8 images (n, H, W, C) or one tiled image (H', W', C)", samples)
    sheet = _images.tile(samples) if samples.ndim == 4 else samples
    return np.broadcast_to(sheet, (*sheet.shape[:2], 3))
