"""The file that keeps which checks have passed: one line of JSON for each, only ever appended to.

Two kernels may append at the same time, and a damaged line costs that line alone.
"""

import datetime
import json
import os
from pathlib import Path


def path():
    """Return the file's path, or None where nothing is kept: COURSE_PROGRESS is "off", or there is no home folder.

    The environment variable COURSE_PROGRESS may name another file.
    """
    chosen = os.environ.get("COURSE_PROGRESS", "")
    if chosen.lower() == "off":
        return None
    try:
        return Path(chosen) if chosen else Path.home() / ".neural-image-generation-course" / "progress.jsonl"
    except RuntimeError:
        return None


def parse(text):
    """Return the passed checks of a file's text, name -> ISO date of the first time, and the number of bad lines."""
    done, bad = {}, 0
    for line in text.splitlines():
        try:
            entry = json.loads(line)
            name, date = entry["check"], datetime.date.fromisoformat(entry["date"]).isoformat()
            if not isinstance(name, str):
                raise TypeError
            done[name] = min(date, done.get(name, date))
        except (ValueError, TypeError, KeyError):
            bad += bool(line.strip())
    return done, bad


def read():
    """Return what ``parse`` makes of the file; nothing where there is none or it cannot be read."""
    file = path()
    try:
        return parse(file.read_text(encoding="utf-8", errors="replace")) if file else ({}, 0)
    except OSError:
        return {}, 0


def add(checks):
    """Append checks, name -> ISO date, that the file does not have yet; return whether it has them all now."""
    file = path()
    new = {name: date for name, date in checks.items() if name not in read()[0]}
    if file is None or not new:
        return not new
    lines = "".join(json.dumps({"check": name, "date": date}) + "\n" for name, date in new.items())
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with open(file, "ab+") as log:
            # After a crash in mid-line the next entry would otherwise be lost with it.
            torn = log.tell() and log.seek(-1, os.SEEK_END) is not None and log.read(1) != b"\n"
            log.write(("\n" if torn else "").encode() + lines.encode())
    except OSError:  # a full or read-only disk must not spoil a right answer
        return False
    return True


def passed(name):
    """Note that a check has passed today."""
    add({name: datetime.date.today().isoformat()})
