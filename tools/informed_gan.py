"""A GAN whose discriminator is shown the labels of true images, for the zoo: the generator is told nothing."""

import keras
import tensorflow as tf
from keras import layers

from course_lib import gan
from course_lib._training import per_replica


@keras.saving.register_keras_serializable("zoo")
class InformedGAN(gan.GAN):
    """A GAN whose discriminator must also name the attributes of real images, from the features it judges by.

    A discriminator looks at what tells true from false most cheaply, and what it does not look at the generator loses:
    no face is less likely for lacking its earrings. What it has to name it sees (Salimans et al. 2016,
    https://arxiv.org/abs/1606.03498, section 5). ``values``: attribute -> number of its values. The cross-entropies
    are added to the discriminator's loss times ``naming_weight``. ``fit`` takes pairs of images and a dictionary
    attribute -> codes (N,); other arguments are ``GAN``'s.
    """

    def __init__(self, generator, discriminator, values, naming_weight, **kwargs):
        super().__init__(generator, discriminator, **kwargs)
        self._config |= {"values": values, "naming_weight": naming_weight}
        self.naming_weight = naming_weight
        features = discriminator.layers[-1].input
        heads = {name: layers.Dense(n, dtype="float32", name=name)(features) for name, n in values.items()}
        self.informed = keras.Model(discriminator.input, {"logit": discriminator.output, "named": heads})
        self.trackers["naming"] = keras.metrics.Mean(name="naming")

    def compile(self, generator_optimizer, discriminator_optimizer, **kwargs):
        """Attach one optimizer to each network; the discriminator's also moves the heads that name."""
        super().compile(generator_optimizer, keras.optimizers.Adam(), **kwargs)
        self.discriminator_optimizer = gan._prepared(discriminator_optimizer, self.informed)

    def train_step(self, pair):
        """Take a step of ``GAN`` on a pair (images, codes)."""
        return super().train_step(*pair)

    def discriminator_step(self, real, codes):
        """Take one step of D alone, which judges real images and new fakes and names the real ones; return its loss."""
        fake = self._fakes(real)
        with tf.GradientTape() as tape:
            told = self.informed(real, training=True)
            real_logits, fake_logits = tf.cast(told["logit"], "float32"), self._logits(fake)
            loss = self.gan_loss.discriminator(real_logits, fake_logits)
            naming = tf.add_n([_cross_entropy(codes[name], logits) for name, logits in told["named"].items()])
            total = loss + self._lazy_penalty(real, fake) + self.naming_weight * naming
            scaled = self.discriminator_optimizer.scale_loss(per_replica(total))
        weights = self.informed.trainable_variables
        self.discriminator_optimizer.apply(tape.gradient(scaled, weights), weights)
        self.trackers["d_loss"].update_state(loss)
        self.trackers["real_logit"].update_state(real_logits)
        self.trackers["fake_logit"].update_state(fake_logits)
        self.trackers["naming"].update_state(naming)
        return loss

    def generator_step(self, real, codes):
        """Take one step of G alone; the codes are not for it."""
        return super().generator_step(real)


def _cross_entropy(codes, logits):
    return tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(codes, logits, from_logits=True))
