"""What a shift is, and what enters at the border."""

from collections.abc import Iterable
from numbers import Integral
from typing import Any

import torch
from torch import Tensor

from coordlib.arguments import check_choice, check_tensor

Shift = tuple[int, ...]

SHIFT_MODES = ("circular", "zero")


def shift(x: Tensor, by: int | Shift, mode: str = "circular") -> Tensor:
    """Move the content of ``x`` by whole pixels along its last axes.

    Parameters
    ----------
    x : Tensor
        Of shape ``(..., *size)``.
    by : int or tuple of int
        Pixels along the last ``len(by)`` axes, in the order of the axes: for an
        image ``(down, right)``. Negative numbers move up and left.
    mode : {"circular", "zero"}
        What enters at the border: what left on the other side, or zeros.

    Returns
    -------
    Tensor, of the shape of ``x``

    Raises
    ------
    TypeError
        If ``by`` holds anything but integers.
    ValueError
        If ``mode`` is unknown or ``x`` has fewer axes than ``by``.
    """
    by = as_shift("by", by)
    check_choice("mode", mode, SHIFT_MODES)
    check_tensor("x", x, any_kind=True)
    if x.ndim < len(by):
        raise ValueError(f"by has {len(by)} entries but x only {x.ndim} axes")
    axes = tuple(range(-len(by), 0))
    rolled = torch.roll(x, by, axes)
    if mode == "circular":
        return rolled
    kept = places_kept(x.shape[-len(by) :], by, device=x.device)
    return torch.where(kept, rolled, torch.zeros_like(rolled))


def places_kept(size: Iterable[int], by: Shift, device: torch.device) -> Tensor:
    """Mask of the places that still hold content after a shift that loses some."""
    mask = torch.ones((), dtype=torch.bool, device=device)
    for n, d in zip(size, by, strict=True):
        place = torch.arange(n, device=device)
        mask = mask[..., None] & (place >= d) & (place < n + d)
    return mask


def as_shift(name: str, by: int | Shift) -> Shift:
    entries = tuple(by) if isinstance(by, tuple | list) else (by,)
    if not entries or not all(_is_step(d) for d in entries):
        raise TypeError(f"{name}: a shift is an int or a tuple of int, got {by!r}")
    return tuple(int(d) for d in entries)


def _is_step(d: Any) -> bool:
    whole = isinstance(d, Integral) and not isinstance(d, bool)
    return whole and abs(d) < 2**63
