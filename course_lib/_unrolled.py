"""The unrolled GAN: the generator's loss is taken at the discriminator that answers it a few steps later."""

import keras
import tensorflow as tf

from course_lib import gan
from course_lib._training import per_replica
from course_lib._validate import integer, refuse


@keras.saving.register_keras_serializable("course_lib")
class UnrolledGAN(gan.GAN):
    """A GAN whose generator meets the discriminator of ``unroll`` steps later (Metz et al. 2016, eqs. 7-11).

    https://arxiv.org/abs/1611.02163. D's next steps on the present batch are followed as a differentiable function of
    G's weights, and the generator's loss is taken at their end, so that G's gradient knows how D will answer. D itself
    moves as in ``gan.GAN``, one ordinary step. The steps ahead are those of D's own optimizer in its present state:
    Adam, or plain gradient descent; ``compile`` raises ``ValueError`` for another one.
    """

    def __init__(self, generator, discriminator, unroll=5, **kwargs):
        super().__init__(generator, discriminator, **kwargs)
        self.unroll = integer("unroll", unroll, 0)

    def compile(self, generator_optimizer, discriminator_optimizer, **kwargs):
        super().compile(generator_optimizer, discriminator_optimizer, **kwargs)
        optimizer = self.discriminator_optimizer
        plain = type(optimizer) is keras.optimizers.SGD and optimizer.momentum == 0
        if not plain and (type(optimizer) is not keras.optimizers.Adam or optimizer.amsgrad):
            refuse("discriminator_optimizer", "Adam, or SGD without momentum", type(optimizer).__name__)

    def generator_step(self, real):
        with tf.GradientTape() as tape:
            fake = self.generator(self._latent(real), training=True)
            weights = self.discriminator_ahead(real, fake)
            loss = self.gan_loss.generator(self._logits_of(weights, real), self._logits_of(weights, fake))
            scaled = self.generator_optimizer.scale_loss(per_replica(loss))
        trained = self.generator.trainable_variables
        self.generator_optimizer.apply(tape.gradient(scaled, trained), trained)
        self.trackers["g_loss"].update_state(loss)
        return loss

    def discriminator_ahead(self, real, fake):
        """Return D's trainable weights as tensors after ``unroll`` more steps on this batch; D stays as it is."""
        weights = [tf.convert_to_tensor(v) for v in self.discriminator.trainable_variables]
        step = _next_steps(self.discriminator_optimizer)
        for _ in range(self.unroll):
            with tf.GradientTape() as tape:
                tape.watch(weights)
                loss = self._discriminator_loss(weights, real, fake)
            weights = step(weights, tape.gradient(loss, weights, unconnected_gradients="zero"))
        return weights

    def _discriminator_loss(self, weights, real, fake):
        loss = self.gan_loss.discriminator(self._logits_of(weights, real), self._logits_of(weights, fake))
        if self.penalty is None:
            return loss
        penalty = self.penalty(lambda x: self._logits_of(weights, x), real, fake, self.noise)
        return loss + self.penalty_weight * penalty

    def _logits_of(self, weights, x):
        """D's logits as a function of its weights: the layers read these tensors in the place of their variables."""
        fixed = [tf.convert_to_tensor(v) for v in self.discriminator.non_trainable_variables]
        logits, _ = self.discriminator.stateless_call(weights, fixed, x, training=True)
        return tf.cast(logits, "float32")

    def get_config(self):
        return super().get_config() | {"unroll": self.unroll}


def _next_steps(optimizer):
    """Return a differentiable function (weights, gradients) -> weights: the steps this optimizer would take next."""
    rate = tf.convert_to_tensor(optimizer.learning_rate)
    if isinstance(optimizer, keras.optimizers.SGD):
        return lambda weights, gradients: [w - rate * g for w, g in zip(weights, gradients, strict=True)]
    first = [tf.convert_to_tensor(m) for m in optimizer._momentums]
    second = [tf.convert_to_tensor(v) for v in optimizer._velocities]
    t = tf.cast(optimizer.iterations, rate.dtype)

    def adam(weights, gradients):
        nonlocal t
        t += 1
        scale = rate * tf.sqrt(1 - optimizer.beta_2**t) / (1 - optimizer.beta_1**t)
        for k, g in enumerate(gradients):
            first[k] += (1 - optimizer.beta_1) * (g - first[k])
            second[k] += (1 - optimizer.beta_2) * (tf.square(g) - second[k])
        # The root's derivative is infinite at 0, where a bias that the loss does not feel stays for ever.
        roots = [tf.sqrt(tf.maximum(v, 1e-24)) + optimizer.epsilon for v in second]
        return [w - scale * m / root for w, m, root in zip(weights, first, roots, strict=True)]

    return adam
