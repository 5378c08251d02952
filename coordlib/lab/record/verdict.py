"""A verdict: its word, the clause that decided, and the numbers behind it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from coordlib.arguments import check_choice, check_instance

SUPPORTED = "supported"
DIRECTION_ONLY = "direction only"
TOO_SMALL = "direction holds, too small to matter"
UNDECIDED = "undecided"
WRONG_DIRECTION = "contradicted (direction)"
WRONG_SIZE = "contradicted (size)"
CONTRADICTED = "contradicted"
NOT_EXCEEDED = "not exceeded"
HOLDS = "holds"
FAILS = "fails"
NOT_TESTED = "not tested"
OPINION = "opinion"

VERDICTS = (
    *(HOLDS, SUPPORTED, DIRECTION_ONLY, TOO_SMALL, NOT_EXCEEDED, UNDECIDED),
    *(CONTRADICTED, WRONG_SIZE, WRONG_DIRECTION, FAILS, NOT_TESTED, OPINION),
)
"""All of them, from what speaks for a claim to what does not speak."""

UNITS = {"": 1, "points": 100, "%": 100, "px": 1, "dB": 1}
"""In what a clause may show its numbers, and what of it is one of theirs."""

COMPUTED = "computed exactly"
"""Why a claim holds where its rule does not say so in words of its own."""

# A claim of several clauses has the first of these verdicts that one of them has.
_WEAKEST = (
    *(NOT_TESTED, FAILS, WRONG_DIRECTION, WRONG_SIZE, CONTRADICTED, UNDECIDED),
    *(TOO_SMALL, DIRECTION_ONLY, NOT_EXCEEDED, SUPPORTED, HOLDS, OPINION),
)


@dataclass(frozen=True)
class Verdict:
    """What the numbers say, and by which clause.

    Attributes
    ----------
    verdict : str
        One of :data:`VERDICTS`.
    because : str
        The clause or the gate that decided, in words.
    points : tuple of float
        The numbers, one a seed.
    estimate : float or None
        Their mean.
    interval : tuple of two floats, or None
        95 % of the mean. None with fewer than five seeds, or if it would leave the
        range of what is possible: the points say it then.
    delta : float or None
        The smallest effect that matters.
    inner : tuple of two floats, or None
        Of an equivalence: the 90 % that has to lie within ``delta``.
    detectable : float or None
        Of what is undecided: the smallest effect that so many seeds could have shown,
        four times in five; of an equivalence the smallest δ within which they show it.
    needed : int or None
        Of what is undecided: the seeds with which ``delta`` would be shown, or that
        the design names. None where more seeds do not decide.
    margin : float
        How far it clears what *supported* asks, in ``delta`` or as a share of seeds.
    """

    verdict: str
    because: str = ""
    points: tuple[float, ...] = ()
    estimate: float | None = None
    interval: tuple[float, float] | None = None
    delta: float | None = None
    inner: tuple[float, float] | None = None
    detectable: float | None = None
    needed: int | None = None
    margin: float = math.inf


def amount(value: float, unit: str, form: str = "g") -> str:
    """A number in one of :data:`UNITS`: a share of .01 is 1 point."""
    check_choice("unit", unit, UNITS)
    number = f"{UNITS[unit] * value + 0.0:{form}}"  # no minus before a zero
    if unit == "points" and number.removeprefix("-") == "1":
        unit = "point"
    return f"{number} {unit}".rstrip()


def untested(gate: str) -> Verdict:
    """The verdict where a gate failed."""
    return Verdict(NOT_TESTED, f"gate: {gate}")


def opinion(why: str = "nothing that can be measured is claimed") -> Verdict:
    """The verdict on what nobody can measure."""
    return Verdict(OPINION, why)


def exact(cases: Mapping[str, bool], how: str = COMPUTED) -> Verdict:
    """Whether each of some cases holds, without any chance in it.

    Parameters
    ----------
    cases : mapping of str to bool
        By what is said of one that fails, whether it holds.
    how : str
        Why nothing is left to chance, in words: what was tried, or counted.
    """
    check_instance("cases", cases, Mapping, "the cases, each with whether it holds")
    check_instance("how", how, str, "words")
    if failed := [name for name, holds in cases.items() if not holds]:
        return Verdict(FAILS, "; ".join(failed))
    return Verdict(HOLDS, how)


def together(verdicts: Mapping[str, Verdict]) -> tuple[str, str]:
    """The verdict on a claim of several clauses, and the clause that decides it.

    The weakest: contradicted if a clause is, otherwise undecided if one is, and
    supported only if all are. Of several, the one with the least margin.
    """
    check_instance("verdicts", verdicts, Mapping, "verdicts by clause")
    if not verdicts or not all(isinstance(v, Verdict) for v in verdicts.values()):
        raise TypeError(f"verdicts must hold a Verdict for each clause, got {verdicts}")
    rank = {n: (_WEAKEST.index(v.verdict), v.margin) for n, v in verdicts.items()}
    name = min(rank, key=rank.get)
    return verdicts[name].verdict, name
