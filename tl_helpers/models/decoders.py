"""Decoders: from a code, a few numbers, back to an image."""

import torch
from torch import nn

from .base import check_count, check_floats


class _Decoder(nn.Module):
    def __init__(self, layers, num_features):
        super().__init__()
        self.layers, self.num_features = layers, num_features

    def forward(self, codes) -> torch.Tensor:
        check_floats(codes)
        if codes.ndim != 2 or codes.shape[1] != self.num_features:
            raise ValueError(
                f"codes have shape {tuple(codes.shape)}; this decoder takes N×{self.num_features}"
            )
        return self.layers(codes)


def conv_decoder(num_features: int, out_channels: int = 1) -> nn.Module:
    """Return a small convolutional decoder: codes, float N×num_features, to images in [0, 1].

    Images: float N×out_channels×28×28. A linear layer makes 32 maps of 7×7; two transposed
    convolutions double their size, as in DCGAN (Radford, Metz, Chintala, arXiv:1511.06434); a
    sigmoid ends it.
    Raises ValueError when num_features or out_channels is not at least 1.
    """
    check_count("num_features", num_features)
    check_count("out_channels", out_channels)
    layers = nn.Sequential(
        nn.Linear(num_features, 32 * 7 * 7),
        nn.ReLU(),
        nn.Unflatten(1, (32, 7, 7)),
        nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(16, out_channels, 4, stride=2, padding=1),
        nn.Sigmoid(),
    )
    return _Decoder(layers, num_features)
