"""Scattered digits: they lie in their boxes, stretched, added and cut as told."""

import numpy as np
import pytest
import torch
from PIL import Image

from coordlib.lab.data import digits
from coordlib.lab.data.boxes import box_iou, corners, from_corners
from coordlib.lab.data.scattered import scatter

DIGITS = digits("test")[0][:40]


def test_sizes_and_places_are_those_of_the_recipe():
    _images, boxes = scatter(DIGITS, 2000)
    size, edges = boxes[..., 2:], corners(boxes) + 28
    assert 15 <= size.min() < 15.1 and 24.9 < size.max() <= 25
    assert torch.corrcoef(size.flatten(0, 1).T)[0, 1].abs() < 0.05
    assert 0 <= edges.min() < 1 and 119 < edges.max() <= 120.001


def test_digits_fill_their_boxes_and_nothing_lies_outside_them():
    images, boxes = scatter(DIGITS, 200, objects=1)
    for image, edges in zip(images[:, 0], corners(boxes)[:, 0], strict=True):
        inked = (image > 0).nonzero()
        if not len(inked):
            continue
        # A pixel has ink if its middle lies in the box.
        low, high = inked.min(0).values + 0.5, inked.max(0).values + 0.5
        assert (low >= edges[:2]).all() and (high <= edges[2:]).all()
        if edges.min() >= 0 and edges.max() <= 64:
            assert (low - edges[:2] < 2).all() and (edges[2:] - high < 2).all()


def test_a_digit_is_stretched_as_pillow_does():
    images, boxes = scatter(DIGITS[3:4], 8, objects=1)
    digit = DIGITS[3, 0].numpy()
    rows, columns = np.nonzero(digit.sum(1))[0], np.nonzero(digit.sum(0))[0]
    digit = digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    for image, edges in zip(images[:, 0], corners(boxes)[:, 0].tolist(), strict=True):
        top, left, bottom, right = edges
        wide, high = (
            digit.shape[1] / (right - left),
            digit.shape[0] / (bottom - top),
        )
        turned = (wide, 0, -left * wide, 0, high, -top * high)
        drawn = Image.fromarray(digit).transform(
            (64, 64), Image.Transform.AFFINE, turned, Image.Resampling.BILINEAR
        )
        assert np.abs(np.asarray(drawn) - image.numpy()).max() < 1e-3


def test_digits_add_up_to_one_at_most():
    alone, boxes = scatter(DIGITS, 300, objects=4)
    assert alone.min() == 0 and alone.max() == 1
    overlap = box_iou(boxes, boxes).triu(1).flatten(1).amax(1)
    assert (overlap > 0.3).any(), "boxes may overlap"


def test_every_digit_is_used_once_before_one_is_used_again():
    squares = torch.zeros(40, 1, 28, 28)
    squares[:, 0, 4:24, 4:24] = (torch.arange(40)[:, None, None] + 1) / 40
    images, _boxes = scatter(squares, 80, objects=1)
    grey = (40 * images.flatten(1).amax(1)).round().int()
    for half in grey.split(40):
        seen = half[half > 0].tolist()
        assert len(seen) == len(set(seen)) > 20


def test_the_seed_decides_everything():
    first, again, other = (scatter(DIGITS, 5, seed=s) for s in (1, 1, 2))
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.boxes, again.boxes)
    assert not torch.equal(first.boxes, other.boxes)


def test_boxes_are_centres_and_sizes():
    _images, boxes = scatter(DIGITS, 3)
    assert torch.allclose(from_corners(corners(boxes)), boxes, atol=1e-5)


def test_errors_name_the_argument():
    with pytest.raises(ValueError, match="digits must be of shape"):
        scatter(DIGITS[:, 0], 3)
    with pytest.raises(ValueError, match="black"):
        scatter(torch.zeros(2, 1, 28, 28), 3)
    with pytest.raises(ValueError, match="count"):
        scatter(DIGITS, 0)
