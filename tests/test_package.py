"""Rules of the package: it imports at once, modules depend in one direction, everything public is documented."""

import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import course_lib

FOLDER = Path(course_lib.__file__).parent
# A module imports only modules that stand above it. Other private modules count as part of whoever imports them.
ORDER = [
    "_validate",
    "_assets",
    "runtime",
    "images",
    "data",
    "conditions",
    "divergences",
    "transport",
    "losses",
    "colour",
    "nets",
    "vae",
    "gan",
    "diffusion",
    "translation",
    "planar",
    "zoo",
    "metrics",
    "restoration",
    "latent",
    "editing",
    "style",
    "provenance",
    "gallery",
    "interpret",
    "plots",
    "callbacks",
    "explore",
    "checks",
    "progress",
    "placement",
]
FILES = sorted(FOLDER.rglob("*.py"))


def name_of(path):
    """Return the dotted name of a file inside the package: "vae", "checks.framework", "" for the package itself."""
    parts = path.relative_to(FOLDER).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports_of(path):
    """Return the dotted names of the package's own modules that a file imports, wherever in the file it does."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: write imports from course_lib in full"
            module = node.module or ""
            if module == "course_lib":
                found |= {alias.name for alias in node.names}
            elif module.startswith("course_lib."):
                found.add(module.removeprefix("course_lib."))
        elif isinstance(node, ast.Import):
            found |= {a.name.removeprefix("course_lib.") for a in node.names if a.name.startswith("course_lib.")}
    return found


GRAPH = {name_of(path): imports_of(path) for path in FILES if name_of(path)}


def public_objects():
    """Return (dotted name, object) of every public module, class, function and new method of the package.

    A method that overrides one of a base class (Keras's ``call``) is documented there.
    """
    found = []
    for module_name in GRAPH:
        if any(part.startswith("_") for part in module_name.split(".")):
            continue
        module = importlib.import_module(f"course_lib.{module_name}")
        found.append((module_name, module))
        for name, value in vars(module).items():
            if name.startswith("_") or getattr(value, "__module__", None) != module.__name__:
                continue
            if inspect.isclass(value) or inspect.isfunction(value):
                found.append((f"{module_name}.{name}", value))
            if inspect.isclass(value):
                inherited = {attribute for base in value.__mro__[1:] for attribute in vars(base)}
                methods = [n for n, m in vars(value).items() if inspect.isfunction(m) and not n.startswith("_")]
                found += [(f"{module_name}.{name}.{n}", getattr(value, n)) for n in methods if n not in inherited]
    return found


def test_the_package_imports_neither_tensorflow_nor_matplotlib():
    code = "import sys, course_lib; print([m for m in ('tensorflow', 'keras', 'matplotlib') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout.strip() == "[]"


def test_modules_are_reached_by_name_and_unknown_names_are_refused():
    assert course_lib.divergences is importlib.import_module("course_lib.divergences")
    assert {"vae", "checks"} <= set(dir(course_lib))
    with pytest.raises(AttributeError, match="no_such_module"):
        course_lib.no_such_module  # noqa: B018


def test_the_list_of_modules_is_complete():
    public = {name.split(".")[0] for name in GRAPH if not name.startswith("_")}
    assert public == set(course_lib._MODULES) == {name for name in ORDER if not name.startswith("_")}


def reached(module, seen=()):
    """Return the listed modules that ``module`` imports, itself or through private helpers outside the list."""
    tops = {name.split(".")[0] for name in GRAPH.get(module, ())}
    helpers = {name for name in tops if name not in ORDER and name in GRAPH and name not in seen}
    return (tops & set(ORDER)).union(*(reached(helper, (*seen, module)) for helper in helpers))


@pytest.mark.parametrize("module", sorted(name for name in GRAPH if name.split(".")[0] in ORDER))
def test_a_module_imports_only_modules_above_it(module):
    own = module.split(".")[0]
    below = reached(module) - {own} - set(ORDER[: ORDER.index(own)])
    assert not below, f"{module} imports {sorted(below)}, which stand below it"


def test_there_are_no_import_cycles():
    graph = {name: {i for i in imports if i in GRAPH} for name, imports in GRAPH.items()}
    while graph:
        free = {name for name, imports in graph.items() if not imports & graph.keys() - {name}}
        assert free, f"these modules import each other: {sorted(graph)}"
        graph = {name: imports for name, imports in graph.items() if name not in free}


def test_everything_public_has_a_docstring():
    assert [name for name, value in public_objects() if not inspect.getdoc(value)] == []


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_modules_stay_short_enough_to_read(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300
