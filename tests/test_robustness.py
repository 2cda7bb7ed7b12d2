"""Accidents around the learner's files: full and read-only disks, no home, foreign paths, two kernels, bombs.

Where an accident of the kind is tested elsewhere: damaged and missing assets and pickles in test_data and test_zoo; a
damaged cache and a home that cannot be written in test_data; damaged pictures of the learner's own in test_data; torn
lines, folders in the way, threads and two processes that note progress in test_progress; a killed training in
test_backup; a damaged gallery in test_gallery; damaged files with facts in test_provenance.
"""

import errno
import io
import json
import os
import shutil
import struct
import subprocess
import sys
import textwrap
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from course_lib import _assets, _faces, _files, _progress_log, data, gallery, images, progress, provenance, zoo

PICTURE = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
ROOT = Path(__file__).resolve().parents[1]


def run(code, *arguments, folder=ROOT, **environment):
    """Run Python code in a process of its own; return what it printed, or fail with what it complained of."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(params=[errno.ENOSPC, errno.EROFS], ids=["full disk", "read-only disk"])
def no_room(request, monkeypatch):
    """Return a function after whose call every new file fails in the middle: half is written, then the error comes."""

    def happen():
        class Half:
            def __init__(self, file):
                self.file = file

            def __getattr__(self, name):
                return getattr(self.file, name)

            def __enter__(self):
                return self

            def __exit__(self, *error):
                self.file.close()

            def write(self, content):
                self.file.write(bytes(content)[: len(content) // 2])
                raise OSError(request.param, os.strerror(request.param))

        def opened(path, mode="r", *rest, **options):
            file = open(path, mode, *rest, **options)  # noqa: SIM115
            return Half(file) if set(mode) & set("wax+") else file

        monkeypatch.setattr(_files, "open", opened, raising=False)
        monkeypatch.setattr(_progress_log, "open", opened, raising=False)
        monkeypatch.setattr(os, "fdopen", lambda handle, mode, fdopen=os.fdopen: Half(fdopen(handle, mode)))

    return happen


def contents(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


class TestNoRoom:
    def test_a_gallery_keeps_its_works_and_leaves_no_half_of_a_file(self, tmp_path, no_room):
        works = gallery.Gallery(tmp_path)
        works.add(PICTURE, "First")
        before = contents(tmp_path)
        no_room()
        for attempt in (
            lambda: works.add(PICTURE, "Second"),
            lambda: works.rename(0, "Other"),
            lambda: works.export_png(0),
            lambda: works.export_html(),
            lambda: works.export_html(tmp_path / "page.html"),
        ):
            with pytest.raises(OSError, match="space|Read-only"):
                attempt()
        assert contents(tmp_path) == before

    def test_what_failed_for_want_of_room_can_be_done_again(self, tmp_path):
        works = gallery.Gallery(tmp_path)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left")))
            with pytest.raises(OSError, match="No space"):
                works.add(PICTURE, "First")
        works.add(PICTURE, "Second")
        assert [work["title"] for work in gallery.Gallery(tmp_path).works] == ["First", "Second"]

    def test_an_export_of_progress_is_replaced_whole_or_not_at_all(self, tmp_path, monkeypatch, no_room):
        monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "log.jsonl"))
        _progress_log.add({"a": "2026-01-02"})
        progress.export(tmp_path / "mine.json")
        before = contents(tmp_path)
        _progress_log.add({"b": "2026-01-03"})
        no_room()
        with pytest.raises(OSError, match="space|Read-only"):
            progress.export(tmp_path / "mine.json")
        assert (tmp_path / "mine.json").read_bytes() == before["mine.json"]
        assert not [name for name in contents(tmp_path) if name.endswith(".part")]

    def test_a_right_answer_is_no_error_and_earlier_ones_stay(self, tmp_path, monkeypatch, no_room):
        monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "log.jsonl"))
        _progress_log.add({"a": "2026-01-02"})
        no_room()
        _progress_log.passed("b")
        monkeypatch.undo()
        monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "log.jsonl"))
        assert progress.done() == {"a": "2026-01-02"}
        _progress_log.add({"c": "2026-01-04"})
        assert progress.done() == {"a": "2026-01-02", "c": "2026-01-04"}

    def test_a_trained_model_is_replaced_whole_or_not_at_all(self, tmp_path, monkeypatch, no_room):
        (tmp_path / "zoo").mkdir()
        monkeypatch.setattr(_assets, "ROOT", tmp_path)
        arguments = {"image_shape": (8, 8, 1), "latent_dim": 3, "width": 4}
        model = zoo.BUILDERS["dcgan_generator"](**arguments)
        zoo.save("tiny", model, {"builder": "dcgan_generator", "arguments": arguments})
        before = contents(tmp_path / "zoo")
        no_room()
        with pytest.raises(OSError, match="space|Read-only"):
            zoo.save("tiny", model, {"builder": "dcgan_generator", "arguments": arguments})
        assert contents(tmp_path / "zoo") == before

    def test_faces_are_composed_and_no_half_of_a_cache_is_left(self, tmp_path, monkeypatch, no_room):
        monkeypatch.setattr(data, "FACES", {"train": 3, "test": 2})
        monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
        no_room()
        assert data.load_faces("test").images.shape == (2, 64, 64, 3)
        assert contents(tmp_path) == {}

    @pytest.mark.skipif(sys.platform == "win32", reason="a limit on the size of files is POSIX's")
    def test_a_training_goes_on_from_the_checkpoint_before_the_disk_was_full(self, tmp_path):
        run(
            """
            import resource, sys
            sys.path.insert(0, "tests")
            import keras, numpy as np, tensorflow as tf
            from trainers import make, weights
            from course_lib._backup import Checkpoints

            model = make("GAN", keras.optimizers.Adam)
            checkpoints = Checkpoints(model, sys.argv[1])
            checkpoints.save(1, 2)
            kept = [w.copy() for w in weights(model)]
            for variable in model.trainable_variables:
                variable.assign(variable + 1)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
            try:
                checkpoints.save(1, 4)
            except (tf.errors.OpError, OSError) as error:
                failed = error
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            assert failed
            assert Checkpoints(model, sys.argv[1]).restore() == (1, 2)
            assert all(np.array_equal(a, b) for a, b in zip(kept, weights(model), strict=True))
            """,
            tmp_path / "checkpoints",
        )


class TestNoHome:
    def test_faces_are_composed(self, monkeypatch):
        def nobody():
            raise RuntimeError("Could not determine home directory.")

        monkeypatch.delenv("COURSE_CACHE", raising=False)
        monkeypatch.setattr(data, "FACES", {"train": 3, "test": 2})
        monkeypatch.setattr(Path, "home", nobody)
        assert data.load_faces("test").images.shape == (2, 64, 64, 3)
        assert progress.path() is None or os.environ.get("COURSE_PROGRESS")

    def test_the_library_works_for_a_user_whose_home_cannot_be_made(self, tmp_path):
        (tmp_path / "file").write_text("in the way")
        code = """
            import numpy as np
            from course_lib import data, plots, progress, _progress_log
            data.FACES = {"train": 3, "test": 2}
            assert data.load_faces("test").images.shape == (2, 64, 64, 3)
            _progress_log.passed("a")
            assert progress.done() == {}
            assert plots.image_grid(np.zeros((4, 8, 8, 3), np.uint8)) is not None
            """
        names = ("HOME", "USERPROFILE", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MPLCONFIGDIR", "KERAS_HOME")
        home = str(tmp_path / "file" / "home")
        run(code, **{name: home for name in names}, COURSE_PROGRESS="", COURSE_CACHE="")
        assert [path.name for path in tmp_path.iterdir()] == ["file"]


class TestForeignPaths:
    def test_a_course_in_a_folder_of_any_name_works(self, tmp_path):
        course = tmp_path / "курс – 课程 ✎ 'it''s' 100 %"
        shutil.copytree(ROOT / "course_lib", course / "course_lib", ignore=shutil.ignore_patterns("__pycache__"))
        said = run(
            """
            import pathlib, sys
            import numpy as np
            from course_lib import _backup, data, gallery, images, progress, _progress_log, provenance, zoo
            here = pathlib.Path.cwd()
            assert here in pathlib.Path(zoo.__file__).parents
            assert len(data.load_photos("test")) == 6
            data.FACES = {"train": 3, "test": 2}
            assert data.load_faces("test").images.shape == (2, 64, 64, 3)
            picture = images.to_uint8(np.asarray(zoo.load("fashion-gan")(np.zeros((1, 64), np.float32))))[0]
            room = gallery.Gallery(here / "галерея", artist="Ада")
            room.add(picture, "Утро – 晨")
            files = [room.export_png(0), room.export_html(title="Моя галерея")]
            assert all(provenance.read(file) for file in files)
            assert data.load_folder(here / "галерея", 8).shape == (2, 8, 8, 3)
            _progress_log.passed("a")
            assert set(progress.done()) == {"a"} and progress.merge(progress.export(here / "мой.json")) == 0
            print(progress.path())
            """,
            folder=course,
            PYTHONPATH=os.pathsep.join([str(course), os.environ["PYTHONPATH"]]),
            PYTHONUTF8="1",
            COURSE_CACHE=str(course / "кэш"),
            COURSE_PROGRESS=str(course / "успехи" / "progress.jsonl"),
        )
        assert "успехи" in said

    def test_checkpoints_go_to_a_folder_of_any_name(self, tmp_path):
        import keras
        from trainers import make, weights

        from course_lib._backup import Checkpoints

        model = make("GAN", keras.optimizers.Adam)
        Checkpoints(model, tmp_path / "чекпойнты – 检查").save(3, 1)
        kept = [w.copy() for w in weights(model)]
        for variable in model.trainable_variables:
            variable.assign(variable + 1)
        assert Checkpoints(model, tmp_path / "чекпойнты – 检查").restore() == (3, 1)
        assert all(np.array_equal(a, b) for a, b in zip(kept, weights(model), strict=True))


class TestTwoKernels:
    def test_two_processes_that_add_to_one_gallery_lose_nothing(self, tmp_path):
        code = """
            import sys
            import numpy as np
            from course_lib import gallery
            room = gallery.Gallery(sys.argv[1])
            for k in range(25):
                place = room.add(np.full((8, 8, 3), k, np.uint8), f"{sys.argv[2]} {k}")
                assert room[place]["title"] == f"{sys.argv[2]} {k}"
            """
        command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)]
        both = [subprocess.Popen([*command, who], cwd=ROOT) for who in ("one", "two")]
        assert [process.wait(120) for process in both] == [0, 0]
        works = gallery.Gallery(tmp_path)
        assert {work["title"] for work in works.works} == {f"{who} {k}" for who in ("one", "two") for k in range(25)}
        for k, work in enumerate(works.works):
            assert (works.picture(k) == int(work["title"].split()[1])).all()
        assert not [name for name in contents(tmp_path) if name.endswith((".part", ".lock"))]

    def test_what_another_kernel_did_is_kept(self, tmp_path):
        mine = gallery.Gallery(tmp_path)
        for title in ("A", "B", "C"):
            mine.add(PICTURE, title)
        theirs = gallery.Gallery(tmp_path)
        theirs.rename(0, "A, renamed by them")
        theirs.remove(1)
        theirs.add(PICTURE, "D")
        mine.rename(2, "C, renamed by me")
        titles = ["A, renamed by them", "C, renamed by me", "D"]
        assert [work["title"] for work in mine.works] == titles
        assert [work["title"] for work in gallery.Gallery(tmp_path).works] == titles

    def test_the_lock_of_a_killed_process_is_taken_over(self, tmp_path):
        lock = tmp_path / "lock"
        lock.touch()
        with _files.one_at_a_time(lock, patience=0.05):
            assert lock.exists()
        assert not lock.exists()


def png_of(width, height):
    """Return a PNG of a few hundred bytes that says it has ``width`` × ``height`` pixels."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(b"\0" * 1000))]
    file = b"\x89PNG\r\n\x1a\n"
    for kind, content in [*chunks, (b"IEND", b"")]:
        file += struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    return file


class TestBombs:
    @pytest.mark.parametrize("side", [50_000, 10_000])  # Pillow refuses the first, and only warns of the second
    def test_a_picture_of_a_huge_stated_size_is_refused_everywhere(self, tmp_path, side):
        bomb = tmp_path / "bomb.png"
        bomb.write_bytes(png_of(side, side))
        unreadable = pytest.raises(ValueError, match="^path: expected .*readable picture")
        with pytest.warns(UserWarning, match=r"bomb\.png \(DecompressionBombError\)"), unreadable:
            data.load_folder(tmp_path, 8)
        assert provenance.read(bomb) is None
        room = gallery.Gallery(tmp_path / "gallery")
        room.add(PICTURE, "A")
        shutil.copy(bomb, room.folder / room[0]["file"])
        with pytest.raises(ValueError, match="^index: expected a work whose file .* can be read"):
            room.picture(0)
        with pytest.raises(ValueError, match="^index"):
            room.export_html()

    def test_a_text_that_grows_without_end_is_no_record(self):
        buffer = io.BytesIO()
        text = provenance.PngImagePlugin.PngInfo()
        text.add_text("provenance", json.dumps({"x": " " * 3_000_000}), zip=True)
        Image.fromarray(PICTURE).save(buffer, "PNG", pnginfo=text)
        assert len(buffer.getvalue()) < 20_000
        assert provenance.read(buffer.getvalue()) is None

    def test_a_cache_that_claims_more_than_it_holds_is_composed_anew(self, tmp_path, monkeypatch):
        monkeypatch.setattr(data, "FACES", {"train": 3, "test": 2})
        monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
        right = data.load_faces("test").images
        (path,) = tmp_path.iterdir()
        whole = path.read_bytes()
        for shape in ((10**9, 64, 64, 3), (2, 64, 64, 4), (1, 64, 64, 3)):
            header = io.BytesIO()
            np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
            path.write_bytes(header.getvalue() + whole[128:])
            np.testing.assert_array_equal(data.load_faces("test").images, right)
            assert path.read_bytes() == whole

    def test_an_asset_that_claims_huge_arrays_is_refused_before_it_is_opened(self, tmp_path, monkeypatch):
        monkeypatch.setattr(_assets, "ROOT", tmp_path)
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**12,)})
        with zipfile.ZipFile(tmp_path / "fashion_test.npz", "w") as archive:
            archive.writestr("images.npy", header.getvalue())
        (tmp_path / "manifest.json").write_text(json.dumps({"fashion_test.npz": "0" * 64}))
        with pytest.raises(_assets.AssetError, match="fashion_test.npz is damaged"):
            data.load_fashion("test")


class TestInterruptedDownloads:
    @pytest.mark.filterwarnings("ignore:Skipped")
    def test_a_photograph_cut_off_anywhere_is_named_and_costs_itself_alone(self, tmp_path):
        for kind in ("PNG", "JPEG", "WEBP", "BMP", "GIF"):
            buffer = io.BytesIO()
            Image.fromarray(PICTURE.repeat(8, 0).repeat(8, 1)).save(buffer, kind)
            for share in (0.0, 0.01, 0.3, 0.8):
                (tmp_path / f"{kind}-{share}").write_bytes(buffer.getvalue()[: int(share * len(buffer.getvalue()))])
        (tmp_path / "whole.png").write_bytes(images.png_bytes(PICTURE))
        with pytest.warns(UserWarning, match="Skipped") as caught:
            found = data.load_folder(tmp_path, 8)
        skipped = str(caught[0].message).count("(")
        assert len(found) + skipped == 21 and skipped >= 16 and found.shape[1:] == (8, 8, 3)

    def test_a_cut_off_work_is_named_and_the_others_stay(self, tmp_path):
        room = gallery.Gallery(tmp_path)
        for title in ("A", "B"):
            room.add(PICTURE, title)
        file = tmp_path / room[0]["file"]
        for length in (0, 5, 60, file.stat().st_size // 2):
            os.truncate(file, min(length, file.stat().st_size)) if length else file.write_bytes(b"")
            with pytest.raises(ValueError, match="^index: expected a work whose file a-001.png can be read"):
                room.picture(0)
            file.write_bytes((tmp_path / room[1]["file"]).read_bytes())
        np.testing.assert_array_equal(room.picture(1), PICTURE)

    def test_half_of_an_exported_progress_is_refused_and_nothing_is_changed(self, tmp_path, monkeypatch):
        monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "log.jsonl"))
        _progress_log.add({f"check {k}": "2026-01-02" for k in range(20)})
        whole = progress.export(tmp_path / "mine.json").read_bytes()
        monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "other.jsonl"))
        for length in range(0, len(whole) - 2, 37):
            (tmp_path / "part.json").write_bytes(whole[:length])
            with pytest.raises(ValueError, match="^file: expected a file written by progress.export"):
                progress.merge(tmp_path / "part.json")
        assert progress.done() == {}


def test_a_flipped_bit_in_any_asset_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(_assets, "ROOT", tmp_path)
    names = sorted(json.loads((ROOT / "course_lib/assets/manifest.json").read_text(encoding="utf-8")))
    _faces._coloured_slots.cache_clear()
    (tmp_path / "manifest.json").write_bytes((ROOT / "course_lib/assets/manifest.json").read_bytes())
    for name in names:
        content = bytearray((ROOT / "course_lib/assets" / name).read_bytes())
        content[len(content) // 2] ^= 1
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
        with pytest.raises(_assets.AssetError, match="is damaged(.|\n)*Restore it with: git checkout"):
            _assets.verified(name)
        (tmp_path / name).unlink()
    assert len(names) > 10
