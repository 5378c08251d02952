"""Successive halving: who is chosen, by what, and what is kept when it is stopped."""

import json
from dataclasses import replace

import numpy as np
import pytest

from coordlib.lab import experiments
from coordlib.lab.data.squares import squares
from coordlib.lab.experiments.coordinates import dots_halving, squares_halving
from coordlib.lab.record import halving, results
from coordlib.lab.record.run import run
from coordlib.lab.record.task import identity
from coordlib.lab.training.resume import TimeUp, stopping_after_a_step

TINY = {
    "size": 16,
    "splits": ["uniform", "quadrant"],
    "arms": {
        "deconv": {
            "network": {"width": 1, "kernel_size": [2, 3]},
            "training": {
                "batch_size": 16,
                "lr": [0.005, 0.05],
                "weight_decay": 0.0,
                "measures": 1,
            },
        }
    },
    "rounds": [
        {"schedule": "one-cycle", "epochs": 2, "kept": 3},
        {"schedule": "one-cycle", "epochs": 4, "kept": 2},
        {"schedule": "steps", "epochs": 6},
    ],
}
SPLITS = TINY["splits"]


def small(module=dots_halving, **changes):
    return replace(module.EXPERIMENT, presets={"quick": TINY | changes})


def searched(where, experiment=None, seeds=(0, 1), report=lambda line: None):
    return run(experiment or small(), "quick", seeds=seeds, where=where, report=report)


def choosing(result):
    return [one for one in result.runs if one["seed"] >= halving.CHOOSING_SEED]


def numbers(result):
    """All that was measured, but for the clocks."""
    runs = [
        {k: v for k, v in one.items() if k not in ("seconds", "curve")}
        for one in sorted(result.runs, key=identity)
    ]
    return json.dumps([result.rows, runs], sort_keys=True)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return searched(tmp_path_factory.mktemp("found"))


def test_each_round_trains_the_recipes_that_were_left_by_the_one_before(found):
    count = {}
    for one in found.runs:
        key = one["training"]["epochs"], one["split"]
        count[key] = count.get(key, 0) + 1
    for split in SPLITS:
        assert count[2, f"{split} validation"] == 4
        assert count[4, f"{split} validation"] == 3
        assert count[6, split] == 2 * 2  # of each of two seeds
    assert len(count) == 6


@pytest.mark.parametrize("world", [squares(16), squares(32), squares(64)], ids=str)
def test_what_a_recipe_is_chosen_by_is_held_out_of_the_training_side(world):
    sides = dots_halving.with_validation(world)
    for split in SPLITS:
        train, test = (set(side.tolist()) for side in sides[split])
        shown, held = (set(s.tolist()) for s in sides[f"{split} validation"])
        assert shown | held == train
        assert not shown & held and not (shown | held) & test


def test_to_be_chosen_for_the_quadrant_is_to_draw_in_the_opposite_one():
    world = squares(64)
    sides = dots_halving.with_validation(world)
    _, test = sides["quadrant"]
    shown, held = sides["quadrant validation"]
    mirrored = {tuple(p) for p in (63 - world.positions[test]).tolist()}
    assert {tuple(p) for p in world.positions[held].tolist()} == mirrored
    for axis in (0, 1):  # a row and a column that were seen, but never together
        seen = set(world.positions[shown][:, axis].tolist())
        assert set(world.positions[held][:, axis].tolist()) <= seen


def test_no_run_that_chooses_knows_of_a_test_position(tmp_path, found):
    def spoilt(size):
        task = dots_halving.task(size)
        inputs = task.inputs.clone()
        inputs[task.splits(0)["uniform"][1]] = 0.0
        return replace(task, inputs=inputs)

    assert all(one["split"].endswith(" validation") for one in choosing(found))
    one_split = small(splits=["uniform"])
    clean = searched(tmp_path / "clean", one_split)
    other = searched(tmp_path / "other", replace(one_split, task=spoilt))
    runs = [
        [(identity(r), r["train_accuracy"], r["test_accuracy"]) for r in choosing(of)]
        for of in (clean, other)
    ]
    assert runs[0] == runs[1]
    final = [[identity(r) for r in of.runs] for of in (clean, other)]
    assert final[0] == final[1]  # so the same recipes were chosen


def test_the_seeds_of_the_last_round_had_no_part_in_the_choice(tmp_path, found):
    fresh = [one for one in found.runs if one["training"]["epochs"] == 6]
    assert {one["seed"] for one in fresh} == {0, 1}
    assert {one["seed"] for one in choosing(found)} == {1001, 1002}
    with pytest.raises(ValueError, match="seeds must be below 1000"):
        searched(tmp_path, seeds=(1001,))


def test_a_result_says_what_was_tried_and_how_it_ended(found):
    assert found.seeds == [0, 1]
    for split in SPLITS:
        assert found.mean("recipes", split=split) == 4
        both = [
            found.values("test_accuracy", split=split, rank=rank) for rank in (1, 2)
        ]
        highest = found.values("highest_test_accuracy", split=split)
        assert (highest == np.max(both, axis=0)).all()
        for number, tried in ((1, 4), (2, 3)):
            of_round = found.select(
                metric="validation_accuracy", round=number, split=split
            )
            assert len(of_round) == tried
    recipe = {"arm", "width", "kernel_size", "batch_size", "lr", "weight_decay"}
    assert recipe <= found.select(metric="test_accuracy", rank=1)[0].keys()
    assert recipe <= found.select(metric="train_accuracy", round=1)[0].keys()


def test_the_best_on_validation_are_kept_and_equals_are_told_by_training():
    task = dots_halving.task(16)
    entries = [{"split": split, "name": n} for split in SPLITS for n in range(4)]
    scores = [(0.2, 0.9), (0.5, 0.6), (0.5, 0.7), (None, None)] * 2
    same = dict.fromkeys(("arm", "seed", "network", "training", "lr", "weight_decay"))
    runs = [
        same | entry | {"test_accuracy": test, "train_accuracy": train}
        for entry, (test, train) in zip(entries, scores, strict=True)
    ]
    left = halving.best(task, entries, runs, 2)
    assert left == [{"split": split, "name": n} for split in SPLITS for n in (2, 1)]
    assert halving.best(task, entries, runs, 4)[3]["name"] == 3  # the one that diverged


@pytest.mark.parametrize("lines", [2, 7, 12, 19])
def test_what_was_stopped_goes_on_to_the_same_numbers(lines, tmp_path, found):
    said = []

    def report(line):
        said.append(line)
        if len(said) == lines:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        searched(tmp_path, report=report)
    done = {identity(one) for one in results.load(path(tmp_path)).runs}
    again = []
    after = searched(tmp_path, report=again.append)
    trained = sum("networks, " in line for line in again)
    assert trained == len(after.runs) - len(done)
    assert numbers(after) == numbers(found)


def test_a_search_whose_time_is_up_goes_on_with_the_next_call(tmp_path, found):
    with stopping_after_a_step(0.0), pytest.raises(TimeUp):
        searched(tmp_path)
    assert results.load(path(tmp_path)).seeds == []
    assert numbers(searched(tmp_path)) == numbers(found)


def path(where):
    return results.path("dots-halving", "quick", where)


def test_the_seconds_of_the_choice_stand_with_the_first_seed(found):
    of_seed = {
        seed: sum(one["seconds"] for one in found.runs if one["seed"] == seed)
        for seed in (0, 1)
    }
    of_seed[0] += sum(one["seconds"] for one in choosing(found))
    for seed, seconds in of_seed.items():
        assert found.provenance[str(seed)]["seconds"] == pytest.approx(seconds, abs=0.1)


def test_more_seeds_are_trained_with_the_recipes_that_were_chosen(tmp_path, found):
    searched(tmp_path, seeds=(0,))
    said = []
    both = searched(tmp_path, seeds=(0, 1), report=said.append)
    assert sum("networks, " in line for line in said) == 2 * 2
    of_seed = sorted(map(str, (row for row in both.rows if row["seed"] == 1)))
    assert of_seed == sorted(str(row) for row in found.rows if row["seed"] == 1)


def test_networks_of_one_shape_train_side_by_side(tmp_path, monkeypatch, found):
    monkeypatch.setattr(halving, "side_by_side", lambda device: True)
    said = []
    together = searched(tmp_path, report=said.append)
    assert said[0] == "round 1 of 3: 8 networks in 2 stacks"
    assert "4 networks, kernel_size 2 width 1: " in said[1] and " a second, " in said[1]
    assert len(together.runs) == len(found.runs)
    assert len(together.rows) == len(found.rows)


def test_squares_are_searched_as_dots_are(tmp_path):
    experiment = small(squares_halving, splits=["quadrant"])
    result = searched(tmp_path, experiment, seeds=(0,))
    assert 0 <= result.mean("test_iou", split="quadrant", rank=1) <= 1
    assert result.mean("recipes", split="quadrant") == 4


def test_the_grids_are_a_half_and_a_quarter_of_the_sources():
    dots, painted = dots_halving.PRESETS, squares_halving.PRESETS
    for presets, decisive, paper in ((dots, 162, 324), (painted, 162, 648)):
        for preset, count in (("decisive", decisive), ("paper", paper)):
            grid = halving.grid_of(presets[preset])
            for split in presets[preset]["splits"]:
                assert sum(one["split"] == split for one in grid) == count
    assert dots["paper"]["rounds"][-1] == {"schedule": "steps", "epochs": 1000}
    for name in ("dots-halving", "squares-halving"):
        assert experiments.find(name).config("quick")["size"] == 32
