"""JupyterLab in a real browser: start both, run a notebook, operate its widgets, read the pixels.

Used by the browser tests and by ``benchmarks/widgets.py``. Everything stays on this machine: the
server listens on loopback with a token, the browser is told to ask for nothing.
"""

import base64
import contextlib
import io
import json
import os
import shutil
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

ROOT = Path(__file__).resolve().parent.parent.parent
SCREENS = ROOT / "build" / "screens"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
TOKEN = "lessons"
RUN_ALL_SECONDS = 300
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


def find_browser():
    """Path of a Chromium: the system's, Playwright's own, or one that Playwright now installs.

    Raises RuntimeError, which says what to install, when none can be had.
    """
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    with sync_playwright() as playwright:
        own = Path(playwright.chromium.executable_path)
    if not own.exists():
        install = [sys.executable, "-m", "playwright", "install", "chromium"]
        outcome = subprocess.run(install, capture_output=True, text=True, timeout=600)
        if outcome.returncode or not own.exists():
            raise RuntimeError(
                "No browser for the browser tests, and Playwright could not install one. Install "
                "Chromium with the system's package manager (`apt-get install chromium`) or, with "
                "a network, by `python -m playwright install --with-deps chromium`."
            )
    return str(own)


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
        }
        command = [sys.executable, "-m", "jupyterlab", *(f"--{k}={v}" for k, v in options.items())]
        own = {
            "JUPYTER_CONFIG_DIR": f"{home}/config",
            "JUPYTER_RUNTIME_DIR": f"{home}/runtime",
            "OMP_NUM_THREADS": "1",
            "TL_PROGRESS": "off",
            "TL_EXERCISES": "off",
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
def browser():
    """Start the browser, headless; yield it."""
    path = find_browser()
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
        # Every code cell has got its number, and the kernel rests.
        page.wait_for_function(
            """() => {
                const prompts = [...document.querySelectorAll(
                    '.jp-Notebook .jp-CodeCell .jp-InputPrompt')];
                const status = document.querySelector('.jp-Notebook-ExecutionIndicator');
                const failed = document.querySelector(
                    '.jp-Notebook [data-mime-type="application/vnd.jupyter.error"]');
                const done = prompts.every(one => /\\d/.test(one.textContent));
                return failed || prompts.length && done && status.dataset.status === 'idle';
            }""",
            timeout=RUN_ALL_SECONDS * 1000,
        )

    def widgets(self):
        """The cells' outputs that hold a widget: at least one, each with its picture drawn."""
        outputs = self.page.locator(".jp-Notebook .jp-OutputArea-output")
        live = outputs.filter(has=self.page.locator(".widget-vbox"))
        expect(live.first).to_be_attached(timeout=20_000)
        return [WidgetOnPage(self, live.nth(n)) for n in range(live.count())]


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
            """image => {
                const canvas = document.createElement('canvas');
                [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
                canvas.getContext('2d').drawImage(image, 0, 0);
                return canvas.toDataURL('image/png');
            }"""
        )
        data = base64.b64decode(url.split(",")[1])
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))

    def wait_for_change(self, before, seconds=5.0):
        """Wait until the pixels differ from ``before``; return the new ones, or None."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            now = self.pixels()
            if now.shape != before.shape or (now != before).any():
                return self.settled(now)
            time.sleep(0.05)
        return None

    def settled(self, now=None):
        """The pixels once they have stood still for a moment."""
        now = self.pixels() if now is None else now
        for _ in range(50):
            time.sleep(0.15)
            later = self.pixels()
            if later.shape == now.shape and (later == now).all():
                return now
            now = later
        raise AssertionError("the picture does not come to rest")

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
        after = widget.wait_for_change(first, seconds=60 if words.startswith("job") else 5)
        if after is None:
            wrong.append(f"{words}: the picture did not change")
        wrong += [f"{words}: {trouble}" for trouble in widget.troubles()]
        widget.press_reset()
        if after is not None and widget.wait_for_change(after) is None:
            wrong.append(f"{words}: Reset changed nothing")
        # The picture itself: on the screen it may stand between pixels after a move of the page.
        elif widget.settled() is not None and (widget.decoded() != original).any():
            wrong.append(f"{words}: Reset did not bring the first picture back")
    # Away and back again: a widget may vanish when its cell leaves the screen.
    before = widget.decoded()
    widget.page.locator(".jp-Notebook .jp-Cell").first.scroll_into_view_if_needed()
    widget.root.scroll_into_view_if_needed()
    if blank(widget.settled()) or (widget.decoded() != before).any():
        wrong.append("after scrolling away and back: the picture is another one")
    return wrong


def blank(pixels):
    return len(np.unique(pixels.reshape(-1, 3), axis=0)) < 3
