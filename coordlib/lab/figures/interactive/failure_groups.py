"""Places that fail, and what they may have in common."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from traitlets import Int, List, Unicode

from coordlib.lab.figures.interactive.common import (
    Figure,
    chosen,
    module_beside,
    synced,
)


class FailureGroups(Figure):
    """Which places fail, divided by one suspect after another.

    Parameters
    ----------
    places : array_like of int, shape (N, 2)
        Row and column of each place.
    right : array_like of bool, shape (N,)
        The outcome there.
    suspects : mapping of name to (array_like of int, shape (N,); float)
        The group of each place, and how often chance divides the outcomes as well.
    size : (int, int)
        Rows and columns of the canvas.
    suspect : str
        The one chosen; the first if not given.
    at : int
        The place shown, by its number.
    """

    _esm = module_beside(__file__)
    shown = ("suspect", "at")
    rows, columns = synced(Int()), synced(Int())
    places = synced(List())
    right = synced(List())
    suspects = synced(List())
    suspect = synced(Unicode())
    at = synced(Int(0))

    def __init__(
        self,
        places: ArrayLike,
        right: ArrayLike,
        suspects: Mapping[str, tuple[ArrayLike, float]],
        size: tuple[int, int],
        suspect: str | None = None,
        **state: Any,
    ) -> None:
        where, outcome = np.asarray(places, dtype=int), np.asarray(right, dtype=int)
        if where.ndim != 2 or where.shape[1] != 2:
            raise ValueError(f"places must have shape (N, 2), got {where.shape}")
        stored = [
            [name, np.asarray(labels, dtype=int).tolist(), float(chance)]
            for name, (labels, chance) in suspects.items()
        ]
        lengths = {len(outcome)} | {len(labels) for _, labels, _ in stored}
        if lengths != {len(where)}:
            raise ValueError(
                f"{len(where)} places, but outcomes or groups of {sorted(lengths)}"
            )
        super().__init__(
            rows=size[0],
            columns=size[1],
            places=where.tolist(),
            right=outcome.tolist(),
            suspects=stored,
            suspect=chosen("suspect", suspect, suspects),
            **state,
        )
