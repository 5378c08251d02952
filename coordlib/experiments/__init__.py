"""Measurements behind the pages, one module each.

An experiment module has a one-line docstring, a dictionary ``PRESETS`` of
configurations, and ``measure(seed, device, **config)``, which returns its metrics
as a dictionary of numbers. What several of them share stands in :mod:`.arms`.
"""

import time
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from types import ModuleType

from coordlib import results
from coordlib.device import best_device
from coordlib.results import Result

NAMES = (
    "coordinate-classification",
    "coordinate-regression",
    "garments",
    "handmade-decoder",
    "rendering",
    "subsampling",
    "zero-weights",
)


def find(name: str) -> ModuleType:
    """The module of an experiment.

    Raises
    ------
    ValueError
        If there is no such experiment; the message lists those there are.
    """
    if name not in NAMES:
        raise ValueError(f"no experiment {name!r}; there are {', '.join(NAMES)}")
    return import_module(f"coordlib.experiments.{name.replace('-', '_')}")


def presets(name: str) -> tuple[str, ...]:
    """The presets of an experiment, smallest first."""
    return tuple(p for p in results.PRESETS if p in find(name).PRESETS)


def run(
    name: str,
    preset: str,
    *,
    seeds: Iterable[int] = (0,),
    device: str = "auto",
    where: Path | None = None,
    report: Callable[[str], None] = print,
) -> Result:
    """Measure an experiment for each seed, and keep what is already measured.

    The result file is written after every seed, so a run that was killed goes on
    with the first seed that is missing.

    Parameters
    ----------
    name : str
    preset : {"quick", "cpu", "paper"}
    seeds : iterable of int
    device : str
        As for :func:`coordlib.device.best_device`.
    where : Path, optional
        The folder of results; :func:`coordlib.results.folder` if not given.
    report : callable
        Takes one line of text at a time.

    Returns
    -------
    Result

    Raises
    ------
    ValueError
        If the experiment or the preset is unknown, or the file holds a run of
        another configuration.
    """
    module = find(name)
    if preset not in module.PRESETS:
        raise ValueError(
            f"{name} has no preset {preset!r}; it has {', '.join(presets(name))}"
        )
    config = module.PRESETS[preset]
    file = results.path(name, preset, where)
    result = results.load(file) if file.exists() else Result(name, preset, config)
    if result.config != config:
        raise ValueError(
            f"{file} was measured with another configuration; move it away to "
            "measure anew"
        )
    chosen = best_device(device)
    results.save(result, where)  # an unwritable folder shows now, not in hours
    for seed in map(str, seeds):
        if seed in result.seeds:
            report(f"{name} {preset} seed {seed}: measured before")
            continue
        start = time.perf_counter()
        result.seeds[seed] = module.measure(int(seed), chosen, **config)
        seconds = time.perf_counter() - start
        result.provenance[seed] = results.provenance(chosen, seconds)
        results.save(result, where)
        report(f"{name} {preset} seed {seed}: {seconds:.1f} s")
    return result
