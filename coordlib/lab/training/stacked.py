"""Many networks of one shape, trained side by side in one pass."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from coordlib.arguments import check_integer
from coordlib.lab.training.device import denormals_flushed
from coordlib.lab.training.loop import (
    Augment,
    Draw,
    History,
    Loss,
    Measure,
    check_network,
    check_samples,
    count_steps,
    drawn_batches,
    measured,
    parameter_groups,
    set_rate,
    single_number,
)
from coordlib.lab.training.resume import Resumable
from coordlib.lab.training.schedules import (
    measuring_steps,
    schedule_factors,
    schedule_name,
)

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
) -> list[History]:
    """Train networks of one shape side by side, as ``fit`` does each alone.

    Their weights are stacked, and one pass computes all of them: convolutions of
    many networks become one convolution in groups. On a GPU, which a small network
    leaves idle, this takes little more time than one of them. Every network sees
    the same batches, and ends where :func:`~coordlib.lab.training.loop.fit` would have
    taken it, up to the order of sums. One whose loss is no longer finite does not stop
    the others.

    Parameters
    ----------
    models : sequence of nn.Module
        Of one class and one shape, on one device, without dropout.
    lr, weight_decay : sequence of float
        One for each network.
    callback : callable, optional
        ``callback(step, models)`` after every step; ``True`` ends the training.
    inputs, targets, loss, steps, epochs, batch_size, betas, schedule, seed, augment, \
draw, measure, measures, checkpoint, progress
        As in :func:`~coordlib.lab.training.loop.fit`.

    Returns
    -------
    list of History
        One for each network. Seconds are shares: the time of all, divided by how
        many there are.

    Raises
    ------
    TypeError, ValueError, CheckpointError
        As :func:`~coordlib.lab.training.loop.fit`; or if the networks differ in
        shape, or there is not one ``lr`` and ``weight_decay`` for each.
    """
    models = list(models)
    _check_networks(models, lr, weight_decay)
    check_samples(inputs, targets, seed)
    check_integer("measures", measures)
    steps, batch_size = count_steps(len(inputs), steps, epochs, batch_size)
    factors = schedule_factors(schedule, steps)
    device = next(models[0].parameters()).device
    recipes = zip(models, lr, weight_decay, strict=True)
    groups = [group for recipe in recipes for group in parameter_groups(*recipe)]
    optimizer = torch.optim.Adam(groups, betas=betas)
    losses_of = _losses_side_by_side(models, loss)
    # Room for all from the start: a small tensor kept at every step would sit between
    # the large ones, whose memory then could not be given back.
    losses = torch.zeros(steps, len(models), device=device)
    curves: list[list[dict[str, float]]] = [[] for _ in models]
    facts = {"steps": steps, "batch_size": batch_size, "samples": len(inputs)}
    facts |= {"lr": list(lr), "weight_decay": list(weight_decay)}
    facts |= {"betas": betas, "seed": seed}
    facts |= {"schedule": schedule_name(schedule), "measures": measures}
    together = nn.ModuleList(models)
    parts = {"models": together, "optimizer": optimizer}
    parts |= {"losses": losses, "curves": curves}
    state = Resumable(checkpoint, facts, device, **parts)
    samples = inputs.to(device), targets.to(device)
    batches = drawn_batches(*samples, batch_size, seed, state.step, augment, draw)
    stops = measuring_steps(steps, measures) if measure else ()

    together.train()
    for step in state.remaining(steps, progress):
        set_rate(optimizer, factors[step - 1])
        x, y = next(batches)
        values = losses_of(x, y)
        optimizer.zero_grad()
        values.sum().backward()
        optimizer.step()
        losses[step - 1] = values.detach()
        if step in stops:
            with state.paused():
                point = {"step": step, "seconds": state.seconds / len(models)}
                for model, curve in zip(models, curves, strict=True):
                    curve.append(point | measured(model, measure))
        state.keep(step)
        if callback is not None:
            stop = callback(step, models)
            together.train()
            if stop is True:
                break
    state.finish()
    together.eval()
    done, share = factors[: state.step], state.seconds / len(models)
    return [
        History(losses, [one * factor for factor in done], share, str(device), curve)
        for one, losses, curve in zip(
            lr, losses[: state.step].T.tolist(), curves, strict=True
        )
    ]


def _losses_side_by_side(
    models: list[nn.Module], loss: Loss
) -> Callable[[Tensor, Tensor], Tensor]:
    """A function from one batch to the loss of every model, shape (models,)."""
    skeleton = models[0]
    if len(models) == 1:

        def of_one(x: Tensor, y: Tensor) -> Tensor:
            return single_number(loss(skeleton(x), y))[None]

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
            return single_number(loss(output, y))

        return torch.vmap(of_this)(weights, buffers)

    return of_each


def _check_networks(
    models: list[nn.Module], lr: Sequence[float], weight_decay: Sequence[float]
) -> None:
    if not models or not len(models) == len(lr) == len(weight_decay):
        raise ValueError(
            f"give one lr and one weight_decay for each of at least one model, got "
            f"{len(lr)} and {len(weight_decay)} for {len(models)}"
        )
    for recipe in zip(models, lr, weight_decay, strict=True):
        check_network(*recipe)
    shapes = [{n: t.shape for n, t in m.state_dict().items()} for m in models]
    if any(shape != shapes[0] for shape in shapes):
        raise ValueError("models must all be of one shape to be trained side by side")
