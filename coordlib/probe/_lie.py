"""The limit of the probe for small shifts."""

from collections.abc import Callable
from fractions import Fraction
from math import pi
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from coordlib.arguments import check_callable, check_floating
from coordlib.grid import Shift, as_shift
from coordlib.probe._compare import (
    Select,
    Stride,
    as_stride,
    check_select,
    kind_of,
    strides_told,
)
from coordlib.probe._probe import applied


def lie_derivative(
    f: Callable[[Tensor], Any],
    x: Tensor,
    direction: float | Shift,
    *,
    stride: int | Fraction | Stride | None = None,
    select: Select | None = None,
) -> Tensor:
    """How fast a map and a shift begin to differ: the probe's difference, per pixel.

    With ``v`` for the direction, and shifts by "fourier", this is the derivative of
    ``f(shift(x, t * v)) - shift(f(x), t * v / stride)`` at ``t = 0``; where the output
    has no places, that of ``f(shift(x, t * v))``. It is 0 everywhere if the map is
    equivariant (invariant), and what :func:`probe` finds for a small fraction of ``v``
    is that fraction of it.

    Parameters
    ----------
    f : callable
        As for :func:`probe`, and differentiable in forward mode. Networks belong in
        evaluation mode.
    x : Tensor, shape ``(N, C, *size)``
        Floating point.
    direction : float or tuple of float
        Input pixels along the last axes: ``(0, 1)`` is to the right.
    stride, select
        As for :func:`probe`.

    Returns
    -------
    Tensor, of the shape of ``f(x)``

    Raises
    ------
    ValueError, TypeError
        As :func:`probe` does.

    References
    ----------
    Gruver et al., 2023, "The Lie derivative for measuring learned equivariance".

    Examples
    --------
    >>> x = torch.rand(1, 1, 9, 9)
    >>> bool(lie_derivative(torch.relu, x, (0, 1)).abs().max() < 1e-4)
    True
    >>> bool(lie_derivative(torch.relu, x - 0.5, (0, 1)).abs().max() < 1e-4)
    False
    """
    check_callable("f", f)
    check_floating("x", x)
    direction = as_shift("direction", direction, "fourier")
    check_select(select)
    if isinstance(f, nn.Module) and any(map(is_lazy, [*f.parameters(), *f.buffers()])):
        # Within the derivative torch would make weights that are part of it.
        raise ValueError("f must have run once, got one with lazy layers that have not")
    axes = len(direction)
    if x.ndim < axes + 1:
        raise ValueError(
            f"direction has {axes} entries, too many for x of shape {tuple(x.shape)}"
        )

    def floating(x: Tensor) -> Tensor:
        y = applied(f, x, select)
        check_floating("what f gives", y)
        return y

    pair: tuple[Tensor, ...] = torch.func.jvp(floating, (x,), (_slope(x, direction),))
    y, changed = (tensor.detach() for tensor in pair)
    kind = kind_of(y, x, axes)
    if not kind:
        raise ValueError(
            f"f must keep the {x.ndim} axes of x, or all but the first two must go; it "
            f"gives shape {tuple(y.shape)}"
        )
    if kind == "invariance":
        return changed
    if stride is None:
        stride = strides_told(x.shape[-axes:], y.shape[-axes:])
    steps = zip(direction, as_stride(stride, axes), strict=True)
    return changed - _slope(y, tuple(float(d / r) for d, r in steps))


def _slope(x: Tensor, by: Shift) -> Tensor:
    """Differentiate ``shift(x, t * by, "fourier")`` by ``t`` at 0."""
    work = x.to(torch.promote_types(x.dtype, torch.float32))
    slope = torch.zeros_like(work)
    if not x.numel():  # no transform takes these
        return x.clone()
    for axis, d in zip(range(-len(by), 0), by, strict=True):
        n = x.shape[axis]
        waves = torch.arange(n // 2 + 1, dtype=work.dtype, device=x.device)
        factor = waves * (-2j * pi * d / n)
        if n % 2 == 0:
            factor[-1] = 0
        spectrum = torch.fft.rfft(work.movedim(axis, -1)) * factor
        slope += torch.fft.irfft(spectrum, n).movedim(-1, axis)
    return slope.to(x.dtype)
