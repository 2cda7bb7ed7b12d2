"""Tests of the tests: break one formula in its source, and require that the proof of that formula fails.

A proof is a function that takes an implementation and asserts what must be true of it. The same function is called
by an ordinary test with the real implementation and by ``Mutant.is_killed`` with a broken one.
"""

import inspect
import textwrap
from typing import Any, NamedTuple

import pytest
from lesson_code import definitions, replaced


class Mutant(NamedTuple):
    """A formula of the library with one piece of its source changed from ``old`` to ``new``.

    ``target`` is the function or class that ``proof`` takes. Where the piece stands in another function of the same
    module that ``target`` calls, ``inside`` names that function.
    """

    proof: Any
    target: Any
    old: str
    new: str
    inside: Any = None

    def broken(self):
        """Return the target as it would be with the changed source."""
        space = dict(vars(inspect.getmodule(self.target)))
        changed = self.target if self.inside is None else self.inside
        exec(replaced(_source(changed), self.old, self.new), space)
        if self.inside is not None:
            exec(_source(self.target), space)  # once more, so that it calls the changed function
        return space[self.target.__name__]

    def is_killed(self):
        """Require that the proof fails by an assertion of its own."""
        broken = self.broken()
        with pytest.raises(AssertionError):
            self.proof(broken)


class LessonMutant(NamedTuple):
    """The same for definitions ``wanted`` of a lesson's script; ``proof`` takes their dictionary.

    ``space`` holds the imports and values that the definitions use.
    """

    proof: Any
    lesson: str
    wanted: set
    space: dict
    old: str
    new: str

    def is_killed(self):
        """Require that the proof fails by an assertion of its own."""
        broken = definitions(self.lesson, self.wanted, self.space, (self.old, self.new))
        with pytest.raises(AssertionError):
            self.proof(broken)


def _source(definition):
    return textwrap.dedent(inspect.getsource(definition))
