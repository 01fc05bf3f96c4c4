"""Build data/fashion_mnist.npz: 18,000 + 2,000 + 4,000 of the 70,000 images of Fashion-MNIST.

    python data/build/fashion_mnist.py

reads the Debian package dataset-fashion-mnist where it is installed; elsewhere torchvision
downloads the same images (about 30 MB) into a temporary folder.
"""

import gzip
import tempfile
from pathlib import Path

import numpy as np
from shipping import write
from tqdm import tqdm

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
CLASSES = [
    "t-shirt", "trouser", "pullover", "dress", "coat",
    "sandal", "shirt", "sneaker", "bag", "ankle boot",
]  # fmt: skip
# split -> items of each class; train and valid come of the original training set, test of its test
SIZES = {"train": 1800, "valid": 200, "test": 400}


def read_debian(part):
    """Return (images N×28×28, labels N) of "train" or "t10k" in the format of MNIST."""
    with gzip.open(DEBIAN / f"{part}-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)
    with gzip.open(DEBIAN / f"{part}-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    return images, labels


def read_torchvision(part):
    from torchvision.datasets import FashionMNIST

    with tempfile.TemporaryDirectory() as folder:
        data = FashionMNIST(folder, train=part == "train", download=True)
    return data.data.numpy(), data.targets.numpy().astype(np.uint8)


def main():
    read = read_debian if DEBIAN.is_dir() else read_torchvision
    parts = {part: read(part) for part in tqdm(["train", "t10k"], desc="reading")}
    random = np.random.RandomState(0)
    orders = {}
    for part, (_, labels) in parts.items():
        order = random.permutation(len(labels))
        orders[part] = [order[labels[order] == label] for label in range(len(CLASSES))]
    train, valid = SIZES["train"], SIZES["valid"]
    indices = {
        "train": [order[:train] for order in orders["train"]],
        "valid": [order[train : train + valid] for order in orders["train"]],
        "test": [order[: SIZES["test"]] for order in orders["t10k"]],
    }
    arrays = {"class_names": np.array(CLASSES)}
    for word, chosen in indices.items():
        chosen = np.sort(np.concatenate(chosen))
        images, labels = parts["t10k" if word == "test" else "train"]
        arrays[f"{word}_inputs"] = images[chosen][:, None]
        arrays[f"{word}_labels"] = labels[chosen]
    write("fashion_mnist.npz", arrays, "MIT", "python data/build/fashion_mnist.py")


if __name__ == "__main__":
    main()
