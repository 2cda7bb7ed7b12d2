"""Read the tensors of a PyTorch state file without PyTorch, and without running what a pickle may ask for.

A pickle names functions to call. This reader knows four names, all harmless, and refuses every other one.
"""

import collections
import pickle

import numpy as np

_STORAGES = {"FloatStorage": np.float32, "HalfStorage": np.float16, "LongStorage": np.int64}


def read_pth(path):
    """Return the tensors of a state file in PyTorch's stream format: name -> array, in the order of the file.

    Raises ``pickle.UnpicklingError`` if the file asks for anything but tensors in a dictionary.
    """
    with open(path, "rb") as file:
        for _ in range(3):  # magic number, protocol, facts about the writer's machine
            _Reader(file).load()
        reader = _Reader(file)
        tensors = reader.load()
        values = {key: _read_values(file, reader.storages[key]) for key in _Reader(file).load()}
    return {name: _array(values[key], *place) for name, (key, *place) in tensors.items()}


class _Reader(pickle.Unpickler):
    def __init__(self, file):
        super().__init__(file)
        self.storages = {}  # key -> dtype

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if module == "torch" and name in _STORAGES:
            return np.dtype(_STORAGES[name])
        raise pickle.UnpicklingError(f"refused {module}.{name}")

    def persistent_load(self, pid):
        _, dtype, key, *_ = pid
        self.storages[key] = dtype
        return key


def _tensor(key, offset, shape, strides, *_):
    return key, offset, shape, strides


def _read_values(file, dtype):
    count = int.from_bytes(file.read(8), "little")
    return np.frombuffer(file.read(count * dtype.itemsize), dtype)


def _array(values, offset, shape, strides):
    """Return a copy of the tensor that starts at ``offset`` of its storage and walks it with ``strides``."""
    last = offset + sum((length - 1) * stride for length, stride in zip(shape, strides, strict=True))
    if offset < 0 or min(strides, default=0) < 0 or last >= len(values):
        raise ValueError(f"a tensor of shape {shape} and strides {strides} leaves its {len(values)} stored values")
    steps = [stride * values.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(values[offset:], shape, steps).copy()
