"""Draw the picture of the README from the shipped results of lesson 01: python docs/transfer.py"""

from pathlib import Path

import numpy as np

import tl_helpers as tl

tl.plots.style()
runs = tl.results("01_source_and_target_tasks")
labels = sorted({run["labels"] for run in runs})
values = {
    name: np.array(
        [[r["accuracy"] for r in runs if r["name"] == name and r["labels"] == k] for k in labels]
    ).T
    for name in (
        "scratch",
        "scratch, 10× epochs",
        "full",
        "probe",
        "random weights, frozen",
        "probe from digits",
    )
}
picture = tl.plots.lines(labels, values, xlabel="Labels per class, four classes of clothes")
picture.savefig(Path(__file__).with_name("transfer.png"), dpi=150)
