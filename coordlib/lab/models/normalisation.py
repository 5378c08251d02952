"""Layers that normalise a map, by name: what one network may keep and another not."""

import torch
from torch import Tensor, nn

from coordlib.arguments import check_choice, check_integer, check_share

__all__ = ["NORMALISATIONS", "FreezingBatchNorm2d", "normalisation_layer"]

NORMALISATIONS = ("batch", "none", "group", "instance", "batch-frozen")
GROUPS = 8


class FreezingBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation whose statistics stand still after some steps of training.

    Until then it is :class:`torch.nn.BatchNorm2d`. From then on training normalises
    by the running statistics, as evaluation does all along, so that what becomes of
    a sample no longer depends on which others share its batch. Weights and biases
    of the layer go on learning.

    Parameters
    ----------
    channels : int
    frozen_after : int
        How many batches to gather statistics from.
    **options
        Those of :class:`torch.nn.BatchNorm2d`.
    """

    def __init__(self, channels: int, frozen_after: int, **options) -> None:
        check_integer("channels", channels, at_most=2**20)
        check_integer("frozen_after", frozen_after)
        super().__init__(channels, **options)
        self.frozen_after = frozen_after

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        # Written without a branch on a tensor, so that many networks can train side
        # by side under torch.vmap.
        frozen = self.num_batches_tracked >= self.frozen_after
        var, mean = torch.var_mean(x, (0, 2, 3), correction=0)
        with torch.no_grad():
            count = x.numel() // x.shape[1]
            step = torch.where(frozen, 0.0, self.momentum)
            unbiased = var * (count / max(count - 1, 1))
            self.running_mean += step * (mean - self.running_mean)
            self.running_var += step * (unbiased - self.running_var)
            self.num_batches_tracked += 1
        mean = torch.where(frozen, self.running_mean, mean)[:, None, None]
        var = torch.where(frozen, self.running_var, var)[:, None, None]
        scale = self.weight[:, None, None] * torch.rsqrt(var + self.eps)
        return (x - mean) * scale + self.bias[:, None, None]


def normalisation_layer(
    kind: str, channels: int, *, momentum: float = 0.1, frozen_after: int | None = None
) -> nn.Module:
    """Make a layer that normalises maps of so many channels.

    Parameters
    ----------
    kind : {"batch", "none", "group", "instance", "batch-frozen"}
        Over the batch and all places, as published; not at all; over groups of
        channels (8 groups) and all places of one sample; over all places of one
        channel of one sample; or over the batch for ``frozen_after`` steps and by
        the statistics gathered until then from there on.
    channels : int
        A multiple of 8 for "group".
    momentum : float
        How much a batch counts in the running statistics; .1 here is what TensorFlow
        calls .9.
    frozen_after : int, optional
        For "batch-frozen", and only for it.
    """
    check_choice("kind", kind, NORMALISATIONS)
    check_integer("channels", channels, at_most=2**20)
    check_share("momentum", momentum)
    if (kind == "batch-frozen") != (frozen_after is not None):
        raise ValueError(
            f"frozen_after goes with 'batch-frozen' as normalisation, and no other; "
            f"got {frozen_after!r} with {kind!r}"
        )
    statistics = {"eps": 1e-5, "momentum": momentum}
    match kind:
        case "batch":
            return nn.BatchNorm2d(channels, **statistics)
        case "batch-frozen":
            return FreezingBatchNorm2d(channels, frozen_after, **statistics)
        case "group":
            return nn.GroupNorm(GROUPS, channels)
        case "instance":
            return nn.InstanceNorm2d(channels, affine=True)
    return nn.Identity()
