"""Milliseconds per move of every explorer: rendered picture, PNG and description, as its view does at each move.

Run from the repository's root, with nothing else running: python benchmarks/explorers.py
Explorers are found through ``explore.__all__``. Each of an explorer's controls is moved over its range, and the
slowest of them is reported. Timing does not depend on the weights of a decoder.
"""

import inspect
import tempfile
import time

import _common
import numpy as np

from course_lib import colour, conditions, data, explore, gallery, images, nets, style, zoo

MOVES, WARM_UP = 50, 10
GOALS = {32: 5.0, 64: 15.0}  # median milliseconds per move of a latent explorer, by the size of its picture
GOAL = 30.0  # of the others
HEAVY = 50.0  # of those of lessons 12 to 15, which run whole networks
# GanLab trains when it reaches what has not been trained yet: only recorded frames are timed. StyleMixer's refinement
# is painting by steps, which is progressive by design.
RECORDED = {
    "GanLab": {"frame": 60},
    "StyleMixer": dict.fromkeys(("content", "first", "second", "mix", "strength", "scale")),
}


def places(control, last=None):
    """Return MOVES + WARM_UP values of a control, from its lowest to its highest and again."""
    if control.options:
        return np.resize(np.arange(len(control.options)), WARM_UP + MOVES)
    whole = isinstance(control.step, int)
    last = control.maximum if last is None else min(last, control.maximum)
    values = np.linspace(control.minimum, last, 41)
    return np.resize(np.unique(np.rint(values).astype(int)) if whole else values, WARM_UP + MOVES)


def milliseconds_per_move(explorer, control, last=None):
    """Return the time of each of MOVES moves of one control, in milliseconds, after a short warm-up."""
    times = []
    for place in places(control, last):
        value = int(place) if isinstance(control.step, int) else float(place)
        start = time.perf_counter()
        explorer.png(**{control.name: value})
        explorer.text(**{control.name: value})
        times.append(1e3 * (time.perf_counter() - start))
    return np.array(times[WARM_UP:])


def slowest(explorer):
    """Return (label of the control with the highest median, its times)."""
    limits = RECORDED.get(type(explorer).__name__)
    chosen = [c for c in explorer.controls if not c.kind and (limits is None or c.name in limits)]
    timed = [(c.label, milliseconds_per_move(explorer, c, (limits or {}).get(c.name))) for c in chosen]
    return max(timed, key=lambda pair: np.median(pair[1]))


def latent_explorers():
    """Yield (name, explorer, goal): fresh generators at both sizes, then what the zoo holds."""
    decoders = {f"{size} × {size} × 3": nets.dcgan_generator((size, size, 3), 100, 32) for size in GOALS}
    decoders |= {name: zoo.load(name) for name in ("fashion-vae", "fashion-gan", "faces-vae", "faces-gan")}
    for name, decoder in decoders.items():
        for neighbours in (0, 4):
            explorer = explore.LatentExplorer(decoder, neighbours=neighbours)
            size = explorer.picture(explorer.values()).shape[0]
            yield f"LatentExplorer, {name}, {neighbours} neighbours", explorer, GOALS[32 if size <= 32 else 64]


def latent_pair():
    """Yield the pair of lesson 05, with the nearest training picture beside each."""
    faces = data.load_faces("train").images[:5000]
    pair = {
        name: explore.LatentExplorer(zoo.load(name), coordinates=0, neighbours=0, training=faces)
        for name in ("faces-gan", "faces-vae")
    }
    yield "LatentPair with nearest picture", explore.LatentPair(pair), GOAL


def latent_map():
    """Yield a map of codes in two dimensions, with a fresh decoder of the size lesson 03 trains."""
    codes, labels = _codes()
    yield "LatentMap", explore.LatentMap(nets.conv_decoder((28, 28, 1), 2, 8), codes, labels, data.FASHION_NAMES), GOAL


def beta_dial():
    """Yield a dial over six models, each with its decoder."""
    codes, labels = _codes()
    decoder = nets.conv_decoder((28, 28, 1), 2, 8)
    record = {"codes": codes, "labels": labels, "samples": data.load_fashion("test").images[:16], "decoder": decoder}
    records = [
        record | {"beta": beta, "rate": 9.0 / beta, "distortion": 230 + beta} for beta in (0.25, 0.5, 1, 2, 4, 8)
    ]
    yield "BetaDial", explore.BetaDial(records, data.FASHION_NAMES), GOAL


def edit_bench():
    """Yield lesson 12's bench, on six held-out faces."""
    faces, space = data.load_faces("test"), conditions.faces().only(*zoo.card("faces-cgan")["condition"])
    labels = {name: codes[:6] for name, codes in faces.attributes.items()}
    bench = explore.EditBench(zoo.load("faces-cgan"), space, faces.images[:6], labels, data.compose_faces)
    yield "EditBench", bench, HEAVY


def comparer():
    """Yield lesson 13's divider, on one photograph of 256 × 192 pixels."""
    original = data.load_photos("test")[0].image[None, :192, :256]
    small = images.downscale(original, 4)
    made = {method: images.enlarge(small, 4, method)[0] for method in ("bicubic", "nearest")}
    yield "Comparer", explore.Comparer({"photograph": made | {"original": original[0]}}, crop=4), HEAVY


def hint_painter():
    """Yield lesson 13's painter of hints, with the shipped colorizer."""
    card, faces = zoo.card("faces-colorizer")["metrics"], data.load_faces("test").images[:6]
    bins = colour.gamut_bins(card["bins"]["spacing"])
    settings = {"bins": bins, "levels": card["lightness_levels"], "hint_size": card["hint_size"]}
    yield "HintPainter", explore.HintPainter(zoo.load("faces-colorizer"), faces, **settings), HEAVY


def style_mixer():
    """Yield lesson 14's mixer at 128 pixels; its painting is progressive and starts by a button only."""
    photos = {work.title: work.image for work in data.load_photos("test")[:3]}
    paintings = {work.title: work.image for work in data.load_paintings()[:4]}
    fast = style.AdaIN(style.feature_network("course").model, zoo.load("style-decoder"))
    painter = style.StyleTransfer(style.feature_network("lite0"))
    yield "StyleMixer", explore.StyleMixer(photos, paintings, fast, painter, size=128), HEAVY


def denoising_strip():
    """Yield lesson 15's strip: its paths are computed once, before the first move."""
    flow, noise = zoo.load("fashion-flow"), np.random.default_rng(0).standard_normal((3, 28, 28, 1), dtype=np.float32)
    yield "DenoisingStrip", explore.DenoisingStrip(flow.velocity, noise, steps=(1, 2, 4, 8, 16)), HEAVY


def gallery_room():
    """Yield lesson 15's gallery, in a folder that is thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        yield "Gallery", explore.Gallery(zoo.load("faces-gan"), gallery.Gallery(folder)), HEAVY


def _codes():
    labels = data.load_fashion("test").labels[:1200]
    return np.random.default_rng(0).standard_normal((len(labels), 2)), labels


# The explorers that cannot be built without arguments.
BUILDERS = {
    "LatentExplorer": latent_explorers,
    "LatentPair": latent_pair,
    "LatentMap": latent_map,
    "BetaDial": beta_dial,
    "EditBench": edit_bench,
    "Comparer": comparer,
    "HintPainter": hint_painter,
    "StyleMixer": style_mixer,
    "DenoisingStrip": denoising_strip,
    "Gallery": gallery_room,
}


def names():
    """Return the names of all explorers that ``explore`` offers, in its order."""
    found = ((name, getattr(explore, name)) for name in explore.__all__)
    return [
        name
        for name, c in found
        if inspect.isclass(c) and issubclass(c, explore.Explorer) and c is not explore.Explorer
    ]


def all_explorers():
    """Yield (name, explorer, goal) of every explorer."""
    for name in names():
        if name in BUILDERS:
            yield from BUILDERS[name]()
        else:
            yield name, getattr(explore, name)(), GOAL


def main():
    """Time all explorers and write the results."""
    rows = []
    for name, explorer, goal in all_explorers():
        control, times = slowest(explorer)
        rows.append([name, control, *np.quantile(times, [0.5, 0.95]).round(2).tolist(), f"{goal:g}"])
        print(*rows[-1], flush=True)
    table = {
        "caption": f"Each explorer's slowest control, {MOVES} moves over its range.",
        "header": ["explorer", "slowest control", "p50 ms", "p95 ms", "goal p50 ms"],
        "rows": rows,
    }
    text = "A move is the drawn picture, its PNG and its description, as the view makes them."
    _common.publish("explorers", "Explorers", text, [table])


if __name__ == "__main__":
    main()
