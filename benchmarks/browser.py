"""Milliseconds from a key press to new pixels: JupyterLab, its kernel and headless Chromium, all on this machine.

Run from the repository's root, with nothing else running: python benchmarks/browser.py
With --screenshots FOLDER it writes pictures of lesson 00, exercise 03 and GanLab instead, at the widths of a desktop
and a tablet. Chromium or Chrome must be installed.
"""

import argparse
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import _common
import nbformat
import numpy as np
from _common import ROOT
from PIL import Image

sys.path.append(str(ROOT / "tests"))

import live_lab  # noqa: E402

PRESSES, WARM_UP, LEG = 60, 6, 15  # there and back in legs, so that no slider reaches its end
GOAL = 150.0  # milliseconds, 95th percentile, for the 64 × 64 latent explorer
# Row of the table -> code of the cell, the slider's name, the key that leads away from where it starts.
CASES = {
    "LatentExplorer, faces-gan 64 × 64, 4 neighbours": (
        "explore.LatentExplorer(zoo.load('faces-gan')).show()",
        "Blend (%)",
        "ArrowRight",
    ),
    "GanLab, recorded frames": ("show('GanLab')", "Frame", "ArrowRight"),
    "EditBench": ("show('EditBench')", "Spread of z (ψ)", "ArrowLeft"),
    "Comparer": ("show('Comparer')", "divider (%)", "ArrowRight"),
}
_WATCH = """picture => {
  window.times = [];
  let pressed = null;
  document.addEventListener('keydown', event => { pressed = event.timeStamp; }, true);
  new MutationObserver(async () => {
    const start = pressed;
    await picture.decode();
    requestAnimationFrame(() => window.times.push(performance.now() - start));
  }).observe(picture, {attributeFilter: ['src']});
}"""
LESSON, EXERCISE, LAB = "notebooks/00_start_here.ipynb", "exercises/03_building_a_vae.ipynb", "gan_lab.ipynb"
WIDTHS = {"desktop": 1280, "tablet": 820}


def keys(away, count):
    """Return ``count`` keys: LEG times away, as often back, and so on."""
    back = {"ArrowRight": "ArrowLeft", "ArrowLeft": "ArrowRight"}[away]
    return np.resize([away] * LEG + [back] * LEG, count).tolist()


def milliseconds(notebook, box, slider, away):
    """Return the milliseconds of PRESSES presses, each waited for, after a short warm-up."""
    handle = box.get_by_role("slider", name=slider, exact=True)
    handle.focus()
    box.locator("img.widget-image").evaluate(_WATCH)
    for done, key in enumerate(keys(away, WARM_UP + PRESSES), 1):
        notebook.page.keyboard.press(key)
        notebook.page.wait_for_function("done => window.times.length === done", arg=done, polling=5)
    return np.array(notebook.page.evaluate("window.times")[WARM_UP:])


def measured(browser, folder, home):
    """Return the rows of the table."""
    rows = []
    setup = live_lab.EXPLORERS + "from course_lib import zoo"
    with live_lab.jupyter_lab(folder, home) as address:
        for k, (name, (source, slider, away)) in enumerate(CASES.items()):
            live_lab.write_notebook(folder / f"{k}.ipynb", [setup, source])
            notebook = live_lab.Notebook(browser, address, f"{k}.ipynb")
            if errors := notebook.run_all():
                raise RuntimeError(errors[0])
            times = milliseconds(notebook, notebook.explorer(1), slider, away)
            notebook.close()
            quantiles = np.quantile(times, [0.5, 0.95]).round(1).tolist()
            rows.append([name, slider, str(len(times)), *quantiles, f"{GOAL:g}"])
            print(*rows[-1], flush=True)
    return rows


def measure():
    """Measure all cases and write the results."""
    path = _browser()
    with tempfile.TemporaryDirectory() as folder, live_lab.chromium(path) as browser:
        rows = measured(browser, *_folders(folder))
        seen = f"JupyterLab {version('jupyterlab')}, ipywidgets {version('ipywidgets')}, Chromium {browser.version}"
    table = {
        "caption": f"{PRESSES} presses of an arrow key on a slider, each waited for.",
        "header": ["explorer", "slider", "presses", "p50 ms", "p95 ms", "goal p95 ms"],
        "rows": rows,
    }
    text = (
        "From the key's own time stamp in the page, through kernel, PNG and WebSocket, to the first frame after the "
        f"new picture is decoded. {seen}, headless, without a GPU; browser, server and kernel share the cores."
    )
    _common.publish("browser", "Key press to new pixels, in the browser", text, [table])


def screenshots(target):
    """Write what a learner sees, at both widths, as PNG files of 256 colours."""
    path = _browser()
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, live_lab.chromium(path) as browser:
        folder, home = _folders(place)
        for name in (LESSON, EXERCISE):
            live_lab.copy_notebook(name, folder)
        live_lab.write_notebook(folder / LAB, [live_lab.EXPLORERS, "show('GanLab')"])
        shots = {
            "lesson_00": (LESSON, _lesson, "start"),
            "exercise_03": (EXERCISE, _exercise, "end"),
            "gan_lab": (LAB, _gan_lab, "start"),
        }
        with live_lab.jupyter_lab(folder, home) as address:
            for name, (file, prepare, block) in shots.items():
                notebook = live_lab.Notebook(browser, address, file)
                notebook.run_all()
                notebook.page.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")
                shown = prepare(notebook)
                for size, width in WIDTHS.items():
                    notebook.page.set_viewport_size({"width": width, "height": 900})
                    shown.evaluate("(part, block) => part.scrollIntoView({block})", block)
                    notebook.page.screenshot(path=target / f"{name}_{size}.png")
                    _few_colours(target / f"{name}_{size}.png")
                notebook.close()


def _lesson(notebook):
    cells = nbformat.read(ROOT / LESSON, 4).cells
    box = notebook.explorer(next(k for k, cell in enumerate(cells) if "explorer.show()" in cell.source))
    before = notebook.pixels(box)
    box.get_by_role("slider", name="glasses").press("End")
    notebook.wait_for_picture(box, before)
    return box


def _exercise(notebook):
    task, source = live_lab.first_solution(EXERCISE)
    notebook.solve(task, source)
    output = notebook.cell(task + 1).locator(".jp-OutputArea-output")
    output.get_by_text("Passed").wait_for()
    return output


def _gan_lab(notebook):
    return notebook.explorer(1)


def _few_colours(path):
    Image.open(path).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB", flush=True)


def _browser():
    return live_lab.browser_path() or sys.exit(live_lab.INSTALL)


def _folders(place):
    folders = Path(place) / "course", Path(place) / "jupyter"
    for folder in folders:
        folder.mkdir()
    return folders


def main():
    """Read the command line; measure, or take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--screenshots", type=Path, metavar="FOLDER")
    folder = parser.parse_args().screenshots
    measure() if folder is None else screenshots(folder)


if __name__ == "__main__":
    main()
