"""Positional encodings: the ways to write a position down for a network.

Each turns unit coordinates, shape (..., D), into features, shape (..., channels), and
refuses another number of coordinates with a ``ValueError``. Angles are computed in at
least float32, under autocast too, and what comes out is cast last.
:class:`CoordConv2d` takes the coordinates as they are; these are what is used in its
place elsewhere. ``add_encodings`` adds such features to a map, and ``rotary`` turns
queries and keys.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from coordlib.arguments import check_integer, check_positive, check_seed, check_tensor
from coordlib.layers._arguments import check_own_dtype, no_autocast

__all__ = ["FourierFeatures", "LearnedEncoding", "SinusoidalEncoding"]

# Float32 ends at 2**128, and places may lie outside the picture.
_MOST_OCTAVES = 120


class FourierFeatures(nn.Module):
    """Sines and cosines of waves in random directions.

    The scale decides how fine the detail is that a network can learn soon. With a small
    one it learns smooth functions only; with a large one it fits fine detail, and takes
    arbitrary values between the points that it was trained on.

    Parameters
    ----------
    waves : int
        Number of waves; each gives a cosine and a sine.
    scale : float
        Standard deviation of the waves' frequencies along each axis, in periods per
        unit: a picture is two units wide.
    axes : int
        Number of coordinates.
    seed : int
        Draws the waves. They are kept with the weights, and not trained.
    device, dtype : optional
        Of the waves, as in ``torch.nn``.

    Attributes
    ----------
    channels : int
        Features of a position: twice the waves.

    Raises
    ------
    TypeError
        If ``waves``, ``axes`` or ``seed`` is not an integer.
    ValueError
        If ``waves`` or ``axes`` is below 1, or ``scale`` not positive, or so large that
        ``dtype`` holds no such frequencies.

    References
    ----------
    Tancik et al., 2020, "Fourier features let networks learn high frequency functions
    in low dimensional domains", section 5.

    Examples
    --------
    >>> from coordlib.grid import unit_grid
    >>> places = unit_grid((32, 48)).movedim(0, -1)
    >>> FourierFeatures(waves=16, scale=4.0)(places).shape
    torch.Size([32, 48, 32])
    """

    frequencies: Tensor

    def __init__(
        self,
        waves: int = 16,
        scale: float = 1.0,
        axes: int = 2,
        seed: int = 0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_own_dtype(dtype)
        check_integer("waves", waves)
        check_integer("axes", axes)
        self.scale, self.axes = check_positive("scale", scale), axes
        self.seed = check_seed("seed", seed)
        frequencies = torch.empty(axes, waves, device=device, dtype=dtype)
        self.register_buffer("frequencies", frequencies)
        self.reset_parameters()
        self.channels = 2 * waves

    def reset_parameters(self) -> None:
        """Draw the waves again, the same ones, for layers made on the meta device."""
        generator = torch.Generator().manual_seed(self.seed)
        shape = self.frequencies.shape
        drawn = torch.randn(shape, generator=generator, device="cpu")
        waves = (self.scale * drawn).to(self.frequencies.dtype)
        if not waves.isfinite().all():
            raise ValueError(
                f"scale must be so small that {waves.dtype} holds the frequencies, "
                f"got {self.scale}"
            )
        self.frequencies.copy_(waves)

    def forward(self, positions: Tensor) -> Tensor:
        return _fourier(positions, self.frequencies, self.axes)


class SinusoidalEncoding(nn.Module):
    """Sines and cosines along each axis, each wave half as long as the one before.

    Parameters
    ----------
    octaves : int
        Number of waves an axis, at most 120. The longest is as long as two pictures, so
        that no two places have the same code.
    axes : int
        Number of coordinates.
    device, dtype : optional
        Of the frequencies, as in ``torch.nn``. In half precision they are kept rounded,
        or infinite; angles are computed with those that are meant.

    Attributes
    ----------
    channels : int
        Features of a position: ``2 * octaves * axes``.

    Raises
    ------
    TypeError
        If ``octaves`` or ``axes`` is not an integer.
    ValueError
        If one of them is below 1, or ``octaves`` above 120.

    References
    ----------
    Vaswani et al., 2017, "Attention is all you need", section 3.5, in one dimension;
    with octaves as in Mildenhall et al., 2020, "NeRF", section 5.1.

    Examples
    --------
    >>> SinusoidalEncoding(octaves=6)(torch.zeros(5, 2)).shape
    torch.Size([5, 24])
    """

    frequencies: Tensor

    def __init__(
        self,
        octaves: int = 6,
        axes: int = 2,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_own_dtype(dtype)
        check_integer("octaves", octaves, at_most=_MOST_OCTAVES)
        self.axes = check_integer("axes", axes)
        frequencies = torch.empty(octaves, device=device, dtype=dtype)
        self.register_buffer("frequencies", frequencies)
        self.reset_parameters()
        self.channels = 2 * octaves * axes

    def reset_parameters(self) -> None:
        """Write the frequencies again, for layers made on the meta device."""
        number = len(self.frequencies)
        wide = torch.promote_types(self.frequencies.dtype, torch.float32)
        self.frequencies.copy_(_octaves(number, wide, "cpu"))

    def forward(self, positions: Tensor) -> Tensor:
        octaves = self.channels // (2 * self.axes)
        return _sinusoidal(positions, self.frequencies, self.axes, octaves)


class LearnedEncoding(nn.Module):
    """A table for each axis: every row and every column has a code of its own.

    Nothing tells the network at first that rows 7 and 8 are neighbours; training must.
    Between two entries the code is interpolated.

    Parameters
    ----------
    size : tuple of int
        How many entries each axis has, at least 2: the size of the picture.
    features : int
        Of an entry.
    device, dtype : optional
        Of the tables, as in ``torch.nn``.

    Attributes
    ----------
    channels : int
        Features of a position: ``features * len(size)``.

    Raises
    ------
    TypeError
        If ``features`` or a size is not an integer.
    ValueError
        If ``features`` is below 1 or a size below 2.

    References
    ----------
    Gehring et al., 2017, "Convolutional sequence to sequence learning", section 3.1,
    in one dimension.

    Examples
    --------
    >>> encoding = LearnedEncoding((64, 48), features=8)
    >>> encoding(torch.zeros(5, 2)).shape  # five times the centre
    torch.Size([5, 16])
    """

    def __init__(
        self,
        size: tuple[int, ...] = (64, 64),
        features: int = 16,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_own_dtype(dtype)
        check_integer("features", features)
        if not isinstance(size, Sequence) or not size:
            raise TypeError(f"size must be a sequence of integers, got {size!r}")
        for length in size:
            check_integer("size", length, at_least=2)
        self.size = tuple(size)
        self.tables = nn.ParameterList(
            nn.Parameter(torch.empty(length, features, device=device, dtype=dtype))
            for length in size
        )
        self.reset_parameters()
        self.channels = features * len(size)

    def reset_parameters(self) -> None:
        """Draw the tables anew."""
        for table in self.tables:
            nn.init.normal_(table)

    def forward(self, positions: Tensor) -> Tensor:
        return _looked_up(positions, list(self.tables), self.size)


@fx.wrap
def _fourier(positions: Tensor, frequencies: Tensor, axes: int) -> Tensor:
    check_coordinates(positions, axes)
    work, dtype = _types(positions, frequencies)
    with no_autocast(positions):  # an angle in half precision would be another place
        angles = 2 * math.pi * positions.to(work) @ frequencies.to(work)
    return torch.cat([angles.cos(), angles.sin()], -1).to(dtype)


@fx.wrap
def _sinusoidal(
    positions: Tensor, frequencies: Tensor, axes: int, octaves: int
) -> Tensor:
    check_coordinates(positions, axes)
    work, dtype = _types(positions, frequencies)
    # Made anew: a layer in half precision keeps them rounded, and above 65504 infinite.
    exact = _octaves(octaves, work, positions.device)
    angles = (positions.to(work)[..., None] * exact).flatten(-2)
    return torch.cat([angles.cos(), angles.sin()], -1).to(dtype)


def _octaves(
    number: int, dtype: torch.dtype, device: torch.device | str | None
) -> Tensor:
    """Frequencies of which the first has a period of 4: a picture is two units wide."""
    return math.pi / 2 * torch.arange(number, dtype=dtype, device=device).exp2()


@fx.wrap
def _looked_up(
    positions: Tensor, tables: list[Tensor], size: tuple[int, ...]
) -> Tensor:
    check_coordinates(positions, len(size))
    work, dtype = _types(positions, tables[0])
    positions = positions.to(work)
    codes = [
        _interpolated(table, n, (positions[..., axis] + 1) / 2 * (n - 1))
        for axis, (table, n) in enumerate(zip(tables, size, strict=True))
    ]
    return torch.cat(codes, -1).to(dtype)


def _types(positions: Tensor, own: Tensor) -> tuple[torch.dtype, torch.dtype]:
    """The type to compute in, at least float32, and the type to return."""
    dtype = torch.promote_types(positions.dtype, own.dtype)
    return torch.promote_types(dtype, torch.float32), dtype


def geometric(number: int, base: float, like: Tensor) -> Tensor:
    """Frequencies from 1 radian a step down to almost ``1 / base``.

    In the type that an angle is computed in beside that tensor, and on its device.
    """
    work = torch.promote_types(like.dtype, torch.float32)
    steps = torch.arange(number, dtype=work, device=like.device)
    return base ** (-steps / number)


def check_base(base: Any) -> float:
    """Give back a base whose powers float32 can hold."""
    number = check_positive("base", base)
    if not 1e-30 <= number <= 1e30:
        raise ValueError(f"base must be from 1e-30 to 1e30, got {base!r}")
    return number


def check_coordinates(positions: Tensor, axes: int) -> None:
    if torch.jit.is_tracing():  # the lengths of a shape are tensors then
        return
    check_tensor("positions", positions)
    if positions.ndim == 0 or positions.shape[-1] != axes:
        raise ValueError(
            f"positions must have shape (..., {axes}), one entry an axis, "
            f"got {tuple(positions.shape)}"
        )


def _interpolated(table: Tensor, n: int, index: Tensor) -> Tensor:
    """The n entries of a table at places between them; beyond its ends, the end.

    At NaN it is NaN: no place in memory is looked up for that, which a GPU would not
    survive.
    """
    index = index.clamp(0, n - 1)
    below = index.nan_to_num().floor().clamp(max=n - 2).long()
    part = (index - below)[..., None]
    return F.embedding(below, table) * (1 - part) + F.embedding(below + 1, table) * part
