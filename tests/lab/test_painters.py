"""The painters: sizes as published, geometry as TensorFlow's, errors that help."""

import pytest
import torch
from torch import nn

from coordlib.grid import to_unit
from coordlib.lab.models import (
    CoordConvPainter,
    CoordConvSquarePainter,
    DeconvPainter,
    parameter_count,
)
from coordlib.lab.models.common import he_normal_
from coordlib.lab.models.normalisation import FreezingBatchNorm2d
from coordlib.lab.models.painters import SameConvTranspose2d
from coordlib.lab.training.loop import fit
from coordlib.lab.training.losses import pixel_cross_entropy

PUBLISHED = {
    (1, 2): 46_465,
    (2, 2): 183_041,
    (3, 2): 409_729,
    (1, 3): 103_585,
    (2, 3): 409_921,
    (3, 3): 919_009,
    (1, 4): 183_553,
    (2, 4): 727_553,
    (3, 4): 1_632_001,
}


@pytest.mark.parametrize(("width", "kernel_size"), PUBLISHED)
def test_the_deconvolution_painters_have_the_published_parameter_counts(
    width, kernel_size
):
    painter = DeconvPainter(width, kernel_size)
    assert parameter_count(painter) == PUBLISHED[width, kernel_size]


def test_the_coordconv_painters_have_the_published_parameter_counts():
    assert parameter_count(CoordConvPainter()) == 7_553
    assert parameter_count(CoordConvPainter(width=2)) == 29_441
    assert parameter_count(CoordConvPainter(size=(5, 9))) == 7_553
    assert parameter_count(CoordConvSquarePainter()) == 11_850
    assert parameter_count(CoordConvSquarePainter(width=2)) == 24_210
    assert parameter_count(CoordConvSquarePainter(kernel_size=1)) == 8_074


@pytest.mark.parametrize(
    ("normalisation", "deconv", "coordconv"),
    [
        ("batch", 103_585, 7_937),
        ("group", 103_585, 7_937),
        ("instance", 103_585, 7_937),
        ("none", 103_073, 7_553),
    ],
)
def test_a_normalisation_adds_a_scale_and_a_shift_for_each_channel(
    normalisation, deconv, coordconv
):
    assert parameter_count(DeconvPainter(normalisation=normalisation)) == deconv
    assert parameter_count(CoordConvPainter(normalisation=normalisation)) == coordconv


def test_coordinates_add_two_channels_to_what_each_layer_reads_and_no_more():
    plain = DeconvPainter(normalisation="none")
    told = DeconvPainter(normalisation="none", coordinates=True)
    added = parameter_count(told) - parameter_count(plain)
    assert added == 2 * 9 * (64 + 64 + 64 + 32 + 32 + 1)
    transposed = [
        [layer for layer in painter if isinstance(layer, SameConvTranspose2d)]
        for painter in (plain, told)
    ]
    with torch.no_grad():
        for one, other in zip(*transposed, strict=True):
            other.weight.zero_()
            other.weight[:-2] = one.weight
            other.bias.copy_(one.bias)
    positions = to_unit(torch.tensor([[4.0, 59.0], [30.0, 7.0]]), (64, 64))
    assert torch.equal(told(positions), plain(positions))


def test_normalisation_is_as_published_unless_asked_otherwise():
    kinds = [type(layer) for layer in DeconvPainter()]
    assert kinds.count(nn.BatchNorm2d) == 5
    assert not any(isinstance(m, nn.BatchNorm2d) for m in CoordConvPainter())
    torch.manual_seed(3)
    weights = list(DeconvPainter().parameters())
    torch.manual_seed(3)
    same = list(DeconvPainter(normalisation="batch").parameters())
    assert all(torch.equal(a, b) for a, b in zip(weights, same, strict=True))


@pytest.mark.parametrize("painter", [DeconvPainter, CoordConvPainter])
@pytest.mark.parametrize("normalisation", ["none", "group", "instance"])
def test_without_batch_statistics_a_dot_does_not_depend_on_its_company(
    painter, normalisation
):
    network = painter(size=16, normalisation=normalisation).train()
    dots = torch.rand(9, 2, generator=torch.Generator().manual_seed(0))
    alone, together = network(dots[:1]), network(dots)[:1]
    assert torch.allclose(alone, together, atol=1e-5)


@pytest.mark.parametrize("painter", [DeconvPainter, CoordConvPainter])
def test_with_batch_statistics_it_does(painter):
    network = painter(size=16, normalisation="batch").train()
    dots = torch.rand(9, 2, generator=torch.Generator().manual_seed(0))
    pair, all_nine = network(dots[:2])[:1], network(dots)[:1]
    assert (pair - all_nine).abs().max() > 0.01


def test_instance_normalisation_leaves_a_deconvolution_painter_the_direction_alone():
    torch.manual_seed(0)
    tile, first, norm, *_ = DeconvPainter(size=32, normalisation="instance")
    nn.init.normal_(first.bias)
    dot, half_as_far, elsewhere = torch.tensor([[0.9, 0.3], [0.45, 0.15], [0.9, 0.36]])
    with torch.no_grad():
        kept = norm(first(tile(torch.stack((dot, half_as_far, elsewhere)))))
    moved = (kept[1:] - kept[0]).flatten(1).norm(dim=1)
    assert 2 * moved[0] < moved[1]
    # What the small constant in the denominator lets through is gone without it.
    norm.eps = 0
    with torch.no_grad():
        near, far = norm(first(tile(torch.stack((dot, half_as_far)))))
    torch.testing.assert_close(near, far, atol=1e-3, rtol=0)


def test_instance_normalisation_leaves_a_coordconv_painter_nothing():
    torch.manual_seed(0)
    tile, first, norm, *_ = CoordConvPainter(size=32, normalisation="instance")
    with torch.no_grad():
        one, other = norm(first(tile(torch.tensor([[0.9, 0.3], [-0.2, 0.5]]))))
    torch.testing.assert_close(one, other, atol=1e-5, rtol=0)


def test_frozen_statistics_are_batch_statistics_until_they_freeze():
    options = {"eps": 1e-5, "momentum": 0.1}
    plain = nn.BatchNorm2d(3, **options)
    freezing = FreezingBatchNorm2d(3, frozen_after=4, **options)
    generator = torch.Generator().manual_seed(0)
    batches = [torch.randn(5, 3, 4, 4, generator=generator) + 2 for _ in range(5)]
    for batch in batches[:4]:
        assert torch.allclose(freezing(batch), plain(batch), atol=1e-5)
    for name in ("running_mean", "running_var"):
        assert torch.allclose(getattr(freezing, name), getattr(plain, name))
    then = freezing.running_mean.clone()
    frozen = freezing(batches[4])
    assert torch.equal(freezing.running_mean, then)
    assert torch.allclose(frozen, freezing.eval()(batches[4]), atol=1e-5)


def test_only_frozen_statistics_need_to_know_when():
    with pytest.raises(ValueError, match="frozen_after goes with"):
        DeconvPainter(normalisation="batch-frozen")
    with pytest.raises(ValueError, match="frozen_after goes with"):
        CoordConvPainter(normalisation="batch", frozen_after=3)
    with pytest.raises(ValueError, match="normalisation must be one of"):
        DeconvPainter(normalisation="layer")


def test_what_does_not_train_does_not_count():
    layer = nn.Linear(3, 2)
    layer.bias.requires_grad_(False)
    assert parameter_count(layer) == 6
    with pytest.raises(TypeError, match=r"nn\.Module, got list"):
        parameter_count([layer])


@pytest.mark.parametrize(
    ("painter", "shape"),
    [
        (DeconvPainter(), (64, 64)),
        (DeconvPainter(kernel_size=4, size=16), (16, 16)),
        (DeconvPainter(kernel_size=2, size=8), (8, 8)),
        (DeconvPainter(size=128), (128, 128)),
        (CoordConvPainter(size=(5, 9)), (5, 9)),
        (CoordConvSquarePainter(size=12), (12, 12)),
    ],
)
def test_painters_turn_positions_into_logits(painter, shape):
    positions = torch.rand(3, 2, generator=torch.Generator().manual_seed(0))
    logits = painter(positions)
    assert logits.shape == (3, 1, *shape)
    assert logits.std() > 0


def test_smaller_canvases_drop_doublings_at_the_front():
    def channels(size):
        layers = DeconvPainter(size=size)
        return [m.out_channels for m in layers if isinstance(m, nn.ConvTranspose2d)]

    assert channels(64) == [64, 64, 64, 32, 32, 1]
    assert channels(32) == [64, 64, 32, 32, 1]
    assert channels(16) == [64, 32, 32, 1]


@pytest.mark.parametrize(
    ("kernel_size", "pad"),
    [(2, (0, 0)), (3, (0, 1)), (4, (1, 1))],
)
def test_upsampling_is_the_adjoint_of_tensorflows_same_convolution(kernel_size, pad):
    """Keras defines it so: the gradient of the strided convolution it undoes."""
    torch.manual_seed(0)
    layer = SameConvTranspose2d(2, 3, kernel_size).double()
    nn.init.zeros_(layer.bias)
    small = torch.randn(1, 2, 5, 4, dtype=torch.float64)
    large = torch.randn(1, 3, 10, 8, dtype=torch.float64)
    padded = nn.functional.pad(large, (*pad, *pad))
    down = nn.functional.conv2d(padded, layer.weight, stride=2)
    assert down.shape == small.shape
    assert torch.allclose((layer(small) * large).sum(), (small * down).sum())


@pytest.mark.parametrize(
    ("kernel_size", "lit"),
    [(2, [6, 7]), (3, [6, 7, 8]), (4, [5, 6, 7, 8])],
)
def test_upsampling_does_not_drift_by_a_pixel(kernel_size, lit):
    """A kernel of ones answers pixel 3 where TensorFlow's rule says."""
    layer = SameConvTranspose2d(1, 1, kernel_size)
    nn.init.ones_(layer.weight)
    nn.init.zeros_(layer.bias)
    x = torch.zeros(1, 1, 8, 8)
    x[0, 0, 3, 3] = 1
    with torch.no_grad():
        answer = layer(x)[0, 0]
    assert answer.shape == (16, 16)
    assert answer.any(1).nonzero()[:, 0].tolist() == lit
    assert answer.any(0).nonzero()[:, 0].tolist() == lit


def test_initial_weights_are_he_normal_as_keras_counts_the_inputs():
    torch.manual_seed(0)
    conv, up, dense = (
        nn.Conv2d(64, 16, 3),
        nn.ConvTranspose2d(16, 64, 3),
        nn.Linear(500, 30),
    )
    for layer, fan_in in ((conv, 64 * 9), (up, 64 * 9), (dense, 500)):
        assert he_normal_(layer) is layer
        std = (2 / fan_in) ** 0.5
        assert layer.weight.std().item() == pytest.approx(std, rel=0.05)
        assert layer.weight.abs().max() <= 2 * std / 0.8796 + 1e-6
        assert not layer.bias.any()


def test_initialisation_leaves_batch_normalisation_alone():
    painter = DeconvPainter(size=8)
    norms = [m for m in painter if isinstance(m, nn.BatchNorm2d)]
    assert len(norms) == 2
    for norm in norms:
        assert (norm.weight == 1).all() and not norm.bias.any()
        assert (norm.momentum, norm.eps) == (0.1, 1e-5)  # TensorFlow's .9


@pytest.mark.parametrize("make", [DeconvPainter, CoordConvPainter])
def test_the_same_seed_gives_the_same_painter(make):
    def weights():
        torch.manual_seed(7)
        return nn.utils.parameters_to_vector(make(size=8).parameters())

    assert torch.equal(weights(), weights())


def test_the_coordconv_painter_asks_every_pixel_the_same_question():
    """A pixel knows the question and its own place, and nothing of the others."""
    painter = CoordConvPainter(size=(4, 6))
    position = torch.tensor([[1, 4]])
    question = to_unit(position, (4, 6))
    with torch.no_grad():
        logits = painter(question)[0, 0]
        for i, j in [(0, 0), (1, 4), (3, 2)]:
            place = to_unit(torch.tensor([[i, j]]), (4, 6))
            x = torch.cat((question, place), 1)
            for layer in painter[1:]:
                if isinstance(layer, nn.Conv2d):
                    x = nn.functional.linear(x, layer.weight.flatten(1), layer.bias)
                else:
                    x = layer(x)
            assert torch.allclose(x, logits[i, j], atol=1e-5)


def test_the_square_painter_draws_from_a_sharpened_pixel():
    painter = CoordConvSquarePainter(size=16)
    positions = torch.tensor([[3, 12]])
    seen = []
    painter.square.register_forward_hook(lambda module, args, out: seen.append(args[0]))
    with torch.no_grad():
        painter(to_unit(positions, (16, 16)))
    assert seen[0].shape == (1, 1, 16, 16)
    assert seen[0].sum().item() == pytest.approx(1, abs=1e-5)


def test_the_square_painter_sees_far_enough_to_draw_a_9x9_square():
    """Its five 3x3 convolutions see far enough: 11x11 pixels."""
    painter = CoordConvSquarePainter(size=16)
    picture = torch.ones(1, 1, 16, 16, requires_grad=True)
    for m in painter.square:
        if isinstance(m, nn.Conv2d):
            nn.init.ones_(m.weight)
    painter.square(picture)[0, 0, 8, 8].backward()
    seen = picture.grad[0, 0] != 0
    assert seen.any(1).sum() == seen.any(0).sum() == 11


def test_a_coordconv_painter_learns_a_small_canvas_and_generalises():
    size = 8
    positions = torch.cartesian_prod(torch.arange(size), torch.arange(size))
    inputs, targets = to_unit(positions, (size, size)), torch.arange(size**2)
    train = torch.randperm(64, generator=torch.Generator().manual_seed(0))[:51]
    torch.manual_seed(0)
    painter = CoordConvPainter(size=size)
    fit(
        painter,
        inputs[train],
        targets[train],
        pixel_cross_entropy,
        steps=300,
        batch_size=16,
        lr=0.01,
        schedule="one-cycle",
    )
    with torch.no_grad():
        assert torch.equal(painter(inputs).flatten(1).argmax(1), targets)


def test_a_network_can_be_taken_apart():
    painter = CoordConvPainter(size=8)
    assert type(painter[1:3]) is nn.Sequential and len(painter[1:3]) == 2
    assert painter[-1] is list(painter)[-1]
    x = torch.rand(2, 2)
    with torch.no_grad():
        assert torch.allclose(painter[5:](painter[:5](x)), painter(x), atol=1e-6)


@pytest.mark.parametrize(
    "painter",
    [
        DeconvPainter(size=8),
        CoordConvPainter(size=8),
        CoordConvSquarePainter(size=8),
    ],
)
def test_positions_are_pairs_of_unit_coordinates(painter):
    with pytest.raises(TypeError, match="to_unit makes them"):
        painter(torch.tensor([[1, 2]]))
    with pytest.raises(TypeError, match="got list"):
        painter([[0.0, 0.0]])
    for shape in [(2,), (1, 3), (1, 2, 1, 1)]:
        with pytest.raises(ValueError, match=r"shape \(N, 2\)"):
            painter(torch.zeros(shape))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: DeconvPainter(kernel_size=5),
            ValueError,
            "kernel_size must be one of 2, 3",
        ),
        (lambda: DeconvPainter(size=48), ValueError, "power of two"),
        (lambda: DeconvPainter(size=4), ValueError, "power of two"),
        (lambda: DeconvPainter(width=0), ValueError, "width must be at least 1"),
        (lambda: DeconvPainter(coordinates=2), TypeError, "coordinates must be"),
        (lambda: DeconvPainter(width=1.5), TypeError, "width must be an integer"),
        (lambda: DeconvPainter(size="64"), TypeError, "size must be an integer"),
        (lambda: CoordConvPainter(width=0), ValueError, "width must be at least 1"),
        (lambda: CoordConvPainter(size=(4, 4, 4)), TypeError, "size must be"),
        (lambda: CoordConvPainter(size=0), ValueError, "size must be at least 1"),
        (lambda: CoordConvSquarePainter(kernel_size=2), ValueError, "odd"),
        (lambda: CoordConvSquarePainter(width=None), TypeError, "width must be"),
    ],
)
def test_a_painter_that_cannot_be_built_says_why(make, error, message):
    with pytest.raises(error, match=message):
        make()
