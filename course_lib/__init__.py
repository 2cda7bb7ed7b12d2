"""Neural Image Generation: the library behind the course.

``import course_lib`` is instant: each module (``course_lib.data``, ``course_lib.gan``, ...) is
imported when it is first used, so TensorFlow and matplotlib load only where they are needed.
"""

import importlib

from course_lib import _quiet

__version__ = "0.1.0"

_MODULES = (
    "runtime",
    "images",
    "data",
    "conditions",
    "divergences",
    "transport",
    "losses",
    "colour",
    "nets",
    "vae",
    "gan",
    "diffusion",
    "translation",
    "planar",
    "zoo",
    "metrics",
    "restoration",
    "latent",
    "editing",
    "style",
    "provenance",
    "gallery",
    "interpret",
    "callbacks",
    "plots",
    "explore",
    "checks",
    "progress",
    "placement",
)


def __getattr__(name):
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *_MODULES])


_quiet.start()
