"""Two logical CPU devices under MirroredStrategy take the same steps as one, and draw different noise."""

import subprocess
import sys
import textwrap
from pathlib import Path

# A process of its own: logical devices can only be made before TensorFlow starts.
SCRIPT = textwrap.dedent(
    """
    import keras
    import numpy as np
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    import trainers
    from course_lib import nets
    from course_lib._training import ReplicaSeeds

    mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    assert mirrored.num_replicas_in_sync == 2

    def draws(strategy, kind):
        with strategy.scope():
            seeds = kind(3)
        run = tf.function(lambda: strategy.run(lambda: keras.random.normal((4,), seed=seeds)))
        return [[x.numpy() for x in strategy.experimental_local_results(run())] for _ in range(2)]

    plain = draws(tf.distribute.get_strategy(), keras.random.SeedGenerator)
    same, different = draws(mirrored, keras.random.SeedGenerator), draws(mirrored, ReplicaSeeds)
    for (one,), (a, b), (c, d) in zip(plain, same, different):
        assert np.array_equal(a, b), "Keras has changed: ReplicaSeeds may not be needed any more"
        assert np.array_equal(one, c) and not np.isclose(c, d).any()
    assert not np.isclose(different[0], different[1]).any()
    print("different noise")

    def with_spectral_norm(judge=trainers._judge):
        trainers._judge = lambda *_: nets.dcgan_discriminator(trainers.SHAPE, 4, spectral_norm=True)
        model = trainers._gan()
        trainers._judge = judge
        return model

    trainers.still_noise()
    trainers.MAKERS["spectral norm"] = with_spectral_norm
    game = {"loss": "hinge", "penalty": "gradient_penalty", "penalty_every": 2}
    del trainers.MAKERS["UnrolledGAN"]  # a replica looks ahead on its own part of the batch
    for name in trainers.MAKERS:
        options = game if name == "GAN" else {}
        start = trainers.weights(trainers.make(name, **options))
        one, one_logs = trainers.trained(name, **options)
        with mirrored.scope():
            two, two_logs = trainers.trained(name, **options)
        ends = trainers.weights(one), trainers.weights(two)
        assert np.linalg.norm(ends[0] - start) > 0.01
        np.testing.assert_allclose(*ends, rtol=1e-3, atol=1e-5, err_msg=name)
        for key in one_logs:
            np.testing.assert_allclose(one_logs[key], two_logs[key], rtol=1e-3, atol=1e-5, err_msg=f"{name}: {key}")
        print("same steps:", name)
    """
)


def test_two_replicas_take_the_same_steps_as_one_and_draw_different_noise():
    command = [sys.executable, "-c", SCRIPT]
    run = subprocess.run(command, capture_output=True, text=True, timeout=900, cwd=Path(__file__).parent)
    assert run.returncode == 0, run.stdout[-1000:] + run.stderr[-3000:]
    assert run.stdout.count("same steps") == 8
    assert "different noise" in run.stdout
