"""Sweeps: every arm of a comparison, on every split, with every recipe of a grid.

A sweep is written down as arms, each with the options of its network and of its
training, and with ``axes``: by name, what it is. An option that is a list is an axis of
the grid. Networks of one shape that differ in ``lr`` and ``weight_decay`` only make one
job, and train side by side where there is an accelerator.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from coordlib.lab.record import arrays, results
from coordlib.lab.record.experiment import KEPT_SEED, Experiment, Setting
from coordlib.lab.record.result import Result, Row
from coordlib.lab.record.task import (
    RECIPE,
    Contest,
    Run,
    Task,
    Trained,
    identity,
    made,
    place,
)


@dataclass(frozen=True)
class Sweep(Experiment):
    """An experiment that trains every arm of a comparison on every split.

    Attributes
    ----------
    task : callable
        From the configuration, its ``arms`` left out, to the :class:`Task`.
    summarise : callable
        ``summarise(task, arms, runs)`` turns the runs of one seed into rows.
    contest : callable, optional
        From the same to the :class:`Contest`: with it and the result a trained network
        is known, and no data are needed.
    """

    task: Callable[..., Task]
    summarise: Callable[[Contest, dict[str, dict], list[Run]], list[Row]]
    contest: Callable[..., Contest] | None = None
    spreads: ClassVar[bool] = True

    def fill(self, result: Result, seed: int, setting: Setting) -> float:
        """Train what is missing of one seed; return the seconds that all of it took."""
        task = made(self.task, result.config)
        keeps = task.keeps_weights and seed == KEPT_SEED
        done = {identity(run) for run in result.runs}
        arms, side_by_side = result.config["arms"], setting.device.type != "cpu"
        planned = jobs(arms, task.splits(seed), seed, side_by_side)
        todo = [left for job in planned if (left := without(job, done))]
        for trained in self._train(task, result.config, todo, setting):
            before = [run for run in result.runs if run["seed"] == seed]
            for run, weights in trained:
                if keeps:
                    keep_weights(setting.folder, task, run, weights, before)
                result.runs.append(run)
                before.append(run)
                setting.report(
                    f"  {run['arm']} {run['split']} seed {seed}: test {task.best} "
                    f"{run[f'test_{task.best}']}, {run['seconds']:.0f} s"
                )
            results.save(result, setting.where)
        runs = [run for run in result.runs if run["seed"] == seed]
        result.add(seed, self.summarise(task, arms, runs))
        if keeps:
            weights = kept_weights(setting.folder)
            results.save_weights(
                weights, result.experiment, result.preset, setting.where
            )
        return sum(run["seconds"] for run in runs)

    def _train(
        self, task: Task, config: dict, todo: list[dict], setting: Setting
    ) -> Iterator[list[Trained]]:
        if not setting.dask:
            return here(task, todo, setting.device, setting.folder, setting.progress)
        from coordlib.lab.record.spread import on_dask  # needs Dask, and this module

        return on_dask(setting.dask, self.task, config, todo)


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
    for arm, described in arms.items():
        training = described["training"]
        shared = {k: v for k, v in training.items() if k not in RECIPE}
        recipes = grid({k: training.get(k, 0.0) for k in RECIPE})
        own = described.get("splits", splits)
        shapes = product(own, grid(described["network"]), grid(shared))
        for split, network, fixed in shapes:
            job = {"arm": arm, "split": split, "seed": seed}
            job |= {"network": network, "training": fixed}
            batches = [recipes] if side_by_side else [[one] for one in recipes]
            found += [job | {"recipes": batch} for batch in batches]
    return found


def without(job: dict, done: set[str]) -> dict | None:
    """The job without the trainings that are done; None if nothing is left."""
    common = {k: v for k, v in job.items() if k != "recipes"}
    left = [r for r in job["recipes"] if identity(common | r) not in done]
    return common | {"recipes": left} if left else None


def here(
    task: Task, todo: list[dict], device: str | torch.device, folder: Path, bar: bool
) -> Iterator[list[Trained]]:
    """Do the jobs one after another in this process."""
    for number, job in enumerate(todo, 1):
        name = f"{job['arm']} {job['split']} {number}/{len(todo)}"
        yield task.train(job, device, folder, progress=bar and name)


def keep_weights(
    folder: Path, task: Task, run: Run, weights: dict[str, Tensor], others: list[Run]
) -> None:
    """Keep the weights of a run if no other of its arm and split is better."""
    name = f"{run['arm']}_{run['split']}"
    candidates = [
        other for other in others if f"{other['arm']}_{other['split']}" == name
    ]
    if all(place(task, run) > place(task, other) for other in candidates):
        arrays.save(folder / f"best-{name}.npz", weights, {"best": name})


def kept_weights(folder: Path) -> dict[str, Tensor]:
    """What :func:`keep_weights` kept, as ``arm_split/name``."""
    weights = {}
    for file in sorted(folder.glob("best-*.npz")):
        name = file.stem.removeprefix("best-")
        kept = arrays.load(file, {"best": name})
        weights |= {f"{name}/{key}": value for key, value in kept.items()}
    return weights
