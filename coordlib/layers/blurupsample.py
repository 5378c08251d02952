"""BlurUpsample: put zeros in between, then blur; what BlurPool does, backwards."""

import math
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, fx

from coordlib.layers import _pooling
from coordlib.layers._arguments import check_input
from coordlib.layers._blur import Blur, check_border, check_channels

__all__ = ["BlurUpsample1d", "BlurUpsample2d", "BlurUpsample3d"]

_TRANSPOSED = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)


class _BlurUpsample(Blur):
    rank: ClassVar[int]

    def reset_parameters(self) -> None:
        """Write the filter of BlurPool, times the stride along each axis."""
        super().reset_parameters()
        # Of so many pixels all but one are zero before the blur.
        self.kernel *= math.prod(self.stride)

    def forward(self, input: Tensor) -> Tensor:
        return blur_upsample(
            input,
            self.kernel,
            self.channels,
            self.stride,
            self._pads,
            self.padding_mode,
        )


@fx.wrap
def blur_upsample(
    input: Tensor,
    kernel: Tensor,
    channels: int | None,
    stride: tuple[int, ...],
    pads: list[int],
    mode: str,
) -> Tensor:
    rank = len(stride)
    check_input(input, rank)
    given = check_channels(input, channels, rank)
    size, before, after = input.shape[-rank:], pads[-2::-2], pads[-1::-2]
    # So many pixels beyond the border reach into the picture once they are apart.
    reaches = zip(before, after, stride, strict=True)
    border = tuple(max(a // s, -(-b // s)) for b, a, s in reaches)
    if mode == "zeros":
        border = (0,) * rank
    check_border(input, border, mode)
    input = _pooling.pad(input, _pooling.flat(border, border), mode)
    # Where the stride is 1 and the filter even, this makes one line too many.
    crop = [b + s * p for b, s, p in zip(before, stride, border, strict=True)]
    more = [s - 1 for s in stride]
    kernel = kernel.to(input.dtype).expand(given, 1, *[-1] * rank)
    output = _TRANSPOSED[rank - 1](input, kernel, None, stride, crop, more, given)
    for axis, n, s in zip(range(-rank, 0), size, stride, strict=True):
        output = output.narrow(axis, 0, n * s)
    return output


class BlurUpsample1d(_BlurUpsample):
    """Upsample a signal and blur it; see :class:`BlurUpsample2d`.

    ``(N, C, L)`` to ``(N, C, stride * L)``, or unbatched.
    """

    rank = 1


class BlurUpsample2d(_BlurUpsample):
    """Put the pixels ``stride`` apart, zeros in between, and blur: BlurPool backwards.

    Replaces ``torch.nn.Upsample`` and the stride of a transposed convolution, whose
    uneven weights draw a checkerboard. With a filter of 2 it repeats each pixel, as
    nearest neighbours do; with one of 3 it interpolates linearly.

    Parameters
    ----------
    channels : int, optional
        Number of channels to insist on; any number if left out.
    filter_size : int or tuple of int, default 3
        Taps of the filter, at most 1024, per axis if a tuple;
        see :func:`binomial_filter`. The filter is multiplied by the stride, so that
        brightness stays.
    stride : int or tuple of int, default 2
        How many pixels come of one, per axis if a tuple. At a stride of 2 every filter
        but that of 1 tap keeps a constant picture constant; at 3 or more none does
        exactly: take two layers of 2 for 4.
    padding_mode : {"reflect", "replicate", "zeros", "circular"}, default "reflect"
        What lies beyond the border of the input. With ``"zeros"`` a constant picture
        darkens at its border.
    device, dtype : optional
        Of the filter, as in ``torch.nn``.

    Raises
    ------
    TypeError
        If ``channels``, ``filter_size`` or ``stride`` is not made of integers. In
        forward: if the input is not floating point.
    ValueError
        If one of these is below 1, a tuple has not one entry an axis, or the mode is
        unknown. In forward: if the input has another number of axes or channels, or is
        too small for the border to be reflected or wrapped.

    Notes
    -----
    ``(N, C, H, W)`` to ``(N, C, stride * H, stride * W)``, or unbatched ``(C, H, W)``.
    Nothing in the state dict.

    In circular mode a shift of the input by d is a shift of the output by
    ``stride * d``, exactly. In circular mode and with ``"zeros"``, where a stride
    divides the size, it is the adjoint of :class:`BlurPool2d` of the same options times
    ``stride ** 2``; so an even filter reaches one pixel further before than after, and
    what was halved and doubled stands where it was.

    Zhang, "Making convolutional networks shift-invariant again" (2019), section 3, for
    the filter; Odena, Dumoulin and Olah, "Deconvolution and checkerboard artifacts"
    (2016), for the checkerboard.

    Examples
    --------
    >>> import torch
    >>> BlurUpsample1d()(torch.tensor([[0.0, 4.0, 8.0, 4.0]]))
    tensor([[0., 2., 4., 6., 8., 6., 4., 6.]])
    """

    rank = 2


class BlurUpsample3d(_BlurUpsample):
    """Upsample a volume and blur it; see :class:`BlurUpsample2d`.

    ``(N, C, D, H, W)`` to ``stride * size`` on each axis, or unbatched.
    """

    rank = 3
