"""Adaptive polyphase sampling: subsample on a grid that moves with the image.

Keeping every s-th pixel can start at any of s phases along each axis. Starting always
at the same one is what breaks equivariance. Starting where the image itself says (at
the phase whose pixels have the largest norm) makes the choice shift with the image.
"""

import math
from typing import ClassVar

import torch
from torch import Tensor, fx, nn

from coordlib.arguments import check_choice, check_flag
from coordlib.layers._arguments import check_input, per_axis

__all__ = ["PolyphasePool1d", "PolyphasePool2d", "PolyphasePool3d"]


class _PolyphasePool(nn.Module):
    rank: ClassVar[int]

    def __init__(
        self,
        stride: int | tuple[int, ...] = 2,
        norm: float = 2,
        *,
        return_phase: bool = False,
    ) -> None:
        super().__init__()
        self.stride = per_axis("stride", stride, self.rank)
        check_choice("norm", norm, (1, 2, math.inf))
        check_flag("return_phase", return_phase)
        self.norm = norm
        self.return_phase = return_phase

    def forward(
        self, input: Tensor, phase: Tensor | None = None
    ) -> Tensor | tuple[Tensor, Tensor]:
        return _polyphase_pool(input, phase, self.stride, self.norm, self.return_phase)

    def extra_repr(self) -> str:
        return f"stride={self.stride}, norm={self.norm}"


@fx.wrap
def _polyphase_pool(
    input: Tensor,
    phase: Tensor | None,
    stride: tuple[int, ...],
    norm: float,
    return_phase: bool,
) -> Tensor | tuple[Tensor, Tensor]:
    check_input(input, len(stride))
    if input.ndim == len(stride) + 1:
        given = None if phase is None else phase.unsqueeze(0)
        output, phase = _pool(input.unsqueeze(0), given, stride, norm)
        output, phase = output.squeeze(0), phase.squeeze(0)
    else:
        output, phase = _pool(input, phase, stride, norm)
    return (output, phase) if return_phase else output


def _pool(
    input: Tensor, phase: Tensor | None, stride: tuple[int, ...], norm: float
) -> tuple[Tensor, Tensor]:
    parts = _components(input, stride)
    sample = torch.arange(parts.shape[0], device=parts.device)
    if phase is not None:
        return _given(parts, sample, phase, stride), phase
    best = _largest(parts.flatten(1, len(stride)), len(stride), norm)
    steps = [math.prod(stride[axis + 1 :]) for axis in range(len(stride))]
    axes = zip(steps, stride, strict=True)
    phase = torch.stack([best // step % s for step, s in axes], 1)
    return parts[(sample, *phase.unbind(1))], phase


def _given(
    parts: Tensor, sample: Tensor, phase: Tensor, stride: tuple[int, ...]
) -> Tensor:
    """The components of the phases that somebody handed in."""
    if phase.dtype != torch.long or phase.shape != (parts.shape[0], len(stride)):
        raise ValueError(
            f"phase must be a long tensor of shape {(parts.shape[0], len(stride))}, "
            f"got {phase.dtype} of shape {tuple(phase.shape)}"
        )
    # A negative index would count from the end. Beyond the stride, torch refuses it.
    axes = zip(phase.unbind(1), stride, strict=True)
    index = [axis.where(axis >= 0, s) for axis, s in axes]
    try:
        return parts[(sample, *index)]
    except IndexError:
        raise IndexError(
            "phase is out of bounds: it must be from 0 to stride - 1 along each axis "
            f"for stride {stride}"
        ) from None


def _components(input: Tensor, stride: tuple[int, ...]) -> Tensor:
    """All polyphase components: ``(N, *stride, C, *size / stride)``."""
    size = input.shape[2:]
    divides = torch.jit.is_tracing() or all(
        n % s == 0 for n, s in zip(size, stride, strict=True)
    )
    if not divides:
        raise ValueError(
            f"input size {tuple(size)} must be divisible by stride {stride}: "
            "otherwise a circular shift does not permute the phases; "
            "crop or pad the input"
        )
    for axis, s in enumerate(stride):
        # Split the axis into (n / s, s); move the phase to the front.
        *front, n = input.shape[: 3 + 2 * axis]
        split = input.reshape(*front, n // s, s, *input.shape[3 + 2 * axis :])
        input = split.movedim(3 + 2 * axis, 1 + axis)
    return input


@torch.no_grad()
def _largest(parts: Tensor, rank: int, norm: float) -> Tensor:
    """The phase with the largest norm; among equal norms, the roughest."""
    best = torch.ones(parts.shape[:2], dtype=torch.bool, device=parts.device)
    differences = [parts - parts.roll(1, axis) for axis in range(-rank, 0)]
    for values in [parts, *differences]:
        size = _exact_norm(values, norm).where(best, -1)
        best = size == size.amax(1, keepdim=True)
    return best.long().argmax(1)


def _exact_norm(parts: Tensor, norm: float) -> Tensor:
    """Order the parts of each sample by norm: one integer a part, ``(N, phases)``.

    A sum of floats depends on the order of its terms, which a shift changes; near a tie
    that could change the choice. So the terms are rounded to integers, whose sum does
    not, after scaling by the largest value of the sample.
    """
    size = parts.abs().to(torch.promote_types(parts.dtype, torch.float32)).flatten(2)
    largest = size.amax((1, 2), keepdim=True)
    size = size / largest.where(largest > 0, 1)
    if norm == math.inf:
        return (size.amax(2) * 2**30).long()
    if norm == 2:
        size = size.square()
    return (size * 2**30).long().sum(2)


class PolyphasePool1d(_PolyphasePool):
    """Adaptive polyphase sampling of a signal; see :class:`PolyphasePool2d`."""

    rank = 1


class PolyphasePool2d(_PolyphasePool):
    """Keep every ``stride``-th pixel, starting where the result has the largest norm.

    It refuses sizes that the stride does not divide, so an odd one at a stride of 2:
    crop or pad before. Drop-in for ``x[..., ::2, ::2]``. Of the ``stride ** 2`` ways to
    subsample an image (its polyphase components) each sample keeps the one with the
    largest norm over all channels. Follow a dense layer with it, for example
    ``MaxPool2d(2, stride=1)``, and put a ``BlurPool2d(stride=1)`` in between to alias
    less as well.

    Parameters
    ----------
    stride : int or tuple of int, default 2
        Keep every how many pixels, per axis if a tuple.
    norm : {1, 2, inf}, default 2
        The norm that is compared; ``inf`` compares the largest magnitudes.
    return_phase : bool, default False
        Whether forward returns ``(output, phase)``.

    Raises
    ------
    TypeError
        If ``stride`` is not made of integers. In forward: if the input is not floating
        point.
    ValueError
        If ``stride`` is below 1 or ``norm`` unknown. In forward: if the input has
        another number of axes or a size that ``stride`` does not divide, or ``phase``
        has another shape or type.
    IndexError
        In forward: if ``phase`` is negative or not below ``stride``.

    Notes
    -----
    ``(N, C, H, W)`` to ``(N, C, H / stride, W / stride)``, or unbatched ``(C, H, W)``.

    ``forward(input, phase=None)``: the phase chosen, ``(N, 2)`` from 0 to
    ``stride - 1`` (row, column), may be handed to the layer of a parallel branch, which
    must subsample on the same grid.

    Exact under *every circular* shift, up to a circular shift of the output: if the
    input shifts by d, the output shifts by ``(phase + d) // stride``. Hence a network
    of circular convolutions, pointwise functions, these layers and a global pool is
    invariant. Two things limit it. Content that enters at a border breaks it, as it
    breaks all circular statements. And two components may tie in norm and, second, in
    roughness (norm of the differences of neighbours) without being shifts of each
    other: then the first is taken, whatever the shift.

    The gradient flows through the component that is kept.

    Chaman and Dokmanić, "Truly shift-invariant convolutional neural networks" (2021),
    section 4.

    Examples
    --------
    >>> image = torch.tensor([[0.0, 1.0, 0.0, 2.0]])
    >>> PolyphasePool1d()(image)
    tensor([[1., 2.]])
    """

    rank = 2


class PolyphasePool3d(_PolyphasePool):
    """Adaptive polyphase sampling of a volume; see :class:`PolyphasePool2d`."""

    rank = 3
