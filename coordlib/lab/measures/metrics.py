"""How well a network paints, points and keeps its mind."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import combinations
from typing import Literal

import torch
from torch import Tensor, nn

from coordlib.arguments import (
    check_callable,
    check_choice,
    check_floating,
    check_integer,
    check_seed,
    check_tensor,
)
from coordlib.grid import from_unit
from coordlib.probe import shift

__all__ = [
    "consistency",
    "decibels",
    "frechet_distance",
    "iou",
    "pixel_accuracy",
    "pixel_distance",
    "psnr",
]

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

    Raises
    ------
    TypeError
        If ``targets`` are no integers.
    ValueError
        If the shapes do not fit, a target is no pixel or class, there is no sample,
        or ``reduction`` is unknown.
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

    Raises
    ------
    ValueError
        If the shapes differ, ``images`` holds anything but zeros and ones, there is
        no sample, or ``reduction`` is unknown.
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

    Raises
    ------
    ValueError
        If the shapes differ or do not go with ``size``, there is no sample, or
        ``reduction`` is unknown.
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


def psnr(pictures: Tensor, others: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of pictures in [0, 1], in decibels.

    Parameters
    ----------
    pictures, others : Tensor, shape (N, ...)

    Returns
    -------
    Tensor, shape (N,)
        Of each pair, ``-10 log10`` of the mean squared difference; infinite where
        they are equal.

    Raises
    ------
    TypeError
        If the pictures are no floating-point tensors.
    ValueError
        If the shapes differ, or a pixel is below 0 or above 1. NaN is let through.
    """
    check_tensor("pictures", pictures, any_kind=True)
    check_tensor("others", others, any_kind=True)
    if pictures.shape != others.shape or pictures.ndim < 2:
        raise ValueError(
            f"pictures and others must have the same shape (N, ...), not "
            f"{tuple(pictures.shape)} and {tuple(others.shape)}"
        )
    for name, x in (("pictures", pictures), ("others", others)):
        if not x.is_floating_point():
            raise TypeError(f"{name} must be floating-point, got {x.dtype}")
        if ((x < 0) | (x > 1)).any():
            low, high = x.min().item(), x.max().item()
            raise ValueError(f"{name} must lie in [0, 1], not in [{low:g}, {high:g}]")
    return decibels((pictures - others).square().flatten(1).mean(1))


def decibels(error: Tensor) -> Tensor:
    """Turn mean squared differences of pictures in [0, 1] into decibels.

    Parameters
    ----------
    error : Tensor

    Returns
    -------
    Tensor
        ``-10 log10(error)``: infinite where there is no difference.
    """
    check_floating("error", error)
    return -10 * error.log10()


@torch.no_grad()
def consistency(
    model: Callable[[Tensor], Tensor],
    images: Tensor,
    shifts: Iterable[tuple[int, int]] | None = None,
    *,
    max_shift: int | None = None,
    window: int | None = None,
    pairs: int = 8,
    group: int | None = None,
    mode: Literal["circular", "zero", "cropped"] = "circular",
    seed: int = 0,
    batch_size: int = 500,
) -> float:
    """How often a network says the same of the same picture at two places.

    Take a picture and two different shifts of it; the network agrees with itself if
    both get the same label, right or wrong; scores of which one is NaN give no label,
    and agree with nothing. The consistency is the fraction of
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
        from ``-max_shift`` to ``max_shift`` in both directions. Smaller than both
        sides of the pictures: further out there is nothing new.
    window : int, optional
        In place of ``shifts``, with ``mode="cropped"``: the side of the windows that
        are cut out of the pictures. Draw ``pairs`` pairs of windows, each uniformly
        from all places where it fits; both may be the same. This is the paper's way.
    pairs : int
        Number of pairs drawn for each picture.
    group : int, optional
        How many pictures, one after another, share their pairs; all if left out.
    mode : {"circular", "zero", "cropped"}
        The shift model, that is, what enters at the border.

        - ``"circular"``: what left on the other side. Nothing is lost, and a network of
          circular convolutions, dense layers and a global average is perfectly
          consistent.
        - ``"zero"``: zeros. What leaves is lost.
        - ``"cropped"``: the real surroundings. All shifted pictures are windows of one
          size, cut out of the larger pictures given: ``window``, or as large as the
          shifts allow. The network must take pictures of that size.
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
        If not exactly one of ``shifts``, ``max_shift`` and ``window`` is given,
        ``group`` comes with ``shifts``, or ``window`` with another mode than "cropped"
        or larger than the pictures, ``max_shift`` is as large as they are, there are
        fewer than two different shifts,
        ``mode`` is unknown, a number is not positive, the shifts leave no window,
        ``images`` is not of shape (N, C, H, W) with N at least 1, or the answers of
        ``model`` are neither scores nor labels.

    Notes
    -----
    The released code of the paper measures ``consistency(model, images,
    mode="cropped", window=224, group=8, pairs=5)`` on pictures of 256 x 256 pixels.

    References
    ----------
    Zhang, 2019, "Making convolutional networks shift-invariant again", section 4.
    """
    check_callable("model", model)
    check_floating("images", images)
    if images.ndim != 4 or len(images) == 0:
        raise ValueError(
            f"images must be of shape (N, C, H, W), N at least 1, not "
            f"{tuple(images.shape)}"
        )
    check_integer("batch_size", batch_size)
    check_choice("mode", mode, ("circular", "zero", "cropped"))
    if sum(given is not None for given in (shifts, max_shift, window)) != 1:
        given = {"shifts": shifts, "max_shift": max_shift, "window": window}
        raise ValueError(
            "give either shifts or max_shift or window, "
            f"got {[name for name, value in given.items() if value is not None]}"
        )
    if window is not None and mode != "cropped":
        raise ValueError(f'window goes with mode="cropped", not with {mode!r}')
    if group is not None:
        if shifts is not None:
            raise ValueError("group goes with max_shift or window, not with shifts")
        check_integer("group", group)
    if shifts is not None:
        if isinstance(shifts, str) or not isinstance(shifts, Iterable):
            raise TypeError(f"shifts must be an iterable of pairs, got {shifts!r}")
        different = dict.fromkeys(_as_pair(s) for s in shifts)
        chosen = list(combinations(different, 2))
        if not chosen:
            raise ValueError("shifts must hold at least two different shifts")
        draws = [chosen]
    else:
        draws = _draw(images, max_shift, window, pairs, group, seed)

    if window is not None:
        views = partial(_placed, window=window)
    elif mode == "cropped":
        # All shifts count for the size of the windows, so that it is one size.
        views = partial(_windows, shifts=[s for d in draws for pair in d for s in pair])
    else:
        views = partial(_shifted, mode=mode)

    was_training = isinstance(model, nn.Module) and model.training
    if was_training:
        model.eval()
    agreed = []
    try:
        parts = images.split(group or len(images))
        for part, chosen in zip(parts, draws, strict=True):
            said = _answers(model, views(part), len(part), chosen, batch_size)
            agreed += [said[a] == said[b] for a, b in chosen]
    finally:
        if was_training:
            model.train()
    return float(torch.cat(agreed).to(torch.float64).mean())


def frechet_distance(one: Tensor, other: Tensor) -> float:
    """How far two clouds of points are apart, taken as normal distributions.

    ``|m - m'|^2 + tr(C + C' - 2 (C C')^(1/2))`` of their means and covariances: what it
    costs to carry one onto the other, in squared length.

    Parameters
    ----------
    one, other : Tensor, shapes (N, D) and (M, D)
        Features of pictures, say. At least two points each.

    Returns
    -------
    float
        0 if mean and covariance agree.

    Raises
    ------
    ValueError
        If the shapes do not fit, or a cloud has fewer than two points.

    References
    ----------
    Dowson and Landau, 1982, "The Frechet distance between multivariate normal
    distributions"; Heusel et al., 2017, "GANs trained by a two time-scale update rule
    converge to a local Nash equilibrium", for judging generators.
    """
    for name, points in (("one", one), ("other", other)):
        check_tensor(name, points)
    shapes = [tuple(one.shape), tuple(other.shape)]
    if {one.ndim, other.ndim} != {2} or one.shape[1:] != other.shape[1:]:
        raise ValueError(
            f"one and other must be of shapes (N, D) and (M, D), got {shapes}"
        )
    if min(len(one), len(other)) < 2:
        raise ValueError(f"one and other must have two points at least, got {shapes}")
    first, second = (torch.atleast_2d(torch.cov(x.double().T)) for x in (one, other))
    values, vectors = torch.linalg.eigh(first)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    # The root of C C' has the trace of that of C^(1/2) C' C^(1/2), which is symmetric.
    common = torch.linalg.eigvalsh(root @ second @ root).clamp(min=0).sqrt().sum()
    away = (one.double().mean(0) - other.double().mean(0)).square().sum()
    return float(away + first.trace() + second.trace() - 2 * common)


def _answers(
    model: Callable[[Tensor], Tensor],
    view: Callable[[tuple[int, int]], Tensor],
    count: int,
    pairs: list,
    batch_size: int,
) -> dict[tuple[int, int], Tensor]:
    """Ask a network for the labels of pictures under every shift of some pairs."""
    needed = sorted({s for pair in pairs for s in pair})
    said = {}
    at_once = max(batch_size // count, 1)
    for start in range(0, len(needed), at_once):
        shifts = needed[start : start + at_once]
        views = torch.cat([view(s) for s in shifts])
        labels = torch.cat([_labels(model(x)) for x in views.split(batch_size)])
        said.update(zip(shifts, labels.split(count), strict=True))
    return said


def _draw(
    images: Tensor,
    max_shift: int | None,
    window: int | None,
    pairs: int,
    group: int | None,
    seed: int,
) -> list[list]:
    """Draw pairs of shifts, or of places of a window, for every group of pictures."""
    check_seed("seed", seed)
    check_integer("pairs", pairs)
    generator = torch.Generator().manual_seed(seed)
    if window is None:
        check_integer("max_shift", max_shift)
        if max_shift >= min(images.shape[2:]):
            raise ValueError(
                f"max_shift must be smaller than pictures of {tuple(images.shape[2:])} "
                f"pixels, got {max_shift}"
            )
        line = range(-max_shift, max_shift + 1)
        places = [(i, j) for i in line for j in line]
    else:
        check_integer("window", window)
        free = [n - window + 1 for n in images.shape[2:]]
        if min(free) < 1:
            raise ValueError(
                f"window {window} is larger than pictures of "
                f"{tuple(images.shape[2:])} pixels"
            )
        places = [(i, j) for i in range(free[0]) for j in range(free[1])]

    def pair() -> tuple:
        if window is None:
            chosen = torch.randperm(len(places), generator=generator)[:2]
        else:
            chosen = torch.randint(len(places), (2,), generator=generator)
        a, b = chosen.tolist()
        return places[a], places[b]

    groups = -(-len(images) // (group or len(images)))
    return [[pair() for _ in range(pairs)] for _ in range(groups)]


def _as_pair(by) -> tuple[int, int]:
    pair = tuple(by) if isinstance(by, tuple | list) else ()
    if len(pair) != 2 or not all(type(s) is int for s in pair):
        raise TypeError(f"shifts must each be a pair of integers, got {by!r}")
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
    return lambda by: _cut(images, high_i - by[0], high_j - by[1], height, width)


def _placed(images: Tensor, window: int) -> Callable[[tuple[int, int]], Tensor]:
    """Cut windows out of larger pictures, each given by its upper left corner."""
    return lambda at: _cut(images, *at, window, window)


def _cut(images: Tensor, i: int, j: int, height: int, width: int) -> Tensor:
    part = images[:, :, i : i + height, j : j + width]
    # Slicing beyond the border would quietly give a smaller picture.
    assert part.shape[2:] == (height, width), "a window reaches beyond the picture"
    return part


def _labels(answer: Tensor) -> Tensor:
    if not isinstance(answer, Tensor):
        raise TypeError(f"model must give a tensor, got {type(answer).__name__}")
    if answer.ndim == 1:
        return answer
    if answer.ndim == 2:
        # NaN is equal to nothing, not even to itself.
        unknown = answer.isnan().any(1)
        return answer.argmax(1).to(torch.float32).masked_fill(unknown, torch.nan)
    raise ValueError(
        f"model must give scores (N, K) or labels (N,), not {tuple(answer.shape)}"
    )


def _reduce(each: Tensor, reduction: Reduction) -> float | Tensor:
    check_choice("reduction", reduction, ("mean", "none"))
    if len(each) == 0:
        raise ValueError("there is no sample to measure")
    return float(each.mean()) if reduction == "mean" else each
