"""Pretraining: what is learned without labels, before there is a task. One file a method."""

from .autoencoder import Autoencoder, fit_autoencoder

__all__ = ["Autoencoder", "fit_autoencoder"]
