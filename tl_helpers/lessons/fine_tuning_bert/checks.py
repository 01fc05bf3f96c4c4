"""The checks of the lesson on fine-tuning BERT: a warm-up counted, a mean with a mask, a schedule."""

import torch

from tl_helpers.teaching.exercises import close, exercise


@exercise("13.1", "How far the rate gets", expects="a share, between 0 and 1")
def share_of_the_rate(answer):
    if isinstance(answer, torch.Tensor):
        answer = answer.item()
    if isinstance(answer, bool) or not isinstance(answer, int | float):
        return "Give one number, the share."
    if 0.25 <= answer <= 0.26:
        return None
    if 25 <= answer <= 26:
        return "A share is a fraction in code, not a percentage."
    if close(answer, 1000 * 4 / 500) or close(answer, 1):
        return "One step takes a whole batch, not one text."
    if 0.060 <= answer <= 0.066:
        return "That is after one epoch; the run has more of them."
    if 124 <= answer <= 128:
        return "So many steps the run has; how far does the warm-up get in them?"
    if answer > 1:
        return "The share of the rate cannot be more than all of it."
    return "Count the steps of an epoch (the last batch may be smaller), then those of the run."


@exercise(
    "13.2",
    "Mean pooling",
    expects="a function of (states, ids) that gives one vector a text, N×F",
)
def mean_pooling(answer):
    generator = torch.Generator().manual_seed(3)
    states = torch.randn(3, 5, 4, generator=generator)
    ids = torch.tensor([[101, 7, 8, 9, 102], [101, 7, 102, 0, 0], [101, 102, 0, 0, 0]])
    found = answer(states.clone(), ids.clone())
    if not isinstance(found, torch.Tensor) or found.shape != (3, 4):
        return "Return a tensor with one vector for each text, N×F."
    mask = (ids != 0).unsqueeze(-1).float()
    wanted = (states * mask).sum(1) / mask.sum(1)
    if close(found, wanted):
        return None
    if close(found, states.mean(1)):
        return "This is the mean over all places: what do those of the padding say?"
    if close(found, (states * mask).mean(1)):
        return "The padding is out of the sum, but it still counts in what you divide by."
    if close(found, (states * mask).sum(1)):
        return "This is a sum: a longer text gives a longer vector."
    if close(found, states[:, 0]):
        return "That is the vector at [CLS]; the mean over all tokens is asked for."
    inner = ((ids > 102) | ((ids > 0) & (ids < 101))).unsqueeze(-1).float()
    if close(found[:2], ((states * inner).sum(1) / inner.sum(1).clamp_min(1))[:2]):
        return "Here [CLS] and [SEP] are tokens like the others, and belong to the mean."
    return "Compare with a text of two tokens by hand: which places go into its mean?"


@exercise(
    "13.3",
    "A warm-up that fits the run",
    expects="a function of (step, total) that gives the factor of the rate",
)
def schedule(answer):
    for total in (75, 40, 1000):
        warm_up = max(1, round(0.1 * total))
        found = [float(answer(step, total)) for step in range(total)]
        if close(found[0], 1) and found[-1] < 0.2:
            return "It begins at the full rate; the warm-up is what comes before."
        if max(found) > 1.001:
            return "The factor is 1 at its highest: it is what the rate is multiplied by."
        if close(found[-1], 1):
            return (
                "After the warm-up the rate falls, in a straight line, to 0 at the end of the run."
            )
        if max(found) < 0.9:
            return f"In a run of {total} steps the factor gets no higher than {max(found):.2f}."
        top = found.index(max(found))
        if abs(top - warm_up) > 1 + 0.02 * total:
            return (
                f"In a run of {total} steps the highest rate comes at step {top}; a tenth is asked."
            )
        wanted = [min(step / warm_up, (total - step) / (total - warm_up)) for step in range(total)]
        shifted = [
            min((step + 1) / warm_up, (total - step) / (total - warm_up)) for step in range(total)
        ]
        off = min(
            max(abs(one - other) for one, other in zip(found, line, strict=True))
            for line in (wanted, shifted)
        )
        if off > 0.1 + 1.5 / warm_up * (warm_up < 10):
            return "Rise and fall are straight lines: compare some steps with a drawing of yours."
    return None
