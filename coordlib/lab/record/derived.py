"""Numbers that the ledger works out of what is stored beside the rows of a result."""

import numpy as np
import torch

from coordlib.lab.models.painters import CoordConvPainter, DeconvPainter
from coordlib.lab.record import results
from coordlib.lab.record.results import Where

SIZE = 64
"""Side of the canvas of the coordinate tasks, in pixels."""


def right_inside(
    where: Where, experiment: str, preset: str, margin: int, **axes: str
) -> np.ndarray:
    """Of the held-out quadrant's dots that lie inside, the share painted right.

    Inside: at least ``margin`` pixels from the last row or column that was trained.
    One number, for the one network whose answers are kept.
    """
    stored = results.load_weights(experiment, preset, where=where, **axes)
    answers = stored["answers"].numpy().astype(int)
    inside = SIZE // 2 + margin
    i, j = np.divmod(dots(), SIZE)
    chosen = (i >= inside) & (j >= inside)
    return np.array([(answers == dots())[chosen].mean()])


def parameter_ratios(where: Where, experiment: str, preset: str) -> np.ndarray:
    """How many times more parameters the painters of the source's grid have.

    Three kernels by three widths of transposed convolutions, over those of the
    CoordConv painter.
    """

    def count(network) -> int:
        return sum(p.numel() for p in network.parameters())

    # To be counted only: without numbers, so that no random one is drawn.
    with torch.device("meta"):
        painters = [
            DeconvPainter(width=width, kernel_size=kernel)
            for width in (1, 2, 3)
            for kernel in (2, 3, 4)
        ]
        small = CoordConvPainter()
    return np.array([count(painter) for painter in painters]) / count(small)


def of_runs(
    where: Where, experiment: str, preset: str, value: str, **axes: str
) -> np.ndarray:
    """What the trained networks of a sweep say of themselves, one of each seed."""
    runs = results.load(results.path(experiment, preset, where)).runs
    chosen = [run for run in runs if all(run[k] == v for k, v in axes.items())]
    chosen.sort(key=lambda run: run["seed"])
    return np.array([run[value] for run in chosen], dtype=float)


def configured(where: Where, experiment: str, preset: str, option: str) -> np.ndarray:
    """One number that the configuration fixes, such as how many samples there are."""
    config = results.load(results.path(experiment, preset, where)).config
    return np.array([config[option]], dtype=float)


def dots() -> np.ndarray:
    """Where the centres are, row by row, as the network counts pixels."""
    side = np.arange(4, SIZE - 4)
    return (side[:, None] * SIZE + side).ravel()


DERIVED = {
    "right_inside": right_inside,
    "parameter_ratios": parameter_ratios,
    "of_runs": of_runs,
    "configured": configured,
}
"""By name: each takes a folder of results, an experiment, its preset and options."""
