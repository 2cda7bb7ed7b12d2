"""Embedded files: found, verified by SHA-256, read without unpickling."""

import hashlib
import json
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent / "assets"


class AssetError(OSError):
    """An embedded file is missing or damaged; the message says which, and how to restore it."""


def sha256(path):
    """Return the SHA-256 of a file as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def manifest():
    """Return the expected SHA-256 of every data file: relative name -> hexadecimal digits."""
    path = ROOT / "manifest.json"
    if not path.exists():
        raise AssetError(f"{path} is missing. Restore it with: git checkout -- course_lib/assets")
    return json.loads(path.read_text(encoding="utf-8"))


def verified(name, expected=None, rebuild="make data"):
    """Return the path of asset ``name`` after checking its hash.

    ``expected`` is its SHA-256; without it, the manifest's is used.
    Raises ``AssetError`` with the file, both hashes and the commands that restore it.
    """
    path = ROOT / name
    expected = expected or manifest()[name]
    found = sha256(path) if path.exists() else "no such file"
    if found != expected:
        raise AssetError(
            f"Asset {path} is {'damaged' if path.exists() else 'missing'}.\n"
            f"  expected SHA-256: {expected}\n"
            f"  found:            {found}\n"
            f"Restore it with: git checkout -- course_lib/assets/{name}\n"
            f"or rebuild it with: {rebuild}"
        )
    return path


def read_npz(name, expected=None, rebuild="make data"):
    """Return the arrays of a verified ``.npz`` asset as a dictionary; pickled content is refused."""
    with np.load(verified(name, expected, rebuild), allow_pickle=False) as file:
        return {key: file[key] for key in file.files}
