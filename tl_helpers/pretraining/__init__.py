"""Pretraining: what is learned without labels, before there is a task. One file a method."""

import importlib

# name -> its file. Imported when first used, so that ``python -m tl_helpers.pretraining.gan`` does
# not find its own file imported already.
_PLACES = {
    "Autoencoder": "autoencoder",
    "fit_autoencoder": "autoencoder",
    "Generator": "gan",
    "dcgan": "gan",
    "discriminator_loss": "gan",
    "fit_gan": "gan",
    "generator_loss": "gan",
    "load_gan": "gan",
}
__all__ = sorted(_PLACES)


def __getattr__(name):
    if name not in _PLACES:
        raise AttributeError(f"{__name__} has no attribute {name!r}; it has: {', '.join(__all__)}")
    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)


def __dir__():
    return __all__
