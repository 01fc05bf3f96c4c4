import pytest
import torch

import tl_helpers as tl


def parameters(model):
    return sum(p.numel() for p in model.parameters())


def test_small_cnn_is_small_and_takes_the_sizes_of_the_shipped_data():
    model = tl.models.small_cnn(10).eval()
    assert parameters(model) < 100_000
    assert [name for name, _ in model.blocks] == ["block1", "block2", "block3", "block4"]
    for size in (16, 28, 64):
        assert model(torch.rand(2, 3, size, size)).shape == (2, 10)
    assert tl.models.small_cnn(10, in_channels=1)(torch.rand(2, 1, 28, 28)).shape == (2, 10)


def test_mlp_has_the_layers_it_was_asked_for():
    model = tl.models.mlp(3, input_shape=(2,), hidden=(8, 5))
    assert parameters(model) == (2 * 8 + 8) + (8 * 5 + 5) + (5 * 3 + 3)
    assert [name for name, _ in model.blocks] == ["layer1", "layer2"]
    assert (model.features(torch.randn(9, 2)) >= 0).all()  # a ReLU ends each layer


@pytest.mark.parametrize("name", ["small_cnn", "mlp"])
def test_small_networks_learn(name, device):
    """Stripes that stand and stripes that lie: easy, except for a network wired wrongly."""
    torch.manual_seed(0)
    labels = torch.arange(120) % 2
    stripes = 90 * (torch.arange(28) // 4 % 2).expand(28, 28)
    patterns = torch.stack([stripes, stripes.T])[labels].unsqueeze(1)
    images = (torch.randint(0, 160, (120, 3, 28, 28)) + patterns).to(torch.uint8)
    task = tl.data.Task.from_arrays(images, labels)
    model = tl.models.small_cnn(2) if name == "small_cnn" else tl.models.mlp(2, (3, 28, 28))
    untrained = tl.evaluate(model, task.test).loss
    tl.fit(model, task, epochs=8, lr=1e-3, batch_size=8, device=device, progress=False)
    score = tl.evaluate(model, task.test)
    assert score.accuracy > 0.9 and score.loss < untrained


@pytest.mark.parametrize(
    "arguments", [{"input_shape": ()}, {"hidden": ()}, {"hidden": (0,)}, {"input_shape": (1, -2)}]
)
def test_mlp_refuses_shapes_that_cannot_be(arguments):
    with pytest.raises(ValueError, match="input_shape|hidden"):
        tl.models.mlp(2, **arguments)


def test_mlp_names_the_shape_it_takes():
    with pytest.raises(ValueError, match=r"\(2, 3, 28, 28\).*N×1×28×28"):
        tl.models.mlp(2)(torch.rand(2, 3, 28, 28))
    with pytest.raises(TypeError, match="uint8"):
        tl.models.mlp(2)(torch.zeros(2, 1, 28, 28, dtype=torch.uint8))


def test_small_cnn_refuses_no_channels():
    with pytest.raises(ValueError, match="in_channels=0"):
        tl.models.small_cnn(2, in_channels=0)
