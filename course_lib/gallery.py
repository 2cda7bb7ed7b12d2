"""A learner's own gallery: works chosen, titled and kept in a folder, and exported as PNG, GIF and one HTML page.

Nothing here overwrites a file that it did not write itself: exports get the next free name. The list of works is
``gallery.json`` in the folder, so that a gallery outlives the kernel, and two kernels may add to it at the same time.
"""

import copy
import itertools
import json
import re
import unicodedata
from pathlib import Path

import numpy as np

from course_lib import latent, provenance
from course_lib._files import one_at_a_time, write_first, write_whole
from course_lib._gallery_page import page
from course_lib._validate import array, images_uint8, integer, refuse

STATE = "gallery.json"
SIDE = 384  # pixels, about, of an exported picture
LONGEST_TITLE = 120


class Gallery:
    """The works in ``folder``, made if missing: ``gallery[k]`` is a dictionary, ``len(gallery)`` their number.

    Every work has "title", "alt" (what a reader who cannot see it is told), "file", "facts" (see ``provenance.facts``)
    and "z", its latent vector or None. ``key`` is the secret of the watermark in exported pictures, None for no mark;
    it is not stored. ``artist`` is shown on the page. Raises ``ValueError`` for a state file that cannot be read, which
    is left as it is.
    """

    def __init__(self, folder="gallery", artist="", key=None):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.artist, self.key = artist, key
        self.works = _stored(self.folder / STATE) or []
        self._known = _by_file(self.works)

    def __len__(self):
        return len(self.works)

    def __getitem__(self, index):
        return self.works[self._place(index)]

    # --- Choosing --------------------------------------------------------------------------------

    def add(self, image, title, model="", z=None, alt=None, **facts):
        """Keep a picture uint8 (H, W, 1 or 3) under a title, and return its place, an integer.

        ``model`` is a name or a card, ``z`` (d,) the latent vector that ``between`` needs, ``facts`` such as ``seed``
        and ``attributes`` are those of ``provenance.facts``. Raises ``ValueError`` for what cannot be stored.
        """
        pixels = images_uint8("image", np.asarray(image)[None])[0]
        title = checked_title(title)
        record = provenance.facts(title, model, **facts)
        record |= {"artist": self.artist} if self.artist else {}
        vector = None if z is None else [round(float(v), 6) for v in array("z", z, ("d",))]
        name = record["model"].get("name", "a model") if isinstance(record["model"], dict) else record["model"]
        alt = alt or f"{title}, a picture made by {name or 'a generator'}"
        path = write_new(self.folder, title, "png", provenance.png_bytes(pixels, record))
        self.works.append({"title": title, "alt": alt, "file": path.name, "facts": record, "z": vector})
        self._keep()
        return next(k for k, work in enumerate(self.works) if work["file"] == path.name)

    def rename(self, index, title):
        """Give the work at ``index`` another title; its file keeps its name."""
        work = self[index]
        work["title"] = work["facts"]["title"] = checked_title(title)
        self._keep()

    def move(self, index, to):
        """Put the work at ``index`` at the place ``to``."""
        to = self._place(to)
        self.works.insert(to, self.works.pop(self._place(index)))
        self._keep()

    def remove(self, index):
        """Take the work at ``index`` out of the gallery and return it; its file stays in the folder."""
        work = self.works.pop(self._place(index))
        self._keep()
        return work

    def picture(self, index):
        """Return the work's picture as it was added, uint8 (H, W, 1 or 3)."""
        path = self.folder / self[index]["file"]
        try:
            pixels = provenance.pixels_of(path)
        except provenance.DAMAGED as error:
            refuse("index", f"a work whose file {path.name} can be read", f"{error}", "Remove the work, or restore it.")
        return pixels[..., None] if pixels.ndim == 2 else pixels

    def between(self, a, b, decode, n=9):
        """Return ``n`` pictures uint8 (n, H, W, C) on the arc between the latent vectors of two works, both included.

        ``decode``: z (N, d) -> uint8 images, see ``explore.compiled_decoder``. Raises ``ValueError`` for a work without
        a latent vector and for vectors of different models.
        """
        ends = [self[index]["z"] for index in (a, b)]
        for argument, z in zip("ab", ends, strict=True):
            if z is None:
                refuse(
                    argument,
                    "a work with a latent vector",
                    f"{self[a if argument == 'a' else b]['title']!r} without one",
                )
        if self[a]["facts"]["model"] != self[b]["facts"]["model"] or len(ends[0]) != len(ends[1]):
            refuse("b", "a work of the same model as a", f"{self[b]['title']!r}")
        return images_uint8("decode", decode(latent.slerp(*ends, n)))

    # --- Exporting -------------------------------------------------------------------------------

    def png(self, index):
        """Return a work as PNG bytes: enlarged, with its facts and, if the gallery has a key, its watermark."""
        pixels = self.picture(index)
        return provenance.png_bytes(pixels, self[index]["facts"], _scale(pixels), self.key)

    def export_png(self, index, path=None):
        """Write ``png`` to a new file and return its path: by default beside the works, named after the title."""
        return self._written(path, self[index]["title"], "png", self.png(index))

    def export_gif(self, a, b, decode, path=None, n=16, fps=10):
        """Write the walk from one work to another and back as a GIF with the facts of both, and return its path."""
        frames = self.between(a, b, decode, integer("n", n, 2))
        titles = [self[index]["title"] for index in (a, b)]
        title = checked_title(f"{titles[0][:50]} to {titles[1][:50]}")
        record = self[a]["facts"] | {"title": title, "from": self[a]["facts"], "to": self[b]["facts"]}
        frames = np.concatenate([frames, frames[-2:0:-1]])
        return self._written(path, title, "gif", provenance.gif_bytes(frames, record, fps, _scale(frames[0]), self.key))

    def export_html(self, path=None, title="Gallery", cards=(), statement=""):
        """Write all works as one self-contained HTML page, and return its path.

        ``cards`` are model cards (dictionaries, see ``zoo.card``), shown below the works; ``statement`` is a paragraph
        of the artist's. Raises ``ValueError`` for a gallery without works.
        """
        if not self.works:
            refuse("gallery", "at least one work", "an empty gallery")
        pictures = []
        for k, work in enumerate(self.works):
            height, width = (side * _scale(self.picture(k)) for side in self.picture(k).shape[:2])
            pictures.append({**work, "png": self.png(k), "width": width, "height": height})
        text = page(checked_title(title), self.artist, statement, pictures, list(cards), self.key is not None)
        return self._written(path, title, "html", text.encode())

    # --- The folder ------------------------------------------------------------------------------

    def _place(self, index):
        if integer("index", index, 0) >= len(self.works):
            refuse("index", f"a work from 0 to {len(self.works) - 1}" if self.works else "a gallery with works", index)
        return index

    def _keep(self):
        """Write the state, with what another kernel has added, changed or removed since it was last read."""
        path = self.folder / STATE
        with one_at_a_time(path.with_suffix(".lock")):
            self.works = _merged(self.works, self._known, _stored(path))
            text = json.dumps({"version": 1, "works": self.works}, indent=1, ensure_ascii=False)
            write_whole(path, text.encode())
        self._known = _by_file(self.works)

    def _written(self, path, title, suffix, data):
        if path is None:
            return write_new(self.folder, title, suffix, data)
        path = Path(path)
        try:
            write_first(path, data)
        except FileExistsError:
            refuse("path", "a new file", f"{path.name}, which exists", "Give another name, or none.")
        return path


def checked_title(title):
    """Return ``title`` without surrounding blanks; refuse an empty or long one, or several lines (``ValueError``)."""
    text = title.strip() if isinstance(title, str) else ""
    if not 0 < len(text) <= LONGEST_TITLE or any(unicodedata.category(c) == "Cc" for c in text):
        refuse("title", f"one line of 1 to {LONGEST_TITLE} characters", repr(title)[:150])
    return text


def safe_name(title):
    """Return a title as a file name for every system: a-z, 0-9 and hyphens, at most 40 characters, never empty."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "work"


def write_new(folder, title, suffix, data):
    """Write bytes to the first of title-001.suffix, title-002.suffix, ... that does not exist; return its path."""
    for n in itertools.count(1):
        path = Path(folder) / f"{safe_name(title)}-{n:03}.{suffix}"
        try:
            return write_first(path, data)
        except FileExistsError:
            continue


def _by_file(works):
    return {work["file"]: copy.deepcopy(work) for work in works}


def _merged(mine, known, stored):
    """Return this kernel's works with what another has done to the stored ones since they were ``known``.

    Whoever changed a work has it their way (this kernel, if both did); works the other removed go, new ones come last.
    """
    if stored is None:
        return mine
    theirs = {work["file"]: work for work in stored}
    kept = [work for work in mine if work["file"] in theirs or work["file"] not in known]
    kept = [theirs.get(work["file"], work) if work == known.get(work["file"]) else work for work in kept]
    ours = {work["file"] for work in mine}
    return kept + [work for name, work in theirs.items() if name not in known and name not in ours]


def _scale(pixels):
    return max(1, SIDE // max(pixels.shape[:2]))


def _stored(path):
    """Return the works of a state file, or None where there is no file."""
    if not path.exists():
        return None
    try:
        works = json.loads(path.read_text("utf-8"))["works"]
        for work in works:
            checked_title(work["title"])
            if Path(work["file"]).name != work["file"] or not isinstance(work["facts"], dict) or "alt" not in work:
                raise ValueError(work["file"])
            work.setdefault("z", None)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        refuse("folder", f"a {STATE} written by this gallery", f"one that cannot be read ({error})", "Move it away.")
    return works
