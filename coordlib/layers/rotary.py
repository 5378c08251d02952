"""Rotary encoding: queries and keys turn with their places.

The other encodings say where a place is. This one is for attention where only the
difference of two places is to matter.
"""

import torch
from torch import Tensor, fx, nn

from coordlib.arguments import check_floating, check_integer
from coordlib.grid import index_grid
from coordlib.layers._arguments import no_autocast
from coordlib.layers.encodings import check_base, check_coordinates, geometric

__all__ = ["RotaryEncoding"]


class RotaryEncoding(nn.Module):
    """Turn queries and keys by their positions: rotary embedding, axis by axis.

    The inner product of a query and a key depends on their positions by the difference
    alone, once both are turned. Lengths stay as they are.

    Parameters
    ----------
    features : int
        Of a query or a key in one head, a multiple of ``2 * axes``. Each axis turns an
        equal share of them: the first axis, that of the rows, the first.
    base : float, default 100.0
        Each axis has ``n = features / (2 * axes)`` pairs of features. Pair t turns by
        ``base ** (-t / n)`` radians a unit of position. 100 is usual for pictures, and
        10000 (with ``axes=1``) for text.
    axes : int
        Number of coordinates.

    Raises
    ------
    TypeError
        If ``features`` or ``axes`` is not an integer, or ``base`` no number.
    ValueError
        If ``features`` is no multiple of ``2 * axes``, ``axes`` is below 1, or ``base``
        not from 1e-30 to 1e30.

    Notes
    -----
    ``forward(input, positions)``: input ``(..., features)``, and positions
    ``(..., axes)`` that broadcast against it; the output is like the input. Positions
    are counted in pixels or patches, as :func:`~coordlib.grid.index_grid` counts them.
    Without them the input is ``(..., *size, features)``, and each place has its index.

    Neighbours are a pair: the features 0 and 1, 2 and 3, and so on. Angles are computed
    in at least float32. There is nothing to learn, and nothing is stored. Values are
    not turned.

    References
    ----------
    Su et al., 2021, "RoFormer: enhanced transformer with rotary position embedding",
    section 3.2. By axes: Heo et al., 2024, "Rotary position embedding for vision
    transformer", section 3, where the first half of the features is for the columns.

    Examples
    --------
    >>> from coordlib.grid import index_grid
    >>> turn, patches = RotaryEncoding(32), index_grid((14, 14)).flatten(1).T
    >>> queries, keys = torch.randn(2, 8, 4, 14 * 14, 32)
    >>> scores = turn(queries, patches) @ turn(keys, patches).mT
    >>> scores.shape
    torch.Size([8, 4, 196, 196])
    """

    def __init__(self, features: int, base: float = 100.0, axes: int = 2) -> None:
        super().__init__()
        check_integer("axes", axes)
        check_integer("features", features)
        self.base = check_base(base)
        if features % (2 * axes):
            raise ValueError(
                f"features must be a multiple of {2 * axes}, a pair for each of the "
                f"axes, got {features}"
            )
        self.features, self.axes = features, axes

    def forward(self, input: Tensor, positions: Tensor | None = None) -> Tensor:
        return _turned(input, positions, self.features, self.base, self.axes)

    def extra_repr(self) -> str:
        return f"{self.features}, base={self.base}, axes={self.axes}"


@fx.wrap
def _turned(
    input: Tensor, positions: Tensor | None, features: int, base: float, axes: int
) -> Tensor:
    check_floating("input", input)
    if positions is None:
        _check_input(input, features, axes)
        size = input.shape[-1 - axes : -1]
        positions = index_grid(size, device=input.device).movedim(0, -1)
    else:
        _check_input(input, features, 0)
        check_coordinates(positions, axes)
        _check_broadcast(positions, input)
    frequencies = geometric(features // (2 * axes), base, input)
    work = frequencies.dtype
    with no_autocast(input):
        angles = (positions.to(work)[..., None] * frequencies).flatten(-2)
        cos, sin = angles.cos(), angles.sin()
        first, second = input.to(work).unflatten(-1, (-1, 2)).unbind(-1)
        turned = first * cos - second * sin, first * sin + second * cos
        return torch.stack(turned, -1).flatten(-2).to(input.dtype)


def _check_input(input: Tensor, features: int, axes: int) -> None:
    if torch.jit.is_tracing():  # the lengths of a shape are tensors then
        return
    if input.ndim <= axes or input.shape[-1] != features:
        places = ", *size" if axes else ""
        raise ValueError(
            f"input must have shape (...{places}, {features}), got {tuple(input.shape)}"
        )


def _check_broadcast(positions: Tensor, input: Tensor) -> None:
    if torch.jit.is_tracing():
        return
    lengths = zip(positions.shape[-2::-1], input.shape[-2::-1], strict=False)
    if positions.ndim > input.ndim or any(p not in (1, n) for p, n in lengths):
        raise ValueError(
            f"positions must broadcast against an input of shape {tuple(input.shape)}, "
            f"got {tuple(positions.shape)}"
        )
