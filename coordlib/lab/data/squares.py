"""Not-so-Clevr: one white square on a black canvas, once at every position.

The data of Liu et al. (2018), section 3: a 9x9 square moves over a 64x64 canvas,
always wholly inside, which gives 56 x 56 = 3,136 pictures. Each goes with two
simpler descriptions of the same fact: the position of its centre as two numbers,
and a picture in which that one pixel is lit.
"""

from dataclasses import dataclass, field
from numbers import Real

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from coordlib.arguments import check_instance, check_integer, check_seed

__all__ = [
    "Squares",
    "quadrant_split",
    "released_split",
    "splits",
    "squares",
    "uniform_split",
]


@dataclass(frozen=True)
class Squares:
    """Every position of a square on a canvas, and the pictures of it.

    The pictures are made when they are asked for: ``index`` is anything that
    indexes a tensor (``None`` for all, a tensor of integers or of booleans, a
    slice, a list).

    Attributes
    ----------
    positions : LongTensor, shape (N, 2)
        The centres ``(i, j)`` = (row, column), in pixels, row by row.
    size : int
        Side of the canvas, in pixels.
    side : int
        Side of the square, in pixels; odd.
    """

    positions: Tensor = field(repr=False)
    size: int
    side: int

    def __len__(self) -> int:
        return len(self.positions)

    def pixels(self, index=None) -> Tensor:
        """Draw the centres: one lit pixel in each picture.

        Returns
        -------
        Tensor, shape (n, 1, size, size), float32, in {0, 1}
        """
        flat = F.one_hot(self.targets(index), self.size**2)
        return flat.to(torch.float32).reshape(-1, 1, self.size, self.size)

    def images(self, index=None) -> Tensor:
        """Draw the squares.

        Returns
        -------
        Tensor, shape (n, 1, size, size), float32, in {0, 1}
        """
        i, j = self._at(index).T
        line = torch.arange(self.size)
        rows = (line - i[:, None]).abs() <= self.side // 2
        columns = (line - j[:, None]).abs() <= self.side // 2
        both = rows[:, None, :, None] & columns[:, None, None, :]
        return both.to(torch.float32)

    def targets(self, index=None) -> Tensor:
        """Number the centres as classes: ``i * size + j``.

        Returns
        -------
        LongTensor, shape (n,)
            At least 0, and less than the number of pixels.
        """
        i, j = self._at(index).T
        return i * self.size + j

    def _at(self, index) -> Tensor:
        if index is None:
            return self.positions
        chosen = self.positions[index]
        if chosen.ndim != 2:
            raise ValueError(
                f"index must choose a list of positions (a 1-D tensor, a list or a "
                f"slice), got {index!r}"
            )
        return chosen


def squares(size: int = 64, side: int = 9) -> Squares:
    """Put a square at every position where it fits on the canvas.

    Parameters
    ----------
    size : int
        Side of the canvas, in pixels.
    side : int
        Side of the square, in pixels: odd, so that it has a centre pixel.

    Returns
    -------
    Squares
        ``(size - side + 1) ** 2`` positions, row by row: 3,136 by default.

    References
    ----------
    Liu et al., 2018, "An intriguing failing of convolutional neural networks and
    the CoordConv solution", section 3.
    """
    for name, value in (("size", size), ("side", side)):
        check_integer(name, value, at_least=-(2**63))
    if side < 1 or side % 2 == 0:
        raise ValueError(f"side must be a positive odd number, got {side}")
    if side > size:
        raise ValueError(
            f"a square of side {side} does not fit on a canvas of size {size}"
        )
    centres = torch.arange(side // 2, size - side // 2)
    return Squares(torch.cartesian_prod(centres, centres), size, side)


def uniform_split(
    data: Squares, test_fraction: float = 0.2, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Hold out positions at random, as the paper's text does: four fifths to train.

    Parameters
    ----------
    data : Squares
    test_fraction : float, in (0, 1)
        Part of the positions to hold out; the number is rounded.
    seed : int
        The same seed holds out the same positions.

    Returns
    -------
    train, test : LongTensor, shapes (n,) and (N - n,)
        Indices into ``data``, in ascending order; 2,509 and 627 by default.
    """
    check_instance("data", data, Squares, "Squares")
    check_seed("seed", seed)
    check_instance("test_fraction", test_fraction, Real, "a number")
    if not 0 < test_fraction < 1:
        raise ValueError(
            f"test_fraction must lie between 0 and 1, got {test_fraction!r}"
        )
    held = round(len(data) * test_fraction)
    if held in (0, len(data)):
        raise ValueError(
            f"test_fraction {test_fraction} of {len(data)} positions leaves one side "
            f"of the split empty"
        )
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(seed))
    return order[held:].sort().values, order[:held].sort().values


def released_split(data: Squares, seed: int = 20202) -> tuple[Tensor, Tensor]:
    """Hold out each position with probability .25, as the released code does.

    That code draws a number for every position in turn and holds out those below a
    quarter: not four fifths to train, as the text of the paper has it, and not exactly
    three quarters. With its seed it holds out 768 of 3,136 and trains on 2,368. We go
    through the positions row by row; column by column the same numbers would hold out
    the mirror image along the diagonal.

    Parameters
    ----------
    data : Squares
    seed : int
        Of NumPy's generator, from 0 to 2**32 - 1; that of the released code by default.

    Returns
    -------
    train, test : LongTensor
        Indices into ``data``, in ascending order.
    """
    check_instance("data", data, Squares, "Squares")
    check_integer("seed", seed, at_least=0, at_most=2**32 - 1)
    drawn = np.random.RandomState(seed).random_sample(len(data))
    held = torch.from_numpy(drawn < 0.25)
    if held.all() or not held.any():
        raise ValueError(
            f"seed {seed} leaves one side of a split of {len(data)} positions empty"
        )
    return (~held).nonzero()[:, 0], held.nonzero()[:, 0]


def quadrant_split(data: Squares) -> tuple[Tensor, Tensor]:
    """Hold out the lower right quadrant: both centre coordinates beyond the middle.

    On the 64x64 canvas the centres run over 4..59 and those beyond 32 are held out
    in both axes: 27 x 27 = 729 positions to test, 2,407 to train. So the released
    code of the paper has it; it is a little less than a quarter.

    Returns
    -------
    train, test : LongTensor
        Indices into ``data``, in ascending order.
    """
    check_instance("data", data, Squares, "Squares")
    held = (data.positions > data.size / 2).all(1)
    if not held.any():
        raise ValueError(
            f"no centre of a {data.side}x{data.side} square lies beyond the middle of "
            f"a {data.size}x{data.size} canvas: nothing to hold out"
        )
    return (~held).nonzero()[:, 0], held.nonzero()[:, 0]


def splits(data: Squares, seed: int = 0) -> dict[str, tuple[Tensor, Tensor]]:
    """Give both splits of the paper by name: ``uniform`` and ``quadrant``.

    Parameters
    ----------
    data : Squares
    seed : int
        Of the uniform split.

    Returns
    -------
    dict of str to (train, test)
    """
    return {
        "uniform": uniform_split(data, seed=seed),
        "quadrant": quadrant_split(data),
    }
