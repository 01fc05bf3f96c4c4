"""The checks of the lesson on autoencoders: parameters, the denoising loss, a linear code."""

import torch
from torch import nn

from tl_helpers.teaching.exercises import close, exercise


@exercise("09.1", "Count the parameters", expects="a function of a list of widths: a whole number")
def count_parameters(answer):
    for widths in ([784, 128, 64, 32, 16, 8, 4, 2], [10, 4, 3], [5, 2]):
        pairs = list(zip(widths, widths[1:], strict=False))
        both = [*pairs, *(pair[::-1] for pair in pairs)]
        wanted = sum(a * b + b for a, b in both)
        found = answer(list(widths))
        if close(found, wanted, 1e-9):
            continue
        if close(found, sum(a * b for a, b in both), 1e-9):
            return "Those are the weights; each layer has a bias for each of its outputs as well."
        if close(found, sum(a * b + b for a, b in pairs), 1e-9):
            return "That is the encoder. The decoder goes the same way back."
        if close(found, 2 * sum(a * b + b for a, b in pairs), 1e-9):
            return (
                "Twice the encoder has the weights right, but the biases of the decoder are as "
                "many as its own outputs."
            )
        return f"For the widths {widths[:3]} … the number is not right: sum over pairs of layers."


class _Halves(nn.Module):
    """A model whose answer tells what it was given."""

    def forward(self, inputs):
        return 0.5 * inputs + 0.1


@exercise(
    "09.2",
    "The denoising loss",
    expects="a function of (model, images, noise) that gives one number, a tensor",
)
def denoising_loss(answer):
    model, images = _Halves(), torch.rand(6, 1, 4, 4)
    noise, kept = torch.randn(6, 1, 4, 4), images.clone()
    found = answer(model, images, noise)
    if not torch.equal(images, kept):
        return "The images that came in were changed (`+=`?): make a spoilt copy."
    if not isinstance(found, torch.Tensor) or found.ndim:
        return "Return one number as a tensor, the mean over all pixels of all images."
    spoilt = images + noise
    wanted = ((model(spoilt) - images) ** 2).mean()
    if close(found, wanted):
        return None
    if close(found, ((model(spoilt) - spoilt) ** 2).mean()):
        return "The target is spoilt too: this model would learn to keep the noise."
    if close(found, ((model(images) - images) ** 2).mean()):
        return "The model got the clean images: this is the plain loss."
    if close(found, ((model(images) - spoilt) ** 2).mean()):
        return "Input and target have changed places."
    if close(found, ((model(spoilt) - images) ** 2).sum()):
        return "This is the sum of the squares; the mean is asked for."
    if close(found, (model(spoilt) - images).abs().mean()):
        return "These are absolute differences; squared ones are asked for."
    if close(found, ((spoilt - images) ** 2).mean()):
        return "The model is missing: this is how much noise there is."
    return "Which tensor goes into the model, and which one is the answer compared with?"


@exercise(
    "09.3", "The best linear code", expects="a function of (inputs N×D, k) that gives a tensor N×D"
)
def best_linear(answer):
    inputs = torch.randn(40, 3) @ torch.randn(3, 12) + 0.3 * torch.randn(40, 12) + 5
    for k in (2, 4):
        found = answer(inputs.clone(), k)
        wanted = _reconstructed(inputs, k)
        if not isinstance(found, torch.Tensor) or found.shape != inputs.shape:
            shape = tuple(found.shape) if isinstance(found, torch.Tensor) else type(found).__name__
            return f"Return the inputs rebuilt, {tuple(inputs.shape)}; yours is {shape}."
        if close(found, wanted, 1e-2):
            continue
        if close(found, wanted - inputs.mean(0), 1e-2):
            return "Add the mean again at the end."
        raw = torch.linalg.svd(inputs, full_matrices=False)
        if close(found, (raw[0][:, :k] * raw[1][:k]) @ raw[2][:k], 1e-2):
            return "Subtract the mean image first, or one of the numbers is spent on it."
        if close(found, inputs, 1e-2):
            return "That is the inputs themselves: keep only k directions."
        if close(found, _reconstructed(inputs, k - 1), 1e-2):
            return "One direction is missing."
        if close(found, _reconstructed(inputs, k + 1), 1e-2):
            return "That is one direction too many."
        error, best = (((one - inputs) ** 2).mean() for one in (found, wanted))
        return f"Your mean squared error is {float(error):.3g}; {float(best):.3g} can be had."


def _reconstructed(inputs, k):
    mean = inputs.mean(0)
    u, s, v = torch.linalg.svd(inputs - mean, full_matrices=False)
    return (u[:, :k] * s[:k]) @ v[:k] + mean
