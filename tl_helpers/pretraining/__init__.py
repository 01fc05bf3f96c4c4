"""Pretraining: what is learned without labels, before there is a task. One file a method."""

import importlib

# file -> its names. Imported when first used, so that ``python -m tl_helpers.pretraining.gan`` does
# not find its own file imported already.
_FILES = {
    "autoencoder": ("Autoencoder", "fit_autoencoder"),
    "contrastive": ("SimCLR", "fit_simclr", "load_simclr", "nt_xent", "random_views"),
    "gan": (
        "Generator",
        "dcgan",
        "discriminator_loss",
        "fit_gan",
        "generator_loss",
        "load_gan",
    ),
    "masked": (
        "MaskedAutoencoder",
        "fit_masked_autoencoder",
        "load_masked",
        "masked_loss",
        "patch_mask",
    ),
    "rotation": ("fit_rotation", "load_rotation", "rotated"),
    "supervised": ("load_supervised",),
    "vae": ("VAE", "fit_vae", "kl_to_standard_normal", "reconstruction_loss", "sample_codes"),
}
_PLACES = {name: file for file, names in _FILES.items() for name in names}
__all__ = sorted(_PLACES)


def __getattr__(name):
    if name not in _PLACES:
        raise AttributeError(f"{__name__} has no attribute {name!r}; it has: {', '.join(__all__)}")
    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)


def __dir__():
    return __all__
