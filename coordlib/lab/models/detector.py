"""The detector of Liu et al. (2018): boxes around digits, and which of them to believe.

It is the region-proposal network of Faster R-CNN. At each of 13 x 13 cells of a feature
map it moves nine anchors and scores them; no second stage names what is in the box.
"""

from collections.abc import Collection
from functools import lru_cache
from itertools import product
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coordlib.arguments import (
    check_choice,
    check_flag,
    check_floating,
    check_generator,
    check_integer,
)
from coordlib.lab.data.boxes import (
    anchors,
    box_iou,
    clip,
    decode,
    encode,
    inside,
    non_maximum_suppression,
)
from coordlib.lab.models.common import he_normal_
from coordlib.layers import CoordConv2d

__all__ = [
    "ANCHORS",
    "PLACES",
    "Detector",
    "Proposals",
    "Sample",
    "detection_loss",
    "draw_chances",
    "moved",
    "positive_overlap",
    "proposals",
    "sample_boxes",
]

SIZE = 64
SIDES = (15.0, 20.0, 25.0)
CELLS = 13
ANCHORS = anchors((CELLS, CELLS), 4, 8, list(product(SIDES, SIDES)))
"""The 1,521 anchors of a picture of 64 x 64. A cell sees 16 x 16 pixels before the last
two convolutions, and the middle of these is the middle of its anchors."""

PLACES = ("image", "shared", "mover")
"""Where coordinates can enter, namely the picture, the layer that mover and scorer
share, and the last layer of the mover."""

POSITIVE, NEGATIVE = 0.5, 0.1
EACH = 6
OVERLAP, KEPT = 0.8, 10


class ConstantConv2d(nn.Conv2d):
    """A convolution that sees channels of ones in place of coordinates.

    Parameters
    ----------
    in_channels : int
        Of the input, without the ones.
    *options, **named
        As for :class:`torch.nn.Conv2d`.
    ones : int
        How many channels of ones.
    """

    def __init__(self, in_channels: int, *options, ones: int = 2, **named) -> None:
        super().__init__(in_channels + ones, *options, **named)
        self.ones = ones

    def forward(self, input: Tensor) -> Tensor:
        ones = input.new_ones(len(input), self.ones, *input.shape[2:])
        return super().forward(torch.cat([input, ones], 1))


class Detector(nn.Module):
    """Move and score nine anchors at every cell.

    Two 5x5 convolutions without padding, each with a 2x2 max pool, make 13 x 13 cells;
    a padded 3x3 convolution is shared. The mover is one more of these and a 1x1
    convolution that starts at zero, so that the anchors start unmoved; the scorer is a
    1x1 convolution.

    Parameters
    ----------
    places : collection of str
        Where a convolution is a :class:`~coordlib.layers.CoordConv2d`: any of "image",
        "shared" and "mover". None of them makes 81,590 parameters, all three 83,838.
    constant : bool
        Feed these convolutions ones in place of coordinates: as many parameters, and
        no news.

    Notes
    -----
    ``(N, 1, 64, 64)`` to ``(N, 1521, 6)``: for each of :data:`ANCHORS` four offsets, as
    :func:`coordlib.lab.data.boxes.decode` takes them, and two logits: thing,
    background.

    References
    ----------
    Liu et al., 2018, section 5; ``RegionProposalSampler`` in the released code.
    """

    def __init__(self, places: Collection[str] = (), constant: bool = False) -> None:
        super().__init__()
        if isinstance(places, str) or not isinstance(places, Collection):
            raise TypeError(f"places must be a collection of names, got {places!r}")
        check_flag("constant", constant)
        for place in places:
            check_choice("places", place, PLACES)
        layer = ConstantConv2d if constant else CoordConv2d
        kind = {p: layer if p in places else nn.Conv2d for p in PLACES}
        self.bottom = nn.Sequential(
            *(kind["image"](1, 32, 5), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(32, 64, 5), nn.ReLU(), nn.MaxPool2d(2)),
        )
        self.shared = nn.Sequential(kind["shared"](64, 32, 3, padding=1), nn.ReLU())
        templates = len(SIDES) ** 2
        self.mover = nn.Sequential(
            *(nn.Conv2d(32, 32, 3, padding=1), nn.ReLU()),
            kind["mover"](32, 4 * templates, 1),
        )
        self.scorer = nn.Conv2d(32, 2 * templates, 1)
        he_normal_(self)
        nn.init.zeros_(self.mover[-1].weight)

    def forward(self, images: Tensor) -> Tensor:
        if images.ndim != 4 or images.shape[1:] != (1, SIZE, SIZE):
            raise ValueError(
                f"images must be of shape (N, 1, {SIZE}, {SIZE}), not "
                f"{tuple(images.shape)}"
            )
        features = self.shared(self.bottom(images))
        parts = [
            head(features).movedim(1, -1).reshape(len(images), len(ANCHORS), -1)
            for head in (self.mover, self.scorer)
        ]
        return torch.cat(parts, -1)


def moved(outputs: Tensor, clipped: bool = False) -> Tensor:
    """Give the boxes that a :class:`Detector` makes of its anchors.

    Parameters
    ----------
    outputs : Tensor, shape (N, 1521, 6)
    clipped : bool
        Whether boxes are cut at the border, a choice that the released code leaves.

    Returns
    -------
    Tensor, shape (N, 1521, 4)
    """
    check_floating("outputs", outputs)
    if outputs.ndim != 3 or outputs.shape[1:] != (len(ANCHORS), 6):
        raise ValueError(
            f"outputs must be of shape (N, {len(ANCHORS)}, 6), got "
            f"{tuple(outputs.shape)}"
        )
    check_flag("clipped", clipped)
    boxes = decode(outputs[..., :4], _anchors_beside(outputs))
    return clip(boxes, (SIZE, SIZE)) if clipped else boxes


class Proposals(NamedTuple):
    """What a detector says of each picture.

    Attributes
    ----------
    boxes : Tensor, shape (N, keep, 4)
        Best first; zeros where fewer were left.
    scores : Tensor, shape (N, keep)
        The probability that there is a thing; 0 where fewer were left.
    """

    boxes: Tensor
    scores: Tensor


def proposals(
    outputs: Tensor,
    threshold: float = OVERLAP,
    keep: int = KEPT,
    clipped: bool = False,
) -> Proposals:
    """Keep the boxes that score best and do not cover one another.

    Parameters
    ----------
    outputs : Tensor, shape (N, 1521, 6)
        Of a :class:`Detector`.
    threshold, keep
        As in :func:`coordlib.lab.data.boxes.non_maximum_suppression`.
    clipped : bool
        As in :func:`moved`.

    Returns
    -------
    Proposals
    """
    boxes, scores = moved(outputs, clipped), outputs[..., 4:].softmax(-1)[..., 0]
    taken = non_maximum_suppression(boxes, scores, threshold=threshold, keep=keep)
    there = taken >= 0
    index = taken.clamp(min=0)
    kept = boxes.gather(1, index[..., None].expand(-1, -1, 4))
    return Proposals(kept * there[..., None], scores.gather(1, index) * there)


# Training


class Sample(NamedTuple):
    """Boxes that one step learns from.

    Attributes
    ----------
    positive : LongTensor, shape (N, each)
        Boxes that found a thing.
    target : LongTensor, shape (N, each)
        Which thing.
    is_positive : BoolTensor, shape (N, each)
        Whether there were so many.
    negative : LongTensor, shape (N, each)
        Boxes that found none.
    is_negative : BoolTensor, shape (N, each)
    """

    positive: Tensor
    target: Tensor
    is_positive: Tensor
    negative: Tensor
    is_negative: Tensor


def sample_boxes(
    boxes: Tensor, truth: Tensor, chances: Tensor, each: int = EACH
) -> Sample:
    """Draw boxes that found a thing, and as many that did not.

    A box has found a thing if it lies on the picture and its IOU with it is above .5;
    and of all boxes the one closest to a thing has found it in any case. It has found
    none if it lies on the picture, its IOU with all things is below .1, and it is
    closest to none. (A thing beyond the border that no box touches has the first box,
    by the order of the boxes: a quirk of the source.)

    Parameters
    ----------
    boxes : Tensor, shape (N, A, 4)
        As moved, not as they were laid.
    truth : Tensor, shape (N, B, 4)
    chances : Tensor, shape (N, A, B + 1)
        Random numbers from 0 to 1: of each box with each thing, and of the box as one
        that found none. The largest are drawn.
    each : int

    Returns
    -------
    Sample

    References
    ----------
    Liu et al., 2018; ``BoxSampler`` in the released code.
    """
    _check_pairs(boxes, truth)
    check_floating("chances", chances, 3)
    count, laid, things = *boxes.shape[:2], truth.shape[1]
    if chances.shape != (count, laid, things + 1):
        raise ValueError(
            f"chances must be of shape {(count, laid, things + 1)}, got "
            f"{tuple(chances.shape)}"
        )
    check_integer("each", each, at_most=laid)
    overlap = box_iou(boxes, truth)
    found, closest, within = _found(boxes, overlap)
    none = ((overlap < NEGATIVE) & within & ~closest).all(-1)

    def draw(among: Tensor, chances: Tensor) -> tuple[Tensor, Tensor]:
        best, index = torch.where(among, chances, -1.0).topk(each, 1)
        return index, best >= 0

    pair, is_positive = draw(found.flatten(1), chances[..., :things].flatten(1))
    negative, is_negative = draw(none, chances[..., things])
    return Sample(pair // things, pair % things, is_positive, negative, is_negative)


def positive_overlap(boxes: Tensor, truth: Tensor) -> Tensor:
    """How well the boxes fit that would be drawn as having found a thing.

    The released code watches this number beside that of the boxes it keeps: the IOU of
    the drawn boxes with the things they found. Here it is the mean that drawing gives
    in the long run, over all pairs of :func:`sample_boxes` of which it draws.

    Parameters
    ----------
    boxes : Tensor, shape (N, A, 4)
        As moved.
    truth : Tensor, shape (N, B, 4)

    Returns
    -------
    Tensor, shape (N,), in [0, 1]
        Of each picture.

    References
    ----------
    Liu et al., 2018; ``pos_box_iou`` in the released code.
    """
    _check_pairs(boxes, truth)
    overlap = box_iou(boxes, truth)
    found, _, _ = _found(boxes, overlap)
    return _mean(overlap.flatten(1), found.flatten(1))


def _check_pairs(boxes: Tensor, truth: Tensor) -> None:
    """Refuse what are no boxes of pictures, and no things on them."""
    for name, value in (("boxes", boxes), ("truth", truth)):
        check_floating(name, value, 3)
        if value.shape[-1] != 4 or 0 in value.shape[1:]:
            raise ValueError(
                f"{name} must be of shape (N, at least 1, 4), got {tuple(value.shape)}"
            )
    if len(boxes) != len(truth):
        raise ValueError(
            f"boxes and truth must be of as many pictures, got {len(boxes)} and "
            f"{len(truth)}"
        )


def _found(boxes: Tensor, overlap: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Which box has found which thing, which is closest to it, which is on the picture.

    Shapes (N, A, B), (N, A, B) and (N, A, 1).
    """
    within = inside(boxes, (SIZE, SIZE))[..., None]
    closest = torch.zeros_like(overlap).scatter(1, overlap.argmax(1, True), 1.0) > 0
    return closest | ((overlap > POSITIVE) & within), closest, within


def draw_chances(truth: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Give :func:`detection_loss` the random numbers that it samples by.

    Parameters
    ----------
    truth : Tensor, shape (N, B, 4)
    generator : torch.Generator

    Returns
    -------
    truth : Tensor, shape (N, B, 4)
    chances : Tensor, shape (N, 1521, B + 1)
    """
    check_floating("truth", truth, 3)
    check_generator("generator", generator)
    shape = len(truth), len(ANCHORS), truth.shape[1] + 1
    return truth, torch.rand(shape, generator=generator).to(truth.device)


def detection_loss(
    outputs: Tensor, targets: tuple[Tensor, Tensor], clipped: bool = False
) -> Tensor:
    """How wrong the sampled boxes are: their offsets, and their scores.

    The sum over the four offsets of a loss that is the square below 1 and the distance
    above, as a mean over the positive boxes of a picture; and the cross-entropy of the
    scores, as a mean over all its sampled boxes.

    Parameters
    ----------
    outputs : Tensor, shape (N, 1521, 6)
        Of a :class:`Detector`.
    targets : (Tensor, Tensor)
        What :func:`draw_chances` gives.
    clipped : bool
        As in :func:`moved`; the true boxes are then cut already.

    Returns
    -------
    Tensor, a single number
        The mean over the pictures.
    """
    if not isinstance(targets, tuple | list) or len(targets) != 2:
        raise TypeError(f"targets must be things and chances, got {targets!r}")
    for part in targets:
        check_floating("targets", part)
    truth, chances = targets
    sample = sample_boxes(moved(outputs, clipped).detach(), truth, chances)

    def pick(rows: Tensor, index: Tensor) -> Tensor:
        return rows.gather(1, index[..., None].expand(-1, -1, rows.shape[-1]))

    chosen = pick(outputs, sample.positive)
    laid = _anchors_beside(outputs)[sample.positive]
    away = chosen[..., :4] - encode(pick(truth, sample.target), laid)
    distance = away.abs()
    offsets = torch.where(distance < 1, away.square(), distance).sum(-1)
    logits = torch.cat([chosen, pick(outputs, sample.negative)], 1)[..., 4:]
    things = torch.zeros_like(sample.positive)
    labels = torch.cat([things, torch.ones_like(sample.negative)], 1)
    entropy = F.cross_entropy(logits.mT, labels, reduction="none")
    drawn = torch.cat([sample.is_positive, sample.is_negative], 1)
    return (_mean(offsets, sample.is_positive) + _mean(entropy, drawn)).mean()


def _anchors_beside(outputs: Tensor) -> Tensor:
    """The anchors where the outputs are, in at least their precision."""
    # bfloat16 has eight bits, and would move a side by half a pixel.
    dtype = torch.promote_types(outputs.dtype, torch.float32)
    return _anchors_on(outputs.device, dtype)


@lru_cache(maxsize=8)  # a step that is captured can bring nothing from the host
def _anchors_on(device: torch.device, dtype: torch.dtype) -> Tensor:
    return ANCHORS.to(device, dtype)


def _mean(values: Tensor, counted: Tensor) -> Tensor:
    """The mean along the last axis of the values that count."""
    return torch.where(counted, values, 0.0).sum(-1) / counted.sum(-1)
