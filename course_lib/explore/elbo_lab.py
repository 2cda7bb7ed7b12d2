"""The ELBO laboratory: one hidden number, one visible, an exact log p(x), and a Gaussian q to be moved by hand.

Everything but the IWAE bound is in closed form. The fixed parts of the picture are drawn once; a move draws the
curves, bars and numbers on a copy of them.
"""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import Rectangle
from scipy.optimize import minimize
from scipy.special import erf, log_ndtr, logsumexp

from course_lib import plots
from course_lib.divergences import kl_to_standard_normal
from course_lib.explore.base import Control, Explorer
from course_lib.explore.sheet import DPI

MODELS = ("x = w·z + noise", "x = w·|z| + noise")
DRAWS = (1, 2, 4, 8, 16, 32, 64)
LOWEST, HIGHEST = -14.0, 2.0  # nats; longer bars are cut off at the lower edge, and their number says so
_Z = np.linspace(-5, 5, 501)
_NOISE = np.random.default_rng(0).standard_normal((500, DRAWS[-1]))  # the same for every move: a still picture


class ElboLab(Explorer):
    """Move q = N(mean, e^(2 log_std)) and see log p(x) = ELBO + KL(q ‖ posterior) hold.

    Two models with z ~ N(0, 1) and noise of standard deviation ``noise``: x = w·z + noise, whose posterior is
    Gaussian, and x = w·|z| + noise, whose posterior has two humps. ``x`` in [-3, 3], ``weight`` in [0.5, 2] and
    ``noise`` in [0.4, 1.5] are the first values of their sliders (``ValueError`` outside). The IWAE bound (Burda et
    al. 2015, https://arxiv.org/abs/1509.00519) is a mean over 500 fixed sets of k draws.
    """

    title = "ELBO laboratory"
    actions = {
        "Match the posterior": lambda values: matched(values),
        "Climb the ELBO": lambda values: climbed(values),
    }

    def __init__(self, x=1.0, weight=1.0, noise=0.4):
        self.controls = (
            Control("model", "model", options=MODELS, group="Model"),
            Control("x", "observed x", -3.0, 3.0, 0.05, group="Model"),
            Control("weight", "weight w", 0.5, 2.0, 0.05, 1.0, group="Model"),
            Control("noise", "noise s", 0.4, 1.5, 0.05, 0.4, group="Model"),
            Control("mean", "mean of q", -4.0, 4.0, 0.01, -0.5, group="Proposal q"),
            Control("log_std", "log std of q", -2.0, 1.0, 0.01, -0.2, group="Proposal q"),
            Control("draws", "IWAE draws k", options=tuple(map(str, DRAWS)), value=3, group="Bound with k draws"),
        )
        first = {"x": x, "weight": weight, "noise": noise}
        self.controls = tuple(
            Control(**vars(c) | {"value": c.check(first[c.name])}) if c.name in first else c for c in self.controls
        )
        self._draw_background()

    def numbers(self, **values):
        """Return the nats of the picture: log_px, elbo, gap, reconstruction, kl, iwae and its standard error."""
        return numbers(self.values(**values))

    def draw(self, values):
        """Return the densities beside the bars."""
        nats = numbers(values)
        self._canvas.restore_region(self._background)
        self._move_curves(values)
        self._move_bars(nats)
        for artist in self._artists:
            artist.axes.draw_artist(artist)
        return np.asarray(self._canvas.buffer_rgba())[..., :3].copy()

    def describe(self, values):
        """Say all numbers of the picture."""
        n = numbers(values)
        return (
            f"{MODELS[values['model']]}, x = {values['x']:.2f}, q = N({values['mean']:.2f}, "
            f"{np.exp(values['log_std']):.2f}²). log p(x) {n['log_px']:.2f} = ELBO {n['elbo']:.2f} + KL(q ‖ posterior) "
            f"{n['gap']:.2f} nats; ELBO = reconstruction {n['reconstruction']:.2f} − KL(q ‖ prior) {n['kl']:.2f}; "
            f"IWAE bound with k = {DRAWS[values['draws']]}: {n['iwae']:.2f} ± {n['iwae_error']:.2f}."
        )

    def static(self):
        """Return a figure of a poor q, of q = posterior, and of the best q where the posterior has two humps."""
        start = self.values()
        two = {**start, "model": 1, "x": 2.0, "mean": 1.0}
        shown = [start, start | matched(start), two | climbed(two)]
        pictures = np.stack([self.draw(values) for values in shown])
        alt = " ".join(self.describe(values) for values in shown)
        return plots.image_grid(pictures, columns=1, size=pictures.shape[1] / DPI, alt=alt)

    def _draw_background(self):
        """Draw what never changes, and make the artists that do."""
        figure, (left, right) = plots.canvas(8.6, 3.7, columns=2, width_ratios=[1.1, 1])
        figure.set_dpi(DPI)
        left.plot(_Z, np.exp(_log_normal(_Z, 0, 1)), ":", color=plots.GREY, linewidth=2, label="prior p(z)")
        posterior = left.plot([], [], color=plots.COLOURS[6], linewidth=2.4, label="posterior p(z|x)")
        proposal = left.plot([], [], "--", color=plots.COLOURS[0], linewidth=2.2, label="q(z)")
        left.set(xlim=(-5, 5), ylim=(0, 2.2), xlabel="hidden number $z$", ylabel="density")
        left.legend(frameon=False, fontsize=9, loc="upper left")
        right.set(xlim=(-0.4, 2.5), ylim=(LOWEST, HIGHEST), ylabel="nats")
        right.set_xticks(
            range(3), ["ELBO + gap\n= log p(x)", "ELBO + KL to prior\n= reconstruction", "IWAE bound,\nk draws"]
        )
        styles = [
            (0, plots.COLOURS[0], ""),  # up to the ELBO
            (0, plots.COLOURS[4], "///"),  # the gap
            (1, plots.COLOURS[2], ""),  # up to the ELBO, in the middle column
            (1, plots.COLOURS[3], "\\\\\\"),  # the KL to the prior, from the ELBO up to the reconstruction
            (2, "#33709A", ""),  # a darker azure: white numbers stand on it
        ]
        self._bars = [
            right.add_patch(Rectangle((at - 0.25, LOWEST), 0.5, 0, facecolor=c, hatch=h, edgecolor="white"))
            for at, c, h in styles
        ]
        self._curves = posterior + proposal
        level = right.plot([-0.4, 2.5], [0, 0], color=plots.COLOURS[6], linewidth=2.2)
        inside = {"fontsize": 9, "ha": "center", "va": "center", "color": "white", "weight": "bold"}
        beside = {"fontsize": 9, "ha": "left", "va": "center"}
        self._texts = [right.text(0, 0, "", **style) for style in (inside, beside, inside, beside, inside)]
        self._texts.append(right.text(2.5, HIGHEST, "", fontsize=10, ha="right", va="top"))
        self._level = level[0]
        self._artists = [*self._curves, *self._bars, self._level, *self._texts]
        for artist in self._artists:
            artist.set_animated(True)
        self._canvas = FigureCanvasAgg(figure)
        self._canvas.draw()
        figure.set_layout_engine("none")  # nothing moves any more
        self._background = self._canvas.copy_from_bbox(figure.bbox)

    def _move_curves(self, values):
        posterior, proposal = self._curves
        posterior.set_data(_Z, np.exp(log_posterior(values, _Z)))
        proposal.set_data(_Z, np.exp(_log_normal(_Z, values["mean"], np.exp(values["log_std"]))))

    def _move_bars(self, n):
        spans = [
            (LOWEST, n["elbo"]),
            (n["elbo"], n["log_px"]),
            (LOWEST, n["elbo"]),
            (n["elbo"], n["reconstruction"]),
            (LOWEST, n["iwae"]),
        ]
        for bar, (low, high) in zip(self._bars, np.clip(spans, LOWEST, HIGHEST), strict=True):
            bar.set_y(low)
            bar.set_height(max(high - low, 0.0))
        self._level.set_ydata([n["log_px"]] * 2)
        # Words must not stand on the black line.
        gap_at = min((n["elbo"] + n["log_px"]) / 2, n["log_px"] - 0.6)
        kl_at = (n["elbo"] + n["reconstruction"]) / 2
        kl_at = n["log_px"] + 0.6 if abs(kl_at - n["log_px"]) < 0.6 else kl_at
        labels = [
            (0, LOWEST + 0.6, f"{n['elbo']:.2f}"),
            (0.28, gap_at, f"gap {n['gap']:.2f}"),
            (1, LOWEST + 0.6, f"{n['elbo']:.2f}"),
            (1.28, kl_at, f"KL {n['kl']:.2f}"),
            (2, LOWEST + 0.6, f"{n['iwae']:.2f}"),
            (2.5, HIGHEST, f"black line: log p(x) = {n['log_px']:.2f}"),
        ]
        for text, (at, height, words) in zip(self._texts, labels, strict=True):
            text.set_position((at, np.clip(height, LOWEST + 0.6, HIGHEST)))
            text.set_text(words.replace("-", "−"))


def numbers(values):
    """Return all nats for the values of an ``ElboLab``; see ``ElboLab.numbers``."""
    elbo, reconstruction, kl = _elbo(values, values["mean"], values["log_std"])
    log_px = log_evidence(values)
    bounds = _iwae(values, DRAWS[values["draws"]])
    return {
        "log_px": log_px,
        "elbo": elbo,
        "gap": log_px - elbo,
        "reconstruction": reconstruction,
        "kl": kl,
        "iwae": float(bounds.mean()),
        "iwae_error": float(bounds.std() / np.sqrt(len(bounds))),
    }


def log_evidence(values):
    """Return log p(x): log N(x; 0, w² + s²), and for |z| that + log 2Φ(m/√v), the share of z > 0 in the posterior."""
    whole = _log_normal(values["x"], 0, np.hypot(values["weight"], values["noise"]))
    mean, std = _linear_posterior(values)
    return float(whole + (np.log(2) + log_ndtr(mean / std) if values["model"] else 0.0))


def log_posterior(values, z):
    """Return log p(z|x) at each z, from Bayes' rule."""
    return _log_likelihood(values, z) + _log_normal(z, 0, 1) - log_evidence(values)


def matched(values):
    """Return the mean and log_std of the posterior, on the sliders' grid."""
    mean, std = _linear_posterior(values)
    if values["model"]:  # two mirrored halves of N(mean, std²): mean 0, and the second moment of one half
        hazard = np.exp(_log_normal(mean / std, 0, 1) - log_ndtr(mean / std))
        mean, std = 0.0, np.sqrt(mean**2 + std**2 + mean * std * hazard)
    return _on_sliders(mean, np.log(std))


def climbed(values):
    """Return the mean and log_std at the top of the ELBO that is reached by climbing from the present q."""
    # A hair aside: with q exactly between two humps there is nothing to choose a side by.
    start = [values["mean"] + 1e-3, values["log_std"]]
    found = minimize(lambda q: -_elbo(values, *q)[0], start, method="L-BFGS-B", bounds=[(-4, 4), (-2, 1)])
    return _on_sliders(*found.x)


def _on_sliders(mean, log_std):
    return {
        "mean": float(np.clip(np.round(mean, 2), -4, 4)),
        "log_std": float(np.clip(np.round(log_std, 2), -2, 1)),
    }


def _log_normal(value, mean, std):
    return -0.5 * np.log(2 * np.pi) - np.log(std) - 0.5 * ((value - mean) / std) ** 2


def _log_likelihood(values, z):
    return _log_normal(values["x"], values["weight"] * (np.abs(z) if values["model"] else z), values["noise"])


def _linear_posterior(values):
    """Return the mean and standard deviation of the Gaussian posterior of x = w·z + noise."""
    precision = 1 + (values["weight"] / values["noise"]) ** 2
    return values["weight"] * values["x"] / (values["noise"] ** 2 * precision), precision**-0.5


def _elbo(values, mean, log_std):
    """Return ELBO, reconstruction and KL to the prior of q in closed form."""
    std = np.exp(log_std)
    first = mean  # E[z], or E|z| of the folded normal
    if values["model"]:
        first = std * np.sqrt(2 / np.pi) * np.exp(-0.5 * (mean / std) ** 2) + mean * erf(mean / std / np.sqrt(2))
    x, w, s = values["x"], values["weight"], values["noise"]
    square = x**2 - 2 * x * w * first + w**2 * (mean**2 + std**2)  # E(x − w·z)²
    reconstruction = float(-0.5 * np.log(2 * np.pi * s**2) - square / (2 * s**2))
    kl = float(kl_to_standard_normal([[mean]], [[2 * log_std]])[0])
    return reconstruction - kl, reconstruction, kl


def _iwae(values, k):
    """Return the estimates of log (1/k) Σ w from 500 sets of k draws."""
    noise = _NOISE[:, :k]
    z = values["mean"] + np.exp(values["log_std"]) * noise
    log_q = -0.5 * np.log(2 * np.pi) - values["log_std"] - 0.5 * noise**2
    return logsumexp(_log_likelihood(values, z) + _log_normal(z, 0, 1) - log_q, axis=1) - np.log(k)
