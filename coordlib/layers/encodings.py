"""Positional encodings: the ways to write a position down for a network.

Each turns unit coordinates, shape (..., D), into features, shape (..., channels).
:class:`CoordConv2d` takes the coordinates as they are; these are what is used in its
place elsewhere.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coordlib.arguments import check_integer

__all__ = ["FourierFeatures", "LearnedEncoding", "SinusoidalEncoding"]


class FourierFeatures(nn.Module):
    """Sines and cosines of waves in random directions.

    The scale decides how fine the detail is that a network can learn soon: with a small
    one it learns smooth functions, with a large one any, and guesses wildly in between.

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

    Attributes
    ----------
    channels : int
        Features of a position: twice the waves.

    Raises
    ------
    TypeError
        If ``waves``, ``axes`` or ``seed`` is not an integer.
    ValueError
        If ``waves`` or ``axes`` is below 1, or ``scale`` not positive.

    References
    ----------
    Tancik et al., 2020, "Fourier features let networks learn high frequency functions
    in low dimensional domains", section 5.
    """

    def __init__(
        self, waves: int = 16, scale: float = 1.0, axes: int = 2, seed: int = 0
    ) -> None:
        super().__init__()
        check_integer("waves", waves)
        check_integer("axes", axes)
        if not scale > 0:
            raise ValueError(f"scale must be positive, not {scale!r}")
        generator = torch.Generator().manual_seed(seed)
        frequencies = scale * torch.randn(axes, waves, generator=generator)
        self.register_buffer("frequencies", frequencies)
        self.channels = 2 * waves

    def forward(self, positions: Tensor) -> Tensor:
        angles = 2 * math.pi * positions @ self.frequencies
        return torch.cat([angles.cos(), angles.sin()], -1)


class SinusoidalEncoding(nn.Module):
    """Sines and cosines along each axis, each wave half as long as the one before.

    Parameters
    ----------
    octaves : int
        Number of waves an axis. The longest is as long as two pictures, so that no two
        places have the same code.
    axes : int
        Number of coordinates.

    Attributes
    ----------
    channels : int
        Features of a position: ``2 * octaves * axes``.

    Raises
    ------
    TypeError
        If ``octaves`` or ``axes`` is not an integer.
    ValueError
        If one of them is below 1.

    References
    ----------
    Vaswani et al., 2017, "Attention is all you need", section 3.5, in one dimension;
    with octaves as in Mildenhall et al., 2020, "NeRF", section 5.1.
    """

    def __init__(self, octaves: int = 6, axes: int = 2) -> None:
        super().__init__()
        check_integer("octaves", octaves)
        check_integer("axes", axes)
        # Of period 4 at first, in units of which a picture has two.
        self.register_buffer("frequencies", math.pi / 2 * 2.0 ** torch.arange(octaves))
        self.channels = 2 * octaves * axes

    def forward(self, positions: Tensor) -> Tensor:
        angles = (positions[..., None] * self.frequencies).flatten(-2)
        return torch.cat([angles.cos(), angles.sin()], -1)


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
    """

    def __init__(self, size: tuple[int, ...] = (64, 64), features: int = 16) -> None:
        super().__init__()
        check_integer("features", features)
        for length in size:
            check_integer("size", length, at_least=2)
        self.tables = nn.ParameterList(
            nn.Parameter(torch.randn(length, features)) for length in size
        )
        self.channels = features * len(size)

    def forward(self, positions: Tensor) -> Tensor:
        codes = [
            _interpolated(table, (positions[..., axis] + 1) / 2 * (len(table) - 1))
            for axis, table in enumerate(self.tables)
        ]
        return torch.cat(codes, -1)


def _interpolated(table: Tensor, index: Tensor) -> Tensor:
    """Entries of a table at places between them; beyond its ends, the end."""
    index = index.clamp(0, len(table) - 1)
    below = index.floor().clamp(max=len(table) - 2).long()
    part = (index - below)[..., None]
    return F.embedding(below, table) * (1 - part) + F.embedding(below + 1, table) * part
