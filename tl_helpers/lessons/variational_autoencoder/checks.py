"""The checks of the lesson on VAEs: generated alone, a draw with a gradient, the loss."""

import numpy as np
import torch

from tl_helpers.teaching.exercises import close, exercise
from tl_helpers.teaching.results import results

LOSS = 0.02  # the loss of accuracy, a fraction, that exercise 10.1 asks about


@exercise("10.1", "Generated alone", expects="one of the measured numbers of labels a class")
def generated_alone(answer):
    lost = losses(results("10_variational_autoencoder"))
    if answer not in lost:
        return "Not one of the numbers of labels a class that were measured: see LABELS."
    enough = [k for k in lost if lost[k] >= LOSS]
    if answer not in enough:
        return (
            "There the loss is smaller than 2 points: subtract the mean of generated from the mean "
            "of real, and go on to more labels."
        )
    if answer != min(enough):
        return "There it loses 2 points or more, and it already did with fewer labels."


def losses(runs) -> dict:
    """Return {labels a class: mean accuracy on real minus that on generated images}."""
    found = {}
    for run in runs:
        if run["name"] in ("real", "generated") and "rare" not in run:
            found.setdefault((run["name"], run["labels"]), []).append(run["accuracy"])
    return {
        k: np.mean(values) - np.mean(found["generated", k])
        for (name, k), values in found.items()
        if name == "real"
    }


@exercise("10.2", "A draw with a gradient", expects="a function of (mean, log_variance)")
def draw(answer):
    count = 20_000
    mean = torch.tensor([[1.0, -2.0, 0.0]])
    log_variance = torch.tensor([0.25, 1.0, 9.0]).log()[None]
    mean, log_variance = mean.repeat(count, 1), log_variance.repeat(count, 1)
    mean.requires_grad_(), log_variance.requires_grad_()
    codes = answer(mean, log_variance)
    if not isinstance(codes, torch.Tensor) or codes.shape != mean.shape:
        return "A tensor of codes is asked for, in the shape of mean."
    found = codes.detach()
    if (found.mean(0) - mean[0].detach()).abs().max() > 0.1:
        return "The mean of many draws is not the mean that was given."
    spread = found.std(0)
    if (spread < 1e-3).all():
        return "Each call gives the mean alone: where is the noise?"
    if close(spread, torch.tensor([0.25, 1.0, 9.0]), 0.1):
        return "What multiplies the noise is the standard deviation; yours is the variance."
    if close(spread, torch.ones(3), 0.1):
        return "The noise has the same spread in every dimension: log_variance is not used."
    if not close(spread, torch.tensor([0.5, 1.0, 3.0]), 0.1):
        return "The spread is wrong: how does a standard deviation follow from a log variance?"
    noise = (found - mean.detach()) / spread
    correlation = torch.corrcoef(noise.T)
    if (correlation - torch.eye(3)).abs().max() > 0.2:
        return "One noise is shared by all dimensions: draw one for each number of the code."
    if codes.requires_grad:
        codes.sum().backward()
    if mean.grad is None or not mean.grad.any():
        return "No gradient reaches mean: torch.normal and .sample() cut it. Draw noise, scale it."
    for what, grad, wanted in (
        ("mean", mean.grad, torch.ones_like(found)),
        ("log_variance", log_variance.grad, 0.5 * (found - mean.detach())),
    ):
        if grad is None or not close(grad, wanted):
            return (
                f"The gradient with respect to {what} is not that of the formula: is it detached?"
            )


@exercise(
    "10.3",
    "The loss of a VAE",
    expects="a function of (images, outputs, mean, log_variance, sigma) that gives one number",
)
def negative_elbo(answer):
    generator = torch.Generator().manual_seed(3)
    # Not square, and another number of codes than images: a wrong axis shows.
    images, outputs = (torch.rand(5, 1, 4, 6, generator=generator) for _ in range(2))
    mean, log_variance = (torch.randn(5, 3, generator=generator) for _ in range(2))
    sigma = 0.3
    squares = (images - outputs).square().flatten(1) / (2 * sigma**2)
    kl = 0.5 * (mean.square() + log_variance.exp() - log_variance - 1)
    found = answer(images.clone(), outputs.clone(), mean.clone(), log_variance.clone(), sigma)
    if np.shape(_plain(found)) != ():
        return "One number is asked for: the mean over the images of the batch."
    right = squares.sum(1).mean() + kl.sum(1).mean()
    mistakes = {
        "The reconstruction is averaged over pixels: then KL weighs 24 times too much here.": (
            squares.mean() + kl.sum(1).mean()
        ),
        "KL is averaged over the dimensions of the code; it is a sum.": (
            squares.sum(1).mean() + kl.mean()
        ),
        "This is the sum over the batch; its mean does not change with the size of a batch.": (
            squares.sum() + kl.sum()
        ),
        "KL is taken away: a loss adds what it wants to be small.": (
            squares.sum(1).mean() - kl.sum(1).mean()
        ),
        "Is KL in it? This is the reconstruction alone.": squares.sum(1).mean(),
        "The reconstruction does not know sigma: divide the squares by 2 sigma².": (
            (2 * sigma**2) * squares.sum(1).mean() + kl.sum(1).mean()
        ),
        "The squares are divided by sigma²; the normal density has 2 sigma².": (
            2 * squares.sum(1).mean() + kl.sum(1).mean()
        ),
        "The half in front of KL is missing.": squares.sum(1).mean() + 2 * kl.sum(1).mean(),
    }
    if close(found, right):
        return None
    for hint, value in mistakes.items():
        if close(found, value):
            return hint
    return (
        "Squares over 2 sigma², summed over pixels; KL, summed over the code; both averaged over "
        "the batch. Check your KL against torch.distributions."
    )


def _plain(value):
    return value.detach().numpy() if isinstance(value, torch.Tensor) else value
