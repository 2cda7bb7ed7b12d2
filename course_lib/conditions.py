"""What a picture is asked to show: labels as the numbers that a network takes, and back."""

from dataclasses import dataclass, field

import numpy as np

from course_lib import _faces, data
from course_lib._validate import any_array, array, choice, generator, integer, refuse


@dataclass(frozen=True)
class Conditions:
    """Attributes and their values, laid side by side as one-hot blocks in a vector of length ``dimension``.

    ``values``: name -> names of its values, in the order of their integer codes. ``probabilities``: name -> weights of
    the values in the data, for the attributes that are not uniform. Labels are dictionaries name -> codes (N,), as
    ``data.load_faces`` gives them; attributes that are no part of the condition may stand in them too.
    Raises ``ValueError`` for an attribute of fewer than two values, and for probabilities that do not fit.
    """

    values: dict
    probabilities: dict = field(default_factory=dict)

    def __post_init__(self):
        if not isinstance(self.values, dict) or not self.values:
            refuse("values", "a dictionary name -> names of values", self.values)
        try:
            object.__setattr__(self, "values", {name: tuple(values) for name, values in self.values.items()})
            counts = {name: len(set(values)) for name, values in self.values.items()}
        except TypeError:
            refuse("values", "names of values for every attribute", self.values)
        if not isinstance(self.probabilities, dict):
            refuse("probabilities", "a dictionary name -> shares", self.probabilities)
        for name, values in self.values.items():
            if counts[name] != len(values) or len(values) < 2:
                refuse(f"values[{name!r}]", "two or more different names", repr(values))
        for name, weights in self.probabilities.items():
            count = len(self.values[choice("probabilities", name, self.names)])
            p = array(f"probabilities[{name!r}]", weights, (count,))
            if (p < 0).any() or not np.isclose(p.sum(), 1):
                refuse(f"probabilities[{name!r}]", "shares of at least 0 that sum to 1", p)

    @property
    def names(self):
        """The names of the attributes, in the order of their blocks."""
        return tuple(self.values)

    @property
    def dimension(self):
        """The length k of an encoded condition: the number of values of all attributes together."""
        return sum(map(len, self.values.values()))

    @property
    def blocks(self):
        """The place of each attribute in the vector: name -> slice."""
        ends = np.cumsum([len(values) for values in self.values.values()]).tolist()
        return {name: slice(a, b) for name, a, b in zip(self.names, [0, *ends], ends, strict=False)}

    def code(self, name, value):
        """Return the integer code of a value given by its name, such as ``code("glasses", "round")`` -> 1."""
        values = self.values[choice("name", name, self.names)]
        return values.index(choice("value", value, values))

    def encode(self, labels):
        """Return labels as float32 (N, ``dimension``): a 1 in each attribute's block, 0 elsewhere.

        ``labels``: name -> codes (N,) or one code for all; with a single attribute the bare codes will do.
        Raises ``ValueError`` for missing or unknown attributes, codes out of range and different lengths.
        """
        labels = self._checked(labels)
        return np.concatenate(
            [np.eye(len(values), dtype=np.float32)[labels[name]] for name, values in self.values.items()], axis=1
        )

    def decode(self, c):
        """Return the labels of conditions or scores (N, ``dimension``): the code of each block's largest entry."""
        c = array("c", c, ("N", self.dimension))
        return {name: c[:, block].argmax(axis=1) for name, block in self.blocks.items()}

    def draw(self, n, seed=0):
        """Return random labels for ``n`` pictures, each attribute drawn independently, as often as in the data."""
        rng, n = generator("seed", seed), integer("n", n, 1)
        return {
            name: rng.choice(len(values), n, p=self.probabilities.get(name)) for name, values in self.values.items()
        }

    def changed(self, labels, **wanted):
        """Return ``labels`` with some attributes set to a value by name: ``changed(labels, glasses="round")``."""
        labels = self._checked(labels)
        n = len(labels[self.names[0]])
        return labels | {name: np.full(n, self.code(name, value)) for name, value in wanted.items()}

    def only(self, *names):
        """Return the ``Conditions`` of these attributes alone; a generator told only them must draw the rest from z."""
        for name in names:
            choice("names", name, self.names)
        kept = {name: self.values[name] for name in self.names if name in names}
        return Conditions(kept, {name: p for name, p in self.probabilities.items() if name in kept})

    def _checked(self, labels):
        """Return labels as name -> integer codes of one length, and those of other attributes as they are."""
        if not isinstance(labels, dict) and len(self.values) == 1:
            labels = {self.names[0]: labels}
        if not isinstance(labels, dict) or not set(self.values) <= set(labels):
            received = f"{sorted(map(str, labels))}" if isinstance(labels, dict) else labels
            refuse("labels", f"a dictionary with the keys {sorted(self.values)}", received)
        codes = {name: np.atleast_1d(any_array(f"labels[{name!r}]", labels[name])) for name in self.values}
        for name, x in codes.items():
            last = len(self.values[name]) - 1
            if x.ndim != 1 or not np.issubdtype(x.dtype, np.integer) or x.size and (x.min() < 0 or x.max() > last):
                refuse(f"labels[{name!r}]", f"integer codes (N,) from 0 to {last}", x)
        lengths = {len(x) for x in codes.values()}
        if len(lengths - {1}) > 1:
            refuse("labels", "codes of one length", f"lengths {sorted(lengths)}")
        n = min(lengths - {1}, default=1)
        return labels | {name: np.broadcast_to(x, n) for name, x in codes.items()}


def faces():
    """Return the ``Conditions`` of ``data.load_faces``: 13 attributes with 55 values, drawn as often as there."""
    return Conditions(data.face_names(), dict(_faces.PROBABILITIES))


def fashion():
    """Return the ``Conditions`` of ``data.load_fashion``: one attribute "label" with the ten classes."""
    return Conditions({"label": data.FASHION_NAMES})


def agreement(asked, read):
    """Return how often two labellings (name -> codes (N,)) agree, for each attribute of ``asked``: name -> share.

    Raises ``ValueError`` for attributes that ``read`` lacks and for different lengths.
    """
    for argument, labels in (("asked", asked), ("read", read)):
        if not isinstance(labels, dict):
            refuse(argument, "a dictionary name -> codes", labels)
    shares = {}
    for name, codes in asked.items():
        a = np.atleast_1d(any_array(f"asked[{name!r}]", codes))
        b = np.atleast_1d(any_array(f"read[{name!r}]", read[choice("asked", name, read)]))
        if a.shape != b.shape or not a.size or "V" in (a.dtype.kind, b.dtype.kind):
            refuse(f"read[{name!r}]", f"codes of shape {a.shape}, at least one", b)
        shares[name] = float(np.mean(a == b))
    return shares
