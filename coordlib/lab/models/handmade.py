"""Finding and painting a lit pixel with weights set by hand: nothing is trained.

Piekniewski (2018), "Autopsy of a deep learning paper", answers Liu et al. (2018)
with a decoder that anyone can write down: from a picture with one lit pixel to its
position, by 1x1 weights, two coordinate channels, a rectifier, a sum and a
subtraction. For a picture ``a`` of height ``H``::

    H - sum over all (i, j) of relu(H * a[i, j] - i)

Where the picture is black the rectifier sees ``-i``, which it stops; at the one lit
pixel it sees ``H - i``, which is positive and passes. The columns work alike.

:func:`decode_scipy` writes this the way the article does, :func:`decode` for a batch
on any device, and :func:`decoder_network` as the weights of an ordinary network. The
other half, which the article leaves out, is painting: :func:`paint_pixel`,
:func:`paint_square` and :func:`painter_network`.

The article says (x, y); here positions are (i, j) = (row, column), as everywhere.
"""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from coordlib.arguments import check_integer
from coordlib.layers import CoordConv2d

__all__ = [
    "GlobalSum",
    "Tile",
    "decode",
    "decode_scipy",
    "decode_steps",
    "decoder_network",
    "paint_pixel",
    "paint_square",
    "painter_network",
]

# Pixels to decode at once: the intermediate arrays should fit into a cache.
_CHUNK = 2**18


def decode_scipy(image: ArrayLike) -> tuple[float, float]:
    """Find the lit pixel as the article does, with ``scipy.signal.convolve2d``.

    Every step is a convolution with a 3x3 kernel of which only the centre is not
    zero, a rectifier, a sum or a subtraction.

    Parameters
    ----------
    image : array_like, shape (H, W)
        A picture with one pixel at 1 and the others at 0. Other pictures are
        decoded too, and give what the arithmetic gives.

    Returns
    -------
    i, j : float
        Row and column of the lit pixel; exact.

    References
    ----------
    Piekniewski, 2018, "Autopsy of a deep learning paper".
    """
    from scipy.signal import convolve2d

    image = _as_image(image)
    height, width = image.shape
    rows, columns = np.mgrid[:height, :width].astype(float)
    centre = np.zeros((3, 3))
    centre[1, 1] = 1

    def locate(length: int, grid: NDArray[Any]) -> float:
        scaled = convolve2d(image, length * centre, mode="same")
        difference = scaled + convolve2d(grid, -centre, mode="same")
        return float(length - np.maximum(difference, 0).sum())

    return locate(height, rows), locate(width, columns)


def decode_steps(image: ArrayLike) -> dict[str, dict[str, NDArray[Any]]]:
    """Every intermediate array of the decoder, for rows and for columns.

    Parameters
    ----------
    image : array_like, shape (H, W)

    Returns
    -------
    dict
        ``steps["i"]`` and ``steps["j"]``, each a dict, in the order of the
        computation: ``"grid"`` (the index of the row or column), ``"scaled"`` (the
        image times the length of the axis), ``"difference"`` (scaled minus grid),
        ``"rectified"``, all of shape (H, W); and ``"sum"`` and ``"result"``, arrays
        without axes.

    Examples
    --------
    >>> image = np.zeros((4, 6))
    >>> image[1, 5] = 1
    >>> steps = decode_steps(image)
    >>> float(steps["i"]["result"]), float(steps["j"]["result"])
    (1.0, 5.0)
    """
    image = _as_image(image)
    steps = {}
    for name, length, grid in zip(
        "ij", image.shape, np.indices(image.shape).astype(float), strict=True
    ):
        scaled = length * image
        difference = scaled - grid
        rectified = np.maximum(difference, 0)
        total = rectified.sum()
        steps[name] = {
            "grid": grid,
            "scaled": scaled,
            "difference": difference,
            "rectified": rectified,
            "sum": np.asarray(total),
            "result": np.asarray(length - total),
        }
    return steps


def decode(images: Tensor) -> Tensor:
    """Find the lit pixel of every picture of a batch, on the device of the batch.

    Parameters
    ----------
    images : Tensor, shape (N, 1, H, W)
        Any real dtype; pictures with one pixel at 1 and the others at 0. Other
        pictures are decoded too, and give what the arithmetic gives.

    Returns
    -------
    Tensor, shape (N, 2)
        ``(i, j)`` of the lit pixels; float32, or float64 for float64 pictures. Exact
        for pictures of zeros and ones up to the integers the dtype can count
        (2 ** 24 in float32). Differentiable where the rectifier is.
    """
    if not isinstance(images, Tensor):
        raise TypeError(f"images must be a tensor, got {type(images).__name__}")
    if images.is_complex():
        raise TypeError(f"images must hold real numbers, got {images.dtype}")
    if images.ndim != 4 or images.shape[1] != 1 or 0 in images.shape[2:]:
        raise ValueError(
            f"images must be of shape (N, 1, H, W), got {tuple(images.shape)}"
        )
    images = images[:, 0]
    count, height, width = images.shape
    dtype = torch.float64 if images.dtype == torch.float64 else torch.float32
    if images.dtype == torch.bool:
        images = images.view(torch.uint8)  # the same bytes, which torch compares faster
    exact = {"dtype": dtype, "device": images.device}
    j = torch.arange(width, **exact)
    decoded = torch.tensor([height, width], **exact).repeat(count, 1)

    # Where nothing is brighter than 0 the rectifiers stop everything, so one look at
    # each row tells which rows have to be computed: of a dot, a single one.
    rows = images.flatten(0, 1)
    where = (~(rows.amax(-1) <= 0)).nonzero()[:, 0]
    for part in where.split(max(_CHUNK // width, 1)):
        row, i = rows.index_select(0, part).to(dtype), (part % height)[:, None]
        # Less what the rectifiers let through: -relu(-x) in one pass, not in three.
        by_i = F.hardtanh_(torch.sub(i, row, alpha=height), -torch.inf, 0).sum(1)
        by_j = F.hardtanh_(torch.sub(j, row, alpha=width), -torch.inf, 0).sum(1)
        decoded.index_add_(0, part // height, torch.stack((by_i, by_j), 1))
    return decoded


def paint_pixel(positions: Tensor, size: int | tuple[int, int]) -> Tensor:
    """Light one pixel in each picture, by four rectifiers around a fifth.

    ``relu(1 - |i - y| - |j - x|)`` at every pixel ``(i, j)`` for the position
    ``(y, x)``, where ``|d| = relu(d) + relu(-d)``.

    Parameters
    ----------
    positions : Tensor of integers, shape (N, 2)
        ``(i, j)`` = (row, column), each on the canvas.
    size : int or (int, int)
        Height and width of the canvas; one number for a square one.

    Returns
    -------
    Tensor, shape (N, 1, H, W), float32, in {0, 1}
    """
    return paint_square(positions, size, side=1)


def paint_square(
    positions: Tensor, size: int | tuple[int, int], side: int = 9
) -> Tensor:
    """Paint a square around each position, by four rectifiers around a fifth.

    As :func:`paint_pixel`, but every distance counts only beyond ``r``, half the
    side: ``relu(1 - relu(i - y - r) - relu(y - i - r) - relu(j - x - r) - relu(x - j -
    r))``.

    Parameters
    ----------
    positions : Tensor of integers, shape (N, 2)
        Centres ``(i, j)``, each on the canvas. What sticks out is cut off.
    size : int or (int, int)
        Height and width of the canvas; one number for a square one.
    side : int
        Side of the square, in pixels: odd, so that it has a centre pixel.

    Returns
    -------
    Tensor, shape (N, 1, H, W), float32, in {0, 1}
    """
    height, width = _as_size(size)
    reach = _reach(side)
    _check_positions(positions, (height, width))
    y, x = positions.to(torch.float32)[:, :, None].unbind(1)
    i = torch.arange(height, dtype=torch.float32, device=positions.device)
    j = torch.arange(width, dtype=torch.float32, device=positions.device)
    # Rows and columns do not mix before the last rectifier: two short lines each.
    rows = torch.relu(i - y - reach) + torch.relu(y - i - reach)
    columns = torch.relu(j - x - reach) + torch.relu(x - j - reach)
    return torch.relu(1 - rows[:, None, :, None] - columns[:, None, None, :])


class GlobalSum(nn.Module):
    """Add up every channel over the picture: (N, C, H, W) to (N, C)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sum((-2, -1))


class Tile(nn.Module):
    """Repeat a vector at every pixel of a canvas: (N, C) to (N, C, H, W).

    Parameters
    ----------
    size : int or (int, int)
        Height and width of the canvas; one number for a square one.
    """

    def __init__(self, size: int | tuple[int, int]) -> None:
        super().__init__()
        self.size = _as_size(size)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 2:
            raise ValueError(f"input must be of shape (N, C), got {tuple(x.shape)}")
        return x[:, :, None, None].expand(-1, -1, *self.size)

    def extra_repr(self) -> str:
        return f"size={self.size}"


def decoder_network(size: int | tuple[int, int]) -> nn.Sequential:
    """Write the decoder down as an ordinary network with hand-set weights.

    A 1x1 :class:`~coordlib.layers.CoordConv2d`, a rectifier, a sum over the picture
    and a linear layer: the architecture of a small regression network. The
    coordinate channels run over [-1, 1], so the weights scale them to pixels.

    Parameters
    ----------
    size : int or (int, int)
        Height and width of the pictures; one number for square ones. The weights
        are right for this size only.

    Returns
    -------
    nn.Sequential
        Maps pictures (N, 1, H, W) to positions (N, 2) in pixels, ``(i, j)``: what
        :func:`decode` gives, up to the rounding of float32.
    """
    height, width = _as_size(size)
    to_pixels_i, to_pixels_j = (height - 1) / 2, (width - 1) / 2
    network = nn.Sequential(
        CoordConv2d(1, 2, 1), nn.ReLU(), GlobalSum(), nn.Linear(2, 2)
    )
    first, last = network[0], network[3]
    # Input channels: the picture, then the unit coordinates of rows and columns.
    weight = [[height, -to_pixels_i, 0], [width, 0, -to_pixels_j]]
    _set(first, weight, [-to_pixels_i, -to_pixels_j])
    _set(last, [[-1, 0], [0, -1]], [height, width])
    return network


def painter_network(size: int | tuple[int, int], side: int = 1) -> nn.Sequential:
    """Write the painter down as an ordinary network with hand-set weights.

    The position, repeated at every pixel, meets the coordinates in a 1x1
    :class:`~coordlib.layers.CoordConv2d` with four rectified outputs; a 1x1
    convolution and a rectifier make the picture. Beside :func:`paint_square` the
    distances count from a quarter pixel further out, and twice: no position on the
    grid can tell the difference, and what float32 rounds away falls into the gap,
    so that the picture is exactly zeros and ones.

    Parameters
    ----------
    size : int or (int, int)
        Height and width of the canvas; one number for a square one. The weights are
        right for this size only.
    side : int
        Side of the painted square, in pixels; odd. 1 lights a single pixel.

    Returns
    -------
    nn.Sequential
        Maps positions (N, 2) in unit coordinates, ``(i, j)``, to pictures
        (N, 1, H, W).
    """
    height, width = _as_size(size)
    reach = _reach(side)
    a, b = (height - 1) / 2, (width - 1) / 2
    network = nn.Sequential(
        Tile((height, width)),
        CoordConv2d(2, 4, 1),
        nn.ReLU(),
        nn.Conv2d(4, 1, 1),
        nn.ReLU(),
    )
    # Input channels: the position (y, x), then the coordinates (i, j) of the pixel.
    distances = [[-a, 0, a, 0], [a, 0, -a, 0], [0, -b, 0, b], [0, b, 0, -b]]
    _set(network[1], distances, [-(reach + 0.25)] * 4)
    _set(network[3], [[-2, -2, -2, -2]], [1])
    return network


def _set(layer: nn.Module, weight: list, bias: list) -> None:
    """Write numbers into the weight and bias of a 1x1 convolution or linear layer."""
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weight).reshape(layer.weight.shape))
        layer.bias.copy_(torch.tensor(bias))


def _as_image(image: ArrayLike) -> NDArray[Any]:
    try:
        image = np.asarray(image)
        if image.dtype.kind not in "buif":
            raise TypeError(f"it has the type {image.dtype}")
        image = image.astype(float)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"image must be an array of real numbers: {error}") from None
    if image.ndim != 2 or image.size == 0:
        raise ValueError(
            f"image must be of shape (H, W) with at least one pixel, got {image.shape}"
        )
    return image


def _as_size(size: int | tuple[int, int]) -> tuple[int, int]:
    pair = tuple(size) if isinstance(size, tuple | list) else (size, size)
    if len(pair) != 2:
        raise TypeError(f"size must be an integer or a pair of integers, got {size!r}")
    return tuple(check_integer("size", n) for n in pair)


def _reach(side: int) -> int:
    if not isinstance(side, int) or isinstance(side, bool):
        raise TypeError(f"side must be an integer, got {side!r}")
    if side < 1 or side % 2 == 0:
        raise ValueError(f"side must be a positive odd number, got {side}")
    return side // 2


def _check_positions(positions: Tensor, size: tuple[int, int]) -> None:
    if not isinstance(positions, Tensor) or positions.dtype not in (
        torch.int8,
        torch.int16,
        torch.int32,
        torch.int64,
        torch.uint8,
    ):
        kind = getattr(positions, "dtype", type(positions).__name__)
        raise TypeError(f"positions must be a tensor of integers, got {kind}")
    if positions.ndim != 2 or positions.shape[1] != 2:
        raise ValueError(
            f"positions must be of shape (N, 2), got {tuple(positions.shape)}"
        )
    end = torch.tensor(size, device=positions.device)
    outside = ((positions < 0) | (positions >= end)).any(1)
    if outside.any():
        raise ValueError(
            f"positions must lie on the {size[0]}x{size[1]} canvas; the first that "
            f"does not is {tuple(positions[outside][0].tolist())}"
        )
