"""The image tasks that ship with the project, each loaded from one checked file in ``data/``.

Sources, licences and attributions stand in ``data/README.md``.
"""

import numpy as np

from tl_helpers.data.split import Split
from tl_helpers.data.task import Task
from tl_helpers.files import known

DRAWINGS = ("noto", "twemoji")


def emoji(drawing: str = "noto") -> Task:
    """Return emoji in 11 groups, drawn by Google ("noto") or by Twitter ("twemoji").

    Inputs: uint8 N×3×64×64, on white. The items, their order and their split are the same in both
    drawings, so an emoji of the test split of one is in no training split of the other;
    ``task.test.names`` names them. Raises ValueError for another drawing.
    """
    if drawing not in DRAWINGS:
        raise ValueError(f"drawing is {drawing!r}: {' or '.join(map(repr, DRAWINGS))} is accepted.")
    return _load(f"emoji_{drawing}.npz", domain=drawing, name="emoji")


def fashion_mnist() -> Task:
    """Return 24,000 of the photographs of clothes in Fashion-MNIST, in 10 classes.

    Inputs: uint8 N×1×28×28, white on black. Xiao, Rasul, Vollgraf 2017, arXiv 1708.07747.
    """
    return _load("fashion_mnist.npz", domain="shop photographs", name="Fashion-MNIST")


def digits() -> Task:
    """Return scikit-learn's 1,797 handwritten digits, in 10 classes.

    Inputs: uint8 N×1×28×28, white on black; the original 8×8 pixels are enlarged to 20×20 by
    bilinear interpolation and framed by a margin of 4.
    """
    return _load("digits.npz", domain="handwriting", name="digits")


def glyphs(characters: str | None = None) -> Task:
    """Return the digits and capital letters drawn with the fonts of matplotlib, in 36 classes.

    characters: the classes wanted, such as "0123456789"; all of them when left out.
    Inputs: uint8 N×1×28×28, white on black. The fonts of valid and test are of other families
    than those of train. Raises ValueError for a character that was not drawn.
    """
    if not isinstance(characters, (str, type(None))):
        raise TypeError(f"characters is {characters!r}: a text is accepted.")
    task = _load("glyphs.npz", domain="print", name="glyphs")
    for character in characters or ():
        if character not in task.class_names:
            raise ValueError(
                f"characters holds {character!r}: {''.join(task.class_names)} are accepted."
            )
    return task if characters is None else task.only(list(characters))


def _load(file: str, domain: str, name: str) -> Task:
    with np.load(known(file)) as arrays:
        splits = {
            word: Split(
                arrays[f"{word}_inputs"],
                arrays[f"{word}_labels"],
                arrays[f"{word}_names"].tolist() if f"{word}_names" in arrays else None,
            )
            for word in ("train", "valid", "test")
        }
        return Task(**splits, class_names=arrays["class_names"].tolist(), domain=domain, name=name)
