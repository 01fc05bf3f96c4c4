"""Every argument of the public face, given wrong types and values: one clear error, nothing changed.

The table below holds, for each public function, arguments that are right and, for each parameter,
values that are wrong. A function or parameter without a row fails: new ones cannot be forgotten.
"""

import inspect
import math
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

import tl_helpers as tl
from tests.training.conftest import assert_same, weights

ROOMS = ("data", "models", "training", "transfer", "pretraining")
# What the package makes and a user only reads or inherits from; exceptions.
MADE = {
    "training.History",
    "training.NonFiniteLoss",
    "training.Score",
    "training.State",
    "training.Update",
    "models.ImageModel",
    "models.TransferModel",
}
LONGEST = 320  # characters of an error
NAN = math.nan

WHOLE = (1.5, "3", True, 0)
SEED = (1.5, "a", -1)
POSITIVE = (0, -1.0, "a", NAN)
WORD = ("nonsense", 3)
MODULE = ("resnet18", 3, None)
FLAG = ("yes", 2, None)
FUNCTION = (3, "nonsense")
PATH = (3,)
LABELS = ("abc", [0, 1], np.full(12, NAN))


def images(count=12):
    return torch.randint(256, (count, 1, 16, 16), dtype=torch.uint8)


def labels(count=12):
    return torch.arange(count) % 2


def split(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return tl.data.Split(
        torch.randint(256, (12, 1, 16, 16), dtype=torch.uint8, generator=generator), labels()
    )


def task():
    return tl.data.Task(split(0), split(1), split(2), ["a", "b"])


def model():
    return tl.models.small_cnn(2, in_channels=1)


def features():
    return torch.randn(12, 3)


def optimizer(module):
    return torch.optim.SGD(module.parameters(), lr=0.1)


def running():
    module = model()
    return {
        "step": lambda batch, update: update(module(batch[0].float()).mean()),
        "batches": [(images(), labels())],
        "epochs": 1,
        "modules": {"m": module},
        "optimizers": {"o": optimizer(module)},
    }


def coder():
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(256, 4))
    decoder = nn.Sequential(nn.Linear(4, 256), nn.Unflatten(1, (1, 16, 16)))
    return tl.pretraining.Autoencoder(encoder, decoder)


TRAINS = {  # what everything that trains takes
    "epochs": WHOLE,
    "lr": POSITIVE,
    "batch_size": WHOLE,
    "seed": SEED,
    "optimizer": WORD,
}
RUNS = {
    "precision": WORD,
    "device": ("warp", 3.5),
    "accumulate": WHOLE,
    "clip_norm": POSITIVE,
    "checkpoint": (3, "."),
    "resume": FLAG,
    "callbacks": (3, [object()], object()),
    "progress": FLAG,
    "schedule": WORD,
    "seed": SEED,
}
# name: (arguments that are right, {parameter: values that are wrong})
CALLS = {
    "data.Split": (
        lambda: {"inputs": images(), "labels": labels()},
        {
            "inputs": ("abc", [["a"]], images()[:, 0], images(0), np.full((12, 2), NAN)),
            "labels": ("abc", [0, 1], ["a"] * 12, np.full(12, NAN), {}),
            "names": ("abc", ["a"], 3),
        },
    ),
    "data.Task": (
        lambda: {"train": split(0), "valid": split(1), "test": split(2), "class_names": ["a", "b"]},
        {
            **dict.fromkeys(("train", "valid", "test"), ((1, 2), None, "abc")),
            "class_names": ("ab", 3, ["a"], ["a", "a"], {"a": "b"}),
            "domain": (3, None),
            "name": (3, None),
        },
    ),
    "data.Task.from_arrays": (
        lambda: {"inputs": images(), "labels": labels()},
        {
            "inputs": ("abc", images(3), 3),
            "labels": LABELS,
            "class_names": ("ab", 3, ["a"]),
            "names": ("abc", ["a"], 3),
            "fractions": ("abc", (1, 2), (0.5, 0.5), 3, (NAN, 0.5, 0.5)),
            "seed": (*SEED, None),
            "domain": (3,),
            "name": (3,),
        },
    ),
    "data.Task.from_folder": (
        lambda: {"path": "."},
        {
            "path": (3, None, "nowhere"),
            "image_size": WHOLE,
            "unreadable": WORD,
            "fractions": ("abc", (1, 2)),
            "seed": (*SEED, None),
            "domain": (3,),
        },
    ),
    "data.Task.few": (
        lambda: {"self": task(), "labels_per_class": 2},
        {"labels_per_class": (*WHOLE, 99), "seed": (*SEED, None)},
    ),
    "data.Task.only": (
        lambda: {"self": task(), "classes": ["a"]},
        {"classes": ("c", 3, 1.5, [], ["a", "a"])},
    ),
    "data.batches": (
        lambda: {"inputs": images(), "labels": labels()},
        {
            "inputs": ("abc", images(3), images(0)),
            "labels": ("abc", labels(3), {}),
            "batch_size": WHOLE,
            "shuffle": FLAG,
            "seed": SEED,
        },
    ),
    "data.digits": (dict, {}),
    "data.fashion_mnist": (dict, {}),
    "data.glosses": (dict, {}),
    "data.emoji": (dict, {"drawing": WORD}),
    "data.glyphs": (dict, {"characters": ("é", 3)}),
    "data.photos": (dict, {"classes": WORD, "language": WORD}),
    "data.speeches": (dict, {"target": WORD, "years": ("abc", 3, (2000, 1900), (1.5, 2000))}),
    "data.words": (dict, {"target": WORD}),
    "models.conv_decoder": (
        lambda: {"num_features": 4},
        {"num_features": WHOLE, "out_channels": WHOLE},
    ),
    "models.create": (
        lambda: {"name": "resnet18", "num_classes": 2},
        {
            "name": ("resnet", 3, None),
            "num_classes": WHOLE,
            "pretrained": FLAG,
            "in_channels": (*WHOLE, 2),
            "image_size": WHOLE,
        },
    ),
    "models.efficientnet_lite0": (
        lambda: {"num_classes": 2, "pretrained": False},
        {
            "num_classes": WHOLE,
            "pretrained": FLAG,
            "image_size": (*WHOLE, 8),
            "in_channels": (*WHOLE, 2),
        },
    ),
    "models.imagenet_classes": (dict, {}),
    "models.minilm": (
        lambda: {"num_classes": 2, "pretrained": False},
        {"num_classes": WHOLE, "pretrained": FLAG},
    ),
    "models.mlp": (
        lambda: {"num_classes": 2},
        {"num_classes": WHOLE, "input_shape": ("ab", 3, (0,), ()), "hidden": ("ab", 3, (0,), ())},
    ),
    "models.replace_head": (
        lambda: {"model": model(), "num_classes": 2},
        {"model": MODULE, "num_classes": WHOLE},
    ),
    "models.small_cnn": (
        lambda: {"num_classes": 2},
        {"num_classes": WHOLE, "in_channels": WHOLE},
    ),
    "training.EarlyStopping": (lambda: {"patience": 2}, {"patience": WHOLE}),
    "training.evaluate": (
        lambda: {"model": model(), "data": split()},
        {
            "model": MODULE,
            "data": (None, 3, "abc", task(), []),
            "loss": ("hinge", 3, None, {}),
            "batch_size": WHOLE,
            "precision": WORD,
        },
    ),
    "training.predict": (
        lambda: {"model": model(), "data": split()},
        {"model": MODULE, "data": (None, 3, "abc", []), "batch_size": WHOLE},
    ),
    "training.fit": (
        lambda: {"model": model(), "task": task()},
        {
            **RUNS,
            "model": MODULE,
            "task": (None, 3, "abc", []),
            "valid": (3, "abc"),
            "epochs": WHOLE,
            "lr": POSITIVE,
            "optimizer": WORD,
            "loss": ("hinge", 3, None, {}),
            "batch_size": WHOLE,
            "augment": (3, "flip"),
            "weight_decay": (-1, "a", NAN),
            "l1": (-1, "a", NAN),
            "early_stopping": WHOLE,
            "compile": FLAG,
            "cache_features": ("yes", 2, None),
        },
    ),
    "training.run": (
        running,
        {
            **RUNS,
            "step": FUNCTION,
            "batches": (3, None, []),
            "epochs": WHOLE,
            "modules": (3, {}, {"m": 3}),
            "optimizers": (3, {}, {"o": 3}),
            "validate": FUNCTION,
            "count": FUNCTION,
        },
    ),
    "transfer.GradualUnfreezing": (dict, {"every": WHOLE, "decay": (0.5, "a", NAN)}),
    "transfer.freeze": (
        lambda: {"model": model(), "what": "backbone"},
        {
            "model": MODULE,
            "what": ("nonsense", "all_but_last=9", "all_but_last=x", 3, [], [3]),
            "batchnorm": WORD,
        },
    ),
    "transfer.unfreeze": (
        lambda: {"model": model(), "what": "backbone"},
        {"model": MODULE, "what": ("nonsense", 3, [], [3])},
    ),
    "transfer.parameter_groups": (
        lambda: {"model": model(), "lr": 0.1},
        {"model": (*MODULE, nn.Linear(2, 2)), "lr": POSITIVE, "decay": (0.5, "a", NAN)},
    ),
    **{
        f"transfer.{name}": (
            lambda: {"features": features(), "labels": labels()},
            {"features": ("abc", features()[0], features()[:0]), "labels": ("abc", [0] * 12, [0])},
        )
        for name in ("h_score", "logme")
    },
    "transfer.knn_probe": (
        lambda: {"features": features(), "labels": labels()},
        {
            "features": ("abc", features()[0]),
            "labels": ("abc", [0] * 12, [0]),
            "neighbours": (*WHOLE, 99),
        },
    ),
    "transfer.leep": (
        lambda: {"probabilities": features().softmax(1), "labels": labels()},
        {"probabilities": ("abc", features()), "labels": ("abc", [0] * 12, [0])},
    ),
    "pretraining.Autoencoder": (
        lambda: {"encoder": nn.Linear(4, 2), "decoder": nn.Linear(2, 4)},
        {"encoder": MODULE, "decoder": MODULE},
    ),
    "pretraining.Generator": (
        lambda: {"layers": nn.Linear(4, 4), "num_codes": 4},
        {"layers": MODULE, "num_codes": WHOLE, "num_classes": (1.5, "3", -1)},
    ),
    "pretraining.MaskedAutoencoder": (
        lambda: {"model": model(), "decoder": nn.Linear(128, 4)},
        {"model": MODULE, "decoder": MODULE},
    ),
    "pretraining.SimCLR": (lambda: {"model": model()}, {"model": MODULE, "num_codes": WHOLE}),
    "pretraining.VAE": (
        lambda: {
            "encoder": nn.Linear(4, 4),
            "decoder": nn.Linear(2, 4),
            "num_features": 4,
            "num_codes": 2,
        },
        {
            "encoder": MODULE,
            "decoder": MODULE,
            "num_features": WHOLE,
            "num_codes": WHOLE,
            "num_classes": (1.5, "3", -1),
        },
    ),
    "pretraining.dcgan": (dict, {"num_classes": (1.5, "3", -1), "num_codes": WHOLE}),
    "pretraining.fit_autoencoder": (
        lambda: {"model": coder(), "data": images().float(), "epochs": 1},
        {
            **TRAINS,
            "model": MODULE,
            "data": (3, "abc", None),
            "loss": FUNCTION,
            "corrupt": FUNCTION,
        },
    ),
    "pretraining.fit_gan": (
        lambda: {
            **dict(zip(("generator", "discriminator"), tl.pretraining.dcgan(), strict=True)),
            "data": tl.data.Split(torch.randint(256, (8, 1, 28, 28), dtype=torch.uint8), labels(8)),
            "epochs": 1,
        },
        {
            "generator": MODULE,
            "discriminator": MODULE,
            "data": (3, "abc", None),
            **{name: TRAINS[name] for name in ("epochs", "lr", "batch_size", "seed")},
        },
    ),
    "pretraining.fit_masked_autoencoder": (
        lambda: {
            "learner": tl.pretraining.MaskedAutoencoder(
                tl.models.small_cnn(2, in_channels=1), tl.models.conv_decoder(128)
            ),
            "data": torch.randint(256, (8, 1, 28, 28), dtype=torch.uint8),
            "epochs": 1,
        },
        {
            **TRAINS,
            "learner": MODULE,
            "data": (3, "abc", None),
            "patch": WHOLE,
            "share": (0, 1.5, "a", NAN),
        },
    ),
    "pretraining.fit_rotation": (
        lambda: {"model": tl.models.small_cnn(4, in_channels=1), "data": task(), "epochs": 1},
        {**TRAINS, "model": MODULE, "data": (3, "abc", None)},
    ),
    "pretraining.fit_simclr": (
        lambda: {"learner": tl.pretraining.SimCLR(model()), "data": images(), "epochs": 1},
        {
            **TRAINS,
            "learner": MODULE,
            "data": (3, "abc", None),
            "augment": FUNCTION,
            "temperature": POSITIVE,
        },
    ),
    "pretraining.fit_vae": (
        lambda: {
            "model": tl.pretraining.VAE(
                nn.Sequential(nn.Flatten(), nn.Linear(256, 8)),
                nn.Sequential(nn.Linear(2, 256), nn.Unflatten(1, (1, 16, 16))),
                num_features=8,
                num_codes=2,
            ),
            "data": split(),
            "epochs": 1,
        },
        {**TRAINS, "model": MODULE, "data": (3, "abc", None), "sigma": POSITIVE},
    ),
    "pretraining.load_gan": (dict, {"conditional": FLAG}),
    "pretraining.load_masked": (dict, {}),
    "pretraining.load_rotation": (dict, {}),
    "pretraining.load_simclr": (dict, {"jitter": FLAG}),
    "pretraining.load_supervised": (dict, {"source": WORD}),
    "pretraining.discriminator_loss": (
        lambda: {"real_logits": features(), "fake_logits": features()},
        {"real_logits": ("abc", 3), "fake_logits": ("abc", 3)},
    ),
    "pretraining.generator_loss": (
        lambda: {"fake_logits": features()},
        {"fake_logits": ("abc", 3)},
    ),
    "pretraining.kl_to_standard_normal": (
        lambda: {"mean": features(), "log_variance": features()},
        {"mean": ("abc", features()[:, :2]), "log_variance": ("abc", 3)},
    ),
    "pretraining.sample_codes": (
        lambda: {"mean": features(), "log_variance": features()},
        {"mean": ("abc", features()[:, :2]), "log_variance": ("abc", 3)},
    ),
    "pretraining.reconstruction_loss": (
        lambda: {"outputs": features(), "targets": features(), "sigma": 0.2},
        {"outputs": ("abc", features()[:, :2]), "targets": ("abc", 3), "sigma": POSITIVE},
    ),
    "pretraining.masked_loss": (
        lambda: {"outputs": features(), "targets": features(), "mask": features() > 0},
        {
            "outputs": ("abc", features()[:, :2]),
            "targets": ("abc", 3),
            "mask": ("abc", features()),
        },
    ),
    "pretraining.nt_xent": (
        lambda: {"first": features(), "second": features()},
        {"first": ("abc", features()[:5]), "second": ("abc", 3), "temperature": POSITIVE},
    ),
    "pretraining.patch_mask": (
        lambda: {"images": images()},
        {"images": ("abc", features()), "patch": (*WHOLE, 5), "share": (0, 1.5, "a", NAN)},
    ),
    "pretraining.random_views": (
        lambda: {"images": images().float() / 255},
        {
            "images": ("abc", features()),
            "crop": ("ab", 3, (0.9, 0.5), (0, 1)),
            "flip": (-0.1, 1.5, "a"),
            "jitter": (-0.1, "a", NAN),
        },
    ),
    "pretraining.rotated": (lambda: {"split": split()}, {"split": ("abc", 3, None)}),
    "start": (dict, {"seed": (*SEED, None)}),
    "claim": (
        lambda: {"statement": "it holds", "holds": True},
        {
            "statement": (3, "", "two\nlines"),
            "holds": (0.9, "yes", None),
            "measured": (),
            "kind": ("live", 3, None),
            "needs": ("luck", 3, None, ["labels"]),
        },
    ),
    "measured": (
        lambda: {"name": "accuracy", "value": 0.5},
        {"name": (3, ""), "value": ("a", None, NAN, [], [[1]]), "unit": (3, None)},
    ),
    "table": (
        lambda: {"rows": {"probe": [0.5]}, "columns": ["accuracy"]},
        {
            "rows": (3, {}, {"probe": 0.5}, {"probe": [NAN]}, {"probe": [[]]}),
            "columns": (3, "accuracy", [3], ["a", "b"]),
            "unit": (3, None, ["%", "s"], [3]),
        },
    ),
    "results": (lambda: {"lesson": "01_source_and_target_tasks"}, {"lesson": ("99_none", 3)}),
    "plots.curves": (
        lambda: {"histories": {"one": tl.fit(model(), task(), progress=False)}},
        {"histories": (3, {}, "abc", {"one": 3})},
    ),
    "plots.confusion": (
        lambda: {"labels": labels(), "predictions": labels(), "class_names": ["a", "b"]},
        {
            "labels": ("abc", torch.full((12,), 7)),
            "predictions": ("abc", labels(3), torch.full((12,), 7)),
            "class_names": (3, ["a"]),
        },
    ),
}


def found(name):
    """Return the public function of that name."""
    value = tl
    for part in name.split("."):
        value = getattr(value, part)
    return value


def parameters(name):
    kept = inspect.signature(found(name)).parameters.values()
    return [p.name for p in kept if p.name != "self" and p.kind is not p.VAR_KEYWORD]


def cases():
    for name, (_, wrong) in CALLS.items():
        for parameter, values in wrong.items():
            for number, value in enumerate(values):
                kind = value if isinstance(value, (str, int, float, bool)) else type(value).__name__
                yield pytest.param(name, parameter, value, id=f"{name}-{parameter}-{number}-{kind}")


def public():
    for room in ROOMS:
        for name in found(room).__all__:
            if callable(getattr(found(room), name)) and f"{room}.{name}" not in MADE:
                yield f"{room}.{name}"


def test_every_argument_of_every_public_function_is_in_the_table():
    assert set(public()) <= set(CALLS)
    for name, (_, wrong) in CALLS.items():
        assert sorted(wrong) == sorted(parameters(name)), name
    assert len(list(cases())) >= 150


def state(arguments):
    """Return what a call could have changed: weights, modes, what is frozen, and randomness."""
    held = {"random": torch.get_rng_state(), "numpy": np.random.get_state()[1].tolist()}
    modules = [value for value in arguments.values() if isinstance(value, nn.Module)]
    modules += [*arguments.get("modules", {}).values()] if _named(arguments, "modules") else []
    for number, module in enumerate(m for m in modules if isinstance(m, nn.Module)):
        held[f"modes {number}"] = [part.training for part in module.modules()]
        held[f"frozen {number}"] = [p.requires_grad for p in module.parameters()]
        held[f"weights {number}"] = weights(module)
    return held


def _named(arguments, name):
    return isinstance(arguments.get(name), dict)


def assert_unchanged(before, after):
    assert before.keys() == after.keys()
    for name in before:
        if name.startswith("weights"):
            assert_same(before[name], after[name])
        elif isinstance(before[name], torch.Tensor):
            assert torch.equal(before[name], after[name]), name
        else:
            assert before[name] == after[name], name


@pytest.mark.parametrize(("name", "parameter", "value"), list(cases()))
def test_a_wrong_argument_is_one_clear_error(name, parameter, value, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = {**CALLS[name][0](), parameter: value}
    before = state(arguments)
    with pytest.raises((ValueError, TypeError, tl.files.FileProblem)) as caught:
        found(name)(**arguments)
    said = str(caught.value)
    assert re.search(rf"\b{parameter}\b", said), said
    assert len(said) <= LONGEST and "\n" not in said, said
    assert_unchanged(before, state(arguments))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", sorted(CALLS))
def test_the_right_arguments_are_right(name, tmp_path, monkeypatch):
    if name == "data.Task.from_folder":
        pytest.skip("tests/data/test_folder.py makes folders")
    monkeypatch.chdir(tmp_path)
    found(name)(**CALLS[name][0]())


@pytest.mark.slow
@pytest.mark.parametrize(
    "flags", [["--epochs", "a"], ["--epochs", "0"], ["--images", "0"], ["--seed", "1.5"]]
)
def test_a_script_says_what_a_flag_takes(flags, tmp_path):
    script = [sys.executable, "-m", "tl_helpers.pretraining.rotation"]
    output = tmp_path / "weights.safetensors"
    done = subprocess.run(
        [*script, "--output", output, *flags], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert flags[0] in done.stderr.splitlines()[-1]
    assert not list(tmp_path.iterdir())
