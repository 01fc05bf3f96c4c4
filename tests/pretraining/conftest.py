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


def neighbours(model, task, count=300):
    """How many of 500 validation images have the class of their nearest labelled neighbour."""

    class Features(torch.nn.Module):
        def forward(self, inputs):
            return torch.nn.functional.normalize(model.features(inputs))

    features = Features()
    features.model = model
    train, valid = task.train.take(range(count)), task.valid.take(range(500))
    search = KNeighborsClassifier(1).fit(tl.predict(features, train), train.labels)
    return float(search.score(tl.predict(features, valid), valid.labels))
