"""What is committed in notebooks/, solutions/ and exercises/ is what lessons/ gives, and its pictures speak."""

import re
from html.parser import HTMLParser
from pathlib import Path

import build_notebooks
import nbformat
import notebook_source
import pytest

ROOT = Path(__file__).resolve().parents[1]
TARGETS = notebook_source.targets(ROOT)


def test_there_are_lessons():
    assert any(target.kind == "notebooks" for target in TARGETS)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.label)
def test_the_committed_file_is_what_its_source_gives(target):
    assert build_notebooks.differences(target) == [], "Edit the script in lessons/ and run: make notebooks"


def test_no_notebook_is_left_without_its_source():
    assert build_notebooks.orphans(ROOT) == []


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.label)
def test_code_in_the_text_keeps_its_lines(target):
    """A reflowed fence (three backquotes with code behind them) would show as one broken paragraph."""
    cells = nbformat.read(target.path, as_version=4).cells
    lines = [line for cell in cells if cell.cell_type == "markdown" for line in cell.source.splitlines()]
    assert [line for line in lines if "```" in line and not re.fullmatch(r"```\w*", line.strip())] == []


# --- Pictures, for readers who do not see them ---------------------------------------------------

SHORTEST = 15  # characters of an alt text
# Words that say that there is something, not what it shows.
EMPTY_WORDS = re.compile(
    r"\b(a|an|the|of|this|some|figure|image|picture|plot|chart|graph|output|size|axes?|png|\d+)\b|\W"
)


class Pictures(HTMLParser):
    """Collect from HTML the alt text of each picture, or None where it has none."""

    def __init__(self, html):
        super().__init__()
        self.alts = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            self.alts.append(dict(attrs).get("alt"))
        if tag in ("svg", "canvas", "video", "object", "embed"):  # drawn by something that gives no alt text
            self.alts.append(dict(attrs).get("aria-label"))


def text_of(value):
    return value if isinstance(value, str) else "".join(value)


def alts(cell):
    """Return the alt text, or None, of each picture that a cell stores: in its outputs, and in its text."""
    found = []
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        # JupyterLab shows these without any alt text.
        found += [None for kind in data if kind.startswith("image/") or kind == "application/pdf"]
        found += Pictures(text_of(data.get("text/html", ""))).alts
    if cell.cell_type == "markdown":
        found += re.findall(r"!\[([^\]]*)\]\((?!https://colab)", cell.source)  # the badge names where it leads
        found += Pictures(cell.source).alts
    return found


def says_something(alt):
    """Return whether an alt text is more than "a figure"."""
    return bool(alt) and len(alt) >= SHORTEST and len(EMPTY_WORDS.sub("", alt.lower())) >= 8


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.label)
def test_every_stored_picture_says_what_it_shows(target):
    cells = nbformat.read(target.path, as_version=4).cells
    silent = {cell.id: alt for cell in cells for alt in alts(cell) if not says_something(alt)}
    assert silent == {}, "give the figure alt_text, or plots.show an alt"


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.label)
def test_no_picture_is_stored_twice(target):
    cells = nbformat.read(target.path, as_version=4).cells
    html = "".join(text_of(o.get("data", {}).get("text/html", "")) for c in cells for o in c.get("outputs", []))
    pictures = re.findall(r'src="(data:image/[^"]+)"', html)
    assert len(pictures) - len(set(pictures)) == 0


def test_the_lessons_store_pictures_at_all():
    lessons = [nbformat.read(t.path, as_version=4).cells for t in TARGETS if t.kind == "notebooks"]
    assert min(sum(len(alts(cell)) for cell in cells) for cells in lessons) >= 5


@pytest.mark.parametrize(
    "data, told",
    [
        ({"text/html": '<img alt="Two clusters of points, one on each side." src="data:,">'}, True),
        ({"text/html": ["<p>", '<img src="data:," alt="Loss falls from 3 to 1.">', "</p>"]}, True),
        ({"text/html": '<img src="data:,">'}, False),
        ({"text/html": '<img alt="" src="data:,">'}, False),
        ({"text/html": '<img alt="The figure of a plot (640 x 480)" src="data:,">'}, False),
        ({"text/html": "<svg><path d='M0 0'/></svg>"}, False),
        ({"image/png": "iVBOR", "text/plain": "<Figure size 640x480 with 1 Axes>"}, False),
    ],
)
def test_a_picture_without_words_is_noticed(data, told):
    cell = nbformat.v4.new_code_cell(outputs=[nbformat.v4.new_output("display_data", data)])
    assert [says_something(alt) for alt in alts(cell)] == [told]


def test_a_picture_in_the_text_needs_words_too():
    badge = "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com)"
    assert alts(nbformat.v4.new_markdown_cell(badge)) == []
    assert alts(nbformat.v4.new_markdown_cell('![](a.png) <img src="b.png">')) == ["", None]
