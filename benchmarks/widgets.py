"""Milliseconds from a key press to the new picture, for every lesson's widget, in the browser.

    python benchmarks/widgets.py [--presses 40] [--lessons 01,03]

Each slider gets arrow keys, each row of buttons Enter on another button, each checkbox Space. The
clock is the page's own: it starts at the keydown event and stops in the frame in which the new
picture is decoded and painted. The aim is a median of 100 ms and a 95th percentile of 200 ms.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import TimeoutError as Late

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests.browser import lab  # noqa: E402

# The picture is new when its source has changed and loaded and a frame with it has been painted:
# a message posted from within the frame's callback is handled after the painting.
CLOCK = """
image => {
    window.times = [];
    window.begun = null;
    const painted = new MessageChannel();
    painted.port1.onmessage = () => {
        if (window.begun !== null) window.times.push(performance.now() - window.begun);
        window.begun = null;
    };
    document.addEventListener('keydown', event => { window.begun = event.timeStamp; }, true);
    image.addEventListener('load', () =>
        requestAnimationFrame(() => painted.port2.postMessage('')));
}
"""


def measure(widget, presses):
    """Milliseconds of each press, the presses shared out over the widget's controls."""
    image = widget.root.locator(lab.PICTURE)
    image.evaluate(CLOCK)
    controls = {
        words: operate
        for words, operate in widget.operations().items()
        if words.endswith("keyboard") and not words.startswith("job")
    }
    for number in range(presses):
        operate = list(controls.values())[number % len(controls)]
        before = widget.page.evaluate("window.times.length")
        operate()
        try:
            widget.page.wait_for_function(f"window.times.length > {before}", timeout=3000)
        except Late:
            print("   a press changed nothing")
        widget.page.wait_for_timeout(100)  # as a hand does, not as fast as can be
    return np.array(widget.page.evaluate("window.times"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--presses", type=int, default=40)
    parser.add_argument("--lessons", default="", help="numbers, as 01,03; all by default")
    options = parser.parse_args()
    chosen = tuple(options.lessons.split(",")) if options.lessons else ""
    lessons = [path for path in lab.lessons_with_widgets() if path.name.startswith(chosen)]
    print(f"{'lesson and widget':56}{'presses':>8}{'median':>10}{'95 %':>10}")
    with tempfile.TemporaryDirectory() as folder, lab.browser() as browser:
        for path in lessons:
            shutil.copy(path, folder)
        with lab.jupyterlab(folder) as address:
            for path in lessons:
                with lab.opened(browser, address, path.name) as lesson:
                    for widget in lesson.widgets():
                        times = measure(widget, options.presses)
                        title = widget.root.locator("b").first.inner_text()
                        median, late = np.percentile(times, [50, 95])
                        name = f"{path.name[:2]} {title}"
                        print(f"{name:56}{len(times):8}{median:7.0f} ms{late:7.0f} ms", flush=True)


if __name__ == "__main__":
    main()
