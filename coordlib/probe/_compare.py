"""The two sides of the equation for one shift, and how far they are apart."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import ceil, floor, prod
from numbers import Rational
from typing import Any

import torch
from torch import Tensor

from coordlib.arguments import check_floating
from coordlib.grid import Shift, kept_places, shift

Stride = tuple[int | Fraction, ...]
Select = str | int | Callable[[Any], Any]


@dataclass(frozen=True)
class Rule:
    """How the output is moved.

    Attributes
    ----------
    kind : {"equivariance", "invariance"}
        With invariance it is not moved at all.
    stride : tuple of int or Fraction
    mode : str
        As for the probe.
    between : str
        As for the probe.
    """

    kind: str
    stride: Stride
    mode: str
    between: str


@dataclass(frozen=True)
class Sides:
    """What is found for one shift.

    Attributes
    ----------
    difference : Tensor
        Mean absolute difference over all but the last axes.
    error : float
        The relative difference.
    largest : float
        The largest absolute difference.
    panel : tuple of 2 Tensors
        ``f(shift(x))`` and ``shift(f(x))``.
    """

    difference: Tensor
    error: float
    largest: float
    panel: tuple[Tensor, Tensor] | None


def windows(x: Tensor, shifts: list[Shift], mode: str) -> Callable[[Shift], Tensor]:
    """Return the function that gives the input moved by a shift."""
    if mode != "cropped":
        return lambda s: shift(x, s, mode)
    axes = len(shifts[0])
    margin = [max(abs(s[a]) for s in shifts) for a in range(axes)]
    size = x.shape[-axes:]
    if any(n <= 2 * m for n, m in zip(size, margin, strict=True)):
        raise ValueError(
            f"x of size {tuple(size)} is too small to crop {margin} pixels "
            "off every side: give a larger picture or smaller shifts"
        )

    def crop(s: Shift) -> Tensor:
        # Content moves by +s when the window moves by -s.
        window: list[Any] = [
            slice(m - d, n - m - d) for m, n, d in zip(margin, size, s, strict=True)
        ]
        return x[(..., *window)]

    return crop


def kind_of(y: Tensor, x: Tensor, axes: int) -> str:
    """Say what can be measured of an output: equivariance, invariance or nothing.

    A map of a single place cannot be moved: it has lost its places like a vector.
    """
    if y.ndim == x.ndim:
        moves = max(y.shape[-axes:]) > 1 or max(x.shape[-axes:]) == 1
        return "equivariance" if moves else "invariance"
    return "invariance" if y.ndim <= 2 else ""


def strides_told(size: Iterable[int], made: Iterable[int]) -> Stride:
    """Tell from sizes how many input pixels go to one output pixel, per axis."""
    return tuple(_stride(n, m) for n, m in zip(size, made, strict=True))


def _stride(n: int, m: int) -> int | Fraction:
    # Where a border was lost, 13 places out of 27, or 8 out of 12, the whole number
    # below is meant; the one above where that, rounded up, gives this size, or nearly.
    large, small = max(n, m), max(min(n, m), 1)
    whole = large // small
    above = whole + 1
    nearly = 4 * (above * small - large) <= small
    if large % small and (nearly or -(-large // above) == small):
        whole = above
    return whole if n >= m or whole == 1 else Fraction(1, whole)


def as_stride(stride: Any, axes: int) -> Stride:
    stride = tuple(stride) if isinstance(stride, tuple | list) else (stride,) * axes
    if len(stride) != axes:
        raise ValueError(
            f"stride must be positive, one number or {axes} of them, got {stride}"
        )
    for r in stride:
        if isinstance(r, bool) or not isinstance(r, Rational):
            raise TypeError(f"stride must hold integers or Fractions, got {r!r}")
        if not 0 < Fraction(r) < 2**63:
            raise ValueError(f"stride must be positive and below 2**63, got {r}")
    return tuple(int(r) if r == int(r) else Fraction(r) for r in stride)


def check_select(select: Any) -> None:
    if isinstance(select, bool) or not (
        select is None or isinstance(select, str | int) or callable(select)
    ):
        raise TypeError(f"select must be a key or a callable, got {select!r}")


def selected(output: Any, select: Select | None) -> Any:
    """Pick one part of an output; a key leaves a tensor as it is."""
    if callable(select):
        return select(output)
    if select is None or isinstance(output, Tensor):
        return output
    try:
        return output[select]
    except (KeyError, IndexError, TypeError) as error:
        what = f"{list(output)}" if isinstance(output, dict) else "the output"
        raise ValueError(
            f"select must be a key of {what}, a {type(output).__name__}, got {select!r}"
        ) from error


def picking(select: Select | None) -> str:
    """What may help where an output is no tensor."""
    part = "a part of it" if select is None else f"no tensor with {select!r}"
    return f"select= picks {part}"


def compare(output: Tensor, reference: Tensor, s: Shift, rule: Rule) -> Sides:
    """Hold the output for a shifted input against the shifted output.

    Raises
    ------
    ValueError
        If their shapes differ, or the shift leaves no place to compare.
    """
    if output.shape != reference.shape:
        raise ValueError(
            f"f gives shape {tuple(output.shape)} for shift {s} "
            f"but {tuple(reference.shape)} for none"
        )
    if rule.kind == "invariance":
        return difference(output, reference, None, axes=0)
    candidates = [
        (y, kept)
        for y, kept in _output_shifts(reference, s, rule)
        if kept is None or kept.any()
    ]
    if not candidates:
        raise ValueError(f"shift {s} leaves no place of the output to compare")
    return min(
        (difference(output, y, kept, axes=len(s)) for y, kept in candidates),
        key=lambda side: side.error,
    )


def _output_shifts(
    y: Tensor, s: Shift, rule: Rule
) -> list[tuple[Tensor, Tensor | None]]:
    """Give each candidate for the shifted output with the mask of valid places."""
    if rule.mode == "fourier":
        check_floating("what f gives", y)
        by = tuple(float(d / r) for d, r in zip(s, rule.stride, strict=True))
        return [(shift(y, by, "fourier"), None)]
    fractions = [d / Fraction(r) for d, r in zip(s, rule.stride, strict=True)]
    corners = list(product(*({floor(v), ceil(v)} for v in fractions)))
    size = y.shape[-len(s) :]

    def kept(by: Shift) -> Tensor | None:
        return (
            None if rule.mode == "circular" else kept_places(size, by, device=y.device)
        )

    if rule.between == "nearest":
        return [(shift(y, by), kept(by)) for by in corners]
    moved: Any = 0  # and a tensor then
    mask: Tensor | None = None
    for by in corners:
        weight = prod(1 - abs(v - b) for v, b in zip(fractions, by, strict=True))
        moved = moved + float(weight) * shift(y, by)
        if (part := kept(by)) is not None:
            mask = part if mask is None else mask & part
    return [(moved, mask)]


def difference(a: Tensor, b: Tensor, kept: Tensor | None, axes: int) -> Sides:
    """Compare the two sides over the kept places of the last ``axes`` axes."""
    # In half precision the norm of a map overflows; of integers there is none.
    one, other = at_least_single(a), at_least_single(b)
    apart, compared = torch.where(one == other, 0, (one - other).abs()), other
    if kept is not None:
        apart, compared = torch.where(kept, apart, 0), torch.where(kept, other, 0)
    norm, distance = float(compared.norm()), float(apart.norm())
    image = apart.mean(dim=tuple(range(apart.ndim - axes)))
    if kept is not None:
        image = image.masked_fill(~kept, float("nan"))
    return Sides(
        difference=image,
        error=0.0 if distance == 0 else distance / norm if norm else float("inf"),
        largest=float(apart.max()),
        panel=(a, b),
    )


def at_least_single(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))
