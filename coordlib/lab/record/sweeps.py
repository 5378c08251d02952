"""Sweeps: every arm of a comparison, on every split, with every recipe of a grid.

A sweep is written down as arms, each with the options of its network and of its
training. An option that is a list is an axis of the grid. Networks of one shape that
differ in ``lr`` and ``weight_decay`` only make one job, and train side by side where
there is an accelerator.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache, partial
from inspect import signature
from itertools import product
from math import inf, isfinite
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from coordlib.lab.models.painters import parameter_count
from coordlib.lab.record import weights as checkpoints
from coordlib.lab.record.results import device_name
from coordlib.lab.training.device import best_device
from coordlib.lab.training.loop import Augment, Draw, Loss
from coordlib.lab.training.stacked import fit_many

RECIPE = ("lr", "weight_decay")
DASK_TIMEOUT = "20s"

Run = dict[str, Any]
"""One trained network: arm, split, seed, network, training, lr, weight_decay, and
what was measured; None for what is no number because the training diverged."""


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
        if value is None:
            return -inf
        return -value if self.smaller_is_better else value


@dataclass(frozen=True, kw_only=True)
class Task(Contest):
    """What the networks of a sweep learn: their contest, with the data.

    Attributes
    ----------
    networks, best, smaller_is_better
        As in :class:`Contest`.
    inputs, targets : Tensor, shape (N, ...)
        All samples, those to train and those to test.
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
    ) -> list[tuple[Run, dict[str, Tensor]]]:
        """Train the networks of one job, as :func:`train` tells."""
        return train(self, job, device, folder, progress)


def grid(options: dict[str, Any]) -> list[dict[str, Any]]:
    """Every combination of the options that are lists.

    Examples
    --------
    >>> grid({"width": [1, 2], "size": 64})
    [{'width': 1, 'size': 64}, {'width': 2, 'size': 64}]
    """
    axes = [value if isinstance(value, list) else [value] for value in options.values()]
    return [dict(zip(options, point, strict=True)) for point in product(*axes)]


def jobs(
    arms: dict[str, dict], splits: Iterable[str], seed: int, side_by_side: bool
) -> list[dict]:
    """Cut a sweep into jobs, each of networks of one shape on one split.

    Parameters
    ----------
    arms : dict of str to dict
        Each with ``network`` and ``training``, the options of an arm; perhaps with
        ``splits``, the names of those it is for, all if not given.
    splits : iterable of str
    seed : int
    side_by_side : bool
        Whether all recipes of a shape make one job, or each its own.

    Returns
    -------
    list of dict
        With arm, split, seed, network, training and recipes.
    """
    found, splits = [], list(splits)
    for arm, options in arms.items():
        training = options["training"]
        shared = {k: v for k, v in training.items() if k not in RECIPE}
        recipes = grid({k: training.get(k, 0.0) for k in RECIPE})
        own = options.get("splits", splits)
        shapes = product(own, grid(options["network"]), grid(shared))
        for split, network, fixed in shapes:
            job = {"arm": arm, "split": split, "seed": seed}
            job |= {"network": network, "training": fixed}
            batches = [recipes] if side_by_side else [[one] for one in recipes]
            found += [job | {"recipes": batch} for batch in batches]
    return found


def identity(run: Run) -> str:
    """A short name of one training, the same for the same training."""
    facts = {k: run[k] for k in ("arm", "split", "seed", "network", "training")}
    facts |= {k: run[k] for k in RECIPE}
    text = json.dumps(facts, sort_keys=True).encode()
    return hashlib.sha256(text).hexdigest()[:16]


def without(job: dict, done: set[str]) -> dict | None:
    """The job without the trainings that are done; None if nothing is left."""
    common = {k: v for k, v in job.items() if k != "recipes"}
    left = [r for r in job["recipes"] if identity(common | r) not in done]
    return common | {"recipes": left} if left else None


def train(
    task: Task,
    job: dict,
    device: torch.device | str = "auto",
    folder: Path | None = None,
    progress: str | bool = False,
) -> list[tuple[Run, dict[str, Tensor]]]:
    """Train the networks of one job.

    Parameters
    ----------
    task : Task
    job : dict
        One of :func:`jobs`.
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
    seed, training = job["seed"], dict(job["training"])
    train_index, test_index = task.splits(seed)[job["split"]]
    models = []
    for _ in job["recipes"]:
        torch.manual_seed(seed)
        models.append(task.networks[job["arm"]](**job["network"]).to(device))
    sides = {
        side: index[: task.watched]
        for side, index in (("train", train_index), ("test", test_index))
    }

    def measure(model: nn.Module) -> dict[str, float]:
        return _finite(
            {
                f"{side}_{name}": value
                for side, index in sides.items()
                for name, value in task.score(
                    training, all_outputs(model, task.inputs[index]), index
                ).items()
            }
        )

    options = dict(training)
    loss = task.losses[options.pop("loss", next(iter(task.losses)))]
    augment = options.pop("augment", None)
    names = [identity(job | recipe) for recipe in job["recipes"]]
    checkpoint = folder and folder / f"{names[0]}-{len(names)}.npz"
    histories = fit_many(
        models,
        task.inputs[train_index],
        task.targets[train_index],
        loss,
        lr=[recipe["lr"] for recipe in job["recipes"]],
        weight_decay=[recipe["weight_decay"] for recipe in job["recipes"]],
        seed=seed,
        augment=augment and task.augmentations[augment],
        draw=task.draw,
        measure=measure,
        checkpoint=checkpoint,
        progress=progress,
        **options,
    )
    common = {k: v for k, v in job.items() if k != "recipes"}
    runs = []
    for model, history, recipe in zip(models, histories, job["recipes"], strict=True):
        last = {k: v for k, v in history.curve[-1].items() if k != "step"}
        run = common | recipe | last
        if task.watched:
            outputs = all_outputs(model, task.inputs[test_index])
            last = task.score(training, outputs, test_index)
            run |= _finite({f"test_{name}": value for name, value in last.items()})
        if task.examine:
            run |= _finite(task.examine(model))
        run |= {"parameters": parameter_count(model), "curve": history.curve}
        run["device"] = device_name(device)
        weights = {k: v.cpu().clone() for k, v in task.kept(model).items()}
        runs.append((run, weights))
    return runs


@torch.no_grad()
def all_outputs(model: nn.Module, inputs: Tensor) -> Tensor:
    """What a network says to every input, on the CPU.

    Parameters
    ----------
    model : nn.Module
    inputs : Tensor, shape (N, ...)
        On any device.

    Returns
    -------
    Tensor, shape (N, ...)
    """
    device = next(model.parameters()).device
    return torch.cat([model(part.to(device)).cpu() for part in inputs.split(64)])


def _finite(numbers: dict[str, float]) -> dict[str, float | None]:
    return {k: v if isfinite(v) else None for k, v in numbers.items()}


def best_run(contest: Contest, runs: list[Run], **which: Any) -> Run:
    """The best on test positions among the runs that have these values.

    Raises
    ------
    ValueError
        If no run has them; the message says which values there are.
    """
    fitting = [r for r in runs if all(r[k] == v for k, v in which.items())]
    if not fitting:
        wanted = ", ".join(f"{k} {v!r}" for k, v in which.items())
        there = "; ".join(
            f"{k} {', '.join(map(repr, dict.fromkeys(r[k] for r in runs))) or 'none'}"
            for k in which
        )
        raise ValueError(f"no run with {wanted}; there are {there}")
    return max(fitting, key=partial(_place, contest))


def best_numbers(
    task: Task, runs: list[Run], *names: str, **renamed: str
) -> dict[str, float]:
    """Some numbers of the best run of every arm on every split.

    Parameters
    ----------
    task : Task
    runs : list of Run
    *names : str
        Of numbers of a run.
    **renamed : str
        The same, each under another name.

    Returns
    -------
    dict of str to float
        By ``{arm}_{split}_{name}``.
    """
    keys = dict(zip(names, names, strict=True)) | renamed
    return {
        f"{arm}_{split}_{name}": best[key]
        for arm in task.networks
        for split in task.splits(0)
        for best in [best_run(task, runs, arm=arm, split=split)]
        for name, key in keys.items()
    }


def _place(contest: Contest, run: Run) -> tuple[float, str]:
    # Equals are told apart by name, not by which of them was finished first.
    return contest.rank(run), identity(run)


def here(
    task: Task, todo: list[dict], device: str | torch.device, folder: Path, bar: bool
) -> Iterator[list[tuple[Run, dict[str, Tensor]]]]:
    """Do the jobs one after another in this process."""
    for number, job in enumerate(todo, 1):
        name = f"{job['arm']} {job['split']} {number}/{len(todo)}"
        yield task.train(job, device, folder, progress=bar and name)


def on_dask(
    address: str, make_task: Callable[..., Task], config: dict, todo: list[dict]
) -> Iterator[list[tuple[Run, dict[str, Tensor]]]]:
    """Spread the jobs over a Dask cluster, and give their results as they come.

    A job whose worker dies is done again by another.

    Raises
    ------
    ModuleNotFoundError
        If Dask is not installed.
    OSError
        If there is no scheduler at the address.
    """
    try:
        from distributed import Client, as_completed
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "a sweep over a cluster needs Dask: pip install 'coordlib[dask]'"
        ) from None
    try:
        client = Client(address, timeout=DASK_TIMEOUT)
    except (OSError, ValueError) as error:
        raise OSError(f"no Dask scheduler answers at {address} ({error})") from None
    with client:
        futures = [
            client.submit(_train_remotely, make_task, config, job, pure=False)
            for job in todo
        ]
        for future in as_completed(futures):
            yield future.result()


def _train_remotely(make_task: Callable[..., Task], config: dict, job: dict):
    return made(make_task, config).train(job)


def contest_of(module: ModuleType, config: dict) -> Contest:
    """Give the contest of a configuration. No data are read or fetched for it.

    Parameters
    ----------
    module : module
        A sweep, with its function ``contest``.
    config : dict
        One of its presets, or the configuration of a result.

    Returns
    -------
    Contest
    """
    asked = signature(module.contest).parameters
    return module.contest(**{k: v for k, v in config.items() if k in asked})


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
    options = {name: value for name, value in config.items() if name != "arms"}
    return _made(make_task, json.dumps(options, sort_keys=True))


@lru_cache(maxsize=1)
def _made(make_task: Callable[..., Task], options: str) -> Task:
    return make_task(**json.loads(options))


def keep_weights(
    folder: Path, task: Task, run: Run, weights: dict[str, Tensor], others: list[Run]
) -> None:
    """Keep the weights of a run if no other of its arm and split is better."""
    name = f"{run['arm']}_{run['split']}"
    rivals = [other for other in others if f"{other['arm']}_{other['split']}" == name]
    if all(_place(task, run) > _place(task, other) for other in rivals):
        checkpoints.save(folder / f"best-{name}.npz", weights, {"best": name})


def kept_weights(folder: Path) -> dict[str, Tensor]:
    """What :func:`keep_weights` kept, as ``arm_split/name``."""
    weights = {}
    for file in sorted(folder.glob("best-*.npz")):
        name = file.stem.removeprefix("best-")
        kept = checkpoints.load(file, {"best": name})
        weights |= {f"{name}/{key}": value for key, value in kept.items()}
    return weights
