"""One training loop for every network of the book."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from coordlib.arguments import check_instance
from coordlib.lab.data.seeds import step_generator
from coordlib.lab.training.augmentation import OnDevice
from coordlib.lab.training.checks import (
    check_keeping,
    check_method,
    check_network,
    check_samples,
    check_ways,
    count_steps,
)
from coordlib.lab.training.device import denormals_flushed
from coordlib.lab.training.resume import Resumable
from coordlib.lab.training.schedules import (
    measuring_steps,
    schedule_factors,
    schedule_name,
)

__all__ = ["History", "fit"]

LOSS_CHECK_STEPS = 64  # looking at a loss makes an accelerator wait

Loss = Callable[[Tensor, Any], Tensor]
Augment = Callable[[Tensor, torch.Generator], Tensor] | OnDevice
Prepare = Callable[[Tensor], Tensor]
Draw = Callable[[Tensor, torch.Generator], Any]
Measure = Callable[[nn.Module], dict[str, float]]


@dataclass(frozen=True)
class History:
    """What happened during :func:`fit`.

    Attributes
    ----------
    losses : list of float
        The loss of each batch, one a step.
    rates : list of float
        The learning rate of each step.
    seconds : float
        Spent on training, what is measured on the way not counted; processor time
        on a CPU.
    device : str
        Where it ran.
    curve : list of dict
        What ``measure`` gave on the way, each with its ``step`` and ``seconds``.
    """

    losses: list[float] = field(repr=False)
    rates: list[float] = field(repr=False)
    seconds: float
    device: str
    curve: list[dict[str, float]] = field(default_factory=list, repr=False)

    @property
    def steps(self) -> int:
        """Number of steps taken."""
        return len(self.losses)


@denormals_flushed()
def fit(
    model: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    loss: Loss,
    *,
    lr: float = 0.001,
    weight_decay: float = 0.0,
    steps: int | None = None,
    epochs: float | None = None,
    batch_size: int = 32,
    method: str = "adam",
    betas: tuple[float, float] = (0.9, 0.99),
    momentum: float = 0.9,
    schedule: str | Callable[[float], float] = "constant",
    seed: int = 0,
    prepare: Prepare | None = None,
    augment: Augment | None = None,
    draw: Draw | None = None,
    callback: Callable[[int, nn.Module], Any] | None = None,
    measure: Measure | None = None,
    measures: int = 20,
    checkpoint: Path | None = None,
    progress: str | bool = False,
) -> History:
    """Train a network, with Adam or otherwise, on batches drawn in shuffled order.

    The samples pass by in one random order after another, cut into batches of equal
    size; a batch may hold the end of one round and the beginning of the next. On a
    CPU denormal numbers are flushed to zero meanwhile. The network stays where it is:
    inputs and targets are moved to it. It is left in evaluation mode.

    Parameters
    ----------
    model : nn.Module
    inputs : Tensor, shape (N, ...)
    targets : Tensor, shape (N, ...)
    loss : callable
        ``loss(model(inputs), targets)``, a number to make small.
    lr : float
        The learning rate, at its highest.
    weight_decay : float
        Adds ``weight_decay / 2`` times the sum of the squared weights to the loss:
        of weights that multiply inputs only, not of biases and normalisations. (A
        source that adds ``l2`` times that sum means ``weight_decay = 2 * l2``.)
    steps : int, optional
        Number of batches.
    epochs : float, optional
        In place of ``steps``: how many times to see every sample.
    batch_size : int
        Samples a batch; all of them if there are fewer.
    method : {"adam", "sgd"}
        "sgd" is stochastic gradient descent with Nesterov's momentum.
    betas : (float, float)
        Adam's running averages; (.9, .99) as in Liu et al. (2018).
    momentum : float
        Of "sgd".
    schedule : {"constant", "one-cycle", "cosine", "steps"} or callable
        How the learning rate moves, see
        :func:`~coordlib.lab.training.schedules.schedule_factor`; a function of
        progress from 0 to 1 whose value multiplies ``lr``.
    seed : int
        Decides the order of the samples. With the weights at the start it decides
        the result, on one machine. The global generator is not touched.
    prepare : callable, optional
        Takes a batch of inputs as they are kept, bytes perhaps, and gives what is
        augmented, or trained on, in their place.
    augment : callable, optional
        Takes a batch of inputs and a generator, and gives the batch to train on. The
        generator depends on the seed and the step alone. Or an
        :class:`~coordlib.lab.training.augmentation.OnDevice`.
    draw : callable, optional
        For a loss that needs random numbers: takes a batch of targets and the same
        generator, and gives what the loss takes in place of the targets.
    callback : callable, optional
        ``callback(step, model)`` after every step, counted from 1. If it returns
        ``True``, training ends there. It may set the model to evaluation mode.
    measure : callable, optional
        Takes a network in evaluation mode and gives numbers by name.
    measures : int
        How many times to call ``measure``, evenly over the training, its end
        included. The numbers make up the history's ``curve``.
    checkpoint : Path, optional
        Where to keep the state twice a minute, and at the end. If the file is there
        already, training goes on from it, and ends with the same numbers as if it
        had never stopped. Delete it when its result is safe.
    progress : bool or str
        Show a bar, if tqdm is installed; a string names it.

    Returns
    -------
    History

    Raises
    ------
    TypeError, ValueError
        If an argument is of another kind or out of its range: the message names it.
        If not exactly one of ``steps`` and ``epochs`` is given, they make more than
        10**8 steps, the tensors differ in length or are empty, the model has no
        parameters, or what ``loss``, ``prepare``, ``augment``, ``measure`` or
        ``schedule`` gives is not what it should.
    CheckpointError
        If the checkpoint is damaged or belongs to another training.
    FloatingPointError
        If the loss is no longer finite.
    """
    check_network(model, lr, weight_decay)
    check_samples(inputs, targets, seed)
    check_ways(loss, prepare, augment, draw, callback, measure)
    check_keeping(checkpoint, progress, measures)
    check_method(method, momentum, betas)
    steps, batch_size = count_steps(len(inputs), steps, epochs, batch_size)
    factors = schedule_factors(schedule, steps)
    device = next(model.parameters()).device
    optimizer = make_optimizer(model, lr, weight_decay, method, betas, momentum)
    losses, curve = torch.zeros(steps, device=device), []
    facts = {"steps": steps, "batch_size": batch_size, "samples": len(inputs)}
    facts |= {"lr": lr, "weight_decay": weight_decay, "betas": betas, "seed": seed}
    facts |= {"schedule": schedule_name(schedule), "measures": measures}
    facts |= method_facts(method, momentum) | {"inputs": inputs, "targets": targets}
    parts = {"model": model, "optimizer": optimizer, "losses": losses, "curve": curve}
    state = Resumable(checkpoint, facts, device, **parts)
    samples = inputs.to(device), targets.to(device)
    ways = prepare, augment, draw
    batches = drawn_batches(*samples, batch_size, seed, state.step, *ways)
    stops = measuring_steps(steps, measures) if measure else ()

    model.train()
    for step in state.remaining(steps, progress):
        set_rate(optimizer, factors[step - 1])
        x, y = next(batches)
        optimizer.zero_grad()
        value = single_number(loss(model(x), y))
        value.backward()
        optimizer.step()
        losses[step - 1] = value.detach()
        if step % LOSS_CHECK_STEPS == 0 or step == steps:
            check_finite(losses[:step])
        if step in stops:
            with state.paused():
                point = {"step": step, "seconds": state.seconds}
                curve.append(point | measured(model, measure))
        state.keep(step)
        if callback is not None:
            stop = callback(step, model)
            model.train()
            if stop is True:
                break
    state.finish()
    model.eval()
    rates = [lr * factor for factor in factors[: state.step]]
    losses = losses[: state.step].tolist()
    return History(losses, rates, state.seconds, str(device), curve)


def drawn_batches(
    inputs: Tensor,
    targets: Tensor,
    batch_size: int,
    seed: int,
    done: int = 0,
    prepare: Prepare | None = None,
    augment: Augment | None = None,
    draw: Draw | None = None,
) -> Iterator[tuple[Tensor, Any]]:
    """Give batch after batch of shuffled samples, those left out that are done."""
    for step, indices in enumerate(shuffled(len(inputs), batch_size, seed), 1):
        if step <= done:
            continue
        indices = indices.to(inputs.device)
        x, y = inputs[indices], targets[indices]
        yield prepared(x, y, seed, step, prepare, augment, draw)


def prepared(
    x: Tensor,
    y: Tensor,
    seed: int,
    step: int,
    prepare: Prepare | None,
    augment: Augment | None,
    draw: Draw | None,
) -> tuple[Tensor, Any]:
    """The samples of a step, augmented, and with what is drawn for their targets."""
    if prepare is not None:
        x = checked("prepare", prepare(x))
    if isinstance(augment, OnDevice):
        x, augment = augment(x, seed, step), None
    if augment is None and draw is None:
        return x, y
    generator = step_generator(seed, step)
    if augment is not None:
        x = checked("augment", augment(x, generator))
    return x, y if draw is None else draw(y, generator)


def checked(name: str, batch: Tensor) -> Tensor:
    """Refuse what is made of a batch and is no tensor."""
    if not isinstance(batch, Tensor):
        raise TypeError(f"{name} must give a tensor, got {type(batch).__name__}")
    return batch


def shuffled(count: int, batch_size: int, seed: int) -> Iterator[Tensor]:
    """Cut an endless row of shuffled rounds of indices into batches of equal size."""
    generator = torch.Generator().manual_seed(seed)
    waiting = torch.empty(0, dtype=torch.long)
    while True:
        while len(waiting) < batch_size:
            waiting = torch.cat((waiting, torch.randperm(count, generator=generator)))
        yield waiting[:batch_size]
        waiting = waiting[batch_size:]


def make_optimizer(
    model: nn.Module,
    lr: float,
    weight_decay: float,
    method: str,
    betas: tuple[float, float],
    momentum: float,
) -> torch.optim.Optimizer:
    """What moves the weights of one network."""
    groups = parameter_groups(model, lr, weight_decay)
    if method == "adam":
        return torch.optim.Adam(groups, betas=betas)
    return torch.optim.SGD(groups, lr=lr, momentum=momentum, nesterov=True)


def method_facts(method: str, momentum: float) -> dict[str, Any]:
    """What a checkpoint says of a method other than Adam."""
    return {} if method == "adam" else {"method": method, "momentum": momentum}


def parameter_groups(model: nn.Module, lr: float, weight_decay: float) -> list[dict]:
    """Put weights that multiply inputs apart from biases and normalisations."""
    trained = [p for p in model.parameters() if p.requires_grad]
    kernels = [p for p in trained if p.ndim > 1]
    others = [p for p in trained if p.ndim <= 1]
    groups = [
        {"params": kernels, "highest_lr": lr, "weight_decay": weight_decay},
        {"params": others, "highest_lr": lr, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def set_rate(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Set the learning rate of each group to a share of its highest."""
    for group in optimizer.param_groups:
        group["lr"] = factor * group["highest_lr"]


def measured(model: nn.Module, measure: Measure) -> dict[str, float]:
    """What is measured of a network in the middle of its training."""
    model.eval()
    numbers = measure(model)
    model.train()
    check_instance("measure", numbers, dict, "a function that gives numbers by name")
    return numbers


def single_number(value: Tensor) -> Tensor:
    """Refuse a loss that is no single number."""
    if not isinstance(value, Tensor):
        raise TypeError(f"loss must give a tensor, got {type(value).__name__}")
    if value.numel() != 1:
        raise ValueError(
            f"loss must give a single number, got a tensor of shape "
            f"{tuple(value.shape)}; take its mean"
        )
    return value.reshape(())


def check_finite(losses: Tensor) -> None:
    """Refuse losses, one or more a step, that are no longer finite."""
    losses = losses.reshape(len(losses), -1)
    bad = (~losses.isfinite()).nonzero()
    if len(bad):
        step, which = bad[0].tolist()
        raise FloatingPointError(
            f"the loss is {losses[step, which].item()} at step {step + 1}: try a "
            f"smaller lr, or look for values in the data that are not finite"
        )
