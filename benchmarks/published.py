"""Published recipes for small images, re-implemented from their descriptions, for ``time_to_quality.py``.

Each class holds the networks, losses, optimizers and batch size of its source. ``step(batch)`` is one training step
as the source takes it, ``decode(z)`` the images for z ~ N(0, I) of shape ``(N, latent_dim)``, and ``low`` the bottom of
the pixel range that the source scales its images to (-1 or 0; the top is 1). Each was published for one shape of
images; for the other shape the smallest natural change was made, which the class's docstring states. The tests hold the
number of parameters of each network for the shape it was published for.

Common to all: whole batches only (a remainder of the epoch is left out), images in a new random order each epoch,
and no progress display, callback or metric, so that a source written around ``fit`` is not charged for it.
"""

import keras
import tensorflow as tf
from keras import layers


def _is_small(shape):
    return tuple(shape) == (28, 28, 1)


class TensorFlowDCGAN:
    """The DCGAN tutorial of TensorFlow, https://www.tensorflow.org/tutorials/generative/dcgan (28 × 28 × 1).

    LeakyReLU with Keras's default slope, BatchNorm with Keras's default momentum (0.99), both gradients of one
    forward pass, Adam 1e-4 with default betas.
    Faces: the generator starts at 8 × 8 × 256 and has one more stride-2 stage of 32 filters, the discriminator one more
    of 256.
    """

    batch_size, latent_dim, low = 256, 100, -1

    def __init__(self, shape):
        side = 7 if _is_small(shape) else 8
        generator = [keras.Input((self.latent_dim,)), layers.Dense(side * side * 256, use_bias=False)]
        generator += [layers.BatchNormalization(), layers.LeakyReLU(), layers.Reshape((side, side, 256))]
        for filters, stride in [(128, 1), (64, 2)] + ([] if _is_small(shape) else [(32, 2)]):
            generator.append(layers.Conv2DTranspose(filters, 5, strides=stride, padding="same", use_bias=False))
            generator += [layers.BatchNormalization(), layers.LeakyReLU()]
        last = {"strides": 2, "padding": "same", "use_bias": False, "activation": "tanh"}
        self.generator = keras.Sequential([*generator, layers.Conv2DTranspose(shape[-1], 5, **last)])
        discriminator = [keras.Input(shape)]
        for filters in (64, 128) if _is_small(shape) else (64, 128, 256):
            discriminator += [layers.Conv2D(filters, 5, strides=2, padding="same"), layers.LeakyReLU()]
            discriminator.append(layers.Dropout(0.3))
        self.discriminator = keras.Sequential([*discriminator, layers.Flatten(), layers.Dense(1)])
        self.optimizers = keras.optimizers.Adam(1e-4), keras.optimizers.Adam(1e-4)
        self.cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)

    def step(self, images):
        noise = tf.random.normal((self.batch_size, self.latent_dim))
        with tf.GradientTape() as generator_tape, tf.GradientTape() as discriminator_tape:
            fake = self.generator(noise, training=True)
            real_logits, fake_logits = (
                self.discriminator(images, training=True),
                self.discriminator(fake, training=True),
            )
            generator_loss = self.cross_entropy(tf.ones_like(fake_logits), fake_logits)
            real_loss = self.cross_entropy(tf.ones_like(real_logits), real_logits)
            discriminator_loss = real_loss + self.cross_entropy(tf.zeros_like(fake_logits), fake_logits)
        _apply(generator_tape, generator_loss, self.optimizers[0], self.generator)
        _apply(discriminator_tape, discriminator_loss, self.optimizers[1], self.discriminator)

    def decode(self, z):
        return self.generator(z, training=False)


class KerasDCGAN:
    """Keras's DCGAN of faces, https://keras.io/examples/generative/dcgan_overriding_train_step (64 × 64 × 3).

    The version of 2021 and later (CelebA). Sigmoid discriminator, label 1 for generated images, uniform noise up to
    0.05 added to all labels, Adam 1e-4 with default betas. The source calls its networks without ``training=True``,
    and so do we: the discriminator's dropout then does nothing in Keras 3.
    Fashion: one stage less in both networks: the generator starts at 7 × 7 × 128 and lacks its last stage (512), the
    discriminator its second 128.
    """

    batch_size, latent_dim, low = 32, 128, 0

    def __init__(self, shape):
        small = _is_small(shape)
        side = 7 if small else 8
        generator = [
            keras.Input((self.latent_dim,)),
            layers.Dense(side * side * 128),
            layers.Reshape((side, side, 128)),
        ]
        for filters in (128, 256) if small else (128, 256, 512):
            generator += [layers.Conv2DTranspose(filters, 4, strides=2, padding="same"), layers.LeakyReLU(0.2)]
        generator.append(layers.Conv2D(shape[-1], 5, padding="same", activation="sigmoid"))
        self.generator = keras.Sequential(generator)
        discriminator = [keras.Input(shape)]
        for filters in (64, 128) if small else (64, 128, 128):
            discriminator += [layers.Conv2D(filters, 4, strides=2, padding="same"), layers.LeakyReLU(0.2)]
        discriminator += [layers.Flatten(), layers.Dropout(0.2), layers.Dense(1, activation="sigmoid")]
        self.discriminator = keras.Sequential(discriminator)
        self.optimizers = keras.optimizers.Adam(1e-4), keras.optimizers.Adam(1e-4)
        self.cross_entropy = keras.losses.BinaryCrossentropy()

    def step(self, images):
        n = self.batch_size
        fake = self.generator(tf.random.normal((n, self.latent_dim)))
        both = tf.concat([fake, images], axis=0)
        labels = tf.concat([tf.ones((n, 1)), tf.zeros((n, 1))], axis=0)
        labels += 0.05 * tf.random.uniform(tf.shape(labels))
        with tf.GradientTape() as tape:
            loss = self.cross_entropy(labels, self.discriminator(both))
        _apply(tape, loss, self.optimizers[1], self.discriminator)
        noise = tf.random.normal((n, self.latent_dim))
        with tf.GradientTape() as tape:
            loss = self.cross_entropy(tf.zeros((n, 1)), self.discriminator(self.generator(noise)))
        _apply(tape, loss, self.optimizers[0], self.generator)

    def decode(self, z):
        return self.generator(z)


class KerasWGANGP:
    """Keras's WGAN-GP, https://keras.io/examples/generative/wgan_gp (Fashion-MNIST).

    BatchNorm before the generator's tanh too, dropout in the critic, three critic steps on one real batch, penalty
    weight 10 on uniform interpolations (early versions drew them from a normal), Adam 2e-4 with betas 0.5 and 0.9.
    Faces: 64 is a power of two, so nothing is padded or cropped; the generator starts at 8 × 8 instead of 4 × 4.
    """

    batch_size, latent_dim, low = 512, 128, -1
    critic_steps, penalty_weight = 3, 10.0

    def __init__(self, shape):
        small = _is_small(shape)
        side = 4 if small else 8
        generator = [keras.Input((self.latent_dim,)), layers.Dense(side * side * 256, use_bias=False)]
        generator += [layers.BatchNormalization(), layers.LeakyReLU(0.2), layers.Reshape((side, side, 256))]
        for filters in (128, 64, shape[-1]):
            generator += [layers.UpSampling2D(), layers.Conv2D(filters, 3, padding="same", use_bias=False)]
            is_last = filters == shape[-1]
            generator += [layers.BatchNormalization(), layers.Activation("tanh") if is_last else layers.LeakyReLU(0.2)]
        self.generator = keras.Sequential(generator + [layers.Cropping2D(2)] * small)
        critic = [keras.Input(shape)] + [layers.ZeroPadding2D(2)] * small
        for filters in (64, 128, 256, 512):
            critic += [layers.Conv2D(filters, 5, strides=2, padding="same"), layers.LeakyReLU(0.2)]
            critic += [layers.Dropout(0.3)] if filters in (128, 256) else []
        self.critic = keras.Sequential([*critic, layers.Flatten(), layers.Dropout(0.2), layers.Dense(1)])
        self.optimizers = [keras.optimizers.Adam(2e-4, beta_1=0.5, beta_2=0.9) for _ in range(2)]

    def step(self, images):
        for _ in range(self.critic_steps):
            with tf.GradientTape() as tape:
                fake = self.generator(self._noise(), training=True)
                fake_logits, real_logits = self.critic(fake, training=True), self.critic(images, training=True)
                cost = tf.reduce_mean(fake_logits) - tf.reduce_mean(real_logits)
                loss = cost + self.penalty_weight * self._penalty(images, fake)
            _apply(tape, loss, self.optimizers[1], self.critic)
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(self.critic(self.generator(self._noise(), training=True), training=True))
        _apply(tape, loss, self.optimizers[0], self.generator)

    def _penalty(self, real, fake):
        between = real + tf.random.uniform((self.batch_size, 1, 1, 1)) * (fake - real)
        with tf.GradientTape() as tape:
            tape.watch(between)
            logits = self.critic(between, training=True)
        norm = tf.sqrt(tf.reduce_sum(tf.square(tape.gradient(logits, between)), axis=(1, 2, 3)))
        return tf.reduce_mean((norm - 1) ** 2)

    def _noise(self):
        return tf.random.normal((self.batch_size, self.latent_dim))

    def decode(self, z):
        return self.generator(z, training=False)


class KerasVAE:
    """Keras's convolutional VAE, https://keras.io/examples/generative/vae (28 × 28 × 1), two latent variables.

    Cross-entropy of sigmoid outputs, summed over pixels and, as ``keras.losses.binary_crossentropy`` does, averaged
    over channels; Adam with defaults. A sample is the decoder's output for z ~ N(0, I).
    Faces: one more stride-2 stage of 128 filters in both networks, and the decoder starts at 8 × 8.
    """

    batch_size, latent_dim, low = 128, 2, 0

    def __init__(self, shape):
        widths = (32, 64) if _is_small(shape) else (32, 64, 128)
        side = 7 if _is_small(shape) else 8
        x = image = keras.Input(shape)
        for filters in widths:
            x = layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(x)
        x = layers.Dense(16, activation="relu")(layers.Flatten()(x))
        self.encoder = keras.Model(image, [layers.Dense(self.latent_dim)(x), layers.Dense(self.latent_dim)(x)])
        z = keras.Input((self.latent_dim,))
        x = layers.Dense(side * side * widths[-1], activation="relu")(z)
        x = layers.Reshape((side, side, widths[-1]))(x)
        for filters in reversed(widths):
            x = layers.Conv2DTranspose(filters, 3, strides=2, padding="same", activation="relu")(x)
        self.decoder = keras.Model(z, layers.Conv2DTranspose(shape[-1], 3, padding="same", activation="sigmoid")(x))
        self.optimizer = keras.optimizers.Adam()
        self.weights = self.encoder.trainable_weights + self.decoder.trainable_weights

    def step(self, images):
        with tf.GradientTape() as tape:
            mean, logvar = self.encoder(images)
            z = mean + tf.exp(0.5 * logvar) * tf.random.normal(tf.shape(mean))
            cross_entropy = keras.losses.binary_crossentropy(images, self.decoder(z))
            reconstruction = tf.reduce_mean(tf.reduce_sum(cross_entropy, axis=(1, 2)))
            kl = -0.5 * (1 + logvar - tf.square(mean) - tf.exp(logvar))
            loss = reconstruction + tf.reduce_mean(tf.reduce_sum(kl, axis=1))
        self.optimizer.apply_gradients(zip(tape.gradient(loss, self.weights), self.weights, strict=True))

    def decode(self, z):
        return self.decoder(z)


class Pilot:
    """The lean network and settings of the first trial that the course's own recipe had to beat; not published.

    Kernel 4 and stride 2 throughout, BatchNorm momentum 0.9 in the generator and none in the discriminator,
    non-saturating loss, R1 with γ = 0.1 on every eighth step, and an average of the generator with a fixed decay.
    Faces: one more stage of 256 filters at the coarse end of both networks.
    """

    batch_size, latent_dim, low = 64, 64, -1
    gamma, every, decay = 0.1, 8, 0.995

    def __init__(self, shape):
        small = _is_small(shape)
        side = 7 if small else 8
        widths = (128, 64, 32) if small else (256, 128, 64, 32)
        start = [layers.Dense(side * side * widths[0], use_bias=False), layers.Reshape((side, side, widths[0]))]
        generator = [keras.Input((self.latent_dim,)), *start, layers.BatchNormalization(momentum=0.9), layers.ReLU()]
        for filters in widths[1:]:
            generator.append(layers.Conv2DTranspose(filters, 4, strides=2, padding="same", use_bias=False))
            generator += [layers.BatchNormalization(momentum=0.9), layers.ReLU()]
        last = layers.Conv2D(shape[-1], 3, padding="same", activation="tanh")
        self.generator = keras.Sequential([*generator, last])
        discriminator = [keras.Input(shape)]
        for filters in reversed(widths):
            discriminator += [layers.Conv2D(filters, 4, strides=2, padding="same"), layers.LeakyReLU(0.2)]
        self.discriminator = keras.Sequential([*discriminator, layers.Flatten(), layers.Dense(1)])
        self.averaged = keras.models.clone_model(self.generator)
        self.averaged.set_weights(self.generator.get_weights())
        self.optimizers = [keras.optimizers.Adam(4e-4, beta_1=0.5, beta_2=0.99) for _ in range(2)]
        self.count = tf.Variable(0, dtype=tf.int64)

    def step(self, images):
        fake = self.generator(self._noise(), training=True)
        with tf.GradientTape() as tape:
            real_logits, fake_logits = (
                self.discriminator(images, training=True),
                self.discriminator(fake, training=True),
            )
            loss = tf.reduce_mean(tf.nn.softplus(-real_logits)) + tf.reduce_mean(tf.nn.softplus(fake_logits))
            due = self.count % self.every == 0
            loss += self.every * self.gamma / 2 * tf.cond(due, lambda: self._r1(images), lambda: tf.constant(0.0))
        _apply(tape, loss, self.optimizers[1], self.discriminator)
        with tf.GradientTape() as tape:
            fake = self.generator(self._noise(), training=True)
            loss = tf.reduce_mean(tf.nn.softplus(-self.discriminator(fake, training=True)))
        _apply(tape, loss, self.optimizers[0], self.generator)
        self.count.assign_add(1)
        for average, value in zip(self.averaged.weights, self.generator.weights, strict=True):
            if average.dtype == "float32":
                average.assign(self.decay * average + (1 - self.decay) * value)

    def _r1(self, images):
        with tf.GradientTape() as tape:
            tape.watch(images)
            logits = self.discriminator(images, training=True)
        return tf.reduce_mean(tf.reduce_sum(tf.square(tape.gradient(logits, images)), axis=(1, 2, 3)))

    def _noise(self):
        return tf.random.normal((self.batch_size, self.latent_dim))

    def decode(self, z):
        return self.averaged(z, training=False)


def _apply(tape, loss, optimizer, network):
    weights = network.trainable_variables
    optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))


RECIPES = {
    "tf_dcgan": TensorFlowDCGAN,
    "keras_dcgan": KerasDCGAN,
    "keras_wgan_gp": KerasWGANGP,
    "keras_vae": KerasVAE,
    "pilot": Pilot,
}
