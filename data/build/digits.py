"""Build data/digits.npz: scikit-learn's 1,797 handwritten digits, drawn larger.

    python data/build/digits.py

An 8×8 digit with 17 grey levels becomes 20×20 with 256 by bilinear interpolation, with a margin
of 4 black pixels: 28×28 like Fashion-MNIST and the glyphs, so that one network takes all three.
"""

import numpy as np
import torch
import torch.nn.functional as F
from shipping import write
from sklearn.datasets import load_digits

from tl_helpers.data.task import FRACTIONS, split_indices


def main():
    digits = load_digits()
    small = torch.from_numpy(digits.images).float()[:, None] * (255 / 16)
    large = F.interpolate(small, size=20, mode="bilinear", align_corners=False)
    images = F.pad(large, (4, 4, 4, 4)).round().to(torch.uint8).numpy()
    names = [str(name) for name in digits.target_names]
    parts = split_indices(torch.from_numpy(digits.target), names, FRACTIONS, seed=0)
    arrays = {"class_names": np.array(names)}
    for word, indices in zip(("train", "valid", "test"), parts, strict=True):
        arrays[f"{word}_inputs"] = images[indices]
        arrays[f"{word}_labels"] = digits.target[indices].astype(np.uint8)
    write("digits.npz", arrays, "CC-BY-4.0", "python data/build/digits.py")


if __name__ == "__main__":
    main()
