"""Measuring an experiment: what is there stays, and what was begun goes on."""

import json
import shutil
from collections.abc import Callable, Iterable

import torch

from coordlib.arguments import (
    check_callable,
    check_flag,
    check_instance,
    check_integer,
)
from coordlib.lab.data.storage import noting
from coordlib.lab.record import results
from coordlib.lab.record.device import best_device, spare_cpu
from coordlib.lab.record.experiment import Experiment, Setting
from coordlib.lab.record.result import Result
from coordlib.lab.record.results import Where


def run(
    experiment: Experiment,
    preset: str,
    *,
    seeds: Iterable[int] = (0,),
    device: str = "auto",
    where: Where = None,
    report: Callable[[str], None] = print,
    progress: bool = False,
    dask: str | None = None,
    force: bool = False,
) -> Result:
    """Measure an experiment for each seed, and keep what is already measured.

    The result file is written after every seed, and in a sweep after every job. A
    run that was killed ends with the numbers it would have had: a sweep goes on where
    it was, inside a training too; a trial measures the seed that it was at anew.

    Parameters
    ----------
    experiment : Experiment
    preset : {"quick", "cpu", "decisive", "paper"}
    seeds : iterable of int
        At least one, none negative.
    device : str
        As for :func:`coordlib.lab.record.device.best_device`; with ``dask``, of its
        workers.
    where : str or Path, optional
        The folder of results; that of the checkout if not given.
    report : callable
        Takes one line of text at a time.
    progress : bool
        Show a bar for each training.
    dask : str, optional
        The address of a Dask scheduler, to spread a sweep over its workers.
    force : bool
        Measure again what was measured. A result that is there, damaged or of another
        configuration perhaps, is renamed to end in ``.old``.

    Raises
    ------
    TypeError
        If a seed is no integer.
    ValueError
        If the preset is unknown, there is no seed, the file holds a run of another
        configuration, an experiment that is no sweep is to be spread, or no folder is
        given and there is no checkout.
    OSError
        If the folder cannot be written, is nearly full, or another process is at it.
    """
    check_instance("experiment", experiment, Experiment, "an Experiment")
    seeds = _seeds(seeds)
    check_callable("report", report)
    check_flag("progress", progress)
    check_flag("force", force)
    if dask is not None:
        check_instance("dask", dask, str, "an address")
    # As a file holds it: what goes on from one is then what began without.
    config = json.loads(json.dumps(experiment.config(preset), sort_keys=True))
    if dask is not None and not experiment.spreads:
        raise ValueError(
            f"{experiment.name} is no sweep: there is nothing to spread over Dask "
            f"(dask={dask!r})"
        )
    results.check_writable(where)
    chosen = _chosen(device, dask)
    if chosen.type == "cpu":
        spare_cpu()
    name = f"{experiment.name} {preset}"
    # The folder is held, and written once, before any work is done.
    with results.alone(experiment.name, preset, where) as folder:
        if force:
            for old in results.put_aside(experiment.name, preset, where):
                report(f"kept as {old}")
            for begun in (*folder.glob("*.npz"), *folder.glob("*.pt")):
                begun.unlink()
        result = _begun(experiment.name, preset, config, where)
        results.save(result, where)
        for seed in seeds:
            if seed in result.seeds:
                report(f"{name} seed {seed}: measured before")
                continue
            setting = Setting(
                device=chosen,
                folder=folder,
                where=where,
                progress=progress,
                report=report,
                dask=dask,
                seeds=tuple(seeds),
            )
            with noting() as seen:
                seconds = experiment.fill(result, seed, setting)
            proven = results.provenance(best_device("cpu" if dask else chosen), seconds)
            if dask:  # where it was measured: this machine may have no such device
                proven["device"] = _devices(result, seed)
            proven |= experiment.facts(config)
            result.provenance[str(seed)] = proven | ({"data": seen} if seen else {})
            results.save(result, where)
            report(f"{name} seed {seed}: {seconds:.1f} s")
        shutil.rmtree(folder, ignore_errors=True)
    return result


def _chosen(device: str, dask: str | None) -> torch.device:
    """Where to measure: here, or on the workers of a cluster."""
    if dask is None:
        return best_device(device)
    from coordlib.lab.record.spread import workers_device  # needs Dask

    return workers_device(dask, device)


def _devices(result: Result, seed: int) -> str:
    """Where the networks of a seed were trained."""
    named = {run["device"] for run in result.runs if run["seed"] == seed}
    return ", ".join(sorted(named))


def _seeds(seeds: Iterable[int]) -> list[int]:
    if isinstance(seeds, str) or not isinstance(seeds, Iterable):
        raise TypeError(f"seeds must be integers, got {seeds!r}")
    found = [check_integer("seeds", seed, at_least=0) for seed in seeds]
    if not found:
        raise ValueError("seeds must hold at least one seed, got none")
    return found


def _begun(name: str, preset: str, config: dict, where: Where) -> Result:
    file = results.path(name, preset, where)
    result = results.load(file) if file.exists() else Result(name, preset, config)
    if result.config != config:
        raise ValueError(
            f"{file} was measured with another configuration; move it away, or "
            "measure again with --force"
        )
    return result
