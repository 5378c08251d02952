"""Shift and convolve, in both orders."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from traitlets import Enum, Float, Int, List, Unicode

from coordlib.lab.figures.interactive.common import (
    SOBEL,
    Figure,
    kernel_rows,
    module_beside,
    picture_traits,
    synced,
)


class CommutingSquare(Figure):
    """Both ways round the square: shift then convolve, convolve then shift.

    Parameters
    ----------
    picture : array_like, shape (H, W)
        In [0, 1]; kept as 256 grey levels. H and W are even.
    kernel : array_like, shape (3, 3), optional
        As in torch, it is not turned; upright edges if not given.
    padding : {"zeros", "reflect", "circular"}
        What the convolution reads beyond the border.
    stride : {1, 2}
        An output shift by a half is taken as the nearer whole one, as
        :func:`coordlib.probe.probe` does.
    di, dj : int
        The shift, down and right.
    """

    _esm = module_beside(__file__)
    shown = ("padding", "stride", "di", "dj")
    picture = synced(Unicode())
    rows, columns = synced(Int()), synced(Int())
    kernel = synced(List(List(Float())))
    padding = synced(Enum(["zeros", "reflect", "circular"], "zeros"))
    stride = synced(Enum([1, 2], 1))
    di, dj = synced(Int(0)), synced(Int(0))

    def __init__(
        self, picture: ArrayLike, kernel: ArrayLike = SOBEL, **state: Any
    ) -> None:
        rows, columns = np.shape(picture)[-2:] if np.ndim(picture) > 1 else (1, 1)
        if rows % 2 or columns % 2:
            raise ValueError(f"picture must have even sides, got {rows} x {columns}")
        super().__init__(**picture_traits(picture), kernel=kernel_rows(kernel), **state)
