"""Encodings that are added to a map, channel by channel, as transformers have them.

:class:`~coordlib.layers.AddCoords` appends channels. These layers need none: what the
map holds and where it is lie in the same channels.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from coordlib.arguments import check_integer
from coordlib.layers._arguments import (
    channels_last,
    check_map,
    check_own_dtype,
    laid_out_last,
)
from coordlib.layers.encodings import check_base, geometric

__all__ = ["AddLearnedEncoding", "AddSinusoidalEncoding"]


class AddSinusoidalEncoding(nn.Module):
    """Add sines and cosines of the place to a map, as many for each axis.

    A shift turns the code of every place by the same angles: it is a fixed linear map
    of the code.

    Parameters
    ----------
    base : float, default 10000.0
        Each axis has ``n = C / (2 * D)`` pairs of channels, a sine and a cosine. Pair t
        has ``base ** (-t / n)`` radians a pixel.

    Raises
    ------
    TypeError
        If ``base`` is no number.
    ValueError
        If ``base`` is not from 1e-30 to 1e30.

    Notes
    -----
    Input ``(N, C, *size)`` with D = 1, 2 or 3 spatial axes, C a multiple of ``2 * D``;
    the output is like it. The first axis, that of the rows, has the first channels.
    Places are counted in pixels from the corner, so that a map of any size has the same
    steps. Angles are computed in at least float32.

    References
    ----------
    Vaswani et al., 2017, "Attention is all you need", section 3.5, for one axis.

    Examples
    --------
    >>> AddSinusoidalEncoding()(torch.rand(8, 64, 14, 14)).shape
    torch.Size([8, 64, 14, 14])
    >>> AddSinusoidalEncoding()(torch.zeros(1, 2, 1))
    tensor([[[0.],
             [1.]]])
    """

    def __init__(self, base: float = 10000.0) -> None:
        super().__init__()
        self.base = check_base(base)

    def forward(self, input: Tensor) -> Tensor:
        return _with_waves(input, self.base)

    def extra_repr(self) -> str:
        return f"base={self.base}"


class AddLearnedEncoding(nn.Module):
    """Add a table to a map: every place has a code of its own, and all of it is learnt.

    Nothing tells the network that two places are neighbours, or that two pairs of
    places are equally far apart. A map of another size than the table gets the table
    resized linearly, corners on corners; an axis of length 1 gets the middle of it (or,
    recorded by ``torch.jit.trace``, the beginning).

    Parameters
    ----------
    channels : int
        Of the map.
    size : tuple of int
        Of the map that it is trained with: one to three axes.
    device, dtype : optional
        Of the table, as in ``torch.nn``.

    Attributes
    ----------
    table : Parameter
        Shape ``(1, channels, *size)``; from a normal distribution of deviation 0.02 at
        first.

    Raises
    ------
    TypeError
        If ``channels`` or a size is not an integer, or ``dtype`` not floating point.
    ValueError
        If one of them is below 1, or ``size`` has no or more than three axes.

    Notes
    -----
    Input ``(N, channels, *any size)``; the output is like it.

    References
    ----------
    Dosovitskiy et al., 2021, "An image is worth 16x16 words", sections 3.1 and 3.2.

    Examples
    --------
    >>> layer = AddLearnedEncoding(64, (14, 14))
    >>> layer(torch.rand(8, 64, 14, 14)).shape
    torch.Size([8, 64, 14, 14])
    >>> layer(torch.rand(8, 64, 20, 28)).shape
    torch.Size([8, 64, 20, 28])
    """

    def __init__(
        self,
        channels: int,
        size: tuple[int, ...],
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_integer("channels", channels)
        check_own_dtype(dtype)
        if isinstance(size, str) or not isinstance(size, Sequence):
            raise TypeError(f"size must be a sequence of integers, got {size!r}")
        if len(size) not in _RESIZED:
            raise ValueError(f"size must have one to three axes, got {size!r}")
        size = tuple(check_integer("size", length) for length in size)
        table = torch.empty(1, channels, *size, device=device, dtype=dtype)
        self.table = nn.Parameter(table)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the table anew."""
        nn.init.normal_(self.table, std=0.02)

    def forward(self, input: Tensor) -> Tensor:
        return _with_table(input, self.table)

    def extra_repr(self) -> str:
        _, channels, *size = self.table.shape
        return f"{channels}, {tuple(size)}"


_RESIZED = {1: "linear", 2: "bilinear", 3: "trilinear"}


@fx.wrap
def _with_waves(input: Tensor, base: float) -> Tensor:
    rank = check_map(input)
    channels, size = input.shape[1], input.shape[2:]
    if not torch.jit.is_tracing() and (channels % (2 * rank) or channels == 0):
        raise ValueError(
            f"input must have a multiple of {2 * rank} channels, a sine and a cosine "
            f"for each axis, got {channels}"
        )
    frequencies = geometric(channels // (2 * rank), base, input)
    shares = []
    for axis, n in enumerate(size):
        places = torch.arange(n, dtype=frequencies.dtype, device=input.device)
        angles = frequencies[:, None] * places
        waves = torch.stack([angles.sin(), angles.cos()], 1).flatten(0, 1)
        alone = [1] * axis + [-1] + [1] * (rank - 1 - axis)
        shares.append(waves.view(1, channels // rank, *alone).expand(1, -1, *size))
    return _sum(input, torch.cat(shares, 1))


@fx.wrap
def _with_table(input: Tensor, table: Tensor) -> Tensor:
    rank, channels = check_map(input, table.ndim - 2), table.shape[1]
    if not torch.jit.is_tracing() and input.shape[1] != channels:
        raise ValueError(
            f"input must have {channels} channels, got shape {tuple(input.shape)}"
        )
    # Where the size is that of the table, this is the table itself.
    table = table.to(torch.promote_types(table.dtype, torch.float32))
    size = list(input.shape[2:])
    # An axis of length 1 has the coordinate 0, the middle: of three places the second.
    # (torch.jit.trace records sizes as tensors, of which nothing may be asked.)
    ones = [] if torch.jit.is_tracing() else [d for d in range(rank) if size[d] == 1]
    for axis in ones:
        size[axis] = 3
    code = F.interpolate(table, size, mode=_RESIZED[rank], align_corners=True)
    for axis in ones:
        code = code.narrow(axis + 2, 1, 1)
    return _sum(input, code)


def _sum(input: Tensor, code: Tensor) -> Tensor:
    code = laid_out_last(code) if channels_last(input, input.ndim - 2) else code
    return input + code.to(input.dtype)
