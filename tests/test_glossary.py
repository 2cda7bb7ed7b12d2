"""The glossary: in order, each term once, with a Chinese name, a sentence and a lesson that uses it; linked by all."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "glossary.md"
ROWS = re.findall(
    r"^\| (?!term)([^|]+) \| ([^|]+) \| ([^|]+) \| \[(\d\d)\]\(([^)]+)\) \|$", PAGE.read_text("utf-8"), re.M
)


def key(term):
    """Return a term as it is sorted: letters only, β as b."""
    return re.sub(r"[^a-z0-9]", "", term.lower().replace("β", "b").replace("é", "e"))


def test_every_line_of_the_table_is_a_complete_row():
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    assert len(ROWS) == len(lines) - 1 > 100


def test_terms_are_unique_and_in_order():
    keys = [key(row[0]) for row in ROWS]
    assert keys == sorted(set(keys))


def test_the_second_column_is_chinese_and_the_third_a_sentence():
    for term, chinese, sentence, *_ in ROWS:
        assert re.search(r"[\u4e00-\u9fff]", chinese), term
        assert sentence.endswith("."), term


def test_each_lesson_exists_and_uses_its_terms():
    missing = []
    for term, _, _, number, link in ROWS:
        lesson = (PAGE.parent / link).resolve()
        assert lesson.exists() and lesson.name.startswith(number), term
        names = re.split(r"[,:()]", term)
        text = re.sub(r"\s+", " ", lesson.read_text("utf-8")).lower()
        if not any(name.strip().lower() in text for name in names if len(name.strip()) > 1):
            missing.append(term)
    assert missing == []


LINK = "**Words:** [Glossary](../docs/glossary.md) of the field's terms, English and Chinese."


def test_every_lesson_links_the_glossary_below_its_title():
    assert (ROOT / "notebooks" / re.search(r"\((.+)\)", LINK)[1]).resolve() == PAGE
    lessons = sorted((ROOT / "lessons" / "notebooks").glob("*.py"))
    assert len(lessons) == 16
    for lesson in lessons:
        title = lesson.read_text("utf-8").split("\n\n# %%")[0]
        assert title.splitlines().count(f"# {LINK}") == 1, lesson.name
