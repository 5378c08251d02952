"""Experiments: measured once, kept, and refused in clear words."""

import pytest

from coordlib import experiments, results
from coordlib.__main__ import main


@pytest.fixture
def counted(monkeypatch):
    """An experiment that counts how often it measures."""
    module = experiments.find("zero-weights")
    calls = []

    def measure(seed, device, **config):
        calls.append(seed)
        return {"value": float(seed)}

    monkeypatch.setattr(module, "measure", measure)
    return calls


def test_a_second_run_measures_only_the_seeds_that_are_missing(tmp_path, counted):
    options = {"device": "cpu", "where": tmp_path, "report": lambda line: None}
    experiments.run("zero-weights", "paper", seeds=[0, 1], **options)
    result = experiments.run("zero-weights", "paper", seeds=[0, 1, 2], **options)
    assert counted == [0, 1, 2]
    assert result.values("value") == [0, 1, 2]
    assert result.provenance["2"]["device"].startswith("cpu")


def test_a_killed_run_keeps_the_seeds_it_finished(tmp_path, counted, monkeypatch):
    module = experiments.find("zero-weights")

    def killed(seed, device, **config):
        if seed == 1:
            raise KeyboardInterrupt
        return {"value": 0.0}

    monkeypatch.setattr(module, "measure", killed)
    with pytest.raises(KeyboardInterrupt):
        experiments.run("zero-weights", "paper", seeds=[0, 1], where=tmp_path)
    assert list(results.best("zero-weights", tmp_path).seeds) == ["0"]


def test_a_file_of_another_configuration_is_not_overwritten(tmp_path, counted):
    results.save(results.Result("zero-weights", "paper", {"size": 1}), tmp_path)
    with pytest.raises(ValueError, match="another configuration"):
        experiments.run("zero-weights", "paper", where=tmp_path)


def test_an_unwritable_folder_shows_before_the_measurement(tmp_path, counted):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(OSError):
        experiments.run("zero-weights", "paper", where=blocked / "results")
    assert counted == []


@pytest.mark.parametrize("name", experiments.NAMES)
def test_every_experiment_says_what_it_measures_and_has_presets(name):
    assert experiments.find(name).__doc__
    assert experiments.presets(name)


@pytest.mark.parametrize("name", ["zero-weights", "handmade-decoder", "subsampling"])
def test_the_committed_result_is_what_the_code_measures(name, tmp_path):
    again = experiments.run(name, "paper", where=tmp_path, device="cpu")
    kept = results.best(name)
    assert again.config == kept.config
    assert again.seeds["0"] == pytest.approx(kept.seeds["0"], rel=0.05, abs=1e-6)


def test_ctrl_c_says_that_the_run_can_go_on(tmp_path, monkeypatch, capsys):
    def stopped(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(experiments.find("zero-weights"), "measure", stopped)
    monkeypatch.setattr(results, "folder", lambda: tmp_path)
    assert main(["run", "zero-weights", "--preset", "paper", "--device", "cpu"]) == 130
    assert "goes on from here" in capsys.readouterr().err


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
        (["show", "nonsense"], "no experiment 'nonsense'"),
        (["run", "zero-weights", "--preset", "quick"], "has no preset 'quick'"),
        (["show", "zero-weights", "--preset", "quick"], "was not measured at quick"),
        (["run", "zero-weights", "--preset", "paper", "--device", "abacus"], "abacus"),
    ],
)
def test_errors_of_the_user_end_in_one_line(arguments, message, capsys):
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert message in captured.err
    assert captured.err.count("\n") == 1
