"""Checks of the exercises of lesson 06 about overlaps, averaged weights and the reading of curves."""

import numpy as np

from course_lib.checks.framework import Mistake, Symptom, compare_value, judge, passed, require

__all__ = ["diagnosis", "even_kernel", "moving_average", "overlap_counts", "remedy"]


def overlap_counts(answer):
    """Judge a function (kernel, stride) -> how many taps reach the pixels of one period: ``stride`` integers."""
    cases = [(5, 2), (4, 2), (3, 2), (7, 3), (7, 2), (1, 2), (4, 1), (6, 4)]

    def right(kernel, stride):
        return np.array([len(range(first, kernel, stride)) for first in range(stride)])

    def is_rotated(got, want, kernel, stride):
        return any(np.array_equal(np.roll(got, shift), want) for shift in range(1, stride))

    judge(
        "taps that reach each pixel",
        answer,
        cases,
        right,
        [
            Mistake(
                "whole periods only",
                lambda k, s: np.full(s, k // s),
                "If the stride does not divide the kernel size, some taps are left over. Which pixels do they reach?",
            ),
            Mistake(
                "a rounding up for every pixel",
                lambda k, s: np.full(s, -(-k // s)),
                "Add your counts up: a kernel has only so many taps to spread over one period.",
            ),
            Mistake("an average", lambda k, s: np.full(s, k / s), "Can a pixel be reached by two and a half taps?"),
            Mistake(
                "two neighbours at most",
                lambda k, s: np.minimum(right(k, s), 2),
                "A long kernel reaches over more than one neighbour.",
            ),
            Mistake(
                "overlaps in place of contributions",
                lambda k, s: right(k, s) - 1,
                "A pixel that one tap reaches has a count of 1.",
            ),
            Mistake("swapped arguments", lambda k, s: right(s, k), "Which of the two numbers is the period?"),
            Symptom(
                "a count for each tap",
                lambda got, want, k, s: got.shape == (k,) and k != s,
                "How many pixels further does the pattern repeat?",
            ),
            Symptom("another first pixel", is_rotated, "Pixel 0 is where the first tap of an input lands."),
        ],
    )


def even_kernel(answer):
    """Judge a function (stride, at_least) -> the smallest kernel size without uneven overlap, an integer."""
    cases = [(2, 3), (2, 4), (2, 5), (3, 4), (3, 6), (4, 5), (1, 5), (3, 2)]

    judge(
        "a kernel size without a checkerboard",
        answer,
        cases,
        lambda s, a: -(-a // s) * s,
        [
            Mistake(
                "a size that is already right passed over",
                lambda s, a: (a // s + 1) * s,
                "Is there anything wrong with 4 for stride 2?",
            ),
            Mistake("a smaller kernel", lambda s, a: a // s * s, "The size asked for is a minimum."),
            Mistake("the next even number", lambda s, a: a + a % 2, "Even counts, not even sizes: try a stride of 3."),
            Mistake("an odd size", lambda s, a: a | 1, "Odd sizes are good for plain convolutions. Count for 3 and 2."),
            Mistake("a product", lambda s, a: s * a, "This has no uneven overlap, but is it the smallest?"),
            Mistake("the given size", lambda s, a: a, "Which counts does task 3a give for 5 and 2?"),
        ],
    )


def moving_average(answer):
    """Judge a function (average, value, decay, step) -> the new average, with warm-up of the decay."""
    rng = np.random.default_rng(0)
    cases = [
        (rng.normal(size=(2, 3)), rng.normal(size=(2, 3)), decay, step)
        for decay, step in [(0.999, 0), (0.999, 20), (0.999, 100_000), (0.6, 50)]
    ]

    def mixed(average, value, decay):
        return decay * average + (1 - decay) * value

    def warm(step):
        return (1 + step) / (10 + step)

    judge(
        "the moving average",
        answer,
        cases,
        lambda a, v, decay, step: mixed(a, v, min(decay, warm(step))),
        [
            Mistake(
                "swapped roles",
                lambda a, v, d, t: mixed(v, a, min(d, warm(t))),
                "With a decay near 1, which of the two should hardly change?",
            ),
            Mistake(
                "no warm-up",
                lambda a, v, d, t: mixed(a, v, d),
                "How much of the random start is left after ten steps?",
            ),
            Mistake(
                "a warm-up without an end",
                lambda a, v, d, t: mixed(a, v, warm(t)),
                "What holds the decay back after many steps?",
            ),
            Mistake(
                "the larger of the two decays",
                lambda a, v, d, t: mixed(a, v, max(d, warm(t))),
                "Early on the average must forget faster, not slower.",
            ),
            Mistake(
                "a decay taken for the share of the new value",
                lambda a, v, d, t: mixed(a, v, min(1 - d, warm(t))),
                "Is 0.999 the part that is kept or the part that is added?",
            ),
            Mistake(
                "shares that do not add up to 1",
                lambda a, v, d, t: min(d, warm(t)) * a + v,
                "What would become of weights that no longer change?",
            ),
        ],
    )


def diagnosis(answers):
    """Judge a dictionary run (1, 2, 3) -> the letter of what its curves show."""
    mistakes = {
        1: [
            Mistake("a balanced game", "a", "In balance D is right half of the time."),
            Mistake(
                "samples all alike", "b", "They are, and it is a consequence. Where do they lie, and where do the data?"
            ),
            Mistake("a blind D", "d", "This D is right about every image."),
        ],
        2: [
            Mistake("samples all alike", "b", "Look at the scatter again, and at the spread."),
            Mistake("a range that G cannot reach", "c", "The samples lie on the data."),
            Mistake("a blind D", "d", "2 ln 2 is also what a blind D has. But how did the samples get to the data?"),
        ],
        3: [
            Mistake("a balanced game", "a", "How many different samples do you see?"),
            Mistake("a range that G cannot reach", "c", "The data lie inside [−1, 1] here. Look at the spread."),
            Mistake(
                "a blind D", "d", "Its logits follow every move of G: it does react. What is wrong with the samples?"
            ),
        ],
    }
    _judge_runs("the diagnosis", answers, {1: "c", 2: "a", 3: "b"}, mistakes)


def remedy(answers):
    """Judge a dictionary run (1, 2, 3) -> the letter of one remedy."""
    longer = "Which of these curves is on its way to something better?"
    mistakes = {
        1: [
            Mistake("no treatment", "p", "None of these samples could be taken for data."),
            Mistake("a change of pace", "r", "At which pace could a tanh reach these data?"),
            Mistake("a slower discriminator", "s", "It treats the symptom. Can any G with a tanh reach these data?"),
            Mistake("patience", "t", longer),
        ],
        2: [
            Mistake("a conversion", "q", "Read the axes of the scatter: in which interval do these data lie?"),
            Mistake("a change of pace", "r", "Which number of this run would be better afterwards?"),
            Mistake("a slower discriminator", "s", "D is not ahead here."),
            Mistake("patience", "t", longer),
        ],
        3: [
            Mistake("no treatment", "p", "One sample is no distribution."),
            Mistake("a conversion", "q", "Read the axes of the scatter: in which interval do these data lie?"),
            Mistake("a slower discriminator", "s", "G has run ahead to one point. Who has to follow, and how fast?"),
            Mistake("patience", "t", longer),
        ],
    }
    _judge_runs("the remedy", answers, {1: "q", 2: "p", 3: "r"}, mistakes)


def _judge_runs(task, answers, right, mistakes):
    keys = isinstance(answers, dict) and answers.keys() == right.keys()
    require(keys, task, "a dictionary with the keys 1, 2 and 3", answers, "each run has an answer of its own.")
    for number, letter in right.items():
        compare_value(f"{task} of run {number}", answers[number], letter, "one of the letters", mistakes[number])
    passed(task)
