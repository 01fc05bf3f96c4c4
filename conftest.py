"""What all tests share: notebooks and training run as they do when lessons are saved."""

import inspect
import os

import nbval.kernel

from tests.notebooks.moved import move
from tools.notebooks import HEADLESS, start_twice

os.environ.update(HEADLESS)  # before torch is imported: it reads the number of threads once


def start_kernel(start=nbval.kernel.start_new_kernel, **options):
    """Start the kernel of a notebook that is compared; it moves the widgets that cells end with."""
    manager, client = start_twice(start, **options)
    register = "get_ipython().events.register('post_run_cell', move)"
    client.execute(
        f"{inspect.getsource(move)}\n{register}\ndel move", silent=True, reply=True, timeout=60
    )
    return manager, client


nbval.kernel.start_new_kernel = start_kernel
