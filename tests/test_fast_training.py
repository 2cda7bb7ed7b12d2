"""The fast ways to train give the weights of the plain way: XLA, half precision, several steps a call."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import trainers
from trainers import examples, make, trained, weights

from course_lib import gan, losses
from course_lib._training import KeepLastGood, TrainingDiverged, guarded_fit

GAMES = [  # every loss and every penalty
    {"loss": "minimax"},
    {"loss": "non_saturating", "penalty": "r1", "penalty_every": 2},
    {"loss": "least_squares", "discriminator_steps": 2},
    {"loss": "hinge", "penalty": "gradient_penalty", "penalty_every": 2},
    {"loss": "wasserstein", "penalty": "r1_r2"},
    {"loss": "relativistic"},
]
OTHERS = [name for name in trainers.MAKERS if name not in ("GAN", "UnrolledGAN")]
WAYS = [("GAN", game) for game in GAMES] + [(name, {}) for name in OTHERS]
NAMES = [" ".join([name, *map(str, options.values())]) for name, options in WAYS]


@pytest.fixture(autouse=True)
def still(monkeypatch):
    trainers.still_noise(monkeypatch)


@pytest.fixture(scope="module")
def plain():
    """Return a function that gives the plain training's start, end and logs, and trains only once for each trainer."""
    known = {}

    def of(name, options):
        key = name, str(options)
        if key not in known:
            start = weights(make(name, **options))
            model, logs = trained(name, **options)
            known[key] = start, weights(model), logs
        return known[key]

    return of


def agree(plain, model, logs, tolerance):
    """Assert that a training has moved the weights as the plain one did, up to a part ``tolerance`` of the way."""
    start, end, expected = plain
    way = np.linalg.norm(end - start)
    assert way > 0.01
    assert np.linalg.norm(weights(model) - end) < tolerance * way
    for key, value in expected.items():
        assert logs[key] == pytest.approx(value, rel=tolerance, abs=tolerance), key


def test_every_loss_and_penalty_is_among_the_games():
    assert [game["loss"] for game in GAMES] == list(losses.GAN_LOSSES)
    assert {game["penalty"] for game in GAMES if "penalty" in game} == set(gan.PENALTIES)


@pytest.mark.parametrize(("name", "options"), WAYS, ids=NAMES)
def test_xla_compiles_every_trainer_and_agrees(plain, name, options):
    model, logs = trained(name, compiled={"jit_compile": True}, **options)
    assert model.jit_compile  # Keras would fall back to False for a layer it believes XLA cannot compile
    agree(plain(name, options), model, logs, 1e-4)


@pytest.mark.parametrize(
    ("policy", "name", "options"),
    [("mixed_bfloat16", "GAN", GAMES[1]), ("mixed_float16", "GAN", GAMES[1])]
    + [("mixed_bfloat16", name, {}) for name in OTHERS]
    + [("mixed_float16", "Translator", {}), ("mixed_float16", "AdaIN", {})],
)
def test_half_precision_moves_as_full_precision_does(plain, policy, name, options):
    def scaled():
        # Keras's scale of 2^15 overflows in the first steps, which are then skipped: not what is compared here.
        return keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.05), initial_scale=128.0)

    expected = plain(name, options)
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy(policy)
    try:
        model, logs = trained(name, optimizer=scaled if policy == "mixed_float16" else None, **options)
    finally:
        keras.mixed_precision.set_dtype_policy(before)
    assert all(w.dtype == "float32" for w in model.trainable_variables)
    agree(expected, model, logs, 0.03)


class Probe(keras.callbacks.Callback):
    """Notes when the ends of steps are reported, which is when ``fit`` waits for the device."""

    def __init__(self):
        super().__init__()
        self.batches = []

    def on_train_batch_end(self, batch, logs=None):
        self.batches.append(batch)


@pytest.mark.parametrize(("name", "options"), [("GAN", GAMES[1]), ("VAE", {})])
def test_several_steps_a_call_are_honoured_and_agree(plain, name, options):
    probe = Probe()
    # Compiled by XLA where that is quick.
    compiled = {"steps_per_execution": 2, "jit_compile": name == "VAE"}
    model, logs = trained(name, compiled=compiled, callbacks=[probe], **options)
    assert probe.batches == [1, 1]  # two epochs of two steps, reported once each, at the second
    agree(plain(name, options), model, logs, 1e-4)


@pytest.mark.parametrize(("name", "options"), [("GAN", GAMES[1]), ("VAE", {}), ("Translator", {})])
def test_nothing_in_a_step_runs_in_python_or_prints_or_asserts(name, options):
    batch = tuple(x[:8] for x in examples(name))
    step = tf.function(make(name, **options).train_step, autograph=False)
    graph = step.get_concrete_function(batch if len(batch) > 1 else batch[0]).graph.as_graph_def()
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    kinds = {node.op for node in nodes}
    assert {"MatMul", "AssignSubVariableOp"} <= kinds
    assert not {kind for kind in kinds if "PyFunc" in kind or kind.startswith(("Print", "Assert"))}


def test_datasets_are_prepared_ahead_of_the_step():
    fed = []
    guarded_fit(lambda x, **_: fed.append(x), make("VAE"), poisoned(), None)
    assert "Prefetch" in type(fed[0]).__name__


# --- The guard against NaN ---------------------------------------------------------------------


def poisoned():
    x = examples("VAE", 64)[0].copy()
    x[40:48] = np.nan  # the sixth batch of eight
    return tf.data.Dataset.from_tensor_slices(x).batch(8)


@pytest.mark.parametrize(("steps", "at"), [(1, 6), (4, 8)])
def test_the_first_bad_step_is_named_and_weights_and_optimizer_are_put_back(steps, at):
    model = make("VAE", optimizer=keras.optimizers.Adam, compiled={"steps_per_execution": steps})
    before = weights(model)
    with pytest.raises(TrainingDiverged, match=rf"loss .*at step {at} of this fit. The weights of step 0"):
        model.fit(poisoned(), epochs=3, verbose=0)
    np.testing.assert_array_equal(weights(model), before)
    assert int(model.optimizer.iterations) == 0


def test_snapshots_follow_the_steps_over_epochs():
    model = make("VAE")
    guard = KeepLastGood(lambda: model.variables, every=3)
    seen = []
    guard._remember = lambda remember=guard._remember: (seen.append(guard.step), remember())
    keras.Model.fit(model, examples("VAE", 32)[0], batch_size=8, epochs=2, callbacks=[guard], verbose=0)
    assert seen == [0, 3, 6]
