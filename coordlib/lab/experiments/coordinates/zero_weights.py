"""How a CoordConv layer leaves convolution as its coordinate weights grow (L13)."""

from itertools import product

import torch
from torch import nn

from coordlib.lab.record.experiment import Setting, Trial
from coordlib.lab.record.result import Row, rows
from coordlib.layers import CoordConv2d
from coordlib.probe import probe

PRESETS = {"paper": {"size": 16, "channels": 8, "kernel_size": 3}}


def measure(
    seed: int, setting: Setting, *, size: int, channels: int, kernel_size: int
) -> list[Row]:
    """Compare a convolution on a ring with the CoordConv layer made from it.

    Returns
    -------
    list of Row
        ``largest_difference`` between the two with zero coordinate weights; by the
        weight of the coordinates, 0 and 1, the share of all circular shifts to which
        the layer is exactly equivariant, ``exact_shifts``.
    """
    torch.manual_seed(seed)
    conv = nn.Conv2d(3, channels, kernel_size, padding="same", padding_mode="circular")
    conv = conv.to(setting.device)
    layer = CoordConv2d.from_conv(conv)
    x = torch.rand(4, 3, size, size, device=setting.device)
    with torch.no_grad():
        difference = float((layer(x) - conv(x)).abs().max())
    shifts = list(product(range(size), repeat=2))[1:]
    at_zero = probe(layer, x, shifts)
    with torch.no_grad():
        layer.weight[:, 3:] = 1
    at_one = probe(layer, x, shifts)
    at_one_numbers = {
        "exact_shifts": len(at_one.exact) / len(shifts),
        "worst_error": float(at_one.errors.max()),
    }
    return (
        rows({"largest_difference": difference})
        + rows({"exact_shifts": len(at_zero.exact) / len(shifts)}, weight=0)
        + rows(at_one_numbers, weight=1)
    )


EXPERIMENT = Trial("zero-weights", __doc__, PRESETS, measure)
