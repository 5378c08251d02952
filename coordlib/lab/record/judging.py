"""From a claim and the measurements that answer it to an entry of the ledger."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from string import Formatter

import numpy as np

from coordlib.arguments import check_instance
from coordlib.lab.record import derived, expression, verdicts
from coordlib.lab.record.claims import (
    NOT_MEASURED,
    Claim,
    Clause,
    Reading,
    when_fixed,
)
from coordlib.lab.record.result import Result, Row
from coordlib.lab.record.results import Where
from coordlib.lab.record.verdicts import LEAST_SEEDS, UNDECIDED, Verdict

Numbers = dict[str, np.ndarray]
SELECTING = ("experiment", "apart", "by", "sparse")
"""What a quantity says beside its metric and axes."""


@dataclass(frozen=True)
class Judged:
    """What became of one reading of a claim.

    Attributes
    ----------
    verdict : str
    because : str
        The clause that decides, or the gate that failed, with the reason.
    clauses : dict of str to Verdict
    decisive : str
        The name of the clause that decides; empty if a gate does.
    """

    verdict: str
    because: str = ""
    clauses: dict[str, Verdict] = field(default_factory=dict)
    decisive: str = ""


@dataclass(frozen=True)
class Entry:
    """A claim with its verdict and the measurement that led to it.

    Attributes
    ----------
    claim : Claim
    judged : Judged
        As the source states the claim.
    also : dict of str to Judged
        Other readings of it.
    figure : str
        Of the source's figure: *met*, *not met* or *too few seeds*; empty where there
        is none to judge.
    measured : str
    seeds : int
    preset : str
    date : str
        Of the last measurement.
    seconds : float
        What a seed takes, as it was measured.
    preferred : Claim or None
        The same claim with evidence that would count in place of this, and is not
        measured yet.
    """

    claim: Claim
    judged: Judged
    also: dict[str, Judged] = field(default_factory=dict)
    figure: str = ""
    measured: str = ""
    seeds: int = 0
    preset: str = ""
    date: str = ""
    seconds: float = 0.0
    preferred: Claim | None = None

    @property
    def verdict(self) -> str:
        """One of ``VERDICTS``."""
        return self.judged.verdict

    @property
    def because(self) -> str:
        """The clause that decides, or the gate that failed."""
        return self.judged.because

    @property
    def fixed(self) -> str:
        """When the rule was fixed: a value of ``DECIDED``, or empty if nobody says."""
        return when_fixed(self.claim.decided)

    @property
    def differing(self) -> dict[str, Judged]:
        """The other readings whose verdict is another."""
        return {
            name: judged
            for name, judged in self.also.items()
            if judged.verdict != self.verdict
        }

    @property
    def needed(self) -> int | None:
        """Of what is undecided: the seeds that show an effect as small as delta.

        Of an equivalence those that show that there is none as large.
        None if the verdict is another, if more seeds do not decide, or if there are
        as many: then a narrower interval is needed.
        """
        needed = self._most_needed
        return needed if needed and needed > self.seeds else None

    @property
    def _most_needed(self) -> int | None:
        if self.verdict != UNDECIDED:
            return None
        seeds = [
            found.needed
            for found in self.judged.clauses.values()
            if found.verdict == UNDECIDED
        ]
        return None if None in seeds else max([self.claim.seeds, *seeds])

    @property
    def next(self) -> int | None:
        """The seeds to measure next: those of the design, or else :attr:`needed`.

        As many again as there are, if those that show delta are there.
        """
        if self.needed is None:
            return 2 * self.seeds if self._most_needed else None
        return self.claim.seeds if self.seeds < self.claim.seeds else self.needed

    def hours(self, seeds: int) -> float:
        """What so many seeds in all take, less those there are, on the same machine."""
        return max(0, seeds - self.seeds) * self.seconds / 3600

    @property
    def command(self) -> str:
        """What measures :attr:`next` seeds, or else what the row waits for, if any."""
        if self.next is not None:
            return _commands(self.claim.paired, self.preset, self.next)
        if self.verdict not in (UNDECIDED, verdicts.NOT_TESTED) or not self.preferred:
            return ""
        waited = self.preferred
        return _commands(waited.paired, waited.preset, waited.seeds)


def _commands(names: list[str], preset: str, seeds: int) -> str:
    return "\n".join(
        f"python -m coordlib run {name} --preset {preset} --seeds {seeds}"
        for name in names
    )


def decide(claim: Claim, measured: Mapping[str, Result], where: Where = None) -> Entry:
    """Turn a claim and the measurements that answer it into an entry of the ledger.

    Parameters
    ----------
    claim : Claim
    measured : mapping of str to Result
        By the name of the experiment.
    where : str or Path, optional
        The folder of results, for what is worked out of stored arrays.

    Raises
    ------
    KeyError
        If the claim speaks of numbers that a result does not hold, but for those of
        seeds that diverged.
    """
    check_instance("claim", claim, Claim, "a Claim")
    check_instance("measured", measured, Mapping, "results by their names")
    for result in measured.values():
        check_instance("measured", result, Result, "results by their names")
    if claim.reading is None:
        return Entry(claim, Judged(verdicts.NOT_TESTED, "nothing answers it yet"))
    if claim.otherwise and not _is_measured(claim, measured):
        return replace(decide(claim.otherwise, measured, where), preferred=claim)
    missing = [
        name
        for name in claim.experiments
        if not measured.get(name) or not measured[name].seeds
    ]
    if missing:
        why = f"no result of {', '.join(missing)}"
        return Entry(claim, Judged(verdicts.NOT_TESTED, why))
    quick = [name for name in claim.experiments if measured[name].preset == "quick"]
    if quick:
        why = f"no result of {', '.join(quick)} but a quick one, which shows nothing"
        return Entry(claim, Judged(verdicts.NOT_TESTED, why))
    if not _common_seeds(claim, measured):
        return Entry(claim, Judged(verdicts.NOT_TESTED, _no_seed(claim, measured)))
    numbers = _numbers(claim, measured, where)
    result = measured[claim.experiment]
    judged, figure = _judge(claim.reading, claim, numbers), ""
    if claim.claimed and judged.verdict != verdicts.NOT_TESTED:
        values = expression.value(claim.claimed["of"], numbers)
        if np.isfinite(values).all():
            figure = verdicts.figure(values, claim.claimed["figure"])
    runs = [
        run for name in claim.experiments for run in measured[name].provenance.values()
    ]
    return Entry(
        claim,
        judged,
        {name: _judge(reading, claim, numbers) for name, reading in claim.also.items()},
        figure,
        _filled(claim.measured, numbers),
        len(_common_seeds(claim, measured)),
        result.preset,
        max((run["date"] for run in runs), default=""),
        sum(_seconds(measured[name]) for name in claim.paired),
    )


def asked_of(claim: Claim, experiment: str) -> list[Row]:
    """What tells the rows of an experiment that a claim cannot do without."""
    return [
        _axes(selected)
        for selected in claim.quantities.values()
        if selected.get("experiment", claim.experiment) == experiment
        and not {"derived", "sparse"} & selected.keys()
    ]


def _axes(selected: dict) -> Row:
    return {name: v for name, v in selected.items() if name not in SELECTING}


def _is_measured(claim: Claim, measured: Mapping[str, Result]) -> bool:
    """Whether evidence is there that can stand in place of another."""
    there = [measured.get(name) for name in claim.experiments]
    return all(
        result and result.preset != "quick" and len(result.seeds) >= LEAST_SEEDS
        for result in there
    )


def _judge(reading: Reading, claim: Claim, numbers: Numbers) -> Judged:
    clauses = {c.name: _judged_clause(c, claim, numbers) for c in reading.clauses}
    if gate := _closed_gate(reading, numbers):
        # What was measured is still shown, but nothing is judged by it.
        closed = {
            name: replace(found, verdict=verdicts.NOT_TESTED, because="", needed=None)
            for name, found in clauses.items()
        }
        return Judged(verdicts.NOT_TESTED, f"gate: {gate}", closed)
    verdict, name = verdicts.together(clauses)
    because = clauses[name].because
    if verdict == verdicts.HOLDS:
        because = "; ".join(dict.fromkeys(found.because for found in clauses.values()))
    elif len(clauses) > 1:
        because = f"{name}: {because}"
    return Judged(verdict, because, clauses, name)


def _closed_gate(reading: Reading, numbers: Numbers) -> str:
    """The first gate that does not hold, and why; empty if all hold."""
    for gate, condition in reading.gates.items():
        if condition == NOT_MEASURED:
            return f"{gate} ({NOT_MEASURED})"
        if not np.all(_of_the_mean(condition, numbers)):
            return f"{gate} ({_asked(condition, numbers)})"
    return ""


def _asked(condition: str, numbers: Numbers) -> str:
    """What a comparison asks, and the mean over the seeds, or one that fails alone."""
    left, sign, number = expression.split_comparison(condition)
    values = np.atleast_1d(expression.value(left, numbers))
    failed = values[~np.atleast_1d(expression.holds(condition, numbers))]
    found = float(np.mean(values))
    if len(failed) and expression.holds(f"x {sign} {number}", {"x": np.array(found)}):
        found = float(failed[0])
    told = expression.told_apart(condition, found)
    return f"asked: {expression.SIGNS[sign]} {number:g}; found: {told}"


def _judged_clause(clause: Clause, claim: Claim, numbers: Numbers) -> Verdict:
    options = clause.options
    if clause.kind == "opinion":
        return verdicts.opinion(clause.of)
    if clause.kind == "exact":
        holds = bool(np.all(expression.holds(clause.of, numbers)))
        return verdicts.exact({_asked(clause.of, numbers): holds}, **options)
    seeds = options.get("seeds", claim.seeds)
    if clause.kind in ("always", "some"):
        judge = verdicts.always if clause.kind == "always" else verdicts.some
        return judge(expression.holds(clause.of, numbers), seeds=seeds)
    values = expression.value(clause.of, numbers)
    trained = expression.value(options.get("trained", "0"), numbers)
    if not np.isfinite(values).all() or not np.isfinite(trained).all():
        return verdicts.untested("every seed gave a number")
    match clause.kind:
        case "games":
            gains = {str(k): game for k, game in enumerate(values)}
            return verdicts.games(gains, options["delta"], seeds=seeds)
        case "bound":
            given = {key: options[key] for key in ("cases", "runs", "grid")}
            if isinstance(given["runs"], str):
                given["runs"] = int(expression.value(given["runs"], numbers).min())
            given["trained"] = np.atleast_1d(trained)
            return verdicts.bound(values, options["limit"], seeds=seeds, **given)
    judge = {
        "difference": verdicts.difference,
        "equivalence": verdicts.equivalence,
        "noninferiority": verdicts.noninferiority,
    }[clause.kind]
    possible = options.get("possible")
    ends = tuple(possible) if possible else None
    unit = options.get("unit", "")
    return judge(values, options["delta"], seeds=seeds, possible=ends, unit=unit)


def _of_the_mean(condition: str, numbers: Numbers) -> np.ndarray:
    """Whether a comparison holds of the mean over the seeds."""
    left, sign, number = expression.split_comparison(condition)
    found = {"found": np.atleast_1d(np.mean(expression.value(left, numbers)))}
    return expression.holds(f"found {sign} {number!r}", found)


def _common_seeds(claim: Claim, measured: Mapping[str, Result]) -> list[int]:
    """The seeds that all experiments of a claim have whose seeds belong together.

    Of a quantity that is ``sparse`` a seed may have none, and is left out.
    """
    have = [set(measured[name].seeds) for name in claim.paired]
    have += _seeds_of_sparse(claim, measured).values()
    return sorted(set.intersection(*have))


def _seeds_of_sparse(
    claim: Claim, measured: Mapping[str, Result]
) -> dict[str, set[int]]:
    """By name of what is ``sparse`` the seeds that have it."""
    found = {}
    for name, selected in claim.quantities.items():
        if selected.get("sparse"):
            result = measured[selected.get("experiment", claim.experiment)]
            rows = result.select(**_axes(selected))
            found[name] = {row["seed"] for row in rows}
    return found


def _no_seed(claim: Claim, measured: Mapping[str, Result]) -> str:
    """Why no seed has everything that a claim speaks of."""
    none = [
        name for name, seeds in _seeds_of_sparse(claim, measured).items() if not seeds
    ]
    return f"no seed has {', '.join(none) or 'all that it speaks of'}"


def _numbers(claim: Claim, measured: Mapping[str, Result], where: Where) -> Numbers:
    """By name the numbers that a claim speaks of, one a seed along the last axis."""
    common = _common_seeds(claim, measured)
    found = {}
    for name, selected in claim.quantities.items():
        axes = dict(selected)
        result = measured[axes.pop("experiment", claim.experiment)]
        if "derived" in axes:
            work_out = derived.DERIVED[axes.pop("derived")]
            found[name] = work_out(where, result.experiment, result.preset, **axes)
            continue
        seeds = result.seeds if axes.pop("apart", False) else common
        kept = np.isin(result.seeds, seeds)
        if axes.pop("sparse", False):
            rows = {row["seed"]: row["value"] for row in result.select(**axes)}
            found[name] = np.array([rows[seed] for seed in common], dtype=float)
            continue
        if by := axes.pop("by", None):
            several = sorted({row[by] for row in result.rows if by in row})
            each = [_values(result, axes | {by: value}) for value in several]
            found[name] = np.array(each)[:, kept]
        else:
            found[name] = _values(result, axes)[kept]
    return found


def _values(result: Result, axes: Row) -> np.ndarray:
    """One number a seed: NaN of one that lacks it because a network diverged."""
    rows = result.select(**axes)
    lacking = set(result.seeds) - {row["seed"] for row in rows}
    if lacking <= {row["seed"] for row in result.select(metric="diverged")}:
        like = rows[0] if rows else axes
        rows = [like | {"seed": seed, "value": math.nan} for seed in lacking]
        result = replace(result, rows=result.rows + rows)
    return result.values(**axes)


def _filled(text: str, numbers: Numbers) -> str:
    """A text with its numbers: of the mean over the seeds."""
    names = {name for _, name, _, _ in Formatter().parse(text) if name}
    return text.format(
        **{name: float(np.mean(expression.value(name, numbers))) for name in names}
    )


def _seconds(result: Result) -> float:
    """What a seed of an experiment took."""
    took = [run.get("seconds") or 0.0 for run in result.provenance.values()]
    return math.fsum(took) / len(took) if took else 0.0
