"""Adaptive polyphase sampling: subsample on a grid that moves with the image.

Keeping every s-th pixel can start at any of s phases along each axis. Starting always
at the same one is what breaks equivariance. Starting where the image itself says (at
the phase whose pixels have the largest norm) makes the choice shift with the image. And
upsampling to the grid that was chosen on the way down puts everything back in place.
"""

import math
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from coordlib.arguments import (
    check_choice,
    check_flag,
    check_floating,
    check_module,
    check_tensor,
)
from coordlib.layers._arguments import check_input, per_axis
from coordlib.layers._blur import check_channels
from coordlib.layers._pooling import flat

__all__ = [
    "PolyphasePool1d",
    "PolyphasePool2d",
    "PolyphasePool3d",
    "PolyphaseUpsample1d",
    "PolyphaseUpsample2d",
    "PolyphaseUpsample3d",
]


class _PolyphasePool(nn.Module):
    rank: ClassVar[int]

    def __init__(
        self,
        stride: int | tuple[int, ...] = 2,
        norm: float = 2,
        *,
        return_phase: bool = False,
        ceil_mode: bool = False,
        scores: nn.Module | None = None,
    ) -> None:
        super().__init__()
        if scores is not None:
            check_module("scores", scores)
        self.scores = scores
        self.stride = per_axis("stride", stride, self.rank)
        check_options(norm, return_phase, ceil_mode)
        self.norm = norm
        self.return_phase = return_phase
        self.ceil_mode = ceil_mode

    def forward(
        self, input: Tensor, phase: Tensor | None = None
    ) -> Tensor | tuple[Tensor, Tensor]:
        options = self.stride, self.norm, self.return_phase, self.ceil_mode
        if self.scores is None:
            return polyphase_pool(input, phase, *options)
        scores = self.scores(_candidates(input, self.stride, self.ceil_mode))
        return polyphase_pool(input, phase, *options, _means(scores))

    def extra_repr(self) -> str:
        ceil = ", ceil_mode=True" if self.ceil_mode else ""
        return f"stride={self.stride}, norm={self.norm}{ceil}"


def check_options(norm: float, return_phase: bool, ceil_mode: bool) -> None:
    check_choice("norm", norm, (1, 2, math.inf))
    check_flag("return_phase", return_phase)
    check_flag("ceil_mode", ceil_mode)


@fx.wrap
def polyphase_pool(
    input: Tensor,
    phase: Tensor | None,
    stride: tuple[int, ...],
    norm: float,
    return_phase: bool,
    ceil_mode: bool,
    scores: Tensor | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    rank = len(stride)
    check_input(input, rank)
    check_channels(input, None, rank)
    single = input.ndim == rank + 1
    if single:
        input, phase = _batch_of_one(input, phase)
    if ceil_mode:
        input = _filled_up(input, stride)
    output, phase = _pool(input, phase, stride, norm, scores)
    if single:
        output, phase = output.squeeze(0), phase.squeeze(0)
    return (output, phase) if return_phase else output


def _batch_of_one(input: Tensor, phase: Tensor | None) -> tuple[Tensor, Tensor | None]:
    if phase is not None:
        check_tensor("phase", phase, any_kind=True)
        phase = phase.unsqueeze(0)
    return input.unsqueeze(0), phase


def _filled_up(input: Tensor, stride: tuple[int, ...]) -> Tensor:
    ends = [-n % s for n, s in zip(input.shape[2:], stride, strict=True)]
    return F.pad(input, flat([0] * len(stride), ends), mode="replicate")


@fx.wrap
def _candidates(input: Tensor, stride: tuple[int, ...], ceil_mode: bool) -> Tensor:
    """The components of all samples as one batch, for a module that scores them."""
    check_input(input, len(stride))
    if input.ndim == len(stride) + 1:
        input = input.unsqueeze(0)
    if ceil_mode:
        input = _filled_up(input, stride)
    # A copy: the module may write into what it is given.
    return _components(input, stride).flatten(0, len(stride)).clone()


@fx.wrap
def _means(scores: Tensor) -> Tensor:
    """What a module says of each component, one number for a map."""
    check_floating("what scores gives", scores)
    scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
    return scores.flatten(1).mean(1) if scores.ndim > 1 else scores


def _pool(
    input: Tensor,
    phase: Tensor | None,
    stride: tuple[int, ...],
    norm: float,
    scores: Tensor | None,
) -> tuple[Tensor, Tensor]:
    parts = _components(input, stride)
    sample = torch.arange(parts.shape[0], device=parts.device)
    if phase is not None:
        return _given(parts, sample, phase, stride), phase
    rank, each = len(stride), parts.flatten(1, len(stride))
    if scores is not None:
        count = each.shape[0] * each.shape[1]
        if not torch.jit.is_tracing() and scores.shape != (count,):
            raise ValueError(
                f"scores must give an entry for each of {count} components, "
                f"got {scores.numel()}"
            )
        scores = scores.reshape(each.shape[:2])
    best = _largest(each, rank, norm, scores)
    steps = [math.prod(stride[axis + 1 :]) for axis in range(rank)]
    axes = zip(steps, stride, strict=True)
    phase = torch.stack([best // step % s for step, s in axes], 1)
    kept = parts[(sample, *phase.unbind(1))]
    # Within torch.vmap no tensor tells that it requires a gradient.
    if scores is not None and (torch.is_grad_enabled() or torch.jit.is_tracing()):
        # Nothing is added but the gradient that a mixture of all would have.
        shares = scores.softmax(1)
        nothing = (shares - shares.detach()).to(each.dtype)
        mixed = each.where(each.isfinite(), 0).detach()
        kept = kept + (nothing[(..., *[None] * (rank + 1))] * mixed).sum(1)
    return kept, phase


def _given(
    parts: Tensor, sample: Tensor, phase: Tensor, stride: tuple[int, ...]
) -> Tensor:
    """The components of the phases that somebody handed in."""
    index = _index(phase, parts.shape[0], stride)
    try:
        return parts[(sample, *index)]
    except IndexError:
        raise _out_of_bounds(stride) from None


def _index(phase: Tensor, samples: int, stride: tuple[int, ...]) -> list[Tensor]:
    """A phase as an index, one tensor an axis."""
    check_tensor("phase", phase, any_kind=True)
    fits = torch.jit.is_tracing() or phase.shape == (samples, len(stride))
    if phase.dtype != torch.long or not fits:
        raise ValueError(
            f"phase must be a long tensor of shape {(samples, len(stride))}, "
            f"got {phase.dtype} of shape {tuple(phase.shape)}"
        )
    # A negative index would count from the end. Beyond the stride, torch refuses it.
    axes = zip(phase.unbind(1), stride, strict=True)
    return [axis.where(axis >= 0, s) for axis, s in axes]


def _out_of_bounds(stride: tuple[int, ...]) -> IndexError:
    return IndexError(
        "phase is out of bounds: it must be from 0 to stride - 1 along each axis "
        f"for stride {stride}"
    )


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
            "crop or pad the input, or choose ceil_mode"
        )
    for axis, s in enumerate(stride):
        # Split the axis into (n / s, s); move the phase to the front.
        *front, n = input.shape[: 3 + 2 * axis]
        split = input.reshape(*front, n // s, s, *input.shape[3 + 2 * axis :])
        input = split.movedim(3 + 2 * axis, 1 + axis)
    return input


@torch.no_grad()
def _largest(parts: Tensor, rank: int, norm: float, scores: Tensor | None) -> Tensor:
    """The phase with the largest norm; among equal norms, the roughest.

    Among those of the highest score only, where there are scores.
    """
    # The difference of two large numbers of half precision is infinite.
    parts = parts.to(torch.promote_types(parts.dtype, torch.float32))
    best = torch.ones(parts.shape[:2], dtype=torch.bool, device=parts.device)
    if scores is not None:
        best = scores == scores.amax(1, keepdim=True)
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
    # What is infinite or no number is larger than all numbers together. A maximum finds
    # it, at half the cost of asking each value; and a copy may be written into.
    beyond = (~size.amax(2).isfinite()).long() * 2**62
    size.nan_to_num_(0, 0)
    largest = size.amax((1, 2), keepdim=True)
    size.div_(largest.where(largest > 0, 1))
    if norm == math.inf:
        return (size.amax(2) * 2**30).long() + beyond
    if norm == 2:
        size = size.square()
    return size.mul_(2**30).long().sum(2) + beyond


class PolyphasePool1d(_PolyphasePool):
    """Adaptive polyphase sampling of a signal; see :class:`PolyphasePool2d`."""

    rank = 1


class PolyphasePool2d(_PolyphasePool):
    """Keep every ``stride``-th pixel, starting where the result has the largest norm.

    It refuses sizes that the stride does not divide, so an odd one at a stride of 2,
    unless ``ceil_mode`` fills them up. Drop-in for ``x[..., ::2, ::2]``. Of the
    ``stride ** 2`` ways to subsample an image (its polyphase components) each sample
    keeps the one with the largest norm over all channels. Follow a dense layer with it,
    for example ``MaxPool2d(2, stride=1)``, and put a ``BlurPool2d(stride=1)`` in
    between to alias less as well.

    Parameters
    ----------
    stride : int or tuple of int, default 2
        Keep every how many pixels, per axis if a tuple.
    norm : {1, 2, inf}, default 2
        The norm that is compared; ``inf`` compares the largest magnitudes.
    return_phase : bool, default False
        Whether forward returns ``(output, phase)``.
    ceil_mode : bool, default False
        Whether to repeat the last row and column until the stride divides the size, so
        that 7 pixels become 4, as behind a strided convolution. For what is still
        exact then see below.
    scores : nn.Module, optional
        What learns the choice. It is given all components of all samples as one batch,
        and gives a number for each, or a map, of which the mean is taken. The one with
        the highest score is kept; ``norm`` decides among equals.

    Raises
    ------
    TypeError
        If ``stride`` is not made of integers, or ``scores`` no module. In forward: if
        the input, or what ``scores`` gives, is not floating point.
    ValueError
        If ``stride`` is below 1 or ``norm`` unknown. In forward: if the input has
        another number of axes or, without ``ceil_mode``, a size that ``stride`` does
        not divide, ``phase`` has another shape or type, or ``scores`` does not give one
        entry for each component.
    IndexError
        In forward: if ``phase`` is negative or not below ``stride``.

    Notes
    -----
    ``(N, C, H, W)`` to ``(N, C, H / stride, W / stride)``, rounded up, or unbatched
    ``(C, H, W)``.

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

    The gradient flows through the component that is kept. To ``scores`` it flows as if
    the output were the mean of all components, weighted by the softmax of their scores.
    Equivariance stays exact if ``scores`` forgets circular shifts, as convolutions with
    circular padding do behind which the mean is taken; it must treat its batch one by
    one, too, which normalisation by batch in training does not.

    Chaman and Dokmanić, "Truly shift-invariant convolutional neural networks" (2021),
    section 4. The scores: Rojas-Gomez et al., "Learnable polyphase sampling for shift
    invariant and equivariant convolutional networks" (2022), where training mixes the
    components by random weights (Gumbel-softmax); here the choice is hard in training,
    too, and nothing is random.

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


class _PolyphaseUpsample(nn.Module):
    rank: ClassVar[int]

    def __init__(self, stride: int | tuple[int, ...] = 2) -> None:
        super().__init__()
        self.stride = per_axis("stride", stride, self.rank)

    def forward(self, input: Tensor, phase: Tensor | None = None) -> Tensor:
        return polyphase_upsample(input, phase, self.stride)

    def extra_repr(self) -> str:
        return f"stride={self.stride}"


@fx.wrap
def polyphase_upsample(
    input: Tensor, phase: Tensor | None, stride: tuple[int, ...]
) -> Tensor:
    rank = len(stride)
    check_input(input, rank)
    if input.ndim == rank + 1:
        return polyphase_upsample(*_batch_of_one(input, phase), stride).squeeze(0)
    samples, channels, *size = input.shape
    if phase is None:
        phase = torch.zeros(samples, rank, dtype=torch.long, device=input.device)
    index = _index(phase, samples, stride)
    sample = torch.arange(samples, device=input.device)
    parts = input.new_zeros(samples, *stride, channels, *size)
    try:
        parts = parts.index_put((sample, *index), input)
    except IndexError:
        raise _out_of_bounds(stride) from None
    for axis in reversed(range(rank)):
        # Move the last phase from the front behind its axis; join the two.
        parts = parts.movedim(1 + axis, 3 + 2 * axis)
        parts = parts.flatten(2 + 2 * axis, 3 + 2 * axis)
    return parts


class PolyphaseUpsample1d(_PolyphaseUpsample):
    """Put samples back on the grid they came from; see :class:`PolyphaseUpsample2d`."""

    rank = 1


class PolyphaseUpsample2d(_PolyphaseUpsample):
    """Put pixels back on the grid that :class:`PolyphasePool2d` took them from.

    Everywhere else are zeros, so follow it with a convolution, or with
    ``BlurPool2d(stride=1)``. A network that halves by one and doubles by the other is
    equivariant to *every* circular shift, for a picture that moves takes its grid with
    it; upsampling always to the same grid loses that.

    Parameters
    ----------
    stride : int or tuple of int, default 2
        How many pixels come of one, per axis if a tuple: the stride of the pooling.

    Raises
    ------
    TypeError
        If ``stride`` is not made of integers. In forward: if the input is not floating
        point.
    ValueError
        If ``stride`` is below 1. In forward: if the input has another number of axes,
        or ``phase`` another shape or type.
    IndexError
        In forward: if ``phase`` is negative or not below ``stride``.

    Notes
    -----
    ``(N, C, H, W)`` to ``(N, C, stride * H, stride * W)``, or unbatched ``(C, H, W)``.

    ``forward(input, phase=None)``: the phase is ``(N, 2)`` from 0 to ``stride - 1``
    (row, column), as ``PolyphasePool2d(return_phase=True)`` returns it. Left out it is
    0, the first pixel of each block.

    Chaman and Dokmanić, "Truly shift-equivariant convolutional neural networks with
    adaptive polyphase upsampling" (2021).

    Examples
    --------
    >>> pool, upsample = PolyphasePool1d(return_phase=True), PolyphaseUpsample1d()
    >>> upsample(*pool(torch.tensor([[3.0, 1.0, 4.0, 2.0]])))
    tensor([[3., 0., 4., 0.]])
    """

    rank = 2


class PolyphaseUpsample3d(_PolyphaseUpsample):
    """Put voxels back on the grid they came from; see :class:`PolyphaseUpsample2d`."""

    rank = 3
