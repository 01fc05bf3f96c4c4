"""What computing features once saves: a probe on a frozen EfficientNet-Lite0, ten epochs.

Trains the same probe with cache_features=False and with "auto", interleaved, in CPU time, and
prints the ratio and the largest difference between the two heads. Aim: at least 8 times faster.
"""

import argparse
import statistics
import time

import torch

import tl_helpers as tl

EPOCHS = 10


def probe(task, image_size, cache):
    """Train the head; return CPU seconds and the head's weights."""
    model = tl.models.efficientnet_lite0(num_classes=task.num_classes, image_size=image_size)
    tl.transfer.freeze(model, "backbone")
    torch.nn.init.zeros_(model.head.weight)
    torch.nn.init.zeros_(model.head.bias)
    started = time.process_time()
    tl.fit(model, task, epochs=EPOCHS, lr=1e-2, cache_features=cache, device="cpu")
    return time.process_time() - started, model.head.weight.detach()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--image-size", type=int, default=64)
    arguments = parser.parse_args()
    task = tl.data.emoji("twemoji").few(labels_per_class=20, seed=0)
    ratios, differences = [], []
    for _ in range(arguments.rounds):
        plain, first = probe(task, arguments.image_size, False)
        cached, second = probe(task, arguments.image_size, "auto")
        ratios.append(plain / cached)
        differences.append((first - second).abs().max().item())
        print(f"uncached {plain:.1f} s, cached {cached:.2f} s CPU: {ratios[-1]:.1f} times faster")
    print(
        f"median {statistics.median(ratios):.1f} times faster ({EPOCHS} epochs, "
        f"{len(task.train)} + {len(task.valid)} images of {arguments.image_size} px); "
        f"largest difference in the head's weights {max(differences):.1e}"
    )


if __name__ == "__main__":
    main()
