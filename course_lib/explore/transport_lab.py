"""TransportLab: the exact transport plan between two clouds, the exact critic, and a learned one, side by side."""

import json
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from course_lib import _assets, divergences, plots, transport
from course_lib.explore.base import Control, Explorer
from course_lib.explore.sheet import Sheet

POSITIONS = 21  # of the slider: the generated cloud has gone 0, 1/20, ... 20/20 of its way
REACH = 2.4  # the panels show [−REACH, REACH]²
LEVEL = 0.25  # difference between two level lines of a critic
BANDWIDTH = 0.1  # of the Gaussians that smooth the clouds for the Jensen-Shannon divergence
RECORD = "lessons/08_critics"
SLOPE = 0.2  # of the learned critics' LeakyReLU
_REAL, _FAKE, _INK = plots.COLOURS[0], plots.COLOURS[1], "#333333"
_COARSE = 90  # a critic is evaluated on this many points a side, and enlarged


def scenes():
    """Return name -> (real points (n, 2), their weights, generated points (m, 2), their weights), always the same."""
    rng = np.random.default_rng(8)
    n = 28
    even = np.full(n, 1 / n)
    blob = 0.33 * rng.standard_normal((n, 2))
    angles = 2 * np.pi * (np.arange(n) + 0.5) / n
    ring = 1.6 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    heights = np.stack([np.zeros(n), np.linspace(-1.6, 1.6, n)], axis=1)
    modes = np.repeat([[-1.2, 0.6], [1.2, -0.6]], 5, axis=0)
    near, far = (modes + 0.22 * rng.standard_normal((10, 2)) for _ in range(2))
    return {
        "shift": (blob + [1.3, 0.5], even, blob[::-1] * [1, -1] - [1.3, 0.5], even),
        "ring": (ring, even, 0.8 * blob[::-1], even),
        "two lines": (heights + [1, 0], even, heights - [1, 0], even),
        "wrong shares": (near, np.repeat([0.15, 0.05], 5), far, np.repeat([0.05, 0.15], 5)),
    }


def generated(scene, position):
    """Return points (k, 2) and weights (k,) of the generated cloud of a scene at ``position`` in 0 ... 20.

    It moves onto the real cloud along the optimal plan for squared distances.
    """
    real, real_weights, fake, fake_weights = scenes()[scene]
    plan = transport.solve(real, fake, real_weights, fake_weights, p=2).plan
    return transport.displace(real, fake, plan, position / (POSITIONS - 1))


def smoothed_js(x, weights_x, y, weights_y, bandwidth=BANDWIDTH):
    """Return the Jensen-Shannon divergence in nats of two clouds in the plane, each blurred by a Gaussian.

    By a sum over a grid of steps of half a ``bandwidth`` that reaches well beyond the panels.
    """
    grid = np.arange(-REACH - 5 * bandwidth, REACH + 5 * bandwidth, bandwidth / 2)

    def density(points, weights):
        across, up = (np.exp(-0.5 * ((grid - c[:, None]) / bandwidth) ** 2) for c in points.T)
        table = (across * weights[:, None]).T @ up
        return (table / table.sum()).ravel()

    return divergences.js_discrete(density(x, weights_x), density(y, weights_y))


def mlp(points, weights):
    """Return the values (k,) of a LeakyReLU network at ``points`` (k, 2); ``weights``: kernels and biases in turn."""
    h = np.asarray(points, np.float32)
    for k in range(0, len(weights), 2):
        h = h @ weights[k] + weights[k + 1]
        if k + 2 < len(weights):
            h = np.maximum(h, SLOPE * h)
    return h[:, 0].astype(np.float64)


class TransportLab(Explorer):
    """Two clouds, the exact plan that moves one onto the other, the exact critic, and one trained as in WGAN-GP.

    The generated cloud moves onto the real one with the slider. ``critics`` gives the learned critics' weights: a list
    of arrays (scenes, positions, ...), kernels and biases in turn; left out, the recorded ones are loaded, which
    tools/record_lesson_08_critics.py trained. Raises ``AssetError`` if that file is damaged.
    """

    def __init__(self, critics=None, title="Transport plan and critic"):
        self.title = title
        self._weights = recorded_critics() if critics is None else [np.asarray(w, np.float32) for w in critics]
        self.scenes = scenes()
        self.controls = (
            Control("scene", "scene", options=tuple(self.scenes)),
            Control("position", "moved (twentieths)", 0, POSITIONS - 1, 1, 0, play=True),
            Control("power", "plan drawn", options=("for W₁", "for W₂")),
        )
        path = Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"
        self._font = ImageFont.truetype(str(path), 12)
        ends = np.linspace(-REACH, REACH, _COARSE)
        self._grid = np.stack(np.meshgrid(ends, -ends), axis=-1).reshape(-1, 2)  # row by row from the top
        self._moves = [_moves(*scene) for scene in self.scenes.values()]
        self._sheets = [_drawn(name, *moves.curves) for name, moves in zip(self.scenes, self._moves, strict=True)]

    def critic(self, points, scene, position):
        """Return the learned critic's values (k,) at ``points`` (k, 2) for a scene's number and a position."""
        return mlp(points, [w[scene, position] for w in self._weights])

    def numbers(self, values):
        """Return W1, W2, JS in nats, and the learned critic's estimate and steepest slope for these values."""
        return self._state(values)[0]

    def draw(self, values):
        """Return plan, exact critic and learned critic above the curves, with a mark at the slider's position."""
        numbers, solved, clouds, exact, learned = self._state(values)
        sheet, axes = self._sheets[values["scene"]]
        page = Image.fromarray(sheet.pixels)
        pen = ImageDraw.Draw(page)
        texts = (
            f"W₁ = {numbers['w1']:.3f}    W₂ = {numbers['w2']:.3f}",
            f"mean f(real) − mean f(generated) = {numbers['w1']:.3f}",
            f"the same: {numbers['learned']:.3f}, with slopes up to {numbers['slope']:.2f}",
        )
        for panel, surface, text in zip(axes[:3], (None, exact, learned), texts, strict=True):
            left, top, right, bottom = sheet.box(panel)
            picture = _panel(right - left - 1, clouds, surface, solved.plan if surface is None else None)
            page.paste(picture, (left + 1, top + 1))
            pen.text(((left + right) / 2, bottom + 22), text, fill=_INK, font=self._font, anchor="ma")
        x, _ = axes[3].transData.transform((values["position"] / (POSITIONS - 1), 0))
        _, top, _, bottom = sheet.box(axes[3])
        pen.line([(round(x), top), (round(x), bottom)], fill=_INK, width=2)
        return np.asarray(page)

    def describe(self, values):
        """Say the scene, how far the cloud has moved, and every number of the picture."""
        n, name = self.numbers(values), list(self.scenes)[values["scene"]]
        return (
            f"Scene “{name}”, generated cloud {values['position'] / (POSITIONS - 1):.0%} of the way, plan "
            f"{self.controls[2].options[values['power']]}. W₁ = {n['w1']:.3f}, W₂ = {n['w2']:.3f}, Jensen-Shannon "
            f"divergence of the blurred clouds {n['js']:.3f} nats of at most 0.693. The learned critic says "
            f"{n['learned']:.3f} with slopes up to {n['slope']:.2f}."
        )

    def static(self):
        """Return a figure of two scenes for readers without a kernel."""
        chosen = [{"scene": 1, "position": 0, "power": 0}, {"scene": 3, "position": 0, "power": 0}]
        pictures = np.stack([self.render(**values) for values in chosen])
        alt = " ".join(self.text(**values) for values in chosen)
        return plots.image_grid(pictures, columns=1, size=pictures.shape[1] / 100, alt=alt)

    def _state(self, values):
        """Return all that is drawn: numbers, the plan's transport, both clouds, and both critics on the grid."""
        scene, position = values["scene"], values["position"]
        real, a = list(self.scenes.values())[scene][:2]
        moves = self._moves[scene]
        (fake, b), first = moves.clouds[position], moves.solved[position]
        solved = transport.solve(real, fake, a, b, p=2) if values["power"] else first
        exact = transport.extend(self._grid, fake, -first.v)
        exact -= a @ transport.extend(real, fake, -first.v) / 2 - b @ first.v / 2
        on_real, on_fake = (w @ self.critic(z, scene, position) for z, w in ((real, a), (fake, b)))
        learned = self.critic(self._grid, scene, position) - (on_real + on_fake) / 2
        exact, learned = (f.reshape(_COARSE, _COARSE) for f in (exact, learned))
        curves = zip(("w1", "w2", "js"), moves.curves, strict=True)
        numbers = {key: max(float(curve[position]), 0.0) for key, curve in curves}
        slope = np.hypot(*np.gradient(learned, 2 * REACH / (_COARSE - 1))).max()
        numbers |= {"learned": float(on_real - on_fake), "slope": float(slope)}
        return numbers, solved, ((real, a), (fake, b)), exact, learned


class _Moves(NamedTuple):
    """What one scene looks like at every position: the generated cloud, its transport for W₁, and W₁, W₂ and JS."""

    clouds: list
    solved: list
    curves: tuple


def _moves(real, a, fake, b):
    cost, plan, *_ = transport.solve(real, fake, a, b, p=2)
    share = np.linspace(0, 1, POSITIONS)
    clouds = [transport.displace(real, fake, plan, t) for t in share]
    solved = [transport.solve(real, y, a, weights) for y, weights in clouds]
    w1 = np.array([each.cost for each in solved])
    w2 = np.sqrt(cost) * (1 - share)  # McCann: proportional along this plan
    return _Moves(clouds, solved, (w1, w2, np.array([smoothed_js(real, a, y, weights) for y, weights in clouds])))


def recorded_critics():
    """Return the recorded critics' weights: kernels and biases in turn, each (scenes, positions, ...)."""
    card = json.loads((_assets.ROOT / f"{RECORD}.json").read_text(encoding="utf-8"))
    arrays = _assets.read_npz(f"{RECORD}.npz", card["sha256"], rebuild="python tools/record_lesson_08_critics.py")
    return [arrays[key].astype(np.float32) for key in sorted(arrays)]


def _drawn(name, w1, w2, js):
    """Return the sheet of a scene: everything that does not move, with its four axes."""
    figure, axes = plots.canvas(9.6, 5.6, 2, 3, height_ratios=[3.2, 1.6])
    place = axes[1, 0].get_gridspec()[1, :]
    for each in axes[1]:
        each.remove()
    curves = figure.add_subplot(place)
    titles = ("Exact plan", "Exact critic f (level lines 0.25 apart)", "Learned critic, WGAN-GP, λ = 10")
    for panel, title in zip(axes[0], titles, strict=True):
        panel.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH), aspect="equal", xticks=[-2, 0, 2], yticks=[-2, 0, 2])
        panel.set_title(title, fontsize=10)
        panel.set_xlabel(" ", fontsize=14)  # the place of the numbers
        panel.spines[:].set_visible(True)
        panel.grid(False)
    share = np.linspace(0, 1, POSITIONS)
    for k, (y, label) in enumerate(((w1, "W₁"), (w2, "W₂"), (js, "Jensen-Shannon, blurred clouds (nats)"))):
        curves.plot(share, y, plots.STYLES[k], color=plots.COLOURS[(2, 3, 6)[k]], linewidth=2, label=label)
    curves.axhline(np.log(2), color=plots.GREY, linewidth=0.8)
    curves.set(xlim=(-0.01, 1.01), ylim=(0, 1.05 * max(w2.max(), 0.72)), ylabel="distance")
    curves.set_xlabel("share of the way that the generated cloud has moved; grey line: ln 2", fontsize=10)
    curves.legend(frameon=False, fontsize=9, loc="upper right")
    curves.spines[["top", "right"]].set_visible(False)
    figure.suptitle(f"Scene “{name}”: real points ● blue, generated points ■ orange", fontsize=11)
    return Sheet(figure), (*axes[0], curves)


def _panel(side, clouds, surface=None, plan=None):
    """Return a square picture with both clouds, on a critic's heat map or over a plan's lines."""
    big = 2 * side  # drawn at twice the size and reduced, which smooths the edges
    page = Image.new("RGB", (big, big), "white") if surface is None else _heat(surface, side).resize((big, big), 0)
    pen = ImageDraw.Draw(page)
    (x, a), (y, b) = ((_pixels(points, big), weights) for points, weights in clouds)
    if plan is not None:
        largest = plan.max()
        for i, j in np.argwhere(plan > 1e-9):
            pen.line([tuple(x[i]), tuple(y[j])], fill="#888888", width=max(2, round(5 * plan[i, j] / largest)))
    # Area in proportion to mass; squares smaller, so that a circle under one still shows.
    for points, weights, colour, shape, size in ((x, a, _REAL, pen.ellipse, 1), (y, b, _FAKE, pen.rectangle, 0.75)):
        for (across, down), radius in zip(points, size * (4 + 34 * np.sqrt(weights)), strict=True):
            box = [across - radius, down - radius, across + radius, down + radius]
            shape(box, fill=colour, outline="white", width=2)
    return page.reduce(2)


def _heat(values, side):
    """Return a critic as colours, blue where it is high (real) and orange where it is low, with level lines."""
    values = np.asarray(Image.fromarray(values.astype(np.float32)).resize((side, side), Image.Resampling.BILINEAR))
    levels = np.floor(values / LEVEL)
    edge = np.zeros(levels.shape, np.uint8)
    edge[1:] |= levels[1:] != levels[:-1]
    edge[:, 1:] |= levels[:, 1:] != levels[:, :-1]
    shade = np.clip(127.5 * (1 + values / REACH), 0, 255).astype(np.uint8)
    return Image.fromarray(_COLOURS[edge, shade])


def _colours():
    """Return the colours of values from −REACH to REACH, off and on a level line: uint8 (2, 256, 3)."""
    shade = np.linspace(-1, 1, 256)[:, None]
    high, low = (np.array([int(c[k : k + 2], 16) for k in (1, 3, 5)]) for c in (_REAL, _FAKE))
    colours = 255 + 0.75 * np.where(shade > 0, shade * (high - 255), -shade * (low - 255))
    return np.stack([colours, 0.7 * colours]).astype(np.uint8)


_COLOURS = _colours()


def _pixels(points, side):
    """Return points of the plane as pixels of a panel with ``side`` pixels."""
    return (points * [1, -1] + REACH) / (2 * REACH) * side
