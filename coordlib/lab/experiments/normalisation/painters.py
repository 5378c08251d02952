"""What failed was batch normalisation: both painters with it and without (B01-B05).

The sweep's own arms differ in the normalisation and in nothing else. Beside it stand
sweeps over the same task that change one thing more: :mod:`.tuning`,
:mod:`.rates`, :mod:`.company`,
:mod:`.suspects`, :mod:`.sizes`.
"""

from collections import defaultdict
from functools import partial
from itertools import product

import torch
from torch import Tensor, nn

from coordlib.grid import to_unit
from coordlib.lab.data.squares import (
    Squares,
    quadrant_split,
    released_split,
    squares,
    uniform_split,
)
from coordlib.lab.measures import pixel_accuracy
from coordlib.lab.models.painters import CoordConvPainter, DeconvPainter
from coordlib.lab.record.result import Row, rows
from coordlib.lab.record.sweep import Sweep
from coordlib.lab.record.task import (
    Contest,
    Run,
    Task,
    all_outputs,
    best_rows,
    best_run,
)
from coordlib.lab.training.losses import pixel_cross_entropy

SHARED_RATE = {"deconv": 0.002, "coordconv": 0.01}
"""The rate of each painter's recipe, the same with every normalisation."""

RECIPES = {
    "deconv": {"epochs": 40, "batch_size": 32, "measures": 8},
    "coordconv": {"epochs": 4, "batch_size": 8, "measures": 3},
}
"""How long each painter trains: 3,137 and 1,255 steps. A step of the second takes as
long as one of the first, for it computes all its layers at full resolution."""


def arm(
    painter: str,
    normalisation: str,
    *,
    splits: tuple[str, ...] = ("uniform",),
    axes: dict | None = None,
    network: dict | None = None,
    **training,
) -> dict:
    """One arm: a painter, its normalisation, and what else differs from the recipe.

    Parameters
    ----------
    painter : {"deconv", "coordconv"}
    normalisation : str
        As :func:`coordlib.lab.models.normalisation.normalisation_layer` knows it.
    splits : tuple of str
        On which splits it trains.
    axes : dict, optional
        What it is, beside its painter and its normalisation.
    network : dict, optional
        More options of the network.
    **training
        Options of the training that differ from the recipe.

    Returns
    -------
    dict
        For the ``arms`` of a preset.
    """
    recipe = {"schedule": "one-cycle", "lr": SHARED_RATE[painter]}
    return {
        "axes": {"painter": painter, "normalisation": normalisation} | (axes or {}),
        "network": {"painter": painter, "normalisation": normalisation}
        | (network or {}),
        "training": RECIPES[painter] | recipe | training,
        "splits": list(splits),
    }


HALF_SIZE = {"size": 32, "side": 5}
"""A square of 5x5 on 32x32 pixels: 784 positions."""


def half_size_arm(painter: str, normalisation: str, **changes) -> dict:
    """An arm as :func:`arm` gives it, with the recipe for :data:`HALF_SIZE`.

    A smaller world teaches less of the rule: the transposed convolutions have the
    widest kernel of the source and a little weight decay. They train for 1,176 steps,
    CoordConv for 1,254.
    """
    recipe = {
        "deconv": {"epochs": 60, "batch_size": 32, "lr": 0.005, "weight_decay": 0.002},
        "coordconv": {"epochs": 16, "batch_size": 8, "lr": 0.01},
    }[painter]
    network = {"kernel_size": 4} if painter == "deconv" else {}
    network |= changes.pop("network", {})
    recipe = {"measures": 3} | recipe | changes
    return arm(painter, normalisation, network=network, **recipe)


PAINTERS = ("deconv", "coordconv")
TUNING_SEED = 100
"""Added to the seed where rates are chosen, so that no dot that is held out for the
test of a seed decided its rate by being held out there."""

KINDS = ("batch", "none")

TUNED = {
    "deconv_batch": 0.05,
    "deconv_none": 0.01,
    "coordconv_batch": 0.3,
    "coordconv_none": 0.01,
}
"""The best rate of each arm on validation dots of its own, which
:mod:`.tuning` found; a test holds the two equal."""

BOTH = ("uniform", "quadrant")

PRESETS = {
    "quick": HALF_SIZE
    | {
        "arms": {
            f"{painter}_{kind}": half_size_arm(painter, kind, splits=BOTH)
            for painter, kind in product(PAINTERS, KINDS)
        }
    },
    "cpu": {
        "size": 64,
        "arms": {
            f"{painter}_{kind}": arm(
                *(painter, kind), splits=BOTH, lr=TUNED[f"{painter}_{kind}"], measures=1
            )
            for painter, kind in product(PAINTERS, KINDS)
        },
    },
}


class InPixels(nn.Module):
    """Unit coordinates back to the raw pixels that the released code feeds."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, positions: Tensor) -> Tensor:
        return (positions + 1) * ((self.size - 1) / 2)


def make_painter(
    size: int,
    painter: str,
    *,
    raw: bool = False,
    initialisation: str = "he-normal",
    **options,
) -> nn.Module:
    """A painter with what the question varies.

    Parameters
    ----------
    size : int
        Side of the canvas.
    painter : {"deconv", "coordconv"}
    raw : bool
        Feed positions in pixels, 4 to 59, as the released code does.
    initialisation : {"he-normal", "torch", "glorot"}
        As published, as torch initialises its layers, or as TensorFlow does.
    **options
        Of the painter.

    Returns
    -------
    nn.Module
        From unit coordinates to logits.
    """
    kind = {"deconv": DeconvPainter, "coordconv": CoordConvPainter}[painter]
    network = kind(size=size, **options)
    for layer in network.modules():
        if initialisation == "torch" and hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
        if initialisation == "glorot" and hasattr(layer, "kernel_size"):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    return nn.Sequential(InPixels(size), network) if raw else network


def contest(size: int, side: int = 9) -> Contest:
    """Painters that differ in their normalisation, by the share of right pixels."""
    # Arms differ in the options of one function only.
    networks = defaultdict(lambda: partial(make_painter, size))
    return Contest(networks=networks, best="accuracy")


def task(size: int, side: int = 9) -> Task:
    """Light the pixel at a position, with every normalisation.

    Of each arm and split the answers of one network are kept, for every position:
    the brightest pixel as ``i * size + j``.

    Parameters
    ----------
    size : int
        Side of the canvas.
    side : int
        Side of the square that must fit around each position.
    """
    world = squares(size, side)
    inputs, targets = to_unit(world.positions, (size, size)), world.targets()

    def splits(seed: int) -> dict[str, tuple[Tensor, Tensor]]:
        return {
            "uniform": uniform_split(world, seed=seed),
            "quadrant": quadrant_split(world),
            "three_quarters": uniform_split(world, test_fraction=0.25, seed=seed),
            "released": released_split(world),
            "nearly_all": uniform_split(world, test_fraction=0.05, seed=seed),
            "validation": validation_split(world, seed=TUNING_SEED + seed),
        }

    def answers(network: nn.Module) -> dict[str, Tensor]:
        logits = all_outputs(network, inputs)
        return {"answers": logits.flatten(1).argmax(1).to(torch.int16)}

    def score(training: dict, outputs: Tensor, index: Tensor) -> dict[str, float]:
        return {"accuracy": pixel_accuracy(outputs, targets[index])}

    return Task(
        **vars(contest(size)),
        splits=splits,
        inputs=inputs,
        targets=targets,
        losses={"softmax": pixel_cross_entropy},
        score=score,
        kept=answers,
    )


def validation_split(world: Squares, seed: int) -> tuple[Tensor, Tensor]:
    """Divide the training positions of the uniform split once more, four to one.

    Rates are chosen on the second part; the test positions are in neither.

    Parameters
    ----------
    world : Squares
    seed : int

    Returns
    -------
    train, validation : LongTensor
        Indices into the world, in ascending order.
    """
    train, _ = uniform_split(world, seed=seed)
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))
    held = len(train) // 5
    return train[order[held:]].sort().values, train[order[:held]].sort().values


def summarise(contest: Contest, arms: dict[str, dict], runs: list[Run]) -> list[Row]:
    """The shares of exact dots and the seconds, by arm and split.

    Returns
    -------
    list of Row
        ``train_accuracy``, ``test_accuracy``, ``seconds`` (processor time on a CPU) and
        ``parameters``. Where an arm has several rates, of the best on the dots held
        out. Where both painters were trained without normalisation on the uniform
        split, the ratios of their parameters and seconds.
    """
    names = ("train_accuracy", "test_accuracy", "seconds", "parameters")
    found = best_rows(contest, arms, runs, *names)
    there = {(run["arm"], run["split"]) for run in runs}
    compared = [f"{painter}_none" for painter in PAINTERS]
    if all((arm, "uniform") in there for arm in compared):
        deconv, coordconv = (
            best_run(contest, runs, arm=arm, split="uniform") for arm in compared
        )
        ratios = {
            "parameter_ratio": deconv["parameters"] / coordconv["parameters"],
            "time_ratio": deconv["seconds"] / coordconv["seconds"],
        }
        found += rows(ratios)
    return found


def sweep(name: str, question: str, presets: dict[str, dict]) -> Sweep:
    """A sweep over this task, with arms of its own."""
    return Sweep(name, question, presets, task, summarise, contest)


EXPERIMENT = sweep("normalisation", __doc__, PRESETS)
