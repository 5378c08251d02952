"""To which shifts a map is equivariant, and by how much it fails."""

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import product
from math import isfinite
from typing import Any, Literal

import torch
from torch import Tensor

from coordlib.arguments import (
    check_callable,
    check_choice,
    check_flag,
    check_number,
    check_tensor,
)
from coordlib.grid import Shift, as_shift
from coordlib.probe._compare import (
    Rule,
    Select,
    Sides,
    Stride,
    as_stride,
    at_least_single,
    check_select,
    compare,
    kind_of,
    picking,
    selected,
    strides_told,
    windows,
)

Mode = Literal["circular", "zero", "cropped", "fourier"]
Between = Literal["nearest", "linear"]

PROBE_MODES = ("circular", "zero", "cropped", "fourier")
BETWEEN = ("nearest", "linear")


@dataclass(frozen=True)
class Probe:
    """What :func:`probe` measured.

    Attributes
    ----------
    shifts : list of tuple of int, or float with "fourier"
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
    stride : tuple of int or Fraction
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
    stride: Stride
    tolerance: float
    kind: str
    panels: list[tuple[Tensor, Tensor, Tensor, Tensor]] = field(repr=False)

    @property
    def exact(self) -> list[Shift]:
        """The shifts to which the map is exactly equivariant (or invariant)."""
        bound = self.tolerance * max(self.scale, torch.finfo(torch.float32).tiny)
        exact = zip(self.shifts, self.largest.tolist(), strict=True)
        return [s for s, worst in exact if worst <= bound and isfinite(worst)]

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
        """Errors of a full set of shifts by their entries: in 2-D an image, rows first.

        Returns
        -------
        Tensor
            As many axes as a shift has entries, each as long as there are such entries;
            in their order, from the smallest.

        Raises
        ------
        ValueError
            If the shifts are not all combinations of a set of entries for each axis,
            each once, or are other moves.
        """
        if not all(isinstance(s, tuple) for s in self.shifts):
            raise ValueError(f"error_grid needs shifts, got moves {self.shifts}")
        entries = [sorted(set(one)) for one in zip(*self.shifts, strict=True)]
        place = {s: n for n, s in enumerate(self.shifts)}
        wanted = list(product(*entries))
        if len(wanted) != len(self.shifts) or any(s not in place for s in wanted):
            raise ValueError(
                "error_grid needs every combination of the shifts along each axis, "
                f"got {len(self.shifts)} shifts, a full grid has {len(wanted)}"
            )
        order = torch.tensor([place[s] for s in wanted])
        return self.errors[order].reshape([len(one) for one in entries])


@torch.no_grad()
def probe(
    f: Callable[[Tensor], Any],
    x: Tensor,
    shifts: Iterable[float | Shift],
    *,
    mode: Mode = "circular",
    stride: int | Fraction | Stride | None = None,
    between: Between = "nearest",
    tolerance: float = 1e-5,
    keep_panels: bool = False,
    select: Select | None = None,
) -> Probe:
    """Measure to which shifts a map is equivariant, and by how much it fails.

    Parameters
    ----------
    f : callable
        A layer, a network or a plain function from ``(N, C, *size)`` to
        ``(N, C', *size')``, or to a tensor without spatial axes, ``(N, K)`` or
        ``(N,)``. A single place, ``(N, K, 1, 1)``, cannot move, and counts as none.
    x : Tensor
        The input, of shape ``(N, C, *size)``, with one to three spatial axes.
    shifts : iterable of int or tuple of int
        Shifts in input pixels along the last axes: integers move along the last
        axis only, pairs move ``(down, right)``. With "fourier" they may be fractions.
    mode : {"circular", "zero", "cropped", "fourier"}
        The domain. *circular*: ``x`` lives on a ring, everything is compared.
        *zero*: zeros enter at the border, and only places whose content did not
        fall off are compared. *cropped*: ``x`` is a larger picture through whose
        window ``f`` looks; real content enters, and the overlap is compared. *fourier*:
        a ring, whose pictures move by fractions of a pixel too; see :func:`shift`. The
        output moves so as well, by the shift divided by the stride.
    stride : int, Fraction or tuple of them, optional
        Input pixels to one output pixel, per shifted axis; ``Fraction(1, 2)`` for what
        doubles the size. If it is not given, the sizes tell: their ratio, or the
        whole number below it (one over it, where the output is larger) if neither is a
        multiple of the other, as where a border is lost; the one above if that gives
        such sizes, rounded up. A border as wide as what is left misleads, and so does a
        resize by 1.5: give the stride there.
    between : {"nearest", "linear"}
        How the output is moved when the shift is no multiple of the stride: by
        whichever neighbouring whole shift fits best, or by linear interpolation;
        "fourier" needs neither. It is one shift for the whole batch: give pictures one
        by one to what chooses its grid by the picture, such as polyphase pooling.
    tolerance : float
        Largest difference, relative to the largest value of ``f(x)``, that still
        counts as exact.
    keep_panels : bool
        Keep both sides of every shift, for drawing. Takes memory.
    select : str, int or callable, optional
        Which part of the output to measure, where ``f`` returns a tuple or a dict: its
        key or index, or a function of the output that gives a tensor.

    Returns
    -------
    Probe

    Raises
    ------
    ValueError, TypeError
        On an empty set of shifts, unknown options, shifts that leave nothing to
        compare, a non-positive stride, a key that the output does not have, or an
        output that is no tensor, is empty, changes its shape, or has lost some of its
        axes only.

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
    shifts = check_protocol(x, shifts, mode, between, tolerance)
    check_callable("f", f)
    check_flag("keep_panels", keep_panels)
    check_select(select)
    axes = len(shifts[0])
    given = None if stride is None else as_stride(stride, axes)

    window = windows(x, shifts, mode)
    still = window((0,) * axes)
    reference = applied(f, still, select)
    kind = kind_of(reference, x, axes)
    if not kind:
        raise ValueError(
            f"f must keep the {x.ndim} axes of x, or all but the first two must go; it "
            f"gives shape {tuple(reference.shape)} for {tuple(still.shape)}"
        )
    stride = given or (1,) * axes
    if kind == "equivariance":
        size, made = still.shape[-axes:], reference.shape[-axes:]
        if given:
            _notice_the_stride(size, made, given)
        else:
            stride = strides_told(size, made)
    rule = Rule(kind, stride, mode, between)
    sides, panels = [], []
    for s in shifts:
        moved = window(s)
        side = compare(applied(f, moved, select), reference, s, rule)
        sides.append(replace(side, panel=None))
        if keep_panels and side.panel is not None:
            panels.append((still, moved, *side.panel))
    return gathered(shifts, sides, reference, rule, tolerance, panels)


def check_protocol(
    x: Tensor,
    shifts: Iterable[float | Shift],
    mode: str,
    between: str,
    tolerance: float,
) -> list[Shift]:
    """Give back shifts of one length that ``x`` has the axes for."""
    if isinstance(shifts, str) or not isinstance(shifts, Iterable):
        raise TypeError(f"shifts must be an iterable of shifts, got {shifts!r}")
    check_choice("mode", mode, PROBE_MODES)
    given = [as_shift("shifts", s, mode) for s in shifts]
    check_tensor("x", x, any_kind=True)
    check_tolerance(tolerance)
    check_choice("between", between, BETWEEN)
    if not given:
        raise ValueError("shifts is empty: give at least one shift")
    if len({len(s) for s in given}) != 1:
        raise ValueError("shifts must all have the same number of entries")
    if x.ndim < len(given[0]) + 1:
        raise ValueError(f"x has shape {tuple(x.shape)}: too few axes for {given[0]}")
    return given


def check_tolerance(tolerance: float) -> None:
    check_number("tolerance", tolerance)
    if not 0 <= tolerance < float("inf"):
        raise ValueError(f"tolerance must be finite and at least 0, got {tolerance}")


def gathered(
    shifts: list[Shift],
    sides: list[Sides],
    reference: Tensor,
    rule: Rule,
    tolerance: float,
    panels: list[tuple[Tensor, Tensor, Tensor, Tensor]],
) -> Probe:
    """Put together what was found for each shift."""
    return Probe(
        shifts=shifts,
        errors=torch.tensor([side.error for side in sides]),
        largest=torch.tensor([side.largest for side in sides]),
        maps=torch.stack([side.difference for side in sides]),
        scale=float(at_least_single(reference).abs().max()),
        stride=rule.stride,
        tolerance=tolerance,
        kind=rule.kind,
        panels=panels,
    )


def applied(f: Callable[[Tensor], Any], x: Tensor, select: Select | None) -> Tensor:
    """What f gives, which may write into what it is given, and again where it wrote."""
    y = selected(f(x.clone()), select)
    if not isinstance(y, Tensor):
        hint = "" if y is None else f"; {picking(select)}"
        raise TypeError(f"f must return a tensor, got {type(y).__name__}{hint}")
    if not y.numel():
        raise ValueError(f"f must give some values, got shape {tuple(y.shape)}")
    return y.clone()


def _notice_the_stride(
    size: Iterable[int], made: Iterable[int], stride: Stride
) -> None:
    """Warn where sizes tell of another stride; with a border lost they tell nothing."""
    for n, m, s in zip(size, made, stride, strict=True):
        if m and m * s != n and (n % m == 0 or m % n == 0):
            warnings.warn(
                f"f makes {m} places out of {n} along an axis, which is a stride of "
                f"{n / m:g}, got stride {s}: shifts are held against the wrong places",
                stacklevel=4,  # whoever calls the probe, through torch.no_grad
            )
