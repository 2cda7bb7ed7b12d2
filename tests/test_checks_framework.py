"""Exercise checks: right answers pass, wrong ones are told apart, known mistakes get their own hint."""

import numpy as np
import pytest

from course_lib import checks
from course_lib.checks import CheckError, Mistake, Symptom, judge, judge_value, require, run

X = np.arange(6.0).reshape(2, 3)
CASES = [(X,), (X[:, :1] + 1,)]
MISTAKES = [
    Mistake("a mean over the pixels", lambda x: x.mean(1), "How many nats does one image cost?"),
    Mistake("a sum over the batch too", lambda x: x.sum(), "One number for each example is wanted."),
    Mistake("a formula that cannot be computed here", lambda x: x @ x @ x, "never"),
    Symptom("a flipped sign", lambda got, want, x: got.shape == want.shape and (got < 0).any(), "Is it a cost?"),
]


def total(x):
    return x.sum(1)


def verdict(learner, cases=CASES, reference=total, mistakes=MISTAKES, **options):
    with pytest.raises(CheckError) as caught:
        judge("Row sums", learner, cases, reference, mistakes, **options)
    return str(caught.value)


def test_a_right_answer_prints_one_line(capsys):
    judge("Row sums", total, CASES, total, MISTAKES)
    assert capsys.readouterr().out == "Passed: Row sums.\n"


@pytest.mark.parametrize(
    ("learner", "fragment"),
    [
        (lambda x: x.mean(1), "a mean over the pixels. How many nats"),
        (lambda x: x.sum(), "a sum over the batch too. One number"),
        (lambda x: -x.sum(1), "a flipped sign. Is it a cost?"),
    ],
)
def test_a_known_mistake_gets_its_own_hint_and_no_other(learner, fragment):
    message = verdict(learner)
    assert fragment in message
    assert sum(mistake.hint in message for mistake in MISTAKES) == 1


def test_a_mistake_must_explain_every_case():
    message = verdict(lambda x: x.mean(1) if x.shape[1] == 3 else x.sum(1) + 1)
    assert "Hint" not in message


def test_an_unknown_mistake_is_reported_without_a_guess():
    message = verdict(lambda x: x.sum(1) + 1)
    assert "called:   <lambda>(x=<float64 array of shape (2, 3)>)" in message
    assert "expected: 3 at index (0,)" in message and "received: 4 (2 of 2 differ)" in message
    assert "Hint" not in message


@pytest.mark.parametrize(
    ("learner", "expected", "received"),
    [
        (lambda x: x, "shape (2,)", "shape (2, 3)"),
        (lambda x: x.sum(1) * np.nan, "finite numbers", "2 NaN or infinite of 2"),
        (lambda x: x.sum(1).astype(int), "type float64", "type int"),
        (lambda x: "12", "numbers of shape (2,)", "'12'"),
        (lambda x: [[1.0], [1.0, 2.0]], "numbers of shape (2,)", "((1.0), (1.0, 2.0))"),
        (lambda x: None, "numbers of shape (2,)", "None\n  Hint: the function returns nothing"),
        (lambda x: 1 / 0, "a call that returns", "ZeroDivisionError: division by zero"),
        (lambda: 1, "a call that returns", "TypeError"),
        (3, "a function", "3"),
    ],
)
def test_shape_then_kind_then_finiteness_then_values(learner, expected, received):
    message = verdict(learner)
    assert f"expected: {expected}" in message or f"expected: numbers of {expected}" in message
    assert received in message


def test_the_cause_of_an_exception_is_kept():
    with pytest.raises(CheckError) as caught:
        run("Task", lambda x: x["a"], X)
    assert isinstance(caught.value.__cause__, IndexError)


def test_an_unsolved_task_passes_through_unchanged():
    error = NotImplementedError("Your turn")

    def unsolved(x):
        raise error

    with pytest.raises(NotImplementedError) as caught:
        judge("Row sums", unsolved, CASES, total)
    assert caught.value is error


def test_a_learner_cannot_change_the_cases(capsys):
    def careless(x):
        x += 1
        return (x - 1).sum(1)

    judge("Row sums", careless, CASES, total)
    assert X[0, 0] == 0


def test_tolerance_is_relative_and_absolute():
    judge("Loose", lambda x: x.sum(1) * 1.05, CASES, total, rtol=0.1)
    verdict(lambda x: x.sum(1) * 1.05, rtol=0.01)


def test_tuples_and_dictionaries_are_compared_part_by_part():
    judge("Pair", lambda x: [x.min(), x.max()], CASES, lambda x: (x.min(), x.max()))
    message = verdict(lambda x: (x.min(), x.min()), reference=lambda x: (x.min(), x.max()))
    assert "expected: 5 at [1]" in message
    parts = {"low": Mistake("the wrong end", lambda x: {"low": x.max()}, "Look again.")}
    message = verdict(lambda x: {"low": x.max()}, reference=lambda x: {"low": x.min()}, mistakes=parts.values())
    assert "at ['low']" in message and "the wrong end" in message
    assert "keys ['low']" in verdict(lambda x: {"high": 1}, reference=lambda x: {"low": x.min()})


def test_tensors_are_answers_too_and_symbolic_ones_are_explained(capsys):
    tf = pytest.importorskip("tensorflow")
    import keras

    judge("Row sums", lambda x: tf.reduce_sum(x, 1), CASES, total, MISTAKES)
    judge("Row sums", lambda x: x.sum(1), CASES, lambda x: tf.reduce_sum(x, 1), MISTAKES)
    assert "a mean over the pixels" in verdict(lambda x: tf.reduce_mean(x, 1))
    assert "it is symbolic" in verdict(lambda x: keras.Input((3,)))


VALUE_MISTAKES = [
    Mistake("a mean for a sum", 2.0, "Count the pixels."),
    Symptom("bits instead of nats", lambda got, want: np.isclose(got, want / np.log(2)), "Which logarithm?"),
]


@pytest.mark.parametrize("value", [8, 8.001, np.float32(8)])
def test_a_right_value_passes(value, capsys):
    judge_value("Nats", value, 8.0, "a number of nats", VALUE_MISTAKES)
    assert capsys.readouterr().out == "Passed: Nats.\n"


@pytest.mark.parametrize(
    ("value", "fragment"),
    [
        (2.0, "Count the pixels."),
        (8 / np.log(2), "Which logarithm?"),
        (5.0, "5.0, which is not right"),
        ("8", "'8', which is not right"),
        (None, "no answer yet"),
        (..., "no answer yet"),
    ],
)
def test_a_wrong_value_is_described_but_the_right_one_is_not_given_away(value, fragment):
    with pytest.raises(CheckError) as caught:
        judge_value("Nats", value, 8.0, "a number of nats", VALUE_MISTAKES)
    assert fragment in str(caught.value) and "expected: a number of nats" in str(caught.value)
    assert "8.0" not in str(caught.value)


def test_a_choice_ignores_case_and_spaces(capsys):
    mistakes = [Mistake("the generator's curve taken for the critic's", "a", "Which one sees real images?")]
    judge_value("Curve", " B ", "b", 'one of "a", "b", "c"', mistakes)
    with pytest.raises(CheckError, match="Which one sees real images"):
        judge_value("Curve", "A", "b", 'one of "a", "b", "c"', mistakes)
    with pytest.raises(CheckError, match="not right"):
        judge_value("Curve", 2, "b", 'one of "a", "b", "c"', mistakes)


def test_require_raises_with_its_sentences_or_stays_silent(capsys):
    require(True, "Weights", "no change", "a change")
    with pytest.raises(CheckError, match="expected: no change\n  received: a change\n  Hint: Who moves?"):
        require(False, "Weights", "no change", "a change", "Who moves?")
    assert capsys.readouterr().out == ""


def test_every_check_of_every_lesson_is_reachable_by_one_name():
    names = checks.__all__
    assert len(names) == len(set(names))
    assert all(callable(getattr(checks, name)) and getattr(checks, name).__doc__ for name in names)
