"""A real JupyterLab and a real browser, for the tests and the benchmark that use both as a learner does."""

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import nbformat
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
INSTALL = (
    "No Chromium was found. Debian, Ubuntu: sudo apt install chromium. Anywhere: set the environment variable "
    "COURSE_BROWSER to the path of Chromium or Chrome."
)
FLAGS = (
    "--no-sandbox",  # containers run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE = 300  # seconds for whatever a busy machine may keep waiting
KERNEL = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
# JupyterLab asks on its first start whether it may fetch news; the question would lie over the notebook.
QUIET = {"@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False}}
EXPLORERS = f"""
import sys
sys.path.insert(0, {str(ROOT / "benchmarks")!r})
import explorers
from course_lib import explore, runtime
runtime.setup(0)
makers = []  # a generator that is thrown away takes its temporary folder along
def show(name):
    if name in explorers.BUILDERS:
        makers.append(explorers.BUILDERS[name]())
        next(makers[-1])[1].show()
    else:
        getattr(explore, name)().show()
"""
_PIXELS = """picture => {
  const page = document.createElement('canvas');
  [page.width, page.height] = [picture.naturalWidth, picture.naturalHeight];
  page.getContext('2d').drawImage(picture, 0, 0);
  return page.toDataURL();
}"""
_CELLS = """() => {
  const { content, sessionContext } = window.jupyterapp.shell.currentWidget;
  const cells = content.widgets.map(cell => cell.model).filter(model => model.type === 'code');
  const left = cells.filter(model => model.executionCount === null && model.sharedModel.source.trim()).length;
  const errors = cells.flatMap(model => model.outputs.toJSON()).filter(output => output.output_type === 'error');
  const idle = sessionContext.session?.kernel?.status === 'idle';
  return {
    left,
    errors: errors.map(output => `${output.ename}: ${output.evalue}`),
    done: idle && (left === 0 || errors.length > 0),
  };
}"""


def browser_path():
    """Return the path of Chromium or Chrome, or None."""
    return os.environ.get("COURSE_BROWSER") or next(filter(None, map(shutil.which, BROWSERS)), None)


def copy_notebook(name, folder):
    """Copy a notebook of the course into ``folder`` without outputs, so that what shows there was run there."""
    notebook = nbformat.read(ROOT / name, 4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.update(outputs=[], execution_count=None)
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, folder / name)


def first_solution(exercise):
    """Return the place of the first task in an exercise, and the source that solves it."""
    cells = nbformat.read(ROOT / exercise, 4).cells
    task = next(k for k, cell in enumerate(cells) if cell.cell_type == "code" and "NotImplementedError" in cell.source)
    solved = nbformat.read(ROOT / exercise.replace("exercises", "solutions"), 4).cells[task].source
    return task, "\n".join(line for line in solved.splitlines() if "### " not in line)  # without nbgrader's marks


def write_notebook(path, sources):
    """Write a notebook of these code cells."""
    cells = [nbformat.v4.new_code_cell(source.strip()) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": KERNEL}), path)


@contextmanager
def jupyter_lab(folder, home):
    """Start JupyterLab on loopback with ``folder`` as its root and its own files in ``home``; yield its address."""
    for name, content in QUIET.items():
        path = home / "settings" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content), encoding="utf-8")
    own = {f"JUPYTER_{kind.upper()}_DIR": str(home / kind) for kind in ("config", "data", "runtime")}
    own |= {f"JUPYTERLAB_{kind.upper()}_DIR": str(home / kind) for kind in ("settings", "workspaces")}
    guard = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    env = os.environ | own | {"IPYTHONDIR": str(home / "ipython"), "PYTHONPATH": guard, "COURSE_PROGRESS": "off"}
    options = ["--no-browser", "--ip=127.0.0.1", "--port=0", "--IdentityProvider.token=", "--ServerApp.allow_root=True"]
    command = [sys.executable, "-m", "jupyterlab", *options, "--LabApp.expose_app_in_browser=True"]
    with (home / "lab.log").open("w") as log:
        server = subprocess.Popen(
            [*command, f"--ServerApp.root_dir={folder}"], env=env, cwd=folder, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        yield _address(server, home)
    finally:
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _address(server, home):
    """Wait until the server has written where it listens, and return that."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and server.poll() is None:
        for path in (home / "runtime").glob("jpserver-*.json"):
            text = path.read_text(encoding="utf-8")
            if text.endswith("}"):
                return json.loads(text)["url"]
        time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not start:\n{(home / 'lab.log').read_text(encoding='utf-8')}")


@contextmanager
def chromium(path):
    """Yield a headless browser."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, headless=True, args=FLAGS)
        yield browser
        browser.close()


class Notebook:
    """One notebook in the browser: ``page`` is Playwright's, the rest what a learner does with a notebook."""

    def __init__(self, browser, address, name, width=1280, height=900):
        self.page = browser.new_page(viewport={"width": width, "height": height})
        self.page.set_default_timeout(1000 * PATIENCE)
        self.page.goto(f"{address}lab/tree/{name}?reset")
        self.page.wait_for_function(
            "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
        )

    def run_all(self):
        """Choose Run All Cells and wait until it is done; return the errors that cells ended in, as texts."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        return self.wait()

    def wait(self):
        """Wait until every code cell has run, or one has failed, each with a patience of its own; return the errors."""
        while not (now := self.page.evaluate(_CELLS))["done"]:
            further = f"left => {{ const now = ({_CELLS})(); return now.done || now.left < left; }}"
            self.page.wait_for_function(further, arg=now["left"], polling=250)
        return now["errors"]

    def solve(self, index, source):
        """Type ``source`` into the cell at ``index``, and run it and the next one, its check."""
        self.cell(index).locator(".cm-content").click()
        self.page.keyboard.press("ControlOrMeta+A")
        self.page.keyboard.insert_text(source)
        self.page.keyboard.press("Shift+Enter")
        self.page.keyboard.press("Shift+Enter")

    def cell(self, index):
        """Return the cell at ``index``, scrolled into view."""
        self.page.evaluate(f"() => window.jupyterapp.shell.currentWidget.content.scrollToItem({index})")
        cell = self.page.locator(f'.jp-Cell[data-windowed-list-index="{index}"]')
        cell.scroll_into_view_if_needed()
        return cell

    def explorer(self, index):
        """Return the explorer that the cell at ``index`` shows, once its picture is there."""
        box = self.cell(index).locator(".course-explorer")
        box.locator("img.widget-image").wait_for()
        return box

    def pixels(self, box):
        """Return the picture of an explorer, as text that is the same for the same pixels."""
        return box.locator("img.widget-image").evaluate(_PIXELS)

    def wait_for_picture(self, box, other_than):
        """Wait until an explorer's picture is another one, and return it."""
        picture = box.locator("img.widget-image").element_handle()
        changed = f"([picture, before]) => {{ const now = ({_PIXELS})(picture); return now !== before && now; }}"
        return self.page.wait_for_function(changed, arg=[picture, other_than], polling=100).json_value()

    def close(self):
        """Shut the kernel down and close the page."""
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        self.page.close()
