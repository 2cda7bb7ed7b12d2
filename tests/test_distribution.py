"""Two logical CPU devices under MirroredStrategy take the same step as one."""

import subprocess
import sys
import textwrap

import pytest

# A process of its own: logical devices can only be made before TensorFlow starts.
SCRIPT = textwrap.dedent(
    """
    import sys
    import keras
    import numpy as np
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    from course_lib import gan, losses, nets, vae

    shape = (8, 8, 1)
    x = np.random.default_rng(0).uniform(-1, 1, (16, *shape)).astype("float32")

    # Random numbers differ between replicas by design; here z comes from the example itself.
    gan.GAN._latent = lambda self, real: tf.reshape(real, (-1, 64))[:, :4]
    vae.VAE.sample_posterior = lambda self, mean, logvar: mean + tf.exp(0.5 * logvar)

    def make_gan(spectral_norm=False):
        z = keras.Input((4,))  # no BatchNorm: its statistics belong to one replica's part of the batch
        image = keras.layers.Reshape(shape)(keras.layers.Dense(64, activation="tanh")(z))
        discriminator = nets.dcgan_discriminator(shape, 4, spectral_norm)
        model = gan.GAN(keras.Model(z, image), discriminator, penalty="r1", penalty_every=2)
        model.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1))
        return model

    def make_vae():
        model = vae.VAE(nets.conv_encoder(shape, 4, 4), nets.conv_decoder(shape, 4, 4), likelihood="gaussian")
        model.compile(keras.optimizers.SGD(0.01))
        return model

    def train(strategy, make):
        keras.utils.set_random_seed(1)
        with strategy.scope():
            model = make()
        data = tf.data.Dataset.from_tensor_slices(x).batch(8)
        logs = model.fit(data, epochs=2, verbose=0).history
        return model.get_weights(), {name: values[-1] for name, values in logs.items()}

    mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    assert mirrored.num_replicas_in_sync == 2
    make = {"gan": make_gan, "spectral": lambda: make_gan(spectral_norm=True), "vae": make_vae}[sys.argv[1]]
    one, one_logs = train(tf.distribute.get_strategy(), make)
    two, two_logs = train(mirrored, make)
    for a, b in zip(one, two, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
    for name in one_logs:
        np.testing.assert_allclose(one_logs[name], two_logs[name], rtol=1e-3, atol=1e-5, err_msg=name)
    print("same step")
    """
)


@pytest.mark.parametrize("model", ["gan", "spectral", "vae"])
def test_two_replicas_take_the_same_step_as_one(model):
    run = subprocess.run([sys.executable, "-c", SCRIPT, model], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr[-3000:]
    assert run.stdout.strip().endswith("same step")
