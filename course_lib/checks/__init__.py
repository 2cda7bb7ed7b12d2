"""Checks for the exercises: ``checks.some_task(answer)`` prints one line or raises ``CheckError`` with a hint.

Each exercise set has its modules, ``lesson_03_loss`` and ``lesson_03_model`` for lesson 03, whose ``__all__`` list its
checks. They are all available here by name, and a check that passes is noted for ``course_lib.progress``.
``framework`` holds the parts they are made of.
"""

import functools
import importlib
import pkgutil

from course_lib import _progress_log
from course_lib.checks.framework import CheckError, Mistake, Symptom, judge, judge_value, passed, require, run

__all__ = ["CheckError", "Mistake", "Symptom", "judge", "judge_value", "passed", "require", "run"]

BY_LESSON = {}  # number of a lesson -> the names of its checks


def _noted(check):
    """Return a check that also notes for the learner that it has passed."""

    @functools.wraps(check)
    def noting(*answer, **named):
        result = check(*answer, **named)
        _progress_log.passed(check.__name__)
        return result

    return noting


for _found in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
    if _found.name.startswith("lesson_"):
        _lesson = importlib.import_module(f"{__name__}.{_found.name}")
        globals().update({_name: _noted(getattr(_lesson, _name)) for _name in _lesson.__all__})
        BY_LESSON.setdefault(_found.name[7:9], []).extend(_lesson.__all__)
        __all__ += _lesson.__all__  # noqa: PLE0605
