"""Transfer Learning, hands on: the thin package under the notebooks.

``import tl_helpers as tl`` imports torch and little else. Everything that a lesson calls is
reached from here; what needs matplotlib, timm, transformers or ipywidgets is imported when it is
first used.
"""

import importlib

# name -> (module, its attribute; None: the module itself)
_PLACES = {
    "data": ("data", None),
    "models": ("models", None),
    "training": ("training", None),
    "transfer": ("transfer", None),
    "pretraining": ("pretraining", None),
    "teaching": ("teaching", None),
    "plots": ("teaching.plots", None),
    "widgets": ("widgets", None),
    "exercises": ("exercises", None),
    "fit": ("training", "fit"),
    "run": ("training", "run"),
    "evaluate": ("training", "evaluate"),
    "predict": ("training", "predict"),
    "History": ("training", "History"),
    "start": ("teaching.start", "start"),
    "measured": ("teaching.measured", "measured"),
    "table": ("teaching.measured", "table"),
    "results": ("teaching.results", "results"),
    "claim": ("teaching.claims", "claim"),
    "ClaimError": ("teaching.claims", "ClaimError"),
}
__all__ = sorted(_PLACES)
__version__ = "0.1.0"


def __getattr__(name):
    if name not in _PLACES:
        raise AttributeError(f"tl_helpers has no attribute {name!r}; it has: {', '.join(__all__)}")
    place, attribute = _PLACES[name]
    module = importlib.import_module(f"{__name__}.{place}")
    globals()[name] = value = getattr(module, attribute) if attribute else module
    return value


def __dir__():
    return __all__
