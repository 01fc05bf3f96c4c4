"""Pretraining: what is learned without labels, before there is a task. One file a method."""

from .autoencoder import Autoencoder, fit_autoencoder
from .vae import VAE, fit_vae, kl_to_standard_normal, reconstruction_loss, sample_codes

__all__ = [
    "Autoencoder",
    "VAE",
    "fit_autoencoder",
    "fit_vae",
    "kl_to_standard_normal",
    "reconstruction_loss",
    "sample_codes",
]
