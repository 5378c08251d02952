"""Small classifiers: what their borders and their pooling do to shifts."""

import pytest
import torch
from torch import nn

from coordlib.lab.data.squares import squares
from coordlib.lab.models import GarmentNet, PositionNet, parameter_count
from coordlib.lab.models.classifiers import POOLS, DenseMax2d
from coordlib.probe import shift

EVERY_SHIFT = [(i, j) for i in range(8) for j in range(8)]


def picture():
    return torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0)).double()


def seeded(make, *args, **kwargs):
    torch.manual_seed(0)
    return make(*args, **kwargs).double().eval()


def error(model, by):
    """How far the answer moves, relative to its size, when the picture does."""
    x = picture()
    with torch.no_grad():
        there, here = model(shift(x, by)), model(x)
    return ((there - here).norm() / here.norm()).item()


def test_on_a_ring_the_position_net_gives_one_answer_for_every_place_of_the_dot():
    net, data = seeded(PositionNet, "circular"), squares(8, 1)
    with torch.no_grad():
        answers = net(data.images().double())
    assert answers.shape == (64, 2)
    assert (answers - answers[0]).abs().max() < 1e-12


@pytest.mark.parametrize("padding_mode", ["zeros", "reflect", "replicate"])
def test_every_other_border_tells_places_apart(padding_mode):
    net, data = seeded(PositionNet, padding_mode), squares(8, 1)
    with torch.no_grad():
        answers = net(data.images().double())
    assert (answers - answers[0]).abs().max() > 1e-3


def test_a_position_net_has_the_depth_and_width_it_was_given():
    net = PositionNet("zeros", width=5, depth=3)
    convs = [m for m in net if isinstance(m, nn.Conv2d)]
    assert [(c.in_channels, c.out_channels) for c in convs] == [(1, 5), (5, 5), (5, 5)]
    assert parameter_count(net) == 50 + 2 * (5 * 5 * 9 + 5) + 12


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("padding_mode", ["circular", "zeros"])
def test_garment_nets_differ_in_pooling_only(pool, padding_mode):
    net = GarmentNet(pool, padding_mode=padding_mode)
    assert net(torch.rand(2, 1, 28, 28)).shape == (2, 10)
    assert parameter_count(net) == parameter_count(GarmentNet())


@pytest.mark.parametrize("pool", POOLS)
def test_on_a_ring_shifts_by_the_whole_stride_change_nothing(pool):
    net = seeded(GarmentNet, pool)
    assert error(net, (4, -4)) < 1e-12


def test_on_a_ring_polyphase_pooling_keeps_its_answer_for_every_shift():
    net = seeded(GarmentNet, "polyphase")
    assert max(error(net, by) for by in EVERY_SHIFT) < 1e-12


@pytest.mark.parametrize(
    ("plain", "blurred"),
    [("max", "maxblur"), ("stride", "strideblur"), ("average", "blur")],
)
def test_blur_makes_the_answer_move_less_but_still_move(plain, blurred):
    def mean(pool):
        net = seeded(GarmentNet, pool)
        return sum(error(net, by) for by in EVERY_SHIFT) / len(EVERY_SHIFT)

    assert 1e-6 < mean(blurred) < 0.7 * mean(plain)


def test_a_wider_filter_moves_less():
    def mean(size):
        net = seeded(GarmentNet, "maxblur", filter_size=size)
        return sum(error(net, by) for by in EVERY_SHIFT)

    assert mean(1) > mean(3) > mean(5)


def test_strideblur_and_blur_are_one_network():
    a, b = seeded(GarmentNet, "strideblur"), seeded(GarmentNet, "blur")
    assert torch.equal(a(picture()), b(picture()))


def test_dense_max_and_subsampling_make_max_pooling():
    x = picture()
    pooled = nn.functional.max_pool2d(x, 2)
    for mode in ("circular", "zeros"):
        dense = DenseMax2d(mode)(x)
        assert dense.shape == x.shape
        assert torch.equal(dense[..., ::2, ::2], pooled)


def test_dense_max_commutes_with_every_shift_of_the_ring():
    x, dense = picture(), DenseMax2d("circular")
    for by in EVERY_SHIFT:
        assert torch.equal(dense(shift(x, by)), shift(dense(x), by))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: PositionNet("zero"), ValueError, "padding_mode must be one of"),
        (lambda: PositionNet(width=0), ValueError, "width must be at least 1"),
        (lambda: PositionNet(depth=0), ValueError, "depth must be at least 1"),
        (lambda: PositionNet(depth=2.0), TypeError, "depth must be an integer"),
        (lambda: GarmentNet("min"), ValueError, "pool must be one of"),
        (lambda: GarmentNet(padding_mode="reflect"), ValueError, "padding_mode must"),
        (lambda: GarmentNet("blur", filter_size=0), ValueError, "filter_size"),
        (lambda: GarmentNet(width=None), TypeError, "width must be an integer"),
        (lambda: GarmentNet(classes=0), ValueError, "classes must be at least 1"),
        (lambda: DenseMax2d("reflect"), ValueError, "padding_mode must be"),
    ],
)
def test_a_network_that_cannot_be_built_says_why(make, error, message):
    with pytest.raises(error, match=message):
        make()
