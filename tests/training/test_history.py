"""History: plain numbers that survive JSON."""

import json

from tests.training.conftest import make_mlp, make_task
from tl_helpers import History, fit


def test_json_gives_the_same_history_back():
    history = fit(make_mlp(), make_task(), epochs=3)
    again = History.from_json(history.to_json())
    assert again == history
    plain = json.loads(history.to_json())
    for name in ("train_loss", "valid_loss", "valid_accuracy", "lr", "seconds"):
        assert len(plain[name]) == 3 and all(isinstance(value, float) for value in plain[name])
    assert all(value > 0 for value in plain["samples_per_second"])


def test_repr_shows_the_last_epoch():
    assert repr(History()) == "History(no epoch yet)"
    history = fit(make_mlp(), make_task(), epochs=2)
    assert f"valid_accuracy {history.valid_accuracy[-1]:.4g}" in repr(history)
