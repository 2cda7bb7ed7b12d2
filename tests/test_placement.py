"""The placement quiz: what it suggests, that it refuses nonsense, and that its widgets lead to the same answer."""

import html

import pytest
from IPython import display

from course_lib import placement, progress

ALL_RIGHT = {q.lesson: q.right for q in placement.QUESTIONS}


def test_one_question_for_each_of_the_first_ten_lessons():
    assert [q.lesson for q in placement.QUESTIONS] == sorted(progress.LESSONS)[:10]
    for q in placement.QUESTIONS:
        assert len(set(q.options)) == 3 and set(q.shown) == {*q.options, placement.UNSURE}


def test_the_right_option_is_not_always_in_one_place():
    assert len({q.shown.index(q.right) for q in placement.QUESTIONS}) == 3


def test_the_first_gap_is_where_to_start():
    assert placement.suggest({}) == "01"
    assert placement.suggest(ALL_RIGHT) == "11"
    for q in placement.QUESTIONS:
        assert placement.suggest(ALL_RIGHT | {q.lesson: placement.UNSURE}) == q.lesson
        assert placement.suggest(ALL_RIGHT | {q.lesson: q.options[1]}) == q.lesson
    assert placement.suggest(ALL_RIGHT | {"07": placement.UNSURE, "03": placement.UNSURE}) == "03"


@pytest.mark.parametrize("answers", [{"01": "maybe"}, {"99": placement.UNSURE}, {1: "W1"}, ["W1"], None])
def test_nonsense_is_refused_by_name(answers):
    with pytest.raises(ValueError, match="^answers"):
        placement.suggest(answers)


def test_the_verdict_explains_what_was_missed_and_nothing_else():
    text = placement.verdict(ALL_RIGHT | {"05": placement.UNSURE})
    assert "Start with lesson 05" in text and "9 of 10" in text
    assert text.count("<br>") == 1 and "p/(p + q)" in text


def test_the_widgets_ask_everything_and_answer(monkeypatch):
    shown = []
    monkeypatch.setattr(display, "display", lambda bundle, raw: shown.append(bundle))
    made = []
    import ipywidgets

    real = ipywidgets.VBox
    monkeypatch.setattr(ipywidgets, "VBox", lambda children: made.append(real(children)) or made[-1])
    placement.show()
    *asked, button, answer = made[0].children
    for q, title, dropdown in zip(placement.QUESTIONS, asked[::2], asked[1::2], strict=True):
        assert q.text in html.unescape(title.value)
        dropdown.value = q.right
    button.click()
    assert "Start with lesson 11" in answer.value
    assert all(q.text in html.unescape(shown[0]["text/html"]) for q in placement.QUESTIONS)
