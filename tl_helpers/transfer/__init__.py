"""Transfer: what makes it transfer. Freezing, learning rates by depth, transferability scores."""

from .freezing import GradualUnfreezing, freeze, parameter_groups, unfreeze
from .transferability import h_score, knn_probe, leep, logme

__all__ = [
    "GradualUnfreezing",
    "freeze",
    "h_score",
    "knn_probe",
    "leep",
    "logme",
    "parameter_groups",
    "unfreeze",
]
