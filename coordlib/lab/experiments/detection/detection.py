"""Boxes around scattered digits, with coordinates at three places (L14)."""

from functools import partial

import torch
from torch import Tensor

from coordlib.lab.data import digits, mnist
from coordlib.lab.data.boxes import (
    box_iou,
    clip,
    corners,
    inside,
    non_maximum_suppression,
)
from coordlib.lab.data.scattered import WINDOW, scatter
from coordlib.lab.models.detector import (
    ANCHORS,
    KEPT,
    OVERLAP,
    PLACES,
    Detector,
    detection_loss,
    draw_chances,
    moved,
    positive_overlap,
    proposals,
)
from coordlib.lab.record.result import Row, rows
from coordlib.lab.record.sweep import Sweep
from coordlib.lab.record.task import Contest, Run, Task, best_run

NETWORKS = {
    "plain": {"places": ()},
    "coordconv": {"places": PLACES},
    "image": {"places": PLACES[:1]},
    "shared": {"places": PLACES[1:2]},
    "mover": {"places": PLACES[2:]},
    "constant": {"places": PLACES, "constant": True},
}
"""Where each arm has coordinates; "constant" has ones in their place."""

POOL = 2
"""So many canvases are made for each that a network trains on; its seed chooses."""


def _arms(*names: str, **training) -> dict[str, dict]:
    shared = {"batch_size": 8, "schedule": "one-cycle", "measures": 5, "lr": 0.002}
    return {name: {"network": {}, "training": shared | training} for name in names}


PRESETS = {
    "quick": {
        "samples": 600,
        "tested": 100,
        "arms": _arms("plain", "coordconv", epochs=4),
    },
    "cpu": {
        "samples": 5000,
        "tested": 1000,
        "arms": _arms("plain", "coordconv", "image", "shared", "mover", epochs=4),
    },
    # The source trains on one canvas at a time. It gives no command for this task.
    "paper": {
        "samples": 9000,
        "tested": 1000,
        "arms": _arms(*NETWORKS, epochs=20, batch_size=1, lr=0.0005),
    },
}


def contest(**_) -> Contest:
    """Detectors, by how well their boxes fit the digits."""
    return Contest(networks={name: _maker(name) for name in NETWORKS}, best="iou")


def task(samples: int, tested: int, clipped: bool = False) -> Task:
    """Put boxes around the digits of a canvas.

    Parameters
    ----------
    samples : int
        Training canvases, drawn by the seed. Up to 1,000 are made of the sample of
        MNIST that ships with the library; more, of the complete set.
    tested : int
        Test canvases, made of test digits.
    clipped : bool
        Whether all boxes, the true ones too, are cut at the border of the window.
    """
    read = digits if samples <= 1000 else mnist
    train = scatter(read("train")[0], POOL * samples, seed=0)
    test = scatter(read("test")[0], tested, seed=1)
    boxes = torch.cat([train.boxes, test.boxes])
    held = torch.arange(len(train.boxes), len(boxes))

    def one_split(seed: int) -> dict[str, tuple[Tensor, Tensor]]:
        generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(train.boxes), generator=generator)
        return {"test": (order[:samples], held)}

    def score(training: dict, outputs: Tensor, index: Tensor) -> dict[str, float]:
        return detection_scores(outputs, boxes[index], clipped)

    return Task(
        **vars(contest()),
        inputs=torch.cat([train.images, test.images]),
        targets=clip(boxes, (WINDOW, WINDOW)) if clipped else boxes,
        splits=one_split,
        losses={"boxes": partial(detection_loss, clipped=clipped)},
        score=score,
        watched=200,
        draw=draw_chances,
    )


def _maker(arm: str):
    return lambda: Detector(**NETWORKS[arm])


def visible(truth: Tensor) -> Tensor:
    """How much of each box the window shows.

    Parameters
    ----------
    truth : Tensor, shape (..., 4)

    Returns
    -------
    Tensor, shape (...), in [0, 1]
    """
    edges = corners(truth).clamp(0, WINDOW)
    return (edges[..., 2:] - edges[..., :2]).prod(-1) / truth[..., 2:].prod(-1)


def detection_scores(
    outputs: Tensor, truth: Tensor, clipped: bool = False
) -> dict[str, float]:
    """Measure what a detector says of some canvases.

    Parameters
    ----------
    outputs : Tensor, shape (N, 1521, 6)
        Of a :class:`~coordlib.lab.models.detector.Detector`.
    truth : Tensor, shape (N, B, 4)
        Digits of which at least a half is on the window count where it says *digits*.
    clipped : bool
        Whether all boxes are cut at the border before they are compared.

    Returns
    -------
    dict of str to float
        ``iou``, of each kept box with the digit that it fits best, wherever that lies
        (the number of the paper); ``positive``, the other number of the released code,
        of all boxes that found a digit, with that digit (see
        :func:`~coordlib.lab.models.detector.positive_overlap`); ``precision``, the
        share of kept boxes that fit by at least .5; ``ranked``, what ``iou`` would be
        if boxes were kept in the order of their true fit; ``outside``, the share of
        kept boxes that hang over the border.
        ``found``, the IOU of each digit with the kept box that fits it best; ``whole``
        and ``cut``, the same of digits without and with a part beyond the border;
        ``recall``, the share of digits found with at least .5. ``mover_whole`` and
        ``mover_cut``, the IOU of each digit with the anchor closest to it once moved,
        whatever its score.
    """
    whole, shown = inside(truth, (WINDOW, WINDOW)), visible(truth)
    if clipped:
        truth = clip(truth, (WINDOW, WINDOW))
    boxes, kept = moved(outputs, clipped), proposals(outputs, clipped=clipped)
    overlap = box_iou(kept.boxes, truth)
    fits, found = overlap.amax(2), overlap.amax(1)
    there = kept.scores > 0
    known = box_iou(boxes, truth).amax(2)
    ideal = non_maximum_suppression(boxes, known, threshold=OVERLAP, keep=KEPT)
    closest = box_iou(ANCHORS, truth).argmax(1)
    carried = boxes.gather(1, closest[..., None].expand(-1, -1, 4))
    carried = torch.diagonal(box_iou(carried, truth), dim1=1, dim2=2)
    seen = shown >= 0.5
    cut = seen & ~whole
    return {
        "iou": _mean(fits, there),
        "positive": float(positive_overlap(boxes, truth).mean()),
        "precision": _mean((fits >= 0.5).float(), there),
        "ranked": _mean(known.gather(1, ideal.clamp(min=0)), ideal >= 0),
        "outside": _mean((~inside(kept.boxes, (WINDOW, WINDOW))).float(), there),
        "found": _mean(found, seen),
        "whole": _mean(found, whole),
        "cut": _mean(found, cut),
        "recall": _mean((found >= 0.5).float(), seen),
        "mover_whole": _mean(carried, whole),
        "mover_cut": _mean(carried, cut),
    }


def _mean(values: Tensor, counted: Tensor) -> float:
    return float(values[counted].mean())


def summarise(contest: Contest, arms: dict[str, dict], runs: list[Run]) -> list[Row]:
    """All scores of every arm on test canvases, and what it adds to the plain network.

    Returns
    -------
    list of Row
        By arm what :func:`detection_scores` names, and ``parameters``; for each but
        "plain" also ``iou_gain`` and the like of ``positive``, ``found``, ``whole`` and
        ``cut``: how much larger than the plain network's of the same seed, as a share
        of it. Runs measured before ``positive`` was have none. With an arm "constant"
        also ``iou_gain_over_ones``, the gain of "coordconv" from that one.
    """
    best = {arm: best_run(contest, runs, arm=arm, split="test") for arm in arms}
    found = []
    for arm, run in best.items():
        scores = {k: v for k, v in run.items() if k.startswith("test_")}
        found += rows({k.removeprefix("test_"): v for k, v in scores.items()}, arm=arm)
        found += rows({"parameters": run["parameters"]}, arm=arm)
        if arm != "plain":
            for name in ("iou", "positive", "found", "whole", "cut"):
                if f"test_{name}" in run:
                    mine, plain = run[f"test_{name}"], best["plain"][f"test_{name}"]
                    found += rows({f"{name}_gain": mine / plain - 1}, arm=arm)
    if best.keys() >= {"constant", "coordconv"}:
        coordinates, ones = (best[arm]["test_iou"] for arm in ("coordconv", "constant"))
        found += rows({"iou_gain_over_ones": coordinates / ones - 1}, arm="coordconv")
    return found


EXPERIMENT = Sweep("detection", __doc__, PRESETS, task, summarise, contest)
