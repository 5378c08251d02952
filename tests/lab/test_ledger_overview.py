"""The picture of all rows: by verdict, each with the clause that decides it."""

import re

import pytest
from claimed import FIVE, MATTERS, judge

from coordlib.lab.record import ledger
from coordlib.lab.record.claims import Clause
from coordlib.lab.record.ledger_figure import BLUE, row_figure
from coordlib.lab.record.ledger_overview import overview


@pytest.fixture(scope="module")
def entries():
    return ledger.ledger()


def test_the_picture_shows_every_row_and_each_figure_says_itself_in_words(entries):
    picture = overview(entries)
    assert 'role="group"' in picture  # its links are reached by keyboard
    shown = re.findall(r"</span> ([^<]+)</span>: \d+</p>(.*?)</ul>", picture)
    for verdict, group in shown:
        listed = re.findall(r'href="#(\w+)"', group)
        assert listed == [e.claim.id for e in entries if e.verdict == verdict]
    assert sorted(re.findall(r'href="#(\w+)"', picture)) == sorted(
        e.claim.id for e in entries
    )
    for entry in entries:
        drawn = row_figure(entry)
        assert "nan" not in drawn and "inf" not in drawn
        assert not drawn or 'role="img" aria-label="' in drawn


def test_the_legend_shows_a_block_of_what_is_too_small_to_matter(entries):
    legend, _, _ = overview(entries).partition(" too small to matter")
    assert 'width="24" height="12"' in legend.rpartition("<svg")[2]


def test_the_picture_draws_the_clause_that_decides_and_opens_what_is_not_judged():
    clauses = [
        Clause("large", "difference", "a", MATTERS),
        Clause("small", "difference", "a - b", MATTERS),
    ]
    full, ticked = f'fill="{BLUE}"', 'y1="22%"'

    def drawn(*args, **more):
        return overview([judge(*args, **more)]).partition("<li>")[2]

    both = drawn(FIVE, 0.5, clauses=clauses)
    assert (both.count("<circle"), both.count(ticked)) == (1, 1)
    assert full in drawn(FIVE)
    assert full not in drawn(FIVE[:4])  # too few seeds
    assert full not in drawn(FIVE, gates={"learned": "a > 1000"})
    open_ = 'fill="var(--pst-color-background, Canvas)"'
    assert open_ not in drawn(FIVE)
    assert open_ in drawn(FIVE[:4]) and "<circle" not in drawn(FIVE[:4])
    exact = Clause("all", "exact", "a > 0", {"how": "each was counted"})
    assert "each was counted" in drawn(FIVE, clauses=(exact,))
    often = Clause("often", "always", "a > 0")
    assert "5 of 5 seeds get there" in drawn(FIVE, clauses=(often,))
