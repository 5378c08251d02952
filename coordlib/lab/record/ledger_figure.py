"""One figure a row of the ledger, as inline SVG.

Light and dark alike: lines and words have the colour of the text around them, estimates
are blue and the source's figure is vermilion, of which each has a shape of its own too.
"""

from html import escape

from coordlib.arguments import check_instance
from coordlib.lab.record import verdicts
from coordlib.lab.record.claims import Clause
from coordlib.lab.record.judging import Entry
from coordlib.lab.record.verdicts import Verdict

BLUE, VERMILION = "#0072B2", "#D55E00"
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

WIDTH, LINE, MARGIN = 260, 15, 8
AXIS, NAME = 14, 11
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
    line = LINE if len(drawn) == 1 else LINE + NAME
    height = len(drawn) * line + AXIS
    parts = _axis(low, high, height, drawn, shares)
    for n, (clause, found) in enumerate(drawn):
        top = n * line
        if len(drawn) > 1:
            top += NAME
            parts.append(
                f'<text x="{MARGIN}" y="{top - 2}" font-size="9" '
                f'fill="currentColor">{escape(clause.name)}</text>'
            )
        parts += _line(clause, found, entry, top, low, high)
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
    if ends:
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


def _axis(
    low: float, high: float, height: float, drawn: list, shares: bool
) -> list[str]:
    kinds = {clause.kind for clause, _ in drawn}
    if kinds <= set(COUNTED):
        return _words([(MARGIN, "start", "a dot a seed; full: gets there")], height)
    if shares:
        ticks = [(0.0, "0"), (1.0, "1")]
    else:
        ticks = [(0.0, "0"), (1.0, "δ")]
        if kinds & set(BOTH_WAYS):
            ticks.append((-1.0, "−δ"))
    at = [
        (MARGIN + (value - low) / (high - low) * (WIDTH - 2 * MARGIN), "middle", word)
        for value, word in ticks
    ]
    return _words(at, height) + [
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height - AXIS}" '
        'stroke="currentColor" stroke-width=".8" opacity=".6"/>'
        for x, _, _ in at
    ]


def _words(at: list[tuple[float, str, str]], height: float) -> list[str]:
    return [
        f'<text x="{x:.1f}" y="{height - 3}" font-size="10" text-anchor="{anchor}" '
        f'fill="currentColor">{word}</text>'
        for x, anchor, word in at
    ]


def _said(drawn: list[tuple[Clause, Verdict]]) -> str:
    """What a figure shows, in words."""
    shown = []
    for clause, found in drawn:
        if clause.kind in COUNTED:
            k, n = int(sum(found.points)), len(found.points)
            shown.append(f"{clause.name}: {k} of {n} seeds")
            continue
        if found.interval:
            low, high = found.interval
            numbers = f"{found.estimate:.3g}, {low:.3g} to {high:.3g}"
        else:
            numbers = ", ".join(f"{point:.3g}" for point in found.points)
        small = f"; the smallest that matters is {found.delta:g}" if found.delta else ""
        shown.append(f"{clause.name}: {numbers}{small}")
    return ". ".join(shown)
