"""What counts as evidence, and when a rule was fixed."""

import re
from html import escape

import numpy as np
import pytest
from claimed import FIVE, MATTERS, claim, result

from coordlib.lab.record import ledger, ledger_html
from coordlib.lab.record.claims import Clause, Reading
from coordlib.lab.record.expression import in_words, told_apart, value
from coordlib.lab.record.judging import Judged, decide


@pytest.mark.parametrize(
    ("of", "why"),
    [("mean(3)", "mean"), ("1 / 0", "division by zero"), ("mean(mean(a))", "axis")],
)
def test_whatever_a_rule_makes_of_the_numbers_the_claim_is_named(of, why, monkeypatch):
    row = claim(Clause("more", "difference", of, MATTERS))
    monkeypatch.setattr(ledger, "read_claims", lambda file: [row])
    monkeypatch.setattr(ledger.results, "largest", lambda name, where: [result(FIVE)])
    with pytest.raises(ValueError, match=f"claim {row.id}: .*{why}"):
        ledger.ledger()


def test_numbers_of_other_seeds_are_not_set_beside_these():
    with pytest.raises(ValueError, match="a and b must have as many seeds"):
        value("a - b", {"a": np.ones(5), "b": np.ones(1)})
    assert value("a - b", {"a": np.ones(5), "b": np.array(1.0)}).tolist() == [0] * 5


def test_no_row_says_that_its_rule_was_fixed_before_where_it_was_changed():
    for row in ledger.read_claims():
        for one in row.alternatives:
            if one.decided.startswith("before"):
                assert not re.search("post hoc|ule changed", one.decided), row.id


def test_a_quick_run_is_no_evidence():
    asked, found = claim(Clause("more", "difference", "a - b", MATTERS)), result(FIVE)
    assert decide(asked, {"trial": found}).verdict == "supported"
    found.preset = "quick"
    entry = decide(asked, {"trial": found})
    assert entry.verdict == "not tested" and "but a quick one" in entry.because


def test_a_row_says_in_words_when_its_rule_was_fixed_and_folds_the_history():
    told = {"before: by all": "rule fixed before", "post hoc, 2026: why": "post hoc"}
    told |= {"rule changed 2026-11-27: then less": "rule changed after a measurement"}
    for decided, words in told.items():
        row = claim(Clause("more", "difference", "a - b", MATTERS), decided=decided)
        shown = ledger.to_html([decide(row, {"trial": result(FIVE)})])
        first, folded = shown.split("<details>")
        assert words in first and decided not in first
        assert decided.removeprefix("rule ") in folded


@pytest.mark.parametrize(
    ("of", "found", "told"),
    [
        ("a >= 0.99", 0.9899999, "0.9899999"),
        ("a == 0", 0.001, "0.001"),
        ("a >= 10", 6.1478, "6.15"),
    ],
)
def test_a_number_is_told_with_the_digits_that_its_answer_needs(of, found, told):
    assert told_apart(of, found) == told


@pytest.mark.parametrize(
    ("of", "words"),
    [
        ("low(a_b - c) > 0", "the lower end of (“a b” minus “c”) is more than 0"),
        ("1 - (a - b) / c", "1 minus ((“a” minus “b”) over “c”)"),
        ("-a + most(b)", "minus “a” plus the largest of “b”"),
        (
            "count(mean(a) / b, 3) >= 4",
            "at least 4 of (the mean of “a” over “b”) are at least 3",
        ),
    ],
)
def test_a_rule_is_read_in_words(of, words):
    assert in_words(of) == words


def test_every_rule_of_the_book_is_read_in_words_and_no_code():
    for row in ledger.read_claims():
        for reading in (row.reading, *row.also.values()):
            asked = [c.of for c in reading.clauses if c.kind != "opinion"]
            for of in (*asked, *reading.gates.values()):
                if of != "not measured":
                    assert not re.search(r"[_=<>+*/]", in_words(of)), (row.id, of)


def test_a_reading_that_says_the_same_is_not_told_twice():
    clauses = (Clause("more", "difference", "a - b", {"delta": 3, "reason": "r"}),)
    row = claim(*clauses, also={"by another rule": Reading({}, clauses)})
    entry = decide(row, {"trial": result(FIVE)})
    why = escape(entry.because)
    shown, _, folded = ledger.to_html([entry]).partition("<details>")
    assert shown.count(why) == folded.count(why) == 1
    assert "(as above)" in folded


def test_a_row_tells_the_interval_by_which_each_clause_is_judged():
    for kind, told in (("difference", "95 %"), ("equivalence", "90 %")):
        entry = decide(
            claim(Clause("more", kind, "a - b", MATTERS)), {"trial": result(FIVE)}
        )
        (found,) = entry.judged.clauses.values()
        low, high = found.inner or found.interval
        shown = ledger.to_html([entry])
        assert f"found {found.estimate:.3g} ({told} interval {low:.3g} to" in shown
        assert f"{high:.3g}, 5 seeds)" in shown


def test_the_rules_of_other_readings_are_told_with_what_was_found():
    other = (Clause("a tenth", "difference", "a / 10", {"delta": 3, "reason": "r"}),)
    asked = Reading({"a is large": "a >= 40"}, other)
    main = Clause("more", "difference", "a - b", MATTERS)
    entry = decide(claim(main, also={"another way": asked}), {"trial": result(FIVE)})
    told = ledger.to_html([entry]).partition("another way:</i></p>")[2]
    found = entry.also["another way"].clauses["a tenth"]
    assert "gate: a is large" in told and "a tenth (difference)" in told
    assert f"found {found.estimate:.3g} (95 % interval" in told


def test_a_rule_that_was_fixed_later_is_told_with_its_reading():
    clauses = (Clause("more", "difference", "a - b", MATTERS),)
    also = {"another way": Reading({}, clauses, "post hoc, 2026: why")}
    entry = decide(claim(*clauses, also=also), {"trial": result(FIVE)})
    told = ledger.to_html([entry]).partition("another way:</i></p>")[2]
    assert "<li>rule: post hoc, 2026: why</li>" in told
    quoted = ledger_html.citation(entry)
    assert "(its rule post hoc); rule fixed before; scale" in quoted


def test_the_names_in_a_rule_are_told_with_what_they_select():
    few = {"metric": "a", "arm": "few", "sparse": True}
    quantities = {"a_b": few, "c": {"metric": "c", "experiment": "other"}, "d": few}
    more = Clause("more", "difference", "a_b - 1", MATTERS)
    row = claim(more, gates={"c is large": "c > 0"}, quantities=quantities)
    told = ledger_html._numbers(row)
    assert "<li>“a b”: a; arm few; experiment trial</li>" in told
    assert "<li>“c”: c; experiment other</li>" in told and "“d”" not in told


def test_every_name_in_the_rules_of_the_book_is_told():
    for row in ledger.read_claims():
        if row.reading is None:
            continue
        asked = " ".join(
            line
            for reading in (row.reading, *row.also.values())
            for line in ledger_html._asked(reading, Judged("not tested"))
        )
        told = re.findall("<li>(“[^”]+”): ", ledger_html._numbers(row))
        assert set(re.findall("“[^”]+”", asked)) <= set(told), row.id


def test_pairs_of_trainings_are_counted_as_pairs():
    apart = Clause("chance", "difference", "apart(a)", MATTERS | {"seeds": 5})
    entry = decide(claim(apart), {"trial": result(range(10))})
    assert "5 pairs)" in ledger.to_html([entry])


@pytest.mark.parametrize(
    ("possible", "told"),
    [
        ([0, 2.35], "95 % interval 2 to beyond what is possible, 5 seeds"),
        ([2.1, 9], "95 % interval from beyond what is possible to 2.4, 5 seeds"),
        ([2.1, 2.35], "from beyond what is possible to beyond what is possible, 5"),
    ],
)
def test_of_an_interval_the_end_that_is_possible_is_told(possible, told):
    options = {"delta": 1, "reason": "r", "possible": possible}
    row = claim(Clause("more", "difference", "a - b", options))
    assert told in ledger.to_html([decide(row, {"trial": result(FIVE)})])


def test_games_are_counted_as_games():
    (entry,) = (e for e in ledger.ledger() if e.claim.id == "L19")
    assert "5 games)" in ledger.to_html([entry])


def test_trainings_are_taken_from_their_neighbours_two_and_two():
    numbers = {"x": np.array([1.0, 4.0, 2.0, 1.5, 9.0])}
    assert value("apart(x)", numbers).tolist() == [3.0, 0.5]


def test_a_bound_tells_what_was_found_too():
    entries = {entry.claim.id: entry for entry in ledger.ledger()}
    for name in ("L01", "L02", "L03"):
        assert re.search(r"\(bound\)[^<]*; found", ledger.to_html([entries[name]]))
