"""Editing: baselines by the known pixels, what counts as inside and outside of an edit, attributes obeyed and kept."""

import numpy as np
import pytest

from course_lib import conditions, data, editing


def noise(n, seed=0, side=8, channels=3):
    return np.random.default_rng(seed).integers(0, 256, (n, side, side, channels), dtype=np.uint8)


def test_nearest_agrees_with_brute_force_on_the_known_pixels_only():
    training, pictures = noise(1203, seed=1), noise(6, seed=2)
    mask = np.random.default_rng(3).random((6, 8, 8)) < 0.4
    difference = pictures[:, None].astype(float) - training[None]
    brute = (difference**2 * mask[:, None, ..., None]).sum(axis=(2, 3, 4)).argmin(axis=1)
    np.testing.assert_array_equal(editing.nearest(pictures, training, mask), brute)
    np.testing.assert_array_equal(editing.nearest(training[[700, 3]], training), [700, 3])
    # Only the hidden half of this picture is another one's.
    mixed = training[[700]].copy()
    mixed[:, :, 4:] = training[3, :, 4:]
    left = np.arange(8)[None, :].repeat(8, axis=0) < 4
    assert editing.nearest(mixed, training, left) == 700
    assert editing.nearest(mixed, training, ~left) == 3


def test_the_mean_has_the_least_squared_error_of_all_constant_answers():
    training = noise(50, seed=4)
    drawn = editing.baselines(training[:2], training)
    assert drawn["mean"].shape == (2, 8, 8, 3) and drawn["mean"].dtype == np.uint8
    error = ((training.astype(float) - drawn["mean"][0]) ** 2).mean()
    assert error < min(((training.astype(float) - other) ** 2).mean() for other in training)
    np.testing.assert_array_equal(drawn["nearest"], training[:2])


def test_filled_keeps_known_pixels_and_takes_the_others():
    a, b = noise(2, seed=5), noise(2, seed=6)
    mask = np.zeros((8, 8), bool)
    mask[:3] = True
    out = editing.filled(a, b, mask)
    np.testing.assert_array_equal(out[:, :3], a[:, :3])
    np.testing.assert_array_equal(out[:, 3:], b[:, 3:])
    np.testing.assert_array_equal(editing.filled(a, b, np.zeros((8, 8), bool)), b)


def test_region_psnr_has_a_closed_form_and_ignores_the_rest():
    truth = np.full((1, 8, 8, 3), 100, np.uint8)
    picture = truth.copy()
    picture[:, :2] += 10
    top = np.arange(8)[:, None].repeat(8, axis=1) < 2
    assert editing.region_psnr(picture, truth, top)[0] == pytest.approx(20 * np.log10(25.5))
    assert editing.region_psnr(picture, truth)[0] == pytest.approx(20 * np.log10(25.5) + 10 * np.log10(4))
    assert np.isinf(editing.region_psnr(picture, truth, ~top)[0])


def test_scores_of_the_true_edit_of_doing_nothing_and_of_a_sloppy_edit():
    labels = {name: codes[:6] * 0 for name, codes in data.random_attributes(6).items()}
    asked = conditions.faces().changed(labels, glasses="round")
    originals, truths = data.compose_faces(labels), data.compose_faces(asked)
    perfect, nothing = editing.score_edits(truths, originals, truths), editing.score_edits(originals, originals, truths)
    assert np.isinf(perfect["psnr"]) and perfect["outside"] == 0
    assert nothing["psnr"] == nothing["psnr_of_doing_nothing"] < 40 and nothing["outside"] == 0
    assert nothing["inside"] < nothing["psnr"]
    sloppy = np.clip(truths.astype(int) + 4, 0, 255).astype(np.uint8)
    assert 0 < editing.score_edits(sloppy, originals, truths)["outside"] <= 4
    with pytest.raises(ValueError, match="truths: expected pictures that differ from their originals"):
        editing.score_edits(originals, originals, originals)


def test_attributes_obeyed_and_kept():
    before = {"hat": [0, 0, 1, 1], "mood": [0, 1, 0, 1]}
    asked = {"hat": [2, 2, 2, 1], "mood": [0, 1, 0, 1]}
    read = {"hat": [2, 2, 0, 1], "mood": [0, 0, 0, 1], "more": [5]}
    scores = editing.score_attributes(read, before, asked)
    assert scores["obeyed"] == pytest.approx(2 / 3)
    assert scores["kept"] == pytest.approx(4 / 5)
    assert scores["kept_of_each"] == {"hat": 1.0, "mood": 0.75}
    everywhere = editing.score_attributes({"hat": [1]}, {"hat": [0]}, {"hat": [1]})
    assert everywhere == {"obeyed": 1.0, "kept": 1.0, "kept_of_each": {}}


def test_reader_reads_in_batches_what_the_classifier_says():
    sizes = []

    def classifier(x, training):
        assert not training and x.dtype == np.float32 and np.abs(x).max() <= 1
        sizes.append(len(x))
        dark = x.mean(axis=(1, 2, 3))
        return {"light": np.stack([-dark, dark], axis=1)}

    pictures = np.stack([np.full((4, 4, 1), level, np.uint8) for level in (0, 255, 200, 10, 250)])
    np.testing.assert_array_equal(editing.reader(classifier, batch_size=2)(pictures)["light"], [0, 1, 1, 0, 1])
    assert sizes == [2, 2, 1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: editing.nearest(noise(2), noise(3, side=4)), r"training: expected shape \(M, 8, 8, 3\)"),
        (lambda: editing.nearest(noise(2), noise(3)[:0]), "training: expected at least one picture"),
        (lambda: editing.nearest(noise(2).astype(float), noise(3)), "pictures: expected uint8"),
        (lambda: editing.filled(noise(2), noise(2), np.ones((8, 8))), "mask: expected booleans of shape"),
        (lambda: editing.filled(noise(2), noise(1), np.ones((8, 8), bool)), "drawn"),
        (lambda: editing.region_psnr(noise(2), noise(2), np.zeros((8, 8), bool)), "region: expected at least one True"),
        (lambda: editing.score_attributes({"a": [0]}, {"a": [0]}, {"a": [0]}), "asked: expected labels that differ"),
        (lambda: editing.score_attributes({"a": [0]}, {"b": [0]}, {"a": [1]}), r"before: expected labels of \['a'\]"),
        (lambda: editing.score_attributes({"a": [0, 1]}, {"a": [0]}, {"a": [1]}), "read: expected labels of 1 pict"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
