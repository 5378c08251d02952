"""Whether a picture becomes another by motion or by fading.

Of three pictures in a row, the one in the middle is predicted from the others in two
ways. A *fade* mixes them. A *motion* carries the content of both along, as a smooth
field of displacements says, and mixes what meets. The field is found from the two outer
pictures alone, so that a motion which fits them and is not there predicts badly.

The estimate is home-made and no library's optical flow: the rule of a claim was fixed
on it before anything was measured, and with another estimate would be another rule.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from coordlib.arguments import check_floating, check_integer, check_number
from coordlib.grid import index_grid
from coordlib.layers import BlurPool2d

__all__ = ["Prediction", "carry", "displacements", "predict", "triples"]

REACH = 0.25
"""How far anything moves, at most, from the first picture to the last, in sides."""
PACES = 9
"""Shares of the way that a predicted motion may have gone; the best of them counts."""
STAGES = ((2, 5), (3, 3), (4, 1))
"""Nodes a side of the field, and taps of the blur through which it is fitted."""
ROUNDS = 6
"""Of Gauss and Newton's method, at each stage."""
STIFFNESS = 1.0
"""How much the differences of neighbouring nodes count, beside the pictures."""
DAMPING = 0.01
"""How much every node counts by itself, so that a step is small where all is flat."""


@dataclass(frozen=True)
class Prediction:
    """How well the middle picture of each three was predicted.

    Attributes
    ----------
    fade : Tensor, shape (N,)
        Mean squared error of the fade.
    motion : Tensor, shape (N,)
        Mean squared error of the motion.
    change : Tensor, shape (N,)
        Mean squared difference of the outer pictures, over 4: what the first and the
        last would each miss if the middle were half-way between them.
    """

    fade: Tensor
    motion: Tensor
    change: Tensor

    @property
    def moved(self) -> float:
        """The fade's error as a share of both, summed over all.

        1 where the motion predicts exactly, 0 where the fade does, and one half where
        both are equally wrong, or nothing changes.
        """
        wrong = self.fade.sum(), self.motion.sum()
        return float(wrong[0] / sum(wrong)) if self.change.any() else 0.5


def predict(first: Tensor, middle: Tensor, last: Tensor) -> Prediction:
    """Foretell middle pictures from outer ones, by a fade and by a motion.

    Each has one number of its own, the share of the way that the middle has gone. It
    is the best one, since pictures need not change at an even pace.

    Parameters
    ----------
    first, middle, last : Tensor, each of shape (N, C, H, W)

    Returns
    -------
    Prediction
    """
    _check_pictures(first=first, middle=middle, last=last)
    if not first.shape == middle.shape == last.shape or first.ndim != 4:
        shapes = [tuple(x.shape) for x in (first, middle, last)]
        raise ValueError(
            f"first, middle and last must have one shape (N, C, H, W), got {shapes}"
        )
    gone, way = (middle - first).flatten(1), (last - first).flatten(1)
    length = way.square().sum(1)
    share = ((gone * way).sum(1) / length.clamp(min=1e-12)).clamp(0, 1)
    fade = (gone - share[:, None] * way).square().mean(1)
    field = displacements(first, last)
    paces = torch.linspace(0, 1, PACES).tolist()
    wrong = [_error(carry(first, last, field, pace), middle) for pace in paces]
    return Prediction(fade, torch.stack(wrong).amin(0), way.square().mean(1) / 4)


def displacements(first: Tensor, last: Tensor) -> Tensor:
    """Find the smooth motion that carries one picture to another best.

    The best shift by whole pixels is where the search starts. From there a field
    that is bilinear between a few nodes is fitted by the method of Gauss and Newton,
    first on blurred pictures and with few nodes, then with more. Places whose content
    comes from beyond the canvas, or goes there, do not count.

    Parameters
    ----------
    first, last : Tensor, each of shape (N, C, H, W)

    Returns
    -------
    Tensor, shape (N, 2, H, W)
        Pixels down and right, from the first picture to the last, of what is at each
        place half-way between the two. Along each axis :data:`REACH` sides at most.

    References
    ----------
    Lucas and Kanade, 1981, "An iterative image registration technique with an
    application to stereo vision".
    """
    _check_pictures(first=first, last=last)
    size = first.shape[2:]
    longest = REACH * torch.tensor(size, dtype=first.dtype, device=first.device)
    longest = longest.view(1, 2, 1, 1)
    blurred = (_blur(x, STAGES[0][1]) for x in (first, last))
    field = _best_shift(*blurred)[:, :, None, None].expand(-1, -1, *size)
    for nodes, taps in STAGES:
        blurred = _blur(first, taps), _blur(last, taps)
        bumps = _bumps(nodes, size).to(first)
        rough = _roughness(nodes).to(first)
        for _ in range(ROUNDS):
            field = field + _step(*blurred, field, bumps, rough)
            field = field.clamp(-longest, longest)
    return field


def carry(first: Tensor, last: Tensor, field: Tensor, pace: float) -> Tensor:
    """Carry the contents of two pictures along a motion, and mix what meets.

    Parameters
    ----------
    first, last : Tensor, each of shape (N, C, H, W)
    field : Tensor, shape (N, 2, H, W)
        As :func:`displacements` gives it.
    pace : float, in [0, 1]
        The share of the way: 0 is the first picture, 1 the last. It is also the weight
        of the last in the mixture; where only one of the two reaches, that one counts.

    Returns
    -------
    Tensor, shape (N, C, H, W)
    """
    _check_pictures(first=first, last=last, field=field)
    if field.shape != (len(first), 2, *first.shape[2:]):
        raise ValueError(
            f"field must be of shape {(len(first), 2, *first.shape[2:])}, "
            f"got {tuple(field.shape)}"
        )
    check_number("pace", pace)
    if not 0 <= pace <= 1:
        raise ValueError(f"pace must be from 0 to 1, got {pace}")
    backward, forward = -pace * field, (1 - pace) * field
    few = 1e-3
    old, new = (1 - pace) * (_inside(backward) + few), pace * (_inside(forward) + few)
    return (old * _sample(first, backward) + new * _sample(last, forward)) / (old + new)


def triples(walks: Tensor, span: int) -> tuple[Tensor, Tensor, Tensor]:
    """Cut walks into pieces of equal length; give where each begins, is half, ends.

    Parameters
    ----------
    walks : Tensor, shape (N, frames, C, H, W)
    span : int
        Steps of a piece: even, and a divisor of ``frames - 1``.

    Returns
    -------
    first, middle, last : Tensor, each of shape (N * pieces, C, H, W)
    """
    check_floating("walks", walks, axes=5)
    steps = walks.shape[1] - 1
    check_integer("span", span, at_least=2)
    if span % 2 or steps % span:
        raise ValueError(
            f"span must be an even divisor of the {steps} steps of a walk, got {span}"
        )
    starts = torch.arange(0, steps, span)
    first, middle, last = (
        walks[:, starts + more].flatten(0, 1) for more in (0, span // 2, span)
    )
    return first, middle, last


def _check_pictures(**pictures: Tensor) -> None:
    for name, one in pictures.items():
        check_floating(name, one, axes=4)


def _best_shift(first: Tensor, last: Tensor) -> Tensor:
    """Give the shift by whole pixels (N, 2) by which two pictures agree best."""
    rows, columns = (range(-int(REACH * n), int(REACH * n) + 1) for n in last.shape[2:])
    least = torch.full_like(first[:, 0, 0, 0], torch.inf)
    best = first.new_zeros(len(first), 2)
    for i in rows:
        for j in columns:
            here, there = _overlap(first, -i, -j), _overlap(last, i, j)
            wrong = _error(here, there)
            better = wrong < least
            least = torch.where(better, wrong, least)
            shift = first.new_tensor([i, j])
            best = torch.where(better[:, None], shift, best)
    return best


def _overlap(x: Tensor, i: int, j: int) -> Tensor:
    """Give the part of a picture that a shift by (-i, -j) leaves on the canvas."""
    height, width = x.shape[2:]
    rows = slice(max(i, 0), height + min(i, 0))
    return x[:, :, rows, max(j, 0) : width + min(j, 0)]


def _step(
    first: Tensor, last: Tensor, field: Tensor, bumps: Tensor, rough: Tensor
) -> Tensor:
    """Give the change of a field by one step of the method of Gauss and Newton."""
    old, new = _sample(first, -field / 2), _sample(last, field / 2)
    seen = (_inside(-field / 2) * _inside(field / 2)).flatten(2)
    differ = ((new - old).flatten(2) * seen).flatten(1)
    slopes = (_slopes(old) + _slopes(new)).flatten(3) / 2 * seen[:, :, None]
    slope = torch.einsum("ncdp,kp->ncpdk", slopes, bumps.flatten(1))
    slope = slope.flatten(3).flatten(1, 2)
    normal = slope.mT @ slope
    scale = normal.diagonal(dim1=1, dim2=2).mean(1)[:, None, None] + 1e-6
    known = STIFFNESS * torch.block_diag(rough, rough)
    known = known + DAMPING * torch.eye(len(known)).to(known)
    down = -(slope.mT @ differ[:, :, None])
    nodes = torch.linalg.solve(normal + scale * known, down)
    return torch.einsum("ndk,khw->ndhw", nodes.view(len(nodes), 2, -1), bumps)


def _sample(x: Tensor, by: Tensor) -> Tensor:
    """Read a picture at places displaced by so many pixels; its rim goes on outside."""
    last = torch.tensor(x.shape[2:]).to(by) - 1
    places = (index_grid(x.shape[2:]).to(by) + by).movedim(1, -1)
    places = (2 * places / last - 1).flip(-1)
    return F.grid_sample(x, places, "bicubic", "border", align_corners=True)


def _inside(by: Tensor) -> Tensor:
    """Tell (N, 1, H, W) which displaced places are still on the canvas: 1 or 0."""
    size = torch.tensor(by.shape[2:]).to(by).view(2, 1, 1)
    places = index_grid(by.shape[2:]).to(by) + by
    inside = (places >= -0.5) & (places <= size - 0.5)
    return inside.all(1, keepdim=True).to(by.dtype)


def _slopes(x: Tensor) -> Tensor:
    """Give the derivatives (N, C, 2, H, W) of pictures down and right."""
    x = F.pad(x, (1, 1, 1, 1), mode="replicate")
    down = x[:, :, 2:, 1:-1] - x[:, :, :-2, 1:-1]
    right = x[:, :, 1:-1, 2:] - x[:, :, 1:-1, :-2]
    return torch.stack([down, right], 2) / 2


def _bumps(nodes: int, size: torch.Size) -> Tensor:
    """Give the fields (K, H, W) that are 1 at one of K nodes and 0 at the others."""
    single = torch.eye(nodes**2).view(-1, 1, nodes, nodes)
    spread = F.interpolate(single, size=size, mode="bilinear", align_corners=True)
    return spread[:, 0]


def _roughness(nodes: int) -> Tensor:
    """Give the form (K, K) of the squared differences of neighbouring nodes."""
    single = torch.eye(nodes**2).view(-1, nodes, nodes)
    steps = single.diff(dim=1).flatten(1), single.diff(dim=2).flatten(1)
    steps = torch.cat(steps, 1)
    return steps @ steps.T


def _blur(x: Tensor, taps: int) -> Tensor:
    blur = BlurPool2d(filter_size=taps, stride=1, padding_mode="replicate")
    return blur.to(x.device)(x)


def _error(x: Tensor, y: Tensor) -> Tensor:
    return (x - y).square().mean((1, 2, 3))
