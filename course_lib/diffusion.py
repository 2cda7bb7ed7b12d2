"""Flow matching: a model that learns the velocity from noise to images, and the solvers that follow it.

Time runs from 0 (noise x_0 ~ N(0, I)) to 1 (an image x_1) along straight lines x_t = (1 − t) x_0 + t x_1. How this is
the diffusion of Ho et al. 2020 in other coordinates is written out in the functions re-exported from ``_noising``;
exact velocities and minimal losses of Gaussians and mixtures are in ``_exact_flows``.
"""

import keras
import numpy as np
import tensorflow as tf

from course_lib._exact_flows import (
    gaussian_flow,
    gaussian_loss,
    gaussian_velocity,
    mixture_posterior,
    mixture_velocity,
)
from course_lib._noising import (
    alpha_bars,
    convert,
    cosine_betas,
    ddim_step,
    ddpm_posterior,
    flow_coordinates,
    linear_betas,
)
from course_lib._training import ReplicaSeeds, follow_average, guarded_fit, per_replica
from course_lib._validate import check_shape, choice, integer, number, numbers, refuse

__all__ = [
    "METHODS",
    "TIMES",
    "FlowMatching",
    "alpha_bars",
    "convert",
    "cosine_betas",
    "ddim_step",
    "ddpm_posterior",
    "euler_step",
    "flow_coordinates",
    "gaussian_flow",
    "gaussian_loss",
    "gaussian_velocity",
    "heun_step",
    "integrate",
    "linear_betas",
    "mixture_posterior",
    "mixture_velocity",
    "predicted_image",
]

TIMES = {
    "uniform": lambda shape, seed: keras.random.uniform(shape, seed=seed),
    # More of the middle, where the target is hardest to predict (Esser et al. 2024, https://arxiv.org/abs/2403.03206).
    "logit_normal": lambda shape, seed: tf.sigmoid(keras.random.normal(shape, seed=seed)),
}


# --- Solvers -----------------------------------------------------------------------------------


def euler_step(velocity, x, t, s):
    """Return x at time ``s`` from x at time ``t`` by one evaluation of ``velocity(x, t)``; error O((s − t)²)."""
    x, t, s = numbers("x", x), numbers("t", t), numbers("s", s)
    return x + (s - t) * velocity(x, t)


def heun_step(velocity, x, t, s):
    """Return x at time ``s`` from x at time ``t`` by two evaluations, the mean of both ends; error O((s − t)³)."""
    x, t, s = numbers("x", x), numbers("t", t), numbers("s", s)
    first = velocity(x, t)
    second = velocity(x + (s - t) * first, s)
    return x + (s - t) * (first + second) / 2


METHODS = {"euler": euler_step, "heun": heun_step}  # evaluations of the velocity: one a step, and two


def integrate(velocity, x, steps, method="heun", start=0.0, end=1.0, keep=False):
    """Follow dx/dt = ``velocity(x, t)`` from ``start`` to ``end`` in equal ``steps`` and return x there.

    ``x``: array or tensor of any shape; ``velocity`` gets it with t, a float. From 1 to 0 it leads from an image back
    to its noise. With ``keep`` the list of x at all ``steps`` + 1 times is returned.
    Raises ``ValueError`` for an unknown method, steps below 1 and times outside [0, 1].
    """
    step = METHODS[choice("method", method, METHODS)]
    ends = [number(name, t, 0, 1) for name, t in (("start", start), ("end", end))]
    times = np.linspace(*ends, integer("steps", steps, 1) + 1).tolist()
    path = [numbers("x", x)]
    for t, s in zip(times[:-1], times[1:], strict=True):
        path = [*(path if keep else []), step(velocity, path[-1], t, s)]
    return path if keep else path[-1]


def predicted_image(x_t, velocity, t):
    """Return x_t + (1 − t) · velocity: the image that a step straight to t = 1 would reach, E[x_1 | x_t] if exact."""
    x_t, t = numbers("x_t", x_t), numbers("t", t)
    return x_t + (1 - t) * numbers("velocity", velocity, x_t)


# --- The model ---------------------------------------------------------------------------------


@keras.saving.register_keras_serializable("course_lib")
class FlowMatching(keras.Model):
    """A network trained to predict x_1 − x_0 at x_t = (1 − t) x_0 + t x_1, for x_0 ~ N(0, I) and images x_1.

    Lipman et al. 2022, https://arxiv.org/abs/2210.02747, eq. 23 with σ_min = 0; Liu et al. 2022,
    https://arxiv.org/abs/2209.03003, eq. 1. ``network`` maps [x_t (N, H, W, C), t (N,)] to velocities (N, H, W, C),
    such as ``nets.time_unet``. ``times`` is the distribution of t in training: "uniform" or "logit_normal". The loss
    is the mean square over pixels and channels; its minimum is not 0, see ``gaussian_loss``. ``ema`` is the decay of
    the averaged network that makes pictures, as in ``gan.GAN``; None switches it off. ``steps`` of Heun's method are
    taken where none are given.
    Raises ``ValueError`` for unknown names, values out of range or a network that does not fit.
    """

    def __init__(self, network, times="uniform", ema=0.999, steps=16, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.image_shape = _image_shape(network)
        self.network = network
        self.times = choice("times", times, TIMES)
        self.ema = None if ema is None else number("ema", ema, 0, 1)
        self.steps = integer("steps", steps, 1)
        self.seed = seed
        self.noise = ReplicaSeeds(seed)
        self.latent_dim = int(np.prod(self.image_shape))
        self.network_ema = None
        if ema is not None:
            self.network_ema = keras.models.clone_model(network)
            self.network_ema.set_weights(network.get_weights())
            self.network_ema.trainable = False
            counter = {"dtype": "int64", "initializer": "zeros", "trainable": False}
            self.step_count = self.add_weight(shape=(), name="step", **counter)
        self.loss_metric = keras.metrics.Mean(name="loss")
        signature = [tf.TensorSpec((None, *self.image_shape)), tf.TensorSpec(())]
        self._compiled = {
            name: tf.function(_at_one_time(each), input_signature=signature, autograph=False)
            for name, each in (("network", network), ("network_ema", self.network_ema))
            if each is not None
        }
        self.built = True  # the network is functional: there is nothing left to build

    # --- Using the model -------------------------------------------------------------------------

    def call(self, inputs, training=False):
        """Return velocities (N, H, W, C) for [x_t (N, H, W, C), t (N,)], from the network being trained."""
        return self.network(inputs, training=training)

    def velocity(self, x, t, ema=True):
        """Return the velocity (N, H, W, C) at x (N, H, W, C) and one time t, by default of the averaged network."""
        averaged = ema and self.network_ema is not None
        return self._compiled["network_ema" if averaged else "network"](x, t)

    def flow(self, x, steps=None, method="heun", start=0.0, end=1.0, keep=False, ema=True):
        """Follow the velocity from x (N, H, W, C), by default from noise to images that are not clipped to [-1, 1].

        The arguments are ``integrate``'s; ``start=1.0, end=0.0`` leads from images to their noise.
        """
        check_shape("x", x, ("N", *self.image_shape))
        x, steps = tf.cast(x, "float32"), self.steps if steps is None else steps
        return integrate(lambda x, t: self.velocity(x, t, ema), x, steps, method, start, end, keep)

    def decode(self, z):
        """Return images in [-1, 1] for noise z (N, H · W · C): with ``latent_dim``, what explorers and zoo ask for."""
        return tf.clip_by_value(self.flow(tf.reshape(z, (-1, *self.image_shape))), -1.0, 1.0)

    def sample(self, n, seed=None, steps=None, method="heun", ema=True):
        """Return ``n`` images in [-1, 1] from x_0 ~ N(0, I), by default from the averaged network."""
        x = keras.random.normal((integer("n", n, 1), *self.image_shape), seed=seed)
        return tf.clip_by_value(self.flow(x, steps, method, ema=ema), -1.0, 1.0)

    # --- Training --------------------------------------------------------------------------------

    def flow_loss(self, x, x_0=None, t=None, training=False):
        """Return the mean squared error of the velocity for each image x (N, H, W, C), (N,).

        Noise ``x_0`` (N, H, W, C) and times ``t`` (N,) are drawn where they are not given.
        """
        x = tf.cast(x, "float32")
        x_0 = keras.random.normal(tf.shape(x), seed=self.noise) if x_0 is None else x_0
        t = TIMES[self.times]((tf.shape(x)[0],), self.noise) if t is None else t
        moment = tf.reshape(t, (-1, 1, 1, 1))
        predicted = self.network([(1 - moment) * x_0 + moment * x, t], training=training)
        return tf.reduce_mean((tf.cast(predicted, "float32") - (x - x_0)) ** 2, axis=[1, 2, 3])

    def compile(self, optimizer, **kwargs):
        """Attach the optimizer; other arguments are ``keras.Model.compile``'s."""
        kwargs.setdefault("jit_compile", False)
        super().compile(optimizer=optimizer, **kwargs)
        # Slots that do not exist yet cannot be restored from a checkpoint.
        self.optimizer.build(self.network.trainable_variables)

    def fit(self, x, callbacks=None, **kwargs):
        """Train on images in [-1, 1]; see ``keras.Model.fit`` for the other arguments.

        Raises ``ValueError`` before the first step for images in another range, and
        ``TrainingDiverged`` when the loss becomes NaN, with the last good weights put back.
        """
        return guarded_fit(super().fit, self, x, callbacks, **kwargs)

    def train_step(self, x):
        """Move the network one step, then its average; return the epoch's mean loss."""
        weights = self.network.trainable_variables
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(self.flow_loss(x, training=True))
            scaled = self.optimizer.scale_loss(per_replica(loss))
        self.optimizer.apply(tape.gradient(scaled, weights), weights)
        self.loss_metric.update_state(loss)
        if self.network_ema is not None:
            self.step_count.assign_add(1)
            follow_average(self.network_ema, self.network, self.ema, self.step_count)
        return {"loss": self.loss_metric.result()}

    def test_step(self, x):
        """Return the mean loss of the network on images it does not train on."""
        self.loss_metric.update_state(self.flow_loss(x))
        return {"loss": self.loss_metric.result()}

    # --- Saving ----------------------------------------------------------------------------------

    def get_config(self):
        """Return what ``from_config`` needs."""
        config = {"times": self.times, "ema": self.ema, "steps": self.steps, "seed": self.seed}
        return config | {"network": keras.saving.serialize_keras_object(self.network)}

    @classmethod
    def from_config(cls, config):
        """Rebuild the model from ``get_config``."""
        return cls(**config | {"network": keras.saving.deserialize_keras_object(config["network"])})

    def get_compile_config(self):
        """Return the optimizer, so that a saved model can go on training."""
        return {"optimizer": keras.saving.serialize_keras_object(self.optimizer)}

    def compile_from_config(self, config):
        """Compile with the optimizer of ``get_compile_config``; its state is loaded with the weights."""
        self.compile(keras.saving.deserialize_keras_object(config["optimizer"]))


def _at_one_time(network):
    def velocity(x, t):
        return tf.cast(network([x, tf.fill([tf.shape(x)[0]], t)], training=False), "float32")

    return velocity


def _image_shape(network):
    """Return (H, W, C) after refusing a network that is not [x_t, t] -> velocity."""
    shapes = network.input_shape
    if not isinstance(shapes, list) or len(shapes) != 2 or len(shapes[0]) != 4 or len(shapes[1]) != 1:
        refuse("network", "a model of [x_t (N, H, W, C), t (N,)]", f"inputs of shape {shapes}")
    if network.output_shape != shapes[0]:
        refuse("network", f"velocities of the images' shape {shapes[0]}", f"an output of shape {network.output_shape}")
    return shapes[0][1:]
