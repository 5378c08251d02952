"""Many networks of one shape, trained side by side in one pass."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from numbers import Real
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as tree

from coordlib.arguments import (
    check_choice,
    check_sequence,
)
from coordlib.lab.training.captured import Captured
from coordlib.lab.training.checks import (
    check_keeping,
    check_method,
    check_network,
    check_samples,
    check_ways,
    count_steps,
)
from coordlib.lab.training.course import PRECISIONS, Course, Recipes
from coordlib.lab.training.device import denormals_flushed
from coordlib.lab.training.loop import (
    Augment,
    Draw,
    History,
    Loss,
    Measure,
    Prepare,
    drawn_batches,
    make_optimizer,
    measured,
    method_facts,
    set_rate,
    single_number,
)
from coordlib.lab.training.resume import Resumable
from coordlib.lab.training.schedules import (
    measuring_steps,
    schedule_factors,
    schedule_name,
)
from coordlib.lab.training.stack import NetworkStack
from coordlib.lab.training.stack_optimizers import StackedAdam, StackedSGD

__all__ = ["fit_many"]


@denormals_flushed()
def fit_many(
    models: Sequence[nn.Module],
    inputs: Tensor,
    targets: Tensor,
    loss: Loss,
    *,
    lr: Sequence[float],
    weight_decay: Sequence[float],
    samples: Sequence[Tensor] | None = None,
    steps: int | None = None,
    epochs: float | None = None,
    batch_size: int = 32,
    method: str = "adam",
    betas: tuple[float, float] = (0.9, 0.99),
    momentum: float = 0.9,
    schedule: str | Callable[[float], float] = "constant",
    seed: int | Sequence[int] = 0,
    precision: str = "float32",
    prepare: Prepare | None = None,
    augment: Augment | None = None,
    draw: Draw | None = None,
    callback: Callable[[int, Sequence[nn.Module]], Any] | None = None,
    measure: Measure | Sequence[Measure] | None = None,
    measures: int = 20,
    checkpoint: Path | None = None,
    progress: str | bool = False,
) -> list[History]:
    """Train networks of one shape side by side, as ``fit`` does each alone.

    Their weights are stacked, and one pass computes all of them: convolutions of
    many networks become one convolution in groups, and one optimiser moves all their
    weights. On CUDA a step is captured once and then repeated by the device alone. So
    a GPU, which a small network leaves idle, takes little more time than for one of
    them. Every network sees the batches that :func:`~coordlib.lab.training.loop.fit`
    would have shown it, and ends where that would have taken it, up to the order of
    sums. One whose loss is no longer finite does not stop the others.

    In float64 that is no difference to speak of. In float32 rounding grows with every
    step and with the rate, as it does in :func:`~coordlib.lab.training.loop.fit` where
    the last bit of a weight is changed. After twenty steps of Adam at .001 it was at
    most a ten-thousandth of the loss, for two networks of each kind that is tested;
    seven ResNets by momentum were some thousandths of it apart, and more than a tenth
    at a rate of .02.

    A single network on a CPU is trained with the very numbers of ``fit``.

    Parameters
    ----------
    models : sequence of nn.Module
        Of one class and one shape, on one device, without dropout, recurrent layers and
        hooks; ``stackable`` says what else is refused where they are stacked. When a
        training fails they hold what they had learned.
    lr, weight_decay : sequence of float
        One for each network.
    samples : sequence of LongTensor, optional
        For each network, which of the inputs it trains on; all if not given. One that
        has fewer, and so fewer steps in as many epochs, is done before the others.
    seed : int or sequence of int
        The order of the samples; one for each network, or one for all.
    precision : {"float32", "bfloat16"}
    callback : callable, optional
        ``callback(step, models)`` after every step; ``True`` ends the training.
    measure : callable or sequence of callable, optional
        One for each network, or one for all.
    inputs, targets, loss, steps, epochs, batch_size, method, betas, momentum, \
schedule, prepare, augment, draw, measures, checkpoint, progress
        As in :func:`~coordlib.lab.training.loop.fit`.

    Returns
    -------
    list of History
        One for each network. Seconds are shares: the time of all, divided by how
        many there are.

    Raises
    ------
    TypeError, ValueError, CheckpointError
        As :func:`~coordlib.lab.training.loop.fit`; or if the networks cannot be
        stacked, or differ in the size of their batches, or there is not one ``lr``,
        ``weight_decay``, ``samples``, ``seed`` and ``measure`` for each.
    """
    check_sequence("models", models, nn.Module, "modules")
    seeds = _one_each("seed", models, seed)
    look = _one_each("measure", models, measure)
    _check_networks(models, lr, weight_decay)
    chosen = _chosen(models, samples, inputs, targets, seeds)
    check_ways(loss, prepare, augment, draw, callback, *look)
    check_keeping(checkpoint, progress, measures)
    check_choice("precision", precision, PRECISIONS)
    check_method(method, momentum, betas)
    lengths, batch_size = _lengths(chosen, steps, epochs, batch_size)
    device = next(models[0].parameters()).device
    course = Course(
        *(inputs.to(device), targets.to(device), chosen, samples is None),
        *(batch_size, seeds, augment, draw, prepare),
    )
    factors = _factors(schedule, lengths)
    rules = precision, method, momentum
    recipes = Recipes(list(lr), list(weight_decay), betas, factors, *rules)
    # One network on a CPU: the stored results were measured without a stack.
    alone = len(models) == 1 and device.type == "cpu"
    trainer = (Alone if alone else SideBySide)(models, loss, course, recipes)
    # Room for all from the start: a small tensor kept at every step would sit between
    # the large ones, whose memory then could not be given back.
    losses = torch.zeros(max(lengths), len(models), device=device)
    curves: list[list[dict[str, float]]] = [[] for _ in models]
    facts = _facts(recipes, course, alone)
    facts |= {"schedule": schedule_name(schedule), "measures": measures}
    together = nn.ModuleList(models)
    parts = {"optimizer": trainer.optimizer, "losses": losses, "curves": curves}
    stops = [measuring_steps(length, measures) for length in lengths]

    with trainer.holding():
        state = Resumable(checkpoint, facts, device, models=together, **parts)
        together.train()
        trainer.begin(state.step)
        for step in state.remaining(max(lengths), progress):
            losses[step - 1] = trainer.step(step)
            due = [k for k, own in enumerate(stops) if look[k] and step in own]
            if due:
                with state.paused():
                    for k in due:
                        point = {"step": step, "seconds": state.seconds / len(models)}
                        curves[k].append(point | measured(models[k], look[k]))
            trainer.end(step)
            state.keep(step)
            if callback is not None:
                stop = callback(step, models)
                together.train()
                if stop is True:
                    break
        state.finish()
    together.eval()
    return _histories(losses, recipes, state, curves)


def _factors(
    schedule: str | Callable[[float], float], lengths: list[int]
) -> list[list[float]]:
    """What multiplies the rate of each network at each of its steps."""
    moved = {length: schedule_factors(schedule, length) for length in set(lengths)}
    return [moved[length] for length in lengths]


def _histories(
    losses: Tensor, recipes: Recipes, state: Resumable, curves: list[list[dict]]
) -> list[History]:
    """What happened to each network, as far as it went."""
    common = state.seconds / len(curves), str(losses.device)
    rows = zip(losses.T.tolist(), recipes.rates(), curves, strict=True)
    return [
        History(own[: min(len(rates), state.step)], rates[: state.step], *common, curve)
        for own, rates, curve in rows
    ]


class Alone:
    """Trains one network exactly as :func:`~coordlib.lab.training.loop.fit` does."""

    def __init__(
        self, models: list[nn.Module], loss: Loss, course: Course, recipes: Recipes
    ) -> None:
        [self.model], self.loss = models, loss
        self.course, self.recipes = course, recipes
        own = recipes.lr[0], recipes.weight_decay[0]
        rules = recipes.method, recipes.betas, recipes.momentum
        self.optimizer = make_optimizer(self.model, *own, *rules)

    def begin(self, done: int) -> None:
        """Go to the step after those that are done."""
        course = self.course
        data = course.inputs, course.targets
        if not course.whole:
            own = course.chosen[0].to(course.inputs.device)
            data = course.inputs[own], course.targets[own]
        draws = course.prepare, course.augment, course.draw
        self.batches = drawn_batches(
            *data, course.batch_size, course.seeds[0], done, *draws
        )

    def step(self, step: int) -> Tensor:
        """Take one step; give the loss before it, shape (1,)."""
        set_rate(self.optimizer, self.recipes.factors[0][step - 1])
        x, y = next(self.batches)
        self.optimizer.zero_grad()
        with self.recipes.computing(x.device):
            value = single_number(self.loss(self.model(x), y))
        value.backward()
        self.optimizer.step()
        return value.detach()[None]

    def holding(self) -> AbstractContextManager[None]:
        """Nothing to do: the network is its own all the time."""
        return nullcontext()

    def end(self, step: int) -> None:
        """Nothing to do, either."""


class SideBySide:
    """Trains a stack of networks, each with its recipe, order and length."""

    def __init__(
        self, models: list[nn.Module], loss: Loss, course: Course, recipes: Recipes
    ) -> None:
        self.loss = lambda output, y: single_number(loss(output, y))
        self.course, self.recipes = course, recipes
        self.stack = NetworkStack(models)
        make = StackedAdam if recipes.method == "adam" else StackedSGD
        self.optimizer = make(self.stack, recipes)
        self.device = self.stack.flat.device
        # The fused optimisers of a GPU read a rate in float32, whatever the weights.
        exact = self.device.type == "cpu"
        kind = self.stack.flat.dtype if exact else torch.float32
        self.rates = recipes.table().to(self.device, kind)
        # Tensors in, a tensor out: what is captured must read nothing else.
        self.take = Captured(self.taken, self.device)
        self.structure: Any = None
        self.training = set(range(len(models)))

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Have the networks in the stack, and let them go however the training ends."""
        self.stack.hold()
        try:
            yield
        finally:
            for index in sorted(self.training):
                self.stack.release(index)
            self.training.clear()

    def begin(self, done: int) -> None:
        """Go to the step after those that are done."""
        self.orders = self.course.orders(done)
        for step in range(1, done + 1):
            self.end(step)

    def step(self, step: int) -> Tensor:
        """Take one step; give the losses before it, shape (models,)."""
        return self.take(self.rates[step - 1], *self.batch(step))

    def batch(self, step: int) -> list[Tensor]:
        """What a step is given: which samples, or what was made of them for it."""
        given = next(self.orders)
        if self.course.plain:
            return given
        batch = self.course.drawn(step, given[0])
        tensors, self.structure = tree.tree_flatten(batch)
        return tensors

    def taken(self, rates: Tensor, *tensors: Tensor) -> Tensor:
        """Move all networks by one batch; give their losses before, shape (models,)."""
        if self.course.plain:
            x, y = self.course.samples(*tensors)
        else:
            x, y = tree.tree_unflatten(tensors, self.structure)
        with self.recipes.computing(self.device):
            values = self.stack.losses(self.loss, x, y, self.course.shared)
        weights = list(self.stack.weights.values())
        gradients = torch.autograd.grad(values.sum(), weights, allow_unused=True)
        self.optimizer.step(gradients, rates)
        return values.detach()

    def end(self, step: int) -> None:
        """Let the networks go whose last step this is; their place stays."""
        lengths = [len(factors) for factors in self.recipes.factors]
        for index in sorted(self.training):
            if lengths[index] == step:
                self.stack.release(index)
                self.training.remove(index)


def _facts(recipes: Recipes, course: Course, alone: bool) -> dict[str, Any]:
    """What a checkpoint belongs to; of what all networks share, one value."""
    facts = {} if alone else {"stacked": "fused"}
    if recipes.precision != "float32":
        facts["precision"] = recipes.precision
    facts |= method_facts(recipes.method, recipes.momentum)
    return facts | {
        "steps": _common([len(factors) for factors in recipes.factors]),
        "samples": _common([len(own) for own in course.chosen]),
        "which samples": torch.cat(course.chosen),
        "inputs": course.inputs,
        "targets": course.targets,
        "seed": _common(course.seeds),
        "batch_size": course.batch_size,
        "lr": recipes.lr,
        "weight_decay": recipes.weight_decay,
        "betas": recipes.betas,
    }


def _common(values: list) -> Any:
    """The value that all have, or all values."""
    return values[0] if all(value == values[0] for value in values) else values


def _one_each(name: str, models: list[nn.Module], given: Any) -> list:
    if not isinstance(given, list | tuple):
        return [given] * len(models)
    if len(given) != len(models):
        raise ValueError(
            f"{name} must be one for all or one for each of {len(models)} models, got "
            f"{len(given)}"
        )
    return list(given)


def _chosen(
    models: list[nn.Module],
    samples: Sequence[Tensor] | None,
    inputs: Tensor,
    targets: Tensor,
    seeds: list[int],
) -> list[Tensor]:
    """Which samples each network trains on, on the CPU."""
    for seed in seeds:
        check_samples(inputs, targets, seed)
    if samples is None:
        return [torch.arange(len(inputs))] * len(models)
    check_sequence("samples", samples, Tensor, "tensors")
    if len(samples) != len(models) or not all(own.numel() for own in samples):
        raise ValueError(
            f"samples must be one tensor of at least one index for each of "
            f"{len(models)} models, got {[own.numel() for own in samples]}"
        )
    for own in samples:
        if own.dtype != torch.long or own.ndim != 1:
            raise TypeError(
                "samples must be indices, 1-D tensors of int64, got "
                f"{own.dtype} of shape {tuple(own.shape)}"
            )
        if own.min() < 0 or own.max() >= len(inputs):
            raise ValueError(f"samples must be indices of {len(inputs)} inputs")
    return [own.cpu() for own in samples]


def _lengths(
    chosen: list[Tensor], steps: int | None, epochs: float | None, batch_size: int
) -> tuple[list[int], int]:
    """How many steps each network takes, and the size of all batches."""
    counted = [count_steps(len(own), steps, epochs, batch_size) for own in chosen]
    sizes = {size for _, size in counted}
    if len(sizes) > 1:
        raise ValueError(
            f"batch_size must be no more than the samples of any network, got "
            f"{batch_size} for {min(sizes)}"
        )
    return [length for length, _ in counted], sizes.pop()


def _check_networks(
    models: list[nn.Module], lr: Sequence[float], weight_decay: Sequence[float]
) -> None:
    for name, each in (("lr", lr), ("weight_decay", weight_decay)):
        check_sequence(name, each, Real, "numbers")
    if not models or not len(models) == len(lr) == len(weight_decay):
        raise ValueError(
            f"give one lr and one weight_decay for each of at least one model, got "
            f"{len(lr)} and {len(weight_decay)} for {len(models)}"
        )
    for recipe in zip(models, lr, weight_decay, strict=True):
        check_network(*recipe)
