"""GANs on points of a line or the plane: small enough that a whole game is trained within seconds.

The networks, the unrolled GAN, and ``Game``: a training run that can be stopped, looked into, stored, restored and
continued under other rules. The training step is that of ``gan.GAN``.
"""

import functools

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from course_lib import gan
from course_lib._unrolled import UnrolledGAN
from course_lib._validate import array, choice, integer, number, refuse
from course_lib.nets import SLOPE, SpectralNorm

# --- Networks --------------------------------------------------------------------------------


def generator(latent_dim=2, dim=2, width=64, depth=2):
    """Return a generator z (N, ``latent_dim``) -> points (N, ``dim``), without a bound on its output.

    ``depth`` hidden layers of ``width`` units with ReLU, as in DCGAN's generator: on rings and grids of Gaussians it
    kept as many modes as LeakyReLU or more, with more samples near them; tanh lost modes more often.
    """
    x = z = keras.Input((integer("latent_dim", latent_dim, 1),))
    for _ in range(integer("depth", depth, 1)):
        x = layers.ReLU()(layers.Dense(integer("width", width, 1))(x))
    points = layers.Dense(integer("dim", dim, 1), dtype="float32", name="points")(x)
    return keras.Model(z, points, name="generator")


def discriminator(dim=2, width=64, depth=2, packing=1, spectral_norm=False):
    """Return a discriminator x (N, ``dim``) -> logits (N, 1), of ``depth`` hidden layers of ``width`` units.

    With ``packing`` = m it judges m consecutive points together, x (N, ``dim``) -> (N/m, 1) (Lin et al. 2018,
    https://arxiv.org/abs/1712.04086): a pack from a generator that has lost variety differs from a pack of data even
    where each single point is right. With ``spectral_norm`` every kernel is divided by its largest singular value.
    """
    wrapped = SpectralNorm if spectral_norm else lambda layer: layer
    x = points = keras.Input((integer("dim", dim, 1),))
    if integer("packing", packing, 1) > 1:
        x = Pack(packing)(x)
    for _ in range(integer("depth", depth, 1)):
        x = layers.LeakyReLU(SLOPE)(wrapped(layers.Dense(integer("width", width, 1)))(x))
    return keras.Model(points, wrapped(layers.Dense(1, dtype="float32", name="logit"))(x), name="discriminator")


@keras.saving.register_keras_serializable("course_lib")
class Pack(layers.Layer):
    """Put ``m`` consecutive rows side by side: (N, d) -> (N/m, m d). N must be a multiple of m."""

    def __init__(self, m, **kwargs):
        super().__init__(**kwargs)
        self.m = m

    def call(self, x):
        return tf.reshape(x, (-1, self.m * x.shape[-1]))

    def compute_output_shape(self, shape):
        return (shape[0] and shape[0] // self.m, self.m * shape[1])

    def get_config(self):
        return super().get_config() | {"m": self.m}


# --- A game ----------------------------------------------------------------------------------


class Game:
    """A GAN on ``points`` (N, 1 or 2) that is trained as far as one asks, with a look at both players at any time.

    ``loss`` and ``penalty`` are those of ``gan.GAN``; ``penalty_weight`` defaults as there. Both players use Adam with
    their own rate and β₁ = ``momentum``. ``packing``, ``spectral_norm``, ``width``, ``depth``: see ``discriminator``;
    ``unroll``: see ``UnrolledGAN``. Batches of ``batch`` points are drawn with replacement inside the compiled graph.
    The same arguments give the same game on one machine, whatever the global seed. ``settings`` holds all of them.
    Raises ``ValueError`` for points of another shape, unknown names, or a ``batch`` that does not divide into packs.
    """

    CHANGEABLE = (
        "loss",
        "penalty",
        "penalty_weight",
        "generator_rate",
        "discriminator_rate",
        "momentum",
        "discriminator_steps",
        "unroll",
    )

    def __init__(
        self,
        points,
        loss="non_saturating",
        penalty=None,
        penalty_weight=None,
        generator_rate=1e-3,
        discriminator_rate=1e-3,
        momentum=0.5,
        packing=1,
        spectral_norm=False,
        unroll=0,
        discriminator_steps=1,
        width=64,
        depth=2,
        latent_dim=2,
        batch=128,
        seed=0,
    ):
        given = dict(locals())
        self.settings = {name: value for name, value in given.items() if name not in ("self", "points")}
        points = array("points", points, ("N", "dim"), np.float32)
        if not len(points) or points.shape[1] not in (1, 2):
            refuse("points", "at least one point, of shape (N, 1) or (N, 2)", points)
        if integer("batch", batch, 1) % integer("packing", packing, 1):
            refuse("batch", f"a multiple of packing = {packing}", batch)
        self.points = tf.constant(points)
        dim = points.shape[1]
        self.generator = generator(latent_dim, dim, width, depth)
        self.discriminator = discriminator(dim, width, depth, packing, spectral_norm)
        rng = np.random.default_rng(integer("seed", seed, 0))
        for network in (self.generator, self.discriminator):
            network.set_weights([_initial(rng, w.shape, w.name) for w in network.weights])
        self._set_up()

    @property
    def steps(self):
        """The number of training steps taken so far."""
        return int(self.model.step_count)

    def advance(self, steps=1):
        """Train for ``steps`` steps; return the means of the logs over them, name -> float (NaN after divergence)."""
        for tracker in self.model.trackers.values():
            tracker.reset_state()
        self._run(integer("steps", steps, 1))
        return {name: float(tracker.result()) for name, tracker in self.model.trackers.items()}

    def samples(self, n, seed=0):
        """Return ``n`` points (n, dim) of the generator from z ~ N(0, I); the same z for the same ``seed``."""
        rng = np.random.default_rng(integer("seed", seed, 0))
        return self._generate(
            rng.standard_normal((integer("n", n, 1), self.settings["latent_dim"]), np.float32)
        ).numpy()

    def logits(self, points):
        """Return D's logits (N,) of points (N, dim); with packing m one for m consecutive points, (N/m,)."""
        points = array("points", points, ("N", self.points.shape[1]), np.float32)
        self._require_packs("points", points)
        return self._judge(points).numpy()

    def generator_arrows(self, z):
        """Return the samples G(z) (N, dim) and −N ∂L_G/∂x there (N, dim): where the generator's loss pulls each.

        The mean over the batch divides each sample's share of the gradient by N; the factor N takes that out.
        Losses that compare logits see the first N data points (again from the start after the last).
        """
        z = array("z", z, ("N", self.settings["latent_dim"]), np.float32)
        self._require_packs("z", z)
        return tuple(part.numpy() for part in self._arrows(z))

    def state(self):
        """Return all that further training depends on, weights, optimizer slots, random stream, as a list of arrays."""
        return [variable.numpy().copy() for variable in self._variables()]

    def restore(self, state):
        """Go back to a ``state()`` of this game, or of one with networks of the same shape. The settings stay."""
        variables = self._variables()
        if not isinstance(state, (list, tuple)):
            refuse("state", "the list that state() returns", state)
        state = [array("state", value, dtype=None, finite=False) for value in state]
        shapes = [value.shape for value in state]
        if shapes != [tuple(v.shape) for v in variables]:
            refuse(
                "state", "what state() of a game with the same networks returns", f"arrays of shapes {shapes[:4]}..."
            )
        for variable, value in zip(variables, state, strict=True):
            variable.assign(value)

    def change(self, **settings):
        """Go on under other rules with all weights and the optimizers' slots kept; see ``CHANGEABLE`` for the names.

        A new ``penalty`` takes its default weight unless one is given.
        """
        for name in settings:
            choice("setting", name, self.CHANGEABLE)
        if "penalty" in settings:
            settings = {"penalty_weight": None} | settings
        state, before = self.state(), self.settings
        self.settings = before | settings
        try:
            self._set_up()
        except ValueError:
            self.settings = before
            self._set_up()
            raise
        finally:
            self.restore(state)

    # --- Inside ------------------------------------------------------------------------------

    def _set_up(self):
        """Build the model and its compiled functions for the present settings."""
        s = self.settings
        rates = [number(name, s[name], 0, open_minimum=True) for name in ("generator_rate", "discriminator_rate")]
        momentum = number("momentum", s["momentum"], 0, 0.9999)
        parts = {name: s[name] for name in ("loss", "penalty", "penalty_weight", "discriminator_steps", "seed")}
        if s["packing"] > 1 and s["penalty"] is not None:
            parts |= _for_packs(s["penalty"], s["penalty_weight"], s["packing"])
        if integer("unroll", s["unroll"], 0):
            self.model = UnrolledGAN(self.generator, self.discriminator, s["unroll"], ema=None, **parts)
        else:
            self.model = gan.GAN(self.generator, self.discriminator, ema=None, **parts)
        self.model.compile(*(keras.optimizers.Adam(rate, momentum) for rate in rates))
        points, z = (tf.TensorSpec((None, size)) for size in (self.points.shape[1], s["latent_dim"]))
        self._run = _compiled(self._train, tf.TensorSpec((), tf.int32))
        self._generate = _compiled(lambda z: self.generator(z, training=False), z)
        self._judge = _compiled(lambda x: self.discriminator(x, training=False)[:, 0], points)
        self._arrows = _compiled(self._pulled, z)

    def _train(self, steps):
        for _ in tf.range(steps):
            rows = keras.random.randint((self.settings["batch"],), 0, len(self.points), seed=self.model.noise)
            self.model.train_step(tf.gather(self.points, rows))

    def _pulled(self, z):
        x = self.generator(z, training=False)
        n = tf.shape(x)[0]
        real = tf.gather(self.points, tf.range(n) % len(self.points))
        with tf.GradientTape() as tape:
            tape.watch(x)
            real_logits, logits = (self.discriminator(points, training=False) for points in (real, x))
            loss = self.model.gan_loss.generator(real_logits, logits)
        return x, -tf.cast(n, tf.float32) * tape.gradient(loss, x)

    def _variables(self):
        model, found = self.model, [self.model.step_count, self.model.noise.state]
        for network, optimizer in (
            (model.generator, model.generator_optimizer),
            (model.discriminator, model.discriminator_optimizer),
        ):
            # The rate is a setting: a restored game plays by its own.
            found += network.variables + [v for v in optimizer.variables if v is not optimizer.learning_rate]
        return found

    def _require_packs(self, argument, value):
        if len(value) % self.settings["packing"]:
            refuse(argument, f"a number of rows divisible by packing = {self.settings['packing']}", value)


def _compiled(function, spec):
    """Return ``function`` as a graph that is traced on its first call.

    A concrete function: many games in one notebook would set off ``tf.function``'s warning of retracing.
    """
    traced = functools.cache(tf.function(function, input_signature=[spec]).get_concrete_function)
    return lambda value: traced()(tf.convert_to_tensor(value))


def _initial(rng, shape, name):
    """Return a weight's first value, from ``rng`` alone: Glorot's uniform for kernels, N(0, 1) for SpectralNorm's u."""
    if name == "u":
        return rng.standard_normal(shape)
    limit = np.sqrt(6 / sum(shape)) if len(shape) == 2 else 0.0
    return rng.uniform(-limit, limit, shape)


def _for_packs(penalty, weight, m):
    """Return ``penalty`` and ``penalty_weight`` for a D of packs: to it one example is a whole pack, (m · dim,)."""
    penalise = gan.PENALTIES[choice("penalty", penalty, gan.PENALTIES)]

    def of_packs(critic, real, fake, seed):
        dim = real.shape[-1]
        packs = [tf.reshape(points, (-1, m * dim)) for points in (real, fake)]
        return penalise(lambda x: critic(tf.reshape(x, (-1, dim))), *packs, seed)

    default = 10.0 if penalty == "gradient_penalty" else 0.5
    return {"penalty": of_packs, "penalty_weight": default if weight is None else weight}
