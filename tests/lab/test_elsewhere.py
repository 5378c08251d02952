"""Wherever its tensors lie, a public call works there and leaves no tensor behind."""

import pytest
import torch
from elsewhere import ELSEWHERE, Elsewhere, There, back, sent
from test_hostile_calls import ONLY_ON_THE_CPU, the_calls
from torch import Tensor, nn
from torch.testing import assert_close
from torch.utils._pytree import tree_leaves

from coordlib.lab.data import corruptions, perturbations

# Elsewhere nobody knows whether the weights of coordinates are zero.
ONLY_HERE = ONLY_ON_THE_CPU | {"plain"}
GIVES_NUMBERS_TO_READ = {"probe", "probe_layers", "probe_moves"}
KINDS = Tensor | nn.Module


def concerned(call) -> bool:
    """Whether a call takes a tensor, a module or a device."""
    given = call.base.values()
    named = any(isinstance(value, str) and value == "cpu" for value in given)
    return named or any(isinstance(value, KINDS) for value in given)


CALLS = [call for call in the_calls() if call.name not in ONLY_HERE and concerned(call)]


def tensors(value):
    """The tensors in what a call gives; those of a record, too."""
    leaves = tree_leaves(value)
    records = [v for v in leaves if not isinstance(v, KINDS) and hasattr(v, "__dict__")]
    found = leaves + [v for record in records for v in tree_leaves(vars(record))]
    return [value for value in found if isinstance(value, Tensor)]


def computed(function, given):
    torch.manual_seed(0)
    return tensors(function(**given))


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_it_computes_there_what_it_computes_here(call):
    here = computed(call.function, call.base)
    with Elsewhere():
        given = {name: sent(value) for name, value in call.base.items()}
        there = computed(call.function, given)
    for one, other in zip(there, here, strict=True):
        assert isinstance(one, There) or call.name in GIVES_NUMBERS_TO_READ
        assert_close(back(one), other)


CHANGES = [
    (corruptions.corrupt, {"name": "gaussian_noise", "severity": 3}),
    (corruptions.corrupt, {"name": "fog", "severity": 3}),
    (perturbations.perturb, {"name": "rotate"}),
]


@pytest.mark.parametrize(("change", "how"), CHANGES)
def test_pictures_are_corrupted_wherever_they_lie(change, how):
    pictures = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with Elsewhere():
        there = change(sent(pictures), **how)
    assert isinstance(there, There)
    assert torch.equal(back(there), change(pictures, **how))


def test_the_device_elsewhere_refuses_what_an_accelerator_refuses():
    x, some = torch.ones(3), torch.tensor([0, 1])
    with Elsewhere():
        there = x.to(ELSEWHERE)
        assert there.device == ELSEWHERE
        assert (2 * there).sum().item() == 6
        there += torch.arange(3, device=ELSEWHERE)
        assert torch.equal(there.cpu(), x + torch.arange(3))
        assert torch.equal(there[some].cpu(), there.cpu()[:2])
        with pytest.raises(RuntimeError, match=r"shape \(3,\) is on the CPU"):
            there + x
        with pytest.raises(RuntimeError, match="on the CPU"):
            x[sent(some)]
