"""Augmentations that are drawn and done where the pictures are."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from coordlib.arguments import check_callable, check_integer
from coordlib.lab.data.seeds import SEED_STEP

__all__ = ["DRAWN_STEPS", "OnDevice"]

DRAWN_STEPS = 64
"""An accelerator is sent, or draws, what so many steps need at a time."""


@dataclass(frozen=True)
class OnDevice:
    """An augmentation from numbers that the device of the pictures draws.

    A step of many networks can then be captured whole: what is drawn comes in as one
    tensor. Each network has numbers of its own, which depend on its seed, the step and
    the kind of device alone.

    Attributes
    ----------
    numbers : int
        How many a sample, from 0 to 1.
    change : callable
        From samples (N, ...) and numbers (N, numbers) to the samples to train on.
    """

    numbers: int
    change: Callable[[Tensor, Tensor], Tensor]

    def __post_init__(self) -> None:
        check_integer("numbers", self.numbers, at_most=2**20)
        check_callable("change", self.change)

    def block(self, seed: int, step: int, count: int, device: torch.device) -> Tensor:
        """The numbers of the steps from one on, shape (DRAWN_STEPS, count, numbers).

        Parameters
        ----------
        seed : int
            Of the training.
        step : int
            From 0: a multiple of :data:`DRAWN_STEPS`.
        count : int
            Samples a step.
        device : torch.device
        """
        return _uniform(seed, step, (DRAWN_STEPS, count, self.numbers), device)

    def __call__(self, x: Tensor, seed: int, step: int) -> Tensor:
        """The samples of a step, counted from 1, augmented."""
        place = (step - 1) % DRAWN_STEPS
        block = self.block(seed, step - 1 - place, len(x), x.device)
        return self.change(x, block[place])


@lru_cache(maxsize=1)
def _uniform(
    seed: int, step: int, shape: tuple[int, ...], device: torch.device
) -> Tensor:
    # CUDA has generators of its own; others take what the CPU draws.
    where = device if device.type == "cuda" else torch.device("cpu")
    generator = torch.Generator(where).manual_seed(seed + SEED_STEP * (step + 1))
    return torch.rand(shape, generator=generator, device=where).to(device)
