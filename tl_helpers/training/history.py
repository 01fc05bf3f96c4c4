"""History: what a run recorded, epoch by epoch."""

import json
from dataclasses import asdict, dataclass, field


@dataclass
class History:
    """Per-epoch lists of plain numbers; entry ``i`` belongs to epoch ``i``.

    train_loss, valid_loss: means over samples, in the unit of the loss.
    valid_accuracy: a fraction; None where there is nothing to count (regression).
    lr: the learning rate of the first parameter group at the end of the epoch.
    seconds: wall-clock time of the epoch, validation included.
    samples_per_second: training samples by the seconds spent on them.
    metrics: every other number that a ``step`` of ``run`` returned, by name.
    interrupted: True when the run was stopped by hand before its last epoch was over.
    """

    train_loss: list = field(default_factory=list)
    valid_loss: list = field(default_factory=list)
    valid_accuracy: list = field(default_factory=list)
    lr: list = field(default_factory=list)
    seconds: list = field(default_factory=list)
    samples_per_second: list = field(default_factory=list)
    metrics: dict = field(default_factory=dict)
    interrupted: bool = False

    def __len__(self):
        return len(self.seconds)

    def __repr__(self):
        if not len(self):
            return "History(no epoch yet)"
        last = [
            f"{name} {values[-1]:.4g}"
            for name, values in self._columns()
            if len(values) == len(self) and values[-1] is not None
        ]
        return f"History({len(self)} epochs; last: {', '.join(last)})"

    def _columns(self):
        for name, values in {**vars(self), **self.metrics}.items():
            if isinstance(values, list) and name not in ("seconds", "samples_per_second"):
                yield name, values

    def record(self, name: str, value) -> None:
        """Append ``value`` to the list called ``name`` (made in ``metrics`` when it is new)."""
        if name != "metrics" and isinstance(getattr(self, name, None), list):
            getattr(self, name).append(value)
        else:
            self.metrics.setdefault(name, []).append(value)

    def last(self) -> dict:
        """Return the last number of each list that has one, without times."""
        return {name: v[-1] for name, v in self._columns() if v and v[-1] is not None}

    def to_json(self) -> str:
        """Return the history as JSON text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "History":
        """Make a history from what ``to_json`` returned; ValueError for any other text."""
        try:
            return cls(**json.loads(text))
        except (TypeError, ValueError) as error:
            raise ValueError(f"text is not what History.to_json returned: {error}") from None
