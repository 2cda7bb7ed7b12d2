"""List the licences of what is installed, and look for known vulnerabilities.

    python tools/audit_dependencies.py            write docs/dependencies.md from the environment that runs this
    python tools/audit_dependencies.py --vulnerabilities    ask the vulnerability database, over the network

The second needs pip-audit (python -m pip install pip-audit) and sends names and versions of the installed packages.
"""

import argparse
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "docs" / "dependencies.md"
# The course may be used and passed on with any of these; the last two ask that changes to their own files stay open.
ALLOWED = {
    "MIT", "BSD-3-Clause", "BSD-2-Clause", "BSD", "Apache-2.0", "ISC", "PSF-2.0", "MIT-CMU", "0BSD", "Zlib", "CC0-1.0",
    "Python-2.0", "HPND", "Unlicense", "MPL-2.0", "LGPL",
}  # fmt: skip
# What the texts that packages give for a licence mean, where they name no SPDX expression.
MEANINGS = (
    (r"apache", "Apache-2.0"),
    (r"mozilla public|mpl[ -]?2", "MPL-2.0"),
    (r"lesser general public|lgpl", "LGPL"),
    (r"python software foundation|matplotlib license|psf", "PSF-2.0"),
    (r"isc licen[cs]e|^isc", "ISC"),
    (r"unlicense", "Unlicense"),
    (r"general public|\bgpl", "GPL"),
    (r"bsd[ -]?2|2[ -]clause", "BSD-2-Clause"),
    (r"bsd[ -]?3|3[ -]clause", "BSD-3-Clause"),
    (r"bsd|redistribution and use in source and binary", "BSD"),
    (r"\bmit\b|permission is hereby granted, free of charge", "MIT"),
)


def main(arguments=None):
    """Write the table, or run pip-audit; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vulnerabilities", action="store_true", help="run pip-audit on the pinned set")
    if parser.parse_args(arguments).vulnerabilities:
        return subprocess.run(
            [sys.executable, "-m", "pip_audit", "--requirement", str(ROOT / "requirements.txt")]
        ).returncode
    TABLE.write_text(document(pinned()), encoding="utf-8")
    return 0


def pinned(path=ROOT / "requirements.txt"):
    """Return the pinned packages of a requirements file: name -> version."""
    return dict(re.findall(r"^([\w.-]+)==([\w.]+)", path.read_text(encoding="utf-8"), re.M))


def licence(package):
    """Return the licence of an installed package: an SPDX expression, or "unknown" where its files do not say."""
    facts = metadata.metadata(package)
    if facts.get("License-Expression"):
        return facts["License-Expression"]
    classifiers = [text.split("::")[-1] for text in facts.get_all("Classifier") or [] if text.startswith("License ::")]
    return meaning(" ".join(classifiers)) or meaning((facts.get("License") or "")[:2000]) or "unknown"


def meaning(text):
    """Return the SPDX name of the licence that a text speaks of, or None."""
    return next((name for pattern, name in MEANINGS if re.search(pattern, text.strip(), re.I | re.M)), None)


def is_allowed(expression):
    """Say whether all parts of a licence expression are allowed; of alternatives (OR) one has to be."""
    alternatives = [re.findall(r"[\w.+-]+", part) for part in re.split(r"\bOR\b", expression.replace("WITH", "AND"))]
    return any(bool(names) and all(name in ALLOWED | {"AND"} for name in names) for names in alternatives)


def document(packages):
    """Return docs/dependencies.md for pinned packages, name -> version."""
    rows = "\n".join(f"| {name} | {version} | {licence(name)} |" for name, version in packages.items())
    return f"""# Dependencies

What `requirements.txt` installs, with the licence that each package states of itself. All of them may be used for
teaching, changed and passed on. Made by `python tools/audit_dependencies.py`; a test
fails when a pinned package has another version or licence than stands here.

| package | version | licence |
|---|---|---|
{rows}

Data, trained models and fonts are listed in [DATA.md](../DATA.md).

## Known vulnerabilities

    python -m pip install pip-audit
    python tools/audit_dependencies.py --vulnerabilities

asks the database of the Python Packaging Authority about the pinned set and everything it pulls in. It needs a network,
so it is no part of `make test`; run it before each release, and raise the pins that it names.
"""


if __name__ == "__main__":
    sys.exit(main())
