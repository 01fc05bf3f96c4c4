"""Interruption: Ctrl-C, or the notebook's stop button, ends a run with nothing lost."""

import contextlib
import signal
import threading


@contextlib.contextmanager
def interruptible(run):
    """Let the first Ctrl-C set ``run.interrupted``, which ends it after the present step.

    A second one raises KeyboardInterrupt at once. Signals reach the main thread alone: in another
    one nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(signal_number, frame):
        if run.interrupted:
            raise KeyboardInterrupt
        run.interrupted = True

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
