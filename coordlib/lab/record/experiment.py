"""An experiment: a question, its sizes, and how one seed of it is measured."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import torch

from coordlib.arguments import check_instance
from coordlib.lab.record import results
from coordlib.lab.record.arrays import Kept
from coordlib.lab.record.result import Result, Row
from coordlib.lab.record.results import Where

KEPT_SEED = 0
"""The seed whose tensors are kept with the result."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Where and how a seed is measured.

    Attributes
    ----------
    device : torch.device
    folder : Path, optional
        For checkpoints, until all is measured.
    where : str or Path, optional
        The folder of results, for an experiment that reads others.
    progress : bool
        Whether to show a bar for each training.
    report : callable
        Takes one line of text at a time.
    dask : str, optional
        The address of a Dask scheduler.
    seeds : tuple of int
        All that are wanted: a sweep may train networks of several side by side.
    kept : list of Kept
        What a measurement puts there is kept with the result of the first seed: for
        figures.
    """

    device: torch.device = field(default_factory=partial(torch.device, "cpu"))
    folder: Path | None = None
    where: Where = None
    progress: bool = False
    report: Callable[[str], None] = print
    dask: str | None = None
    seeds: tuple[int, ...] = ()
    kept: list[Kept] = field(default_factory=list)


@dataclass(frozen=True)
class Experiment:
    """A question that is answered by measuring.

    Attributes
    ----------
    name : str
    question : str
        In one line.
    presets : dict of str to dict
        The configuration of each size, of "quick", "cpu" and "paper"; of "decisive"
        where that is not the one of "cpu".
    """

    name: str
    question: str
    presets: dict[str, dict]
    spreads: ClassVar[bool] = False
    """Whether its work can be spread over a cluster."""

    @property
    def sizes(self) -> tuple[str, ...]:
        """The presets there are, smallest first."""
        return tuple(size for size in results.PRESETS if size in self.presets)

    def config(self, preset: str) -> dict:
        """The configuration of a preset."""
        check_instance("preset", preset, str, "the name of a size")
        if preset == "decisive" and preset not in self.presets:
            preset = "cpu"
        if preset not in self.presets:
            raise ValueError(
                f"{self.name} has no preset {preset!r}; it has {', '.join(self.sizes)}"
            )
        return self.presets[preset]

    def facts(self, config: dict) -> dict[str, Any]:
        """What a provenance says beside the device, the versions and the time."""
        return {}

    def fill(self, result: Result, seed: int, setting: Setting) -> float:
        """Measure a seed, add it to a result, and give the seconds that it took."""
        raise NotImplementedError


@dataclass(frozen=True)
class Trial(Experiment):
    """An experiment that measures all of a seed at once.

    One that is stopped measures the seed that it was at anew, but for the trainings
    that ``measure`` itself checkpoints in the folder of its setting.

    Attributes
    ----------
    measure : callable
        ``measure(seed, setting, **config)`` gives rows.
    """

    measure: Callable[..., list[Row]]

    def fill(self, result: Result, seed: int, setting: Setting) -> float:
        start = time.perf_counter()
        measured = self.measure(seed, setting, **result.config)
        seconds = time.perf_counter() - start
        result.add(seed, measured)
        if setting.kept and seed == KEPT_SEED:
            results.save_weights(
                setting.kept, result.experiment, result.preset, setting.where
            )
        return seconds


def options(config: dict) -> dict[str, Any]:
    """A configuration without its arms: what its task is made from."""
    return {name: value for name, value in config.items() if name != "arms"}
