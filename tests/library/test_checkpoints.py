"""Checkpoints of plain networks and of those that see, each loaded into the other."""

import copy
import pickle

import pytest
import torch
from test_surgery_everywhere import blurred, every_net, made, pictures, seeing
from torch import nn
from torch.testing import assert_close

from coordlib.layers import CoordConv2d
from coordlib.surgery import plain

SEES = [{}, {"with_r": True}, {"axes": -1}, {"with_r": "unit", "axes": ()}]


@every_net
@pytest.mark.parametrize("sees", SEES)
def test_a_plain_checkpoint_loads_into_a_network_that_sees(name, sees):
    net, other = made(name), made(name)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(0.1)
    state = other.state_dict()
    changed = seeing(net, **sees)
    changed.load_state_dict(state)
    assert_close(changed(pictures()), other(pictures()))
    assert {k: v.shape for k, v in state.items()} == {
        k: v.shape for k, v in other.state_dict().items()
    }
    for operated in (seeing(blurred(net)), blurred(seeing(net))):
        operated.load_state_dict(state, assign=True)
        assert_close(operated(pictures()), blurred(other)(pictures()))
    again = pickle.loads(pickle.dumps(copy.deepcopy(changed)))
    again.load_state_dict(net.state_dict())
    assert_close(again(pictures()), net(pictures()))
    assert_close(changed(pictures()), other(pictures()))


def test_a_plain_checkpoint_forgets_what_the_coordinates_had_learnt():
    net = nn.Sequential(nn.ConvTranspose2d(4, 6, 3, 2, groups=2))
    changed, x = seeing(net), torch.rand(1, 4, 5, 5)
    with torch.no_grad():
        changed[0].weight.add_(1)
    changed.load_state_dict(net.state_dict())
    assert torch.equal(changed(x), net(x))
    wrong = nn.Sequential(nn.ConvTranspose2d(4, 6, 5, 2, groups=2))
    with pytest.raises(RuntimeError, match="size mismatch for 0"):
        changed.load_state_dict(wrong.state_dict())


@every_net
@pytest.mark.parametrize("what", SEES)
def test_the_checkpoint_of_a_network_that_sees_loads_into_the_plain_one(name, what):
    sees, other = (seeing(made(name), **what) for _ in range(2))
    with torch.no_grad():
        for module in other.modules():
            if hasattr(module, "coordinate_channels"):
                module._split(module.weight)[0].add_(0.1)
    net = plain(sees)[0]
    again = pickle.loads(pickle.dumps(copy.deepcopy(net)))
    for model in net, again, plain(blurred(sees))[0]:
        model.load_state_dict(other.state_dict())
    assert_close(net(pictures()), other(pictures()))
    assert_close(again(pictures()), other(pictures()))
    net.load_state_dict(made(name).state_dict())


@pytest.mark.parametrize("kind", [nn.Conv2d, nn.ConvTranspose2d])
def test_coordinates_that_were_learnt_do_not_load_into_a_plain_network(kind):
    sees = seeing(nn.Sequential(kind(4, 6, 3, groups=2)))
    net, kept = plain(sees)[0], kind(4, 6, 3, groups=2)
    with torch.no_grad():
        sees[0].weight.add_(1)
    with pytest.raises(RuntimeError, match=r"0\.weight uses coordinates, and a plain"):
        net.load_state_dict(sees.state_dict())
    net[0].load_state_dict(kept.state_dict())
    assert torch.equal(net[0].weight, kept.weight)


def test_a_state_of_other_coordinates_is_refused_where_its_shape_would_fit():
    def layer(**sees):
        return CoordConv2d(3, 4, 3, **sees)

    for own, other in (
        ({"axes": (0, 1)}, {"axes": (1, 0)}),
        ({"axes": 0}, {"axes": 1}),
        ({}, {"with_r": True, "axes": 0}),
        ({"with_r": True}, {"with_r": "unit"}),
    ):
        state = layer(**own).state_dict()
        layer(**own).load_state_dict(state)
        with pytest.raises(RuntimeError, match="weight must be for coordinates"):
            layer(**other).load_state_dict(state)
    # All axes by name are all axes, and what says nothing is taken, as 0.1 wrote it.
    layer(axes=(0, 1)).load_state_dict(layer().state_dict())
    layer(axes=(1, 0)).load_state_dict(dict(layer().state_dict()))


def test_what_a_state_says_of_coordinates_outlives_a_file(tmp_path):
    torch.save(CoordConv2d(3, 4, 3, axes=0).state_dict(), tmp_path / "state.pt")
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    with pytest.raises(RuntimeError, match=r"'axes': \[1\].*got one for.*\[0\]"):
        CoordConv2d(3, 4, 3, axes=1).load_state_dict(state)
