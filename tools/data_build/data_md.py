"""The tables of DATA.md, made from the files themselves: the text around them is written by hand."""

import json
import re

from course_lib import _assets
from data_build.files import CARD_FOLDERS, data_files

FASHION = {
    "source": "Debian `dataset-fashion-mnist` 0.0~git20200523.55506a9-1",
    "author": "© 2017 Zalando SE",
    "licence": "MIT/Expat",
    "changes": "IDX files repacked as npz, images and labels together",
}
ATLAS = {
    "source": "npm `@dicebear/micah` 9.4.3, drawn by `@resvg/resvg-js` 2.6.2",
    "author": "Micah Lanier (drawings), Florian Körner (package)",
    "licence": "CC BY 4.0 (drawings), MIT (package)",
    "changes": "parts separated and rasterised, ink made recolourable, glasses drawn stronger with pale lenses",
}
INDEX = {
    "source": "`tools/build_data.py`",
    "author": "this project",
    "licence": "CC0 1.0",
    "changes": "–",
}
FILES = {
    "fashion_train.npz": {"what": "60,000 grey images of 28 × 28 pixels and their labels", **FASHION},
    "fashion_test.npz": {"what": "10,000 grey images of 28 × 28 pixels and their labels", **FASHION},
    "faces_atlas_64.npz": {"what": "33 face parts of 64 × 64 pixels", **ATLAS},
    "faces_atlas_128.npz": {"what": "33 face parts of 128 × 128 pixels", **ATLAS},
    "photos/photos.json": {"what": "the cards of the photographs", **INDEX},
    "paintings/paintings.json": {"what": "the cards of the paintings", **INDEX},
}
COLUMNS = ("file", "what", "author", "licence", "source", "changes", "SHA-256")


def update(path, root=_assets.ROOT):
    """Rewrite the tables of the file ``path`` that stand between the marks ``<!-- NAME:begin -->`` and ``:end``."""
    text = path.read_text(encoding="utf-8")
    for name, lines in tables(root).items():
        mark = re.compile(rf"(<!-- {name}:begin -->\n).*?(<!-- {name}:end -->)", re.DOTALL)
        if not mark.search(text):
            raise ValueError(f"{path} lacks the marks of the table {name!r}")
        text = mark.sub(lambda found, lines=lines: found[1] + "\n".join(lines) + "\n" + found[2], text)
    path.write_text(text, encoding="utf-8")


def tables(root=_assets.ROOT):
    """Return the lines of each table: name -> list of lines of Markdown."""
    cards = {name: fact for folder in ("photos", "paintings") for name, fact in _works(root, folder).items()}
    known = FILES | cards
    unknown = [name for name in data_files(root) if name not in known]
    if unknown:
        raise ValueError(f"no source and licence known for {unknown}: add them to tools/data_build/data_md.py")
    rows = {"data": [], "photos": [], "paintings": []}
    for name in data_files(root):
        folder = name.split("/")[0] if name in cards else "data"
        rows[folder].append(known[name] | {"file": name, "SHA-256": _assets.sha256(root / name)})
    rows |= {folder: _carded(root, folder) for folder in CARD_FOLDERS}
    return {name: _table(facts) for name, facts in rows.items()}


def _works(root, folder):
    facts = json.loads((root / folder / f"{folder}.json").read_text(encoding="utf-8"))
    return {
        f"{folder}/{fact['file']}": {"what": fact["title"], **fact, "file": f"{folder}/{fact['file']}"}
        for fact in facts
    }


def _carded(root, folder):
    """Return the rows of the files that carry their hash in a card: weights and recorded results."""
    rows = []
    for path in sorted((root / folder).glob("*.json")):
        card = json.loads(path.read_text(encoding="utf-8"))
        defaults = {"author": "this project", "source": _trained(card), "changes": "–"}
        found = _assets.sha256(path.with_suffix(".npz"))
        if found != card["sha256"]:
            raise ValueError(f"{path.with_suffix('.npz')} has SHA-256 {found}, its card says {card['sha256']}")
        rows.append(defaults | card | {"file": f"{folder}/{path.stem}.npz", "SHA-256": found})
    return rows


def _trained(card):
    return f"trained here on {card['data']}" if "data" in card else "trained here"


def _table(rows):
    lines = ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    for row in rows:
        cells = [str(row[column]).replace("|", "\\|") for column in COLUMNS]
        cells[0], cells[-1] = f"`{cells[0]}`", f"`{cells[-1]}`"
        lines.append("| " + " | ".join(cells) + " |")
    return lines
