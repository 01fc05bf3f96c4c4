"""Widgets: a picture that moves with its controls. One file a widget, named by the lesson's word.

``base`` holds what they share. A widget of a lesson is a function here: add its line below.
"""

from .autoencoder import autoencoder
from .base import Choice, Job, Kept, Slider, Toggles, Widget
from .choosing import choosing
from .components import components
from .freezing import freezing
from .gallery import gallery
from .labels import labels
from .latent_walk import latent_walk
from .losses import losses
from .mode_collapse import mode_collapse
from .neighbours import neighbours
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
    "autoencoder",
    "choosing",
    "components",
    "freezing",
    "gallery",
    "labels",
    "latent_walk",
    "losses",
    "mode_collapse",
    "neighbours",
    "optimizers",
    "overfitting",
    "preprocessing",
]
