"""Why TensorFlow sees no GPU though the machine may have one, and what to do next.

``look`` collects facts about the machine, ``advice`` turns them into one sentence or into None where there is
nothing to gain. Requirements: https://www.tensorflow.org/install/pip.
"""

import importlib.util
import os
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

VENDORS = {"0x10de": "NVIDIA", "0x1002": "AMD"}  # PCI numbers
MINIMUM_DRIVER = "525.60"  # of CUDA 12 on Linux, with which TensorFlow's wheels are built


@dataclass(frozen=True)
class Facts:
    """What the machine shows of its graphics cards, apart from what TensorFlow says.

    ``cards`` holds vendors; ``driver`` says whether NVIDIA's is loaded; ``cuda_build`` whether this TensorFlow was
    built for CUDA and ``cuda_wheels`` whether the libraries it needs are installed; ``hidden`` is the value of
    CUDA_VISIBLE_DEVICES where it hides every card, else None.
    """

    system: str
    processor: str
    wsl: bool = False
    colab: bool = False
    cards: frozenset = frozenset()
    driver: bool = False
    cuda_build: bool = True
    cuda_wheels: bool = False
    hidden: str | None = None


def look(cuda_build, colab):
    """Return the ``Facts`` of this machine; the arguments are what TensorFlow and the notebook say."""
    wsl = "microsoft" in platform.release().lower()
    by_tool = (wsl or os.name == "nt") and shutil.which("nvidia-smi", path=_tool_path()) is not None
    driver = by_tool or Path("/proc/driver/nvidia/version").exists()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return Facts(
        system=platform.system(),
        processor=platform.machine(),
        wsl=wsl,
        colab=colab,
        cards=frozenset(_pci_vendors()) | ({"NVIDIA"} if driver else set()) | ({"unknown"} if _wsl_card() else set()),
        driver=driver,
        cuda_build=cuda_build,
        cuda_wheels=_installed("nvidia.cudnn"),
        hidden=visible if visible is not None and visible.strip() in ("", "-1") else None,
    )


def advice(facts):
    """Return what keeps TensorFlow from a GPU and the next step, or None where no GPU is to be expected."""
    if facts.colab and not facts.driver:
        return (
            "This Colab runtime has no GPU. Menu Runtime > Change runtime type > T4 GPU, then run the notebook again."
        )
    if facts.colab:
        return "Colab's GPU cannot be used. Menu Runtime > Disconnect and delete runtime, then start again."
    if facts.system == "Darwin" and facts.processor == "arm64":
        return (
            "TensorFlow itself does not use Apple's GPU. Apple's plug-in tensorflow-metal follows only some TensorFlow "
            "versions, and the course is not tested with it: stay on the CPU, or open the lesson in Colab for a GPU."
        )
    if "NVIDIA" in facts.cards:
        return _nvidia(facts)
    if facts.wsl and facts.cards:
        return (
            "WSL2 shows a graphics card but no NVIDIA driver. If the card is NVIDIA's, install its driver on Windows "
            "(none inside WSL), run `wsl --shutdown`, and check that nvidia-smi lists the card."
        )
    if "AMD" in facts.cards:
        return "There is an AMD GPU, which TensorFlow's own packages do not use: the lessons run on the CPU."
    return None


def _nvidia(facts):
    """Return the first thing that stands between TensorFlow and an NVIDIA card."""
    if facts.system == "Windows":
        return (
            "There is an NVIDIA GPU, but TensorFlow has not used GPUs on Windows itself since version 2.11. Install "
            "WSL2 (`wsl --install`), put the course there and run `make lab GPU=1` in it."
        )
    if facts.hidden is not None:
        return f"CUDA_VISIBLE_DEVICES={facts.hidden!r} hides every GPU. Remove that variable and restart the server."
    if not facts.driver:
        return (
            "There is an NVIDIA GPU, but its driver is not loaded. Install the driver (Ubuntu: `sudo ubuntu-drivers "
            "install`), restart, and check that nvidia-smi lists the card."
        )
    if not facts.cuda_build:
        return (
            "There is an NVIDIA GPU, but this TensorFlow was built without CUDA (the package tensorflow-cpu?). "
            "Run `make lab GPU=1`, which installs the package with CUDA."
        )
    if not facts.cuda_wheels:
        return (
            "There is an NVIDIA GPU with its driver, but the CUDA libraries that TensorFlow needs are not installed. "
            "Run `make lab GPU=1` (without make: `python tools/setup_env.py lab GPU=1`)."
        )
    return (
        "There is an NVIDIA GPU, and the CUDA libraries are installed, but TensorFlow cannot use it. Does nvidia-smi "
        f"list the card, with a driver of at least {MINIMUM_DRIVER}? In a container, was it started with --gpus all? "
        "TensorFlow's own reason appears with TF_CPP_MIN_LOG_LEVEL=0."
    )


def _pci_vendors(devices=Path("/sys/bus/pci/devices")):
    """Return the vendors of the graphics cards on the bus; class 0x03 is "display controller"."""
    found = set()
    for folder in devices.glob("*"):
        try:
            kind, vendor = ((folder / name).read_text().strip() for name in ("class", "vendor"))
        except OSError:
            continue
        if kind.startswith("0x03") and vendor in VENDORS:
            found.add(VENDORS[vendor])
    return found


def _wsl_card():
    return Path("/dev/dxg").exists()  # how WSL2 hands a graphics card of any make through


def _tool_path():
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/lib/wsl/lib"])


def _installed(module):
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # not even the package around it
        return False
