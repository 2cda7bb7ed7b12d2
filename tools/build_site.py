"""Build the executed lessons as a static site in build/site: search, formulas, light and dark, without a network.

    make site                               or  python tools/build_site.py
    python tools/build_site.py --mathjax F  with MathJax from the file F instead of npm

Nothing is run: the pages show the outputs that are stored in the notebooks. Open build/site/index.html as a file, or
serve the folder. Needs requirements-site.txt, and npm once, which fetches MathJax into .venv-site.
"""

import argparse
import hashlib
import html.parser
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parents[1]
MATHJAX = "3.2.2"
MATHJAX_FILE = "tex-svg-full.js"  # one file with its fonts: a page opened from a folder may load no others
MATHJAX_SHA256 = "a4354ff94fd868aea0cc6eaaa79a57fda0588646fc46ee3700a349ee0a11cbe6"
KINDS = ("notebooks", "exercises", "solutions")
PAGES = ("README.md", "TEACHING.md", "DATA.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/RESULTS.md")
FILES = ("LICENSE", "LICENSE-CONTENT", "CITATION.cff")
BADGE = re.compile(r"^\[!\[Open in Colab\]\([^)]*\)\]\(([^)]*)\).*$", re.M)
LINK = re.compile(r"(?<!!)\[([^\]\[]*)\]\(([^)\s]+)\)")
NOTEBOOK_LINK = re.compile(r'href="([\w-]+)\.ipynb(?:#[^"]*)?"')  # headings have other anchors on a page
SETTINGS = """
project, author, language = "Neural Image Generation", "", "en"
copyright = "text and figures CC BY 4.0, code Apache-2.0"
extensions = ["myst_nb"]
html_theme, html_title = "furo", project
html_static_path, html_css_files = ["_static"], ["course.css"]
html_show_sphinx = False
html_copy_source = html_show_sourcelink = False
html_extra_path = ["extra"]
nb_execution_mode = "off"
nb_mime_priority_overrides = [("html", "text/html", 0)]
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 4
mathjax_path = "MATHJAX_FILE"
mathjax3_config = {"options": {"enableMenu": False}}  # its menu would load more files
suppress_warnings = ["myst.header", "myst.mathjax", "misc.highlighting_failure", "toc.not_included"]
pygments_style, pygments_dark_style = "a11y-high-contrast-light", "a11y-high-contrast-dark"
""".replace("MATHJAX_FILE", MATHJAX_FILE)
# Stored figures have a white or transparent ground and dark ink, so that they keep a light one in the dark.
STYLE = """
.cell_output img { background: #fff; max-width: 100%; height: auto; }
.cell_output table { border-collapse: collapse; } .cell_output td, .cell_output th { padding: .15rem .5rem; }
.table-wrapper, .cell_output { overflow-x: auto; }
.cell_output td[style*="color:"] { color: inherit !important; }  /* chosen for a light page; words say it too */
mjx-container[display="true"] { overflow-x: auto; overflow-y: hidden; }
"""


class SiteError(Exception):
    """The site cannot be built; the message says what is missing and what to do."""


def main(arguments=None):
    """Build the site, check it and say where it is; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mathjax", type=Path, help=f"the file {MATHJAX_FILE} of MathJax {MATHJAX}")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "site")
    options = parser.parse_args(arguments)
    try:
        build(ROOT, options.output, mathjax(options.mathjax))
    except SiteError as error:
        print(f"The site was not built: {error}", file=sys.stderr)
        return 1
    faults = check(options.output)
    print(*faults, sep="\n")
    print(f"{len(list(options.output.rglob('*.html')))} pages, {len(faults)} faults: {options.output / 'index.html'}")
    return bool(faults)


# --- MathJax -----------------------------------------------------------------------------------


def mathjax(given=None, folder=ROOT / ".venv-site"):
    """Return the path of MathJax's file, fetched by npm where it is not there yet; refuse any other content."""
    path = given or folder / f"mathjax-{MATHJAX}" / MATHJAX_FILE
    if given is None and not path.exists():
        _fetch(path)
    if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != MATHJAX_SHA256:
        raise SiteError(f"{path} is not {MATHJAX_FILE} of MathJax {MATHJAX}. Delete it and run this again.")
    return path


def _fetch(path):
    npm = shutil.which("npm")
    if npm is None:
        raise SiteError(f"MathJax {MATHJAX} comes from npm. Install Node.js, or give its {MATHJAX_FILE} by --mathjax.")
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", "--silent", f"mathjax@{MATHJAX}"]
        packed = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        archives = list(Path(folder).glob("*.tgz"))
        if packed.returncode or not archives:
            raise SiteError(f"npm could not fetch MathJax {MATHJAX}: {packed.stderr.strip()}")
        with tarfile.open(archives[0]) as archive:
            content = archive.extractfile(f"package/es5/{MATHJAX_FILE}").read()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


# --- Building ----------------------------------------------------------------------------------


def build(root, output, mathjax_file, names=None):
    """Write the site of the course in ``root`` to ``output``, replacing an older one; ``names`` limits the notebooks.

    Raises ``SiteError`` where Sphinx is missing or warns: a warning is a page that does not look as it should.
    """
    try:
        from sphinx.cmd.build import build_main
    except ImportError as error:
        raise SiteError(f"{error}. Install requirements-site.txt, or run: make site") from error
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder, "source"), Path(folder, "site")
        stage(root, source, names)
        shutil.copy(mathjax_file, source / "_static" / MATHJAX_FILE)
        if build_main(["-b", "html", "-W", "--keep-going", "-q", "-j", "2", str(source), str(made)]):
            raise SiteError("Sphinx found the faults above.")
        shutil.rmtree(made / ".doctrees", ignore_errors=True)
        shutil.rmtree(output, ignore_errors=True)
        output.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(made, output)


def stage(root, source, names=None):
    """Put everything that Sphinx reads into the new folder ``source``: pages, notebooks, pictures, settings."""
    (source / "_static").mkdir(parents=True)
    (source / "_static" / "course.css").write_text(STYLE, encoding="utf-8")
    (source / "conf.py").write_text(SETTINGS, encoding="utf-8")
    shutil.copytree(root / "docs", source / "docs", ignore=shutil.ignore_patterns("nbgrader"))
    for name in FILES:
        (source / "extra").mkdir(exist_ok=True)
        shutil.copy(root / name, source / "extra" / name)
    notebooks = {kind: _stage_notebooks(root, source, kind, names) for kind in KINDS}
    pages = [*PAGES, *(path.relative_to(root).as_posix() for path in sorted((root / "docs").glob("*.md")))]
    for name in pages:
        target = source / ("index.md" if name == "README.md" else name)
        target.parent.mkdir(parents=True, exist_ok=True)
        text = (root / name).read_text(encoding="utf-8")
        target.write_text(_relinked(text, root, source, Path(name).parent, _address(root)), encoding="utf-8")
    others = [name.removesuffix(".md") for name in pages if name != "README.md"]
    captions = {"Lessons": notebooks["notebooks"], "Exercises": notebooks["exercises"]}
    captions |= {"Solutions": notebooks["solutions"], "About the course": others}
    trees = [f":caption: {caption}\n\n" + "\n".join(names) for caption, names in captions.items()]
    with open(source / "index.md", "a", encoding="utf-8") as index:
        index.writelines(f"\n```{{toctree}}\n:hidden:\n{tree}\n```\n" for tree in trees)


def _stage_notebooks(root, source, kind, names):
    """Copy the notebooks of a kind, as pages and for downloading, and return the names of the pages."""
    found = []
    for path in sorted((root / kind).glob("*.ipynb")):
        if names is None or path.stem in names:
            for folder in (source / kind, source / "extra" / "downloads" / kind):
                folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, source / "extra" / "downloads" / kind)
            notebook = page_of(json.loads(path.read_text(encoding="utf-8")), kind, path.name)
            (source / kind / path.name).write_text(json.dumps(notebook, ensure_ascii=False), encoding="utf-8")
            found.append(f"{kind}/{path.stem}")
    for name in found:  # once all are there: a lesson links to its exercises
        path = source / f"{name}.ipynb"
        notebook = json.loads(path.read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            if cell["cell_type"] == "markdown":
                cell["source"] = _relinked(cell["source"], root, source, Path(kind), _address(root))
            for output in cell.get("outputs", []):
                _relink_page(output.get("data", {}), source / kind)
        path.write_text(json.dumps(notebook, ensure_ascii=False), encoding="utf-8")
    return found


def _relink_page(data, folder):
    """Let links of a stored HTML output that lead to a notebook of ``folder`` lead to its page, in place."""
    if "text/html" in data:
        text = "".join(data["text/html"])  # a notebook may hold a text as a list of lines
        data["text/html"] = NOTEBOOK_LINK.sub(
            lambda link: f'href="{link[1]}.html"' if (folder / f"{link[1]}.ipynb").exists() else link[0], text
        )


def page_of(notebook, kind, name):
    """Return a notebook as a page: without the cell that looks for the library, with a link to the notebook itself."""
    cells = [cell for cell in notebook["cells"] if "bootstrap" not in cell["metadata"].get("tags", [])]
    for cell in cells:
        cell["source"] = "".join(cell["source"])
    download = f'<a href="../downloads/{kind}/{name}" download>Download this notebook</a>'

    def instead(badge):  # its picture would be fetched from the network
        colab = f" · [Open in Colab]({badge[1]})" if "/github/" in badge[1] else ""
        return f"{download}{colab}"

    title = re.sub("^# Exercises", "# Solutions", cells[0]["source"]) if kind == "solutions" else cells[0]["source"]
    cells[0]["source"] = BADGE.sub(instead, title)
    return notebook | {"cells": cells}


def _address(root):
    """Return where the files of this version are published, or "" before they are."""
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return settings["tool"]["course"]["repository"].rstrip("/")


def _relinked(text, root, source, folder, address):
    """Return Markdown whose links reach: pages as they are, other files at the address, no link where it is empty."""

    def instead(link):
        label, (place, _, anchor) = link[1], link[2].partition("#")
        if urlsplit(place).scheme or not place:
            return link[0]
        target = Path(*folder.parts, unquote(place))
        inside = (root / target).resolve().relative_to(root.resolve()).as_posix()
        if inside in FILES:
            return f'<a href="{"../" * len(folder.parts)}{inside}">{label}</a>'
        if inside == "README.md":
            return f"[{label}]({'../' * len(folder.parts)}index.md{'#' * bool(anchor)}{anchor})"
        if inside in PAGES or inside.startswith(("docs/", *(f"{kind}/" for kind in KINDS))):
            return link[0] if _will_be_there(root, source, inside) else label
        return f"[{label}]({address}/blob/HEAD/{inside})" if address else label

    return LINK.sub(instead, text)


def _will_be_there(root, source, inside):
    return (root / inside).exists() and (not inside.endswith(".ipynb") or (source / inside).exists())


# --- Checking ----------------------------------------------------------------------------------


class _Page(html.parser.HTMLParser):
    """What a page refers to: ``links`` to follow, ``loaded`` by itself; and the ``anchors`` that it offers."""

    LOADS = {"img": "src", "script": "src", "iframe": "src", "source": "src", "video": "src", "audio": "src"}

    def __init__(self, text):
        super().__init__()
        self.links, self.loaded, self.anchors, self.without_alt = [], [], set(), 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.anchors |= {attrs[key] for key in ("id", "name") if attrs.get(key)}
        self.without_alt += tag == "img" and "alt" not in attrs
        if tag == "a" and attrs.get("href"):
            self.links.append(attrs["href"])
        elif tag == "link" and attrs.get("rel") in ("stylesheet", "icon", "preload", "manifest"):
            self.loaded.append(attrs.get("href", ""))
        elif attrs.get(self.LOADS.get(tag)):
            self.loaded.append(attrs[self.LOADS[tag]])


def check(site):
    """Return the faults of a site as sentences: links to nowhere, pictures without alt, requests to other machines."""
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    faults = []
    for path, page in pages.items():
        name = path.relative_to(site).as_posix()
        faults += [f"{name}: a picture without alt text"] * page.without_alt
        for reference in [*page.links, *page.loaded]:
            parts = urlsplit(reference)
            if parts.scheme == "data":
                continue
            if parts.scheme or parts.netloc:
                if reference in page.loaded:
                    faults.append(f"{name}: loads {reference[:100]} from the network")
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.exists():
                faults.append(f"{name}: {reference} leads nowhere")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                faults.append(f"{name}: {reference} leads to no place on that page")
    for path in sorted(site.rglob("*.css")):
        for address in re.findall(r"(?:url\(|@import)\s*['\"]?((?:https?:)?//[^'\")\s]+)", path.read_text("utf-8")):
            faults.append(f"{path.relative_to(site).as_posix()}: loads {address} from the network")
    return faults


if __name__ == "__main__":
    sys.exit(main())
