"""Trained models by name: verified float16 arrays with a card that says how they were made."""

import json

import numpy as np

from course_lib import _assets, nets
from course_lib._files import write_whole
from course_lib._validate import choice
from course_lib.diffusion import FlowMatching
from course_lib.vae import VAE, ConditionalVAE


def _vae(image_shape, latent_dim, width, likelihood, beta):
    encoder = nets.conv_encoder(image_shape, latent_dim, width)
    return VAE(encoder, nets.conv_decoder(image_shape, latent_dim, width), likelihood=likelihood, beta=beta)


def _conditional_vae(image_shape, latent_dim, condition_dim, width, likelihood, beta):
    encoder = nets.conditional_encoder(image_shape, latent_dim, condition_dim, width)
    decoder = nets.conditional_decoder(image_shape, latent_dim, condition_dim, width)
    return ConditionalVAE(encoder, decoder, likelihood=likelihood, beta=beta)


def _flow(image_shape, width, blocks, times, steps):
    return FlowMatching(nets.time_unet(image_shape, width, blocks), times=times, ema=None, steps=steps)


BUILDERS = {
    "classifier": nets.classifier,
    "conditional_generator": nets.conditional_generator,
    "conditional_vae": _conditional_vae,
    "dcgan_generator": nets.dcgan_generator,
    "flow": _flow,
    "free_unet": nets.free_unet,
    "lite0": nets.lite0,
    "region_generator": nets.region_generator,
    "residual_upscaler": nets.residual_upscaler,
    "style_decoder": nets.style_decoder,
    "style_features": nets.style_features,
    "subpixel_generator": nets.subpixel_generator,
    "vae": _vae,
}


def names():
    """Return the names of all trained models, sorted."""
    return sorted(path.stem for path in (_assets.ROOT / "zoo").glob("*.json"))


def card(name):
    """Return the model card of ``name`` as a dictionary.

    What the model is, its builder and arguments, data, seed, steps, minutes, hardware, metrics, date,
    library versions, licence and the SHA-256 of its weights. Raises ``ValueError`` for an unknown name.
    """
    choice("name", name, names())
    return json.loads((_assets.ROOT / "zoo" / f"{name}.json").read_text(encoding="utf-8"))


def load(name):
    """Return the trained model ``name``, built anew and filled with its verified weights.

    A GAN gives its averaged generator (z -> images in [-1, 1]), a VAE a ``vae.VAE``, a flow a
    ``diffusion.FlowMatching`` of averaged weights, a classifier a model of images in [-1, 1] -> dict of logits.
    Raises ``ValueError`` for an unknown name and ``AssetError`` for missing, damaged or unfitting weights.
    """
    facts = card(name)
    tool = "train_zoo" if "training" in facts else "build_data"  # weights trained here, or converted from a package
    arrays = _assets.read_npz(f"zoo/{name}.npz", facts["sha256"], rebuild=f"python tools/{tool}.py {name}")
    model = BUILDERS[facts["builder"]](**facts["arguments"])
    stored = [arrays[key].astype(np.float32) for key in sorted(arrays)]
    expected = [tuple(weight.shape) for weight in model.weights]
    if [array.shape for array in stored] != expected:
        raise _assets.AssetError(f"zoo/{name}.npz does not hold the weights of {facts['builder']}; run: make zoo")
    model.set_weights(stored)
    return model


def save(name, model, facts):
    """Write ``model``'s weights as float16 and its card ``facts``, completed with name, size and SHA-256.

    ``facts`` names a builder of this module and the arguments that rebuild the model.
    """
    choice("builder", facts["builder"], BUILDERS)
    folder = _assets.ROOT / "zoo"
    weights = {f"w{i:04d}": np.asarray(w, np.float16) for i, w in enumerate(model.get_weights())}
    write_whole(folder / f"{name}.npz", lambda file: np.savez_compressed(file, **weights))
    facts = {"name": name} | facts
    facts |= {"parameters": model.count_params(), "sha256": _assets.sha256(folder / f"{name}.npz")}
    write_whole(folder / f"{name}.json", (json.dumps(facts, indent=2, ensure_ascii=False) + "\n").encode())
