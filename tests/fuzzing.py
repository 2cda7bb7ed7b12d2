"""Hostile arguments for public functions: a call that works, of which Hypothesis spoils one argument.

The property: the call returns what is finite, or raises ``ValueError`` or ``TypeError`` whose message begins with the
name of an argument. Any other exception, a NaN made of finite numbers, or a call that does not come back is a failure.
Functions and models given as arguments, and plain flags, are left as they are: anything may be called, and anything is
true or false.
"""

import dataclasses
import datetime
import inspect
import os
import re
import warnings
from typing import Any

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

# COURSE_FUZZ=20 tries twenty times as much, with other values each time.
EFFORT = int(os.environ.get("COURSE_FUZZ", "1"))
INTEGERS = [0, 1, 2, 7, -1, -(10**18), True, 2.5, float("nan"), None, "3", "three", [3], np.int64(2), 1j]
FLOATS = [0.0, 1.0, 0.5, -1.0, 1e-300, 1e30, 1e300, float("nan"), float("inf"), -float("inf"), 10**400]
FLOATS += [True, None, "1", [1.0], 1j, np.float32(0.5), np.array(0.5), np.array([0.5, 0.5])]
TEXTS = ["", "no such name", "x" * 5000, "two\nlines", "\x00", None, 3, b"bytes", ["a list"], {}, np.zeros(2)]
NOT_ARRAYS = [None, "text", b"bytes", object(), {}, [], [[1.0], [2.0, 3.0]], 3, float("nan"), {"a": 1}, [None, None]]
DTYPES = ["uint8", "int32", "int64", "uint64", "float16", "float32", "float64", "bool", "object", "complex128", "U8"]
DTYPES += ["datetime64[s]", "V8"]
NUMBERS = [0.0, 1.0, -1.0, 0.5, 2.0, 255.0, 1e3, -1e3, 1e-30, 1e10, -1e10, 1e30, 1e300, float("nan"), float("inf")]


@dataclasses.dataclass
class Case:
    """A public function by its dotted name with arguments that it accepts.

    ``known``: documented non-finite results, "infinite" or "nan" (which stands for both). ``passes``: a NaN that comes
    in may go out, and numbers beyond ``largest`` may overflow: tensors of a graph, whose values no check can see.
    ``fixed``: arguments that are not spoiled. ``also``: further names a message may begin with. ``examples``: how many.
    """

    name: str
    function: Any
    arguments: dict
    known: str = ""
    passes: bool = False
    largest: float = np.inf
    fixed: tuple = ()
    also: tuple = ()
    examples: int = 40

    @property
    def spoilable(self):
        """The names of the arguments that may be spoiled."""
        plain = [n for n, v in self.arguments.items() if not callable(v) and not isinstance(v, bool)]
        return [name for name in plain if name not in self.fixed]

    def names(self):
        """Return the names that a message may begin with."""
        return {*inspect.signature(self.function).parameters, *self.arguments, *self.also}


def profile(case):
    """Return Hypothesis's settings for a case: the same examples every time, unless more are asked for."""
    return settings(
        max_examples=case.examples * EFFORT,
        derandomize=EFFORT == 1,
        database=None,
        deadline=datetime.timedelta(seconds=30),  # no call of this size takes a second: this one hangs
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )


def free(strategy):
    """Return [strategy] where more is tried than the same examples every time, else [].

    Hypothesis mixes constants of whatever modules are loaded into numbers and texts, so that with these the examples
    would depend on which tests ran before.
    """
    return [strategy] if EFFORT > 1 else []


# --- Spoiling ----------------------------------------------------------------------------------


@st.composite
def spoiled(draw, case):
    """Return the arguments of a case with one of them spoiled."""
    name = draw(st.sampled_from(case.spoilable))
    return {**case.arguments, name: draw(hostile(case.arguments[name]))}


def hostile(value):
    """Return a strategy of things to be given in the place of ``value``."""
    if isinstance(value, np.ndarray):
        return st.one_of(_arrays(value), _arrays(value), _arrays(value), st.sampled_from(NOT_ARRAYS))
    if isinstance(value, dict):
        return st.one_of(_dictionaries(value), st.sampled_from([{}, None, 3, "text", [1, 2]]))
    if isinstance(value, list | tuple):
        return st.one_of(_sequences(value), st.sampled_from([[], (), None, 3, "text", [None], [[[]]], np.zeros(0)]))
    if isinstance(value, str):
        return st.one_of(st.sampled_from(TEXTS), *free(st.text(max_size=20)))
    if isinstance(value, int):
        return st.sampled_from(INTEGERS)
    return st.one_of(st.sampled_from(FLOATS), *free(st.floats()))


@st.composite
def _arrays(draw, base):
    """Return an array like ``base`` with another shape, type or some other values, or several of these at once."""
    x = base
    for change in draw(st.lists(st.sampled_from([_reshaped, _revalued, _retyped]), min_size=1, max_size=2)):
        x = change(draw, x)
    return x.tolist() if draw(st.sampled_from(range(10))) == 0 and x.dtype.kind != "V" else x


def _reshaped(draw, x):
    axis = draw(st.sampled_from(range(max(x.ndim, 1))))
    kind = draw(st.sampled_from(["none", "one", "fewer", "more", "long", "drop", "add", "scalar", "flat", "swap"]))
    if x.ndim == 0 or x.size == 0 or kind == "add":
        return x[None]
    parts = {"none": [], "one": [0], "fewer": range(x.shape[axis] - 1), "more": [*range(x.shape[axis]), 0]}
    # Long where it is cheap: a row of a thousand stays below some ten thousand numbers.
    parts["long"] = np.resize(range(x.shape[axis]), min(1000, max(10_000 * x.shape[axis] // x.size, 2)))
    if kind in parts:
        return np.take(x, list(parts[kind]), axis)
    changed = {"drop": lambda: x.take(0, axis), "scalar": lambda: x.reshape(-1)[0], "flat": lambda: x.reshape(-1)}
    return np.asarray(changed.get(kind, lambda: x.swapaxes(0, -1))())


def _revalued(draw, x):
    number = draw(st.one_of(st.sampled_from(NUMBERS), *free(st.floats(width=32))))
    if x.dtype.kind not in "biuf" or x.size == 0:
        return x
    y = x.astype(np.float64)
    if draw(st.booleans()):
        with np.errstate(all="ignore"):
            y *= number
    else:
        y.reshape(-1)[draw(st.sampled_from(range(x.size))) :: draw(st.sampled_from(range(1, 8)))] = number
    return _cast(y, draw(st.sampled_from([x.dtype, np.dtype(float)])))


def _retyped(draw, x):
    return _cast(x, np.dtype(draw(st.sampled_from(DTYPES))))


def _cast(x, dtype):
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return x.astype(dtype)
        except (TypeError, ValueError, OverflowError, RuntimeError):  # no such conversion
            return x


@st.composite
def _dictionaries(draw, base):
    if not base:
        return {"new": draw(st.sampled_from(TEXTS))}
    name = draw(st.sampled_from(sorted(base)))
    if draw(st.booleans()):
        return {key: value for key, value in base.items() if key != name} | draw(st.sampled_from([{}, {"new": 1}]))
    return {**base, name: draw(hostile(base[name]))}


@st.composite
def _sequences(draw, base):
    if not base:
        return draw(st.sampled_from([[None], [[]], [base]]))
    place = draw(st.sampled_from(range(len(base))))
    kind = draw(st.sampled_from(["other", "less", "more"]))
    if kind == "other":
        return [*base[:place], draw(hostile(base[place])), *base[place + 1 :]]
    return type(base)([*base, base[place]] if kind == "more" else [*base[:place], *base[place + 1 :]])


# --- Judging -----------------------------------------------------------------------------------


def judge(case, arguments):
    """Call the case's function and require the property."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            result = case.function(**arguments)
        except (ValueError, TypeError) as error:
            names = "|".join(re.escape(name) for name in sorted(case.names(), key=len, reverse=True))
            assert re.match(rf"({names})\b", str(error)), f"names no argument: {type(error).__name__}: {error}"
            return
        except (MemoryError, AssertionError) as error:
            raise RuntimeError(f"{type(error).__name__}: {error}") from error
        assert _finite(result, case.known) or _excused(case, arguments), f"not finite: {result!r:.200}"


def _excused(case, arguments):
    return case.passes and not all(_bounded(value, case.largest) for value in arguments.values())


def _bounded(value, largest):
    return all(np.isfinite(x).all() and (np.abs(x.astype(np.float64)) <= largest).all() for x in _arrays_of(value))


def _finite(value, known):
    arrays = list(_arrays_of(value))
    return known == "nan" or not any((np.isnan(x) if known else ~np.isfinite(x)).any() for x in arrays)


def _arrays_of(value):
    """Yield every numeric array in a value, however deep it lies."""
    if isinstance(value, dict):
        value = list(value.values())
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = list(vars(value).values())
    if isinstance(value, list | tuple):
        for each in value:
            yield from _arrays_of(each)
    elif isinstance(value, int | float | complex | np.ndarray | np.generic) or hasattr(value, "numpy"):
        try:
            x = np.asarray(value)
            x = x.astype(np.float64) if x.dtype.kind == "O" else x
        except (TypeError, ValueError, OverflowError, NotImplementedError):
            return
        if x.dtype.kind in "biufc":
            yield x
