"""Paint what lesson 14 shows as recorded: ``python tools/record_lesson_14.py``, after the zoo's style-features.

Four photographs in the manner of four paintings through the three feature networks, random features with two seeds,
at four strengths, each judged by networks that painted none of them and by two judges without a network; and one large
picture through each network. Each picture is kept in runs/lesson_14 when it is done, so the command may be killed and
run again; the record goes to course_lib/assets/lessons/14_painted.json, and the pictures shown beside it.
"""

import functools
import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from recording import Runs, machine, write_record

from course_lib import _assets, data, images, runtime, style

RUNS = Path(__file__).resolve().parents[1] / "runs" / "lesson_14"
RECORD = _assets.ROOT / "lessons" / "14_painted"
PAIRS = (  # all photographs are held out: no feature was trained on them
    ("China", "The Great Wave off Kanagawa"),
    ("Chelsea the cat", "Summertime"),
    ("Coffee cup", "Bal du moulin de la Galette"),
    ("Flower", "The Benzaiten Shrine at Inokashira in Snow"),
)
NETWORKS = {"lite0": 0, "random 0": 0, "random 1": 1, "course": 0}  # name: seed of the painting
JUDGES = ("random 9", "lite0", "course")
STRENGTHS = (0.1, 1.0, 10.0, 100.0)
PLAN = {"size": 112, "steps": 80}  # the rest is the default of style.StyleTransfer.steps
LARGE = {"size": 256, "steps": 100, "scales": 3}
LARGE_STRENGTH = {"lite0": 10.0, "random 0": 10.0, "course": 10.0}


def keys_in_order():
    """Return (network, pair, strength) of every picture; the large ones have the pair "large"."""
    large = [(name, "large", strength) for name, strength in LARGE_STRENGTH.items()]
    return large[:2] + [(name, k, s) for name in NETWORKS for k in range(len(PAIRS)) for s in STRENGTHS] + large[2:]


@functools.cache
def painter(name):
    """Return the ``StyleTransfer`` of a name such as "random 0" or "lite0"."""
    kind, *seed = name.split()
    return style.StyleTransfer(style.feature_network(kind, int(seed[0]) if seed else 0))


@functools.cache
def works():
    """Return title -> picture of the held-out photographs and of the paintings."""
    return {work.title: work.image for work in data.load_photos("test") + data.load_paintings()}


def sources(pair):
    """Return the photograph and the painting of a pair."""
    return tuple(works()[title] for title in PAIRS[0 if pair == "large" else pair])


def paint(network, pair, strength):
    """Return the facts of one painted picture, and the picture, uint8 (h, w, 3)."""
    content, manner = sources(pair)
    plan = (LARGE if pair == "large" else PLAN) | {"strength": strength, "seed": NETWORKS[network]}
    start = time.process_time()
    picture = painter(network).run(content, manner, **plan)
    seconds = round(time.process_time() - start, 1)
    return {"network": network, "pair": pair, "strength": strength, "seconds": seconds}, picture


def judged(picture, pair):
    """Return what the networks and the two judges without one say of a picture; None for the photograph itself."""
    content, manner = sources(pair)
    if picture is None:
        picture = fitted(content, PLAN["size"])
    facts = {f"style by {name}": painter(name).measure(picture, content, manner)[1] for name in JUDGES}
    facts["patches"] = style.patch_distance(picture, fitted(manner, max(picture.shape[:2])))
    facts["lightness"] = style.lightness_correlation(picture, content)
    return {name: float(f"{value:.4g}") for name, value in facts.items()}


def fitted(picture, size):
    """Return a picture with ``size`` pixels on its longer side."""
    factor = size / max(picture.shape[:2])
    return images.resize(picture[None], tuple(round(side * factor) for side in picture.shape[:2]))[0]


def write(report):
    """Judge all pictures, and write the record, with the pictures of the first pair and the large ones."""
    rows, arrays = [], {}
    for network, pair, strength in keys_in_order():
        facts, kept = Runs(RUNS).load(f"{network} {pair} {strength}")
        rows.append(facts | judged(kept["picture"], pair))
        if pair in (0, "large") and network in LARGE_STRENGTH:
            arrays[f"{network}_{pair}_{strength:g}"] = kept["picture"]
    unpainted = [{"network": "photograph", "pair": k, **judged(None, k)} for k in range(len(PAIRS))]
    facts = {
        "what": "Pictures painted by optimisation through three feature networks; see tools/record_lesson_14.py",
        "pairs": PAIRS,
        "plan": PLAN,
        "large": LARGE,
        "seeds": "random features: 0 and 1, for the weights and the jitter; the others: 0, for the jitter",
        "seconds_are": "processor seconds of the painting alone",
        "minutes": round(sum(row["seconds"] for row in rows) / 60, 1),
        **machine(report, ""),
        "licence": "Apache-2.0 (numbers); pictures are derived from Photos and Paintings, see DATA.md",
    }
    write_record(RECORD, facts, unpainted + rows, arrays)


def main():
    """Paint what is missing, then judge all and write the record."""
    report, kept = runtime.setup(0), Runs(RUNS)
    for key in keys_in_order():
        name = " ".join(map(str, key))
        if not kept.done(name):
            facts, picture = paint(*key)
            kept.save(name, facts, picture=picture)
            print(name, facts["seconds"], "s", flush=True)
    write(report)


if __name__ == "__main__":
    main()
