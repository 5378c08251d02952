"""The figure of a row: its words are legible, and nothing runs through them."""

import re
from itertools import pairwise

import pytest
from claimed import FIVE, MATTERS, judge

from coordlib.lab.record import ledger
from coordlib.lab.record.claims import Clause
from coordlib.lab.record.ledger_figure import FONT, LETTERS, WIDTH, row_figure

COLUMN = 209  # the narrowest that a screen with a table gives, in CSS pixels
WORD = re.compile(
    r'<text x="([\d.]+)" y="([\d.]+)" font-size="([\d.]+)" text-anchor="(\w+)"[^>]*>'
    "([^<]*)<"
)
UPRIGHT = re.compile(r'<line x1="([\d.]+)" x2="\1" y1="([\d.]+)" y2="([\d.]+)"')


def words(drawn: str, anchor: str) -> list[tuple[float, float, str]]:
    """Where words stand, and which."""
    found = WORD.findall(drawn)
    return [
        (float(x), float(y), word) for x, y, _, kind, word in found if kind == anchor
    ]


@pytest.fixture(scope="module")
def figures():
    drawn = {entry.claim.id: row_figure(entry) for entry in ledger.ledger()}
    return {name: figure for name, figure in drawn.items() if figure}


def test_letters_keep_their_size_in_the_column(figures):
    assert WIDTH <= COLUMN and FONT >= 10.5
    for name, drawn in figures.items():
        assert {float(size) for _, _, size, *_ in WORD.findall(drawn)} == {FONT}, name


def test_the_words_of_an_axis_stand_apart_and_within(figures):
    far = judge((50.0, 52.0, 54.0, 56.0, 58.0))  # all are large beside delta
    same = Clause("none", "equivalence", "a - b", MATTERS)
    near = judge((-90.0, 95.0, -80.0, 85.0, 3.0), clauses=(same,))
    made = {"far": row_figure(far), "near": row_figure(near)}
    for name, drawn in (figures | made).items():
        ticks = sorted(words(drawn, "middle"))
        for (x, _, word), (after, _, other) in pairwise(ticks):
            assert after - x > 0.64 * FONT * len(word + other) / 2 + 2, name
        assert all(0 < x < WIDTH for x, *_ in ticks), name
    assert [word for *_, word in sorted(words(made["near"], "middle"))] == [
        "−δ",
        "0",
        "δ",
    ]


def test_no_line_runs_through_a_name_and_names_fit(figures):
    for name, drawn in figures.items():
        lines = [(float(top), float(end)) for _, top, end in UPRIGHT.findall(drawn)]
        for _, y, word in words(drawn, "start"):
            assert len(word) <= LETTERS, name
            assert all(end <= y - FONT or top >= y for top, end in lines), name


def test_a_long_name_takes_two_lines_and_makes_the_figure_higher():
    def of(name):
        pair = (Clause(name, "difference", "a", MATTERS),)
        return row_figure(
            judge(FIVE, clauses=(*pair, Clause("b", "difference", "a", MATTERS)))
        )

    short, long = of("short"), of("a name that is longer than a line of the figure")
    assert len(words(long, "start")) == len(words(short, "start")) + 1
    height = r'height="(\d+)" role'
    assert int(re.search(height, long)[1]) > int(re.search(height, short)[1])


def test_colours_are_right_without_a_style_sheet():
    drawn = row_figure(judge(FIVE, claimed={"of": "a - b", "figure": 2.0}))
    colours = set(re.findall(r'(?:fill|stroke)="([^"]+)"', drawn)) - {"currentColor"}
    assert colours == {
        "var(--book-blue, #0072B2)",
        "var(--book-vermilion, #D55E00)",
    }


def test_what_nothing_is_judged_by_is_an_open_square():
    open_square = 'width="6" height="6" fill="none"'
    closed = judge(FIVE, gates={"a is large": "a >= 1000"})
    assert closed.verdict == "not tested"
    assert open_square in row_figure(closed) and "<circle" not in row_figure(closed)
    assert open_square not in row_figure(judge(FIVE))
