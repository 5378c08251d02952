"""The claims of the sources beside what was measured, with a computed verdict.

As CSV and as JSON the ledger has one row a claim, with these columns (a JSON value is
null, and a CSV field empty, where there is nothing to say):

=============  ====================================================================
column         what it holds
=============  ====================================================================
id             a letter for the source and a number; its address on the page
source         the key of the source in the bibliography, or ``ours``
title          the claim in a few words
claim          the claim, restated
figure         the number that the source gives
where          where in the source it stands, or ``not located``
chapter        the page of the book that treats it
verdict        one of ``VERDICTS``
because        the clause that decides, or the gate that failed
scale          how near the measurement is to the source's; no part of the verdict
decided        whether the rule was fixed before the measurement or *post hoc*
design         how many seeds decide, and whether they are paired
seeds          how many there are
figure_met     of the source's figure: met, not met, too few seeds
measured       what was measured, in words
clauses        by name: verdict, because, points (one a seed), estimate, low and high
               (the 95 % interval), inner (the 90 % of an equivalence), delta,
               detectable, needed (in CSV as JSON text)
also           by name: the verdicts on other readings of the claim, likewise
experiment     what was measured, and at which ``preset``
date           of the last measurement
seeds_next     of what is undecided: the seeds to measure next, those of the design
               first; ``hours_next`` is what the missing ones take on the machine that
               measured the others
seeds_needed   the seeds that show an effect as small as delta four times in five, or of
               an equivalence as often that there is none as large, with
               ``hours_needed``; empty where more seeds do not decide, and where there
               are as many: ``seeds_next`` is as many again then
command        what measures ``seeds_next``, or what a gate waits for
=============  ====================================================================
"""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

from coordlib.arguments import check_instance, check_sequence
from coordlib.lab.record import results, verdicts
from coordlib.lab.record.claims import (
    OURS,
    SCALES,
    Claim,
    claims_file,
    read_claims,
)
from coordlib.lab.record.judging import Entry, Judged, asked_of, decide
from coordlib.lab.record.ledger_html import folded, to_html
from coordlib.lab.record.result import Result, Row, fits
from coordlib.lab.record.verdicts import VERDICTS

__all__ = [
    "OURS",
    "SCALES",
    "VERDICTS",
    "Claim",
    "Entry",
    "as_rows",
    "claims_file",
    "decide",
    "folded",
    "ledger",
    "read_claims",
    "summary",
    "to_csv",
    "to_html",
    "to_json",
]


def ledger(file: Path | None = None, where: Path | None = None) -> list[Entry]:
    """Every claim with its verdict, in the order of the file.

    Parameters
    ----------
    file : Path, optional
        The claims; :func:`claims_file` if not given.
    where : Path, optional
        The folder of results; :func:`coordlib.lab.record.results.folder` if not given.

    Raises
    ------
    ValueError
        If the claims cannot be read, or a result lacks numbers that one of them speaks
        of. The message names the claim.
    """
    if where is not None:
        check_instance("where", where, str | Path, "a path or None")
    there = cache(partial(results.largest, where=where))
    return [_decided(claim, there, where) for claim in read_claims(file)]


def _decided(
    claim: Claim, there: Callable[[str], list[Result]], where: Path | None
) -> Entry:
    try:
        return decide(claim, _answers(claim, there), where)
    except Exception as error:  # whatever a rule makes of the numbers, it has a name
        why = error.args[0] if isinstance(error, KeyError) else error
        raise ValueError(f"claim {claim.id}: {why}") from error


def _answers(claim: Claim, there: Callable[[str], list[Result]]) -> dict[str, Result]:
    """By experiment the best result that has all that a claim asks of it.

    A plan measures the arms that rows wait for, and not every one that "cpu" has.
    """
    asked: dict[str, list[Row]] = {}
    for one in claim.alternatives:
        for name in one.experiments:
            asked.setdefault(name, []).extend(asked_of(one, name))
    found = {}
    for name, wanted in asked.items():
        if several := there(name):
            whole = (result for result in several if _has(result, wanted))
            found[name] = next(whole, several[0])
    return found


def _has(result: Result, wanted: list[Row]) -> bool:
    return all(any(fits(row, axes) for row in result.rows) for axes in wanted)


def summary(entries: list[Entry]) -> str:
    """How many claims have each verdict, and which have another in another reading."""
    check_sequence("entries", entries, Entry, "entries")
    count = Counter(entry.verdict for entry in entries)
    shown = [
        f"{count[verdict]} {_SAID[verdict][count[verdict] > 1]}"
        for verdict in VERDICTS
        if count[verdict]
    ]
    *first, last = shown or ["none is judged"]
    listed = f"{', '.join(first)} and {last}" if first else last
    told = f"Of {len(entries)} claims {listed}."
    if two := [entry.claim.id for entry in entries if entry.differing]:
        told += f" Another reading gives another verdict for {', '.join(two)}."
    return told


def as_rows(entries: list[Entry]) -> list[dict[str, Any]]:
    """The ledger as rows, each a claim; the columns stand at the top of this module."""
    check_sequence("entries", entries, Entry, "entries")
    return [_row(entry) for entry in entries]


def to_json(entries: list[Entry]) -> str:
    """The ledger as JSON: a list of rows."""
    return json.dumps(as_rows(entries), ensure_ascii=False, indent=1) + "\n"


def to_csv(entries: list[Entry]) -> str:
    """The ledger as CSV, as RFC 4180 has it, with a line of names."""
    rows = as_rows(entries)
    text = io.StringIO()
    writer = csv.DictWriter(text, _row(_NOTHING))
    writer.writeheader()
    for row in rows:
        plain = {
            key: json.dumps(value, ensure_ascii=False)
            if isinstance(value, dict)
            else value
            for key, value in row.items()
        }
        writer.writerow(plain)
    return text.getvalue()


# One, and several.
_SAID = {
    verdicts.HOLDS: ("holds", "hold"),
    verdicts.SUPPORTED: ("is supported", "are supported"),
    verdicts.DIRECTION_ONLY: (
        "is right in direction only",
        "are right in direction only",
    ),
    verdicts.TOO_SMALL: (
        "holds in direction but is too small to matter",
        "hold in direction but are too small to matter",
    ),
    verdicts.NOT_EXCEEDED: ("is a bound not exceeded", "are bounds not exceeded"),
    verdicts.UNDECIDED: ("is undecided", "are undecided"),
    verdicts.CONTRADICTED: ("is contradicted", "are contradicted"),
    verdicts.WRONG_SIZE: ("is contradicted in size", "are contradicted in size"),
    verdicts.WRONG_DIRECTION: (
        "is contradicted in direction",
        "are contradicted in direction",
    ),
    verdicts.FAILS: ("fails", "fail"),
    verdicts.NOT_TESTED: ("is not tested", "are not tested"),
    verdicts.OPINION: ("is an opinion", "are opinions"),
}
_NOTHING = Entry(Claim(*["-"] * 7), Judged("not tested"))


def _row(entry: Entry) -> dict[str, Any]:
    claim = entry.claim
    return {
        "id": claim.id,
        "source": claim.source,
        "title": claim.title,
        "claim": claim.claim,
        "figure": claim.figure,
        "where": claim.where,
        "chapter": claim.page,
        "verdict": entry.verdict,
        "because": entry.because,
        "scale": claim.scale or None,
        "decided": claim.decided or None,
        "design": claim.design if claim.reading else None,
        "seeds": entry.seeds,
        "figure_met": entry.figure or None,
        "measured": entry.measured or None,
        "clauses": _clauses(entry.judged),
        "also": {
            name: {
                "verdict": judged.verdict,
                "because": judged.because,
                "clauses": _clauses(judged),
            }
            for name, judged in entry.also.items()
        },
        "experiment": claim.experiment,
        "preset": entry.preset or None,
        "date": entry.date or None,
        "seeds_next": entry.next,
        "hours_next": entry.next and _short(entry.hours(entry.next)),
        "seeds_needed": entry.needed,
        "hours_needed": entry.needed and _short(entry.hours(entry.needed)),
        "command": entry.command or None,
    }


def _clauses(judged: Judged) -> dict[str, dict[str, Any]]:
    found = {}
    for name, verdict in judged.clauses.items():
        low, high = verdict.interval or (None, None)
        found[name] = {
            "verdict": verdict.verdict,
            "because": verdict.because,
            "points": [_short(point) for point in verdict.points],
            "estimate": _short(verdict.estimate),
            "low": _short(low),
            "high": _short(high),
            "inner": verdict.inner and [_short(end) for end in verdict.inner],
            "delta": verdict.delta,
            "detectable": _short(verdict.detectable),
            "needed": verdict.needed,
        }
    return found


def _short(number: float | None) -> float | None:
    """Four digits: the same on every processor, and more than a seed is worth."""
    return None if number is None else float(f"{number:.4g}")
