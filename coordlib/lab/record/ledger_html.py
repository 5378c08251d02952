"""The ledger as a page shows it: the claims, filters, downloads and what is open."""

import re
from dataclasses import replace
from html import escape
from urllib.parse import quote

from coordlib.arguments import check_instance, check_sequence
from coordlib.lab.record import expression
from coordlib.lab.record.claims import (
    COMPARED,
    EVERY_CASE,
    NOT_MEASURED,
    OURS,
    Claim,
    Clause,
    Reading,
    when_fixed,
)
from coordlib.lab.record.judging import SELECTING, Entry, Judged
from coordlib.lab.record.ledger_figure import MARKS, row_figure, slug
from coordlib.lab.record.result import interval
from coordlib.lab.record.verdict import UNITS, Verdict
from coordlib.lab.record.verdicts import (
    LEAST_SEEDS,
    NOT_TESTED,
    UNDECIDED,
    VERDICTS,
    amount,
)

BOOK = "Where Is It?"
SOURCES = {
    "liu2018coordconv": "Liu et al., 2018",
    "piekniewski2018autopsy": "Piekniewski, 2018",
    "zhang2019shift": "Zhang, 2019",
    OURS: "this book",
}
"""Names of the sources, as a line to quote gives them."""

_KINDS = {"equivalence": "no difference", "noninferiority": "no worse"}
_HEAD = ("", "claim", "verdict", "scale", "measured")
_OPEN = ("seeds", "next", "for δ", "command")


def to_html(entries: list[Entry]) -> str:
    """The entries as a table: claim, verdict, scale, and what was measured.

    Parameters
    ----------
    entries : list of Entry

    Returns
    -------
    str
        An HTML table of class ``ledger``; each row has the id of its claim.
    """
    check_sequence("entries", entries, Entry, "entries")
    head = "".join(f"<th>{name}</th>" for name in _HEAD)
    rows = "".join(map(_row, entries))
    return (
        f'<table class="ledger"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def folded(entries: list[Entry]) -> str:
    """The entries, a line each: title and verdict; a line opens to the whole row."""
    check_sequence("entries", entries, Entry, "entries")
    return "".join(
        f'<details class="claim"><summary>{entry.claim.id} '
        f"<strong>{escape(entry.claim.title)}</strong> {_mark(entry.judged)}</summary>"
        f"{to_html([entry])}</details>"
        for entry in entries
    )


def filters(entries: list[Entry]) -> str:
    """Lists to choose a verdict, a source and a chapter from.

    Style sheets hide the other rows, without a script and without a kernel, and say so
    where none is left; a browser that cannot shows them all.
    """
    check_sequence("entries", entries, Entry, "entries")
    have = {entry.verdict for entry in entries}
    chosen = {
        "verdict": {slug(v): v for v in VERDICTS if v in have},
        "source": {
            entry.claim.source: SOURCES.get(entry.claim.source, entry.claim.source)
            for entry in entries
        },
        "chapter": {entry.claim.page: entry.claim.page for entry in entries},
    }
    lists, rules = [], []
    for name, options in chosen.items():
        items = "".join(
            f'<option value="{value}">{escape(word)}</option>'
            for value, word in options.items()
        )
        lists.append(
            f'<label>{name} <select name="{name}"><option value="">all</option>'
            f"{items}</select></label>"
        )
        rules += [
            f'body:has(.ledger-filters [name="{name}"] [value="{value}"]:checked) '
            f'table.ledger tr[id]:not(:target):not([data-{name}="{value}"])'
            for value in options
        ]
    hidden = f"{','.join(rules)}{{display:none!important}}"
    # Silent where a claim has all three, or a list does not choose.
    have_all = {
        (slug(entry.verdict), entry.claim.source, entry.claim.page) for entry in entries
    }
    silent = ",".join(
        "body"
        + "".join(
            f':has([name="{name}"] :is([value=""],[value="{value}"]):checked)'
            for name, value in zip(chosen, values, strict=True)
        )
        + " .ledger-none"
        for values in sorted(have_all)
    )
    style = (
        f"<style>{hidden}.ledger-none{{display:none}}@supports selector(:has(*))"
        f"{{.ledger-none{{display:block}}{silent}{{display:none}}}}</style>"
    )
    none = '<p class="ledger-none">No claim has all three.</p>'
    return f'<form class="ledger-filters">{" ".join(lists)}</form>{none}{style}'


def download(text: str, name: str, kind: str) -> str:
    """A link that gives a text as a file, from the page itself."""
    for what, value in (("text", text), ("name", name), ("kind", kind)):
        check_instance(what, value, str, "a text")
    for what, value in (("name", name), ("kind", kind)):
        if not value:
            raise ValueError(f"{what} must not be empty")
    data = quote(text, safe=" {}[]:,'/()=.+-_~!*;@$?")
    return f'<a download="{name}" href="data:{kind};charset=utf-8,{data}">{name}</a>'


def open_rows(entries: list[Entry]) -> str:
    """What would change our mind: of each undecided row seeds, hours and command.

    Of each row that is not tested, what is missing.
    """
    check_sequence("entries", entries, Entry, "entries")
    rows = "".join(
        _open_row(entry)
        for verdict in (UNDECIDED, NOT_TESTED)
        for entry in entries
        if entry.verdict == verdict
    )
    head = "".join(f'<th scope="col">{name}</th>' for name in ("", *_OPEN))
    return (
        '<table class="dataframe ledger-open"><caption>What would decide the open '
        "rows. Hours are those of the machine that measured the seeds there are."
        f"</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    )


def citation(entry: Entry) -> str:
    """A line to quote: the claim, its verdicts, when the rule was fixed, the date."""
    check_instance("entry", entry, Entry, "an Entry")
    claim = entry.claim
    source = SOURCES.get(claim.source, claim.source)
    told = [_in_words(entry.judged)]
    for name, judged in entry.also.items():
        fixed = when_fixed(claim.also[name].decided) if name in claim.also else ""
        later = f" (its rule {fixed})" if fixed else ""
        told.append(f"{name}: {_in_words(_beside(judged, entry))}{later}")
    told += [f"rule {entry.fixed}"] if entry.fixed else []
    told += [f"scale: {claim.scale}"] if claim.scale else []
    if claim.where.startswith("not located"):
        source += ", where we have not located it"
    elif "not located" in claim.where:
        source += ", where we have not located all of it"
    date = f", measured until {entry.date}" if entry.date else ""
    return f"{claim.id}, {claim.title} ({source}): {'; '.join(told)}. {BOOK}{date}."


def _beside(judged: Judged, entry: Entry) -> Judged:
    """Another reading: of one that says the same as the first no more than that."""
    if judged.verdict != entry.verdict or not judged.because:
        return judged
    same = judged.because == entry.because
    return replace(judged, because="as above") if same else judged


def _in_words(judged: Judged) -> str:
    return f"{judged.verdict} ({judged.because})" if judged.because else judged.verdict


def _row(entry: Entry) -> str:
    claim = entry.claim
    shown = (
        f'<tr id="{claim.id}" data-verdict="{slug(entry.verdict)}" '
        f'data-source="{claim.source}" data-chapter="{claim.page}">'
        f'<th scope="row"><a href="#{claim.id}">{claim.id}</a></th>'
        f"<td><strong>{escape(claim.title)}</strong><br>{escape(claim.claim)}<br>"
        f"<small>claimed: {escape(claim.figure)}"
    )
    shown += f" (figure: {entry.figure})" if entry.figure else ""
    shown += f"; where: {escape(claim.where)}</small></td>"
    apart = "".join(
        f"<p><i>{escape(name)}:</i> {_verdict(_beside(judged, entry))}</p>"
        for name, judged in entry.also.items()
    )
    shown += f'<td data-label="verdict">{_verdict(entry.judged)}{apart}</td>'
    shown += f'<td data-label="scale">{escape(claim.scale)}</td>'
    measured = ""
    if entry.measured:
        measured = f"{escape(entry.measured)}{row_figure(entry)}"
        measured += f"<p><small>{escape(_setting(entry))}</small></p>"
    more = (
        "<details><summary>rule, and a line to quote</summary>"
        f"{_rule(entry)}<p><q>{escape(citation(entry))}</q></p></details>"
    )
    return f'{shown}<td data-label="measured">{measured}{more}</td></tr>'


def _verdict(judged: Judged) -> str:
    why = f" <small>{escape(judged.because)}</small>" if judged.because else ""
    return f"{_mark(judged)}{why}"


def _mark(judged: Judged) -> str:
    word, kind = escape(judged.verdict), slug(judged.verdict)
    mark = f'<span aria-hidden="true">{MARKS[judged.verdict]}</span>'
    return f'<span class="verdict {kind}">{mark} {word}</span>'


def _setting(entry: Entry) -> str:
    """How many seeds, and in two words when the rule was fixed: the rest is folded."""
    seeds = entry.claim.design
    if seeds != EVERY_CASE:
        missing = f" of {entry.claim.seeds}" * (entry.seeds < entry.claim.seeds)
        seeds = f"{entry.seeds}{missing} seed{'s' * (entry.claim.seeds != 1)}"
    return f"{seeds}; rule {entry.fixed}"


def _rule(entry: Entry) -> str:
    """When it was fixed, and the gates and clauses of every reading, in words."""
    reading = entry.claim.reading
    if reading is None:
        return ""
    fixed = f"rule: {entry.claim.decided.removeprefix('rule ')}"
    told = _listed([fixed, *_asked(reading, entry.judged)])
    for name, other in entry.claim.also.items():
        lines = _asked(other, entry.also[name]) if name in entry.also else []
        if lines and other.decided:
            lines = [f"rule: {other.decided.removeprefix('rule ')}", *lines]
        told += f"<p><i>{escape(name)}:</i></p>{_listed(lines)}" if lines else ""
    return told + _numbers(entry.claim)


def _numbers(claim: Claim) -> str:
    """What the names in a row's rules stand for, in the words of the results."""
    used = set()
    for reading in (claim.reading, *claim.also.values()):
        compared = [rule for rule in reading.gates.values() if rule != NOT_MEASURED]
        for clause in reading.clauses:
            if clause.kind in COMPARED:
                compared.append(clause.of)
            elif clause.kind != "opinion":
                used |= expression.names(clause.of)
            learned = (clause.options.get(key) for key in ("trained", "runs"))
            used |= {name for name in learned if isinstance(name, str)}
        used |= {
            name
            for rule in compared
            for name in expression.names(expression.split_comparison(rule)[0])
        }
    told = [
        f"{expression.in_words(name)}: {_selected(axes, claim.experiment)}"
        for name, axes in claim.quantities.items()
        if name in used
    ]
    return f"<p>The numbers, by their names:</p>{_listed(told)}" if told else ""


def _selected(axes: dict, experiment: str) -> str:
    """A metric of an experiment, with the axes that select it."""
    said = {"metric", "derived", "experiment", *SELECTING}
    where = [f"{axis} {value}" for axis, value in axes.items() if axis not in said]
    metric = axes.get("metric") or f"{axes['derived']}, worked out of what is stored"
    of = f"experiment {axes.get('experiment', experiment)}"
    return "; ".join(filter(None, (metric, ", ".join(where), of)))


def _listed(lines: list[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"


def _asked(reading: Reading, judged: Judged) -> list[str]:
    """Of one reading each gate and clause, with what was found."""
    lines = [
        f"gate: {name} ({rule if rule == NOT_MEASURED else expression.in_words(rule)})"
        for name, rule in reading.gates.items()
    ]
    for clause in reading.clauses:
        options, of = clause.options, clause.of
        unit = options.get("unit", "")
        if clause.kind != "opinion":
            of = expression.in_words(of)
        line = f"{clause.name} ({_KINDS.get(clause.kind, clause.kind)}): {of}"
        if "delta" in options:
            line += f", δ = {amount(options['delta'], unit)} ({options['reason']})"
        if "limit" in options:
            line += f", bound {options['limit']:g}"
        # Where nothing is measured no clause is judged.
        found = judged.clauses.get(clause.name)
        if found and (found.interval or (found.delta and found.points)):
            line += f"; found {_found(found, clause)}"
        if found and found.detectable is not None:
            line += f"; could have shown {amount(found.detectable, unit, '.2g')}"
        lines.append(line)
    return lines


def _found(found: Verdict, clause: Clause) -> str:
    """A mean and the interval by which it is judged, in words."""
    unit = clause.options.get("unit", "")
    one = "game" if clause.kind == "games" else "seed"
    one = "pair" if "apart(" in clause.of else one
    many = f"{len(found.points)} {one}{'s' * (len(found.points) != 1)}"
    return f"{amount(found.estimate, unit, '.3g')} ({_between(found, clause)}{many})"


def _between(found: Verdict, clause: Clause) -> str:
    """The interval, as far as its ends are possible; empty where there is none."""
    ends = found.inner or found.interval or interval(found.points)
    low, high = (f"{UNITS[clause.options.get('unit', '')] * end:.3g}" for end in ends)
    if found.inner or found.interval:
        return f"{90 if found.inner else 95} % interval {low} to {high}, "
    if len(found.points) < LEAST_SEEDS or "possible" not in clause.options:
        return ""
    least, most = clause.options["possible"]
    beyond = "beyond what is possible"
    if ends[0] >= least:
        return f"95 % interval {low} to {beyond}, "
    return f"95 % interval from {beyond} to {high if ends[1] <= most else beyond}, "


def _open_row(entry: Entry) -> str:
    name = entry.claim.id
    first = (
        f'<tr><th scope="row"><a href="#{name}">{name}</a></th>'
        f'<td data-label="seeds">{entry.seeds}</td>'
    )
    command = "<br>".join(map(_command, entry.command.splitlines()))
    if entry.next is None:
        why = entry.because
        if entry.verdict == UNDECIDED:
            why = f"more seeds do not decide: {why}"
        if entry.preferred and not _decides(entry.preferred):
            why += "; the command measures it better, and does not decide it"
        width = 2 if command else 3
        rest = f'<td data-label="command">{command}</td>' if command else ""
        return f'{first}<td colspan="{width}">{escape(why)}</td>{rest}</tr>'
    cells = [
        f"{seeds:,}&nbsp;seeds, {_hours(entry.hours(seeds))}"
        if seeds
        else "there already; a narrower interval is needed"
        for seeds in (entry.next, entry.needed)
    ]
    shown = "".join(
        f'<td data-label="{label}">{cell}</td>'
        for label, cell in zip(_OPEN[1:], (*cells, command), strict=True)
    )
    return f"{first}{shown}</tr>"


def _decides(claim: Claim) -> bool:
    """Whether evidence can decide: what is asked of many games needs them all."""
    reading = claim.reading
    many = any(clause.kind == "games" for clause in reading.clauses)
    return not many and NOT_MEASURED not in reading.gates.values()


def _command(line: str) -> str:
    """A line for the terminal: spans of its words, an option's with its value.

    A style sheet keeps each of them on one line, where hyphens would cut it.
    """
    words = re.findall(r"-\S+ \S+|\S+", line)
    spans = (f"<span>{escape(word)}</span>" for word in words)
    return f"<code>{' '.join(spans)}</code>"


def _hours(hours: float) -> str:
    return f"{60 * hours:.0f}&nbsp;min" if hours < 1 else f"{hours:,.0f}&nbsp;h"
