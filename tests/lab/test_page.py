"""What every page needs."""

import pytest

from coordlib.lab import page
from coordlib.lab.data import storage
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


def test_a_larger_result_without_the_arms_of_a_page_is_passed_over(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(storage, "in_checkout", lambda *_names: tmp_path)
    for preset, arms, seeds in ("cpu", "ab", 2), ("decisive", "a", 5):
        found = [
            row
            for arm in arms
            for seed in range(seeds)
            for row in rows({"loss": 1.0}, arm=arm, seed=seed)
        ]
        results.save(Result("pictures", preset, {}, found), tmp_path)
    assert page.read("pictures").preset == "decisive"
    assert page.read("pictures", {"arm": "a"}).preset == "decisive"
    assert page.read("pictures", {"arm": "a"}, {"arm": "b"}).preset == "cpu"
    with pytest.raises(ValueError, match="pictures has no such rows"):
        page.read("pictures", {"arm": "c"})


def test_verdicts_are_rows_of_the_ledger():
    shown = page.verdicts("P01", "P02")._repr_html_()
    assert shown.count('<tr id="P0') == 2


def test_a_table_escapes_what_stands_in_it():
    shown = page.table("a < b", ["", "x"], [["<1>", 2]])._repr_html_()
    assert "<caption>a &lt; b</caption>" in shown and "&lt;1&gt;" in shown


def test_a_piece_of_a_page_holds_no_address():
    assert repr(page.Html("<b>one</b>")) == repr(page.Html("<i>other</i>"))
