"""The benchmarks: their bookkeeping, their tables, the published recipes, and the page made from the results."""

import inspect
import json
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

import _common  # noqa: E402
import report  # noqa: E402
import sheets  # noqa: E402
import time_to_quality as quality  # noqa: E402

from course_lib import images  # noqa: E402

FACTS = {
    "machine": {"cpu": "Abacus", "cores": 2, "ram_gb": 4.0, "system": "Linux"},
    "versions": {"python": "3.11.7", "keras": "3.0"},
    "date": "2026-01-02",
}


def record(recipe, seed, scores, dataset="fashion"):
    """A record with the Fréchet distances ``scores`` at 1 and 3 minutes, at 100 images a CPU second."""
    marks = [
        {
            "minutes": m,
            "cpu_seconds": 60.0 * m,
            "wall_seconds": 61.0 * m,
            "images": int(6000 * m),
            "frechet_distance": s,
        }
        for m, s in zip((1.0, 3.0), scores, strict=False)
    ]
    known = {
        "features": "test features",
        "samples": 10,
        "floor": {"frechet_floor": 0.5},
        "ceiling": {"frechet_noise": 900},
    }
    return {"dataset": dataset, "recipe": recipe, "seed": seed, "marks": marks} | known | FACTS


class TestTables:
    def test_numbers_keep_three_digits(self):
        values = [None, 1234.6, 999.4, 12.345, 0.98765, 0.5, 3, -2.0004]
        assert [_common.number(v) for v in values] == ["–", "1,235", "999", "12.3", "0.988", "0.500", "3.00", "-2.00"]

    def test_markdown_aligns_names_left_and_numbers_right(self):
        lines = _common.markdown(["name", "a"], [["x", 1.5], ["longer", "text"]]).splitlines()
        assert lines == ["| name   |    a |", "|--------|-----:|", "| x      | 1.50 |", "| longer | text |"]

    def test_a_section_names_its_origin(self):
        table = {"caption": "What.", "header": ["a", "b"], "rows": [["x", 2]]}
        text = _common.section({"title": "T", "text": "Why.", "tables": [table], "seed": 3} | FACTS)
        assert text.startswith("## T\n\nWhy.\n\nWhat.\n\n| a |    b |")
        assert text.endswith("*Abacus, 2 cores, 4 GB, Linux; python 3.11.7, keras 3.0; seed 3; 2026-01-02.*")

    def test_published_results_are_read_back_as_they_were(self, tmp_path, monkeypatch, capsys):
        monkeypatch.setattr(_common, "RESULTS", tmp_path)
        table = {"caption": "What.", "header": ["a", "b"], "rows": [["x", 2.5], ["y", None]]}
        _common.publish("some", "T", "Why.", [table], seed=1)
        stored = _common.read_json(tmp_path / "some.json")
        assert stored["tables"] == [table] and stored["seed"] == 1 and stored["machine"]["cores"] >= 1
        assert capsys.readouterr().out.strip() == _common.section(stored)
        assert [path.name for path in tmp_path.iterdir()] == ["some.json"]


class TestMeasuring:
    def test_peak_memory_is_what_the_call_allocates(self):
        kept = np.zeros(3 * 2**17)  # 3 MB that were there before
        assert _common.peak_megabytes(lambda: [np.ones(5 * 2**17), np.ones(5 * 2**17)]) == pytest.approx(10, abs=0.2)
        assert _common.peak_megabytes(lambda: kept.sum()) < 0.1

    def test_a_warm_up_and_the_repeats_are_called(self):
        calls = []
        assert _common.seconds(lambda: calls.append(1), repeats=4) >= 0 and len(calls) == 5

    @pytest.mark.parametrize("power", [0.0, 1.0, 2.0])
    def test_the_exponent_is_that_of_a_power_law(self, power):
        import scaling

        sizes = np.array([1250, 2500, 5000, 10_000])
        assert scaling.exponent(sizes, 0.03 * sizes**power) == pytest.approx(power, abs=1e-9)


class TestTimeToQuality:
    class Time:
        """A clock that shows what the test sets."""

        def __init__(self):
            self.now = 100.0

        def __call__(self):
            return self.now

    def clock(self):
        cpu, wall = self.Time(), self.Time()
        return quality.Clock(cpu, wall), cpu, wall

    def test_the_clock_stands_while_it_is_stopped(self):
        clock, cpu, wall = self.clock()
        clock.start()
        cpu.now, wall.now = 102.0, 105.0
        assert clock.read() == (2.0, 5.0)
        clock.stop()
        cpu.now, wall.now = 900.0, 900.0
        assert clock.read() == (2.0, 5.0)
        clock.start()
        cpu.now += 1
        assert clock.read() == (3.0, 5.0)

    def test_marks_are_measured_after_the_first_step_at_or_past_them_and_measuring_is_free(self):
        clock, cpu, wall = self.clock()
        taken = []

        def step(batch):
            taken.append(batch)
            cpu.now += 25
            wall.now += 50

        def measure(passed):
            cpu.now += 1000
            return {"score": len(taken)}

        clock.start()
        marks = quality.train(step, iter([np.zeros(4)] * 100), [2.0, 1.0], clock, measure)
        assert [mark["minutes"] for mark in marks] == [1.0, 2.0]
        assert [mark["cpu_seconds"] for mark in marks] == [75, 125]  # 60 and 120 are passed in steps of 25
        assert [mark["wall_seconds"] for mark in marks] == [150, 250]
        assert [mark["images"] for mark in marks] == [12, 20] and [mark["score"] for mark in marks] == [3, 5]

    def test_a_step_that_passes_two_marks_is_measured_at_both(self):
        clock, cpu, _ = self.clock()

        def step(batch):
            cpu.now += 500

        clock.start()
        marks = quality.train(step, iter([np.zeros(2)] * 9), [1, 3], clock, lambda passed: {})
        assert [(mark["minutes"], mark["images"]) for mark in marks] == [(1, 2), (3, 2)]

    def test_batches_are_whole_and_show_each_image_once_an_epoch_in_an_order_of_the_seed(self):
        stream = quality.batches(np.arange(10), 3, seed=0)
        epochs = [np.concatenate([next(stream) for _ in range(3)]) for _ in range(2)]
        assert all(len(set(epoch.tolist())) == 9 for epoch in epochs) and epochs[0].tolist() != epochs[1].tolist()
        again = quality.batches(np.arange(10), 3, seed=0)
        assert np.array_equal(epochs[0], np.concatenate([next(again) for _ in range(3)]))

    def test_a_record_counts_as_done_only_with_all_marks(self, tmp_path):
        path = quality.record_path(tmp_path, "fashion", "ours", 2)
        assert not quality.is_done(path, [1.0])
        _common.write_json(path, record("ours", 2, [5.0, 4.0]))
        assert quality.is_done(path, [1.0, 3.0]) and not quality.is_done(path, [1.0, 10.0])

    def test_the_table_has_medians_ranges_and_the_ratio_to_the_best_published(self):
        records = [record("tf_dcgan", seed, [600 + seed, 80]) for seed in (0, 1, 2)]
        records += [record("keras_vae", 0, [200.0, 100.0]), record("pilot", 0, [1.0, 1.0])]
        records += [record("ours", seed, [50.0 + seed, 10.0]) for seed in (0, 2, 1)]
        text = quality.tables(records)
        rows = {
            line.split("|")[1].strip(): [c.strip() for c in line.split("|")[2:-1]] for line in text.splitlines()[2:]
        }
        assert text.startswith("**Fashion**, test features, 10 samples; training set 0.500, uniform noise 900.")
        assert rows["TensorFlow DCGAN tutorial"] == ["3", "601 [600, 602]", "80.0 [80.0, 80.0]", "100"]
        assert rows["Keras VAE example"] == ["1", "200", "100", "100"]
        assert rows["ours / best published"] == [
            "",
            "0.255",
            "0.125",
            "",
        ]  # 51/200 and 10/80; the pilot is not published

    def test_a_table_without_the_course_or_without_others_has_no_ratio(self):
        for records in ([record("tf_dcgan", 0, [6.0])], [record("ours", 0, [6.0])]):
            assert "–" in quality.tables(records).splitlines()[-1]

    def test_data_sets_do_not_mix(self):
        records = [record("ours", 0, [1.0]), record("keras_vae", 0, [2.0]), record("keras_vae", 0, [4.0], "faces")]
        first, second = quality.tables(records).split("**Faces**")
        assert "0.500 |" in first.rstrip().splitlines()[-1] and "this course" not in second

    def test_every_recipe_has_a_name_and_a_class(self):
        from published import RECIPES

        assert [*RECIPES, "ours_raw", "ours"] == list(quality.NAMES) and set(quality.PUBLISHED) < set(RECIPES)
        assert set(quality.OURS) == set(quality.SHAPES)

    def test_the_recipe_without_regions_is_another_one_only_where_there_are_regions(self):
        assert quality.applies("faces", "ours_raw") and not quality.applies("fashion", "ours_raw")
        assert all(quality.applies(dataset, "ours") for dataset in quality.SHAPES)
        names = [
            [layer.name for layer in made(quality.SHAPES["faces"]).model.generator.layers]
            for made in (quality.Ours, quality.OursRaw)
        ]
        assert "regions" in names[0] and "regions" not in names[1] and len(names[1]) < len(names[0])


class TestPublishedRecipes:
    @pytest.mark.parametrize(
        ("recipe", "shape", "network", "parameters"),
        [
            # What keras.io prints in the summaries of its examples, and the sizes of the tutorial's layers.
            ("keras_dcgan", (64, 64, 3), "discriminator", 404_801),
            ("keras_dcgan", (64, 64, 3), "generator", 3_979_651),
            ("keras_wgan_gp", (28, 28, 1), "critic", 4_305_409),
            ("keras_wgan_gp", (28, 28, 1), "generator", 910_660),
            ("keras_vae", (28, 28, 1), "encoder", 69_076),
            ("keras_vae", (28, 28, 1), "decoder", 65_089),
            (
                "tf_dcgan",
                (28, 28, 1),
                "generator",
                12_544 * (100 + 4) + 25 * (256 * 128 + 128 * 64 + 64) + 4 * (128 + 64),
            ),
            ("tf_dcgan", (28, 28, 1), "discriminator", 25 * 64 + 64 + 25 * 64 * 128 + 128 + 6272 + 1),
        ],
    )
    def test_networks_have_the_published_size(self, recipe, shape, network, parameters):
        from published import RECIPES

        assert getattr(RECIPES[recipe](shape), network).count_params() == parameters

    @pytest.mark.parametrize("dataset", list(quality.SHAPES))
    @pytest.mark.parametrize("recipe", list(quality.NAMES))
    def test_a_step_moves_what_is_sampled_and_samples_fill_the_range(self, recipe, dataset):
        import tensorflow as tf
        from published import RECIPES

        model = (RECIPES | quality.OWN)[recipe](quality.SHAPES[dataset])
        model.batch_size = 2  # the published batches take minutes
        z = tf.random.stateless_normal((3, model.latent_dim), (0, 1))
        before = model.decode(z).numpy()
        model.step(tf.random.stateless_uniform((2, *quality.SHAPES[dataset]), (0, 2), model.low, 1))
        after = model.decode(z).numpy()
        assert before.shape == (3, *quality.SHAPES[dataset]) and not np.array_equal(before, after)
        assert after.min() >= model.low and after.max() <= 1 and np.isfinite(after).all()


class TestTraining:
    def test_arithmetic_is_counted_forward_and_backward(self):
        import keras
        import tensorflow as tf
        import training

        x = image = keras.Input((8, 8, 3))
        x = keras.layers.Flatten()(keras.layers.Conv2D(5, 3, padding="same")(x))
        model = keras.Model(image, keras.layers.Dense(7)(x))
        model.compile("sgd", "mse")
        convolution, dense = 2 * (2 * 8 * 8 * 5) * 27, 2 * (2 * 7) * 320  # a batch of two
        counted = training.counted(model, (tf.TensorSpec((2, 8, 8, 3)), tf.TensorSpec((2, 7))))
        assert counted == 2 * convolution + 3 * dense  # nobody asks for the gradient of the images


class TestExplorers:
    def test_every_explorer_is_found_and_can_be_built(self):
        import explorers

        from course_lib import explore

        found = explorers.names()
        assert (
            {"LatentExplorer", "GanLab", "BetaDial"} <= set(found)
            and "Explorer" not in found
            and "Control" not in found
        )
        needs_arguments = {
            name
            for name in found
            if any(p.default is p.empty for p in inspect.signature(getattr(explore, name)).parameters.values())
        }
        assert needs_arguments <= set(explorers.BUILDERS) <= set(found)
        assert all(issubclass(getattr(explore, name), explore.Explorer) for name in found)

    def test_places_cover_a_control_in_its_own_kind_of_number(self):
        import explorers

        from course_lib.explore import Control

        count = explorers.WARM_UP + explorers.MOVES
        for control in (
            Control("a", "a", -1.0, 2.0, 0.5),
            Control("b", "b", 0, 7),
            Control("c", "c", options=("x", "y", "z")),
        ):
            found = explorers.places(control)
            assert len(found) == count
            for place in np.unique(found):
                control.check(int(place) if isinstance(control.step, int) else float(place))
        assert explorers.places(Control("b", "b", 0, 700), last=60).max() == 60


class TestBrowser:
    def test_keys_lead_away_and_back_within_a_leg(self):
        import browser

        for away, back in (("ArrowLeft", "ArrowRight"), ("ArrowRight", "ArrowLeft")):
            pressed = browser.keys(away, browser.WARM_UP + browser.PRESSES)
            assert len(pressed) == browser.WARM_UP + browser.PRESSES and set(pressed) == {away, back}
            places = np.cumsum([1 if key == away else -1 for key in pressed])
            assert places.min() == 0 and places.max() == browser.LEG

    def test_every_row_shows_the_explorer_that_it_names(self):
        import browser

        assert browser.GOAL == 150 and browser.PRESSES >= 60
        names = [name.split(",")[0] for name in browser.CASES]
        assert {"LatentExplorer", "GanLab", "EditBench", "Comparer"} <= set(names)
        sources = [source for source, _, _ in browser.CASES.values()]
        assert all(name in source for name, source in zip(names, sources, strict=True))


class TestSheets:
    @pytest.mark.parametrize("shape", [(28, 28, 1), (64, 64, 3)])
    def test_the_first_row_of_a_sheet_is_its_first_eight_images(self, tmp_path, shape):
        made = np.random.default_rng(0).integers(0, 256, (32, *shape), dtype=np.uint8)
        path = tmp_path / "sheet.png"
        path.write_bytes(images.png_bytes(images.tile(made, columns=8)))
        assert np.array_equal(sheets.first_row(path, shape), made[:8])

    def test_only_recipes_with_a_sheet_of_that_seed_have_a_row_in_the_order_of_the_table(self, tmp_path):
        sheet = images.png_bytes(images.tile(np.zeros((32, 28, 28, 1), np.uint8), columns=8))
        for name in ("ours-1-10min", "keras_vae-1-10min", "pilot-0-10min", "tf_dcgan-1-3min"):
            (tmp_path / f"fashion-{name}.png").write_bytes(sheet)
        assert list(sheets.rows("fashion", 1, tmp_path)) == ["Keras VAE example", "this course"]
        assert sheets.rows("faces", 1, tmp_path) == {}

    def test_the_page_shows_the_picture_of_a_data_set_that_has_records_and_a_picture(self, tmp_path, monkeypatch):
        monkeypatch.setattr(sheets, "PICTURES", tmp_path)
        records = [record("ours", 0, [1.0])]
        assert report.samples(records) == []
        for name in ("fashion", "faces"):
            sheets.picture(name).write_bytes(b"")
        heading, link = report.samples(records)
        assert "none picked" in heading and link.endswith("(../docs/images/quality_fashion.webp)")


class TestPage:
    def test_the_committed_page_is_what_the_committed_files_give(self):
        assert report.PAGE.read_text(encoding="utf-8") == report.page()

    def test_the_page_is_made_from_the_folder_alone(self, tmp_path):
        assert report.page(tmp_path).strip() == report.HEAD.strip()
        _common.write_json(tmp_path / "time_to_quality" / "a.json", full("ours", 0))
        _common.write_json(tmp_path / "time_to_quality" / "b.json", full("keras_vae", 0))
        table = {"caption": "What.", "header": ["a", "b"], "rows": [["x", 2]]}
        _common.write_json(
            tmp_path / "metrics.json", {"title": "T", "text": "Why.", "tables": [table], "seed": 0} | FACTS
        )
        text = report.page(tmp_path)
        assert text.index("### Fréchet distance") < text.index("### Kernel distance") < text.index("## T")
        assert text.count("Abacus") == 2  # one line for the runs, which were made alike, and one for the metrics

    def test_every_file_of_results_has_a_place_on_the_page(self):
        stored = {path.stem for path in _common.RESULTS.glob("*.json")}
        assert stored <= set(report.ORDER)
        for path in _common.RESULTS.rglob("*.json"):
            assert {"machine", "versions", "date"} <= set(json.loads(path.read_text(encoding="utf-8")))


def full(recipe, seed):
    """A record with both distances."""
    made = record(recipe, seed, [5.0, 4.0])
    for mark in made["marks"]:
        mark["kernel_distance"] = 0.1
    return made
