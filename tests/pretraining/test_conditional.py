"""Labels beside codes: in their place, and never forgotten."""

import pytest
import torch

from tl_helpers.pretraining.conditional import with_labels


def test_labels_stand_behind_the_values_as_one_hot_vectors():
    values = torch.tensor([[0.5, -1.0], [2.0, 0.0]])
    joined = with_labels(values, torch.tensor([2, 0]), 3)
    assert joined.tolist() == [[0.5, -1.0, 0, 0, 1], [2.0, 0.0, 1, 0, 0]]
    assert joined.dtype == values.dtype


def test_without_classes_nothing_is_added():
    values = torch.rand(2, 3)
    assert with_labels(values, torch.tensor([0, 1]), 0) is values


def test_classes_without_labels_are_refused():
    with pytest.raises(ValueError, match="labels are missing.*3 classes"):
        with_labels(torch.rand(2, 4), None, 3)
