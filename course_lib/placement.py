"""Where should I start? Ten questions, one for each of the first lessons, and the lesson they point to."""

import html
from dataclasses import dataclass

from course_lib._validate import choice, refuse

UNSURE = "I am not sure"


@dataclass(frozen=True)
class Question:
    """A question that whoever knows ``lesson`` can answer: ``options``, the right one first, and why it is right."""

    lesson: str
    text: str
    options: tuple
    why: str

    @property
    def right(self):
        """The right option."""
        return self.options[0]

    @property
    def shown(self):
        """The options in the order they are shown, which does not give the right one away, and the way out last."""
        return (*sorted(self.options), UNSURE)


QUESTIONS = (
    Question(
        "01",
        "Which model of data p does maximum likelihood prefer?",
        ("the one with the smallest KL(p‖q)", "the one with the smallest KL(q‖p)", "the one with the largest entropy"),
        "Mean log-likelihood is −H(p) − KL(p‖q), and H(p) does not depend on the model.",
    ),
    Question(
        "02",
        "By how much does the ELBO miss log p(x)?",
        ("by KL(q(z|x)‖p(z|x))", "by KL(q(z|x)‖p(z))", "by the reconstruction error"),
        "log p(x) = ELBO + KL(q(z|x)‖p(z|x)), so the bound is tight when q is the true posterior.",
    ),
    Question(
        "03",
        "A VAE's reconstruction loss is the mean over 784 pixels instead of their sum. What has happened?",
        ("the KL term counts 784 times as much", "only the learning rate changed", "the KL term counts 784 times less"),
        "Dividing one of two terms by 784 is the same as β = 784: an accident in many tutorials.",
    ),
    Question(
        "04",
        "You average two random codes of N(0, I) in 100 dimensions. What is unusual about the result?",
        ("its norm is too small", "its norm is too large", "nothing"),
        "Norms lie near 10; the mean of two independent codes has one near 7, where hardly any code lies.",
    ),
    Question(
        "05",
        "What does the best discriminator between densities p (real) and q give at x?",
        ("p/(p + q)", "p/q", "1 where p > q, else 0"),
        "It maximises p·log D + q·log(1 − D) at each x, and the derivative vanishes at D = p/(p + q).",
    ),
    Question(
        "06",
        "A generator ends in tanh; the pictures are in [0, 1]. What goes wrong?",
        ("real and generated pictures differ in range", "nothing", "the gradient of tanh explodes"),
        "The discriminator has a give-away that has nothing to do with the pictures: values below 0.",
    ),
    Question(
        "07",
        "Which of these shows that a GAN has lost modes?",
        ("counting which modes the samples hit", "the generator's loss rises", "the discriminator's loss is ln 4"),
        "Loss curves of a healthy and a collapsed game can look alike; only the samples tell.",
    ),
    Question(
        "08",
        "Two distributions do not overlap. Which distance still tells how far apart they are?",
        ("W1", "JS", "KL"),
        "KL is infinite and JS is ln 2 wherever they lie; W1 grows with the way between them.",
    ),
    Question(
        "09",
        "The Fréchet distance of 1,000 samples is lower than that of 500 from the same generator. Why?",
        ("its bias shrinks like 1/n", "the generator improved", "its variance grew"),
        "Estimated covariances scatter, which can only add; compare at equal numbers of samples.",
    ),
    Question(
        "10",
        "One run with Adam scored 31, one with RMSprop 34. What do you know?",
        ("little: the spread over seeds is missing", "Adam is better", "RMSprop was tuned badly"),
        "Without the spread between seeds a difference of two runs has no size to be compared with.",
    ),
)


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
    from IPython import display

    wide = widgets.Layout(width="720px", max_width="100%")
    inputs = {q.lesson: widgets.Dropdown(options=q.shown, value=UNSURE, layout=wide) for q in QUESTIONS}
    button, answer = widgets.Button(description="Where to start?"), widgets.HTML()

    def pressed(_):
        text = verdict({lesson: widget.value for lesson, widget in inputs.items()})
        answer.value = f'<div role="status" aria-live="polite">{text}</div>'

    button.on_click(pressed)
    asked = [w for q in QUESTIONS for w in (widgets.HTML(f"<b>{html.escape(q.text)}</b>"), inputs[q.lesson])]
    box = widgets.VBox([*asked, button, answer])
    rows = [f"<li>{html.escape(q.text)} <i>{html.escape(' / '.join(sorted(q.options)))}</i></li>" for q in QUESTIONS]
    live = {"version_major": 2, "version_minor": 0, "model_id": box.model_id}
    listed = {"text/plain": "A quiz of ten questions.", "text/html": f"<ol>{''.join(rows)}</ol>"}
    display.display({**listed, "application/vnd.jupyter.widget-view+json": live}, raw=True)
