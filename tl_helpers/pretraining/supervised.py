"""Supervised pretraining: the yardstick that learning without labels is held against.

``python -m tl_helpers.pretraining.supervised --epochs 8`` trains the one that the project ships on
the labels of Fashion-MNIST; with ``--source glyphs``, on those of printed characters.
"""

from tl_helpers.data import fashion_mnist, glyphs
from tl_helpers.models import TransferModel, small_cnn
from tl_helpers.pretraining import script
from tl_helpers.seeds import seed_everything
from tl_helpers.training import History, fit

EPOCHS = 8  # of the shipped weights
SOURCES = {"fashion": (fashion_mnist, 10), "glyphs": (glyphs, 36)}  # task, classes


def load_supervised(source: str = "fashion") -> tuple[TransferModel, History]:
    """Return the model that the project ships, and the history of its training.

    source: "fashion" or "glyphs", the task whose labels it learned from.
    Raises FileProblem when the file is missing or damaged, ValueError for another source.
    """
    if source not in SOURCES:
        raise ValueError(f"source is {source!r}: accepted are {', '.join(SOURCES)}")
    model = _model(source)
    return model, script.load(_file(source), {"model": model})


def _model(source):
    return small_cnn(SOURCES[source][1], in_channels=1)


def _file(source):
    return f"supervised_{source}.safetensors"


def main(arguments=None) -> None:
    """Train a network on the labels of a training split and write its weights."""
    parser = script.parser("supervised", main.__doc__, epochs=EPOCHS)
    parser.add_argument("--source", choices=list(SOURCES), default="fashion", help="(%(default)s)")
    wishes = parser.parse_args(arguments)
    seed_everything(wishes.seed)
    model, output = _model(wishes.source), wishes.output or script.WEIGHTS / _file(wishes.source)
    data = script.first(SOURCES[wishes.source][0]().train, wishes.images)
    history = fit(model, data, lr=1e-3, **script.options(wishes, output))
    script.ship(output, {"model": model}, history)


if __name__ == "__main__":
    main()
