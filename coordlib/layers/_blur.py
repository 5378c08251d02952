"""What layers that blur share: options, the filter, and checks of the border."""

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from coordlib.arguments import check_choice, check_dtype, check_integer
from coordlib.layers import _pooling
from coordlib.layers._arguments import check_own_dtype, per_axis
from coordlib.layers._fixed import Fixed

# Far beyond any use, and soon computed; the numbers of a longer row would not be.
_MOST_TAPS = 1024
_PAD_MODES = ("reflect", "replicate", "zeros", "circular")


def binomial_filter(
    size: int,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> Tensor:
    """A row of Pascal's triangle, scaled to sum 1: the low-pass filter of BlurPool.

    Parameters
    ----------
    size : int
        Number of taps, from 1 to 1024: 1 is no blur, 2 the box ``[1, 1] / 2``, 3 the
        triangle ``[1, 2, 1] / 4``, 5 ``[1, 4, 6, 4, 1] / 16``.
    dtype : torch.dtype, default torch.float32
        A floating point type.
    device : torch.device or str, optional
        Where the result lives.

    Returns
    -------
    Tensor
        Shape ``(size,)``.

    Raises
    ------
    TypeError
        If ``size`` is not an integer, or ``dtype`` not floating point.
    ValueError
        If ``size`` is below 1 or above 1024.

    Notes
    -----
    Zhang, "Making convolutional networks shift-invariant again" (2019), section 3.

    Examples
    --------
    >>> binomial_filter(3)
    tensor([0.2500, 0.5000, 0.2500])
    """
    _check_taps("size", check_integer("size", size, at_least=1))
    check_dtype("dtype", dtype)
    row = [math.comb(size - 1, k) / 2 ** (size - 1) for k in range(size)]
    return torch.tensor(row, dtype=dtype, device=device)


def blur_options(
    rank: int,
    filter_size: int | tuple[int, ...],
    stride: int | tuple[int, ...],
    padding_mode: str,
) -> tuple[tuple[int, ...], tuple[int, ...], list[int]]:
    """Check the options of a blur; give its size, its stride and how far it reaches."""
    size = per_axis("filter_size", filter_size, rank)
    _check_taps("filter_size", max(size))
    check_mode(padding_mode)
    reach = _pooling.flat([(k - 1) // 2 for k in size], [k // 2 for k in size])
    return size, per_axis("stride", stride, rank), reach


def blur_kernel(size: tuple[int, ...]) -> Tensor:
    """The outer product of one row of Pascal's triangle an axis, ``(1, 1, *size)``."""
    kernel = torch.ones(1, 1, dtype=torch.float64, device="cpu")
    for taps in size:
        row = binomial_filter(taps, dtype=torch.float64, device="cpu")
        kernel = kernel.unsqueeze(-1) * row
    return kernel


class Blur(Fixed):
    """The options of a layer that blurs, and its filter."""

    rank: ClassVar[int]
    fixed = "kernel"
    kernel: Tensor

    def __init__(
        self,
        channels: int | None = None,
        filter_size: int | tuple[int, ...] = 3,
        stride: int | tuple[int, ...] = 2,
        padding_mode: str = "reflect",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if channels is not None:
            check_integer("channels", channels, at_least=1)
        self.channels = channels
        options = blur_options(self.rank, filter_size, stride, padding_mode)
        self.filter_size, self.stride, self._pads = options
        self.padding_mode = padding_mode
        # A buffer, so that it moves with the model and no initialisation of weights
        # finds it; not persistent, so that state dicts stay those of the plain network.
        check_own_dtype(dtype)
        shape = channels or 1, 1, *self.filter_size
        kernel = torch.empty(shape, device=device, dtype=dtype)
        self.register_buffer("kernel", kernel, persistent=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Write the filter; a layer made on the meta device does so by itself."""
        if not self.kernel.is_floating_point():
            raise TypeError(
                f"dtype must be a floating point type, got {self.kernel.dtype}"
            )
        kernel = blur_kernel(self.filter_size)
        with torch.no_grad():
            self.kernel.copy_(kernel.expand_as(self.kernel))

    def extra_repr(self) -> str:
        channels = "" if self.channels is None else f"{self.channels}, "
        return (
            f"{channels}filter_size={self.filter_size}, stride={self.stride}, "
            f"padding_mode={self.padding_mode!r}"
        )


def check_channels(input: Tensor, channels: int | None, rank: int) -> int:
    """Give the number of channels, as a number; refuse another than was promised."""
    given = _pooling.number_of_channels(input, rank)
    if given == 0:
        raise ValueError(
            f"input must have at least one channel, got shape {tuple(input.shape)}"
        )
    if channels is not None and given != channels:
        raise ValueError(
            f"input must have {channels} channels, got {given} "
            f"in shape {tuple(input.shape)}"
        )
    return given


def check_border(input: Tensor, reach: Sequence[int], mode: str) -> None:
    """Say clearly where an axis is too short for the mode."""
    if mode not in ("reflect", "circular") or torch.jit.is_tracing():
        return
    size = input.shape[-len(reach) :]
    if min(size) > max(reach):
        return
    # A reflection needs one pixel more than it pads, a wrap exactly as many.
    spare = 1 if mode == "reflect" else 0
    for n, pad in zip(size, reach, strict=True):
        if pad and n < pad + spare:
            raise ValueError(
                f"padding_mode {mode!r} needs at least {pad + spare} pixels along an "
                f"axis padded by {pad}, got size {tuple(size)}; use a smaller filter, "
                "a larger input, or padding_mode 'replicate' or 'zeros'"
            )


def _check_taps(name: str, size: int) -> None:
    if size > _MOST_TAPS:
        raise ValueError(f"{name} must be at most {_MOST_TAPS}, got {size}")


def check_mode(mode: str) -> None:
    check_choice("padding_mode", mode, _PAD_MODES)
