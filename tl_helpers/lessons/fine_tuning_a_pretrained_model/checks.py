"""The checks of the lesson on fine-tuning: an image normalised, a loop, one grey channel."""

import copy

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


@exercise(
    "05.2", "Fine-tune", expects="a function of (model, batches, optimizer) that gives a mean loss"
)
def one_epoch(answer):
    given = _Small(), _epoch_of_batches()
    model = copy.deepcopy(given[0])
    weights, kept, losses = _trained(*given)
    frozen = copy.deepcopy(model.backbone.state_dict())
    found = answer(model, given[1], torch.optim.SGD(model.head.parameters(), lr=0.1))
    moved = {
        name
        for name, value in model.backbone.state_dict().items()
        if not torch.equal(value, frozen[name])
    }
    if any(name.endswith(("weight", "bias")) for name in moved):
        return "The backbone's weights changed; only the head learns."
    if moved:
        return "BatchNorm's statistics moved: which mode is the frozen backbone in?"
    head = model.head.weight
    if torch.equal(head, given[0].head.weight):
        return "The head did not change: which call changes weights by their gradients?"
    if close(head, kept):
        return "The gradients of earlier batches are still added: when are they set to zero?"
    if not close(head, weights):
        return "The head learned something else; is it one step for each batch, on cross-entropy?"
    if close(found, losses["of batches"]):
        return "That is the mean over batches; the last one holds fewer images."
    if close(found, losses["of the last batch"]):
        return "That is the loss of the last batch alone."
    if not close(found, losses["of images"]):
        return "The head is right; the mean loss of an image, over the whole epoch, is another."


class _Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Flatten(), nn.Linear(12, 6), nn.BatchNorm1d(6), nn.ReLU())
        self.head = nn.Linear(6, 3)
        self.backbone.requires_grad_(False)

    def forward(self, images):
        return self.head(self.backbone(images))


def _epoch_of_batches():
    return [(torch.randn(n, 3, 2, 2), torch.randint(3, (n,))) for n in (4, 4, 2)]


def _trained(model, batches):
    """Return the head's weights, those with gradients kept, and losses by what they mean."""
    ends = {}
    for keep in (False, True):
        one = copy.deepcopy(model).eval()
        optimizer, losses = torch.optim.SGD(one.head.parameters(), lr=0.1), []
        for images, labels in batches:
            if not keep:
                optimizer.zero_grad()
            loss = nn.functional.cross_entropy(one(images), labels)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        ends[keep] = one.head.weight.detach(), losses
    weights, losses = ends[False]
    sizes = [len(labels) for _, labels in batches]
    means = {
        "of images": sum(n * loss for n, loss in zip(sizes, losses, strict=True)) / sum(sizes),
        "of batches": sum(losses) / len(losses),
        "of the last batch": losses[-1],
    }
    return weights, ends[True][0], means


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
