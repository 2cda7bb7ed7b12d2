"""What is committed is what DATA.md lists; the build's readers refuse what they do not understand."""

import pickle
import shutil
import struct
import zlib
from pathlib import Path

import build_data
import numpy as np
import pytest
from data_build import data_md, files, paintings, pth, rcc, sources
from PIL import Image

from course_lib import _assets

ROOT = Path(__file__).resolve().parents[1]
DATA_MD = (ROOT / "DATA.md").read_text(encoding="utf-8")
LICENCES = ("MIT/Expat", "CC BY 4.0", "CC BY 2.0", "CC0 1.0", "public domain", "GPL-3+", "Apache-2.0")


def rows(lines):
    """Return the cells of the rows of Markdown tables, without their heads: rows begin with a file's name."""
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("| `")]


ROWS = rows(DATA_MD.splitlines())


# --- DATA.md and the manifest ----------------------------------------------------------------


def test_manifest_holds_the_hash_of_every_data_file():
    assert _assets.manifest() == {name: _assets.sha256(_assets.ROOT / name) for name in files.data_files()}


def test_data_md_is_up_to_date(tmp_path):
    copy = tmp_path / "DATA.md"
    shutil.copy(ROOT / "DATA.md", copy)
    data_md.update(copy)
    fresh = copy.read_text(encoding="utf-8")
    assert fresh == DATA_MD, "run: python tools/build_data.py data-md"


def test_every_embedded_file_is_listed_with_a_licence():
    listed = {row[0].strip("`") for row in ROWS}
    embedded = {p.relative_to(_assets.ROOT).as_posix() for p in _assets.ROOT.rglob("*") if p.is_file()}
    cards = {name for name in embedded if name.startswith(("zoo/", "lessons/")) and name.endswith(".json")}
    assert listed == embedded - cards - {"manifest.json"}


@pytest.mark.parametrize("row", ROWS, ids=[row[0].strip("`") for row in ROWS])
def test_row_of_data_md_is_complete(row):
    file, what, author, licence, source, changes, digest = row
    assert all((what, author, source, changes))
    assert any(name in licence for name in LICENCES)
    assert digest.strip("`") == _assets.sha256(_assets.ROOT / file.strip("`"))


def test_data_md_gives_the_notices_that_the_licences_ask_for():
    for notice in (
        "Avatar Illustration System",
        "Micah Lanier",
        "creativecommons.org/licenses/by/4.0",
        "creativecommons.org/licenses/by/2.0",
        "Copyright © 2017 Zalando SE",
        "The above copyright notice and this permission notice shall be included",
        "Copyright: WebMuseum",
        "License: GPL-3+",
        "Copyright © 2020 ML Illustrated",
    ):
        assert notice in DATA_MD


@pytest.fixture
def small(tmp_path):
    """Return an assets folder with one photograph, no painting, and one model."""
    for folder in ("photos", "paintings"):
        files.write_works(tmp_path / folder, [], 90)
    facts = {"file": "a.webp", "title": "A | B", "author": "C", "licence": "CC0 1.0", "source": "D", "changes": "E"}
    files.write_works(tmp_path / "photos", [(Image.new("RGB", (8, 6), "red"), facts)], 90)
    files.write_npz(tmp_path / "zoo" / "net.npz", {"w": np.ones(3)})
    card = {"what": "a net", "licence": "Apache-2.0", "data": "faces"}
    files.write_json(tmp_path / "zoo" / "net.json", card | {"sha256": _assets.sha256(tmp_path / "zoo" / "net.npz")})
    return tmp_path


def test_tables_come_from_cards(small):
    tables = data_md.tables(small)
    (photo,), (net,) = rows(tables["photos"]), rows(tables["zoo"])
    assert photo[:2] == ["`photos/a.webp`", "A \\| B"] and net[0] == "`zoo/net.npz`"
    assert rows(tables["lessons"]) == []


def test_a_file_of_unknown_origin_is_refused(small):
    (small / "mystery.npz").write_bytes(b"?")
    with pytest.raises(ValueError, match="no source and licence known for .*mystery.npz"):
        data_md.tables(small)


def test_weights_that_do_not_fit_their_card_are_refused(small):
    (small / "zoo" / "net.npz").write_bytes(b"other weights")
    with pytest.raises(ValueError, match="net.npz has SHA-256 .* its card says"):
        data_md.tables(small)


def test_data_md_without_marks_is_refused(tmp_path):
    (tmp_path / "DATA.md").write_text("# Data\n")
    with pytest.raises(ValueError, match="lacks the marks of the table"):
        data_md.update(tmp_path / "DATA.md")


# --- Writing ---------------------------------------------------------------------------------


def test_write_npz_gives_the_same_bytes_and_the_same_arrays(tmp_path):
    arrays = {"x": np.arange(12).reshape(3, 4)[:, ::2], "names": np.array(["a", "bc"])}
    for name in ("a.npz", "b.npz"):
        files.write_npz(tmp_path / name, arrays)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with np.load(tmp_path / "a.npz", allow_pickle=False) as found:
        for name, array in arrays.items():
            np.testing.assert_array_equal(found[name], array)


def test_write_npz_refuses_objects(tmp_path):
    with pytest.raises(ValueError, match="allow_pickle"):
        files.write_npz(tmp_path / "a.npz", {"x": np.array([{}], dtype=object)})


def test_shrink_keeps_proportions_and_never_enlarges():
    assert files.shrink(Image.new("RGBA", (3000, 1500)), 1024).size == (1024, 512)
    assert files.shrink(Image.new("L", (300, 200)), 1024).size == (300, 200)
    assert files.shrink(Image.new("L", (300, 200)), 1024).mode == "RGB"


# --- Reading ---------------------------------------------------------------------------------


def resource(entries, flags):
    """Return the bytes of a Qt resource whose root holds the files ``entries``, name -> content."""
    names, data, tree = b"", b"", struct.pack(">IHIIQ", 0, 2, len(entries), 1, 0)
    for name, content in entries.items():
        tree += struct.pack(">IHHHIQ", len(names), flags, 0, 0, len(data), 0)
        names += struct.pack(">HI", len(name), 0) + name.encode("utf-16-be")
        stored = struct.pack(">I", len(content)) + zlib.compress(content) if flags & 1 else content
        data += struct.pack(">I", len(stored)) + stored
    start = 20
    head = struct.pack(">4sIIII", b"qres", 3, start, start + len(tree), start + len(tree) + len(data))
    return head + tree + data + names


@pytest.mark.parametrize("flags", [0, 1])
def test_read_rcc_returns_files(tmp_path, flags):
    entries = {"a.txt": b"first", "bild.webp": b"second" * 50}
    (tmp_path / "x.rcc").write_bytes(resource(entries, flags))
    assert rcc.read_rcc(tmp_path / "x.rcc") == {f"/{name}": content for name, content in entries.items()}


def test_read_rcc_refuses_other_formats(tmp_path):
    (tmp_path / "x.rcc").write_bytes(b"PK" + bytes(40))
    with pytest.raises(ValueError, match="not a Qt resource file"):
        rcc.read_rcc(tmp_path / "x.rcc")
    (tmp_path / "x.rcc").write_bytes(resource({"a": b"content"}, flags=4))
    with pytest.raises(ValueError, match="Zstandard"):
        rcc.read_rcc(tmp_path / "x.rcc")


def integers(values):
    return "(" + "".join(f"I{value}\n" for value in values) + "t"


def tensor(offset, shape, strides):
    """Return the pickle opcodes that PyTorch writes for one tensor in a storage of six floats."""
    storage = "(Vstorage\nctorch\nFloatStorage\nV0\nVcpu\nI6\ntQ"
    return f"ctorch._utils\n_rebuild_tensor_v2\n({storage}I{offset}\n{integers(shape)}{integers(strides)}tR"


def state_file(path, state):
    """Write a file in PyTorch's stream format: three heads, the state, its storages."""
    heads = b"".join(pickle.dumps(value) for value in (0x1950A86A20F9469CFC6C, 1001, {}))
    values = struct.pack("<q", 6) + np.arange(6, dtype=np.float32).tobytes()
    path.write_bytes(heads + state.encode() + pickle.dumps(["0"]) + values)
    return path


def test_read_pth_follows_offsets_and_strides(tmp_path):
    tensors = {"a": tensor(0, (2, 3), (3, 1)), "b": tensor(1, (2,), (3,)), "c": tensor(0, (3, 2), (1, 3))}
    state = "(d" + "".join(f"V{name}\n{opcodes}s" for name, opcodes in tensors.items()) + "."
    found = pth.read_pth(state_file(tmp_path / "x.pth", state))
    assert list(found) == ["a", "b", "c"]
    np.testing.assert_array_equal(found["a"], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(found["b"], [1, 4])
    np.testing.assert_array_equal(found["c"], found["a"].T)


@pytest.mark.parametrize("function", ["os\nsystem", "builtins\neval", "torch\nload", "numpy\nload"])
def test_read_pth_calls_nothing_but_its_own(tmp_path, function):
    mark = tmp_path / "called"
    state = f"c{function}\n(Vtouch {mark}\ntR."
    with pytest.raises(pickle.UnpicklingError, match="refused"):
        pth.read_pth(state_file(tmp_path / "x.pth", state))
    assert not mark.exists()


@pytest.mark.parametrize("place", [(1, (2, 3), (3, 1)), (0, (7,), (1,)), (-1, (2,), (1,)), (5, (2,), (-1,))])
def test_read_pth_refuses_tensors_that_leave_their_storage(tmp_path, place):
    with pytest.raises(ValueError, match="leaves its 6 stored values"):
        pth.read_pth(state_file(tmp_path / "x.pth", f"(dVa\n{tensor(*place)}s."))


def test_rejoin_makes_the_picture_from_its_pieces():
    """Two pieces that overlap by a soft edge give the picture back, but for the seam, where neighbours fill in."""
    line = np.arange(40)
    picture = np.stack(np.broadcast_arrays(5 * line[None, :], 4 * line[:, None], np.full((40, 40), 99)), -1)
    opacity = np.clip((line - 18) * 85, 0, 255)  # rises from 0 to 255 over three columns
    pieces = []
    for alpha in (255 - opacity, opacity):
        rgba = np.concatenate([picture, np.broadcast_to(alpha[:, None], (40, 40, 1))], axis=-1)
        pieces.append((Image.fromarray(rgba.astype(np.uint8)), 3, 2))
    found = np.asarray(paintings.rejoin((46, 44), pieces)).astype(int)
    inner = picture[paintings.MARGIN : -paintings.MARGIN, paintings.MARGIN : -paintings.MARGIN]
    assert found.shape == inner.shape
    wrong = abs(found - inner).max(axis=(0, 2))
    assert wrong.max() <= 10 and (wrong > 1).sum() <= 4


# --- Packages --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("obtain", "missing"),
    [
        (lambda cache: sources.debian("dataset-fashion-mnist", cache), "apt-get"),
        (sources.npm, "npm"),
        (lambda cache: sources.run_node("x.mjs", [], cache), "node"),
    ],
)
def test_a_missing_program_is_named(tmp_path, monkeypatch, obtain, missing):
    monkeypatch.setattr(shutil, "which", lambda program: None)
    with pytest.raises(SystemExit, match=f"^{missing} was not found: .*"):
        obtain(tmp_path)


def test_an_obtained_package_is_not_obtained_again(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "_run", lambda *_: pytest.fail("ran a command"))
    for folder in ("debian/some-package", "npm/node_modules", "wheels/scikit-image-0.26.0"):
        (tmp_path / folder).mkdir(parents=True)
    assert sources.debian("some-package", tmp_path) == tmp_path / "debian/some-package"
    assert sources.npm(tmp_path) == tmp_path / "npm"
    assert sources.wheel(sources.SCIKIT_IMAGE, tmp_path) == tmp_path / "wheels/scikit-image-0.26.0"


def test_build_data_refuses_unknown_names(capsys):
    with pytest.raises(SystemExit):
        build_data.main(["celebrities"])
    assert "celebrities" in capsys.readouterr().err
