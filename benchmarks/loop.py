"""What tl.fit costs over a bare loop: the same network, data and batches, interleaved, CPU time.

Both train for an epoch and look at validation; tl.fit also keeps its history, checks each loss and
shows its progress. Prints the median ratio of CPU times over the rounds. Aim: at most 0.90
(MLP) and 1.00 (CNN).
"""

import argparse
import copy
import os
import statistics
import sys
import time

import torch
from torch import nn

import tl_helpers as tl

EPOCHS, BATCH_SIZE, LR = 2, 64, 1e-3


def bare(model, train, valid):
    """The shortest loop that does the same work."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=0)
    for epoch in range(EPOCHS):
        model.train()
        order = train.order(epoch)
        for chosen in order.split(BATCH_SIZE):
            inputs, labels = train.inputs[chosen], train.labels[chosen]
            loss = nn.functional.cross_entropy(model(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            loss, right = 0.0, 0
            for start in range(0, len(valid.inputs), 256):
                labels = valid.labels[start : start + 256]
                logits = model(valid.inputs[start : start + 256])
                loss += nn.functional.cross_entropy(logits, labels).item() * len(labels)
                right += (logits.argmax(1) == labels).sum().item()


def ours(model, train, valid):
    tl.fit(model, train, valid=valid, epochs=EPOCHS, lr=LR, device="cpu", precision="float32")


def seconds(function, model, *data):
    started = time.process_time()
    function(copy.deepcopy(model), *data)
    return time.process_time() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    os.environ.pop("TL_PROGRESS", None)
    sys.stderr.isatty = lambda: True  # the bar is on, also where the output is a file
    torch.set_num_threads(1)
    task = tl.data.fashion_mnist()
    torch.manual_seed(0)
    networks = {
        "MLP": (tl.models.mlp(10), 4000),
        "CNN": (tl.models.small_cnn(10, in_channels=1), 1000),
    }
    for name, (model, count) in networks.items():
        inputs = task.train.inputs[:count].float() / 255  # tensors: no conversion in either loop
        train = tl.data.batches(
            inputs, task.train.labels[:count], batch_size=BATCH_SIZE, shuffle=True, seed=0
        )
        valid = tl.data.batches(inputs[:500], task.train.labels[:500], batch_size=256)
        for function in (bare, ours):  # warm up
            function(copy.deepcopy(model), train, valid)
        ratios, times = [], []
        for number in range(rounds):
            pair = (bare, ours) if number % 2 else (ours, bare)
            spent = {f: seconds(f, model, train, valid) for f in pair}
            ratios.append(spent[ours] / spent[bare])
            times.append(spent[bare])
        low, _, high = statistics.quantiles(ratios, n=4)
        print(
            f"{name}: tl.fit / bare loop = {statistics.median(ratios):.3f} "
            f"(quartiles {low:.3f} … {high:.3f}, {rounds} rounds, "
            f"bare {statistics.median(times):.2f} s CPU)"
        )


if __name__ == "__main__":
    main()
