"""Files written whole or not at all, and by one process at a time."""

import contextlib
import os
import tempfile
import time
from pathlib import Path


def write_whole(path, data):
    """Write bytes, or what the function ``data`` writes to a file, in the place of ``path``, and return the path.

    A kill, a full disk or a reader at the wrong moment meets the old file or the new one, and never half of one.
    """
    path = Path(path)
    handle, unfinished = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            data(file) if callable(data) else file.write(data)
        os.chmod(unfinished, 0o644)  # temporary files are their owner's alone
        os.replace(unfinished, path)
    except BaseException:
        Path(unfinished).unlink(missing_ok=True)
        raise
    return path


def write_first(path, data):
    """Write bytes to ``path``, which must not exist (``FileExistsError``); what could not be finished is removed."""
    path = Path(path)
    with open(path, "xb") as file:  # fails where the file exists, also if it appeared a moment ago
        try:
            file.write(data)
            file.flush()
        except OSError:
            file.close()  # an open file cannot be removed everywhere
            path.unlink()
            raise
    return path


@contextlib.contextmanager
def one_at_a_time(path, patience=10.0):
    """Hold the lock file ``path`` in the meantime, so that two processes take turns.

    A lock that is not let go of for ``patience`` seconds was left behind by a killed process, and is taken over.
    """
    waited_since = time.monotonic()
    while True:
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            break
        except FileExistsError:
            if time.monotonic() - waited_since > patience:
                break
            time.sleep(0.01)
    try:
        yield
    finally:
        Path(path).unlink(missing_ok=True)
