"""From a position to a picture: the painters of Liu et al. (2018), layer by layer.

Every painter takes positions in unit coordinates, shape (N, 2) as ``(i, j)``, and
gives logits of shape (N, 1, H, W): one number a pixel, larger where it would paint.

Widths, filters and layers are those of the released code of the paper. One thing
differs: that code feeds positions as raw integers (4 to 59) next to coordinates in
[-1, 1]; here both are unit coordinates.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coordlib.arguments import (
    check_choice,
    check_flag,
    check_instance,
    check_integer,
)
from coordlib.grid import unit_grid
from coordlib.lab.models.common import Stack, he_normal_, parameter_count
from coordlib.lab.models.handmade import Tile
from coordlib.lab.models.normalisation import NORMALISATIONS, normalisation_layer
from coordlib.layers import AddCoords, CoordConv2d

# The last two stood here once.
__all__ = [
    "CoordConvPainter",
    "CoordConvSquarePainter",
    "DeconvPainter",
    "EncodedPainter",
    "he_normal_",
    "parameter_count",
]


class SameConvTranspose2d(nn.ConvTranspose2d):
    """A transposed convolution of stride 2 that doubles the picture as Keras does.

    With ``padding="same"`` Keras cuts what a transposed convolution has too much at
    the end rather than at the start: nothing for 2x2 kernels, one pixel on each
    side for 4x4, and for 3x3 the *last* row and column. (``padding=1,
    output_padding=1`` would cut the first: the same picture, off by one pixel.)

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size : {2, 3, 4}
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        check_choice("kernel_size", kernel_size, (2, 3, 4))
        before = (kernel_size - 2) // 2
        super().__init__(in_channels, out_channels, kernel_size, 2, padding=before)

    def forward(self, x: Tensor) -> Tensor:
        if self.kernel_size[0] != 3:
            return super().forward(x)
        # As 4x4, whose first row and column are zero, a kernel leaves nothing to cut:
        # a fifth less time than to cut and have the rest copied.
        weight = F.pad(self.weight, (1, 0, 1, 0))
        return F.conv_transpose2d(x, weight, self.bias, self.stride, 1)


class DeconvPainter(Stack):
    """Paint by transposed convolutions: the network that fails on held-out dots.

    The position, as a picture of one pixel with two channels, is doubled in size by
    one transposed convolution after another, all but the last with a normalisation
    and a rectifier. Widths for 64x64: 64, 64, 64, 32, 32 and 1, times
    ``width``. Smaller canvases drop doublings at the front, larger ones add them.

    Parameters
    ----------
    width : int
        Multiplies the number of channels; 1, 2 and 3 in the paper.
    kernel_size : {2, 3, 4}
        2, 3 and 4 in the paper. From 46,465 parameters (1, 2) to 1,632,001 (3, 4).
    size : int
        Side of the canvas: a power of two, at least 8.
    normalisation : {"batch", "none", "group", "instance", "batch-frozen"}
        What stands between a transposed convolution and its rectifier; "batch" in
        the paper.
    coordinates : bool
        Append coordinate channels to what each transposed convolution reads, as
        CoordConv does. The paper has no such painter.
    **options
        Of the normalisation: ``momentum``, ``frozen_after``; see
        :func:`~coordlib.lab.models.normalisation.normalisation_layer`.

    References
    ----------
    Liu et al., 2018, section 3 and supplement; ``deconv_classification`` and
    ``deconv_rendering`` in the released code.
    """

    def __init__(
        self,
        width: int = 1,
        kernel_size: int = 3,
        size: int = 64,
        normalisation: str = "batch",
        coordinates: bool = False,
        **options,
    ) -> None:
        check_integer("width", width)
        check_integer("size", size)
        check_choice("normalisation", normalisation, NORMALISATIONS)
        check_flag("coordinates", coordinates)
        if size < 8 or size & (size - 1):
            raise ValueError(f"size must be a power of two from 8, got {size}")
        doublings = size.bit_length() - 1
        channels = [2, *[64 * width] * (doublings - 3), 32 * width, 32 * width, 1]
        layers: list[nn.Module] = [Tile(1)]
        for inputs, outputs in pairwise(channels):
            if coordinates:
                layers.append(AddCoords())
                inputs += 2
            layers.append(SameConvTranspose2d(inputs, outputs, kernel_size))
            if outputs > 1:
                if normalisation != "none":
                    norm = normalisation_layer(normalisation, outputs, **options)
                    layers.append(norm)
                layers.append(nn.ReLU())
        super().__init__(*layers)
        he_normal_(self)

    def forward(self, positions: Tensor) -> Tensor:
        _check_unit_positions(positions)
        return super().forward(positions)


class CoordConvPainter(Stack):
    """Light a pixel by asking every pixel whether it is the one: a stack of 1x1s.

    The position is repeated over the canvas, a :class:`~coordlib.layers.CoordConv2d`
    adds where each pixel is, and 1x1 convolutions with rectifiers compare the two.
    The channels lie last in memory, where a 1x1 convolution is one matrix product.

    Parameters
    ----------
    width : int
        Multiplies the number of hidden channels 32, 32, 64, 64. 7,553 parameters at
        1, whatever the size; 29,441 at 2.
    size : int or (int, int)
        Height and width of the canvas; one number for a square one.
    normalisation : {"none", "batch", "group", "instance", "batch-frozen"}
        What stands between a convolution and its rectifier; "none" in the paper.
    **options
        Of the normalisation: ``momentum``, ``frozen_after``; see
        :func:`~coordlib.lab.models.normalisation.normalisation_layer`.

    References
    ----------
    Liu et al., 2018, section 4; ``coordconv_classification`` in the released code.
    """

    def __init__(
        self,
        width: int = 1,
        size: int | tuple[int, int] = 64,
        normalisation: str = "none",
        **options,
    ) -> None:
        check_integer("width", width)
        check_choice("normalisation", normalisation, NORMALISATIONS)
        a, b = 32 * width, 64 * width
        layers: list[nn.Module] = [Tile(size), CoordConv2d(2, a, 1)]
        for inputs, outputs in pairwise([a, a, b, b, 1]):
            if normalisation != "none":
                layers.append(normalisation_layer(normalisation, inputs, **options))
            layers += [nn.ReLU(), nn.Conv2d(inputs, outputs, 1)]
        super().__init__(*layers)
        he_normal_(self)
        self.to(memory_format=torch.channels_last)

    def forward(self, positions: Tensor) -> Tensor:
        _check_unit_positions(positions)
        tile, *layers = self
        # Laid out by axes: torch.vmap knows no memory format.
        x = tile(positions).movedim(1, -1).contiguous().movedim(-1, 1)
        for layer in layers:
            x = layer(x)
        return x


class EncodedPainter(nn.Module):
    """Paint by asking every pixel, with positions written down in any way.

    The network is that of :class:`CoordConvPainter`. There a pixel and the position
    asked for come as coordinates, here in an encoding.

    Parameters
    ----------
    encoding : nn.Module, optional
        From unit coordinates (..., 2) to features (..., ``encoding.channels``), as
        :class:`coordlib.layers.FourierFeatures`. Without one, coordinates as they are.
    size : int or (int, int)
        Height and width of the canvas; one number for a square one.
    """

    def __init__(
        self, encoding: nn.Module | None = None, size: int | tuple[int, int] = 64
    ) -> None:
        super().__init__()
        if encoding is not None:
            check_instance("encoding", encoding, nn.Module, "a torch.nn.Module")
        self.tile = Tile(size)
        self.encoding = nn.Identity() if encoding is None else encoding
        features = 2 if encoding is None else encoding.channels
        self.pixel = nn.Linear(features, 32, bias=False)
        self.asked = nn.Linear(features, 32)
        widths = [32, 32, 64, 64, 1]
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            layers += [nn.ReLU(), nn.Linear(inputs, outputs)]
        self.compare = nn.Sequential(*layers)
        he_normal_(self)

    def forward(self, positions: Tensor) -> Tensor:
        _check_unit_positions(positions)
        pixels = unit_grid(self.tile.size, device=positions.device).movedim(0, -1)
        # One layer over both codes is a sum of two, and the pixels' is the same for
        # every picture of a batch.
        asked = self.tile(self.asked(self.encoding(positions))).movedim(1, -1)
        return self.compare(self.pixel(self.encoding(pixels)) + asked).movedim(-1, 1)


class CoordConvSquarePainter(nn.Module):
    """Paint a square in two steps: find its centre pixel, then draw around it.

    A :class:`CoordConvPainter` gives one logit a pixel, a softmax over all pixels
    sharpens them into a picture of the centre, and five ordinary convolutions draw.

    Parameters
    ----------
    width : int
        Multiplies the 8, 8, 16 and 16 channels of the drawing part.
    kernel_size : int
        Of the drawing part; odd. 3 and width 1 give 11,850 parameters. (Five 3x3
        convolutions see 11x11 pixels, enough to draw a 9x9 square from its centre;
        five 1x1 see one.)
    size : int or (int, int)
        Height and width of the canvas; one number for a square one.
    centre : bool
        Give the logits of the centre pixel too, as a second channel, for a loss on
        them. The network is the same.

    Attributes
    ----------
    pixel : CoordConvPainter
        Positions to logits of the centre pixel.
    square : nn.Sequential
        Picture of the centre pixel to logits of the square.

    References
    ----------
    Liu et al., 2018, section 4; ``coordconv_rendering`` in the released code.
    """

    def __init__(
        self,
        width: int = 1,
        kernel_size: int = 3,
        size: int | tuple[int, int] = 64,
        centre: bool = False,
    ) -> None:
        super().__init__()
        check_integer("width", width)
        check_integer("kernel_size", kernel_size)
        check_flag("centre", centre)
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be odd, got {kernel_size}")
        self.centre = centre
        self.pixel = CoordConvPainter(size=size)
        channels = [1, 8 * width, 8 * width, 16 * width, 16 * width, 1]
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(channels):
            conv = nn.Conv2d(inputs, outputs, kernel_size, padding="same")
            layers += [conv, nn.ReLU()]
        self.square = he_normal_(nn.Sequential(*layers[:-1]))

    def forward(self, positions: Tensor) -> Tensor:
        logits = self.pixel(positions)
        sharp = logits.flatten(1).softmax(1).view_as(logits)
        square = self.square(sharp)
        return torch.cat((square, logits), 1) if self.centre else square


def _check_unit_positions(positions: Tensor) -> None:
    if not isinstance(positions, Tensor) or not positions.is_floating_point():
        kind = getattr(positions, "dtype", type(positions).__name__)
        raise TypeError(
            f"positions must be a tensor of unit coordinates, got {kind}; "
            f"coordlib.grid.to_unit makes them from pixels"
        )
    if positions.ndim != 2 or positions.shape[1] != 2:
        raise ValueError(
            f"positions must be of shape (N, 2), got {tuple(positions.shape)}"
        )
