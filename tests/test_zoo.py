"""Every trained model: it loads, does what its card says, and refuses damaged files."""

import json
import shutil

import numpy as np
import pytest

from course_lib import _assets, data, images, nets, zoo
from course_lib.vae import VAE

NAMES = ["faces-classifier", "faces-gan", "faces-vae", "fashion-classifier", "fashion-gan", "fashion-vae", "lite0"]


def test_the_zoo_holds_the_promised_models():
    assert set(NAMES) <= set(zoo.names())


@pytest.mark.parametrize("name", NAMES)
def test_card_is_complete_and_weights_are_its_own(name):
    card = zoo.card(name)
    assert {"name", "what", "builder", "arguments", "data", "licence", "sha256", "parameters"} <= set(card)
    assert card["name"] == name
    assert _assets.sha256(_assets.ROOT / "zoo" / f"{name}.npz") == card["sha256"]
    if name != "lite0":
        assert {"seed", "minutes", "hardware", "date", "versions", "metrics", "training"} <= set(card)


@pytest.mark.parametrize("name", ["fashion-gan", "faces-gan", "fashion-vae", "faces-vae"])
def test_generators_make_different_images_in_range(name):
    model = zoo.load(name)
    z = np.random.default_rng(0).normal(size=(8, _latent_dim(model))).astype(np.float32)
    x = np.asarray(model.decode(z) if isinstance(model, VAE) else model(z, training=False))
    assert x.shape[1:] == tuple(zoo.card(name)["arguments"]["image_shape"])
    assert np.abs(x).max() <= 1
    assert np.std(x, axis=0).mean() > 0.1, "the samples are all alike"


@pytest.mark.parametrize("name", ["fashion-classifier", "faces-classifier"])
def test_classifiers_reach_the_accuracy_of_their_card(name):
    if name.startswith("fashion"):
        test = data.load_fashion("test")
        x, labels = test.images[:1000], {"label": test.labels[:1000]}
    else:
        test = data.load_faces("test")
        x, labels = test.images[:500], {head: codes[:500] for head, codes in test.attributes.items()}
    logits = zoo.load(name)(images.to_float(x), training=False)
    stated = zoo.card(name)["metrics"]["test_accuracy"]
    for head, codes in labels.items():
        accuracy = np.mean(np.argmax(logits[head], axis=-1) == codes)
        spread = 4 * np.sqrt(stated[head] * (1 - stated[head]) / len(codes)) + 0.005
        assert accuracy == pytest.approx(stated[head], abs=spread), head
    if name == "fashion-classifier":
        assert stated["label"] >= 0.91


def test_each_load_is_a_model_of_its_own():
    first = zoo.load("fashion-gan")
    first.set_weights([np.zeros_like(w) for w in first.get_weights()])
    assert np.abs(zoo.load("fashion-gan").get_weights()[0]).max() > 0


def test_unknown_names_are_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="name: expected one of .*'faces-gan'.*received 'face-gan'"):
        zoo.load("face-gan")


def test_damaged_and_missing_weights_say_how_to_restore_them(tmp_path, monkeypatch):
    shutil.copytree(_assets.ROOT / "zoo", tmp_path / "zoo")
    monkeypatch.setattr(_assets, "ROOT", tmp_path)
    file = tmp_path / "zoo" / "fashion-gan.npz"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(_assets.AssetError) as error:
        zoo.load("fashion-gan")
    for fact in ("fashion-gan.npz is damaged", zoo.card("fashion-gan")["sha256"], "train_zoo.py fashion-gan"):
        assert fact in str(error.value)
    file.unlink()
    with pytest.raises(_assets.AssetError, match="fashion-gan.npz is missing"):
        zoo.load("fashion-gan")


def test_save_and_load_round_trip(tmp_path, monkeypatch):
    (tmp_path / "zoo").mkdir()
    monkeypatch.setattr(_assets, "ROOT", tmp_path)
    arguments = {"image_shape": (8, 8, 1), "latent_dim": 3, "width": 4}
    model = nets.dcgan_generator(**arguments)
    zoo.save("tiny", model, {"builder": "dcgan_generator", "arguments": arguments})
    for old, new in zip(model.get_weights(), zoo.load("tiny").get_weights(), strict=True):
        np.testing.assert_allclose(old, new, rtol=1e-3)  # float16
    other = json.loads((tmp_path / "zoo" / "tiny.json").read_text())
    other["arguments"]["width"] = 8
    (tmp_path / "zoo" / "tiny.json").write_text(json.dumps(other))
    with pytest.raises(_assets.AssetError, match="does not hold the weights"):
        zoo.load("tiny")


def test_pickled_content_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(_assets, "ROOT", tmp_path)
    np.savez(tmp_path / "bad.npz", w=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        _assets.read_npz("bad.npz", _assets.sha256(tmp_path / "bad.npz"))


def _latent_dim(model):
    return model.latent_dim if isinstance(model, VAE) else model.input_shape[-1]
