"""The variational autoencoder as a Keras model: two networks and one overridden loss."""

import keras
import tensorflow as tf

from course_lib import losses
from course_lib._training import guarded_fit, per_replica
from course_lib._validate import choice, integer, number, refuse
from course_lib.divergences import kl_to_standard_normal

LIKELIHOODS = ("bernoulli", "continuous_bernoulli", "gaussian")


@keras.saving.register_keras_serializable("course_lib")
class VAE(keras.Model):
    """A VAE with prior N(0, I), diagonal Gaussian posterior and a choice of likelihood.

    ``encoder`` maps images (N, H, W, C) in [-1, 1] to mean and log-variance, each (N, d).
    ``decoder`` maps z (N, d) to (N, H, W, C): logits for the two Bernoulli likelihoods (which see the
    images mapped to [0, 1]), the mean in [-1, 1] for "gaussian", whose one log-variance is learned.
    Training minimises reconstruction + β·KL, in nats per image (Kingma & Welling 2013,
    https://arxiv.org/abs/1312.6114; β: Higgins et al. 2017). A variant overrides ``compute_loss``.
    Raises ``ValueError`` for an unknown likelihood, a negative β or networks that do not fit.
    """

    def __init__(self, encoder, decoder, likelihood="bernoulli", beta=1.0, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.encoder = encoder
        self.decoder = decoder
        self.likelihood = choice("likelihood", likelihood, LIKELIHOODS)
        self.beta = number("beta", beta, minimum=0)
        self.seed = seed
        self.noise = keras.random.SeedGenerator(seed)
        self.latent_dim = _common_latent_dim(encoder, decoder)
        if likelihood == "gaussian":
            # σ = 0.22, a blurry fit of [-1, 1] images: from 0, Adam would need thousands of steps to come down.
            self.logvar = self.add_weight(shape=(), initializer=keras.initializers.Constant(-3.0), name="logvar")
        self.reconstruction_metric = keras.metrics.Mean(name="reconstruction")
        self.kl_metric = keras.metrics.Mean(name="kl")
        # Keras would look for a `call` history; the networks are functional, so everything exists already.
        self.built = True

    # --- Using the model -------------------------------------------------------------------------

    def encode(self, x):
        """Return the posterior's mean and log-variance, (N, d) each, of images in [-1, 1]."""
        return tuple(self.encoder(x, training=False))

    def decode(self, z):
        """Return the expected image in [-1, 1] for each z (N, d)."""
        output = tf.cast(self.decoder(z, training=False), "float32")
        if self.likelihood == "gaussian":
            return tf.clip_by_value(output, -1.0, 1.0)
        probability = tf.sigmoid(output)
        if self.likelihood == "continuous_bernoulli":
            probability = losses.continuous_bernoulli_mean(output)
        return 2 * probability - 1

    def sample(self, n, seed=None):
        """Return ``n`` images (n, H, W, C) in [-1, 1], decoded from z ~ N(0, I)."""
        return self.decode(keras.random.normal((integer("n", n, 1), self.latent_dim), seed=seed))

    # --- Training --------------------------------------------------------------------------------

    def call(self, x, training=False):
        """Return the decoder's output for z ~ q(z|x), with the mean and log-variance of q."""
        mean, logvar = (tf.cast(t, "float32") for t in self.encoder(x, training=training))
        return self.decoder(self.sample_posterior(mean, logvar), training=training), mean, logvar

    def sample_posterior(self, mean, logvar):
        """Return z = mean + exp(logvar / 2) · ε, differentiable in both (the reparameterisation)."""
        return mean + tf.exp(0.5 * logvar) * keras.random.normal(tf.shape(mean), dtype=mean.dtype, seed=self.noise)

    def negative_log_likelihood(self, x, output):
        """Return −log p(x|z) of images in [-1, 1] given the decoder's output, (N,) in nats."""
        x, output = tf.cast(x, "float32"), tf.cast(output, "float32")
        if self.likelihood == "gaussian":
            return losses.gaussian_nll(x, output, self.logvar)
        nll = losses.bernoulli_nll if self.likelihood == "bernoulli" else losses.continuous_bernoulli_nll
        return nll((x + 1) / 2, output)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Return the batch mean of reconstruction + β·KL and record both terms, all in nats per image."""
        output, mean, logvar = y_pred
        reconstruction = self.negative_log_likelihood(x, output)
        kl = kl_to_standard_normal(mean, logvar)
        self.reconstruction_metric.update_state(reconstruction)
        self.kl_metric.update_state(kl)
        return per_replica(tf.reduce_mean(reconstruction + self.beta * kl))

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Return the epoch's running means: loss, reconstruction and kl."""
        return self.get_metrics_result()

    def compile(self, optimizer, **kwargs):
        """Attach the optimizer; other arguments are ``keras.Model.compile``'s."""
        kwargs.setdefault("jit_compile", False)
        super().compile(optimizer=optimizer, **kwargs)
        # Slots that do not exist yet cannot be restored from a checkpoint.
        self.optimizer.build(self.trainable_variables)

    def fit(self, x, callbacks=None, **kwargs):
        """Train on images in [-1, 1]; see ``keras.Model.fit`` for the other arguments.

        Raises ``ValueError`` before the first step for images in another range, and
        ``TrainingDiverged`` when a loss becomes NaN, with the last good weights put back.
        """
        return guarded_fit(super().fit, self, x, callbacks, **kwargs)

    # --- Saving ----------------------------------------------------------------------------------

    def get_config(self):
        """Return what ``from_config`` needs."""
        serialise = keras.saving.serialize_keras_object
        networks = {"encoder": serialise(self.encoder), "decoder": serialise(self.decoder)}
        return networks | {"likelihood": self.likelihood, "beta": self.beta, "seed": self.seed}

    @classmethod
    def from_config(cls, config):
        """Rebuild the model from ``get_config``."""
        config = dict(config)
        for name in ("encoder", "decoder"):
            config[name] = keras.saving.deserialize_keras_object(config[name])
        return cls(**config)

    def get_compile_config(self):
        """Return the optimizer, so that a saved model can go on training."""
        return {"optimizer": keras.saving.serialize_keras_object(self.optimizer)}

    def compile_from_config(self, config):
        """Compile with the optimizer of ``get_compile_config``; its state is loaded with the weights."""
        self.compile(keras.saving.deserialize_keras_object(config["optimizer"]))


def _common_latent_dim(encoder, decoder):
    """Return d after refusing networks whose shapes do not fit each other."""
    outputs = encoder.output_shape
    if len(encoder.outputs) != 2 or outputs[0] != outputs[1]:
        refuse("encoder", "two outputs of one shape, mean and log-variance (N, d)", f"outputs of shape {outputs}")
    if decoder.input_shape[1:] != outputs[0][1:]:
        refuse("decoder", f"a model of z with shape {outputs[0]}", f"an input of shape {decoder.input_shape}")
    if decoder.output_shape[1:] != encoder.input_shape[1:]:
        refuse("decoder", f"the encoder's image shape {encoder.input_shape[1:]}", f"{decoder.output_shape[1:]}")
    return outputs[0][-1]
