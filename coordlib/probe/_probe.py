"""To which shifts a map is equivariant, and by how much it fails."""

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import product
from math import ceil, floor, prod
from typing import Literal

import torch
from torch import Tensor

from coordlib.arguments import (
    check_callable,
    check_choice,
    check_flag,
    check_integer,
    check_number,
    check_tensor,
)
from coordlib.probe._shift import Shift, as_shift, places_kept, shift

Mode = Literal["circular", "zero", "cropped"]
Between = Literal["nearest", "linear"]

PROBE_MODES = ("circular", "zero", "cropped")
BETWEEN = ("nearest", "linear")


@dataclass(frozen=True)
class Probe:
    """What :func:`probe` measured.

    Attributes
    ----------
    shifts : list of tuple of int
        The input shifts that were tried.
    errors : Tensor, shape (len(shifts),)
        Relative error of each: ``||f(shift x) - shift f(x)|| / ||shift f(x)||``
        over the places compared (0 where both sides vanish).
    largest : Tensor, shape (len(shifts),)
        The largest absolute difference of each.
    maps : Tensor
        Mean absolute difference over batch and channels at each output place, of
        shape ``(len(shifts), *output size)``;
        ``nan`` where the two sides cannot be compared. For an output without
        spatial axes the shape is (len(shifts),).
    scale : float
        Largest absolute value of ``f(x)``: what ``largest`` is to be held against.
    stride : tuple of int
        Input pixels to one output pixel, per axis.
    tolerance : float
        ``largest / scale`` up to which a shift counts as exact.
    kind : {"equivariance", "invariance"}
    panels : list of 4 Tensors
        For each shift, if asked for: ``x``, ``shift(x)``, ``f(shift(x))`` and
        ``shift(f(x))``; see :func:`coordlib.lab.figures.probe_panel`.
    """

    shifts: list[Shift]
    errors: Tensor
    largest: Tensor
    maps: Tensor
    scale: float
    stride: Shift
    tolerance: float
    kind: str
    panels: list[tuple[Tensor, Tensor, Tensor, Tensor]] = field(repr=False)

    @property
    def exact(self) -> list[Shift]:
        """The shifts to which the map is exactly equivariant (or invariant)."""
        bound = self.tolerance * max(self.scale, torch.finfo(torch.float32).tiny)
        exact = zip(self.shifts, self.largest.tolist(), strict=True)
        return [s for s, worst in exact if worst <= bound]

    @property
    def is_exact(self) -> bool:
        """Whether every shift tried is exact."""
        return len(self.exact) == len(self.shifts)

    def summary(self) -> str:
        """One sentence: how many shifts are exact, and the worst error."""
        worst = int(self.errors.argmax())
        return (
            f"{self.kind}: {len(self.exact)} of {len(self.shifts)} shifts exact, "
            f"worst relative error {self.errors[worst]:.2g} "
            f"at shift {self.shifts[worst]}"
        )

    def error_grid(self) -> Tensor:
        """Errors of a full 2-D set of shifts as an image, rows by first entry.

        Raises
        ------
        ValueError
            If the shifts are not all combinations of a set of row shifts with a
            set of column shifts.
        """
        rows = sorted({s[0] for s in self.shifts})
        columns = sorted({s[-1] for s in self.shifts})
        place = {s: n for n, s in enumerate(self.shifts)}
        wanted = list(product(rows, columns))
        if len(wanted) != len(self.shifts) or any(s not in place for s in wanted):
            raise ValueError(
                f"error_grid needs every combination of row and column shifts; "
                f"got {len(self.shifts)} shifts, a full grid has {len(wanted)}"
            )
        order = torch.tensor([place[s] for s in wanted])
        return self.errors[order].reshape(len(rows), len(columns))


@torch.no_grad()
def probe(
    f: Callable[[Tensor], Tensor],
    x: Tensor,
    shifts: Iterable[int | Shift],
    *,
    mode: Mode = "circular",
    stride: int | Shift = 1,
    between: Between = "nearest",
    tolerance: float = 1e-5,
    keep_panels: bool = False,
) -> Probe:
    """Measure to which shifts a map is equivariant, and by how much it fails.

    Parameters
    ----------
    f : callable
        A layer, a network or a plain function from ``(N, C, *size)`` to
        ``(N, C', *size')``, or to a tensor without spatial axes, ``(N, K)`` or
        ``(N,)``.
    x : Tensor
        The input, of shape ``(N, C, *size)``, with one to three spatial axes.
    shifts : iterable of int or tuple of int
        Shifts in input pixels along the last axes: integers move along the last
        axis only, pairs move ``(down, right)``.
    mode : {"circular", "zero", "cropped"}
        The domain. *circular*: ``x`` lives on a ring, everything is compared.
        *zero*: zeros enter at the border, and only places whose content did not
        fall off are compared. *cropped*: ``x`` is a larger picture through whose
        window ``f`` looks; real content enters, and the overlap is compared.
    stride : int or tuple of int
        Input pixels to one output pixel, per shifted axis.
    between : {"nearest", "linear"}
        How the output is moved when the shift is no multiple of the stride: by
        whichever neighbouring whole shift fits best, or by linear interpolation.
    tolerance : float
        Largest difference, relative to the largest value of ``f(x)``, that still
        counts as exact.
    keep_panels : bool
        Keep both sides of every shift, for drawing. Takes memory.

    Returns
    -------
    Probe

    Raises
    ------
    ValueError, TypeError
        On an empty set of shifts, unknown options, shifts that leave nothing to
        compare, a non-positive stride, or an output that is no tensor, changes its
        shape, or has lost some of its axes only.

    Warns
    -----
    UserWarning
        If the sizes of input and output are multiples of each other, but by another
        factor than ``stride``.

    Notes
    -----
    The protocol of Zhang (2019), section 4.2 and figure 5, moves the output by
    interpolation (``between="linear"``) and rolls the input (``"circular"``); its
    consistency on ImageNet crops out of a larger picture (``"cropped"``).
    """
    if isinstance(shifts, str) or not isinstance(shifts, Iterable):
        raise TypeError(f"shifts must be an iterable of shifts, got {shifts!r}")
    shifts = [as_shift("shifts", s) for s in shifts]
    check_callable("f", f)
    check_tensor("x", x, any_kind=True)
    check_number("tolerance", tolerance)
    if not 0 <= tolerance < float("inf"):
        raise ValueError(f"tolerance must be finite and at least 0, got {tolerance}")
    check_flag("keep_panels", keep_panels)
    check_choice("mode", mode, PROBE_MODES)
    check_choice("between", between, BETWEEN)
    if not shifts:
        raise ValueError("shifts is empty: give at least one shift")
    if len({len(s) for s in shifts}) != 1:
        raise ValueError("shifts must all have the same number of entries")
    axes = len(shifts[0])
    if x.ndim < axes + 1:
        raise ValueError(f"x has shape {tuple(x.shape)}: too few axes for {shifts[0]}")
    stride = tuple(stride) if isinstance(stride, tuple | list) else (stride,) * axes
    if len(stride) != axes:
        raise ValueError(
            f"stride must be a positive int or {axes} of them, got {stride}"
        )
    stride = tuple(check_integer("stride", s, at_least=-(2**63)) for s in stride)
    if min(stride) < 1:
        raise ValueError(f"stride must be positive, got {stride}")

    window = _windows(x, shifts, mode)
    still = window((0,) * axes)
    reference = _applied(f, still)
    if reference.ndim == x.ndim:
        _notice_the_stride(still.shape[-axes:], reference.shape[-axes:], stride)
    elif reference.ndim > 2:
        raise ValueError(
            f"f must keep the {x.ndim} axes of x, or all but the first two must go; it "
            f"gives shape {tuple(reference.shape)} for {tuple(still.shape)}"
        )
    sides = [
        _compare(f, window(s), reference, s, stride, mode, between) for s in shifts
    ]
    return Probe(
        shifts=shifts,
        errors=torch.tensor([side.error for side in sides]),
        largest=torch.tensor([side.largest for side in sides]),
        maps=torch.stack([side.difference for side in sides]),
        scale=float(reference.abs().max()),
        stride=stride,
        tolerance=tolerance,
        kind="equivariance" if reference.ndim == x.ndim else "invariance",
        panels=[
            (still, window(s), side.f_of_shifted, side.shifted_f)
            for s, side in zip(shifts, sides, strict=True)
        ]
        if keep_panels
        else [],
    )


@dataclass(frozen=True)
class _Sides:
    """The two sides of the equation for one shift, and how far they are apart."""

    f_of_shifted: Tensor
    shifted_f: Tensor
    difference: Tensor
    error: float
    largest: float


def _compare(
    f: Callable[[Tensor], Tensor],
    moved: Tensor,
    reference: Tensor,
    s: Shift,
    stride: Shift,
    mode: str,
    between: str,
) -> _Sides:
    output = _applied(f, moved)
    if output.shape != reference.shape:
        raise ValueError(
            f"f gives shape {tuple(output.shape)} for shift {s} "
            f"but {tuple(reference.shape)} for none"
        )
    if reference.ndim != moved.ndim:
        return _difference(output, reference, None, axes=0)
    candidates = _output_shifts(reference, s, stride, mode, between)
    return min(
        (_difference(output, y, kept, axes=len(s)) for y, kept in candidates),
        key=lambda side: side.error,
    )


def _applied(f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    y = f(x)
    if not isinstance(y, Tensor):
        raise TypeError(f"f must return a tensor, got {type(y).__name__}")
    return y


def _notice_the_stride(
    size: Iterable[int], made: Iterable[int], stride: Iterable[int]
) -> None:
    """Warn where sizes tell of another stride; with a border lost they tell nothing."""
    for n, m, s in zip(size, made, stride, strict=True):
        if m and m * s != n and (n % m == 0 or m % n == 0):
            warnings.warn(
                f"f makes {m} places out of {n} along an axis, which is a stride of "
                f"{n / m:g}, got stride {s}: shifts are held against the wrong places",
                stacklevel=4,  # whoever calls the probe, through torch.no_grad
            )


def _windows(x: Tensor, shifts: list[Shift], mode: str) -> Callable[[Shift], Tensor]:
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
        window = (
            slice(m - d, n - m - d) for m, n, d in zip(margin, size, s, strict=True)
        )
        return x[(..., *window)]

    return crop


def _output_shifts(
    y: Tensor, s: Shift, stride: Shift, mode: str, between: str
) -> list[tuple[Tensor, Tensor | None]]:
    """Give each candidate for the shifted output with the mask of valid places."""
    fractions = [d / r for d, r in zip(s, stride, strict=True)]
    corners = list(product(*({floor(v), ceil(v)} for v in fractions)))
    size = y.shape[-len(s) :]

    def kept(by: Shift) -> Tensor | None:
        return None if mode == "circular" else places_kept(size, by, device=y.device)

    if between == "nearest":
        return [(shift(y, by), kept(by)) for by in corners]
    moved, mask = torch.zeros_like(y), None
    for by in corners:
        weight = prod(1 - abs(v - b) for v, b in zip(fractions, by, strict=True))
        moved = moved + weight * shift(y, by)
        if (part := kept(by)) is not None:
            mask = part if mask is None else mask & part
    return [(moved, mask)]


def _difference(a: Tensor, b: Tensor, kept: Tensor | None, axes: int) -> _Sides:
    """Compare the two sides over the kept places of the last ``axes`` axes."""
    difference, compared = (a - b).abs(), b
    if kept is not None:
        if not kept.any():
            raise ValueError("a shift leaves no place of the output to compare")
        difference, compared = difference * kept, b * kept
    norm, apart = float(compared.norm()), float(difference.norm())
    image = difference.mean(dim=tuple(range(difference.ndim - axes)))
    if kept is not None:
        image = image.masked_fill(~kept, float("nan"))
    return _Sides(
        f_of_shifted=a,
        shifted_f=b,
        difference=image,
        error=0.0 if apart == 0 else apart / norm if norm else float("inf"),
        largest=float(difference.max()),
    )
