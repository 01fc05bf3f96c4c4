import pytest
import torch

import tl_helpers as tl


def splits(task):
    return {"train": task.train, "valid": task.valid, "test": task.test}


def test_groups_are_made_of_kinds_and_the_photographs_are_the_same():
    groups, kinds = tl.data.photos(), tl.data.photos("kinds")
    assert groups.class_names == ("animal", "food", "object", "plant", "transport")
    of = {}
    for word, split in splits(groups).items():
        other = splits(kinds)[word]
        assert torch.equal(split.inputs, other.inputs) and split.names == other.names
        for group, kind in zip(split.labels.tolist(), other.labels.tolist(), strict=True):
            of.setdefault(kinds.class_names[kind], set()).add(groups.class_names[group])
    assert len(of) == 14 and all(len(found) == 1 for found in of.values())
    assert of["bird"] == {"animal"} and of["fruit"] == {"food"} and of["flower"] == {"plant"}
    assert of["tool"] == {"object"} and of["vehicle"] == {"transport"}


def test_classes_of_the_emoji_count_fruit_as_plants():
    task, emoji = tl.data.photos("emoji"), tl.data.emoji("noto")
    assert task.class_names == ("animal", "object", "plant", "transport")
    assert set(task.class_names) < set(emoji.class_names)
    place = {name: task.class_names[label] for name, label in zip(
        task.test.names, task.test.labels.tolist(), strict=True)}  # fmt: skip
    assert place["yellow lemon"] == place["tomato"] == place["rose"] == "plant"
    plants = emoji.only(["plant"]).train.names
    assert {"cherries", "mango"} & set(plants)


def test_photographs_stand_on_white_and_fill_the_frame():
    for split in splits(tl.data.photos()).values():
        assert split.inputs.dtype == torch.uint8 and split.inputs.shape[1:] == (3, 96, 96)
        assert (split.inputs[:, :, ::95, ::95] == 255).float().mean() > 0.95
        ink = (split.inputs < 250).any(1)
        longest = torch.maximum(ink.any(1).sum(1), ink.any(2).sum(1))
        assert longest.min() >= 80 and longest.max() <= 96


def test_names_in_two_languages():
    english, chinese = tl.data.photos(), tl.data.photos(language="zh")
    assert torch.equal(english.test.inputs, chinese.test.inputs)
    pairs = dict(zip(english.test.names, chinese.test.names, strict=True))
    assert pairs["yellow lemon"] == "黄色柠檬" and pairs["lion"] == "狮子"
    for split in splits(chinese).values():
        assert all("一" <= name.strip("“”F-2M")[0] <= "鿿" for name in split.names)


def test_two_pictures_of_one_thing_stand_in_one_split():
    place = {}
    for word, split in splits(tl.data.photos()).items():
        for name in split.names:
            place.setdefault(name, set()).add(word)
    for name in ("great blue heron", "Tamworth pig", "baby of a gnu"):
        assert len(place[name]) == 1
    assert place["green apple"] == place["red apple"]
    assert place["pair of open scissors"] == place["pair of closed scissors"]


def test_every_group_has_eight_labels():
    few = tl.data.photos().few(8, seed=0)
    assert torch.bincount(few.train.labels).tolist() == [8] * 5


def test_what_was_left_out_is_left_out(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tl.files.DATA / "build")
    import photos

    for path in (
        "animals/birds/crow.png",
        "animals/birds/tucan.png",  # a drawing
        "animals/birds/crow_mirror.png",
        "animals/mammals/cats/lion.png",
        "animals/mammals/cats/cartoon/lion.png",
        "animals/fish/lobster.png",  # no fish
        "household/rubberduck.png",  # a toy
        "vehicles/auto/beetle.png",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    found = {kind: [file.stem for file in files] for kind, files in photos.choose(tmp_path).items()}
    assert {kind: files for kind, files in found.items() if files} == {
        "bird": ["crow"],
        "mammal": ["lion"],
        "other animal": ["lobster"],
        "vehicle": ["beetle"],
    }


def test_other_classes_and_languages_are_refused():
    with pytest.raises(ValueError, match="classes is 'species': 'groups', 'kinds', 'emoji'"):
        tl.data.photos("species")
    with pytest.raises(ValueError, match="language is 'de': 'en' or 'zh'"):
        tl.data.photos(language="de")
