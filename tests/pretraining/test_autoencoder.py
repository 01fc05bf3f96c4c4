"""Autoencoders: against PCA where the best is known, on the one loop of the package."""

import numpy as np
import pytest
import torch
from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA
from torch import nn

import tl_helpers as tl

QUIET = {"progress": False}


def linear(inputs, codes):
    return tl.pretraining.Autoencoder(nn.Linear(inputs, codes), nn.Linear(codes, inputs))


def flat_inputs():
    """Points near a plane in eight dimensions, away from the origin."""
    generator = torch.Generator().manual_seed(0)
    axes = torch.linalg.qr(torch.randn(8, 8, generator=generator)).Q
    spread = torch.tensor([2.0, 1.5] + 6 * [0.2])
    return torch.randn(400, 8, generator=generator) * spread @ axes + 1


def test_a_linear_autoencoder_spans_the_subspace_of_pca(device):
    """Baldi and Hornik (1989): the same plane, whatever the axes in it, and the same error."""
    inputs = flat_inputs()
    torch.manual_seed(1)
    model = linear(8, 2)
    history = tl.pretraining.fit_autoencoder(
        model, inputs, epochs=100, lr=0.02, schedule="cosine", device=device, **QUIET
    )
    pca = PCA(2).fit(inputs)
    decoder = model.decoder.weight.detach().cpu().numpy()
    angles = np.rad2deg(subspace_angles(decoder, pca.components_.T))
    assert angles.max() < 1, angles
    others = PCA(3).fit(inputs).components_[1:].T  # the wrong plane is far away
    assert np.rad2deg(subspace_angles(decoder, others)).max() > 45
    best = ((pca.inverse_transform(pca.transform(inputs)) - inputs.numpy()) ** 2).mean()
    assert history.train_loss[-1] == pytest.approx(best, rel=0.02)


def task():
    images = torch.randint(0, 256, (60, 1, 28, 28), generator=torch.Generator().manual_seed(0))
    return tl.data.Task.from_arrays(images.to(torch.uint8), torch.arange(60) % 3)


def convolutional():
    torch.manual_seed(0)
    return tl.pretraining.Autoencoder(
        nn.Sequential(nn.Flatten(), nn.Linear(784, 4)), tl.models.conv_decoder(4)
    )


def test_a_task_is_trained_on_and_watched_without_its_labels():
    data = task()
    histories = []
    for labels in (data.train.labels, data.train.labels.flip(0)):
        train = tl.data.Split(data.train.inputs, labels)
        other = tl.data.Task(train, data.valid, data.test, data.class_names)
        histories.append(tl.pretraining.fit_autoencoder(convolutional(), other, epochs=2, **QUIET))
    assert histories[0].train_loss == histories[1].train_loss
    assert histories[0].train_loss[1] < histories[0].train_loss[0]
    assert len(histories[0].valid_loss) == 2


def test_the_validation_loss_is_the_mean_squared_error_in_units_of_one():
    data, model = task(), convolutional()
    history = tl.pretraining.fit_autoencoder(model, data, epochs=1, **QUIET)
    outputs = tl.predict(model, data.valid)
    wanted = nn.functional.mse_loss(outputs, data.valid.inputs / 255)
    assert history.valid_loss[-1] == pytest.approx(float(wanted), rel=1e-4)


@pytest.mark.parametrize(
    "corrupt",
    [lambda x: x + torch.rand(1), lambda x: x.add_(torch.rand(1))],
    ids=["copy", "in place"],
)
def test_corruption_reaches_the_input_and_not_the_target(corrupt):
    seen, targets = [], []

    class Recorder(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, inputs):
            seen.append(inputs)
            return inputs * self.scale

    def loss(outputs, wanted):
        targets.append(wanted)
        return nn.functional.mse_loss(outputs, wanted)

    images = torch.rand(10, 3)
    tl.pretraining.fit_autoencoder(
        Recorder(), images, epochs=2, loss=loss, corrupt=corrupt, **QUIET
    )
    first, second = (float((g - c).mean()) for g, c in zip(seen, targets, strict=True))
    assert first > 0 and second > 0 and first != second, "it is drawn anew each time"
    for clean in targets:
        assert sorted(clean[:, 0].tolist()) == sorted(images[:, 0].tolist())


def test_a_checkpoint_goes_on_exactly(tmp_path):
    whole, parts = convolutional(), convolutional()
    data, options = task(), {"corrupt": lambda x: x + 0.1 * torch.randn_like(x), **QUIET}
    expected = tl.pretraining.fit_autoencoder(whole, data, epochs=3, **options)
    file = tmp_path / "autoencoder.pt"
    tl.pretraining.fit_autoencoder(parts, data, epochs=1, checkpoint=file, **options)
    found = tl.pretraining.fit_autoencoder(
        parts, data, epochs=3, checkpoint=file, resume=True, **options
    )
    assert found.train_loss == expected.train_loss
    for one, other in zip(whole.parameters(), parts.parameters(), strict=True):
        assert torch.equal(one, other)


def test_what_cannot_be_trained_is_refused():
    with pytest.raises(ValueError, match="list.*a task, a split or a tensor"):
        tl.pretraining.fit_autoencoder(convolutional(), [1, 2], epochs=1)
    narrow = tl.pretraining.Autoencoder(nn.Linear(8, 2), nn.Linear(2, 1))
    with pytest.raises(ValueError, match=r"\(64, 1\).*\(64, 8\)"):
        tl.pretraining.fit_autoencoder(narrow, torch.rand(100, 8), epochs=1, **QUIET)
