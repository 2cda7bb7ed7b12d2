"""Fashion-MNIST from the IDX files of the Debian package ``dataset-fashion-mnist``."""

import gzip

import numpy as np

from data_build.files import write_npz
from data_build.sources import debian

_FILES = {"train": "train", "test": "t10k"}


def build(assets, cache):
    folder = debian("dataset-fashion-mnist", cache) / "usr/share/datasets/fashion-mnist"
    for split, prefix in _FILES.items():
        images = read_idx(folder / f"{prefix}-images-idx3-ubyte.gz")[..., None]
        labels = read_idx(folder / f"{prefix}-labels-idx1-ubyte.gz")
        write_npz(assets / f"fashion_{split}.npz", {"images": images, "labels": labels})


def read_idx(path):
    """Return the uint8 array of a gzipped IDX file (http://yann.lecun.com/exdb/mnist/ describes the format)."""
    content = gzip.decompress(path.read_bytes())
    zero, kind, dimensions = int.from_bytes(content[:2]), content[2], content[3]
    if zero != 0 or kind != 8:
        raise ValueError(f"{path}: not an IDX file of unsigned bytes")
    start = 4 + 4 * dimensions
    shape = np.frombuffer(content[4:start], ">u4")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
