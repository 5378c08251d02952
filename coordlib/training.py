"""One training loop for every network of the book."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil, cos, pi
from time import perf_counter
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["History", "fit", "pixel_cross_entropy", "schedule_factor"]

SCHEDULES = ("constant", "one-cycle", "cosine")


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
        Time spent in the loop.
    device : str
        Where it ran.
    """

    losses: list[float] = field(repr=False)
    rates: list[float] = field(repr=False)
    seconds: float
    device: str

    @property
    def steps(self) -> int:
        """Number of steps taken."""
        return len(self.losses)


def fit(
    model: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    loss: Callable[[Tensor, Tensor], Tensor],
    *,
    steps: int | None = None,
    epochs: float | None = None,
    batch_size: int = 32,
    lr: float = 0.001,
    weight_decay: float = 0.0,
    betas: tuple[float, float] = (0.9, 0.99),
    schedule: str | Callable[[float], float] = "constant",
    seed: int = 0,
    callback: Callable[[int, nn.Module], Any] | None = None,
    progress: bool = False,
) -> History:
    """Train a network with Adam on batches drawn in shuffled order.

    The samples pass by in one random order after another, cut into batches of equal
    size; a batch may hold the end of one round and the beginning of the next. The
    network stays where it is: inputs and targets are moved to it. It is left in
    evaluation mode.

    Parameters
    ----------
    model : nn.Module
    inputs : Tensor, shape (N, ...)
    targets : Tensor, shape (N, ...)
    loss : callable
        ``loss(model(inputs), targets)``, a number to make small.
    steps : int, optional
        Number of batches.
    epochs : float, optional
        In place of ``steps``: how many times to see every sample.
    batch_size : int
        Samples a batch; all of them if there are fewer.
    lr : float
        The learning rate, at its highest.
    weight_decay : float
        Adds ``weight_decay / 2`` times the sum of the squared weights to the loss:
        of weights that multiply inputs only, not of biases and normalisations. (A
        source that adds ``l2`` times that sum means ``weight_decay = 2 * l2``.)
    betas : (float, float)
        Adam's running averages; (.9, .99) as in Liu et al. (2018).
    schedule : {"constant", "one-cycle", "cosine"} or callable
        How the learning rate moves, see :func:`schedule_factor`; a function of
        progress from 0 to 1 whose value multiplies ``lr``.
    seed : int
        Decides the order of the samples. With the weights at the start it decides
        the result, on one machine. The global generator is not touched.
    callback : callable, optional
        ``callback(step, model)`` after every step, counted from 1. If it returns
        ``True``, training ends there. It may set the model to evaluation mode.
    progress : bool
        Show a bar, if tqdm is installed.

    Returns
    -------
    History

    Raises
    ------
    TypeError
        If ``model`` is not a module, ``inputs`` or ``targets`` not a tensor, or
        ``seed`` not an integer.
    ValueError
        If not exactly one of ``steps`` and ``epochs`` is given, a number is not
        positive, the tensors differ in length or are empty, the model has no
        parameters, ``schedule`` is unknown, or the loss is not a single number.
    FloatingPointError
        If the loss is no longer finite.
    """
    _check_fit(
        model, inputs, targets, steps, epochs, batch_size, lr, weight_decay, seed
    )
    device = next(model.parameters()).device
    inputs, targets = inputs.to(device), targets.to(device)
    batch_size = min(batch_size, len(inputs))
    if steps is None:
        steps = ceil(epochs * len(inputs) / batch_size)
    factor = schedule_factor(schedule)
    optimizer = torch.optim.Adam(_groups(model, weight_decay), lr=lr, betas=betas)
    batches = _batches(len(inputs), batch_size, seed)

    losses: list[Tensor] = []
    rates: list[float] = []
    model.train()
    start = perf_counter()
    for step in _counted(steps, progress):
        rates.append(lr * factor((step - 1) / max(steps - 1, 1)))
        for group in optimizer.param_groups:
            group["lr"] = rates[-1]
        batch = next(batches).to(device)
        value = loss(model(inputs[batch]), targets[batch])
        _check_loss(value, step)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        losses.append(value.detach())
        if callback is not None:
            stop = callback(step, model)
            model.train()
            if stop is True:
                break
    model.eval()
    losses_seen = torch.stack(losses).tolist()  # waits for the device, too
    return History(losses_seen, rates, perf_counter() - start, str(device))


def pixel_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy over all pixels of a picture as classes.

    Parameters
    ----------
    logits : Tensor, shape (N, 1, H, W)
    targets : LongTensor, shape (N,)
        The right pixel as ``i * W + j``.

    Returns
    -------
    Tensor, a single number

    Raises
    ------
    ValueError
        If ``logits`` is not of shape (N, 1, H, W).
    """
    if logits.ndim != 4 or logits.shape[1] != 1:
        raise ValueError(
            f"logits must be of shape (N, 1, H, W), not {tuple(logits.shape)}"
        )
    return F.cross_entropy(logits.flatten(1), targets)


def schedule_factor(schedule: str | Callable[[float], float]):
    """Make a function of progress, from 0 to 1, that multiplies the learning rate.

    Parameters
    ----------
    schedule : {"constant", "one-cycle", "cosine"} or callable
        "constant": always 1. "cosine": half a cosine from 1 down to 0. "one-cycle":
        half a cosine from .04 up to 1 over the first fifth, then half a cosine down
        to 0. A callable is returned as it is.

    Returns
    -------
    callable

    Raises
    ------
    ValueError
        If ``schedule`` is unknown.
    """

    def slope(start: float, end: float, part: float) -> float:
        return end + (start - end) * (1 + cos(pi * part)) / 2

    def one_cycle(done: float) -> float:
        rise = 0.2
        if done < rise:
            return slope(0.04, 1, done / rise)
        return slope(1, 0, (done - rise) / (1 - rise))

    if callable(schedule):
        return schedule
    known = {
        "constant": lambda done: 1.0,
        "one-cycle": one_cycle,
        "cosine": lambda done: slope(1, 0, done),
    }
    if schedule not in known:
        raise ValueError(
            f"schedule must be one of {SCHEDULES} or a function, not {schedule!r}"
        )
    return known[schedule]


def _batches(count: int, batch_size: int, seed: int):
    """Cut an endless row of shuffled rounds into batches of equal size."""
    generator = torch.Generator().manual_seed(seed)
    waiting = torch.empty(0, dtype=torch.long)
    while True:
        if len(waiting) < batch_size:
            waiting = torch.cat((waiting, torch.randperm(count, generator=generator)))
        yield waiting[:batch_size]
        waiting = waiting[batch_size:]


def _groups(model: nn.Module, weight_decay: float) -> list[dict]:
    """Put weights that multiply inputs apart from biases and normalisations."""
    trained = [p for p in model.parameters() if p.requires_grad]
    kernels = [p for p in trained if p.ndim > 1]
    others = [p for p in trained if p.ndim <= 1]
    groups = [
        {"params": kernels, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return [g for g in groups if g["params"]]


def _counted(steps: int, progress: bool):
    counted = range(1, steps + 1)
    if progress:
        try:
            from tqdm.auto import tqdm
        except ImportError:
            return counted
        return tqdm(counted, unit="step", leave=False)
    return counted


def _check_loss(value: Tensor, step: int) -> None:
    if value.numel() != 1:
        raise ValueError(
            f"loss must give a single number, not a tensor of shape "
            f"{tuple(value.shape)}; take its mean"
        )
    if not torch.isfinite(value):
        raise FloatingPointError(
            f"the loss is {value.item()} at step {step}: try a smaller lr, or look "
            f"for values in the data that are not finite"
        )


def _check_fit(
    model, inputs, targets, steps, epochs, batch_size, lr, weight_decay, seed
):
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be an nn.Module, not {type(model).__name__}")
    for name, value in (("inputs", inputs), ("targets", targets)):
        if not isinstance(value, Tensor):
            raise TypeError(f"{name} must be a tensor, not {type(value).__name__}")
    if len(inputs) != len(targets) or len(inputs) == 0:
        raise ValueError(
            f"inputs and targets must hold the same number of samples, at least one; "
            f"not {len(inputs)} and {len(targets)}"
        )
    if not any(p.requires_grad for p in model.parameters()):
        raise ValueError("model has no parameters to train")
    if type(seed) is not int:
        raise TypeError(f"seed must be an integer, not {seed!r}")
    if (steps is None) == (epochs is None):
        raise ValueError("give either steps or epochs")
    for name, value in (("steps", steps), ("batch_size", batch_size)):
        if value is not None and (type(value) is not int or value < 1):
            raise ValueError(f"{name} must be a positive integer, not {value!r}")
    if epochs is not None and not epochs > 0:
        raise ValueError(f"epochs must be positive, not {epochs!r}")
    if not lr > 0:
        raise ValueError(f"lr must be positive, not {lr!r}")
    if not weight_decay >= 0:
        raise ValueError(f"weight_decay must not be negative, not {weight_decay!r}")
