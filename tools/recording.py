"""What the recorders of this folder share: facts of the machine, and finished runs that are kept on disk."""

import datetime
import json
import os
import platform

import numpy as np

from course_lib import _assets


def machine(report, cores="one of"):
    """Return the part of a record's card that says where and with what it was made.

    ``report`` is ``runtime.setup``'s. ``cores`` says how many were used: "one of", "one thread of", or "" for all.
    """
    return {
        "hardware": f"{cores} {os.cpu_count()} CPU cores, {cpu_model()}, shared with other work".strip(),
        "date": datetime.date.today().isoformat(),
        "versions": {"tensorflow": report.tensorflow, "keras": report.keras, "numpy": np.__version__},
    }


def cpu_model():
    """Return the processor's name as the system gives it, or its architecture where it gives none."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.machine()


class Runs:
    """Finished runs, one ``.npz`` file each, so that a recorder may be killed and started again."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, name):
        """Return the file of a run."""
        return self.folder / f"{name.translate(str.maketrans(' /×', '__x', ',.()'))}.npz"

    def done(self, name):
        """Return whether a run is finished."""
        return self.path(name).exists()

    def save(self, name, facts, **arrays):
        """Keep the facts (numbers and words) and arrays of a finished run."""
        unfinished = self.path(name).with_suffix(".part")
        with open(unfinished, "wb") as file:
            np.savez_compressed(file, facts=json.dumps(facts), **arrays)
        unfinished.replace(self.path(name))  # a run that is killed while it is written counts as not done

    def load(self, name):
        """Return the facts of a finished run and the dictionary of its arrays."""
        with np.load(self.path(name)) as file:
            arrays = {key: file[key] for key in file.files}
        return json.loads(str(arrays.pop("facts"))), arrays


def write_record(path, facts, rows, arrays):
    """Write a record: arrays to ``path``.npz, and facts with one line for each of ``rows`` to ``path``.json."""
    path.parent.mkdir(exist_ok=True)
    np.savez_compressed(path.with_suffix(".npz"), **arrays)
    facts = facts | {"sha256": _assets.sha256(path.with_suffix(".npz"))}
    lines = [f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in facts.items()]
    # One line for each run: a changed run is a changed line.
    table = ",\n  ".join(json.dumps(row, ensure_ascii=False) for row in rows)
    text = "{\n " + ",\n ".join([*lines, f'"runs": [\n  {table}\n ]']) + "\n}\n"
    path.with_suffix(".json").write_text(text, encoding="utf-8")
