"""The coordinates themselves, appended to the input."""

import torch
from torch import Tensor, fx, nn

from coordlib.grid import Axes as Axes  # whoever makes the layer names them, too
from coordlib.grid import WithR as WithR
from coordlib.grid import check_with_r, listed_axes, unit_grid
from coordlib.layers._arguments import channels_last, check_map, laid_out_last

__all__ = ["AddCoords"]


class AddCoords(nn.Module):
    """Append unit coordinate channels to the input: the textbook half of CoordConv.

    Rows come first, then columns; the authors' layer appends columns first, as
    ``axes=(1, 0)`` does here. Coordinates end, at -1 and 1, on the centres of the
    corner pixels.

    The coordinates are computed in float32 and cast last to the type of the input, and
    bfloat16 tells neighbours apart up to 512 pixels an axis. :class:`CoordConv2d`
    computes its part of a convolution in float32; it says what TF32 makes of that.

    Parameters
    ----------
    with_r : bool or "unit", default False
        Append the distance from the centre as well: ``sqrt(D)`` at the corners of D
        axes, or 1 if "unit".
    axes : int or sequence of int, optional
        The spatial axes whose coordinates are appended, in that order, counted from 0
        or, if negative, from the end: 0 are the rows of a picture. All by default.
        r is the distance along all axes always; ``axes=()`` appends it alone.

    Raises
    ------
    TypeError
        If ``with_r`` is neither a bool nor "unit", or ``axes`` holds no integers. In
        forward: if the input is not floating point.
    ValueError
        If ``axes`` names an axis twice, or none where r is not wanted either. In
        forward: if the input has another number of axes or no places, or none of those
        that ``axes`` names.

    Notes
    -----
    Input ``(N, C, *size)`` with one, two or three spatial axes; output
    ``(N, C + D, *size)``, or ``C + D + 1`` channels with r; D is the number of ``axes``
    where they are given. The new channels come last: rows, columns, then r.

    Liu et al. (2018), section 3 and figure 3.

    Examples
    --------
    >>> AddCoords(with_r=True)(torch.rand(8, 3, 32, 48)).shape
    torch.Size([8, 6, 32, 48])
    >>> AddCoords(axes=0)(torch.zeros(1, 1, 2, 2))[:, 1]
    tensor([[[-1., -1.],
             [ 1.,  1.]]])
    """

    axes: tuple[int, ...] | None = None  # where a layer was stored without them

    def __init__(self, with_r: WithR = False, axes: Axes = None) -> None:
        super().__init__()
        self.with_r = check_with_r(with_r)
        self.axes = listed_axes(axes, self.with_r)

    def forward(self, input: Tensor) -> Tensor:
        return with_coordinates(input, self.with_r, self.axes)

    def extra_repr(self) -> str:
        axes = "" if self.axes is None else f", axes={self.axes}"
        return f"with_r={self.with_r!r}{axes}"


@fx.wrap
def with_coordinates(
    input: Tensor, with_r: WithR, axes: tuple[int, ...] | None = None
) -> Tensor:
    check_map(input)
    size, dtype, device = input.shape[2:], input.dtype, input.device
    coords = unit_grid(size, with_r=with_r, axes=axes, dtype=dtype, device=device)
    coords = coords.expand(input.shape[0], *coords.shape)
    if channels_last(input, len(size)):  # or the result would not be
        coords = laid_out_last(coords)
    return torch.cat([input, coords], 1)
