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
from coordlib.lab.record.sweeps import Run, Task, all_outputs, best_run

WAYS = ("plain", "rect2", "tri3", "bin5")
SEED = 0
"""Draws the corruptions: they are the same for every network."""


def _arms(preset: str, augmented: str) -> dict[str, dict]:
    """The networks of :mod:`.pictures`, of one kind and with one augmentation."""
    arms = pictures.PRESETS[preset]["arms"]
    names = (f"vgg_{way}_{augmented}" for way in WAYS)
    return {name: arms[name] for name in names if name in arms}


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
    dressed = _normaliser(raw, base.inputs[held])

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
            said = answers(model, stored.flatten(0, 1)).view(stored.shape[:2])
            found[f"{name}_flips"] = flips(said, from_first=name in NOISES)
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


def summarise(task: Task, runs: list[Run]) -> dict[str, float]:
    """Errors and flips of every network, and their ratios to those of "plain".

    Returns
    -------
    dict
        For each way of downsampling: ``tri3_clean_error``; ``tri3_{corruption}_error``,
        the mean over the severities; ``tri3_{perturbation}_flips``;
        ``tri3_mean_error``, ``tri3_added_error`` (what corruption adds to the clean
        error) and ``tri3_mean_flips``. For each way but "plain" also the first two
        with ``_ratio``, and the means of these ratios: ``tri3_mce``, the mean
        corruption error, and ``tri3_mfr``, the mean flip rate. A perturbation that
        never makes the plain network flip has no ratio.
    """
    measured = {
        arm.split("_")[1]: _means(best_run(task, runs, arm=arm, split="test"))
        for arm in dict.fromkeys(run["arm"] for run in runs)
    }
    metrics = {}
    for way, numbers in measured.items():
        errors = {f"{name}_error": numbers[f"{name}_error"] for name in CORRUPTIONS}
        turns = {f"{name}_flips": numbers[f"{name}_flips"] for name in PERTURBATIONS}
        found = dict(numbers)
        found["mean_error"] = mean(errors.values())
        found["added_error"] = mean(errors.values()) - numbers["clean_error"]
        found["mean_flips"] = mean(turns.values())
        if way != "plain":
            for kind, name in ((errors, "mce"), (turns, "mfr")):
                ratios = _ratios(kind, measured["plain"])
                found |= ratios
                found[name] = mean(ratios.values())
        metrics |= {f"{way}_{name}": value for name, value in found.items()}
    return metrics


def _means(run: Run) -> dict[str, float]:
    """The numbers of one network, those of a corruption as mean over severities."""
    numbers = {"clean_error": run["clean_error"]}
    for name in CORRUPTIONS:
        errors = [run[f"{name}_{severity}_error"] for severity in SEVERITIES]
        numbers[f"{name}_error"] = mean(errors)
    return numbers | {f"{name}_flips": run[f"{name}_flips"] for name in PERTURBATIONS}


def _ratios(numbers: dict[str, float], plain: dict[str, float]) -> dict[str, float]:
    return {
        f"{name}_ratio": value / plain[name]
        for name, value in numbers.items()
        if plain[name]
    }
