"""One step of a convolution after the other."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from traitlets import Int, List, Unicode

from coordlib.lab.figures.interactive.common import (
    SOBEL,
    Figure,
    chosen,
    kernel_rows,
    module_beside,
    picture_traits,
    synced,
)


class SlidingKernel(Figure):
    """A 3x3 kernel over a picture: what it reads, its weights, their sum.

    Beyond the border it reads zeros.

    Parameters
    ----------
    picture : array_like, shape (H, W)
        In [0, 1]; kept as 256 grey levels.
    kernels : mapping of name to array_like of shape (3, 3), optional
        The kernels to choose from.
    kernel : str
        The one chosen; the first if not given.
    i, j : int
        The pixel that the kernel is centred on.
    """

    _esm = module_beside(__file__)
    shown = ("kernel", "i", "j")
    picture = synced(Unicode())
    rows, columns = synced(Int()), synced(Int())
    # Pairs, because a notebook stores a dictionary in the order of the alphabet.
    kernels = synced(List())
    kernel = synced(Unicode())
    i, j = synced(Int(0)), synced(Int(0))

    def __init__(
        self,
        picture: ArrayLike,
        kernels: Mapping[str, ArrayLike] | None = None,
        kernel: str | None = None,
        **state: Any,
    ) -> None:
        if kernels is None:
            kernels = {
                "upright edges": SOBEL,
                "mean": np.full((3, 3), 1 / 9),
                "one to the left": [[0, 0, 0], [0, 0, 1], [0, 0, 0]],
            }
        state["kernels"] = [[name, kernel_rows(k)] for name, k in kernels.items()]
        super().__init__(
            **picture_traits(picture), kernel=chosen("kernel", kernel, kernels), **state
        )
