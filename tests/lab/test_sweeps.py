"""Sweeps: every point of the grid once, whatever stops the run in between."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch

from coordlib.__main__ import main
from coordlib.lab import experiments
from coordlib.lab.data import archives, complete
from coordlib.lab.experiments.coordinates import (
    coordinate_classification,
    regression_readouts,
)
from coordlib.lab.models.common import parameter_count
from coordlib.lab.record import arrays, results, spread, sweep, task
from coordlib.lab.record.arrays import Kept
from coordlib.lab.record.experiment import options
from coordlib.lab.record.sweep import Sweep

NAME = "coordinate-classification"
READOUT_ARMS = regression_readouts.PRESETS["quick"]["arms"]
SPLITS = ("uniform", "quadrant")
QUIET = {"device": "cpu", "report": lambda line: None}
SMALL = {
    "size": 16,
    "arms": {
        "coordconv": {
            "network": {"width": 1},
            "training": {"epochs": 1, "batch_size": 16, "measures": 2, "lr": 0.01},
        },
        "deconv": {
            "network": {"width": 1, "kernel_size": [2, 3]},
            "training": {
                "epochs": 4,
                "batch_size": 16,
                "measures": 2,
                "lr": [0.001, 0.01],
                "weight_decay": 0.002,
            },
        },
    },
}


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setitem(coordinate_classification.PRESETS, "quick", SMALL)


def without_clocks(content):
    """A result with nothing in it that depends on how long things took."""
    clocks = ("seconds", "hours", "time", "proven")
    if isinstance(content, dict):
        return {
            k: without_clocks(v)
            for k, v in content.items()
            if not any(word in k for word in clocks)
        }
    if isinstance(content, list):
        rows = [item for item in content if not _is_clock(item, clocks)]
        return [without_clocks(item) for item in rows]
    return content


def _is_clock(item, clocks):
    metric = item.get("metric", "") if isinstance(item, dict) else ""
    return any(word in metric for word in clocks)


def numbers(where):
    """What a result file says, apart from clocks and the order of the runs."""
    content = json.loads(results.path(NAME, "quick", where).read_text())
    runs = sorted(content.pop("runs"), key=task.identity)
    return without_clocks(content | {"runs": runs})


def test_a_list_is_an_axis_of_the_grid():
    points = sweep.grid({"lr": [1, 2], "width": 3, "l2": [0, 1, 2]})
    assert len(points) == 6
    assert {(p["lr"], p["l2"]) for p in points} == {
        (a, b) for a in (1, 2) for b in (0, 1, 2)
    }
    assert all(p["width"] == 3 for p in points)


@pytest.mark.parametrize(
    ("name", "arm", "runs"),
    [
        ("coordinate-classification", "deconv", 324),
        ("coordinate-classification", "coordconv", 6),
        ("rendering", "deconv", 648),
        ("rendering", "coordconv", 8),
        ("coordinate-regression", "conv", 9),
        ("coordinate-regression", "coordconv", 1),
    ],
)
@pytest.mark.parametrize("side_by_side", [True, False])
def test_the_paper_presets_are_the_papers_sweeps(name, arm, runs, side_by_side):
    arms = experiments.find(name).presets["paper"]["arms"]
    jobs = sweep.jobs({arm: arms[arm]}, SPLITS, 0, side_by_side)
    trainings = [
        task.identity(job | recipe) for job in jobs for recipe in job["recipes"]
    ]
    assert len(set(trainings)) == len(trainings) == 2 * runs


def test_the_sweep_spans_the_papers_range_of_sizes():
    arms = coordinate_classification.PRESETS["paper"]["arms"]
    networks = coordinate_classification.task(64).networks
    counts = [
        parameter_count(networks["deconv"](**options))
        for options in sweep.grid(arms["deconv"]["network"])
    ]
    assert (len(counts), min(counts), max(counts)) == (9, 46_465, 1_632_001)


def test_recipes_of_one_shape_make_one_job_where_there_is_an_accelerator():
    together = sweep.jobs(SMALL["arms"], SPLITS, 0, side_by_side=True)
    alone = sweep.jobs(SMALL["arms"], SPLITS, 0, side_by_side=False)
    assert sorted(len(job["recipes"]) for job in together) == [1, 1, 2, 2, 2, 2]
    assert [len(job["recipes"]) for job in alone] == [1] * 10


def test_side_by_side_a_job_gives_the_runs_it_would_give_alone():
    painting = coordinate_classification.task(16)
    arms = {"deconv": SMALL["arms"]["deconv"]}
    [job] = [
        job
        for job in sweep.jobs(arms, SPLITS, 0, side_by_side=True)
        if job["split"] == "uniform" and job["network"]["kernel_size"] == 2
    ]
    job["training"] |= {"epochs": 1}
    together = [run for run, _ in task.train(painting, job, "cpu")]
    alone = [
        task.train(painting, job | {"recipes": [recipe]}, "cpu")[0][0]
        for recipe in job["recipes"]
    ]
    for one, other in zip(together, alone, strict=True):
        assert task.identity(one) == task.identity(other)
        assert one["train_accuracy"] == pytest.approx(other["train_accuracy"], abs=0.05)


def test_networks_begin_side_by_side_with_the_weights_they_would_have_alone(
    monkeypatch,
):
    class Seen(Exception):
        pass

    def see(models, *args, **options):
        raise Seen([model.state_dict() for model in models])

    monkeypatch.setattr(task, "fit_many", see)
    painting = coordinate_classification.task(16)
    job = {"network": {"width": 1, "kernel_size": 2}, "training": {"epochs": 1}}
    recipes = [
        {"arm": "deconv", "split": split, "seed": seed, "lr": 0.01, "weight_decay": 0.0}
        for split in SPLITS
        for seed in (3, 4)
    ]
    with pytest.raises(Seen) as together:
        task.train(painting, job | {"recipes": recipes}, "cpu")
    for recipe, begun in zip(recipes, together.value.args[0], strict=True):
        with pytest.raises(Seen) as alone:
            task.train(painting, job | {"recipes": [recipe]}, "cpu")
        for name, weight in alone.value.args[0][0].items():
            assert torch.equal(weight, begun[name])
    weights = [begun["1.weight"] for begun in together.value.args[0]]
    assert len({weight.data_ptr() for weight in weights}) == len(recipes)


def test_a_result_holds_every_run_and_the_weights_of_the_best(tmp_path, small):
    result = experiments.run(NAME, "quick", where=tmp_path, **QUIET)
    assert len(result.runs) == 10
    assert not results.partial_folder(NAME, "quick", tmp_path).exists()
    painting = coordinate_classification.task(16)
    best = task.best_run(painting, result.runs, arm="deconv", split="uniform")
    model = experiments.best_network(NAME, "deconv", "uniform", tmp_path)
    _, test = painting.splits(0)["uniform"]
    outputs = task.all_outputs(model, painting.inputs[test])
    found = painting.score({}, outputs, test)["accuracy"]
    assert found == pytest.approx(best["test_accuracy"])
    [value] = result.values("test_accuracy", arm="deconv", split="uniform")
    assert value == best["test_accuracy"]


def test_weights_that_are_not_there_are_asked_for_in_clear_words(tmp_path, small):
    with pytest.raises(FileNotFoundError, match="python -m coordlib run"):
        results.load_weights(NAME, "quick", where=tmp_path, arm="deconv")
    kept = [Kept({"arm": "deconv", "split": "uniform"}, {"w": torch.ones(1)})]
    results.save_weights(kept, NAME, "quick", tmp_path)
    with pytest.raises(KeyError, match="there is arm 'deconv', split 'uniform'"):
        results.load_weights(NAME, "quick", where=tmp_path, arm="dense")
    with pytest.raises(FileNotFoundError, match=f"no result of {NAME}"):
        experiments.best_network(NAME, "deconv", "uniform", tmp_path)


def test_of_an_arm_and_a_split_only_the_best_network_is_kept(tmp_path):
    painting = coordinate_classification.contest(16)
    run = {"seed": 0, "network": {}, "training": {}, "lr": 0.1, "weight_decay": 0.0}
    runs = []
    # The names of two of them would be one, written in a row.
    for arm, split, accuracies in (("a", "b_c", (3, 5, 4)), ("a_b", "c", (2,))):
        for lr, accuracy in enumerate(accuracies):
            one = run | {
                "arm": arm,
                "split": split,
                "lr": lr,
                "test_accuracy": accuracy,
            }
            weights = {"w": torch.tensor(accuracy)}
            sweep.keep_weights(tmp_path, painting, one, weights, runs)
            runs.append(one)
    assert len(list(tmp_path.iterdir())) == 2
    arms, lines = {"a": {"axes": {"size": 1}}, "a_b": {}}, []
    kept = list(sweep.kept_weights(tmp_path, painting, arms, runs, lines.append))
    assert [one.axes for one in kept] == [
        {"arm": "a", "size": 1, "split": "b_c"},
        {"arm": "a_b", "split": "c"},
    ]
    assert [int(one.tensors["w"]) for one in kept] == [5, 2] and not lines
    for file in tmp_path.iterdir():
        file.unlink()
    assert not list(sweep.kept_weights(tmp_path, painting, arms, runs, lines.append))
    assert [line.strip() for line in lines] == [
        "a b_c: its weights are gone",
        "a_b c: its weights are gone",
    ]


SWEEPS = [
    name
    for name in experiments.NAMES
    if isinstance(experiment := experiments.find(name), Sweep) and experiment.contest
]
KEPT = [
    n
    for n in SWEEPS
    if (r := results.best(n)) and results.weights_path(n, r.preset).exists()
]
KEPT.remove("normalisation")  # keeps answers in place of weights


def test_answers_are_no_weights():
    with pytest.raises(FileNotFoundError, match="keeps answers, and no weights"):
        experiments.best_network("normalisation", "deconv_none", "uniform")


def without_data(monkeypatch, name):
    def fetched(*arguments, **options):
        pytest.fail("data were asked for")

    unread = replace(experiments.find(name), task=fetched)
    monkeypatch.setattr(experiments, "find", lambda name: unread)
    for module in (complete, archives):
        monkeypatch.setattr(module, "verified", fetched)


@pytest.mark.parametrize("name", KEPT)
def test_every_kept_network_is_known_without_its_data(name, monkeypatch):
    without_data(monkeypatch, name)
    result = results.best(name)
    kept = arrays.load(
        results.weights_path(name, result.preset),
        {"experiment": name, "preset": result.preset},
    )
    assert kept
    for one in kept:
        arm, split = one.axes["arm"], one.axes["split"]
        more = result.config["arms"][arm].get("axes", {})
        assert one.axes == {"arm": arm, "split": split} | more
        assert not experiments.best_network(name, arm, split).training


@pytest.mark.parametrize("name", SWEEPS)
def test_every_sweep_of_networks_tells_its_contest_without_its_data(name, monkeypatch):
    without_data(monkeypatch, name)
    experiment = experiments.find(name)
    for config in experiment.presets.values():
        contest = experiment.contest(**options(config))
        assert all(contest.networks[arm] for arm in config["arms"])


def test_a_task_has_the_contest_of_its_sweep():
    pointing, contest = (
        f(16) for f in (regression_readouts.task, regression_readouts.contest)
    )
    assert set(pointing.networks) == set(contest.networks) == set(READOUT_ARMS)
    assert (pointing.best, pointing.smaller_is_better) == ("pixels", True)
    assert (contest.best, contest.smaller_is_better) == ("pixels", True)


def test_a_run_that_was_only_begun_hides_no_network(tmp_path, small):
    experiments.run(NAME, "quick", where=tmp_path, **QUIET)
    results.save(results.Result(NAME, "paper", SMALL), tmp_path)
    model = experiments.best_network(NAME, "deconv", "uniform", tmp_path)
    assert not model.training


def test_a_network_that_was_not_trained_is_answered_with_those_that_were(
    tmp_path, small
):
    experiments.run(NAME, "quick", where=tmp_path, **QUIET)
    with pytest.raises(KeyError, match="there is arm 'coordconv', split 'quadrant'"):
        experiments.best_network(NAME, "dense", "uniform", tmp_path)
    with pytest.raises(ValueError, match="gan is no sweep of networks"):
        experiments.best_network("gan", "conv", "uniform", tmp_path)
    contest = coordinate_classification.contest(16)
    with pytest.raises(
        ValueError, match="no run with arm 'dense'; there are arm 'conv"
    ):
        task.best_run(contest, [{"arm": "conv"}], arm="dense")
    with pytest.raises(ValueError, match="there are arm none"):
        task.best_run(contest, [], arm="dense")


def test_measuring_again_trains_all_anew_and_keeps_the_old(tmp_path, small):
    experiments.run(NAME, "quick", where=tmp_path, **QUIET)
    lines = []
    report = {"device": "cpu", "report": lines.append}
    again = experiments.run(NAME, "quick", where=tmp_path, force=True, **report)
    assert len(again.runs) == 10 == sum("test accuracy" in line for line in lines)
    old = {f"{NAME}.quick.{kind}" for kind in ("json.old", "npz.old", "json", "npz")}
    assert {file.name for file in tmp_path.iterdir()} == old


def start(where, code):
    """Run the small sweep in a process of its own."""
    script = f"""
import json, pathlib, sys
from coordlib.lab import experiments
from coordlib.lab.experiments.coordinates import coordinate_classification as module
from coordlib.lab.training import resume
resume.CHECKPOINT_SECONDS = 0
module.PRESETS["quick"] = json.loads(sys.argv[1])
{code}
experiments.run({NAME!r}, "quick", where=pathlib.Path({str(where)!r}), device="cpu")
"""
    return subprocess.Popen(
        [sys.executable, "-c", script, json.dumps(SMALL)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # The order of a sum, and so its last digit, depends on the threads.
        env=os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())},
    )


def test_a_sweep_that_is_killed_again_and_again_ends_with_the_same_numbers(
    tmp_path, small
):
    experiments.run(NAME, "quick", where=tmp_path / "quiet", **QUIET)
    where = tmp_path / "troubled"
    deaths = 0
    for lines in (0, 3, 6):  # how many finished runs to wait for, then a little more
        process = start(where, "")
        for _ in range(lines):
            process.stdout.readline()
        partial = results.partial_folder(NAME, "quick", where)
        until = time.monotonic() + 60
        while time.monotonic() < until and not any(partial.glob("*-1.pt")):
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        deaths += process.returncode == -signal.SIGKILL
    assert deaths >= 2
    left = len(results.load(results.path(NAME, "quick", where)).runs)
    assert left < 10, "the last kill came too late to test anything"
    experiments.run(NAME, "quick", where=where, **QUIET)
    assert numbers(where) == numbers(tmp_path / "quiet")


def test_a_second_process_at_the_same_result_is_turned_away(tmp_path, capsys):
    with results.alone("zero-weights", "paper", tmp_path):
        script = (
            "from coordlib.lab import experiments; from pathlib import Path;"
            f"experiments.run('zero-weights', 'paper', where=Path({str(tmp_path)!r}))"
        )
        other = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=False
        )
    assert other.returncode != 0
    assert "another process is measuring zero-weights at paper" in other.stderr


def test_a_disk_that_is_nearly_full_shows_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FREE_BYTES", 10**18)
    with pytest.raises(OSError, match="make room"):
        experiments.run("zero-weights", "paper", where=tmp_path, **QUIET)


def test_only_a_sweep_can_be_spread(tmp_path):
    with pytest.raises(ValueError, match="no sweep"):
        experiments.run("zero-weights", "paper", where=tmp_path, dask="tcp://x:1")


def test_without_dask_the_message_says_what_to_install(tmp_path, small, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ModuleNotFoundError, match=r"coordlib\[dask\]"):
        experiments.run(NAME, "quick", where=tmp_path, dask="tcp://x:1", **QUIET)


def test_a_scheduler_that_is_not_there_is_one_line(tmp_path, monkeypatch, capsys):
    pytest.importorskip("distributed")
    monkeypatch.setattr(results, "folder", lambda: tmp_path)
    monkeypatch.setattr(spread, "TIMEOUT", "1s")
    arguments = ["run", NAME, "--preset", "quick", "--device", "cpu"]
    assert main([*arguments, "--dask", "tcp://127.0.0.1:9"]) == 2
    assert capsys.readouterr().err.startswith("error: no Dask scheduler")


def test_a_cluster_that_loses_a_worker_gives_the_same_numbers(tmp_path, small):
    distributed = pytest.importorskip("distributed")
    experiments.run(NAME, "quick", where=tmp_path / "alone", **QUIET)
    where, finished, killed = tmp_path / "cluster", [], []

    def report(line):
        finished.append(line)
        if len(finished) == 2:  # in the middle
            victim = next(iter(cluster.workers.values()))
            killed.append(victim.pid)
            os.kill(victim.pid, signal.SIGKILL)

    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None
    ) as cluster:
        experiments.run(
            NAME,
            "quick",
            where=where,
            device="cpu",
            report=report,
            dask=cluster.scheduler_address,
        )
    runs = results.load(results.path(NAME, "quick", where)).runs
    assert killed
    assert len(runs) == len({task.identity(run) for run in runs}) == 10
    assert numbers(where) == numbers(tmp_path / "alone")
