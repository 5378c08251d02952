"""Stacks of a sweep: which networks train side by side on an accelerator."""

from dataclasses import replace
from math import isfinite
from types import SimpleNamespace

import pytest
import torch
from test_sweeps import NAME, QUIET, SMALL, SPLITS

from coordlib.lab import experiments
from coordlib.lab.experiments.coordinates import coordinate_classification
from coordlib.lab.record import results, spread, sweep, task
from coordlib.lab.record.result import rows
from coordlib.lab.record.run import run as run_experiment


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setitem(coordinate_classification.PRESETS, "quick", SMALL)


def planned(painting, arms, seeds):
    return [
        job
        for seed in seeds
        for job in sweep.jobs(arms, painting.splits(seed), seed, side_by_side=True)
    ]


def test_splits_seeds_and_arms_of_one_shape_make_one_stack():
    painting = coordinate_classification.task(16)
    twin = {"network": {"width": 1, "kernel_size": 2}}
    twin["training"] = SMALL["arms"]["deconv"]["training"] | {"lr": 0.1}
    painting.networks["twin"] = painting.networks["deconv"]
    apart = planned(painting, SMALL["arms"] | {"twin": twin}, (0, 1))
    together = sweep.stacks(painting, apart)
    # Two seeds and two splits: of CoordConv, of either kernel with two rates each, and
    # of the twin, which has one.
    assert sorted(len(job["recipes"]) for job in together) == [4, 8, 8 + 4]
    names = [
        sorted(task.identity(job | recipe) for job in kind for recipe in job["recipes"])
        for kind in (apart, together)
    ]
    assert names[0] == names[1]
    assert len(set(names[0])) == 24


def test_networks_that_only_look_alike_make_no_stack():
    painting = coordinate_classification.task(16)
    training = {"epochs": 1, "batch_size": 16, "lr": 0.01}
    network = {"width": 1}
    arms = {
        "deconv": {"network": network, "training": training},
        "other": {"network": network, "training": training},
        "longer": {"network": network, "training": training | {"epochs": 2}},
    }
    # A function of its own for "other", which may make what it likes.
    painting.networks["other"] = lambda **options: None
    painting.networks["longer"] = painting.networks["deconv"]
    together = sweep.stacks(painting, planned(painting, arms, (0,)))
    assert sorted(len(job["recipes"]) for job in together) == [2, 2, 2]


def test_a_stack_is_cut_where_batches_would_differ_in_size_or_it_grows_too_large(
    monkeypatch,
):
    painting = coordinate_classification.task(16)
    arms = {"coordconv": {"network": {}, "training": {"epochs": 1, "lr": 0.1}}}
    sizes = [len(train) for train, _ in painting.splits(0).values()]
    arms["coordconv"]["training"]["batch_size"] = max(sizes)
    assert len(set(sizes)) == 2
    assert len(sweep.stacks(painting, planned(painting, arms, (0, 1)))) == 2
    monkeypatch.setattr(sweep, "STACK", 1)
    assert len(sweep.stacks(painting, planned(painting, arms, (0, 1)))) == 4


@pytest.fixture
def accelerated(monkeypatch):
    """Let a sweep take the CPU for an accelerator, and count its networks a job."""
    counts, train = [], task.train

    def counting(painting, job, device, folder, progress):
        counts.append(len(job["recipes"]))
        return train(painting, job, "cpu", folder, progress)

    monkeypatch.setattr(task, "train", counting)
    monkeypatch.setattr(sweep, "side_by_side", lambda device: True)
    return counts


def test_on_an_accelerator_the_seeds_of_a_sweep_train_side_by_side(
    tmp_path, small, accelerated
):
    both = experiments.run(NAME, "quick", seeds=(0, 1), where=tmp_path, **QUIET)
    assert sorted(accelerated) == [4, 8, 8]
    assert len({task.identity(run) for run in both.runs}) == len(both.runs) == 20
    assert both.seeds == [0, 1]
    assert results.weights_path(NAME, "quick", tmp_path).exists()
    alone = [run for run in both.runs if run["seed"] == 1]
    assert {(run["arm"], run["split"]) for run in alone} == {
        (arm, split) for arm in SMALL["arms"] for split in SPLITS
    }


def test_too_little_memory_halves_a_stack_and_says_so(tmp_path, small, accelerated):
    whole, lines = task.train, []

    def exhausted(painting, job, *where, **how):
        if len(job["recipes"]) > 2:
            raise torch.OutOfMemoryError("no room")
        return whole(painting, job, *where, **how)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(task, "train", exhausted)
        options = {"device": "cpu", "report": lines.append}
        result = experiments.run(NAME, "quick", where=tmp_path, **options)
    assert len(result.runs) == 10
    assert accelerated == [2, 2, 2, 2, 2]
    assert sum("networks side by side: halved" in line for line in lines) == 2


def test_a_network_that_diverges_is_marked_and_the_others_count(
    tmp_path, monkeypatch, accelerated
):
    arms = {
        name: {"network": {}, "training": {"steps": 3, "lr": 0.01}}
        for name in ("coordconv", "diverging")
    }
    monkeypatch.setitem(
        coordinate_classification.PRESETS, "quick", {"size": 16, "arms": arms}
    )
    painting = coordinate_classification.task(16)

    def diverging(**options):
        model = painting.networks["coordconv"](**options)
        torch.nn.init.constant_(model[-1].weight, float("inf"))
        return model

    painting.networks["diverging"] = diverging

    def summarise(task, arms, runs):
        return [
            row | {"arm": run["arm"], "split": run["split"]}
            for run in runs
            for row in rows({"share": run["test_share"]})
        ]

    def score(training, outputs, index):
        return {"accuracy": 0.5, "share": float(outputs.mean())}

    painting = replace(painting, score=score)
    found = sweep.Sweep(NAME, "?", coordinate_classification.PRESETS, "", summarise)
    monkeypatch.setattr(sweep, "made", lambda make, config: painting)
    lines = []
    options = {"seeds": (0,), "where": tmp_path, "device": "cpu"}
    result = run_experiment(found, "quick", report=lines.append, **options)
    bad = [run for run in result.runs if run.get("diverged")]
    assert {run["arm"] for run in bad} == {"diverging"} and len(bad) == 2
    assert {row["arm"] for row in result.select(metric="share")} == {"coordconv"}
    assert [row["value"] for row in result.select(metric="diverged")] == [1, 1]
    assert sum("diverged" in line for line in lines) == 1


@pytest.mark.parametrize("count", [1, 2])
def test_a_network_that_blows_up_in_its_last_step_is_marked(count):
    # Of this loss, which is 0, the gradient is no number.
    painting = coordinate_classification.task(16)
    painting = replace(painting, losses={"root": lambda o, y: (0 * o).sum().sqrt()})
    job = {"arm": "coordconv", "split": SPLITS[0], "seed": 0, "network": {}}
    job |= {"training": {"steps": 1}}
    job |= {"recipes": [{"lr": 0.01, "weight_decay": 0.0}] * count}
    runs = [run for run, _ in task.train(painting, job, "cpu")]
    assert all(isfinite(run["test_accuracy"]) for run in runs)
    assert [run.get("diverged") for run in runs] == [True] * count


class Roomless:
    """A task that has memory for two networks at once."""

    def train(self, job, device, folder, progress):
        if len(job["recipes"]) > 2:
            raise torch.OutOfMemoryError("no room")
        return [(recipe["lr"], str(device)) for recipe in job["recipes"]]


def test_a_worker_of_a_cluster_halves_a_stack_too():
    recipes = [{"arm": "a", "split": "s", "lr": k} for k in range(5)]
    found = spread._train_remotely(
        Roomless, {}, {"recipes": recipes}, torch.device("meta")
    )
    assert found == [(k, "meta") for k in range(5)]


def test_a_cluster_is_planned_for_the_device_of_its_workers(
    tmp_path, small, monkeypatch
):
    asked, planned = [], []

    def workers_device(address, request):
        asked.append((address, request))
        return torch.device("meta")

    def on_dask(address, make_task, config, todo, device):
        planned.extend((str(device), len(job["recipes"])) for job in todo)
        return sweep.here(task.made(make_task, config), todo, "cpu", None, False)

    monkeypatch.setattr(spread, "workers_device", workers_device)
    monkeypatch.setattr(spread, "on_dask", on_dask)
    how = {"device": "auto", "dask": "tcp://x:1", "report": lambda line: None}
    result = experiments.run(NAME, "quick", where=tmp_path, **how)
    assert asked == [("tcp://x:1", "auto")]
    assert sorted(planned) == [("meta", 2), ("meta", 4), ("meta", 4)]
    assert result.provenance["0"]["device"] == result.runs[0]["device"]


def test_a_worker_of_a_cluster_tells_its_device(monkeypatch):
    class Client:
        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

        def submit(self, function, *arguments, pure):
            return SimpleNamespace(result=lambda: function(*arguments))

    monkeypatch.setattr(spread, "_client", lambda address: Client())
    assert spread.workers_device("tcp://x:1", "cpu") == torch.device("cpu")
