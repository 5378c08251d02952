"""Blur and dense maximum for a CPU in eager mode, where memory decides the speed.

``max_pool2d`` with stride 1 looks at every window by itself; a maximum of shifted
views, one axis after another, runs at the speed of the memory. Padding an image before
blurring it costs little, but the gradient of the padding much; here what flowed to the
border is added to the pixels it came from, a line at a time.

Gradients are written by hand, for those of many views of one tensor are slow.
"""

import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["blur", "dense_max", "flat", "number_of_channels", "pad"]

# Below, the calls themselves cost more than what they do.
_LEAST = 2**16

_Steps = tuple[tuple[int, int], ...]
_Dims = tuple[int | None, ...]


def applies(input: Tensor) -> bool:
    """Whether these forms are the better ones for a tensor.

    A compiler fuses the plain operations itself, a GPU has kernels for them, and where
    the channels lie last in memory torch is as fast. Half precision stays with the
    plain operations, which sum in single precision. What stands in for a tensor where
    somebody is tracing has no size to decide by.
    """
    if torch.compiler.is_compiling() or torch.jit.is_tracing():
        return False
    return (
        type(input) in (Tensor, nn.Parameter)
        and input.numel() >= _LEAST
        and input.device.type == "cpu"
        and input.dtype in (torch.float32, torch.float64)
        and input.is_contiguous()
        and not torch.is_autocast_enabled("cpu")
    )


def _learns(input: Tensor) -> bool:
    return input.requires_grad and torch.is_grad_enabled()


def flat(before: Sequence[int], after: Sequence[int]) -> list[int]:
    """Paddings in the order of torch.nn.functional.pad: the last axis first."""
    return [p for pair in zip(before[::-1], after[::-1], strict=True) for p in pair]


def pad(
    input: Tensor, pads: list[int], mode: str, value: float | None = None
) -> Tensor:
    """Pad the last axes, in a mode by the name that torch.nn has for it."""
    if not any(pads):
        return input
    return F.pad(input, pads, "constant" if mode == "zeros" else mode, value)


def blur(
    input: Tensor,
    kernel: Tensor,
    stride: tuple[int, ...],
    pads: list[int],
    mode: str,
) -> Tensor:
    """Filter every channel and keep every s-th value.

    Parameters
    ----------
    input : Tensor
    kernel : Tensor, shape (1, 1, *size) or (channels, 1, *size)
        A product of rows of Pascal's triangle, in the type of the input.
    stride : tuple of int
    pads : list of int
        By how much to pad, as :func:`flat` makes it.
    mode : {"reflect", "replicate", "zeros", "circular"}
        What lies beyond the border; the caller has made sure there is enough of it.
    """
    if mode == "zeros" and pads[::2] == pads[1::2]:
        # A convolution adds zeros by itself.
        return _filter(input, kernel, stride, pads[-2::-2])
    if _learns(input) and applies(input):
        how = _How(stride, pads, mode, tuple(input.shape[-len(stride) :]))
        blurred: Tensor = _Blur.apply(input, kernel, how)
        return blurred
    return _padded_filter(input, kernel, stride, pads, mode)


def dense_max(
    input: Tensor, window: tuple[int, ...], before: Any, after: Any, circular: bool
) -> Tensor:
    """The maximum of every window, as max pooling with stride 1 gives it.

    Beyond the border is nothing that wins, or in circular mode the other side. Among
    equal values the first, row by row, gets the gradient, as in torch, unless they are
    infinite.
    """
    rank = len(window)
    fast = applies(input) and max(window) > 1
    alone = not fast and not circular and before == after
    if not alone:
        mode, value = ("circular", None) if circular else ("zeros", -math.inf)
        input = pad(input, flat(before, after), mode, value)
    if fast:
        largest: Tensor = _DenseMax.apply(input, rank, _steps(window))
        return largest
    padding = before if alone else (0,) * rank
    if rank == 1:  # as an image of one row, for torch's max_pool1d fixes the length
        image = input.unsqueeze(-2)
        return F.max_pool2d(image, (1, *window), 1, (0, *padding)).squeeze(-2)
    pool = F.max_pool2d if rank == 2 else F.max_pool3d
    return pool(input, window, stride=1, padding=padding)


# Blur. It is linear, so its gradient is its adjoint, and the gradient of that the blur.


def _filter(
    input: Tensor, kernel: Tensor, stride: tuple[int, ...], padding: Any
) -> Tensor:
    rank = len(stride)
    channels = number_of_channels(input, rank)
    convolve = (F.conv1d, F.conv2d, F.conv3d)[rank - 1]
    if torch.jit.is_tracing() or kernel.shape[0] != channels:
        kernel = kernel.expand(channels, 1, *[-1] * rank)
    return convolve(input, kernel, None, stride, padding, groups=channels)


def number_of_channels(input: Tensor, rank: int) -> int:
    """As a number always: no network changes it, and no exporter takes another."""
    channels = input.shape[-rank - 1]
    return _number(channels) if isinstance(channels, Tensor) else channels


def _number(length: Any) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        return int(length)


def _padded_filter(
    input: Tensor, kernel: Tensor, stride: tuple[int, ...], pads: list[int], mode: str
) -> Tensor:
    return _filter(pad(input, pads, mode), kernel, stride, 0)


@dataclass(frozen=True)
class _How:
    """All but the tensors, in one: torch.vmap of a jvp miscounts nested arguments."""

    stride: tuple[int, ...]
    pads: list[int]
    mode: str
    shape: tuple[int, ...]


class _Blur(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(input: Tensor, kernel: Tensor, how: _How) -> Tensor:
        return _padded_filter(input, kernel, how.stride, how.pads, how.mode)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        _, ctx.kernel, ctx.how = inputs

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        return _BlurAdjoint.apply(grad, ctx.kernel, ctx.how), None, None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, *_: None) -> Tensor:
        moved: Tensor = _Blur.apply(tangent, ctx.kernel, ctx.how)
        return moved


class _BlurAdjoint(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(grad: Tensor, kernel: Tensor, how: _How) -> Tensor:
        rank, size = len(how.stride), kernel.shape[2:]
        channels = grad.shape[-rank - 1]
        transpose = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)
        axes = zip(how.shape, grad.shape[-rank:], size, how.stride, strict=True)
        more = [n + k - 1 - ((m - 1) * s + k) for n, m, k, s in axes]
        kernels = kernel.expand(channels, 1, *size)
        padded = transpose[rank - 1](grad, kernels, None, how.stride, 0, more, channels)
        sides = zip(range(-rank, 0), how.shape, how.pads[-2::-2], strict=True)
        for axis, n, before in sides:
            padded = _fold(padded, axis, n, before, how.mode)
        return padded.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        _, ctx.kernel, ctx.how = inputs

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        return _Blur.apply(grad, ctx.kernel, ctx.how), None, None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, *_: None) -> Tensor:
        moved: Tensor = _BlurAdjoint.apply(tangent, ctx.kernel, ctx.how)
        return moved


def _fold(padded: Tensor, axis: int, n: int, before: int, mode: str) -> Tensor:
    """Add what lies beyond the n pixels of an axis to the pixels it was copied from."""
    inside = padded.narrow(axis, before, n)
    if mode != "zeros":
        for j in [*range(-before, 0), *range(n, padded.shape[axis] - before)]:
            line = padded.narrow(axis, before + j, 1)
            inside.narrow(axis, _copied(j, n, mode), 1).add_(line)
    return inside


def _copied(j: int, n: int, mode: str) -> int:
    """The pixel that is copied to place ``j`` beyond the border."""
    if mode == "reflect":
        return -j if j < 0 else 2 * (n - 1) - j
    return j % n if mode == "circular" else min(max(j, 0), n - 1)


# Maximum. A window of w and a window of w that begins d <= w later make one of w + d.
# Images are taken a few at a time, so that what lies between stays in the cache.

_AT_ONCE = 2**17


def _steps(window: tuple[int, ...]) -> _Steps:
    """The pairs (axis, d) that make up a window, the last axis first.

    In that order the first of equal values is the first row by row.
    """
    steps = []
    for axis in range(-1, -len(window) - 1, -1):
        w = 1
        while w < window[axis]:
            d = min(w, window[axis] - w)
            steps.append((axis, d))
            w += d
    return tuple(steps)


def _few(rank: int, *tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Matching parts of tensors, a few images at a time: views ``(n, *size)``."""
    flat = [tensor.reshape(-1, *tensor.shape[-rank:]) for tensor in tensors]
    count = max(_AT_ONCE // math.prod(flat[0].shape[1:]), 1)
    return zip(*(tensor.split(count) for tensor in flat), strict=True)


class _DenseMax(torch.autograd.Function):
    @staticmethod
    def forward(input: Tensor, rank: int, steps: _Steps) -> Tensor:
        size = list(input.shape)
        for axis, d in steps:
            size[axis] -= d
        output = input.new_empty(size)
        for part, result in _few(rank, input, output):
            result.copy_(_between(part, steps)[-1])
        return output

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        input, *ctx.options = inputs
        # The input only: what lies between is faster made again than kept.
        ctx.save_for_backward(input)
        ctx.save_for_forward(input)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (input,) = ctx.saved_tensors
        return _Scatter.apply(grad, input, *ctx.options), None, None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, *_: None) -> Tensor:
        (input,) = ctx.saved_tensors
        return _gather(tangent, input, ctx.options[1])

    @staticmethod
    def vmap(
        info: Any, dims: _Dims, input: Tensor, rank: int, steps: _Steps
    ) -> tuple[Tensor, int]:
        return _DenseMax.apply(*_batched(info, dims, input), rank, steps), 0


class _Scatter(torch.autograd.Function):
    """Hand the gradient of every window to the value that won there."""

    @staticmethod
    def forward(grad: Tensor, input: Tensor, rank: int, steps: _Steps) -> Tensor:
        output = grad.new_empty(input.shape)
        for g, part, result in _few(rank, grad, input, output):
            between = _between(part, steps[:-1])
            for axis, d in reversed(steps):
                g = _scatter(g, between.pop(), axis, d)
            result.copy_(g)
        return output

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        _, input, *ctx.options = inputs
        ctx.save_for_backward(input)
        ctx.save_for_forward(input)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (input,) = ctx.saved_tensors
        return _gather(grad, input, ctx.options[1]), None, None, None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor | None, *_: Any) -> Tensor:
        (input,) = ctx.saved_tensors
        if tangent is None:  # the input moves alone, and what wins stays what it is
            return torch.zeros_like(input)
        moved: Tensor = _Scatter.apply(tangent, input, *ctx.options)
        return moved

    @staticmethod
    def vmap(
        info: Any,
        dims: _Dims,
        grad: Tensor,
        input: Tensor,
        rank: int,
        steps: _Steps,
    ) -> tuple[Tensor, int]:
        return _Scatter.apply(*_batched(info, dims, grad, input), rank, steps), 0


def _between(input: Tensor, steps: _Steps) -> list[Tensor]:
    """The input, and what it becomes after each step."""
    between = [input]
    for axis, d in steps:
        between.append(torch.maximum(*_pair(between[-1], axis, d)))
    return between


def _scatter(grad: Tensor, input: Tensor, axis: int, d: int) -> Tensor:
    first, second = _pair(input, axis, d)
    # The gradient where the second is larger, else zero: one pass, without a mask.
    to_second = torch.ops.aten.threshold_backward(grad, second - first, 0)
    output, n = grad.new_empty(input.shape), grad.shape[axis]
    output.narrow(axis, 0, n).copy_(grad).sub_(to_second)
    output.narrow(axis, n, d).zero_()
    output.narrow(axis, d, n).add_(to_second)
    return output


def _batched(info: Any, dims: _Dims, *tensors: Tensor) -> list[Tensor]:
    """Tensors with the axis of ``torch.vmap`` in front, one of many axes there."""
    return [
        tensor.expand(info.batch_size, *tensor.shape)
        if dim is None
        else tensor.movedim(dim, 0)
        for tensor, dim in zip(tensors, dims, strict=False)
    ]


def _gather(values: Tensor, input: Tensor, steps: _Steps) -> Tensor:
    """Take from other values what stands where the input has its maxima."""
    for axis, d in steps:
        (a, b), (x, y) = _pair(values, axis, d), _pair(input, axis, d)
        values = torch.where(y > x, b, a)
        input = torch.maximum(x, y)
    return values


def _pair(input: Tensor, axis: int, d: int) -> tuple[Tensor, Tensor]:
    n = input.shape[axis] - d
    return input.narrow(axis, 0, n), input.narrow(axis, d, n)
