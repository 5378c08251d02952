"""Walks through the random numbers of generators, picture by picture."""

import io
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike
from traitlets import Int, List, Unicode

from coordlib.lab.figures.interactive.common import (
    Figure,
    in_base64,
    module_beside,
    synced,
)


class Objects(Protocol):
    """The blue and the red object on pictures, as any measurement tells of them."""

    @property
    def areas(self) -> ArrayLike:
        """Shape (N, 2), in pixels."""

    @property
    def centres(self) -> ArrayLike:
        """Shape (N, 2, 2), ``(i, j)`` in pixels."""


class LatentWalks(Figure):
    """What generators draw along straight lines through their random numbers.

    Parameters
    ----------
    pictures : mapping of name to array_like, shape (walks, frames, 3, size, size)
        In [-1, 1], from each generator along the same number of walks. Kept as 64
        colours.
    scenes : mapping of name to Objects, optional
        The blue and the red object on these pictures, one walk after the other, as
        :func:`coordlib.lab.measures.scenes.look` finds them. Told are their areas and
        places.
    distances : mapping of name to array_like, shape (walks, frames), optional
        In place of ``scenes``: how far each picture is from the first of its walk, as
        :func:`coordlib.lab.measures.distance_from_start` tells.
    walk, at : int
        The walk and the step shown, counted from 0.
    """

    _esm = module_beside(__file__)
    shown = ("names", "walk", "at")
    sheet = synced(Unicode())
    names = synced(List(Unicode()))
    walks, frames = synced(Int()), synced(Int())
    size = synced(Int())
    areas, centres = synced(List()), synced(List())
    walk, at = synced(Int(0)), synced(Int(0))

    def __init__(
        self,
        pictures: Mapping[str, ArrayLike],
        scenes: Mapping[str, Objects] | None = None,
        *,
        distances: Mapping[str, ArrayLike] | None = None,
        **state: Any,
    ) -> None:
        stored = [np.asarray(values, dtype=np.float32) for values in pictures.values()]
        shapes = {values.shape for values in stored}
        shape = min(shapes, default=())
        if len(shapes) != 1 or len(shape) != 5 or shape[2:] != (3, *2 * shape[-1:]):
            raise ValueError(
                f"pictures must have one shape (walks, frames, 3, size, size), got "
                f"{sorted(shapes)}"
            )
        if (scenes is None) == (distances is None):
            raise ValueError("give either scenes or distances")
        measured = distances if scenes is None else scenes
        if set(measured) != set(pictures):
            raise ValueError(
                f"scenes or distances must have the names of the pictures, "
                f"{list(pictures)}, got {list(measured)}"
            )
        walks, frames, _, size, _ = shape
        # A row of the sheet is a walk.
        rows = np.stack(stored).transpose(0, 1, 4, 2, 5, 3)
        sheet = rows.reshape(len(stored) * walks * size, frames * size, 3)
        if scenes is None:
            centres = []
            areas = [
                _rounded(distances[name], "distances", (walks, frames, 1))
                for name in pictures
            ]
        else:
            centres = [
                _rounded(scenes[name].centres, "scenes", (walks, frames, 2, 2))
                for name in pictures
            ]
            areas = [
                _rounded(scenes[name].areas, "scenes", (walks, frames, 2))
                for name in pictures
            ]
        super().__init__(
            sheet=_png(sheet),
            names=list(pictures),
            walks=walks,
            frames=frames,
            size=size,
            areas=areas,
            centres=centres,
            **state,
        )


def _rounded(values: ArrayLike, name: str, shape: tuple[int, ...]) -> list:
    """Numbers with one decimal, in this shape."""
    numbers = np.asarray(values, dtype=float)
    if numbers.size != np.prod(shape):
        raise ValueError(
            f"{name} must be of {shape[0]} walks of {shape[1]} pictures, got shape "
            f"{numbers.shape}"
        )
    return np.round(numbers.reshape(shape), 1).tolist()


def _png(sheet: np.ndarray) -> str:
    """Write colours in [-1, 1] as a PNG file of 64 colours, and this as base64."""
    from PIL import Image  # comes with matplotlib

    values = np.rint((sheet.clip(-1, 1) + 1) * 127.5).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(values).quantize(64).save(stream, "png", optimize=True)
    return in_base64(stream.getvalue())
