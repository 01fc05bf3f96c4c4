"""Photographs of single things on white, with classes that the emoji and the glosses have too."""

import numpy as np

from tl_helpers.data.split import Split
from tl_helpers.data.task import Task
from tl_helpers.files import known

GROUPS = {
    "animal": ("bird", "fish", "insect", "mammal", "other animal"),
    "food": ("fruit", "vegetable"),
    "object": ("household", "instrument", "sport", "tool"),
    "plant": ("flower", "other plant"),
    "transport": ("vehicle",),
}
CLASSES = ("groups", "kinds", "emoji")
LANGUAGES = ("en", "zh")


def photos(classes: str = "groups", language: str = "en") -> Task:
    """Return photographs of single things, cut out, on white.

    classes: "groups" for animal, food, object, plant and transport; "kinds" for the 14 kinds of
        which the groups are made (bird, fish, flower …); "emoji" for the four groups as
        ``emoji()`` has them: there fruit and vegetables are plants.
    language: of the names, "en" for English or "zh" for 简体中文.
    Inputs: uint8 N×3×96×96. ``task.test.names`` names the photographs; the items and their split
    are the same for all classes and languages.

    Raises ValueError for other classes or languages.
    """
    if classes not in CLASSES:
        raise ValueError(f"classes is {classes!r}: {', '.join(map(repr, CLASSES))} are accepted.")
    if language not in LANGUAGES:
        raise ValueError(
            f"language is {language!r}: {' or '.join(map(repr, LANGUAGES))} is accepted."
        )
    with np.load(known("photos.npz")) as arrays:
        kinds = arrays["class_names"].tolist()
        group = {kind: name for name, members in GROUPS.items() for kind in members}
        if classes == "emoji":
            group |= {"fruit": "plant", "vegetable": "plant"}
        names = kinds if classes == "kinds" else sorted(set(group.values()))
        table = np.array([names.index(kind if kind in names else group[kind]) for kind in kinds])
        named = "names" if language == "en" else "names_zh"
        splits = {
            word: Split(
                arrays[f"{word}_inputs"],
                table[arrays[f"{word}_labels"]],
                arrays[f"{word}_{named}"].tolist(),
            )
            for word in ("train", "valid", "test")
        }
    return Task(**splits, class_names=names, domain="photographs", name="photographs")
