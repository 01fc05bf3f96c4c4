import re

import pytest
import timm
import torch
import torchvision
from torch import nn

import tl_helpers as tl
from tl_helpers.files import FileProblem, sha256

# One or two of each way to build a classifier: a last layer alone or in a list, with convolutions
# or attention, with BatchNorm or LayerNorm or none, with a hidden layer before the head.
NAMES = [
    ("resnet18", ["conv1", "layer1", "layer2", "layer3", "layer4"]),
    ("squeezenet1_1", [f"features.{i}" for i in (0, 3, 4, 6, 7, 9, 10, 11, 12)]),
    ("mobilenet_v3_small", [*(f"features.{i}" for i in range(13)), "classifier"]),
    ("regnet_y_400mf", ["stem", *(f"trunk_output.block{i}" for i in range(1, 5))]),
    ("shufflenet_v2_x0_5", ["conv1", "stage2", "stage3", "stage4", "conv5"]),
    ("vit_tiny_patch16_224", ["patch_embed", *(f"blocks.{i}" for i in range(12))]),
    ("convnext_atto", ["stem", *(f"stages.{i}" for i in range(4))]),
    ("resnetv2_18", ["stem", *(f"stages.{i}" for i in range(4))]),
    ("convnext_tiny", [f"features.{i}" for i in range(8)]),  # torchvision's, the norm in a list
    ("resmlp_12_224", ["stem", *(f"blocks.{i}" for i in range(12))]),  # its norm is an Affine
    ("regnetz_005", ["stem", "s1", "s2", "s3", "s4", "final_conv"]),  # a ConvNormAct is no norm
]


@pytest.mark.parametrize("name, stages", NAMES)
def test_a_classifier_is_split_into_stages_and_a_head(name, stages):
    model = tl.models.create(name, 7).eval()
    assert [block for block, _ in model.blocks] == stages
    assert isinstance(model.head, nn.Linear) and model.num_classes == 7
    inputs = torch.rand(1, 3, 50, 70)
    features = model.features(inputs)
    assert features.shape == (1, model.num_features)
    assert torch.equal(model(inputs), model.head(features))
    assert list(model.block_features(inputs)) == stages


@pytest.mark.parametrize("name", ["convnext_tiny", "resmlp_12_224", "poolformer_s12", "swin_t"])
def test_the_last_stage_is_never_a_normalisation_alone(name):
    model = tl.models.create(name, 2)
    tl.transfer.freeze(model, "all_but_last=1")
    free = [p for p in model.backbone.parameters() if p.requires_grad]
    norms = [module for module in model.backbone.modules() if "Norm" in type(module).__name__]
    scales = [p for norm in norms for p in norm.parameters()]
    assert sum(p.numel() for p in free if all(p is not one for one in scales)) > 100_000


@pytest.mark.slow
def test_vgg16_keeps_its_hidden_layers_in_the_backbone():
    model = tl.models.create("vgg16", 3)
    assert model.num_features == 4096
    assert [name for name, _ in model.blocks][-2:] == ["classifier.0", "classifier.3"]
    assert len(model.blocks) == 15  # sixteen layers with weights, the head among them


@pytest.mark.slow
@pytest.mark.parametrize("name", ["inception_v3", "googlenet"])
def test_auxiliary_outputs_are_left_out(name):
    model = tl.models.create(name, 3)
    model.train()
    logits = model(torch.rand(2, 3, 64, 64))
    assert isinstance(logits, torch.Tensor) and logits.shape == (2, 3)
    assert model.image_size == {"inception_v3": 299, "googlenet": 224}[name]
    assert not any("aux" in key.lower() for key in model.state_dict())


def test_preprocessing_is_that_of_the_pretraining():
    theirs = torchvision.models.ResNet18_Weights.DEFAULT.transforms()
    image = torch.rand(3, 300, 300)
    model = tl.models.create("resnet18", 2, image_size=300)
    mean, std = torch.tensor(theirs.mean), torch.tensor(theirs.std)
    by_hand = (image - mean.view(3, 1, 1)) / std.view(3, 1, 1)
    torch.testing.assert_close(model.prepare(image[None])[0], by_hand)
    half = tl.models.create("vit_tiny_patch16_224", 2)  # pretrained on [-1, 1] and 224 pixels
    prepared = half.prepare(torch.ones(1, 3, 40, 40))
    assert prepared.shape == (1, 3, 224, 224) and torch.allclose(prepared, torch.tensor(1.0))


def test_grey_images_and_another_size():
    model = tl.models.create("resnet18", 2, in_channels=1, image_size=64).eval()
    assert model.prepare(torch.rand(1, 1, 28, 28)).shape == (1, 3, 64, 64)
    assert model(torch.rand(1, 1, 28, 28)).shape == (1, 2)
    assert tl.models.create("vit_tiny_patch16_224", 2, image_size=96).image_size == 96


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"name": "resnet81", "num_classes": 2}, "resnet81.*near it:.*resnet18"),
        ({"name": "fcn_resnet50", "num_classes": 2}, "fcn_resnet50"),  # it segments, it names none
        ({"name": "resnet18", "num_classes": 0}, "num_classes=0"),
        ({"name": "resnet18", "num_classes": None}, "num_classes=None.*pretrained=True"),
        ({"name": "resnet18", "num_classes": 2, "in_channels": 2}, "in_channels is 2"),
        ({"name": "resnet18", "num_classes": 2, "image_size": 0}, "image_size=0"),
        ({"name": "inception_v3", "num_classes": 2, "image_size": 32}, "image_size=32.*inception"),
        ({"name": "vit_b_32", "num_classes": 2, "image_size": 64}, "image_size=64.*vit_b_32"),
        ({"name": "resnet18.no_such_tag", "num_classes": 2}, r"no_such_tag.*near it:.*resnet18\."),
    ],
)
def test_bad_arguments_are_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        tl.models.create(**arguments)


# -- pretrained weights, from caches that the tests fill themselves ------------------------------


@pytest.fixture
def empty_caches(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path


def cached_resnet18(folder, monkeypatch, digits=None):
    """Put a ResNet-18 with random weights where torchvision looks, under a name that fits it."""
    torch.manual_seed(3)
    network = torchvision.models.resnet18()
    (folder / "hub" / "checkpoints").mkdir(parents=True)
    path = folder / "hub" / "checkpoints" / "resnet18.pth"
    torch.save(network.state_dict(), path)
    path = path.rename(path.with_name(f"resnet18-{digits or sha256(path)[:8]}.pth"))
    weights = torchvision.models.ResNet18_Weights.DEFAULT
    changed = weights.value.__class__(
        f"https://example.org/{path.name}", weights.transforms, weights.meta
    )
    monkeypatch.setattr(weights, "_value_", changed)
    return network.eval()


def test_cached_torchvision_weights_come_with_their_head(empty_caches, monkeypatch, no_network):
    network = cached_resnet18(empty_caches, monkeypatch)
    model = tl.models.create("resnet18", None, pretrained=True).eval()
    image = torch.rand(1, 3, 224, 224)
    preset = torchvision.models.ResNet18_Weights.DEFAULT.transforms
    normalise = torchvision.transforms.Normalize(preset().mean, preset().std)
    torch.testing.assert_close(model(image), network(normalise(image)))
    assert model.num_classes == 1000
    new = tl.models.create("resnet18", 4, pretrained=True)
    assert new.num_classes == 4
    assert torch.equal(new.backbone.conv1.weight, network.conv1.weight)
    assert no_network == []


def test_damaged_torchvision_weights_are_named(empty_caches, monkeypatch, no_network):
    cached_resnet18(empty_caches, monkeypatch, digits="0123abcd")
    with pytest.raises(FileProblem, match="resnet18-0123abcd.pth is damaged.*Delete it"):
        tl.models.create("resnet18", 2, pretrained=True)


def test_cached_weights_that_hold_more_than_tensors_are_refused(empty_caches, monkeypatch):
    class Harmful:
        def __reduce__(self):
            return (print, ("code of the file runs",))

    folder = empty_caches / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save({"conv1.weight": Harmful()}, folder / "x.pth")
    path = (folder / "x.pth").rename(folder / f"x-{sha256(folder / 'x.pth')[:8]}.pth")
    weights = torchvision.models.ResNet18_Weights.DEFAULT
    changed = weights.value.__class__(
        f"https://example.org/{path.name}", weights.transforms, weights.meta
    )
    monkeypatch.setattr(weights, "_value_", changed)
    with pytest.raises(Exception, match="(?i)weights.only"):
        tl.models.create("resnet18", 2, pretrained=True)


def test_cached_timm_weights_need_no_network(empty_caches, monkeypatch, no_network):
    from safetensors.torch import save_file

    name = "mobilenetv3_small_050"
    torch.manual_seed(3)
    network = timm.create_model(name).eval()
    path = empty_caches / "model.safetensors"
    save_file(network.state_dict(), path)
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *asked: str(path))
    model = tl.models.create(name, None, pretrained=True).eval()
    image = torch.rand(1, 3, 224, 224)
    normalised = (image - model.mean) / model.std
    torch.testing.assert_close(model(image), network(normalised))
    assert no_network == []


@pytest.mark.parametrize("name", ["resnet18", "mobilenetv3_small_050"])
def test_without_network_and_cache_one_sentence_says_what_to_do(name, empty_caches, no_network):
    with pytest.raises(FileProblem) as caught:
        tl.models.create(name, 2, pretrained=True)
    words = rf"{name} are not in \w+'s cache.*Connect to the network.*efficientnet_lite0"
    assert re.search(words, str(caught.value)) and len(no_network) == 1
