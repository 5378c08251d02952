"""The detection experiment: its scores by hand, its arms, a run that resumes."""

import pytest
import torch

from coordlib.lab import experiments
from coordlib.lab.data.boxes import box_iou, encode, inside
from coordlib.lab.experiments.detection import (
    detection,
    detection_clipped,
    detection_control,
)
from coordlib.lab.models import parameter_count
from coordlib.lab.models.detector import (
    ANCHORS,
    draw_chances,
    moved,
    positive_overlap,
    sample_boxes,
)
from coordlib.lab.record import results

SMALL = {"samples": 16, "tested": 8}


def saying(boxes, scores):
    """What a network would give that moves its first anchors to these boxes."""
    outputs = torch.zeros(1, 1521, 6)
    count = len(boxes)
    outputs[0, :count, :4] = encode(boxes, ANCHORS[:count])
    # The others lie far away, on one heap, and score next to nothing.
    outputs[0, count:, :4] = encode(torch.tensor([500.0, 500, 9, 9]), ANCHORS[count:])
    outputs[0, :, 4] = -50
    outputs[0, :count, 4] = torch.tensor(scores)
    return outputs


WHOLE = torch.tensor([20.0, 20, 16, 16])
CUT = torch.tensor([20.0, 62, 16, 16])
HIDDEN = torch.tensor([-40.0, 20, 16, 16])
TRUTH = torch.stack([WHOLE, CUT, HIDDEN])[None]
BY_FOUR = torch.tensor([4.0, 0, 0, 0])


def test_the_scores_of_a_perfect_answer():
    scores = detection.detection_scores(saying(TRUTH[0, :2], [5.0, 4.0]), TRUTH)
    # The heap is kept too, and fits nothing.
    assert scores["iou"] == pytest.approx(2 / 3)
    assert scores["precision"] == pytest.approx(2 / 3)
    assert scores["ranked"] == pytest.approx(2 / 3)
    assert scores["outside"] == pytest.approx(2 / 3)
    for name in ("found", "whole", "cut", "recall"):
        assert scores[name] == pytest.approx(1)


def test_many_boxes_on_one_digit_please_the_metric_of_the_paper():
    """Three boxes on the first digit, none on the second."""
    around = torch.stack([WHOLE + k * BY_FOUR for k in (0, 1, -1)])
    heaped = detection.detection_scores(saying(around, [5.0, 4, 3]), TRUTH)
    spread = detection.detection_scores(saying(TRUTH[0, :2], [5.0, 4]), TRUTH)
    assert heaped["iou"] == pytest.approx((1 + 2 * 12 / 20) / 4)
    assert heaped["found"] == pytest.approx(0.5, abs=1e-3)
    assert heaped["found"] < spread["found"]
    assert heaped["recall"] == 0.5
    assert heaped["cut"] == pytest.approx(0, abs=1e-3)


def test_the_other_metric_of_the_source_asks_the_boxes_that_found_a_digit():
    """All that overlap by more than a half, and the closest, whatever their score."""
    around = torch.stack([WHOLE + k * BY_FOUR for k in (0, 1, -1)])
    overlaps = [1, 12 / 20, 12 / 20]  # and the closest to each of the other two has 0
    for scores in ([5.0, 4, 3], [-5.0, -4, 9]):
        found = detection.detection_scores(saying(around, scores), TRUTH)["positive"]
        assert found == pytest.approx(sum(overlaps) / 5, abs=1e-3)


def test_it_is_what_drawing_gives_in_the_long_run():
    generator = torch.Generator().manual_seed(0)
    truth = torch.stack([WHOLE, WHOLE + 2 * BY_FOUR])[None]
    outputs = torch.zeros(1, 1521, 6)
    outputs[..., :4] = 0.1 * torch.randn(1, 1521, 4, generator=generator)
    boxes, drawn = moved(outputs), []
    for _ in range(300):
        _, chances = draw_chances(truth, generator)
        sample = sample_boxes(boxes, truth, chances)
        assert sample.is_positive.all()
        overlap = box_iou(boxes, truth)[0]
        drawn.append(overlap[sample.positive[0], sample.target[0]].mean())
    found = positive_overlap(boxes, truth).item()
    assert torch.stack(drawn).mean().item() == pytest.approx(found, abs=0.01)


def test_the_control_differs_in_what_is_beside_the_picture_only():
    for preset in detection_control.PRESETS.values():
        arms = list(preset["arms"].values())
        assert all(arm == arms[0] for arm in arms)
        assert set(preset["arms"]) == {"plain", "constant", "coordconv"}
    task = detection_control.task(**SMALL)
    counts = {arm: parameter_count(task.networks[arm]()) for arm in preset["arms"]}
    assert counts["plain"] < counts["constant"] == counts["coordconv"]
    longer = detection_control.PRESETS["cpu"]["arms"]["plain"]["training"]
    shorter = detection.PRESETS["cpu"]["arms"]["plain"]["training"]
    assert longer == shorter | {"epochs": 20}


def test_the_mover_is_judged_by_the_closest_anchor_whatever_its_score():
    outputs = torch.zeros(1, 1521, 6)
    truth = ANCHORS.view(13, 13, 9, 4)[6, 6, 4][None, None] + BY_FOUR / 4
    still = detection.detection_scores(outputs, truth)
    assert still["mover_whole"] == pytest.approx(19 / 21)
    outputs[..., 0] = 1 / 20
    assert detection.detection_scores(outputs, truth)["mover_whole"] == pytest.approx(1)


def test_boxes_are_compared_after_they_are_cut():
    seen = torch.tensor([20.0, 59, 16, 10])
    scores = detection.detection_scores(saying(seen[None], [5.0]), TRUTH, clipped=True)
    assert scores["cut"] == pytest.approx(1) and scores["outside"] == 0
    unclipped = detection.detection_scores(saying(seen[None], [5.0]), TRUTH)
    assert unclipped["cut"] == pytest.approx(10 / 16)


def test_the_clipped_task_learns_boxes_that_end_at_the_border():
    plain, clipped = (
        detection.task(**SMALL),
        detection_clipped.task(**SMALL, clipped=True),
    )
    assert torch.equal(plain.inputs, clipped.inputs)
    assert not inside(plain.targets, (64, 64)).all()
    assert inside(clipped.targets, (64, 64)).all()
    for name, preset in detection_clipped.PRESETS.items():
        assert preset["clipped"] and list(preset["arms"]) == ["plain", "coordconv"]
        assert detection.PRESETS[name]["arms"].items() >= preset["arms"].items()


def test_what_the_window_shows_of_a_box():
    shown = detection.visible(TRUTH[0])
    assert shown.tolist() == pytest.approx([1, 10 / 16, 0])


def test_arms_differ_in_coordinates_only():
    task = detection.task(**SMALL)
    counts = {name: parameter_count(make()) for name, make in task.networks.items()}
    assert counts["plain"] < counts["mover"] < counts["shared"] < counts["image"]
    assert counts["constant"] == counts["coordconv"]
    for preset in detection.PRESETS.values():
        assert set(preset["arms"]) <= set(task.networks)


def test_a_seed_chooses_training_canvases_and_no_test_canvas():
    task = detection.task(**SMALL)
    (train, test), (other, same) = (task.splits(s)["test"] for s in (0, 1))
    assert len(train) == 16 and len(test) == 8
    assert not set(train.tolist()) & set(test.tolist())
    assert set(train.tolist()) != set(other.tolist()) and torch.equal(test, same)


def test_a_run_gives_the_scores_of_every_arm_and_its_gain(tmp_path, monkeypatch):
    training = {"batch_size": 4, "epochs": 1, "measures": 1, "lr": 0.001}
    names = ("plain", "coordconv", "constant")
    arms = {name: {"network": {}, "training": training} for name in names}
    monkeypatch.setitem(detection.PRESETS, "quick", SMALL | {"arms": arms})
    quiet = {"where": tmp_path, "device": "cpu", "report": lambda line: None}
    result = experiments.run("detection", "quick", **quiet)
    for name in names:
        assert 0 <= result.mean("iou", arm=name) <= result.mean("ranked", arm=name) <= 1
    gain = result.mean("iou", arm="coordconv") / result.mean("iou", arm="plain") - 1
    assert result.mean("iou_gain", arm="coordconv") == pytest.approx(gain)
    assert result.mean("positive_gain", arm="constant") > -1
    beside = result.mean("iou", arm="coordconv") / result.mean("iou", arm="constant")
    over_ones = result.mean("iou_gain_over_ones", arm="coordconv")
    assert over_ones == pytest.approx(beside - 1)
    assert results.load_weights("detection", "quick", where=tmp_path, arm="plain")
