"""Two painters beside each other, dot by dot."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from traitlets import Int, List, Unicode

from coordlib.lab.figures.interactive.common import (
    Figure,
    in_levels,
    module_beside,
    synced,
)


class PaintersCompare(Figure):
    """What two networks paint around every place that one may ask for.

    Parameters
    ----------
    first, second : array_like, shape (P, Q, h, w)
        For each of P x Q places the patch around it, in [0, 1]; h and w are odd, and
        the target is the middle. Kept as 256 grey levels.
    names : sequence of two str
    trained : array_like of bool, shape (P, Q), optional
        Which places the networks were trained on.
    side : int
        Side of the square that should be painted: 1 for a dot.
    origin : int
        Row and column of the first place on the canvas.
    i, j : int
        The place asked for.
    """

    _esm = module_beside(__file__)
    shown = ("names", "i", "j")
    rows, columns = synced(Int()), synced(Int())
    height, width = synced(Int()), synced(Int())
    first = synced(Unicode())
    second = synced(Unicode())
    names = synced(List(Unicode()))
    trained = synced(Unicode())
    side = synced(Int(1))
    origin = synced(Int(0))
    i, j = synced(Int(0)), synced(Int(0))

    def __init__(
        self,
        first: ArrayLike,
        second: ArrayLike,
        names: Sequence[str],
        trained: ArrayLike | None = None,
        **state: Any,
    ) -> None:
        shape = np.shape(first)
        if len(shape) != 4 or shape[2] % 2 == 0 or shape[3] % 2 == 0:
            raise ValueError(
                f"first must have shape (P, Q, h, w) with odd h and w, got {shape}"
            )
        if np.shape(second) != shape:
            raise ValueError(f"second must have shape {shape}, got {np.shape(second)}")
        if len(names) != 2:
            raise ValueError(f"names must be two, got {list(names)}")
        if trained is not None:
            mask = np.asarray(trained, dtype=bool)
            if mask.shape != shape[:2]:
                raise ValueError(
                    f"trained must have shape {shape[:2]}, got {mask.shape}"
                )
            state["trained"] = in_levels(mask.astype(float), "trained")
        sizes = zip(("rows", "columns", "height", "width"), shape, strict=True)
        super().__init__(
            first=in_levels(first, "first"),
            second=in_levels(second, "second"),
            names=list(names),
            **dict(sizes),
            **state,
        )
