"""The checks of the lesson on fine-tuning: an image normalised, logits read, one grey channel."""

import torch
from torch import nn

from tl_helpers.teaching.exercises import close, exercise


@exercise("05.1", "Normalise", expects="a function of a uint8 image that gives floats in [-1, 1]")
def normalise(answer):
    image = torch.tensor([[0, 51, 128], [255, 7, 200]], dtype=torch.uint8).repeat(3, 1, 1)
    kept, wanted = image.clone(), image / 127.5 - 1
    found = answer(image)
    if not isinstance(found, torch.Tensor) or found.shape != image.shape:
        return f"Return a tensor of the image's own shape, {tuple(image.shape)}."
    if not found.is_floating_point():
        return f"The result is {found.dtype}; whole numbers cannot hold what lies between -1 and 1."
    if not torch.equal(image, kept):
        return "The image that came in was changed; make a new tensor."
    low, high = float(found.min()), float(found.max())
    if high > 100:
        return "Values far above 1 are left: scale the 0 to 255 of the pixels down first."
    if close(found, image / 255):
        return "Black is 0 now and white is 1; the backbone also wants negative values."
    if low < -1.01 or high > 1.01:
        return (
            f"Your values run from {low:.2f} to {high:.2f}: is that mean and std of this network?"
        )
    if close(found, -wanted):
        return "Black and white have changed places."
    if not close(found, wanted):
        return (
            f"Black came out as {float(found[image == 0].mean()):.2f} and white as "
            f"{float(found[image == 255].mean()):.2f}; which ends should the range have?"
        )


@exercise("05.2", "Top five", expects="a function of (logits, names) that gives five pairs")
def top5(answer):
    names = [f"class {letter}" for letter in "ABCDEFGH"]
    logits = torch.tensor([0.1, 2.0, -1.0, 3.0, 0.5, -2.0, 1.0, 0.9])
    found = answer(logits, names)
    if isinstance(found, dict):
        found = list(found.items())
    if not isinstance(found, list | tuple) or len(found) != 5:
        return "Return a list of five."
    if not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in found):
        return "Each of the five is a pair: the name, then its probability."
    words, numbers = zip(*found, strict=True)
    if not all(isinstance(word, str) for word in words):
        return (
            "The first of each pair is the name of the class, a text: look its number up in names."
        )
    order = logits.argsort(descending=True)[:5]
    if list(words) == [names[i] for i in order.flip(0)]:
        return "The least likely of the five stands first."
    if list(words) != [names[i] for i in order]:
        return "These are not the names of the five largest logits in falling order."
    if close(numbers, logits[order]):
        return "These are the logits; a probability lies between 0 and 1."
    if close(numbers, logits.sigmoid()[order]):
        return "A sigmoid looks at each logit alone; probabilities of classes share a sum of 1."
    if close(numbers, logits[order].softmax(0)):
        return "The five add up to 1, and nothing is left for the other classes."
    if close(numbers, 100 * logits.softmax(0)[order]):
        return "A probability is a fraction in code, not a percentage."
    if not close(numbers, logits.softmax(0)[order]):
        return "The names are right; the numbers are not the probabilities of these logits."


@exercise(
    "05.3", "One channel", expects="a function of an nn.Conv2d that gives one with in_channels=1"
)
def one_channel(answer):
    for conv in (
        nn.Conv2d(3, 4, 3, stride=2, padding=1, bias=False),
        nn.Conv2d(3, 2, 5, padding=2),
    ):
        hint = _one_channel(answer, conv)
        if hint:
            return hint


def _one_channel(answer, conv):
    grey, before = torch.randn(2, 1, 8, 8), conv.weight.clone()
    with torch.no_grad():
        wanted = conv(grey.repeat(1, 3, 1, 1))
    found = answer(conv)
    if not torch.equal(conv.weight, before):
        return "The layer that came in was changed; make a new one."
    if not isinstance(found, nn.Conv2d):
        return f"Return an nn.Conv2d, not a {type(found).__name__}."
    if found.in_channels != 1 or found.weight.shape[1] != 1:
        return "The layer that came back still takes more than one channel."
    with torch.no_grad():
        outputs = found(grey)
        if outputs.shape != wanted.shape:
            return "The outputs have another shape: stride, padding and kernel are those of before."
        bias = 0 if conv.bias is None else conv.bias.view(1, -1, 1, 1)
        linear = wanted - bias
        if close(outputs, linear, 1e-2) and conv.bias is not None:
            return "The outputs are off by a constant for each filter: did the bias come along?"
        found_linear = outputs - (0 if found.bias is None else found.bias.view(1, -1, 1, 1))
        if close(found_linear, linear / 3, 1e-2):
            return (
                "The outputs are a third of what they should be: three equal channels each "
                "add their part."
            )
        if any(torch.allclose(found.weight, before[:, c : c + 1], atol=1e-6) for c in range(3)):
            return "One colour's weights are kept; the other two also saw the grey image."
        if not torch.allclose(outputs, wanted, rtol=1e-3, atol=1e-5):
            return "The outputs differ from those of the old layer on the grey image copied to RGB."
