"""A walk through a code: the place, the image decoded there, the classes near it."""

import numpy as np
import pytest
import torch

from tl_helpers.lessons.autoencoder.widget import NEAREST, STEPS, autoencoder

NAMES = ["left", "right"]


def decoder(codes):
    """Images as bright as the first number says, brighter in the upper row by the second."""
    images = codes[:, :1, None, None].sigmoid().repeat(1, 1, 4, 4) / 2
    images[:, :, 0] += codes[:, 1, None, None].sigmoid() / 2
    return images


def points():
    generator = torch.Generator().manual_seed(0)
    codes = torch.randn(200, 2, generator=generator)
    labels = (torch.arange(200) % 2).long()
    return codes + torch.tensor([[6.0, 0.0]]) * labels[:, None], labels


def example():
    return autoencoder(decoder, *points(), NAMES)


def shown(widget):
    plane, drawn = widget.figure().axes
    mark = next(line for line in plane.lines if line.get_marker() == "D")
    return mark.get_xydata()[0], drawn.images[0].get_array()


def test_the_image_and_the_mark_follow_the_sliders():
    widget = example()
    x, y = (control.values for control in widget.controls.values())
    assert len(x) == len(y) == STEPS
    for state in ({"cx": x[3], "cy": y[30]}, {"cx": x[40], "cy": y[0]}):
        widget.set(**state)
        mark, image = shown(widget)
        assert mark.tolist() == list(state.values()) and widget.error == ""
        wanted = decoder(torch.tensor([list(state.values())]))[0, 0]
        np.testing.assert_allclose(image, wanted, atol=1e-6)


def test_the_nearest_images_name_the_place():
    widget = example()
    x = widget.controls["cx"].values
    widget.set(cx=x[0])
    assert f"of the {NEAREST} nearest images {NEAREST} are of the class left" in widget.caption
    widget.set(cx=x[-1])
    assert "class right" in widget.caption


def test_sliders_leave_out_the_outermost_points():
    codes, labels = points()
    codes[0] = 1000.0
    widget = autoencoder(decoder, codes, labels, NAMES)
    assert max(widget.controls["cx"].values) < 20


def test_the_decoder_is_called_once():
    calls = []

    def counted(codes):
        calls.append(len(codes))
        return decoder(codes)

    widget = autoencoder(counted, *points(), NAMES)
    for value in widget.controls["cx"].values[:3]:
        widget.set(cx=value)
    assert calls == [STEPS**2]


@pytest.mark.parametrize("shape", [(20, 3), (20,), (19, 2)])
def test_codes_that_are_not_two_numbers_are_refused(shape):
    with pytest.raises(ValueError, match="expected N×2 and N"):
        autoencoder(decoder, torch.zeros(shape), torch.zeros(20).long(), NAMES)
