"""Transfer: what makes it transfer. Freezing and learning rates by depth."""

from .freezing import GradualUnfreezing, freeze, parameter_groups, unfreeze

__all__ = ["GradualUnfreezing", "freeze", "parameter_groups", "unfreeze"]
