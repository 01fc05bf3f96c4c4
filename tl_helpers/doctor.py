"""``python -m tl_helpers doctor``: is everything here that the lessons need?"""

import contextlib
import importlib.metadata
import json
import os
import platform
import socket
import time

from tl_helpers.say import say

from . import files

MEMORY_OF_A_LESSON = 2  # GB, the most that one lesson may take


class Problem(Exception):
    """Something the lessons need is missing or broken; the text ends in what to do."""


class Remark(Exception):
    """Something to know that stops no lesson."""


def doctor() -> int:
    """Check the installation, print one line a check, and return how many failed.

    Each line begins with PASS, NOTE (worth knowing, stops no lesson) or FAIL (with what to do).
    While it checks, every connection to another machine is refused: what passes needs no network.
    """
    failed = passed = 0
    with _no_network():
        for name, check in _checks():
            started = time.perf_counter()
            try:
                outcome, words = "PASS", check()
                passed += 1
            except Remark as remark:
                outcome, words = "NOTE", remark
            except (Problem, files.FileProblem) as problem:
                outcome, words = "FAIL", problem
            except Exception as error:  # a check that breaks is a finding, not the end of the visit
                outcome, words = "FAIL", f"{type(error).__name__}: {error}"
            failed += outcome == "FAIL"
            seconds = time.perf_counter() - started
            took = f" ({seconds:.0f} s)" if seconds >= 1 else ""
            say(f"{outcome}  {name}: {words}{took}")
    if failed:
        say(f"{failed} of {failed + passed} checks FAILED: do what their lines say, then repeat.")
    else:
        say(f"All {passed} checks passed. The network is not needed.")
    return failed


def _checks():
    """Yield every check as (name, function); it returns words, or raises Problem or Remark."""
    yield "python", _python
    yield from ((line.name, lambda line=line: _package(line)) for line in _requirements())
    yield "torch with torchvision", _torchvision_fits
    yield "processor", _processor
    yield "memory", _memory
    yield from ((f"device {device}", lambda d=device: _device(d)) for device in _devices())
    yield from ((f"file {name}", lambda name=name: _file(name)) for name in _listed())
    yield "model efficientnet_lite0", _efficientnet
    yield "model minilm", _minilm


def _python():
    return f"{platform.python_version()} on {platform.system()} {platform.machine()}"


def _requirements():
    from packaging.requirements import Requirement

    path = files.DATA.parent / "requirements.txt"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    wanted = [line.partition("#")[0].strip() for line in lines]
    return [Requirement(line) for line in wanted if line]


def _package(requirement):
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        raise Problem(f'is not installed. Run: pip install "{requirement}"') from None
    if not requirement.specifier.contains(version, prereleases=True):
        raise Remark(f"{version} is outside the range that is tested, {requirement.specifier}")
    return version


def _torchvision_fits():
    remedy = "Install a matching pair: pip install --force-reinstall torch torchvision"
    try:
        import torch
        import torchvision

        torchvision.ops.nms(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.tensor([1.0]), 0.5)
    except (ImportError, RuntimeError) as error:
        raise Problem(f"do not fit together ({error}). {remedy}") from error
    return f"{torch.__version__} and {torchvision.__version__} work together"


def _processor():
    import torch

    return f"{os.cpu_count()} cores, torch uses {torch.get_num_threads()}"


def _memory():
    import psutil

    memory = psutil.virtual_memory()
    words = f"{memory.available / 1e9:.1f} of {memory.total / 1e9:.1f} GB are free"
    if memory.available < MEMORY_OF_A_LESSON * 1e9:
        raise Remark(f"{words}; a lesson takes up to {MEMORY_OF_A_LESSON} GB: close other programs")
    return words


def _devices():
    try:
        import torch
    except ImportError:  # its own line says so
        return []
    devices = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    return devices + ["mps"] * torch.backends.mps.is_available()


def _device(name):
    import torch

    try:
        ones = torch.ones(64, 64, device=name)
        right = (ones @ ones).sum().item() == 64**3
    except RuntimeError as error:
        raise Problem(
            f"cannot compute ({error}). Install a torch that fits its driver, or hide it "
            "(CUDA_VISIBLE_DEVICES=) and use the processor."
        ) from error
    if not right:
        raise Problem("computes a wrong product. Use another device.")
    if not name.startswith("cuda"):
        return "computes"
    free, total = torch.cuda.mem_get_info(name)
    words = f"{torch.cuda.get_device_name(name)}, {free / 1e9:.1f} of {total / 1e9:.1f} GB are free"
    return f"{words}, computes"


def _listed():
    path = files.DATA / "checksums.json"
    try:
        return list(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return ["checksums.json"]


def _file(name):
    if name == "checksums.json":
        raise Problem(f"cannot be read in {files.DATA}. Run: git checkout -- data")
    path = files.known(name)
    listed = json.loads((files.DATA / "checksums.json").read_text(encoding="utf-8"))[name]
    size = f"{path.stat().st_size / 1e6:.1f} MB"
    package = f", from {listed['package']}" if "package" in listed else ""
    return f"SHA-256 {listed['sha256'][:12]}…, {size}, {listed['licence']}{package}"


def _efficientnet():
    import torch
    from sklearn.datasets import load_sample_image

    from . import models

    image = torch.from_numpy(load_sample_image("china.jpg").copy()).permute(2, 0, 1)[None] / 255
    model = models.efficientnet_lite0(None, image_size=224).eval()
    with torch.no_grad():
        seen = models.imagenet_classes()[model(image).argmax()]
    if seen != "palace":
        raise Problem(f"sees a {seen} where a palace is. Run: pip install -r requirements.txt")
    return "loads and sees the palace in scikit-learn's china.jpg"


def _minilm():
    import torch

    from . import models

    with torch.no_grad():
        logits = models.minilm(2).eval()(torch.tensor([[101, 2204, 102]]))
    if logits.shape != (1, 2) or not logits.isfinite().all():
        raise Problem("gives no finite answer. Run: pip install -r requirements.txt")
    return "loads and answers"


@contextlib.contextmanager
def _no_network():
    """Refuse every connection to another machine."""

    def refuse(*args, **kwargs):
        raise OSError("a connection to the network was tried, and none should be needed")

    saved = socket.socket.connect, socket.getaddrinfo
    socket.socket.connect = socket.getaddrinfo = refuse
    try:
        yield
    finally:
        socket.socket.connect, socket.getaddrinfo = saved
