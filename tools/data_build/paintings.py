"""Paintings from the Debian package ``gcompris-qt-data``, rejoined from the pieces of its jigsaw game.

Each board (a QML file) names the pieces and the position of their centres as fractions of the whole.
"""

import io
import re
from typing import NamedTuple

import numpy as np
from PIL import Image

from data_build.files import write_works
from data_build.rcc import read_rcc
from data_build.sources import debian

QUALITY = 92
RESOURCE = "/gcompris/src/activities/paintings/resource"
MARGIN = 4  # pixels cut off on every side: the outer edge of a piece is antialiased
SEAM = 6  # the widest gap between two pieces, in pixels

HOKUSAI, HIROSHIGE = "Katsushika Hokusai (1760–1849)", "Utagawa Hiroshige (1797–1858)"
RENOIR, ARCIMBOLDO = "Pierre-Auguste Renoir (1841–1919)", "Giuseppe Arcimboldo (c. 1526–1593)"


class Painting(NamedTuple):
    """One painting: the stem of its pieces' names, and what it is."""

    pieces: str
    file: str
    title: str
    author: str


# Left out: the Pietà (a photograph of a sculpture has an author of its own) and the Kandinsky (of 1923).
PAINTINGS = (
    Painting("GreatWave", "great_wave", "The Great Wave off Kanagawa", HOKUSAI),
    Painting("EjiriSuruga", "ejiri", "Ejiri in Suruga Province", HOKUSAI),
    Painting("KazusaSeaRoute", "kazusa", "Kazusa Sea Route", HOKUSAI),
    Painting("HokusaiBridge", "ryogoku_bridge", "Viewing Sunset over the Ryogoku Bridge", HOKUSAI),
    Painting("HokusaiPoppies", "poppies", "Poppies", HOKUSAI),
    Painting("HokusaiOiranKamuro", "oiran_kamuro", "Oiran and Kamuro", HOKUSAI),
    Painting("HokusaiWomanHoldingFan", "woman_with_fan", "Woman Holding a Fan", HOKUSAI),
    Painting("HiroshigeInokashiraSnow", "inokashira", "The Benzaiten Shrine at Inokashira in Snow", HIROSHIGE),
    Painting("HiroshigeHorsePrawns", "mackerel_prawns", "Horse-Mackerel and Prawns", HIROSHIGE),
    Painting("gogh_auvert", "auvers", "Village Street in Auvers", "Vincent van Gogh (1853–1890)"),
    Painting("renoir-moulin_de_la_galette", "galette", "Bal du moulin de la Galette", RENOIR),
    Painting("renoir-filles_piano", "piano", "Girls at the Piano", RENOIR),
    Painting("cassat_summertime", "summertime", "Summertime", "Mary Cassatt (1844–1926)"),
    Painting("bazille_rampart", "ramparts", "The Ramparts at Aigues-Mortes", "Frédéric Bazille (1841–1870)"),
    Painting("Arcimboldo_Spring", "spring", "Spring", ARCIMBOLDO),
    Painting("Arcimboldo_Librarian", "librarian", "The Librarian", ARCIMBOLDO),
    Painting("MonaLisa", "mona_lisa", "Mona Lisa", "Leonardo da Vinci (1452–1519)"),
    Painting("PalaDiPesaro", "pesaro", "Pala di Pesaro (detail)", "Giovanni Bellini (c. 1430–1516)"),
    Painting("AlbrechtDurer", "lion", "Lion", "Albrecht Dürer (1471–1528)"),
    Painting("PieterBruegel", "harvesters", "The Harvesters", "Pieter Bruegel the Elder (c. 1525–1569)"),
)


def build(assets, cache):
    """Write assets/paintings: the rejoined pictures, WebP, and paintings.json."""
    files = read_rcc(debian("gcompris-qt-data", cache) / "usr/share/gcompris-qt/rcc/paintings.rcc")
    boards = [text.decode("utf-8") for name, text in files.items() if re.search(r"/board\d+_0\.qml$", name)]
    write_works(assets / "paintings", [_work(painting, boards, files) for painting in PAINTINGS], QUALITY)


def _work(painting, boards, files):
    (board,) = (text for text in boards if f"image/{painting.pieces}" in text)
    card = {
        "file": f"{painting.file}.webp",
        "title": painting.title,
        "author": painting.author,
        "licence": "work in the public domain; file: WebMuseum, GPL-3+ (see DATA.md)",
        "source": f"gcompris-qt-data, paintings.rcc, {painting.pieces}",
        "changes": "pieces rejoined, seams filled, margins cut, WebP",
    }
    return rejoin(*_layout(board, files)), card


def _layout(board, files):
    """Return the size (width, height) of a board and its pieces, a list of (RGBA picture, x, y) in pixels."""
    width, height = (float(re.search(rf'"{side}"\s*:\s*"?([\d.]+)', board)[1]) for side in ("width", "height"))
    found = re.findall(r'"(?:\.\./)?(image/[^"]+\.webp)",\s*"x"\s*:\s*"([\d.]+)",\s*"y"\s*:\s*"([\d.]+)"', board)
    pieces = []
    for name, x, y in found:
        piece = Image.open(io.BytesIO(files[f"{RESOURCE}/{name}"])).convert("RGBA")
        left, top = float(x) * width - piece.width / 2, float(y) * height - piece.height / 2
        pieces.append((piece, max(0, round(left)), max(0, round(top))))
    return (round(width), round(height)), pieces


def rejoin(size, pieces):
    """Return the RGB picture that the pieces (RGBA picture, left, top) make on a canvas of ``size``."""
    canvas = Image.new("RGBA", (size[0] + 2 * MARGIN, size[1] + 2 * MARGIN))
    for piece, left, top in pieces:
        canvas.alpha_composite(piece, (left, top))
    left, top, right, bottom = canvas.getbbox()
    whole = Image.fromarray(fill_seams(np.asarray(canvas)))
    return whole.crop((left + MARGIN, top + MARGIN, right - MARGIN, bottom - MARGIN))


def fill_seams(rgba):
    """Return RGB uint8: pixels that are not opaque become the mean of their opaque neighbours, edges first."""
    colour, known = rgba[..., :3].astype(float), rgba[..., 3] > 250
    for _ in range(SEAM):
        weight, total = _neighbours(known.astype(float)), _neighbours(colour * known[..., None])
        new = ~known & (weight > 0)
        colour[new] = total[new] / weight[new][:, None]
        known |= new
    return colour.clip(0, 255).astype(np.uint8)


def _neighbours(x):
    """Return for every pixel the sum over the 3 × 3 pixels around it."""
    return sum(np.roll(x, (row, column), axis=(0, 1)) for row in (-1, 0, 1) for column in (-1, 0, 1))
