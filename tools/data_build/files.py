"""Write assets so that the same input gives the same bytes."""

import io
import json
import zipfile

import numpy as np
from PIL import Image

from course_lib import _assets

# Folders whose files carry their hash in a JSON card of the same name, written by the tool that made them.
CARD_FOLDERS = ("zoo", "lessons")


def write_npz(path, arrays):
    """Write arrays as a ``.npz`` whose bytes depend on nothing but the arrays and the version of zlib."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")  # a reader, or a kill half-way, never meets half a file
    with zipfile.ZipFile(unfinished, "w") as file:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            member.external_attr = 0o644 << 16
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
            file.writestr(member, buffer.getvalue(), zipfile.ZIP_DEFLATED, compresslevel=9)
    unfinished.replace(path)


def write_json(path, value):
    """Write ``value`` as readable JSON in UTF-8."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def write_works(folder, works, quality):
    """Write pictures as WebP and their cards as one list, ``FOLDER.json``.

    ``works``: pairs of a Pillow picture and its card (file, title, author, licence, source, changes).
    """
    folder.mkdir(parents=True, exist_ok=True)
    for picture, card in works:
        picture.save(folder / card["file"], "WEBP", quality=quality, method=6)
    write_json(folder / f"{folder.name}.json", [card for _, card in works])


def shrink(picture, longest):
    """Return an RGB picture whose longer side is at most ``longest`` pixels."""
    picture = picture.convert("RGB")
    scale = min(1, longest / max(picture.size))
    size = round(picture.width * scale), round(picture.height * scale)
    return picture if size == picture.size else picture.resize(size, Image.Resampling.LANCZOS)


def data_files(folder=_assets.ROOT):
    """Return the names of the embedded data files, sorted: everything that has no card with a hash of its own."""
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    carded = tuple(f"{card_folder}/" for card_folder in CARD_FOLDERS)
    return [n for n in names if n != "manifest.json" and not n.startswith(carded) and not n.startswith(".")]


def update_manifest(folder=_assets.ROOT):
    """Write ``manifest.json``: relative name -> SHA-256 of every data file."""
    write_json(folder / "manifest.json", {name: _assets.sha256(folder / name) for name in data_files(folder)})
