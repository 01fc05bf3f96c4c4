"""Models: backbones, heads, decoders. Every model has .backbone, .head, .features(x) and .blocks."""

from .base import ImageModel, TransferModel, replace_head
from .create import create
from .decoders import conv_decoder
from .efficientnet import efficientnet_lite0, imagenet_classes
from .small import mlp, small_cnn
from .text import minilm

__all__ = [
    "ImageModel",
    "TransferModel",
    "conv_decoder",
    "create",
    "efficientnet_lite0",
    "imagenet_classes",
    "minilm",
    "mlp",
    "replace_head",
    "small_cnn",
]
