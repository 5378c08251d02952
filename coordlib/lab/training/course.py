"""How many networks are trained at once, what they are shown, and in which order."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as tree

from coordlib.lab.training.augmentation import DRAWN_STEPS, OnDevice
from coordlib.lab.training.loop import (
    Augment,
    Draw,
    Prepare,
    checked,
    prepared,
    shuffled,
)

__all__ = ["PRECISIONS", "Course", "Recipes"]

PRECISIONS = ("float32", "bfloat16")
"""What a network may compute in. Its weights and their averages are as they were made;
"bfloat16" is mixed precision, as :class:`torch.autocast` does it."""


@dataclass(frozen=True)
class Recipes:
    """How networks are trained: what differs between them, and what does not.

    Attributes
    ----------
    lr, weight_decay : list of float
        One for each network.
    betas : (float, float)
    factors : list of list of float
        For each network what multiplies its rate at each of its steps.
    precision : str
    method : str
    momentum : float
    """

    lr: list[float]
    weight_decay: list[float]
    betas: tuple[float, float]
    factors: list[list[float]]
    precision: str
    method: str = "adam"
    momentum: float = 0.9

    def rates(self) -> list[list[float]]:
        """The rate of every step of each network."""
        pairs = zip(self.lr, self.factors, strict=True)
        return [[lr * factor for factor in factors] for lr, factors in pairs]

    def alike(self) -> list[list[int]]:
        """Which networks have one recipe: the same rate and penalty at every step."""
        groups: dict[tuple, list[int]] = {}
        own = zip(self.lr, self.weight_decay, map(tuple, self.factors), strict=True)
        for network, recipe in enumerate(own):
            groups.setdefault(recipe, []).append(network)
        return list(groups.values())

    def table(self) -> Tensor:
        """The rate of every network at every step; 0 of one that is done.

        Returns
        -------
        Tensor, shape (steps, models)
        """
        rates = [torch.tensor(own, dtype=torch.float64) for own in self.rates()]
        return torch.nn.utils.rnn.pad_sequence(rates)

    @contextmanager
    def computing(self, device: torch.device) -> Iterator[None]:
        """Compute a pass and its loss in the precision asked for."""
        if self.precision == "float32":
            yield
            return
        # Nothing is cast twice in a pass, and what is captured must hold every cast.
        dtype = getattr(torch, self.precision)
        # Of the device "meta" autocast knows nothing; there numbers are only counted.
        kind = "cpu" if device.type == "meta" else device.type
        with torch.autocast(kind, dtype, cache_enabled=False), _Casting(kind):
            yield


class _Casting(TorchFunctionMode):
    """What autocast does, under :func:`torch.vmap` too, which it does not reach.

    Where autocast is switched off, as in a CoordConv for its coordinates, so is this.
    """

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if torch.is_autocast_enabled(self.kind) and func in LOW | HIGH:
            dtype = torch.get_autocast_dtype(self.kind) if func in LOW else torch.float

            def cast(value: Any) -> Any:
                real = isinstance(value, Tensor) and value.dtype in CAST
                return value.to(dtype) if real else value

            args, kwargs = tree.tree_map(cast, (args, kwargs))
        return func(*args, **(kwargs or {}))


CAST = (torch.float32, torch.bfloat16)
LOW = {F.linear, F.conv1d, F.conv2d, F.conv3d, torch.matmul, Tensor.matmul, torch.bmm}
LOW |= {F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d}
"""What is computed in the lower precision: matrix products, of a kind."""
HIGH = {F.softmax, Tensor.softmax, torch.softmax, F.log_softmax, Tensor.log_softmax}
HIGH |= {F.cross_entropy, F.mse_loss, F.binary_cross_entropy_with_logits}
HIGH |= {Tensor.exp, torch.exp, Tensor.log, torch.log}
"""What is computed in float32: what sums or stretches."""


@dataclass(frozen=True)
class Course:
    """What networks are shown, and in which order.

    Attributes
    ----------
    inputs, targets : Tensor, shape (N, ...)
        On the device of the networks.
    chosen : list of LongTensor
        For each network, which of them it trains on.
    whole : bool
        Whether that is all of them, in their order.
    batch_size : int
    seeds : list of int
        One for each network.
    augment, draw, prepare : callable, optional
        As in :func:`~coordlib.lab.training.loop.fit`.
    """

    inputs: Tensor
    targets: Tensor
    chosen: list[Tensor]
    whole: bool
    batch_size: int
    seeds: list[int]
    augment: Augment | None
    draw: Draw | None
    prepare: Prepare | None = None

    @property
    def plain(self) -> bool:
        """Whether a batch is made on the device, of an order and numbers."""
        here = self.augment is None or isinstance(self.augment, OnDevice)
        return here and self.draw is None

    @cached_property
    def shared(self) -> bool:
        """Whether all networks see the same batches."""
        first, seed = self.chosen[0], self.seeds[0]
        return all(seed == other for other in self.seeds) and all(
            own is first or torch.equal(own, first) for own in self.chosen
        )

    def orders(self, done: int) -> Iterator[list[Tensor]]:
        """Give the samples of every step but those done, on the device.

        They are those that :func:`~coordlib.lab.training.loop.fit` would draw, drawn
        like there on the CPU, but many steps at a time.

        Yields
        ------
        list of Tensor
            Which samples, shape (models, batch), or (1, batch) if they are shared; and
            for an augmentation on the device its numbers, with an axis more.
        """
        size = DRAWN_STEPS * self.batch_size
        each = 1 if self.shared else len(self.seeds)
        pairs = list(zip(self.chosen, self.seeds, strict=True))[:each]
        drawn = [(own, shuffled(len(own), size, seed)) for own, seed in pairs]
        for first in count(0, DRAWN_STEPS):
            rows = [own[next(order)] for own, order in drawn]
            if first + DRAWN_STEPS <= done:
                continue
            block = torch.stack([row.view(DRAWN_STEPS, -1) for row in rows], 1)
            blocks = [block.to(self.inputs.device)]
            if isinstance(self.augment, OnDevice):
                place = first, self.batch_size, self.inputs.device
                numbers = [self.augment.block(seed, *place) for _, seed in pairs]
                blocks.append(torch.stack(numbers, 1))
            for step in range(max(done - first, 0), DRAWN_STEPS):
                yield [block[step] for block in blocks]

    def samples(self, order: Tensor, *numbers: Tensor) -> tuple[Tensor, Tensor]:
        """Gather samples, prepare and augment them, those of each network apart.

        Those that are shared come without an axis of networks.
        """
        flat = order.flatten()
        x, y = self.inputs[flat], self.targets[flat]
        if self.prepare is not None or numbers:
            # Apart, as alone: either may look at a batch as a whole, at its mean say.
            own = zip(x.split(order.shape[1]), *numbers, strict=True)
            x = torch.cat([self._changed(*one) for one in own])
        if self.shared:
            return x, y
        rows = len(order), -1
        return x.unflatten(0, rows), y.unflatten(0, rows)

    def _changed(self, x: Tensor, *numbers: Tensor) -> Tensor:
        """The batch of one network, prepared and augmented."""
        if self.prepare is not None:
            x = checked("prepare", self.prepare(x))
        for drawn in numbers:
            x = self.augment.change(x, drawn)
        return x

    def drawn(self, step: int, order: Tensor) -> tuple[Tensor, Any]:
        """The same, augmented, and with what is drawn for their targets."""
        each = [
            prepared(
                *(self.inputs[row], self.targets[row], seed, step),
                *(self.prepare, self.augment, self.draw),
            )
            for row, seed in zip(order, self.seeds, strict=False)
        ]
        if self.shared:
            return each[0]
        return tree.tree_map(lambda *one: torch.stack(one), *each)
