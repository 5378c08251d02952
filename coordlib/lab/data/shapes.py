"""Two coloured shapes on a white canvas: what the generators of the book draw.

The data on which Liu et al. (2018) train GANs: a blue and a red object, each a square
or a circle, drawn by chance, anywhere but not on top of each other.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from coordlib.arguments import check_integer, check_tensor

__all__ = ["COLORS", "Shapes", "draw", "radius", "shapes"]

COLORS = {"blue": (-1.0, -1.0, 1.0), "red": (1.0, -1.0, -1.0)}
"""The two objects of every picture, as red, green and blue in [-1, 1]."""

_MOST_AT_ONCE = 1024  # pictures; drawing takes several times their memory


def radius(size: int) -> int:
    """Half the side of the objects on a canvas: 10 pixels of 64, and in proportion.

    Parameters
    ----------
    size : int
        Side of the canvas, at least 8.
    """
    return 10 * check_integer("size", size, at_least=8) // 64


@dataclass(frozen=True)
class Shapes:
    """What lies on every canvas. The pictures are made when they are asked for.

    Attributes
    ----------
    centres : LongTensor, shape (N, 2, 2)
        Of the blue and the red object, ``(i, j)`` = (row, column), in pixels.
    square : BoolTensor, shape (N, 2)
        Whether an object is a square; otherwise it is a circle.
    size : int
        Side of the canvas, in pixels.
    """

    centres: Tensor = field(repr=False)
    square: Tensor = field(repr=False)
    size: int

    def __len__(self) -> int:
        return len(self.centres)

    def images(self, index=slice(None)) -> Tensor:
        """Draw the pictures.

        Parameters
        ----------
        index : optional
            What indexes a tensor and leaves its axis; all if not given.

        Returns
        -------
        Tensor, shape (n, 3, size, size), float32, in {-1, 1}
        """
        return draw(self.centres[index], self.square[index], self.size)


def draw(centres: Tensor, square: Tensor, size: int) -> Tensor:
    """Draw a blue and a red object on each canvas, red over blue.

    Parameters
    ----------
    centres : LongTensor, shape (N, 2, 2)
        ``(i, j)`` of the blue and the red object.
    square : BoolTensor, shape (N, 2)
    size : int

    Returns
    -------
    Tensor, shape (N, 3, size, size), float32, in {-1, 1}
        A square has ``2 * radius + 1`` pixels a side; a circle has the pixels whose
        middle is not farther from its own than the radius.
    """
    check_tensor("centres", centres)
    check_tensor("square", square, any_kind=True)
    if square.dtype != torch.bool:
        raise TypeError(f"square must hold bools, got {square.dtype}")
    if centres.shape[1:] != (2, 2) or square.shape != centres.shape[:2]:
        raise ValueError(
            f"centres and square must be of shapes (N, 2, 2) and (N, 2), not "
            f"{tuple(centres.shape)} and {tuple(square.shape)}"
        )
    reach = radius(size)  # refuses what is no size
    images = torch.ones(len(centres), 3, size, size, device=centres.device)
    parts = zip(
        *(t.split(_MOST_AT_ONCE) for t in (images, centres, square)), strict=True
    )
    line = torch.arange(size, device=centres.device)
    for canvas, where, is_square in parts:
        rows = (line - where[:, :, 0, None]).abs()[:, :, :, None]
        columns = (line - where[:, :, 1, None]).abs()[:, :, None, :]
        in_square = (rows <= reach) & (columns <= reach)
        in_circle = rows.square() + columns.square() <= reach**2
        inside = torch.where(is_square[:, :, None, None], in_square, in_circle)
        for mask, color in zip(inside.unbind(1), COLORS.values(), strict=True):
            there = torch.tensor(color, device=canvas.device)[:, None, None]
            canvas[:] = torch.where(mask[:, None], there, canvas)
    return images


def shapes(count: int = 50_000, size: int = 64, seed: int = 0) -> Shapes:
    """Draw positions for two objects on each canvas.

    Centres are uniform over the places where an object fits. Where the two would be
    closer than two radii, the second is drawn again. Each is a square or a circle with
    equal chance.

    Parameters
    ----------
    count : int
        Number of pictures; 50,000 in the source.
    size : int
        Side of the canvas; 64 in the source, where the radius is 10, centres lie in
        10..53 and are at least 20 pixels apart.
    seed : int
        The same seed gives the same pictures.

    Returns
    -------
    Shapes

    References
    ----------
    Liu et al., 2018, section 5, and the generator of its released code.
    """
    check_integer("count", count)
    check_integer("seed", seed, at_least=0)
    reach = radius(size)
    generator = torch.Generator().manual_seed(seed)

    def positions(n: int) -> Tensor:
        return torch.randint(reach, size - reach, (n, 2), generator=generator)

    blue, red = positions(count), positions(count)
    while len(close := _closer(blue, red, 2 * reach)):
        red[close] = positions(len(close))
    square = torch.rand(count, 2, generator=generator) < 0.5
    return Shapes(torch.stack([blue, red], 1), square, size)


def _closer(some: Tensor, others: Tensor, distance: int) -> Tensor:
    """Which positions are closer to their partner than the distance."""
    apart = (some - others).square().sum(1)
    return (apart < distance**2).nonzero()[:, 0]
