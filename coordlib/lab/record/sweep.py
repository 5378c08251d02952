"""Sweeps: every arm of a comparison, on every split, with every recipe of a grid.

A sweep is written down as arms, each with the options of its network and of its
training, and with ``axes``: by name, what it is. An option that is a list is an axis of
the grid. Networks of one shape that differ in ``lr``, ``weight_decay``, split, seed or
the name of their arm only make one job, and train side by side where there is an
accelerator. On a CPU they train one after another; see :func:`side_by_side`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from math import isnan, nan
from operator import itemgetter
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from coordlib.lab.record import arrays, results
from coordlib.lab.record.arrays import Kept
from coordlib.lab.record.experiment import KEPT_SEED, Experiment, Setting
from coordlib.lab.record.result import Result, Row, fits, rows
from coordlib.lab.record.task import (
    RECIPE,
    Contest,
    Run,
    Task,
    Trained,
    best_runs,
    identity,
    made,
    place,
)

STACK = 128
"""How many networks train side by side at most."""


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

    def facts(self, config: dict) -> dict[str, Any]:
        """In what its networks compute, where that is not float32 alone."""
        named = {
            one.get("precision", "float32")
            for arm in config["arms"].values()
            for one in grid(arm["training"])
        }
        return {"precision": sorted(named)} if named - {"float32"} else {}

    def fill(self, result: Result, seed: int, setting: Setting) -> float:
        """Train what is missing of one seed; return the seconds that all of it took."""
        task = made(self.task, result.config)
        done = {identity(run) for run in result.runs}
        arms, together = result.config["arms"], side_by_side(setting.device)
        stacked = together and isinstance(task, Task)
        planned = [
            job
            for one in (setting.seeds if stacked else (seed,))
            for job in jobs(arms, task.splits(one), one, together)
        ]
        planned = stacks(task, planned) if stacked else planned
        todo = [left for job in planned if (left := without(job, done))]
        for trained in self._train(task, result.config, todo, setting):
            for run, weights in trained:
                if task.keeps_weights and run["seed"] == KEPT_SEED:
                    others = [r for r in result.runs if r["seed"] == KEPT_SEED]
                    keep_weights(setting.folder, task, run, weights, others)
                result.runs.append(run)
            setting.report(outcome_line(task, [run for run, _ in trained]))
            results.save(result, setting.where)
        runs = [run for run in result.runs if run["seed"] == seed]
        result.add(seed, self._summary(task, arms, runs))
        if task.keeps_weights and seed == KEPT_SEED:
            kept = kept_weights(setting.folder, task, arms, runs, setting.report)
            results.save_weights(
                list(kept), result.experiment, result.preset, setting.where
            )
        return sum(run["seconds"] for run in runs)

    def _summary(self, task: Task, arms: dict, runs: list[Run]) -> list[Row]:
        """The rows of a seed; what is no number is left out, and says why."""
        whole = [{k: nan if v is None else v for k, v in run.items()} for run in runs]
        found = [
            row
            for row in self.summarise(task, arms, whole)
            if not (isinstance(row["value"], float) and isnan(row["value"]))
        ]
        bad = Counter((r["arm"], r["split"]) for r in runs if r.get("diverged"))
        for (arm, split), count in sorted(bad.items()):
            found += rows({"diverged": count}, arm=arm, split=split)
        return found

    def _train(
        self, task: Task, config: dict, todo: list[dict], setting: Setting
    ) -> Iterator[list[Trained]]:
        if not setting.dask:
            where = setting.device, setting.folder, setting.progress, setting.report
            return here(task, todo, *where)
        from coordlib.lab.record.spread import on_dask  # needs Dask, and this module

        return on_dask(setting.dask, self.task, config, todo, setting.device)


def outcome_line(task: Task, runs: list[Run]) -> str:
    """What became of the networks of one job, in one line."""
    seconds = sum(run["seconds"] for run in runs)
    values = [run[f"test_{task.best}"] for run in runs]
    diverged = sum(run.get("diverged", False) for run in runs)
    mark = f", {diverged} diverged" if diverged else ""
    if len(runs) == 1:
        [run], mark = runs, ", diverged" if diverged else ""
        name = f"{run['arm']} {run['split']} seed {run['seed']}"
        return f"  {name}: test {task.best} {values[0]}, {seconds:.0f} s{mark}"
    job = {"recipes": runs}
    name = f"{len(runs)} networks, {_common(job, 'arm')} {_common(job, 'split')}"
    there = [value for value in values if value is not None] or [nan]
    return (
        f"  {name}: test {task.best} {min(there):.4g} to {max(there):.4g}, "
        f"{seconds:.0f} s{mark}"
    )


def side_by_side(device: torch.device) -> bool:
    """Whether networks of one shape train side by side there.

    Not on a CPU, which is busy with one: there three networks took from .86 (ResNet) to
    1.08 (painter) of the time of one after another, by ``python -m benchmarks.engine
    --here`` on one thread, and the stored results are those of networks alone, to the
    last digit.
    """
    return device.type != "cpu"


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


def stacks(task: Task, planned: list[dict]) -> list[dict]:
    """Put jobs together whose networks can train side by side.

    Their networks are made by the same function with the same options, and trained
    with the same options but for rate and penalty, in batches of the same size. Arms,
    splits and seeds may differ; then the recipes of a job name them.

    Parameters
    ----------
    task : Task
    planned : list of dict
        As :func:`jobs` gives them.

    Returns
    -------
    list of dict
        Each of at most :data:`STACK` networks.
    """
    found: dict[str, list[dict]] = {}
    for job in planned:
        train, _ = task.splits(job["seed"])[job["split"]]
        size = min(job["training"].get("batch_size", 32), len(train))
        make = _facts_of(task.networks[job["arm"]])
        key = repr((make, job["network"], job["training"], size))
        own = {name: job[name] for name in ("arm", "split", "seed")}
        found.setdefault(key, [{k: job[k] for k in ("network", "training")}])
        found[key] += [own | recipe for recipe in job["recipes"]]
    # Neighbours of one recipe are moved together.
    alike = itemgetter("lr", "weight_decay")
    return [
        shared | {"recipes": sorted(recipes, key=alike)[first : first + STACK]}
        for shared, *recipes in found.values()
        for first in range(0, len(recipes), STACK)
    ]


def _facts_of(make: Callable) -> tuple:
    """What tells whether two functions make the same networks."""
    if isinstance(make, partial):
        return _facts_of(make.func), make.args, make.keywords
    return (make,)


def without(job: dict, done: set[str]) -> dict | None:
    """The job without the trainings that are done; None if nothing is left."""
    common = {k: v for k, v in job.items() if k != "recipes"}
    left = [r for r in job["recipes"] if identity(common | r) not in done]
    return common | {"recipes": left} if left else None


def here(
    task: Task,
    todo: list[dict],
    device: str | torch.device,
    folder: Path | None,
    bar: bool,
    report: Callable[[str], None] = print,
) -> Iterator[list[Trained]]:
    """Do the jobs one after another in this process.

    A job that is too large for the memory of the device is done in two halves.
    """
    waiting, number = list(todo), 0
    while waiting:
        job, number = waiting.pop(0), number + 1
        name = f"{_common(job, 'arm')} {_common(job, 'split')}"
        name += f" {number}/{number + len(waiting)}"
        try:
            trained = task.train(job, device, folder, progress=bar and name)
        except torch.OutOfMemoryError:
            count = len(job["recipes"])
            if count == 1:
                raise
            report(f"  too little memory for {count} networks side by side: halved")
            parts = job["recipes"][: count // 2], job["recipes"][count // 2 :]
            waiting[:0] = [job | {"recipes": part} for part in parts]
            number -= 1
            torch.cuda.empty_cache()
            continue
        yield trained


def _common(job: dict, axis: str) -> str:
    """The arm or split of all networks of a job, or how many there are."""
    values = dict.fromkeys((job | recipe)[axis] for recipe in job["recipes"])
    return next(iter(values)) if len(values) == 1 else f"{len(values)} {axis}s"


def keep_weights(
    folder: Path, task: Task, run: Run, weights: dict[str, Tensor], others: list[Run]
) -> None:
    """Keep the weights of a run if no other of its arm and split is better."""
    same = {axis: run[axis] for axis in ("arm", "split")}
    rivals = [other for other in others if fits(other, same)]
    if all(place(task, run) > place(task, rival) for rival in rivals):
        file, facts = _best(folder, run)
        arrays.save(file, [Kept(same, weights)], facts)
        for rival in rivals:
            _best(folder, rival)[0].unlink(missing_ok=True)


def kept_weights(
    folder: Path,
    task: Task,
    arms: dict[str, dict],
    runs: list[Run],
    report: Callable[[str], None],
) -> Iterator[Kept]:
    """What :func:`keep_weights` kept of the best runs of a seed, with all axes."""
    for axes, run in best_runs(task, arms, runs):
        if found := arrays.load(*_best(folder, run)):
            yield Kept(axes, found[0].tensors)
        else:
            report(f"  {axes['arm']} {axes['split']}: its weights are gone")


def _best(folder: Path, run: Run) -> tuple[Path, dict]:
    """Where the weights of a run are kept until its sweep is done, and their facts."""
    return folder / f"best-{identity(run)}.npz", {"run": identity(run)}
