"""The position's share of a convolution with coordinates: a bias, computed once.

``conv([x, c]) = conv_x(x) + conv_c(c)``, and the second term does not depend on x. What
needs to know a size stands here in functions that the layers wrap for ``torch.fx``,
which records a call to them.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coordlib.arguments import check_tensor
from coordlib.grid import WithR, coordinate_channels, wanted_axes
from coordlib.layers._arguments import channels_last, laid_out_last, no_autocast

_Convolve = Callable[[Tensor, Tensor, Tensor | None, int], Tensor]
_CONVOLUTIONS = (F.conv1d, F.conv2d, F.conv3d)
_TRANSPOSED = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)


def coordconv(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    with_r: WithR,
    stride: tuple[int, ...],
    padding: tuple[int, ...] | str,
    dilation: tuple[int, ...],
    groups: int,
    padding_mode: str,
    pads: list[int],
    axes: tuple[int, ...] | None = None,
) -> Tensor:
    rank = weight.ndim - 2
    wanted = wanted_axes(axes, rank, with_r)
    check_tensor("input", input, any_kind=True)

    def convolve(
        input: Tensor, weight: Tensor, bias: Tensor | None, groups: int
    ) -> Tensor:
        around = padding
        if padding_mode != "zeros":
            input, around = F.pad(input, pads, mode=padding_mode), (0,) * rank
        convolution = _CONVOLUTIONS[rank - 1]
        return convolution(input, weight, bias, stride, around, dilation, groups)

    parts = split(weight, len(wanted) + bool(with_r))
    return _with_position(input, *parts, bias, with_r, wanted, groups, convolve)


def coordconv_transpose(
    input: Tensor,
    output_size: list[int] | None,
    weight: Tensor,
    bias: Tensor | None,
    with_r: WithR,
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    output_padding: tuple[int, ...],
    groups: int,
    dilation: tuple[int, ...],
    axes: tuple[int, ...] | None = None,
) -> Tensor:
    rank = weight.ndim - 2
    wanted = wanted_axes(axes, rank, with_r)
    check_tensor("input", input, any_kind=True)
    if output_size is not None:
        # torch's own; with a size given it looks at nothing of the layer.
        rule: Any = nn.ConvTranspose2d._output_padding
        output_padding = rule(
            None,
            input,
            output_size,
            stride,
            padding,
            weight.shape[2:],
            rank,
            dilation,
        )

    def convolve(
        input: Tensor, weight: Tensor, bias: Tensor | None, groups: int
    ) -> Tensor:
        convolution = _TRANSPOSED[rank - 1]
        options = stride, padding, output_padding, groups, dilation
        return convolution(input, weight, bias, *options)

    coordinates = len(wanted) + bool(with_r)
    on_input, on_coords = split_transposed(weight, groups, coordinates)
    # From a group after the other to a coordinate after the other, for all groups.
    on_coords = on_coords.unflatten(0, (groups, -1)).transpose(0, 1).flatten(1, 2)
    parts = on_input, on_coords
    return _with_position(input, *parts, bias, with_r, wanted, groups, convolve)


def split(weight: Tensor, coordinates: int) -> tuple[Tensor, Tensor]:
    inputs = weight.shape[1] - coordinates
    return weight[:, :inputs], weight[:, inputs:]


def split_transposed(
    weight: Tensor, groups: int, coordinates: int
) -> tuple[Tensor, Tensor]:
    grouped = weight.unflatten(0, (groups, -1))
    inputs = grouped.shape[1] - coordinates
    return grouped[:, :inputs].flatten(0, 1), grouped[:, inputs:].flatten(0, 1)


def _with_position(
    input: Tensor,
    on_input: Tensor,
    on_coords: Tensor,
    bias: Tensor | None,
    with_r: WithR,
    wanted: tuple[int, ...],
    groups: int,
    convolve: _Convolve,
) -> Tensor:
    """Convolve the input, and add what the convolution makes of the coordinates.

    Every group sees them all, so on them it is a convolution without groups.
    """
    rank = on_coords.ndim - 2
    output = convolve(input, on_input, bias, groups)
    last = channels_last(output, rank)
    if channels_last(input, rank) and not last:  # lost by circular padding or groups
        output, last = laid_out_last(output), True
    # In at least float32, whatever the layer's type and autocast: half precision
    # cannot tell neighbouring coordinates apart in large images.
    on_coords = on_coords.to(torch.promote_types(on_coords.dtype, torch.float32))
    size, dtype, device = input.shape[-rank:], on_coords.dtype, on_coords.device
    with no_autocast(input):
        coords = coordinate_channels(size, with_r, dtype, device, wanted)
        # The bias is laid out as the output is: adding across layouts, and summing
        # over the batch in backward, is many times slower.
        coords = laid_out_last(coords) if last else coords
        position_bias = convolve(coords, on_coords, None, 1)
    if output.ndim == rank + 1:
        position_bias = position_bias[0]
    elif last:  # expanded while the channels are last: so backward sums that way, too
        wide = position_bias.movedim(1, -1).expand_as(output.movedim(1, -1))
        position_bias = wide.movedim(-1, 1)
    # In place saves a copy. The sum is computed in the wider type, then cast.
    return output.add_(position_bias)
