"""What a step of networks side by side takes on a device, beside what it should.

``python -m benchmarks.rates --device cuda``; with ``--device cpu`` it is only tried
out. With names of sweeps it takes a few steps of each of their stacks, and says how
long the whole would take. :mod:`benchmarks.engine` estimates the same from counted
kernels.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.engine import planned, prepared_on, stepping, trainer_of
from coordlib.lab import experiments
from coordlib.lab.models.cifar import VGG, ResNet
from coordlib.lab.models.painters import DeconvPainter
from coordlib.lab.record.device import best_device
from coordlib.lab.training.course import PRECISIONS
from coordlib.lab.training.device import device_seconds
from coordlib.lab.training.losses import pixel_cross_entropy
from coordlib.lab.training.stacked import SideBySide

WARM = 6
"""Steps that warm up and capture."""


@dataclass(frozen=True)
class Case:
    """A stack whose step is timed.

    Attributes
    ----------
    make : callable
        Of one network.
    networks, batch : int
    kind : {"dots", "pictures"}
        What it learns.
    goal : float
        Milliseconds that a step should take on an H100.
    """

    make: Callable[[], nn.Module]
    networks: int
    batch: int
    kind: str
    goal: float


def cases() -> dict[str, Case]:
    """The stacks whose steps should be quick, by what they are of."""
    found = {}
    for width, kernel, goal in ((1, 3, 1.0), (3, 4, 5.0)):
        make = partial(DeconvPainter, width=width, kernel_size=kernel)
        found[f"painters, width {width}, kernel {kernel}"] = Case(
            make, 36, 32, "dots", goal
        )
    # 50,000 pictures, 16 epochs in 2.5 s a network, and 10 in 1.8 s.
    for name, make, seconds in (
        ("VGG, width 1/2", partial(VGG, width=0.5), 2.5 / (16 * 50_000)),
        ("ResNet", ResNet, 1.8 / (10 * 50_000)),
    ):
        for networks, batch in ((10, 128), (10, 512), (1, 512)):
            goal = 1000 * seconds * networks * batch
            case = Case(make, networks, batch, "pictures", goal)
            found[f"{name}, batches of {batch}, {networks}"] = case
    return found


def samples(kind: str, device: torch.device) -> list:
    """Samples, targets and loss of a kind; random numbers cost what others do."""
    generator = torch.Generator().manual_seed(0)
    if kind == "dots":
        x, loss = torch.rand(2048, 2, generator=generator) * 2 - 1, pixel_cross_entropy
        y = torch.randint(0, 64 * 64, (2048,), generator=generator)
    else:
        x, loss = torch.rand(4096, 3, 32, 32, generator=generator), F.cross_entropy
        y = torch.randint(0, 10, (4096,), generator=generator)
    return [x.to(device), y.to(device), loss]


def milliseconds(case: Case, device: torch.device, precision: str, steps: int) -> float:
    """How long a step takes, once it is captured."""
    data = samples(case.kind, device)
    how = {"batch": case.batch, "precision": precision}
    make = partial(_laid_out, case.make) if case.kind == "pictures" else case.make
    trainer = trainer_of(SideBySide, make, case.networks, data, **how)
    return _milliseconds(trainer, device, steps)


def _milliseconds(trainer: SideBySide, device: torch.device, steps: int) -> float:
    take = stepping(trainer)
    for _ in range(WARM):
        take()
    before = device_seconds(device)
    for _ in range(steps):
        take()
    return 1000 * (device_seconds(device) - before) / steps


def _laid_out(make: Callable[[], nn.Module]) -> nn.Module:
    return make().to(memory_format=torch.channels_last)


def sweep(name: str, preset: str, seeds: int, device: torch.device, steps: int) -> None:
    """Print what a step of each stack of a sweep takes, and all its steps together."""
    experiment, total = experiments.find(name), 0.0
    for task, job in planned(experiment, experiment.config(preset), seeds):
        trainer = prepared_on(device, task, job)
        each, whole = _milliseconds(trainer, device, steps), len(trainer.rates)
        total += each * whole / 1000
        title = f"{name} {job['recipes'][0]['arm']}"
        print(
            f"{title:44.44s} {len(job['recipes']):4d} nets {whole:7d} steps "
            f"{each:7.2f} ms {each * whole / 1000:7.1f} s",
            flush=True,
        )
    print(f"{name} at {preset} size, {seeds} seeds: {total:.0f} s", flush=True)


def main(arguments: list[str] | None = None) -> None:
    """Print what a step of each case takes in each precision."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rates")
    parser.add_argument("names", nargs="*", help="sweeps, in place of the usual cases")
    parser.add_argument("--preset", default="decisive")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--steps", type=int, default=30)
    asked = parser.parse_args(arguments)
    device = best_device(asked.device)
    for name in asked.names:
        sweep(name, asked.preset, asked.seeds, device, asked.steps)
    if asked.names:
        return
    print(f"{'networks side by side':36s} {'nets':>4s} {'goal':>9s}  ms a step")
    for name, case in cases().items():
        found = [
            f"{milliseconds(case, device, one, asked.steps):7.2f} {one}"
            for one in PRECISIONS
        ]
        print(
            f"{name:36s} {case.networks:4d} {case.goal:6.2f} ms  {', '.join(found)}",
            flush=True,
        )


if __name__ == "__main__":
    main()
