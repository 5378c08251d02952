"""What the report of surgery says of modules that it leaves as they are."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from coordlib.layers import PolyphasePool2d
from coordlib.surgery import antialias, coordify, plain


@pytest.mark.parametrize(
    ("module", "why"),
    [
        (nn.LPPool2d(2, 2), "a pool by a norm"),
        (nn.LPPool2d(2, 3, stride=(1, 2)), "a pool by a norm"),
        (nn.FractionalMaxPool2d(2, output_ratio=0.5), "random windows"),
        (nn.AdaptiveAvgPool2d(4), "depends on the size"),
        (nn.AdaptiveMaxPool2d((None, 4)), "depends on the size"),
        (nn.PixelUnshuffle(2), "pixels into channels"),
        (nn.Unfold(2, stride=2), "pixels into channels"),
        (nn.Upsample(scale_factor=0.5), "a resize"),
        (nn.Upsample(scale_factor=(0.5, 1)), "a resize"),
        (nn.UpsamplingBilinear2d(scale_factor=0.5), "a resize"),
        (PolyphasePool2d(), "a grid that the picture chooses"),
    ],
    ids=str,
)
def test_what_subsamples_and_stays_is_reported(module, why):
    _, report = antialias(nn.Sequential(nn.MaxPool2d(2), module))
    (entry,) = report.unchanged
    assert (entry.name, entry.what) == ("1", type(module).__name__)
    assert why in entry.how
    with pytest.raises(ValueError, match=f"nothing to antialias .*\n.*{why}"):
        antialias(nn.Sequential(module))


@pytest.mark.parametrize(
    "module",
    [
        nn.LPPool2d(2, 3, stride=1),
        nn.AdaptiveAvgPool2d(1),
        nn.AdaptiveMaxPool2d((1, 1)),
        nn.Upsample(scale_factor=2),
        nn.Upsample(size=(4, 4)),
        nn.UpsamplingNearest2d(scale_factor=2),
        nn.PixelShuffle(2),
        nn.Unfold(3),
    ],
    ids=str,
)
def test_what_does_not_subsample_is_not_reported(module):
    _, report = antialias(nn.Sequential(nn.MaxPool2d(2), module))
    assert not report.unchanged


class Functions(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.pool = nn.MaxPool2d(2)
        self.function = function

    def forward(self, x):
        return self.function(self.pool(x))


@pytest.mark.parametrize(
    ("function", "what"),
    [
        (lambda x: F.interpolate(x, scale_factor=0.5), "resize"),
        (lambda x: F.interpolate(x, None, (0.5, 1.0)), "resize"),
        (lambda x: F.interpolate(x, scale_factor=2), None),
        (lambda x: F.interpolate(x, (4, 4)), None),
        (lambda x: F.pixel_unshuffle(x, 2), "moving of pixels into channels"),
        (lambda x: torch.pixel_unshuffle(x, 1), None),
    ],
)
def test_functions_that_subsample_are_reported(function, what):
    _, report = antialias(Functions(function))
    assert [entry.what for entry in report.unchanged] == ([what] if what else [])


def test_what_torch_jit_has_compiled_is_reported_and_may_be_watched():
    script = torch.jit.script(nn.Sequential(nn.Conv2d(3, 3, 2, 2), nn.ReLU()).eval())
    net = nn.Sequential(script, nn.MaxPool2d(2))
    _, report = antialias(net, example=torch.rand(1, 3, 8, 8))
    assert "torch.jit has compiled it" in report.unchanged[0].how


def lazy():
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2), nn.LazyBatchNorm2d(), nn.ReLU(), nn.MaxPool2d(2)
    )


@pytest.mark.parametrize("example", [None, torch.rand(2, 3, 16, 16)])
def test_a_normalisation_without_statistics_yet_is_copied_as_it_is(example):
    blurred, _ = antialias(lazy(), first_conv=True, example=example)
    assert blurred(torch.rand(2, 3, 16, 16)).shape == (2, 4, 3, 3)


def test_coordinates_go_into_a_network_with_a_lazy_normalisation_and_out_again():
    net = lazy()
    seeing, _ = coordify(net)
    back, _ = plain(seeing)
    assert back(torch.rand(2, 3, 16, 16)).shape == (2, 4, 3, 3)
    assert net[1].has_uninitialized_params()
