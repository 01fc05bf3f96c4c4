"""Rooms are found by their lesson's word; every lesson has one, with its tests."""

import re
from pathlib import Path

import pytest

import tl_helpers as tl
from tl_helpers import lessons
from tl_helpers.teaching import exercises
from tools.notebooks import lessons as notebooks
from tools.notebooks import read

CHECK = re.compile(r'tl\.exercises\.check\("([^"]+)"')


def word(path):
    """A lesson's name: that of its notebook without the number."""
    return path.stem.split("_", 1)[1]


def code(path):
    return "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "code")


def test_every_lesson_has_a_room_and_every_room_a_lesson_and_tests():
    for part in ("widget", "checks"):
        assert lessons.rooms(part) == sorted(word(path) for path in notebooks())
        tested = Path(__file__).parent.glob(f"*/test_{part}.py")
        assert sorted(file.parent.name for file in tested) == lessons.rooms(part)


@pytest.mark.parametrize("path", notebooks(), ids=word)
def test_a_lesson_takes_what_its_own_room_holds(path):
    assert callable(getattr(tl.widgets, word(path)))
    source = code(path)
    assert set(re.findall(r"tl\.widgets\.(\w+)", source)) == {word(path)}
    for number in CHECK.findall(source):
        place = exercises._exercises[number].check.__module__
        assert place == f"tl_helpers.lessons.{word(path)}.checks"
    own = {number for number in exercises._exercises if number.startswith(path.name[:2])}
    assert own == set(CHECK.findall(source)), "an exercise of the room is not in the lesson"


def test_an_unknown_widget_says_what_there_is():
    with pytest.raises(AttributeError, match="'freezing'.*lesson's word: .*freezing_strategies"):
        tl.widgets.freezing  # noqa: B018
    assert dir(tl.widgets) == lessons.rooms("widget")


def test_a_new_room_is_found_without_a_list(tmp_path, monkeypatch):
    room = tmp_path / "a_new_lesson"
    room.mkdir()
    (room / "widget.py").write_text("def a_new_lesson():\n    return 'its widget'\n")
    monkeypatch.setattr(lessons, "__path__", [*lessons.__path__, str(tmp_path)])
    assert "a_new_lesson" in dir(tl.widgets) and "a_new_lesson" not in lessons.rooms("checks")
    assert tl.widgets.a_new_lesson() == "its widget"
