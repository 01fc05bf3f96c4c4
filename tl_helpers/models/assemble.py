"""A network without its classifier, and a head: put together, and divided into stages."""

import torch
from torch import nn

from tl_helpers import arguments

from .base import ImageModel, check_count

# Containers that hold the stages of a network one after the other, by the names that torchvision
# and timm give them; and the share of the parameters above which a child of the network is such a
# container, whatever its name. Any other child is a stage by itself.
_STAGE_LISTS = {"features", "blocks", "stages", "layers"}
_MOST = 0.85


def check(num_classes, pretrained, in_channels, image_size, smallest=1) -> None:
    """Raise unless these arguments of ``create`` can be, before anything is read or drawn."""
    if num_classes is not None:
        check_count("num_classes", num_classes)
    arguments.choice("pretrained", pretrained, (True, False))
    arguments.choice("in_channels", in_channels, (3, 1))  # RGB or grey
    if image_size is not None:
        check_count("image_size", image_size, at_least=smallest)


def assemble(
    name, network, classifier, *, num_classes, pretrained, in_channels, image_size, mean, std
) -> ImageModel:
    """Put a network without its classifier and a head together; the rest as in ``create``.

    The network is run once on a black image: a size that it cannot take is found now.
    """
    network.eval()
    try:
        with torch.no_grad():
            features = network(torch.zeros(1, 3, image_size, image_size))
    except (RuntimeError, AssertionError, ValueError) as error:
        raise ValueError(f"image_size={image_size} does not suit {name}: {error}") from error
    network.train()
    if not isinstance(features, torch.Tensor) or features.ndim != 2:
        raise ValueError(f"name={name!r} gives no single vector of features per image")
    if num_classes is None:
        head = _pretrained_head(name, classifier, pretrained)
    else:
        head = nn.Linear(features.shape[1], num_classes)
    return ImageModel(
        network,
        head,
        block_names(network),
        in_channels=in_channels,
        image_size=image_size,
        mean=mean,
        std=std,
    )


def _pretrained_head(name, classifier, pretrained):
    if not pretrained:
        raise ValueError(
            "num_classes=None keeps the pretrained head, so it needs pretrained=True; "
            "give the number of classes for a new head"
        )
    if not isinstance(classifier, nn.Linear):
        raise ValueError(f"{name} has no linear head to keep: give num_classes for a new one")
    return classifier


def block_names(network) -> list[tuple[str, ...]]:
    """Return the stages of a network from input to output, each as the paths of its modules.

    A stage is a child that has parameters, or an entry of a list of stages ("features.3"). One that
    only scales and shifts (a normalisation, alone or in a container) belongs to the stage before
    it: freezing one without the other has no use, and alone it hardly learns.
    """
    stages = []
    for path, module in _stage_modules(network, "", _MOST * _count(network)):
        if stages and _only_scales(module):
            stages[-1] = (*stages[-1], path)
        else:
            stages.append((path,))
    return stages


def _stage_modules(parent, prefix, most):
    for name, child in parent.named_children():
        opened = name in _STAGE_LISTS or _count(child) > most
        if opened and any(True for _ in child.children()):
            yield from _stage_modules(child, f"{prefix}{name}.", float("inf"))
        elif _count(child):
            yield f"{prefix}{name}", child


def _only_scales(module):
    """Whether every parameter is a vector: scale and shift, under whatever name the layer goes."""
    return all(parameter.squeeze().ndim <= 1 for parameter in module.parameters())


def _count(module):
    return sum(p.numel() for p in module.parameters())
