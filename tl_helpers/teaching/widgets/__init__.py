"""Widgets: a picture that moves with its controls. One file a widget, named by the lesson's word.

``base`` holds what they share. A widget of a lesson is a function here: add its line below.
"""

from .base import Choice, Job, Kept, Slider, Toggles, Widget
from .choosing import choosing
from .components import components
from .freezing import freezing
from .gallery import gallery
from .labels import labels
from .losses import losses
from .optimizers import optimizers
from .overfitting import overfitting
from .preprocessing import preprocessing

__all__ = [
    "Choice",
    "Job",
    "Kept",
    "Slider",
    "Toggles",
    "Widget",
    "choosing",
    "components",
    "freezing",
    "gallery",
    "labels",
    "losses",
    "optimizers",
    "overfitting",
    "preprocessing",
]
