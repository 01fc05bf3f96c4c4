"""JupyterLab in a real browser: start both, run a notebook, operate its widgets, read the pixels.

Used by the browser tests and by ``benchmarks/widgets.py``. Everything stays on this machine: the
server listens on loopback with a token, the browser is told to ask for nothing.
"""

import base64
import contextlib
import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import nbformat
import numpy as np
from PIL import Image
from playwright.sync_api import expect, sync_playwright

from tools.browser import FLAGS, find, missing
from tools.notebooks import HEADLESS

ROOT = Path(__file__).resolve().parent.parent.parent
SCREENS = ROOT / "build" / "screens"
TOKEN = "lessons"
RUN_ALL_SECONDS = 300
PATIENCE = 20  # seconds for a picture; where all is well it takes a tenth of one
PICTURE = "img.widget-image"
TROUBLE = (
    '[role="alert"], [data-mime-type="application/vnd.jupyter.error"],'
    '[data-mime-type="application/vnd.jupyter.stderr"]'
)


def lessons_with_widgets(folder=ROOT / "notebooks"):
    """The lessons in whose code a widget is made, in reading order."""
    return [
        path
        for path in sorted(folder.glob("[0-9][0-9]_*.ipynb"))
        if any(
            cell.cell_type == "code" and "tl.widgets." in cell.source
            for cell in nbformat.read(path, as_version=4).cells
        )
    ]


@contextlib.contextmanager
def jupyterlab(folder):
    """Serve ``folder`` by JupyterLab with settings of its own; yield the address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="lab-") as home, open(f"{home}/log", "w+") as log:
        overrides = json.loads((ROOT / "tools" / "lab" / "overrides.json").read_text("utf-8"))
        Path(home, "overrides.json").write_text(json.dumps(overrides), "utf-8")
        options = {
            "ServerApp.ip": "127.0.0.1",
            "ServerApp.port": port,
            "ServerApp.port_retries": 0,
            "ServerApp.root_dir": folder,
            "ServerApp.open_browser": False,
            "ServerApp.allow_root": True,
            "IdentityProvider.token": TOKEN,
            "LabApp.app_settings_dir": home,
            "LabApp.user_settings_dir": f"{home}/user",
            "LabApp.workspaces_dir": f"{home}/workspaces",
            "KernelManager.shutdown_wait_time": 0.2,  # in peace it takes seconds
        }
        command = [sys.executable, "-m", "jupyterlab", *(f"--{k}={v}" for k, v in options.items())]
        own = {
            "JUPYTER_CONFIG_DIR": f"{home}/config",
            "JUPYTER_RUNTIME_DIR": f"{home}/runtime",
            "PYTHONPATH": str(ROOT),  # the kernels see the tests' examples too
            **HEADLESS,
        }
        server = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **own})
        address = f"http://127.0.0.1:{port}"
        try:
            for _ in range(300):
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(f"{address}/api?token={TOKEN}", timeout=5).close()
                    break
                if server.poll() is not None:
                    break
                time.sleep(0.2)
            else:
                server.kill()
            if server.poll() is not None:
                log.seek(0)
                raise RuntimeError(f"JupyterLab did not start:\n{log.read()[-3000:]}")
            yield address
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()


@contextlib.contextmanager
def browser(path=None):
    """Start the browser, headless; yield it. ``path``: the one that ``tools.browser`` finds.

    Raises RuntimeError where there is none.
    """
    path = path or find()
    if path is None:
        raise RuntimeError(missing())
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield started
        finally:
            started.close()


@contextlib.contextmanager
def opened(browser, address, name, *, run=True):
    """Open a notebook of the served folder in JupyterLab, run all of it; yield a Lesson.

    Its kernel is stopped afterwards, so that one lesson's memory is gone before the next.
    """
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    try:
        page.goto(f"{address}/lab/tree/{name}?reset&token={TOKEN}")
        lesson = Lesson(page, complaints)
        if run:
            lesson.run_all()
        yield lesson
    except Exception:
        SCREENS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SCREENS / f"failed-{Path(name).stem}.png")
        raise
    finally:
        page.close()
        _stop_kernels(address)


def _stop_kernels(address):
    head = {"Authorization": f"token {TOKEN}"}
    with urllib.request.urlopen(
        urllib.request.Request(f"{address}/api/sessions", headers=head)
    ) as r:
        sessions = json.load(r)
    for session in sessions:
        place = f"{address}/api/sessions/{session['id']}"
        urllib.request.urlopen(urllib.request.Request(place, headers=head, method="DELETE")).close()


class Lesson:
    """A notebook that is open and has run."""

    def __init__(self, page, complaints):
        self.page, self.complaints = page, complaints

    def run_all(self):
        page = self.page
        # Before the kernel has a name, Run All would ask which kernel to use.
        kernel = page.locator(".jp-NotebookPanel-toolbar .jp-KernelName")
        expect(kernel).to_contain_text("Python", timeout=60_000)
        idle = page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]')
        expect(idle).to_be_visible(timeout=60_000)
        page.locator(".lm-MenuBar-item", has_text="Run").first.click()
        page.locator('.lm-Menu-item[data-command="runmenu:run-all"]').click()
        # No cell waits any more ([*]) and the kernel rests; after an error the rest was not run.
        page.wait_for_function(
            """() => {
                const prompts = [...document.querySelectorAll(
                    '.jp-Notebook .jp-CodeCell .jp-InputPrompt')].map(one => one.textContent);
                const status = document.querySelector('.jp-Notebook-ExecutionIndicator');
                return prompts.some(one => /\\d/.test(one))
                    && !prompts.some(one => one.includes('*')) && status.dataset.status === 'idle';
            }""",
            timeout=RUN_ALL_SECONDS * 1000,
        )
        prompts = page.locator(".jp-Notebook .jp-CodeCell .jp-InputPrompt").all_text_contents()
        ran = sum(any(one.isdigit() for one in prompt) for prompt in prompts)
        assert ran == len(prompts), f"cell {ran} of {len(prompts)} failed"

    def widgets(self, count=1):
        """The cells' outputs that hold a widget, ``count`` of them, each with its picture drawn."""
        outputs = self.page.locator(".jp-Notebook .jp-OutputArea-output")
        live = outputs.filter(has=self.page.locator(".widget-vbox"))
        expect(live).to_have_count(count, timeout=20_000)
        return [WidgetOnPage(self, live.nth(n)) for n in range(count)]


class WidgetOnPage:
    """A widget in the page, as its user has it: what is seen, and the controls."""

    def __init__(self, lesson, root):
        self.lesson, self.page, self.root = lesson, lesson.page, root
        self.root.scroll_into_view_if_needed()
        expect(self.root.locator(PICTURE).first).to_be_visible(timeout=20_000)
        self.area = root.locator("xpath=ancestor::*[contains(@class,'jp-Cell-outputWrapper')]")

    def pixels(self):
        """The picture as the screen shows it: height × width × 3, uint8."""
        shot = self.root.locator(PICTURE).first.screenshot()
        return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"))

    def decoded(self):
        """The picture itself, wherever on the screen it stands: height × width × 3, uint8."""
        url = self.root.locator(PICTURE).first.evaluate(
            """async image => {
                await image.decode();
                const canvas = document.createElement('canvas');
                [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
                canvas.getContext('2d').drawImage(image, 0, 0);
                return canvas.toDataURL('image/png');
            }"""
        )
        data = base64.b64decode(url.split(",")[1])
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))

    def wait_for(self, seen, seconds=None):
        """Look whenever the picture rests until ``seen()`` holds; return whether it did.

        ``seconds``: PATIENCE by default.
        """
        end = time.monotonic() + (PATIENCE if seconds is None else seconds)
        while True:
            self.rest()
            if seen():
                return True
            if time.monotonic() > end:
                return False

    def wait_for_change(self, before, seconds=None):
        """Wait until the pixels differ from ``before``; return the new ones, or None."""
        now = before

        def differs():
            nonlocal now
            now = self.pixels()
            return not same(now, before)

        return now if self.wait_for(differs, seconds) else None

    def rest(self):
        """Wait until the picture has stood still, and the kernel too, for a moment."""
        rests = self.root.locator(PICTURE).first.evaluate(
            """image => new Promise(resolve => {
                const status = document.querySelector('.jp-Notebook-ExecutionIndicator');
                let [last, still, looks] = [image.src, 0, 0];
                const timer = setInterval(() => {
                    const same = image.src === last && status.dataset.status === 'idle';
                    [last, still, looks] = [image.src, same ? still + 1 : 0, looks + 1];
                    if (still < 4 && looks < 1000) return;
                    clearInterval(timer);
                    image.decode().catch(() => null).then(() => resolve(still >= 4));
                }, 25);
            })"""
        )
        assert rests, "the picture does not come to rest"

    def settled(self):
        """The pixels once the picture rests."""
        self.rest()
        return self.pixels()

    def troubles(self):
        """What is wrong to the eye: a picture too many or too few, an error that is shown."""
        found = []
        for name, place in {"widget": self.root, "cell": self.area}.items():
            count = place.locator("img, canvas, .jp-RenderedSVG").count()
            if count != 1:
                found.append(f"{count} pictures in the {name}, expected one")
        shown = [text for text in self.area.locator(TROUBLE).all_inner_texts() if text.strip()]
        shown += [f"console: {text}" for text in self.lesson.complaints]
        return found + shown

    def press_reset(self):
        self.root.locator("button", has_text="Reset").click()

    def operations(self):
        """{what is done: function that does it}: every control by keyboard and by mouse."""
        found = {}

        def add(kind, number, keyboard, mouse):
            found[f"{kind} {number + 1} by keyboard"] = keyboard
            found[f"{kind} {number + 1} by mouse"] = mouse

        for number, one in enumerate(self._all(".noUi-handle")):
            add("slider", number, lambda one=one: arrow(one), lambda one=one: self.drag(one))
        for number, one in enumerate(self._all(".widget-toggle-buttons")):
            other = one.locator("button:not(.mod-active)").first
            add("buttons", number, lambda one=other: one.press("Enter"), other.click)
        for number, one in enumerate(self._all("input[type=checkbox]")):
            add("checkbox", number, lambda one=one: one.press("Space"), one.click)
        jobs = [one for one in self._all(".widget-button") if one.inner_text() != "Reset"]
        for number, one in enumerate(jobs):
            add("job", number, lambda one=one: one.press("Enter"), one.click)
        return found

    def _all(self, selector):
        return [one for one in self.root.locator(selector).all() if one.is_visible()]

    def drag(self, handle):
        """Drag a slider's handle to the far end of its track."""
        track = handle.locator("xpath=ancestor::*[contains(@class,'noUi-base')]").bounding_box()
        box = handle.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        to_left = x > track["x"] + track["width"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(track["x"] + track["width"] * (0.02 if to_left else 0.98), y, steps=8)
        self.page.mouse.up()


def arrow(handle):
    """Move a slider by one key press, away from the end it may stand at."""
    now, largest = (float(handle.get_attribute(f"aria-value{word}")) for word in ("now", "max"))
    handle.press("ArrowLeft" if now >= largest else "ArrowRight")


def check(widget):
    """Operate every control of a widget by keyboard and by mouse; return what is wrong, in words.

    Each must change the picture's pixels, leave one picture and no error; Reset must bring the
    first picture back.
    """
    wrong = [f"at first: {trouble}" for trouble in widget.troubles()]
    first, original = widget.settled(), widget.decoded()
    operations = widget.operations()
    if blank(first):
        wrong.append("at first: the picture is blank")
    if not operations:
        wrong.append("it has no control")
    for words, operate in operations.items():
        operate()
        after = widget.wait_for_change(first, seconds=60 if words.startswith("job") else None)
        if after is None:
            wrong.append(f"{words}: the picture did not change")
        wrong += [f"{words}: {trouble}" for trouble in widget.troubles()]
        widget.press_reset()
        # The picture itself: on the screen it may stand between pixels after a move of the page.
        if not widget.wait_for(lambda: same(widget.decoded(), original)):
            wrong.append(f"{words}: Reset did not bring the first picture back")
        first = widget.pixels()
    # Away and back again: a widget may vanish when its cell leaves the screen.
    before = widget.decoded()
    widget.page.locator(".jp-Notebook .jp-Cell").first.scroll_into_view_if_needed()
    widget.root.scroll_into_view_if_needed()
    if blank(widget.settled()) or not same(widget.decoded(), before):
        wrong.append("after scrolling away and back: the picture is another one")
    return wrong


def same(pixels, others):
    return pixels.shape == others.shape and (pixels == others).all()


def blank(pixels):
    return len(np.unique(pixels.reshape(-1, 3), axis=0)) < 3
