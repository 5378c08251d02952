"""Claims: what a source says, where, and how it is to be decided."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from string import Formatter
from typing import Any

from coordlib.arguments import (
    check_choice,
    check_flag,
    check_instance,
    check_integer,
    check_number,
    check_positive,
    check_share,
)
from coordlib.lab.data import storage
from coordlib.lab.record import expression
from coordlib.lab.record.strict_yaml import read_strictly
from coordlib.lab.record.verdicts import LEAST_SEEDS, UNITS

OURS = "ours"
"""The source of a claim that this book makes itself."""

SCALES = ("source's size", "same network, other recipe", "reduced", "analogue")
"""How near a measurement is to the source's; no part of the verdict."""

NOT_MEASURED = "not measured"
"""What stands in place of a gate's condition while nothing can tell."""

COUNTING = ("cpu", "decisive", "paper")
"""Presets whose results are evidence; a quick one shows nothing."""

EVERY_CASE = "every case"

DECIDED = {
    "before": "fixed before",
    "post hoc": "post hoc",
    "rule changed": "changed after a measurement",
}
"""How ``decided`` begins, and what that says of the rule."""

LONGEST_TITLE = 50
"""As many letters as a line of the picture of all rows has room for."""

_DESIGN = re.compile(r"(\d+) seeds, (paired|one arm)")
_NAME = re.compile(r"[\w-]+")
_FIELDS = {"id", "source", "title", "claim", "figure", "where", "page"}
_EVIDENCE = {"experiment", "scale", "design", "decided", "measured", "clauses"}
_MORE_EVIDENCE = {"preset", "quantities", "gates", "claimed", "also"}
_EFFECT = ({"delta", "reason"}, {"possible", "seeds", "unit"})
_OPTIONS = {
    **dict.fromkeys(("difference", "equivalence", "noninferiority"), _EFFECT),
    "bound": ({"limit", "cases", "trained", "runs", "grid"}, {"seeds"}),
    "games": ({"delta", "reason"}, {"seeds"}),
    **dict.fromkeys(("always", "some"), (set(), {"seeds"})),
    "exact": (set(), {"how"}),
    "opinion": (set(), set()),
}
COMPARED = ("always", "some", "exact")
"""The kinds of clauses that compare with a number."""


@dataclass(frozen=True)
class Clause:
    """One thing that must be so for the claim to hold.

    Attributes
    ----------
    name : str
    kind : str
        The function of :mod:`coordlib.lab.record.verdicts` that judges it.
    of : str
        An expression, positive where the claim says so; a comparison for *always*,
        *some* and *exact*, of each seed; the reason for *opinion*.
    options : dict
        ``delta``, its ``unit`` and the ``reason`` for it, ``limit`` and so on.
    """

    name: str
    kind: str
    of: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Reading:
    """Clauses that are judged together, once all gates hold: by name a comparison.

    ``decided`` says when its rule was fixed, where that is not when the claim's was.
    """

    gates: dict[str, str]
    clauses: tuple[Clause, ...]
    decided: str = ""


@dataclass(frozen=True)
class Claim:
    """One claim of a source, and how it is to be decided.

    Attributes
    ----------
    id : str
        A letter for the source and a number, such as ``"L08"``.
    source : str
        The key of the source in the bibliography, or :data:`OURS`.
    title : str
        In a few words, at most :data:`LONGEST_TITLE` letters.
    claim : str
        Restated in one sentence.
    figure : str
        The number claimed.
    where : str
        Where the source makes it, or ``"not located"``.
    page : str
        The page of the book that treats it.
    experiment : str or None
        The experiment that answers it; None while nothing does.
    scale : str
        One of :data:`SCALES`.
    preset : str
        With which the experiment is to be measured, where this claim waits for it.
    design : str
        ``"10 seeds, paired"``, ``"5 seeds, one arm"`` or ``"every case"``.
    decided : str
        The rule: *before* the measurement or *post hoc*, with what changed, and when.
    quantities : dict of str to dict
        By a short name what :meth:`~coordlib.lab.record.result.Result.values` selects:
        a ``metric``, and perhaps axes; another ``experiment``, of which the same seeds
        are taken, or all if it is kept ``apart``; ``by``, an axis along which there are
        several; ``sparse``, if seeds that lack it are to be left out; or ``derived``,
        what the module ``derived`` works out of stored arrays.
    measured : str
        A format string over expressions: ``{gain}`` is the mean over the seeds,
        ``{low(a - b)}`` an end of an interval.
    claimed : dict or None
        ``of`` an expression, the source's ``figure``, judged apart from the direction.
    reading : Reading or None
    also : dict of str to Reading
        Other readings, judged apart: without a confound, or a part of the claim.
    otherwise : Claim or None
        The same claim with the evidence that counts while this one is not measured.
    """

    id: str
    source: str
    title: str
    claim: str
    figure: str
    where: str
    page: str
    experiment: str | None = None
    scale: str = ""
    preset: str = "cpu"
    design: str = EVERY_CASE
    decided: str = ""
    quantities: dict[str, dict] = field(default_factory=dict)
    measured: str = ""
    claimed: dict | None = None
    reading: Reading | None = None
    also: dict[str, Reading] = field(default_factory=dict)
    otherwise: "Claim | None" = None

    @property
    def alternatives(self) -> list["Claim"]:
        """The claim with each evidence there is for it, the preferred one first."""
        others = self.otherwise.alternatives if self.otherwise else []
        return [self, *others]

    @property
    def seeds(self) -> int:
        """How many seeds decide."""
        found = _DESIGN.fullmatch(self.design)
        return int(found[1]) if found else 1

    @property
    def experiments(self) -> list[str]:
        """All experiments whose numbers it needs, the one that answers it first."""
        others = (axes.get("experiment") for axes in self.quantities.values())
        return list(dict.fromkeys(filter(None, (self.experiment, *others))))

    @property
    def paired(self) -> list[str]:
        """Those of them whose seeds belong together."""
        apart = {
            axes["experiment"]
            for axes in self.quantities.values()
            if axes.get("apart") and "experiment" in axes
        }
        return [name for name in self.experiments if name not in apart]


def claims_file() -> Path:
    """Where the claims are: ``book/claims.yml`` of the checkout."""
    return storage.in_checkout("book/claims.yml")


def read_claims(file: Path | None = None) -> list[Claim]:
    """Read and validate the list of claims.

    Raises
    ------
    ValueError
        If a claim lacks or adds a field, or one is empty; if an id comes twice, or a
        clause or a gate cannot be read. The message names the file and the claim.
    """
    if file is not None:
        check_instance("file", file, Path, "a path or None")
    file = file or claims_file()
    try:
        entries = read_strictly(file.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{file} is no YAML: {' '.join(str(error).split())}") from None
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise ValueError(f"{file} must hold a list of claims, each with its fields")
    claims = []
    for entry in entries:
        try:
            claims.append(_claim(entry))
        except (TypeError, ValueError) as error:
            name = entry.get("id", entry)
            raise ValueError(f"{file}: claim {name}: {error}") from None
    ids = [claim.id for claim in claims]
    if twice := sorted({name for name in ids if ids.count(name) > 1}):
        raise ValueError(f"{file}: claims listed twice: {', '.join(twice)}")
    return claims


def _claim(entry: dict) -> Claim:
    _check_names("fields", entry, _FIELDS, {"evidence", "preferred"})
    texts = {key: _text(key, entry[key]) for key in _FIELDS}
    for key in ("id", "source", "page"):  # they are addresses, too
        if not _NAME.fullmatch(texts[key]):
            raise ValueError(
                f"{key} must be of letters, digits and hyphens, got {texts[key]!r}"
            )
    if len(texts["title"]) > LONGEST_TITLE:
        raise ValueError(
            f"title must have at most {LONGEST_TITLE} letters, got {texts['title']!r}"
        )
    if "evidence" not in entry:
        if "preferred" in entry:
            raise ValueError("preferred needs an evidence that it is preferred to")
        return Claim(**texts)
    claim = Claim(**texts, **_evidence(entry["evidence"]))
    if "preferred" not in entry:
        return claim
    return Claim(**texts, **_evidence(entry["preferred"]), otherwise=claim)


def _evidence(evidence: object) -> dict[str, Any]:
    """What answers a claim, as the fields of a :class:`Claim`."""
    if not isinstance(evidence, dict) or not evidence:
        raise ValueError(
            f"evidence must hold {sorted(_EVIDENCE)}, got {evidence!r}; leave it out "
            "while nothing answers the claim"
        )
    _check_names("evidence", evidence, _EVIDENCE, _MORE_EVIDENCE)
    texts = ("experiment", "preset", "scale", "design", "decided", "measured")
    found = {key: _text(key, evidence[key]) for key in texts if key in evidence}
    if found["scale"] not in SCALES:
        raise ValueError(f"scale must be one of {SCALES}, got {found['scale']!r}")
    _check_design(found["design"])
    if not _NAME.fullmatch(found["experiment"]):
        raise ValueError(f"experiment must be a name, got {found['experiment']!r}")
    if found.get("preset", "cpu") not in COUNTING:
        raise ValueError(f"preset must be one of {COUNTING}, got {found['preset']!r}")
    _check_decided(found["decided"])
    found["quantities"] = quantities = _quantities(evidence.get("quantities", {}))
    found["reading"] = _reading(evidence, quantities)
    found["also"] = {
        name: _reading(reading, quantities, {"gates", "clauses", "decided"})
        for name, reading in _mapping("also", evidence.get("also", {})).items()
    }
    for _, quantity, _, _ in Formatter().parse(found["measured"]):
        if quantity:
            _check_expression("measured", quantity, quantities)
    claimed = evidence.get("claimed")
    if claimed is not None:
        _check_names("claimed", _mapping("claimed", claimed), {"of", "figure"})
        _check_expression("claimed", claimed["of"], quantities)
        if not isfinite(check_number("figure", claimed["figure"])):
            raise ValueError(f"figure must be finite, got {claimed['figure']}")
    return found | {"claimed": claimed}


def _reading(
    found: object, quantities: dict, accepted: set[str] | None = None
) -> Reading:
    found = _mapping("a reading", found)
    if accepted:
        _check_names("a reading", found, {"clauses"}, accepted)
    gates = _mapping("gates", found.get("gates", {}))
    for name, condition in gates.items():
        if condition != NOT_MEASURED:
            _check_comparison(f"gate {name!r}", condition, quantities)
    groups = found["clauses"]
    if not isinstance(groups, list) or not groups:
        raise ValueError(f"clauses must be a list of groups, got {groups!r}")
    clauses = [clause for group in groups for clause in _group(group, quantities)]
    names = [clause.name for clause in clauses]
    if len(set(names)) < len(names):
        raise ValueError(f"clauses must have names of their own, got {names}")
    if not accepted:  # When the claim's own was fixed stands with its evidence.
        return Reading(gates, tuple(clauses))
    if decided := found.get("decided", ""):
        _check_decided(_text("decided", decided))
    return Reading(gates, tuple(clauses), decided)


def _group(group: object, quantities: dict) -> list[Clause]:
    """Clauses of one kind, with what they have in common."""
    group = _mapping("a group of clauses", group)
    kinds = [kind for kind in _OPTIONS if kind in group]
    if len(kinds) != 1:
        raise ValueError(f"clauses must be of one kind of {[*_OPTIONS]}, got {group}")
    (kind,) = kinds
    needed, accepted = _OPTIONS[kind]
    _check_names(kind, group, {kind} | needed, accepted)
    options = {key: value for key, value in group.items() if key != kind}
    if "delta" in options:
        check_positive("delta", options["delta"])
    if "limit" in options:
        check_share("limit", options["limit"])
    if "seeds" in options:
        check_integer("seeds", options["seeds"], at_least=LEAST_SEEDS)
    computed = {"runs"} if isinstance(options.get("runs"), str) else set()
    for key in {"cases", "grid", "runs"} & set(options) - computed:
        check_integer(key, options[key])
    for key in {"reason", "how"} & set(options):
        _text(key, options[key])
    check_choice("unit", options.get("unit", ""), UNITS)
    if "possible" in options:
        _check_possible(options["possible"])
    for key in computed | ({"trained"} & set(options)):
        _check_expression(key, options[key], quantities)
    clauses = _mapping(kind, group[kind])
    for name, of in clauses.items():
        if kind in COMPARED:
            _check_comparison(f"{kind} {name!r}", of, quantities)
        elif kind == "opinion":
            _text(f"opinion {name!r}", of)
        else:
            _check_expression(f"{kind} {name!r}", of, quantities)
    return [Clause(name, kind, of, options) for name, of in clauses.items()]


def _check_decided(text: str) -> None:
    if not text.startswith(tuple(DECIDED)):
        raise ValueError(
            "decided must begin with 'before', 'post hoc' or 'rule changed', got "
            f"{text!r}"
        )


def when_fixed(decided: str) -> str:
    """When a rule was fixed: a value of :data:`DECIDED`, or empty if nobody says."""
    return next((DECIDED[w] for w in DECIDED if decided.startswith(w)), "")


def _check_possible(ends: object) -> None:
    if not isinstance(ends, list) or len(ends) != 2:
        raise ValueError(f"possible must be a list of two numbers, got {ends!r}")
    low, high = (check_number("possible", end) for end in ends)
    if not low < high:
        raise ValueError(f"possible must rise, got {ends}")


def _check_names(what: str, found: dict, need: set, may: set | None = None) -> None:
    missing, unknown = need - set(found), set(found) - need - (may or set())
    if missing or unknown:
        got = sorted(map(str, found))
        also = f" and may have {sorted(may)}" if may else ""
        raise ValueError(f"{what} must have {sorted(need)}{also}, got {got}")


def _check_design(design: str) -> None:
    found = _DESIGN.fullmatch(design)
    if design != EVERY_CASE and (not found or int(found[1]) < LEAST_SEEDS):
        raise ValueError(
            f"design must be 'N seeds, paired' or 'N seeds, one arm' with N of "
            f"{LEAST_SEEDS} or more, or {EVERY_CASE!r}, got {design!r}"
        )


def _quantities(found: object) -> dict:
    """By name what selects numbers; a metric alone may stand as a word."""
    named = _mapping("quantities", found)
    given = {
        name: {"metric": axes} if isinstance(axes, str) else axes
        for name, axes in named.items()
    }
    for name, axes in given.items():
        if not isinstance(axes, dict) or not {"metric", "derived"} & set(axes):
            raise ValueError(f"quantity {name!r} must have a metric, got {axes!r}")
        for key in {"apart", "sparse"} & set(axes):
            check_flag(key, axes[key])
    return given


def _checked(check: Callable[[str], set], what: str, text: str) -> set[str]:
    try:
        return check(text)
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from None


def _check_comparison(what: str, text: str, quantities: dict) -> None:
    expression_, _, _ = _checked(expression.split_comparison, what, text)
    _check_expression(what, expression_, quantities)


def _check_expression(what: str, text: str, quantities: dict) -> None:
    unknown = _checked(expression.names, what, text) - set(quantities)
    if unknown:
        raise ValueError(
            f"{what} speaks of {', '.join(sorted(unknown))}, which is no quantity"
        )


def _mapping(what: str, value: object) -> dict:
    if not isinstance(value, dict):
        raise ValueError(f"{what} must have names, got {value!r}")
    # YAML takes yes and on for true, and 0x1 for 1.
    if odd := [name for name in value if not isinstance(name, str)]:
        raise ValueError(f"{what} must have names that are texts, got {odd}")
    return value


def _text(what: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{what} must be a text that is not empty, got {value!r}")
    return value.strip()
