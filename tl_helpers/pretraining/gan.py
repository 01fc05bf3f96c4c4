"""Generative adversarial networks: a generator makes images, a discriminator tells them from real.

``python -m tl_helpers.pretraining.gan --epochs 15`` trains the one that the project ships.
"""

import contextlib
from collections import OrderedDict

import torch
from torch import nn
from torch.nn import functional as F

from tl_helpers import arguments
from tl_helpers.data import batches, fashion_mnist
from tl_helpers.models import ImageModel
from tl_helpers.pretraining import script
from tl_helpers.seeds import seed_everything
from tl_helpers.training import History, run
from tl_helpers.training.device import device_of, to_floats
from tl_helpers.training.evaluate import evaluation_mode
from tl_helpers.training.optimizers import make_optimizer

from .conditional import with_labels

EPOCHS = 15  # of the shipped weights; the conditional ones took 10


class Generator(nn.Module):
    """A generator: codes from the standard normal to samples; conditional with ``num_classes``.

    layers: any module, codes N×(num_codes + num_classes) to samples N×…; images in [0, 1].
    num_codes: the length K of a code.
    num_classes: labels reach the layers as one-hot vectors of this length, behind the code.

    Sources: Goodfellow et al., Generative Adversarial Networks, arXiv:1406.2661; conditional:
    Mirza and Osindero, Conditional Generative Adversarial Nets, arXiv:1411.1784.
    """

    def __init__(self, layers: nn.Module, *, num_codes: int, num_classes: int = 0):
        super().__init__()
        arguments.module("layers", layers)
        arguments.whole_number("num_codes", num_codes)
        arguments.whole_number("num_classes", num_classes, low=0)
        self.layers, self.num_codes, self.num_classes = layers, num_codes, num_classes

    def forward(self, codes, labels=None) -> torch.Tensor:
        """Return the samples of codes N×num_codes and, for a conditional one, labels int64 N."""
        return self.layers(with_labels(codes, labels, self.num_classes))

    def draw(self, labels) -> torch.Tensor:
        """Return new samples, one for each of N labels, in the present mode, with gradients."""
        codes = torch.randn(len(labels), self.num_codes, device=labels.device)
        return self(codes, labels)

    def generate(self, labels) -> torch.Tensor:
        """Return new samples, one for each of N labels, in eval mode, without gradients.

        labels: int64 N; without classes only their number counts.
        """
        with evaluation_mode(self):
            return self.draw(labels.to(device_of(self)))


def dcgan(num_classes: int = 0, num_codes: int = 64) -> tuple[Generator, ImageModel]:
    """Return the generator and the discriminator of a DCGAN for grey images of 28×28.

    Radford, Metz, Chintala, Unsupervised Representation Learning with Deep Convolutional
    Generative Adversarial Networks, arXiv:1511.06434: strides in place of pooling, BatchNorm
    except at the output of the one and the input of the other, ReLU and LeakyReLU, first weights
    with a standard deviation of 0.02; narrower, for a CPU, and with one more convolution at the
    generator's end. It ends in a sigmoid and the discriminator maps [0, 1] to [-1, 1]: together
    that is the paper's tanh.

    The discriminator is a model like every other: blocks "block1" to "block3", 1,152 features,
    and a head with one logit, real against generated; with classes, one such logit for each class
    (a projection of the features on a vector of the class, as in Miyato and Koyama,
    arXiv:1802.05637), so that its features need no label. ``tl.models.replace_head`` and
    ``tl.transfer.freeze`` make a probe of it.
    """
    arguments.whole_number("num_codes", num_codes)
    arguments.whole_number("num_classes", num_classes, low=0)
    layers = nn.Sequential(
        nn.Linear(num_codes + num_classes, 64 * 7 * 7, bias=False),
        nn.Unflatten(1, (64, 7, 7)),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.ConvTranspose2d(64, 32, 4, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 1, 3, padding=1),  # smooths the lattice that strides leave behind
        nn.Sigmoid(),
    )
    backbone = nn.Sequential(
        OrderedDict(
            block1=nn.Sequential(nn.Conv2d(1, 32, 4, stride=2, padding=1), nn.LeakyReLU(0.2)),
            block2=_block(32, 64),
            block3=_block(64, 128),
            flatten=nn.Flatten(),
        )
    )
    head = nn.Linear(128 * 3 * 3, max(1, num_classes))
    generator = Generator(layers, num_codes=num_codes, num_classes=num_classes)
    for part in (*generator.modules(), *backbone.modules(), head):
        if isinstance(part, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(part.weight, 0.0, 0.02)
    discriminator = ImageModel(
        backbone,
        head,
        [("block1",), ("block2",), ("block3",)],
        in_channels=1,
        mean=[0.5],
        std=[0.5],
        image_size=28,
    )
    return generator, discriminator


def _block(in_channels, out_channels):
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 4, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.LeakyReLU(0.2),
    )


def discriminator_loss(real_logits, fake_logits) -> torch.Tensor:
    """Return mean -log D(real) plus mean -log(1 - D(fake)), where D is the sigmoid of a logit.

    2 log 2 where D cannot tell (every logit 0), near 0 where it always can.
    """
    arguments.tensor("real_logits", real_logits)
    arguments.tensor("fake_logits", fake_logits)
    return -F.logsigmoid(real_logits).mean() - F.logsigmoid(-fake_logits).mean()


def generator_loss(fake_logits) -> torch.Tensor:
    """Return mean -log D(fake), the non-saturating loss: log 2 where D cannot tell.

    The other form, mean log(1 - D(fake)), has next to no gradient while D is sure of itself.
    """
    arguments.tensor("fake_logits", fake_logits)
    return -F.logsigmoid(fake_logits).mean()


def fit_gan(
    generator: Generator,
    discriminator: nn.Module,
    data,
    *,
    epochs: int,
    lr: float = 2e-4,
    batch_size: int = 32,
    seed: int | None = 0,
    **options,
) -> History:
    """Train two networks against each other, one step each a batch; return the History.

    discriminator: any module, samples to logits N×1, or N×num_classes for a conditional
        generator; the logit at the label counts.
    data: a Task (trains on task.train) or a split; uint8 images become floats in [0, 1]. Labels
        are looked at only by a conditional generator, and generated ones have those of the batch.
    lr: of both Adams, with the paper's momentum of 0.5. batch_size: on few images, small batches
        bring more than large ones, because they are more steps. epochs, seed, options: see ``run``.

    BatchNorm: real and generated samples go through the discriminator apart, each normalised by
    its own batch, but only real ones move its running statistics, because what comes later, a
    probe or a fine-tuning, is real. The generator's move once a batch.

    Recorded, in ``history.metrics``, as train_…: discriminator and generator, the losses;
    real_probability and fake_probability, the mean D of real and of generated samples.
    Raises ValueError when data or networks do not fit together.
    """
    train = getattr(data, "train", data)
    if not isinstance(generator, Generator):
        raise TypeError(f"generator is a {type(generator).__name__}: a Generator is accepted.")
    arguments.module("discriminator", discriminator)
    arguments.number("lr", lr, above=0)
    _check(generator, discriminator, train)

    def adam(parameters, lr):
        return torch.optim.Adam(parameters, lr=lr, betas=(0.5, 0.999))

    def judge(samples, labels):
        logits = discriminator(samples).float()
        return logits.gather(1, labels[:, None]) if generator.num_classes else logits

    def step(batch, update):
        real, labels = to_floats(batch[0]), batch[1]
        fake = generator.draw(labels)
        real_logits = judge(real, labels)
        with still_statistics(discriminator):
            fake_logits = judge(fake.detach(), labels)
        value = discriminator_loss(real_logits, fake_logits)
        update(value, "discriminator")
        with still_statistics(discriminator):
            fooled = generator_loss(judge(fake, labels))
        update(fooled, "generator")
        return {
            "discriminator": value,
            "generator": fooled,
            "real_probability": real_logits.sigmoid().mean(),
            "fake_probability": fake_logits.sigmoid().mean(),
        }

    return run(
        step,
        batches(train.inputs, train.labels, batch_size=batch_size, shuffle=True, seed=seed),
        epochs,
        modules={"generator": generator, "discriminator": discriminator},
        optimizers={
            "generator": make_optimizer(adam, generator, lr),
            "discriminator": make_optimizer(adam, discriminator, lr),
        },
        seed=seed,
        **options,
    )


@contextlib.contextmanager
def still_statistics(module: nn.Module):
    """Let BatchNorm normalise by the batch inside, and leave its running statistics alone."""
    moving = [part for part in module.modules() if getattr(part, "track_running_stats", False)]
    for part in moving:
        part.track_running_stats = False
    try:
        yield
    finally:
        for part in moving:
            part.track_running_stats = True


def _check(generator, discriminator, train):
    if not hasattr(train, "inputs"):
        raise ValueError(f"data is a {type(train).__name__}; it has to be a task or a split")
    if not isinstance(generator, Generator):
        raise ValueError(
            f"generator is a {type(generator).__name__}; it has to be a tl.pretraining.Generator"
        )
    classes = generator.num_classes
    labels = train.labels
    if classes and (labels.dtype != torch.int64 or labels.min() < 0 or labels.max() >= classes):
        raise ValueError(
            f"labels go from {labels.min()} to {labels.max()}, but the generator has {classes} "
            f"classes: they must be whole numbers in 0 … {classes - 1}"
        )
    device = device_of(generator)
    with evaluation_mode(generator), evaluation_mode(discriminator):
        codes = torch.zeros(2, generator.num_codes, device=device)
        samples = generator(codes, torch.zeros(2, dtype=torch.int64, device=device))
        if samples.shape[1:] != train.inputs.shape[1:]:
            raise ValueError(
                f"generator makes samples of {tuple(samples.shape[1:])}, "
                f"the data are {tuple(train.inputs.shape[1:])}: they must be the same"
            )
        logits = discriminator(samples.to(device_of(discriminator)))
    if logits.shape != (2, max(1, classes)):
        raise ValueError(
            f"discriminator returns {tuple(logits.shape)} for two samples; with "
            f"{classes} classes of the generator it has to be {(2, max(1, classes))}"
        )


def load_gan(conditional: bool = False) -> tuple[Generator, ImageModel, History]:
    """Return the networks that the project ships, and the history of their pretraining.

    They are those of ``dcgan``, trained on the training split of Fashion-MNIST; conditional: on
    its 10 classes. Raises FileProblem when the file is missing or damaged.
    """
    arguments.choice("conditional", conditional, (True, False))
    generator, discriminator = dcgan(10 if conditional else 0)
    history = script.load(
        _file(conditional), {"generator": generator, "discriminator": discriminator}
    )
    return generator, discriminator, history


def _file(conditional):
    return "gan_conditional.safetensors" if conditional else "gan.safetensors"


def main(arguments=None) -> None:
    """Train a DCGAN on the training split of Fashion-MNIST and write its weights."""
    parser = script.parser("gan", main.__doc__, epochs=EPOCHS)
    parser.add_argument("--conditional", action="store_true", help="give labels to both networks")
    wishes = parser.parse_args(arguments)
    seed_everything(wishes.seed)
    generator, discriminator = dcgan(10 if wishes.conditional else 0)
    output = wishes.output or script.WEIGHTS / _file(wishes.conditional)
    data = script.first(fashion_mnist().train, wishes.images)
    history = fit_gan(generator, discriminator, data, **script.options(wishes, output))
    script.ship(output, {"generator": generator, "discriminator": discriminator}, history)


if __name__ == "__main__":
    main()
