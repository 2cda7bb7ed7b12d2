"""Hostile arguments to the parts of the library that compute with tensors; what is required is said in ``fuzzing``."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from fuzzing import Case, judge, profile, spoiled
from hypothesis import given
from hypothesis import strategies as st

from course_lib import data, diffusion, interpret, latent, losses, nets, planar, style, translation

RNG = np.random.default_rng(0)
UNIT = RNG.random((3, 4, 4, 1), np.float32)
MAPS, OTHER_MAPS = (RNG.standard_normal((2, 4, 5, 3), np.float32) for _ in range(2))
LOGITS, FAKE_LOGITS = (RNG.standard_normal((6, 1), np.float32) for _ in range(2))
IMAGES = RNG.integers(0, 256, (4, 16, 16, 3), np.uint8)
PICTURE, STYLE = (RNG.integers(0, 256, (48, 40, 3), np.uint8) for _ in range(2))
POINTS = RNG.standard_normal((5, 2))
SPREAD = np.array([[2.0, 0.5], [0.5, 1.0]])
BETAS = diffusion.linear_betas(10)
Z = RNG.standard_normal((6, 3))
TENSORS = {"passes": True, "largest": 1e4}

keras.utils.set_random_seed(0)
DECODER = keras.Sequential(
    [keras.Input((3,)), keras.layers.Dense(48, activation="tanh", name="hidden"), keras.layers.Dense(4 * 4 * 3),
     keras.layers.Reshape((4, 4, 3))]
)  # fmt: skip
FUNCTIONAL = keras.Model(DECODER.inputs[0], DECODER.outputs[0])
GAME = planar.Game(POINTS, width=4, depth=1, batch=4)


def critic(x):
    return tf.reduce_sum(x**2, axis=list(range(1, len(x.shape))))


def score(x):
    return tf.reduce_sum(tf.tanh(x), axis=list(range(1, len(x.shape))))


def velocity(x, t):
    return -x * t


def penalty(real, fake):
    return losses.gradient_penalty(critic, real, fake, seed=1)


def restored(state):
    return GAME.restore(state)


CASES = [
    # Losses
    Case("losses.bernoulli_nll", losses.bernoulli_nll, {"x": UNIT, "logits": UNIT - 0.5}, **TENSORS),
    Case("losses.continuous_bernoulli_nll", losses.continuous_bernoulli_nll,
         {"x": UNIT, "logits": UNIT - 0.5}, **TENSORS),
    Case("losses.continuous_bernoulli_mean", losses.continuous_bernoulli_mean, {"logits": UNIT}, **TENSORS),
    Case("losses.gaussian_nll", losses.gaussian_nll,
         {"x": UNIT, "mean": UNIT, "logvar": UNIT}, passes=True, largest=50),
    Case("losses.elbo", losses.elbo, {"log_px_given_z": LOGITS[:, 0], "kl": FAKE_LOGITS[:, 0]}, **TENSORS),
    Case("losses.iwae_bound", losses.iwae_bound, {"log_weights": LOGITS.reshape(2, 3), "axis": 0}, **TENSORS),
    *(Case(f"losses.{type(loss).__name__}.{player}", getattr(loss, player),
           {"real_logits": LOGITS, "fake_logits": FAKE_LOGITS}, **TENSORS)
      for loss in losses.GAN_LOSSES.values() for player in ("discriminator", "generator")),
    Case("losses.gradient_penalty", penalty, {"real": UNIT, "fake": 1 - UNIT}, **TENSORS),
    Case("losses.r1_penalty", lambda real: losses.r1_penalty(critic, real), {"real": UNIT}, **TENSORS),
    Case("losses.gram", losses.gram, {"features": MAPS}, **TENSORS),
    Case("losses.style_loss", losses.style_loss, {"features": MAPS, "style_features": OTHER_MAPS}, **TENSORS),
    Case("losses.content_loss", losses.content_loss, {"features": MAPS, "content_features": OTHER_MAPS}, **TENSORS),
    # Diffusion
    Case("diffusion.linear_betas", diffusion.linear_betas, {"steps": 10, "first": 1e-4, "last": 0.02}),
    Case("diffusion.cosine_betas", diffusion.cosine_betas, {"steps": 10, "offset": 0.008, "largest": 0.999}),
    Case("diffusion.alpha_bars", diffusion.alpha_bars, {"betas": BETAS}),
    Case("diffusion.ddpm_posterior", diffusion.ddpm_posterior,
         {"x_t": POINTS, "x": POINTS, "t": 3, "betas": BETAS}, **TENSORS),
    Case("diffusion.ddim_step", diffusion.ddim_step,
         {"x_t": POINTS, "epsilon": POINTS, "bar_t": 0.3, "bar_s": 0.6, "eta": 0.5, "fresh": POINTS},
         passes=True, largest=1e4),
    Case("diffusion.convert", diffusion.convert,
         {"value": POINTS, "source": "noise", "target": "v", "x_t": POINTS, "signal": 0.6, "noise": 0.8},
         passes=True, largest=1e4),
    Case("diffusion.flow_coordinates", diffusion.flow_coordinates, {"x_t": POINTS, "bar": 0.5}, **TENSORS),
    Case("diffusion.euler_step", diffusion.euler_step, {"velocity": velocity, "x": POINTS, "t": 0.2, "s": 0.4},
         **TENSORS),
    Case("diffusion.heun_step", diffusion.heun_step, {"velocity": velocity, "x": POINTS, "t": 0.2, "s": 0.4},
         **TENSORS),
    Case("diffusion.integrate", diffusion.integrate,
         {"velocity": velocity, "x": POINTS, "steps": 3, "method": "heun", "start": 0.0, "end": 1.0}, **TENSORS),
    Case("diffusion.predicted_image", diffusion.predicted_image, {"x_t": POINTS, "velocity": POINTS, "t": 0.5},
         **TENSORS),
    Case("diffusion.gaussian_velocity", diffusion.gaussian_velocity,
         {"x": POINTS, "t": 0.5, "mean": POINTS[0], "cov": SPREAD}),
    Case("diffusion.gaussian_flow", diffusion.gaussian_flow,
         {"x_0": POINTS, "t": 0.5, "mean": POINTS[0], "cov": SPREAD}, also=("x",)),
    Case("diffusion.gaussian_loss", diffusion.gaussian_loss, {"cov": SPREAD, "t": 0.5}),
    Case("diffusion.mixture_posterior", diffusion.mixture_posterior,
         {"x": POINTS, "t": 0.5, "means": POINTS[:3], "std": 0.1, "weights": np.array([0.2, 0.3, 0.5])}),
    Case("diffusion.mixture_velocity", diffusion.mixture_velocity,
         {"x": POINTS, "t": 0.5, "means": POINTS[:3], "std": 0.1, "weights": np.array([0.2, 0.3, 0.5])}),
    # Style
    Case("style.channel_moments", style.channel_moments, {"features": MAPS}, **TENSORS),
    Case("style.match_moments", style.match_moments,
         {"content": MAPS, "mean": np.ones((2, 1, 1, 3), np.float32), "std": np.ones((2, 1, 1, 3), np.float32)},
         also=("features",), **TENSORS),
    Case("style.adain", style.adain, {"content": MAPS, "style": OTHER_MAPS}, also=("features",), **TENSORS),
    Case("style.relative_style_loss", style.relative_style_loss,
         {"grams": {"one": losses.gram(MAPS).numpy()}, "targets": {"one": losses.gram(OTHER_MAPS).numpy()}}, **TENSORS),
    Case("style.relative_content_loss", style.relative_content_loss,
         {"features": MAPS, "target": OTHER_MAPS}, also=("content_features",), **TENSORS),
    Case("style.total_variation", style.total_variation, {"picture": MAPS}, **TENSORS),
    Case("style.checkerboard", style.checkerboard, {"picture": PICTURE, "period": 4}),
    Case("style.patch_distance", style.patch_distance, {"picture": PICTURE, "style": STYLE, "patch": 3, "seed": 0},
         examples=40),
    Case("style.lightness_correlation", style.lightness_correlation, {"picture": PICTURE, "content": STYLE}),
    Case("style.calibration_images", style.calibration_images, {"size": 16}, examples=5),
    Case("style.feature_network", style.feature_network, {"name": "random", "seed": 0}, fixed=("seed",), examples=6),
    Case("style.untrained_features", style.untrained_features, {"width": 2, "seed": 0}, examples=5),
    # Translation
    Case("translation.translate", lambda images, batch_size: translation.translate(
        lambda x, training: x, images, batch_size), {"images": IMAGES, "batch_size": 3}),
    Case("translation.turned", translation.turned, {"images": IMAGES, "turns": np.array([0, 1, 5, 7])}),
    Case("translation.augmented_pairs", translation.augmented_pairs, {"source": IMAGES, "target": IMAGES}),
    Case("translation.Batches", lambda n, batch_size, seed: translation.Batches(print, n, batch_size, seed),
         {"n": 7, "batch_size": 3, "seed": 0}),
    Case("translation.L1", translation.L1, {"weight": 1.0}),
    Case("translation.L2", translation.L2, {"weight": 1.0}),
    Case("translation.BinCrossEntropy", translation.BinCrossEntropy,
         {"centres": POINTS, "sigma": 0.1, "class_weights": np.ones(5), "neighbours": 3, "weight": 1.0}),
    # Latent, interpretation, games, pipelines
    Case("latent.invert", lambda images, steps, restarts, seed, learning_rate: latent.invert(
        DECODER, images, steps, restarts, seed, learning_rate),
         {"images": np.tanh(RNG.standard_normal((2, 4, 4, 3), np.float32)), "steps": 1, "restarts": 2, "seed": 0,
          "learning_rate": 0.1}, examples=30),
    Case("latent.inversion", lambda images, mask, norm_weight: latent.inversion(
        DECODER, images, mask=mask, norm_weight=norm_weight),
         {"images": np.tanh(RNG.standard_normal((2, 4, 4, 3), np.float32)), "mask": np.eye(4) > 0, "norm_weight": 0.1},
         examples=30),
    Case("interpret.split", lambda layer: interpret.split(FUNCTIONAL, layer), {"layer": "hidden"}, examples=20),
    Case("interpret.unit_effects", lambda layer, z, to, units: interpret.unit_effects(
        FUNCTIONAL, layer, z, to=to, units=units),
         {"layer": "hidden", "z": Z, "to": "zero", "units": np.array([0, 3])}, examples=40),
    Case("interpret.gradient", lambda x: interpret.gradient(score, x), {"x": UNIT}, **TENSORS),
    Case("interpret.smooth_gradient", lambda x, noise, samples, seed: interpret.smooth_gradient(
        score, x, noise, samples, seed), {"x": UNIT, "noise": 0.1, "samples": 2, "seed": 0}, **TENSORS),
    Case("interpret.saliency_map", interpret.saliency_map, {"slope": MAPS}),
    Case("interpret.activation_directions", lambda layer, z, k: interpret.activation_directions(
        FUNCTIONAL, layer, z, k), {"layer": "hidden", "z": Z, "k": 2}),
    Case("planar.Game.advance", GAME.advance, {"steps": 1}, known="nan", examples=15),
    Case("planar.Game.samples", GAME.samples, {"n": 3, "seed": 0}, known="nan"),
    Case("planar.Game.logits", GAME.logits, {"points": POINTS}, **TENSORS),
    Case("planar.Game.generator_arrows", GAME.generator_arrows, {"z": POINTS}, **TENSORS),
    Case("planar.Game.restore", restored, {"state": GAME.state()}, examples=30),
    Case("data.pipeline", data.pipeline, {"images": IMAGES, "batch_size": 2, "seed": 0}, examples=30),
    # Networks
    *(Case(f"nets.{name}", getattr(nets, name), {"image_shape": (8, 8, 3), **more, "width": 2}, examples=20)
      for name, more in {
          "conv_encoder": {"latent_dim": 3}, "conv_decoder": {"latent_dim": 3}, "dcgan_generator": {"latent_dim": 3},
          "dcgan_discriminator": {}, "subpixel_generator": {"latent_dim": 3}, "subpixel_discriminator": {},
          "region_generator": {"latent_dim": 3, "regions": 2},
          "classifier": {"heads": {"label": 3}, "feature_dim": 4}, "unet": {"out_channels": 2},
          "patchgan": {"depth": 2}, "conditional_generator": {"latent_dim": 3, "condition_dim": 2},
          "projection_discriminator": {"condition_dim": 2},
          "conditional_encoder": {"latent_dim": 3, "condition_dim": 2},
          "conditional_decoder": {"latent_dim": 3, "condition_dim": 2}, "time_unet": {"blocks": 1}}.items()),
    Case("nets.subpixel_upscaler", nets.subpixel_upscaler, {"factor": 2, "channels": 3, "width": 2, "depth": 1},
         examples=20),
    Case("nets.residual_upscaler", nets.residual_upscaler, {"factor": 2, "channels": 3, "width": 2, "blocks": 1},
         examples=20),
    Case("nets.free_unet", nets.free_unet,
         {"in_channels": 1, "out_channels": 2, "width": 2, "depth": 1, "stride": 1}, examples=20),
    Case("nets.style_features", nets.style_features, {"width": 2}, examples=15),
    Case("nets.style_decoder", nets.style_decoder, {"width": 2}, examples=15),
    Case("planar.generator", planar.generator, {"latent_dim": 2, "dim": 2, "width": 3, "depth": 1}, examples=20),
    Case("planar.discriminator", planar.discriminator, {"dim": 2, "width": 3, "depth": 1, "packing": 2}, examples=20),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_hostile_arguments_are_answered(case):
    case.function(**case.arguments)

    @profile(case)
    @given(st.data())
    def attempt(data):
        judge(case, data.draw(spoiled(case)))

    attempt()
