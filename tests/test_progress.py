"""Progress: what passed is kept once, in any order of accidents; exports come back; the map counts right."""

import json
import subprocess
import sys
import threading

import pytest

from course_lib import _progress_log, checks, progress


@pytest.fixture
def log(tmp_path, monkeypatch):
    """A file of progress of its own, in a folder that does not exist yet."""
    file = tmp_path / "new folder" / "été.jsonl"
    monkeypatch.setenv("COURSE_PROGRESS", str(file))
    return file


def entry(name, date="2026-01-02"):
    return json.dumps({"check": name, "date": date}) + "\n"


def lesson_of(name):
    return next(number for number, names in checks.BY_LESSON.items() if name in names)


class TestKeeping:
    def test_a_check_that_passes_is_kept_and_one_that_fails_is_not(self, log, capsys):
        with pytest.raises(checks.CheckError):
            checks.wgan_gp_faults("nothing")
        assert not log.exists() and progress.done() == {}
        name = checks.BY_LESSON["03"][0]
        noting = checks._noted(lambda answer: print(f"Passed: {answer}."))
        noting.__wrapped__.__name__ = name
        noting("yes")
        assert list(progress.done()) == [name]
        assert capsys.readouterr().out == "Passed: yes.\n"

    def test_passing_twice_is_kept_once_with_the_first_date(self, log):
        _progress_log.add({"a": "2026-03-01"})
        _progress_log.passed("a")
        assert progress.done() == {"a": "2026-03-01"}
        assert len(log.read_text(encoding="utf-8").splitlines()) == 1

    def test_off_keeps_nothing(self, monkeypatch):
        monkeypatch.setenv("COURSE_PROGRESS", "OFF")
        _progress_log.passed("a")
        assert progress.path() is None and progress.done() == {}

    def test_the_default_is_in_the_home_folder_and_none_without_one(self, monkeypatch, tmp_path):
        monkeypatch.delenv("COURSE_PROGRESS")
        monkeypatch.setattr("pathlib.Path.home", lambda: tmp_path)
        assert progress.path().parent.parent == tmp_path

        def nobody():
            raise RuntimeError("no home")

        monkeypatch.setattr("pathlib.Path.home", nobody)
        _progress_log.passed("a")
        assert progress.path() is None and progress.done() == {}

    def test_the_suite_itself_keeps_nothing(self):
        assert progress.path() is None


class TestAccidents:
    def test_damaged_lines_cost_themselves_alone(self, log):
        log.parent.mkdir()
        bad = ["{", "[1]", '{"check": 3, "date": "2026-01-01"}', '{"check": "x", "date": "soon"}', "\x00\x01"]
        log.write_bytes(("\n".join([entry("a").strip(), *bad, "", entry("b").strip()])).encode() + b"\n\xff\xfe\n")
        assert set(progress.done()) == {"a", "b"}
        assert progress.overview().bad_lines == len(bad) + 1
        assert "damaged" in str(progress.overview())

    def test_a_line_torn_by_a_crash_does_not_take_the_next_one_with_it(self, log):
        log.parent.mkdir()
        log.write_text(entry("a") + '{"check": "b", "da', encoding="utf-8")
        _progress_log.passed("c")
        assert set(progress.done()) == {"a", "c"}

    def test_a_place_that_cannot_be_written_spoils_no_right_answer(self, tmp_path, monkeypatch):
        (tmp_path / "file").write_text("in the way")
        monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "file" / "progress.jsonl"))
        _progress_log.passed("a")
        assert progress.done() == {}

    def test_a_folder_in_its_place_is_survived(self, log):
        log.mkdir(parents=True)
        _progress_log.passed("a")
        assert progress.done() == {}

    def test_many_threads_lose_nothing(self, log):
        threads = [threading.Thread(target=_progress_log.passed, args=(f"check {k}",)) for k in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(progress.done()) == 40 and progress.overview().bad_lines == 0

    def test_two_processes_lose_nothing(self, log):
        code = "import sys\nfrom course_lib import _progress_log as log\n"
        code += "for k in range(50): log.passed(sys.argv[1] + str(k))"
        both = [subprocess.Popen([sys.executable, "-c", code, who]) for who in ("one", "two")]
        assert [process.wait(60) for process in both] == [0, 0]
        assert len(progress.done()) == 100


class TestMovingHouse:
    def test_an_export_comes_back_and_merging_twice_adds_nothing(self, log, tmp_path, monkeypatch):
        _progress_log.add({"a": "2026-01-02", "b": "2026-01-03"})
        file = progress.export(tmp_path / "mine.json")
        monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "other.jsonl"))
        _progress_log.add({"b": "2026-05-05", "c": "2026-05-05"})
        assert progress.merge(file) == 1
        assert progress.done() == {"a": "2026-01-02", "b": "2026-05-05", "c": "2026-05-05"}
        assert progress.merge(file) == 0

    @pytest.mark.parametrize(
        "content", ["", "nonsense", "[]", "{}", '{"checks": [1]}', '{"checks": {"a": "soon"}}', '{"checks": {"a": 3}}']
    )
    def test_other_files_are_refused_and_change_nothing(self, log, tmp_path, content):
        file = tmp_path / "other.json"
        file.write_text(content)
        with pytest.raises(ValueError, match=r"^file: expected .*progress\.export"):
            progress.merge(file)
        assert progress.done() == {}

    def test_a_missing_or_huge_file_is_refused(self, log, tmp_path):
        with pytest.raises(ValueError, match="file"):
            progress.merge(tmp_path / "none.json")
        huge = tmp_path / "huge.json"
        huge.write_bytes(b" " * 1_000_001)
        with pytest.raises(ValueError, match="file"):
            progress.merge(huge)

    def test_merging_where_nothing_can_be_kept_says_so(self, log, tmp_path, monkeypatch):
        _progress_log.passed("a")
        file = progress.export(tmp_path / "mine.json")
        monkeypatch.setenv("COURSE_PROGRESS", "off")
        with pytest.raises(ValueError, match="COURSE_PROGRESS"):
            progress.merge(file)


class TestMap:
    def test_it_counts_each_lesson_and_names_the_next(self, log):
        first, second = checks.BY_LESSON["01"], checks.BY_LESSON["02"]
        for name in first:
            _progress_log.passed(name)
        _progress_log.passed(second[0])
        _progress_log.passed("a check of another version")
        rows = {row[0]: row[2:] for row in progress.overview().rows}
        assert rows["01"] == (len(first), len(first)) and rows["02"] == (1, len(second))
        assert progress.overview().next == "02" and "Next: exercises 02." in str(progress.overview())

    def test_all_done(self, log):
        _progress_log.add({name: "2026-01-01" for names in checks.BY_LESSON.values() for name in names})
        assert progress.overview().next is None and "congratulations" in str(progress.overview())

    def test_text_and_table_say_the_same(self, log):
        table = progress.overview()._repr_html_()
        for number, title, _, total in progress.overview().rows:
            assert number in table and f"0 of {total}" in table and title.split(":")[0] in table
            assert f"{number}  {'□' * total}" in str(progress.overview())

    def test_every_lesson_with_checks_is_on_it_and_names_are_unique(self):
        assert set(checks.BY_LESSON) <= set(progress.LESSONS)
        names = [name for names in checks.BY_LESSON.values() for name in names]
        assert len(set(names)) == len(names)
