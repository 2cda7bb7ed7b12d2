"""Images as arrays: float and uint8, sheets, PNG and GIF bytes, antialiased resizing, luma, CIE Lab."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from course_lib._validate import any_array, array, check_shape, choice, images_uint8, integer, number, refuse

# sRGB primaries and white point D65 (IEC 61966-2-1), linear RGB -> XYZ.
_RGB_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_XYZ_TO_RGB = np.linalg.inv(_RGB_TO_XYZ)
# The matrix's own white instead of a tabulated one, so that greys have a = b = 0 to the last digit.
_WHITE = _RGB_TO_XYZ.sum(axis=1)
_LAB_DELTA = 6 / 29
# ITU-R BT.601: R', G', B' in [0, 1] -> Y' in [16, 235], the luma in which super-resolution papers measure.
_LUMA = np.array([65.481, 128.553, 24.966])
ENLARGERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def to_uint8(x):
    """Return training images, floats in [-1, 1] of any shape, as uint8 in [0, 255] (rounded, then clipped).

    A linear decoder may leave [-1, 1] a little, hence the clipping. Raises ``ValueError`` for
    integers, NaN or infinite values, and for values beyond ±10, which come from another range.
    """
    x = any_array("x", x)
    if not np.issubdtype(x.dtype, np.floating):
        refuse("x", "float images in [-1, 1]", x)
    if not np.isfinite(x).all():
        refuse("x", "finite pixels", f"{np.count_nonzero(~np.isfinite(x))} NaN or infinite values")
    if x.size and max(-x.min(), x.max()) > 10:
        refuse("x", "float images in [-1, 1]", x, "Divide [0, 255] images by 127.5 and subtract 1.")
    return np.rint((x.astype(np.float32) + 1) * np.float32(127.5)).clip(0, 255).astype(np.uint8)


def to_float(x):
    """Return uint8 images of any shape as float32 in [-1, 1]: the exact inverse of ``to_uint8``.

    Raises ``ValueError`` for any other dtype.
    """
    x = any_array("x", x)
    if x.dtype != np.uint8:
        refuse("x", "uint8 images in [0, 255]", x)
    return x / np.float32(127.5) - 1


def tile(images, columns=None, pad=2, background=255):
    """Return images uint8 ``(N, H, W, C)`` as one sheet ``(H', W', C)``, row by row.

    ``columns`` defaults to the smallest square's side, ``pad`` is the gap between pictures in
    pixels, ``background`` the grey of gaps and of missing pictures.
    """
    images = images_uint8("images", images)
    n, height, width, channels = images.shape
    if n == 0:
        refuse("images", "at least one image", images)
    columns = int(np.ceil(np.sqrt(n))) if columns is None else min(integer("columns", columns, 1), n)
    pad, background = integer("pad", pad, 0), number("background", background, 0, 255)
    rows = -(-n // columns)
    cells = np.full((rows * columns, height + pad, width + pad, channels), round(background), np.uint8)
    cells[:n, :height, :width] = images
    sheet = cells.reshape(rows, columns, height + pad, width + pad, channels).swapaxes(1, 2)
    sheet = sheet.reshape(rows * (height + pad), columns * (width + pad), channels)
    return sheet[: sheet.shape[0] - pad, : sheet.shape[1] - pad]


def png_bytes(image, scale=1):
    """Return an image uint8 ``(H, W, 1 or 3)`` as the bytes of a PNG, each pixel drawn ``scale`` × ``scale``."""
    buffer = io.BytesIO()
    # Level 1: an explorer encodes on every move, and level 6 takes about three times as long.
    _enlarged("image", image, scale).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def gif_bytes(frames, fps=10, scale=1):
    """Return frames uint8 ``(T, H, W, 1 or 3)`` as the bytes of an endless GIF of at most 50 frames a second."""
    if not isinstance(frames, np.ndarray | Sequence) or getattr(frames, "ndim", 1) == 0 or len(frames) == 0:
        refuse("frames", "at least one frame", frames)
    fps = number("fps", fps, 0.02, 50)  # the format has two bytes for the hundredths of a second of a frame
    pictures = [_enlarged("frames", frame, scale) for frame in frames]
    if len({picture.size for picture in pictures}) > 1:
        refuse("frames", "frames of one size", f"sizes {sorted({picture.size for picture in pictures})}")
    pictures = [picture.quantize(dither=Image.Dither.NONE) for picture in pictures]
    buffer = io.BytesIO()
    pictures[0].save(
        buffer, "GIF", save_all=True, append_images=pictures[1:], duration=round(1000 / fps), loop=0, disposal=1
    )
    return buffer.getvalue()


def resize(images, size):
    """Return images uint8 ``(N, H, W, C)`` resized to ``size`` (an integer or ``(height, width)``), antialiased.

    Bicubic with a support that grows when shrinking: without it, a resized image aliases and
    every feature distance measures the aliasing (Parmar et al., https://arxiv.org/abs/2104.11222).
    """
    images = images_uint8("images", images)
    if isinstance(size, tuple | list) and len(size) != 2:
        refuse("size", "an integer or (height, width)", size)
    height, width = size if isinstance(size, tuple | list) else (size, size)
    shape = (integer("size", width, 1), integer("size", height, 1))
    resized = [np.asarray(_pillow(image).resize(shape, Image.Resampling.BICUBIC)) for image in images]
    return np.array(resized, np.uint8).reshape(len(images), shape[1], shape[0], images.shape[-1])


def downscale(images, factor, antialias=True):
    """Return images uint8 ``(N, H, W, C)`` as ``(N, H/factor, W/factor, C)``: the degradation of super-resolution.

    Bicubic with a support that grows with ``factor`` (Keys' kernel, a = -1/2), as in the published benchmarks. With
    ``antialias=False`` one pixel of each block is kept, which folds every frequency above the new Nyquist limit onto a
    lower one and moves the picture by half a pixel: the wrong way, to be shown. Height and width must be divisible by
    ``factor`` (``ValueError``): cut them with ``crop_to_multiple``.
    """
    images, factor = images_uint8("images", images), integer("factor", factor, 1)
    height, width = images.shape[1:3]
    if not height or not width or height % factor or width % factor:
        refuse("images", f"height and width divisible by {factor}", images, "Use images.crop_to_multiple.")
    if not antialias:
        return images[:, factor // 2 :: factor, factor // 2 :: factor]
    return resize(images, (height // factor, width // factor))


def enlarge(images, factor, method="bicubic"):
    """Return images uint8 ``(N, H, W, C)`` as ``(N, factor·H, factor·W, C)`` by a method of ``ENLARGERS``.

    They use 1, 2 × 2, 4 × 4 or 6 × 6 pixels for each new one; bicubic and Lanczos overshoot at edges and are clipped.
    Computed in float32 and rounded once: Pillow rounds bytes after each axis, which costs a sharp picture 0.1 dB.
    """
    images, factor = images_uint8("images", images), integer("factor", factor, 1)
    kind = ENLARGERS[choice("method", method, ENLARGERS)]
    n, height, width, channels = images.shape
    planes = np.moveaxis(images, -1, 1).reshape(-1, height, width).astype(np.float32)
    shape = (factor * width, factor * height)
    enlarged = np.array([np.asarray(Image.fromarray(plane).resize(shape, kind)) for plane in planes], np.float32)
    enlarged = np.rint(enlarged).clip(0, 255).astype(np.uint8).reshape(n, channels, shape[1], shape[0])
    return np.moveaxis(enlarged, 1, -1)


def crop_to_multiple(images, factor):
    """Return images ``(N, H, W, C)`` without the last rows and columns that ``factor`` does not divide."""
    images = any_array("images", images)
    check_shape("images", images, ("N", "H", "W", "C"))
    factor = integer("factor", factor, 1)
    height, width = (side - side % factor for side in images.shape[1:3])
    if not height or not width:
        refuse("images", f"sides of at least {factor}", images)
    return images[:, :height, :width]


def luma(images):
    """Return the luma Y' of images uint8 ``(..., 3)`` as float64 ``(..., 1)`` in [16, 235] (ITU-R BT.601).

    Published PSNR of super-resolution is measured on it, not rounded. Raises ``ValueError`` for another type or shape.
    """
    images = any_array("images", images)
    if images.dtype != np.uint8 or images.ndim == 0 or images.shape[-1] != 3:
        refuse("images", "uint8 images of shape (..., 3)", images)
    return 16 + (images / 255 @ _LUMA)[..., None]


def rgb_to_lab(rgb):
    """Return sRGB colours ``(..., 3)``, uint8 or floats in [0, 1], as CIE Lab (D65) in float64.

    L is in [0, 100]; a and b are within about ±110. Source: CIE 15, IEC 61966-2-1.
    """
    scale = 255 if any_array("rgb", rgb).dtype == np.uint8 else 1
    rgb = _colours("rgb", rgb) / scale
    if rgb.size and (rgb.min() < 0 or rgb.max() > 1):
        refuse("rgb", "uint8, or floats in [0, 1]", rgb)
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = linear @ _RGB_TO_XYZ.T / _WHITE
    f = np.where(xyz > _LAB_DELTA**3, np.cbrt(xyz), xyz / (3 * _LAB_DELTA**2) + 4 / 29)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def lab_to_rgb(lab):
    """Return CIE Lab colours ``(..., 3)`` as sRGB in [0, 1], float64; colours outside sRGB are clipped."""
    lightness, a, b = np.moveaxis(_colours("lab", lab), -1, 0)
    y = (lightness + 16) / 116
    f = np.stack([y + a / 500, y, y - b / 200], axis=-1)
    xyz = np.where(f > _LAB_DELTA, f**3, 3 * _LAB_DELTA**2 * (f - 4 / 29)) * _WHITE
    linear = np.clip(xyz @ _XYZ_TO_RGB.T, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def _colours(argument, value):
    x = array(argument, value)
    if x.ndim == 0 or x.shape[-1] != 3:
        refuse(argument, "colours of shape (..., 3)", x)
    return x


def _enlarged(argument, image, scale):
    image = any_array(argument, image)
    check_shape(argument, image, ("H", "W", "C"))
    if image.size == 0:
        refuse(argument, "at least one pixel", image)
    picture = _pillow(images_uint8(argument, image[None])[0])
    scale = integer("scale", scale, 1)
    return picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)


def _pillow(image):
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
