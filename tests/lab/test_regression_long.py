"""Regression as long as the source trains: each network on the split it is for."""

import pytest
from torch import nn

from coordlib.lab.experiments.coordinates import regression_long
from coordlib.lab.record.sweep import jobs
from coordlib.lab.record.task import made, train


def norms(network):
    return [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]


@pytest.mark.parametrize("preset", regression_long.PRESETS)
def test_on_the_quadrant_the_arms_differ_in_the_normalisation_only(preset):
    arms = regression_long.PRESETS[preset]["arms"]
    with_it, without = arms["conv_batch"], arms["conv_none"]
    assert with_it["splits"] == without["splits"] == ["quadrant"]
    assert with_it["training"] == without["training"]
    assert with_it["network"] == {"normalisation": "batch"}
    assert without["network"] == {"normalisation": "none"}


def test_every_split_has_the_network_that_the_source_has_for_it():
    arms = regression_long.PRESETS["cpu"]["arms"]
    assert {tuple(arm["splits"]): name for name, arm in arms.items()}.keys() == {
        ("quadrant",),
        ("uniform",),
    }
    assert all(arm["training"]["epochs"] == 100 for arm in arms.values())
    networks = regression_long.contest(64).networks
    assert len(norms(networks["conv_batch"](normalisation="batch"))) == 2
    assert not norms(networks["conv_none"](normalisation="none"))
    dense = networks["dense"]()
    assert not norms(dense)
    assert sum(isinstance(m, nn.Linear) for m in dense.modules()) == 2


def test_a_run_says_how_far_off_it_is_on_both_sides_of_its_split():
    task = made(regression_long.task, {"size": 32})
    arms = {
        name: arm | {"training": arm["training"] | {"epochs": 0.1, "measures": 1}}
        for name, arm in regression_long.PRESETS["quick"]["arms"].items()
    }
    planned = jobs(arms, task.splits(0), 0, False)
    runs = [train(task, job, "cpu")[0][0] for job in planned]
    rows = regression_long.summarise(task, arms, runs)
    assert {(row["network"], row["normalisation"], row["split"]) for row in rows} == {
        ("conv", "batch", "quadrant"),
        ("conv", "none", "quadrant"),
        ("dense", "none", "uniform"),
    }
    assert {row["metric"] for row in rows} == {"train_pixels", "test_pixels", "seconds"}
