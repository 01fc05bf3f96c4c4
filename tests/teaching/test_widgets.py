"""The base of the widgets, without a browser. ``example`` is the pattern for a lesson's widget."""

import gc
import io
import re
import threading

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from tl_helpers.teaching import widgets
from tl_helpers.teaching.widgets import VIEW, Choice, Job, Kept, Slider, Text, Toggles, Widget


def draw(figure, power, colour, marks, fitted=None):
    axes = figure.add_subplot()
    x = np.linspace(0, 1, 20)
    axes.plot(x, x**power, color=colour)
    for mark in marks:
        axes.plot(0.5, 0.5, mark, markersize=20, color="black")
    axes.set(xlabel="x", ylabel="y", ylim=(0, 1))
    return f"x to the power of {power}, {fitted or 'not fitted'}."


def example(function=draw, work=lambda progress, **state: f"fitted to {state['power']}"):
    """A widget with one control of each kind."""
    return Widget(
        "A power",
        function,
        power=Slider("Power", range(1, 6), value=2, unit="no unit"),
        colour=Choice("Colour", ["blue", "red"], value="blue"),
        marks=Toggles("Marks", ["x", "+"], value=["x"]),
        fitted=Job("Fit", work),
    )


def typed(value="a word", **options):
    """A widget with a line to type into, which says its text."""

    def write(figure, text):
        figure.text(0.5, 0.5, text[:10], parse_math=False)
        return f"{len(text)} characters: {text[:10]}."

    return Widget("A text", write, text=Text("Text", value, **options))


def pixels(widget):
    return np.asarray(Image.open(io.BytesIO(widget.png)).convert("RGB"))


def pictures(widget):
    return [child for child in widget.children if isinstance(child, ipywidgets.Image)]


def press(widget, label):
    (button,) = [button for button in buttons(widget) if button.description == label]
    button.click()


def buttons(view):
    if isinstance(view, ipywidgets.Button):
        return [view]
    return [button for child in getattr(view, "children", ()) for button in buttons(child)]


def test_each_control_moves_the_one_picture_in_place():
    widget = example()
    image, first = pictures(widget)[0], pixels(widget)
    for name, value in {"power": 3, "colour": "red", "marks": ("x", "+")}.items():
        before = pixels(widget)
        widget.controls[name].set(value)
        assert widget.state[name] == value
        assert (pixels(widget) != before).any(), name
    assert pictures(widget) == [image] and widget.error == ""
    assert first.shape == pixels(widget).shape


def test_reset_brings_the_first_picture_back_and_redraws_once():
    drawn = []

    def counted(figure, **state):
        drawn.append(state)
        return draw(figure, **state)

    widget = example(counted)
    widget.set(power=5, colour="red", marks=())
    assert len(drawn) == 2 and drawn[-1]["marks"] == () and widget.png != widget.default_png
    press(widget, "Reset")
    assert len(drawn) == 3 and drawn[-1] == drawn[0]
    assert widget.png == widget.default_png


def test_the_caption_says_what_is_shown_to_eyes_and_screen_readers():
    widget = example()
    widget.set(power=4)
    assert widget.caption == "x to the power of 4, not fitted."
    assert pictures(widget)[0].tooltip == widget.caption
    status = [child.value for child in widget.children if isinstance(child, ipywidgets.HTML)]
    assert any(widget.caption in value and 'role="status"' in value for value in status)
    with pytest.raises(TypeError, match="expected the caption"):
        Widget("Silent", lambda figure: None)


def test_in_jupyterlab_the_picture_is_kept_for_a_notebook_without_its_kernel(monkeypatch):
    told, widget = [], example()
    widget.name = 'A "power" \\ </style>'
    monkeypatch.setattr(widgets, "display", lambda data, raw: told.append(data["text/html"]))
    data, _ = widget._repr_mimebundle_()
    assert told == [], "where nobody reads the notebook in JupyterLab, there is one output"
    monkeypatch.setattr(widgets, "_in_jupyterlab", lambda: True)
    widget._repr_mimebundle_()
    (style,) = told
    assert f"base64,{data['image/png']})" in style
    assert style.count("</style>") == 1, "a title cannot end the style"
    (alt,) = re.findall(r'/ "(.*)"; visibility', style)
    unescaped = re.sub(r"\\([0-9a-f]+) ", lambda found: chr(int(found[1], 16)), alt)
    assert unescaped == f"{widget.name}: {widget.caption}"


def test_an_error_is_shown_inside_and_the_next_move_mends_it():
    def fragile(figure, power, **state):
        if power == 3:
            raise ValueError("three is <bad>")
        return draw(figure, power, **state)

    widget = example(fragile)
    before = widget.png
    widget.set(power=3)
    assert widget.png == before, "the picture stays as it was"
    assert "ValueError: three is <bad>" in widget.error and "Reset" in widget.error
    assert (
        'role="alert"' in widget.children[-1].value and "&lt;bad&gt;" in widget.children[-1].value
    )
    widget.set(power=4)
    assert widget.error == "" and widget.children[-1].value == "" and widget.png != before


def test_an_error_in_the_first_state_is_raised_where_the_widget_is_made():
    with pytest.raises(ZeroDivisionError):
        Widget("Broken", lambda figure: 1 / 0)


def kept(figure):
    (line,) = figure.add_subplot(ylim=(0, 1)).plot([], [])
    built.append(line)

    def move(power, colour, **state):
        x = np.linspace(0, 1, 20)
        line.set_data(x, x**power)
        line.set_color(colour)
        if power == 3:
            raise ValueError("three")
        return f"Moved to {power}."

    return move


built = []


def test_a_kept_picture_is_built_once_and_anew_after_an_error():
    built.clear()
    widget = example(Kept(kept))
    widget.set(power=4, colour="red")
    red = widget.png
    assert widget.caption == "Moved to 4." and red != widget.default_png and len(built) == 1
    press(widget, "Reset")
    assert widget.png == widget.default_png and len(built) == 1
    widget.set(power=3)
    assert "ValueError: three" in widget.error
    widget.set(power=4, colour="red")
    assert widget.png == red and widget.error == "" and len(built) == 2
    line = widget.figure().axes[0].lines[0]
    assert line is built[2] and line.get_color() == "red", "a figure of its own"


def test_what_is_animated_moves_over_a_ground_that_is_drawn_only_when_it_changes(monkeypatch):
    def build(figure):
        axes = figure.add_subplot(ylim=(0, 5))
        (point,) = axes.plot([0.5], [1], "o", color="red", animated=True)

        def move(power, marks, **state):
            point.set_ydata([power])
            if "+" in marks:
                axes.set_facecolor("blue")
            return "."

        return move

    widget, drawn = example(Kept(build)), []
    draw_all = Figure.draw
    monkeypatch.setattr(Figure, "draw", lambda *given: (drawn.append(1), draw_all(*given))[1])
    widget.set(power=4)
    moved = np.asarray(Image.open(io.BytesIO(widget.png)))
    red = np.argwhere((moved == [255, 0, 0]).all(2))
    assert not drawn and np.ptp(red[:, 0]) < 12, "one point, and not also where it was before"
    widget.set(marks=["+"])
    blue = np.asarray(Image.open(io.BytesIO(widget.png)))
    assert drawn == [1] and (blue == [0, 0, 255]).all(2).any()


def test_axes_stand_still_while_controls_move():
    def growing(figure, power, **state):
        draw(figure, power, **state)
        figure.axes[0].set_ylabel("y\n" * power)
        return "."

    widget = example(growing)
    boxes = []
    for power in (1, 5, 2):
        widget.set(power=power)
        boxes.append(widget.figure().axes[0].get_position().bounds)
    assert boxes[0] == boxes[1] == boxes[2]


def test_a_move_does_not_wait_for_a_full_collection():
    widget, full = example(), []

    def note(phase, information):
        full.append(information["generation"] == 2)

    gc.collect()
    gc.callbacks.append(note)
    try:
        for power in (1, 2, 3, 4, 5) * 6:
            widget.set(power=power)
    finally:
        gc.callbacks.remove(note)
    assert not any(full) and gc.isenabled()


def test_there_is_no_output_widget_and_no_figure_left_to_pyplot():
    before = plt.get_fignums()
    widget = example()

    def walk(view):
        yield view
        for child in getattr(view, "children", ()):
            yield from walk(child)

    assert not [view for view in walk(widget) if isinstance(view, ipywidgets.Output)]
    assert plt.get_fignums() == before


def test_a_saved_notebook_gets_a_picture_beside_the_view():
    data, metadata = example()._repr_mimebundle_()
    assert data["text/plain"] == "Widget: A power"
    assert data["image/png"].startswith("iVBOR") and VIEW in data
    assert metadata["image/png"]["alt"] == "A power: x to the power of 2, not fitted."


def test_a_job_runs_beside_the_lesson_and_ends_in_the_picture():
    go_on = threading.Event()
    seen = []

    def work(progress, **state):
        seen.append(state)
        progress(0.5)
        assert go_on.wait(10)
        return "fitted well"

    widget = example(work=work)
    job = widget.controls["fitted"]
    assert job.cancel.layout.display == "none"
    job.start.click()
    widget.set(power=3)  # the picture moves on while the work is under way
    assert widget.caption == "x to the power of 3, not fitted." and job.start.disabled
    assert job.cancel.layout.display == "flex"
    go_on.set()
    job.thread.join(10)
    assert seen == [{"power": 2, "colour": "blue", "marks": ("x",)}]
    assert widget.caption == "x to the power of 3, fitted well." and job.bar.value == 0.5
    assert not job.start.disabled and job.cancel.layout.display == "none"
    press(widget, "Reset")
    assert widget.png == widget.default_png


@pytest.mark.parametrize("ending", ["Cancel", "Reset"])
def test_a_job_is_cancelled_and_changes_nothing(ending):
    started = threading.Event()

    def work(progress, **state):
        while True:
            started.set()
            progress(0.1)

    widget = example(work=work)
    job = widget.controls["fitted"]
    press(widget, "Fit")
    assert started.wait(10)
    press(widget, ending)
    job.thread.join(10)
    assert not job.thread.is_alive() and not job.start.disabled
    assert "Cancelled" in job.said.value and widget.png == widget.default_png


def test_a_job_that_fails_says_so():
    widget = example(work=lambda progress, **state: {}["nothing"])
    press(widget, "Fit")
    widget.controls["fitted"].thread.join(10)
    assert "KeyError: 'nothing'" in widget.controls["fitted"].said.value
    assert widget.png == widget.default_png


def test_sliders_take_ranges_and_lists_and_name_their_unit():
    steps = Slider("Rate", [0.001, 0.01, 0.1], value=0.01, unit="per step")
    assert steps.view.description == "Rate (per step)"
    assert [label for label, _ in steps.view.options] == ["0.001", "0.01", "0.1"]
    whole = Slider("Epochs", range(2, 21, 2), value=4)
    assert (whole.view.min, whole.view.max, whole.view.step) == (2, 20, 2)
    label, words = Choice("One", ["a", "b"], "a").view.children
    assert label.value == "One" and isinstance(words, ipywidgets.ToggleButtons)
    assert isinstance(Choice("One", list("abcdefghijklm"), "a").view, ipywidgets.SelectionSlider)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Slider("Rate", [1, 2], value=3),
        lambda: Choice("Rate", ["a", "b"], value="c"),
        lambda: Toggles("Rate", ["a", "b"], value=["c"]),
        lambda: Slider("Rate", [1], value=1),
    ],
)
def test_bad_controls_raise_when_they_are_made(make):
    with pytest.raises(ValueError, match="'Rate' .*expected"):
        make()


def test_a_text_is_typed_and_redrawn_in_place():
    widget = typed()
    assert widget.caption == "6 characters: a word." and widget.state == {"text": "a word"}
    for text in ("", "another", "$x$ and \\ too", "Ünïcode"):
        widget.set(text=text)
        assert widget.error == "" and widget.caption.startswith(f"{len(text)} characters")
    widget.reset()
    assert widget.png == widget.default_png


def test_a_text_is_read_up_to_its_longest_and_without_half_characters():
    widget = typed(longest=5)
    widget.set(text="word " * 10_000)
    assert widget.state == {"text": "word "}
    widget.set(text="a\ud83d")
    assert widget.state == {"text": "a?"} and widget.error == ""
    with pytest.raises(TypeError, match="'Text' starts at 3, expected a text"):
        typed(3)


def test_any_text_is_one_of_the_examples():
    control = typed(examples=["one", "two"]).controls["text"]
    rng = np.random.default_rng(0)
    assert {control.any(rng) for _ in range(50)} == {"a word", "", "one", "two"}
