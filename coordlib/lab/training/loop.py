"""One training loop for every network of the book."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil, cos, pi
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from coordlib.arguments import check_integer
from coordlib.lab.training import checkpoints
from coordlib.lab.training.device import device_seconds

__all__ = [
    "History",
    "denormals_flushed",
    "fit",
    "fit_many",
    "pixel_cross_entropy",
    "schedule_factor",
]

SCHEDULES = ("constant", "one-cycle", "cosine", "steps")
CHECKPOINT_SECONDS = 30.0
_SEED_STEP = 1_000_003  # so that neighbouring seeds never meet
LOSS_CHECK_STEPS = 64  # looking at a loss makes an accelerator wait

Loss = Callable[[Tensor, Any], Tensor]
Augment = Callable[[Tensor, torch.Generator], Tensor]
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


def fit(
    model: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    loss: Loss,
    *,
    lr: float = 0.001,
    weight_decay: float = 0.0,
    callback: Callable[[int, nn.Module], Any] | None = None,
    **options: Any,
) -> History:
    """Train a network with Adam on batches drawn in shuffled order.

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
    callback : callable, optional
        ``callback(step, model)`` after every step, counted from 1. If it returns
        ``True``, training ends there. It may set the model to evaluation mode.
    **options
        The other options of :func:`fit_many`: ``steps`` or ``epochs``,
        ``batch_size``, ``betas``, ``schedule``, ``seed``, ``augment``, ``draw``,
        ``measure``, ``measures``, ``checkpoint``, ``progress``.

    Returns
    -------
    History

    Raises
    ------
    TypeError, ValueError
        As :func:`fit_many`.
    FloatingPointError
        If the loss is no longer finite.
    """
    [history] = fit_many(
        [model],
        inputs,
        targets,
        loss,
        lr=[lr],
        weight_decay=[weight_decay],
        callback=callback and (lambda step, models: callback(step, models[0])),
        must_converge=True,
        **options,
    )
    return history


@contextmanager
def denormals_flushed() -> Iterator[None]:
    """Count numbers nearest to zero as zero, while it lasts, in this thread of a CPU.

    Weight decay and Adam's running averages shrink towards zero for ever. Below
    1e-38 they are *denormal*, and a CPU takes some hundred times longer over each.
    Where flushing is not to be had nothing happens.
    """
    before = not torch.tensor(1e-39).mul(0.5).item()
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


@denormals_flushed()
def fit_many(
    models: Sequence[nn.Module],
    inputs: Tensor,
    targets: Tensor,
    loss: Loss,
    *,
    lr: Sequence[float],
    weight_decay: Sequence[float],
    steps: int | None = None,
    epochs: float | None = None,
    batch_size: int = 32,
    betas: tuple[float, float] = (0.9, 0.99),
    schedule: str | Callable[[float], float] = "constant",
    seed: int = 0,
    augment: Augment | None = None,
    draw: Draw | None = None,
    callback: Callable[[int, Sequence[nn.Module]], Any] | None = None,
    measure: Measure | None = None,
    measures: int = 20,
    checkpoint: Path | None = None,
    progress: str | bool = False,
    must_converge: bool = False,
) -> list[History]:
    """Train networks of one shape side by side, as :func:`fit` does each alone.

    Their weights are stacked, and one pass computes all of them: convolutions of
    many networks become one convolution in groups. On a GPU, which a small network
    leaves idle, this takes little more time than one of them. Every network sees
    the same batches, and ends where :func:`fit` would have taken it, up to the order
    of sums.

    Parameters
    ----------
    models : sequence of nn.Module
        Of one class and one shape, on one device, without dropout.
    inputs, targets, loss
        As in :func:`fit`.
    lr, weight_decay : sequence of float
        One for each network; as in :func:`fit`.
    steps : int, optional
        Number of batches.
    epochs : float, optional
        In place of ``steps``: how many times to see every sample.
    batch_size : int
        Samples a batch; all of them if there are fewer.
    betas : (float, float)
        Adam's running averages; (.9, .99) as in Liu et al. (2018).
    schedule : {"constant", "one-cycle", "cosine", "steps"} or callable
        How the learning rate moves, see :func:`schedule_factor`; a function of
        progress from 0 to 1 whose value multiplies ``lr``.
    seed : int
        Decides the order of the samples. With the weights at the start it decides
        the result, on one machine. The global generator is not touched.
    augment : callable, optional
        Takes a batch of inputs and a generator, and gives the batch to train on. The
        generator depends on the seed and the step alone.
    draw : callable, optional
        For a loss that needs random numbers: takes a batch of targets and the same
        generator, and gives what the loss takes in place of the targets.
    callback : callable, optional
        ``callback(step, models)`` after every step; ``True`` ends the training.
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
    must_converge : bool
        Whether a loss that is no longer finite is an error, or a finding.

    Returns
    -------
    list of History
        One for each network. Seconds are shares: the time of all, divided by how
        many there are.

    Raises
    ------
    TypeError
        If a model is not a module, ``inputs`` or ``targets`` not a tensor, or
        ``seed``, ``steps``, ``batch_size`` or ``measures`` not an integer.
    ValueError
        If not exactly one of ``steps`` and ``epochs`` is given, a number is not
        positive, the tensors differ in length or are empty, a model has no
        parameters, ``schedule`` is unknown, the loss is not a single number, the
        networks differ in shape, or there is not one ``lr`` and ``weight_decay``
        for each.
    CheckpointError
        If the checkpoint is damaged or belongs to another training.
    FloatingPointError
        If the loss of a network that must converge is no longer finite.
    """
    models = list(models)
    _check_models(models, lr, weight_decay)
    _check_fit(inputs, targets, steps, epochs, batch_size, seed, measures)
    device = next(models[0].parameters()).device
    inputs, targets = inputs.to(device), targets.to(device)
    batch_size = min(batch_size, len(inputs))
    if steps is None:
        steps = ceil(epochs * len(inputs) / batch_size)
    factor = schedule_factor(schedule)
    groups = [
        group
        for recipe in zip(models, lr, weight_decay, strict=True)
        for group in _groups(*recipe)
    ]
    optimizer = torch.optim.Adam(groups, betas=betas)
    losses_of = _losses_side_by_side(models, loss)
    state = _State(models, optimizer, torch.zeros(steps, len(models), device=device))
    facts = {
        "steps": steps,
        "batch_size": batch_size,
        "lr": list(lr),
        "weight_decay": list(weight_decay),
        "betas": list(betas),
        "schedule": schedule if isinstance(schedule, str) else "function",
        "seed": seed,
        "measures": measures,
        "samples": len(inputs),
        "shapes": {n: list(t.shape) for n, t in models[0].state_dict().items()},
    }
    if checkpoint is not None:
        checkpoint = Path(checkpoint)
        state.restore(checkpoints.load(checkpoint, facts))

    for model in models:
        model.train()
    stops = {round(steps * k / measures) for k in range(1, measures + 1)}
    batches = _batches(len(inputs), batch_size, seed)
    for _ in range(state.step):
        next(batches)
    saved = perf_counter()
    start = device_seconds(device)
    for step in counted(state.step, steps, progress):
        rate = factor((step - 1) / max(steps - 1, 1))
        for group in optimizer.param_groups:
            group["lr"] = rate * group["highest_lr"]
        batch = next(batches).to(device)
        x, y = inputs[batch], targets[batch]
        generator = torch.Generator().manual_seed(seed + _SEED_STEP * step)
        if augment is not None:
            x = augment(x, generator)
        if draw is not None:
            y = draw(y, generator)
        values = losses_of(x, y)
        optimizer.zero_grad()
        values.sum().backward()
        optimizer.step()
        state.losses[step - 1] = values.detach()
        state.step = step
        if must_converge and (step % LOSS_CHECK_STEPS == 0 or step == steps):
            _check_finite(state.losses[:step])
        if measure is not None and step in stops:
            state.seconds += device_seconds(device) - start
            state.measure(measure)
            start = device_seconds(device)
        if checkpoint is not None and perf_counter() - saved > CHECKPOINT_SECONDS:
            state.seconds += device_seconds(device) - start
            checkpoints.save(checkpoint, state.tensors(), facts)
            saved, start = perf_counter(), device_seconds(device)
        if callback is not None:
            stop = callback(step, models)
            for model in models:
                model.train()
            if stop is True:
                break
    state.seconds += device_seconds(device) - start
    if checkpoint is not None:
        checkpoints.save(checkpoint, state.tensors(), facts)
    for model in models:
        model.eval()
    factors = [factor(s / max(steps - 1, 1)) for s in range(state.step)]
    return [
        History(
            losses=losses,
            rates=[one * value for value in factors],
            seconds=state.seconds / len(models),
            device=str(device),
            curve=curve,
        )
        for one, losses, curve in zip(
            lr, state.losses[: state.step].T.tolist(), state.curves, strict=True
        )
    ]


class _State:
    """Everything that a training must remember to go on as if it had not stopped."""

    def __init__(
        self,
        models: list[nn.Module],
        optimizer: torch.optim.Adam,
        losses: Tensor,
    ) -> None:
        self.models = models
        self.optimizer = optimizer
        self.step = 0
        self.seconds = 0.0
        # Room for all from the start: a small tensor kept at every step would sit
        # between the large ones, whose memory then could not be given back.
        self.losses = losses
        self.curves: list[list[dict[str, float]]] = [[] for _ in models]

    def measure(self, measure: Measure) -> None:
        """Append what is measured now to the curves."""
        for model, curve in zip(self.models, self.curves, strict=True):
            model.eval()
            seconds = self.seconds / len(self.models)
            curve.append({"step": self.step, "seconds": seconds} | measure(model))
            model.train()

    def tensors(self) -> dict[str, Tensor]:
        weights = {
            f"model/{index}/{name}": value
            for index, model in enumerate(self.models)
            for name, value in model.state_dict().items()
        }
        counters = {"step": self.step, "seconds": self.seconds, "curves": self.curves}
        return (
            weights
            | optimizer_tensors(self.optimizer)
            | {"losses": self.losses[: self.step]}
            | {"counters": checkpoints.as_tensor(counters)}
        )

    def restore(self, tensors: dict[str, Tensor] | None) -> None:
        if tensors is None:
            return
        counters = checkpoints.from_tensor(tensors["counters"])
        self.step, self.seconds = counters["step"], counters["seconds"]
        self.curves = counters["curves"]
        self.losses[: self.step] = tensors["losses"]
        with torch.no_grad():
            for index, model in enumerate(self.models):
                for name, value in model.state_dict().items():
                    value.copy_(tensors[f"model/{index}/{name}"])
        restore_optimizer(self.optimizer, tensors)


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """What an optimizer remembers of each weight, for a checkpoint.

    Returns
    -------
    dict of str to Tensor
        By ``optimizer/{number of the weight}/{name}``.
    """
    return {
        f"optimizer/{index}/{name}": value
        for index, parts in optimizer.state_dict()["state"].items()
        for name, value in parts.items()
    }


def restore_optimizer(
    optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]
) -> None:
    """Give an optimizer back what :func:`optimizer_tensors` gave; others are left.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        Of the same weights in the same order.
    tensors : dict of str to Tensor
    """
    moments: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        kind, _, rest = key.partition("/")
        if kind == "optimizer":
            index, name = rest.split("/")
            moments.setdefault(int(index), {})[name] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": moments, "param_groups": groups})


def _losses_side_by_side(
    models: list[nn.Module], loss: Loss
) -> Callable[[Tensor, Tensor], Tensor]:
    """A function from one batch to the loss of every model, shape (models,)."""
    skeleton = models[0]
    if len(models) == 1:

        def of_one(x: Tensor, y: Tensor) -> Tensor:
            return _single_number(loss(skeleton(x), y))[None]

        return of_one

    # The parameters stay the models' own, so that each may have its rate, and are
    # stacked anew for every batch. Statistics are stacked once: the models see them
    # through views.
    buffers = {
        name: torch.stack([dict(model.named_buffers())[name] for model in models])
        for name, _ in skeleton.named_buffers()
    }
    for index, model in enumerate(models):
        for name, stacked in buffers.items():
            owner, _, last = name.rpartition(".")
            model.get_submodule(owner)._buffers[last] = stacked[index]
    parameters = [dict(model.named_parameters()) for model in models]

    def of_each(x: Tensor, y: Tensor) -> Tensor:
        weights = {
            name: torch.stack([own[name] for own in parameters])
            for name in parameters[0]
        }

        def of_this(weights: dict, buffers: dict) -> Tensor:
            output = functional_call(skeleton, (weights, buffers), (x,))
            return _single_number(loss(output, y))

        return torch.vmap(of_this)(weights, buffers)

    return of_each


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
    schedule : {"constant", "one-cycle", "cosine", "steps"} or callable
        "constant": always 1. "cosine": half a cosine from 1 down to 0. "one-cycle":
        half a cosine from .04 up to 1 over the first fifth, then half a cosine down
        to 0. "steps": a tenth of what it was after each fifth, as Liu et al. (2018)
        do over 1,000 epochs. A callable is returned as it is.

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
        "steps": lambda done: 0.1 ** min(int(5 * done), 4),
    }
    if schedule not in known:
        raise ValueError(
            f"schedule must be one of {SCHEDULES} or a function, not {schedule!r}"
        )
    return known[schedule]


def _batches(count: int, batch_size: int, seed: int) -> Iterator[Tensor]:
    """Cut an endless row of shuffled rounds into batches of equal size."""
    generator = torch.Generator().manual_seed(seed)
    waiting = torch.empty(0, dtype=torch.long)
    while True:
        if len(waiting) < batch_size:
            waiting = torch.cat((waiting, torch.randperm(count, generator=generator)))
        yield waiting[:batch_size]
        waiting = waiting[batch_size:]


def _groups(model: nn.Module, lr: float, weight_decay: float) -> list[dict]:
    """Put weights that multiply inputs apart from biases and normalisations."""
    trained = [p for p in model.parameters() if p.requires_grad]
    kernels = [p for p in trained if p.ndim > 1]
    others = [p for p in trained if p.ndim <= 1]
    groups = [
        {"params": kernels, "highest_lr": lr, "weight_decay": weight_decay},
        {"params": others, "highest_lr": lr, "weight_decay": 0.0},
    ]
    return [g for g in groups if g["params"]]


def counted(done: int, steps: int, progress: str | bool) -> Iterable[int]:
    """Count the steps that are left, from 1, with a bar if one is wanted.

    Parameters
    ----------
    done : int
        How many steps are behind.
    steps : int
        How many there are in all.
    progress : bool or str
        Show a bar, if tqdm is installed; a string names it.
    """
    left = range(done + 1, steps + 1)
    if progress:
        try:
            from tqdm.auto import tqdm
        except ImportError:
            return left
        name = progress if isinstance(progress, str) else None
        return tqdm(left, name, initial=done, total=steps, unit="step", leave=False)
    return left


def _single_number(value: Tensor) -> Tensor:
    if value.numel() != 1:
        raise ValueError(
            f"loss must give a single number, not a tensor of shape "
            f"{tuple(value.shape)}; take its mean"
        )
    return value.reshape(())


def _check_finite(losses: Tensor) -> None:
    bad = (~losses.isfinite().all(1)).nonzero()
    if len(bad):
        first = int(bad[0])
        raise FloatingPointError(
            f"the loss is {losses[first, 0].item()} at step {first + 1}: try a smaller "
            f"lr, or look for values in the data that are not finite"
        )


def _check_models(
    models: list[nn.Module], lr: Sequence[float], weight_decay: Sequence[float]
) -> None:
    for model in models:
        if not isinstance(model, nn.Module):
            raise TypeError(f"model must be an nn.Module, not {type(model).__name__}")
        if not any(p.requires_grad for p in model.parameters()):
            raise ValueError("model has no parameters to train")
    if not models or not len(models) == len(lr) == len(weight_decay):
        raise ValueError(
            f"give one lr and one weight_decay for each of at least one model, not "
            f"{len(lr)} and {len(weight_decay)} for {len(models)}"
        )
    shapes = [{n: t.shape for n, t in m.state_dict().items()} for m in models]
    if any(shape != shapes[0] for shape in shapes):
        raise ValueError("models must all be of one shape to be trained side by side")
    for name, values in (("lr", lr), ("weight_decay", weight_decay)):
        for value in values:
            if name == "lr" and not value > 0:
                raise ValueError(f"lr must be positive, not {value!r}")
            if not value >= 0:
                raise ValueError(f"{name} must not be negative, not {value!r}")


def _check_fit(inputs, targets, steps, epochs, batch_size, seed, measures) -> None:
    for name, value in (("inputs", inputs), ("targets", targets)):
        if not isinstance(value, Tensor):
            raise TypeError(f"{name} must be a tensor, not {type(value).__name__}")
    if len(inputs) != len(targets) or len(inputs) == 0:
        raise ValueError(
            f"inputs and targets must hold the same number of samples, at least one; "
            f"not {len(inputs)} and {len(targets)}"
        )
    if type(seed) is not int:
        raise TypeError(f"seed must be an integer, not {seed!r}")
    if (steps is None) == (epochs is None):
        raise ValueError("give either steps or epochs")
    if steps is not None:
        check_integer("steps", steps)
    check_integer("batch_size", batch_size)
    check_integer("measures", measures)
    if epochs is not None and not epochs > 0:
        raise ValueError(f"epochs must be positive, not {epochs!r}")
