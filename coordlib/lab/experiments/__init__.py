"""Measurements behind the pages, one module each.

An experiment module has a one-line docstring and a dictionary ``PRESETS`` of
configurations. It either measures all at once, in a function ``measure(seed, device,
**config)`` that returns its metrics as a dictionary of numbers, and tensors for figures
as ``group/name``; or it is a sweep, with
``task(**config)`` and ``summarise(task, runs)`` as
:mod:`coordlib.lab.record.sweeps` tells, and ``arms``
in each configuration. A sweep of networks also has a function ``contest`` of whatever
in the configuration its networks depend on: with it and the result a trained network is
known, and no data are needed. A ``measure`` that takes long may also have the
parameters ``folder``, to keep checkpoints in until all is measured, and ``progress``;
one that reads other results, ``where`` they are.
"""

import json
import shutil
import time
from collections.abc import Callable, Iterable
from importlib import import_module
from inspect import signature
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor, nn

from coordlib.arguments import check_integer
from coordlib.lab.record import results, sweeps
from coordlib.lab.record.results import Result, Where
from coordlib.lab.training.device import best_device

KEPT_SEED = 0
"""The seed whose best networks are kept with the result."""

MODULES = {
    "architectures": "aliasing.architectures",
    "atari": "play.atari",
    "classification": "classification.classification",
    "classification-control": "classification.classification_control",
    "coordinate-classification": "coordinates.coordinate_classification",
    "coordinate-regression": "coordinates.coordinate_regression",
    "cost": "coordinates.cost",
    "detection": "detection.detection",
    "detection-clipped": "detection.detection_clipped",
    "encodings": "coordinates.encodings",
    "gan": "generation.gan",
    "garments": "aliasing.garments",
    "handmade-decoder": "coordinates.handmade_decoder",
    "interplay": "coordinates.interplay",
    "layer-maps": "aliasing.layer_maps",
    "normalisation": "normalisation.painters",
    "normalisation-company": "normalisation.company",
    "normalisation-mechanism": "normalisation.mechanism",
    "normalisation-rates": "normalisation.rates",
    "normalisation-regression": "normalisation.regression",
    "normalisation-rendering": "normalisation.rendering",
    "normalisation-sizes": "normalisation.sizes",
    "normalisation-suspects": "normalisation.suspects",
    "normalisation-tuning": "normalisation.tuning",
    "padding-position": "coordinates.padding_position",
    "photographs": "generation.photographs",
    "pictures": "aliasing.pictures",
    "play": "play.play",
    "play-coordified": "play.play_coordified",
    "play-q": "play.play_q",
    "pretrained": "aliasing.pretrained",
    "regression-readouts": "coordinates.regression_readouts",
    "rendering": "coordinates.rendering",
    "robustness": "aliasing.robustness",
    "subsampling": "aliasing.subsampling",
    "translation": "aliasing.translation",
    "vae": "generation.vae",
    "zero-weights": "coordinates.zero_weights",
}
"""By the name of an experiment, where it is measured."""

NAMES = tuple(MODULES)


def find(name: str) -> ModuleType:
    """The module of an experiment.

    Raises
    ------
    ValueError
        If there is no such experiment; the message lists those there are.
    """
    if name not in NAMES:
        raise ValueError(f"no experiment {name!r}; there are {', '.join(NAMES)}")
    return import_module(f"coordlib.lab.experiments.{MODULES[name]}")


def presets(name: str) -> tuple[str, ...]:
    """The presets of an experiment, smallest first."""
    return tuple(p for p in results.PRESETS if p in find(name).PRESETS)


def best_network(name: str, arm: str, split: str, where: Where = None) -> nn.Module:
    """Give the best network of an arm on a split, trained, as the results keep it.

    Parameters
    ----------
    name : str
        A sweep of networks; its result at the largest preset with a finished seed
        is read.
    arm, split : str
    where : str or Path, optional
        The folder of results; :func:`coordlib.lab.record.results.folder` if not given.

    Returns
    -------
    nn.Module
        In evaluation mode, on the CPU. What it takes and gives is what
        ``find(name).task(...)`` says; its data are not read.

    Raises
    ------
    ValueError
        If there is no such experiment, or it is no sweep of networks.
    FileNotFoundError
        If it was not measured, or keeps no weights.
    KeyError
        If no such network is kept; the message lists those that are.
    """
    module, result = find(name), results.best(name, where)
    if not hasattr(module, "contest"):
        raise ValueError(f"{name} is no sweep of networks: there is no best one")
    if result is None:
        raise FileNotFoundError(
            f"no result of {name}; measure it with 'python -m coordlib run {name}'"
        )
    weights = results.load_weights(name, result.preset, f"{arm}_{split}", where)
    contest = sweeps.contest_of(module, result.config)
    which = {"arm": arm, "split": split, "seed": KEPT_SEED}
    recipe = sweeps.best_run(contest, result.runs, **which)["network"]
    model = contest.networks[arm](**recipe)
    if weights.keys() != model.state_dict().keys():
        raise FileNotFoundError(f"{name} keeps {', '.join(weights)}, and no weights")
    model.load_state_dict(weights)
    return model.eval()


def run(
    name: str,
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
    run that was killed goes on where it was, inside a training too, and ends with
    the numbers it would have had.

    Parameters
    ----------
    name : str
    preset : {"quick", "cpu", "paper"}
    seeds : iterable of int
        At least one, none negative.
    device : str
        As for :func:`coordlib.lab.training.device.best_device`.
    where : str or Path, optional
        The folder of results; :func:`coordlib.lab.record.results.folder` if not given.
    report : callable
        Takes one line of text at a time.
    progress : bool
        Show a bar for each training.
    dask : str, optional
        The address of a Dask scheduler, to spread a sweep over its workers.
    force : bool
        Measure again what was measured. A result that is there, damaged or of another
        configuration perhaps, is renamed to end in ``.old``.

    Returns
    -------
    Result

    Raises
    ------
    TypeError
        If a seed is no integer.
    ValueError
        If the experiment or the preset is unknown, there is no seed, the file holds a
        run of another configuration, an experiment that is no sweep is to be spread,
        or no folder is given and there is none but that of the package.
    OSError
        If the folder cannot be written, is nearly full, or another process is at it.
    """
    module = find(name)
    if preset not in module.PRESETS:
        raise ValueError(
            f"{name} has no preset {preset!r}; it has {', '.join(presets(name))}"
        )
    if dask and not hasattr(module, "task"):
        raise ValueError(f"{name} is no sweep: there is nothing to spread over Dask")
    seeds = [check_integer("seeds", seed, at_least=0) for seed in seeds]
    if not seeds:
        raise ValueError("seeds must hold at least one seed, got none")
    results.check_writable(where)
    config = module.PRESETS[preset]
    chosen = best_device(device)
    # The folder is held, and written once, before any work is done.
    with results.alone(name, preset, where) as folder:
        if force:
            for old in results.put_aside(name, preset, where):
                report(f"kept as {old}")
            for begun in (*folder.glob("*.npz"), *folder.glob("*.pt")):
                begun.unlink()
        result = _begun(name, preset, config, where)
        results.save(result, where)
        for seed in seeds:
            if str(seed) in result.seeds:
                report(f"{name} {preset} seed {seed}: measured before")
                continue
            start = time.perf_counter()
            if hasattr(module, "task"):
                seconds = _sweep(
                    module, result, seed, chosen, where, folder, report, progress, dask
                )
            else:
                offered = {"folder": folder, "progress": progress, "where": where}
                taken = offered.keys() & signature(module.measure).parameters.keys()
                extra = {name: offered[name] for name in taken}
                measured = module.measure(seed, chosen, **config, **extra)
                seconds = time.perf_counter() - start
                kept = {k: v for k, v in measured.items() if isinstance(v, Tensor)}
                metrics = {k: v for k, v in measured.items() if k not in kept}
                result.seeds[str(seed)] = metrics
                if kept and seed == KEPT_SEED:
                    results.save_weights(kept, name, preset, where)
            result.provenance[str(seed)] = results.provenance(chosen, seconds)
            results.save(result, where)
            report(f"{name} {preset} seed {seed}: {seconds:.1f} s")
        shutil.rmtree(folder, ignore_errors=True)
    return result


def _begun(name: str, preset: str, config: dict, where: Where) -> Result:
    file = results.path(name, preset, where)
    result = results.load(file) if file.exists() else Result(name, preset, config)
    if result.config != json.loads(json.dumps(config)):
        raise ValueError(
            f"{file} was measured with another configuration; move it away, or "
            "measure again with --force"
        )
    return result


def _sweep(
    module: ModuleType,
    result: Result,
    seed: int,
    device: torch.device,
    where: Where,
    folder: Path,
    report: Callable[[str], None],
    progress: bool,
    dask: str | None,
) -> float:
    """Train what is missing of one seed; return the seconds that all of it took."""
    task = sweeps.made(module.task, result.config)
    keeps = task.keeps_weights and seed == KEPT_SEED
    done = {sweeps.identity(run) for run in result.runs}
    arms, side_by_side = result.config["arms"], device.type != "cpu"
    planned = sweeps.jobs(arms, task.splits(seed), seed, side_by_side)
    todo = [left for job in planned if (left := sweeps.without(job, done))]
    if dask:
        finished = sweeps.on_dask(dask, module.task, result.config, todo)
    else:
        finished = sweeps.here(task, todo, device, folder, progress)
    for trained in finished:
        before = [run for run in result.runs if run["seed"] == seed]
        for run, weights in trained:
            if keeps:
                sweeps.keep_weights(folder, task, run, weights, before)
            result.runs.append(run)
            before.append(run)
            report(
                f"  {run['arm']} {run['split']} seed {seed}: test {task.best} "
                f"{run[f'test_{task.best}']}, {run['seconds']:.0f} s"
            )
        results.save(result, where)
    runs = [run for run in result.runs if run["seed"] == seed]
    result.seeds[str(seed)] = module.summarise(task, runs)
    if keeps:
        weights = sweeps.kept_weights(folder)
        results.save_weights(weights, result.experiment, result.preset, where)
    return sum(run["seconds"] for run in runs)
