"""The generative adversarial network as a Keras model: two networks, two optimizers, one ``train_step``."""

import keras
import tensorflow as tf

from course_lib import losses
from course_lib._training import ReplicaSeeds, follow_average, guarded_fit, per_replica
from course_lib._validate import check_condition, choice, integer, number, refuse

PENALTIES = {
    "r1": lambda critic, real, fake, seed: losses.r1_penalty(critic, real),
    # On the fakes too it is called R2 (Mescheder et al. 2018, eq. 10); together: Huang et al. 2024, arXiv:2501.05441.
    "r1_r2": lambda critic, real, fake, seed: losses.r1_penalty(critic, real) + losses.r1_penalty(critic, fake),
    "gradient_penalty": losses.gradient_penalty,
}


@keras.saving.register_keras_serializable("course_lib")
class GAN(keras.Model):
    """A GAN whose loss and gradient penalty are parts you plug in.

    ``generator`` maps z (N, d) ~ N(0, I) to images (N, H, W, C) in [-1, 1]; ``discriminator`` maps images to
    logits (N, 1). ``loss`` is a name in ``losses.GAN_LOSSES`` or an object with its two methods.
    ``penalty`` is None, "r1", "r1_r2", "gradient_penalty" or a function (critic, real, fake, seed) -> scalar; it is
    added to the discriminator's loss times ``penalty_weight`` (γ/2 for R1, λ for the gradient penalty).
    With ``penalty_every`` = k it is computed on every k-th step only, k times as strong (lazy
    regularisation, Karras et al. 2020, https://arxiv.org/abs/1912.04958). ``ema`` is the decay of the averaged
    generator that ``sample`` uses (Yazıcı et al. 2019, https://arxiv.org/abs/1806.04498); None switches it
    off. The ``discriminator_steps`` of one ``train_step`` share its real batch and draw new z.
    Raises ``ValueError`` for unknown names, values out of range or networks that do not fit.
    """

    _inputs = 1  # of each network

    def __init__(
        self,
        generator,
        discriminator,
        loss="non_saturating",
        penalty=None,
        penalty_weight=None,
        penalty_every=1,
        ema=0.999,
        discriminator_steps=1,
        seed=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if isinstance(loss, str):
            choice("loss", loss, losses.GAN_LOSSES)
        if penalty is not None and not callable(penalty):
            choice("penalty", penalty, PENALTIES)
        self._config = {
            "loss": loss,
            "penalty": penalty,
            "penalty_weight": penalty_weight,
            "penalty_every": penalty_every,
            "ema": ema,
            "discriminator_steps": discriminator_steps,
            "seed": seed,
        }
        _require_fit(generator, discriminator, self._inputs)
        self.generator = generator
        self.discriminator = discriminator
        self.gan_loss = losses.GAN_LOSSES[loss] if isinstance(loss, str) else loss
        self.penalty = PENALTIES[penalty] if isinstance(penalty, str) else penalty
        default_weight = 10.0 if penalty == "gradient_penalty" else 0.5
        self.penalty_weight = number("penalty_weight", default_weight if penalty_weight is None else penalty_weight, 0)
        self.penalty_every = integer("penalty_every", penalty_every, 1)
        self.discriminator_steps = integer("discriminator_steps", discriminator_steps, 1)
        self.ema = None if ema is None else number("ema", ema, 0, 1)
        self.noise = ReplicaSeeds(seed)
        self.latent_dim = generator.inputs[0].shape[-1]
        self.step_count = self.add_weight(shape=(), dtype="int64", initializer="zeros", trainable=False, name="step")
        self.generator_ema = None
        if ema is not None:
            self.generator_ema = keras.models.clone_model(generator)
            self.generator_ema.set_weights(generator.get_weights())
            self.generator_ema.trainable = False
        names = ["d_loss", "g_loss", "real_logit", "fake_logit"] + ["penalty"] * (penalty is not None)
        self.trackers = {name: keras.metrics.Mean(name=name) for name in names}
        # `call` maps z to images, which is not what `fit` is fed; without this Keras would try to build from a batch.
        self.built = True

    # --- Using the model -------------------------------------------------------------------------

    def call(self, z, training=False):
        """Return images (N, H, W, C) in [-1, 1] for z (N, d), from the generator being trained."""
        return self.generator(z, training=training)

    def sample(self, n, seed=None, ema=True):
        """Return ``n`` images in [-1, 1] from z ~ N(0, I), by default from the averaged generator."""
        generator = self.generator_ema if ema and self.generator_ema is not None else self.generator
        z = keras.random.normal((integer("n", n, 1), self.latent_dim), seed=seed)
        return generator(z, training=False)

    # --- Training --------------------------------------------------------------------------------

    def compile(self, generator_optimizer, discriminator_optimizer, **kwargs):
        """Attach one optimizer to each network; other arguments are ``keras.Model.compile``'s."""
        if generator_optimizer is discriminator_optimizer:
            refuse("discriminator_optimizer", "an optimizer of its own", "the generator's optimizer")
        # Given no optimizer Keras would create an RMSprop of its own and save it with the model.
        kwargs.setdefault("jit_compile", False)
        super().compile(optimizer=None, **kwargs)
        self.generator_optimizer = _prepared(generator_optimizer, self.generator)
        self.discriminator_optimizer = _prepared(discriminator_optimizer, self.discriminator)

    def fit(self, x, callbacks=None, **kwargs):
        """Train on images in [-1, 1]; see ``keras.Model.fit`` for the other arguments.

        Raises ``ValueError`` before the first step for images in another range, and
        ``TrainingDiverged`` when a loss becomes NaN, with the last good weights put back.
        """
        return guarded_fit(super().fit, self, x, callbacks, **kwargs)

    def train_step(self, real, *condition):
        """Move D ``discriminator_steps`` times, then G once, then the average of G; return the epoch's means."""
        for _ in range(self.discriminator_steps):
            self.discriminator_step(real, *condition)
        self.generator_step(real, *condition)
        self.step_count.assign_add(1)
        self._update_average()
        return {name: tracker.result() for name, tracker in self.trackers.items()}

    def discriminator_step(self, real, *condition):
        """Take one step of D alone on real images and new fakes; return its loss."""
        fake = self._fakes(real, *condition)
        with tf.GradientTape() as tape:
            real_logits = self._logits(real, *condition)
            fake_logits = self._logits(fake, *condition)
            loss = self.gan_loss.discriminator(real_logits, fake_logits)
            total = loss + self._lazy_penalty(real, fake, *condition)
            scaled = self.discriminator_optimizer.scale_loss(per_replica(total))
        weights = self.discriminator.trainable_variables
        self.discriminator_optimizer.apply(tape.gradient(scaled, weights), weights)
        self.trackers["d_loss"].update_state(loss)
        self.trackers["real_logit"].update_state(real_logits)
        self.trackers["fake_logit"].update_state(fake_logits)
        return loss

    def generator_step(self, real, *condition):
        """Take one step of G alone; ``real`` serves the losses that compare logits. Return its loss."""
        with tf.GradientTape() as tape:
            fake_logits = self._logits(self._fakes(real, *condition), *condition)
            # In a graph D(real) is computed only for a loss that uses it: TensorFlow prunes the rest.
            loss = self.gan_loss.generator(self._logits(real, *condition), fake_logits)
            scaled = self.generator_optimizer.scale_loss(per_replica(loss))
        weights = self.generator.trainable_variables
        self.generator_optimizer.apply(tape.gradient(scaled, weights), weights)
        self.trackers["g_loss"].update_state(loss)
        return loss

    def _latent(self, real):
        return keras.random.normal((tf.shape(real)[0], self.latent_dim), seed=self.noise)

    def _fakes(self, real, *condition):
        """Return as many new fakes as there are real images; of a conditional GAN, with the same conditions."""
        return self.generator(_together(self._latent(real), condition), training=True)

    def _logits(self, images, *condition):
        # Losses are computed in float32 whatever the precision policy.
        return tf.cast(self.discriminator(_together(images, condition), training=True), "float32")

    def _lazy_penalty(self, real, fake, *condition):
        """The weighted penalty on every ``penalty_every``-th step, that many times as strong; 0 on the others."""
        if self.penalty is None:
            return 0.0

        def critic(images):
            return self._logits(images, *condition)

        def penalty():
            return self.penalty(critic, tf.cast(real, "float32"), tf.cast(fake, "float32"), self.noise)

        if self.penalty_every == 1:
            due, value = True, penalty()
        else:
            due = self.step_count % self.penalty_every == 0
            value = tf.cond(due, penalty, lambda: tf.constant(0.0))
        self.trackers["penalty"].update_state(value, sample_weight=tf.cast(due, "float32"))
        return self.penalty_weight * self.penalty_every * value

    def _update_average(self):
        """Move the averaged weights towards the generator's by 1 − decay."""
        if self.generator_ema is not None:
            follow_average(self.generator_ema, self.generator, self.ema, self.step_count)

    # --- Saving ----------------------------------------------------------------------------------

    def get_config(self):
        """Return what ``from_config`` needs; a custom loss or penalty object must be serialisable by Keras."""
        networks = {"generator": self.generator, "discriminator": self.discriminator}
        serialise = keras.saving.serialize_keras_object
        return self._config | {name: serialise(network) for name, network in networks.items()}

    @classmethod
    def from_config(cls, config):
        """Rebuild the model from ``get_config``."""
        config = dict(config)
        for name in ("generator", "discriminator"):
            config[name] = keras.saving.deserialize_keras_object(config[name])
        return cls(**config)

    def get_compile_config(self):
        """Return both optimizers, so that a saved model can go on training."""
        names = ("generator_optimizer", "discriminator_optimizer")
        return {name: keras.saving.serialize_keras_object(getattr(self, name)) for name in names}

    def compile_from_config(self, config):
        """Compile with the optimizers of ``get_compile_config``; their state is loaded with the weights."""
        self.compile(**{name: keras.saving.deserialize_keras_object(value) for name, value in config.items()})


@keras.saving.register_keras_serializable("course_lib")
class ConditionalGAN(GAN):
    """A GAN that draws what it is told: generator [z, c] -> images, discriminator [x, c] -> logits (N, 1).

    A condition c (N, k) comes with every real image, and its fake is made with the same c, so that a loss that compares
    pairs of logits compares pictures of one kind. Penalties take gradients with respect to images alone. All arguments
    are those of ``GAN`` (Mirza & Osindero 2014, https://arxiv.org/abs/1411.1784).
    """

    _inputs = 2

    @property
    def condition_dim(self):
        """The length k of a condition."""
        return self.generator.inputs[1].shape[-1]

    def call(self, inputs, training=False):
        """Return images (N, H, W, C) in [-1, 1] for [z (N, d), c (N, k)], from the generator being trained."""
        return self.generator(inputs, training=training)

    def sample(self, c, seed=None, ema=True):
        """Return an image in [-1, 1] for each condition of ``c`` (N, k), from z ~ N(0, I) and the averaged generator.

        Raises ``ValueError`` for conditions of another length, or with NaN or infinite entries.
        """
        c = tf.constant(check_condition("c", c, self.condition_dim))  # Keras refuses lists of tensors and arrays mixed
        generator = self.generator_ema if ema and self.generator_ema is not None else self.generator
        z = keras.random.normal((c.shape[0], self.latent_dim), seed=seed)
        return generator([z, c], training=False)

    def fit(self, x, c=None, callbacks=None, **kwargs):
        """Train on images in [-1, 1] with their conditions ``c`` (N, k), or on a dataset of pairs (images, conditions).

        See ``GAN.fit`` for the errors; ``ValueError`` also for conditions that do not fit the images or networks.
        """
        if not isinstance(x, tf.data.Dataset):
            kwargs["y"] = check_condition("c", c, self.condition_dim, len(x))
        return super().fit(x, callbacks, **kwargs)

    def train_step(self, pair):
        """Take a step of ``GAN`` on a pair (images, conditions)."""
        real, condition = pair
        return super().train_step(real, tf.cast(condition, "float32"))


def _together(first, condition):
    """Return the input of a network: ``first`` alone, or with the condition beside it."""
    return [first, *condition] if condition else first


def _require_fit(generator, discriminator, inputs):
    """Refuse networks whose shapes do not form a game; ``inputs`` is 2 where both take a condition."""
    told = ", and conditions (N, k)" if inputs == 2 else ""
    for name, network in (("generator", generator), ("discriminator", discriminator)):
        if len(network.inputs) != inputs:
            refuse(name, f"a model of {inputs} input{'s' * (inputs - 1)}", f"{len(network.inputs)} inputs")
    made, judged = generator.output_shape[1:], tuple(discriminator.inputs[0].shape[1:])
    if len(generator.inputs[0].shape) != 2:
        refuse("generator", f"a model of z with shape (N, d){told}", f"an input of shape {generator.input_shape}")
    if made != judged:
        refuse("discriminator", f"a model of the generator's images {made}{told}", f"a model of {judged}")
    if [x.shape[1:] for x in generator.inputs[1:]] != [x.shape[1:] for x in discriminator.inputs[1:]]:
        refuse("discriminator", "conditions of the generator's length", f"an input of {discriminator.inputs[1].shape}")
    if discriminator.output_shape[1:] not in ((), (1,)):
        refuse("discriminator", "logits of shape (N, 1)", f"an output of shape {discriminator.output_shape}")
    if getattr(discriminator.layers[-1], "activation", None) is keras.activations.sigmoid:
        refuse("discriminator", "logits", "a sigmoid output", "Remove the last activation: the losses take logits.")


def _prepared(optimizer, network):
    """Return the optimizer with its state built, wrapped for float16 where the policy asks for it."""
    optimizer = keras.optimizers.get(optimizer)
    is_scaler = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    if network.compute_dtype == "float16" and not is_scaler:
        # `compile` would wrap only its own optimizer argument.
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    # Slots that do not exist yet cannot be restored from a checkpoint.
    optimizer.build(network.trainable_variables)
    return optimizer
