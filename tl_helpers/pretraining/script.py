"""Long pretraining from the command line: what the scripts of this room share.

A script adds its own flags to ``parser``, trains on the one engine with ``options`` (progress,
checkpoint, resume, ``torchrun``), and hands its modules to ``ship``; ``load`` reads them back.
"""

import argparse
import json
from pathlib import Path

from tl_helpers.files import DATA, known, sha256
from tl_helpers.say import say
from tl_helpers.training import History, distributed

WEIGHTS = DATA / "weights"


def count(text: str) -> int:
    """Return the number that a flag was given: 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number, 1 or more")
    return int(text)


def parser(name: str, description: str, epochs: int) -> argparse.ArgumentParser:
    """Return the arguments that every script takes. name: the script's file, without ending."""
    made = argparse.ArgumentParser(
        prog=f"python -m tl_helpers.pretraining.{name}", description=description
    )
    made.add_argument(
        "--epochs", type=count, default=epochs, help="in all, a resumed run included (%(default)s)"
    )
    made.add_argument("--output", type=Path, help="the weights' file (one in data/weights)")
    made.add_argument("--resume", action="store_true", help="go on from the checkpoint beside it")
    made.add_argument("--seed", type=int, default=0, help="of weights and batches (%(default)s)")
    made.add_argument("--images", type=count, help="train on the first so many only, to try it out")
    return made


def first(split, images: int | None):
    """Return the first ``images`` items of a split; all of them for None."""
    return split if images is None else split.take(range(min(images, len(split))))


def options(wishes: argparse.Namespace, output: Path) -> dict:
    """Return the arguments of ``run`` that the command line asks for.

    The checkpoint stands beside the output, with the ending ``.run``.
    """
    return {
        "epochs": wishes.epochs,
        "seed": wishes.seed,
        "checkpoint": output.with_suffix(".run"),
        "resume": wishes.resume,
    }


def ship(output: Path, modules: dict, history: History) -> None:
    """Write the weights of ``modules`` (by name) and their history to ``output``, safetensors.

    A file in ``data/weights`` is noted in ``data/checksums.json``. Under ``torchrun`` one process
    writes; after an interruption none does.
    """
    from safetensors.torch import save_file

    if distributed.world()[0]:
        return
    if history.interrupted:
        say(f"interrupted after {len(history)} epochs: go on with --resume")
        return
    weights = {
        f"{name}.{key}": value.cpu().contiguous()
        for name, module in modules.items()
        for key, value in module.state_dict().items()
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    save_file(weights, output, metadata={"history": history.to_json()})
    digest = sha256(output)
    if output.resolve().parent == WEIGHTS:
        file = DATA / "checksums.json"
        listed = json.loads(file.read_text(encoding="utf-8"))
        listed[output.name] = {
            "path": f"weights/{output.name}",
            "sha256": digest,
            "licence": "made by this project, MIT",
            "remedy": f"Get it back with: git checkout -- data/weights/{output.name}",
        }
        text = json.dumps(dict(sorted(listed.items())), indent=2) + "\n"
        file.write_text(text, encoding="utf-8")
    say(f"{output}: {len(history)} epochs, {sum(history.seconds):.0f} s, SHA-256 {digest}")


def load(name: str, modules: dict) -> History:
    """Read the shipped file ``name`` into ``modules`` and return the history of its training.

    Raises FileProblem when the file is missing or damaged.
    """
    from safetensors import safe_open

    with safe_open(known(name), framework="pt") as file:
        for word, module in modules.items():
            start = f"{word}."
            keys = [key for key in file.keys() if key.startswith(start)]
            module.load_state_dict({key[len(start) :]: file.get_tensor(key) for key in keys})
        history = file.metadata()["history"]
    return History.from_json(history)
