"""Digits scattered over a canvas, seen through a window: what the detectors look at."""

from typing import NamedTuple

import torch
from torch import Tensor

from coordlib.arguments import check_floating, check_integer, check_seed
from coordlib.lab.data.boxes import corners, from_corners

__all__ = ["Scattered", "scatter"]

CANVAS = 120
WINDOW = 64
LOW, HIGH = 15.0, 25.0
"""Between which heights and widths are drawn, in pixels."""


class Scattered(NamedTuple):
    """Canvases with what lies on them.

    Attributes
    ----------
    images : Tensor, shape (N, 1, 64, 64), in [0, 1]
        What the window shows.
    boxes : Tensor, shape (N, digits, 4)
        Around every digit of the canvas, as :mod:`coordlib.lab.data.boxes` writes them,
        from the corner of the window. Some hang over its border, some lie outside.
    """

    images: Tensor
    boxes: Tensor


def scatter(
    digits: Tensor, count: int, *, objects: int = 5, seed: int = 0
) -> Scattered:
    """Scatter digits over canvases of 120 x 120, seen through their middle 64 x 64.

    Each digit is cut free of its black margin and stretched to a height and a width
    drawn from 15 to 25 pixels, independently, at a place where it fits on the canvas:
    all of them real numbers, not whole pixels. Digits that overlap add up, at most to
    1.

    Parameters
    ----------
    digits : Tensor, shape (M, 1, H, W), in [0, 1]
        None of them all black.
    count : int
        Number of canvases, N.
    objects : int
        Digits on each. Every digit is used once before one is used again.
    seed : int

    Returns
    -------
    Scattered

    References
    ----------
    Liu et al., 2018, section 5; ``field_of_mnist`` in the released code.

    Examples
    --------
    >>> from coordlib.lab.data import digits
    >>> images, boxes = scatter(digits()[0], 3)
    >>> images.shape, boxes.shape
    (torch.Size([3, 1, 64, 64]), torch.Size([3, 5, 4]))
    """
    check_integer("count", count)
    check_integer("objects", objects)
    check_seed("seed", seed)
    check_floating("digits", digits)
    if digits.ndim != 4 or digits.shape[1] != 1 or len(digits) == 0:
        raise ValueError(
            f"digits must be of shape (M, 1, H, W), got {tuple(digits.shape)}"
        )
    generator = torch.Generator().manual_seed(seed)
    size = LOW + (HIGH - LOW) * torch.rand(count, objects, 2, generator=generator)
    start = torch.rand(count, objects, 2, generator=generator) * (CANVAS - size)
    rounds = -(-count * objects // len(digits))
    order = [torch.randperm(len(digits), generator=generator) for _ in range(rounds)]
    which = torch.cat(order)[: count * objects].view(count, objects)
    start -= (CANVAS - WINDOW) / 2
    boxes = from_corners(torch.cat([start, start + size], -1)).to(digits.device)
    free = _extent(digits)
    parts = [
        _drawn(digits[:, 0][one], box, free[one])
        for one, box in zip(which.split(500), boxes.split(500), strict=True)
    ]
    return Scattered(torch.cat(parts), boxes)


def _extent(digits: Tensor) -> Tensor:
    """Where the ink of each digit begins and ends: (top, left, bottom, right)."""
    ink = digits[:, 0] > 0
    ends = []
    for axis in (2, 1):
        line = ink.any(axis)
        if not line.any(1).all():
            raise ValueError("digits must not hold a black picture")
        length = line.shape[1]
        first = line.int().argmax(1)
        ends.append((first, length - line.flip(1).int().argmax(1)))
    (top, bottom), (left, right) = ends
    return torch.stack([top, left, bottom, right], -1)


def _drawn(digits: Tensor, boxes: Tensor, extent: Tensor) -> Tensor:
    """Paint (n, objects, H, W) digits into their boxes, (n, 1, 64, 64)."""
    edges = corners(boxes)
    # Stretching along one axis does not depend on the other: two products of matrices.
    down, right = (
        _stretch(edges[..., axis::2], extent[..., axis::2], digits.shape[axis - 2])
        for axis in (0, 1)
    )
    painted = down @ digits @ right.mT
    return painted.sum(1, keepdim=True).clamp(max=1)


def _stretch(target: Tensor, source: Tensor, length: int) -> Tensor:
    """Weights, (..., 64, length), that stretch part of a line over part of the window.

    Each pixel of the window looks up its place in the part, between two of its pixels,
    and takes a mean of both: ``relu(1 - distance)`` of each.
    """
    begin, end = (part[..., None] for part in target.unbind(-1))
    first, last = (part[..., None] for part in source.unbind(-1))
    middles = torch.arange(WINDOW, device=target.device) + 0.5
    share = (middles - begin) / (end - begin)
    place = first + share * (last - first) - 0.5
    place = place.maximum(first).minimum(last - 1)
    pixels = torch.arange(length, device=target.device)
    weights = (1 - (place[..., None] - pixels).abs()).relu()
    covered = (share >= 0) & (share < 1)
    return weights * covered[..., None]
