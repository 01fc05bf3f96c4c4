import copy

import pytest
import torch
from torch import nn

import tl_helpers as tl
from tl_helpers.models.base import ImageModel, resize_and_crop


def tiny(in_channels=3, image_size=None, mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4)):
    """A backbone that only averages: its features are the mean of each channel it is given."""
    backbone = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return ImageModel(
        backbone,
        nn.Linear(3, 2),
        [],
        in_channels=in_channels,
        mean=mean,
        std=std,
        image_size=image_size,
    )


def all_models():
    return {
        "mlp": (tl.models.mlp(4, input_shape=(3, 32, 32)), torch.rand(2, 3, 32, 32)),
        "small_cnn": (tl.models.small_cnn(4), torch.rand(2, 3, 28, 28)),
        "create": (tl.models.create("mobilenetv3_small_050", 4), torch.rand(2, 3, 40, 50)),
    }


def test_every_model_is_a_backbone_and_a_head(device):
    for name, (model, inputs) in all_models().items():
        model, inputs = model.to(device).eval(), inputs.to(device)
        assert {key.split(".")[0] for key in model.state_dict()} == {"backbone", "head"}, name
        features = model.features(inputs)
        assert features.shape == (2, model.num_features), name
        assert torch.equal(model(inputs), model.head(features)), name
        assert model(inputs).shape == (2, model.num_classes) == (2, 4), name


def test_blocks_hold_every_parameter_of_the_backbone_once_and_in_order():
    for name, (model, _) in all_models().items():
        in_blocks = [p for _, block in model.blocks for p in block.parameters()]
        assert [id(p) for p in in_blocks] == [id(p) for p in model.backbone.parameters()], name
        for block, module in model.blocks:
            first = next(module.parameters())
            prefix = f"backbone.{block}."
            assert any(p is first for n, p in model.named_parameters() if n.startswith(prefix))


def test_block_features_are_what_the_stages_put_out():
    model = tl.models.small_cnn(4).eval()
    inputs = torch.rand(2, 3, 28, 28)
    found = model.block_features(inputs)
    assert list(found) == [name for name, _ in model.blocks]
    by_hand = (inputs - 0.5) / 0.5
    for name, block in model.blocks:
        by_hand = block(by_hand)
        torch.testing.assert_close(found[name], by_hand.mean((2, 3)))
    torch.testing.assert_close(found["block4"], model.features(inputs))
    assert not any(m._forward_hooks for m in model.modules())


def test_a_copy_shares_nothing_with_the_model():
    model = tl.models.small_cnn(4)
    other = copy.deepcopy(model)
    with torch.no_grad():
        next(other.blocks[0][1].parameters()).zero_()
    assert next(model.blocks[0][1].parameters()).abs().sum() > 0


def test_images_are_normalised_with_the_numbers_of_the_pretraining():
    inputs = torch.rand(2, 3, 8, 8)
    expected = torch.stack(
        [(inputs[:, c].mean((1, 2)) - m) / s for c, (m, s) in enumerate([(0.5, 0.2), (0.4, 0.3), (0.3, 0.4)])], 1
    )  # fmt: skip
    torch.testing.assert_close(tiny().features(inputs), expected)


def test_the_shorter_side_is_resized_and_the_middle_cut_out():
    wide = torch.zeros(1, 1, 20, 40)
    wide[..., 10:30] = 1  # white in the middle, black at both ends
    assert torch.equal(resize_and_crop(wide, 20), torch.ones(1, 1, 20, 20))
    assert resize_and_crop(wide, 10).shape == (1, 1, 10, 10)
    assert torch.equal(resize_and_crop(wide.mT, 20), torch.ones(1, 1, 20, 20))
    square = torch.rand(1, 3, 64, 64)
    assert torch.equal(resize_and_crop(square, 64), square)


def test_resizing_is_antialiased():
    # Stripes one pixel wide: without antialiasing some become black or white at half the size.
    stripes = (torch.arange(64) % 2).float().expand(1, 1, 64, 64)
    middle = resize_and_crop(stripes, 13)[..., 2:-2]
    assert (middle - 0.5).abs().max() < 0.1


def test_a_grey_image_gives_the_features_of_its_rgb_copy(device):
    grey = torch.rand(2, 1, 30, 30, device=device)
    colour = tl.models.create("resnet18", 3, image_size=64).eval().to(device)
    same = tl.models.create("resnet18", 3, image_size=64, in_channels=1).eval().to(device)
    same.load_state_dict(colour.state_dict())
    torch.testing.assert_close(same.features(grey), colour.features(grey.expand(-1, 3, -1, -1)))


@pytest.mark.parametrize(
    "inputs, error, words",
    [
        (torch.zeros(2, 3, 8, 8, dtype=torch.uint8), TypeError, "uint8.*255"),
        ([[1.0]], TypeError, "list"),
        (torch.zeros(2, 1, 8, 8), ValueError, r"\(2, 1, 8, 8\).*N×3×H×W"),
        (torch.zeros(3, 8, 8), ValueError, r"\(3, 8, 8\)"),
    ],
)
def test_wrong_inputs_are_named(inputs, error, words):
    with pytest.raises(error, match=words):
        tl.models.small_cnn(2)(inputs)


def test_replace_head_changes_the_head_alone(device):
    model = tl.models.small_cnn(4).to(device)
    before = copy.deepcopy(model.backbone.state_dict())
    old_head = model.head
    assert tl.models.replace_head(model, 7) is model
    assert model.head is not old_head and model.num_classes == 7
    assert model.eval()(torch.rand(2, 3, 28, 28, device=device)).shape == (2, 7)
    for key, value in model.backbone.state_dict().items():
        assert torch.equal(value, before[key])


@pytest.mark.parametrize("count", [0, -1, 2.0, True, None, "3"])
def test_a_number_of_classes_that_cannot_be(count):
    with pytest.raises(ValueError, match="num_classes="):
        tl.models.replace_head(tl.models.small_cnn(2), count)
    with pytest.raises(ValueError, match="num_classes="):
        tl.models.small_cnn(count)


def test_replace_head_of_a_plain_module_points_to_create():
    with pytest.raises(TypeError, match="Linear.*create"):
        tl.models.replace_head(nn.Linear(2, 2), 3)
