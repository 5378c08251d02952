"""Where a training starts: at random, or near weights that were set by hand."""

import torch
from torch import nn

from coordlib.arguments import check_instance, check_module, check_seed


def forget(network: nn.Sequential, seed: int) -> nn.Sequential:
    """Draw all weights anew, in place, as torch does for new layers."""
    check_instance("network", network, nn.Sequential, "a torch.nn.Sequential")
    check_seed("seed", seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for layer in network:
            if hasattr(layer, "reset_parameters"):
                layer.reset_parameters()
    return network


@torch.no_grad()
def disturb(network: nn.Module, seed: int) -> nn.Module:
    """Multiply every weight by a normal number of mean 1 and deviation .1, in place."""
    check_module("network", network)
    check_seed("seed", seed)
    generator = torch.Generator().manual_seed(seed)
    for weight in network.parameters():
        change = torch.randn(weight.shape, generator=generator)
        weight.mul_(1 + 0.1 * change)
    return network
