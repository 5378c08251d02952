"""What the probe makes of unusual outputs, networks and sets of shifts."""

import warnings

import pytest
import torch
from torch import nn

from coordlib.probe import lie_derivative, probe, probe_layers, probe_moves


def picture(*size):
    return torch.rand(1, 1, *size, generator=torch.Generator().manual_seed(0))


def test_the_error_grid_of_signals_is_a_row_in_the_order_of_the_shifts():
    found = probe(nn.Conv1d(1, 1, 3, padding=1), picture(8), [2, 0, 1])
    assert torch.equal(found.error_grid(), found.errors[[1, 2, 0]])


def test_the_error_grid_of_volumes_has_an_axis_for_each_of_theirs():
    shifts = [(a, 0, b) for b in (1, 0, 2) for a in (0, 1)]
    found = probe(nn.Conv3d(1, 1, 3, padding=1), picture(4, 4, 4), shifts)
    grid = found.error_grid()
    assert grid.shape == (2, 1, 3)
    assert grid[1, 0, 2] == found.errors[shifts.index((1, 0, 2))]


def test_moves_that_are_no_shifts_have_no_error_grid():
    found = probe_moves(
        torch.relu, picture(4, 4), [1, 2], move_input=lambda x, n: x.rot90(n, (2, 3))
    )
    with pytest.raises(ValueError, match=r"error_grid needs shifts, got moves \[1, 2"):
        found.error_grid()


@pytest.mark.parametrize("output", [list, tuple, lambda parts: {"out": parts}])
def test_select_is_hinted_at_wherever_a_part_may_be_meant(output):
    x = picture(4, 4)

    def f(x):
        return output([x, x])

    match = "f must return a tensor, got .*; select= picks a part of it"
    with pytest.raises(TypeError, match=match):
        probe(f, x, [(0, 1)])
    with pytest.raises(TypeError, match=match):
        lie_derivative(f, x, (0, 1))
    with pytest.raises(TypeError, match=match):
        probe_moves(f, x, [1], move_input=lambda x, n: x)


def test_a_part_that_is_no_tensor_is_refused_with_what_picked_it():
    with pytest.raises(TypeError, match=r"got list; select= picks no tensor with 'a'"):
        probe(lambda x: {"a": [x]}, picture(4, 4), [(0, 1)], select="a")


@pytest.mark.parametrize(
    "f, dtype",
    [
        (lambda x: x > 0, "bool"),
        (lambda x: x.long(), "int64"),
        (lambda x: x.flatten(1).argmax(1), "int64"),
        (torch.fft.fft, "complex64"),
    ],
)
def test_only_numbers_between_numbers_have_a_derivative(f, dtype):
    with pytest.raises(TypeError, match=f"what f gives must .*, got torch.{dtype}"):
        lie_derivative(f, picture(4, 4), (0, 1))


@pytest.mark.parametrize("shape", [(0, 1, 4, 4), (1, 1, 0, 4), (1, 1, 4, 0)])
def test_nothing_has_no_derivative(shape):
    with pytest.raises(ValueError, match="f must give some values, got shape"):
        lie_derivative(torch.relu, torch.rand(shape), (0, 1))


def compiled(way, net, x):
    with warnings.catch_warnings():  # of what torch says of torch.jit
        warnings.simplefilter("ignore")
        if way == "traced":
            return torch.jit.trace(net, x)
        script = torch.jit.script(net)
        return torch.jit.freeze(script) if way == "frozen" else script


@pytest.mark.parametrize("way", ["scripted", "traced", "frozen"])
def test_a_network_that_torch_jit_has_compiled_shows_no_layers(way):
    x = picture(8, 8)
    inner = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU()).eval()
    script = compiled(way, inner, x)
    with pytest.raises(TypeError, match=r"one that torch\.jit has compiled"):
        probe_layers(script, x, [(0, 1)])
    net = nn.Sequential(script, nn.MaxPool2d(2))
    found = probe_layers(net, x, [(0, 1)])
    assert list(found.probes) == ["1"]
    assert list(found.skipped) == ["0"] and "torch.jit" in found.skipped["0"]
    with pytest.raises(ValueError, match=r"torch\.jit has compiled it"):
        probe_layers(net, x, [(0, 1)], layers=["0"])


def test_a_lazy_network_gets_its_weights_by_being_probed():
    def lazy():
        return nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d()).eval()

    x = picture(8, 8)
    assert probe(lazy(), x, [(0, 1)]).kind == "equivariance"
    assert list(probe_layers(lazy(), x, [(0, 1)]).probes) == ["0", "1"]
    with pytest.raises(ValueError, match="f must have run once, got one with lazy"):
        lie_derivative(lazy(), x, (0, 1))
