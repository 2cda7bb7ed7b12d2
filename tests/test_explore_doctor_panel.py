"""DoctorPanel: what it shows at a visit, that it keeps the truth until an answer, and that the record fits it."""

import numpy as np
import pytest

from course_lib import explore
from course_lib.explore import doctor_panel
from course_lib.explore.view import View

VISITS = 16


def record(visit, **changes):
    healthy = {
        "accuracy_real": 0.6,
        "accuracy_fake": 0.55,
        "separation": 0.6,
        "logit_gap": 0.4,
        "gradient_generator": 0.5,
        "gradient_discriminator": 0.7,
        "diversity": min(1.0, 0.1 * visit),
        "recall": min(0.7, 0.05 * visit),
        "bins": 0.95,
        "movement": 0.1,
        "dead_generator": 0.05,
        "dead_discriminator": 0.0,
        "real_minimum": -1.0,
        "real_maximum": 1.0,
        "fake_minimum": -1.0,
        "fake_maximum": 1.0,
        "reach_minimum": -1.0,
        "reach_maximum": 1.0,
    }
    return healthy | changes


def case(label, samples, examples, also=(), **changes):
    return {
        "name": f"secret name of {label}",
        "label": label,
        "also": list(also),
        "records": [record(visit, **changes) for visit in range(VISITS)],
        "d_loss": np.linspace(1.4, 1.2, VISITS),
        "g_loss": np.linspace(0.7, 0.9, VISITS),
        "samples": samples,
        "examples": examples,
    }


def cases():
    rng = np.random.default_rng(0)
    # The samples wander from the left to the right of the data.
    points = rng.normal(0, 0.03, (VISITS, 60, 2)) + np.linspace([-1, 0], [1, 0], VISITS)[:, None]
    grey = np.broadcast_to(np.arange(VISITS, dtype=np.uint8)[:, None, None, None, None] * 16, (VISITS, 9, 28, 28, 1))
    return [
        case("oscillation", points, rng.uniform(-1, 1, (80, 2)), also=["collapse"], movement=3.0),
        case("healthy", grey, np.full((9, 28, 28, 1), 255, np.uint8)),
    ]


@pytest.fixture(scope="module")
def panel():
    return explore.DoctorPanel(cases())


def test_points_are_drawn_where_they_are(panel):
    def place(visit):
        picture = panel.samples(1, visit).astype(int)
        orange = np.abs(picture - [0xD5, 0x5E, 0x00]).sum(axis=2) < 60
        rows, columns = np.nonzero(orange)
        return columns.mean() / picture.shape[1], rows.mean() / picture.shape[0]

    (first, height), (last, _) = place(0), place(VISITS - 1)
    assert first < 0.35 and last > 0.65 and 0.4 < height < 0.6


def test_pictures_change_with_the_visit_and_stand_above_the_data(panel):
    for visit in (0, 10, 15):
        picture = panel.samples(2, visit)
        side = len(picture)
        assert (picture[: 3 * side // 4] == 16 * visit).all(axis=2).mean() > 0.5
        assert (picture[7 * side // 8, side // 2] == 255).all()


def test_the_picture_is_pure_and_moves_with_every_control(panel):
    start = panel.render()
    np.testing.assert_array_equal(start, panel.render())
    assert start.dtype == np.uint8 and 700 <= start.shape[1] <= 1000 and start.shape[2] == 3
    for change in ({"case": 2}, {"visit": 3}, {"answer": 1}):
        assert not np.array_equal(start, panel.render(**change)), change
    np.testing.assert_array_equal(start, panel.render())


def test_the_truth_appears_only_with_an_answer(panel):
    for number, truth in ((1, "oscillation"), (2, "healthy")):
        before = panel.text(case=number)
        assert truth not in before and "secret" not in before
        after = panel.text(case=number, answer=doctor_panel.ANSWERS.index("dead units"))
        assert "Not this time" in after and f"“{truth}”" in after and "secret name" in after


def test_a_right_answer_and_a_second_sickness_count(panel):
    for answer in ("oscillation", "collapse"):
        assert "Right:" in panel.text(case=1, answer=doctor_panel.ANSWERS.index(answer))
    assert "300%" in panel.text(case=1, answer=1), "the doctor's evidence is told"
    assert "no known sickness" in panel.text(case=2, answer=2)


def test_the_text_has_the_numbers_of_the_visit(panel):
    assert "samples 40% as far apart" in panel.text(visit=4)


@pytest.mark.parametrize("values", [{"case": 0}, {"case": 3}, {"visit": VISITS}, {"answer": 7}, {"visit": 1.5}])
def test_values_out_of_range_are_refused(panel, values):
    with pytest.raises(ValueError, match=next(iter(values))):
        panel.render(**values)


def test_cases_without_samples_are_refused():
    with pytest.raises(ValueError, match="cases"):
        explore.DoctorPanel([])
    bare = {k: v for k, v in cases()[0].items() if k != "samples"}
    with pytest.raises(ValueError, match="cases"):
        explore.DoctorPanel([bare])


def test_the_view_changes_its_image(panel):
    view = View(panel)
    before = view.image.value
    view.set(case=2)
    assert view.image.value != before and "Case 2" in view.text.value
    assert panel.static().alt_text


def test_the_recorded_gallery_opens():
    runs = doctor_panel.gallery()
    labels = {run["label"] for run in runs}
    assert {"healthy", "collapse", "discriminator overpowering", "oscillation"} <= labels
    assert all(run["half"] == "test" for run in runs), "the doctor's thresholds have not seen them"
    opened = explore.DoctorPanel(runs[:1])
    assert not np.array_equal(opened.render(visit=0), opened.render())
