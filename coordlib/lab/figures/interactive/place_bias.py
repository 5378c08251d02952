"""How coordinate weights break the square."""

from collections.abc import Mapping
from typing import Any

from numpy.typing import ArrayLike
from traitlets import Float, Int, List, Unicode

from coordlib.lab.figures.interactive.common import (
    SOBEL,
    Figure,
    chosen,
    kernel_rows,
    module_beside,
    picture_traits,
    synced,
)


class PlaceBias(Figure):
    """Both ways round the square for CoordConv on a ring, its dial in hand.

    The layer is a 3x3 convolution with all its coordinate weights, on rows and on
    columns, at one value. At 0 it is the convolution.

    Parameters
    ----------
    pictures : mapping of name to array_like, shape (H, W)
        Pictures to choose from, in [0, 1], of one size; kept as 256 grey levels.
    kernel : array_like, shape (3, 3), optional
        The weights on the picture, as in torch; upright edges if not given.
    picture : str
        The one chosen; the first if not given.
    weight : float
        Of every coordinate.
    di, dj : int
        The shift, down and right.
    """

    _esm = module_beside(__file__)
    shown = ("picture", "weight", "di", "dj")
    pictures = synced(List())
    picture = synced(Unicode())
    rows, columns = synced(Int()), synced(Int())
    kernel = synced(List(List(Float())))
    weight = synced(Float(0.0))
    di, dj = synced(Int(0)), synced(Int(0))

    def __init__(
        self,
        pictures: Mapping[str, ArrayLike],
        kernel: ArrayLike = SOBEL,
        picture: str | None = None,
        **state: Any,
    ) -> None:
        fields = {name: picture_traits(values) for name, values in pictures.items()}
        sizes = {(each["rows"], each["columns"]) for each in fields.values()}
        if len(sizes) != 1:
            raise ValueError(f"pictures must have one size, got {sorted(sizes)}")
        [(rows, columns)] = sizes
        super().__init__(
            pictures=[[name, each["picture"]] for name, each in fields.items()],
            picture=chosen("picture", picture, fields),
            rows=rows,
            columns=columns,
            kernel=kernel_rows(kernel),
            **state,
        )
