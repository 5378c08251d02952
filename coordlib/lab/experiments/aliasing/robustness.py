"""Corruptions and perturbations, met by networks with and without blur (Z08, Z09)."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from statistics import mean

import torch
from torch import Tensor, nn

from coordlib.lab.data import cifar10
from coordlib.lab.data.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from coordlib.lab.data.perturbations import NOISES, PERTURBATIONS, perturb
from coordlib.lab.experiments.aliasing import pictures
from coordlib.lab.record.result import Row, rows
from coordlib.lab.record.sweep import Sweep
from coordlib.lab.record.task import Contest, Run, Task, all_outputs, best_runs

WAYS = ("plain", "rect2", "tri3", "bin5")
SEED = 0
"""Draws the corruptions: they are the same for every network."""


def _arms(preset: str, augmented: str) -> dict[str, dict]:
    """The networks of :mod:`.pictures`, of one kind and with one augmentation."""
    arms = pictures.PRESETS[preset]["arms"]
    names = (f"vgg_{way}_{augmented}" for way in WAYS)
    return {name: arms[name] for name in names if name in arms}


_ON_DEVICE = pictures.arms(
    {"vgg": {"width": 0.5}},
    WAYS,
    pictures.SHIFTED_ON_DEVICE,
    epochs=16,
    **pictures.COMMON,
)

# The paper's networks were trained on shifted pictures too. That leaves less to gain.
PRESETS = {
    "quick": {
        "samples": 1000,
        "corrupted": 100,
        "perturbed": 20,
        "arms": _arms("quick", "still"),
    },
    "cpu": {
        "samples": 10_000,
        "corrupted": 1000,
        "perturbed": 200,
        "arms": _arms("cpu", "shifted"),
    },
    "decisive": {
        "samples": 50_000,
        "corrupted": 2000,
        "perturbed": 2000,
        "arms": _ON_DEVICE,
    },
    "paper": {
        "samples": 50_000,
        "corrupted": 10_000,
        "perturbed": 2000,
        "arms": _arms("paper", "shifted"),
    },
}


contest = pictures.contest
"""The networks of :mod:`.pictures`, by their accuracy on pictures as they are."""


def task(samples: int, corrupted: int, perturbed: int) -> Task:
    """Name the thing in a photograph, then in one that something went wrong with.

    Parameters
    ----------
    samples : int
        How many of the 50,000 training pictures to train on, drawn by the seed.
    corrupted, perturbed : int
        How many of the test pictures, from the first, to corrupt and to perturb; the
        same for every network.
    """
    base = pictures.task(samples)
    held = base.splits(0)["test"][1]
    labels = base.targets[held[:corrupted]]
    raw = cifar10("test")[0]
    dressed = _normaliser(raw, base.prepare(base.inputs[held]))

    @cache
    def wrong() -> dict[str, Tensor]:
        return corrupted_pictures(raw[:corrupted])

    @cache
    def frames() -> dict[str, Tensor]:
        return perturbed_pictures(raw[:perturbed])

    def answers(model: nn.Module, stored: Tensor) -> Tensor:
        parts = (all_outputs(model, dressed(part)) for part in stored.split(500))
        return torch.cat([part.argmax(1) for part in parts])

    def examine(model: nn.Module) -> dict[str, float]:
        found = {
            f"{name}_error": float((answers(model, stored) != labels).float().mean())
            for name, stored in wrong().items()
        }
        for name, stored in frames().items():
            predicted = answers(model, stored.flatten(0, 1)).view(stored.shape[:2])
            found[f"{name}_flips"] = flips(predicted, from_first=name in NOISES)
        return found

    return replace(base, examine=examine)


def _normaliser(raw: Tensor, dressed: Tensor) -> Callable[[Tensor], Tensor]:
    """From stored bytes to inputs of a network, the way some pictures went."""
    channels = {"dim": (0, 2, 3), "keepdim": True}
    spread = raw.std(**channels) / dressed.std(**channels)
    middle = raw.mean(**channels) - dressed.mean(**channels) * spread
    return lambda stored: (stored / 255 - middle) / spread


def corrupted_pictures(clean: Tensor) -> dict[str, Tensor]:
    """Pictures as they are, and corrupted in every way at every strength.

    Parameters
    ----------
    clean : Tensor, shape (N, 3, H, W), in [0, 1]

    Returns
    -------
    dict of str to ByteTensor, shape (N, 3, H, W)
        Under "clean" and ``{corruption}_{severity}``.
    """
    return {"clean": _stored(clean)} | {
        f"{name}_{severity}": _stored(corrupt(clean, name, severity, SEED))
        for name in CORRUPTIONS
        for severity in SEVERITIES
    }


def perturbed_pictures(clean: Tensor) -> dict[str, Tensor]:
    """Sequences of frames of pictures, for every perturbation.

    Parameters
    ----------
    clean : Tensor, shape (N, 3, H, W), in [0, 1]

    Returns
    -------
    dict of str to ByteTensor, shape (frames, N, 3, H, W)
    """
    return {name: _stored(perturb(clean, name, SEED)) for name in PERTURBATIONS}


def _stored(x: Tensor) -> Tensor:
    return (x * 255).round().byte()


def flips(answers: Tensor, *, from_first: bool = False) -> float:
    """How often an answer changes from frame to frame.

    Parameters
    ----------
    answers : LongTensor, shape (frames, N)
        At least two frames.
    from_first : bool
        Compare every frame with the first, and not with the one before.

    Returns
    -------
    float, in [0, 1]
        The flip probability of Hendrycks and Dietterich (2019), section 3.
    """
    before = answers[:1] if from_first else answers[:-1]
    return float((answers[1:] != before).float().mean())


def summarise(contest: Contest, arms: dict[str, dict], runs: list[Run]) -> list[Row]:
    """Errors and flips of every network, and their ratios to those of "plain".

    Returns
    -------
    list of Row
        For each way of downsampling: ``error`` by corruption, the mean over the
        severities, and of the "clean" pictures; ``flips`` by perturbation;
        ``mean_error``, ``added_error`` (what corruption adds to the clean error) and
        ``mean_flips``. For each way but "plain" also ``error_ratio`` and
        ``flips_ratio``, and the means of these ratios: ``mce``, the mean corruption
        error, and ``mfr``, the mean flip rate. A perturbation that never makes the
        plain network flip has no ratio.
    """
    best = {axes["way"]: run for axes, run in best_runs(contest, arms, runs)}
    plain_errors, plain_flips = _errors(best["plain"]), _flips(best["plain"])
    found = []
    for way, run in best.items():
        errors, flips, clean = _errors(run), _flips(run), run["clean_error"]
        found += rows({"error": clean}, way=way, corruption="clean")
        found += rows(
            {
                "mean_error": mean(errors.values()),
                "added_error": mean(errors.values()) - clean,
                "mean_flips": mean(flips.values()),
            },
            way=way,
        )
        for name, value in errors.items():
            found += rows({"error": value}, way=way, corruption=name)
        for name, value in flips.items():
            found += rows({"flips": value}, way=way, perturbation=name)
        if way == "plain":
            continue
        worse, jumpier = _ratios(errors, plain_errors), _ratios(flips, plain_flips)
        found += rows(
            {"mce": mean(worse.values()), "mfr": mean(jumpier.values())}, way=way
        )
        for name, value in worse.items():
            found += rows({"error_ratio": value}, way=way, corruption=name)
        for name, value in jumpier.items():
            found += rows({"flips_ratio": value}, way=way, perturbation=name)
    return found


def _errors(run: Run) -> dict[str, float]:
    """By corruption, the mean error over the severities."""
    return {
        name: mean(run[f"{name}_{severity}_error"] for severity in SEVERITIES)
        for name in CORRUPTIONS
    }


def _flips(run: Run) -> dict[str, float]:
    return {name: run[f"{name}_flips"] for name in PERTURBATIONS}


def _ratios(numbers: dict[str, float], plain: dict[str, float]) -> dict[str, float]:
    return {name: value / plain[name] for name, value in numbers.items() if plain[name]}


EXPERIMENT = Sweep("robustness", __doc__, PRESETS, task, summarise, contest)
