"""The recorder of lesson 13: every run has a file of its own, methods mean what they say, its measures are exact."""

import numpy as np
import pytest
import record_lesson_13 as recorder
from recording import Runs

from course_lib import colour, data
from course_lib.translation import L1, L2, Adversarial


def test_every_run_has_a_file_of_its_own_and_what_it_builds_upon_comes_first(tmp_path):
    keys = recorder.runs_in_order()
    files = {Runs(tmp_path).path(" ".join(map(str, key))) for key in keys}
    assert len(files) == len(keys) == len(recorder.SEEDS) * (len(recorder.PLANE) + len(recorder.COLOUR) + 2)
    for seed in recorder.SEEDS:
        first = keys.index(("plane", "start", seed))
        assert all(keys.index(("plane", method, seed)) > first for method in recorder.PLANE)


def test_a_method_names_its_terms_and_weights():
    assert [type(term) for term in recorder.terms_of("L2")] == [L2]
    pixels, judged = recorder.terms_of("L1 + 0.03 adversarial")
    assert (type(pixels), pixels.weight) == (L1, 1.0)
    assert (type(judged), judged.weight) == (Adversarial, 0.03)
    with pytest.raises(KeyError):
        recorder.terms_of("L1 + style")


def test_energy_puts_stripes_into_the_ring_of_their_frequency():
    for ring, f in ((1, 6 / 64), (3, 14 / 64), (7, 30 / 64)):
        wave = np.rint(128 + 60 * np.cos(2 * np.pi * f * np.arange(64)))
        stripes = np.broadcast_to(wave[:, None, None], (64, 64, 3)).astype(np.uint8)[None]
        assert recorder.energy(stripes).argmax() == ring
    flat = np.full((1, 64, 64, 3), 90, np.uint8)
    np.testing.assert_allclose(recorder.energy(flat), 0, atol=1e-6)


def test_backgrounds_of_true_faces_have_their_palette_s_colours():
    faces = data.load_faces("test")
    true = faces.images[:40]
    palette = np.array(list(data.face_palettes()["background"].values()), np.uint8)
    expected = colour.AB * colour.split_lab(palette[None, None])[1][0, 0]
    found = recorder.background_ab(colour.split_lab(true)[1], true)
    np.testing.assert_allclose(found, expected[faces.attributes["background"][:40]], atol=0.01)
