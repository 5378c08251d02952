"""The painter of squares with a loss on its centre: what the arms differ in."""

import pytest
import torch
import torch.nn.functional as F

from coordlib.grid import to_unit
from coordlib.lab.experiments.coordinates import (
    rendering_centre,
    rendering_centre_raw,
)
from coordlib.lab.models.painters import CoordConvSquarePainter
from coordlib.lab.record.sweep import jobs
from coordlib.lab.record.task import made, train

TINY = {"size": 16, "side": 3}


@pytest.fixture
def answers():
    """Logits of two pictures, with the squares and the centres they should show."""
    task = made(rendering_centre.task, TINY)
    torch.manual_seed(0)
    painter = rendering_centre.make_painter(16, raw=False)
    return painter(task.inputs[:2]), task.targets[:2]


@pytest.mark.parametrize("preset", rendering_centre.PRESETS)
def test_the_arms_differ_in_the_loss_and_the_inputs_and_in_nothing_else(preset):
    unit, raw = (m.PRESETS[preset] for m in (rendering_centre, rendering_centre_raw))
    assert {k: v for k, v in unit.items() if k != "arms"} == {
        k: v for k, v in raw.items() if k != "arms"
    }
    arms = unit["arms"] | raw["arms"]
    told = {tuple(arm["axes"].values()): arm for arm in arms.values()}
    assert set(told) == {
        (loss, inputs) for loss in ("softmax", "none") for inputs in ("unit", "raw")
    }
    [rest] = {
        str({k: v for k, v in arm["training"].items() if k != "loss"})
        for arm in arms.values()
    }
    assert "'steps'" in rest  # as many on both splits
    for (loss, inputs), arm in told.items():
        assert arm["training"]["loss"] == loss
        assert arm["network"] == {"raw": inputs == "raw"}


def test_the_centre_is_a_second_channel_of_the_same_network():
    positions = to_unit(torch.tensor([[3, 12], [8, 8]]), (16, 16))
    torch.manual_seed(0)
    plain = CoordConvSquarePainter(size=16)
    torch.manual_seed(0)
    telling = CoordConvSquarePainter(size=16, centre=True)
    assert plain.state_dict().keys() == telling.state_dict().keys()
    both = telling(positions)
    assert torch.equal(both[:, :1], plain(positions))
    assert torch.equal(both[:, 1:], plain.pixel(positions))


def test_the_loss_on_the_centre_is_added_and_has_the_centre_for_its_class(answers):
    outputs, targets = answers
    square = rendering_centre.square_loss(outputs, targets)
    both = rendering_centre.square_and_centre_loss(outputs, targets)
    world = rendering_centre.squares(**TINY)
    centre = F.cross_entropy(outputs[:, 1].flatten(1), world.targets(slice(2)))
    assert both.item() == pytest.approx((square + centre).item())


def test_without_it_the_centre_learns_through_the_square_alone(answers):
    outputs, targets = answers
    [gradient] = torch.autograd.grad(
        rendering_centre.square_loss(outputs, targets), outputs
    )
    assert (gradient[:, 1] == 0).all()
    assert (gradient[:, 0] != 0).any()


def test_raw_inputs_are_the_pixels_that_unit_coordinates_stand_for():
    positions = torch.tensor([[3, 12], [8, 8]])
    network = rendering_centre.make_painter(16, raw=True)
    fed = network[0](to_unit(positions, (16, 16)))
    assert torch.allclose(fed, positions.float(), atol=1e-5)


def test_a_run_says_how_right_and_how_sure_it_is_of_the_centre():
    task = made(rendering_centre.task, TINY)
    arms = {
        name: arm | {"training": arm["training"] | {"steps": 2}}
        for module in (rendering_centre, rendering_centre_raw)
        for name, arm in module.PRESETS["quick"]["arms"].items()
    }
    runs = [train(task, job, "cpu")[0][0] for job in jobs(arms, ["quadrant"], 0, False)]
    rows = rendering_centre.summarise(task, arms, runs)
    assert {row["metric"] for row in rows} == {
        *("train_iou", "test_iou", "test_centre", "test_peak", "seconds")
    }
    axes = {"arm", "intermediate_loss", "inputs", "split"}
    assert all(row.keys() == axes | {"metric", "value"} for row in rows)
    assert all(0 < r["value"] <= 1 for r in rows if r["metric"] == "test_peak")
