"""The embedded data sets and the procedural ones, as NumPy arrays and as ``tf.data`` pipelines.

Nothing here touches the network except ``load_keras``. Sources and licences: DATA.md.
"""

import hashlib
import os
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from course_lib import _assets, _faces
from course_lib import images as _images
from course_lib._files import write_whole
from course_lib._photos import HELD_OUT_PHOTOS as HELD_OUT_PHOTOS
from course_lib._photos import Patches as Patches
from course_lib._photos import Work as Work
from course_lib._photos import load_paintings as load_paintings
from course_lib._photos import load_photos as load_photos
from course_lib._photos import photo_patches as photo_patches
from course_lib._validate import choice, images_uint8, integer, number, refuse

FASHION_NAMES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
SPLITS = ("train", "test")
FACES = {"train": 10_000, "test": 2_000}
SPRITE_FACTORS = {"shape": 3, "hue": 10, "background_hue": 10, "size": 6, "angle": 24, "x": 16, "y": 16}
_HEART_SCALE, _HEART_CENTRE = 1.67, 0.657


class Fashion(NamedTuple):
    """Fashion-MNIST: images uint8 (N, 28, 28, 1) and labels (N,), which index ``FASHION_NAMES``."""

    images: np.ndarray
    labels: np.ndarray


class Faces(NamedTuple):
    """Faces: images uint8 (N, size, size, 3), attributes name -> codes (N,), names name -> list of values."""

    images: np.ndarray
    attributes: dict
    names: dict


# --- Embedded --------------------------------------------------------------------------------


def load_fashion(split):
    """Return the standard Fashion-MNIST split "train" (60,000) or "test" (10,000)."""
    arrays = _assets.read_npz(f"fashion_{choice('split', split, SPLITS)}.npz")
    return Fashion(arrays["images"], arrays["labels"])


def load_faces(split, size=64):
    """Return 10,000 training or 2,000 held-out faces of 64 or 128 pixels, the same ones every time.

    The first call composes them (some seconds) and keeps them in a cache folder of the user, if one is writable.
    """
    n = FACES[choice("split", split, SPLITS)]
    attributes = _draw_attributes(n, [2026, SPLITS.index(split)])
    pictures = _cached_faces(split, attributes, choice("size", size, _faces.SIZES))
    return Faces(pictures, attributes, face_names())


def face_names():
    """Return the values of each attribute of a face: name -> list of names, in the order of the codes."""
    return {name: list(values) for name, values in _faces.ATTRIBUTES.items()}


def face_palettes():
    """Return the colours of a face: "background", "skin", "hair_colour", "shirt_colour" -> value -> (r, g, b) uint8."""
    palettes = {"background": _faces.BACKGROUNDS, "skin": _faces.SKINS}
    palettes |= {"hair_colour": _faces.HAIR_COLOURS, "shirt_colour": _faces.SHIRT_COLOURS}
    return {name: {value: tuple(bytes.fromhex(ink)) for value, ink in inks.items()} for name, inks in palettes.items()}


def random_attributes(n, seed=0):
    """Return the codes of ``n`` random faces, name -> (n,), each attribute drawn independently of the others."""
    return _draw_attributes(integer("n", n, 1), integer("seed", seed, 0))


def compose_faces(attributes, size=64):
    """Return exactly the faces asked for, uint8 (N, size, size, 3): the truth that an edit can be measured against.

    ``attributes``: name -> codes (N,), or one code for all, for every attribute in ``face_names()``.
    Raises ``ValueError`` for missing or unknown attributes, codes out of range and sizes other than 64 and 128.
    """
    return _faces.compose(attributes, size)


def _draw_attributes(n, seed):
    return _faces.draw_attributes(n, np.random.default_rng(seed))


def _cached_faces(split, attributes, size):
    """Return the composed faces, from the user's cache folder if an earlier call has stored them there."""
    try:
        folder = Path(os.environ.get("COURSE_CACHE") or Path.home() / ".cache" / "neural-image-generation-course")
    except RuntimeError:  # a user without a home
        return _faces.compose(attributes, size)
    path = folder / f"faces_{split}_{size}_{_fingerprint(attributes, size)}.npy"
    try:
        return _stored_faces(path, (FACES[split], size, size, 3))
    except (OSError, ValueError, EOFError):  # not there, or damaged: compose and try to store it again
        array = _faces.compose(attributes, size)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, lambda file: np.save(file, array))
    except OSError:
        pass  # a read-only or full home: composing again costs some seconds
    return array


def _stored_faces(path, shape):
    """Return the array of a file, whose header is believed only as far as the file is long (``ValueError``)."""
    mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    if mapped.shape != shape or mapped.dtype != np.uint8:
        raise ValueError(path)
    return np.array(mapped)


def _fingerprint(attributes, size):
    """Return 16 hexadecimal digits that change with anything a cached face depends on: atlas, code and labels."""
    made_from = hashlib.sha256(_assets.manifest()[f"faces_atlas_{size}.npz"].encode())
    made_from.update(Path(_faces.__file__).read_bytes())
    for codes in attributes.values():
        made_from.update(codes.astype(np.uint8).tobytes())
    return made_from.hexdigest()[:16]


# --- Procedural ------------------------------------------------------------------------------


def gaussian_ring(n, modes=8, radius=1.0, std=0.02, seed=0):
    """Return ``n`` points (n, 2) of a mixture of Gaussians on a circle, and the mode centres (modes, 2)."""
    angles = 2 * np.pi * np.arange(integer("modes", modes, 1)) / modes
    centres = number("radius", radius, 0) * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return _mixture(n, centres, std, seed), centres


def gaussian_grid(n, side=5, spacing=2.0, std=0.05, seed=0):
    """Return ``n`` points (n, 2) of ``side`` × ``side`` Gaussians on a grid around 0, and the centres (side², 2)."""
    line = number("spacing", spacing, 0) * (np.arange(integer("side", side, 1)) - (side - 1) / 2)
    centres = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2)
    return _mixture(n, centres, std, seed), centres


def _mixture(n, centres, std, seed):
    rng = np.random.default_rng(integer("seed", seed, 0))
    modes = rng.integers(0, len(centres), integer("n", n, 1))
    return centres[modes] + number("std", std, 0) * rng.standard_normal((n, 2))


def sprites(n, size=32, seed=0):
    """Return ``n`` pictures uint8 (n, size, size, 3) of one shape each, and their true factors, name -> (n,).

    Factors are independent and uniform over the counts in ``SPRITE_FACTORS``: shape (square, ellipse, heart),
    hue, background hue, size, angle, x and y.
    """
    rng = np.random.default_rng(integer("seed", seed, 0))
    n, size = integer("n", n, 1), integer("size", size, 8)
    factors = {name: rng.integers(0, count, n) for name, count in SPRITE_FACTORS.items()}
    pictures = np.empty((n, size, size, 3), np.uint8)
    for start in range(0, n, 1000):  # a thousand at a time keeps the working arrays small
        part = slice(start, start + 1000)
        pictures[part] = _draw_sprites({name: codes[part] for name, codes in factors.items()}, size)
    return pictures, factors


def _draw_sprites(factors, size):
    f = {name: codes.astype(np.float32)[:, None, None] for name, codes in factors.items()}
    line = ((np.arange(size) + 0.5) / size * 2 - 1).astype(np.float32)
    row, column = line[:, None], line[None, :]
    angle, scale = f["angle"] * (2 * np.pi / 24), 0.20 + 0.035 * f["size"]
    dx, dy = column - 0.9 * (f["x"] / 15 - 0.5), row - 0.9 * (f["y"] / 15 - 0.5)
    u = (dx * np.cos(angle) + dy * np.sin(angle)) / scale
    v = (dy * np.cos(angle) - dx * np.sin(angle)) / scale
    # Signed distances, in units of the shape's size, negative inside.
    square = np.maximum(abs(u), abs(v)) - 0.8
    ellipse = np.hypot(u / 1.2, v / 0.65) - 1
    distance = np.select([f["shape"] == 0, f["shape"] == 1], [square, 0.65 * ellipse], _heart(u, v))
    cover = np.clip(0.5 - distance * scale * size / 2, 0, 1)[..., None]  # antialiased over one pixel
    shade = 1 - 0.15 * (row[None, ..., None] + 1) / 2
    background = _hue(f["background_hue"] / 10, saturation=0.3, value=0.9) * shade
    return 255 * (cover * _hue(f["hue"] / 10, saturation=0.75, value=0.95) + (1 - cover) * background) + 0.5


def _heart(u, v):
    """Signed distance to a heart: two sides of a square on its corner, with a half disc on each of the others.

    Formula: https://iquilezles.org/articles/distfunctions2d/. Scaled to the area of the other shapes and moved so that
    its centre of mass lies at the origin.
    """
    u, v = abs(u) / _HEART_SCALE, _HEART_CENTRE - v / _HEART_SCALE  # the formula's point is at (0, 0), its v upwards
    lobe = np.hypot(u - 0.25, v - 0.75) - np.sqrt(2) / 4
    nearest = np.maximum(u + v, 0) / 2
    edge = np.minimum(np.hypot(u, v - 1), np.hypot(u - nearest, v - nearest))
    return _HEART_SCALE * np.where(u + v > 1, lobe, edge * np.sign(u - v))


def _hue(hue, saturation, value):
    """Return RGB (..., 3) in [0, 1] of a colour given by hue, saturation and value."""
    k = (np.array([5, 3, 1], np.float32) + hue[..., None] * 6) % 6
    return value * (1 - saturation * np.clip(np.minimum(k, 4 - k), 0, 1))


# --- The learner's own -----------------------------------------------------------------------


def load_folder(path, size):
    """Return every picture in a folder as uint8 (N, size, size, 3): centre square, antialiased, sorted by name.

    Pictures are turned upright as their camera noted (EXIF), and transparent ones are laid on white.
    Files that cannot be read, or whose stated size is a decompression bomb, are skipped with one warning that names
    them. Raises ``ValueError`` if ``path`` is no folder or holds no readable picture.
    """
    if not isinstance(path, (str, os.PathLike)):
        refuse("path", "a folder of pictures", path)
    folder = Path(path)
    try:
        found = folder.is_dir()
    except (OSError, ValueError):  # a name that the system cannot have
        found = False
    if not found:
        refuse("path", "a folder of pictures", f"{str(path)[:200]!r}, which is not a folder")
    size, pictures, skipped = integer("size", size, 1), [], []
    for file in sorted(f for f in folder.iterdir() if f.is_file() and not f.name.startswith(".")):
        try:
            pictures.append(_images.resize(_centre_square(file)[None], size)[0])
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            skipped.append(f"{file.name} ({type(error).__name__})")
    if skipped:
        warnings.warn(f"Skipped {len(skipped)} unreadable files in {folder.name}: {', '.join(skipped)}", stacklevel=2)
    if not pictures:
        refuse("path", "a folder with at least one readable picture", f"{folder.name!r} with none")
    return np.stack(pictures)


def _centre_square(file):
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)  # a bomb of the milder kind is refused too
        try:
            with Image.open(file) as image:
                pixels = np.asarray(_on_white(ImageOps.exif_transpose(image)))
        except Image.DecompressionBombWarning as error:
            raise Image.DecompressionBombError(str(error)) from error
    side = min(pixels.shape[:2])
    top, left = (pixels.shape[0] - side) // 2, (pixels.shape[1] - side) // 2
    return pixels[top : top + side, left : left + side]


def _on_white(image):
    if not image.has_transparency_data:
        return image.convert("RGB")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")


def load_keras(name):
    """Return ``((images, labels), (images, labels))`` of Keras's "mnist" or "cifar10": train and test, uint8.

    Downloads on the first call, so it needs a network; no lesson requires it.
    """
    import keras

    parts = getattr(keras.datasets, choice("name", name, ("mnist", "cifar10"))).load_data()
    return tuple((x[..., None] if x.ndim == 3 else x, y.reshape(-1)) for x, y in parts)


# --- Pipelines -------------------------------------------------------------------------------


def pipeline(images, batch_size, seed=0, shuffle=True):
    """Return a ``tf.data.Dataset`` of float32 batches in [-1, 1] from uint8 images (N, H, W, C).

    Shuffled anew each epoch, in an order fixed by ``seed`` and TensorFlow's global seed; the last incomplete batch is
    left out.
    """
    import tensorflow as tf

    images = images_uint8("images", images)
    if integer("batch_size", batch_size, 1) > len(images):
        refuse("batch_size", f"at most the number of images, {len(images)}", batch_size)
    dataset = tf.data.Dataset.from_tensor_slices(images)
    if shuffle:
        dataset = dataset.shuffle(len(images), seed=integer("seed", seed, 0))
    dataset = dataset.batch(batch_size, drop_remainder=True)
    # After batching: one conversion for the whole batch, and the bytes stay small until then.
    return dataset.map(lambda x: tf.cast(x, tf.float32) / 127.5 - 1).prefetch(tf.data.AUTOTUNE)
