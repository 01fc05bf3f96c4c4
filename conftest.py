"""What all tests share: notebooks and training run as they do when lessons are saved."""

import os

from tools.notebooks import HEADLESS

os.environ.update(HEADLESS)  # before torch is imported: it reads the number of threads once
