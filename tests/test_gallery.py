"""The gallery: what it keeps survives, what it writes overwrites nothing, and its page is safe and self-contained."""

import base64
import html.parser
import io
import os
import re

import numpy as np
import pytest
from PIL import Image

from course_lib import gallery, provenance

NASTY = '<script>alert("1")</script> & ../../x'
KEY = "a secret"


def picture(seed=0, channels=3, side=16):
    small = np.random.default_rng(seed).integers(0, 256, (4, 4, channels), dtype=np.uint8)
    return small.repeat(side // 4, 0).repeat(side // 4, 1)


def decode(z):
    """Return pictures whose grey is given by the first entry of z."""
    grey = np.clip(128 + 40 * np.asarray(z)[:, 0], 0, 255).astype(np.uint8)
    return np.broadcast_to(grey[:, None, None, None], (len(z), 16, 16, 3)).copy()


@pytest.fixture
def works(tmp_path):
    made = gallery.Gallery(tmp_path / "g", artist="Ada <L>", key=KEY)
    made.add(picture(0), "Morning", "fashion-gan", z=[1.0, 0.0, 0.5], seed=3, attributes={"hat": "red"})
    made.add(picture(1, channels=1), NASTY, "fashion-gan", z=[-1.0, 2.0, 0.5])
    made.add(picture(2), "Ärger", {"name": "faces-gan", "sha256": "f" * 64}, alt="A face in anger")
    return made


class Page(html.parser.HTMLParser):
    """What stands in a page: its tags with attributes, and the text of each."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append((self.tags[-1][0] if self.tags else "", data))

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


# --- Keeping -----------------------------------------------------------------------------------


def test_a_gallery_survives_a_restart(works):
    again = gallery.Gallery(works.folder)
    assert again.works == works.works and len(again) == 3
    np.testing.assert_array_equal(again.picture(0), picture(0))
    np.testing.assert_array_equal(again.picture(1), picture(1, channels=1))
    assert again[0]["facts"]["seed"] == 3 and again[0]["z"] == [1.0, 0.0, 0.5]
    assert provenance.read(works.folder / again[2]["file"])["model"]["name"] == "faces-gan"


def test_the_secret_is_written_nowhere(works):
    works.export_html()
    works.export_png(0)
    assert not any(KEY.encode() in path.read_bytes() for path in works.folder.iterdir())


def test_titles_order_and_removal_are_kept(works):
    works.rename(0, "  Evening ")
    works.move(2, 0)
    gone = works.remove(2)
    assert gone["title"] == NASTY and (works.folder / gone["file"]).exists()
    again = gallery.Gallery(works.folder)
    assert [work["title"] for work in again.works] == ["Ärger", "Evening"]
    assert again[1]["facts"]["title"] == "Evening"


def test_two_galleries_in_one_folder_do_not_overwrite_each_others_pictures(tmp_path):
    first, second = gallery.Gallery(tmp_path), gallery.Gallery(tmp_path)
    first.add(picture(0), "A")
    second.add(picture(1), "A")
    np.testing.assert_array_equal(first.picture(0), picture(0))
    np.testing.assert_array_equal(second.picture(0), picture(1))


def test_a_kill_while_writing_leaves_the_old_state(works, monkeypatch):
    before = (works.folder / gallery.STATE).read_bytes()
    monkeypatch.setattr(os, "replace", lambda *paths: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        works.rename(0, "Lost")
    assert (works.folder / gallery.STATE).read_bytes() == before


# --- Files -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("The Great Wave", "the-great-wave"),
        ("Ärger über Öl", "arger-uber-ol"),
        ("../../etc/passwd", "etc-passwd"),
        ("C:\\con", "c-con"),
        ("波", "work"),
        ("...", "work"),
        ("a" * 120, "a" * 40),
    ],
)
def test_file_names_are_safe_on_every_system(title, name):
    assert gallery.safe_name(title) == name


def test_exports_get_a_new_name_each_time_and_refuse_an_existing_one(works, tmp_path):
    paths = [works.export_png(0), works.export_png(0), works.export_html(), works.export_html()]
    assert len(set(paths)) == 4 and [p.name for p in paths[2:]] == ["gallery-001.html", "gallery-002.html"]
    assert all(path.parent == works.folder for path in paths)
    taken = tmp_path / "taken.png"
    taken.write_text("precious")
    with pytest.raises(ValueError, match="path: expected a new file; received taken.png, which exists"):
        works.export_png(0, taken)
    assert taken.read_text() == "precious"
    assert works.export_png(0, tmp_path / "own.png") == tmp_path / "own.png"


def test_an_exported_png_is_enlarged_marked_and_tells_its_origin(works):
    data = works.export_png(0).read_bytes()
    pixels = np.asarray(Image.open(io.BytesIO(data)))
    assert pixels.shape == (384, 384, 3)
    assert provenance.read(data)["attributes"] == {"hat": "red"}
    assert provenance.read(data)["artist"] == "Ada <L>"
    assert provenance.detect(pixels, KEY)["p_value"] < 1e-12
    unmarked = gallery.Gallery(works.folder).png(0)
    expected = picture(0).repeat(24, 0).repeat(24, 1)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(unmarked))), expected)


def test_an_exported_gif_walks_there_and_back_with_both_origins(works):
    data = works.export_gif(0, 1, decode, n=5).read_bytes()
    with Image.open(io.BytesIO(data)) as walk:
        greys = []
        for k in range(walk.n_frames):
            walk.seek(k)
            greys.append(round(np.asarray(walk.convert("L")).mean()))
    # Pillow joins equal neighbours to one longer frame, so that they are not counted here.
    assert greys[0] == pytest.approx(168, abs=3) and min(greys) == pytest.approx(88, abs=3)
    low = greys.index(min(greys))
    assert greys[low : low + 3] == greys[low::-1][:3]
    record = provenance.read(data)
    assert (record["from"]["title"], record["to"]["title"]) == ("Morning", NASTY)


def test_between_two_works_both_ends_are_theirs(works):
    frames = works.between(0, 1, decode, 7)
    np.testing.assert_array_equal(frames[[0, -1]], decode([works[0]["z"], works[1]["z"]]))
    assert len(frames) == 7


# --- The page ----------------------------------------------------------------------------------


@pytest.fixture
def page(works):
    text = works.export_html(
        title=f"Works {NASTY}", cards=[{"name": "m|<b>", "what": "<i>", "metrics": {"distance": 1.5}}], statement="<hr>"
    ).read_text("utf-8")
    return text, Page(text)


def test_the_page_needs_nothing_from_outside_and_runs_nothing(page):
    text, parsed = page
    links = [value for _, attrs in parsed.tags for name, value in attrs.items() if name in ("src", "href", "srcset")]
    assert len(links) == 3 and all(link.startswith("data:image/png;base64,") for link in links)
    assert not re.search(r"@import|url\(", text)
    tags = {tag for tag, _ in parsed.tags}
    assert not tags & {"script", "iframe", "object", "embed", "link", "form", "hr", "i", "b"}
    assert not any(name.startswith("on") for _, attrs in parsed.tags for name in attrs)
    policy = next(m for m in parsed.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert policy["content"].startswith("default-src 'none'")


def test_the_page_shows_every_title_as_it_was_written(page, works):
    said = [data for _, data in page[1].texts]
    for work in works.works:
        assert work["title"] in said
    assert f"Works {NASTY}" in said and "Ada <L>" in said and "<hr>" in said


def test_the_page_is_accessible(page, works):
    text, parsed = page
    assert text.startswith("<!doctype html>") and parsed.all("html")[0]["lang"] == "en"
    assert [image["alt"] for image in parsed.all("img")] == [work["alt"] for work in works.works]
    assert all({"width", "height"} <= set(image) for image in parsed.all("img"))
    assert len(parsed.all("h1")) == len(parsed.all("main")) == len(parsed.all("title")) == 1
    assert len(parsed.all("h2")) == len(parsed.all("figcaption")) == 3
    assert "prefers-color-scheme: dark" in text and "@media print" in text


def test_its_colours_can_be_read_in_light_and_dark(page):
    """Contrast of at least 4.5 : 1 (WCAG 2.2, 1.4.3) between ink, soft ink and paper."""

    def luminance(colour):
        digits = colour * 2 if len(colour) == 3 else colour
        channels = np.array([int(digits[k : k + 2], 16) for k in (0, 2, 4)]) / 255
        linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    roots = re.findall(r":root \{(.*?)\}", page[0])
    assert len(roots) == 2
    for root in roots:
        colours = dict(re.findall(r"--(\w+): #(\w+);", root))
        for ink in ("ink", "soft"):
            low, high = sorted(luminance(colours[name]) for name in (ink, "paper"))
            assert (high + 0.05) / (low + 0.05) >= 4.5


def test_the_page_and_its_pictures_hold_their_origin(page, works):
    text, parsed = page
    record = provenance.read(text.encode())
    assert record["works"] == [work["facts"] for work in works.works]
    data = base64.b64decode(parsed.all("img")[1]["src"].split(",")[1])
    assert provenance.read(data)["title"] == NASTY
    pixels = np.asarray(Image.open(io.BytesIO(data)))[..., None]
    assert provenance.detect(pixels, KEY)["p_value"] < 1e-12
    assert "invisible watermark" in text and "distance: 1.5" in text


# --- Bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize("title", ["", "   ", "a\nb", "x" * 121, None, 3])
def test_titles_that_cannot_be_shown_are_refused(works, title):
    with pytest.raises(ValueError, match="title: expected one line of 1 to 120 characters"):
        works.add(picture(), title)
    assert len(works) == 3


def test_wrong_arguments_are_named(works, tmp_path):
    with pytest.raises(ValueError, match="index: expected a work from 0 to 2; received 3"):
        works[3]
    with pytest.raises(ValueError, match="index: expected a gallery with works"):
        gallery.Gallery(tmp_path / "empty")[0]
    with pytest.raises(ValueError, match="gallery: expected at least one work"):
        gallery.Gallery(tmp_path / "empty").export_html()
    with pytest.raises(ValueError, match="b: expected a work with a latent vector; received 'Ärger' without one"):
        works.between(0, 2, decode)
    works.add(picture(), "other", "faces-gan", z=[1.0, 0.0, 0.0])
    with pytest.raises(ValueError, match="b: expected a work of the same model as a"):
        works.between(0, 3, decode)
    with pytest.raises(ValueError, match="image: expected uint8"):
        works.add(np.zeros((8, 8, 3)), "float")
    (works.folder / works[0]["file"]).unlink()
    with pytest.raises(ValueError, match="index: expected a work whose file morning-001.png can be read"):
        works.picture(0)


@pytest.mark.parametrize(
    "state",
    [
        "{",
        "[]",
        '{"works": [{"title": "a"}]}',
        '{"works": [{"title": "a", "alt": "", "file": "../../x.png", "facts": {}}]}',
        '{"works": 5}',
        '{"works": ["a"]}',
    ],
)
def test_a_state_that_is_damaged_or_points_elsewhere_is_refused_and_left_alone(tmp_path, state):
    path = tmp_path / gallery.STATE
    path.write_text(state)
    with pytest.raises(ValueError, match="folder: expected a gallery.json written by this gallery"):
        gallery.Gallery(tmp_path)
    assert path.read_text() == state
