import pytest
import torch

import tl_helpers as tl
from tl_helpers.files import known


@pytest.fixture(scope="module")
def model():
    return tl.models.minilm(2).eval()


def tokens(*texts):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(known("tokenizer.json")))
    tokenizer.no_truncation()
    tokenizer.enable_padding(length=None)
    return torch.tensor([encoding.ids for encoding in tokenizer.encode_batch(list(texts))])


def test_features_and_logits_have_their_shapes(model, device):
    inputs = tokens("a cat", "a very long sentence about nothing").to(device)
    model.to(device)
    assert model.features(inputs).shape == (2, 384)
    assert model(inputs).shape == (2, 2)
    model.cpu()


def test_blocks_are_the_embeddings_and_six_layers(model):
    assert len(model.blocks) == 7
    in_blocks = sum(p.numel() for _, block in model.blocks for p in block.parameters())
    assert in_blocks == sum(p.numel() for p in model.backbone.parameters())
    assert {key.split(".")[0] for key in model.state_dict()} == {"backbone", "head"}


def test_padding_changes_nothing(model):
    inputs = tokens("the film was good")
    padded = torch.cat([inputs, torch.zeros(1, 9, dtype=torch.int64)], 1)
    with torch.no_grad():
        torch.testing.assert_close(
            model.features(inputs), model.features(padded), atol=1e-5, rtol=0
        )
        for name, value in model.block_features(inputs).items():
            torch.testing.assert_close(
                value, model.block_features(padded)[name], atol=1e-5, rtol=0, msg=name
            )


def test_the_pretrained_features_know_what_words_mean(model):
    texts = tokens("a small dog", "a young puppy", "the stock market fell")
    with torch.no_grad():
        near, far = torch.nn.functional.cosine_similarity(
            model.features(texts)[:1], model.features(texts)[1:]
        )
    assert near > far + 0.3


def test_the_features_are_those_of_the_library(model):
    """Mean pooling by hand over the encoder that transformers loads."""
    from transformers import AutoModel

    encoder = AutoModel.from_pretrained(known("config.json").parent, local_files_only=True).eval()
    inputs = tokens("one", "two words here")
    with torch.no_grad():
        states = encoder(input_ids=inputs, attention_mask=(inputs != 0).long()).last_hidden_state
        expected = torch.stack(
            [row[ids != 0].mean(0) for row, ids in zip(states, inputs, strict=True)]
        )
        torch.testing.assert_close(model.features(inputs), expected, atol=1e-5, rtol=1e-4)


def test_scratch_has_the_same_shape_and_other_weights(model):
    scratch = tl.models.minilm(2, pretrained=False)
    assert {k: v.shape for k, v in scratch.state_dict().items()} == {
        k: v.shape for k, v in model.state_dict().items()
    }
    key = "backbone.encoder.embeddings.word_embeddings.weight"
    assert not torch.allclose(scratch.state_dict()[key], model.state_dict()[key], atol=1e-2)


def test_nothing_is_printed_and_the_network_is_not_needed(no_network, capfd):
    tl.models.minilm(2)
    assert no_network == []
    out, err = capfd.readouterr()
    assert out == "" and err == ""


@pytest.mark.parametrize(
    "inputs, error, words",
    [
        (torch.rand(2, 5), TypeError, "float32.*int64"),
        (torch.zeros(5, dtype=torch.int64), ValueError, r"\(5,\).*N×L"),
        (torch.zeros(1, 513, dtype=torch.int64), ValueError, "1 to 512"),
    ],
)
def test_wrong_inputs_are_named(model, inputs, error, words):
    with pytest.raises(error, match=words):
        model(inputs)
