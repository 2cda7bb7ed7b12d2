"""MetricLab: its fast measures are the library's, its candidates are what the settings say, its picture shows both."""

import io

import numpy as np
import pytest
from PIL import Image, ImageColor

from course_lib import data, explore, metrics, plots
from course_lib.explore import metric_lab, metric_sets
from course_lib.explore.metric_sets import DUPLICATE, HANDFUL, LEFT_OUT, MEMORISED, POOL, N
from course_lib.explore.view import View

DATA, VAE = 0, 2
BLUE = ImageColor.getrgb(plots.COLOURS[0])


@pytest.fixture(scope="module")
def lab():
    return explore.MetricLab()


@pytest.fixture(scope="module")
def sets(lab):
    return lab.sets


def length(lab, picture, name):
    """Return the length in pixels of a measure's bar, from its left end."""
    row = picture[lab._tops[name] + 2, metric_lab._LEFT : metric_lab._RIGHT]
    filled = np.flatnonzero((row == BLUE).all(axis=1))
    return int(filled.max(initial=-1)) + 1


# --- The sets ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [(0, 0, 0.0, 0.0), (2, 0, 0.0, 0.0), (0, 3, 0.0, 0.0), (1, 2, 0.3, 0.3), (0, 0, 1.0, 0.0), (0, 0, 0.0, 1.0)],
)  # fmt: skip
@pytest.mark.parametrize("source", ["held-out data", "fashion-vae"])
def test_the_measures_are_those_of_the_library_on_the_same_features(sets, source, settings):
    level, *shares = settings
    places, _ = sets.pick(source, *shares)
    got, x = sets.measure(source, level, places), sets.features(source, level, places)
    want = metrics.precision_recall(sets.reference, x) | metrics.density_coverage(sets.reference, x)
    want |= metrics.memorisation(sets.train, sets.reference, x)
    want["frechet"] = metrics.frechet_distance(sets.reference, x)
    assert {name: got[name] for name in want} == pytest.approx(want, rel=1e-12)
    # Differences of means of some thousands: round-off in the order of the sums.
    assert got["kernel"] == pytest.approx(metrics.kernel_distance(sets.reference, x), rel=1e-9, abs=1e-7)
    assert tuple(got) == metric_sets.MEASURES


def test_features_belong_to_the_pictures(sets):
    places = np.array([0, 7, POOL + 3])
    for level in (0, 3):
        again = metrics.FeatureExtractor("fashion")(sets.images("fashion-vae", level, places))
        np.testing.assert_allclose(sets.features("fashion-vae", level, places), again, atol=1e-3)


def test_reference_candidates_and_training_pictures_come_from_their_splits_and_do_not_overlap(sets):
    test, train = (data.load_fashion(split).images.reshape(-1, 784) for split in ("test", "train"))
    known = {split: {row.tobytes() for row in rows} for split, rows in (("test", test), ("train", train))}
    reference = [x.tobytes() for x in sets.reference_images.reshape(-1, 784)]
    pool = [x.tobytes() for x in sets.pool("held-out data").images.reshape(-1, 784)]
    assert known["test"].issuperset(reference) and known["test"].issuperset(pool[:POOL])
    assert known["train"].issuperset(pool[POOL:])
    assert len(set(reference) & set(pool[:POOL])) < 5  # Fashion-MNIST itself holds a few pictures twice


def test_left_out_classes_are_gone_and_the_others_stay_where_they_were(sets):
    labels = sets.pool("held-out data").labels
    whole, _ = sets.pick("held-out data", 0, 0.0, 0.0)
    fewer, kinds = sets.pick("held-out data", 3, 0.0, 0.0)
    assert set(labels[fewer]) == set(range(10)) - set(LEFT_OUT[:3])
    stay = ~np.isin(labels[whole], LEFT_OUT[:3])
    np.testing.assert_array_equal(whole[stay], fewer[stay])
    assert len(set(fewer)) == N and not kinds.any()


def test_noise_has_no_classes_to_leave_out(sets):
    assert (sets._made("noise")[1] == -1).all()


@pytest.mark.parametrize("share", [0.05, 0.5, 1.0])
def test_duplicates_and_memorised_pictures_have_their_share_of_the_set_and_of_its_start(sets, share):
    for k, kind in enumerate((DUPLICATE, MEMORISED)):
        shares = [0.0, 0.0]
        shares[k] = share
        places, kinds = sets.pick("held-out data", 0, *shares)
        assert (kinds == kind).sum() == round(share * N)
        assert (kinds[:24] == kind).sum() == pytest.approx(24 * share, abs=2)
        changed = places[kinds == kind]
        if kind == DUPLICATE:
            assert len(set(changed)) == HANDFUL and changed.max() < POOL
        else:
            assert len(set(changed)) == len(changed) and changed.min() >= POOL


def test_duplicates_outweigh_memorised_pictures_when_both_want_all(sets):
    _, kinds = sets.pick("held-out data", 0, 0.6, 0.6)
    assert (kinds == DUPLICATE).sum() == 600 and (kinds == MEMORISED).sum() == 400


def test_blur_keeps_the_mean_leaves_training_pictures_alone_and_spreads_a_point_as_a_gaussian(sets):
    point = np.zeros((1, 28, 28, 1), np.uint8)
    point[0, 14, 14] = 255
    smooth = sets.blurred(point, 1.0)[0, ..., 0]
    assert smooth[14, 14] == round(255 / (2 * np.pi))
    assert smooth[14, 15] / smooth[14, 14] == pytest.approx(np.exp(-0.5), abs=0.02)
    flat = np.full((1, 28, 28, 1), 77, np.uint8)
    np.testing.assert_array_equal(sets.blurred(flat, 2.5), flat)
    places = np.array([0, POOL])
    sharp, soft = (sets.images("held-out data", level, places) for level in (0, 4))
    np.testing.assert_array_equal(sharp[1], soft[1])
    assert soft[0].std() < sharp[0].std()


# --- What the measures say -----------------------------------------------------------------------


def test_fresh_data_stand_at_the_floor_and_pure_memory_is_seen_by_memorisation_alone(lab):
    fresh = lab.numbers()
    assert fresh == lab.fresh
    assert fresh["frechet"] < 0.02 * lab.sets.ceiling["frechet"]
    assert fresh["kernel"] < 0.01 * lab.sets.ceiling["kernel"]
    # √(2·1000 + 1)/(12·1000²) is the standard error of "closer" for fresh data
    assert fresh["closer"] == pytest.approx(0.5, abs=4 * np.sqrt(2001 / 12e6))
    copied = lab.numbers(memorised=1.0)
    assert copied["closer"] == copied["copies"] == 1
    verdicts = lab.verdicts(memorised=1.0)
    assert verdicts["closer"] == verdicts["copies"] == "worse"
    assert verdicts["frechet"] == "same"


def test_a_memorising_vae_looks_better_to_both_distances(lab):
    verdicts = lab.verdicts(source=VAE, memorised=0.5)
    assert verdicts["frechet"] == verdicts["kernel"] == verdicts["coverage"] == "better"
    assert verdicts["copies"] == "worse"


def test_blur_and_duplicates_raise_precision_and_lower_recall_or_coverage(lab):
    before = lab.numbers(source=VAE)
    blurred, twins = lab.numbers(source=VAE, blur=2.5), lab.numbers(source=VAE, duplicates=1.0)
    assert blurred["precision"] > before["precision"] and blurred["recall"] < 0.1
    assert twins["coverage"] < 0.1 and twins["recall"] < 0.1  # balls of radius 0


def test_nothing_changed_gives_no_verdicts_and_a_copy_of_the_numbers(lab):
    assert lab.verdicts(source=VAE) == {}
    lab.numbers()["frechet"] = -1
    assert lab.numbers()["frechet"] > 0


# --- The picture ---------------------------------------------------------------------------------


def test_the_sheets_show_the_first_pictures_of_candidate_and_reference(lab):
    picture = lab.render(source=VAE, blur=1.0)
    places, _ = lab.sets.pick("fashion-vae", 0, 0.0, 0.0)
    shown = (lab.sets.images("fashion-vae", 2, places[:24]), lab.sets.reference_images[:24])
    for left, pictures in zip(metric_lab._SHEETS, shown, strict=True):
        for k in (0, 6, 23):
            x, y = left + k % 4 * metric_lab._CELL + 3, metric_lab._TOP + k // 4 * metric_lab._CELL + 3
            np.testing.assert_array_equal(picture[y : y + 56 : 2, x : x + 56 : 2, 0], pictures[k, ..., 0])


def test_frames_tell_where_each_picture_comes_from(lab):
    values = {"duplicates": 0.4, "memorised": 0.3}
    picture, (_, kinds) = lab.render(**values), lab.sets.pick("held-out data", 0, 0.4, 0.3)
    for k, kind in enumerate(kinds[:24]):
        corner = (metric_lab._TOP + k // 4 * metric_lab._CELL, metric_lab._SHEETS[0] + k % 4 * metric_lab._CELL)
        colour = metric_lab._FRAMES.get(kind, "#FFFFFF")
        assert tuple(picture[corner]) == tuple(int(colour[j : j + 2], 16) for j in (1, 3, 5))


def test_bars_are_as_long_as_their_values(lab):
    picture, numbers = lab.render(source=VAE, memorised=0.4), lab.numbers(source=VAE, memorised=0.4)
    width = metric_lab._RIGHT - metric_lab._LEFT
    for name in ("precision", "recall", "coverage", "copies"):
        # A tick may cover the end.
        assert length(lab, picture, name) == pytest.approx(numbers[name] / 1.5 * width, abs=5)
    for name in ("frechet", "kernel"):
        share = np.arcsinh(numbers[name] / 10) / np.arcsinh(lab.sets.ceiling[name] / 10)
        assert length(lab, picture, name) == pytest.approx(share * width, abs=5)


def test_a_value_beyond_its_bar_fills_it_and_one_below_zero_leaves_it_empty(lab):
    right, left = lab._at("density", 7.0), lab._at("kernel", -20.0)
    assert (left, right) == (metric_lab._LEFT, metric_lab._RIGHT)
    picture = lab.render(duplicates=1.0)  # five pictures in dense places
    assert lab.numbers(duplicates=1.0)["precision"] <= 1
    assert tuple(picture[lab._tops["precision"] + 2, metric_lab._RIGHT - 5]) == (255, 255, 255)  # its track ends at 1


def test_the_same_values_give_the_same_picture_and_every_control_changes_it(lab):
    first = lab.render()
    assert first.dtype == np.uint8 and first.shape[2] == 3 and first.shape[1] <= 1000
    changed = {"source": VAE, "blur": 0.5, "dropped": 1, "duplicates": 0.2, "memorised": 0.2}
    assert set(changed) == {control.name for control in lab.controls}
    for name, value in changed.items():
        assert not np.array_equal(first, lab.render(**{name: value})), name
    assert np.array_equal(first, lab.render())


def test_the_text_says_settings_numbers_and_who_was_fooled(lab):
    text = lab.text(source=VAE, blur=1.5, dropped=2, duplicates=0.25, memorised=0.6)
    said = ("fashion-vae", "σ = 1.5", "Trouser and Bag", "25% duplicates of 5", "60% exact training", "before")
    assert all(words in text for words in said)
    memorised = lab.text(source=VAE, memorised=0.5)
    assert "The Fréchet distance fell although" in memorised and "Fooled" in memorised
    assert f"{lab.numbers()['frechet']:.1f}" in lab.text() and "unchanged" in lab.text()


@pytest.mark.parametrize(
    "values",
    [{"source": 4}, {"blur": 3.0}, {"dropped": 6}, {"dropped": 0.5}, {"duplicates": -1}, {"memorised": 1.1}, {"n": 1}],
)  # fmt: skip
def test_bad_values_are_refused_by_name(lab, values):
    with pytest.raises(ValueError, match=next(iter(values))):
        lab.render(**values)


def test_the_view_shows_the_picture_of_its_values_and_has_the_two_cheats(lab):
    view = View(lab)
    before = view.image.value
    view.inputs["memorised"].value = 0.5
    assert view.image.value != before and view.image.value == lab.png(memorised=0.5)
    assert "50% exact training" in view.text.value
    assert lab.actions["Memorising VAE"](view.values())["source"] == VAE
    assert lab.values(**lab.actions["Blurred noise"](view.values()))["blur"] == 1.0


def test_the_static_picture_shows_a_fooled_distance(lab):
    figure = lab.static()
    assert "Fooled" in figure.alt_text and "fashion-vae" in figure.alt_text
    assert Image.open(io.BytesIO(figure.png(50))).size[0] > 400
