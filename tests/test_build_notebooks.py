"""The notebook builder, on small lessons of its own: cells, ids, outputs, exercises, faults."""

import subprocess
import sys

import build_notebooks
import nbformat
import notebook_output
import notebook_source
import pytest

LESSON = """# %% [markdown]
# # Counting
#
# What you will be able to do.

# %%
import sys

print(f"{3 + 4}")
print("a real warning", file=sys.stderr)

# %%
for step in range(1, 4):
    print(f"\\r\\x1b[1m{step}/3\\x1b[0m", end="", flush=True)
print("\\ndone")

# %% tags=["raises-exception"]
raise ValueError("shown on purpose")

# %%
7
"""
SOLUTION = '''# %% [markdown]
# # Exercises: counting

# %%
from types import SimpleNamespace

checks = SimpleNamespace(double=lambda f: print("Passed" if f(2) == 4 else "no"))

# %% [markdown]
# ## Task 1

# %%
def double(x):
    """Twice x."""
    ### BEGIN SOLUTION
    y = x + x

    return y
    ### END SOLUTION


# %%
checks.double(double)

# %% [markdown] tags=["solution"]
# Model answer: because.
'''


@pytest.fixture
def project(tmp_path):
    for folder in ("lessons/notebooks", "lessons/solutions", "course_lib"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "lessons/notebooks/01_counting.py").write_text(LESSON)
    (tmp_path / "lessons/solutions/01_counting.py").write_text(SOLUTION)
    (tmp_path / "course_lib/__init__.py").write_text('__version__ = "1.2.3"\n')
    publish(tmp_path, "")
    return tmp_path


def publish(root, repository):
    (root / "pyproject.toml").write_text(f'[tool.course]\nrepository = "{repository}"\n')


def target(root, kind="notebooks"):
    return notebook_source.Target(root, kind, "01_counting")


def build(root, kind="notebooks"):
    return notebook_source.build(target(root, kind))


def made(root, *names):
    assert build_notebooks.main([*names], root) == 0
    return nbformat.read(target(root).path, as_version=4)


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_all_three_kinds_are_made_and_match_their_sources(project, capsys):
    made(project)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [f"{kind}/01_counting" for kind in notebook_source.KINDS]
    assert build_notebooks.main(["--check"], project) == 0


def test_the_stored_notebook_is_valid_executed_in_order_and_clean(project):
    notebook = made(project, "notebooks/01")
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [1, 2, 3, 4, 5]
    assert [(o.name, o.text) for o in code[1].outputs] == [("stdout", "7\n"), ("stderr", "a real warning\n")]
    assert [o.text for o in code[2].outputs] == ["3/3\ndone\n"]
    assert code[3].outputs[0].ename == "ValueError" and "\x1b" not in "".join(code[3].outputs[0].traceback)
    assert not any("execution" in cell.metadata for cell in notebook.cells)
    assert "widgets" not in notebook.metadata


def test_building_twice_gives_the_same_bytes(project):
    made(project)
    first = [target(project, kind).path.read_bytes() for kind in notebook_source.KINDS]
    made(project)
    assert first == [target(project, kind).path.read_bytes() for kind in notebook_source.KINDS]


def test_an_edit_changes_the_ids_of_edited_cells_only(project):
    before = [cell.id for cell in build(project).cells]
    edit(target(project).source, "# %%\n7\n", "# %%\n6\n\n# %%\n7\n\n# %%\n7\n")
    after = [cell.id for cell in build(project).cells]
    assert len(set(after)) == len(after) == len(before) + 2
    assert set(before) <= set(after)


def test_badge_and_bootstrap_name_the_repository_once_it_is_published(project):
    title, bootstrap = build(project).cells[:2]
    assert title.source.startswith("# Counting\n\n[![Open in Colab](") and title.source.endswith("able to do.")
    assert bootstrap.id == "bootstrap" and "Upload this notebook" in title.source
    publish(project, "https://github.com/owner/name/")
    published = build(project, "exercises").cells
    assert "/github/owner/name/blob/v1.2.3/exercises/01_counting.ipynb)" in published[0].source
    assert 'REPOSITORY, TAG = "https://github.com/owner/name", "v1.2.3"' in published[1].source
    assert published[0].id == build(project, "solutions").cells[0].id


def run_bootstrap(source, folder, before=""):
    code = f"{before}\n{source}\nimport course_lib; print(course_lib.__version__)"
    return subprocess.run(
        [sys.executable, "-E", "-S", "-c", code], cwd=folder, capture_output=True, text=True, timeout=60
    )


def test_bootstrap_finds_the_course_above_the_notebook_and_else_says_what_to_do(project, tmp_path_factory):
    source = build(project).cells[1].source
    (project / "notebooks").mkdir(exist_ok=True)
    assert run_bootstrap(source, project / "notebooks").stdout == "1.2.3\n"
    lost = run_bootstrap(source, tmp_path_factory.mktemp("elsewhere"))
    assert lost.returncode != 0 and "ModuleNotFoundError" in lost.stderr and "drive.mount" in lost.stderr


def test_bootstrap_clones_the_tag_in_colab_and_leaves_a_present_library_alone(project, tmp_path_factory):
    publish(project, "https://github.com/owner/name")
    source = build(project).cells[1].source
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    colab = "import subprocess, sys, types; sys.modules['google.colab'] = types.ModuleType('google.colab')\n"
    spy = colab + "subprocess.run = lambda command, check: print(*command)"
    cloned = run_bootstrap(source, elsewhere, spy)
    assert "clone --quiet --depth 1 --branch v1.2.3 https://github.com/owner/name /content/course" in cloned.stdout
    (project / "notebooks").mkdir()
    assert run_bootstrap(source, project / "notebooks", spy).stdout == "1.2.3\n"
    assert run_bootstrap(source, elsewhere, f"{spy}\nsys.path.insert(0, {str(project)!r})").stdout == "1.2.3\n"


def test_the_exercise_leaves_the_solution_out_and_carries_nbgrader_marks(project):
    solution, exercise = build(project, "solutions"), build(project, "exercises")
    task = next(cell for cell in exercise.cells if "def double" in cell.source)
    assert task.source.endswith(f'"""Twice x."""\n    raise NotImplementedError("{notebook_source.UNSOLVED}")')
    assert "SOLUTION" not in "".join(cell.source for cell in exercise.cells)
    assert "Model answer" not in "".join(cell.source for cell in exercise.cells)
    assert task.metadata.nbgrader.solution and not task.metadata.nbgrader.locked
    check = next(cell for cell in exercise.cells if cell.source == "checks.double(double)")
    assert check.metadata.nbgrader.grade and check.metadata.nbgrader.locked and check.metadata.nbgrader.points == 1
    assert check.metadata.nbgrader.grade_id in [c.metadata.get("nbgrader", {}).get("grade_id") for c in solution.cells]
    assert all(cell.get("outputs", []) == [] for cell in exercise.cells)


def test_two_solutions_in_one_cell_keep_what_stands_between_them(project):
    begin, end = "    ### BEGIN SOLUTION\n", "    ### END SOLUTION\n"
    edit(target(project, "solutions").source, f"    return y\n{end}", f"{end}    print(y)\n{begin}    return y\n{end}")
    task = next(cell for cell in build(project, "exercises").cells if "def double" in cell.source)
    assert task.source.count("raise NotImplementedError") == 2 and "    print(y)\n" in task.source


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("    ### END SOLUTION\n", "", "needs an ### END SOLUTION"),
        ("    ### BEGIN SOLUTION\n", "", "needs an ### END SOLUTION"),
        ("    ### END SOLUTION\n", "### END SOLUTION\n", "same indentation"),
        ("    ### END SOLUTION\n\n\n# %%\n", "    ### END SOLUTION\n\n\n", "a cell of its own"),
        ("# # Exercises", "# Exercises", "must be markdown and start with"),
    ],
)
def test_a_source_that_breaks_a_rule_is_refused(project, capsys, old, new, message):
    edit(target(project, "solutions").source, old, new)
    assert build_notebooks.main(["exercises/01"], project) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("print('/home/someone/file')", "shows the path /home/someone"),
        ("object()", "memory address"),
        ("print('x' * 2_100_000)", "MB of at most 2 MB"),
    ],
)
def test_a_faulty_notebook_is_not_stored(project, capsys, code, message):
    edit(target(project).source, "# %%\n7\n", f"# %%\n{code}\n")
    assert build_notebooks.main(["notebooks/01"], project) == 1
    assert message in capsys.readouterr().err
    assert not target(project).path.exists()


def test_widget_views_become_a_sentence_and_other_pictures_of_the_same_output_stay(project):
    view = {"version_major": 2, "version_minor": 0, "model_id": "0"}
    data = {notebook_output.WIDGET: view, "text/plain": "VBox(children=...)", "image/png": "iVBORw0KGgo="}
    output = nbformat.v4.new_output("display_data", data)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x", outputs=[output], execution_count=1)])
    assert any("widget view" in fault for fault in notebook_output.faults(notebook))
    notebook_output.tidy(notebook, project)
    assert notebook.cells[0].outputs[0].data == {
        "text/plain": notebook_output.WIDGET_TEXT,
        "image/png": "iVBORw0KGgo=",
    }


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("1/2\r2/2\n", "2/2\n"),
        ("\b\b\b\r\x1b[1m1/2\x1b[0m 3s\r\x1b[1m2/2\x1b[0m 6s loss: 1.0 \n", "2/2 6s loss: 1.0\n"),
        ("a\r\nb\r", "a\nb"),
        ("plain\n\ntext\n", "plain\n\ntext\n"),
    ],
)
def test_collapse_keeps_the_last_state_of_a_line(text, shown):
    assert notebook_output.collapse(text) == shown


@pytest.mark.parametrize(
    ("text", "is_path"),
    [
        ("File /home/x/y.py", True),
        (f"File {notebook_source.__file__}", True),
        ("in '/tmp/a'", True),
        (r"C:\Users\me", True),
        ("ratio 3/4, course_lib/nets.py, https://host/home/page, ~/home/x", False),
        ("base64 AAAA/home/zz+/tmp/yy", False),
    ],
)
def test_absolute_paths_are_told_from_other_slashes(text, is_path):
    assert bool(notebook_output.ABSOLUTE_PATH.search(text)) == is_path


@pytest.mark.parametrize("home", ["/nowhere", "{parent}"])
def test_tracebacks_start_at_the_project(project, monkeypatch, home):
    home = home.format(parent=project.parent)
    monkeypatch.setattr(notebook_output.Path, "home", lambda: home)
    place = str(project).replace(home, "~")
    line = f"File {place}/course_lib/nets.py:3, in f\nFile {sys.prefix}/lib/python3/site-packages/keras/a.py:1"
    error = nbformat.v4.new_output("error", ename="E", evalue="", traceback=[line])
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x", outputs=[error])])
    notebook_output.tidy(notebook, project)
    shown = notebook.cells[0].outputs[0].traceback[0]
    assert shown == "File course_lib/nets.py:3, in f\nFile site-packages/keras/a.py:1"


def test_check_names_what_was_edited_by_hand(project, capsys):
    made(project)
    text = target(project).path.read_text()
    target(project).path.write_text(text.replace("What you will", "What I will"))
    assert build_notebooks.main(["--check"], project) == 1
    assert "cells differ from the source" in capsys.readouterr().err
    target(project).path.write_text(text.replace('"execution_count": 4', '"execution_count": 9'))
    assert build_notebooks.main(["--check"], project) == 1
    assert "not executed in order" in capsys.readouterr().err


def test_check_names_stale_missing_and_orphaned_files(project, capsys):
    made(project)
    edit(target(project).source, "# %%\n7\n", "# %%\n8\n")
    target(project, "exercises").path.unlink()
    target(project, "solutions").path.rename(project / "solutions/99_old.ipynb")
    assert build_notebooks.main(["--check"], project) == 1
    errors = capsys.readouterr().err
    assert "older source" in errors and "has not been built" in errors and "99_old.ipynb: has no source" in errors


def forge(root, old='"7\\n"', new='"an earlier run\\n"'):
    """Change the committed outputs, so that it shows whether they were kept or made again."""
    edit(target(root).path, old, new)


def printed(notebook):
    return next(cell for cell in notebook.cells if "3 + 4" in cell.source).outputs[0].text


def test_keep_outputs_executes_nothing_after_an_edit_of_the_text(project):
    made(project)
    forge(project)
    edit(target(project).source, "What you will be able to do.", "What you will learn.")
    edit(target(project).source, "# %%\nfor step", "# %% [markdown]\n# A new paragraph.\n\n# %%\nfor step")
    notebook = made(project, "--keep-outputs", "notebooks/01")
    assert printed(notebook) == "an earlier run\n"
    assert "What you will learn." in notebook.cells[0].source and "A new paragraph." in notebook.cells[3].source
    assert [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"] == [1, 2, 3, 4, 5]
    assert build_notebooks.main(["--check"], project) == 0


def test_without_keep_outputs_everything_is_executed(project):
    made(project)
    forge(project)
    assert printed(made(project, "notebooks/01")) == "7\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# %%\n7\n", "# %%\n8\n"),  # one other cell is enough: its output may come from what ran before
        ("# %%\n7\n", ""),
        ("# %%\n7\n", '# %% tags=["raises-exception"]\n7\n'),
        ("# %%\n7\n", "# %%\n7\n\n# %%\n7\n"),
    ],
)
def test_keep_outputs_executes_when_a_code_cell_differs(project, old, new):
    made(project)
    forge(project)
    edit(target(project).source, old, new)
    assert printed(made(project, "--keep-outputs", "notebooks/01")) == "7\n"


def test_keep_outputs_executes_when_the_bootstrap_cell_differs(project):
    made(project)
    forge(project)
    publish(project, "https://github.com/owner/name")
    assert printed(made(project, "--keep-outputs", "notebooks/01")) == "7\n"


def test_keep_outputs_executes_what_is_missing_or_not_in_order(project):
    assert printed(made(project, "--keep-outputs", "notebooks/01")) == "7\n"
    forge(project)
    edit(target(project).path, '"execution_count": 4', '"execution_count": 9')
    assert printed(made(project, "--keep-outputs", "notebooks/01")) == "7\n"


def test_an_unknown_name_lists_the_lessons(project, capsys):
    assert build_notebooks.main(["77"], project) == 1
    assert "notebooks/01_counting" in capsys.readouterr().err
