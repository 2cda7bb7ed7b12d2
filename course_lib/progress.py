"""What you have done so far: the checks you passed, lesson by lesson, kept in one small file on your own machine."""

import html
import json
from dataclasses import dataclass
from pathlib import Path

from course_lib import _progress_log as _log
from course_lib import checks
from course_lib._files import write_whole
from course_lib._validate import refuse

LESSONS = {
    "01": "What is a distribution of images?",
    "02": "Variational inference, derived",
    "03": "Building a VAE, and the units of its loss",
    "04": "Inside latent space",
    "05": "The GAN game, derived",
    "06": "DCGAN: the classic, repaired",
    "07": "When GANs go wrong",
    "08": "Wasserstein, penalties, spectral norm",
    "09": "Measuring generators",
    "10": "What improves quality? A controlled study",
    "11": "Training on a GPU",
    "12": "Control: conditional generation and editing",
    "13": "Super-resolution and colour",
    "14": "Style transfer",
    "15": "Diffusion, speed, and your own gallery",
}
_LARGEST_FILE = 1_000_000  # bytes; all checks of the course together take a tenth of that


@dataclass(frozen=True)
class Overview:
    """The map of the course with what is done; prints as text, displays as a table.

    ``rows``: (number, title, checks passed, checks there are) for each lesson that has exercises.
    ``bad_lines`` of the file could not be read; the others count.
    """

    rows: tuple
    bad_lines: int = 0

    @property
    def next(self):
        """The number of the first lesson with a check still open, or None when all are passed."""
        return next((number for number, _, done, total in self.rows if done < total), None)

    def notes(self):
        """Return the sentences under the map."""
        done, total = (sum(row[k] for row in self.rows) for k in (2, 3))
        where = f" Next: exercises {self.next}." if self.next else " All of them: congratulations."
        notes = [f"{done} of {total} checks passed.{where}"]
        if self.bad_lines:
            notes.append(f"{self.bad_lines} damaged line(s) in {_log.path()} were left out; everything else counts.")
        return notes

    def __str__(self):
        lines = [f"{n}  {_bar(done, total)} {done:2}/{total:<2}  {title}" for n, title, done, total in self.rows]
        return "\n".join([*lines, *self.notes()])

    def _repr_html_(self):
        cell = '<td style="text-align:left">{}</td>'
        rows = "".join(
            f"<tr>{cell.format(n)}{cell.format(html.escape(title))}"
            f'{cell.format(_bar(done, total))}<td style="text-align:right">{done} of {total}</td></tr>'
            for n, title, done, total in self.rows
        )
        head = "<tr><th>lesson</th><th></th><th></th><th>checks passed</th></tr>"
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes())
        return f"<table><caption>Your way through the course</caption>{head}{rows}</table>{notes}"


def overview():
    """Return the ``Overview`` of all lessons: how many of each exercise's checks have passed."""
    done, bad = _log.read()
    rows = []
    for number, names in checks.BY_LESSON.items():
        rows.append((number, LESSONS[number], sum(name in done for name in names), len(names)))
    return Overview(tuple(rows), bad)


def done():
    """Return the checks that have passed: name -> date of the first time, as "2026-05-31"."""
    return _log.read()[0]


def path():
    """Return where progress is kept, or None where it is not.

    The environment variable COURSE_PROGRESS names another file, or is "off". A cloud notebook forgets its disk: there,
    ``export`` before you leave.
    """
    return _log.path()


def export(file):
    """Write what is done to ``file`` as JSON, to be read by ``merge`` on another machine; return its path."""
    text = json.dumps({"course_progress": 1, "checks": done()}, indent=1) + "\n"
    return write_whole(file, text.encode())


def merge(file):
    """Add what an exported ``file`` says is done to what is done here; return how many checks that are new.

    Raises ``ValueError`` for a file that ``export`` did not write, or where nothing can be kept. Nothing is lost.
    """
    file = Path(file)
    try:
        if file.stat().st_size > _LARGEST_FILE:
            raise ValueError
        content = json.loads(file.read_text(encoding="utf-8"))
        lines = [json.dumps({"check": name, "date": date}) for name, date in content["checks"].items()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        refuse("file", "a file written by progress.export", str(file))
    found, bad = _log.parse("\n".join(lines))
    if bad:
        refuse("file", "a file written by progress.export", f"{bad} entries that are no date of a check")
    new = {name: date for name, date in found.items() if name not in done()}
    if not _log.add(new):
        refuse("file", "a place to keep progress in", f"{_log.path()}", "Set COURSE_PROGRESS to a file you can write.")
    return len(new)


def _bar(done, total):
    return "■" * done + "□" * (total - done)
