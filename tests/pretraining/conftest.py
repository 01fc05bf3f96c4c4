"""What the tests of SimCLR, of masked images and of rotations share."""

import torch
from sklearn.neighbors import KNeighborsClassifier

import tl_helpers as tl

QUIET = {"progress": False}


def small(num_classes=10, seed=0):
    torch.manual_seed(seed)
    return tl.models.small_cnn(num_classes, in_channels=1)


def noise(count=40, size=28):
    """A task of random images."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 1, size, size), generator=generator)
    return tl.data.Task.from_arrays(images.to(torch.uint8), torch.arange(count) % 2)


def state(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def changed(module, before):
    """Return the names of the weights that differ from those in ``before``."""
    return {name for name, value in module.state_dict().items() if not value.equal(before[name])}


def corners(count=450, seed=0):
    """Images with a faint square in one of four corners, under noise and a chance brightness."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 4
    brightness = torch.rand(count, 1, 1, 1, generator=generator)
    images = brightness + 0.3 * torch.randn(count, 1, 28, 28, generator=generator)
    for image, label in zip(images, labels.tolist(), strict=True):
        row, column = 14 * (label // 2), 14 * (label % 2)
        image[:, row : row + 14, column : column + 14] += 0.3
    return tl.data.Split(images, labels)


def neighbours(model, split, count=150):
    """Return how many items have the label of the nearest of the first ``count``, by cosine."""

    class Features(torch.nn.Module):
        def forward(self, inputs):
            return torch.nn.functional.normalize(model.features(inputs))

    features = Features()
    features.model = model
    features = tl.predict(features, split)
    search = KNeighborsClassifier(1).fit(features[:count], split.labels[:count])
    return float(search.score(features[count:], split.labels[count:]))
