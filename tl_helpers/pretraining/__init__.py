"""Pretraining: what is learned without labels, before there is a task. One file a method."""

from .autoencoder import Autoencoder, fit_autoencoder
from .contrastive import SimCLR, fit_simclr, nt_xent, views
from .masked import MaskedAutoencoder, fit_masked_autoencoder, masked_loss, patch_mask
from .rotation import fit_rotation, rotated

__all__ = [
    "Autoencoder",
    "MaskedAutoencoder",
    "SimCLR",
    "fit_autoencoder",
    "fit_masked_autoencoder",
    "fit_rotation",
    "fit_simclr",
    "masked_loss",
    "nt_xent",
    "patch_mask",
    "rotated",
    "views",
]
