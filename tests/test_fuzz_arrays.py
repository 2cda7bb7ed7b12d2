"""Hostile arguments to the parts of the library that compute with NumPy; what is required is said in ``fuzzing``."""

import numpy as np
import pytest
from fuzzing import Case, judge, profile, spoiled
from hypothesis import given
from hypothesis import strategies as st

from course_lib import (
    colour,
    conditions,
    data,
    divergences,
    editing,
    images,
    latent,
    metrics,
    provenance,
    restoration,
    transport,
)
from course_lib.colour import hinted_pairs, random_hints

RNG = np.random.default_rng(0)
NORMAL = RNG.standard_normal
PICTURES = RNG.integers(0, 256, (3, 16, 16, 3), np.uint8)
OTHERS = RNG.integers(0, 256, (3, 16, 16, 3), np.uint8)
GREY = PICTURES[..., :1]
MEAN, SPREAD = np.array([0.5, -1.0]), np.array([[2.0, 0.5], [0.5, 1.0]])
P, Q = np.array([0.5, 0.25, 0.25]), np.array([0.2, 0.3, 0.5])
X = np.linspace(-8, 8, 401)
BELL, SHIFTED = (np.exp(-((X - m) ** 2) / 2) / np.sqrt(2 * np.pi) for m in (0, 1))
A, B = NORMAL((8, 3)), NORMAL((9, 3)) + 1
SMALL = colour.gamut_bins(40)
LIGHT, AB = NORMAL((2, 8, 8, 1)).clip(-1, 1), NORMAL((2, 8, 8, 2)).clip(-1, 1)
HAT = conditions.Conditions({"hat": ("no", "yes"), "eyes": ("blue", "brown", "green")}, {"hat": [0.3, 0.7]})
LABELS = {"hat": np.array([0, 1, 1]), "eyes": np.array([2, 0, 1])}
FACES = data.random_attributes(2)
MASK = np.arange(256).reshape(16, 16) % 3 == 0
FACTS = provenance.facts("A title", "a model", seed=3)
CARD = {"name": "m", "what": "a model", "metrics": {"psnr": 3.5}, "training": {"steps": 3}, "licence": "CC0"}


def generator(seed=0):
    return np.random.default_rng(seed)


def drawn_hints(colour, mean, size):
    return random_hints(colour, generator(), mean, size)


def made_pairs(lightness, colour, mean, size):
    return hinted_pairs(lightness, colour, mean, size)(np.array([1, 0]), generator())


def network(x):
    return np.tanh(x[..., :1] * np.ones(2, np.float32))


def reader(pictures):
    return {name: np.zeros(len(pictures), np.int64) for name in ("hat", "eyes")}


CASES = [
    # Divergences
    Case("divergences.kl_gaussians", divergences.kl_gaussians,
         {"mean_p": MEAN, "cov_p": SPREAD, "mean_q": -MEAN, "cov_q": np.eye(2)}),
    Case("divergences.kl_to_standard_normal", divergences.kl_to_standard_normal,
         {"mean": A, "logvar": A / 2}, known="infinite"),
    Case("divergences.frechet_gaussians", divergences.frechet_gaussians,
         {"mean_a": MEAN, "cov_a": SPREAD, "mean_b": -MEAN, "cov_b": np.eye(2)}),
    Case("divergences.kl_discrete", divergences.kl_discrete, {"p": P, "q": Q}, known="infinite"),
    Case("divergences.js_discrete", divergences.js_discrete, {"p": P, "q": Q}),
    Case("divergences.tv_discrete", divergences.tv_discrete, {"p": P, "q": Q}),
    Case("divergences.entropy_discrete", divergences.entropy_discrete, {"p": P}),
    Case("divergences.entropy_gaussian", divergences.entropy_gaussian, {"cov": SPREAD}),
    Case("divergences.mutual_information", divergences.mutual_information, {"joint": np.array([[3, 1, 0], [0, 2, 5]])}),
    Case("divergences.wasserstein_1d", divergences.wasserstein_1d, {"x": A[:, 0], "y": B[:, 0]}),
    Case("divergences.kl_densities", divergences.kl_densities, {"x": X, "p": BELL, "q": SHIFTED}, known="infinite"),
    Case("divergences.js_densities", divergences.js_densities, {"x": X, "p": BELL, "q": SHIFTED}),
    Case("divergences.tv_densities", divergences.tv_densities, {"x": X, "p": BELL, "q": SHIFTED}),
    Case("divergences.wasserstein_densities", divergences.wasserstein_densities, {"x": X, "p": BELL, "q": SHIFTED}),
    Case("divergences.mmd_polynomial", divergences.mmd_polynomial, {"x": A, "y": B, "degree": 3}),
    Case("divergences.mmd_rbf", divergences.mmd_rbf, {"x": A, "y": B, "bandwidth": 1.0}),
    # Transport
    Case("transport.solve", transport.solve,
         {"x": A, "y": B[:8], "weights_x": np.full(8, 1 / 8), "weights_y": np.full(8, 1 / 8), "p": 2.0}),
    Case("transport.extend", transport.extend, {"points": A, "anchors": B, "values": B[:, 0]}),
    Case("transport.displace", transport.displace, {"x": A, "y": B[:8], "plan": np.eye(8) / 8, "t": 0.5}),
    # Metrics
    Case("metrics.frechet_distance", metrics.frechet_distance, {"features_a": A, "features_b": B}),
    Case("metrics.kernel_distance", metrics.kernel_distance, {"features_a": A, "features_b": B}),
    Case("metrics.precision_recall", metrics.precision_recall, {"real": A, "fake": B, "k": 3}),
    Case("metrics.density_coverage", metrics.density_coverage, {"real": A, "fake": B, "k": 5}),
    Case("metrics.memorisation", metrics.memorisation, {"train": A, "held_out": B, "fake": A + 0.1}),
    Case("metrics.mode_coverage", metrics.mode_coverage, {"samples": A, "centres": B[:4], "std": 0.5}, known="nan"),
    Case("metrics.psnr", metrics.psnr, {"a": PICTURES, "b": OTHERS, "max_value": 255.0}, known="infinite"),
    Case("metrics.ssim", metrics.ssim, {"a": PICTURES, "b": OTHERS, "max_value": 255.0}),
    Case("metrics.mutual_information_gap", metrics.mutual_information_gap,
         {"codes": A, "factors": np.arange(16).reshape(8, 2) % 3, "bins": 4}),
    # Restoration
    Case("restoration.psnr_of_each", restoration.psnr_of_each,
         {"restored": PICTURES, "truth": OTHERS, "channel": "y", "crop": 2}, known="infinite"),
    Case("restoration.ssim_of_each", restoration.ssim_of_each,
         {"restored": PICTURES, "truth": OTHERS, "channel": "rgb", "crop": 2}, also=("a",)),
    Case("restoration.bootstrap", restoration.bootstrap,
         {"values": A[:, 0], "groups": np.arange(8) // 2, "level": 0.9, "draws": 50, "seed": 0}),
    Case("restoration.paired_kernel_distance", restoration.paired_kernel_distance, {"restored": A, "truth": B[:8]}),
    Case("restoration.plane_point", restoration.plane_point,
         {"restored": PICTURES, "truth": OTHERS, "extract": lambda x: x.mean(axis=(1, 2)), "channel": "y", "crop": 2},
         known="infinite", also=("a",)),
    # Latent
    Case("latent.lerp", latent.lerp, {"a": A[0], "b": B[0], "n": 5}),
    Case("latent.slerp", latent.slerp, {"a": A[0], "b": B[0], "n": 5}),
    Case("latent.lerp_rescaled", latent.lerp_rescaled, {"a": A[0], "b": B[0], "n": 5}),
    Case("latent.grid", latent.grid, {"n": 3, "latent_dim": 4, "axes": (0, 1)}),
    Case("latent.traversal", latent.traversal, {"z": A[0], "index": 1, "values": B[0]}),
    Case("latent.principal_directions", latent.principal_directions, {"z": A, "k": 2}),
    Case("latent.attribute_direction", latent.attribute_direction, {"z": A, "labels": np.arange(8) % 2}),
    Case("latent.discriminant_direction", latent.discriminant_direction, {"z": A, "labels": np.arange(8) % 2}),
    Case("latent.without", latent.without, {"direction": A[0], "others": B[:2]}),
    Case("latent.truncate", latent.truncate, {"z": A, "psi": 0.7}),
    Case("latent.truncated_normal", latent.truncated_normal, {"n": 3, "latent_dim": 4, "threshold": 1.0, "seed": 0}),
    # Images
    Case("images.to_uint8", images.to_uint8, {"x": LIGHT}),
    Case("images.to_float", images.to_float, {"x": PICTURES}),
    Case("images.tile", images.tile, {"images": PICTURES, "columns": 2, "pad": 1, "background": 255.0}),
    Case("images.png_bytes", images.png_bytes, {"image": PICTURES[0], "scale": 2}),
    Case("images.gif_bytes", images.gif_bytes, {"frames": PICTURES, "fps": 10.0, "scale": 2}),
    Case("images.resize", images.resize, {"images": PICTURES, "size": (8, 9)}),
    Case("images.downscale", images.downscale, {"images": PICTURES, "factor": 2, "antialias": True}),
    Case("images.enlarge", images.enlarge, {"images": PICTURES, "factor": 2, "method": "bicubic"}),
    Case("images.crop_to_multiple", images.crop_to_multiple, {"images": PICTURES, "factor": 3}, known="nan"),
    Case("images.luma", images.luma, {"images": PICTURES}),
    Case("images.rgb_to_lab", images.rgb_to_lab, {"rgb": PICTURES[0, 0] / 255}),
    Case("images.lab_to_rgb", images.lab_to_rgb, {"lab": 40 * NORMAL((5, 3))}),
    # Colour
    Case("colour.split_lab", colour.split_lab, {"images": PICTURES}),
    Case("colour.join_lab", colour.join_lab, {"lightness": LIGHT, "colour": AB}),
    Case("colour.posterise", colour.posterise, {"lightness": LIGHT, "levels": 4}),
    Case("colour.shared_lightness", colour.shared_lightness,
         {"palette": {"red": (255, 0, 0), "green": (0, 130, 0), "ink": (9, 9, 9)}, "levels": 4}),
    Case("colour.mean_chroma", colour.mean_chroma, {"colour": AB}),
    Case("colour.gamut_bins", colour.gamut_bins, {"spacing": 40.0}, examples=15),
    Case("colour.Bins", colour.Bins, {"centres": np.asarray(SMALL.centres), "spacing": 40.0}),
    Case("colour.Bins.nearest", SMALL.nearest, {"colour": AB}),
    Case("colour.Bins.encode", SMALL.encode, {"colour": AB, "neighbours": 5}),
    Case("colour.Bins.decode", SMALL.decode, {"logits": NORMAL((4, len(SMALL.centres))), "temperature": 0.4}),
    Case("colour.Bins.frequencies", SMALL.frequencies, {"colour": AB}),
    Case("colour.Bins.class_weights", SMALL.class_weights,
         {"frequencies": np.full(len(SMALL.centres), 1 / len(SMALL.centres)), "uniform": 0.5}),
    Case("colour.hint_planes", colour.hint_planes,
         {"height": 6, "width": 7, "hints": [((1, 2), np.array([0.1, 0.2])), ((0, 0), np.zeros(2))], "size": 3}),
    Case("colour.random_hints", drawn_hints, {"colour": AB, "mean": 3.0, "size": 3}),
    Case("colour.hinted_pairs", made_pairs, {"lightness": LIGHT, "colour": AB, "mean": 3.0, "size": 3}),
    Case("colour.colorize", colour.colorize, {"network": network, "lightness": LIGHT, "levels": 4}),
    Case("colour.fade", colour.fade, {"images": PICTURES, "contrast": 0.6, "saturation": np.array([0.5, 0.6, 0.7]),
         "cast": (1.0, 1.0, 0.9), "veil": 0.1}),
    Case("colour.random_fade", lambda images: colour.random_fade(images, generator()), {"images": PICTURES}),
    # Data
    Case("data.load_fashion", data.load_fashion, {"split": "test"}, examples=20),
    Case("data.load_faces", data.load_faces, {"split": "no such split", "size": 64}, examples=20),
    Case("data.load_photos", data.load_photos, {"split": "test"}, examples=15),
    Case("data.photo_patches", data.photo_patches, {"split": "test", "size": 64, "stride": 64}, examples=10),
    Case("data.load_folder", data.load_folder, {"path": "no such folder", "size": 8}, examples=20),
    Case("data.random_attributes", data.random_attributes, {"n": 3, "seed": 0}),
    Case("data.compose_faces", data.compose_faces, {"attributes": FACES, "size": 64}, also=("codes",)),
    Case("data.gaussian_ring", data.gaussian_ring, {"n": 9, "modes": 8, "radius": 1.0, "std": 0.1, "seed": 0}),
    Case("data.gaussian_grid", data.gaussian_grid, {"n": 9, "side": 5, "spacing": 1.0, "std": 0.1, "seed": 0}),
    Case("data.sprites", data.sprites, {"n": 3, "size": 16, "seed": 0}),
    # Conditions
    Case("conditions.Conditions", conditions.Conditions,
         {"values": {"hat": ["no", "yes"], "eyes": ["blue", "brown"]}, "probabilities": {"hat": np.array([0.3, 0.7])}}),
    Case("conditions.Conditions.code", HAT.code, {"name": "hat", "value": "yes"}),
    Case("conditions.Conditions.encode", HAT.encode, {"labels": LABELS}),
    Case("conditions.Conditions.decode", HAT.decode, {"c": NORMAL((3, 5))}),
    Case("conditions.Conditions.draw", HAT.draw, {"n": 3, "seed": 0}),
    Case("conditions.Conditions.changed", HAT.changed, {"labels": LABELS, "eyes": "green"}, also=("name", "value")),
    Case("conditions.Conditions.only", lambda names: HAT.only(names), {"names": "hat"}),
    Case("conditions.agreement", conditions.agreement, {"asked": LABELS, "read": dict(LABELS)}),
    # Provenance
    Case("provenance.watermark", provenance.watermark, {"image": PICTURES[0], "key": "secret", "strength": 5.0}),
    Case("provenance.detect", provenance.detect, {"image": PICTURES[0], "key": "secret"}),
    Case("provenance.binomial_tail", provenance.binomial_tail, {"k": 3, "n": 7}),
    Case("provenance.facts", provenance.facts,
         {"title": "A title", "model": "m", "seed": 3, "attributes": {"hat": 1}, "more": [1.5]}, also=("facts",)),
    Case("provenance.png_bytes", provenance.png_bytes,
         {"image": PICTURES[0], "record": FACTS, "scale": 2, "key": "secret"}),
    Case("provenance.gif_bytes", provenance.gif_bytes,
         {"frames": PICTURES, "record": FACTS, "fps": 10.0, "scale": 2, "key": "secret"}),
    Case("provenance.read", lambda source: provenance.read(source.tobytes() if hasattr(source, "tobytes") else b""),
         {"source": np.frombuffer(provenance.png_bytes(PICTURES[0], FACTS), np.uint8)}, known="nan"),
    Case("provenance.model_card", provenance.model_card, {"card": CARD}),
    # Editing
    Case("editing.nearest", editing.nearest, {"pictures": PICTURES, "training": OTHERS, "mask": MASK}),
    Case("editing.baselines", editing.baselines, {"pictures": PICTURES, "training": OTHERS, "mask": MASK}),
    Case("editing.filled", editing.filled, {"pictures": PICTURES, "drawn": OTHERS, "mask": MASK}),
    Case("editing.region_psnr", editing.region_psnr, {"pictures": PICTURES, "truth": OTHERS, "region": MASK},
         known="infinite"),
    Case("editing.score_edits", editing.score_edits,
         {"edited": PICTURES, "originals": OTHERS, "truths": PICTURES[::-1]}, known="infinite",
         also=("pictures", "truth", "region")),
    Case("editing.score_attributes", editing.score_attributes,
         {"read": LABELS, "before": LABELS, "asked": {**LABELS, "hat": 1 - LABELS["hat"]}}),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_hostile_arguments_are_answered(case):
    @profile(case)
    @given(st.data())
    def attempt(data):
        judge(case, data.draw(spoiled(case)))

    case.function(**case.arguments) if not case.name.startswith(("data.load_fa", "data.load_fo")) else None
    attempt()
