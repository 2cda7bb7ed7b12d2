"""The HTML page of a gallery: one file, readable without pictures, scripts or network, in light, dark and on paper."""

import base64
import html
import json

from course_lib import __version__

# Nothing may be loaded or run, whatever a title holds.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

STYLE = """
:root { color-scheme: light dark; --ink: #1b1b1b; --paper: #fdfdfb; --soft: #555; --line: #ccc; }
@media (prefers-color-scheme: dark) { :root { --ink: #eee; --paper: #161616; --soft: #b5b5b5; --line: #444; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 1.5rem; color: var(--ink); background: var(--paper);
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { line-height: 1.2; margin-bottom: 0; }
.by, dt, footer { color: var(--soft); }
main { display: grid; gap: 2rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 18rem), 1fr)); }
figure { margin: 0; }
img { display: block; width: 100%; height: auto; border: 1px solid var(--line); }
h2 { font-size: 1.1rem; margin: .6rem 0 .2rem; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem .8rem; margin: 0; font-size: .9rem; }
dd { margin: 0; overflow-wrap: anywhere; }
details, footer { margin-top: 2rem; border-top: 1px solid var(--line); padding-top: .8rem; }
summary { cursor: pointer; font-weight: 600; }
@media print { body { color: #000; background: #fff; max-width: none; } figure { break-inside: avoid; }
  main { grid-template-columns: 1fr 1fr; } }
""".strip()

_NAMES = {"sha256": "SHA-256"}


def page(title, artist, statement, works, cards, marked):
    """Return the page as text.

    Each of ``works`` is a dictionary with title, alt, facts, png (bytes), width and height; ``cards`` are model cards;
    ``marked`` says whether the pictures hold a watermark. All texts are escaped.
    """
    facts = {"title": title, "artist": artist, "works": [work["facts"] for work in works]}
    by = f'<p class="by">by <bdi>{_text(artist)}</bdi></p>\n' if artist else ""
    said = f"<p>{_text(statement)}</p>\n" if statement else ""
    mark = " and an invisible watermark" if marked else ""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="course_lib {__version__}">
<meta name="provenance" content="{_text(json.dumps(facts))}">
<title>{_text(title)}</title>
<style>
{STYLE}
</style>
</head>
<body>
<header>
<h1><bdi>{_text(title)}</bdi></h1>
{by}{said}</header>
<main>
{"".join(_figure(work, k) for k, work in enumerate(works, 1))}</main>
{"".join(_card(card) for card in cards)}<footer>
<p>A computer program that learned from examples made these pictures. Each file holds its origin{mark}.</p>
</footer>
</body>
</html>
"""


def _figure(work, number):
    source = base64.b64encode(work["png"]).decode()
    size = f'width="{work["width"]}" height="{work["height"]}"'
    facts = work["facts"] | {"model": _model_name(work["facts"].get("model", ""))}
    shown = {
        key: value for key, value in facts.items() if key not in ("title", "artist") and value not in ("", {}, None)
    }
    return f"""<figure id="work-{number}">
<img alt="{_text(work["alt"])}" {size} src="data:image/png;base64,{source}">
<figcaption>
<h2><bdi>{_text(work["title"])}</bdi></h2>
{_list(shown)}</figcaption>
</figure>
"""


def _model_name(model):
    """Return a model's name alone: its hash and licence stand in the facts and on its card."""
    return model.get("name", "") if isinstance(model, dict) else model


def _card(card):
    facts = {key: value for key, value in card.items() if key not in ("name", "what")}
    name, what = (_text(card.get(key, "")) for key in ("name", "what"))
    return f"<details>\n<summary>The model {name}</summary>\n<p>{what}</p>\n{_list(facts)}</details>\n"


def _list(facts):
    rows = (f"<dt>{_text(_name(key))}</dt><dd>{_text(_said(value))}</dd>\n" for key, value in facts.items())
    return f"<dl>\n{''.join(rows)}</dl>\n"


def _name(key):
    return _NAMES.get(str(key), str(key).replace("_", " "))


def _said(value):
    if isinstance(value, dict):
        return ", ".join(f"{_name(key)}: {_said(each)}" for key, each in value.items())
    return " × ".join(map(str, value)) if isinstance(value, list) else str(value)


def _text(value):
    return html.escape(str(value))
