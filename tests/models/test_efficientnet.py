import json
import shutil

import pytest
import timm
import torch
from sklearn.datasets import load_sample_images

import tl_helpers as tl
from tl_helpers import files

WEIGHTS = "efficientnet-lite0-57934424.pth"


@pytest.fixture(scope="module")
def imagenet():
    return tl.models.efficientnet_lite0(None, image_size=224).eval()


def photographs():
    return [
        torch.from_numpy(image.copy()).permute(2, 0, 1)[None] / 255
        for image in load_sample_images().images
    ]


def test_it_knows_what_the_two_photographs_show(imagenet):
    names = tl.models.imagenet_classes()
    with torch.no_grad():
        best = [names[imagenet(image).argmax()] for image in photographs()]
    assert best == ["palace", "daisy"]


def test_it_answers_as_the_network_of_timm_with_its_own_preprocessing(imagenet):
    """The whole way by hand: names, padding, scaling to [-1, 1], the size and the crop."""
    network = timm.create_model("tf_efficientnet_lite0").eval()
    state = torch.load(files.known(WEIGHTS), weights_only=True)
    network.load_state_dict(dict(zip(network.state_dict(), state.values(), strict=True)))
    image = photographs()[0]  # 427×640: the shorter side becomes 224, the longer one 336
    resized = torch.nn.functional.interpolate(image, (224, 336), mode="bilinear", antialias=True)
    with torch.no_grad():
        expected = network(resized[..., 56:280] * 2 - 1)
        torch.testing.assert_close(imagenet(image), expected)


def test_the_new_head_stands_on_the_pretrained_backbone(imagenet, device):
    model = tl.models.efficientnet_lite0(11).to(device)
    assert (model.num_classes, model.num_features, model.image_size) == (11, 1280, 96)
    for key, value in imagenet.backbone.state_dict().items():
        assert torch.equal(model.backbone.state_dict()[key].cpu(), value)
    assert model.eval()(torch.rand(2, 3, 64, 64, device=device)).shape == (2, 11)


def test_blocks_are_the_stem_seven_stages_and_the_last_convolution(imagenet):
    names = [name for name, _ in imagenet.blocks]
    assert names == ["conv_stem", *(f"blocks.{i}" for i in range(7)), "conv_head"]
    assert imagenet.block_names[0] == ("conv_stem", "bn1")  # a BatchNorm goes with its convolution


def test_scratch_is_not_pretrained(imagenet):
    model = tl.models.efficientnet_lite0(11, pretrained=False)
    first = next(model.backbone.parameters())
    assert not torch.allclose(first, next(imagenet.backbone.parameters()), atol=1e-3)


def test_create_reaches_the_same_weights_at_their_own_size(imagenet):
    model = tl.models.create("efficientnet_lite0", None, pretrained=True).eval()
    assert model.image_size == 224
    image = photographs()[1]
    with torch.no_grad():
        assert torch.equal(model(image), imagenet(image))


def test_the_network_is_not_needed(no_network):
    tl.models.efficientnet_lite0(3)
    assert no_network == []


def test_imagenet_has_a_thousand_names():
    names = tl.models.imagenet_classes()
    assert len(names) == 1000 and names[0] == "tench" and names[-1] == "toilet tissue"


def test_damaged_weights_are_refused_with_a_remedy(tmp_path, monkeypatch):
    whole = files.known(WEIGHTS)
    damaged = bytearray(whole.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (tmp_path / WEIGHTS).write_bytes(damaged)
    entry = json.loads((files.DATA / "checksums.json").read_text())[WEIGHTS]
    del entry["module"]  # look in the folder of the data instead of the package
    (tmp_path / "checksums.json").write_text(json.dumps({WEIGHTS: entry | {"path": WEIGHTS}}))
    monkeypatch.setattr(files, "DATA", tmp_path)
    with pytest.raises(files.FileProblem, match="damaged.*pip install"):
        tl.models.efficientnet_lite0(3)
    shutil.copy(whole, tmp_path / WEIGHTS)
    tl.models.efficientnet_lite0(3)


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"num_classes": 0}, "num_classes=0"),
        ({"num_classes": 3, "image_size": 8}, "image_size=8"),
        ({"num_classes": 3, "in_channels": 4}, "in_channels is 4.*3.*1"),
        ({"num_classes": None, "pretrained": False}, "num_classes=None.*pretrained=True"),
    ],
)
def test_bad_arguments_are_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        tl.models.efficientnet_lite0(**arguments)
