"""Tasks: what is learned from."""

from tl_helpers.data.batches import batches
from tl_helpers.data.glosses import glosses
from tl_helpers.data.photos import photos
from tl_helpers.data.shipped import digits, emoji, fashion_mnist, glyphs
from tl_helpers.data.speeches import speeches
from tl_helpers.data.split import Split
from tl_helpers.data.task import Task
from tl_helpers.data.words import words

__all__ = [
    "Split",
    "Task",
    "batches",
    "digits",
    "emoji",
    "fashion_mnist",
    "glosses",
    "glyphs",
    "photos",
    "speeches",
    "words",
]
