"""Polyphase sampling whose choice is learnt."""

import itertools

import pytest
import torch
from test_polyphase import POOLS, assert_shifts_with_the_input
from torch import nn
from torch.testing import assert_close

from coordlib import PolyphasePool1d, PolyphasePool2d


def votes(channels=3, rank=2):
    """A score for each place, of which the layer takes the mean."""
    conv = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[rank - 1]
    first = conv(channels, 8, 3, padding=1, padding_mode="circular")
    return nn.Sequential(first, nn.ReLU(), conv(8, 1, 1))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("seed", range(10))
def test_a_choice_that_is_learnt_moves_with_every_circular_shift(seed, training):
    torch.manual_seed(seed)
    pool = PolyphasePool2d(return_phase=True, scores=votes()).train(training)
    x = torch.randn(2, 3, 6, 8)
    for shift in itertools.product(range(6), range(8)):
        assert_shifts_with_the_input(pool, x, shift)


@pytest.mark.parametrize("rank", [1, 3])
def test_a_choice_is_learnt_with_other_strides_and_axes(rank):
    torch.manual_seed(0)
    pool = POOLS[rank - 1](3, return_phase=True, scores=votes(rank=rank))
    for shift in [(1,) * rank, (-4,) * rank, (2,) * rank]:
        assert_shifts_with_the_input(pool, torch.randn(2, 3, *[6] * rank), shift)


def test_the_component_of_the_highest_score_is_kept():
    """One number a component will do, in place of a map."""
    lowest = nn.Module()
    lowest.forward = lambda x: -x.square().flatten(1).mean(1)
    x = torch.tensor([[[0.0, 1.0, 0.0, 2.0]], [[3.0, 0.0, 3.0, 0.0]]])
    output, phase = PolyphasePool1d(return_phase=True, scores=lowest)(x)
    assert not output.any() and phase.tolist() == [[0], [1]]
    image, of_it = PolyphasePool1d(return_phase=True, scores=lowest)(x[0])
    assert torch.equal(image, output[0]) and torch.equal(of_it, phase[0])


def test_among_equal_scores_the_norm_decides():
    torch.manual_seed(0)
    equal = votes()
    nn.init.zeros_(equal[2].weight)
    x = torch.randn(4, 3, 6, 6)
    scored = PolyphasePool2d(return_phase=True, scores=equal)
    assert_close(scored(x), PolyphasePool2d(return_phase=True)(x), rtol=0, atol=0)
    assert_shifts_with_the_input(scored, x, (1, 2))


def test_the_scores_get_the_gradient_of_a_mixture():
    torch.manual_seed(0)
    given = nn.Parameter(torch.tensor([0.3, 1.0, -0.2, 0.5]))
    scores = nn.Module()
    scores.register_parameter("given", given)
    scores.forward = lambda x: given
    x = torch.randn(1, 2, 4, 4, requires_grad=True)
    weight = torch.randn(1, 2, 2, 2)
    output = PolyphasePool2d(scores=scores)(x)
    assert torch.equal(output, x[:, :, ::2, 1::2])
    (output * weight).sum().backward()
    phases = itertools.product(range(2), range(2))
    parts = [x.detach()[:, :, i::2, j::2] for i, j in phases]
    worth = torch.stack([(part * weight).sum() for part in parts])
    (wanted,) = torch.autograd.grad((given.softmax(0) * worth).sum(), given)
    assert_close(given.grad, wanted)
    expected = torch.zeros(1, 2, 4, 4)
    expected[:, :, ::2, 1::2] = weight
    assert torch.equal(x.grad, expected)


def test_a_choice_can_be_learnt():
    """The norm keeps the bright pixels; the task asks for the dark ones."""
    torch.manual_seed(0)
    x = torch.rand(32, 1, 8) * torch.tensor([1.0, 3.0]).repeat(4)
    x = torch.stack([one.roll(i % 2, -1) for i, one in enumerate(x)])
    pool = PolyphasePool1d(scores=nn.Conv1d(1, 1, 1))
    optimiser = torch.optim.SGD(pool.parameters(), 0.5)
    for _ in range(50):
        optimiser.zero_grad()
        pool(x).mean().backward()
        optimiser.step()
    assert pool(x).mean() < 0.7 < PolyphasePool1d()(x).mean()


def test_what_scores_is_in_the_state_and_moves_with_the_layer():
    torch.manual_seed(0)
    pool, other = (PolyphasePool2d(scores=votes()) for _ in range(2))
    assert list(pool.state_dict()) == [f"scores.{key}" for key in votes().state_dict()]
    other.load_state_dict(pool.state_dict())
    x = torch.randn(8, 3, 6, 6)
    assert torch.equal(other(x), pool(x))
    assert pool.double()(x.double()).dtype == torch.float64


def test_a_phase_that_is_handed_in_overrules_the_scores():
    x, phase = torch.randn(2, 3, 4, 4), torch.tensor([[0, 1], [1, 0]])
    scored, plain = PolyphasePool2d(scores=votes()), PolyphasePool2d()
    assert torch.equal(scored(x, phase), plain(x, phase))


def test_an_empty_batch_has_no_scores_and_odd_sizes_may_be_filled_up():
    pool = PolyphasePool2d(ceil_mode=True, scores=votes())
    assert pool(torch.zeros(0, 3, 4, 4)).shape == (0, 3, 2, 2)
    assert pool(torch.rand(2, 3, 5, 7)).shape == (2, 3, 3, 4)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (
            lambda x: x[:3],
            ValueError,
            "an entry for each of 8 components, got 3",
        ),
        (
            lambda x: x.sum(),
            ValueError,
            "an entry for each of 8 components, got 1",
        ),
        (lambda x: x.long(), TypeError, "what scores gives must be floating point"),
        (lambda x: None, TypeError, "what scores gives must be a tensor, got NoneType"),
    ],
)
def test_what_gives_no_scores_is_told(given, error, message):
    scores = nn.Module()
    scores.forward = given
    with pytest.raises(error, match=message):
        PolyphasePool2d(scores=scores)(torch.zeros(2, 1, 4, 4))


def test_scores_are_a_module():
    with pytest.raises(TypeError, match=r"scores must be a torch.nn.Module, got"):
        PolyphasePool2d(scores=torch.zeros(4))


def test_a_scorer_that_writes_into_its_input_leaves_the_picture():
    scores = nn.Sequential(nn.ReLU(inplace=True), nn.Conv1d(1, 1, 1))
    pool = PolyphasePool1d(2, scores=scores)
    x = torch.linspace(-1, 1, 8)[None, None]
    before = x.clone()
    pool(x)
    assert torch.equal(x, before)


class First(nn.Module):
    """Scores the first component of each sample highest."""

    def forward(self, x):
        return torch.tensor([1.0, 0.0])


def test_an_infinity_in_a_component_that_is_dropped_stays_there():
    pool = PolyphasePool1d(2, scores=First())
    x = torch.tensor([[[1.0, -torch.inf, 2.0, 0.0]]], requires_grad=True)
    assert torch.equal(pool(x), x[..., ::2])
