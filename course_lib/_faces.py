"""Compose cartoon faces from an atlas of drawn parts (drawings: Micah Lanier, CC BY 4.0; see DATA.md)."""

import functools

import numpy as np

from course_lib._assets import read_npz
from course_lib._validate import any_array, choice, refuse

SIZES = (64, 128)

BACKGROUNDS = {"blue": "b6e3f4", "lilac": "c0aede", "pink": "ffd5dc", "peach": "ffdfbf", "mint": "c8ecd4"}
SKINS = {"light": "f9c9b6", "tan": "ac6651", "dark": "77311d"}
HAIR_COLOURS = {
    "black": "1b1b1b",
    "brown": "77311d",
    "blonde": "f4d150",
    "red": "d9502e",
    "grey": "b9bcc4",
    "violet": "9287ff",
    "cyan": "6bd9e9",
}
SHIRT_COLOURS = {
    "white": "ffffff",
    "yellow": "f4d150",
    "violet": "9287ff",
    "cyan": "6bd9e9",
    "pink": "fc909f",
    "black": "2b2b2b",
}

# The drawings behind each value: attribute -> value -> name of the part in the original style.
DRAWINGS = {
    "facial_hair": {"beard": "beard", "scruff": "scruff"},
    "mouth": {m: m for m in ("surprised", "laughing", "nervous", "smile", "sad", "pucker", "frown", "smirk")},
    "eyebrows": {"up": "up", "down": "down"},
    "hair": {
        "swept": "fonze",
        "mohawk": "mrT",
        "fringe": "dannyPhantom",
        "long": "full",
        "turban": "turban",
        "pixie": "pixie",
    },
    "eyes": {"oval": "eyes", "round": "round", "smiling": "smiling"},
    "glasses": {"round": "round", "square": "square"},
    "nose": {"curve": "curve", "pointed": "pointed", "round": "tound"},
    "earrings": {"hoop": "hoop", "stud": "stud"},
    "shirt": {"open": "open", "crew": "crew", "collared": "collared"},
}

# What a label can say: attribute -> values, in the order of the integer codes.
ATTRIBUTES = {
    "background": tuple(BACKGROUNDS),
    "skin": tuple(SKINS),
    "hair": tuple(DRAWINGS["hair"]),
    "hair_colour": tuple(HAIR_COLOURS),
    "mouth": tuple(DRAWINGS["mouth"]),
    "eyes": tuple(DRAWINGS["eyes"]),
    "eyebrows": tuple(DRAWINGS["eyebrows"]),
    "nose": tuple(DRAWINGS["nose"]),
    "glasses": ("none", *DRAWINGS["glasses"]),
    "facial_hair": ("none", *DRAWINGS["facial_hair"]),
    "earrings": ("none", *DRAWINGS["earrings"]),
    "shirt": tuple(DRAWINGS["shirt"]),
    "shirt_colour": tuple(SHIRT_COLOURS),
}

# Attributes that are not uniform over their values.
PROBABILITIES = {
    "glasses": (0.60, 0.20, 0.20),
    "facial_hair": (0.75, 0.125, 0.125),
    "earrings": (0.70, 0.15, 0.15),
}

# Order of painting: slot, the attribute that chooses the drawing, the attribute that chooses the ink.
_PAINTING = (
    ("base", None, "skin"),
    ("facial_hair", "facial_hair", None),
    ("mouth", "mouth", None),
    ("eyebrows", "eyebrows", None),
    ("hair", "hair", "hair_colour"),
    ("eyes", "eyes", None),
    ("glasses", "glasses", None),
    ("nose", "nose", None),
    ("ears", None, "skin"),
    ("earrings", "earrings", None),
    ("shirt", "shirt", "shirt_colour"),
)
_INKS = {"skin": SKINS, "hair_colour": HAIR_COLOURS, "shirt_colour": SHIRT_COLOURS}
_FIXED_INKS = {"earrings": "f4d150", "glasses": "22222a"}  # everything else is black
# Faces painted at a time: few enough for the canvas to stay in the processor's cache.
_BATCH = 64


def parts():
    """Return the atlas's layers in order: a list of ``(slot, value)``; single drawings have the value ``""``."""
    return [(slot, value) for slot, _, _ in _PAINTING for value in DRAWINGS.get(slot, {"": ""})]


def check_attributes(attributes):
    """Return the codes as integer arrays ``(N,)`` in the order of ``ATTRIBUTES``, or refuse them.

    Each attribute may be an array or one code for all faces. Raises ``ValueError`` for missing or
    unknown attributes, for codes out of range, and for different lengths.
    """
    if not isinstance(attributes, dict) or set(attributes) != set(ATTRIBUTES):
        got = sorted(map(str, attributes)) if isinstance(attributes, dict) else repr(attributes)[:80]
        refuse("attributes", f"a dictionary with the keys {sorted(ATTRIBUTES)}", f"{got}")
    codes = {}
    for name, values in ATTRIBUTES.items():
        x = np.atleast_1d(any_array(f"attributes[{name!r}]", attributes[name]))
        if (
            x.ndim != 1
            or not np.issubdtype(x.dtype, np.integer)
            or (x.size and (x.min() < 0 or x.max() >= len(values)))
        ):
            refuse(f"attributes[{name!r}]", f"integer codes (N,) from 0 to {len(values) - 1} ({', '.join(values)})", x)
        codes[name] = x.astype(np.int64)  # sums of signed and unsigned codes would be no integers
    lengths = {len(x) for x in codes.values()} - {1}
    if len(lengths) > 1:
        refuse("attributes", "codes of one length", f"lengths {sorted(lengths)}")
    n = lengths.pop() if lengths else 1
    return {name: np.broadcast_to(x, n) for name, x in codes.items()}


def draw_attributes(n, rng):
    """Return random codes for ``n`` faces, each attribute independent of the others."""
    return {name: rng.choice(len(values), size=n, p=PROBABILITIES.get(name)) for name, values in ATTRIBUTES.items()}


def compose(attributes, size):
    """Return the faces with the given codes (see ``check_attributes``) as uint8 ``(N, size, size, 3)``."""
    codes = check_attributes(attributes)
    layers = [
        (box, colour, keep, index(codes)) for box, colour, keep, index in _coloured_slots(choice("size", size, SIZES))
    ]
    grounds = np.array([_rgb(colour) for colour in BACKGROUNDS.values()], np.float32)
    n = len(codes["background"])
    faces = np.empty((n, size, size, 3), np.uint8)
    for start in range(0, n, _BATCH):
        batch = slice(start, start + _BATCH)
        canvas = np.empty((min(_BATCH, n - start), size, size, 3), np.float32)
        canvas[:] = grounds[codes["background"][batch], None, None]
        for box, colour, keep, chosen in layers:
            canvas[:, *box] *= keep[chosen[batch]]
            canvas[:, *box] += colour[chosen[batch]]
        faces[batch] = canvas + np.float32(0.5)  # the conversion cuts the decimals off
    return faces


@functools.cache
def _coloured_slots(size):
    """Return per slot ``(box, colour (K, h, w, 3), keep (K, h, w, 3), index)``, in the order of painting.

    Painting entry k over a canvas x gives ``x * keep[k] + colour[k]`` inside the box; ``index`` maps
    the codes of N faces to their entries (N,).
    """
    atlas = read_npz(f"faces_atlas_{size}.npz")
    layers = dict(zip(atlas["names"].tolist(), atlas["parts"].astype(np.float32), strict=True))
    return [_coloured_slot(layers, *step) for step in _PAINTING]


def _coloured_slot(layers, slot, drawing, ink):
    values = ATTRIBUTES[drawing] if drawing else ("",)
    blank = np.zeros_like(next(iter(layers.values())))
    drawn = np.stack([layers.get(f"{slot}/{value}", blank) for value in values])  # (V, S, S, 5)
    inks = list(_INKS[ink].values()) if ink else [_FIXED_INKS.get(slot, "000000")]
    rgb = np.array([_rgb(i) for i in inks], np.float32) / 255
    box = _bounding_box(drawn[..., 4])
    painted, share, alpha = np.split(drawn[:, *box], [3, 4], axis=-1)
    colour = painted[:, None] + share[:, None] * rgb[:, None, None]  # (V, inks, h, w, 3)
    # The three bytes are rounded apart, so their sum could pass the opacity by one level and wrap around.
    colour = np.minimum(colour, alpha[:, None]).reshape(-1, *colour.shape[2:])
    keep = np.repeat(np.broadcast_to(1 - alpha / 255, painted.shape), len(inks), axis=0)

    def index(codes):
        chosen = codes[drawing] * len(inks) if drawing else 0
        return chosen + codes[ink] if ink else chosen + np.zeros_like(codes["background"])

    return box, colour, keep, index


def _bounding_box(alpha):
    """Return the (rows, columns) slices outside of which every layer of ``alpha (V, S, S)`` is empty."""
    rows, columns = (np.flatnonzero(alpha.any(axis=axes)) for axes in ((0, 2), (0, 1)))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _rgb(colour):
    return tuple(bytes.fromhex(colour))
