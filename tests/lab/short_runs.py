"""Experiments of a plan, each run for a moment: the rows are those of a whole run.

Arms, axes, splits and the code from a training to a row are those of the preset
"decisive". Cut are the steps, the samples, the widths and the canvas, and the grid of a
search to two recipes.
"""

from dataclasses import replace
from pathlib import Path

import pytest
from made import photographs

from coordlib.lab import experiments
from coordlib.lab.data.games import Catch
from coordlib.lab.experiments.aliasing import pictures, robustness
from coordlib.lab.experiments.plans import PRESET
from coordlib.lab.experiments.play import play
from coordlib.lab.measures import scenes
from coordlib.lab.record import results
from coordlib.lab.record.halving import Halving
from coordlib.lab.record.result import Result
from coordlib.lab.record.run import run

FEW = {
    **{"samples": 16, "tested": 4, "corrupted": 1, "perturbed": 1},
    **{"size": 16, "latent": 4, "pictures": 20, "pairs": 2, "count": 8},
    "discriminator_width": 4,
}
SHORT = {"batch_size": 4, "measures": 1, "precision": "float32"}
MOMENT = {
    **{"steps": {"steps": 1}, "epochs": {"steps": 1}, "frames": {"frames": 600}},
    "memory": {"memory": 600, "warmup": 100},
}
"""By what says how long a training takes. Some games of so many frames end."""


def stand_ins(patch: pytest.MonkeyPatch) -> None:
    """Put small things in place of what a test has not, or a moment does not teach."""
    for module in (pictures, robustness):
        patch.setattr(module, "cifar10", photographs(train=16, test=4).get)
    patch.setattr(play, "open_games", lambda name, count, seed: Catch(count, seed))
    # Who learned nothing draws no objects to walk between, and has one answer to all.
    patch.setattr(scenes, "right", lambda found, size: found.areas >= 0)
    patch.setattr(robustness, "flips", lambda answers, from_first=False: 0.5)


def measured(name: str, seeds: int, where: Path) -> Result:
    """What an experiment writes at the preset of the plan, and keep it in a folder.

    One seed is measured, of a search another one, whose rows lack the choice; further
    seeds have the numbers of the last.
    """
    experiment = experiments.find(name)
    config = shortened(experiment.config(PRESET))
    own = (0, 1) if isinstance(experiment, Halving) else (0,)
    result = run(
        replace(experiment, presets={PRESET: config}),
        PRESET,
        seeds=own,
        device="cpu",
        where=where,
        report=lambda line: None,
    )
    last = [row for row in result.rows if row["seed"] == own[-1]]
    for seed in range(len(own), seeds):
        result.rows += [row | {"seed": seed} for row in last]
        result.provenance[str(seed)] = result.provenance[str(own[-1])]
    results.save(result, where)
    return result


def shortened(config: dict) -> dict:
    """A configuration with all its arms and splits, and little of all else."""
    found = {name: FEW.get(name, value) for name, value in config.items()}
    found["arms"] = {name: _arm(arm) for name, arm in config["arms"].items()}
    if "training" in config:
        found["training"] = _training(config["training"], config["training"])
    if "rounds" in config:
        found["rounds"] = [_training(part, {}) for part in config["rounds"]]
    return found


def _arm(arm: dict) -> dict:
    if "network" not in arm:  # that of a GAN, whose rates are no grid
        return arm | _narrow(arm)
    network = {name: _some(value, 1)[0] for name, value in arm["network"].items()}
    training = {
        name: _some(value, 2) if name == "lr" else _some(value, 1)[0]
        for name, value in arm["training"].items()
    }
    return arm | {
        "network": network | _narrow(network),
        "training": _training(training, training),
    }


def _training(options: dict, shared: dict) -> dict:
    kept = {k: v for k, v in options.items() if k not in MOMENT}
    kept |= {k: v for k, v in SHORT.items() if k in shared}
    for name in MOMENT.keys() & options.keys():
        kept |= MOMENT[name]
    return kept


def _narrow(network: dict) -> dict:
    small = {"width": {int: 4, float: 0.125}, "depth": {int: 10}}
    return {
        name: min(network[name], sizes[type(network[name])])
        for name, sizes in small.items()
        if name in network
    }


def _some(value: object, count: int) -> list:
    return value[:count] if isinstance(value, list) else [value]
