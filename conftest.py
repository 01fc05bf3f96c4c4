"""What all tests share: notebooks and training run as they do when lessons are saved."""

import os
from functools import partial

import nbval.kernel

from tools.notebooks import HEADLESS, start_twice

os.environ.update(HEADLESS)  # before torch is imported: it reads the number of threads once
nbval.kernel.start_new_kernel = partial(start_twice, nbval.kernel.start_new_kernel)
