"""Regression with batch normalisation or without, with coordinates or without."""

from dataclasses import replace
from itertools import product

from coordlib.lab.experiments.coordinates import coordinate_regression
from coordlib.lab.models.regressors import ConvRegressor
from coordlib.lab.record.result import Row
from coordlib.lab.record.sweep import Sweep
from coordlib.lab.record.task import Contest, Run, Task, best_rows


def _arms() -> dict[str, dict]:
    training = {
        "epochs": 15,
        "batch_size": 32,
        "schedule": "one-cycle",
        "measures": 1,
        "lr": 0.002,
    }
    return {
        f"{name}_{kind}": {
            "axes": {"network": name, "normalisation": kind},
            "network": {"normalisation": kind, "coordinates": name == "coordinates"},
            "training": training,
        }
        for name, kind in product(("plain", "coordinates"), ("batch", "none"))
    }


PRESETS = {"cpu": {"size": 64, "arms": _arms()}}


def contest(size: int) -> Contest:
    """Strided convolutions and a global average, by their distance from the truth."""
    networks = dict.fromkeys(_arms(), ConvRegressor)
    return replace(coordinate_regression.contest(size), networks=networks)


def task(size: int) -> Task:
    """Say where the square is, by strided convolutions and a global average."""
    own = vars(contest(size)) | {"keeps_weights": False}
    return replace(coordinate_regression.task(size), **own)


def summarise(contest: Contest, arms: dict[str, dict], runs: list[Run]) -> list[Row]:
    """The mean distance in pixels from the true centre, by arm and split."""
    return best_rows(contest, arms, runs, "train_pixels", "test_pixels", "seconds")


EXPERIMENT = Sweep(
    "normalisation-regression", __doc__, PRESETS, task, summarise, contest
)
