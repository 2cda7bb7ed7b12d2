"""Definitions of a lesson's script, executed as they stand there but without the rest of the lesson."""

import ast
from pathlib import Path

LESSONS = Path(__file__).resolve().parents[1] / "lessons" / "notebooks"


def definitions(lesson, wanted, space):
    """Execute the functions, classes and assignments named in ``wanted`` of one lesson; return them in a dictionary.

    ``space`` holds the imports and values that they use.
    """
    source = LESSONS / f"{lesson}.py"
    tree = ast.parse(source.read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if _names(node) & set(wanted)]
    space = dict(space)
    exec(compile(tree, str(source), "exec"), space)
    missing = set(wanted) - space.keys()
    assert not missing, f"the lesson no longer defines {missing}"
    return space


def _names(node):
    """Return the names that a top-level statement defines."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return {node.name}
    return {t.id for t in node.targets if isinstance(t, ast.Name)} if isinstance(node, ast.Assign) else set()
