"""The detector: layers as published, boxes sampled as told, a loss that is the mean."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from coordlib.lab.data import digits
from coordlib.lab.data.boxes import box_iou, clip, corners, decode, encode, inside
from coordlib.lab.data.scattered import scatter
from coordlib.lab.models import parameter_count
from coordlib.lab.models.detector import (
    ANCHORS,
    PLACES,
    Detector,
    detection_loss,
    draw_chances,
    moved,
    proposals,
    sample_boxes,
)
from coordlib.layers import CoordConv2d

IMAGES, TRUTH = scatter(digits("test")[0], 6, seed=4)


def chances(truth=TRUTH, seed=0):
    return draw_chances(truth, torch.Generator().manual_seed(seed))[1]


def trained_looking(places=(), seed=0):
    """A network whose boxes are moved a little, each in its own way."""
    torch.manual_seed(seed)
    net = Detector(places)
    nn.init.normal_(net.mover[-1].weight, std=0.02)
    return net.eval()


@pytest.mark.parametrize(
    ("places", "parameters"),
    [
        ((), 81_590),
        (("image",), 81_590 + 2 * 25 * 32),
        (("shared",), 81_590 + 2 * 9 * 32),
        (("mover",), 81_590 + 2 * 36),
        (PLACES, 83_838),
    ],
)
def test_coordinates_enter_where_they_are_told_to(places, parameters):
    net = Detector(places)
    assert parameter_count(net) == parameters
    found = [m for m in net.modules() if isinstance(m, CoordConv2d)]
    layers = (net.bottom[0], net.shared[0], net.mover[-1])
    named = dict(zip(PLACES, layers, strict=True))
    assert found == [named[place] for place in PLACES if place in places]


def test_the_control_has_as_many_parameters_and_no_news():
    net = Detector(PLACES, constant=True)
    assert parameter_count(net) == parameter_count(Detector(PLACES))
    # Where the border is not in sight it is equivariant, as the plain network is.
    assert change_with_the_picture(net) < 1e-4


def test_all_anchors_start_unmoved_and_in_the_middle_of_what_a_cell_sees():
    outputs = Detector(PLACES)(IMAGES)
    assert outputs.shape == (6, 1521, 6)
    assert torch.equal(moved(outputs), ANCHORS.expand(6, -1, -1))
    x = IMAGES[:1].clone().requires_grad_()
    torch.manual_seed(1)
    Detector().bottom(x)[0, :, 3, 5].sum().backward()
    rows, columns = x.grad[0, 0].nonzero().T
    # Of 16 x 16 pixels the maxima may leave out the outermost.
    assert rows.min() >= 12 and rows.max() < 28
    assert columns.min() >= 20 and columns.max() < 36
    assert ANCHORS.view(13, 13, 9, 4)[3, 5, 0, :2].tolist() == [20, 28]


@torch.no_grad()
def change_with_the_picture(net):
    """How far the answers at inner cells change when the picture moves by a cell."""
    nn.init.normal_(net.mover[-1].weight, std=0.1)
    canvas = F.pad(IMAGES, (4, 0, 4, 0))
    there = net(canvas[:, :, 4:, 4:]).view(6, 13, 13, 54)
    moved_on = net(canvas[:, :, :64, :64]).view(6, 13, 13, 54)
    return (moved_on[:, 3:11, 3:11] - there[:, 2:10, 2:10]).abs().max().item()


def test_without_coordinates_offsets_and_scores_move_with_the_picture():
    torch.manual_seed(0)
    assert change_with_the_picture(Detector()) < 1e-4
    for place in PLACES:
        assert change_with_the_picture(Detector((place,))) > 1e-3


def test_a_positive_box_has_found_its_thing_and_a_negative_none():
    boxes = moved(trained_looking()(IMAGES)).detach()
    sample = sample_boxes(boxes, TRUTH, chances())
    overlap = box_iou(boxes, TRUTH)
    closest = overlap.argmax(1)
    for n in range(len(IMAGES)):
        for box, thing in zip(sample.positive[n], sample.target[n], strict=True):
            fits = overlap[n, box, thing] > 0.5 and inside(boxes[n, box], (64, 64))
            assert fits or closest[n, thing] == box
        for box in sample.negative[n]:
            assert overlap[n, box].max() < 0.1 and inside(boxes[n, box], (64, 64))
            assert box not in closest[n]
    assert sample.is_positive.all() and sample.is_negative.all()


def test_every_candidate_can_be_drawn_and_none_twice():
    boxes, truth = ANCHORS[None], TRUTH[:1]
    overlap = box_iou(boxes, truth)[0]
    fits = (overlap > 0.5) & inside(ANCHORS, (64, 64))[:, None]
    fits[overlap.argmax(0), torch.arange(5)] = True
    drawn = set()
    for seed in range(300):
        sample = sample_boxes(boxes, truth, chances(truth, seed))
        pairs = set(
            zip(sample.positive[0].tolist(), sample.target[0].tolist(), strict=True)
        )
        assert len(pairs) == 6 and len(set(sample.negative[0].tolist())) == 6
        drawn |= pairs
    assert drawn == {tuple(pair) for pair in fits.nonzero().tolist()}


def test_where_too_few_boxes_found_a_thing_the_rest_does_not_count():
    """All boxes in one heap, on no thing: only the closest of each is positive."""
    boxes = torch.tensor([60.0, 60, 6, 6]).expand(1, 1521, 4)
    truth = torch.tensor([[[10.0, 10, 15, 15], [30, 30, 15, 15]]])
    sample = sample_boxes(boxes, truth, chances(truth))
    assert sample.is_positive.sum() == 2
    assert set(sample.target[sample.is_positive].tolist()) == {0, 1}


def test_the_loss_is_the_mean_over_the_sample_by_hand():
    net = trained_looking()
    outputs = net(IMAGES)
    numbers = chances()
    sample = sample_boxes(moved(outputs), TRUTH, numbers)
    total = 0.0
    for n in range(len(IMAGES)):
        away = []
        for box, thing in zip(sample.positive[n], sample.target[n], strict=True):
            wanted = encode(TRUTH[n, thing], ANCHORS[box])
            off = (outputs[n, box, :4] - wanted).abs()
            away.append(sum(d**2 if d < 1 else d for d in off))
        entropy = [-outputs[n, b, 4:].log_softmax(0)[0] for b in sample.positive[n]]
        entropy += [-outputs[n, b, 4:].log_softmax(0)[1] for b in sample.negative[n]]
        total += sum(away) / len(away) + sum(entropy) / len(entropy)
    loss = detection_loss(outputs, (TRUTH, numbers))
    assert loss.item() == pytest.approx((total / len(IMAGES)).item(), rel=1e-5)


def test_a_network_that_says_the_truth_has_no_loss_and_is_kept():
    truth = TRUTH[:1]
    wanted = encode(truth[:, None, 0].expand(1, 1521, 4), ANCHORS)
    logits = torch.tensor([20.0, -20.0]).expand(1, 1521, 2)
    outputs = torch.cat([wanted, logits], -1)
    assert torch.allclose(moved(outputs), truth[:, :1].expand(1, 1521, 4), atol=1e-3)
    kept = proposals(outputs)
    # All boxes are one box: the rest was dropped.
    assert (kept.scores > 0).tolist() == [[True] + 9 * [False]]
    assert torch.allclose(kept.boxes[0, 0], truth[0, 0], atol=1e-3)
    single = truth[:, :1]
    assert detection_loss(outputs, (single, chances(single))) < 1e-3


def test_boxes_are_cut_at_the_border_where_one_asks_for_it():
    outputs = trained_looking()(IMAGES).detach()
    assert not inside(moved(outputs), (64, 64)).all()
    assert torch.equal(moved(outputs, clipped=True), clip(moved(outputs), (64, 64)))
    assert inside(moved(outputs, clipped=True), (64, 64)).all()
    edges = corners(proposals(outputs, clipped=True).boxes)
    assert edges.min() > -0.001 and edges.max() < 64.001
    cut = clip(TRUTH, (64, 64)), chances()
    loss = detection_loss(outputs, cut, clipped=True)
    assert loss != detection_loss(outputs, cut)


def test_the_chances_are_those_of_the_generator():
    assert torch.equal(chances(seed=3), chances(seed=3))
    assert not torch.equal(chances(seed=3), chances(seed=4))
    assert chances().shape == (6, 1521, 6)


def test_boxes_in_the_order_of_their_scores_and_apart():
    kept = proposals(trained_looking()(IMAGES).detach())
    assert (kept.scores.diff() <= 0).all()
    apart = box_iou(kept.boxes, kept.boxes).triu(1)
    assert apart.max() <= 0.8


def test_errors_name_the_argument():
    with pytest.raises(ValueError, match="places"):
        Detector(("scorer",))
    with pytest.raises(ValueError, match=r"\(N, 1, 64, 64\)"):
        Detector()(torch.zeros(1, 1, 32, 32))


def test_decoding_the_offsets_moves_the_boxes():
    outputs = trained_looking()(IMAGES)
    assert torch.equal(moved(outputs), decode(outputs[..., :4], ANCHORS))
