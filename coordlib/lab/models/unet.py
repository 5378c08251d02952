"""From a picture to a picture: a small U-Net with its down- and upsampling named.

============  ========================  =============================================
downsampling  halves by                 doubles by
============  ========================  =============================================
"plain"       a strided convolution     a transposed convolution
"blur"        a dense convolution,      a transposed convolution, then blur
              blur and subsample
"polyphase"   a dense convolution, and  a transposed convolution that puts the pixels
              the strongest of the      back where the halving took them from
              four subsampled pictures
============  ========================  =============================================

Zhang, 2019, "Making convolutional networks shift-invariant again", for the blur; Chaman
and Dokmanić, 2021, "Truly shift-equivariant convolutional neural networks with adaptive
polyphase upsampling", for the polyphase sampling.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from coordlib.arguments import check_choice, check_integer, check_tensor
from coordlib.lab.models.common import he_normal_
from coordlib.layers import BlurPool2d, PolyphasePool2d
from coordlib.layers.functional import polyphase_upsample

__all__ = ["DOWNSAMPLINGS", "UNet", "spread"]

DOWNSAMPLINGS = ("plain", "blur", "polyphase")
PADDING_MODES = ("zeros", "circular", "reflect", "replicate")


def spread(x: Tensor, phase: Tensor | None = None) -> Tensor:
    """Double a picture: each pixel at one corner of a 2x2 block, the rest is zero.

    Parameters
    ----------
    x : Tensor, shape (N, C, H, W)
    phase : LongTensor, shape (N, 2), optional
        Which corner, (row, column) in {0, 1}, for every picture: what
        :class:`~coordlib.layers.PolyphasePool2d` returns. The upper left one if not
        given.

    Returns
    -------
    Tensor, shape (N, C, 2 * H, 2 * W)

    Examples
    --------
    >>> spread(torch.tensor([[[[1.0, 2.0]]]])).tolist()
    [[[[1.0, 0.0, 2.0, 0.0], [0.0, 0.0, 0.0, 0.0]]]]
    """
    check_tensor("x", x, 4, any_kind=True)
    return polyphase_upsample(x, phase)


class UNet(nn.Module):
    """Halve a picture some times, then double it again, with a short cut at each size.

    Every halving is a convolution 3x3, batch normalisation and a leaky rectifier;
    every doubling a transposed convolution 3x3, batch normalisation and a rectifier. A
    doubling sees what the one before made, beside what the halving of that size made.
    As in the source there is no short cut at full size: all detail passes the first
    halving. A last convolution gives logits.

    Parameters
    ----------
    downsampling : {"plain", "blur", "polyphase"}
        What it does where it halves and where it doubles, see the table above. The
        number of parameters is the same.
    filter_size : int
        Taps of the blur, where there is one.
    padding_mode : {"zeros", "circular", "reflect", "replicate"}
        How convolutions and blurs fill their borders. Blurs repeat the border where
        convolutions see zeros.
    width : int
        Channels after the first halving; each further one doubles them.
    depth : int
        Number of halvings.
    channels, outputs : int
        Of the picture that comes and of the one that leaves.

    Notes
    -----
    ``(N, channels, H, W)`` to ``(N, outputs, H, W)``. With circular padding and in
    evaluation mode: "plain" and "blur" are equivariant to circular shifts by multiples
    of ``2 ** depth``, "polyphase" to all of them (up to ties, see
    :class:`~coordlib.layers.PolyphasePool2d`).

    Isola, Zhu, Zhou and Efros, 2017, "Image-to-image translation with conditional
    adversarial networks", section 3.2, for the shape; it is deeper there, and its
    kernels are 4x4.
    """

    def __init__(
        self,
        downsampling: Literal["plain", "blur", "polyphase"] = "plain",
        filter_size: int = 3,
        padding_mode: str = "circular",
        width: int = 16,
        depth: int = 3,
        *,
        channels: int = 1,
        outputs: int = 1,
    ) -> None:
        super().__init__()
        check_choice("downsampling", downsampling, DOWNSAMPLINGS)
        check_choice("padding_mode", padding_mode, PADDING_MODES)
        check_integer("depth", depth, at_most=32)  # it doubles the width
        numbers = {"filter_size": filter_size, "width": width}
        numbers |= {"channels": channels, "outputs": outputs}
        for name, value in numbers.items():
            check_integer(name, value)
        self.depth = depth
        way = {"downsampling": downsampling, "filter_size": filter_size}
        way["padding_mode"] = padding_mode
        sizes = [width * 2**level for level in range(depth)]
        inputs = [channels, *sizes]
        self.downs = nn.ModuleList(
            _Down(inputs[level], sizes[level], **way) for level in range(depth)
        )
        # The deepest sees one picture, the others two of equal width.
        self.ups = nn.ModuleList(
            _Up(
                sizes[level] * (1 if level == depth - 1 else 2),
                sizes[max(level - 1, 0)],
                **way,
            )
            for level in reversed(range(depth))
        )
        self.last = nn.Conv2d(width, outputs, 3, padding=1, padding_mode=padding_mode)
        he_normal_(self)

    def forward(self, x: Tensor) -> Tensor:
        total = 2**self.depth
        if x.ndim != 4 or x.shape[2] % total or x.shape[3] % total:
            raise ValueError(
                f"input must be of shape (N, C, H, W) with H and W multiples of "
                f"{total}, got {tuple(x.shape)}"
            )
        kept = []
        for down in self.downs:
            x, phase = down(x)
            kept.append((x, phase))
        x, phase = kept.pop()
        for up in self.ups:
            x = up(x, phase)
            if kept:
                same_size, phase = kept.pop()
                x = torch.cat([x, same_size], 1)
        return self.last(x)


class _Down(nn.Module):
    """Halve: ``(N, inputs, H, W)`` to ``(N, outputs, H / 2, W / 2)`` and its phase."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        downsampling: str,
        filter_size: int,
        padding_mode: str,
    ) -> None:
        super().__init__()
        stride = 2 if downsampling == "plain" else 1
        self.conv = _conv(inputs, outputs, stride, padding_mode)
        self.norm = nn.BatchNorm2d(outputs)
        self.act = nn.LeakyReLU(0.2)
        self.sample = {
            "plain": nn.Identity,
            "blur": lambda: _blur(filter_size, 2, padding_mode),
            "polyphase": lambda: PolyphasePool2d(2, return_phase=True),
        }[downsampling]()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        sampled = self.sample(self.act(self.norm(self.conv(x))))
        return sampled if isinstance(sampled, tuple) else (sampled, None)


class _Up(nn.Module):
    """Double: ``(N, inputs, H, W)`` to ``(N, outputs, 2 H, 2 W)``."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        downsampling: str,
        filter_size: int,
        padding_mode: str,
    ) -> None:
        super().__init__()
        # After zeros are put in between, a convolution is a transposed one; written
        # like this it may have any padding.
        self.conv = _conv(inputs, outputs, 1, padding_mode)
        blurs = downsampling == "blur"
        self.blur = _blur(filter_size, 1, padding_mode) if blurs else nn.Identity()
        self.norm = nn.BatchNorm2d(outputs)
        self.act = nn.ReLU()

    def forward(self, x: Tensor, phase: Tensor | None) -> Tensor:
        return self.act(self.norm(self.blur(self.conv(spread(x, phase)))))


def _conv(inputs: int, outputs: int, stride: int, padding_mode: str) -> nn.Conv2d:
    return nn.Conv2d(
        inputs, outputs, 3, stride, 1, bias=False, padding_mode=padding_mode
    )


def _blur(filter_size: int, stride: int, padding_mode: str) -> BlurPool2d:
    mode = "replicate" if padding_mode == "zeros" else padding_mode
    return BlurPool2d(None, filter_size, stride, mode)
