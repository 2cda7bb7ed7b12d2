"""Where should I start, and am I ready for this lesson? Ten questions that point to a lesson, three before each one."""

import html

from course_lib import _needs_01_08, _needs_09_15, _widget_names
from course_lib._questions import PLACEMENT as QUESTIONS
from course_lib._questions import UNSURE, Question
from course_lib._validate import choice, refuse

__all__ = ["QUESTIONS", "UNSURE", "Question", "before", "feedback", "needs", "show", "suggest", "verdict"]

_NEEDS = (*_needs_01_08.NEEDS, *_needs_09_15.NEEDS)
_UNANSWERED = "choose an answer"


def suggest(answers):
    """Return the number of the lesson to start with: the first whose question is not answered rightly.

    ``answers``: lesson -> chosen option; questions left out count as not known. All right: "11", the first lesson about
    speed and use. Raises ``ValueError`` for a lesson without question or an option it does not have.
    """
    if not isinstance(answers, dict):
        refuse("answers", "a dictionary lesson -> option", answers)
    known = {question.lesson: question for question in QUESTIONS}
    for lesson, option in answers.items():
        choice(f"answers[{lesson!r}]", option, known[choice("answers", lesson, known)].shown)
    return next((q.lesson for q in QUESTIONS if answers.get(q.lesson) != q.right), "11")


def verdict(answers):
    """Return where to start and, for each question missed, the right answer and why, as HTML."""
    start = suggest(answers)
    missed = [q for q in QUESTIONS if answers.get(q.lesson) != q.right]
    lines = [f"<b>Start with lesson {start}.</b> {len(QUESTIONS) - len(missed)} of {len(QUESTIONS)} are right."]
    lines += [f"Lesson {q.lesson}: {html.escape(q.right)}. {html.escape(q.why)}" for q in missed]
    return "<br>".join(lines)


def show():
    """Display the questions with a button that says where to start; without a kernel, their text."""
    import ipywidgets as widgets

    inputs, asked = _asked(QUESTIONS, UNSURE)
    button, answer = widgets.Button(description="Where to start?"), widgets.HTML()

    def pressed(_):
        text = verdict({q.lesson: each.value for q, each in zip(QUESTIONS, inputs, strict=True)})
        answer.value = f'<div role="status" aria-live="polite">{text}</div>'

    button.on_click(pressed)
    rows = [f"<li>{html.escape(q.text)} {_choices(q)}</li>" for q in QUESTIONS]
    _display(widgets.VBox([*asked, button, answer]), "A quiz of ten questions.", f"<ol>{''.join(rows)}</ol>")


def needs(lesson):
    """Return the questions about what ``lesson``, "01" to "15", needs. Raises ``ValueError`` for another."""
    choice("lesson", lesson, sorted({q.lesson for q in _NEEDS}))
    return tuple(q for q in _NEEDS if q.lesson == lesson)


def feedback(question, option):
    """Return, as HTML, that ``option`` is right, or what is right, why, and where to learn it.

    Raises ``ValueError`` for an option that ``question`` does not have.
    """
    choice("option", option, question.shown)
    why = html.escape(question.why)
    if option == question.right:
        return f"✓ <b>Right.</b> {why}"
    verdict = "Here it is" if option == UNSURE else "Not so. Right is"
    return f"✗ {verdict}: <b>{html.escape(question.right)}</b>. {why} Learn it in {question.where}."


def before(lesson):
    """Display three questions about what ``lesson`` needs, each answered at once; without a kernel, their text.

    Raises ``ValueError`` for a lesson other than "01" to "15".
    """
    import ipywidgets as widgets

    questions = needs(lesson)
    title = f"<b>Before lesson {lesson}:</b> questions on what it needs. A wrong answer says where to learn it."
    inputs, asked = _asked(questions, _UNANSWERED)
    answer = widgets.HTML()

    def answered(change):
        k = inputs.index(change["owner"])
        said = "" if change["new"] == _UNANSWERED else f"{k + 1}. {feedback(questions[k], change['new'])}"
        right = sum(each.value == q.right for each, q in zip(inputs, questions, strict=True))
        said = f"{said} <i>{right} of {len(questions)} right.</i>"
        answer.value = f'<div role="status" aria-live="polite" style="line-height:1.4">{said}</div>'

    for each in inputs:
        each.observe(answered, names="value")
    rows = [f"<li>{html.escape(q.text)} {_choices(q)} {_folded(q)}</li>" for q in questions]
    box = widgets.VBox([widgets.HTML(title), *asked, answer])
    _display(box, f"What lesson {lesson} needs: a quiz.", f"{title}<ol>{''.join(rows)}</ol>")


def _asked(questions, first):
    """Return a menu for each question, on ``first`` to begin with, and all texts and menus in the order to show."""
    import ipywidgets as widgets

    wide, style = widgets.Layout(width="720px", max_width="100%"), {"description_width": "72px"}
    menus = [
        widgets.Dropdown(
            options=q.shown if first in q.shown else (first, *q.shown),
            value=first,
            description=f"Answer {k}",  # the menu's accessible name, beside "Question k" in the text above
            style=style,
            layout=wide,
        )
        for k, q in enumerate(questions, 1)
    ]
    texts = [widgets.HTML(f"<b>Question {k}.</b> {html.escape(q.text)}") for k, q in enumerate(questions, 1)]
    texts[0].value += _widget_names.CARRIER
    return menus, [widget for pair in zip(texts, menus, strict=True) for widget in pair]


def _choices(question):
    """Return the options of a question on one line."""
    return " ".join(f"({letter}) <i>{html.escape(o)}</i>" for letter, o in zip("abc", question.shown, strict=False))


def _folded(question):
    """Return the answer of a question, hidden until it is asked for; this needs no kernel."""
    said = f"<b>{html.escape(question.right)}</b>. {html.escape(question.why)} Learn it in {question.where}."
    return f"<details><summary>Answer</summary>{said}</details>"


def _display(box, text, listed):
    """Display widgets, and for readers without a kernel ``listed``, an HTML text."""
    from IPython import display

    box.add_class(_widget_names.BOX_CLASS)
    live = {"version_major": 2, "version_minor": 0, "model_id": box.model_id}
    bundle = {"text/plain": text, "text/html": listed, "application/vnd.jupyter.widget-view+json": live}
    display.display(bundle, raw=True)
