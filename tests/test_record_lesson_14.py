"""The recorder of lesson 14: every picture has a file of its own, its sources exist and were not trained on."""

import numpy as np
import record_lesson_14 as recorder
from recording import Runs

from course_lib import data


def test_every_picture_has_a_file_of_its_own(tmp_path):
    keys = recorder.keys_in_order()
    files = {Runs(tmp_path).path(" ".join(map(str, key))) for key in keys}
    count = len(recorder.NETWORKS) * len(recorder.PAIRS) * len(recorder.STRENGTHS) + len(recorder.LARGE_STRENGTH)
    assert len(files) == len(keys) == count
    assert {name for name, *_ in keys} == set(recorder.NETWORKS)


def test_the_photographs_are_held_out_and_the_paintings_known():
    held_out, painted = ({work.title for work in works} for works in (data.load_photos("test"), data.load_paintings()))
    assert all(photo in held_out and painting in painted for photo, painting in recorder.PAIRS)
    photo, painting = recorder.sources("large")
    np.testing.assert_array_equal(photo, recorder.works()[recorder.PAIRS[0][0]])
    assert painting.shape != photo.shape


def test_pictures_are_brought_to_their_longer_side():
    for shape, size, expected in (((40, 60, 3), 30, (20, 30, 3)), ((90, 30, 3), 45, (45, 15, 3))):
        assert recorder.fitted(np.zeros(shape, np.uint8), size).shape == expected


def test_no_judge_has_painted_through_the_same_random_weights():
    painters = {name for name in recorder.NETWORKS if name.startswith("random")}
    judges = {name for name in recorder.JUDGES if name.startswith("random")}
    assert painters and judges and not painters & judges
