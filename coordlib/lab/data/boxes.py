"""Boxes around things: anchors, offsets, overlap, and which of many to keep.

A box is ``(i, j, height, width)``: its centre, row first, and its size. Pixels are
areas here, not points: the upper left one covers rows 0 to 1 and columns 0 to 1, so its
centre is (0.5, 0.5), and a picture of 64 rows ends at 64.

Home-made, though torchvision has most of it: its compiled operations fit one build of
torch only, and this book runs with whatever torch its reader has.
"""

from collections.abc import Sequence
from math import isfinite, log

import torch
from torch import Tensor

from coordlib.arguments import check_integer, check_number, check_positive, check_tensor

__all__ = [
    "anchors",
    "box_iou",
    "clip",
    "corners",
    "decode",
    "encode",
    "from_corners",
    "inside",
    "non_maximum_suppression",
]

_ROUNDING = 1e-3
_LARGEST_STRETCH = log(1000 / 16)


def corners(boxes: Tensor) -> Tensor:
    """Turn centres and sizes into ``(top, left, bottom, right)``.

    Parameters
    ----------
    boxes : Tensor, shape (..., 4)

    Returns
    -------
    Tensor, shape (..., 4)
        A box covers the pixels from ``top`` to ``bottom - 1``, as a slice does.

    Examples
    --------
    >>> corners(torch.tensor([2.0, 3.0, 4.0, 2.0]))
    tensor([0., 2., 4., 4.])
    """
    centre, size = _halves(boxes, "boxes")
    return torch.cat([centre - size / 2, centre + size / 2], -1)


def from_corners(edges: Tensor) -> Tensor:
    """Turn ``(top, left, bottom, right)`` into a box: undo :func:`corners`.

    Parameters
    ----------
    edges : Tensor, shape (..., 4)

    Returns
    -------
    Tensor, shape (..., 4)
    """
    start, end = _halves(edges, "edges")
    return torch.cat([(start + end) / 2, end - start], -1)


def box_iou(boxes: Tensor, others: Tensor) -> Tensor:
    """Intersection over union of every box with every other.

    Parameters
    ----------
    boxes : Tensor, shape (..., A, 4)
    others : Tensor, shape (..., B, 4)
        With the same leading axes, or axes that fit.

    Returns
    -------
    Tensor, shape (..., A, B), in [0, 1]
        0 for two boxes without area. Half-precision boxes are compared in float32.

    Examples
    --------
    >>> box_iou(torch.tensor([[2.0, 2, 4, 4]]), torch.tensor([[2.0, 4, 4, 4]]))
    tensor([[0.3333]])
    """
    _halves(boxes, "boxes")
    _halves(others, "others")
    kept = torch.promote_types(boxes.dtype, others.dtype)
    if kept in (torch.float16, torch.bfloat16):
        return box_iou(boxes.float(), others.float()).to(kept)
    first, second = corners(boxes)[..., :, None, :], corners(others)[..., None, :, :]
    start = torch.maximum(first[..., :2], second[..., :2])
    end = torch.minimum(first[..., 2:], second[..., 2:])
    common = (end - start).clamp(min=0).prod(-1)
    areas = (
        boxes[..., 2:].prod(-1)[..., :, None] + others[..., 2:].prod(-1)[..., None, :]
    )
    union = areas - common
    return common / torch.where(union > 0, union, 1)


def inside(boxes: Tensor, size: Sequence[float]) -> Tensor:
    """Tell which boxes lie on a picture entirely.

    Parameters
    ----------
    boxes : Tensor, shape (..., 4)
    size : (float, float)
        Height and width of the picture.

    Returns
    -------
    BoolTensor, shape (...)
        A thousandth of a pixel beyond the border does not count: that is rounding.
    """
    start, end, limit = _on_picture(boxes, size)
    return ((start >= -_ROUNDING) & (end <= limit + _ROUNDING)).all(-1)


def _on_picture(boxes: Tensor, size: Sequence[float]) -> tuple[Tensor, Tensor, Tensor]:
    """Where boxes begin and end, and where the picture does."""
    start, end = _halves(corners(boxes), "boxes")
    _check_pair("size", size)
    return start, end, torch.as_tensor(size, dtype=boxes.dtype, device=boxes.device)


def clip(boxes: Tensor, size: Sequence[float]) -> Tensor:
    """Cut boxes at the border of a picture.

    Parameters
    ----------
    boxes, size
        As for :func:`inside`.

    Returns
    -------
    Tensor, shape (..., 4)
        What lies inside stays as it is. Of a box that lies outside a sliver of one
        pixel is left, at the border.

    Examples
    --------
    >>> clip(torch.tensor([2.0, 30, 8, 10]), (64, 64))
    tensor([ 3., 30.,  6., 10.])
    """
    start, end, limit = _on_picture(boxes, size)
    fits = (start >= 0) & (end <= limit)  # along each axis
    start = start.clamp(min=0).minimum(limit - 1)
    cut = from_corners(torch.cat([start, end.clamp(min=1).minimum(limit)], -1))
    return torch.where(torch.cat([fits, fits], -1), boxes, cut)


def anchors(
    cells: tuple[int, int],
    stride: float,
    first: float,
    sizes: Sequence[tuple[float, float]],
) -> Tensor:
    """Lay the same few boxes around the middle of every cell of a feature map.

    Parameters
    ----------
    cells : (int, int)
        Rows and columns of the feature map.
    stride : float
        From one cell to the next, in pixels of the picture.
    first : float
        Where the middle of the first cell lies, along both axes.
    sizes : sequence of (float, float)
        Height and width of each box.

    Returns
    -------
    Tensor, shape (rows * columns * len(sizes), 4)
        Row by row, and in a cell in the order of ``sizes``.

    Notes
    -----
    Ren et al., "Faster R-CNN" (2015), section 3.1.1.

    Examples
    --------
    >>> anchors((1, 2), stride=4, first=8, sizes=[(15, 20)])
    tensor([[ 8.,  8., 15., 20.],
            [ 8., 12., 15., 20.]])
    """
    _check_pair("cells", cells)
    for n in cells:
        check_integer("cells", n)
    check_positive("stride", stride)
    check_number("first", first)
    if not isfinite(first):
        raise ValueError(f"first must be finite, got {first}")
    if not isinstance(sizes, Sequence) or isinstance(sizes, str):
        raise TypeError(f"sizes must be a sequence of (height, width), got {sizes!r}")
    if not len(sizes):
        raise ValueError("sizes must hold at least one (height, width)")
    for pair in sizes:
        _check_pair("sizes", pair)
    rows, columns = (first + stride * torch.arange(float(n)) for n in cells)
    centres = torch.cartesian_prod(rows, columns)
    sizes = torch.as_tensor(sizes, dtype=centres.dtype)
    return torch.cat(
        [
            centres[:, None].expand(-1, len(sizes), 2),
            sizes.expand(len(centres), -1, 2),
        ],
        -1,
    ).flatten(0, 1)


def encode(boxes: Tensor, anchors: Tensor) -> Tensor:
    """Say a box as seen from an anchor: how far to move it, how much to stretch it.

    Parameters
    ----------
    boxes, anchors : Tensor, shape (..., 4)

    Returns
    -------
    Tensor, shape (..., 4)
        The way to the centre in heights and widths of the anchor, then the logarithms
        of both stretches. Move box and anchor together, and it stays the same.

    Notes
    -----
    Ren et al., "Faster R-CNN" (2015), equation 2.

    Examples
    --------
    >>> encode(torch.tensor([10.0, 8, 20, 20]), torch.tensor([8.0, 8, 20, 20]))
    tensor([0.1000, 0.0000, 0.0000, 0.0000])
    """
    centre, size = _halves(boxes, "boxes")
    middle, own = _halves(anchors, "anchors")
    return torch.cat([(centre - middle) / own, (size / own).log()], -1)


def decode(offsets: Tensor, anchors: Tensor) -> Tensor:
    """Move and stretch anchors: undo :func:`encode`.

    No anchor is stretched more than 1000 / 16 times, so that a network that is far off
    gives a large box and not an infinite one.

    Parameters
    ----------
    offsets, anchors : Tensor, shape (..., 4)

    Returns
    -------
    Tensor, shape (..., 4)
        Boxes.
    """
    way, stretch = _halves(offsets, "offsets")
    middle, own = _halves(anchors, "anchors")
    return torch.cat(
        [middle + way * own, own * stretch.clamp(max=_LARGEST_STRETCH).exp()], -1
    )


def non_maximum_suppression(
    boxes: Tensor, scores: Tensor, *, threshold: float, keep: int
) -> Tensor:
    """Take the best box, drop all that overlap it much, and so on.

    Parameters
    ----------
    boxes : Tensor, shape (N, A, 4)
        Of N pictures.
    scores : Tensor, shape (N, A)
        Finite numbers.
    threshold : float
        A box is dropped when its :func:`box_iou` with one taken is larger.
    keep : int
        How many to take.

    Returns
    -------
    LongTensor, shape (N, keep)
        Which were taken, best first; -1 where nothing was left, or nothing was there.
    """
    check_integer("keep", keep, at_most=2**16)
    check_number("threshold", threshold)
    check_tensor("boxes", boxes)
    check_tensor("scores", scores)
    if boxes.ndim != 3 or boxes.shape[:2] != scores.shape:
        raise ValueError(
            "boxes and scores must have shapes (N, A, 4) and (N, A), not "
            f"{tuple(boxes.shape)} and {tuple(scores.shape)}"
        )
    if boxes.shape[1] == 0:
        return torch.full((len(boxes), keep), -1, device=boxes.device)
    left = scores.clone()
    taken = []
    for _ in range(keep):
        best, index = left.max(1)
        taken.append(torch.where(best.isfinite(), index, -1))
        chosen = boxes.gather(1, index[:, None, None].expand(-1, 1, 4))
        left[box_iou(boxes, chosen)[..., 0] > threshold] = -torch.inf
        # A box without area overlaps nothing, not even itself.
        left.scatter_(1, index[:, None], -torch.inf)
    return torch.stack(taken, 1)


def _check_pair(name: str, pair: Sequence[float]) -> None:
    if isinstance(pair, str) or not isinstance(pair, Sequence | Tensor):
        raise TypeError(f"{name} must be a pair of numbers, got {pair!r}")
    if len(pair) != 2:
        raise ValueError(f"{name} must be a pair of numbers, got {pair!r}")
    for n in pair:
        check_positive(name, float(n) if isinstance(n, Tensor) else n)


def _halves(quadruples: Tensor, name: str) -> tuple[Tensor, Tensor]:
    check_tensor(name, quadruples)
    if quadruples.ndim == 0 or quadruples.shape[-1] != 4:
        raise ValueError(
            f"{name} must have shape (..., 4), got {tuple(quadruples.shape)}"
        )
    return quadruples[..., :2], quadruples[..., 2:]
