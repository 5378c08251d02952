"""How a CoordConv layer leaves convolution as its coordinate weights grow (L13)."""

from itertools import product

import torch
from torch import nn

from coordlib.layers import CoordConv2d
from coordlib.probe import probe

PRESETS = {"paper": {"size": 16, "channels": 8, "kernel_size": 3}}


def measure(
    seed: int, device: torch.device, *, size: int, channels: int, kernel_size: int
) -> dict[str, float]:
    """Compare a convolution on a ring with the CoordConv layer made from it.

    Returns
    -------
    dict
        ``largest_difference`` between the two with zero coordinate weights, and
        the share of all circular shifts to which the layer is exactly equivariant
        with coordinate weights 0 and 1.
    """
    torch.manual_seed(seed)
    conv = nn.Conv2d(3, channels, kernel_size, padding="same", padding_mode="circular")
    conv = conv.to(device)
    layer = CoordConv2d.from_conv(conv)
    x = torch.rand(4, 3, size, size, device=device)
    with torch.no_grad():
        difference = float((layer(x) - conv(x)).abs().max())
    shifts = list(product(range(size), repeat=2))[1:]
    at_zero = probe(layer, x, shifts)
    with torch.no_grad():
        layer.weight[:, 3:] = 1
    at_one = probe(layer, x, shifts)
    return {
        "largest_difference": difference,
        "exact_shifts": len(at_zero.exact) / len(shifts),
        "exact_shifts_at_one": len(at_one.exact) / len(shifts),
        "worst_error_at_one": float(at_one.errors.max()),
    }
