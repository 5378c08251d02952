"""A painter that is told its position in other ways than as coordinates."""

import pytest
import torch
from torch.testing import assert_close

from coordlib.lab.experiments.coordinates import encodings
from coordlib.lab.models import CoordConvPainter, EncodedPainter, parameter_count


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EncodedPainter(size=0), "size"),
        (lambda: EncodedPainter(size=8)(torch.zeros(2)), r"shape \(N, 2\)"),
    ],
)
def test_impossible_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_with_coordinates_as_they_are_the_painter_is_that_of_coordconv():
    ours, theirs = EncodedPainter(size=(6, 9)), CoordConvPainter(size=(6, 9))
    first, *others = [m for m in theirs if hasattr(m, "weight")]
    assert parameter_count(ours) == parameter_count(theirs) == 7_553
    with torch.no_grad():
        # CoordConv sees the position first, then the pixel's coordinates.
        weight = first.weight.flatten(1)
        ours.asked.weight.copy_(weight[:, :2])
        ours.pixel.weight.copy_(weight[:, 2:])
        ours.asked.bias.copy_(first.bias)
        linear = [m for m in ours.compare if hasattr(m, "weight")]
        for mine, their in zip(linear, others, strict=True):
            mine.weight.copy_(their.weight.flatten(1))
            mine.bias.copy_(their.bias)
        positions = torch.rand(5, 2) * 2 - 1
        assert_close(ours(positions), theirs(positions), atol=1e-5, rtol=1e-4)


def test_each_arm_paints_pictures_of_the_size_asked_for():
    task = encodings.task(size=16)
    for make in task.networks.values():
        assert make()(task.inputs[:3]).shape == (3, 1, 16, 16)
