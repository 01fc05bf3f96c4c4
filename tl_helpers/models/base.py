"""What every model of the package is: a backbone that makes features, and a head that reads them."""

import torch
from torch import nn
from torch.nn import functional as F


class TransferModel(nn.Module):
    """A backbone and a linear head; ``forward(inputs)`` is ``head(features(inputs))``.

    ``backbone``: maps prepared inputs to features, N×F. ``head``: maps features to logits,
    N×num_classes (one output and no softmax for regression). ``num_features`` is F.

    ``block_names``: the backbone's stages from input to output, each a tuple of the paths of the
    modules it is made of. Every parameter of the backbone should stand in one of them; one that
    does not (a class token) counts with the first.
    """

    def __init__(self, backbone, head, block_names):
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.num_features = head.in_features
        self.num_classes = head.out_features
        self.block_names = tuple(block_names)

    @property
    def blocks(self) -> list[tuple[str, nn.Module]]:
        """The backbone's stages from input to output: (name, module).

        The name is the path of the stage's first module inside the backbone, so that the pattern
        ``"backbone.<name>.*"`` means its parameters. A stage of several modules (a convolution
        and the BatchNorm that follows it) comes as an ``nn.Sequential`` of them.
        """
        stages = []
        for paths in self.block_names:
            parts = [self.backbone.get_submodule(path) for path in paths]
            stages.append((paths[0], parts[0] if len(parts) == 1 else nn.Sequential(*parts)))
        return stages

    def prepare(self, inputs):
        """Check the inputs and bring them into the form that the backbone was trained with."""
        raise NotImplementedError

    def features(self, inputs) -> torch.Tensor:
        """Return what the backbone makes of the inputs: N×num_features."""
        return self.backbone(self.prepare(inputs))

    def forward(self, inputs) -> torch.Tensor:
        return self.head(self.features(inputs))

    def block_features(self, inputs) -> dict[str, torch.Tensor]:
        """Return what each stage puts out, averaged over positions: name -> N×C.

        For a probe at every stage (which layer transfers?). The average runs over height and
        width of an N×C×H×W picture, over the tokens of an N×L×C sequence. (Not for the few
        networks that keep channels last inside, such as swin.)
        """
        prepared, features, hooks = self.prepare(inputs), {}, []
        for paths in self.block_names:

            def keep(module, args, output, name=paths[0]):
                features[name] = self.average(output, prepared)

            hooks.append(self.backbone.get_submodule(paths[-1]).register_forward_hook(keep))
        try:
            self.backbone(prepared)
        finally:
            for hook in hooks:
                hook.remove()
        return features

    def average(self, output, prepared):
        """Average a stage's output over its positions: N×C."""
        if output.ndim == 4:
            return output.mean((2, 3))
        return output.mean(1) if output.ndim == 3 else output


class ImageModel(TransferModel):
    """A model of images: float N×C×H×W in [0, 1], which it resizes and normalises by itself.

    ``in_channels``: what C has to be; it may be 1 where the backbone takes 3, and the grey channel
    is then repeated. That is the one rule for grey images in the package: the network stays
    exactly what was pretrained, and a grey image gives the same features as its RGB copy, for
    every architecture. (Summing the first layer's RGB weights would be the same only without a
    normalisation that differs by channel.)
    ``mean``, ``std``: one number per channel of the backbone's input, in units of [0, 1].
    ``image_size``: side in pixels of what the backbone sees, or None to take images at the size
    they have. As in pretraining, the shorter side is resized to it (bilinear, antialiased) and
    the middle is cut out, so that nothing is squashed; a square image is only resized.
    """

    def __init__(self, backbone, head, block_names, *, in_channels, mean, std, image_size=None):
        super().__init__(backbone, head, block_names)
        self.in_channels = in_channels
        self.image_size = image_size
        # Constants, not weights: they move with the model but stay out of its state dict.
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1), persistent=False)
        # Convolutions follow the layout of their weights; on a CPU this one takes half the time.
        self.to(memory_format=torch.channels_last)

    def prepare(self, inputs):
        """Return images as the backbone takes them: resized, in its channels, normalised.

        Raises TypeError when inputs are not floats, ValueError when they are not
        N×in_channels×H×W.
        """
        check_images(inputs, self.in_channels)
        if self.image_size:
            inputs = resize_and_crop(inputs, self.image_size)
        # A grey image meets mean and std of three channels here: broadcasting repeats it.
        return (inputs - self.mean) / self.std


def resize_and_crop(images, size):
    """Resize the shorter side to ``size`` pixels and cut out the middle: N×C×size×size."""
    height, width = images.shape[-2:]
    if min(height, width) != size:
        scale = size / min(height, width)
        shape = (round(height * scale), round(width * scale))
        images = F.interpolate(images, shape, mode="bilinear", antialias=True)
    top, left = (images.shape[-2] - size) // 2, (images.shape[-1] - size) // 2
    return images[..., top : top + size, left : left + size]


def check_floats(inputs):
    """Raise TypeError when inputs are not a tensor of floats."""
    kind = inputs.dtype if isinstance(inputs, torch.Tensor) else type(inputs).__name__
    if not (isinstance(inputs, torch.Tensor) and inputs.is_floating_point()):
        raise TypeError(
            f"inputs are {kind}; a model takes a tensor of floats in [0, 1]: "
            "write inputs.float() / 255 for uint8 images (fit, evaluate and predict do it)"
        )


def check_images(inputs, in_channels):
    """Raise when inputs are not float images N×in_channels×H×W."""
    check_floats(inputs)
    if inputs.ndim != 4 or inputs.shape[1] != in_channels:
        raise ValueError(
            f"inputs have shape {tuple(inputs.shape)}; this model takes "
            f"N×{in_channels}×H×W (it was made with in_channels={in_channels})"
        )


def check_count(name, value, at_least=1):
    """Raise ValueError when an argument is not a whole number of at least ``at_least``."""
    if isinstance(value, bool) or not isinstance(value, int) or value < at_least:
        raise ValueError(f"{name}={value!r}; it has to be a whole number of at least {at_least}")


def replace_head(model: TransferModel, num_classes: int) -> TransferModel:
    """Give the model a new, untrained linear head for ``num_classes`` and return the model.

    The backbone stays as it is; the head is made on the device and in the dtype of the old one.
    Raises TypeError when the model is not one of the package's, ValueError for num_classes < 1.
    """
    if not isinstance(model, TransferModel):
        raise TypeError(
            f"model is {type(model).__name__}; replace_head takes a model of tl.models "
            "(tl.models.create makes one of any torchvision or timm classifier)"
        )
    check_count("num_classes", num_classes)
    old = next(model.head.parameters())
    model.head = nn.Linear(model.num_features, num_classes, device=old.device, dtype=old.dtype)
    model.num_classes = num_classes
    return model
