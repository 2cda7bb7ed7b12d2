"""Lessons, exercises and explorers in a real JupyterLab and a real browser, by keyboard.

Without Chromium these tests are skipped, but not where the environment variable CI is set.
"""

import os
import re
import sys
from pathlib import Path

import live_lab
import nbformat
import pytest
from playwright.sync_api import expect

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

import explorers  # noqa: E402

from course_lib import placement  # noqa: E402

pytestmark = pytest.mark.notebook
LESSON, EXERCISE = "notebooks/00_start_here.ipynb", "exercises/03_building_a_vae.ipynb"
ALL, QUIZ = "explorers.ipynb", "quiz.ipynb"
NAMES = explorers.names()
SOMETHING = re.compile(r"\S")
# What Tab has to reach within an explorer.
CONTROLS = ":is(select, input, button, [role=slider], [contenteditable=true]):visible"


@pytest.fixture(scope="module")
def browser():
    path = live_lab.browser_path()
    if path is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(live_lab.INSTALL)
    expect.set_options(timeout=1000 * live_lab.PATIENCE)
    with live_lab.chromium(path) as started:
        yield started


@pytest.fixture(scope="module")
def lab(browser, tmp_path_factory):
    folder = tmp_path_factory.mktemp("course")
    for name in (LESSON, EXERCISE):
        live_lab.copy_notebook(name, folder)
    live_lab.write_notebook(folder / ALL, [live_lab.EXPLORERS, *(f"show({name!r})" for name in NAMES)])
    live_lab.write_notebook(
        folder / QUIZ, ["from course_lib import placement; placement.show()", 'placement.before("08")']
    )
    with live_lab.jupyter_lab(folder, tmp_path_factory.mktemp("jupyter")) as address:
        yield address


@pytest.fixture(scope="module")
def shown(browser, lab):
    """A notebook that shows one explorer of each class: the cell k + 1 that of ``NAMES[k]``."""
    notebook = live_lab.Notebook(browser, lab, ALL)
    assert notebook.run_all() == []
    yield notebook
    notebook.close()


def tab_through(notebook, cell):
    """Press Tab from a cell on until the focus is on its last control; return how often it was on each."""
    controls = cell.locator(".course-explorer").locator(CONTROLS).element_handles()
    visits = [0] * len(controls)
    cell.focus()
    for _ in range(len(controls) + 5):
        notebook.page.keyboard.press("Tab")
        here = [notebook.page.evaluate("e => e === document.activeElement", control) for control in controls]
        visits = [count + is_here for count, is_here in zip(visits, here, strict=True)]
        if visits[-1]:
            break
    return visits


def away(slider):
    """Return the arrow key that leads away from the end where a slider may stand."""
    now, last = (float(slider.get_attribute(f"aria-value{name}")) for name in ("now", "max"))
    return "ArrowLeft" if now == last else "ArrowRight"


def test_lesson_00_runs_and_its_slider_moves_the_face(browser, lab):
    notebook = live_lab.Notebook(browser, lab, LESSON)
    page = notebook.page
    assert notebook.run_all() == []
    assert page.locator('[data-mime-type="application/vnd.jupyter.error"]').count() == 0
    index = next(k for k, c in enumerate(nbformat.read(ROOT / LESSON, 4).cells) if "explorer.show()" in c.source)
    box = notebook.explorer(index)
    before = notebook.pixels(box)
    slider = box.get_by_role("slider", name="glasses")
    slider.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "0.50")
    moved = notebook.wait_for_picture(box, before)
    expect(box.get_by_role("status")).to_contain_text("glasses +0.5")
    box.get_by_role("button", name="Another picture").focus()
    page.keyboard.press("Enter")
    notebook.wait_for_picture(box, moved)
    expect(box.get_by_role("status")).to_contain_text("seed 8")
    notebook.close()


def test_exercise_03_stops_at_the_first_task_and_accepts_the_solution(browser, lab):
    notebook = live_lab.Notebook(browser, lab, EXERCISE)
    (error,) = notebook.run_all()
    assert error.startswith("NotImplementedError: Your turn")
    task, source = live_lab.first_solution(EXERCISE)
    notebook.solve(task, source)
    expect(notebook.cell(task + 1).locator(".jp-OutputArea")).to_contain_text("Passed")
    notebook.close()


def choose(menu, option):
    """Choose an option of a menu by keyboard, at a reader's pace: Home, then Down to it."""
    options = menu.locator("option").evaluate_all("options => options.map(option => option.value)")
    menu.focus()
    menu.press("Home")
    expect(menu).to_have_value(options[0])
    for passed in options[1 : options.index(option) + 1]:
        menu.press("ArrowDown")
        expect(menu).to_have_value(passed, timeout=10_000)


def test_the_placement_quizzes_are_answered_by_keyboard(browser, lab):
    notebook = live_lab.Notebook(browser, lab, QUIZ)
    assert notebook.run_all() == []
    where, ready = notebook.cell(0), notebook.cell(1)
    for k, question in enumerate(placement.QUESTIONS, 1):
        right = question.right if question.lesson < "03" else placement.UNSURE
        choose(where.get_by_label(f"Answer {k}", exact=True), right)
    where.get_by_role("button", name="Where to start?").press("Enter")
    expect(where.get_by_role("status")).to_contain_text("Start with lesson 03.")
    questions = placement.needs("08")
    menus = [ready.get_by_label(f"Answer {k}", exact=True) for k in range(1, len(questions) + 1)]
    wrong = next(option for option in questions[0].options if option != questions[0].right)
    choose(menus[0], wrong)
    expect(ready.get_by_role("status")).to_contain_text("Learn it in")
    for question, menu in zip(questions, menus, strict=True):
        choose(menu, question.right)
    expect(ready.get_by_role("status")).to_contain_text(f"{len(questions)} of {len(questions)} right.")
    notebook.close()


def test_gan_lab_plays_pauses_and_scrubs_by_keyboard(shown):
    box = shown.explorer(1 + NAMES.index("GanLab"))
    frame, play = box.get_by_role("slider", name="Frame", exact=True), box.get_by_role("button", name="Play or pause")
    start, before = int(float(frame.get_attribute("aria-valuenow"))), shown.pixels(box)
    play.focus()
    shown.page.keyboard.press("Space")
    during = shown.wait_for_picture(box, before)
    expect(frame).not_to_have_attribute("aria-valuenow", re.compile(rf"^({start}|{start + 1})(\.0)?$"))
    shown.page.keyboard.press("Space")
    expect(play.locator(".fa-play")).to_have_count(1)  # it offers to play again, so it has paused
    shown.wait_for_picture(box, during)
    stopped = int(float(frame.get_attribute("aria-valuenow")))
    assert stopped > start
    frame.focus()
    for _ in range(3):
        shown.page.keyboard.press("ArrowLeft")
    expect(frame).to_have_attribute("aria-valuenow", f"{stopped - 3}.0")
    expect(box.get_by_role("status")).to_contain_text(f"step {50 * (stopped - 3)}:")
    shown.page.keyboard.press("ArrowRight")
    expect(box.get_by_role("status")).to_contain_text(f"step {50 * (stopped - 2)}:")


@pytest.mark.parametrize("name", NAMES)
def test_tab_reaches_every_control_and_each_has_a_name(shown, name):
    index = 1 + NAMES.index(name)
    box = shown.explorer(index)
    controls = box.locator(CONTROLS)
    assert controls.count() >= 3
    assert tab_through(shown, shown.cell(index)) == [1] * controls.count()
    for control in controls.all():
        expect(control).to_have_accessible_name(SOMETHING, timeout=30_000)
    expect(box.locator("img.widget-image")).to_have_accessible_name(SOMETHING, timeout=30_000)
    for label in filter(None, (text.strip() for text in box.locator(".widget-label:visible").all_inner_texts())):
        assert box.get_by_label(label, exact=True).count() >= 1, label


@pytest.mark.parametrize("name", NAMES)
def test_arrow_keys_change_the_picture(shown, name):
    box = shown.explorer(1 + NAMES.index(name))
    before, slider = shown.pixels(box), box.get_by_role("slider").first
    key = away(slider)
    for _ in range(25):  # one step of a fine slider may leave every pixel as it was
        slider.press(key)
    shown.wait_for_picture(box, before)


@pytest.mark.parametrize("name", NAMES)
def test_arrow_keys_choose_from_every_menu(shown, name):
    for menu in shown.explorer(1 + NAMES.index(name)).locator("select:visible").all():
        values = menu.evaluate("menu => [...menu.options].map(option => option.value)")
        now = menu.input_value()
        at_end = now == values[-1]
        menu.press("ArrowUp" if at_end else "ArrowDown")
        expect(menu).to_have_value(values[values.index(now) + (-1 if at_end else 1)], timeout=30_000)
