"""What a shift is, and what enters at the border."""

from collections.abc import Iterable
from math import cos, pi
from numbers import Integral, Real
from typing import Any

import torch
from torch import Tensor

from coordlib.arguments import check_choice, check_floating, check_tensor

Shift = tuple[float, ...]

SHIFT_MODES = ("circular", "zero", "fourier")


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
    rolled = torch.roll(x, by, axes)
    if mode == "circular":
        return rolled
    kept = places_kept(x.shape[-len(by) :], by, device=x.device)
    return torch.where(kept, rolled, torch.zeros_like(rolled))


def _moved_between(x: Tensor, by: Shift, axes: tuple[int, ...]) -> Tensor:
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


def places_kept(size: Iterable[int], by: Shift, device: torch.device) -> Tensor:
    """Mask of the places that still hold content after a shift that loses some."""
    mask = torch.ones((), dtype=torch.bool, device=device)
    for n, d in zip(size, by, strict=True):
        place = torch.arange(n, device=device)
        mask = mask[..., None] & (place >= d) & (place < n + d)
    return mask


def as_shift(name: str, by: Any, mode: str) -> Shift:
    """Give back a shift as a tuple: of integers, or for "fourier" of numbers."""
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


def _is_step(d: Any, kind: type) -> bool:
    number = isinstance(d, kind) and not isinstance(d, bool)
    return number and abs(d) < 2**63  # which NaN is not, either
