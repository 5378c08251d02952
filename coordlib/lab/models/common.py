"""What the networks share: their size, their first weights, a name for a sequence."""

from math import sqrt

import torch
from torch import nn

from coordlib.arguments import check_module


def parameter_count(module: nn.Module) -> int:
    """Count the numbers that training may change."""
    check_module("module", module)
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


@torch.no_grad()
def he_normal_(module: nn.Module) -> nn.Module:
    """Initialise a network as the released code of CoordConv does, in place.

    Weights of convolutions and linear layers: normal, cut off at two standard
    deviations, with variance ``2 / fan_in`` after the cut (Keras's ``he_normal``).
    For a transposed convolution Keras counts the *output* channels into ``fan_in``,
    and so do we. Biases: zero.

    Returns
    -------
    nn.Module
        The same module.
    """
    check_module("module", module)
    for layer in module.modules():
        weight = getattr(layer, "weight", None)
        if not isinstance(weight, nn.Parameter) or weight.ndim < 2:
            continue
        # Transposed convolutions hold (in, out, *kernel), the others (out, in, ...).
        fan_in = weight[0].numel()
        # A normal cut off at two standard deviations keeps .8796 of its spread.
        std = sqrt(2 / fan_in) / 0.87962566103423978
        nn.init.trunc_normal_(weight, std=std, a=-2 * std, b=2 * std)
        if getattr(layer, "bias", None) is not None:
            nn.init.zeros_(layer.bias)
    return module


class Stack(nn.Sequential):
    """A sequence of layers under a name of its own; a slice is a plain sequence."""

    def __getitem__(self, index):
        chosen = list(self)[index]
        return nn.Sequential(*chosen) if isinstance(index, slice) else chosen
