"""Index and unit coordinates, and shifts: the one place that knows the convention.

A position is ``(i, j)`` = (row, column), in that order; in three dimensions it is
``(depth, row, column)``. Unit coordinates run over [-1, 1] along each axis, with the
ends on the centres of the corner pixels. An axis of length 1 has coordinate 0.
"""

from collections.abc import Iterable, Sequence
from math import cos, pi
from numbers import Integral, Real
from typing import Any, Literal

import torch
from torch import Tensor

from coordlib.arguments import (
    check_choice,
    check_dtype,
    check_flag,
    check_floating,
    check_integer,
    check_tensor,
    one_step,
)

__all__ = ["from_unit", "index_grid", "shift", "to_unit", "unit_grid"]

Shift = tuple[float, ...]
Axes = int | Sequence[int] | None
WithR = bool | Literal["unit"]
SHIFT_MODES = ("circular", "zero", "fourier")
_MOST = 2**63 - 1


@one_step
def index_grid(
    size: Sequence[int],
    *,
    dtype: torch.dtype = torch.long,
    device: torch.device | str | None = None,
) -> Tensor:
    """Integer coordinates of every pixel.

    Parameters
    ----------
    size : sequence of int
        Length of each spatial axis, ``(H, W)`` for an image; each at least 1.
    dtype : torch.dtype, default torch.long
        Type of the result.
    device : torch.device or str, optional
        Where the result lives.

    Returns
    -------
    Tensor
        Shape ``(D, *size)``, D being ``len(size)``. Channel d holds the index along
        axis d, from 0 to ``size[d] - 1``: rows first, then columns.

    Raises
    ------
    TypeError
        If ``size`` is not a sequence of integers.
    ValueError
        If ``size`` is empty or a length is below 1.

    Examples
    --------
    >>> index_grid((2, 3))[1]
    tensor([[0, 1, 2],
            [0, 1, 2]])
    """
    if not isinstance(dtype, torch.dtype):
        raise TypeError(f"dtype must be a torch.dtype, got {dtype!r}")
    axes = [torch.arange(n, dtype=dtype, device=device) for n in _checked(size)]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"))


@one_step
def unit_grid(
    size: Sequence[int],
    *,
    with_r: WithR = False,
    axes: Axes = None,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> Tensor:
    """Unit coordinates of every pixel: the channels that CoordConv adds.

    Computed in float32 (float64 if ``dtype`` is float64) and cast last. Bear in mind
    what the cast does: bfloat16 tells neighbouring pixels apart up to 512 pixels an
    axis, float16 up to 4096.

    Parameters
    ----------
    size : sequence of int
        Length of each spatial axis, each at least 1.
    with_r : bool or "unit", default False
        Append the distance from the centre of the grid, where it is 0. It is
        ``sqrt(D)`` at the corners and not rescaled; with "unit" it is divided by that,
        and 1 there. (An axis of length 1 has no ends, and adds nothing to r.)
    axes : int or sequence of int, optional
        The axes whose coordinates are wanted, in that order, counted from 0 or, if
        negative, from the end; all of them by default. r is the distance along all
        axes whichever are wanted, and may be wanted alone: ``axes=()``.
    dtype : torch.dtype, default torch.float32
        A floating point type.
    device : torch.device or str, optional
        Where the result lives.

    Returns
    -------
    Tensor
        Shape ``(D, *size)``, or ``(D + 1, *size)`` with r as the last channel; with
        ``axes``, D is the number of those.

    Raises
    ------
    TypeError
        If ``dtype`` is not floating point, ``size`` not a sequence of integers or
        ``axes`` holds none.
    ValueError
        If ``size`` is empty or a length is below 1, or ``axes`` names an axis that is
        not there, one twice, or none where r is not wanted either.

    Notes
    -----
    Liu et al., "An intriguing failing of convolutional neural networks and the
    CoordConv solution" (2018), section 3. Their x is our last axis, their y the one
    before.

    Examples
    --------
    >>> unit_grid((2, 3))[1]
    tensor([[-1.,  0.,  1.],
            [-1.,  0.,  1.]])
    """
    check_dtype("dtype", dtype)
    with_r = check_with_r(with_r)
    wanted = wanted_axes(listed_axes(axes, with_r), len(_checked(size)), with_r)
    return coordinate_channels(size, with_r, dtype, device, wanted)[0]


def check_with_r(with_r: Any) -> WithR:
    if not isinstance(with_r, str):
        check_flag("with_r", with_r)
        return bool(with_r)
    if with_r != "unit":
        raise TypeError(f'with_r must be True, False or "unit", got {with_r!r}')
    return "unit"


def listed_axes(axes: Any, with_r: WithR) -> tuple[int, ...] | None:
    """Give axes as a tuple of integers, however they were said; None stays.

    What is wrong with them whatever the number of axes is refused.
    """
    if axes is None:
        return None
    several = isinstance(axes, Sequence) and not isinstance(axes, str)
    entries = axes if several else (axes,)
    listed = tuple(check_integer("axes", axis, at_least=-_MOST) for axis in entries)
    if not listed and not with_r:
        raise ValueError(f"axes must name an axis where r is not wanted, got {axes}")
    _check_once(listed, listed)
    return listed


def wanted_axes(
    axes: tuple[int, ...] | None, rank: int, with_r: WithR
) -> tuple[int, ...]:
    """Count axes from 0; without any named, all of them."""
    if axes is None:
        return tuple(range(rank))
    for axis in axes:
        check_integer("axes", axis, at_least=-rank, at_most=rank - 1)
    wanted = tuple(axis % rank for axis in axes)
    _check_once(wanted, axes)
    return wanted


def _check_once(counted: tuple[int, ...], axes: tuple[int, ...]) -> None:
    if len(set(counted)) < len(counted):
        raise ValueError(f"axes must name each axis once, got {axes}")


def coordinate_channels(
    size: Sequence[int],
    with_r: WithR,
    dtype: torch.dtype,
    device: torch.device | str | None,
    wanted: tuple[int, ...],
) -> Tensor:
    """:func:`unit_grid` as a batch of one, shape ``(1, D, *size)``: for layers.

    It is made with that axis. Put in front later, it would be a view, and where a
    convolution keeps a view for its gradient, torch's compiler fails at the second
    size, for it cannot order strides that it does not know.
    """
    work = torch.promote_types(dtype, torch.float32)
    every = [
        _to_unit(torch.arange(n, dtype=work, device=device), n)
        .view(-1, *[1] * (len(size) - 1 - axis))
        .expand(1, 1, *size)
        for axis, n in enumerate(size)
    ]
    channels = [every[axis] for axis in wanted]
    if with_r:
        squares = torch.cat(every, 1).square()
        total = squares.mean if with_r == "unit" else squares.sum
        channels.append(total(1, keepdim=True).sqrt())
    return torch.cat(channels, 1).to(dtype)


@one_step
def to_unit(position: Tensor, size: Sequence[int]) -> Tensor:
    """Turn pixel positions into unit coordinates.

    Parameters
    ----------
    position : Tensor
        Shape ``(..., D)``; integer or floating point, so between pixels is fine. A
        position outside the image becomes a coordinate outside [-1, 1].
    size : sequence of int
        Length of each of the D axes.

    Returns
    -------
    Tensor
        Shape ``(..., D)``: float32 for integers, otherwise the type of ``position``.

    Raises
    ------
    TypeError
        If ``position`` is not a tensor of numbers, or ``size`` not a sequence of
        integers.
    ValueError
        If the last axis of ``position`` does not have one entry an axis.

    Examples
    --------
    >>> to_unit(torch.tensor([[0, 4], [2, 2]]), (3, 5))
    tensor([[-1.,  1.],
            [ 1.,  0.]])
    """
    position, work, dtype = _positions(position, size, "position")
    axes = zip(position.to(work).unbind(-1), _checked(size), strict=True)
    return torch.stack([_to_unit(p, n) for p, n in axes], -1).to(dtype)


@one_step
def from_unit(coordinate: Tensor, size: Sequence[int]) -> Tensor:
    """Turn unit coordinates into pixel positions: the inverse of :func:`to_unit`.

    Parameters
    ----------
    coordinate : Tensor
        Shape ``(..., D)``, usually in [-1, 1].
    size : sequence of int
        Length of each of the D axes. Along an axis of length 1 every coordinate
        means position 0.

    Returns
    -------
    Tensor
        Shape ``(..., D)``, floating point and not rounded: a coordinate between two
        pixels gives a position between them.

    Raises
    ------
    TypeError
        If ``coordinate`` is not a tensor of numbers, or ``size`` not a sequence of
        integers.
    ValueError
        If the last axis of ``coordinate`` does not have one entry an axis.

    Examples
    --------
    >>> from_unit(torch.tensor([[-1.0, 1.0], [0.0, 0.5]]), (3, 5))
    tensor([[0., 4.],
            [1., 3.]])
    """
    coordinate, work, dtype = _positions(coordinate, size, "coordinate")
    axes = zip(coordinate.to(work).unbind(-1), _checked(size), strict=True)
    return torch.stack([(c + 1) * (n - 1) / 2 for c, n in axes], -1).to(dtype)


@one_step
def shift(x: Tensor, by: float | Shift, mode: str = "circular") -> Tensor:
    """Move the content of ``x`` along its last axes.

    Parameters
    ----------
    x : Tensor
        Of shape ``(..., *size)``.
    by : int or tuple of int
        Pixels along the last ``len(by)`` axes, in the order of the axes: for an
        image ``(down, right)``. Negative numbers move up and left. With "fourier" they
        may be fractions.
    mode : {"circular", "zero", "fourier"}
        What enters at the border: what left on the other side, or zeros. *fourier* is
        circular, and defined between the pixels; ``x`` is floating point there.

    Returns
    -------
    Tensor, of the shape and type of ``x``

    Raises
    ------
    TypeError
        If ``by`` holds anything but integers, or with "fourier" anything but finite
        numbers, or ``x`` is not floating point there.
    ValueError
        If ``mode`` is unknown or ``x`` has fewer axes than ``by``.

    Notes
    -----
    On a ring of ``n`` pixels, "fourier" multiplies the component
    ``exp(2 pi i k p / n)`` by ``exp(-2 pi i k d / n)``, for all frequencies
    ``|k| < n / 2``. That moves the one picture which holds no others and goes through
    the pixels: what is band-limited moves exactly, whole shifts are those of
    "circular", and shifts add. Where ``n`` is even, the component at ``n / 2``,
    Nyquist's, has half of it on either side, and is multiplied by the mean of the two,
    ``cos(pi d)``: half a pixel takes it away, and it is the one component whose shifts
    do not add.
    """
    check_choice("mode", mode, SHIFT_MODES)
    by = as_shift("by", by, mode)
    if mode == "fourier":
        check_floating("x", x)
    check_tensor("x", x, any_kind=True)
    if x.ndim < len(by):
        raise ValueError(f"by has {len(by)} entries but x only {x.ndim} axes")
    axes = tuple(range(-len(by), 0))
    if mode == "fourier":
        return _moved_between(x, by, axes)
    rolled = torch.roll(x, [int(d) for d in by], axes)
    if mode == "circular":
        return rolled
    kept = kept_places(x.shape[-len(by) :], by, device=x.device)
    return torch.where(kept, rolled, torch.zeros_like(rolled))


def _moved_between(x: Tensor, by: Shift, axes: tuple[int, ...]) -> Tensor:
    if not torch.jit.is_tracing() and x.numel() == 0:  # no transform takes these
        return x.clone()
    moved = x.to(torch.promote_types(x.dtype, torch.float32))
    for axis, d in zip(axes, by, strict=True):
        n = x.shape[axis]
        # Whole turns of the ring are taken off first: large angles lose digits.
        turn = torch.arange(n // 2 + 1, device=x.device, dtype=moved.dtype)
        turn = turn * (-2 * pi * (d % n) / n)
        factor = torch.polar(torch.ones_like(turn), turn)
        if n % 2 == 0:
            factor[-1] = cos(pi * (d % 2))
        spectrum = torch.fft.rfft(moved.movedim(axis, -1)) * factor
        moved = torch.fft.irfft(spectrum, n).movedim(-1, axis)
    return moved.to(x.dtype)


def kept_places(size: Iterable[int], by: Shift, device: torch.device) -> Tensor:
    """Mask of the places that still hold content after a shift that loses some."""
    mask = torch.ones((), dtype=torch.bool, device=device)
    for n, d in zip(size, by, strict=True):
        place = torch.arange(n, device=device)
        mask = mask[..., None] & (place >= d) & (place < n + d)
    return mask


def as_shift(name: str, by: Any, mode: str) -> Shift:
    """Give a shift as a tuple, however short it was said.

    Raises
    ------
    TypeError
        If it holds anything but integers, or for "fourier" finite numbers.
    """
    entries = tuple(by) if isinstance(by, tuple | list) else (by,)
    if entries and all(_is_step(d, Integral) for d in entries):
        return tuple(int(d) for d in entries)
    if entries and all(_is_step(d, Real) for d in entries):
        if mode == "fourier":
            return tuple(float(d) for d in entries)
        hint = '; mode="fourier" moves by fractions'
    else:
        hint = ""
    raise TypeError(f"{name}: a shift is an int or a tuple of int, got {by!r}{hint}")


def _to_unit(index: Tensor, n: int) -> Tensor:
    # An integer divided by an integer: correctly rounded, so exactly symmetric about
    # the centre. The last term keeps the single pixel of a length of 1 from 0 / 0.
    return (2 * index - (n - 1)) / (n - 1 + (n == 1))


def _checked(size: Sequence[int]) -> Sequence[int]:
    if isinstance(size, str) or not isinstance(size, Sequence):
        raise TypeError(f"size must be a sequence of integers, got {size!r}")
    if len(size) == 0:
        raise ValueError("size must name at least one axis, got an empty sequence")
    if torch.jit.is_tracing():  # the lengths of a shape are tensors then
        return size
    for n in size:
        if isinstance(n, bool) or not isinstance(n, Integral | torch.SymInt):
            raise TypeError(f"size must hold integers, got {n!r} in {tuple(size)}")
        if n < 1:
            raise ValueError(f"size must hold lengths of at least 1, got {tuple(size)}")
        if isinstance(n, Integral) and n >= 2**63:
            raise ValueError(f"size must hold lengths below 2**63, got {tuple(size)}")
    return size


def _positions(
    value: Tensor, size: Sequence[int], name: str
) -> tuple[Tensor, torch.dtype, torch.dtype]:
    """Check; return the tensor, the type to compute in and the type to return."""
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be a tensor, got {type(value).__name__}")
    if value.dtype.is_complex or value.dtype == torch.bool:
        raise TypeError(f"{name} must hold real numbers, got {value.dtype}")
    axes = len(_checked(size))
    if value.ndim == 0 or value.shape[-1] != axes:
        raise ValueError(
            f"{name} must have shape (..., {axes}) for size {tuple(size)}, "
            f"got {tuple(value.shape)}"
        )
    work = torch.promote_types(value.dtype, torch.float32)
    return value, work, value.dtype if value.is_floating_point() else work


def _is_step(d: Any, kind: type) -> bool:
    number = isinstance(d, kind) and not isinstance(d, bool)
    return number and abs(d) < 2**63  # which NaN is not, either
