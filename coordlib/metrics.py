"""How well a network paints, points and keeps its mind."""

from collections.abc import Callable, Iterable
from itertools import combinations
from typing import Literal

import torch
from torch import Tensor, nn

from coordlib.grid import from_unit
from coordlib.probe import shift

__all__ = ["consistency", "iou", "pixel_accuracy", "pixel_distance"]

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
        shape (N,) with 1 for each right answer and 0 for each wrong one.

    Raises
    ------
    ValueError
        If the shapes do not fit, a target is no pixel or class, there is no sample,
        or ``reduction`` is unknown.
    """
    flat = logits.flatten(1) if logits.ndim > 1 else logits
    if flat.ndim != 2 or targets.shape != flat.shape[:1]:
        raise ValueError(
            f"logits of shape (N, 1, H, W) or (N, K) go with targets of shape (N,), "
            f"not {tuple(logits.shape)} with {tuple(targets.shape)}"
        )
    if len(targets) and not 0 <= targets.min() <= targets.max() < flat.shape[1]:
        raise ValueError(
            f"targets must lie in [0, {flat.shape[1]}), not in "
            f"[{targets.min()}, {targets.max()}]"
        )
    return _reduce((flat.argmax(1) == targets).to(torch.float32), reduction)


def iou(
    logits: Tensor, images: Tensor, *, reduction: Reduction = "mean"
) -> float | Tensor:
    """Intersection over union of what is painted and what should be.

    A pixel is painted where its logit is positive, that is, where its sigmoid is
    above one half. If nothing is painted and nothing should be, the picture scores 1.

    Parameters
    ----------
    logits : Tensor, shape (N, ...)
    images : Tensor, of the same shape, in {0, 1}
    reduction : {"mean", "none"}

    Returns
    -------
    float, in [0, 1]
        The mean over the pictures; with ``reduction="none"`` a tensor of shape (N,).

    Raises
    ------
    ValueError
        If the shapes differ, ``images`` holds anything but zeros and ones, there is
        no sample, or ``reduction`` is unknown.
    """
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
    return _reduce(torch.where(union > 0, common / union.clamp(min=1), 1.0), reduction)


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

    Raises
    ------
    ValueError
        If the shapes differ or do not go with ``size``, there is no sample, or
        ``reduction`` is unknown.
    """
    if predicted.shape != positions.shape or predicted.ndim != 2:
        raise ValueError(
            f"predicted and positions must have the same shape (N, D), not "
            f"{tuple(predicted.shape)} and {tuple(positions.shape)}"
        )
    size = (size,) * predicted.shape[1] if isinstance(size, int) else tuple(size)
    away = from_unit(predicted, size) - positions
    return _reduce(away.square().sum(1).sqrt(), reduction)


@torch.no_grad()
def consistency(
    model: Callable[[Tensor], Tensor],
    images: Tensor,
    shifts: Iterable[tuple[int, int]] | None = None,
    *,
    max_shift: int | None = None,
    pairs: int = 8,
    mode: Literal["circular", "zero", "cropped"] = "circular",
    seed: int = 0,
    batch_size: int = 500,
) -> float:
    """How often a network says the same of the same picture at two places.

    Take a picture and two different shifts of it; the network agrees with itself if
    both get the same label, right or wrong. The consistency is the fraction of
    agreements over all pictures and pairs of shifts. It says nothing about accuracy:
    a network that always answers the same is perfectly consistent.

    Parameters
    ----------
    model : callable
        Pictures (N, C, H, W) to class scores (N, K), or to labels (N,). A module is
        set to evaluation while it is measured.
    images : Tensor, shape (N, C, H, W)
    shifts : iterable of (int, int), optional
        Shifts ``(down, right)`` in pixels; every pair of two of them is compared.
    max_shift : int, optional
        In place of ``shifts``: draw ``pairs`` pairs of different shifts, uniformly
        from ``-max_shift`` to ``max_shift`` in both directions.
    pairs : int
        Number of pairs drawn, each used for all pictures.
    mode : {"circular", "zero", "cropped"}
        What enters at the border: what left on the other side; zeros; or, for
        "cropped", the real surroundings: all shifted pictures are windows of one
        size, as large as the shifts allow, so the network must take pictures of that
        size. Zhang (2019) measures this last kind.
    seed : int
        For the draw.
    batch_size : int
        Pictures at once.

    Returns
    -------
    float, in [0, 1]

    Raises
    ------
    TypeError
        If a shift is not a pair of integers, or ``seed`` is not an integer.
    ValueError
        If not exactly one of ``shifts`` and ``max_shift`` is given, there are fewer
        than two different shifts, ``mode`` is unknown, a number is not positive, the
        shifts leave no window, ``images`` is not of shape (N, C, H, W) with N at
        least 1, or the answers of ``model`` are neither scores nor labels.

    References
    ----------
    Zhang, 2019, "Making convolutional networks shift-invariant again", section 4.
    """
    if images.ndim != 4 or len(images) == 0:
        raise ValueError(
            f"images must be of shape (N, C, H, W), N at least 1, not "
            f"{tuple(images.shape)}"
        )
    if type(batch_size) is not int or batch_size < 1:
        raise ValueError(f"batch_size must be a positive integer, not {batch_size!r}")
    if mode not in ("circular", "zero", "cropped"):
        raise ValueError(f'mode must be "circular", "zero" or "cropped", not {mode!r}')
    if (shifts is None) == (max_shift is None):
        raise ValueError("give either shifts or max_shift")
    if shifts is not None:
        different = dict.fromkeys(_as_pair(s) for s in shifts)
        chosen = list(combinations(different, 2))
        if not chosen:
            raise ValueError("shifts must hold at least two different shifts")
    else:
        chosen = _draw_pairs(max_shift, pairs, seed)
    needed = sorted({s for pair in chosen for s in pair})
    view = _windows(images, needed) if mode == "cropped" else _shifted(images, mode)

    was_training = isinstance(model, nn.Module) and model.training
    if was_training:
        model.eval()
    try:
        said = {
            s: torch.cat([_labels(model(x)) for x in view(s).split(batch_size)])
            for s in needed
        }
    finally:
        if was_training:
            model.train()
    agreed = [(said[a] == said[b]).to(torch.float64).mean() for a, b in chosen]
    return float(torch.stack(agreed).mean())


def _draw_pairs(max_shift: int, pairs: int, seed: int) -> list:
    if not isinstance(seed, int):
        raise TypeError(f"seed must be an integer, not {seed!r}")
    for name, value in (("max_shift", max_shift), ("pairs", pairs)):
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{name} must be a positive integer, not {value!r}")
    line = range(-max_shift, max_shift + 1)
    places = [(i, j) for i in line for j in line]
    generator = torch.Generator().manual_seed(seed)
    drawn = []
    for _ in range(pairs):
        a, b = torch.randperm(len(places), generator=generator)[:2].tolist()
        drawn.append((places[a], places[b]))
    return drawn


def _as_pair(by) -> tuple[int, int]:
    pair = tuple(by) if isinstance(by, tuple | list) else ()
    if len(pair) != 2 or not all(type(s) is int for s in pair):
        raise TypeError(f"a shift must be a pair of integers, not {by!r}")
    return pair


def _shifted(images: Tensor, mode: str) -> Callable[[tuple[int, int]], Tensor]:
    return lambda by: shift(images, by, mode)


def _windows(images: Tensor, shifts: list) -> Callable[[tuple[int, int]], Tensor]:
    """Cut windows of one size out of larger pictures, one for each shift."""
    (low_i, high_i), (low_j, high_j) = (
        (min(line), max(line)) for line in zip(*shifts, strict=True)
    )
    height = images.shape[2] - (high_i - low_i)
    width = images.shape[3] - (high_j - low_j)
    if height < 1 or width < 1:
        raise ValueError(
            f"shifts from {low_i, low_j} to {high_i, high_j} leave no window of "
            f"pictures of {tuple(images.shape[2:])} pixels"
        )

    # Content that moves down is seen through a window further up.
    def view(by: tuple[int, int]) -> Tensor:
        i, j = high_i - by[0], high_j - by[1]
        return images[:, :, i : i + height, j : j + width]

    return view


def _labels(answer: Tensor) -> Tensor:
    if answer.ndim == 1:
        return answer
    if answer.ndim == 2:
        return answer.argmax(1)
    raise ValueError(
        f"model must give scores (N, K) or labels (N,), not {tuple(answer.shape)}"
    )


def _reduce(each: Tensor, reduction: Reduction) -> float | Tensor:
    if reduction not in ("mean", "none"):
        raise ValueError(f'reduction must be "mean" or "none", not {reduction!r}')
    if len(each) == 0:
        raise ValueError("there is no sample to measure")
    return float(each.mean()) if reduction == "mean" else each
