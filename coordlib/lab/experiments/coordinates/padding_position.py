"""How much of a position the padding alone gives away, without coordinates."""

from dataclasses import replace

from coordlib.lab.experiments.coordinates import coordinate_regression
from coordlib.lab.models.classifiers import PositionNet
from coordlib.lab.models.regressors import ConvRegressor
from coordlib.lab.record.result import Row, rows
from coordlib.lab.record.sweep import Sweep
from coordlib.lab.record.task import Contest, Run, Task, best_rows

MODES = ("zeros", "reflect", "circular")


def _arms(epochs: int, full_epochs: int, depth: int) -> dict[str, dict]:
    def training(epochs: int, lr: float) -> dict:
        return {
            "epochs": epochs,
            "batch_size": 32,
            "schedule": "one-cycle",
            "measures": 1,
            "lr": lr,
        }

    strided = {
        f"strided_{mode}": {
            "axes": {"network": "strided", "padding_mode": mode},
            "network": {"padding_mode": mode},
            "training": training(epochs, 0.002),
        }
        for mode in MODES
    }
    full = {
        f"full_{mode}": {
            "axes": {"network": "full", "padding_mode": mode},
            "network": {"padding_mode": mode, "width": 8, "depth": depth},
            "training": training(full_epochs, 0.003),
        }
        for mode in MODES
    }
    return strided | full


PRESETS = {
    "cpu": {"size": 64, "arms": _arms(epochs=15, full_epochs=6, depth=6)},
    "paper": {"size": 64, "arms": _arms(epochs=100, full_epochs=100, depth=16)},
}


def contest(size: int) -> Contest:
    """Networks that differ in their padding, by their distance from the truth."""
    networks = {f"strided_{mode}": ConvRegressor for mode in MODES}
    networks |= {f"full_{mode}": PositionNet for mode in MODES}
    return replace(coordinate_regression.contest(size), networks=networks)


def task(size: int) -> Task:
    """Say where the square is: a strided network, and one that keeps every pixel."""
    return replace(coordinate_regression.task(size), **vars(contest(size)))


def summarise(task: Task, arms: dict[str, dict], runs: list[Run]) -> list[Row]:
    """The distance in pixels by network, padding and split.

    Returns
    -------
    list of Row
        Also that of the network "guess", which always names the mean of the training
        positions: all that a shift-invariant network can do.
    """
    found = best_rows(task, arms, runs, "train_pixels", "test_pixels")
    seed = runs[0]["seed"]
    for split, (train, test) in task.splits(seed).items():
        mean = task.targets[train].mean(0).expand(len(test), 2)
        distance = task.score({}, mean, test)["pixels"]
        found += rows({"test_pixels": distance}, network="guess", split=split)
    return found


EXPERIMENT = Sweep("padding-position", __doc__, PRESETS, task, summarise, contest)
