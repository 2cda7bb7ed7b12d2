"""Definitions of a lesson's script, executed as they stand there but without the rest of the lesson."""

import ast
from pathlib import Path

LESSONS = Path(__file__).resolve().parents[1] / "lessons" / "notebooks"


def definitions(lesson, wanted, space, edit=None):
    """Execute the functions, classes and assignments named in ``wanted`` of one lesson; return them in a dictionary.

    ``space`` holds the imports and values that they use. ``edit`` (old, new) replaces a piece of text that must
    occur exactly once in them: this is how a test breaks a formula to see whether its proof notices.
    """
    source = (LESSONS / f"{lesson}.py").read_text(encoding="utf-8")
    lines = source.splitlines()  # ast.get_source_segment would split the whole lesson again for every piece
    nodes = [node for node in ast.parse(source).body if _names(node) & set(wanted)]
    code = "\n\n".join("\n".join(lines[node.lineno - 1 : node.end_lineno]) for node in nodes)
    if edit is not None:
        code = replaced(code, *edit)
    space = dict(space)
    exec(compile(code, f"lesson {lesson}", "exec"), space)
    missing = set(wanted) - space.keys()
    assert not missing, f"the lesson no longer defines {missing}"
    return space


def replaced(code, old, new):
    """Return ``code`` with its only ``old`` replaced; a mutant whose text has gone must not pass unnoticed."""
    assert code.count(old) == 1, f"{old!r} occurs {code.count(old)} times in\n{code}"
    return code.replace(old, new)


def _names(node):
    """Return the names that a top-level statement defines."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return {node.name}
    return {t.id for t in node.targets if isinstance(t, ast.Name)} if isinstance(node, ast.Assign) else set()
