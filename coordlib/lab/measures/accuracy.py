"""How right a network is: about a pixel, a picture, a place."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from coordlib.arguments import check_choice, check_tensor
from coordlib.grid import from_unit

Reduction = Literal["mean", "none"]


def pixel_accuracy(
    logits: Tensor, targets: Tensor, *, reduction: Reduction = "mean"
) -> float | Tensor:
    """How often the largest of all logits sits where it should.

    Parameters
    ----------
    logits : Tensor, shape (N, 1, H, W) or (N, K)
        One logit a pixel, or a class.
    targets : LongTensor, shape (N,)
        The right pixel as ``i * W + j``, or the right class.
    reduction : {"mean", "none"}

    Returns
    -------
    float, in [0, 1]
        The fraction of right answers; with ``reduction="none"`` a float tensor of
        shape (N,) with 1 for each right answer and 0 for each wrong one. Logits of
        which one is NaN are no answer, and so not right.
    """
    check_tensor("logits", logits)
    check_tensor("targets", targets)
    flat = logits.flatten(1) if logits.ndim > 1 else logits
    if flat.ndim != 2 or targets.shape != flat.shape[:1]:
        raise ValueError(
            f"logits of shape (N, 1, H, W) or (N, K) go with targets of shape (N,), "
            f"not {tuple(logits.shape)} with {tuple(targets.shape)}"
        )
    if targets.dtype.is_floating_point or targets.dtype.is_complex:
        raise TypeError(f"targets must be integers, got {targets.dtype}")
    if len(targets) and not 0 <= targets.min() <= targets.max() < flat.shape[1]:
        raise ValueError(
            f"targets must lie in [0, {flat.shape[1]}), not in "
            f"[{targets.min()}, {targets.max()}]"
        )
    right = (flat.argmax(1) == targets) & ~flat.isnan().any(1)
    return _reduce(right.to(torch.float32), reduction)


def iou(
    logits: Tensor, images: Tensor, *, reduction: Reduction = "mean"
) -> float | Tensor:
    """Intersection over union of what is painted and what should be.

    A pixel is painted where its logit is positive, that is, where its sigmoid is
    above one half. If nothing is painted and nothing should be, the picture scores 1;
    if a logit is NaN, it scores 0.

    Parameters
    ----------
    logits : Tensor, shape (N, ...)
    images : Tensor, of the same shape, in {0, 1}
    reduction : {"mean", "none"}

    Returns
    -------
    float, in [0, 1]
        The mean over the pictures; with ``reduction="none"`` a tensor of shape (N,).
    """
    check_tensor("logits", logits)
    check_tensor("images", images, any_kind=True)
    if images.is_complex():
        raise TypeError(f"images must hold real numbers, got {images.dtype}")
    if logits.shape != images.shape or logits.ndim < 2:
        raise ValueError(
            f"logits and images must have the same shape (N, ...), not "
            f"{tuple(logits.shape)} and {tuple(images.shape)}"
        )
    wanted = images == 1
    if not (wanted | (images == 0)).all():
        raise ValueError(
            "images must hold zeros and ones only: a picture in grey values has no "
            "union to compare with"
        )
    painted = logits > 0
    common = (painted & wanted).flatten(1).sum(1)
    union = (painted | wanted).flatten(1).sum(1)
    each = torch.where(union > 0, common / union.clamp(min=1), 1.0)
    return _reduce(each.masked_fill(logits.isnan().flatten(1).any(1), 0.0), reduction)


def pixel_distance(
    predicted: Tensor,
    positions: Tensor,
    size: int | tuple[int, ...],
    *,
    reduction: Reduction = "mean",
) -> float | Tensor:
    """How far a predicted place is from the true one, in pixels.

    Parameters
    ----------
    predicted : Tensor, shape (N, D)
        Places in unit coordinates, ``(i, j)``.
    positions : Tensor, shape (N, D)
        The true places in pixels, ``(i, j)``.
    size : int or tuple of int
        Height and width of the canvas; one number if they are equal.
    reduction : {"mean", "none"}

    Returns
    -------
    float
        The mean Euclidean distance; with ``reduction="none"`` a tensor of shape (N,).
    """
    check_tensor("predicted", predicted)
    check_tensor("positions", positions)
    if predicted.shape != positions.shape or predicted.ndim != 2:
        raise ValueError(
            f"predicted and positions must have the same shape (N, D), not "
            f"{tuple(predicted.shape)} and {tuple(positions.shape)}"
        )
    size = size if isinstance(size, Sequence) else (size,) * predicted.shape[1]
    away = from_unit(predicted, size) - positions
    return _reduce(away.square().sum(1).sqrt(), reduction)


def _reduce(each: Tensor, reduction: Reduction) -> float | Tensor:
    check_choice("reduction", reduction, ("mean", "none"))
    if len(each) == 0:
        raise ValueError("there is no sample to measure")
    return float(each.mean()) if reduction == "mean" else each
