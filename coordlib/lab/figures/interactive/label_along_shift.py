"""Probabilities of classes, shift by shift."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from traitlets import Int, List, Unicode

from coordlib.lab.figures.interactive.common import (
    Figure,
    chosen,
    in_base64,
    module_beside,
    synced,
)


class LabelAlongShift(Figure):
    """What networks say while the window they see moves over a picture.

    The window starts in the upper left corner and moves down and right.

    Parameters
    ----------
    pictures : mapping of name to bytes
        JPEG files of square pictures, to choose from. They are shown at any size.
    classes : mapping of name to sequence of str
        For each picture the classes that have a curve; six or so are told apart.
    probabilities : mapping of name to array_like, shape (networks, shifts, classes)
        In [0, 1], kept to four decimals.
    networks : sequence of str
    shifts : sequence of int, optional
        Pixels, rising from 0; 0, 1, 2 and so on if not given.
    size, window : int
        Sides of the picture and of the window, in the pixels of the shifts.
    picture : str
        The one chosen; the first if not given.
    at : int
        Which shift is shown, counted from 0.
    """

    _esm = module_beside(__file__)
    shown = ("networks", "picture", "at")
    views = synced(List())
    networks = synced(List(Unicode()))
    shifts = synced(List(Int()))
    size = synced(Int())
    window = synced(Int())
    picture = synced(Unicode())
    at = synced(Int(0))

    def __init__(
        self,
        pictures: Mapping[str, bytes],
        classes: Mapping[str, Sequence[str]],
        probabilities: Mapping[str, ArrayLike],
        networks: Sequence[str],
        shifts: Sequence[int] | None = None,
        size: int = 256,
        window: int = 224,
        picture: str | None = None,
        **state: Any,
    ) -> None:
        if not set(pictures) == set(classes) == set(probabilities):
            raise ValueError(
                f"pictures, classes and probabilities must have the same names, got "
                f"{list(pictures)}, {list(classes)} and {list(probabilities)}"
            )
        picture = chosen("picture", picture, pictures)
        stored = {k: np.asarray(v, dtype=float) for k, v in probabilities.items()}
        if shifts is None:
            shifts = range(stored[picture].shape[1])
        for name, values in stored.items():
            wanted = len(networks), len(shifts), len(classes[name])
            if values.shape != wanted:
                raise ValueError(
                    f"probabilities of {name!r} must have shape {wanted} for these "
                    f"networks, shifts and classes, got {values.shape}"
                )
        if window + max(shifts) > size:
            raise ValueError(
                f"a window of {window}, moved by {max(shifts)}, leaves a picture of "
                f"{size} pixels"
            )
        super().__init__(
            views=[
                [
                    name,
                    in_base64(file),
                    list(classes[name]),
                    np.round(stored[name], 4).tolist(),
                ]
                for name, file in pictures.items()
            ],
            networks=list(networks),
            shifts=list(shifts),
            size=size,
            window=window,
            picture=picture,
            **state,
        )
