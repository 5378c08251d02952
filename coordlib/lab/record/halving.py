"""Successive halving: every recipe for a short time, the best of them for longer.

A round trains recipes from scratch, for each of its splits apart; the best ones by
their score on validation samples enter the next round, which is longer. Validation
samples are held out of the *training* side of a split. The test side is shown to no
network before the last round: of many recipes the one that was best on the test side
would look better than it is.

The recipes that are left are trained a last time, on the whole training side, with
seeds that had no part in the choice, and then tested.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Any

from coordlib.lab.record import results
from coordlib.lab.record.experiment import Experiment, Setting
from coordlib.lab.record.result import Result, Row, rows
from coordlib.lab.record.sweep import here, jobs, side_by_side, stacks
from coordlib.lab.record.task import RECIPE, Run, Task, identity, made

CHOOSING_SEED = 1000
"""Added to the number of a round that chooses, from 1: its seed."""

VALIDATION = "{} validation"
"""What a task calls the training side of a split, divided once more."""

Entry = dict[str, Any]
"""A recipe on a split: arm, split, network, training, lr, weight_decay."""


@dataclass(frozen=True)
class Halving(Experiment):
    """An experiment that searches a grid of recipes in rounds.

    A configuration has ``arms`` with grids, as a
    :class:`~coordlib.lab.record.sweep.Sweep` has; ``splits``; and ``rounds``, each a
    dictionary of options of the training, all but the last with ``kept``: how many
    recipes of each split enter the next one. The rest is for the task. What is trained
    stands in the ``runs`` of the result; there ``test_...`` of a run on validation
    samples is of these.

    Attributes
    ----------
    task : callable
        From the rest of a configuration to the :class:`~coordlib.lab.record.task.Task`.
        Its splits depend on no seed, and each has one beside it for the choice, with
        the same name and "validation".
    """

    task: Callable[..., Task]

    def facts(self, config: dict) -> dict[str, Any]:
        """In what its networks compute, where that is not float32 alone."""
        arms = [arm["training"] for arm in config["arms"].values()]
        named = {
            (arm | of_round).get("precision", "float32")
            for arm in arms
            for of_round in config["rounds"]
        }
        return {"precision": sorted(named)} if named - {"float32"} else {}

    def fill(self, result: Result, seed: int, setting: Setting) -> float:
        """Do what is missing of all rounds; the last is that of all seeds wanted."""
        if seed >= CHOOSING_SEED:
            raise ValueError(
                f"seeds must be below {CHOOSING_SEED}, where those of the choice "
                f"begin, got {seed}"
            )
        config, first = result.config, not result.rows
        task, grid = task_of(self, config), grid_of(config)
        entries, choice = self._choose(result, task, grid, setting)
        seeds = dict.fromkeys((*setting.seeds, seed))
        last = config["rounds"][-1]
        wanted = [entered(one, last, own, "{}") for own in seeds for one in entries]
        runs = self._trained(result, task, wanted, setting, len(config["rounds"]))
        own = [run for run in runs if run["seed"] == seed]
        result.add(seed, final_rows(task, grid, entries, own))
        if first:  # what all seeds have in common
            result.rows += [{"seed": seed} | row for row in choice]
            own += [run for run in result.runs if run["seed"] >= CHOOSING_SEED]
        return sum(run["seconds"] for run in own)

    def _choose(
        self, result: Result, task: Task, entries: list[Entry], setting: Setting
    ) -> tuple[list[Entry], list[Row]]:
        """The recipes that are left after all rounds but the last, the best first."""
        choice = []
        for number, options in enumerate(result.config["rounds"][:-1], 1):
            seed = CHOOSING_SEED + number
            wanted = [entered(one, options, seed, VALIDATION) for one in entries]
            runs = self._trained(result, task, wanted, setting, number)
            choice += choice_rows(task, number, runs)
            entries = best(task, entries, runs, options["kept"])
        return entries, choice

    def _trained(
        self,
        result: Result,
        task: Task,
        wanted: list[Entry],
        setting: Setting,
        number: int,
    ) -> list[Run]:
        """Train what is not in the result yet; give all runs that are wanted."""
        done = {identity(run) for run in result.runs}
        todo = [as_job(one) for one in wanted if identity(one) not in done]
        # Alone on a CPU, as in a sweep.
        planned = stacks(task, todo) if side_by_side(setting.device) else todo
        title = f"round {number} of {len(result.config['rounds'])}"
        if todo:
            setting.report(f"{title}: {len(todo)} networks in {len(planned)} stacks")
        # The stacks of the first round are short, and large to write.
        folder = setting.folder if number > 1 else None
        where = setting.device, folder, setting.progress, setting.report
        for trained in here(task, planned, *where):
            runs = [run for run, _ in trained]
            result.runs += runs
            results.save(result, setting.where)
            setting.report(f"  {title}: {stack_line(task, runs)}")
        by_name = {identity(run): run for run in result.runs}
        return [by_name[identity(one)] for one in wanted]


def task_of(experiment: Halving, config: dict) -> Task:
    """The task of a configuration, which needs to know of no rounds."""
    rest = {k: v for k, v in config.items() if k not in ("rounds", "splits")}
    return made(experiment.task, rest)


def grid_of(config: dict) -> list[Entry]:
    """Every recipe of a configuration, on each of its splits."""
    planned = jobs(config["arms"], config["splits"], 0, False)
    return [
        {k: v for k, v in job.items() if k not in ("seed", "recipes")} | recipe
        for job in planned
        for recipe in job["recipes"]
    ]


def entered(entry: Entry, options: dict, seed: int, split: str) -> Entry:
    """What is trained of an entry in a round."""
    training = entry["training"] | {k: v for k, v in options.items() if k != "kept"}
    own = {"split": split.format(entry["split"]), "seed": seed, "training": training}
    return entry | own


def as_job(entry: Entry) -> dict:
    """The job of one network, as :func:`~coordlib.lab.record.sweep.jobs` has it."""
    shared = {k: v for k, v in entry.items() if k not in RECIPE}
    return shared | {"recipes": [{k: entry[k] for k in RECIPE}]}


def best(task: Task, entries: list[Entry], runs: list[Run], kept: int) -> list[Entry]:
    """The best recipes of each split by their runs, the best first.

    By the score on validation samples; of equals, by that on training samples.
    """
    sign = -1 if task.smaller_is_better else 1

    def place(pair: tuple[Entry, Run]) -> tuple[float, float, str]:
        trained = pair[1][f"train_{task.best}"]
        learnt = -inf if trained is None else sign * trained
        return task.rank(pair[1]), learnt, identity(pair[1])

    found = []
    for split in dict.fromkeys(entry["split"] for entry in entries):
        pairs = zip(entries, runs, strict=True)
        own = [pair for pair in pairs if pair[0]["split"] == split]
        found += [entry for entry, _ in sorted(own, key=place, reverse=True)[:kept]]
    return found


def choice_rows(task: Task, number: int, runs: list[Run]) -> list[Row]:
    """By recipe the scores of a round on training and on validation samples."""
    found = []
    for run in runs:
        split = run["split"].removesuffix(VALIDATION.format(""))
        scores = {
            "train_" + task.best: run["train_" + task.best],
            "validation_" + task.best: run["test_" + task.best],
        }
        axes = {"round": number, "split": split} | recipe_axes(run)
        found += rows({k: v for k, v in scores.items() if v is not None}, **axes)
    return found


def final_rows(
    task: Task, grid: list[Entry], entries: list[Entry], runs: list[Run]
) -> list[Row]:
    """What one fresh seed says of the recipes that were chosen, by split and rank.

    Returns
    -------
    list of Row
        With ``rank``, from 1: everything that was scored on training and test samples.
        Of each split ``recipes``, how many were searched; ``highest_train_...`` and
        ``highest_test_...`` of the chosen ones; and how many diverged, if any.
    """
    # In an order that does not depend on what was read from a file.
    found, ranks = [], dict.fromkeys((one["split"] for one in entries), 0)
    for run in runs:
        ranks[run["split"]] += 1
        axes = {"rank": ranks[run["split"]], "split": run["split"]}
        scored = {
            name: value
            for name, value in sorted(run.items())
            if name.startswith(("train_", "test_")) and value is not None
        }
        found += rows(scored, **axes, **recipe_axes(run))
    for split in ranks:
        own = [run for run in runs if run["split"] == split]
        found += rows(
            {"recipes": sum(one["split"] == split for one in grid)}, split=split
        )
        for name in (f"train_{task.best}", f"test_{task.best}"):
            there = [run[name] for run in own if run[name] is not None]
            if there:
                found += rows({f"highest_{name}": max(there)}, split=split)
        if diverged := sum(run.get("diverged", False) for run in own):
            found += rows({"diverged": diverged}, split=split)
    return found


def recipe_axes(run: Run) -> dict[str, Any]:
    """What tells the recipe of a run from others: of network and of training."""
    named = {
        k: run["training"][k] for k in ("batch_size", "loss") if k in run["training"]
    }
    return {"arm": run["arm"]} | run["network"] | named | {k: run[k] for k in RECIPE}


def stack_line(task: Task, runs: list[Run]) -> str:
    """What became of the networks of one stack, in one line, with their rate."""
    seconds = sum(run["seconds"] for run in runs)
    steps = max(run["curve"][-1]["step"] for run in runs)
    network = " ".join(f"{k} {v}" for k, v in runs[0]["network"].items())
    scores = [s for run in runs if (s := run[f"test_{task.best}"]) is not None]
    shown = f"{min(scores):.3f} to {max(scores):.3f}" if scores else "no number"
    diverged = sum(run.get("diverged", False) for run in runs)
    mark = f", {diverged} diverged" if diverged else ""
    return (
        f"{len(runs)} networks, {network}: {steps} steps, "
        f"{steps / max(seconds, 1e-9):.0f} a second, {seconds:.1f} s; "
        f"{task.best} {shown}{mark}"
    )
