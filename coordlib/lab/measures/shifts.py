"""Whether a network says the same of a picture at two places."""

from collections.abc import Callable, Iterable
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
)
from coordlib.grid import shift


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
    _check_draw(shifts, max_shift, window, group, mode)
    if shifts is not None:
        draws = [_all_pairs(shifts)]
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
            labels = _answers(model, views(part), len(part), chosen, batch_size)
            agreed += [labels[a] == labels[b] for a, b in chosen]
    finally:
        if was_training:
            model.train()
    return float(torch.cat(agreed).to(torch.float64).mean())


def _check_draw(
    shifts: Iterable[tuple[int, int]] | None,
    max_shift: int | None,
    window: int | None,
    group: int | None,
    mode: str,
) -> None:
    """Refuse what does not say, or says twice, which shifts are compared."""
    given = {"shifts": shifts, "max_shift": max_shift, "window": window}
    names = [name for name, value in given.items() if value is not None]
    if len(names) != 1:
        raise ValueError(f"give either shifts or max_shift or window, got {names}")
    if window is not None and mode != "cropped":
        raise ValueError(f'window goes with mode="cropped", not with {mode!r}')
    if group is not None:
        if shifts is not None:
            raise ValueError("group goes with max_shift or window, not with shifts")
        check_integer("group", group)


def _all_pairs(shifts: Iterable[tuple[int, int]]) -> list:
    """Every pair of two different ones among some shifts."""
    if isinstance(shifts, str) or not isinstance(shifts, Iterable):
        raise TypeError(f"shifts must be an iterable of pairs, got {shifts!r}")
    pairs = list(combinations(dict.fromkeys(_as_pair(s) for s in shifts), 2))
    if not pairs:
        raise ValueError("shifts must hold at least two different shifts")
    return pairs


def _answers(
    model: Callable[[Tensor], Tensor],
    view: Callable[[tuple[int, int]], Tensor],
    count: int,
    pairs: list,
    batch_size: int,
) -> dict[tuple[int, int], Tensor]:
    """Ask a network for the labels of pictures under every shift of some pairs."""
    needed = sorted({s for pair in pairs for s in pair})
    answers = {}
    at_once = max(batch_size // count, 1)
    for start in range(0, len(needed), at_once):
        shifts = needed[start : start + at_once]
        views = torch.cat([view(s) for s in shifts])
        labels = torch.cat([_labels(model(x)) for x in views.split(batch_size)])
        answers.update(zip(shifts, labels.split(count), strict=True))
    return answers


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
    check_integer("pairs", pairs, at_most=10**6)
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
        f"model must give scores (N, K) or labels (N,), got {tuple(answer.shape)}"
    )
