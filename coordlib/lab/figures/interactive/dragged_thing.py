"""Two detectors, and the thing that they are shown."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from traitlets import Int, List, Unicode

from coordlib.lab.figures.interactive.common import (
    Figure,
    in_base64,
    in_levels,
    module_beside,
    synced,
)


class DraggedThing(Figure):
    """A thing on a canvas that the reader moves, and the boxes of two networks for it.

    Parameters
    ----------
    thing : array_like, shape (h, w)
        In [0, 1]; kept as 256 grey levels. h and w are even.
    answers : mapping of name to array_like, shape (P, P, 5)
        For two networks, and for each place of the thing, the box that each network
        believes most, as :mod:`coordlib.lab.data.boxes` writes it, and its score in [0,
        1]. All numbers lie from -64 to 192, and are kept to 1/256.
    start, step : int
        Row and column of the middle of the thing at the first place, and from one place
        to the next.
    size : int
        Side of the canvas.
    i, j : int
        The place shown, counted from 0.
    """

    _esm = module_beside(__file__)
    shown = ("networks", "i", "j")
    size = synced(Int(64))
    height, width = synced(Int()), synced(Int())
    thing = synced(Unicode())
    start = synced(Int(0))
    step = synced(Int(1))
    places = synced(Int())
    answers = synced(List(Unicode()))
    networks = synced(List(Unicode()))
    i, j = synced(Int(0)), synced(Int(0))

    def __init__(
        self, thing: ArrayLike, answers: Mapping[str, ArrayLike], **state: Any
    ) -> None:
        shape = np.shape(thing)
        if len(shape) != 2 or shape[0] % 2 or shape[1] % 2:
            raise ValueError(f"thing must have shape (h, w), both even, got {shape}")
        stored = {name: np.asarray(values, float) for name, values in answers.items()}
        shapes = {values.shape for values in stored.values()}
        places = next(iter(shapes))[0] if shapes and min(map(len, shapes)) else 0
        if len(stored) != 2 or shapes != {(places, places, 5)}:
            raise ValueError(
                f"answers must be two of one shape (P, P, 5), got {sorted(shapes)}"
            )
        super().__init__(
            height=shape[0],
            width=shape[1],
            thing=in_levels(thing, "thing"),
            places=places,
            answers=[_in_two_bytes(values, "answers") for values in stored.values()],
            networks=list(stored),
            **state,
        )


def _in_two_bytes(values: np.ndarray, name: str) -> str:
    """Write numbers from -64 to 192 as two bytes each, and these as base64."""
    codes = np.rint(256 * (values + 64))
    if not (codes.min() >= 0 and codes.max() < 2**16):
        raise ValueError(
            f"{name} must hold numbers from -64 to 192, got {values.min()} to "
            f"{values.max()}"
        )
    return in_base64(codes.astype(">u2").tobytes())
