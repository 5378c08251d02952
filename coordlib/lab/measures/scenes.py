"""What a generated picture shows, and what becomes of it along a latent walk.

All measurements speak of pictures with a blue and a red object on white, as
:func:`coordlib.lab.data.shapes.shapes` draws them, and are exact for such pictures.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import nan

import torch
import torch.nn.functional as F
from torch import Tensor

from coordlib.arguments import (
    check_callable,
    check_floating,
    check_instance,
    check_integer,
    check_tensor,
)
from coordlib.grid import index_grid
from coordlib.lab.data.shapes import draw, radius, shapes

__all__ = [
    "Scenes",
    "amounts",
    "cloud",
    "examine",
    "fixed_pattern",
    "look",
    "right",
    "walks",
]

HAZE = 0.2
"""What has less of a colour than this counts as background."""
TOLERANCE = 0.25
"""By how much an object may be smaller or larger than what the recipe draws."""
BINS = 4
"""Cells a side for the entropy of centres, which are 256 for two objects."""
FEWEST = 20
"""Pictures that a cloud of centres, or a mean over pictures, wants at least."""

Decode = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Scenes:
    """What lies on each canvas: the blue and the red object, in this order.

    Attributes
    ----------
    areas : Tensor, shape (N, 2)
        Pixels of its colour; a pixel of half the colour counts half.
    centres : Tensor, shape (N, 2, 2)
        ``(i, j)``, in pixels; the middle of the canvas where there is nothing.
    reaches : Tensor, shape (N, 2)
        Root mean square distance from the centre, in pixels: large for what is
        scattered, or in two places at once.
    """

    areas: Tensor
    centres: Tensor
    reaches: Tensor

    def __getitem__(self, index) -> "Scenes":
        return Scenes(self.areas[index], self.centres[index], self.reaches[index])


def amounts(pictures: Tensor) -> Tensor:
    """How blue and how red each pixel is: 1 for the colour, 0 for white and black.

    Half of the colour over white gives one half, and so does half of it over black;
    purple is neither.

    Parameters
    ----------
    pictures : Tensor, shape (N, 3, H, W), in [-1, 1]

    Returns
    -------
    Tensor, shape (N, 2, H, W), in [0, 1]
        Blue, then red. What is below :data:`HAZE` is 0.
    """
    check_floating("pictures", pictures, axes=4)
    if pictures.shape[1] != 3:
        raise ValueError(
            f"pictures must be of shape (N, 3, H, W), got {tuple(pictures.shape)}"
        )
    red, green, blue = ((pictures + 1) / 2).clamp(0, 1).unbind(1)
    found = torch.stack(
        [blue - torch.maximum(red, green), red - torch.maximum(blue, green)], 1
    )
    return torch.where(found < HAZE, 0.0, found)


def look(pictures: Tensor) -> Scenes:
    """Find the blue and the red object by their colours.

    Parameters
    ----------
    pictures : Tensor, shape (N, 3, H, W), in [-1, 1]

    Returns
    -------
    Scenes
    """
    weights = amounts(pictures).flatten(2)
    size = pictures.shape[2:]
    places = index_grid(size, dtype=weights.dtype, device=weights.device).flatten(1)
    areas = weights.sum(2)
    middle = (torch.tensor(size, dtype=weights.dtype, device=weights.device) - 1) / 2
    total = areas.clamp(min=1e-6)[:, :, None]
    centres = weights @ places.T / total
    centres = torch.where(areas[:, :, None] > 0, centres, middle)
    away = (places[None, None] - centres[:, :, :, None]).square().sum(2)
    reaches = ((weights * away).sum(2) / total[:, :, 0]).sqrt()
    return Scenes(areas, centres, reaches)


def right(scenes: Scenes, size: int) -> Tensor:
    """Tell which objects are as large and as compact as the recipe draws them.

    Parameters
    ----------
    scenes : Scenes
    size : int
        Side of the canvas.

    Returns
    -------
    BoolTensor, shape (N, 2)
        Area and reach are at most :data:`TOLERANCE` beyond those of a square, and the
        area is at most as much short of that of a circle.
    """
    check_instance("scenes", scenes, Scenes, "Scenes")
    circle, square = _drawn(size)
    large = 1 + TOLERANCE
    return (
        (scenes.areas >= (1 - TOLERANCE) * circle.areas[0, 0])
        & (scenes.areas <= large * square.areas[0, 0])
        & (scenes.reaches <= large * square.reaches[0, 0])
    )


def _drawn(size: int) -> tuple[Scenes, Scenes]:
    """A circle and a square as the recipe draws them, in two corners."""
    near, far = radius(size), size - 1 - radius(size)
    centres = torch.tensor([[[near, near], [far, far]]])
    circles, squares = (
        draw(centres, torch.full((1, 2), kind), size) for kind in (False, True)
    )
    return look(circles), look(squares)


def cloud(centres: Tensor, size: int) -> tuple[float, float]:
    """How much of the space of places the centres of two objects fill.

    Parameters
    ----------
    centres : Tensor, shape (N, 2, 2)
        ``(i, j)`` of both objects, in pixels.
    size : int
        Side of the canvas.

    Returns
    -------
    dimension : float
        Participation ratio of the covariance of the four numbers: 4 where all vary
        alike and independently, 1 where all lie on one line, 0 where nothing varies
        or there are fewer than :data:`FEWEST` pictures.
    entropy : float
        In bits, of the share of pictures in each of :data:`BINS` ** 4 cells.
    """
    check_tensor("centres", centres, axes=3)
    reach = radius(size)
    if len(centres) < FEWEST:
        return 0.0, 0.0
    covariance = torch.cov(centres.flatten(1).double().T)
    spread = covariance.diagonal().sum().square()
    # The squared eigenvalues of a symmetric matrix sum up to its squared entries.
    dimension = float(spread / covariance.square().sum()) if spread > 1e-9 else 0.0
    cells = (centres - reach) / (size - 1 - 2 * reach) * BINS
    cells = cells.long().clamp(0, BINS - 1).flatten(1)
    numbers = (cells * BINS ** torch.arange(4, device=cells.device)).sum(1)
    shares = torch.bincount(numbers).double() / len(centres)
    shares = shares[shares > 0]
    return dimension, float(-(shares * shares.log2()).sum())


def fixed_pattern(pictures: Tensor) -> tuple[float, float]:
    """How strong a pattern of the background stays at its place in all pictures.

    What a background pixel lacks to white is averaged over the pictures, once in each
    half of them. The covariance of the two maps over the canvas keeps what both have
    at the same places, and nothing of what changes from picture to picture.

    Parameters
    ----------
    pictures : Tensor, shape (N, 3, H, W), in [-1, 1]

    Returns
    -------
    fixed : float
        Standard deviation over the canvas of the pattern that stays, in 255ths: 0
        where the background is clean, or its stains move about.
    stains : float
        Root mean square of all that the background lacks to white, in 255ths.
    """
    check_floating("pictures", pictures, axes=4)
    size = pictures.shape[-1]
    objects = amounts(pictures).sum(1, keepdim=True)
    # A blurred rim of an object is not background.
    margin = 2 * (radius(size) // 2) + 1
    near = F.max_pool2d(objects, margin, stride=1, padding=margin // 2)
    seen = (near == 0).to(pictures.dtype)
    lacks = (1 - pictures) / 2 * 255 * seen
    stains = lacks.square().sum() / (3 * seen.sum()).clamp(min=1)
    maps, enough = [], torch.ones_like(seen[0], dtype=torch.bool)
    for part, mask in zip(lacks.chunk(2), seen.chunk(2), strict=True):
        count = mask.sum(0)
        maps.append(part.sum(0) / count.clamp(min=1))
        enough = enough & (count >= FEWEST)
    if not enough.any():
        return 0.0, float(stains.sqrt())
    one, other = (m[enough.expand(3, -1, -1)].double() for m in maps)
    common = ((one - one.mean()) * (other - other.mean())).mean()
    return float(common.clamp(min=0).sqrt()), float(stains.sqrt())


def walks(starts: Tensor, ends: Tensor, frames: int) -> Tensor:
    """Go in a straight line and at an even pace from one latent to another.

    Parameters
    ----------
    starts, ends : Tensor, shape (N, latent)
    frames : int
        With both ends.

    Returns
    -------
    Tensor, shape (N, frames, latent)
    """
    check_tensor("starts", starts, axes=2)
    check_tensor("ends", ends, axes=2)
    check_integer("frames", frames, at_least=2, at_most=10**6)
    share = torch.linspace(0, 1, frames, device=starts.device)[:, None]
    return starts[:, None] + share * (ends - starts)[:, None]


def examine(
    decode: Decode,
    latents: Tensor,
    size: int,
    *,
    pairs: int = 100,
    frames: int = 24,
) -> dict[str, float]:
    """Measure what a generator draws, and what becomes of it along walks.

    Parameters
    ----------
    decode : callable
        Latents (n, latent) to pictures (n, 3, size, size) in [-1, 1], on the CPU.
    latents : Tensor, shape (N, latent)
        Drawn as in training.
    size : int
        Side of the canvas.
    pairs : int
        Walks to try, at most. Both ends of each show two right objects.
    frames : int
        Pictures of a walk, both ends included.

    Returns
    -------
    dict of str to float
        - ``right``: share of pictures with both objects as the recipe draws them.
        - ``dimension``, ``entropy``: of the centres, see :func:`cloud`; the entropy as
          a share of that of as many drawn pictures. Only pictures with something of
          both colours count, at least half a circle.
        - ``fixed``, ``stains``: see :func:`fixed_pattern`.
        - ``walks``: how many there were.
        - ``kept``: share of the pictures between the ends that show two right objects.
        - ``lowest``: the smallest area of an object along a walk, as a share of the
          smaller of those at the ends; mean over objects and walks.
        - ``jump``: the longest step of a centre from one picture to the next, in radii;
          mean over objects and walks.
        - ``travel``: distance of the centres at the two ends, in radii; likewise.

        Without any walk nothing is known of walks: ``kept``, ``lowest``, ``jump`` and
        ``travel`` are NaN.
    """
    check_callable("decode", decode)
    check_tensor("latents", latents, axes=2)
    radius(size)  # refuses what is no size
    check_integer("pairs", pairs, at_most=10**6)
    check_integer("frames", frames, at_least=2, at_most=10**6)
    pictures = _decoded(decode, latents)
    scenes = look(pictures)
    good = right(scenes, size).all(1)
    circle, _ = _drawn(size)
    present = (scenes.areas >= circle.areas[0, 0] / 2).all(1)
    dimension, entropy = cloud(scenes.centres[present], size)
    count = int(present.sum())
    drawn = shapes(count, size, seed=1).centres if count >= FEWEST else None
    fixed, stains = fixed_pattern(pictures)
    ends = latents[good]
    ends = ends[: min(2 * pairs, len(ends) // 2 * 2)]
    found = {
        "right": float(good.float().mean()),
        "dimension": dimension,
        "entropy": entropy / cloud(drawn, size)[1] if drawn is not None else 0.0,
        "fixed": fixed,
        "stains": stains,
        "walks": len(ends) / 2,
    }
    if not len(ends):
        return found | dict.fromkeys(("kept", "lowest", "jump", "travel"), nan)
    path = walks(ends[0::2], ends[1::2], frames)
    along = look(_decoded(decode, path.flatten(0, 1)))
    areas = along.areas.unflatten(0, (-1, frames))
    centres = along.centres.unflatten(0, (-1, frames))
    whole = right(along, size).all(1).unflatten(0, (-1, frames))
    least = areas.amin(1) / torch.minimum(areas[:, 0], areas[:, -1])
    steps = centres.diff(dim=1).norm(dim=3).amax(1)
    travel = (centres[:, -1] - centres[:, 0]).norm(dim=2)
    return found | {
        "kept": float(whole[:, 1:-1].float().mean()),
        "lowest": float(least.mean()),
        "jump": float(steps.mean()) / radius(size),
        "travel": float(travel.mean()) / radius(size),
    }


@torch.no_grad()
def _decoded(decode: Decode, latents: Tensor) -> Tensor:
    parts = [decode(part) for part in latents.split(64)]
    for part in parts:
        if not isinstance(part, Tensor):
            raise TypeError(f"decode must give a tensor, got {type(part).__name__}")
    return torch.cat(parts)
