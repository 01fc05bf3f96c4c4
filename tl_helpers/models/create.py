"""Any image classifier that torchvision or timm knows, as backbone and head."""

import difflib
import os
import re
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import torch
from torch import nn

from ..files import FileProblem, sha256
from .assemble import assemble, check
from .base import ImageModel
from .efficientnet import efficientnet_lite0

SECONDS_TO_ANSWER = 5  # for a server, before the network counts as absent


def create(
    name: str,
    num_classes: int | None,
    pretrained: bool = False,
    in_channels: int = 3,
    image_size: int | None = None,
) -> ImageModel:
    """Return the classifier of that name in torchvision or timm, split into backbone and head.

    A name that both know ("resnet18") is torchvision's; "efficientnet_lite0" is the package's own.
    Inputs: float N×in_channels×H×W in [0, 1] (in_channels 3, or 1 for grey images). The model
    resizes them to ``image_size`` (default: the size that the network was pretrained at, which is
    299 for inception_v3) and normalises them as its pretraining did.
    ``num_classes``: the size of a new head; None keeps the pretrained one.
    ``pretrained=True`` takes the weights from the local cache of torchvision or timm, or downloads
    them. Source and licence are those of the library's model page: torchvision's weights come
    under the terms of their data sets, timm's carry a licence in ``pretrained_cfg``.
    Auxiliary classifiers (inception_v3, googlenet) are left out: the output is always logits.

    Raises ValueError for an unknown name (with the nearest known ones) and for a num_classes,
    in_channels or image_size that the network cannot take; FileProblem when pretrained weights
    are neither here nor to be had.
    """
    import timm
    import torchvision

    if not isinstance(name, str):
        raise TypeError(f"name is {name!r}: the name of a classifier is accepted.")
    check(num_classes, pretrained, in_channels, image_size)
    if name == "efficientnet_lite0":
        return efficientnet_lite0(num_classes, pretrained, image_size or 224, in_channels)
    known = torchvision.models.list_models(module=torchvision.models)
    if name in known:
        parts = _torchvision(name, pretrained)
    elif timm.is_model(name) and ("." not in name or name in timm.list_pretrained()):
        parts = _timm(name, pretrained, image_size)
    else:
        tags = timm.list_pretrained(f"{name.partition('.')[0]}.*")  # of a name with a wrong tag
        names = tags or dict.fromkeys([*known, *timm.list_models()])
        near = difflib.get_close_matches(name, names, n=4, cutoff=0.5)
        raise ValueError(
            f"name={name!r} is no image classifier of torchvision or timm; "
            f"near it: {', '.join(near) or 'nothing'} (timm.list_models() lists more)"
        )
    network, classifier, mean, std, native_size = parts
    return assemble(
        name,
        network,
        classifier,
        num_classes=num_classes,
        pretrained=pretrained,
        in_channels=in_channels,
        image_size=image_size or native_size,
        mean=mean,
        std=std,
    )


def _torchvision(name, pretrained):
    """Return (network without classifier, classifier, mean, std, image size)."""
    from torchvision import models

    weights = models.get_model_weights(name).DEFAULT
    preset = weights.transforms()
    options = {}
    if name in ("inception_v3", "googlenet"):
        # A second output for training only: it would make forward return a tuple.
        options = {"aux_logits": False}
        if not pretrained:
            options["init_weights"] = True
    with _weights_only(), _explained(name, "torchvision"):
        if pretrained:
            _check_cached(weights.url)
        network = models.get_model(name, weights=weights if pretrained else None, **options)
    if name.startswith("squeezenet"):  # its classifier is a convolution, before the pooling
        classifier = network.classifier[1]
        network.classifier = nn.Sequential(network.classifier[0], nn.AdaptiveAvgPool2d(1))
    else:
        classifier = _take_last_linear(network)
    return network, classifier, preset.mean, preset.std, preset.crop_size[0]


def _take_last_linear(network):
    """Put nn.Identity in the place of the last linear layer, and return the layer."""
    path = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)][-1]
    parent, _, child = path.rpartition(".")
    classifier = network.get_submodule(path)
    setattr(network.get_submodule(parent), child, nn.Identity())
    return classifier


def _timm(name, pretrained, image_size):
    """Return (network without classifier, classifier, mean, std, image size)."""
    import timm
    from huggingface_hub import hf_hub_url, try_to_load_from_cache

    known = timm.get_pretrained_cfg(name)
    options = {}
    if image_size and known.fixed_input_size:
        options["img_size"] = image_size  # timm then fits the position embedding to it
    with _weights_only(), _explained(name, "timm"):
        if pretrained and known.hf_hub_id:
            # Left to itself timm asks the hub even for what is cached, and waits long for it.
            path = try_to_load_from_cache(known.hf_hub_id, "model.safetensors")
            if isinstance(path, str):
                options["pretrained_cfg_overlay"] = {"file": path}
            else:
                _must_answer(hf_hub_url(known.hf_hub_id, "model.safetensors"))
        network = timm.create_model(name, pretrained=pretrained, **options)
    config = network.pretrained_cfg
    classifier = network.get_classifier()
    network.reset_classifier(0)
    return network, classifier, config["mean"], config["std"], config["input_size"][-1]


@contextmanager
def _weights_only():
    """Let torch.load read nothing but tensors: torchvision does not ask for it by itself."""
    before = os.environ.get("TORCH_FORCE_WEIGHTS_ONLY_LOAD")
    os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"]
        else:
            os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = before


@contextmanager
def _explained(name, library):
    """Turn a download that fails into one sentence that says what to do."""
    try:
        yield
    except OSError as error:  # URLError, ConnectionError and the Hugging Face hub's errors are
        raise FileProblem(
            f"the pretrained weights of {name} are not in {library}'s cache and could not be "
            f"downloaded ({type(error).__name__}). Connect to the network once and call this "
            "again, or take efficientnet_lite0, whose weights are installed."
        ) from error


def _check_cached(url):
    """Compare a torchvision file in the cache with the digits of the SHA-256 in its name.

    torchvision itself compares them after a download only. No file: see that there is a network.
    """
    path = Path(torch.hub.get_dir()) / "checkpoints" / url.rsplit("/", 1)[-1]
    digits = re.search(r"-([0-9a-f]{8,})\.", path.name)
    if not path.is_file():
        _must_answer(url)
    elif digits and not sha256(path).startswith(digits[1]):
        raise FileProblem(
            f"{path} is damaged: its SHA-256 does not begin with {digits[1]}. "
            "Delete it and try again."
        )


def _must_answer(url):
    """Raise OSError within seconds when there is no network; the libraries try for a minute."""
    try:
        urlopen(Request(url, method="HEAD"), timeout=SECONDS_TO_ANSWER).close()
    except HTTPError:
        pass  # an answer; what it means is for the library to say
