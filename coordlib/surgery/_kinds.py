"""Which modules and functions of torch are convolutions, pools, and so on."""

import re
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.modules.lazy import LazyModuleMixin

from coordlib import layers

CONVS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
COORD_CONVS = (
    *(layers.CoordConv1d, layers.CoordConv2d, layers.CoordConv3d),
    *(layers.CoordConvTranspose1d, layers.CoordConvTranspose2d),
    layers.CoordConvTranspose3d,
)
MAX_POOLS = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)
AVERAGE_POOLS = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
ACTIVATIONS = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.RReLU, nn.ELU, nn.CELU, nn.SELU),
    *(nn.GELU, nn.SiLU, nn.Mish, nn.Hardswish, nn.Hardsigmoid, nn.Hardtanh),
    *(nn.Sigmoid, nn.LogSigmoid, nn.Tanh, nn.Softplus, nn.Softsign, nn.Tanhshrink),
    *(nn.Hardshrink, nn.Softshrink, nn.Threshold),
)
# The same as functions and as methods of a tensor, with and without "_" at the end.
ACTIVATION_NAMES = {
    *("relu", "relu6", "leaky_relu", "prelu", "rrelu", "elu", "celu", "selu", "gelu"),
    *("silu", "mish", "hardswish", "hardsigmoid", "hardtanh", "sigmoid", "logsigmoid"),
    *("tanh", "softplus", "softsign", "clamp", "threshold"),
}
# What may stand between a convolution and its nonlinearity.
NORMS = (
    *(nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm),
    *(nn.LocalResponseNorm, nn.Identity, nn.modules.dropout._DropoutNd),
)
NORM_FUNCTIONS = {"batch_norm", "instance_norm", "group_norm", "dropout", "contiguous"}
POOL_FUNCTIONS = {
    **{getattr(F, f"max_pool{d}d"): "max pooling" for d in (1, 2, 3)},
    **{getattr(F, f"avg_pool{d}d"): "average pooling" for d in (1, 2, 3)},
    **{getattr(torch, f"max_pool{d}d"): "max pooling" for d in (1, 2, 3)},
}
CHANNEL_FUNCTIONS = {F.pixel_unshuffle, torch.pixel_unshuffle}
CONV_FUNCTIONS = {getattr(F, f"conv{d}d") for d in (1, 2, 3)}


# Layers of this library are known, and a trace need not look into them.
_OWN = tuple(
    layer
    for layer in (getattr(layers, name) for name in layers.__all__)
    if isinstance(layer, type)
)

LAZY = "a lazy layer, which has no weight before the model has run once"
_BLUR_NAME = re.compile(r"(Max)?BlurPool([123][dD])?")


def is_lazy(module: nn.Module) -> bool:
    return isinstance(module, LazyModuleMixin)


def is_norm(module: nn.Module) -> bool:
    if isinstance(module, nn.LayerNorm):
        # Over pixels, too, it has a weight for each and knows one size only.
        return len(module.normalized_shape) == 1
    return isinstance(module, NORMS) or type(module).__name__ == "FrozenBatchNorm2d"


def is_own(module: nn.Module) -> bool:
    return isinstance(module, _OWN)


def is_blur(module: nn.Module) -> bool:
    """Whether a module blurs and subsamples, here or in other libraries."""
    return bool(_BLUR_NAME.fullmatch(type(module).__name__))


def rank_of_pool(pool: nn.Module) -> int:
    kinds = zip(MAX_POOLS, AVERAGE_POOLS, strict=True)
    return next(d for d, kind in enumerate(kinds, 1) if isinstance(pool, kind))


def per_axis(value: Any, rank: int) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,) * rank
