"""Experiments: measured once, kept, and refused in clear words."""

import json
import re
import shlex
import subprocess
import sys
from dataclasses import replace

import pytest
from made import result_rows

from coordlib.__main__ import main
from coordlib.lab import experiments
from coordlib.lab.data import storage
from coordlib.lab.experiments.coordinates import zero_weights
from coordlib.lab.record import results
from coordlib.lab.record.result import rows


@pytest.fixture
def counted(monkeypatch):
    """An experiment that counts how often it measures."""
    calls = []

    def measure(seed, setting, **config):
        calls.append(seed)
        return rows({"value": float(seed)})

    put(monkeypatch, measure)
    return calls


def put(monkeypatch, measure):
    """Measure zero weights in another way."""
    changed = replace(zero_weights.EXPERIMENT, measure=measure)
    monkeypatch.setattr(zero_weights, "EXPERIMENT", changed)


def test_a_second_run_measures_only_the_seeds_that_are_missing(tmp_path, counted):
    options = {"device": "cpu", "where": tmp_path, "report": lambda line: None}
    experiments.run("zero-weights", "paper", seeds=[0, 1], **options)
    result = experiments.run("zero-weights", "paper", seeds=[0, 1, 2], **options)
    assert counted == [0, 1, 2]
    assert result.values("value").tolist() == [0, 1, 2]
    assert result.provenance["2"]["device"].startswith("cpu")


def test_a_killed_run_keeps_the_seeds_it_finished(tmp_path, counted, monkeypatch):
    def killed(seed, setting, **config):
        if seed == 1:
            raise KeyboardInterrupt
        return rows({"value": 0.0})

    put(monkeypatch, killed)
    with pytest.raises(KeyboardInterrupt):
        experiments.run("zero-weights", "paper", seeds=[0, 1], where=tmp_path)
    assert results.best("zero-weights", tmp_path).seeds == [0]


def test_a_trial_that_was_stopped_measures_only_its_last_seed_anew(
    tmp_path, monkeypatch
):
    tried = []

    def killed_once(seed, setting, **config):
        tried.append(seed)
        if tried == [0, 1]:
            raise KeyboardInterrupt
        return rows({"value": float(seed)})

    put(monkeypatch, killed_once)
    options = {"seeds": [0, 1], "where": tmp_path, "report": lambda line: None}
    with pytest.raises(KeyboardInterrupt):
        experiments.run("zero-weights", "paper", **options)
    result = experiments.run("zero-weights", "paper", **options)
    assert tried == [0, 1, 1]
    assert result.values("value").tolist() == [0, 1]


def test_a_file_of_another_configuration_is_not_overwritten(tmp_path, counted):
    results.save(results.Result("zero-weights", "paper", {"size": 1}), tmp_path)
    with pytest.raises(ValueError, match="another configuration"):
        experiments.run("zero-weights", "paper", where=tmp_path)


def test_what_goes_on_has_its_configuration_in_the_order_of_what_began(
    tmp_path, monkeypatch
):
    seen = []

    def measure(seed, setting, **config):
        seen.append(json.dumps(config))
        return rows({"value": 0.0})

    presets = {"quick": {"arms": {"z": (1, 2), "a": 2}}}
    changed = replace(zero_weights.EXPERIMENT, measure=measure, presets=presets)
    monkeypatch.setattr(zero_weights, "EXPERIMENT", changed)
    for seed in (0, 1):
        experiments.run("zero-weights", "quick", seeds=[seed], where=tmp_path)
    assert seen[0] == seen[1]


def test_an_unwritable_folder_shows_before_the_measurement(tmp_path, counted):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(OSError):
        experiments.run("zero-weights", "paper", where=blocked / "results")
    assert counted == []


@pytest.mark.parametrize("name", experiments.NAMES)
def test_every_experiment_says_what_it_measures_and_has_presets(name):
    experiment = experiments.find(name)
    assert experiment.name == name
    assert experiment.question
    assert experiment.sizes


@pytest.mark.parametrize("name", ["zero-weights", "handmade-decoder", "subsampling"])
def test_the_committed_result_is_what_the_code_measures(name, tmp_path):
    again = experiments.run(name, "paper", where=tmp_path, device="cpu")
    kept = results.best(name)
    assert again.config == kept.config
    assert len(again.rows) == len(kept.rows)
    for (axes, new), (same, old) in zip(
        sorted(again.series(), key=str), sorted(kept.series(), key=str), strict=True
    ):
        assert axes == same
        assert new == pytest.approx(old, rel=0.05, abs=1e-6)


def test_ctrl_c_says_that_the_run_can_go_on(tmp_path, monkeypatch, capsys):
    def stopped(*args, **options):
        raise KeyboardInterrupt

    put(monkeypatch, stopped)
    monkeypatch.setattr(results, "folder", lambda: tmp_path)
    assert main(["run", "zero-weights", "--preset", "paper", "--device", "cpu"]) == 130
    assert "goes on from here" in capsys.readouterr().err


def test_stopped_while_measuring_again_it_says_how_to_go_on(
    tmp_path, monkeypatch, capsys
):
    def stopped(*args, **options):
        raise KeyboardInterrupt

    put(monkeypatch, stopped)
    command = ["run", "zero-weights", "--results", str(tmp_path), "--device", "cpu"]
    assert main([*command, "--force"]) == 130
    assert "the same command without --force goes on" in capsys.readouterr().err


def test_measuring_again_replaces_the_result_and_keeps_the_old(tmp_path, counted):
    options = {"device": "cpu", "where": str(tmp_path), "report": lambda line: None}
    for _ in range(2):
        experiments.run("zero-weights", "paper", seeds=[0, 1], **options)
    again = experiments.run("zero-weights", "paper", force=True, **options)
    assert counted == [0, 1, 0]
    assert again.seeds == [0]
    old = tmp_path / "zero-weights.paper.json.old"
    assert {row["seed"] for row in results.json.loads(old.read_text())["rows"]} == {
        0,
        1,
    }


def test_measuring_again_twice_does_not_lose_the_finished_result(
    tmp_path, counted, monkeypatch
):
    options = {"device": "cpu", "where": tmp_path, "report": lambda line: None}
    experiments.run("zero-weights", "paper", **options)

    def stopped(*args, **options):
        raise KeyboardInterrupt

    put(monkeypatch, stopped)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            experiments.run("zero-weights", "paper", force=True, **options)
    old = tmp_path / "zero-weights.paper.json.old"
    assert results.json.loads(old.read_text())["rows"]


def test_measuring_again_throws_away_what_was_begun(tmp_path, monkeypatch):
    folder = results.partial_folder("zero-weights", "paper", tmp_path)
    folder.mkdir(parents=True)
    for name in ("state.pt", "best-network.npz"):
        (folder / name).touch()
    found = []

    def measure(seed, setting, **config):
        found.extend(file.suffix for file in setting.folder.iterdir())
        raise KeyboardInterrupt

    put(monkeypatch, measure)
    options = {"device": "cpu", "where": tmp_path, "report": lambda line: None}
    with pytest.raises(KeyboardInterrupt):
        experiments.run("zero-weights", "paper", force=True, **options)
    assert not {".pt", ".npz"} & set(found)


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"format": 1}', "9" * 5000])
def test_the_remedy_for_a_damaged_file_works(tmp_path, counted, capsys, damage):
    where = tmp_path / "my results"
    file = results.path("zero-weights", "paper", where)
    where.mkdir()
    file.write_text(damage)
    for command in ("run", "show"):
        assert main([command, "zero-weights", "--results", str(where)]) == 2
    remedy = re.search(r"'python -m coordlib (.*)'", capsys.readouterr().err)[1]
    assert main(shlex.split(remedy)) == 0
    assert results.load(file).values("value").tolist() == [0.0]
    assert (where / "zero-weights.paper.json.old").read_text() == damage


@pytest.mark.parametrize(
    ("seeds", "error", "message"),
    [
        ([], ValueError, "at least one seed"),
        ([-1], ValueError, "seeds must be at least 0"),
        ([0.5], TypeError, "seeds must be an integer"),
    ],
)
def test_seeds_that_are_none_are_refused(tmp_path, counted, seeds, error, message):
    with pytest.raises(error, match=message):
        experiments.run("zero-weights", "paper", seeds=seeds, where=tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_installed_copy_wants_to_know_where_results_go(
    tmp_path, counted, monkeypatch, capsys
):
    monkeypatch.setattr(storage, "ROOT", tmp_path)
    assert main(["run", "zero-weights", "--device", "cpu"]) == 2
    assert "give --results FOLDER" in capsys.readouterr().err
    assert counted == []
    assert main(["show", "zero-weights"]) == 2
    assert "name the folder (--results FOLDER)" in capsys.readouterr().err
    mine = ["--results", str(tmp_path / "my own")]
    for where in (tmp_path, tmp_path / "my own"):
        with pytest.raises(FileNotFoundError, match="--results") as told:
            results.measured("zero-weights", where)
        remedy = re.search(r"'python -m coordlib (.*)'", str(told.value))[1]
        assert shlex.split(remedy)[-1] == str(where)
    assert main(["run", "zero-weights", "--device", "cpu", *mine]) == 0
    assert "value" in capsys.readouterr().out


def test_show_says_what_was_begun_and_shows_what_is_finished(tmp_path, capsys):
    quick = results.Result("garments", "cpu", {}, result_rows({0: {"accuracy": 0.5}}))
    results.save(quick, tmp_path)
    results.save(results.Result("encodings", "paper", {}), tmp_path)
    finished = results.Result("encodings", "quick", {}, result_rows({0: {"iou": 0.5}}))
    folder = ["--results", str(tmp_path)]
    assert main(["show", "encodings", *folder]) == 2
    said = capsys.readouterr()
    assert "encodings at paper size: begun, no seed is finished" in said.out
    assert "run encodings --preset quick --results" in said.err
    results.save(finished, tmp_path)
    assert main(["show", "encodings", *folder]) == 0
    said = capsys.readouterr().out
    assert "paper size: begun" in said and "encodings at quick size" in said


def test_whoever_stops_reading_sees_no_error():
    command = f"{shlex.quote(sys.executable)} -m coordlib list | true"
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert done.stderr == ""


def test_list_names_every_experiment(capsys):
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in experiments.NAMES)


def test_show_prints_what_was_measured(capsys):
    assert main(["show", "handmade-decoder"]) == 0
    out = capsys.readouterr().out
    assert "handmade-decoder at paper size" in out
    assert "exact_scipy" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "nonsense"], "no experiment 'nonsense'"),
        (["run", "zero-weights", "--seeds", "0"], "--seeds must be at least 1, got 0"),
        (["run", "zero-weights", "--seeds", "-3"], "at least 1, got -3"),
        (["show", "nonsense"], "no experiment 'nonsense'"),
        (["run", "zero-weights", "--preset", "quick"], "has no preset 'quick'"),
        (
            ["show", "zero-weights", "--preset", "quick"],
            "it has paper",
        ),
        (["run", "zero-weights", "--preset", "paper", "--device", "abacus"], "abacus"),
    ],
)
def test_errors_of_the_user_end_in_one_line(arguments, message, capsys):
    assert_refused(arguments, message, capsys)


def assert_refused(arguments, message, capsys):
    try:
        status = main(arguments)
    except SystemExit as end:
        status = end.code
    assert status == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "required: command"),
        ("lst", "invalid choice: 'lst'"),
        ("list extra", "unrecognized arguments: extra"),
        ("show", "required: name"),
        ("show encodngs", "no experiment 'encodngs'; did you mean encodings?"),
        ("show Encodings", "did you mean encodings?"),
        ("show zero_weights", "did you mean zero-weights?"),
        ("show ''", "no experiment ''; there are architectures"),
        ("show ../zero-weights", "no experiment '../zero-weights'"),
        ("show results/zero-weights.paper.json", "no experiment"),
        ("show encodings extra", "unrecognized arguments: extra"),
        ("show encodings --seeds 3", "unrecognized arguments: --seeds 3"),
        ("show encodings --preset tiny", "invalid choice: 'tiny'"),
        ("show encodings --results ''", "--results must name a folder, got an empty"),
        ("show encodings --results NONE", "--results must name a folder, and there is"),
        ("show encodings --results FILE", "--results must name a folder, and"),
        ("show encodings --results FOLDER", "no finished seed of encodings"),
        ("show speed-x", "python -m benchmarks x'"),
        ("show speed-x-cuda", "run 'python -m benchmarks x --device cuda'"),
        ("show speed-pooling --preset paper", "no result of speed-pooling at paper"),
        ("show speed-pooling --results FOLDER", "no result of speed-pooling; run"),
        ("run", "give the NAME of an experiment, or --plan PLAN"),
        ("run encodings --dry-run", "--dry-run goes with --plan"),
        ("run --plan decisive --force --dry-run", "own --force: leave it out"),
        ("run --plan '' --dry-run", "plan"),
        ("run encodings --plan decisive", "give a NAME or --plan, got encodings"),
        ("run zero_weights", "did you mean zero-weights?"),
        ("run speed-pooling", "a benchmark; run 'python -m benchmarks pooling'"),
        ("run zero-weights --results ''", "--results must name a folder"),
        ("run zero-weights --results FILE", "--results must name a folder, and"),
        ("run zero-weights --seeds x", "invalid int value: 'x'"),
        ("run zero-weights --seeds 1.5", "invalid int value: '1.5'"),
        ("run zero-weights --seeds 1000000000", "--seeds must be at most 10000"),
        ("run zero-weights --device gpu", "one of auto"),
        ("run zero-weights --device ''", "one of auto"),
        ("run zero-weights --dask tcp://a:1", "no sweep"),
        ("run encodings --preset quick --dask ''", "--dask must be the address"),
    ],
)
def test_what_a_newcomer_mistypes_is_answered_in_one_line(
    arguments, message, tmp_path, counted, capsys
):
    (tmp_path / "file").touch()
    for name, path in {"NONE": "none", "FILE": "file", "FOLDER": ""}.items():
        arguments = arguments.replace(name, str(tmp_path / path))
    assert_refused(shlex.split(arguments), message, capsys)
    assert counted == []
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_show_prints_what_a_benchmark_measured(capsys):
    assert main(["show", "speed-pooling"]) == 0
    assert capsys.readouterr().out.startswith("speed-pooling at cpu size\n")
