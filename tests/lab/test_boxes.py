"""Boxes: overlap by counting pixels, offsets there and back, the greedy choice."""

from math import e

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from coordlib.lab.data.boxes import (
    anchors,
    box_iou,
    clip,
    corners,
    decode,
    encode,
    from_corners,
    inside,
    non_maximum_suppression,
)


def some_boxes(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.rand(count, 4, generator=generator, dtype=torch.float64)
    return torch.cat([64 * drawn[:, :2], 5 + 20 * drawn[:, 2:]], 1)


def pixels(edges, size=12):
    """The pixels that a box with whole edges covers."""
    canvas = torch.zeros(size, size, dtype=torch.bool)
    top, left, bottom, right = edges
    canvas[top:bottom, left:right] = True
    return canvas


whole = st.tuples(*[st.integers(0, 12)] * 4).filter(
    lambda e: e[0] < e[2] and e[1] < e[3]
)


@given(whole, whole)
def test_overlap_is_what_counting_pixels_gives(first, second):
    a, b = pixels(first), pixels(second)
    counted = int((a & b).sum()) / int((a | b).sum())
    one, other = (from_corners(torch.tensor([e]).double()) for e in (first, second))
    assert box_iou(one, other).item() == pytest.approx(counted)
    assert corners(one)[0].tolist() == list(first)


@given(whole)
def test_a_box_is_inside_if_its_pixels_are(edges):
    box = from_corners(torch.tensor([edges]).float())
    for height, width in ((12, 12), (8, 12), (12, 8)):
        fits = edges[2] <= height and edges[3] <= width
        assert inside(box, (height, width)).item() == fits
    assert not inside(box - torch.tensor([20.0, 0, 0, 0]), (12, 12))


@given(whole)
def test_what_is_cut_off_is_what_lies_outside(edges):
    box = from_corners(torch.tensor([edges]).double())
    left = corners(clip(box, (8, 6)))[0].int().tolist()
    seen = pixels(edges)[:8, :6]
    if seen.any():
        assert torch.equal(pixels(left)[:8, :6], seen)
        assert inside(clip(box, (8, 6)), (8, 6)).item()


def test_of_a_box_out_of_sight_a_sliver_is_left_at_the_border():
    above, right = [-30.0, 5, 10, 4], [5.0, 90, 4, 10]
    cut = clip(torch.tensor([above, right]), (8, 16))
    assert corners(cut).tolist() == [[0, 3, 1, 7], [3, 15, 7, 16]]


def test_overlap_is_taken_of_all_pairs_in_every_picture():
    a, b = some_boxes(12).view(2, 6, 4), some_boxes(8, seed=1).view(2, 4, 4)
    overlap = box_iou(a, b)
    assert overlap.shape == (2, 6, 4)
    for n, i, j in ((0, 3, 2), (1, 5, 0)):
        assert overlap[n, i, j] == box_iou(a[n, i : i + 1], b[n, j : j + 1]).item()


def test_offsets_lead_from_the_anchor_to_the_box_and_back():
    boxes, laid = some_boxes(50), some_boxes(50, seed=1)
    assert torch.allclose(decode(encode(boxes, laid), laid), boxes)
    offsets = torch.randn(50, 4, dtype=torch.float64)
    assert torch.allclose(encode(decode(offsets, laid), laid), offsets)
    assert torch.equal(decode(torch.zeros(50, 4), laid.float()), laid.float())


def test_offsets_do_not_notice_a_shift_or_a_change_of_scale():
    boxes, laid = some_boxes(9), some_boxes(9, seed=1)
    by = torch.tensor([3.0, -7.0, 0.0, 0.0])
    assert torch.allclose(encode(boxes + by, laid + by), encode(boxes, laid))
    assert torch.allclose(encode(2 * boxes, 2 * laid), encode(boxes, laid))
    assert not torch.allclose(encode(boxes + by, laid), encode(boxes, laid))


def test_anchors_lie_around_every_cell():
    laid = anchors((3, 2), stride=4, first=8, sizes=[(15, 25), (20, 10)])
    assert laid.shape == (12, 4)
    assert laid.view(3, 2, 2, 4)[2, 1, 0].tolist() == [16, 12, 15, 25]
    assert laid.view(3, 2, 2, 4)[0, 1, 1].tolist() == [8, 12, 20, 10]


def kept_by_a_loop(boxes, scores, threshold, keep):
    """The textbook: go down the list, take what no box taken covers."""
    taken = []
    for index in sorted(range(len(scores)), key=lambda k: -scores[k]):
        covered = any(
            box_iou(boxes[index][None], boxes[k][None]).item() > threshold
            for k in taken
        )
        if not covered and len(taken) < keep:
            taken.append(index)
    return taken + [-1] * (keep - len(taken))


@pytest.mark.parametrize("threshold", [0.05, 0.3, 0.8])
@pytest.mark.parametrize("keep", [1, 10, 50])
def test_the_choice_is_that_of_a_loop(threshold, keep):
    boxes = some_boxes(120).view(3, 40, 4)
    scores = torch.rand(3, 40, generator=torch.Generator().manual_seed(2))
    before = scores.clone()
    taken = non_maximum_suppression(boxes, scores, threshold=threshold, keep=keep)
    for one, scored, found in zip(boxes, scores, taken, strict=True):
        assert found.tolist() == kept_by_a_loop(one, scored, threshold, keep)
    assert torch.equal(scores, before)


def test_a_box_without_area_is_taken_once():
    boxes = torch.tensor([[[5.0, 5, 0, 0], [5, 5, 2, 2]]])
    scores = torch.tensor([[0.9, 0.1]])
    taken = non_maximum_suppression(boxes, scores, threshold=0.5, keep=3)
    assert taken.tolist() == [[0, 1, -1]]


@pytest.mark.parametrize("function", [corners, from_corners])
def test_what_is_no_box_is_refused(function):
    with pytest.raises(ValueError, match=r"\(\.\.\., 4\), got \(2, 3\)"):
        function(torch.zeros(2, 3))


def test_other_errors_name_the_argument():
    with pytest.raises(ValueError, match="cells"):
        anchors((0, 3), 4, 8, [(1, 1)])
    with pytest.raises(ValueError, match="sizes"):
        anchors((3, 3), 4, 8, [])
    with pytest.raises(ValueError, match="keep"):
        non_maximum_suppression(
            torch.zeros(1, 2, 4), torch.zeros(1, 2), threshold=1, keep=0
        )
    with pytest.raises(ValueError, match="scores"):
        non_maximum_suppression(
            torch.zeros(1, 2, 4), torch.zeros(2), threshold=1, keep=1
        )


@pytest.mark.parametrize(
    "box", [[0.25, 10, 0.3, 5], [63.9, 3, 0.1, 5], [5, 63.75, 1, 0.5], [32, 32, 64, 64]]
)
def test_a_box_inside_stays_where_it_is(box):
    box = torch.tensor(box)
    assert torch.equal(clip(box, (64, 64)), box)


def test_boxes_inside_stay_bit_by_bit():
    boxes = some_boxes(200).float() / 2 + torch.tensor([10.0, 10, 0, 0])
    assert torch.equal(clip(boxes, (64, 64)), boxes)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_overlap_of_large_boxes_in_half_precision_is_a_number(dtype):
    boxes = torch.tensor([[150.0, 150, 300, 300], [150, 300, 300, 300]], dtype=dtype)
    overlap = box_iou(boxes, boxes)
    assert overlap.dtype == dtype
    expected = torch.tensor([[1, 1 / 3], [1 / 3, 1]])
    assert torch.allclose(overlap.float(), expected, atol=0.005)
    scores = torch.tensor([[0.9, 0.8]], dtype=dtype)
    taken = non_maximum_suppression(boxes[None], scores, threshold=0.2, keep=2)
    assert taken.tolist() == [[0, -1]]


def test_boxes_without_area_do_not_overlap():
    empty = torch.tensor([[5.0, 5, 0, 0], [9, 9, 0, 3]], requires_grad=True)
    overlap = box_iou(empty, empty)
    assert overlap.tolist() == [[0, 0], [0, 0]]
    overlap.sum().backward()
    assert empty.grad.isfinite().all()


def test_no_number_stays_no_number_in_an_overlap():
    broken = torch.tensor([[torch.nan, 5, 2, 2]])
    assert box_iou(broken, some_boxes(1).float()).isnan().all()


def test_an_anchor_is_not_stretched_without_end():
    anchor = torch.tensor([8.0, 8, 16, 16])
    far = decode(torch.tensor([0.0, 0, 100, 4]), anchor)
    assert far[2] == pytest.approx(1000) and far[3] == pytest.approx(16 * e**4)


@pytest.mark.parametrize("pictures", [0, 2])
def test_of_no_boxes_none_is_taken(pictures):
    boxes, scores = torch.zeros(pictures, 0, 4), torch.zeros(pictures, 0)
    taken = non_maximum_suppression(boxes, scores, threshold=0.5, keep=3)
    assert taken.tolist() == [[-1] * 3] * pictures
    assert taken.dtype == torch.long
