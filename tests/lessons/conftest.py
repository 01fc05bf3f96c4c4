"""``prove`` on the exercises of the lessons."""

import tl_helpers.exercises  # noqa: F401 (registers them)
from tests.teaching.conftest import prove

__all__ = ["prove"]
