"""The loop: what trains, watches and remembers."""

from tl_helpers.training.early_stopping import EarlyStopping
from tl_helpers.training.evaluate import Score, evaluate, predict
from tl_helpers.training.fit import fit
from tl_helpers.training.history import History
from tl_helpers.training.loop import State, run
from tl_helpers.training.update import NonFiniteLoss, Update

__all__ = [
    "EarlyStopping",
    "History",
    "NonFiniteLoss",
    "Score",
    "State",
    "Update",
    "evaluate",
    "fit",
    "predict",
    "run",
]
