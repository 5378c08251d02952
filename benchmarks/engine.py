"""What one step of networks side by side asks of a device, and how long that may take.

``python -m benchmarks.engine [EXPERIMENT ...]`` counts, for every stack of a sweep's
preset, the kernels of one step, their operations and the bytes they read and write, and
adds up what an H100 would need for them and for the whole preset. Nothing is computed:
the networks have shapes and no numbers (torch's device "meta"). An estimate, until one
is measured there.

``python -m benchmarks.engine --here`` measures on this machine: networks side by side
beside one after another, and a step of ``fit`` beside the shortest loop by hand.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import count
from time import process_time

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.kernels import H100, Counter
from benchmarks.timing import paired, ratio
from coordlib.lab import experiments
from coordlib.lab.models.cifar import ResNet
from coordlib.lab.models.painters import CoordConvPainter, DeconvPainter
from coordlib.lab.models.regressors import ConvRegressor
from coordlib.lab.record.experiment import Experiment
from coordlib.lab.record.halving import (
    VALIDATION,
    Halving,
    as_job,
    entered,
    grid_of,
    task_of,
)
from coordlib.lab.record.sweep import Sweep, jobs, stacks
from coordlib.lab.record.task import Task, made
from coordlib.lab.training.checks import count_steps
from coordlib.lab.training.course import PRECISIONS, Course, Recipes
from coordlib.lab.training.device import denormals_flushed
from coordlib.lab.training.loop import (
    Augment,
    Draw,
    Prepare,
    fit,
    shuffled,
)
from coordlib.lab.training.losses import pixel_cross_entropy
from coordlib.lab.training.schedules import schedule_factors
from coordlib.lab.training.stacked import Alone, SideBySide

SWEEPS = (
    "coordinate-classification",
    "rendering",
    "coordinate-regression",
    "regression-readouts",
    "vae",
    "encodings",
)
"""Sweeps whose worlds are made by rule: nothing is read to count their steps."""


def prepared_on(device: str | torch.device, task: Task, job: dict) -> SideBySide:
    """The trainer of a stack, before its first step.

    On the device "meta" its networks have shapes and no numbers.
    """
    each = [job | recipe for recipe in job["recipes"]]
    training = dict(job["training"])
    with torch.device(device):
        models = [task.networks[run["arm"]](**run["network"]) for run in each]
    chosen = [task.splits(run["seed"])[run["split"]][0] for run in each]
    length = training.get("steps"), training.get("epochs"), training["batch_size"]
    counted = [count_steps(len(own), *length) for own in chosen]
    schedule = training.get("schedule", "constant")
    moving = {steps: schedule_factors(schedule, steps) for steps, _ in counted}
    recipes = Recipes(
        [run["lr"] for run in each],
        [run["weight_decay"] for run in each],
        (0.9, 0.99),
        [moving[steps] for steps, _ in counted],
        training.get("precision", "float32"),
        training.get("method", "adam"),
    )
    augment = training.get("augment")
    course = Course(
        *(task.inputs.to(device), task.targets.to(device), chosen, False),
        *(counted[0][1], [run["seed"] for run in each]),
        *(augment and task.augmentations[augment], task.draw, task.prepare),
    )
    loss = task.losses[training.get("loss", next(iter(task.losses)))]
    trainer = SideBySide(models, loss, course, recipes)
    for model in models:
        model.train()
    trainer.begin(0)
    return trainer


def counted(trainer: SideBySide) -> Counter:
    """Count the kernels of one step, batch and optimiser included.

    Of the second one: before the first, orders are drawn on the host for many.
    """
    for step in (1, 2):
        # The first as well: on "meta" a fused optimiser runs in a counter alone.
        with Counter() as counter:
            trainer.step(step)
    return counter


def planned(
    experiment: Experiment, config: dict, seeds: int = 1
) -> Iterator[tuple[Task, dict]]:
    """The stacks of so many seeds of an experiment, each with its task.

    Of a search by halving, five seeds in its last round, whatever is asked for. Which
    recipes are left by then nobody knows before: as if they came from all over the
    grid.
    """
    if isinstance(experiment, Halving):
        task, entries = task_of(experiment, config), grid_of(config)
        *choosing, last = config["rounds"]
        for options in choosing:
            wanted = [entered(one, options, 0, VALIDATION) for one in entries]
            yield from ((task, job) for job in stacks(task, map(as_job, wanted)))
            entries = _spread(entries, options["kept"])
        wanted = [
            entered(one, last, seed, "{}") for seed in range(5) for one in entries
        ]
        yield from ((task, job) for job in stacks(task, map(as_job, wanted)))
        return
    if not isinstance(experiment, Sweep):
        raise ValueError(f"{experiment.name} is no sweep: it has no stacks to count")
    task = made(experiment.task, config)
    if not isinstance(task, Task):
        raise ValueError(f"{experiment.name} does not learn from samples")
    wanted = [
        job
        for seed in range(seeds)
        for job in jobs(config["arms"], task.splits(seed), seed, True)
    ]
    yield from ((task, job) for job in stacks(task, wanted))


def _spread(entries: list[dict], kept: int) -> list[dict]:
    """So many of each split, evenly over the grid."""
    found = []
    for split in dict.fromkeys(entry["split"] for entry in entries):
        own = [entry for entry in entries if entry["split"] == split]
        found += own[:: max(1, len(own) // kept)][:kept]
    return found


def table(names: Iterable[str], preset: str, precision: str | None = None) -> None:
    """Print what the stacks of some sweeps need, and how long an H100 may take.

    In the precision of the preset, if none is given.
    """
    print(
        f"{'experiment, stack':44s} {'nets':>4s} {'steps':>7s} {'kernels':>7s} "
        f"{'GFLOP':>7s} {'MB':>7s} {'ms':>6s} {'s':>7s}"
    )
    for name in names:
        experiment, total = experiments.find(name), 0.0
        config = experiment.config(preset)
        for task, job in planned(experiment, config):
            if precision is not None:
                job["training"] = job["training"] | {"precision": precision}
            trainer = prepared_on("meta", task, job)
            steps = len(trainer.rates)
            kernels = counted(trainer).kernels
            step = sum(kernel.seconds(H100) for kernel in kernels)
            total += step * steps
            network = " ".join(str(v) for v in job["network"].values())
            title = f"{name} {job['recipes'][0]['arm']} {network}"
            title += f" batch {trainer.course.batch_size}"
            print(
                f"{title:44.44s} {len(job['recipes']):4d} {steps:7d} "
                f"{len(kernels):7d} {sum(k.operations for k in kernels) / 1e9:7.1f} "
                f"{sum(k.bytes for k in kernels) / 1e6:7.0f} {1e3 * step:6.2f} "
                f"{step * steps:7.0f}",
                flush=True,
            )
        seeds = "five seeds" if isinstance(experiment, Halving) else "one seed"
        print(f"{name} at {preset} size, {seeds}: {total:.0f} s\n", flush=True)


def small_cases() -> dict[
    str, tuple[Callable[[], nn.Module], Tensor, Tensor, Callable]
]:
    """Networks of each kind at the size that a CPU measures, with samples and loss."""
    generator = torch.Generator().manual_seed(0)
    positions = torch.rand(512, 2, generator=generator) * 2 - 1
    pixels = torch.randint(0, 64 * 64, (512,), generator=generator)
    pictures = torch.rand(512, 3, 32, 32, generator=generator)
    labels = torch.randint(0, 10, (512,), generator=generator)
    squares = torch.rand(512, 1, 64, 64, generator=generator)
    painted = positions, pixels, pixel_cross_entropy
    return {
        "deconv painter": (DeconvPainter, *painted),
        "CoordConv painter": (CoordConvPainter, *painted),
        "regressor": (ConvRegressor, squares, positions, F.mse_loss),
        "ResNet": (partial(ResNet, width=0.25), pictures, labels, F.cross_entropy),
    }


def trainer_of(
    kind: type,
    make: Callable,
    networks: int,
    data: list,
    batch: int = 32,
    augment: Augment | None = None,
    draw: Draw | None = None,
    prepare: Prepare | None = None,
    precision: str = "float32",
) -> Alone | SideBySide:
    """A trainer of so many networks of one make, where the samples are."""
    x, y, loss = data
    models = []
    for seed in range(networks):
        torch.manual_seed(seed)
        models.append(make().to(x.device).train())
    rates, factors = [0.001] * networks, [[1.0] * 10_000] * networks
    recipes = Recipes(rates, [0.0] * networks, (0.9, 0.99), factors, precision)
    whole = [torch.arange(len(x))] * networks
    seeds = list(range(networks))
    course = Course(x, y, whole, True, batch, seeds, augment, draw, prepare)
    trainer = kind(models, loss, course, recipes)
    trainer.begin(0)
    return trainer


def side_by_side(networks: int, rounds: int) -> None:
    """Print how long networks take side by side, beside one after another."""
    print(f"{networks} networks side by side / one after another, a step each")
    for name, (make, *data) in small_cases().items():
        stack = stepping(trainer_of(SideBySide, make, networks, data))
        each = [stepping(trainer_of(Alone, make, 1, data)) for _ in range(networks)]
        in_turn = partial(_all, each)
        _report(name, {"together": stack, "in turn": in_turn}, rounds)


def beside_a_loop_by_hand(rounds: int, steps: int = 8) -> None:
    """Print how long trainings take in our loop, beside the shortest one by hand."""
    print(f"{steps} steps of fit / of the shortest loop by hand")
    for name, (make, x, y, loss) in small_cases().items():
        torch.manual_seed(0)
        ours, theirs = make(), make()
        work = {
            "ours": partial(fit, ours, x, y, loss, steps=steps),
            "by hand": partial(by_hand, theirs, x, y, loss, steps),
        }
        _report(name, work, rounds)


def by_hand(
    model: nn.Module, x: Tensor, y: Tensor, loss: Callable, steps: int, size: int = 32
) -> None:
    """A training as a page would write it."""
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001, betas=(0.9, 0.99))
    batches = shuffled(len(x), size, seed=0)
    for _ in range(steps):
        batch = next(batches)
        optimizer.zero_grad()
        loss(model(x[batch]), y[batch]).backward()
        optimizer.step()


def stepping(trainer: Alone | SideBySide) -> Callable[[], Tensor]:
    """Take the next step whenever it is called."""
    numbers = count(1)
    return lambda: trainer.step(next(numbers))


def _all(calls: list[Callable]) -> None:
    for call in calls:
        call()


def _report(name: str, work: dict[str, Callable], rounds: int) -> None:
    # Time of the processor; still, neighbours take memory and caches from a turn, and
    # the shortest turn of each is the one that they disturbed least.
    times = paired(work, rounds=rounds, clock=process_time)
    found, (ours, other) = ratio(times, *work), (min(times[key]) for key in work)
    print(
        f"{name:20s} {ours / other:5.2f} of the shortest turns, {found.median:.2f} of "
        f"all ({found.low:.2f} to {found.high:.2f})",
        flush=True,
    )


def main(arguments: list[str] | None = None) -> int:
    """Print the tables that are asked for; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine")
    parser.add_argument("names", nargs="*", help="sweeps; those made by rule if none")
    parser.add_argument("--preset", default="paper")
    parser.add_argument("--precision", choices=PRECISIONS, help="the preset's")
    parser.add_argument("--here", action="store_true", help="measure on this machine")
    parser.add_argument("--networks", type=int, default=6, help="with --here (6)")
    parser.add_argument("--rounds", type=int, default=7, help="with --here (7)")
    asked = parser.parse_args(arguments)
    try:
        if asked.here:
            with denormals_flushed():
                side_by_side(asked.networks, asked.rounds)
                beside_a_loop_by_hand(asked.rounds)
        else:
            table(asked.names or SWEEPS, asked.preset, asked.precision)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
