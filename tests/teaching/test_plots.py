"""The pictures say what their arrays say: the drawn artists are read back."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from nbclient import NotebookClient

from tl_helpers.teaching import plots


@pytest.fixture(autouse=True)
def closed_afterwards():
    plots.style()
    yield
    plt.close("all")


def history(**lists):
    names = ("train_loss", "valid_loss", "train_accuracy", "valid_accuracy")
    return SimpleNamespace(**{name: lists.get(name, []) for name in names})


def drawn(axes):
    return {line.get_label(): line for line in axes.lines}


def test_curves_draw_the_lists_against_epochs_from_one():
    run = history(train_loss=[2.0, 1.0], valid_loss=[2.5, 1.5], valid_accuracy=[0.25, 0.5])
    figure = plots.curves({"probe": run, "scratch": run})
    loss, accuracy = figure.axes
    line = drawn(loss)["probe train"]
    assert line.get_xdata().tolist() == [1, 2] and list(line.get_ydata()) == [2.0, 1.0]
    assert line.get_linestyle() == "--" and drawn(loss)["probe valid"].get_linestyle() == "-"
    assert set(drawn(accuracy)) == {"probe valid", "scratch valid"}
    assert (loss.get_xlabel(), loss.get_ylabel()) == ("Epoch", "Loss")
    assert accuracy.get_ylabel() == "Accuracy (%)"
    assert accuracy.yaxis.get_major_formatter()(0.5) == "50"
    assert "probe" in figure.alt and "scratch" in figure.alt


def test_curves_take_one_history_and_leave_out_what_was_not_measured():
    figure = plots.curves(history(train_loss=[1.0]))
    assert [axes.get_ylabel() for axes in figure.axes] == ["Loss"]
    with pytest.raises(ValueError, match="no epoch"):
        plots.curves(history())


def test_a_strategy_has_its_own_colour_everywhere():
    assert len(set(plots.COLOURS.values())) == len(plots.COLOURS)
    scores = {"full": [0.5], "scratch": [0.2], "scratch, 10× epochs": [0.3]}
    dots = plots.strategies(scores).axes[0].lines
    line = plots.lines([1, 2], {"full": [[0.5, 0.6]]}).axes[0].lines[0]
    assert to_hex(dots[0].get_color()).upper() == to_hex(line.get_color()).upper()
    assert to_hex(line.get_color()).upper() == plots.COLOURS["full"]
    found = plots.colours([*scores, "mine", "yours", "probe-then-full", "probe"])
    assert found["scratch, 10× epochs"] == plots.COLOURS["scratch"]
    assert found["probe-then-full"] != found["probe"] and found["mine"] != found["yours"]
    assert not {found["mine"], found["yours"]} & set(plots.COLOURS.values())


def test_strategies_draw_every_seed_the_mean_and_the_range():
    axes = plots.strategies({"scratch": [0.2, 0.4], "probe": [0.6, 0.7, 0.8]}).axes[0]
    span, dots, mean = axes.lines[3:6]
    assert list(span.get_xdata()) == [0.6, 0.8] and list(span.get_ydata()) == [1, 1]
    assert list(dots.get_xdata()) == [0.6, 0.7, 0.8]
    assert mean.get_xdata() == pytest.approx(0.7)
    assert [text.get_text() for text in axes.texts] == ["30 %", "70 %"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["scratch", "probe"]
    assert "2 to 3 seeds" in axes.get_xlabel() and "Accuracy (%)" in axes.get_xlabel()
    below, above = axes.get_ylim()
    assert below > above, "the first strategy stands on top"


def test_lines_draw_the_mean_and_a_band_over_seeds_on_a_logarithmic_axis():
    values = np.array([[0.2, 0.4, 0.6], [0.4, 0.6, 0.8]])
    axes = plots.lines([2, 10, 100], {"probe": values}).axes[0]
    assert axes.get_xscale() == "log" and axes.get_xlabel() == "Labels per class"
    assert axes.lines[0].get_ydata() == pytest.approx([0.3, 0.5, 0.7])
    band = axes.collections[0].get_paths()[0].vertices
    for x, low, high in [(2, 0.2, 0.4), (10, 0.4, 0.6), (100, 0.6, 0.8)]:
        at_x = band[band[:, 0] == x, 1]
        assert (at_x.min(), at_x.max()) == (low, high)
    axes.figure.canvas.draw()
    assert [label.get_text() for label in axes.get_xticklabels()] == ["2", "10", "100"]
    assert "2 seeds" in axes.get_title(loc="left")


def test_a_tick_is_labelled_as_exactly_as_it_stands():
    figure = plots.strategies({"probe": [0.72, 0.74]})
    (axes,) = figure.axes
    axes.set_xticks([0.7, 0.725, 0.75])
    figure.canvas.draw()
    assert [label.get_text() for label in axes.get_xticklabels()] == ["70", "72.5", "75"]


def test_lines_and_strategies_draw_into_given_axes():
    figure, (left, right) = plt.subplots(1, 2)
    assert plots.lines([1, 2], {"probe": [[0.1, 0.2]]}, ax=left) is figure
    assert plots.strategies({"probe": [0.1]}, ax=right) is figure
    assert left.lines and right.lines and plt.get_fignums() == [figure.number]


def test_images_are_drawn_as_they_are_and_named():
    inputs = torch.randint(0, 256, (3, 3, 4, 5), dtype=torch.uint8)
    figure = plots.images(inputs, torch.tensor([0, 1, 1]), class_names=["cat", "dog"])
    shown = [axes.images[0].get_array() for axes in figure.axes]
    assert np.array_equal(shown[2], inputs[2].permute(1, 2, 0))
    assert [axes.get_title(loc="center") for axes in figure.axes] == ["cat", "dog", "dog"]
    grey = plots.images(np.full((1, 1, 2, 2), 0.5)).axes[0].images[0]
    assert grey.get_clim() == (0, 1) and grey.get_array().ravel().tolist() == [0.5] * 4


def test_right_and_wrong_differ_in_sign_frame_and_colour():
    figure = plots.images(np.zeros((2, 1, 2, 2)), [0, 1], [0, 0], ["cat", "dog"])
    right, wrong = figure.axes
    assert right.get_title(loc="center") == "✓ cat"
    assert wrong.get_title(loc="center") == "✗ cat\nis dog"
    frames = [axes.spines["left"] for axes in figure.axes]
    assert frames[0].get_linestyle() != frames[1].get_linestyle()
    assert frames[0].get_linewidth() < frames[1].get_linewidth()
    assert frames[0].get_edgecolor() != frames[1].get_edgecolor()
    assert "1 of them predicted right" in figure.alt


def test_confusion_draws_the_share_of_each_true_class_in_percent():
    labels, predictions = torch.tensor([0, 0, 0, 0, 1, 1]), np.array([0, 0, 0, 1, 1, 1])
    axes = plots.confusion(labels, predictions, ["cat", "dog"]).axes[0]
    assert [text.get_text() for text in axes.texts] == ["75", "25", "", "100"]
    assert axes.images[0].get_array().tolist() == [[0.75, 0.25], [0.0, 1.0]]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Predicted class", "True class")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: plots.strategies({"probe": [64.0]}), "fractions from 0 to 1"),
        (lambda: plots.strategies({}), "results is {}"),
        (lambda: plots.curves([1]), "histories is"),
        (lambda: plots.lines([1, 2], {"probe": [[0.1]]}), r"shape \(1, 1\), expected seeds × 2"),
        (lambda: plots.lines([0, 1], {"probe": [[0.1, 0.2]]}), "positive"),
        (lambda: plots.images(np.zeros((4, 4))), r"inputs has shape \(4, 4\)"),
        (lambda: plots.images(np.zeros((1, 1, 4, 4)), [0, 1]), "labels has 2 entries"),
        (lambda: plots.images(np.zeros((1, 1, 4, 4)), [3], class_names=["a"]), "0 to 0"),
        (lambda: plots.images(np.zeros((1, 1, 4, 4)), None, [0]), "without labels"),
        (lambda: plots.confusion([0], torch.zeros(1, 2), ["a", "b"]), "argmax"),
    ],
)
def test_bad_input_raises_and_says_what_is_accepted(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_a_notebook_shows_a_picture_once_with_its_words_and_nothing_beside_it():
    cells = [
        "from tl_helpers.teaching import plots\nplots.style()",
        "plots.strategies({'probe': [0.5]})",  # the call is the last line
        "figure = plots.strategies({'probe': [0.5]})\nfigure.axes[0].set_title('later')\nprint(1)",
        "figure",  # shown again where it is asked for
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, kernel_name="python3", timeout=60).execute()
    pictures = [
        [output for output in cell.outputs if "image/png" in output.get("data", {})]
        for cell in notebook.cells
    ]
    assert [len(shown) for shown in pictures] == [0, 1, 1, 1]
    assert [len(cell.outputs) for cell in notebook.cells] == [0, 1, 2, 1]
    for (output,) in pictures[1:]:
        assert output.metadata["image/png"]["alt"] == "Mean accuracy: probe 50%."
        assert len(output.data["image/png"]) < 80_000
