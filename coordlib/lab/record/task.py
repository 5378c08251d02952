"""What the networks of a sweep learn, how one is trained, and which is the best."""

import copy
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from math import inf, isfinite, isnan
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from coordlib.arguments import (
    check_callable,
    check_instance,
    check_module,
    check_sequence,
    check_tensor,
)
from coordlib.lab.data.storage import note, noting
from coordlib.lab.models.common import parameter_count
from coordlib.lab.record.device import best_device
from coordlib.lab.record.experiment import options
from coordlib.lab.record.result import Row, rows
from coordlib.lab.record.results import device_name
from coordlib.lab.training.loop import (
    Augment,
    Draw,
    History,
    Loss,
    Prepare,
    checked,
)
from coordlib.lab.training.stacked import fit_many

RECIPE = ("lr", "weight_decay")
"""What of a training networks may differ in, and still train side by side."""

Run = dict[str, Any]
"""One trained network: arm, split, seed, network, training, lr, weight_decay, and
what was measured; None for what is no number because the training diverged."""

Trained = tuple[Run, dict[str, Tensor]]
"""A run, and the tensors that are kept of its network."""


@dataclass(frozen=True, kw_only=True)
class Contest:
    """Who takes part in a sweep, and who wins: what is known of it without data.

    Attributes
    ----------
    networks : dict of str to callable
        Makes the network of an arm from its options.
    best : str
        Which of the numbers, on test samples, tells the best network.
    smaller_is_better : bool
    """

    networks: dict[str, Callable[..., nn.Module]]
    best: str
    smaller_is_better: bool = False

    def rank(self, run: Run) -> float:
        """A number that is larger for the better run; the least if it diverged."""
        value = run[f"test_{self.best}"]
        if value is None or isnan(value):
            return -inf
        return -value if self.smaller_is_better else value


@dataclass(frozen=True, kw_only=True)
class Task(Contest):
    """What the networks of a sweep learn: their contest, with the data.

    Attributes
    ----------
    networks : dict of str to callable
        As in :class:`Contest`.
    best : str
        As in :class:`Contest`.
    smaller_is_better : bool
        As in :class:`Contest`.
    inputs : Tensor, shape (N, ...)
        All samples, those to train and those to test.
    targets : Tensor, shape (N, ...)
        What is to be learned of each.
    splits : callable
        From a seed to ``(train, test)`` by name: indices of samples.
    losses : dict of str to callable
        By the name that ``training["loss"]`` gives; the first is the usual one.
    score : callable
        From the training options, outputs and the index of their samples to numbers
        by name.
    watched : int, optional
        How many samples of each side to look at during the training; all of them if
        not given.
    examine : callable, optional
        From a trained network to more numbers by name.
    prepare : callable, optional
        From inputs as they are kept, bytes perhaps, to what a network takes.
    augmentations : dict of str to callable
        By the name that ``training["augment"]`` gives.
    draw : callable, optional
        As in :func:`~coordlib.lab.training.stacked.fit_many`: gives the losses random
        numbers.
    keeps_weights : bool
        Whether the weights of the best networks go into the results.
    kept : callable, optional
        From a trained network to the tensors that are kept of it; its state if not
        given.
    """

    inputs: Tensor
    targets: Tensor
    splits: Callable[[int], dict[str, tuple[Tensor, Tensor]]]
    losses: dict[str, Loss]
    score: Callable[[dict, Tensor, Tensor], dict[str, float]]
    watched: int | None = None
    examine: Callable[[nn.Module], dict[str, float]] | None = None
    prepare: Prepare | None = None
    augmentations: dict[str, Augment] = field(default_factory=dict)
    draw: Draw | None = None
    keeps_weights: bool = True
    kept: Callable[[nn.Module], dict[str, Tensor]] = nn.Module.state_dict

    def train(
        self,
        job: dict,
        device: torch.device | str = "auto",
        folder: Path | None = None,
        progress: str | bool = False,
    ) -> list[Trained]:
        """Train the networks of one job, as :func:`train` tells."""
        return train(self, job, device, folder, progress)


def identity(run: Run) -> str:
    """A short name of one training, the same for the same training."""
    facts = {k: run[k] for k in ("arm", "split", "seed", "network", "training")}
    facts |= {k: run[k] for k in RECIPE}
    text = json.dumps(facts, sort_keys=True).encode()
    return hashlib.sha256(text).hexdigest()[:16]


def train(
    task: Task,
    job: dict,
    device: torch.device | str = "auto",
    folder: Path | None = None,
    progress: str | bool = False,
) -> list[Trained]:
    """Train the networks of one job.

    Parameters
    ----------
    task : Task
    job : dict
        One of :func:`~coordlib.lab.record.sweep.jobs` or of
        :func:`~coordlib.lab.record.sweep.stacks`: what its networks share, and
        ``recipes``, by what they differ.
    device : torch.device or str
    folder : Path, optional
        Where to keep a checkpoint, to go on from after an interruption.
    progress : bool or str

    Returns
    -------
    list of (dict, dict of str to Tensor)
        For each recipe the run and the weights of its network.
    """
    device = best_device(device)
    training = dict(job["training"])
    shared = {k: v for k, v in job.items() if k != "recipes"}
    each = [shared | recipe for recipe in job["recipes"]]
    splits = {run["seed"]: task.splits(run["seed"]) for run in each}
    sides = [splits[run["seed"]][run["split"]] for run in each]
    begun: dict[str, nn.Module] = {}
    models = []
    for run in each:
        # To draw the weights of a hundred networks takes seconds.
        same = json.dumps([run["seed"], run["arm"], run["network"]], sort_keys=True)
        if same in begun:
            models.append(copy.deepcopy(begun[same]))
            continue
        torch.manual_seed(run["seed"])
        begun[same] = task.networks[run["arm"]](**run["network"]).to(device)
        models.append(begun[same])
    loss = task.losses[training.pop("loss", next(iter(task.losses)))]
    augment = training.pop("augment", None)
    checkpoint = folder and folder / f"{identity(each[0])}-{len(each)}.pt"
    histories = fit_many(
        models,
        task.inputs,
        task.targets,
        loss,
        samples=[train_index for train_index, _ in sides],
        lr=[run["lr"] for run in each],
        weight_decay=[run["weight_decay"] for run in each],
        seed=[run["seed"] for run in each],
        prepare=task.prepare,
        augment=augment and task.augmentations[augment],
        draw=task.draw,
        measure=[partial(_watched, task, job["training"], side) for side in sides],
        checkpoint=checkpoint,
        progress=progress,
        **training,
    )
    return [
        _trained(task, *one, device)
        for one in zip(each, models, histories, sides, strict=True)
    ]


def _watched(
    task: Task, training: dict, sides: tuple[Tensor, Tensor], model: nn.Module
) -> dict[str, float | None]:
    """What is measured during the training, on both sides of a split."""
    found = {}
    for side, index in zip(("train", "test"), sides, strict=True):
        index = index[: task.watched]
        outputs = all_outputs(model, task.inputs[index], task.prepare)
        scores = task.score(training, outputs, index)
        found |= {f"{side}_{name}": value for name, value in scores.items()}
    return _finite(found)


def _trained(
    task: Task,
    run: Run,
    model: nn.Module,
    history: History,
    sides: tuple[Tensor, Tensor],
    device: torch.device,
) -> Trained:
    """Measure a network that is trained, and say what is kept of it."""
    run |= {k: v for k, v in history.curve[-1].items() if k != "step"}
    if task.watched:
        outputs = all_outputs(model, task.inputs[sides[1]], task.prepare)
        last = task.score(run["training"], outputs, sides[1])
        run |= _finite({f"test_{name}": value for name, value in last.items()})
    if task.examine:
        run |= _finite(task.examine(model))
    if _diverged(model, history) or run[f"test_{task.best}"] is None:
        run["diverged"] = True
    run |= {"parameters": parameter_count(model), "curve": history.curve}
    run["device"] = device_name(device)
    return run, {k: v.cpu().clone() for k, v in task.kept(model).items()}


def _diverged(model: nn.Module, history: History) -> bool:
    # A loss is that before its step: what the last one did only the weights tell.
    weights = (weight.isfinite().all() for weight in model.parameters())
    return not (isfinite(history.losses[-1]) and all(weights))


@torch.no_grad()
def all_outputs(
    model: nn.Module, inputs: Tensor, prepare: Prepare | None = None
) -> Tensor:
    """What a network says to every input, on the CPU.

    Parameters
    ----------
    model : nn.Module
    inputs : Tensor, shape (N, ...)
        On any device.
    prepare : callable, optional
        From inputs to what the network takes.

    Returns
    -------
    Tensor, shape (N, ...)
    """
    check_module("model", model)
    check_tensor("inputs", inputs, any_kind=True)
    if prepare is not None:
        check_callable("prepare", prepare)
    device = next(model.parameters()).device
    # An accelerator wants much at once, and to be waited for once only.
    parts = inputs.split(64 if device.type == "cpu" else 512)
    ready = (part.to(device) for part in parts)
    if prepare is not None:
        ready = (checked("prepare", prepare(part)) for part in ready)
    return torch.cat([model(part) for part in ready]).cpu()


def _finite(numbers: dict[str, float]) -> dict[str, float | None]:
    return {k: v if isfinite(v) else None for k, v in numbers.items()}


def best_run(contest: Contest, runs: list[Run], **which: Any) -> Run:
    """The best on test positions among the runs that have these values."""
    # Of games too, which are no contest between trained networks.
    if not callable(getattr(contest, "rank", None)):
        kind = type(contest).__name__
        raise TypeError(f"contest must be a Contest, or rank runs as one, got {kind}")
    check_sequence("runs", runs, Mapping, "runs")
    fitting = [r for r in runs if all(r[k] == v for k, v in which.items())]
    if not fitting:
        wanted = ", ".join(f"{k} {v!r}" for k, v in which.items())
        there = "; ".join(
            f"{k} {', '.join(map(repr, dict.fromkeys(r[k] for r in runs))) or 'none'}"
            for k in which
        )
        raise ValueError(f"no run with {wanted}; there are {there}")
    return max(fitting, key=partial(place, contest))


def best_runs(
    contest: Contest, arms: dict[str, dict], runs: list[Run]
) -> Iterator[tuple[dict[str, Any], Run]]:
    """The best run of every arm on every split, with the axes that name it.

    Parameters
    ----------
    contest : Contest
    arms : dict of str to dict
        Of the configuration. An arm may have ``axes``: what it is, by name.
    runs : list of Run
        Of one seed.

    Yields
    ------
    axes : dict of str to Any
        ``arm``, the axes of the arm, and ``split``.
    run : Run
    """
    # In an order that does not depend on which was finished first.
    for arm, split in sorted({(run["arm"], run["split"]) for run in runs}):
        axes = {"arm": arm} | arms[arm].get("axes", {}) | {"split": split}
        yield axes, best_run(contest, runs, arm=arm, split=split)


def best_rows(
    contest: Contest,
    arms: dict[str, dict],
    runs: list[Run],
    *names: str,
    **renamed: str,
) -> list[Row]:
    """Some numbers of the best run of every arm on every split, as rows.

    Parameters
    ----------
    contest, arms, runs
        As for :func:`best_runs`.
    *names : str
        Of numbers of a run.
    **renamed : str
        The same, each under another name.
    """
    check_instance("arms", arms, Mapping, "arms by name")
    check_sequence("runs", runs, Mapping, "runs")
    keys = dict(zip(names, names, strict=True)) | renamed
    return [
        row
        for axes, run in best_runs(contest, arms, runs)
        for row in rows({name: run[key] for name, key in keys.items()}, **axes)
    ]


def place(contest: Contest, run: Run) -> tuple[float, str]:
    # Equals are told apart by name, not by which of them was finished first.
    return contest.rank(run), identity(run)


def made(make_task: Callable[..., Task], config: dict) -> Task:
    """Give the task of a configuration. The last is kept: its data take time to read.

    Parameters
    ----------
    make_task : callable
        The function ``task`` of an experiment.
    config : dict
        One of its presets.

    Returns
    -------
    Task
    """
    task, seen = _made(make_task, json.dumps(options(config), sort_keys=True))
    note(seen)
    return task


@lru_cache(maxsize=1)
def _made(make_task: Callable[..., Task], written: str) -> tuple[Task, dict[str, str]]:
    with noting() as seen:
        return make_task(**json.loads(written)), seen
