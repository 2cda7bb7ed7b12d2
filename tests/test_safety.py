"""Nothing the course runs unpickles, evaluates text or opens a shell: read from the code, not from what it prints."""

import ast
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted([*(ROOT / "course_lib").rglob("*.py"), *(ROOT / "lessons").rglob("*.py")])
NOTEBOOKS = sorted(path for kind in ("notebooks", "solutions", "exercises") for path in (ROOT / kind).glob("*.ipynb"))
MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "runpy", "code"}
MODULES |= {"subprocess", "pty", "commands", "pdb", "ctypes"}
CALLS = {"eval", "exec", "compile", "__import__", "breakpoint"}
OF_OS = ("system", "popen", "exec", "spawn", "posix_spawn", "startfile", "fork")
SHELL = ("system", "getoutput", "run_line_magic", "run_cell_magic", "run_cell", "ex", "ev")  # of IPython
EXCEPTIONS = {
    ("lessons/notebooks/11_training_on_a_gpu.py", "import of subprocess"): "starts the two training processes that the "
    "lesson is about, by a list of arguments and so without a shell",
}


def offences(tree):
    """Yield a sentence for everything in a syntax tree that could run what is no part of the code."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            yield from (f"import of {name}" for name in names if name.split(".")[0] in MODULES)
            if isinstance(node, ast.ImportFrom) and node.module == "os":
                yield from (f"os.{alias.name}" for alias in node.names if alias.name.startswith(OF_OS))
        elif isinstance(node, ast.Call):
            called, arguments = node.func, {keyword.arg: keyword.value for keyword in node.keywords}
            if isinstance(called, ast.Name) and called.id in CALLS:
                yield f"{called.id}()"
            for name, harmless in (("allow_pickle", False), ("shell", False), ("safe_mode", True)):
                value = arguments.get(name, ast.Constant(harmless))
                if not (isinstance(value, ast.Constant) and value.value is harmless):
                    yield f"{name}="
        if isinstance(node, ast.Attribute):
            of = getattr(node.value, "id", "")
            if of == "os" and node.attr.startswith(OF_OS):
                yield f"os.{node.attr}"
            shell = isinstance(node.value, ast.Call) and getattr(node.value.func, "id", "") == "get_ipython"
            if node.attr in SHELL and (shell or of in ("ip", "ipython", "shell")):
                yield f"IPython's {node.attr}"
            if node.attr in ("read_pickle", "to_pickle", "enable_unsafe_deserialization"):
                yield node.attr


def found_in(path):
    """Return the offences of a source file that are no exceptions."""
    name = path.relative_to(ROOT).as_posix()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {(name, offence) for offence in offences(tree)}


def test_the_sources_are_clean_but_for_the_exceptions():
    found = set().union(*map(found_in, SOURCES))
    assert len(SOURCES) > 100
    assert found - EXCEPTIONS.keys() == set()
    assert EXCEPTIONS.keys() - found == set(), "an exception that is no longer needed"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_no_cell_of_a_notebook_but_the_first_leaves_python(path):
    excepted = {offence for (name, offence) in EXCEPTIONS if Path(name).stem == path.stem}
    cells = [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    assert cells[0].id == "bootstrap"
    for cell in cells[1:]:
        # A line that begins with ! or % is no Python: such a cell does not parse.
        assert set(offences(ast.parse(cell.source))) <= excepted, cell.source


def test_the_bootstrap_cell_starts_git_alone_and_without_a_shell():
    (source,) = {nbformat.read(path, 4).cells[1].source for path in NOTEBOOKS}
    tree = ast.parse(source)
    assert set(offences(tree)) == {"import of subprocess"}
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Attribute) and getattr(n.value, "id", "") == "subprocess"]
    assert [call.attr for call in calls] == ["run"]
    assert '["git", "clone", ' in source and "check=True" in source


@pytest.mark.parametrize(
    ("code", "offence"),
    [
        ("import pickle", "import of pickle"),
        ("from pickle import load", "import of pickle"),
        ("import os.path, subprocess as s", "import of subprocess"),
        ("np.load(f, allow_pickle=True)", "allow_pickle="),
        ("np.load(f, allow_pickle=trusted)", "allow_pickle="),
        ("eval('1')", "eval()"),
        ("exec(code)", "exec()"),
        ("__import__('os')", "__import__()"),
        ("os.system('ls')", "os.system"),
        ("from os import popen", "os.popen"),
        ("run(c, shell=True)", "shell="),
        ("get_ipython().system('ls')", "IPython's system"),
        ("keras.models.load_model(f, safe_mode=False)", "safe_mode="),
        ("pd.read_pickle(f)", "read_pickle"),
    ],
)
def test_the_reader_sees_what_it_should(code, offence):
    assert offence in set(offences(ast.parse(code)))


def test_the_reader_is_not_alarmed_by_harmless_code():
    code = (
        "model.compile(); np.load(f, allow_pickle=False); 'eval(x)'; re.compile('x'); model.eval(); os.path.exists(f)"
    )
    assert set(offences(ast.parse(code))) == set()
    with pytest.raises(SyntaxError):
        ast.parse("!ls")
    with pytest.raises(SyntaxError):
        ast.parse("%time f()")
