"""Small networks to train from nothing in about a second: a perceptron and a CNN."""

import math
from collections import OrderedDict

from torch import nn

from .base import ImageModel, TransferModel, check_count, check_floats


class _Perceptron(TransferModel):
    def __init__(self, backbone, head, block_names, input_shape):
        super().__init__(backbone, head, block_names)
        self.input_shape = input_shape

    def prepare(self, inputs):
        check_floats(inputs)
        if tuple(inputs.shape[1:]) != self.input_shape:
            accepted = "×".join(["N", *map(str, self.input_shape)])
            raise ValueError(
                f"inputs have shape {tuple(inputs.shape)}; this model takes {accepted}"
            )
        return inputs.flatten(1)


def mlp(num_classes: int, input_shape=(1, 28, 28), hidden=(256, 128)) -> TransferModel:
    """Return a multilayer perceptron: hidden layers with ReLU, then the head.

    Inputs: float N×input_shape (images in [0, 1], or vectors with ``input_shape=(2,)``).
    ``hidden``: width of each hidden layer; each is one block ("layer1", "layer2" …).
    Raises ValueError when a number of classes or a width is not at least 1.
    """
    check_count("num_classes", num_classes)
    for name, widths in (("input_shape", input_shape), ("hidden", hidden)):
        if not isinstance(widths, (tuple, list)):
            raise TypeError(
                f"{name} is {widths!r}: whole numbers, such as (256, 128), are accepted."
            )
    input_shape, hidden = tuple(input_shape), tuple(hidden)
    for width in (*input_shape, *hidden):
        check_count("a width in input_shape or hidden", width)
    if not input_shape or not hidden:
        raise ValueError("input_shape and hidden need at least one number each")
    widths = (math.prod(input_shape), *hidden)
    layers = OrderedDict(
        (f"layer{i}", nn.Sequential(nn.Linear(widths[i - 1], widths[i]), nn.ReLU()))
        for i in range(1, len(widths))
    )
    head = nn.Linear(widths[-1], num_classes)
    return _Perceptron(nn.Sequential(layers), head, [(name,) for name in layers], input_shape)


def small_cnn(num_classes: int, in_channels: int = 3) -> ImageModel:
    """Return a small convolutional network for images of about 28 to 64 pixels.

    Inputs: float N×in_channels×H×W in [0, 1], H and W at least 16, at the size they have.
    Four blocks ("block1" … "block4") of 3×3 convolution, BatchNorm and ReLU; each halves height
    and width. The mean over what is left gives 128 features.
    Raises ValueError when num_classes or in_channels is not at least 1.
    """
    check_count("num_classes", num_classes)
    check_count("in_channels", in_channels)
    widths = (in_channels, 16, 32, 64, 128)
    layers = OrderedDict()
    for i in range(1, len(widths)):
        layers[f"block{i}"] = nn.Sequential(
            nn.Conv2d(widths[i - 1], widths[i], 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(widths[i]),
            nn.ReLU(),
        )
    block_names = [(name,) for name in layers]
    layers["pool"] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    half = [0.5] * in_channels
    return ImageModel(
        nn.Sequential(layers),
        nn.Linear(widths[-1], num_classes),
        block_names,
        in_channels=in_channels,
        mean=half,
        std=half,
    )
