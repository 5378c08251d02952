"""The blurred forms of pools."""

from typing import Any

import torch
from torch import Tensor, fx, nn

from coordlib import layers
from coordlib.surgery._kinds import AVERAGE_POOLS, MAX_POOLS, per_axis, rank_of_pool

_BLUR = {1: layers.BlurPool1d, 2: layers.BlurPool2d, 3: layers.BlurPool3d}
_MAX_BLUR = {1: layers.MaxBlurPool1d, 2: layers.MaxBlurPool2d, 3: layers.MaxBlurPool3d}


def blur(stride: tuple[int, ...], filter_size: int, padding_mode: str) -> nn.Module:
    """A blur along the axes that are subsampled."""
    layer = _BLUR[len(stride)]
    return layer(None, _filter(stride, filter_size), stride, padding_mode)


def blurred_pool(pool: Any, filter_size: int, padding_mode: str) -> nn.Module | str:
    """The blurred form of a pool with a stride, or why it has none."""
    rank = rank_of_pool(pool)
    window, stride, padding = (
        per_axis(value, rank) for value in (pool.kernel_size, pool.stride, pool.padding)
    )
    if isinstance(pool, AVERAGE_POOLS):
        return _average(pool, window, stride, padding, filter_size, padding_mode)
    return _max(pool, window, stride, padding, filter_size, padding_mode)


def _max(
    pool: Any,
    window: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    filter_size: int,
    padding_mode: str,
) -> nn.Module | str:
    rank = len(window)
    if pool.return_indices or max(per_axis(pool.dilation, rank)) > 1:
        return "dilation and return_indices have no blurred form here"
    same = type(pool).__name__ == "MaxPool2dSame"
    if type(pool) not in MAX_POOLS and not same:
        return "a subclass of torch's max pooling that is not known"
    before: list[nn.Module] = []
    pads: Any = padding
    # On a ring, windows are to wrap around, at the same size. Those of odd size and
    # full padding do so anyway.
    wraps = padding_mode == "circular" and all(
        s == 2 and k == 2 * p + 2
        for k, s, p in zip(window, stride, padding, strict=True)
    )
    if same:
        before = [layers.SamePad(window, stride, (1,) * rank, -torch.inf)]
    elif wraps:
        pads = "same"
        before = [] if pool.ceil_mode else [_Crop(stride)]
    blurred = _MAX_BLUR[rank](
        window,
        stride,
        pads,
        filter_size=_filter(stride, filter_size),
        padding_mode=padding_mode,
        ceil_mode=pool.ceil_mode,
    )
    return nn.Sequential(*before, blurred) if before else blurred


def _average(
    pool: Any,
    window: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    filter_size: int,
    padding_mode: str,
) -> nn.Module | str:
    same = type(pool).__name__ == "AvgPool2dSame" and window == stride
    if type(pool) not in AVERAGE_POOLS and not same:
        return "a subclass of torch's average pooling that is not known"
    if getattr(pool, "divisor_override", None) is not None:
        return "with divisor_override it is no average"
    if max(window) > filter_size:
        return "its window is wider than the filter: already the stronger low-pass"
    blurred = blur(stride, filter_size, padding_mode)
    if window == stride and not any(padding):
        if pool.ceil_mode or same:
            return blurred
        # An incomplete window at the end gives no output.
        return nn.Sequential(_Crop(stride), blurred)
    centred = all(k == 2 * p + 1 for k, p in zip(window, padding, strict=True))
    if centred and not pool.ceil_mode:
        return blurred
    return "no blur has its output size: window and padding do not fit together"


def _filter(stride: tuple[int, ...], filter_size: int) -> tuple[int, ...]:
    return tuple(filter_size if s > 1 else 1 for s in stride)


class _Crop(nn.Module):
    """Leave out what is too little for a whole window, at the end of each axis."""

    def __init__(self, multiple: tuple[int, ...]) -> None:
        super().__init__()
        self.multiple = multiple

    def forward(self, input: Tensor) -> Tensor:
        return _crop(input, self.multiple)

    def extra_repr(self) -> str:
        return f"{self.multiple}"


# A size is no number while torch.fx traces: it records a call of this.


@fx.wrap
def _crop(input: Tensor, multiple: tuple[int, ...]) -> Tensor:
    size = input.shape[-len(multiple) :]
    kept: list[Any] = [
        slice(0, n // s * s) for n, s in zip(size, multiple, strict=True)
    ]
    return input[(..., *kept)]
