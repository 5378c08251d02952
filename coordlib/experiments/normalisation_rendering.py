"""Squares in place of dots: transposed convolutions with normalisation and without."""

from functools import partial

from coordlib.experiments import rendering
from coordlib.experiments.normalisation import HALF_SIZE, half_size_arm, make_painter
from coordlib.experiments.sweeps import Run, Task, best_numbers

PRESETS = {
    "cpu": HALF_SIZE
    | {
        "arms": {
            kind: half_size_arm("deconv", kind, splits=("uniform", "quadrant"))
            for kind in ("batch", "none")
        }
    }
}


def task(size: int, side: int) -> Task:
    """Paint a square around a position."""
    plain = rendering.task(size, side)
    networks = dict.fromkeys(("batch", "none"), partial(make_painter, size))
    return Task(**{**vars(plain), "networks": networks, "keeps_weights": False})


def summarise(task: Task, runs: list[Run]) -> dict[str, float]:
    """For each arm and split the mean IOU on training and test positions."""
    return best_numbers(task, runs, "train_iou", "test_iou", "seconds")
