"""Moves that are no shifts, and the derivative that the probe tends to."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from coordlib import MaxBlurPool2d, SoftArgmax2d, shift
from coordlib.probe import lie_derivative, probe, probe_moves

QUARTERS = [1, 2, 3]


def picture(size=9):
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, 3, size, size, generator=generator, dtype=torch.float64)


def turned(x, quarters):
    return x.rot90(quarters, (-2, -1))


def ring_conv(stride=1):
    torch.manual_seed(0)
    conv = nn.Conv2d(3, 4, 3, stride, 1, padding_mode="circular")
    return conv.double().requires_grad_(False)


def test_a_kernel_that_a_quarter_turn_leaves_alone_commutes_with_it():
    turns = {"move_input": turned, "move_output": turned}
    conv = ring_conv()
    assert not probe_moves(conv, picture(), QUARTERS, **turns).exact
    conv.weight[:] = sum(turned(conv.weight, q) for q in range(4))
    found = probe_moves(conv, picture(), QUARTERS, **turns)
    assert found.kind == "equivariance"
    assert found.exact == QUARTERS
    assert found.maps.shape == (3, 9, 9)


def test_without_a_move_of_the_output_it_is_to_stay():
    found = probe_moves(lambda x: x.amax((2, 3)), picture(), [1], move_input=turned)
    assert found.kind == "invariance"
    assert found.is_exact
    assert not probe_moves(
        lambda x: x[:, :, 0, 0], picture(), [1], move_input=turned
    ).exact


def test_an_answer_in_coordinates_moves_like_the_dot():
    dot = torch.zeros(1, 1, 16, 16)
    dot[..., 4, 5] = 1

    def along(y, by):
        return y + torch.tensor(by)

    found = probe_moves(
        SoftArgmax2d(1e-3, unit=False),
        dot,
        [(0, 3), (5, -2)],
        move_input=shift,
        move_output=along,
    )
    assert found.is_exact


def test_where_the_output_moved_is_nan_nothing_is_compared():
    def zoomed(y, by):
        bigger = shift(y, by)
        bigger[..., :3] = torch.nan
        return bigger

    walls = nn.Conv2d(3, 4, 3, padding=(0, 1)).double()
    moves = {"move_input": shift, "move_output": zoomed}
    found = probe_moves(walls, picture(), [(0, 1)], **moves)
    assert found.maps[0][:, :3].isnan().all()
    assert (found.maps[0][:, 3:-1] < 1e-9).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"moves": []}, "moves is empty"),
        ({"moves": 3}, "moves must be an iterable"),
        ({"move_input": 3}, "move_input must be callable"),
        ({"move_output": 3}, "move_output must be callable"),
        ({"move_input": lambda x, m: None}, "move_input must return a tensor"),
        ({"move_output": lambda y, m: y[0]}, r"moved has \(3, 9, 9\)"),
        ({"move_output": lambda y, m: y * torch.nan}, "nothing but NaN for move 1"),
        ({"tolerance": -1}, "tolerance must be finite"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    given = {"moves": [1], "move_input": turned, "move_output": turned} | arguments
    with pytest.raises((ValueError, TypeError), match=message):
        probe_moves(nn.Identity(), picture(), **given)


def smooth(x):
    return torch.tanh(3 * x)


NETWORKS = {
    "pointwise": smooth,
    "walls": nn.Conv2d(3, 4, 3, padding=1).double(),
    "strided": ring_conv(3),
    "blurred": nn.Sequential(ring_conv(), MaxBlurPool2d(3, stride=3)),
    "upsampled": nn.Upsample(scale_factor=2),
    "scores": lambda x: smooth(x).amax((2, 3)),
}


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("direction", [(0, 1), (-2, 0.5)])
def test_the_probe_of_a_small_shift_tends_to_the_derivative(network, direction):
    f, x = NETWORKS[network], picture()
    slope = lie_derivative(f, x, direction)
    assert slope.shape == f(x).shape
    assert slope.abs().max() > 0.01
    t = 1e-6
    found = probe(f, x, [tuple(t * d for d in direction)], mode="fourier")
    axes = (0, 1)[: slope.ndim]
    assert_close(found.maps[0] / t, slope.abs().mean(axes), rtol=1e-3, atol=1e-4)
    assert_close(float(found.largest) / t, float(slope.abs().max()), rtol=1e-3, atol=0)


def test_the_derivative_of_a_convolution_on_a_ring_is_zero():
    for size in 8, 9:
        slope = lie_derivative(ring_conv(), picture(size), (1, -3))
        assert slope.abs().max() < 1e-12


def test_the_derivative_refuses_what_the_probe_refuses():
    with pytest.raises(ValueError, match="must keep the 4 axes"):
        lie_derivative(lambda x: x.mean(2), picture(), (0, 1))
    with pytest.raises(TypeError, match="direction: a shift is"):
        lie_derivative(smooth, picture(), "right")
    with pytest.raises(TypeError, match="x must be floating point"):
        lie_derivative(smooth, torch.ones(1, 1, 4, 4, dtype=torch.long), (0, 1))
    with pytest.raises(ValueError, match="direction has 2 entries"):
        lie_derivative(smooth, torch.ones(4), (0, 1))


def test_a_map_that_writes_into_its_input_changes_neither_the_picture_nor_the_answer():
    x = picture()
    before = x.clone()
    turns = {"move_input": lambda x, _: x, "move_output": lambda y, _: y}
    assert probe_moves(lambda x: x.mul_(2), x, [1, 2], **turns).is_exact
    assert torch.equal(x, before)
