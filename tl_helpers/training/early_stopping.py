"""Early stopping: end a run when validation no longer improves, and keep the best weights."""

import copy
import math

from tl_helpers import arguments


class EarlyStopping:
    """Stop after ``patience`` epochs without a lower validation loss; then restore the best weights.

    A callback of ``run``. The best weights also come back when the run ends for another reason,
    except when it is interrupted. Source: Prechelt, Early Stopping - But When? (1998).
    """

    def __init__(self, patience: int):
        arguments.whole_number("patience", patience)
        self.patience, self.best, self.since, self.weights = patience, math.inf, 0, None

    def on_epoch_end(self, state):
        loss = state.history.valid_loss[-1]
        if loss < self.best:
            self.best, self.since = loss, 0
            self.weights = {n: copy.deepcopy(m.state_dict()) for n, m in state.modules.items()}
        else:
            self.since += 1
        if self.since >= self.patience:
            state.stop = True

    def on_end(self, state):
        for name, weights in (self.weights or {}).items():
            state.modules[name].load_state_dict(weights)

    def state_dict(self):
        return {"best": self.best, "since": self.since, "weights": self.weights}

    def load_state_dict(self, saved, state):
        self.best, self.since, self.weights = saved["best"], saved["since"], saved["weights"]
