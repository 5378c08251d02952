"""BlurPool: blur, then subsample, so that subsampling aliases less.

A pooling or strided layer of stride s is a dense layer followed by keeping every s-th
value. Keeping every s-th value of a signal with finer detail than that is aliasing; a
low-pass filter in between takes the detail out. Blurring makes the output change *less*
under shifts that are not multiples of the stride; it does not make it equivariant.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from coordlib.arguments import check_flag
from coordlib.layers import _pooling
from coordlib.layers._arguments import check_input, per_axis
from coordlib.layers._blur import (
    Blur,
    binomial_filter,
    check_border,
    check_channels,
    check_mode,
)

__all__ = [
    "BlurPool1d",
    "BlurPool2d",
    "BlurPool3d",
    "MaxBlurPool1d",
    "MaxBlurPool2d",
    "MaxBlurPool3d",
    "binomial_filter",
]


class _BlurPool(Blur):
    def forward(self, input: Tensor) -> Tensor:
        return blur_pool(
            input,
            self.kernel,
            self.channels,
            self.stride,
            self._pads,
            self.padding_mode,
        )


class BlurPool1d(_BlurPool):
    """Blur a signal and keep every ``stride``-th sample; see :class:`BlurPool2d`.

    ``(N, C, L)`` to ``(N, C, ceil(L / stride))``, or unbatched.
    """

    rank = 1


class BlurPool2d(_BlurPool):
    """Blur each channel with a binomial filter and keep every ``stride``-th pixel.

    Replaces plain subsampling ``x[..., ::2, ::2]``, and average pooling. The first
    argument is a number of channels, as in the paper's code: ``BlurPool2d(3)`` insists
    on three channels, where kornia's has a filter of three.

    Parameters
    ----------
    channels : int, optional
        Number of channels to insist on, which saves a few microseconds a call; any
        number if left out.
    filter_size : int or tuple of int, default 3
        Taps of the filter, at most 1024, per axis if a tuple. 1 does not blur; 2 is the
        box, 3 the triangle, and so on, see :func:`binomial_filter`. The literature uses
        1 to 7.
    stride : int or tuple of int, default 2
        Keep every how many pixels, per axis if a tuple; 1 blurs without subsampling.
    padding_mode : {"reflect", "replicate", "zeros", "circular"}, default "reflect"
        What lies beyond the border. With ``"zeros"`` a constant image darkens there.
    device, dtype : optional
        Of the filter, as in ``torch.nn``.

    Raises
    ------
    TypeError
        If ``channels``, ``filter_size`` or ``stride`` is not made of integers. In
        forward: if the input is not floating point.
    ValueError
        If one of these is below 1, a tuple has not one entry an axis, or the mode is
        unknown. In forward: if the input has another number of axes or channels, or is
        too small for the border to be reflected or wrapped.

    Notes
    -----
    ``(N, C, H, W)`` to ``(N, C, ceil(H / stride), ceil(W / stride))``, or unbatched
    ``(C, H, W)``, for every filter size: it pads ``(k - 1) // 2`` pixels before and
    ``k // 2`` after. With an even ``filter_size`` the filter is not centred on a pixel
    but reaches one further after than before.

    No parameters and nothing in the state dict: a network with blurred pooling loads
    the weights of the one without.

    Zhang, "Making convolutional networks shift-invariant again" (2019), section 3.

    Examples
    --------
    >>> BlurPool2d(filter_size=4)(torch.rand(8, 16, 32, 32)).shape
    torch.Size([8, 16, 16, 16])
    """

    rank = 2


class BlurPool3d(_BlurPool):
    """Blur a volume and keep every ``stride``-th voxel; see :class:`BlurPool2d`.

    ``(N, C, D, H, W)`` to ``ceil(size / stride)`` on each axis, or unbatched.
    """

    rank = 3


class _MaxBlurPool(nn.Module):
    rank: ClassVar[int]
    blurpool: ClassVar[type[_BlurPool]]

    def __init__(
        self,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 2,
        padding: int | tuple[int, ...] | str | None = None,
        *,
        filter_size: int | tuple[int, ...] = 3,
        padding_mode: str = "reflect",
        channels: int | None = None,
        ceil_mode: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_flag("ceil_mode", ceil_mode)
        self.ceil_mode = ceil_mode
        options = max_options(self.rank, kernel_size, padding, padding_mode)
        self.kernel_size, self.padding, self.before, self.after = options
        self.blur = self.blurpool(
            channels, filter_size, stride, padding_mode, device, dtype
        )

    def forward(self, input: Tensor) -> Tensor:
        blur = self.blur
        # The size that padding "same" keeps is rounded up as it is.
        ceil = self.ceil_mode and self.padding != "same"
        dense = dense_max(
            input,
            self.kernel_size,
            self.before,
            self.after,
            blur.padding_mode == "circular",
            blur.stride if ceil else None,
        )
        blurred: Tensor = blur(dense)
        return blurred

    def extra_repr(self) -> str:
        ceil = ", ceil_mode=True" if self.ceil_mode else ""
        return f"kernel_size={self.kernel_size}, padding={self.padding!r}{ceil}"


class MaxBlurPool1d(_MaxBlurPool):
    """Max pooling of a signal with less aliasing; see :class:`MaxBlurPool2d`."""

    rank = 1
    blurpool = BlurPool1d


class MaxBlurPool2d(_MaxBlurPool):
    """Max pooling with less aliasing: the maximum everywhere, then :class:`BlurPool2d`.

    ``MaxPool2d(k, stride=s)`` is ``MaxPool2d(k, stride=1)`` followed by subsampling.
    The first half commutes with shifts; the second aliases, and is blurred here.

    The stride is 2 unless given: ``MaxBlurPool2d(3)`` halves an image, where
    ``torch.nn.MaxPool2d(3)``, whose stride is its window, leaves a third.

    Parameters
    ----------
    kernel_size : int or tuple of int
        The window of the maximum, per axis if a tuple.
    stride : int or tuple of int, default 2
        Keep every how many pixels.
    padding : int, tuple of int or "same", optional
        Padding of the maximum on both sides, at most half of the window. ``"same"``
        pads ``(k - 1) // 2`` before and ``k // 2`` after, which keeps the size. What
        lies beyond the border never wins, except in circular mode, where the window
        wraps around. Default: 0, as in ``torch.nn.MaxPool2d`` and the paper's code; in
        circular mode ``"same"``, for without the windows that wrap the layer would not
        commute with circular shifts.
    filter_size : int or tuple of int, default 3
        Taps of the blur.
    padding_mode : {"reflect", "replicate", "zeros", "circular"}, default "reflect"
        What lies beyond the border, for the blur. In circular mode the layer commutes
        exactly with circular shifts by multiples of the stride, if the padding is
        ``"same"``, as it is there by default, and the stride divides the size.
    channels : int, optional
        Number of channels to insist on, which saves a few microseconds a call.
    ceil_mode : bool, default False
        Whether to round sizes up, as in ``torch.nn.MaxPool2d``: a last window that
        begins inside the picture counts, though it ends beyond. With ``"same"`` sizes
        are rounded up anyway.
    device, dtype : optional
        Of the filter, as in ``torch.nn``.

    Raises
    ------
    TypeError
        If a size is not made of integers. In forward: if the input is not floating
        point.
    ValueError
        If an option is out of its range. In forward: if the input has another number of
        axes or is too small.

    Notes
    -----
    ``(N, C, H, W)`` or unbatched ``(C, H, W)``. The output has
    ``(H + 2 * padding - kernel_size) // stride + 1`` rows, as that of
    ``torch.nn.MaxPool2d``, or ``ceil(H / stride)`` for ``padding="same"``; columns
    likewise. As in torch is the gradient, too: among equal values the first of a
    window gets it, row by row.

    Zhang, "Making convolutional networks shift-invariant again" (2019), section 3.

    Examples
    --------
    >>> MaxBlurPool2d(kernel_size=2)(torch.rand(8, 16, 32, 32)).shape
    torch.Size([8, 16, 16, 16])
    """

    rank = 2
    blurpool = BlurPool2d


class MaxBlurPool3d(_MaxBlurPool):
    """Max pooling of a volume with less aliasing; see :class:`MaxBlurPool2d`."""

    rank = 3
    blurpool = BlurPool3d


def max_options(
    rank: int,
    kernel_size: int | tuple[int, ...],
    padding: int | tuple[int, ...] | str | None,
    padding_mode: str,
) -> tuple[tuple[int, ...], Any, tuple[int, ...], tuple[int, ...]]:
    """Check the options of a maximum; give window, padding, and pads at both ends."""
    window = per_axis("kernel_size", kernel_size, rank)
    check_mode(padding_mode)
    if padding is None:
        padding = "same" if padding_mode == "circular" else 0
    if isinstance(padding, str):
        if padding != "same":
            raise ValueError(
                f"padding must be 'same', an int or a tuple, got {padding!r}"
            )
        before = tuple((k - 1) // 2 for k in window)
        return window, padding, before, tuple(k // 2 for k in window)
    pads = per_axis("padding", padding, rank, at_least=0)
    if any(2 * p > k for p, k in zip(pads, window, strict=True)):
        raise ValueError(
            f"padding must be at most half of kernel_size, got {padding} for {window}"
        )
    return window, padding, pads, pads


@fx.wrap
def blur_pool(
    input: Tensor,
    kernel: Tensor,
    channels: int | None,
    stride: tuple[int, ...],
    pads: list[int],
    mode: str,
) -> Tensor:
    rank = len(stride)
    check_input(input, rank)
    check_channels(input, channels, rank)
    # After the last pixel it reaches k // 2, and never further before the first.
    check_border(input, pads[-1::-2], mode)
    if kernel.dtype != input.dtype:
        kernel = kernel.to(input.dtype)
    return _pooling.blur(input, kernel, stride, pads, mode)


@fx.wrap
def dense_max(
    input: Tensor,
    window: tuple[int, ...],
    before: tuple[int, ...],
    after: tuple[int, ...],
    circular: bool,
    ceil: tuple[int, ...] | None,
) -> Tensor:
    rank = len(window)
    check_input(input, rank)
    check_channels(input, None, rank)
    size = input.shape[-rank:]
    if ceil is not None:
        input = _filled_up(input, window, before, ceil)
    _check_window(input, window, before, after, size)
    if circular:  # else there is nothing beyond the border that could win
        check_border(input, after, "circular")
    return _pooling.dense_max(input, window, before, after, circular)


def _check_window(
    input: Tensor,
    window: tuple[int, ...],
    before: tuple[int, ...],
    after: tuple[int, ...],
    size: Sequence[int],
) -> None:
    """Refuse a map in which no window fits; its size as it was given is named."""
    if torch.jit.is_tracing():
        return
    lengths = input.shape[-len(window) :]
    if min(lengths) >= max(window):
        return
    for n, k, b, a in zip(lengths, window, before, after, strict=True):
        if n + b + a < k:
            raise ValueError(
                f"input must hold a window of {window} padded by {before}, "
                f"got size {tuple(size)}"
            )


def _filled_up(
    input: Tensor,
    window: tuple[int, ...],
    padding: tuple[int, ...],
    stride: tuple[int, ...],
) -> Tensor:
    """Add what a last window lacks, where it begins inside the picture."""
    size = input.shape[-len(window) :]
    lacking: list[int] = []
    for n, k, p, s in zip(size, window, padding, stride, strict=True):
        more = -(n + 2 * p - k) % s
        if s > k - p:
            # It would begin beyond unless more < k - p: a factor of 1 there, else 0. A
            # condition, a tracer would answer once for all.
            more = more * ((s + k - p - 1 - more) // s)
        lacking.append(more)
    pads = _pooling.flat([0] * len(window), lacking)
    return F.pad(input, pads, value=-torch.inf)
