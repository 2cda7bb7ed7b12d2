"""Checks for the exercises: ``checks.some_task(answer)`` prints one line or raises ``CheckError`` with a hint.

Each exercise set has its module, ``lesson_03`` for lesson 03, whose ``__all__`` lists its checks. They are all
available here by name. ``framework`` holds the parts they are made of.
"""

import importlib
import pkgutil

from course_lib.checks.framework import CheckError, Mistake, Symptom, judge, judge_value, passed, require, run

__all__ = ["CheckError", "Mistake", "Symptom", "judge", "judge_value", "passed", "require", "run"]

for _found in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
    if _found.name.startswith("lesson_"):
        _lesson = importlib.import_module(f"{__name__}.{_found.name}")
        globals().update({_name: getattr(_lesson, _name) for _name in _lesson.__all__})
        __all__ += _lesson.__all__  # noqa: PLE0605
