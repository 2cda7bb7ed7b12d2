"""The quizzes: what they suggest, that they refuse nonsense, that their widgets lead to the same answers, and that what
the questions before the lessons claim is so."""

import html
import re
import subprocess
import sys
from pathlib import Path

import ipywidgets
import numpy as np
import pytest
from IPython import display
from scipy import optimize, stats
from scipy.integrate import quad

from course_lib import divergences, placement, progress
from course_lib._needs_01_08 import NEEDS as EARLY
from course_lib._needs_09_15 import NEEDS as LATE

LESSONS = Path(__file__).resolve().parents[1] / "lessons" / "notebooks"
NEEDS = (*EARLY, *LATE)
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


# --- Before a lesson -----------------------------------------------------------------------------


def headings(notebook):
    """Return the headings of a lesson's source below its title, without their marks."""
    return re.findall(r"^# ##+ (.+)$", (LESSONS / f"{notebook}.py").read_text("utf-8"), re.M)


@pytest.fixture
def quiz(monkeypatch):
    """Return a function lesson -> (MIME bundle, dropdowns, answer) of ``before``."""
    shown, made, real = [], [], ipywidgets.VBox
    monkeypatch.setattr(display, "display", lambda bundle, raw: shown.append(bundle))
    monkeypatch.setattr(ipywidgets, "VBox", lambda children: made.append(real(children)) or made[-1])

    def start(lesson):
        placement.before(lesson)
        dropdowns = [w for w in made[-1].children if isinstance(w, ipywidgets.Dropdown)]
        return shown[-1], dropdowns, made[-1].children[-1]

    return start


def test_two_or_three_questions_before_every_lesson():
    assert {q.lesson for q in NEEDS} == set(progress.LESSONS)
    assert all(2 <= len(placement.needs(lesson)) <= 3 for lesson in progress.LESSONS)
    for q in NEEDS:
        assert len(set(q.options)) == 3 and q.text.endswith("?") and q.why.endswith("."), q.text
    assert len({q.text for q in NEEDS}) == len(NEEDS)


def test_the_right_option_stands_in_every_place_about_equally_often():
    places = np.bincount([q.shown.index(q.right) for q in NEEDS])
    assert len(places) == 3 and places.min() >= len(NEEDS) / 6


@pytest.mark.parametrize("q", [q for q in NEEDS if not isinstance(q.source, str)], ids=lambda q: q.text[:40])
def test_a_question_sends_the_reader_to_a_heading_of_an_earlier_lesson(q):
    notebook, heading = q.source
    assert notebook[:2] < q.lesson
    assert headings(notebook).count(heading) == 1
    assert f'href="{notebook}.ipynb"' in q.where and heading in html.unescape(q.where)


def test_a_free_source_is_named_in_words_and_no_address():
    for q in NEEDS:
        if isinstance(q.source, str):
            assert len(q.source) > 20 and "://" not in q.source, q.text


def test_feedback_explains_and_only_a_miss_sends_away():
    q = placement.needs("08")[0]
    assert "Right" in placement.feedback(q, q.right) and "Learn it" not in placement.feedback(q, q.right)
    for option in (*q.options[1:], placement.UNSURE):
        said = placement.feedback(q, option)
        assert q.right in said and html.escape(q.why) in said and q.where in said


@pytest.mark.parametrize("lesson", ["00", "16", 8, None])
def test_no_questions_before_a_lesson_that_needs_none(lesson):
    with pytest.raises(ValueError, match="^lesson"):
        placement.before(lesson)


def test_an_option_of_another_question_is_refused():
    with pytest.raises(ValueError, match="^option"):
        placement.feedback(placement.needs("08")[0], "3")


@pytest.mark.parametrize("lesson", progress.LESSONS)
def test_each_answer_is_judged_at_once(lesson, quiz):
    _, dropdowns, answer = quiz(lesson)
    questions = placement.needs(lesson)
    assert answer.value == "" and len(dropdowns) == len(questions)
    for k, (q, dropdown) in enumerate(zip(questions, dropdowns, strict=True), 1):
        dropdown.value = q.options[1]
        assert f"{k}. {placement.feedback(q, q.options[1])}" in answer.value
        dropdown.value = q.right
        assert f"{k}. {placement.feedback(q, q.right)}" in answer.value
        assert f"{k} of {len(questions)} right" in answer.value
    assert 'aria-live="polite"' in answer.value
    dropdowns[0].value = dropdowns[0].options[0]  # taken back
    assert f"{len(questions) - 1} of" in answer.value and questions[0].why not in html.unescape(answer.value)


@pytest.mark.parametrize("lesson", progress.LESSONS)
def test_without_a_kernel_the_answers_are_folded_away(lesson, quiz):
    text = quiz(lesson)[0]["text/html"]
    open_text = re.sub(r"<details>.*?</details>", "", text)
    for q in placement.needs(lesson):
        assert html.escape(q.text) in open_text and all(html.escape(o) in open_text for o in q.options)
        assert html.escape(q.why) in text and html.escape(q.why) not in open_text
        assert q.where in text and q.where not in open_text
    assert re.sub(r"</?(b|i|ol|li|details|summary)>|<a [^<>]*>|</a>", "", text).count("<") == 0


def test_the_questions_need_no_heavy_library():
    code = "from course_lib import placement; placement.needs('01'); import sys; "
    code += "print([m for m in ('tensorflow', 'keras', 'matplotlib') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_every_lesson_asks_what_it_needs_right_below_its_title():
    for path in sorted(LESSONS.glob("*.py")):
        cells = re.split(r"^# %%", path.read_text("utf-8"), flags=re.M)
        asks = f'from course_lib import placement\n\nplacement.before("{path.name[:2]}")'
        assert (cells[2].strip() == asks) == (path.name[:2] in progress.LESSONS), path.name


RNG = np.random.default_rng(0)


def critical(function):
    """Return where a function on (0, 1) is largest."""
    return optimize.minimize_scalar(lambda d: -function(d), bounds=(0, 1), method="bounded").x


def covered(kernel, stride):
    """Return how many inputs reach each output, far from the ends, of a transposed convolution on a line."""
    counts = np.zeros(60, int)
    for start in range(0, 50, stride):
        counts[start : start + kernel] += 1
    return counts[20:40]


def js(p, q):
    return divergences.js_discrete(np.array(p), np.array(q))


# (lesson, which question, its right answer) -> claims about that answer, and about wrong ones that are numbers.
CLAIMS = {
    ("01", 0, "10 on the interval"): lambda: [quad(lambda x: 10, 0, 0.1)[0] == pytest.approx(1)],
    ("01", 1, "1"): lambda: [np.log2([1, 4]).mean() == 1, np.log2(2.5) == pytest.approx(1.32, abs=0.005)],
    ("01", 2, "(60000, 784)"): lambda: [(np.ones((6, 4)) - np.ones((6, 4)).mean(axis=0)).shape == (6, 4)],
    ("02", 0, "infinite"): lambda: [np.isinf(divergences.kl_discrete([0.5, 0.5], [1.0, 0.0]))],
    ("02", 1, "½"): lambda: [divergences.kl_gaussians([1.0], [[1.0]], [0.0], [[1.0]]) == pytest.approx(0.5)],
    ("03", 0, "−1"): lambda: [0 / 127.5 - 1 == -1, 255 / 127.5 - 1 == 1],
    ("03", 2, "15,700"): lambda: [784 * 20 + 20 == 15_700, 784 * 20 == 15_680, 64 * 15_700 == 1_004_800],
    ("04", 2, "(x·v) v"): lambda: [np.allclose(((x := RNG.normal(size=3)) - (x @ (v := np.eye(3)[1])) * v) @ v, 0)],
    ("05", 0, "ln 2"): lambda: [js([1.0, 0.0], [0.0, 1.0]) == pytest.approx(np.log(2))],
    ("05", 1, "a/(a + b)"): lambda: [
        critical(lambda d: 2 * np.log(d) + 3 * np.log1p(-d)) == pytest.approx(2 / 5, abs=1e-4)
    ],
    ("05", 2, "outwards, on a spiral"): lambda: [np.allclose(abs(np.linalg.eigvals(1.02 * turn(30))), 1.02)],
    ("06", 0, "32 × 32"): lambda: [-(-64 // 2) == 32, (64 - 3) // 2 + 1 == 31],
    ("06", 2, "real, with probability 0.95"): lambda: [
        1 / (1 + np.exp(-3)) == pytest.approx(0.95, abs=0.005),
        np.exp(3) == pytest.approx(20, abs=0.1),
    ],
    ("07", 0, "2 ln 2 ≈ 1.39"): lambda: [-2 * np.log(0.5) == pytest.approx(1.39, abs=0.005)],
    ("07", 2, "it stays: they circle"): lambda: [np.allclose(np.linalg.eigvals([[0, -1], [1, 0]]).real, 0)],
    ("08", 2, "3"): lambda: [
        np.linalg.norm(np.diag([3, 1]), 2) == 3,
        np.linalg.norm(np.diag([3, 1])) ** 2 == pytest.approx(10),
    ],
    ("09", 0, "1"): lambda: [stats.wasserstein_distance([0, 3], [1, 2]) == 1, (abs(0 - 2) + abs(3 - 1)) / 2 == 2],
    ("09", 2, "it halves"): lambda: [np.sqrt(1 / 400) == np.sqrt(1 / 100) / 2],
    ("10", 1, "s/√3"): lambda: [np.sqrt(3 * 1 / 3**2) == pytest.approx(1 / np.sqrt(3))],
    ("11", 0, "37.7 million"): lambda: [3 * 3 * 64 * 64 == 36_864, round(36_864 * 32 * 32 / 1e6, 1) == 37.7],
    ("11", 2, "4 MB"): lambda: [np.dtype("float32").itemsize * 10**6 == 4 * 10**6],
    ("12", 1, "log p(x)/q(x)"): lambda: [
        np.log((d := 0.3 / (0.3 + 0.1)) / (1 - d)) == pytest.approx(np.log(0.3 / 0.1))
    ],
    ("12", 2, "10"): lambda: [stats.chi(100).mean() == pytest.approx(10, abs=0.1)],
    ("13", 0, "1 and 2 in turn"): lambda: [
        set(covered(3, 2)) == {1, 2},
        (covered(3, 2)[:-2] == covered(3, 2)[2:]).all(),
    ],
    ("13", 1, "its mean"): lambda: [
        critical(lambda c: -np.mean((np.array([0, 0, 0.9]) - c) ** 2)) == pytest.approx(0.3, abs=1e-4),
        critical(lambda c: -np.mean(abs(np.array([0.1, 0.2, 0.9]) - c))) == pytest.approx(0.2, abs=1e-3),
    ],
    ("14", 0, "the means only"): lambda: [same_means_different_variances() == pytest.approx(0, abs=1e-12)],
    ("14", 1, "x → 5 + 2x"): lambda: [
        np.std(5 + 2 * (z := stats.norm.ppf((np.arange(999) + 0.5) / 999))) / np.std(z) == 2
    ],
    ("14", 2, "4"): lambda: [len(set(covered(4, 2))) == 1, len(set(covered(5, 2))) == 2],
    ("15", 1, "x Cov(x, y)/Var(x)"): lambda: [regression_slope() == pytest.approx(0.6 / 2)],
}


def turn(degrees):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s], [s, c]])


def same_means_different_variances():
    """Return the squared MMD with k(x, y) = x·y of two distributions that differ in their variance only."""
    x, y = np.array([-1.0, 1.0]), np.array([-5.0, 5.0])
    return np.outer(x, x).mean() + np.outer(y, y).mean() - 2 * np.outer(x, y).mean()


def regression_slope():
    """Return the slope with the smallest mean squared error for Var(x) = 2, Var(y) = 1, Cov(x, y) = 0.6."""
    return optimize.minimize_scalar(lambda b: 1 - 2 * b * 0.6 + b * b * 2).x


@pytest.mark.parametrize("lesson, number, right", CLAIMS)
def test_the_answer_of_a_question_is_computed(lesson, number, right):
    question = placement.needs(lesson)[number]
    assert question.right == right and all(CLAIMS[lesson, number, right]()), question.text
