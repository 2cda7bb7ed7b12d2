"""Where a picture comes from: an invisible watermark with a known false-positive rate, and facts kept inside the file.

The watermark survives another save as PNG or JPEG and a small change of brightness; it does not survive cropping,
resizing or rotation, because its blocks must lie where they were. Whoever knows the key can put it into any picture and
take it out. Facts stored in the file are readable by everyone and are lost with the first screenshot.
"""

import contextlib
import datetime
import hashlib
import html.parser
import io
import json
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin
from scipy.fft import dctn, idctn
from scipy.special import betainc

from course_lib import images as _images
from course_lib._validate import any_array, images_uint8, integer, number, refuse

BLOCK = 8  # pixels on a side, the blocks of JPEG: its quantisation then acts on the coefficients that carry the mark
# (down, across) frequencies: low enough for JPEG to keep, high enough not to be seen.
CARRIERS = ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (1, 2), (2, 1))
LUMA = np.array([0.299, 0.587, 0.114])  # of JPEG (ITU-R BT.601)
_SILENT = 1.0  # coefficients nearer to 0 carry no sign: JPEG has erased them
_NAME = "provenance"
# What damaged or hostile files make Pillow and json raise: broken chunks, bombs, texts that are not what is expected.
DAMAGED = (ValueError, OSError, SyntaxError, KeyError, TypeError, RecursionError)
DAMAGED += (Image.DecompressionBombError, Image.DecompressionBombWarning)


# --- Watermark ---------------------------------------------------------------------------------


def watermark(image, key, strength=5.0):
    """Return ``image`` uint8 (H, W, 1 or 3) with the invisible mark of ``key``, a text.

    Spread spectrum (Cox et al. 1997, https://doi.org/10.1109/83.650120): in each 8 × 8 block, each of the 7
    low frequencies ``CARRIERS`` of brightness is moved by ± ``strength`` (in grey levels of the orthonormal DCT), the
    signs drawn from the key. At 5 the change has a root mean square of 1.7 grey levels (44 dB). Incomplete blocks at
    the right and lower edges stay as they are. Raises ``ValueError`` for an image smaller than one block.
    """
    pixels = _blocks_of(image)
    rows, columns = pixels.shape[0] // BLOCK, pixels.shape[1] // BLOCK
    change = np.zeros((rows, columns, BLOCK, BLOCK))
    down, across = zip(*CARRIERS, strict=True)
    change[:, :, down, across] = number("strength", strength, 0) * _signs(key, rows, columns)
    moved = pixels.astype(np.float64)
    area = moved[: rows * BLOCK, : columns * BLOCK]
    area += _joined(idctn(change, axes=(2, 3), norm="ortho"))[..., None]
    return np.rint(moved).clip(0, 255).astype(np.uint8)


def detect(image, key):
    """Return whether an image holds the mark of ``key``, as a dictionary.

    "agreeing" of "coefficients" have the key's sign; "p_value" is the probability of at least as many in a picture that
    was made without the key, P(X ≥ agreeing) for X ~ Binomial(coefficients, ½), exactly: the signs of an
    unrelated key are fair coins, whatever the picture is. So marks found where p_value ≤ α are false in at most
    a share α of all keys. Raises ``ValueError`` for an image smaller than one block.
    """
    brightness = _blocks_of(image) @ (LUMA if np.shape(image)[-1] == 3 else np.ones(1))
    rows, columns = (side // BLOCK for side in brightness.shape)
    blocks = brightness[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK).swapaxes(1, 2)
    down, across = zip(*CARRIERS, strict=True)
    found = dctn(blocks, axes=(2, 3), norm="ortho")[:, :, down, across]
    heard = np.abs(found) >= _SILENT
    agreeing = int(np.sum((np.sign(found) == _signs(key, rows, columns)) & heard))
    return {
        "agreeing": agreeing,
        "coefficients": int(heard.sum()),
        "p_value": binomial_tail(agreeing, int(heard.sum())),
    }


def binomial_tail(k, n):
    """Return P(X ≥ k) for X ~ Binomial(n, ½), by the regularised incomplete beta function I_½(k, n − k + 1)."""
    k, n = integer("k", k, 0), integer("n", n, 0)
    if k > n:
        refuse("k", f"at most n = {n}", k)
    if k == 0:
        return 1.0
    return float(betainc(k, n - k + 1, 0.5))


def _blocks_of(image):
    """Return the checked image."""
    pixels = images_uint8("image", any_array("image", image)[None])[0]
    if min(pixels.shape[:2]) < BLOCK:
        refuse("image", f"at least {BLOCK} x {BLOCK} pixels", pixels)
    return pixels


def _signs(key, rows, columns):
    """Return ±1 (rows, columns, carriers) drawn from the key by SHAKE-256, the same in every version of everything."""
    if not isinstance(key, str) or not key:
        refuse("key", "a text that is not empty", key)
    n = rows * columns * len(CARRIERS)
    digest = hashlib.shake_256(f"{rows} {columns} {key}".encode()).digest(-(-n // 8))
    bits = np.unpackbits(np.frombuffer(digest, np.uint8))[:n]
    return 2.0 * bits.reshape(rows, columns, -1) - 1


def _joined(blocks):
    rows, columns = blocks.shape[:2]
    return blocks.swapaxes(1, 2).reshape(rows * BLOCK, columns * BLOCK)


# --- Facts in the file -------------------------------------------------------------------------


def facts(title, model, seed=None, attributes=None, created=None, **more):
    """Return the facts of a picture as a dictionary that JSON can hold, with the software and its version.

    ``model``: the name of a model or its card (a dictionary), of which name, licence and SHA-256 are kept.
    ``attributes``: what was asked for. ``created``: a date, ISO 8601; today's by default. ``more`` is kept as it is.
    Raises ``ValueError`` for an empty title and for values that JSON cannot hold.
    """
    from course_lib import __version__

    if not isinstance(title, str) or not title.strip():
        refuse("title", "a text that is not empty", title)
    if isinstance(model, dict):
        model = {name: model[name] for name in ("name", "licence", "sha256") if name in model}
    created = datetime.date.today().isoformat() if created is None else str(created)
    made = {"title": title, "model": model, "seed": seed, "attributes": attributes or {}, "created": created}
    record = made | {"software": f"course_lib {__version__}"} | more
    try:
        return json.loads(json.dumps(record, allow_nan=False))
    except (TypeError, ValueError) as error:
        refuse("facts", "texts, numbers, lists and dictionaries", f"a value that JSON cannot hold ({error})")


def png_bytes(image, record, scale=1, key=None):
    """Return an image uint8 (H, W, 1 or 3) as a PNG that holds ``record``, and the mark of ``key`` if one is given.

    Each pixel is drawn ``scale`` × ``scale``; the mark is put into the enlarged picture, since that is what is shown.
    """
    marked, record = _shown("image", image, scale, key), _checked(record)
    text = PngImagePlugin.PngInfo()
    text.add_itxt("Title", record["title"])
    text.add_itxt("Software", record["software"])
    text.add_itxt(_NAME, json.dumps(record, ensure_ascii=False))
    buffer = io.BytesIO()
    picture = Image.open(io.BytesIO(_images.png_bytes(marked)))
    picture.save(buffer, "PNG", pnginfo=text)
    return buffer.getvalue()


def gif_bytes(frames, record, fps=10, scale=1, key=None):
    """Return frames uint8 (T, H, W, 1 or 3) as an endless GIF with ``record`` as its comment; see ``png_bytes``.

    Every frame gets the mark.
    """
    frames, record = images_uint8("frames", frames), _checked(record)
    animation = _images.gif_bytes([_shown("frames", frame, scale, key) for frame in frames], fps)
    comment = json.dumps({_NAME: record}).encode()  # ASCII only, as the format wants
    blocks = b"".join(bytes([len(part)]) + part for part in _slices(comment, 255))
    # Before the trailer, which is the last byte (GIF89a, sections 24 and 27).
    return animation[:-1] + b"\x21\xfe" + blocks + b"\x00" + animation[-1:]


def _checked(record):
    """Return a record that a file can hold, or refuse it."""
    if not isinstance(record, dict) or not all(isinstance(record.get(name), str) for name in ("title", "software")):
        refuse("record", "the dictionary that provenance.facts returns", record)
    try:
        json.dumps(record)
    except (TypeError, ValueError) as error:
        refuse("record", "texts, numbers, lists and dictionaries", f"a value that JSON cannot hold ({error})")
    return record


def _shown(argument, image, scale, key):
    """Return an image enlarged ``scale`` times, with the mark of ``key`` unless it is None."""
    image = images_uint8(argument, any_array(argument, image)[None])[0]
    enlarged = np.repeat(np.repeat(image, integer("scale", scale, 1), axis=0), scale, axis=1)
    return enlarged if key is None else watermark(enlarged, key)


def read(source):
    """Return the facts stored in a PNG, GIF or HTML file (a path or its bytes), or None where there are none.

    What it returns was written by whoever made the file: it is a claim and no proof.
    """
    data = source if isinstance(source, bytes) else Path(source).read_bytes()
    try:
        return _read_picture(data) if data[:4] in (b"\x89PNG", b"GIF8") else _read_page(data)
    except DAMAGED:
        return None


def pixels_of(source):
    """Return the pixels of a picture file (a path or an open file), or raise one of ``DAMAGED``: bombs are refused."""
    with _opened(source) as picture:
        return np.asarray(picture)


@contextlib.contextmanager
def _opened(source):
    """Open a picture; a stated size that Pillow only warns of is an error, too."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(source) as picture:
            yield picture


def _read_picture(data):
    with _opened(io.BytesIO(data)) as picture:
        if picture.format == "PNG":
            picture.load()  # texts may stand after the pixels
            text = picture.text.get(_NAME)
            return None if text is None else _record(json.loads(text))
    start = data.rfind(b"\x21\xfe")
    text, at = b"", start + 2
    while start >= 0 and at < len(data) and data[at]:
        text, at = text + data[at + 1 : at + 1 + data[at]], at + 1 + data[at]
    return _record(json.loads(text)[_NAME]) if text else None


def _read_page(data):
    class Finder(html.parser.HTMLParser):
        found = None

        def handle_starttag(self, tag, attrs):
            if tag == "meta" and dict(attrs).get("name") == _NAME and self.found is None:
                self.found = dict(attrs).get("content")

    finder = Finder()
    finder.feed(data.decode("utf-8"))
    return None if finder.found is None else _record(json.loads(finder.found))


def _record(value):
    return value if isinstance(value, dict) else None


def _slices(data, n):
    return (data[k : k + n] for k in range(0, len(data), n))


# --- Model card --------------------------------------------------------------------------------


def model_card(card):
    """Return a model's card (a dictionary, see ``zoo.card``) as Markdown with headings and tables.

    After Mitchell et al. 2018, https://arxiv.org/abs/1810.03993: what it is, data, training, measured quality, licence.
    Raises ``ValueError`` for a card without "name" and "what".
    """
    for field in ("name", "what"):
        if not isinstance(card, dict) or field not in card:
            received = f"the keys {sorted(map(str, card))}" if isinstance(card, dict) else card
            refuse("card", f"a dictionary with {field!r}", received)
    known = ("name", "what", "metrics", "audit", "training", "arguments", "versions")
    general = {key: value for key, value in card.items() if key not in known}
    parts = [f"# {_escape(card['name'])}", f"{_escape(card['what'])}.", _table("General", general)]
    for title in ("arguments", "training", "metrics", "audit", "versions"):
        if not isinstance(card.get(title, {}), dict):
            refuse(f"card[{title!r}]", "a dictionary", card[title])
        if card.get(title):
            parts.append(_table(title.capitalize(), card[title]))
    return "\n\n".join(parts) + "\n"


def _table(title, values):
    rows = "\n".join(f"| {_escape(key.replace('_', ' '))} | {_escape(_said(value))} |" for key, value in values.items())
    return f"## {title}\n\n| what | value |\n|---|---|\n{rows}"


def _said(value):
    if isinstance(value, dict):
        return ", ".join(f"{key.replace('_', ' ')}: {_said(each)}" for key, each in value.items())
    if isinstance(value, list | tuple):
        return " × ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _escape(text):
    """Return text that cannot break out of a Markdown table or into HTML."""
    return str(text).replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
