"""The parts exercise checks are made of: compare an answer with what must hold, and recognise known mistakes.

A check is a plain function of the learner's answer. It prints one line when the answer is right and raises
``CheckError`` when it is not: what was called, what was expected, what came back, and, where the answer is
what a known mistake gives, a hint. A hint points at the mistake; it never spells out the solution.

An exercise's check usually is one call of ``judge`` (for a function) or ``judge_value`` (for a number or a
choice). Where properties of a model or a training run are judged, use ``run`` and ``require`` and end with
``passed``.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


class CheckError(AssertionError):
    """An exercise's answer is not right yet; the message says what was expected and what came back."""


@dataclass(frozen=True)
class Mistake:
    """A known mistake that can be computed: ``wrong(*arguments)`` is the answer it gives.

    For ``judge_value``, ``wrong`` is the mistaken value itself.
    """

    name: str
    wrong: Callable | Any
    hint: str


@dataclass(frozen=True)
class Symptom:
    """A known mistake seen by its effect: ``shows(received, expected, *arguments)`` is true where it appears.

    ``received`` and ``expected`` are NumPy arrays (or tuples or dictionaries of them, as the answer is); the
    received one may have a wrong shape. For ``judge_value`` there are no further arguments.
    """

    name: str
    shows: Callable
    hint: str


def judge(task, learner, cases, reference, mistakes=(), rtol=1e-4, atol=1e-6):
    """Judge the learner's function on every case, and print one line if it is right.

    ``cases`` is a sequence of argument tuples; ``reference(*case)`` is the right answer: a number, an array or
    tensor, or a tuple or dictionary of these. Shape is compared first, then kind of number and finiteness, then
    values (``|received - expected| <= atol + rtol * |expected|``), so that the first report is the most useful one.

    Raises ``CheckError``; a ``NotImplementedError`` of an unsolved task passes through unchanged.
    """
    compare(task, learner, cases, reference, mistakes, rtol, atol)
    passed(task)


def compare(task, learner, cases, reference, mistakes=(), rtol=1e-4, atol=1e-6):
    """Do what ``judge`` does without its line, for a check that goes on with further properties."""
    if not callable(learner):
        _fail(task, "a function", _show(learner))
    received = [run(task, learner, *case) for case in cases]
    expected = [reference(*_copied(case)) for case in cases]
    for case, got, want in zip(cases, received, expected, strict=True):
        fault = _difference(got, want, rtol, atol)
        if fault:
            hint = _hint(mistakes, cases, received, expected, rtol, atol)
            _fail(task, *fault, hint or _usual(got), call=_call(learner, case))


def judge_value(task, value, right, expected, mistakes=(), rtol=1e-3, atol=1e-9):
    """Judge a single answer, a number or a choice such as ``"b"``, and print one line if it is ``right``.

    ``expected`` describes the answer without giving it away, for example "a number of nats". In ``mistakes``,
    ``Mistake.wrong`` is a value. Raises ``CheckError``; ``None`` or ``...`` counts as not answered yet.
    """
    compare_value(task, value, right, expected, mistakes, rtol, atol)
    passed(task)


def compare_value(task, value, right, expected, mistakes=(), rtol=1e-3, atol=1e-9):
    """Do what ``judge_value`` does without its line, for a task of several answers."""
    if value is None or value is ...:
        _fail(task, expected, "no answer yet")
    if isinstance(right, str):
        value = value.strip().lower() if isinstance(value, str) else value
    if _difference(value, right, rtol, atol):
        cases, received, wanted = [()], [value], [right]
        _fail(
            task, expected, f"{_show(value)}, which is not right", _hint(mistakes, cases, received, wanted, rtol, atol)
        )


def run(task, function, *arguments):
    """Return ``function(*arguments)``, called with copies so that it cannot change the check's own data.

    ``NotImplementedError`` passes through: the task is unsolved, not wrong. Any other exception becomes a
    ``CheckError`` that names the call and the cause.
    """
    try:
        return function(*_copied(arguments))
    except (NotImplementedError, CheckError):
        raise
    except Exception as error:
        cause = f"{type(error).__name__}: {error}"
        _fail(task, "a call that returns", cause, call=_call(function, arguments), source=error)


def require(condition, task, expected, received, hint=""):
    """Raise ``CheckError`` with these sentences unless ``condition`` is true; for properties of any kind."""
    if not condition:
        _fail(task, expected, received if isinstance(received, str) else _show(received), hint)


def passed(task):
    """Print the one line of a task that is solved."""
    print(f"Passed: {task}.")


def _fail(task, expected, received, hint="", call="", source=None):
    lines = [f"{task}: not right yet."]
    lines += [f"  called:   {call}"] if call else []
    lines += [f"  expected: {expected}", f"  received: {received}"]
    lines += [f"  Hint: {hint}"] if hint else []
    raise CheckError("\n".join(lines)) from source


def _difference(received, expected, rtol, atol):
    """Return (expected, received) in words at the first difference, or None where they agree."""
    if isinstance(expected, dict):
        if not isinstance(received, dict) or received.keys() != expected.keys():
            return f"a dictionary with the keys {sorted(expected)}", _show(received)
        pairs = [(f"[{key!r}]", received[key], expected[key]) for key in expected]
    elif isinstance(expected, tuple):
        if not isinstance(received, (tuple, list)) or len(received) != len(expected):
            return f"a tuple of {len(expected)}", _show(received)
        pairs = [(f"[{i}]", *pair) for i, pair in enumerate(zip(received, expected, strict=True))]
    else:
        return _array_difference(received, expected, rtol, atol)
    for place, got, want in pairs:
        fault = _difference(got, want, rtol, atol)
        if fault:
            return f"{fault[0]} at {place}", fault[1]
    return None


def _array_difference(received, expected, rtol, atol):
    got, want = _array(received), np.asarray(expected)
    if want.dtype.kind in "US":
        return None if np.array_equal(got, want) else (_show(expected), _show(received))
    if got is None or got.dtype.kind not in "biuf":
        return f"numbers of shape {want.shape}", _show(received)
    if got.shape != want.shape:
        return f"shape {want.shape}", f"shape {got.shape}"
    if want.ndim and (got.dtype.kind in "iu") != (want.dtype.kind in "iu"):
        return f"numbers of type {want.dtype}", f"numbers of type {got.dtype}"
    if not np.isfinite(got).all() and np.isfinite(want).all():
        return "finite numbers", f"{np.count_nonzero(~np.isfinite(got))} NaN or infinite of {got.size}"
    wrong = ~np.isclose(got, want, rtol, atol, equal_nan=True)
    if not wrong.any():
        return None
    first = tuple(int(i) for i in np.argwhere(wrong)[0])
    place = f" at index {first}" if first else ""
    return f"{want[first]:.6g}{place}", f"{got[first]:.6g}" + (
        f" ({wrong.sum()} of {wrong.size} differ)" if first else ""
    )


def _hint(mistakes, cases, received, expected, rtol, atol):
    """Return the hint of the first mistake that explains the answer to every case on which it can be tried."""
    for mistake in mistakes:
        if isinstance(mistake, Symptom):
            seen = any(
                _attempt(mistake.shows, _plain(got), _plain(want), *case)
                for case, got, want in zip(cases, received, expected, strict=True)
            )
        else:
            wrong = mistake.wrong if callable(mistake.wrong) else lambda m=mistake: m.wrong
            answers = [_attempt(wrong, *case) for case in cases]
            seen = all(
                answer is not None and _difference(got, _plain(answer), rtol, atol) is None
                for answer, got in zip(answers, received, strict=True)
            )
        if seen:
            return f"this looks like {mistake.name}. {mistake.hint}"
    return ""


def _attempt(function, *arguments):
    """Return ``function(*arguments)`` or None: a mistake's own formula may not work on every case or answer."""
    try:
        return function(*_copied(arguments))
    except Exception:
        return None


def _usual(received):
    if received is None:
        return "the function returns nothing. Does it end with a return?"
    if _array(received) is None and hasattr(received, "shape"):
        return "this tensor has no values yet: it is symbolic. Compute with the arguments that the function is given."
    return ""


def _plain(value):
    """Return tensors as NumPy arrays, inside tuples and dictionaries too."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, tuple):
        return tuple(_plain(part) for part in value)
    return _array(value)


def _array(value):
    """Return an answer as an array, or None for what has no numbers (a symbolic tensor, a ragged list)."""
    try:
        return np.asarray(value)
    except Exception:
        return None


def _copied(arguments):
    return tuple(a.copy() if isinstance(a, np.ndarray) else a for a in arguments)


def _call(function, arguments):
    name = getattr(function, "__name__", type(function).__name__)
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        names = []
    labels = [f"{n}=" for n in names] if len(names) >= len(arguments) else [""] * len(arguments)
    shown = [label + _show(a) for label, a in zip(labels, arguments, strict=False)]
    return f"{name}({', '.join(shown)})"


def _show(value):
    """Return a short description: small things as they are, arrays and tensors by type and shape."""
    if isinstance(value, (tuple, list)) and len(value) <= 6:
        return "(" + ", ".join(_show(part) for part in value) + ")"
    shape = getattr(value, "shape", None)
    if shape:
        return f"<{getattr(value.dtype, 'name', value.dtype)} array of shape {tuple(shape)}>"
    if callable(value):
        return f"<{getattr(value, '__name__', type(value).__name__)}>"
    text = repr(value.item() if isinstance(value, np.generic) or shape == () and hasattr(value, "item") else value)
    return text if len(text) <= 80 else text[:77] + "..."
