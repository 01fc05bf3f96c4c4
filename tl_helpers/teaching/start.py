"""The first line of every lesson: seeds, plot style, quiet libraries, one line of versions."""

import logging
import os
import platform
import warnings

import torch

from tl_helpers.say import say

from .. import __version__, arguments
from ..seeds import seed_everything

# Chatter of other packages that would stand in a saved notebook and differ on the next machine.
# Each is read when its package is imported or used, so a value set by the reader wins.
_QUIET = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "TOKENIZERS_PARALLELISM": "false",
}


def start(seed: int = 0) -> None:
    """Make a lesson ready: seed everything, set the plot style, print versions and device.

    The seed is moved by the environment variable ``TL_SEED`` (see ``tl_helpers.seeds``). Notices
    that something will change in a future version are not shown, because they carry paths of the
    machine and say nothing to a reader; every other warning and every error is.
    """
    arguments.whole_number("seed", seed, low=0)
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    # On a fresh machine the first plot says that it builds a font cache.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    for category in (DeprecationWarning, FutureWarning):
        warnings.simplefilter("ignore", category)

    seed_everything(seed)

    from . import plots  # brings matplotlib, so only now

    plots.style()
    say(version_line())


def version_line() -> str:
    """Return one line: the versions that matter and the device that training will use."""
    parts = [
        f"tl_helpers {__version__}",
        f"Python {platform.python_version()}",
        f"torch {torch.__version__}",
        _device(),
    ]
    if os.environ.get("TL_SEED", "0") != "0":
        parts.append(f"TL_SEED {os.environ['TL_SEED']}")
    return " · ".join(parts)


def _device() -> str:
    if torch.cuda.is_available():
        return f"cuda ({torch.cuda.get_device_name()})"
    if torch.backends.mps.is_available():
        return "mps"
    threads = torch.get_num_threads()
    return f"cpu ({threads} thread{'s' if threads != 1 else ''})"
