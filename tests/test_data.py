"""Embedded data are whole, faces show exactly their labels, procedural data follow their factors."""

import colorsys
import hashlib
import json
import shutil

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from course_lib import _assets, _faces, data, images

FACE_NAMES = data.face_names()


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Keep the composed faces of this module in a folder of their own."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="module")
def faces(cache):
    return {split: data.load_faces(split) for split in data.SPLITS}


@pytest.fixture
def assets(tmp_path, monkeypatch):
    """Return an assets folder of the test's own, with a manifest and one atlas, that the library reads."""
    for name in ("manifest.json", "faces_atlas_64.npz"):
        shutil.copy(_assets.ROOT / name, tmp_path / name)
    monkeypatch.setattr(_assets, "ROOT", tmp_path)
    return tmp_path


# --- Files -----------------------------------------------------------------------------------


def test_fashion_is_the_standard_set():
    train, test = data.load_fashion("train"), data.load_fashion("test")
    for split, n in ((train, 60_000), (test, 10_000)):
        assert split.images.shape == (n, 28, 28, 1) and split.images.dtype == np.uint8
        np.testing.assert_array_equal(np.bincount(split.labels), np.full(10, n // 10))
    # The mean and standard deviation that everybody normalises Fashion-MNIST with.
    np.testing.assert_allclose([train.images.mean() / 255, train.images.std() / 255], [0.2860, 0.3530], atol=5e-5)
    assert len(data.FASHION_NAMES) == 10
    boots = data.FASHION_NAMES[test.labels[0]], data.FASHION_NAMES[train.labels[0]]
    assert boots == ("Ankle boot", "Ankle boot")


@pytest.mark.parametrize(("load", "count"), [(data.load_photos, 16), (data.load_paintings, 20)])
def test_works_are_whole_and_credited(load, count):
    works = load()
    assert len(works) == count == len({work.title for work in works})
    for work in works:
        assert work.image.dtype == np.uint8 and work.image.shape[2] == 3
        assert min(work.image.shape[:2]) >= 290 and max(work.image.shape[:2]) <= 1024
        assert work.image.std() > 15  # a picture, not a blank
        assert work.author and work.licence


def test_damaged_asset_is_named_with_both_hashes_and_the_remedy(assets):
    path = assets / "faces_atlas_64.npz"
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)
    expected = json.loads((assets / "manifest.json").read_text())["faces_atlas_64.npz"]
    with pytest.raises(_assets.AssetError) as error:
        _assets.read_npz("faces_atlas_64.npz")
    found = hashlib.sha256(content).hexdigest()
    for fact in (
        str(path),
        "damaged",
        expected,
        found,
        "git checkout -- course_lib/assets/faces_atlas_64.npz",
        "make data",
    ):
        assert fact in str(error.value)


def test_missing_assets_are_reported(assets):
    with pytest.raises(_assets.AssetError, match="fashion_test.npz is missing"):
        data.load_fashion("test")
    (assets / "manifest.json").unlink()
    with pytest.raises(_assets.AssetError, match="manifest.json is missing"):
        data.load_fashion("test")


def test_pickled_arrays_are_refused(assets):
    np.savez(assets / "bad.npz", x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        _assets.read_npz("bad.npz", expected=_assets.sha256(assets / "bad.npz"))


# --- Faces -----------------------------------------------------------------------------------


def one_face(**changes):
    return {name: 0 for name in FACE_NAMES} | changes


def test_faces_have_their_documented_form(faces):
    for split, n in (("train", 10_000), ("test", 2_000)):
        assert faces[split].images.shape == (n, 64, 64, 3) and faces[split].images.dtype == np.uint8
        assert faces[split].names == FACE_NAMES and list(faces[split].attributes) == list(FACE_NAMES)
        assert all(codes.shape == (n,) for codes in faces[split].attributes.values())


def test_faces_are_the_same_ones_every_time(faces):
    """A trained model's card describes these faces: other seeds or another order of attributes would belie it."""
    digests = {
        split: hashlib.sha256(np.stack([*f.attributes.values()]).astype(np.uint8).tobytes()).hexdigest()[:16]
        for split, f in faces.items()
    }
    assert digests == {"train": "f7150c24a1008ac5", "test": "4e402b1204917774"}
    some = {name: codes[::100] for name, codes in faces["test"].attributes.items()}
    np.testing.assert_array_equal(data.compose_faces(some), faces["test"].images[::100])
    # The mean colour, a little loose because processors may round a half differently.
    np.testing.assert_allclose(faces["test"].images.mean(axis=(0, 1, 2)), [180.929, 166.346, 165.052], atol=0.02)


def test_train_and_test_faces_differ(faces):
    train, test = (np.stack([*faces[split].attributes.values()], axis=1) for split in data.SPLITS)
    shared = {row.tobytes() for row in train} & {row.tobytes() for row in test}
    assert len(shared) <= 10  # among 20 million pairs, some faces of millions meet by chance


@pytest.mark.parametrize("name", FACE_NAMES)
def test_attribute_frequencies(faces, name):
    codes, k = faces["train"].attributes[name], len(FACE_NAMES[name])
    shares = {
        "glasses": (0.60, 0.20, 0.20),
        "facial_hair": (0.75, 0.125, 0.125),
        "earrings": (0.70, 0.15, 0.15),
    }.get(name, np.full(k, 1 / k))
    error = np.sqrt(len(codes) * np.multiply(shares, np.subtract(1, shares)))
    assert (abs(np.bincount(codes, minlength=k) - len(codes) * np.array(shares)) < 4.5 * error).all()


def test_attributes_are_independent(faces):
    codes = list(faces["train"].attributes.values())
    pairs = [(a, b) for i, a in enumerate(codes) for b in codes[:i]]
    p_values = [stats.chi2_contingency(stats.contingency.crosstab(a, b).count).pvalue for a, b in pairs]
    assert min(p_values) > 1e-4 and np.mean(p_values) > 0.4


def test_random_attributes_follow_their_seed():
    first, again, other = (data.random_attributes(200, seed) for seed in (1, 1, 2))
    for name, codes in first.items():
        np.testing.assert_array_equal(codes, again[name])
    assert any((codes != other[name]).any() for name, codes in first.items())


@pytest.mark.parametrize("size", [64, 128])
@pytest.mark.parametrize("name", list(_faces.DRAWINGS))
def test_one_changed_attribute_changes_its_own_pixels_only(name, size):
    atlas = _assets.read_npz(f"faces_atlas_{size}.npz")
    drawn = [
        part[..., 4] > 0 for part, key in zip(atlas["parts"], atlas["names"], strict=True) if key.startswith(f"{name}/")
    ]
    attributes = data.random_attributes(30, seed=3)
    versions = np.stack([data.compose_faces(attributes | {name: code}, size) for code in range(len(FACE_NAMES[name]))])
    changed = (versions != versions[:1]).any(axis=(0, -1))  # (30, size, size)
    assert changed.any(axis=(1, 2)).all()
    assert not changed[:, ~np.any(drawn, axis=0)].any()


@pytest.mark.parametrize("name", FACE_NAMES)
def test_every_value_of_every_attribute_can_be_seen(name):
    codes = np.arange(len(FACE_NAMES[name]))
    found = data.compose_faces(one_face(**{name: codes})).astype(float)
    for i in codes:
        for j in range(i):
            visible = abs(found[i] - found[j]).max(axis=-1) > 25
            assert visible.sum() >= 3, f"{FACE_NAMES[name][i]} and {FACE_NAMES[name][j]} look alike"


def test_glasses_show_on_every_skin_and_colours_on_every_style():
    for skin in range(3):
        bare, framed = data.compose_faces(one_face(skin=skin, glasses=np.array([0, 1]))).astype(float)
        assert (abs(bare - framed).max(axis=-1) > 40).sum() > 30
    for hair in range(6):
        coloured = data.compose_faces(one_face(hair=hair, hair_colour=np.array([0, 2]))).astype(float)
        assert (abs(coloured[0] - coloured[1]).max(axis=-1) > 40).sum() > 60


def test_palette_is_painted_as_named():
    found = data.compose_faces(one_face(background=np.arange(5)))
    for face, colour in zip(found, _faces.BACKGROUNDS.values(), strict=True):
        assert tuple(face[0, 0]) == tuple(bytes.fromhex(colour))
    for code, colour in enumerate(_faces.SKINS.values()):
        pixels = data.compose_faces(one_face(skin=code))[0].reshape(-1, 3)
        assert (pixels == list(bytes.fromhex(colour))).all(axis=1).sum() > 300


def test_the_same_face_at_both_sizes():
    attributes = data.random_attributes(40, seed=4)
    small, large = (data.compose_faces(attributes, size).astype(float) for size in (64, 128))
    difference = abs(large.reshape(40, 64, 2, 64, 2, 3).mean(axis=(2, 4)) - small)
    assert difference.mean() < 1 and np.quantile(difference, 0.999) < 30
    other = abs(np.roll(small, 1, axis=0) - small)
    assert other.mean() > 20  # what the bounds would see if the faces were others


def test_compose_takes_one_code_for_all_and_no_face_at_all():
    many = data.compose_faces(one_face(hair=np.array([1, 1, 1])))
    assert many.shape == (3, 64, 64, 3)
    np.testing.assert_array_equal(many, np.repeat(data.compose_faces(one_face(hair=1)), 3, axis=0))
    assert data.compose_faces(one_face(hair=np.zeros(0, int))).shape == (0, 64, 64, 3)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"hair": 0}, "^attributes: expected a dictionary with the keys"),
        ([0, 1], "^attributes: expected a dictionary"),
        (one_face(age=1), "^attributes: expected .*age"),
        (one_face(hair=6), r"^attributes\['hair'\]: expected integer codes .* from 0 to 5"),
        (one_face(hair=-1), r"^attributes\['hair'\]"),
        (one_face(hair=0.5), r"^attributes\['hair'\]"),
        (one_face(hair=np.zeros((2, 2), int)), r"^attributes\['hair'\]"),
        (one_face(hair=np.zeros(2, int), skin=np.zeros(3, int)), r"^attributes: expected codes of one length"),
    ],
)
def test_compose_refuses_wrong_attributes(attributes, message):
    with pytest.raises(ValueError, match=message):
        data.compose_faces(attributes)


# --- Cache -----------------------------------------------------------------------------------


@pytest.fixture
def few(monkeypatch, tmp_path):
    """Make the sets of faces small, and give the test a cache folder of its own, which does not exist yet."""
    monkeypatch.setattr(data, "FACES", {"train": 30, "test": 20})
    folder = tmp_path / "a" / "cache"
    monkeypatch.setenv("COURSE_CACHE", str(folder))
    return folder


def no_composing(*_):
    raise AssertionError("composed again")


def test_cache_is_used_and_tells_sets_and_sizes_apart(few, monkeypatch):
    wanted = [("train", 64), ("test", 64), ("test", 128)]
    first = [data.load_faces(split, size).images for split, size in wanted]
    assert len(list(few.iterdir())) == 3
    monkeypatch.setattr(_faces, "compose", no_composing)
    for (split, size), found in zip(wanted, first, strict=True):
        np.testing.assert_array_equal(data.load_faces(split, size).images, found)
    monkeypatch.setattr(data, "FACES", {"train": 31, "test": 20})  # other labels: what is stored no longer fits
    with pytest.raises(AssertionError, match="composed again"):
        data.load_faces("train")


@pytest.mark.parametrize("damage", [lambda content: b"", lambda content: b"garbage", lambda content: content[:5000]])
def test_damaged_cache_is_replaced(few, damage):
    expected = data.load_faces("test").images
    (path,) = few.iterdir()
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    np.testing.assert_array_equal(data.load_faces("test").images, expected)
    assert path.read_bytes() == whole and list(few.iterdir()) == [path]


def test_without_a_writable_folder_faces_are_composed(few):
    expected = data.load_faces("test").images
    shutil.rmtree(few.parent)
    few.parent.write_text("a file where the folder should be")
    np.testing.assert_array_equal(data.load_faces("test").images, expected)


# --- Procedural ------------------------------------------------------------------------------


def test_gaussian_ring_has_its_moments():
    points, centres = data.gaussian_ring(8000, modes=5, radius=2.0, std=0.1, seed=1)
    np.testing.assert_allclose(np.linalg.norm(centres, axis=1), 2)
    check_mixture(points, centres, 0.1)


def test_gaussian_grid_has_its_moments():
    points, centres = data.gaussian_grid(9000, side=3, spacing=1.5, std=0.1, seed=1)
    np.testing.assert_allclose(np.unique(centres), [-1.5, 0, 1.5])
    assert len({tuple(centre) for centre in centres}) == 9
    check_mixture(points, centres, 0.1)


def check_mixture(points, centres, std):
    """The modes stand many deviations apart here: the nearest centre is the one a point was drawn from."""
    nearest = np.linalg.norm(points[:, None] - centres, axis=-1).argmin(axis=1)
    counts, n = np.bincount(nearest, minlength=len(centres)), len(points)
    share = 1 / len(centres)
    assert (abs(counts - n * share) < 4.5 * np.sqrt(n * share * (1 - share))).all()
    rest = (points - centres[nearest]) / std
    np.testing.assert_allclose(np.cov(rest.T), np.eye(2), atol=5 * np.sqrt(2 / n))
    np.testing.assert_allclose(rest.mean(axis=0), 0, atol=4.5 / np.sqrt(n))


def test_procedural_data_follow_their_seed():
    for draw in (data.gaussian_ring, data.gaussian_grid, data.sprites):
        first, again, other = (draw(50, seed=seed)[0] for seed in (3, 3, 4))
        np.testing.assert_array_equal(first, again)
        assert (first != other).any()


@pytest.fixture(scope="module")
def sprites():
    pictures, factors = data.sprites(1000, size=64, seed=5)
    # Nothing reaches the left edge, so its colour is the background's in every row.
    masks = abs(pictures.astype(np.int16) - pictures[:, :, :1]).max(axis=-1)
    return pictures, factors, masks > masks.max(axis=(1, 2), keepdims=True) / 2


def test_sprites_lie_where_and_as_large_as_their_factors_say(sprites):
    _, factors, masks = sprites
    line = (np.arange(64) + 0.5) / 32 - 1
    area = masks.sum(axis=(1, 2))
    centre_x = (masks.sum(axis=1) @ line) / area
    centre_y = (masks.sum(axis=2) @ line) / area
    np.testing.assert_allclose(centre_x, 0.9 * (factors["x"] / 15 - 0.5), atol=0.02)
    np.testing.assert_allclose(centre_y, 0.9 * (factors["y"] / 15 - 0.5), atol=0.02)
    relative = area / (0.20 + 0.035 * factors["size"]) ** 2 / 32**2
    np.testing.assert_allclose(relative, 2.5, rtol=0.2)  # each shape covers about the same area
    means = [area[factors["size"] == code].mean() for code in range(6)]
    assert (np.diff(means) > 20).all()


def test_sprite_factors_are_uniform_and_colours_are_the_named_ones(sprites):
    pictures, factors, masks = sprites
    assert pictures.shape == (1000, 64, 64, 3) and pictures.dtype == np.uint8
    for name, count in data.SPRITE_FACTORS.items():
        observed = np.bincount(factors[name], minlength=count)
        assert len(observed) == count and stats.chisquare(observed).pvalue > 1e-4
    for i in range(0, 300, 10):
        inside = pictures[i][masks[i]].mean(axis=0) / 255
        assert hue_distance(hue(inside), factors["hue"][i] / 10) < 0.02
        assert hue_distance(hue(pictures[i][0, 0] / 255), factors["background_hue"][i] / 10) < 0.02


def hue(rgb):
    return colorsys.rgb_to_hsv(*rgb)[0]


def hue_distance(a, b):
    return abs((a - b + 0.5) % 1 - 0.5)


def centred_sprite(**changes):
    factors = {"hue": 0, "background_hue": 5, "size": 5, "x": 7.5, "y": 7.5, "angle": 0} | changes
    return data._draw_sprites({name: np.array([code]) for name, code in factors.items()}, 128)[0].astype(np.uint8)


def test_heart_is_symmetric_notched_and_points_down():
    picture = centred_sprite(shape=2)
    np.testing.assert_array_equal(picture, picture[:, ::-1])
    inside = abs(picture.astype(int) - picture[:, :1]).max(axis=-1) > 60
    rows = np.flatnonzero(inside.any(axis=1))
    widths = inside.sum(axis=1)[rows]
    assert widths[-1] <= 2 and widths.argmax() < 0.45 * len(rows)
    below = widths[widths.argmax() + 6 :]
    assert (np.diff(below) <= 0).all()  # narrows steadily down to its point
    assert not inside[rows[1], 63:65].any() and inside[rows[1]].any()  # two lobes with a notch between them


@pytest.mark.parametrize("shape", [0, 1, 2])
def test_angle_turns_sprites_clockwise(shape):
    upright, turned = (centred_sprite(shape=shape, angle=angle) for angle in (0, 6))
    inside = [abs(x.astype(int) - x[:, :1]).max(axis=-1) > 60 for x in (upright, turned)]
    assert (np.rot90(inside[0], -1) != inside[1]).sum() <= 8  # rounding, on the edge


# --- The learner's own -----------------------------------------------------------------------


def left_half_red(width, height):
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2, 0] = 255
    return Image.fromarray(pixels)


def test_load_folder_reads_every_kind_of_picture_upright_and_centred(tmp_path):
    left_half_red(60, 40).save(tmp_path / "a.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: what is left in the file belongs on top
    left_half_red(60, 40).save(tmp_path / "b.jpg", exif=exif, quality=95)
    Image.new("L", (30, 50), 77).save(tmp_path / "c.png")
    Image.new("RGBA", (20, 20), (200, 0, 0, 0)).save(tmp_path / "d.png")
    left_half_red(16, 16).quantize().save(tmp_path / "e.gif")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / ".hidden").write_text("no picture, and nobody asked for it")
    found = data.load_folder(tmp_path, 16)
    assert found.shape == (5, 16, 16, 3) and found.dtype == np.uint8
    a, b, grey, clear, palette = found.astype(int)
    assert (a[:, :6] == [255, 0, 0]).all() and (a[:, 10:] == 0).all()
    assert (abs(b[:6] - [255, 0, 0]) < 20).all() and (b[10:] < 20).all()
    assert (grey == 77).all()
    assert (clear == 255).all()
    assert (palette[:, :6] == [255, 0, 0]).all()


def test_load_folder_names_what_it_skips(tmp_path, monkeypatch):
    left_half_red(10, 10).save(tmp_path / "good.png")
    Image.effect_noise((50, 50), 90).save(tmp_path / "broken.png")
    (tmp_path / "broken.png").write_bytes((tmp_path / "broken.png").read_bytes()[:1000])
    (tmp_path / "notes.txt").write_text("not a picture")
    Image.new("L", (200, 200)).save(tmp_path / "bomb.png")
    Image.new("L", (130, 100)).save(tmp_path / "mild_bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)  # Pillow warns above it, and refuses above twice as much
    with pytest.warns(UserWarning, match="Skipped 4 unreadable files") as caught:
        found = data.load_folder(tmp_path, 8)
    assert found.shape == (1, 8, 8, 3)
    for name in ("broken.png", "notes.txt", "bomb.png (DecompressionBombError)", "mild_bomb.png (Decomp"):
        assert name in str(caught[0].message)
    assert "good.png" not in str(caught[0].message)


@pytest.mark.filterwarnings("ignore:Skipped")
def test_load_folder_refuses_what_holds_no_picture(tmp_path):
    with pytest.raises(ValueError, match="^path: expected .*at least one readable picture"):
        data.load_folder(tmp_path, 8)
    (tmp_path / "notes.txt").write_text("not a picture")
    for path in (tmp_path, tmp_path / "notes.txt", tmp_path / "nowhere"):
        with pytest.raises(ValueError, match="^path: expected"):
            data.load_folder(path, 8)


def test_load_keras_gives_images_with_channels_and_flat_labels(monkeypatch):
    import keras

    grey = np.zeros((4, 28, 28), np.uint8), np.arange(4)
    colour = np.zeros((4, 32, 32, 3), np.uint8), np.arange(4)[:, None]
    monkeypatch.setattr(keras.datasets.mnist, "load_data", lambda: (grey, grey))
    monkeypatch.setattr(keras.datasets.cifar10, "load_data", lambda: (colour, colour))
    for name, shape in (("mnist", (4, 28, 28, 1)), ("cifar10", (4, 32, 32, 3))):
        for x, y in data.load_keras(name):
            assert x.shape == shape and y.shape == (4,)


# --- Pipelines -------------------------------------------------------------------------------


def numbered(n):
    """Images whose first pixel is their number."""
    return np.broadcast_to(np.arange(n, dtype=np.uint8)[:, None, None, None], (n, 4, 4, 1))


def epoch(dataset):
    batches = [batch.numpy() for batch in dataset]
    return batches, np.concatenate([images.to_uint8(batch[:, 0, 0, 0]) for batch in batches])


def test_pipeline_gives_whole_batches_in_range():
    batches, numbers = epoch(data.pipeline(np.append(numbered(10), numbered(256)[-1:], axis=0), 4, shuffle=False))
    assert [batch.shape for batch in batches] == [(4, 4, 4, 1)] * 2  # the last three of eleven are left out
    assert batches[0].dtype == np.float32
    np.testing.assert_array_equal(numbers, np.arange(8))
    ((ends,), _) = epoch(data.pipeline(numbered(256)[[0, 255]], 2, shuffle=False))
    np.testing.assert_array_equal(ends[:, 0, 0, 0], [-1, 1])


def test_pipeline_shuffles_anew_each_epoch_and_the_same_for_a_seed():
    dataset = data.pipeline(numbered(64), 16, seed=1)
    first, second = epoch(dataset)[1], epoch(dataset)[1]
    for numbers in (first, second):
        np.testing.assert_array_equal(np.sort(numbers), np.arange(64))
    assert (first != second).any() and (first != np.arange(64)).any()
    again = data.pipeline(numbered(64), 16, seed=1)
    np.testing.assert_array_equal(np.stack([epoch(again)[1], epoch(again)[1]]), [first, second])
    assert (epoch(data.pipeline(numbered(64), 16, seed=2))[1] != first).any()


@pytest.mark.parametrize(
    ("argument", "call"),
    [
        ("split", lambda: data.load_fashion("validation")),
        ("split", lambda: data.load_faces("validation")),
        ("size", lambda: data.load_faces("test", size=32)),
        ("size", lambda: data.compose_faces(one_face(), size=65)),
        ("n", lambda: data.random_attributes(0)),
        ("seed", lambda: data.random_attributes(2, seed=-1)),
        ("n", lambda: data.gaussian_ring(0)),
        ("modes", lambda: data.gaussian_ring(10, modes=0)),
        ("radius", lambda: data.gaussian_ring(10, radius=-1)),
        ("std", lambda: data.gaussian_ring(10, std=-0.1)),
        ("side", lambda: data.gaussian_grid(10, side=2.5)),
        ("spacing", lambda: data.gaussian_grid(10, spacing=np.nan)),
        ("size", lambda: data.sprites(10, size=4)),
        ("n", lambda: data.sprites("many")),
        ("name", lambda: data.load_keras("imagenet")),
        ("images", lambda: data.pipeline(np.zeros((4, 8, 8, 1)), 2)),
        ("images", lambda: data.pipeline(np.zeros((4, 8, 8), np.uint8), 2)),
        ("batch_size", lambda: data.pipeline(numbered(4), 5)),
        ("batch_size", lambda: data.pipeline(numbered(4), 0)),
        ("seed", lambda: data.pipeline(numbered(4), 2, seed=0.5)),
    ],
)
def test_bad_input_names_the_argument(argument, call):
    with pytest.raises(ValueError, match=f"^{argument}: expected"):
        call()
