"""Squares in place of dots: transposed convolutions with normalisation and without."""

from functools import partial

from coordlib.lab.experiments.coordinates import rendering
from coordlib.lab.experiments.normalisation.painters import (
    HALF_SIZE,
    half_size_arm,
    make_painter,
)
from coordlib.lab.record.result import Row
from coordlib.lab.record.sweep import Sweep
from coordlib.lab.record.task import Contest, Run, Task, best_rows

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


def summarise(contest: Contest, arms: dict[str, dict], runs: list[Run]) -> list[Row]:
    """The mean IOU on training and test positions, by arm and split."""
    return best_rows(contest, arms, runs, "train_iou", "test_iou", "seconds")


EXPERIMENT = Sweep(
    name="normalisation-rendering",
    question=__doc__,
    presets=PRESETS,
    task=task,
    summarise=summarise,
    contest=contest,
)
