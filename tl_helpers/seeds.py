"""Seeds: one place that turns a lesson's seed into the seed that is used."""

import os
import random

import numpy as np
import torch

# Lessons repeat their runs with seeds 0, 1, 2 …; the stride keeps the repeats of one TL_SEED
# apart from those of the next, so that a claim checked on ten seeds is checked on ten fresh draws.
STRIDE = 1000


def offset(seed: int) -> int:
    """Return ``seed`` moved by the environment variable ``TL_SEED`` (0 when it is not set)."""
    return seed + STRIDE * int(os.environ.get("TL_SEED", "0"))


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch (every device) with ``offset(seed)``."""
    seed = offset(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
