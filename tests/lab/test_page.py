"""What every page needs."""

import re

import pytest

from coordlib.lab import page
from coordlib.lab.record import results
from coordlib.lab.record.result import Result, rows


def test_an_exercise_says_what_became_of_the_answer(capsys):
    for answer in (None, 3, 4):
        page.check(answer, lambda a: a == 4, "Count again.")
    told = capsys.readouterr().out.splitlines()
    assert told == ["Not answered yet.", "Not yet. Count again.", "Correct."]


def test_a_hint_may_look_at_the_answer(capsys):
    page.check(3, lambda a: a == 4, lambda a: f"{4 - a} more.")
    assert capsys.readouterr().out == "Not yet. 1 more.\n"


def test_a_result_says_its_size_and_seeds(capsys):
    assert page.read("handmade-decoder").seeds == [0]
    assert capsys.readouterr().out == "handmade-decoder: paper size, 1 seed\n"
    with pytest.raises(ValueError, match="nothing was not measured"):
        page.read("nothing")


def test_what_is_compared_across_experiments_has_one_preset(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "folder", lambda: tmp_path)

    def of(experiment, preset, seeds=1):
        found = Result(experiment, preset, {})
        for seed in range(seeds):
            found.add(seed, rows({"loss": 1.0}))
        results.save(found, tmp_path)

    def presets():
        both = page.together("trial", "control")
        assert [result.experiment for result in both] == ["trial", "control"]
        return {result.preset for result in both}

    of("trial", "cpu")
    of("trial", "decisive", 9)
    with pytest.raises(FileNotFoundError, match="control"):
        presets()
    of("control", "cpu")
    of("control", "decisive", 0)
    assert presets() == {"cpu"}
    of("control", "decisive")
    assert presets() == {"decisive"}


def test_verdicts_are_rows_of_the_ledger_each_folded_into_a_line():
    shown = page.verdicts("P01", "P02")._repr_html_()
    assert shown.count('<tr id="P0') == 2
    lines = re.findall("<details class=.claim.><summary>(.*?)</summary>", shown)
    assert [line[:3] for line in lines] == ["P01", "P02"]
    assert all('class="verdict' in line for line in lines)


def test_a_table_escapes_what_stands_in_it():
    shown = page.table("a < b", ["", "x"], [["<1>", 2]])._repr_html_()
    assert "<caption>a &lt; b</caption>" in shown and "&lt;1&gt;" in shown


def test_a_piece_of_a_page_holds_no_address():
    assert repr(page.Html("<b>one</b>")) == repr(page.Html("<i>other</i>"))
