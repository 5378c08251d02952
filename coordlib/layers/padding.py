"""Padding as TensorFlow's "same" does it, which depends on the size of the input."""

from collections.abc import Sequence
from numbers import Real

import torch.nn.functional as F
from torch import Tensor, fx, nn

from coordlib.arguments import as_float, check_instance, check_integer, check_tensor


def same_pads(
    size: Sequence[int],
    kernel_size: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
) -> list[int]:
    """How many pixels to add, in the order that ``F.pad`` takes: the last axis first.

    Parameters
    ----------
    size, kernel_size, stride, dilation : sequence of int
        One entry an axis.

    Returns
    -------
    list of int
        Before and after, for each axis. The window then fits ``ceil(size / stride)``
        times; of an odd number of pixels the larger half comes after.
    """
    pads: list[int] = []
    axes = zip(size, kernel_size, stride, dilation, strict=True)
    for n, k, s, d in reversed(list(axes)):
        lacking = (-(-n // s) - 1) * s + d * (k - 1) + 1 - n
        # Where torch.jit.trace looks, a size is a tensor, and max() would fix it.
        lacking = lacking.clamp(0) if isinstance(lacking, Tensor) else max(lacking, 0)
        pads += [lacking // 2, lacking - lacking // 2]
    return pads


class SamePad(nn.Module):
    """Pad as TensorFlow's "same" does for a window of a given stride.

    The window then fits ``ceil(size / stride)`` times; of an odd number of pixels the
    larger half comes after. Written for convolutions that do this themselves, and must
    go on doing it for their old stride.

    Parameters
    ----------
    kernel_size, stride, dilation : tuple of int
        One entry an axis.
    value : float
        What the border is filled with.
    """

    def __init__(
        self,
        kernel_size: tuple[int, ...],
        stride: tuple[int, ...],
        dilation: tuple[int, ...],
        value: float = 0.0,
    ) -> None:
        super().__init__()
        windows = {"kernel_size": kernel_size, "stride": stride, "dilation": dilation}
        for name, lengths in windows.items():
            if not isinstance(lengths, tuple | list):
                raise TypeError(f"{name} must be a tuple of integers, got {lengths!r}")
            if len(lengths) == 0 or len(lengths) != len(kernel_size):
                raise ValueError(
                    f"{name} must have one entry an axis, as many as kernel_size, "
                    f"got {lengths!r} for {kernel_size!r}"
                )
            for length in lengths:
                check_integer(name, length)
        check_instance("value", value, Real, "a number")
        self.kernel_size, self.stride = tuple(kernel_size), tuple(stride)
        self.dilation, self.value = tuple(dilation), as_float("value", value)

    def forward(self, input: Tensor) -> Tensor:
        return _padded(input, self.kernel_size, self.stride, self.dilation, self.value)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}"


@fx.wrap
def _padded(
    input: Tensor,
    kernel_size: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    value: float,
) -> Tensor:
    check_tensor("input", input, any_kind=True)
    if input.ndim not in (len(kernel_size) + 1, len(kernel_size) + 2):
        raise ValueError(
            f"input must have {len(kernel_size)} spatial axes after (N, C) or (C), "
            f"got shape {tuple(input.shape)}"
        )
    size = input.shape[-len(kernel_size) :]
    return F.pad(input, same_pads(size, kernel_size, stride, dilation), value=value)
