"""The base of every widget: a pure function ``state -> picture``, and a thin binding to controls.

A widget of a lesson is a function that draws, and three lines that bind it::

    def draw(figure, labels_per_class, shown):
        axes = figure.add_subplot()
        ...
        return f"At {labels_per_class} labels a class, the probe is right in 64 %."

    def source_and_target_tasks(results):
        per_class = Slider("Labels per class", results.labels_per_class, value=20)
        shown = Toggles("Strategies", results.strategies)
        return Widget("Labels a class", draw, labels_per_class=per_class, shown=shown)

``draw(figure, **state)`` draws into the empty matplotlib ``figure`` from nothing but its state,
and returns one sentence that says what the picture shows: the caption, which a screen reader reads
as well. It takes tens of milliseconds: a picture with many axes is set up once (``Kept``), and what
takes longer is the ``work`` of a ``Job``.
"""

import base64
import contextlib
import functools
import gc
import html
import io
import re
import string
import threading
from collections.abc import Callable
from dataclasses import dataclass

import ipywidgets
import numpy as np
import traitlets
from IPython import get_ipython
from IPython.display import display
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

SIZE = (6.6, 3.4)  # inches; 634 × 326 pixels in the style of the collection
_AUTO = {"description_width": "initial"}
VIEW = "application/vnd.jupyter.widget-view+json"

# A notebook that was saved in JupyterLab and is opened without its kernel has a view and no widget
# behind it. JupyterLab then writes "model not found" and leaves the picture beside the view unused.
# So the output before the view holds this style: where the view has nothing in it but text (in a
# live one there are elements), its place shows the picture. Other front ends do not know the names.
_STAYS = string.Template("""<style class="tl-$id">
.jp-OutputArea-child:has(.tl-$id) { display: none }
.jp-OutputArea-child:has(.tl-$id) + * > .jp-OutputArea-output:not(:has(*)) {
  font-size: 0; visibility: hidden
}
.jp-OutputArea-child:has(.tl-$id) + * > .jp-OutputArea-output:not(:has(*))::before {
  content: url(data:image/png;base64,$png) / "$alt"; visibility: visible
}
</style>""")


@dataclass(frozen=True)
class Kept:
    """A picture of many axes and texts, set up once and then moved, which takes half the time.

    ``build(figure)`` draws what stays and returns ``move(**state)``, which changes the artists to
    show a state, whatever was shown before, and returns the caption. Given in the place of
    ``draw``: ``Widget(title, Kept(build), …)``. Artists that were made with ``animated=True`` are
    drawn onto the others, and the others again only when ``move`` has changed one of them.
    """

    build: Callable


class Slider:
    """A slider over ``values`` in steps; ``unit`` stands behind the label. Arrow keys move it.

    ``values``: a ``range``, or any sequence of at least two numbers.
    """

    def __init__(self, label, values, value, unit=""):
        _one_of(label, value, values)
        if len(values) < 2:
            raise ValueError(f"{label!r} has {len(values)} value, expected at least two.")
        self.values, self.default = list(values), value
        label = f"{label} ({unit})" if unit else label
        width = max(26, 14 + 0.6 * len(label))  # a long label leaves the slider its length
        look = {"description": label, "tooltip": label, "style": _AUTO, "layout": _wide(width)}
        if isinstance(values, range):
            steps = {"min": min(values), "max": max(values), "step": abs(values.step)}
            self.view = self._control = ipywidgets.IntSlider(value=value, **steps, **look)
        else:
            steps = [(f"{one:g}", one) for one in values]
            self.view = self._control = ipywidgets.SelectionSlider(
                options=steps, value=value, **look
            )

    def get(self):
        return self._control.value

    def set(self, value):
        self._control.value = value

    def watch(self, moved):
        self._control.observe(lambda change: moved(), "value")

    def any(self, rng):
        """A value that a user may choose, drawn with a NumPy generator."""
        return self.values[rng.integers(len(self.values))]


class Choice(Slider):
    """One of some words: buttons side by side up to twelve, a slider over the words beyond.

    Not a drop-down list: JupyterLab takes its arrow keys to move between cells.
    """

    def __init__(self, label, options, value):
        _one_of(label, value, options)
        self.values, self.default = list(options), value
        look = {"options": self.values, "value": value, "tooltip": label}
        if len(self.values) <= 12:
            self._control = ipywidgets.ToggleButtons(
                style={"button_width": "auto"}, layout={"width": "auto"}, **look
            )
            self.view = ipywidgets.HBox([_label(label), self._control])
        else:
            look |= {"description": label, "style": _AUTO, "layout": _wide(36)}
            self.view = self._control = ipywidgets.SelectionSlider(**look)


class Text:
    """A line to type into; the value is what stands in it, redrawn with every key.

    ``longest``: how many characters are read; what is typed or pasted beyond them is left out of
    the value. ``examples``: texts that a user may type, for the random moves of the tests. Half a
    character, as a browser may send of an emoji, becomes "?".
    """

    def __init__(self, label, value, longest=100_000, examples=()):
        if not isinstance(value, str):
            raise TypeError(f"{label!r} starts at {value!r}, expected a text.")
        self.default, self._longest, self._examples = value, longest, [value, "", *examples]
        look = {"description": label, "tooltip": label, "style": _AUTO, "layout": _wide(46)}
        self.view = self._control = ipywidgets.Text(value=value, **look)

    def get(self):
        return self._control.value[: self._longest].encode("utf-8", "replace").decode("utf-8")

    def set(self, value):
        self._control.value = value

    def watch(self, moved):
        self._control.observe(lambda change: moved(), "value")

    def any(self, rng):
        return self._examples[rng.integers(len(self._examples))]


class Toggles:
    """Words to switch on and off, each on its own; the value is the tuple of those that are on.

    ``value``: those that are on at first, all of them by default.
    """

    def __init__(self, label, options, value=None):
        self.options = list(options)
        self.default = tuple(self.options if value is None else value)
        for one in self.default:
            _one_of(label, one, self.options)
        self._boxes = [
            ipywidgets.Checkbox(
                value=word in self.default,
                description=word,
                indent=False,
                layout={"width": "auto", "margin": "2px 12px 2px 0"},
            )
            for word in self.options
        ]
        row = {"flex_flow": "row wrap", "align_items": "center"}
        self.view = ipywidgets.Box([_label(label), *self._boxes], layout=row)

    def get(self):
        pairs = zip(self.options, self._boxes, strict=True)
        return tuple(word for word, box in pairs if box.value)

    def set(self, value):
        for word, box in zip(self.options, self._boxes, strict=True):
            box.value = word in value

    def watch(self, moved):
        for box in self._boxes:
            box.observe(lambda change: moved(), "value")

    def any(self, rng):
        return tuple(word for word in self.options if rng.random() < 0.5)


class Cancelled(Exception):
    """Raised by ``progress`` inside the work of a Job when the user has pressed Cancel."""


class Job:
    """Work that takes longer than a redraw: a button that starts it, a progress bar, a Cancel.

    ``work(progress, **state)`` runs in a thread with the state of the other controls at the press
    and calls ``progress(fraction)`` now and then, which ends it when the user has cancelled. The
    control's value is what the work returned; None before, and again after Reset.
    """

    default = None

    def __init__(self, label, work):
        self._work, self._value, self._moved = work, None, None
        self._stop, self.thread = threading.Event(), None
        self.start = ipywidgets.Button(description=label, layout={"width": "auto"})
        self.bar = ipywidgets.FloatProgress(max=1, layout={"width": "14em"})
        self.cancel = ipywidgets.Button(description="Cancel", layout={"width": "auto"})
        self.said = ipywidgets.Label()
        self._idle()
        self.cancel.on_click(lambda button: self._stop.set())
        self.view = ipywidgets.HBox([self.start, self.bar, self.cancel, self.said])

    def get(self):
        return self._value

    def set(self, value):
        self._stop.set()  # what is under way belongs to a state that is gone
        self._value, self.said.value = value, ""

    def watch(self, moved):
        self._moved = moved

    def any(self, rng):
        return None

    def bind(self, state):
        """Run with the ``state()`` of the other controls when the button is pressed."""
        self.start.on_click(lambda button: self._begin(state()))

    def _begin(self, state):
        self._stop = threading.Event()
        self.start.disabled, self.bar.value, self.said.value = True, 0, ""
        self.bar.layout.display = self.cancel.layout.display = "flex"
        # A daemon: a kernel that is shut down does not wait for it.
        self.thread = threading.Thread(target=self._run, args=(state, self._stop), daemon=True)
        self.thread.start()

    def _run(self, state, stop):
        def progress(fraction):
            if stop.is_set():
                raise Cancelled
            if fraction >= self.bar.value + 0.01:  # at most a hundred messages
                self.bar.value = fraction

        try:
            value = self._work(progress, **state)
            if stop.is_set():
                raise Cancelled
            self._value = value
            self._moved()
        except Cancelled:
            self.said.value = "Cancelled; nothing was changed."
        except Exception as error:
            self.said.value = f"It stopped: {_words(error)}. Change a control and start again."
        finally:
            self._idle()

    def _idle(self):
        self.start.disabled = False
        self.bar.layout.display = self.cancel.layout.display = "none"


class _Picture(ipywidgets.Image):
    # The browser's side of every widget looks for a description before it sets the tooltip, and
    # fails for an Image, which has none (ipywidgets 8.1).
    description = traitlets.Unicode("").tag(sync=True)


class Widget(ipywidgets.VBox):
    """A picture with controls: ``Widget(title, draw, name=control, …)`` as a cell's last line.

    ``draw(figure, **state)`` gets the value of each control under its name; see this module's
    first lines. The picture is one Image, redrawn in place; margins are arranged for the first
    state and kept, so that axes stand still while controls move. An error while drawing is shown
    under the picture, which stays as it was; an error in the first state is raised here.

    A saved notebook keeps ``image/png``, the picture as it was when the cell ran, beside the view.
    In JupyterLab an output before the view, itself not seen, keeps it a second time (see ``_STAYS``).
    """

    def __init__(self, title, draw, *, size=SIZE, **controls):
        super().__init__()
        self.name, self.controls, self.error = title, controls, ""
        self._draw, self._size, self._boxes, self._kept = draw, size, [], None
        self._held, self._lock = False, threading.RLock()
        # At its own size: the box would stretch it, and text would blur.
        layout = {"align_self": "flex-start", "max_width": "100%"}
        self._picture = _Picture(format="png", layout=layout)
        self._caption, self._message = ipywidgets.HTML(), ipywidgets.HTML()
        self._paint()
        self.default_png = self.png
        for control in controls.values():
            control.watch(self._moved)
            if isinstance(control, Job):
                control.bind(self._state_of_others(control))
        reset = ipywidgets.Button(
            description="Reset",
            tooltip="Put every control back to where it was at first",
            layout={"width": "auto"},
        )
        reset.on_click(lambda button: self.reset())
        row = {"flex_flow": "row wrap", "align_items": "center", "grid_gap": "0 16px"}
        views = [control.view for control in controls.values()]
        self.children = [
            ipywidgets.HTML(f"<b>{html.escape(title)}</b>"),
            ipywidgets.Box([*views, reset], layout=row),
            self._picture,
            self._caption,
            self._message,
        ]

    @property
    def png(self) -> bytes:
        """The picture as it is now."""
        return self._picture.value

    @property
    def caption(self) -> str:
        """What the picture shows, in words."""
        return self._picture.tooltip

    def figure(self) -> Figure:
        """Return the present state, drawn anew into a figure of its own: to look into, or save."""
        return self._drawn()[0]

    @property
    def state(self) -> dict:
        """The value of each control, by name."""
        return {name: control.get() for name, control in self.controls.items()}

    def set(self, **state) -> None:
        """Move controls, as a user would, and redraw once."""
        self._held = True
        try:
            for name, value in state.items():
                self.controls[name].set(value)
        finally:
            self._held = False
        self._moved()

    def reset(self) -> None:
        """Put every control back to its first value."""
        self.set(**{name: control.default for name, control in self.controls.items()})

    def _moved(self):
        # Called while the browser's message is handled. The browser's side of a control sends its
        # next move when this one is done, and of those that queued up meanwhile only the newest.
        # So drawing right here, not later, is what keeps the picture at the newest state.
        if self._held:
            return
        try:
            self._paint()
            self._tell("")
        except Exception as error:
            self._kept = None  # it may have moved by half
            self._tell(f"This state could not be drawn ({_words(error)}). Move a control or Reset.")

    def _paint(self):
        with self._lock, _collected():  # the lock: a Job ends in a thread of its own
            self._picture.value, caption = self._png()
            self._picture.tooltip = caption  # an img without alt is read by its title
            self._caption.value = f'<div role="status">{html.escape(caption)}</div>'

    def _png(self):
        # In a function of its own: the figure is garbage when it returns.
        if self._kept:
            move, paint = self._kept
            caption = move(**self.state)
        else:
            figure, move, caption = self._drawn()
            paint = _painter(figure)
            if isinstance(self._draw, Kept):
                self._kept = move, paint
        return paint(), caption

    def _drawn(self):
        figure = Figure(figsize=self._size)
        FigureCanvasAgg(figure)
        kept = isinstance(self._draw, Kept)
        move = self._draw.build(figure) if kept else functools.partial(self._draw, figure)
        caption = move(**self.state)
        if not isinstance(caption, str) or not caption:
            raise TypeError(f"draw returned {caption!r}, expected the caption, a sentence.")
        if len(figure.axes) != len(self._boxes):
            figure.set_layout_engine("constrained")
            figure.draw_without_rendering()
            self._boxes = [axes.get_position(original=True) for axes in figure.axes]
        figure.set_layout_engine("none")
        for axes, box in zip(figure.axes, self._boxes, strict=True):
            axes.set_position(box)
        return figure, move, caption

    def _tell(self, error):
        self.error = error
        shown = f'<div role="alert" style="color:#B00020">{html.escape(error)}</div>'
        self._message.value = shown if error else ""

    def _state_of_others(self, control):
        return lambda: {
            name: other.get() for name, other in self.controls.items() if other is not control
        }

    def _repr_mimebundle_(self, **kwargs):
        png, alt = base64.b64encode(self.png).decode(), f"{self.name}: {self.caption}"
        if _in_jupyterlab():
            stays = _STAYS.substitute(id=self.model_id, png=png, alt=_css(alt))
            display({"text/html": stays}, raw=True)
        data = {
            "text/plain": f"Widget: {self.name}",
            "image/png": png,
            VIEW: {"version_major": 2, "version_minor": 0, "model_id": self.model_id},
        }
        return data, {"image/png": {"alt": alt}}


def _in_jupyterlab() -> bool:
    """Whether a cell of JupyterLab (or Notebook 7) runs: it says which; headless runs do not."""
    kernel = getattr(get_ipython(), "kernel", None)
    return kernel is not None and "cellId" in kernel.get_parent().get("metadata", {})


def _css(text) -> str:
    """Return the text as it stands between quotes in a style."""
    return re.sub(r"[^\w .,:;%()-]", lambda found: f"\\{ord(found[0]):x} ", text)


@contextlib.contextmanager
def _collected():
    """Free what is used up within at its end, without a full collection by Python meanwhile.

    A full one looks at everything that torch and the lesson hold, and takes longer than a picture.
    """
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.collect(0)
        if running:
            gc.enable()


def _painter(figure) -> Callable:
    """Return a function that renders the figure as it is by then, as PNG.

    It draws once, without transparency and lightly compressed: savefig takes twice the time.
    """
    canvas, ground = figure.canvas, None
    moving = sorted(figure.findobj(Artist.get_animated), key=Artist.get_zorder)

    def paint() -> bytes:
        nonlocal ground
        # stale: set by a change of any artist but the animated ones
        if ground is None or figure.stale:
            canvas.draw()
            ground = canvas.copy_from_bbox(figure.bbox)
        else:
            canvas.restore_region(ground)
        for artist in moving:
            figure.draw_artist(artist)
        file = io.BytesIO()
        pixels = np.asarray(canvas.buffer_rgba())[..., :3]
        Image.fromarray(pixels).save(file, "PNG", compress_level=1)
        return file.getvalue()

    return paint


def _wide(width):
    return {"width": f"{width}em", "flex": "0 0 auto"}


def _label(text):
    return ipywidgets.Label(text, layout={"margin": "2px 8px 2px 2px", "flex": "0 0 auto"})


def _one_of(label, value, values):
    if value not in values:
        raise ValueError(f"{label!r} starts at {value!r}, expected one of {list(values)}.")


def _words(error) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
