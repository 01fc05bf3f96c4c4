"""The checks of the lesson on self-supervision: augmentations, a mask of patches, a loss."""

import torch
from torch.nn import functional as F

from tl_helpers.teaching.exercises import close, exercise

# What an augmentation takes away, by the letter of exercise 12.1; the others take nothing away.
_TAKES = {
    "b": "a number",
    "c": "a colour",
    "e": "the light",
    "f": "a letter",
    "h": "a length",
}


@exercise("12.1", "Which augmentation destroys the label?", expects="a list of letters")
def destroyed(answer):
    if not isinstance(answer, list | tuple | set) or not set(answer) <= set("abcdefgh"):
        return "A list of letters is asked for, each one from the table."
    found = set(answer)
    if wrong := sorted(found - set(_TAKES)):
        return (
            f"{len(wrong)} of your letters should not be there: would you still name the class "
            "after the augmentation?"
        )
    if missing := sorted(set(_TAKES) - found):
        return (
            f"{len(missing)} are missing. Look for a task that asks about {_TAKES[missing[0]]}, "
            "and ask whether it can still be told."
        )


@exercise("12.2", "A mask of patches", expects="a function of (count, patch, hidden)")
def mask_of(answer):
    for patch, hidden in ((4, 20), (7, 3), (14, 1)):
        mask = answer(300, patch, hidden)
        if not isinstance(mask, torch.Tensor) or mask.dtype != torch.bool:
            return "A tensor of bool is asked for."
        if mask.shape != (300, 1, 28, 28):
            return f"The shape is {tuple(mask.shape)}; count×1×28×28 is asked for."
        blocks = mask.unfold(2, patch, patch).unfold(3, patch, patch).flatten(4)
        if (blocks.any(-1) & ~blocks.all(-1)).any():
            return "A patch is hidden in part: draw for patches first, then enlarge."
        counts = blocks.all(-1).flatten(1).sum(1)
        if (counts != hidden).any():
            if (counts == (28 // patch) ** 2 - hidden).all():
                return "True is a hidden pixel; yours is True where it is seen."
            return "Not every image hides the number of patches that was asked for."
        if (mask == mask[:1]).all():
            return "All images have the same mask: draw for each image."
        often = mask.float().mean(0)
        share = hidden / (28 // patch) ** 2
        if (often - share).abs().max() > 6 * (share * (1 - share) / 300) ** 0.5:
            return "Some places are hidden more often than others: each patch has the same chance."
    if answer(300, 4, 20).equal(answer(300, 4, 20)):
        return "Two calls give the same masks: they have to be drawn anew."


@exercise(
    "12.3",
    "Contrast with labels",
    expects="a function of (codes, labels, temperature) that gives one number",
)
def supervised_contrast(answer):
    generator = torch.Generator().manual_seed(5)
    codes = torch.randn(9, 4, generator=generator) * torch.linspace(0.5, 3, 9)[:, None]
    labels = torch.tensor([0, 1, 0, 2, 2, 1, 0, 0, 2])
    found = answer(codes.clone(), labels.clone(), 0.4)
    if not isinstance(found, torch.Tensor | float) or torch.as_tensor(found).shape != ():
        return "One number is asked for: the mean over the codes."
    if not torch.isfinite(torch.as_tensor(found)):
        return "It is not finite: minus infinity times zero is no number; use masked_fill."
    right = _contrast(codes, labels, 0.4)
    if close(found, right):
        return None
    count = (labels[:, None] == labels).sum(1) - 1
    mistakes = {
        "The codes are not normalised: s is a cosine.": _contrast(codes, labels, 0.4, unit=False),
        "The temperature divides; is it used?": _contrast(codes, labels, 1.0),
        "The sum in the denominator runs over all others, and not over oneself.": (
            _contrast(codes, labels, 0.4, itself=True)
        ),
        "The partners of a code are summed: divide by their number.": (
            _contrast(codes, labels, 0.4, weights=count)
        ),
        "A loss is made small: where is the minus?": -right,
        "This is the sum over the codes; their mean is asked for.": 9 * right,
    }
    for hint, value in mistakes.items():
        if close(found, value):
            return hint
    return (
        "For each code: the log-softmax over all others, averaged over its partners. "
        "Try it with two codes of one class: the loss is 0."
    )


def _contrast(codes, labels, temperature, unit=True, itself=False, weights=1):
    codes = F.normalize(codes, dim=1) if unit else codes
    own = torch.eye(len(codes), dtype=torch.bool)
    similar = codes @ codes.T / temperature
    logs = similar.masked_fill(own & (not itself), float("-inf")).log_softmax(1)
    partners = (labels[:, None] == labels) & ~own
    return -(weights * logs.masked_fill(~partners, 0).sum(1) / partners.sum(1)).mean()
