"""How good is an edit? Baselines that need no model, and scores against the picture that the edit should have given."""

import numpy as np

from course_lib import images as _images
from course_lib._validate import any_array, array, check_shape, images_uint8, refuse

_ROWS = 500  # training pictures compared at a time


def reader(classifier, batch_size=250):
    """Return a function pictures uint8 (N, H, W, C) -> labels, name -> codes (N,): what ``classifier`` sees in them.

    ``classifier``: a model of images in [-1, 1] -> dictionary of logits, as ``zoo.load("faces-classifier")`` is.
    """

    def read(pictures):
        x = _images.to_float(images_uint8("pictures", pictures))
        parts = [classifier(x[k : k + batch_size], training=False) for k in range(0, len(x), batch_size)]
        return {name: np.concatenate([np.asarray(part[name]).argmax(-1) for part in parts]) for name in parts[0]}

    return read


def nearest(pictures, training, mask=None):
    """Return the index (N,) of the training picture nearest to each of ``pictures``, by the error on known pixels.

    Both are uint8, (N, H, W, C) and (M, H, W, C). ``mask``: booleans (H, W) or (N, H, W), True where known.
    """
    pictures, training = _some("pictures", pictures), _some("training", training)
    check_shape("training", training, ("M", *pictures.shape[1:]))
    known = np.repeat(_mask(mask, pictures)[..., None], pictures.shape[-1], axis=-1).reshape(len(pictures), -1)
    known = known.astype(np.float32)
    x = _flat(pictures) * known
    errors = []
    for start in range(0, len(training), _ROWS):
        t = _flat(training[start : start + _ROWS])
        errors.append(known @ (t**2).T - 2 * x @ t.T)  # less the picture's own square, the same for all
    return np.concatenate(errors, axis=1).argmin(axis=1)


def baselines(pictures, training, mask=None):
    """Return what can be drawn without a model: {"mean", "nearest"}, pictures uint8 (N, H, W, C).

    "mean" is the mean training picture, for all the same; "nearest" the training picture nearest on the known pixels.
    """
    training = _some("training", training)
    mean = np.round(training.mean(axis=0)).astype(np.uint8)
    found = training[nearest(pictures, training, mask)]
    return {"mean": np.repeat(mean[None], len(pictures), axis=0), "nearest": found}


def filled(pictures, drawn, mask):
    """Return ``pictures`` with their unknown pixels, False in ``mask``, replaced by those of ``drawn``; all uint8."""
    pictures, drawn = images_uint8("pictures", pictures), images_uint8("drawn", drawn)
    check_shape("drawn", drawn, pictures.shape)
    return np.where(_mask(mask, pictures, empty=True)[..., None], pictures, drawn)


def region_psnr(pictures, truth, region=None):
    """Return the PSNR in dB (N,) of uint8 pictures on the pixels of ``region`` alone; infinite where they are equal.

    ``region``: booleans (H, W) or (N, H, W), True where the error counts; None for all. The peak is 255, all channels
    count. Raises ``ValueError`` for a region without a pixel.
    """
    pictures, truth = images_uint8("pictures", pictures), images_uint8("truth", truth)
    check_shape("truth", truth, pictures.shape)
    region = _mask(region, pictures, "region")
    squares = np.mean((pictures.astype(np.float64) - truth) ** 2, axis=-1)
    with np.errstate(divide="ignore"):
        return 10 * np.log10(255**2 / (np.sum(squares * region, axis=(1, 2)) / region.sum(axis=(1, 2))))


def score_edits(edited, originals, truths):
    """Return how near edits come to what they should have given, as means over the pictures, all uint8 (N, H, W, C).

    "psnr": dB of ``edited`` to ``truths``; "psnr_of_doing_nothing": of ``originals``, to be beaten; "inside": dB where
    the truth differs from the original, the region that had to change; "outside": the mean absolute change of all other
    pixels, in levels of 255, which should be 0. Raises ``ValueError`` for an edit that changes nothing in truth.
    """
    truths, originals = images_uint8("truths", truths), images_uint8("originals", originals)
    check_shape("originals", originals, truths.shape)
    region = np.any(truths != originals, axis=-1)
    if not region.any(axis=(1, 2)).all():
        refuse("truths", "pictures that differ from their originals", "a picture equal to its original")
    edited = images_uint8("edited", edited)
    check_shape("edited", edited, truths.shape)
    moved = np.abs(edited.astype(np.float64) - originals).mean(axis=-1)
    outside = ~region
    return {
        "psnr": float(region_psnr(edited, truths).mean()),
        "psnr_of_doing_nothing": float(region_psnr(originals, truths).mean()),
        "inside": float(region_psnr(edited, truths, region).mean()),
        "outside": float((moved * outside).sum() / max(outside.sum(), 1)),
    }


def score_attributes(read, before, asked):
    """Return what an edit did to the attributes, from labels name -> codes (N,) read, of the originals, and asked for.

    "obeyed": share of the asked-for changes that are read in the edited picture; "kept": share of the attributes that
    were to stay and are read as they were; "kept_of_each": name -> that share, for each attribute that had to stay in
    some picture. Raises ``ValueError`` where nothing was asked to change, or labels do not fit.
    """
    stacks, names = [], list(asked) if isinstance(asked, dict) else []
    for argument, labels in (("asked", asked), ("read", read), ("before", before)):
        if not isinstance(labels, dict) or not labels:
            refuse(argument, "a dictionary name -> codes", labels)
        if not set(names) <= set(labels):
            refuse(argument, f"labels of {names}", f"{sorted(labels)}")
        stacks.append(array(argument, [labels[name] for name in names], (len(names), "N"), np.int64))
    new, seen, old = stacks
    if not old.shape == new.shape == seen.shape:
        refuse("read", f"labels of {new.shape[1]} pictures", f"{seen.shape[1]}, and {old.shape[1]} before")
    change = old != new
    if not change.any():
        refuse("asked", "labels that differ from those before", "the same labels")
    right = seen == new
    each = {name: float(right[k][~change[k]].mean()) for k, name in enumerate(names) if not change[k].all()}
    kept = float(right[~change].mean()) if each else 1.0
    return {"obeyed": float(right[change].mean()), "kept": kept, "kept_of_each": each}


def _some(argument, pictures):
    pictures = images_uint8(argument, pictures)
    if pictures.size == 0:
        refuse(argument, "at least one picture", pictures)
    return pictures


def _mask(mask, pictures, argument="mask", empty=False):
    """Return booleans (N, H, W), all True for None, or refuse other kinds and, unless ``empty``, one without True."""
    n, *sides = pictures.shape[:3]
    mask = np.ones(sides, bool) if mask is None else any_array(argument, mask)
    if mask.dtype != bool or mask.shape not in (tuple(sides), (n, *sides)):
        refuse(argument, f"booleans of shape {tuple(sides)} or {(n, *sides)}", mask)
    mask = np.broadcast_to(mask, (n, *sides))
    if not empty and not mask.any(axis=(1, 2)).all():
        refuse(argument, "at least one True pixel for each picture", "a picture without any")
    return mask


def _flat(pictures):
    return pictures.reshape(len(pictures), -1).astype(np.float32) / 255
