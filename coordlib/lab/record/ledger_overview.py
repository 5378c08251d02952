"""All rows of the ledger as one picture: claims by verdict, each with what decides it.

One line of HTML a row, so that its words keep their size on a phone; the effects beside
it are drawn as SVG in shares of the width there is.
"""

from dataclasses import replace
from html import escape

import numpy as np

from coordlib.arguments import check_sequence
from coordlib.lab.record.claims import Clause
from coordlib.lab.record.judging import Entry
from coordlib.lab.record.ledger_figure import (
    BLUE,
    BOTH_WAYS,
    COUNTED,
    MARKS,
    slug,
)
from coordlib.lab.record.verdicts import VERDICTS, Verdict

FARTHEST = (-40.0, 120.0)
"""What lies beyond is drawn there, in units of delta."""
TICKS = {-10: "−10", 0: "0", 1: "1", 10: "10", 100: "100"}


def overview(entries: list[Entry]) -> str:
    """All rows by their verdict, each with its effects in units of delta.

    The scale is linear near 0 and logarithmic far from it. The clause that decides is a
    dot with its interval, an open square where nothing is judged by it; other clauses
    are ticks.
    Where no effect decides, words say what was counted. The mark of another reading's
    verdict stands behind the title. Each row leads to its place on the page.
    """
    check_sequence("entries", entries, Entry, "entries")
    groups = [
        _group(verdict, chosen)
        for verdict in VERDICTS
        if (chosen := [entry for entry in entries if entry.verdict == verdict])
    ]
    return (
        '<div class="overview" role="group" aria-label="All claims by their verdict">'
        f"{_legend()}{_axis()}{''.join(groups)}{_axis()}</div>"
    )


def _group(verdict: str, entries: list[Entry]) -> str:
    rows = "".join(map(_row, entries))
    return (
        f'<p><span class="verdict {slug(verdict)}"><span aria-hidden="true">'
        f"{MARKS[verdict]}</span> {escape(verdict)}</span>: {len(entries)}</p>"
        f'<ul aria-label="{escape(verdict)}">{rows}</ul>'
    )


def _row(entry: Entry) -> str:
    claim = entry.claim
    title = f"{claim.id} {escape(claim.title)}"
    if others := dict.fromkeys(judged.verdict for judged in entry.differing.values()):
        marks = ", ".join(f"{MARKS[verdict]} {verdict}" for verdict in others)
        title += f" <small>(another reading: {escape(marks)})</small>"
    return f'<li><a href="#{claim.id}">{title}</a>{_effects(entry)}</li>'


def _effects(entry: Entry) -> str:
    """The clause that decides among the others, or in words what it counts."""
    judged = entry.judged
    clauses = entry.claim.reading.clauses if entry.claim.reading else ()
    drawn = [
        (clause, found)
        for clause in clauses
        if clause.kind != "games"
        and (found := judged.clauses.get(clause.name))
        and found.delta
        and found.points
    ]
    decisive = [pair for pair in drawn if pair[0].name == judged.decisive]
    if judged.decisive and not decisive:
        (clause,) = [one for one in clauses if one.name == judged.decisive]
        told = _counted(clause, judged.clauses[clause.name])
        return f"<small>{escape(told)}</small>"
    if not drawn:
        return "<small></small>"
    lead, found = (decisive or drawn)[0]
    parts = [_band(lead)]
    if not decisive:  # a gate is closed: none of them leads
        parts += [_square(one) for _, one in drawn]
        return _picture(parts, "not judged")
    parts += [_tick(other) for _, other in drawn if other is not found]
    enough = entry.seeds >= lead.options.get("seeds", entry.claim.seeds)
    parts += [_span(found), _circle(found) if enough else _square(found)]
    return _picture(parts, f"{found.estimate / found.delta:.2g} δ")


def _picture(parts: list[str], said: str) -> str:
    return f'<svg role="img" aria-label="{said}">{"".join(parts)}</svg>'


def _counted(clause: Clause, found: Verdict) -> str:
    """What decides where no effect does."""
    if clause.kind in COUNTED:
        return f"{sum(map(bool, found.points))} of {len(found.points)} seeds get there"
    return "" if clause.kind == "opinion" else found.because


def _far(value: float) -> float:
    """Where an effect stands, in percent of the width, in units of delta."""
    low, high = np.arcsinh(FARTHEST)
    inside = np.arcsinh(np.clip(value, *FARTHEST))
    return float(2 + 96 * (inside - low) / (high - low))


def _band(clause: Clause) -> str:
    """What does not matter: up to delta; within delta if no difference is claimed."""
    start, end = _far(-1 if clause.kind in BOTH_WAYS else 0), _far(1)
    return (
        f'<rect x="{start:.1f}%" width="{end - start:.1f}%" height="100%" '
        'fill="currentColor" opacity=".13"/>'
    )


_BLOCK = '<rect x="8" y="2" width="24" height="12" fill="currentColor" opacity=".2"/>'
"""A piece of a band, for the legend: of a band on its own scale little is seen."""


def _span(found: Verdict) -> str:
    """The interval that decides; dashed, where there is none, the span of the seeds."""
    ends = found.inner or found.interval
    dashed = "" if ends else ' stroke-dasharray="3 2"'
    ends = ends or (min(found.points), max(found.points))
    a, b = (_far(end / found.delta) for end in ends)
    return (
        f'<line x1="{a:.1f}%" x2="{b:.1f}%" y1="50%" y2="50%" stroke="{BLUE}" '
        f'stroke-width="2"{dashed}/>'
    )


def _circle(found: Verdict) -> str:
    """The mean."""
    return (
        f'<circle cx="{_far(found.estimate / found.delta):.1f}%" cy="50%" r="4" '
        f'fill="{BLUE}" stroke="{BLUE}" stroke-width="1.6"/>'
    )


def _square(found: Verdict) -> str:
    """The mean where nothing is judged by it; elsewhere an open dot is a seed."""
    return (
        f'<rect x="{_far(found.estimate / found.delta):.1f}%" y="50%" width="8" '
        f'height="8" transform="translate(-4 -4)" stroke="{BLUE}" stroke-width="1.6" '
        'fill="var(--pst-color-background, Canvas)"/>'
    )


def _tick(found: Verdict) -> str:
    x = _far(found.estimate / found.delta)
    return (
        f'<line x1="{x:.1f}%" x2="{x:.1f}%" y1="22%" y2="78%" stroke="currentColor" '
        'stroke-width="1.4" opacity=".55"/>'
    )


def _axis() -> str:
    words = "".join(
        f'<text x="{_far(at):.1f}%" y="75%" text-anchor="middle" '
        f'fill="currentColor">{word}</text>'
        for at, word in TICKS.items()
    )
    return (
        '<p class="overview-axis"><span>effect in units of δ, linear near 0 and '
        f'logarithmic beyond</span><svg aria-hidden="true">{words}</svg></p>'
    )


def _legend() -> str:
    found = Verdict("", points=(0.0,), estimate=0.0, interval=(-15.0, 15.0), delta=1.0)
    spread = replace(found, interval=None, points=(-15.0, 15.0))
    dots = {
        "the clause that decides, with its interval (95 %; 90 % for no difference)": [
            _span(found),
            _circle(found),
        ],
        "the span of its seeds": [_span(spread), _circle(found)],
        "not judged: a gate is closed, or seeds are missing": [_square(found)],
        "another clause of the claim": [_tick(found)],
        "too small to matter": [_BLOCK],
    }
    samples = "".join(
        f'<span><svg aria-hidden="true" viewBox="0 0 40 16" class="sample">'
        f"{''.join(parts)}</svg> {words}</span>"
        for words, parts in dots.items()
    )
    return f'<p class="overview-legend">{samples}</p>'
