"""Results: what is written comes back, and what is damaged is named."""

import json
import os
import re
import shutil
import subprocess
from itertools import product
from math import inf

import numpy as np
import pytest
import torch
from made import result_rows

from coordlib.lab.data import storage
from coordlib.lab.record import results
from coordlib.lab.record.result import Result, interval, rows
from coordlib.lab.record.results import ResultError


def measured():
    rows = result_rows({0: {"loss": 1.0}, 1: {"loss": 3.0}})
    return Result("trial", "cpu", {"size": 8}, rows)


def test_a_saved_result_loads_unchanged(tmp_path):
    file = results.save(measured(), tmp_path)
    assert results.load(file) == measured()
    assert [p.name for p in tmp_path.iterdir()] == ["trial.cpu.json"]


def test_mean_and_spread_run_over_seeds():
    result = measured()
    assert result.values("loss").tolist() == [1.0, 3.0]
    assert result.mean("loss") == 2.0
    assert result.spread("loss") == pytest.approx(2**0.5)


def test_the_interval_is_students_over_the_seeds():
    rows = result_rows({n: {"a": value} for n, value in enumerate([1.0, 2.0, 4.0])})
    low, high = Result("x", "cpu", {}, rows).interval("a")
    # 4.3027 standard errors, for two degrees of freedom.
    assert (low + high) / 2 == pytest.approx(7 / 3)
    assert (high - low) / 2 == pytest.approx(4.3027 * (7 / 3) ** 0.5 / 3**0.5, 1e-4)
    assert Result("x", "cpu", {}, result_rows({0: {"a": 1.0}})).interval("a") == (
        -inf,
        inf,
    )


def test_the_interval_of_equal_values_is_a_point():
    assert interval(np.full(3, 0.5)) == (0.5, 0.5)


def test_a_difference_is_taken_seed_by_seed():
    found = result_rows({1: {"a": 5, "b": 6}, 0: {"a": 1, "b": 3}})
    result = Result("trial", "cpu", {}, found)
    difference = result.values("b") - result.values("a")
    assert difference.tolist() == [2, 1]
    assert interval(difference) == pytest.approx((1.5 - 6.353, 1.5 + 6.353), 1e-3)


TWO = [
    {"seed": 0, "arm": arm, "split": split, "metric": "iou", "value": value}
    for value, (arm, split) in enumerate(product(("conv", "coord"), ("a", "b")))
]


def test_axes_select_a_number():
    result = Result("trial", "cpu", {}, TWO)
    assert result.mean("iou", arm="coord", split="a") == 2
    assert [row["value"] for row in result.select(split="b")] == [1, 3]


def test_axes_that_leave_a_choice_are_answered_with_what_there_is():
    with pytest.raises(
        KeyError, match=r"more than one .*they differ in split 'a', 'b'"
    ):
        Result("trial", "cpu", {}, TWO).values("iou", arm="conv")


def test_what_was_not_measured_is_answered_with_what_was():
    found = measured()
    found.add(0, rows({"gain": 1.0}))
    found.add(1, rows({"gain": 1.0}))
    with pytest.raises(KeyError, match="it has metric 'loss', 'gain'"):
        found.values("accuracy")
    with pytest.raises(KeyError, match="it has arm 'conv', 'coord'; split 'a', 'b'"):
        Result("trial", "cpu", {}, TWO).values("iou", arm="dense")


def test_arms_are_not_mixed_where_each_has_its_own_seed():
    apart = [row | {"seed": n} for n, row in enumerate((TWO[0], TWO[2]))]
    with pytest.raises(KeyError, match="they differ in arm 'conv', 'coord'"):
        Result("trial", "cpu", {}, apart).values("iou", split="a")


def test_an_axis_that_nothing_has_is_refused():
    with pytest.raises(KeyError, match=r"no axis 'splt'; it has seed, arm, split"):
        Result("trial", "cpu", {}, TWO).values("iou", arm="conv", splt=None)


@pytest.mark.parametrize(
    ("measured", "error", "message"),
    [
        ([], ValueError, "trial measured nothing for seed 0"),
        (rows({"a": 1}) + rows({"a": 2}), ValueError, "measured .* twice"),
        ([{"value": 1.0}], TypeError, "metric must be a name"),
        (rows({"a": 1}, size=(3, 3)), TypeError, "size must be text or a number"),
    ],
)
def test_rows_that_could_not_be_told_apart_or_read_are_refused(
    measured, error, message
):
    with pytest.raises(error, match=message):
        Result("trial", "cpu", {}).add(0, measured)


def test_an_axis_of_numpy_is_written_as_a_number(tmp_path):
    result = Result("trial", "cpu", {})
    result.add(0, rows({"a": 1.0}, layer=np.int64(3), on=np.bool_(True)))
    read = results.load(results.save(result, tmp_path))
    assert read.rows == [
        {"seed": 0, "metric": "a", "layer": 3, "on": True, "value": 1.0}
    ]


def test_putting_a_result_aside_twice_loses_none(tmp_path):
    for _ in range(2):
        results.save(measured(), tmp_path)
        results.put_aside("trial", "cpu", tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {
        "trial.cpu.json.old",
        "trial.cpu.json.old2",
    }


def test_a_number_that_a_seed_lacks_is_no_number_of_each_seed():
    found = measured()
    found.add(0, rows({"gain": 1.0}))
    with pytest.raises(KeyError, match="no number of each seed with metric 'gain'"):
        found.values("gain")


def test_pandas_reads_the_rows_of_a_file_in_one_line(tmp_path):
    pandas = pytest.importorskip("pandas")
    file = results.save(measured(), tmp_path)
    frame = pandas.DataFrame(json.loads(file.read_text())["rows"])
    assert frame.groupby("metric").value.mean()["loss"] == 2.0


def test_the_best_result_is_the_one_of_the_largest_preset(tmp_path):
    assert results.best("trial", tmp_path) is None
    results.save(measured(), tmp_path)
    paper = Result("trial", "paper", {}, result_rows({0: {"loss": 1.0}}))
    results.save(paper, tmp_path)
    assert results.best("trial", tmp_path) == paper


def test_a_plan_that_was_cut_short_hides_no_result_with_more_seeds(tmp_path):
    def of(preset, seeds):
        numbers = {seed: {"loss": 1.0} for seed in range(seeds)}
        results.save(Result("trial", preset, {}, result_rows(numbers)), tmp_path)

    of("cpu", 2)
    of("decisive", 1)
    assert results.best("trial", tmp_path).preset == "cpu"
    of("decisive", 2)
    assert results.best("trial", tmp_path).preset == "decisive"
    of("quick", 9)
    assert results.best("trial", tmp_path).preset == "decisive"
    of("paper", 1)
    assert results.best("trial", tmp_path).preset == "paper"


def test_a_larger_result_without_the_arms_asked_for_is_passed_over(tmp_path):
    def of(preset, seeds, *arms):
        config = {"arms": {arm: {} for arm in arms}}
        numbers = {seed: {"loss": 1.0} for seed in range(seeds)}
        results.save(Result("trial", preset, config, result_rows(numbers)), tmp_path)

    of("cpu", 3, "plain", "blurred", "shifted")
    of("decisive", 9, "plain", "blurred")
    of("paper", 1, "plain")

    def preset(*arms):
        return results.best("trial", tmp_path, arms=arms).preset

    assert [preset(), preset("plain")] == ["paper", "paper"]
    assert preset("plain", "blurred") == "decisive"
    assert preset("plain", "shifted") == "cpu"
    assert results.best("trial", tmp_path, arms=["polyphase"]) is None


def test_a_run_that_was_only_begun_hides_no_finished_one(tmp_path):
    results.save(Result("trial", "paper", {}), tmp_path)
    assert results.best("trial", tmp_path) is None
    results.save(measured(), tmp_path)
    assert results.best("trial", tmp_path) == measured()


def test_a_folder_may_be_a_string(tmp_path):
    results.save(measured(), str(tmp_path))
    assert results.best("trial", str(tmp_path)) == measured()


def test_nothing_is_written_into_the_package(monkeypatch):
    monkeypatch.setattr(storage, "ROOT", results.Path("/nowhere"))
    with pytest.raises(FileNotFoundError, match="clone the repository"):
        results.folder()
    with pytest.raises(ValueError, match="--results FOLDER"):
        results.save(measured())


def test_only_finite_numbers_are_written(tmp_path):
    with pytest.raises(ValueError, match=r"finite number, got .*'loss'.* nan"):
        results.save(
            Result("trial", "cpu", {}, result_rows({0: {"loss": float("nan")}})),
            tmp_path,
        )


def set_to(field, value):
    """Put something else in a field of a file."""
    return lambda text: json.dumps(json.loads(text) | {field: value})


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[:40], "is no JSON"),
        (lambda text: "[]", "no result of format"),
        (lambda text: text.replace('"format": 3', '"format": 99'), "of format 3"),
        (lambda text: text.replace('"config"', '"konfig"'), "lacks or adds fields"),
        (lambda text: text.replace('"cpu"', '"huge"'), "unknown preset"),
        (lambda text: text.replace("1.0", '"one"'), "row without a number"),
        (lambda text: text.replace("1.0", "9" * 400), "row without a number"),
        (lambda text: text.replace("1.0", "9" * 5000), "is no JSON"),
        (lambda text: text.replace('"trial"', '"other"'), "holds other at cpu"),
        (lambda text: text.replace('"seed": 0', '"seed": "0"'), "row without a seed"),
        (lambda text: text.replace('"seed": 0', '"seed": 0.5'), "row without a seed"),
        (lambda text: text.replace('"seed": 0', '"seed": true'), "row without a seed"),
        (lambda text: text.replace('"seed": 0', '"seed": -1'), "row without a seed"),
        (lambda text: text.replace('"seed": 0', '"seat": 0'), "row without a seed"),
        (lambda text: text.replace('"metric": "', '"m": "'), "row without a metric"),
        (
            lambda text: text.replace('"seed": 0', '"seed": 0, "arm": [1]'),
            "axis that is neither text nor number",
        ),
        (set_to("rows", {}), "rows that are no list"),
        (set_to("rows", [3]), "row without a seed, 3"),
        (set_to("runs", {"0": {}}), "runs that are no list"),
        (set_to("runs", [{"arm": "conv"}]), "run without a seed"),
        (set_to("preset", ["cpu"]), "unknown preset"),
        (set_to("config", None), "config that is no mapping"),
        (set_to("provenance", []), "provenance that is no mapping"),
        (set_to("provenance", {"0": "yesterday"}), "provenance of no seed"),
        (set_to("provenance", {"first": {}}), "provenance of no seed, {'first': {}}"),
    ],
)
def test_a_damaged_file_is_named_with_the_remedy(tmp_path, damage, message):
    file = results.save(measured(), tmp_path)
    file.write_text(damage(file.read_text()))
    with pytest.raises(ResultError, match=message) as caught:
        results.load(file)
    assert str(file) in str(caught.value)
    assert "run 'python -m coordlib run trial" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_failed_write_leaves_the_old_result(tmp_path, monkeypatch):
    file = results.save(measured(), tmp_path)

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="no space left"):
        results.save(Result("trial", "cpu", {}), tmp_path)
    assert results.load(file) == measured()
    assert len(list(tmp_path.iterdir())) == 1


def test_a_gpu_goes_by_its_name(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "GPU X")
    assert results.device_name(torch.device("cuda")) == "GPU X"


def test_unknown_presets_are_refused():
    with pytest.raises(ValueError, match="preset must be one of"):
        results.path("trial", "huge")


def test_every_committed_result_is_valid():
    files = sorted(results.folder().glob("*.json"))
    assert files
    for file in files:
        result = results.load(file)
        assert result.seeds
        assert sorted(map(int, result.provenance)) == result.seeds
        assert "dirty" not in json.dumps(result.provenance)


def test_without_git_the_commit_is_unknown_unless_one_is_told(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("COORDLIB_COMMIT", raising=False)
    assert results.provenance(torch.device("cpu"), 1.0)["commit"] == "unknown"
    monkeypatch.setenv("COORDLIB_COMMIT", "ca2de93")
    assert results.provenance(torch.device("cpu"), 1.0)["commit"] == "ca2de93"


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@pytest.mark.parametrize(
    ("file", "mark"), [("results/trial.cpu.json", ""), ("code.py", "-dirty")]
)
def test_a_result_that_grew_does_not_make_the_code_another(
    tmp_path, monkeypatch, file, mark
):
    monkeypatch.setattr(storage, "ROOT", tmp_path)
    me = ["-c", "user.name=test", "-c", "user.email=test@example.org"]

    def git(*arguments):
        subprocess.run(["git", "-C", tmp_path, *me, *arguments], check=True)

    for name in ("code.py", "results/trial.cpu.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("old")
    git("init", "-q")
    git("add", "-A")
    git("commit", "-q", "-m", "all of it")
    (tmp_path / file).write_text("new")
    commit = results.provenance(torch.device("cpu"), 1.0)["commit"]
    assert re.fullmatch(rf"[0-9a-f]+{mark}", commit)
    # Installed somewhere in a repository of others, its commit says nothing.
    (tmp_path / "packages").mkdir()
    monkeypatch.setattr(storage, "ROOT", tmp_path / "packages")
    commit = results.provenance(torch.device("cpu"), 1.0)["commit"]
    assert commit == "unknown"


def test_damaged_weights_are_named_with_the_remedy(tmp_path):
    results.weights_path("trial", "cpu", tmp_path).write_text("no archive")
    with pytest.raises(ResultError, match=r"cpu.npz is damaged .* --force"):
        results.load_weights("trial", "cpu", where=tmp_path, arm="conv")


def test_a_benchmark_is_measured_again_by_its_own_command(tmp_path):
    file = results.path("speed-decoder", "cpu", tmp_path)
    file.write_text("{")
    with pytest.raises(ResultError, match="run 'python -m benchmarks decoder'"):
        results.load(file)


def test_integers_too_large_for_a_float_are_not_written(tmp_path):
    with pytest.raises(ValueError, match="'metric': 'loss'"):
        results.save(
            Result("trial", "cpu", {}, result_rows({0: {"loss": 10**400}})), tmp_path
        )
