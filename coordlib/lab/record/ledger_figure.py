"""One figure a row of the ledger, as inline SVG.

Light and dark alike: lines and words have the colour of the text around them, estimates
are blue and the source's figure is vermilion, of which each has a shape of its own too.
Both are lighter where a style sheet says so, as that of the book does in the dark.
"""

import textwrap
from html import escape

from coordlib.arguments import check_instance
from coordlib.lab.record import verdicts
from coordlib.lab.record.claims import Clause
from coordlib.lab.record.judging import Entry
from coordlib.lab.record.verdicts import UNITS, Verdict, amount

BLUE = "var(--book-blue, #0072B2)"
VERMILION = "var(--book-vermilion, #D55E00)"
MARKS = {
    verdicts.HOLDS: "●",
    verdicts.SUPPORTED: "●",
    verdicts.DIRECTION_ONLY: "◐",
    verdicts.TOO_SMALL: "◔",
    verdicts.NOT_EXCEEDED: "◑",
    verdicts.UNDECIDED: "?",
    verdicts.CONTRADICTED: "✕",
    verdicts.WRONG_SIZE: "✕",
    verdicts.WRONG_DIRECTION: "✕",
    verdicts.FAILS: "✕",
    verdicts.NOT_TESTED: "○",
    verdicts.OPINION: "–",
}
"""What stands before a verdict, so that colour is never alone."""

# As wide as the column of a page, which would else shrink the words.
WIDTH, MARGIN, FONT = 208, 6, 11
LINE, AXIS, NAME = 15, 15, 14
LETTERS = 30
"""So many of a name stand in one line, in a wide font too."""

COUNTED = ("always", "some")
BOTH_WAYS = ("equivalence", "noninferiority", "games")
"""What asks whether an effect lies beyond delta on the other side of 0, too."""
EFFECTS = ("difference", *BOTH_WAYS)


def slug(verdict: str) -> str:
    """A verdict as a class of HTML: small letters and hyphens."""
    return "".join(c for c in verdict.replace(" ", "-") if c.isalnum() or c == "-")


def row_figure(entry: Entry) -> str:
    """One row as SVG: effects, intervals or seeds, what matters, the source's figure.

    A line for each clause. Effects stand in units of the smallest that matters, so that
    0 is none and 1 is delta; shares and bounds from 0 to 1. Empty where nothing was
    measured that can be drawn.
    """
    check_instance("entry", entry, Entry, "an Entry")
    drawn = [
        (clause, entry.judged.clauses[clause.name])
        for clause in (entry.claim.reading.clauses if entry.claim.reading else ())
        if entry.judged.clauses.get(clause.name, Verdict("")).points
    ]
    if not drawn:
        return ""
    drawn = _of_one_sort(drawn)
    shares = drawn[0][0].kind in ("bound", *COUNTED)
    low, high = (0.0, 1.0) if shares else _domain(drawn, entry)
    ticks = _ticks(low, high, {clause.kind for clause, _ in drawn})
    parts, top = [], 0
    for clause, found in drawn:
        for words in _in_lines(clause.name) if len(drawn) > 1 else ():
            top += NAME
            parts.append(_text(MARGIN, top - 3, words))
        parts += [_upright(x, top) for x in ticks.values()]
        parts += _line(clause, found, entry, top, low, high)
        top += LINE
    height = top + AXIS
    parts += _axis(ticks, height - 3)
    return (
        f'<svg class="row-figure" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" role="img" aria-label="{escape(_said(drawn))}">'
        f"{''.join(parts)}</svg>"
    )


def _of_one_sort(drawn: list[tuple[Clause, Verdict]]) -> list[tuple[Clause, Verdict]]:
    """Bounds if there are any, else effects, else what is counted: one axis for all."""
    for kinds in (("bound",), EFFECTS, COUNTED):
        if chosen := [pair for pair in drawn if pair[0].kind in kinds]:
            return chosen
    return drawn


def _domain(drawn: list[tuple[Clause, Verdict]], entry: Entry) -> tuple[float, float]:
    """From where to where an axis goes, in units of delta: 0 and delta are on it."""
    ends = [-0.5, 1.5]
    for clause, found in drawn:
        ends += [point / found.delta for point in found.points]
        ends += [end / found.delta for end in found.interval or ()]
        if clause.kind in BOTH_WAYS:
            ends.append(-1.5)
        if (figure := _figure_at(clause, entry)) is not None:
            ends.append(figure / found.delta)
    return min(ends), max(ends)


def _figure_at(clause: Clause, entry: Entry) -> float | None:
    """Where the source's figure stands on the line of a clause."""
    if clause.kind == "bound":
        return clause.options["limit"]
    claimed = entry.claim.claimed
    return claimed["figure"] if claimed and claimed["of"] == clause.of else None


def _line(
    clause: Clause, found: Verdict, entry: Entry, top: float, low: float, high: float
) -> list[str]:
    """One clause: what matters as a band, then the interval and the seeds."""
    unit = found.delta or 1.0
    y = top + LINE / 2

    def x(value: float) -> float:
        share = (value / unit - low) / (high - low)
        return MARGIN + share * (WIDTH - 2 * MARGIN)

    parts = []
    if found.delta:
        start = -unit if clause.kind in BOTH_WAYS else 0
        parts.append(
            f'<rect x="{x(start):.1f}" y="{top + 1}" width="{x(unit) - x(start):.1f}" '
            f'height="{LINE - 2}" fill="currentColor" opacity=".13"/>'
        )
    ends = found.interval
    if clause.kind in COUNTED:
        parts += _seeds_as_marks(found, y)
        return parts
    if not entry.judged.decisive:  # a gate is closed: nothing is judged by it
        parts.append(
            f'<rect x="{x(found.estimate) - 3:.1f}" y="{y - 3}" width="6" height="6" '
            f'fill="none" stroke="{BLUE}" stroke-width="1.4"/>'
        )
    elif ends:
        parts.append(_bar(*map(x, ends), y))
        if found.inner:
            parts.append(_bar(*map(x, found.inner), y, 5))
        parts.append(
            f'<circle cx="{x(found.estimate):.1f}" cy="{y}" r="3.2" fill="{BLUE}"/>'
        )
    else:
        parts += [
            f'<circle cx="{x(point):.1f}" cy="{y}" r="2.6" fill="none" '
            f'stroke="{BLUE}" stroke-width="1.4"/>'
            for point in found.points
        ]
    if (figure := _figure_at(clause, entry)) is not None:
        parts.append(
            f'<path d="M{x(figure):.1f} {y - 6}l4 6l-4 6l-4-6z" fill="{VERMILION}"/>'
        )
    return parts


def _bar(start: float, end: float, y: float, width: int = 2) -> str:
    return (
        f'<line x1="{start:.1f}" x2="{end:.1f}" y1="{y}" y2="{y}" '
        f'stroke="{BLUE}" stroke-width="{width}"/>'
    )


def _seeds_as_marks(found: Verdict, y: float) -> list[str]:
    """A seed that gets there is a full dot, one that does not an empty one."""
    return [
        f'<circle cx="{MARGIN + 12 * n + 4}" cy="{y}" r="4" '
        f'fill="{BLUE if reached else "none"}" stroke="{BLUE}" stroke-width="1.4"/>'
        for n, reached in enumerate(sorted(found.points, reverse=True))
    ]


def _ticks(low: float, high: float, kinds: set[str]) -> dict[str, float]:
    """What is marked on the axis of all clauses, and where: nothing for counts."""
    if kinds <= set(COUNTED):
        return {}
    if "bound" in kinds:
        ticks = {"0": 0.0, "1": 1.0}
    else:
        ticks = {"0": 0.0, "δ": 1.0}
        if kinds & set(BOTH_WAYS):
            ticks["−δ"] = -1.0
    wide = WIDTH - 2 * MARGIN
    return {
        word: MARGIN + (at - low) / (high - low) * wide for word, at in ticks.items()
    }


def _axis(ticks: dict[str, float], y: float) -> list[str]:
    if not ticks:
        return [_text(MARGIN, y, "a dot a seed; full: gets there")]
    return [_text(x, y, word, "middle") for word, x in _apart(ticks).items()]


def _wide(word: str) -> float:
    """About how wide a word is, in a wide font."""
    return 0.64 * FONT * len(word)


def _apart(ticks: dict[str, float]) -> dict[str, float]:
    """Move the words of an axis away from its 0 as far as they need; lines stay.

    A word is left out that would leave the picture.
    """
    zero = ticks["0"]
    moved = {"0": zero}
    for word, x in ticks.items():
        gap = (_wide(word) + _wide("0")) / 2 + 3
        x = max(x, zero + gap) if x > zero else min(x, zero - gap)
        if word != "0" and _wide(word) / 2 <= x <= WIDTH - _wide(word) / 2:
            moved[word] = x
    return moved


def _in_lines(name: str) -> list[str]:
    """The name of a clause, cut where it is too long for one line."""
    return textwrap.wrap(name, LETTERS)


def _text(x: float, y: float, words: str, anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y}" font-size="{FONT}" text-anchor="{anchor}" '
        f'fill="currentColor">{escape(words)}</text>'
    )


def _upright(x: float, top: float) -> str:
    """A mark of the axis behind one clause; through its name it would strike it out."""
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{top + LINE}" '
        'stroke="currentColor" stroke-width=".8" opacity=".6"/>'
    )


def _said(drawn: list[tuple[Clause, Verdict]]) -> str:
    """What a figure shows, in words."""
    shown = []
    for clause, found in drawn:
        if clause.kind in COUNTED:
            k, n = int(sum(found.points)), len(found.points)
            shown.append(f"{clause.name}: {k} of {n} seeds")
            continue
        unit = clause.options.get("unit", "")
        numbers = ", ".join(f"{UNITS[unit] * point:.3g}" for point in found.points)
        if found.interval:
            three = (UNITS[unit] * n for n in (found.estimate, *found.interval))
            numbers = "{:.3g}, {:.3g} to {:.3g}".format(*three)
        small = ""
        if found.delta:
            small = f"; the smallest that matters is {amount(found.delta, unit)}"
        shown.append(f"{clause.name}: {numbers}{small}")
    return ". ".join(shown)
