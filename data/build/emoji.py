"""Build data/emoji_noto.npz and data/emoji_twemoji.npz: the same emoji in two drawings.

    python data/build/emoji.py

needs a network and npm. It packs two npm packages by name into a temporary folder, takes the
64×64 images of the emoji that both have, sorts them into 11 classes and splits them once, by
emoji, for both drawings.
"""

import hashlib
import io
import json
import subprocess
import tarfile
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from shipping import write
from tqdm import tqdm

VERSION = "16.0.0"
DRAWINGS = {"noto": "google", "twemoji": "twitter"}
LICENCES = {"noto": "Apache-2.0", "twemoji": "CC-BY-4.0"}
MOST = 150  # items of a class: country flags alone would be a fifth of all emoji otherwise
SHARES = (0.60, 0.15, 0.25)

# class -> the emoji subcategories in it (a trailing * stands for any ending)
CLASSES = {
    "activity": ["sport", "game", "event", "arts & crafts", "award-medal"],
    "animal": ["animal-*"],
    "clothing": ["clothing"],
    "face": ["face-*", "cat-face", "monkey-face"],
    "flag": ["country-flag", "flag", "subdivision-flag"],
    "food": ["food-prepared", "food-asian", "food-sweet", "drink", "dishware"],
    "object": [
        "tool", "household", "computer", "phone", "book-paper", "light & video", "lock", "mail",
        "medical", "money", "office", "science", "writing", "sound", "musical-instrument",
        "other-object",
    ],
    "person": ["person", "person-*"],
    "place": ["place-*", "hotel"],
    "plant": ["plant-*", "food-fruit", "food-vegetable"],
    "transport": ["transport-air", "transport-ground", "transport-water"],
}  # fmt: skip


def class_of(subcategory):
    for name, patterns in CLASSES.items():
        for pattern in patterns:
            ending = pattern.endswith("*")
            if subcategory == pattern or (ending and subcategory.startswith(pattern[:-1])):
                return name
    return None


def without_gender(unified):
    """Return the code points of an emoji without gender and direction: variants get one key."""
    points = [p for p in unified.split("-") if p not in {"200D", "2640", "2642", "FE0F", "27A1"}]
    return "-".join("1F9D1" if p in {"1F468", "1F469"} else p for p in points)


def fetch(folder):
    """Return the two packages as {drawing: {path: bytes}}."""
    packages = {}
    for drawing, word in tqdm(DRAWINGS.items(), desc="npm pack"):
        package = f"emoji-datasource-{word}"
        command = ["npm", "pack", "--silent", f"{package}@{VERSION}"]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        with tarfile.open(Path(folder) / f"{package}-{VERSION}.tgz") as archive:
            packages[drawing] = {
                member.name.removeprefix("package/"): archive.extractfile(member).read()
                for member in tqdm(archive, desc=package, unit=" files")
                if "/64/" in member.name or member.name.endswith("emoji.json")
            }
    return packages


def picture(png):
    """Return a PNG as uint8 3×64×64, on white."""
    image = Image.open(io.BytesIO(png)).convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    image = Image.alpha_composite(white, image).convert("RGB")
    if image.size != (64, 64):
        raise SystemExit(f"an image is {image.size}, not 64×64")
    return np.asarray(image).transpose(2, 0, 1)


def by_hash(entry):
    """Sort key: a fixed shuffle that neither a library version nor the order of a list changes."""
    return hashlib.sha256(entry["unified"].encode()).hexdigest()


def choose(packages):
    """Return the entries to keep by class, each with its picture in both drawings."""
    entries = json.loads(packages["noto"]["emoji.json"])
    entries.sort(key=lambda entry: entry["sort_order"])
    chosen, keys, seen = {name: [] for name in CLASSES}, set(), set()
    for entry in tqdm(entries, desc="pictures", unit=" emoji"):
        name = class_of(entry["subcategory"])
        if name is None or not (entry["has_img_google"] and entry["has_img_twitter"]):
            continue
        key = without_gender(entry["unified"])
        if name == "person" and key in keys:
            continue  # the same figure as a man, a woman or facing the other way
        pictures = {
            drawing: picture(packages[drawing][f"img/{word}/64/{entry['image']}"])
            for drawing, word in DRAWINGS.items()
        }
        prints = {(drawing, image.tobytes()) for drawing, image in pictures.items()}
        if prints & seen:
            continue  # some flags are drawn alike: an item must not stand in two splits
        keys.add(key)
        seen |= prints
        chosen[name].append(entry | {"pictures": pictures})
    return {name: sorted(found, key=by_hash)[:MOST] for name, found in chosen.items()}


def main():
    with tempfile.TemporaryDirectory() as folder:
        chosen = choose(fetch(folder))
    splits = {"train": [], "valid": [], "test": []}
    for label, entries in enumerate(chosen.values()):
        first = round(SHARES[0] * len(entries))
        second = first + round(SHARES[1] * len(entries))
        cuts = entries[:first], entries[first:second], entries[second:]
        for split, part in zip(splits.values(), cuts, strict=True):
            split += [(entry, label) for entry in part]
    for drawing in DRAWINGS:
        arrays = {"class_names": np.array(list(CLASSES))}
        for word, split in splits.items():
            split.sort(key=lambda pair: pair[0]["sort_order"])
            arrays[f"{word}_inputs"] = np.stack([entry["pictures"][drawing] for entry, _ in split])
            arrays[f"{word}_labels"] = np.array([label for _, label in split], dtype=np.uint8)
            arrays[f"{word}_names"] = np.array([entry["name"].lower() for entry, _ in split])
        write(f"emoji_{drawing}.npz", arrays, LICENCES[drawing], "python data/build/emoji.py")


if __name__ == "__main__":
    main()
