"""The comparison that differs in one thing: with batch normalisation and without."""

import pytest
import torch

from coordlib.lab import experiments
from coordlib.lab.data.squares import squares, uniform_split
from coordlib.lab.experiments.normalisation import (
    coordinates,
    fastest,
    fastest_tuning,
    painters,
    released,
    rendering,
    rendering_tuning,
)
from coordlib.lab.experiments.normalisation.mechanism import DRAWN, _cloud, _moved
from coordlib.lab.experiments.normalisation.painters import PAINTERS, validation_split
from coordlib.lab.experiments.normalisation.suspects import SUSPECTS
from coordlib.lab.experiments.normalisation.tuning import RATES
from coordlib.lab.record import results
from coordlib.lab.record.sweep import grid
from coordlib.lab.record.task import made

FAMILY = [
    name
    for name in experiments.NAMES
    if name.startswith("normalisation") and name != "normalisation-mechanism"
]


def without(options, *names):
    return {k: v for k, v in options.items() if k not in names}


@pytest.mark.parametrize("painter", PAINTERS)
def test_the_arms_of_a_painter_differ_in_their_normalisation_and_their_tuned_rate(
    painter,
):
    for preset in painters.PRESETS.values():
        with_it = preset["arms"][f"{painter}_batch"]
        without_it = preset["arms"][f"{painter}_none"]
        assert with_it["network"]["normalisation"] == "batch"
        assert without_it["network"]["normalisation"] == "none"
        same = [without(a["network"], "normalisation") for a in (with_it, without_it)]
        assert same[0] == same[1]
        same = [without(a["training"], "lr") for a in (with_it, without_it)]
        assert same[0] == same[1]


def test_the_rates_are_those_that_did_best_on_the_validation_dots():
    tuned = results.best("normalisation-tuning")
    for painter in PAINTERS:
        for kind in ("batch", "none"):
            name = f"{painter}_{kind}"
            runs = [run for run in tuned.runs if run["arm"] == name]
            assert {run["lr"] for run in runs} == set(RATES[painter])
            best = max(run["test_accuracy"] for run in runs)
            chosen = painters.PRESETS["cpu"]["arms"][name]["training"]["lr"]
            [of_the_chosen] = [r["test_accuracy"] for r in runs if r["lr"] == chosen]
            assert of_the_chosen == best


def test_the_fastest_recipes_are_those_that_were_found_to_be():
    tuned = results.best("normalisation-fastest-tuning")
    arms = fastest_tuning.PRESETS["cpu"]["arms"]
    assert len(tuned.runs) == sum(len(grid(arm["training"])) for arm in arms.values())
    for painter, recipe in fastest.FASTEST.items():
        there = [
            run["training"] | run
            for run in tuned.runs
            if run["arm"].startswith(f"{painter}_")
            and run["test_accuracy"] >= fastest_tuning.REACHED
        ]
        there.sort(key=lambda run: run["seconds"])
        tried = [{name: run[name] for name in recipe} for run in there]
        before = fastest.DISMISSED.get(painter)
        assert tried[0] == (before or recipe)
        assert tried[bool(before)] == recipe
    drawn = results.best("normalisation-fastest").values(
        "test_accuracy", painter="coordconv", recipe="dismissed"
    )
    assert drawn.mean() < fastest_tuning.REACHED and len(drawn) == 10


def test_the_rate_with_coordinates_did_best_on_the_validation_dots():
    tuned = results.best("normalisation-coordinates-tuning").runs
    best = max(tuned, key=lambda run: run["test_accuracy"])
    assert best["lr"] == coordinates.RATE
    assert {run["lr"] for run in tuned} == {*RATES["deconv"]}


def test_with_coordinates_and_without_painters_differ_in_these_and_their_rate():
    (told,) = coordinates.PRESETS["cpu"]["arms"].values()
    plain = painters.PRESETS["cpu"]["arms"]["deconv_none"]
    told, plain = ({**arm["network"], **arm["training"]} for arm in (told, plain))
    differing = {name for name in told if told[name] != plain.get(name)}
    assert differing <= {"coordinates", "lr"} and plain.keys() <= told.keys()


def test_the_recipes_for_squares_did_best_on_the_validation_squares():
    tuned = results.best("normalisation-rendering-tuning")
    for kind, recipe in rendering.TUNED.items():
        runs = [run for run in tuned.runs if run["arm"] == kind]
        assert len(runs) == len(rendering_tuning.RATES) * len(rendering_tuning.DECAYS)
        best = max(runs, key=lambda run: run["test_iou"])
        assert {name: best[name] for name in recipe} == recipe


def test_rates_are_chosen_on_dots_that_no_test_holds_out_by_the_same_seed():
    world = squares()
    train, validation = validation_split(world, seed=100)
    outer_train, test = uniform_split(world, seed=100)
    assert sorted([*train.tolist(), *validation.tolist()]) == outer_train.tolist()
    assert not set(validation.tolist()) & (set(train.tolist()) | set(test.tolist()))
    assert len(validation) == 501


def test_on_the_released_split_everything_else_is_as_on_four_fifths():
    for name, preset in released.PRESETS.items():
        theirs = painters.PRESETS[name]
        assert without(preset, "arms") == without(theirs, "arms")
        assert preset["arms"].keys() == theirs["arms"].keys()
        for arm, options in preset["arms"].items():
            assert options["splits"] == ["released"]
            like = theirs["arms"][arm]
            assert without(options, "splits") == without(like, "splits")
    task = made(painters.task, released.PRESETS["cpu"])
    first, second = (task.splits(seed)["released"] for seed in (0, 1))
    assert [len(side) for side in first] == [2368, 768]
    assert all(map(torch.equal, first, second))


def test_a_suspect_changes_one_thing():
    arms = experiments.find("normalisation-suspects").presets["cpu"]["arms"]
    base = arms["nothing"]
    for name, arm in arms.items():
        changed = [
            (part, option)
            for part in ("network", "training")
            for option in arm[part]
            if arm[part][option] != base[part].get(option)
        ]
        changed += [("splits",)] if arm["splits"] != base["splits"] else []
        assert len(changed) == (name != "nothing"), (name, changed)
    assert set(arms) == {*SUSPECTS, "normalisation"}


@pytest.mark.parametrize("name", FAMILY)
def test_every_arm_makes_a_network_and_every_split_is_there(name):
    experiment = experiments.find(name)
    for config in experiment.presets.values():
        task = made(experiment.task, config)
        splits = task.splits(0)
        for arm, options in config["arms"].items():
            assert set(options.get("splits", splits)) <= set(splits)
            for network in grid(options["network"]):
                assert task.networks[arm](**network)(task.inputs[:2]).shape[0] == 2


def test_only_batch_statistics_let_the_company_move_a_dot():
    world = squares(16, 5)
    train, _ = uniform_split(world, seed=0)
    for kind in ("batch", "none"):
        network = painters.make_painter(16, "deconv", normalisation=kind)
        moved = _moved(network, world, train, 0)
        assert len(moved) == 3
        for ratio in moved:
            assert ratio > 0.1 if kind == "batch" else ratio == 0


def test_a_cloud_of_one_dot_is_a_point_without_batch_statistics():
    world = squares(16, 5)
    train, _ = uniform_split(world, seed=0)
    clouds = {
        kind: _cloud(
            painters.make_painter(16, "coordconv", normalisation=kind),
            *(world, train, 0),
        )
        for kind in ("batch", "none")
    }
    assert clouds["batch"].shape == (9, DRAWN, 2)
    assert clouds["none"].std(1).max() < 1e-4 < clouds["batch"].std(1).max()
