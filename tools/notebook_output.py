"""What may be stored in a committed notebook: outputs made tidy, and the faults that remain named."""

import re
import sys
from itertools import pairwise
from pathlib import Path

import nbformat
from notebook_source import tags

MAX_BYTES = 2_000_000
WIDGET = "application/vnd.jupyter.widget-view+json"
WIDGET_TEXT = "Interactive panel: run this cell to use it."
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
MEMORY_ADDRESS = re.compile(r"<[\w.]+ .*at 0x[0-9a-f]{6,}>")  # differs from run to run and says nothing
# Preceded by a letter or by another base64 character it is no path but part of a word or a picture.
PROJECT = re.escape(str(Path(__file__).resolve().parents[1]))
ABSOLUTE_PATH = re.compile(
    r"(?<![\w.+/=~:])(/(home|root|Users|tmp|private|var|mnt|usr|opt)/[\w.-]+|[A-Z]:\\Users\\|" + PROJECT + r"\b)"
)


def tidy(notebook, root):
    """Clean the outputs of an executed notebook in place: the same picture for the reader, nothing of the machine.

    Progress bars keep their last state, live widget views (useless without the kernel that made them) become a
    sentence, and paths in expected tracebacks start at the project.
    """
    for cell in notebook.cells:
        if cell.cell_type == "code":
            outputs = [_tidy_output(output, root) for output in _merged(cell.outputs)]
            cell.outputs = [output for output in outputs if output.get("text") != ""]


def faults(notebook):
    """Return a list of sentences, each naming a thing that an executed notebook must not hold; empty is good."""
    found, count = [], 0
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        if cell.source.strip():
            count += 1
            if cell.execution_count != count:
                found.append(f"cell {cell.id} was not executed in order (count {cell.execution_count}, not {count})")
        for output in cell.outputs:
            if output.output_type == "error" and "raises-exception" not in tags(cell):
                found.append(f"cell {cell.id} stores an error: {output.ename}")
            if WIDGET in output.get("data", {}):
                found.append(f"cell {cell.id} stores a widget view")
            if output.output_type != "error" and MEMORY_ADDRESS.search(_text(output)):
                found.append(f"cell {cell.id} shows an object's memory address; end its last line with a semicolon")
            found += [f"cell {cell.id} shows the path {m[0]}" for m in ABSOLUTE_PATH.finditer(_text(output))]
    size = len(nbformat.writes(notebook).encode())
    if size > MAX_BYTES:
        found.append(f"it has {size / 1e6:.2f} MB of at most {MAX_BYTES / 1e6:.0f} MB; largest: {_largest(notebook)}")
    return found


def collapse(text):
    """Return what a terminal shows in the end: carriage returns, backspaces and colours applied and gone."""
    lines = ANSI.sub("", text).replace("\b", "").replace("\r\n", "\n").split("\n")
    return "\n".join(next((s.rstrip() for s in reversed(line.split("\r")) if s.strip()), "") for line in lines)


def _merged(outputs):
    """Join neighbouring pieces of one stream: a progress bar arrives in hundreds of them."""
    merged = list(outputs[:1])
    for before, output in pairwise(outputs):
        if output.output_type == before.output_type == "stream" and output.name == before.name:
            merged[-1].text += output.text
        else:
            merged.append(output)
    return merged


def _tidy_output(output, root):
    if output.output_type == "stream":
        output.text = collapse(output.text)
    if output.output_type == "error":
        output.traceback = [_from_project(ANSI.sub("", line), root) for line in output.traceback]
    data = output.get("data", {})
    if data.pop(WIDGET, None):
        data["text/plain"] = WIDGET_TEXT
    return output


def _from_project(line, root):
    home = f"{Path.home()}/"  # IPython writes it as ~
    for folder in (root, Path(sys.prefix), Path(sys.base_prefix)):
        line = line.replace(f"{folder}/", "").replace(f"{folder}/".replace(home, "~/"), "")
    return re.sub(r"\S*/site-packages/", "site-packages/", line)


def _text(output):
    texts = [output.get("text", ""), "\n".join(output.get("traceback", []))]
    texts += [str(v) for mime, v in output.get("data", {}).items() if not re.match(r"image/(png|jpeg|gif)", mime)]
    return "\n".join(texts)


def _largest(notebook):
    cells = sorted(notebook.cells, key=lambda cell: -len(str(cell.get("outputs", ""))))[:3]
    return ", ".join(f"cell {cell.id} {len(str(cell.get('outputs', ''))) / 1e6:.2f} MB" for cell in cells)
