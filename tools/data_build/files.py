"""Write assets so that the same input gives the same bytes."""

import io
import json
import zipfile

import numpy as np
from PIL import Image

from course_lib import _assets


def write_npz(path, arrays):
    """Write arrays as a compressed ``.npz``; members carry a fixed date, which ``numpy.savez`` does not do."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as file:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            member.external_attr = 0o644 << 16
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
            file.writestr(member, buffer.getvalue(), zipfile.ZIP_DEFLATED, compresslevel=9)


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def write_picture(path, picture, quality, card):
    """Write a picture as WebP and its card (title, author, licence, source ...) as JSON beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, "WEBP", quality=quality, method=6)
    width, height = picture.size
    write_json(path.with_suffix(".json"), {**card, "width": width, "height": height})


def shrink(picture, longest):
    """Return an RGB picture whose longer side is at most ``longest`` pixels."""
    picture = picture.convert("RGB")
    scale = min(1, longest / max(picture.size))
    size = round(picture.width * scale), round(picture.height * scale)
    return picture if size == picture.size else picture.resize(size, Image.Resampling.LANCZOS)


def update_manifest(folder=_assets.ROOT):
    """Write ``manifest.json``: the SHA-256 of every data file (weights carry theirs in their own card)."""
    files = [p for p in sorted(folder.rglob("*")) if p.is_file() and not p.name.startswith(".")]
    hashes = {p.relative_to(folder).as_posix(): _assets.sha256(p) for p in files}
    keep = {name: digest for name, digest in hashes.items() if name != "manifest.json" and not name.startswith("zoo/")}
    write_json(folder / "manifest.json", keep)
