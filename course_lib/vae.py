"""The variational autoencoder as a Keras model: two networks and one overridden loss."""

import keras
import tensorflow as tf

from course_lib import losses
from course_lib._training import ReplicaSeeds, guarded_fit, per_replica
from course_lib._validate import check_condition, choice, integer, number, refuse
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

    _inputs = 1  # of each network

    def __init__(self, encoder, decoder, likelihood="bernoulli", beta=1.0, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.encoder = encoder
        self.decoder = decoder
        self.likelihood = choice("likelihood", likelihood, LIKELIHOODS)
        self.beta = number("beta", beta, minimum=0)
        self.seed = seed
        self.noise = ReplicaSeeds(seed)
        self.latent_dim = _common_latent_dim(encoder, decoder, self._inputs)
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
        return self._expected(self.decoder(z, training=False))

    def _expected(self, output):
        """Return the expected image in [-1, 1] under the likelihood whose parameters are the decoder's output."""
        output = tf.cast(output, "float32")
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


@keras.saving.register_keras_serializable("course_lib")
class ConditionalVAE(VAE):
    """A VAE of p(x | c): encoder [x, c] -> mean and log-variance, decoder [z, c] -> outputs, prior N(0, I) for every c.

    Training maximises the ELBO with c given throughout, E_q(z|x,c)[log p(x | z, c)] − KL(q(z | x, c) ‖ N(0, I))
    (Sohn et al. 2015, https://proceedings.neurips.cc/paper/2015/hash/8d55a249e6baa5c06772297520da2051-Abstract.html).
    What c already says need not be told by z again, and the KL charges for whatever z tells: so z is pressed to hold
    what c leaves open. All arguments are those of ``VAE``.
    """

    _inputs = 2

    @property
    def condition_dim(self):
        """The length k of a condition."""
        return self.decoder.inputs[1].shape[-1]

    def encode(self, x, c):
        """Return the posterior's mean and log-variance, (N, d) each, of images in [-1, 1] with conditions (N, k)."""
        return tuple(self.encoder(_tensors(x, c), training=False))

    def decode(self, z, c):
        """Return the expected image in [-1, 1] for each z (N, d) with its condition (N, k)."""
        return self._expected(self.decoder(_tensors(z, c), training=False))

    def sample(self, c, seed=None):
        """Return an image in [-1, 1] for each condition of ``c`` (N, k), decoded from z ~ N(0, I)."""
        c = check_condition("c", c, self.condition_dim)
        return self.decode(keras.random.normal((len(c), self.latent_dim), seed=seed), c)

    def call(self, pair, training=False):
        """Return the decoder's output for z ~ q(z|x, c), with the mean and log-variance of q, for (x, c)."""
        x, c = pair
        mean, logvar = (tf.cast(t, "float32") for t in self.encoder([x, c], training=training))
        return self.decoder([self.sample_posterior(mean, logvar), c], training=training), mean, logvar

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Return ``VAE``'s loss of the images; the conditions are already in ``y_pred``."""
        return super().compute_loss(x[0], y, y_pred, sample_weight, training)

    def fit(self, x, c=None, callbacks=None, **kwargs):
        """Train on images in [-1, 1] with their conditions ``c`` (N, k), or on a dataset of pairs (images, conditions).

        See ``VAE.fit`` for the errors; ``ValueError`` also for conditions that do not fit the images or networks.
        """
        if not isinstance(x, tf.data.Dataset):
            kwargs["y"] = check_condition("c", c, self.condition_dim, len(x))
        return super().fit(x, callbacks, **kwargs)

    def train_step(self, pair):
        """Train on a pair (images, conditions): both together are the input, and there is no target."""
        return super().train_step((pair,))

    def test_step(self, pair):
        """Measure a pair (images, conditions)."""
        return super().test_step((pair,))


def _tensors(*values):
    """Return values as float32 tensors: Keras refuses a list in which tensors and arrays are mixed."""
    return [tf.cast(value, "float32") for value in values]


def _common_latent_dim(encoder, decoder, inputs):
    """Return d after refusing networks whose shapes do not fit each other; ``inputs`` is 2 where both take a c."""
    for name, network in (("encoder", encoder), ("decoder", decoder)):
        if len(network.inputs) != inputs:
            refuse(name, f"a model of {inputs} input{'s' * (inputs - 1)}", f"{len(network.inputs)} inputs")
    outputs = encoder.output_shape
    if len(encoder.outputs) != 2 or outputs[0] != outputs[1]:
        refuse("encoder", "two outputs of one shape, mean and log-variance (N, d)", f"outputs of shape {outputs}")
    image, latent = tuple(encoder.inputs[0].shape[1:]), tuple(decoder.inputs[0].shape[1:])
    if latent != outputs[0][1:]:
        refuse("decoder", f"a model of z with shape {outputs[0]}", f"an input of shape {decoder.input_shape}")
    if decoder.output_shape[1:] != image:
        refuse("decoder", f"the encoder's image shape {image}", f"{decoder.output_shape[1:]}")
    if [x.shape[1:] for x in encoder.inputs[1:]] != [x.shape[1:] for x in decoder.inputs[1:]]:
        refuse("decoder", "conditions of the encoder's length", f"an input of shape {decoder.inputs[1].shape}")
    return outputs[0][-1]
