"""Transfer Learning, hands on: the thin package under the notebooks.

``import tl_helpers as tl`` imports torch and little else. Everything that a lesson calls is
reached from here; what needs matplotlib, timm, transformers or ipywidgets is imported when it is
first used.
"""

import importlib

# name a lesson uses -> module it stands in (a room of the package when the two are the same)
_PLACES = {
    "data": "data",
    "models": "models",
    "training": "training",
    "transfer": "transfer",
    "teaching": "teaching",
    "fit": "training",
    "run": "training",
    "evaluate": "training",
    "predict": "training",
    "History": "training",
    "start": "teaching.start",
    "measured": "teaching.measured",
    "results": "teaching.results",
    "claim": "teaching.claims",
    "ClaimError": "teaching.claims",
    "plots": "teaching.plots",
    "widgets": "teaching.widgets",
    "exercises": "teaching.exercises",
}
__all__ = sorted(_PLACES)
__version__ = "0.1.0"


def __getattr__(name):
    if name not in _PLACES:
        raise AttributeError(f"tl_helpers has no attribute {name!r}; it has: {', '.join(__all__)}")
    place = _PLACES[name]
    module = importlib.import_module(f"{__name__}.{place}")
    # A name that ends its place is that module; any other name is an attribute of it.
    # start, measured and results are functions that stand in the module of their own word.
    functions = {"start", "measured", "results"}
    value = (
        module if place.split(".")[-1] == name and name not in functions else getattr(module, name)
    )
    globals()[name] = value
    return value


def __dir__():
    return __all__
