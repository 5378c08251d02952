"""The layers as functions, as ``torch.nn.functional`` has those of ``torch.nn``.

For a network that decides as it runs, or one without modules. Each takes a batch
``(N, C, *size)`` with one, two or three spatial axes: the number of axes says which
layer it is. Options, their ranges, errors and sources are those of that layer. A filter
is made anew in each call; a layer keeps it. ``torch.fx`` records each call as one step,
however the function was imported.
"""

import math

from torch import Tensor

from coordlib.arguments import check_flag, one_step
from coordlib.grid import Axes, WithR, check_with_r, listed_axes
from coordlib.layers import add_coords as _add_coords
from coordlib.layers import blurpool, blurupsample, polyphase, softargmax
from coordlib.layers._arguments import check_map, per_axis
from coordlib.layers._blur import blur_kernel, blur_options

__all__ = [
    "add_coords",
    "blur_pool",
    "blur_upsample",
    "max_blur_pool",
    "polyphase_pool",
    "polyphase_upsample",
    "soft_argmax",
]


@one_step
def add_coords(input: Tensor, with_r: WithR = False, axes: Axes = None) -> Tensor:
    """Append unit coordinate channels; see :class:`~coordlib.layers.AddCoords`.

    Examples
    --------
    >>> import torch
    >>> add_coords(torch.zeros(1, 1, 2, 2))[0, 1]
    tensor([[-1., -1.],
            [ 1.,  1.]])
    """
    with_r = check_with_r(with_r)
    axes = listed_axes(axes, with_r)
    return _add_coords.with_coordinates(input, with_r, axes)


@one_step
def blur_pool(
    input: Tensor,
    filter_size: int | tuple[int, ...] = 3,
    stride: int | tuple[int, ...] = 2,
    padding_mode: str = "reflect",
) -> Tensor:
    """Blur and keep every s-th pixel; see :class:`~coordlib.layers.BlurPool2d`.

    Examples
    --------
    >>> import torch
    >>> blur_pool(torch.tensor([[[0.0, 4.0, 0.0, 4.0]]]))
    tensor([[[2., 2.]]])
    """
    size, step, reach = blur_options(
        check_map(input), filter_size, stride, padding_mode
    )
    kernel = blur_kernel(size).to(input)
    return blurpool.blur_pool(input, kernel, None, step, reach, padding_mode)


@one_step
def blur_upsample(
    input: Tensor,
    filter_size: int | tuple[int, ...] = 3,
    stride: int | tuple[int, ...] = 2,
    padding_mode: str = "reflect",
) -> Tensor:
    """Upsample and blur; see :class:`~coordlib.layers.BlurUpsample2d`.

    Examples
    --------
    >>> import torch
    >>> blur_upsample(torch.tensor([[[0.0, 4.0]]]), padding_mode="replicate")
    tensor([[[0., 2., 4., 4.]]])
    """
    size, step, reach = blur_options(
        check_map(input), filter_size, stride, padding_mode
    )
    kernel = (blur_kernel(size) * math.prod(step)).to(input)
    return blurupsample.blur_upsample(input, kernel, None, step, reach, padding_mode)


@one_step
def max_blur_pool(
    input: Tensor,
    kernel_size: int | tuple[int, ...],
    stride: int | tuple[int, ...] = 2,
    padding: int | tuple[int, ...] | str | None = None,
    *,
    filter_size: int | tuple[int, ...] = 3,
    padding_mode: str = "reflect",
    ceil_mode: bool = False,
) -> Tensor:
    """Max pooling with less aliasing; see :class:`~coordlib.layers.MaxBlurPool2d`.

    Examples
    --------
    >>> import torch
    >>> max_blur_pool(torch.rand(8, 16, 32, 32), 2).shape
    torch.Size([8, 16, 16, 16])
    """
    rank = check_map(input)
    check_flag("ceil_mode", ceil_mode)
    options = blurpool.max_options(rank, kernel_size, padding, padding_mode)
    window, padding, before, after = options
    ceil = per_axis("stride", stride, rank) if ceil_mode and padding != "same" else None
    circular = padding_mode == "circular"
    dense = blurpool.dense_max(input, window, before, after, circular, ceil)
    return blur_pool(dense, filter_size, stride, padding_mode)


@one_step
def polyphase_pool(
    input: Tensor,
    stride: int | tuple[int, ...] = 2,
    norm: float = 2,
    phase: Tensor | None = None,
    *,
    return_phase: bool = False,
    ceil_mode: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """Adaptive polyphase sampling; see :class:`~coordlib.layers.PolyphasePool2d`.

    A choice that is learnt (``scores``) needs the layer.

    Examples
    --------
    >>> import torch
    >>> polyphase_pool(torch.tensor([[[0.0, 1.0, 0.0, 2.0]]]), return_phase=True)
    (tensor([[[1., 2.]]]), tensor([[1]]))
    """
    step = per_axis("stride", stride, check_map(input))
    polyphase.check_options(norm, return_phase, ceil_mode)
    return polyphase.polyphase_pool(input, phase, step, norm, return_phase, ceil_mode)


@one_step
def polyphase_upsample(
    input: Tensor, phase: Tensor | None = None, stride: int | tuple[int, ...] = 2
) -> Tensor:
    """Put pixels back on a grid; see :class:`~coordlib.layers.PolyphaseUpsample2d`.

    Examples
    --------
    >>> import torch
    >>> polyphase_upsample(torch.tensor([[[1.0, 2.0]]]), torch.tensor([[1]]))
    tensor([[[0., 1., 0., 2.]]])
    """
    step = per_axis("stride", stride, check_map(input))
    return polyphase.polyphase_upsample(input, phase, step)


@one_step
def soft_argmax(
    input: Tensor,
    temperature: float | Tensor = 1.0,
    unit: bool = True,
    *,
    normalised: bool = False,
) -> Tensor:
    """Where the mass of each channel is; see :class:`~coordlib.layers.SoftArgmax2d`.

    The values of a tensor of temperatures, which may come from a network, are not
    looked at.

    Examples
    --------
    >>> import torch
    >>> soft_argmax(torch.tensor([[[0.0, 50.0, 0.0, 0.0]]]), unit=False)
    tensor([[[1.]]])
    """
    temperature = softargmax.check_options(temperature, unit, normalised)
    return softargmax.soft_argmax(
        input, temperature, unit, normalised, check_map(input)
    )
