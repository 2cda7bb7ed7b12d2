"""The gallery's explorer: picks, keeps, walks and exports what it shows, and survives a restart."""

import numpy as np
import pytest
from PIL import Image

from course_lib import explore, gallery, latent, provenance
from course_lib.explore import gallery as module
from course_lib.explore.view import View

D = 3


def decoder(z):
    """Return pictures whose red, green and blue are the three coordinates."""
    z = np.asarray(z, np.float32)
    return np.broadcast_to(np.tanh(z)[:, None, None, :], (len(z), 8, 8, 3)).copy()


@pytest.fixture
def room(tmp_path):
    return gallery.Gallery(tmp_path / "g", key="key")


@pytest.fixture
def explorer(room):
    return explore.Gallery(decoder, room, "toy", latent_dim=D, cards=[{"name": "toy", "what": "three colours"}])


def z_of(sheet, pick):
    return np.random.default_rng(sheet).standard_normal((24, D))[pick - 1]


def colour(z):
    return np.rint((np.tanh(np.asarray(z, np.float32)) + 1) * 127.5).astype(int)


def large(page):
    left = module.COLUMNS * (module._CELL + module._GAP) + 20
    return page[module._HEAD + 100, left + 100].astype(int)


def press(explorer, button, **values):
    changed = explorer.actions[button](explorer.values(**values))
    return explorer.values(**changed)


def test_the_sheet_and_the_large_picture_are_the_decoders(explorer):
    page = explorer.render(sheet=5, pick=9)
    np.testing.assert_allclose(large(page), colour(z_of(5, 9)), atol=1)
    left, top = (8 % module.COLUMNS) * (module._CELL + module._GAP) + 4, module._HEAD + (module._CELL + module._GAP)
    np.testing.assert_array_equal(page[top + 30, left + 30], large(page))
    frame = [int(module._FRAME[k : k + 2], 16) for k in (1, 3, 5)]
    np.testing.assert_array_equal(page[top - 2, left + 20], frame)


def test_kept_works_stand_on_the_shelf_with_their_origin(explorer, room):
    values = press(explorer, "Keep it", sheet=5, pick=9, title=" Dawn ")
    assert values["title"] == "" and "Kept as work 1." in explorer.describe(values)
    assert [work["title"] for work in room.works] == ["Dawn"]
    facts = room[0]["facts"]
    assert (facts["model"], facts["seed"], facts["picture"]) == ("toy", 5, 9)
    np.testing.assert_allclose(room[0]["z"], z_of(5, 9), atol=1e-6)
    page = explorer.draw(values)
    np.testing.assert_allclose(page[module._SHELF + 30, 4 + 30].astype(int), colour(z_of(5, 9)), atol=1)
    np.testing.assert_array_equal(room.picture(0)[0, 0], large(explorer.render(sheet=5, pick=9)))


def test_a_work_without_a_title_is_named_after_its_place(explorer, room):
    press(explorer, "Keep it", sheet=3, pick=2)
    assert room[0]["title"] == "Picture 2 of sheet 3"


def test_the_way_between_two_works(explorer, room):
    for pick in (1, 2):
        press(explorer, "Keep it", pick=pick, title=f"w{pick}")
    path = latent.slerp(*(work["z"] for work in room.works), module.FRAMES)
    for blend, frame in ((50, 10), (100, 20)):
        np.testing.assert_allclose(large(explorer.render(blend=blend)), colour(path[frame]), atol=1)
    assert "50 % from w1 to w2" in explorer.text(blend=50)
    np.testing.assert_allclose(large(explorer.render(blend=50, first=2, second=1)), colour(path[10]), atol=1)
    assert "There is no work 7 yet" in explorer.text(blend=50, second=7)
    room.add(np.zeros((8, 8, 3), np.uint8), "foreign", z=[0.0] * 5)
    assert "Work 3 was not made by this decoder." in explorer.text(blend=50, second=3)


def test_the_buttons_write_new_files_and_say_where(explorer, room):
    for pick in (1, 2):
        press(explorer, "Keep it", pick=pick, title=f"w{pick}")
    before = set(room.folder.iterdir())
    for button, suffix in (("Export page", ".html"), ("Export walk", ".gif"), ("Export page", ".html")):
        values = press(explorer, button)
        new = set(room.folder.iterdir()) - before
        assert [path.suffix for path in new] == [suffix]
        assert str(new.copy().pop()) in explorer.describe(values)
        assert provenance.read(new.pop()) is not None
        before = set(room.folder.iterdir())
    assert "three colours" in (room.folder / "gallery-001.html").read_text("utf-8")


def test_buttons_without_anything_to_do_say_so(explorer, room):
    for button, said in (
        ("Export page", "Keep a work first."),
        ("Export walk", "There is no work 1 yet."),
        ("Take work out", "There is no work 1."),
        ("Retitle work", "Type a title"),
    ):
        assert said in explorer.describe(press(explorer, button))
    assert not room.works and [path.name for path in room.folder.iterdir()] == []


def test_retitle_and_take_out(explorer, room):
    press(explorer, "Keep it", title="a")
    press(explorer, "Keep it", title="b")
    press(explorer, "Retitle work", first=2, title="c")
    press(explorer, "Take work out", first=1)
    assert [work["title"] for work in gallery.Gallery(room.folder).works] == ["c"]


def test_what_was_kept_is_there_after_a_restart(explorer, room):
    press(explorer, "Keep it", title="stays")
    again = explore.Gallery(decoder, gallery.Gallery(room.folder, key="key"), "toy", latent_dim=D)
    np.testing.assert_array_equal(again.render(), explorer.render())
    assert "1 stays" in again.text()


def test_the_last_message_goes_when_something_moves(explorer):
    values = press(explorer, "Keep it", title="a")
    assert "Kept as work 1" in explorer.describe(values)
    assert "Kept as" not in explorer.describe(values | {"pick": 3})


def test_many_works_and_a_lost_file_do_not_break_the_picture(explorer, room):
    for k in range(20):
        room.add(np.full((8, 8, 3), 10 * k, np.uint8), f"work {k} with a rather long title")
    (room.folder / room[19]["file"]).unlink()
    page = explorer.render()
    assert page.shape == (module._HEIGHT, module._WIDTH, 3)
    assert page[module._SHELF + 30, 4 + 30].tolist() == [110] * 3  # the last nine are shown
    assert (page[module._SHELF + 30, 4 + 8 * 76 + 30] == 255).all()


def test_the_same_values_give_the_same_picture(explorer):
    np.testing.assert_array_equal(explorer.render(sheet=3), explorer.render(sheet=3))
    assert not np.array_equal(explorer.render(sheet=3), explorer.render(sheet=4))
    assert explorer.static().alt_text.startswith("Sheet 0: the first 12 of 24 samples")


def test_bounds_and_bad_input(explorer, room):
    for name, value in (("sheet", -1), ("pick", 0), ("pick", 25), ("blend", 101), ("first", 0), ("title", "a\nb")):
        with pytest.raises(ValueError, match=name):
            explorer.render(**{name: value})
    with pytest.raises(ValueError, match="room: expected a course_lib.gallery.Gallery"):
        explore.Gallery(decoder, "folder", latent_dim=D)
    with pytest.raises(ValueError, match="latent_dim"):
        explore.Gallery(decoder, room)


def test_the_view_keeps_a_work_by_its_button(explorer, room):
    view = View(explorer)
    view.inputs["title"].value = "<b>Bold</b>"
    before = view.image.value
    view.buttons["Keep it"].click()
    assert [work["title"] for work in room.works] == ["<b>Bold</b>"]
    assert view.image.value != before and view.image.value[:4] == b"\x89PNG"
    assert "&lt;b&gt;Bold&lt;/b&gt;" in view.text.value and "<b>Bold" not in view.text.value
    assert view.inputs["title"].value == ""
    with Image.open(room.folder / room[0]["file"]) as file:
        assert file.size == (8, 8)
