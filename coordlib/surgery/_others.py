"""What subsamples, and has no blurred form here: for the report."""

from typing import Any

import torch
from torch import nn

from coordlib import layers
from coordlib.surgery._kinds import per_axis

_POLYPHASE = (layers.PolyphasePool1d, layers.PolyphasePool2d, layers.PolyphasePool3d)
_NORM_POOLS = tuple(
    getattr(nn, f"LPPool{d}d") for d in (1, 2, 3) if hasattr(nn, f"LPPool{d}d")
)
_RANDOM_POOLS = (nn.FractionalMaxPool2d, nn.FractionalMaxPool3d)
_ADAPTIVE_POOLS = (
    *(nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d),
    *(nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d),
)
_INTO_CHANNELS = "it moves pixels into channels, each of which is subsampled"


def stays(module: nn.Module) -> str:
    """Why a module that subsamples stays as it is; empty if it does not subsample."""
    one: Any = module
    if isinstance(module, torch.jit.ScriptModule):
        return "torch.jit has compiled it; what subsamples in it goes unseen"
    if isinstance(module, _POLYPHASE):
        return "a grid that the picture chooses already" if _more(one.stride) else ""
    if isinstance(module, _NORM_POOLS):
        stride = one.kernel_size if one.stride is None else one.stride
        return "a pool by a norm has no blurred form here" if _more(stride) else ""
    if isinstance(module, _RANDOM_POOLS):
        return "a pool of random windows has no blurred form here"
    if isinstance(module, _ADAPTIVE_POOLS):
        size = per_axis(one.output_size, 1)
        several = any(n != 1 for n in size if n is not None)
        return "its stride depends on the size of its input" if several else ""
    if isinstance(module, nn.PixelUnshuffle):
        return _INTO_CHANNELS if _more(one.downscale_factor) else ""
    if isinstance(module, nn.Unfold):
        return _INTO_CHANNELS if _more(one.stride) else ""
    if isinstance(module, nn.Upsample):
        return "a resize has no blurred form here" if shrinks(one.scale_factor) else ""
    return ""


def shrinks(scale: Any) -> bool:
    """Whether a resize by these factors makes an axis shorter."""
    return any(isinstance(s, int | float) and s < 1 for s in per_axis(scale, 1))


def _more(stride: Any) -> bool:
    return max(per_axis(stride, 1)) > 1
