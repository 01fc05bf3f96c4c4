"""Variational autoencoders: codes that follow a known distribution, so that new ones can be drawn."""

import torch
from torch import nn

from tl_helpers import arguments
from tl_helpers.data import batches
from tl_helpers.training import History, run
from tl_helpers.training.device import to_floats
from tl_helpers.training.evaluate import evaluation_mode, means
from tl_helpers.training.optimizers import make_optimizer

from .conditional import with_labels


class VAE(nn.Module):
    """A variational autoencoder; class-conditional when ``num_classes`` is above 0.

    encoder: any module, float images N×C×H×W to features N×num_features.
    decoder: any module, codes N×(num_codes + num_classes) to float images N×C×H×W in [0, 1], such
        as ``tl.models.conv_decoder(num_codes + num_classes)``.
    num_codes: the length K of a code z, whose prior is the standard normal.
    num_classes: labels reach encoder and decoder as one-hot vectors of this length.

    Sources: Kingma and Welling, Auto-Encoding Variational Bayes, ICLR 2014, arXiv:1312.6114; for
    the conditional one: Sohn, Lee, Yan, Learning Structured Output Representation using Deep
    Conditional Generative Models, NeurIPS 2015.
    """

    def __init__(self, encoder, decoder, *, num_features, num_codes, num_classes=0):
        super().__init__()
        arguments.module("encoder", encoder)
        arguments.module("decoder", decoder)
        arguments.whole_number("num_features", num_features)
        arguments.whole_number("num_codes", num_codes)
        arguments.whole_number("num_classes", num_classes, low=0)
        self.encoder, self.decoder = encoder, decoder
        self.num_codes, self.num_classes = num_codes, num_classes
        self.posterior = nn.Linear(num_features + num_classes, 2 * num_codes)

    def encode(self, inputs, labels=None):
        """Return mean and log variance of the codes of images, each N×num_codes."""
        features = with_labels(self.encoder(inputs), labels, self.num_classes)
        return self.posterior(features).chunk(2, dim=1)

    def decode(self, codes, labels=None) -> torch.Tensor:
        """Return the images, N×C×H×W in [0, 1], that the decoder makes of codes N×num_codes."""
        return self.decoder(with_labels(codes, labels, self.num_classes))

    def forward(self, inputs, labels=None):
        """Return (outputs, mean, log_variance); the code is drawn anew in each call."""
        mean, log_variance = self.encode(inputs, labels)
        return self.decode(sample_codes(mean, log_variance), labels), mean, log_variance

    def generate(self, labels) -> torch.Tensor:
        """Return new images, one for each of N labels: codes are drawn from the prior.

        labels: int64 N; without classes only their number counts.
        """
        weight = self.posterior.weight
        labels = labels.to(weight.device)
        with evaluation_mode(self):
            codes = torch.randn(len(labels), self.num_codes, device=weight.device)
            return self.decode(codes, labels)


def sample_codes(mean, log_variance) -> torch.Tensor:
    """Draw a code for each row, N×K, so that gradients reach mean and log variance."""
    _check_codes(mean, log_variance)
    return mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)


def kl_to_standard_normal(mean, log_variance) -> torch.Tensor:
    """Return the KL divergence of diagonal normals (N×K) from the standard normal: N, in nats."""
    _check_codes(mean, log_variance)
    return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(1)


def _check_codes(mean, log_variance):
    arguments.tensor("mean", mean)
    arguments.tensor("log_variance", log_variance)
    if mean.shape != log_variance.shape:
        raise ValueError(
            f"mean has shape {tuple(mean.shape)} and log_variance {tuple(log_variance.shape)}: "
            "they must be the same"
        )


def reconstruction_loss(outputs, targets, sigma: float) -> torch.Tensor:
    """Return the squared error over 2 sigma², summed over the pixels of each image: N, in nats.

    It is minus the logarithm of a normal density around ``outputs`` with standard deviation
    ``sigma`` at each pixel, without the constant that no weight changes.
    Raises ValueError when the shapes differ.
    """
    arguments.tensor("outputs", outputs)
    arguments.tensor("targets", targets)
    arguments.number("sigma", sigma, above=0)
    if outputs.shape != targets.shape:
        raise ValueError(
            f"outputs of the decoder have shape {tuple(outputs.shape)} and targets "
            f"{tuple(targets.shape)}: a VAE gives back the shape it was given"
        )
    return (outputs - targets).square().flatten(1).sum(1) / (2 * sigma**2)


def fit_vae(
    model: VAE,
    data,
    *,
    epochs: int,
    lr: float = 1e-3,
    optimizer="adam",
    sigma: float = 0.2,
    batch_size: int = 64,
    seed: int | None = 0,
    **options,
) -> History:
    """Train a VAE: make the negative evidence lower bound small; return the History.

    data: a Task (trains on task.train, watches task.valid) or a split; uint8 images become floats
        in [0, 1]. Labels are looked at only by a VAE with classes.
    sigma: by how much a pixel may differ from the decoder's, as a standard deviation. It weighs
        the two terms: the smaller, the more a code tells about its image.
    lr, optimizer: as in ``fit``. epochs, seed and the options: see ``run``.

    Recorded, in nats an image: loss, and in ``history.metrics`` reconstruction and kl, each with
    ``train_`` or ``valid_`` in front. Raises ValueError when there is nothing to train on, or when
    sigma is not above 0.
    """
    train, valid = getattr(data, "train", data), getattr(data, "valid", None)
    if not hasattr(train, "inputs"):
        raise ValueError(f"data is a {type(data).__name__}; it has to be a task or a split")
    if not isinstance(model, VAE):
        raise TypeError(f"model is a {type(model).__name__}: a VAE is accepted.")
    arguments.number("sigma", sigma, above=0)
    optimizer = make_optimizer(optimizer, model, lr)

    def terms(inputs, labels):
        images = to_floats(inputs)
        outputs, mean, log_variance = model(images, labels)
        reconstruction = reconstruction_loss(outputs, images, sigma).mean()
        kl = kl_to_standard_normal(mean, log_variance).mean()
        return {"loss": reconstruction + kl, "reconstruction": reconstruction, "kl": kl}

    def step(batch, update):
        found = terms(*batch)
        update(found["loss"])
        return found

    def validate():
        return means(terms, batches(valid.inputs, valid.labels), model)

    return run(
        step,
        batches(train.inputs, train.labels, batch_size=batch_size, shuffle=True, seed=seed),
        epochs,
        modules={"model": model},
        optimizers={"optimizer": optimizer},
        validate=None if valid is None else validate,
        seed=seed,
        **options,
    )
