"""What does the work in regression: rectifier, read-out, full resolution (L12)."""

from dataclasses import replace

from coordlib.lab.experiments.coordinates import coordinate_regression
from coordlib.lab.models.regressors import READOUTS, CoordConvRegressor, from_fractions
from coordlib.lab.record.result import Row
from coordlib.lab.record.sweep import Sweep
from coordlib.lab.record.task import Contest, Run, Task, best_rows

HALVINGS = (0, 2, 4)


def _arms(epochs: int, rates: list[float]) -> dict[str, dict]:
    training = {
        "epochs": epochs,
        "batch_size": 16,
        "schedule": "one-cycle",
        "measures": 1,
        "lr": rates,
    }
    readouts = {
        f"{readout}_{name}": {
            "axes": {"readout": readout, "rectifier": name},
            "network": {"rectifier": rectifier, "readout": readout},
            "training": training,
        }
        for readout in READOUTS
        for name, rectifier in (("linear", False), ("relu", True))
    }
    halved = {
        f"halved_{halvings}_{name}": {
            "axes": {"halvings": halvings, "coordinates": coordinates},
            "network": {
                "rectifier": True,
                "halvings": halvings,
                "coordinates": coordinates,
            },
            "training": training,
        }
        for halvings in HALVINGS
        for name, coordinates in (("coordinates", True), ("plain", False))
        if halvings or not coordinates  # else it is max_relu
    }
    return readouts | halved


PRESETS = {
    "quick": {"size": 32, "arms": _arms(10, [0.01])},
    "cpu": {"size": 64, "arms": _arms(6, [0.01])},
    "paper": {"size": 64, "arms": _arms(100, [0.001, 0.003, 0.01])},
}


def contest(size: int) -> Contest:
    """Variants of one network, by their distance from the truth."""
    networks = dict.fromkeys(_arms(1, [1]), make_regressor)
    return replace(coordinate_regression.contest(size), networks=networks)


def task(size: int) -> Task:
    """The same task as coordinate regression, for variants of one network."""
    return replace(coordinate_regression.task(size), **vars(contest(size)))


def make_regressor(**options):
    """A regressor that starts from the usual weights, for targets in fractions.

    Soft-argmax answers in unit coordinates by itself; the others need the stretch.
    """
    regressor = CoordConvRegressor(**options)
    return regressor if regressor.readout == "softargmax" else from_fractions(regressor)


def summarise(contest: Contest, arms: dict[str, dict], runs: list[Run]) -> list[Row]:
    """The distance in pixels at the best learning rate, by variant and split."""
    return best_rows(contest, arms, runs, "train_pixels", "test_pixels")


EXPERIMENT = Sweep("regression-readouts", __doc__, PRESETS, task, summarise, contest)
