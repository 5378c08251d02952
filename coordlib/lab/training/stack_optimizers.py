"""Torch's fused optimisers over a stack, where each network has its own recipe."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from coordlib.lab.training.course import Recipes
from coordlib.lab.training.stack import NetworkStack, shaped_as

__all__ = ["StackedAdam", "StackedSGD"]


@dataclass(frozen=True)
class Slice:
    """Neighbours in one of the stacked weights, and what is remembered of them.

    Attributes
    ----------
    position : int
        Which of the stacked weights it is a part of.
    networks : slice
        Which part, along the axis of networks.
    weight : Tensor
    averages : list of Tensor
        Each shaped as the weight.
    """

    position: int
    networks: slice
    weight: Tensor
    averages: list[Tensor]


class _Stacked:
    """What moves a stack by one of torch's functions.

    They are those that ``torch.optim`` calls when it is told ``fused=True``; it would
    count the steps of every tensor apart. One call has one rate and one penalty. So
    there is a call for all networks of a recipe, and another for those of their weights
    that have a penalty, each one pass over the memory.

    Parameters
    ----------
    stack : NetworkStack
    recipes : Recipes
    """

    averaged = 0
    """How many running averages each number has."""

    def __init__(self, stack: NetworkStack, recipes: Recipes) -> None:
        self.weights = list(stack.weights.values())
        self.recipes = recipes
        self.averages = stack.flat.new_zeros(self.averaged, stack.flat.numel())
        groups = recipes.alike()
        runs = [(group[0], part) for group in groups for part in _runs(group)]
        self.steps = torch.zeros((), device=stack.flat.device)
        self.calls: dict[tuple[int, float], list[Slice]] = {}
        sizes = [weight.numel() for weight in self.weights]
        blocks = self.averages.split(sizes, dim=1)
        for position, weight in enumerate(self.weights):
            shaped = [shaped_as(weight, row) for row in blocks[position]]
            # One axis is that of the networks: weights that multiply have two more.
            for first, part in runs:
                penalty = float(recipes.weight_decay[first]) if weight.ndim > 2 else 0.0
                averages = [average[part] for average in shaped]
                own = Slice(position, part, weight.detach()[part], averages)
                self.calls.setdefault((first, penalty), []).append(own)

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor | None], rates: Tensor) -> None:
        """Move all weights.

        Parameters
        ----------
        gradients : sequence of Tensor
            One for each of ``stack.weights``, in their order; None of one that takes
            no part in the pass, which stays.
        rates : Tensor, shape (models,)
        """
        pairs = zip(gradients, self.weights, strict=True)
        laid_out = [one if one is None else _laid_out(one, to) for one, to in pairs]
        self.steps += 1
        for (network, penalty), slices in self.calls.items():
            own = [one for one in slices if laid_out[one.position] is not None]
            if own:
                found = [laid_out[one.position][one.networks] for one in own]
                self._move(own, found, rates[network], penalty)

    def state_dict(self) -> dict[str, Tensor]:
        """Give the running averages, and how many steps they are of."""
        return {"averages": self.averages, "steps": self.steps}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take them back, in place."""
        for name, kept in self.state_dict().items():
            kept.copy_(state[name])


class StackedAdam(_Stacked):
    """Adam over a stack, with a rate and a penalty for each network.

    Parameters
    ----------
    stack : NetworkStack
    recipes : Recipes
    """

    averaged = 2

    def _move(
        self, slices: list[Slice], found: list[Tensor], rate: Tensor, penalty: float
    ) -> None:
        weights, averages = _columns(slices)
        first, second = self.recipes.betas
        torch._fused_adam_(
            *(weights, found, *averages, [], [self.steps] * len(slices)),
            lr=rate,
            beta1=first,
            beta2=second,
            weight_decay=penalty,
            eps=1e-8,  # as torch.optim.Adam has it
            amsgrad=False,
            maximize=False,
        )


class StackedSGD(_Stacked):
    """Descent with Nesterov's momentum over a stack, as :class:`StackedAdam` is Adam.

    Parameters
    ----------
    stack : NetworkStack
    recipes : Recipes
    """

    averaged = 1

    def _move(
        self, slices: list[Slice], found: list[Tensor], rate: Tensor, penalty: float
    ) -> None:
        weights, [velocities] = _columns(slices)
        momentum = float(self.recipes.momentum)
        torch._fused_sgd_(
            *(weights, found, velocities),
            lr=rate,
            momentum=momentum,
            weight_decay=penalty,
            dampening=0.0,
            nesterov=momentum > 0,
            maximize=False,
            is_first_step=False,  # the velocity is there, and 0
        )


def _laid_out(gradient: Tensor, weight: Tensor) -> Tensor:
    """The gradient in the layout of its weight: fused functions go by memory alone."""
    strides = zip(weight.shape, gradient.stride(), weight.stride(), strict=True)
    if all(own == other for size, own, other in strides if size > 1):
        return gradient
    return torch.empty_like(weight).copy_(gradient)


def _columns(slices: list[Slice]) -> tuple[list[Tensor], list[list[Tensor]]]:
    """Their weights, and each of their averages, in lists."""
    averages = zip(*(one.averages for one in slices), strict=True)
    return [one.weight for one in slices], [list(column) for column in averages]


def _runs(numbers: list[int]) -> Iterator[slice]:
    """Cut numbers that rise into runs without a gap."""
    ends = [k + 1 for k, (one, next) in enumerate(pairwise(numbers)) if next > one + 1]
    for first, last in pairwise([0, *ends, len(numbers)]):
        yield slice(numbers[first], numbers[last - 1] + 1)
