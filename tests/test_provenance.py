"""Watermark: exact false-positive rate, robustness, invisibility; facts in PNG, GIF and HTML; the model card."""

import html
import io
import json

import numpy as np
import pytest
from PIL import Image
from scipy.stats import binom

from course_lib import data, images, provenance, zoo

RECORD = provenance.facts("Näht & <fein>", {"name": "fashion-gan", "sha256": "ab", "what": "x"}, 7, {"hat": "red"})


def drawn(kind):
    """Return a picture uint8 (H, W, C): a face, an enlarged grey picture with black around it, noise, or a gradient."""
    if kind == "face":
        return data.compose_faces(data.random_attributes(1, seed=3), 64)[0]
    if kind == "large face":
        return np.kron(drawn("face"), np.ones((4, 4, 1), np.uint8))
    if kind == "grey":
        return np.kron(data.load_fashion("test").images[2], np.ones((8, 8, 1), np.uint8))
    if kind == "noise":
        return np.random.default_rng(0).integers(0, 256, (160, 160, 3), dtype=np.uint8)
    return np.broadcast_to(np.linspace(20, 230, 128).astype(np.uint8)[:, None, None], (128, 128, 3)).copy()


EXPECTED = [
    127,
    128,
    129,
    130,
    130,
    128,
    126,
    125,
    128,
    128,
    127,
    126,
    126,
    125,
    125,
    125,
]  # the first row of a grey picture marked with "key"
KINDS = ("face", "large face", "grey", "noise", "gradient")


def through(image, **how):
    """Return the image after a save and a load by Pillow."""
    buffer = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(buffer, **how)
    return np.asarray(Image.open(buffer)).reshape(image.shape)


# --- Watermark -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_the_mark_is_found_with_its_key_only_and_cannot_be_seen(kind):
    image = drawn(kind)
    before = image.copy()
    marked = provenance.watermark(image, "my key")
    np.testing.assert_array_equal(image, before)
    assert marked.shape == image.shape and marked.dtype == np.uint8
    assert provenance.detect(marked, "my key")["p_value"] < 1e-8
    assert provenance.detect(marked, "my kez")["p_value"] > 1e-4
    assert provenance.detect(image, "my key")["p_value"] > 1e-4
    error = marked.astype(float) - image
    assert 20 * np.log10(255 / np.sqrt(np.mean(error**2))) > 43
    assert np.abs(error).max() <= 9


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "how",
    [{"format": "PNG"}, {"format": "JPEG", "quality": 95}, {"format": "JPEG", "quality": 75}],
    ids=["PNG", "JPEG 95", "JPEG 75"],
)
def test_the_mark_survives_another_save(kind, how):
    marked = provenance.watermark(drawn(kind), "key")
    assert provenance.detect(through(marked, **how), "key")["p_value"] < 1e-6


@pytest.mark.parametrize(("gain", "shift"), [(1.0, 8), (1.0, -8), (1.08, 0), (0.9, 5)])
def test_the_mark_survives_small_changes_of_brightness_and_a_jpeg_after_them(gain, shift):
    marked = provenance.watermark(drawn("large face"), "key")
    changed = np.rint(marked * gain + shift).clip(0, 255).astype(np.uint8)
    assert provenance.detect(changed, "key")["p_value"] < 1e-12
    assert provenance.detect(through(changed, format="JPEG", quality=75), "key")["p_value"] < 1e-12


def test_what_the_mark_does_not_survive_is_as_documented():
    marked = provenance.watermark(drawn("large face"), "key")
    assert provenance.detect(marked[3:, 5:], "key")["p_value"] > 1e-4  # cropped
    smaller = images.resize(marked[None], 128)[0]
    assert provenance.detect(smaller, "key")["p_value"] > 1e-4


@pytest.mark.parametrize("kind", ["face", "noise", "gradient"])
def test_the_false_positive_rate_is_the_stated_one(kind):
    """Of 2,000 keys that have nothing to do with a picture, the share with p ≤ α is at most α, up to chance."""
    image = drawn(kind)
    p = np.array([provenance.detect(image, f"key {k}")["p_value"] for k in range(2000)])
    for alpha in (0.2, 0.05, 0.01):
        largest = binom.ppf(0.9999, 2000, alpha)
        assert (p <= alpha).sum() <= largest
    # and the test is not merely shy: the sign test's p-values are close to uniform
    if provenance.detect(image, "x")["coefficients"] > 100:
        assert (p <= 0.2).mean() == pytest.approx(0.2, abs=0.06)


def test_marks_of_other_keys_do_not_count():
    image = drawn("large face")
    for k in range(3):
        image = provenance.watermark(image, f"other {k}")
    p = [provenance.detect(image, f"mine {k}")["p_value"] for k in range(300)]
    assert np.mean(np.array(p) <= 0.05) <= binom.ppf(0.9999, 300, 0.05) / 300
    assert provenance.detect(image, "other 0")["p_value"] < 1e-9  # several marks live side by side


def test_p_values_are_the_binomial_tail():
    for n in (1, 7, 40, 513):
        k = np.arange(n + 1)
        got = [provenance.binomial_tail(int(i), n) for i in k]
        np.testing.assert_allclose(got, binom.sf(k - 1, n, 0.5), rtol=1e-9)
    assert provenance.binomial_tail(0, 0) == 1
    assert 0 < provenance.binomial_tail(900, 900) == pytest.approx(0.5**900)


def test_a_flat_picture_without_a_mark_says_nothing():
    found = provenance.detect(np.full((64, 64, 3), 90, np.uint8), "key")
    assert found == {"agreeing": 0, "coefficients": 0, "p_value": 1.0}


def test_the_mark_is_the_same_on_every_machine():
    """The signs come from SHAKE-256, not from a random generator that may change."""
    marked = provenance.watermark(np.full((8, 16, 1), 128, np.uint8), "key")
    assert marked[0, :, 0].tolist() == EXPECTED


def test_no_mark_for_strength_0_and_more_for_more():
    image = drawn("face")
    np.testing.assert_array_equal(provenance.watermark(image, "key", 0), image)
    counts = [provenance.detect(provenance.watermark(image, "key", s), "key")["agreeing"] for s in (2, 5, 10)]
    assert counts == sorted(counts)


def test_edges_that_make_no_block_stay_as_they_are():
    image = drawn("noise")[:45, :61]
    marked = provenance.watermark(image, "key")
    np.testing.assert_array_equal(marked[40:], image[40:])
    np.testing.assert_array_equal(marked[:, 56:], image[:, 56:])
    assert (marked[:40, :56] != image[:40, :56]).any()


# --- Facts in files ----------------------------------------------------------------------------


def test_facts_are_complete_and_safe_for_json():
    assert RECORD["model"] == {"name": "fashion-gan", "sha256": "ab"}
    assert RECORD["software"].startswith("course_lib ")
    assert len(RECORD["created"]) == 10 and RECORD["seed"] == 7
    assert provenance.facts("a", "b", created="2020-01-02", medium="GIF")["medium"] == "GIF"
    with pytest.raises(ValueError, match="title"):
        provenance.facts("  ", "model")
    for bad in (object(), float("nan"), np.zeros(2)):
        with pytest.raises(ValueError, match="facts: expected texts, numbers"):
            provenance.facts("a", "b", attributes={"x": bad})


def test_a_png_gives_back_its_facts_its_pixels_and_its_mark(tmp_path):
    face = drawn("face")
    made = provenance.png_bytes(face, RECORD, scale=2)
    assert provenance.read(made) == RECORD
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(made))), face.repeat(2, 0).repeat(2, 1))
    path = tmp_path / "marked.png"
    path.write_bytes(provenance.png_bytes(drawn("grey"), RECORD, key="key"))
    assert provenance.read(path) == RECORD
    with Image.open(path) as picture:
        assert picture.info["Title"] == RECORD["title"]
        assert provenance.detect(np.asarray(picture)[..., None], "key")["p_value"] < 1e-12


def test_a_gif_gives_back_its_facts_and_still_plays():
    frames = np.stack([drawn("face"), drawn("face")[::-1], drawn("face")])
    long = provenance.facts("x" * 900, "model")  # more than one block of 255 bytes
    made = provenance.gif_bytes(frames, long)
    assert provenance.read(made) == long
    with Image.open(io.BytesIO(made)) as picture:
        assert picture.n_frames == 3 and picture.size == (64, 64)
        picture.seek(2)
        picture.load()


@pytest.mark.parametrize("kind", ["face", "grey"])
def test_every_frame_of_a_gif_can_hold_the_mark_in_spite_of_its_palette(kind):
    frames = np.stack([drawn(kind), drawn(kind)[:, ::-1]])
    with Image.open(io.BytesIO(provenance.gif_bytes(frames, RECORD, scale=2, key="key"))) as picture:
        for k in range(2):
            picture.seek(k)
            pixels = np.asarray(picture.convert("RGB"))
            assert provenance.detect(pixels, "key")["p_value"] < 1e-12
            assert provenance.detect(pixels, "another")["p_value"] > 1e-4


def test_a_page_gives_back_its_facts():
    page = f'<!doctype html><meta name="provenance" content="{html.escape(json.dumps(RECORD))}"><p>'
    assert provenance.read(page.encode()) == RECORD


@pytest.mark.parametrize(
    "bytes_",
    [
        b"",
        b"<p>no facts</p>",
        b'<meta name="provenance" content="{broken">',
        b'<meta name="provenance" content="[1]">',
        b'<meta name="provenance" content="' + b"[" * 100_000 + b'">',
        b"\x89PNG\r\n\x1a\nbroken",
        b"\x89PNG",
        b"GIF89a",
        b"\xff\xd8\xff\xe0 JPEG",
        b"\x00\xff" * 50,
        images.png_bytes(np.zeros((8, 8, 1), np.uint8)),
        images.gif_bytes(np.zeros((2, 8, 8, 1), np.uint8)),
        provenance.png_bytes(np.zeros((8, 8, 1), np.uint8), RECORD)[:-30],
        provenance.gif_bytes(np.zeros((1, 8, 8, 1), np.uint8), RECORD)[:-40],
    ],
)
def test_files_without_readable_facts_give_none(bytes_):
    assert provenance.read(bytes_) is None


# --- Model card --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", zoo.names())
def test_every_card_of_the_zoo_becomes_markdown_with_its_facts(name):
    card = zoo.card(name)
    text = provenance.model_card(card)
    assert text.startswith(f"# {name}\n\n{card['what']}.")
    assert card["licence"].replace("|", "\\|") in text and card["sha256"] in text
    for key, value in card.get("metrics", {}).items():
        assert key.replace("_", " ") in text
        if isinstance(value, float):
            assert str(value) in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.replace("\\|", "").count("|") == 3 for line in tables)


def test_a_card_cannot_break_its_table_or_bring_html():
    text = provenance.model_card({"name": "a|b", "what": "<script>\nx", "metrics": {"k|": "1|2\n3"}})
    assert "<script" not in text and "a\\|b" in text and "| k\\| | 1\\|2 3 |" in text


# --- Bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: provenance.watermark(np.zeros((7, 9, 1), np.uint8), "k"), "image: expected at least 8 x 8 pixels"),
        (lambda: provenance.watermark(np.zeros((8, 8, 1)), "k"), r"image: expected uint8 images"),
        (lambda: provenance.watermark(np.zeros((8, 8), np.uint8), "k"), "image: expected images of shape"),
        (lambda: provenance.detect(np.zeros((8, 8, 1), np.uint8), ""), "key: expected a text that is not empty"),
        (lambda: provenance.watermark(np.zeros((8, 8, 1), np.uint8), 5), "key: expected a text"),
        (lambda: provenance.watermark(np.zeros((8, 8, 1), np.uint8), "k", -1), "strength: expected a finite number"),
        (lambda: provenance.binomial_tail(3, 2), "k: expected at most n = 2"),
        (lambda: provenance.model_card({"name": "x"}), "card: expected a dictionary with 'what'"),
    ],
)  # fmt: skip
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
