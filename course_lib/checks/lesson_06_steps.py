"""Checks of the exercises of lesson 06 about single training steps: who moves, in which direction, how far."""

from typing import NamedTuple

import numpy as np

from course_lib.checks.framework import CheckError, passed, require, run

__all__ = ["discriminator_step", "generator_step"]

RATE = 0.1  # of plain gradient descent, so that the expected step is known exactly


class _Game(NamedTuple):
    generator: object
    discriminator: object
    real: object
    z: object

    def logits(self, of_real):
        return self.discriminator(self.real if of_real else self.generator(self.z))


class _Rival(NamedTuple):
    """A loss that a mistaken step goes down, the name of the mistake and its hint."""

    loss: object
    name: str
    hint: str


def discriminator_step(answer):
    """Judge a function (generator, discriminator, optimizer, real, z) -> D's loss, which moves D alone, downhill."""
    from course_lib import losses  # TensorFlow: only a reader who has reached this task needs it

    game_loss = losses.GAN_LOSSES["non_saturating"].discriminator

    def loss(game):
        return game_loss(game.logits(True), game.logits(False))

    rivals = [
        _Rival(lambda g: -loss(g), "a step uphill", "Is this the number D wants smaller, with the right sign?"),
        _Rival(
            lambda g: game_loss(g.logits(False), g.logits(True)),
            "swapped labels",
            "Which argument of the loss holds the logits of real images?",
        ),
        _Rival(
            lambda g: game_loss(g.logits(True), g.logits(True)),
            "a step without fakes",
            "Which images does z stand for?",
        ),
        _Rival(
            lambda g: game_loss(g.logits(False), g.logits(False)),
            "a step without real images",
            "What does D learn about the data here?",
        ),
    ]
    _judge_step("one step of D", answer, loss, rivals, moves_generator=False)


def generator_step(answer):
    """Judge a function (generator, discriminator, optimizer, z) -> G's loss, which moves G alone, downhill."""
    from course_lib import losses

    game = losses.GAN_LOSSES["non_saturating"]

    def loss(game_now):
        return game.generator(None, game_now.logits(False))

    rivals = [
        _Rival(lambda g: -loss(g), "a step uphill", "Is this the number G wants smaller, with the right sign?"),
        _Rival(
            lambda g: losses.GAN_LOSSES["minimax"].generator(None, g.logits(False)),
            "the saturating loss",
            "The direction is right, but which of the two losses of task 2 was asked for?",
        ),
        _Rival(
            lambda g: -losses.GAN_LOSSES["minimax"].generator(None, g.logits(False)),
            "a step that helps D",
            "Whose loss is made smaller here?",
        ),
    ]
    _judge_step("one step of G", answer, loss, rivals, moves_generator=True)


def _judge_step(task, answer, loss, rivals, moves_generator):
    """Judge the step on two small games against plain gradient descent on ``loss``, and against its rivals."""
    require(callable(answer), task, "a function", answer)
    for seed in (0, 1):
        game = _game(seed)
        want = float(loss(game))
        expected, *mistaken = (_downhill(f, game, moves_generator) for f in (loss, *(r.loss for r in rivals)))
        returned, moved, stayed, optimizer = _trial(task, answer, game, moves_generator)
        mover, other = ("G", "D") if moves_generator else ("D", "G")
        _require_only_mover(task, mover, other, moved, stayed)
        _require_tidy(task, game, optimizer)
        _, again, _, _ = _trial(task, answer, _game(seed), moves_generator)
        require(
            _same(moved, again),
            task,
            "the same step for the same z",
            "another step in a second call",
            "something is drawn at random inside. Which fakes was the step asked to use?",
        )
        rival = next((r for r, step in zip(rivals, mistaken, strict=True) if _same(moved, step)), None)
        hint = f"this looks like {rival.name}. {rival.hint}" if rival else ""
        what = f"a gradient step of {mover}, {_length(expected):.4g} long"
        require(_same(moved, expected), task, what, f"another step, {_length(moved):.4g} long", hint)
        value = np.asarray(returned)
        require(
            value.shape == () and value.dtype.kind == "f" and np.isclose(value, want, rtol=1e-4),
            task,
            f"{want:.4f} returned, the loss before the step",
            returned,
            "the step is right. What should the caller get to see?",
        )
    passed(task)


def _game(seed):
    """Two tiny networks with fixed weights, five real points and five z."""
    import keras
    import tensorflow as tf

    rng = np.random.default_rng(seed)
    layers = keras.layers
    generator = keras.Sequential([layers.Input((3,)), layers.Dense(4, "tanh"), layers.Dense(2)])
    discriminator = keras.Sequential([layers.Input((2,)), layers.Dense(6, "tanh"), layers.Dense(1)])
    for network in (generator, discriminator):
        network.set_weights([rng.normal(size=w.shape) for w in network.get_weights()])
    real, z = (tf.constant(rng.normal(size=(5, d)), tf.float32) for d in (2, 3))
    return _Game(generator, discriminator, real, z)


def _trial(task, answer, game, moves_generator):
    """Return what one step returned, how the two networks moved (mover first), and the optimizer."""
    import keras

    networks = (game.generator, game.discriminator) if moves_generator else (game.discriminator, game.generator)
    before = [network.get_weights() for network in networks]
    optimizer = keras.optimizers.SGD(RATE)
    data = (game.z,) if moves_generator else (game.real, game.z)
    try:
        returned = run(task, answer, game.generator, game.discriminator, optimizer, *data)
    except CheckError as error:
        require(
            "No gradients provided" not in str(error),
            task,
            "a gradient for every weight of the player",
            "none at all",
            "the tape saw no way from these weights to the loss. What was computed before it started recording?",
        )
        raise
    after = [network.get_weights() for network in networks]
    moved, stayed = ([b - a for a, b in zip(*pair, strict=True)] for pair in zip(before, after, strict=True))
    return returned, moved, stayed, optimizer


def _require_only_mover(task, mover, other, moved, stayed):
    wrong = "the weights of both" if _length(moved) else f"the weights of {other} instead"
    require(
        not _length(stayed),
        task,
        f"{other} untouched",
        wrong,
        "this looks like a step for both players. Whose weights does this optimizer move?"
        if _length(moved)
        else "this looks like a step of the wrong player. Which network's weights belong to this step?",
    )
    require(
        _length(moved), task, f"a {mover} that moves", "the same weights as before", "gradients alone change nothing."
    )


def _require_tidy(task, game, optimizer):
    frozen = [name for name in ("generator", "discriminator") if not getattr(game, name).trainable]
    require(
        not frozen,
        task,
        "both networks trainable after the step",
        f"a frozen {' and '.join(frozen)}",
        "the other player's turn comes next: what will its list of trainable variables hold?",
    )
    steps = int(optimizer.iterations)
    hint = "this looks like a second optimizer." if steps == 0 else "how often are the gradients applied here?"
    require(steps == 1, task, "one step of the optimizer that is passed in", f"{steps} steps of it", hint)


def _downhill(loss, game, moves_generator):
    """Return the step of plain gradient descent on ``loss`` for one player's weights."""
    import tensorflow as tf

    network = game.generator if moves_generator else game.discriminator
    with tf.GradientTape() as tape:
        value = loss(game)
    gradients = tape.gradient(value, network.trainable_variables, unconnected_gradients="zero")
    return [-RATE * gradient.numpy() for gradient in gradients]


def _same(a, b):
    return all(np.allclose(x, y, rtol=1e-3, atol=1e-6) for x, y in zip(a, b, strict=True))


def _length(arrays):
    return float(np.sqrt(sum(np.sum(np.square(x)) for x in arrays)))
