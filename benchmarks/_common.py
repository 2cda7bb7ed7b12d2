"""What the benchmarks share: the machine in words, results as JSON files, tables in Markdown."""

import datetime
import json
import os
import platform
import statistics
import sys
import time
import tracemalloc
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if str(ROOT) not in sys.path:  # a script's own folder is searched, the repository's root is not
    sys.path.insert(0, str(ROOT))


def machine():
    """Return the processor, its cores, the memory in GB and the operating system of this machine."""
    try:
        info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        processor = next(line.split(":", 1)[1].strip() for line in info.splitlines() if line.startswith("model name"))
        memory = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (OSError, StopIteration, ValueError):
        processor, memory = platform.processor() or platform.machine(), None
    return {"cpu": processor, "cores": os.cpu_count(), "ram_gb": memory, "system": platform.system()}


def versions():
    """Return the versions of Python and of the libraries that the numbers depend on."""
    libraries = {name: version(name) for name in ("tensorflow", "keras", "numpy", "scipy")}
    return {"python": platform.python_version()} | libraries


def facts():
    """Return machine, versions and date: what every file of results says about its origin."""
    return {"machine": machine(), "versions": versions(), "date": datetime.date.today().isoformat()}


def write_json(path, content):
    """Write ``content`` to ``path`` in one step, so that a killed run leaves no half file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    draft.replace(path)


def read_json(path):
    """Return the content of a file of results."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def number(value):
    """Return a number as text with three digits that count, and "–" for none."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:#.3g}".rstrip(".")


def markdown(header, rows):
    """Return a Markdown table; the first column is aligned to the left, the others to the right."""
    texts = [[cell if isinstance(cell, str) else number(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [list(header), *texts]) for i in range(len(header))]

    def line(cells):
        padded = (cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))
        return "| " + " | ".join([cells[0].ljust(widths[0]), *padded]) + " |"

    rule = "|" + "|".join("-" * (w + 1) + (":" if i else "-") for i, w in enumerate(widths)) + "|"
    return "\n".join([line(list(header)), rule, *map(line, texts)])


def publish(name, title, text, tables, seed=None):
    """Write ``tables`` to results/NAME.json with where they come from, and print them.

    ``tables``: dictionaries with "caption", "header" and "rows"; a cell is a number, a text or None.
    """
    content = {"title": title, "text": text, "tables": tables, "seed": seed} | facts()
    write_json(RESULTS / f"{name}.json", content)
    print(section(content))


def section(content):
    """Return a file of results as a section in Markdown."""
    tables = "\n\n".join(
        f"{table['caption']}\n\n{markdown(table['header'], table['rows'])}" for table in content["tables"]
    )
    return f"## {content['title']}\n\n{content['text']}\n\n{tables}\n\n{origin(content)}"


def origin(content):
    """Return one line that says on what machine, with what versions and when the numbers were made."""
    where, libraries = content["machine"], ", ".join(f"{name} {v}" for name, v in content["versions"].items())
    seed = "" if content.get("seed") is None else f"; seed {content['seed']}"
    memory = f", {where['ram_gb']:g} GB" if where["ram_gb"] else ""
    return f"*{where['cpu']}, {where['cores']} cores{memory}, {where['system']}; {libraries}{seed}; {content['date']}.*"


def seconds(function, repeats=3):
    """Return the median wall time in seconds of some calls, after one that is not counted."""
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def peak_megabytes(function):
    """Return the peak in MB (2²⁰ bytes) of what NumPy and Python allocate during one call, beyond what was there."""
    tracemalloc.start()
    function()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20
