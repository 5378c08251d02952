"""What every page needs."""

import pytest

from coordlib.lab import page


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


def test_verdicts_are_rows_of_the_ledger():
    shown = page.verdicts("P01", "P02")._repr_html_()
    assert shown.count('<tr id="P0') == 2


def test_a_table_escapes_what_stands_in_it():
    shown = page.table("a < b", ["", "x"], [["<1>", 2]])._repr_html_()
    assert "<caption>a &lt; b</caption>" in shown and "&lt;1&gt;" in shown


def test_a_piece_of_a_page_holds_no_address():
    assert repr(page.Html("<b>one</b>")) == repr(page.Html("<i>other</i>"))
