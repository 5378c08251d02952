"""The claims of the sources beside what was measured, with a computed verdict."""

import operator
import re
from collections import Counter
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from string import Formatter
from typing import Any

from coordlib.arguments import check_instance, check_sequence
from coordlib.lab import files
from coordlib.lab.record import results
from coordlib.lab.record.result import Result, interval

VERDICTS = (
    "reproduced",
    "reproduced at smaller size",
    "not reproduced",
    "holds",
    "does not hold",
    "not yet measured",
)
OURS = "ours"
"""The source of a claim that this book makes itself: it holds or it does not."""

_DIFFERENCE = r"\w+(?: - \w+)?"
_METRIC = rf"(?:(?:low|high|least|most)\({_DIFFERENCE}\)|{_DIFFERENCE})"
_COMPARISON = re.compile(
    rf"\s*({_METRIC})\s*(<=|>=|==|<|>)\s*([-+]?[\d.]+(?:e[-+]?\d+)?)\s*"
)
_OPERATORS = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}
_FIELDS = {"id", "source", "claim", "figure", "page"}
_EVIDENCE = {"experiment", "quantities", "measured", "rule"}


@dataclass(frozen=True)
class Claim:
    """One claim of a source, and how it is to be decided.

    Attributes
    ----------
    id : str
        A letter for the source and a number, such as ``"L08"``.
    source : str
        The key of the source in the bibliography, or :data:`OURS`.
    claim, figure : str
        The claim restated in one sentence, and the number claimed.
    page : str
        The page of the book that treats it.
    experiment : str or None
        The experiment that answers it; None while nothing does.
    quantities : dict of str to dict
        By a short name what :meth:`~coordlib.lab.record.result.Result.values` selects:
        a ``metric``, and perhaps axes. A metric without axes need not be listed.
    measured : str
        A format string over the quantities: ``{gain}`` is the mean over the seeds,
        ``{low(gain)}`` and ``{high(gain)}`` are the ends of its 95 % interval,
        ``{least(gain)}`` and ``{most(gain)}`` its worst and best seed.
    rule : tuple of str
        Comparisons such as ``"test_accuracy >= 0.99"``, of the mean, or
        ``"low(gain) > 0"``. In place of a quantity may stand the difference of two,
        ``"low(late - early) > 0"``. All must hold.
    """

    id: str
    source: str
    claim: str
    figure: str
    page: str
    experiment: str | None = None
    quantities: dict[str, dict] = field(default_factory=dict)
    measured: str = ""
    rule: tuple[str, ...] = ()


@dataclass(frozen=True)
class Entry:
    """A claim with its verdict and the measurement that led to it."""

    claim: Claim
    verdict: str
    measured: str
    seeds: int
    preset: str


def claims_file() -> Path:
    """Where the claims are: ``book/claims.yml`` of the checkout."""
    return files.in_checkout("book/claims.yml")


def read_claims(file: Path | None = None) -> list[Claim]:
    """Read and validate the list of claims.

    Raises
    ------
    ValueError
        If a claim lacks or adds a field, or one is empty; if an id comes twice, or a
        rule is no comparison of a metric with a number.
    """
    import yaml

    if file is not None:
        check_instance("file", file, Path, "a path or None")
    file = file or claims_file()
    try:
        entries = yaml.safe_load(file.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} is no YAML: {' '.join(str(error).split())}") from None
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise ValueError(f"{file} must hold a list of claims, each with its fields")
    claims = [_claim(entry, file) for entry in entries]
    ids = [claim.id for claim in claims]
    if twice := sorted({name for name in ids if ids.count(name) > 1}):
        raise ValueError(f"{file}: claims listed twice: {', '.join(twice)}")
    return claims


def decide(claim: Claim, result: Result | None) -> Entry:
    """Turn a claim and the measurement that answers it into a ledger entry.

    The verdict is *reproduced* when every comparison of the claim's rule holds
    and the run had the source's own size, *reproduced at smaller size* when it was
    smaller, *not reproduced* when a comparison fails, and *not yet measured* without
    a result. A claim of this book itself *holds* or *does not hold*. A rule about an
    interval needs two seeds at least; with one the claim is
    *not yet measured*, though what was found is shown.

    Raises
    ------
    KeyError
        If the rule names a quantity that the result does not hold.
    """
    check_instance("claim", claim, Claim, "a Claim")
    if result is not None:
        check_instance("result", result, Result, "a Result or None")
    if result is None or not result.seeds:
        return Entry(claim, "not yet measured", "", 0, "")
    # Every comparison is read, so that a misspelt one is seen behind one that fails.
    holds = all([_holds(comparison, claim, result) for comparison in claim.rule])
    if len(result.seeds) == 1 and any("(" in comparison for comparison in claim.rule):
        verdict = "not yet measured"
    elif claim.source == OURS:
        verdict = "holds" if holds else "does not hold"
    elif not holds:
        verdict = "not reproduced"
    elif result.preset == "paper":
        verdict = "reproduced"
    else:
        verdict = "reproduced at smaller size"
    names = [name for _, name, _, _ in Formatter().parse(claim.measured) if name]
    text = claim.measured.format(
        **{name: _value(name, claim, result) for name in names}
    )
    return Entry(claim, verdict, text, len(result.seeds), result.preset)


def ledger(file: Path | None = None, where: Path | None = None) -> list[Entry]:
    """Every claim with its verdict, in the order of the file.

    Parameters
    ----------
    file : Path, optional
        The claims; :func:`claims_file` if not given.
    where : Path, optional
        The folder of results; :func:`coordlib.lab.record.results.folder` if not given.
    """
    if where is not None:
        check_instance("where", where, str | Path, "a path or None")
    return [
        decide(claim, claim.experiment and results.best(claim.experiment, where))
        for claim in read_claims(file)
    ]


def summary(entries: list[Entry]) -> str:
    """One line: how many claims have each verdict."""
    check_sequence("entries", entries, Entry, "entries")
    count = Counter(entry.verdict for entry in entries)
    return ", ".join(f"{count[verdict]} {verdict}" for verdict in VERDICTS)


def to_html(entries: list[Entry]) -> str:
    """The entries as a table: claim, figure claimed, measurement and verdict.

    Parameters
    ----------
    entries : list of Entry

    Returns
    -------
    str
        An HTML table of class ``ledger``.
    """
    check_sequence("entries", entries, Entry, "entries")
    head = "".join(f"<th>{name}</th>" for name in ("", "claim", "claimed", "measured"))
    rows = "".join(map(_row, entries))
    return (
        f'<table class="ledger"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _row(entry: Entry) -> str:
    claim = entry.claim
    kind = entry.verdict.replace(" ", "-")
    size = f"{entry.preset} size, {entry.seeds} seed{'s' if entry.seeds != 1 else ''}"
    measured = f"{escape(entry.measured)} <small>({size})</small>" * bool(entry.seeds)
    verdict = f'<span class="verdict {kind}">{entry.verdict}</span>'
    return (
        f'<tr id="{claim.id}"><th scope="row">{claim.id}</th>'
        f"<td>{escape(claim.claim)}</td>"
        f'<td data-label="claimed">{escape(claim.figure)}</td>'
        f'<td data-label="measured">{verdict} {measured}</td></tr>'
    )


def _claim(entry: dict, file: Path) -> Claim:
    name = entry.get("id", entry)
    try:
        _check_names("fields", set(entry) - {"evidence"}, _FIELDS)
        for key in _FIELDS:
            if entry[key] is None or not str(entry[key]).strip():
                raise ValueError(f"{key} must not be empty")
        answer = _evidence(entry["evidence"]) if "evidence" in entry else {}
    except ValueError as error:
        raise ValueError(f"{file}: claim {name}: {error}") from None
    return Claim(**{key: str(entry[key]).strip() for key in _FIELDS}, **answer)


def _check_names(what: str, have: set, need: set[str]) -> None:
    if have != need:
        got = sorted(map(str, have))
        raise ValueError(f"{what} must be {sorted(need)}, got {got}")


def _evidence(evidence: object) -> dict[str, Any]:
    """What answers a claim, as the fields of a :class:`Claim`."""
    if not isinstance(evidence, dict) or not evidence:
        raise ValueError(
            f"evidence must be {sorted(_EVIDENCE)}, got {evidence!r}; leave it out "
            "while nothing answers the claim"
        )
    _check_names("evidence", set(evidence) | {"quantities"}, _EVIDENCE)
    if not isinstance(name := evidence["experiment"], str) or not name:
        raise ValueError(f"experiment must be the name of one, got {name!r}")
    rule, quantities = evidence["rule"], evidence.get("quantities", {})
    if not isinstance(rule, list) or not rule:
        raise ValueError(f"rule must be a list of comparisons, got {rule!r}")
    for comparison in rule:
        if not isinstance(comparison, str) or not _COMPARISON.fullmatch(comparison):
            raise ValueError(
                f"rule {comparison!r} is not of the form 'metric >= number'"
            )
    if not isinstance(quantities, dict) or not all(
        isinstance(axes, dict) and "metric" in axes for axes in quantities.values()
    ):
        raise ValueError(f"quantities must each have a metric, got {quantities!r}")
    measured = evidence["measured"]
    if not isinstance(measured, str) or not measured.strip():
        raise ValueError(f"measured must be a text with quantities, got {measured!r}")
    for _, told, _, _ in Formatter().parse(measured):
        if told and not re.fullmatch(_METRIC, told):
            raise ValueError(f"measured names no quantity: {told}")
    return {
        "experiment": name,
        "quantities": quantities,
        "measured": measured,
        "rule": tuple(rule),
    }


def _holds(comparison: str, claim: Claim, result: Result) -> bool:
    quantity, symbol, number = _COMPARISON.fullmatch(comparison).groups()
    return _OPERATORS[symbol](_value(quantity, claim, result), float(number))


def _value(name: str, claim: Claim, result: Result) -> float:
    """Read a quantity's mean, the end of its interval or its extreme off a result."""
    end, _, quantity = name.rstrip(")").rpartition("(")
    first, *others = (
        result.values(**claim.quantities.get(part, {"metric": part}))
        for part in quantity.split(" - ")
    )
    values = first - others[0] if others else first
    match end:
        case "least":
            return float(values.min())
        case "most":
            return float(values.max())
        case "low" | "high":
            return interval(values)[end == "high"]
    return float(values.mean())
