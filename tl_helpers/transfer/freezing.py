"""Freezing: which parameters a training run may change, and how fast."""

import difflib
import re
from fnmatch import fnmatchcase

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from tl_helpers import arguments

# ULMFiT divides the rate by this from each layer to the one below it.
DECAY = 2.6


def freeze(model: nn.Module, what: str | list[str], batchnorm: str = "frozen") -> None:
    """Freeze parameters of ``model`` in place; returns nothing.

    what: one of three words, which set the whole model anew,
        "backbone": the backbone is frozen, the head is trainable (a probe);
        "all_but_last=k": so is the backbone except its last k blocks, k from 0 ("backbone") to all;
        "none": nothing is frozen;
        or a name or fnmatch pattern of parameters or layers ("backbone.blocks.0", "*.bias"), or a
        list of them: these are frozen too, the rest stays as it was. Patterns work for any module.
    batchnorm: a BatchNorm whose parameters are frozen keeps its statistics too ("frozen": in
        training it normalises with the stored mean and variance, as in evaluation), or goes on
        collecting them ("moving": the usual trap, for a lesson to show; it marks the module with
        ``moving_statistics``, which the loop reads). Set for all BatchNorm modules of the model.

    The optimizer has to be made after freezing (``fit`` does), so that it holds no frozen parameter.
    Raises ValueError for a name that matches nothing (with near ones), for k beyond the blocks, and
    for an unknown batchnorm.
    """
    arguments.module("model", model)
    if not isinstance(what, (str, list, tuple)):
        raise TypeError(f"what is {what!r}: a word, a pattern or a list of them is accepted.")
    if batchnorm not in ("frozen", "moving"):
        raise ValueError(f"batchnorm={batchnorm!r}; it has to be 'frozen' or 'moving'")
    if what == "none":
        frozen, anew = set(), True
    elif what == "backbone" or (isinstance(what, str) and what.startswith("all_but_last")):
        frozen, anew = _below_the_last(model, what), True
    else:
        frozen, anew = _matching(model, what), False
    for parameter in model.parameters():
        if parameter in frozen:
            parameter.requires_grad_(False)
        elif anew:
            parameter.requires_grad_(True)
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.moving_statistics = batchnorm == "moving"


def unfreeze(model: nn.Module, what: str | list[str]) -> None:
    """Make parameters of ``model`` trainable in place; returns nothing.

    what: a name or pattern of parameters or layers, or a list of them, as in ``freeze``
    ("backbone" is the layer of that name, "*" is everything). The rest stays as it was.
    Raises ValueError for a name that matches nothing.
    """
    arguments.module("model", model)
    if not isinstance(what, (str, list, tuple)):
        raise TypeError(f"what is {what!r}: a name, a pattern or a list of them is accepted.")
    for parameter in _matching(model, what):
        parameter.requires_grad_(True)


def parameter_groups(model: nn.Module, lr: float, decay: float = DECAY) -> list[dict]:
    """Return parameter groups with a lower learning rate for every block nearer to the input.

    The head gets ``lr``, the last block lr / decay, the one before it lr / decay² and so on
    (discriminative fine-tuning: Howard and Ruder, ULMFiT, arXiv:1801.06146, who use 2.6). Only
    trainable parameters are in a group, and no group is empty. For example
    ``fit(model, task, optimizer=torch.optim.AdamW(parameter_groups(model, lr=1e-3)))``.

    Each group: {"params": list of parameters, "lr": float, "name": "head" or the block's name}.
    Raises ValueError when lr is not above 0, decay is below 1, the model has no blocks or nothing
    is trainable.
    """
    arguments.number("lr", lr, above=0)
    _check_decay(decay)
    backbone = {id(p) for _, parameters in _block_parameters(model) for p in parameters}
    head = [p for p in model.parameters() if id(p) not in backbone]
    groups = []
    for depth, (name, parameters) in enumerate([("head", head), *_block_parameters(model)]):
        trainable = [p for p in parameters if p.requires_grad]
        if trainable:
            groups.append({"params": trainable, "lr": lr / decay**depth, "name": name})
    if not groups:
        raise ValueError("model has no trainable parameter: every one of them is frozen")
    return groups


class GradualUnfreezing:
    """Callback of ``fit``: the head learns first, then one more block from the top joins.

    Give ``fit`` a model with a frozen backbone. After every ``every`` epochs the next block,
    counted from the output, becomes trainable and its parameters join the optimizer, as a group of
    their own at the head's learning rate divided by ``decay`` for each block down (1: the same
    rate). Source: Howard and Ruder, ULMFiT, arXiv:1801.06146. A run can be resumed with it: freeze
    the backbone, as for the first run, and give ``fit`` a new callback.

    Raises ValueError for bad arguments, and at the start of the run when the model has no blocks
    or its backbone is not frozen.
    """

    def __init__(self, every: int = 1, decay: float = 1.0):
        if isinstance(every, bool) or not isinstance(every, int) or every < 1:
            raise ValueError(f"every={every!r}; it has to be a whole number of epochs, 1 or more")
        _check_decay(decay)
        self.every, self.decay, self.unfrozen = every, decay, 0

    def on_epoch_start(self, state):
        if state.epoch == 0:
            self._check_frozen(state)
            self.unfrozen = 0
        self._unfreeze(state, state.epoch // self.every)

    def state_dict(self):
        return {"unfrozen": self.unfrozen}

    def load_state_dict(self, saved, state):
        # Called before the optimizer gets its memory back: it must have the same groups by then.
        self._check_frozen(state)
        self.unfrozen = 0
        self._unfreeze(state, saved["unfrozen"])

    def _check_frozen(self, state):
        model = state.modules["model"]
        if any(p.requires_grad for _, block in _block_parameters(model) for p in block):
            raise ValueError(
                "GradualUnfreezing starts from a frozen backbone: "
                "call freeze(model, 'backbone') before fit"
            )

    def _unfreeze(self, state, count):
        blocks = _block_parameters(state.modules["model"])
        optimizer = state.optimizers["optimizer"]
        head = optimizer.param_groups[0]
        rate = head.get("initial_lr", head["lr"])  # a schedule moves lr, from initial_lr
        for depth in range(self.unfrozen + 1, min(count, len(blocks)) + 1):
            name, parameters = blocks[depth - 1]
            for parameter in parameters:
                parameter.requires_grad_(True)
            optimizer.add_param_group(
                {"params": parameters, "lr": rate / self.decay**depth, "name": name}
            )
            self.unfrozen = depth


def _check_decay(decay):
    arguments.number("decay", decay, low=1)  # rates fall towards the input


def _block_parameters(model) -> list[tuple[str, list[nn.Parameter]]]:
    """Return (name, parameters) of the backbone's blocks from output to input.

    What stands in no block (a class token) goes with the one at the input.
    """
    if not hasattr(model, "blocks") or not hasattr(model, "backbone"):
        raise ValueError(
            f"model is a {type(model).__name__} without .backbone and .blocks: take a model of "
            "tl.models, or name parameters by patterns"
        )
    blocks = [(name, list(block.parameters())) for name, block in reversed(model.blocks)]
    placed = {id(p) for _, parameters in blocks for p in parameters}
    blocks[-1][1].extend(p for p in model.backbone.parameters() if id(p) not in placed)
    return blocks


def _below_the_last(model, what) -> set[nn.Parameter]:
    """Return the backbone's parameters without those of its last k blocks."""
    if what == "backbone" and not hasattr(model, "backbone"):
        raise ValueError(
            f"what='backbone' needs a model with .backbone; {type(model).__name__} has none: "
            f"name what to freeze by patterns, such as {_examples(model)}"
        )
    if what == "backbone":
        return set(model.backbone.parameters())
    number = re.fullmatch(r"all_but_last=(\d+)", what)
    if not number:
        raise ValueError(f"what={what!r}; it has to be 'all_but_last=' and a whole number")
    blocks, k = _block_parameters(model), int(number[1])
    if k > len(blocks):
        raise ValueError(
            f"what={what!r}, but the backbone has {len(blocks)} blocks: "
            f"{', '.join(name for name, _ in model.blocks)}"
        )
    return {p for _, parameters in blocks[k:] for p in parameters}


def _matching(model, what) -> set[nn.Parameter]:
    """Return the parameters whose name, or whose layer's name, matches a pattern."""
    patterns = [what] if isinstance(what, str) else list(what)
    if not patterns:
        raise ValueError("what is an empty list; it has to hold at least one name or pattern")
    found = set()
    for pattern in patterns:
        if not isinstance(pattern, str):
            raise ValueError(f"what holds {pattern!r}; names and patterns are strings")
        matches = {
            p
            for name, p in model.named_parameters(remove_duplicate=False)  # tied ones by each name
            if fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}.*")
        }
        if not matches:
            raise ValueError(
                f"what={pattern!r} matches no parameter of the model; "
                f"near it: {_examples(model, pattern)}"
            )
        found |= matches
    return found


def _examples(model, pattern="") -> str:
    """Return names near a pattern, or the model's outermost ones when none is near."""
    names = [
        name
        for name, module in model.named_modules()
        if name and next(module.parameters(), None) is not None
    ]
    names += [name for name, _ in model.named_parameters()]
    near = difflib.get_close_matches(pattern, names, n=4, cutoff=0.5)
    outermost = dict.fromkeys(name.split(".")[0] for name in names)
    return ", ".join(repr(name) for name in near or outermost)
