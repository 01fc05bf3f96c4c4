"""The checks of the lesson on freezing: choose k, count what trains, freeze for good."""

import torch
from torch import nn

from tl_helpers.teaching.exercises import close, exercise

BUDGET = 40  # MB
BLOCKS = 9  # of EfficientNet-Lite0


@exercise("06.1", "Choose k for a memory", expects="a whole number of blocks, k")
def choose_k(answer):
    if isinstance(answer, bool) or not isinstance(answer, int):
        return "k counts blocks: give a whole number."
    if not 0 <= answer <= BLOCKS:
        return f"The backbone has {BLOCKS} blocks, so k goes from 0 to {BLOCKS}."
    needed, only_trainable, without_optimizer = [], [], []
    for trainable, everything in _parameters_by_k():
        needed.append(4e-6 * (everything + 3 * trainable))
        only_trainable.append(4e-6 * 3 * trainable)
        without_optimizer.append(4e-6 * (everything + trainable))
    if needed[answer] <= BUDGET:
        if answer < BLOCKS and needed[answer + 1] <= BUDGET:
            return "That fits, but a larger k fits too."
        return None
    if only_trainable[answer] <= BUDGET:
        return (
            "That does not fit: a frozen parameter needs no gradient, but it still takes its place."
        )
    if without_optimizer[answer] <= BUDGET:
        return "That does not fit: count what AdamW keeps for each trainable parameter."
    return "That does not fit: the sum for this k is above the memory."


def _parameters_by_k():
    """Yield (trainable parameters, all parameters) for k = 0, 1, … last blocks trainable."""
    from tl_helpers import models

    model = models.efficientnet_lite0(4, pretrained=False)  # the lesson's: 4 groups of photographs
    everything = sum(p.numel() for p in model.parameters())
    trainable = sum(p.numel() for p in model.head.parameters())
    yield trainable, everything
    for _, block in reversed(model.blocks):
        trainable += sum(p.numel() for p in block.parameters())
        yield trainable, everything


@exercise("06.2", "Count what trains", expects="a function of a model that returns a whole number")
def trainable_parameters(answer):
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(8, 5), nn.Linear(5, 5)
    )
    model[0].requires_grad_(False)
    model[3].bias.requires_grad_(False)
    parameters = list(model.parameters())
    wanted = sum(p.numel() for p in parameters if p.requires_grad)
    found = answer(model)
    if close(found, sum(p.numel() for p in parameters)):
        return "Those are all parameters: leave out the frozen ones."
    if close(found, sum(p.requires_grad for p in parameters)):
        return "Those are the trainable tensors: count the numbers that are in them."
    if close(found, sum(p.numel() for p in parameters if not p.requires_grad)):
        return "Those are the frozen ones: the others are asked for."
    if close(found, sum(t.numel() for t in model.state_dict().values())):
        return "Those are parameters and BatchNorm's statistics: look at `model.parameters()`."
    if not close(found, wanted):
        return "On a model with one layer frozen whole and one by half, the count is wrong."
    model.requires_grad_(False)
    if not close(answer(model), 0):
        return "On a model in which everything is frozen, the count is wrong."
    model[3].requires_grad_(True)
    model.append(nn.Linear(8, 5))
    model[5].weight = model[3].weight
    model[5].bias.requires_grad_(False)
    if not close(answer(model), 45):
        return "Two layers may share one weight. It is trained once, so it counts once."


@exercise(
    "06.3", "Freeze for good", expects="a function that freezes a module in place and returns it"
)
def freeze_for_good(answer):
    backbone = nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    model = nn.Sequential(backbone, nn.Linear(6, 4))
    inputs, labels = 2 * torch.rand(16, 3, 8, 8) + 1, torch.arange(16) % 4
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    first = backbone.eval()(inputs)  # what the backbone says of the inputs, and must go on saying
    backbone.train()
    answer(backbone)
    if any(p.requires_grad for p in backbone.parameters()):
        return "Gradients still reach the parameters of the module that came in."

    model.train()  # as every training loop does at the start of an epoch
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    hidden = backbone(inputs)
    nn.functional.cross_entropy(model[1](hidden), labels).backward()
    optimizer.step()
    moved = [name for name, value in backbone.state_dict().items() if (value != before[name]).any()]
    if moved:
        return (
            f"After `model.train()` and one batch, these have changed: {', '.join(moved)}. "
            "A training loop puts the whole model into train mode, the frozen part too."
        )
    if not close(hidden, first):
        return (
            "The statistics stay, but in train mode the batch's own mean and variance are used "
            "in their place: the features differ from those in eval mode."
        )
