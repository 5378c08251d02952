"""Squares in place of dots: transposed convolutions with normalisation and without."""

from functools import partial

from coordlib.lab.experiments.coordinates import rendering
from coordlib.lab.experiments.normalisation.painters import (
    HALF_SIZE,
    half_size_arm,
    make_painter,
)
from coordlib.lab.record.sweeps import Contest, Run, Task, best_numbers

PRESETS = {
    "cpu": HALF_SIZE
    | {
        "arms": {
            kind: half_size_arm("deconv", kind, splits=("uniform", "quadrant"))
            for kind in ("batch", "none")
        }
    }
}


def contest(size: int, side: int = 9) -> Contest:
    """Painters that differ in their normalisation, by the overlap with the square."""
    networks = dict.fromkeys(("batch", "none"), partial(make_painter, size))
    return Contest(networks=networks, best="iou")


def task(size: int, side: int) -> Task:
    """Paint a square around a position."""
    plain = rendering.task(size, side)
    own = vars(contest(size)) | {"keeps_weights": False}
    return Task(**{**vars(plain), **own})


def summarise(task: Task, runs: list[Run]) -> dict[str, float]:
    """For each arm and split the mean IOU on training and test positions."""
    return best_numbers(task, runs, "train_iou", "test_iou", "seconds")
