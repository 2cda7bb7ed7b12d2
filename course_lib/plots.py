"""Figures of the course: each function takes arrays and returns a :class:`Figure` with its alt text.

The figures belong to no pyplot state, so a figure is shown once: where a cell ends with it, or where
``show`` is called. Colours follow Okabe and Ito's (https://jfly.uni-koeln.de/color/), made to stand out from white and
to differ for every kind of colour vision (tests/test_plots.py); markers and line styles differ as well.
"""

import base64
import html
import io

import matplotlib.figure
import numpy as np
from PIL import Image

from course_lib import images as _images
from course_lib._validate import array, refuse

# Blue, vermilion, green (these three are dark enough for text), pink, brown, azure, black, violet.
COLOURS = ["#004C99", "#C84B00", "#00855F", "#CC79A7", "#734B23", "#2396FF", "#000000", "#7D00FF"]
CLASS_COLOURS = [*COLOURS, "#AA9150", "#7D0055"]  # ten classes need two more: ochre and wine
MARKERS = "os^DvPX*<>"
STYLES = ["-", "--", "-.", ":"]
GREY = "#666666"
_SIGNATURES = {b"\x89PNG": "image/png", b"GIF8": "image/gif", b"RIFF": "image/webp"}


class Figure(matplotlib.figure.Figure):
    """A matplotlib figure that displays itself as a picture with alternative text (``alt_text``)."""

    alt_text = ""

    def png(self, dpi=120):
        """Return the figure as PNG bytes at ``dpi`` pixels per inch."""
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=dpi, facecolor="white")
        return buffer.getvalue()

    def _ipython_display_(self):
        show(self)


def canvas(width, height, rows=1, columns=1, alt="", **subplots):
    """Return ``(figure, axes)`` of ``width`` x ``height`` inches in the course's style.

    ``axes`` is one axes or an array of them; ``subplots`` goes to ``Figure.subplots``.
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.alt_text = alt
    axes = figure.subplots(rows, columns, **subplots)
    for each in np.ravel(axes):
        each.spines[["top", "right"]].set_visible(False)
        each.set_axisbelow(True)
        each.grid(color="#E5E5E5", linewidth=0.8)
    return figure, axes


def mime_bundle(picture, alt=None, width=None):
    """Return the Jupyter MIME bundle of a ``Figure``, PNG or GIF bytes, or one uint8 image (H, W, C).

    The picture travels as an HTML ``<img alt=...>`` because JupyterLab drops the alt text of plain PNG outputs, and a
    figure as lossless WebP, which halves the size of a stored notebook.
    ``width`` is in CSS pixels. Raises ``ValueError`` when there is nothing to show or no alt text.
    """
    if isinstance(picture, Figure):
        alt, width, data = alt or picture.alt_text, width or round(90 * picture.get_figwidth()), _webp(picture.png())
    else:
        data = picture if isinstance(picture, bytes) else _images.png_bytes(picture)
    kind = _SIGNATURES.get(data[:4])
    if kind is None:
        refuse("picture", "a Figure, PNG or GIF bytes, or a uint8 image (H, W, C)", f"bytes that begin with {data[:4]}")
    if not alt:
        refuse("alt", "a sentence that says what the picture shows", repr(alt))
    size = f' width="{int(width)}"' if width else ""
    source = f"data:{kind};base64,{base64.b64encode(data).decode()}"
    # Enlarged small pictures keep their pixels: smoothing would hide what the network drew.
    style = "max-width:100%;height:auto" + ("" if isinstance(picture, Figure) else ";image-rendering:pixelated")
    return {"text/html": f'<img alt="{html.escape(alt)}" src="{source}"{size} style="{style}">', "text/plain": alt}


def show(picture, alt=None, width=None):
    """Display a ``Figure``, PNG or GIF bytes, or one uint8 image with its alt text; outside Jupyter print that text."""
    from IPython import display, get_ipython

    bundle = mime_bundle(picture, alt, width)
    if get_ipython() is None:
        print(bundle["text/plain"])
    else:
        display.display(bundle, raw=True)


def image_grid(images, columns=None, titles=None, title=None, size=1.0, alt=None):
    """Draw images (N, H, W, C), uint8 or floats in [-1, 1], as a grid of cells ``size`` inches high.

    ``titles`` gives one short text per image.
    """
    pixels = _pixels("images", images)
    n, height, width = pixels.shape[:3]
    columns = min(columns or int(np.ceil(np.sqrt(n))), n)
    rows = -(-n // columns)
    if titles is not None and len(titles) != n:
        refuse("titles", f"one per image ({n})", f"{len(titles)} titles")
    alt = alt or f"Grid of {n} images in {rows} rows." + (f" Titles: {', '.join(map(str, titles))}." if titles else "")
    wide, high = columns * size * width / height, rows * (size + (0.25 if titles else 0)) + (0.35 if title else 0)
    if titles is None:
        figure, axes = canvas(wide, high, alt=alt)
        _draw_image(axes, _images.tile(pixels, columns=columns))
    else:
        figure, axes = canvas(wide, high, rows, columns, alt=alt, squeeze=False)
        for each in axes.flat[n:]:
            each.set_axis_off()
        for each, image, text in zip(axes.flat, pixels, titles, strict=False):
            _draw_image(each, image)
            each.set_title(str(text), fontsize=9)
    if title:
        figure.suptitle(title, fontsize=11)
    return figure


def side_by_side(rows, columns=None, title=None, size=0.9, alt=None):
    """Draw labelled rows of images: ``rows`` maps a label to images (N, H, W, C) of one size.

    ``columns`` gives an optional heading for each column.
    """
    if not rows:
        refuse("rows", "at least one row: label -> images", rows)
    strips = {label: _pixels(f"rows[{label!r}]", images) for label, images in rows.items()}
    n, (height, width) = max(map(len, strips.values())), next(iter(strips.values())).shape[1:3]
    label_inches = 0.1 * max(max(map(len, str(label).split("\n"))) for label in strips)
    alt = alt or f"{len(strips)} rows of images: {'; '.join(str(label).replace(chr(10), ' ') for label in strips)}."
    wide, high = label_inches + n * size * width / height, len(strips) * (size + 0.05) + 0.3 * bool(title or columns)
    figure, axes = canvas(wide, high, len(strips), alt=alt, squeeze=False)
    figure.set_layout_engine("compressed")  # the plain engine cuts labels off where images keep their shape
    for each, (label, pixels) in zip(axes.flat, strips.items(), strict=True):
        missing = np.full((n - len(pixels), *pixels.shape[1:]), 255, np.uint8)
        strip = _images.tile(np.concatenate([pixels, missing]), columns=n)
        _draw_image(each, strip)
        each.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=10)
    if columns:
        ticks = (np.arange(n) + 0.5) * strip.shape[1] / n
        axes.flat[0].set_xticks(ticks[: len(columns)], columns, fontsize=9)
        axes.flat[0].tick_params(length=0, top=False, labeltop=True, bottom=False, labelbottom=False)
    if title:
        figure.suptitle(title, fontsize=11)
    return figure


def curves(series, x=None, xlabel="epoch", ylabel="loss", title=None, log=False, size=(7, 3.4), alt=None):
    """Draw one line per entry of ``series`` (name -> values or (x, values)), such as ``fit(...).history``.

    ``x`` is shared by the lines without their own and counts 1, 2, ... when left out; ``log`` makes the vertical
    axis logarithmic.
    """
    if not series:
        refuse("series", "at least one entry: name -> values", series)
    lines = {name: _line(f"series[{name!r}]", values, x) for name, values in series.items()}
    figure, axes = canvas(*size)
    for k, (name, (at, y)) in enumerate(lines.items()):
        # Four long lines are told by their styles; further ones repeat these and have a few markers.
        marker = MARKERS[k % len(MARKERS)] if len(y) < 30 or k >= len(STYLES) else None
        dots = {"marker": marker, "markersize": 4, "markevery": max(1, len(y) // 15)}
        axes.plot(at, y, STYLES[k % 4], color=COLOURS[k % 8], label=name, linewidth=1.8, **dots)
    axes.set(xlabel=xlabel, ylabel=ylabel, title=title, yscale="log" if log else "linear")
    _legend(axes, len(lines))
    spans = [f"{name} from {y[0]:.3g} to {y[-1]:.3g}" for name, (_, y) in lines.items() if len(y)]
    figure.alt_text = alt or f"Line chart of {ylabel} against {xlabel}: {'; '.join(spans)}."
    return figure


def histogram(samples, densities=None, bins=60, xlabel="value", title=None, size=(7, 3.2), alt=None):
    """Draw normalised histograms of ``samples`` (name -> 1-D values) under density lines.

    ``densities`` maps a name to a pair ``(x, p(x))``.
    """
    samples = {name: array(f"samples[{name!r}]", v, ("n",)) for name, v in samples.items()}
    everything = np.concatenate(list(samples.values())) if samples else np.zeros(0)
    edges = np.histogram_bin_edges(everything, bins) if everything.size else bins
    figure, axes = canvas(*size)
    for k, (name, values) in enumerate(samples.items()):
        axes.hist(values, edges, density=True, alpha=0.35, color=COLOURS[k % 8], label=name)
        axes.hist(values, edges, density=True, histtype="step", color=COLOURS[k % 8], linestyle=STYLES[k % 4])
    for k, (name, (at, p)) in enumerate((densities or {}).items(), len(samples)):
        axes.plot(at, p, STYLES[k % 4], color=COLOURS[k % 8], linewidth=2, label=name)
    axes.set(xlabel=xlabel, ylabel="density", title=title)
    _legend(axes, len(samples) + len(densities or {}))
    means = [f"{name}: mean {v.mean():.3g}, standard deviation {v.std():.3g}" for name, v in samples.items()]
    figure.alt_text = alt or f"Density of {xlabel}. " + "; ".join([*means, *(densities or {})]) + "."
    return figure


def scatter(points, labels=None, names=None, xlabel="$z_1$", ylabel="$z_2$", title=None, size=(6, 4.6), alt=None):
    """Draw points (N, 2) by class: ``labels`` (N,) are integers, ``names`` their texts."""
    figure, axes = canvas(*size)
    shown = draw_points(axes, points, labels, names)
    axes.set(xlabel=xlabel, ylabel=ylabel, title=title)
    if labels is not None:
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=9, markerscale=2)
    kinds = f" in {len(shown)} classes: {', '.join(shown)}" if labels is not None else ""
    figure.alt_text = alt or f"Scatter of {len(points)} points{kinds}."
    return figure


def draw_points(axes, points, labels=None, names=None):
    """Draw points (N, 2) by class on ``axes``; return the names of the classes drawn."""
    points = array("points", points, ("N", 2))
    labels = np.zeros(len(points), int) if labels is None else array("labels", labels, (len(points),), dtype=np.int64)
    classes = np.unique(labels)
    if names is not None and classes.size and classes.max() >= len(names):
        refuse("names", f"at least {classes.max() + 1} names", f"{len(names)} names")
    shown = [str(c) if names is None else str(names[c]) for c in classes]
    for c, name in zip(classes, shown, strict=True):
        style = {"color": CLASS_COLOURS[c % len(CLASS_COLOURS)], "marker": MARKERS[c % len(MARKERS)]}
        axes.scatter(*points[labels == c].T, s=11, linewidths=0.3, edgecolors="white", label=name, **style)
    axes.set_aspect("equal", adjustable="datalim")
    return shown


def rate_distortion(rates, distortions, labels=None, highlight=None, title=None, size=(5.4, 3.8), alt=None):
    """Draw distortion against rate, both in nats per image, joined in the order given (Alemi et al. 2018,
    https://arxiv.org/abs/1711.00464).

    ``labels`` names the points, ``highlight`` is the index of one of them.
    """
    figure, axes = canvas(*size)
    draw_rate_distortion(axes, rates, distortions, labels, highlight)
    axes.set_title(title)
    ends = f"from rate {rates[0]:.3g}, distortion {distortions[0]:.3g} to {rates[-1]:.3g}, {distortions[-1]:.3g}"
    figure.alt_text = alt or f"Distortion against rate in nats per image, {len(rates)} points, {ends}."
    return figure


def draw_rate_distortion(axes, rates, distortions, labels=None, highlight=None):
    """Draw the rate-distortion points on ``axes`` (see ``rate_distortion``)."""
    rates = array("rates", rates, ("n",))
    distortions = array("distortions", distortions, (len(rates),))
    axes.plot(rates, distortions, "-o", color=COLOURS[0], markersize=5, linewidth=1.5)
    if highlight is not None:
        axes.plot(rates[highlight], distortions[highlight], "o", ms=14, mfc="none", mec=COLOURS[1], mew=2.5)
    for x, y, text in zip(rates, distortions, labels if labels is not None else [], strict=False):
        axes.annotate(str(text), (x, y), (7, 7), textcoords="offset points", fontsize=9)
    axes.margins(0.15)
    axes.set(xlabel="rate: KL (nats per image)", ylabel="distortion (nats per image)")


def latent_map(images, values=None, title=None, size=6.0, alt=None):
    """Draw images (K * K, H, W, C) decoded on a square grid of a 2-D latent space, as ``latent.grid`` orders them.

    ``values`` (K,) are the coordinates along each axis, left to right and bottom to top.
    """
    pixels = _pixels("images", images)
    k = int(np.sqrt(len(pixels)))
    if k * k != len(pixels):
        refuse("images", "a square number of images", pixels)
    figure, axes = canvas(size, size + 0.2, alt=alt or f"Map of {k} x {k} images decoded over a 2-D latent space.")
    axes.imshow(_rgb(_images.tile(pixels, columns=k, pad=0)), extent=(0, k, 0, k), interpolation="nearest")
    axes.grid(False)
    texts = [""] * k if values is None else [f"{v:.2g}" for v in array("values", values, (k,))]
    every = -(-k // 9)  # at most nine tick labels, or they overlap
    axes.set_xticks(np.arange(k)[::every] + 0.5, texts[::every])
    axes.set_yticks(np.arange(k)[::every] + 0.5, texts[::every])
    axes.set(xlabel="$z_1$", ylabel="$z_2$", title=title)
    return figure


def _webp(png):
    buffer = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").save(buffer, "WEBP", lossless=True)
    return buffer.getvalue()


def _pixels(argument, value):
    """Return images as uint8, from uint8 or floats in [-1, 1]."""
    x = np.asarray(value)
    if x.ndim != 4 or x.size == 0:
        refuse(argument, "at least one image, shape (N, H, W, C)", x)
    return x if x.dtype == np.uint8 else _images.to_uint8(x)


def _line(argument, values, x):
    """Return the checked (x, y) of one line of ``curves``."""
    if isinstance(values, tuple) and len(values) == 2 and np.ndim(values[0]):
        x, values = values
    y = array(argument, values, ("n",), finite=False)
    return (np.arange(1, len(y) + 1) if x is None else array("x", x, (len(y),))), y


def _draw_image(axes, image):
    axes.imshow(_rgb(image), interpolation="nearest")
    axes.grid(False)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def _rgb(image):
    return np.broadcast_to(image, (*image.shape[:2], 3))


def _legend(axes, n):
    if n > 1:
        axes.legend(frameon=False, fontsize=9)
