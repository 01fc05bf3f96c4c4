"""The checks of the exercises, one file a lesson; see ``tl_helpers.teaching.exercises``."""
