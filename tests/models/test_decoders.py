import pytest
import torch

import tl_helpers as tl


def test_conv_decoder_makes_images_of_codes():
    torch.manual_seed(0)
    images = tl.models.conv_decoder(5, out_channels=3)(10 * torch.randn(4, 5))
    assert images.shape == (4, 3, 28, 28)
    assert 0 <= images.min() < 0.5 < images.max() <= 1


def test_every_pixel_hears_of_the_code():
    """A stride and padding that do not fit would leave a frame without gradient."""
    torch.manual_seed(0)
    codes = torch.randn(64, 3)
    with torch.no_grad():
        images = tl.models.conv_decoder(3)(codes)
    assert (images.std(0) > 0).all()


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="num_features=0"):
        tl.models.conv_decoder(0)
    with pytest.raises(ValueError, match="out_channels=0"):
        tl.models.conv_decoder(3, out_channels=0)
    with pytest.raises(ValueError, match=r"\(2, 4\).*N×3"):
        tl.models.conv_decoder(3)(torch.rand(2, 4))
    with pytest.raises(TypeError, match="floats"):
        tl.models.conv_decoder(3)(torch.zeros(2, 3, dtype=torch.int64))
