"""Conditions: one-hot blocks and back, frequencies, changes by name, bad input."""

import numpy as np
import pytest

from course_lib import conditions, data

SMALL = conditions.Conditions({"hat": ("none", "cap", "bowler"), "mood": ("glad", "sad")}, {"hat": (0.5, 0.5, 0.0)})


def test_a_worked_example():
    c = SMALL.encode({"hat": [2, 0], "mood": [1, 0]})
    assert c.dtype == np.float32
    np.testing.assert_array_equal(c, [[0, 0, 1, 0, 1], [1, 0, 0, 1, 0]])
    assert (SMALL.dimension, SMALL.names) == (5, ("hat", "mood"))
    assert SMALL.blocks == {"hat": slice(0, 3), "mood": slice(3, 5)}


def test_faces_go_there_and_back():
    space = conditions.faces()
    assert (len(space.names), space.dimension) == (13, 55)
    labels = data.random_attributes(500, seed=3)
    c = space.encode(labels)
    np.testing.assert_array_equal(c.sum(axis=1), 13)
    for name, codes in space.decode(c).items():
        np.testing.assert_array_equal(codes, labels[name])
    # A condition that went there and back draws the very same faces.
    pictures = [data.compose_faces({k: v[:5] for k, v in one.items()}) for one in (labels, space.decode(c))]
    np.testing.assert_array_equal(*pictures)


def test_decode_takes_any_scores_and_reads_each_block_alone():
    scores = [[0.1, -5.0, 0.2, 100.0, 99.0]]
    assert {name: int(codes[0]) for name, codes in SMALL.decode(scores).items()} == {"hat": 2, "mood": 0}


def test_the_order_of_the_labels_does_not_matter_and_one_code_serves_all():
    a = SMALL.encode({"mood": 1, "hat": [0, 1, 2]})
    b = SMALL.encode({"hat": np.array([0, 1, 2]), "mood": np.array([1, 1, 1])})
    np.testing.assert_array_equal(a, b)
    assert SMALL.encode({"hat": 0, "mood": 0}).shape == (1, 5)
    assert SMALL.encode({"hat": np.zeros(0, int), "mood": np.zeros(0, int)}).shape == (0, 5)


def test_a_single_attribute_takes_bare_codes():
    space = conditions.fashion()
    np.testing.assert_array_equal(space.encode(np.array([9, 0], np.uint8)), np.eye(10)[[9, 0]])


def test_draws_have_the_stated_frequencies_and_are_seeded():
    labels = SMALL.draw(4000, seed=1)
    shares = np.bincount(labels["hat"], minlength=3) / 4000
    assert shares[2] == 0
    assert shares[0] == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(4000))
    assert np.mean(labels["mood"]) == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(4000))
    joint = np.mean((labels["hat"] == 1) & (labels["mood"] == 1))
    assert joint == pytest.approx(0.25, abs=4 * 0.433 / np.sqrt(4000))  # independent
    np.testing.assert_array_equal(SMALL.draw(50, seed=1)["hat"], SMALL.draw(50, seed=1)["hat"])
    assert (SMALL.draw(50, seed=1)["hat"] != SMALL.draw(50, seed=2)["hat"]).any()


def test_faces_are_drawn_as_the_data_are():
    drawn, real = conditions.faces().draw(4000, seed=5), data.random_attributes(4000, seed=5)
    assert np.mean(drawn["glasses"] == 0) == pytest.approx(np.mean(real["glasses"] == 0), abs=0.05)
    assert np.mean(drawn["earrings"] == 0) == pytest.approx(0.7, abs=0.03)


def test_changed_sets_what_is_named_and_leaves_the_rest_and_the_original():
    labels = {"hat": np.array([0, 2]), "mood": np.array([0, 1])}
    new = SMALL.changed(labels, hat="cap")
    np.testing.assert_array_equal(new["hat"], [1, 1])
    np.testing.assert_array_equal(new["mood"], [0, 1])
    np.testing.assert_array_equal(labels["hat"], [0, 2])
    assert SMALL.code("hat", "bowler") == 2


def test_a_part_of_the_attributes_is_a_condition_of_its_own_and_other_labels_ride_along():
    part = conditions.faces().only("glasses", "skin")
    assert part.names == ("skin", "glasses") and part.dimension == 6  # in the order of the whole
    labels = data.random_attributes(50, seed=2)
    np.testing.assert_array_equal(part.encode(labels)[:, 3:], np.eye(3)[labels["glasses"]])
    assert part.draw(4000, seed=1)["glasses"].mean() == pytest.approx(0.6, abs=0.06)  # 0 with 60 %, 1 and 2 with 20 %
    edited = part.changed(labels, skin="dark")
    np.testing.assert_array_equal(edited["mouth"], labels["mouth"])
    assert set(edited) == set(labels) and (edited["skin"] == 2).all()
    with pytest.raises(ValueError, match="names: expected one of 'background'"):
        conditions.faces().only("beard")


def test_agreement_is_the_share_of_equal_codes():
    asked, read = {"hat": [0, 1, 2, 2], "mood": [0, 0, 0, 0]}, {"hat": [0, 1, 2, 1], "mood": [1, 1, 1, 1], "more": [0]}
    assert conditions.agreement(asked, read) == {"hat": 0.75, "mood": 0.0}
    with pytest.raises(ValueError, match="asked: expected one of 'hat'"):
        conditions.agreement(asked, {"hat": [0, 1, 2, 2]})
    with pytest.raises(ValueError, match=r"read\['hat'\]: expected codes of shape \(4,\)"):
        conditions.agreement(asked, {"hat": [0], "mood": [0]})


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"hat": [0]}, r"labels: expected a dictionary with the keys \['hat', 'mood'\]; received \['hat'\]"),
        ([0, 1], "labels: expected a dictionary"),
        ({"hat": [3], "mood": [0]}, r"labels\['hat'\]: expected integer codes \(N,\) from 0 to 2"),
        ({"hat": [-1], "mood": [0]}, r"labels\['hat'\]"),
        ({"hat": [0.5], "mood": [0]}, r"labels\['hat'\]"),
        ({"hat": [[0]], "mood": [0]}, r"labels\['hat'\]"),
        ({"hat": [0, 1], "mood": [0, 1, 0]}, r"labels: expected codes of one length; received lengths \[2, 3\]"),
    ],
)
def test_bad_labels_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        SMALL.encode(labels)


def test_bad_definitions_and_names_are_refused():
    with pytest.raises(ValueError, match="values: expected a dictionary"):
        conditions.Conditions({})
    with pytest.raises(ValueError, match=r"values\['hat'\]: expected two or more different names"):
        conditions.Conditions({"hat": ("cap", "cap")})
    with pytest.raises(ValueError, match=r"probabilities\['hat'\].*sum to 1"):
        conditions.Conditions({"hat": ("a", "b")}, {"hat": (0.5, 0.6)})
    with pytest.raises(ValueError, match="probabilities: expected one of 'hat'"):
        conditions.Conditions({"hat": ("a", "b")}, {"shoe": (0.5, 0.5)})
    with pytest.raises(ValueError, match="value: expected one of 'none', 'cap'"):
        SMALL.changed({"hat": [0], "mood": [0]}, hat="crown")
    with pytest.raises(ValueError, match="name: expected one of 'hat'"):
        SMALL.code("shoe", "none")
    with pytest.raises(ValueError, match=r"c: expected shape \(N, 5\)"):
        SMALL.decode(np.zeros((2, 4)))
    with pytest.raises(ValueError, match="n: expected an integer"):
        SMALL.draw(0)
